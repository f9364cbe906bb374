"""A stretch of the past once more: as it was, as the router would do it, and as it would do it under other policies. Pure."""

from collections.abc import Callable, Iterable

import msgspec

from acd.simulation import callback_summary
from acd.simulation.books import Books
from acd.simulation.decided import Decided, decide_again
from acd.simulation.engine import Engine
from acd.simulation.past import Past, day_of, past_of
from acd.simulation.streams import Streams
from acd.simulation.summary import Values, values_of
from hotline.dialling import Policy
from hotline.errors import Misuse
from hotline.facts import (
    OFFER_ENDINGS,
    AgentStateChanged,
    CallAbandoned,
    CallbackFact,
    CallbackRequested,
    CallFact,
    CallFlowedOut,
    CallQueued,
    Fact,
    OfferAccepted,
    OfferFact,
    OfferMade,
    OfferRescinded,
)
from hotline.ids import QueueId
from hotline.settings.queues import BetweenQueues, Queue

Progress = Callable[[str, int, int], None]
WHOEVER_ASKED = Policy(trunk=True, allow=("",), digits_min=1, digits_max=20, per_hour=1_000_000, at_once=1_000_000)
"""Whoever asked was permitted to then."""
AFTERMATH_S = 3_600.0
"""So long after the end the played day may go on, until everybody is served."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way to route, by its queues."""

    name: str
    queues: tuple[Queue, ...]
    between_queues: BetweenQueues = "strict_priority"
    outbound: Policy = WHOEVER_ASKED
    """Who may be called back, when, and how many at once."""


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    begin: float
    end: float
    callers: int
    skipped: int
    real: dict[str, Values]
    ways: dict[str, dict[str, Values]]
    """Name of a way -> queue -> numbers, as in a simulation."""
    callbacks: int
    """How many asked to be called back, those who waited for it when the stretch began included."""
    real_callbacks: dict[str, Values]
    ways_callbacks: dict[str, dict[str, Values]]
    """Numbers of callbacks (`callback_summary`), of queues that had any."""
    decided: Decided


def replay(
    facts: list[Fact],
    ways: tuple[Way, ...],
    *,
    begin: float,
    end: float,
    seed: int,
    progress: Progress = lambda *_: None,
) -> Again:
    """Play a stretch of the journal under each way; the first is how it was routed. Raises Misuse if nobody called."""
    past = past_of(facts, begin=begin, end=end)
    if not past.episodes and not past.callbacks.by_id:
        raise Misuse("nobody waited in a queue in this time")
    if not past.profiles:
        raise Misuse("the journal knows no agents in this time: without them nothing can be played")
    _check_queues(past, ways[0].queues)
    played: dict[str, Books] = {}
    for number, way in enumerate(ways):
        progress(way.name, number, len(ways))
        played[way.name] = _play(past, way, seed)
    real = _real(past, facts, ways[0].queues)
    return Again(
        begin=begin,
        end=end,
        callers=len(past.episodes),
        skipped=past.skipped,
        real=values_of(real, ways[0].queues),
        ways={way.name: values_of(played[way.name], way.queues) for way in ways},
        callbacks=len(past.callbacks.by_id),
        real_callbacks=callback_summary.values_of(real.callbacks, ways[0].queues),
        ways_callbacks={way.name: callback_summary.values_of(played[way.name].callbacks, way.queues) for way in ways},
        decided=_decided(facts, ways[0], begin, progress),
    )


def _check_queues(past: Past, queues: Iterable[Queue]) -> None:
    known = {q.id for q in queues}
    waited = {e.queued.queue_id for e in past.episodes.values()} | {s.asked.queue_id for s in past.callbacks}
    missing = sorted(waited - known)
    if missing:
        raise Misuse(
            f"the settings have no queue {', '.join(missing)}, in which callers waited: add it, or give the settings of then by --config"
        )


def _play(past: Past, way: Way, seed: int) -> Books:
    day = day_of(past, Streams(seed, 0))
    ring_s = sorted(v.ring_s for v in day.visitors if v.ring_s is not None)
    usual = ring_s[len(ring_s) // 2] if ring_s else 0.0
    engine = Engine(
        way.queues,
        day,
        begin=past.begin,
        count_from=past.begin,
        count_to=past.end,
        ring_again=lambda _visitor: usual,
        between_queues=way.between_queues,
        outbound=way.outbound,
    )
    return engine.run(until=past.end + AFTERMATH_S)


def _real(past: Past, facts: Iterable[Fact], queues: tuple[Queue, ...]) -> Books:
    """Return the books of what really happened."""
    everywhere = frozenset(QueueId(q.id) for q in queues)
    books = Books(past.begin, past.end, {a: frozenset(p.queues) or everywhere for a, p in past.profiles.items()})
    for fact in facts:
        _enter(books, past, fact)
    for episode in past.episodes.values():
        if episode.talk_s is not None:
            books.talked(episode.stay.queue_id, episode.talk_s + (episode.wrap_up_s or 0.0))
    for story in past.callbacks:
        if story.talk_s is not None:
            books.talked(story.asked.queue_id, story.talk_s + (story.wrap_up_s or 0.0))
    books.close(past.end)
    return books


def _enter(books: Books, past: Past, fact: Fact) -> None:
    """Put a fact into the books."""
    match fact:
        case AgentStateChanged() if fact.agent_id in past.profiles:
            books.moved(fact)
        case CallbackRequested():
            books.callbacks.asked(fact)
        case CallbackFact():
            books.callbacks.told(fact)
        case CallFact() if fact.at >= past.begin and fact.call_id in past.episodes:
            _enter_call(books, fact)


def _enter_call(books: Books, fact: CallFact) -> None:
    match fact:
        case CallQueued():
            books.entered(fact.call_id, fact.queue_id, fact.entered_at)
        case OfferMade(kind="main") if fact.group in (None, fact.offer_id):
            books.offered(fact.call_id)
        case OfferRescinded(reason="caller_left" | "answered_elsewhere"):
            return  # the agent had no chance
        case OfferFact() if type(fact) in OFFER_ENDINGS:
            books.rang_out(fact.call_id)
        case OfferAccepted():
            books.left(fact.call_id, "answered", fact.at)
        case CallAbandoned():
            books.left(fact.call_id, "abandoned", fact.at)
        case CallFlowedOut():
            books.left(fact.call_id, "flowed_out", fact.at)


def _decided(facts: list[Fact], way: Way, begin: float, progress: Progress) -> Decided:
    last = Decided()
    for last in decide_again(facts, way.queues, begin=begin, between_queues=way.between_queues):
        if last.decisions % 100 == 0:
            progress("decisions", last.decisions, last.decisions + 100)
    return last
