"""Processes on buses of both kinds, and the real brokers behind one of them."""

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from hotline.bus.base import Bus
from hotline.bus.memory import MemoryBus
from hotline.bus.rabbitmq.bus import RabbitBus
from hotline.runtime.clock import SteadyClock, wall_time
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Bus as BusSettings
from hotline.spool import Spool
from hotline.tally import Tally
from tests.support.rabbitmq import RabbitMQ, Version
from tests.support.rabbitmq import broker_of as broker_of

_numbers = itertools.count()


class Process:
    """One process of ours as far as a bus sees it: its spool, its tally, its tasks."""

    def __init__(
        self, name: str, work: Path, settings: BusSettings | None, wall: Callable[[], float] = wall_time
    ) -> None:
        self.name = name
        self.clock = SteadyClock()
        self.tally = Tally()
        self.tasks = TaskGroup(name)
        work.mkdir(parents=True, exist_ok=True)
        self.spool = Spool.open(
            work / "spool.db", source=f"hotline@{name}", max_facts=100_000, clock=self.clock, tally=self.tally
        )
        self._rabbit: RabbitBus | None = None
        self.bus: Bus
        if settings is None:
            self.bus = MemoryBus(self.tally, keep=self.spool.keep)
        else:
            self.bus = self._rabbit = RabbitBus(
                settings, process=name, source=f"hotline@{name}", spool=self.spool, clock=self.clock, tally=self.tally,
                tasks=self.tasks, wall=wall,
            )  # fmt: skip

    @property
    def rabbit(self) -> RabbitBus:
        """The bus of a process that has a broker."""
        assert self._rabbit is not None
        return self._rabbit

    def told(self, counter: str, **labels: str) -> float:
        """Return what the process has counted."""
        return self.tally.counts[counter, tuple(sorted(labels.items()))]

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
        self._broker = broker
        self.prefix = f"test{next(_numbers)}"
        self._work = work
        self._living: list[Process] = []
        self.near = self.process("near")
        self.far = self.process("far") if broker is not None else self.near

    @classmethod
    @asynccontextmanager
    async def made(cls, work: Path, broker: RabbitMQ | None) -> AsyncIterator["World"]:
        """Make a world, and end all of its processes."""
        world = cls(work, broker)
        try:
            yield world
        finally:
            await world.close()

    async def close(self) -> None:
        """End all processes."""
        for process in self._living:
            await process.end()

    @property
    def broker(self) -> RabbitMQ:
        """The broker of a world that has one."""
        assert self._broker is not None
        return self._broker

    def settings(self, **more: object) -> BusSettings:
        """Return settings for the broker of this world."""
        given: dict[str, object] = {
            "kind": "rabbitmq", "url": SecretStr(self.broker.url()), "prefix": self.prefix, "reconnect_cap_s": 0.3,
            "connect_timeout_s": 15.0, "live_s": 3600,
        }  # fmt: skip
        return BusSettings(**{**given, **more})  # type: ignore[arg-type]

    def process(self, name: str, *, wall: Callable[[], float] = wall_time, **more: object) -> Process:
        """Return a new process, or the one of this name again after its end; with `more` settings than usual."""
        settings = self.settings(**more) if self._broker is not None else None
        process = Process(name, self._work / name, settings, wall)
        self._living.append(process)
        return process

    async def start(self) -> None:
        """Start both buses; inboxes and nodes should be there already."""
        await self.far.bus.start()
        if self.near is not self.far:
            await self.near.bus.start()


@pytest.fixture(params=["memory", "rabbitmq"])
def contract_broker(request: pytest.FixtureRequest, broker_of: Callable[[Version], RabbitMQ]) -> RabbitMQ | None:
    return broker_of("4") if request.param == "rabbitmq" else None


@pytest.fixture
async def world(contract_broker: RabbitMQ | None, tmp_path: Path) -> AsyncIterator[World]:
    """Return a world on each kind of bus."""
    async with World.made(tmp_path, contract_broker) as made:
        yield made


@pytest.fixture
def broker(broker_of: Callable[[Version], RabbitMQ]) -> RabbitMQ:
    """Return a broker of the usual version."""
    return broker_of("4")


@pytest.fixture
async def brokered(broker: RabbitMQ, tmp_path: Path) -> AsyncIterator[World]:
    """Return a world on a broker of the usual version."""
    async with World.made(tmp_path, broker) as made:
        yield made


@pytest.fixture(params=["4", "3.10"])
def either_broker(request: pytest.FixtureRequest, broker_of: Callable[[Version], RabbitMQ]) -> RabbitMQ:
    return broker_of(request.param)


@pytest.fixture
async def either(either_broker: RabbitMQ, tmp_path: Path) -> AsyncIterator[World]:
    """Return a world on a broker, both versions in turn: for what the broker does, and not we."""
    async with World.made(tmp_path, either_broker) as made:
        yield made
