"""A small demo on a real Asterisk that nobody controls: its callers fall into the static queue, where the synthetic agents answer."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hotline.errors import Rejected
from telephony.phones.demo import Demo, DemoProgress
from telephony.phones.injection import Account
from telephony.phones.plan import DemoPlan
from telephony.phones.sipp import Exchange
from tests.integration.telephony.asterisk.house import House, opened
from tests.support.wait import eventually

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]

PLAN = DemoPlan(calls=15, rate=10, agents=3, talk_s=0.8, patience_s=12, seed=3)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with opened(tmp_path_factory.mktemp("asterisk")) as opened_house:
        yield opened_house


@pytest.fixture
def accounts(house: House) -> list[Account]:
    return [Account(extension=s, password=p) for s, p in sorted(house.secrets.seats.items())]


async def registered(house: House) -> int:
    return (await house.asterisk.tell("pjsip show contacts")).count("sip:100")


async def test_every_call_of_a_demo_is_accounted_for_and_nothing_is_left(
    house: House, exchange: Exchange, accounts: list[Account]
) -> None:
    wishes: list[tuple[str, str]] = []

    async def set_agent(extension: str, wish: str) -> None:
        wishes.append((extension, wish))

    async with Demo(exchange, PLAN, accounts, set_agent) as demo:
        assert wishes == [(s, "ready") for s in ("1001", "1002", "1003")]
        steps: list[DemoProgress] = [step async for step in demo.progress()]
        outcome = demo.outcome()
    assert outcome.placed == outcome.answered == PLAN.calls
    assert outcome.connected + outcome.gave_up + outcome.turned_away == PLAN.calls
    assert outcome.connected >= 3
    assert outcome.rings >= outcome.connected
    assert (outcome.refused, outcome.broken) == ({}, 0)
    assert [s.placed for s in steps] == sorted(s.placed for s in steps)
    assert max(s.talking for s in steps) >= 1
    assert (steps[-1].live, steps[-1].finished, steps[-1].failed) == (0, PLAN.calls, 0)
    assert wishes[3:] == [(s, "offline") for s in ("1001", "1002", "1003")]
    await eventually(house.is_quiet, what="no channel left over")
    assert await registered(house) == 0


async def test_a_demo_that_is_broken_off_leaves_nothing(
    house: House, exchange: Exchange, accounts: list[Account]
) -> None:
    wishes: list[str] = []

    async def set_agent(extension: str, wish: str) -> None:
        wishes.append(wish)

    class Interrupted(Exception):
        pass

    with pytest.raises(Interrupted):
        async with Demo(exchange, PLAN, accounts, set_agent) as demo:
            async for step in demo.progress():
                if step.live >= 3:
                    raise Interrupted
    assert wishes == ["ready"] * 3 + ["offline"] * 3
    await eventually(house.is_quiet, what="no channel left over")
    assert await registered(house) == 0


async def test_a_demo_whose_agents_cannot_log_in_leaves_nothing(
    house: House, exchange: Exchange, accounts: list[Account]
) -> None:
    async def set_agent(extension: str, wish: str) -> None:
        if wish == "ready":
            raise Rejected("forbidden")

    with pytest.raises(Rejected):
        async with Demo(exchange, PLAN, accounts, set_agent):
            pytest.fail("a demo without agents")
    assert await registered(house) == 0
