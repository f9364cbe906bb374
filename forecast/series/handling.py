"""How long calls take: talk, hold and wrap-up together. Pure.

Handling times are close to lognormal: Brown, Gans, Mandelbaum, Sakov, Shen, Zeltyn and Zhao, Statistical Analysis of a Telephone Call Center:
A Queueing-Science Perspective, Journal of the American Statistical Association 100 (2005), section 4. Erlang's formulas need their mean;
the simulation needs the whole distribution, and `share_short` warns of conversations that were none (the same paper found agents who hung
up to get a rest).
"""

from dataclasses import dataclass
from math import erf, exp, sqrt

import numpy as np

from forecast.series.counts import Floats

LEAST_CALLS = 30
"""Fewer calls tell nothing to rely on."""
SHORT_S = 10.0
LONGEST_S = 4 * 3_600.0
"""A conversation longer than this was not ended when it was over."""


@dataclass(frozen=True, kw_only=True)
class Handling:
    """Handling times of some calls."""

    calls: int
    mean_s: float
    error_s: float
    """Standard error of the mean."""
    cv: float
    """Standard deviation over mean; 1 for an exponential distribution."""
    median_s: float
    log_mean: float
    """Mean of the logarithms: the lognormal distribution's mu."""
    log_sd: float
    """Its sigma."""
    misfit: float
    """The largest distance between the shares of calls up to a length, as measured and as the lognormal has them (Kolmogorov-Smirnov)."""
    share_short: float
    """Of calls shorter than `SHORT_S`."""

    @property
    def lognormal_mean_s(self) -> float:
        """The mean that the fitted lognormal has; far from `mean_s` when the fit is bad."""
        return exp(self.log_mean + self.log_sd**2 / 2)


def measure(handled_s: Floats) -> Handling | None:
    """Return the measures of handling times (NaN is skipped, as are 0 and less), or None for fewer than `LEAST_CALLS`."""
    times = handled_s[np.isfinite(handled_s) & (handled_s > 0)]
    times = np.minimum(times, LONGEST_S)
    if len(times) < LEAST_CALLS:
        return None
    logs = np.log(times)
    mean, sd = float(times.mean()), float(times.std(ddof=1))
    log_mean, log_sd = float(logs.mean()), float(logs.std(ddof=1))
    return Handling(
        calls=len(times),
        mean_s=mean,
        error_s=sd / sqrt(len(times)),
        cv=sd / mean,
        median_s=float(np.median(times)),
        log_mean=log_mean,
        log_sd=log_sd,
        misfit=_misfit(np.sort(logs), log_mean, log_sd),
        share_short=float(np.mean(times < SHORT_S)),
    )


def _misfit(logs: Floats, mean: float, sd: float) -> float:
    if sd < 1e-9:  # all alike: any distribution fits
        return 0.0
    known = np.array([0.5 * (1 + erf((x - mean) / (sd * sqrt(2)))) for x in logs.tolist()])
    n = len(logs)
    return float(max(np.max(np.arange(1, n + 1) / n - known), np.max(known - np.arange(n) / n)))


def by_slot(handled_s: Floats, slot: Floats, slots: int, *, worth: float = 50.0) -> Floats:
    """Return the mean handling time of each slot of the day (S,), drawn to the mean of all where a slot has few calls.

    `slot` is the number of each call's slot. A slot with n calls is trusted by n / (n + `worth`): the credibility formula of Bühlmann
    (Experience Rating and Credibility, ASTIN Bulletin 4, 1967). All NaN when nothing is known.
    """
    known = np.isfinite(handled_s) & (handled_s > 0)
    times, where = np.minimum(handled_s[known], LONGEST_S), slot[known].astype(np.int64)
    if not len(times):
        return np.full(slots, np.nan)
    sizes = np.bincount(where, minlength=slots)[:slots]
    sums = np.bincount(where, weights=times, minlength=slots)[:slots]
    mixed: Floats = (sums + worth * times.mean()) / (sizes + worth)
    return mixed
