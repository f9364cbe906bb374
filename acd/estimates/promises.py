"""Whether what is said about waits comes true often enough to be said at all. Pure.

What becomes of a promise is judged by `hotline.ranges`. The same is measured of every caller who waits, whether anything was said to
him or not: a **shadow** of the range that would have been said. Shadows decide (`Gate`): ranges are said only while enough of the recent shadows were kept and not too many were early,
because a range that is always far too long misleads as well. With medians and 90 % quantiles that are right, nine of ten are
kept and less than half are early. To open takes more than to stay open, so that the announcements do not come and go.
"""

import math

import msgspec

from hotline.ranges import Result

RECENT = 50.0
"""About so many results are remembered: each further one takes the weight of 1/RECENT."""
ENOUGH = 20.0
"""So many must have been judged before anything is said."""
OPENS_AT, CLOSES_BELOW = 0.8, 0.7
"""Share of kept ones."""
EARLY_OPENS_AT, EARLY_CLOSES_ABOVE = 0.75, 0.85
"""Share of early ones."""


class Score(msgspec.Struct, kw_only=True):
    """Shares of recent results. What is encoded of it survives our own death."""

    judged: float = 0.0
    """How many there were, at most `RECENT`."""
    kept: float = 0.0
    early: float = 0.0
    """Shares, the early ones are among the kept."""

    @property
    def sound(self) -> bool:
        """Whether what was decoded can be worked with."""
        return math.isfinite(self.judged) and self.judged >= 0 and 0 <= self.early <= 1 and 0 <= self.kept <= 1

    def add(self, result: Result) -> None:
        """Learn one result: the mean of all at first, then with exponential forgetting."""
        self.judged = min(self.judged + 1.0, RECENT)
        weight = 1.0 / self.judged
        self.kept += weight * ((result != "late") - self.kept)
        self.early += weight * ((result == "early") - self.early)


class Gate(msgspec.Struct, kw_only=True):
    """Whether ranges are said."""

    score: Score = msgspec.field(default_factory=Score)
    is_open: bool = False

    def add(self, result: Result) -> None:
        """Learn what came of a shadow, and open or close."""
        score = self.score
        score.add(result)
        if self.is_open:
            self.is_open = score.kept >= CLOSES_BELOW and score.early <= EARLY_CLOSES_ABOVE
        else:
            self.is_open = score.judged >= ENOUGH and score.kept >= OPENS_AT and score.early <= EARLY_OPENS_AT
