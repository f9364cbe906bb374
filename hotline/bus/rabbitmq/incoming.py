"""What comes in from the broker: consumers of facts, and the journal's intake.

A message is acknowledged once every fact in it is handled by whoever took it, so that what a process had in its hands when it died
comes again. A fact that cannot be decoded is buried, alone: it goes to the dead letters with the reason, and its message
is acknowledged when it is there. (Live services do not bury: the journal gets the same fact, and does.)
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Protocol

import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from hotline.bus.rabbitmq.packing import unpack
from hotline.bus.rabbitmq.window import Window
from hotline.codec import Undecodable, decode
from hotline.facts import Envelope
from hotline.tally import Tally

log = structlog.get_logger(__name__)


class Receipt:
    """A delivery that is acknowledged when all who share it have signed."""

    __slots__ = ("_consumer", "_holders", "_tag")

    def __init__(self, consumer: "Consumer", tag: int) -> None:
        self._consumer = consumer
        self._tag = tag
        self._holders = 1

    def share(self) -> None:
        """Have it wait for one more signature."""
        self._holders += 1

    def sign(self) -> None:
        """Say that one's part of it was handled."""
        self._holders -= 1
        if self._holders == 0:
            self._consumer.handled(self._tag)


class Reader(Protocol):
    """Where a consumer's facts go."""

    def take(self, envelope: Envelope, receipt: Receipt) -> None:
        """Take a fact: share the receipt, and sign it when the fact is handled. Or leave it."""

    def detach(self) -> None:
        """The session is over: no receipt reaches the broker any more, and what was not acknowledged will come again."""


class Bury(Protocol):
    """Brings a fact that cannot be read to the dead letters."""

    async def __call__(self, line: bytes, message: AbstractIncomingMessage, queue: str, reason: Undecodable) -> bool:
        """Return whether it is there."""


class Consumer:
    """Consumes one queue of facts on a channel of its own, for as long as a session lasts."""

    def __init__(
        self, queue: str, reader: Reader, prefetch: int, tally: Tally, *, bury: Bury | None = None, skip: str | None = None
    ) -> None:  # fmt: skip
        """`bury`: what to do with what cannot be read; None: leave it. `skip`: a source whose facts the reader has already."""
        self.queue = queue
        self.reader = reader
        self._prefetch = prefetch
        self._tally = tally
        self._bury = bury
        self._skip = skip
        self._window = Window()
        self._up_to = 0
        self._ripe = asyncio.Event()

    async def begin(self, channel: AbstractChannel) -> None:
        """Have the broker send."""
        await channel.set_qos(prefetch_count=self._prefetch)
        queue = await channel.get_queue(self.queue, ensure=False)
        await queue.consume(self._arrived)

    async def acknowledge(self, channel: AbstractChannel) -> None:
        """Tell the broker what was handled, until cancelled."""
        wire = await channel.get_underlay_channel()
        while True:
            await self._ripe.wait()
            self._ripe.clear()
            await wire.basic_ack(self._up_to, multiple=True, wait=False)

    async def _arrived(self, message: AbstractIncomingMessage) -> None:
        """Take a delivery. Nothing may be awaited before the reader has it: each delivery comes in a task of its own."""
        tag = message.delivery_tag
        assert tag is not None
        self._window.arrived(tag)
        receipt = Receipt(self, tag)
        unread = [] if message.app_id == self._skip else list(self._hand_out(message.body, receipt))
        for line, problem in unread:
            log.error("a fact of the broker cannot be read", queue=self.queue, error=str(problem))
            self._tally.count("bus_facts_unread", reason=problem.reason)
            if self._bury is not None and not await self._bury(line, message, self.queue, problem):
                return  # never acknowledged here: it comes again
        receipt.sign()

    def _hand_out(self, body: bytes, receipt: Receipt) -> Iterator[tuple[bytes, Undecodable]]:
        """Give the reader the facts of a message; yield those that cannot be read."""
        for line in unpack(body):
            try:
                envelope = decode(line)
            except Undecodable as exc:
                yield line, exc
            else:
                self.reader.take(envelope, receipt)

    def handled(self, tag: int) -> None:
        """Acknowledge a delivery as soon as all before it are handled."""
        up_to = self._window.handled(tag)
        if up_to is not None:
            self._up_to = up_to
            self._ripe.set()


class JournalIntake:
    """The broker's queue of every fact, in the shape of a spool: what the journal writer reads from."""

    def __init__(self) -> None:
        self._facts: deque[tuple[int, Envelope, Receipt]] = deque()
        self._last = 0
        self._filled = asyncio.Event()

    def take(self, envelope: Envelope, receipt: Receipt) -> None:
        receipt.share()
        self._last += 1
        self._facts.append((self._last, envelope, receipt))
        self._filled.set()

    def detach(self) -> None:
        self._facts.clear()

    def peek(self, limit: int) -> list[tuple[int, Envelope]]:
        """Return the oldest facts with their numbers; they stay until `remove`."""
        return [(number, envelope) for (number, envelope, _), _ in zip(self._facts, range(limit), strict=False)]

    def remove(self, up_to: int) -> None:
        """Acknowledge the facts up to this number; those of a connection that was lost meanwhile come again."""
        while self._facts and self._facts[0][0] <= up_to:
            self._facts.popleft()[2].sign()

    async def wait(self) -> None:
        """Wait until there is a fact."""
        while not self._facts:
            self._filled.clear()
            await self._filled.wait()
