"""How good forecasts were."""

import math
from dataclasses import replace

import numpy as np
import pytest

from forecast.backtest.protocol import each_period
from forecast.backtest.runner import Track, actual
from forecast.backtest.scores import by_weekday, covered, floor, naive_error, pinball, score, wape
from forecast.models.base import LEVELS
from forecast.series.counts import Counts
from tests.unit.forecast.generator import days, slots


def said(mean: np.ndarray, half: float = 10.0) -> Track:
    offsets = np.linspace(-half, half, len(LEVELS)).reshape(-1, *([1] * mean.ndim))
    return Track(model="x", mean=mean, quantiles=mean[None] + offsets, seconds=6.0)


HISTORY = slots(count=42)
PROTOCOL = each_period(HISTORY, 3)
CAME = actual(HISTORY, PROTOCOL)


def test_a_perfect_forecast_has_no_error() -> None:
    found = score(said(CAME), HISTORY, PROTOCOL)
    assert (found.wape, found.mase, found.bias, found.rmse, found.covered80) == (0, 0, 0, 0, 1)


def test_too_much_by_a_tenth_is_a_tenth_of_wape_and_bias() -> None:
    found = score(said(CAME * 1.1), HISTORY, PROTOCOL)
    assert found.wape == pytest.approx(0.1)
    assert found.bias == pytest.approx(0.1)
    assert found.mape == pytest.approx(0.1)
    assert found.seconds_each == 2.0


def test_wape_weighs_by_calls_and_bears_slots_without_any() -> None:
    assert wape(np.array([1.0, 90.0]), np.array([0.0, 100.0])) == pytest.approx(0.11)


def test_mase_of_the_naive_forecast_on_a_steady_series_is_about_one() -> None:
    history = slots(count=210, seed=2)
    protocol = each_period(history, 70)
    naive = history.values[protocol.targets - 7]
    assert score(said(naive), history, protocol).mase == pytest.approx(1.0, abs=0.1)


def test_the_scale_of_mase_is_the_change_from_week_to_week() -> None:
    values = np.repeat([10.0, 14.0, 12.0], 7)[:, None]
    history = Counts(unit="day", periods=days("2024-01-01", 21), values=values)
    assert naive_error(history, 21) == 3.0


def test_coverage_counts_what_lies_within() -> None:
    truth = np.array([1.0, 5.0, 9.0, 20.0])
    levels = np.tile(np.linspace(2, 10, len(LEVELS))[:, None], (1, 4))
    assert covered(truth, levels, 0.1, 0.9) == 0.25
    assert covered(truth, levels, 0.025, 0.975) == 0.5


def test_the_quantile_loss_is_least_for_the_true_quantiles() -> None:
    truth = np.random.default_rng(1).poisson(50, size=4_000).astype(float)
    right = np.quantile(truth, LEVELS)[:, None] * np.ones((1, 4_000))
    losses = [pinball(truth, 50 + (right - 50) * factor).mean() for factor in (0.5, 1.0, 2.0)]
    assert losses[1] < min(losses[0], losses[2])


def test_the_floor_is_what_a_poisson_count_leaves_to_who_knows_its_rate() -> None:
    random = np.random.default_rng(7)
    rates = random.uniform(0.5, 60.0, size=50_000)
    counts = random.poisson(rates)
    assert floor(rates) == pytest.approx(np.abs(counts - rates).sum() / rates.sum(), rel=0.01)


def test_errors_are_told_by_weekday_and_slot() -> None:
    monday = (
        int(np.flatnonzero([day.item().weekday() == 0 for day in HISTORY.periods[PROTOCOL.origins]])[0])
        if any(day.item().weekday() == 0 for day in HISTORY.periods[PROTOCOL.origins])
        else 0
    )
    weekday = HISTORY.periods[PROTOCOL.origins[monday]].item().weekday()
    mean = CAME.copy()
    mean[monday, 0, 2] *= 1.5
    wapes, biases = by_weekday(said(mean), HISTORY, PROTOCOL)
    assert wapes[weekday, 2] == pytest.approx(0.5)
    assert biases[weekday, 2] == pytest.approx(0.5)
    assert np.nansum(wapes) == pytest.approx(0.5)
    assert np.isnan(wapes).all(axis=1).sum() == 4


def test_no_forecast_at_all_has_no_scores() -> None:
    found = score(replace(said(CAME), mean=np.full_like(CAME, np.nan)), HISTORY, PROTOCOL)
    assert found.forecasts == 0
    assert math.isnan(found.wape)
    assert math.isnan(found.covered80)
