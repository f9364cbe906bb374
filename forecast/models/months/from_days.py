"""Months as sums of a model of days: for histories of under four years, where a model of months knows each month of the year only a few times. Pure.

What is decided here: which days of a month are open, how a month that has begun is put together of what is known and what is expected, and
the quantiles. Days are not independent (a wrong level is wrong every day), so the spread of a sum cannot be read from the spread of the days; it
is measured: the model goes back a year, learns month by month, and its sums are compared with what came, one to three months ahead.

The model of days differences (ARIMA(1,1,1) with the calendar's effects): over a month, a process that returns to the mean of all history is
wrong wherever the level has moved.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models.base import CannotFit, Fitted, Forecast, Model
from forecast.models.days.regression import DayRegression
from forecast.models.months.arima_of_months import steps_ahead
from forecast.models.months.festival import open_days
from forecast.models.months.scale import NORMAL
from forecast.models.saved import pack, unpack
from forecast.series.counts import Counts, Dates, Floats
from hotline.errors import Misuse

LEAST_DAYS = 56
TRIALS = 12
"""So many past months are forecast to measure the spread."""
TRIAL_DAYS = 240
"""The first trial has at least so many days to learn from."""
AHEAD = 3
SEEN_WEEKS = 8
"""A day of the week that was not seen for so long is closed."""
PRIOR_TRIALS = 4.0
PRIOR_SPREAD = 0.03
"""The relative error of a month that is assumed, and how many trials the assumption counts."""
PRIOR_GROWTH = 0.25
"""By how much of itself the variance is assumed to grow with each month more."""


def _day_model() -> DayRegression:
    return DayRegression(order=(1, 1, 1, 0, 0, 0))


@dataclass(frozen=True, kw_only=True)
class MonthsFromDays:
    """Sums of a model of days. It learns from counts of days and forecasts months."""

    name: str = "months-from-days"
    day: Model = field(default_factory=_day_model)

    def fit(self, history: Counts, calendar: Calendar) -> "FittedSums":
        if history.unit == "month":
            raise CannotFit("sums of days need a history of days")
        known = np.isfinite(history.values).all(axis=1)
        if int(known.sum()) < LEAST_DAYS:
            raise CannotFit(f"{int(known.sum())} known days are too few to forecast months: {LEAST_DAYS} are needed")
        recent = _kept(history)
        return FittedSums(
            model=self,
            calendar=calendar,
            inner=self.day.fit(history, calendar),
            recent=recent,
            spread=self._spread(history, calendar),
        )

    def load(self, saved: bytes, calendar: Calendar) -> "FittedSums":
        _, arrays = unpack(self.name, saved)
        recent = Counts(unit="day", periods=arrays["periods"], values=arrays["values"])
        inner = self.day.load(arrays["inner"].tobytes(), calendar)
        return FittedSums(model=self, calendar=calendar, inner=inner, recent=recent, spread=arrays["spread"])

    def _spread(self, history: Counts, calendar: Calendar) -> Floats:
        """Return the relative variance of a month's sum one month ahead, and by how much it grows with each month more (2,)."""
        squares = self._trials(history, calendar)
        known = [np.array([row[ahead] for row in squares if np.isfinite(row[ahead])]) for ahead in range(AHEAD)]
        first = (float(known[0].sum()) + PRIOR_TRIALS * PRIOR_SPREAD**2) / (len(known[0]) + PRIOR_TRIALS)
        weight = sum(len(some) for some in known[1:])
        slopes = [(float(some.mean()) - first) / ahead for ahead, some in enumerate(known) if ahead and len(some)]
        seen = max(float(np.mean(slopes)), 0.0) if slopes else 0.0
        growth = (weight * seen + PRIOR_TRIALS * PRIOR_GROWTH * first) / (weight + PRIOR_TRIALS)
        return np.array([first, growth])

    def _trials(self, history: Counts, calendar: Calendar) -> list[Floats]:
        """Return the squared relative errors (AHEAD,) of past forecasts; NaN where the month is not wholly known."""
        months = np.unique(history.periods.astype("datetime64[M]"))[1:]
        starts = np.searchsorted(history.periods, months.astype("datetime64[D]"))
        origins = [(month, at) for month, at in zip(months, starts, strict=True) if at >= TRIAL_DAYS][-TRIALS:]
        if not origins:
            return []
        at = int(origins[0][1])
        try:
            inner = self.day.fit(history.cut(0, at), calendar)
        except CannotFit:
            return []
        rows = []
        for month, stop in origins:
            inner = inner.update(history.cut(at, int(stop)))
            at = int(stop)
            rows.append(_errors(inner, history, at, month))
        return rows


def _errors(inner: Fitted, history: Counts, at: int, month: np.datetime64) -> Floats:
    """Return the squared relative errors of the sums of the AHEAD months from `month` on, the history before number `at` being known."""
    stop = int(np.searchsorted(history.periods, (month + AHEAD).astype("datetime64[D]")))
    days = history.periods[at:stop]
    mean = inner.predict(days).mean.sum(axis=1) if len(days) else np.zeros(0)
    came = history.values[at:stop].sum(axis=1)
    numbers = (days.astype("datetime64[M]") - month).astype(np.int64)
    made = np.full(AHEAD, np.nan)
    whole = (history.periods[-1] + 1).astype("datetime64[M]")
    for ahead in range(AHEAD):
        own = numbers == ahead
        known = own & np.isfinite(came)
        if month + ahead < whole and known.any() and mean[known].sum() > 0:
            made[ahead] = (came[known].sum() / mean[known].sum() - 1) ** 2
    return made


def _kept(history: Counts) -> Counts:
    """Return the days of the last weeks, which tell the open days and the month that has begun."""
    days = history.daily() if history.unit == "slot" else history
    first = int(np.searchsorted(days.periods, days.periods[-1] - 7 * SEEN_WEEKS))
    return days.cut(first, len(days.periods))


@dataclass(frozen=True, kw_only=True)
class FittedSums:
    """A model of days that has learnt, and how far off its sums were."""

    model: MonthsFromDays
    calendar: Calendar = field(repr=False)
    inner: Fitted
    recent: Counts
    """The days of the last weeks."""
    spread: Floats
    """(2,)"""

    def predict(self, periods: Dates) -> Forecast:
        last = self.recent.periods[-1]
        if len(periods) and periods[0].astype("datetime64[M]") < (last + 1).astype("datetime64[M]"):
            raise Misuse(f"{periods[0]} is not after the history, which ends with {last}")
        lists = [[day for day in self._open(month) if day > last] for month in periods]
        coming = np.array([day for days in lists for day in days], dtype="datetime64[D]")
        expected = self.inner.predict(coming).mean[:, 0] if len(coming) else np.zeros(0)
        ends = np.cumsum([0, *(len(days) for days in lists)])
        rest = np.array([expected[start:stop].sum() for start, stop in pairwise(ends)])
        mean = rest + np.array([self._known(month) for month in periods])
        ahead = np.maximum(steps_ahead(periods, last), 1)
        deviation = np.sqrt(self.spread[0] + self.spread[1] * (ahead - 1))
        quantiles = mean[None] + rest[None] * np.expm1(NORMAL[:, None] * deviation[None])
        return Forecast(
            periods=periods, mean=mean[:, None], quantiles=np.maximum(quantiles, 0.0)[:, :, None], model=self.model.name
        )

    def update(self, more: Counts) -> "FittedSums":
        if not len(more.periods):
            return self
        return replace(self, inner=self.inner.update(more), recent=_kept(self.recent.extended(more)))

    def save(self) -> bytes:
        inner = np.frombuffer(self.inner.save(), np.uint8)
        arrays = {"periods": self.recent.periods, "values": self.recent.values, "spread": self.spread, "inner": inner}
        return pack(self.model.name, {}, arrays)

    def _open(self, month: np.datetime64) -> list[np.datetime64]:
        """Return the open days of a month: not closed by the calendar, and of a weekday on which calls came lately."""
        seen = set(((self.recent.periods.astype(np.int64) + 3) % 7).tolist())
        days = np.array(open_days(month, self.calendar), dtype="datetime64[D]")
        return [day for day in days if (int(day.astype(np.int64)) + 3) % 7 in seen]

    def _known(self, month: np.datetime64) -> float:
        """Return what is known of a month that has begun."""
        own = self.recent.periods.astype("datetime64[M]") == month.astype("datetime64[M]")
        return float(np.nansum(self.recent.values[own]))
