"""How agents change their state: along the table of `states`, told as facts, timed and remembered. Pure.

`move` is the only way in which an agent's state changes.
"""

from typing import get_args

from acd.core.agents import sitting
from acd.core.agents.roster import Agent
from acd.core.agents.seats import hear
from acd.core.agents.states import ON_DUTY, Force, Go, Home, Input, Later, Refuse, Stay, Wish, home, step
from acd.core.floor import Floor
from acd.core.offers.book import Offer
from hotline.facts import AgentState, AgentStateChanged, AgentWishChanged, BreakOverran, SeatChanged
from hotline.ids import CallId

CALLS_OFF: frozenset[Input] = frozenset({"ready", "force_ready", "call_off"})
"""Inputs after which nothing follows any more when the call is over."""
LEAVES: frozenset[Input] = frozenset({"log_out", "force_offline", "offline_after_call"})
ORDERS: frozenset[Input] = frozenset(get_args(Force)) - {"call_off"}
"""Inputs that are a supervisor's orders. Whoever kept something for later may call it off."""


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
    forced = given in ORDERS
    match step(agent.state, given, owes=agent.owes):
        case Go(state):
            until = now + for_s if for_s is not None and state in ("wrap_up", "rest") else None
            until = _break_until(floor, reason, now) if state == "break" else until
            _enter(floor, agent, state, now, reason=reason, by=by, until=until, call_id=call_id, forced=forced)
        case Home():
            if given in CALLS_OFF:
                agent.wish = None
            target = home(agent.wish, reachable=agent.reachable)
            if agent.wish is not None:
                reason, by, forced = agent.wish_reason, agent.wish_by or by, agent.wish_forced
            until = _break_until(floor, reason, now) if target == "break" else None
            _enter(floor, agent, target, now, reason=reason, by=by, until=until, keep_idle=keep_idle, forced=forced)
        case Later():
            wish: Wish = "offline" if given in LEAVES else "break"
            _wish(floor, agent, wish, now, reason=reason, by=by, forced=forced)
        case Stay():
            if given in CALLS_OFF:
                _wish(floor, agent, None, now, by=by, forced=forced)
        case Refuse() as refusal:
            return refusal
    return None


def _break_until(floor: Floor, reason: str, now: float) -> float | None:
    """Return when a break has lasted as long as its reason allows; None without a limit."""
    limit_s = floor.break_limit_s.get(reason)
    return now + limit_s if limit_s is not None else None


def _wish(
    floor: Floor, agent: Agent, wish: Wish | None, now: float, *, by: str, reason: str = "", forced: bool
) -> None:
    """Keep what was asked for until the call is over, or drop it."""
    told = AgentWishChanged(at=now, agent_id=agent.id, wish=wish or "", reason=reason, by=by, forced=forced)
    if (wish, reason) == (agent.wish, agent.wish_reason):
        return
    agent.wish, agent.wish_reason, agent.wish_by = wish, reason, by
    agent.wish_forced = forced and wish is not None
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
    forced: bool = False,
) -> None:
    if state == agent.state and reason == agent.reason:
        return
    agent_id, previous = agent.id, agent.state
    if previous == "ready":
        floor.agents.leave_idle(agent)
    floor.agents.book(agent, now)
    was_timed = agent.until is not None
    agent.state, agent.reason, agent.since, agent.until, agent.call_id = state, reason, now, until, call_id
    agent.overran, agent.awaits = False, None
    if previous == "offline":
        agent.no_answers = 0
    if state in ("break", "offline", "ready", "unreachable"):
        agent.wish, agent.wish_reason, agent.wish_by, agent.wish_forced = None, "", "", False
    if until is not None:
        floor.timers.set("agent", agent_id, until)
    elif was_timed:
        floor.timers.clear("agent", agent_id)
    if (previous in ON_DUTY) != (state in ON_DUTY):
        floor.duty_changed = True
    if state == "ready":
        agent.idle_since = agent.idle_since if keep_idle else now
        floor.free_agent(agent, now)
    floor.changed_agents[agent_id] = None
    floor.tell(
        AgentStateChanged(
            at=now,
            agent_id=agent_id,
            state=state,
            previous=previous,
            reason=reason,
            by=by,
            until=until,
            call_id=call_id,
            queues=floor.agents.queues_of(agent),
            forced=forced,
        )
    )


def time_over(floor: Floor, agent: Agent, now: float) -> None:
    """A wrap-up or a rest is over; or a break has lasted as long as it may: he stays there, and supervisors are told."""
    if agent.state == "break" and not agent.overran:
        agent.overran = True
        floor.changed_agents[agent.id] = None
        limit_s = floor.break_limit_s.get(agent.reason, now - agent.since)
        queues = floor.agents.queues_of(agent)
        floor.tell(BreakOverran(at=now, agent_id=agent.id, reason=agent.reason, limit_s=limit_s, queues=queues))
    move(floor, agent, "time_over", now, reason=f"{agent.state}_over")


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
    sitting.look(floor, agent)
    found: Input = "seat_found" if agent.reachable else "seat_lost"
    move(floor, agent, found, now, reason="" if agent.reachable else "phone_unreachable", by="phone")
    if agent.state == "ready" and agent.phone_free != was_free:
        floor.agents.enter_idle(agent)
        if agent.phone_free:
            floor.free_agent(agent, now)


def release(floor: Floor, offer: Offer, now: float, *, reason: str, keep_idle: bool = True) -> None:
    """Let an agent go whose offer ended without consequences for him."""
    move(floor, floor.agents[offer.agent_id], "let_go", now, reason=reason, keep_idle=keep_idle)
