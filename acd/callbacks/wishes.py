"""How callbacks begin and end, and when they may have their turn. Pure.

A wish that reaches the router becomes a virtual caller at the place that the caller had. He can be offered while he may be called: after
a failed attempt not before `retry_after_s`, only within `outbound.opening` (without one, while his queue is open by its hours), not during an
emergency of his queue, only while the limits of outgoing calls leave room, while no other call rings the same number, and while a node
can be reached. Otherwise he waits in the line without a turn (`paused`) and is looked at again.

Who calls again and joins the same line needs no callback any more: it is cancelled, and he has his old place at once.
"""

from acd.callbacks.book import Callback
from acd.callbacks.requests import CallbackCancel
from acd.core.callers import comeback, standing
from acd.core.callers.line import Caller
from acd.core.callers.resuming import LeftPlace
from acd.core.floor import Floor, Note
from hotline.commands import Hangup
from hotline.dialling import Refusal, dialable, permit
from hotline.facts import CallbackEnded, CallbackPending, CallbackRefused, CallbackRequested, CallbackResult, CallQueued
from hotline.ids import NodeId, QueueId

LOOK_AGAIN_S = 10.0
"""How soon it is looked again whether somebody may be called now."""
NOBODY = NodeId("")
"""The node of a virtual caller: he is no channel of any."""
CANCELLED = "cancelled:"
"""Before the name of who cancelled it, as the result of a call that is being hung up."""
AHEAD_S = 1.0
"""How often it is looked whether an agent is about to be free."""


def requested(floor: Floor, wish: CallbackRequested, now: float, *, calls: int = 0) -> None:
    """Somebody wants to be called back. `calls` were made for it already, by routers before us."""
    if floor.callbacks.is_known(wish.callback_id):
        floor.ignore("repeated_callback")
        return
    reason = refusal(floor, wish, now)
    if reason:
        floor.tell(CallbackRefused(at=now, callback_id=wish.callback_id, queue_id=wish.queue_id, reason=reason))
        return
    expires_at = wish.at + floor.queues[wish.queue_id].callback.expires_after_s
    note = floor.notes.get(wish.of_call) if wish.of_call is not None else None
    callback = Callback(
        wish=wish,
        node=wish.node or floor.home_node,
        expires_at=expires_at,
        calls=calls,
        tier=note.tier if note is not None else "",
        agent_id=note.agent_id if note is not None else None,
    )
    floor.callbacks.keep(callback)
    line_up(floor, callback, now)


def pending(floor: Floor, told: CallbackPending, now: float) -> None:
    """The journal holds a wish that nobody told us, or that got lost with a router: take it up."""
    if not floor.callbacks.is_known(told.wish.callback_id):
        requested(floor, told.wish, now, calls=told.calls)


def refusal(floor: Floor, wish: CallbackRequested, now: float) -> str:
    """Return why a wish cannot be granted, or nothing."""
    queue = floor.queues.get(wish.queue_id)
    if queue is None:
        return "unknown_queue"
    if dialable(wish.number, floor.outbound) != wish.number:
        return "no_number"  # it is dialled as it is judged, or not at all
    never = permit(wish.number, floor.outbound, now=now)
    if never is not None and never.lasting:
        return never.reason
    if any(other.wish.queue_id == wish.queue_id for other in floor.callbacks.of_number(wish.number)):
        return "already_asked"
    return "full" if floor.callbacks.waiting(wish.queue_id) >= queue.callback.max_waiting else ""


def line_up(floor: Floor, callback: Callback, now: float) -> None:
    """Have a callback wait for its turn, at the place of its caller."""
    callback.phase, callback.offer_id = "waiting", None
    callback.there, callback.met_at, callback.talked, callback.counted = False, None, False, False
    callback.away_since = None
    stand(floor, callback, now)
    policy = floor.queues[callback.wish.queue_id].callback
    if policy.first == "customer" and policy.ahead_s > 0:
        floor.timers.set("ahead", callback.wish.queue_id, now + AHEAD_S)


def stand(floor: Floor, callback: Callback, now: float) -> None:
    """Put the virtual caller into the line."""
    wish = callback.wish
    floor.callbacks.touch(callback)
    floor.notes.put(callback.virtual_id, note_of(callback))
    caller = Caller(
        call_id=callback.virtual_id,
        node=NOBODY,
        queue_id=wish.queue_id,
        entered_at=wish.entered_at,
        priority=wish.priority,
        rank=(0.0, 0.0, callback.virtual_id),
        asked=queued(callback, entered_at=wish.entered_at, at=now),
        outgoing=True,
        dialled=callback.phase == "ahead",
        whereabouts="paused",
    )
    standing.join(floor, caller, now)
    look(floor, callback, now)


def note_of(callback: Callback) -> Note:
    """Return what is known of him: what his place, and the agent whom he is kept for, go by."""
    wish = callback.wish
    return Note(
        node=callback.node,
        number=wish.number,
        name=wish.name,
        customer_id=wish.customer_id or "",
        tier=callback.tier,
        agent_id=callback.agent_id,
    )


def stand_down(floor: Floor, callback: Callback) -> None:
    """Take the virtual caller out of the line, if he is there."""
    caller = floor.line.get(callback.virtual_id)
    if caller is not None:
        comeback.leave(floor, caller)


def queued(callback: Callback, *, entered_at: float, at: float) -> CallQueued:
    """Return with what the virtual caller, or a call made for him, stands in the line."""
    wish = callback.wish
    return CallQueued(
        at=at,
        call_id=callback.virtual_id,
        queue_id=wish.queue_id,
        entered_at=entered_at,
        since=wish.entered_at,
        priority=wish.priority,
        skills=wish.skills,
        levels=wish.levels,
        language=wish.language,
        kind="callback",
    )


# --- may he have his turn? ----------------------------------------------------------------------------------------------


def look(floor: Floor, callback: Callback, now: float) -> None:
    """Let a virtual caller have his turn or not, and say when to look again. One whose time is over leaves."""
    caller = floor.line.get(callback.virtual_id)
    if caller is None:
        return
    if callback.phase == "ahead":
        _place(floor, caller, now, here=callback.away_since is None)
        return
    not_now = _not_now(floor, callback, now)
    if now >= callback.expires_at:
        end(floor, callback, now, "expired", reason=callback.result)
        return
    if not_now is not None and not_now.lasting:
        end(floor, callback, now, "failed", reason=not_now.reason)
        return
    _place(floor, caller, now, here=not_now is None and _can_be_called(floor, callback, now))
    again = now + LOOK_AGAIN_S if now >= callback.retry_at else min(callback.retry_at, now + 60 * LOOK_AGAIN_S)
    floor.timers.set("callback", callback.callback_id, min(again, callback.expires_at))


def _place(floor: Floor, caller: Caller, now: float, *, here: bool) -> None:
    caller.whereabouts = "here" if here else "paused"
    floor.place(caller, now)


def _not_now(floor: Floor, callback: Callback, now: float) -> Refusal | None:
    ledger = floor.callbacks.ledger
    return permit(
        callback.wish.number, floor.outbound, now=now, last_hour=ledger.last_hour(now), at_once=ledger.live
    )  # fmt: skip


def _can_be_called(floor: Floor, callback: Callback, now: float) -> bool:
    rings = any(other.is_under_way for other in floor.callbacks.of_number(callback.wish.number))
    is_open = _is_open(floor, callback.wish.queue_id, now)
    return now >= callback.retry_at and is_open and not rings and node_for(floor, callback) is not None


def _is_open(floor: Floor, queue_id: QueueId, now: float) -> bool:
    """Return whether the queue lets its callbacks be called. A supervisor who closes it keeps newcomers out, not those who wait."""
    switch = floor.openings.switch(queue_id)
    if switch.emergency and switch.then != "stay":
        return False
    hours = floor.openings.hours_of(queue_id)
    return floor.outbound.opening is not None or hours is None or hours.is_open(now)


def node_for(floor: Floor, callback: Callback) -> NodeId | None:
    """Return the node that can call: that of the caller, or another one if it cannot be reached."""
    known = (callback.wish.node or floor.home_node, *floor.surveyed)
    return next((node for node in known if node not in floor.links_down), None)


def look_at_others(floor: Floor, callback: Callback, now: float) -> None:
    """A call begins: those with the same number lose their turn at once."""
    for other in floor.callbacks.of_number(callback.wish.number):
        if other.phase == "waiting":
            look(floor, other, now)


# --- the end ----------------------------------------------------------------------------------------------------------------


def end(floor: Floor, callback: Callback, now: float, result: CallbackResult, *, reason: str = "") -> None:
    """A callback is over. Its call, if one lives, goes on."""
    stand_down(floor, callback)
    floor.timers.clear("callback", callback.callback_id)
    floor.callbacks.drop(callback, now)
    floor.tell(
        CallbackEnded(
            at=now,
            callback_id=callback.callback_id,
            queue_id=callback.wish.queue_id,
            result=result,
            reason=reason,
            attempts=callback.attempts,
            call_id=callback.call_id if result == "reached" else None,
            waited_s=max(now - callback.wish.at, 0.0),
            held_s=max(now - callback.met_at, 0.0) if callback.met_at is not None else None,
        )
    )


def cancelled(floor: Floor, request: CallbackCancel, now: float) -> str | None:
    """Cancel a callback; return the name of the refusal. A customer whose phone rings for us is spared; one who answered is not cut off."""
    callback = floor.callbacks.get(request.callback_id)
    if callback is None:
        return "no_such_callback"
    if callback.met:
        return "talking"
    if callback.is_under_way:
        hang_up_for_good(floor, callback, now, request.by)
    else:
        end(floor, callback, now, "cancelled", reason=request.by)
    return None


def hang_up_for_good(floor: Floor, callback: Callback, now: float, by: str) -> None:
    """Hang up a call in which nobody talks; when it ends, so does its callback, which nobody wants any more."""
    floor.ask(Hangup(node=callback.node, call_id=callback.call_id, reason="callback_cancelled"))
    callback.result, callback.expires_at = f"{CANCELLED}{by}", now
    floor.callbacks.touch(callback)


def called_again(floor: Floor, fact: CallQueued, now: float) -> None:
    """Somebody joins a line: a callback of his there is cancelled, and he takes its place."""
    note = floor.notes.get(fact.call_id)
    if fact.kind != "live" or note is None or not note.number or not len(floor.callbacks):
        return
    for callback in floor.callbacks.of_number(dialable(note.number, floor.outbound)):
        if callback.wish.queue_id != fact.queue_id or callback.met or callback.talked:
            continue
        if callback.is_under_way:
            hang_up_for_good(floor, callback, now, "called_again")
        else:
            end(floor, callback, now, "cancelled", reason="called_again")
        place = LeftPlace(
            call_id=callback.virtual_id,
            queue_id=fact.queue_id,
            number=note.number,
            since=callback.wish.entered_at,
            until=now + 1.0,
        )
        floor.left_places.keep(place)
