"""Which caller an agent gets who serves several queues; priorities, tiers and ageing."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.core.callers.ranking import caller_rank, effective_priority
from acd.core.matching.between import risk
from hotline.settings.queues import Queue
from tests.unit.acd.play import START, Play, profile

# --- ageing ------------------------------------------------------------------------------------------------------------------


def test_without_ageing_a_low_priority_waits_for_ever():
    play = Play("1001")
    play.queued("low")
    play.after(3_600)
    play.queued("high", priority=1)
    assert "offer high 1001" in play.ready("1001")


def test_with_ageing_the_wait_makes_up_for_the_priority():
    play = Play("1001", ageing_per_minute=1)
    play.queued("low")
    play.after(61)
    play.queued("high", priority=1)
    assert "offer low 1001" in play.ready("1001")


def test_with_ageing_a_higher_priority_still_overtakes_who_has_waited_shortly():
    play = Play("1001", ageing_per_minute=1)
    play.queued("low")
    play.after(59)
    play.queued("high", priority=1)
    assert "offer high 1001" in play.ready("1001")


waits = st.floats(min_value=0, max_value=100_000)
priorities = st.integers(min_value=-100, max_value=100)


@given(
    ageing=st.floats(min_value=0.001, max_value=100),
    one=st.tuples(priorities, waits),
    other=st.tuples(priorities, waits),
    now=st.floats(min_value=100_000, max_value=200_000),
)
def test_the_static_order_is_that_of_effective_priorities_at_any_time(ageing, one, other, now):
    def rank(who: tuple[int, float], name: str) -> tuple[float, float, str]:
        return caller_rank(priority=who[0], since=who[1], call_id=name, ageing_per_minute=ageing)

    def worth(who: tuple[int, float]) -> float:
        return effective_priority(priority=who[0], since=who[1], ageing_per_minute=ageing, now=now)

    if worth(one) > worth(other) + 1e-6:
        assert rank(one, "one") < rank(other, "other")


@pytest.mark.parametrize(("wait_s", "first"), [(80, "B"), (100, "A")])
def test_ageing_counts_between_queues_as_it_is_now(wait_s, first):
    play = Play("1001", queues=(Queue(id="old", ageing_per_minute=2), Queue(id="vip", priority=3)))
    play.queued("A", "old")
    play.after(wait_s)
    play.queued("B", "vip")
    assert f"offer {first} 1001" in play.ready("1001"), "2.7 or 3.3 against 3"


# --- tiers -------------------------------------------------------------------------------------------------------------------

GOLD = {"gold": 10, "bad": -5}


def test_a_tier_adds_to_the_priority():
    play = Play("1001", tiers=GOLD)
    play.queued("A")
    play.arrived("B")
    play.identified("B", tier="gold")
    play.queued("B")
    assert "offer B 1001" in play.ready("1001")
    assert "As a customer of tier gold his priority was 10." in play.router.why("B")[0].sentence()


def test_a_tier_that_is_learnt_late_counts_from_then_on():
    play = Play("1001", tiers=GOLD)
    play.queued("A")
    play.now += 1
    play.queued("B")
    play.identified("B", tier="gold")
    assert [c.call_id for c in play.router.floor.line.waiting("q")] == ["B", "A"]
    play.identified("B", tier="")
    assert [c.call_id for c in play.router.floor.line.waiting("q")] == ["A", "B"]


def test_a_tier_of_which_the_queue_says_nothing_adds_nothing():
    play = Play("1001", tiers=GOLD)
    play.queued("A")
    play.now += 1
    play.queued("B")
    play.identified("B", tier="silver")
    assert "offer A 1001" in play.ready("1001")


def test_a_tier_may_come_last():
    play = Play("1001", tiers=GOLD)
    play.queued("A")
    play.identified("A", tier="bad")
    play.now += 1
    play.queued("B")
    assert "offer B 1001" in play.ready("1001")


def test_a_tier_outlives_us():
    play = Play("1001", tiers=GOLD)
    play.queued("A")
    play.now += 1
    play.queued("B")
    play.identified("B", tier="gold")
    entered = play.now
    heir = play.reborn()
    heir.adopted("A", "session", entered_at=entered - 1)
    heir.adopted("B", "session", entered_at=entered)
    assert "offer B 1001" in heir.ready("1001")


def test_what_is_known_of_a_caller_is_forgotten_when_he_has_left():
    play = Play("1001", tiers=GOLD)
    play.queued("A")
    play.identified("A", tier="gold")
    assert [(call, known.tier) for call, known in play.taken("known").items()] == [("A", "gold")]
    play.ended("A")
    assert play.taken("known") == {"A": None}


def test_nothing_is_remembered_of_callers_where_nothing_follows_from_it():
    play = Play("1001")
    play.queued("A")
    play.identified("A", tier="gold")
    assert play.taken("known") == {}


# --- between queues ------------------------------------------------------------------------------------------------------------


def two(policy: str, **more: object) -> Play:
    queues = (Queue(id="a", priority=9, threshold_s=20), Queue(id="b", threshold_s=60, **more))  # type: ignore[arg-type]
    return Play("1001", queues=queues, house={"between_queues": policy})


def test_strict_priority_goes_by_priority_between_queues():
    play = two("strict_priority")
    play.queued("B", "b")
    play.after(100)
    play.queued("A", "a")
    assert "offer A 1001" in play.ready("1001")


def test_longest_wait_goes_by_the_wait_of_the_first_of_each_queue():
    play = two("longest_wait")
    play.queued("B", "b")
    play.now += 1
    play.queued("A", "a")
    play.now += 1
    play.queued("B2", "b", priority=5)
    play.ready("1001")
    [decision] = play.router.why("A")
    assert [(r.queue_id, r.call_id) for r in decision.rivals] == [("b", "B2")], "within a queue the priority counts"
    assert "Queue a went before call B2 of queue b: he had waited 1 s, the other 0 s." in decision.sentence()


def test_the_queue_whose_callers_run_out_of_time_comes_first():
    play = two("service_level_at_risk")
    play.queued("B", "b")
    play.after(30)
    play.queued("A", "a")
    play.after(15)
    assert "offer A 1001" in play.ready("1001"), "5 s left against 15 s"
    sentence = play.router.why("A")[0].sentence()
    assert (
        "Queue a went before call B of queue b: 1.00 answers in time were at risk in his queue, 1.00 in the other."
        in sentence
    )


def test_agents_on_duty_lower_the_risk_of_their_queue():
    queues = (Queue(id="a", threshold_s=20), Queue(id="b", threshold_s=20))
    crew = [profile(f"20{n:02}", queues=("b",)) for n in range(10)]
    play = Play("1001", *crew, queues=queues, house={"between_queues": "service_level_at_risk"})
    for n in range(10):
        play.ask(f"20{n:02}", "ready")
        play.queued(f"X{n}", "b")
        play.answered(f"X{n}")
    play.queued("B", "b")
    play.after(1)
    play.queued("A", "a")
    assert "offer A 1001" in play.ready("1001"), "ten others serve the other queue, nobody this one"


def test_who_is_beyond_the_threshold_is_not_forgotten():
    play = two("service_level_at_risk")
    play.queued("B", "b")
    play.after(200)
    for n in range(5):
        play.queued(f"A{n}", "a")
    play.after(30)
    assert "offer B 1001" in play.ready("1001"), "3.8 times his threshold against 1.5 times"


numbers = st.integers(min_value=0, max_value=300)
lefts = st.floats(min_value=-100, max_value=3_000)
handlings = st.floats(min_value=5, max_value=1_000)


@given(waiting=numbers, left_s=lefts, agents=numbers, handling_s=handlings)
def test_the_risk_is_monotone(waiting, left_s, agents, handling_s):
    here = risk(waiting=waiting, left_s=left_s, agents=agents, handling_s=handling_s)
    assert 0.0 <= here <= 1.0
    slack = 1e-9
    assert risk(waiting=waiting + 1, left_s=left_s, agents=agents, handling_s=handling_s) >= here - slack
    assert risk(waiting=waiting, left_s=left_s - 1, agents=agents, handling_s=handling_s) >= here - slack
    assert risk(waiting=waiting, left_s=left_s, agents=agents + 1, handling_s=handling_s) <= here + slack
    assert risk(waiting=waiting, left_s=left_s, agents=agents, handling_s=handling_s + 1) >= here - slack


@pytest.mark.parametrize(("waiting", "x"), [(1, 0.5), (1, 3.0), (2, 2.0), (5, 4.0), (30, 10.0), (3, 40.0)])
def test_the_risk_is_the_poisson_probability_of_too_few_free_agents(waiting, x):
    exact = sum(math.exp(-x) * x**k / math.factorial(k) for k in range(waiting))
    assert risk(waiting=waiting, left_s=x, agents=1, handling_s=1.0) == pytest.approx(exact, abs=1e-9)


def test_nothing_is_at_risk_where_nobody_waits_and_everything_where_time_is_up():
    assert risk(waiting=0, left_s=-5, agents=0, handling_s=180) == 0
    assert risk(waiting=1, left_s=0, agents=50, handling_s=180) == 1
    assert risk(waiting=1, left_s=10, agents=0, handling_s=180) == 1


def test_many_agents_at_once_are_given_out_in_the_order_of_the_callers():
    play = Play(*(f"10{n:02}" for n in range(20)), queues=(Queue(id="a", priority=1), Queue(id="b")))
    for n in range(30):
        play.queued(f"C{n:02}", "ab"[n % 2], priority=n % 3)
        play.now += 1
    play.link(False)
    for n in range(20):
        play.ready(f"10{n:02}")
    found = (play.found(f"C{n:02}", "session", entered_at=START + n) for n in range(30))
    offers = [text.split() for text in play.surveyed(*found) if text.startswith("offer")]
    ranked = sorted(range(30), key=lambda n: (-(n % 3) - (n % 2 == 0), n))
    assert [call for _, call, _ in offers] == [f"C{n:02}" for n in ranked[:20]]
    assert [agent for _, _, agent in offers] == [f"10{n:02}" for n in range(20)]
