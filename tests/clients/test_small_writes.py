"""Row by row: nothing is lost, nobody is disturbed, and the table ends up as if loaded at once.

GOTGAN_TEST_LONG inserts 10,000 rows instead of 800.
"""

import os
import statistics
import threading
import time

import psycopg2
import pytest

from server import Server
from test_duckdb import attached
from waiting import poll

ROW_COUNT = 10_000 if os.environ.get("GOTGAN_TEST_LONG") else 800
CONNECTION_COUNT = 4


@pytest.fixture
def busy_server(tmp_path):
    """A server that flushes early, so that flushes and compactions meet the writers."""
    settings = {
        "maintenance.interval": "100ms",
        "maintenance.inlined_rows_max": str(ROW_COUNT // 20),
        "maintenance.inlined_age_max": "1s",
    }
    server = Server(tmp_path / "gotgan", settings=settings).start()
    yield server
    server.stop()
    assert server.bad_log_lines() == []


@pytest.fixture
def quiet_server(tmp_path):
    """A server that leaves all maintenance to VACUUM."""
    server = Server(tmp_path / "gotgan", settings={"maintenance.interval": "0s"}).start()
    yield server
    server.stop()
    assert server.bad_log_lines() == []


def connect(server):
    """Returns a connection that commits each statement."""
    connection = psycopg2.connect(**server.arguments, dbname="gotgan")
    connection.autocommit = True
    return connection


def rows(server, *statements):
    """Runs statements one by one; returns the last one's rows."""
    connection = connect(server)
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        result = cursor.fetchall() if cursor.description else None
    connection.close()
    return result


def in_parallel(*workers):
    """Runs callables in threads; the first error of any is raised."""
    errors = []

    def run(worker):
        try:
            worker()
        except Exception as error:  # handed to the test below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def insert_rows(server, table):
    """Inserts ROW_COUNT rows, one to a statement, from several connections; returns the seconds."""

    def worker(number):
        connection = connect(server)
        with connection.cursor() as cursor:
            for row in range(number, ROW_COUNT, CONNECTION_COUNT):
                cursor.execute(f"INSERT INTO {table} VALUES (%s, %s, %s)", (row, f"row {row}", row / 4))
        connection.close()

    started = time.monotonic()
    in_parallel(*(lambda number=number: worker(number) for number in range(CONNECTION_COUNT)))
    return time.monotonic() - started


def read_seconds(server, *tables):
    """Returns for each table the median time of a query over all columns; in turns, as the machine may be busy at times."""
    connection = connect(server)
    times = [[] for _ in tables]
    with connection.cursor() as cursor:
        for _ in range(15):
            for table, taken in zip(tables, times):
                started = time.monotonic()
                cursor.execute(f"SELECT count(*), sum(n), max(t), avg(x) FROM {table} WHERE n >= 0")
                cursor.fetchall()
                taken.append(time.monotonic() - started)
    connection.close()
    return [statistics.median(taken) for taken in times]


def live(server, table):
    """Returns how many inlined rows and data files of a table are live, told by the catalog."""
    with attached(server.data_dir / "catalog.sqlite") as lake:
        schema = "__ducklake_metadata_lake"
        id = lake.execute(f"SELECT table_id FROM {schema}.ducklake_table WHERE table_name = '{table}'").fetchone()[0]
        files = lake.execute(
            f"SELECT count(*) FROM {schema}.ducklake_data_file WHERE table_id = {id} AND end_snapshot IS NULL"
        ).fetchone()[0]
        names = lake.execute(f"SELECT table_name FROM {schema}.ducklake_inlined_data_tables WHERE table_id = {id}").fetchall()
        counts = [
            lake.execute(f'SELECT count(*) FROM {schema}."{name}" WHERE end_snapshot IS NULL').fetchone()[0] for (name,) in names
        ]
        return sum(counts), files


def duckdb_rows(server, sql):
    """Returns what DuckDB reads; `{lake}` is where the tables are."""
    with attached(server.data_dir / "catalog.sqlite") as lake:
        return lake.execute(sql.format(lake="lake.public")).fetchall()


def test_rows_inserted_one_by_one_are_all_there(busy_server):
    """Goal: no row is lost or doubled, and reading is as quick as after one load.

    Method: 4 connections insert while flushes and compactions run; the same rows are loaded at once
    into another table; DuckDB counts both before and after VACUUM.
    """
    server = busy_server
    rows(server, "CREATE TABLE slow (n int, t text, x double precision)")
    seconds = insert_rows(server, "slow")
    query = "SELECT count(*), count(DISTINCT n), sum(n), min(t), sum(x) FROM {lake}.slow"
    total = ROW_COUNT * (ROW_COUNT - 1) // 2
    expected = [(ROW_COUNT, ROW_COUNT, total, "row 0", total / 4)]
    assert rows(server, query.replace("{lake}.", "")) == expected
    assert duckdb_rows(server, query) == expected, "before VACUUM"
    (before,) = read_seconds(server, "slow")
    rows(server, "VACUUM slow")
    rows(server, f"CREATE TABLE quick AS SELECT n, 'row ' || n AS t, n / 4.0::float8 AS x FROM generate_series(0, {ROW_COUNT - 1}) AS n")
    assert rows(server, query.replace("{lake}.", "")) == expected
    assert duckdb_rows(server, query) == expected, "after VACUUM"
    assert live(server, "slow") == (0, 1), "all rows are in one file"
    slow, quick = read_seconds(server, "slow", "quick")
    print(f"{ROW_COUNT} rows: {ROW_COUNT / seconds:.0f} a second; read {before:.4f} s, {slow:.4f} s after VACUUM, {quick:.4f} s if loaded at once")
    assert slow < 2 * quick + 0.005


def test_rows_leave_the_catalog_by_themselves(busy_server):
    """Goal: the background flush. Method: few rows, then wait until the catalog holds none of them."""
    server = busy_server
    rows(server, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1), (2)")
    poll(lambda: live(server, "t") == (0, 1), "the rows were not flushed")
    assert rows(server, "SELECT n FROM t ORDER BY n") == [(1,), (2,)]


def test_maintenance_makes_no_writer_fail(busy_server):
    """Goal: transactions that change rows go on over flushes and compactions.

    Method: long transactions update and delete while another connection inserts and a third one runs
    VACUUM FULL again and again; every error would be raised here.
    """
    server = busy_server
    rows(server, "CREATE TABLE t (n int, x int)", "INSERT INTO t SELECT n, 0 FROM generate_series(1, 50) AS n")
    is_over = threading.Event()

    def change():
        connection = connect(server)
        try:
            with connection.cursor() as cursor:
                for round in range(12):
                    cursor.execute("BEGIN")
                    cursor.execute("UPDATE t SET x = x + 1 WHERE n <= 20")
                    time.sleep(0.05)
                    cursor.execute("DELETE FROM t WHERE n = %s", (50 - round,))
                    cursor.execute("COMMIT")
        finally:
            connection.close()
            is_over.set()

    def insert():
        connection = connect(server)
        with connection.cursor() as cursor:
            number = 1000
            while not is_over.is_set():
                number += 1
                cursor.execute("INSERT INTO t VALUES (%s, 0)", (number,))
        connection.close()

    def vacuum():
        while not is_over.is_set():
            rows(server, "VACUUM FULL t")

    in_parallel(change, insert, vacuum)
    assert rows(server, "SELECT count(*), sum(x) FROM t WHERE n <= 50") == [(38, 240)]
    assert rows(server, "SELECT count(*) = count(DISTINCT n) FROM t") == [(True,)]
    query = "SELECT count(*), sum(n), sum(x) FROM {lake}.t"
    assert duckdb_rows(server, query) == rows(server, query.replace("{lake}.", ""))


def test_vacuum_keeps_history(quiet_server):
    """Goal: older snapshots show what they showed. Method: DuckDB reads each before and after VACUUM."""
    server = quiet_server
    rows(server, "CREATE TABLE t (n int, x text)")
    for start in range(0, 400, 100):
        rows(server, f"INSERT INTO t SELECT n, 'x' || n FROM generate_series({start}, {start + 99}) AS n")
        rows(server, f"INSERT INTO t SELECT n, 'y' FROM generate_series({start + 1000}, {start + 1200}) AS n")
        rows(server, f"DELETE FROM t WHERE n % 10 = {start // 100}")
    rows(server, "ALTER TABLE t ADD COLUMN later int DEFAULT 7", "UPDATE t SET later = n WHERE n < 50")

    def states():
        with attached(server.data_dir / "catalog.sqlite") as lake:
            newest = lake.execute("SELECT max(snapshot_id) FROM lake.snapshots()").fetchone()[0]
            sql = "SELECT count(*), sum(n), min(x), max(x) FROM lake.public.t AT (VERSION => {})"
            first = lake.execute("SELECT min(snapshot_id) FROM lake.snapshots() WHERE schema_version > 0").fetchone()[0]
            found = {}
            for snapshot in range(first, newest + 1):
                try:
                    found[snapshot] = lake.execute(sql.format(snapshot)).fetchall()
                except Exception as error:  # before the table
                    assert "does not exist" in str(error), error
            return found

    before = states()
    assert len(before) > 10
    expected = rows(server, "SELECT n, x, later FROM t ORDER BY n, x")
    assert live(server, "t")[0] > 0
    rows(server, "VACUUM FULL t")
    assert live(server, "t") == (0, 1)
    after = states()
    assert {snapshot: after[snapshot] for snapshot in before} == before
    assert rows(server, "SELECT n, x, later FROM t ORDER BY n, x") == expected
    assert duckdb_rows(server, "SELECT n, x, later FROM {lake}.t ORDER BY n, x") == expected
