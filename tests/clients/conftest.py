"""Fixtures: one server for all tests, a schema and a clean log for each."""

import re

import psycopg2
import pytest

from attack_world import World
from permission_run import Client
from postgres import Postgres
from server import Server


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    """The one server process."""
    server = Server(tmp_path_factory.mktemp("gotgan")).start()
    yield server
    server.stop()


@pytest.fixture
def expected_log():
    """Texts of ERROR and WARN lines that the test causes on purpose."""
    return []


@pytest.fixture
def server(running, expected_log):
    """The server; afterwards its log may hold no ERROR or WARN that was not named."""
    start = len(running.log())
    yield running
    bad = running.bad_log_lines(start, expected_log)
    assert not bad, "the server's log holds:\n" + "\n".join(bad)


@pytest.fixture
def schema(server, request):
    """A schema of the test's own, named after it."""
    name = re.sub(r"\W+", "_", request.node.name).strip("_").lower()[:50]
    connection = psycopg2.connect(**server.arguments, dbname="gotgan")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {name}")
    yield name
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
    connection.close()


@pytest.fixture(scope="session")
def attacked(tmp_path_factory):
    """Addresses of a server of ours and of a PostgreSQL 15, and the names of their superusers."""
    server = Server(tmp_path_factory.mktemp("attacked")).start()
    found = {"gotgan": (f"host=127.0.0.1 port={server.port}", "gotgan")}
    postgres = Postgres.find()
    if postgres is not None:
        admin = Client(postgres.address)
        admin.run("CREATE DATABASE gotgan")
        user = admin.must("SELECT current_user").rows[0][0]
        dsn = " ".join(part for part in postgres.address.split() if part.startswith(("host=", "port=")))
        found["postgres"] = (dsn, user)
    yield found
    if postgres is not None:
        admin.close()
        postgres.stop()
    bad = server.bad_log_lines()
    server.stop()
    assert not bad, "\n".join(bad[:20])


@pytest.fixture(params=["gotgan", "postgres"])
def world(attacked, request):
    """The world that attacks happen in, new for each test, on ours and on PostgreSQL."""
    if request.param not in attacked:
        pytest.skip("PostgreSQL 15 cannot be started here")
    world = World(*attacked[request.param])
    yield world
    world.close()
