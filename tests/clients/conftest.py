"""Fixtures: one server for all tests, a schema and a clean log for each."""

import re

import psycopg2
import pytest

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
