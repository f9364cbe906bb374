"""How agents change their state: along the table of `states`, told as facts, timed and remembered. Pure.

`move` is the only way in which an agent's state changes.
"""

from acd.core.agents import sitting
from acd.core.agents.roster import Agent, Profile
from acd.core.agents.seats import hear
from acd.core.agents.states import ON_DUTY, Go, Home, Input, Later, Refuse, Stay, Wish, home, step
from acd.core.floor import AGENTS, Floor
from acd.core.offers.book import Offer
from acd.core.requests import AgentDefinition, AgentRequest
from hotline.commands import CancelRing
from hotline.facts import (
    AgentAdded,
    AgentState,
    AgentStateChanged,
    AgentWishChanged,
    BreakOverran,
    SeatChanged,
)
from hotline.ids import CallId

CALLS_OFF: frozenset[Input] = frozenset({"ready", "force_ready", "call_off"})
"""Inputs after which nothing follows any more when the call is over."""
LEAVES: frozenset[Input] = frozenset({"log_out", "force_offline", "offline_after_call"})
ENDS_RING: frozenset[Input] = frozenset({"log_out", "force_offline", "force_break"})
"""Inputs that take a ring back."""
WAIVES: frozenset[Input] = frozenset({"force_ready", "force_break", "force_offline"})
"""Inputs that spare an agent the outcome he owes."""


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
    match step(agent.state, given, owes=agent.owes):
        case Refuse() as refusal:
            return refusal
        case Stay():
            if given in CALLS_OFF:
                _wish(floor, agent, None, now, by=by)
        case Later():
            _wish(floor, agent, "offline" if given in LEAVES else "break", now, reason=reason, by=by)
        case Home():
            if given in CALLS_OFF:
                agent.wish = None
            target = home(agent.wish, reachable=agent.reachable)
            if agent.wish is not None:
                reason, by = agent.wish_reason, agent.wish_by or by
            until = _break_until(floor, target, reason, now)
            _enter(floor, agent, target, now, reason=reason, by=by, until=until, keep_idle=keep_idle)
        case Go(state):
            until = now + for_s if for_s is not None and state in ("wrap_up", "rest") else None
            until = until if state != "break" else _break_until(floor, state, reason, now)
            _enter(floor, agent, state, now, reason=reason, by=by, until=until, call_id=call_id)
    return None


def _break_until(floor: Floor, state: AgentState, reason: str, now: float) -> float | None:
    """Return when a break has lasted as long as its reason allows; None without a limit."""
    limit_s = floor.break_limit_s.get(reason) if state == "break" else None
    return now + limit_s if limit_s is not None else None


def _wish(floor: Floor, agent: Agent, wish: Wish | None, now: float, *, by: str, reason: str = "") -> None:
    """Keep what was asked for until the call is over, or drop it."""
    told = AgentWishChanged(at=now, agent_id=agent.id, wish=wish or "", reason=reason, by=by)
    if (wish, reason) == (agent.wish, agent.wish_reason):
        return
    agent.wish, agent.wish_reason, agent.wish_by = wish, reason, by
    floor.changed_agents[agent.id] = None
    floor.tell(told)


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
    floor.agents.book(agent, now)
    agent.state, agent.reason, agent.since, agent.until, agent.call_id = state, reason, now, until, call_id
    agent.overran = False
    if state in ("break", "offline", "ready", "unreachable"):
        agent.wish, agent.wish_reason, agent.wish_by = None, "", ""
    _time(floor, agent)
    if (previous in ON_DUTY) != (state in ON_DUTY):
        floor.duty_changed = True
    if state == "ready":
        agent.idle_since = agent.idle_since if keep_idle else now
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
    """A wrap-up or a rest is over; or a break has lasted as long as it may: he stays there, and supervisors are told."""
    if agent.state == "break" and not agent.overran:
        agent.overran = True
        floor.changed_agents[agent.id] = None
        limit_s = floor.break_limit_s.get(agent.reason, now - agent.since)
        queues = floor.agents.queues_of(agent)
        floor.tell(BreakOverran(at=now, agent_id=agent.id, reason=agent.reason, limit_s=limit_s, queues=queues))
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
    if request.ask == "log_in" and request.extension is not None:
        refused = sitting.sit(floor, agent, request.extension)
        if refused is not None:
            return refused
        see_phone(floor, agent, now)
    if request.ask in WAIVES:
        agent.owes = False
    was_offline = agent.state == "offline"
    refusal = move(floor, agent, request.ask, now, reason=reason, by=request.by)
    if request.ask == "log_in" and was_offline and agent.profile.ready_at_login and not agent.owes:
        move(floor, agent, "ready", now, by=request.by)
    offer = floor.offers.of_agent(agent.id)
    if request.ask in ENDS_RING and offer is not None and offer.phase != "talking" and not offer.caller_left:
        floor.ask(CancelRing(node=offer.node, call_id=offer.call_id, offer_id=offer.ring))
    return refusal.reason if refusal is not None else None


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
    if any(q not in floor.queues for q in profile.queues):
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
    sitting.look(agent, floor.links_down, floor.outbound)
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


# --- what his phone does ---------------------------------------------------------------------------------------------


def seat_changed(floor: Floor, change: SeatChanged, now: float) -> None:
    """A phone can or cannot be rung any more at a node, or is or is not in use."""
    agent = floor.agents.at(change.extension)
    if agent is not None and agent.seat != change.extension:
        agent = None  # he sits at another of his phones now
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
    sitting.look(agent, floor.links_down, floor.outbound)
    found: Input = "seat_found" if agent.reachable else "seat_lost"
    move(floor, agent, found, now, reason="" if agent.reachable else "phone_unreachable", by="phone")
    if agent.state == "ready" and agent.phone_free != was_free:
        floor.agents.enter_idle(agent)
        if agent.phone_free:
            floor.free_agent(agent, now)


def release(floor: Floor, offer: Offer, now: float, *, reason: str, keep_idle: bool = True) -> None:
    """Let an agent go whose offer ended without consequences for him."""
    move(floor, floor.agents[offer.agent_id], "let_go", now, reason=reason, keep_idle=keep_idle)
