"""Agents from a forecast: on the distribution of the rate, with every kind of target, for every hour that is open."""

import numpy as np
import pytest

from forecast.models.base import Forecast
from forecast.staffing.erlang import guess_of, least, lines
from forecast.staffing.plan import Staffing, plan, reached
from forecast.staffing.rates import WEIGHTS, rates_of
from forecast.staffing.rules import Rules, Targets, Work, rules_of
from hotline.errors import Misuse
from hotline.settings.forecasting import Forecasting
from hotline.settings.queues import Queue, QueueStaffing
from tests.unit.forecast.staffing.forecasts import forecast
from tests.unit.forecast.staffing.queue_line import played

PATIENT = Work(handling_s=180)
WORK = Work(handling_s=180, patience_s=300)
SHARE = Targets(share=0.8, threshold_s=30)


def least_for(calls: float, work: Work, targets: Targets) -> int:
    """What plain Erlang says for a rate that is known."""
    found = least(
        lambda _which, agents: lines(
            load=calls * work.handling_s / 1_800, agents=agents, service_s=work.handling_s,
            threshold_s=targets.threshold_s, patience_s=work.patience_s,
        ).answered_within >= targets.share,
        guess_of([calls / 10]),
    )  # fmt: skip
    return int(found[0])


@pytest.mark.parametrize("work", [PATIENT, WORK])
@pytest.mark.parametrize("calls", [1, 30, 400])
def test_a_rate_that_is_known_for_sure_needs_what_erlang_says(work, calls):
    made = plan(forecast(calls, dispersion=1.0), Rules(work=work, targets=SHARE))
    assert (made.agents == least_for(calls, work, SHARE)).all()
    assert (made.low == made.agents).all()
    assert (made.high == made.agents).all()


@pytest.mark.parametrize("work", [PATIENT, WORK])
@pytest.mark.parametrize("calls", [5, 60, 900])
def test_the_expected_level_over_the_distribution_meets_the_target_and_one_agent_less_would_not(work, calls):
    """The distribution is drawn at random here: rates of the forecast's mean and of the variance that is no Poisson noise."""
    dispersion, rules = 7.0, Rules(work=work, targets=SHARE)
    made = plan(forecast(calls, dispersion=dispersion), rules)
    shape = calls / (dispersion - 1)
    rates = np.random.default_rng(5).gamma(shape, calls / shape, size=40_000)
    levels = [
        np.average(
            lines(load=rates / 10, agents=made.agents[0, 0] + more, service_s=180, threshold_s=30, patience_s=work.patience_s)
            .answered_within,
            weights=rates,
        )
        for more in (-1, 0)
    ]  # fmt: skip
    assert levels[1] == pytest.approx(made.expected.service_level[0, 0], abs=0.03)
    assert levels[0] < 0.8 + 0.01
    assert levels[1] > 0.8 - 0.03
    assert made.low[0, 0] <= made.agents[0, 0] <= made.high[0, 0]
    assert made.agents[0, 0] >= least_for(calls, work, SHARE)


def test_the_point_forecast_alone_would_miss_the_target():
    spread = forecast(200, dispersion=10)
    rules = Rules(work=PATIENT, targets=SHARE)
    assert reached(spread, rules, least_for(200, PATIENT, SHARE)).service_level[0, 0] < 0.7
    assert plan(spread, rules).expected.service_level.min() >= 0.8


def test_rates_keep_the_mean_and_lose_the_poisson_noise():
    for calls, dispersion in ((50, 6.0), (50, 1.0), (3, 2.0), (50, 0.5)):
        rates = rates_of(forecast(calls, dispersion=dispersion))
        mean = np.tensordot(WEIGHTS, rates.nodes, axes=1)
        variance = np.tensordot(WEIGHTS, (rates.nodes - mean) ** 2, axes=1)
        assert mean == pytest.approx(np.full(mean.shape, calls))
        assert variance == pytest.approx(np.full(mean.shape, calls * max(dispersion - 1, 0)), rel=0.12, abs=1e-9)
        assert (rates.nodes >= 0).all()
        assert (np.diff(rates.nodes, axis=0) >= 0).all()
        assert rates.at(0.0) == pytest.approx(rates.nodes[len(WEIGHTS) // 2])


@pytest.mark.parametrize(
    ("targets", "what", "limit"),
    [
        (Targets(share=None, wait_s=20.0), "wait", ("asa_s", 20.0)),
        (Targets(share=None, abandoned=0.03), "abandonment", ("abandoned", 0.03)),
        (Targets(share=None, occupancy=0.7), "occupancy", ("occupancy", 0.7)),
    ],
)
def test_each_kind_of_target_is_met_with_the_least_agents(targets, what, limit):
    rules = Rules(work=WORK, targets=targets)
    asked = forecast([3, 20, 100, 900] * 6 + [40, 41])
    made = plan(asked, rules)
    name, most = limit
    assert (getattr(made.expected, name) <= most + 1e-9).all()
    fewer = np.maximum(made.agents - 1, 0)
    assert (getattr(reached(asked, rules, fewer), name)[made.agents > 0] > most).all()
    assert (made.decided_by == what).all()


def test_of_several_targets_the_strictest_decides_and_is_named():
    asked = forecast([20, 20_000], starts=(600, 630))
    one = plan(asked, Rules(work=WORK, targets=SHARE))
    both = plan(asked, Rules(work=WORK, targets=Targets(share=0.8, threshold_s=30, occupancy=0.85)))
    assert both.agents[0, 0] == one.agents[0, 0]
    assert both.agents[0, 1] > one.agents[0, 1]
    assert both.decided_by.tolist() == [["service_level", "occupancy"]]


def test_a_mean_wait_without_patience_counts_an_overloaded_half_hour_as_a_half_hour():
    made = plan(forecast(300, dispersion=12), Rules(work=PATIENT, targets=Targets(share=None, wait_s=30)))
    assert np.isfinite(made.expected.asa_s).all()
    assert (made.expected.asa_s <= 30).all()
    assert (made.agents < made.high + 10).all()


def test_shrinkage_says_who_must_be_paid():
    made = plan(forecast(100), Rules(work=WORK, targets=SHARE, shrinkage=0.3))
    assert (made.paid == np.ceil(made.agents / 0.7)).all()
    whole = plan(forecast(100), Rules(work=WORK, targets=SHARE, shrinkage=0.5))
    assert (whole.paid == 2 * whole.agents).all()


def test_closed_hours_need_nobody_and_open_ones_at_least_the_least():
    is_open = np.ones((2, 26), dtype=bool)
    is_open[0, :4] = False
    made = plan(forecast(0.4, days=2), Rules(work=WORK, targets=SHARE, least_agents=2), is_open=is_open)
    assert (made.agents[~is_open] == 0).all()
    assert (made.paid[~is_open] == 0).all()
    assert np.isnan(made.expected.service_level[~is_open]).all()
    assert (made.agents[is_open] == 2).all()
    assert set(made.decided_by[is_open]) == {"least"}
    assert set(made.decided_by[~is_open]) == {""}


def test_nobody_expected_needs_nobody():
    made = plan(forecast(0.0), Rules(work=WORK, targets=SHARE))
    assert (made.agents == 0).all()
    assert (made.expected.service_level == 1).all()
    assert np.isnan(made.total()["service_level"])


def test_a_closed_day_is_a_plan_without_anybody():
    made = plan(forecast(100), Rules(work=WORK, targets=SHARE, least_agents=3), is_open=False)
    assert made.agents.sum() == made.high.sum() == 0
    assert np.isnan(made.total()["asa_s"])


def test_handling_times_may_differ_by_interval():
    handling = np.where(np.arange(26) < 13, 120.0, 240.0)
    made = plan(forecast(100), Rules(work=WORK, targets=SHARE), handling_s=handling)
    assert made.load[0, 0] * 2 == pytest.approx(made.load[0, -1])
    assert made.agents[0, 0] < made.agents[0, -1]


def test_totals_are_weighted_by_calls():
    made = plan(forecast([10, 1_000], starts=(600, 630)), Rules(work=WORK, targets=SHARE))
    levels = made.expected.service_level[0]
    assert made.total()["service_level"] == pytest.approx((10 * levels[0] + 1_000 * levels[1]) / 1_010)
    assert made.total()["occupancy"] == pytest.approx(
        (made.expected.occupancy[0] * made.agents[0]).sum() / made.agents[0].sum()
    )


# --- calls that last beyond their interval -------------------------------------------------------------------------------


def five_minutes(rates_per_slot: list[float]) -> Forecast:
    return forecast(
        rates_per_slot, dispersion=1.0, starts=tuple(600 + 5 * n for n in range(len(rates_per_slot))), step=5
    )


def test_agents_follow_a_jump_of_calls_as_fast_as_calls_pile_up():
    made = plan(five_minutes([10.0] * 6 + [60.0] * 12), Rules(work=Work(handling_s=600), targets=SHARE))
    by_itself = plan(
        five_minutes([10.0] * 6 + [60.0] * 12), Rules(work=Work(handling_s=600), targets=SHARE, carry_over=False)
    )
    load = made.load[0]
    assert load[:6] == pytest.approx(np.full(6, 20.0))
    assert 20 < load[6] < 60 < load[8] < load[-1] < 120
    assert load[-1] == pytest.approx(120, rel=0.01)
    assert by_itself.load[0, 6] == pytest.approx(120)
    assert (made.agents[0, 6:9] < by_itself.agents[0, 6:9]).all()


def test_after_a_closed_time_an_interval_begins_by_itself():
    starts = (600, 605, 900, 905)
    made = plan(
        forecast([10, 60, 10, 60], dispersion=1.0, starts=starts, step=5),
        Rules(work=Work(handling_s=600), targets=SHARE),
    )
    assert made.load[0, 2] == pytest.approx(20.0)
    assert made.load[0, 1] == pytest.approx(made.load[0, 3])


def test_the_night_is_carried_into_the_next_day():
    starts = tuple(range(0, 1_440, 5))
    asked = forecast(np.array([[10.0], [60.0]]), dispersion=1.0, days=2, starts=starts, step=5)
    made = plan(asked, Rules(work=Work(handling_s=600), targets=SHARE))
    assert 20 < made.load[1, 0] < 60 < made.load[1, 3]


def test_with_carried_load_a_played_day_keeps_its_level_at_the_jump():
    """Calls triple at once: by itself the first interval gets agents it does not need yet; the carried load gives it fewer, and they suffice."""
    counts, rules = [20.0] * 6 + [60.0], Rules(work=Work(handling_s=400), targets=Targets(share=0.8, threshold_s=20))
    made = plan(five_minutes(counts), rules)
    seen = [
        played(
            rates=[c / 300 for c in counts], step_s=300, agents=int(made.agents[0, -1]), service=lambda luck: luck.expovariate(1 / 400),
            patience_s=float("inf"), threshold_s=20, seed=seed, begin=6,
        )["answered_within"]
        for seed in range(60)
    ]  # fmt: skip
    assert np.mean(seen) > 0.7
    assert (
        made.agents[0, -1]
        < plan(five_minutes(counts), Rules(work=rules.work, targets=rules.targets, carry_over=False)).agents[0, -1]
    )


# --- what is asked, and mistakes -----------------------------------------------------------------------------------------


def test_rules_come_from_what_was_measured_then_the_queue_then_the_house():
    queue = Queue(
        id="q", target_share=0.9, threshold_s=20, staffing=QueueStaffing(handling_s=200, occupancy=0.85, least_agents=2)
    )
    house = Forecasting(patience_s=100, handling_s=300, shrinkage=0.25)
    rules = rules_of(queue, house)
    assert (rules.work.handling_s, rules.work.patience_s, rules.shrinkage, rules.least_agents) == (200, 100, 0.25, 2)
    assert rules.targets == Targets(share=0.9, threshold_s=20, occupancy=0.85)
    measured = rules_of(queue, house, handling_s=190.0, patience_s=80.0, handling_cv=1.2)
    assert measured.work == Work(handling_s=190.0, patience_s=80.0, handling_cv=1.2)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Targets(share=1.2),
        lambda: Targets(share=None),
        lambda: Targets(wait_s=0),
        lambda: Targets(threshold_s=-1),
        lambda: Targets(occupancy=1.0),
        lambda: Work(handling_s=0),
        lambda: Work(handling_s=float("nan")),
        lambda: Work(handling_s=60, patience_s=0),
        lambda: Work(handling_s=60, handling_cv=-1),
        lambda: Rules(work=WORK, shrinkage=1.0),
        lambda: Rules(work=WORK, volumes=-1),
        lambda: Rules(work=WORK, least_agents=5, most_agents=4),
        lambda: Rules(work=PATIENT, targets=Targets(abandoned=0.05)),
        lambda: plan(forecast(10, starts=(0,), step=1_440), Rules(work=WORK)),
        lambda: plan(forecast(np.nan), Rules(work=WORK)),
        lambda: plan(forecast(10), Rules(work=WORK), handling_s=[1.0, 2.0, 3.0]),
        lambda: plan(forecast(10), Rules(work=WORK), handling_s=0.0),
        lambda: plan(forecast(5_000), Rules(work=WORK, most_agents=20)),
        lambda: reached(forecast(10), Rules(work=WORK), -1),
    ],
)
def test_a_mistake_is_one_clear_error(make):
    with pytest.raises(Misuse, match=r"^[^\n]{15,150}$"):
        make()


@pytest.mark.parametrize("carry_over", [True, False])
@pytest.mark.parametrize("work", [PATIENT, WORK])
def test_a_forecast_of_no_day_at_all_is_an_empty_plan(work, carry_over):
    made = plan(forecast(10, days=0), Rules(work=work, targets=SHARE, carry_over=carry_over))
    assert made.agents.shape == (0, 26)
    assert np.isnan(made.total()["service_level"])


def test_a_spike_of_a_hundred_times_is_still_a_plan():
    made = plan(forecast([200.0] * 25 + [20_000.0]), Rules(work=WORK, targets=SHARE))
    assert isinstance(made, Staffing)
    assert made.agents[0, -1] > 50 * made.agents[0, 0]
