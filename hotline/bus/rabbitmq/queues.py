"""The queues of facts that this process needs: declared, received from, watched; and the dead letters."""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from hotline.bus.rabbitmq.inbox import LiveReader, RabbitInbox
from hotline.bus.rabbitmq.incoming import Consumer, JournalIntake
from hotline.bus.rabbitmq.link import declare
from hotline.bus.rabbitmq.parcels import Parcel, Sender
from hotline.bus.rabbitmq.session import Session
from hotline.bus.rabbitmq.topology import Limits, Names, Queue, exchanges, inbox_queue, live_queue, shared_queues
from hotline.codec import Undecodable
from hotline.runtime.clock import Clock
from hotline.settings import Bus as BusSettings
from hotline.tally import Tally

BURY_S = 10.0
WATCH_S = 1.0
WATCH_TURNS = 15

log = structlog.get_logger(__name__)


class Queues:
    """See the module."""

    def __init__(
        self, settings: BusSettings, names: Names, inboxes: Sequence[RabbitInbox], sender: Sender, *, process: str,
        source: str, clock: Clock, tally: Tally, wall: Callable[[], float],
    ) -> None:  # fmt: skip
        """`inboxes`: all of the process, also those that are opened later."""
        self._settings = settings
        self._names = names
        self._limits = Limits(
            journal_max=settings.journal_max,
            inbox_max=settings.inbox_max,
            dead_max=settings.dead_max,
            delivery_limit=settings.delivery_limit,
            forget_after_s=settings.forget_after_s,
            live_s=settings.live_s,
        )
        self._inboxes = inboxes
        self._live = LiveReader(inboxes)
        self._intake: JournalIntake | None = None
        self._sender = sender
        self._process = process
        self._source = source
        self._clock = clock
        self._tally = tally
        self._wall = wall
        self._is_ours = False  # the broker: whether it once had all of our things, and let us make them
        self._lives = False  # whether the live inboxes of this life have begun

    def journal(self) -> JournalIntake:
        """Return the journal's intake; from now on its queue is received from."""
        if self._intake is None:
            self._intake = JournalIntake()
        return self._intake

    async def declare(self, session: Session) -> None:
        """Declare what is needed by now and was not yet in this session. Raises Misuse or Unavailable."""
        wanted = [*shared_queues(self._names, self._limits), *(queue for queue, _ in self._consumers())]
        new = [queue for queue in wanted if queue.name not in session.declared]
        makes = exchanges(self._names) if not session.declared else []
        await declare(session.inward, self._settings, self._names, makes, new, first=not self._is_ours)
        session.declared.update(queue.name for queue in new)
        self._is_ours = True

    async def receive(self, session: Session) -> None:
        """Begin to receive what was declared and is not received yet."""
        for queue, consumer in self._consumers():
            if queue.name in session.receiving or queue.name not in session.declared:
                continue
            session.receiving.add(queue.name)
            channel = await session.channel()
            if queue.name == self._names.live(self._process) and not self._lives:
                await (await channel.get_queue(queue.name, ensure=False)).purge()
                self._lives = True
            receiving = f"the receiving from {queue.name}"
            session.spawn(consumer.acknowledge(channel), receiving, at_end=consumer.reader.detach)
            await consumer.begin(channel)

    def _consumers(self) -> list[tuple[Queue, Consumer]]:
        """Return what is received from, as far as it is asked for by now."""
        names, limits, prefetch = self._names, self._limits, self._settings.prefetch
        found: list[tuple[Queue, Consumer]] = []
        if self._live.is_needed:
            queue = live_queue(names, limits, self._process)
            found.append((queue, Consumer(queue.name, self._live, prefetch, self._tally, skip=self._source)))
        for inbox in self._inboxes:
            if inbox.durable and inbox.fact_types:
                queue = inbox_queue(names, limits, self._process, inbox.name)
                found.append((queue, Consumer(queue.name, inbox, prefetch, self._tally, bury=self._bury)))
        if self._intake is not None:
            queue = shared_queues(names, limits)[-1]
            prefetch = self._settings.journal_prefetch
            found.append((queue, Consumer(queue.name, self._intake, prefetch, self._tally, bury=self._bury)))
        return found

    async def _bury(self, line: bytes, message: AbstractIncomingMessage, queue: str, reason: Undecodable) -> bool:
        """Send a fact to the dead letters with the reason; return whether the broker has it there."""
        self._tally.count("bus_dead", reason=reason.reason)
        headers = {**message.headers, "hotline-reason": f"{reason.reason}: {reason}"[:500], "hotline-queue": queue}
        is_all = line == message.body
        copy = Message(
            line, headers=headers, content_type="application/json", delivery_mode=DeliveryMode.PERSISTENT,
            message_id=message.message_id if is_all else None, type=message.type, app_id=message.app_id,
            timestamp=self._wall(),
        )  # fmt: skip
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        dead, until = self._names.dead_letters, self._clock.now() + BURY_S
        if not self._sender.offer(Parcel(exchange=dead, key="dead", message=copy, until=until, sent=sent)):
            return False
        await asyncio.wait([sent])
        return sent.exception() is None

    async def watch(self, session: Session) -> None:
        """Tell whether the broker blocks us, and now and then how much waits in the queues that all share, until cancelled."""
        channel = await session.channel()
        while True:
            await self._measure(channel)
            for _ in range(WATCH_TURNS):
                self._tally.level("bus_blocked", float(await session.is_blocked()))
                await asyncio.sleep(WATCH_S)

    async def _measure(self, channel: AbstractChannel) -> None:
        self._tally.level("bus_dead_letters", await self._depth(channel, self._names.dead_letters))
        self._tally.level("bus_journal_messages", await self._depth(channel, self._names.journal))

    async def _depth(self, channel: AbstractChannel, name: str) -> float:
        queue = await channel.get_queue(name, ensure=True)
        return float(queue.declaration_result.message_count or 0)
