"""One reader of the stream: what it wants, what waits to be sent to it, and why it is cut off.

What waits is bounded, so a reader that is too slow costs no more than its buffer, and then its connection.
"""

import asyncio
from collections import deque

from aiohttp import WSCloseCode, web

TOO_SLOW, TOO_MUCH, STANDS_BY, NO_TOKEN = 4008, 4009, 4013, 4001
FAILED, ENDING = int(WSCloseCode.INTERNAL_ERROR), int(WSCloseCode.GOING_AWAY)
"""Why a client was cut off, as the code of the close (those from 4000 on are ours)."""
REASONS = {
    TOO_SLOW: "too slow: read faster, or subscribe to less",
    TOO_MUCH: "too many messages",
    STANDS_BY: "this process does not route (any more): ask the active one",
    NO_TOKEN: "show a token first",
    FAILED: "an error of ours: connect again",
    ENDING: "this process ends",
}
WORDS = {
    TOO_SLOW: "too_slow", TOO_MUCH: "too_much", STANDS_BY: "stands_by", NO_TOKEN: "no_token", FAILED: "failed", ENDING: "ending",
}  # fmt: skip


class Reader:
    """One client: what it wants, and what waits to be sent to it."""

    def __init__(self, socket: web.WebSocketResponse, limit: int, *, known: bool) -> None:
        self.socket = socket
        self.known = known
        """Whether it has shown itself."""
        self.topics: set[str] = set()
        self.code = 0
        """Why it is to be cut off; 0: it is not."""
        self._limit = limit
        self._waiting: deque[str] = deque()
        self._wake = asyncio.Event()
        self.over = asyncio.Event()

    def put(self, message: str) -> None:
        """Have a message sent, unless too many wait already."""
        if len(self._waiting) >= self._limit:
            self.cut(TOO_SLOW)
            return
        self._waiting.append(message)
        self._wake.set()

    def cut(self, code: int) -> None:
        """Have it cut off; the first reason counts."""
        self.code = self.code or code
        self.over.set()

    async def write(self) -> None:
        """Send what waits, until there is nobody to send to."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    await self.socket.send_str(self._waiting.popleft())
        except (ConnectionError, RuntimeError):  # aiohttp raises the second for a socket that is closing
            self.over.set()
