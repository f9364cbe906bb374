"""Orders, outcomes, and agents with several phones, through the API."""

import asyncio

import msgspec
import pytest

from acd.api.agents import ForcedState, NewAgent, NewOutcome, NewState
from hotline import facts as f
from hotline.errors import Misuse, Rejected
from hotline.settings import Acd, Outbound, Seats, Settings
from hotline.settings.queues import Agent
from tests.unit.acd.test_service import House, standard

FORCE, OUTCOME, STATE = (f"/api/v1/agents/{{id}}/{part}" for part in ("forced-state", "outcome", "state"))


@pytest.fixture
async def house():
    made = House()
    yield made
    await made.tasks.close()


async def talked(house: House) -> None:
    """Have 1001 talk to A; he is in wrap-up then."""
    house.ask("1001", "ready")
    await house.queued()
    told = {"at": house.clock.now(), "call_id": "A", "offer_id": house.acd.router.why("A")[0].offer_id}
    for kind in (f.OfferRang, f.OfferAccepted, f.TalkEnded):
        house.bus.publish(kind(**told))
        await house.settle()


async def test_a_supervisors_order_is_told_with_his_name_and_his_reason(house):
    house.ask("1001", "ready")
    view = await house.api("PUT", FORCE, id="1001", body=ForcedState(state="offline", reason="went home <b>"))
    assert (view.state, view.reason) == ("offline", "went home b")
    assert (house.log[-1].by, house.log[-1].reason) == ("boss", "went home b")


async def test_an_order_for_later_is_shown_with_the_agent(house):
    house.ask("1001", "ready")
    await house.queued()
    body = ForcedState(state="break", when="after_call", reason="lunch")
    view = await house.api("PUT", FORCE, id="1001", body=body)
    assert (view.state, view.wish, view.wish_reason, view.wish_by) == ("reserved", "break", "lunch", "boss")
    view = await house.api("PUT", STATE, id="1001", body=NewState(state="cancel"))
    assert (view.state, view.wish) == ("reserved", None)


async def test_nobody_is_made_ready_later(house):
    with pytest.raises(Misuse, match="now, or not at all"):
        await house.api("PUT", FORCE, id="1001", body=ForcedState(state="ready", when="after_call"))


async def test_an_outcome_is_given_with_a_note_that_is_cleaned(house):
    await talked(house)
    view = await house.api("PUT", OUTCOME, id="1001", body=NewOutcome(outcome="resolved", note="=ok <x>"))
    assert (view.conversation.call_id, view.conversation.outcome) == ("A", "resolved")
    told = house.log[-1]
    assert (told.outcome, told.note, told.by) == ("resolved", "ok x", "boss")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (NewOutcome(outcome="golf"), Rejected),
        (NewOutcome(outcome="resolved", offer_id="A.other.1"), Rejected),
        (NewOutcome(outcome="resolved", note="x" * 501), Misuse),
    ],
)
async def test_an_impossible_outcome_is_refused(house, body, error):
    await talked(house)
    with pytest.raises(error):
        await house.api("PUT", OUTCOME, id="1001", body=body)


async def test_a_refusal_names_what_can_be_chosen(house):
    await talked(house)
    with pytest.raises(Rejected, match="choose one of resolved, information, "):
        await house.api("PUT", OUTCOME, id="1001", body=NewOutcome(outcome="golf"))
    with pytest.raises(Rejected, match="choose one of break, lunch, "):
        await house.api("PUT", STATE, id="1001", body=NewState(state="break", reason="golf"))
    with pytest.raises(Rejected, match=r"choose one of q$"):
        await house.api("POST", "/api/v1/agents", body=NewAgent(id="1001", extension="1001", preference={"golf": 1}))


async def test_an_agent_logs_in_at_one_of_his_seats():
    house = House(settings=Settings(seats=Seats(first=1001, count=4), agents=(Agent(id="1001", extension="1001"),)))
    body = NewAgent(id="1001", extension="1001", devices=("1003",), ready_at_login=True, outbound=False)
    view = await house.api("POST", "/api/v1/agents", body=body)
    assert (view.devices, view.outbound) == (("1001", "1003"), False)
    view = await house.api("PUT", STATE, id="1001", body=NewState(state="log_in", extension="1003"))
    assert (view.state, view.extension) == ("ready", "1003")
    with pytest.raises(Rejected, match="not one of the agent's seats"):
        await house.api("PUT", STATE, id="1001", body=NewState(state="log_in", extension="1002"))
    await house.tasks.close()


@pytest.mark.parametrize(
    "more",
    [
        {"devices": ("2001",)},
        {"devices": ("1001",)},
        {"devices": ("1002", "1002")},
        {"devices": tuple(str(n) for n in range(11))},
        {"remote_number": "13800138000"},
        {"preference": {"q": 11}},
    ],
)
async def test_an_agent_at_impossible_phones_is_refused(house, more):
    with pytest.raises(Misuse):
        await house.api("POST", "/api/v1/agents", body=NewAgent(id="1001", extension="1001", **more))


async def test_a_break_that_lasts_too_long_is_a_level_that_the_router_knows():
    house = House(settings=standard().model_copy(update={"acd": Acd(break_limit_s={"lunch": 1.0})}))
    house.ask("1001", "ready")
    await house.api("PUT", STATE, id="1001", body=NewState(state="break", reason="lunch"))
    house.clock.advance(1.5)
    await house.acd.wake(house.clock.now())
    house.tally.refresh()
    assert house.tally.levels["agents_overrun", (("queue", "q"),)] == 1
    await house.tasks.close()


async def test_a_deadline_that_is_set_through_the_api_wakes_the_loop():
    house = House(settings=standard().model_copy(update={"acd": Acd(break_limit_s={"lunch": 0.1})}))
    house.ask("1001", "ready")
    await house.settle()
    await house.api("PUT", STATE, id="1001", body=NewState(state="break", reason="lunch"))
    await house.settle()
    assert house.acd.next_deadline() == house.clock.now() + 0.1
    house.clock.advance(0.2)
    for _ in range(500):
        if any(isinstance(told, f.BreakOverran) for told in house.log):
            break
        await asyncio.sleep(0.01)
    assert [told.reason for told in house.log if isinstance(told, f.BreakOverran)] == ["lunch"]
    await house.tasks.close()


@pytest.mark.parametrize(("at_once", "counted"), [(1, 1), (2, 0)])
async def test_when_the_limits_leave_no_call_for_remote_agents_operators_learn_it(at_once: int, counted: int):
    far = (Agent(id="far", extension="1001", remote_number="13800138000"),)
    outbound = Outbound(trunk="192.0.2.1:5060", allow=("138",), at_once=at_once)
    house = House(settings=standard().model_copy(update={"agents": far, "outbound": outbound}))
    house.ask("far", "ready")
    await house.queued()
    assert house.tally.counts["limits_reached", (("limit", "outgoing_of_remote_agents"),)] == counted
    await house.tasks.close()


async def test_a_remote_agent_of_the_settings_is_rung_at_his_number():
    far = (Agent(id="far", extension="1001", remote_number="008613800138000"),)
    outbound = Outbound(trunk="192.0.2.1:5060", allow=("138",))
    settings = standard().model_copy(update={"agents": far, "outbound": outbound})
    house = House(settings=settings)
    house.ask("far", "ready")
    await house.queued()
    ring = next(entry[0] for entry in house.log if isinstance(entry, tuple))
    assert ring.number == "13800138000"
    assert (
        msgspec.to_builtins(await house.api("GET", "/api/v1/agents/{id}", id="far"))["remote_number"]
        == "008613800138000"
    )
    await house.tasks.close()
