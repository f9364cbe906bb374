"""From a forecast of counts to the distribution of the rate behind them, and from rates to the work offered to agents. Pure.

**Counts and rates.** A forecast says how the *count* of an interval is spread. Part of that spread is Poisson noise, which is there even when the
rate is known for sure, and which Erlang's formulas contain already: to put it in again would staff for it twice. So the rate is given the mean of the forecast
and the variance that is left, var(rate) = var(count) - mean (the law of total variance for a Poisson count with a random rate), with the shape of
the forecast's quantiles (Jongbloed, Koole, "Managing uncertainty in call centres using Poisson mixtures", Applied Stochastic Models in Business and
Industry 17, 2001; Steckley, Henderson, Mehrotra, "Forecast errors in service systems", Probability in the Engineering and Informational Sciences 23, 2009).

**Possible rates.** `Rates` holds NODES rates per interval, at equal steps of the normal score, with their weights: an expectation over the distribution is a
weighted sum, the trapezoid rule, which is precise for the smooth curves of service levels.

**Calls that last beyond their interval.** Erlang's formulas take each interval for itself, as if it lasted for ever. Where it is not much longer than a
call, the agents of one interval are still busy with the calls of the one before. What they are offered then is the *modified offered load* (Jennings,
Mandelbaum, Massey, Whitt, "Server staffing to meet time-varying demand", Management Science 42, 1996): m' = rate - m / lag, from the end of the
interval before, in closed form for a rate that is constant within an interval; lag is the handling time, or half of (1 + cv²) of it (the mean
of its stationary excess). The load of an interval is the mean of m over it. The first interval after a gap begins as if it had lasted for long.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from forecast.models.base import LEVELS, Forecast
from forecast.series.counts import DAY_MINUTES, Dates, Floats
from hotline.errors import Misuse

NODES = 21
_WIDEST = 3.2
"""Beyond so many standard deviations nothing is looked at (0.1 %)."""
LONG = 4.0
"""An interval of so many handling times is taken by itself, unless the rules say otherwise."""


def _scores() -> tuple[Floats, Floats, Floats]:
    """Return nodes, their weights, and the matrix that takes the roots of the quantiles of LEVELS to the nodes.

    Between two levels the square root of the quantile is a straight line over the normal score, and beyond the first and the last one the line goes on: the
    root of a count is nearly normal (Anscombe 1948), its tail upwards is not.
    """
    nodes = np.linspace(-_WIDEST, _WIDEST, NODES)
    density = np.exp(-(nodes**2) / 2)
    known = ndtri(np.array(LEVELS))
    left = np.clip(np.searchsorted(known, nodes) - 1, 0, len(known) - 2)
    part = (nodes - known[left]) / (known[left + 1] - known[left])
    matrix = np.zeros((NODES, len(known)))
    matrix[np.arange(NODES), left] = 1 - part
    matrix[np.arange(NODES), left + 1] = part
    return nodes, density / density.sum(), matrix


SCORES, WEIGHTS, _FROM_QUANTILES = _scores()
"""The normal scores at which rates are looked at, and their weights, which sum to 1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rates:
    """The possible rates of each interval."""

    nodes: Floats
    """(NODES, H, S): calls per interval, ascending along the first axis; WEIGHTS are their probabilities."""
    mean: Floats
    """(H, S): their mean, as the forecast says."""

    def at(self, score: float) -> Floats:
        """Return the rate at a normal score (H, S): 1.2816 is the rate that is not exceeded in 90 % of all cases."""
        right = int(np.clip(np.searchsorted(SCORES, score), 1, NODES - 1))
        part = (score - SCORES[right - 1]) / (SCORES[right] - SCORES[right - 1])
        return np.asarray(self.nodes[right - 1] * (1 - part) + self.nodes[right] * part)

    def times(self, factor: float) -> "Rates":
        """Return the same with so many times as many calls."""
        return Rates(nodes=self.nodes * factor, mean=self.mean * factor)


def rates_of(forecast: Forecast) -> Rates:
    """Return the distribution of the rate behind a forecast of slots. Raises Misuse for one of whole days or months, or with gaps."""
    if forecast.step_min >= DAY_MINUTES:
        raise Misuse("staffing needs a forecast of intervals within the day, not of whole days or months")
    if not (np.isfinite(forecast.mean).all() and np.isfinite(forecast.quantiles).all()):
        raise Misuse("staffing needs a forecast without gaps")
    mean = np.maximum(forecast.mean, 0.0)
    roots = np.sqrt(np.maximum(forecast.quantiles, 0.0))
    counts = np.maximum(np.tensordot(_FROM_QUANTILES, roots, axes=1), 0.0) ** 2
    centre = np.tensordot(WEIGHTS, counts, axes=1)
    deviation = counts - centre
    variance = np.tensordot(WEIGHTS, deviation**2, axes=1)
    left = np.maximum(variance - mean, 0.0)
    factor = np.sqrt(np.divide(left, variance, out=np.zeros_like(left), where=variance > 0))
    nodes = np.maximum.accumulate(np.maximum(mean + deviation * factor, 0.0), axis=0)
    got = np.tensordot(WEIGHTS, nodes, axes=1)
    nodes *= np.divide(
        mean, got, out=np.zeros_like(mean), where=got > 0
    )  # what was cut off below 0 must not move the mean
    return Rates(nodes=nodes, mean=mean)


def carried_over(
    rates: Rates, *, handling_s: Floats, handling_cv: float, periods: Dates, starts_min: tuple[int, ...], step_min: int
) -> Rates:
    """Return the rates at which Erlang's formulas meet the load that calls of earlier intervals add to, or are still missing from, each interval.

    `handling_s` is (H, S). High rates are taken to follow high rates, and low ones low ones, as they do within a day.
    """
    step_s = step_min * 60.0
    begins = (periods.astype("datetime64[D]").astype(np.int64)[:, None] * DAY_MINUTES + np.array(starts_min)).ravel()
    service = handling_s.ravel()
    lag = service * (1 + handling_cv**2) / 2
    keeps = np.exp(-step_s / lag)
    inflow = np.concatenate((rates.nodes, rates.mean[None])).reshape(NODES + 1, -1) / step_s * service
    offered = np.empty_like(inflow)
    busy = np.zeros(NODES + 1)
    for number in range(inflow.shape[1]):
        if number == 0 or begins[number] - begins[number - 1] != step_min:
            busy = inflow[:, number]
        gap = busy - inflow[:, number]
        offered[:, number] = inflow[:, number] + gap * (1 - keeps[number]) * lag[number] / step_s
        busy = inflow[:, number] + gap * keeps[number]
    found = (offered / service * step_s).reshape(NODES + 1, *rates.mean.shape)
    return Rates(nodes=found[:-1], mean=found[-1])
