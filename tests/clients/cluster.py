"""Several nodes on one lake: the catalog in PostgreSQL, data in a bucket, replicas that may only read."""

import re
import uuid

import psycopg2
import pytest

from postgres import Postgres
from server import PASSWORD, ROOT, Server
from store import Proxy


def address(postgres):
    """Host, port, user and database of a PostgreSQL."""
    found = dict(part.split("=", 1) for part in postgres.address.split())
    return found["host"], int(found["port"]), found["user"], found["dbname"]


class Cluster:
    """One primary and two replicas. Each node's way to the catalog can be cut."""

    def __init__(self, folder, store, settings=None, replica_settings=None):
        self.folder = folder
        self.store = store
        self.postgres = Postgres.find()
        if self.postgres is None:
            pytest.skip("there is no PostgreSQL for the catalog")
        host, self.catalog_port, self.user, self.database = address(self.postgres)
        assert host == "127.0.0.1", "the proxy is on loopback"
        self.name = "gotgan_test_" + uuid.uuid4().hex[:12]
        self.execute(f"CREATE SCHEMA {self.name}", f"CREATE ROLE {self.name} LOGIN")
        self.proxies = {}
        self.settings = settings or {}
        self.replica_settings = {**self.settings, **(replica_settings or {})}
        self.primary = self.node("primary").start()
        self.grant()
        self.replicas = [self.node(name).start() for name in ("first", "second")]

    def execute(self, *statements):
        """Runs statements in the catalog's database as its owner."""
        connection = psycopg2.connect(host="127.0.0.1", port=self.catalog_port, user=self.user, dbname=self.database)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else None
        connection.close()
        return rows

    def grant(self):
        """What README.md says that a replica's role in the catalog's database needs."""
        readme = (ROOT / "README.md").read_text()
        block = re.search(r"```sql\n(GRANT USAGE ON SCHEMA lake.*?)```", readme, re.S)[1]
        text = block.replace("SCHEMA lake", f"SCHEMA {self.name}").replace("TO replica", f"TO {self.name}")
        text = text.replace("FOR ROLE primary", f"FOR ROLE {self.user}")
        self.execute(*(statement for statement in text.split(";") if statement.strip()))

    def node(self, name):
        """A node that is not started; its role, keys and login follow from its name."""
        is_primary = name == "primary"
        proxy = self.proxies[name] = Proxy(self.catalog_port)
        user = self.user if is_primary else self.name
        url = f"postgres://{user}@127.0.0.1:{proxy.port}/{self.database}?options=-csearch_path%3D{self.name}"
        prefix = f"clusters/{self.name}"
        settings = {
            **self.store.settings(prefix, is_reader=not is_primary),
            **(self.settings if is_primary else self.replica_settings),
            "storage.catalog_url": url,
        }
        server = Server(self.folder / name, settings=settings)
        server.role = "primary" if is_primary else "replica"
        return server

    @property
    def nodes(self):
        """All of them, the primary first."""
        return [self.primary, *self.replicas]

    def kill(self, node):
        """Ends a node as a crash does."""
        node.process.kill()
        node.process.wait()

    def stop(self):
        """Ends everything and removes the catalog."""
        for node in self.nodes:
            node.stop()
        for proxy in self.proxies.values():
            proxy.close()
        self.execute(f"DROP SCHEMA {self.name} CASCADE", f"DROP OWNED BY {self.name}", f"DROP ROLE {self.name}")
        self.postgres.stop()


def connect(server, **more):
    """A connection of psycopg2 that commits by itself."""
    connection = psycopg2.connect(host="127.0.0.1", port=server.port, user="gotgan", password=PASSWORD, dbname="gotgan", **more)
    connection.autocommit = True
    return connection


def ask(connection, sql):
    """Rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else None
