"""The bus between processes: RabbitMQ, through aio-pika.

Inside a process records go straight to the inboxes, so that the call path never waits for a broker; only what other processes
ask for travels. Facts wait in the spool until the broker has confirmed them (`rabbitmq_out.py`); whoever subscribes has a durable
queue of its own that is emptied as fast as it handles (`rabbitmq_in.py`); the journal has one of every fact (`journal`). While the
broker is away, everything goes on inside the process, facts wait in the spool, and signals and commands are given up in time.

Two connections: a broker that is short of memory stops reading from whoever publishes, and must not stop hearing our
acknowledgements. A session is both of them; when anything about it fails, all of it is made anew.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from hotline.bus.base import Performer
from hotline.bus.ordering import Lately
from hotline.bus.rabbitmq_commands import Node, Requests
from hotline.bus.rabbitmq_in import Consumer, JournalIntake, RabbitInbox, Reader
from hotline.bus.rabbitmq_link import (
    CLOSE_S,
    FAILURES,
    Taken,
    connected,
    declare,
    exclusive_queue,
    quiet_client,
    translate,
)
from hotline.bus.rabbitmq_out import FactPublisher, Outbox, Parcel, Sender
from hotline.bus.topology import Limits, Names, Queue, exchanges, inbox_queue, shared_queues, signal_key
from hotline.codec import FACTS, SIGNALS, SentSignal, Undecodable, decode_signal, encode_signal
from hotline.commands import Command, Outcome
from hotline.errors import HotlineError, Misuse, Unavailable
from hotline.facts import Fact, Record, RouterActive, Signal
from hotline.ids import NodeId
from hotline.runtime.clock import Clock, wall_time
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Bus as BusSettings
from hotline.tally import Tally

SIGNAL_LIFE_S = 5.0
BURY_S = 10.0
PAUSE_FIRST_S = 0.2
CLOSE_AGAIN_S = 3 * CLOSE_S

log = structlog.get_logger(__name__)


class RabbitBus:
    """See the module. `process` names this process, `source` its facts; `spool` is where they wait."""

    def __init__(
        self, settings: BusSettings, *, process: str, source: str, spool: Outbox, clock: Clock, tally: Tally,
        tasks: TaskGroup, wall: Callable[[], float] = wall_time,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._process = process
        self._source = source
        self._spool = spool
        self._clock = clock
        self._tally = tally
        self._tasks = tasks
        self._wall = wall
        self._names = Names(prefix=settings.prefix)
        self._limits = Limits(
            journal_max=settings.journal_max,
            inbox_max=settings.inbox_max,
            dead_max=settings.dead_max,
            delivery_limit=settings.delivery_limit,
            forget_after_s=settings.forget_after_s,
        )
        self._inboxes: list[RabbitInbox] = []
        self._routes: dict[type[Record], list[RabbitInbox]] = {}
        self._nodes: dict[NodeId, Node] = {}
        self._intake: JournalIntake | None = None
        self._lately = Lately()
        self._heard_at = 0.0
        self._sender = Sender(settings.pending_max, clock)
        self._publisher = FactPublisher(spool, self._names, settings.confirm_timeout_s, tally)
        mine = self._names.process(process)
        self._requests = Requests(self._sender, self._names, mine, settings.pending_max, clock, wall)
        self._changed = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._closing = False
        self.is_up = asyncio.Event()
        """Set while a session with the broker is going on."""
        self.on_return: list[Callable[[], None]] = []
        """Called when a session begins after another one ended: signals of the time between are lost, both ways."""
        self._had_session = False

    # --- what services use ------------------------------------------------------------------------------------------------

    def publish(self, *records: Record) -> None:
        for record in records:
            if isinstance(record, Fact):
                self._keep(record)
        for record in records:
            self._raise_fences(record)
            for inbox in self._route(type(record)):
                inbox.put(record)
            if isinstance(record, Signal) and type(record).__name__ in SIGNALS:
                self._send_signal(record)

    def _keep(self, fact: Fact) -> None:
        before = self._spool.last
        self._spool.keep((fact,))
        if self._spool.last != before and not getattr(fact, "reconciled", False):
            self._lately.told(type(fact).__name__, self._spool.last, self._clock.now())

    def _send_signal(self, signal: Signal) -> None:
        now = self._clock.now()
        body = encode_signal(SentSignal(source=self._source, after=self._lately.numbers(now), signal=signal))
        message = Message(body, content_type="application/json", type=type(signal).__name__, app_id=self._source)
        key = signal_key(type(signal))
        parcel = Parcel(exchange=self._names.signals, key=key, message=message, until=now + SIGNAL_LIFE_S)
        if not self._sender.offer(parcel):
            self._tally.limit_reached("bus_pending")

    def _raise_fences(self, record: Record) -> None:
        if isinstance(record, RouterActive):
            for node in self._nodes.values():
                node.fence.heard(record.epoch)

    def heard_at(self) -> float:
        return self._heard_at

    def _route(self, kind: type[Record]) -> list[RabbitInbox]:
        route = self._routes.get(kind)
        if route is None:
            route = self._routes[kind] = [inbox for inbox in self._inboxes if issubclass(kind, inbox.kinds)]
        return route

    def subscribe(self, name: str, *kinds: type[Record], limit: int = 100_000) -> RabbitInbox:
        if any(inbox.name == name for inbox in self._inboxes):
            raise Misuse(f"bus: {name!r} has an inbox already")
        inbox = RabbitInbox(
            name, kinds, (n for n, kind in FACTS.items() if issubclass(kind, kinds)),
            limit=limit, source=self._source, prefetch=self._settings.prefetch, clock=self._clock, tally=self._tally,
        )  # fmt: skip
        self._inboxes.append(inbox)
        self._routes.clear()
        self._changed.set()
        return inbox

    def journal(self) -> JournalIntake:
        """Read every fact of every process, for the journal; one process at a time gets them."""
        if self._intake is None:
            self._intake = JournalIntake()
            self._changed.set()
        return self._intake

    def serve(self, node: NodeId, perform: Performer) -> None:
        if node in self._nodes:
            raise Misuse(f"node {node!r} already has a performer")
        self._nodes[node] = Node(node, perform, self._sender, self._names, self._clock, self._wall)
        self._changed.set()

    def request(self, command: Command, *, epoch: int = 0, within_s: float | None = None) -> Awaitable[Outcome]:
        node = self._nodes.get(command.node)
        if node is not None:
            return node.perform(command, epoch, within_s)
        return self._requests.send(command, epoch, self._settings.command_timeout_s if within_s is None else within_s)

    # --- life -------------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        quiet_client()
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running = self._tasks.spawn(self._run(first), name="bus")
        try:
            await first
        except Unavailable:
            if self._settings.must_connect:
                await self.close()
                raise
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        self._closing = True
        while self._running is not None and not self._running.done():
            self._running.cancel()  # the client swallows one now and then
            await asyncio.wait([self._running], timeout=CLOSE_AGAIN_S)
        self._requests.close()
        for inbox in self._inboxes:
            inbox.close()

    async def _run(self, first: "asyncio.Future[None]") -> None:
        """Have a session after another, with growing pauses while there is none."""
        pause_s, said = PAUSE_FIRST_S, ""
        taken_until = self._clock.now() + self._settings.connect_timeout_s
        while not self._closing:
            try:
                async with self._session() as over:
                    pause_s, said = PAUSE_FIRST_S, ""
                    if not first.done():
                        first.set_result(None)
                    raise await over
            except HotlineError as exc:
                if not first.done() and not (isinstance(exc, Taken) and self._clock.now() < taken_until):
                    first.set_exception(exc)
                    if isinstance(exc, Misuse) or self._settings.must_connect:
                        return
                if str(exc) != said:
                    said = str(exc)
                    log.warning("no session with the broker", error=said)
            self._tally.count("bus_sessions_lost")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, self._settings.reconnect_cap_s)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator["asyncio.Future[HotlineError]"]:
        """Connect and carry records; yields what the session ends of, when it ends."""
        over: asyncio.Future[HotlineError] = asyncio.get_running_loop().create_future()
        async with AsyncExitStack() as stack:
            outward = await stack.enter_async_context(connected(self._settings, f"{self._process} out"))
            inward = await stack.enter_async_context(connected(self._settings, f"{self._process} in"))
            session = _Session(self._settings, inward, over)
            stack.push_async_callback(session.tasks.close)
            for connection in (outward, inward):
                connection.close_callbacks.add(
                    lambda _, exc: session.end(translate(exc or OSError("closed"), self._settings))
                )
            self._changed.clear()
            inboxes = list(self._inboxes)
            queues = [*shared_queues(self._names, self._limits), *map(self._queue_of, inboxes)]
            await declare(inward, self._settings, self._names, exchanges(self._names), queues)
            try:
                async with asyncio.timeout(self._settings.connect_timeout_s):
                    facts = await outward.channel(on_return_raises=True)
                    parcels = await outward.channel(on_return_raises=True)
                    await self._claim_name(session)
                    known = await self._join(session, set(), inboxes)
            except FAILURES as exc:
                raise translate(exc, self._settings) from exc
            session.spawn(self._sender.run(parcels, session.tasks), "parcels")
            session.spawn(self._publisher.run(facts), "facts")
            session.spawn(self._join_later(session, known), "join")
            self._set_up(True)
            stack.callback(self._set_up, False)
            yield over

    def _set_up(self, up: bool) -> None:
        self._tally.level("bus_up", float(up))
        if up:
            log.info("the broker carries our records", process=self._process)
            self.is_up.set()
            for told in self.on_return if self._had_session else ():
                told()
            self._had_session = True
        else:
            self.is_up.clear()

    def _queue_of(self, inbox: RabbitInbox) -> Queue:
        return inbox_queue(self._names, self._limits, self._process, inbox.name, inbox.fact_types)

    async def _claim_name(self, session: "_Session") -> None:
        """Take the queue that makes us the one process of our name, and get signals and outcomes through it."""
        channel = await session.channel()
        mine = self._names.process(self._process)
        keys = [(self._names.signals, signal_key(kind)) for kind in SIGNALS.values()]
        queue = await exclusive_queue(channel, mine, [(self._names.direct, mine), *keys])
        await queue.consume(self._arrived, no_ack=True)

    async def _arrived(self, message: AbstractIncomingMessage) -> None:
        self._heard_at = self._clock.now()
        if message.exchange == self._names.direct:
            self._requests.answered(message)
            return
        if message.app_id == self._source:
            return
        try:
            sent = decode_signal(message.body)
        except Undecodable as exc:
            self._tally.count("bus_signals_unread")
            log.warning("a signal cannot be read", error=str(exc))
            return
        self._raise_fences(sent.signal)
        for inbox in self._inboxes:
            inbox.take_signal(sent)

    async def _join(self, session: "_Session", known: set[object], inboxes: list[RabbitInbox]) -> set[object]:
        """Begin to consume for every inbox, node and journal that is not in `known`; return all that are now."""
        for node in [n for n in self._nodes.values() if n not in known]:
            await node.claim(await session.channel(), session.tasks)
        readers: list[tuple[str, Reader, int]] = [
            (self._queue_of(inbox).name, inbox, self._settings.prefetch) for inbox in inboxes if inbox.fact_types
        ]
        if self._intake is not None:
            readers.append((self._names.journal, self._intake, self._settings.journal_prefetch))
        for name, reader, prefetch in readers:
            if reader not in known:
                consumer = Consumer(name, reader, prefetch, self._bury)
                session.spawn(consumer.run(await session.channel()), f"consume-{name}")
        return {*self._nodes.values(), *(reader for _, reader, _ in readers)}

    async def _join_later(self, session: "_Session", known: set[object]) -> None:
        while not session.is_over:
            await self._changed.wait()
            self._changed.clear()
            inboxes = list(self._inboxes)
            new = [self._queue_of(inbox) for inbox in inboxes if inbox not in known]
            await declare(session.inward, self._settings, self._names, [], new)
            known = await self._join(session, known, inboxes)

    async def _bury(self, message: AbstractIncomingMessage, queue: str, reason: Undecodable) -> bool:
        """Send a message to the dead letters with the reason; return whether the broker has it there."""
        self._tally.count("bus_dead", reason=reason.reason)
        headers = {**message.headers, "hotline-reason": f"{reason.reason}: {reason}"[:500], "hotline-queue": queue}
        copy = Message(
            message.body, headers=headers, delivery_mode=DeliveryMode.PERSISTENT, message_id=message.message_id,
            type=message.type, app_id=message.app_id, timestamp=self._wall(),
        )  # fmt: skip
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        dead, until = self._names.dead_letters, self._clock.now() + BURY_S
        if not self._sender.offer(Parcel(exchange=dead, key="dead", message=copy, until=until, sent=sent)):
            return False
        await asyncio.wait([sent])
        return sent.exception() is None


class _Session:
    """The connections of a while, and the tasks that live on them."""

    def __init__(self, settings: BusSettings, inward: AbstractConnection, over: "asyncio.Future[HotlineError]") -> None:
        self.inward = inward
        self.tasks = TaskGroup("bus-session")
        self._settings = settings
        self._over = over

    def end(self, error: HotlineError) -> None:
        """Say what the session ends of; the first reason counts."""
        if not self._over.done():
            self._over.set_result(error)

    @property
    def is_over(self) -> bool:
        """Whether its parts should end. They are cancelled then, but the client swallows a cancellation now and then."""
        return self._over.done()

    async def channel(self) -> AbstractChannel:
        """Open a channel for receiving; when the broker ends it, or one of its consumers, the session is over."""
        channel = await self.inward.channel()
        wire = await channel.get_underlay_channel()
        wire.on_consumer_cancel_callbacks.add(lambda _: self.end(Unavailable("bus: one of our queues was removed")))
        channel.close_callbacks.add(lambda _, exc: self.end(translate(exc or OSError("closed"), self._settings)))
        return channel

    def spawn(self, work: Awaitable[None], name: str) -> None:
        """Run a part of the session; it is over when one part fails."""

        async def watched() -> None:
            try:
                await work
            except (HotlineError, *FAILURES) as exc:
                self.end(translate(exc, self._settings))

        self.tasks.spawn(watched(), name=name)
