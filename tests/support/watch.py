"""A look at the processes of a hotline, again and again while a test runs: memory, and facts that wait in spools."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from hotline.runtime.tasks import TaskGroup
from tests.support.accounts import spool_of
from tests.support.postgres import Freezer
from tests.support.running import Member

EVERY_S = 0.5
_PROC = Path("/proc")


def memory_mb(pid: int) -> float:
    """Return how much memory a process (without its children) has in use; 0 when it is gone."""
    try:
        for line in (_PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except OSError:
        return 0.0
    return 0.0


class Postgres:
    """The private PostgreSQL of a process."""

    def __init__(self, owner: Member) -> None:
        self._pid_file = owner.data_dir / "postgres" / "server" / "data" / "postmaster.pid"
        self._frozen: Freezer | None = None

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return int(self._pid_file.read_text(encoding="utf-8").split()[0])

    def freeze(self) -> None:
        """Stop all of it where it stands (SIGSTOP)."""
        self._frozen = Freezer(self.pid)
        self._frozen.freeze()

    def thaw(self) -> None:
        """Let it go on."""
        if self._frozen is not None:
            self._frozen.thaw()
            self._frozen = None

    def kill9(self) -> None:
        """Kill the server without a word; its children follow by themselves."""
        os.kill(self.pid, signal.SIGKILL)


class Watch:
    """Samples in the background: `async with Watch(…) as watch: …; watch.memory_mb`."""

    def __init__(
        self, members: Iterable[Member], pids: Callable[[], Mapping[str, int]], phase: Callable[[], str] = lambda: ""
    ) -> None:
        """`pids`: processes whose memory is watched, asked for each time, because some are killed and started again."""
        self._members = list(members)
        self._pids = pids
        self._phase = phase
        self._tasks = TaskGroup("watch")
        self.memory_mb: dict[str, list[tuple[str, float]]] = {}
        """By process: phase and memory, sample by sample."""
        self.spool: dict[str, list[tuple[str, int]]] = {}
        """By process: phase and facts in its spool."""

    async def __aenter__(self) -> Self:
        self._tasks.spawn(self._watch(), name="watch")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.close()

    async def _watch(self) -> None:
        while True:
            for name, pid in self._pids().items():
                self.memory_mb.setdefault(name, []).append((self._phase(), memory_mb(pid)))
            for member in self._members:
                with suppress(aiohttp.ClientError, TimeoutError, AssertionError, OSError):  # it is dead just now
                    async with asyncio.timeout(2):
                        waiting = await spool_of(member)
                    self.spool.setdefault(member.data_dir.name, []).append((self._phase(), waiting))
            await asyncio.sleep(EVERY_S)

    def most_memory_mb(self, phase: str | None = None) -> dict[str, float]:
        """Return the largest memory of each process, in a phase or at all."""
        return {
            name: max((mb for p, mb in seen if phase in (None, p)), default=0.0)
            for name, seen in self.memory_mb.items()
        }

    def most_spooled(self, phase: str | None = None) -> int:
        """Return the largest number of facts that waited in all spools together, process by process."""
        return sum(max((n for p, n in seen if phase in (None, p)), default=0) for seen in self.spool.values())


def grown_mb(seen: list[tuple[str, float]]) -> float:
    """Return by how much a process grew between the first and the last quarter of its samples (means, so that peaks do not count)."""
    values = [mb for _, mb in seen if mb]
    quarter = max(len(values) // 4, 1)
    return sum(values[-quarter:]) / quarter - sum(values[:quarter]) / quarter if values else 0.0
