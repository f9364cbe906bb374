"""The bus between processes: RabbitMQ, through aio-pika.

Inside a process records go straight to the inboxes, so that the call path never waits for a broker; only what other processes
ask for travels. Facts wait in the spool until the broker has confirmed them (`rabbitmq_out.py`) and come out of queues that wait for
who handles them (`rabbitmq_inbox.py`, `rabbitmq_in.py`); signals and commands are given up in time (`rabbitmq_signals.py`,
`rabbitmq_commands.py`). While the broker is away, everything goes on inside the process.

What there is in the broker is told by `topology.py`; why, by docs/adr/0007-bus.md.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue

from hotline.bus.base import Performer
from hotline.bus.rabbitmq.commands import Node, Requests
from hotline.bus.rabbitmq.inbox import RabbitInbox
from hotline.bus.rabbitmq.incoming import JournalIntake
from hotline.bus.rabbitmq.link import CLOSE_S, FAILURES, Taken, exclusive_queue, quiet_client, translate
from hotline.bus.rabbitmq.ordering import Lately
from hotline.bus.rabbitmq.outgoing import FactPublisher, Outbox
from hotline.bus.rabbitmq.packing import FACTS_MAX
from hotline.bus.rabbitmq.parcels import Sender
from hotline.bus.rabbitmq.queues import Queues
from hotline.bus.rabbitmq.session import Session, opened
from hotline.bus.rabbitmq.signals import Signals
from hotline.bus.rabbitmq.topology import SIGNALS_MAX, Names
from hotline.codec import FACTS, SIGNALS
from hotline.commands import Command, Outcome
from hotline.errors import HotlineError, Misuse, Unavailable
from hotline.facts import Fact, Record, RouterActive, Signal
from hotline.ids import NodeId
from hotline.runtime.clock import Clock, wall_time
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Bus as BusSettings
from hotline.tally import Tally

PAUSE_FIRST_S = 0.2
LASTING_S = 5.0
"""After a session that lasted for so long the next one is tried at once."""
JOIN_TIMES = 3
"""Everything that a session begins with may take so many times `bus.connect_timeout_s`."""
CLOSE_AGAIN_S = 5 * CLOSE_S

log = structlog.get_logger(__name__)


class RabbitBus:
    """See the module. `process` names this process, `source` its facts; `spool` is where they wait."""

    def __init__(
        self, settings: BusSettings, *, process: str, source: str, spool: Outbox, clock: Clock, tally: Tally,
        tasks: TaskGroup, wall: Callable[[], float] = wall_time,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._process = process
        self._spool = spool
        self._clock = clock
        self._tally = tally
        self._tasks = tasks
        self._wall = wall
        self._names = names = Names(prefix=settings.prefix)
        self._inboxes: list[RabbitInbox] = []
        self._routes: dict[type[Record], list[RabbitInbox]] = {}
        self._nodes: dict[NodeId, Node] = {}
        self._lately = Lately()
        self._heard_at = 0.0
        self._sender = Sender(settings.pending_max, clock, tally, self._gap)
        self._publisher = FactPublisher(
            spool, names, self._sender, confirm_timeout_s=settings.confirm_timeout_s, live_s=settings.live_s,
            clock=clock, tally=tally,
        )  # fmt: skip
        self._signals = Signals(
            self._sender, names, self._inboxes, self._lately, process=process, source=source, clock=clock, tally=tally
        )
        self._queues = Queues(
            settings, names, self._inboxes, self._sender, process=process, source=source, clock=clock, tally=tally,
            wall=wall,
        )  # fmt: skip
        self._requests = Requests(self._sender, names, names.process(process), settings.pending_max, clock, wall)
        self._changed = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._closing = False
        self.is_up = asyncio.Event()
        """Set while a session with the broker is going on."""
        self.on_return: list[Callable[[], None]] = []
        """Called when signals travel again after some may have been lost, on the way to this process or from it.

        That is when a session begins after another one, and when the broker takes signals again after it did not take some in
        time. Facts are not lost; but whoever must know the state of others has to ask anew, and tell his own.
        """

    # --- what services use ------------------------------------------------------------------------------------------------

    def publish(self, *records: Record) -> None:
        kept = [self._keep(record) for record in records if isinstance(record, Fact)]
        numbers = iter(kept)
        for record in records:
            self._raise_fences(record)
            for inbox in self._route(type(record)):
                if not inbox.durable:
                    inbox.put(record)
            if isinstance(record, Fact):
                self._lately.told(type(record).__name__, next(numbers), self._clock.now())
            elif isinstance(record, Signal) and type(record).__name__ in SIGNALS:
                self._tell(record)

    def _keep(self, fact: Fact) -> int:
        """Put a fact into the spool and return its number; when there is no room for it, that of the one before."""
        before = self._spool.last
        self._spool.keep((fact,))
        if self._spool.last != before:
            self._publisher.note_told(self._spool.last, fact)
        return self._spool.last

    def _tell(self, signal: Signal) -> None:
        sent = self._signals.send(signal, self._publisher.confirmed)
        for inbox in self._route(type(signal)):
            if inbox.durable:  # its facts take the way through the broker
                inbox.take_signal(sent)

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

    def subscribe(self, name: str, *kinds: type[Record], limit: int = 100_000, durable: bool = False) -> RabbitInbox:
        if any(inbox.name == name for inbox in self._inboxes):
            raise Misuse(f"bus: {name!r} has an inbox already")
        inbox = RabbitInbox(
            name, kinds, (n for n, kind in FACTS.items() if issubclass(kind, kinds)), durable=durable, limit=limit,
            remembers=self._settings.prefetch * FACTS_MAX, clock=self._clock, tally=self._tally,
        )  # fmt: skip
        self._inboxes.append(inbox)
        self._routes.clear()
        self._changed.set()
        return inbox

    def journal(self) -> JournalIntake:
        """Read every fact of every process, for the journal; one process at a time gets them."""
        self._changed.set()
        return self._queues.journal()

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

    def _gap(self) -> None:
        self._tally.count("bus_gaps")
        for told in self.on_return:
            try:
                told()
            except Exception:
                log.exception("what is to be told anew could not be told")

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
        """Have a session after another, with growing pauses while none lasts."""
        pause_s, said = PAUSE_FIRST_S, ""
        taken_until = self._clock.now() + self._settings.connect_timeout_s
        while not self._closing:
            began = self._clock.now()
            error = await self._live(first)
            if not first.done() and not (isinstance(error, Taken) and self._clock.now() < taken_until):
                first.set_exception(error)
                if isinstance(error, Misuse) or self._settings.must_connect:
                    return
            if self._clock.now() - began > LASTING_S:
                pause_s, said = PAUSE_FIRST_S, ""
            if str(error) != said:
                said = str(error)
                log.warning("no session with the broker", error=said)
            self._tally.count("bus_sessions_lost")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, self._settings.reconnect_cap_s)

    async def _live(self, first: "asyncio.Future[None]") -> HotlineError:
        """Have one session, and return what it ended of."""
        try:
            async with self._session(again=first.done()) as session:
                if not first.done():
                    first.set_result(None)
                return await session.over
        except HotlineError as exc:
            return exc
        except Exception as exc:  # calls must not end because the client library has a fault
            log.exception("the client of the broker failed")
            return Unavailable(f"bus: the client failed: {exc!r}")

    @asynccontextmanager
    async def _session(self, *, again: bool) -> AsyncIterator[Session]:
        """Connect and carry records."""
        async with opened(self._settings, self._process) as session:
            try:
                async with asyncio.timeout(JOIN_TIMES * self._settings.connect_timeout_s):
                    channel = await session.channel()
                    mine = await exclusive_queue(channel, self._names.process(self._process), SIGNALS_MAX)
                    await self._join(session, mine)
                    facts, parcels = await session.sending_channel(), await session.sending_channel()
            except FAILURES as exc:
                raise translate(exc, self._settings) from exc
            session.spawn(self._sender.run(parcels, session.tasks), "the sending of parcels")
            session.spawn(self._publisher.run(facts, session.is_blocked), "the sending of facts")
            session.spawn(self._join_later(session, mine), "the opening of inboxes")
            session.spawn(self._queues.watch(session), "the watch")
            self._set_up(True)
            if again:
                self._gap()
            try:
                yield session
            finally:
                self._set_up(False)

    def _set_up(self, up: bool) -> None:
        self._tally.level("bus_up", float(up))
        if up:
            log.info("the broker carries our records", process=self._process)
            self.is_up.set()
        else:
            self._tally.level("bus_blocked", 0.0)
            self.is_up.clear()

    async def _join(self, session: Session, mine: AbstractQueue) -> None:
        """Begin to receive; `mine` makes us the one process of our name, so nothing is made before we have it."""
        self._changed.clear()
        await self._queues.declare(session)
        await mine.bind(self._names.direct, mine.name)
        await self._receive(session, mine)
        await mine.consume(self._arrived, no_ack=True)

    async def _receive(self, session: Session, mine: AbstractQueue) -> None:
        await self._signals.bind(mine)
        for node in self._nodes.values():
            if node.queue not in session.receiving:
                session.receiving.add(node.queue)
                await node.claim(await session.channel(), self._tasks)
        await self._queues.receive(session)

    async def _join_later(self, session: Session, mine: AbstractQueue) -> None:
        """Do the same for what is opened while the session goes on."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._queues.declare(session)
            await self._receive(session, mine)

    async def _arrived(self, message: AbstractIncomingMessage) -> None:
        self._heard_at = self._clock.now()
        if message.exchange == self._names.direct:
            self._requests.answered(message)
        elif (signal := self._signals.arrived(message)) is not None:
            self._raise_fences(signal)
