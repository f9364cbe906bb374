"""What the automatic choice decided for a queue and a unit, and how it is kept. Pure."""

from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from forecast.models.base import LEVELS, Forecast
from forecast.models.spread import ascending
from forecast.series.counts import Floats, Unit

NO_STRETCH = (1.0,) * len(LEVELS)


@dataclass(frozen=True, kw_only=True)
class Pick:
    """The model of a queue for a unit, until the next choice."""

    unit: Unit
    model: str
    stretch: tuple[float, ...] = NO_STRETCH
    """For each level: how many times as far from the median (on the square-root scale) its quantile has to be for the past to be covered."""
    since: date | None = None
    """The first day that was forecast with this model; None: before any choice."""
    wapes: tuple[tuple[str, float], ...] = field(default=())
    """What the choice went by: each candidate's WAPE over the past it looked at, the best first."""
    why: str = ""
    """In one sentence."""


def stretched(forecast: Forecast, stretch: tuple[float, ...]) -> Forecast:
    """Return the forecast with intervals that cover what the past says they should; means stay."""
    if stretch == NO_STRETCH:
        return forecast
    return replace(forecast, quantiles=stretched_quantiles(forecast.quantiles, stretch))


def stretched_quantiles(quantiles: Floats, stretch: tuple[float, ...]) -> Floats:
    """Return quantiles (len(LEVELS), H, S) with their distances from the median multiplied, on the square-root scale."""
    root = np.sqrt(np.clip(quantiles, 0.0, None))
    middle = root[LEVELS.index(0.5)]
    wide = middle + np.array(stretch)[:, None, None] * (root - middle)
    return ascending(np.clip(wide, 0.0, None) ** 2)
