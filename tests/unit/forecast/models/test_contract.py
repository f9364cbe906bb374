"""One suite over every model of the table: what `forecast.models.base` promises, for histories that nobody wishes for."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache

import numpy as np
import pytest

from forecast.days.calendar import Calendar, Event
from forecast.models.base import LEVELS, CannotFit, Fitted, Forecast
from forecast.models.table import LINES, Line, make
from forecast.series.counts import Counts, Unit
from hotline.errors import Misuse
from tests.unit.forecast.generator import coming, daily, days, drawn, monthly, of, slots

NAMES = [pytest.param(line, id=f"{line.unit}-{line.name}") for line in LINES]
every_model = pytest.mark.parametrize("line", NAMES)
every_single_model = pytest.mark.parametrize("line", [one for one in NAMES if "members" not in one.values[0].options])
"""Combinations are left out where each of their members is tried by itself: they would fit all of them again."""
every_model_of_days = pytest.mark.parametrize(
    "line", [one for one in NAMES if (one.values[0].learns or one.values[0].unit) != "month"]
)

HOLIDAYS = {
    date(year, month, day): name
    for year in range(2018, 2036)
    for month, day, name in (
        (1, 1, "New Year"),
        (5, 1, "Labour Day"),
        (10, 1, "National Day"),
        (12, 25, "Christmas Day"),
    )
}
CALENDAR = Calendar(
    country="XX",
    holidays=HOLIDAYS,
    spring_festivals=tuple(date(2010 + one, 2, 1) + timedelta(days=(one * 19) % 28) for one in range(30)),
)
HORIZON = {"slot": 5, "day": 9, "month": 6}


def learns(line: Line) -> Unit:
    return line.learns or line.unit


@cache
def history_of(unit: Unit) -> Counts:
    return of(unit)


def forecast_of(line: Line, history: Counts, calendar: Calendar = CALENDAR, count: int | None = None) -> Forecast:
    periods = coming(history, count or HORIZON[line.unit], line.unit)
    return make(line.unit, line.name).fit(history, calendar).predict(periods)


@cache
def fitted_to(unit: Unit, name: str) -> Fitted:
    """The model fitted to the ordinary history, once for all tests."""
    (line,) = (one for one in LINES if (one.unit, one.name) == (unit, name))
    return make(unit, name).fit(history_of(learns(line)), CALENDAR)


@cache
def ordinary(unit: Unit, name: str) -> Forecast:
    """What it says: several tests compare with it."""
    (line,) = (one for one in LINES if (one.unit, one.name) == (unit, name))
    return fitted_to(unit, name).predict(coming(history_of(learns(line)), HORIZON[unit], unit))


def assert_sound(found: Forecast, line: Line, count: int | None = None) -> None:
    assert len(found.periods) == (count or HORIZON[line.unit])
    assert np.isfinite(found.mean).all()
    assert (found.mean >= 0).all()
    assert found.quantiles.shape[0] == len(LEVELS)
    assert np.isfinite(found.quantiles).all()
    assert (found.quantiles >= 0).all()
    assert (np.diff(found.quantiles, axis=0) >= 0).all()


def sound_or_refused(line: Line, history: Counts, calendar: Calendar = CALENDAR) -> Forecast | None:
    """Return the forecast, or None when the model said in a sentence that it cannot learn from this."""
    try:
        found = forecast_of(line, history, calendar)
    except CannotFit as why:
        if len(str(why)) < 10:
            pytest.fail(f"{line.name} gave no reason")
        return None
    assert_sound(found, line)
    return found


def changed(unit: Unit, change: Callable[[np.ndarray], None]) -> Counts:
    history = history_of(unit)
    values = history.values.copy()
    change(values)
    return history.with_values(values)


def the_same(left: Forecast, right: Forecast, tolerance: float = 0.0) -> None:
    assert left.mean == pytest.approx(right.mean, rel=tolerance, abs=tolerance)
    assert left.quantiles == pytest.approx(right.quantiles, rel=tolerance, abs=tolerance)


@every_model
def test_an_ordinary_history_gives_a_sound_forecast_near_its_level_under_the_name_of_the_table(line: Line) -> None:
    history = history_of(learns(line))
    found = ordinary(line.unit, line.name)
    assert_sound(found, line)
    assert found.model == line.name == make(line.unit, line.name).name
    assert found.starts_min == (history.starts_min if line.unit == "slot" else (0,))
    level = history.values.mean() * (30.4 if line.unit == "month" and learns(line) == "day" else 1)
    assert found.mean.mean() == pytest.approx(level, rel=0.35)


@every_model
def test_the_same_history_gives_the_same_forecast_and_what_is_saved_says_it_again(line: Line) -> None:
    history = history_of(learns(line))
    model = make(line.unit, line.name)
    periods = coming(history, HORIZON[line.unit], line.unit)
    found = model.fit(history, CALENDAR).predict(periods)
    the_same(found, ordinary(line.unit, line.name))
    saved = fitted_to(line.unit, line.name).save()
    assert b"pickle" not in saved
    assert not saved.startswith(b"\x80")
    the_same(found, make(line.unit, line.name).load(saved, CALENDAR).predict(periods), 1e-9)


@every_model
def test_bytes_of_something_else_are_refused(line: Line) -> None:
    with pytest.raises(Misuse):
        make(line.unit, line.name).load(b"something else", CALENDAR)


@every_model
def test_an_update_goes_on_from_the_history_and_where_promised_says_what_a_fit_on_all_says(line: Line) -> None:
    history = history_of(learns(line))
    cut = len(history.periods) - 7
    model = make(line.unit, line.name)
    updated = model.fit(history.cut(0, cut), CALENDAR).update(history.cut(cut, cut + 7))
    periods = coming(history, HORIZON[line.unit], line.unit)
    found = updated.predict(periods)
    assert_sound(found, line)
    if line.updates:
        the_same(found, ordinary(line.unit, line.name), 1e-6)


@every_model
def test_what_is_not_known_is_skipped_and_never_taken_for_nothing(line: Line) -> None:
    unit = learns(line)
    full = ordinary(line.unit, line.name)

    def lose(values: np.ndarray) -> None:
        values[-21:-14] = np.nan  # a week is missing
        values[5, 0] = np.nan

    found = sound_or_refused(line, changed(unit, lose))
    if unit != "month":
        assert found is not None
        assert found.mean.sum() == pytest.approx(full.mean.sum(), rel=0.2)


@every_single_model
@pytest.mark.parametrize("value", [0.0, 1.0, 40.0])
def test_a_constant_goes_on(line: Line, value: float) -> None:
    history = history_of(learns(line))
    found = sound_or_refused(line, history.with_values(np.full_like(history.values, value)))
    if found is not None and learns(line) == line.unit:
        assert found.mean == pytest.approx(value, rel=0.1, abs=1.0)


@every_model
def test_where_nothing_is_known_the_model_says_that_it_cannot_fit(line: Line) -> None:
    history = history_of(learns(line))
    with pytest.raises(CannotFit):
        forecast_of(line, history.with_values(np.full_like(history.values, np.nan)))


@every_model
@pytest.mark.parametrize("rows", [1, 2, 15])
def test_hardly_any_history_gives_a_sound_forecast_or_a_reason(line: Line, rows: int) -> None:
    sound_or_refused(line, history_of(learns(line)).cut(0, rows))


@every_single_model
def test_a_spike_of_a_hundred_times_does_not_carry_the_forecast_away(line: Line) -> None:
    unit = learns(line)

    def burst(values: np.ndarray) -> None:
        values[-16] *= 100

    found = sound_or_refused(line, changed(unit, burst))
    if found is not None:
        assert found.mean.max() < 40 * ordinary(line.unit, line.name).mean.max()


@every_single_model
@pytest.mark.parametrize("factor", [0.002, 1e6])
def test_tiny_and_huge_numbers_are_numbers(line: Line, factor: float) -> None:
    history = history_of(learns(line))
    found = sound_or_refused(line, history.with_values(np.round(history.values * factor)))
    if found is not None:
        assert found.mean.max() < 50 * max(history.values.max() * factor * (31 if learns(line) != line.unit else 1), 1)


@every_model_of_days
def test_a_leap_day_is_a_day(line: Line) -> None:
    makers = {"slot": slots, "day": daily}
    first = np.datetime64("2024-02-27") - (70 if learns(line) == "slot" else 180)
    found = sound_or_refused(line, makers[learns(line)](str(first)))
    if found is not None and line.unit != "month":
        assert np.datetime64("2024-02-29") in found.periods


@every_model_of_days
def test_closed_days_are_no_periods_and_excluded_events_teach_nothing(line: Line) -> None:
    history = history_of(learns(line))
    open_days = np.flatnonzero((history.periods.astype(int) + 3) % 7 < 5)
    kept = history.values[open_days].copy()
    kept[-9] = 0.0  # an outage
    outage = history.periods[open_days[-9]].item()
    calendar = Calendar(
        country="XX",
        holidays=HOLIDAYS,
        spring_festivals=CALENDAR.spring_festivals,
        closed=frozenset({date(2023, 5, 1)}),
        events=(Event(name="outage", first=outage, last=outage, excluded=True),),
    )
    weekdays = Counts(
        unit=history.unit,
        periods=history.periods[open_days],
        values=kept,
        starts_min=history.starts_min,
        step_min=history.step_min,
    )
    assert sound_or_refused(line, weekdays, calendar) is not None


@every_single_model
def test_ten_years_are_learnt(line: Line) -> None:
    unit = learns(line)
    if unit == "month":
        sound_or_refused(line, monthly("2010-01", 120))
        return
    width = 2 if unit == "slot" else 1
    values = drawn(np.full((3_650, width), 50.0), dispersion=6, seed=3)
    starts = tuple(480 + 60 * one for one in range(width)) if unit == "slot" else (0,)
    history = Counts(
        unit=unit,
        periods=days("2015-01-01", 3_650),
        values=values,
        starts_min=starts,
        step_min=60 if unit == "slot" else 1_440,
    )
    sound_or_refused(line, history)


@every_model_of_days
def test_holidays_to_come_are_forecast(line: Line) -> None:
    history = history_of(learns(line))
    last = history.periods[-1].item()
    holidays = {**HOLIDAYS, last + timedelta(days=2): "Christmas Day", last - timedelta(days=21): "Christmas Day"}
    found = sound_or_refused(line, history, Calendar(country="XX", holidays=holidays))
    assert found is not None


@every_model
def test_the_past_cannot_be_forecast(line: Line) -> None:
    history = history_of(learns(line))
    with pytest.raises(Misuse):
        fitted_to(line.unit, line.name).predict(history.periods[-1:])


def test_counts_refuse_shuffled_doubled_and_negative_periods() -> None:
    history = slots(count=10)
    for order in ([1, 0, *range(2, 10)], [0, 0, *range(2, 10)]):
        with pytest.raises(Misuse):
            Counts(
                unit="slot",
                periods=history.periods[order],
                values=history.values,
                starts_min=history.starts_min,
                step_min=60,
            )
    with pytest.raises(Misuse):
        history.with_values(-history.values)


def test_every_line_of_the_table_has_a_name_of_its_own_and_a_light_import() -> None:
    assert len({(line.unit, line.name) for line in LINES}) == len(LINES)
    assert all(":" in line.where for line in LINES)
