"""The life of a call, and what became of its caller."""

from typing import Literal

from hotline.facts.base import CallFact
from hotline.facts.place import Place
from hotline.ids import AgentId, CallId, CustomerId, LegId, NodeId, OfferId, QueueId, VoicemailId


class CallArrived(CallFact, frozen=True, kw_only=True):
    """A caller reached Asterisk and was answered by the dialplan."""

    node: NodeId
    leg: LegId
    number: str
    """The number dialled."""
    caller_number: str = ""
    """The caller's number as presented, `0-9+*#` only; empty when withheld or unusable."""
    caller_name: str = ""
    """The caller's display name, cleaned."""
    origin: Literal["trunk", "seat", "operator", "test", "callback"] = "trunk"
    """`callback`: we called; it began when we did, and whether the customer answers is told by `CustomerDialled`."""
    place: Place | None = None
    """Of a callback: the place that the customer had when he asked for it."""
    reconciled: bool = False
    """Whether this was concluded afterwards (from CEL) rather than seen: nobody may act on it."""


class CallAdopted(CallFact, frozen=True, kw_only=True):
    """After a gap (our restart, a lost link) a living call was found in Asterisk and taken over.

    `phase` tells what Asterisk shows; the other fields are what we had kept on the channel (see `commands.Place`).
    """

    node: NodeId
    leg: LegId
    phase: Literal["session", "ringing", "talking", "fallback", "outside"]
    number: str = ""
    caller_number: str = ""
    caller_name: str = ""
    arrived_at: float = 0.0
    place: Place | None = None
    offer_id: OfferId | None = None
    """The current offer, when ringing or talking."""
    second_offer: OfferId | None = None
    """The offer by which the agent asks another one, meanwhile."""
    second_answered: bool = False
    """Whether that one has answered."""
    second_agent: AgentId | None = None
    """Who is asked by it."""
    held: bool = False
    """Whether he is on hold."""
    led_on_at: float = 0.0
    """When he was handed on to whom he talks with now, to the second; 0: he was not."""
    transfer: str = ""
    """Whom an agent handed him on to, if nobody has taken him over since; see `CallReturned`."""
    transferred_by: AgentId | None = None
    transfer_queue: QueueId | None = None
    customer: Literal["", "waits", "dialled", "answered"] = ""
    """Of a call that we made for a callback, what its node knows of the customer: not dialled yet, dialled, or on the line."""


class CallerIdentified(CallFact, frozen=True, kw_only=True):
    """The CRM knows the caller's number."""

    customer_id: CustomerId
    name: str
    tier: str = ""
    language: str = ""
    agent_id: AgentId | None = None
    """His customer manager."""


class CallerUnknown(CallFact, frozen=True, kw_only=True):
    """The CRM does not know the caller, or did not answer in time."""

    reason: Literal["no_number", "not_found", "too_late", "unavailable"] = "not_found"


class IvrStepTaken(CallFact, frozen=True, kw_only=True):
    """The caller went through one step of a call flow."""

    flow: str
    flow_version: str
    step: str
    result: str
    """How the step ended: `played`, `digit:1`, `timeout`, `invalid`, `open`, `closed`, `queued`, `hungup` …"""
    language: str = ""


class CallQueued(CallFact, frozen=True, kw_only=True):
    """A caller joined the line of a queue. The service-level clock starts at `entered_at`."""

    queue_id: QueueId
    entered_at: float
    priority: int = 0
    """Higher is served first."""
    skills: tuple[str, ...] = ()
    """Skills that the agent must have, beyond those of the queue."""
    levels: tuple[tuple[str, int], ...] = ()
    """Pairs of skill and least level, for those of `skills` where level 1 is not enough."""
    language: str = ""
    wanted_agent: AgentId | None = None
    """The agent whom he is kept for."""
    wanted_s: float | None = None
    """For how long, from `entered_at`; None: nobody else may serve him (he was transferred to this agent)."""
    kind: Literal["live", "callback"] = "live"
    """`callback`: nobody is on the line; the caller is called back when his turn comes."""
    transferred_by: AgentId | None = None
    """The agent who handed him on to `wanted_agent`: he is kept for this one when that one does not take him in time."""
    since: float | None = None
    """Since when he waits, if that is longer than in this line: what his place goes by. He was moved here, or had hung up and is back."""
    before: tuple[QueueId, ...] = ()
    """The queues that let him out to others, oldest first: overflow does not lead back to them."""


class CallAbandoned(CallFact, frozen=True, kw_only=True):
    """A caller hung up while in the line of a queue."""

    queue_id: QueueId
    entered_at: float
    short: bool = False
    """Whether the wait was below the queue's short-abandon limit."""
    while_ringing: bool = False


class CallFlowedOut(CallFact, frozen=True, kw_only=True):
    """A caller left the line without an answer and without giving up."""

    queue_id: QueueId
    entered_at: float
    reason: str
    """`fallback`, `full`, `closed`, `moved`, `overflow`, `pulled`, `callback`, …"""
    treatment: str = ""
    """What shall be done with him now, in the words of `hotline.treatments`; empty: whoever told this does it."""
    announce: str = ""
    """The announcement that he hears before that."""
    by: str = ""
    """The supervisor who let him out."""


class CallMoved(CallFact, frozen=True, kw_only=True):
    """A supervisor moved a caller to the line of another queue, with the time that he has waited."""

    queue_id: QueueId
    """Where he waited."""
    to: QueueId
    entered_at: float
    """When he entered the line that he left."""
    by: str


class CallPriorityChanged(CallFact, frozen=True, kw_only=True):
    """A supervisor changed the priority of a waiting caller."""

    queue_id: QueueId
    entered_at: float
    priority: int
    previous: int
    by: str


class CallResumed(CallFact, frozen=True, kw_only=True):
    """A caller who had hung up while he waited called again, and has his old place in the line."""

    queue_id: QueueId
    since: float
    """Since when he waits: what his place goes by."""
    earlier_call_id: CallId


class WaitPromised(CallFact, frozen=True, kw_only=True):
    """A waiting caller was told how much longer it will take. Whether it came true is judged by `acd.estimates.promises`."""

    queue_id: QueueId
    low_s: float
    """The range, in seconds from now on; 0: only an upper end was said."""
    high_s: float


class CallForwarded(CallFact, frozen=True, kw_only=True):
    """A caller was let out of the line to a number outside, which is dialled now."""

    queue_id: QueueId
    number: str


class ForwardEnded(CallFact, frozen=True, kw_only=True):
    """The call to a number outside is over."""

    number: str
    answered: bool
    reason: str = ""
    """How it ended if nobody answered: `busy`, `noanswer`, `chanunavail` …"""
    talked_s: float = 0.0


class VoicemailBegan(CallFact, frozen=True, kw_only=True):
    """A caller was asked to leave a message; he hears a beep."""

    node: NodeId
    message_id: VoicemailId
    queue_id: QueueId
    max_s: float


class VoicemailLeft(CallFact, frozen=True, kw_only=True):
    """A message lies, complete and verified, beside the recordings."""

    message_id: VoicemailId
    queue_id: QueueId
    file: str
    """Path relative to the store of messages."""
    sha256: str
    size_bytes: int
    duration_s: float


class VoicemailMissed(CallFact, frozen=True, kw_only=True):
    """A caller who was asked for a message left none, or it cannot be kept."""

    message_id: VoicemailId
    queue_id: QueueId
    problem: Literal["empty", "missing", "store_failed"]
    detail: str = ""


class VoicemailHandled(CallFact, frozen=True, kw_only=True):
    """Somebody dealt with a message, or took that back."""

    message_id: VoicemailId
    handled: bool = True
    by: str


class CallFellBack(CallFact, frozen=True, kw_only=True):
    """The dialplan sent the call to the static fallback queue because no controller served it."""

    reason: str
    """`no_heartbeat`, `lease_expired`, `not_handled`."""
    reconciled: bool = False
    """Whether this was concluded afterwards (from CEL) rather than seen."""


class CallEnded(CallFact, frozen=True, kw_only=True):
    """The caller's channel is gone."""

    cause: int = 0
    """Q.850 hang-up cause; 16 is normal clearing, 0 unknown."""
    ended_by: Literal["caller", "agent", "system", "unknown"] = "unknown"
    reconciled: bool = False
    """Whether this was concluded afterwards (from CEL or a snapshot) rather than seen."""
