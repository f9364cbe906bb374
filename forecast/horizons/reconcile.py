"""Makes forecasts of several levels agree: half hours sum to days, days to months. Pure.

Theory: let y be all forecasts, W the covariance of their errors, and C y = 0 what must hold (a sum less its parts). The linear combination
that fulfils it with the least variance is y - W C' (C W C')^-1 C y (MinT: Wickramasuriya, Athanasopoulos & Hyndman 2019; this form:
Di Fonzo & Girolimetto 2023). The variances come from the quantiles. Errors of the parts of one sum go together (a busy day is busy all day):
W has a common correlation within each sum and none elsewhere, which is enough to trust a sum of half hours no more than it deserves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecast.models.base import LEVELS, Forecast
from forecast.models.spread import ascending
from forecast.series.counts import Floats

SAME_DAY = 0.4
"""Correlation of the errors of two slots of a day: 0.39 to 0.51 in the two banks, on days before any test."""
SAME_MONTH = 0.15
"""Correlation of the errors of two days of a month."""
_WIDTH80 = 2.563103


@dataclass(frozen=True, kw_only=True, eq=False)
class Sum:
    """One thing that must hold: a total is the sum of its parts and of what is known already."""

    total: int
    parts: NDArray[np.int64]
    known: float = 0.0
    together: float = 0.0
    """Correlation of the errors of the parts."""


def deviation(forecast: Forecast) -> Floats:
    """Return the standard deviations (H, S) that the middle 80 % mean, at least that of a Poisson count."""
    width = forecast.quantiles[LEVELS.index(0.9)] - forecast.quantiles[LEVELS.index(0.1)]
    sigma: Floats = np.maximum(width / _WIDTH80, np.sqrt(forecast.mean + 0.25))
    return sigma


def deviation_of_sum(sigma: Floats, together: float) -> float:
    """Return the standard deviation of a sum whose parts have this common correlation."""
    return float(np.sqrt(together * sigma.sum() ** 2 + (1 - together) * (sigma**2).sum()))


def agreed(mean: Floats, sigma: Floats, sums: Sequence[Sum]) -> Floats:
    """Return means that agree.

    Args:
        mean: (N,) all forecasts, in any order; parts and totals.
        sigma: (N,) their standard deviations, above zero.
        sums: what must hold. Each part belongs to one sum; totals can be parts of another. In the order from the smallest parts up.

    Returns:
        (N,) at least 0; every sum holds exactly.
    """
    if not sums:
        return np.clip(mean, 0.0, None)
    spread = np.zeros((len(mean), len(sums)))
    gap = np.empty(len(sums))
    for number, one in enumerate(sums):
        gap[number] = mean[one.total] - one.known - mean[one.parts].sum()
    constraint = np.zeros((len(sums), len(mean)))
    for number, one in enumerate(sums):
        constraint[number, one.total] = 1.0
        constraint[number, one.parts] = -1.0
    for number in range(len(sums)):
        spread[:, number] = _covariance_times(constraint[number], sigma, sums)
    found = mean - spread @ np.linalg.solve(constraint @ spread, gap)
    found = np.clip(found, 0.0, None)
    for one in sums:
        found[one.total] = one.known + found[one.parts].sum()
    return found


def moved(forecast: Forecast, mean: Floats) -> Forecast:
    """Return the forecast with another mean (H, S); the quantiles keep their distance from it in per cent."""
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(forecast.mean > 0, mean / forecast.mean, 1.0)
    shift = np.where(forecast.mean > 0, 0.0, mean)
    quantiles = ascending(np.clip(forecast.quantiles * factor + shift, 0.0, None))
    return replace(forecast, mean=mean, quantiles=quantiles)


def _covariance_times(vector: Floats, sigma: Floats, sums: Sequence[Sum]) -> Floats:
    """Return W times a vector: the variances, and within each sum the common correlation."""
    own = sigma**2 * vector
    for one in sums:
        part = sigma[one.parts]
        common = one.together * part * float(part @ vector[one.parts])
        own[one.parts] = (1 - one.together) * own[one.parts] + common
    return own
