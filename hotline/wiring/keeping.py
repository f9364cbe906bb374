"""Keeps the programs that we started alive: whatever dies is started again, at the same address."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

import structlog

from hotline.errors import HotlineError
from hotline.runtime.tasks import TaskGroup

RESTART_PAUSE_S = 1.0
RESTART_PAUSE_MAX_S = 30.0

log = structlog.get_logger(__name__)


class Program(Protocol):
    """Something that runs beside us."""

    async def wait_dead(self) -> str:
        """Wait until it has died; return what it said last."""

    async def stop(self) -> None:
        """End it, or what is left of it."""


P = TypeVar("P", bound=Program)


class Kept(Generic[P]):
    """A program that is started again whenever it dies."""

    def __init__(self, what: str, start: Callable[[], Awaitable[P]], tasks: TaskGroup) -> None:
        self._what = what
        self._start = start
        self._tasks = tasks
        self._keeper: asyncio.Task[None] | None = None
        self.program: P

    async def start(self) -> None:
        """Start it for the first time. Raises what its start raises."""
        self.program = await self._start()

    def keep(self) -> None:
        """From here on a death is not the end."""
        self._keeper = self._tasks.spawn(self._keep(), name=f"keep-{self._what}")

    async def _keep(self) -> None:
        while True:
            log.error("a program died", what=self._what, said=await self.program.wait_dead())
            await self.program.stop()  # it is dead; this frees its directory for the next
            self.program = await self._start_again()

    async def _start_again(self) -> P:
        """Start it, with growing pauses, until it runs."""
        pause = RESTART_PAUSE_S
        while True:
            await asyncio.sleep(pause)
            try:
                return await self._start()
            except HotlineError as exc:
                log.error("cannot be started again", what=self._what, error=str(exc))
                pause = min(pause * 2, RESTART_PAUSE_MAX_S)

    async def dismiss(self) -> None:
        """From here on its end is meant."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
