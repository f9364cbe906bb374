"""How an agent's question to another one ends: the books of consults. Pure.

What agents ask for, and how a caller is handed on, is `transfers`'; here a consult ends without that.
"""

import msgspec

from acd.core.agents import conduct
from acd.core.floor import Floor
from acd.core.offers.book import GRACE_S, Offer
from hotline.commands import CancelRing, EndConsult
from hotline.facts import CallAdopted, OfferMade, OfferRescinded, TransferFailed
from hotline.ids import CallId, OfferId


class Second(msgspec.Struct, frozen=True):
    """Who is asked about a caller: an agent, or somebody outside."""

    offer_id: OfferId
    answered: bool


def second_of(floor: Floor, call_id: CallId) -> Second | None:
    """Return who is asked about a caller now."""
    consult, outside = floor.offers.consult_of(call_id), floor.outside_consults.of_call(call_id)
    if consult is not None:
        return Second(consult.offer_id, consult.phase == "talking")
    if outside is not None and not outside.completed:
        return Second(outside.offer_id, outside.answered)
    return None


def call_off(floor: Floor, offer: Offer, second: OfferId, *, hand_on: bool = False) -> None:
    """Have one of both who talk be let go: the second, or (`hand_on`) the first, who so hands his caller on."""
    floor.ask(
        EndConsult(
            node=offer.node,
            call_id=offer.call_id,
            offer_id=offer.offer_id,
            next_offer=second,
            hand_on=hand_on,
        )
    )


def take_back(floor: Floor, offer: Offer) -> None:
    """Take an unanswered offer back, whatever its kind."""
    if offer.kind != "consult":
        floor.ask(CancelRing(node=offer.node, call_id=offer.call_id, offer_id=offer.ring))
    elif (first := floor.offers.of_call(offer.call_id)) is not None:
        call_off(floor, first, offer.offer_id)


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


def unheard_of(floor: Floor, fact: CallAdopted, now: float) -> Offer | None:
    """Take in a consult of an earlier life of ours that died before it could note it: the caller's channel tells whom it asks.

    Its making is told once more, since that may have been lost as well.
    """
    first = floor.offers.get(fact.offer_id) if fact.offer_id is not None else None
    other = floor.agents.get(fact.second_agent) if fact.second_agent is not None else None
    offer_id = fact.second_offer
    if fact.phase != "talking" or first is None or other is None or offer_id is None or other.state != "ready":
        return None
    if floor.offers.get(offer_id) is not None or offer_id in floor.past_consults or floor.offers.of_agent(other.id):
        return None
    ring_s = floor.queues[first.queue_id].ring_timeout_s
    told = OfferMade(
        at=fact.at,
        call_id=first.call_id,
        offer_id=offer_id,
        agent_id=other.id,
        extension=other.seat,
        queue_id=first.queue_id,
        ring_timeout_s=ring_s,
        entered_at=first.entered_at,
        kind="consult",
    )
    floor.tell(told)
    consult = consult_of(told, first)
    floor.open_offer(consult)
    conduct.move(floor, other, "reserve", now, call_id=first.call_id)
    consult.restored = True
    return consult


def consult_of(told: OfferMade, first: Offer) -> Offer:
    """Return the offer by which an agent is asked by the one who has the offer `first`."""
    return Offer(
        offer_id=told.offer_id,
        call_id=told.call_id,
        agent_id=told.agent_id,
        extension=told.extension,
        queue_id=told.queue_id,
        node=first.node,
        made_at=told.at,
        ring_timeout_s=told.ring_timeout_s,
        entered_at=told.entered_at,
        kind="consult",
        asked_by=first.offer_id,
    )
