"""Counts of the present day, folded from facts; each interval is closed within a second of its end. Pure.

    live = LiveSeries(["sales", "service"], now=clock.now())
    live.take(fact, now=clock.now())                  # every fact, in whatever order it comes
    for closed in live.advance(clock.now()): …        # at `live.next_deadline()`

A caller belongs to the interval in which he entered the queue, whatever comes of him later (as in `v_interval_volume`). An interval is told
when it is over, and told again with a higher revision when something about it is learnt afterwards: a caller who was told late within
`LATE_S`, and how it went on with its callers when the next interval is closed. Repeated facts change nothing. What is older than `KEEP_S`
is history, and the journal's business. An interval that began before this fold did, or in an outage, is not known.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.series.counts import Counts
from forecast.series.intervals import BASE_MIN, by_day, merged
from forecast.series.live_waits import Volumes, Waits
from forecast.series.outages import HOUSE, UNKNOWN_SHARE, Outages, Span, lost_s
from hotline.facts import Fact
from hotline.hours import Hours

GRACE_S = 0.5
"""So long after its end an interval is closed: facts take a moment to arrive."""
LATE_S = 1.0
"""So long after a late caller his interval is told again; those that come meanwhile are told with it."""
KEEP_S = 36 * 3_600.0
"""Intervals are kept, and can be corrected, for so long: a local day of 25 hours and more."""


@dataclass(frozen=True, kw_only=True)
class Closed:
    """One interval of one queue that is over."""

    queue_id: str
    began_at: float
    """Seconds since 1970; a multiple of the step."""
    step_s: float
    volumes: Volumes
    known: bool
    """Whether everything was seen; otherwise the numbers are a lower bound and no count."""
    revision: int = 0
    """0 when told first; grows with each correction."""


class LiveSeries:
    """Folds facts into intervals. Not for several threads."""

    def __init__(
        self, queue_ids: Iterable[str], *, now: float, step_min: int = BASE_MIN, redial_window_s: float = 1_800.0
    ) -> None:
        self._queues = tuple(queue_ids)
        self._step_s = step_min * 60.0
        self._begun_at = now
        self._last_at: float | None = None
        self._next = self._floor(now)
        """The beginning of the interval that is open."""
        self._settle_at: float | None = None
        self._waits = Waits(step_s=self._step_s, redial_window_s=redial_window_s)
        self._outages = Outages()
        self._house_changed = False
        """Whether something was told since that may make a closed interval unknown."""
        self._closed: dict[tuple[str, float], Closed] = {}

    def next_deadline(self) -> float:
        """Return when `advance` must be called next."""
        end = self._next + self._step_s + GRACE_S
        return end if self._settle_at is None else min(end, self._settle_at)

    def take(self, fact: Fact, *, now: float) -> None:
        """Learn from a fact. One that is repeated, foreign or too old changes nothing."""
        self._outages.take(fact, last_at=self._last_at)
        self._last_at = fact.at if self._last_at is None else max(self._last_at, min(fact.at, now))
        entered = self._waits.take(fact, now=now)
        self._house_changed = self._house_changed or isinstance(fact, HOUSE)
        late = entered is not None and entered < self._next
        if (late or isinstance(fact, HOUSE)) and self._settle_at is None:
            self._settle_at = now + LATE_S

    def advance(self, now: float) -> list[Closed]:
        """Return the intervals that are over by now, and those about which something new is known; oldest first."""
        told: list[Closed] = []
        due = self._settle_at is not None and now >= self._settle_at
        oldest = self._floor(now - KEEP_S)
        while now >= self._next + self._step_s + GRACE_S:
            due = True
            began, self._next = self._next, self._next + self._step_s
            if began >= oldest:  # after a leap of the clock nobody needs a day of nothing
                told += [self._close(queue, began, now) for queue in self._queues]
        if due:
            self._settle_at = None
            told = [*self._corrections(now), *told]
            self._forget(oldest)
        return sorted(told, key=lambda c: (c.began_at, c.queue_id))

    def intervals(self, queue_id: str) -> list[Closed]:
        """Return the closed intervals of a queue that are kept, in their last revision, oldest first."""
        return sorted((c for c in self._closed.values() if c.queue_id == queue_id), key=lambda c: c.began_at)

    def _floor(self, at: float) -> float:
        return at // self._step_s * self._step_s

    def _close(self, queue: str, began: float, now: float) -> Closed:
        closed = Closed(
            queue_id=queue,
            began_at=began,
            step_s=self._step_s,
            volumes=self._waits.volumes(queue, began),
            known=self._known(began, self._outages.spans(now, queue)),
        )
        self._closed[queue, began] = closed
        return closed

    def _known(self, began: float, outages: Iterable[Span]) -> bool:
        lost = lost_s(outages, began, began + self._step_s)
        return began >= self._begun_at and lost <= self._step_s * UNKNOWN_SHARE

    def _corrections(self, now: float) -> list[Closed]:
        """Return what is known better about closed intervals than when it was told."""
        changed = dict.fromkeys(self._waits.changed())
        outages: dict[str, tuple[Span, ...]] = {}
        if self._house_changed:
            self._house_changed = False
            changed |= dict.fromkeys(self._closed)
            outages = {queue: self._outages.spans(now, queue) for queue in self._queues}
        corrected = []
        for key in changed:
            before = self._closed.get(key)
            if before is None:
                continue
            known = self._known(key[1], outages[key[0]]) if outages else before.known
            after = replace(before, volumes=self._waits.volumes(*key), known=known)
            if after != before:
                self._closed[key] = replace(after, revision=before.revision + 1)
                corrected.append(self._closed[key])
        return corrected

    def _forget(self, before: float) -> None:
        self._closed = {key: closed for key, closed in self._closed.items() if key[1] >= before}
        self._waits.forget(before)
        self._outages.forget(before)


def with_closed(counts: Counts, closed: Sequence[Closed], *, hours: Hours, fresh: bool = False) -> Counts:
    """Return a series with what closed intervals know; its step is a multiple of theirs. New days are added.

    Give all intervals of a day at once (`LiveSeries.intervals`): one that is not there is not known. `fresh`: callers who had just given up
    and called again are left out.
    """
    known = sorted((c for c in closed if c.known), key=lambda c: c.began_at)
    if not known:
        return counts
    today = by_day(
        np.array([int(c.began_at) for c in known], dtype=np.int64),
        np.array([c.volumes.offered - (c.volumes.redials if fresh else 0) for c in known], dtype=np.float64),
        hours=hours,
        queue=counts.queue,
        base_min=int(known[0].step_s) // 60,
        step_min=counts.step_min,
    )
    return merged(counts, today)
