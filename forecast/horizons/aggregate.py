"""Days from slots, months from days, and which days are to come. Pure.

A month is known when all its open days are; a few that are not known are taken for the mean of the others of their weekday, and a month
with more of them is not known.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models.baselines import phase
from forecast.series.counts import DAY_MINUTES, Counts, Dates

MOST_UNKNOWN = 0.15
"""A month of which a larger share of days is not known is not known."""
RECENT_WEEKS = 8
"""Weekdays that were open in at least half of these last weeks are open in the weeks to come."""


def monthly(days: Counts) -> Counts:
    """Return the whole months of counts of days; a first or last month that is only there in part is left out."""
    months = days.periods.astype("datetime64[M]")
    values, kept = [], []
    for month in np.unique(months):
        here = months == month
        if _is_whole(days.periods, month):
            kept.append(month)
            values.append(_sum(days, here))
    return replace(
        days,
        unit="month",
        periods=np.array(kept, dtype="datetime64[M]").astype("datetime64[D]"),
        values=np.array(values, dtype=np.float64).reshape(-1, 1),
        starts_min=(0,),
        step_min=DAY_MINUTES,
    )


def open_weekdays(history: Counts) -> frozenset[int]:
    """Return the days of the week on which the queue was open lately; all, where next to nothing is known."""
    if len(history.periods) < 14:
        return frozenset(range(7))
    last = history.periods[-1]
    recent = history.periods[history.periods > last - 7 * RECENT_WEEKS]
    weeks = min(RECENT_WEEKS, (int((last - history.periods[0]).astype(int)) + 1) / 7)
    amount = np.bincount(phase(recent, "day"), minlength=7)
    return frozenset(int(one) for one in np.flatnonzero(amount >= weeks / 2))


def coming_days(first: np.datetime64, stop: np.datetime64, calendar: Calendar, weekdays: Collection[int]) -> Dates:
    """Return the open days from `first` to before `stop`."""
    day: date = first.astype("datetime64[D]").item()
    end: date = stop.astype("datetime64[D]").item()
    found = []
    while day < end:
        if day.weekday() in weekdays and day not in calendar.closed:
            found.append(day)
        day += timedelta(days=1)
    return np.array(found, dtype="datetime64[D]")


def coming_months(first: np.datetime64, count: int) -> Dates:
    """Return the first days of `count` months, the one of `first` included."""
    found: Dates = (first.astype("datetime64[M]") + np.arange(count)).astype("datetime64[D]")
    return found


def _is_whole(periods: Dates, month: np.datetime64) -> bool:
    """Return whether the history reaches over the whole month: it begins in the first and ends in the last week days of it."""
    first, stop = month.astype("datetime64[D]"), (month + 1).astype("datetime64[D]")
    closed = 7 - len(np.unique(phase(periods, "day")))  # so many days may be missing at the border: a weekend
    return bool(periods[0] <= first + closed) and bool(periods[-1] >= stop - 1 - closed)


def _sum(days: Counts, here: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    values, phases = days.values[here, 0], phase(days.periods[here], "day")
    unknown = np.isnan(values)
    if unknown.mean() > MOST_UNKNOWN or unknown.all():
        return float("nan")
    overall = values[~unknown].mean()
    for number in np.flatnonzero(unknown):
        same = values[(phases == phases[number]) & ~unknown]
        values[number] = same.mean() if len(same) else overall
    return float(values.sum())
