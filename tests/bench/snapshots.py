"""What snapshots cost: restoring, looking back, letting many of them expire.

    python tests/bench/snapshots.py

Starts the release build on a folder of its own. `--profile debug` and smaller
numbers try the script itself.
"""

import argparse
import pathlib
import statistics
import sys
import tempfile
import threading
import time

import psycopg

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))
from server import Server  # noqa: E402

# Nothing runs by itself, and whatever is old enough to expire does so at once.
SETTINGS = {
    "maintenance.interval": "0s",
    "maintenance.expire_interval": "0s",
    "storage.expire_age_min": "0s",
}


def arguments():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="release", choices=["release", "debug"])
    parser.add_argument("--rows", type=int, default=60_000_000, help="rows of the large table")
    parser.add_argument("--files", type=int, default=100, help="files of the tables that are restored")
    parser.add_argument("--back", type=int, default=10_000, help="commits between a snapshot and the newest, when looking back")
    parser.add_argument("--expire", type=int, default=100_000, help="snapshots that expire")
    return parser.parse_args()


def connect(server):
    """Returns a connection that commits every statement."""
    return psycopg.connect(**server.arguments, dbname="gotgan", autocommit=True)


def seconds(connection, sql, repeat=1):
    """Runs a statement some times; returns the median of its times."""
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        cursor = connection.execute(sql)
        if cursor.description:
            cursor.fetchall()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def report(name, value):
    """Prints one line of the result."""
    print(f"{name:58} {value}", flush=True)


def milliseconds(value):
    return f"{value * 1000:9.1f} ms"


def commit_many(server, table, count, connections=4):
    """Commits single rows from several connections."""

    def work(share):
        with connect(server) as connection:
            for _ in range(share):
                connection.execute(f"INSERT INTO {table} VALUES (1)")

    threads = [threading.Thread(target=work, args=(count // connections,)) for _ in range(connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def measure_restore(server, connection, options):
    """Restores tables of few and many rows, of one file and of many."""
    # Each statement adds more rows than stay in the catalog, so each makes a file.
    tables = [("one", 200, 1), ("small", 200 * options.files, options.files), ("large", options.rows, options.files)]
    for name, rows, files in tables:
        connection.execute(f"CREATE TABLE {name} (id bigint, day date, note text)")
        size = rows // files
        for index in range(files):
            connection.execute(
                f"INSERT INTO {name} SELECT g, date '2020-01-01' + (g % 2000)::int, 'note ' || g % 1000"
                f" FROM generate_series({index * size + 1}, {(index + 1) * size if index < files - 1 else rows}) g"
            )
    connection.execute("CREATE SNAPSHOT restored RETAIN FOREVER")
    for name, rows, files in tables:
        times = []
        for index in range(7):
            times.append(seconds(connection, f"RESTORE TABLE {name} FROM SNAPSHOT restored AS {name}_{index}"))
        found = connection.execute(f"SELECT count(*), max(id) FROM {name}_6").fetchone()
        assert found == (rows, rows), found
        report(f"RESTORE TABLE of {rows} rows in {files} files, median of 7", milliseconds(statistics.median(times)))


def measure_look_back(server, connection, options):
    """Reads a table as it is and as it was many commits ago."""
    connection.execute("CREATE TABLE steps (n int)")
    connection.execute("INSERT INTO steps SELECT * FROM generate_series(1, 1000)")
    first = connection.execute("SELECT max(snapshot_id) FROM gotgan.snapshots").fetchone()[0]
    insert = "INSERT INTO steps VALUES (1)"
    before = seconds(connection, insert, 200)
    commit_many(server, "steps", options.back)
    after = seconds(connection, insert, 200)
    report("INSERT of one row, before", milliseconds(before))
    report(f"INSERT of one row, {options.back} commits later", milliseconds(after))
    connection.execute("CREATE TABLE other (n int)")
    connection.execute("INSERT INTO other SELECT * FROM generate_series(1, 1000)")
    # The same rows now and then, so that only the way to them differs.
    now = "SELECT count(*) FROM one"
    then = f"SELECT count(*) FROM one AS OF SNAPSHOT {first}"
    for name, sql in [("now", now), (f"AS OF {options.back} commits back", then)]:
        cold = seconds(connection, sql)
        report(f"count(*) {name}, first time", milliseconds(cold))
        report(f"count(*) {name}, median of 50", milliseconds(seconds(connection, sql, 50)))


def measure_expiry(server, connection, options):
    """Lets many snapshots expire while another connection commits."""
    missing = options.expire - connection.execute("SELECT count(*) FROM gotgan.snapshots").fetchone()[0]
    connection.execute("CREATE TABLE rows (n int)")
    if missing > 0:
        report(f"{missing} commits from 4 connections", f"{commit_many(server, 'rows', missing):9.1f} s")
    connection.execute("VACUUM rows")
    connection.execute("DROP SNAPSHOT restored")
    connection.execute("ALTER SYSTEM SET gotgan.retention = '0'")
    before = server.memory_bytes()
    waits, is_over = [], threading.Event()

    def commit_meanwhile():
        with connect(server) as other:
            while not is_over.is_set():
                waits.append(seconds(other, "INSERT INTO rows VALUES (1)"))

    thread = threading.Thread(target=commit_meanwhile)
    thread.start()
    taken = seconds(connection, "EXPIRE SNAPSHOTS")
    is_over.set()
    thread.join()
    left = connection.execute("SELECT count(*) FROM gotgan.snapshots").fetchone()[0]
    report(f"EXPIRE SNAPSHOTS of {options.expire}; {left - len(waits)} older ones left", f"{taken:9.1f} s")
    report("a commit meanwhile, median", milliseconds(statistics.median(waits)))
    report(f"a commit meanwhile, longest of {len(waits)}", milliseconds(max(waits)))
    report("memory of the server, before", f"{before / 1e6:9.1f} MB")
    report("memory of the server, peak", f"{server.memory_bytes('VmHWM') / 1e6:9.1f} MB")


def main():
    """Runs everything."""
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="gotgan-snapshots-") as folder:
        server = Server(folder, options.profile, SETTINGS).start()
        try:
            with connect(server) as connection:
                measure_restore(server, connection, options)
                measure_look_back(server, connection, options)
        finally:
            server.stop()
        # A fresh process, so that its memory is that of expiry alone.
        server.start()
        try:
            with connect(server) as connection:
                measure_expiry(server, connection, options)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
