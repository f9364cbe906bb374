"""One call as Asterisk shows it: its legs, its phase, its current offer. Pure.

`phase` is a table of what may follow what; everything that arrives late, twice or for another offer changes nothing.

    arrive -> session -> ringing -> talking -> session -> … -> gone
                 |          |          (a call that nobody of ours serves goes to `fallback` by itself)
"""

import math
from typing import Any, Literal

import msgspec

from hotline.facts import (
    OfferBusy,
    OfferFact,
    OfferFailed,
    OfferRejected,
    OfferRescinded,
    OfferTimedOut,
)
from hotline.ids import CallId, LegId, OfferId, PlayId

Phase = Literal["session", "ringing", "talking", "fallback", "gone"]
Side = Literal["caller", "agent", "system", "unknown"]

NEXT: dict[Phase, frozenset[Phase]] = {
    "session": frozenset({"ringing", "talking", "fallback", "gone"}),
    "ringing": frozenset({"session", "talking", "fallback", "gone"}),
    "talking": frozenset({"session", "fallback", "gone"}),
    "fallback": frozenset({"session", "gone"}),
    "gone": frozenset(),
}
"""Which phase may follow which."""


class Offer(msgspec.Struct, kw_only=True):
    """The offer that a line is busy with."""

    offer_id: OfferId
    seat: LegId | None = None
    """The channel of the seat, once it is dialled."""
    rang: bool = False
    bridged: set[str] = msgspec.field(default_factory=set)
    """Who is in the bridge: `caller`, `agent`."""
    accepted: bool = False
    ended: bool = False
    """Whether its ending has been told (for an accepted one: the end of the conversation)."""
    left_first: Side = "unknown"
    cancelled: bool = False
    """Whether we took it back."""
    until: float = math.inf
    """When its ring is over at the latest: what we learn of it later (after a stop of ours) happened before."""


class Playing(msgspec.Struct, kw_only=True):
    """The prompts that are being played."""

    play_id: PlayId
    left: list[str]
    interrupt: str
    index: int = 0


class Line(msgspec.Struct, kw_only=True):
    """A call in Asterisk."""

    call_id: CallId
    leg: LegId
    phase: Phase = "session"
    offer: Offer | None = None
    playing: Playing | None = None
    music: bool = False
    pending: set[str] = msgspec.field(default_factory=set)
    """AGI commands that were sent and have not ended. Those left when the call is redirected run in its next session."""
    flushed: tuple[str, int] | None = None
    """How the last offer ended, while the caller is sent round once more to get rid of such commands."""
    ended_by_us: bool = False
    leaving: bool = False
    """Whether it was sent to the fallback queue, where a lease would end it."""
    answered: bool = False
    """Whether an agent ever answered it."""
    talk_ended_by: Side = "unknown"

    def move(self, phase: Phase) -> bool:
        """Go to `phase` if the table allows it; return whether it did."""
        if phase not in NEXT[self.phase]:
            return False
        self.phase = phase
        self.answered = self.answered or phase == "talking"
        if phase != "session":
            self.playing = None
            self.music = False
        return True


REJECTED = 21
UNAVAILABLE = 19
"""Q.850 causes by which Asterisk tells a phone's 603 (Decline) and 480 (Temporarily Unavailable)."""


def unanswered(line: Line, offer: Offer, status: str, cause: int, now: float) -> OfferFact:
    """Return the fact for an offer that ended without an answer, from Asterisk's DIALSTATUS and HANGUPCAUSE.

    A no before the phone rang is a busy phone, after it the agent's refusal. As tried on Asterisk 22: 486 is BUSY, 603 is
    CHANUNAVAIL with cause 21, 480 is NOANSWER with cause 19, a ring time-out is NOANSWER with cause 0, an unregistered
    phone CHANUNAVAIL with cause 3. `RESCINDED` and `LEFT` are ours.
    """
    ids: dict[str, Any] = {"at": min(now, offer.until), "call_id": line.call_id, "offer_id": offer.offer_id}
    if offer.cancelled or status == "RESCINDED":
        return OfferRescinded(**ids, reason="withdrawn")
    if status in ("LEFT", "CANCEL"):
        return OfferRescinded(**ids, reason="caller_left")
    if status == "BUSY" or cause in (REJECTED, UNAVAILABLE):
        return OfferRejected(**ids) if offer.rang else OfferBusy(**ids)
    if status == "NOANSWER":
        return OfferTimedOut(**ids)
    return OfferFailed(**ids, reason=status.lower() or "unknown")
