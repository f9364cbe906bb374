"""An event loop whose time jumps to the next timer: services run unchanged, an hour in a second, and always alike."""

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
START = 1_000.0
STEPS = 5_000_000
"""A world that needs more turns of the loop than this runs in circles."""


class Stuck(Exception):
    """Nothing would ever happen again."""


class _Jumper(selectors.BaseSelector):
    """Waits for no file: the time that the loop would wait has passed at once."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        self._loop.jump(timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> Any:
        return selectors.SelectorKey(fileobj, 0, events, data)

    def unregister(self, fileobj: Any) -> Any:
        return selectors.SelectorKey(fileobj, 0, 0, None)

    def get_map(self) -> Mapping[Any, Any]:
        return {}

    def close(self) -> None:
        pass


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in which only timers take time."""

    def __init__(self) -> None:
        self._at = START
        self._steps = 0
        super().__init__(_Jumper(self))

    def time(self) -> float:
        return self._at

    def jump(self, timeout: float | None) -> None:
        self._steps += 1
        if timeout is None or self._steps > STEPS:
            raise Stuck(f"at {self._at:.3f}, after {self._steps} turns")
        self._at += timeout


class LoopClock:
    """The clock of services on a virtual loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now(self) -> float:
        return self._loop.time()


def run(story: Coroutine[Any, Any, T]) -> T:
    """Run a story on a loop of its own."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(story)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(_ended(left))
        loop.close()


async def _ended(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
