"""The likelihood of an ARMA process with regressors, their coefficients and the variance concentrated out. Pure.

What the numbers mean is told in `forecast.models.arima.regression`.
"""

from collections.abc import Callable

import numpy as np

from forecast.models.base import CannotFit
from forecast.series.counts import Floats

MOST_GAPS = 40
"""So many missing values are treated exactly; of more, the earlier ones are filled with the mean of their neighbours a period apart."""

STEPS = 60
"""Iterations of the search for one order's parameters."""

Polynomials = Callable[[Floats], tuple[Floats, Floats]]
"""From free parameters to the AR and the MA polynomial, lag 0 first."""


def difference(rows: Floats, polynomial: Floats) -> Floats:
    """Return `rows` (N, K) filtered along time, without the first len(polynomial) - 1."""
    length = len(rows) - len(polynomial) + 1
    made = np.zeros((max(length, 0), rows.shape[1]))
    for lag, weight in enumerate(polynomial):
        if weight != 0.0:
            start = len(polynomial) - 1 - lag
            made += weight * rows[start : start + length]
    return made


def volume(white: Floats, gaps: int) -> float:
    """Return the logarithm of the determinant that the missing values bring in: their regressors are the last columns."""
    if not gaps:
        return 0.0
    block = white[:, -gaps:]
    # The ridge: where a whole phase of the season is missing, the gaps cannot be told apart and the determinant is 0.
    return float(np.linalg.slogdet(block.T @ block + 1e-10 * np.eye(gaps))[1])


def cost(free: Floats, polynomials: Polynomials, columns: Floats, gaps: int, *, exact: bool) -> float:
    """Return minus the concentrated log likelihood per value, without its constants."""
    ar, ma = polynomials(free)
    # At the border of invertibility the filter can grow beyond all numbers: such parameters are merely as bad as can be.
    with np.errstate(over="ignore", invalid="ignore"):
        white, spread = whiten(columns, ar, ma, exact=exact, normal=True)
        if not np.abs(white).max(initial=0.0) < 1e100:
            return 1e6
        residual = white[:, 0] - white[:, 1:] @ solve(white[:, 1:], white[:, 0])
    determinant = float(np.log(spread).sum()) + volume(white, gaps)
    return 0.5 * (float(np.log(max(float(residual @ residual), 1e-300))) + determinant / (len(columns) - gaps))


def minimise(price: Callable[[Floats], float], begin: Floats) -> Floats:
    """Return the free parameters of the least price."""
    if not len(begin):
        return begin
    from scipy.optimize import minimize

    found = minimize(price, begin, method="L-BFGS-B", bounds=[(-3.0, 3.0)] * len(begin), options={"maxiter": STEPS})
    return np.asarray(found.x)


def solve(rows: Floats, target: Floats) -> Floats:
    """Return least squares by the normal equations; the tiny ridge settles regressors that say the same or nothing."""
    if not rows.shape[1]:
        return np.zeros(0)
    gram = rows.T @ rows
    size = np.sqrt(np.diag(gram))
    size[size < 1e-9 * max(float(size.max()), 1e-300)] = np.inf
    scaled = gram / np.outer(size, size) + 1e-10 * np.eye(len(gram))
    return np.asarray(np.linalg.solve(scaled, rows.T @ target / size) / size)


def whiten(columns: Floats, ar: Floats, ma: Floats, *, exact: bool, normal: bool) -> tuple[Floats, Floats]:
    """Return the one-step errors of each column (divided by their standard deviations if `normal`) and these errors' relative variances."""
    if len(ar) == len(ma) == 1:
        return columns, np.ones(len(columns))
    if exact:
        from statsmodels.tsa.innovations.arma_innovations import arma_innovations

        white, spread = arma_innovations(np.asfortranarray(columns), -ar[1:], ma[1:], normalize=normal, prefix="d")
        return np.asarray(white), np.asarray(spread)
    from scipy.signal import lfilter

    # The first values have no past: the filter starts as if they had been zero (conditional likelihood).
    return np.asarray(lfilter(ar, ma, columns, axis=0)), np.ones(len(columns))


def with_gaps(y: Floats, period: int) -> tuple[Floats, Floats]:
    """Return `y` with every gap filled and (N, M) a regressor for each gap that is to be estimated."""
    missing = np.flatnonzero(np.isnan(y))
    if not len(missing):
        return y.copy(), np.zeros((len(y), 0))
    if len(missing) == len(y):
        raise CannotFit("no value of the history is known")
    filled = y.copy()
    for gap in missing:
        near = [y[i] for i in (gap - period, gap + period) if 0 <= i < len(y) and not np.isnan(y[i])]
        filled[gap] = float(np.mean(near)) if near else np.nan
    known = ~np.isnan(filled)
    filled[~known] = np.interp(np.flatnonzero(~known), np.flatnonzero(known), filled[known])
    own = missing[-MOST_GAPS:]
    columns = np.zeros((len(y), len(own)))
    columns[own, np.arange(len(own))] = 1.0
    return filled, columns


def continued(noise: Floats, errors: Floats, ar: Floats, ma: Floats, steps: int) -> Floats:
    """Return the expected values (steps,) after `noise` and `errors`; `ar` has the differencing in it."""
    back, forth = len(ar) - 1, len(ma) - 1
    n = np.concatenate([np.zeros(back), noise, np.zeros(steps)])
    e = np.concatenate([np.zeros(forth), errors, np.zeros(steps)])
    n, e = n[len(noise) :], e[len(errors) :]
    for step in range(steps):
        n[back + step] = ma[1:] @ e[step : step + forth][::-1] - ar[1:] @ n[step : step + back][::-1]
    return np.asarray(n[back:])


def psi(ar: Floats, ma: Floats, steps: int) -> Floats:
    """Return the weights of past errors in a value, lag 0 first."""
    weights = np.zeros(steps)
    for lag in range(steps):
        weights[lag] = ma[lag] if lag < len(ma) else 0.0
        reach = min(lag, len(ar) - 1)
        weights[lag] -= ar[1 : reach + 1] @ weights[lag - reach : lag][::-1]
    return weights
