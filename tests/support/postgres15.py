"""The oldest PostgreSQL that we support, as Debian 12 has it: fetched and unpacked by `hotline.tools`, run below a directory of the tests.

PostgreSQL finds its libraries and data files by the place of its own program. So a small tree is made that has Debian's shape, with a
script for each program that runs the real one through the loader of its own tree, whatever the machine's libc is.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from hotline.store.identity import ENVIRONMENT, Identity, candidates
from hotline.tools import Tool, bring

SERVERS = ("embedded", "debian-15")
BOTH = pytest.mark.parametrize("server_version", SERVERS, indirect=True)
"""For tests that must hold on the PostgreSQL that we bring and on the oldest one that we support."""
START_S = 60.0
_HOME = Path("usr/lib/postgresql/15")
_SHARE = Path("usr/share/postgresql/15")
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "dynamic_shared_memory_type": "mmap",
    "max_connections": "40",
    "shared_buffers": "64MB",
    "jit": "off",
    "timezone": "UTC",
}


def tool() -> Tool:
    """Return Debian's PostgreSQL 15, fetched on first use."""
    return bring("postgresql-15", ["postgresql-15", "libc6"], progress=lambda _: None, suite="bookworm")


class Postgres15:
    """A running server; `dsn` leads to its database `hotline`, with a password. `stop` leaves nothing."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._tool = tool()
        self._bin = self._tree()
        self._identity = self._choose()
        self._socket_dir = Path(tempfile.mkdtemp(prefix="hotline-pg15-", dir="/tmp"))  # short enough for a socket
        self._identity.give(self._socket_dir)
        self.templates: set[str] = set()
        """Databases that tests copy."""
        password = secrets.token_urlsafe(12)
        self._server = self._start(password)
        self.dsn = f"postgresql://hotline:{password}@/hotline?host={self._socket_dir}"

    def _tree(self) -> Path:
        """Make a tree of Debian's shape and return the directory of its programs."""
        programs = self._home / _HOME / "bin"
        programs.mkdir(parents=True)
        (self._home / _SHARE.parent).mkdir(parents=True)
        (self._home / _HOME / "lib").symlink_to(self._tool.path(str(_HOME), "lib"))
        (self._home / _SHARE).symlink_to(self._tool.path(str(_SHARE)))
        libraries = [self._tool.libraries, self._tool.path("lib", self._tool.triplet)]
        loader = next(p for d in libraries for p in d.glob("ld-linux-*.so.*"))
        path = ":".join(map(str, libraries))
        for name in ("initdb", "postgres"):
            real = self._tool.path(str(_HOME), "bin", name)
            script = programs / name
            script.write_text(f'#!/bin/sh\nexec "{loader}" --argv0 "$0" --library-path "{path}" "{real}" "$@"\n')
            script.chmod(0o755)
        return programs

    def _choose(self) -> Identity:
        """Return a user who can run the server (never root), and give him the place."""
        for identity in candidates(None):
            if self._run(identity, "initdb", "--version").returncode == 0:
                identity.give(self._home)
                return identity
        pytest.skip("nobody here can run a PostgreSQL of ours")

    def _run(self, identity: Identity, program: str, *args: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            identity.command(self._bin / program, args), input=text, capture_output=True, text=True, cwd="/",
            env=ENVIRONMENT, timeout=START_S, check=False,
        )  # fmt: skip

    def _start(self, password: str) -> "subprocess.Popen[bytes]":
        data, secret = self._home / "data", self._home / "password"
        secret.write_text(password + "\n")
        self._identity.give(secret)
        options = ("--auth=scram-sha-256", "--locale=C", "--encoding=UTF8", "--no-sync", "--no-instructions")
        made = self._run(self._identity, "initdb", "-D", str(data), "-U", "hotline", f"--pwfile={secret}", *options)
        assert made.returncode == 0, made.stderr
        made = self._run(
            self._identity, "postgres", "--single", "-F", "-D", str(data), "postgres", text="CREATE DATABASE hotline;\n"
        )
        assert made.returncode == 0, made.stderr
        settings = _SETTINGS | {"unix_socket_directories": str(self._socket_dir)}
        arguments = ["-D", str(data), *(word for item in settings.items() for word in ("-c", "=".join(item)))]
        with (self._home / "log").open("wb") as log:
            server = subprocess.Popen(
                self._identity.command(self._bin / "postgres", arguments), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, cwd="/", env=ENVIRONMENT, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_S
        while not self._is_ready(data):
            assert server.poll() is None, (self._home / "log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL 15 does not start"
            time.sleep(0.05)
        return server

    def _is_ready(self, data: Path) -> bool:
        with contextlib.suppress(OSError):
            return "ready" in (data / "postmaster.pid").read_text()
        return False

    def stop(self) -> None:
        """End the server and remove its files."""
        self._server.send_signal(signal.SIGQUIT)
        try:
            self._server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
        shutil.rmtree(self._socket_dir)
        shutil.rmtree(self._home, ignore_errors=True)
