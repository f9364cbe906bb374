"""What waits for one subscriber: a bounded queue with one reader."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

from hotline.tally import Tally

E = TypeVar("E")


class Backlog(Generic[E]):
    """Entries in their order; beyond the limit the newest is dropped and counted."""

    def __init__(self, name: str, limit: int, tally: Tally) -> None:
        self.name = name
        self._limit = limit
        self._tally = tally
        self._entries: deque[E] = deque()
        self._wakeup = asyncio.Event()
        self._closed = False

    async def _next(self) -> E | None:
        """Wait for an entry and take it out; None once we are closed and empty."""
        while not self._entries:
            if self._closed:
                return None
            self._wakeup.clear()
            await self._wakeup.wait()
        return self._entries.popleft()

    @property
    def ready(self) -> bool:
        """Whether an entry waits."""
        return bool(self._entries)

    @property
    def ended(self) -> bool:
        """Whether nothing waits and nothing will come."""
        return self._closed and not self._entries

    def _offer(self, entry: E) -> None:
        """Take an entry in, if there is room."""
        if self._closed:
            return
        if len(self._entries) >= self._limit:
            self._tally.limit_reached("bus_inbox")
            return
        self._append(entry)

    def _append(self, entry: E) -> None:
        self._entries.append(entry)
        self._wakeup.set()

    def close(self) -> None:
        """Take nothing more; what waits can still be taken out."""
        self._closed = True
        self._wakeup.set()
