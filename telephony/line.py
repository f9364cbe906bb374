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
from hotline.ids import AgentId, CallId, LegId, OfferId, PlayId, QueueId

Phase = Literal["session", "ringing", "talking", "outside", "fallback", "gone"]
Side = Literal["caller", "agent", "system", "unknown"]

NEXT: dict[Phase, frozenset[Phase]] = {
    "session": frozenset({"ringing", "talking", "outside", "fallback", "gone"}),
    "ringing": frozenset({"session", "talking", "fallback", "gone"}),
    "talking": frozenset({"session", "fallback", "gone"}),
    "outside": frozenset({"session", "fallback", "gone"}),
    "fallback": frozenset({"session", "gone"}),
    "gone": frozenset(),
}
"""Which phase may follow which."""


class Offer(msgspec.Struct, kw_only=True):
    """The offer that a line is busy with."""

    offer_id: OfferId
    seat: LegId | None = None
    """The channel of the seat, once it is dialled."""
    agent_id: AgentId | None = None
    """Of one by which an agent asks another: whom."""
    local: str = ""
    """Of one of a group: the Local channel that dials it (that half of it), once it does."""
    rang: bool = False
    bridged: set[str] = msgspec.field(default_factory=set)
    """Who is in the bridge: `caller`, `agent`."""
    accepted: bool = False
    ended: bool = False
    """Whether its ending has been told (for an accepted one: the end of the conversation)."""
    left_first: Side = "unknown"
    cancelled: bool = False
    """Whether we took it back."""
    phone_held: bool = False
    """Whether its agent's phone keeps the other side on hold; see `telephony.holds`."""
    until: float = math.inf
    """When its ring is over at the latest: what we learn of it later (after a stop of ours) happened before."""


class Group(msgspec.Struct, kw_only=True):
    """The offers of one caller whose phones ring at once; see `telephony.groups`."""

    group_id: OfferId
    """The id of the first offer, which stands for all of them."""
    members: tuple[Offer, ...]
    """In the order of the command, whose numbers begin with 1."""
    winner: Offer | None = None
    """Whose phone Asterisk took the answer of."""


class Playing(msgspec.Struct, kw_only=True):
    """The prompts that are being played."""

    play_id: PlayId
    left: list[str]
    interrupt: str
    index: int = 0


CalloutResult = Literal["answered", "busy", "no_answer", "failed"]


class Callout(msgspec.Struct, kw_only=True):
    """The customer's half of a call that we made; see `telephony.callouts`."""

    first: Literal["agent", "customer"]
    dialled: bool = False
    """Whether he was dialled, as far as we know."""
    result: CalloutResult | None = None
    """What came of it."""


class Errand(msgspec.Struct, kw_only=True):
    """What a caller is sent for whom the dialplan leads by itself; see `telephony.errands`."""

    kind: Literal["message", "number"]
    number: str = ""
    answered_at: float | None = None
    """When the number outside answered."""


class HandedOn(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent wants done with a caller whom he let go."""

    to: str
    """In the words of `hotline.transfers`."""
    by: AgentId | None
    queue_id: QueueId | None
    """The queue in which that agent served him."""


class Line(msgspec.Struct, kw_only=True):
    """A call in Asterisk."""

    call_id: CallId
    leg: LegId
    phase: Phase = "session"
    offer: Offer | None = None
    group: Group | None = None
    """Set while the phones of several offers ring; `offer` is the first of them."""
    won_from: OfferId | None = None
    """The group of the present offer, once it was accepted."""
    callout: Callout | None = None
    """Set for a call that we made ourselves."""
    errand: Errand | None = None
    """Set while he is outside our hands without an agent."""
    playing: Playing | None = None
    music: bool = False
    pending: set[str] = msgspec.field(default_factory=set)
    """AGI commands that were sent and have not ended. Those left when the call is redirected run in its next session."""
    flushed: tuple[str, int] | None = None
    """How the last offer ended, while the caller is sent round once more to get rid of such commands."""
    second: Offer | None = None
    """The offer by which the agent asks another one; see `telephony.consults`."""
    hold_asked: bool = False
    """Whether he was sent to hear music, and is about to leave the bridge for it."""
    held: bool = False
    """Whether he hears music because of that. His agent may talk with the second one."""
    aside: bool = False
    """Whether the second agent hears music, and the caller talks with the first one meanwhile."""
    together: Literal["", "asked", "yes"] = ""
    """Whether all three talk, or are about to."""
    hold_told: bool = False
    """Whether it was told that he is on hold."""
    muted: bool = False
    """Whether his recording is muted, because his agent's phone keeps him on hold."""
    handed_on: HandedOn | None = None
    """Whom his agent handed him on to, until his return is told."""
    led_on_at: float = 0.0
    """When he was handed on to whom he talks with now; 0 when he was not, or we saw it."""
    led: bool = False
    """Whether that was told, and his channel still says it."""
    keyed: str = ""
    """The keys of a code that his agent has pressed so far; see `telephony.keys`."""
    keyed_at: float = 0.0
    ended_by_us: bool = False
    leaving: bool = False
    """Whether it was sent to the fallback queue, where a lease would end it."""
    answered: bool = False
    """Whether an agent ever answered it."""
    talk_ended_by: Side = "unknown"

    @property
    def ring_id(self) -> OfferId | None:
        """The id under which the network knows the present ring: that of the offer, or of its group."""
        return self.won_from or (self.offer.offer_id if self.offer is not None else None)

    @property
    def offers(self) -> tuple[Offer, ...]:
        """The offers that the call is under: none, one, or those of a group."""
        if self.group is not None:
            return self.group.members
        return (self.offer,) if self.offer is not None else ()

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
