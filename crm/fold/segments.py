"""Segments of one call from its facts and offers: menus, waits, conversations, the static fallback queue. Pure.

A wait is known by (queue, time of entry): the same entry told again (after an adoption) is the same wait. Each wait ends exactly
once or is still `waiting`, so that for every queue offered = answered + abandoned + flowed out + still waiting holds by construction.
An answer that the phone network saw beats an abandon or flow-out that a service concluded.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from crm.fold.rows import OfferRow, SegmentKind, SegmentOutcome, SegmentRow, moment
from crm.fold.told import Told, lasted
from crm.fold.transfers import Stretch, consult, conversation, handed_on
from hotline.facts import CallAbandoned, CallAdopted, CallFlowedOut, CallQueued, IvrStepTaken, OfferMade
from hotline.ids import AgentId, CallId, OfferId, QueueId

Entry = tuple[QueueId, datetime]
"""What makes one wait: the queue and when it was entered."""

_KIND_ORDER: dict[SegmentKind, int] = {
    "ivr": 0,
    "queue": 1,
    "callback": 1,
    "talk": 2,
    "hold": 3,
    "consult": 4,
    "conference": 5,
    "fallback": 6,
}


class _Span(msgspec.Struct, frozen=True, kw_only=True):
    """A segment before it is numbered."""

    kind: SegmentKind
    began_at: datetime
    ended_at: datetime | None
    outcome: SegmentOutcome
    queue_id: QueueId | None = None
    agent_id: AgentId | None = None
    offer_id: OfferId | None = None
    reason: str = ""
    short: bool = False
    while_ringing: bool = False
    priority: int = 0
    language: str = ""
    inferred: bool = False


class _Left(msgspec.Struct, frozen=True):
    """How a wait ended."""

    at: datetime
    outcome: SegmentOutcome
    reason: str = ""
    short: bool = False
    while_ringing: bool = False
    offer: OfferRow | None = None
    inferred: bool = False


def segments_of(call_id: CallId, told: Told, offers: Sequence[OfferRow], arrived_at: datetime) -> list[SegmentRow]:
    """Return the segments of the call, numbered by time."""
    spans = [*_waits(told, offers), *_talks(told, offers), *_fallback(told)]
    spans += _menus(told, spans, arrived_at)
    spans.sort(key=lambda s: (s.began_at, _KIND_ORDER[s.kind], s.queue_id or "", s.offer_id or ""))
    return [
        SegmentRow(
            call_id=call_id,
            n=n,
            kind=span.kind,
            queue_id=span.queue_id,
            agent_id=span.agent_id,
            offer_id=span.offer_id,
            began_at=span.began_at,
            ended_at=span.ended_at,
            duration_s=lasted(span.began_at, span.ended_at),
            outcome=span.outcome,
            reason=span.reason,
            short=span.short,
            while_ringing=span.while_ringing,
            priority=span.priority,
            language=span.language,
            inferred=span.inferred,
        )
        for n, span in enumerate(spans)
    ]


# --- waiting -----------------------------------------------------------------------------------------------------------


def entries_of(told: Told) -> list[Entry]:
    """Return every wait of the call, by time of entry, whichever fact tells of it."""
    found: set[Entry] = {(f.queue_id, moment(f.entered_at)) for f in told.all(CallQueued)}
    found.update((f.queue_id, moment(f.entered_at)) for f in told.all(CallAbandoned))
    found.update((f.queue_id, moment(f.entered_at)) for f in told.all(CallFlowedOut))
    found.update((f.queue_id, moment(f.entered_at)) for f in told.all(OfferMade))
    for adopted in told.all(CallAdopted):
        if adopted.place is not None and adopted.place.queue_id is not None:
            found.add((adopted.place.queue_id, moment(adopted.place.entered_at)))
    return sorted(found, key=lambda e: (e[1], e[0]))


def _waits(told: Told, offers: Sequence[OfferRow]) -> Iterable[_Span]:
    entries = entries_of(told)
    offers_of = _offers_by_entry(told, entries, offers)
    for n, entry in enumerate(entries):
        queue_id, entered_at = entry
        following = entries[n + 1][1] if n + 1 < len(entries) else None
        left = _left(told, entry, offers_of[entry], following)
        queued = [f for f in told.all(CallQueued) if (f.queue_id, moment(f.entered_at)) == entry]
        offer = left.offer if left else None
        yield _Span(
            kind="callback" if _is_callback(told, entry) else "queue",
            began_at=entered_at,
            ended_at=left.at if left else None,
            outcome=left.outcome if left else "waiting",
            queue_id=queue_id,
            agent_id=offer.agent_id if offer else None,
            offer_id=offer.offer_id if offer else None,
            reason=left.reason if left else "",
            short=bool(left and left.short),
            while_ringing=bool(left and left.while_ringing),
            priority=queued[-1].priority if queued else 0,
            language=queued[-1].language if queued else "",
            inferred=not queued or bool(left and left.inferred),
        )


def _is_callback(told: Told, entry: Entry) -> bool:
    """Return whether he waits who was called back: his wait for an agent is no wait in the queue, which he left for it."""
    places = [f.place for f in told.all(CallAdopted) if f.place is not None and f.place.callback]
    entries = {(f.queue_id, f.entered_at) for f in told.all(CallQueued) if f.kind == "callback"}
    entries |= {(f.queue_id, f.entered_at) for f in told.all(OfferMade) if f.kind == "callback"}
    entries |= {(place.queue_id, place.entered_at) for place in places if place.queue_id is not None}
    return entry in {(queue_id, moment(at)) for queue_id, at in entries}


def _offers_by_entry(told: Told, entries: list[Entry], offers: Sequence[OfferRow]) -> dict[Entry, list[OfferRow]]:
    """Return the offers of each wait; one whose making was not told belongs to the last wait entered before it."""
    entered = {f.offer_id: (f.queue_id, moment(f.entered_at)) for f in reversed(told.all(OfferMade))}
    result: dict[Entry, list[OfferRow]] = {entry: [] for entry in entries}
    for offer in offers:
        if offer.kind == "consult":
            continue  # he was asked about a caller who had been answered
        entry = entered.get(offer.offer_id)
        if entry is None:
            entry = next((e for e in reversed(entries) if e[1] <= offer.made_at), None)
        if entry is not None:
            result[entry].append(offer)
    return result


def _left(told: Told, entry: Entry, offers: Sequence[OfferRow], following: datetime | None) -> _Left | None:
    answered = [o for o in offers if o.result == "answered" and o.ended_at is not None]
    if answered:
        offer = min(answered, key=lambda o: (o.ended_at, o.offer_id))
        assert offer.ended_at is not None
        return _Left(max(offer.ended_at, entry[1]), "answered", offer=offer, inferred=offer.inferred)
    for fact in told.facts:
        if not isinstance(fact, CallAbandoned | CallFlowedOut):
            continue
        if (fact.queue_id, moment(fact.entered_at)) != entry:
            continue
        if isinstance(fact, CallAbandoned):
            return _Left(moment(fact.at), "abandoned", short=fact.short, while_ringing=fact.while_ringing)
        return _Left(moment(fact.at), "flowed_out", fact.reason)
    return _left_by_inference(told, entry, offers, following)


def _left_by_inference(
    told: Told, entry: Entry, offers: Sequence[OfferRow], following: datetime | None
) -> _Left | None:
    """Return how a wait ended whose end was never told, from what the call did next."""
    _, entered_at = entry
    signs: list[_Left] = []
    if told.fallback is not None:
        signs.append(_Left(moment(told.fallback.at), "flowed_out", "fallback", inferred=True))
    for adopted in told.all(CallAdopted):
        if adopted.phase == "fallback":
            signs.append(_Left(moment(adopted.at), "flowed_out", "fallback", inferred=True))
        if adopted.phase == "talking" and adopted.offer_id is None:
            signs.append(_Left(moment(adopted.at), "answered", inferred=True))
    if following is not None:
        signs.append(_Left(following, "flowed_out", "moved", inferred=True))
    if told.ended_at is not None:
        ringing = any(o.result == "unknown" and o.reason == "not_told" for o in offers)
        ended = max(told.ended_at, entered_at)
        if _is_callback(told, entry) and not told.was_met:
            signs.append(_Left(ended, "flowed_out", "not_reached", inferred=True))
        else:
            signs.append(_Left(ended, "abandoned", while_ringing=ringing, inferred=True))
    return min((s for s in signs if s.at >= entered_at), key=lambda s: s.at, default=None)


# --- talking, falling back, menus --------------------------------------------------------------------------------------


def _talks(told: Told, offers: Sequence[OfferRow]) -> Iterable[_Span]:
    for offer in offers:
        for stretch in _stretches(told, offer):
            yield _Span(
                kind=stretch.kind,
                began_at=stretch.began_at,
                ended_at=stretch.ended_at,
                outcome="done" if stretch.ended_at else "open",
                queue_id=offer.queue_id,
                agent_id=offer.agent_id,
                offer_id=offer.offer_id,
                reason=offer.talk_ended_by if stretch.ended_at and stretch.last else "",
                inferred=offer.inferred,
            )
    found = next((f for f in told.all(CallAdopted) if f.phase == "talking" and f.offer_id is None), None)
    if found is not None and not any(o.result == "answered" for o in offers):
        began_at = moment(found.at)
        ended_at = told.elsewhere(began_at, None)
        yield _Span(
            kind="talk", began_at=began_at, ended_at=ended_at, outcome="done" if ended_at else "open", inferred=True
        )


def _stretches(told: Told, offer: OfferRow) -> list[Stretch]:
    """Return what an answered offer's conversation consists of."""
    if offer.result != "answered" or offer.ended_at is None:
        return []
    if offer.kind != "consult":
        return conversation(told, offer.offer_id, offer.ended_at, offer.talk_ended_at)
    asked, got = consult(told, offer.offer_id, offer.ended_at, offer.talk_ended_at), handed_on(told, offer.offer_id)
    if got is None:
        return asked
    return [*asked, *conversation(told, offer.offer_id, moment(got.at), offer.talk_ended_at)]


def _fallback(told: Told) -> Iterable[_Span]:
    signs = [told.fallback.at] if told.fallback else []
    signs += [f.at for f in told.all(CallAdopted) if f.phase == "fallback"][:1]
    if signs:
        began_at = moment(min(signs))
        ended_at = max(told.ended_at, began_at) if told.ended_at else None
        yield _Span(
            kind="fallback",
            began_at=began_at,
            ended_at=ended_at,
            outcome="done" if ended_at else "open",
            reason=told.fallback.reason if told.fallback else "",
            inferred=told.fallback is None,
        )


def _menus(told: Told, others: Sequence[_Span], arrived_at: datetime) -> Iterable[_Span]:
    """Yield a menu segment for each gap between the other segments in which a step of a flow was taken."""
    steps = told.all(IvrStepTaken)
    for began_at, ended_at in _gaps(others, arrived_at, told.ended_at):
        inside = [s for s in steps if began_at <= moment(s.at) and (ended_at is None or moment(s.at) <= ended_at)]
        if inside:
            yield _Span(
                kind="ivr",
                began_at=began_at,
                ended_at=ended_at,
                outcome="done" if ended_at else "open",
                reason=inside[-1].step,
                language=inside[-1].language,
            )


def _gaps(
    others: Sequence[_Span], arrived_at: datetime, ended_at: datetime | None
) -> Iterable[tuple[datetime, datetime | None]]:
    """Yield the stretches of the call that no other segment covers; the last one is open while the call lives."""
    free_from: datetime | None = arrived_at
    for span in sorted(others, key=lambda s: s.began_at):
        if free_from is None:
            return
        if free_from < span.began_at:
            yield free_from, span.began_at
        free_from = max(free_from, span.ended_at) if span.ended_at else None
    if free_from is not None and (ended_at is None or free_from < ended_at):
        yield free_from, ended_at
