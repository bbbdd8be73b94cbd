"""Drivers that are given several hosts find the primary or a replica by themselves: libpq, psycopg, asyncpg, pgjdbc."""

import asyncio
import glob
import os
import shutil
import subprocess

import asyncpg
import psycopg
import psycopg2
import pytest

from server import PASSWORD, Server

PRIMARY, REPLICA = "f", "t"

# What each wish finds, whatever the order of hosts; where both will do, the first.
WISHES = {
    "any": None,
    "read-write": PRIMARY,
    "primary": PRIMARY,
    "read-only": REPLICA,
    "standby": REPLICA,
    "prefer-standby": REPLICA,
}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """A primary, and a replica beside it."""
    primary = Server(tmp_path_factory.mktemp("primary")).start()
    replica = Server(tmp_path_factory.mktemp("replica"), primary=primary).start()
    yield primary, replica
    for node in (replica, primary):
        bad = node.bad_log_lines()
        node.stop()
        assert not bad, "\n".join(bad[:20])


def orders(nodes):
    """Both orders of the ports, each with what its first node is."""
    primary, replica = (node.port for node in nodes)
    return [((primary, replica), PRIMARY), ((replica, primary), REPLICA)]


def parameters(ports, wish):
    """What libpq's drivers are told."""
    hosts = ",".join("127.0.0.1" for _ in ports)
    return dict(
        host=hosts,
        port=",".join(map(str, ports)),
        user="gotgan",
        password=PASSWORD,
        dbname="gotgan",
        target_session_attrs=wish,
    )


@pytest.mark.parametrize("wish", WISHES)
def test_libpq(nodes, wish):
    """Goal: target_session_attrs. Method: both orders, through psycopg 2 and 3."""
    for ports, first in orders(nodes):
        for connect in (psycopg.connect, psycopg2.connect):
            connection = connect(**parameters(ports, wish))
            cursor = connection.cursor()
            cursor.execute("SELECT pg_is_in_recovery()::text::char(1)")
            assert cursor.fetchone()[0] == (WISHES[wish] or first), (wish, ports, connect)
            connection.close()


def test_libpq_without_what_is_wished(nodes):
    """Goal: who insists on what is not there is told so; who prefers takes the rest."""
    primary, replica = (node.port for node in nodes)
    for port, wish in [(primary, "read-only"), (primary, "standby"), (replica, "read-write"), (replica, "primary")]:
        with pytest.raises(psycopg.OperationalError, match="read-only|hot standby|read-write"):
            psycopg.connect(**parameters([port], wish))
    with psycopg.connect(**parameters([primary], "prefer-standby")) as connection:
        assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)


def test_libpq_skips_a_node_that_is_down(nodes):
    """Goal: a dead first host costs nothing but the try."""
    primary, replica = (node.port for node in nodes)
    with psycopg.connect(**parameters([1, replica, primary], "read-write")) as connection:
        assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)


@pytest.mark.parametrize("wish", WISHES)
def test_psycopg_async(nodes, wish):
    """Goal: the same over psycopg's own connection loop."""

    async def found(ports):
        async with await psycopg.AsyncConnection.connect(**parameters(ports, wish)) as connection:
            return (await (await connection.execute("SELECT pg_is_in_recovery()")).fetchone())[0]

    for ports, first in orders(nodes):
        assert asyncio.run(found(ports)) == ((WISHES[wish] or first) == REPLICA), (wish, ports)


@pytest.mark.parametrize("wish", WISHES)
def test_asyncpg(nodes, wish):
    """Goal: asyncpg's own reading of what the server reports."""

    async def found(ports):
        arguments = dict(host=["127.0.0.1"] * len(ports), port=list(ports), user="gotgan", password=PASSWORD)
        connection = await asyncpg.connect(**arguments, database="gotgan", target_session_attrs=wish)
        try:
            return await connection.fetchval("SELECT pg_is_in_recovery()")
        finally:
            await connection.close()

    for ports, first in orders(nodes):
        if wish == "any":
            continue
        assert asyncio.run(found(ports)) == ((WISHES[wish] or first) == REPLICA), (wish, ports)


JAVA = """
import java.sql.*;

public class Hosts {
    public static void main(String[] urls) throws Exception {
        for (String url : urls) {
            String answer;
            try (Connection connection = DriverManager.getConnection(url)) {
                ResultSet rows = connection.createStatement().executeQuery("SELECT pg_is_in_recovery()");
                rows.next();
                answer = rows.getBoolean(1) ? "t" : "f";
                answer += connection.isReadOnly() ? " read-only" : "";
            } catch (SQLException error) {
                answer = "refused " + error.getMessage();
            }
            System.out.println(answer);
        }
    }
}
"""


def driver():
    """The path of pgjdbc, if it is here."""
    given = os.environ.get("PGJDBC")
    found = [given] if given else sorted(glob.glob("/usr/share/java/postgresql-4*.jar"))
    return found[-1] if found else None


def test_pgjdbc(nodes, tmp_path):
    """Goal: targetServerType in every value, in both orders, one Java program for all."""
    if shutil.which("java") is None or driver() is None:
        pytest.skip("java or pgjdbc (libpostgresql-jdbc-java) is missing")
    wishes = {
        "any": None,
        "primary": PRIMARY,
        "master": PRIMARY,
        "secondary": REPLICA,
        "slave": REPLICA,
        "preferSecondary": REPLICA,
        "preferSlave": REPLICA,
    }
    expected, urls = [], []
    for ports, first in orders(nodes):
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        for wish, found in wishes.items():
            urls.append(f"jdbc:postgresql://{hosts}/gotgan?user=gotgan&password={PASSWORD}&targetServerType={wish}")
            expected.append(found or first)
    program = tmp_path / "Hosts.java"
    program.write_text(JAVA)
    command = ["java", "-cp", driver(), program, *urls]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = [line.split()[0] for line in done.stdout.splitlines()]
    assert found == expected, list(zip(urls, done.stdout.splitlines()))


def test_what_is_reported(nodes):
    """Goal: both nodes report what PostgreSQL reports of itself, and refuse to be talked out of it."""
    for node, expected in zip(nodes, ("off", "on")):
        with psycopg.connect(**node.arguments, dbname="gotgan", autocommit=True) as connection:
            assert connection.info.parameter_status("in_hot_standby") == expected
            assert connection.info.parameter_status("default_transaction_read_only") == expected
            for setting in ("transaction_read_only", "default_transaction_read_only", "in_hot_standby"):
                assert connection.execute(f"SHOW {setting}").fetchone() == (expected,), setting
