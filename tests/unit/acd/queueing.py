"""A seeded queue with impatient callers (M/G/n+M), to hold estimates against: what an arrival sees, and how long he would wait.

First come first served needs no line: an arrival is served when the first of the agents becomes free after all before him who
did not hang up (the recursion of Kiefer and Wolfowitz, with those left out who give up).
"""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

Draw = Callable[[random.Random], float]


def exponential(mean_s: float) -> Draw:
    return lambda dice: dice.expovariate(1 / mean_s)


def lognormal(mean_s: float, scv: float) -> Draw:
    sigma2 = math.log(1 + scv)
    return lambda dice: dice.lognormvariate(math.log(mean_s) - sigma2 / 2, math.sqrt(sigma2))


def constant(seconds: float) -> Draw:
    return lambda _: seconds


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """What somebody finds who arrives, and what becomes of him."""

    at: float
    before: int
    """Callers in the line."""
    serving_since: tuple[float, ...]
    """Since when the busy agents are."""
    wait_s: float
    """How long he would wait if he never hung up."""
    left_after_s: float
    """How long he is in the line, whatever ends it."""
    hung_up: bool
    handling_s: float


def arrivals(seed: int, *, per_s: float, agents: int, handling: Draw, patience: Draw, number: int) -> Iterator[Arrival]:
    """Play so many arrivals of a Poisson process."""
    dice = random.Random(seed)
    now = 0.0
    free_at: list[float] = [0.0] * agents
    heapify(free_at)
    talks: list[tuple[float, float]] = []
    """(begins, ends) of contacts that may not be over."""
    leaves: list[float] = []
    """When those leave the line who are in it."""
    for _ in range(number):
        now += dice.expovariate(per_s)
        talks = [t for t in talks if t[1] > now]
        leaves = [t for t in leaves if t > now]
        wait = max(free_at[0] - now, 0.0)
        patient = patience(dice)
        handling_s = handling(dice)
        served = patient >= wait
        yield Arrival(
            at=now, before=len(leaves), serving_since=tuple(b for b, _ in talks if b <= now), wait_s=wait,
            left_after_s=wait if served else patient, hung_up=not served, handling_s=handling_s,
        )  # fmt: skip
        if served:
            begins = max(heappop(free_at), now)
            heappush(free_at, begins + handling_s)
            talks.append((begins, begins + handling_s))
        if wait > 0:
            leaves.append(now + (wait if served else patient))
