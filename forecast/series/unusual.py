"""Counts that cannot be believed: a spike, hours in which the lines were dead, a day without a call. Pure.

What is expected of an interval is the median of the same slot on the same weekday in the weeks around. Marks are suggestions with their
reason; `without` applies those that are `certain`, by these rules and no others:

* **spike**: at least `SPIKE_TIMES` times what is expected, at least `SPIKE_CALLS` more, and `SPIKE_DEVIATIONS` standard deviations of counts
  that scatter as those of real call centres do (`SCATTER`). From `ODD_TIMES` on it is marked and not certain: a campaign does that. NaN.
* **dead**: intervals without a call, one after the other, in which at least `DEAD_CALLS` were expected together, on a day on which others
  came. A Poisson count of that mean is 0 once in 10^13 times, and even counts as scattered as those of real call centres are not. NaN.
* **no calls**: a whole day without a call, when `DEAD_CALLS` were expected: it was closed, or all was dead; either way it is no period.

Nothing is marked with fewer than `LEAST_WEEKS` comparable weeks, and no interval is ever replaced by a guess.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from forecast.series.counts import Counts, Floats

SPIKE_TIMES = 10.0
ODD_TIMES = 4.0
SPIKE_CALLS = 50.0
SPIKE_DEVIATIONS = 8.0
SCATTER = 7.0
"""Variance over mean of half-hour counts of one weekday, as measured in two banks."""
DEAD_CALLS = 30.0
SMALL_HOLE = 0.05
LEAST_WEEKS = 4
AROUND_WEEKS = 8
"""So many weeks before and after are compared."""
_WEEKDAYS = 7
_YEAR = 12


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Something that cannot be believed, or hardly."""

    kind: Literal["spike", "dead", "no_calls"]
    period: np.datetime64
    first_min: int
    """Where it begins, in minutes after midnight."""
    end_min: int
    calls: float
    expected: float
    certain: bool
    """Whether it is taken out; otherwise it is for people to look at."""

    @property
    def reason(self) -> str:
        """The reason in one sentence."""
        if self.kind == "spike":
            return f"{self.calls:.0f} calls where about {self.expected:.0f} come"
        if self.kind == "dead":
            return f"not one call where about {self.expected:.0f} come: the lines were dead, or nobody counted"
        return f"not one call on a day on which about {self.expected:.0f} come: closed, or nobody counted"


def unusual(counts: Counts) -> list[Mark]:
    """Return what is unusual, by period."""
    expected = expectation(counts)
    found = [*_spikes(counts, expected), *_silences(counts, expected)]
    return sorted(found, key=lambda mark: (mark.period, mark.first_min))


def without(counts: Counts, marks: Iterable[Mark]) -> Counts:
    """Return the counts without what is certainly wrong: NaN instead of spikes and dead hours; days without calls are gone."""
    values = counts.values.copy()
    starts = np.array(counts.starts_min)
    gone = np.zeros(len(counts.periods), dtype=np.bool_)
    for mark in marks:
        row = int(np.searchsorted(counts.periods, mark.period))
        if not mark.certain or row == len(counts.periods) or counts.periods[row] != mark.period:
            continue
        if mark.kind == "no_calls":
            gone[row] = True
        else:
            values[row, (starts >= mark.first_min) & (starts < mark.end_min)] = np.nan
    return replace(counts, periods=counts.periods[~gone], values=values[~gone])


def whole_days(counts: Counts) -> Counts:
    """Return the sums of days; a day with a small hole is scaled up, one with a larger hole is not known.

    A hole is small when at most `SMALL_HOLE` of the day's calls are expected in it: ten minutes of outage, the hour at night that a change of
    the clock leaves out. Scaling by what is expected is the best that is known of it, and a day lost would cost more.
    """
    days = counts.daily()
    holes = np.isnan(counts.values)
    if not holes.any():
        return days
    expected = expectation(counts)
    whole = expected.sum(axis=1)  # NaN where too few weeks tell
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(holes, expected, 0.0).sum(axis=1) / whole
        scaled = np.nansum(counts.values, axis=1) / (1.0 - share)
        sums = np.where(share <= SMALL_HOLE, scaled, np.nan)
    return days.with_values(np.where(holes.any(axis=1), sums, days.values[:, 0])[:, None])


def expectation(counts: Counts) -> Floats:
    """Return what is expected (P, S): the median of the same slot on the same weekday (month: of the same month) around; NaN: unknown."""
    group = _groups(counts)
    expected = np.full(counts.values.shape, np.nan)
    for number in np.unique(group):
        rows = np.flatnonzero(group == number)
        expected[rows] = _around(counts.values[rows])
    return expected


def _groups(counts: Counts) -> NDArray[np.int64]:
    if counts.unit == "month":
        months: NDArray[np.int64] = counts.periods.astype("datetime64[M]").astype(np.int64) % _YEAR
        return months
    weekdays: NDArray[np.int64] = counts.periods.astype("datetime64[D]").astype(np.int64) % _WEEKDAYS
    return weekdays


def _around(values: Floats) -> Floats:
    """Return the median of each column over the rows around each row, without the row itself."""
    width = 2 * AROUND_WEEKS + 1
    padded = np.pad(values, ((AROUND_WEEKS, AROUND_WEEKS), (0, 0)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=0).copy()
    windows[:, :, AROUND_WEEKS] = np.nan
    windows.sort(axis=2)  # NaN goes to the end
    known = np.sum(~np.isnan(windows), axis=2)
    low = np.take_along_axis(windows, np.maximum((known - 1) // 2, 0)[:, :, None], axis=2)[:, :, 0]
    high = np.take_along_axis(windows, np.minimum(known // 2, width - 1)[:, :, None], axis=2)[:, :, 0]
    middle: Floats = np.where(known >= LEAST_WEEKS, (low + high) / 2, np.nan)
    return middle


def _spikes(counts: Counts, expected: Floats) -> Iterator[Mark]:
    with np.errstate(invalid="ignore"):
        more = counts.values - expected
        far = np.maximum(SPIKE_CALLS, SPIKE_DEVIATIONS * np.sqrt(SCATTER * expected))
        odd = (counts.values >= ODD_TIMES * expected) & (more >= far)
    for row, slot in np.argwhere(odd):
        calls, usual = float(counts.values[row, slot]), float(expected[row, slot])
        start = counts.starts_min[slot]
        yield Mark(
            kind="spike",
            period=counts.periods[row],
            first_min=start,
            end_min=start + counts.step_min,
            calls=calls,
            expected=usual,
            certain=calls >= SPIKE_TIMES * usual,
        )


def _silences(counts: Counts, expected: Floats) -> Iterator[Mark]:
    silent = counts.values == 0
    for row in np.flatnonzero(silent.any(axis=1)):
        usual = np.where(np.isnan(expected[row]) | np.isnan(counts.values[row]), 0.0, expected[row])
        if silent[row].all():
            if float(usual.sum()) >= DEAD_CALLS:
                yield _silence("no_calls", counts, int(row), 0, silent.shape[1], float(usual.sum()))
            continue
        for first, stop in _runs(silent[row]):
            if float(usual[first:stop].sum()) >= DEAD_CALLS:
                yield _silence("dead", counts, int(row), first, stop, float(usual[first:stop].sum()))


def _silence(kind: Literal["dead", "no_calls"], counts: Counts, row: int, first: int, stop: int, usual: float) -> Mark:
    return Mark(
        kind=kind,
        period=counts.periods[row],
        first_min=counts.starts_min[first],
        end_min=counts.starts_min[stop - 1] + counts.step_min,
        calls=0.0,
        expected=usual,
        certain=True,
    )


def _runs(flags: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield where runs of true begin and end."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
