"""The world of attacks on a server of the module's own, for what PostgreSQL lacks or other tests must not share."""

import pytest

from attack_world import World
from server import Server


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One server for the module."""
    server = Server(tmp_path_factory.mktemp("attacked")).start()
    yield server
    bad = server.bad_log_lines()
    server.stop()
    assert not bad, "\n".join(bad[:20])


@pytest.fixture
def world(running):
    """The world, new for each test."""
    world = World(f"host=127.0.0.1 port={running.port}", "gotgan")
    yield world
    world.close()
