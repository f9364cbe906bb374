"""Days from slots, months from days, and which days are to come."""

from datetime import date

import numpy as np
import pytest

from forecast.days.calendar import Calendar
from forecast.horizons.aggregate import coming_days, coming_months, monthly, open_weekdays
from forecast.series.counts import Counts
from tests.unit.forecast.generator import days, slots


def daily(first: str, count: int, value: float = 10.0) -> Counts:
    return Counts(unit="day", periods=days(first, count), values=np.full((count, 1), value))


def weekdays(counts: Counts) -> Counts:
    return counts.only([number for number, day in enumerate(counts.periods) if day.item().weekday() < 5])


def test_a_month_is_the_sum_of_its_days_and_begun_months_are_left_out() -> None:
    found = monthly(daily("2024-01-20", 60))  # to 19 March
    assert [str(month) for month in found.periods] == ["2024-02-01"]
    assert found.values[0, 0] == 290  # a leap year
    assert found.unit == "month"


def test_a_month_that_begins_and_ends_on_closed_days_is_whole() -> None:
    found = monthly(weekdays(daily("2024-06-03", 26)))  # June 2024 begins and ends with a weekend
    assert [str(month) for month in found.periods] == ["2024-06-01"]
    assert found.values[0, 0] == 200


def test_a_few_unknown_days_are_taken_for_their_weekday() -> None:
    history = daily("2024-04-01", 30)
    values = history.values.copy()
    values[[0, 7, 14, 21, 28]] = 50.0  # Mondays
    values[7] = np.nan
    assert monthly(history.with_values(values)).values[0, 0] == pytest.approx(25 * 10 + 5 * 50)


def test_a_month_with_many_unknown_days_is_not_known() -> None:
    values = daily("2024-04-01", 30).values.copy()
    values[:10] = np.nan
    assert np.isnan(monthly(daily("2024-04-01", 30).with_values(values)).values[0, 0])


def test_the_open_weekdays_are_those_of_the_last_weeks() -> None:
    assert open_weekdays(daily("2024-01-01", 90)) == frozenset(range(7))
    assert open_weekdays(weekdays(daily("2024-01-01", 90))) == frozenset(range(5))
    changed = weekdays(daily("2024-01-01", 90)).extended(daily("2024-03-31", 60))  # weekends were opened in the end
    assert open_weekdays(changed) == frozenset(range(7))


def test_one_open_holiday_does_not_make_sundays_open() -> None:
    opened = weekdays(daily("2024-01-01", 90))
    assert open_weekdays(opened.extended(daily("2024-03-31", 1))) == frozenset(range(5))


def test_hardly_any_history_says_nothing_about_closed_days() -> None:
    assert open_weekdays(daily("2024-01-01", 3)) == frozenset(range(7))


def test_coming_days_are_the_open_ones() -> None:
    calendar = Calendar(closed=frozenset({date(2024, 2, 29)}))
    found = coming_days(np.datetime64("2024-02-28"), np.datetime64("2024-03-06"), calendar, range(5))
    assert [str(day) for day in found] == ["2024-02-28", "2024-03-01", "2024-03-04", "2024-03-05"]


def test_coming_months_begin_with_the_one_we_are_in() -> None:
    found = coming_months(np.datetime64("2024-11-20"), 3)
    assert [str(month) for month in found] == ["2024-11-01", "2024-12-01", "2025-01-01"]


def test_days_are_sums_of_slots_and_not_known_where_a_slot_is_not() -> None:
    history = slots(count=3)
    values = history.values.copy()
    values[1, 2] = np.nan
    found = history.with_values(values).daily()
    assert found.values[0, 0] == history.values[0].sum()
    assert np.isnan(found.values[1, 0])
