"""Carries facts from the spool to the broker, each until it is confirmed.

Facts leave the spool when every queue that wants them has them on disk. What the broker refuses (a full journal queue) stays and is
tried again. A broker that blocks us, because it is short of memory or disk, is waited for: the connection that receives goes on
meanwhile, which is what relieves it. One that takes facts and neither confirms them nor says why is given up.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol

import structlog
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractExchange
from aiormq import exceptions as amqp

from hotline.bus.rabbitmq.link import FAILURES
from hotline.bus.rabbitmq.ordering import HOLD_S
from hotline.bus.rabbitmq.packing import Pack, pack
from hotline.bus.rabbitmq.parcels import Sender
from hotline.bus.rabbitmq.topology import OLD, Names, age_of
from hotline.errors import Unavailable
from hotline.facts import Envelope, Fact
from hotline.runtime.clock import Clock
from hotline.tally import Tally

BATCH_LIMIT = 500
LOOK_S = 0.5
"""How often we look whether a broker that does not confirm has blocked us."""
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
    """See the module. Runs anew in each session; what it knows of facts outlives them."""

    def __init__(
        self, spool: Outbox, names: Names, sender: Sender, *, confirm_timeout_s: float, live_s: float, clock: Clock,
        tally: Tally,
    ) -> None:  # fmt: skip
        """`sender`: carries the signals; facts wait for those that were told before them, but not for ever."""
        self._spool = spool
        self._sender = sender
        self._names = names
        self._timeout_s = confirm_timeout_s
        self._live_s = live_s
        self._clock = clock
        self._tally = tally
        self._told_afterwards: set[int] = set()
        self.confirmed = 0
        """The broker has every fact up to this number."""

    def note_told(self, number: int, fact: Fact) -> None:
        """Note that a fact was told, and not only kept for the journal; that is in question where it was concluded afterwards."""
        if getattr(fact, "reconciled", False):
            self._told_afterwards.add(number)

    def _age(self, number: int, envelope: Envelope) -> str:
        fact = envelope.fact
        told = number in self._told_afterwards or not getattr(fact, "reconciled", False)
        return age_of(at=fact.at, now=self._clock.now(), live_s=self._live_s, told=told)

    async def run(self, channel: AbstractChannel, blocked: Callable[[], Awaitable[bool]]) -> None:
        """Publish until cancelled. Raises Unavailable with the reason when that does not work any more."""
        exchange = await channel.get_exchange(self._names.facts, ensure=False)
        pause_s = 0.0
        while True:
            await self._spool.wait()
            batch = self._spool.peek(BATCH_LIMIT)
            await self._sender.caught_up(HOLD_S)
            if batch and await self._publish(exchange, pack(batch, self._age), blocked):
                self.confirmed = batch[-1][0]
                pause_s = 0.0
                continue
            pause_s = min(max(pause_s * 2, PAUSE_FIRST_S), PAUSE_LONGEST_S)
            await asyncio.sleep(pause_s)

    async def _publish(
        self, exchange: AbstractExchange, packs: Sequence[Pack], blocked: Callable[[], Awaitable[bool]]
    ) -> bool:
        """Publish facts; return whether the broker took all of them."""
        results = await self._confirmed([exchange.publish(_message(p), p.age, mandatory=True) for p in packs], blocked)
        took = [p for p, result in zip(packs, results, strict=True) if not isinstance(result, BaseException)]
        self._settle(took)
        errors = [r for r in results if isinstance(r, BaseException)]
        for error in errors:
            if not isinstance(error, amqp.DeliveryError) or isinstance(error, amqp.PublishError):
                raise _lost(error)
        if errors:
            self._tally.count("bus_facts_refused", _count(packs) - _count(took))
        return not errors

    async def _confirmed(
        self, sending: Sequence[Awaitable[Any]], blocked: Callable[[], Awaitable[bool]]
    ) -> list[Any | BaseException]:
        """Wait for all confirmations. Raises Unavailable when they take too long, unless the broker has said that they will."""
        everything = asyncio.gather(*sending, return_exceptions=True)
        waited_s = 0.0
        try:
            while not (await asyncio.wait([everything], timeout=LOOK_S))[0]:
                waited_s = 0.0 if await blocked() else waited_s + LOOK_S
                if waited_s >= self._timeout_s:
                    raise Unavailable(f"bus: the broker did not confirm facts within {self._timeout_s:g} s")
        finally:
            everything.add_done_callback(lambda done: done.cancelled() or done.exception())
            everything.cancel()
        return everything.result()

    def _settle(self, took: Sequence[Pack]) -> None:
        numbers = [number for p in took for number in p.numbers]
        if numbers:
            self._spool.remove(numbers)
            self._told_afterwards.difference_update(numbers)
            self._tally.count("bus_facts_sent", len(numbers))
        if old := _count([p for p in took if p.age == OLD]):
            self._tally.count("bus_facts_old", old)


def _count(packs: Iterable[Pack]) -> int:
    return sum(len(p.numbers) for p in packs)


def _lost(error: BaseException) -> BaseException:
    """Return why the session cannot go on; what is not one of the client's failures is returned as it is."""
    if isinstance(error, amqp.PublishError):
        return Unavailable("bus: the broker has no queue for facts any more")
    if isinstance(error, (*FAILURES, asyncio.CancelledError)):  # the client cancels what waits on a closed channel
        return Unavailable(f"bus: facts cannot be sent: {error!r}")
    return error


def _message(pack_: Pack) -> Message:
    return Message(
        pack_.body,
        content_type="application/x-ndjson",
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=pack_.first,
        type=pack_.type,
        app_id=pack_.source,
    )
