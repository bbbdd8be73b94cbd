"""A small world with something to steal, on Gotgan or PostgreSQL: its owner, a victim, and Mallory."""

from permission_run import Client
from server import PASSWORD

ROLES = ("att_owner", "att_mallory", "att_victim", "att_group")

SETUP = """
CREATE ROLE att_owner LOGIN
CREATE ROLE att_mallory LOGIN
CREATE ROLE att_victim LOGIN
CREATE ROLE att_group
CREATE SCHEMA att
CREATE SCHEMA att_open
GRANT USAGE ON SCHEMA att TO att_owner, att_mallory, att_victim, att_group
GRANT CREATE ON SCHEMA att TO att_owner
GRANT CREATE, USAGE ON SCHEMA att_open TO PUBLIC
CREATE TABLE att.secret (id int, word text, n int)
INSERT INTO att.secret VALUES (1, 'xyzzy', 42), (2, 'plugh', 7)
ALTER TABLE att.secret OWNER TO att_owner
"""

# What no answer, error or plan may hold that goes to somebody without rights.
WORDS = ("xyzzy", "plugh")


class World:
    """The objects, and connections of their roles."""

    def __init__(self, dsn, superuser):
        self.dsn = dsn
        self.superuser = superuser
        self.clients = []
        self.shared = {}
        self.admin = self.fresh(superuser)
        self.remove()
        self.admin.must(*(line for line in SETUP.strip().split("\n")))
        self.admin.must(*(f"ALTER ROLE {role} PASSWORD '{PASSWORD}'" for role in ROLES))

    @property
    def is_gotgan(self):
        """Whether it is ours."""
        return self.superuser == "gotgan"

    def fresh(self, role, **parameters):
        """A new connection."""
        more = " ".join(f"{name}='{value}'" for name, value in parameters.items())
        client = Client(f"{self.dsn} user={role} password={PASSWORD} dbname=gotgan connect_timeout=20 {more}")
        self.clients.append(client)
        return client

    def __getattr__(self, name):
        """`world.mallory` is Mallory's connection."""
        if f"att_{name}" not in ROLES:
            raise AttributeError(name)
        client = self.shared.get(name)
        if client is None or client.is_lost():
            client = self.shared[name] = self.fresh(f"att_{name}")
        return client

    def remove(self):
        """Removes everything."""
        self.admin.must("DROP SCHEMA IF EXISTS att CASCADE", "DROP SCHEMA IF EXISTS att_open CASCADE")
        for policy in ("att_stars", "att_zero", "att_high"):
            self.admin.run(f"DROP MASKING POLICY {policy}")
        there = self.admin.must("SELECT rolname FROM pg_roles WHERE rolname LIKE 'att\\_%'").rows
        for (role,) in there:
            self.admin.must(f"DROP OWNED BY {role} CASCADE", f"DROP ROLE {role}")

    def close(self):
        """Ends every connection."""
        for client in self.clients[1:]:
            client.close()
        self.remove()
        self.admin.close()


def refused(client, *statements, code="42501", text=""):
    """The last of the statements is refused with one of the codes; the others are not. The error tells no secret."""
    *before, last = statements
    client.must(*before)
    outcome = client.run(last)
    assert outcome.code in code.split(), f"{last}: {outcome}"
    assert text in outcome.message, f"{last}: {outcome}"
    assert not any(word in str(outcome) for word in WORDS), f"{last}: {outcome}"
    return outcome


def rows(client, statement):
    """The rows of a query that must succeed."""
    return list(client.must(statement).rows)
