"""What happened, from the facts of the journal: who called, how it went, and what the agents did. Pure.

Callers come when they came, with the priority and skills they had. A caller who hung up had exactly the patience he showed; one who was
answered had at least that (see `patience`). Talks and wrap-ups last as long as they did; for callers who were not answered they are drawn
from those of their queue. Agents are there when they were: what a person did (came, went, paused, lost his phone) is kept, what the
router did to him (rest, break after unanswered rings) is left to the router.
"""

from collections import defaultdict
from collections.abc import Iterable
from math import inf

import msgspec

from acd.core.agents.roster import Profile
from acd.simulation.books import Stay
from acd.simulation.day import Day, Duty, Visitor, Worker
from acd.simulation.durations import Duration
from acd.simulation.past_callbacks import Stories, wishes_of
from acd.simulation.patience import Patience
from acd.simulation.streams import Streams
from hotline.facts import (
    AgentAdded,
    AgentState,
    AgentStateChanged,
    CallAbandoned,
    CallFlowedOut,
    CallQueued,
    Fact,
    OfferAccepted,
    OfferFact,
    OfferMade,
    TalkEnded,
)
from hotline.ids import AgentId, CallId, OfferId, QueueId

AWAY: tuple[AgentState, ...] = ("break", "unreachable")
BY_ROUTER = frozenset({"no_answer"})
"""Reasons of breaks that the router imposed itself."""
NOMINAL_TALK_S = 180.0
"""For queues in which nobody talked at all."""


class Episode(msgspec.Struct, kw_only=True):
    """One caller as he really was."""

    queued: CallQueued
    stay: Stay
    offers: list[OfferMade] = []
    rang_s: float | None = None
    """How long his first offer rang until it was answered; None: it was not."""
    agent_id: AgentId | None = None
    answered_at: float | None = None
    talk_s: float | None = None
    wrap_up_s: float | None = None


class Past(msgspec.Struct, kw_only=True):
    """What a stretch of the journal tells."""

    begin: float
    end: float
    episodes: dict[CallId, Episode] = {}
    profiles: dict[AgentId, Profile] = {}
    duties: list[Duty] = []
    callbacks: Stories
    """Those who asked to be called back."""
    skipped: int = 0
    """Callers of whom only the end lies in the stretch: they are left out."""


def past_of(facts: Iterable[Fact], *, begin: float, end: float) -> Past:
    """Return what happened. `facts` are in order; of those before `begin`, only what agents were and are, and open callbacks, are taken."""
    past = Past(begin=begin, end=end, callbacks=Stories(begin))
    agents = _Agents(past)
    offers: dict[OfferId, tuple[Episode, OfferMade]] = {}
    for fact in facts:
        past.callbacks.take(fact)
        match fact:
            case AgentAdded() | AgentStateChanged():
                agents.take(fact)
            case _ if fact.at < begin:
                continue
            case CallQueued(kind="live"):
                _queued(past, fact)
            case CallAbandoned() | CallFlowedOut():
                _left(past, fact)
            case OfferMade(kind="main"):
                _offered(past, fact, offers)
            case OfferAccepted() | TalkEnded():
                _talk(fact, offers)
    _close(past)
    return past


def _queued(past: Past, fact: CallQueued) -> None:
    known = past.episodes.get(fact.call_id)
    if known is None:
        stay = Stay(call_id=fact.call_id, queue_id=fact.queue_id, entered_at=fact.entered_at)
        past.episodes[fact.call_id] = Episode(queued=fact, stay=stay)
    elif known.stay.end == "flowed_out":  # moved: one wait, ended in the other queue
        known.stay.queue_id, known.stay.end = fact.queue_id, "waiting"


def _left(past: Past, fact: CallAbandoned | CallFlowedOut) -> None:
    episode = past.episodes.get(fact.call_id)
    if episode is None:
        past.skipped += past.callbacks.of_call(fact.call_id) is None
    elif episode.stay.end == "waiting":
        episode.stay.end = "abandoned" if isinstance(fact, CallAbandoned) else "flowed_out"
        episode.stay.left_at = fact.at


def _offered(past: Past, fact: OfferMade, offers: dict[OfferId, tuple[Episode, OfferMade]]) -> None:
    episode = past.episodes.get(fact.call_id)
    if episode is not None:
        episode.offers.append(fact)
        offers[fact.offer_id] = (episode, fact)


def _talk(fact: OfferFact, offers: dict[OfferId, tuple[Episode, OfferMade]]) -> None:
    found = offers.get(fact.offer_id)
    if found is None:
        return
    episode, made = found
    if isinstance(fact, OfferAccepted) and episode.answered_at is None:
        episode.answered_at, episode.agent_id = fact.at, made.agent_id
        episode.stay.end, episode.stay.left_at = "answered", fact.at
        if made is episode.offers[0]:
            episode.rang_s = fact.at - made.at
    elif isinstance(fact, TalkEnded) and episode.answered_at is not None and episode.agent_id == made.agent_id:
        episode.talk_s = fact.at - episode.answered_at


def _close(past: Past) -> None:
    for episode in past.episodes.values():
        if episode.stay.end == "waiting":
            episode.stay.left_at = past.end


class _Agents:
    """Turns what agents' states tell into what they asked for."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._wrap_up: dict[AgentId, AgentStateChanged] = {}
        self._states: dict[AgentId, AgentStateChanged] = {}
        self._begun = False

    def take(self, fact: AgentAdded | AgentStateChanged) -> None:
        past = self._past
        if isinstance(fact, AgentAdded):
            past.profiles[fact.agent_id] = Profile(
                id=fact.agent_id, name=fact.name, extension=fact.extension, skills=fact.skills, queues=fact.queues
            )
            return
        duty = _duty(fact, self._states.get(fact.agent_id))
        self._states[fact.agent_id] = fact
        if duty is not None:
            at = max(fact.at, past.begin)
            past.duties.append(msgspec.structs.replace(duty, at=at))
        if fact.at >= past.begin:
            self._wrap_ups(fact)

    def _wrap_ups(self, fact: AgentStateChanged) -> None:
        began = self._wrap_up.pop(fact.agent_id, None)
        if began is not None and began.call_id is not None:
            story = self._past.callbacks.of_call(began.call_id)
            talked = self._past.episodes.get(began.call_id) if story is None else story
            if talked is not None:
                talked.wrap_up_s = fact.at - began.at
        if fact.state == "wrap_up":
            self._wrap_up[fact.agent_id] = fact


def _duty(fact: AgentStateChanged, before: AgentStateChanged | None) -> Duty | None:
    """Return what the agent wished for, if this change came from him."""
    if fact.state == "offline":
        return Duty(at=fact.at, agent_id=fact.agent_id, ask="log_out")
    if fact.state in AWAY and fact.reason not in BY_ROUTER:
        return Duty(at=fact.at, agent_id=fact.agent_id, ask="not_ready")
    if fact.state == "ready" and fact.previous in ("offline", *AWAY):
        return Duty(at=fact.at, agent_id=fact.agent_id, ask="ready")
    if before is None and fact.state not in AWAY:  # he was at work when the stretch began
        return Duty(at=fact.at, agent_id=fact.agent_id, ask="ready")
    return None


# --- the day that is played ------------------------------------------------------------------------------------------------


def day_of(past: Past, streams: Streams) -> Day:
    """Return the day to be played again. What nobody can know is drawn from the streams."""
    talks, wrap_ups = defaultdict(list), defaultdict(list)
    waits: dict[QueueId, list[tuple[float, bool]]] = defaultdict(list)
    for episode in past.episodes.values():
        queue = episode.queued.queue_id
        waits[queue].append((max(episode.stay.wait_s, 0.0), episode.stay.end == "abandoned"))
        if episode.talk_s is not None:
            talks[queue].append(episode.talk_s)
            wrap_ups[queue].append(episode.wrap_up_s or 0.0)
    known = _Known(
        patience={queue: Patience(found) for queue, found in waits.items()},
        talks=dict(talks),
        wrap_ups=dict(wrap_ups),
        streams=streams,
    )
    visitors = (known.visitor(e) for e in past.episodes.values())
    workers = tuple(Worker(profile=p) for p in past.profiles.values())
    duties = tuple(d for d in sorted(past.duties, key=lambda d: d.at) if d.agent_id in past.profiles)
    return Day(
        visitors=tuple(sorted(visitors, key=lambda v: v.at)),
        workers=workers,
        duties=duties,
        wishes=wishes_of(past.callbacks, streams),
    )


class _Known:
    """Draws what a caller would have done."""

    def __init__(
        self,
        *,
        patience: dict[QueueId, Patience],
        talks: dict[QueueId, list[float]],
        wrap_ups: dict[QueueId, list[float]],
        streams: Streams,
    ) -> None:
        self._patience = patience
        self._talks = {q: _like(found).drawn_from(streams.of(f"talk.{q}")) for q, found in talks.items()}
        self._wrap_ups = {q: _like(found).drawn_from(streams.of(f"wrap_up.{q}")) for q, found in wrap_ups.items()}
        self._luck = streams.of("patience")

    def visitor(self, episode: Episode) -> Visitor:
        fact, stay = episode.queued, episode.stay
        patience_s = stay.wait_s if stay.end == "abandoned" else inf
        if stay.end != "abandoned":
            patience_s = self._patience[fact.queue_id].beyond(max(stay.wait_s, 0.0), self._luck)
        talk, wrap_up = self._talks.get(fact.queue_id), self._wrap_ups.get(fact.queue_id)
        drawn_s = talk() if talk is not None else NOMINAL_TALK_S
        drawn_wrap_up_s = wrap_up() if wrap_up is not None else 0.0
        return Visitor(
            call_id=fact.call_id,
            at=fact.entered_at,
            queue_id=fact.queue_id,
            priority=fact.priority,
            skills=fact.skills,
            levels=fact.levels,
            language=fact.language,
            patience_s=patience_s,
            talk_s=drawn_s if episode.talk_s is None else episode.talk_s,
            wrap_up_s=drawn_wrap_up_s if episode.talk_s is None else episode.wrap_up_s or 0.0,
            ring_s=_ring_s(episode),
        )


def _like(found: list[float]) -> Duration:
    return Duration(kind="empirical", values=tuple(found))


def _ring_s(episode: Episode) -> float | None:
    """Return how long the first phone rings; a caller who was never offered is answered at once."""
    return episode.rang_s if episode.rang_s is not None or episode.offers else 0.0
