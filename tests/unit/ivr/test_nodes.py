"""Call flows beside each Asterisk: each leads the calls of its own node, and goes on when only a part of the house starts again."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from acd.core.router import Router
from hotline.commands import Command, Remember, StartMusic
from hotline.facts import (
    CallAdopted,
    CallArrived,
    CallEnded,
    CallerIdentified,
    CallFlowedOut,
    CallQueued,
    CallReturned,
    DigitPressed,
    LinkChanged,
    NodeSurveyed,
    Place,
    RouterActive,
    SeatChanged,
    SnapshotTaken,
)
from hotline.ids import CallId, CustomerId, Extension, NodeId, OfferId, QueueId
from hotline.settings.queues import Queue
from tests.unit.ivr.house import House
from tests.unit.ivr.making import CALL, NODE, NOW, Caller, adopted, arrived, flow, offer_made, only

OTHER = NodeId("node2")
THEIRS = CallId("theirs")


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House(node=NODE)
    made.bus.serve(OTHER, made.perform)
    yield made
    await made.tasks.close()


def elsewhere(event: CallArrived | CallAdopted) -> CallArrived | CallAdopted:
    return msgspec.structs.replace(event, node=OTHER, call_id=THEIRS)


def waiting_place(**more: object) -> Place:
    given = {"flow": "test", "flow_version": flow().version, "step": "sales", "language": "zh", "priority": 5}
    line = {"queue_id": QueueId("sales"), "entered_at": NOW - 30, "skills": ("german",)}
    return Place(**given | line | more)  # type: ignore[arg-type]


# --- whose call is it


async def test_a_call_of_another_node_is_led_there(house: House) -> None:
    await house.tell(elsewhere(arrived()), elsewhere(adopted("session", waiting_place())))
    assert len(house.service) == 0
    assert house.done == []


async def test_not_even_a_call_without_a_flow_is_given_away_for_another_node() -> None:
    house = House(node=NODE, flows={})
    house.bus.serve(OTHER, house.perform)
    await house.tell(elsewhere(arrived()))
    assert house.done == []


async def test_what_is_told_of_calls_of_another_node_changes_nothing(house: House) -> None:
    await house.tell(arrived())
    before = list(house.done)
    await house.tell(
        DigitPressed(at=NOW, call_id=THEIRS, digit="1"),
        offer_made("o1", THEIRS),
        CallReturned(at=NOW, call_id=THEIRS, offer_id=OfferId("o1"), answered=True),
        CallFlowedOut(at=NOW, call_id=THEIRS, queue_id=QueueId("sales"), entered_at=NOW, reason="full"),
        CallEnded(at=NOW, call_id=THEIRS),
        SnapshotTaken(at=NOW, node=OTHER, living=()),
    )
    assert house.done == before
    assert len(house.service) == 1


async def test_without_a_node_all_calls_are_ours() -> None:
    house = House()
    house.bus.serve(OTHER, house.perform)
    await house.tell(arrived(), elsewhere(arrived()))
    assert len(house.service) == 2


async def test_a_call_that_was_concluded_afterwards_is_not_led(house: House) -> None:
    await house.tell(msgspec.structs.replace(arrived(), reconciled=True))
    assert house.done == []


# --- only the router started again


async def test_a_survey_for_a_new_router_and_its_signs_of_life_leave_the_calls_alone(house: House) -> None:
    await house.tell(arrived())
    before = list(house.done)
    found = adopted("session", waiting_place(), at=NOW + 5)
    seat = SeatChanged(at=NOW + 5, extension=Extension("1001"), reachable=True, in_use=False, node=NODE)
    await house.tell(
        RouterActive(at=NOW + 5, router="acd2", epoch=8),
        NodeSurveyed(at=NOW + 5, node=NODE, epoch=8, calls=(found,), seats=(seat,)),
        RouterActive(at=NOW + 6, router="acd2", epoch=8, surveyed=(NODE,)),
    )
    assert house.done == before
    assert len(house.service) == 1


# --- only the node's process started again


async def test_who_waited_keeps_place_language_and_music(house: House) -> None:
    await house.tell(adopted("session", waiting_place()))
    assert house.kinds() == ["StartMusic"]
    (queued,) = await house.told()
    assert isinstance(queued, CallQueued)
    assert (queued.entered_at, queued.priority, queued.skills, queued.language) == (NOW - 30, 5, ("german",), "zh")


def test_an_offer_that_waited_in_the_broker_while_we_were_dead_does_not_ring_now() -> None:
    caller = Caller(adopted("session", waiting_place(), at=NOW + 1))
    caller.now = NOW + 2
    caller.tell(offer_made("o1"))  # made at NOW
    assert caller.session.state == "waiting"


def test_an_offer_whose_end_nobody_tells_ends_by_its_time() -> None:
    caller = Caller().to_queue()
    caller.tell(offer_made("o1"))
    assert only(caller.deadline_comes(), StartMusic)
    assert 15 < caller.now - NOW < 40
    caller.returned("o1", answered=False)
    assert caller.session.state == "waiting"


# --- call flows and router agree on the line


def entry_of(router: Router) -> tuple[object, ...]:
    (caller,) = router.floor.line
    return caller.queue_id, caller.entered_at, caller.priority, caller.skills, caller.rank, caller.node


def router(*queues: str) -> Router:
    made = Router([Queue(id=q) for q in queues], [], epoch="e1", home_node=NODE)
    made.handle(LinkChanged(at=NOW - 99, node=NODE, up=True), now=NOW)
    return made


def test_the_place_on_the_channel_and_the_entry_that_is_told_are_one_and_the_same() -> None:
    out = Caller().to_menu().press("1")
    queued, place = only(out, CallQueued)[0], only(out, Remember)[0].place
    by_entry, by_place, by_both = router("sales"), router("sales"), router("sales")
    by_entry.handle(queued, now=NOW)
    by_place.handle(adopted("session", place, at=NOW + 1), now=NOW + 1)
    found = adopted("session", place, at=NOW + 1)
    for record in (queued, found, *only(Caller(found).last, CallQueued)):
        by_both.handle(record, now=NOW + 1)
    assert entry_of(by_entry) == entry_of(by_place) == entry_of(by_both)


def test_the_place_is_kept_before_anybody_hears_of_the_entry() -> None:
    kinds = [type(o) for o in Caller().to_menu().press("1")]
    assert kinds.index(Remember) < kinds.index(CallQueued)


def test_an_adopted_caller_whose_queue_is_gone_is_turned_away_and_does_not_wait_for_ever() -> None:
    found = adopted("session", waiting_place(queue_id=QueueId("closed-down")), at=NOW + 1)
    without = router("sales")
    out: list[object] = []
    for record in (found, *only(Caller(found).last, CallQueued)):
        out += without.handle(record, now=NOW + 1)
    assert [type(o).__name__ for o in out] == ["Release", "CallFlowedOut"]


# --- the caller's name comes late, or never


def test_nothing_waits_for_the_name_of_the_caller() -> None:
    caller = Caller()
    for _ in range(20):
        if caller.session.state == "waiting":
            break
        caller.deadline_comes()  # nobody tells anything, not even the end of a prompt
    assert caller.session.state == "waiting"
    assert caller.now - NOW < 60


async def test_a_name_that_comes_after_the_end_of_the_call_means_nothing(house: House) -> None:
    await house.tell(arrived(), CallEnded(at=NOW, call_id=CALL))
    before: list[Command] = list(house.done)
    await house.tell(CallerIdentified(at=NOW, call_id=CALL, customer_id=CustomerId("c1"), name="Li", language="zh"))
    assert house.done == before
