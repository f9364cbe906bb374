"""How an expected wait is said to people, as a range of minutes from a ladder of round numbers, and whether it came true. Pure.

Nobody believes "4 minutes 37 seconds". The lower end is the median rounded down, the upper end the 90 % quantile rounded up, both
on the ladder, so that rounding never makes a promise that the estimate does not.

A range that was said is a **promise**. It is *kept* when an agent answers before its upper end is over. Who is answered before the
lower end counts as kept too (nobody minds), and is also counted as *early*. It is *late* when the answer comes after the upper
end, or when the caller leaves the line after it. Who leaves before says nothing about it: *not judged*.

Who says ranges (`ivr`), who measures whether they come true (`acd`) and who tells of it afterwards (`crm`) must mean the same by
them; that is why this stands in the kernel.
"""

from bisect import bisect_left, bisect_right
from typing import Literal

import msgspec

LADDER: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60)
"""Minutes that are said."""
_MINUTE_S = 60.0

Result = Literal["kept", "early", "late"]
"""`early` is kept as well."""


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


class Promise(msgspec.Struct, frozen=True):
    """A range for one caller, said or only thought of."""

    at: float
    low_s: float
    high_s: float

    def judge(self, now: float, *, answered: bool) -> Result | None:
        """Return what came of it, for a caller whose wait ends now; None: not judged."""
        waited_s = now - self.at
        if waited_s > self.high_s:
            return "late"
        if not answered:
            return None
        return "early" if waited_s < self.low_s else "kept"
