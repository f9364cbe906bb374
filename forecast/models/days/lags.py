"""What was known at an origin about a later day, as a plain table: the regressors of the trees and the network of days. Pure.

Every row is an origin (the morning of a day) and a day some steps ahead of it, so that one table serves all distances and learning as well as
forecasting. What is learnt is how far the day lies from the slow level at the origin and the week's profile: where the regressors say nothing, the
forecast is that level. Effects of holidays and events are taken off before and put on after (`DayHistory`), and the trees may correct them where the kinds of
days are among the regressors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from forecast.days.features import Features, fourier
from forecast.models.base import CannotFit
from forecast.models.days.history import DayHistory
from forecast.series.counts import Floats

Integers = NDArray[np.int64]

FAST, SLOW = 0.3, 0.08
"""Shares of an error by which the two levels move."""
SAME = 4
LEADS = (1, 3, 5, 7)
"""Distances (in open days) that are learnt; between them and beyond the last the table says the nearest."""
MONTH_ORDER, YEAR_ORDER = 2, 2
YEARLY_DAYS = 600
LEAST_ROWS = 30
LEARNT_SHARE = 0.7
"""The share of the origins from which a first fit learns, so that the errors of the others can be measured."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DayTable:
    """A history that can be asked what it knew when."""

    history: DayHistory
    yearly: bool
    kinds: bool
    """Whether the kinds of days are among the regressors: what has few days of each must not be learnt by what cannot leave it alone."""

    @staticmethod
    def of(history: DayHistory, *, kinds: bool) -> "DayTable":
        """Return the table of a history. Raises CannotFit when there would be too few rows."""
        periods = history.counts.periods
        yearly = bool((periods[-1] - periods[0]).astype(np.int64) >= YEARLY_DAYS)
        made = DayTable(history=history, yearly=yearly, kinds=kinds)
        if len(periods) - made.first < LEAST_ROWS:
            raise CannotFit(f"{len(periods)} known days are too few: {LEAST_ROWS + made.first} are needed")
        return made

    @property
    def first(self) -> int:
        """The first origin: two weeks are needed to know anything."""
        return 2 * len(self.history.weekdays)

    def learnt(self) -> tuple[Floats, Floats, Integers]:
        """Return regressors (N, K), targets (N,) and origins (N,) of all past origins and learnt distances, the origins ascending."""
        count = len(self._rest)
        origins, leads = np.meshgrid(np.arange(self.first, count), LEADS, indexing="ij")
        targets = origins + leads - 1
        inside = targets < count
        origins, targets, leads = origins[inside], targets[inside], leads[inside]
        rows = self._rows(
            origins, self.history.days.weekday[targets], leads, self._calendar(self.history.days)[targets]
        )
        return rows, self._rest[targets] - self._slow[origins], origins

    def coming(self, days: Features, steps: Integers) -> Floats:
        """Return the regressors (P, K) of days `steps` after the history."""
        leads = np.array(LEADS)[np.abs(steps[:, None] - np.array(LEADS)[None]).argmin(axis=1)]
        return self._rows(np.full(len(steps), len(self._rest)), days.weekday, leads, self._calendar(days))

    def base(self, days: Features) -> Floats:
        """Return what is expected (P,) where the regressors say nothing, effects included."""
        level: Floats = self._slow[-1] + self.history.profile[days.weekday] + self.history.effects.of(days)
        return level

    def _rows(self, origins: Integers, weekdays: Integers, leads: Integers, calendar: Floats) -> Floats:
        slow = self._slow[origins]
        last, mean = self._same
        own = np.column_stack(
            [
                self._fast[origins] - slow,
                slow - self._slow[np.maximum(origins - 20, 0)],
                self._rest[origins - 1] - slow,
                last[origins, weekdays] - slow,
                mean[origins, weekdays] - slow,
                leads,
            ]
        )
        return np.hstack([own, calendar])

    def _calendar(self, days: Features) -> Floats:
        parts = [np.eye(7)[days.weekday], fourier(days.month_part, MONTH_ORDER)]
        if self.kinds:
            parts += [days.kinds, days.month_part[:, None]]
        if self.yearly:
            parts.append(fourier(days.year_part, YEAR_ORDER))
        return np.hstack(parts)

    @cached_property
    def _rest(self) -> Floats:
        rest: Floats = self.history.tamed - self.history.profile[self.history.days.weekday]
        return rest

    @cached_property
    def _fast(self) -> Floats:
        return _levels(self._rest, FAST)

    @cached_property
    def _slow(self) -> Floats:
        return _levels(self._rest, SLOW)

    @cached_property
    def _same(self) -> tuple[Floats, Floats]:
        """Return (P + 1, 7) the last and the mean of the last SAME rests of each weekday before each origin; the slow level before the first."""
        count = len(self._rest)
        last = np.repeat(self._slow[:, None], 7, axis=1)
        mean = last.copy()
        for weekday in range(7):
            at = np.flatnonzero(self.history.days.weekday == weekday)
            if not len(at):
                continue
            seen = np.searchsorted(at, np.arange(count + 1))
            total = np.r_[0.0, np.cumsum(self._rest[at])]
            some = seen > 0
            last[some, weekday] = self._rest[at[seen[some] - 1]]
            begin = np.maximum(seen[some] - SAME, 0)
            mean[some, weekday] = (total[seen[some]] - total[begin]) / (seen[some] - begin)
        return last, mean


def _levels(values: Floats, share: float) -> Floats:
    """Return (P + 1,) the smoothed level before each day and after the last, from the mean of the first week on."""
    from scipy.signal import lfilter

    start = float(np.mean(values[:7]))
    smoothed, _ = lfilter([share], [1.0, share - 1.0], values, zi=[(1 - share) * start])
    levels: Floats = np.r_[start, np.asarray(smoothed)]
    return levels


Teach = Callable[[Floats, Floats], Callable[[Floats], Floats]]
"""Learns from rows and targets; what comes back forecasts rows."""


def unseen_errors(rows: Floats, targets: Floats, origins: Integers, teach: Teach) -> Floats:
    """Return how far off days are that a first fit had not seen; none where there are none of them. Takes what `DayTable.learnt` returns."""
    early = origins <= np.quantile(origins, LEARNT_SHARE)
    late = origins > origins[early].max() + max(LEADS)
    if not late.any():
        return np.empty(0)
    return np.asarray(targets[late] - teach(rows[early], targets[early])(rows[late]))
