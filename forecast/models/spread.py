"""From a mean and the errors of the past to quantiles. Pure.

Errors are taken on the square-root scale: with y Poisson of a rate that itself varies, the variance of sqrt(y) hardly depends on the level
(Anscombe 1948, "The transformation of Poisson, binomial and negative-binomial data"), so that one set of past errors serves quiet and busy
slots alike. Only errors of forecasts that did not know the day are honest: residuals of a fit are too small.
"""

import numpy as np

from forecast.models.base import LEVELS
from forecast.series.counts import Floats

UNKNOWN_DISPERSION = 6.0
"""Variance over mean of a slot or day of which no error is known yet: between the two banks of the reference data (7.5 and 5.8)."""

_NORMAL = np.array([-1.959964, -1.644854, -1.281552, -0.674490, 0.0, 0.674490, 1.281552, 1.644854, 1.959964])
_PRIOR_ERRORS = 30.0
"""So many errors does the assumption count that they are normal; more of them outweigh it."""


_FEW = 2.0
"""So many errors does `UNKNOWN_DISPERSION` count while few are known."""
_BORROWED = 10.0
"""So many errors of all slots does each slot take as its own."""


def root_errors(actual: Floats, mean: Floats) -> Floats:
    """Return the errors on the square-root scale; NaN where one side is not known."""
    return np.sqrt(actual) - np.sqrt(mean)


def spread(mean: Floats, errors: Floats) -> Floats:
    """Return the quantiles (levels, H, S) around `mean` (H, S) from past errors on the square-root scale.

    Args:
        mean: (H, S), at least 0.
        errors: (N, S); NaN is left out. A slot with few errors borrows from all; none at all means the spread of a Poisson count whose
            rate varies with `UNKNOWN_DISPERSION`.
    """
    scale = _scales(errors)
    with np.errstate(invalid="ignore", divide="ignore"):
        shape = _shape((errors / scale)[np.isfinite(errors)])
    root = np.sqrt(mean)[None] + shape[:, None, None] * scale[None, None, :]
    return ascending(np.clip(root, 0.0, None) ** 2)


def ascending(quantiles: Floats) -> Floats:
    """Return the quantiles in ascending order of the level: each at least the one below."""
    return np.maximum.accumulate(quantiles, axis=0)


def _scales(errors: Floats) -> Floats:
    """Return the root mean square of the errors of each slot, drawn towards that of all slots where there are few."""
    known = np.isfinite(errors)
    count = known.sum(axis=0)
    square = np.where(known, errors, 0.0) ** 2
    total = int(count.sum())
    overall = (
        (square.sum() + _FEW * UNKNOWN_DISPERSION / 4.0) / (total + _FEW)
        if total < _PRIOR_ERRORS
        else square.sum() / total
    )
    scales: Floats = np.sqrt((square.sum(axis=0) + _BORROWED * overall) / (count + _BORROWED)).clip(1e-9)
    return scales


def _shape(standard: Floats) -> Floats:
    """Return the quantiles of the standardised errors: what was seen, drawn towards the normal while little was."""
    if not len(standard):
        return _NORMAL
    seen: Floats = np.quantile(standard, LEVELS, method="weibull")
    weight = len(standard) / (len(standard) + _PRIOR_ERRORS)
    return weight * seen + (1 - weight) * _NORMAL
