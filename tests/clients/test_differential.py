"""Generated changes of rows, on Gotgan and on PostgreSQL 15: the same rows, counts and SQLSTATEs.

A failing run prints its seed; SEED=n repeats it. GOTGAN_TEST_LONG runs many seeds.
PostgreSQL is told by GOTGAN_TEST_POSTGRES (user@host:port/database) or started here.
"""

import os
import random
import re

import psycopg2
import pytest

from postgres import Postgres

LONG = bool(os.environ.get("GOTGAN_TEST_LONG"))
SEEDS = [int(os.environ["SEED"])] if "SEED" in os.environ else range(300 if LONG else 12)
STATEMENTS = 40

TABLES = """
CREATE TABLE item (id int PRIMARY KEY, kind text, price numeric(8,2), amount int DEFAULT 7, CHECK (amount > -50));
CREATE TABLE staging (id int, kind text, price numeric(8,2), amount int);
"""


@pytest.fixture(scope="module")
def postgres():
    """A PostgreSQL 15 to compare with."""
    found = Postgres.find()
    if found is None:
        pytest.skip("PostgreSQL 15 cannot be started here")
    yield found
    found.stop()


class Generator:
    """Statements over `item` and `staging`, from one seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *choices):
        return self.random.choice(choices)

    def number(self):
        return self.pick("NULL", str(self.random.randint(-5, 25)), str(self.random.randint(0, 9)))

    def text(self):
        return self.pick("NULL", "'a'", "'b'", "'c'", "'rice'")

    def price(self):
        return self.pick("NULL", "1.50", "0", "99.99", f"{self.random.randint(0, 999)}.25")

    def condition(self, table):
        """A condition over the columns of `table`."""
        column = lambda name: f"{table}.{name}"
        return self.pick(
            f"{column('id')} = {self.number()}",
            f"{column('id')} < {self.number()}",
            f"{column('kind')} IS NULL",
            f"{column('kind')} IN ({self.text()}, {self.text()})",
            f"{column('amount')} BETWEEN {self.number()} AND {self.number()}",
            f"{column('amount')} NOT IN ({self.number()}, 3)",
            f"NOT ({column('price')} > {self.price()})",
            f"{column('id')} IN (SELECT s.id FROM staging AS s WHERE s.amount > {self.number()})",
            f"EXISTS (SELECT 1 FROM staging AS s WHERE s.id = {column('id')})",
            f"NOT EXISTS (SELECT 1 FROM staging AS s WHERE s.kind = {column('kind')})",
            f"{column('amount')} = (SELECT max(o.amount) FROM item AS o WHERE o.kind = {column('kind')})",
            "false",
            "true",
        )

    def value(self, column, table):
        """A value for a column, from the row of `table` or not."""
        if column == "kind":
            return self.pick(self.text(), f"{table}.kind || 'x'", f"upper({table}.kind)", f"coalesce({table}.kind, 'none')")
        if column == "price":
            return self.pick(self.price(), f"{table}.price * 2", f"{table}.amount", f"round({table}.price / 3, 2)")
        return self.pick(
            self.number(),
            f"{table}.amount + 1",
            f"{table}.id - 30",
            "DEFAULT",
            f"CASE WHEN {table}.amount > 5 THEN 1 ELSE {table}.amount END",
        )

    def assignments(self, source):
        columns = self.random.sample(["kind", "price", "amount"], self.random.randint(1, 3))
        return ", ".join(f"{column} = {self.value(column, source)}" for column in columns)

    def returning(self, *columns):
        return self.pick("", "", f" RETURNING {', '.join(columns)}")

    def update(self):
        if self.random.random() < 0.5:
            where = self.condition("item")
            return f"UPDATE item SET {self.assignments('item')} WHERE {where}" + self.returning(
                "item.id", "kind", "price", "amount", "amount * 2 AS twice"
            )
        # One row of staging for each row of item, else the choice is open.
        source = "(SELECT DISTINCT ON (id) * FROM staging ORDER BY id, kind, price, amount) AS s"
        return (
            f"UPDATE item SET {self.assignments(self.pick('item', 's'))} FROM {source} "
            f"WHERE s.id = item.id AND {self.condition('item')}" + self.returning("item.*", "s.amount")
        )

    def delete(self):
        if self.random.random() < 0.6:
            return f"DELETE FROM item WHERE {self.condition('item')}" + self.returning("*")
        return f"DELETE FROM item AS i USING staging AS s WHERE s.id = i.id AND {self.condition('s')}" + self.pick(
            "", " RETURNING i.id, i.kind"
        )

    def insert(self):
        rows = ", ".join(
            f"({self.random.randint(0, 30)}, {self.text()}, {self.price()}, {self.number()})"
            for _ in range(self.random.randint(1, 4))
        )
        # PostgreSQL enforces the key, so every INSERT says what happens to a conflict.
        return f"INSERT INTO item VALUES {rows} ON CONFLICT (id) " + self.pick(
            "DO NOTHING",
            "DO UPDATE SET kind = excluded.kind, amount = item.amount",
            "DO UPDATE SET amount = excluded.amount + item.amount WHERE item.kind = 'a'",
            "DO UPDATE SET price = DEFAULT, kind = item.kind || excluded.kind",
        ) + self.returning("id", "kind", "price", "amount")

    def merge(self):
        # A source with equal ids touches rows twice, which is an error in both. It must
        # not insert: PostgreSQL enforces the key, which is a hint here.
        source = self.pick(
            "staging AS s",
            "(SELECT DISTINCT ON (id) * FROM staging WHERE id IS NOT NULL ORDER BY id, kind, price, amount) AS s",
            "(SELECT DISTINCT ON (id) * FROM staging WHERE id IS NOT NULL ORDER BY id, kind, price, amount) AS s",
        )
        branches = [
            f"WHEN MATCHED AND {self.pick('s.amount > 3', 'i.kind IS NULL', 'i.amount > s.amount')} THEN "
            + self.pick("DELETE", "DO NOTHING", f"UPDATE SET {self.assignments(self.pick('i', 's'))}"),
            f"WHEN MATCHED THEN UPDATE SET {self.assignments(self.pick('i', 's'))}",
            f"WHEN NOT MATCHED AND s.id > {self.random.randint(0, 20)} THEN "
            + self.pick(
                "INSERT VALUES (s.id, s.kind, s.price, 1)",
                "INSERT (id, kind) VALUES (s.id, s.kind)",
                "DO NOTHING",
            ),
        ]
        if source.startswith("staging"):
            branches.pop()
        chosen = [branch for branch in branches if self.random.random() < 0.7] or branches[:1]
        return f"MERGE INTO item AS i USING {source} ON s.id = i.id {' '.join(chosen)}"

    def staging(self):
        rows = ", ".join(
            f"({self.number()}, {self.text()}, {self.price()}, {self.number()})"
            for _ in range(self.random.randint(1, 8))
        )
        return self.pick("", "DELETE FROM staging; ") + f"INSERT INTO staging VALUES {rows}"

    def statement(self):
        return self.pick(self.update, self.update, self.delete, self.insert, self.insert, self.merge, self.staging)()


def answer(cursor, sql):
    """Tag or rows or SQLSTATE of a statement; rows without their order."""
    try:
        cursor.execute(sql)
    except psycopg2.Error as error:
        return ("error", error.pgcode)
    tag = cursor.statusmessage
    if cursor.description is None:
        return ("done", tag)
    names = [column.name for column in cursor.description]
    return ("rows", tag, names, sorted(cursor.fetchall(), key=repr))


@pytest.mark.parametrize("seed", SEEDS)
def test_changes_agree_with_postgresql(server, postgres, schema, seed):
    generator = Generator(seed)
    connections = [
        psycopg2.connect(**server.arguments, dbname="gotgan"),
        psycopg2.connect(postgres.address),
    ]
    cursors = []
    for connection in connections:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        cursor.execute(f"SET search_path = {schema}")
        cursor.execute(TABLES)
        cursors.append(cursor)
    try:
        for step in range(STATEMENTS):
            sql = generator.statement()
            if generator.random.random() < 0.15:
                end = generator.pick("COMMIT", "ROLLBACK")
                sql = f"BEGIN; {sql}; {end}"
            answers = [answer(cursor, sql) for cursor in cursors]
            where = f"SEED={seed}, statement {step}: {sql}"
            assert answers[0] == answers[1], where
            if answers[0][0] == "error":
                for cursor in cursors:
                    cursor.execute("ROLLBACK")
            for table in ("item", "staging"):
                rows = [answer(cursor, f"SELECT * FROM {table}") for cursor in cursors]
                assert rows[0] == rows[1], where
    finally:
        cursors[1].execute(f"ROLLBACK; DROP SCHEMA {schema} CASCADE")
        for connection in connections:
            connection.close()


def test_generator_makes_every_kind_of_statement():
    generator = Generator(0)
    texts = [generator.statement() for _ in range(300)]
    for word in ("UPDATE", "DELETE", "MERGE", "ON CONFLICT", "RETURNING", "USING", "EXISTS", "DEFAULT"):
        assert any(re.search(word, text) for text in texts), word
