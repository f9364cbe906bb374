"""Agents: who they are and what state they are in."""

from typing import Literal

import msgspec

from hotline.facts.base import Fact
from hotline.ids import AgentId, CallId, Extension, QueueId

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
    skills: dict[str, int] = msgspec.field(default_factory=dict)
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
