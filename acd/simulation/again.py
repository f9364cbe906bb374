"""A stretch of the past once more: as it was, as the router would do it, and as it would do it under other policies. Pure."""

from collections.abc import Callable, Iterable

import msgspec

from acd.simulation.books import Books
from acd.simulation.decided import Decided, decide_again
from acd.simulation.engine import Engine
from acd.simulation.past import Past, day_of, past_of
from acd.simulation.streams import Streams
from acd.simulation.summary import Values, values_of
from hotline.errors import Misuse
from hotline.facts import (
    OFFER_ENDINGS,
    AgentStateChanged,
    CallAbandoned,
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
AFTERMATH_S = 3_600.0
"""So long after the end the played day may go on, until everybody is served."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way to route, by its queues."""

    name: str
    queues: tuple[Queue, ...]
    between_queues: BetweenQueues = "strict_priority"


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    begin: float
    end: float
    callers: int
    skipped: int
    real: dict[str, Values]
    ways: dict[str, dict[str, Values]]
    """Name of a way -> queue -> numbers, as in a simulation."""
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
    if not past.episodes:
        raise Misuse("nobody waited in a queue in this time")
    if not past.profiles:
        raise Misuse("the journal knows no agents in this time: without them nothing can be played")
    _check_queues(past, ways[0].queues)
    played: dict[str, dict[str, Values]] = {}
    for number, way in enumerate(ways):
        progress(way.name, number, len(ways))
        played[way.name] = _play(past, way, seed)
    return Again(
        begin=begin,
        end=end,
        callers=len(past.episodes),
        skipped=past.skipped,
        real=_real(past, facts, ways[0].queues),
        ways=played,
        decided=_decided(facts, ways[0], begin, progress),
    )


def _check_queues(past: Past, queues: Iterable[Queue]) -> None:
    known = {q.id for q in queues}
    missing = sorted({e.queued.queue_id for e in past.episodes.values()} - known)
    if missing:
        raise Misuse(
            f"the settings have no queue {', '.join(missing)}, in which callers waited: add it, or give the settings of then by --config"
        )


def _play(past: Past, way: Way, seed: int) -> dict[str, Values]:
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
    )
    return values_of(engine.run(until=past.end + AFTERMATH_S), way.queues)


def _real(past: Past, facts: Iterable[Fact], queues: tuple[Queue, ...]) -> dict[str, Values]:
    """Return the same numbers of what really happened."""
    everywhere = frozenset(QueueId(q.id) for q in queues)
    books = Books(past.begin, past.end, {a: frozenset(p.queues) or everywhere for a, p in past.profiles.items()})
    for fact in facts:
        _enter(books, past, fact)
    for episode in past.episodes.values():
        if episode.talk_s is not None:
            books.talked(episode.stay.queue_id, episode.talk_s + (episode.wrap_up_s or 0.0))
    books.close(past.end)
    return values_of(books, queues)


def _enter(books: Books, past: Past, fact: Fact) -> None:
    """Put a fact into the books."""
    if isinstance(fact, AgentStateChanged) and fact.agent_id in past.profiles:
        books.moved(fact)
    if not isinstance(fact, CallFact) or fact.at < past.begin or fact.call_id not in past.episodes:
        return
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
