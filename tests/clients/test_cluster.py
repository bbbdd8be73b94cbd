"""One primary and two replicas over PostgreSQL and a bucket, while nodes die and the catalog goes away.

The short run takes one or two minutes; GOTGAN_TEST_LONG=1 makes it twenty times as long.
"""

import os
import random
import threading
import time

import psycopg2
import pytest

from cluster import Cluster, ask, connect
from server import PASSWORD
from store import BUCKET, Store
from waiting import PATIENCE_SECONDS, poll

ROUNDS = 20 if os.environ.get("GOTGAN_TEST_LONG") else 1
READERS = 20

# Short times, so that expiry and sweeping happen in the test. What replicas read is safe by
# their leases, and by the grace while a lease is lost.
SETTINGS = {
    "storage.retention": "0s",
    "storage.expire_age_min": "1s",
    "storage.grace": "30s",
    "storage.transaction_age_max": "25s",
    "maintenance.interval": "500ms",
    "maintenance.expire_interval": "1s",
    "maintenance.inlined_age_max": "3s",
}
REPLICA_SETTINGS = {"replica.stale_max": "4s"}

# How a statement may fail while nodes die and the catalog is away: the connection is lost,
# the node does not listen, is stale, or cannot ask the catalog.
EXPECTED_STATES = {None, "57P01", "57P03", "58000", "08006"}

# What the log of a node may say meanwhile.
EXPECTED_LOG = [
    "the catalog does not answer",
    "the catalog cannot be reached",
    "testing the connection on-release",
    "the log of statements cannot be written",
    "files are not swept: a node still reads",
]

INVARIANTS = " UNION ALL ".join(
    f"SELECT '{name}', count(*), sum(v), min(batch), max(batch), count(DISTINCT batch) FROM {name}" for name in "ab"
)


@pytest.fixture(scope="module")
def store():
    """The S3 server."""
    store = Store()
    yield store
    store.stop()


@pytest.fixture
def cluster(tmp_path, store):
    """The nodes."""
    cluster = Cluster(tmp_path, store, SETTINGS, REPLICA_SETTINGS)
    yield cluster
    cluster.stop()


def check(rows):
    """A state that some commit made, whole: both tables hold the same batches, each with all its rows."""
    (_, count_a, sum_a, *range_a), (_, count_b, sum_b, *range_b) = sorted(rows)
    low, high, batches = range_a
    assert range_a == range_b, rows
    assert high - low + 1 == batches and (sum_a, sum_b) == (0, 0), rows
    assert (count_a, count_b) == (150 * batches, 10 * batches), rows
    return high


class Worker(threading.Thread):
    """Works until told to stop; the first thing that is wrong ends it."""

    def __init__(self, cluster, stop):
        super().__init__(daemon=True)
        self.cluster, self.stop = cluster, stop
        self.done = 0
        self.interrupted = 0
        self.wrong = None

    def run(self):
        while not self.stop.is_set() and self.wrong is None:
            try:
                self.connected()
            except psycopg2.Error as error:
                if error.pgcode not in EXPECTED_STATES:
                    self.wrong = f"{type(self).__name__}: {error.pgcode} {error}"
                self.interrupted += 1
                time.sleep(0.1)
            except AssertionError as error:
                self.wrong = f"{type(self).__name__}: {error}"


class Loader(Worker):
    """Adds a batch to both tables with each commit, changes one in the middle, removes the oldest."""

    def connected(self):
        connection = connect(self.cluster.primary)
        connection.autocommit = False
        while not self.stop.is_set():
            with connection.cursor() as cursor:
                # Also after a commit whose reply was lost.
                cursor.execute("SELECT max(batch) FROM a")
                batch = cursor.fetchone()[0] + 1
                load(cursor, batch)
                cursor.execute(f"UPDATE a SET v = -v WHERE batch = {batch - 4}")
                for table in "ab":
                    cursor.execute(f"DELETE FROM {table} WHERE batch < {batch - 8}")
            connection.commit()
            self.done += 1


def load(cursor, batch):
    """The rows of a batch: those of one table go to a file, those of the other into the catalog."""
    for table, pairs in (("a", 75), ("b", 5)):
        cursor.execute(
            f"INSERT INTO {table} SELECT {batch}, n * s FROM generate_series(1, {pairs}) AS n, (VALUES (1), (-1)) AS x(s)"
        )


class Reader(Worker):
    """Looks at both tables on a replica, alone and in transactions; now and then tries to write."""

    def __init__(self, cluster, stop, number):
        super().__init__(cluster, stop)
        self.replica = cluster.replicas[number % 2]
        self.chance = random.Random(number)

    def connected(self):
        connection = connect(self.replica)
        last = 0
        while not self.stop.is_set():
            newest = check(ask(connection, INVARIANTS))
            assert newest >= last, f"batch {newest} after {last}: time went back"
            last = newest
            if self.chance.random() < 0.3:
                self.look_twice(connection)
            if self.chance.random() < 0.1:
                self.try_to_write(connection)
            self.done += 1

    def look_twice(self, connection):
        ask(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ")
        before = sorted(ask(connection, INVARIANTS))
        time.sleep(self.chance.random() * 3)
        assert sorted(ask(connection, INVARIANTS)) == before, "a transaction saw two states"
        ask(connection, "COMMIT")

    def try_to_write(self, connection):
        for sql in ("INSERT INTO a VALUES (-1, 1)", "DELETE FROM a", "DROP TABLE b", "VACUUM"):
            try:
                ask(connection, sql)
            except psycopg2.errors.ReadOnlySqlTransaction:
                continue
            raise AssertionError(f"{sql} was carried out on a replica")


def progress(workers, count=2):
    """Waits until each of these has done something more, so that no step is over too soon."""
    before = [worker.done for worker in workers]
    poll(
        lambda: any(worker.wrong for worker in workers)
        or all(worker.done >= done + count for worker, done in zip(workers, before)),
        f"nothing goes on: {[(w.done, w.interrupted, w.wrong) for w in workers]}",
    )


def disturb(cluster, loader, readers):
    """One round: each node dies and comes back, each way to the catalog breaks, leases are lost."""
    first, second = readers[0::2], readers[1::2]
    for replica, own, others in ((cluster.replicas[0], first, second), (cluster.replicas[1], second, first)):
        cluster.kill(replica)
        progress([loader, *others], 1)
        replica.start()
        progress(own, 1)
    cluster.kill(cluster.primary)
    progress(readers, 1)
    cluster.primary.start()
    progress([loader], 1)
    # As if minutes passed: the claims of those that died end, and leases that live do, too.
    # What these protect is protected by the grace now.
    cluster.execute(
        "UPDATE gotgan_activity.lease SET expires_at = now() - interval '1 hour'",
        "UPDATE gotgan_activity.job SET until = now() - interval '1 hour'",
    )
    progress([loader, *readers], 1)
    proxy = cluster.proxies["second"]
    proxy.cut()
    interrupted = [reader.interrupted for reader in second]
    # Known tables are answered at first; once it has heard nothing for too long, nothing is.
    poll(
        lambda: all(reader.interrupted > before for reader, before in zip(second, interrupted)),
        "a replica that is cut off answers for ever",
    )
    progress(first, 1)
    proxy.mend()
    progress(second, 1)
    # A short break is not noticed on a replica.
    cluster.proxies["first"].cut()
    cluster.proxies["first"].mend()
    progress(first, 1)


def test_a_cluster_in_trouble(cluster, store):
    """Goal: no reader sees a wrong state, a missing file, or writes. Method: load, readers and trouble together."""
    connection = connect(cluster.primary)
    ask(connection, "CREATE TABLE a (batch int, v bigint); CREATE TABLE b (batch int, v bigint)")
    connection.autocommit = False
    with connection.cursor() as cursor:
        load(cursor, 1)
    connection.commit()
    connection.close()
    wait_for(cluster)
    stop = threading.Event()
    loader = Loader(cluster, stop)
    readers = [Reader(cluster, stop, number) for number in range(READERS)]
    workers = [loader, *readers]
    for worker in workers:
        worker.start()
    prefix = f"clusters/{cluster.name}"
    try:
        progress(workers)
        objects = set(store.objects(prefix))
        for _ in range(ROUNDS):
            disturb(cluster, loader, readers)
            assert [worker.wrong for worker in workers if worker.wrong] == []
    finally:
        stop.set()
        for worker in workers:
            worker.join(PATIENCE_SECONDS)
    assert [worker.wrong for worker in workers if worker.wrong] == []
    poll(lambda: objects - set(store.objects(prefix)), "no file was swept meanwhile")
    wait_for(cluster)
    states = [ask(connect(node), f"{INVARIANTS} ORDER BY 1") for node in cluster.nodes]
    check(states[0])
    assert states[0] == states[1] == states[2]
    (kept,) = ask(connect(cluster.primary), "SELECT count(*) FROM gotgan.snapshots")[0]
    (made,) = ask(connect(cluster.primary), "SELECT max(snapshot_id) FROM gotgan.snapshots")[0]
    assert kept < made - 10, "snapshots expired meanwhile"
    for node in cluster.nodes:
        log = node.log()
        assert "panicked" not in log and "is missing" not in log
        assert node.bad_log_lines(expected=EXPECTED_LOG) == []


def wait_for(cluster):
    """Lets the replicas see what the primary committed last."""
    (newest,) = ask(connect(cluster.primary), "SELECT max(snapshot_id) FROM gotgan.snapshots")[0]
    for replica in cluster.replicas:
        connection = connect(replica)
        ask(connection, f"SET statement_timeout = '60s'; SET gotgan.wait_for_snapshot = {newest}")
        ask(connection, "SELECT 1")


def test_a_replica_without_the_catalog(cluster):
    """Goal: it answers from its last snapshot, says so, then sends clients elsewhere, and comes back. Method: cut its way."""
    connection = connect(cluster.primary)
    ask(connection, "CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) AS n; CREATE TABLE never_read (n int)")
    wait_for(cluster)
    replica, other = cluster.replicas
    own = connect(replica)
    count = "SELECT count(*) FROM t"
    assert ask(own, count) == [(1000,)] and own.notices == []
    cluster.proxies["first"].cut()
    ask(connection, "DELETE FROM t WHERE n <= 10")
    assert ask(own, count) == [(1000,)]
    # Who was there before may come again, and nobody else.
    assert ask(connect(replica), count) == [(1000,)]

    def is_told():
        assert ask(own, count) == [(1000,)]
        return any("has not reached the catalog" in notice for notice in own.notices)

    poll(is_told, "it does not say that it is cut off")
    assert len([notice for notice in own.notices if "WARNING" in notice]) == 1

    def is_refused():
        try:
            ask(own, count)
        except psycopg2.errors.CannotConnectNow as error:
            return "answers no more" in str(error)

    poll(is_refused, "it answers for ever")
    with pytest.raises(psycopg2.OperationalError, match="answers no more"):
        connect(replica)
    ports = f"{replica.port},{other.port}"
    both = psycopg2.connect(host="127.0.0.1,127.0.0.1", port=ports, user="gotgan", password=PASSWORD, dbname="gotgan")
    assert both.info.port == other.port and ask(both, count) == [(990,)]
    (up,) = ask(connection, "SELECT array_agg(address ORDER BY address) FROM gotgan.replicas WHERE is_up")[0]
    assert f"127.0.0.1:{other.port}" in up
    cluster.proxies["first"].mend()

    def is_back():
        try:
            return ask(own, count) == [(990,)]
        except psycopg2.errors.CannotConnectNow:
            return False

    poll(is_back, "it does not come back")
    log = replica.log()
    assert "the catalog does not answer" in log and "the catalog answers again" in log


def test_a_commit_is_waited_for(cluster):
    """Goal: gotgan.snapshot of a commit is seen elsewhere; waiting can be cancelled. Method: wait for what is there and what is not."""
    connection = connect(cluster.primary)
    ask(connection, "CREATE TABLE t (n int)")
    replica = connect(cluster.replicas[0])
    for n in range(5):
        ask(connection, f"INSERT INTO t VALUES ({n})")
        made = connection.info.parameter_status("gotgan.snapshot")
        assert ask(connection, "SHOW gotgan.snapshot") == [(made,)]
        ask(replica, f"SET gotgan.wait_for_snapshot = {made}")
        assert ask(replica, "SELECT count(*) FROM t") == [(n + 1,)]
    ask(connection, "SELECT 1")
    assert connection.info.parameter_status("gotgan.snapshot") == made, "a query makes no snapshot"
    ask(replica, f"SET statement_timeout = '300ms'; SET gotgan.wait_for_snapshot = {int(made) + 100}")
    with pytest.raises(psycopg2.errors.QueryCanceled):
        ask(replica, "SELECT 1")
    ask(replica, "SET statement_timeout = 0")
    threading.Timer(0.3, replica.cancel).start()
    with pytest.raises(psycopg2.errors.QueryCanceled):
        ask(replica, "SELECT 1")
    ask(replica, "RESET gotgan.wait_for_snapshot")
    assert ask(replica, "SELECT 1") == [(1,)]
    for bad in ("-1", "x", "'now'"):
        with pytest.raises(psycopg2.errors.InvalidParameterValue):
            ask(replica, f"SET gotgan.wait_for_snapshot = {bad}")
    with pytest.raises(psycopg2.errors.CantChangeRuntimeParam):
        ask(connection, "SET gotgan.snapshot = 1")


def test_replicas_need_only_read(cluster, store):
    """Goal: the roles of README.md and a key that only reads do. Method: try what they do not permit; then use the replicas."""
    connection = connect(cluster.primary)
    ask(connection, "CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) AS n")
    for sql in ("DELETE FROM ducklake_data_file", "INSERT INTO gotgan_state SELECT * FROM gotgan_state", "CREATE TABLE x (a int)"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            as_replica(cluster, sql)
    reader = store._client("s3", store.reader_key["AccessKeyId"], store.reader_key["SecretAccessKey"])
    name = next(iter(store.objects(f"clusters/{cluster.name}")))
    for call in (lambda: reader.delete_object(Bucket=BUCKET, Key=name), lambda: reader.put_object(Bucket=BUCKET, Key="x", Body=b"")):
        with pytest.raises(Exception, match="AccessDenied"):
            call()
    ask(connection, "INSERT INTO t VALUES (1001)")
    ask(connection, "DELETE FROM t WHERE n <= 10")
    wait_for(cluster)
    for replica in cluster.replicas:
        own = connect(replica)
        assert ask(own, "SELECT count(*), sum(n) FROM t") == [(991, 1001 * 1002 // 2 - 55)]
        ask(own, "CREATE TEMPORARY TABLE mine AS SELECT * FROM t WHERE n > 500; DELETE FROM mine WHERE n > 1000")
        assert ask(own, "SELECT count(*) FROM mine") == [(500,)]
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            ask(own, "DELETE FROM t")
    poll(lambda: len(shown(connection)) == 2, "both replicas are shown")
    for node in cluster.nodes:
        assert node.bad_log_lines() == []


def as_replica(cluster, sql):
    """Runs a statement in the catalog as the replicas' role."""
    arguments = {"host": "127.0.0.1", "port": cluster.catalog_port, "user": cluster.name, "dbname": cluster.database}
    with psycopg2.connect(**arguments, options=f"-csearch_path={cluster.name}") as connection:
        ask(connection, sql)


def shown(connection):
    """Addresses of the replicas that are up."""
    return ask(connection, "SELECT address FROM gotgan.replicas WHERE is_up ORDER BY 1")


def test_commits_arrive_within_a_second(cluster):
    """Goal: lag on an idle machine below 1 s. Method: commits on the primary, until a replica shows each."""
    connection = connect(cluster.primary)
    ask(connection, "CREATE TABLE t (n int)")
    wait_for(cluster)
    replica = connect(cluster.replicas[0])
    lags = []
    for n in range(10):
        ask(connection, f"INSERT INTO t VALUES ({n})")
        started = time.monotonic()
        poll(lambda: ask(replica, "SELECT count(*) FROM t") == [(n + 1,)], "the row is not shown")
        lags.append(time.monotonic() - started)
    # One may take longer: the machine of a test is not idle all the time.
    assert sorted(lags)[len(lags) // 2] < 0.5 and sorted(lags)[-2] < 1, lags
    # Where each is told, waiting for a snapshot takes no time at all.
    assert ask(replica, "SELECT pg_last_xact_replay_timestamp() > now() - interval '1 minute'") == [(True,)]
    lag = "SELECT max(lag) < interval '1 second' FROM gotgan.replicas"
    poll(lambda: ask(connection, lag) == [(True,)], "the replicas lag behind")
