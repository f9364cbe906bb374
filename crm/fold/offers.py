"""Offers and recordings of one call from its facts. Pure.

What the phone network saw wins over what a service concluded: an acceptance beats any other ending, a seen ending beats
`OfferUnknown`. A call found talking after a gap proves the acceptance that nobody told us.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from crm.fold.rows import OfferResult, OfferRow, RecordingRow, moment
from crm.fold.told import Told, lasted
from crm.fold.transfers import asked_and_found, conversation, handed_on, hold_s, was_asked
from hotline.facts import (
    OFFER_ENDINGS,
    CallAdopted,
    CallFact,
    OfferAccepted,
    OfferFact,
    OfferMade,
    OfferRang,
    OutcomeGiven,
    RecordingMarked,
    RecordingStarted,
    RecordingStored,
    ScreenPopped,
    TalkEnded,
)
from hotline.ids import OfferId, RecordingId

F = TypeVar("F")


class _Ending(msgspec.Struct, frozen=True):
    at: datetime | None
    result: OfferResult
    reason: str = ""
    inferred: bool = False


def offers_of(told: Told) -> list[OfferRow]:
    """Return one row for each offer of the call, by the time it was made."""
    by_offer: dict[OfferId, list[CallFact]] = defaultdict(list)
    for fact in told.facts:
        offer_id = _offer_id(fact)
        if offer_id is not None:
            by_offer[offer_id].append(fact)
    rows = [_offer(offer_id, facts, told) for offer_id, facts in by_offer.items()]
    return sorted(rows, key=lambda o: (o.made_at, o.offer_id))


def _offer_id(fact: CallFact) -> OfferId | None:
    """Return the offer that a fact says something about (a recording's facts say nothing about how an offer went)."""
    if isinstance(fact, OfferFact):
        return fact.offer_id
    if isinstance(fact, CallAdopted) and fact.phase in ("ringing", "talking"):
        return fact.offer_id
    return None


def _offer(offer_id: OfferId, facts: list[CallFact], told: Told) -> OfferRow:
    made = _first(facts, OfferMade)
    rang, popped, talk_end = _first(facts, OfferRang), _first(facts, ScreenPopped), _first(facts, TalkEnded)
    made_at = moment(made.at if made else facts[0].at)
    said = next((f for f in reversed(facts) if isinstance(f, OutcomeGiven)), None)
    ending = _ending(offer_id, facts, told, made_at)
    talk_over = _talk_over(ending, talk_end, told, offer_id)
    rang_at = moment(rang.at) if rang else None
    kind = made.kind if made else "consult" if was_asked(told, offer_id) else "main"
    got = handed_on(told, offer_id)
    talked_since = ending.at if kind != "consult" else moment(got.at) if got else None
    held_s = hold_s(conversation(told, offer_id, talked_since, talk_over)) if talked_since else None
    talk_s = lasted(talked_since, talk_over)
    return OfferRow(
        call_id=facts[0].call_id,
        offer_id=offer_id,
        agent_id=made.agent_id if made else popped.agent_id if popped else None,
        extension=made.extension if made else "",
        queue_id=made.queue_id if made else None,
        made_at=made_at,
        rang_at=rang_at,
        ended_at=ending.at,
        result=ending.result,
        reason=ending.reason,
        ring_timeout_s=made.ring_timeout_s if made else None,
        ring_s=lasted(rang_at or made_at, ending.at),
        talk_ended_at=talk_over,
        talk_s=talk_s if talk_s is None or held_s is None else max(talk_s - held_s, 0.0),
        talk_ended_by=talk_end.ended_by if talk_end else "unknown",
        screen_popped_at=moment(popped.at) if popped else None,
        recording_id=(made.recording_id if made else None) or (got.recording_id if got else None),
        inferred=ending.inferred or (talk_over is not None and talk_end is None),
        outcome=said.outcome if said else "",
        outcome_note=said.note if said else "",
        kind=kind,
        hold_s=held_s,
    )


def _ending(offer_id: OfferId, facts: list[CallFact], told: Told, made_at: datetime) -> _Ending:
    accepted = _first(facts, OfferAccepted)
    if accepted is not None:
        return _Ending(moment(accepted.at), "answered")
    found_talking = next((f for f in facts if isinstance(f, CallAdopted) and f.phase == "talking"), None)
    found_talking = found_talking or asked_and_found(told, offer_id)
    talked = found_talking or _first(facts, TalkEnded)
    if talked is not None:
        return _Ending(moment(talked.at), "answered", inferred=True)
    for kind, result in OFFER_ENDINGS.items():
        fact = _first(facts, kind)
        if fact is not None:
            return _Ending(moment(fact.at), result, getattr(fact, "reason", ""))
    if told.ended_at is not None:
        return _Ending(told.elsewhere(made_at, offer_id), "unknown", "not_told", inferred=True)
    return _Ending(None, "ringing")


def _talk_over(ending: _Ending, talk_end: TalkEnded | None, told: Told, offer_id: OfferId) -> datetime | None:
    if ending.result != "answered" or ending.at is None:
        return None
    return moment(talk_end.at) if talk_end else told.elsewhere(ending.at, offer_id)


def recordings_of(told: Told, offers: Sequence[OfferRow]) -> list[RecordingRow]:
    """Return one row for each recording of the call; what was told last (stored or marked) is its status."""
    if not told.knows(RecordingStarted, RecordingStored, RecordingMarked):
        return []
    by_id: dict[RecordingId, list[RecordingStarted | RecordingStored | RecordingMarked]] = defaultdict(list)
    for fact in told.facts:
        if isinstance(fact, RecordingStarted | RecordingStored | RecordingMarked):
            by_id[fact.recording_id].append(fact)
    offer_by_id = {o.offer_id: o for o in offers}
    rows = [_recording(facts, offer_by_id.get(facts[0].offer_id)) for facts in by_id.values()]
    return sorted(rows, key=lambda r: r.recording_id)


def _recording(
    facts: Sequence[RecordingStarted | RecordingStored | RecordingMarked], offer: OfferRow | None
) -> RecordingRow:
    started = _first(facts, RecordingStarted)
    stored = next((f for f in reversed(facts) if isinstance(f, RecordingStored)), None)
    settled = next((f for f in reversed(facts) if not isinstance(f, RecordingStarted)), None)
    marked = settled if isinstance(settled, RecordingMarked) else None
    return RecordingRow(
        recording_id=facts[0].recording_id,
        call_id=facts[0].call_id,
        offer_id=facts[0].offer_id,
        agent_id=offer.agent_id if offer else None,
        queue_id=offer.queue_id if offer else None,
        started_at=moment(started.at) if started else None,
        settled_at=moment(settled.at) if settled else None,
        status=marked.problem if marked else "stored" if stored else "recording",
        detail=marked.detail if marked else "",
        file=stored.file if stored else "",
        sha256=stored.sha256 if stored else "",
        size_bytes=stored.size_bytes if stored else 0,
        duration_s=stored.duration_s if stored else 0.0,
        channels=stored.channels if stored else 0,
        rate_hz=stored.rate_hz if stored else 0,
    )


def _first(facts: Sequence[object], kind: type[F]) -> F | None:
    return next((f for f in facts if isinstance(f, kind)), None)
