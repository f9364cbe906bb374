"""Nobody distributes callers: who waits goes to the fallback queue, in order, and the books still balance."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from acd.core.router import Router
from crm.fold.projections import fold_call
from hotline.commands import Done, Play, Refused, Release, StartMusic
from hotline.facts import (
    CallAdopted,
    CallEnded,
    CallFellBack,
    CallFlowedOut,
    CallQueued,
    Fact,
    LinkChanged,
    OfferAccepted,
    OfferTimedOut,
    Place,
    Record,
    RouterActive,
)
from hotline.ids import CallId, QueueId
from hotline.settings.queues import Queue
from ivr.line.routers import TICKS, RouterWatch
from ivr.service import RELEASED_PER_TICK
from ivr.sessions.session import Session
from tests.support.envelopes import told
from tests.unit.ivr.house import House
from tests.unit.ivr.making import CALL, NODE, NOW, Caller, adopted, arrived, flow, offer_made, only

SILENT_S = 6.0
QUEUE_ONLY = "{flow: q, start: a, steps: {a: {kind: queue, queue: sales, announce: [{sound: hold}]}}}"


def beat(at: float = NOW, router: str = "acd1", epoch: int = 7) -> RouterActive:
    return RouterActive(at=at, router=router, epoch=epoch)


def fell_back(call_id: str = CALL, at: float = NOW) -> CallFellBack:
    return CallFellBack(at=at, call_id=CallId(call_id), reason="not_handled")


# --- when is there none


def test_a_router_is_lost_after_so_many_ticks_without_a_sign_of_life_and_not_before() -> None:
    watch = RouterWatch(SILENT_S)
    assert [watch.ticked() for _ in range(TICKS)] == [False] * TICKS
    assert watch.ticked()
    assert watch.lost
    assert watch.tick_s * TICKS == SILENT_S


def test_loss_and_return_are_news_once() -> None:
    watch = RouterWatch(SILENT_S)
    assert sum(watch.ticked() for _ in range(5 * TICKS)) == 1
    assert [watch.heard(), watch.heard()] == [True, False]
    assert not watch.lost


# --- one call


def test_a_caller_who_waits_is_given_to_the_fallback_queue() -> None:
    caller = Caller().to_queue()
    out = caller.session.give_up(now=caller.now)
    assert only(out, Release)[0].reason == "no_router"
    assert caller.session.state == "leaving"
    assert not only(out, CallFlowedOut)  # he is still here


def test_that_he_left_the_line_is_told_once_he_is_in_the_fallback_queue() -> None:
    caller = Caller().to_queue()
    caller.session.give_up(now=caller.now)
    (left,) = caller.tell(fell_back(at=NOW + 50))
    assert left == CallFlowedOut(
        at=NOW + 50, call_id=CALL, queue_id=QueueId("sales"), entered_at=NOW, reason="no_router"
    )
    assert caller.session.state == "ended"


def test_a_caller_who_hangs_up_before_he_is_there_has_not_flowed_out() -> None:
    caller = Caller().to_queue()
    caller.session.give_up(now=caller.now)
    assert caller.ended() == []


def test_whoever_falls_back_for_another_reason_is_left_to_the_router() -> None:
    assert Caller().to_queue().tell(fell_back()) == []


@pytest.mark.parametrize("state", ["prompting", "ringing", "talking"])
def test_nobody_is_given_up_who_does_not_wait_in_our_hands(state: str) -> None:
    caller = Caller()
    if state != "prompting":
        caller.to_queue().tell(offer_made("o1"))
    if state == "talking":
        caller.offered(OfferAccepted, "o1")
    assert caller.session.give_up(now=caller.now) == []
    assert caller.session.state == state


def test_a_caller_who_reaches_a_queue_leaves_it_at_once_and_hears_nothing_of_it() -> None:
    session, out = Session.start(arrived(), flow(QUEUE_ONLY), now=NOW, router=False)
    assert [type(o).__name__ for o in out] == [
        "Remember", "CallQueued", "IvrStepTaken", "IvrStepTaken", "Release",
    ]  # fmt: skip
    assert not only(out, Play)
    assert session.state == "leaving"


def test_a_caller_who_comes_back_from_a_ring_does_not_wait_again() -> None:
    caller = Caller().to_queue()
    caller.tell(offer_made("o1"))
    caller.offered(OfferTimedOut, "o1")
    due = caller.session.next_deadline()
    assert due is not None
    out = caller.session.wake(now=due, router=False)
    assert only(out, Release)[0].reason == "no_router"


def test_an_adopted_caller_is_given_up_too() -> None:
    place = Place(flow="test", flow_version=flow().version, step="sales", queue_id=QueueId("sales"), entered_at=NOW - 9)
    session, out = Session.start(adopted("session", place), flow(), now=NOW, router=False)
    assert not only(out, StartMusic)
    assert only(out, Release)
    (left,) = session.handle(fell_back(), now=NOW)
    assert isinstance(left, CallFlowedOut)
    assert left.entered_at == NOW - 9


def test_an_offer_that_was_on_its_way_overtakes() -> None:
    caller = Caller().to_queue()
    release = only(caller.session.give_up(now=caller.now), Release)[0]
    caller.refused(release, "not_in_session")
    caller.tell(offer_made("o1"))
    assert caller.session.state == "ringing"
    caller.refused(release, "not_in_session")
    caller.offered(OfferAccepted, "o1")
    assert caller.session.state == "talking"
    assert caller.session.next_deadline() is None


def test_a_caller_who_left_for_another_reason_follows_no_offer() -> None:
    caller = Caller().to_menu()
    caller.press("0")
    assert caller.tell(offer_made("o1")) == []
    assert caller.session.state == "leaving"


def test_a_release_that_is_refused_is_tried_again() -> None:
    caller = Caller().to_queue()
    release = only(caller.session.give_up(now=caller.now), Release)[0]
    caller.refused(release, "link_down")
    assert caller.deadline_comes() == [release]


# --- all calls of a node


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House(flows={"4000": flow(QUEUE_ONLY)}, sessions_limit=1000, router_silent_s=SILENT_S)
    yield made
    await made.tasks.close()


def released(house: House) -> list[str]:
    return [c.call_id for c in house.done if isinstance(c, Release) and c.reason == "no_router"]


async def test_while_a_router_is_heard_nobody_leaves(house: House) -> None:
    await house.tell(arrived())
    for n in range(20):
        await house.pass_time(SILENT_S - 1)
        await house.tell(beat(house.clock.now(), router=f"acd{n % 2}", epoch=n))
    assert released(house) == []


async def test_at_the_beginning_a_router_has_the_same_time_to_be_heard(house: House) -> None:
    await house.tell(arrived())
    await house.pass_time(SILENT_S)
    assert released(house) == []
    await house.pass_time(1.0)
    assert released(house) == [CALL]


async def test_the_longest_waiting_go_first_and_all_within_a_second_or_two(house: House) -> None:
    calls = [f"call-{n}" for n in range(3 * RELEASED_PER_TICK)]
    for call in calls:
        await house.tell(arrived(call))
        house.clock.advance(0.01)
    place = Place(flow="q", flow_version="", step="a", queue_id=QueueId("sales"), entered_at=NOW - 60)
    await house.tell(msgspec.structs.replace(adopted("session", place), call_id=CallId("adopted")), beat())
    await house.pass_time(SILENT_S + 2.0)
    assert released(house) == ["adopted", *calls]


async def test_one_tick_releases_a_bounded_number(house: House) -> None:
    for n in range(RELEASED_PER_TICK + 1):
        await house.tell(arrived(f"call-{n}"))
    while not released(house):
        due = house.service.next_deadline()
        assert due is not None
        house.clock.advance(max(due - house.clock.now(), 0.0))
        await house.service.wake(house.clock.now())
        await house.settle()
    assert len(released(house)) == RELEASED_PER_TICK


async def test_whoever_arrives_meanwhile_leaves_at_once_until_a_router_is_heard(house: House) -> None:
    await house.pass_time(SILENT_S + 1)
    await house.tell(arrived("call-2"))
    assert released(house) == ["call-2"]
    await house.tell(beat(), arrived("call-3"))
    assert released(house) == ["call-2"]
    assert house.tally.levels["router_heard", ()] == 1


async def test_a_stop_of_our_own_process_is_no_silence(house: House) -> None:
    await house.tell(arrived(), beat())
    house.clock.advance(600.0)  # SIGSTOP: nothing ran, nothing was heard
    await house.service.wake(house.clock.now())
    await house.settle()
    await house.pass_time(SILENT_S - 1)
    assert released(house) == []


async def test_signs_of_life_that_wait_behind_a_backlog_are_heard_before_silence_is_concluded(house: House) -> None:
    await house.tell(arrived())
    for _ in range(4 * TICKS):  # nothing is handled meanwhile
        due = house.service.next_deadline()
        assert due is not None
        house.clock.advance(due - house.clock.now())
        house.bus.publish(beat(house.clock.now()))
        await house.service.wake(house.clock.now())
    await house.settle()
    assert released(house) == []


async def test_loss_is_shown(house: House) -> None:
    assert house.tally.levels["router_heard", ()] == 1
    await house.pass_time(SILENT_S + 1)
    assert house.tally.levels["router_heard", ()] == 0


async def test_without_the_setting_nobody_listens_for_a_router() -> None:
    house = House()
    await house.tell(arrived())
    await house.pass_time(600.0)
    assert released(house) == []
    assert ("router_heard", ()) not in house.tally.levels


async def test_what_became_of_those_who_left_is_told(house: House) -> None:
    await house.tell(arrived())
    await house.pass_time(SILENT_S + 1)
    await house.tell(fell_back(at=house.clock.now()))
    facts = await house.told()
    assert [f.queue_id for f in facts if isinstance(f, CallQueued)] == ["sales"]
    assert [(f.queue_id, f.entered_at, f.reason) for f in facts if isinstance(f, CallFlowedOut)] == [
        ("sales", NOW, "no_router")
    ]


async def test_a_refused_release_does_not_stop_the_others(house: House) -> None:
    house.outcome = Refused(reason="link_down")
    await house.tell(arrived("call-1"), arrived("call-2"))
    await house.pass_time(SILENT_S + 1)
    assert set(released(house)) == {"call-1", "call-2"}
    house.outcome = Done()
    before = len(released(house))
    await house.pass_time(3.0)
    assert len(released(house)) == before + 2


# --- the books


QUEUED = CallQueued(at=NOW + 5, call_id=CALL, queue_id=QueueId("sales"), entered_at=NOW + 5)
END = CallEnded(at=NOW + 90, call_id=CALL)


def wait_of(*facts: Fact) -> tuple[Any, ...]:
    """Return how the row of the wait ends: outcome, reason, seconds."""
    rows = fold_call(told(arrived(), QUEUED, *facts, END))
    (wait,) = [s for s in rows.segments if s.kind == "queue"]
    return wait.outcome, wait.reason, wait.duration_s


def flowed_out(at: float, reason: str) -> CallFlowedOut:
    return CallFlowedOut(at=at, call_id=CALL, queue_id=QueueId("sales"), entered_at=NOW + 5, reason=reason)


def test_the_books_balance_even_if_nobody_tells_that_the_caller_left_the_line() -> None:
    assert wait_of(fell_back(at=NOW + 20)) == ("flowed_out", "fallback", 15)


def test_the_row_says_why_he_left_and_when_and_a_router_that_tells_it_late_changes_nothing() -> None:
    ours, late = flowed_out(NOW + 20, "no_router"), flowed_out(NOW + 80, "fallback")
    assert wait_of(fell_back(at=NOW + 20), ours) == ("flowed_out", "no_router", 15)
    assert wait_of(fell_back(at=NOW + 20), ours, late) == ("flowed_out", "no_router", 15)


# --- a router that comes back


def router() -> Router:
    made = Router([Queue(id="sales")], [], epoch="e2", home_node=NODE)
    made.handle(LinkChanged(at=NOW, node=NODE, up=True), now=NOW)
    return made


def in_fallback() -> CallAdopted:
    place = Place(flow="test", flow_version="1", step="a", queue_id=QueueId("sales"), entered_at=NOW + 5)
    return adopted("fallback", place, at=NOW + 60)


@pytest.mark.parametrize(
    "heard",
    [
        [in_fallback()],
        [QUEUED, fell_back(at=NOW + 20), in_fallback()],
        [in_fallback(), QUEUED, fell_back(at=NOW + 20)],
        [QUEUED, in_fallback(), QUEUED, fell_back(at=NOW + 20)],
    ],
)
def test_a_router_that_comes_back_does_not_queue_whoever_is_in_the_fallback_queue(heard: list[Record]) -> None:
    returned = router()
    for record in heard:
        returned.handle(record, now=NOW + 61)
    assert len(returned.floor.line) == 0
