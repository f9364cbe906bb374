"""A server process and its end: whether the process in `postmaster.pid` really is the server of this directory, and how it is ended.

The format of `postmaster.pid` is that of PostgreSQL's `src/include/utils/pidfile.h`: line 1 the process, 5 the socket
directory, 8 the state. A process id alone proves nothing: it may have been given to somebody else since.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog

from hotline.runtime.clock import stopwatch

log = structlog.get_logger(__name__)

# Fast shutdown writes everything out; immediate shutdown and SIGKILL lose nothing either, but the next start replays the log.
_SIGNALS = ((signal.SIGINT, 8.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 5.0))
_POLL_S = 0.02


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A live server."""

    pid: int
    socket_dir: str
    ready: bool
    """Whether it takes connections."""


def find(cluster: Path) -> Running | None:
    """Return the live server of `cluster`, or None."""
    lines = _pid_file(cluster)
    if not lines or not lines[0].strip().isdigit():
        return None
    pid = int(lines[0])
    if not _serves(pid, cluster):
        return None
    return Running(
        pid=pid,
        socket_dir=lines[4].strip() if len(lines) > 4 else "",
        ready=len(lines) > 7 and lines[7].strip() == "ready",
    )


def remove_stale_pid_file(cluster: Path) -> None:
    """Remove a `postmaster.pid` whose process is not a server of `cluster`.

    PostgreSQL would refuse to start if that number now belongs to any process of the same user, as is common in containers.
    """
    if find(cluster) is None:
        (cluster / "postmaster.pid").unlink(missing_ok=True)


def _pid_file(cluster: Path) -> list[str]:
    try:
        return (cluster / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _serves(pid: int, cluster: Path) -> bool:
    """Return whether process `pid` is a PostgreSQL that works in `cluster`."""
    process = Path("/proc") / str(pid)
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        if Path(os.fsdecode(words[0])).name != "postgres" or _is_zombie(process):
            return False
        return os.fsencode(cluster) in words or (process / "cwd").samefile(cluster)
    except OSError:  # gone, or another user's that we may not look into
        return False


def _is_zombie(process: Path) -> bool:
    return (process / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] == "Z"


async def end(cluster: Path, running: Running) -> None:
    """End a server that is not our child, within fifteen seconds."""

    async def gone(timeout_s: float) -> bool:
        waited = stopwatch()
        while find(cluster) is not None:
            if waited() > timeout_s:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    await signal_until(lambda number: os.kill(running.pid, number), gone)


async def signal_until(send: Callable[[int], None], gone: Callable[[float], Awaitable[bool]]) -> None:
    """Ask more and more firmly until `gone`."""
    for number, patience_s in _SIGNALS:
        try:
            send(number)
        except ProcessLookupError:
            return
        if await gone(patience_s):
            return
        log.warning("the private PostgreSQL did not stop in time", signal=signal.Signals(number).name)
