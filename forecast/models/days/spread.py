"""From means and standard deviations on the scale of learning to a forecast of days with calibrated quantiles. Pure.

A model's own standard deviation says which days are uncertain, its honest past errors say how far off it really was. What is between the quantiles is
the distribution of the past errors in units of the former, drawn towards a Student's t of `_T_6` while there are few: tails of counts are
longer than the normal's.
"""

import numpy as np

from forecast.days.scale import Scale
from forecast.models.base import LEVELS, Forecast
from forecast.series.counts import Dates, Floats

_T_6 = np.array([-2.4469, -1.9432, -1.4398, -0.7176, 0.0, 0.7176, 1.4398, 1.9432, 2.4469]) * 0.9
"""Student's t with 6 degrees of freedom, narrowed so that its 80 % are those of the normal."""
PRIOR_ERRORS = 60.0
"""So many errors does the assumption count."""
LEAST_WIDTH, MOST_WIDTH = 0.6, 3.0


def shape_of(errors: Floats) -> Floats:
    """Return the quantiles (len(LEVELS),) of a standard error: symmetric, from honest past errors in standard deviations (NaN left out)."""
    sizes = np.abs(errors[np.isfinite(errors)])
    if not len(sizes):
        return _T_6
    inside = np.abs(2 * np.array(LEVELS) - 1)
    seen = np.sign(np.array(LEVELS) - 0.5) * np.quantile(sizes, inside, method="weibull")
    weight = len(sizes) / (len(sizes) + PRIOR_ERRORS)
    shape = weight * seen + (1 - weight) * _T_6
    kept: Floats = np.sign(shape) * np.clip(np.abs(shape), LEAST_WIDTH * np.abs(_T_6), MOST_WIDTH * np.abs(_T_6))
    return kept


def day_forecast(
    periods: Dates, scale: Scale, mean: Floats, deviation: Floats, shape: Floats, *, noise: float, model: str
) -> Forecast:
    """Return the forecast of days from the scaled mean (P,) and standard deviation (P,).

    `noise` is the variance of a day around what is expected of it. Only that lifts the mean: not to know what an unseen holiday does is no reason to
    expect more calls on it.
    """
    quantiles = scale.calls(mean[None] + shape[:, None] * deviation[None])
    width = float(shape[-3] / _T_6[-3])
    expected = scale.mean(mean, np.full(len(mean), noise * width**2))
    return Forecast(
        periods=periods,
        mean=expected[:, None],
        quantiles=np.maximum.accumulate(quantiles, axis=0)[:, :, None],
        model=model,
    )
