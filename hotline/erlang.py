"""Waiting lines in closed form: Erlang B, Erlang C (M/M/n) and Erlang A (M/M/n+M). Pure.

Calls arrive as a Poisson process of `arrivals` per second, talk and wrap-up together last `service_s` on average (exponential),
`agents` serve in the order of arrival. With *patience*, each caller hangs up after an exponential time of mean `patience_s` unless he
is served before. The formulas know one queue and agents who are all alike; for anything else there is the simulation, which
must agree with them where they hold (tests/unit/acd/simulation).

Sources: A. K. Erlang (1917) for B and C; L. Kleinrock, Queueing Systems I (1975), ch. 3; for A: Garnett, Mandelbaum, Reiman,
"Designing a call center with impatient customers", M&SOM 4 (2002), in the form of Zeltyn, Mandelbaum, "Call centers with impatient
customers: many-server asymptotics of the M/M/n+G queue", QUESTA 51 (2005), sec. 9; Kingman, "The single server queue in heavy
traffic" (1961), with the factor for n servers of Allen and Cunneen (1978).
"""

from itertools import pairwise
from math import exp, inf, log, sqrt

import msgspec

from hotline.errors import Misuse

_NODES = (-0.9061798459386640, -0.5384693101056831, 0.0, 0.5384693101056831, 0.9061798459386640)
_WEIGHTS = (0.2369268850561891, 0.4786286704993665, 0.5688888888888889, 0.4786286704993665, 0.2369268850561891)
"""Gauss-Legendre on [-1, 1] with five points (Abramowitz, Stegun, table 25.4)."""
_PANELS = 200
_TINY = 1e-300
"""A share smaller than this is taken for this."""
_NEGLIGIBLE = 40.0
"""A density that has fallen by exp(-40) does not count any more."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What callers of one queue meet in the long run."""

    waits: float
    """The share of callers who are not served at once."""
    asa_s: float
    """The mean wait of those who are answered."""
    wait_s: float
    """The mean wait of all callers, those who give up included."""
    abandoned: float
    """The share of callers who give up."""
    occupancy: float
    """The share of their time in which agents work."""
    answered_within: float
    """The share of all callers who are answered within the threshold (service level, formula B of KPI.md)."""


def erlang_b(load: float, agents: int) -> float:
    """Return the share of callers who find all `agents` busy when nobody may wait; `load` is in erlangs."""
    if load <= 0:
        return 0.0 if agents else 1.0
    blocked = 1.0
    for number in range(1, agents + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def erlang_c(load: float, agents: int) -> float:
    """Return the share of callers who wait when everybody waits until he is served; 1 when the agents cannot keep up."""
    if load >= agents:
        return 1.0
    blocked = erlang_b(load, agents)
    return agents * blocked / (agents - load * (1 - blocked))


def without_patience(*, arrivals: float, service_s: float, agents: int, threshold_s: float) -> Line:
    """Return what callers meet who never hang up (Erlang C). Raises Misuse when the line would grow for ever."""
    load = arrivals * service_s
    _check(arrivals, service_s, agents)
    if load >= agents:
        raise Misuse(f"{agents} agents cannot carry {load:g} erlangs: the line would grow for ever")
    waits = erlang_c(load, agents)
    spare = (agents - load) / service_s
    wait_s = waits / spare
    return Line(
        waits=waits,
        asa_s=wait_s,
        wait_s=wait_s,
        abandoned=0.0,
        occupancy=load / agents,
        answered_within=1 - waits * exp(-spare * threshold_s),
    )


def with_patience(*, arrivals: float, service_s: float, agents: int, patience_s: float, threshold_s: float) -> Line:
    """Return what callers meet who hang up after an exponential patience (Erlang A).

    The density of the wait that a caller with endless patience would meet is, for x > 0, proportional to
    arrivals * exp(growth(x)) with growth(x) = arrivals * patience_s * (1 - exp(-x / patience_s)) - agents * x / service_s; the weight
    of "no wait" is 1 / erlang_b(load, agents - 1). Everything else is an integral over that density.
    """
    _check(arrivals, service_s, agents)
    if patience_s <= 0:
        raise Misuse("patience must be more than 0 s")
    load = arrivals * service_s
    peak = patience_s * max(0.0, log(load / agents))
    free = -log(max(erlang_b(load, agents - 1), _TINY))
    scale = max(free, _growth(peak, arrivals, service_s, agents, patience_s))  # keeps every power within range
    at_once = exp(free - scale)
    waiting, stay, soon, waited = 0.0, 0.0, 0.0, 0.0
    for x, weight in _points(arrivals, service_s, agents, patience_s, threshold_s):
        density = weight * arrivals * exp(_growth(x, arrivals, service_s, agents, patience_s) - scale)
        patient = exp(-x / patience_s)
        waiting += density
        stay += density * patient
        waited += density * patient * x
        soon += density * patient if x <= threshold_s else 0.0
    total = at_once + waiting
    abandoned = 1 - (at_once + stay) / total
    return Line(
        waits=waiting / total,
        asa_s=waited / (at_once + stay),
        wait_s=abandoned * patience_s,
        abandoned=abandoned,
        occupancy=load * (1 - abandoned) / agents,
        answered_within=(at_once + soon) / total,
    )


def kingman(*, arrivals: float, service_s: float, agents: int, arrival_cv: float, service_cv: float) -> float:
    """Return the approximate mean wait in seconds when neither gaps nor services are exponential (Allen-Cunneen).

    `arrival_cv` and `service_cv` are standard deviation by mean. Good in heavy traffic; exact for M/M/n and M/G/1.
    """
    plain = without_patience(arrivals=arrivals, service_s=service_s, agents=agents, threshold_s=0.0).wait_s
    return plain * (arrival_cv**2 + service_cv**2) / 2


def agents_needed(
    *, arrivals: float, service_s: float, threshold_s: float, target: float, patience_s: float = inf, most: int = 10_000
) -> int:
    """Return the least number of agents with whom the share `target` of all callers is answered within the threshold.

    Raises Misuse when even `most` are too few.
    """
    low, high = 1, 1
    while high < most and _reached(arrivals, service_s, high, patience_s, threshold_s) < target:
        low, high = high + 1, min(high * 2, most)
    if _reached(arrivals, service_s, high, patience_s, threshold_s) < target:
        raise Misuse(f"more than {most} agents would be needed")
    while low < high:
        middle = (low + high) // 2
        if _reached(arrivals, service_s, middle, patience_s, threshold_s) < target:
            low = middle + 1
        else:
            high = middle
    return low


def _reached(arrivals: float, service_s: float, agents: int, patience_s: float, threshold_s: float) -> float:
    if patience_s < inf:
        return with_patience(
            arrivals=arrivals, service_s=service_s, agents=agents, patience_s=patience_s, threshold_s=threshold_s
        ).answered_within
    if arrivals * service_s >= agents:
        return 0.0
    return without_patience(
        arrivals=arrivals, service_s=service_s, agents=agents, threshold_s=threshold_s
    ).answered_within


def _check(arrivals: float, service_s: float, agents: int) -> None:
    if arrivals <= 0 or service_s <= 0 or agents < 1:
        raise Misuse("there must be arrivals, a service time of more than 0 s and at least one agent")


def _growth(x: float, arrivals: float, service_s: float, agents: int, patience_s: float) -> float:
    return arrivals * patience_s * (1 - exp(-x / patience_s)) - agents * x / service_s


def _points(
    arrivals: float, service_s: float, agents: int, patience_s: float, threshold_s: float
) -> list[tuple[float, float]]:
    """Return points and weights for an integral from 0 to where nothing is left, with the threshold at a border."""
    end = _end(arrivals, service_s, agents, patience_s)
    edges = [0.0, min(threshold_s, end), end] if threshold_s > 0 else [0.0, end]
    points: list[tuple[float, float]] = []
    for start, stop in pairwise(edges):
        half = (stop - start) / _PANELS / 2
        middles = (start + half * (2 * panel + 1) for panel in range(_PANELS)) if half > 0 else ()
        points += [
            (m + half * node, half * weight) for m in middles for node, weight in zip(_NODES, _WEIGHTS, strict=True)
        ]
    return points


def _end(arrivals: float, service_s: float, agents: int, patience_s: float) -> float:
    """Return from where on the density is negligible: found by doubling, beyond its peak."""
    load = arrivals * service_s
    peak = patience_s * max(0.0, log(load / agents))
    top = _growth(peak, arrivals, service_s, agents, patience_s)
    step = min(patience_s, service_s / sqrt(agents))
    while top - _growth(peak + step, arrivals, service_s, agents, patience_s) < _NEGLIGIBLE:
        step *= 1.5
    return peak + step
