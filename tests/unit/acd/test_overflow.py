"""Rules of overflow, full and closed queues, closing time."""

from datetime import UTC, datetime

import pytest

from acd.core.callers.overflow import RETRY_S, SWEEP_S
from acd.estimates.wait import Estimate
from hotline import commands as c
from hotline import facts as f
from hotline.hours import Hours
from hotline.ids import CallId, QueueId
from hotline.settings.queues import Overflow, Queue
from tests.unit.acd.play import START, Play, profile


def rule(when: str, to: str, over: float = 0.0) -> Overflow:
    return Overflow(when=when, over=over, to=to)  # type: ignore[arg-type]


def two(*overflow: Overflow, **second: object) -> Play:
    """Nobody ready; a queue with rules, and another."""
    queues = (Queue(id="q", overflow=overflow), Queue(id="other", **second))  # type: ignore[arg-type]
    return Play("1", profile("2", queues=("other",)), queues=queues)


def expect(play: Play, median_s: float) -> None:
    """From now on the first in line is expected to wait for so long, the second twice as long, and so on."""

    def of(_queue_id: QueueId, position: int, _now: float) -> Estimate:
        return Estimate(median_s * position, 3 * median_s * position)

    play.router.floor.estimates.of = of  # type: ignore[method-assign]


# --- after a wait ---------------------------------------------------------------------------------------------------------


def test_who_waited_for_too_long_is_treated_and_never_before() -> None:
    play = Play("1", overflow=(rule("waited", "voicemail", 60),))
    play.queued("A")
    assert play.after(59.9) == []
    assert play.after(0.1) == ["flowed out A overflow -> voicemail"]
    assert play.router.floor.line.get(CallId("A")) is None


def test_the_fallback_queue_is_the_routers_own_work_as_ever() -> None:
    play = Play("1", overflow=(rule("waited", "fallback", 60),))
    play.queued("A")
    assert play.after(60) == ["release A overflow", "flowed out A overflow"]


def test_in_another_queue_he_keeps_the_time_waited_and_his_priority() -> None:
    play = two(rule("waited", "queue:other", 60))
    play.queued("old", priority=3)
    play.after(50)
    play.queued("new", "other", priority=3)
    assert play.after(10) == ["flowed out old overflow -> queue:other"]
    out = next(o for o in play.out if isinstance(o, f.CallFlowedOut))
    assert (out.queue_id, out.entered_at, out.at) == ("q", START, START + 60)
    waiting = list(play.router.floor.line.waiting(QueueId("other")))
    assert [w.call_id for w in waiting] == ["old", "new"]
    moved = waiting[0]
    assert (moved.entered_at, moved.waits_since, moved.priority, moved.before) == (START + 60, START, 3, ("q",))


def test_there_he_is_rung_for_at_once() -> None:
    play = two(rule("waited", "queue:other", 60))
    play.ready("2")
    play.queued("A")
    lines = play.after(60)
    assert lines[:2] == ["flowed out A overflow -> queue:other", "offer A 2"]
    made = next(o for o in play.out if isinstance(o, f.OfferMade))
    assert (made.queue_id, made.entered_at) == ("other", play.now)


def test_that_he_is_told_as_queued_there_by_the_call_flow_changes_nothing() -> None:
    play = two(rule("waited", "queue:other", 60))
    play.queued("A")
    play.after(60)
    assert play.queued("A", "other", entered_at=START + 60, since=START, before=(QueueId("q"),)) == []
    assert play.router.floor.line.length(QueueId("other")) == 1


def test_that_he_is_told_as_queued_at_his_old_place_brings_the_treatment_once_more() -> None:
    play = two(rule("waited", "queue:other", 60))
    play.queued("A")
    play.after(61)
    assert play.queued("A", entered_at=START) == ["flowed out A overflow -> queue:other"]
    assert play.router.floor.line.length(QueueId("q")) == 0


def test_the_rules_of_the_next_queue_count_the_whole_wait() -> None:
    play = two(rule("waited", "queue:other", 60), overflow=(rule("waited", "voicemail", 90),))
    play.queued("A")
    assert play.after(60) == ["flowed out A overflow -> queue:other"]
    assert play.after(29) == []
    assert play.after(1) == ["flowed out A overflow -> voicemail"]


def test_nobody_goes_in_circles() -> None:
    play = two(rule("waited", "queue:other", 10), overflow=(rule("waited", "queue:q", 10),))
    play.queued("A")
    assert play.after(10) == ["flowed out A overflow -> queue:other"]
    assert play.after(600) == []
    assert play.router.floor.line.get(CallId("A")) is not None


def test_a_rule_that_cannot_be_had_does_not_apply_and_the_next_one_counts() -> None:
    play = two(rule("waited", "queue:other", 10), rule("waited", "voicemail", 30), max_waiting=1)
    play.queued("X", "other")
    play.queued("A")
    assert play.after(29) == []
    assert play.after(1 + RETRY_S) == ["flowed out A overflow -> voicemail"]


def test_who_stayed_because_a_queue_was_full_goes_when_there_is_room() -> None:
    play = two(rule("waited", "queue:other", 10), max_waiting=1)
    play.queued("X", "other")
    play.queued("A")
    play.after(20)
    play.ended("X")
    assert play.after(RETRY_S) == ["flowed out A overflow -> queue:other"]


# --- a ringing phone --------------------------------------------------------------------------------------------------------


def test_nobody_is_torn_away_from_a_ringing_phone() -> None:
    play = Play("1", overflow=(rule("waited", "voicemail", 5),))
    play.queued("A")
    play.after(2)
    play.ready("1")
    assert "flowed out A overflow -> voicemail" not in play.after(8)
    assert play.answered("A")[-1] == "1 ringing -> talking"


def test_after_a_ring_that_nobody_answered_he_overflows_before_another_phone_rings() -> None:
    play = Play("1", "2", overflow=(rule("waited", "voicemail", 5),))
    play.queued("A")
    play.ready("1")
    play.after(10)
    play.ready("2")
    lines = play.unanswered("A")
    assert "flowed out A overflow -> voicemail" in lines
    assert not any(line.startswith("ring A") for line in lines)


def test_while_his_node_cannot_be_reached_he_stays_and_goes_when_it_is_back() -> None:
    play = Play("1", overflow=(rule("waited", "voicemail", 5),))
    play.arrived("A")
    play.queued("A")
    play.link(up=False)
    assert play.after(60) == []
    play.link(up=True)
    assert play.snapshot("A") == ["flowed out A overflow -> voicemail"]


# --- the other rules ----------------------------------------------------------------------------------------------------------


def test_who_joins_a_line_that_is_too_long_overflows_and_those_before_him_stay() -> None:
    play = Play("1", overflow=(rule("length", "callback", 2),))
    for call in ("A", "B"):
        play.queued(call)
        assert play.after(1) == []
    play.queued("C")
    assert play.after(0) == ["flowed out C overflow -> callback"]
    assert play.after(600) == []


def test_who_is_served_at_once_does_not_overflow() -> None:
    play = Play("1", overflow=(rule("length", "voicemail", 0), rule("nobody_logged_in", "voicemail")))
    play.ready("1")
    assert play.queued("A")[:1] == ["offer A 1"]
    assert play.after(1) == []


def test_where_nobody_is_logged_in_nobody_waits() -> None:
    play = Play("1", overflow=(rule("nobody_logged_in", "number:12345"),))
    play.queued("A")
    assert play.after(0) == ["flowed out A overflow -> number:12345"]


def test_an_agent_on_a_break_is_logged_in_and_the_last_one_to_log_out_lets_them_go() -> None:
    play = Play("1", overflow=(rule("nobody_logged_in", "voicemail"),))
    play.ask("1", "log_in")
    play.queued("A")
    assert play.after(60) == []
    play.ask("1", "log_out")
    assert play.after(SWEEP_S) == ["flowed out A overflow -> voicemail"]


def test_a_wait_that_is_expected_to_be_long_overflows_and_an_unknown_one_does_not() -> None:
    play = two(rule("expected_wait", "callback", 100))
    play.queued("A")
    assert play.after(20) == []
    expect(play, 60)
    play.queued("B")
    assert play.after(0) == ["flowed out B overflow -> callback"]
    assert play.after(20) == []
    expect(play, 101)
    assert play.after(SWEEP_S) == ["flowed out A overflow -> callback"]


# --- full and closed ------------------------------------------------------------------------------------------------------------


def test_a_full_queue_treats_newcomers_as_it_says() -> None:
    play = Play("1", max_waiting=1, when_full="announce:full")
    play.queued("A")
    assert play.queued("B") == ["flowed out B full -> announce:full"]


def test_a_full_queue_that_says_nothing_hands_them_to_the_fallback() -> None:
    play = Play("1", max_waiting=1)
    play.queued("A")
    assert play.queued("B") == ["release B full", "flowed out B full"]


def test_from_a_full_queue_to_a_full_queue_is_the_fallback() -> None:
    play = Play("1", queues=(Queue(id="q", max_waiting=1, when_full="queue:q2"), Queue(id="q2", max_waiting=1)))
    play.queued("A")
    play.queued("B", "q2")
    assert play.queued("C") == ["release C full", "flowed out C full"]


OFFICE = Hours(timezone="UTC", weekly={"mon": ((9 * 60, 17 * 60),)})
MONDAY = datetime(2026, 1, 5, tzinfo=UTC).timestamp()


def office(hour: float, **queue: object) -> Play:
    play = Play("1", opening="office", house={"hours": {"office": OFFICE}}, **queue)
    play.now = MONDAY + hour * 3600
    return play


def test_who_comes_when_it_is_closed_is_treated_as_it_says() -> None:
    assert office(8.9, when_closed="voicemail").queued("A") == ["flowed out A closed -> voicemail"]
    assert office(9.0, when_closed="voicemail").queued("A") == []
    assert office(17.0).queued("A") == ["release A closed", "flowed out A closed"]


def test_who_came_in_time_is_still_served_after_closing_time() -> None:
    play = office(16.9)
    play.queued("A")
    play.after(3600)
    assert play.ready("1")[1:3] == ["offer A 1", "1 ready -> reserved"]


def test_at_closing_time_those_who_wait_are_treated_as_it_says() -> None:
    play = office(16.9, at_closing="announce:closed")
    play.queued("A")
    assert play.after(359) == []
    assert play.after(1) == ["flowed out A closing -> announce:closed"]


def test_who_is_rung_for_at_closing_time_may_still_be_answered() -> None:
    play = office(16.999, at_closing="hang_up")
    play.ready("1")
    play.queued("A")
    assert play.after(10) == []
    assert play.unanswered("A")[-2:] == ["1 reserved -> rest (no_answer)", "flowed out A closing -> hang_up"]


def test_who_is_found_waiting_after_closing_time_is_treated_too() -> None:
    play = office(18, at_closing="voicemail")
    play.adopted("A", "session", entered_at=MONDAY + 16 * 3600)
    assert play.after(0) == ["flowed out A closing -> voicemail"]


def test_a_closed_queue_takes_nobody_over() -> None:
    queues = (Queue(id="q", overflow=(rule("waited", "queue:office", 5),)), Queue(id="office", opening="office"))
    play = Play("1", queues=queues, house={"hours": {"office": OFFICE}})
    play.now = MONDAY
    play.queued("A")
    assert play.after(60) == []


# --- deaths -----------------------------------------------------------------------------------------------------------------------


def test_who_left_for_a_treatment_and_is_found_with_it_does_not_wait_for_a_new_router() -> None:
    play = Play("1", overflow=(rule("waited", "voicemail", 5),))
    play.queued("A")
    play.after(5)
    heir = play.reborn()
    found = heir.found("A", "session")
    assert found.place is not None
    heir.give(f.NodeSurveyed(at=heir.now, node=found.node, epoch=0, calls=(), seats=()))
    treated = f.Place(flow="main", flow_version="1", step="queue", treatment="voicemail", treated_queue=QueueId("q"))
    lines = heir.give(
        f.CallAdopted(at=heir.now, call_id=CallId("A"), node=found.node, leg=found.leg, phase="outside", place=treated)
    )
    assert lines == []
    assert len(heir.router.floor.line) == 0


def test_an_adopted_caller_keeps_where_he_was_and_since_when_he_waits() -> None:
    play = two(rule("waited", "queue:other", 60))
    play.now += 100
    play.adopted("A", "session", entered_at=START + 90, since=START, before=(QueueId("other"),))
    caller = play.router.floor.line.get(CallId("A"))
    assert caller is not None
    assert (caller.waits_since, caller.before) == (START, ("other",))
    assert play.after(60) == [], "the other queue let him out before"


@pytest.mark.parametrize("outcome", [c.Done(), c.Refused(reason="no"), c.Unknown(reason="late")])
def test_whatever_becomes_of_the_release_he_left_once(outcome: c.Outcome) -> None:
    play = Play("1", overflow=(rule("waited", "fallback", 1),))
    play.queued("A")
    play.after(1)
    assert play.outcome(c.Release, outcome) == []
    assert len(play.router.floor.line) == 0
