"""What a conversation consists of: talking, the caller on hold, an agent asking another one, all three together. Pure.

An offer's conversation with the caller is a line of stretches that do not overlap: `talk` and `hold` by turns. Beside it, and
mostly during a hold, lies the `consult` of the other agent, and a `conference`, which is counted to the agent who joined.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from crm.fold.rows import moment
from crm.fold.told import Told
from hotline.facts import CallAdopted, ConferenceBegan, HoldBegan, HoldEnded, TransferCompleted, TransferStarted
from hotline.ids import OfferId

StretchKind = Literal["talk", "hold", "consult", "conference"]


class Stretch(msgspec.Struct, frozen=True):
    """One stretch of a conversation; open while `ended_at` is None."""

    kind: StretchKind
    began_at: datetime
    ended_at: datetime | None
    last: bool = False
    """Whether the conversation ended with it."""

    @property
    def duration_s(self) -> float:
        """How long it was; 0 while it is open."""
        return (self.ended_at - self.began_at).total_seconds() if self.ended_at is not None else 0.0


def was_asked(told: Told, offer_id: OfferId) -> bool:
    """Return whether an offer whose making was not told is one by which an agent was asked."""
    begun = any(f.next_offer == offer_id for f in told.all(TransferStarted))
    done = any(f.next_offer == offer_id for f in told.all(TransferCompleted))
    return begun or done or any(f.second_offer == offer_id for f in told.all(CallAdopted))


def asked_and_found(told: Told, offer_id: OfferId) -> CallAdopted | None:
    """Return where an agent who was asked was found talking, although nobody told that he had answered."""
    return next((f for f in told.all(CallAdopted) if f.second_offer == offer_id and f.second_answered), None)


def handed_on(told: Told, offer_id: OfferId) -> TransferCompleted | None:
    """Return how a consulted agent got the caller, if he did."""
    return next((f for f in told.all(TransferCompleted) if f.next_offer == offer_id), None)


def conversation(told: Told, offer_id: OfferId, began_at: datetime, ended_at: datetime | None) -> list[Stretch]:
    """Return the talks and holds of an offer's conversation with the caller."""
    found: list[Stretch] = []
    kind: StretchKind = "talk"
    since = began_at
    for fact in told.facts:
        if not isinstance(fact, HoldBegan | HoldEnded) or fact.offer_id != offer_id:
            continue
        following: StretchKind = "hold" if isinstance(fact, HoldBegan) else "talk"
        at = max(moment(fact.at), since)
        if following == kind or (ended_at is not None and at > ended_at):
            continue
        if at > since:
            found.append(Stretch(kind, since, at))
        kind, since = following, at
    return [*found, Stretch(kind, since, ended_at, last=True)]


def hold_s(stretches: Iterable[Stretch]) -> float | None:
    """Return how long the caller was on hold in all; None if he never was."""
    holds = [s.duration_s for s in stretches if s.kind == "hold"]
    return sum(holds) if holds else None


def consult(told: Told, offer_id: OfferId, answered_at: datetime, ended_at: datetime | None) -> list[Stretch]:
    """Return what a consulted agent did before he had the caller for himself: being asked, and talking with both."""
    got = handed_on(told, offer_id)
    until = moment(got.at) if got is not None else ended_at
    joined = next((f for f in told.all(ConferenceBegan) if f.next_offer == offer_id), None)
    if joined is None:
        return [Stretch("consult", answered_at, until, last=got is None)]
    at = max(moment(joined.at), answered_at)
    return [Stretch("consult", answered_at, at), Stretch("conference", at, until, last=got is None)]
