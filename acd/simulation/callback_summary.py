"""From the books of callbacks to numbers. Pure."""

from collections.abc import Iterable
from statistics import fmean

from acd.simulation.callback_books import CallbackBooks, Kept
from acd.simulation.summary import TOTAL, Values, quantile
from hotline.settings.queues import Queue

NAMES = {
    "asked": "asked to be called back",
    "reached": "reached",
    "reached_at_once": "reached with the first attempt",
    "failed": "not reached",
    "expired": "expired",
    "cancelled": "cancelled",
    "open": "still to be called at the end",
    "attempts": "times that customers were called",
    "wait_s": "mean time from the wish to the talk",
    "wait_p90_s": "90 %",
}
"""What is reported, in words; docs/simulation.md defines each."""


def values_of(books: CallbackBooks, queues: Iterable[Queue]) -> dict[str, Values]:
    """Return the numbers for each queue in which anybody asked, and all together; nothing where nobody did."""
    found = {queue.id: [k for k in books if k.asked.queue_id == queue.id] for queue in queues}
    by_queue = {str(queue): _values(kept) for queue, kept in found.items() if kept}
    return by_queue | ({TOTAL: _values(list(books))} if by_queue else {})


def _values(kept: list[Kept]) -> Values:
    waits = sorted(k.waited_s for k in kept if k.result == "reached")
    return {
        "asked": float(len(kept)),
        "reached": float(len(waits)),
        "reached_at_once": float(sum(k.result == "reached" and k.attempts <= 1 for k in kept)),
        **{name: float(sum(k.result == name for k in kept)) for name in ("failed", "expired", "cancelled")},
        "open": float(sum(not k.result for k in kept)),
        "attempts": float(sum(k.attempts for k in kept)),
        "wait_s": fmean(waits) if waits else None,
        "wait_p90_s": quantile(waits, 0.9),
    }
