"""A PostgreSQL 15 for tests that compare with it."""

import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile

PROGRAMS = "/usr/lib/postgresql/15/bin"


class Postgres:
    """A server that is there, or one of the test run's own."""

    def __init__(self, address, folder=None, run_as=()):
        self.address = address
        self._folder = folder
        self._run_as = list(run_as)

    @classmethod
    def find(cls):
        """The one that GOTGAN_TEST_POSTGRES names, else a new one; None if there is neither."""
        given = os.environ.get("GOTGAN_TEST_POSTGRES")
        if given:
            user, host, port, database = re.fullmatch(r"(.+)@(.+):(\d+)/(.+)", given).groups()
            return cls(f"host={host} port={port} user={user} dbname={database}")
        if not os.path.exists(f"{PROGRAMS}/initdb"):
            return None
        # PostgreSQL refuses to run as root, and must reach its folder.
        run_as = []
        folder = tempfile.mkdtemp(prefix="gotgan-postgres-")
        if os.geteuid() == 0:
            try:
                owner = pwd.getpwnam("postgres")
            except KeyError:
                return None
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            run_as = ["runuser", "-u", "postgres", "--"]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        data = f"{folder}/data"
        initdb = [f"{PROGRAMS}/initdb", "-A", "trust", "-U", "tests", "--locale=C.UTF-8", "--encoding=UTF8", "-D", data]
        options = f"-p {port} -k '' -c listen_addresses=127.0.0.1 -c fsync=off -c timezone=UTC"
        start = [f"{PROGRAMS}/pg_ctl", "-D", data, "-l", f"{folder}/log", "-w", "-o", options, "start"]
        for command in (initdb, start):
            subprocess.run(run_as + command, check=True, cwd="/", stdout=subprocess.DEVNULL)
        return cls(f"host=127.0.0.1 port={port} user=tests dbname=postgres", folder, run_as)

    def stop(self):
        """Stops it if it is the run's own."""
        if self._folder is None:
            return
        stop = [f"{PROGRAMS}/pg_ctl", "-D", f"{self._folder}/data", "-m", "immediate", "stop"]
        subprocess.run(self._run_as + stop, check=False, cwd="/", stdout=subprocess.DEVNULL)
        shutil.rmtree(self._folder, ignore_errors=True)
