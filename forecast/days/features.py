"""What a calendar says of days, as numbers that every model can learn from. Pure, and one pass of NumPy over the days.

What is decided here: which properties of a day may matter to those who call. How much each of them matters is learnt by the models; a measured
ratio for people is in `forecast.days.effects`.

* **kinds** are properties that days of many names share (`holiday`, `eve`, `after_1`): with few holidays in the history, what one of them did
  says much about the next, whatever it is called.
* **names** are the holidays, minor holidays and events one by one, for what distinguishes them once each was seen.
* **positions** are where a day stands in week, month and year, and how far it is from the Spring Festival.

A working day is a day that is not off and on which the queue is open. The days after a holiday are counted in working days: what people could
not ask on a Monday off they ask on Tuesday, and less on Wednesday. Closed days of the queue act on their neighbours as holidays do.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from forecast.days.calendar import Calendar, Event
from forecast.series.counts import Dates, Floats

Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]

KINDS = (
    "off", "holiday", "minor", "eve", "minor_eve", "before", "after_1", "after_2", "after_3", "minor_after", "bridge", "makeup",
    "payday", "payday_after", "spring_before", "spring_during", "spring_after",
)  # fmt: skip
"""What each column of `Features.kinds` is. All are 0 or 1 but the three of the Spring Festival, which are between."""

MARGIN = 45
"""So many days around those asked for are looked at: longer than any run of days off or way to a Spring Festival."""
AFTER_DAYS = 3
SPRING_BEFORE, SPRING_DURING, SPRING_AFTER = 14, 7, 14
"""Days before the first day of the Chinese year, from it on, and after those: the three parts of X-13's genhol (US Census Bureau)."""
NEVER = 10_000
"""The distance to a Spring Festival where there is none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """The properties of some days."""

    periods: Dates
    weekday: Integers
    """(P,): Monday is 0."""
    kinds: Floats
    """(P, len(KINDS))"""
    named: Mapping[str, Flags]
    """Name -> (P,): `holiday:Christmas Day`, `minor:Purim`, `event:bill run`; only of names that occur."""
    month_part: Floats
    """(P,): where the day stands in its month, 0 is the first day, 1 would be the next first."""
    year_part: Floats
    """(P,): the same in its year."""
    spring: Integers
    """(P,): days from the nearest Spring Festival (0 is the first day of the Chinese year, -1 its eve); NEVER without one."""
    excluded: Flags
    """(P,): days of which nothing shall be learnt."""

    def kind(self, name: str) -> Floats:
        """Return one column of `kinds`."""
        column: Floats = self.kinds[:, KINDS.index(name)]
        return column

    def cut(self, start: int, stop: int | None = None) -> "Features":
        """Return the properties of the days number `start` to `stop` (not included)."""
        part = slice(start, stop)
        return Features(
            periods=self.periods[part],
            weekday=self.weekday[part],
            kinds=self.kinds[part],
            named={name: days[part] for name, days in self.named.items()},
            month_part=self.month_part[part],
            year_part=self.year_part[part],
            spring=self.spring[part],
            excluded=self.excluded[part],
        )


def features(periods: Dates, calendar: Calendar) -> Features:
    """Return the properties of days (ascending, unit D), also of those long past and far ahead."""
    days = np.asarray(periods, dtype="datetime64[D]")
    if not len(days):
        return _none(days)
    around = np.arange(days[0] - MARGIN, days[-1] + MARGIN + 1)
    columns = _kinds(around, calendar)
    at = (days - around[0]).astype(np.int64)
    return Features(
        periods=days,
        weekday=weekdays(days),
        kinds=np.column_stack([columns[name][at] for name in KINDS]).astype(np.float64),
        named=_named(days, calendar),
        month_part=_part(days, "M"),
        year_part=_part(days, "Y"),
        spring=_to_spring(days, calendar),
        excluded=_within(days, [event for event in calendar.events if event.excluded]),
    )


def weekdays(days: Dates) -> Integers:
    """Return the days of the week, Monday is 0 (1970-01-01 was a Thursday)."""
    numbers: Integers = (days.astype("datetime64[D]").astype(np.int64) + 3) % 7
    return numbers


def fourier(part: Floats, order: int) -> Floats:
    """Return (P, 2 * order) sines and cosines of a part of a cycle (0 to 1)."""
    angles = 2 * np.pi * np.outer(part, np.arange(1, order + 1))
    return np.hstack([np.sin(angles), np.cos(angles)])


def table(found: Features, *, month_order: int = 3, year_order: int = 0) -> tuple[tuple[str, ...], Floats]:
    """Return names and columns (P, K) for models that want one plain matrix: weekdays, kinds and Fourier terms.

    `year_order` is worth something from about a year and a half of history on.
    """
    week = np.eye(7)[found.weekday]
    month, year = fourier(found.month_part, month_order), fourier(found.year_part, year_order)
    names = (
        *(f"weekday_{n}" for n in range(7)),
        *KINDS,
        *(f"month_{n}" for n in range(month.shape[1])),
        *(f"year_{n}" for n in range(year.shape[1])),
    )
    return names, np.hstack([week, found.kinds, month, year])


def is_special(found: Features) -> Flags:
    """Return which days are not what their weekday would let expect: holidays, minor ones, their neighbours, make-up days, events."""
    ordinary = {"off", "payday", "payday_after"}
    columns = [n for n, name in enumerate(KINDS) if name not in ordinary]
    special: Flags = np.asarray((found.kinds[:, columns] > 0).any(axis=1))
    for days in found.named.values():
        special = special | days
    return special


def _kinds(around: Dates, calendar: Calendar) -> dict[str, Floats | Flags]:
    holiday, minor = _in(around, calendar.holidays), _in(around, calendar.minor)
    weekend = np.isin(weekdays(around), list(calendar.weekend))
    makeup = weekend & _in(around, calendar.workdays) & ~holiday
    off = holiday | (weekend & ~makeup)
    closed = _in(around, calendar.closed) & ~off
    works = ~off & ~closed
    # A holiday on a Sunday takes no working day away: only those that do leave something to be done later.
    taken = (holiday & ~weekend) | closed
    after = _count_since(taken, works)
    until = _count_since(taken[::-1], works[::-1])[::-1]
    run = holiday | closed
    payday = _paydays(around, works)
    kinds: dict[str, Floats | Flags] = {
        "off": off,
        "holiday": holiday,
        "minor": minor,
        "eve": _shift(holiday, -1) & ~holiday,
        "minor_eve": _shift(minor, -1) & ~minor & ~holiday,
        "before": works & (until == 1),
        "minor_after": _shift(minor, 1) & ~minor & ~holiday,
        "bridge": works & _shift(~works, 1) & _shift(~works, -1) & (_shift(run, 1) | _shift(run, -1)),
        "makeup": makeup,
        "payday": payday,
        "payday_after": _shift(payday, 1) & works,
    }
    for days in range(1, AFTER_DAYS + 1):
        kinds[f"after_{days}"] = works & (after == days)
    return kinds | _spring_parts(_to_spring(around, calendar))


def _spring_parts(distance: Integers) -> dict[str, Floats]:
    """Before it grows to the eve, after it fades away; during it stands."""
    before = np.where((distance < 0) & (distance >= -SPRING_BEFORE), 1 + (distance + 1) / SPRING_BEFORE, 0.0)
    beyond = distance - SPRING_DURING
    after = np.where((beyond >= 0) & (beyond < SPRING_AFTER), 1 - beyond / SPRING_AFTER, 0.0)
    during = ((distance >= 0) & (beyond < 0)).astype(np.float64)
    return {"spring_before": before, "spring_during": during, "spring_after": after}


def _count_since(marks: Flags, counted: Flags) -> Integers:
    """Return how many counted days there are since the last mark, this day with them; NEVER before the first mark."""
    steps = np.arange(len(marks))
    last = np.maximum.accumulate(np.where(marks, steps, -1))
    total = np.cumsum(counted)
    since: Integers = np.where(last >= 0, total - total[np.maximum(last, 0)], NEVER)
    return since


def _paydays(around: Dates, works: Flags) -> Flags:
    """Wages come on the 15th and on the last day of the month, or on the last working day before."""
    tomorrow = around + 1
    due = (_day_of_month(around) == 15) | (_day_of_month(tomorrow) == 1)
    last_working = np.maximum.accumulate(np.where(works, np.arange(len(around)), -1))[due]
    paid = np.zeros(len(around), dtype=bool)
    paid[last_working[last_working >= 0]] = True
    return paid


def _to_spring(days: Dates, calendar: Calendar) -> Integers:
    if not calendar.spring_festivals:
        return np.full(len(days), NEVER)
    firsts = np.array(sorted(calendar.spring_festivals), dtype="datetime64[D]")
    apart = (days[:, None] - firsts[None]).astype(np.int64)
    nearest: Integers = apart[np.arange(len(days)), np.abs(apart).argmin(axis=1)]
    return nearest


def _named(days: Dates, calendar: Calendar) -> dict[str, Flags]:
    found: dict[str, Flags] = {}
    for sort, names in (("holiday", calendar.holidays), ("minor", calendar.minor)):
        for day, name in names.items():
            at = int(np.searchsorted(days, np.datetime64(day)))
            if at < len(days) and days[at] == np.datetime64(day):
                found.setdefault(f"{sort}:{plain_name(name)}", np.zeros(len(days), dtype=bool))[at] = True
    for name in sorted({event.name for event in calendar.events if not event.excluded}):
        flags = _within(days, [event for event in calendar.events if event.name == name and not event.excluded])
        if flags.any():
            found[f"event:{name}"] = flags
    return found


def plain_name(name: str) -> str:
    """Return the name without what is in brackets: the observed day and the day moved for it are the same holiday."""
    return re.sub(r"\s*[(（].*?[)）]", "", name).strip()


def _within(days: Dates, events: list[Event]) -> Flags:
    inside = np.zeros(len(days), dtype=bool)
    for event in events:
        inside |= (days >= np.datetime64(event.first)) & (days <= np.datetime64(event.last))
    return inside


def _in(days: Dates, chosen: "Mapping[date, str] | frozenset[date]") -> Flags:
    flags: Flags = np.isin(days, np.array(sorted(chosen), dtype="datetime64[D]"))
    return flags


def _shift(flags: Flags, by: int) -> Flags:
    """Return what the day `by` days earlier was (later, where negative); nothing is known beyond the ends."""
    moved = np.zeros_like(flags)
    if by > 0:
        moved[by:] = flags[:-by]
    else:
        moved[:by] = flags[-by:]
    return moved


def _part(days: Dates, unit: str) -> Floats:
    first = days.astype(f"datetime64[{unit}]")
    start, end = first.astype("datetime64[D]"), (first + 1).astype("datetime64[D]")
    part: Floats = (days - start).astype(np.float64) / (end - start).astype(np.float64)
    return part


def _day_of_month(days: Dates) -> Integers:
    number: Integers = (days - days.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) + 1
    return number


def _none(days: Dates) -> Features:
    whole, part = np.empty(0, dtype=np.int64), np.empty(0)
    return Features(
        periods=days, weekday=whole, kinds=np.empty((0, len(KINDS))), named={}, month_part=part, year_part=part, spring=whole,
        excluded=np.empty(0, dtype=bool),
    )  # fmt: skip
