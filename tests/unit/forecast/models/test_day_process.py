"""The Gaussian process of days: pooling, robustness, and its mathematics checked the long way round."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from forecast.days.calendar import Calendar, Event
from forecast.days.features import features
from forecast.days.holidays import calendar_for
from forecast.models.base import CannotFit
from forecast.models.days.covariance import covariance_of
from forecast.models.days.process import DayProcess, _Data, _Evidence, _Factor, _start
from forecast.series.counts import Counts
from tests.unit.forecast.generator import daily, days, drawn
from tests.unit.forecast.models.made_days import AFTER, CALENDAR, HOLIDAY, LEVEL, PAY, made, on, rates, weekly

HISTORY = made("2022-03-01", 455)  # to 29 May 2023; the week of the New Feast follows
FITTED = DayProcess().fit(HISTORY, CALENDAR)


def test_a_holiday_of_a_new_name_is_expected_to_do_what_others_did() -> None:
    found = FITTED.predict(days("2023-05-30", 14))
    expected = rates(days("2023-06-05", 1))[0, 0]
    assert expected == pytest.approx(LEVEL * 1.25 * HOLIDAY)
    assert on(found, "2023-06-05") == pytest.approx(expected * PAY, rel=0.4)


def test_the_day_after_it_is_busier() -> None:
    found = FITTED.predict(days("2023-05-30", 14))
    assert on(found, "2023-06-06") == pytest.approx(LEVEL * 1.1 * AFTER, rel=0.2)
    assert on(found, "2023-06-06") > 1.2 * on(found, "2023-05-30")


def test_the_first_days_of_a_month_are_busier() -> None:
    found = FITTED.predict(days("2023-05-30", 60))
    assert on(found, "2023-07-03") / on(found, "2023-07-17") == pytest.approx(PAY, rel=0.1)


def test_a_week_ahead_it_is_nearly_as_good_as_who_knows_the_rates_and_as_sure_as_it_may_be() -> None:
    history = HISTORY.cut(150, 410)
    said, came = weekly(DayProcess(search_days=120, rounds=2), history, 20)
    truth = rates(history.periods[-140:])[:, 0]
    floor = np.abs(truth - came).sum() / came.sum()
    assert np.abs(said[4] - came).sum() / came.sum() < 1.35 * floor
    assert np.mean((said[2] <= came) & (came <= said[6])) == pytest.approx(0.80, abs=0.07)
    assert np.mean((said[0] <= came) & (came <= said[8])) == pytest.approx(0.95, abs=0.05)


def test_an_outage_that_nobody_noted_does_not_move_the_level() -> None:
    broken = HISTORY.values.copy()
    broken[-4] = 5
    found = DayProcess().fit(HISTORY.with_values(broken), CALENDAR).predict(days("2023-05-30", 5))
    assert found.mean.sum() == pytest.approx(FITTED.predict(days("2023-05-30", 5)).mean.sum(), rel=0.06)


def test_a_level_that_lasts_is_followed() -> None:
    risen = HISTORY.values.copy()
    risen[-28:] = np.round(risen[-28:] * 1.5)
    found = DayProcess().fit(HISTORY.with_values(risen), CALENDAR).predict(days("2023-06-12", 7))
    assert found.mean.sum() == pytest.approx(1.5 * FITTED.predict(days("2023-06-12", 7)).mean.sum(), rel=0.15)


def test_an_event_seen_before_is_expected_again() -> None:
    sales = tuple(
        Event(name="sale", first=day, last=day) for day in (date(2023, 2, 15), date(2023, 4, 26), date(2023, 6, 7))
    )
    history = daily(first="2022-10-03", count=240, level=900)
    chosen = np.isin(history.periods, np.array([event.first for event in sales], dtype="datetime64[D]"))
    history = history.with_values(np.where(chosen[:, None], history.values * 2, history.values))
    known, unknown = (
        DayProcess().fit(history, Calendar(events=events)).predict(days("2023-06-07", 1)).mean[0, 0]
        for events in (sales, ())
    )
    assert known / unknown > 1.6


def test_before_the_spring_festival_of_the_next_year_it_falls_as_it_did() -> None:
    calendar = calendar_for("CN", years=range(2022, 2026))
    periods = days("2022-12-15", 780)
    seen = features(periods, calendar)
    rate = 600 * np.where(seen.kind("off") > 0, 0.6, 1.0) * np.exp(-0.8 * seen.kind("spring_before"))
    values = drawn(rate[:, None], dispersion=3, seed=4)
    history = Counts(unit="day", periods=periods[:745], values=values[:745])
    found = DayProcess(search_days=200).fit(history, calendar).predict(periods[745:])
    eve = np.flatnonzero(seen.spring[745:] == -5)
    middle = np.flatnonzero(seen.spring[745:] == -22)
    assert rate[745:][eve] / rate[745:][middle] < 0.7
    assert found.mean[eve, 0] / found.mean[middle, 0] == pytest.approx(rate[745:][eve] / rate[745:][middle], rel=0.35)


def test_two_weeks_are_enough_and_less_is_not() -> None:
    assert DayProcess().fit(HISTORY.cut(0, 14), CALENDAR).predict(days("2022-03-15", 3)).mean.min() > 0
    with pytest.raises(CannotFit, match="13 known days are too few"):
        DayProcess().fit(HISTORY.cut(0, 13), CALENDAR)


def test_the_gradient_of_the_evidence_is_that_of_its_value() -> None:
    data = _Data(FITTED.scale.learn(HISTORY.values[:60, 0]), features(HISTORY.periods[:60], CALENDAR))
    evidence = _Evidence.of(data, np.linspace(0.3, 1.0, 60))
    at = _start() + np.linspace(-0.5, 0.5, len(_start()))
    assert evidence.cost(at)[1] == pytest.approx(
        approx_fprime(at, lambda sizes: evidence.cost(sizes)[0], 1e-6), abs=1e-3
    )


def test_errors_of_past_weeks_are_those_of_forecasts_made_then() -> None:
    data = _Data(FITTED.scale.learn(HISTORY.values[:100, 0]), features(HISTORY.periods[:100], CALENDAR))
    sizes, weights = _start(), np.ones(100)
    noise = float(np.exp(sizes[-1]))
    last = _Factor.of(data, sizes, weights).past_errors(noise, weights)[-5:]
    whole = covariance_of(data.days, data.days, sizes) + (noise + 1e-6) * np.eye(100)
    gain = np.linalg.solve(whole[:95, :95], whole[:95, 95:]).T
    mean = gain @ data.values[:95]
    variance = np.diag(whole[95:, 95:] - gain @ whole[:95, 95:])
    assert last == pytest.approx((data.values[95:] - mean) / np.sqrt(variance), rel=1e-6)


def test_an_update_keeps_the_sizes_and_knows_the_new_days() -> None:
    fitted = DayProcess().fit(HISTORY.cut(0, 440), CALENDAR)
    updated = fitted.update(HISTORY.cut(440, 455))
    assert (updated.sizes == fitted.sizes).all()
    assert updated.predict(days("2023-05-30", 7)).mean == pytest.approx(
        FITTED.predict(days("2023-05-30", 7)).mean, rel=0.05
    )


def test_only_the_newest_days_of_the_window_are_kept() -> None:
    model = replace(DayProcess(), window_days=100)
    fitted = model.fit(HISTORY.cut(0, 400), CALENDAR).update(HISTORY.cut(400, 455))
    assert len(fitted.history.periods) == len(fitted.weights) == 100
