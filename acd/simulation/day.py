"""What is given before anybody is routed: the callers of a day and the people who serve them. Pure.

Everything that belongs to a caller (when he comes, how long he would wait, what he talks about and how long that takes) is decided before the
first one rings, so that every policy meets the same day.
"""

from math import inf

import msgspec

from acd.core.agents.roster import Profile
from acd.core.agents.states import Ask
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
