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
        return cls.start()

    @classmethod
    def start(cls):
        """A new one of the test run's own; None if that cannot be."""
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
        initdb = [f"{PROGRAMS}/initdb", "-A", "trust", "-U", "tests", "--locale=C.UTF-8", "--encoding=UTF8"]
        return cls._launch(folder, run_as, [*initdb, "-D", f"{folder}/data"])

    @classmethod
    def _launch(cls, folder, run_as, fill):
        """Starts one in `folder`, which the command `fill` fills first."""
        subprocess.run([*run_as, *fill], check=True, cwd="/", stdout=subprocess.DEVNULL)
        for tries_left in reversed(range(3)):
            # Somebody else may take the port before PostgreSQL does.
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            options = f"-p {port} -k '' -c listen_addresses=127.0.0.1 -c fsync=off -c timezone=UTC"
            start = [f"{PROGRAMS}/pg_ctl", "-D", f"{folder}/data", "-l", f"{folder}/log", "-w", "-o", options, "start"]
            started = subprocess.run([*run_as, *start], check=tries_left == 0, cwd="/", stdout=subprocess.DEVNULL)
            if started.returncode == 0:
                break
        return cls(f"host=127.0.0.1 port={port} user=tests dbname=postgres", folder, run_as)

    def standby(self):
        """A standby of one that was started here, with everything that it holds by now."""
        folder = tempfile.mkdtemp(prefix="gotgan-standby-")
        if self._run_as:
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        copy = [f"{PROGRAMS}/pg_basebackup", "-d", self.address.replace(" dbname=postgres", ""), "-R", "-c", "fast"]
        return self._launch(folder, self._run_as, [*copy, "-D", f"{folder}/data"])

    def stop(self):
        """Stops it if it is the run's own."""
        if self._folder is None:
            return
        stop = [f"{PROGRAMS}/pg_ctl", "-D", f"{self._folder}/data", "-m", "immediate", "stop"]
        subprocess.run(self._run_as + stop, check=False, cwd="/", stdout=subprocess.DEVNULL)
        shutil.rmtree(self._folder, ignore_errors=True)
