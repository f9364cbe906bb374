"""The stream of another process, told on: for a process that does not route, but whose settings name one that does.

It reads the stream of the upstreams, one after the other until one is served, and is itself a source for the readers here: their
tokens, their limits and their slowness are this process's business, and the upstream has one reader more, however many there are.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import structlog

from hotline.errors import HotlineError, StandingBy
from hotline.settings import Upstream
from hotline.web.stream import Changes
from hotline.web.stream_client import AGAIN_S, Board, messages

READY_S = 3.0
"""How long the first reader waits until an upstream has told what there is."""
TOPICS = ("queues", "agents", "calls")

log = structlog.get_logger(__name__)


class Relay:
    """The source. `run` reads; while nobody is heard, it raises StandingBy as a process does that does not route."""

    def __init__(self, upstreams: Sequence[Upstream]) -> None:
        self.topics: tuple[str, ...] = TOPICS
        self._upstreams = tuple(upstreams)
        self._board = Board()
        self._changed: dict[str, set[str]] = {}
        self._watched = asyncio.Event()
        self._heard = asyncio.Event()

    async def run(self) -> None:
        """Read while somebody looks, from whichever upstream serves the stream."""
        said = ""
        while True:
            await self._watched.wait()
            for upstream in self._upstreams:
                try:
                    await self._read(upstream)
                except HotlineError as exc:
                    if str(exc) != said:
                        log.info(
                            "an upstream does not tell the stream (any more)", upstream=upstream.url, error=str(exc)
                        )
                    said = str(exc)
                self._unhear()
            await asyncio.sleep(AGAIN_S)

    async def _read(self, upstream: Upstream) -> None:
        async with aclosing(messages(upstream.url, upstream.token.get_secret_value(), TOPICS)) as told:
            async for message in told:
                self._board.take(message)
                now = {item["id"] for item in message["items"]}
                self._changed.setdefault(message["topic"], set()).update(now, message.get("gone", ()))
                if self._board.topics.keys() >= set(TOPICS):
                    self._heard.set()
                if not self._watched.is_set():
                    return

    def _unhear(self) -> None:
        """Forget what was told; the next upstream may be heard before our readers notice, so all of it counts as changed."""
        for topic, items in self._board.topics.items():
            self._changed.setdefault(topic, set()).update(items)
        self._board = Board()
        self._heard.clear()

    # --- a source ---------------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """Return when the last message was told."""
        return self._board.at

    def watch(self, watched: bool) -> None:
        """Begin to read; or cease to, with the next message."""
        if watched:
            self._watched.set()
        else:
            self._watched.clear()
            self._changed.clear()

    async def ready(self) -> None:
        """Wait until an upstream has told everything."""
        try:
            async with asyncio.timeout(READY_S):
                await self._heard.wait()
        except TimeoutError:
            return  # then it is said that nobody tells the stream

    def snapshot(self, topic: str) -> list[Any]:
        """Return everything of one topic."""
        self._must_hear()
        return self._board.of(topic)

    def take_changes(self) -> dict[str, Changes]:
        """Return what changed since the last time."""
        self._must_hear()
        changed, self._changed = self._changed, {}
        found: dict[str, Changes] = {}
        for topic, names in changed.items():
            items = self._board.topics.get(topic, {})
            found[topic] = Changes(
                items=[items[name] for name in sorted(names) if name in items],
                gone=sorted(name for name in names if name not in items),
            )
        return found

    def _must_hear(self) -> None:
        if not self._heard.is_set():
            raise StandingBy("no upstream tells the stream (yet)")
