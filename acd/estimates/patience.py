"""How likely it is that somebody who has waited for a while hangs up in the next second. Pure.

Those who are answered would have waited longer, nobody knows how long: their waits are censored. So not the waits of those
who hung up are averaged (that would call callers impatient where they are served fast), but in each band of waiting time the
hang-ups are divided by the seconds that anybody spent there: the piecewise constant hazard, of which the Kaplan-Meier
estimator is the limit (Brown et al., Statistical Analysis of a Telephone Call Center, JASA 2005, section 5). Old calls decay as
in `durations`; a prior keeps a band, of which nothing is known yet, from being certain.
"""

import math
from bisect import bisect_right
from itertools import pairwise

import msgspec

PRIOR_MEAN_S = 300.0
"""Patience that is believed in before anything was seen."""
PRIOR_EVENTS = 2.0
HALF_LIFE = 500.0
STARTS: tuple[float, ...] = (0.0, 15.0, 30.0, 60.0, 120.0, 240.0, 480.0, 960.0)
"""Seconds at which the bands begin; the last has no end."""
_GROWTH = 2.0 ** (1.0 / HALF_LIFE)
_WEIGHT_LIMIT = 1e9


def _zeros() -> list[float]:
    return [0.0] * len(STARTS)


class Patience(msgspec.Struct, kw_only=True):
    """Hang-ups and seconds of waiting, by how long was waited. What is encoded of it survives our own death."""

    hang_ups: list[float] = msgspec.field(default_factory=_zeros)
    seconds: list[float] = msgspec.field(default_factory=_zeros)
    weight: float = 1.0

    @property
    def sound(self) -> bool:
        """Whether what was decoded can be worked with."""
        numbers = (*self.hang_ups, *self.seconds, self.weight)
        lengths = {len(self.hang_ups), len(self.seconds)}
        return lengths == {len(STARTS)} and all(math.isfinite(n) and n >= 0 for n in numbers) and self.weight > 0

    def add(self, waited_s: float, *, hung_up: bool) -> None:
        """Learn from one who left the line after `waited_s`: by hanging up, or in another way."""
        waited_s = max(waited_s, 0.0)
        last = bisect_right(STARTS, waited_s) - 1
        for band, (start, end) in enumerate(pairwise(STARTS[: last + 1])):
            self.seconds[band] += self.weight * (end - start)
        self.seconds[last] += self.weight * (waited_s - STARTS[last])
        if hung_up:
            self.hang_ups[last] += self.weight
        self.weight *= _GROWTH
        if self.weight > _WEIGHT_LIMIT:
            by = 1.0 / self.weight
            self.hang_ups, self.seconds = [n * by for n in self.hang_ups], [n * by for n in self.seconds]
            self.weight = 1.0

    def rate(self, waited_s: float) -> float:
        """Return the rate per second at which those hang up who have waited so long."""
        band = bisect_right(STARTS, max(waited_s, 0.0)) - 1
        events = self.hang_ups[band] / self.weight
        seconds = self.seconds[band] / self.weight
        return (events + PRIOR_EVENTS) / (seconds + PRIOR_EVENTS * PRIOR_MEAN_S)
