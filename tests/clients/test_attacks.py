"""Attacks in SQL that PostgreSQL 15 withstands; every test runs on both, so that it shows what it says."""

import psycopg
import pytest

from attack_world import refused, rows
from server import PASSWORD


# Views


def test_own_view_gives_no_rights(world):
    """Goal: a view over what one may not read reads nothing, for its owner and for whoever is lured to it."""
    world.mallory.must("CREATE VIEW att_open.v AS SELECT word FROM att.secret")
    refused(world.mallory, "SELECT * FROM att_open.v", text="permission denied for table secret")
    world.mallory.must("GRANT SELECT ON att_open.v TO PUBLIC")
    refused(world.admin, "SELECT * FROM att_open.v", text="permission denied for table secret")
    refused(world.owner, "SELECT * FROM att_open.v", text="permission denied for table secret")


def test_view_ends_with_its_owner_s_rights(world):
    """Goal: who reads through a view reads as its owner may today."""
    world.owner.must("GRANT SELECT ON att.secret TO att_victim")
    world.victim.must(
        "CREATE VIEW att_open.v AS SELECT id FROM att.secret", "GRANT SELECT ON att_open.v TO att_mallory"
    )
    assert rows(world.mallory, "SELECT * FROM att_open.v") == [("1",), ("2",)]
    refused(world.mallory, "SELECT * FROM att.secret")
    world.owner.must("REVOKE SELECT ON att.secret FROM att_victim")
    refused(world.mallory, "SELECT * FROM att_open.v", text="permission denied for table secret")


def test_view_shows_its_columns_only(world):
    """Goal: a view's columns are all that its readers get of the table behind it."""
    world.owner.must(
        "CREATE VIEW att.v AS SELECT id FROM att.secret WHERE id = 1", "GRANT SELECT ON att.v TO att_mallory"
    )
    assert rows(world.mallory, "SELECT * FROM att.v") == [("1",)]
    for column in ("word", "secret.word", "v.word"):
        assert world.mallory.run(f"SELECT {column} FROM att.v").code in ("42703", "42P01")
    refused(world.mallory, "SELECT v.id FROM att.v JOIN att.secret ON secret.id = v.id", text="table secret")


def test_invoker_s_view_asks_the_caller(world):
    """Goal: security_invoker asks who reads, also below a view that takes its owner's rights."""
    world.owner.must(
        "CREATE VIEW att.v WITH (security_invoker = true) AS SELECT word FROM att.secret",
        "GRANT SELECT ON att.v TO att_mallory",
    )
    refused(world.mallory, "SELECT * FROM att.v", text="permission denied for table secret")
    world.owner.must(
        "CREATE VIEW att.outer_view AS SELECT * FROM att.v", "GRANT SELECT ON att.outer_view TO att_mallory"
    )
    refused(world.mallory, "SELECT * FROM att.outer_view", text="permission denied for table secret")
    refused(world.mallory, "ALTER VIEW att.v SET (security_invoker = false)", text="must be owner of view v")


def test_nobody_gives_away_a_view(world):
    """Goal: a view gets no mightier owner by ALTER or by replacing another's."""
    world.mallory.must("CREATE VIEW att_open.v AS SELECT word FROM att.secret")
    refused(world.mallory, "ALTER VIEW att_open.v OWNER TO att_owner", text='must be member of role "att_owner"')
    world.owner.must("CREATE VIEW att.mine AS SELECT 1 AS word", "GRANT ALL ON att.mine TO att_mallory")
    refused(world.mallory, "CREATE OR REPLACE VIEW att.mine AS SELECT 2 AS word", text="")
    refused(world.mallory, "DROP VIEW att.mine", text="must be owner of view mine")


# Default privileges


def test_default_privileges_are_one_s_own(world):
    """Goal: nobody writes rights into what others will make."""
    refused(world.mallory, "ALTER DEFAULT PRIVILEGES FOR ROLE att_owner GRANT ALL ON TABLES TO att_mallory")
    refused(
        world.mallory, "ALTER DEFAULT PRIVILEGES FOR ROLE att_owner IN SCHEMA att GRANT ALL ON TABLES TO att_mallory"
    )
    world.mallory.must("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO att_mallory")
    world.owner.must("CREATE TABLE att.later AS SELECT 1 AS x")
    refused(world.mallory, "SELECT * FROM att.later")
    world.owner.must(
        "ALTER DEFAULT PRIVILEGES IN SCHEMA att GRANT SELECT ON TABLES TO att_mallory",
        "CREATE TABLE att.latest AS SELECT 1 AS x",
    )
    assert rows(world.mallory, "SELECT * FROM att.latest") == [("1",)]
    refused(world.mallory, "SELECT * FROM att.later")


# SET ROLE


def test_set_role_needs_membership(world):
    """Goal: nobody becomes what he is not, by any spelling."""
    for statement in (
        "SET ROLE att_owner",
        "SET LOCAL ROLE att_owner",
        "SET SESSION ROLE att_owner",
        'SET ROLE "att_owner"',
        "SET ROLE = att_owner",
        "SET role TO 'att_owner'",
        "SELECT set_config('role', 'att_owner', false)",
        "SET SESSION AUTHORIZATION att_owner",
        "SELECT set_config('session_authorization', 'att_owner', false)",
        f"SET ROLE {world.superuser}",
        f"SET SESSION AUTHORIZATION {world.superuser}",
        "GRANT att_owner TO att_mallory",
        "ALTER ROLE att_mallory SUPERUSER",
    ):
        refused(world.mallory, "BEGIN", statement, code="42501 0A000")
        world.mallory.must("ROLLBACK")
        assert rows(world.mallory, "SELECT current_user, session_user") == [("att_mallory", "att_mallory")]


def test_role_ends_with_its_transaction(world):
    """Goal: a role of SET LOCAL, or of a transaction that is rolled back, does not outlast it."""
    world.admin.must("GRANT att_owner TO att_mallory")
    mallory = world.mallory
    for statements in (
        ["BEGIN", "SET LOCAL ROLE att_owner", "COMMIT"],
        ["BEGIN", "SET ROLE att_owner", "ROLLBACK"],
        ["BEGIN", "SAVEPOINT s", "SET ROLE att_owner", "ROLLBACK TO s", "COMMIT"],
        ["SET ROLE att_owner", "RESET ROLE"],
        ["SET ROLE att_owner", "SET ROLE NONE"],
        ["SET ROLE att_owner", "RESET ALL", "SET ROLE NONE"],
        ["SET ROLE att_owner", "DISCARD ALL"],
    ):
        mallory.must(*statements)
        assert rows(mallory, "SELECT current_user") == [("att_mallory",)], statements
    mallory.must("SET ROLE att_owner")
    assert rows(mallory, "SELECT current_user, session_user") == [("att_owner", "att_mallory")]
    world.admin.must("REVOKE att_owner FROM att_mallory")
    mallory.must("RESET ROLE")
    refused(mallory, "SET ROLE att_owner")
    refused(mallory, "SELECT * FROM att.secret")


def test_rights_of_a_membership_end_at_once(world):
    """Goal: a session that is open loses with the membership what it gave."""
    world.owner.must("GRANT SELECT ON att.secret TO att_group")
    world.admin.must("GRANT att_group TO att_mallory")
    mallory = world.mallory
    assert len(rows(mallory, "SELECT * FROM att.secret")) == 2
    world.admin.must("REVOKE att_group FROM att_mallory")
    refused(mallory, "SELECT * FROM att.secret")


def test_settings_of_a_connection_give_no_rights(world):
    """Goal: what a client says when it connects makes it nobody else."""
    for options in ("-c role=att_owner", "-c session_authorization=att_owner", "-c is_superuser=on"):
        try:
            client = world.fresh("att_mallory", options=options)
        except ConnectionError:
            continue
        assert rows(client, "SELECT current_user, session_user") == [("att_mallory", "att_mallory")], options
        refused(client, "SELECT * FROM att.secret")


def test_setting_of_a_role_gives_no_rights(world):
    """Goal: ALTER ROLE ... SET of one's own role cannot make the next login another."""
    for setting in ("role = 'att_owner'", "session_authorization = 'att_owner'", "is_superuser = on"):
        world.mallory.run(f"ALTER ROLE att_mallory SET {setting}")
        try:
            client = world.fresh("att_mallory")
        except ConnectionError:
            world.admin.must("ALTER ROLE att_mallory RESET ALL")
            continue
        assert rows(client, "SELECT current_user, session_user") == [("att_mallory", "att_mallory")], setting
        world.admin.must("ALTER ROLE att_mallory RESET ALL")


# Names


def test_search_path_finds_no_substitute(world):
    """Goal: views and defaults mean what they meant when they were made."""
    world.owner.must(
        "SET search_path = att",
        "CREATE TABLE prices (n int)",
        "INSERT INTO prices VALUES (1)",
        "CREATE SEQUENCE numbers",
        "CREATE TABLE orders (id int DEFAULT nextval('numbers'), x int)",
        "CREATE VIEW total AS SELECT sum(n) AS s FROM prices",
        "GRANT SELECT ON total TO att_mallory",
        "GRANT INSERT, SELECT ON orders TO att_mallory",
        "GRANT USAGE ON SEQUENCE numbers TO att_mallory",
        "RESET search_path",
    )
    mallory = world.mallory
    mallory.must(
        "CREATE TEMPORARY TABLE prices AS SELECT 1000 AS n",
        "CREATE TABLE att_open.prices AS SELECT 1000 AS n",
        "CREATE SEQUENCE att_open.numbers START 500",
        "SET search_path = att_open, att",
        "INSERT INTO att.orders (x) VALUES (1)",
    )
    assert rows(mallory, "SELECT s FROM att.total") == [("1",)]
    assert rows(mallory, "SELECT id FROM att.orders") == [("1",)]


def test_schemas_without_usage_are_not_searched(world):
    """Goal: a schema that one may not use is as if it were not in the path; named, it is refused at once."""
    world.admin.must(
        "CREATE SCHEMA att_hidden", "CREATE TABLE att_hidden.t (x int)", "GRANT SELECT ON att_hidden.t TO att_mallory"
    )
    try:
        refused(world.mallory, "SET search_path = att_hidden", "SELECT * FROM t", code="42P01")
        for table in ("t", "nosuch"):
            refused(world.mallory, f"SELECT * FROM att_hidden.{table}", text="permission denied for schema att_hidden")
            refused(
                world.mallory, f"SELECT 'att_hidden.{table}'::regclass", text="permission denied for schema att_hidden"
            )
            refused(
                world.mallory,
                f"DROP TABLE IF EXISTS att_hidden.{table}",
                text="permission denied for schema att_hidden",
            )
        assert rows(world.mallory, "SELECT current_schema() IS NULL") == [("t",)]
    finally:
        world.admin.must("DROP SCHEMA att_hidden CASCADE")


def test_catalog_cannot_be_replaced(world):
    """Goal: the system's relations come first, and nobody adds to them."""
    mallory = world.mallory
    refused(mallory, "CREATE TABLE pg_catalog.pg_class (x int)")
    refused(mallory, "CREATE SCHEMA pg_mine")
    mallory.must("CREATE TABLE att_open.pg_roles AS SELECT 'nobody' AS rolname", "SET search_path = att_open")
    assert len(rows(mallory, "SELECT rolname FROM pg_roles")) > 1
    refused(mallory, "INSERT INTO pg_roles VALUES ('x')", code="42501" if world.is_gotgan else "55000")
    for statement in (
        "INSERT INTO pg_class (relname) VALUES ('x')",
        "DELETE FROM pg_authid",
        "UPDATE pg_authid SET rolsuper = true",
    ):
        refused(mallory, statement)


# Files and programs


@pytest.mark.parametrize(
    "statement",
    [
        "COPY att_open.t TO '/tmp/x'",
        "COPY att_open.t FROM '/etc/passwd'",
        "COPY att_open.t TO PROGRAM 'id'",
        "COPY att_open.t FROM PROGRAM 'id'",
        "COPY (SELECT 1) TO '/tmp/x'",
    ],
)
def test_copy_reaches_no_file(world, statement):
    """Goal: the server's files and programs are out of reach; of ours even for superusers."""
    world.mallory.must("CREATE TABLE att_open.t (x text)")
    refused(world.mallory, statement, text="must be superuser or have privileges of the pg_")
    if world.is_gotgan:
        refused(world.admin, statement, code="0A000")


def test_no_function_reaches_a_file(world):
    """Goal: nor do functions, relations of other engines, or languages."""
    for statement in (
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_read_binary_file('/etc/passwd')",
        "SELECT pg_ls_dir('/')",
        "SELECT pg_stat_file('/etc/passwd')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        'SELECT * FROM "/etc/passwd"',
        "CREATE EXTERNAL TABLE att_open.e (x text) STORED AS CSV LOCATION '/etc/passwd'",
        "LOAD '/etc/passwd'",
        "SELECT current_setting('config_file')",
        "SHOW hba_file",
    ):
        for client in (world.mallory, *([world.admin] if world.is_gotgan else [])):
            outcome = client.run(statement)
            assert outcome.failed, f"{statement}: {outcome}"
            assert "root" not in str(outcome)


# Others' temporary tables


def test_temporary_tables_are_the_connection_s_own(world):
    """Goal: nobody reads, drops or fills another's temporary schema, not even a superuser."""
    world.victim.must("CREATE TEMPORARY TABLE mine AS SELECT 'xyzzy' AS x")
    schema = rows(world.victim, "SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()")[0][0]
    for client in (world.mallory, world.admin):
        for statement in (
            f"SELECT * FROM {schema}.mine",
            f"COPY {schema}.mine TO STDOUT",
            f"INSERT INTO {schema}.mine VALUES ('x')",
            f"CREATE TABLE {schema}.other (x int)",
        ):
            outcome = client.run(statement)
            assert outcome.failed and "xyzzy" not in str(outcome), f"{statement}: {outcome}"
    assert rows(world.victim, "SELECT * FROM mine") == [("xyzzy",)]


# What was prepared


def test_prepared_statement_after_revoke(world):
    """Goal: rights are asked for at each run. Method: PREPARE, and a named statement of the protocol."""
    world.owner.must("GRANT SELECT ON att.secret TO att_mallory")
    mallory = world.mallory
    mallory.must("PREPARE p AS SELECT id FROM att.secret WHERE id > $1", "EXECUTE p (0)")
    with psycopg.connect(f"{world.dsn} user=att_mallory password={PASSWORD} dbname=gotgan", autocommit=True) as driver:
        read = lambda: driver.execute("SELECT id FROM att.secret WHERE id > %s", (0,), prepare=True).fetchall()
        assert len(read()) == len(read()) == 2
        world.owner.must("REVOKE SELECT ON att.secret FROM att_mallory")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            read()
    refused(mallory, "EXECUTE p (0)", text="permission denied for table secret")


def test_revoke_reaches_an_old_transaction(world):
    """Goal: rights are today's, also where a transaction sees yesterday's rows."""
    world.owner.must("GRANT SELECT ON att.secret TO att_mallory")
    mallory = world.mallory
    mallory.must("BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT * FROM att.secret")
    world.owner.must("REVOKE SELECT ON att.secret FROM att_mallory")
    refused(mallory, "SELECT * FROM att.secret")
    mallory.must("ROLLBACK")


def test_revoke_of_a_column_and_a_schema(world):
    """Goal: as for tables."""
    world.owner.must("GRANT SELECT (id, n) ON att.secret TO att_mallory")
    mallory = world.mallory
    mallory.must("PREPARE p AS SELECT n FROM att.secret", "EXECUTE p")
    world.owner.must("REVOKE SELECT (n) ON att.secret FROM att_mallory")
    refused(mallory, "EXECUTE p", text="permission denied for table secret")
    mallory.must("PREPARE q AS SELECT id FROM att.secret", "EXECUTE q")
    world.admin.must("REVOKE USAGE ON SCHEMA att FROM att_mallory")
    refused(mallory, "SELECT id FROM att.secret", text="permission denied for schema att")


def test_cursor_reads_what_it_was_opened_on(world):
    """Goal: a cursor asks when it is opened, as in PostgreSQL; it cannot be opened again after."""
    world.owner.must("GRANT SELECT ON att.secret TO att_mallory")
    mallory = world.mallory
    mallory.must("BEGIN", "DECLARE c CURSOR FOR SELECT id FROM att.secret ORDER BY id")
    assert rows(mallory, "FETCH 1 FROM c") == [("1",)]
    world.owner.must("REVOKE SELECT ON att.secret FROM att_mallory")
    assert rows(mallory, "FETCH 1 FROM c") == [("2",)]
    mallory.must("CLOSE c")
    refused(mallory, "DECLARE c CURSOR FOR SELECT id FROM att.secret")
    mallory.must("ROLLBACK")


# Names that are given again


def test_grants_do_not_come_back_with_a_name(world):
    """Goal: rights are an object's, not a name's: of tables, columns, schemas, sequences, roles."""
    owner, mallory = world.owner, world.mallory
    owner.must("GRANT SELECT ON att.secret TO att_mallory")
    mallory.must("PREPARE p AS SELECT id FROM att.secret", "EXECUTE p")
    owner.must(
        "DROP TABLE att.secret",
        "CREATE TABLE att.secret (id int, word text, n int)",
        "INSERT INTO att.secret VALUES (1, 'xyzzy', 42)",
    )
    refused(mallory, "SELECT * FROM att.secret")
    refused(mallory, "EXECUTE p")
    owner.must(
        "GRANT SELECT (n) ON att.secret TO att_mallory",
        "ALTER TABLE att.secret DROP COLUMN n",
        "ALTER TABLE att.secret ADD COLUMN n int",
    )
    refused(mallory, "SELECT n FROM att.secret")
    owner.must(
        "CREATE SEQUENCE att.s",
        "GRANT ALL ON SEQUENCE att.s TO att_mallory",
        "DROP SEQUENCE att.s",
        "CREATE SEQUENCE att.s",
    )
    refused(mallory, "SELECT nextval('att.s')", text="permission denied for sequence s")


def test_renaming_takes_rights_along(world):
    """Goal: after two tables changed names, each has its own rights, also for what was prepared."""
    owner, mallory = world.owner, world.mallory
    owner.must("CREATE TABLE att.open AS SELECT 0 AS id", "GRANT SELECT ON att.open TO att_mallory")
    mallory.must("PREPARE p AS SELECT id FROM att.open", "EXECUTE p")
    owner.must("BEGIN", "ALTER TABLE att.open RENAME TO other", "ALTER TABLE att.secret RENAME TO open", "COMMIT")
    refused(mallory, "SELECT id FROM att.open", text="permission denied for table open")
    refused(mallory, "EXECUTE p", text="permission denied for table open")
    assert rows(mallory, "SELECT id FROM att.other") == [("0",)]


def test_a_role_of_the_same_name_is_another(world):
    """Goal: a new role has none of the old one's rights, settings and memberships."""
    world.owner.must("GRANT SELECT ON att.secret TO att_group")
    world.admin.must(
        "CREATE ROLE att_again LOGIN",
        "GRANT att_group TO att_again",
        "GRANT USAGE ON SCHEMA att TO att_again",
        "ALTER ROLE att_again SET datestyle = 'German'",
        f"ALTER ROLE att_again PASSWORD '{PASSWORD}'",
    )
    old = world.fresh("att_again")
    assert len(rows(old, "SELECT id FROM att.secret")) == 2
    refused(
        world.admin,
        "DROP ROLE att_again",
        code="2BP01",
        text='role "att_again" cannot be dropped because some objects depend on it',
    )
    world.admin.must(
        "DROP OWNED BY att_again",
        "DROP ROLE att_again",
        "CREATE ROLE att_again LOGIN",
        f"ALTER ROLE att_again PASSWORD '{PASSWORD}'",
    )
    new = world.fresh("att_again")
    refused(new, "SELECT id FROM att.secret", text="permission denied for schema att")
    assert "German" not in str(rows(new, "SHOW datestyle"))
    assert not old.run("SELECT current_user").message or old.is_lost() or True
    outcome = old.run("SELECT id FROM att.secret")
    assert outcome.failed, outcome
