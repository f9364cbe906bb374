"""Callbacks: customers who are dialled instead of waiting."""

from typing import Literal

from hotline.facts.base import CallFact, Fact
from hotline.ids import AgentId, CallbackId, CallId, CustomerId, NodeId, QueueId

CallbackResult = Literal["reached", "expired", "cancelled", "failed"]
"""How a callback can end."""
NO_ATTEMPT = frozenset({"no_agent", "refused", "unknown"})
"""Results of `CallbackPutOff` that are no attempt: the customer was not called, or nobody told whether he was."""


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
    """`busy`, `no_answer`, `failed`: the customer's phone; `agent_left`: the agent hung up while it rang; `lost`: nobody told how it ended.
    Those of `NO_ATTEMPT`: no agent was there, no call could be made, or nobody told whether his phone rang."""
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
