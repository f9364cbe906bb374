"""What goes out to the broker: facts from the spool, each until it is confirmed; and parcels (signals, commands, replies), each once.

Facts and parcels are written in order without waiting for one another's confirmation, a bounded number at a time. A fact leaves
the spool when every queue that wants it has it. A parcel that the broker could not take before its time is over is dropped.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Protocol

import msgspec
import structlog
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractExchange
from aiormq import exceptions as amqp

from hotline.bus.rabbitmq_link import FAILURES
from hotline.bus.topology import Names, fact_key
from hotline.codec import encode
from hotline.errors import Unavailable
from hotline.facts import Envelope, Fact
from hotline.runtime.clock import Clock
from hotline.runtime.tasks import TaskGroup
from hotline.tally import Tally

BATCH_LIMIT = 500
PARCELS_AT_ONCE = 200
PAUSE_FIRST_S, PAUSE_LONGEST_S = 0.1, 5.0

log = structlog.get_logger(__name__)


class Outbox(Protocol):
    """What the bus needs of the spool."""

    @property
    def last(self) -> int:
        """The number of the newest fact."""

    def keep(self, new: Iterable[Fact]) -> None:
        """Take facts."""

    def peek(self, limit: int) -> list[tuple[int, Envelope]]:
        """Return the oldest facts, with their numbers."""

    def remove(self, numbers: Iterable[int]) -> None:
        """Forget these facts."""

    async def wait(self) -> None:
        """Wait until there is a fact."""


class FactPublisher:
    """Carries facts from the spool to the broker, for as long as a session lasts."""

    def __init__(self, spool: Outbox, names: Names, confirm_timeout_s: float, tally: Tally) -> None:
        self._spool = spool
        self._names = names
        self._timeout_s = confirm_timeout_s
        self._tally = tally

    async def run(self, channel: AbstractChannel) -> None:
        """Publish until the session fails. Raises Unavailable with the reason."""
        exchange = await channel.get_exchange(self._names.facts, ensure=False)
        pause_s = 0.0
        while True:
            await self._spool.wait()
            if await self._publish(exchange, self._spool.peek(BATCH_LIMIT)):
                pause_s = 0.0
                continue
            pause_s = min(max(pause_s * 2, PAUSE_FIRST_S), PAUSE_LONGEST_S)
            await asyncio.sleep(pause_s)

    async def _publish(self, exchange: AbstractExchange, batch: list[tuple[int, Envelope]]) -> bool:
        """Publish a batch; return whether the broker took all of it. What it refused (a full journal queue) stays in the spool."""
        results = await asyncio.gather(
            *(
                exchange.publish(_message(e), fact_key(e.fact), mandatory=True, timeout=self._timeout_s)
                for _, e in batch
            ),
            return_exceptions=True,
        )
        done = [
            number for (number, _), result in zip(batch, results, strict=True) if not isinstance(result, BaseException)
        ]
        if done:
            self._spool.remove(done)
            self._tally.count("bus_facts_sent", len(done))
        errors = [r for r in results if isinstance(r, BaseException)]
        for error in errors:
            if not isinstance(error, amqp.DeliveryError) or isinstance(error, amqp.PublishError):
                raise _lost(error, self._timeout_s)
        if errors:
            self._tally.count("bus_facts_refused", len(errors))
        return not errors


def _lost(error: BaseException, timeout_s: float) -> BaseException:
    """Return why the session cannot go on; what is not one of the client's failures is returned as it is."""
    if isinstance(error, amqp.PublishError):
        return Unavailable("the queues for facts are gone")
    if isinstance(error, TimeoutError):
        return Unavailable(f"facts were not confirmed within {timeout_s:g} s (is the broker out of memory or disk?)")
    return Unavailable(f"facts cannot be sent: {error!r}") if isinstance(error, FAILURES) else error


def _message(envelope: Envelope) -> Message:
    return Message(
        encode(envelope),
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=envelope.fact_id,
        type=type(envelope.fact).__name__,
        app_id=envelope.source,
    )


class Returned(Exception):
    """No queue wants this parcel."""


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is sent once, or not at all."""

    exchange: str
    key: str
    message: Message
    until: float
    """When it is no longer worth sending, on our clock."""
    sent: "asyncio.Future[None] | None" = None
    """Done when the broker has it; fails with Returned, or Unavailable when it may have it or not."""


class Sender:
    """Sends parcels in order."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._parcels: deque[Parcel] = deque()
        self._filled = asyncio.Event()

    def offer(self, parcel: Parcel) -> bool:
        """Take a parcel; return False when too many wait."""
        if len(self._parcels) >= self._limit:
            self._drop_stale()
            if len(self._parcels) >= self._limit:
                return False
        self._parcels.append(parcel)
        self._filled.set()
        return True

    def _drop_stale(self) -> None:
        now = self._clock.now()
        while self._parcels and self._parcels[0].until <= now:
            _settle(self._parcels.popleft(), Unavailable("it waited for the broker for too long"))

    async def run(self, channel: AbstractChannel, tasks: TaskGroup) -> None:
        """Send until cancelled."""
        free = asyncio.Semaphore(PARCELS_AT_ONCE)
        while True:
            await free.acquire()
            parcel = await self._next()
            # Tasks begin in the order they are made, and the channel's lock is fair: so the order is kept.
            tasks.spawn(self._send(channel, parcel, free), name="parcel")

    async def _next(self) -> Parcel:
        while True:
            self._drop_stale()
            if self._parcels:
                return self._parcels.popleft()
            self._filled.clear()
            await self._filled.wait()

    async def _send(self, channel: AbstractChannel, parcel: Parcel, free: asyncio.Semaphore) -> None:
        try:
            exchange = await channel.get_exchange(parcel.exchange, ensure=False)
            timeout_s = max(parcel.until - self._clock.now(), 0.001)
            await exchange.publish(parcel.message, parcel.key, mandatory=parcel.sent is not None, timeout=timeout_s)
        except amqp.PublishError:
            _settle(parcel, Returned())
        except FAILURES as exc:
            _settle(parcel, Unavailable(f"it may have been sent: {exc!r}"))
        except BaseException:
            _settle(parcel, Unavailable("it may have been sent"))
            raise
        else:
            _settle(parcel, None)
        finally:
            free.release()


def _settle(parcel: Parcel, error: Exception | None) -> None:
    if parcel.sent is None or parcel.sent.done():
        return
    if error is None:
        parcel.sent.set_result(None)
    else:
        parcel.sent.set_exception(error)
        parcel.sent.exception()  # nobody has to look
