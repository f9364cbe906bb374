"""Counts that cannot be believed."""

from dataclasses import replace

import numpy as np

from forecast.series.counts import Counts
from forecast.series.unusual import unusual, whole_days, without


def usual(days: int = 84, mean: float = 100.0, seed: int = 6) -> Counts:
    """Poisson-gamma counts as scattered as those of real banks: variance over mean is 7."""
    rng = np.random.default_rng(seed)
    level = mean * np.array([0.3, 1.0, 1.4, 1.0, 0.9, 1.1, 0.8, 0.4])
    values = rng.poisson(rng.gamma(level / 6.0, 6.0, (days, 8))).astype(float)
    periods = np.datetime64("2026-01-05") + np.arange(days)
    return Counts(unit="slot", periods=periods, values=values, starts_min=tuple(range(540, 780, 30)), step_min=30)


def changed(counts: Counts, row: int, slots: slice, value: float) -> Counts:
    values = counts.values.copy()
    values[row, slots] = value
    return replace(counts, values=values)


def test_usual_counts_are_left_alone() -> None:
    assert unusual(usual()) == []


def test_a_spike_of_a_hundred_times_is_taken_out_with_its_reason() -> None:
    counts = changed(usual(), 40, slice(3, 4), 10_000)
    (mark,) = unusual(counts)
    assert (mark.kind, mark.period, mark.first_min, mark.end_min, mark.certain) == (
        "spike", counts.periods[40], 630, 660, True
    )  # fmt: skip
    assert mark.reason.startswith("10000 calls where about ")
    cleaned = without(counts, [mark])
    assert np.isnan(cleaned.values[40, 3])
    assert np.isnan(cleaned.values).sum() == 1


def test_five_times_as_many_are_shown_and_kept() -> None:
    counts = changed(usual(), 40, slice(1, 5), 550)
    marks = unusual(counts)
    assert {mark.certain for mark in marks} == {False}
    np.testing.assert_array_equal(without(counts, marks).values, counts.values)


def test_a_dead_hour_is_not_known() -> None:
    counts = changed(usual(), 40, slice(2, 4), 0)
    (mark,) = unusual(counts)
    assert (mark.kind, mark.first_min, mark.end_min) == ("dead", 600, 660)
    assert np.isnan(without(counts, [mark]).values[40]).tolist() == [False, False, True, True] + [False] * 4


def test_a_day_without_a_call_is_no_period() -> None:
    counts = changed(usual(), 40, slice(None), 0)
    (mark,) = unusual(counts)
    assert mark.kind == "no_calls"
    cleaned = without(counts, [mark])
    assert len(cleaned.periods) == 83
    assert counts.periods[40] not in cleaned.periods


def test_a_day_that_has_just_begun_is_no_day_without_calls() -> None:
    counts = usual()
    values = counts.values.copy()
    values[-1] = np.nan
    values[-1, 0] = 0
    assert {mark.kind for mark in unusual(replace(counts, values=values))} == {"dead"}
    assert unusual(replace(counts, values=values / 10)) == []


def test_zeros_where_few_call_are_counts() -> None:
    assert unusual(usual(mean=1.0)) == []


def test_a_weekday_on_which_nobody_ever_calls_is_no_outage() -> None:
    counts = usual()
    values = counts.values.copy()
    values[5::7] = 0
    assert unusual(replace(counts, values=values)) == []


def test_too_short_a_series_has_nothing_to_compare_with() -> None:
    assert unusual(changed(usual(days=21), 10, slice(3, 4), 10_000)) == []


def test_gaps_and_nothing_at_all_are_borne() -> None:
    counts = usual()
    values = counts.values.copy()
    values[::3] = np.nan
    assert not any(mark.certain for mark in unusual(replace(counts, values=values)))
    assert unusual(replace(counts, values=np.full_like(values, np.nan))) == []
    assert unusual(counts.cut(0, 0)) == []


def test_a_month_is_compared_with_the_same_month() -> None:
    months = np.arange(np.datetime64("2015-01"), np.datetime64("2025-01")).astype("datetime64[D]")
    values = (1_000.0 + 500 * (np.arange(120) % 12 == 1))[:, None]
    values[73] *= 12
    (mark,) = unusual(Counts(unit="month", periods=months, values=values))
    assert (mark.period, mark.expected) == (months[73], 1_500)


def test_a_day_with_a_small_hole_is_scaled_up_and_one_with_a_large_hole_unknown() -> None:
    counts = usual()
    small = changed(counts, 40, slice(0, 1), np.nan)  # 30 of 690
    large = changed(counts, 40, slice(0, 3), np.nan)
    true = counts.values.sum(axis=1)
    got = whole_days(small).values[:, 0]
    assert got[40] > small.values[40, 1:].sum()
    assert abs(got[40] / true[40] - 1) < 0.05
    np.testing.assert_array_equal(np.delete(got, 40), np.delete(true, 40))
    assert np.flatnonzero(np.isnan(whole_days(large).values[:, 0])).tolist() == [40]


def test_holes_of_a_series_that_is_too_short_are_not_filled() -> None:
    assert np.isnan(whole_days(changed(usual(days=14), 3, slice(0, 1), np.nan)).values[3, 0])
