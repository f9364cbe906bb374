"""An agent asks somebody outside about his caller, and hands him on to that number or not. Pure.

The number is dialled from the agent's phone's side as a second agent is; but it reserves nobody, and what becomes of it the phone network
tells alone. The permission is that of every outgoing call (`hotline.dialling`), and it is counted as one.
"""

from collections.abc import Callable, Mapping
from typing import Any

from acd.core.floor import Floor
from acd.core.offers.book import Offer, offer_id_of
from acd.core.talks import consults
from acd.core.talks.outside_consults import OutsideConsult
from hotline.commands import CommandEnded, Consult, Refused
from hotline.facts import (
    CallAdopted,
    CallEnded,
    CallReturned,
    NodeSurveyed,
    OfferAccepted,
    OfferBusy,
    OfferFact,
    OfferFailed,
    OfferRejected,
    OfferRescinded,
    OfferTimedOut,
    Record,
    SnapshotTaken,
    TalkEnded,
    TransferCompleted,
    TransferFailed,
    TransferStarted,
)
from hotline.ids import AgentId, CallId, Extension, OfferId

RING_S = 30.0
"""How long a number outside is rung."""


def ask(floor: Floor, first: Offer, number: str, by: str, now: float) -> None:
    """Have a number dialled for the agent who has the offer `first`. It was permitted before."""
    floor.offers_made += 1
    consult = OutsideConsult(
        offer_id=offer_id_of(first.call_id, floor.epoch, floor.offers_made),
        call_id=first.call_id,
        asked_by=first.offer_id,
        node=first.node,
        made_at=now,
    )
    floor.outside_consults.put(consult)
    floor.begin_outgoing(consult.offer_id, now, node=first.node)
    floor.tell(
        TransferStarted(
            at=now,
            call_id=first.call_id,
            offer_id=first.offer_id,
            kind="attended",
            to=f"number:{number}",
            next_offer=consult.offer_id,
            by=by,
        )
    )
    floor.ask(
        Consult(
            node=first.node,
            call_id=first.call_id,
            offer_id=first.offer_id,
            next_offer=consult.offer_id,
            agent_id=AgentId(""),
            extension=Extension(""),
            number=number,
            ring_timeout_s=RING_S,
        )
    )


def found(floor: Floor, fact: CallAdopted, now: float) -> None:
    """A call was found: perhaps somebody outside is asked about it, or was, or has the caller."""
    known = floor.outside_consults.of_call(fact.call_id)
    second = fact.second_offer if fact.phase == "talking" and fact.second_agent is None else None
    if second is not None and fact.offer_id is not None and _is_news(floor, second):
        found_one = OutsideConsult(
            offer_id=second,
            call_id=fact.call_id,
            asked_by=fact.offer_id,
            node=fact.node,
            made_at=known.made_at if known is not None else fact.at,
            answered=fact.second_answered,
        )
        floor.outside_consults.put(found_one)
        floor.begin_outgoing(second, found_one.made_at, node=fact.node)
    elif known is not None and not known.completed and (known.restored or fact.at > known.made_at):
        if fact.phase == "talking" and fact.offer_id == known.offer_id:
            known.completed = True
            floor.outside_consults.put(known)
        else:
            _over(floor, known, now, "unknown")


def _is_news(floor: Floor, offer_id: OfferId) -> bool:
    return floor.offers.get(offer_id) is None and offer_id not in floor.past_consults


def _over(floor: Floor, consult: OutsideConsult, now: float, reason: str) -> None:
    floor.outside_consults.drop(consult.call_id)
    floor.past_consults.put(consult.offer_id, None)
    floor.callbacks.ledger.end(consult.offer_id)
    if consult.completed:
        return
    floor.tell(
        TransferFailed(
            at=now,
            call_id=consult.call_id,
            offer_id=consult.asked_by,
            kind="attended",
            next_offer=consult.offer_id,
            reason=reason,
        )
    )


# --- what the phone network tells -----------------------------------------------------------------------------------------


def _of(floor: Floor, call_id: CallId, offer_id: OfferId | None) -> OutsideConsult | None:
    consult = floor.outside_consults.of_call(call_id)
    return consult if consult is not None and consult.offer_id == offer_id else None


def _accepted(floor: Floor, fact: OfferAccepted, _now: float) -> None:
    consult = _of(floor, fact.call_id, fact.offer_id)
    if consult is not None:
        consult.answered = True
        floor.outside_consults.put(consult)


def _unanswered(floor: Floor, fact: OfferFact, now: float) -> None:
    consult = _of(floor, fact.call_id, fact.offer_id)
    if consult is not None:
        reason = consults.rescinded_because(fact) if isinstance(fact, OfferRescinded) else _REASONS[type(fact)]
        _over(floor, consult, now, reason)


_REASONS: Mapping[type[Record], str] = {
    OfferBusy: "busy",
    OfferFailed: "failed",
    OfferRejected: "rejected",
    OfferTimedOut: "no_answer",
}


def _talk_ended(floor: Floor, fact: TalkEnded, now: float) -> None:
    consult = _of(floor, fact.call_id, fact.offer_id)
    if consult is not None:
        _over(floor, consult, now, "called_off")


def _completed(floor: Floor, fact: TransferCompleted, _now: float) -> None:
    consult = _of(floor, fact.call_id, fact.next_offer)
    if consult is not None:
        consult.completed = True
        floor.outside_consults.put(consult)


def _call_over(floor: Floor, fact: CallEnded | CallReturned, now: float) -> None:
    consult = floor.outside_consults.of_call(fact.call_id)
    if consult is not None:
        _over(floor, consult, now, "called_off")


def _refused(floor: Floor, ended: CommandEnded, now: float) -> None:
    command = ended.command
    if isinstance(command, Consult) and isinstance(ended.outcome, Refused):
        consult = _of(floor, command.call_id, command.next_offer)
        if consult is not None:
            _over(floor, consult, now, "refused")


def _snapshot(floor: Floor, signal: SnapshotTaken | NodeSurveyed, now: float) -> None:
    """Forget those whose call is gone and of which nobody told the end."""
    living = signal.living if isinstance(signal, SnapshotTaken) else {call.call_id for call in signal.calls}
    for consult in floor.outside_consults.of_node(signal.node):
        if consult.call_id not in living and consult.made_at <= signal.at:
            _over(floor, consult, now, "unknown")


def restore(floor: Floor, remembered: Mapping[str, OutsideConsult], _now: float) -> None:
    """Take up those of an earlier life; the surveys of their nodes will show what became of them."""
    for consult in remembered.values():
        consult.restored = True
        floor.outside_consults.put(consult)


HEARERS: Mapping[type[Record], Callable[[Floor, Any, float], None]] = {
    CallEnded: _call_over,
    CallReturned: _call_over,
    CommandEnded: _refused,
    NodeSurveyed: _snapshot,
    OfferAccepted: _accepted,
    OfferBusy: _unanswered,
    OfferFailed: _unanswered,
    OfferRejected: _unanswered,
    OfferRescinded: _unanswered,
    OfferTimedOut: _unanswered,
    SnapshotTaken: _snapshot,
    TalkEnded: _talk_ended,
    TransferCompleted: _completed,
}
