"""Limits of outgoing calls hold for the house: whatever dials, at whichever node, and whichever router is active."""

import random

import msgspec
import pytest

from acd.core.talks.forwards import YOUNG_S
from hotline import facts as f
from hotline.dialling import Policy
from hotline.ids import CallId, LegId, NodeId
from tests.unit.acd.play import NODE, profile
from tests.unit.acd.test_callbacks import OTHER, Desk, ready

ONE = Policy(trunk=True, allow=("1",), at_once=1)
TWO_AN_HOUR = Policy(trunk=True, allow=("1",), per_hour=2)
FAR = NodeId("node2")
OUTSIDE = "13900000001"


def asks(desk: Desk, call: str, *, node: NodeId = NODE) -> str:
    """A call flow wants to lead a caller outside; return why not, or nothing."""
    desk.router.handle(f.OutgoingAsked(at=desk.now, call_id=CallId(call), node=node, number=OUTSIDE), now=desk.now)
    asked = f.OutgoingAsked(at=desk.now, call_id=CallId(call), node=node, number=OUTSIDE)
    (answer,) = (o for o in desk.router.handle(asked, now=desk.now) if isinstance(o, f.OutgoingAnswered))
    assert (answer.call_id, answer.number) == (call, OUTSIDE)
    return answer.refusal


def live(desk: Desk) -> int:
    return desk.router.floor.callbacks.ledger.live


def surveyed(desk: Desk, *calls: f.CallAdopted, node: NodeId = NODE) -> None:
    desk.give(f.NodeSurveyed(at=desk.now, node=node, epoch=0, calls=calls, seats=()))


def outside(desk: Desk, call: str, *, node: NodeId = NODE, treatment: str = f"number:{OUTSIDE}") -> f.CallAdopted:
    """Return what a survey shows of a caller who talks with somebody outside."""
    place = f.Place(flow="main", flow_version="1", step="queue", treatment=treatment)
    return f.CallAdopted(
        at=desk.now, call_id=CallId(call), node=node, leg=LegId("x"), phase="outside", number="4000", place=place
    )


def test_what_is_asked_twice_is_granted_once() -> None:
    desk = Desk("1001", rules=ONE)
    assert asks(desk, "A") == ""
    assert live(desk) == 1


def test_two_nodes_share_one_limit() -> None:
    desk = Desk("1001", rules=ONE)
    assert asks(desk, "A") == ""
    assert asks(desk, "B", node=FAR) == "too_many_at_once"
    desk.give(f.ForwardEnded(at=desk.now, call_id=CallId("A"), number=OUTSIDE, answered=True))
    assert asks(desk, "B", node=FAR) == ""


@pytest.mark.parametrize(
    "end",
    [
        f.CallEnded(at=0.0, call_id=CallId("A")),
        f.CallFellBack(at=0.0, call_id=CallId("A"), reason="not_handled"),
        f.CallCameBack(at=0.0, call_id=CallId("A"), errand="number", result="failed"),
    ],
    ids=lambda end: type(end).__name__,
)
def test_a_granted_call_counts_until_its_caller_is_not_outside_any_more(end: f.Record) -> None:
    desk = Desk("1001", rules=ONE)
    asks(desk, "A")
    desk.give(end)
    assert live(desk) == 0


def test_who_may_never_be_dialled_is_refused() -> None:
    assert asks(Desk("1001", rules=Policy(trunk=True, allow=("2",))), "A") == "not_allowed"


def test_callbacks_and_callers_led_outside_share_one_limit() -> None:
    desk = ready(Desk("1001", rules=ONE))
    asks(desk, "A")
    assert desk.wish() == []
    desk.give(f.CallEnded(at=desk.now, call_id=CallId("A")))
    assert "call w.1 agent" in desk.after(10)
    assert asks(desk, "B") == "too_many_at_once"


def test_nobody_is_called_back_beside_a_caller_who_was_led_outside_meanwhile() -> None:
    desk = Desk("1001", rules=ONE)
    desk.wish()
    asks(desk, "A")
    assert not [text for text in desk.ready("1001") if text.startswith("call")]


def test_a_remote_agent_who_is_rung_takes_the_place_of_a_callback() -> None:
    desk = Desk(msgspec.structs.replace(profile("1001"), remote_number=OTHER), rules=ONE)
    desk.wish()
    desk.queued("A", entered_at=desk.now - 1_000)
    desk.ready("1001")
    assert desk.router.floor.callbacks.ledger.live == 1
    caller = desk.router.floor.line.get(CallId("w"))
    assert caller is not None
    assert caller.whereabouts == "paused"


# --- across our death ---------------------------------------------------------------------------------------------------


def test_the_calls_of_the_last_hour_count_for_the_next_router() -> None:
    desk = Desk("1001", rules=TWO_AN_HOUR)
    for call in "AB":
        asks(desk, call)
        desk.give(f.CallEnded(at=desk.now, call_id=CallId(call)))
        desk.after(60)
    other = desk.again()
    assert asks(other, "C") == "too_many_per_hour"
    other.after(3_600 - 120)
    assert asks(other, "C") == ""


def test_who_is_outside_counts_for_the_next_router_until_his_node_does_not_show_him_any_more() -> None:
    desk = Desk("1001", rules=ONE)
    asks(desk, "A", node=FAR)
    desk.after(YOUNG_S)
    other = desk.again()
    assert asks(other, "B") == "too_many_at_once"
    surveyed(other, node=NODE)
    assert asks(other, "B") == "too_many_at_once"
    surveyed(other, outside(other, "A", node=FAR), node=FAR)
    assert asks(other, "B") == "too_many_at_once"
    other.give(f.CallEnded(at=other.now, call_id=CallId("A")))
    assert asks(other, "B") == ""


def test_who_left_while_nobody_routed_does_not_count() -> None:
    desk = Desk("1001", rules=ONE)
    asks(desk, "A")
    other = desk.again()
    surveyed(other)
    assert live(other) == 0


def test_who_just_hears_that_he_is_put_through_counts_although_he_is_not_outside_yet() -> None:
    desk = Desk("1001", rules=ONE)
    asks(desk, "A")
    other = desk.again()
    place = f.Place(flow="main", flow_version="1", step="queue", treatment=f"number:{OUTSIDE}")
    session = f.CallAdopted(
        at=other.now, call_id=CallId("A"), node=NODE, leg=LegId("x"), phase="session", number="4000", place=place
    )
    surveyed(other, session)
    assert asks(other, "B") == "too_many_at_once"


def test_what_the_router_before_had_no_time_to_tell_is_learnt_from_the_call_and_from_its_node() -> None:
    desk = Desk("1001", rules=ONE)
    desk.give(f.CallForwarded(at=desk.now, call_id=CallId("A"), queue_id="q", number=OUTSIDE))  # type: ignore[arg-type]
    assert asks(desk, "B") == "too_many_at_once"
    found = Desk("1001", rules=ONE)
    surveyed(found, outside(found, "A"), outside(found, "C", treatment="voicemail"))
    assert live(found) == 1


def test_a_node_that_is_never_heard_of_again_does_not_hold_a_place_for_ever() -> None:
    desk = Desk("1001", rules=ONE)
    asks(desk, "A", node=FAR)
    other = desk.again()
    other.after(3_599)
    assert asks(other, "B") == "too_many_at_once"
    other.after(1)
    assert asks(other, "B") == ""


def test_a_callback_under_way_counts_for_the_next_router_and_is_known_by_its_own_book() -> None:
    desk = ready(Desk("1001", rules=ONE))
    desk.wish()
    other = desk.again()
    assert live(other) == 1
    other.after(10)
    surveyed(other)
    assert live(other) == 0


# --- whatever happens ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_at_no_moment_more_is_granted_than_permitted_whatever_happens_to_routers(seed: int) -> None:
    """Three nodes ask, callers leave (some while nobody routes), routers die; what truly is outside is counted here."""
    luck = random.Random(seed)
    rules = Policy(trunk=True, allow=("1",), at_once=3, per_hour=8)
    desk, nodes = Desk("1001", rules=rules), (NODE, FAR, NodeId("node3"))
    outside_now: dict[str, NodeId] = {}
    begun: list[float] = []
    refused = 0
    for step in range(60):
        desk.after(luck.choice((1, 30, 400)))
        what = luck.random()
        if what < 0.5:
            call, node = f"c{step}", luck.choice(nodes)
            if asks(desk, call, node=node) == "":
                outside_now[call] = node
                begun.append(desk.now)
            else:
                refused += 1
        elif what < 0.8 and outside_now:
            call = luck.choice(sorted(outside_now))
            del outside_now[call]
            desk.give(f.CallEnded(at=desk.now, call_id=CallId(call)))
        elif what >= 0.8:
            for call in [c for c in sorted(outside_now) if luck.random() < 0.3]:
                del outside_now[call]  # nobody hears it
            desk = desk.again()
            for node in nodes:
                surveyed(desk, *(outside(desk, c, node=n) for c, n in outside_now.items() if n == node), node=node)
        assert len(outside_now) <= rules.at_once
        assert sum(at > desk.now - 3_600 for at in begun) <= rules.per_hour
        assert live(desk) >= len(outside_now)
    assert refused
    assert begun
