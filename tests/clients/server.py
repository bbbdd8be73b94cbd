"""Starts the real server for the client tests and the benchmark."""

import os
import pathlib
import re
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PASSWORD = "granary"
START_SECONDS_MAX = 60


def binary(profile="debug"):
    """Builds the server if need be and returns its path."""
    given = os.environ.get("GOTGAN_TEST_BINARY")
    if given:
        return pathlib.Path(given)
    # The same selection as the other commands of this profile, so that cargo
    # picks the same features and compiles nothing twice.
    selection = ["--release", "--package", "gotgan"] if profile == "release" else ["--workspace", "--bin", "gotgan"]
    command = ["cargo", "build", "--quiet", *selection]
    subprocess.run(command, cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / profile / "gotgan"


class Server:
    """One server process on a free port, with its data in `folder`, or a replica with those of a `primary`."""

    def __init__(self, folder, profile="debug", settings=None, primary=None):
        self.folder = pathlib.Path(folder)
        self.data_dir = primary.data_dir if primary else self.folder / "data"
        self.role = "replica" if primary else "primary"
        self.log_path = self.folder / "server.log"
        self.profile = profile
        self.settings = settings or {}
        self.process = None
        self.port = None

    def start(self):
        """Starts the process and waits until it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = dict(os.environ, GOTGAN__AUTH__ADMIN_PASSWORD=PASSWORD)
        for key, value in self.settings.items():
            environment["GOTGAN__" + key.upper().replace(".", "__")] = value
        start = len(self.log())
        listen = ["--listen", "127.0.0.1:0"]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [binary(self.profile), "serve", "--role", self.role, *listen, "--data-dir", self.data_dir],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self.folder,
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            found = re.search(r"listening.*address=\"?127\.0\.0\.1:(\d+)", self.log()[start:])
            if found:
                self.port = int(found[1])
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.005)
        raise RuntimeError(f"the server does not listen:\n{self.log()[start:]}")

    def stop(self):
        """Sends SIGTERM and waits for the end."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=60)
            finally:
                self.process.kill()
                self.process.wait()
                self.process = None

    def bad_log_lines(self, start=0, expected=()):
        """Returns ERROR and WARN lines logged after `start` that hold no expected text."""
        lines = [line for line in self.log()[start:].splitlines() if re.search(r" (ERROR|WARN) ", line)]
        return [line for line in lines if not any(text in line for text in expected)]

    def log(self):
        """Returns everything logged so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def memory_bytes(self, field="VmRSS"):
        """Returns the resident memory, or with `VmHWM` its peak."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+) kB", status)[1]) * 1024

    @property
    def arguments(self):
        """Keyword arguments that every driver understands."""
        return {"host": "127.0.0.1", "port": self.port, "user": "gotgan", "password": PASSWORD}

    def dsn(self, scheme="postgresql", **parameters):
        """Returns a connection URL."""
        tail = "&".join(f"{name}={value}" for name, value in parameters.items())
        url = f"{scheme}://gotgan:{PASSWORD}@127.0.0.1:{self.port}/gotgan"
        return f"{url}?{tail}" if tail else url

    def psql(self, *arguments, text=None, check=True):
        """Runs psql; returns its standard output."""
        done = subprocess.run(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *arguments],
            input=text,
            capture_output=True,
            text=True,
            env=dict(
                os.environ,
                PGHOST="127.0.0.1",
                PGPORT=str(self.port),
                PGUSER="gotgan",
                PGPASSWORD=PASSWORD,
                PGDATABASE="gotgan",
                PAGER="",
                PGCONNECT_TIMEOUT="10",
            ),
        )
        if check and done.returncode != 0:
            raise AssertionError(f"psql failed: {done.stderr}\n{done.stdout}")
        return done.stdout if check else done
