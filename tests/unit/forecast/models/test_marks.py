"""What a day is: its place in week and month, and whether it is an ordinary one."""

from datetime import date

import numpy as np
import pytest

from forecast.days.calendar import Calendar, Event
from forecast.models.slots.marks import TERMS, Mark, marks, open_weekdays, terms, week_rows, working_leads

CALENDAR = Calendar(
    holidays={date(2024, 5, 1): "Labour Day", date(2024, 5, 7): "Second Day (observed)", date(2024, 6, 10): "Feast"},
    minor={date(2024, 5, 20): "Fair"},
    workdays=frozenset({date(2024, 5, 11)}),
    spring_festivals=(date(2024, 2, 10),),
    events=(
        Event(name="bill run", first=date(2024, 5, 22), last=date(2024, 5, 23)),
        Event(name="outage", first=date(2024, 5, 24), last=date(2024, 5, 24), excluded=True),
    ),
)
EVERY_DAY = frozenset(range(7))
WORKING = frozenset(range(5))


def dates(*days: str) -> np.ndarray:
    return np.array(days, dtype="datetime64[D]")


def weekdays_of(first: str, count: int) -> np.ndarray:
    every = np.datetime64(first) + np.arange(count)
    return every[(every.astype(int) + 3) % 7 < 5]


@pytest.mark.parametrize(
    ("day", "mark"),
    [
        ("2024-05-01", Mark(kind="holiday", name="Labour Day")),
        ("2024-05-07", Mark(kind="holiday", name="Second Day")),
        ("2024-04-30", Mark(kind="eve", name="Labour Day")),
        ("2024-05-03", Mark(kind="between", name="")),
        ("2024-05-20", Mark(kind="minor", name="Fair")),
        ("2024-05-22", Mark(kind="event", name="bill run")),
        ("2024-02-05", Mark(kind="spring", name="week before")),
        ("2024-05-24", None),
        ("2024-06-09", None),
        ("2024-05-15", None),
    ],
)
def test_a_day_has_the_mark_of_what_it_is(day: str, mark: Mark | None) -> None:
    assert marks(dates(day), CALENDAR) == [mark]


def test_a_make_up_workday_is_like_the_mean_of_the_working_days_and_a_holiday_like_the_weekend() -> None:
    rows = week_rows(dates("2024-05-11", "2024-05-01", "2024-05-15"), CALENDAR, EVERY_DAY)
    assert rows[0] == pytest.approx([0.2] * 5 + [0, 0])
    assert rows[1] == pytest.approx([0] * 5 + [0.5, 0.5])
    assert rows[2] == pytest.approx([0, 0, 1, 0, 0, 0, 0])


def test_where_nobody_works_at_weekends_a_holiday_keeps_its_weekday() -> None:
    assert week_rows(dates("2024-05-01"), CALENDAR, WORKING)[0] == pytest.approx([0, 0, 1, 0, 0, 0, 0])


def test_a_weekday_that_is_hardly_ever_there_is_none_on_which_the_queue_works() -> None:
    periods = np.sort(np.append(weekdays_of("2024-01-01", 70), np.datetime64("2024-01-06")))
    assert open_weekdays(periods) == WORKING


def test_the_first_day_after_a_closure_is_told_from_the_first_after_a_weekend() -> None:
    periods = weekdays_of("2024-03-04", 40)
    periods = periods[periods != np.datetime64("2024-03-20")]
    found = terms(periods, periods[:0], Calendar(), WORKING)
    assert found.shape == (len(periods), TERMS)
    assert [str(day) for day in periods[found[:, 0] > 0]] == ["2024-03-21"]
    assert [str(day) for day in periods[found[:, 1] > 0]] == ["2024-03-22"]
    assert [str(day) for day in periods[found[:, 2] > 0]] == ["2024-03-19"]


def test_working_days_are_counted_from_both_ends_of_the_month() -> None:
    periods = weekdays_of("2024-05-27", 14)
    found = terms(periods, periods[:0], Calendar(), WORKING)
    assert [str(day) for day in periods[found[:, 3] > 0]] == ["2024-06-03"]
    assert [str(day) for day in periods[found[:, 7] > 0]] == ["2024-05-31"]


def test_days_ahead_have_the_terms_that_they_have_as_history() -> None:
    periods = weekdays_of("2024-03-04", 60)
    whole = terms(periods, periods[:0], Calendar(), WORKING)
    parts = terms(periods[:30], periods[30:], Calendar(), WORKING)
    assert parts == pytest.approx(whole)


def test_leads_count_working_days_only_and_end_with_the_last_that_is_told_apart() -> None:
    friday = np.datetime64("2024-05-17")
    found = working_leads(friday, dates("2024-05-20", "2024-05-22", "2024-06-20", "2026-06-19"), Calendar(), WORKING)
    assert found.tolist() == [1, 3, 10, 10]
