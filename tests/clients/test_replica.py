"""A replica beside its primary, over SQLite: how soon it sees commits, and how old transactions become."""

import select
import time

import psycopg
import pytest

from cluster import ask, connect
from server import Server
from waiting import PATIENCE_SECONDS, poll


@pytest.fixture
def nodes(tmp_path):
    """A primary and a replica, whose transactions end after two seconds."""
    settings = {"storage.transaction_age_max": "2s"}
    primary = Server(tmp_path / "primary", settings=settings).start()
    replica = Server(tmp_path / "replica", settings=settings, primary=primary).start()
    yield primary, replica
    for node in (replica, primary):
        node.stop()
        assert node.bad_log_lines(expected=["transaction timeout"]) == []


def test_commits_arrive_within_two_seconds(nodes):
    """Goal: lag on an idle machine below 2 s by looking alone. Method: commits, until the replica shows each."""
    primary, replica = (connect(node) for node in nodes)
    ask(primary, "CREATE TABLE t (n int)")
    lags = []
    for n in range(1, 6):
        ask(primary, f"INSERT INTO t VALUES ({n})")
        made = int(ask(primary, "SHOW gotgan.snapshot")[0][0])
        started = time.monotonic()
        newest = "SELECT max(snapshot_id) FROM gotgan.replicas"
        poll(lambda made=made: ask(replica, newest) >= [(made,)], "the commit is not shown")
        lags.append(time.monotonic() - started)
        assert ask(replica, "SELECT count(*) FROM t") == [(n,)]
    # One may take longer: the machine of a test is not idle all the time.
    assert sorted(lags)[-2] < 2, lags


def test_replicas_are_shown_on_every_node(nodes):
    """Goal: gotgan.replicas. Method: both nodes, a session more, an end, a crash."""
    primary, replica = nodes
    sql = "SELECT role, address, is_up, lag < interval '2 seconds', sessions, version <> '' FROM gotgan.replicas"
    expected = ("replica", f"127.0.0.1:{replica.port}", True, True)
    on_primary, on_replica = connect(primary), connect(replica)
    for connection in (on_primary, on_replica):
        poll(
            lambda connection=connection: [(*row[:4], row[5]) for row in ask(connection, sql)] == [(*expected, True)],
            "the replica is not shown as it is",
        )
    poll(lambda: ask(on_primary, sql)[0][4] == 1, "sessions are not counted")
    replica.stop()
    assert ask(on_primary, sql) == []
    replica.start()
    replica.process.kill()
    replica.process.wait()
    # It cannot say that it is gone, so the time when it was last seen does.
    assert len(ask(on_primary, sql)) == 1
    replica.start()
    assert ask(on_primary, "SELECT count(*) FROM gotgan.replicas WHERE is_up")[0][0] in (1, 2)


@pytest.mark.parametrize("node", [0, 1])
def test_a_transaction_does_not_become_old(nodes, node):
    """Goal: nobody keeps a snapshot for ever. Method: an idle transaction, and a statement that runs."""
    idle = connect(nodes[node])
    ask(idle, "BEGIN; SELECT 1")
    started = time.monotonic()
    running = psycopg.connect(**nodes[node].arguments, dbname="gotgan", autocommit=True)
    with pytest.raises(psycopg.Error) as caught:
        running.execute("SELECT pg_sleep(600)")
    assert caught.value.sqlstate == "25P04" and running.closed
    assert 1.5 < time.monotonic() - started < PATIENCE_SECONDS
    # The reason comes before the connection is closed, and nobody waits for it.
    select.select([idle], [], [], PATIENCE_SECONDS)
    idle.poll()
    assert any("transaction timeout" in notice for notice in idle.notices), idle.notices
    # Between transactions a session may wait as long as it likes.
    fresh = connect(nodes[node])
    ask(fresh, "SELECT 1")
    time.sleep(2.5)
    assert ask(fresh, "SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    "settings, named",
    [
        ({"replica.stale_max": "2d"}, "replica.stale_max"),
        ({"storage.transaction_age_max": "10d"}, "storage.transaction_age_max"),
        ({"replica.poll_interval": "0s"}, "replica.poll_interval"),
    ],
)
def test_a_replica_does_not_read_what_may_be_gone(nodes, tmp_path, settings, named):
    """Goal: times that do not fit stop the start and name the setting. Method: one each."""
    replica = Server(tmp_path / "refused", settings=settings, primary=nodes[0])
    with pytest.raises(RuntimeError, match=named):
        replica.start()
    replica.stop()
