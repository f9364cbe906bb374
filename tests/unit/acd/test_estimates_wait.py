"""Expected waits against queues that are simulated: M/M/n+M, and others whose handling times are steadier or wilder."""

import math
from dataclasses import dataclass, field

import pytest

from acd.estimates.durations import Durations
from acd.estimates.patience import Patience
from acd.estimates.supply import Server, Supply, supply
from acd.estimates.wait import LONGEST_S, Estimate, estimate
from tests.unit.acd.queueing import Arrival, Draw, arrivals, constant, exponential, lognormal

MEAN_S = 180.0
WARM_UP = 800
ARRIVALS = 4_000


@dataclass
class Watcher:
    """Learns as the router does, and counts how many waits were within the estimates."""

    handling: Durations = field(default_factory=lambda: Durations.prior(60.0))
    patience: Patience = field(default_factory=Patience)
    waits: int = 0
    below_p50: int = 0
    below_p90: int = 0

    def see(self, arrival: Arrival, *, judge: bool) -> None:
        if judge and arrival.wait_s > 0:
            expected = self.expect(arrival)
            self.waits += 1
            self.below_p50 += arrival.wait_s <= expected.p50_s
            self.below_p90 += arrival.wait_s <= expected.p90_s
        self.patience.add(arrival.left_after_s, hung_up=arrival.hung_up)
        if not arrival.hung_up:
            self.handling.add(arrival.handling_s)

    def expect(self, arrival: Arrival) -> Estimate:
        servers = [
            Server(self.handling.remaining(arrival.at - since, 4), self.handling.mean_s, self.handling.scv)
            for since in arrival.serving_since
        ]
        return estimate(supply(servers), arrival.before, self.patience.rate(60.0))


@pytest.mark.parametrize(
    ("agents", "load", "handling", "patience_s"),
    [
        pytest.param(1, 0.9, exponential(MEAN_S), 600.0, id="M/M/1+M"),
        pytest.param(2, 0.9, exponential(MEAN_S), 1e6, id="M/M/2"),
        pytest.param(5, 0.95, exponential(MEAN_S), 300.0, id="M/M/5+M"),
        pytest.param(5, 1.5, exponential(MEAN_S), 120.0, id="M/M/5+M overloaded"),
        pytest.param(20, 1.2, exponential(MEAN_S), 120.0, id="M/M/20+M overloaded"),
        pytest.param(5, 1.0, lognormal(MEAN_S, 0.5), 300.0, id="M/LN/5+M steady"),
        pytest.param(5, 1.0, lognormal(MEAN_S, 2.0), 300.0, id="M/LN/5+M wild"),
        pytest.param(4, 1.1, constant(MEAN_S), 300.0, id="M/D/4+M"),
    ],
)
def test_half_of_the_waits_are_below_p50_and_nine_tenths_below_p90(
    agents: int, load: float, handling: Draw, patience_s: float
) -> None:
    watcher = Watcher()
    played = arrivals(
        seed=agents, per_s=load * agents / MEAN_S, agents=agents, handling=handling,
        patience=exponential(patience_s), number=ARRIVALS if agents < 10 else ARRIVALS // 2,
    )  # fmt: skip
    for number, arrival in enumerate(played):
        watcher.see(arrival, judge=number >= WARM_UP)
    assert watcher.waits > 800
    assert 0.42 <= watcher.below_p50 / watcher.waits <= 0.62
    assert 0.84 <= watcher.below_p90 / watcher.waits <= 0.95


def test_with_constant_handling_times_the_next_opening_is_known_to_the_second() -> None:
    handling = Durations.prior(60.0)
    for _ in range(2000):
        handling.add(100.0)
    found = estimate(supply([Server(handling.remaining(70.0, 4), handling.mean_s, handling.scv)]), 2, 0.0)
    assert found.p50_s == pytest.approx(230.0, rel=0.1)
    assert found.p90_s == pytest.approx(230.0, rel=0.2)


def exponential_agents(number: int, mean_s: float = MEAN_S) -> Supply:
    spans = (*(mean_s * -math.log(1 - part) for part in (0.0, 0.25, 0.5, 0.75)), mean_s * (math.log(4) + 2))
    return supply([Server(spans, mean_s, 1.0, float(number))])


@pytest.mark.parametrize("leaving", [0.0, 1 / 120])
def test_the_estimate_is_the_sum_of_stages_of_erlang_a(leaving: float) -> None:
    agents, before = 10, 30
    rates = [agents / MEAN_S + i * leaving for i in range(before + 1)]
    mean, variance = sum(1 / r for r in rates), sum(1 / r**2 for r in rates)
    found = estimate(exponential_agents(agents), before, leaving)
    shape = mean**2 / variance
    median = mean * (1 - 1 / (9 * shape)) ** 3
    assert found.p50_s == pytest.approx(median, rel=0.05)
    assert found.p90_s == pytest.approx(mean + 1.2816 * math.sqrt(variance), rel=0.1)


def test_who_stands_farther_back_never_waits_less() -> None:
    for agents in (1, 3, 50):
        there = exponential_agents(agents)
        found = [estimate(there, before, 1 / 200) for before in (*range(40), 100, 1000, 100_000)]
        assert found == sorted(found)
        assert [f.p90_s for f in found] == sorted(f.p90_s for f in found)


def test_more_agents_never_make_it_longer() -> None:
    found = [estimate(exponential_agents(n), 10, 1 / 200).p50_s for n in (1, 2, 5, 10, 100, 1000)]
    assert found == sorted(found, reverse=True)


def test_idle_agents_serve_at_once_and_only_the_ring_takes_time() -> None:
    idle = supply([Server((0.0, 0.0), MEAN_S, 1.0, 3.0)])
    assert estimate(idle, 2, 0.0, ring_s=4.0) == (4.0, 4.0)
    assert estimate(idle, 3, 0.0, ring_s=4.0).p50_s > 20.0


def test_a_hopeless_wait_is_long_and_finite() -> None:
    found = estimate(exponential_agents(1), 1_000_000, 0.0)
    assert found == (LONGEST_S, LONGEST_S)


def test_callers_of_higher_priority_who_come_later_slow_everything_down_but_never_stop_it() -> None:
    servers = [Server((0.0, 200.0), 100.0, 1.0, 2.0)]
    plain, pushed, flooded = (estimate(supply(servers, taken_per_s=rate), 5, 0.0).p50_s for rate in (0.0, 0.01, 9.0))
    assert plain < pushed < flooded < math.inf


def test_the_steady_agent_makes_a_narrower_range_than_the_wild_one() -> None:
    ranges = {}
    for scv in (0.1, 1.0, 3.0):
        found = estimate(supply([Server((0.0, 200.0), 100.0, scv, 4.0)]), 20, 0.0)
        ranges[scv] = found.p90_s - found.p50_s
    assert ranges[0.1] < ranges[1.0] < ranges[3.0]


# --- what is learned ------------------------------------------------------------------------------------------------------


def test_what_is_known_of_a_duration_narrows_what_remains_of_it() -> None:
    handling = Durations.prior(180.0)
    for _ in range(2000):
        handling.add(290.0)
        handling.add(310.0)
    assert handling.mean_s == pytest.approx(300.0, rel=0.02)
    assert handling.scv < 0.05
    bounds = handling.remaining(240.0, 4)
    assert len(bounds) == 5
    assert list(bounds) == sorted(bounds)
    assert bounds[0] >= 0.0
    assert bounds[2] == pytest.approx(60.0, abs=35.0)


def test_the_prior_is_the_exponential_distribution() -> None:
    prior = Durations.prior(180.0)
    assert prior.mean_s == pytest.approx(180.0)
    assert prior.scv == pytest.approx(1.0)
    for elapsed in (0.0, 100.0, 400.0):
        assert prior.remaining(elapsed, 2)[1] == pytest.approx(180.0 * math.log(2), rel=0.1)


def test_a_duration_beyond_everything_seen_still_ends_some_time() -> None:
    handling = Durations.prior(60.0)
    for elapsed in (1e5, 1e9):
        bounds = handling.remaining(elapsed, 4)
        assert all(0.0 <= b < math.inf for b in bounds)


def test_a_change_of_work_is_learned_and_the_memory_stays_small() -> None:
    handling = Durations.prior(180.0)
    for seconds in (*[100.0] * 5000, *[400.0] * 1500):
        handling.add(seconds)
    assert handling.mean_s == pytest.approx(400.0, rel=0.1)
    for _ in range(20_000):
        handling.add(1e7)
    assert handling.sound
    assert len(handling.weights) < 50


def test_patience_is_not_underestimated_where_callers_are_served_fast() -> None:
    patience = Patience()
    for _ in range(3000):
        patience.add(5.0, hung_up=False)
        patience.add(40.0, hung_up=False)
    for _ in range(3):
        patience.add(4.0, hung_up=True)
    assert patience.rate(2.0) < 1 / 1000


def test_the_rate_of_hanging_up_follows_how_long_was_waited() -> None:
    patience = Patience()
    for _ in range(500):
        patience.add(5.0, hung_up=True)
        patience.add(200.0, hung_up=False)
    assert patience.rate(5.0) == pytest.approx(500 / (500 * 5 + 500 * 15), rel=0.1)
    assert patience.rate(100.0) < 1 / 1000 < patience.rate(5.0)
    assert patience.sound
