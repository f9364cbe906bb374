"""How an offer is made: agents reserved, the offer told, the phones rung, and the decision kept. Pure."""

from acd.callbacks import turns
from acd.core.agents.conduct import move
from acd.core.agents.roster import Agent
from acd.core.agents.sitting import external_number
from acd.core.callers.line import Caller
from acd.core.callers.ranking import AgentRank
from acd.core.callers.standing import priority_of
from acd.core.floor import Floor
from acd.core.matching.between import Key
from acd.core.matching.decisions import PASSED_OVER, Before, Decision, Made, Rival
from acd.core.matching.eligibility import may_ring
from acd.core.offers.book import Offer, offer_id_of
from hotline.commands import Ring, Target
from hotline.facts import OfferMade
from hotline.ids import NodeId, OfferId, RecordingId
from hotline.settings.queues import Queue


def offer(
    floor: Floor,
    caller: Caller,
    agents: list[Agent],
    now: float,
    score: float,
    rivals: list[tuple[Key, Caller]],
) -> None:
    """Offer a caller to these agents, the first that answers gets him: reserve them and have their phones rung."""
    floor.suspect = caller.call_id
    decision = _made(floor, caller, agents, now, score, rivals) if floor.decisions.wanted else None
    if floor.callbacks.get(caller.call_id) is not None:
        turns.call(floor, caller, agents[0], decision, now)
        return
    if decision is not None:
        floor.decisions.add(decision)
    queue, note = floor.queues[caller.queue_id], floor.notes.get(caller.call_id)
    caller.offers_made += 1
    if queue.strategy == "fewest_calls":
        floor.agents.calls_level = agents[0].work.calls
    name, recorded = note.name if note is not None else "", queue.record
    group: OfferId | None = None
    offers: list[Offer] = []
    for agent in agents:
        made = _open(floor, caller, agent, now, group, ring_timeout_s=queue.ring_timeout_s, named=bool(name))
        offers.append(made)
        if len(agents) > 1:
            group = made.group = offers[0].offer_id
    caller.whereabouts, caller.away, caller.recalls = "ringing", offers[0].offer_id, 0
    caller.offer, caller.ring = offers[0], tuple(offers)
    floor.line.set_offerable(caller, False)
    for made, agent in zip(offers, agents, strict=True):
        _tell(floor, made, recorded=recorded)
        agent.work.offers += 1
        agent.work.offered_at = now
        move(floor, agent, "reserve", now, call_id=made.call_id)
    floor.ask(_ring(floor, queue, name, offers, agents, recorded=recorded))


def _open(
    floor: Floor,
    caller: Caller,
    agent: Agent,
    now: float,
    group: OfferId | None,
    *,
    ring_timeout_s: float,
    named: bool,
) -> Offer:
    floor.offers_made += 1
    made = Offer(
        offer_id=offer_id_of(caller.call_id, floor.epoch, floor.offers_made),
        call_id=caller.call_id,
        agent_id=agent.id,
        extension=agent.seat,
        queue_id=caller.queue_id,
        node=caller.node,
        made_at=now,
        ring_timeout_s=ring_timeout_s,
        entered_at=caller.entered_at,
        named=named,
        group=group,
    )
    floor.open_offer(made)
    return made


def _tell(floor: Floor, offer: Offer, *, recorded: bool) -> None:
    floor.tell(
        OfferMade(
            at=offer.made_at,
            call_id=offer.call_id,
            offer_id=offer.offer_id,
            agent_id=offer.agent_id,
            extension=offer.extension,
            queue_id=offer.queue_id,
            ring_timeout_s=offer.ring_timeout_s,
            entered_at=offer.entered_at,
            recording_id=RecordingId(offer.ring) if recorded else None,
            group=offer.group,
        )
    )


def _ring(floor: Floor, queue: Queue, name: str, offers: list[Offer], agents: list[Agent], *, recorded: bool) -> Ring:
    first, agent = offers[0], agents[0]
    return Ring(
        node=first.node,
        call_id=first.call_id,
        offer_id=first.offer_id,
        agent_id=first.agent_id,
        extension=first.extension,
        ring_timeout_s=first.ring_timeout_s,
        music_class=queue.music_class,
        caller_name=name,
        recording_id=RecordingId(first.offer_id) if recorded else None,
        seat_node=_other_node(agent, first),
        number=external_number(agent, floor.outbound),
        also=_also(queue, offers, agents) if len(offers) > 1 else (),
    )


def _also(queue: Queue, offers: list[Offer], agents: list[Agent]) -> tuple[Target, ...]:
    """Return the phones that ring besides the first."""
    every_s = queue.ring_more_every_s if queue.strategy == "ring_progressive" else 0.0
    return tuple(
        Target(
            offer_id=offers[i].offer_id,
            agent_id=agents[i].id,
            extension=offers[i].extension,
            seat_node=_other_node(agents[i], offers[0]),
            after_s=i * every_s,
        )
        for i in range(1, len(offers))
    )


def _other_node(agent: Agent, offer: Offer) -> NodeId | None:
    return agent.seat_node if agent.seat_node and agent.seat_node != offer.node else None


# --- why --------------------------------------------------------------------------------------------------------------------


def _made(
    floor: Floor,
    caller: Caller,
    agents: list[Agent],
    now: float,
    score: float,
    rivals: list[tuple[Key, Caller]],
) -> Made:
    """Return the decision, to be kept."""
    agent, queue, order = agents[0], floor.queues[caller.queue_id], floor.agents.idle[caller.queue_id]
    agent_id, strategy = agent.id, queue.strategy
    rank = order.rank_of(agent_id) or floor.agents.rank(agent, caller.queue_id)
    kept = caller.wanted_agent == agent_id
    walked = not kept and strategy != "random"  # the order was gone through from its first
    number, before = order.before(rank, PASSED_OVER) if walked else (0, [])
    known = Decision(
        at=now,
        call_id=caller.call_id,
        queue_id=caller.queue_id,
        offer_id=offer_id_of(caller.call_id, floor.epoch, floor.offers_made + 1),
        agent_id=agent_id,
        waited_s=now - caller.entered_at,
        agent_idle_s=now - agent.idle_since,
        both_since=max(caller.available_since, agent.available_since),
        agents_considered=1 + number,
        strategy=strategy,
        rank=rank,
        also=tuple(a.id for a in agents[1:]) if len(agents) > 1 else (),
        priority=priority_of(floor, caller),
        tier=caller.tier,
        relaxed=caller.relaxed,
        kept=kept,
        between=floor.between.policy,
        score=score,
        rivals=_rivals(floor, agent, rivals) if rivals else (),
    )
    return Made(
        known,
        floor.line.wish_of(caller),
        tuple([_before(floor, floor.agents[passed[3]], passed) for passed in before]) if before else (),
        _before(floor, agent, rank),
        floor.line.before(caller, PASSED_OVER),
    )


def _rivals(floor: Floor, agent: Agent, rivals: list[tuple[Key, Caller]]) -> tuple[Rival, ...]:
    """Return those of the other queues' first callers whom the agent could have served as well."""
    serves, has = floor.agents.queues_of(agent), floor.agents.has(agent)
    return tuple(
        Rival(queue_id=other.queue_id, call_id=other.call_id, score=key[0])
        for key, other in rivals[:PASSED_OVER]
        if may_ring(agent, other, serves, has)
    )


def _before(floor: Floor, agent: Agent, rank: AgentRank) -> Before:
    profile, serves = agent.profile, floor.agents.queues_of(agent)
    return Before(profile.id, rank, profile.skills, serves, agent.held, agent.awaits is not None)
