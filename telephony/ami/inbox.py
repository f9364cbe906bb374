"""The ordered, bounded line of typed messages between the link and the one task that reads them."""

import asyncio
from collections import deque

from hotline.errors import Unavailable
from telephony.ami.messages import AmiMessage


class Inbox:
    """Messages in the order they were decoded. One reader. Not thread safe: touched from the event loop only."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._waiting: deque[tuple[float, AmiMessage]] = deque()
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether `limit` messages wait."""
        return len(self._waiting) >= self.limit

    def put(self, message: AmiMessage, at: float) -> None:
        """Add a message that was decoded `at`. The caller asks `full` before; what must be told goes in all the same."""
        self._waiting.append((at, message))
        self._filled.set()
        self._drained.clear()

    def clear(self) -> int:
        """Drop everything that waits and return how many that were."""
        dropped = len(self._waiting)
        self._waiting.clear()
        self._drained.set()
        return dropped

    async def get(self) -> tuple[float, AmiMessage]:
        """Wait for the next message and the time it was decoded. Raises Unavailable once closed and empty."""
        while not self._waiting:
            if self._closed:
                raise Unavailable("the AMI link is closed")
            self._filled.clear()
            await self._filled.wait()
        item = self._waiting.popleft()
        if not self._waiting:
            self._drained.set()
        return item

    async def drained(self) -> None:
        """Wait until nothing waits."""
        await self._drained.wait()

    def close(self) -> None:
        """Take the reader out of its wait once it has read what is left."""
        self._closed = True
        self._filled.set()
