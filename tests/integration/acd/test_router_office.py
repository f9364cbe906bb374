"""Two routers and a real PostgreSQL: who routes while either of them, or the database, is killed, frozen and comes back.

Both live in this process, with loops of their own on a bus that they share; a node with a real fence carries out their commands.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acd.core.agents.states import Ask
from acd.core.requests import AgentRequest
from acd.office.standby import RouterView
from acd.service import AcdService
from hotline.bus.memory import MemoryBus
from hotline.errors import HotlineError
from hotline.facts import Record, RouterTermEnded
from hotline.ids import AgentId
from hotline.runtime.clock import SteadyClock
from hotline.runtime.service import Service, serve
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Seats, Settings
from hotline.settings.queues import Queue
from hotline.store.migrate import migrate
from hotline.store.office import Office
from hotline.store.pool import Store
from hotline.store.private import PrivatePostgres
from hotline.tally import Tally
from tests.support.postgres import Freezer
from tests.support.routers import Node, Notebook, Port
from tests.support.wait import eventually

TAKEOVER_S = 8.0
"""Three seconds on a machine of one's own; the rest is for one that is busy."""
SETTINGS = Settings(seats=Seats(first=1001, count=4), queues=(Queue(id="q", wrap_up_s=60, rest_after_no_answer_s=0.5),))


class Freezable:
    """A service whose process can be frozen: nothing is done meanwhile, and time goes on."""

    def __init__(self, service: Service, clock: SteadyClock) -> None:
        self.name = service.name  # type: ignore[misc]
        self._service = service
        self._clock = clock
        self.runs = asyncio.Event()
        self.runs.set()

    async def handle(self, record: Record, now: float) -> None:
        if not self.runs.is_set():
            await self.runs.wait()
            now = self._clock.now()
        await self._service.handle(record, now)

    def next_deadline(self) -> float | None:
        return self._service.next_deadline()

    async def wake(self, now: float) -> None:
        if not self.runs.is_set():
            await self.runs.wait()
            now = self._clock.now()
        await self._service.wake(now)


class Process:
    """A process with a router, as far as this test goes."""

    def __init__(self, name: str, bus: MemoryBus, clock: SteadyClock, dsn: str) -> None:
        self.clock, self.tally, self.tasks, self.memory = clock, Tally(), TaskGroup(name), Notebook()
        self.port = Port(bus, clock)
        self.office = Office(dsn, holder=name)
        self.acd = AcdService(
            SETTINGS, self.port, clock, self.tally, self.tasks, self.memory, office=self.office, process=name
        )
        inbox = self.port.subscribe(self.acd.name, *self.acd.kinds)
        self.acd.attach(inbox)
        routers = self.port.subscribe(self.acd.standby.name, *self.acd.standby.kinds)
        self.acd.standby.attach(routers)
        self._loops = [Freezable(self.acd, clock), Freezable(self.acd.standby, clock)]
        self._inboxes = (inbox, routers)
        for loop, its_inbox in zip(self._loops, self._inboxes, strict=True):
            self.tasks.spawn(serve(loop, its_inbox, clock, self.tally), name=loop.name)

    @property
    def view(self) -> RouterView:
        return self.acd.standby.view()

    def is_active(self) -> bool:
        return self.view.state == "active"

    def ask(self, agent: str, ask: Ask) -> None:
        self.acd.ask(AgentRequest(at=self.clock.now(), agent_id=AgentId(agent), ask=ask))

    def states(self) -> dict[str, str]:
        return {a.id: a.state for a in self.acd.router.floor.agents}

    def freeze(self) -> None:
        for loop in self._loops:
            loop.runs.clear()

    def thaw(self) -> None:
        for loop in self._loops:
            loop.runs.set()

    async def kill(self) -> None:
        """As SIGKILL: nothing is said any more, and the kernel closes the connections."""
        for inbox in self._inboxes:
            inbox.close()
        await self.tasks.close()
        self.office.let_go()


class House:
    """Two routers, A active and B standing by in sync, and a node."""

    def __init__(self, server: PrivatePostgres, dsn: str) -> None:
        self.server, self.dsn = server, dsn
        self.clock = SteadyClock()
        self.bus = MemoryBus(Tally())
        self.node = Node("node1", self.bus, self.clock)
        self.tasks = TaskGroup("node")
        self.tasks.spawn(self._hear(), name="node")

    async def _hear(self) -> None:
        while True:
            await self.node.hear()
            await asyncio.sleep(0.01)

    async def start(self) -> None:
        self.a = Process("A", self.bus, self.clock, self.dsn)
        await eventually(self.a.is_active, every_s=0.01, what="A active")
        self.b = Process("B", self.bus, self.clock, self.dsn)
        await eventually(lambda: self.b.view.in_sync and self.b.view.state == "standing_by", what="B in sync")

    async def served(self, within_s: float = 20.0) -> None:
        """Wait until the callers who can be are with agents."""
        await eventually(lambda: self.node.rings(), within_s=within_s, every_s=0.01)

    async def kill_database(self) -> None:
        os.kill(self.server.pid, signal.SIGKILL)
        await self.server.wait_dead()
        await self.server.stop()

    async def terms(self) -> list[str]:
        store = await Store.open(self.dsn, size=1)
        rows = await store.fetch("SELECT holder FROM office_term WHERE office = 'router' ORDER BY epoch")
        await store.close()
        return [row["holder"] for row in rows]

    async def close(self) -> None:
        for process in (self.a, self.b):
            process.thaw()
            await process.kill()
        await self.tasks.close()


async def built(server: PrivatePostgres, dsn: str) -> AsyncIterator[House]:
    store = await Store.open(dsn, size=1)
    await migrate(store)
    await store.close()
    house = House(server, dsn)
    await house.start()
    yield house
    await house.close()


@pytest.fixture
async def house(postgres: PrivatePostgres, dsn: str) -> AsyncIterator[House]:
    async for house in built(postgres, dsn):
        yield house


@pytest.fixture
async def mortal(tmp_path: Path) -> AsyncIterator[House]:
    """Return a house whose database may be killed."""
    server = await PrivatePostgres.start(tmp_path, fsync=False)
    async for house in built(server, server.dsn):
        yield house
        await house.server.stop()


async def test_a_killed_router_is_replaced_in_time_and_callers_keep_their_order(house: House) -> None:
    a, b, node = house.a, house.b, house.node
    a.ask("1001", "ready")
    a.ask("1002", "log_in")
    for call in ("V", "W", "X"):
        node.arrives(call)
        await asyncio.sleep(0.02)
    await eventually(lambda: node.rings() == [("V", "1001")], every_s=0.01)
    node.answers("V")
    await eventually(lambda: a.states()["1001"] == "talking", every_s=0.01)
    a.ask("1003", "ready")
    await eventually(lambda: node.rings()[1:] == [("W", "1003")], every_s=0.01)
    await a.kill()
    killed_at = house.clock.now()
    await asyncio.sleep(0.1)
    node.rings_out("W")  # nobody hears it
    await eventually(lambda: len(node.rings()) > 2, every_s=0.005)
    took_s = house.clock.now() - killed_at
    assert took_s < TAKEOVER_S
    assert node.rings()[2:] == [("W", "1003")]  # first come, first served, by the agent who was set free
    assert b.states() == {"1001": "talking", "1002": "break", "1003": "reserved", "1004": "offline"}
    assert [c.call_id for c in b.acd.router.floor.line] == ["W", "X"]
    assert await house.terms() == ["A", "B"]


async def test_a_frozen_router_is_replaced_in_time_and_is_not_obeyed_any_more(house: House) -> None:
    a, b, node = house.a, house.b, house.node
    a.ask("1001", "ready")
    a.freeze()
    frozen_at = house.clock.now()
    node.arrives("X")
    await eventually(lambda: node.rings(), every_s=0.005)
    took_s = house.clock.now() - frozen_at
    assert took_s < TAKEOVER_S
    assert b.is_active()
    a.port.out.clear()
    a.thaw()
    await eventually(lambda: a.view.state == "standing_by", every_s=0.005)
    assert a.port.commands == []
    assert [type(fact) for fact in a.port.facts] == [RouterTermEnded]
    await eventually(lambda: a.view.in_sync, what="A in sync")
    assert node.rings() == [("X", "1001")]
    assert await house.terms() == ["A", "B"]


async def test_a_frozen_database_changes_nothing(house: House) -> None:
    a, b, node = house.a, house.b, house.node
    a.ask("1001", "ready")
    freezer = Freezer(house.server.pid)
    freezer.freeze()
    try:
        await asyncio.sleep(2.5)
        node.arrives("X")
        await house.served(within_s=5.0)
        assert (a.view.state, b.view.state) == ("active", "standing_by")
    finally:
        freezer.thaw()
    await asyncio.sleep(1.7)
    assert (a.view.state, b.view.state, a.view.epoch) == ("active", "standing_by", 1)
    await eventually(lambda: _is_held(house), what="A has the lock")
    assert await house.terms() == ["A"]


async def _is_held(house: House) -> bool:
    probe = Office(house.dsn, holder="probe")
    try:
        seen = await probe.look()
    except HotlineError:
        return False
    finally:
        probe.let_go()
    return seen.session != 0 and seen.holder == "A"


async def test_the_active_router_keeps_its_office_when_the_database_is_killed_and_comes_back(
    mortal: House, tmp_path: Path
) -> None:
    house, a, b, node = mortal, mortal.a, mortal.b, mortal.node
    a.ask("1001", "ready")
    await house.kill_database()
    await asyncio.sleep(1.0)
    node.arrives("X")
    await house.served(within_s=5.0)
    house.server = await PrivatePostgres.start(tmp_path, fsync=False)
    await eventually(lambda: _is_held(house), what="A has the lock")
    await asyncio.sleep(1.7)
    assert (a.view.state, b.view.state, a.view.epoch) == ("active", "standing_by", 1)
    assert await house.terms() == ["A"]


async def test_when_both_the_database_and_the_router_are_away_the_next_one_begins_as_soon_as_it_can(
    mortal: House, tmp_path: Path
) -> None:
    house, b = mortal, mortal.b
    await house.kill_database()
    await house.a.kill()
    await asyncio.sleep(2.5)
    assert b.view.state == "standing_by"
    house.server = await PrivatePostgres.start(tmp_path, fsync=False)
    began = house.clock.now()
    await eventually(b.is_active, every_s=0.01)
    assert house.clock.now() - began < TAKEOVER_S
    assert b.view.epoch == 2


async def test_a_router_that_is_stopped_hands_over_at_once(house: House) -> None:
    house.a.acd.close()
    began = house.clock.now()
    await eventually(house.b.is_active, every_s=0.005)
    assert house.clock.now() - began < 5.0
