"""Who comes first, as tuples that compare. Pure.

The tuple is the policy: read from left to right, the first difference decides, and the id at the end makes every order
total, so that two runs over the same inputs decide alike.
"""

from hotline.ids import AgentId, CallId

CallerRank = tuple[int, float, CallId]
"""(-priority, entered_at, call_id): the higher priority first, then first in, first out."""

AgentRank = tuple[float, AgentId]
"""(idle_since, agent_id): who has been idle longest comes first."""


def caller_rank(*, own_priority: int, queue_priority: int, entered_at: float, call_id: CallId) -> CallerRank:
    """Return the place of a caller in the order of all waiting callers; smaller is served first."""
    return (-(own_priority + queue_priority), entered_at, call_id)


def agent_rank(*, idle_since: float, agent_id: AgentId) -> AgentRank:
    """Return the place of an agent in the order of all idle agents; smaller is rung first."""
    return (idle_since, agent_id)
