"""How much wider or narrower a model's intervals have to be for the past to be covered. Pure.

Theory: split conformal prediction with normalised scores (Lei et al. 2018, "Distribution-free predictive inference for regression", section
5.2). The score of a count for a level is its distance from the median in units of the distance of that level's quantile, on the square-root
scale; the share of past scores below 1 should be the level. The quantile of the scores at that level is the factor by which the quantile is
moved. The past rolls with the origins, so that a queue which becomes less regular gets wider intervals within some weeks (Gibbs & Candes 2021).

How far such a factor is believed follows from its noise (James & Stein 1961): that of the 80 % factor of n independent counts has the variance 1.26/n,
while the factors that models really need differ by t from queue to queue, so that the assumption that they are 1 is worth 1.26/t^2 counts. A period
of slots or days brings many counts, and the past has hundreds of them. A month brings one, and a crisis of three months is a quarter of a year.
"""

from collections.abc import Mapping

import numpy as np

from forecast.backtest.picks import NO_STRETCH
from forecast.models.base import LEVELS
from forecast.series.counts import Floats, Unit

PRIOR: Mapping[Unit, float] = {"slot": 12.0, "day": 12.0, "month": 120.0}
"""So many periods does the assumption count that the model's own intervals are right. Slots of one period go together: they count as one. Of months it is t = 0.1:
models of months measure their own errors, and between twelve series no difference beyond noise was seen (docs/models.md)."""
NARROWEST, WIDEST = 0.4, 3.0
_MIDDLE = LEVELS.index(0.5)


def stretch(came: Floats, quantiles: Floats, unit: Unit) -> tuple[float, ...]:
    """Return the factor for each level (1 for the median), the same above and below: one side alone would learn the luck of a few weeks.

    Args:
        came: (…, S) what came; NaN is left out.
        quantiles: (len(LEVELS), …, S) what had been said of it before.
        unit: of the periods.
    """
    known = np.isfinite(came) & np.isfinite(quantiles[_MIDDLE])
    if not known.any():
        return NO_STRETCH
    roots = np.sqrt(np.clip(quantiles[:, known], 0.0, None))
    off = np.sqrt(came[known]) - roots[_MIDDLE]
    periods = int(known.any(axis=-1).sum())
    weight = periods / (periods + PRIOR[unit])
    above = [_factor(off, roots, number, weight) for number in range(_MIDDLE + 1, len(LEVELS))]
    return (*reversed(above), 1.0, *above)


def _factor(off: Floats, roots: Floats, number: int, weight: float) -> float:
    mirrored = len(LEVELS) - 1 - number
    reach = np.where(off > 0, roots[number] - roots[_MIDDLE], roots[_MIDDLE] - roots[mirrored])
    scores = np.abs(off)[reach > 1e-9] / reach[reach > 1e-9]
    if not len(scores):
        return 1.0
    seen = float(np.quantile(scores, 2 * LEVELS[number] - 1, method="weibull"))
    return float(np.clip(weight * seen + (1 - weight), NARROWEST, WIDEST))
