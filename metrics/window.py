"""Outcomes of queue entries over sliding windows, for the live connect rate. Pure, bounded.

An entry belongs to the moment the caller *entered* the queue (owner = arrival), whenever its outcome becomes known; so a
caller of 23:59:50 who is answered at 00:00:10 counts for yesterday. Entries are kept in bins, not one by one: ten seconds
wide for the short windows (the edge of a window is exact to one bin), one per local day for "today". Memory is therefore
bounded by the number of bins, not by the traffic.
"""

from datetime import datetime, tzinfo
from typing import Literal

from hotline.kpi import QueueCounts

BIN_S = 10
WINDOWS: dict[str, int | None] = {"5m": 300, "30m": 1800, "today": None}
"""Label value -> length in seconds; None is the local day."""
KEEP_S = 1800
WEEK_S = 7 * 86_400
KEEP_DAYS = 2
"""Callers of yesterday may still be waiting at midnight."""

Outcome = Literal["entered", "answered", "abandoned", "flowed_out"]


class OutcomeWindow:
    """The outcomes of one queue."""

    def __init__(self, *, threshold_s: float, zone: tzinfo) -> None:
        self._threshold_s = threshold_s
        self._zone = zone
        self._bins: dict[int, QueueCounts] = {}
        self._days: dict[int, QueueCounts] = {}

    def add(self, outcome: Outcome, *, entered_at: float, now: float, wait_s: float = 0.0, short: bool = False) -> None:
        """Count an outcome of an entry made at `entered_at`; too old for every window, it is ignored."""
        change = _change(outcome, in_threshold=wait_s <= self._threshold_s, short=short)
        self._forget(now)
        today = self._day(now)
        if (day := self._day(entered_at)) in range(today - KEEP_DAYS + 1, today + 1):
            self._days[day] = self._days.get(day, QueueCounts()) + change
        if now - KEEP_S - BIN_S < entered_at <= now + BIN_S:
            slot = int(entered_at // BIN_S)
            self._bins[slot] = self._bins.get(slot, QueueCounts()) + change

    def counts(self, window: str, now: float) -> QueueCounts:
        """Return what became of the callers who entered within `window` (a key of WINDOWS) before `now`."""
        length = WINDOWS[window]
        if length is None:
            return self._days.get(self._day(now), QueueCounts())
        oldest = int((now - length) // BIN_S) + 1
        return sum((c for slot, c in self._bins.items() if slot >= oldest), QueueCounts())

    def _forget(self, now: float) -> None:
        """Drop what no window reaches any more."""
        _drop_below(self._bins, int((now - KEEP_S) // BIN_S))
        _drop_below(self._days, self._day(now) - KEEP_DAYS + 1)

    def _day(self, at: float) -> int:
        return local_day(at, self._zone)


def plausible(at: float, now: float) -> float:
    """Return `at`, or `now` when `at` cannot be the time of something alive: older than a week, more than a minute ahead, not a number."""
    return at if now - WEEK_S < at <= now + 60 else now


def local_day(at: float, zone: tzinfo) -> int:
    """Return the number of the local day that holds `at` (seconds since 1970, UTC)."""
    return datetime.fromtimestamp(at, zone).toordinal()


def _drop_below(kept: dict[int, QueueCounts], oldest: int) -> None:
    for slot in [s for s in kept if s < oldest]:
        del kept[slot]


def _change(outcome: Outcome, *, in_threshold: bool, short: bool) -> QueueCounts:
    match outcome:
        case "entered":
            return QueueCounts(offered=1)
        case "answered":
            return QueueCounts(answered=1, answered_in_threshold=int(in_threshold))
        case "abandoned":
            return QueueCounts(abandoned=1, abandoned_in_threshold=int(in_threshold), short_abandoned=int(short))
        case "flowed_out":
            return QueueCounts(flowed_out=1)
