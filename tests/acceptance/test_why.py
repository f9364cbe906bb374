"""Whom a caller is given to, and why: skills with levels, a refusal, relaxation, the agent who knows him; asked by the command line and the API."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from telephony.phones.callers import Caller
from telephony.phones.seats import Answer, LetRing, Reject, Seats
from tests.acceptance.conftest import nothing_left
from tests.support.running import CONFIG, Running
from tests.support.wait import eventually

pytestmark = pytest.mark.real

SERVICE = 'id = "service"\n'
CARDS = SERVICE + (
    'skills = { card = 3 }\nrelax = [{ after_s = 6, skills = { card = 1 } }]\nsticky = "last_agent"\nsticky_s = 10\n'
)
AGENTS = "".join(
    f'[[agents]]\nid = "{agent}"\nextension = "{agent}"\nskills = {{ {skills} }}\n'
    for agent, skills in (("1001", "english = 5"), ("1002", "card = 5"), ("1003", "card = 1"), ("1004", "card = 4"))
)
Sipp = tuple[tuple[str, ...], dict[str, str]]


@pytest.fixture(scope="module")
def house(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A hotline whose callers need somebody who knows about cards."""
    made = Running(tmp_path_factory.mktemp("why") / "data", CONFIG.replace(SERVICE, CARDS) + AGENTS)
    runner.run(made.start())
    yield made
    assert runner.run(made.stop()) == 0, made.said()


@pytest.fixture
async def stack(house: Running) -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as made:
        yield made
    await nothing_left(house)


async def why(house: Running, call_id: str, *options: str) -> str:
    """Ask as an operator does."""
    status, said = await house.run("calls", "why", call_id, *options)
    assert status == 0, said
    return said


async def called(house: Running, number: str) -> str:
    """Return the id of a call as soon as it waits."""
    fact: dict[str, Any] = await house.wait_fact(number, "CallQueued")
    return str(fact["call_id"])


async def test_skills_a_refusal_and_the_agent_who_knows_him_are_explained(
    house: Running, sipp: Sipp, stack: AsyncExitStack
) -> None:
    crew = ("1001", "1002", "1003", "1004")
    phones = await stack.enter_async_context(
        Seats(house.exchange(*sipp), [house.account(e) for e in crew], behaviour=LetRing())
    )

    # Who knows enough is rung, although another was free longer; he refuses, and the next one who knows enough has the caller.
    await house.set_ready("1001")
    phones["1002"].behaviour, phones["1004"].behaviour = Reject(), Answer()
    await house.set_ready("1002")
    caller = await stack.enter_async_context(Caller(house.exchange(*sipp), number="4001", caller_number="13844440001"))
    call_id = await called(house, "13844440001")
    await house.wait_fact("13844440001", "OfferRejected")
    await house.put("agents/1004/state", {"state": "ready"})
    await house.wait_agent("1004", "talking")
    said = await why(house, call_id)
    assert "Agent 1002 was offered the caller after a wait of 0." in said
    assert "Agent 1001 was free longer but lacks the skill (card 3)." in said
    assert "Agent 1004 was offered the caller" in said
    assert "Agent 1002 was free longer but refused this caller at " in said
    assert "坐席 1002 空闲更久,但" in await why(house, call_id, "--language", "zh")
    caller.hang_up()
    row = await house.ended("13844440001")
    assert (row["call_id"], row["agent_id"]) == (call_id, "1004")

    # Our process is killed: the next one can be asked about the decisions of the one before. He calls again: who served him last is rung, although the other one was free longer.
    phones["1002"].behaviour = Answer()
    await house.kill9()
    await house.start()
    assert await why(house, call_id) == said
    for agent in ("1002", "1004"):
        await house.set_ready(agent)
    again = await stack.enter_async_context(Caller(house.exchange(*sipp), number="4001", caller_number="13844440001"))
    await house.wait_agent("1004", "talking")
    row = await house.call_of("13844440001")
    found = await house.get(f"calls-why/{row['call_id']}")
    (made,) = found["decisions"]
    assert (made["decision"]["agent_id"], made["decision"]["kept"]) == ("1004", True)
    assert "he was kept for this agent" in made["sentence"]
    again.hang_up()
    await house.wait_agent("1004", "ready")

    # Who knows too little is rung only when the caller has waited long enough; until then it is said why nobody is.
    for agent in ("1002", "1004"):
        await house.put(f"agents/{agent}/state", {"state": "offline"})
    phones["1003"].behaviour = Answer()
    await house.set_ready("1003")
    patient = await stack.enter_async_context(Caller(house.exchange(*sipp), number="4001", caller_number="13844440002"))
    call_id = await called(house, "13844440002")
    said = await why(house, call_id)
    assert "Waits at place 1" in said
    assert "1 agents: lacks the skill (card 3 (has 1))" in said
    await house.wait_agent("1003", "talking")
    assert "After this wait less was asked of agents (step 1)." in await why(house, call_id)
    (made,) = (await house.get(f"calls-why/{call_id}"))["decisions"]
    assert made["decision"]["waited_s"] >= 6
    patient.hang_up()
    await eventually(lambda: _ready(house, "1003"), what="the agent ready again")


async def _ready(house: Running, agent: str) -> bool:
    assert await house.agent_state(agent) == "ready"
    return True
