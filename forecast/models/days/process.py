"""Days as a sum of effects of unknown size, each drawn towards nothing (a Gaussian process). Pure.

What it decides: how many call on a day, from weekday, place in the month and year, holidays and their neighbours, own events, and levels that
move quickly and slowly. It is made for 100 to 1,400 days with few holidays in them.

Theory (Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, chapters 2 and 5): the scaled calls are a sum of independent
components, each with mean 0 and a covariance between any two days. Then the calls to come are normal given those known, with mean and variance by
linear algebra alone, and nothing has to be fitted but the size (variance) of each component: by the marginal likelihood, with its analytic
gradient, and a prior that keeps a size within reason while there is little history. Sizes of what is rare (holidays and their
neighbours, the Spring Festival) are not estimated but assumed (`forecast.days.sizes`): three holidays say little about the size of holidays in general.
That pools: what a holiday did is expected of the next one of another name, in part.

A day that nothing explains (an outage, an election) must not move the level: noise is Student's t with `FREEDOM` degrees, in the form of
weights found by iteration (West 1984, "Outlier models and prior distributions in Bayesian linear regression").

The quantiles are calibrated by the past: the factor L of the covariance holds the forecasts of every past week from what was known before it (the rows of L
below a block are the regression on that block), so the errors a week ahead cost nothing more. The sizes were found on the same weeks, which makes these errors a little too small.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from forecast.days.calendar import Calendar
from forecast.days.features import Features, Integers, features
from forecast.days.scale import Scale, scale_of
from forecast.models.base import Forecast
from forecast.models.baselines import refuse_past
from forecast.models.days.covariance import OF_DAYS, OF_LAG, by_lag, covariance_of, fixed, lags_of, variances_of
from forecast.models.days.history import known_days, learnable
from forecast.models.days.spread import day_forecast, shape_of
from forecast.models.saved import pack, pack_counts, unpack, unpack_counts
from forecast.series.counts import Counts, Dates, Floats
from hotline.errors import Misuse

FREEDOM = 10.0
BLOCK_DAYS = 5
"""Past forecasts reach so many days ahead: a week of open days."""
BLOCKS = 30
JITTER = 1e-6
NOISE_SIZE = 0.05
SIZE_PRIOR = 2.0
"""The standard deviation of the logarithm of a component's variance around the plausible one."""


@dataclass(frozen=True, kw_only=True)
class DayProcess:
    """A Gaussian process of days."""

    name: str = "process"
    window_days: int = 900
    """So many of the newest days are learnt from: two and a half years show a season twice; the work grows with the third power."""
    search_days: int = 300
    """So many of them are looked at to find the sizes."""
    steps: int = 25
    rounds: int = 3
    """How often the weights of unexplained days are found anew."""

    def fit(self, history: Counts, calendar: Calendar) -> "FittedProcess":
        known = learnable(history, calendar, self.window_days)
        scale = scale_of(known.values)
        data = _Data(scale.learn(known.values[:, 0]), features(known.periods, calendar))
        sizes = _start()
        weights = np.ones(len(known.periods))
        for turn in range(self.rounds):
            recent = data.newest(self.search_days)
            sizes = _search(recent, sizes, weights[-len(recent.values) :], self.steps if turn == 0 else self.steps // 3)
            weights = _weights(data, sizes, weights)
        return FittedProcess(
            model=self,
            history=known,
            calendar=calendar,
            scale=scale,
            sizes=sizes,
            weights=weights,
            newest=history.periods[-1:],
        )

    def load(self, saved: bytes, calendar: Calendar) -> "FittedProcess":
        header, arrays = unpack(self.name, saved)
        try:
            scale = Scale(kind=header["scale"], middle=header["middle"])
            return FittedProcess(
                model=self, history=unpack_counts(header, arrays), calendar=calendar, scale=scale, sizes=arrays["sizes"],
                weights=arrays["weights"], newest=arrays["newest"],
            )  # fmt: skip
        except KeyError as exc:
            raise Misuse(f"a saved model of days without {exc}") from exc


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedProcess:
    """The sizes of the components, and the days they are applied to."""

    model: DayProcess
    history: Counts
    """The known days only."""
    calendar: Calendar
    scale: Scale
    sizes: Floats
    """Logarithms of the variances of OF_LAG, OF_DAYS and, last, of the noise."""
    weights: Floats
    """(P,): 1 for an ordinary day, less for one that nothing explains."""
    newest: Dates
    """(1,): the last day of the history, known or not."""

    def predict(self, periods: Dates) -> Forecast:
        refuse_past(periods, self.newest)
        coming = features(periods, self.calendar)
        data, factor = self._data, self._factor
        cross = factor.forward(covariance_of(coming, data.days, self.sizes).T)
        mean = data.middle + cross.T @ factor.white
        variance = variances_of(coming, self.sizes) - (cross**2).sum(axis=0) + np.exp(self.sizes[-1])
        deviation = np.sqrt(np.maximum(variance, JITTER))
        return day_forecast(
            periods,
            self.scale,
            mean,
            deviation,
            self._shape,
            noise=float(np.exp(self.sizes[-1])),
            model=self.model.name,
        )

    def update(self, more: Counts) -> "FittedProcess":
        newest = more.periods[-1:] if len(more.periods) else self.newest
        fresh = known_days(more, self.calendar)
        kept = self.history.extended(fresh)
        first = max(0, len(kept.periods) - self.model.window_days)
        kept = kept.cut(first, len(kept.periods))
        weights = np.concatenate([self.weights, np.ones(len(fresh.periods))])[first:]
        data = _Data(self.scale.learn(kept.values[:, 0]), features(kept.periods, self.calendar))
        return replace(self, history=kept, newest=newest, weights=_weights(data, self.sizes, weights))

    def save(self) -> bytes:
        header, arrays = pack_counts(self.history)
        header |= {"scale": self.scale.kind, "middle": self.scale.middle}
        arrays |= {"sizes": self.sizes, "weights": self.weights, "newest": self.newest}
        return pack(self.model.name, header, arrays)

    @cached_property
    def _data(self) -> "_Data":
        return _Data(self.scale.learn(self.history.values[:, 0]), features(self.history.periods, self.calendar))

    @cached_property
    def _factor(self) -> "_Factor":
        return _Factor.of(self._data, self.sizes, self.weights)

    @cached_property
    def _shape(self) -> Floats:
        return shape_of(self._factor.past_errors(np.exp(self.sizes[-1]), self.weights))


class _Data:
    """Scaled values of known days, around their median, and the days."""

    def __init__(self, values: Floats, days: Features) -> None:
        self.middle = float(np.median(values))
        self.values = values - self.middle
        self.days = days

    def newest(self, count: int) -> "_Data":
        cut = _Data(self.values[-count:] + self.middle, self.days.cut(max(0, len(self.values) - count)))
        cut.values, cut.middle = self.values[-count:], self.middle
        return cut


@dataclass(frozen=True, eq=False)
class _Factor:
    """The Cholesky factor L of the covariance of the known days, and L^-1 of their values."""

    lower: Floats
    white: Floats

    @staticmethod
    def of(data: _Data, sizes: Floats, weights: Floats) -> "_Factor":
        covariance = covariance_of(data.days, data.days, sizes)
        covariance[np.diag_indices_from(covariance)] += np.exp(sizes[-1]) / weights + JITTER
        lower: Floats = np.asarray(np.linalg.cholesky(covariance))
        return _Factor(lower, _forward(lower, data.values))

    def forward(self, right: Floats) -> Floats:
        return _forward(self.lower, right)

    def past_errors(self, noise: float, weights: Floats) -> Floats:
        """Return the errors of forecasts of past weeks from what came before each, in their standard deviations.

        With L = [[A, 0], [B, C]] and white = (v, w): the later days are expected to be B v with covariance C C', and are B v + C w.
        """
        count = len(self.white)
        found = []
        for start in range(max(count // 2, count - BLOCKS * BLOCK_DAYS), count - BLOCK_DAYS + 1, BLOCK_DAYS):
            block = slice(start, start + BLOCK_DAYS)
            inner = self.lower[block, block]
            variance = (inner**2).sum(axis=1) - noise / weights[block] + noise
            found.append((inner @ self.white[block]) / np.sqrt(np.maximum(variance, JITTER)))
        return np.concatenate(found) if found else np.empty(0)


def _forward(lower: Floats, right: Floats) -> Floats:
    from scipy.linalg import solve_triangular

    return np.asarray(solve_triangular(lower, right, lower=True, check_finite=False))


def _start() -> Floats:
    sizes = np.array([*(one.size for one in OF_LAG), *(one.size for one in OF_DAYS), NOISE_SIZE], dtype=np.float64)
    return np.asarray(2 * np.log(sizes))


def _search(data: _Data, start: Floats, weights: Floats, steps: int) -> Floats:
    """Return the sizes of the greatest marginal likelihood, with their prior."""
    from scipy.optimize import minimize

    evidence = _Evidence.of(data, weights)
    bounds = [(middle - 4 * SIZE_PRIOR, middle + 4 * SIZE_PRIOR) for middle in evidence.prior]
    found = minimize(evidence.cost, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": steps})
    return np.asarray(found.x)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Evidence:
    """What the sizes are judged by."""

    fixed: Floats
    lags: Integers
    by_lag: Floats
    of_days: tuple[Floats, ...]
    values: Floats
    weights: Floats
    prior: Floats

    @staticmethod
    def of(data: _Data, weights: Floats) -> "_Evidence":
        days = data.days
        lags = lags_of(days, days)
        return _Evidence(
            fixed=fixed(days, days),
            lags=lags,
            by_lag=by_lag(int(lags.max())),
            of_days=tuple(one.covariance(days, days) for one in OF_DAYS),
            values=data.values,
            weights=weights,
            prior=_start(),
        )

    def cost(self, sizes: Floats) -> tuple[float, Floats]:
        """Return minus the logarithm of the posterior of the sizes and its gradient (Rasmussen & Williams, equation 5.9)."""
        from scipy.linalg import cho_solve

        variances = np.exp(sizes)
        covariance = self.fixed + (variances[: len(OF_LAG)] @ self.by_lag)[self.lags]
        for variance, part in zip(variances[len(OF_LAG) :], self.of_days, strict=False):
            covariance += variance * part
        covariance[np.diag_indices_from(covariance)] += variances[-1] / self.weights + JITTER
        lower = np.linalg.cholesky(covariance)
        inverse = cho_solve((lower, True), np.eye(len(self.values)), check_finite=False)
        solved = inverse @ self.values
        slope = inverse - np.outer(solved, solved)
        summed = np.bincount(self.lags.ravel(), weights=slope.ravel(), minlength=self.by_lag.shape[1])
        of_days = [np.vdot(slope, part) for part in self.of_days]
        gradient = np.r_[self.by_lag @ summed, of_days, (np.diag(slope) / self.weights).sum()]
        off = (sizes - self.prior) / SIZE_PRIOR
        cost = 0.5 * self.values @ solved + np.log(np.diag(lower)).sum() + 0.5 * off @ off
        return float(cost), 0.5 * variances * gradient + off / SIZE_PRIOR


def _weights(data: _Data, sizes: Floats, weights: Floats) -> Floats:
    """Return the weights of Student's t for the errors that these sizes leave."""
    noise = float(np.exp(sizes[-1]))
    factor = _Factor.of(data, sizes, weights)
    from scipy.linalg import solve_triangular

    solved = solve_triangular(factor.lower, factor.white, lower=True, trans="T", check_finite=False)
    left = noise / weights * solved
    found = (FREEDOM + 1) / (FREEDOM + left**2 / noise)
    return np.asarray(np.minimum(found / np.median(found), 1.0))
