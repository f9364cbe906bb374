"""How often agents become free from now on: the expected number of openings until a time, and its variance. Pure.

Each agent opens when what he does now is over, and then again after each further contact. Over `t` seconds an agent whose next
opening comes after `r` opens 1 + N(t - r) times if r <= t, where N counts the renewals of his handling time (mean m, squared
coefficient of variation c2). N is taken with its first two moments

    E N(s) = s/m + (c2 - 1)/2 * (1 - exp(-2 s/m)),        Var N(s) = c2 * s/m,

which are exact for exponential handling times and otherwise right for short and for long s (D. R. Cox, Renewal Theory, 1962,
4.2 and 4.6: (c2 - 1)/2 is the asymptotic excess). The distribution of r comes as a few equally likely spans, in each of which
it is uniform. Agents are independent, so means and variances add up.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable
from itertools import pairwise

import msgspec

GRID: tuple[float, ...] = (0.0, *(2.0 * 1.5**n for n in range(20)))
"""Seconds at which the curves are computed; beyond the last (1.2 hours) they go on as straight lines."""


class Server(msgspec.Struct, frozen=True):
    """Some agents of whom the same is known."""

    remaining: tuple[float, ...]
    """The next opening: bounds of equally likely spans of time, in each of which it may come at any moment."""
    cycle_s: float
    """How long a contact takes from one opening to the next, on average."""
    scv: float
    number: float = 1.0


class Supply(msgspec.Struct, frozen=True, kw_only=True):
    """The curves of one queue: at each time of `GRID` the expected number of openings and its variance."""

    mean: tuple[float, ...]
    variance: tuple[float, ...]
    rate: float
    """Openings per second in the long run."""

    def at(self, time_s: float) -> tuple[float, float]:
        """Return mean and variance at a time."""
        if time_s >= GRID[-1]:
            more = self.rate * (time_s - GRID[-1])
            dispersion = self.variance[-1] / self.mean[-1] if self.mean[-1] > 0 else 1.0
            return self.mean[-1] + more, self.variance[-1] + more * dispersion
        right = max(bisect_left(GRID, time_s), 1)
        share = (time_s - GRID[right - 1]) / (GRID[right] - GRID[right - 1])
        return (
            self.mean[right - 1] + share * (self.mean[right] - self.mean[right - 1]),
            self.variance[right - 1] + share * (self.variance[right] - self.variance[right - 1]),
        )

    def when(self, openings: float) -> float:
        """Return the time at which so many openings are expected; infinite when there are never so many."""
        if openings <= self.mean[0]:
            return 0.0
        if openings > self.mean[-1]:
            return GRID[-1] + (openings - self.mean[-1]) / self.rate if self.rate > 0 else math.inf
        right = max(bisect_left(self.mean, openings), 1)
        low, high = self.mean[right - 1], self.mean[right]
        share = (openings - low) / (high - low) if high > low else 0.0
        return GRID[right - 1] + share * (GRID[right] - GRID[right - 1])


def supply(servers: Iterable[Server], *, taken_per_s: float = 0.0) -> Supply:
    """Return the curves of these agents together.

    `taken_per_s`: openings per second that go to callers who come later and are served first (of queues with higher priority);
    a twentieth of all is left in any case, because nobody waits for ever.
    """
    mean, variance, rate = [0.0] * len(GRID), [0.0] * len(GRID), 0.0
    for server in servers:
        rate += server.number / server.cycle_s
        _add(server, mean, variance)
    if taken_per_s > 0 and rate > 0:
        left = max(1.0 - taken_per_s / rate, 0.05)
        mean, variance, rate = [m * left for m in mean], [v * left for v in variance], rate * left
    return Supply(mean=tuple(mean), variance=tuple(variance), rate=rate)


def _add(server: Server, mean: list[float], variance: list[float]) -> None:
    spans = list(pairwise(server.remaining))
    excess = (server.scv - 1.0) / 2.0
    for index, time_s in enumerate(GRID):
        first = second = 0.0
        for start, end in spans:
            if start >= time_s > 0.0 or start > time_s:
                break
            share = 1.0 if time_s >= end else (time_s - start) / (end - start)
            cycles = (time_s - (start + min(end, time_s)) / 2.0) / server.cycle_s
            openings = 1.0 + cycles + excess * (1.0 - math.exp(-2.0 * cycles))
            first += share * openings
            second += share * (openings * openings + server.scv * cycles)
        first, second = first / len(spans), second / len(spans)
        mean[index] += server.number * first
        variance[index] += server.number * max(second - first * first, 0.0)
