"""DuckDB reads a lake of ours whose catalog is in PostgreSQL, and two primaries share one."""

import os
import uuid

import duckdb
import duckdb_extension_ducklake
import duckdb_extension_postgres_scanner
import psycopg2
import pytest

from server import Server
from test_duckdb import extension, rows


@pytest.fixture
def catalog():
    """Connection arguments of a PostgreSQL schema of the test's own, and its URL."""
    place = os.environ.get("GOTGAN_TEST_POSTGRES")
    if not place:
        pytest.skip("GOTGAN_TEST_POSTGRES is not set")
    schema = f"gotgan_test_{uuid.uuid4().hex}"
    user, host = place.split("@")
    address, database = host.split("/")
    host, port = address.split(":")
    arguments = {"host": host, "port": int(port), "user": user, "dbname": database}
    connection = psycopg2.connect(**arguments)
    connection.autocommit = True
    connection.cursor().execute(f"CREATE SCHEMA {schema}")
    yield {**arguments, "schema": schema, "url": f"postgres://{place}?options=-csearch_path%3D{schema}"}
    connection.cursor().execute(f"DROP SCHEMA {schema} CASCADE")
    connection.close()


@pytest.fixture
def primaries(tmp_path, catalog):
    """Two primaries on one lake."""
    data = tmp_path / "shared"
    data.mkdir()
    settings = {"storage.catalog_url": catalog["url"], "storage.data_url": f"file://{data}"}
    servers = [Server(tmp_path / name, settings=settings).start() for name in ["first", "second"]]
    yield servers
    for server in servers:
        server.stop()
        assert server.bad_log_lines() == []


def attached(catalog, options="READ_ONLY"):
    """Opens DuckDB with the lake attached as `lake`."""
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{extension(duckdb_extension_postgres_scanner, 'postgres_scanner')}'")
    connection.execute(f"LOAD '{extension(duckdb_extension_ducklake, 'ducklake')}'")
    place = "dbname={dbname} host={host} port={port} user={user}".format(**catalog)
    connection.execute(f"ATTACH 'ducklake:postgres:{place}' AS lake ({options}, METADATA_SCHEMA '{catalog['schema']}')")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def tables_of_inlined_rows(catalog):
    """Returns how many tables have rows in the catalog."""
    with psycopg2.connect(**{key: catalog[key] for key in ["host", "port", "user", "dbname"]}) as connection:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {catalog['schema']}.ducklake_inlined_data_tables")
            return cursor.fetchone()[0]


def test_duckdb_sees_our_rows(primaries, catalog):
    """Goal: every stored type reads the same. Method: one table, from a data file and inlined."""
    first, second = primaries
    values = (
        "1::smallint AS i2, 2::int AS i4, 3::bigint AS i8, 1.5::real AS f4, 2.5::double precision AS f8, true AS b, "
        "12.34::numeric(10,2) AS n, 1234567890123456789012.5::numeric(30,5) AS big, '곳간'::text AS t, 'ab'::varchar(5) AS v, "
        "'\\x00ff'::bytea AS y, date '2026-11-20' AS d, time '09:15:30.5' AS tm, timestamp '2026-11-20 09:15:30.123456' AS ts, "
        "timestamptz '2026-11-20 09:15+09' AS tz, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS u, NULL::int AS nothing"
    )
    rows(first, f"CREATE TABLE filed AS SELECT n AS row, {values} FROM generate_series(1, 5000) AS n")
    rows(second, "CREATE TABLE inlined AS SELECT * FROM filed WHERE false")
    rows(first, f"INSERT INTO inlined SELECT 1, {values}")
    columns = "row, i2, i4, i8, f4, f8, b, n, big, t, v, y, d, tm, ts, tz::timestamp, u, nothing"
    assert tables_of_inlined_rows(catalog) == 1
    with attached(catalog) as lake:
        filed = lake.execute(f"SELECT {columns} FROM lake.public.filed WHERE row = 1").fetchall()
        assert lake.execute(f"SELECT {columns} FROM lake.public.inlined").fetchall() == filed
        assert lake.execute("SELECT count(*), sum(row) FROM lake.public.filed").fetchone() == (5000, 12502500)
    ours = rows(second, f"SELECT {columns.replace('tz::timestamp', 'tz')} FROM inlined")
    assert ours == rows(first, f"SELECT {columns.replace('tz::timestamp', 'tz')} FROM filed WHERE row = 1")


def test_duckdb_follows_changes_of_both_primaries(primaries, catalog):
    """Goal: deletes, updates and new columns by either primary show in DuckDB at every snapshot."""
    first, second = primaries
    rows(first, "CREATE TABLE t (id int, name text)")
    rows(second, "INSERT INTO t SELECT n, 'row ' || n FROM generate_series(1, 1000) AS n")
    rows(first, "DELETE FROM t WHERE id % 10 = 0")
    rows(second, "ALTER TABLE t ADD COLUMN note text DEFAULT 'none'")
    rows(first, "INSERT INTO t VALUES (2000, 'late', NULL)")
    rows(second, "UPDATE t SET name = 'changed' WHERE id IN (1, 2000)")
    sql = "SELECT id, name, note FROM {} ORDER BY id"
    ours = rows(first, sql.format("t"))
    assert len(ours) == 901 and ours[-1] == (2000, "changed", None) and ours == rows(second, sql.format("t"))
    with attached(catalog) as lake:
        assert lake.execute(sql.format("lake.public.t")).fetchall() == ours
        snapshots = [row[0] for row in lake.execute("SELECT snapshot_id FROM ducklake_snapshots('lake') ORDER BY 1").fetchall()]
        counts = [lake.execute(f"SELECT count(*) FROM lake.public.t AT (VERSION => {s})").fetchone()[0] for s in snapshots[2:]]
        assert counts == [0, 1000, 900, 900, 901, 901]


def test_duckdb_cannot_write(primaries, catalog):
    """Goal: the guard refuses DuckDB's commits. Method: attach for writing and insert."""
    rows(primaries[0], "CREATE TABLE t (id int)")
    place = "dbname={dbname} host={host} port={port} user={user}".format(**catalog)
    with attached(catalog) as lake:
        lake.execute(f"ATTACH 'ducklake:postgres:{place}' AS writing (METADATA_SCHEMA '{catalog['schema']}')")
        with pytest.raises(duckdb.Error, match="only Gotgan writes this lake"):
            lake.execute("INSERT INTO writing.public.t VALUES (1)")
    assert rows(primaries[1], "SELECT count(*) FROM t") == [(0,)]


def test_a_lake_of_duckdb_opens_here(catalog, tmp_path):
    """Goal: files, inlined rows and deletes that DuckDB wrote read the same here. Method: adopt its lake."""
    data = tmp_path / "data"
    with attached(catalog, f"DATA_PATH '{data}/'") as lake:
        lake.execute("CREATE TABLE lake.main.t (i int, s varchar, n decimal(10,2), u utinyint, d date, b blob, o bool, tm time)")
        lake.execute("INSERT INTO lake.main.t VALUES (-1, '곳간', 1.5, 200, '2026-11-20', '\\xAA', true, '12:34:56.5')")
        lake.execute("INSERT INTO lake.main.t SELECT r, 'many', r, NULL, NULL, NULL, NULL, NULL FROM range(100) r(r)")
        lake.execute("DELETE FROM lake.main.t WHERE i = 50")
        expected = lake.execute("SELECT * FROM lake.main.t ORDER BY i").fetchall()
    server = Server(tmp_path / "gotgan", settings={"storage.catalog_url": catalog["url"]}).start()
    found = rows(server, "SELECT * FROM main.t ORDER BY i")
    assert len(found) == 100 and [(*row[:5], row[5] and bytes(row[5]), *row[6:]) for row in found] == expected
    rows(server, "DELETE FROM main.t WHERE i < 10")
    server.stop()
    with attached(catalog) as lake:
        found = lake.execute("SELECT i FROM lake.main.t ORDER BY i").fetchall()
        assert found == [(i,) for i in range(10, 100) if i != 50]
