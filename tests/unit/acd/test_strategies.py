"""Which of several idle agents is rung: each strategy of a queue."""

from collections import Counter

import msgspec
import pytest

from acd.core.agents.roster import Profile
from acd.core.callers.ranking import lot
from hotline import facts as f
from hotline.settings.queues import Queue
from tests.unit.acd.play import Play, profile


def glad(agent: str, **preference: int) -> Profile:
    return msgspec.structs.replace(profile(agent), preference=preference)


def serve(play: Play, call: str, talk_s: float = 1.0, *, queue: str = "") -> str:
    """Let a caller be answered and his conversation end; return who had it."""
    [made] = [text for text in play.queued(call, queue) if text.startswith("offer")]
    play.answered(call)
    play.after(talk_s)
    play.told(f.TalkEnded, call)
    return made.split()[-1]


def test_least_occupied_goes_by_the_share_of_busy_time_since_log_in():
    play = Play("1001", "1002", strategy="least_occupied", wrap_up_s=0)
    play.ready("1001", "1002")
    play.after(10)
    assert serve(play, "A", talk_s=30) == "1001"
    play.after(100)
    assert serve(play, "B", talk_s=5) == "1002"
    assert serve(play, "C") == "1002", (
        "5 s busy against 30 s: his share is the smaller one although he was free shorter"
    )


def test_wrap_up_is_busy_time_too():
    play = Play("1001", "1002", strategy="least_occupied", wrap_up_s=50)
    play.ready("1001", "1002")
    play.after(10)
    serve(play, "A", talk_s=1)
    serve(play, "B", talk_s=20)
    play.ask("1002", "end_wrap_up")
    play.after(60)
    assert serve(play, "C") == "1002"


def test_fewest_calls_goes_by_the_calls_answered():
    play = Play("1001", "1002", strategy="fewest_calls", wrap_up_s=0)
    play.ready("1001")
    assert [serve(play, call) for call in "AB"] == ["1001", "1001"]
    play.ready("1002")
    assert [serve(play, call) for call in "CDE"] == ["1002", "1001", "1002"]


def test_who_logs_in_late_is_not_flooded_until_he_has_caught_up():
    play = Play("1001", "1002", strategy="fewest_calls", wrap_up_s=0)
    play.ready("1001")
    for number in range(20):
        serve(play, f"A{number}")
    play.ready("1002")
    assert Counter(serve(play, f"B{number}") for number in range(10)) == {"1001": 5, "1002": 5}


def test_a_ring_that_nobody_answered_is_no_call():
    play = Play("1001", "1002", strategy="fewest_calls", wrap_up_s=0, rest_after_no_answer_s=0)
    play.ready("1001", "1002")
    play.queued("A")
    play.unanswered("A", f.OfferRejected)
    play.answered("A")
    play.told(f.TalkEnded, "A")
    assert serve(play, "B") == "1001"


def test_round_robin_goes_by_who_was_rung_longest_ago_whatever_came_of_it():
    play = Play("1001", "1002", "1003", strategy="round_robin", wrap_up_s=0)
    play.ready("1003", "1002", "1001")
    assert [serve(play, call) for call in "ABCD"] == ["1001", "1002", "1003", "1001"]
    play.queued("E")
    assert "offer E 1003" in play.unanswered("E", f.OfferRejected)
    play.answered("E")
    play.told(f.TalkEnded, "E")
    assert serve(play, "F") == "1001"


def test_ordered_goes_by_the_list_in_the_settings():
    play = Play("1002", "1001", "1003", strategy="ordered", wrap_up_s=0)
    play.ready("1003", "1001", "1002")
    assert [serve(play, call) for call in "ABC"] == ["1002", "1002", "1002"]


def test_who_came_by_the_api_stands_behind_the_list():
    play = Play("1002", strategy="ordered")
    play.define(profile("1001"))
    play.ready("1001", "1002")
    assert play.queued("A")[0] == "offer A 1002"


def test_random_is_even_and_the_same_for_the_same_ids():
    def day() -> list[str]:
        play = Play("1001", "1002", "1003", "1004", strategy="random", wrap_up_s=0)
        play.ready("1001", "1002", "1003", "1004")
        return [serve(play, f"call{number}") for number in range(400)]

    assert day() == day()
    assert all(70 <= times <= 130 for times in Counter(day()).values())


def test_random_holds_to_preferences():
    play = Play(glad("1001", q=1), "1002", "1003", strategy="random", wrap_up_s=0)
    play.ready("1001", "1002", "1003")
    assert {serve(play, f"call{number}") for number in range(20)} == {"1001"}


def test_lots_lie_between_0_and_1():
    assert all(0 <= lot("a", str(number)) < 1 for number in range(100))


@pytest.mark.parametrize(
    "strategy", ["longest_idle", "least_occupied", "fewest_calls", "round_robin", "ordered", "random"]
)
def test_the_agent_whom_the_queue_prefers_comes_first_in_every_strategy(strategy):
    play = Play("1001", glad("1002", q=1), glad("1003", q=9), strategy=strategy)
    play.ready("1003", "1001", "1002")
    assert [play.queued(call)[0] for call in "ABC"] == ["offer A 1002", "offer B 1001", "offer C 1003"]


def test_a_preference_counts_in_its_queue_only():
    queues = (Queue(id="a"), Queue(id="b"))
    play = Play("1001", glad("1002", a=1, b=10), queues=queues, wrap_up_s=0)
    play.ready("1002", "1001")
    assert play.queued("A", "a")[0] == "offer A 1002"
    assert play.queued("B", "b")[0] == "offer B 1001"


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ("longest_idle", "Agent 1002 was free longer but lacks the skill (english)."),
        ("least_occupied", "Agent 1002 was less occupied but lacks the skill (english)."),
        ("fewest_calls", "Agent 1002 had had fewer calls but lacks the skill (english)."),
        ("round_robin", "Agent 1002 was before him in turn but lacks the skill (english)."),
        ("ordered", "Agent 1002 stands before him in the list but lacks the skill (english)."),
    ],
)
def test_each_strategy_says_why_others_were_passed_over(strategy, said):
    play = Play("1002", profile("1003", skills=("english",)), strategy=strategy)
    play.ready("1002", "1003")
    play.queued("A", skills=("english",))
    [decision] = play.router.why("A")
    assert (decision.strategy, decision.agents_considered) == (strategy, 2)
    assert said in decision.sentence()
    assert "但缺少技能 (english)。" in decision.sentence("zh")


def test_an_agent_with_a_phone_in_use_is_named_but_not_walked_past():
    play = Play("1001", "1002")
    play.ready("1001", "1002")
    play.seat("1001", in_use=True)
    play.queued("A")
    [decision] = play.router.why("A")
    assert decision.agent_id == "1002"
    assert "Agent 1001 was free longer but has a phone in use." in decision.sentence()
    assert play.router.floor.agents.idle["q"].held == [(5, 1000.0, 0.0, "1001")]


def test_work_outlives_us():
    play = Play("1001", "1002", strategy="fewest_calls", wrap_up_s=0)
    play.ready("1001", "1002")
    serve(play, "A")
    heir = play.reborn()
    heir.ready("1001", "1002")
    assert heir.queued("B")[0] == "offer B 1002"
