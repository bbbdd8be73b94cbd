"""DuckDB reads our lake, and we read DuckDB's: the format is a contract in both directions."""

import datetime
import decimal
import glob
import os
import uuid

import duckdb
import duckdb_extension_ducklake
import duckdb_extension_sqlite_scanner
import psycopg2
import pytest

from server import Server


def extension(module, name):
    """Returns the path of an extension that a Python package ships."""
    folder = os.path.dirname(module.__file__)
    return glob.glob(f"{folder}/**/{name}.duckdb_extension", recursive=True)[0]


def attached(catalog, data=None, read_only=True, prepare=()):
    """Opens DuckDB with a lake attached as `lake`; `prepare`: what it must know before."""
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{extension(duckdb_extension_sqlite_scanner, 'sqlite_scanner')}'")
    connection.execute(f"LOAD '{extension(duckdb_extension_ducklake, 'ducklake')}'")
    for sql in prepare:
        connection.execute(sql)
    options = ([f"DATA_PATH '{data}'"] if data else []) + (["READ_ONLY"] if read_only else [])
    options = f"({', '.join(options)})" if options else ""
    connection.execute(f"ATTACH 'ducklake:sqlite:{catalog}' AS lake {options}")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@pytest.fixture
def own_server(tmp_path):
    """A server whose lake no other test touches."""
    server = Server(tmp_path / "gotgan").start()
    yield server
    server.stop()
    assert server.bad_log_lines() == []


def rows(server, sql):
    """Runs SQL over psycopg2 and returns its rows."""
    connection = psycopg2.connect(**server.arguments, dbname="gotgan")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(sql)
        result = cursor.fetchall() if cursor.description else None
    connection.close()
    return result


def test_duckdb_sees_our_rows(own_server):
    """Goal: every stored type reads the same. Method: one table, from a data file and inlined."""
    values = (
        "1::smallint AS i2, 2::int AS i4, 3::bigint AS i8, 1.5::real AS f4, 2.5::double precision AS f8, true AS b, "
        "12.34::numeric(10,2) AS n, 1234567890123456789012.5::numeric(30,5) AS big, '곳간'::text AS t, 'ab'::varchar(5) AS v, "
        "'\\x00ff'::bytea AS y, date '2026-11-20' AS d, time '09:15:30.5' AS tm, timestamp '2026-11-20 09:15:30.123456' AS ts, "
        "timestamptz '2026-11-20 09:15+09' AS tz, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS u, ARRAY[1, NULL, 3] AS a, "
        "ARRAY['x', 'y'] AS s, NULL::int AS nothing"
    )
    rows(own_server, f"CREATE TABLE filed AS SELECT n AS row, {values} FROM generate_series(1, 5000) AS n")
    rows(own_server, f"CREATE TABLE inlined AS SELECT 1 AS row, {values}")
    expected = (
        2, 3, 1.5, 2.5, True, decimal.Decimal("12.34"), decimal.Decimal("1234567890123456789012.50000"), "곳간", "ab", b"\x00\xff",
        datetime.date(2026, 11, 20), datetime.time(9, 15, 30, 500000), datetime.datetime(2026, 11, 20, 9, 15, 30, 123456),
        datetime.datetime(2026, 11, 20, 0, 15), uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), [1, None, 3], ["x", "y"], None,
    )  # fmt: skip
    columns = "i4, i8, f4, f8, b, n, big, t, v, y, d, tm, ts, tz::timestamp, u, a, s, nothing"
    with attached(own_server.data_dir / "catalog.sqlite") as lake:
        for table, count in [("filed", 5000), ("inlined", 1)]:
            found = lake.execute(f"SELECT {columns} FROM lake.public.{table} WHERE row = 1").fetchall()
            assert found == [expected], table
            assert lake.execute(f"SELECT count(*), sum(row) FROM lake.public.{table}").fetchone() == (count, count * (count + 1) // 2)


def test_duckdb_sees_our_types_comments_and_views(own_server):
    """Goal: metadata. Method: DuckDB's own catalog functions over the attached lake."""
    rows(
        own_server,
        "CREATE SCHEMA shop; CREATE TABLE shop.item (id int NOT NULL, name varchar(9), price numeric(8,2), at timestamptz, tags text[]);"
        "COMMENT ON TABLE shop.item IS 'what we sell'; COMMENT ON COLUMN shop.item.price IS 'in euros';"
        "CREATE VIEW shop.cheap AS SELECT id, name FROM shop.item WHERE price < 10;"
        "INSERT INTO shop.item VALUES (1, 'tea', 2.5, now(), '{a}'), (2, 'gold', 99, now(), NULL)",
    )
    with attached(own_server.data_dir / "catalog.sqlite") as lake:
        described = lake.execute("SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = 'item' AND database_name = 'lake'")
        assert described.fetchall() == [
            ("id", "INTEGER", None), ("name", "VARCHAR", None), ("price", "DECIMAL(8,2)", "in euros"),
            ("at", "TIMESTAMP WITH TIME ZONE", None), ("tags", "VARCHAR[]", None),
        ]  # fmt: skip
        assert lake.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 'item'").fetchone() == ("what we sell",)
        assert lake.execute("SELECT * FROM lake.shop.cheap").fetchall() == [(1, "tea")]
        assert lake.execute("SELECT count(*) FROM lake.snapshots()").fetchone()[0] > 1


def test_duckdb_prunes_with_our_statistics(own_server):
    """Goal: our statistics are right for DuckDB's pruning too. Method: filters at the edges of sorted files."""
    rows(own_server, "CREATE TABLE t (n int8, s text, d date, x numeric(9,3))")
    for start in (0, 10_000, 20_000):
        rows(
            own_server,
            "INSERT INTO t SELECT n, 'k' || lpad(n::text, 6, '0'), date '2026-01-01' + (n % 365)::int, n / 8.0 "
            f"FROM generate_series({start}, {start + 9999}) AS n",
        )
    with attached(own_server.data_dir / "catalog.sqlite") as lake:
        for condition in [
            "n = 10000", "n = 19999", "n > 29998", "n < 1", "s = 'k020000'", "s > 'k029998'", "x = 1250.000", "x < 0.125",
            "n BETWEEN 9999 AND 10000", "d = '2026-01-01'", "n IS NULL", "s LIKE 'k00000%'",
        ]:  # fmt: skip
            sql = f"SELECT count(*), min(n) FROM lake.public.t WHERE {condition}"
            assert lake.execute(sql).fetchall() == rows(own_server, sql.replace("lake.public.", "")), condition


def made_by_duckdb(tmp_path):
    """Makes a lake with DuckDB that holds much of what DuckDB can write."""
    folder = tmp_path / "gotgan" / "data"
    os.makedirs(folder / "data")
    lake = attached(folder / "catalog.sqlite", data=f"{folder}/data/", read_only=False)
    lake.execute("USE lake")
    lake.execute(
        "CREATE TABLE types AS SELECT n::INTEGER AS id, n::TINYINT AS i1, n::USMALLINT AS u2, n::UINTEGER AS u4, (n * 1000)::BIGINT AS i8, "
        "n / 4 AS f8, (n / 4)::DECIMAL(9,3) AS n, 'name ' || n AS t, n % 2 = 0 AS b, DATE '2026-01-01' + n::INTEGER AS d, "
        "TIMESTAMP '2026-01-01 00:00:00.5' + to_seconds(n) AS ts, TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(n) AS tz, "
        "TIME '01:02:03' AS tm, [n::INTEGER, NULL] AS l, 'ab'::BLOB AS y, uuid() AS u, CASE WHEN n % 3 = 0 THEN n END AS gaps "
        "FROM range(100) AS r(n)"
    )
    lake.execute("CREATE TABLE changed AS SELECT n::INTEGER AS a, n::INTEGER AS b, 'x' || n AS c FROM range(1000) AS r(n)")
    lake.execute("DELETE FROM changed WHERE a % 10 = 3")
    lake.execute("ALTER TABLE changed RENAME COLUMN b TO bee")
    lake.execute("ALTER TABLE changed DROP COLUMN c")
    lake.execute("ALTER TABLE changed ADD COLUMN later INTEGER DEFAULT 7")
    lake.execute("INSERT INTO changed VALUES (5000, 1, 2)")
    lake.execute("UPDATE changed SET bee = -1 WHERE a = 10")
    lake.execute("DELETE FROM changed WHERE a % 10 = 4")
    lake.execute("ALTER TABLE changed ALTER a TYPE BIGINT")
    lake.execute("CALL lake.set_option('data_inlining_row_limit', 20)")
    lake.execute("CREATE TABLE small (a INTEGER, s VARCHAR)")
    lake.execute("INSERT INTO small VALUES (1, 'one'), (2, NULL), (3, 'three')")
    lake.execute("DELETE FROM small WHERE a = 2")
    lake.execute("CREATE SCHEMA other")
    lake.execute("CREATE TABLE other.empty (a INTEGER, s VARCHAR)")
    lake.execute("COMMENT ON TABLE other.empty IS 'nothing yet'")
    lake.execute("COMMENT ON COLUMN other.empty.s IS 'a text'")
    lake.execute("CREATE VIEW seen AS SELECT id, t FROM types WHERE id < 3")
    return lake


QUERIES = [
    "SELECT count(*), sum(id), sum(i1), sum(u2), sum(u4), sum(i8), sum(n), count(gaps), min(d), max(ts), min(t), max(t) FROM types",
    "SELECT id, i1, u2, u4, i8, f8, n, t, b, d, ts, tm, l, y, gaps FROM types WHERE id IN (0, 3, 99) ORDER BY id",
    "SELECT count(*), count(DISTINCT u) FROM types WHERE b",
    "SELECT count(*), sum(a), sum(bee), sum(later) FROM changed",
    "SELECT a, bee, later FROM changed WHERE a BETWEEN 1 AND 15 OR a = 5000 ORDER BY a",
    "SELECT a, s FROM small ORDER BY a",
    "SELECT count(*) FROM other.empty",
]


def test_we_read_duckdbs_lake(tmp_path, expected_log):
    """Goal: a lake made by DuckDB reads the same here. Method: the same queries on both."""
    lake = made_by_duckdb(tmp_path)
    expected = [lake.execute(query).fetchall() for query in QUERIES]
    lake.close()
    server = Server(tmp_path / "gotgan").start()
    try:
        for query, wanted in zip(QUERIES, expected):
            got = rows(server, "SET search_path = main; " + query)
            plain = [tuple(bytes(cell) if isinstance(cell, memoryview) else cell for cell in row) for row in got]
            assert plain == wanted, query
        assert rows(server, "SELECT obj_description('other.empty'::regclass), col_description('other.empty'::regclass, 2)") == [
            ("nothing yet", "a text")
        ]
        assert rows(server, "SELECT id, t FROM main.seen ORDER BY id") == [(0, "name 0"), (1, "name 1"), (2, "name 2")]
        rows(server, "INSERT INTO other.empty VALUES (1, 'written by us')")
    finally:
        server.stop()
    with attached(server.data_dir / "catalog.sqlite") as lake:
        assert lake.execute("SELECT a, s FROM lake.other.empty").fetchall() == [(1, "written by us")]
        for query, wanted in zip(QUERIES[:6], expected):
            assert lake.execute("USE lake") and lake.execute(query).fetchall() == wanted
