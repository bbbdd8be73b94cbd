"""What a role may and gets when it logs in: attributes, settings, which nodes, whose sessions end how."""

import subprocess

import psycopg
import pytest

from server import Server
from waiting import poll

PASSWORD = "pencil"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """A primary, and a replica beside it."""
    primary = Server(tmp_path_factory.mktemp("primary")).start()
    replica = Server(tmp_path_factory.mktemp("replica"), primary=primary).start()
    yield primary, replica
    for node in (replica, primary):
        bad = node.bad_log_lines()
        node.stop()
        assert not bad, "\n".join(bad[:20])


@pytest.fixture
def admin(nodes):
    """The superuser on the primary."""
    with psycopg.connect(**nodes[0].arguments, dbname="gotgan", autocommit=True) as connection:
        yield connection


def connect(server, user, **parameters):
    """A session of a role of this file."""
    arguments = {**server.arguments, "user": user, "password": PASSWORD, "dbname": "gotgan", "autocommit": True}
    return psycopg.connect(**{**arguments, **parameters})


def refusal(server, user, **parameters):
    """Connects; returns the error's text, or None if the role was let in."""
    try:
        connect(server, user, **parameters).close()
    except psycopg.OperationalError as error:
        return str(error)
    return None


def refusal_soon(server, user):
    """The refusal of a replica, which hears of a change a moment later."""
    return poll(lambda: refusal(server, user), f"{user} is let in for ever")


def let_in_soon(server, user):
    """Waits until a server has noticed that another client left."""
    poll(lambda: refusal(server, user) is None, f"{user} is never let in")


def value(connection, query):
    """The only value of a query."""
    return connection.execute(query).fetchone()[0]


def test_attributes_decide_about_logins(nodes, admin):
    """Goal: NOLOGIN, the end of a password, the connection limit and CONNECT keep a role out, and tell why only
    to who proved that he is it."""
    primary = nodes[0]
    admin.execute(f"CREATE ROLE attr LOGIN PASSWORD '{PASSWORD}' CONNECTION LIMIT 1")
    with connect(primary, "attr") as first:
        assert 'too many connections for role "attr"' in refusal(primary, "attr")
        assert value(first, "SELECT current_user") == "attr"
    let_in_soon(primary, "attr")
    admin.execute("ALTER ROLE attr CONNECTION LIMIT -1 VALID UNTIL '2001-01-01'")
    ended = refusal(primary, "attr")
    admin.execute("ALTER ROLE attr VALID UNTIL 'infinity' NOLOGIN")
    wrong = refusal(primary, "attr", password="wrong")
    unknown = refusal(primary, "nobody")
    for text in (ended, wrong, unknown):
        assert "password authentication failed for user" in text, text
    assert 'role "attr" is not permitted to log in' in refusal(primary, "attr")
    admin.execute("ALTER ROLE attr LOGIN PASSWORD NULL")
    assert "password authentication failed" in refusal(primary, "attr")
    admin.execute(f"ALTER ROLE attr PASSWORD '{PASSWORD}'")
    admin.execute("REVOKE CONNECT ON DATABASE gotgan FROM PUBLIC")
    try:
        assert 'permission denied for database "gotgan"' in refusal(primary, "attr")
        admin.execute("GRANT CONNECT ON DATABASE gotgan TO attr")
        assert refusal(primary, "attr") is None
        admin.execute("REVOKE CONNECT ON DATABASE gotgan FROM attr")
    finally:
        admin.execute("GRANT CONNECT ON DATABASE gotgan TO PUBLIC")
    admin.execute("DROP ROLE attr")


def test_a_new_name_keeps_the_password(nodes, admin):
    """Goal: after RENAME the same password fits, and the old name is nobody's."""
    admin.execute(f"CREATE USER before PASSWORD '{PASSWORD}'")
    admin.execute("ALTER USER before RENAME TO after")
    assert refusal(nodes[0], "after") is None
    assert "password authentication failed" in refusal(nodes[0], "before")
    admin.execute("DROP USER after")


def test_settings_of_roles_begin_sessions(nodes, admin):
    """Goal: everyone's, the database's, the role's and the role's in the database win in this order, the client's
    own over all; what does not fit warns, and RESET goes back to it."""
    primary = nodes[0]
    admin.execute(f"CREATE ROLE setter LOGIN PASSWORD '{PASSWORD}'")
    show = "SELECT current_setting('extra_float_digits')"

    def seen(**parameters):
        with connect(primary, "setter", **parameters) as connection:
            return value(connection, show)

    steps = [
        ("ALTER ROLE ALL SET extra_float_digits = -1", "-1"),
        ("ALTER DATABASE gotgan SET extra_float_digits = -2", "-2"),
        ("ALTER ROLE setter SET extra_float_digits = -3", "-3"),
        ("ALTER ROLE setter IN DATABASE gotgan SET extra_float_digits = -4", "-4"),
    ]
    try:
        for statement, expected in steps:
            admin.execute(statement)
            assert seen() == expected
        assert seen(options="-c extra_float_digits=3") == "3"
        with connect(primary, "setter") as connection:
            connection.execute("SET extra_float_digits = 0")
            connection.execute("RESET extra_float_digits")
            assert value(connection, show) == "-4"
    finally:
        admin.execute("ALTER ROLE ALL RESET ALL")
        admin.execute("ALTER DATABASE gotgan RESET ALL")
    admin.execute("ALTER ROLE setter IN DATABASE gotgan RESET ALL")
    admin.execute("CREATE ROLE other_setter")
    admin.execute("GRANT other_setter TO setter")
    admin.execute("ALTER ROLE setter SET role = 'other_setter'")
    with connect(primary, "setter") as connection:
        assert value(connection, "SELECT current_user") == "other_setter"
        connection.execute("SET ROLE NONE")
        assert value(connection, "SELECT current_user") == "setter"
        connection.execute("RESET ROLE")
        assert value(connection, "SELECT current_user") == "other_setter"
    admin.execute("REVOKE other_setter FROM setter")
    with connect(primary, "setter") as connection:
        assert value(connection, "SELECT current_user") == "setter", "a setting that does not fit is passed over"
    place = f"host=127.0.0.1 port={primary.port} user=setter password={PASSWORD} dbname=gotgan"
    shown = subprocess.run(["psql", "-X", "-At", place, "-c", show], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "-3"
    assert 'WARNING:  permission denied to set role "other_setter"' in shown.stderr
    admin.execute("DROP ROLE setter, other_setter")


def test_roles_connect_where_they_may(nodes, admin):
    """Goal: gotgan.connect_to keeps members of a role on replicas; the role's own value wins, else the strictest;
    superusers are exempt; nobody sets it for himself."""
    primary, replica = nodes
    admin.execute("CREATE ROLE data_team")
    admin.execute(f"CREATE ROLE analyst LOGIN NOINHERIT PASSWORD '{PASSWORD}' IN ROLE data_team")
    assert refusal(primary, "analyst") is None
    admin.execute("ALTER ROLE data_team SET gotgan.connect_to = 'replica'")
    refused = refusal(primary, "analyst")
    assert 'role "analyst" may connect to a replica only' in refused
    assert f":{replica.port}" in refused
    assert refusal(replica, "analyst") is None
    shown = admin.execute("SELECT connect_to, connect_to_from FROM gotgan.roles WHERE name = 'analyst'").fetchone()
    assert shown == ("replica", "data_team")
    with connect(replica, "analyst") as connection:
        assert value(connection, "SHOW gotgan.connect_to") == "replica"
        with pytest.raises(psycopg.Error, match="cannot be set after connection start"):
            connection.execute("SET gotgan.connect_to = 'any'")
    admin.execute("ALTER ROLE analyst SET gotgan.connect_to = 'any'")
    assert refusal(primary, "analyst") is None
    with connect(primary, "analyst") as connection:
        for statement in (
            "ALTER ROLE analyst SET gotgan.connect_to = 'primary'",
            "ALTER ROLE analyst RESET gotgan.connect_to",
            "ALTER ROLE current_user IN DATABASE gotgan SET gotgan.connect_to = 'any'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        connection.execute("ALTER ROLE analyst RESET ALL")
    assert refusal(primary, "analyst") is None, "RESET ALL left what he may not set"
    admin.execute("ALTER ROLE analyst SET gotgan.connect_to = 'primary'")
    refused = refusal_soon(replica, "analyst")
    assert 'role "analyst" may connect to a primary only' in refused
    assert f":{primary.port}" in refused
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        admin.execute("ALTER ROLE analyst SET gotgan.connect_to = 'nowhere'")
    admin.execute("ALTER ROLE analyst RESET gotgan.connect_to")
    admin.execute("ALTER ROLE ALL SET gotgan.connect_to = 'primary'")
    try:
        assert "may connect to a replica only" in refusal(primary, "analyst"), "a membership wins over everyone's"
    finally:
        admin.execute("ALTER ROLE ALL RESET gotgan.connect_to")
    admin.execute("ALTER ROLE analyst SUPERUSER")
    assert refusal(primary, "analyst") is None, "superusers are exempt"
    assert "cannot be set after connection start" in refusal(primary, "gotgan", options="-c gotgan.connect_to=any",
                                                            password=primary.arguments["password"])
    admin.execute("DROP ROLE analyst, data_team")


def test_makers_of_roles_do_not_move_themselves(nodes, admin):
    """Goal: CREATEROLE sets gotgan.connect_to of others, not of itself."""
    admin.execute(f"CREATE ROLE maker LOGIN CREATEROLE PASSWORD '{PASSWORD}'")
    admin.execute("CREATE ROLE made")
    with connect(nodes[0], "maker") as connection:
        connection.execute("ALTER ROLE made SET gotgan.connect_to = 'replica'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("ALTER ROLE maker SET gotgan.connect_to = 'any'")
    admin.execute("DROP ROLE maker, made")


def test_a_session_goes_on_as_everybody_without_its_role(nodes, admin):
    """Goal: a role that is dropped, or made anew under its name, is not what its sessions were: these have what
    everybody has, as in PostgreSQL."""
    admin.execute(f"CREATE ROLE gone LOGIN PASSWORD '{PASSWORD}'")
    admin.execute("CREATE TABLE for_all AS SELECT 1 AS a")
    admin.execute("CREATE TABLE for_none AS SELECT 1 AS a")
    admin.execute("GRANT SELECT ON for_all TO PUBLIC")
    with connect(nodes[0], "gone") as connection:
        assert value(connection, "SELECT current_user") == "gone"
        admin.execute("DROP ROLE gone")
        admin.execute("CREATE ROLE gone SUPERUSER")
        assert value(connection, "SELECT 1") == 1
        assert value(connection, "SELECT a FROM for_all") == 1
        assert value(connection, "SELECT has_table_privilege('for_all', 'INSERT')") is False
        for statement in ("SELECT current_user", "SELECT session_user", "CREATE TEMP TABLE mine (a int)"):
            with pytest.raises(psycopg.errors.UndefinedObject):
                connection.execute(statement)
        for statement in (
            "SELECT a FROM for_none",
            "INSERT INTO for_all VALUES (2)",
            "DROP TABLE for_all",
            "CREATE TABLE mine (a int)",
            "CREATE SCHEMA mine",
            "CREATE ROLE other",
            "ALTER ROLE gone NOLOGIN",
            "SELECT * FROM pg_authid",
            "SET SESSION AUTHORIZATION gotgan",
            "SET ROLE gone",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    admin.execute("DROP TABLE for_all, for_none")
    admin.execute("DROP ROLE gone")


def test_changes_hold_in_open_sessions(nodes, admin):
    """Goal: what a role loses it loses at once, in sessions that are open and in transactions that are pinned."""
    admin.execute(f"CREATE ROLE member LOGIN PASSWORD '{PASSWORD}'")
    admin.execute("CREATE ROLE team")
    admin.execute("GRANT team TO member")
    with connect(nodes[0], "member") as connection:
        connection.execute("SET ROLE team")
        connection.execute("RESET ROLE")
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        assert value(connection, "SELECT pg_has_role('team', 'MEMBER')")
        admin.execute("REVOKE team FROM member")
        assert not value(connection, "SELECT pg_has_role('team', 'MEMBER')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET ROLE team")
        connection.execute("ROLLBACK")
    admin.execute("DROP ROLE member, team")


def test_rules_know_memberships(tmp_path):
    """Goal: a rule for +group is for its members, whatever the names."""
    rules = tmp_path / "rules"
    rules.write_text("host all +outside all reject\nhost all all all scram-sha-256\n")
    server = Server(tmp_path / "node", settings={"auth.rules": str(rules)}).start()
    try:
        with psycopg.connect(**server.arguments, dbname="gotgan", autocommit=True) as admin:
            admin.execute("CREATE ROLE outside")
            admin.execute(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
            assert refusal(server, "guest") is None
            admin.execute("GRANT outside TO guest")
            assert "no rule of the server lets in" in refusal(server, "guest")
            admin.execute("REVOKE outside FROM guest")
            assert refusal(server, "guest") is None
    finally:
        server.stop()
