"""From intervals of absolute time to local days: hours, clock changes, outages, two series made one."""

from datetime import date

import numpy as np
import pytest

from forecast.series.counts import Counts
from forecast.series.grid import coarser
from forecast.series.intervals import by_day, every_interval, lost, merged, well_known
from forecast.series.opening import open_days, open_slots
from forecast.series.zones import real_minutes, to_local
from hotline.errors import Misuse
from hotline.hours import Hours, always

WEEK = Hours(
    timezone="Asia/Shanghai",
    weekly=dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ((510, 720), (780, 1080))) | {"sat": ((540, 720),)},
    closed_dates=frozenset({date(2026, 3, 4)}),
)


def of(begin: str, end: str, hours: Hours, step_min: int = 5, each: float = 1.0) -> Counts:
    ends = [float(np.datetime64(text, "s").astype(int)) for text in (begin, end)]
    every = every_interval(*ends, zone=hours.timezone)
    return by_day(every, np.full(len(every), each), hours=hours, step_min=step_min)


def test_closed_days_are_no_periods_and_hours_that_are_never_open_no_slots() -> None:
    counts = of("2026-03-01T16:00", "2026-03-08T16:00", WEEK, step_min=30)
    assert [str(day) for day in counts.periods] == [
        "2026-03-02",
        "2026-03-03",
        "2026-03-05",
        "2026-03-06",
        "2026-03-07",
    ]
    assert counts.starts_min == (*range(510, 720, 30), *range(780, 1080, 30))


def test_closed_hours_of_an_open_day_are_zero_so_that_its_sum_is_whole() -> None:
    counts = of("2026-03-01T16:00", "2026-03-08T16:00", WEEK, step_min=30)
    saturday = counts.values[-1]
    assert saturday[0] == 0
    assert counts.daily().values[:, 0].tolist() == [102, 102, 102, 102, 36]


def test_an_interval_that_is_open_for_a_part_counts_that_part() -> None:
    hours = Hours(timezone="UTC", weekly={"mon": ((8 * 60 + 15, 10 * 60),)})
    assert of("2026-03-02", "2026-03-03", hours, step_min=60).values.tolist() == [[9, 12]]


@pytest.mark.parametrize(
    ("zone", "day", "unknown", "calls"),
    [
        ("Europe/Berlin", "2026-03-29", 12, 276),  # 02:00 does not exist
        ("Europe/Berlin", "2026-10-25", 0, 288),  # 02:00 comes twice, and counts once
        ("Australia/Lord_Howe", "2026-10-04", 6, 282),  # half an hour
        ("Asia/Shanghai", "2026-03-29", 0, 288),
    ],
)
def test_a_change_of_the_clock_is_no_change_of_load(zone: str, day: str, unknown: int, calls: int) -> None:
    noon = np.datetime64(f"{day}T04:00", "s")
    counts = of(str(noon), str(noon + 1), always(zone))
    assert counts.values.shape == (1, 288)
    assert np.isnan(counts.values).sum() == unknown
    assert np.nansum(counts.values) == calls


def test_the_minutes_of_a_slot_are_counted() -> None:
    days = np.array(["2026-03-28", "2026-03-29", "2026-10-25"], dtype="datetime64[D]")
    assert real_minutes(days, (60, 120, 180), 60, "Europe/Berlin").tolist() == [[60] * 3, [60, 0, 60], [60, 120, 60]]


def test_local_times_are_those_of_the_zone() -> None:
    utc = np.array(["2026-03-29T00:59:59", "2026-03-29T01:00:00", "1999-07-01T00:00:00"], dtype="datetime64[s]")
    assert [str(at) for at in to_local(utc, "Europe/Berlin")] == [
        "2026-03-29T01:59:59", "2026-03-29T03:00:00", "1999-07-01T02:00:00"
    ]  # fmt: skip


def test_an_interval_of_which_a_tenth_was_lost_is_not_known() -> None:
    began = np.arange(0, 1_500, 300)
    assert lost(began, [(310.0, 320.0), (325.0, 335.0), (590.0, 950.0)]).tolist() == [False, False, True, True, False]
    assert lost(began, [(300.0, 331.0)]).tolist() == [False, True, False, False, False]
    assert not lost(began, []).any()


def test_leap_days_are_days() -> None:
    assert [str(day) for day in open_days(always("UTC"), np.datetime64("2028-02-28"), 3)] == [
        "2028-02-28", "2028-02-29", "2028-03-01"
    ]  # fmt: skip


def test_the_days_to_come_are_the_open_ones() -> None:
    days = open_days(WEEK, np.datetime64("2026-03-02"), 7)
    assert [str(day)[-2:] for day in days] == ["02", "03", "05", "06", "07"]
    assert open_slots(WEEK, days[-1:], (480, 540, 660, 720), 60).tolist() == [[False, True, True, False]]


def slots(day: str, values: list[float], first: int = 540, step: int = 30) -> Counts:
    return Counts(
        unit="slot",
        periods=np.array([day], dtype="datetime64[D]"),
        values=np.array([values]),
        starts_min=tuple(range(first, first + step * len(values), step)),
        step_min=step,
    )


def test_of_two_series_the_newer_one_counts_where_it_knows_a_number() -> None:
    older, newer = slots("2026-03-02", [1, 2, 3]), slots("2026-03-02", [np.nan, 20, 30, 40], first=510)
    whole = merged(older, newer)
    assert whole.starts_min == (510, 540, 570, 600)
    np.testing.assert_array_equal(whole.values, [[np.nan, 20, 30, 40]])
    np.testing.assert_array_equal(merged(older, slots("2026-03-03", [7, 8, 9])).values, [[1, 2, 3], [7, 8, 9]])


def test_series_of_different_steps_are_not_put_together() -> None:
    with pytest.raises(Misuse, match="cannot be put together"):
        merged(slots("2026-03-02", [1, 2]), slots("2026-03-03", [1, 2], step=60))


def test_any_multiple_of_the_step_is_a_sum() -> None:
    counts = slots("2026-03-02", [float(n) for n in range(1, 13)], first=0, step=5)
    assert coarser(counts, step_min=15).values.tolist() == [[6, 15, 24, 33]]
    assert coarser(counts, step_min=60).values.tolist() == [[78]]
    assert coarser(counts, step_min=1440).unit == "day"
    assert coarser(counts) is counts


def test_hours_that_were_hardly_ever_counted_are_not_learnt_from() -> None:
    values = np.full((5, 3), 7.0)
    values[:, 0] = np.nan
    values[2:, 0] = 0.0
    values[:3, 2] = np.nan
    counts = Counts(
        unit="slot", periods=np.arange("2026-01-05", "2026-01-10", dtype="datetime64[D]"), values=values,
        starts_min=(0, 30, 60), step_min=30,
    )  # fmt: skip
    kept = well_known(counts)
    assert kept is not None
    assert kept.starts_min == (0, 30)
    assert (kept.values[2:] == [0.0, 7.0]).all()
    assert well_known(counts.cut(0, 2)) is None
