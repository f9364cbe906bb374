"""Who comes first, as tuples that compare. Pure.

The tuple is the policy: read from left to right, the first difference decides, and the id at the end makes every order
total, so that two runs over the same inputs decide alike. Both kinds of rank stand still while somebody waits: orders are
kept sorted, never sorted anew.

**Callers.** With ageing, a caller's priority grows by the same amount each minute for everybody in the queue, so that whoever
is before another stays before him; his rank can be written as a *virtual time of entry*: one who entered at `e` with
priority `P` stands where somebody of priority 0 would who entered `P / ageing` minutes before.

**Agents.** One line for each strategy in `STRATEGIES`. What changes while an agent is idle (his share of busy time sinks) is
taken as it was when he became free.
"""

from collections.abc import Callable
from typing import Protocol
from zlib import crc32

from acd.core.agents.work import Work
from hotline.ids import AgentId, CallId
from hotline.settings.queues import Strategy

CallerRank = tuple[float, float, CallId]
"""(-priority, since, call_id), or with ageing (virtual time of entry, since, call_id): smaller is served first."""

AgentRank = tuple[int, float, float, AgentId]
"""(preference, and what the strategy goes by, twice, agent_id): smaller is rung first."""

NO_PREFERENCE = 5
"""How gladly an agent is given the callers of a queue of which nothing is said: between 1, first, and 10, last."""

_LOTS = 2**32


def caller_rank(*, priority: float, since: float, call_id: CallId, ageing_per_minute: float = 0.0) -> CallerRank:
    """Return the place in his queue of a caller who waits since `since`; smaller is served first."""
    if ageing_per_minute > 0:
        return (since - 60.0 * priority / ageing_per_minute, since, call_id)
    return (-priority, since, call_id)


def effective_priority(*, priority: float, since: float, ageing_per_minute: float, now: float) -> float:
    """Return a caller's priority with what the wait has added to it."""
    return priority + ageing_per_minute * max(now - since, 0.0) / 60.0


def lot(*drawn_by: str) -> float:
    """Return a number from 0 up to 1 that looks drawn by lot and is always the same for the same ids."""
    return crc32("/".join(drawn_by).encode()) / _LOTS


def caller_lot(call_id: CallId, offers_made: int) -> float:
    """Return the lot that a caller draws for an offer: agents are rung from there on, upwards and round."""
    return lot(call_id, str(offers_made))


class Candidate(Protocol):
    """What of an agent his rank depends on."""

    @property
    def id(self) -> AgentId: ...

    idle_since: float
    place: int
    work: Work


Key = Callable[[Candidate], tuple[float, float]]


def _idle(agent: Candidate) -> tuple[float, float]:
    return (agent.idle_since, 0.0)


STRATEGIES: dict[Strategy, Key] = {
    "longest_idle": _idle,
    "least_occupied": lambda agent: (agent.work.occupancy, agent.idle_since),
    "fewest_calls": lambda agent: (agent.work.calls, agent.idle_since),
    "round_robin": lambda agent: (agent.work.offered_at, agent.place),
    "ordered": lambda agent: (agent.place, 0.0),
    "random": lambda agent: (lot(agent.id, str(agent.work.offers)), 0.0),
    "ring_all": _idle,
    "ring_progressive": _idle,
}
"""What each strategy goes by, as it is when an agent becomes free."""

RINGS_SEVERAL: frozenset[Strategy] = frozenset({"ring_all", "ring_progressive"})


def agent_rank(agent: Candidate, key: Key, preference: int = NO_PREFERENCE) -> AgentRank:
    """Return the place of an agent who is free now among the idle agents of a queue; smaller is rung first."""
    first, second = key(agent)
    return (preference, first, second, agent.id)
