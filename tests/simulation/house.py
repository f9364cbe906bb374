"""Processes that route, as they run in production: service loops on a bus, an office in a database that can freeze, a memory each."""

import asyncio
from collections.abc import Awaitable

from acd.core.requests import Asked
from acd.office.term import EndSession, Hold, Look, Question, Take
from acd.service import AcdService
from hotline.bus.memory import MemoryBus
from hotline.commands import Command, Outcome
from hotline.errors import HotlineError, Unavailable
from hotline.facts import Record
from hotline.runtime.service import Service, serve
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Settings
from hotline.store.standing import Standing
from hotline.tally import Tally
from tests.properties.office_world import Database
from tests.simulation.virtual import LoopClock
from tests.support.routers import Notebook, Port

OFFICE_LIMIT_S = 1.0
TICK_S = 1e-6


class LatePort(Port):
    """A process's way to the bus on which commands take their time; they arrive also when their sender is dead by then."""

    def __init__(self, bus: MemoryBus, clock: LoopClock) -> None:
        super().__init__(bus, clock)
        self.command_s = 0.0
        self._last = 0.0
        self._under_way: set[asyncio.Future[Outcome]] = set()

    def request(self, command: Command, *, epoch: int = 0, within_s: float | None = None) -> Awaitable[Outcome]:
        if self.command_s == 0:
            return super().request(command, epoch=epoch, within_s=within_s)
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def carried(task: "asyncio.Future[Outcome]") -> None:
            self._under_way.discard(task)
            if not answer.done() and not task.cancelled():
                answer.set_result(task.result())

        def arrives() -> None:
            task = asyncio.ensure_future(request(command, epoch=epoch, within_s=within_s))
            self._under_way.add(task)
            task.add_done_callback(carried)

        request = super().request
        loop = asyncio.get_running_loop()
        self._last = max(self._last + TICK_S, loop.time() + self.command_s)
        loop.call_at(self._last, arrives)
        return answer


class Desk:
    """One process's way to the office of the model database."""

    def __init__(self, database: Database, router: str) -> None:
        self._database = database
        self._router = router
        self._session = 0

    async def _ask(self, question: Question) -> Standing:
        await asyncio.sleep(0.002)
        waited = 0.0
        while self._database.state == "frozen" and waited < OFFICE_LIMIT_S:
            await asyncio.sleep(0.1)
            waited += 0.1
        if self._database.state != "up":
            self.let_go()
            raise Unavailable("the database does not answer")
        if self._session not in self._database.living:
            self._session = self._database.connect()
        return self._database.answer(question, self._session, self._router)

    async def look(self) -> Standing:
        return await self._ask(Look(asked_at=0.0))

    async def take(self, above: int = 0) -> Standing:
        return await self._ask(Take(asked_at=0.0, above=above))

    async def hold(self, epoch: int) -> Standing:
        return await self._ask(Hold(asked_at=0.0, epoch=epoch))

    async def end_session(self, server_process: int) -> Standing:
        return await self._ask(EndSession(asked_at=0.0, session=server_process))

    def let_go(self) -> None:
        self._database.cut(self._session)
        self._session = 0


class Freezable:
    """A service that stops between two steps while its process is frozen, and goes on as if nothing had been."""

    def __init__(self, service: Service, gate: asyncio.Event, clock: LoopClock) -> None:
        self.name = service.name  # type: ignore[misc]
        self._service, self._gate, self._clock = service, gate, clock

    async def handle(self, record: Record, now: float) -> None:
        await self._gate.wait()
        await self._service.handle(record, self._clock.now())

    def next_deadline(self) -> float | None:
        return self._service.next_deadline()

    async def wake(self, now: float) -> None:
        await self._gate.wait()
        await self._service.wake(self._clock.now())


class Process:
    """A process that routes or stands by."""

    def __init__(self, name: str, settings: Settings, bus: MemoryBus, database: Database, memory: Notebook) -> None:
        self.name, self.memory = name, memory
        self.clock = LoopClock(asyncio.get_running_loop())
        self.tally, self.tasks = Tally(), TaskGroup(name)
        self.port = LatePort(bus, self.clock)
        self.desk = Desk(database, name)
        self.acd = AcdService(
            settings, self.port, self.clock, self.tally, self.tasks, memory, office=self.desk, process=name
        )
        self.gate = asyncio.Event()
        self.gate.set()
        self.inboxes = [self.port.subscribe("acd", *self.acd.kinds)]
        self.acd.attach(self.inboxes[0])
        self.inboxes.append(self.port.subscribe("acd-standby", *self.acd.standby.kinds))
        self.acd.standby.attach(self.inboxes[1])
        for service, inbox in zip((self.acd, self.acd.standby), self.inboxes, strict=True):
            runs = Freezable(service, self.gate, self.clock)
            self.tasks.spawn(serve(runs, inbox, self.clock, self.tally), name=service.name)

    @property
    def frozen(self) -> bool:
        return not self.gate.is_set()

    @property
    def is_active(self) -> bool:
        return self.acd.standby.view().state == "active"

    @property
    def in_sync(self) -> bool:
        return self.acd.standby.view().in_sync

    def order(self, request: Asked) -> str:
        """Ask something of the router; return what came of it."""
        try:
            self.acd.ask(request)
        except HotlineError as exc:
            return str(exc) or type(exc).__name__
        return "done"

    async def kill(self) -> None:
        """Without a word; its database session ends with it."""
        for inbox in self.inboxes:
            inbox.close()
        await self.tasks.close()
        self.desk.let_go()
