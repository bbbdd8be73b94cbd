"""The systems that the benchmark compares: each loads files, answers SQL, and is measured."""

import glob
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

import duckdb
import psycopg2

import tpch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))
from server import PASSWORD, Server  # noqa: E402

# A query that takes longer counts as not answered.
QUERY_SECONDS_MAX = 300


def folder_bytes(folder):
    """Returns the size of all files below a folder."""
    return sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*") if path.is_file())


class MemoryMeter:
    """Samples the memory that a process and its children hold alone."""

    def __init__(self, process_id):
        self.process_id = process_id
        self.peak_bytes = 0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.sample, daemon=True)
        self.thread.start()

    def sample(self):
        while not self.is_over.wait(0.1):
            self.peak_bytes = max(self.peak_bytes, sum(map(anonymous_bytes, family(self.process_id))))

    def stop(self):
        self.is_over.set()
        self.thread.join()
        return self.peak_bytes


def family(process_id):
    """Returns the ids of a process and its direct children."""
    try:
        children = pathlib.Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    except OSError:
        children = []
    return [process_id, *map(int, children)]


def anonymous_bytes(process_id):
    """Returns the memory of a process that is no file's; what it shares counts by its share."""
    try:
        rollup = pathlib.Path(f"/proc/{process_id}/smaps_rollup").read_text()
    except OSError:
        return 0
    lines = dict(line.split(":", 1) for line in rollup.splitlines()[1:])
    return sum(int(lines.get(field, "0 kB").split()[0]) for field in ("Pss_Anon", "Pss_Shmem")) * 1024


class WireSystem:
    """What Gotgan and PostgreSQL have in common: psql loads, psycopg2 asks."""

    def load(self, folder):
        """Makes and fills the tables; returns the seconds for each."""
        self.psql(";".join(tpch.schema()))
        seconds = {}
        for table in tpch.TABLES:
            started = time.perf_counter()
            self.psql(tpch.copy_command(table, folder))
            seconds[table] = time.perf_counter() - started
        self.after_load()
        return seconds

    def after_load(self):
        """What the system needs before it answers at its best."""

    def psql(self, text):
        """Runs a script."""
        environment = dict(os.environ, PGPASSWORD=PASSWORD, **{f"PG{k.upper()}": str(v) for k, v in self.place.items()})
        command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1"]
        subprocess.run(command, input=text, text=True, check=True, env=environment)

    def connect(self):
        """Opens a psycopg2 connection."""
        place = dict(self.place, dbname=self.place["database"], password=PASSWORD)
        place.pop("database")
        connection = psycopg2.connect(**place, options=f"-c statement_timeout={QUERY_SECONDS_MAX}s")
        connection.autocommit = True
        return connection

    def ask(self, sql):
        """Runs a query and returns its rows."""
        with self.session.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()


class Gotgan(WireSystem):
    name = "gotgan"

    def __init__(self, folder, _scale):
        shutil.rmtree(folder, ignore_errors=True)
        self.server = Server(folder, profile="release").start()
        self.place = {"host": "127.0.0.1", "port": self.server.port, "user": "gotgan", "database": "gotgan"}
        self.session = self.connect()
        self.start_bytes = self.server.memory_bytes()
        self.meter = MemoryMeter(self.server.process.pid)

    def data_bytes(self):
        return folder_bytes(self.server.data_dir)

    def stop(self):
        peak = self.meter.stop()
        self.session.close()
        self.server.stop()
        return peak


class Postgres(WireSystem):
    name = "postgres"

    @staticmethod
    def programs():
        """Returns the folder of PostgreSQL's programs, the newest if there are several."""
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        return pathlib.Path(found[-1]).parent if found else None

    def __init__(self, folder, _scale):
        # PostgreSQL refuses to run as root, and then its own user needs the folder.
        self.prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.folder = pathlib.Path("/var/tmp" if self.prefix else folder) / f"gotgan-bench-postgres-{os.getpid()}"
        self.run("initdb", "-A", "trust", "-U", "gotgan", "--locale=C.UTF-8", "--encoding=UTF8", "-D", self.folder)
        port = free_port()
        options = f"-p {port} -k '' -c listen_addresses=127.0.0.1 -c shared_buffers=2GB -c work_mem=256MB -c max_wal_size=8GB"
        self.run("pg_ctl", "-D", self.folder, "-w", "-l", f"{self.folder}/log", "-o", options, "start")
        self.place = {"host": "127.0.0.1", "port": port, "user": "gotgan", "database": "postgres"}
        self.session = self.connect()
        pid_file = subprocess.run([*self.prefix, "head", "-1", f"{self.folder}/postmaster.pid"], capture_output=True, check=True)
        self.meter = MemoryMeter(int(pid_file.stdout))
        self.start_bytes = None

    def run(self, program, *arguments):
        command = [*self.prefix, self.programs() / program, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    def after_load(self):
        self.psql(
            "CREATE INDEX ON lineitem (l_orderkey); CREATE INDEX ON lineitem (l_partkey, l_suppkey);"
            "CREATE INDEX ON orders (o_orderkey); CREATE INDEX ON orders (o_custkey); CREATE INDEX ON customer (c_custkey);"
            "CREATE INDEX ON partsupp (ps_partkey, ps_suppkey); CREATE INDEX ON part (p_partkey);"
            "CREATE INDEX ON supplier (s_suppkey); VACUUM ANALYZE"
        )

    def data_bytes(self):
        return int(self.ask("SELECT pg_database_size(current_database())")[0][0])

    def stop(self):
        peak = self.meter.stop()
        self.session.close()
        self.run("pg_ctl", "-D", self.folder, "-w", "-m", "fast", "stop")
        subprocess.run([*self.prefix, "rm", "-rf", self.folder], check=True)
        return peak


class DuckDb:
    name = "duckdb"

    def __init__(self, folder, _scale):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.path = folder / "tpch.duckdb"
        self.session = duckdb.connect(str(self.path))
        self.base_bytes = anonymous_bytes(os.getpid())
        self.meter = MemoryMeter(os.getpid())
        self.start_bytes = None

    def load(self, folder):
        for statement in tpch.schema():
            self.session.execute(statement)
        seconds = {}
        for table in tpch.TABLES:
            started = time.perf_counter()
            self.session.execute(f"COPY {table} FROM '{folder / f'{table}.csv'}' (HEADER)")
            seconds[table] = time.perf_counter() - started
        self.session.execute("CHECKPOINT")
        return seconds

    def ask(self, sql):
        return self.session.execute(sql).fetchall()

    def data_bytes(self):
        return self.path.stat().st_size

    def stop(self):
        self.session.close()
        return self.meter.stop() - self.base_bytes


def free_port():
    """Returns a port that was free a moment ago; PostgreSQL cannot choose one itself."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
