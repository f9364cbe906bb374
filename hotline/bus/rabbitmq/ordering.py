"""Puts signals back between the facts they were told between. Pure.

Facts and signals take different ways through a broker: facts wait for a disk, signals do not, so a signal overtakes the facts
told before it. Each signal therefore names the last fact of each type that its source told before: for a few seconds back, and
all that the broker has not confirmed (what is older has arrived long since). It is held until the subscriber has seen those of
them it asked for, or `HOLD_S` have gone by: after a gap of the broker, what waited in the spool may take longer than that.
The opposite, a fact that overtakes a signal, is seen to by the sender: facts go out when the broker has the signals told before, or
after `HOLD_S`.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from hotline.codec import SentSignal
from hotline.facts import Signal

HOLD_S = 1.0
LATELY_S = 5.0
HELD_MAX = 1_000
SOURCES_MAX = 1_000


class Lately:
    """The sender's side: the last fact of each type that was told in the last `LATELY_S` seconds, or is still on its way."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, float]] = {}

    def told(self, kind: str, number: int, now: float) -> None:
        """Note a fact."""
        self._last[kind] = (number, now)

    def numbers(self, now: float, confirmed: int) -> dict[str, int]:
        """Return what a signal that is told now comes after. `confirmed`: the broker has all facts up to this number."""
        self._last = {
            kind: (number, at) for kind, (number, at) in self._last.items() if number > confirmed or now - at < LATELY_S
        }
        return {kind: number for kind, (number, _) in self._last.items()}


class _Held(NamedTuple):
    need: int
    until: float
    signal: Signal


class Ordering:
    """The receiver's side, for one subscriber of the given types of facts."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self._kinds = frozenset(kinds)
        self._seen: dict[str, int] = {}
        self._held: dict[str, deque[_Held]] = {}

    def fact_came(self, source: str, number: int) -> list[Signal]:
        """Note a fact of another process; return the signals that come after it and before the next one."""
        self._seen[source] = max(number, self._seen.pop(source, -1))
        if len(self._seen) > SOURCES_MAX:
            del self._seen[next(iter(self._seen))]
        return self._release(source, now=None)

    def signal_came(self, sent: SentSignal, now: float) -> list[Signal]:
        """Take a signal of another process; return the signals whose time has come."""
        need = max((n for kind, n in sent.after.items() if kind in self._kinds), default=-1)
        held = self._held.setdefault(sent.source, deque())
        held.append(_Held(need, now + HOLD_S, sent.signal))
        if len(held) > HELD_MAX:
            return [held.popleft().signal, *self._release(sent.source, now)]
        return self._release(sent.source, now)

    def overdue(self, now: float) -> list[Signal]:
        """Return the signals that waited long enough."""
        return [signal for source in list(self._held) for signal in self._release(source, now)]

    def next_deadline(self) -> float | None:
        """Return when `overdue` has something, or None."""
        return min((held[0].until for held in self._held.values()), default=None)

    def _release(self, source: str, now: float | None) -> list[Signal]:
        held, seen = self._held.get(source), self._seen.get(source, -1)
        released = []
        while held and (held[0].need <= seen or (now is not None and now >= held[0].until)):
            released.append(held.popleft().signal)
        if held is not None and not held:
            del self._held[source]
        return released
