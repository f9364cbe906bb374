"""Callers whom the call flow sent to the fallback queue because it heard no router."""

from hotline import facts as f
from hotline.ids import CallId, QueueId
from tests.unit.acd.play import START, Play


def gone(play: Play, call: str, *, entered_at: float = START, queue: str = "q") -> list[str]:
    return play.give(
        f.CallFlowedOut(
            at=play.now, call_id=CallId(call), queue_id=QueueId(queue), entered_at=entered_at, reason="no_router"
        )
    )


def test_a_caller_who_left_without_us_is_not_offered_and_nothing_is_told_twice() -> None:
    play = Play("1001")
    play.queued("A")
    assert gone(play, "A") == []
    play.queued("B")
    assert play.ready("1001")[-2:] == ["1001 ready -> reserved", "ring B 1001"]
    assert play.fell_back("A") == []
    assert play.ended("A") == []


def test_a_caller_whose_leaving_is_heard_before_his_coming_does_not_enter() -> None:
    play = Play("1001")
    play.ready("1001")
    gone(play, "A")
    assert play.queued("A", entered_at=START) == []


def test_one_who_comes_anew_afterwards_is_served() -> None:
    play = Play("1001")
    gone(play, "A")
    play.after(5)
    play.queued("A")
    assert "ring A 1001" in play.ready("1001")


def test_one_who_is_told_of_late_after_the_node_was_lost_is_offered_once_the_node_shows_him() -> None:
    play = Play("1001")
    play.ready("1001")
    play.after(10)
    play.surveyed()
    play._take(play.router.lose(play.router.surveyed, now=play.now))
    play.after(5)
    play.surveyed()
    assert play.router.surveyed
    assert play.queued("A", entered_at=play.now - 5) == []
    assert not play.router.surveyed, "the node is asked again"
    assert "ring A 1001" in play.surveyed(play.found("A", "session", entered_at=play.now - 5))


def test_one_who_is_told_of_late_and_is_in_the_fallback_queue_is_never_offered() -> None:
    play = Play("1001")
    play.ready("1001")
    play._take(play.router.lose(["node1"], now=play.now))
    play.surveyed()
    play.after(10)
    entered_at = play.now - 5
    play.queued("A", entered_at=entered_at)
    assert play.snapshot("A") == [], "a snapshot does not tell where he is"
    assert play.surveyed(play.found("A", "fallback", entered_at=entered_at)) == ["flowed out A fallback"]


def test_one_who_is_told_of_late_and_has_gone_is_never_offered() -> None:
    play = Play("1001")
    play.ready("1001")
    play._take(play.router.lose(["node1"], now=play.now))
    play.surveyed()
    play.after(10)
    play.queued("A", entered_at=play.now - 5)
    assert play.surveyed() == ["abandoned A"]


def test_a_conversation_that_ended_while_the_nodes_process_was_dead_is_over_for_the_agent() -> None:
    play = Play("1001")
    play.ready("1001")
    play.queued("A")
    play.answered("A")
    play.after(5)
    play.snapshot()
    assert play.state("1001") == "wrap_up"


def test_an_old_leaving_does_not_touch_a_caller_who_has_come_again_since() -> None:
    play = Play("1001")
    play.after(5)
    play.queued("A")
    gone(play, "A", entered_at=START)
    assert "ring A 1001" in play.ready("1001")


def test_the_agent_who_rings_for_him_is_free_after_the_phones_last_word() -> None:
    play = Play("1001")
    play.ready("1001")
    play.queued("A")
    play.told(f.OfferRang, "A")
    gone(play, "A", entered_at=START + 1)
    assert play.told(f.OfferRescinded, "A", reason="caller_left")
    assert play.state("1001") == "ready"
