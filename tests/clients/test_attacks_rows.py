"""Rows that policies and views hide, and every way to see them that PostgreSQL 15 withstands; all run on both."""

import pytest

from attack_world import WORDS, refused, rows

# Each fails on a hidden row, and not on the visible one.
LEAKY = [
    "1 / (n - 42) = 0",
    "word::int = 11",
    "word::numeric > 1",
    "CAST(word AS bigint) IS NULL",
    "CAST(word || '' AS double precision) > 0",
    "('2020-01-' || word)::date IS NULL",
    "make_date(2020, n, n) IS NULL",
    "sqrt(41 - n) > 0",
    "ln(2 - n) = 0",
    "(n * 1000)::smallint > 0",
    "(n - 3)::text::int / (n - 7) = 0",
    "power(0, 40 - n) = 0",
    "CASE WHEN word = 'xyzzy' THEN 1 / (id - 1) ELSE 1 END = 1",
    "id IN (SELECT 1 / (n - 42))",
    "EXISTS (SELECT 1 WHERE 1 / (n - 42) = 1)",
    "('[' || word || ']')::json IS NULL",
    "chr(n * 100000) = 'x'",
    "repeat(word, n)::bigint = 11",
]


@pytest.fixture
def hidden(world):
    """Rows of which Mallory may see one that gives no error anywhere, and neither of the secret ones."""
    world.owner.must(
        "ALTER TABLE att.secret ADD COLUMN who text",
        "UPDATE att.secret SET who = 'att_owner'",
        "INSERT INTO att.secret VALUES (3, '11', 1, 'att_mallory')",
        "ALTER TABLE att.secret ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY own ON att.secret USING (who = current_user)",
        "GRANT ALL ON att.secret TO att_mallory",
    )
    return world


def test_policy_hides_rows(hidden):
    """Goal: every way of reading sees one row."""
    mallory = hidden.mallory
    for query, expected in {
        "SELECT count(*) FROM att.secret": "1",
        "SELECT max(n) FROM att.secret": "1",
        "SELECT min(word) FROM att.secret": "11",
        "SELECT count(*) FROM att.secret WHERE n > 1": "0",
        "SELECT count(*) FROM (SELECT * FROM att.secret LIMIT 3) AS x": "1",
        "SELECT count(*) FROM (SELECT * FROM att.secret ORDER BY n DESC LIMIT 1) AS x WHERE n > 1": "0",
        "SELECT count(DISTINCT word) FROM att.secret": "1",
        "SELECT count(*) FROM att.secret AS a JOIN att.secret AS b ON true": "1",
        "SELECT count(word) FROM generate_series(1, 3) AS g (id) LEFT JOIN att.secret USING (id)": "1",
        "SELECT (SELECT count(*) FROM att.secret)": "1",
        "SELECT 42 IN (SELECT n FROM att.secret)": "f",
        "SELECT EXISTS (SELECT 1 FROM att.secret WHERE word = 'xyzzy')": "f",
        "WITH c AS (SELECT * FROM att.secret) SELECT count(*) FROM c": "1",
        "SELECT sum(x) FROM (SELECT n AS x FROM att.secret UNION ALL SELECT n FROM att.secret) AS u": "2",
        "SELECT row_number() OVER (ORDER BY n DESC) FROM att.secret": "1",
        "SELECT row_security_active('att.secret')": "t",
    }.items():
        assert rows(mallory, query) == [(expected,)], query
    assert rows(mallory, "COPY att.secret TO STDOUT") == [("3\t11\t1\tatt_mallory",)]
    assert rows(mallory, "COPY (SELECT word FROM att.secret) TO STDOUT") == [("11",)]
    mallory.must("CREATE TABLE att_open.copied AS SELECT * FROM att.secret")
    assert rows(mallory, "SELECT count(*) FROM att_open.copied") == [("1",)]
    mallory.must("CREATE VIEW att_open.v AS SELECT * FROM att.secret")
    assert rows(mallory, "SELECT count(*) FROM att_open.v") == [("1",)]
    assert len(rows(hidden.owner, "SELECT * FROM att.secret")) == 3
    assert rows(hidden.owner, "SELECT row_security_active('att.secret')") == [("f",)]


@pytest.mark.parametrize("condition", LEAKY)
def test_leaky_condition(hidden, condition):
    """Goal: no condition is computed over hidden rows, where it could fail and so tell. Method: conditions that fail on
    the hidden rows and not on the visible one, in every clause."""
    mallory = hidden.mallory
    assert hidden.admin.run(f"SELECT id FROM att.secret WHERE {condition}").failed, "the condition does not leak at all"
    alone = mallory.run(f"SELECT ({condition}) FROM (VALUES (3, '11', 1)) AS x (id, word, n)")
    assert not alone.failed, alone
    for query in (
        f"SELECT id FROM att.secret WHERE {condition}",
        f"SELECT id FROM att.secret WHERE id > 0 AND ({condition})",
        f"SELECT ({condition}) FROM att.secret",
        f"SELECT bool_or({condition}) FROM att.secret",
        f"SELECT count(*) FILTER (WHERE {condition}) FROM att.secret",
        f"SELECT secret.id FROM att.secret JOIN generate_series(1, 9) AS g (i) ON g.i = id AND ({condition})",
        f"SELECT id FROM (SELECT * FROM att.secret) AS s WHERE {condition}",
        f"SELECT 1 FROM att.secret GROUP BY ({condition})",
        f"UPDATE att.secret SET n = n WHERE {condition}",
        f"DELETE FROM att.secret WHERE id < 0 AND ({condition})",
    ):
        outcome = mallory.case([query])
        assert outcome.code in ("00000", "0A000"), f"{query}: {outcome}"
        assert not any(word in str(outcome) for word in WORDS), f"{query}: {outcome}"


def test_policy_holds_for_changes(hidden):
    """Goal: hidden rows cannot be changed, nor rows put where they would be hidden; errors show no values."""
    mallory = hidden.mallory
    assert mallory.must("UPDATE att.secret SET n = n + 1").tag == "UPDATE 1"
    assert mallory.must("DELETE FROM att.secret WHERE id = 1").tag == "DELETE 0"
    assert (
        mallory.must("UPDATE att.secret SET n = 5 FROM generate_series(1, 3) AS g (i) WHERE g.i = id").tag == "UPDATE 1"
    )
    text = 'new row violates row-level security policy for table "secret"'
    for statement in (
        "INSERT INTO att.secret VALUES (9, 'x', 1, 'att_owner')",
        "UPDATE att.secret SET who = 'att_owner'",
        "INSERT INTO att.secret SELECT 9, 'x', 1, 'att_owner'",
        "MERGE INTO att.secret USING (VALUES (9)) AS s (i) ON id = i "
        "WHEN NOT MATCHED THEN INSERT VALUES (9, 'x', 1, 'att_owner')",
    ):
        assert refused(mallory, statement, text=text).detail is None
    refused(mallory, "COPY att.secret FROM STDIN", code="0A000", text="COPY FROM not supported with row-level security")
    merge = "MERGE INTO att.secret USING generate_series(1, 3) AS g (i) ON id = g.i WHEN MATCHED THEN DELETE"
    assert mallory.must(merge).tag == "MERGE 1"
    assert rows(hidden.owner, "SELECT id FROM att.secret ORDER BY id") == [("1",), ("2",)]


def test_conflict_with_a_hidden_row(hidden):
    """Goal: ON CONFLICT neither changes nor shows a row that is hidden."""
    hidden.owner.must("ALTER TABLE att.secret ADD PRIMARY KEY (id)")
    insert = "INSERT INTO att.secret VALUES (1, 'mine', 1, 'att_mallory') ON CONFLICT (id)"
    text = 'new row violates row-level security policy (USING expression) for table "secret"'
    for action in (
        "DO UPDATE SET n = 1",
        "DO UPDATE SET word = secret.word RETURNING word",
        "DO UPDATE SET n = excluded.n",
    ):
        assert refused(hidden.mallory, f"{insert} {action}", text=text).detail is None
    assert hidden.mallory.must(f"{insert} DO NOTHING RETURNING word").rows == ()
    assert rows(hidden.owner, "SELECT word FROM att.secret WHERE id = 1") == [("xyzzy",)]


def test_failing_row_is_not_shown_under_a_policy(hidden):
    """Goal: under a policy no row that breaks a constraint is shown."""
    hidden.owner.must("ALTER TABLE att.secret ADD CHECK (n < 1000)")
    outcome = refused(hidden.mallory, "UPDATE att.secret SET n = 2000", code="23514")
    assert outcome.detail is None, outcome


def test_returning_and_source_of_merge(hidden):
    """Goal: RETURNING gives no hidden row, and a source of MERGE or INSERT is read under its policy."""
    mallory = hidden.mallory
    assert rows(mallory, "UPDATE att.secret SET n = 2 RETURNING word") == [("11",)]
    mallory.must("CREATE TABLE att_open.mine (id int, word text)")
    merge = "MERGE INTO att_open.mine USING att.secret AS s ON false WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.word)"
    assert mallory.must(merge).tag == "MERGE 1"
    assert mallory.must("INSERT INTO att_open.mine SELECT id, word FROM att.secret").tag == "INSERT 0 1"
    assert rows(mallory, "SELECT DISTINCT word FROM att_open.mine") == [("11",)]
    assert mallory.must("UPDATE att_open.mine SET word = s.word FROM att.secret AS s").tag == "UPDATE 2"
    assert rows(mallory, "SELECT DISTINCT word FROM att_open.mine") == [("11",)]


def test_policy_cannot_be_switched_off(hidden):
    """Goal: only its owner loosens it."""
    mallory = hidden.mallory
    for statement in (
        "ALTER TABLE att.secret DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE att.secret NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY own ON att.secret",
        "ALTER POLICY own ON att.secret USING (true)",
        "CREATE POLICY mine ON att.secret USING (true)",
        "ALTER ROLE CURRENT_USER BYPASSRLS",
    ):
        refused(mallory, statement)
    text = 'query would be affected by row-level security policy for table "secret"'
    refused(mallory, "SET row_security = off", "SELECT * FROM att.secret", text=text)


def test_forced_policy(hidden):
    """Goal: FORCE holds for the owner; no policy at all shows nothing."""
    hidden.owner.must("ALTER TABLE att.secret FORCE ROW LEVEL SECURITY")
    assert rows(hidden.owner, "SELECT id FROM att.secret ORDER BY id") == [("1",), ("2",)]
    hidden.owner.must("DROP POLICY own ON att.secret")
    assert rows(hidden.owner, "SELECT * FROM att.secret") == []
    assert rows(hidden.mallory, "SELECT * FROM att.secret") == []
    refused(hidden.mallory, "INSERT INTO att.secret VALUES (4, 'x', 1, 'att_mallory')", text="row-level security")
    # Changing the table itself takes all rows along.
    hidden.owner.must(
        "ALTER TABLE att.secret ADD COLUMN more int DEFAULT 1", "ALTER TABLE att.secret ALTER COLUMN n TYPE bigint"
    )
    assert rows(hidden.admin, "SELECT count(*) FROM att.secret") == [("3",)]


def test_policy_kinds(hidden):
    """Goal: restrictive and permissive policies, by command and role."""
    hidden.owner.must(
        "DROP POLICY own ON att.secret",
        "CREATE POLICY everything ON att.secret USING (true)",
        "CREATE POLICY small ON att.secret AS RESTRICTIVE FOR SELECT TO att_mallory USING (n < 10)",
        "CREATE POLICY no_delete ON att.secret AS RESTRICTIVE FOR DELETE USING (false)",
        "GRANT SELECT ON att.secret TO att_victim",
    )
    assert rows(hidden.mallory, "SELECT id FROM att.secret ORDER BY id") == [("2",), ("3",)]
    assert len(rows(hidden.victim, "SELECT id FROM att.secret")) == 3
    assert hidden.mallory.must("DELETE FROM att.secret").tag == "DELETE 0"
    assert hidden.mallory.must("UPDATE att.secret SET id = id WHERE n >= 0").tag == "UPDATE 2"
    refused(hidden.mallory, "UPDATE att.secret SET n = 50 WHERE id = 3", text="row-level security policy")


def test_policy_through_a_view(hidden):
    """Goal: a view reads under its owner's policies; current_user is who asks."""
    hidden.owner.must("CREATE VIEW att.v AS SELECT * FROM att.secret", "GRANT SELECT ON att.v TO att_mallory")
    assert len(rows(hidden.mallory, "SELECT * FROM att.v")) == 3, "the owner's rights: no policy holds for him"
    hidden.owner.must("ALTER TABLE att.secret FORCE ROW LEVEL SECURITY")
    assert rows(hidden.mallory, "SELECT id FROM att.v") == [("3",)]
    hidden.owner.must("ALTER VIEW att.v SET (security_invoker = true)")
    assert rows(hidden.mallory, "SELECT id FROM att.v") == [("3",)]
    assert rows(hidden.mallory, "SELECT id FROM att.v WHERE 1 / (n - 42) = -1") == []


def test_names_in_a_policy_are_bound(hidden):
    """Goal: what a policy names cannot be replaced by who reads. Method: temporary and own tables of the same
    names, and a search path that finds them first."""
    hidden.owner.must(
        "CREATE TABLE att.allowed (id int)",
        "INSERT INTO att.allowed VALUES (3)",
        "GRANT SELECT ON att.allowed TO att_mallory",
        "DROP POLICY own ON att.secret",
        "SET search_path = att",
        "CREATE POLICY listed ON secret USING (id IN (SELECT id FROM allowed))",
        "RESET search_path",
    )
    mallory = hidden.mallory
    assert rows(mallory, "SELECT id FROM att.secret") == [("3",)]
    mallory.must("CREATE TABLE att_open.allowed AS SELECT i AS id FROM generate_series(1, 3) AS g (i)")
    mallory.must("CREATE TEMPORARY TABLE allowed AS SELECT i AS id FROM generate_series(1, 3) AS g (i)")
    for path in ("att_open, att", "pg_temp, att_open", "att_open, pg_catalog"):
        mallory.must(f"SET search_path = {path}")
        assert rows(mallory, "SELECT id FROM att.secret") == [("3",)], path
    refused(mallory, "RESET search_path", "INSERT INTO att.allowed VALUES (1)")


def test_policy_that_reads_its_own_table(hidden):
    """Goal: no endless recursion."""
    hidden.owner.must("CREATE POLICY circle ON att.secret USING (id IN (SELECT id FROM att.secret))")
    outcome = hidden.mallory.run("SELECT * FROM att.secret")
    assert outcome.code == "42P17", outcome
    assert outcome.message == 'infinite recursion detected in policy for relation "secret"'


def test_policy_reads_with_the_caller_s_rights(hidden):
    """Goal: a table that a policy reads must be the reader's to read."""
    hidden.owner.must(
        "CREATE TABLE att.allowed (id int)",
        "CREATE POLICY listed ON att.secret USING (id IN (SELECT id FROM att.allowed))",
    )
    refused(hidden.mallory, "SELECT * FROM att.secret", text="permission denied for table allowed")


def test_explain_shows_no_hidden_values(hidden):
    """Goal: a plan tells of no value that the rows hold."""
    for statement in (
        "EXPLAIN SELECT * FROM att.secret WHERE word > 'a'",
        "EXPLAIN ANALYZE SELECT * FROM att.secret WHERE word > 'a'",
        "EXPLAIN VERBOSE SELECT max(word), min(n) FROM att.secret",
    ):
        shown = str(rows(hidden.mallory, statement))
        assert not any(word in shown for word in WORDS), shown


def test_barrier_view(world):
    """Goal: a view with security_barrier computes its own condition first."""
    world.owner.must(
        "CREATE VIEW att.v WITH (security_barrier = true) AS SELECT * FROM att.secret WHERE id = 2",
        "GRANT SELECT ON att.v TO att_mallory",
    )
    for condition in (
        "1 / (n - 42) = 0",
        "word = 'plugh' OR word::int = 0",
        "CASE WHEN n = 42 THEN 1 / (id - 1) ELSE 1 END = 1",
    ):
        outcome = world.mallory.run(f"SELECT id FROM att.v WHERE {condition}")
        assert not outcome.failed, f"{condition}: {outcome}"


def test_policy_does_not_come_back_with_a_name(hidden):
    """Goal: a new table of the name has no policy, and no rights either."""
    hidden.owner.must("DROP TABLE att.secret", "CREATE TABLE att.secret AS SELECT 1 AS id")
    refused(hidden.mallory, "SELECT * FROM att.secret")
    hidden.owner.must("GRANT SELECT ON att.secret TO att_mallory")
    assert rows(hidden.mallory, "SELECT * FROM att.secret") == [("1",)]


# Errors that show values


def test_failing_row_shows_what_may_be_read(world):
    """Goal: the row that breaks a constraint is shown by the columns that one may read, or has just given."""
    world.owner.must(
        "ALTER TABLE att.secret ADD CHECK (n > 0)",
        "ALTER TABLE att.secret ALTER COLUMN id SET NOT NULL",
        "GRANT UPDATE (n, id), SELECT (id) ON att.secret TO att_mallory",
    )
    for statement, code, detail in (
        ("UPDATE att.secret SET n = -1 WHERE id = 1", "23514", "Failing row contains (id, n) = (1, -1)."),
        ("UPDATE att.secret SET id = NULL", "23502", "Failing row contains (id) = (null)."),
    ):
        outcome = world.mallory.run(statement)
        assert (outcome.code, outcome.detail) == (code, detail), outcome
