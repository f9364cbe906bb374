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

from hotline.bus.backlog import Backlog
from hotline.bus.rabbitmq.incoming import Receipt
from hotline.bus.rabbitmq.ordering import HOLD_S, Ordering
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


class RabbitInbox(Backlog[_Entry]):
    """See the module."""

    def __init__(
        self, name: str, kinds: tuple[type[Record], ...], fact_types: Iterable[str], *, durable: bool, limit: int,
        remembers: int, clock: Clock, tally: Tally,
    ) -> None:  # fmt: skip
        """`remembers`: how many facts it recognises."""
        super().__init__(name, limit, tally)
        self.kinds = kinds
        self.fact_types = sorted(fact_types)
        self.durable = durable
        self._remembers = remembers
        self._clock = clock
        self._ordering = Ordering(self.fact_types)
        self._at_hand: tuple[FactId, Receipt] | None = None
        self._known: dict[FactId, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    # --- the subscriber's side ------------------------------------------------------------------------------------------

    async def get(self) -> Record | None:
        self._sign()
        entry = await self._next()
        if entry is None:
            return None
        record, fact_id, receipt = entry
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

    def put(self, record: Record) -> None:
        self._offer(_Entry(record))

    def close(self) -> None:
        super().close()
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
        self._entries = deque(entry for entry in self._entries if entry.receipt is None)
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
