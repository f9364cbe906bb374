"""Models of months: ARIMA with calendar terms, outliers and a scale chosen by test. Pure.

`MonthArima` serves under three names: `arima` (orders by a stepwise search), `sarimax` (the airline order, all calendar terms) and `arima_p1q`
(ARIMA(p,1,q) by AIC as in the source, without season and calendar).

The steps of a fit, in X-13's order (Findley et al. 1998, "New capabilities and methods of the X-12-ARIMA seasonal adjustment program"): scale by the
criterion under the airline model (0,1,1)(0,1,1)12, calendar terms likewise, outliers, then the order. Only the last ten years are learnt from: what is
older says little about how the festival and working days count today (with these terms, ten years were better in January and February of Chinese trade before 2009
than all and than seven; with the festival alone, all the years were no worse).
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from forecast.days.calendar import Calendar
from forecast.models.arima.outliers import Outlier, detect, steps
from forecast.models.arima.regression import Order, Regression, fit, restored
from forecast.models.arima.search import Choice, Criterion, p1q, search, seasonal_difference, without
from forecast.models.base import CannotFit, Forecast
from forecast.models.baselines import refuse_past
from forecast.models.months.festival import WINDOW_SETS, Terms
from forecast.models.months.scale import SCALES, Scale, grid, shape
from forecast.models.saved import pack, unpack
from forecast.series.counts import Counts, Dates, Floats

YEAR = 12
LEAST_MONTHS = 24
"""With fewer known months there is no season to learn."""

TRIALS = 24
"""So many past months are forecast to see how wide honest intervals are."""

FAR_SCORE = 3.0
"""A trial counts as no further off than so many standard deviations: one crisis shall not widen the intervals for two years."""

PRIOR_TRIALS = 12.0
"""So many trials does the widening count that theory gives."""

Orders = Literal["search", "airline", "p1q"]


@dataclass(frozen=True, kw_only=True)
class MonthArima:
    """A regression of months with ARIMA errors."""

    name: str = "arima"
    orders: Orders = "search"
    calendar_terms: Literal["chosen", "all", "none"] = "chosen"
    outliers: bool = True
    memory: int = 120
    """So many months are learnt from at most."""
    criterion: Criterion = "bic"
    """Which criterion decides on the order: of short monthly histories BIC, as X-13's own search does (Gomez & Maravall 2001)."""

    def fit(self, history: Counts, calendar: Calendar) -> "FittedMonths":
        months, y = grid(history, calendar, self.memory)
        known = int(np.isfinite(y).sum())
        if known < LEAST_MONTHS:
            raise CannotFit(f"{known} known months are too few for ARIMA: {LEAST_MONTHS} are needed")
        seasonal = self.orders != "p1q"
        everything = widest_terms(calendar) if self.calendar_terms != "none" and seasonal else Terms()
        scale = choose_scale(y, everything.columns(months, calendar), seasonal=seasonal)
        z = scale.forth(y)
        terms = choose_terms(z, months, calendar) if self.calendar_terms == "chosen" and seasonal else everything
        rows = terms.columns(months, calendar)
        found = detect(z, rows, default_order(z, rows)) if self.outliers and seasonal else ()
        rows = np.column_stack([rows, steps(found, 0, len(z))])
        regression = self._ordered(z, rows).best
        return FittedMonths(
            model=self, calendar=calendar, months=months, scale=scale, terms=terms, outliers=found, regression=regression,
            wider=wider(regression),
        )  # fmt: skip

    def load(self, saved: bytes, calendar: Calendar) -> "FittedMonths":
        header, arrays = unpack(self.name, saved)
        return FittedMonths(
            model=self,
            calendar=calendar,
            months=arrays.pop("months"),
            scale=SCALES[header["scale"]],
            terms=Terms(
                length=header["length"], work=header["work"], windows=tuple((a, b) for a, b in header["windows"])
            ),
            outliers=tuple(Outlier(kind=kind, at=at) for kind, at in header["outliers"]),
            regression=restored(arrays),
            wider=header["wider"],
        )

    def _ordered(self, z: Floats, rows: Floats) -> Choice:
        if self.orders == "p1q":
            return p1q(z, rows, criterion=self.criterion)
        if self.orders == "search":
            return search(z, rows, period=YEAR, d=1, criterion=self.criterion)
        return Choice(best=fit(z, rows, default_order(z, rows)), candidates=())


def default_order(z: Floats, rows: Floats) -> Order:
    """Return the airline order; with a weak season its seasonal terms stay stationary."""
    strong = seasonal_difference(without(z, rows), YEAR)
    return Order(d=1, q=1, seasonal_p=1 - strong, seasonal_d=strong, seasonal_q=1, period=YEAR)


def widest_terms(calendar: Calendar) -> Terms:
    """Return all calendar terms that make sense with this calendar."""
    return Terms(length=True, work=True, windows=WINDOW_SETS[2] if calendar.spring_festivals else ())


def choose_terms(z: Floats, months: Dates, calendar: Calendar) -> Terms:
    """Return the calendar terms with the least AICc under the airline order, on the history only: the windows first, then length and work.

    The likelihood is exact: the conditional one takes the first value for the truth, and a regressor that happens to mend it would be chosen.
    """
    windows = WINDOW_SETS if calendar.spring_festivals else WINDOW_SETS[:1]
    full = widest_terms(calendar)
    order = default_order(z, full.columns(months, calendar))
    first = fit(z, full.columns(months, calendar), order)
    known = {full: first.aicc}

    def cost(terms: Terms) -> float:
        if terms not in known:
            known[terms] = fit(z, terms.columns(months, calendar), order, start=first.at).aicc
        return known[terms]

    best = min((replace(full, windows=some) for some in windows), key=cost)
    return min(
        (replace(best, length=length, work=work) for length in (False, True) for work in (False, True)), key=cost
    )


def choose_scale(y: Floats, rows: Floats, *, seasonal: bool) -> Scale:
    """Return the scale with the least AICc of the untransformed values under the airline order (the Jacobian counts)."""
    able = [scale for scale in SCALES.values() if scale.can(y)]
    order = default_order(SCALES["root"].forth(y), rows) if seasonal else Order(d=1, q=1)

    def cost(scale: Scale) -> float:
        return fit(scale.forth(y), rows, order).aicc - 2 * scale.jacobian(y[order.lost :]) + scale.handicap

    return min(able, key=cost)


@dataclass(frozen=True, kw_only=True)
class FittedMonths:
    """A regression of months that has learnt."""

    model: MonthArima
    calendar: Calendar = field(repr=False)
    months: Dates
    """(N,): every month of the history, known or not."""
    scale: Scale
    terms: Terms
    outliers: tuple[Outlier, ...]
    regression: Regression
    wider: float = 1.0
    """How much larger the errors of honest forecasts are than the model says."""

    def predict(self, periods: Dates) -> Forecast:
        refuse_past(periods, self.months)
        ahead = steps_ahead(periods, self.months[-1])
        most = int(ahead.max(initial=0))
        future = next_months(self.months[-1], most)
        center, deviation = self.regression.predict(self._rows(future, len(self.months)), most)
        chosen = ahead - 1
        mean, quantiles = self.scale.spread(center[chosen], self.wider * deviation[chosen], self._shape)
        return Forecast(periods=periods, mean=mean[:, None], quantiles=quantiles[:, :, None], model=self.model.name)

    def update(self, more: Counts) -> "FittedMonths":
        if not len(more.periods):
            return self
        refuse_past(more.periods, self.months)
        months, y = grid(more, self.calendar, after=self.months[-1])
        regression = self.regression.extended(self.scale.forth(y), self._rows(months, len(self.months)))
        return replace(self, months=np.concatenate([self.months, months]), regression=regression)

    def save(self) -> bytes:
        header = {
            "scale": self.scale.name,
            "wider": self.wider,
            "length": self.terms.length,
            "work": self.terms.work,
            "windows": [list(window) for window in self.terms.windows],
            "outliers": [[found.kind, found.at] for found in self.outliers],
        }
        return pack(self.model.name, header, {"months": self.months, **self.regression.saved()})

    def _rows(self, months: Dates, first: int) -> Floats:
        return np.column_stack([self.terms.columns(months, self.calendar), steps(self.outliers, first, len(months))])

    @cached_property
    def _shape(self) -> Floats:
        """The quantiles (LEVELS) of one-step errors in units of their standard deviation."""
        rest = self.regression.residuals
        own = {found.at - self.regression.order.lost for found in self.outliers}
        kept = [value for index, value in enumerate(rest) if np.isfinite(value) and index not in own]
        return shape(
            np.array(kept) / np.sqrt(self.regression.variance) if self.regression.variance > 0 else np.zeros(0)
        )


def wider(regression: Regression) -> float:
    """Return by how much the errors one month ahead differ from what the model says: usually they are larger.

    What makes them larger is counted once each (Chatfield 1993, "Calculating interval forecasts"):

    * The coefficients are estimates. The variance has their degrees of freedom taken off, so that of a forecast is 1 + k/n times as large. The
      trials show it: each of the last months, with coefficients and variance from those before it. They are averaged with the theory, and may be smaller
      than the model says where the months have become calmer: with a lower limit the factor would be too large on average.
    * phi … Theta were estimated with the trials in sight. In sight the square of the error is 1 - q/n of the true one, of months to come 1 + q/n
      (Akaike 1969, the final prediction error): the trials are too good by the ratio.
    """
    scores = _trials(regression)
    n, q = regression.used, len(regression.at)
    expected = 1.0 + (regression.parameters - 1) / n
    seen = (float(np.square(scores).sum()) + PRIOR_TRIALS * expected) / (len(scores) + PRIOR_TRIALS)
    return float(np.sqrt(seen * (n + q) / (n - q)))


def _trials(regression: Regression) -> list[float]:
    """Return the errors one month ahead of the last months, in standard deviations of a forecast that knew the months before.

    The filter is exact: the conditional one begins with zeros, which makes the variance of a short history, the unit here, too large (by 15 % on
    the series of docs/models.md).
    """
    y, exog = regression.y, regression.exog
    scores = []
    for at in range(max(len(y) - TRIALS, regression.order.lost + regression.parameters + YEAR), len(y)):
        if not np.isfinite(y[at]):
            continue
        early = fit(y[:at], exog[:at], regression.order, start=regression.at, settled=True)
        center, deviation = early.predict(exog[at : at + 1], 1)
        if deviation[0] > 0:
            scores.append(min(abs(float(y[at] - center[0])) / float(deviation[0]), FAR_SCORE))
    return scores


def next_months(last: np.datetime64, count: int) -> Dates:
    """Return the first days of the `count` months after `last`."""
    return np.asarray((last.astype("datetime64[M]") + np.arange(1, count + 1)).astype("datetime64[D]"))


def steps_ahead(periods: Dates, last: np.datetime64) -> NDArray[np.int64]:
    """Return how many months after `last` each period is (1 is the next)."""
    return periods.astype("datetime64[M]").astype(np.int64) - int(last.astype("datetime64[M]").astype(np.int64))
