"""How an offer ends, and what follows for agent and caller."""

import pytest

from hotline import commands as c
from hotline import facts as f
from tests.unit.acd.play import Play


def ringing(*agents: str, **queue: object) -> Play:
    """Return a play in which the first agent is rung for A."""
    play = Play(*(agents or ("1001",)), **queue)
    play.ready(*(agents or ("1001",)))
    play.queued("A")
    return play


def talking(**queue: object) -> Play:
    play = ringing(**queue)
    play.answered("A")
    return play


def test_ring_answer_talk_wrap_up_and_ready_again():
    play = ringing(wrap_up_s=10)
    assert play.told(f.OfferRang, "A") == ["1001 reserved -> ringing"]
    assert play.told(f.OfferAccepted, "A") == ["1001 ringing -> talking"]
    assert play.told(f.TalkEnded, "A") == ["1001 talking -> wrap_up"]
    assert play.after(9.9) == []
    assert play.after(0.2) == ["1001 wrap_up -> ready (wrap_up_over)"]


def test_an_answer_without_a_ring_counts():
    play = ringing()
    assert play.told(f.OfferAccepted, "A") == ["1001 reserved -> talking"]
    assert play.told(f.OfferRang, "A") == []


def test_without_wrap_up_the_agent_is_ready_at_once():
    play = talking(wrap_up_s=0)
    play.queued("B")
    assert play.told(f.TalkEnded, "A") == [
        "1001 talking -> ready",
        "offer B 1001",
        "1001 ready -> reserved",
        "ring B 1001",
    ]


def test_wrap_up_can_be_ended():
    play = talking(wrap_up_s=60)
    play.told(f.TalkEnded, "A")
    assert play.ask("1001", "end_wrap_up") == ["1001 wrap_up -> ready"]
    assert play.after(100) == []


def test_an_agent_who_does_not_answer_rests_and_the_caller_keeps_his_place():
    play = ringing("1001", "1002", rest_after_no_answer_s=10)
    play.ask("1002", "not_ready")
    play.now += 5
    play.queued("B")
    play.told(f.OfferRang, "A")
    assert play.told(f.OfferTimedOut, "A") == ["1001 ringing -> rest (no_answer)"]
    play.now += 1
    assert play.returned("A") == []
    assert play.ask("1002", "ready")[1] == "offer A 1002"
    assert play.after(10.1)[:2] == ["1001 rest -> ready (rest_over)", "offer B 1001"]


def test_without_a_rest_he_goes_to_the_end_of_the_idle_agents():
    play = ringing("1001", "1002", rest_after_no_answer_s=0)
    play.now += 1
    play.told(f.OfferTimedOut, "A")
    assert play.returned("A")[0] == "offer A 1002"


def test_the_caller_is_not_offered_before_he_is_back():
    play = ringing("1001", "1002")
    play.told(f.OfferTimedOut, "A")
    assert play.state("1002") == "ready"
    assert play.returned("A")[0] == "offer A 1002"


def test_too_many_rings_in_a_row_without_an_answer_set_a_break():
    play = ringing(rest_after_no_answer_s=1, no_answers_before_break=2)
    play.unanswered("A")
    play.after(1)
    assert play.unanswered("A") == ["1001 reserved -> break (no_answer)"]
    assert play.after(100) == []


def test_a_phone_that_lets_nobody_through_sets_a_break_instead_of_being_rung_for_ever():
    play = ringing(rest_after_no_answer_s=60, no_answers_before_break=2)
    assert play.unanswered("A", f.OfferBusy) == ["1001 reserved -> rest (busy)"]
    play.after(2)
    assert play.unanswered("A", f.OfferBusy) == ["1001 reserved -> break (phone_busy)"]
    assert play.after(100) == []


def test_busy_phones_and_rings_without_an_answer_are_counted_together():
    play = ringing(rest_after_no_answer_s=1, no_answers_before_break=3)
    play.unanswered("A", f.OfferBusy)
    play.after(2)
    play.unanswered("A")
    play.after(1)
    assert play.unanswered("A", f.OfferBusy) == ["1001 reserved -> break (phone_busy)"]


def test_a_phone_that_could_not_be_rung_is_not_held_against_its_agent():
    play = ringing(no_answers_before_break=1)
    assert play.unanswered("A", f.OfferFailed, reason="x") == ["1001 reserved -> rest (ring_failed)"]


def test_who_logs_in_anew_begins_with_a_clean_sheet():
    play = ringing(rest_after_no_answer_s=1, no_answers_before_break=2)
    play.unanswered("A")
    play.ask("1001", "log_out")
    assert play.ask("1001", "ready")[1] == "offer A 1001"
    assert play.unanswered("A") == ["1001 reserved -> rest (no_answer)"]


def test_an_answer_starts_the_count_anew():
    play = ringing(rest_after_no_answer_s=1, no_answers_before_break=2, wrap_up_s=0)
    play.unanswered("A")
    play.after(1)
    play.answered("A")
    play.told(f.TalkEnded, "A")
    play.queued("B")
    assert play.unanswered("B") == ["1001 reserved -> rest (no_answer)"]


def test_who_rejects_is_free_for_others_but_not_for_this_caller():
    play = ringing("1001", "1002")
    play.ask("1002", "ready")
    assert play.told(f.OfferRejected, "A") == ["1001 reserved -> ready (rejected)"]
    assert play.returned("A")[0] == "offer A 1002"
    assert play.queued("B")[0] == "offer B 1001"


def test_who_rejected_is_spared_while_another_on_duty_could_serve():
    play = ringing("1001", "1002")
    play.queued("B")  # 1002 rings for B
    play.answered("B")
    play.unanswered("A", f.OfferRejected)
    assert play.after(60) == []
    assert play.ask("1002", "log_out") == ["1002 then offline"]
    assert "offer A 1001" in play.told(f.TalkEnded, "B")  # nobody else is on duty now


def test_the_only_agent_is_rung_again_some_seconds_after_he_rejected():
    play = ringing()
    play.unanswered("A", f.OfferRejected)
    assert play.after(4.9) == []
    assert play.after(0.2)[0] == "offer A 1001"


@pytest.mark.parametrize(
    ("kind", "more", "reason"), [(f.OfferBusy, {}, "busy"), (f.OfferFailed, {"reason": "x"}, "ring_failed")]
)
def test_an_agent_whose_phone_fails_rests_for_a_moment(kind, more, reason):
    play = ringing()
    assert play.unanswered("A", kind, **more) == [f"1001 reserved -> rest ({reason})"]
    assert play.after(2)[:2] == ["1001 rest -> ready (rest_over)", "offer A 1001"]


def test_an_offer_taken_back_leaves_the_agent_his_place_among_the_idle():
    play = ringing("1001", "1002")
    play.now += 30
    play.ended("A")
    assert play.told(f.OfferRescinded, "A", reason="caller_left") == ["1001 reserved -> ready (caller_left)"]
    assert play.queued("B")[0] == "offer B 1001"


def test_hanging_up_while_ringing_frees_the_agent_by_the_phones_word_only():
    play = ringing()
    play.queued("B")
    assert play.ended("A") == ["abandoned A short while ringing"]
    assert play.state("1001") == "reserved"
    assert play.told(f.OfferRescinded, "A", reason="caller_left")[1] == "offer B 1001"


def test_hanging_up_while_ringing_frees_the_agent_a_second_later_if_the_phone_is_silent():
    play = ringing()
    play.ended("A")
    assert play.after(0.9) == []
    assert play.after(0.2) == ["unknown A", "1001 reserved -> ready (caller_left)"]


def test_an_answer_after_the_caller_left_does_not_bind_the_agent():
    play = ringing()
    play.ended("A")
    assert play.told(f.OfferAccepted, "A") == []
    assert play.after(1.0)[-1] == "1001 reserved -> ready (caller_left)"


def test_the_phones_word_may_come_before_the_end_of_the_call():
    play = ringing()
    play.told(f.OfferRescinded, "A", reason="caller_left")
    assert play.ended("A") == ["abandoned A short"]


def test_an_offer_without_an_ending_is_closed_by_its_timer():
    play = ringing(ring_timeout_s=15, rest_after_no_answer_s=10)
    play.told(f.OfferRang, "A")
    assert play.after(15.9) == []
    assert play.after(0.2) == ["unknown A", "cancel A", "1001 ringing -> rest (unknown)"]


def test_after_the_timer_the_caller_waits_for_his_return():
    play = ringing("1001", "1002", ring_timeout_s=15)
    play.after(16)
    assert play.state("1002") == "ready"
    assert play.returned("A")[0] == "offer A 1002"


def test_after_the_timer_a_refused_cancel_means_that_he_is_here():
    play = ringing("1001", "1002", ring_timeout_s=15)
    play.after(16)
    assert play.outcome(c.CancelRing, c.Refused(reason="not_ringing"))[0] == "offer A 1002"


@pytest.mark.parametrize("reason", ["link_down", "unknown_call"])
def test_another_refusal_of_the_cancel_does_not_mean_that_he_is_here(reason):
    play = ringing("1001", "1002", ring_timeout_s=15)
    play.after(16)
    assert play.outcome(c.CancelRing, c.Refused(reason=reason)) == []
    assert play.told(f.OfferAccepted, "A") == ["1001 rest -> talking"]


def test_an_answer_after_the_timer_is_believed():
    play = ringing("1001", "1002", ring_timeout_s=15, wrap_up_s=0)
    play.after(16)
    assert play.told(f.OfferAccepted, "A") == ["1001 rest -> talking"]
    assert play.outcome(c.CancelRing, c.Refused(reason="not_ringing")) == []
    assert play.told(f.TalkEnded, "A") == ["1001 talking -> ready"]


def test_an_answer_after_the_timer_brings_the_agent_back_to_his_break_afterwards():
    play = ringing(ring_timeout_s=15, wrap_up_s=0)
    play.after(16)
    play.ask("1001", "not_ready", "lunch")
    assert play.told(f.OfferAccepted, "A") == ["1001 break -> talking"]
    assert play.told(f.TalkEnded, "A") == ["1001 talking -> break (lunch)"]


def test_a_caller_who_does_not_come_back_is_asked_for_and_given_up_in_the_end():
    play = ringing()
    play.ask("1001", "not_ready")
    play.told(f.OfferTimedOut, "A")
    lines = play.after(60)
    assert lines == ["cancel A"] * 5 + ["release A lost", "flowed out A lost"]


def test_a_refused_ring_is_told_and_tried_again_after_a_pause():
    play = ringing("1001", "1002")
    assert play.outcome(c.Ring, c.Refused(reason="link_down")) == [
        "failed A link_down",
        "1001 reserved -> rest (ring_refused)",
    ]
    assert play.after(0.9) == []
    assert play.after(0.2)[0] == "offer A 1002"


def test_a_caller_for_whom_no_ring_can_be_sent_is_given_up():
    play = ringing("1001", "1002", "1003")
    play.outcome(c.Ring, c.Refused(reason="unknown_call"))
    play.after(1)
    play.outcome(c.Ring, c.Refused(reason="unknown_call"))
    play.after(1)
    lines = play.outcome(c.Ring, c.Refused(reason="unknown_call"))
    assert lines[2:] == ["release A lost", "flowed out A lost"]


def test_a_ring_refused_because_the_caller_left_does_not_blame_the_agent():
    play = ringing()
    ring = play.out[-1]
    play.ended("A")
    lines = play.give(c.CommandEnded(command=ring, outcome=c.Refused(reason="unknown_call")))
    assert lines == ["rescinded A caller_left", "1001 reserved -> ready (caller_left)"]


@pytest.mark.parametrize("outcome", [c.Done(), c.Unknown(reason="timeout")])
def test_other_outcomes_of_a_ring_leave_the_word_to_the_phone(outcome):
    play = ringing()
    assert play.outcome(c.Ring, outcome) == []
    assert play.state("1001") == "reserved"


def test_a_caller_offered_too_often_goes_to_the_fallback_queue():
    play = ringing("1001", "1002", "1003", max_offers=2)
    play.unanswered("A")
    play.told(f.OfferTimedOut, "A")
    assert play.returned("A") == ["release A fallback", "flowed out A fallback"]


def test_the_end_of_the_call_ends_the_talk():
    play = talking(wrap_up_s=5)
    assert play.ended("A") == ["1001 talking -> wrap_up"]
    assert play.told(f.TalkEnded, "A") == []


def test_a_return_after_an_answer_ends_the_talk():
    play = talking(wrap_up_s=5)
    assert play.returned("A", answered=True) == ["1001 talking -> wrap_up"]


def test_a_return_before_the_phones_word_waits_for_it():
    play = ringing("1001", "1002")
    assert play.returned("A") == []
    assert play.told(f.OfferTimedOut, "A") == [
        "1001 reserved -> rest (no_answer)",
        "offer A 1002",
        "1002 ready -> reserved",
        "ring A 1002",
    ]


def test_a_return_without_the_phones_word_closes_the_offer_a_second_later():
    play = ringing("1001", "1002")
    play.returned("A")
    assert play.after(1)[:3] == ["unknown A", "1001 reserved -> rest (unknown)", "offer A 1002"]


ENDINGS = [f.OfferRang, f.OfferAccepted, f.OfferTimedOut, f.OfferRejected, f.OfferBusy, f.TalkEnded]


@pytest.mark.parametrize("kind", ENDINGS)
def test_a_foreign_offer_changes_nothing_and_is_counted(kind):
    play = ringing()
    assert play.told(kind, "A", "A.other.1") == []
    assert play.state("1001") == "reserved"
    assert play.router.floor.ignored.total() == 1


@pytest.mark.parametrize("kind", ENDINGS)
def test_an_old_offer_does_not_touch_the_new_one(kind):
    play = ringing("1001", "1002")
    old = play.last_offer("A")
    play.unanswered("A")
    assert play.state("1002") == "reserved"
    assert play.told(kind, "A", old) == []
    assert play.returned("A", offer=old) == []
    assert play.state("1002") == "reserved"


@pytest.mark.parametrize("kind", ENDINGS)
def test_a_repeated_fact_changes_nothing(kind):
    play = talking(wrap_up_s=10)
    if kind is f.TalkEnded:
        play.told(kind, "A")
    state = play.state("1001")
    assert play.told(kind, "A") == []
    assert play.state("1001") == state


def test_a_refusal_outlives_us():
    play = Play("1001", "1002")
    play.ready("1001")
    entered = play.now
    play.queued("A")
    play.told(f.OfferRejected, "A")
    heir = play.reborn()
    heir.adopted("A", "session", entered_at=entered)
    assert "offer A 1001" not in heir.snapshot("A")
    assert "offer A 1002" in heir.ready("1002")
    decision = heir.router.why("A")[-1]
    assert "Agent 1001 was free longer but refused this caller at " in decision.sentence()
