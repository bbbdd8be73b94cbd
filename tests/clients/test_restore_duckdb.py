"""DuckDB reads restored tables and old snapshots of ours, and we restore tables that DuckDB made."""

import duckdb
import pytest
from test_duckdb import attached, own_server, rows  # noqa: F401

from server import Server


def versions(lake, table):
    """Numbers of the snapshots that show a table of schema public, as DuckDB knows them."""
    found = []
    for (number,) in lake.execute("SELECT snapshot_id FROM lake.snapshots() ORDER BY 1").fetchall():
        try:
            lake.execute(f"SELECT 1 FROM {table} AT (VERSION => {number}) LIMIT 1")
            found.append(number)
        except duckdb.CatalogException:
            continue
    return found


def compare(lake, table, restored):
    """Checks that each restored table holds what DuckDB reads of the snapshot that it is from."""
    for number, name in restored.items():
        then, now = f"{table} AT (VERSION => {number})", name
        for what in ["* ", "count(*), min(a), max(a), sum(a)"]:
            expected = lake.execute(f"SELECT {what} FROM {then} ORDER BY ALL").fetchall()
            assert lake.execute(f"SELECT {what} FROM {now} ORDER BY ALL").fetchall() == expected, (number, what)


def test_duckdb_reads_what_we_restored(own_server):  # noqa: F811
    """Goal: one truth. Method: a table with a long life, each of its snapshots restored by us and read by DuckDB at both places."""
    for sql in [
        "CREATE TABLE t (a int, b text)",
        "INSERT INTO t SELECT n, 'k' || n FROM generate_series(1, 1000) AS n",
        "DELETE FROM t WHERE a % 10 = 0",
        "INSERT INTO t VALUES (2001, 'few'), (2002, 'rows')",
        "ALTER TABLE t ADD COLUMN c int DEFAULT 7",
        "ALTER TABLE t DROP COLUMN b",
        "UPDATE t SET c = a WHERE a < 50 OR a = 2001",
        "ALTER TABLE t ADD COLUMN b int",
        "VACUUM t",
        "TRUNCATE t",
        "INSERT INTO t SELECT n, n, n FROM generate_series(1, 500) AS n",
    ]:
        rows(own_server, sql)
    catalog = own_server.data_dir / "catalog.sqlite"
    with attached(catalog) as lake:
        numbers = versions(lake, "lake.public.t")
    assert len(numbers) >= 10
    for number in numbers:
        rows(own_server, f"RESTORE TABLE t FROM SNAPSHOT {number} AS back_{number}")
    rows(own_server, "DROP TABLE t")
    rows(own_server, "UNDROP TABLE t AS undropped")
    with attached(catalog) as lake:
        compare(lake, "lake.public.t", {number: f"lake.public.back_{number}" for number in numbers})
        expected = lake.execute(f"SELECT * FROM lake.public.back_{numbers[-1]} ORDER BY ALL").fetchall()
        assert lake.execute("SELECT * FROM lake.public.undropped ORDER BY ALL").fetchall() == expected


@pytest.mark.parametrize("partitioned", [False, True])
def test_we_restore_what_duckdb_made(tmp_path, partitioned):
    """Goal: every snapshot of a foreign lake comes back. Method: DuckDB deletes, inlines, flushes and merges; each of its snapshots is
    restored here and read by DuckDB again."""
    folder = tmp_path / "gotgan" / "data"
    (folder / "data").mkdir(parents=True)
    catalog = folder / "catalog.sqlite"
    insert = "INSERT INTO lake.public.t SELECT i, 'k' || (i % 3), {{'x': i, 'y': 'v' || i}} FROM range({}, {}) AS r(i)"
    with attached(catalog, f"{folder}/data/", read_only=False) as lake:
        lake.execute("CREATE SCHEMA lake.public; CREATE TABLE lake.public.t (a int, b varchar, c struct(x int, y varchar))")
        if partitioned:
            lake.execute("ALTER TABLE lake.public.t SET PARTITIONED BY (b)")
        for sql in [
            insert.format(0, 100),
            insert.format(100, 200),
            "DELETE FROM lake.public.t WHERE a % 10 = 0",
            "DELETE FROM lake.public.t WHERE a < 60",
            insert.format(1000, 1005),
            "DELETE FROM lake.public.t WHERE a = 1001",
            "UPDATE lake.public.t SET b = 'new' WHERE a = 77",
            "CALL ducklake_flush_inlined_data('lake')",
            insert.format(2000, 2050),
            insert.format(2050, 2100),
            "CALL ducklake_merge_adjacent_files('lake')",
            "ALTER TABLE lake.public.t ADD COLUMN d int DEFAULT 42",
            "DELETE FROM lake.public.t WHERE a BETWEEN 2010 AND 2040",
            "INSERT INTO lake.public.t SELECT i, 'z', NULL, i FROM range(3000, 3003) AS r(i)",
        ]:
            lake.execute(sql)
        numbers = versions(lake, "lake.public.t")
    assert len(numbers) >= 14
    server = Server(tmp_path / "gotgan").start()
    for number in numbers:
        rows(server, f"RESTORE TABLE t FROM SNAPSHOT {number} AS back_{number}")
    server.stop()
    assert server.bad_log_lines() == []
    with attached(catalog) as lake:
        compare(lake, "lake.public.t", {number: f"lake.public.back_{number}" for number in numbers})
