"""The records of one subscriber. Two kinds, see docs/adr/0007-bus.md.

A **live** inbox is for services that act on what happens. It gets what its own process tells at once, and what others tell through the
queue that all live inboxes of the process share. What it has is out of the broker: it is kept when the connection is lost, and gone
with the process; and a service that is stuck does not hold up the others. A **durable** one is for services that count each
fact. It gets every fact through a queue of its own, those of its own process too: there they wait while the process is dead, and each
stays until it is handled.

A fact that comes again is recognised as long as it could be a mere repetition of the broker's.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hotline.bus.ordering import HOLD_S, Ordering
from hotline.bus.rabbitmq_in import Receipt
from hotline.codec import SentSignal
from hotline.facts import Envelope, Record, Signal
from hotline.ids import FactId
from hotline.runtime.clock import Clock
from hotline.tally import Tally


class _Entry(NamedTuple):
    record: Record
    fact_id: FactId | None = None
    """Of a fact that stays in the broker until it is handled; then with the receipt for it."""
    receipt: Receipt | None = None


class RabbitInbox:
    """See the module."""

    def __init__(
        self, name: str, kinds: tuple[type[Record], ...], fact_types: Iterable[str], *, durable: bool, limit: int,
        remembers: int, clock: Clock, tally: Tally,
    ) -> None:  # fmt: skip
        """`remembers`: how many facts it recognises."""
        self.name = name
        self.kinds = kinds
        self.fact_types = sorted(fact_types)
        self.durable = durable
        self._limit = limit
        self._remembers = remembers
        self._clock = clock
        self._tally = tally
        self._ordering = Ordering(self.fact_types)
        self._records: deque[_Entry] = deque()
        self._at_hand: tuple[FactId, Receipt] | None = None
        self._known: dict[FactId, None] = {}
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
            self._recognise(fact_id)
            receipt.sign()

    def _recognise(self, fact_id: FactId) -> None:
        self._known[fact_id] = None
        if len(self._known) > self._remembers:
            del self._known[next(iter(self._known))]

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
        self._append(_Entry(record))

    def _append(self, entry: _Entry) -> None:
        self._records.append(entry)
        self._wakeup.set()

    def close(self) -> None:
        self._closed = True
        self._wakeup.set()
        if self._timer is not None:
            self._timer.cancel()

    # --- the broker's side ----------------------------------------------------------------------------------------------

    def take(self, envelope: Envelope, receipt: Receipt) -> None:
        """Take a fact, if it is asked for and new."""
        if isinstance(envelope.fact, self.kinds) and envelope.fact_id not in self._known:
            if self.durable:
                receipt.share()
                if not self._closed:  # else it is never signed: it waits for the next process of this name
                    self._append(_Entry(envelope.fact, envelope.fact_id, receipt))
            else:
                self._recognise(envelope.fact_id)
                self.put(envelope.fact)
        for signal in self._ordering.fact_came(envelope.source, envelope.seq):
            self.put(signal)

    def take_signal(self, sent: SentSignal) -> None:
        """Take a signal that keeps its place between the facts that come through the broker, if it is asked for."""
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
        self._records = deque(entry for entry in self._records if entry.receipt is None)
        if self._at_hand is not None:
            self._recognise(self._at_hand[0])
            self._at_hand = None


class LiveReader:
    """The live inboxes of a process, which share one queue."""

    def __init__(self, inboxes: Sequence[RabbitInbox]) -> None:
        """`inboxes`: all of the process, also those that are opened later."""
        self._inboxes = inboxes

    @property
    def is_needed(self) -> bool:
        """Whether any of them asked for facts."""
        return any(not inbox.durable and inbox.fact_types for inbox in self._inboxes)

    def take(self, envelope: Envelope, receipt: Receipt) -> None:
        for inbox in self._inboxes:
            if not inbox.durable:
                inbox.take(envelope, receipt)

    def detach(self) -> None:
        """They keep what they have."""
