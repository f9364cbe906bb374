"""How an expected wait is said to people: as a range of minutes from a ladder of round numbers. Pure.

Nobody believes "4 minutes 37 seconds". The lower end is the median rounded down, the upper end the 90 % quantile rounded up, both
on the ladder, so that rounding never makes a promise that the estimate does not. Who says ranges (`ivr`) and who measures
whether they come true (`acd`) must mean the same by them; that is why this stands in the kernel.
"""

from bisect import bisect_left, bisect_right

import msgspec

LADDER: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60)
"""Minutes that are said."""
_MINUTE_S = 60.0


class SpokenRange(msgspec.Struct, frozen=True):
    """A range in minutes."""

    low: int
    """0: there is no lower end to be said (less than `high`)."""
    high: int | None
    """None: more than the ladder has; no promise."""

    @property
    def low_s(self) -> float:
        """The lower end in seconds."""
        return self.low * _MINUTE_S

    @property
    def high_s(self) -> float | None:
        """The upper end in seconds."""
        return self.high * _MINUTE_S if self.high is not None else None


def spoken_range(p50_s: float, p90_s: float) -> SpokenRange:
    """Return how a wait with this median and this 90 % quantile is said.

    Two ends that are equal are moved apart by one step, because a single number sounds like a promise to the minute.
    """
    low_index = bisect_right(LADDER, p50_s / _MINUTE_S)
    high_index = bisect_left(LADDER, p90_s / _MINUTE_S)
    low = LADDER[low_index - 1] if low_index else 0
    if high_index >= len(LADDER):
        return SpokenRange(low, None)
    high = LADDER[high_index]
    if low >= high:
        low = LADDER[high_index - 1] if high_index else 0
    return SpokenRange(low, high)
