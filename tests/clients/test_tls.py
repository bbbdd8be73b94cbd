"""TLS beyond loopback, in a network namespace of the test's own."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from server import PASSWORD, binary

INSIDE = """
import os, pathlib, re, subprocess, sys, time
import psycopg2

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(["ip", "address", "add", "10.99.0.1/32", "dev", "lo"], check=True)
binary, folder, password, allow = sys.argv[1:]
environment = dict(os.environ, GOTGAN__AUTH__ADMIN_PASSWORD=password, GOTGAN__SERVER__ALLOW_PLAINTEXT=allow)
log = pathlib.Path(folder) / "log"
with open(log, "wb") as out:
    server = subprocess.Popen(
        [binary, "serve", "--listen", "0.0.0.0:0", "--data-dir", folder + "/data"], stdout=out, stderr=out, env=environment
    )
try:
    deadline = time.monotonic() + 60
    found = None
    while found is None and time.monotonic() < deadline and server.poll() is None:
        found = re.search(r"listening.*address=\\S*?:(\\d+)", log.read_text())
        time.sleep(0.005)
    if found is None:
        sys.exit("not listening: " + log.read_text())
    for host in ["127.0.0.1", "10.99.0.1"]:
        for mode in ["disable", "require"]:
            try:
                connection = psycopg2.connect(
                    host=host, port=found[1], user="gotgan", password=password, dbname="gotgan", sslmode=mode
                )
                answer = "tls" if connection.info.ssl_in_use else "plain"
                connection.close()
            except psycopg2.OperationalError as error:
                answer = "refused " + " ".join(str(error).split())
            print(host, mode, answer)
finally:
    server.terminate()
    server.wait(60)
"""


def inside_namespace(tmp_path, allow_plaintext):
    """Runs server and clients in a fresh network namespace; returns (host, mode) -> answer."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("unshare or ip is missing")
    if subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode != 0:
        pytest.skip("a network namespace may not be made here")
    command = ["unshare", "--net", sys.executable, "-c", INSIDE, str(binary()), str(tmp_path), PASSWORD, allow_plaintext]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return dict(re.findall(r"(?m)^(\S+ \S+) (.*)$", done.stdout))


def test_plaintext_from_elsewhere_is_refused(tmp_path):
    """Goal: TLS is required beyond loopback. Method: listen everywhere, connect with and without TLS."""
    answers = inside_namespace(tmp_path, "false")
    assert answers["127.0.0.1 disable"] == "plain"
    assert answers["127.0.0.1 require"] == "tls", "a self-signed certificate was made"
    assert answers["10.99.0.1 require"] == "tls"
    assert answers["10.99.0.1 disable"].startswith("refused"), answers
    assert re.search("TLS|SSL|encrypt|plaintext", answers["10.99.0.1 disable"]), answers


def test_plaintext_can_be_allowed(tmp_path):
    """Goal: server.allow_plaintext. Method: the same with the setting on."""
    assert inside_namespace(tmp_path, "true")["10.99.0.1 disable"] == "plain"


def make_certificate(folder):
    """Makes a certificate for localhost; returns its path and its key's."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing")
    certificate, key = folder / "server.crt", folder / "server.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def test_certificate_that_is_set(tmp_path):
    """Goal: our own certificate, verified; both ways to begin TLS; a bad file stops the start."""
    import psycopg

    from server import Server

    certificate, key = make_certificate(tmp_path)
    settings = {"server.tls_certificate": str(certificate), "server.tls_key": str(key)}
    server = Server(tmp_path / "good", settings=settings).start()
    try:
        ways = ["postgres"] + (["direct"] if psycopg.pq.version() >= 170000 else [])
        for way in ways:
            parameters = {"sslmode": "verify-full", "sslrootcert": str(certificate)}
            if psycopg.pq.version() >= 170000:
                parameters["sslnegotiation"] = way
            with psycopg.connect(server.dsn(**parameters).replace("127.0.0.1", "localhost")) as connection:
                assert connection.pgconn.ssl_in_use
                assert connection.execute("SELECT repeat('x', 3000000)").fetchone()[0] == "x" * 3_000_000
    finally:
        server.stop()
    bad = Server(tmp_path / "bad", settings=dict(settings, **{"server.tls_certificate": str(key)}))
    with pytest.raises(RuntimeError, match="(?i)certificate"):
        bad.start()
