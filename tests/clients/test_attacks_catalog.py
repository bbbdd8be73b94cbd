"""What system relations, functions and texts may tell of what one has no right on; all run on PostgreSQL 15, too."""

from attack_world import WORDS, refused, rows
from server import PASSWORD


def test_no_relation_shows_a_verifier(world):
    """Goal: no system relation gives out a password or what was made of it."""
    found = rows(
        world.mallory,
        "SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE n.nspname IN ('pg_catalog', 'information_schema', 'gotgan') AND c.relkind IN ('r', 'v')",
    )
    assert len(found) > 60
    readable = 0
    for schema, name in found:
        outcome = world.mallory.run(f"SELECT * FROM {schema}.{name}")
        if outcome.failed:
            assert outcome.code in ("42501", "0A000", "55000"), (schema, name, outcome)
            continue
        readable += 1
        shown = str(outcome.rows)
        assert "SCRAM-SHA-256$" not in shown, (schema, name)
        assert not any(word in shown for word in WORDS), (schema, name)
    assert readable > 50
    refused(world.mallory, "SELECT rolpassword FROM pg_authid", text="permission denied for table pg_authid")
    refused(world.mallory, "SELECT passwd FROM pg_shadow", text="permission denied for view pg_shadow")


def test_privilege_functions_tell_of_nothing_hidden(world):
    """Goal: has_..._privilege and its like answer by name no more than a query would."""
    world.admin.must("CREATE SCHEMA att_hidden", "CREATE TABLE att_hidden.t (x int)")
    try:
        for table in ("t", "nosuch"):
            for call in (
                f"has_table_privilege('att_hidden.{table}', 'SELECT')",
                f"to_regclass('att_hidden.{table}')",
                f"has_column_privilege('att_hidden.{table}', 'x', 'SELECT')",
                f"pg_relation_size('att_hidden.{table}')",
                f"nextval('att_hidden.{table}')",
            ):
                refused(world.mallory, f"SELECT {call}", text="permission denied for schema att_hidden")
    finally:
        world.admin.must("DROP SCHEMA att_hidden CASCADE")


def test_other_sessions_are_not_shown(world):
    """Goal: what others run is theirs, and cannot be ended."""
    outcome = world.victim.must("SELECT pg_backend_pid()")
    pid = outcome.rows[0][0]
    shown = rows(world.mallory, f"SELECT query FROM pg_stat_activity WHERE pid = {pid}")
    assert shown in ([], [("<insufficient privilege>",)]), shown
    for function in ("pg_cancel_backend", "pg_terminate_backend"):
        outcome = world.mallory.run(f"SELECT {function}({pid})")
        assert outcome.failed and outcome.code in ("42501", "42883"), outcome
    assert rows(world.victim, "SELECT 1") == [("1",)]


def test_passwords_are_not_kept_in_texts(world):
    """Goal: a password that was set is in no catalog and in no list of statements."""
    world.mallory.must("ALTER ROLE att_mallory PASSWORD 'hush-hush-1'")
    world.admin.must("ALTER ROLE att_victim PASSWORD 'hush-hush-2'")
    shown = rows(world.mallory, "SELECT query FROM pg_stat_activity") + rows(
        world.admin, "SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    )
    if world.is_gotgan:
        assert "hush-hush" not in str(shown)
        history = world.admin.run("SELECT statement FROM gotgan.query_history")
        assert "hush-hush" not in str(history.rows)
    world.admin.must(*(f"ALTER ROLE {role} PASSWORD '{PASSWORD}'" for role in ("att_mallory", "att_victim")))


def test_information_schema_shows_what_one_may_use(world):
    """Goal: the standard's views list only what the reader has some right on; texts of others' views stay hidden."""
    world.owner.must(
        "CREATE VIEW att.v AS SELECT id FROM att.secret WHERE word <> 'xyzzy'", "GRANT SELECT ON att.v TO att_mallory"
    )
    names = rows(world.mallory, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'att'")
    assert names == [("v",)], names
    assert rows(world.mallory, "SELECT column_name FROM information_schema.columns WHERE table_schema = 'att'") == [
        ("id",)
    ]
    assert rows(world.mallory, "SELECT view_definition FROM information_schema.views WHERE table_schema = 'att'") == [
        (None,)
    ]
    world.owner.must("GRANT UPDATE (n) ON att.secret TO att_mallory")
    columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'secret'"
    assert rows(world.mallory, columns) == [("n",)]
