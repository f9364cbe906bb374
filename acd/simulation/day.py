"""What is given before anybody is routed: the callers of a day and the people who serve them. Pure.

Everything that belongs to a caller (when he comes, how long he would wait, what he talks about and how long that takes) is decided before the
first one rings, so that every policy meets the same day.
"""

from math import inf
from typing import Literal

import msgspec

from acd.core.agents.roster import Profile
from acd.core.agents.states import Ask
from hotline.facts import CallbackRequested
from hotline.ids import AgentId, CallId, QueueId


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """One caller. Times are seconds of the simulation's clock."""

    call_id: CallId
    at: float
    """When he enters the queue."""
    queue_id: QueueId
    priority: int = 0
    skills: tuple[str, ...] = ()
    levels: tuple[tuple[str, int], ...] = ()
    language: str = ""
    tier: str = ""
    patience_s: float = inf
    """How long he waits before he hangs up."""
    talk_s: float
    wrap_up_s: float = 0.0
    ring_s: float | None = 0.0
    """How long the first phone rings until it is answered; None: it is not answered."""


class Dialled(msgspec.Struct, frozen=True, kw_only=True):
    """One time that the phone of a customer was rung who is called back."""

    result: Literal["answered", "busy", "no_answer", "failed"]
    rings_s: float
    """Until that."""
    holds_s: float = inf
    """How long he stays on the line without an agent, once he has answered."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A callback: what its customer asked for, and how he takes being called."""

    asked: CallbackRequested
    left_at: float | None = None
    """When its caller left the line for it; None: nobody did, it was asked for by somebody else or before the day."""
    left_by_key: bool = False
    """Whether he left by himself; else because his queue let him out."""
    dialled: tuple[Dialled, ...]
    """The first time his phone is rung, the second … ."""
    talk_s: float | None
    """None: as long as anybody."""
    wrap_up_s: float = 0.0
    ring_s: float = 0.0
    """How long the first phone of an agent rings for him until it is answered."""
    cancelled_at: float | None = None


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an agent asks of the router at a time: to be ready, a break, to leave."""

    at: float
    agent_id: AgentId
    ask: Ask
    reason: str = ""


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """One agent."""

    profile: Profile
    pace: float = 1.0
    """His talks and wrap-ups last so many times as long as others'."""


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    visitors: tuple[Visitor, ...]
    """In the order of their time."""
    workers: tuple[Worker, ...]
    duties: tuple[Duty, ...]
    wishes: tuple[Wish, ...] = ()
    """Callbacks, in the order of their time."""
