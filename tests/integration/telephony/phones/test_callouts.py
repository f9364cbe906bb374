"""Calls that we make for callbacks, on a real Asterisk: the two halves, whom they dial when, and what is told of it."""

from collections.abc import AsyncIterator
from typing import Literal

import pytest
import pytest_asyncio

from hotline.commands import CallOut
from hotline.facts import CustomerDialled, Place
from hotline.ids import CallId, LegId, NodeId
from hotline.settings import Outbound
from telephony import callouts
from telephony.ami.messages import UserEventSeen
from telephony.line import Line
from telephony.phones.injection import Account
from telephony.phones.program import find_sipp
from telephony.phones.seats import Answer, LetRing, Outside, Reject, Seats, free_address
from telephony.phones.sipp import Exchange
from tests.integration.telephony.asterisk.house import House, free_settings, opened
from tests.integration.telephony.asterisk.manager import Event, parse
from tests.support.wait import eventually

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]

NUMBER = "13800138000"
PLACE = Place(flow="main", flow_version="1", step="queue", language="zh")


class Stage:
    """An Asterisk, the world outside, and one seat."""

    def __init__(self, house: House, outside: Outside, seats: Seats) -> None:
        self.house, self.outside, self.seats = house, outside, seats
        self.made = 0

    async def call_out(self, first: Literal["agent", "customer"], *, seconds: float = 5) -> tuple[CallOut, int, Event]:
        """Make a call; return it, the mark from before, and its AsyncAGIStart."""
        self.made += 1
        command = CallOut(
            node=NodeId("n"), call_id=CallId(f"wish-{self.made}.1"), number=NUMBER, first=first, ring_timeout_s=seconds,
            dialled="4000", place=PLACE,
        )  # fmt: skip
        mark = self.house.manager.mark()
        assert await self.originate(command) == "Success"
        return command, mark, await self.house.manager.wait_event("AsyncAGIStart", mark)

    async def originate(self, command: CallOut) -> str:
        action = callouts.originate(command)
        return (await self.house.manager.ask(action.name, **action.headers))["Response"]

    async def told(self, mark: int) -> str:
        """Return what is told of dialling the customer."""
        event = await self.house.manager.wait_event("UserEvent", mark, UserEvent="HotlineCallout")
        line = Line(call_id=CallId(event["Call"]), leg=LegId("Local/s@x;1"))
        callouts.begun(line, "customer")
        seen = UserEventSeen(name="HotlineCallout", fields=event)
        (told,) = callouts.heard(line, seen, 0.0)
        assert isinstance(told, CustomerDialled)
        return told.result


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    address, port = free_address()
    settings = free_settings().model_copy(update={"outbound": Outbound(trunk=f"{address}:{port}", allow=("1",))})
    async with opened(tmp_path_factory.mktemp("asterisk"), settings) as house:
        command, environment = find_sipp(print)
        host, sip_port = house.sip
        exchange = Exchange(sipp=command, env=environment, host=host, port=sip_port)
        account = Account(extension="1001", password=house.secrets.seats["1001"])
        async with Outside(exchange, address=address, port=port) as outside, Seats(exchange, [account]) as seats:
            yield Stage(house, outside, seats)


@pytest_asyncio.fixture(loop_scope="module")
async def stage(shared: Stage) -> AsyncIterator[Stage]:
    async with shared.house.beating():
        yield shared
    await eventually(shared.house.is_quiet, what="no channel left over")


async def test_a_call_arrives_like_a_caller_and_keeps_its_place(stage: Stage) -> None:
    command, _, started = await stage.call_out("agent")
    assert "arrive" in started["Env"]
    assert command.call_id in started["Env"]
    kept = await stage.house.manager.ask("Getvar", Channel=started["Channel"], Variable="HOTLINE_PLACE")
    assert kept["Value"] == callouts.actions.pack(PLACE)
    assert callouts.actions.recall(kept["Value"]) == PLACE
    await stage.house.end(started["Channel"])


async def test_a_second_call_of_the_same_name_is_not_made(stage: Stage) -> None:
    stage.outside[NUMBER].behaviour = LetRing()
    command, _, started = await stage.call_out("customer")
    phone = await stage.outside[NUMBER].next_call()
    before = len(stage.outside[NUMBER].calls)
    await stage.originate(command)
    _, _, later = await stage.call_out("agent")  # made after it, and it is there
    assert len(stage.outside[NUMBER].calls) == before
    await stage.house.end(later["Channel"])
    await stage.house.end(started["Channel"])
    await phone.finished()


async def test_with_the_agent_first_the_customer_is_dialled_when_we_say_so(stage: Stage) -> None:
    stage.outside[NUMBER].behaviour = Answer()
    _, mark, started = await stage.call_out("agent")
    line = started["Channel"]
    rung = stage.seats["1001"].calls
    before = len(rung)  # the fallback queue of another test may have rung here
    await stage.house.ring(line)
    (seat,) = await eventually(lambda: rung[before:], what="the seat rung")
    await seat.wait_answered()
    assert not [c for c in stage.outside[NUMBER].calls if c.state != "over"]
    other = callouts.actions.other_half(LegId(line))
    action = callouts.actions.redirect(other, callouts.CALLOUT, "dial")
    assert (await stage.house.manager.ask(action.name, **action.headers))["Response"] == "Success"
    customer = await stage.outside[NUMBER].next_call()
    await customer.wait_answered()
    assert await stage.told(mark) == "answered"
    seat.hang_up()
    returned = await stage.house.returned(mark)
    assert "ANSWER" in returned["Env"]
    assert customer.state == "talking"
    await stage.house.end(line)
    assert (await customer.finished()).ended_by == "them"


async def test_a_customer_who_hangs_up_ends_the_call(stage: Stage) -> None:
    stage.outside[NUMBER].behaviour = Answer()
    _, mark, started = await stage.call_out("customer")
    customer = await stage.outside[NUMBER].next_call()
    await customer.wait_answered()
    assert await stage.told(mark) == "answered"
    customer.hang_up()
    await stage.house.manager.wait_event("Hangup", mark, Channel=started["Channel"])


async def test_who_is_busy_is_told_as_busy_and_the_call_ends(stage: Stage) -> None:
    stage.outside[NUMBER].behaviour = Reject(after_s=0)
    _, mark, started = await stage.call_out("customer")
    assert await stage.told(mark) == "busy"
    await stage.house.manager.wait_event("Hangup", mark, Channel=started["Channel"])
    await (await stage.outside[NUMBER].next_call()).finished()


async def test_who_does_not_answer_is_told_as_such(stage: Stage) -> None:
    stage.outside[NUMBER].behaviour = LetRing()
    _, mark, _ = await stage.call_out("customer", seconds=1)
    assert await stage.told(mark) == "no_answer"
    assert (await (await stage.outside[NUMBER].next_call()).finished()).code == 487


async def test_a_call_that_nobody_looks_after_ends_and_does_not_fall_back(stage: Stage) -> None:
    _, mark, started = await stage.call_out("agent")
    await stage.house.manager.wait_event("Hangup", mark, Channel=started["Channel"])
    events = [parse(block).get("UserEvent") for block in stage.house.manager.blocks[mark:]]
    assert "HotlineFallback" not in events


async def test_a_customer_who_has_answered_is_served_by_the_fallback_queue_when_nobody_looks_after_him(
    stage: Stage,
) -> None:
    stage.outside[NUMBER].behaviour = Answer()
    _, mark, started = await stage.call_out("customer")
    await (await stage.outside[NUMBER].next_call()).wait_answered()
    told = await stage.house.manager.wait_event("UserEvent", mark, UserEvent="HotlineFallback")
    assert told["Reason"] == "lease_expired"
    await stage.house.end(started["Channel"])
