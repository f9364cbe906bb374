"""Forecasts as staffing gets them."""

import numpy as np
from scipy import stats

from forecast.models.base import LEVELS, Forecast

HALF_HOURS = tuple(range(510, 1_290, 30))
"""08:30 to 21:30, as the source staffs them."""


def forecast(mean, *, dispersion=6.0, days=1, starts=HALF_HOURS, step=30) -> Forecast:
    """A forecast whose counts have `dispersion` times the variance of Poisson counts; 1: the rate is known for sure."""
    level = np.broadcast_to(np.asarray(mean, float), (days, len(starts))).copy()
    levels = np.array(LEVELS)[:, None, None]
    sure = np.maximum(level, 1e-9)
    return Forecast(
        periods=np.datetime64("2026-03-02") + np.arange(days),
        mean=level,
        quantiles=np.where(level > 0, stats.gamma.ppf(levels, sure / dispersion, scale=dispersion), level),
        starts_min=tuple(starts),
        step_min=step,
        model="made up",
    )
