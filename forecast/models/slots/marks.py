"""What a day is, for models of slots: its place in week and month, and whether it is an ordinary day at all. Pure.

Two kinds of knowledge are told apart. **Terms** are numbers of every day (weekday, working day of the month, first day after a closure) that
enter a regression. A **mark** says that a day is none of the ordinary ones: a holiday, its eve, a working day between two holidays, days
around the Spring Festival, an event of the operator's. Marked days are left out when ordinary days are learnt, and what they were in relation to the
ordinary day that would have been expected is kept for the next one of their kind (`forecast.models.slots.special`).

Working days of the month count because pay, pensions and bills go by them (Young & Ord, "The use of economic calendar effects in call centre
forecasting"; Ibrahim et al. 2016, "Modeling and forecasting call center arrivals", section 4). How days themselves are forecast, with all their
holidays, is decided in `forecast.days` and the models of days; these marks are as few as slots need.
"""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from forecast.days.calendar import Calendar
from forecast.series.counts import Dates, Floats

Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]

LEADS = 10
"""Working days ahead that models of slots tell apart; what lies further counts as the last."""
BETWEEN_DAYS = 7
"""A working day between two holidays at most so many days apart stands between them (Passover, Christmas to New Year)."""
SPRING_DAYS = ((-14, -8, "two weeks before"), (-7, -1, "week before"), (7, 13, "second week"), (14, 20, "third week"))
"""Stretches around the first day of the Chinese year, besides the holiday itself."""
RARE_WEEKDAY = 0.2
"""A weekday in the history less often than this share of the weeks is one on which the queue does not work."""
_MARGIN = 45
"""So many days around those asked for are looked at: a month and a long holiday."""
_HARMONICS = 3
_HORIZON = np.timedelta64(60, "D")


@dataclass(frozen=True, kw_only=True, order=True)
class Mark:
    """The kind of a day that is not ordinary."""

    kind: str
    """`event`, `holiday`, `eve`, `between`, `spring` or `minor`."""
    name: str
    """Of the event or holiday."""


def weekdays(days: Dates) -> Integers:
    """Return the day of the week, Monday is 0."""
    return (days.astype("datetime64[D]").astype(np.int64) + 3) % 7


def open_weekdays(periods: Dates) -> frozenset[int]:
    """Return the days of the week on which a queue with these periods works."""
    if not len(periods):
        return frozenset()
    found = np.bincount(weekdays(periods), minlength=7)
    weeks = max(int((periods[-1] - periods[0]).astype(np.int64)) / 7, 1.0)
    return frozenset(int(day) for day in range(7) if found[day] >= RARE_WEEKDAY * weeks)


def marks(periods: Dates, calendar: Calendar) -> list[Mark | None]:
    """Return the mark of each period; None is an ordinary day. Excluded events are no mark: nothing is known of those days."""
    return [_mark(day, calendar) for day in periods.astype("datetime64[D]").tolist()]


def _mark(day: date, calendar: Calendar) -> Mark | None:
    event = next((one for one in calendar.events if one.first <= day <= one.last and not one.excluded), None)
    if event is not None:
        return Mark(kind="event", name=event.name)
    if day in calendar.holidays:
        return Mark(kind="holiday", name=_plain(calendar.holidays[day]))
    tomorrow = date.fromordinal(day.toordinal() + 1)
    if tomorrow in calendar.holidays and not calendar.is_off(day):
        return Mark(kind="eve", name=_plain(calendar.holidays[tomorrow]))
    if _between(day, calendar):
        return Mark(kind="between", name="")
    return _spring(day, calendar) or _minor(day, calendar)


def _spring(day: date, calendar: Calendar) -> Mark | None:
    at = bisect_left(calendar.spring_festivals, day)
    for first in calendar.spring_festivals[max(at - 1, 0) : at + 1]:
        away = day.toordinal() - first.toordinal()
        for start, stop, name in SPRING_DAYS:
            if start <= away <= stop:
                return Mark(kind="spring", name=name)
    return None


def _minor(day: date, calendar: Calendar) -> Mark | None:
    return Mark(kind="minor", name=_plain(calendar.minor[day])) if day in calendar.minor else None


def _plain(name: str) -> str:
    """Return the name of a holiday without what changes from year to year."""
    return name.split(" (")[0].removeprefix("Day off").strip()


def _between(day: date, calendar: Calendar) -> bool:
    if calendar.is_off(day):
        return False
    number = day.toordinal()
    back = next((k for k in range(1, BETWEEN_DAYS) if date.fromordinal(number - k) in calendar.holidays), 0)
    return bool(back) and any(
        date.fromordinal(number + k) in calendar.holidays for k in range(1, BETWEEN_DAYS - back + 1)
    )


def week_rows(periods: Dates, calendar: Calendar, usual: frozenset[int]) -> Floats:
    """Return which weekday each period is like (P, 7), rows adding up to 1.

    A make-up workday is like the mean of the working days. A holiday on a working day is like the mean of the weekend's days, if the queue
    works at weekends: then there is something to learn it from.
    """
    rows = np.zeros((len(periods), 7))
    working = [day for day in sorted(usual) if day not in calendar.weekend]
    resting = [day for day in sorted(usual) if day in calendar.weekend]
    for number, day in enumerate(periods.astype("datetime64[D]").tolist()):
        own = day.weekday()
        like = [own]
        if day in calendar.workdays and own in calendar.weekend and working:
            like = working
        elif day in calendar.holidays and own not in calendar.weekend and resting:
            like = resting
        rows[number, like] = 1.0 / len(like)
    return rows


def terms(known: Dates, ahead: Dates, calendar: Calendar, usual: frozenset[int]) -> Floats:
    """Return the calendar terms (F columns) of the periods of the history, then of those ahead.

    A usual weekday that is missing in the history, or among the periods ahead, was or will be a closure; between both only the calendar
    says what is closed, for `ahead` need not begin right after the history.
    """
    periods = np.concatenate([known, ahead]).astype("datetime64[D]")
    if not len(periods):
        return np.zeros((0, TERMS))
    days = np.arange(periods[0] - _MARGIN, periods[-1] + _MARGIN + 1)
    resting = sorted(calendar.weekend | (frozenset(range(7)) - usual))
    off = closed_days(days, calendar, usual)
    for part in (known, ahead):
        if len(part):
            off |= (days > part[0]) & (days < part[-1]) & ~np.isin(days, part)
    at = (periods - days[0]).astype(np.int64)
    return np.column_stack([_closure_terms(off, np.isin(weekdays(days), resting))[at], _month_terms(days, off)[at]])


def closed_days(days: Dates, calendar: Calendar, usual: frozenset[int]) -> Bools:
    """Return of each day whether people are off, or the queue is closed, by calendar and weekday."""
    off = [calendar.is_off(day) or day in calendar.closed for day in days.tolist()]
    return np.array(off, dtype=bool) | ~np.isin(weekdays(days), sorted(usual))


def working_leads(last: np.datetime64, periods: Dates, calendar: Calendar, usual: frozenset[int]) -> Integers:
    """Return which working day after `last` each period is, from 1 to `LEADS`; a period that is asked for counts as one."""
    if not len(periods):
        return np.zeros(0, dtype=np.int64)
    periods = periods.astype("datetime64[D]")
    days = np.arange(last + 1, min(periods[-1], last + _HORIZON) + 1)
    counted = np.cumsum(~closed_days(days, calendar, usual) | np.isin(days, periods))
    at = np.minimum((periods - last).astype(np.int64) - 1, len(days) - 1)
    return np.clip(counted[at], 1, LEADS)


TERMS = 18
"""How many terms: three of closures, seven of the ends of the month, two of pay days, six waves through the month."""


def _closure_terms(off: Bools, regular: Bools) -> Floats:
    """Return whether each day is the first or second working day after, or the last before, a stretch of days off that is more than a weekend."""
    size = len(off)
    made = np.zeros((size, 3))
    unusual = off & ~regular
    first = 0
    stretches: list[tuple[int, int]] = []
    for day in range(size):
        if off[day]:
            continue
        if day > first and unusual[first:day].any():
            stretches.append((first - 1, day))
        first = day + 1
    for before, after in stretches:
        made[after, 0] = 1.0
        later = after + 1
        while later < size and off[later]:
            later += 1
        if later < size:
            made[later, 1] = 1.0
        if before >= 0:
            made[before, 2] = 1.0
    return made


def _month_terms(days: Dates, off: Bools) -> Floats:
    """Return the place in the month: by working days near its ends, smoothly in between."""
    months = days.astype("datetime64[M]")
    first = months.astype("datetime64[D]")
    length = ((months + 1).astype("datetime64[D]") - first).astype(np.int64)
    dom = (days - first).astype(np.int64)
    works = np.cumsum(~off)
    start = np.searchsorted(days, first)
    stop = np.minimum(start + length, len(days)) - 1
    before = works - (~off) - np.where(start > 0, works[start - 1], 0)
    behind = works[stop] - works
    phase = 2 * np.pi * dom / length
    columns = [(before == k) & ~off for k in range(4)] + [(behind == k) & ~off for k in range(3)]
    columns += [dom == 13, (dom == 14) | (dom == 15)]
    waves = [wave(k * phase) for k in range(1, _HARMONICS + 1) for wave in (np.cos, np.sin)]
    return np.column_stack([*columns, *waves]).astype(np.float64)
