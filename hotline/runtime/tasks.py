"""The only maker of tasks: every task is named, held and watched.

A watched task that dies is a failure of its whole group: the first one is kept and wakes whoever waits in
`TaskGroup.wait_failed`, so that the process stops loudly instead of going on half dead.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

from hotline.errors import Misuse

log = structlog.get_logger(__name__)
T = TypeVar("T")
CANCEL_AGAIN_S = 10.0
"""A task that still runs so long after its cancellation has swallowed it (client libraries do) and is cancelled again."""


class TaskGroup:
    """The tasks of one owner; closed by `close`, which cancels and waits for what is left."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failed = asyncio.Event()
        self._failure: BaseException | None = None
        self._closing = False
        self._closed = False

    def spawn(self, coroutine: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """Start `coroutine` as a held and watched task. Raises Misuse once the group is closed: nobody would hold it."""
        if self._closed:
            coroutine.close()
            raise Misuse(f"task {name!r} comes after the end of {self.name!r}")
        task: asyncio.Task[T] = asyncio.get_running_loop().create_task(coroutine, name=f"{self.name}/{name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None or self._closing:
            return
        log.error("task died", task=task.get_name(), exc_info=error)
        if self._failure is None:
            self._failure = error
            self._failed.set()

    async def wait_failed(self) -> BaseException:
        """Wait until a task of the group dies, and return its error."""
        await self._failed.wait()
        assert self._failure is not None
        return self._failure

    def __len__(self) -> int:
        return len(self._tasks)

    async def close(self) -> None:
        """Cancel every task that is left and wait for its end; errors during the end are logged."""
        self._closing = True
        while tasks := [t for t in self._tasks if t is not asyncio.current_task()]:  # an ending task may start another
            for task in tasks:
                task.cancel()
            done, _ = await asyncio.wait(tasks, timeout=CANCEL_AGAIN_S)
            for task in done:
                self._tasks.discard(task)
                if not task.cancelled() and isinstance(error := task.exception(), Exception):
                    log.warning("task failed while closing", task=task.get_name(), exc_info=error)
        self._closed = True
