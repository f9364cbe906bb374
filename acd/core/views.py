"""What the outside sees of the floor: agents, queues, the line, and why nobody serves a caller. Pure."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, tzinfo
from typing import Literal

import msgspec

from acd.core.agents.roster import Agent
from acd.core.agents.states import ON_DUTY, Wish
from acd.core.callers.line import Caller
from acd.core.callers.ranking import effective_priority
from acd.core.callers.standing import priority_of
from acd.core.floor import Floor
from acd.core.matching.decisions import Decision
from acd.core.matching.eligibility import Code, Reason, why_not
from acd.core.talks.supervision_views import SupervisionView, supervision_view
from hotline.facts import AgentState
from hotline.ids import AgentId, CallId, Extension, NodeId, OfferId, QueueId


class TalkView(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation of an agent, and how he said that it went."""

    call_id: CallId
    offer_id: OfferId
    outcome: str


class AgentView(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as supervisors see him."""

    id: AgentId
    name: str
    extension: Extension
    """Where he sits now."""
    devices: tuple[Extension, ...]
    """All seats that are his."""
    remote_number: str
    """The external number that is rung instead."""
    outbound: bool
    """Whether he may be given outgoing calls."""
    skills: dict[str, int]
    queues: tuple[QueueId, ...]
    state: AgentState
    reason: str
    since: float
    until: float | None
    """When wrap-up or rest is over; in a break, when it has lasted as long as it may."""
    overran: bool
    """Whether his break lasts longer than its reason allows."""
    call_id: CallId | None
    wish: Wish | None
    """What happens when his call is over: `break` or `offline`."""
    wish_reason: str
    wish_by: str
    """Who asked for that."""
    conversation: TalkView | None
    """His latest conversation: the one he is in, or the last one."""
    outcome_required: bool
    """Whether he must say how it went before he can be ready."""
    phone_reachable: bool
    phone_in_use: bool
    phone_node: NodeId | None
    """The node at which his phone is registered, as far as it was told."""
    no_answers: int
    preference: dict[QueueId, int] = {}
    """How gladly he is given the callers of a queue: 1 first, 10 last; 5 where nothing is said."""
    wish_forced: bool = False
    """Whether what follows his call is a supervisor's order."""
    supervised_by: tuple[SupervisionView, ...] = ()
    """Supervisors who are with his conversation."""


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """A queue now."""

    id: QueueId
    name: str
    skills: tuple[str, ...]
    waiting: int
    """Callers on the line, those who are just being rung for too."""
    longest_wait_s: float
    """Of one of them."""
    agents: dict[str, int]
    """How many agents are in each state."""
    on_duty: int
    expected_p50_s: float | None = None
    """How long a caller would wait who joined now, as likely to be longer as shorter; None while nobody serves the queue."""
    expected_p90_s: float | None = None
    """Only one of ten would wait longer."""
    expected_said: bool = False
    """Whether callers may be told a range: enough of the latest estimates came true. Told it is only where the queue's settings say so."""
    promises_kept: float | None = None
    """The share of the ranges that were said that came true, of the latest ones; None while there was none."""
    closed_by: Literal["", "hours", "supervisor"] = ""
    """What keeps it closed; empty: it is open."""
    emergency: str = ""
    """The emergency announcement that its callers hear; empty: none."""
    emergency_then: str = ""
    """What follows the announcement: `stay`, `hang_up` or `fallback`."""
    agents_overrun: int = 0
    """How many of them are on a break that lasts longer than its reason allows."""
    surge: bool = False
    """Whether the agents of `surge_agents` serve it now."""
    surge_agents: tuple[AgentId, ...] = ()
    """Agents of other departments who can be called in."""
    callbacks: int = 0
    """Who stands in the same line and will be called back."""


class Obstacle(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why agents are not rung for a caller, and how many it holds back."""

    code: Code
    detail: str
    agents: int
    text_en: str
    text_zh: str


class WaitingView(msgspec.Struct, frozen=True, kw_only=True):
    """A waiting caller."""

    position: int
    call_id: CallId
    """Of one who will be called back: the id of his callback."""
    waited_s: float
    priority: int
    skills: tuple[str, ...]
    levels: dict[str, int]
    """The same with the level that is enough now."""
    relaxed: int
    """How many steps of relaxation he has reached."""
    tier: str
    kept_for: AgentId | None
    """The agent whom he is kept for."""
    rank_priority: float
    """His priority with those of his queue and tier, and with what his wait has added to it."""
    whereabouts: str
    """`here`, `ringing`, `returning`, `paused`, or `link_down` while his node cannot be reached."""
    offers_made: int
    offer_id: OfferId | None
    why_nobody: tuple[Obstacle, ...]
    """Why no agent is rung for him, the most frequent reason first; empty while one is."""
    expected_p50_s: float | None = None
    """How much longer he will wait, as likely to be longer as shorter; None while nobody serves the queue."""
    expected_p90_s: float | None = None
    """Only one of ten waits longer."""
    callback: bool = False
    """Whether he is not on the line, and will be called back."""


class DecisionView(msgspec.Struct, frozen=True, kw_only=True):
    """A decision and its plain words."""

    sentence: str
    sentence_zh: str
    decision: Decision


class WhyView(msgspec.Struct, frozen=True, kw_only=True):
    """What the router did for a call, and why nobody is rung now if he waits."""

    call_id: CallId
    decisions: tuple[DecisionView, ...]
    waiting: WaitingView | None


STATES: tuple[AgentState, ...] = (
    *("offline", "ready", "reserved", "ringing", "talking", "holding"),
    *("wrap_up", "rest", "break", "unreachable"),
)


def agent_view(floor: Floor, agent: Agent) -> AgentView:
    """Return an agent as supervisors see him."""
    talk = agent.conversation
    return AgentView(
        id=agent.id,
        name=agent.profile.name,
        extension=agent.seat,
        devices=agent.profile.extensions,
        remote_number=agent.profile.remote_number,
        outbound=agent.profile.outbound,
        skills=agent.profile.skills,
        queues=floor.agents.queues_of(agent),
        state=agent.state,
        reason=agent.reason,
        since=agent.since,
        until=agent.until,
        overran=agent.overran,
        call_id=agent.call_id,
        wish=agent.wish,
        wish_reason=agent.wish_reason,
        wish_by=agent.wish_by,
        conversation=TalkView(call_id=talk.call_id, offer_id=talk.offer_id, outcome=talk.outcome) if talk else None,
        outcome_required=agent.owes,
        phone_reachable=agent.reachable,
        phone_in_use=agent.in_use,
        phone_node=agent.seat_node or None,
        no_answers=agent.no_answers,
        preference=agent.profile.preference,
        wish_forced=agent.wish_forced,
        supervised_by=tuple(map(supervision_view, floor.supervisions.of_agent(agent.id))),
    )


def queue_view(floor: Floor, queue_id: QueueId, now: float) -> QueueView:
    """Return a queue now. Raises KeyError if there is none of that id."""
    queue = floor.queues[queue_id]
    agents = list(floor.agents.of_queue(queue_id))
    states = Counter(a.state for a in agents)
    expected = floor.estimates.of(queue_id, floor.line.length(queue_id) + 1, now)
    said = floor.estimates.book(queue_id).learnt.said
    switch = floor.openings.switch(queue_id)
    return QueueView(
        id=queue_id,
        name=queue.name,
        skills=tuple(queue.skills),
        waiting=floor.line.length(queue_id) - (callbacks := floor.callbacks.standing(queue_id)),
        callbacks=callbacks,
        longest_wait_s=longest_wait_s(floor, queue_id, now),
        agents={state: states[state] for state in STATES},
        on_duty=sum(n for state, n in states.items() if state in ON_DUTY),
        agents_overrun=sum(a.overran for a in agents),
        expected_p50_s=expected.p50_s if expected is not None else None,
        expected_p90_s=expected.p90_s if expected is not None else None,
        expected_said=floor.estimates.may_say(queue_id),
        promises_kept=said.kept if said.judged else None,
        closed_by=floor.openings.closed_by(queue_id, now),
        emergency=switch.emergency,
        emergency_then=switch.then if switch.emergency else "",
        surge=floor.agents.surges.at(queue_id) is not None,
        surge_agents=floor.agents.surges.agents_of(queue_id),
    )


def longest_wait_s(floor: Floor, queue_id: QueueId, now: float) -> float:
    """Return how long the one on the line has waited who waits longest; 0 when nobody waits."""
    return max((now - c.waits_since for c in floor.line.waiting(queue_id) if not c.outgoing), default=0.0)


def position_of(floor: Floor, caller: Caller) -> int:
    """Return the place of a caller in the line of his queue; the first has 1."""
    return 1 + next(n for n, other in enumerate(floor.line.waiting(caller.queue_id)) if other is caller)


def waiting_views(floor: Floor, queue_id: QueueId, now: float, *, limit: int) -> list[WaitingView]:
    """Return the first `limit` callers of a queue in their order."""
    line = zip(range(1, limit + 1), floor.line.waiting(queue_id), strict=False)
    return [waiting_view(floor, caller, position, now) for position, caller in line]


def waiting_view(floor: Floor, caller: Caller, position: int, now: float) -> WaitingView:
    """Return one caller at his position."""
    served = caller.whereabouts == "ringing"
    expected = floor.estimates.of(caller.queue_id, position, now)
    return WaitingView(
        position=position,
        call_id=caller.call_id,
        waited_s=now - caller.waits_since,
        priority=caller.priority,
        skills=caller.skills,
        levels=dict(caller.needs),
        relaxed=caller.relaxed,
        tier=caller.tier,
        kept_for=caller.wanted_agent,
        rank_priority=effective_priority(
            priority=priority_of(floor, caller),
            since=caller.waits_since,
            ageing_per_minute=floor.queues[caller.queue_id].ageing_per_minute,
            now=now,
        ),
        whereabouts="link_down" if caller.node in floor.links_down else caller.whereabouts,
        offers_made=caller.offers_made,
        offer_id=caller.away,
        why_nobody=() if served else why_nobody(floor, caller),
        expected_p50_s=expected.p50_s if expected is not None else None,
        expected_p90_s=expected.p90_s if expected is not None else None,
        callback=caller.outgoing,
    )


def why_nobody(floor: Floor, caller: Caller) -> tuple[Obstacle, ...]:
    """Return why no agent of his queue is rung for a caller: reasons with the number of agents, the most frequent first."""
    reasons: Counter[Reason] = Counter()
    for agent in floor.agents.of_queue(caller.queue_id):
        found = why_not(agent, caller, floor.agents.queues_of(agent))
        reasons.update(Reason(reason.code, reason.detail) for reason in found)  # whenever it was
    return tuple(
        Obstacle(code=r.code, detail=r.detail, agents=n, text_en=r.text("en"), text_zh=r.text("zh"))
        for r, n in sorted(reasons.items(), key=lambda item: (-item[1], item[0].code, item[0].detail))
    )


def why_view(
    floor: Floor, call_id: CallId, now: float, zone: tzinfo = UTC, *, journal: Iterable[Decision] = ()
) -> WhyView:
    """Return what the router did for a call, with times of day in `zone`; empty if it never heard of it.

    `journal` holds decisions that are known from there: this router may have forgotten them, or another one made them.
    """
    caller = floor.line.get(call_id)
    waiting = None
    if caller is not None:
        position = 1 + [c.call_id for c in floor.line.waiting(caller.queue_id)].index(call_id)
        waiting = waiting_view(floor, caller, position, now)
    known = {d.offer_id: d for d in (*journal, *floor.decisions.of(call_id))}
    decisions = tuple(
        DecisionView(sentence=d.sentence("en", zone), sentence_zh=d.sentence("zh", zone), decision=d)
        for d in sorted(known.values(), key=lambda d: d.at)
    )
    return WhyView(call_id=call_id, decisions=decisions, waiting=waiting)
