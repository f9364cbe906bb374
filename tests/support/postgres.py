"""PostgreSQL as tests hurt it: frozen with all its processes, killed; and the one that Debian brings, beside our own."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.support.wait import eventually

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class Freezer:
    """A server, by the process id of its postmaster."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._frozen: list[int] = []

    def freeze(self) -> None:
        """Stop it where it stands: the postmaster first, so that it starts nobody, then everybody else."""
        os.kill(self._pid, signal.SIGSTOP)
        self._frozen = [self._pid, *_children(self._pid)]
        self._tell(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._tell(signal.SIGCONT)
        self._frozen = []

    def _tell(self, number: signal.Signals) -> None:
        for pid in self._frozen:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _children(parent: int) -> list[int]:
    """Return the children of a process (PostgreSQL's have none of their own)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError):
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                    found.append(int(entry.name))
    return found


class DebianPostgres:
    """A private PostgreSQL 15 from Debian's package; `start`, then `dsn`; `stop` leaves nothing."""

    def __init__(self) -> None:
        self._home = Path(
            tempfile.mkdtemp(prefix="hotline-pg15-", dir="/tmp")
        )  # short enough for a socket, and its user can get there
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        os.chown(self._home, self._user.pw_uid, self._user.pw_gid)
        self._server: subprocess.Popen[bytes] | None = None
        self.dsn = f"postgresql://hotline@/postgres?host={self._home}"
        self.pid = 0

    async def start(self) -> None:
        """Make a cluster and start its server."""
        data = str(self._home / "data")
        made = self._run("initdb", "-D", data, "-U", "hotline", "--auth=trust", "--locale=C", "-E", "UTF8", "--no-sync")
        assert await asyncio.to_thread(made.wait) == 0
        self._server = self._run(
            "postgres", "-D", data, "-c", f"unix_socket_directories={self._home}", "-c", "listen_addresses=",
            "-c", "fsync=off", "-c", "dynamic_shared_memory_type=mmap",
        )  # fmt: skip
        self.pid = self._server.pid
        await eventually(self._is_ready, what="PostgreSQL 15")

    def _run(self, program: str, *args: str) -> "subprocess.Popen[bytes]":
        become = (
            {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        )
        with (self._home / "log").open("ab") as said:
            return subprocess.Popen(
                [DEBIAN_15 / program, *args], stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/",
                env=_ENVIRONMENT, start_new_session=True, **become,
            )  # fmt: skip

    def _is_ready(self) -> bool:
        assert self._server is not None
        assert self._server.poll() is None, (self._home / "log").read_text()
        file = self._home / "data" / "postmaster.pid"
        return file.exists() and "ready" in file.read_text()

    async def stop(self) -> None:
        """End the server and remove everything."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            await asyncio.to_thread(self._server.wait)
        shutil.rmtree(self._home)
