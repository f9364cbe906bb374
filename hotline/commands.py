"""What shall be done on the phone network: imperative records, each for one call on one node.

A command has one of three outcomes: `Done`, `Refused` (nothing happened) or `Unknown` (it may have happened; never repeat
one that rings a phone). Its later effects come back as facts and signals.
"""

from typing import Literal

import msgspec

from hotline.facts import Place, Signal, SupervisionMode
from hotline.ids import (
    AgentId,
    CallId,
    Extension,
    LegId,
    NodeId,
    OfferId,
    PlayId,
    QueueId,
    RecordingId,
    SupervisionId,
    VoicemailId,
)


class Command(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True, gc=False):
    """Something to be done by the telephony service of one node. Like a fact it never leads back to itself (`gc=False`)."""

    node: NodeId


class CallCommand(Command, frozen=True, kw_only=True, tag=True):
    """A command for one call. Commands of one call are performed in the order they were sent."""

    call_id: CallId


class Play(CallCommand, frozen=True, kw_only=True):
    """Play prompts one after another; ends with a `PlayEnded` signal. Replaces a prompt that is still playing."""

    play_id: PlayId
    sounds: tuple[str, ...]
    """Asterisk sound names or paths without ending, safe characters only."""
    interrupt: str = "0123456789*#"
    """Digits that stop the prompt; the digits themselves come as `DigitPressed`."""


class StartMusic(CallCommand, frozen=True, kw_only=True):
    """Play music until something else happens to the call."""

    music_class: str = "default"


class StopMusic(CallCommand, frozen=True, kw_only=True):
    """End the music."""


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One more phone that rings for the same caller: the first that answers gets him."""

    offer_id: OfferId
    agent_id: AgentId
    extension: Extension
    seat_node: NodeId | None = None
    number: str = ""
    """See `Ring.number`."""
    after_s: float = 0.0
    """How long after the first phone it begins to ring."""


class Ring(CallCommand, frozen=True, kw_only=True):
    """Ring a seat for this caller; the caller hears music. Answered, the two are bridged inside Asterisk.

    Effects: `OfferRang`, then `OfferAccepted` … `TalkEnded`, or one of the other endings; then `CallReturned` while the caller lives.
    """

    offer_id: OfferId
    agent_id: AgentId
    extension: Extension
    ring_timeout_s: float
    music_class: str = "default"
    caller_name: str = ""
    """Shown on the seat's phone; already cleaned."""
    recording_id: RecordingId | None = None
    """Record the conversation under this name."""
    seat_node: NodeId | None = None
    """The node at which the seat's phone is registered, when it is not the caller's: it is rung over the trunk between them."""
    number: str = ""
    """An external number that is rung over the outgoing trunk instead of the seat; who answers must press 1 to take the call."""
    also: tuple[Target, ...] = ()
    """More phones, of other offers of this caller. All offers but the answered one end as `OfferRescinded(answered_elsewhere)`."""


class CancelRing(CallCommand, frozen=True, kw_only=True):
    """Take an unanswered offer back; the caller returns into our hands. Refused when the offer is not ringing (any more)."""

    offer_id: OfferId


class Hold(CallCommand, frozen=True, kw_only=True):
    """Let the caller of a conversation hear music. Effect: `HoldBegan`. Refused when he is on hold or in no such conversation."""

    offer_id: OfferId


class Retrieve(CallCommand, frozen=True, kw_only=True):
    """Take the caller back from hold. Effect: `HoldEnded`."""

    offer_id: OfferId


class Transfer(CallCommand, frozen=True, kw_only=True):
    """Take the caller from his agent to hand him on. Effects: `TransferCompleted`, `TalkEnded`, then `CallReturned` with `transfer`."""

    offer_id: OfferId
    to: str
    """In the words of `hotline.transfers`."""
    by: AgentId
    queue_id: QueueId
    """The queue in which he served the caller."""


class Consult(CallCommand, frozen=True, kw_only=True):
    """Put the caller on hold and connect his agent with another one.

    Effects: `HoldBegan`; of `next_offer` `OfferRang`, then `OfferAccepted` … `TalkEnded` or another ending. Whichever agent
    hangs up, the other one gets the caller: the second, told by `TransferCompleted`, if he had answered; the first, told by `HoldEnded`.
    """

    offer_id: OfferId
    next_offer: OfferId
    agent_id: AgentId
    """The second agent."""
    extension: Extension
    ring_timeout_s: float
    recording_id: RecordingId | None = None
    """Record what the caller and the second agent say to each other under this name."""
    seat_node: NodeId | None = None
    number: str = ""
    """What is dialled over the outgoing trunk instead of a seat: the external number of the second agent, who has to confirm that he
    is there; or, without an agent, that of somebody outside. Agent and extension are empty then."""


class Swap(CallCommand, frozen=True, kw_only=True):
    """In a consult that was answered: let the first agent talk with the caller while the second one hears music, or the other way round."""

    offer_id: OfferId
    next_offer: OfferId


class Conference(CallCommand, frozen=True, kw_only=True):
    """In a consult that was answered: let all three talk. Effects: `HoldEnded`, `ConferenceBegan`."""

    offer_id: OfferId
    next_offer: OfferId


class EndConsult(CallCommand, frozen=True, kw_only=True):
    """End a consult by letting one of the agents go: the first (the caller is handed on), or the second (he is not)."""

    offer_id: OfferId
    next_offer: OfferId
    hand_on: bool


class Beep(CallCommand, frozen=True, kw_only=True):
    """Let the agent of a conversation, and nobody else, hear that what he keyed in was refused."""

    offer_id: OfferId


class Hangup(CallCommand, frozen=True, kw_only=True):
    """End the call of this caller."""

    reason: str = "normal"


class Supervise(CallCommand, frozen=True, kw_only=True):
    """Ring a supervisor's seat; answered, he hears the agent of this conversation and the caller.

    Effects: `SupervisionSeen`, last of them `over` or `unanswered`. His own phone never keeps a call alive. Refused unless this offer talks.
    """

    offer_id: OfferId
    supervision_id: SupervisionId
    extension: Extension
    mode: SupervisionMode
    ring_timeout_s: float = 20.0
    shown: str = ""
    """Whom the seat's phone says that it will hear; already cleaned."""
    tone: bool = False
    """Whether the agent hears a beep when the supervisor comes."""
    seat_node: NodeId | None = None


class ChangeSupervision(CallCommand, frozen=True, kw_only=True):
    """Let a supervisor go on in another mode. Effect: `SupervisionSeen`."""

    supervision_id: SupervisionId
    mode: SupervisionMode


class EndSupervision(CallCommand, frozen=True, kw_only=True):
    """Hang up the supervisor's seat, or ring it no more. Effect: `SupervisionSeen`."""

    supervision_id: SupervisionId


class Remember(CallCommand, frozen=True, kw_only=True):
    """Keep the place of the call on its channel, for whoever adopts it."""

    place: Place


class Release(CallCommand, frozen=True, kw_only=True):
    """Hand the caller to the static fallback queue of Asterisk."""

    reason: str


class RecordMessage(CallCommand, frozen=True, kw_only=True):
    """Let the caller leave a message after a beep. Ends, while the caller lives, with `CallCameBack`."""

    message_id: VoicemailId
    max_s: float


class DialOut(CallCommand, frozen=True, kw_only=True):
    """Connect the caller to a number outside, over the outgoing trunk. Ends with `ForwardEnded`, and `CallCameBack` while he lives."""

    number: str
    """In the form of `hotline.dialling.dialable`, and permitted there."""
    timeout_s: float
    music_class: str = "default"


class CallOut(CallCommand, frozen=True, kw_only=True):
    """Make a call for a callback: a call of ours without a caller, who is dialled over the outgoing trunk.

    Effect: `CallArrived` with origin `callback`, at once. Then the call is like any other: rung for (`Ring`), recorded, adopted.
    The customer is dialled at once, or (`first` is `agent`) when an agent has answered; `CustomerDialled` tells what came of it, and
    when it was not an answer the call ends. Refused if there is such a call already: nobody is called twice.
    """

    number: str
    """In the form of `hotline.dialling.dialable`, and permitted there."""
    first: Literal["agent", "customer"]
    ring_timeout_s: float
    dialled: str
    """See `CallbackRequested.dialled`."""
    place: Place


class AnswerFeature(Command, frozen=True, kw_only=True):
    """Tell the seat what came of its feature code: a sound, then hang up."""

    session: LegId
    sound: Literal["logged-in", "ready", "not-ready", "logged-out", "done", "refused"]


class Done(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The network accepted the command."""


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The network said no; nothing changed."""

    reason: str
    nobody: bool = False
    """Whether no process serves the node (any more, or yet)."""
    newer_epoch: int = 0
    """The term that rules at the node, when it was refused because that of its sender is over."""


class Unknown(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """No answer: it may have been done."""

    reason: str


Outcome = Done | Refused | Unknown
"""What came of a command."""


class CommandEnded(Signal, frozen=True, kw_only=True):
    """The outcome of a command, told to the core that asked for it through its own inbox; it never travels on the bus."""

    at: float = 0.0
    command: Command
    outcome: Outcome
