"""Why was this caller offered to that agent: the router's diary, bounded. Pure."""

from collections import deque

import msgspec

from acd.core.eligibility import Reason
from acd.core.recent import Recent
from hotline.ids import AgentId, CallId, OfferId, QueueId

CALLS = 2_000
"""Of how many calls the decisions are kept."""
PER_CALL = 20
"""How many decisions of one call are kept."""
PASSED_OVER = 20
"""How many of those who were passed over are named in one decision."""


class PassedAgent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent who had been idle longer than the one who was chosen."""

    agent_id: AgentId
    reasons: tuple[Reason, ...]


class PassedCaller(msgspec.Struct, frozen=True, kw_only=True):
    """A caller who ranked before the one who was chosen, but whom the agent could not serve."""

    call_id: CallId
    reasons: tuple[Reason, ...]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One choice of the router."""

    at: float
    call_id: CallId
    queue_id: QueueId
    offer_id: OfferId
    agent_id: AgentId
    waited_s: float
    agent_idle_s: float
    both_since: float
    """Since when caller and agent were both there."""
    agents_considered: int
    """How many idle agents were looked at, the chosen one included."""
    agents_passed: tuple[PassedAgent, ...] = ()
    callers_passed: tuple[PassedCaller, ...] = ()

    def sentence(self) -> str:
        """Return the decision in plain words."""
        chosen = (
            f"Agent {self.agent_id} was offered the caller after a wait of {self.waited_s:.1f} s; of "
            f"{self.agents_considered} idle agents looked at, nobody eligible had been idle longer ({self.agent_idle_s:.1f} s)."
        )
        agents = (f"Agent {a.agent_id} was free longer but {_because(a.reasons)}." for a in self.agents_passed)
        callers = (f"Call {c.call_id} came first but this agent {_because(c.reasons)}." for c in self.callers_passed)
        return " ".join([chosen, *agents, *callers])


def _because(reasons: tuple[Reason, ...]) -> str:
    return " and ".join(r.text() for r in reasons)


class Decisions:
    """The last decisions of the last calls."""

    def __init__(self) -> None:
        self._of_call: Recent[CallId, deque[Decision]] = Recent(CALLS)

    def add(self, decision: Decision) -> None:
        """Keep a decision."""
        kept = self._of_call.get(decision.call_id)
        if kept is None:
            kept = deque(maxlen=PER_CALL)
            self._of_call.put(decision.call_id, kept)
        kept.append(decision)

    def of(self, call_id: CallId) -> list[Decision]:
        """Return the decisions about a call, oldest first."""
        return list(self._of_call.get(call_id) or ())
