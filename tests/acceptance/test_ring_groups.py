"""A queue that rings several phones at once, and calls in help: real callers, real phones, and our process killed meanwhile."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from telephony.phones.callers import Caller
from telephony.phones.seats import Answer, LetRing, Seats
from telephony.phones.sipp import Exchange
from tests.support.running import CONFIG, Running
from tests.support.wait import eventually

pytestmark = pytest.mark.real

SERVICE = 'id = "service"\n'
GROUP = CONFIG.replace(SERVICE, f'{SERVICE}strategy = "ring_all"\nring_at_once = 3\nsurge_agents = ["1004"]\n').replace(
    "ring_timeout_s = 3", "ring_timeout_s = 20"
)
Sipp = tuple[tuple[str, ...], dict[str, str]]


@pytest.fixture
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    hotline = Running(tmp_path_factory.mktemp("group") / "data", GROUP)
    await hotline.start()
    yield hotline
    assert await hotline.stop() == 0, hotline.said()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as made:
        yield made


async def test_all_ring_one_answers_and_help_joins_at_one_command(
    house: Running, sipp: Sipp, stack: AsyncExitStack
) -> None:
    exchange: Exchange = house.exchange(*sipp)
    accounts = [house.account(e) for e in ("1001", "1002", "1003", "1004")]
    phones = await stack.enter_async_context(Seats(exchange, accounts, behaviour=LetRing()))

    # All who may serve ring; 1004, who only helps out, does not.
    await house.set_ready("1001", "1002", "1003", "1004")
    call = await stack.enter_async_context(Caller(exchange, number="4001", caller_number="13833330001"))
    rings = [await phones[e].next_call() for e in ("1001", "1002", "1003")]
    await eventually(lambda: _states(house, "ringing", 3), what="three ringing agents")
    assert phones["1004"].calls == []
    rings[1].answer()
    await rings[1].wait_answered()
    await house.wait_agent("1002", "talking")
    for loser in (rings[0], rings[2]):
        await loser.finished()
    await eventually(lambda: _states(house, "ready", 3), what="the others ready again")
    call.hang_up()
    row = await house.ended("13833330001")
    offers = (await house.get("offers", call=row["call_id"]))["items"]
    assert {o["agent_id"]: (o["result"], o["reason"]) for o in offers} == {
        "1001": ("rescinded", "answered_elsewhere"),
        "1002": ("answered", ""),
        "1003": ("rescinded", "answered_elsewhere"),
    }

    async def recorded() -> bool:
        (recording,) = (await house.get("recordings", call=row["call_id"]))["items"]
        return (recording["status"], recording["agent_id"]) == ("stored", "1002")

    await eventually(recorded, what="the recording of the one who answered")

    # Our process is killed while a group rings; what answers then counts, and the next process knows it.
    await eventually(lambda: _states(house, "ready", 4), what="all ready")
    second = await stack.enter_async_context(Caller(exchange, number="4001", caller_number="13833330002"))
    rings = [await phones[e].next_call() for e in ("1001", "1002", "1003")]
    await eventually(lambda: _states(house, "ringing", 3), what="three ringing agents")
    await house.kill9()
    rings[0].answer()
    await rings[0].wait_answered()
    await house.start()
    await house.wait_agent("1001", "talking")
    await eventually(lambda: _states(house, "ready", 3), what="the others ready again")
    assert second.state == "talking"
    second.hang_up()
    row = await house.ended("13833330002")
    assert (row["outcome"], row["agent_id"]) == ("answered", "1001")

    # Help joins at one command.
    for agent in ("1001", "1002", "1003"):
        await house.put(f"agents/{agent}/state", {"state": "offline"})
    phones["1004"].behaviour = Answer()
    third = await stack.enter_async_context(Caller(exchange, number="4001", caller_number="13833330003"))
    await house.wait_fact("13833330003", "CallQueued")
    assert phones["1004"].calls == []
    status, said = await house.run("queue", "surge", "service", "on")
    assert status == 0, said
    assert "1004 serve queue service" in said
    await (await phones["1004"].next_call()).wait_answered()
    (queue,) = await house.get("queues")
    assert queue["surge"] is True
    third.hang_up()
    await house.ended("13833330003")
    status, said = await house.run("board", "--once", "--json")
    assert status == 0, said
    assert '"surge": true' in said


async def _states(house: Running, state: str, number: int) -> bool:
    found = [a["id"] for a in await house.get("agents") if a["state"] == state]
    assert len(found) == number, found
    return True
