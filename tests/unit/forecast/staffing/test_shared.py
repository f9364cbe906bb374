"""The search for agents of several groups, with a simulation of which the answer is known."""

import numpy as np
import pytest

from forecast.staffing.erlang import lines
from forecast.staffing.shared import Demand, Estimate, Group, Seen, by_itself, share_out
from hotline.errors import Misuse

CALLS = np.array([20.0, 60.0, 40.0])
STEP_S = 1_800.0


def demand(name: str, calls=CALLS, share: float = 0.8) -> Demand:
    return Demand(name=name, calls=calls[None], handling_s=240.0, share=share, threshold_s=20.0, patience_s=300.0)


def group(name: str, queues: str, most: int = 40) -> Group:
    return Group(name=name, queues=tuple(queues), most=np.full(3, most))


class Pool:
    """Plays two queues, `a` and `b`, exactly as Erlang A has it: agents of both queues serve one common line with those of either by half."""

    def __init__(self, names: list[str], noise: float = 0.0) -> None:
        self.names, self.noise = names, noise
        self.days: list[int] = []

    def __call__(self, agents, days) -> Seen:
        self.days += days
        by = dict(zip(self.names, agents, strict=True))
        both = by.get("both", np.zeros(3))
        level = np.empty((3, 2))
        for number, one in enumerate("ab"):
            alone = by.get(one, np.zeros(3)) + both / 2
            pooled = sum(by.values())
            share = np.where(pooled > 0, both / np.maximum(pooled, 1), 0.0)
            for at in range(3):
                common = self.level(CALLS[at] * 2, pooled[at])
                level[at, number] = share[at] * common + (1 - share[at]) * self.level(CALLS[at], alone[at])
        luck = np.array([np.random.default_rng(day).normal(size=(3, 2)) for day in days])
        offered = np.repeat(CALLS[None, :, None], len(days), axis=0) * np.ones((1, 1, 2))
        return Seen(offered=offered, in_time=offered * np.clip(level + self.noise * luck, 0, 1))

    @staticmethod
    def level(calls: float, agents: float) -> float:
        met = lines(load=calls * 240 / STEP_S, agents=agents, service_s=240, threshold_s=20, patience_s=300)
        return float(met.answered_within)


def test_each_queue_by_itself_takes_those_who_serve_the_fewest_queues_first():
    groups = [group("both", "ab"), group("a", "a", most=4), group("b", "b")]
    agents = by_itself(groups, [demand("a"), demand("b")], STEP_S)
    need = by_itself([group("a", "a")], [demand("a")], STEP_S)[0]
    assert agents[2].tolist() == need.tolist()
    assert agents[1].tolist() == np.minimum(need, 4).tolist()
    assert agents[0].tolist() == (need - np.minimum(need, 4)).tolist()


def test_a_queue_whose_calls_vary_starts_with_more_agents():
    sure = by_itself([group("a", "a")], [demand("a")], STEP_S)[0]
    varied = Demand(
        name="a",
        calls=np.stack((CALLS * 0.6, CALLS, CALLS * 1.4)),
        handling_s=240.0,
        share=0.8,
        threshold_s=20.0,
        patience_s=300.0,
    )
    more = by_itself([group("a", "a")], [varied], STEP_S)[0] - sure
    assert (more >= 0).all()
    assert more.sum() > 0


def test_a_group_may_be_away_in_some_intervals():
    away = Group(name="a", queues=("a",), most=np.array([0, 40, 40]))
    agents = by_itself([away, group("both", "ab")], [demand("a")], STEP_S)
    assert agents[0, 0] == 0 < agents[0, 1]
    assert agents[1, 0] > 0


def test_queues_with_agents_of_their_own_keep_what_erlang_gave_them():
    groups = [group("a", "a"), group("b", "b")]
    found = share_out(groups, [demand("a"), demand("b")], Pool(["a", "b"]), step_s=STEP_S, days=300)
    assert (found.agents == found.start).all()
    assert found.held == (True, True)


def test_shared_agents_need_fewer_than_each_queue_by_itself():
    groups = [group("both", "ab"), group("a", "a", most=0), group("b", "b", most=0)]
    pool = Pool(["both", "a", "b"])
    found = share_out(groups, [demand("a"), demand("b")], pool, step_s=STEP_S, days=400)
    assert (found.agents.sum(axis=0) < found.start.sum(axis=0)).all()
    assert found.held == (True, True)
    assert (found.interval.mean >= 0.8 - 1e-9).all()
    fewest = [next(n for n in range(60) if Pool.level(2 * calls, n) >= 0.8) for calls in CALLS]
    assert found.agents[0].tolist() == fewest


def test_two_groups_trade_agents_for_shared_ones():
    groups = [group("both", "ab"), group("a", "a"), group("b", "b")]
    found = share_out(groups, [demand("a"), demand("b")], Pool(["both", "a", "b"]), step_s=STEP_S, days=3_000)
    assert found.agents[0].sum() > 0
    assert found.agents.sum() < found.start.sum()
    assert found.held == (True, True)


def test_the_last_word_have_days_on_which_nothing_was_chosen():
    pool = Pool(["both", "a", "b"], noise=0.05)
    groups = [group("both", "ab"), group("a", "a"), group("b", "b")]
    found = share_out(groups, [demand("a"), demand("b")], pool, step_s=STEP_S, days=600)
    searched, judged = set(range(20)), pool.days[-found.judged_on :]
    assert not searched & set(judged)
    assert len(pool.days) == found.days <= 600
    assert (found.day.mean - found.day.half >= 0.8).all() == all(found.held)


def test_agents_are_added_where_the_start_is_too_few():
    """Here each call takes a third longer than the demand says: Erlang by itself starts with too few."""

    class Slow(Pool):
        @staticmethod
        def level(calls: float, agents: float) -> float:
            return Pool.level(calls * 4 / 3, agents)

    found = share_out(
        [group("a", "a"), group("b", "b")], [demand("a"), demand("b")], Slow(["a", "b"]), step_s=STEP_S, days=300
    )
    assert (found.agents > found.start).all()
    assert found.held == (True, True)


def test_what_nobody_can_reach_is_said():
    groups = [group("a", "a", most=3), group("b", "b")]
    found = share_out(groups, [demand("a"), demand("b")], Pool(["a", "b"]), step_s=STEP_S, days=100)
    assert found.held == (False, True)
    assert (found.agents[0] <= 3).all()


def test_a_queue_that_nobody_serves_is_a_mistake():
    with pytest.raises(Misuse, match="nobody serves the queue b"):
        share_out([group("a", "a")], [demand("a"), demand("b")], Pool(["a"]), step_s=STEP_S, days=100)


def test_an_estimate_covers_the_true_level():
    random, hits = np.random.default_rng(3), 0
    for _ in range(300):
        offered = random.poisson(50, size=(20, 1)).astype(float)
        found = Estimate.of(offered, random.binomial(offered.astype(int), 0.8).astype(float))
        hits += abs(found.mean[0] - 0.8) <= found.half[0]
    assert 0.91 <= hits / 300 <= 0.98
    alone = Estimate.of(np.array([[10.0, 0.0]]), np.array([[8.0, 0.0]]))
    assert alone.mean.tolist() == [0.8, 1.0]
    assert np.isinf(alone.half).all()
