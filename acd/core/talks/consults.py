"""How an agent's question to another one ends: the books of consults. Pure.

What agents ask for, and how a caller is handed on, is `transfers`'; here a consult ends without that.
"""

from acd.core.agents import conduct
from acd.core.floor import Floor
from acd.core.offers.book import GRACE_S, Offer
from hotline.commands import CancelRing, EndConsult
from hotline.facts import OfferRescinded, TransferFailed
from hotline.ids import CallId


def call_off(floor: Floor, offer: Offer, consult: Offer, *, hand_on: bool = False) -> None:
    """Have one of both agents let go: the second, or (`hand_on`) the first, who so hands his caller on."""
    floor.ask(
        EndConsult(
            node=offer.node,
            call_id=offer.call_id,
            offer_id=offer.offer_id,
            next_offer=consult.offer_id,
            hand_on=hand_on,
        )
    )


def take_back(floor: Floor, offer: Offer) -> None:
    """Take an unanswered offer back, whatever its kind."""
    if offer.kind != "consult":
        floor.ask(CancelRing(node=offer.node, call_id=offer.call_id, offer_id=offer.ring))
    elif (first := floor.offers.of_call(offer.call_id)) is not None:
        call_off(floor, first, offer)


def rescinded_because(fact: OfferRescinded) -> str:
    """Return why a consult failed whose offer was taken back."""
    return "called_off" if fact.reason == "withdrawn" else fact.reason


def over(floor: Floor, consult: Offer, now: float, reason: str) -> None:
    """Tell that a consult is over and the caller was not handed on."""
    assert consult.asked_by is not None
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


def let_go(floor: Floor, consult: Offer, now: float, *, reason: str = "") -> None:
    """An answered consult is over: its agent has no work left by it."""
    floor.close_offer(consult)
    conduct.move(floor, floor.agents[consult.agent_id], "handled", now, reason=reason)
    over(floor, consult, now, "called_off")


def forsaken(floor: Floor, call_id: CallId, now: float) -> None:
    """The caller is gone, or with us again: there is nothing left to ask about."""
    consult = floor.offers.consult_of(call_id)
    if consult is None:
        return
    if consult.phase == "talking":
        let_go(floor, consult, now)
    else:
        consult.caller_left, consult.closes_at = True, now + GRACE_S
        floor.touch(consult)
        floor.timers.set("offer", consult.offer_id, consult.deadline)
