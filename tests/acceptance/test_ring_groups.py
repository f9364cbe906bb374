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
    accounts = [house.account(e) for e in ("1001", "1002", "1003", "1004", "1005")]
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

    # Two phones answer at the same moment: one gets the caller, the other one is free again.
    phones["1001"].behaviour = phones["1003"].behaviour = Answer(after_s=0.3)
    for turn in range(3):
        await eventually(lambda: _states(house, "ready", 4), what="all ready")
        number = f"1383333001{turn}"
        call = await stack.enter_async_context(Caller(exchange, number="4001", caller_number=number))
        for extension in ("1001", "1002", "1003"):
            await phones[extension].next_call()
        await eventually(lambda: _states(house, "talking", 1), what="one who talks")
        await eventually(lambda: _states(house, "ready", 3), what="the others ready again")
        await eventually(lambda: phones.talking == 1, what="one phone that talks")
        assert call.state == "talking"
        call.hang_up()
        row = await house.ended(number)
        offers = (await house.get("offers", call=row["call_id"]))["items"]
        assert sorted((o["result"], o["reason"]) for o in offers) == [
            ("answered", ""), ("rescinded", "answered_elsewhere"), ("rescinded", "answered_elsewhere"),
        ]  # fmt: skip
        assert [o["agent_id"] for o in offers if o["result"] == "answered"] == [row["agent_id"]]

    # Our process is killed while a group rings and a supervisor listens; what happens then counts, and the next process knows it.
    phones["1001"].behaviour = phones["1003"].behaviour = LetRing()
    phones["1005"].behaviour = Answer()
    await eventually(lambda: _states(house, "ready", 4), what="all ready")
    heard = await stack.enter_async_context(Caller(exchange, number="4001", caller_number="13833330004"))
    rings = [await phones[e].next_call() for e in ("1001", "1002", "1003")]
    rings[1].answer()
    await house.wait_agent("1002", "talking")
    await house.post("agents/1002/supervision", {"mode": "listen", "seat": "1005"})
    supervisor = await phones["1005"].next_call()
    await house.wait_fact("13833330004", "SupervisionBegan")
    await eventually(lambda: _states(house, "ready", 3), what="the others ready again")
    second = await stack.enter_async_context(Caller(exchange, number="4001", caller_number="13833330002"))
    await eventually(lambda: _states(house, "ringing", 2), what="two ringing agents")
    ring = await phones["1001"].next_call()
    await house.kill9()
    ring.answer()
    await ring.wait_answered()
    await house.start()
    await house.wait_agent("1001", "talking")
    await house.wait_agent("1002", "talking")
    await house.wait_agent("1003", "ready")
    assert second.state == heard.state == supervisor.state == "talking"
    assert [(s["seat"], s["mode"], s["begun"]) for s in await house.get("supervisions")] == [("1005", "listen", True)]
    second.hang_up()
    row = await house.ended("13833330002")
    assert (row["outcome"], row["agent_id"]) == ("answered", "1001")
    status, said = await house.run("supervise", "whisper", "1002", "--from", "1005")
    assert status == 0, said
    await house.wait_fact("13833330004", "SupervisionBegan", mode="whisper")
    supervisor.hang_up()
    await house.wait_fact("13833330004", "SupervisionEnded", reason="hung_up")
    assert heard.state == "talking"
    heard.hang_up()
    await house.ended("13833330004")

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
