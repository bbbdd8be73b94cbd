"""Attacks on what PostgreSQL lacks: masks of columns, and the past as a way around rights, policies and masks."""

import pytest

from attack_own import running, world  # noqa: F401, fixtures
from attack_world import WORDS, refused, rows


def snapshot(world):
    """The newest snapshot."""
    return rows(world.admin, "SELECT max(snapshot_id) FROM gotgan.snapshots")[0][0]


# Masks


@pytest.fixture
def masked(world):
    """Mallory may do everything with the table, but sees two of its columns masked."""
    world.admin.must(
        "CREATE MASKING POLICY att_stars WITH (word text) USING ('***'::text)",
        "CREATE MASKING POLICY att_zero WITH (n int) USING (0)",
        "ATTACH MASKING POLICY att_stars ON att.secret (word) TO att_mallory",
        "ATTACH MASKING POLICY att_zero ON att.secret (n) TO att_mallory",
        "GRANT ALL ON att.secret TO att_mallory",
    )
    return world


def test_mask_in_every_place(masked):
    """Goal: the masked value is the only one that a query works with, wherever the column stands."""
    for query, expected in {
        "SELECT word, n FROM att.secret": [("***", "0"), ("***", "0")],
        "SELECT * FROM att.secret ORDER BY id": [("1", "***", "0"), ("2", "***", "0")],
        "SELECT id FROM att.secret WHERE word = 'xyzzy'": [],
        "SELECT id FROM att.secret WHERE word LIKE 'x%' OR n > 5": [],
        "SELECT count(*) FROM att.secret WHERE word = '***' AND n = 0": [("2",)],
        "SELECT x.i FROM att.secret JOIN (VALUES ('xyzzy', 1)) AS x (word, i) USING (word)": [],
        "SELECT x.i FROM att.secret JOIN (VALUES (42, 1)) AS x (k, i) ON x.k = n": [],
        "SELECT word, count(*) FROM att.secret GROUP BY word": [("***", "2")],
        "SELECT count(DISTINCT n), count(DISTINCT word) FROM att.secret": [("1", "1")],
        "SELECT min(n), max(n), sum(n), min(word), max(word) FROM att.secret": [("0", "0", "0", "***", "***")],
        "SELECT first_value(n) OVER (ORDER BY n DESC) FROM att.secret LIMIT 1": [("0",)],
        "SELECT secret::text FROM att.secret WHERE id = 1": [("(1,***,0)",)],
        "SELECT row_to_json(secret) ->> 'word' FROM att.secret WHERE id = 1": [("***",)],
        "SELECT string_agg(word, ',') FROM att.secret": [("***,***",)],
        "WITH c AS (SELECT * FROM att.secret) SELECT max(n) FROM c": [("0",)],
        "SELECT (SELECT max(word) FROM att.secret)": [("***",)],
        "SELECT 'xyzzy' IN (SELECT word FROM att.secret)": [("f",)],
        "SELECT EXISTS (SELECT 1 FROM att.secret WHERE n = 42)": [("f",)],
        "SELECT length(word) FROM att.secret WHERE id = 1": [("3",)],
        "SELECT id FROM att.secret WHERE n BETWEEN 40 AND 50": [],
        "SELECT CASE WHEN n = 42 THEN 'yes' ELSE 'no' END FROM att.secret WHERE id = 1": [("no",)],
        "SELECT word FROM att.secret UNION SELECT 'x'": [("***",), ("x",)],
    }.items():
        assert sorted(rows(masked.mallory, query)) == sorted(expected), query
    assert rows(masked.mallory, "COPY att.secret (word, n) TO STDOUT") == [("***\t0",), ("***\t0",)]
    assert rows(masked.mallory, "COPY (SELECT max(word) FROM att.secret) TO STDOUT") == [("***",)]
    assert sorted(rows(masked.owner, "SELECT word FROM att.secret")) == [("plugh",), ("xyzzy",)]


def test_mask_in_what_is_kept(masked):
    """Goal: copies hold the masked value; a view, a cursor and a prepared statement give it."""
    mallory = masked.mallory
    mallory.must(
        "CREATE TABLE att_open.a AS SELECT * FROM att.secret",
        "CREATE TABLE att_open.b (id int, word text, n int)",
        "INSERT INTO att_open.b SELECT * FROM att.secret",
        "CREATE TABLE att_open.c (id int, word text, n int)",
        "MERGE INTO att_open.c USING att.secret AS s ON false WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.word, s.n)",
        "CREATE VIEW att_open.v AS SELECT * FROM att.secret",
        "CREATE TABLE att_open.d AS SELECT 1 AS id, '' AS word, 1 AS n",
        "UPDATE att_open.d SET word = s.word, n = s.n FROM att.secret AS s WHERE s.id = d.id",
        "PREPARE p AS SELECT word, n FROM att.secret",
    )
    for table in "abcdv":
        assert set(rows(mallory, f"SELECT word, n FROM att_open.{table}")) == {("***", "0")}, table
    assert set(rows(mallory, "EXECUTE p")) == {("***", "0")}
    mallory.must("BEGIN", "DECLARE k CURSOR FOR SELECT word, n FROM att.secret")
    assert set(rows(mallory, "FETCH ALL FROM k")) == {("***", "0")}
    mallory.must("COMMIT")


def test_mask_and_changes(masked):
    """Goal: changing rows tells nothing of what is masked: a change that reads such a column works with the mask or is
    refused."""
    mallory = masked.mallory
    for statement, harmless in {
        "UPDATE att.secret SET id = id WHERE word = 'xyzzy'": "UPDATE 0",
        "UPDATE att.secret SET id = id WHERE n = 42": "UPDATE 0",
        "DELETE FROM att.secret WHERE word = 'xyzzy'": "DELETE 0",
        "DELETE FROM att.secret USING (VALUES (42)) AS x (k) WHERE n = x.k": "DELETE 0",
        "MERGE INTO att.secret USING (VALUES ('xyzzy')) AS x (w) ON word = x.w WHEN MATCHED THEN DELETE": "MERGE 0",
        "INSERT INTO att.secret VALUES (1, 'a', 1) ON CONFLICT (id) DO UPDATE SET id = 5 "
        "WHERE secret.word = 'xyzzy'": "INSERT 0 0",
    }.items():
        outcome = mallory.case([statement])
        assert outcome.code in ("42501", "0A000") or outcome.tag == harmless, f"{statement}: {outcome}"
    for statement in (
        "UPDATE att.secret SET id = id RETURNING word, n",
        "DELETE FROM att.secret RETURNING *",
        "UPDATE att.secret SET id = id RETURNING secret",
        "UPDATE att.secret SET id = n RETURNING id",
        "UPDATE att.secret SET id = -n, word = word || '!' RETURNING id, word",
        "INSERT INTO att.secret VALUES (1, 'a', 1) ON CONFLICT (id) DO UPDATE SET id = secret.n RETURNING *",
        "MERGE INTO att.secret USING (VALUES (1)) AS x (i) ON id = i WHEN MATCHED THEN UPDATE SET id = n",
    ):
        outcome = mallory.case([statement, "SELECT * FROM att.secret"])
        shown = str(outcome)
        assert not any(word in shown for word in (*WORDS, "'42'", "42,", "-42")), f"{statement}: {outcome}"


def test_unmasking_by_copying_a_column(masked):
    """Goal: a masked value does not come out by being written to a column that is not masked."""
    masked.owner.must("ALTER TABLE att.secret ADD COLUMN free text")
    mallory = masked.mallory
    for statement in (
        "UPDATE att.secret SET free = word",
        "UPDATE att.secret SET free = n::text",
        "MERGE INTO att.secret USING (VALUES (1)) AS x (i) ON id = i WHEN MATCHED THEN UPDATE SET free = word",
        "INSERT INTO att.secret (id, word) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET free = secret.word",
    ):
        outcome = mallory.case([statement, "SELECT free FROM att.secret"])
        assert not any(word in str(outcome) for word in (*WORDS, "'42'")), f"{statement}: {outcome}"


def test_mask_and_errors(masked):
    """Goal: errors and plans show no value that is masked."""
    masked.owner.must("ALTER TABLE att.secret ADD CHECK (id < 100)")
    for statement in (
        "SELECT word::int FROM att.secret",
        "SELECT id FROM att.secret WHERE word::int = 1",
        "SELECT 1 / (n - 42) FROM att.secret",
        "SELECT id FROM att.secret WHERE 1 / (n - 42) = 1",
        "UPDATE att.secret SET id = 500",
        "EXPLAIN SELECT * FROM att.secret WHERE word = 'a'",
        "EXPLAIN ANALYZE VERBOSE SELECT max(word) FROM att.secret",
    ):
        outcome = masked.mallory.case([statement])
        assert not any(word in str(outcome) for word in WORDS), f"{statement}: {outcome}"
        assert outcome.code != "22012", f"{statement} divided by the value behind the mask"
        assert "42," not in (outcome.detail or ""), outcome


def test_mask_stays_with_the_column(masked):
    """Goal: new names and the past show no more. Method: rename column and table, read and restore the past."""
    before = snapshot(masked)
    masked.owner.must("ALTER TABLE att.secret RENAME COLUMN word TO term", "ALTER TABLE att.secret RENAME TO known")
    assert set(rows(masked.mallory, "SELECT term, n FROM att.known")) == {("***", "0")}
    shown = str(masked.mallory.run(f"SELECT * FROM att.secret FOR SYSTEM_TIME AS OF SNAPSHOT {before}"))
    assert not any(word in shown for word in WORDS), shown
    masked.mallory.must(f"SET gotgan.as_of = '{before}'")
    shown = str(masked.mallory.run("SELECT word, n FROM att.secret"))
    assert not any(word in shown for word in WORDS), shown
    masked.mallory.must("RESET gotgan.as_of")
    for statement in (
        f"RESTORE TABLE att.secret FROM SNAPSHOT {before} AS att_open.stolen",
        f"SELECT gotgan.restore_table('att.secret', 'att_open.stolen', snapshot => {before})",
    ):
        outcome = masked.mallory.run(statement)
        assert outcome.failed, f"{statement}: {outcome}"
    masked.owner.must(
        f"RESTORE TABLE att.secret FROM SNAPSHOT {before} AS att_open.restored",
        "GRANT SELECT ON att_open.restored TO att_mallory",
    )
    assert set(rows(masked.mallory, "SELECT word, n FROM att_open.restored")) == {("***", "0")}


def test_mask_survives_another_type(masked):
    """Goal: a column that gets another type, or a new neighbour, stays masked; at worst it cannot be read."""
    masked.owner.must(
        "ALTER TABLE att.secret ADD COLUMN more text DEFAULT 'm'", "ALTER TABLE att.secret DROP COLUMN more"
    )
    for change in ("ALTER COLUMN n TYPE bigint", "ALTER COLUMN word TYPE varchar(50)", "ALTER COLUMN n TYPE text"):
        masked.owner.run(f"ALTER TABLE att.secret {change}")
        for query in ("SELECT word FROM att.secret", "SELECT n FROM att.secret", "SELECT * FROM att.secret"):
            outcome = masked.mallory.run(query)
            assert not any(word in str(outcome) for word in (*WORDS, "'42'")), f"{change}, {query}: {outcome}"


def test_mask_for_everybody_and_priorities(masked):
    """Goal: the mask of the highest priority counts; PUBLIC means the owner, too, but no superuser."""
    masked.admin.must(
        "ATTACH MASKING POLICY att_zero ON att.secret (id) TO PUBLIC",
        "CREATE MASKING POLICY att_high WITH (word text) USING (left(word, 1))",
        "ATTACH MASKING POLICY att_high ON att.secret (word) TO att_mallory PRIORITY 50",
    )
    try:
        assert rows(masked.mallory, "SELECT id, word FROM att.secret") == [("0", "p"), ("0", "x")]
        assert rows(masked.owner, "SELECT DISTINCT id FROM att.secret") == [("0",)]
        assert rows(masked.admin, "SELECT id FROM att.secret") == [("1",), ("2",)]
        masked.admin.must("DETACH MASKING POLICY att_high ON att.secret (word) FROM att_mallory")
        assert rows(masked.mallory, "SELECT DISTINCT word FROM att.secret") == [("***",)]
    finally:
        masked.admin.must("DROP TABLE att.secret", "DROP MASKING POLICY att_high")


def test_nobody_takes_a_mask_off(masked):
    """Goal: masks are made, attached and removed by those who may."""
    for statement in (
        "DETACH MASKING POLICY att_stars ON att.secret (word) FROM att_mallory",
        "DROP MASKING POLICY att_stars",
        "ALTER MASKING POLICY att_stars USING (word)",
        "CREATE MASKING POLICY att_mine WITH (word text) USING (word)",
        "ATTACH MASKING POLICY att_stars ON att.secret (word) TO att_victim PRIORITY 100",
        "ALTER TABLE att.secret DROP COLUMN word",
    ):
        outcome = masked.mallory.run(statement)
        assert outcome.code in ("42501", "0A000"), f"{statement}: {outcome}"
    assert set(rows(masked.mallory, "SELECT word FROM att.secret")) == {("***",)}


# The past


def past_of(world, text, moment):
    """The ways to read a relation as of a moment; each a list of statements."""
    return [
        [text.format(f"att.secret FOR SYSTEM_TIME AS OF SNAPSHOT {moment}")],
        ["BEGIN", f"SET LOCAL gotgan.as_of = '{moment}'", text.format("att.secret")],
    ]


def read_past(world, role, text, moment):
    """What a role gets by each of the ways."""
    client = getattr(world, role)
    found = []
    for statements in past_of(world, text, moment):
        outcome = [client.run(statement) for statement in statements][-1]
        client.run("ROLLBACK")
        found.append(outcome)
    there = world.fresh(f"att_{role}")
    there.run(f"SET gotgan.as_of = '{moment}'")
    found.append(there.run(text.format("att.secret")))
    found.append(world.fresh(f"att_{role}", dbname=f"gotgan@{moment}").run(text.format("att.secret")))
    return found


def test_past_is_read_with_today_s_rights(world):
    """Goal: what was granted and revoked is revoked for the past too; what is granted now opens it."""
    world.owner.must("GRANT SELECT ON att.secret TO att_mallory")
    granted = snapshot(world)
    world.owner.must("REVOKE SELECT ON att.secret FROM att_mallory", "INSERT INTO att.secret VALUES (3, 'x', 1)")
    for outcome in read_past(world, "mallory", "SELECT word FROM {}", granted):
        assert outcome.code == "42501", outcome
        assert outcome.message == "permission denied for table secret"
    world.owner.must("GRANT SELECT (id) ON att.secret TO att_mallory")
    for outcome in read_past(world, "mallory", "SELECT id FROM {}", granted):
        assert [row[0] for row in outcome.rows] == ["1", "2"], outcome
    for outcome in read_past(world, "mallory", "SELECT word FROM {}", granted):
        assert outcome.code == "42501", outcome


def test_names_of_the_past_are_no_way_in(world):
    """Goal: rights are looked up by what a name meant then, not by who has the name now."""
    world.owner.must(
        "CREATE TABLE att.open AS SELECT 0 AS id, 'free' AS word", "GRANT SELECT ON att.open TO att_mallory"
    )
    before = snapshot(world)
    world.owner.must(
        "BEGIN",
        "ALTER TABLE att.open RENAME TO spare",
        "ALTER TABLE att.secret RENAME TO open",
        "ALTER TABLE att.spare RENAME TO secret",
        "COMMIT",
    )
    as_of = f"FOR SYSTEM_TIME AS OF SNAPSHOT {before}"
    refused(world.mallory, "SELECT word FROM att.open")
    refused(world.mallory, f"SELECT word FROM att.secret {as_of}")
    assert rows(world.mallory, f"SELECT word FROM att.open {as_of}") == [("free",)]
    assert rows(world.mallory, "SELECT word FROM att.secret") == [("free",)]


def test_columns_of_the_past_have_their_own_rights(world):
    """Goal: a grant on a column is not one on an older column of its name."""
    before = snapshot(world)
    world.owner.must(
        "ALTER TABLE att.secret DROP COLUMN word",
        "ALTER TABLE att.secret ADD COLUMN word text DEFAULT 'new'",
        "GRANT SELECT (word) ON att.secret TO att_mallory",
    )
    assert rows(world.mallory, "SELECT DISTINCT word FROM att.secret") == [("new",)]
    for outcome in read_past(world, "mallory", "SELECT word FROM {}", before):
        assert outcome.code == "42501", outcome
    for outcome in read_past(world, "mallory", "SELECT count(*) FROM {}", before):
        assert outcome.code in ("42501", "00000"), outcome


def test_history_of_queries_is_one_s_own(world):
    """Goal: the log of statements shows others' to operators only."""
    world.victim.must("SELECT 'of the victim'")
    world.mallory.must("SELECT 'of mallory'")
    query = "SELECT statement FROM gotgan.query_history WHERE statement LIKE 'SELECT ''of%'"
    seen = str(rows(world.mallory, query))
    assert "of the victim" not in seen
    assert "of the victim" not in str(rows(world.mallory, "SELECT * FROM gotgan.query_history"))
    world.admin.must("GRANT pg_monitor TO att_owner")
    world.owner.must("SELECT 1")
    for view in ("query_history", "read_usage", "replicas"):
        world.owner.must(f"SELECT * FROM gotgan.{view}")


def test_dropped_tables_are_their_owner_s(world):
    """Goal: a grantee does not outlive the table; only its last owner sees it, reads it and brings it back."""
    world.owner.must("GRANT ALL ON att.secret TO att_mallory")
    before = snapshot(world)
    world.owner.must("DROP TABLE att.secret")
    for outcome in read_past(world, "mallory", "SELECT word FROM {}", before):
        assert outcome.code == "42501", outcome
    assert rows(world.mallory, "SELECT table_name FROM gotgan.dropped_tables WHERE schema_name = 'att'") == []
    assert rows(world.owner, "SELECT table_name FROM gotgan.dropped_tables WHERE schema_name = 'att'") == [("secret",)]
    for statement in (
        "UNDROP TABLE att.secret AS att_open.stolen",
        "UNDROP TABLE att.secret",
        f"RESTORE TABLE att.secret FROM SNAPSHOT {before} AS att_open.stolen",
        f"PREVIEW RESTORE TABLE att.secret FROM SNAPSHOT {before} AS att_open.stolen",
        f"RESTORE SCHEMA att FROM SNAPSHOT {before} AS att_stolen",
        "SELECT * FROM gotgan.file_history('att.secret')",
        "SELECT gotgan.undrop_table('att.secret')",
    ):
        outcome = world.mallory.run(statement)
        assert outcome.failed, f"{statement}: {outcome}"
        assert outcome.code in ("42501", "42P01"), f"{statement}: {outcome}"
    for outcome in read_past(world, "owner", "SELECT word FROM {}", before):
        assert len(outcome.rows) == 2, outcome
    world.owner.must("CREATE TABLE att.secret AS SELECT 1 AS word", "GRANT ALL ON att.secret TO att_mallory")
    for outcome in read_past(world, "mallory", "SELECT word FROM {}", before):
        assert outcome.code == "42501", f"a table of the same name opens no older one: {outcome}"
    world.owner.must("DROP TABLE att.secret", f"RESTORE TABLE att.secret FROM SNAPSHOT {before} AS att.secret")
    assert len(rows(world.owner, "SELECT word FROM att.secret")) == 2


def test_restore_needs_all_columns(world):
    """Goal: who cannot read all of a table cannot copy it by restoring it."""
    before = snapshot(world)
    restore = f"RESTORE TABLE att.secret FROM SNAPSHOT {before} AS att_open.stolen"
    refused(world.mallory, restore)
    refused(world.mallory, f"PREVIEW RESTORE TABLE att.secret FROM SNAPSHOT {before} AS att_open.stolen")
    refused(world.mallory, f"SELECT gotgan.restore_table('att.secret', 'att_open.stolen', snapshot => {before})")
    world.owner.must("GRANT SELECT (id, n) ON att.secret TO att_mallory")
    refused(world.mallory, restore)
    world.owner.must("GRANT SELECT ON att.secret TO att_mallory")
    refused(world.mallory, f"RESTORE TABLE att.secret FROM SNAPSHOT {before} REPLACE")
    refused(
        world.mallory,
        f"RESTORE TABLE att.secret FROM SNAPSHOT {before} AS att.stolen",
        text="permission denied for schema att",
    )
    world.mallory.must(restore)
    assert len(rows(world.mallory, "SELECT word FROM att_open.stolen")) == 2
    refused(world.victim, "SELECT word FROM att_open.stolen")


@pytest.fixture
def ruled(world):
    """Mallory may see one row; the second value is a snapshot of when there was no policy."""
    world.owner.must("INSERT INTO att.secret VALUES (3, '11', 1)", "GRANT ALL ON att.secret TO att_mallory")
    before = snapshot(world)
    world.owner.must("ALTER TABLE att.secret ENABLE ROW LEVEL SECURITY", "CREATE POLICY p ON att.secret USING (n = 1)")
    return world, before


def test_policies_hold_for_the_past(ruled):
    """Goal: today's policy holds for yesterday's rows, also after its column got another name."""
    world, before = ruled
    for outcome in read_past(world, "mallory", "SELECT word FROM {}", before):
        assert list(outcome.rows) == [("11",)], outcome
    for outcome in read_past(world, "mallory", "SELECT count(*) FROM {} WHERE n = 1 OR word::int = 0", before):
        assert list(outcome.rows) == [("1",)], outcome
    world.owner.must(
        "ALTER TABLE att.secret RENAME COLUMN n TO number", "ALTER TABLE att.secret ADD COLUMN n int DEFAULT 1"
    )
    for outcome in read_past(world, "mallory", "SELECT * FROM {}", before):
        assert not any(word in str(outcome) for word in WORDS), outcome
    assert rows(world.mallory, "SELECT word FROM att.secret") == [("11",)]


def test_policies_come_along_with_a_restored_table(ruled):
    """Goal: restoring sheds no policy, and who is under one cannot restore."""
    world, before = ruled
    outcome = world.mallory.run(f"RESTORE TABLE att.secret FROM SNAPSHOT {before} AS att_open.stolen")
    assert outcome.code == "42501", outcome
    world.owner.must(
        f"RESTORE TABLE att.secret FROM SNAPSHOT {before} AS att.restored",
        "GRANT SELECT ON att.restored TO att_mallory",
    )
    assert rows(world.mallory, "SELECT word FROM att.restored") == [("11",)]
    world.owner.must(f"RESTORE TABLE att.secret FROM SNAPSHOT {before} REPLACE")
    assert rows(world.mallory, "SELECT word FROM att.secret") == [("11",)], (
        "what takes the place has its grants and policies"
    )
    world.owner.must("DROP TABLE att.secret", "UNDROP TABLE att.secret")
    outcome = world.mallory.run("SELECT word FROM att.secret")
    assert outcome.failed or list(outcome.rows) == [("11",)], outcome


def test_history_is_for_those_who_run_it(world):
    """Goal: what concerns the whole warehouse is the superuser's; a table's retention is its owner's."""
    for statement in (
        "EXPIRE SNAPSHOTS",
        "EXPIRE SNAPSHOTS DRY RUN",
        "REMOVE ORPHANS",
        "ADOPT DATA",
        "SELECT gotgan.adopt_data()",
        "ALTER SYSTEM SET gotgan.retention = '1 hour'",
        "ALTER TABLE att.secret SET (gotgan.retention = '0')",
        "ALTER SCHEMA att SET (gotgan.retention = '0')",
        "SELECT * FROM gotgan.file_history('att.secret')",
        "UNDROP SCHEMA att_nosuch",
    ):
        outcome = world.mallory.run(statement)
        assert outcome.code in ("42501", "3F000", "42601"), f"{statement}: {outcome}"
        assert outcome.code != "42601" or "ORPHANS" in statement, outcome


def test_holds_are_their_owner_s(world):
    """Goal: nobody lets go of what another holds."""
    world.admin.must("CREATE SNAPSHOT att_hold")
    try:
        refused(world.mallory, "DROP SNAPSHOT att_hold")
        refused(world.mallory, "SELECT gotgan.drop_snapshot('att_hold')")
    finally:
        world.admin.must("DROP SNAPSHOT att_hold")
