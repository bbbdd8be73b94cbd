"""The permission matrix: every kind of statement against every set of privileges, on Gotgan and on PostgreSQL 15.

Both must give the same rows, tag, SQLSTATE, message, detail, hint and warnings. What differs is named with its reason
in permission_differences.py; a difference that is gone fails as well, so that the list stays true. MATRIX=insert,grant
runs these groups only, MATRIX_ACTORS=none,owner these actors.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

import permission_actors as actors
import permission_differences as differences
import permission_own as own
import permission_statements as statements
from permission_run import Client
from postgres import Postgres
from server import PASSWORD, Server

SHOWN_MAX = 200


def chosen(variable, names):
    """Those of the names that an environment variable picks, or all."""
    wanted = os.environ.get(variable)
    return [name for name in names if not wanted or name in wanted.split(",")]


GROUPS = chosen("MATRIX", statements.GROUPS)
ACTORS = chosen("MATRIX_ACTORS", actors.ALL)


class Side:
    """One of the two servers with the objects of the matrix."""

    def __init__(self, dsn, user):
        self.dsn = dsn
        self.user = user
        self.admin = self.client(user)
        self.clients = {}

    def client(self, role):
        """A new connection of a role."""
        return Client(f"{self.dsn} user={role} password={PASSWORD} dbname=gotgan connect_timeout=20")

    def roles(self):
        """The roles of the matrix that are there."""
        rows = self.admin.must("SELECT rolname FROM pg_roles WHERE rolname LIKE 'perm\\_%'").rows
        return [row[0] for row in rows]

    def make(self):
        """Makes everything anew."""
        self.admin.must(*actors.teardown(self.roles()))
        self.admin.must(*actors.setup(PASSWORD))

    def close(self):
        """Says goodbye."""
        for client in (*self.clients.values(), self.admin):
            client.close()

    def remove(self):
        """Removes everything."""
        self.admin.must(*actors.teardown(self.roles()))
        self.close()

    def group(self, group, names=ACTORS):
        """What each statement of a group gives each actor: (statement, actor) to outcome."""
        found = {}
        cases = statements.cases(group)
        for actor in names:
            before, after = actors.MEANWHILE.get(actor, ((), ()))
            self.admin.must(*before)
            client = self.clients.get(actor)
            if client is None:
                client = self.clients[actor] = self.client(actors.ALL[actor])
            for name, texts in cases.items():
                found[name, actor] = client.case(texts, group == "alone")
                if client.is_lost():
                    client = self.clients[actor] = self.client(actors.ALL[actor])
            self.admin.must(*after)
        return found


def host_and_port(postgres):
    """Where a PostgreSQL listens."""
    return " ".join(part for part in postgres.address.split() if part.startswith(("host=", "port=")))


@pytest.fixture(scope="module")
def oracle():
    """PostgreSQL with a database of our name."""
    found = Postgres.find()
    if found is None:
        pytest.skip("PostgreSQL 15 cannot be started here")
    admin = Client(found.address)
    user = admin.must("SELECT current_user").rows[0][0]
    admin.run("CREATE DATABASE gotgan")
    side = Side(host_and_port(found), user)
    side.make()
    yield side
    side.remove()
    admin.run("DROP DATABASE gotgan")
    admin.close()
    found.stop()


@pytest.fixture(scope="module")
def gotgan(tmp_path_factory):
    """A server of the matrix's own, for roles are the whole server's."""
    server = Server(tmp_path_factory.mktemp("matrix")).start()
    side = Side(f"host=127.0.0.1 port={server.port}", "gotgan")
    side.make()
    yield side
    side.remove()
    bad = server.bad_log_lines()
    server.stop()
    assert not bad, "the server's log holds:\n" + "\n".join(bad[:20])


def comparable(group, outcome):
    """An outcome without what each server says in its own way."""
    if group == "explain" and not outcome.failed:
        return ("a plan", outcome.warnings)
    return outcome


def compare(group, expected, given, different):
    """Lines that tell what differs and should not, or no longer does; actors of one difference stand together."""
    found = {}
    stale = {key for key in different if key.startswith(f"{group}/")}
    for (name, actor), theirs in expected.items():
        ours = given[name, actor]
        key = f"{group}/{name}"
        if comparable(group, theirs) == comparable(group, ours):
            continue
        if key in differences.MISSING:
            if ours.code not in ("0A000", "25006", theirs.code):
                found.setdefault(f"{key} is not built, so 0A000 is expected, not {ours}", []).append(actor)
            continue
        known = different.get(key)
        if known is not None and known.holds_for(actor):
            stale.discard(key)
            continue
        told = f"{key}\n    PostgreSQL: {theirs}\n    Gotgan:     {ours}"
        found.setdefault(told, []).append(actor)
    lines = [f"{told}\n    as {', '.join(who)}" for told, who in found.items()]
    if set(ACTORS) == set(actors.ALL) and different is differences.DIFFERENT:
        lines += [f"{key}: listed as different, but it is not" for key in sorted(stale)]
    return lines


@pytest.mark.parametrize("group", GROUPS)
def test_as_postgres(oracle, gotgan, group):
    """Goal: who may do what is as in PostgreSQL, to the word. Method: the same statements on both."""
    side_by_side(group, oracle, gotgan, ACTORS, differences.DIFFERENT)


def side_by_side(group, oracle, gotgan, names, different):
    """Runs a group on both at once, and compares."""
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(side.group, group, names) for side in (oracle, gotgan)]
        expected, given = (one.result() for one in running)
    lines = compare(group, expected, given, different)
    if lines:
        shown = "\n".join(lines[:SHOWN_MAX])
        pytest.fail(f"{len(lines)} differences in {len(expected)} answers:\n{shown}", pytrace=False)


@pytest.fixture(scope="module")
def standbys(tmp_path_factory):
    """A standby of PostgreSQL and a replica of ours, over primaries with the objects of the matrix."""
    postgres = Postgres.start()
    if postgres is None:
        pytest.skip("PostgreSQL 15 cannot be started here")
    Client(postgres.address).must("CREATE DATABASE gotgan")
    primary = Server(tmp_path_factory.mktemp("primary")).start()
    sides = [Side(host_and_port(postgres), "tests"), Side(f"host=127.0.0.1 port={primary.port}", "gotgan")]
    for side in sides:
        side.make()
    standby = postgres.standby()
    replica = Server(tmp_path_factory.mktemp("replica"), primary=primary).start()
    reading = [Side(host_and_port(standby), "tests"), Side(f"host=127.0.0.1 port={replica.port}", "gotgan")]
    yield reading
    for side in reading:
        side.close()
    for one in (standby, postgres, replica, primary):
        one.stop()
    bad = replica.bad_log_lines()
    assert not bad, "the replica's log holds:\n" + "\n".join(bad[:20])


@pytest.mark.parametrize("group", GROUPS)
def test_replica_as_standby(standbys, group):
    """Goal: a replica answers reads as the primary does and refuses every write; of two reasons it tells the one that
    PostgreSQL's standby tells. Method: the same statements on both."""
    names = [name for name in ACTORS if name in actors.ON_REPLICA]
    side_by_side(group, *standbys, names, {**differences.DIFFERENT, **differences.DIFFERENT_ON_REPLICA})


@pytest.mark.parametrize(
    "group", chosen("MATRIX", ["select", "insert", "update", "delete", "merge", "grant", "function"])
)
def test_extended_protocol(gotgan, group):
    """Goal: the extended protocol refuses the same. Method: each statement by both, for some actors."""
    lines = []
    for actor in chosen("MATRIX_ACTORS", ["none", "columns", "write", "no_usage", "owner"]):
        client = gotgan.client(actors.ALL[actor])
        for name, texts in statements.cases(group).items():
            simple, extended = (client.case(texts, extended=way) for way in (False, True))
            if simple != extended:
                lines.append(f"{group}/{name} as {actor}\n    simple:   {simple}\n    extended: {extended}")
        client.close()
    if lines:
        shown = "\n".join(lines[:SHOWN_MAX])
        pytest.fail(f"{len(lines)} differences:\n{shown}", pytrace=False)


@pytest.mark.parametrize("text", [own.OWN, own.OWN_ALONE], ids=["in a transaction", "alone"])
def test_statements_of_our_own(oracle, gotgan, text):
    """Goal: what PostgreSQL lacks is refused to whom it should be. Method: a statement of PostgreSQL's with the same
    rule tells to whom."""
    gotgan.admin.must("CREATE TABLE perm.gone (x int)", "ALTER TABLE perm.gone OWNER TO perm_owner")
    snapshot = gotgan.admin.must("SELECT max(snapshot_id) FROM gotgan.snapshots").rows[0][0]
    gotgan.admin.must("DROP TABLE perm.gone")
    lines = []
    for actor in ACTORS:
        before, after = actors.MEANWHILE.get(actor, ((), ()))
        for side in (oracle, gotgan):
            side.admin.must(*before)
        theirs, ours = (side.client(actors.ALL[actor]) for side in (oracle, gotgan))
        known = {}
        for name, (like, statement) in own.cases(text).items():
            if like not in known:
                group, _, line = like.partition("/")
                known[like] = theirs.case(statements.cases(group)[line])
            gotgan.admin.run("CREATE SNAPSHOT perm_hold")
            texts = [part.format(snapshot=snapshot) for part in statement]
            given = ours.case(texts, is_alone=text is own.OWN_ALONE)
            refusals = {"42501", "42P01", known[like].code}
            if given.failed != known[like].failed or (given.failed and given.code not in refusals):
                lines.append(f"{name} as {actor}: {given}\n    {like} in PostgreSQL: {known[like]}")
        theirs.close()
        ours.close()
        for side in (oracle, gotgan):
            side.admin.must(*after)
    if lines:
        shown = "\n".join(lines[:SHOWN_MAX])
        pytest.fail(f"{len(lines)} differences:\n{shown}", pytrace=False)


def test_lists_name_what_there_is():
    """Goal: no entry of the differences outlives its statement."""
    known = {f"{group}/{name}" for group in statements.GROUPS for name in statements.cases(group)}
    named = {*differences.DIFFERENT, *differences.DIFFERENT_ON_REPLICA, *differences.MISSING}
    assert named <= known, sorted(named - known)
