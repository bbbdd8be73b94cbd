"""Who is let in: rules, certificates of clients, Unix sockets, too many failures."""

import shutil
import subprocess

import psycopg
import pytest

from server import PASSWORD, Server
from waiting import poll


def run_openssl(*arguments):
    """Runs openssl quietly."""
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A folder with an authority, the server's certificate, and certificates of clients by common name."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing")
    folder = tmp_path_factory.mktemp("keys")
    for authority in ["ca", "other"]:
        run_openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={authority}",
            "-keyout", folder / f"{authority}.key", "-out", folder / f"{authority}.crt",
        )  # fmt: skip
    (folder / "extensions").write_text("basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost\n")
    for name, common_name, authority in [
        ("server", "localhost", "ca"),
        ("gotgan", "gotgan", "ca"),
        ("eve", "eve", "ca"),
        ("forged", "gotgan", "other"),
    ]:
        run_openssl(
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={common_name}",
            "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr",
        )  # fmt: skip
        run_openssl(
            "x509", "-req", "-days", "2", "-in", folder / f"{name}.csr", "-CA", folder / f"{authority}.crt",
            "-CAkey", folder / f"{authority}.key", "-CAcreateserial", "-extfile", folder / "extensions",
            "-out", folder / f"{name}.crt",
        )  # fmt: skip
        (folder / f"{name}.key").chmod(0o600)
    return folder


def serve(folder, rules=None, **settings):
    """Starts a server with these lines as its rules."""
    folder.mkdir(exist_ok=True)
    if rules is not None:
        (folder / "rules").write_text(rules)
        settings["auth.rules"] = str(folder / "rules")
    return Server(folder, settings={name.replace("__", "."): str(value) for name, value in settings.items()}).start()


def refusal(server, **parameters):
    """Connects; returns the error's text, or the answer of current_user."""
    arguments = {**server.arguments, "dbname": "gotgan", "connect_timeout": 20, **parameters}
    try:
        with psycopg.connect(**arguments) as connection:
            return connection.execute("SELECT current_user").fetchone()[0]
    except psycopg.OperationalError as error:
        return str(error)


def with_certificate(keys, name):
    """Parameters of a client that shows a certificate."""
    return {"sslmode": "require", "sslcert": str(keys / f"{name}.crt"), "sslkey": str(keys / f"{name}.key")}


def test_client_certificates(keys, tmp_path):
    """Goal: cert and clientcert=verify-full let in whom the certificate names, and nobody else."""
    tls = {
        "server__tls_certificate": keys / "server.crt",
        "server__tls_key": keys / "server.key",
        "server__tls_client_ca": keys / "ca.crt",
    }
    server = serve(tmp_path / "cert", "hostssl all all all cert\n", **tls)
    try:
        without_password = {"password": "wrong"}
        assert refusal(server, **with_certificate(keys, "gotgan"), **without_password) == "gotgan"
        assert "certificate authentication failed" in refusal(server, **with_certificate(keys, "eve"))
        assert "valid client certificate" in refusal(server, sslmode="require", sslcert="", sslkey="")
        forged = refusal(server, **with_certificate(keys, "forged"))
        assert forged != "gotgan"
        assert "certificate" in forged or "alert" in forged or "closed" in forged, forged
        assert "must be encrypted" in refusal(server, sslmode="disable")
    finally:
        server.stop()
    server = serve(tmp_path / "both", "hostssl all all all scram-sha-256 clientcert=verify-full\n", **tls)
    try:
        assert refusal(server, **with_certificate(keys, "gotgan")) == "gotgan"
        assert "password authentication failed" in refusal(server, **with_certificate(keys, "gotgan"), password="wrong")
        assert "certificate authentication failed" in refusal(server, **with_certificate(keys, "eve"))
    finally:
        server.stop()


def test_rules_decide_by_database_and_role(tmp_path):
    """Goal: the first line that fits decides; where none fits, 28000 says who came."""
    rules = "host gotgan eve 127.0.0.1 reject\nhost gotgan gotgan 127.0.0.1 scram-sha-256\n"
    server = serve(tmp_path, rules)
    try:
        assert refusal(server) == "gotgan"
        for user in ["eve", "nobody"]:
            text = refusal(server, user=user)
            assert f'no rule of the server lets in host "127.0.0.1", user "{user}", database "gotgan"' in text, text
    finally:
        server.stop()


def test_rules_that_cannot_be_used_stop_the_start(tmp_path):
    """Goal: a bad line is named; certificates need an authority."""
    for name, rules, reason in [
        ("md5", "# first\nhost all all all md5\n", "line 2"),
        ("trust", "host all all all trust\n", "trust"),
        ("cert", "hostssl all all all cert\n", "tls_client_ca"),
    ]:
        with pytest.raises(RuntimeError, match=reason):
            serve(tmp_path / name, rules)


def test_unix_socket(tmp_path):
    """Goal: a Unix socket beside the port; trust where a rule says so, else a password; a killed server's file is no bar."""
    folder = tmp_path / "socket"
    for name, rules, password, expected in [
        ("password", None, PASSWORD, "gotgan"),
        ("wrong", None, "wrong", "password authentication failed"),
        ("trusted", "local all all trust\nhost all all 127.0.0.1 scram-sha-256\n", "wrong", "gotgan"),
    ]:
        server = serve(tmp_path / name, rules, server__unix_socket_folder=folder)
        try:
            assert expected in refusal(server, host=str(folder), password=password)
            sizes = psycopg.connect(host=str(folder), port=server.port, user="gotgan", password=PASSWORD, dbname="gotgan")
            assert len(sizes.execute("SELECT repeat('x', 3000000)").fetchone()[0]) == 3_000_000
            assert sizes.execute("SELECT inet_client_addr()").fetchone()[0] is None
            sizes.close()
        finally:
            server.stop()
        assert not list(folder.iterdir()), "the socket's file goes with the server"


def test_too_many_failures(tmp_path):
    """Goal: after some failures a role must wait, known or not, with the same words; other roles need not."""
    server = serve(tmp_path, auth__failures_max=3, auth__lockout="1h")
    try:
        for user in ["gotgan", "nobody"]:
            texts = [refusal(server, user=user, password="wrong").replace(user, "?") for _ in range(5)]
            assert all("password authentication failed" in text for text in texts[:3]), texts
            assert all("too many failed logins" in text for text in texts[3:]), texts
        assert "too many failed logins" in refusal(server), "the right password must wait as well"
        assert "password authentication failed" in refusal(server, user="other", password="wrong")
    finally:
        server.stop()


def test_a_lockout_ends(tmp_path):
    """Goal: who has waited is let in. Method: a short lockout, and the right password again and again."""
    server = serve(tmp_path, auth__failures_max=3, auth__lockout="1s")
    try:
        for _ in range(3):
            assert "password authentication failed" in refusal(server, password="wrong")
        poll(lambda: refusal(server) == "gotgan", "the role must wait for ever")
    finally:
        server.stop()
