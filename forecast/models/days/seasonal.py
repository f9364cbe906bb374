"""The mean of the last same weekdays with the measured effects of holidays and events. Pure.

The simplest model that knows a calendar: past days are freed of their effects, the last `weeks` same weekdays are averaged (more days than that
are older, not better: Taylor 2008), and the effects of the days to come are put on. Its quantiles come from what it would have said of past days.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models.base import Forecast
from forecast.models.days.history import DayHistory
from forecast.models.days.spread import day_forecast, shape_of
from forecast.models.saved import pack, pack_counts, unpack, unpack_counts
from forecast.series.counts import Counts, Dates, Floats

ERROR_DAYS = 250
LEAST_NOISE = 1e-3


@dataclass(frozen=True, kw_only=True)
class WeekdayEffects:
    """Same weekdays before, freed of holidays and with those to come."""

    name: str = "weekday-effects"
    weeks: int = 4
    window_days: int = 1_100
    """Three years: so long a holiday is remembered."""

    def fit(self, history: Counts, calendar: Calendar) -> "FittedWeekdays":
        return FittedWeekdays(model=self, history=DayHistory.of(history, calendar, self.window_days))

    def load(self, saved: bytes, calendar: Calendar) -> "FittedWeekdays":
        header, arrays = unpack(self.name, saved)
        counts = unpack_counts(header, arrays)
        return FittedWeekdays(model=self, history=DayHistory(counts=counts, calendar=calendar, newest=arrays["newest"]))


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedWeekdays:
    """The history; all else follows from it."""

    model: WeekdayEffects
    history: DayHistory

    def predict(self, periods: Dates) -> Forecast:
        coming = self.history.coming(periods)
        mean = self._middle(len(self.history.tamed))[coming.weekday] + self.history.effects.of(coming)
        noise = float(np.mean(self._errors**2)) if len(self._errors) else self.history.effects.noise**2
        noise = max(noise, LEAST_NOISE**2)
        shape = shape_of(self._errors / np.sqrt(noise))
        deviation = np.full(len(periods), np.sqrt(noise))
        return day_forecast(
            periods, self.history.effects.scale, mean, deviation, shape, noise=noise, model=self.model.name
        )

    def update(self, more: Counts) -> "FittedWeekdays":
        return FittedWeekdays(model=self.model, history=self.history.extended(more, self.model.window_days))

    def save(self) -> bytes:
        header, arrays = pack_counts(self.history.counts)
        return pack(self.model.name, header, {**arrays, "newest": self.history.newest})

    def _middle(self, until: int) -> Floats:
        """Return (7,) the mean of the last known same weekdays before day number `until`; the mean of the week where one was never seen."""
        values, weekdays = self.history.tamed[:until], self.history.days.weekday[:until]
        means = np.full(7, values[-7 * self.model.weeks :].mean())
        for weekday in np.unique(weekdays):
            means[weekday] = values[weekdays == weekday][-self.model.weeks :].mean()
        return means

    @cached_property
    def _errors(self) -> Floats:
        """The errors of a week of forecasts, every week."""
        values, weekdays = self.history.tamed, self.history.days.weekday
        week = len(self.history.weekdays)
        starts = range(max(2 * week, len(values) - ERROR_DAYS), len(values) - week + 1, week)
        found = [values[at : at + week] - self._middle(at)[weekdays[at : at + week]] for at in starts]
        return np.concatenate(found) if found else np.empty(0)
