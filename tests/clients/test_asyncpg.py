"""asyncpg: everything binary, statements prepared, types looked up in the catalog."""

import asyncio
import datetime
import decimal
import uuid

import asyncpg
import pytest


def run(server, schema, body):
    """Runs `body(connection)` with a connection that searches the test's schema."""

    async def main():
        connection = await asyncpg.connect(
            **server.arguments, database="gotgan", server_settings={"search_path": schema}
        )
        try:
            return await body(connection)
        finally:
            await connection.close(timeout=10)

    return asyncio.run(main())


def test_values_go_round(server, schema):
    """Goal: binary encoding both ways. Method: each value as a parameter and back."""

    async def body(connection):
        for value, type_ in [
            (7, "int4"),
            (-(2**40), "int8"),
            (3, "int2"),
            (1.25, "float8"),
            (decimal.Decimal("12.50"), "numeric(8,2)"),
            (decimal.Decimal("-12345678901234567890.123"), "numeric(30,3)"),
            ("곳간", "text"),
            (b"\x00\xff", "bytea"),
            (True, "bool"),
            (datetime.date(2026, 11, 20), "date"),
            (datetime.time(9, 15, 30, 5), "time"),
            (datetime.datetime(2026, 11, 20, 9, 15, 30, 123456), "timestamp"),
            (datetime.datetime(2026, 11, 20, 9, 15, tzinfo=datetime.timezone.utc), "timestamptz"),
            (datetime.timedelta(days=1, seconds=5), "interval"),
            (uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), "uuid"),
            ('{"a": 1}', "jsonb"),
            ([1, None, 3], "int4[]"),
            (["a", None], "text[]"),
            (None, "int4"),
        ]:
            assert await connection.fetchval(f"SELECT $1::{type_}", value) == value, type_

    run(server, schema, body)


def test_tables_statements_and_transactions(server, schema):
    """Goal: the usual calls. Method: execute, executemany, fetch, fetchrow, prepare, transaction."""

    async def body(connection):
        await connection.execute("CREATE TABLE t (a int, b text, c numeric(6,2))")
        assert await connection.execute("INSERT INTO t VALUES (1, 'x', 1.5)") == "INSERT 0 1"
        await connection.executemany("INSERT INTO t VALUES ($1, $2, $3)", [(n, str(n), decimal.Decimal(n)) for n in range(2, 12)])
        rows = await connection.fetch("SELECT a, b FROM t WHERE a < $1 ORDER BY a", 4)
        assert [tuple(row) for row in rows] == [(1, "x"), (2, "2"), (3, "3")]
        statement = await connection.prepare("SELECT b, c FROM t WHERE a = $1")
        assert [attribute.type.name for attribute in statement.get_attributes()] == ["text", "numeric"]
        assert [parameter.name for parameter in statement.get_parameters()] == ["int4"]
        assert (await statement.fetchrow(3))["c"] == decimal.Decimal("3.00")
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with connection.transaction():
                await connection.execute("INSERT INTO t VALUES (99)")
                await connection.execute("SELECT 1 / 0")
        assert await connection.fetchval("SELECT count(*) FROM t") == 11
        async with connection.transaction():
            seen = [row["a"] async for row in connection.cursor("SELECT a FROM t ORDER BY a", prefetch=3)]
        assert seen == list(range(1, 12))

    run(server, schema, body)


def test_copy(server, schema):
    """Goal: binary COPY both ways. Method: copy_records_to_table and copy_from_query."""

    async def body(connection):
        await connection.execute("CREATE TABLE t (a int4, b text, c timestamptz)")
        now = datetime.datetime(2026, 11, 20, tzinfo=datetime.timezone.utc)
        records = [(n, None if n % 3 else f"n{n}", now) for n in range(1000)]
        tag = await connection.copy_records_to_table("t", records=records, schema_name=schema)
        assert tag == "COPY 1000"
        received = bytearray()

        async def take(data):
            received.extend(data)

        assert await connection.copy_from_query("SELECT a FROM t WHERE a < $1 ORDER BY a", 3, output=take) == "COPY 3"
        assert received == b"0\n1\n2\n"
        assert await connection.fetchval("SELECT count(b) FROM t") == 334

    run(server, schema, body)


def test_pool_resets_connections(server, schema):
    """Goal: asyncpg's pool, which resets sessions. Method: a setting does not leak."""

    async def main():
        async with asyncpg.create_pool(**server.arguments, database="gotgan", min_size=1, max_size=1) as pool:
            async with pool.acquire() as connection:
                await connection.execute("SET application_name = 'leaks'")
            async with pool.acquire() as connection:
                assert await connection.fetchval("SHOW application_name") == ""

    asyncio.run(main())


def test_timeout_cancels(server, schema):
    """Goal: a client-side timeout cancels the statement. Method: an endless query."""

    async def body(connection):
        with pytest.raises(asyncio.TimeoutError):
            await connection.fetch(
                "SELECT count(*) FROM generate_series(1, 10000000) a, generate_series(1, 10000000) b", timeout=0.5
            )
        assert await connection.fetchval("SELECT 1") == 1

    run(server, schema, body)


def test_error_classes(server, schema):
    """Goal: SQLSTATE as exception class. Method: two errors, with their fields."""

    async def body(connection):
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.fetch("SELECT * FROM nope")
        with pytest.raises(asyncpg.PostgresSyntaxError) as failure:
            await connection.fetch("SELEC 1")
        assert failure.value.position == "1"

    run(server, schema, body)
