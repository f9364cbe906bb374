"""From rows of a time and a number, in any order, to counts by day and slot. Pure.

What it decides: whether the rows are months, days or intervals; how long an interval is; which intervals are not known. What it does not:
where the rows come from, and whether a number is believable (`forecast.series.unusual` does).

* A day that no row names is no period. An interval that a day lacks is not known (NaN); only when a file has ones but never a zero are
  absent intervals zeros, for whoever wrote it left them out.
* The same time twice with the same number counts once; with two numbers it is an error, but for the doubled hour of a clock change,
  which counts with its mean.
* A coarser step is the sum of its parts and not known when one of them is not; a slot of which the series never has all parts is left out.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import gcd

import numpy as np
from numpy.typing import NDArray

from forecast.series.counts import DAY_MINUTES, Counts, Dates, Floats
from forecast.series.zones import Moments, real_minutes
from hotline.errors import Misuse
from hotline.hours import parse_interval

CALLS_STEP_MIN = 30
"""The step of a list of calls when nobody asks for another."""
MAX_CELLS = 30_000_000
SPARSE_ONES = 0.02
"""From this share of ones on, a file without any zero is one that leaves zeros out."""
_STEPS_TOLD = 0.01
"""The finest difference between rows is the step when at least this share of the differences is it."""


def from_counts(
    moments: Moments,
    values: Floats,
    lines: Sequence[int],
    *,
    zone: str = "UTC",
    queue: str = "",
    slots: str = "",
    step_min: int | None = None,
) -> Counts:
    """Return the counts of rows with a local time and a number each. Raises Misuse, with the line where one is to blame."""
    order = np.argsort(moments, kind="stable")
    moments, values, rows = moments[order], values[order], np.asarray(lines)[order]
    days = moments.astype("datetime64[D]")
    whole_days = bool((days == moments).all())
    moments, values, rows = _once(moments, values, rows, zone)
    if whole_days and (len(moments) > 1 or step_min in (None, DAY_MINUTES)):
        if slots or step_min not in (None, DAY_MINUTES):
            raise Misuse("the file has whole days or months: hours and a step cannot be asked of it")
        return _whole(moments.astype("datetime64[D]"), values, queue=queue, zone=zone)
    base = _base(moments, values, rows, step_min, queue=queue, zone=zone)
    return coarser(base, slots=slots, step_min=step_min)


def from_calls(
    moments: Moments, *, zone: str = "UTC", queue: str = "", slots: str = "", step_min: int | None = None
) -> Counts:
    """Return how many of these local times fall into each interval, on the days on which any does. Raises Misuse."""
    step = step_min or CALLS_STEP_MIN
    if step < 1 or DAY_MINUTES % step:
        raise Misuse(f"a step of {step} minutes does not divide the day; take 5, 10, 15, 30 or 60")
    anchor, end = _span(slots)
    starts = tuple(range(anchor % step, DAY_MINUTES - step + 1, step)) if slots else tuple(range(0, DAY_MINUTES, step))
    days, day = np.unique(moments.astype("datetime64[D]"), return_inverse=True)
    _check_size(len(days), len(starts))
    minute = (moments - moments.astype("datetime64[D]")).astype("timedelta64[m]").astype(np.int64)
    slot = (minute - starts[0]) // step
    inside = (slot >= 0) & (slot < len(starts))
    cells = np.bincount(day[inside] * len(starts) + slot[inside], minlength=len(days) * len(starts))
    values = even_out(cells.reshape(len(days), len(starts)).astype(np.float64), days, starts, step, zone)
    counts = Counts(unit="slot", periods=days, values=values, starts_min=starts, step_min=step, queue=queue, zone=zone)
    counts = _restrict(counts, anchor, end)
    return counts.daily() if step == DAY_MINUTES else counts


def even_out(values: Floats, days: Dates, starts_min: tuple[int, ...], step_min: int, zone: str) -> Floats:
    """Return counts of calls as if every interval had its usual length: half of a doubled hour, NaN for one that does not exist."""
    real = real_minutes(days, starts_min, step_min, zone)
    if (real == step_min).all():
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(real > 0, values * step_min / real, np.nan)


def coarser(counts: Counts, *, slots: str = "", step_min: int | None = None) -> Counts:
    """Return the counts of the hours `08:30-21:30` (all when empty) in steps of a multiple of theirs; 1440 gives days. Raises Misuse."""
    anchor, end = _span(slots)
    counts = _restrict(counts, anchor, end)
    if step_min is None or step_min == counts.step_min:
        return counts
    if step_min < counts.step_min or step_min % counts.step_min:
        raise Misuse(
            f"the series has intervals of {counts.step_min} minutes; a step of {step_min} is no multiple of them"
        )
    if step_min == DAY_MINUTES:
        return counts.daily()
    starts = np.array(counts.starts_min)
    into = (starts - anchor % step_min) // step_min
    parts = step_min // counts.step_min
    whole = [int(n) for n, size in zip(*np.unique(into, return_counts=True), strict=True) if size == parts and n >= 0]
    if not whole:
        raise Misuse(f"no {step_min} minutes of the day are whole in this series; take a shorter step")
    values = np.stack([counts.values[:, into == n].sum(axis=1) for n in whole], axis=1)
    first = tuple(n * step_min + anchor % step_min for n in whole)
    return replace(counts, values=values, starts_min=first, step_min=step_min)


# --- the parts -----------------------------------------------------------------------------------------------------------------


def _span(slots: str) -> tuple[int, int]:
    if not slots:
        return 0, DAY_MINUTES
    span = parse_interval(slots)
    if isinstance(span, str):
        raise Misuse(span)
    return span


def _restrict(counts: Counts, start_min: int, end_min: int) -> Counts:
    """Return the slots that lie between two minutes of the day."""
    if (start_min, end_min) == (0, DAY_MINUTES):
        return counts
    keep = [n for n, start in enumerate(counts.starts_min) if start >= start_min and start + counts.step_min <= end_min]
    if not keep:
        raise Misuse(f"the series has nothing between {_clock(start_min)} and {_clock(end_min)}")
    return replace(counts, values=counts.values[:, keep], starts_min=tuple(counts.starts_min[n] for n in keep))


def _check_size(days: int, slots: int) -> None:
    if days * slots > MAX_CELLS:
        raise Misuse(
            f"{days} days of {slots} intervals are more than {MAX_CELLS} numbers; take a longer step or fewer years"
        )


def _once(
    moments: Moments, values: Floats, rows: NDArray[np.int64], zone: str
) -> tuple[Moments, Floats, NDArray[np.int64]]:
    """Return ascending moments, each once. Raises Misuse when one has two numbers."""
    again = np.flatnonzero(moments[1:] == moments[:-1]) + 1
    if not again.size:
        return moments, values, rows
    different, first, where = np.unique(moments, return_index=True, return_inverse=True)
    known = ~np.isnan(values)
    sizes = np.bincount(where[known], minlength=len(different))
    sums = np.bincount(where[known], weights=values[known], minlength=len(different))
    with np.errstate(invalid="ignore"):
        means = sums / sizes  # NaN where none is known
    for n in np.flatnonzero(known & (np.abs(values - means[where]) > 1e-9 * np.maximum(means[where], 1.0))):
        if not _doubled(moments[n], zone):
            others = [int(row) for row in rows[where == where[n]]]
            raise Misuse(
                f"lines {', '.join(map(str, others[:4]))}: {_shown(moments[n])} has more than one number; each interval must come once "
                "(if the rows are of several queues, name their column `queue`)"
            )
    return different, means, rows[first]


def _doubled(moment: np.datetime64, zone: str) -> bool:
    day = moment.astype("datetime64[D]")
    minute = int((moment - day) // np.timedelta64(1, "m"))
    return float(real_minutes(np.array([day]), (minute,), 1, zone)[0, 0]) > 1.0


def _whole(days: Dates, values: Floats, *, queue: str, zone: str) -> Counts:
    """Return days, or months when every row is the first of one."""
    months = days.astype("datetime64[M]")
    if len(days) < 2 or not (months == days).all():
        return Counts(unit="day", periods=days, values=values[:, None], queue=queue, zone=zone)
    every = np.arange(months[0], months[-1] + 1)  # a month in which nobody wrote anything down is a month all the same
    _check_size(len(every), 1)
    filled = np.full((len(every), 1), np.nan)
    filled[(months - months[0]).astype(np.int64), 0] = values
    return Counts(unit="month", periods=every.astype("datetime64[D]"), values=filled, queue=queue, zone=zone)


def _base(
    moments: Moments, values: Floats, rows: NDArray[np.int64], step_min: int | None, *, queue: str, zone: str
) -> Counts:
    """Return the intervals as they stand in the file."""
    days, day = np.unique(moments.astype("datetime64[D]"), return_inverse=True)
    seconds = (moments - moments.astype("datetime64[D]")).astype(np.int64)
    if (seconds % 60).any():
        n = int(np.flatnonzero(seconds % 60)[0])
        raise Misuse(
            f"line {rows[n]}: {moments[n]} does not begin on a full minute: if each row is one call, "
            "ask for the count `rows`"
        )
    minute = seconds // 60
    step = _step(minute, day, step_min)
    phase = int(np.bincount(minute % step).argmax())
    off = np.flatnonzero(minute % step != phase)
    if off.size:
        n = int(off[0])
        raise Misuse(f"line {rows[n]}: {_shown(moments[n])} begins no interval of {step} minutes, as the other rows do")
    first = int(minute.min())
    starts = tuple(range(first, int(minute.max()) + 1, step))
    _check_size(len(days), len(starts))
    grid = np.full((len(days), len(starts)), np.nan)
    grid[day, (minute - first) // step] = values
    if _leaves_zeros_out(values):
        present = np.zeros(grid.shape, dtype=bool)
        present[day, (minute - first) // step] = True
        grid[~present] = 0.0
    grid[real_minutes(days, starts, step, zone) == 0] = np.nan
    kept = ~np.isnan(grid).all(axis=0)
    if kept.any():
        grid, starts = grid[:, kept], tuple(s for s, keep in zip(starts, kept, strict=True) if keep)
    return Counts(unit="slot", periods=days, values=grid, starts_min=starts, step_min=step, queue=queue, zone=zone)


def _step(minute: NDArray[np.int64], day: NDArray[np.int64], asked: int | None) -> int:
    """Return the length of the intervals: the finest difference between the rows of a day, unless hardly any row has it."""
    steps = (minute[1:] - minute[:-1])[day[1:] == day[:-1]]
    if not steps.size:
        if asked:
            return asked
        raise Misuse("no day has two rows, so the length of an interval cannot be told; give the step")
    usual = int(np.bincount(steps).argmax())
    finest = gcd(*(int(m) for m in np.unique(steps)), *(int(m) for m in np.unique(minute - minute.min())))
    if np.mean(steps == finest) >= _STEPS_TOLD:
        return finest
    return usual


def _leaves_zeros_out(values: Floats) -> bool:
    known = values[~np.isnan(values)]
    return bool(known.size) and not (known < 1).any() and float(np.mean(known == 1)) >= SPARSE_ONES


def _shown(moment: np.datetime64) -> str:
    return str(moment.astype("datetime64[m]")).replace("T", " ")


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
