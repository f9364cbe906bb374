"""What agents ask for, what supervisors order, and who is an agent at all. Pure.

Here it is decided what may be asked and what it takes besides a change of state: a seat to sit at, a ring to take back, an outcome
to waive. The change itself is `conduct`'s.
"""

from acd.callbacks import outcomes
from acd.core.agents import conduct, sitting
from acd.core.agents.roster import Agent, Profile
from acd.core.agents.states import Input
from acd.core.floor import AGENTS, Floor
from acd.core.requests import AgentDefinition, AgentRequest
from acd.core.talks import consults
from hotline.facts import AgentAdded

ENDS_RING: frozenset[Input] = frozenset({"log_out", "force_offline", "force_break"})
"""Inputs that take a ring back."""
WAIVES: frozenset[Input] = frozenset({"force_ready", "force_break", "force_offline"})
"""Inputs that spare an agent the outcome he owes."""


def requested(floor: Floor, request: AgentRequest, now: float) -> str | None:
    """Do what an agent asks for, or return the name of the refusal. Leaving while the phone rings takes the ring back."""
    agent = floor.agents.get(request.agent_id)
    if agent is None:
        return "no_such_agent"
    reason = _reason(floor, request)
    if reason is None:
        return "unknown_reason"
    if request.ask == "log_in" and request.extension is not None:
        refused = sitting.sit(floor, agent, request.extension)
        if refused is not None:
            return refused
        conduct.see_phone(floor, agent, now)
    if request.ask in WAIVES:
        agent.owes = False
        floor.changed_agents[agent.id] = None
    outcomes.asked(floor, request, now)
    was_offline = agent.state == "offline"
    refusal = conduct.move(floor, agent, request.ask, now, reason=reason, by=request.by)
    if request.ask == "log_in" and was_offline and agent.profile.ready_at_login and not agent.owes:
        conduct.move(floor, agent, "ready", now, by=request.by)
    if request.ask in ENDS_RING:
        _end_ring(floor, agent)
    return refusal.reason if refusal is not None else None


def _end_ring(floor: Floor, agent: Agent) -> None:
    offer = floor.offers.of_agent(agent.id)
    if offer is not None and offer.phase != "talking" and not offer.caller_left:
        consults.take_back(floor, offer)


def _reason(floor: Floor, request: AgentRequest) -> str | None:
    """Return the reason to note with a state, or None when it is not one of those that exist."""
    if request.ask == "log_in":
        return "logged_in"
    if request.ask in ("force_offline", "offline_after_call", "force_ready"):
        return request.reason
    if request.ask not in ("not_ready", "force_break", "break_after_call"):
        return ""
    if not request.reason:
        return floor.break_reasons[0] if floor.break_reasons else "break"
    return request.reason if request.reason in floor.break_reasons else None


def defined(floor: Floor, definition: AgentDefinition, now: float) -> str | None:
    """Add an agent or change one; return the name of the refusal if that cannot be."""
    profile = definition.profile
    agent = floor.agents.get(profile.id)
    seated = (floor.agents.at(extension) for extension in profile.extensions)
    if any(other is not None and other is not agent for other in seated):
        return "seat_taken"
    if any(q not in floor.queues for q in (*profile.queues, *profile.preference)):
        return "unknown_queue"
    if agent is not None and agent.state != "offline" and _moves(agent, profile):
        return "seat_busy"
    if agent is None and len(floor.agents) >= AGENTS:
        return "limit"
    _seat(floor, agent or Agent(profile=profile), definition, now)
    return None


def _moves(agent: Agent, profile: Profile) -> bool:
    """Return whether his calls would ring elsewhere with this profile."""
    rings_elsewhere = agent.profile.remote_number != profile.remote_number
    return rings_elsewhere or sitting.seat_after(agent, profile) != agent.seat


def _seat(floor: Floor, agent: Agent, definition: AgentDefinition, now: float) -> None:
    profile = definition.profile
    floor.agents.remove(agent)
    seat = sitting.seat_after(agent, profile)
    if not agent.phones or seat != agent.seat:
        sitting.move_to(floor, agent, seat)
    agent.profile, agent.from_api = profile, True
    sitting.look(floor, agent)
    floor.agents.put(agent)
    floor.changed_agents[agent.id] = None
    floor.duty_changed = True
    if agent.state == "ready":
        floor.free_agent(agent, now)
    floor.tell(
        AgentAdded(
            at=now,
            agent_id=profile.id,
            name=profile.name,
            extension=profile.extension,
            skills=profile.skills,
            queues=floor.agents.queues_of(agent),
        )
    )
