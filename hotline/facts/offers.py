"""The life of an offer, and of the conversation that it led to."""

from typing import Literal

from hotline.facts.base import OfferFact
from hotline.ids import AgentId, Extension, OfferId, QueueId, RecordingId


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


class OfferExplained(OfferFact, frozen=True, kw_only=True):
    """Why the router made this offer. Nothing goes by it; people ask for it, also when the router that decided is gone."""

    decision: str
    """The decision as JSON, with who was passed over and for what reasons: as `GET /api/v1/calls-why/{id}` shows it."""


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

    by_phone: bool = False
    """Whether by the hold key of his phone, and not by a command of ours."""


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
