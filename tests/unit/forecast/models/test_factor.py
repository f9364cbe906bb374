"""The factor model: shapes of the day, scores that remember, days that are not ordinary."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from forecast.days.calendar import Calendar, Event
from forecast.models.baselines import WeekdayMean
from forecast.models.slots.factor import Factor, stiff
from forecast.models.slots.shapes import ridge
from forecast.series.counts import Counts
from tests.unit.forecast.generator import coming, drawn, slots

WIDTH = 10


def working(
    count: int = 120, *, level: float = 80.0, dispersion: float = 6.0, seed: int = 3, change: np.ndarray | None = None
) -> Counts:
    """Counts of working days with a strong shape of the day, Mondays high."""
    days = np.datetime64("2023-01-02") + np.arange(count * 2)
    days = days[(days.astype(int) + 3) % 7 < 5][:count]
    shape = 0.4 + np.sin(np.pi * (np.arange(WIDTH) + 0.5) / WIDTH)
    week = np.array([1.3, 1.0, 0.95, 0.95, 1.0])[(days.astype(int) + 3) % 7]
    rate = level * week[:, None] * shape * (1.0 if change is None else change[:, None])
    return Counts(
        unit="slot",
        periods=days,
        values=drawn(rate, dispersion=dispersion, seed=seed),
        starts_min=tuple(480 + 30 * one for one in range(WIDTH)),
        step_min=30,
    )


def wape(actual: np.ndarray, mean: np.ndarray) -> float:
    return float(np.abs(actual - mean).sum() / actual.sum())


def next_days(history: Counts, count: int) -> np.ndarray:
    days = history.periods[-1] + 1 + np.arange(count * 2 + 2)
    return days[(days.astype(int) + 3) % 7 < 5][:count]


def test_it_beats_the_mean_of_the_last_same_weekdays_where_the_level_moves_slowly() -> None:
    wave = 1 + 0.25 * np.sin(np.arange(150) / 12.0)
    counts = working(150, change=wave)
    errors = {"factor": [], "mean": []}
    for origin in range(110, 150, 4):
        history, actual = counts.cut(0, origin), counts.values[origin]
        for name, fitted in (
            ("factor", Factor().start(history, Calendar())),
            ("mean", WeekdayMean().fit(history, Calendar())),
        ):
            errors[name].append(wape(actual, fitted.predict(counts.periods[origin : origin + 1]).mean[0]))
    assert np.mean(errors["factor"]) < 0.93 * np.mean(errors["mean"])


def test_small_counts_are_not_forecast_too_low() -> None:
    counts = working(200, level=3.0, dispersion=1.5)
    fitted = Factor().fit(counts.cut(0, 150), Calendar())
    found = fitted.predict(counts.periods[150:])
    without = (np.sqrt(counts.values[:150]).mean() ** 2) / counts.values[:150].mean()
    assert without < 0.93  # what a careless way back from the square root would say
    assert found.mean.sum() / counts.values[150:].sum() == pytest.approx(1.0, abs=0.06)


def test_its_quantiles_cover_what_they_say() -> None:
    counts = working(240, dispersion=5.0)
    fitted = Factor().fit(counts.cut(0, 140), Calendar())
    inside80, inside95 = [], []
    for origin in range(140, 240):
        found = fitted.predict(counts.periods[origin : origin + 1])
        actual = counts.values[origin]
        inside80.append((actual >= found.level(0.1)[0]) & (actual <= found.level(0.9)[0]))
        inside95.append((actual >= found.level(0.025)[0]) & (actual <= found.level(0.975)[0]))
        fitted = fitted.update(counts.cut(origin, origin + 1))
    assert np.mean(inside80) == pytest.approx(0.80, abs=0.035)
    assert np.mean(inside95) == pytest.approx(0.95, abs=0.03)


def test_a_holiday_is_forecast_by_what_holidays_were_with_more_doubt_than_an_ordinary_day() -> None:
    counts = working(120)
    days = counts.periods.astype(object)
    off = [days[at] for at in (30, 60, 90)]
    values = counts.values.copy()
    values[[30, 60, 90]] = np.round(values[[30, 60, 90]] * 0.2)
    to_come = next_days(counts, 2)
    calendar = Calendar(holidays={**dict.fromkeys(off, "Feast"), to_come[1].astype(object): "Feast"})
    found = Factor().fit(counts.with_values(values), calendar).predict(to_come)
    assert found.mean[1].sum() / values.mean(axis=0).sum() == pytest.approx(0.22, abs=0.08)
    relative = (found.level(0.9) - found.level(0.1)) / found.level(0.5)
    assert relative[1].mean() > 1.5 * relative[0].mean()


def test_holidays_do_not_pull_ordinary_days_down() -> None:
    counts = working(100)
    values = counts.values.copy()
    values[[91, 94, 97]] = 0.0
    off = dict.fromkeys([counts.periods[at].astype(object) for at in (91, 94, 97)], "Feast")
    ahead = next_days(counts, 5)
    told = Factor().fit(counts.with_values(values), Calendar(holidays=off)).predict(ahead)
    usual = Factor().fit(counts, Calendar()).predict(ahead)
    assert told.mean.sum() == pytest.approx(usual.mean.sum(), rel=0.06)


def test_an_own_event_is_expected_to_do_again_what_it_did() -> None:
    counts = working(120)
    values = counts.values.copy()
    values[[40, 80]] *= 2.0
    ahead = next_days(counts, 1)
    dates = [counts.periods[40], counts.periods[80], ahead[0]]
    events = tuple(Event(name="bill run", first=one.astype(object), last=one.astype(object)) for one in dates)
    told = Factor().fit(counts.with_values(values), Calendar(events=events)).predict(ahead)
    usual = Factor().fit(counts, Calendar()).predict(ahead)
    assert 1.5 < told.mean.sum() / usual.mean.sum() < 2.1


def followed(days: int) -> float:
    """Return which share of a jump of the level is forecast so many days after it."""
    counts = working(120, dispersion=2.0, change=np.where(np.arange(120) >= 120 - days, 1.6, 1.0))
    found = Factor().start(counts, Calendar()).predict(next_days(counts, 5))
    return (found.mean.mean() / counts.values[: 120 - days].mean() - 1.0) / 0.6


def test_a_level_that_jumped_is_followed_for_the_most_part_within_four_weeks_and_never_beyond() -> None:
    shares = [followed(days) for days in (4, 12, 20)]
    assert shares == sorted(shares)
    assert 0.4 < shares[1] < 0.9
    assert 0.75 < shares[2] < 1.1


def test_an_unmarked_outage_and_a_spike_leave_no_trace_after_a_month() -> None:
    counts = working(120)
    values = counts.values.copy()
    values[95] = 0.0
    values[96, 4] *= 100
    ahead = next_days(counts, 5)
    found = Factor().fit(counts.with_values(values), Calendar()).predict(ahead)
    usual = Factor().fit(counts, Calendar()).predict(ahead)
    assert found.mean == pytest.approx(usual.mean, rel=0.12)


def test_half_a_day_that_is_not_known_is_filled_from_its_other_half() -> None:
    change = np.ones(100)
    change[-1] = 1.5
    counts = working(100, level=400.0, dispersion=1.5, change=change)
    values = counts.values.copy()
    values[-1, 5:] = np.nan
    ahead = next_days(counts, 1)
    full, half = (Factor().start(one, Calendar()).predict(ahead).mean for one in (counts, counts.with_values(values)))
    assert half == pytest.approx(full, rel=0.05)


def test_an_update_says_what_a_fit_on_all_days_says() -> None:
    counts = working(100)
    updated = Factor().fit(counts.cut(0, 95), Calendar()).update(counts.cut(95, 100))
    ahead = next_days(counts, 5)
    again = Factor().fit(counts, Calendar()).predict(ahead)
    assert updated.predict(ahead).mean == pytest.approx(again.mean, rel=0.03)
    assert updated.predict(ahead).level(0.9) == pytest.approx(again.level(0.9), rel=0.1)


def test_ordinary_days_ahead_do_not_depend_on_which_others_are_asked_for() -> None:
    counts = working(100)
    fitted = Factor().fit(counts, Calendar())
    ahead = next_days(counts, 6)
    assert fitted.predict(ahead[4:5]).mean[0] == pytest.approx(fitted.predict(ahead).mean[4])


def test_the_stiff_one_says_less_of_what_it_saw_once() -> None:
    counts = slots(count=84, width=8)
    values = counts.values.copy()
    values[[0, 31, 59]] *= 1.8  # the first days of three months
    counts = counts.with_values(values)
    calendar = Calendar(country="XX", holidays={date(2030, 1, 1): "New Year"})
    ahead = coming(counts, 10)
    first = [str(day)[-2:] for day in ahead].index("01")
    effects = []
    for model in (Factor(), stiff()):
        without = replace(model, calendar_ridge=1e9)
        said, plain = (one.start(counts, calendar).predict(ahead).mean[first].sum() for one in (model, without))
        effects.append(said / plain)
    assert effects[0] > effects[1] > 1.0


def test_ridge_without_pull_is_least_squares() -> None:
    random = np.random.default_rng(4)
    x = random.normal(size=(50, 3))
    y = x @ np.array([[1.0], [-2.0], [0.5]])
    assert ridge(x, y, np.zeros(3), np.ones(50))[:, 0] == pytest.approx([1.0, -2.0, 0.5], abs=1e-6)
