"""What Asterisk does by itself with a caller on hold and his agents: nobody of ours is there, whoever hangs up. Real SIP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.integration.telephony.asterisk.house import House, free_settings, opened
from tests.integration.telephony.asterisk.manager import agi_environment
from tests.integration.telephony.asterisk.phone import Phone
from tests.support.wait import eventually

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with opened(tmp_path_factory.mktemp("asterisk"), free_settings()) as house:
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(shared: House) -> AsyncIterator[House]:
    async with shared.beating():
        yield shared
        await shared.asterisk.tell("channel request hangup all")
    await shared.hang_up_phones()
    await eventually(shared.is_quiet, what="no channel left over")


@dataclass
class Consult:
    """A caller on hold, and the agent who asks another one."""

    house: House
    caller: Phone
    first: Phone
    second: Phone
    leg: str
    first_leg: str
    second_leg: str
    mark: int

    async def talk_together(self, *legs: str) -> None:
        """Wait until these channels are in one bridge."""

        async def bridged() -> bool:
            rooms = {await self.bridge_of(leg) for leg in legs}
            return len(rooms) == 1 and rooms != {""}

        await eventually(bridged, what=f"{legs} in one bridge")

    async def bridge_of(self, leg: str) -> str:
        lines = (await self.house.asterisk.tell("core show channels concise")).splitlines()
        found = next((line.split("!") for line in lines if line.startswith(f"{leg}!")), None)
        return found[-2] if found is not None else ""

    async def comes_back(self, offer: str) -> None:
        """Wait until the caller is in our hands again, after a conversation of this offer."""
        told = agi_environment(await self.house.returned(self.mark))
        assert (told["agi_arg_3"], told["agi_arg_4"]) == (offer, "ANSWER")


async def consult(
    house: House, *, answers: tuple[tuple[float, int], ...] = ((0.0, 180), (0.0, 200)), how: str = "20,0"
) -> Consult:
    """Have an agent talk with a caller and ask another agent, whose phone answers as told.

    `how`: for how many seconds, and whether (1) he has to say by a key that he is there, as one at an external number.
    """
    caller, first, second = await house.phone("5551234"), await house.seat("1001"), await house.seat("1002")
    second.answers = answers
    leg = (await house.arrive(caller))["Channel"]
    mark = house.manager.mark()
    await house.ring(leg)
    first_leg = (await house.manager.wait_event("DialBegin", mark))["DestChannel"]
    await house.manager.wait_event("BridgeEnter", mark, BridgeNumChannels="2")
    mark, ask = house.manager.mark(), house.manager.ask
    for channel, variable, value in (
        (leg, "HOTLINE_FIRST", first_leg), (leg, "HOTLINE_HELD", "1"), (leg, "HOTLINE_NEXT", "offer-2,"),
        (first_leg, "_HOTLINE_CALLER", leg), (first_leg, "HOTLINE_CONSULT", f"offer-2,1002,{how}"),
    ):  # fmt: skip
        assert (await ask("Setvar", Channel=channel, Variable=variable, Value=value))["Response"] == "Success"
    moved = await ask(
        "Redirect", Channel=leg, Context="hotline-held", Exten="s", Priority="1",
        ExtraChannel=first_leg, ExtraContext="hotline-consult", ExtraExten="s", ExtraPriority="1",
    )  # fmt: skip
    assert moved["Response"] == "Success", moved
    second_leg = (await house.manager.wait_event("DialBegin", mark))["DestChannel"]
    return Consult(house, caller, first, second, leg, first_leg, second_leg, mark)


async def test_the_first_agent_hangs_up_and_the_second_one_has_the_caller(house: House) -> None:
    c = await consult(house)
    await c.talk_together(c.first_leg, c.second_leg)
    await c.first.hang_up()
    await c.talk_together(c.leg, c.second_leg)
    await c.second.hang_up()
    await c.comes_back("offer-2")


async def test_the_second_agent_hangs_up_and_the_first_one_has_the_caller(house: House) -> None:
    c = await consult(house)
    await c.talk_together(c.first_leg, c.second_leg)
    await c.second.hang_up()
    await c.talk_together(c.leg, c.first_leg)
    await c.first.hang_up()
    await c.comes_back("offer-1")


async def test_a_refusal_brings_the_first_agent_back_to_the_caller(house: House) -> None:
    c = await consult(house, answers=((0.0, 180), (0.1, 486)))
    told = await house.manager.wait_event("UserEvent", c.mark, UserEvent="HotlineConsult")
    assert (told["Offer"], told["Status"]) == ("offer-2", "BUSY")
    await c.talk_together(c.leg, c.first_leg)


async def test_who_answers_and_does_not_say_that_he_is_there_is_let_go_when_the_time_of_the_ring_is_over(
    house: House,
) -> None:
    c = await consult(house, how="2,1")
    await eventually(lambda: c.second.media.address is not None, what="his answer")
    await house.manager.wait_event("UserEvent", c.mark, UserEvent="HotlineConsult", Offer="offer-2")
    await c.talk_together(c.leg, c.first_leg)
    await house.manager.wait_event("Hangup", c.mark, Channel=c.second_leg)
    assert not [e for e in house.manager.events if e["Event"] == "BridgeEnter" and e["Channel"] == c.second_leg]


async def test_who_answers_and_presses_another_key_leaves_the_caller_with_the_first(house: House) -> None:
    c = await consult(house, how="20,1")
    await eventually(lambda: c.second.media.address is not None, what="his answer")
    await c.second.digit("2")
    told = await house.manager.wait_event("UserEvent", c.mark, UserEvent="HotlineConsult", Offer="offer-2")
    assert told["Status"] == "BUSY"
    await house.manager.wait_event("Hangup", c.mark, Channel=c.second_leg)
    await c.talk_together(c.leg, c.first_leg)
    assert not [e for e in house.manager.events if e["Event"] == "BridgeEnter" and e["Channel"] == c.second_leg]


async def test_the_first_agent_hangs_up_while_the_second_is_asked_whether_he_is_there_and_he_has_the_caller(
    house: House,
) -> None:
    c = await consult(house, how="20,1")
    await eventually(lambda: c.second.media.address is not None, what="his answer")
    await c.first.hang_up()
    await c.second.digit("1")
    await c.talk_together(c.leg, c.second_leg)
    await c.second.hang_up()
    await c.comes_back("offer-2")


async def test_the_first_agent_hangs_up_while_it_rings_and_the_caller_comes_back_to_us(house: House) -> None:
    c = await consult(house, answers=((0.0, 180),))
    await c.first.hang_up()
    await c.comes_back("offer-1")
    assert "CANCEL" in c.second.seen or await c.second.expect(lambda m: m.first.startswith("CANCEL"))


async def test_both_agents_are_gone_at_once_and_the_caller_comes_back_to_us(house: House) -> None:
    c = await consult(house)
    await c.talk_together(c.first_leg, c.second_leg)
    for leg in (c.first_leg, c.second_leg):
        await house.manager.ask("Hangup", Channel=leg, Cause="16")
    told = agi_environment(await house.returned(c.mark))
    assert told["agi_arg_4"] == "ANSWER"


async def test_the_caller_hangs_up_and_the_agents_may_finish_what_they_say(house: House) -> None:
    c = await consult(house)
    await c.talk_together(c.first_leg, c.second_leg)
    await c.caller.hang_up()
    await house.manager.wait_event("Hangup", c.mark, Channel=c.leg)
    await c.talk_together(c.first_leg, c.second_leg)
    await c.first.hang_up()
    await house.manager.wait_event("Hangup", c.mark, Channel=c.second_leg)


async def together(c: Consult) -> None:
    """Have all three talk, as our command does."""
    await c.talk_together(c.first_leg, c.second_leg)
    ask = c.house.manager.ask
    both = await ask(
        "Redirect", Channel=c.first_leg, Context="hotline-conference-agent", Exten="s", Priority="1",
        ExtraChannel=c.second_leg, ExtraContext="hotline-conference-agent", ExtraExten="s", ExtraPriority="1",
    )  # fmt: skip
    assert both["Response"] == "Success", both
    assert (await ask("Redirect", Channel=c.leg, Context="hotline-conference", Exten="s", Priority="1"))["Response"]
    await c.talk_together(c.leg, c.first_leg, c.second_leg)


async def test_the_first_agent_leaves_a_conference_and_the_second_one_has_the_caller(house: House) -> None:
    c = await consult(house)
    await together(c)
    await c.first.hang_up()
    await house.manager.wait_event("UserEvent", c.mark, UserEvent="HotlineTransferred", Offer="offer-2")
    await c.talk_together(c.leg, c.second_leg)
    await c.second.hang_up()
    await c.comes_back("offer-2")


async def test_the_second_agent_leaves_a_conference_and_then_the_first(house: House) -> None:
    c = await consult(house)
    await together(c)
    await c.second.hang_up()
    await house.manager.wait_event("Hangup", c.mark, Channel=c.second_leg)
    await c.talk_together(c.leg, c.first_leg)
    await c.first.hang_up()
    await c.comes_back("offer-1")


async def test_the_second_agent_who_waits_aside_has_the_caller_when_the_first_hangs_up(house: House) -> None:
    c = await consult(house)
    await c.talk_together(c.first_leg, c.second_leg)
    ask = house.manager.ask
    await ask("Setvar", Channel=c.leg, Variable="HOTLINE_ASIDE", Value="1")
    await ask(
        "Redirect", Channel=c.second_leg, Context="hotline-aside", Exten="s", Priority="1",
        ExtraChannel=c.first_leg, ExtraContext="hotline-rejoin", ExtraExten="s", ExtraPriority="1",
    )  # fmt: skip
    await c.talk_together(c.leg, c.first_leg)
    await c.first.hang_up()
    await c.talk_together(c.leg, c.second_leg)
    await c.second.hang_up()
    await c.comes_back("offer-2")


@pytest.mark.parametrize("left", ["nobody", "second"])
async def test_a_caller_who_hangs_up_ends_the_conference(house: House, left: str) -> None:
    c = await consult(house)
    await together(c)
    if left == "second":
        await c.second.hang_up()
        await house.manager.wait_event("Hangup", c.mark, Channel=c.second_leg)
    await c.caller.hang_up()
    for leg in (c.first_leg, c.second_leg):
        await house.manager.wait_event("Hangup", c.mark, Channel=leg)
