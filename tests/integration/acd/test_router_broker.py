"""Two routers and a node that reach each other through a real RabbitMQ only: silence means something while the broker works."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from acd.core.requests import AgentRequest
from acd.service import AcdService
from hotline.ids import AgentId
from hotline.runtime.service import serve
from hotline.settings import Seats, Settings
from hotline.settings.queues import Queue
from hotline.store.migrate import migrate
from hotline.store.office import Office
from hotline.store.pool import Store
from tests.integration.bus.conftest import Process, World
from tests.support.rabbitmq import RabbitMQ
from tests.support.routers import Node
from tests.support.wait import eventually

TAKEOVER_S = 8.0
"""Three seconds on a machine of one's own; the rest is for one that is busy."""
SETTINGS = Settings(seats=Seats(first=1001, count=2), queues=(Queue(id="q"),))
_numbers = itertools.count()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    running = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"), "4")
    asyncio.run(running.start())
    yield running
    asyncio.run(running.close())


class Router:
    """A process with a router."""

    def __init__(self, process: Process, dsn: str) -> None:
        self.process = process
        self.office = Office(dsn, holder=process.name)
        self.acd = AcdService(
            SETTINGS, process.bus, process.clock, process.tally, process.tasks, process.spool, office=self.office,
            process=process.name,
        )  # fmt: skip
        inbox = process.bus.subscribe(self.acd.name, *self.acd.kinds)
        self.acd.attach(inbox)
        routers = process.bus.subscribe(self.acd.standby.name, *self.acd.standby.kinds)
        self.acd.standby.attach(routers)
        for service, its_inbox in ((self.acd, inbox), (self.acd.standby, routers)):
            process.tasks.spawn(serve(service, its_inbox, process.clock, process.tally), name=service.name)

    def is_in(self, state: str) -> bool:
        return self.acd.standby.view().state == state

    def ask(self, agent: str) -> None:
        self.acd.ask(AgentRequest(at=self.process.clock.now(), agent_id=AgentId(agent), ask="ready"))


class House:
    """Router A is active, B stands by and has everything, and a node has been surveyed."""

    def __init__(self, broker: RabbitMQ, work: Path, dsn: str) -> None:
        self.broker = broker
        self.world = World(work, broker)
        self.dsn = dsn

    async def start(self) -> None:
        at_node = self.world.near
        self.node = Node("node1", at_node.bus, at_node.clock)
        at_node.tasks.spawn(self._hear(), name="node")
        await self.world.start()
        self.a = await self._router("A")
        await eventually(lambda: self.a.acd.standby.view().surveyed == ("node1",), what="A is active")
        self.b = await self._router("B")
        await eventually(lambda: self.b.acd.standby.view().in_sync, what="B has everything")

    async def _router(self, name: str) -> Router:
        process = self.world.process(name)
        router = Router(process, self.dsn)
        await process.bus.start()
        return router

    async def _hear(self) -> None:
        while True:
            await self.node.hear()
            await asyncio.sleep(0.01)


@pytest.fixture
async def house(broker: RabbitMQ, tmp_path: Path, dsn: str) -> AsyncIterator[House]:
    store = await Store.open(dsn, size=1)
    await migrate(store)
    await store.close()
    made = House(broker, tmp_path, dsn)
    await made.start()
    yield made
    await made.world.close()
    for router in (made.a, made.b):  # at the end: a router that lives takes another connection
        router.office.let_go()


async def test_a_dead_router_is_replaced_in_time(house: House) -> None:
    a, b, node = house.a, house.b, house.node
    a.ask("1001")
    node.arrives("V")
    await eventually(lambda: node.rings() == [("V", "1001")], every_s=0.01)
    a.ask("1002")
    await eventually(lambda: b.process.spool.recall("acd/") == a.process.spool.recall("acd/"), what="B has it too")
    await a.process.die()
    a.office.let_go()
    died_at = house.world.near.clock.now()
    node.arrives("W")
    await eventually(lambda: len(node.rings()) > 1, every_s=0.005)
    assert house.world.near.clock.now() - died_at < TAKEOVER_S
    assert node.rings()[1:] == [("W", "1002")]
    assert b.is_in("active")


async def test_a_broker_that_stops_for_a_while_is_no_reason_to_take_over(house: House) -> None:
    a, b = house.a, house.b
    for pause_s in (0.9, 3.0):
        house.broker.freeze()
        await asyncio.sleep(pause_s)
        house.broker.thaw()
        await asyncio.sleep(1.0)
    heard = b.process.bus.heard_at()
    await eventually(lambda: (b.process.bus.heard_at() or 0.0) > (heard or 0.0), what="the broker carries again")
    await asyncio.sleep(1.0)
    assert (a.is_in("active"), b.is_in("standing_by"), a.acd.standby.epoch) == (True, True, 1)
