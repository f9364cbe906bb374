"""What comes in from the broker: one consumer of facts, its inbox, and the journal's.

A fact is acknowledged once it is handled (an inbox: when the next record is asked for; the journal: when it is removed), so that what a
process had in its hands when it died comes again. What cannot be decoded is buried: it goes to the dead letters with the reason,
and is acknowledged when it is there.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from hotline.bus.ordering import HOLD_S, Ordering
from hotline.bus.window import Window
from hotline.codec import SentSignal, Undecodable, decode
from hotline.facts import Envelope, Record, Signal
from hotline.ids import FactId
from hotline.runtime.clock import Clock
from hotline.tally import Tally

log = structlog.get_logger(__name__)


class Receipt(NamedTuple):
    """A delivery that is to be acknowledged."""

    consumer: "Consumer"
    tag: int

    def sign(self) -> None:
        """Say that it was handled."""
        self.consumer.handled(self.tag)


class Reader(Protocol):
    """Where a consumer's facts go."""

    def take(self, envelope: Envelope, receipt: Receipt) -> None:
        """Take a fact; sign the receipt when it is handled."""

    def detach(self) -> None:
        """Drop what is not handled: its receipts are void, and it will come again."""


class Bury(Protocol):
    """Brings a message to the dead letters."""

    async def __call__(self, message: AbstractIncomingMessage, queue: str, reason: Undecodable) -> bool:
        """Return whether it is there."""


class Consumer:
    """Consumes one queue of facts on a channel of its own, for as long as a session lasts."""

    def __init__(self, queue: str, reader: Reader, prefetch: int, bury: Bury) -> None:
        self._queue = queue
        self._reader = reader
        self._prefetch = prefetch
        self._bury = bury
        self._window = Window()
        self._up_to = 0
        self._ripe = asyncio.Event()

    async def run(self, channel: AbstractChannel) -> None:
        """Consume and acknowledge until cancelled."""
        try:
            await channel.set_qos(prefetch_count=self._prefetch)
            queue = await channel.get_queue(self._queue, ensure=False)
            wire = await channel.get_underlay_channel()
            await queue.consume(self._arrived)
            while True:
                await self._ripe.wait()
                self._ripe.clear()
                await wire.basic_ack(self._up_to, multiple=True, wait=False)
        finally:
            self._reader.detach()

    async def _arrived(self, message: AbstractIncomingMessage) -> None:
        """Take a delivery. Nothing may be awaited before the reader has it: each delivery comes in a task of its own."""
        tag = message.delivery_tag
        assert tag is not None
        self._window.arrived(tag)
        try:
            envelope = decode(message.body)
        except Undecodable as exc:
            log.error("a message of the broker cannot be read", queue=self._queue, error=str(exc))
            if await self._bury(message, self._queue, exc):
                self.handled(tag)
            return
        self._reader.take(envelope, Receipt(self, tag))

    def handled(self, tag: int) -> None:
        """Acknowledge a delivery as soon as all before it are handled."""
        up_to = self._window.handled(tag)
        if up_to is not None:
            self._up_to = up_to
            self._ripe.set()


class RabbitInbox:
    """The records of one subscriber: those of this process at once, those of others as the broker brings them."""

    def __init__(
        self, name: str, kinds: tuple[type[Record], ...], fact_types: Iterable[str], *, limit: int, source: str,
        prefetch: int, clock: Clock, tally: Tally,
    ) -> None:  # fmt: skip
        self.name = name
        self.kinds = kinds
        self.fact_types = sorted(fact_types)
        self._limit = limit
        self._source = source
        self._clock = clock
        self._tally = tally
        self._ordering = Ordering(self.fact_types)
        self._records: deque[tuple[Record, FactId | None, Receipt | None]] = deque()
        self._at_hand: tuple[FactId, Receipt] | None = None
        self._lately: deque[FactId] = deque(maxlen=2 * prefetch)
        self._wakeup = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    # --- the subscriber's side ------------------------------------------------------------------------------------------

    async def get(self) -> Record | None:
        self._sign()
        while not self._records:
            if self._closed:
                return None
            self._wakeup.clear()
            await self._wakeup.wait()
        record, fact_id, receipt = self._records.popleft()
        self._at_hand = (fact_id, receipt) if fact_id is not None and receipt is not None else None
        return record

    def _sign(self) -> None:
        if self._at_hand is not None:
            fact_id, receipt = self._at_hand
            self._at_hand = None
            self._lately.append(fact_id)
            receipt.sign()

    @property
    def ready(self) -> bool:
        return bool(self._records)

    @property
    def ended(self) -> bool:
        return self._closed and not self._records

    def put(self, record: Record) -> None:
        if self._closed:
            return
        if len(self._records) >= self._limit:
            self._tally.limit_reached("bus_inbox")
            return
        self._append(record)

    def _append(self, record: Record, fact_id: FactId | None = None, receipt: Receipt | None = None) -> None:
        self._records.append((record, fact_id, receipt))
        self._wakeup.set()

    def close(self) -> None:
        self._closed = True
        self._wakeup.set()
        if self._timer is not None:
            self._timer.cancel()

    # --- the broker's side ----------------------------------------------------------------------------------------------

    def take(self, envelope: Envelope, receipt: Receipt) -> None:
        if self._closed:
            return  # not signed: it waits for the next process of this name
        fact = envelope.fact
        if envelope.source == self._source:  # it was put here when it was published
            receipt.sign()
            return
        if not isinstance(fact, self.kinds) or envelope.fact_id in self._lately:
            receipt.sign()
        else:
            self._append(fact, envelope.fact_id, receipt)
        for signal in self._ordering.fact_came(envelope.source, envelope.seq):
            self.put(signal)

    def take_signal(self, sent: SentSignal) -> None:
        """Take a signal of another process, if it is asked for."""
        if isinstance(sent.signal, self.kinds):
            self._put_all(self._ordering.signal_came(sent, self._clock.now()))

    def _put_all(self, signals: list[Signal]) -> None:
        for signal in signals:
            self.put(signal)
        if self._ordering.next_deadline() is not None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HOLD_S / 2, self._release)

    def _release(self) -> None:
        self._timer = None
        self._put_all(self._ordering.overdue(self._clock.now()))

    def detach(self) -> None:
        self._records = deque(entry for entry in self._records if entry[2] is None)
        if self._at_hand is not None:
            self._lately.append(self._at_hand[0])
            self._at_hand = None


class JournalIntake:
    """The broker's queue of every fact, in the shape of a spool: what the journal writer reads from."""

    def __init__(self) -> None:
        self._facts: deque[tuple[int, Envelope, Receipt]] = deque()
        self._last = 0
        self._filled = asyncio.Event()

    def take(self, envelope: Envelope, receipt: Receipt) -> None:
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
