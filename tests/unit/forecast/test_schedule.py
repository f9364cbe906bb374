"""When duties are due: by the local clock, once each, whatever the clock does."""

from datetime import UTC, datetime
from math import inf

import pytest

from forecast.duties.schedule import LATE_S, LOOK_S, TURN_S, begin, due, interval_end, interval_start, local_hour
from hotline.settings.forecasting import Forecasting

ZONE = "Asia/Shanghai"
SETTINGS = Forecasting()


def utc(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc] # year to second


@pytest.mark.parametrize(("step", "minutes"), [(5, 5), (30, 15), (60, 45)])
def test_an_interval_ends_at_a_multiple_of_its_length_in_the_local_day(step: int, minutes: int) -> None:
    now = utc(2026, 3, 2, 4, 15)
    assert interval_end(now, step, ZONE) == now + minutes * 60
    assert interval_start(now, step, ZONE) == now + minutes * 60 - step * 60


def test_in_a_zone_with_a_quarter_of_an_hour_it_is_the_local_clock_that_counts() -> None:
    assert interval_end(utc(2026, 3, 2, 4, 0), 60, "Asia/Kathmandu") == utc(2026, 3, 2, 4, 15)


def test_a_moment_on_the_border_belongs_to_the_interval_that_begins() -> None:
    assert interval_end(utc(2026, 3, 2, 4, 30), 30, ZONE) == utc(2026, 3, 2, 5, 0)


def test_the_nightly_fit_is_at_its_local_hour_every_night() -> None:
    first = local_hour(utc(2026, 3, 2, 12), 2, ZONE)
    assert first == utc(2026, 3, 2, 18)
    assert local_hour(first, 2, ZONE) == utc(2026, 3, 3, 18)


def test_a_night_whose_hour_is_left_out_has_its_fit_all_the_same() -> None:
    assert local_hour(utc(2026, 3, 28, 23), 2, "Europe/Berlin") == utc(2026, 3, 29, 1)


def test_the_choice_is_on_its_weekday() -> None:
    at = local_hour(utc(2026, 3, 2, 12), 3, ZONE, weekday=6)
    assert at == utc(2026, 3, 7, 19)  # Sunday 8 March, 03:00
    assert local_hour(at, 3, ZONE, weekday=6) == at + 7 * 86_400


def test_a_duty_is_due_once_and_the_others_keep_their_times() -> None:
    now = utc(2026, 3, 2, 4, 10)
    times = begin(now, SETTINGS, ZONE)
    assert times.interval == utc(2026, 3, 2, 4, 30) + LATE_S
    assert due(times, now, SETTINGS, ZONE) == (times, ())
    later, duties = due(times, times.look, SETTINGS, ZONE)
    assert duties == ("look",)
    assert (later.look, later.interval, later.fit) == (times.look + LOOK_S, times.interval, times.fit)


def test_whose_turn_it_is_is_asked_only_where_there_are_others() -> None:
    now = utc(2026, 3, 2, 4, 10)
    assert begin(now, SETTINGS, ZONE).turn == inf
    times = begin(now, SETTINGS, ZONE, shared=True)
    assert due(times, now + TURN_S, SETTINGS, ZONE, shared=True)[1] == ("turn",)


def test_what_a_machine_missed_that_slept_is_done_once() -> None:
    times = begin(utc(2026, 3, 2, 4, 10), SETTINGS, ZONE)
    woke = utc(2026, 3, 12, 4, 10)
    later, duties = due(times, woke, SETTINGS, ZONE)
    assert duties == ("interval", "look", "fit", "choose")
    assert due(later, woke, SETTINGS, ZONE) == (later, ())
    assert later.next() > woke
