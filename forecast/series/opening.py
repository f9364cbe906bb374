"""Which intervals of which days a queue is open, from its hours. Pure."""

import numpy as np
from numpy.typing import NDArray

from forecast.series.counts import DAY_MINUTES, Dates
from hotline.hours import DAYS, Hours

Flags = NDArray[np.bool_]
_THURSDAY = 3
"""The weekday of 1 January 1970; Monday is 0."""


def open_slots(hours: Hours, days: Dates, starts_min: tuple[int, ...], step_min: int) -> Flags:
    """Return, for each day and slot (P, S), whether the queue is open for at least a part of it."""
    week = np.zeros((len(DAYS), len(starts_min)), dtype=np.bool_)
    for n, day in enumerate(DAYS):
        open_minutes = np.zeros(DAY_MINUTES + step_min, dtype=np.int64)
        for start, end in hours.weekly.get(day, ()):
            open_minutes[start:end] = 1
        sums = np.concatenate(([0], np.cumsum(open_minutes)))
        starts = np.array(starts_min)
        week[n] = sums[starts + step_min] > sums[starts]
    weekdays = (days.astype("datetime64[D]").astype(np.int64) + _THURSDAY) % len(DAYS)
    flags: Flags = week[weekdays]
    if hours.closed_dates:
        flags[np.isin(days, np.array(sorted(hours.closed_dates), dtype="datetime64[D]"))] = False
    return flags


def open_days(hours: Hours, first: np.datetime64, count: int) -> Dates:
    """Return those of `count` days from `first` on, on which the queue is open at all: the periods of a forecast."""
    days: Dates = first.astype("datetime64[D]") + np.arange(count)
    kept: Dates = days[open_slots(hours, days, (0,), DAY_MINUTES)[:, 0]]
    return kept
