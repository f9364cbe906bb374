"""A supervisor takes a caller over: his agent is kept free for that caller until he comes, whoever else waits. Pure.

The caller is handed on through his call flow, which takes a moment, and if the supervisor listened, his phone must be hung up
first. In that moment he is ready, and the first of the line would get him.
"""

from acd.core.agents.roster import Agent
from acd.core.floor import Floor
from hotline.ids import AgentId, CallId

HOLD_S = 15.0
"""How long he is kept free at most; then the caller goes on waiting for him among the others."""


def hold(floor: Floor, agent: Agent, call_id: CallId, now: float) -> None:
    """Give an agent nobody but this caller. It ends with his next state, too."""
    agent.awaits = call_id
    floor.taken_over[call_id] = agent.id
    floor.changed_agents[agent.id] = None
    floor.timers.set("takeover", agent.id, now + HOLD_S)


def pending(floor: Floor, call_id: CallId) -> bool:
    """Return whether an agent is kept free for this caller."""
    agent_id = floor.taken_over.get(call_id)
    return agent_id is not None and floor.agents[agent_id].awaits == call_id


def over(floor: Floor, agent_id: AgentId) -> None:
    """That caller has not come in time, or never will: others may have the agent."""
    agent = floor.agents.get(agent_id)
    if agent is None or agent.awaits is None:
        return
    agent.awaits = None
    floor.changed_agents[agent.id] = None
    floor.timers.clear("takeover", agent.id)
    if agent.state == "ready":
        floor.pending_agents[agent.id] = None


def gone(floor: Floor, call_id: CallId) -> None:
    """A caller hung up, or was not handed on: nobody is kept free for him."""
    agent_id = floor.taken_over.pop(call_id, None)
    if agent_id is not None and floor.agents[agent_id].awaits == call_id:
        over(floor, agent_id)
