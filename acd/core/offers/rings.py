"""Rings of several phones for one caller: what holds of their offers together. Pure.

Each offer is its agent's own: it reserves him, ends by itself and has its consequences for him. Together they are one ring of the
caller, named by the first of them: he comes back when it is over, and whoever answers first has him. The others then wait for
their phones' last word, as if the caller had left them.
"""

from acd.core.callers.line import Caller
from acd.core.floor import Floor
from acd.core.offers.book import GRACE_S, Offer
from hotline.ids import OfferId


def rings_under(caller: Caller, offer_id: OfferId) -> bool:
    """Return whether a caller rings under an offer, or is on his way back from it."""
    return caller.away == offer_id or any(o.offer_id == offer_id and o.ring == caller.away for o in caller.ring)


def won(floor: Floor, offer: Offer, now: float) -> None:
    """One of them was answered: it is the call's, and the others are over."""
    if offer.group is None:
        return
    floor.offers.lead(offer)
    for other in floor.offers.ring_of(offer):
        if other is not offer and not other.caller_left:
            other.caller_left, other.closes_at = True, now + GRACE_S
            floor.touch(other)
            floor.timers.set("offer", other.offer_id, other.deadline)
