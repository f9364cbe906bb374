"""How long callers are ready to wait. Pure.

Whoever is answered had more patience than he needed, so the mean wait of those who hung up is far too short: waits that ended with an answer
are censored. For exponential patience, which Erlang A assumes, the maximum-likelihood estimate is all waiting time over the number of
abandons (Mandelbaum and Zeltyn, Service Engineering in Action: The Palm/Erlang-A Queue, with Applications to Call Centers, 2007; Brown et
al. 2005, section 5). Whether it is exponential is looked at with the estimate of Kaplan and Meier (Journal of the American Statistical
Association 53, 1958), which assumes nothing. Who hangs up within seconds has not tried to wait: such short abandons are left out, and the
waits of all others count from there on, which changes nothing for an exponential.
"""

from dataclasses import dataclass
from math import exp, sqrt

import numpy as np

from forecast.series.calls import Flags
from forecast.series.counts import Floats

LEAST_ABANDONS = 20
"""Fewer tell nothing to rely on."""
_AT_RISK = 30
"""A survival curve is compared only where so many still wait."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """The patience of some callers."""

    abandons: int
    """Without the short ones."""
    mean_s: float
    """Of the exponential distribution: its theta is 1 / mean."""
    low_s: float
    high_s: float
    """The 95 % interval of the mean."""
    short_abandons: int
    misfit: float
    """The largest distance between the shares who would still wait, by Kaplan-Meier and by the exponential distribution; 0 to 1."""
    median_s: float | None
    """By Kaplan-Meier: half would wait so long; None when fewer than half had given up by the longest wait."""


def measure(wait_s: Floats, abandoned: Flags, *, short_s: float = 5.0) -> Patience | None:
    """Return the patience of callers who waited so long and gave up or not, or None for fewer than `LEAST_ABANDONS` who did.

    NaN is skipped. Who was answered at once tells nothing and changes nothing.
    """
    known = np.isfinite(wait_s) & (wait_s >= 0)
    waits, gave_up = wait_s[known], abandoned[known]
    short = gave_up & (waits <= short_s)
    left = waits > short_s
    waits, gave_up = waits[left] - short_s, gave_up[left]
    count = int(gave_up.sum())
    if count < LEAST_ABANDONS:
        return None
    mean = float(waits.sum()) / count
    spread = exp(1.96 / sqrt(count))  # the logarithm of the estimate is close to normal
    times, survival, at_risk = survivors(waits, gave_up)
    looked = at_risk >= _AT_RISK
    gaps = np.abs(survival - np.exp(-times / mean))[looked]
    half = np.flatnonzero(survival <= 0.5)
    return Patience(
        abandons=count,
        mean_s=mean,
        low_s=mean / spread,
        high_s=mean * spread,
        short_abandons=int(short.sum()),
        misfit=float(gaps.max()) if gaps.size else 0.0,
        median_s=float(times[half[0]]) + short_s if half.size else None,
    )


def survivors(wait_s: Floats, abandoned: Flags) -> tuple[Floats, Floats, Floats]:
    """Return the times at which callers gave up, the share who wait on beyond each (Kaplan-Meier), and how many still waited just before.

    Those who were answered are censored at their waits; at equal times abandons come first.
    """
    times, where = np.unique(wait_s, return_inverse=True)
    gone = np.bincount(where, minlength=len(times))
    gave_up = np.bincount(where, weights=abandoned.astype(np.float64), minlength=len(times))
    at_risk = (len(wait_s) - np.concatenate(([0], np.cumsum(gone)[:-1]))).astype(np.float64)
    survival = np.cumprod(1.0 - gave_up / at_risk).astype(np.float64)
    event = gave_up > 0
    return times[event], survival[event], at_risk[event]


def from_sums(wait_s: float, abandoned: float) -> float | None:
    """Return the mean of exponential patience from sums over callers, or None for fewer than `LEAST_ABANDONS`."""
    return wait_s / abandoned if abandoned >= LEAST_ABANDONS else None
