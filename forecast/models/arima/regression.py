"""Regression with seasonal ARIMA errors: one order, fitted by maximum likelihood, forecast with its uncertainty. Pure.

    y_t = b'x_t + n_t,    phi(L) Phi(L^s) (1-L)^d (1-L^s)^D n_t = theta(L) Theta(L^s) e_t

Which order is taken is decided in `forecast.models.arima.search`; what the regressors are, by the models of days and months.

Theory: y and every regressor are differenced alike, so that n is an ARMA process. For given phi … Theta the same linear filter makes its errors
independent; applied to y and to each regressor it leaves an ordinary least-squares problem for b, whose residual variance enters the likelihood
(b and the variance are concentrated out: only phi … Theta are searched for). The exact filter is the innovations algorithm (Brockwell & Davis,
Time Series: Theory and Methods, sections 5.2 and 8.7), of statsmodels; the conditional one starts with zeros and is some ten times as
fast. phi … Theta are written as partial autocorrelations tanh(x) (Barndorff-Nielsen & Schou 1973; Jones 1980), so that every x is stationary and
invertible. A missing value gets a regressor of its own (1 there, 0 elsewhere) and the likelihood the determinant that integrates it out (Gomez,
Maravall & Pena 1999): as exact as the Kalman filter, which is not needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from forecast.models.arima.likelihood import (
    continued,
    cost,
    difference,
    minimise,
    psi,
    solve,
    volume,
    whiten,
    with_gaps,
)
from forecast.models.base import CannotFit
from forecast.series.counts import Floats
from hotline.errors import Misuse

LARGEST = 0.995
"""No partial autocorrelation is larger: the limit keeps a root from the unit circle, where the likelihood is flat and the filter unstable."""


@dataclass(frozen=True, kw_only=True, order=True)
class Order:
    """The order of a seasonal ARIMA model."""

    p: int = 0
    d: int = 0
    q: int = 0
    seasonal_p: int = 0
    seasonal_d: int = 0
    seasonal_q: int = 0
    period: int = 1
    """The length of the season in steps; 1: none."""
    constant: bool = False
    """Whether there is a mean (no differencing) or a drift (one difference)."""

    def __str__(self) -> str:
        text = f"({self.p},{self.d},{self.q})"
        if self.period > 1:
            text += f"({self.seasonal_p},{self.seasonal_d},{self.seasonal_q}){self.period}"
        return text + ("+c" if self.constant else "")

    @property
    def lost(self) -> int:
        """How many values the differencing costs."""
        return self.d + self.seasonal_d * self.period

    @property
    def arma(self) -> tuple[int, int, int, int]:
        """p, q, P, Q."""
        return (self.p, self.q, self.seasonal_p, self.seasonal_q)

    def differencing(self) -> Floats:
        """Return (1-L)^d (1-L^s)^D as coefficients, lag 0 first."""
        polynomial = np.ones(1)
        for lag, times in ((1, self.d), (self.period, self.seasonal_d)):
            for _ in range(times):
                polynomial = np.convolve(polynomial, np.r_[1.0, np.zeros(lag - 1), -1.0])
        return polynomial

    def polynomials(self, at: Floats) -> tuple[Floats, Floats]:
        """Return the AR and the MA polynomial (lag 0 first, without the differencing) of the free parameters `at`."""
        parts: list[Floats] = []
        start = 0
        for size in self.arma:
            parts.append(_coefficients(at[start : start + size]))
            start += size
        p, q, seasonal_p, seasonal_q = parts
        ar = _product(_spread(-p, 1), _spread(-seasonal_p, self.period))
        return ar, _product(_spread(-q, 1), _spread(-seasonal_q, self.period))


def _spread(coefficients: Floats, period: int) -> Floats:
    polynomial = np.zeros(len(coefficients) * period + 1)
    polynomial[0] = 1.0
    polynomial[period::period] = coefficients
    return polynomial


def _product(left: Floats, right: Floats) -> Floats:
    return left if len(right) == 1 else right if len(left) == 1 else np.convolve(left, right)


def _coefficients(free: Floats) -> Floats:
    """Return coefficients (of a stationary AR or an invertible MA) from free numbers, by the Durbin-Levinson recursion."""
    made = LARGEST * np.tanh(free)
    for size, partial in enumerate(made.tolist()):
        made[:size] = made[:size] - partial * made[:size][::-1]
    return np.asarray(made)


@dataclass(frozen=True, kw_only=True, eq=False)
class Regression:
    """A fitted regression with ARIMA errors."""

    order: Order
    at: Floats
    """The free parameters (p + q + P + Q)."""
    beta: Floats
    """(K,): one coefficient per regressor."""
    drift: float
    """The mean or drift; 0 without."""
    variance: float
    """Of the one-step errors, with the degrees of freedom that the parameters cost taken off."""
    likelihood: float
    """The logarithm; exact or conditional as it was fitted. Comparable among orders of the same d, D and data."""
    used: int
    """How many values the likelihood is of."""
    y: Floats
    """(N,): the history, NaN where it is missing."""
    exog: Floats
    """(N, K)"""
    exact: bool = True

    @property
    def parameters(self) -> int:
        """How many numbers were estimated, the variance included."""
        return len(self.at) + len(self.beta) + int(self.order.constant) + 1

    @property
    def aic(self) -> float:
        """Akaike's criterion: less is better."""
        return 2 * self.parameters - 2 * self.likelihood

    @property
    def aicc(self) -> float:
        """Akaike's criterion corrected for short histories (Hurvich & Tsai 1989)."""
        k = self.parameters
        spare = self.used - k - 1
        return self.aic + 2 * k * (k + 1) / spare if spare > 0 else float("inf")

    @property
    def bic(self) -> float:
        """The criterion of Schwarz (the source's SC)."""
        return self.parameters * float(np.log(self.used)) - 2 * self.likelihood

    def criterion(self, name: str) -> float:
        """Return `aic`, `aicc` or `bic`."""
        return {"aic": self.aic, "aicc": self.aicc, "bic": self.bic}[name]

    def predict(self, exog: Floats | None, steps: int) -> tuple[Floats, Floats]:
        """Return the mean (steps,) and its standard deviation (steps,) for the steps after the history; `exog` is (steps, K)."""
        rows = _rows(exog, steps)
        if rows.shape != (steps, len(self.beta)):
            raise Misuse(f"{steps} steps of {len(self.beta)} regressors are needed, not {rows.shape}")
        center, relative = self._continued(steps) if self.exact else self._recursion(steps)
        mean = center + rows @ self.beta + self.drift * _trend(self.order, len(self.y), steps)
        return mean, np.sqrt(self.variance * relative)

    def _continued(self, steps: int) -> tuple[Floats, Floats]:
        """Return the noise to come and its variance over that of one error: the future is a row of missing values, exactly like a gap."""
        noise = self._state[0]
        future = np.vstack([np.zeros((len(noise), steps)), np.eye(steps)])
        stacked = difference(np.column_stack([np.r_[noise, np.zeros(steps)], future]), self.order.differencing())
        white, _ = whiten(stacked, *self.order.polynomials(self.at), exact=True, normal=True)
        inverse = np.linalg.pinv(white[:, 1:].T @ white[:, 1:], hermitian=True)
        return -(inverse @ (white[:, 1:].T @ white[:, 0])), np.diag(inverse).copy()

    def _recursion(self, steps: int) -> tuple[Floats, Floats]:
        """Return the same from the last values and errors: what a conditional fit can say."""
        noise, errors = self._state
        ar, ma = self.order.polynomials(self.at)
        ar = np.convolve(ar, self.order.differencing())
        return continued(noise, errors, ar, ma, steps), np.cumsum(psi(ar, ma, steps) ** 2)

    def extended(self, y: Floats, exog: Floats | None = None) -> "Regression":
        """Return the same parameters with a longer history: `y` (M,) and `exog` (M, K) follow it."""
        rows = _rows(exog, len(y))
        return replace(self, y=np.r_[self.y, y], exog=np.vstack([self.exog, rows]))

    @property
    def residuals(self) -> Floats:
        """The one-step errors, NaN where the history is missing (N - lost)."""
        return np.asarray(np.where(np.isnan(self.y[self.order.lost :]), np.nan, self._state[1]))

    def fitted(self) -> Floats:
        """Return the one-step forecasts within the history, NaN for the first."""
        known: Floats = self.y[self.order.lost :] - self.residuals
        return np.concatenate([np.full(self.order.lost, np.nan), known])

    def completed(self) -> Floats:
        """Return the history (N,) with what the model expects in place of missing values."""
        expected = self._state[0] + self.exog @ self.beta + self.drift * _trend(self.order, 0, len(self.y))
        return np.where(np.isnan(self.y), expected, self.y)

    @cached_property
    def _state(self) -> tuple[Floats, Floats]:
        """The noise n (N,) with missing values filled by what the model expects there, and its one-step errors (N - lost,)."""
        trend = self.drift * _trend(self.order, 0, len(self.y))
        known = self.y - self.exog @ self.beta - trend
        filled, gaps = with_gaps(known, self.order.period)
        polynomial = self.order.differencing()
        stacked = difference(np.column_stack([filled, gaps]), polynomial)
        ar, ma = self.order.polynomials(self.at)
        white, _ = whiten(stacked, ar, ma, exact=self.exact, normal=True)
        noise = filled
        if gaps.shape[1]:
            noise = filled - gaps @ np.linalg.lstsq(white[:, 1:], white[:, 0], rcond=None)[0]
            stacked = difference(noise[:, None], polynomial)
        errors, _ = whiten(stacked[:, :1], ar, ma, exact=self.exact, normal=False)
        return noise, errors[:, 0]

    def saved(self) -> dict[str, Floats]:
        """Return arrays that `restored` understands (for np.savez)."""
        order = self.order
        numbers = [
            *order.arma,
            order.d,
            order.seasonal_d,
            order.period,
            int(order.constant),
            self.used,
            int(self.exact),
        ]
        return {
            "order": np.array(numbers, dtype=np.float64),
            "at": self.at,
            "beta": self.beta,
            "scalars": np.array([self.drift, self.variance, self.likelihood]),
            "y": self.y,
            "exog": self.exog,
        }


def restored(kept: Mapping[str, Floats]) -> Regression:
    """Return what `Regression.saved` kept. Raises Misuse for something else."""
    try:
        p, q, seasonal_p, seasonal_q, d, seasonal_d, period, constant, used, exact = (int(v) for v in kept["order"])
        drift, variance, likelihood = (float(v) for v in kept["scalars"])
        order = Order(
            p=p,
            d=d,
            q=q,
            seasonal_p=seasonal_p,
            seasonal_d=seasonal_d,
            seasonal_q=seasonal_q,
            period=period,
            constant=bool(constant),
        )
        return Regression(
            order=order, at=kept["at"], beta=kept["beta"], drift=drift, variance=variance, likelihood=likelihood, used=used,
            y=kept["y"], exog=kept["exog"], exact=bool(exact),
        )  # fmt: skip
    except (KeyError, ValueError, TypeError) as exc:
        raise Misuse("these bytes are no saved ARIMA model") from exc


def fit(
    y: Floats, exog: Floats | None, order: Order, *, exact: bool = True, start: Floats | None = None, settled: bool = False
) -> Regression:  # fmt: skip
    """Fit one order to `y` (N,), NaN where missing, with regressors `exog` (N, K).

    `start` are free parameters to begin at (of a conditional fit of the same order); `settled`: they stay, only the coefficients of the
    regressors and the variance are estimated. Raises CannotFit when too few values are known.
    """
    rows = _rows(exog, len(y))
    size = sum(order.arma)
    constant = _trend(order, 0, len(y))[:, None] if order.constant else np.zeros((len(y), 0))
    filled, gaps = with_gaps(y, order.period)
    columns = difference(np.column_stack([filled, rows, constant, gaps]), order.differencing())
    used = len(columns) - gaps.shape[1]
    estimated = size + rows.shape[1] + constant.shape[1]
    if used < estimated + 2:
        raise CannotFit(f"{used} values are too few for an ARIMA model of {estimated} parameters")
    scale = float(np.abs(columns[:, 0]).max()) or 1.0
    columns[:, 0] /= scale
    begin = np.zeros(size) if start is None else start
    at = (
        begin
        if settled
        else minimise(lambda free: cost(free, order.polynomials, columns, gaps.shape[1], exact=exact), begin)
    )
    ar, ma = order.polynomials(at)
    white, spread = whiten(columns, ar, ma, exact=exact, normal=True)
    coefficients = solve(white[:, 1:], white[:, 0])
    squares = float(((white[:, 0] - white[:, 1:] @ coefficients) ** 2).sum()) * scale**2
    coefficients *= scale
    squares = max(squares, 1e-12 * scale**2)
    mean_square = squares / used
    determinant = float(np.log(spread).sum()) + volume(white, gaps.shape[1])
    likelihood = -0.5 * (used * (np.log(2 * np.pi * mean_square) + 1) + determinant)
    k = rows.shape[1]
    return Regression(
        order=order,
        at=at,
        beta=coefficients[:k],
        drift=float(coefficients[k]) if order.constant else 0.0,
        variance=squares / max(used - estimated, 1),
        likelihood=float(likelihood),
        used=used,
        y=np.asarray(y, dtype=np.float64),
        exog=rows,
        exact=exact,
    )


def _rows(exog: Floats | None, length: int) -> Floats:
    if exog is None:
        return np.zeros((length, 0))
    rows = np.asarray(exog, dtype=np.float64)
    if rows.ndim != 2 or len(rows) != length or not np.isfinite(rows).all():
        raise Misuse(f"regressors must be {length} rows of finite numbers, not {rows.shape}")
    return rows


def _trend(order: Order, first: int, length: int) -> Floats:
    """Return what a mean (nothing is differenced) or a drift multiplies."""
    if order.d + order.seasonal_d == 0:
        return np.ones(length)
    return np.arange(first, first + length, dtype=np.float64)
