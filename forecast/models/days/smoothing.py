"""Exponential smoothing of days, ETS(A,Ad,A), on what holidays and events leave. Pure.

    y = l + phi b + s + e,    l' = l + phi b + alpha e,    b' = phi b + beta e,    s' = s + gamma e

on the logarithm or root of the calls (Hyndman et al. 2008, Forecasting with Exponential Smoothing, sections 2.5 and 3.2). The parameters are the
best of a grid by the squares of the one-step errors; all points of the grid are run at once, day by day, which takes no longer than one. A
missing day has no error and moves nothing. The season starts at the weekdays' medians, the level at that of the first weeks.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forecast.days.calendar import Calendar
from forecast.days.features import Integers, features
from forecast.models.base import Forecast
from forecast.models.days.history import DayHistory
from forecast.models.days.spread import day_forecast, shape_of
from forecast.models.saved import pack, pack_counts, unpack, unpack_counts
from forecast.series.counts import Counts, Dates, Floats

ALPHAS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.55, 0.75)
BETAS = (0.0, 0.01, 0.05)
GAMMAS = (0.0, 0.03, 0.08, 0.15, 0.3)
DAMPING = 0.95
LEAST_NOISE = 1e-3
FAR_ERROR = 4.0
"""An error of more robust deviations than this moves the states no further: an outage is no new level."""


@dataclass(frozen=True, kw_only=True)
class DaySmoothing:
    """Exponential smoothing with a damped trend and a week."""

    name: str = "ets"
    window_days: int = 730

    def fit(self, history: Counts, calendar: Calendar) -> "FittedSmoothing":
        known = DayHistory.of(history, calendar, self.window_days)
        grid = np.array([(a, b, g) for a in ALPHAS for b in BETAS for g in GAMMAS if b <= a])
        errors = _run(known, grid).errors
        start = 2 * len(known.weekdays)
        squares = np.nanmean(errors[start:] ** 2, axis=0) if np.isfinite(errors[start:]).any() else np.zeros(len(grid))
        return FittedSmoothing(model=self, history=known, at=grid[int(np.argmin(squares))])

    def load(self, saved: bytes, calendar: Calendar) -> "FittedSmoothing":
        header, arrays = unpack(self.name, saved)
        counts = unpack_counts(header, arrays)
        history = DayHistory(counts=counts, calendar=calendar, newest=arrays["newest"])
        return FittedSmoothing(model=self, history=history, at=arrays["at"])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Run:
    """What smoothing leaves behind, for each point of the grid (G)."""

    level: Floats
    slope: Floats
    season: Floats
    """(7, G), by weekday."""
    errors: Floats
    """(P, G): one step ahead, NaN on missing days."""
    passed: tuple[tuple[Floats, Floats, Floats], ...]
    """Level, slope and season before each day; of a single point of the grid only."""


def _run(history: DayHistory, grid: Floats) -> _Run:
    periods, values = history.grid, history.on_grid(history.tamed)
    weekdays = (periods.astype(np.int64) + 3) % 7
    passed: list[tuple[Floats, Floats, Floats]] = []
    alpha, beta, gamma = grid.T
    known = values[np.isfinite(values)]
    far = FAR_ERROR * max(history.effects.noise, LEAST_NOISE)
    season = np.repeat(history.profile[:, None], len(grid), axis=1)
    level = np.full(len(grid), float(np.median(known[: 3 * len(history.weekdays)])))
    slope = np.zeros(len(grid))
    errors = np.full((len(periods), len(grid)), np.nan)
    for at, (weekday, value) in enumerate(zip(weekdays, values, strict=True)):
        if len(grid) == 1:
            passed.append((level, slope, season.copy()))
        level = level + DAMPING * slope
        slope = DAMPING * slope
        if not np.isfinite(value):
            continue
        error = value - level - season[weekday]
        errors[at] = error
        moved = np.clip(error, -far, far)
        level = level + alpha * moved
        slope = slope + beta * moved
        season[weekday] += gamma * moved
    return _Run(level=level, slope=slope, season=season, errors=errors, passed=tuple(passed))


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedSmoothing:
    """The parameters (alpha, beta, gamma), and the history that leads to the states."""

    model: DaySmoothing
    history: DayHistory
    at: Floats

    def predict(self, periods: Dates) -> Forecast:
        coming = self.history.coming(periods)
        steps = self.history.steps_to(periods)
        run = self._states
        mean = _ahead((run.level, run.slope, run.season), steps, coming.weekday) + self.history.effects.of(coming)
        deviation = np.sqrt(self._noise * self._growth(int(steps.max(initial=1)))[steps - 1])
        return day_forecast(
            periods, self.history.effects.scale, mean, deviation, self._shape, noise=self._noise, model=self.model.name
        )

    @cached_property
    def _noise(self) -> float:
        errors = self._states.errors[2 * len(self.history.weekdays) :, 0]
        errors = errors[np.isfinite(errors)]
        return max(float(np.mean(errors**2)) if len(errors) else self.history.effects.noise**2, LEAST_NOISE**2)

    @cached_property
    def _shape(self) -> Floats:
        weekdays = features(self.history.grid, Calendar()).weekday

        def say(start: int, steps: int) -> tuple[Floats, Floats]:
            ahead = np.arange(1, steps + 1)
            mean = _ahead(self._states.passed[start], ahead, weekdays[start : start + steps])
            return mean, np.sqrt(self._noise * self._growth(steps))

        return shape_of(self.history.week_errors(say))

    def update(self, more: Counts) -> "FittedSmoothing":
        history = self.history.extended(more, self.model.window_days)
        return FittedSmoothing(model=self.model, history=history, at=self.at)

    def save(self) -> bytes:
        header, arrays = pack_counts(self.history.counts)
        return pack(self.model.name, header, {**arrays, "newest": self.history.newest, "at": self.at})

    @cached_property
    def _states(self) -> _Run:
        return _run(self.history, self.at[None])

    def _growth(self, steps: int) -> Floats:
        """Return how the variance grows with the steps ahead: 1 + the sum of c_j^2 (Hyndman et al. 2008, table 6.1)."""
        alpha, beta, gamma = self.at
        ahead = np.arange(1, steps)
        part = alpha + beta * DAMPING * (1 - DAMPING**ahead) / (1 - DAMPING)
        part = part + gamma * (ahead % len(self.history.weekdays) == 0)
        grown: Floats = np.r_[1.0, 1.0 + np.cumsum(part**2)]
        return grown


def _ahead(states: tuple[Floats, Floats, Floats], steps: Integers, weekdays: Integers) -> Floats:
    """Return what states (of a single point of the grid) expect some steps ahead."""
    level, slope, season = states
    damped = DAMPING * (1 - DAMPING**steps) / (1 - DAMPING)
    mean: Floats = level[0] + damped * slope[0] + season[weekdays, 0]
    return mean
