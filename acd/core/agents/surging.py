"""Surge mode switched on and off: agents of other departments join a queue at one command, and leave it. Pure.

Who is with a caller of the queue when it is switched off finishes that call. Nobody is logged in by it: it calls those who are on duty.
"""

from collections.abc import Mapping

from acd.core.agents.surge import Surge
from acd.core.floor import Floor
from acd.core.requests import SurgeRequest
from hotline.facts import AgentAdded, SurgeSwitched
from hotline.ids import QueueId


def switched(floor: Floor, request: SurgeRequest, now: float) -> str | None:
    """Switch surge mode; return why not, if it cannot be done. Nothing happens when it is so already."""
    surges = floor.agents.surges
    if request.queue_id not in floor.queues:
        return "unknown_queue"
    if not surges.agents_of(request.queue_id):
        return "no_surge_agents"
    if (surges.at(request.queue_id) is not None) == request.on:
        return None
    surge = Surge(queue_id=request.queue_id, by=request.by, since=now) if request.on else None
    floor.tell(SurgeSwitched(at=now, queue_id=request.queue_id, on=request.on, by=request.by))
    _switch(floor, request.queue_id, surge, now)
    return None


def _switch(floor: Floor, queue_id: QueueId, surge: Surge | None, now: float) -> None:
    agents = [a for a in map(floor.agents.get, floor.agents.surges.agents_of(queue_id)) if a is not None]
    for agent in agents:
        floor.agents.leave_idle(agent)
    floor.agents.surges.switch(queue_id, surge)
    for agent in agents:
        if agent.state == "ready":
            floor.agents.enter_idle(agent)
            floor.free_agent(agent, now)
        floor.tell(
            AgentAdded(
                at=now,
                agent_id=agent.id,
                name=agent.profile.name,
                extension=agent.profile.extension,
                skills=agent.profile.skills,
                queues=floor.agents.queues_of(agent),
            )
        )
    floor.duty_changed = True


def restore(floor: Floor, surges: Mapping[str, Surge], _now: float) -> None:
    """Take up the surge modes of an earlier life. Before the agents are."""
    for surge in surges.values():
        known = bool(floor.agents.surges.agents_of(surge.queue_id))
        floor.agents.surges.switch(surge.queue_id, surge if known else None)
