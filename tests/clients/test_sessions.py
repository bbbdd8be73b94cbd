"""Sessions that see and end each other: pg_stat_activity, pg_cancel_backend, pg_terminate_backend."""

import threading

import psycopg
import pytest
from psycopg import errors

from server import Server
from waiting import poll

PASSWORD = "pencil"
ROLES = ("sess_owner", "sess_member", "sess_other", "sess_operator")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """A primary, and a replica beside it."""
    primary = Server(tmp_path_factory.mktemp("primary")).start()
    replica = Server(tmp_path_factory.mktemp("replica"), primary=primary).start()
    with connect(primary) as admin:
        for role in ROLES:
            admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
        admin.execute("GRANT sess_owner TO sess_member")
        admin.execute("GRANT pg_signal_backend TO sess_operator")
    yield primary, replica
    for node in (replica, primary):
        bad = node.bad_log_lines()
        node.stop()
        assert not bad, "\n".join(bad[:20])


@pytest.fixture(params=["primary", "replica"])
def node(request, nodes):
    """Each of the two; roles are known on it."""
    chosen = nodes[request.param == "replica"]
    poll(lambda: can_connect(chosen, ROLES[-1]), "the roles never arrive")
    return chosen


def connect(server, user=None, **parameters):
    """A session of the superuser, or of a role of this file."""
    own = {"user": user, "password": PASSWORD} if user else {}
    return psycopg.connect(**{**server.arguments, "dbname": "gotgan", "autocommit": True, **own, **parameters})


def can_connect(server, user):
    """Whether a role may log in already."""
    try:
        connect(server, user).close()
    except psycopg.OperationalError:
        return False
    return True


def value(connection, query):
    """The only value of a query."""
    return connection.execute(query).fetchone()[0]


def run_apart(connection, query):
    """Runs a query on a thread; returns the thread and the list that gets its error."""
    failed = []

    def run():
        try:
            connection.execute(query)
        except psycopg.Error as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, failed


def is_running(watcher, pid, text):
    """Whether a session is seen to run a text."""
    shown = watcher.execute("SELECT state, query FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchall()
    return shown == [("active", text)]


def test_a_running_statement_is_cancelled_and_its_session_goes_on(node):
    """Goal: pg_cancel_backend ends what runs, and nothing else."""
    with connect(node) as admin, connect(node, "sess_owner") as owner:
        thread, failed = run_apart(owner, "SELECT pg_sleep(600)")
        pid = owner.info.backend_pid
        poll(lambda: is_running(admin, pid, "SELECT pg_sleep(600)"), "it never runs")
        assert value(admin, f"SELECT pg_cancel_backend({pid})") is True
        thread.join()
        assert [error.sqlstate for error in failed] == ["57014"]
        assert value(owner, "SELECT 1") == 1
        # An idle one has nothing to cancel, also not the statement that comes next.
        assert value(admin, f"SELECT pg_cancel_backend({pid})") is True
        assert value(owner, "SELECT 2") == 2


@pytest.mark.parametrize("is_idle", [True, False])
def test_a_session_is_ended_and_told_so(node, is_idle):
    """Goal: pg_terminate_backend ends an idle session and a busy one with 57P01, and waits until it is gone."""
    with connect(node) as admin:
        owner = connect(node, "sess_owner")
        pid = owner.info.backend_pid
        if is_idle:
            assert value(admin, f"SELECT pg_terminate_backend({pid}, 60000)") is True
            with pytest.raises(errors.AdminShutdown):
                owner.execute("SELECT 1")
        else:
            thread, failed = run_apart(owner, "SELECT pg_sleep(600)")
            poll(lambda: is_running(admin, pid, "SELECT pg_sleep(600)"), "it never runs")
            assert value(admin, f"SELECT pg_terminate_backend({pid}, 60000)") is True
            thread.join()
            assert [error.sqlstate for error in failed] == ["57P01"]
        assert owner.closed
        assert value(admin, f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}") == 0


def test_an_open_transaction_goes_with_its_session(nodes):
    """Goal: what a session that is ended had not committed is undone."""
    with connect(nodes[0]) as admin:
        admin.execute("CREATE TABLE ended (a int)")
        other = connect(nodes[0], autocommit=False)
        other.execute("INSERT INTO ended VALUES (1)")
        assert value(admin, f"SELECT pg_terminate_backend({other.info.backend_pid}, 60000)") is True
        assert value(admin, "SELECT count(*) FROM ended") == 0
        admin.execute("DROP TABLE ended")


def test_a_session_ends_itself(node):
    """Goal: the session's own id ends the statement, or the session, before an answer comes."""
    with connect(node, "sess_owner") as owner:
        with pytest.raises(errors.QueryCanceled):
            owner.execute("SELECT pg_cancel_backend(pg_backend_pid())")
        assert value(owner, "SELECT 1") == 1
        with pytest.raises(errors.AdminShutdown):
            owner.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        assert owner.closed


@pytest.mark.parametrize(
    ("function", "text"),
    [
        ("pg_cancel_backend", "must be a member of the role whose query is being canceled or member of pg_signal_backend"),
        (
            "pg_terminate_backend",
            "must be a member of the role whose process is being terminated or member of pg_signal_backend",
        ),
    ],
)
def test_only_members_and_operators_end_others(node, function, text):
    """Goal: the role itself, its members and pg_signal_backend may; superusers' sessions only superusers end."""
    with connect(node) as admin, connect(node, "sess_other") as stranger:
        for who in ("sess_owner", "sess_member", "sess_operator"):
            victim = connect(node, "sess_owner")
            call = f"SELECT {function}({victim.info.backend_pid})"
            with pytest.raises(errors.InsufficientPrivilege, match=text):
                stranger.execute(call)
            assert value(victim, "SELECT 1") == 1
            with connect(node, who) as allowed:
                assert value(allowed, call) is True
                with pytest.raises(errors.InsufficientPrivilege, match="must be a superuser"):
                    allowed.execute(f"SELECT {function}({admin.info.backend_pid})")
            victim.close()
        assert value(admin, "SELECT 1") == 1


def test_what_others_run_is_hidden(node):
    """Goal: a session's text and address are shown to its role, its members and pg_read_all_stats only."""
    query = "SELECT query, state, client_addr FROM pg_stat_activity WHERE pid = %s"
    with connect(node, "sess_owner") as owner, connect(node, "sess_other") as stranger:
        owner.execute("SELECT 'mine'")
        pid = owner.info.backend_pid
        assert stranger.execute(query, (pid,)).fetchall() == [("<insufficient privilege>", None, None)]
        with connect(node, "sess_member") as member:
            assert member.execute(query, (pid,)).fetchall()[0][:2] == ("SELECT 'mine'", "idle")


def test_a_call_reaches_no_row_that_is_left_out(nodes):
    """Goal: conditions, LIMIT and CASE keep sessions alive that they leave out, or are refused."""
    with connect(nodes[0]) as admin:
        others = [connect(nodes[0], application_name="spare") for _ in range(3)]
        spared = others[0].info.backend_pid
        named = "FROM pg_stat_activity WHERE application_name = 'spare'"
        shown = admin.execute(f"SELECT pid, pg_terminate_backend(pid, 60000) {named} AND pid <> {spared}").fetchall()
        assert sorted(shown) == sorted((other.info.backend_pid, True) for other in others[1:])
        for query in (
            f"SELECT pid {named} AND pg_terminate_backend(pid)",
            f"SELECT CASE WHEN false THEN pg_terminate_backend(pid) END {named}",
            f"SELECT pg_terminate_backend(pid) {named} ORDER BY backend_start LIMIT 0",
            f"SELECT * FROM (SELECT pid, pg_terminate_backend(pid) AS ended {named}) AS all_of_them WHERE false",
            f"SELECT count(*) FROM (SELECT pg_terminate_backend(pid) {named}) AS ended",
            f"SELECT 1 WHERE false AND true IN (SELECT pg_terminate_backend(pid) {named})",
        ):
            with pytest.raises(errors.FeatureNotSupported):
                admin.execute(query)
        assert admin.execute(f"SELECT pg_terminate_backend(pid) {named} LIMIT 0").fetchall() == []
        assert value(others[0], "SELECT 1") == 1
        others[0].close()
