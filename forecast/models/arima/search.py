"""Which ARIMA order: differencing by tests, the rest by a stepwise search of an information criterion. Pure.

`search` tells the order, `forecast.models.arima.regression.fit` fits it. `p1q` is the search of the source document: ARIMA(p,1,q), p and q by AIC or SC.

Theory: Hyndman & Khandakar (2008), Automatic time series forecasting, J. Stat. Software 27(3): the seasonal difference by the strength of the season
(Wang, Smith & Hyndman 2006), the first difference by repeated KPSS tests (Kwiatkowski et al. 1992), then from four orders to the best neighbour until
none is better. Here the candidates are compared by the conditional likelihood (cheap); the best few are fitted exactly at the end, and
the criterion of the exact likelihood decides. The limit of work is a number of candidates, never a clock: the same history gives the same order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from forecast.models.arima.regression import Order, Regression, fit
from forecast.models.base import CannotFit
from forecast.series.counts import Floats

Criterion = Literal["aic", "aicc", "bic"]

STRONG_SEASON = 0.64
"""The strength of the season above which it is differenced (Hyndman & Athanasopoulos, Forecasting, section 9.9)."""

KPSS_LIMIT = 0.463
"""The 5 % point of the KPSS statistic around a level (Kwiatkowski et al. 1992, table 1)."""

FINALISTS = 4
"""So many candidates are fitted exactly at the end."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One order that was tried."""

    order: Order
    value: float
    """Of the criterion; infinite when it could not be fitted."""
    exact: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice:
    """The outcome of a search."""

    best: Regression
    candidates: tuple[Candidate, ...]
    """All that were tried, the best first; the exact ones before the others."""
    fitted: Mapping[Order, Regression] = field(default_factory=dict, repr=False)
    """Each candidate as it was fitted, exactly or conditionally; what could not be fitted is left out."""

    @property
    def order(self) -> Order:
        """The chosen order."""
        return self.best.order


def search(
    y: Floats,
    exog: Floats | None = None,
    *,
    period: int = 1,
    d: int | None = None,
    seasonal_d: int | None = None,
    max_p: int = 3,
    max_q: int = 3,
    max_seasonal_p: int = 1,
    max_seasonal_q: int = 1,
    max_size: int = 5,
    criterion: Criterion = "aicc",
    limit: int = 60,
    finalists: int = FINALISTS,
) -> Choice:
    """Choose the order of a regression with ARIMA errors for `y` (N,), NaN where missing, with regressors `exog` (N, K), and fit it exactly.

    `d` and `seasonal_d` are chosen by tests when None. At most `limit` candidates are tried. Raises CannotFit when there is too little history.
    """
    seasonal = period > 1 and np.isfinite(y).sum() >= 2 * period + 5
    period = period if seasonal else 1
    noise = without(y, exog)
    if seasonal_d is None or not seasonal:
        seasonal_d = seasonal_difference(noise, period) if seasonal else 0
    if d is None:
        d = first_differences(lagged(noise, period) if seasonal_d else noise)
    highest = Order(p=max_p, q=max_q, seasonal_p=max_seasonal_p * seasonal, seasonal_q=max_seasonal_q * seasonal)
    base = Order(d=d, seasonal_d=seasonal_d, period=period, constant=d + seasonal_d < 2)
    tried: dict[Order, Regression | None] = {}
    best = _climb(y, exog, base, highest, max_size, criterion, limit, tried)
    if best is None:
        raise CannotFit("no ARIMA order can be fitted to so little history")
    return _final(y, exog, tried, criterion, finalists)


def p1q(y: Floats, exog: Floats | None = None, *, most: int = 4, criterion: Criterion = "aic") -> Choice:
    """Choose ARIMA(p,1,q) as the source does: every p and q up to `most` after one difference, the least AIC (or SC: `bic`)."""
    tried: dict[Order, Regression | None] = {}
    for p in range(most + 1):
        for q in range(most + 1):
            order = Order(p=p, d=1, q=q)
            tried[order] = _try(y, exog, order, None)
    if not any(tried.values()):
        raise CannotFit("no ARIMA order can be fitted to so little history")
    return _final(y, exog, tried, criterion, FINALISTS)


def _climb(
    y: Floats, exog: Floats | None, base: Order, highest: Order, most: int, criterion: Criterion, limit: int,
    tried: dict[Order, Regression | None],
) -> Order | None:  # fmt: skip
    """Go from the four first orders to the best neighbour until none is better; what was fitted is left in `tried`."""
    seasonal = base.period > 1
    starts = [(2, 2, 1, 1), (0, 0, 0, 0), (1, 0, 1, 0), (0, 1, 0, 1)]
    if not seasonal:
        starts = [(p, q, 0, 0) for p, q, _, _ in starts]
    best: Order | None = None
    least = float("inf")
    waiting = [_sized(base, *start) for start in starts]
    while waiting:
        better = None
        for order in waiting:
            if len(tried) >= limit:
                return best
            if order in tried or not _allowed(order, highest, most):
                continue
            tried[order] = found = _try(y, exog, order, tried.get(best) if best else None)
            if found is not None and found.criterion(criterion) < least:
                best, least, better = order, found.criterion(criterion), order
        waiting = list(_neighbours(best)) if better and best else []
    return best


def _sized(base: Order, p: int, q: int, seasonal_p: int, seasonal_q: int) -> Order:
    return replace(base, p=p, q=q, seasonal_p=seasonal_p, seasonal_q=seasonal_q)


def _allowed(order: Order, highest: Order, most: int) -> bool:
    sizes = zip(order.arma, highest.arma, strict=True)
    return sum(order.arma) <= most and all(0 <= size <= limit for size, limit in sizes)


def _neighbours(order: Order) -> Iterator[Order]:
    p, q, seasonal_p, seasonal_q = order.arma
    moves = [(-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, 1), (-1, 1), (1, -1)]
    if order.period > 1:
        for by_p, by_q in moves:
            yield _sized(order, p, q, seasonal_p + by_p, seasonal_q + by_q)
    for by_p, by_q in moves:
        yield _sized(order, p + by_p, q + by_q, seasonal_p, seasonal_q)
    if order.d + order.seasonal_d < 2:
        yield replace(order, constant=not order.constant)


def _try(y: Floats, exog: Floats | None, order: Order, near: Regression | None) -> Regression | None:
    """Fit one candidate conditionally, beginning at what the best so far has in common with it."""
    try:
        return fit(y, exog, order, exact=False, start=_carried(order, near) if near else None)
    except (CannotFit, np.linalg.LinAlgError):
        return None


def _carried(order: Order, near: Regression) -> Floats:
    parts = []
    start = 0
    for old, new in zip(near.order.arma, order.arma, strict=True):
        part = near.at[start : start + old]
        start += old
        parts.append(np.r_[part[:new], np.zeros(max(new - old, 0))])
    return np.concatenate(parts)


def _final(
    y: Floats, exog: Floats | None, tried: dict[Order, Regression | None], criterion: Criterion, finalists: int
) -> Choice:
    """Fit the best candidates exactly; the least exact criterion wins."""
    fitted = [found for found in tried.values() if found is not None]
    ranked = sorted(fitted, key=lambda found: found.criterion(criterion))
    exact = []
    for found in ranked[:finalists]:
        try:
            exact.append(fit(y, exog, found.order, start=np.clip(found.at, -1.5, 1.5)))
        except (ValueError, np.linalg.LinAlgError):
            continue  # the innovations of an order at the border of stationarity do not exist: it is no candidate
    if not exact:
        raise CannotFit("no ARIMA order of this history is stationary")
    exact.sort(key=lambda found: found.criterion(criterion))
    rows = [Candidate(order=found.order, value=found.criterion(criterion), exact=True) for found in exact]
    rows += [
        Candidate(order=found.order, value=found.criterion(criterion), exact=False) for found in ranked[finalists:]
    ]
    rows += [Candidate(order=order, value=float("inf"), exact=False) for order, found in tried.items() if found is None]
    known = {found.order: found for found in (*fitted, *exact)}
    return Choice(best=exact[0], candidates=tuple(rows), fitted=known)


def without(y: Floats, exog: Floats | None) -> Floats:
    """Return `y` less what ordinary least squares give to the regressors: the tests of differencing shall not see holidays."""
    if exog is None or not exog.shape[1]:
        return y
    known = np.isfinite(y)
    rows = np.column_stack([np.ones(len(y)), np.linspace(-1, 1, len(y)), exog])
    beta = np.linalg.lstsq(rows[known], y[known], rcond=None)[0]
    return np.asarray(y - exog @ beta[2:])


def lagged(y: Floats, period: int) -> Floats:
    """Return the seasonal differences of `y`."""
    return y[period:] - y[:-period]


def seasonal_difference(y: Floats, period: int) -> int:
    """Return 1 when the season is so strong that it has to be differenced."""
    return int(seasonal_strength(y, period) > STRONG_SEASON)


def seasonal_strength(y: Floats, period: int) -> float:
    """Return the strength of the season, 0 to 1: 1 - Var(rest) / Var(season + rest) (Wang, Smith & Hyndman 2006) of the classical decomposition."""
    weights = np.ones(period) / period if period % 2 else np.r_[0.5, np.ones(period - 1), 0.5] / period
    known = np.isfinite(y)
    if known.sum() < 2 * period or len(y) < len(weights) + period:
        return 0.0
    filled = np.interp(np.arange(len(y)), np.flatnonzero(known), y[known])
    trend = np.convolve(filled, weights, mode="valid")
    first = len(weights) // 2
    rest = np.where(known, y, np.nan)[first : first + len(trend)] - trend
    phases = (np.arange(len(rest)) + first) % period
    means = np.array([_mean(rest[phases == phase]) for phase in range(period)])
    remainder = rest - means[phases]
    whole = float(np.nanvar(rest))
    return max(0.0, 1.0 - float(np.nanvar(remainder)) / whole) if whole > 0 else 0.0


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0


def first_differences(y: Floats, most: int = 2) -> int:
    """Return how often `y` has to be differenced until KPSS no longer rejects that it is stationary."""
    values = y[np.isfinite(y)]
    for times in range(most):
        if len(values) < 8 or kpss(values) <= KPSS_LIMIT:
            return times
        values = np.diff(values)
    return most


def kpss(y: Floats) -> float:
    """Return the KPSS statistic around a level, with 4 (N/100)^(1/4) lags; large: not stationary."""
    n = len(y)
    rest = y - y.mean()
    lags = int(4 * (n / 100) ** 0.25)
    variance = float(rest @ rest) / n
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * float(rest[lag:] @ rest[:-lag]) / n
    return (
        float((np.cumsum(rest) ** 2).sum()) / (n**2 * variance)
        if variance > 1e-12 * max(float(y @ y) / n, 1e-300)
        else 0.0
    )
