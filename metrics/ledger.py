"""The books of each queue: entries and their outcomes, connect rates, the identity check. Pure.

    offered = answered + abandoned + flowed out + still waiting        (KPI identity, per queue)

The left side and the first three terms are counted as they happen; "still waiting" is handed in by whoever can count the
living callers, so that the check compares two independent views.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo

from hotline.ids import QueueId
from hotline.kpi import FORMULAS, QueueCounts, identity_gap
from hotline.settings.queues import Queue
from metrics.board import Observation, see
from metrics.definitions import OTHER
from metrics.window import WINDOWS, OutcomeWindow


@dataclass(slots=True)
class _Page:
    """One queue's books."""

    threshold_s: float
    window: OutcomeWindow
    totals: QueueCounts
    known_gap: int = 0
    """The difference that the last check found, so that each breach is counted once."""


class Ledger:
    """The books of all queues; unknown queues share the page `other`."""

    def __init__(self, queues: Iterable[Queue], zone: tzinfo) -> None:
        thresholds = {OTHER: 30.0, **{q.id: q.threshold_s for q in queues}}
        self._pages = {
            name: _Page(t, OutcomeWindow(threshold_s=t, zone=zone), QueueCounts()) for name, t in thresholds.items()
        }

    def _page(self, queue_id: QueueId) -> _Page:
        return self._pages.get(queue_id) or self._pages[OTHER]

    def entered(self, queue_id: QueueId, since: float, now: float) -> None:
        """A caller entered the queue at `since`."""
        page = self._page(queue_id)
        page.totals += QueueCounts(offered=1)
        page.window.add("entered", entered_at=since, now=now)

    def answered(self, queue_id: QueueId, since: float, at: float, now: float) -> tuple[float, bool]:
        """The caller was bridged at `at`; return the wait in seconds and whether it is within the threshold."""
        page = self._page(queue_id)
        wait = max(at - since, 0.0)
        page.totals += QueueCounts(answered=1)
        page.window.add("answered", entered_at=since, now=now, wait_s=wait)
        return wait, wait <= page.threshold_s

    def abandoned(self, queue_id: QueueId, since: float, at: float, now: float, *, short: bool) -> float:
        """The caller gave up at `at`; return the wait in seconds."""
        page = self._page(queue_id)
        wait = max(at - since, 0.0)
        page.totals += QueueCounts(abandoned=1)
        page.window.add("abandoned", entered_at=since, now=now, wait_s=wait, short=short)
        return wait

    def flowed_out(self, queue_id: QueueId, since: float, now: float) -> None:
        """The caller left the line otherwise."""
        page = self._page(queue_id)
        page.totals += QueueCounts(flowed_out=1)
        page.window.add("flowed_out", entered_at=since, now=now)

    def levels(self, waiting_since: Iterable[tuple[QueueId, float]], now: float) -> Iterator[Observation]:
        """Yield waiting callers, longest wait and connect rates of each queue; `other` only when it was ever used."""
        waits: dict[str, list[float]] = {name: [] for name in self._pages}
        for queue_id, since in waiting_since:
            waits[queue_id if queue_id in waits else OTHER].append(max(now - since, 0.0))
        for name, page in self._pages.items():
            if name == OTHER and page.totals.offered == 0:
                continue
            yield see("queue_waiting", len(waits[name]), queue=name)
            yield see("queue_longest_wait_seconds", max(waits[name], default=0.0), queue=name)
            yield from _connect_rates(name, page, now)

    def newly_broken(self, still_waiting: Iterable[QueueId]) -> list[str]:
        """Return the queues whose identity is broken by another amount than at the last check."""
        waiting = Counter(q if q in self._pages else OTHER for q in still_waiting)
        broken = []
        for name, page in self._pages.items():
            gap = identity_gap(page.totals + QueueCounts(waiting=waiting[QueueId(name)]))
            if gap not in (0, page.known_gap):
                broken.append(name)
            page.known_gap = gap
        return broken


def _connect_rates(queue: str, page: _Page, now: float) -> Iterator[Observation]:
    for window in WINDOWS:
        counts = page.window.counts(window, now)
        for formula, definition in FORMULAS.items():
            rate = definition.rate(counts)
            if rate is not None:
                yield see("connect_rate", rate, queue=queue, formula=formula, window=window)
