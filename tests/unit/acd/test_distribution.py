"""Who is rung for whom: transcripts in, lines out."""

import pytest

from hotline import facts as f
from hotline.ids import CallId
from hotline.settings.queues import Queue
from tests.unit.acd.play import START, Play, profile


def test_a_caller_is_offered_to_a_ready_agent_at_once():
    play = Play("1001")
    play.ready("1001")
    assert play.queued("A") == ["offer A 1001", "1001 ready -> reserved", "ring A 1001"]


def test_an_agent_who_becomes_ready_gets_the_first_in_line():
    play = Play("1001")
    for call in "ABC":
        play.queued(call)
        play.now += 1
    assert play.ready("1001") == ["1001 offline -> ready", "offer A 1001", "1001 ready -> reserved", "ring A 1001"]


def test_the_ring_says_what_telephony_needs():
    play = Play("1001", ring_timeout_s=12, music_class="jazz", record=True)
    play.ready("1001")
    play.arrived("A")
    play.give(f.CallerIdentified(at=play.now, call_id=CallId("A"), customer_id="k1", name="Mei Lin"))
    play.queued("A")
    made, _, ring = play.out
    assert (ring.node, ring.extension, ring.ring_timeout_s, ring.music_class) == ("node1", "1001", 12, "jazz")
    assert (ring.caller_name, ring.offer_id, ring.recording_id) == ("Mei Lin", "A.e1.1", "A.e1.1")
    assert (made.entered_at, made.recording_id) == (play.now, "A.e1.1")


def test_the_name_on_a_ringing_phone_is_told_as_a_screen_pop():
    play = Play("1001")
    play.ready("1001")
    play.arrived("A")
    play.give(f.CallerIdentified(at=play.now, call_id=CallId("A"), customer_id="k1", name="Mei Lin"))
    play.queued("A")
    assert play.told(f.OfferRang, "A") == ["popped A at 1001", "1001 reserved -> ringing"]


def test_nothing_is_recorded_where_the_queue_says_so():
    play = Play("1001", record=False)
    play.ready("1001")
    play.queued("A")
    assert play.out[0].recording_id is None
    assert play.out[2].recording_id is None


def test_the_command_goes_to_the_node_that_holds_the_call():
    play = Play("1001")
    play.ready("1001")
    play.arrived("A", node="node2")
    play.queued("A")
    assert play.out[2].node == "node2"


def test_the_longest_idle_agent_is_rung():
    play = Play("1001", "1002", "1003")
    play.ready("1003", "1001", "1002")
    assert [play.queued(call)[0] for call in "ABC"] == ["offer A 1003", "offer B 1001", "offer C 1002"]


def test_agents_idle_since_the_same_moment_are_rung_in_the_order_of_their_ids():
    play = Play("1002", "1001")
    play.ask("1002", "ready")
    play.ask("1001", "ready")
    assert play.queued("A")[0] == "offer A 1001"


def test_a_higher_priority_is_served_first():
    play = Play("1001")
    play.queued("A")
    play.queued("B", priority=1)
    assert "ring B 1001" in play.ready("1001")


def test_the_queues_priority_counts_between_queues():
    play = Play("1001", queues=(Queue(id="low"), Queue(id="high", priority=5)))
    play.queued("A", "low", priority=4)
    play.queued("B", "high")
    assert "ring B 1001" in play.ready("1001")


def test_who_entered_earlier_is_first_even_when_told_later():
    play = Play("1001")
    play.queued("A", entered_at=START + 5)
    play.queued("B", entered_at=START + 2)
    assert "ring B 1001" in play.ready("1001")


def test_agents_who_become_free_at_the_same_moment_are_all_rung():
    play = Play("1001", "1002", wrap_up_s=5)
    play.ready("1001", "1002")
    for call in "AB":
        play.queued(call)
        play.answered(call)
    for call in "ABCD":
        play.told(f.TalkEnded, call) if call in "AB" else play.queued(call)
    assert [text for text in play.after(5) if text.startswith("ring")] == ["ring C 1001", "ring D 1002"]


def test_when_caller_and_agent_become_free_together_the_line_goes_first():
    play = Play("1001", rest_after_no_answer_s=0)
    play.ready("1001")
    play.queued("A")
    play.queued("B", priority=1)
    play.returned("A")  # before the word about how the ring ended
    assert "ring B 1001" in play.told(f.OfferTimedOut, "A")


def test_an_agent_without_the_skill_of_the_caller_is_passed_over():
    play = Play(profile("1001"), profile("1002", skills=("english",)))
    play.ready("1001", "1002")
    assert play.queued("A", skills=("english",))[0] == "offer A 1002"


def test_the_skills_of_the_queue_are_needed_too():
    play = Play("1001", skills=("card",))
    play.ready("1001")
    assert play.queued("A") == []


def test_a_caller_whom_nobody_can_serve_does_not_hold_up_the_next():
    play = Play("1001")
    play.queued("A", skills=("english",))
    play.now += 1
    play.queued("B")
    assert "ring B 1001" in play.ready("1001")


def test_an_agent_serves_only_his_queues():
    play = Play(profile("1001", queues=("b",)), queues=(Queue(id="a"), Queue(id="b")))
    play.ready("1001")
    assert play.queued("A", "a") == []
    assert play.queued("B", "b")[0] == "offer B 1001"


def test_an_agent_whose_phone_is_in_use_is_rung_when_he_hangs_up():
    play = Play("1001")
    play.ready("1001")
    play.seat("1001", in_use=True)
    assert play.queued("A") == []
    assert play.seat("1001")[0] == "offer A 1001"


def test_a_caller_is_not_offered_twice_at_the_same_time():
    play = Play("1001", "1002")
    play.ready("1001", "1002")
    play.queued("A")
    assert play.queued("A") == []
    assert play.state("1002") == "ready"


def test_a_full_line_sends_the_caller_to_the_fallback_queue():
    play = Play(max_waiting=2)
    play.queued("A")
    play.queued("B")
    assert play.queued("C") == ["release C full", "flowed out C full"]


def test_a_queue_that_does_not_exist_sends_the_caller_to_the_fallback_queue():
    assert Play().queued("A", "nowhere") == ["release A closed", "flowed out A closed"]


@pytest.mark.parametrize(("waited_s", "said"), [(2, "abandoned A short"), (5, "abandoned A"), (60, "abandoned A")])
def test_a_caller_who_hangs_up_abandons(waited_s, said):
    play = Play(short_abandon_s=5)
    play.queued("A")
    play.after(waited_s)
    assert play.ended("A") == [said]


def test_the_end_of_a_call_that_does_not_wait_is_no_abandon():
    play = Play()
    play.arrived("A")
    assert play.ended("A") == []


def test_a_caller_taken_over_by_the_dialplan_flows_out():
    play = Play()
    play.queued("A")
    assert play.fell_back("A") == ["flowed out A fallback"]
    assert play.ended("A") == []


def test_a_repeated_entry_into_the_line_changes_nothing():
    play = Play("1001", wrap_up_s=0)
    play.queued("A")
    entered = play.now
    play.now += 1
    assert play.queued("A", entered_at=entered) == []
    play.ended("A")
    assert play.queued("A", entered_at=entered) == []
    assert play.ready("1001") == ["1001 offline -> ready"]


def test_a_repeated_entry_of_an_answered_caller_changes_nothing():
    play = Play("1001", "1002")
    play.ready("1001", "1002")
    entered = play.now
    play.queued("A")
    play.answered("A")
    assert play.queued("A", entered_at=entered) == []
    assert play.state("1001") == "talking"


def test_an_answered_caller_may_enter_a_line_again_later():
    play = Play("1001", wrap_up_s=0)
    play.ready("1001")
    play.queued("A")
    play.answered("A")
    play.now += 10
    play.told(f.TalkEnded, "A")
    assert play.queued("A")[0] == "offer A 1001"
    assert play.last_offer("A") == "A.e1.2"


def test_an_offer_id_is_never_used_again_even_when_the_call_enters_anew():
    play = Play("1001", wrap_up_s=0)
    play.ready("1001")
    play.queued("A")
    play.unanswered("A", f.OfferRejected)
    play.now += 6
    ids = {d.offer_id for d in play.router.why(CallId("A"))}
    play.fell_back("A")
    play.now += 1
    play.queued("A")
    assert play.last_offer("A") not in ids


def test_a_caller_who_moves_to_another_queue_leaves_the_first():
    play = Play("1001", queues=(Queue(id="a"), Queue(id="b")))
    play.queued("A", "a")
    play.now += 1
    assert play.queued("A", "b") == ["flowed out A moved"]
    assert play.router.floor.line.length("a") == 0
    assert play.router.floor.line.length("b") == 1


def test_the_decision_is_explained():
    play = Play(profile("1001"), profile("1002", skills=("english",)))
    play.ready("1001", "1002")
    play.queued("A", skills=("english",))
    [decision] = play.router.why(CallId("A"))
    assert (decision.agent_id, decision.agents_considered) == ("1002", 2)
    assert [(p.agent_id, p.reasons[0].code, p.reasons[0].detail) for p in decision.agents_passed] == [
        ("1001", "lacks_skill", "english")
    ]
    assert "Agent 1001 was free longer but lacks the skill (english)." in decision.sentence()


def test_a_caller_who_was_passed_over_is_named_in_the_decision():
    play = Play("1001")
    play.queued("A", skills=("english",))
    play.now += 1
    play.queued("B")
    play.ready("1001")
    [decision] = play.router.why(CallId("B"))
    assert [(p.call_id, p.reasons[0].code) for p in decision.callers_passed] == [("A", "lacks_skill")]


def test_the_decision_knows_since_when_both_were_there():
    play = Play("1001")
    play.queued("A")
    play.after(7)
    play.ask("1001", "ready")
    assert play.router.why(CallId("A"))[0].both_since == START + 7
