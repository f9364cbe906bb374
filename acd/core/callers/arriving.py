"""How callers enter the line, and what else is learnt about their calls. Pure."""

import msgspec

from acd.core.callers import comeback, outlets, standing
from acd.core.callers.line import Caller, Whereabouts
from acd.core.callers.resuming import LeftPlace
from acd.core.floor import Floor, Note
from acd.core.matching import sticky
from acd.core.offers import endings
from acd.core.offers.book import GRACE_S, Offer
from acd.core.talks import consults, taking_over, transfers
from hotline.facts import (
    CallAbandoned,
    CallAdopted,
    CallArrived,
    CallEnded,
    CallerIdentified,
    CallFellBack,
    CallFlowedOut,
    CallForwarded,
    CallQueued,
    CallResumed,
    VoicemailBegan,
)
from hotline.ids import CallId, QueueId

ENDED = float("inf")
STALE_S = 2.0
"""What is told of a caller so long after it happened waited for the broker."""
AFTERMATH_S = 60.0
"""How long after a node was lost its news may be old."""


def arrived(floor: Floor, fact: CallArrived, _now: float) -> None:
    """Note which node holds a call."""
    known = floor.notes.get(fact.call_id) or Note(node=fact.node)
    floor.notes.put(fact.call_id, msgspec.structs.replace(known, node=fact.node, number=fact.caller_number))


def identified(floor: Floor, fact: CallerIdentified, now: float) -> None:
    """Note the name that the seat will show, and what gives him his place; who waits already takes it now."""
    note = floor.notes.get(fact.call_id) or Note(node=floor.node_of(fact.call_id))
    note.name, note.customer_id, note.tier, note.agent_id = fact.name, fact.customer_id, fact.tier, fact.agent_id
    floor.notes.put(fact.call_id, note)
    waiting = floor.line.get(fact.call_id)
    if waiting is not None:
        standing.rerank(floor, waiting)
        sticky.begin(floor, waiting, now)


def queued(floor: Floor, fact: CallQueued, now: float) -> None:
    """Let a caller into the line, unless it is full; a caller who waits elsewhere moves with his place."""
    left_at = floor.left.get(fact.call_id)
    present = floor.line.get(fact.call_id)
    if floor.callbacks.awaits(fact.call_id):
        return  # of a call that we made: it is let in when the customer is there
    if left_at is not None and fact.entered_at <= left_at:
        floor.ignore("repeated_queued")
        outlets.tell_again(floor, fact)
    elif present is not None and present.queue_id == fact.queue_id:
        floor.ignore("repeated_queued")
    elif (barrier := outlets.barrier(floor, fact)) is not None:
        outlets.turn_away(floor, fact, now, barrier)
    elif present is not None:
        _move(floor, present, fact, now)
    else:
        caller = enter(floor, _resumed(floor, fact, now), now)
        if now - fact.at > STALE_S and now - floor.lost_at.get(caller.node, -AFTERMATH_S) < AFTERMATH_S:
            _doubt(floor, caller, now)


def _doubt(floor: Floor, caller: Caller, now: float) -> None:
    """Old news: he may have gone since. Have his node tell everything anew, and offer nobody to him before."""
    caller.confirmed, caller.doubted = False, True
    floor.place(caller, now)
    floor.surveyed.pop(caller.node, None)


def _resumed(floor: Floor, fact: CallQueued, now: float) -> CallQueued:
    """Return with what a newcomer joins the line: his old place, if he had one here and called again soon enough."""
    note = floor.notes.get(fact.call_id)
    number = note.number if note is not None and fact.kind == "live" and fact.since is None else ""
    place = floor.left_places.take(fact.queue_id, number, now)
    if place is None:
        return fact
    floor.timers.clear("resume", place.call_id)
    floor.tell(
        CallResumed(
            at=now, call_id=fact.call_id, queue_id=fact.queue_id, since=place.since, earlier_call_id=place.call_id
        )
    )
    return msgspec.structs.replace(fact, since=min(place.since, fact.entered_at))


def _keep_place(floor: Floor, caller: Caller, at: float) -> None:
    """He hung up: his place waits for him, where a queue says so in which he waited; for as long as the most patient of them says."""
    kept_s = {q: floor.queues[q].resume_s for q in (caller.queue_id, *reversed(caller.before)) if q in floor.queues}
    where = [queue_id for queue_id, keep_s in kept_s.items() if keep_s > 0]
    note = floor.notes.get(caller.call_id)
    if not where or note is None or not note.number or floor.callbacks.concerns(caller.call_id):
        return
    place = LeftPlace(
        call_id=caller.call_id,
        queue_id=where[0],
        number=note.number,
        since=caller.waits_since,
        until=at + max(kept_s.values()),
        before=tuple(where[1:]),
    )
    floor.left_places.keep(place)
    floor.timers.set("resume", place.call_id, place.until)


def move_on(floor: Floor, caller: Caller, queue_id: QueueId, now: float, *, reason: str, by: str = "") -> None:
    """Move a caller who is in our hands to the line of another queue, with the time that he has waited and his priority.

    He is there at once; the call flow of his node, which is told by `CallFlowedOut`, tells him as queued there too.
    """
    assert caller.asked is not None
    at = outlets.leaves_at(caller.entered_at, now)
    asked = msgspec.structs.replace(
        caller.asked,
        at=at,
        queue_id=queue_id,
        entered_at=at,
        priority=caller.priority,
        since=caller.waits_since,
        before=(*caller.before, caller.queue_id),
    )
    floor.left.put(caller.call_id, caller.entered_at)
    _move(floor, caller, asked, now, reason=reason, treatment=f"queue:{queue_id}", by=by)


def _move(
    floor: Floor,
    caller: Caller,
    fact: CallQueued,
    now: float,
    *,
    reason: str = "moved",
    treatment: str = "",
    by: str = "",
) -> None:
    left = CallFlowedOut(
        at=max(now, fact.entered_at) if treatment else now,
        call_id=caller.call_id,
        queue_id=caller.queue_id,
        entered_at=caller.entered_at,
        reason=reason,
        treatment=treatment,
        by=by,
    )
    if treatment:
        floor.flown_out.put(caller.call_id, left)
    floor.tell(left)
    floor.line.remove(caller)
    caller.queue_id, caller.entered_at, caller.priority = fact.queue_id, fact.entered_at, fact.priority
    caller.since, caller.before, caller.asked = fact.since, fact.before, fact
    standing.join(floor, caller, now)
    floor.judge_refusals(caller, now)
    floor.place(caller, now)
    caller.looked_at = False
    outlets.have_looked_at(floor, caller, now)


def enter(floor: Floor, asked: CallQueued, now: float, *, whereabouts: Whereabouts = "here") -> Caller:
    """Put a caller into the line of a queue that exists. An answered offer of his that is still open is over."""
    call_id, queue_id = asked.call_id, asked.queue_id
    offer = floor.offers.of_call(call_id)
    if offer is not None and offer.phase == "talking":
        endings.hang_up(floor, offer, now)
        offer = None
    node = floor.node_of(call_id)
    caller = Caller(
        call_id=call_id,
        node=node,
        queue_id=queue_id,
        entered_at=asked.entered_at,
        priority=asked.priority,
        rank=(0.0, 0.0, call_id),
        since=asked.since,
        before=asked.before,
        asked=asked,
        whereabouts="ringing" if offer is not None else whereabouts,
        confirmed=node not in floor.links_down,
        offer=offer,
        ring=tuple(floor.offers.ring_of(offer)) if offer is not None else (),
        away=offer.ring if offer is not None else None,
    )
    standing.join(floor, caller, now)
    floor.place(caller, now)
    outlets.have_looked_at(floor, caller, now)
    transfers.kept(floor, caller, now)
    return caller


def ended(floor: Floor, fact: CallEnded, now: float) -> None:
    """The caller hung up."""
    taking_over.gone(floor, fact.call_id)
    gone(floor, fact.call_id, fact.at, now)
    floor.left.put(fact.call_id, ENDED)
    floor.notes.drop(fact.call_id)


def gone(floor: Floor, call_id: CallId, at: float, now: float) -> None:
    """A call is no more: its caller abandoned if he waited; an agent whose phone rings for him is freed by his phone's word."""
    caller = floor.line.get(call_id)
    offer = floor.offers.of_call(call_id)
    consults.forsaken(floor, call_id, now)
    if caller is not None:
        comeback.leave(floor, caller)
        left_at = max(at, caller.entered_at)  # he may have been moved here before anybody knew that he had hung up
        abandoned = CallAbandoned(
            at=left_at,
            call_id=call_id,
            queue_id=caller.queue_id,
            entered_at=caller.entered_at,
            short=left_at - caller.entered_at < floor.queues[caller.queue_id].short_abandon_s,
            while_ringing=offer is not None,
        )
        floor.tell(abandoned)
        _keep_place(floor, caller, at)
    if offer is not None and offer.phase == "talking":
        endings.hang_up(floor, offer, now)
    elif offer is not None:
        bereave(floor, offer, now)


def fell_back(floor: Floor, fact: CallFellBack, now: float) -> None:
    """The dialplan took the caller over: he has left our line."""
    caller = floor.line.get(fact.call_id)
    if caller is None:
        return
    comeback.flow_out(floor, caller, now, reason="fallback")
    offer = floor.offers.of_call(fact.call_id)
    if offer is not None:
        bereave(floor, offer, now)


def flowed_out(floor: Floor, fact: CallFlowedOut, now: float) -> None:
    """A caller left the line without us: nobody had heard a router for a while. Our own word about it comes here too, and is known."""
    caller = floor.line.get(fact.call_id)
    if caller is not None and (caller.queue_id, caller.entered_at) == (fact.queue_id, fact.entered_at):
        comeback.leave(floor, caller)
        offer = floor.offers.of_call(fact.call_id)
        if offer is not None:
            bereave(floor, offer, now)
    elif caller is None and floor.left.get(fact.call_id) is None:
        floor.left.put(fact.call_id, fact.entered_at)


def led_outside(floor: Floor, fact: CallAdopted | CallForwarded | VoicemailBegan, now: float) -> None:
    """A caller leaves a message, or talks with a number outside. If he waits for us, his flow-out was told before our life began."""
    caller, offer = floor.line.get(fact.call_id), floor.offers.of_call(fact.call_id)
    if caller is None or fact.at < caller.entered_at:
        return
    comeback.leave(floor, caller)
    if offer is not None:
        bereave(floor, offer, now)


def bereave(floor: Floor, offer: Offer, now: float) -> None:
    """The caller of a ringing offer is gone: wait a moment for the phone's last word, so that nobody rings it twice."""
    for ringing in floor.offers.ring_of(offer):
        ringing.caller_left, ringing.closes_at = True, now + GRACE_S
        floor.touch(ringing)
        floor.timers.set("offer", ringing.offer_id, ringing.deadline)
