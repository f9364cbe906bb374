"""Exponential smoothing of months, ETS(A,Ad,A), on what the calendar terms leave. Pure.

    z = l + phi b + s + e,    l' = l + phi b + alpha e,    b' = phi b + beta e,    s' = s + gamma e

on the logarithm, root or level of the calls (Hyndman et al. 2008, Forecasting with Exponential Smoothing, sections 2.5 and 6.2 for the variance). The
calendar's coefficients come from the airline regression of the same months. alpha, beta and gamma are the best of a grid by the squares of
the one-step errors; all points of the grid run at once, month by month. A missing month has no error and moves nothing.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models.arima.outliers import without_spikes
from forecast.models.arima.regression import fit
from forecast.models.base import CannotFit, Forecast
from forecast.models.baselines import refuse_past
from forecast.models.months.arima_of_months import (
    LEAST_MONTHS,
    YEAR,
    choose_scale,
    default_order,
    next_months,
    steps_ahead,
    widest_terms,
)
from forecast.models.months.festival import Terms
from forecast.models.months.scale import SCALES, Scale, grid, longer, shape
from forecast.models.saved import pack, unpack
from forecast.series.counts import Counts, Dates, Floats

ALPHAS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
BETAS = (0.0, 0.02, 0.05, 0.1, 0.2)
GAMMAS = (0.0, 0.03, 0.07, 0.12, 0.2, 0.3)
DAMPING = 0.95

FAR = 4.0
"""An error of more robust deviations than this moves the states no further: a spike is no new level."""

WIDER = 1.1
"""The parameters were chosen with these months in sight (calls of Cincinnati before 1968 and Chinese trade before 2009)."""


@dataclass(frozen=True, kw_only=True)
class MonthSmoothing:
    """Exponential smoothing with a damped trend and a year."""

    name: str = "ets"
    memory: int = 120

    def fit(self, history: Counts, calendar: Calendar) -> "FittedSmoothing":
        months, y = grid(history, calendar, self.memory)
        known = int(np.isfinite(y).sum())
        if known < LEAST_MONTHS:
            raise CannotFit(f"{known} known months are too few for exponential smoothing: {LEAST_MONTHS} are needed")
        terms = widest_terms(calendar)
        rows = terms.columns(months, calendar)
        scale = choose_scale(y, rows, seasonal=True)
        y = without_spikes(y, scale.forth(y), rows, default_order(scale.forth(y), rows))
        z = scale.forth(y)
        effects = fit(z, rows, default_order(z, rows), exact=False).beta
        points = np.array([(a, b, g) for a in ALPHAS for b in BETAS for g in GAMMAS if b <= a and g <= 1 - a])
        errors = _run(z - rows @ effects, points).errors[YEAR:]
        squares = np.nanmean(errors**2, axis=0)
        return FittedSmoothing(
            model=self, calendar=calendar, months=months, y=y, scale=scale, terms=terms, effects=effects,
            at=points[int(np.argmin(squares))],
        )  # fmt: skip

    def load(self, saved: bytes, calendar: Calendar) -> "FittedSmoothing":
        header, arrays = unpack(self.name, saved)
        windows = tuple((first, last) for first, last in header["windows"])
        return FittedSmoothing(
            model=self, calendar=calendar, scale=SCALES[header["scale"]],
            terms=Terms(length=header["length"], work=header["work"], windows=windows), **arrays,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class _Run:
    """What smoothing leaves behind, for each point of the grid (G)."""

    level: Floats
    slope: Floats
    season: Floats
    """(12, G): by the number of the month in the history, modulo 12."""
    errors: Floats
    """(N, G): one step ahead, NaN for missing months."""


def _run(z: Floats, points: Floats) -> _Run:
    alpha, beta, gamma = points.T
    profile, start, far = _start(z)
    season = np.repeat(profile[:, None], len(points), axis=1)
    level = np.full(len(points), start)
    slope = np.zeros(len(points))
    errors = np.full((len(z), len(points)), np.nan)
    for at, value in enumerate(z):
        level = level + DAMPING * slope
        slope = DAMPING * slope
        if not np.isfinite(value):
            continue
        error = value - level - season[at % YEAR]
        errors[at] = error
        moved = np.clip(error, -far, far)
        level = level + alpha * moved
        slope = slope + beta * moved
        season[at % YEAR] += gamma * moved
    return _Run(level=level, slope=slope, season=season, errors=errors)


def _start(z: Floats) -> tuple[Floats, float, float]:
    """Return the season (12,) and level to begin with, and how large an error may be: from the differences to a running mean of a year."""
    weights = np.r_[0.5, np.ones(YEAR - 1), 0.5] / YEAR
    known = np.isfinite(z)
    filled = np.interp(np.arange(len(z)), np.flatnonzero(known), z[known])
    middle = np.convolve(filled, weights, mode="valid")
    trend = np.r_[np.full(YEAR // 2, middle[0]), middle, np.full(YEAR // 2, middle[-1])]
    rest = np.where(known, z - trend, np.nan)
    profile = np.array([_median(rest[phase::YEAR]) for phase in range(YEAR)])
    profile -= profile.mean()
    left = rest - profile[np.arange(len(z)) % YEAR]
    return profile, float(trend[0]), FAR * 1.483 * max(_median(np.abs(left)), 1e-9)


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else 0.0


@dataclass(frozen=True, kw_only=True)
class FittedSmoothing:
    """The parameters (alpha, beta, gamma), and the months that lead to the states."""

    model: MonthSmoothing
    calendar: Calendar = field(repr=False)
    months: Dates
    y: Floats
    scale: Scale
    terms: Terms
    effects: Floats
    at: Floats

    def predict(self, periods: Dates) -> Forecast:
        refuse_past(periods, self.months)
        ahead = steps_ahead(periods, self.months[-1])
        run = self._states
        rows = self.terms.columns(next_months(self.months[-1], int(ahead.max(initial=0))), self.calendar)[ahead - 1]
        damped = DAMPING * (1 - DAMPING**ahead) / (1 - DAMPING)
        phases = (len(self.months) + ahead - 1) % YEAR
        center = run.level[0] + damped * run.slope[0] + run.season[phases, 0] + rows @ self.effects
        errors = self._errors
        noise = float(np.mean(errors**2)) if len(errors) else 0.0
        estimated = len(self.effects) + len(self.at) + YEAR
        # Akaike's final prediction error (1969): the errors of months that were learnt from are smaller than those to come.
        noise *= (len(errors) + estimated) / max(len(errors) - estimated, estimated)
        deviation = WIDER * np.sqrt(noise * self._growth(int(ahead.max(initial=1)))[ahead - 1])
        root = float(np.sqrt(np.mean(errors**2))) if len(errors) else 0.0
        mean, quantiles = self.scale.spread(center, deviation, shape(errors / root if root > 0 else np.zeros(0)))
        return Forecast(periods=periods, mean=mean[:, None], quantiles=quantiles[:, :, None], model=self.model.name)

    def update(self, more: Counts) -> "FittedSmoothing":
        months, y = longer(self.months, self.y, more, self.calendar)
        return replace(self, months=months, y=y)

    def save(self) -> bytes:
        header = {
            "scale": self.scale.name, "length": self.terms.length, "work": self.terms.work,
            "windows": [list(window) for window in self.terms.windows],
        }  # fmt: skip
        return pack(
            self.model.name, header, {"months": self.months, "y": self.y, "effects": self.effects, "at": self.at}
        )

    @cached_property
    def _states(self) -> _Run:
        rows = self.terms.columns(self.months, self.calendar)
        return _run(self.scale.forth(self.y) - rows @ self.effects, self.at[None])

    @cached_property
    def _errors(self) -> Floats:
        errors = self._states.errors[YEAR:, 0]
        return errors[np.isfinite(errors)]

    def _growth(self, steps: int) -> Floats:
        """Return the variance ahead over that of one step: 1 + the squares of what an error leaves in later months."""
        alpha, beta, gamma = self.at
        lags = np.arange(1, steps)
        damped = DAMPING * (1 - DAMPING**lags) / (1 - DAMPING)
        left = alpha + beta * damped + gamma * (lags % YEAR == 0)
        return np.asarray(1.0 + np.r_[0.0, np.cumsum(left**2)])
