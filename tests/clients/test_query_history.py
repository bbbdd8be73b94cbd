"""Who ran what, and what it read: `gotgan.query_history` and `gotgan.read_usage`.

Most tests look up their own rows by an application name of their own.
"""

import select
import threading
import time

import duckdb
import psycopg
import psycopg2
import pytest

from postgres import Postgres
from server import PASSWORD, Server
from waiting import PATIENCE_SECONDS, poll


def connect(server, application="", user="gotgan", password=PASSWORD):
    """Returns a connection of psycopg that commits each statement."""
    return psycopg.connect(
        host="127.0.0.1",
        port=server.port,
        user=user,
        password=password,
        dbname="gotgan",
        application_name=application,
        autocommit=True,
    )


def history(server, application, columns="statement, sqlstate"):
    """Returns what the log has of an application, oldest first."""
    with connect(server, "reader of the log") as connection:
        query = f"SELECT {columns} FROM gotgan.query_history WHERE application_name = %s ORDER BY started_at, query_id"
        return connection.execute(query, (application,)).fetchall()


def settle(server, application, count, columns="statement, sqlstate"):
    """As `history`, once it has so many rows: those of a client that left come when its server noticed."""
    poll(lambda: len(history(server, application)) >= count, f"there are not {count} rows of {application}")
    return history(server, application, columns)


@pytest.fixture
def own_server(tmp_path):
    """A server whose statements make files, and which leaves them alone."""
    settings = {"maintenance.interval": "0s", "storage.inline_rows": "0"}
    server = Server(tmp_path / "gotgan", settings=settings).start()
    yield server
    server.stop()
    assert server.bad_log_lines() == []


def test_every_kind_of_statement_leaves_one_row(server, schema):
    """Goal: nothing that ran is missing or there twice. Method: one connection sends every kind."""
    name = "kinds"
    with connect(server, name) as connection:
        run = connection.execute
        run(f"CREATE TABLE {schema}.t (a int, b text)")
        run(f"INSERT INTO {schema}.t VALUES (1, 'x'), (2, 'y') RETURNING a")
        run(f"SELECT a FROM {schema}.t WHERE a > %s", (0,), prepare=True)
        run(f"SELECT a FROM {schema}.t WHERE a > %s", (1,), prepare=True)
        run("SELECT 1; SELECT 2, 3; SET enable_hashjoin = on")
        with connection.transaction():
            run(f"DECLARE c CURSOR FOR SELECT a FROM {schema}.t ORDER BY a")
            run("FETCH 1 FROM c")
            run("FETCH 5 FROM c")
        with connection.cursor().copy(f"COPY {schema}.t TO STDOUT") as copy:
            assert len(list(copy)) > 0
        with connection.cursor().copy(f"COPY {schema}.t (a) FROM STDIN") as copy:
            copy.write("7\n8\n")
    rows = history(server, name, "statement, sqlstate, rows_returned")
    assert all(row[1] == "00000" for row in rows)
    assert [(row[0], row[2]) for row in rows] == [
        (f"CREATE TABLE {schema}.t (a int, b text)", 0),
        (f"INSERT INTO {schema}.t VALUES (1, 'x'), (2, 'y') RETURNING a", 2),
        (f"SELECT a FROM {schema}.t WHERE a > $1", 2),
        (f"SELECT a FROM {schema}.t WHERE a > $1", 1),
        ("SELECT 1", 1),
        ("SELECT 2, 3", 1),
        ("SET enable_hashjoin = on", 0),
        ("BEGIN", 0),
        (f"DECLARE c CURSOR FOR SELECT a FROM {schema}.t ORDER BY a", 0),
        ("FETCH 1 FROM c", 1),
        ("FETCH 5 FROM c", 1),
        ("COMMIT", 0),
        (f"COPY {schema}.t TO STDOUT", 2),
        (f"COPY {schema}.t (a) FROM STDIN", 0),
    ]


def test_failures_leave_their_sqlstate(server, schema):
    """Goal: what failed is there, however early. Method: errors of every step, by both protocols."""
    name = "failures"
    simple = psycopg2.connect(**server.arguments, dbname="gotgan", application_name=name)
    simple.autocommit = True
    for statement in (
        "SELEC 1",
        "SELECT 1; SELECT FROM FROM",
        "SELECT * FROM nothing_of_this_name",
        "SELECT 1 / (SELECT 0)",
        "SELECT 5; SELECT 1 / (SELECT 0); SELECT 6",
    ):
        with simple.cursor() as cursor, pytest.raises(psycopg2.Error):
            cursor.execute(statement)
    simple.close()
    with connect(server, name) as connection:
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT %s FROM FROM", (1,))
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT 1 / (%s - 1)", (1,))
    rows = history(server, name)
    assert rows == [
        ("SELEC 1", "42601"),
        ("SELECT 1; SELECT FROM FROM", "42601"),
        ("SELECT * FROM nothing_of_this_name", "42P01"),
        ("SELECT 1 / (SELECT 0)", "22012"),
        ("SELECT 5", "00000"),
        ("SELECT 1 / (SELECT 0)", "22012"),
        ("SELECT $1 FROM FROM", "42601"),
        ("SELECT 1 / ($1 - 1)", "22012"),
    ]


LONG = "SELECT count(*) FROM generate_series(1, 3000000) a, generate_series(1, 100000) b WHERE a + b = 0"

MANY_ROWS = "SELECT n, repeat('x', 100) FROM generate_series(1, 100000000) AS n"


def test_cancelled_timed_out_and_left_statements(server):
    """Goal: those that did not end by themselves are there. Method: cancel, a timeout, a closed socket."""
    name = "ended early"
    connection = connect(server, name)
    is_over = threading.Event()

    def cancel():
        # More than once: it may be too early.
        while not is_over.wait(0.3):
            connection.cancel()

    cancelling = threading.Thread(target=cancel)
    cancelling.start()
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute(LONG)
    is_over.set()
    cancelling.join()
    connection.execute("SET statement_timeout = '100ms'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute(LONG)
    connection.close()
    left = connect(server, name)
    left.pgconn.send_query(MANY_ROWS.encode())
    left.pgconn.flush()
    # It runs, and goes on for so long before the client leaves.
    select.select([left.fileno()], [], [], PATIENCE_SECONDS)
    time.sleep(0.1)
    left.pgconn.finish()
    rows = settle(server, name, 4, "statement, sqlstate, extract(epoch FROM run_time + plan_time) > 0.09")
    assert rows == [
        (LONG, "57014", True),
        ("SET statement_timeout = '100ms'", "00000", False),
        (LONG, "57014", True),
        (MANY_ROWS, "08006", True),
    ]


def files_of(server):
    """Returns size, bytes of the footer and of each column of every data file, by the first value in it."""
    found = []
    for path in server.data_dir.glob("data/**/*.parquet"):
        footer, size = duckdb.sql(f"SELECT footer_size, file_size_bytes FROM parquet_file_metadata('{path}')").fetchone()
        columns = duckdb.sql(
            f"SELECT path_in_schema, sum(total_compressed_size)::bigint, any_value(stats_min_value) "
            f"FROM parquet_metadata('{path}') GROUP BY ALL"
        ).fetchall()
        first = next(int(least) for column, _, least in columns if column == "a")
        bytes_of = {column: count for column, count, _ in columns}
        found.append((first, {"size": size, "footer": footer + 8, **bytes_of}))
    return [file for _, file in sorted(found, key=lambda entry: entry[0])]


def test_files_and_bytes_are_those_of_the_files(own_server):
    """Goal: counts are exact. Method: three files, compared with what DuckDB tells of them."""
    name = "bytes"
    with connect(own_server, name) as connection:
        connection.execute("CREATE TABLE t (a int, b text, c int)")
        for start in (0, 1000, 2000):
            connection.execute(
                f"INSERT INTO t SELECT i, 'text ' || i, i % 7 FROM generate_series({start}, {start + 999}) i"
            )
        for _ in range(2):
            connection.execute("SELECT sum(a), max(b) FROM t").fetchall()
        connection.execute("SELECT b FROM t WHERE a = 1500").fetchall()
        connection.execute("EXPLAIN SELECT b FROM t WHERE a = 1500").fetchall()
        connection.execute("SELECT count(*) FROM t").fetchall()
    files = files_of(own_server)
    assert len(files) == 3
    columns = "files_read, files_pruned, bytes_read, bytes_cached, bytes_pruned, tables, columns"
    first, second, pruned, explained, counted = history(own_server, name, columns)[4:]

    def total(key, chosen=files):
        return sum(file[key] for file in chosen)

    data = total("a") + total("b")
    read = ["public.t.a", "public.t.b"]
    assert first == (3, 0, total("footer") + data, 0, 0, ["public.t"], read)
    assert second == (3, 0, data, total("footer"), 0, ["public.t"], read)
    middle = files[1]
    others = total("size", [files[0], files[2]])
    assert pruned[:2] + pruned[3:] == (1, 2, middle["footer"], others, ["public.t"], read)
    # A filter also reads the file's page index, of which DuckDB does not tell.
    assert 0 <= pruned[2] - middle["a"] - middle["b"] < 500
    assert explained[:5] == (0, 0, 0, 0, 0)
    # The catalog knows the number of rows.
    assert counted[2] == 0


def test_deletes_are_counted_with_their_table(own_server):
    """Goal: storage's own reads count, too. Method: a delete file is read once and then cached."""
    name = "deletes"
    with connect(own_server) as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("INSERT INTO t SELECT generate_series(0, 999)")
        connection.execute("DELETE FROM t WHERE a % 3 = 0")
    # A fresh process has nothing in its caches.
    own_server.stop()
    own_server.start()
    with connect(own_server, name) as connection:
        for _ in range(2):
            assert connection.execute("SELECT count(a), sum(a) FROM t").fetchone() == (666, 332667)
    paths = [path for path in own_server.data_dir.glob("data/**/*.parquet")]
    deletes = [path for path in paths if "delete" in path.name]
    assert len(deletes) == 1, paths
    size = deletes[0].stat().st_size
    first, second = history(own_server, name, "files_read, bytes_read, bytes_cached")
    assert first[0] == second[0] == 1
    assert first[2] == 0
    assert first[1] > second[1]
    # The footer of the data file, and the whole delete file.
    data = next(path for path in paths if path not in deletes)
    footer = duckdb.sql(f"SELECT footer_size FROM parquet_file_metadata('{data}')").fetchone()[0] + 8
    assert second[2] == size + footer


def test_cursor_and_portal_count_where_rows_are_read(own_server):
    """Goal: each FETCH and Execute has what it read, and together they have all. Method: sums of bytes."""
    with connect(own_server, "whole") as connection:
        connection.execute("CREATE TABLE t (a int, b text)")
        for start in range(0, 50_000, 10_000):
            connection.execute(f"INSERT INTO t SELECT i, 'text ' || i FROM generate_series({start}, {start + 9999}) i")
        connection.execute("SELECT * FROM t").fetchall()
        connection.execute("SELECT * FROM t").fetchall()
    with connect(own_server, "cursor") as connection, connection.transaction():
        connection.execute("DECLARE c CURSOR FOR SELECT * FROM t")
        counts = [len(connection.execute("FETCH 20000 FROM c").fetchall()) for _ in range(4)]
        assert counts == [20_000, 20_000, 10_000, 0]
    whole = history(own_server, "whole", "files_read, bytes_read, bytes_cached, tables")[-1]
    rows = history(own_server, "cursor", "files_read, bytes_read, bytes_cached, tables, rows_returned")[1:-1]
    assert tuple(sum(row[index] for row in rows) for index in range(3)) == whole[:3]
    assert [row[4] for row in rows] == [0, 20_000, 20_000, 10_000, 0]
    assert all(row[3] == ["public.t"] for row in rows)


def test_who_and_where(server, schema):
    """Goal: a row says who ran it, from where, with what name. Method: compare with what the session knows."""
    name = "who and where"
    with connect(server, name) as connection:
        run = connection.execute
        known = run("SELECT inet_client_port(), pg_backend_pid()").fetchone()
        run("SET application_name = 'renamed'")
        run("SELECT 2")
    row = history(server, name, "role, session_role, database, client_address, node_role, pid, snapshot_id > 0, bytes_sent")[0]
    assert row[:7] == ("gotgan", "gotgan", "gotgan", f"127.0.0.1:{known[0]}", "primary", known[1], True)
    # RowDescription, one DataRow, CommandComplete; more in the binary protocol's answers.
    assert 60 < row[7] < 400
    assert ("SELECT 2", "00000") in history(server, "renamed")


def test_users_see_their_own_rows_and_operators_all(server):
    """Goal: nobody reads another's statements. Method: two users and one who monitors."""
    with connect(server) as connection:
        for role in ("qh_alice", "qh_bob", "qh_watcher"):
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'granary'")
        connection.execute("GRANT pg_monitor TO qh_watcher")
    try:
        for user in ("qh_alice", "qh_bob"):
            with connect(server, f"of {user}", user, "granary") as connection:
                connection.execute(f"SELECT 'secret of {user}'")
        query = "SELECT DISTINCT session_role FROM gotgan.query_history WHERE session_role LIKE 'qh%' ORDER BY 1"
        usage = "SELECT DISTINCT session_role FROM gotgan.read_usage WHERE session_role LIKE 'qh%' ORDER BY 1"
        for view in (query, usage):
            for user, expected in (
                ("qh_alice", ["qh_alice"]),
                ("qh_bob", ["qh_bob"]),
                ("qh_watcher", ["qh_alice", "qh_bob", "qh_watcher"]),
            ):
                with connect(server, "", user, "granary") as connection:
                    connection.execute("SELECT 1")
                    assert [row[0] for row in connection.execute(view)] == expected
        # A role of the same name is another role.
        with connect(server) as connection:
            connection.execute("DROP ROLE qh_alice")
            connection.execute("CREATE ROLE qh_alice LOGIN PASSWORD 'granary'")
        with connect(server, "", "qh_alice", "granary") as connection:
            seen = connection.execute("SELECT count(*) FROM gotgan.query_history").fetchone()
            assert seen == (0,)
        # Whose rights apply is what counts.
        with connect(server) as connection:
            connection.execute("SET ROLE qh_bob")
            roles = connection.execute(f"{query}").fetchall()
            assert [row[0] for row in roles] == ["qh_bob"]
    finally:
        with connect(server) as connection:
            for role in ("qh_alice", "qh_bob", "qh_watcher"):
                connection.execute(f"DROP ROLE IF EXISTS {role}")


def test_secrets_are_redacted_and_long_texts_cut(tmp_path):
    """Goal: no password in the log. Method: statements with secrets, some of which fail."""
    server = Server(tmp_path / "gotgan", settings={"history.text_bytes_max": "200B"}).start()
    name = "secrets"
    with connect(server, name) as connection:
        connection.execute("CREATE ROLE r LOGIN PASSWORD 'hunter2'")
        for failing in (
            "ALTER ROLE r PASSWORD hunter2",
            "ALTER ROLE nobody PASSWORD 'hunter2'",
            "COPY t FROM 's3://b/k' CREDENTIALS 'aws_access_key_id=hunter2;aws_secret_access_key=hunter2'",
            "SET a.secret_key = 'hunter2'; SELECT FROM FROM",
        ):
            with pytest.raises(psycopg.Error):
                connection.execute(failing)
        connection.execute(f"SELECT '{'ä' * 300}'")
    rows = history(server, name)
    assert len(rows) == 6
    assert not any("hunter2" in row[0] for row in rows)
    assert rows[0] == ("CREATE ROLE r LOGIN PASSWORD '***'", "00000")
    assert rows[5][0] == "SELECT '" + "ä" * 96
    server.stop()
    assert server.bad_log_lines() == []
    stored = b"".join(path.read_bytes() for path in server.data_dir.glob("activity.sqlite*"))
    assert b"hunter2" not in stored


def test_log_outlasts_restarts(tmp_path):
    """Goal: an orderly end loses nothing, a kill at most the last moments. Method: restart both ways."""
    server = Server(tmp_path / "gotgan", settings={"history.flush_interval": "200ms"}).start()
    with connect(server, "before the stop") as connection:
        for number in range(50):
            connection.execute(f"SELECT {number}")
    server.stop()
    assert server.bad_log_lines() == []
    server.start()
    assert len(history(server, "before the stop")) == 50
    with connect(server, "before the kill") as connection:
        connection.execute("SELECT 'written'")
        assert len(history(server, "before the kill")) == 1
    server.process.kill()
    server.process.wait()
    server.start()
    assert len(history(server, "before the stop")) == 50
    assert history(server, "before the kill") == [("SELECT 'written'", "00000")]
    server.stop()


def test_full_queue_drops_and_counts(tmp_path):
    """Goal: a log that cannot follow slows nobody and says what it lost. Method: a queue of one."""
    settings = {"history.queue_length": "1", "history.flush_interval": "1h"}
    server = Server(tmp_path / "gotgan", settings=settings).start()
    name = "many"
    with connect(server, name) as connection:
        connection.execute(";".join(f"SELECT {number}" for number in range(2000)))
    kept = len(history(server, name))
    with connect(server) as connection:
        result = connection.execute(
            "SELECT result FROM gotgan.maintenance WHERE job = 'record statements'"
        ).fetchone()[0]
    written, dropped = (int(part.split()[0]) for part in result.split(","))
    assert 0 < kept < 2000
    assert dropped >= 2000 - kept
    # What this test itself asked for after that may be on its way.
    assert written >= kept
    server.stop()
    assert server.bad_log_lines(expected=["rows of the log of statements were dropped"]) == []


def test_old_rows_go(tmp_path):
    """Goal: the log has its own retention. Method: a long one, then a short one, with the other maintenance."""
    settings = {"history.retention": "1h", "maintenance.expire_interval": "200ms"}
    server = Server(tmp_path / "gotgan", settings=settings).start()
    with connect(server, "old") as connection:
        connection.execute("SELECT 1")
    assert len(history(server, "old")) == 1
    server.stop()
    server.settings["history.retention"] = "1s"
    server.start()
    poll(lambda: history(server, "old") == [], "old rows stay")
    server.stop()
    assert server.bad_log_lines() == []


def test_log_can_be_off(tmp_path):
    """Goal: without a log nothing is written. Method: the views are empty."""
    server = Server(tmp_path / "gotgan", settings={"history.enabled": "false"}).start()
    with connect(server, "off") as connection:
        connection.execute("SELECT 1")
        assert connection.execute("SELECT count(*) FROM gotgan.query_history").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM gotgan.read_usage").fetchone() == (0,)
    server.stop()
    assert server.bad_log_lines() == []


def test_usage_sums_by_day_role_application_and_table(server, schema):
    """Goal: the sums are those of the rows. Method: compare both views."""
    name = "usage"
    with connect(server, name) as connection:
        connection.execute(f"CREATE TABLE {schema}.t AS SELECT generate_series(1, 5000) AS a")
        connection.execute(f"CREATE TABLE {schema}.u AS SELECT generate_series(1, 5000) AS a")
        for _ in range(3):
            connection.execute(f"SELECT sum(t.a) FROM {schema}.t JOIN {schema}.u USING (a)").fetchall()
        connection.execute("SELECT 1")
    rows = history(server, name, "tables, bytes_read, bytes_sent, rows_returned, run_time, started_at::date")
    assert len(rows) == 6
    both = [row for row in rows if len(row[0]) == 2]
    assert len(both) == 3
    with connect(server) as connection:
        sums = connection.execute(
            "SELECT day, role, session_role, table_name, statements, rows_returned, bytes_read, bytes_sent, run_time "
            "FROM gotgan.read_usage WHERE application_name = %s AND (table_name LIKE %s OR table_name IS NULL) "
            "ORDER BY table_name",
            (name, f"{schema}.%"),
        ).fetchall()
    for (day, role, session_role, _, statements, _, _, sent, run_time), table in zip(sums, ("t", "u")):
        of_table = [row for row in rows if f"{schema}.{table}" in row[0]]
        assert (role, session_role, statements) == ("gotgan", "gotgan", len(of_table))
        assert sent == sum(row[2] for row in of_table)
        assert run_time == sum((row[4] for row in of_table[1:]), of_table[0][4])
        assert day in {row[5] for row in rows}
    assert sum(row[6] for row in sums[:2]) == sum(row[1] for row in both)
    assert sums[-1][3] is None


def test_range_of_time_is_read_alone(server):
    """Goal: a filter by time gives what it says, with any operator. Method: boundaries of known rows."""
    name = "times"
    with connect(server, name) as connection:
        for number in range(5):
            connection.execute(f"SELECT {number}")
    times = [row[0] for row in history(server, name, "started_at")]
    with connect(server, "reader of the log") as connection:

        def count(condition, *values):
            query = f"SELECT count(*) FROM gotgan.query_history WHERE application_name = '{name}' AND {condition}"
            return connection.execute(query, values).fetchone()[0]

        assert count("started_at >= %s", times[2]) == 3
        assert count("started_at > %s", times[2]) == 2
        assert count("%s > started_at", times[2]) == 2
        assert count("started_at BETWEEN %s AND %s", times[1], times[3]) == 3
        assert count("started_at = %s", times[1]) == 1
        assert count("(started_at < %s OR started_at > %s)", times[1], times[3]) == 2
        assert count("started_at > now() - interval '1 hour'") == 5
        assert count("started_at > now() + interval '1 hour'") == 0


@pytest.mark.parametrize("catalog", ["sqlite", "postgres"])
def test_all_nodes_write_one_log(tmp_path, catalog):
    """Goal: rows of every node are seen on every node. Method: a primary and a replica."""
    settings = {"history.flush_interval": "100ms"}
    postgres = None
    if catalog == "postgres":
        postgres = Postgres.start()
        if postgres is None:
            pytest.skip("there is no PostgreSQL here")
        parts = dict(part.split("=") for part in postgres.address.split())
        url = f"postgres://{parts['user']}@{parts['host']}:{parts['port']}/{parts['dbname']}"
        settings["storage.catalog_url"] = url
    primary = Server(tmp_path / "primary", settings=settings).start()
    with connect(primary, "writer") as connection:
        connection.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS a")
    replica = Server(tmp_path / "replica", settings=settings, primary=primary).start()
    try:
        with connect(replica, "on the replica") as connection:
            connection.execute("SELECT sum(a) FROM t").fetchall()
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("DELETE FROM t")
        with connect(primary, "on the primary") as connection:
            connection.execute("SELECT sum(a) FROM t").fetchall()
        for node in (primary, replica):
            on_replica = settle(node, "on the replica", 2, "sqlstate, node_role, tables")
            assert [row[:2] for row in on_replica] == [("00000", "replica"), ("25006", "replica")]
            assert on_replica[0][2] == ["public.t"]
            assert settle(node, "on the primary", 1, "sqlstate, node_role") == [("00000", "primary")]
        with connect(primary) as connection:
            nodes = connection.execute("SELECT DISTINCT node FROM gotgan.query_history").fetchall()
            assert len(nodes) == 2
            usage = connection.execute(
                "SELECT sum(statements) FROM gotgan.read_usage WHERE table_name = 'public.t' AND application_name LIKE 'on the%'"
            ).fetchone()
            assert usage == (3,) or usage == (2,)
    finally:
        replica.stop()
        primary.stop()
        if postgres:
            postgres.stop()
    assert primary.bad_log_lines() == []
    assert replica.bad_log_lines() == []


def test_memory_and_spilled_bytes(tmp_path):
    """Goal: what a query holds and spills is told. Method: a sort that does not fit."""
    settings = {"sql.query_memory_bytes_max": "64MiB", "sql.memory_bytes_max": "256MiB"}
    server = Server(tmp_path / "gotgan", settings=settings).start()
    name = "spills"
    with connect(server, name) as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT i AS a, md5(i::text) AS b FROM generate_series(1, 2000000) i"
        )
        connection.execute("SELECT b, count(*) FROM t GROUP BY b ORDER BY b LIMIT 1").fetchall()
        connection.execute("SELECT 1")
    sort, small = history(server, name, "memory_peak, bytes_spilled")[1:]
    assert 1 << 20 < sort[0] <= 64 << 20
    assert sort[1] > 1 << 20
    assert small == (0, 0)
    server.stop()
    assert server.bad_log_lines() == []


def test_tables_and_columns_that_are_touched(server, schema):
    """Goal: what is read and written is named, also through views. Method: one statement of each kind."""
    name = "touched"
    table, other = f"{schema}.t", f'{schema}."Odd"'
    with connect(server, name) as connection:
        run = connection.execute
        run(f"CREATE TABLE {table} (a int, b int, c int)")
        run(f'CREATE TABLE {other} (a int, "B c" int)')
        run(f"CREATE VIEW {schema}.v AS SELECT b FROM {table} WHERE a > 0")
        for statement in (
            f"INSERT INTO {table} (a, b) VALUES (1, 2)",
            f"INSERT INTO {table} (c) SELECT \"B c\" FROM {other}",
            f"UPDATE {table} SET b = 5 WHERE a = 1",
            f"DELETE FROM {table} WHERE c = 7",
            f"SELECT * FROM {schema}.v",
            f"SELECT (SELECT max(\"B c\") FROM {other} o WHERE o.a = t.a) FROM {table} t",
            f"MERGE INTO {table} t USING {other} o ON t.a = o.a WHEN MATCHED THEN UPDATE SET c = 1",
            f"TRUNCATE {table}",
            "SELECT relname FROM pg_catalog.pg_class LIMIT 1",
        ):
            run(statement)
    rows = history(server, name, "tables, columns")[3:]
    columns = {key: f"{table}.{key}" for key in "abc"} | {"oa": f"{other}.a", "ob": f'{other}."B c"'}

    def touched(*keys):
        return [columns[key] for key in keys]

    assert [row[0] for row in rows] == [
        [table],
        [other, table],
        [table],
        [table],
        [table],
        [other, table],
        [other, table],
        [table],
        [],
    ]
    assert [row[1] for row in rows] == [
        touched("a", "b"),
        touched("ob", "c"),
        # A changed row is written anew, with what it had.
        touched("a", "b", "c"),
        touched("c"),
        touched("a", "b"),
        touched("ob", "oa", "a"),
        touched("oa", "a", "b", "c"),
        [],
        [],
    ]
