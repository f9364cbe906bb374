"""From square roots of slots to come to a forecast, for all models that think in square roots. Pure.

The mean of y is the square of the mean of sqrt(y) plus the variance of sqrt(y). The quantiles are those of `forecast.models.spread`, each lead
with its own past errors, wider on marked days by the doubt about what such a day is.
"""

import numpy as np

from forecast.models.base import LEVELS, Forecast
from forecast.models.slots.marks import Integers
from forecast.models.spread import UNKNOWN_DISPERSION, ascending, spread
from forecast.series.counts import Counts, Dates, Floats

NORMAL = np.array([-1.959964, -1.644854, -1.281552, -0.674490, 0.0, 0.674490, 1.281552, 1.644854, 1.959964])
"""The standard normal at `LEVELS`."""
FAR = 8.0
"""An error beyond so many robust standard deviations counts as one of that size: a count of a hundred times the usual is a fault of the counting."""
ASSUMED_ERRORS = 10.0
"""So many errors does the assumed variance count."""
_TINY = 1e-12


def slot_forecast(
    root: Floats,
    *,
    periods: Dates,
    leads: Integers,
    errors: Floats,
    doubt: Floats,
    like: Counts,
    model: str,
    assumed: Floats | float = UNKNOWN_DISPERSION / 4.0,
) -> Forecast:
    """Return the forecast whose square roots are expected to be `root` (P, S).

    Args:
        root: at least 0.
        periods: (P,)
        leads: (P,), from 1.
        errors: (L, N, S) of past ordinary days by lead, on the square-root scale; NaN is not known.
        doubt: (P,): the standard deviation of the logarithm of the level that is added; 0 on ordinary days.
        like: any counts of the same slots.
        model: the name of who says it.
        assumed: the variance of sqrt(y), (S,) or for all slots, while few errors are known.
    """
    errors = cut_off(errors)
    variance = _variances(errors, assumed)[leads - 1]
    quantiles = np.empty((len(LEVELS), *root.shape))
    for lead in np.unique(leads):
        rows = leads == lead
        quantiles[:, rows] = spread(root[rows] ** 2, errors[lead - 1])
    wide = doubt > 0
    if wide.any():
        quantiles[:, wide] = _widened(quantiles[:, wide], root[wide], doubt[wide])
    return Forecast(
        periods=periods,
        # Where hardly anybody calls the variance cannot be that of busy slots.
        mean=root**2 + np.minimum(variance, root**2),
        quantiles=quantiles,
        starts_min=like.starts_min,
        step_min=like.step_min,
        model=model,
    )


def cut_off(errors: Floats) -> Floats:
    """Return the errors (NaN is not known) with what is far outside drawn in."""
    known = errors[np.isfinite(errors)]
    scale = 1.4826 * float(np.median(np.abs(known))) if len(known) else 0.0
    return np.clip(errors, -FAR * scale, FAR * scale) if scale > 0 else errors


def _variances(errors: Floats, assumed: Floats | float) -> Floats:
    """Return the variance of sqrt(y) about its forecast (L, S)."""
    known = np.isfinite(errors)
    square = np.where(known, errors, 0.0) ** 2
    made: Floats = (square.sum(axis=1) + ASSUMED_ERRORS * assumed) / (known.sum(axis=1) + ASSUMED_ERRORS)
    return made


def _widened(quantiles: Floats, root: Floats, doubt: Floats) -> Floats:
    """Return the quantiles (levels, P, S) with the doubt about the day's level: half of it on the scale of roots, the same share of every slot."""
    middle = np.sqrt(quantiles[len(LEVELS) // 2])
    extra = 0.5 * doubt[None, :, None] * root[None] * NORMAL[:, None, None]
    away = np.sign(NORMAL)[:, None, None] * np.sqrt((np.sqrt(quantiles) - middle) ** 2 + extra**2)
    return ascending(np.clip(middle + away, 0.0, None) ** 2)
