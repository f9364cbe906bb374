"""Who is offered to whom. Pure.

After every event no caller who can be offered is left beside a ready agent who may be rung for him. Because that held before
the event, only those whom the event made available need a partner: the work does not grow with the length of the line.

Two orders meet. Callers come first: among all pairs that became possible the one with the best-ranked caller is made, and
this caller gets the agent who has been idle longest among those who may serve him.
"""

from collections import deque
from collections.abc import Iterator

import msgspec

from acd.core.agents import Agent
from acd.core.conduct import move
from acd.core.decisions import PASSED_OVER, Decision, PassedAgent, PassedCaller
from acd.core.eligibility import why_not
from acd.core.floor import Floor
from acd.core.line import Caller
from acd.core.offers import Offer, offer_id_of
from hotline.commands import Ring
from hotline.facts import OfferMade
from hotline.ids import RecordingId


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The agent found for a caller, and who was looked at before."""

    agent: Agent
    considered: int
    passed: tuple[PassedAgent, ...]


def match(floor: Floor, now: float) -> None:
    """Make every offer that has become possible."""
    if floor.duty_changed:
        floor.duty_changed = False
        for caller in floor.line:
            if caller.refusals:
                floor.judge_refusals(caller, now)
    callers = _pending_callers(floor)
    while True:
        wanted = _wanted(floor)
        if wanted is not None and (not callers or wanted.rank < callers[0].rank):
            caller = wanted
        elif callers:
            caller = callers.popleft()
        else:
            return
        choice = _longest_idle(floor, caller) if floor.line.is_offerable(caller) else None
        if choice is not None:
            _offer(floor, caller, choice, now)


def _pending_callers(floor: Floor) -> deque[Caller]:
    """Take the callers who became available, best-ranked first."""
    callers = [floor.line.get(call_id) for call_id in floor.pending_callers]
    floor.pending_callers.clear()
    return deque(sorted((c for c in callers if c is not None), key=lambda c: c.rank))


def _wanted(floor: Floor) -> Caller | None:
    """Return the best-ranked caller whom one of the agents who became available may be rung for."""
    best: Caller | None = None
    for agent_id in list(floor.pending_agents):
        caller = _first_caller(floor, floor.agents[agent_id])
        if caller is None:
            del floor.pending_agents[agent_id]
        elif best is None or caller.rank < best.rank:
            best = caller
    return best


def _first_caller(floor: Floor, agent: Agent) -> Caller | None:
    """Return the best-ranked caller whom this agent may be rung for."""
    if agent.state != "ready" or not agent.phone_free:
        return None
    serves = floor.agents.queues_of(agent)
    firsts = (next((c for c in callers if not why_not(agent, c, serves)), None) for callers in _orders(floor, agent))
    return min((c for c in firsts if c is not None), key=lambda c: c.rank, default=None)


def _orders(floor: Floor, agent: Agent) -> Iterator[Iterator[Caller]]:
    """Return the callers whom the agent has the skills for, each order by itself."""
    for queue_id in floor.agents.queues_of(agent):
        yield from floor.line.orders(queue_id, agent.profile.skills)


def _longest_idle(floor: Floor, caller: Caller) -> Choice | None:
    """Return the agent for this caller."""
    passed: list[PassedAgent] = []
    for considered, agent in enumerate(floor.agents.idle(caller.queue_id), start=1):
        reasons = why_not(agent, caller, floor.agents.queues_of(agent))
        if not reasons:
            return Choice(agent=agent, considered=considered, passed=tuple(passed))
        if len(passed) < PASSED_OVER:
            passed.append(PassedAgent(agent_id=agent.id, reasons=tuple(reasons)))
    return None


def _offer(floor: Floor, caller: Caller, choice: Choice, now: float) -> None:
    """Reserve the agent, tell of the offer and have his phone rung."""
    floor.suspect = caller.call_id
    queue, agent = floor.queues[caller.queue_id], choice.agent
    note = floor.notes.get(caller.call_id)
    name = note.name if note is not None else ""
    passed = _callers_passed(floor, caller, agent)
    caller.offers_made += 1
    floor.offers_made += 1
    offer = Offer(
        offer_id=offer_id_of(caller.call_id, floor.epoch, floor.offers_made),
        call_id=caller.call_id,
        agent_id=agent.id,
        extension=agent.profile.extension,
        queue_id=caller.queue_id,
        node=caller.node,
        made_at=now,
        ring_timeout_s=queue.ring_timeout_s,
        entered_at=caller.entered_at,
        named=bool(name),
    )
    floor.decisions.add(_decision(caller, choice, offer, passed, now))
    floor.open_offer(offer)
    caller.whereabouts, caller.away, caller.offer, caller.recalls = "ringing", offer.offer_id, offer, 0
    floor.place(caller, now)
    recording = RecordingId(offer.offer_id) if queue.record else None
    floor.tell(
        OfferMade(
            at=now,
            call_id=offer.call_id,
            offer_id=offer.offer_id,
            agent_id=offer.agent_id,
            extension=offer.extension,
            queue_id=offer.queue_id,
            ring_timeout_s=offer.ring_timeout_s,
            entered_at=offer.entered_at,
            recording_id=recording,
        )
    )
    move(floor, agent, "reserve", now, call_id=offer.call_id)
    floor.ask(
        Ring(
            node=offer.node,
            call_id=offer.call_id,
            offer_id=offer.offer_id,
            agent_id=offer.agent_id,
            extension=offer.extension,
            ring_timeout_s=offer.ring_timeout_s,
            music_class=queue.music_class,
            caller_name=name,
            recording_id=recording,
            seat_node=agent.seat_node if agent.seat_node and agent.seat_node != offer.node else None,
        )
    )


def _callers_passed(floor: Floor, chosen: Caller, agent: Agent) -> tuple[PassedCaller, ...]:
    """Return the first of each order who ranks before the chosen caller, and why the agent is not rung for him."""
    serves = floor.agents.queues_of(agent)
    passed: list[PassedCaller] = []
    for queue_id in serves:
        for callers in floor.line.orders(queue_id):
            head = next(callers)
            if head.rank < chosen.rank and len(passed) < PASSED_OVER:
                passed.append(PassedCaller(call_id=head.call_id, reasons=tuple(why_not(agent, head, serves))))
    return tuple(passed)


def _decision(
    caller: Caller, choice: Choice, offer: Offer, callers_passed: tuple[PassedCaller, ...], now: float
) -> Decision:
    agent = choice.agent
    return Decision(
        at=now,
        call_id=caller.call_id,
        queue_id=caller.queue_id,
        offer_id=offer.offer_id,
        agent_id=agent.id,
        waited_s=now - caller.entered_at,
        agent_idle_s=now - agent.idle_since,
        both_since=max(caller.available_since, agent.available_since),
        agents_considered=choice.considered,
        agents_passed=choice.passed,
        callers_passed=callers_passed,
    )
