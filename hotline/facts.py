"""What happened: the records that services tell each other, and that the journal keeps.

A **fact** is frozen, in the past tense, and true for ever; it goes to the journal. A **signal** is a passing observation
of the phone network (a digit, a prompt that ended) that only live services need; it is never stored, because it may be
card data or noise. Both carry `at`, the time it happened: seconds since 1970, UTC, by our steady clock.

Changing a record: adding an optional field is free; anything else raises `version` and adds an upcaster in `codec.py`.
No field holds caller text as typed: numbers are `0-9+*#`, names went through `hotline.text.clean_name`.
"""

from typing import ClassVar, Literal

import msgspec

from hotline.ids import (
    AgentId,
    CallbackId,
    CallId,
    CustomerId,
    Extension,
    FactId,
    LegId,
    NodeId,
    OfferId,
    PlayId,
    QueueId,
    RecordingId,
    SupervisionId,
    VoicemailId,
)


class Record(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """Anything that travels on the bus."""

    at: float
    """When it happened: seconds since 1970, UTC."""


class Fact(Record, frozen=True, kw_only=True, tag=True):
    """Something that happened and is kept in the journal."""

    version: ClassVar[int] = 1


class Signal(Record, frozen=True, kw_only=True, tag=True):
    """A passing observation that is never stored."""


class CallFact(Fact, frozen=True, kw_only=True, tag=True):
    """A fact about one call."""

    call_id: CallId


class OfferFact(CallFact, frozen=True, kw_only=True, tag=True):
    """A fact about one offer of one call."""

    offer_id: OfferId


# --- the life of a call ------------------------------------------------------------------------------------------------


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
    place: "Place | None" = None
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
    place: "Place | None" = None
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


# --- the life of an offer ----------------------------------------------------------------------------------------------


class OfferMade(OfferFact, frozen=True, kw_only=True):
    """The router decided to connect this caller to this agent, and the agent is reserved."""

    agent_id: AgentId
    extension: Extension
    queue_id: QueueId
    ring_timeout_s: float
    entered_at: float
    recording_id: RecordingId | None = None
    kind: Literal["main", "consult", "callback"] = "main"
    """`consult`: an agent asks another one while his caller holds; `callback`: the agent is rung before the customer."""
    group: OfferId | None = None
    """The first offer of those that ring for this caller at once."""


class OfferRang(OfferFact, frozen=True, kw_only=True):
    """The seat's phone reported that it rings."""


class OfferAccepted(OfferFact, frozen=True, kw_only=True):
    """The agent answered and both are bridged. The service-level clock stops here."""


class OfferTimedOut(OfferFact, frozen=True, kw_only=True):
    """The phone rang out without an answer (RONA)."""


class OfferRejected(OfferFact, frozen=True, kw_only=True):
    """The agent pressed "reject" on a ringing phone."""


class OfferBusy(OfferFact, frozen=True, kw_only=True):
    """The phone said busy at once."""


class OfferFailed(OfferFact, frozen=True, kw_only=True):
    """The phone could not be rung (unregistered, congestion, refused command)."""

    reason: str


class OfferRescinded(OfferFact, frozen=True, kw_only=True):
    """The offer was taken back before an answer."""

    reason: Literal["caller_left", "agent_left", "withdrawn", "lease", "answered_elsewhere"]


class OfferUnknown(OfferFact, frozen=True, kw_only=True):
    """Nobody told in time how the offer ended; it was closed by its timer."""


OfferEnding = Literal["no_answer", "rejected", "busy", "failed", "rescinded", "unknown"]

OFFER_ENDINGS: dict[type[OfferFact], OfferEnding] = {
    OfferTimedOut: "no_answer",
    OfferRejected: "rejected",
    OfferBusy: "busy",
    OfferFailed: "failed",
    OfferRescinded: "rescinded",
    OfferUnknown: "unknown",
}
"""How an offer can end without an answer, in the word of rows and metrics; the last one only when nothing else was told."""


class TalkEnded(OfferFact, frozen=True, kw_only=True):
    """The conversation of an accepted offer is over."""

    ended_by: Literal["caller", "agent", "system", "unknown"] = "unknown"


class HoldBegan(OfferFact, frozen=True, kw_only=True):
    """The agent put his caller on hold."""


class HoldEnded(OfferFact, frozen=True, kw_only=True):
    """The agent took his caller back from hold. A conversation that ends on hold ends without it."""


class TransferStarted(OfferFact, frozen=True, kw_only=True):
    """An agent hands his caller on, or asks somebody first; `offer_id` is the agent's own offer."""

    kind: Literal["blind", "attended"]
    to: str
    """Whom to, in the words of `hotline.transfers`: `agent:1002`, `queue:sales`, `number:13800138000`."""
    next_offer: OfferId | None = None
    """Attended: the offer by which the other agent is asked."""
    by: str = "api"
    """`api`, `phone`, or a user's name."""


class ConferenceBegan(OfferFact, frozen=True, kw_only=True):
    """The caller and both agents of an attended transfer talk with each other; `offer_id` is the first agent's offer."""

    next_offer: OfferId


class TransferCompleted(OfferFact, frozen=True, kw_only=True):
    """The caller was handed on; `offer_id` is the offer of the agent who did it, whose conversation is over."""

    kind: Literal["blind", "attended"]
    to: str = ""
    next_offer: OfferId | None = None
    """Attended: the offer under which the caller talks on."""
    recording_id: RecordingId | None = None
    """Attended: record what they say to each other under this name."""
    reconciled: bool = False
    """Whether nobody saw it happen: the caller was found with the other one afterwards."""


class TransferFailed(OfferFact, frozen=True, kw_only=True):
    """An attempt to hand a caller on is over, and he was not handed on; `offer_id` is the offer of the agent who tried."""

    kind: Literal["blind", "attended"]
    next_offer: OfferId | None = None
    reason: str
    """`no_answer`, `rejected`, `busy`, `failed`, `called_off`, `caller_left`, `agent_left`, `refused`, `unknown`."""


class OutcomeGiven(OfferFact, frozen=True, kw_only=True):
    """The agent said how a conversation went; the last one counts."""

    agent_id: AgentId
    outcome: str
    """One of the setting `acd.outcomes`."""
    note: str = ""
    """What he wrote about it, cleaned."""
    by: str = "system"
    """`seat`, `api`, or a user's name."""


class ScreenPopped(OfferFact, frozen=True, kw_only=True):
    """The caller's name was shown at the seat."""

    agent_id: AgentId


# --- agents ------------------------------------------------------------------------------------------------------------

AgentState = Literal[
    "offline", "ready", "reserved", "ringing", "talking", "holding", "wrap_up", "rest", "break", "unreachable"
]


class AgentFact(Fact, frozen=True, kw_only=True, tag=True):
    """A fact about one agent."""

    agent_id: AgentId


class AgentAdded(AgentFact, frozen=True, kw_only=True):
    """An agent was created or changed; the last one counts."""

    name: str
    extension: Extension
    skills: dict[str, int] = {}
    queues: tuple[QueueId, ...] = ()


class AgentStateChanged(AgentFact, frozen=True, kw_only=True):
    """An agent's state changed."""

    state: AgentState
    previous: AgentState
    reason: str = ""
    """The reason of a break, or what caused the change."""
    by: str = "system"
    """`seat`, `api`, `router`, `phone` …"""
    until: float | None = None
    call_id: CallId | None = None
    queues: tuple[QueueId, ...] = ()
    """The queues this agent serves, so that gauges can be folded without another look-up."""
    forced: bool = False
    """Whether a supervisor ordered it (`by`), at this moment or before."""


class AgentWishChanged(AgentFact, frozen=True, kw_only=True):
    """Something was asked of a busy agent, or by him, that follows when his call is over; or it was called off."""

    wish: Literal["", "break", "offline"]
    """Empty: nothing follows any more."""
    reason: str = ""
    by: str = "system"
    forced: bool = False
    """Whether a supervisor ordered it."""


class BreakOverran(AgentFact, frozen=True, kw_only=True):
    """A break lasts longer than its reason allows. He is not moved; supervisors are told."""

    reason: str
    limit_s: float
    queues: tuple[QueueId, ...] = ()
    """The queues this agent serves."""


# --- recordings --------------------------------------------------------------------------------------------------------


class RecordingStarted(CallFact, frozen=True, kw_only=True):
    """Asterisk began to write the conversation of an offer."""

    recording_id: RecordingId
    offer_id: OfferId


class RecordingStored(CallFact, frozen=True, kw_only=True):
    """A complete, verified recording lies in the store."""

    recording_id: RecordingId
    offer_id: OfferId
    file: str
    """Path relative to the recording store."""
    sha256: str
    size_bytes: int
    duration_s: float
    channels: int = 2
    rate_hz: int = 8000


class RecordingMarked(CallFact, frozen=True, kw_only=True):
    """A recording that should exist is missing, or broken."""

    recording_id: RecordingId
    offer_id: OfferId
    problem: Literal["missing", "empty", "broken", "too_short", "store_failed"]
    detail: str = ""


# --- callbacks ---------------------------------------------------------------------------------------------------------

CallbackResult = Literal["reached", "expired", "cancelled", "failed"]
"""How a callback can end."""


class CallbackFact(Fact, frozen=True, kw_only=True, tag=True):
    """A fact about one callback."""

    callback_id: CallbackId


class CallbackRequested(CallbackFact, frozen=True, kw_only=True):
    """A caller wants to be called back and gives up his call, or somebody asks it for him. He keeps his place in the line."""

    queue_id: QueueId
    number: str
    """In the form of `hotline.dialling.dialable`. Personal data."""
    entered_at: float
    """Since when he waits: what his place in the line goes by."""
    of_call: CallId | None = None
    """The call that he gave up."""
    node: NodeId | None = None
    """The node that had that call, and will call him; None: any."""
    dialled: str = ""
    """The number of ours that he had called: its flow leads him after the conversation."""
    name: str = ""
    """Cleaned."""
    customer_id: CustomerId | None = None
    priority: int = 0
    skills: tuple[str, ...] = ()
    levels: tuple[tuple[str, int], ...] = ()
    language: str = ""
    flow: str = ""
    flow_version: str = ""
    step: str = ""
    by: str = "caller"
    """`caller`, or a user's name."""


class CallbackRefused(CallbackFact, frozen=True, kw_only=True):
    """A wish to be called back could not be granted when it reached the router: the callback is over before it began."""

    queue_id: QueueId
    reason: str
    """A reason of `hotline.dialling`, `unknown_queue`, `full` or `already_asked` (the number has a callback in this line)."""


class CallbackAttempted(CallbackFact, frozen=True, kw_only=True):
    """His turn has come, or is about to: the call `call_id` is made."""

    queue_id: QueueId
    call_id: CallId
    attempt: int
    agent_id: AgentId | None = None
    """Who is reserved for him; None: an agent is about to be free."""
    first: Literal["agent", "customer"]
    waited_s: float


class CallbackPutOff(CallbackFact, frozen=True, kw_only=True):
    """An attempt did not reach the customer; he keeps his place and is called again, not before `retry_at`."""

    queue_id: QueueId
    call_id: CallId
    attempt: int
    result: str
    """`busy`, `no_answer`, `failed`: the customer's phone; `no_agent`, `lost`, `refused`: he was not called, which is no attempt."""
    retry_at: float


class CallbackEnded(CallbackFact, frozen=True, kw_only=True):
    """A callback is over."""

    queue_id: QueueId
    result: CallbackResult
    reason: str = ""
    """Why it failed or was cancelled: the last attempt's result, `hung_up`, `flowed_out`, `called_again`, a user's name …"""
    attempts: int = 0
    call_id: CallId | None = None
    """The call in which he was reached."""
    waited_s: float = 0.0
    """From the wish (not the entry into the line) to this."""
    held_s: float | None = None
    """How long the customer, once he had answered, was on the line without an agent; None: he never answered."""


class CustomerDialled(CallFact, frozen=True, kw_only=True):
    """What came of calling the customer of a callback."""

    result: Literal["answered", "busy", "no_answer", "failed"]
    cause: int = 0
    """Q.850; 0 unknown."""


# --- the house ---------------------------------------------------------------------------------------------------------


class QueueSwitched(Fact, frozen=True, kw_only=True):
    """A supervisor closed or opened a queue, or switched its emergency announcement."""

    queue_id: QueueId
    closed: bool
    emergency: str = ""
    """The announcement that its callers hear; empty: none."""
    then: str = ""
    """What follows the announcement: `stay`, `hang_up` or `fallback`."""
    by: str


class SurgeSwitched(Fact, frozen=True, kw_only=True):
    """The agents whom a queue calls in from other departments were told to serve it, or not to any more."""

    queue_id: QueueId
    on: bool
    by: str


# --- supervision -------------------------------------------------------------------------------------------------------

SupervisionMode = Literal["listen", "whisper", "barge"]
"""`listen`: nobody hears the supervisor; `whisper`: the agent alone does; `barge`: the caller does too."""


class SupervisionFact(CallFact, frozen=True, kw_only=True, tag=True):
    """A fact about a supervisor who is with an agent's conversation, or wants to be."""

    supervision_id: SupervisionId
    agent_id: AgentId
    """The agent who is supervised."""
    extension: Extension
    """The supervisor's seat."""
    by: str
    """Who asked for it: a user's or token's name."""


class SupervisionAsked(SupervisionFact, frozen=True, kw_only=True):
    """Somebody wants to supervise a conversation; the seat that he named is rung."""

    mode: SupervisionMode


class SupervisionBegan(SupervisionFact, frozen=True, kw_only=True):
    """The supervisor hears the conversation. Told anew when the mode changes; then `by` is who changed it."""

    mode: SupervisionMode


class SupervisionEnded(SupervisionFact, frozen=True, kw_only=True):
    """The supervisor does not hear the conversation any more, or never came to."""

    reason: str
    """`call_over`, `hung_up` (the supervisor), `stopped` (by order), `taken_over`, `no_answer`, `busy`, `refused`, `lost`."""


class LinkChanged(Fact, frozen=True, kw_only=True):
    """The AMI link to an Asterisk came up (and its snapshot was taken) or went down."""

    node: NodeId
    up: bool
    reason: str = ""


class ServiceStarted(Fact, frozen=True, kw_only=True):
    """A service of ours began to work."""

    service: str
    build: str = ""


class RouterTermBegan(Fact, frozen=True, kw_only=True):
    """From now on this process distributes the calls; only told where several processes could."""

    router: str
    epoch: int
    """The term of office; greater than every one before."""
    before: str = ""
    """The process whose term was the last before; it may be the same."""
    reason: Literal["free", "silence"]
    """Nobody had the office, or the one who had it told nothing any more."""


class RouterTermEnded(Fact, frozen=True, kw_only=True):
    """This process distributes no calls any more. A process that was killed cannot tell it; the next term says it then."""

    router: str
    epoch: int
    reason: Literal["newer_term", "stopped"]
    """Another router's term had begun, or the process was told to stop."""


# --- signals -----------------------------------------------------------------------------------------------------------


class DigitPressed(Signal, frozen=True, kw_only=True):
    """The caller pressed a key (`0-9*#A-D`). Also sent for digits during a prompt."""

    call_id: CallId
    digit: str


class PlayEnded(Signal, frozen=True, kw_only=True):
    """A `Play` command is over."""

    call_id: CallId
    play_id: PlayId
    result: Literal["finished", "interrupted", "failed"]


class CallReturned(Signal, frozen=True, kw_only=True):
    """After a ring or a conversation the caller is back in our hands (in AsyncAGI), lease armed."""

    call_id: CallId
    offer_id: OfferId
    answered: bool
    transfer: str = ""
    """Whom the agent handed him on to, in the words of `hotline.transfers`; empty: to nobody."""
    transferred_by: AgentId | None = None
    transfer_queue: QueueId | None = None
    """The queue in which that agent served him."""


class CallCameBack(Signal, frozen=True, kw_only=True):
    """A caller whom the dialplan led by itself is back in our hands, lease armed."""

    call_id: CallId
    errand: Literal["message", "number"]
    """What he was sent for: to leave a message, to talk with a number outside."""
    result: Literal["done", "failed", "unknown"]


class SeatChanged(Signal, frozen=True, kw_only=True):
    """A seat's phone changed: can it be rung, and is it in a call?"""

    extension: Extension
    reachable: bool
    in_use: bool
    node: NodeId = NodeId("")
    """The node that tells it; a phone is registered at one of them, and unreachable for the others."""


class SnapshotTaken(Signal, frozen=True, kw_only=True):
    """A look at all channels of a node was compared with what we knew; `living` is every call there is."""

    node: NodeId
    living: tuple[CallId, ...]
    supervisions: tuple[SupervisionId, ...] = ()
    """Every supervisor's seat that is rung, or with a conversation."""
    heard: tuple[tuple[SupervisionId, SupervisionMode], ...] = ()
    """Those of them that are with one, and how."""


class SupervisionSeen(Signal, frozen=True, kw_only=True):
    """What the phone network tells of a supervisor's seat."""

    node: NodeId
    supervision_id: SupervisionId
    state: Literal["listen", "whisper", "barge", "over", "unanswered"]
    reason: str = ""
    """Of `unanswered`: `no_answer`, `busy` or `refused`."""


class FeatureCodeDialled(Signal, frozen=True, kw_only=True):
    """A seat dialled `*4…`; answer with `commands.AnswerFeature` on the same `session`."""

    session: LegId
    node: NodeId
    extension: Extension
    code: str
    """The digits after the star: `41`, `42`, `43`, `431` … `439`, `44`, `45`, `461` … `469`."""


class AgentKeyed(Signal, frozen=True, kw_only=True):
    """An agent keyed in a code while he talks with a caller, or keeps him on hold; see `hotline.transfers.press`."""

    node: NodeId
    call_id: CallId
    offer_id: OfferId
    step: Literal["hold", "consult", "transfer", "swap", "conference", "complete", "cancel"]
    digits: str = ""
    """Whom to, as he keyed it in."""


# --- between routers and nodes -----------------------------------------------------------------------------------------


class AnnouncementDue(Signal, frozen=True, kw_only=True):
    """The router wants one who waits to hear an announcement now; he waits on."""

    call_id: CallId
    queue_id: QueueId
    name: str


class CallbackPending(Signal, frozen=True, kw_only=True):
    """The journal holds a wish to be called back that seems not to be over: a router that does not know it takes it up."""

    wish: CallbackRequested
    calls: int = 0
    """How many calls were made for it: the next one has another name."""


class WaitEstimated(Signal, frozen=True, kw_only=True):
    """The router's estimate for one who waits: his place, and how much longer it will take."""

    call_id: CallId
    queue_id: QueueId
    position: int
    """1: he is next."""
    p50_s: float
    p90_s: float
    calibrated: bool
    """Whether past estimates of this queue came true often enough to be said to callers."""


class RouterActive(Signal, frozen=True, kw_only=True):
    """The sign of life of the one router that distributes calls; told several times a second.

    A node that is not among `surveyed` answers with `NodeSurveyed`: so a router that has just begun learns of every living
    call, and of every seat, however many signals were lost on the way.
    """

    router: str
    """The process it runs in."""
    epoch: int
    """Its term of office; grows with every change, 0 where there is no office (one process)."""
    surveyed: tuple[NodeId, ...] = ()
    """The nodes of which this router has heard since its term began."""


class NodeSurveyed(Signal, frozen=True, kw_only=True):
    """Everything that a node knows, told anew to a router that has just begun its term. Changes nothing for who knew it."""

    node: NodeId
    epoch: int
    """The term of the router that it is for."""
    calls: tuple[CallAdopted, ...]
    seats: tuple[SeatChanged, ...]
    supervisions: tuple[SupervisionId, ...] = ()
    heard: tuple[tuple[SupervisionId, SupervisionMode], ...] = ()


class RouterStandsBy(Signal, frozen=True, kw_only=True):
    """The sign of life of a router that waits for the active one to fail."""

    router: str
    follows: str = ""
    """The active router whose memory it has, and up to which revision; empty when it has none and asks for all of it."""
    revision: int = 0


class RouterRemembered(Signal, frozen=True, kw_only=True):
    """What the active router must know across its own death changed: for those who stand by."""

    router: str
    epoch: int
    revision: int
    """Counts the changes of one router's term; a gap means that something was lost, and all must be asked for again."""
    whole: bool = False
    """Whether `values` is everything and replaces what was known."""
    part: int = 0
    parts: int = 1
    """Of `whole`: it comes in so many parts of one revision, counted from 0; all of them together are everything."""
    values: dict[str, bytes | None]
    """Key -> value; None: forgotten."""


# --- what is kept on the channel ---------------------------------------------------------------------------------------


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is needed to go on with a call after we died; kept in a channel variable by `commands.Remember`."""

    flow: str
    flow_version: str
    step: str
    language: str = ""
    queue_id: QueueId | None = None
    """Set once the caller waits."""
    entered_at: float = 0.0
    priority: int = 0
    skills: tuple[str, ...] = ()
    levels: tuple[tuple[str, int], ...] = ()
    wanted_agent: AgentId | None = None
    wanted_s: float | None = None
    transferred_by: AgentId | None = None
    since: float | None = None
    before: tuple[QueueId, ...] = ()
    treatment: str = ""
    """What was being done with him instead of letting him wait, in the words of `hotline.treatments`."""
    treated_queue: QueueId | None = None
    """The queue that let him out for it."""
    callback: bool = False
    """Whether we called him, and not he us."""
    served: bool = False
    """Whether an agent has answered: an adopted caller who is back then goes on with the flow and not into the line."""


# --- on the wire -------------------------------------------------------------------------------------------------------


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A fact with what is needed to deliver it once and in order."""

    fact_id: FactId
    source: str
    """The process that told it."""
    seq: int
    """Counts the facts of one source; gaps show a loss."""
    fact: Fact
