"""How callbacks begin and end, and when they may have their turn. Pure.

A wish that reaches the router becomes a virtual caller at the place that the caller had. He can be offered while he may be called: after
a failed attempt not before `retry_after_s`, only within `outbound.opening`, only while the limits of outgoing calls leave room, and
not while his node cannot be reached. Otherwise he waits in the line without a turn (`paused`) and is looked at again.

Who calls again and joins the same line needs no callback any more: it is cancelled, and he has his old place at once.
"""

from acd.callbacks.book import Callback
from acd.callbacks.requests import CallbackCancel
from acd.core.callers import comeback, standing
from acd.core.callers.line import Caller
from acd.core.callers.resuming import LeftPlace
from acd.core.floor import Floor, Note
from hotline.commands import Hangup
from hotline.dialling import dialable, permit
from hotline.facts import CallbackEnded, CallbackPending, CallbackRefused, CallbackRequested, CallbackResult, CallQueued
from hotline.ids import NodeId

LOOK_AGAIN_S = 10.0
"""How soon it is looked again whether somebody may be called now."""
NOBODY = NodeId("")
"""The node of a virtual caller: he is no channel of any."""


def requested(floor: Floor, wish: CallbackRequested, now: float) -> None:
    """Somebody wants to be called back."""
    if floor.callbacks.is_known(wish.callback_id):
        floor.ignore("repeated_callback")
        return
    reason = refusal(floor, wish, now)
    if reason:
        floor.tell(CallbackRefused(at=now, callback_id=wish.callback_id, queue_id=wish.queue_id, reason=reason))
        return
    expires_at = wish.at + floor.queues[wish.queue_id].callback.expires_after_s
    callback = Callback(wish=wish, node=wish.node or floor.home_node, expires_at=expires_at)
    floor.callbacks.keep(callback)
    line_up(floor, callback, now)


def pending(floor: Floor, told: CallbackPending, now: float) -> None:
    """The journal holds a wish that nobody told us, or that got lost with a router: take it up."""
    if not floor.callbacks.is_known(told.wish.callback_id):
        requested(floor, told.wish, now)


def refusal(floor: Floor, wish: CallbackRequested, now: float) -> str:
    """Return why a wish cannot be granted, or nothing."""
    queue = floor.queues.get(wish.queue_id)
    if queue is None:
        return "unknown_queue"
    never = permit(wish.number, floor.outbound, now=now)
    if never is not None and never.lasting:
        return never.reason
    return "full" if floor.callbacks.waiting(wish.queue_id) >= queue.callback.max_waiting else ""


def line_up(floor: Floor, callback: Callback, now: float) -> None:
    """Put a callback into the line, at the place of its caller."""
    wish = callback.wish
    callback.phase, callback.offer_id = "waiting", None
    callback.met, callback.talked, callback.counted = False, False, False
    floor.callbacks.touch(callback)
    note = Note(node=callback.node, number=wish.number, name=wish.name, customer_id=wish.customer_id or "")
    floor.notes.put(callback.virtual_id, note)
    caller = Caller(
        call_id=callback.virtual_id,
        node=NOBODY,
        queue_id=wish.queue_id,
        entered_at=wish.entered_at,
        priority=wish.priority,
        rank=(0.0, 0.0, callback.virtual_id),
        asked=queued(callback, entered_at=wish.entered_at, at=now),
        outgoing=True,
        whereabouts="paused",
    )
    standing.join(floor, caller, now)
    look(floor, callback, now)


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


def look(floor: Floor, callback: Callback, now: float) -> None:
    """Let a virtual caller have his turn or not, and say when to look again. One whose time is over leaves."""
    caller = floor.line.get(callback.virtual_id)
    if caller is None or callback.phase != "waiting":
        return
    not_now = permit(
        callback.wish.number,
        floor.outbound,
        now=now,
        last_hour=floor.callbacks.ledger.last_hour(now),
        at_once=floor.callbacks.ledger.live,
    )
    if now >= callback.expires_at:
        end(floor, callback, now, "expired", reason=callback.result)
        return
    if not_now is not None and not_now.lasting:
        end(floor, callback, now, "failed", reason=not_now.reason)
        return
    due = now >= callback.retry_at and callback.node not in floor.links_down
    caller.whereabouts = "here" if due and not_now is None else "paused"
    floor.place(caller, now)
    again = now + LOOK_AGAIN_S if now >= callback.retry_at else min(callback.retry_at, now + 60 * LOOK_AGAIN_S)
    floor.timers.set("callback", callback.callback_id, min(again, callback.expires_at))


def end(floor: Floor, callback: Callback, now: float, result: CallbackResult, *, reason: str = "") -> None:
    """A callback is over."""
    caller = floor.line.get(callback.virtual_id)
    if caller is not None:
        comeback.leave(floor, caller)
    floor.timers.clear("callback", callback.callback_id)
    floor.callbacks.ledger.end(callback.call_id)
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
        )
    )


def cancelled(floor: Floor, request: CallbackCancel, now: float) -> str | None:
    """Cancel a callback; return the name of the refusal. A customer whose phone rings for us is spared; one who talks is not cut off."""
    callback = floor.callbacks.get(request.callback_id)
    if callback is None:
        return "no_such_callback"
    if callback.met or callback.talked:
        return "talking"
    if callback.phase != "waiting":
        floor.ask(Hangup(node=callback.node, call_id=callback.call_id, reason="callback_cancelled"))
        callback.result, callback.expires_at = f"cancelled:{request.by}", now
        floor.callbacks.touch(callback)
        return None
    end(floor, callback, now, "cancelled", reason=request.by)
    return None


def called_again(floor: Floor, fact: CallQueued, now: float) -> None:
    """Somebody joins a line: a callback of his there is cancelled, and he takes its place."""
    note = floor.notes.get(fact.call_id)
    if fact.kind != "live" or note is None or not note.number or not len(floor.callbacks):
        return
    number = dialable(note.number, floor.outbound)
    for callback in [c for c in floor.callbacks if c.phase == "waiting" and c.wish.number == number]:
        if callback.wish.queue_id == fact.queue_id:
            end(floor, callback, now, "cancelled", reason="called_again")
            place = LeftPlace(
                call_id=callback.virtual_id,
                queue_id=fact.queue_id,
                number=note.number,
                since=callback.wish.entered_at,
                until=now + 1.0,
            )
            floor.left_places.keep(place)
