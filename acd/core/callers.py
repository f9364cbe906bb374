"""How callers enter the line, and what else is learnt about their calls. Pure."""

from acd.core import comeback, endings
from acd.core.floor import Floor, Note
from acd.core.line import Caller, Whereabouts
from acd.core.offers import GRACE_S, Offer
from acd.core.ranking import CallerRank, caller_rank
from hotline.commands import Release
from hotline.facts import (
    CallAbandoned,
    CallArrived,
    CallEnded,
    CallerIdentified,
    CallFellBack,
    CallFlowedOut,
    CallQueued,
)
from hotline.ids import CallId, QueueId

ENDED = float("inf")
STALE_S = 2.0
"""What is told of a caller so long after it happened waited for the broker."""
AFTERMATH_S = 60.0
"""How long after a node was lost its news may be old."""


def arrived(floor: Floor, fact: CallArrived, _now: float) -> None:
    """Note which node holds a call."""
    floor.notes.put(fact.call_id, Note(node=fact.node))


def identified(floor: Floor, fact: CallerIdentified, _now: float) -> None:
    """Note the name that the seat will show."""
    note = floor.notes.get(fact.call_id) or Note(node=floor.node_of(fact.call_id))
    note.name = fact.name
    floor.notes.put(fact.call_id, note)


def queued(floor: Floor, fact: CallQueued, now: float) -> None:
    """Let a caller into the line, unless it is full; a caller who waits elsewhere moves with his place."""
    left_at = floor.left.get(fact.call_id)
    present = floor.line.get(fact.call_id)
    if left_at is not None and fact.entered_at <= left_at:
        floor.ignore("repeated_queued")
    elif fact.queue_id not in floor.queues:
        _turn_away(floor, fact, now, "closed")
    elif present is not None and present.queue_id == fact.queue_id:
        floor.ignore("repeated_queued")
    elif floor.line.length(fact.queue_id) >= floor.queues[fact.queue_id].max_waiting:
        _turn_away(floor, fact, now, "full")
    elif present is not None:
        _move(floor, present, fact, now)
    else:
        caller = enter(
            floor,
            fact.call_id,
            fact.queue_id,
            now,
            entered_at=fact.entered_at,
            priority=fact.priority,
            skills=fact.skills,
        )
        if now - fact.at > STALE_S and now - floor.lost_at.get(caller.node, -AFTERMATH_S) < AFTERMATH_S:
            _doubt(floor, caller, now)


def _doubt(floor: Floor, caller: Caller, now: float) -> None:
    """Old news: he may have gone since. Have his node tell everything anew, and offer nobody to him before."""
    caller.confirmed, caller.doubted = False, True
    floor.place(caller, now)
    floor.surveyed.pop(caller.node, None)


def _turn_away(floor: Floor, fact: CallQueued, now: float, reason: str) -> None:
    """Hand a caller who cannot wait here to the fallback queue; where he waited before he stays no longer."""
    present = floor.line.get(fact.call_id)
    if present is not None:
        comeback.flow_out(floor, present, now, reason="moved")
    floor.ask(Release(node=floor.node_of(fact.call_id), call_id=fact.call_id, reason=reason))
    floor.left.put(fact.call_id, fact.entered_at)
    floor.tell(
        CallFlowedOut(at=now, call_id=fact.call_id, queue_id=fact.queue_id, entered_at=fact.entered_at, reason=reason)
    )


def _move(floor: Floor, caller: Caller, fact: CallQueued, now: float) -> None:
    left = CallFlowedOut(
        at=now, call_id=caller.call_id, queue_id=caller.queue_id, entered_at=caller.entered_at, reason="moved"
    )
    floor.tell(left)
    floor.line.remove(caller)
    caller.queue_id, caller.entered_at, caller.priority = fact.queue_id, fact.entered_at, fact.priority
    caller.skills = _skills(floor, fact.queue_id, fact.skills)
    caller.rank = _rank(floor, fact.call_id, fact.queue_id, fact.entered_at, fact.priority)
    floor.line.add(caller)
    floor.judge_refusals(caller, now)
    floor.place(caller, now)


def enter(
    floor: Floor,
    call_id: CallId,
    queue_id: QueueId,
    now: float,
    *,
    entered_at: float,
    priority: int,
    skills: tuple[str, ...],
    whereabouts: Whereabouts = "here",
) -> Caller:
    """Put a caller into the line of a queue that exists. An answered offer of his that is still open is over."""
    offer = floor.offers.of_call(call_id)
    if offer is not None and offer.phase == "talking":
        endings.hang_up(floor, offer, now)
        offer = None
    node = floor.node_of(call_id)
    caller = Caller(
        call_id=call_id,
        node=node,
        queue_id=queue_id,
        entered_at=entered_at,
        priority=priority,
        rank=_rank(floor, call_id, queue_id, entered_at, priority),
        skills=_skills(floor, queue_id, skills),
        whereabouts="ringing" if offer is not None else whereabouts,
        confirmed=node not in floor.links_down,
        offer=offer,
        away=offer.offer_id if offer is not None else None,
    )
    floor.line.add(caller)
    floor.place(caller, now)
    return caller


def _rank(floor: Floor, call_id: CallId, queue_id: QueueId, entered_at: float, priority: int) -> CallerRank:
    queue = floor.queues[queue_id]
    return caller_rank(own_priority=priority, queue_priority=queue.priority, entered_at=entered_at, call_id=call_id)


def _skills(floor: Floor, queue_id: QueueId, own: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({*floor.queues[queue_id].skills, *own}))


def ended(floor: Floor, fact: CallEnded, now: float) -> None:
    """The caller hung up."""
    gone(floor, fact.call_id, fact.at, now)
    floor.left.put(fact.call_id, ENDED)
    floor.notes.drop(fact.call_id)


def gone(floor: Floor, call_id: CallId, at: float, now: float) -> None:
    """A call is no more: its caller abandoned if he waited; an agent whose phone rings for him is freed by his phone's word."""
    caller = floor.line.get(call_id)
    offer = floor.offers.of_call(call_id)
    if caller is not None:
        comeback.leave(floor, caller)
        abandoned = CallAbandoned(
            at=at,
            call_id=call_id,
            queue_id=caller.queue_id,
            entered_at=caller.entered_at,
            short=at - caller.entered_at < floor.queues[caller.queue_id].short_abandon_s,
            while_ringing=offer is not None,
        )
        floor.tell(abandoned)
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


def bereave(floor: Floor, offer: Offer, now: float) -> None:
    """The caller of a ringing offer is gone: wait a moment for the phone's last word, so that nobody rings it twice."""
    offer.caller_left, offer.closes_at = True, now + GRACE_S
    floor.touch(offer)
    floor.timers.set("offer", offer.offer_id, offer.deadline)
