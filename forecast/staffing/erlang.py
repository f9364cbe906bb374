"""Erlang B, C and A for whole arrays of loads and agents at once. Pure.

The model is that of `hotline.erlang`, which the router uses for one queue at a time: Poisson arrivals, `service_s` on average for talk and
wrap-up, agents who are all alike, callers served in the order of arrival, with `patience_s` each hanging up after an exponential time.
A staffing plan asks for hundreds of loads, each with many possible rates and several numbers of agents: here every argument may be an array,
all are broadcast against each other, and there is no loop over loads.

Formulas and sources
* Erlang B as a ratio of Poisson terms, B = P(N = n) / P(N <= n) for N of mean `load` (Cooper, *Introduction to Queueing Theory*, 2nd ed. 1981,
  sec. 3.3). Where P(N <= n) is too small for a double (far overload), its ratio to the last term is Legendre's continued fraction of the
  incomplete gamma function (Abramowitz, Stegun 6.5.31), so that nothing underflows.
* Erlang C from Erlang B: C = n B / (n - load (1 - B)).
* Erlang A: the density of the wait that a caller with endless patience would meet (Zeltyn, Mandelbaum, QUESTA 51, 2005, sec. 9), as in
  `hotline.erlang.with_patience`. It is log-concave, so that its ends are known in closed form; 24 points of Gauss and Legendre up to the threshold and
  48 beyond it agree with the chain of states to nine digits, and to six where patience is a hundred times as short as a call.
* Calls that are not exponential, without patience: the mean wait is multiplied by (1 + cv²) / 2 (Lee, Longton 1959; Allen, Cunneen 1978), and so
  is the mean of the exponential tail. Exact for M/M/n, and in the mean for M/G/1. With patience the distribution of handling times
  beyond its mean hardly matters (Whitt, "Engineering solution of a basic call-center model", Management Science 51, 2005), and is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincc, gammaln, xlogy

from forecast.series.counts import Floats

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MOST_AGENTS = 50_000
"""So many agents are looked at; more than that nobody has in one queue."""

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(24)
_SHARES, _WEIGHTS = (_POINTS + 1) / 2, _WEIGHTS / 2  # from [-1, 1] to [0, 1]
_NEGLIGIBLE = 36.0
"""A density that has fallen by exp(-36) does not count any more."""
_SOON = 14.0
"""So many mean patiences beyond the threshold the integral is cut once more: by then nearly everybody has given up."""
_TINY = 1e-280
"""A probability below this is not computed by subtraction from 1 but by a continued fraction."""
_ROWS = 1_024
"""So many integrals are done at once: their points fit into the processor's cache."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lines:
    """What callers meet in the long run, each an array of the broadcast shape. Nobody calling: nobody waits."""

    waits: Floats
    """The share of callers who are not served at once."""
    asa_s: Floats
    """The mean wait of those who are answered; infinite where the line grows for ever, or nobody is answered."""
    wait_s: Floats
    """The mean wait of all callers, those who give up included."""
    abandoned: Floats
    """The share of callers who give up."""
    occupancy: Floats
    """The share of their time in which agents work; 1 where there is work and no agent."""
    answered_within: Floats
    """The share of all callers who are answered within the threshold (formula B of the service level)."""


def erlang_b(load: ArrayLike, agents: ArrayLike) -> Floats:
    """Return the share of callers who find all agents busy when nobody may wait; `load` in erlangs."""
    return cast("Floats", np.exp(log_erlang_b(load, agents)))


def log_erlang_b(load: ArrayLike, agents: ArrayLike) -> Floats:
    """Return the logarithm of `erlang_b`, which is finite wherever there is load; without load and with agents it is -inf."""
    loads, numbers = np.broadcast_arrays(np.atleast_1d(np.asarray(load, float)), np.asarray(agents, float))
    below = gammaincc(numbers + 1, loads)
    with np.errstate(divide="ignore"):
        found = xlogy(numbers, loads) - gammaln(numbers + 1) - loads - np.log(below)
    far = below < _TINY
    if far.any():
        found[far] = -np.log(_overload_ratio(loads[far], numbers[far]))
    found = np.minimum(found, 0.0)
    return cast("Floats", found.reshape(np.broadcast_shapes(np.shape(load), np.shape(agents))))


def _overload_ratio(load: Floats, agents: Floats) -> Floats:
    """Return P(N <= n) / P(N = n) for a load far beyond n.

    The continued fraction is that of Gamma(n + 1, load) exp(load) / load^n, evaluated from its end; so far from the mean sixty steps are
    more than enough.
    """
    a = agents + 1
    fraction = load - a + 2 * 61 + 1
    for step in range(60, 0, -1):
        fraction = load - a + 2 * step + 1 - (step + 1) * (step + 1 - a) / fraction
    return load / (load - a + 1 - (1 - a) / fraction)


def erlang_c(load: ArrayLike, agents: ArrayLike) -> Floats:
    """Return the share of callers who wait when everybody waits until he is served; 1 where the agents cannot keep up."""
    loads, numbers = np.broadcast_arrays(np.asarray(load, float), np.asarray(agents, float))
    found = np.ones(loads.shape)
    calm = loads < numbers
    some, busy = numbers[calm], loads[calm]
    blocked = erlang_b(busy, some)
    found[calm] = some * blocked / (some - busy * (1 - blocked))
    return found


def lines(
    *,
    load: ArrayLike,
    agents: ArrayLike,
    service_s: ArrayLike,
    threshold_s: ArrayLike,
    patience_s: float = np.inf,
    cv: float = 1.0,
) -> Lines:
    """Return what callers meet. `load` is arrivals per second times `service_s`, in erlangs.

    With endless patience and load >= agents the line grows for ever: nobody is answered within the threshold and the wait is infinite.
    """
    given = np.broadcast_arrays(*(np.asarray(value, float) for value in (load, agents, service_s, threshold_s)))
    loads, numbers, service, threshold = (value.ravel() for value in given)
    if np.isfinite(patience_s):
        found = _impatient(loads, numbers, service, threshold, patience_s)
    else:
        found = _patient(loads, numbers, service, threshold, cv)
    return Lines(**{name: value.reshape(given[0].shape) for name, value in found.items()})


def _patient(load: Floats, agents: Floats, service_s: Floats, threshold_s: Floats, cv: float) -> dict[str, Floats]:
    waits = np.where(load > 0, erlang_c(load, agents), 0.0)
    calm = load < agents
    spare = np.where(calm, (agents - load) / service_s, 1.0) / ((1 + cv**2) / 2)
    wait_s = np.where(load <= 0, 0.0, np.where(calm, waits / spare, np.inf))
    within = np.where(calm, 1 - waits * np.exp(-spare * threshold_s), np.where(load > 0, 0.0, 1.0))
    return {
        "waits": waits,
        "asa_s": wait_s,
        "wait_s": wait_s,
        "abandoned": np.zeros(load.shape),
        "occupancy": _share_of(load, agents),
        "answered_within": within,
    }


def _share_of(work: Floats, agents: Floats) -> Floats:
    return np.minimum(np.divide(work, agents, out=np.where(work > 0, 1.0, 0.0), where=agents > 0), 1.0)


def _impatient(
    load: Floats, agents: Floats, service_s: Floats, threshold_s: Floats, patience_s: float
) -> dict[str, Floats]:
    """Return Erlang A; where nobody calls or nobody serves, what that means without an integral."""
    served = (load > 0) & (agents > 0)
    left = (load > 0) & (agents <= 0)  # all of these give up
    waits, abandoned, within, occupancy = (
        np.where(left, *pair) for pair in ((1.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 0.0))
    )
    asa_s = np.where(left, np.inf, 0.0)
    parts = (load[served], agents[served], service_s[served] / patience_s, threshold_s[served] / patience_s)
    found = np.empty((4, len(parts[0])))
    for start in range(0, len(parts[0]), _ROWS):
        piece = slice(start, start + _ROWS)
        found[:, piece] = _erlang_a(*(part[piece] for part in parts))
    waits[served], abandoned[served], asa_s[served], within[served] = found
    asa_s[served] *= patience_s
    occupancy[served] = np.minimum(parts[0] * (1 - found[1]) / parts[1], 1.0)
    return {
        "waits": waits,
        "asa_s": asa_s,
        "wait_s": abandoned * patience_s,
        "abandoned": abandoned,
        "occupancy": occupancy,
        "answered_within": within,
    }


def _erlang_a(load: Floats, agents: Floats, service: Floats, threshold: Floats) -> Floats:
    """Return waits, abandoned, mean wait of the answered, answered within: with times in units of the mean patience.

    For x > 0 the density is proportional to arrivals * exp(growth(x)), growth(x) = arrivals (1 - exp(-x)) - agents x / service, with arrivals
    per unit of patience; no wait at all has the weight 1 / erlang_b(load, agents - 1).
    """
    arrivals, speed = load / service, agents / service
    peak = np.log(np.maximum(load / agents, 1.0))
    top = -arrivals * np.expm1(-peak) - speed * peak
    free = -log_erlang_b(load, agents - 1)
    scale = np.maximum(free, top)  # keeps every power within range
    start, end = _span(arrivals, speed, peak)
    middle = np.clip(threshold, start, end)
    soon = middle + np.minimum((end - middle) / 2, _SOON)
    sums = np.empty((3, 3, len(load)))
    for number, (begin, stop) in enumerate(((start, middle), (middle, soon), (soon, end))):
        length = stop - begin
        x = begin[:, None] + length[:, None] * _SHARES
        gone = -np.expm1(-x)
        density = np.exp(arrivals[:, None] * gone - speed[:, None] * x - scale[:, None])
        factor = arrivals * length
        left = density * gone
        sums[number] = (
            factor * (density @ _WEIGHTS),
            factor * (left @ _WEIGHTS),
            factor * (((density - left) * x) @ _WEIGHTS),
        )
    at_once = np.exp(free - scale)
    waiting, gone_up, waited = sums.sum(axis=0)
    total = at_once + waiting
    stayed = at_once + waiting - gone_up
    return np.stack((waiting / total, gone_up / total, waited / stayed, (at_once + sums[0, 0] - sums[0, 1]) / total))


def _span(arrivals: Floats, speed: Floats, peak: Floats) -> tuple[Floats, Floats]:
    """Return from where to where the density counts: bounds, in closed form, of where growth is _NEGLIGIBLE below its top.

    At a distance u from an inner peak growth has fallen by speed (exp(-u) - 1 + u). To the right that is at least
    k = _NEGLIGIBLE / speed from u = k + sqrt(2 k) on; to the left from the lesser of sqrt(2 k) and log(2 k) (or 1.68) on. With the peak at the border it
    falls by speed ((1 - r) u + r (exp(-u) - 1 + u)), r = arrivals / speed, of which each part alone gives a bound.
    """
    k = _NEGLIGIBLE / speed
    ratio = np.minimum(arrivals / speed, 1.0)
    spare = np.maximum(1 - ratio, 1e-9)
    right = np.minimum(np.minimum(k / spare, k + ratio), np.sqrt(2 * k / ratio) + k / ratio)
    left = np.minimum(np.sqrt(2 * k), np.log(np.maximum(2 * k, 5.4)))
    return np.maximum(peak - left, 0.0), peak + right


# --- the least number of agents ------------------------------------------------------------------------------------------


def least(enough: Callable[[Ints, Ints], Bools], guess: ArrayLike, *, floor: int = 0, most: int = MOST_AGENTS) -> Ints:
    """Return for each entry of `guess` the least number of agents, from `floor` to `most`, that is enough; `most` + 1 where none is.

    `enough(which, agents)` says for the entries numbered `which` whether these numbers suffice; more agents never make it worse. From the guess the
    steps double until the answer is enclosed, then the enclosure is halved; entries that are done are not asked again.
    """
    first = np.clip(np.asarray(guess, dtype=np.int64), floor, most)
    low, high = np.full(first.shape, floor - 1), np.full(first.shape, most + 1)  # never enough, and taken for enough
    ask, step = first.copy(), np.ones(first.shape, dtype=np.int64)
    open_ = np.arange(len(first))
    while len(open_):
        good = enough(open_, ask[open_])
        high[open_[good]] = ask[open_[good]]
        low[open_[~good]] = ask[open_[~good]]
        open_ = open_[high[open_] - low[open_] > 1]
        down, up = ask[open_] - step[open_], ask[open_] + step[open_]
        step[open_] *= 2
        halves = (low[open_] + high[open_]) // 2
        enclosed = (low[open_] >= floor) & (high[open_] <= most)
        asked_well = high[open_] == ask[open_]
        outward = np.where(asked_well, np.maximum(down, low[open_] + 1), np.minimum(up, high[open_] - 1))
        ask[open_] = np.where(enclosed, halves, outward)
    return high


def guess_of(load: ArrayLike) -> Ints:
    """Return a number of agents near what most targets need (square-root staffing: Halfin, Whitt 1981), to begin a search with."""
    loads = np.asarray(load, float)
    return cast("Ints", np.ceil(loads + 0.5 * np.sqrt(loads)).astype(np.int64))
