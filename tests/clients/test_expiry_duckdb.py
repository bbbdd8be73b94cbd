"""Expired snapshots and tables that are kept shorter look the same to DuckDB, whose own maintenance destroys nothing."""

import shutil

import duckdb
import psycopg2
import pytest

from server import Server
from test_duckdb import attached

# Ages are zero, so that what was superseded may go at once; nothing goes by itself.
AT_ONCE = {
    "storage.expire_age_min": "0s",
    "storage.grace": "0s",
    "maintenance.interval": "0s",
    "maintenance.expire_interval": "0s",
    "maintenance.orphan_interval": "0s",
}


@pytest.fixture
def server_at_once(tmp_path):
    """A server whose snapshots may expire as soon as they are superseded."""
    server = Server(tmp_path / "gotgan", settings=AT_ONCE).start()
    yield server
    server.stop()
    assert server.bad_log_lines() == []


@pytest.fixture
def cursor(server_at_once):
    """A connection in which each statement is a transaction."""
    connection = psycopg2.connect(**server_at_once.arguments, dbname="gotgan")
    connection.autocommit = True
    yield connection.cursor()
    connection.close()


def make_history(cursor):
    """Makes two tables with files, deleted, inlined and reshaped rows. Returns nothing."""
    for sql in (
        "CREATE TABLE t (a int, b text)",
        "INSERT INTO t SELECT i, 'x' FROM generate_series(1, 1000) i",
        "CREATE TABLE u (a int)",
        "INSERT INTO u SELECT i FROM generate_series(1, 500) i",
        "DELETE FROM t WHERE a <= 100",
        "ALTER TABLE t RENAME COLUMN b TO c",
        "INSERT INTO t VALUES (2000, 'inlined')",
        "CREATE SNAPSHOT before",
        "UPDATE t SET c = 'y' WHERE a < 200",
        "ALTER TABLE t ADD COLUMN d int DEFAULT 7",
        "INSERT INTO t VALUES (2001, 'inlined', 8)",
        "VACUUM t",
        "DELETE FROM u WHERE a > 400",
        "INSERT INTO t SELECT i, 'z', i FROM generate_series(3000, 3500) i",
    ):
        cursor.execute(sql)


def snapshots(cursor):
    cursor.execute("SELECT snapshot_id FROM gotgan.snapshots ORDER BY 1")
    return [id for (id,) in cursor.fetchall()]


def ours(cursor, table, snapshot):
    """Returns the rows of a table at a snapshot, or nothing if it shows none."""
    try:
        cursor.execute(f"SELECT * FROM {table} FOR SYSTEM_TIME AS OF SNAPSHOT {snapshot} ORDER BY 1")
        return cursor.fetchall()
    except psycopg2.Error as error:
        assert error.pgcode in ("42P01", "22023", "55000"), error
        return None


def theirs(lake, table, snapshot):
    try:
        sql = f"SELECT * FROM lake.public.{table} AT (VERSION => {snapshot}) ORDER BY 1"
        return lake.execute(sql).fetchall()
    except (duckdb.CatalogException, duckdb.InvalidInputException):
        return None


def compare(server, cursor, expected):
    """Compares every snapshot in both programs. `expected`: of which table each is shown by how many."""
    lake = attached(server.data_dir / "catalog.sqlite")
    found = {}
    for snapshot in range(max(snapshots(cursor)) + 1):
        for table in ("t", "u"):
            rows = ours(cursor, table, snapshot)
            assert theirs(lake, table, snapshot) == rows, (table, snapshot)
            found[table] = found.get(table, 0) + (rows is not None)
    lake.close()
    assert found == expected


def test_duckdb_reads_what_is_left(server_at_once, cursor):
    """Goal: both read the same of every snapshot. Method: expire all that may go, and look before and after."""
    make_history(cursor)
    count = len(snapshots(cursor))
    compare(server_at_once, cursor, {"t": count - 2, "u": count - 4})
    cursor.execute("EXPIRE SNAPSHOTS OLDER THAN now()")
    assert len(snapshots(cursor)) == 2
    compare(server_at_once, cursor, {"t": 2, "u": 2})
    cursor.execute("DROP SNAPSHOT before")
    cursor.execute("EXPIRE SNAPSHOTS OLDER THAN now()")
    assert len(snapshots(cursor)) == 1
    compare(server_at_once, cursor, {"t": 1, "u": 1})


def test_a_table_that_is_kept_shorter_is_missing_in_both(server_at_once, cursor):
    """Goal: no snapshot shows a part of a table. Method: keep one table for no time, beside a held snapshot."""
    make_history(cursor)
    count = len(snapshots(cursor))
    cursor.execute("ALTER TABLE t SET (gotgan.retention = '0 seconds')")
    cursor.execute("EXPIRE SNAPSHOTS")
    assert len(snapshots(cursor)) == count + 1
    compare(server_at_once, cursor, {"t": 2, "u": count - 3})
    cursor.execute("INSERT INTO t SELECT i, 'later', i FROM generate_series(4000, 4300) i")
    cursor.execute("EXPIRE SNAPSHOTS")
    compare(server_at_once, cursor, {"t": 2, "u": count - 2})
    cursor.execute("DROP SNAPSHOT before")
    cursor.execute("EXPIRE SNAPSHOTS")
    compare(server_at_once, cursor, {"t": 1, "u": count - 2})


MAINTENANCE = (
    "CALL ducklake_expire_snapshots('lake', older_than => now() + INTERVAL 1 DAY)",
    "CALL ducklake_merge_adjacent_files('lake')",
    "CALL ducklake_rewrite_data_files('lake', delete_threshold => 0.0)",
    "CALL ducklake_flush_inlined_data('lake')",
    "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
    "CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)",
    "CHECKPOINT lake",
)


def test_foreign_maintenance_destroys_nothing(server_at_once, cursor, tmp_path):
    """Goal: DuckDB's own maintenance loses no row of any snapshot. Method: run all of it on a copy with restored tables."""
    make_history(cursor)
    cursor.execute("RESTORE TABLE t FROM SNAPSHOT before AS t2")
    cursor.execute("DROP TABLE u")
    cursor.execute("EXPIRE SNAPSHOTS")
    tables = ("t", "t2", "u")
    known = {(table, id): ours(cursor, table, id) for table in tables for id in snapshots(cursor)}
    server_at_once.stop()
    copy = Server(tmp_path / "copy", settings=AT_ONCE)
    shutil.copytree(server_at_once.data_dir, copy.data_dir)
    # The lake notices that it was moved, and says so in the catalog.
    copy.start()
    copy.stop()
    refused = []
    for sql in MAINTENANCE:
        lake = attached(copy.data_dir / "catalog.sqlite", read_only=False)
        try:
            lake.execute(sql)
        except duckdb.Error as error:
            assert "only Gotgan writes this lake" in str(error), (sql, error)
            refused.append(sql)
        lake.close()
    assert refused, "nothing was refused"
    copy.start()
    connection = psycopg2.connect(**copy.arguments, dbname="gotgan")
    connection.autocommit = True
    with connection.cursor() as other:
        for (table, id), rows in known.items():
            assert ours(other, table, id) == rows, (table, id)
    connection.close()
    copy.stop()
    assert copy.bad_log_lines() == []
