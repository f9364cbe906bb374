"""What was known at an origin about a slot of a later day: the regressors of the trees and of the network. Pure.

Everything is on the square-root scale (`forecast.models.slots.factor` says why), and everything is a mean over days that were over at the origin, so
that one table serves for learning and for forecasting. The first of them, the mean of the last same weekdays, is taken off the target: trees and networks
forecast what is left of it, and know nothing to say where it says all.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models.slots.marks import Integers, Mark, marks, open_weekdays, terms, weekdays, working_leads
from forecast.series.counts import Counts, Dates, Floats

SAME_WEEKDAYS = 8
LEVEL_COLUMNS = slice(2, 5)
"""Of `Table.days`: how far off the last day, week and four weeks were. Before them stand weekday and lead, behind them the calendar terms."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """Regressors of days (D, …), each at one distance from its origin."""

    base: Floats
    """(D, S): the mean square root of the last same weekdays, moved by `drift`."""
    days: Floats
    """(D, F): the same for all slots of the day."""
    slots: Floats
    """(D, S, G): of each slot."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lags:
    """A history that can be asked what it knew when."""

    history: Counts
    calendar: Calendar

    def extended(self, more: Counts) -> "Lags":
        """Return the same with more days."""
        return replace(self, history=self.history.extended(more))

    @cached_property
    def usual(self) -> frozenset[int]:
        """The weekdays on which the queue works."""
        return open_weekdays(self.history.periods)

    @cached_property
    def marks(self) -> list[Mark | None]:
        """Of the days of the history."""
        return marks(self.history.periods, self.calendar)

    @cached_property
    def roots(self) -> Floats:
        """(T, S): of ordinary days; NaN otherwise, and where nothing is known."""
        ordinary = np.array([mark is None for mark in self.marks], dtype=bool)
        made: Floats = np.where(ordinary[:, None], np.sqrt(self.history.values), np.nan)
        return made

    def leads(self, periods: Dates) -> Integers:
        """Return which working day after the history each period is, from 1 to `LEADS`."""
        return working_leads(self.history.periods[-1], periods, self.calendar, self.usual)

    def past(self, lead: int) -> Table:
        """Return what was known of each day of the history so many days before."""
        count = len(self.history.periods)
        origins = np.maximum(np.arange(count) - lead + 1, 0)
        return self._table(weekdays(self.history.periods), origins, np.full(count, lead), self._terms[:count])

    def ahead(self, periods: Dates) -> Table:
        """Return what is known now of days to come."""
        count = len(self.history.periods)
        found = terms(self.history.periods, periods, self.calendar, self.usual)[count:]
        return self._table(weekdays(periods), np.full(len(periods), count), self.leads(periods), found)

    @cached_property
    def _terms(self) -> Floats:
        return terms(self.history.periods, self.history.periods[:0], self.calendar, self.usual)

    def _table(self, own: Integers, origins: Integers, leads: Integers, found: Floats) -> Table:
        base, last = self._same_weekday(own, origins)
        level, shape = self._recent
        week, month = len(self.usual), 4 * len(self.usual)
        moved = np.column_stack([_window(level, origins, span) for span in (1, week, month)])
        by_slot = _window(shape, origins, week)
        number = np.broadcast_to(np.arange(base.shape[1]), base.shape)
        return Table(
            base=base,
            days=np.column_stack([own, leads, moved, found]),
            slots=np.stack([number, base, by_slot, np.where(np.isfinite(last), last - base, 0.0)], axis=2),
        )

    def _same_weekday(self, own: Integers, origins: Integers) -> tuple[Floats, Floats]:
        """Return the mean of the last same weekdays before each origin (D, S), and the last one."""
        base = np.empty((len(own), self.roots.shape[1]))
        last = np.empty_like(base)
        everyday = _last_known(self.roots, origins, SAME_WEEKDAYS)
        middle = np.sqrt(np.nanmean(self.history.values)) if np.isfinite(self.history.values).any() else 0.0
        everyday = np.where(np.isfinite(everyday), everyday, middle)
        mine = weekdays(self.history.periods)
        for day in np.unique(own):
            rows = own == day
            same = np.flatnonzero(mine == day)
            at = np.searchsorted(same, origins[rows])
            found = _last_known(self.roots[same], at, SAME_WEEKDAYS)
            base[rows] = np.where(np.isfinite(found), found, everyday[rows])
            last[rows] = _last_known(self.roots[same], at, 1)
        return base, last

    @cached_property
    def _recent(self) -> tuple[Floats, Floats]:
        """How far each day was from its weekday's mean: as a whole (T, 1), and each slot beyond that (T, S); NaN is not known."""
        count = len(self.history.periods)
        base, _ = self._same_weekday(weekdays(self.history.periods), np.arange(count))
        off = self.roots - base
        known = np.isfinite(off)
        amount = known.sum(axis=1, keepdims=True)
        level = np.where(
            amount > 0, np.where(known, off, 0.0).sum(axis=1, keepdims=True) / np.maximum(amount, 1), np.nan
        )
        return level, off - level


def _window(values: Floats, origins: Integers, span: int) -> Floats:
    """Return the mean of the known values among the last `span` rows before each origin; 0 where none is known."""
    known = np.isfinite(values)
    total = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(np.where(known, values, 0.0), axis=0)])
    amount = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(known, axis=0)])
    back = np.maximum(origins - span, 0)
    made: Floats = (total[origins] - total[back]) / np.maximum(amount[origins] - amount[back], 1.0)
    return made


def _last_known(values: Floats, origins: Integers, span: int) -> Floats:
    """Return the mean of the last `span` known values of each column before each origin (D, S); NaN where there is none."""
    known = np.isfinite(values)
    whole = known.all(axis=1)
    if (known.any(axis=1) == whole).all():
        # Days are known or not as a whole, as they mostly are: one sum for all columns.
        return _last(values[whole], np.searchsorted(np.flatnonzero(whole), origins), span)
    amount = np.vstack([np.zeros((1, values.shape[1]), dtype=np.int64), np.cumsum(known, axis=0)])
    columns = [
        _last(values[known[:, column], column, None], amount[origins, column], span)
        for column in range(values.shape[1])
    ]
    return np.column_stack(columns)


def _last(values: Floats, seen: Integers, span: int) -> Floats:
    """Return the mean of the last `span` of the first `seen` rows (D, S), all known; NaN where there is none."""
    total = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    back = np.maximum(seen - span, 0)
    taken = (seen - back)[:, None]
    return np.where(taken > 0, (total[seen] - total[back]) / np.maximum(taken, 1), np.nan)
