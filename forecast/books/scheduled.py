"""Who is scheduled for a queue in each interval, by the rosters that are in force. Pure.

A roster names people and not queues: whoever serves the queue counts for it, for the whole of his work without breaks. Where
queues share people, `forecast.duties.daily` has each person count for one of them.
"""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Protocol

import numpy as np

from forecast.series.counts import Floats


class Span(Protocol):
    """A stretch of somebody's shift, see `forecast.rosters.adherence`."""

    @property
    def begin(self) -> float:
        """Seconds since 1970."""

    @property
    def end(self) -> float:
        """Seconds since 1970."""

    @property
    def kind(self) -> str:
        """`work` or `break`."""


Spans = Mapping[str, Sequence[Span]]
"""Person -> his stretches."""


def scheduled(
    spans: Spans, serves: Callable[[str], bool], starts: Sequence[float], ends: Sequence[float]
) -> dict[float, int]:
    """Return who is scheduled in each interval, on average, by when it begins; nothing for intervals before or after all rosters."""
    people = at_work(spans, serves, starts, ends)
    first, last = reach(spans)
    return {
        start: round(float(amount))
        for start, end, amount in zip(starts, ends, people, strict=True)
        if start < last and end > first
    }


def reach(spans: Spans) -> tuple[float, float]:
    """Return when the first stretch of all rosters begins and the last one ends; nothing lies between where there is none."""
    known = [span for person in spans.values() for span in person]
    return min((span.begin for span in known), default=inf), max((span.end for span in known), default=-inf)


def at_work(spans: Spans, serves: Callable[[str], bool], starts: Sequence[float], ends: Sequence[float]) -> Floats:
    """Return how many of those who serve are at work in each interval, on average."""
    work = [s for person, stretches in spans.items() if serves(person) for s in stretches if s.kind == "work"]
    begins, ceases = np.sort([s.begin for s in work]), np.sort([s.end for s in work])
    a, b = np.asarray(starts, dtype=np.float64), np.asarray(ends, dtype=np.float64)
    return np.asarray((_worked(begins, ceases, b) - _worked(begins, ceases, a)) / (b - a))


def _worked(begins: Floats, ceases: Floats, at: Floats) -> Floats:
    """Return how many seconds all together have worked until each moment."""
    return _since(begins, at) - _since(ceases, at)


def _since(moments: Floats, at: Floats) -> Floats:
    """Return the sum of the time since each of the (ascending) moments that have passed."""
    sums = np.concatenate(([0.0], np.cumsum(moments)))
    passed = np.searchsorted(moments, at)
    since: Floats = passed * at - sums[passed]
    return since
