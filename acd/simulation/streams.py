"""Streams of random numbers, one for each purpose: the only file of the simulation that makes any.

Each purpose (the gaps between callers, their patience, the lengths of talks …) draws from a stream of its own, named by the seed, the replication
and the purpose. So two policies meet the very same callers with the same patience and the same questions (common random numbers), and a
change of one purpose leaves the numbers of the others as they are.
"""

from random import Random
from typing import Protocol


class Stream(Protocol):
    """What the pure files ask of a stream; `random.Random` has it."""

    def random(self) -> float:
        """Return a number from 0 up to but not including 1."""

    def expovariate(self, lambd: float, /) -> float:
        """Return an exponential number of mean 1 / lambd."""

    def lognormvariate(self, mu: float, sigma: float, /) -> float:
        """Return a number whose logarithm is normal with mean mu and deviation sigma."""

    def gammavariate(self, alpha: float, beta: float, /) -> float:
        """Return a gamma number of shape alpha and scale beta."""


class Streams:
    """The streams of one replication."""

    def __init__(self, seed: int, replication: int) -> None:
        self._name = f"{seed}/{replication}"

    def of(self, purpose: str) -> Stream:
        """Return a stream; the same purpose begins the same numbers anew."""
        return Random(f"{self._name}/{purpose}")  # noqa: S311 - simulated callers need no secret numbers
