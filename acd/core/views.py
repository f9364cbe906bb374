"""What the outside sees of the floor: agents, queues, the line, and why nobody serves a caller. Pure."""

from collections import Counter

import msgspec

from acd.core.agents import Agent
from acd.core.decisions import Decision
from acd.core.eligibility import Code, Reason, why_not
from acd.core.floor import Floor
from acd.core.line import Caller
from acd.core.states import ON_DUTY, Wish
from hotline.facts import AgentState
from hotline.ids import AgentId, CallId, Extension, NodeId, OfferId, QueueId


class AgentView(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as supervisors see him."""

    id: AgentId
    name: str
    extension: Extension
    skills: dict[str, int]
    queues: tuple[QueueId, ...]
    state: AgentState
    reason: str
    since: float
    until: float | None
    call_id: CallId | None
    wish: Wish | None
    """What happens when his call is over: `break` or `offline`."""
    phone_reachable: bool
    phone_in_use: bool
    phone_node: NodeId | None
    """The node at which his phone is registered, as far as it was told."""
    no_answers: int


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """A queue now."""

    id: QueueId
    name: str
    skills: tuple[str, ...]
    waiting: int
    longest_wait_s: float
    agents: dict[str, int]
    """How many agents are in each state."""
    on_duty: int


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
    waited_s: float
    priority: int
    skills: tuple[str, ...]
    whereabouts: str
    """`here`, `ringing`, `returning`, `paused`, or `link_down` while his node cannot be reached."""
    offers_made: int
    offer_id: OfferId | None
    why_nobody: tuple[Obstacle, ...]
    """Why no agent is rung for him, the most frequent reason first; empty while one is."""


class DecisionView(msgspec.Struct, frozen=True, kw_only=True):
    """A decision and its plain words."""

    sentence: str
    decision: Decision


class WhyView(msgspec.Struct, frozen=True, kw_only=True):
    """What the router did for a call, and why nobody is rung now if he waits."""

    call_id: CallId
    decisions: tuple[DecisionView, ...]
    waiting: WaitingView | None


STATES: tuple[AgentState, ...] = (
    *("offline", "ready", "reserved", "ringing", "talking"),
    *("wrap_up", "rest", "break", "unreachable"),
)


def agent_view(floor: Floor, agent: Agent) -> AgentView:
    """Return an agent as supervisors see him."""
    return AgentView(
        id=agent.id,
        name=agent.profile.name,
        extension=agent.profile.extension,
        skills=agent.profile.skills,
        queues=floor.agents.queues_of(agent),
        state=agent.state,
        reason=agent.reason,
        since=agent.since,
        until=agent.until,
        call_id=agent.call_id,
        wish=agent.wish,
        phone_reachable=agent.reachable,
        phone_in_use=agent.in_use,
        phone_node=agent.seat_node or None,
        no_answers=agent.no_answers,
    )


def queue_view(floor: Floor, queue_id: QueueId, now: float) -> QueueView:
    """Return a queue now. Raises KeyError if there is none of that id."""
    queue = floor.queues[queue_id]
    states = Counter(a.state for a in floor.agents.of_queue(queue_id))
    return QueueView(
        id=queue_id,
        name=queue.name,
        skills=tuple(queue.skills),
        waiting=floor.line.length(queue_id),
        longest_wait_s=longest_wait_s(floor, queue_id, now),
        agents={state: states[state] for state in STATES},
        on_duty=sum(n for state, n in states.items() if state in ON_DUTY),
    )


def longest_wait_s(floor: Floor, queue_id: QueueId, now: float) -> float:
    """Return how long the one has waited who waits longest; 0 when nobody waits."""
    return max((now - c.entered_at for c in floor.line.waiting(queue_id)), default=0.0)


def waiting_views(floor: Floor, queue_id: QueueId, now: float, *, limit: int) -> list[WaitingView]:
    """Return the first `limit` callers of a queue in their order."""
    line = zip(range(1, limit + 1), floor.line.waiting(queue_id), strict=False)
    return [waiting_view(floor, caller, position, now) for position, caller in line]


def waiting_view(floor: Floor, caller: Caller, position: int, now: float) -> WaitingView:
    """Return one caller at his position."""
    served = caller.whereabouts == "ringing"
    return WaitingView(
        position=position,
        call_id=caller.call_id,
        waited_s=now - caller.entered_at,
        priority=caller.priority,
        skills=caller.skills,
        whereabouts="link_down" if caller.node in floor.links_down else caller.whereabouts,
        offers_made=caller.offers_made,
        offer_id=caller.away,
        why_nobody=() if served else why_nobody(floor, caller),
    )


def why_nobody(floor: Floor, caller: Caller) -> tuple[Obstacle, ...]:
    """Return why no agent of his queue is rung for a caller: reasons with the number of agents, the most frequent first."""
    reasons: Counter[Reason] = Counter()
    for agent in floor.agents.of_queue(caller.queue_id):
        reasons.update(why_not(agent, caller, floor.agents.queues_of(agent)))
    return tuple(
        Obstacle(code=r.code, detail=r.detail, agents=n, text_en=r.text("en"), text_zh=r.text("zh"))
        for r, n in sorted(reasons.items(), key=lambda item: (-item[1], item[0].code, item[0].detail))
    )


def why_view(floor: Floor, call_id: CallId, now: float) -> WhyView:
    """Return what the router did for a call; empty if it never heard of it."""
    caller = floor.line.get(call_id)
    waiting = None
    if caller is not None:
        position = 1 + [c.call_id for c in floor.line.waiting(caller.queue_id)].index(call_id)
        waiting = waiting_view(floor, caller, position, now)
    decisions = tuple(DecisionView(sentence=d.sentence(), decision=d) for d in floor.decisions.of(call_id))
    return WhyView(call_id=call_id, decisions=decisions, waiting=waiting)
