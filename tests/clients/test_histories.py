"""Random work of several connections; afterwards DuckDB reads every snapshot as we do.

Statements of all kinds, alone and in transactions with savepoints, some of which lose
against others. SEED=n repeats a run, as far as threads do; GOTGAN_TEST_LONG runs many.
"""

import os
import random
import threading

import psycopg2
import pytest

import test_duckdb
import test_duckdb_postgres
from server import Server
from test_duckdb_postgres import catalog, primaries  # noqa: F401 (fixtures)

LONG = bool(os.environ.get("GOTGAN_TEST_LONG"))
SEEDS = [int(os.environ["SEED"])] if "SEED" in os.environ else range(25 if LONG else 1)

CONNECTIONS = 3
STATEMENTS = 60 if LONG else 25

# What a statement may be told among others that change the same things.
EXPECTED_CODES = {
    "40001",  # another transaction was first
    "42P01",  # the table has another name by now
    "42703",  # the column, too
    "42P07",  # the name is taken
    "42701",  # the column's, too
    "21000",  # MERGE met a row twice
    "55000",  # nothing to bring back
    "42704",
    "25P02",  # after an error in a transaction
    "3B001",  # which there had no savepoint
}


class Worker:
    """One connection and its random statements."""

    def __init__(self, server, seed):
        self.random = random.Random(seed)
        self.connection = psycopg2.connect(**server.arguments, dbname="gotgan")
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.failures = []
        self.snapshot = None

    def table(self):
        return self.random.choice(["fact", "item", "third"])

    def number(self, limit=1000):
        return self.random.randrange(limit)

    def rows(self):
        """A query of (id, name, amount), few rows or many."""
        count = self.random.choice([1, 3, 20, 300, 2000])
        first = self.number(3000)
        return f"SELECT g, 'n' || g % 17, (g * 7 % 1000) / 10.0 FROM generate_series({first}, {first + count - 1}) g"

    def statement(self):
        """A random statement."""
        table, other, number = self.table(), self.table(), self.number()
        kinds = [
            (8, f"INSERT INTO {table} (id, name, amount) {self.rows()}"),
            (5, f"INSERT INTO {table} (id, name, amount) VALUES ({number}, 'one', 1.5), ({number + 1}, NULL, NULL)"),
            (5, f"UPDATE {table} SET amount = amount + 1 WHERE id % 19 = {number % 19}"),
            (3, f"UPDATE {table} SET name = o.name FROM {other} o WHERE o.id = {table}.id AND o.id < {number % 50}"),
            (5, f"DELETE FROM {table} WHERE id % 23 = {number % 23}"),
            (2, f"DELETE FROM {table} WHERE id > 2500"),
            (3, f"MERGE INTO {table} t USING (SELECT DISTINCT id FROM {other} WHERE id % 31 = {number % 31}) s ON t.id = s.id"
                " WHEN MATCHED AND t.amount > 50 THEN DELETE WHEN MATCHED THEN UPDATE SET amount = 0"
                " WHEN NOT MATCHED THEN INSERT (id, name, amount) VALUES (s.id, 'merged', 1)"),
            (2, f"ALTER TABLE {table} ADD COLUMN extra{number % 3} int DEFAULT {number}"),
            (2, f"ALTER TABLE {table} DROP COLUMN extra{number % 3}"),
            (1, f"ALTER TABLE {table} RENAME COLUMN extra{number % 3} TO extra{(number + 1) % 3}"),
            (1, f"TRUNCATE {table}"),
            (1, f"DROP TABLE {table}"),
            (3, f"CREATE TABLE {table} (id bigint, name text, amount numeric(12,2))"),
            (2, f"CREATE TABLE {table} AS SELECT id::bigint, name, amount FROM {other}"),
            (1, f"ALTER TABLE {table} RENAME TO {other}"),
            (2, f"UNDROP TABLE public.{table}"),
            (2, f"VACUUM {table}"),
        ]  # fmt: skip
        if self.snapshot is not None:
            kinds.append((3, f"RESTORE TABLE public.{table} FROM SNAPSHOT {self.snapshot} REPLACE"))
            kinds.append((2, f"RESTORE TABLE public.{table} FROM SNAPSHOT {self.snapshot} AS back{number % 5}"))
            kinds.append((2, f"DROP TABLE back{number % 5}"))
        return self.random.choices([sql for _, sql in kinds], [weight for weight, _ in kinds])[0]

    def run(self, sql):
        """Runs a statement; an error that nobody expects is kept."""
        try:
            self.cursor.execute(sql)
        except psycopg2.Error as error:
            if error.pgcode not in EXPECTED_CODES:
                self.failures.append((sql, error.pgcode, str(error)))

    def work(self):
        """Runs statements, some of them in transactions; more where only few of them changed anything."""
        for step in range(20 * STATEMENTS):
            if step >= STATEMENTS and self.newest() > STATEMENTS:
                break
            if self.random.random() < 0.7:
                self.run(self.statement())
            else:
                self.transact()
            if self.random.random() < 0.1:
                self.snapshot = self.latest()

    def latest(self):
        """A snapshot of the newer half."""
        newest = self.newest()
        return self.random.randint(newest // 2, newest)

    def newest(self):
        """The newest snapshot."""
        self.cursor.execute("SELECT max(snapshot_id) FROM gotgan.snapshots")
        return self.cursor.fetchone()[0]

    def transact(self):
        """Runs a transaction of a few statements, maybe with a savepoint, maybe rolled back."""
        self.run("BEGIN" + self.random.choice(["", " ISOLATION LEVEL REPEATABLE READ", " ISOLATION LEVEL SERIALIZABLE"]))
        for _ in range(self.random.randint(1, 4)):
            if self.random.random() < 0.3:
                self.run("SAVEPOINT s")
                self.run(self.transactional())
                self.run(self.random.choice(["ROLLBACK TO s", "RELEASE s"]))
            else:
                self.run(self.transactional())
        self.run(self.random.choice(["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]))

    def transactional(self):
        """A statement that may stand in a transaction."""
        while True:
            sql = self.statement()
            if not sql.startswith("VACUUM"):
                return sql


def work(servers, seed):
    """Lets workers run at once, spread over the servers."""
    workers = [Worker(servers[index % len(servers)], seed * CONNECTIONS + index) for index in range(CONNECTIONS)]
    workers[0].run("CREATE TABLE fact (id bigint, name text, amount numeric(12,2))")
    workers[0].run("CREATE TABLE item (id bigint, name text, amount numeric(12,2))")
    threads = [threading.Thread(target=worker.work) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for worker in workers:
        worker.connection.close()
    failures = [failure for worker in workers for failure in worker.failures]
    assert failures == [], f"SEED={seed}: {failures[:5]}"


def ours(cursor, snapshot):
    """Tables and rows of a snapshot as we show them."""
    cursor.execute(f"SET gotgan.as_of = '{snapshot}'")
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    tables = [row[0] for row in cursor.fetchall()]
    return {table: contents(cursor, f"public.{table}") for table in tables}


def theirs(lake, name):
    """Tables and rows of a lake that DuckDB has attached at a snapshot."""
    lake.execute(f"SELECT table_name FROM duckdb_tables() WHERE database_name = '{name}' AND schema_name = 'public' ORDER BY 1")
    tables = [row[0] for row in lake.fetchall()]
    return {table: contents(lake, f"{name}.public.{table}") for table in tables}


def contents(cursor, table):
    """The names of a table's columns and its rows, in an order of their own."""
    cursor.execute(f"SELECT * FROM {table}")
    names = [column[0] for column in cursor.description]
    return names, sorted(cursor.fetchall(), key=repr)


def compare(server, lake, place, options, seed):
    """Compares every snapshot; `place`: what DuckDB attaches."""
    connection = psycopg2.connect(**server.arguments, dbname="gotgan")
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SELECT snapshot_id FROM gotgan.snapshots ORDER BY 1")
    snapshots = [row[0] for row in cursor.fetchall()]
    assert len(snapshots) > STATEMENTS, "little was done"
    lake.execute("DETACH lake")
    for snapshot in snapshots:
        lake.execute(f"ATTACH 'ducklake:{place}' AS old (READ_ONLY, SNAPSHOT_VERSION {snapshot}{options})")
        mine, other = ours(cursor, snapshot), theirs(lake, "old")
        assert mine.keys() == other.keys(), f"SEED={seed}, snapshot {snapshot}"
        for table, expected in mine.items():
            assert other[table] == expected, f"SEED={seed}, snapshot {snapshot}, table {table}"
        lake.execute("DETACH old")
    connection.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_duckdb_agrees_at_every_snapshot(tmp_path, seed):
    """Goal: no history of ours reads otherwise elsewhere. Method: random work, then every snapshot in both."""
    server = Server(tmp_path / "gotgan", settings={"storage.inline_rows": "20", "maintenance.interval": "500ms"}).start()
    try:
        work([server], seed)
        catalog_file = server.data_dir / "catalog.sqlite"
        with test_duckdb.attached(catalog_file) as lake:
            compare(server, lake, f"sqlite:{catalog_file}", "", seed)
    finally:
        server.stop()
    assert server.bad_log_lines() == []


@pytest.mark.parametrize("seed", SEEDS)
def test_duckdb_agrees_with_two_primaries(primaries, catalog, seed):  # noqa: F811
    """Goal: the same with the catalog in PostgreSQL and two servers that write."""
    work(primaries, seed)
    place = "postgres:dbname={dbname} host={host} port={port} user={user}".format(**catalog)
    with test_duckdb_postgres.attached(catalog) as lake:
        compare(primaries[1], lake, place, f", METADATA_SCHEMA '{catalog['schema']}'", seed)
