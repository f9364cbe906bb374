"""Regression with ARIMA errors for days: calendar terms explain, an ARIMA process carries on what they leave. Pure.

What is decided here: which terms enter. The order is searched for in `forecast.models.arima.search` (AutoARIMA) or fixed (SARIMAX), the mathematics are
in `forecast.models.arima.regression`. Holidays, their neighbours and events come in with the effects that `forecast.days.effects` measured, drawn towards
what is usual: with one Christmas in the history, a free coefficient would be that day's noise. Place in the month and the year, which are
seen often, have free coefficients (Fourier terms; Young, Pedregal & Tych 1999, "Dynamic harmonic regression").
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from forecast.days.calendar import Calendar
from forecast.days.features import Integers, features, fourier
from forecast.models.arima.regression import Order, Regression, fit, restored
from forecast.models.arima.search import search
from forecast.models.base import Forecast
from forecast.models.days.history import DayHistory
from forecast.models.days.spread import day_forecast, shape_of
from forecast.models.saved import pack, pack_counts, unpack, unpack_counts
from forecast.series.counts import Counts, Dates, Floats

MONTH_ORDER = 2
YEAR_ORDER = 2
YEARLY_DAYS = 600
"""From so many days between first and last on, a season of the year is told from a trend."""
LEAST_NOISE = 1e-3
SARIMAX = (1, 1, 1, 1, 0, 0)
"""The fixed order (p, d, q, P, D, Q): a level that moves, with a short memory, and an echo of the same weekday."""


@dataclass(frozen=True, kw_only=True)
class DayRegression:
    """ARIMA of days with calendar terms."""

    name: str = "arima"
    order: tuple[int, int, int, int, int, int] | None = None
    """(p, d, q, P, D, Q) with the week as season; None: the search decides."""
    window_days: int = 900
    limit: int = 25
    """So many orders are tried."""

    def fit(self, history: Counts, calendar: Calendar) -> "FittedRegression":
        known = DayHistory.of(history, calendar, self.window_days)
        periods, values = known.grid, known.on_grid(known.tamed)
        weekdays = known.weekdays
        yearly = bool((periods[-1] - periods[0]).astype(np.int64) >= YEARLY_DAYS)
        inner = self._inner(values, _terms(periods, weekdays, yearly=yearly), len(weekdays))
        return FittedRegression(model=self, history=known, inner=inner, terms=np.array([*weekdays, yearly]))

    def load(self, saved: bytes, calendar: Calendar) -> "FittedRegression":
        header, arrays = unpack(self.name, saved)
        history = DayHistory(counts=unpack_counts(header, arrays), calendar=calendar, newest=arrays["newest"])
        inner = restored({name[4:]: array for name, array in arrays.items() if name.startswith("fit_")})
        return FittedRegression(model=self, history=history, inner=inner, terms=arrays["terms"])

    def _inner(self, values: Floats, exog: Floats, week: int) -> Regression:
        if self.order is None:
            return search(
                values, exog, period=week, d=None, seasonal_d=0, max_size=4, limit=self.limit, finalists=1
            ).best
        p, d, q, seasonal_p, seasonal_d, seasonal_q = self.order
        order = Order(
            p=p, d=d, q=q, seasonal_p=seasonal_p, seasonal_d=seasonal_d, seasonal_q=seasonal_q, period=max(week, 2), constant=d == 0
        )  # fmt: skip
        return fit(values, exog, order, exact=False)


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedRegression:
    """The fitted process, and the history with its effects."""

    model: DayRegression
    history: DayHistory
    inner: Regression
    terms: Integers
    """The weekdays of the terms as the fit saw them and, last, 1 if a season of the year is among them."""

    @property
    def _weekdays(self) -> Integers:
        return self.terms[:-1]

    @property
    def _yearly(self) -> bool:
        return bool(self.terms[-1])

    def predict(self, periods: Dates) -> Forecast:
        coming = self.history.coming(periods)
        steps = self.history.steps_to(periods)
        ahead = self.history.ahead(int(steps.max(initial=1)))
        middle, spread = self.inner.predict(_terms(ahead, self._weekdays, yearly=self._yearly), len(ahead))
        mean = middle[steps - 1] + self.history.effects.of(coming)
        noise = max(self.inner.variance, LEAST_NOISE**2)
        deviation = np.maximum(spread[steps - 1], LEAST_NOISE)
        return day_forecast(
            periods, self.history.effects.scale, mean, deviation, self._shape, noise=noise,
            model=self.model.name,
        )  # fmt: skip

    @cached_property
    def _shape(self) -> Floats:
        """From a week ahead, past weeks: residuals one step ahead are too small for it, and know nothing of days brought near."""

        def say(start: int, steps: int) -> tuple[Floats, Floats]:
            before = replace(self.inner, y=self.inner.y[:start], exog=self.inner.exog[:start])
            middle, spread = before.predict(self.inner.exog[start : start + steps], steps)
            return middle, np.maximum(spread, LEAST_NOISE)

        return shape_of(self.history.week_errors(say))

    def update(self, more: Counts) -> "FittedRegression":
        history = self.history.extended(more, self.model.window_days)
        periods, values = history.grid, history.on_grid(history.tamed)
        exog = _terms(periods, self._weekdays, yearly=self._yearly)
        return replace(self, history=history, inner=replace(self.inner, y=values, exog=exog))

    def save(self) -> bytes:
        header, arrays = pack_counts(self.history.counts)
        kept = {f"fit_{name}": array for name, array in self.inner.saved().items()}
        return pack(self.model.name, header, {**arrays, **kept, "newest": self.history.newest, "terms": self.terms})


def _terms(periods: Dates, weekdays: Integers, *, yearly: bool) -> Floats:
    """Return the regressors (P, K): weekdays but one, Fourier terms of the month and, with enough history, of the year."""
    days = features(periods, Calendar())
    week = (days.weekday[:, None] == weekdays[None, 1:]).astype(np.float64)
    parts = [week, fourier(days.month_part, MONTH_ORDER)]
    if yearly:
        parts.append(fourier(days.year_part, YEAR_ORDER))
    return np.hstack(parts)
