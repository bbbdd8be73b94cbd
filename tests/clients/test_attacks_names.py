"""Attacks by names: what the server calls things inside of a plan, and names of stored texts that a reader takes for himself."""

import pytest

from attack_own import running, world  # noqa: F401, fixtures
from attack_world import WORDS, refused, rows


def test_names_of_our_own_pass_nothing_off(world):
    """Goal: an alias that plans use for a view or for proposed rows lets nobody read a table."""
    world.admin.must("CREATE VIEW att_open.shown AS SELECT 1 AS id", "GRANT SELECT ON att_open.shown TO att_mallory")
    oid = rows(world.admin, "SELECT 'att_open.shown'::regclass::oid")[0][0]
    for name in ("excluded", "excluded rows", "target", f"view/{oid}", "view/1", "as of 1", "snapshot"):
        for alias in (f'"\x01{name}"', f"'\x01{name}'", f'"{name}"'):
            outcome = world.mallory.run(f"SELECT * FROM att.secret AS {alias}")
            assert outcome.code in ("42501", "0A000", "42601"), f"{alias!r}: {outcome}"
            assert not any(word in str(outcome) for word in WORDS), f"{alias!r}: {outcome}"
    refused(world.mallory, 'SELECT 1 AS "a\x01b"', code="0A000")
    assert rows(world.mallory, "SELECT length('a\x01b')") == [("3",)], "a value may hold every character"


@pytest.mark.parametrize(("relation", "column"), [("pg_auth_members", "roleid"), ("pg_roles", "oid")])
def test_stored_texts_name_the_catalog(world, relation, column):
    """Goal: a temporary table hides no relation of the catalog from a policy or a view."""
    world.admin.must(
        "GRANT SELECT ON att.secret TO att_mallory",
        "ALTER TABLE att.secret ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY guests ON att.secret USING (77 IN (SELECT {column} FROM {relation}))",
        f"CREATE VIEW att_open.counted AS SELECT count(*) AS n FROM {relation}",
        "GRANT SELECT ON att_open.counted TO att_mallory",
    )
    counted = rows(world.mallory, "SELECT n FROM att_open.counted")
    world.mallory.must(
        f"CREATE TEMPORARY TABLE {relation} ({column} oid)",
        f"INSERT INTO {relation} SELECT 77 FROM generate_series(1, 1000)",
    )
    assert rows(world.mallory, f"SELECT count(*) FROM {relation}") == [("1000",)]
    for path in ("public", "pg_temp, pg_catalog"):
        world.mallory.must(f"SET search_path = {path}")
        assert rows(world.mallory, "SELECT word FROM att.secret") == []
        assert rows(world.mallory, "SELECT n FROM att_open.counted") == counted


def test_names_of_with_hide_no_table_elsewhere(world):
    """Goal: a view names the schema of a table also where WITH gives its name to something else beside it."""
    world.admin.must(
        "CREATE TABLE att_open.rule (n int)",
        "SET search_path = att_open",
        "CREATE VIEW ruled AS WITH rule AS (SELECT n + 1 AS n FROM rule) SELECT n FROM rule",
        "CREATE VIEW beside AS SELECT count(*) AS n FROM rule WHERE n IN (WITH rule AS (SELECT 5 AS n) SELECT n FROM rule)",
        "RESET search_path",
        "INSERT INTO att_open.rule VALUES (5)",
        "GRANT SELECT ON att_open.ruled, att_open.beside TO att_mallory",
    )
    world.mallory.must("CREATE TEMPORARY TABLE rule (n int)", "INSERT INTO rule VALUES (5), (5), (5)")
    assert rows(world.mallory, "SELECT * FROM att_open.ruled") == [("6",)]
    assert rows(world.mallory, "SELECT * FROM att_open.beside") == [("1",)]


def test_barrier_views_compute_only_what_they_show(world):
    """Goal: a comparison with a computed column makes a view compute nothing for rows that it leaves out."""
    world.owner.must(
        "CREATE VIEW att.numbers WITH (security_barrier = true) AS SELECT id, word::int AS n FROM att.secret WHERE word ~ '^[0-9]+$'",
        "INSERT INTO att.secret VALUES (3, '5', 0)",
        "GRANT SELECT ON att.numbers TO att_mallory",
    )
    assert rows(world.mallory, "SELECT id FROM att.numbers WHERE n = 5") == [("3",)]
    assert rows(world.mallory, "SELECT id FROM att.numbers WHERE n > 1 AND id < 9 ORDER BY n") == [("3",)]


def test_an_owner_unmasks_nothing_by_altering(world):
    """Goal: who owns a table and sees a column masked cannot have it copied or tested by ALTER TABLE, nor by dropping."""
    world.admin.must(
        "CREATE MASKING POLICY att_stars WITH (word text) USING ('***'::text)",
        "ATTACH MASKING POLICY att_stars ON att.secret (word) TO PUBLIC",
        "ALTER TABLE att.secret ADD COLUMN other text",
    )
    before = rows(world.admin, "SELECT max(snapshot_id) FROM gotgan.snapshots")[0][0]
    for change in (
        "ALTER COLUMN other TYPE varchar USING word",
        "ALTER COLUMN other TYPE varchar USING upper(secret.word)",
        "ALTER COLUMN other TYPE varchar USING secret::text",
        "ADD CHECK (word <> 'xyzzy')",
        "ADD CONSTRAINT c CHECK (word::int > 0) NOT VALID",
        "ADD COLUMN more int CHECK (word <> 'xyzzy')",
    ):
        refused(world.owner, f"ALTER TABLE att.secret {change}")
    world.owner.must("ALTER TABLE att.secret ALTER COLUMN other TYPE varchar USING other || 'x'")
    world.owner.must("DROP TABLE att.secret")
    for statement in (
        f"SELECT * FROM att.secret AS OF SNAPSHOT {before}",
        f"RESTORE TABLE att.secret FROM SNAPSHOT {before} AS att.again",
        "SELECT word FROM att.again",
        "UNDROP TABLE att.secret AS att.back",
        "SELECT word FROM att.back",
    ):
        outcome = world.owner.run(statement)
        assert not any(word in str(outcome) for word in WORDS), f"{statement}: {outcome}"


def test_an_owner_unmasks_nothing_by_a_policy(world):
    """Goal: a policy of row security over a masked column would tell its values by the rows that pass, and by errors."""
    world.admin.must(
        "CREATE MASKING POLICY att_stars WITH (word text) USING ('***'::text)",
        "ATTACH MASKING POLICY att_stars ON att.secret (word) TO PUBLIC",
    )
    for condition in (
        "word = 'xyzzy'",
        "length(secret.word) = 5",
        "word::int > 0",
        "EXISTS (SELECT 1 WHERE word = 'xyzzy')",
        "id IN (SELECT 1 WHERE secret.word > 'p')",
    ):
        for policy in (f"USING ({condition})", f"FOR INSERT WITH CHECK ({condition})"):
            refused(world.owner, f"CREATE POLICY p ON att.secret {policy}", text='for column "word" of table secret')
    world.owner.must("CREATE POLICY p ON att.secret USING (id = 1)")
    refused(world.owner, "ALTER POLICY p ON att.secret USING (word = 'xyzzy')")
    world.owner.must("ALTER POLICY p ON att.secret TO att_owner", "ALTER TABLE att.secret ENABLE ROW LEVEL SECURITY")
    world.admin.must("CREATE POLICY q ON att.secret USING (word = 'xyzzy')")
    world.owner.must("ALTER TABLE att.secret FORCE ROW LEVEL SECURITY")
    assert rows(world.owner, "SELECT id, word FROM att.secret") == [("1", "***")]


def test_conflicts_tell_nothing_masked(world):
    """Goal: ON CONFLICT by a masked column would tell which of many values are there, and beside what."""
    world.admin.must(
        "CREATE MASKING POLICY att_zero WITH (n int) USING (0)",
        "ATTACH MASKING POLICY att_zero ON att.secret (n) TO PUBLIC",
        "GRANT ALL ON att.secret TO att_mallory",
    )
    guesses = "INSERT INTO att.secret (id, n) SELECT g, g FROM generate_series(1, 100) AS g (g)"
    for conflict in (
        "ON CONFLICT (n) DO UPDATE SET word = excluded.id::text RETURNING id, word",
        "ON CONFLICT (id, n) DO UPDATE SET word = excluded.id::text",
        "ON CONFLICT (n) DO NOTHING RETURNING id",
    ):
        refused(world.mallory, f"{guesses} {conflict}", text='for column "n" of table secret')
    world.owner.must("ALTER TABLE att.secret ADD CONSTRAINT k UNIQUE (n)")
    for conflict in ("ON CONFLICT ON CONSTRAINT k DO NOTHING", "ON CONFLICT DO NOTHING RETURNING id"):
        refused(world.mallory, f"{guesses} {conflict}", text='for column "n" of table secret')
    world.mallory.must("INSERT INTO att.secret VALUES (1, 'w', 5) ON CONFLICT (id) DO UPDATE SET word = excluded.word")
    assert world.admin.must("INSERT INTO att.secret (n) VALUES (42) ON CONFLICT (n) DO NOTHING").tag == "INSERT 0 0"


def test_an_earlier_text_reads_by_no_later_owner(world):
    """Goal: who wrote a view that he could not read gets nothing of it once it belongs to somebody who can."""
    world.mallory.must("CREATE VIEW att_open.trick AS SELECT id, word FROM att.secret")
    before = rows(world.admin, "SELECT max(snapshot_id) FROM gotgan.snapshots")[0][0]
    world.mallory.must("CREATE OR REPLACE VIEW att_open.trick AS SELECT 1 AS id, 'harmless'::text AS word")
    world.admin.must("ALTER VIEW att_open.trick OWNER TO att_owner", "GRANT SELECT ON att_open.trick TO att_mallory")
    assert rows(world.mallory, "SELECT word FROM att_open.trick") == [("harmless",)]
    refused(world.mallory, f"SELECT word FROM att_open.trick AS OF SNAPSHOT {before}")
    assert len(rows(world.owner, f"SELECT word FROM att_open.trick AS OF SNAPSHOT {before}")) == 2
