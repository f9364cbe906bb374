"""Outliers of a series: single values (additive) and lasting shifts of the level. Pure.

Theory: Chen & Liu (1993), Joint estimation of model parameters and outlier effects in time series, JASA 88; as in X-13: for given ARIMA parameters the
effect of an outlier at t is a least-squares coefficient in the one-step errors. The largest |t| is made a regressor and the
parameters are estimated anew, until none is beyond the critical value.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from forecast.models.arima.likelihood import difference
from forecast.models.arima.regression import Order, Regression, fit
from forecast.series.counts import Floats

CRITICAL = 8.0
"""|t| beyond which a value is an outlier. X-13 takes about 4 (Ljung 1993), which suits the adjustment of the past. For forecasts of the next month the
evidence is mixed: 4 to 5.5 cost Chinese trade before 2009 1 to 7 % more error than none at all and saved Cincinnati before 1968 3 %. So only gross errors are taken
out: a month counted twice, a spike of many times the usual."""

MOST_OUTLIERS = 5

Kind = Literal["value", "shift"]


@dataclass(frozen=True, kw_only=True)
class Outlier:
    """Something that the model of the series does not explain."""

    kind: Kind
    at: int
    """The number of the step at which it is or begins."""


def steps(outliers: tuple[Outlier, ...], first: int, length: int) -> Floats:
    """Return the regressors (length, K) of outliers for the steps from number `first` on."""
    index = np.arange(first, first + length)
    made = [
        (index == found.at if found.kind == "value" else index >= found.at).astype(np.float64) for found in outliers
    ]
    return np.column_stack(made) if made else np.zeros((length, 0))


def detect(
    y: Floats, exog: Floats, order: Order, *, critical: float = CRITICAL, most: int = MOST_OUTLIERS
) -> tuple[Outlier, ...]:
    """Return the outliers of `y` (N,) with regressors `exog` (N, K) under this order, in the order in which they were found.

    The last value can only be an additive outlier: whether a level has shifted shows one step later.
    """
    found: tuple[Outlier, ...] = ()
    while len(found) < most:
        rows = np.column_stack([exog, steps(found, 0, len(y))])
        regression = fit(y, rows, order, exact=False)
        worst = _worst(regression, {one.at for one in found})
        if worst is None or worst[0] <= critical:
            break
        found = (*found, worst[1])
    return found


def without_spikes(y: Floats, z: Floats, rows: Floats, order: Order) -> Floats:
    """Return `y` with its spikes unknown, for models that have no regressors of their own; `z` is the same on the scale of the model."""
    spikes = [found.at for found in detect(z, rows, order) if found.kind == "value"]
    cleaned = y.copy()
    cleaned[spikes] = np.nan
    return cleaned


def _worst(regression: Regression, taken: set[int]) -> tuple[float, Outlier] | None:
    """Return the largest |t| and whose it is."""
    from scipy.signal import lfilter

    y, lost = regression.y, regression.order.lost
    errors = np.nan_to_num(regression.residuals)
    # The spread without the outliers themselves: the median of |errors| is not moved by them.
    sigma = 1.483 * float(np.median(np.abs(errors)))
    if sigma <= 0:
        return None
    ar, ma = regression.order.polynomials(regression.at)
    best: tuple[float, Outlier] | None = None
    kinds: tuple[Kind, ...] = ("value", "shift")
    for kind in kinds:
        shapes = np.eye(len(y)) if kind == "value" else np.tri(len(y))
        white = np.asarray(lfilter(ar, ma, difference(shapes, regression.order.differencing()), axis=0))
        size = np.sqrt((white**2).sum(axis=0))
        seen = np.isfinite(y) & (size > 1e-6)
        seen[: max(lost, 1)] = False
        seen[list(taken)] = False
        if kind == "shift":
            seen[-1] = False
        scores = np.where(seen, np.abs(white.T @ errors) / np.where(seen, size, 1.0) / sigma, 0.0)
        at = int(np.argmax(scores))
        if scores[at] > 0 and (best is None or scores[at] > best[0]):
            best = (float(scores[at]), Outlier(kind=kind, at=at))
    return best
