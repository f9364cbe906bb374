"""Who is offered to whom. Pure.

After every event no caller who can be offered is left beside a ready agent who may be rung for him. Because that held before
the event, only those whom the event made available need a partner: the work grows neither with the line nor with the agents.

Two orders meet. Callers come first: among all pairs that became possible the one with the first caller is made (within a queue
by `ranking`, between queues by `between`), and this caller gets the agent whom his queue's strategy ranks first among those who
may serve him; where the strategy rings several, those after him too.

One thing goes before both: whoever was handed on to an agent by name is that agent's next caller, however long others wait.
"""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from operator import attrgetter, itemgetter

from acd.core.agents.roster import Agent
from acd.core.agents.sitting import external_number
from acd.core.callers.line import Caller, Demand
from acd.core.callers.ranking import RINGS_SEVERAL, AgentRank, caller_lot
from acd.core.callers.standing import priority_of
from acd.core.floor import Floor
from acd.core.matching import sticky
from acd.core.matching.between import Key
from acd.core.matching.eligibility import FOR_EVER, may_ring
from acd.core.matching.idle import from_lot
from acd.core.offers.offering import offer
from hotline.ids import CallId, QueueId
from hotline.settings.queues import Strategy

MANY = 8
"""When more agents than these became available at once, every caller whom they might serve is looked at, once."""


Waiting = dict[QueueId, deque[Caller]]
"""Callers who became available, of each queue the first first."""


def match(floor: Floor, now: float) -> None:
    """Make every offer that has become possible."""
    if floor.duty_changed:
        _judge_anew(floor, now)
    if not floor.pending_agents and not floor.pending_callers:
        return
    expecting = _keep_for_those_handed_on(floor)
    _pair(floor, now)
    for agent in expecting:
        if agent.state == "ready":
            agent.awaits = None


def _pair(floor: Floor, now: float) -> None:
    """Give agents to callers, the first caller first, until nobody is left who could get one."""
    if len(floor.pending_agents) > MANY:
        _look_at_everybody(floor)
    waiting = _pending_callers(floor)
    hopeless: set[Demand] = set()
    while (floor.pending_agents or waiting) and (candidates := _candidates(floor, waiting, hopeless)) is not None:
        firsts, able = candidates
        keyed = [(_key(floor, caller, now), caller) for caller in firsts]
        if len(keyed) > 1:
            keyed.sort(key=itemgetter(0))
        (key, caller), rivals = keyed[0], keyed[1:]
        _strike_out(waiting, caller)
        agents = _choose(floor, caller) or able.get(caller.call_id, [])
        if agents:
            offer(floor, caller, agents, now, key[0], rivals)
            for agent in agents:
                floor.pending_agents.pop(agent.id, None)
        elif not caller.is_choosy:
            hopeless.add(caller.demand)


def _strike_out(waiting: Waiting, caller: Caller) -> None:
    """Take a caller from among those who became available, whatever comes of him now."""
    line = waiting.get(caller.queue_id)
    if line is not None and line[0] is caller:
        line.popleft()
        if not line:
            del waiting[caller.queue_id]


def _keep_for_those_handed_on(floor: Floor) -> list[Agent]:
    """Give agents nobody but the caller who was handed on to them, if he can be rung for now; return these agents."""
    if not floor.line.keeps_callers:
        return []
    named = dict.fromkeys(floor.pending_agents)
    for call_id in floor.pending_callers:
        caller = floor.line.get(call_id)
        if caller is not None and caller.wanted_agent is not None and caller.wanted_until == FOR_EVER:
            named[caller.wanted_agent] = None
    expecting = []
    for agent in (floor.agents[agent_id] for agent_id in named):
        if agent.awaits is not None or agent.state != "ready":
            continue
        serves, has = floor.agents.queues_of(agent), floor.agents.has(agent)
        callers = [c for c in floor.line.kept_for(agent.id) if c.wanted_until == FOR_EVER]
        able = [caller for caller in callers if may_ring(agent, caller, serves, has)]
        if able:
            agent.awaits = min(able, key=attrgetter("rank")).call_id
            expecting.append(agent)
    return expecting


def _judge_anew(floor: Floor, now: float) -> None:
    """Agents came or went: judge anew what depends on who is there."""
    floor.duty_changed = False
    floor.between.duty_changed()
    for caller in floor.line.choosy():
        sticky.judge(floor, caller, now)
        if caller.refusals:
            floor.judge_refusals(caller, now)


def _look_at_everybody(floor: Floor) -> None:
    """Go by the callers where many agents became available: one look at each instead of one for each agent and offer."""
    queues = {
        queue_id for agent_id in floor.pending_agents for queue_id in floor.agents.queues_of(floor.agents[agent_id])
    }
    for caller in floor.line.all_offerable():
        if caller.queue_id in queues or caller.wanted_agent in floor.pending_agents:
            floor.pending_callers[caller.call_id] = None
    floor.pending_agents.clear()


def _pending_callers(floor: Floor) -> Waiting:
    """Take the callers who became available."""
    waiting: Waiting = {}
    if floor.pending_callers:
        here = [caller for call_id in floor.pending_callers if (caller := floor.line.get(call_id)) is not None]
        floor.pending_callers.clear()
        if len(here) > 1:
            here.sort(key=attrgetter("rank"))
        for caller in here:
            waiting.setdefault(caller.queue_id, deque()).append(caller)
    return waiting


def _candidates(
    floor: Floor, waiting: Waiting, hopeless: set[Demand]
) -> tuple[list[Caller], dict[CallId, list[Agent]]] | None:
    """Return of each queue the first caller who may get an agent now, and for whom of them an agent is known; None if nobody may.

    Within a queue the rank alone decides. So a queue has one candidate, whatever the policy between queues says of others.
    """
    firsts: dict[QueueId, Caller] = {}
    able: dict[CallId, list[Agent]] = {}
    for agent_id in list(floor.pending_agents):
        agent = floor.agents[agent_id]
        found = _first_callers(floor, agent)
        if not found:
            del floor.pending_agents[agent_id]
        for caller in found:
            able.setdefault(caller.call_id, [agent])
            _put_first(firsts, caller)
    for queue_id, line in list(waiting.items()):
        while line and not _has_hope(floor, line[0], hopeless):
            line.popleft()
        if line:
            _put_first(firsts, line[0])
        else:
            del waiting[queue_id]
    return (list(firsts.values()), able) if firsts else None


def _put_first(firsts: dict[QueueId, Caller], caller: Caller) -> None:
    first = firsts.get(caller.queue_id)
    if first is None or caller.rank < first.rank:
        firsts[caller.queue_id] = caller


def _has_hope(floor: Floor, caller: Caller, hopeless: set[Demand]) -> bool:
    """Return whether a caller can be offered, somebody is idle, and nobody with the same demand was looked at in vain."""
    if not floor.line.is_offerable(caller):
        return False
    if caller.is_choosy:
        return True
    return len(floor.agents.idle[caller.queue_id]) > 0 and (not hopeless or caller.demand not in hopeless)


def _first_callers(floor: Floor, agent: Agent) -> list[Caller]:
    """Return of each queue the first caller whom this agent may be rung for."""
    if agent.state != "ready" or agent.held is not None:
        return []
    serves, has, line = floor.agents.queues_of(agent), floor.agents.has(agent), floor.line

    def fits(caller: Caller) -> bool:  # only the choosy ask for more than a queue and skills
        return not caller.is_choosy or may_ring(agent, caller, serves, has)

    kept = [caller for caller in line.kept_for(agent.id) if fits(caller)] if line.keeps_callers else []
    if agent.awaits is not None:
        return kept
    firsts = [caller for queue_id in serves if (caller := line.first(queue_id, has, fits)) is not None]
    return firsts + kept


def _key(floor: Floor, caller: Caller, now: float) -> Key:
    waiting = floor.line.offerable(caller.queue_id)
    return floor.between.key(caller, priority_of(floor, caller), waiting, floor.agents, now)


def _choose(floor: Floor, caller: Caller) -> list[Agent]:
    """Return the agents who are rung for a caller: one, or as many as the strategy of his queue rings at once; none if nobody can."""
    if caller.wanted_agent is not None:
        agent = floor.agents[caller.wanted_agent]
        return [agent] if may_ring(agent, caller, floor.agents.queues_of(agent), floor.agents.has(agent)) else []
    queue = floor.queues[caller.queue_id]
    strategy = queue.strategy
    if strategy not in RINGS_SEVERAL:
        first = next(_eligible(floor, caller, strategy), None)
        return [first] if first is not None else []
    limit = queue.ring_at_once
    if strategy == "ring_progressive":
        limit = min(limit, 1 + int((queue.ring_timeout_s - 1.0) // queue.ring_more_every_s))
    return _ringable_together(floor, list(islice(_eligible(floor, caller, strategy), limit)))


def _ringable_together(floor: Floor, agents: list[Agent]) -> list[Agent]:
    """Return the agents without those at external numbers, who must press a key and so cannot race; one such is rung alone."""
    seated = [agent for agent in agents if not external_number(agent, floor.outbound)]
    return seated or agents[:1]


def _eligible(floor: Floor, caller: Caller, strategy: Strategy) -> Iterator[Agent]:
    """Return the agents who may be rung for a caller, in the order of his queue's strategy."""
    ranks: Iterator[AgentRank]
    agents, order = floor.agents, floor.agents.idle[caller.queue_id]
    able, begin = order.able(caller.needs, agents.skills)
    if strategy == "random":
        ranks = from_lot(able, begin, caller_lot(caller.call_id, caller.offers_made))
    else:
        ranks = islice(able, begin, None)
    for rank in ranks:
        if not order.stands(rank):
            continue
        agent = agents[rank[3]]
        if may_ring(agent, caller, agents.queues_of(agent), agents.has(agent)):
            yield agent
