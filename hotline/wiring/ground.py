"""What every process stands on: clock, tally, tasks, spool and bus; and how a service comes to life on it."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import msgspec
import structlog

from hotline import __version__
from hotline.bus.base import Bus, Inbox
from hotline.bus.memory import MemoryBus
from hotline.bus.rabbitmq.bus import RabbitBus
from hotline.facts import ServiceStarted
from hotline.runtime.clock import SteadyClock
from hotline.runtime.service import Service, serve
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Settings
from hotline.spool import Spool
from hotline.spool_file import SPOOL_FILE
from hotline.tally import Tally
from hotline.wiring.rooms import Rooms

DRAIN_S = 5.0
DRAIN_POLL_S = 0.02
BROKER_KNOWN = "bus/known"
"""Remembered once the broker has let us in: from then on a start does not fail because it is away."""

log = structlog.get_logger(__name__)
Tell = Callable[[str], None]


class Ground:
    """See the module. Things that were opened are closed by `stack`, the last one first."""

    def __init__(self, settings: Settings, rooms: Rooms, tell: Tell) -> None:
        self.settings = settings
        self.rooms = rooms
        self.tell = tell
        self.process = rooms.process(settings)
        self.stack = AsyncExitStack()
        self.tasks = TaskGroup("hotline")
        self.clock = SteadyClock()
        self.tally = Tally()
        self.tally.probe(lambda: self.tally.level("tasks", len(asyncio.all_tasks())))
        self.spool: Spool
        self.bus: Bus
        self.broker: RabbitBus | None = None
        """The bus, when it goes through a broker."""
        self._inboxes: list[Inbox] = []
        self._loops: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Open the spool and make the bus; nothing is connected yet."""
        self.spool = Spool.open(
            self.settings.data_dir / SPOOL_FILE,
            source=f"hotline@{self.process}",
            max_facts=self.settings.spool.max_facts,
            clock=self.clock,
            tally=self.tally,
        )
        self.stack.callback(self.spool.close)
        if self.settings.bus.kind == "rabbitmq":
            self.bus = self.broker = self._rabbit()
        else:
            self.bus = MemoryBus(self.tally, keep=self.spool.keep)

    def _rabbit(self) -> RabbitBus:
        bus = self.settings.bus
        if self.spool.recall(BROKER_KNOWN):
            bus = bus.model_copy(update={"must_connect": False})
        return RabbitBus(
            bus, process=self.process, source=f"hotline@{self.process}", spool=self.spool, clock=self.clock,
            tally=self.tally, tasks=self.tasks,
        )  # fmt: skip

    async def connect(self) -> None:
        """Start the bus. Raises what `Bus.start` raises; a broker that is away is waited for, but not at the first start."""
        await self.bus.start()
        self.stack.push_async_callback(self.bus.close)
        if self.broker is not None and self.broker.is_up.is_set():
            self.spool.remember(BROKER_KNOWN, msgspec.json.encode(self.settings.bus.prefix))

    def run(self, service: Service, inbox: Inbox, *, gather_s: float = 0.0) -> None:
        """Start the loop of a service on its inbox, and tell that it began. `gather_s`: see `serve`."""
        self._inboxes.append(inbox)
        loop = serve(service, inbox, self.clock, self.tally, gather_s=gather_s)
        self._loops.append(self.tasks.spawn(loop, name=service.name))
        self.bus.publish(ServiceStarted(at=self.clock.now(), service=service.name, build=__version__))

    async def finish_services(self) -> None:
        """Let every service handle what it has."""
        for inbox in self._inboxes:
            inbox.close()
        if self._loops:
            await asyncio.wait(self._loops, timeout=DRAIN_S)

    async def drain(self) -> None:
        """Let the broker take what waits in the spool; what it cannot take in time stays there for the next start."""
        deadline = self.clock.now() + DRAIN_S
        while self.broker is not None and self.broker.is_up.is_set() and self.spool.count:
            if self.clock.now() >= deadline:
                log.warning("facts stay in the spool until the next start", facts=self.spool.count)
                return
            await asyncio.sleep(DRAIN_POLL_S)
