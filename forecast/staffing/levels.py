"""What callers are expected to meet: levels over the possible rates of an interval, and over many intervals. Pure.

Levels are weighted by calls: the share of *callers* who are answered in time, where busy days count for more because more people call on them. Without
patience a line that is longer than the agents can serve grows for ever in Erlang's model: its service level counts as 0, and its mean wait as what
it can become within the interval (reflected Brownian motion at load 1: Harrison, *Brownian Motion and Stochastic Flow Systems*, 1985, sec.
1.9; beyond it, the fluid line).
"""

from dataclasses import dataclass

import numpy as np

from forecast.series.counts import Floats
from forecast.staffing.erlang import Bools, Ints, Lines, lines
from forecast.staffing.rules import Rules

FIELDS = ("service_level", "asa_s", "abandoned", "occupancy")
"""The fields of `Levels`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Levels:
    """What callers are expected to meet, each (H, S). NaN where the queue is closed."""

    service_level: Floats
    """The share of callers who are answered within the threshold (formula B)."""
    asa_s: Floats
    """The mean wait of those who are answered."""
    abandoned: Floats
    """The share of callers who hang up."""
    occupancy: Floats
    """The share of their time in which agents work."""


def expected(calls: Floats, service_s: Floats, agents: Ints, weights: Floats, rules: Rules, step_s: float) -> Levels:
    """Return the levels (M,) expected over possible calls (K, M) per interval of these weights (K,), with agents (M,)."""
    met = lines(
        load=calls * service_s / step_s,
        agents=agents,
        service_s=service_s,
        threshold_s=rules.targets.threshold_s,
        patience_s=rules.work.patience_s,
        cv=rules.work.handling_cv,
    )
    chance = weights[:, None] * calls
    some = chance.sum(axis=0)
    answered = chance * (1 - met.abandoned)
    asa_s = _within_interval(met, calls, service_s, agents, step_s)
    waited = np.multiply(answered, asa_s, out=np.zeros(answered.shape), where=answered > 0)
    return Levels(
        service_level=_over(chance * met.answered_within, some, 1.0),
        asa_s=_over(waited, answered.sum(axis=0), np.where(some > 0, np.inf, 0.0)),
        abandoned=_over(chance * met.abandoned, some, 0.0),
        occupancy=weights @ met.occupancy,
    )


def _over(parts: Floats, whole: Floats, otherwise: float | Floats) -> Floats:
    """Return the sum of parts by the whole; `otherwise` where there is nothing."""
    return np.asarray(np.divide(parts.sum(axis=0), whole, out=np.zeros(whole.shape) + otherwise, where=whole > 0))


def _within_interval(met: Lines, calls: Floats, service_s: Floats, agents: Ints, step_s: float) -> Floats:
    """Return the mean wait, at most what a line that begins empty can come to on average within one interval."""
    if not np.isinf(met.asa_s).any() and met.asa_s.max(initial=0.0) < 1:
        return met.asa_s
    arrivals = calls / step_s
    ratio = np.divide(calls * service_s / step_s, agents, out=np.full(calls.shape, np.inf), where=agents > 0)
    at_one = 2 / 3 * np.sqrt(4 * step_s / np.pi / np.where(arrivals > 0, arrivals, np.inf))
    longest = np.where(arrivals > 0, at_one + np.maximum(ratio - 1, 0.0) * step_s / 2, 0.0)
    return np.minimum(met.asa_s, longest)


def summed(expected: Levels, calls: Floats, agents: Ints) -> dict[str, float]:
    """Return levels over many intervals as one: NaN where nobody is expected to call."""
    there = np.isfinite(expected.service_level)
    share = np.where(there, calls, 0.0)
    answered = share * (1 - np.nan_to_num(expected.abandoned))
    return {
        "service_level": _mean(expected.service_level, share, there),
        "asa_s": _mean(expected.asa_s, answered, there),
        "abandoned": _mean(expected.abandoned, share, there),
        "occupancy": _mean(expected.occupancy, np.where(there, agents, 0).astype(float), there),
    }


def _mean(values: Floats, weights: Floats, there: Bools) -> float:
    total = float(weights[there].sum())
    if total <= 0:
        return float("nan")
    counts = there & (weights > 0)
    return float((values[counts] * weights[counts]).sum() / total)
