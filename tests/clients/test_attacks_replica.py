"""Attacks on a replica: no mode, setting, statement or function makes it write."""

import psycopg
import pytest

import permission_actors as actors
import permission_statements as statements
from permission_run import Client
from server import PASSWORD, Server

# What a client may try before it writes; whatever comes of it.
TRICKS = [
    [],
    ["BEGIN READ WRITE"],
    ["START TRANSACTION READ WRITE"],
    ["BEGIN", "SET TRANSACTION READ WRITE"],
    ["BEGIN", "SET LOCAL transaction_read_only = off"],
    ["SET transaction_read_only = off"],
    ["SET default_transaction_read_only = off"],
    ["SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"],
    ["SELECT set_config('transaction_read_only', 'off', false)"],
    ["SELECT set_config('default_transaction_read_only', 'off', false)"],
    ["SELECT set_config('in_hot_standby', 'off', false)"],
    ["SET in_hot_standby = off"],
    ["RESET transaction_read_only", "RESET default_transaction_read_only", "RESET ALL"],
    ["DISCARD ALL"],
    ["CREATE TEMPORARY TABLE mine (x int)", "INSERT INTO mine VALUES (1)"],
    ["BEGIN", "SAVEPOINT s", "SELECT 1 / 0", "ROLLBACK TO s", "SET TRANSACTION READ WRITE"],
    ["BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE"],
    ["SET gotgan.as_of = ''"],
    ["SET ROLE gotgan", "SET SESSION AUTHORIZATION gotgan"],
]

WRITES = [
    "INSERT INTO perm.t VALUES (9, 9, 'x')",
    "INSERT INTO perm.t VALUES (9, 9, 'x') RETURNING id",
    "INSERT INTO perm.t VALUES (1, 9, 'x') ON CONFLICT (id) DO UPDATE SET a = 1",
    "WITH x AS (INSERT INTO perm.t VALUES (9, 9, 'x') RETURNING id) SELECT * FROM x",
    "UPDATE perm.t SET a = 1",
    "UPDATE perm.t SET a = 1 WHERE false",
    "DELETE FROM perm.t",
    "MERGE INTO perm.t USING perm.u ON t.id = u.id WHEN MATCHED THEN DELETE",
    "TRUNCATE perm.t",
    "COPY perm.t FROM STDIN",
    "EXPLAIN ANALYZE INSERT INTO perm.t VALUES (9, 9, 'x')",
    "EXPLAIN ANALYZE UPDATE perm.t SET a = 1",
    "EXPLAIN ANALYZE DELETE FROM perm.t",
    "CREATE TABLE perm.n (x int)",
    "CREATE TABLE perm.n AS SELECT 1 AS x",
    "SELECT 1 AS x INTO perm.n",
    "CREATE VIEW perm.n AS SELECT 1 AS x",
    "CREATE SCHEMA perm_new",
    "CREATE SEQUENCE perm.n",
    "CREATE INDEX n ON perm.t (a)",
    "ALTER TABLE perm.t ADD COLUMN n int",
    "ALTER TABLE perm.t RENAME TO n",
    "ALTER TABLE perm.t OWNER TO gotgan",
    "ALTER TABLE perm.t SET (gotgan.retention = '1 day')",
    "ALTER TABLE perm.t ALTER SORTKEY (a)",
    "ALTER TABLE perm.t ENABLE ROW LEVEL SECURITY",
    "ALTER VIEW perm.v RENAME TO n",
    "ALTER SCHEMA perm RENAME TO perm_new",
    "ALTER SEQUENCE perm.q RESTART",
    "DROP TABLE perm.s",
    "DROP VIEW perm.v_nested",
    "DROP SCHEMA perm_open CASCADE",
    "DROP SEQUENCE perm.q",
    "COMMENT ON TABLE perm.t IS 'x'",
    "CREATE POLICY n ON perm.t USING (true)",
    "CREATE MASKING POLICY n WITH (b text) USING ('x'::text)",
    "GRANT SELECT ON perm.t TO perm_none",
    "REVOKE SELECT ON perm.t FROM perm_select",
    "GRANT perm_owner TO perm_none",
    "REVOKE perm_readers FROM perm_reader_group",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO perm_none",
    "CREATE ROLE perm_new",
    "ALTER ROLE perm_none CREATEDB",
    "ALTER ROLE perm_none PASSWORD 'x'",
    "ALTER ROLE perm_none SET datestyle = 'ISO'",
    "DROP ROLE perm_none",
    "REASSIGN OWNED BY perm_owner TO perm_weak",
    "DROP OWNED BY perm_owner",
    "SELECT nextval('perm.q')",
    "SELECT setval('perm.q', 5)",
    "VACUUM perm.t",
    "VACUUM",
    "ANALYZE perm.t",
    "RESTORE TABLE perm.t AS OF now() AS perm.n",
    "RESTORE SCHEMA perm AS OF now() AS perm_new",
    "SELECT gotgan.restore_table('perm.t', 'perm.n', as_of => now())",
    "SELECT * FROM gotgan.restore_table('perm.t', 'perm.n', as_of => now())",
    "UNDROP TABLE perm.gone",
    "CREATE SNAPSHOT perm_hold",
    "SELECT gotgan.create_snapshot('perm_hold')",
    "DROP SNAPSHOT perm_held",
    "EXPIRE SNAPSHOTS",
    "SELECT * FROM gotgan.expire_snapshots()",
    "REMOVE ORPHANS",
    "ADOPT DATA",
    "ALTER SYSTEM SET gotgan.retention = '2 days'",
]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """A primary with the objects of the permission matrix, and a replica."""
    primary = Server(tmp_path_factory.mktemp("primary")).start()
    admin = Client(f"host=127.0.0.1 port={primary.port} user=gotgan password={PASSWORD} dbname=gotgan")
    admin.must(*actors.setup(PASSWORD))
    admin.must("CREATE SNAPSHOT perm_held", "CREATE TABLE perm.gone (x int)", "DROP TABLE perm.gone")
    replica = Server(tmp_path_factory.mktemp("replica"), primary=primary).start()
    yield admin, replica
    admin.close()
    bad = replica.bad_log_lines() + primary.bad_log_lines()
    replica.stop()
    primary.stop()
    assert not bad, "\n".join(bad[:20])


def state(admin):
    """What a write would change: the newest snapshot, the rows, roles, sequences, holds, settings."""
    queries = [
        "SELECT max(snapshot_id) FROM gotgan.snapshots",
        "SELECT * FROM perm.t",
        "SELECT last_value, is_called FROM perm.q",
        "SELECT rolname, rolcreatedb, rolconfig FROM pg_roles",
        "SELECT roleid, member FROM pg_auth_members",
        "SELECT name FROM gotgan.holds",
        "SELECT name, value FROM gotgan.settings",
        "SELECT relname, relacl FROM pg_class",
    ]
    return [admin.must(query).rows for query in queries]


def client(replica, role="gotgan", **parameters):
    """A connection to the replica."""
    more = " ".join(f"{name}='{value}'" for name, value in parameters.items())
    return Client(f"host=127.0.0.1 port={replica.port} user={role} password={PASSWORD} dbname=gotgan {more}")


def expect_refusal(outcome, statement):
    """A write is refused as one, by whatever comes first."""
    assert outcome.failed, f"{statement}: {outcome}"
    assert outcome.code in ("25006", "25P02", "0A000"), f"{statement}: {outcome}"
    if outcome.code == "0A000":
        assert "not supported" in outcome.message or "recovery" in outcome.message, f"{statement}: {outcome}"


@pytest.mark.parametrize("write", WRITES)
def test_superuser_cannot_write(nodes, write):
    """Goal: every kind of write is refused with 25006 to the mightiest role, after every trick."""
    admin, replica = nodes
    before = state(admin)
    for trick in TRICKS:
        one = client(replica)
        for statement in trick:
            one.run(statement)
        outcome = one.run(write)
        expect_refusal(outcome, f"{trick} {write}")
        if not trick:
            assert outcome.code == "25006", f"{write}: {outcome}"
        one.run("COMMIT")
        one.close()
    assert state(admin) == before


def test_options_of_the_connection(nodes):
    """Goal: nor what a client says when it connects."""
    admin, replica = nodes
    before = state(admin)
    for options in ("-c default_transaction_read_only=off", "-c transaction_read_only=off", "-c in_hot_standby=off"):
        try:
            one = client(replica, options=options)
        except ConnectionError as error:
            assert "cannot" in str(error), error
            continue
        for write in WRITES[:6]:
            expect_refusal(one.run(write), f"{options} {write}")
        one.close()
    assert state(admin) == before


def test_prepared_and_described(nodes):
    """Goal: nor the extended protocol, with or without a description, in a pipeline or a batch."""
    admin, replica = nodes
    before = state(admin)
    with psycopg.connect(**replica.arguments, dbname="gotgan", autocommit=True) as driver:
        for prepare in (True, False):
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                driver.execute("INSERT INTO perm.t VALUES (%s, 9, 'x')", (9,), prepare=prepare)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), driver.cursor() as cursor:
            cursor.executemany("INSERT INTO perm.t VALUES (%s, 9, 'x')", [(8,), (9,)])
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), driver.cursor() as cursor:
            with cursor.copy("COPY perm.t FROM STDIN") as copy:
                copy.write("9\t9\tx\n")
    one = client(replica)
    expect_refusal(one.run("SELECT 1; INSERT INTO perm.t VALUES (9, 9, 'x'); SELECT 2"), "a batch")
    one.must("PREPARE p AS INSERT INTO perm.t VALUES (9, 9, 'x')")
    expect_refusal(one.run("EXECUTE p"), "EXECUTE")
    one.close()
    assert state(admin) == before


def test_temporary_tables_work(nodes):
    """Goal: temporary tables are the connection's own, on a replica too; they are no way to the others."""
    admin, replica = nodes
    before = state(admin)
    one = client(replica)
    one.must(
        "CREATE TEMPORARY TABLE n AS SELECT * FROM perm.t",
        "INSERT INTO n SELECT id + 10, a, b FROM perm.t",
        "UPDATE n SET a = a + 1 WHERE id > 10",
        "DELETE FROM n WHERE id = 1",
        "MERGE INTO n USING perm.u AS u ON n.id = u.id WHEN MATCHED THEN UPDATE SET a = u.a",
        "TRUNCATE n",
        "INSERT INTO n VALUES (1, 1, 'x')",
        "ALTER TABLE n ADD COLUMN more int",
        "CREATE TEMPORARY VIEW w AS SELECT * FROM n",
    )
    assert one.must("SELECT id, a, b FROM w").rows == (("1", "1", "x"),)
    expect_refusal(one.run("INSERT INTO perm.t SELECT id + 50, a, b FROM n"), "INSERT from a temporary table")
    expect_refusal(
        one.run("WITH x AS (INSERT INTO n VALUES (7, 7, 'x') RETURNING id) INSERT INTO perm.t SELECT id, 1, '' FROM x"),
        "WITH",
    )
    expect_refusal(one.run("ALTER TABLE n SET SCHEMA perm"), "SET SCHEMA")
    one.must("DROP VIEW w", "DROP TABLE n")
    one.close()
    assert state(admin) == before


@pytest.mark.parametrize("group", statements.GROUPS)
def test_no_statement_of_the_matrix_commits(nodes, group):
    """Goal: no statement of any kind leaves a trace. Method: each of the matrix with COMMIT behind it, as superuser."""
    admin, replica = nodes
    before = state(admin)
    one = client(replica)
    for texts in statements.cases(group).values():
        one.run("BEGIN")
        for text in texts:
            one.run(text)
        one.run("COMMIT")
        if group in ("alone", "insert", "create", "role"):
            one.run(texts[-1])
        if one.is_lost():
            one = client(replica)
        one.run("RESET SESSION AUTHORIZATION")
    one.close()
    assert state(admin) == before
