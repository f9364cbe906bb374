"""How callers come back from a ring, and how they leave the line. Pure.

A caller who is not back in time is asked for (`CancelRing`); a refusal of that means that nothing rings for him, so he is here.
"""

from acd.core.callers.line import Caller
from acd.core.floor import Floor
from acd.core.offers.book import RECALLS, RETURN_S
from acd.core.timers import Kind
from hotline.commands import CancelRing, Release
from hotline.facts import CallFlowedOut

OF_WAITING: tuple[Kind, ...] = ("return", "pause", "refusal", "relax", "wish", "transfer", "overflow")
"""The deadlines of one who waits."""


def come_back(floor: Floor, caller: Caller, now: float) -> None:
    """Let a caller be offered again, at his old place; after too many offers he goes to the fallback queue."""
    floor.timers.clear("return", caller.call_id)
    floor.timers.clear("pause", caller.call_id)
    caller.whereabouts, caller.away, caller.confirmed = "here", None, True
    caller.offer, caller.ring = None, ()
    if caller.offers_made >= floor.queues[caller.queue_id].max_offers:
        give_up(floor, caller, now, reason="fallback")
    else:
        floor.place(caller, now)


def recall(floor: Floor, caller: Caller, now: float) -> None:
    """A caller has not come back in time: ask for him, and after some vain attempts give him up."""
    if caller.node in floor.links_down:
        floor.timers.set("return", caller.call_id, now + RETURN_S)
        return
    caller.recalls += 1
    if caller.recalls > RECALLS or caller.away is None:
        give_up(floor, caller, now, reason="lost")
        return
    floor.ask(CancelRing(node=caller.node, call_id=caller.call_id, offer_id=caller.away))
    floor.timers.set("return", caller.call_id, now + RETURN_S)


def give_up(floor: Floor, caller: Caller, now: float, *, reason: str) -> None:
    """Hand a caller to the fallback queue of Asterisk."""
    floor.ask(Release(node=caller.node, call_id=caller.call_id, reason=reason))
    flow_out(floor, caller, now, reason=reason)


def flow_out(floor: Floor, caller: Caller, now: float, *, reason: str) -> None:
    """Tell that a caller left the line without an answer and without giving up."""
    leave(floor, caller)
    floor.tell(
        CallFlowedOut(
            at=now, call_id=caller.call_id, queue_id=caller.queue_id, entered_at=caller.entered_at, reason=reason
        )
    )


def leave(floor: Floor, caller: Caller) -> None:
    """Take a caller out of the line."""
    floor.line.remove(caller)
    floor.known.drop(caller.call_id)
    floor.left.put(caller.call_id, caller.entered_at)
    floor.pending_callers.pop(caller.call_id, None)
    floor.timers.clear_all(OF_WAITING, caller.call_id)
