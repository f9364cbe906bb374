"""What the fold remembers of each call: where it is, its entry into a queue, its offers. Pure, bounded.

A call may enter queues several times; each **entry** is counted as offered once and closed once (answered, abandoned or
flowed out). An entry is known by its queue and its time of entry. The time may come back from a channel variable with
fewer digits, so entries of one queue within SAME_ENTRY_S are the same entry.
"""

from dataclasses import dataclass, field
from typing import Literal

from hotline.facts import Fact
from hotline.ids import AgentId, CallId, OfferId, QueueId

LIVE_LIMIT = 50_000
"""Most living calls remembered; the oldest is forgotten beyond it."""
ENDED_LIMIT = 20_000
ENDED_KEEP_S = 600.0
"""How long an ended call is remembered, for facts that come after it (its recording) or come twice."""
SEEN_LIMIT = 400
"""Facts of one call remembered to tell a repetition."""
PER_CALL_LIMIT = 50
"""Offers and entries of one call that are remembered; the oldest go first."""
SAME_ENTRY_S = 0.5

Phase = Literal["ivr", "waiting", "ringing", "talking", "fallback"]


@dataclass(slots=True)
class Entry:
    """One stay in the line of a queue."""

    queue_id: QueueId
    entered_at: float
    """As told: the identity of the entry."""
    since: float
    """The same, made plausible: for durations."""
    is_open: bool = True

    def matches(self, queue_id: QueueId, entered_at: float) -> bool:
        """Return whether this is the entry that a fact speaks of."""
        return self.queue_id == queue_id and abs(self.entered_at - entered_at) <= SAME_ENTRY_S


@dataclass(slots=True)
class Offer:
    """One attempt to connect the call to an agent."""

    queue_id: QueueId
    made_at: float
    agent_id: AgentId | None = None
    entry: Entry | None = None
    rang_at: float | None = None
    accepted_at: float | None = None
    is_open: bool = True
    """Whether no result is known yet."""
    doubted: bool = False
    """Whether nobody could say in time how it ended; an answer that is told later still counts."""
    talk_ended: bool = False
    consult: bool = False
    """Whether its agent was only asked about the caller (yet)."""
    handed_on: bool = False
    """Whether its agent handed the caller on: that may be told by who saw it, and by a router that found it so."""
    held_at: float | None = None
    """Since when the caller is on hold."""
    held_s: float = 0.0
    """How long he was in all."""


@dataclass(slots=True)
class Call:
    """One call."""

    phase: Phase = "ivr"
    entries: list[Entry] = field(default_factory=list)
    offers: dict[OfferId, Offer] = field(default_factory=dict)
    current_offer: OfferId | None = None
    ended_at: float | None = None
    is_callback: bool = False
    """Whether we called him: his wait for an agent is counted by nobody; callbacks have numbers of their own."""
    presumed_over: bool = False
    """First heard of through a fact that comes after the end; nobody told the end itself."""
    seen: dict[int, None] = field(default_factory=dict)

    def open_entry(self) -> Entry | None:
        """Return the entry whose outcome is still to come; it is always the last one."""
        return self.entries[-1] if self.entries and self.entries[-1].is_open else None

    def find_entry(self, queue_id: QueueId, entered_at: float) -> Entry | None:
        """Return the entry, open or closed, that a fact speaks of."""
        return next((e for e in reversed(self.entries) if e.matches(queue_id, entered_at)), None)

    def add_entry(self, entry: Entry) -> None:
        """Remember a new entry, in the order of the times of entry."""
        self.entries.append(entry)
        self.entries.sort(key=lambda e: e.entered_at)
        del self.entries[:-PER_CALL_LIMIT]

    def add_offer(self, offer_id: OfferId, offer: Offer) -> None:
        """Remember a new offer as the current one."""
        self.offers[offer_id] = offer
        self.current_offer = offer_id
        while len(self.offers) > PER_CALL_LIMIT:
            del self.offers[next(iter(self.offers))]

    def is_repeated(self, fact: Fact) -> bool:
        """Return whether exactly this fact came before, and remember it."""
        mark = hash((type(fact).__name__, fact))
        if mark in self.seen:
            return True
        self.seen[mark] = None
        if len(self.seen) > SEEN_LIMIT:
            del self.seen[next(iter(self.seen))]
        return False


class CallBook:
    """All calls that are remembered."""

    def __init__(self) -> None:
        self.live: dict[CallId, Call] = {}
        self.ended: dict[CallId, Call] = {}
        """In the order of their end."""

    def find(self, call_id: CallId) -> Call | None:
        """Return a remembered call."""
        return self.live.get(call_id) or self.ended.get(call_id)

    def open(self, call_id: CallId, now: float, *, living: bool) -> tuple[Call, Call | None]:
        """Return the call, made if it is new, and a living call that had to be forgotten for it.

        A new call is `living`, or presumed over and remembered only to tell repetitions, until a living call's fact comes.
        """
        call = self.find(call_id)
        if call is not None and not (living and call.presumed_over):
            return call, None
        call = call or Call(presumed_over=not living)
        if not living:
            self._keep_ended(call_id, call, now)
            return call, None
        self.ended.pop(call_id, None)
        call.ended_at, call.presumed_over = None, False
        forgotten = self.live.pop(next(iter(self.live))) if len(self.live) >= LIVE_LIMIT else None
        self.live[call_id] = call
        return call, forgotten

    def end(self, call_id: CallId, now: float) -> None:
        """Move a call to the ended ones and forget what ended long ago."""
        call = self.live.pop(call_id, None)
        if call is not None:
            self._keep_ended(call_id, call, now)

    def _keep_ended(self, call_id: CallId, call: Call, now: float) -> None:
        call.ended_at = now
        self.ended[call_id] = call
        while len(self.ended) > ENDED_LIMIT:
            del self.ended[next(iter(self.ended))]
        self.forget_old(now)

    def forget_old(self, now: float) -> None:
        """Forget calls that ended more than ENDED_KEEP_S ago."""
        while self.ended:
            oldest = next(iter(self.ended))
            if (self.ended[oldest].ended_at or 0.0) > now - ENDED_KEEP_S:
                return
            del self.ended[oldest]
