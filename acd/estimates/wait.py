"""How much longer a caller waits, from those before him and from the openings that are to come. Pure.

With k callers before him, a caller is served at the (k+1)th departure from the head of the line. In the Erlang-A model (M/M/n+M:
exponential handling times of rate m at n agents who are all busy, exponential patience of rate p) the time until i+1 become i is
exponential with rate n m + i p, for i = k ... 0, and the wait is the sum of these independent times (W. Whitt, Predicting
Queueing Delays, Management Science 1999; Garnett, Mandelbaum and Reiman, Designing a Call Center with Impatient Customers,
M&SOM 2002). Only those before him leave the line early: he is the one who wants to know, so he stays.

We keep this sum and let go of the exponential handling times by measuring time in expected openings (`supply`): one unit
passes while one opening is expected. In it the time until i+1 become i has mean 1 / (1 + i p/s), s being the openings per second
over the wait, so

    mean U = sum over i of 1 / (1 + i p/s),       variance U = I * sum over i of 1 / (1 + i p/s)**2,

where I is the variance of the number of openings over its mean (1 for exponential handling times, below for steadier ones).
U is taken to be gamma distributed, which is exact for a Poisson process without hang-ups; with a steady process it is the half
between k and k+1 openings that counts, not k+1, so the mean is lowered by (1 - I)/2. Quantiles of the gamma
distribution come from the cube-root transform (Wilson and Hilferty, 1931); the supply curve turns them back into seconds.

The cost is that of a few dozen multiplications, whatever the length of the line.
"""

import math
from typing import NamedTuple

from acd.estimates.supply import Supply

Z_P50, Z_P90 = 0.0, 1.2816
"""Quantiles of the normal distribution."""
SUMMED = 24
"""So many terms of the sum are added up; the rest is an integral."""
ROUNDS = 3
"""How often the wait over which rates are averaged is improved."""
LONGEST_S = 6 * 3600.0
"""Nobody is told more; a caller who would wait longer than this waits `for ever` in our eyes."""
_LEAST_SHAPE = 0.2


class Estimate(NamedTuple):
    """How much longer a caller waits until an agent answers, in seconds."""

    p50_s: float
    """As likely to be longer as shorter."""
    p90_s: float
    """Only one of ten waits longer."""


def estimate(supply: Supply, before: float, leaving_per_s: float, *, ring_s: float = 0.0) -> Estimate:
    """Return the estimate for a caller with `before` others before him, each of whom hangs up at the rate `leaving_per_s`.

    `ring_s` passes between the opening and the answer. Times are at most `LONGEST_S`, which they are where no agent will be left.
    """
    before = max(before, 0.0)
    wait_s = supply.when(before + 1.0)
    if wait_s == math.inf:
        return Estimate(p50_s=LONGEST_S, p90_s=LONGEST_S)
    mean = variance = 1.0
    for _ in range(ROUNDS):
        mean, variance = _operational(supply, before, leaving_per_s, wait_s)
        wait_s = supply.when(mean)
    p50_s, p90_s = (supply.when(_gamma(mean, variance, z)) + ring_s for z in (Z_P50, Z_P90))
    return Estimate(p50_s=min(p50_s, LONGEST_S), p90_s=min(max(p90_s, p50_s), LONGEST_S))


def _operational(supply: Supply, before: float, leaving_per_s: float, wait_s: float) -> tuple[float, float]:
    """Return mean and variance of the wait in expected openings, with the rates that hold over `wait_s`."""
    over_s = min(max(wait_s, 1.0), LONGEST_S)
    openings, spread = supply.at(over_s)
    dispersion = min(max(spread / openings, 0.02), 4.0) if openings > 0 else 1.0
    ratio = leaving_per_s * over_s / openings if openings > 0 else 0.0
    first, second = _sums(before, ratio)
    return max(first - (1.0 - dispersion) / 2.0, 0.05), dispersion * second


def _sums(before: float, ratio: float) -> tuple[float, float]:
    """Return the sums over i = 0 … `before` of 1 / (1 + i ratio) and of its square; a part of a caller counts as a part."""
    whole = int(before)
    first = second = 0.0
    for i in range(min(whole, SUMMED) + 1):
        stage = 1.0 / (1.0 + i * ratio)
        first += stage
        second += stage * stage
    if whole > SUMMED:
        low, high = SUMMED + 0.5, whole + 0.5  # the midpoint rule
        a, b = 1.0 + low * ratio, 1.0 + high * ratio
        first += math.log(b / a) / ratio if ratio > 1e-9 else high - low
        second += (high - low) / (a * b)
    part = before - whole
    if part > 0:
        stage = 1.0 / (1.0 + (whole + 1) * ratio)
        first += part * stage
        second += part * stage * stage
    return first, second


def _gamma(mean: float, variance: float, z: float) -> float:
    """Return the quantile of the gamma distribution with this mean and variance that belongs to `z` of the normal one."""
    shape = max(mean * mean / variance, _LEAST_SHAPE) if variance > 0 else 1e9
    root = 1.0 - 1.0 / (9.0 * shape) + z / (3.0 * math.sqrt(shape))
    return float(mean * max(root, 0.0) ** 3)
