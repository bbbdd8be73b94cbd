"""Who runs the statements of the permission matrix, and the objects that they meet."""

# What everybody may be given or refused. Its owner is perm_owner, who does not own the schema.
OBJECTS = """
CREATE ROLE perm_owner LOGIN;
CREATE ROLE perm_schema_owner LOGIN;
CREATE ROLE perm_weak;
CREATE ROLE perm_readers;
CREATE ROLE perm_empty;
CREATE SCHEMA perm;
CREATE SCHEMA perm_other;
CREATE SCHEMA perm_open;
GRANT CREATE, USAGE ON SCHEMA perm_open TO PUBLIC;
CREATE TABLE perm.t (id int PRIMARY KEY, a int CONSTRAINT t_a CHECK (a > 0), b text);
INSERT INTO perm.t VALUES (1, 10, 'one'), (2, 20, 'two');
CREATE TABLE perm.u (id int PRIMARY KEY, a int, b text);
INSERT INTO perm.u VALUES (2, 200, 'zwei'), (3, 300, 'drei');
CREATE TABLE perm.s (id serial, n int);
CREATE TABLE perm.g (id int GENERATED ALWAYS AS IDENTITY, n int);
CREATE SEQUENCE perm.q;
CREATE INDEX t_index ON perm.t (a);
CREATE VIEW perm.v AS SELECT id, a, b FROM perm.t;
CREATE VIEW perm.v_weak AS SELECT id, a FROM perm.t;
CREATE VIEW perm.v_invoker WITH (security_invoker = true) AS SELECT id, a FROM perm.t;
CREATE VIEW perm.v_nested AS SELECT id FROM perm.v;
ALTER TABLE perm.t OWNER TO perm_owner;
ALTER TABLE perm.u OWNER TO perm_owner;
ALTER TABLE perm.s OWNER TO perm_owner;
ALTER TABLE perm.g OWNER TO perm_owner;
ALTER SEQUENCE perm.q OWNER TO perm_owner;
ALTER VIEW perm.v OWNER TO perm_owner;
ALTER VIEW perm.v_nested OWNER TO perm_owner;
ALTER VIEW perm.v_invoker OWNER TO perm_owner;
ALTER VIEW perm.v_weak OWNER TO perm_weak;
ALTER SCHEMA perm OWNER TO perm_schema_owner;
GRANT USAGE ON SCHEMA perm TO perm_weak, perm_readers, perm_owner;
GRANT CREATE, USAGE ON SCHEMA perm_other TO perm_owner;
GRANT SELECT ON perm.u, perm.v_weak, perm.v_invoker, perm.v_nested TO PUBLIC;
GRANT SELECT ON perm.t, perm.v TO perm_readers;
"""

DROP = """
DROP SCHEMA IF EXISTS perm CASCADE;
DROP SCHEMA IF EXISTS perm_other CASCADE;
DROP SCHEMA IF EXISTS perm_open CASCADE;
"""

# Roles that every statement of the matrix may name.
HELPERS = ["perm_owner", "perm_schema_owner", "perm_weak", "perm_readers", "perm_empty"]

TARGETS = "perm.t, perm.s, perm.g, perm.v"


def on_tables(privileges):
    """Privileges on the tables and the view of the matrix."""
    return (f"GRANT {privileges} ON {TARGETS} TO {{role}}",)


# name: (options of the role, its grants). Every role logs in for itself.
ACTORS = {
    "none": ("", ()),
    "select": ("", on_tables("SELECT")),
    "insert": ("", on_tables("INSERT")),
    "update": ("", on_tables("UPDATE")),
    "delete": ("", on_tables("DELETE")),
    "truncate": ("", on_tables("TRUNCATE")),
    "references": ("", on_tables("REFERENCES")),
    "trigger": ("", on_tables("TRIGGER")),
    "select_insert": ("", on_tables("SELECT, INSERT")),
    "select_update": ("", on_tables("SELECT, UPDATE")),
    "select_delete": ("", on_tables("SELECT, DELETE")),
    "insert_update": ("", on_tables("INSERT, UPDATE")),
    "write": ("", on_tables("SELECT, INSERT, UPDATE, DELETE")),
    "all": ("", (*on_tables("ALL"), "GRANT ALL ON SEQUENCE perm.q, perm.s_id_seq TO {role}")),
    "grant_option": ("", (f"GRANT ALL ON {TARGETS} TO {{role}} WITH GRANT OPTION",)),
    "columns": ("", ("GRANT SELECT (id, a), INSERT (id, a), UPDATE (a), REFERENCES (id) ON perm.t TO {role}",)),
    "column_b": ("", ("GRANT SELECT (b) ON perm.t TO {role}",)),
    "view_only": ("", ("GRANT SELECT ON perm.v TO {role}",)),
    "sequence_usage": ("", ("GRANT USAGE ON SEQUENCE perm.q TO {role}", *on_tables("INSERT"))),
    "sequence_select": ("", ("GRANT SELECT ON SEQUENCE perm.q TO {role}",)),
    "sequence_update": ("", ("GRANT UPDATE ON SEQUENCE perm.q TO {role}",)),
    "create": ("", ("GRANT CREATE ON SCHEMA perm TO {role}",)),
    "create_and_select": ("", ("GRANT CREATE ON SCHEMA perm TO {role}", *on_tables("SELECT"))),
    "database_create": ("", ("GRANT CREATE ON DATABASE gotgan TO {role}",)),
    "reader_group": ("", ("GRANT perm_readers TO {role}",)),
    "reader_noinherit": ("NOINHERIT", ("GRANT perm_readers TO {role}",)),
    "group_admin": ("", ("GRANT perm_readers TO {role} WITH ADMIN OPTION",)),
    "owner_inherit": ("", ("GRANT perm_owner TO {role}",)),
    "owner_noinherit": ("NOINHERIT", ("GRANT perm_owner TO {role}",)),
    "read_all_data": ("", ("GRANT pg_read_all_data TO {role}",)),
    "write_all_data": ("", ("GRANT pg_write_all_data TO {role}",)),
    "createrole": ("CREATEROLE", ()),
    "createdb": ("CREATEDB", ()),
    "bypassrls": ("BYPASSRLS", ()),
    "no_usage": ("", on_tables("ALL")),
    "public": ("", ()),
    "no_temporary": ("", ()),
    "superuser": ("SUPERUSER", ()),
}

# Actors that are there already.
GIVEN = {"owner": "perm_owner", "schema_owner": "perm_schema_owner"}

# What holds only while an actor is at work: before, after.
MEANWHILE = {
    "public": (
        (f"GRANT ALL ON {TARGETS} TO PUBLIC", "GRANT ALL ON SEQUENCE perm.q TO PUBLIC"),
        (f"REVOKE ALL ON {TARGETS} FROM PUBLIC", "REVOKE ALL ON SEQUENCE perm.q FROM PUBLIC"),
    ),
    "no_temporary": (
        ("REVOKE TEMPORARY ON DATABASE gotgan FROM PUBLIC",),
        ("GRANT TEMPORARY ON DATABASE gotgan TO PUBLIC",),
    ),
}

# Those that are also tried on a replica, where rights are the same and the order of refusals is not.
ON_REPLICA = {
    "none", "select", "insert", "update", "delete", "write", "all", "columns", "sequence_usage", "create",
    "owner_inherit", "read_all_data", "createrole", "no_usage", "superuser", "owner", "schema_owner",
}  # fmt: skip

ALL = {name: f"perm_{name}" for name in ACTORS} | GIVEN


def setup(password):
    """The statements that make everything, in order; every role gets the password."""
    statements = [line for line in OBJECTS.strip().split("\n") if line]
    for name, (options, grants) in ACTORS.items():
        role = ALL[name]
        statements.append(f"CREATE ROLE {role} LOGIN {options}".strip())
        if name != "no_usage":
            statements.append(f"GRANT USAGE ON SCHEMA perm TO {role}")
        statements.extend(grant.format(role=role) for grant in grants)
    statements.extend(f"ALTER ROLE {role} PASSWORD '{password}'" for role in ALL.values())
    return statements


def teardown(existing):
    """The statements that remove what there is of it; `existing`: names of roles."""
    statements = [line for line in DROP.strip().split("\n") if line]
    for role in existing:
        statements += [f"DROP OWNED BY {role} CASCADE", f"DROP ROLE {role}"]
    return statements
