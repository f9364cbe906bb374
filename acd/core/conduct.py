"""How agents change their state: along the table of `states`, told as facts, timed and remembered. Pure.

`move` is the only way in which an agent's state changes.
"""

from acd.core.agents import Agent
from acd.core.floor import AGENTS, Floor
from acd.core.offers import Offer
from acd.core.requests import AgentDefinition, AgentRequest
from acd.core.seats import hear
from acd.core.states import ON_DUTY, Go, Home, Input, Later, Refuse, Stay, home, step
from hotline.commands import CancelRing
from hotline.facts import AgentAdded, AgentState, AgentStateChanged, SeatChanged
from hotline.ids import CallId, Extension


def move(
    floor: Floor,
    agent: Agent,
    given: Input,
    now: float,
    *,
    reason: str = "",
    by: str = "router",
    for_s: float | None = None,
    call_id: CallId | None = None,
    keep_idle: bool = False,
) -> Refuse | None:
    """Apply one input to an agent; return the refusal if the table has one.

    `for_s` is how long a wrap-up or rest lasts; `keep_idle` lets an agent keep his place among the idle ones, when an
    offer ended without his fault.
    """
    match step(agent.state, given):
        case Refuse() as refusal:
            return refusal
        case Stay():
            if given == "ready":
                agent.wish = None
                floor.changed_agents[agent.id] = None
        case Later():
            agent.wish = "offline" if given == "log_out" else "break"
            agent.wish_reason = reason
            floor.changed_agents[agent.id] = None
        case Home():
            if given == "ready":
                agent.wish = None
            target = home(agent.wish, reachable=agent.reachable)
            kept_reason = agent.wish_reason if agent.wish is not None else reason
            _enter(floor, agent, target, now, reason=kept_reason, by=by, keep_idle=keep_idle)
        case Go(state):
            until = now + for_s if for_s is not None and state in ("wrap_up", "rest") else None
            _enter(floor, agent, state, now, reason=reason, by=by, until=until, call_id=call_id)
    return None


def _enter(
    floor: Floor,
    agent: Agent,
    state: AgentState,
    now: float,
    *,
    reason: str,
    by: str,
    until: float | None = None,
    call_id: CallId | None = None,
    keep_idle: bool = False,
) -> None:
    if (state, reason) == (agent.state, agent.reason):
        return
    previous = agent.state
    floor.agents.leave_idle(agent)
    agent.state, agent.reason, agent.since, agent.until, agent.call_id = state, reason, now, until, call_id
    if state in ("break", "offline", "ready", "unreachable"):
        agent.wish, agent.wish_reason = None, ""
    _time(floor, agent)
    if (previous in ON_DUTY) != (state in ON_DUTY):
        floor.duty_changed = True
    if state == "ready":
        agent.idle_since = agent.idle_since if keep_idle else now
        floor.agents.enter_idle(agent)
        floor.free_agent(agent, now)
    floor.changed_agents[agent.id] = None
    floor.tell(
        AgentStateChanged(
            at=now,
            agent_id=agent.id,
            state=state,
            previous=previous,
            reason=reason,
            by=by,
            until=until,
            call_id=call_id,
            queues=floor.agents.queues_of(agent),
        )
    )


def _time(floor: Floor, agent: Agent) -> None:
    if agent.until is None:
        floor.timers.clear("agent", agent.id)
    else:
        floor.timers.set("agent", agent.id, agent.until)


def time_over(floor: Floor, agent: Agent, now: float) -> None:
    """A wrap-up or a rest is over."""
    move(floor, agent, "time_over", now, reason=f"{agent.state}_over")


# --- what agents ask for -----------------------------------------------------------------------------------------------


def requested(floor: Floor, request: AgentRequest, now: float) -> str | None:
    """Do what an agent asks for, or return the name of the refusal. Leaving while the phone rings takes the ring back."""
    agent = floor.agents.get(request.agent_id)
    if agent is None:
        return "no_such_agent"
    reason = _reason(floor, request)
    if reason is None:
        return "unknown_reason"
    refusal = move(floor, agent, request.ask, now, reason=reason, by=request.by)
    offer = floor.offers.of_agent(agent.id)
    if request.ask == "log_out" and offer is not None and offer.phase != "talking" and not offer.caller_left:
        floor.ask(CancelRing(node=offer.node, call_id=offer.call_id, offer_id=offer.offer_id))
    return refusal.reason if refusal is not None else None


def _reason(floor: Floor, request: AgentRequest) -> str | None:
    """Return the reason to note with a state, or None when it is not one of those that exist."""
    if request.ask == "log_in":
        return "logged_in"
    if request.ask != "not_ready":
        return ""
    if not request.reason:
        return floor.break_reasons[0] if floor.break_reasons else "break"
    return request.reason if request.reason in floor.break_reasons else None


def defined(floor: Floor, definition: AgentDefinition, now: float) -> str | None:
    """Add an agent or change one; return the name of the refusal if that cannot be."""
    profile = definition.profile
    agent = floor.agents.get(profile.id)
    seated = floor.agents.at(profile.extension)
    if seated is not None and seated is not agent:
        return "seat_taken"
    if any(q not in floor.queues for q in profile.queues):
        return "unknown_queue"
    if agent is not None and agent.profile.extension != profile.extension and agent.state != "offline":
        return "seat_busy"
    if agent is None and len(floor.agents) >= AGENTS:
        return "limit"
    _seat(floor, agent or Agent(profile=profile), definition, now)
    return None


def _seat(floor: Floor, agent: Agent, definition: AgentDefinition, now: float) -> None:
    profile = definition.profile
    floor.agents.remove(agent)
    if not agent.phones or agent.profile.extension != profile.extension:
        _take_phone(floor, agent, profile.extension)
    agent.profile, agent.from_api = profile, True
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


def _take_phone(floor: Floor, agent: Agent, extension: Extension) -> None:
    """Let an agent have the phone of a seat where nobody sits, with what was said about it; his old one stays behind."""
    if agent.phones:
        floor.empty_seats.put(agent.profile.extension, agent.phones)
    agent.phones = floor.empty_seats.get(extension) or {}
    floor.empty_seats.drop(extension)
    agent.seat_node, agent.reachable, agent.in_use, agent.cut_off = None, True, False, False
    agent.see_phone(floor.links_down)


# --- what his phone does ---------------------------------------------------------------------------------------------


def seat_changed(floor: Floor, change: SeatChanged, now: float) -> None:
    """A phone can or cannot be rung any more at a node, or is or is not in use."""
    agent = floor.agents.at(change.extension)
    phones = agent.phones if agent is not None else floor.empty_seats.get(change.extension) or {}
    before = phones.get(change.node)
    if not hear(phones, change):
        floor.ignore("late_seat")
    elif agent is None:
        floor.empty_seats.put(change.extension, phones)
    else:
        if before is None or before.reachable != change.reachable:
            floor.changed_agents[agent.id] = None
        see_phone(floor, agent, now)


def see_phone(floor: Floor, agent: Agent, now: float) -> None:
    """Conclude what an agent's phone can do from what the nodes say, and from which of them can be seen."""
    was_free = agent.phone_free
    agent.see_phone(floor.links_down)
    found: Input = "seat_found" if agent.reachable else "seat_lost"
    move(floor, agent, found, now, reason="" if agent.reachable else "phone_unreachable", by="phone")
    if agent.state == "ready" and agent.phone_free and not was_free:
        floor.free_agent(agent, now)


def release(floor: Floor, offer: Offer, now: float, *, reason: str, keep_idle: bool = True) -> None:
    """Let an agent go whose offer ended without consequences for him."""
    move(floor, floor.agents[offer.agent_id], "let_go", now, reason=reason, keep_idle=keep_idle)
