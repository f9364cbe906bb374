"""Rows from facts: a call's rows are a fold of all its facts, so they depend neither on the order of arrival nor on repeats. Pure.

Facts may be missing: a call adopted after a gap has no `CallArrived`, one that died with us has no `CallEnded` of ours, a
conversation may lack its end. What follows from the facts that are there is filled in and marked (`inferred`, `reconciled`,
`adopted`); what does not stays empty. A rebuild gives the same rows, because it is the same function over the same facts.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from crm.fold.offers import offers_of, recordings_of
from crm.fold.rows import (
    AgentRow,
    AgentStateRow,
    CallRow,
    CallRows,
    EndedBy,
    OfferRow,
    Outcome,
    Phase,
    RecordingRow,
    SegmentKind,
    SegmentRow,
    moment,
)
from crm.fold.segments import entries_of, segments_of
from crm.fold.told import Told, lasted, total
from crm.fold.voicemails import voicemails_of
from hotline.facts import (
    AgentAdded,
    AgentStateChanged,
    CallAdopted,
    CallerIdentified,
    CallFact,
    CallQueued,
    Envelope,
    IvrStepTaken,
)
from hotline.ids import CallId

WAITS: tuple[SegmentKind, ...] = ("queue", "callback")
"""Segments in which somebody waits for an agent."""
_SPEAKING = frozenset({CallQueued, IvrStepTaken, CallerIdentified})
"""Facts that tell in which language the caller is spoken to."""


def fold_call(facts: Sequence[Envelope]) -> CallRows:
    """Return the rows of one call from all its facts, in any order, repeats allowed.

    Raises ValueError when there is no fact of a call, or facts of several calls.
    """
    told = Told(facts)
    calls = {f.call_id for f in told.facts}
    if len(calls) != 1:
        raise ValueError(f"the facts of one call are needed, found {len(calls)} calls")
    (call_id,) = calls
    arrived_at = _arrived_at(told)
    offers = offers_of(told)
    segments = segments_of(call_id, told, offers, arrived_at)
    offers = _with_queues(offers, segments)
    recordings = recordings_of(told, offers)
    call = _call(call_id, told, arrived_at, segments, offers, recordings)
    return CallRows(
        call=call,
        segments=tuple(segments),
        offers=tuple(offers),
        recordings=tuple(recordings),
        voicemails=tuple(voicemails_of(call_id, told)),
    )


def _arrived_at(told: Told) -> datetime:
    """Return when the call arrived; if nobody told, the earliest time that any fact of it speaks of."""
    if told.arrival is not None:
        return moment(told.arrival.at)
    kept = [f.arrived_at for f in told.all(CallAdopted) if f.arrived_at > 0]
    if kept:
        return moment(min(kept))
    return min([moment(told.facts[0].at), *(entered_at for _, entered_at in entries_of(told))])


def _with_queues(offers: Sequence[OfferRow], segments: Sequence[SegmentRow]) -> list[OfferRow]:
    """Give an answered offer whose making was not told the queue of the wait that it ended."""
    queues = {s.offer_id: s.queue_id for s in segments if s.kind in WAITS and s.offer_id is not None}
    return [msgspec.structs.replace(o, queue_id=queues.get(o.offer_id)) if o.queue_id is None else o for o in offers]


def _call(
    call_id: CallId,
    told: Told,
    arrived_at: datetime,
    segments: Sequence[SegmentRow],
    offers: Sequence[OfferRow],
    recordings: Sequence[RecordingRow],
) -> CallRow:
    waits = [s for s in segments if s.kind in WAITS]
    talks = [s for s in segments if s.kind == "talk"]
    answered = next((s for s in waits if s.outcome == "answered"), None)
    deciding = answered or (waits[-1] if waits else None)
    customer = told.all(CallerIdentified)[-1:]
    seen = [*([told.arrival] if told.arrival else []), *told.all(CallAdopted)]
    return CallRow(
        call_id=call_id,
        node=_first(seen, "node"),
        number=_first(seen, "number"),
        caller_number=_first(seen, "caller_number"),
        caller_name=_first(seen, "caller_name"),
        customer_id=customer[0].customer_id if customer else None,
        customer_name=customer[0].name if customer else "",
        origin=told.arrival.origin if told.arrival else "trunk",
        arrived_at=arrived_at,
        queued_at=waits[0].began_at if waits else None,
        answered_at=talks[0].began_at if talks else None,
        ended_at=told.ended_at,
        queue_id=deciding.queue_id if deciding else None,
        agent_id=talks[0].agent_id if talks else None,
        wait_s=total(s.duration_s for s in waits),
        ring_s=total(o.ring_s for o in offers if o.kind != "consult"),
        talk_s=total(s.duration_s for s in talks),
        outcome=_outcome(told, segments),
        phase=_phase(told, segments, offers),
        ended_by=_ended_by(told, offers),
        cause=told.end.cause if told.end else 0,
        language=_language(told),
        priority=waits[-1].priority if waits else 0,
        flow=_flow(told),
        recording_id=recordings[0].recording_id if recordings else None,
        fallback_reason=told.fallback.reason if told.fallback else "",
        adopted=len(told.all(CallAdopted)),
        reconciled=bool((told.end and told.end.reconciled) or (told.arrival and told.arrival.reconciled)),
    )


def _first(seen: Sequence[CallFact], field: str) -> str:
    """Return a field of the arrival, or of the first adoption that knew it."""
    for fact in seen:
        value = getattr(fact, field)
        if value:
            return str(value)
    return ""


def _outcome(told: Told, segments: Sequence[SegmentRow]) -> Outcome:
    if told.end is None:
        return "live"
    kinds = {s.kind for s in segments}
    if told.arrival is not None and told.arrival.origin == "callback" and not told.was_met:
        return "flowed_out"  # whom we called was never there, though an agent may have been
    if "talk" in kinds:
        return "answered"
    if "fallback" in kinds:
        return "fallback"
    waits = [s for s in segments if s.kind in WAITS]
    if not waits:
        return "ivr_only"
    if waits[-1].outcome == "abandoned":
        return "short_abandoned" if waits[-1].short else "abandoned"
    return "flowed_out"


def _phase(told: Told, segments: Sequence[SegmentRow], offers: Sequence[OfferRow]) -> Phase:
    if told.end is not None:
        return "ended"
    open_kinds = {s.kind for s in segments if s.ended_at is None}
    if "fallback" in open_kinds:
        return "fallback"
    if open_kinds & {"talk", "hold", "conference"}:
        return "talking"
    if any(o.result == "ringing" for o in offers):
        return "ringing"
    return "waiting" if open_kinds & set(WAITS) else "ivr"


def _ended_by(told: Told, offers: Sequence[OfferRow]) -> EndedBy:
    """Return who ended the call; when its end does not tell, who ended the last conversation with it."""
    if told.end is None or told.end.ended_by != "unknown":
        return told.end.ended_by if told.end else "unknown"
    last = next((o for o in reversed(offers) if o.talk_ended_at is not None), None)
    together = last is not None and (lasted(last.talk_ended_at, told.ended_at) or 0.0) < 1.0
    return last.talk_ended_by if last is not None and together else "unknown"


def _language(told: Told) -> str:
    for fact in reversed(told.facts):
        if type(fact) in _SPEAKING and fact.language:  # type: ignore[attr-defined] # each of them has one
            return str(fact.language)  # type: ignore[attr-defined]
    kept = [f.place.language for f in told.all(CallAdopted) if f.place is not None and f.place.language]
    return kept[-1] if kept else ""


def _flow(told: Told) -> str:
    steps = told.all(IvrStepTaken)
    kept = [f.place.flow for f in told.all(CallAdopted) if f.place is not None]
    return steps[-1].flow if steps else kept[-1] if kept else ""


# --- agents ------------------------------------------------------------------------------------------------------------


def agent_row(told: Envelope) -> AgentRow | None:
    """Return the agent that a fact tells of, or None for another fact. Of two, the one with the later (told_at, fact_id) counts."""
    fact = told.fact
    if not isinstance(fact, AgentAdded):
        return None
    return AgentRow(
        agent_id=fact.agent_id,
        name=fact.name,
        extension=fact.extension,
        skills=dict(sorted(fact.skills.items())),
        queues=list(fact.queues),
        told_at=moment(fact.at),
        fact_id=told.fact_id,
    )


def agent_state_row(told: Envelope) -> AgentStateRow | None:
    """Return the change of state that a fact tells of, or None for another fact."""
    fact = told.fact
    if not isinstance(fact, AgentStateChanged):
        return None
    return AgentStateRow(
        fact_id=told.fact_id,
        agent_id=fact.agent_id,
        began_at=moment(fact.at),
        state=fact.state,
        previous=fact.previous,
        reason=fact.reason,
        changed_by=fact.by,
        until=moment(fact.until) if fact.until is not None else None,
        call_id=fact.call_id,
        forced=fact.forced,
    )


def latest_agents(told: Iterable[Envelope]) -> dict[str, AgentRow]:
    """Return each agent as last told."""
    latest: dict[str, AgentRow] = {}
    for row in filter(None, map(agent_row, told)):
        known = latest.get(row.agent_id)
        if known is None or (row.told_at, row.fact_id) > (known.told_at, known.fact_id):
            latest[row.agent_id] = row
    return latest


def call_of(envelope: Envelope) -> CallId | None:
    """Return the call that a fact is about, or None."""
    return envelope.fact.call_id if isinstance(envelope.fact, CallFact) else None
