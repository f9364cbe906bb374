"""The waits of callers that live counts are made of: who entered which queue when, and what came of it. Pure.

A wait is known by call, queue and time of entry, so a fact that comes twice finds it there. Whatever happens to it changes the numbers of
the interval in which it began.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TypeVar

from forecast.series.redials import DialledAgain
from hotline.facts import (
    AgentStateChanged,
    CallAbandoned,
    CallAdopted,
    CallArrived,
    CallFlowedOut,
    CallQueued,
    Fact,
    OfferAccepted,
    OfferMade,
    TalkEnded,
)

MAX_WAITS = 200_000
"""Of the last day and a half; the oldest go first."""
MAX_CALLS = 50_000
K = TypeVar("K")
V = TypeVar("V")
Key = tuple[str, float]
"""A queue and when the interval began."""


@dataclass(frozen=True, kw_only=True)
class Volumes:
    """What is counted of the callers who entered a queue in an interval."""

    offered: int = 0
    redials: int = 0
    """Of those: had given up shortly before, and called again from the same number."""
    answered: int = 0
    abandoned: int = 0
    """The short ones too."""
    short_abandoned: int = 0
    wait_s: float = 0.0
    """Of all whose wait is over."""
    handled: int = 0
    """Conversations that are over."""
    handled_s: float = 0.0
    """Theirs, with hold and wrap-up."""


@dataclass(kw_only=True)
class _Wait:
    key: Key
    entered_at: float
    over: bool = False
    accepted_at: float | None = None
    talked: bool = False


class Waits:
    """All waits of the time that is kept."""

    def __init__(self, *, step_s: float, redial_window_s: float) -> None:
        self._step_s = step_s
        self._volumes: dict[Key, Volumes] = {}
        self._changed: dict[Key, None] = {}
        self._waits: OrderedDict[tuple[str, str, float], _Wait] = OrderedDict()
        self._numbers: OrderedDict[str, str] = OrderedDict()
        self._offers: OrderedDict[str, _Wait] = OrderedDict()
        self._served: OrderedDict[str, _Wait] = OrderedDict()
        """Call -> its last wait that was answered."""
        self._callbacks: OrderedDict[str, None] = OrderedDict()
        """Calls that we made: nobody called."""
        self._wrap_ups: dict[str, tuple[float, str]] = {}
        """Agent -> since when, after which call."""
        self._again = DialledAgain(redial_window_s)
        self._oldest = float("-inf")

    def volumes(self, queue_id: str, began_at: float) -> Volumes:
        """Return the numbers of an interval."""
        return self._volumes.get((queue_id, began_at), Volumes())

    def changed(self) -> list[Key]:
        """Return the intervals whose numbers changed since this was asked last."""
        keys = list(self._changed)
        self._changed.clear()
        return keys

    def forget(self, before: float) -> None:
        """Drop the waits that began before a moment."""
        self._oldest = before
        self._volumes = {key: volumes for key, volumes in self._volumes.items() if key[1] >= before}
        while self._waits and next(iter(self._waits.values())).entered_at < before:
            self._waits.popitem(last=False)
        self._again.forget(before)

    def take(self, fact: Fact, *, now: float) -> float | None:
        """Learn from a fact; return when the interval began in which a caller was found whom nobody had told of, else None."""
        if isinstance(fact, CallArrived | CallAdopted):
            _keep(self._numbers, fact.call_id, fact.caller_number)
        if isinstance(fact, AgentStateChanged):
            self._wrapped_up(fact)
        elif isinstance(fact, OfferAccepted):
            self._accepted(fact)
        elif isinstance(fact, TalkEnded):
            self._talked(fact)
        else:
            return self._in_line(fact, now)
        return None

    def _in_line(self, fact: Fact, now: float) -> float | None:
        """Learn from a fact that names a queue and when it was entered; such a fact proves the entry, even if that was never told."""
        if isinstance(fact, CallQueued) and fact.kind == "callback":
            _keep(self._callbacks, fact.call_id, None)
        entry = _entry_of(fact)
        if entry is None or entry[0] in self._callbacks:
            return None
        wait, found = self._entered(*entry, now)
        match fact:
            case CallAbandoned():
                self._abandoned(wait, fact)
            case CallFlowedOut():
                self._left(wait, fact.at)
            case OfferMade() if wait is not None:
                _keep(self._offers, fact.offer_id, wait)
        return found

    def _entered(self, call_id: str, queue_id: str, entered_at: float, now: float) -> tuple[_Wait | None, float | None]:
        """Return a wait, and the beginning of its interval if nobody had told of it; no wait for one that is too old or to come."""
        known = self._waits.get((call_id, queue_id, entered_at))
        if known is not None:
            return known, None
        if not self._oldest <= entered_at <= now + self._step_s:
            return None, None
        key = (queue_id, entered_at // self._step_s * self._step_s)
        wait = _Wait(key=key, entered_at=entered_at)
        _keep(self._waits, (call_id, queue_id, entered_at), wait, MAX_WAITS)
        again = self._again.is_again(queue_id, self._numbers.get(call_id, ""), entered_at)
        self._add(key, offered=1, redials=int(again))
        return wait, key[1]

    def _left(self, wait: _Wait | None, at: float) -> bool:
        """End a wait and return whether it was not over yet."""
        if wait is None or wait.over:
            return False
        wait.over = True
        self._add(wait.key, wait_s=max(at - wait.entered_at, 0.0))
        return True

    def _abandoned(self, wait: _Wait | None, fact: CallAbandoned) -> None:
        if not self._left(wait, fact.at):
            return
        assert wait is not None  # one that is not there has not been left
        self._add(wait.key, abandoned=1, short_abandoned=int(fact.short))
        self._again.gave_up(fact.queue_id, self._numbers.get(fact.call_id, ""), fact.at)

    def _accepted(self, fact: OfferAccepted) -> None:
        wait = self._offers.get(fact.offer_id)
        if wait is None or wait.accepted_at is not None or not self._left(wait, fact.at):
            return
        wait.accepted_at = fact.at
        _keep(self._served, fact.call_id, wait)
        self._add(wait.key, answered=1)

    def _talked(self, fact: TalkEnded) -> None:
        wait = self._offers.get(fact.offer_id)
        if wait is None or wait.accepted_at is None or wait.talked:
            return
        wait.talked = True
        self._add(wait.key, handled=1, handled_s=max(fact.at - wait.accepted_at, 0.0))

    def _wrapped_up(self, fact: AgentStateChanged) -> None:
        began = self._wrap_ups.pop(fact.agent_id, None)
        if began is not None and began[1] in self._served and fact.at > began[0]:
            self._add(self._served[began[1]].key, handled_s=fact.at - began[0])
        if fact.state == "wrap_up" and fact.call_id is not None:
            self._wrap_ups[fact.agent_id] = (fact.at, fact.call_id)

    def _add(self, key: Key, **more: float) -> None:
        if key[1] < self._oldest:
            return
        volumes = self._volumes.get(key, Volumes())
        self._volumes[key] = replace(volumes, **{name: getattr(volumes, name) + n for name, n in more.items()})
        self._changed[key] = None


def _entry_of(fact: Fact) -> tuple[str, str, float] | None:
    """Return the call, queue and time of entry that a fact is proof of; none of a callback, who is not on the line."""
    match fact:
        case CallQueued(kind="live") | OfferMade(kind="main") | CallAbandoned() | CallFlowedOut():
            return fact.call_id, fact.queue_id, fact.entered_at
        case CallAdopted(phase="session" | "ringing", place=place) if place is not None and not (
            place.callback or place.served
        ):
            return (fact.call_id, place.queue_id, place.entered_at or fact.at) if place.queue_id is not None else None
    return None


def _keep(book: OrderedDict[K, V], key: K, value: V, limit: int = MAX_CALLS) -> None:
    """Remember something; of more than `limit` the oldest is forgotten."""
    book[key] = value
    book.move_to_end(key)
    while len(book) > limit:
        book.popitem(last=False)
