"""Data files in a bucket: a whole life there, large and broken uploads, and a store that fails."""

import glob
import io
import os
import random
import re
import shutil
import socket
import threading
import uuid

import duckdb_extension_httpfs
import psycopg2
import pytest

from server import Server
from store import BUCKET, MARKER, Store, is_multipart
from test_duckdb import attached, extension, rows
from waiting import poll


# A load whose file is larger than one part, since the text does not compress.
LARGE = (
    "INSERT INTO large SELECT n, md5(n::text) || md5((n + 1000000)::text), md5((n + 2000000)::text) "
    "FROM generate_series(1, 300000) AS n"
)


@pytest.fixture(scope="module")
def store():
    """The S3 server of all tests of this file; each has a prefix of its own."""
    store = Store()
    yield store
    store.stop()


@pytest.fixture
def prefix(request):
    """Where the lake of a test is in the bucket."""
    return "lakes/" + re.sub(r"\W+", "-", request.node.name)


@pytest.fixture
def lake(tmp_path, store, prefix, expected_log):
    """A server whose lake is in the bucket."""
    server = Server(tmp_path / "gotgan", settings=store.settings(prefix)).start()
    yield server
    server.stop()
    store.proxy.mend()
    assert server.bad_log_lines(expected=expected_log) == []


def connect(server):
    """Returns a connection that does not commit by itself."""
    return psycopg2.connect(**server.arguments, dbname="gotgan")


def refusal(tmp_path, settings):
    """Starts a server that must not start; returns its log."""
    server = Server(tmp_path / "refused", settings=settings)
    try:
        with pytest.raises(RuntimeError):
            server.start()
    finally:
        server.stop()
    return server.log()


def test_a_life_in_a_bucket(lake, store, prefix):
    """Goal: all statements work there. Method: load, change, roll back, vacuum, restart; compare with the same by hand."""
    rows(lake, "CREATE TABLE t (id int, name text, price numeric(10,2)); CREATE TABLE few (id int)")
    rows(lake, "INSERT INTO t SELECT n, 'name ' || n, n / 4.0 FROM generate_series(1, 5000) AS n")
    rows(lake, "INSERT INTO few VALUES (1), (2)")
    rows(lake, "UPDATE t SET price = 0 WHERE id % 10 = 0; DELETE FROM t WHERE id > 4000")
    rows(lake, "MERGE INTO t USING (SELECT 1 AS id UNION ALL SELECT 9000) AS s ON t.id = s.id "
               "WHEN MATCHED THEN UPDATE SET name = 'merged' WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'new', 1)")  # fmt: skip
    before = store.objects(prefix)
    connection = connect(lake)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO t SELECT n, 'gone', 0 FROM generate_series(10000, 12000) AS n")
        cursor.execute("SELECT count(*) FROM t")
        assert cursor.fetchone() == (6002,)
        assert len(store.objects(prefix)) > len(before), "the transaction's rows are in the bucket"
    connection.rollback()
    connection.close()
    poll(lambda: store.objects(prefix) == before, "what was rolled back stays in the bucket")
    summary = "SELECT count(*), sum(id), sum(price), count(*) FILTER (WHERE name LIKE 'm%') FROM t"
    expected = rows(lake, summary)
    expected_sum = sum(n / 4 for n in range(1, 4001) if n % 10) + 1
    assert expected == [(4001, 4000 * 4001 // 2 + 9000, pytest.approx(expected_sum), 1)]
    rows(lake, "VACUUM t")
    assert rows(lake, summary) == expected
    lake.stop()
    lake.start()
    assert rows(lake, summary) == expected
    assert rows(lake, "SELECT id FROM few ORDER BY id") == [(1,), (2,)]
    assert all(name.endswith(".parquet") for name in store.objects(prefix))
    assert glob.glob(f"{lake.data_dir}/**/*.parquet", recursive=True) == [], "data files are in the bucket only"


def test_the_lake_remembers_where_its_data_is(lake, store, prefix):
    """Goal: a restart needs no data_url, and another one is refused. Method: start with both."""
    rows(lake, "CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) AS n")
    lake.stop()
    del lake.settings["storage.data_url"]
    lake.start()
    assert rows(lake, "SELECT count(*) FROM t") == [(1000,)]
    lake.stop()
    lake.settings["storage.data_url"] = f"s3://{BUCKET}/elsewhere"
    start = len(lake.log())
    with pytest.raises(RuntimeError):
        lake.start()
    assert "storage.data_url names another place" in lake.log()[start:]
    lake.stop()
    lake.settings["storage.data_url"] = f"s3://{BUCKET}/{prefix}/"
    lake.start()


def test_a_large_file_is_uploaded_in_parts(lake, store, prefix):
    """Goal: large files arrive whole. Method: a file of more than one part, read back after a restart."""
    rows(lake, "CREATE TABLE large (n int, a text, b text)")
    rows(lake, LARGE)
    assert any(is_multipart(tag) for tag in store.objects(prefix).values())
    assert store.uploads(prefix) == []
    lake.stop()
    lake.start()
    check = "SELECT count(*), sum(n), count(*) FILTER (WHERE a = md5(n::text) || md5((n + 1000000)::text) AND b = md5((n + 2000000)::text)) FROM large"
    assert rows(lake, check) == [(300000, 300000 * 300001 // 2, 300000)]


class Lines(io.RawIOBase):
    """An endless file of lines that do not compress; calls `on_read` at each read."""

    def __init__(self, on_read):
        self.on_read = on_read
        self.chance = random.Random(7)

    def read(self, size=-1):
        self.on_read()
        return "".join(f"{n}\t{self.chance.randbytes(32).hex()}\t{self.chance.randbytes(32).hex()}\n" for n in range(1000))


def copy_until(connection, on_read):
    """Loads lines without end, until `on_read` breaks it."""
    with connection.cursor() as cursor, pytest.raises(psycopg2.Error):
        cursor.copy_expert("COPY large FROM STDIN", Lines(on_read), size=1 << 20)


def test_a_client_that_goes_away_leaves_nothing(lake, store, prefix):
    """Goal: no object and no upload stays. Method: the connection of a COPY is cut once its upload has begun."""
    rows(lake, "CREATE TABLE large (n int, a text, b text)")
    connection = connect(lake)

    def die():
        if store.uploads(prefix):
            # As a client that dies: its socket ends in the middle of the COPY.
            socket.socket(fileno=os.dup(connection.fileno())).shutdown(socket.SHUT_RDWR)

    copy_until(connection, die)
    poll(lambda: not store.uploads(prefix) and not store.objects(prefix), "an upload stays in the bucket")
    assert rows(lake, "SELECT count(*) FROM large") == [(0,)]


def test_what_is_rolled_back_or_cancelled_leaves_nothing(lake, store, prefix):
    """Goal: as above. Method: ROLLBACK after a large load, and a load that is cancelled in its upload."""
    rows(lake, "CREATE TABLE large (n int, a text, b text)")
    connection = connect(lake)
    with connection.cursor() as cursor:
        cursor.execute(LARGE)
        assert store.objects(prefix)
    connection.rollback()
    poll(lambda: not store.objects(prefix), "a rolled back file stays in the bucket")

    def cancel():
        poll(lambda: store.uploads(prefix), "no upload begins")
        connection.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    with connection.cursor() as cursor, pytest.raises(psycopg2.errors.QueryCanceled):
        cursor.execute(LARGE.replace("300000", "30000000"))
    thread.join()
    connection.rollback()
    poll(lambda: not store.uploads(prefix) and not store.objects(prefix), "an upload stays in the bucket")
    connection.close()


def test_uploads_of_a_process_that_died_are_removed(lake, store, prefix, expected_log):
    """Goal: nothing unseen stays in the bucket. Method: SIGKILL in an upload; a restart removes it, and no other's."""
    other = store.s3.create_multipart_upload(Bucket=BUCKET, Key="not-ours/x")
    rows(lake, "CREATE TABLE large (n int, a text, b text)")

    def kill():
        if store.uploads(prefix) and lake.process.poll() is None:
            lake.process.kill()
            lake.process.wait()

    copy_until(connect(lake), kill)
    assert store.uploads(prefix), "the upload stays, as nobody could give it up"
    lake.start()
    poll(lambda: not store.uploads(prefix), "an abandoned upload stays in the bucket")
    assert store.uploads("not-ours/") == ["not-ours/x"]
    store.s3.abort_multipart_upload(Bucket=BUCKET, Key="not-ours/x", UploadId=other["UploadId"])
    assert rows(lake, "SELECT count(*) FROM large") == [(0,)]


def test_a_store_that_is_down_is_an_error_and_works_again_after(lake, store, prefix, expected_log):
    """Goal: an error with a code, nothing lost, no restart. Method: connections to the store are broken for a while."""
    expected_log += ["the store does not answer", "stay in the store"]
    rows(lake, "CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) AS n")
    rows(lake, "CREATE TABLE u (n int)")
    store.proxy.cut()
    for sql in ("INSERT INTO u SELECT n FROM generate_series(1, 1000) AS n", "DELETE FROM t WHERE n % 2 = 0"):
        with pytest.raises(psycopg2.OperationalError) as caught:
            rows(lake, sql)
        assert "store does not answer" in str(caught.value)
        assert store.key not in str(caught.value) and "127.0.0.1" not in str(caught.value)
    assert rows(lake, "SELECT 1") == [(1,)]
    store.proxy.mend()
    assert rows(lake, "SELECT count(*), sum(n) FROM t") == [(1000, 500500)]
    assert rows(lake, "SELECT count(*) FROM u") == [(0,)]
    rows(lake, "INSERT INTO u SELECT n FROM t WHERE n > 500")
    assert rows(lake, "SELECT count(*) FROM u") == [(500,)]


def test_a_short_break_is_not_noticed(tmp_path, store, prefix):
    """Goal: requests are tried again. Method: connections break in the middle of a load, for less than retry_timeout.

    They break less and less often, so that a request of any length gets through in the end.
    """
    settings = store.settings(prefix) | {"object_store.retry_timeout": "60s"}
    lake = Server(tmp_path / "gotgan", settings=settings).start()
    rows(lake, "CREATE TABLE large (n int, a text, b text)")
    stop = threading.Event()

    def disturb():
        pause = 0.1
        while not stop.wait(pause):
            store.proxy.cut()
            store.proxy.mend()
            pause *= 1.3

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        rows(lake, LARGE)
        assert rows(lake, "SELECT count(*), sum(n), count(DISTINCT a) FROM large") == [(300000, 300000 * 300001 // 2, 300000)]
    finally:
        stop.set()
        thread.join()
        lake.stop()
    assert lake.bad_log_lines() == []


@pytest.mark.parametrize(
    "change, named",
    [
        ({"object_store.s3.secret_access_key": "wrong"}, "denies access"),
        ({"object_store.s3.access_key_id": "AKIAUNKNOWN"}, "denies access"),
        ({"storage.data_url": "s3://no-such-bucket/lake"}, "does not exist, or cannot be listed"),
        ({"object_store.s3.endpoint": "http://127.0.0.1:9"}, "cannot be reached"),
        ({"object_store.allow_http": "false"}, "object_store.s3.endpoint"),
        ({"storage.data_url": "s3://bucket/a//b"}, "data URL"),
        ({"storage.data_url": "ftp://bucket/a"}, "storage.data_url"),
        ({"storage.data_url": f"s3://{BUCKET}/taken"}, "holds objects"),
    ],
)
def test_what_cannot_work_stops_the_start(tmp_path, store, prefix, change, named):
    """Goal: mistakes show at once and show no key. Method: one wrong setting each; then the right ones work."""
    store.s3.put_object(Bucket=BUCKET, Key="taken/x", Body=b"x")
    settings = store.settings(prefix)
    log = refusal(tmp_path, settings | change)
    assert named in log and "panicked" not in log
    assert store.key not in log and "wrong" not in log.replace("wrong key", "")
    server = Server(tmp_path / "refused", settings=settings).start()
    assert rows(server, "SELECT 1") == [(1,)]
    server.stop()


def test_duckdb_reads_the_bucket(lake, store):
    """Goal: DuckDB finds the files by the catalog's paths. Method: httpfs with the same store, at two snapshots."""
    rows(lake, "CREATE TABLE t AS SELECT n, 'text ' || n AS s FROM generate_series(1, 5000) AS n")
    rows(lake, "DELETE FROM t WHERE n % 3 = 0")
    prepare = [
        f"LOAD '{extension(duckdb_extension_httpfs, 'httpfs')}'",
        f"CREATE SECRET (TYPE s3, KEY_ID '{store.key_id}', SECRET '{store.key}', REGION 'us-east-1', "
        f"ENDPOINT '127.0.0.1:{store.store_port}', URL_STYLE 'path', USE_SSL false)",
    ]
    with attached(lake.data_dir / "catalog.sqlite", prepare=prepare) as duck:
        sql = "SELECT count(*), sum(n), min(s), max(s) FROM lake.public.t"
        assert duck.execute(sql).fetchall() == rows(lake, sql.replace("lake.public.", ""))
        before = duck.execute("SELECT max(snapshot_id) - 1 FROM lake.snapshots()").fetchone()[0]
        assert duck.execute(f"SELECT count(*) FROM lake.public.t AT (VERSION => {before})").fetchone() == (5000,)


def test_temporary_tables_stay_on_this_machine(lake, store, prefix):
    """Goal: what ends with the connection is not uploaded. Method: a temporary table of many rows."""
    connection = connect(lake)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE scratch AS SELECT n FROM generate_series(1, 100000) AS n")
        cursor.execute("DELETE FROM scratch WHERE n > 99000")
        cursor.execute("SELECT count(*) FROM scratch")
        assert cursor.fetchone() == (99000,)
    connection.commit()
    assert store.objects(prefix) == {}
    connection.close()


def copy_of(lake, tmp_path, settings):
    """Returns a server, not started, on a copy of the catalog of a lake that does not run."""
    copy = Server(tmp_path / "copy", settings=settings)
    copy.data_dir.mkdir(parents=True)
    shutil.copy(lake.data_dir / "catalog.sqlite", copy.data_dir / "catalog.sqlite")
    return copy


def adopted_only(server):
    """Whether the server removes no file before ADOPT DATA."""
    try:
        rows(server, "REMOVE ORPHANS")
    except psycopg2.errors.ObjectNotInPrerequisiteState as error:
        assert "run ADOPT DATA" in str(error)
        return True
    return False


def test_another_lake_is_refused_and_a_lake_below_is_left_alone(lake, tmp_path, store, prefix, expected_log):
    """Goal: no lake takes another's files for its own. Method: start lakes at the same prefix, below it and above it."""
    marker = store.marker(prefix)
    for below in ("", "/inner"):
        settings = store.settings(prefix + below)
        assert "another lake" in refusal(tmp_path / ("x" + below), settings)
    assert "holds objects" in refusal(tmp_path / "above", store.settings("lakes"))
    assert store.marker(prefix) == marker, "who was refused wrote nothing"
    # Lakes from before there were markers may lie in each other.
    store.s3.delete_object(Bucket=BUCKET, Key=f"{prefix}/{MARKER}")
    inner = Server(tmp_path / "inner", settings=store.settings(f"{prefix}/inner")).start()
    for name in ("inner/t", "t"):
        store.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/{name}/{uuid.UUID(int=7)}.parquet", Body=b"x")
    rows(inner, "CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) AS n")
    lake.stop()
    young = ("storage.orphan_age", "storage.grace", "storage.expire_age_min")
    lake.settings |= dict.fromkeys(young, "1s") | {"replica.stale_max": "500ms"}
    lake.start()
    poll(lambda: rows(lake, "SELECT * FROM gotgan.remove_orphans()") != [(0, 0, [])], "the orphan is not old enough")
    assert rows(lake, "SELECT * FROM gotgan.remove_orphans(dry_run => true)")[0][2] == [f"t/{uuid.UUID(int=7)}.parquet"]
    rows(lake, "REMOVE ORPHANS")
    assert rows(inner, "SELECT sum(n) FROM t") == [(500500,)]
    names = store.objects(prefix)
    assert f"{prefix}/t/{uuid.UUID(int=7)}.parquet" not in names and f"{prefix}/inner/t/{uuid.UUID(int=7)}.parquet" in names
    inner.stop()
    inner.start()
    assert "lies within another lake" in inner.log()
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="needs a place of its own"):
        rows(inner, "REMOVE ORPHANS")
    inner.stop()


def test_copies_of_a_catalog_remove_nothing_until_one_adopts(lake, tmp_path, store, prefix, expected_log):
    """Goal: a catalog from a backup beside the living one harms neither. Method: both on one bucket, with orphans."""
    expected_log += ["no file is removed", "a job failed"]
    rows(lake, "CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) AS n")
    lake.stop()
    copy = copy_of(lake, tmp_path, store.settings(prefix))
    lake.start()
    rows(lake, "INSERT INTO t SELECT n FROM generate_series(1, 1000) AS n")
    copy.start()
    assert "belongs to a newer copy" in copy.log()
    assert adopted_only(copy) and adopted_only(lake), "files of both are live"
    job = "SELECT error FROM gotgan.maintenance WHERE job = 'claim files'"
    poll(lambda: "ADOPT DATA" in str(rows(copy, job)), "maintenance does not tell")
    assert rows(copy, "SELECT count(*) FROM t") == [(1000,)]
    rows(copy, "INSERT INTO t SELECT n FROM generate_series(1, 500) AS n")
    assert rows(copy, "SELECT count(*) FROM t") == [(1500,)]
    copy.stop()
    rows(lake, "ADOPT DATA")
    assert not adopted_only(lake)
    assert rows(lake, "SELECT count(*) FROM t") == [(2000,)]
    assert "lake" in store.marker(prefix)


def test_a_replica_with_a_readers_key_leaves_the_marker_alone(lake, store, prefix, tmp_path):
    """Goal: replicas need no right to write. Method: a replica with a key that may only read; the marker stays."""
    rows(lake, "CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) AS n")
    marker = store.marker(prefix)
    replica = Server(tmp_path / "replica", settings=store.settings(prefix, is_reader=True), primary=lake).start()
    assert rows(replica, "SELECT count(*) FROM t") == [(1000,)]
    replica.stop()
    assert store.marker(prefix) == marker
