"""A hotline with real parts for acceptance tests, and the check that nothing is left behind after each."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from telephony.phones.program import find_sipp
from telephony.phones.seats import Behaviour, Seats
from telephony.phones.sipp import Exchange
from tests.support.manager import channels
from tests.support.rabbitmq import RabbitMQ
from tests.support.running import Running
from tests.support.wait import eventually


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """A loop that lives as long as the hotline does."""
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="session")
def broker(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """A broker for all tests that leave it running; every layout has names of its own in it."""
    made = RabbitMQ(tmp_path_factory.mktemp("broker"))
    runner.run(made.start())
    yield made
    runner.run(made.close())


@pytest.fixture(scope="session")
def shared(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One hotline for all tests that leave it as they found it."""
    hotline = Running(tmp_path_factory.mktemp("hotline") / "data")
    runner.run(hotline.start())
    yield hotline
    assert runner.run(hotline.stop()) == 0, hotline.said()


@pytest.fixture
async def hotline(shared: Running) -> AsyncIterator[Running]:
    """The shared hotline; afterwards no channel, call, offer, task or file handle of the test may be left."""
    for agent in await shared.get("agents"):
        if agent["state"] != "offline":
            await shared.put(f"agents/{agent['id']}/state", {"state": "offline"})
    before = await _idle(shared)
    yield shared
    for agent in await shared.get("agents"):
        if agent["state"] != "offline":
            await shared.put(f"agents/{agent['id']}/state", {"state": "offline"})
    await nothing_left(shared)

    async def as_before() -> bool:
        tasks, handles = await _idle(shared)
        assert tasks <= before[0], (tasks, before)
        # Connections of the pool to PostgreSQL come and go; nothing else may.
        assert handles <= before[1] + 5, (handles, before)
        return True

    await eventually(as_before, what="tasks and file handles as before")


async def nothing_left(hotline: Running) -> None:
    """Wait until Asterisk has no channel, and the database no live call and no open offer."""

    async def empty() -> bool:
        left = await channels(hotline)
        assert not left, left
        live = (await hotline.get("calls", live="true"))["items"]
        assert not live, live
        ringing = (await hotline.get("offers", result="ringing"))["items"]
        assert not ringing, ringing
        assert not await hotline.get("queues/service/waiting")
        return True

    await eventually(empty, what="nothing left over")


async def _idle(hotline: Running) -> tuple[float, int]:
    tasks = (await hotline.metrics())["hotline_tasks"]
    handles = len(list(Path(f"/proc/{hotline.runtime['pid']}/fd").iterdir()))
    return tasks, handles


@pytest.fixture(scope="session")
def sipp() -> tuple[tuple[str, ...], dict[str, str]]:
    """The command that runs SIPp, and its environment."""
    command, environment = find_sipp(print)
    return command, dict(environment)


@pytest.fixture
def exchange(hotline: Running, sipp: tuple[tuple[str, ...], dict[str, str]]) -> Exchange:
    """What phones connect to."""
    return hotline.exchange(*sipp)


MakeSeats = Callable[..., Seats]


@pytest.fixture
def seats(hotline: Running, exchange: Exchange) -> MakeSeats:
    """Make registered seats: `async with seats("1001", "1002") as phones`."""

    def make(*extensions: str, behaviour: Behaviour | None = None) -> Seats:
        return Seats(exchange, [hotline.account(e) for e in extensions], behaviour=behaviour)

    return make
