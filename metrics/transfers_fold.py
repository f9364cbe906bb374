"""What holds, consults and transfers mean for the numbers. Pure.

A consult is no offer of a caller to an agent: it is counted neither among the offers nor among the conversations, unless the caller
is handed on by it; then the second agent's conversation begins at that moment. A conversation is counted without its holds.
"""

from collections.abc import Iterator

from hotline.facts import HoldBegan, HoldEnded, OfferMade, TransferCompleted, TransferFailed
from metrics.board import Observation, see
from metrics.calls import Call, Offer
from metrics.window import plausible

Observations = Iterator[Observation]


def asked(call: Call, fact: OfferMade, now: float) -> None:
    """Remember that an agent is asked about this caller."""
    current = call.current_offer
    call.add_offer(fact.offer_id, Offer(fact.queue_id, plausible(fact.at, now), fact.agent_id, consult=True))
    call.current_offer = current


def held(call: Call, fact: HoldBegan, now: float) -> Observations:
    """The caller is on hold."""
    offer = call.offers.get(fact.offer_id)
    if offer is not None and offer.held_at is None:
        offer.held_at = plausible(fact.at, now)
    yield from ()


def retrieved(call: Call, fact: HoldEnded, now: float) -> Observations:
    """He is not any more."""
    offer = call.offers.get(fact.offer_id)
    if offer is not None:
        yield from close_hold(offer, plausible(fact.at, now))


def close_hold(offer: Offer, at: float) -> Observations:
    """End a hold, if there is one."""
    if offer.held_at is None:
        return
    lasted, offer.held_at = max(at - offer.held_at, 0.0), None
    offer.held_s += lasted
    yield see("hold_seconds", lasted, queue=offer.queue_id)


def completed(call: Call, fact: TransferCompleted, now: float) -> Observations:
    """A caller was handed on. After a router's death that may be told twice, and counts once."""
    giver = call.offers.get(fact.offer_id)
    if giver is not None and giver.handed_on:
        return
    if giver is not None:
        giver.handed_on = True
    yield see("transfers", kind=fact.kind)
    offer = call.offers.get(fact.next_offer) if fact.next_offer is not None else None
    if offer is not None:
        offer.consult, offer.is_open, offer.accepted_at = False, False, plausible(fact.at, now)
        call.current_offer = fact.next_offer
        if call.ended_at is None:
            call.phase = "talking"


def failed(call: Call, fact: TransferFailed, _now: float) -> Observations:
    """He was not; unless it was seen that he was, and a new router, which had not heard it, only concluded that from his end."""
    giver = call.offers.get(fact.offer_id)
    if giver is not None and giver.handed_on:
        return
    yield see("transfers_failed", kind=fact.kind, reason=fact.reason)
