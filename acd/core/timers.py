"""Deadlines by name, and the earliest of them. Pure: it is told the time and never waits."""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import Literal

Kind = Literal[
    "takeover",
    "transfer",
    "agent",
    "offer",
    "refusal",
    "relax",
    "wish",
    "return",
    "pause",
    "overflow",
    "sweep",
    "closing",
    "resume",
    "callback",
    "ahead",
    "outgoing",
    "supervision",
    "estimate",
]
Key = tuple[Kind, str]
"""What the deadline is about: the kind, and the id of the agent, offer, call or queue."""

_COMPACT_ABOVE = 1_000


class Timers:
    """A heap whose outdated entries are dropped when they surface, or all at once when they outnumber the valid ones."""

    def __init__(self) -> None:
        self._at: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []

    def set(self, kind: Kind, name: str, at: float) -> None:
        """Set a deadline, in place of an earlier one with the same name."""
        key = (kind, name)
        self._at[key] = at
        heappush(self._heap, (at, key))
        if len(self._heap) > _COMPACT_ABOVE and len(self._heap) > 3 * len(self._at):
            self._heap = [(when, k) for k, when in self._at.items()]
            heapify(self._heap)

    def clear(self, kind: Kind, name: str) -> None:
        """Drop a deadline; nothing happens if there is none."""
        self._at.pop((kind, name), None)

    def clear_all(self, kinds: Iterable[Kind], name: str) -> None:
        """Drop the deadlines of these kinds."""
        at = self._at
        for kind in kinds:
            at.pop((kind, name), None)

    def next(self) -> float | None:
        """Return the earliest deadline."""
        while self._heap:
            at, key = self._heap[0]
            if self._at.get(key) == at:
                return at
            heappop(self._heap)
        return None

    def take_due(self, now: float) -> Key | None:
        """Remove and return one deadline that has come, the earliest first; None when none has."""
        at = self.next()
        if at is None or at > now:
            return None
        _, key = heappop(self._heap)
        del self._at[key]
        return key
