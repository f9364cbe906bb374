"""How long something takes, learned from one duration after the other and forgetting slowly. Pure.

A histogram over fixed edges, each a quarter more than the one before, holds weights instead of counts: every new duration
weighs a little more than the last (equivalently, all older ones decay by the factor 2**(-1/HALF_LIFE)), so that a change of
work shows after some hundred calls, and the memory is bounded for ever. It begins with a prior that weighs as much as a few
observations and decays like them: the exponential distribution of a mean that is given, the one of least information among
all of that mean (E. T. Jaynes, Information Theory and Statistical Mechanics, 1957).

Between two edges the duration is taken to be equally likely everywhere; the mean and the variance are kept beside the
histogram and are exact.
"""

import math
from bisect import bisect_right
from typing import Self

import msgspec

HALF_LIFE = 300.0
"""After so many further observations one counts half."""
PRIOR_WEIGHT = 3.0
"""How many observations the prior stands for at the beginning."""
RATIO = 1.25
EDGES: tuple[float, ...] = (0.0, *(RATIO**n for n in range(42)))
"""Seconds; the last edge is 2.6 hours, and everything longer falls into the last band."""
_BANDS = len(EDGES)
_TAIL = math.exp(-2.0)
"""Where a uniform part must end to have the mean of an exponential tail: two means after its beginning."""
_GROWTH = 2.0 ** (1.0 / HALF_LIFE)
_WEIGHT_LIMIT = 1e9


class Durations(msgspec.Struct, kw_only=True):
    """The distribution of one kind of duration, in seconds. What is encoded of it survives our own death."""

    weights: list[float]
    """For each edge the weight of durations from it to the next one."""
    weight: float = 1.0
    """Of the next observation."""
    total: float
    sum_s: float
    sum_s2: float

    @classmethod
    def prior(cls, mean_s: float) -> Self:
        """Return what is believed before anything was seen: an exponential distribution."""
        survivals = [math.exp(-edge / mean_s) for edge in EDGES] + [0.0]
        weights = [PRIOR_WEIGHT * (survivals[i] - survivals[i + 1]) for i in range(_BANDS)]
        return cls(
            weights=weights, total=PRIOR_WEIGHT, sum_s=PRIOR_WEIGHT * mean_s, sum_s2=PRIOR_WEIGHT * 2 * mean_s * mean_s
        )

    @property
    def sound(self) -> bool:
        """Whether what was decoded can be worked with: it comes from our own memory, but perhaps from another version of us."""
        numbers = (*self.weights, self.weight, self.total, self.sum_s, self.sum_s2)
        return len(self.weights) == _BANDS and all(math.isfinite(n) and n >= 0 for n in numbers) and self.total > 0

    def add(self, seconds: float) -> None:
        """Learn one duration."""
        seconds = max(seconds, 0.0)
        self.weights[bisect_right(EDGES, seconds) - 1] += self.weight
        self.total += self.weight
        self.sum_s += self.weight * seconds
        self.sum_s2 += self.weight * seconds * seconds
        self.weight *= _GROWTH
        if self.weight > _WEIGHT_LIMIT:
            self._rescale()

    def _rescale(self) -> None:
        by = 1.0 / self.weight
        self.weights = [w * by for w in self.weights]
        self.total, self.sum_s, self.sum_s2, self.weight = self.total * by, self.sum_s * by, self.sum_s2 * by, 1.0

    @property
    def mean_s(self) -> float:
        """The mean, at least a millisecond."""
        return max(self.sum_s / self.total, 1e-3)

    @property
    def scv(self) -> float:
        """The squared coefficient of variation: variance over squared mean; 1 for the exponential distribution, 0 for a constant."""
        mean = self.mean_s
        return max(self.sum_s2 / self.total / (mean * mean) - 1.0, 0.0)

    def remaining(self, elapsed_s: float, parts: int) -> tuple[float, ...]:
        """Return how much longer it takes, given that it has taken `elapsed_s`: the bounds of `parts` equally likely parts.

        The last bound is set so that the middle of the last part is its mean (for an exponential tail). Beyond everything
        that was ever seen the mean is all that is left to believe in.
        """
        levels = [1.0 - n / parts for n in range(parts)] + [_TAIL / parts]
        above = self._above(elapsed_s)
        if above <= self.total * 1e-6:
            return tuple(self.mean_s * -math.log(level) for level in levels)
        found: list[float] = []
        band, left = max(bisect_right(EDGES, elapsed_s) - 1, 0), above
        inside = self._inside(band, elapsed_s)
        for level in levels:
            wanted = above * level
            while left - inside > wanted and band < _BANDS - 1:
                left -= inside
                band += 1
                inside = self.weights[band]
            start, end = max(EDGES[band], elapsed_s), _end(band)
            share = (left - wanted) / inside if inside > 0 else 0.0
            found.append(max(start + min(share, 1.0) * (end - start) - elapsed_s, 0.0))
        return tuple(found)

    def _above(self, seconds: float) -> float:
        band = max(bisect_right(EDGES, seconds) - 1, 0)
        return self._inside(band, seconds) + sum(self.weights[band + 1 :])

    def _inside(self, band: int, seconds: float) -> float:
        """Return the weight of a band beyond `seconds`, which lies in it."""
        start, end = EDGES[band], _end(band)
        return self.weights[band] * max(min((end - seconds) / (end - start), 1.0), 0.0)


def _end(band: int) -> float:
    return EDGES[band + 1] if band + 1 < _BANDS else EDGES[band] * RATIO
