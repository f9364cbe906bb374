"""One session with the broker: two connections for a while, and the tasks that live on them.

Two connections, because a broker that is short of memory stops reading from whoever publishes, and must not stop hearing our
acknowledgements. When anything about a session fails, all of it is over and made anew: there is no half of one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from aio_pika.abc import AbstractChannel, AbstractConnection

from hotline.bus.rabbitmq.link import FAILURES, connected, is_blocked, translate
from hotline.errors import HotlineError, Unavailable
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Bus as BusSettings


class Session:
    """See the module."""

    def __init__(self, settings: BusSettings, outward: AbstractConnection, inward: AbstractConnection) -> None:
        self.outward = outward
        self.inward = inward
        self.tasks = TaskGroup("bus-session")
        self.over: asyncio.Future[HotlineError] = asyncio.get_running_loop().create_future()
        """What it ended of."""
        self.declared: set[str] = set()
        self.receiving: set[str] = set()
        """Names of queues, as far as it has come."""
        self._settings = settings
        for connection in (outward, inward):
            connection.close_callbacks.add(lambda _, exc: self._ended(exc))

    def end(self, error: HotlineError) -> None:
        """Say what the session ends of; the first reason counts."""
        if not self.over.done():
            self.over.set_result(error)

    def _ended(self, exc: BaseException | None) -> None:
        self.end(translate(exc or OSError("closed"), self._settings))

    async def channel(self) -> AbstractChannel:
        """Open a channel for receiving; when the broker ends it, or one of its consumers, the session is over."""
        channel = await self.inward.channel()
        wire = await channel.get_underlay_channel()
        cancelled = Unavailable("bus: the broker ended one of our consumers: was a queue removed?")
        wire.on_consumer_cancel_callbacks.add(lambda _: self.end(cancelled))
        channel.close_callbacks.add(lambda _, exc: self._ended(exc))
        return channel

    async def sending_channel(self) -> AbstractChannel:
        """Open a channel for sending, which tells of every message that no queue wants. When the broker ends it, the session is over."""
        channel = await self.outward.channel(on_return_raises=True)
        channel.close_callbacks.add(lambda _, exc: self._ended(exc))
        return channel

    async def is_blocked(self) -> bool:
        """Return whether the broker does not read what we send, and said so."""
        return await is_blocked(self.outward)

    def spawn(self, work: Coroutine[Any, Any, None], name: str, at_end: Callable[[], None] | None = None) -> None:
        """Run a part of the session, which is over when a part ends, however it ends. `at_end` is called in any case."""
        task = self.tasks.spawn(self._watched(work, name), name=name)
        # A task that is cancelled before it begins does nothing at all, not even what it would do at its end.
        task.add_done_callback(lambda _: work.close())
        if at_end is not None:
            task.add_done_callback(lambda _: at_end())

    async def _watched(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except (HotlineError, *FAILURES) as exc:
            self.end(translate(exc, self._settings))
        finally:
            self.end(Unavailable(f"bus: {name} has ended"))


@asynccontextmanager
async def opened(settings: BusSettings, process: str) -> AsyncIterator[Session]:
    """Connect, and close everything at the end. Raises Misuse or Unavailable."""
    async with connected(settings, f"{process} out", f"{process} in") as (outward, inward):
        session = Session(settings, outward, inward)
        try:
            yield session
        finally:
            await session.tasks.close()
