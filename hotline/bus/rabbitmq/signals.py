"""Signals between processes: out to whoever asked, and in to the inboxes of this process.

A process binds its queue to the signals that it asked for, to the routers' terms (the fences of its nodes need them), and to its own: the
echo shows that the carrier works. Nobody gets what he did not ask for, since a digit may be card data.
"""

from collections.abc import Iterable, Sequence

import structlog
from aio_pika import Message
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue

from hotline.bus.rabbitmq.inbox import RabbitInbox
from hotline.bus.rabbitmq.ordering import Lately
from hotline.bus.rabbitmq.parcels import Parcel, Sender
from hotline.bus.rabbitmq.topology import Names, own_signals, signal_key, signals_of
from hotline.codec import SIGNALS, SentSignal, Undecodable, decode_signal, encode_signal
from hotline.facts import Record, RouterActive, Signal
from hotline.runtime.clock import Clock
from hotline.tally import Tally

SIGNAL_LIFE_S = 5.0

log = structlog.get_logger(__name__)


class Signals:
    """See the module. `lately` is what the process told, for the order of signals between facts."""

    def __init__(
        self, sender: Sender, names: Names, inboxes: Sequence[RabbitInbox], lately: Lately, *, process: str,
        source: str, clock: Clock, tally: Tally,
    ) -> None:  # fmt: skip
        """`inboxes`: all of the process, also those that are opened later."""
        self._sender = sender
        self._names = names
        self._inboxes = inboxes
        self._lately = lately
        self._process = process
        self._source = source
        self._clock = clock
        self._tally = tally

    def send(self, signal: Signal, confirmed: int) -> SentSignal:
        """Tell other processes, and return what was told. `confirmed`: the broker has all facts up to this number."""
        now = self._clock.now()
        sent = SentSignal(source=self._source, after=self._lately.numbers(now, confirmed), signal=signal)
        message = Message(
            encode_signal(sent), content_type="application/json", type=type(signal).__name__, app_id=self._source
        )
        key = signal_key(type(signal), self._process)
        self._sender.offer(Parcel(exchange=self._names.signals, key=key, message=message, until=now + SIGNAL_LIFE_S))
        return sent

    async def bind(self, queue: AbstractQueue) -> None:
        """Have the signals that are asked for by now come into a queue."""
        asked = {kind.__name__: kind for inbox in self._inboxes for kind in _signals(inbox.kinds)}
        asked[RouterActive.__name__] = RouterActive
        for key in (own_signals(self._process), *(signals_of(kind) for _, kind in sorted(asked.items()))):
            await queue.bind(self._names.signals, key)

    def arrived(self, message: AbstractIncomingMessage) -> Signal | None:
        """Give a signal of another process to the inboxes, and return it; our own only come back."""
        if message.app_id == self._source:
            return None
        try:
            sent = decode_signal(message.body)
        except Undecodable as exc:
            self._tally.count("bus_signals_unread")
            log.warning("a signal cannot be read", error=str(exc))
            return None
        for inbox in self._inboxes:
            inbox.take_signal(sent)
        return sent.signal


def _signals(kinds: tuple[type[Record], ...]) -> Iterable[type[Signal]]:
    """Return the signals that travel among the subclasses of the given kinds."""
    return (kind for kind in SIGNALS.values() if issubclass(kind, kinds))
