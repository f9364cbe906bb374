"""The invariants that only the facts of a call can tell, because its rows hide them: what was told twice, or counted nowhere. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from crm.audit.rules import Finding
from crm.fold.rows import CallRows, moment
from hotline.facts import (
    CallArrived,
    CallEnded,
    CallQueued,
    Envelope,
    Fact,
    OfferAccepted,
    OfferBusy,
    OfferFact,
    OfferFailed,
    OfferRejected,
    OfferRescinded,
    OfferTimedOut,
)
from hotline.ids import OfferId

_UNANSWERED = (OfferTimedOut, OfferRejected, OfferBusy, OfferFailed, OfferRescinded)
"""Endings that the phone network saw; `OfferUnknown` only says that nobody had told one in time."""


def check_facts(rows: CallRows, told: Iterable[Envelope]) -> list[Finding]:
    """Return what is wrong with the facts of one call. A fact that came twice counts once; `rows` follow from them."""
    facts = [e.fact for e in {e.fact_id: e for e in told}.values()]
    problems = [
        *(("two_endings", d) for d in _endings(facts)),
        *(("two_arrivals", d) for d in _arrivals(facts)),
        *(("identity", d) for d in _uncounted(rows, facts)),
    ]
    return [Finding(kind=kind, call_id=rows.call.call_id, detail=detail) for kind, detail in problems]


def _endings(facts: Sequence[Fact]) -> Iterable[str]:
    ends = [f for f in facts if isinstance(f, CallEnded) and not f.reconciled]
    if len(ends) > 1:
        yield f"the call was seen to end {len(ends)} times"
    by_offer: dict[OfferId, set[type[OfferFact]]] = defaultdict(set)
    for fact in facts:
        if isinstance(fact, OfferAccepted | OfferTimedOut | OfferRejected | OfferBusy | OfferFailed | OfferRescinded):
            by_offer[fact.offer_id].add(type(fact))
    for offer_id, kinds in sorted(by_offer.items()):
        others = sorted(kind.__name__ for kind in kinds & set(_UNANSWERED))
        if OfferAccepted in kinds and others:
            yield f"offer {offer_id} was answered, and {', '.join(others)}"


def _arrivals(facts: Sequence[Fact]) -> Iterable[str]:
    seen = sorted({(f.node, f.leg) for f in facts if isinstance(f, CallArrived) and not f.reconciled})
    if len(seen) > 1:
        yield " and ".join(f"{leg} at {node}" for node, leg in seen)


def _uncounted(rows: CallRows, facts: Sequence[Fact]) -> Iterable[str]:
    counted = {(s.queue_id, s.began_at) for s in rows.segments if s.kind in ("queue", "callback")}
    entries = {(f.queue_id, moment(f.entered_at)) for f in facts if isinstance(f, CallQueued)}
    for queue_id, entered_at in sorted(entries - counted):
        yield f"queue {queue_id}: the entry at {entered_at:%H:%M:%S} is no wait of any row"
