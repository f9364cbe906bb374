"""What agents and supervisors ask of the router, and its refusals. Pure."""

from typing import Literal, get_args

import msgspec

from acd.callbacks.requests import CallbackCancel, CallbackWish
from acd.core.agents.roster import Profile
from acd.core.agents.states import Ask, Force
from hotline.facts import Signal, SupervisionMode
from hotline.ids import AgentId, CallId, Extension, OfferId, QueueId


class AgentRequest(Signal, frozen=True, kw_only=True):
    """An agent, or somebody for him, asks for a change of his state."""

    agent_id: AgentId
    ask: Ask | Force
    reason: str = ""
    """Why not ready: one of the configured reasons; empty means the first of them. Of another order: any words."""
    by: str = "api"
    extension: Extension | None = None
    """Where he sits who logs in; None: where he sat last."""


class AgentDefinition(Signal, frozen=True, kw_only=True):
    """A supervisor adds an agent or changes one."""

    profile: Profile
    by: str = "api"

    @property
    def agent_id(self) -> AgentId:
        """Who is defined."""
        return self.profile.id


class OutcomeRequest(Signal, frozen=True, kw_only=True):
    """An agent says how his conversation went: the one he is in, or else his last one."""

    agent_id: AgentId
    outcome: str
    note: str = ""
    offer_id: OfferId | None = None
    """Which conversation he means, so that an answer that comes late is not taken for another."""
    by: str = "api"


class TransferRequest(Signal, frozen=True, kw_only=True):
    """An agent, or somebody for him, asks for something to be done with the caller whom he talks with."""

    agent_id: AgentId
    ask: Literal["hold", "retrieve", "transfer", "consult", "swap", "conference", "complete", "cancel"]
    to: str = ""
    """Of `transfer` and `consult`: whom to, in the words of `hotline.transfers`."""
    by: str = "api"


class CallerRequest(Signal, frozen=True, kw_only=True):
    """A supervisor asks for something to be done with one who waits."""

    call_id: CallId
    priority: int | None = None
    """The priority of his own that he shall have."""
    treatment: str = ""
    """What shall be done with him instead of letting him wait here, in the words of `hotline.treatments`."""
    force: bool = False
    """Of a move: also to a line where nobody has the skills that he needs."""
    by: str = "api"


class QueueRequest(Signal, frozen=True, kw_only=True):
    """A supervisor switches something at a queue; None leaves it as it is."""

    queue_id: QueueId
    closed: bool | None = None
    emergency: bool | None = None
    announce: str = ""
    """The emergency announcement; empty: the one of that name."""
    then: Literal["stay", "hang_up", "fallback"] = "stay"
    """What follows the announcement."""
    by: str = "api"


class SupervisionRequest(Signal, frozen=True, kw_only=True):
    """A supervisor wants to hear an agent's conversation, speak in it, take it over, or not to any more."""

    agent_id: AgentId
    ask: SupervisionMode | Literal["take_over", "stop"]
    extension: Extension
    """The supervisor's seat; of `stop`, empty: all of them."""
    by: str = "api"


class SurgeRequest(Signal, frozen=True, kw_only=True):
    """A supervisor calls agents of other departments to a queue, or lets them go."""

    queue_id: QueueId
    on: bool
    by: str = "api"


Asked = (
    SupervisionRequest
    | SurgeRequest
    | AgentRequest
    | AgentDefinition
    | OutcomeRequest
    | TransferRequest
    | CallerRequest
    | QueueRequest
    | CallbackCancel
    | CallbackWish
)
"""What is asked of the router through the API of its own process; it never travels on the bus."""
ASKED: tuple[type[Signal], ...] = get_args(Asked)


class RequestRefused(msgspec.Struct, frozen=True, kw_only=True):
    """The router's answer to a request that it did not fulfil; nothing changed."""

    agent_id: AgentId = AgentId("")
    """Empty where the request was about no agent."""
    reason: str
    """`no_such_agent`, `not_logged_in`, `not_in_wrap_up`, `unknown_reason`, `seat_taken`, `seat_busy`, `unknown_queue`, `limit`, `outcome_required`,
    `unknown_outcome`, `no_conversation`, `other_conversation`, `unknown_device`, `in_call`."""


Sound = Literal["logged-in", "ready", "not-ready", "logged-out", "done", "refused"]

SOUNDS: dict[Ask, Sound] = {
    "log_in": "logged-in",
    "ready": "ready",
    "not_ready": "not-ready",
    "log_out": "logged-out",
    "end_wrap_up": "done",
}
"""What the seat hears when a request was fulfilled."""

OUTCOME_CODE = "46"
"""With a digit behind it: how the conversation went."""

_ASKS: dict[str, Ask] = {"41": "log_in", "42": "ready", "44": "log_out", "45": "end_wrap_up"}


def ask_of_code(code: str, break_reasons: tuple[str, ...]) -> tuple[Ask, str] | None:
    """Return what a feature code asks for, and the reason of a break; None when the code means nothing.

    `43` is a break with the first reason, `431` … `439` name one of `break_reasons` by its number.
    """
    if code in _ASKS:
        return _ASKS[code], ""
    if code == "43":
        return "not_ready", ""
    if len(code) == 3 and code.startswith("43") and code[2] in "123456789":
        number = int(code[2])
        return ("not_ready", break_reasons[number - 1]) if number <= len(break_reasons) else None
    return None


def outcome_of_code(code: str, outcomes: tuple[str, ...]) -> str | None:
    """Return the outcome that a feature code names: `461` the first of `outcomes`, …; None when it names none."""
    digit = code.removeprefix(OUTCOME_CODE)
    if not code.startswith(OUTCOME_CODE) or len(digit) != 1 or digit not in "123456789":
        return None
    return outcomes[int(digit) - 1] if int(digit) <= len(outcomes) else None
