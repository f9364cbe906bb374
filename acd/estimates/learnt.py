"""What is learned of one queue from the facts that go by, in bounded memory. Pure."""

import math
from collections import Counter

import msgspec

from acd.estimates.durations import Durations
from acd.estimates.patience import Patience
from acd.estimates.promises import Gate, Score
from hotline.ranges import Promise

HANDLING_S = 180.0
"""Talk and wrap-up, as believed in before anything was seen."""
RING_S = 5.0
GAP_WEIGHT = 0.05
RING_WEIGHT = 0.05
NEVER_S = 3600.0
"""The mean gap between two callers, before the first came."""


def _handling() -> Durations:
    return Durations.prior(HANDLING_S)


class Learnt(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One queue. What is encoded of it survives our own death."""

    handling: Durations = msgspec.field(default_factory=_handling)
    """From the answer until the agent is free again: talk, hold and wrap-up."""
    patience: Patience = msgspec.field(default_factory=Patience)
    ring_s: float = RING_S
    """From the ring to the answer, on average."""
    gap_s: float = NEVER_S
    """Between two callers who enter the line, on average."""
    arrived_at: float = 0.0
    gate: Gate = msgspec.field(default_factory=Gate)
    said: Score = msgspec.field(default_factory=Score)
    """What came of the promises that callers heard."""

    @property
    def sound(self) -> bool:
        """Whether what was decoded can be worked with."""
        numbers = (self.ring_s, self.gap_s, self.arrived_at)
        parts = (self.handling, self.patience, self.gate.score, self.said)
        return all(math.isfinite(n) and n >= 0 for n in numbers) and all(part.sound for part in parts)

    def arrival(self, at: float) -> None:
        """A caller entered the line."""
        if 0.0 < self.arrived_at <= at:
            self.gap_s += GAP_WEIGHT * (min(at - self.arrived_at, NEVER_S) - self.gap_s)
        self.arrived_at = at

    def arrivals_per_s(self, now: float) -> float:
        """Return how many callers enter the line per second; none have for a while, and there are fewer."""
        return 1.0 / max(self.gap_s, now - self.arrived_at, 0.01)

    def rang(self, seconds: float) -> None:
        """A phone rang so long until it was answered."""
        self.ring_s += RING_WEIGHT * (min(max(seconds, 0.0), 60.0) - self.ring_s)


class Book(msgspec.Struct, kw_only=True):
    """Of one queue: what survives, and what does not."""

    learnt: Learnt = msgspec.field(default_factory=Learnt)
    results: Counter[str] = msgspec.field(default_factory=Counter)
    """What came of promises that callers heard, since our life began: `kept`, `early`, `late`, `unjudged`."""
    changed: bool = False
    kept_at: float = 0.0
    """When it was remembered last."""

    def end(self, shadow: Promise | None, said: Promise | None, now: float, *, answered: bool) -> None:
        """Judge what was thought of and said to a caller whose wait is over."""
        result = shadow.judge(now, answered=answered) if shadow is not None else None
        if result is not None:
            self.learnt.gate.add(result)
        if said is None:
            return
        result = said.judge(now, answered=answered)
        self.results[result or "unjudged"] += 1
        if result is not None:
            self.learnt.said.add(result)
