"""What the log of statements costs a stream of short queries.

    python tests/bench/history.py

Starts two servers of the release build that differ in `history.enabled` alone, and asks
both the same queries in turns, so that whatever else the machine does falls on both. Prints
for each kind of query the median time with and without the log, and the difference; then the
same of the processor time that the server took for a query, with all that it did beside.
With `--same`, both have the log: what is printed then is how far to trust the numbers.
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

import psycopg

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))
from server import Server  # noqa: E402


def arguments():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="release", choices=["release", "debug"])
    parser.add_argument("--rounds", type=int, default=200, help="turns of each server")
    parser.add_argument("--queries", type=int, default=200, help="queries of one turn")
    parser.add_argument("--same", action="store_true", help="let both servers have the log")
    return parser.parse_args()


QUERIES = {
    "SELECT 1": "SELECT 1",
    "point query, 3 files": "SELECT b FROM t WHERE a = 1500",
    "sum over 3000 rows": "SELECT sum(a), max(b) FROM t",
}


def connect(server):
    """Returns a connection with a small table of three files."""
    connection = psycopg.connect(**server.arguments, dbname="gotgan", autocommit=True)
    connection.execute("CREATE TABLE t (a int, b text)")
    for start in (0, 1000, 2000):
        connection.execute(f"INSERT INTO t SELECT i, 'text ' || i FROM generate_series({start}, {start + 999}) i")
    return connection


def processor_seconds(server):
    """Returns what the process has used of the processors."""
    fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def turn(connection, query, count):
    """Runs a query some times; returns the seconds of one."""
    started = time.perf_counter()
    for _ in range(count):
        connection.execute(query).fetchall()
    return (time.perf_counter() - started) / count


def main():
    """Runs all turns and prints the result."""
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="gotgan-bench-") as folder:
        settings = {"maintenance.interval": "0s", "storage.inline_rows": "0"}
        servers = []
        for name, enabled in (("with", "true"), ("without", "true" if options.same else "false")):
            own = {**settings, "history.enabled": enabled}
            servers.append(Server(pathlib.Path(folder) / name, options.profile, own).start())
        connections = [connect(server) for server in servers]
        for name, query in QUERIES.items():
            for connection in connections:
                turn(connection, query, options.queries)
            times = ([], [])
            before = [processor_seconds(server) for server in servers]
            for number in range(options.rounds):
                # Who comes first changes, so that neither always has the warmer machine.
                for index in (0, 1) if number % 2 else (1, 0):
                    times[index].append(turn(connections[index], query, options.queries))
            on, off = (statistics.median(one) * 1e6 for one in times)
            ratio = statistics.median(a / b for a, b in zip(*times))
            print(f"{name:24} with {on:8.1f} us, without {off:8.1f} us, {100 * (ratio - 1):+.2f} %", flush=True)
            count = options.rounds * options.queries
            used = [processor_seconds(server) - start for server, start in zip(servers, before)]
            on, off = (seconds / count * 1e6 for seconds in used)
            print(f"{'':14} processor {on:8.1f} us, without {off:8.1f} us, {100 * (on / off - 1):+.2f} %", flush=True)
        job = "SELECT result FROM gotgan.maintenance WHERE job = 'record statements'"
        print(connections[0].execute(job).fetchone()[0])
        for connection in connections:
            connection.close()
        for server in servers:
            server.stop()


if __name__ == "__main__":
    main()
