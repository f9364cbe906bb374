"""Limits of outgoing calls hold for the house: whatever dials, at whichever node, and whichever router is active."""

import random

import msgspec
import pytest

from acd.callbacks import turns
from acd.core.agents.roster import Profile
from acd.core.talks.forwards import YOUNG_S
from acd.core.views import why_view
from hotline import commands as c
from hotline import facts as f
from hotline.dialling import Policy
from hotline.ids import CallbackId, CallId, LegId, NodeId
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


# --- agents at external numbers -----------------------------------------------------------------------------------------


def far(agent: str) -> Profile:
    """Return an agent at an external number."""
    return msgspec.structs.replace(profile(agent), remote_number=f"1391111{agent}")


def why(desk: Desk, call: str) -> list[tuple[str, int]]:
    """Return why nobody is rung for a caller: reasons, and of how many agents."""
    waiting = why_view(desk.router.floor, CallId(call), desk.now).waiting
    assert waiting is not None
    return [(o.code, o.agents) for o in waiting.why_nobody]


def test_when_the_limit_is_used_up_a_remote_agent_is_not_rung_and_others_are() -> None:
    desk = Desk(far("1001"), far("1002"), "1003", rules=ONE)
    desk.ready("1001", "1002", "1003")
    assert desk.queued("A")[0] == "offer A 1001"
    assert desk.queued("B")[0] == "offer B 1003"
    (passed,) = desk.router.why(CallId("B"))[0].agents_passed
    assert (passed.agent_id, [r.code for r in passed.reasons]) == ("1002", ["outgoing_limit"])
    assert desk.queued("C") == []
    assert why(desk, "C") == [("in_call", 2), ("outgoing_limit", 1)]
    assert live(desk) == 1


@pytest.mark.parametrize("how", ["no answer", "busy", "refused", "withdrawn", "nobody tells", "hung up", "talked"])
def test_the_place_is_given_back_however_the_ring_ends_and_goes_to_who_waits(how: str) -> None:
    desk = Desk(far("1001"), far("1002"), rules=ONE)
    desk.ready("1001", "1002")
    desk.queued("A")
    assert desk.queued("B", entered_at=desk.now - 600) == []
    match how:
        case "no answer":
            said = desk.told(f.OfferTimedOut, "A")
        case "busy":
            said = desk.told(f.OfferBusy, "A")
        case "refused":
            said = desk.outcome(c.Ring, c.Refused(reason="unknown_channel"))
        case "withdrawn":
            said = desk.told(f.OfferRescinded, "A", reason="agent_left")
        case "nobody tells":
            said = desk.after(30)
        case "hung up":
            desk.ended("A")
            said = desk.told(f.OfferRescinded, "A", reason="caller_left")
        case _:
            desk.answered("A")
            assert desk.after(600) == []
            said = desk.told(f.TalkEnded, "A")
    assert [text for text in said if text.startswith("offer B")]
    assert live(desk) == 1


def test_a_place_that_somebody_else_gives_back_goes_to_a_remote_agent() -> None:
    desk = Desk(far("1001"), rules=ONE)
    asks(desk, "A")
    desk.ready("1001")
    assert desk.queued("B") == []
    assert desk.give(f.CallEnded(at=desk.now, call_id=CallId("A")))[0] == "offer B 1001"
    assert asks(desk, "C") == "too_many_at_once"


def test_what_is_used_up_of_an_hour_comes_back_as_the_hour_passes() -> None:
    desk = Desk(far("1001"), rules=TWO_AN_HOUR)
    for call in "AB":
        asks(desk, call)
        desk.give(f.CallEnded(at=desk.now, call_id=CallId(call)))
        desk.after(60)
    desk.ready("1001")
    assert desk.queued("C") == []
    assert why(desk, "C") == [("outgoing_limit", 1)]
    assert desk.after(3_600 - 121 - 1) == []
    assert desk.after(1)[0] == "offer C 1001"
    assert desk.told(f.OfferTimedOut, "C") == []
    desk.returned("C")
    assert desk.after(59 - 1) == []
    assert "offer C 1001" in desk.after(2)


def test_of_many_who_wait_only_as_many_are_given_to_remote_agents_as_may_be_called() -> None:
    rules = Policy(trunk=True, allow=("1",), at_once=3)
    desk = Desk(*(far(f"10{n:02}") for n in range(20)), rules=rules)
    for n in range(20):
        desk.queued(f"A{n:02}")
    desk.ready(*(f"10{n:02}" for n in range(20)))
    assert live(desk) == 3
    desk.link(up=False)
    desk.snapshot(*(f"A{n:02}" for n in range(20)))
    desk.link(up=True)
    assert live(desk) == 3


def test_a_remote_agent_is_asked_by_another_one_only_within_the_limit() -> None:
    desk = Desk("1001", far("1002"), rules=ONE)
    desk.ready("1001", "1002")
    desk.queued("A")
    desk.answered("A")
    asks(desk, "B")
    assert desk.wants("1001", "consult", "agent:1002") == ["refused 1001 too_many_at_once"]
    assert desk.wants("1001", "consult", "queue:q") == ["refused 1001 nobody_free"]
    desk.give(f.CallEnded(at=desk.now, call_id=CallId("B")))
    assert "consult A 1002" in desk.wants("1001", "consult", "agent:1002")


@pytest.mark.parametrize(("at_once", "called"), [(1, False), (2, True)])
def test_a_callback_by_a_remote_agent_takes_two_places(at_once: int, called: bool) -> None:
    desk = Desk(far("1001"), rules=Policy(trunk=True, allow=("1",), at_once=at_once))
    desk.ready("1001")
    assert ("call w.1 agent" in desk.wish()) is called
    assert why(desk, "w") == [("outgoing_limit", 1)] if not called else live(desk) == 2


def test_a_callback_waits_for_two_places_while_callers_take_the_last_one() -> None:
    desk = Desk(far("1001"), far("1002"), rules=Policy(trunk=True, allow=("1",), at_once=2))
    asks(desk, "A")
    desk.ready("1001", "1002")
    assert desk.wish() == []
    assert desk.queued("B")[0] == "offer B 1001"
    desk.give(f.CallEnded(at=desk.now, call_id=CallId("A")))
    assert "call w.1 agent" not in desk.after(10)
    assert "call w.1 agent" in desk.told(f.OfferTimedOut, "B")


def test_a_customer_who_was_dialled_ahead_needs_no_second_place_for_himself() -> None:
    desk = Desk(far("1001"), rules=Policy(trunk=True, allow=("1",), at_once=2), first="customer", ahead_s=30)
    desk.wish()
    callback = desk.router.floor.callbacks.get(CallbackId("w"))
    assert callback is not None
    turns.dial_ahead(desk.router.floor, callback, desk.now)
    desk.there()
    desk.ready("1001")
    assert desk.state("1001") == "reserved"
    assert live(desk) == 2


def test_the_limit_holds_for_remote_agents_across_our_death() -> None:
    desk = Desk(far("1001"), far("1002"), "1003", rules=ONE)
    desk.ready("1001", "1002")
    desk.queued("A")
    desk.answered("A")
    offer = desk.last_offer("A")
    other = Desk(far("1001"), far("1002"), "1003", rules=ONE)
    other.now = desk.now
    other.router.restore(desk.remembered(), now=other.now)
    surveyed(other, other.found("A", "talking", offer=offer))
    assert other.queued("B", entered_at=other.now) == []
    assert why(other, "B") == [("in_call", 1), ("not_logged_in", 1), ("outgoing_limit", 1)]
    assert "offer B 1002" in other.told(f.TalkEnded, "A", offer)


def test_a_ring_of_an_agent_who_is_no_more_counts_no_longer_after_our_death() -> None:
    desk = Desk(far("1001"), rules=ONE)
    desk.ready("1001")
    desk.queued("A")
    heir = Desk(far("1002"), rules=ONE)
    heir.router.restore(desk.remembered(), now=heir.now)
    assert live(heir) == 0


@pytest.mark.parametrize("seed", range(10))
def test_whatever_happens_remote_agents_are_rung_within_the_limit_and_nobody_is_left_who_may_be(seed: int) -> None:
    """Callers come and go, are answered or not, or nobody tells; flows lead others outside."""
    luck = random.Random(f"remote {seed}")
    rules = Policy(trunk=True, allow=("1",), at_once=2, per_hour=30)
    agents = [far("1001"), far("1002"), far("1003"), far("1004"), profile("1005")]
    desk = Desk(*agents, rules=rules)
    desk.ready(*(agent.id for agent in agents))
    calls: set[str] = set()
    held = 0
    for step in range(80):
        desk.after(luck.choice((0.5, 2, 30, 200)))
        what = luck.random()
        if what < 0.45:
            calls.add(f"c{step}")
            desk.queued(f"c{step}")
        elif what < 0.55:
            asks(desk, f"o{step}")
        elif what < 0.65:
            desk.give(f.CallEnded(at=desk.now, call_id=CallId(f"o{luck.randrange(step + 1)}")))
        elif calls:
            _goes_on(desk, luck, luck.choice(sorted(calls)), calls)
        desk.ready(*(a.id for a in agents if desk.state(a.id) in ("break", "wrap_up", "rest")))
        floor = desk.router.floor
        ledger = floor.callbacks.ledger
        assert ledger.live <= rules.at_once
        assert ledger.last_hour(desk.now) <= rules.per_hour
        at_limit = ledger.live == rules.at_once or ledger.last_hour(desk.now) == rules.per_hour
        free = [a for a in floor.agents if a.state == "ready" and not (a.profile.remote_number and at_limit)]
        waiting = [caller for caller in floor.line if floor.can_offer(caller) and not caller.refusals]
        assert not (free and waiting), f"{waiting[0].call_id} waits beside {free[0].id}"
        held += at_limit and bool(waiting)
    assert held, "the limit was never reached while somebody waited"


def _goes_on(desk: Desk, luck: random.Random, call: str, calls: set[str]) -> None:
    """Something happens to a caller: his ring is answered or not, his conversation ends, or he hangs up."""
    offer = desk.router.floor.offers.of_call(CallId(call))
    what = luck.random()
    if offer is not None and offer.phase == "talking":
        desk.told(f.TalkEnded, call, offer.offer_id)
    elif offer is not None and what < 0.4:
        desk.told(f.OfferAccepted, call, offer.offer_id)
        return
    elif offer is not None and what < 0.7:
        desk.told(luck.choice((f.OfferTimedOut, f.OfferRejected, f.OfferBusy)), call, offer.offer_id)
        desk.returned(call, offer=offer.offer_id)
        return
    elif offer is not None and what < 0.8:
        return  # nobody tells how it ended
    desk.ended(call)
    calls.discard(call)


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
