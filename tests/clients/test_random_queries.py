"""Generated queries, on Gotgan and on PostgreSQL 15: the same rows, names and types.

Each runs on rows of the catalog, and on the same rows in files with deletes. A failing run prints
the smallest query that it found; SEED=n repeats it. GOTGAN_TEST_LONG runs many seeds.
PostgreSQL is told by GOTGAN_TEST_POSTGRES (user@host:port/database) or started here.
"""

import os
from decimal import Decimal

import psycopg2
import pytest
from psycopg2.extensions import new_type, register_type

from postgres import Postgres
from random_expressions import smaller
from random_queries import TABLES, Queries, create, rows

LONG = bool(os.environ.get("GOTGAN_TEST_LONG"))
GROUPS = [int(os.environ["SEED"])] if "SEED" in os.environ else range(200 if LONG else 8)
QUERIES = 25
FLOATS, NUMERIC = (700, 701), 1700
# varchar as text: where the two meet, the first gives PostgreSQL the type, and here text does often.
TEXTS = {1043: 25, 1015: 1009}

# Not an answer: what is not built; and errors of values, since the rows on which an
# expression is computed are open.
PASSED_OVER = ("0A000", "21000", "22", "54", "57")


class Side:
    """A connection that answers with texts."""

    def __init__(self, dsn, schema, **arguments):
        self.connection = psycopg2.connect(dsn, **arguments)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        # Values come as the server wrote them.
        as_text = new_type(tuple(range(16, 4000)), "AS_TEXT", lambda value, _: value)
        register_type(as_text, self.cursor)
        self.run(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}; SET search_path = {schema}; SET timezone = 'UTC'")

    def run(self, sql):
        self.cursor.execute(sql)

    def answer(self, sql):
        """Names, types and rows without their order, or the error."""
        try:
            self.cursor.execute(sql)
        except psycopg2.Error as error:
            return ("error", error.pgcode)
        kinds = [TEXTS.get(column.type_code, column.type_code) for column in self.cursor.description]
        names = [column.name for column in self.cursor.description]
        found = [tuple(plain(value, kind) for value, kind in zip(row, kinds)) for row in self.cursor]
        return (names, kinds, sorted(found, key=repr))


def plain(value, kind):
    """A value without what differs on purpose: zeros that end a numeric, the last bits of a sum."""
    if value is None:
        return None
    if kind in FLOATS:
        return f"{float(value):.10g}"
    if kind == NUMERIC:
        return str(Decimal(value).normalize() + 0)
    return value


@pytest.fixture(scope="module")
def sides(running):
    """Gotgan with the tables in its catalog, the same in files, and PostgreSQL."""
    postgres = Postgres.find()
    if postgres is None:
        pytest.skip("PostgreSQL 15 cannot be started here")
    names = ("random_inlined", "random_filed")
    ours = [Side("", name, **running.arguments, dbname="gotgan") for name in names]
    theirs = Side(postgres.address, "random_queries")
    for side in (*ours, theirs):
        for table in TABLES:
            side.run(create(table))
            for row in rows(table):
                side.run(f"INSERT INTO {table} VALUES {row}")
    for table in TABLES:
        others = ", ".join(TABLES[table][1:])
        more = f"SELECT 1000 + more, {others} FROM random_inlined.{table} CROSS JOIN generate_series(1, 30) AS more"
        ours[1].run(f"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM random_inlined.{table} UNION ALL {more}")
        ours[1].run(f"DELETE FROM {table} WHERE k >= 1000")
    yield ours, theirs
    theirs.run("DROP SCHEMA random_queries CASCADE")
    for side in ours:
        side.connection.close()
    postgres.stop()


def is_passed_over(answer):
    return answer[0] == "error" and answer[1] is not None and answer[1].startswith(PASSED_OVER)


def difference(sides, sql):
    """An answer of ours that is not PostgreSQL's, and that one; None if all agree or it has none."""
    ours, theirs = sides
    expected = theirs.answer(sql)
    for side in ours:
        found = side.answer(sql)
        if expected[0] != "error" and found != expected and not is_passed_over(found):
            return found, expected
    return None


@pytest.mark.parametrize("group", GROUPS)
def test_queries_agree_with_postgresql(server, sides, group):
    for number in range(QUERIES):
        seed = group * QUERIES + number
        tree, _ = Queries(seed).query([], None)
        if difference(sides, str(tree)) is None:
            continue
        tree = smaller(tree, lambda other: difference(sides, str(other)) is not None)
        found, expected = difference(sides, str(tree))
        pytest.fail(f"SEED={group}, query {seed}: {tree}\nhere: {found}\nPostgreSQL: {expected}")


def test_generator_makes_every_kind_of_query():
    texts = [str(Queries(seed).query([], None)[0]) for seed in range(600)]
    for word in ("FULL JOIN", "LATERAL", "EXISTS", "NOT IN", "ROLLUP", "OVER", "INTERSECT", "RECURSIVE", "NATURAL"):
        assert any(word in text for text in texts), word
