"""Attacks on the login, byte by byte: order and size of messages, TLS, channel binding, replay, what answers tell."""

import shutil
import statistics
import struct
import subprocess
import time

import psycopg
import pytest

from server import PASSWORD, Server
from wire_client import (
    BOUND,
    PLAIN,
    SSL_REQUEST,
    Closed,
    Scram,
    Wire,
    end_point,
    initial,
    message,
    server_first,
    startup,
)

ROLE = "gotgan"


@pytest.fixture(scope="module")
def login(tmp_path_factory):
    """A server with TLS that never locks anybody out, so that tests can fail as often as they like."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing")
    folder = tmp_path_factory.mktemp("login")
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-keyout", folder / "server.key", "-out", folder / "server.crt"]
    subprocess.run([*make, *files], check=True, capture_output=True)
    tls = {"server.tls_certificate": str(folder / "server.crt"), "server.tls_key": str(folder / "server.key")}
    server = Server(folder, settings={"auth.failures_max": "0", **tls}).start()
    yield server
    bad = server.bad_log_lines()
    server.stop()
    assert not bad, "\n".join(bad)


def opened(login, user=ROLE):
    """A connection that was offered mechanisms."""
    wire = Wire(login.port)
    wire.send(startup(user))
    wire.mechanisms()
    return wire


def is_alive(login):
    """Whether the server still serves everybody else."""
    with psycopg.connect(**login.arguments, dbname="gotgan") as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def test_the_right_way(login):
    """Goal: this client can log in at all, plain and bound; without it the other tests would show nothing."""
    for is_bound in (False, True):
        with Wire(login.port) as wire:
            scram = Scram(PASSWORD)
            if is_bound:
                wire.encrypt()
                scram = Scram(PASSWORD, "p=tls-server-end-point,,", end_point(wire.certificate))
            wire.send(startup(ROLE))
            assert (BOUND in wire.mechanisms()) == is_bound
            wire.send(initial(BOUND if is_bound else PLAIN, scram.first()))
            wire.send(message(b"p", scram.final(server_first(wire))))
            assert (b"R", b"\0\0\0\0") in wire.until_end()


@pytest.mark.parametrize(
    "sent",
    {
        "query": message(b"Q", b"SELECT 1\0"),
        "parse": message(b"P", b"\0SELECT 1\0\0\0"),
        "sync": message(b"S"),
        "copy data": message(b"d", b"x"),
        "function call": message(b"F", b"\0" * 8),
        "second startup": startup(ROLE),
        "cleartext password": message(b"p", PASSWORD.encode() + b"\0"),
        "md5 password": message(b"p", b"md5" + b"0" * 32 + b"\0"),
        "empty": message(b"p"),
        "no mechanism": initial("", b"n,,n=,r=abc"),
        "unknown mechanism": initial("PLAIN", b"\0gotgan\0granary"),
        "bound without TLS": initial(BOUND, b"p=tls-server-end-point,,n=,r=abc"),
        "binding in a plain one": initial(PLAIN, b"p=tls-server-end-point,,n=,r=abc"),
        "no data": message(b"p", PLAIN.encode() + b"\0" + struct.pack("!i", -1)),
        "too short": message(b"p", PLAIN.encode() + b"\0" + struct.pack("!i", 400) + b"n,,n=,r=abc"),
        "too long": message(b"p", PLAIN.encode() + b"\0" + struct.pack("!i", 3) + b"n,,n=,r=abc"),
        "no flag": initial(PLAIN, b"n=,r=abc"),
        "no nonce": initial(PLAIN, b"n,,n="),
        "empty nonce": initial(PLAIN, b"n,,n=,r="),
        "not UTF-8": initial(PLAIN, b"n,,n=\xff\xfe,r=abc"),
        "extension": initial(PLAIN, b"n,,m=must,n=,r=abc"),
        "other identity": initial(PLAIN, b"n,a=other,n=,r=abc\0,"),
        "final at once": message(b"p", b"c=biws,r=abc,p=" + b"A" * 44),
        "huge": b"p" + struct.pack("!i", 2**31 - 1) + b"x" * 100_000,
        "negative": b"p" + struct.pack("!i", -5),
        "zero length": b"p" + struct.pack("!i", 0),
    }.items(),
    ids=lambda pair: pair[0],
)
def test_wrong_first_message(login, sent):
    """Goal: nothing but SASLInitialResponse is taken where it is due. Method: send something else, then a query."""
    with opened(login) as wire:
        wire.send(sent[1] + message(b"Q", b"SELECT 'in'\0"))
        wire.socket.shutdown(1)
        try:
            server_first(wire)
        except (PermissionError, Closed):
            return
        # An exchange may begin; the query is no answer to it.
        assert wire.refusal() is not None
    assert is_alive(login)


@pytest.mark.parametrize(
    "change",
    {
        "other nonce": lambda scram, first: scram.final(first, nonce="x" * 40),
        "only the client's nonce": lambda scram, first: scram.final(first, nonce=scram.nonce),
        "other binding": lambda scram, first: scram.final(first, binding="eSws"),
        "no proof": lambda scram, first: scram.final(first).rpartition(b",p=")[0],
        "empty proof": lambda scram, first: scram.final(first).rpartition(b",p=")[0] + b",p=",
        "short proof": lambda scram, first: scram.final(first).rpartition(b",p=")[0] + b",p=AAAA",
        "long proof": lambda scram, first: scram.final(first) + b"AAAA",
        "zero proof": lambda scram, first: scram.final(first).rpartition(b",p=")[0] + b",p=" + b"A" * 43 + b"=",
        "two proofs": lambda scram, first: scram.final(first) + b"," + scram.final(first).rpartition(b",")[2],
        "no base64": lambda scram, first: scram.final(first).rpartition(b",p=")[0] + b",p=" + b"!" * 44,
        "empty": lambda scram, first: b"",
        "first again": lambda scram, first: scram.first(),
        "zero byte": lambda scram, first: scram.final(first) + b"\0",
    }.items(),
    ids=lambda pair: pair[0],
)
def test_wrong_final_message(login, change):
    """Goal: a proof that is changed in any way lets nobody in, though the password is right."""
    with opened(login) as wire:
        scram = Scram(PASSWORD)
        wire.send(initial(PLAIN, scram.first()))
        wire.send(message(b"p", change[1](scram, server_first(wire))))
        refusal = wire.refusal()
        assert refusal is None or refusal["C"] in ("28P01", "08P01"), refusal


def test_messages_between(login):
    """Goal: a query within the exchange, or instead of its end, is not run, and nothing before it counts."""
    scram = Scram(PASSWORD)
    for sent in (message(b"Q", b"SELECT 'in'\0"), initial(PLAIN, scram.first()), message(b"S"), message(b"X")):
        with opened(login) as wire:
            wire.send(initial(PLAIN, scram.first()))
            first = server_first(wire)
            wire.send(sent)
            wire.send(message(b"p", scram.final(first)))
            found = wire.until_end()
            assert not any(kind in (b"D", b"Z") for kind, _ in found), found
            assert (b"R", b"\0\0\0\0") not in found


def test_pipelined_query_waits_for_the_proof(login):
    """Goal: what was sent ahead with a wrong proof is never run."""
    with opened(login) as wire:
        scram = Scram("wrong")
        wire.send(initial(PLAIN, scram.first()))
        first = server_first(wire)
        wire.send(message(b"p", scram.final(first)) + message(b"Q", b"CREATE SCHEMA broken_in\0"))
        assert wire.refusal()["C"] == "28P01"
    with psycopg.connect(**login.arguments, dbname="gotgan") as connection:
        assert connection.execute("SELECT to_regnamespace('broken_in') IS NULL").fetchone() == (True,)


def test_replay(login):
    """Goal: a recorded login is worth nothing. Method: send its messages again, with the same client nonce."""
    scram = Scram(PASSWORD)
    with opened(login) as wire:
        wire.send(initial(PLAIN, scram.first()))
        first = server_first(wire)
        final = scram.final(first)
        wire.send(message(b"p", final))
        assert (b"R", b"\0\0\0\0") in wire.until_end()
    nonces = {first}
    for _ in range(5):
        with opened(login) as wire:
            wire.send(initial(PLAIN, scram.first()))
            again = server_first(wire)
            assert again not in nonces, "a nonce of the server came twice"
            nonces.add(again)
            wire.send(message(b"p", final))
            assert wire.refusal() is not None


def test_nonce_keeps_the_client_s(login):
    """Goal: the server adds to the client's nonce enough of its own."""
    with opened(login) as wire:
        scram = Scram(PASSWORD)
        wire.send(initial(PLAIN, scram.first()))
        nonce = server_first(wire).split(",")[0].removeprefix("r=")
        assert nonce.startswith(scram.nonce) and len(nonce) - len(scram.nonce) >= 18


def test_stripped_channel_binding(login):
    """Goal: who takes the mechanisms with binding off the server's list is found out. Method: the flag `y` over TLS,
    by which a client says that it could bind, and was not offered to."""
    with Wire(login.port).encrypt() as wire:
        wire.send(startup(ROLE))
        assert wire.mechanisms()[0] == BOUND
        wire.send(initial(PLAIN, Scram(PASSWORD, "y,,").first()))
        scram = Scram(PASSWORD, "y,,")
        try:
            wire.send(message(b"p", scram.final(server_first(wire))))
        except PermissionError:
            return
        assert wire.refusal() is not None


def test_binding_to_another_certificate(login):
    """Goal: a proof that is bound to the certificate of somebody between is refused."""
    for binding in (b"\0" * 32, b"", end_point(b"another certificate")):
        with Wire(login.port).encrypt() as wire:
            wire.send(startup(ROLE))
            wire.mechanisms()
            scram = Scram(PASSWORD, "p=tls-server-end-point,,", binding)
            wire.send(initial(BOUND, scram.first()))
            wire.send(message(b"p", scram.final(server_first(wire))))
            assert wire.refusal() is not None
    with Wire(login.port).encrypt() as wire:
        wire.send(startup(ROLE))
        wire.mechanisms()
        wire.send(initial(BOUND, Scram(PASSWORD, "p=tls-unique,,", b"x").first()))
        assert wire.refusal() is not None


def test_libpq_requires_binding(login):
    """Goal: a client that wants to be bound is, over TLS; without TLS it is the client that refuses."""
    parameters = dict(login.arguments, dbname="gotgan", channel_binding="require")
    with psycopg.connect(**parameters, sslmode="require") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match="channel binding"):
        psycopg.connect(**parameters, sslmode="disable")


def test_bytes_before_tls(login):
    """Goal: what came unencrypted is not taken for what was encrypted. Method: a startup packet behind the request."""
    with Wire(login.port) as wire:
        wire.send(SSL_REQUEST + startup(ROLE))
        answer = wire.take(1)
        assert answer == b"E", answer
    assert is_alive(login)


def test_second_request_for_tls(login):
    """Goal: TLS begins once. Method: ask again inside of it."""
    with Wire(login.port).encrypt() as wire:
        wire.send(SSL_REQUEST)
        refused = wire.take(1)
        assert refused in (b"N", b"E"), refused
    assert is_alive(login)


def test_rule_for_tls_only(login, tmp_path):
    """Goal: a role that must come over TLS cannot be made to come without. Method: a rule `hostssl`, then plaintext."""
    rules = tmp_path / "rules"
    rules.write_text("hostssl all all all scram-sha-256\n")
    settings = {**login.settings, "auth.rules": str(rules)}
    server = Server(tmp_path / "server", settings=settings).start()
    try:
        with Wire(server.port) as wire:
            wire.send(startup(ROLE))
            refusal = wire.refusal()
            assert refusal["C"] == "28000", refusal
        with psycopg.connect(**server.arguments, dbname="gotgan", sslmode="require") as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.stop()


@pytest.mark.parametrize(
    "packet",
    {
        "huge": struct.pack("!ii", 2**31 - 1, 196608) + b"x" * 70_000,
        "over the limit": startup(ROLE, application_name="x" * 20_000),
        "negative": struct.pack("!ii", -1, 196608),
        "too short": struct.pack("!i", 4),
        "no terminator": struct.pack("!ii", 8 + 12, 196608) + b"user\0gotgan\0",
        "no value": struct.pack("!ii", 8 + 5, 196608) + b"user\0",
        "no user": struct.pack("!ii", 9, 196608) + b"\0",
        "two users": struct.pack("!ii", 8 + 26, 196608) + b"user\0eve\0user\0gotgan\0" + b"\0" * 5,
        "rest": startup(ROLE)[:-1] + b"\0more",
        "old protocol": struct.pack("!ii", 8, 131072),
        "new protocol": struct.pack("!ii", 8, 262144),
        "replication": startup(ROLE, replication="true"),
    }.items(),
    ids=lambda pair: pair[0],
)
def test_wrong_startup_packet(login, packet):
    """Goal: a startup packet that is broken in any way is refused, and the server goes on."""
    with Wire(login.port) as wire:
        wire.send(packet[1])
        wire.socket.shutdown(1)
        found = wire.until_end()
        assert not any(kind in (b"K", b"Z") for kind, _ in found), found
    assert is_alive(login)


def exchange(login, user, password="wrong"):
    """A login that fails: salt and rounds, the error, and how long the server took to refuse the proof."""
    with opened(login, user) as wire:
        scram = Scram(password)
        wire.send(initial(PLAIN, scram.first()))
        first = server_first(wire)
        final = scram.final(first)
        begin = time.perf_counter()
        wire.send(message(b"p", final))
        refusal = wire.refusal()
        took = time.perf_counter() - begin
        return first.split(",", 1)[1], refusal, took


def test_unknown_role_looks_like_a_wrong_password(login):
    """Goal: nobody learns by trying which roles there are: not by a text, a salt, the number of rounds, or an order."""
    answers = {}
    for user in (ROLE, "nobody_of_that_name"):
        tries = [exchange(login, user) for _ in range(3)]
        assert len({salt for salt, _, _ in tries}) == 1, "the salt of a role changes only with its password"
        answers[user] = tries[0]
    known, unknown = answers.values()
    assert known[0] != unknown[0]
    assert [part[:2] for part in known[0].split(",")] == [part[:2] for part in unknown[0].split(",")]
    assert known[0].split(",")[1] == unknown[0].split(",")[1], "as many rounds"
    assert len(known[0]) == len(unknown[0])
    shown = [{k: v.replace(u, "?") for k, v in answer[1].items()} for u, answer in answers.items()]
    assert shown[0] == shown[1]
    assert shown[0]["C"] == "28P01"


def test_unknown_role_takes_as_long(login):
    """Goal: nor by how long it takes. Method: many tries of both in turn; their medians may differ by little more than
    what the times of one of them do."""
    times = {ROLE: [], "nobody_of_that_name": []}
    for _ in range(60):
        for user, found in times.items():
            found.append(exchange(login, user)[2])
    known, unknown = [sorted(found)[: len(found) // 2] for found in times.values()]
    difference = abs(statistics.median(known) - statistics.median(unknown))
    spread = max(statistics.pstdev(known), statistics.pstdev(unknown))
    assert difference < max(0.002, 6 * spread), (difference, spread)


def test_cancel_needs_the_key(login):
    """Goal: nobody cancels what is not his. Method: a request with the right number and wrong keys."""
    with psycopg.connect(**login.arguments, dbname="gotgan", autocommit=True) as connection:
        pid = connection.info.backend_pid
        for key in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"", b"\0" * 32, b"\0" * 252):
            with Wire(login.port) as wire:
                wire.send(struct.pack("!iii", 12 + len(key), 80877102, pid) + key)
                wire.socket.shutdown(1)
                wire.until_end()
        assert connection.execute("SELECT pg_sleep(0.2)").fetchone() == ("",)
