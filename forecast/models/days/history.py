"""A history of days as the models of days want it: only what is known, on their scale, without the effects of holidays and events. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from forecast.days.calendar import Calendar
from forecast.days.effects import Effects, measure, ordinary_level
from forecast.days.features import Features, features
from forecast.models.base import CannotFit
from forecast.models.baselines import refuse_past, without_excluded
from forecast.series.counts import Counts, Dates, Floats

LEAST_DAYS = 14
FAR_DAY = 4.0
"""Standard deviations of ordinary days."""
LEAST_NOISE = 0.01
LASTING_DAYS = 4
ERROR_WEEKS = 24
"""So many past weeks tell how far off forecasts are."""

Integers = NDArray[np.int64]


def known_days(history: Counts, calendar: Calendar) -> Counts:
    """Return the days that are known and that may be learnt from. Raises CannotFit for counts that are no days."""
    if history.unit != "day":
        raise CannotFit("this is a model of days")
    known = without_excluded(history, calendar)
    chosen = np.isfinite(known.values[:, 0])
    return replace(known, periods=known.periods[chosen], values=known.values[chosen])


def learnable(history: Counts, calendar: Calendar, window_days: int) -> Counts:
    """Return the newest known days. Raises CannotFit when they are too few."""
    known = known_days(history, calendar)
    count = len(known.periods)
    if count < LEAST_DAYS:
        raise CannotFit(f"{count} known days are too few: {LEAST_DAYS} are needed")
    return known.cut(max(0, count - window_days), count)


@dataclass(frozen=True, kw_only=True, eq=False)
class DayHistory:
    """Known days and what the calendar did to them; everything follows from the days and the calendar, so only these are saved."""

    counts: Counts
    """Known days only."""
    calendar: Calendar
    newest: Dates
    """(1,): the last day of the history, known or not: forecasts are of days after it."""

    @staticmethod
    def of(history: Counts, calendar: Calendar, window_days: int) -> "DayHistory":
        """Return the newest days. Raises CannotFit when they are too few."""
        return DayHistory(
            counts=learnable(history, calendar, window_days), calendar=calendar, newest=history.periods[-1:]
        )

    def extended(self, more: Counts, window_days: int) -> "DayHistory":
        """Return the history with later days."""
        joined = self.counts.extended(known_days(more, self.calendar))
        count = len(joined.periods)
        newest = more.periods[-1:] if len(more.periods) else self.newest
        return replace(self, counts=joined.cut(max(0, count - window_days), count), newest=newest)

    def coming(self, periods: Dates) -> Features:
        """Return the features of days to be forecast. Raises Misuse for days that are not after the history."""
        refuse_past(periods, self.newest)
        return features(periods, self.calendar)

    @cached_property
    def days(self) -> Features:
        return features(self.counts.periods, self.calendar)

    @cached_property
    def effects(self) -> Effects:
        return measure(self.counts, self.calendar)

    @cached_property
    def adjusted(self) -> Floats:
        """(P,): scaled calls as they would have been without holidays, events and the place in the month."""
        return self.effects.scale.learn(self.counts.values[:, 0]) - self.effects.of(self.days)

    @cached_property
    def tamed(self) -> Floats:
        """(P,): `adjusted`, in which lone days that nothing explains are brought near: an outage or an election is no new level, four days in a row are."""
        level = ordinary_level(self.adjusted, self.days)
        reach = FAR_DAY * max(self.effects.noise, LEAST_NOISE)
        off = self.adjusted - level
        far = np.where(np.abs(off) > reach, np.sign(off), 0.0)
        lone = (far != 0) & (_run_lengths(far) < LASTING_DAYS)
        return np.where(lone, level + np.clip(off, -reach, reach), self.adjusted)

    @cached_property
    def weekdays(self) -> Integers:
        """The weekdays on which the queue is open, as far as the history shows."""
        return np.unique(self.days.weekday)

    @cached_property
    def profile(self) -> Floats:
        """(7,): how far each weekday's ordinary days lie from the middle of the week; 0 for one that was never seen."""
        level = ordinary_level(self.tamed, self.days)
        middles = np.array([np.median(level[self.days.weekday == day]) for day in self.weekdays])
        profile = np.zeros(7)
        profile[self.weekdays] = middles - middles.mean()
        return profile

    @cached_property
    def grid(self) -> Dates:
        """All days of the open weekdays from the first known one to the end of the history, whether known or not."""
        first, last = self.counts.periods[0], max(self.counts.periods[-1], self.newest[0])
        every = np.arange(first, last + 1)
        return every[np.isin(_weekday(every), self.weekdays)]

    def on_grid(self, values: Floats) -> Floats:
        """Return values of the known days on the grid, NaN where a day is missing."""
        spread = np.full(len(self.grid), np.nan)
        spread[np.searchsorted(self.grid, self.counts.periods)] = values
        return spread

    @cached_property
    def optimism(self) -> float:
        """By how much errors of days are too small whose own calls helped to measure their effects and weekday: sqrt(n / (n - parameters))."""
        count = len(self.adjusted)
        parameters = min(self.effects.determined + len(self.weekdays), count / 2)
        return float(np.sqrt(count / (count - parameters)))

    def week_errors(self, say: Callable[[int, int], tuple[Floats, Floats]]) -> Floats:
        """Return the errors of past forecasts of a week, in their standard deviations; NaN for missing days.

        `say(start, steps)` forecasts (mean and standard deviation) the days of the grid number `start` and on from those before.
        """
        actual, week = self.on_grid(self.adjusted), len(self.weekdays)
        starts = range(max(len(actual) // 3, len(actual) - ERROR_WEEKS * week), len(actual) - week + 1, week)
        found = []
        for start in starts:
            mean, deviation = say(start, week)
            found.append(self.optimism * (actual[start : start + week] - mean) / deviation)
        return np.concatenate(found) if found else np.empty(0)

    def steps_to(self, periods: Dates) -> Integers:
        """Return how many steps of the grid each day lies after its end; a day of a weekday never open is as far as the next one."""
        if not len(periods):
            return np.empty(0, dtype=np.int64)
        coming = self._open_days(periods[-1] + 8)
        return np.asarray(np.searchsorted(coming, periods) + 1, dtype=np.int64)

    def ahead(self, steps: int) -> Dates:
        """Return the next days of the grid."""
        return self._open_days(self.grid[-1] + 7 * steps + 8)[:steps]

    def _open_days(self, before: np.datetime64) -> Dates:
        every = np.arange(self.grid[-1] + 1, before)
        return every[np.isin(_weekday(every), self.weekdays)]


def _run_lengths(signs: Floats) -> Integers:
    """Return of each day how many equal ones stand together."""
    starts = np.flatnonzero(np.r_[True, signs[1:] != signs[:-1]])
    lengths = np.diff(np.r_[starts, len(signs)])
    return np.asarray(np.repeat(lengths, lengths), dtype=np.int64)


def _weekday(days: Dates) -> Integers:
    numbers: Integers = (days.astype(np.int64) + 3) % 7
    return numbers
