"""What a router that stands by overhears of callbacks, for the moment in which it becomes the active one. Pure.

Between the last word of the router before us and our first look at the nodes nobody decides. A wish that is told meanwhile is in nobody's
memory; and a customer's phone may have been rung and have been rejected, of which a look at the node shows nothing: that call is over.
Without this the wish would wait until the journal tells it again, and the attempt would count as none. What the router before us
had heard too changes nothing: wishes have ids, calls have names.
"""

from collections import deque

from acd.callbacks import turns, wishes
from acd.core.floor import Floor
from hotline.facts import CallArrived, CallbackRefused, CallbackRequested, CustomerDialled, Record

KEPT_S = 60.0
"""Longer than an office can be empty without its callers having fallen back."""
LIMIT = 2_000
"""How many records are kept, the latest."""


class Overheard:
    """The last minute."""

    def __init__(self) -> None:
        self._heard: deque[tuple[float, Record]] = deque(maxlen=LIMIT)

    def hear(self, record: Record, now: float) -> None:
        """Keep a record, if it may be news to the next router."""
        match record:
            case CallbackRequested() | CallbackRefused() | CustomerDialled() | CallArrived(origin="callback"):
                self._heard.append((now, record))

    def take(self, now: float) -> list[Record]:
        """Return what was kept, oldest first, and forget it."""
        kept = [record for at, record in self._heard if at > now - KEPT_S]
        self._heard.clear()
        refused = {record.callback_id for record in kept if isinstance(record, CallbackRefused)}
        return [
            r for r in kept if not isinstance(r, CallbackRequested | CallbackRefused) or r.callback_id not in refused
        ]


def learn(floor: Floor, records: list[Record], now: float) -> None:
    """Take it in, after the memory of the router before us and before any look at a node. Nobody is called or rung by it."""
    for record in records:
        match record:
            case CallbackRequested():
                wishes.requested(floor, record, now)
            case CallArrived():
                _arrived(floor, record)
            case CustomerDialled():
                _dialled(floor, record)


def _arrived(floor: Floor, fact: CallArrived) -> None:
    callback = floor.callbacks.of_call(fact.call_id)
    if callback is not None and callback.is_under_way and callback.first == "customer":
        turns.count(floor, callback)


def _dialled(floor: Floor, fact: CustomerDialled) -> None:
    """He did not answer. If he did, the look at his node shows him, or he has hung up before anybody was there."""
    callback = floor.callbacks.of_call(fact.call_id)
    if callback is None or not callback.is_under_way or callback.met or fact.result == "answered":
        return
    turns.count(floor, callback)
    if not callback.result.startswith(wishes.CANCELLED):
        callback.result = fact.result
