"""Sort keys: DuckDB sees them, files follow them, and scans gain from them."""

import contextlib
import re
import sqlite3

import psycopg2
import pytest

from server import Server
from test_duckdb import attached, own_server, rows  # noqa: F401


def scan_of(server, sql):
    """Returns how many row groups there are and how many of them a query had to read."""
    plan = "\n".join(line for (line,) in rows(server, f"EXPLAIN ANALYZE {sql}"))
    total, matched = re.search(r"row_groups_pruned_statistics=(\d+) total → (\d+) matched", plan).groups()
    files, of_files = re.search(r"files=(\d+)/(\d+)", plan).groups()
    return {"groups": int(total), "read": int(matched), "files": int(files), "of_files": int(of_files)}


def test_scans_of_a_sorted_table_pass_over_most_of_it(own_server):
    """Goal: a sort key prunes. Method: the same scattered rows with and without one, loaded by one
    statement; then by many, which VACUUM puts in order."""
    source = "SELECT n, DATE '2020-01-01' + (n::bigint * 7919 % 2000)::int AS day FROM generate_series(1, 600000) n"
    rows(own_server, f"CREATE TABLE plain AS {source}")
    rows(own_server, f"CREATE TABLE sorted SORTKEY (day) AS {source}")
    where = "WHERE day BETWEEN DATE '2022-01-01' AND DATE '2022-01-05'"
    answers = [rows(own_server, f"SELECT count(*), sum(n) FROM {table} {where}") for table in ("plain", "sorted")]
    assert answers[0] == answers[1]
    plain, ordered = (scan_of(own_server, f"SELECT sum(n) FROM {table} {where}") for table in ("plain", "sorted"))
    assert plain["read"] == plain["groups"] > 2
    assert ordered["read"] == 1 < ordered["groups"]

    rows(own_server, "CREATE TABLE parts (n int, day date) SORTKEY (day)")
    for part in range(3):
        rows(own_server, f"INSERT INTO parts SELECT * FROM plain WHERE n % 3 = {part}")
    before = scan_of(own_server, f"SELECT sum(n) FROM parts {where}")
    assert (before["files"], before["of_files"]) == (3, 3)
    rows(own_server, "VACUUM parts")
    after = scan_of(own_server, f"SELECT sum(n) FROM parts {where}")
    assert after["files"] == 1
    assert after["read"] < before["read"]
    assert rows(own_server, f"SELECT count(*), sum(n) FROM parts {where}") == answers[0]


def test_duckdb_sees_our_sort_keys(own_server):
    """Goal: the key is DuckLake's own. Method: keys made, renamed and removed here, read by DuckDB."""
    rows(own_server, 'CREATE TABLE item (id int, "the day" date, name text) SORTKEY ("the day", id)')
    rows(own_server, "INSERT INTO item SELECT n, DATE '2026-01-01' + n % 7, 'x' FROM generate_series(1, 2000) n")
    rows(own_server, "ALTER TABLE item RENAME COLUMN id TO number")
    rows(own_server, "CREATE TABLE other (a int, b int) SORTKEY (a)")
    rows(own_server, "ALTER TABLE other ALTER SORTKEY NONE")
    catalog = own_server.data_dir / "catalog.sqlite"
    with attached(catalog) as lake:
        days = lake.execute('SELECT "the day" FROM lake.public.item').fetchall()
        assert days == sorted(days)
    with contextlib.closing(sqlite3.connect(catalog)) as database:
        keys = database.execute(
            "SELECT expression, dialect, sort_direction, null_order FROM ducklake_sort_expression "
            "JOIN ducklake_sort_info USING (sort_id) WHERE end_snapshot IS NULL ORDER BY sort_key_index"
        )
        assert keys.fetchall() == [
            ('"the day"', "duckdb", "ASC", "NULLS_LAST"),
            ('"number"', "duckdb", "ASC", "NULLS_LAST"),
        ]


def test_a_lake_of_duckdbs_keeps_its_sort_keys_and_structs(tmp_path):
    """Goal: what DuckDB made is followed. Method: tables with a key of columns, one of an expression and
    a struct; rows inserted, changed and sorted here; DuckDB reads them again."""
    folder = tmp_path / "gotgan" / "data"
    (folder / "data").mkdir(parents=True)
    with attached(folder / "catalog.sqlite", data=f"{folder}/data/", read_only=False) as lake:
        lake.execute("CREATE TABLE lake.main.t (a INTEGER, s STRUCT(x INTEGER, y VARCHAR), b VARCHAR)")
        lake.execute("ALTER TABLE lake.main.t SET SORTED BY (b DESC NULLS FIRST, a ASC)")
        lake.execute("CREATE TABLE lake.main.e (a INTEGER, b VARCHAR)")
        lake.execute("ALTER TABLE lake.main.e SET SORTED BY (lower(b))")
    server = Server(tmp_path / "gotgan").start()
    rows(server, "INSERT INTO main.e SELECT n, 'v' FROM generate_series(1, 500) n")
    rows(server, "ALTER TABLE main.e RENAME COLUMN a TO c")
    for change in ["RENAME COLUMN b TO d", "DROP COLUMN b"]:
        with pytest.raises(psycopg2.errors.FeatureNotSupported):
            rows(server, f"ALTER TABLE main.e {change}")
    rows(server, "ALTER TABLE main.t RENAME COLUMN b TO label")
    rows(server, "INSERT INTO main.t (a, label) VALUES (0, 'few')")
    rows(server, "INSERT INTO main.t (a, label) SELECT n, 'v' || n % 5 FROM generate_series(1, 500) n")
    assert server.bad_log_lines() == []
    server.stop()
    with attached(folder / "catalog.sqlite") as lake:
        assert lake.execute("SELECT count(*), sum(c) FROM lake.main.e").fetchone() == (500, 125250)
        found = lake.execute("SELECT label, a, s FROM lake.main.t WHERE a > 0").fetchall()
        assert found == sorted(sorted(found, key=lambda row: row[1]), key=lambda row: row[0], reverse=True)
        assert len(found) == 500
        assert all(row[2] is None for row in found)
