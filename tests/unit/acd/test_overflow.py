"""Rules of overflow, full and closed queues, closing time."""

from datetime import UTC, date, datetime

import msgspec
import pytest

from acd.core.callers.overflow import RETRY_S, SWEEP_S
from acd.estimates.wait import Estimate
from hotline import commands as c
from hotline import facts as f
from hotline.dialling import Policy
from hotline.hours import Hours
from hotline.ids import CallbackId, CallId, QueueId, VoicemailId
from hotline.settings.queues import Overflow, Queue
from tests.unit.acd.play import NODE, START, Play, profile


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


def wish(play: Play) -> f.CallbackRequested:
    return f.CallbackRequested(
        at=play.now, callback_id=CallbackId("w"), queue_id=QueueId("q"), number="13800138000", entered_at=play.now,
        dialled="4", flow="main", flow_version="1", step="queue",
    )  # fmt: skip


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


def test_a_node_whose_clock_is_ahead_of_ours_sends_nobody_back_in_time() -> None:
    """Where he goes next his time of entry is when he left; were it not later than the last one, nobody would let him in."""
    queues = (
        Queue(id="q", overflow=(rule("length", "queue:b", 1),), max_waiting=2, when_full="queue:b"),
        Queue(id="b"),
    )
    play = Play("1", queues=queues)
    ahead = play.now + 5
    play.queued("A")
    for call, reason in (("B", "overflow"), ("C", "overflow")):
        play.queued(call, entered_at=ahead)
        assert play.after(0) == [f"flowed out {call} {reason} -> queue:b"]
    play.queued("X")
    assert play.queued("D", entered_at=ahead) == ["flowed out D full -> queue:b"]
    left = play.out[0]
    assert isinstance(left, f.CallFlowedOut)
    assert left.at > ahead
    play.queued("D", "b", entered_at=left.at, since=ahead, before=(QueueId("q"),))
    assert [w.call_id for w in play.router.floor.line.waiting(QueueId("b"))] == ["B", "C", "D"]


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


def test_who_stands_in_a_long_line_when_a_router_takes_over_stays_there() -> None:
    play = Play("1", overflow=(rule("length", "voicemail", 1),))
    for call in ("A", "B", "C"):
        play.adopted(call, "session")
    assert play.after(60) == []
    play.queued("D")
    assert play.after(0) == ["flowed out D overflow -> voicemail"]


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


def test_who_moves_up_because_those_before_him_leave_is_judged_by_his_new_place() -> None:
    play = two(rule("expected_wait", "callback", 100))
    for call in ("A", "B"):
        play.queued(call)
        play.after(0)
    first_waits_long = lambda _queue, position, _now: Estimate(150 if position == 1 else 60, 300)  # noqa: E731
    play.router.floor.estimates.of = first_waits_long  # type: ignore[assignment]
    assert play.after(SWEEP_S) == ["flowed out A overflow -> callback", "flowed out B overflow -> callback"]


def test_a_callback_does_not_overflow() -> None:
    rules = (rule("nobody_logged_in", "voicemail"),)
    play = Play("1", overflow=rules, house={"outbound": Policy(trunk=True, allow=("1",))})
    play.give(wish(play))
    assert play.after(60) == []
    assert len(play.router.floor.line) == 1


def test_the_estimate_that_counts_is_that_of_his_place_and_without_anybody_on_duty_there_is_none() -> None:
    play = Play("1", overflow=(rule("expected_wait", "voicemail", 200),))
    play.queued("nobody is there")
    assert play.after(SWEEP_S) == []
    play.ready("1")
    play.answered("nobody is there")
    play.queued("A")
    assert play.after(0) == [], "about two minutes, as long as conversations last as a rule"
    for call in ("B", "C"):
        play.queued(call)
        play.after(0)
    assert [w.call_id for w in play.router.floor.line.waiting(QueueId("q"))] == ["A"]


# --- full and closed ------------------------------------------------------------------------------------------------------------


def test_a_full_queue_treats_newcomers_as_it_says() -> None:
    play = Play("1", max_waiting=1, when_full="announce:full")
    play.queued("A")
    assert play.queued("B") == ["flowed out B full -> announce:full"]


def test_a_full_queue_that_says_nothing_hands_them_to_the_fallback() -> None:
    play = Play("1", max_waiting=1)
    play.queued("A")
    assert play.queued("B") == ["release B full", "flowed out B full"]


def test_callbacks_take_up_no_place_of_those_who_are_on_the_line() -> None:
    play = Play("1", max_waiting=1, house={"outbound": Policy(trunk=True, allow=("1",))})
    play.give(wish(play))
    assert play.queued("A") == []
    assert play.queued("B") == ["release B full", "flowed out B full"]


def test_from_a_full_queue_to_a_full_queue_is_the_fallback() -> None:
    play = Play("1", queues=(Queue(id="q", max_waiting=1, when_full="queue:q2"), Queue(id="q2", max_waiting=1)))
    play.queued("A")
    play.queued("B", "q2")
    assert play.queued("C") == ["release C full", "flowed out C full"]


def test_from_a_full_queue_back_to_one_that_let_him_out_is_the_fallback() -> None:
    play = Play("1", queues=(Queue(id="q"), Queue(id="b", max_waiting=1, when_full="queue:q")))
    play.queued("A", "b")
    assert play.queued("B", "b", before=(QueueId("q"),)) == ["release B full", "flowed out B full"]
    assert play.queued("C", "b") == ["flowed out C full -> queue:q"]


def test_who_joins_a_full_line_from_another_waits_in_neither() -> None:
    play = Play("1", queues=(Queue(id="q"), Queue(id="b", max_waiting=1)))
    play.queued("A", "b")
    play.queued("B")
    play.after(1)
    assert play.queued("B", "b") == ["flowed out B moved", "release B full", "flowed out B full"]
    assert [caller.call_id for caller in play.router.floor.line] == ["A"]


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


def test_at_closing_time_a_queue_that_cannot_take_them_over_is_the_fallback() -> None:
    queues = (Queue(id="q", opening="office", at_closing="queue:b"), Queue(id="b", max_waiting=1))
    play = Play("1", queues=queues, house={"hours": {"office": OFFICE}})
    play.now = MONDAY + 16.9 * 3600
    for call in ("A", "B"):
        play.queued(call)
    lines = play.after(400)
    assert lines == ["flowed out A closing -> queue:b", "release B closing", "flowed out B closing"]


def test_closing_time_comes_after_weeks_without_opening_too() -> None:
    holidays = frozenset({date(2026, 1, 12), date(2026, 1, 19)})
    hours = {"office": msgspec.structs.replace(OFFICE, closed_dates=holidays)}
    play = Play("1", opening="office", at_closing="hang_up", house={"hours": hours})
    play.now = MONDAY + 18 * 3600
    play.ask("1", "log_in")
    play.after(21 * 86_400 - 2 * 3600)
    play.queued("A")
    assert play.after(3600) == ["flowed out A closing -> hang_up"]


def test_who_is_rung_for_at_closing_time_may_still_be_answered() -> None:
    play = office(16.999, at_closing="hang_up")
    play.ready("1")
    play.queued("A")
    assert play.after(10) == []
    assert play.unanswered("A")[-2:] == ["1 reserved -> rest (no_answer)", "flowed out A closing -> hang_up"]


def test_who_is_found_waiting_after_closing_time_is_treated_too() -> None:
    play = office(18, at_closing="voicemail")
    found = play.adopted("A", "session", entered_at=MONDAY + 16 * 3600)
    assert found == ["flowed out A closing -> voicemail"]


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


def let_out_by_a_router_that_died() -> Play:
    """The heir was told that he waits, for his node had not kept yet that he was let out for a treatment."""
    play = Play("1", overflow=(rule("waited", "voicemail", 5),))
    play.queued("A")
    play.after(4.9)
    heir = play.reborn()
    heir.adopted("A", "session")
    assert len(heir.router.floor.line) == 1
    heir.now += 0.05
    return heir


def test_whose_message_is_recorded_waits_no_more() -> None:
    heir = let_out_by_a_router_that_died()
    began = f.VoicemailBegan(
        at=heir.now, call_id=CallId("A"), node=NODE, message_id=VoicemailId("A.m1"), queue_id=QueueId("q"), max_s=60
    )
    assert heir.give(began) == []
    assert heir.after(60) == []
    assert heir.ready("1") == ["1 offline -> ready"]


def test_who_is_seen_to_be_led_outside_waits_no_more() -> None:
    heir = let_out_by_a_router_that_died()
    assert heir.adopted("A", "outside", treatment="voicemail") == []
    assert len(heir.router.floor.line) == 0


def test_who_is_seen_to_be_treated_already_waits_no_more() -> None:
    heir = let_out_by_a_router_that_died()
    assert heir.adopted("A", "session", treatment="announce:closed") == []
    assert len(heir.router.floor.line) == 0


def test_old_news_of_an_errand_take_nobody_out_of_a_line() -> None:
    play = Play("1")
    play.queued("A", entered_at=play.now + 1)
    play.give(f.CallForwarded(at=play.now, call_id=CallId("A"), queue_id=QueueId("q"), number="1"))
    assert len(play.router.floor.line) == 1


@pytest.mark.parametrize("outcome", [c.Done(), c.Refused(reason="no"), c.Unknown(reason="late")])
def test_whatever_becomes_of_the_release_he_left_once(outcome: c.Outcome) -> None:
    play = Play("1", overflow=(rule("waited", "fallback", 1),))
    play.queued("A")
    play.after(1)
    assert play.outcome(c.Release, outcome) == []
    assert len(play.router.floor.line) == 0
