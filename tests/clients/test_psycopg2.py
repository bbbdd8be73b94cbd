"""psycopg2: the driver of most notebooks, Airflow and Superset."""

import datetime
import decimal
import io
import threading
import uuid

import psycopg2
import psycopg2.errors
import psycopg2.extensions
import psycopg2.extras
import pytest


@pytest.fixture
def connection(server, schema):
    connection = psycopg2.connect(**server.arguments, dbname="gotgan", options=f"-c search_path={schema}")
    yield connection
    connection.close()


def test_connects_and_knows_the_server(connection):
    """Goal: the values that libpq reads while connecting. Method: its own accessors."""
    assert 150000 <= connection.server_version < 160000
    assert connection.encoding == "UTF8"
    assert connection.get_parameter_status("integer_datetimes") == "on"
    assert connection.get_parameter_status("is_superuser") == "on"
    assert connection.get_backend_pid() > 0


def test_python_types_go_in_and_come_back(connection):
    """Goal: every common type as a Python value. Method: insert as parameters, select."""
    values = {
        "b": (True, "boolean"),
        "i": (7, "int"),
        "l": (2**40, "bigint"),
        "f": (1.25, "double precision"),
        "n": (decimal.Decimal("12.50"), "numeric(8,2)"),
        "t": ("곳간 'x' \\ %", "text"),
        "d": (datetime.date(2026, 11, 20), "date"),
        "ts": (datetime.datetime(2026, 11, 20, 9, 15, 30, 123456), "timestamp"),
        "tz": (datetime.datetime(2026, 11, 20, 9, 15, tzinfo=datetime.timezone.utc), "timestamptz"),
        "tm": (datetime.time(9, 15), "time"),
        "iv": (datetime.timedelta(days=2, hours=3), "interval"),
        "a": ([1, None, 3], "int[]"),
        "x": (None, "text"),
    }
    columns = ", ".join(f"{name} {type_}" for name, (_, type_) in values.items())
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE t ({columns})")
        marks = ", ".join(["%s"] * len(values))
        cursor.execute(f"INSERT INTO t VALUES ({marks})", [value for value, _ in values.values()])
        cursor.execute("SELECT * FROM t")
        row = cursor.fetchone()
    assert list(row) == [value for value, _ in values.values()]
    assert [type(cell) for cell in row] == [type(value) for value, _ in values.values()]


def test_bytes_uuid_and_json(connection):
    """Goal: types that need an adapter. Method: psycopg2.extras."""
    psycopg2.extras.register_uuid(conn_or_curs=connection)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (b bytea, u uuid, j jsonb)")
        u = uuid.uuid4()
        cursor.execute("INSERT INTO t VALUES (%s, %s, %s)", [b"\x00\xff", u, psycopg2.extras.Json({"a": [1]})])
        cursor.execute("SELECT b, u, j FROM t")
        b, got, j = cursor.fetchone()
    assert (bytes(b), got, j) == (b"\x00\xff", u, {"a": [1]})


def test_description_has_names_and_types(connection):
    """Goal: cursor.description. Method: OIDs, precision and scale of a table's columns."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a int, n numeric(10,2), v varchar(7))")
        cursor.execute("SELECT a, n, v, count(*) OVER () AS c FROM t")
        described = [(column.name, column.type_code) for column in cursor.description]
        assert described == [("a", 23), ("n", 1700), ("v", 1043), ("c", 20)]
        assert (cursor.description[1].precision, cursor.description[1].scale) == (10, 2)


def test_transactions_roll_back_and_fail(connection):
    """Goal: psycopg2's implicit BEGIN. Method: rollback, a failed transaction, commit."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a int)")
        connection.commit()
        cursor.execute("INSERT INTO t VALUES (1)")
        connection.rollback()
        cursor.execute("SELECT count(*) FROM t")
        assert cursor.fetchone() == (0,)
        with pytest.raises(psycopg2.errors.DivisionByZero):
            cursor.execute("SELECT 1 / 0")
        with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
            cursor.execute("SELECT 1")
        connection.rollback()
        cursor.execute("INSERT INTO t VALUES (2)")
    connection.commit()
    assert connection.get_transaction_status() == psycopg2.extensions.TRANSACTION_STATUS_IDLE


@pytest.mark.parametrize(
    "sql, error",
    [
        ("SELECT * FROM nope", psycopg2.errors.UndefinedTable),
        ("SELECT nope", psycopg2.errors.UndefinedColumn),
        ("SELECT nope()", psycopg2.errors.UndefinedFunction),
        ("SELEC 1", psycopg2.errors.SyntaxError),
        ("SELECT 'x'::int", psycopg2.errors.InvalidTextRepresentation),
        ("SELECT 2147483647 + 1", psycopg2.errors.NumericValueOutOfRange),
        ("CREATE TABLE pg_catalog.x (a int)", psycopg2.errors.InsufficientPrivilege),
    ],
)
def test_errors_are_the_right_exceptions(connection, sql, error):
    """Goal: programs branch on the exception class, which is the SQLSTATE. Method: one each."""
    with connection.cursor() as cursor, pytest.raises(error):
        cursor.execute(sql)


def test_copy_in_and_out(connection):
    """Goal: copy_expert, the usual way to load. Method: csv in, csv out, and an error's context."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a int, b text)")
        cursor.copy_expert("COPY t FROM STDIN WITH CSV HEADER", io.StringIO('a,b\n1,"x, y"\n2,\n'))
        assert cursor.rowcount == 2
        out = io.StringIO()
        cursor.copy_expert("COPY (SELECT * FROM t ORDER BY a) TO STDOUT WITH CSV", out)
        assert out.getvalue() == '1,"x, y"\n2,\n'
        cursor.copy_from(io.StringIO("3\tz\n"), "t", columns=("a", "b"))
        with pytest.raises(psycopg2.errors.InvalidTextRepresentation) as failure:
            cursor.copy_expert("COPY t FROM STDIN", io.StringIO("4\tok\nx\ty\n"))
        assert failure.value.diag.context == 'COPY t, line 2, column a: "x"'


def test_execute_values_loads_many_rows(connection):
    """Goal: row loaders. Method: execute_values with 10,000 rows in pages of 1,000."""
    rows = [(number, f"row {number}") for number in range(10_000)]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a int, b text)")
        psycopg2.extras.execute_values(cursor, "INSERT INTO t VALUES %s", rows, page_size=1000)
        cursor.execute("SELECT count(*), min(a), max(a) FROM t")
        assert cursor.fetchone() == (10_000, 0, 9_999)


def test_notices_arrive(connection):
    """Goal: NOTICE messages. Method: a table with a key that is not enforced."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a int PRIMARY KEY)")
    assert any("not enforced" in notice for notice in connection.notices), connection.notices


def test_cancel_from_another_thread(connection):
    """Goal: connection.cancel(). Method: a timer cancels an endless query."""
    timer = threading.Timer(0.3, connection.cancel)
    timer.start()
    with connection.cursor() as cursor, pytest.raises(psycopg2.errors.QueryCanceled):
        cursor.execute("SELECT count(*) FROM generate_series(1, 10000000) a, generate_series(1, 10000000) b")
    timer.join()
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_autocommit_and_two_connections(server, connection, schema):
    """Goal: visibility after commit. Method: write in one connection, read in another."""
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t AS SELECT 1 AS a")
    other = psycopg2.connect(**server.arguments, dbname="gotgan")
    with other.cursor() as cursor:
        cursor.execute(f"SELECT a FROM {schema}.t")
        assert cursor.fetchone() == (1,)
    other.close()


def test_dict_rows_and_many_columns(connection):
    """Goal: DictCursor and wide rows. Method: 500 columns."""
    with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        cursor.execute("SELECT " + ", ".join(f"{number} AS c{number}" for number in range(500)))
        assert cursor.fetchone()["c499"] == 499


def test_wrong_password(server):
    """Goal: the message a person sees. Method: log in with a wrong password."""
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(**dict(server.arguments, password="wrong"), dbname="gotgan")
