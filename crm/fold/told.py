"""The facts of one call, in order and by kind, and what can be concluded where one is missing. Pure.

The order is by time, then by fact id: it does not depend on the order of arrival, and a fact that came twice counts once.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar, cast

from crm.fold.rows import moment
from hotline.facts import (
    CallAdopted,
    CallArrived,
    CallEnded,
    CallFact,
    CallFellBack,
    CallQueued,
    CustomerDialled,
    Envelope,
    OfferMade,
    TransferCompleted,
)
from hotline.ids import OfferId

F = TypeVar("F", bound=CallFact)


def in_order(envelopes: Iterable[Envelope]) -> list[Envelope]:
    """Return the envelopes sorted by time and fact id, each fact once."""
    return sorted({e.fact_id: e for e in envelopes}.values(), key=lambda e: (e.fact.at, e.fact_id))


class Told:
    """What was told about one call."""

    def __init__(self, envelopes: Iterable[Envelope]) -> None:
        self.facts = [e.fact for e in in_order(envelopes) if isinstance(e.fact, CallFact)]
        self._by_kind: dict[type[CallFact], list[CallFact]] = defaultdict(list)
        for fact in self.facts:
            self._by_kind[type(fact)].append(fact)
        self.arrival = _seen_first(self.all(CallArrived))
        self.end = _seen_first(self.all(CallEnded))
        self.fallback = _seen_first(self.all(CallFellBack))
        self.ended_at = moment(self.end.at) if self.end else None

    def all(self, kind: type[F]) -> list[F]:
        """Return the facts of exactly this kind, in order."""
        return cast("list[F]", self._by_kind.get(kind, []))

    def knows(self, *kinds: type[CallFact]) -> bool:
        """Return whether a fact of one of these kinds was told."""
        return any(kind in self._by_kind for kind in kinds)

    @property
    def was_met(self) -> bool:
        """Whether the customer whom we called back was on the line; one who does not answer our call gives nothing up."""
        dialled = any(f.result == "answered" for f in self.all(CustomerDialled))
        return dialled or any(f.customer == "answered" for f in self.all(CallAdopted))

    def elsewhere(self, since: datetime, offer_id: OfferId | None) -> datetime | None:
        """Return when, after `since`, the caller was certainly no longer in the conversation of `offer_id`; None: nothing says so.

        Used for conversations and rings whose end was never told. Never before `since`.
        """
        signs = [f.at for f in self.all(CallQueued)]
        signs += [f.at for f in self.all(OfferMade) if f.offer_id != offer_id and f.kind != "consult"]
        signs += [f.at for f in self.all(TransferCompleted) if f.offer_id == offer_id]
        signs += [f.at for f in self.all(CallAdopted) if f.phase in ("session", "fallback")]
        signs += [self.fallback.at] if self.fallback else []
        after = [m for m in map(moment, signs) if m > since]
        if self.ended_at is not None:
            after.append(max(self.ended_at, since))
        return min(after, default=None)


def _seen_first(facts: list[F]) -> F | None:
    """Return the first fact that was seen, else the first that was concluded afterwards (`reconciled`)."""
    return next((f for f in facts if not getattr(f, "reconciled", False)), facts[0] if facts else None)


def lasted(began: datetime | None, ended: datetime | None) -> float | None:
    """Return the seconds from `began` to `ended` (not negative), or None while one is missing."""
    if began is None or ended is None:
        return None
    return max(round((ended - began).total_seconds(), 6), 0.0)


def total(durations: Iterable[float | None]) -> float | None:
    """Return the sum of the known durations, or None when none is known."""
    known = [d for d in durations if d is not None]
    return round(sum(known), 6) if known else None
