"""From counted intervals of absolute time to counts by local day and slot. Pure.

Closed hours of an open day count 0: nobody could call, and a day's sum is whole. A day on which the queue is closed is no period, and a
slot in which it is never open is none either. Unknown intervals (an outage, the time to come) are NaN.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forecast.series.counts import DAY_MINUTES, Counts, Floats
from forecast.series.grid import coarser
from forecast.series.opening import open_slots
from forecast.series.outages import UNKNOWN_SHARE, Span
from forecast.series.zones import to_local, zone_of
from hotline.errors import Misuse
from hotline.hours import Hours

BASE_MIN = 5
"""Every offset from UTC is a multiple of it, so that the intervals of UTC are those of every zone."""
SLOT_DAYS_MIN = 3
"""A slot that is known on fewer days is not learnt from. From here on models of half hours keep to what it had (with 1 day, trees do not)."""

Seconds = NDArray[np.int64]


def by_day(
    began: Seconds,
    values: Floats,
    *,
    hours: Hours,
    queue: str = "",
    base_min: int = BASE_MIN,
    step_min: int | None = None,
) -> Counts:
    """Return the counts of intervals of `base_min` that began at these moments (seconds since 1970, each once), summed to `step_min`.

    NaN is not known; an interval that is not there is not known either.
    """
    local = to_local(began.astype("datetime64[s]"), hours.timezone)
    dates = local.astype("datetime64[D]")
    days, day = np.unique(dates, return_inverse=True)
    starts = tuple(range(0, DAY_MINUTES - base_min + 1, base_min))
    slot = (local - dates).astype(np.int64) // 60 // base_min
    cell = day * len(starts) + slot
    size = len(days) * len(starts)
    passes = np.bincount(cell, minlength=size).reshape(len(days), -1)
    with np.errstate(invalid="ignore"):
        grid = np.bincount(cell, weights=values, minlength=size).reshape(len(days), -1) / passes
    grid = np.where(open_slots(hours, days, starts, base_min), grid, 0.0)
    counts = Counts(
        unit="slot",
        periods=days,
        values=grid,
        starts_min=starts,
        step_min=base_min,
        queue=queue,
        zone=hours.timezone,
    )
    return in_hours(coarser(counts, step_min=step_min), hours)


def in_hours(counts: Counts, hours: Hours) -> Counts:
    """Return the counts of the days and slots in which the queue is open, with 0 for the closed hours of an open day."""
    if counts.unit == "month":
        return counts
    if counts.unit == "day":
        is_open = open_slots(hours, counts.periods, (0,), DAY_MINUTES)[:, 0]
        return replace(counts, periods=counts.periods[is_open], values=counts.values[is_open])
    is_open = open_slots(hours, counts.periods, counts.starts_min, counts.step_min)
    rows, ever = is_open.any(axis=1), open_ever(hours, counts.starts_min, counts.step_min)
    return replace(
        counts,
        periods=counts.periods[rows],
        values=np.where(is_open, counts.values, 0.0)[np.ix_(rows, ever)],
        starts_min=tuple(start for start, keep in zip(counts.starts_min, ever, strict=True) if keep),
    )


def well_known(counts: Counts) -> Counts | None:
    """Return the counts of the slots that are known on `SLOT_DAYS_MIN` days or more; None: no slot is.

    History from another system often has office hours only, while the queue is open day and night: of the hours that nobody counted nothing
    can be learnt, and what a model would put there is an invention for which people would be scheduled. They come in once the house has
    seen them on some days.
    """
    known = np.isfinite(counts.values).sum(axis=0) >= SLOT_DAYS_MIN
    if not known.any():
        return None
    return replace(
        counts,
        values=counts.values[:, known],
        starts_min=tuple(start for start, keep in zip(counts.starts_min, known, strict=True) if keep),
    )


def open_ever(hours: Hours, starts_min: tuple[int, ...], step_min: int) -> NDArray[np.bool_]:
    """Return whether the queue is open in a slot on any day of the week."""
    week = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-01-08"))
    return np.asarray(open_slots(without_dates(hours), week, starts_min, step_min).any(axis=0))


def without_dates(hours: Hours) -> Hours:
    """Return the same hours of the week without closed dates."""
    return Hours(timezone=hours.timezone, weekly=hours.weekly)


def every_interval(begin: float, end: float, *, zone: str, step_min: int = BASE_MIN) -> Seconds:
    """Return the beginnings of all intervals of the local days that touch a stretch of time."""
    zone_of(zone)
    first, last = to_local(np.array([int(begin), int(np.ceil(end)) - 1]).astype("datetime64[s]"), zone).astype(
        "datetime64[D]"
    )
    around = np.arange(
        int((first - 2).astype("datetime64[s]").astype(np.int64)),
        int((last + 3).astype("datetime64[s]").astype(np.int64)),
        step_min * 60,
    )
    days = to_local(around.astype("datetime64[s]"), zone).astype("datetime64[D]")
    inside: Seconds = around[(days >= first) & (days <= last)]
    return inside


def lost(began: Seconds, spans: Iterable[Span], *, step_min: int = BASE_MIN) -> NDArray[np.bool_]:
    """Return which intervals are not known, because more than `UNKNOWN_SHARE` of them lies in these spans."""
    step_s = step_min * 60.0
    gone = np.zeros(len(began))
    for first, last in spans:
        low, high = np.searchsorted(began, [first - step_s, last])
        part = began[low:high]
        gone[low:high] += np.maximum(0.0, np.minimum(part + step_s, last) - np.maximum(part, first))
    unknown: NDArray[np.bool_] = gone > step_s * UNKNOWN_SHARE
    return unknown


def merged(older: Counts, newer: Counts) -> Counts:
    """Return both series as one: where the newer one knows a number it is taken, elsewhere the older one's.

    They have the same unit and step; slots that only one has are NaN for the days of the other. Raises Misuse.
    """
    if (older.unit, older.step_min) != (newer.unit, newer.step_min):
        raise Misuse(
            f"{older.unit}s of {older.step_min} minutes and {newer.unit}s of {newer.step_min} minutes cannot be put together"
        )
    periods = np.union1d(older.periods, newer.periods)
    starts = tuple(sorted({*older.starts_min, *newer.starts_min}))
    grid = np.full((len(periods), len(starts)), np.nan)
    for part in (older, newer):
        rows = np.searchsorted(periods, part.periods)
        columns = np.searchsorted(starts, part.starts_min)
        where = np.ix_(rows, columns)
        grid[where] = np.where(np.isnan(part.values), grid[where], part.values)
    return replace(newer, periods=periods, values=grid, starts_min=starts)
