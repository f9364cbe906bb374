"""Buses of both kinds for the contract, and the real brokers behind one of them."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from hotline.bus.base import Bus
from hotline.bus.memory import MemoryBus
from hotline.bus.rabbitmq import RabbitBus
from hotline.runtime.clock import SteadyClock
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Bus as BusSettings
from hotline.spool import Spool
from hotline.tally import Tally
from tests.support.rabbitmq import RabbitMQ, Version

_numbers = itertools.count()


class Process:
    """One process of ours as far as a bus sees it: its spool, its tally, its tasks."""

    def __init__(self, name: str, work: Path, settings: BusSettings | None) -> None:
        self.name = name
        self.clock = SteadyClock()
        self.tally = Tally()
        self.tasks = TaskGroup(name)
        work.mkdir(parents=True, exist_ok=True)
        self.spool = Spool.open(
            work / "spool.db", source=f"hotline@{name}", max_facts=100_000, clock=self.clock, tally=self.tally
        )
        self.rabbit: RabbitBus | None = None
        self.bus: Bus
        if settings is None:
            self.bus = MemoryBus(self.tally, keep=self.spool.keep)
        else:
            self.rabbit = RabbitBus(
                settings, process=name, source=f"hotline@{name}", spool=self.spool, clock=self.clock, tally=self.tally,
                tasks=self.tasks,
            )  # fmt: skip
            self.bus = self.rabbit

    async def end(self) -> None:
        """Stop as a process does that is told to."""
        await self.bus.close()
        await self.tasks.close()
        self.spool.close()

    async def die(self) -> None:
        """Stop without a word, as far as the bus can tell: nothing is acknowledged or sent any more."""
        await self.tasks.close()
        self.spool.close()


class World:
    """`near` publishes and asks, `far` listens and serves; on the memory bus both are one."""

    def __init__(self, work: Path, broker: RabbitMQ | None) -> None:
        self.broker = broker
        self.prefix = f"test{next(_numbers)}"
        self._work = work
        self._stack = AsyncExitStack()
        self._living: list[Process] = []
        self.near = self.process("near")
        self.far = self.process("far") if broker is not None else self.near

    def settings(self, **more: object) -> BusSettings:
        """Return settings for the broker of this world."""
        assert self.broker is not None
        given: dict[str, object] = {
            "kind": "rabbitmq", "url": SecretStr(self.broker.url()), "prefix": self.prefix, "reconnect_cap_s": 0.5,
            "confirm_timeout_s": 5.0, "heartbeat_s": 2, "connect_timeout_s": 15.0,
        }  # fmt: skip
        return BusSettings(**{**given, **more})  # type: ignore[arg-type]

    def process(self, name: str, **more: object) -> Process:
        """Return a new process, or the one of this name again after its end."""
        settings = self.settings(**more) if self.broker is not None else None
        process = Process(name, self._work / name, settings)
        self._living.append(process)
        return process

    async def start(self) -> None:
        """Start both buses; inboxes and nodes should be there already."""
        await self.far.bus.start()
        if self.near is not self.far:
            await self.near.bus.start()

    async def close(self) -> None:
        for process in self._living:
            await process.end()


@pytest.fixture(scope="session")
def broker_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Version], RabbitMQ]]:
    """Start each version of RabbitMQ once, when it is asked for."""
    running: dict[Version, RabbitMQ] = {}

    def get(version: Version) -> RabbitMQ:
        if version not in running:
            running[version] = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"), version)
            asyncio.run(running[version].start())
        return running[version]

    yield get
    for broker in running.values():
        asyncio.run(broker.close())


@pytest.fixture(params=["memory", "rabbitmq-4", "rabbitmq-3.10"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def contract_broker(kind: str, broker_of: Callable[[Version], RabbitMQ]) -> RabbitMQ | None:
    match kind:
        case "rabbitmq-4":
            return broker_of("4")
        case "rabbitmq-3.10":
            return broker_of("3.10")
        case _:
            return None


@pytest.fixture
async def world(contract_broker: RabbitMQ | None, tmp_path: Path) -> AsyncIterator[World]:
    """Return a world on each kind of bus."""
    made = World(tmp_path, contract_broker)
    yield made
    await made.close()


@pytest.fixture(params=["4", "3.10"])
def broker(request: pytest.FixtureRequest, broker_of: Callable[[Version], RabbitMQ]) -> RabbitMQ:
    return broker_of(request.param)


@pytest.fixture
async def brokered(broker: RabbitMQ, tmp_path: Path) -> AsyncIterator[World]:
    """Return a world on a broker, both versions in turn."""
    made = World(tmp_path, broker)
    yield made
    await made.close()
