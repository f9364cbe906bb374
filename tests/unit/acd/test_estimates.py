"""Expected waits on a floor: what the router learns, answers, tells and remembers."""

import msgspec
import pytest

from acd.estimates.estimates import KEEP_EVERY_S, TICK_S
from acd.estimates.learnt import Learnt
from hotline import facts as f
from hotline.ids import CallId, QueueId
from hotline.settings.queues import Comfort, Queue
from tests.unit.acd.play import Play, profile

Q = QueueId("q")


def expected(play: Play, position: int, queue: str = "q") -> tuple[float, float] | None:
    return play.router.floor.estimates.of(QueueId(queue), position, play.now)


def median(play: Play, position: int, queue: str = "q") -> float:
    found = expected(play, position, queue)
    assert found is not None
    return found[0]


def told(play: Play, seconds: float) -> list[f.WaitEstimated]:
    """Let time pass, and return the estimates that callers were told."""
    signals: list[f.WaitEstimated] = []
    end = play.now + seconds
    while (due := play.router.next_deadline()) is not None and due <= end:
        play.now = max(play.now, due)
        signals += [o for o in play.router.wake(now=play.now) if isinstance(o, f.WaitEstimated)]
    play.now = end
    return signals


def serve(play: Play, call: str, *, talk_s: float) -> None:
    """Let a caller who rings be answered, talk and leave."""
    play.answered(call)
    play.now += talk_s
    play.told(f.TalkEnded, call)
    play.ended(call)


# --- answers ---------------------------------------------------------------------------------------------------------------


def test_while_nobody_serves_the_queue_there_is_no_estimate() -> None:
    play = Play("1")
    assert expected(play, 1) is None
    play.ready("1")
    assert median(play, 1) < 10
    play.ask("1", "not_ready", "lunch")
    assert expected(play, 1) is None
    assert play.router.floor.estimates.of(QueueId("nowhere"), 1, play.now) is None


def test_with_an_idle_agent_only_the_ring_takes_time_and_without_history_the_rest_is_a_guess() -> None:
    play = Play("1", "2")
    play.ready("1", "2")
    assert median(play, 1) == median(play, 2) == pytest.approx(5.0)
    assert 30 < median(play, 3) < 180


def test_who_stands_behind_others_waits_longer_and_a_ringing_phone_is_taken() -> None:
    play = Play("1", wrap_up_s=0)
    play.ready("1")
    play.queued("A")
    assert median(play, 1) == pytest.approx(5.0), "A himself, whose agent rings"
    for call in "BCD":
        play.queued(call)
    medians = [median(play, position) for position in range(1, 6)]
    assert medians == sorted(medians)
    assert medians[1] > 60


def test_handling_times_are_learned_from_conversations() -> None:
    play = Play("1", wrap_up_s=20)
    play.ready("1")
    for number in range(40):
        play.queued(f"A{number}")
        serve(play, f"A{number}", talk_s=40)
        play.after(20)
    play.queued("X")
    play.answered("X")
    assert play.router.floor.estimates.book(Q).learnt.handling.mean_s == pytest.approx(60, rel=0.4)
    at_first = median(play, 1)
    play.now += 45
    assert median(play, 1) < at_first - 20


def test_agents_who_lack_the_skill_of_the_queue_or_serve_others_do_not_count() -> None:
    queues = (Queue(id="q", skills={"german": 1}), Queue(id="r"))
    play = Play(profile("1"), profile("2", skills=("german",), queues=("r",)), queues=queues)
    play.ready("1", "2")
    assert expected(play, 1) is None
    assert expected(play, 1, "r") is not None


def test_who_asks_for_a_rare_skill_waits_for_those_who_have_it() -> None:
    play = Play(profile("1", skills=("english",)), *(profile(n) for n in "23456"))
    play.ready(*"123456")
    for call in "ABCDEF":
        play.queued(call)
        play.answered(call)
    for call, skills in (("P1", ()), ("P2", ()), ("P3", ()), ("E1", ("english",)), ("E2", ("english",)), ("P4", ())):
        play.now += 1
        play.queued(call, skills=skills)
    play.now += 1
    first, second = median(play, 4), median(play, 5)
    assert second > 1.3 * first > 3 * median(play, 3), "one agent for both, who serves the others as well"
    assert median(play, 3) < median(play, 6) < second, "the last passes those who need that one agent"


def test_while_nobody_has_the_skill_that_a_caller_asks_for_he_is_told_no_time() -> None:
    play = Play("1", queues=(announcing(position=True, expected_wait=True),))
    play.ready("1")
    play.queued("A", skills=("english",))
    (signal,) = told(play, TICK_S)
    assert (signal.position, signal.p50_s, signal.calibrated) == (1, 0.0, False)
    assert expected(play, 2) is not None, "a newcomer who asks for nothing has his agent"


def test_callers_of_other_queues_who_come_before_take_agents_that_are_shared() -> None:
    queues = (Queue(id="q"), Queue(id="r"), Queue(id="s"))
    play = Play(profile("1", queues=("q", "r")), profile("2", queues=("s",)), queues=queues)
    play.ready("1", "2")
    play.queued("A", "q")
    play.answered("A")
    play.now += 1
    alone = median(play, 1)
    for call in "BCD":
        play.queued(call, "r")
    shared = median(play, 1)
    assert shared > 2 * alone
    play.queued("S0", "s")
    for call in ("S1", "S2", "S3"):
        play.queued(call, "s")
    assert median(play, 1) == pytest.approx(shared, rel=0.02)


def test_a_higher_queue_whose_callers_keep_coming_slows_a_lower_one_down() -> None:
    queues = (Queue(id="low"), Queue(id="high", priority=10))
    play = Play("1", "2", queues=queues)
    play.ready("1", "2")
    for call in "AB":
        play.queued(call, "low")
        play.answered(call)
    before = median(play, 1, "low")
    for number in range(60):
        play.now += 2
        play.queued(f"H{number}", "high")
        play.ended(f"H{number}")
    assert median(play, 1, "low") > 1.8 * before > 1.8 * 20


def test_a_thousand_agents_and_callers_are_no_trouble() -> None:
    play = Play(*[str(n) for n in range(1000, 2000)])
    for n in range(1000, 2000):
        play.ask(str(n), "ready")
    for n in range(2000):
        play.queued(f"C{n}")
    answers = [median(play, position) for position in (1001, 1500, 2001, 100_000)]
    assert answers == sorted(answers)


def test_who_leaves_after_his_call_serves_nobody_any_more() -> None:
    play = Play("1", "2")
    play.ready("1", "2")
    play.queued("A")
    play.answered("A")
    both = median(play, 3)
    play.ask("1", "not_ready", "lunch")
    play.now += 1
    assert median(play, 3) > 1.5 * both
    play.queued("B")
    play.ask("2", "log_out")
    play.now += 1
    assert median(play, 1) == pytest.approx(5.0, abs=0.5), "B himself, whose agent rings"
    assert median(play, 2) > 3600, "nobody will be there for the next one"
    play.answered("B")
    assert expected(play, 1) is None


# --- what is told -----------------------------------------------------------------------------------------------------------


def announcing(**comfort: object) -> Queue:
    return Queue(id="q", comfort=Comfort(**comfort))  # type: ignore[arg-type]


def test_callers_are_told_when_their_position_changes_and_now_and_then() -> None:
    play = Play("1", queues=(announcing(position=True),))
    play.ready("1")
    play.queued("X")
    play.answered("X")
    for call in "AB":
        play.queued(call)
    first = told(play, TICK_S)
    assert [(s.call_id, s.position) for s in first] == [("A", 1), ("B", 2)]
    assert all(0 < s.p50_s <= s.p90_s and not s.calibrated for s in first)
    assert told(play, 3 * TICK_S) == []
    play.ended("A")
    assert [(s.call_id, s.position) for s in told(play, TICK_S)] == [("B", 1)]
    assert [(s.call_id, s.position) for s in told(play, 6 * TICK_S)] == [("B", 1)]


def test_callers_of_queues_that_say_nothing_are_told_nothing_and_nobody_wakes_for_nobody() -> None:
    play = Play("1", queues=(announcing(messages=("thanks",)),))
    play.queued("A")
    assert told(play, 30) == []
    play.ended("A")
    told(play, TICK_S)
    assert play.router.next_deadline() is None


def test_without_agents_the_position_is_told_and_no_range_may_be_said() -> None:
    play = Play("1", queues=(announcing(position=True, expected_wait=True),))
    play.queued("A")
    (signal,) = told(play, TICK_S)
    assert (signal.position, signal.calibrated) == (1, False)


# --- promises ---------------------------------------------------------------------------------------------------------------


def calibrated(play: Play) -> None:
    learnt = play.router.floor.estimates.book(Q).learnt
    for _ in range(30):
        learnt.gate.add("kept")


def waits_for(play: Play, call: str, seconds: float) -> None:
    """A caller is told two to four minutes and waits until he is answered after so long."""
    play.queued("X")
    play.answered("X")
    play.queued(call)
    play.give(f.WaitPromised(at=play.now, call_id=CallId(call), queue_id=Q, low_s=120, high_s=240))
    play.after(seconds)
    play.told(f.TalkEnded, "X")
    play.ended("X")
    play.answered(call)


@pytest.mark.parametrize(("seconds", "result"), [(60, "early"), (200, "kept"), (300, "late")])
def test_a_promise_is_judged_when_the_caller_is_answered(seconds: float, result: str) -> None:
    play = Play("1", wrap_up_s=0, queues=(Queue(id="q", wrap_up_s=0),))
    play.ready("1")
    waits_for(play, "A", seconds)
    book = play.router.floor.estimates.book(Q)
    assert book.results == {result: 1}
    assert book.learnt.said.kept == (result != "late")


def test_who_hangs_up_within_the_range_judges_nothing_and_after_it_it_was_late() -> None:
    play = Play("1")
    for call, seconds in (("A", 100), ("B", 300)):
        play.queued(call)
        play.give(f.WaitPromised(at=play.now, call_id=CallId(call), queue_id=Q, low_s=120, high_s=240))
        play.after(seconds)
        play.ended(call)
    assert play.router.floor.estimates.book(Q).results == {"unjudged": 1, "late": 1}


def test_a_promise_to_somebody_who_does_not_wait_is_no_news() -> None:
    play = Play("1")
    play.give(f.WaitPromised(at=play.now, call_id=CallId("A"), queue_id=Q, low_s=0, high_s=60))
    play.queued("A")
    play.ended("A")
    assert not play.router.floor.estimates.book(Q).results


def test_everybody_who_waits_is_measured_whether_he_was_told_anything_or_not() -> None:
    play = Play("1", queues=(Queue(id="q", wrap_up_s=0),))
    play.ready("1")
    play.queued("X")
    play.answered("X")
    play.queued("A")
    play.after(TICK_S)
    play.now += 10
    play.told(f.TalkEnded, "X")
    play.answered("A")
    assert play.router.floor.estimates.book(Q).learnt.gate.score.judged == 1


def test_only_while_estimates_come_true_callers_may_be_told() -> None:
    play = Play("1", queues=(announcing(expected_wait=True),))
    play.ready("1")
    calibrated(play)
    play.queued("X")
    play.answered("X")
    play.queued("A")
    assert [s.calibrated for s in told(play, TICK_S)] == [True]


# --- across our death -------------------------------------------------------------------------------------------------------


def test_what_was_learned_is_handed_out_now_and_then_and_taken_up_by_the_next_life() -> None:
    play = Play("1", wrap_up_s=0)
    play.ready("1")
    estimates = play.router.floor.estimates
    for number in range(30):
        play.queued(f"A{number}")
        serve(play, f"A{number}", talk_s=33)
        play.now += 1
    ((queue_id, learnt),) = estimates.take_changed(play.now)
    assert (queue_id, estimates.take_changed(play.now)) == (Q, [])
    play.queued("B")
    play.ended("B")
    assert estimates.take_changed(play.now) == []
    assert len(estimates.take_changed(play.now + KEEP_EVERY_S)) == 1
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(learnt), type=Learnt)
    assert len(msgspec.msgpack.encode(learnt)) < 2000
    heir = play.reborn()
    heir.router.floor.estimates.restore({Q: kept, QueueId("gone"): Learnt()})
    assert heir.router.floor.estimates.book(Q).learnt.handling.mean_s == learnt.handling.mean_s


def test_what_makes_no_sense_is_not_taken_up() -> None:
    play = Play("1")
    for broken in (Learnt(ring_s=-1.0), Learnt(gap_s=float("nan"))):
        play.router.floor.estimates.restore({Q: broken})
    short = Learnt()
    short.handling.weights = [1.0]
    play.router.floor.estimates.restore({Q: short})
    assert play.router.floor.estimates.book(Q).learnt.ring_s == Learnt().ring_s
    assert len(play.router.floor.estimates.book(Q).learnt.handling.weights) > 40
