"""psycopg 3: binary results, pipelines, COPY objects, server-side prepared statements."""

import datetime
import decimal
import threading
import uuid

import psycopg
import psycopg.errors
import psycopg.rows
import pytest

EXPRESSIONS = [
    "1::int2", "(-7)::int4", "(2^40)::int8", "1.5::float4", "(-0.1)::float8", "'NaN'::float8",
    "12.340::numeric(10,3)", "0::numeric(5,2)", "-99999.00001::numeric(20,5)", "1234567890123456789012345678::numeric(38,0)",
    "0.0000001::numeric(10,8)", "10000::numeric(10,0)", "true", "'곳간'::text", "'ab'::varchar(5)", "'ab'::char(4)",
    "'\\x00ff'::bytea", "date '2026-11-20'", "date '0001-01-01'", "time '09:15:30.5'",
    "timestamp '2026-11-20 09:15:30.123456'", "timestamp '1600-01-01 00:00:01'", "timestamptz '2026-11-20 09:15+09'",
    "interval '1 day 02:03:04.5'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "'{\"a\": [1, null]}'::json",
    "'{\"a\": [1, null]}'::jsonb", "ARRAY[1, NULL, 3]", "ARRAY['a', 'b c', NULL, '\"']", "ARRAY[1.5, 2.25]::numeric(5,2)[]",
    "ARRAY[date '2026-11-20']", "'{}'::int8[]", "NULL::int", "NULL::text[]", "ARRAY[true, false]",
    "ARRAY[timestamp '2026-11-20 01:02:03']", "ARRAY['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid]", "count(*)", "sum(1)", "avg(1)",
]  # fmt: skip


@pytest.fixture
def connection(server, schema):
    with psycopg.connect(server.dsn(), options=f"-c search_path={schema}") as connection:
        yield connection


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_binary_result_equals_text_result(connection, expression):
    """Goal: both formats say the same. Method: fetch in each, compare value and type."""
    text = connection.cursor().execute(f"SELECT {expression}").fetchone()[0]
    binary = connection.cursor(binary=True).execute(f"SELECT {expression}").fetchone()[0]
    assert repr(text) == repr(binary)


@pytest.mark.parametrize("binary", [False, True])
def test_parameters_in_both_formats(connection, binary):
    """Goal: every parameter type. Method: send each value in text and binary, get it back."""
    mark = "%b" if binary else "%t"
    for value, type_ in [
        (7, "int4"),
        (2**40, "int8"),
        (1.25, "float8"),
        (decimal.Decimal("12.50"), "numeric(8,2)"),
        (decimal.Decimal("-0.05"), "numeric(8,2)"),
        ("곳간", "text"),
        (b"\x00\xff", "bytea"),
        (True, "bool"),
        (datetime.date(2026, 11, 20), "date"),
        (datetime.time(9, 15, 30, 5), "time"),
        (datetime.datetime(2026, 11, 20, 9, 15, 30, 123456), "timestamp"),
        (datetime.datetime(2026, 11, 20, 9, 15, tzinfo=datetime.timezone.utc), "timestamptz"),
        (datetime.timedelta(days=1, seconds=5), "interval"),
        (uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), "uuid"),
        ([1, None, 3], "int4[]"),
        (["a", None, 'q"'], "text[]"),
    ]:
        row = connection.execute(f"SELECT {mark}::{type_} AS v", [value]).fetchone()
        assert row[0] == value, type_


def test_pipeline_keeps_order_and_stops_at_an_error(connection):
    """Goal: pipeline mode. Method: queue statements, read results, then one that fails."""
    with connection.pipeline():
        cursors = [connection.execute("SELECT %s::int", [number]) for number in range(20)]
    assert [cursor.fetchone()[0] for cursor in cursors] == list(range(20))
    connection.execute("CREATE TABLE t (a int)")
    connection.commit()
    with pytest.raises(psycopg.errors.DivisionByZero), connection.pipeline():
        connection.execute("INSERT INTO t VALUES (1)")
        connection.execute("SELECT 1 / 0")
        connection.execute("INSERT INTO t VALUES (2)")
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_statement_is_prepared_after_five_uses(connection):
    """Goal: psycopg's own prepared statements. Method: run one statement ten times."""
    connection.execute("CREATE TABLE t (a int, b text)")
    for number in range(10):
        connection.execute("INSERT INTO t VALUES (%s, %s)", [number, str(number)])
        row = connection.execute("SELECT b FROM t WHERE a = %s", [number]).fetchone()
        assert row == (str(number),)


def test_executemany(connection):
    """Goal: executemany, which pipelines. Method: 500 rows, 200 of them by RETURNING-less insert."""
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a int, b date)")
    cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(n, datetime.date(2026, 1, 1)) for n in range(500)])
    assert cursor.rowcount == 500
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (500,)


@pytest.mark.parametrize("binary", [False, True])
def test_copy_objects(connection, binary):
    """Goal: Copy.write_row and rows. Method: text and binary, with NULLs."""
    rows = [(1, "x", None), (2, None, datetime.date(2026, 11, 20)), (3, "곳\t간\n", None)]
    format_ = "(FORMAT binary)" if binary else ""
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a int4, b text, c date)")
    with cursor.copy(f"COPY t FROM STDIN {format_}") as copy:
        copy.set_types(["int4", "text", "date"])
        for row in rows:
            copy.write_row(row)
    with cursor.copy(f"COPY (SELECT * FROM t ORDER BY a) TO STDOUT {format_}") as copy:
        copy.set_types(["int4", "text", "date"])
        assert list(copy.rows()) == rows


def test_copy_that_python_breaks_off(connection):
    """Goal: an exception inside the copy block. Method: raise; nothing is kept."""
    connection.execute("CREATE TABLE t (a int)")
    connection.commit()
    with pytest.raises(ValueError, match="changed my mind"):
        with connection.cursor().copy("COPY t FROM STDIN") as copy:
            copy.write_row([1])
            raise ValueError("changed my mind")
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_nested_transactions(connection):
    """Goal: connection.transaction(), which uses savepoints inside. Method: roll back the inner one."""
    connection.execute("CREATE TABLE t (a int)")
    connection.commit()
    with connection.transaction():
        connection.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(psycopg.errors.DivisionByZero), connection.transaction():
            connection.execute("INSERT INTO t VALUES (2)")
            connection.execute("SELECT 1 / 0")
        connection.execute("INSERT INTO t VALUES (3)")
    assert connection.execute("SELECT sum(a) FROM t").fetchone() == (4,)


def test_streamed_rows(connection):
    """Goal: cursor.stream(), single-row mode. Method: 100,000 rows without holding them."""
    total = sum(row[0] for row in connection.cursor().stream("SELECT n FROM generate_series(1, 100000) AS n"))
    assert total == 5_000_050_000


def test_error_fields(connection):
    """Goal: diagnostics. Method: a misspelt column."""
    with pytest.raises(psycopg.errors.UndefinedColumn) as failure:
        connection.execute("SELECT nope FROM pg_class")
    assert failure.value.diag.statement_position == "8"
    assert failure.value.sqlstate == "42703"


def test_column_metadata(connection):
    """Goal: table and column of origin, which some tools need to edit data. Method: pgconn's results."""
    connection.execute("CREATE TABLE t (a int, b numeric(6,2))")
    cursor = connection.execute("SELECT b, a, a + 1 AS c FROM t")
    oid = connection.execute("SELECT 't'::regclass::oid").fetchone()[0]
    result = cursor.pgresult
    assert [result.ftable(index) for index in range(3)] == [oid, oid, 0]
    assert [result.ftablecol(index) for index in range(3)] == [2, 1, 0]
    assert cursor.description[0].precision == 6


@pytest.mark.parametrize("negotiation", ["postgres", "direct"])
def test_tls(server, negotiation):
    """Goal: TLS with either way to begin it, where a certificate is set. Method: sslmode=require."""
    if psycopg.pq.version() < 170000 and negotiation == "direct":
        pytest.skip("this libpq knows no direct TLS")
    try:
        connection = psycopg.connect(server.dsn(sslmode="require", sslnegotiation=negotiation))
    except psycopg.OperationalError as error:
        assert "server does not support SSL" in str(error) or "SSL" in str(error)
        pytest.skip("no certificate on loopback")
    with connection:
        assert connection.pgconn.ssl_in_use
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_server_side_cursor(connection):
    """Goal: named cursors, which psycopg describes as portals. Method: fetch in parts."""
    with connection.cursor(name="parts") as cursor:
        cursor.execute("SELECT n AS number FROM generate_series(1, 5) AS g(n) ORDER BY 1")
        assert [column.name for column in cursor.description] == ["number"]
        assert cursor.fetchmany(2) == [(1,), (2,)]
        assert cursor.fetchall() == [(3,), (4,), (5,)]


def test_now_is_never_later_than_what_is_seen(server, connection):
    """Goal: AS OF now() is the present, also while a commit is under way. Method: read it while
    another connection commits."""
    connection.execute("CREATE TABLE t (a int)")
    connection.commit()
    connection.autocommit = True
    path = connection.execute("SHOW search_path").fetchone()[0]
    is_over = threading.Event()

    def write():
        with psycopg.connect(server.dsn(), autocommit=True) as writer:
            for number in range(200):
                writer.execute(f"INSERT INTO {path}.t VALUES ({number})")
        is_over.set()

    writing = threading.Thread(target=write)
    writing.start()
    last = 0
    while not is_over.is_set():
        (count,) = connection.execute("SELECT count(*) FROM t FOR SYSTEM_TIME AS OF now()").fetchone()
        assert count >= last
        last = count
    writing.join()
