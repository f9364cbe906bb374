"""What a call's rows say, fact by fact."""

from datetime import timedelta
from typing import Any

import pytest

from crm.fold.projections import agent_row, fold_call, latest_agents
from crm.fold.rows import CallRows, SegmentRow, moment
from hotline.facts import (
    AgentAdded,
    CallAbandoned,
    CallAdopted,
    CallerIdentified,
    CallFellBack,
    CallFlowedOut,
    Fact,
    OfferAccepted,
    OfferBusy,
    OfferFailed,
    OfferRejected,
    OfferRescinded,
    OfferTimedOut,
    OfferUnknown,
    Place,
    RecordingMarked,
    TalkEnded,
)
from hotline.ids import AgentId, CallId, CustomerId, Extension, LegId, NodeId, OfferId, QueueId, RecordingId
from tests.support.envelopes import (
    CALL,
    OFFER,
    QUEUE,
    T0,
    abandoned,
    answered_call,
    arrived,
    ended,
    offered,
    on_offer,
    queued,
    stepped,
    told,
)


def fold(*facts: Fact) -> CallRows:
    return fold_call(told(*facts))


def at(offset: float) -> object:
    return moment(T0 + offset)


def segment(rows: CallRows, kind: str, n: int = 0) -> SegmentRow:
    return [s for s in rows.segments if s.kind == kind][n]


def adopted(offset: float, phase: Any, **more: Any) -> CallAdopted:
    return CallAdopted(
        at=T0 + offset,
        call_id=CALL,
        node=NodeId("node1"),
        leg=LegId("PJSIP/x"),
        phase=phase,
        **more,
    )


def flowed(offset: float, reason: str = "closed") -> CallFlowedOut:
    return CallFlowedOut(at=T0 + offset, call_id=CALL, queue_id=QUEUE, entered_at=T0 + 5, reason=reason)


def fell_back(offset: float, **more: bool) -> CallFellBack:
    return CallFellBack(at=T0 + offset, call_id=CALL, reason="no_heartbeat", **more)


def test_an_answered_call_has_its_times_and_durations() -> None:
    call = fold(*answered_call()).call
    times = (call.arrived_at, call.queued_at, call.answered_at, call.ended_at)
    assert times == (at(0), at(5), at(10), at(30.5))
    assert (call.wait_s, call.ring_s, call.talk_s) == (5.0, 3.5, 20.0)
    assert (call.outcome, call.phase, call.agent_id, call.queue_id) == ("answered", "ended", "1001", "service")
    assert (call.ended_by, call.cause, call.language, call.flow) == ("caller", 16, "zh", "main")
    assert (call.recording_id, call.reconciled, call.adopted) == (RecordingId(OFFER), False, 0)


def test_an_answered_call_has_a_menu_a_wait_and_a_conversation() -> None:
    rows = fold(*answered_call())
    assert [(s.kind, s.outcome, s.duration_s) for s in rows.segments] == [
        ("ivr", "done", 5.0),
        ("queue", "answered", 5.0),
        ("talk", "done", 20.0),
    ]
    assert (rows.segments[1].offer_id, rows.segments[1].agent_id) == (OFFER, "1001")


@pytest.mark.parametrize(
    ("facts", "phase"),
    [
        (0, "ivr"),
        (2, "ivr"),
        (3, "waiting"),
        (4, "ringing"),
        (6, "talking"),
    ],
)
def test_a_living_call_is_live_and_tells_its_phase(facts: int, phase: str) -> None:
    call = fold(*answered_call()[: max(facts, 1)]).call
    assert (call.outcome, call.phase) == ("live", phase)


def test_between_conversation_and_hangup_the_caller_is_back_in_the_flow() -> None:
    assert fold(*answered_call()[:8]).call.phase == "ivr"


def test_a_caller_who_hangs_up_in_the_menu_never_waited() -> None:
    call = fold(arrived(), stepped(1), ended(4)).call
    assert (call.outcome, call.queued_at, call.wait_s) == ("ivr_only", None, None)


@pytest.mark.parametrize(("short", "outcome"), [(False, "abandoned"), (True, "short_abandoned")])
def test_a_caller_who_gives_up_abandons(short: bool, outcome: str) -> None:
    rows = fold(arrived(), queued(), ended(8), abandoned(8, short=short))
    assert (rows.call.outcome, rows.call.wait_s, segment(rows, "queue").short) == (outcome, 3.0, short)


def test_an_abandon_while_ringing_is_marked_and_ends_the_offer() -> None:
    facts = [arrived(), queued(), offered(), on_offer(OfferRescinded, 9, reason="caller_left")]
    rows = fold(*facts, ended(9), abandoned(9, while_ringing=True))
    assert segment(rows, "queue").while_ringing
    assert (rows.offers[0].result, rows.offers[0].reason, rows.offers[0].ring_s) == ("rescinded", "caller_left", 3.0)


def test_an_end_without_a_word_from_the_queue_is_an_inferred_abandon() -> None:
    rows = fold(arrived(), queued(), offered(), ended(9))
    wait = segment(rows, "queue")
    assert (wait.outcome, wait.inferred, wait.while_ringing, wait.ended_at) == ("abandoned", True, True, at(9))
    assert (rows.offers[0].result, rows.offers[0].inferred, rows.call.outcome) == ("unknown", True, "abandoned")


def test_a_caller_sent_away_flowed_out() -> None:
    rows = fold(arrived(), queued(), flowed(9), ended(12))
    assert (rows.call.outcome, segment(rows, "queue").reason) == ("flowed_out", "closed")


@pytest.mark.parametrize(
    ("kind", "more", "result"),
    [
        (OfferTimedOut, {}, "no_answer"),
        (OfferRejected, {}, "rejected"),
        (OfferBusy, {}, "busy"),
        (OfferFailed, {"reason": "unregistered"}, "failed"),
        (OfferRescinded, {"reason": "withdrawn"}, "rescinded"),
        (OfferUnknown, {}, "unknown"),
    ],
)
def test_an_unanswered_offer_leaves_the_caller_waiting(kind: type[Fact], more: dict[str, Any], result: str) -> None:
    rows = fold(arrived(), queued(), offered(), on_offer(kind, 21, **more))
    assert (rows.offers[0].result, rows.offers[0].reason) == (result, more.get("reason", ""))
    assert (rows.call.phase, rows.call.outcome) == ("waiting", "live")


def test_an_answer_that_the_phone_saw_beats_what_was_concluded() -> None:
    facts = answered_call()
    rows = fold(*facts, on_offer(OfferUnknown, 9), abandoned(9.5))
    assert (rows.offers[0].result, segment(rows, "queue").outcome) == ("answered", "answered")


def test_a_second_offer_after_no_answer_counts_the_wait_once() -> None:
    second = OfferId("offer-2")
    rows = fold(
        arrived(),
        queued(),
        offered(),
        on_offer(OfferTimedOut, 21),
        offered(23, offer=second, agent_id=AgentId("1002")),
        on_offer(OfferAccepted, 25, offer=second),
    )
    waits = [s for s in rows.segments if s.kind == "queue"]
    assert [(w.outcome, w.agent_id, w.duration_s) for w in waits] == [("answered", "1002", 20.0)]
    assert rows.call.ring_s == 17.0


def test_moving_to_another_queue_is_a_flow_out_of_the_first() -> None:
    rows = fold(arrived(), queued(), queued(15, queue=QueueId("second")), ended(20))
    assert [(s.queue_id, s.outcome, s.reason) for s in rows.segments] == [
        ("service", "flowed_out", "moved"),
        ("second", "abandoned", ""),
    ]


def test_of_two_endings_of_the_same_moment_the_fact_id_decides_not_the_arrival() -> None:
    envelopes = told(arrived(), queued(), flowed(9), abandoned(9))
    for order in (envelopes, envelopes[::-1]):
        assert [s.outcome for s in fold_call(order).segments] == ["flowed_out"]


def test_giving_up_in_the_second_queue_does_not_touch_the_first() -> None:
    second = QueueId("second")
    left = CallAbandoned(at=T0 + 20, call_id=CALL, queue_id=second, entered_at=T0 + 15, short=True)
    rows = fold(arrived(), queued(), flowed(15, "moved"), queued(15, queue=second), left, ended(20))
    assert [(s.outcome, s.duration_s, s.short) for s in rows.segments] == [
        ("flowed_out", 10.0, False),
        ("abandoned", 5.0, True),
    ]
    early = fold(arrived(), queued(), queued(15, queue=second), left, ended(20))
    assert [s.outcome for s in early.segments] == ["flowed_out", "abandoned"]


def test_the_same_entry_told_again_after_an_adoption_is_the_same_wait() -> None:
    place = Place(flow="main", flow_version="1", step="q", queue_id=QUEUE, entered_at=T0 + 5)
    rows = fold(arrived(), queued(), adopted(60, "session", place=place), queued(60, entered_at=T0 + 5))
    assert [s.kind for s in rows.segments] == ["queue"]
    assert (rows.call.phase, rows.call.adopted) == ("waiting", 1)


def test_a_call_known_only_by_its_adoption_has_its_row() -> None:
    place = Place(flow="main", flow_version="1", step="q", language="en", queue_id=QUEUE, entered_at=T0 + 5)
    found = adopted(60, "session", number="4000", caller_number="123", caller_name="Li", arrived_at=T0, place=place)
    call = fold(found, adopted(90, "session", number="4000", arrived_at=T0 + 1)).call
    assert (call.arrived_at, call.queued_at, call.adopted) == (at(0), at(5), 2)
    assert (call.number, call.caller_number, call.caller_name, call.node) == ("4000", "123", "Li", "node1")
    assert (call.language, call.flow) == ("en", "main")


def test_a_call_found_talking_proves_the_answer_that_nobody_told() -> None:
    rows = fold(arrived(), queued(), offered(), adopted(60, "talking", offer_id=OFFER), ended(70))
    offer = rows.offers[0]
    assert (offer.result, offer.ended_at, offer.inferred, offer.talk_s) == ("answered", at(60), True, 10.0)
    assert (rows.call.outcome, segment(rows, "queue").outcome) == ("answered", "answered")


def test_a_call_found_talking_without_an_offer_counts_as_answered() -> None:
    rows = fold(arrived(), queued(), adopted(60, "talking"), ended(70))
    assert (rows.call.outcome, rows.call.talk_s, segment(rows, "queue").outcome) == ("answered", 10.0, "answered")


def test_an_answer_whose_offer_was_never_told_ends_the_open_wait() -> None:
    rows = fold(arrived(), queued(), on_offer(OfferAccepted, 10), on_offer(TalkEnded, 15), ended(15))
    assert (rows.offers[0].queue_id, rows.offers[0].agent_id) == (QUEUE, None)
    assert segment(rows, "queue").outcome == "answered"


def test_a_conversation_without_its_end_lasts_until_the_call_ends() -> None:
    facts = [f for f in answered_call() if not isinstance(f, TalkEnded)]
    rows = fold(*facts)
    assert (rows.call.talk_s, rows.offers[0].inferred, segment(rows, "talk").inferred) == (20.5, True, True)


def test_a_conversation_without_its_end_lasts_until_the_caller_waits_again() -> None:
    facts = [*answered_call()[:7], queued(25)]
    rows = fold(*facts)
    assert (segment(rows, "talk").ended_at, rows.call.phase) == (at(25), "waiting")


def test_fallback_without_an_answer_is_the_outcome_and_a_flow_out() -> None:
    rows = fold(arrived(), queued(), fell_back(11), ended(60))
    assert (rows.call.outcome, rows.call.fallback_reason) == ("fallback", "no_heartbeat")
    wait = segment(rows, "queue")
    assert (wait.outcome, wait.reason, wait.duration_s) == ("flowed_out", "fallback", 6.0)
    assert segment(rows, "fallback").duration_s == 49.0


def test_fallback_after_a_conversation_stays_answered() -> None:
    assert fold(*answered_call()[:8], fell_back(31), ended(60)).call.outcome == "answered"


def test_an_end_that_was_seen_beats_one_that_was_concluded() -> None:
    concluded = ended(20, reconciled=True, cause=0, ended_by="unknown")
    call = fold(arrived(), concluded, ended(25), ended(26)).call
    assert (call.ended_at, call.cause, call.reconciled) == (at(25), 16, False)


def test_of_several_concluded_ends_the_first_counts() -> None:
    call = fold(arrived(), ended(25, reconciled=True), ended(20, reconciled=True)).call
    assert (call.ended_at, call.reconciled) == (at(20), True)


def test_an_arrival_from_cel_gives_way_to_the_one_that_was_seen() -> None:
    call = fold(arrived(-0.01, reconciled=True, caller_name=""), arrived(0)).call
    assert (call.arrived_at, call.caller_name, call.reconciled) == (at(0), "Li", False)


def test_the_customer_found_is_kept_with_the_name_at_the_time() -> None:
    known = CallerIdentified(at=T0 + 1, call_id=CALL, customer_id=CustomerId("c1"), name="李雷", language="en")
    call = fold(arrived(), known).call
    assert (call.customer_id, call.customer_name, call.language) == ("c1", "李雷", "en")


def test_a_survey_after_the_conversation_is_a_menu_of_its_own() -> None:
    rows = fold(*answered_call()[:8], stepped(32, step="survey"), ended(40))
    menus = [(s.began_at, s.ended_at, s.reason) for s in rows.segments if s.kind == "ivr"]
    assert menus == [(at(0), at(5), "welcome"), (at(30), at(40), "survey")]


def mark(offset: float, problem: str) -> RecordingMarked:
    return RecordingMarked(
        at=T0 + offset,
        call_id=CALL,
        offer_id=OFFER,
        recording_id=RecordingId(OFFER),
        problem=problem,  # type: ignore[arg-type]
    )


def test_the_last_word_about_a_recording_is_its_status() -> None:
    stored_last = fold(*answered_call(), mark(31, "missing")).recordings[0]
    marked_last = fold(*answered_call(), mark(99, "broken")).recordings[0]
    assert (stored_last.status, marked_last.status) == ("stored", "broken")
    assert (marked_last.file, marked_last.agent_id, marked_last.queue_id) == ("2026/11/offer-1.wav", "1001", "service")


def test_a_recording_that_only_began_is_recording() -> None:
    assert fold(*answered_call()[:7]).recordings[0].status == "recording"


def test_who_ended_the_conversation_ended_the_call_when_nobody_else_tells() -> None:
    facts = answered_call()[:8]
    assert fold(*facts, ended(30.2, ended_by="unknown")).call.ended_by == "agent"
    assert fold(*facts, ended(50, ended_by="unknown")).call.ended_by == "unknown"


def test_times_out_of_order_never_give_negative_durations() -> None:
    rows = fold(arrived(), queued(5), offered(6), on_offer(OfferAccepted, 4.9), on_offer(TalkEnded, 4.8), ended(4.7))
    assert all(s.duration_s is None or s.duration_s >= 0 for s in rows.segments)
    assert (rows.call.talk_s, rows.call.wait_s) == (0.0, 0.0)


def test_facts_of_two_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="2 calls"):
        fold(arrived(), arrived(call=CallId("other")))


def test_moments_are_rounded_to_the_microsecond_the_same_way_always() -> None:
    assert moment(T0 + 0.1234564) - moment(T0) == timedelta(microseconds=123456)


def test_of_two_descriptions_of_an_agent_the_later_counts() -> None:
    def added(offset: float, name: str) -> AgentAdded:
        return AgentAdded(at=T0 + offset, agent_id=AgentId("1001"), name=name, extension=Extension("1001"))

    for order in ([added(1, "new"), added(0, "old")], [added(0, "old"), added(1, "new")]):
        assert latest_agents(told(*order))["1001"].name == "new"
    assert agent_row(told(arrived())[0]) is None
