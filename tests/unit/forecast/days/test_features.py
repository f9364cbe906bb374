"""What models see in a day."""

from datetime import date

import numpy as np
import pytest

from forecast.days.calendar import Calendar, Event
from forecast.days.features import (
    KINDS,
    NEVER,
    features,
    fourier,
    is_special,
    plain_name,
    table,
    weekdays,
)
from forecast.days.holidays import calendar_for
from forecast.days.sizes import KIND_SIZE
from tests.unit.forecast.generator import days

US = calendar_for("US", years=(2003,))
CN = calendar_for("CN", years=(2025, 2026))


def kinds_of(day: str, calendar: Calendar) -> set[str]:
    found = features(np.array([day], dtype="datetime64[D]"), calendar)
    return {name for name, value in zip(KINDS, found.kinds[0], strict=True) if value}


@pytest.mark.parametrize(
    ("day", "kinds"),
    [
        ("2003-08-28", set()),
        ("2003-08-29", {"before", "payday"}),
        ("2003-08-31", {"off", "eve"}),
        ("2003-09-01", {"off", "holiday"}),
        ("2003-09-02", {"after_1"}),
        ("2003-09-03", {"after_2"}),
        ("2003-09-04", {"after_3"}),
        ("2003-09-05", set()),
    ],
)
def test_a_monday_off_is_seen_on_the_days_around_it(day: str, kinds: set[str]) -> None:
    assert kinds_of(day, US) == kinds


def test_a_make_up_sunday_is_a_working_day_and_a_holiday_on_it_would_not_be() -> None:
    assert kinds_of("2026-01-04", CN) == {"makeup", "after_1"}


def test_a_holiday_at_the_weekend_leaves_nothing_to_be_done_later() -> None:
    calendar = Calendar(holidays={date(2026, 8, 1): "a Saturday"})
    assert kinds_of("2026-08-03", calendar) == set()


def test_a_friday_between_a_holiday_and_the_weekend_is_a_bridge() -> None:
    calendar = Calendar(holidays={date(2026, 5, 14): "Ascension Day"})
    assert kinds_of("2026-05-15", calendar) >= {"bridge", "after_1"}


def test_a_closed_day_acts_on_its_neighbours_as_a_holiday_does() -> None:
    calendar = Calendar(closed=frozenset({date(2026, 8, 5)}))
    assert kinds_of("2026-08-06", calendar) == {"after_1"}
    assert kinds_of("2026-08-04", calendar) == {"before"}


def test_wages_come_on_the_last_working_day_before_a_payday_at_the_weekend() -> None:
    assert kinds_of("2026-08-14", Calendar()) == {"payday"}  # the 15th is a Saturday


def test_the_spring_festival_is_counted_in_days_from_its_first() -> None:
    near = features(np.array(["2026-02-16", "2026-02-17", "2026-03-01", "2026-07-01"], dtype="datetime64[D]"), CN)
    assert near.spring.tolist() == [-1, 0, 12, 134]
    assert features(days("2026-01-01", 3), US).spring.tolist() == [NEVER] * 3


def test_before_the_spring_festival_it_grows_during_it_stands_after_it_fades() -> None:
    found = features(days("2026-01-25", 60), CN)
    first = int(np.flatnonzero(found.spring == 0)[0])
    before, during, after = (found.kind(f"spring_{part}") for part in ("before", "during", "after"))
    assert before[first - 1] == 1
    assert 0 < before[first - 14] < before[first - 2]
    assert before[first - 15] == 0
    assert during[first : first + 7].tolist() == [1] * 7
    assert (after[first + 7], after[first + 20] > 0, after[first + 21]) == (1, True, 0)


def test_what_is_said_of_a_day_does_not_depend_on_which_others_are_asked_for() -> None:
    whole = features(days("2025-12-01", 120), CN)
    for at in (0, 31, 77, 119):
        alone = features(whole.periods[at : at + 1], CN)
        assert (alone.kinds == whole.kinds[at]).all()
        assert (alone.month_part, alone.year_part, alone.spring) == (
            whole.month_part[at], whole.year_part[at], whole.spring[at],
        )  # fmt: skip


def test_names_and_own_events_are_told_apart_and_excluded_ones_are_no_names() -> None:
    events = (
        Event(name="sale", first=date(2003, 9, 1), last=date(2003, 9, 2)),
        Event(name="outage", first=date(2003, 9, 3), last=date(2003, 9, 3), excluded=True),
    )
    calendar = Calendar(holidays=US.holidays, events=events)
    found = features(days("2003-09-01", 4), calendar)
    assert set(found.named) == {"holiday:Labor Day", "event:sale"}
    assert found.named["event:sale"].tolist() == [True, True, False, False]
    assert found.excluded.tolist() == [False, False, True, False]


def test_the_observed_day_is_the_same_holiday() -> None:
    assert plain_name("Labor Day (observed)") == "Labor Day"
    assert plain_name("休息日（由 2026-01-04 调休）") == "休息日"


def test_ordinary_days_are_those_of_which_only_the_weekday_matters() -> None:
    found = features(days("2003-08-25", 14), US)
    assert [str(day) for day in found.periods[is_special(found)]] == [
        "2003-08-29", "2003-08-31", "2003-09-01", "2003-09-02", "2003-09-03", "2003-09-04",
    ]  # fmt: skip


def test_monday_is_0() -> None:
    assert weekdays(days("2026-11-23", 7)).tolist() == list(range(7))


def test_places_in_month_and_year_go_from_0_to_1() -> None:
    found = features(np.array(["2024-02-01", "2024-02-29", "2024-12-31"], dtype="datetime64[D]"), Calendar())
    assert found.month_part == pytest.approx([0, 28 / 29, 30 / 31])
    assert found.year_part == pytest.approx([31 / 366, 59 / 366, 365 / 366])


def test_fourier_terms_come_round() -> None:
    assert fourier(np.array([0.0, 1.0]), 2)[0] == pytest.approx(fourier(np.array([0.0, 1.0]), 2)[1])


def test_the_plain_table_names_its_columns() -> None:
    names, columns = table(features(days("2026-01-01", 10), CN), month_order=2, year_order=1)
    assert columns.shape == (10, len(names))
    assert len(set(names)) == len(names)
    assert columns[:, :7].sum(axis=1).tolist() == [1] * 10


def test_no_days_are_no_features() -> None:
    assert features(days("2026-01-01", 0), CN).kinds.shape == (0, len(KINDS))


def test_every_kind_has_an_assumed_size() -> None:
    assert set(KIND_SIZE) == set(KINDS)
