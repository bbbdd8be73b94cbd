"""One command, one table: load time, queries, sizes, memory, beside PostgreSQL and DuckDB.

    python tests/bench/run.py --scale 1

Runs what is installed, one system after the other on the same files, and
compares every answer with DuckDB's. A query's time is the best of `--repeat`
runs in one session; the first run is among them.
"""

import argparse
import os
import pathlib
import statistics
import sys
import time

import psycopg

import tpch
from systems import DuckDb, Gotgan, Postgres

FETCH_SQL = (
    "SELECT l_orderkey, l_partkey, l_quantity, l_extendedprice, l_shipdate, l_shipmode, l_comment FROM lineitem LIMIT 1000000"
)
STREAM_ROWS = 10_000_000

# One row in a hundred, scattered over every file.
HUNDREDTH = "l_orderkey % 100 = 7"


def arguments():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1, help="TPC-H scale factor; 1 is about 1 GB of CSV")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each query, of which the best counts")
    parser.add_argument("--systems", default="duckdb,gotgan,postgres", help="which of duckdb, gotgan, postgres")
    parser.add_argument("--snapshots", type=int, default=1000, help="commits between the two measurements of one INSERT")
    parser.add_argument("--queries", default="", help="only these, such as q01,q06")
    return parser.parse_args()


def cache():
    """Returns the folder where generated files are kept between runs."""
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(home) / "gotgan-bench"


def measured(action, repeat=1):
    """Runs something; returns the best time in seconds and the last result."""
    best, result = None, None
    for _ in range(repeat):
        started = time.perf_counter()
        result = action()
        seconds = time.perf_counter() - started
        best = seconds if best is None else min(best, seconds)
    return best, result


def latency_seconds(system):
    """Returns the median time of SELECT 1 over psycopg2."""
    with system.session.cursor() as cursor:
        times = []
        for _ in range(3000):
            started = time.perf_counter()
            cursor.execute("SELECT 1")
            cursor.fetchall()
            times.append(time.perf_counter() - started)
    return statistics.median(times[500:])


def change_figures(system, snapshots):
    """Returns times of changes: one row, and one row in a hundred of lineitem. Changes the data."""
    figures = {}
    with system.session.cursor() as cursor:

        def insert_seconds(count):
            times = []
            for number in range(count):
                started = time.perf_counter()
                cursor.execute("INSERT INTO bench_rows VALUES (%s, 'one row')", (number,))
                times.append(time.perf_counter() - started)
            return statistics.median(times)

        cursor.execute("CREATE TABLE bench_rows (id int, note text)")
        figures["INSERT one row, ms"] = insert_seconds(200) * 1000
        insert_seconds(snapshots)
        figures[f"the same {snapshots} commits later, ms"] = insert_seconds(200) * 1000
        # The rows themselves are wanted, not only their number.
        find = f"SELECT sum(l_linenumber), max(l_comment) FROM lineitem WHERE {HUNDREDTH}"
        figures["find 1 % of lineitem, s"], _ = measured(lambda: system.ask(find), 3)
        figures["delete 1 % of lineitem, s"], _ = measured(lambda: cursor.execute(f"DELETE FROM lineitem WHERE {HUNDREDTH}"))
        update = "UPDATE lineitem SET l_comment = 'changed' WHERE l_orderkey % 100 = 8"
        figures["update 1 % of lineitem, s"], _ = measured(lambda: cursor.execute(update))
    return figures


def stream_growth_bytes(gotgan):
    """Returns how much streaming ten million rows adds to the server's memory."""
    before = gotgan.server.memory_bytes()
    most = before
    sql = f"SELECT n, md5(n::text) FROM generate_series(1, {STREAM_ROWS}) AS n"
    with psycopg.connect(gotgan.server.dsn()) as connection:
        size = 1000 if psycopg.pq.version() >= 170000 else 1
        for number, _ in enumerate(connection.cursor().stream(sql, size=size)):
            if number % 200_000 == 0:
                most = max(most, gotgan.server.memory_bytes())
    return most - before


def run_system(kind, folder, options, wanted):
    """Runs everything on one system; returns its figures by row name and its answers."""
    system = kind(cache() / f"run-{kind.name}", options.scale)
    figures, answers = {}, {}
    if system.start_bytes:
        figures["memory after start, MB"] = system.start_bytes / 1e6
    seconds = system.load(folder)
    figures["load lineitem, s"] = seconds["lineitem"]
    figures["load all, s"] = sum(seconds.values())
    figures["size, MB"] = system.data_bytes() / 1e6
    for name, sql in wanted.items():
        try:
            figures[name], answers[name] = measured(lambda: system.ask(sql), options.repeat)
        except Exception as error:  # noqa: BLE001 - one failed query must not hide the others
            print(f"{kind.name} {name}: {str(error).strip().splitlines()[0]}", file=sys.stderr)
    answered = [figures[name] for name in wanted if name in figures]
    figures[f"sum of {len(answered)} queries, s"] = sum(answered)
    if kind is not DuckDb:
        figures["fetch 1M rows, s"], _ = measured(lambda: len(system.ask(FETCH_SQL)), options.repeat)
        with system.session.cursor() as cursor, open(os.devnull, "w") as sink:
            figures["COPY lineitem out, s"], _ = measured(lambda: cursor.copy_expert("COPY lineitem TO STDOUT", sink))
        figures["SELECT 1, ms"] = latency_seconds(system) * 1000
        if kind is Gotgan:
            figures["growth in 10M rows, MB"] = stream_growth_bytes(system) / 1e6
        figures |= change_figures(system, options.snapshots)
    figures["peak memory, MB"] = system.stop() / 1e6
    return figures, answers


def print_table(results):
    """Prints one line for each figure, and Gotgan's ratio to each other system."""
    names = list(results)
    others = [name for name in names if name != "gotgan" and "gotgan" in results]
    rows = list(dict.fromkeys(row for figures in results.values() for row in figures))
    header = ["", *names, *(f"gotgan/{name}" for name in others)]
    lines = [header]
    for row in rows:
        values = [results[name].get(row) for name in names]
        own = results.get("gotgan", {}).get(row)
        ratios = [own / results[name][row] if own and results[name].get(row) else None for name in others]
        lines.append([row, *map(number, values), *map(number, ratios)])
    widths = [max(len(line[index]) for line in lines) for index in range(len(header))]
    for line in lines:
        print("  ".join(text.ljust(width) if index == 0 else text.rjust(width) for index, (text, width) in enumerate(zip(line, widths))))


def number(value):
    """Formats a figure with three digits that matter."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value < 0.1 else f"{value:.2f}"


def main():
    """Generates, runs, compares, prints. Exit status 1 if an answer is wrong."""
    options = arguments()
    folder = cache() / f"tpch-{options.scale:g}"
    tpch.generate(folder, options.scale)
    picked = options.queries.split(",") if options.queries else list(tpch.queries())
    wanted = {name: sql for name, sql in tpch.queries().items() if name in picked}
    kinds = [kind for kind in (DuckDb, Gotgan, Postgres) if kind.name in options.systems.split(",")]
    if Postgres in kinds and Postgres.programs() is None:
        print("PostgreSQL is not installed here; it is left out", file=sys.stderr)
        kinds.remove(Postgres)
    results, reference, wrong = {}, None, 0
    for kind in kinds:
        results[kind.name], answers = run_system(kind, folder, options, wanted)
        reference = answers if kind is DuckDb else reference
        for name, rows in answers.items():
            for difference in tpch.differences(rows, reference[name])[:1] if reference else []:
                print(f"WRONG {kind.name} {name}: {difference}", file=sys.stderr)
                wrong += 1
    print(f"TPC-H scale {options.scale:g}, {os.cpu_count()} cores, best of {options.repeat}")
    print_table(results)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
