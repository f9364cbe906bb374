"""Calls of callbacks after a gap: a lost link, a look at a node, our own restart. Pure.

A call that is found goes on where it is: an agent who is kept for it stays kept, a customer's phone rings on, nobody is called anew. A customer
who answered while nobody listened is served at once. A call in which nobody is on the line and for which nobody waits any more
is hung up. A call that a look does not show is over; whether its customer was reached then, nobody knows unless he had answered
before, and who is in doubt is called again.
"""

from collections.abc import Mapping

from acd.callbacks import outcomes, turns, wishes
from acd.callbacks.book import Callback
from acd.core.floor import Floor
from hotline.commands import Hangup
from hotline.dialling import HOUR_S
from hotline.facts import CallAdopted, NodeSurveyed, SnapshotTaken
from hotline.ids import CallId, NodeId


def found(floor: Floor, fact: CallAdopted, now: float) -> bool:
    """A living call was found. Return whether all that follows is done here: then it is no caller in the line, or not yet."""
    place = fact.place
    if not (place is not None and place.callback) and not floor.callbacks.is_made_for_one(fact.call_id):
        return False
    floor.begin_outgoing(fact.call_id, now)
    callback = floor.callbacks.of_call(fact.call_id)
    if callback is None:
        return _hang_up_if_empty(floor, fact)
    callback.node, callback.away_since = fact.node, None
    floor.callbacks.touch(callback)
    if fact.customer == "answered" and not callback.met:
        turns.count(floor, callback)
        callback.met_at = now
    if callback.phase == "waiting":
        return _found_too_late(floor, callback, fact, now)
    if fact.phase == "session" and floor.callbacks.awaits(fact.call_id):
        _found_on_its_way(floor, callback, now)
        return True
    _found_in_line(floor, callback, fact, now)
    return False


def _hang_up_if_empty(floor: Floor, fact: CallAdopted) -> bool:
    """A call whose callback is over, or has another call, or is unknown: spare the customer's phone, but leave him who is there."""
    if fact.phase not in ("session", "ringing") or fact.customer not in ("waits", "dialled"):
        return False
    floor.ask(Hangup(node=fact.node, call_id=fact.call_id, reason="callback_over"))
    return True


def _found_too_late(floor: Floor, callback: Callback, fact: CallAdopted, now: float) -> bool:
    """The last call, which we had given up. Whoever is on the line is served; else it is hung up, and another one made."""
    if not callback.met and fact.phase != "talking":
        floor.ask(Hangup(node=fact.node, call_id=fact.call_id, reason="callback_over"))
        return True
    wishes.stand_down(floor, callback)
    _found_in_line(floor, callback, fact, now)
    return False


def _found_on_its_way(floor: Floor, callback: Callback, now: float) -> None:
    """The customer, or the agent for him, is not there yet as far as we knew."""
    if not callback.there:
        turns.there(floor, callback, callback.node, now)
    if callback.phase == "live":
        return
    offer = turns.reservation(floor, callback)
    if callback.met:
        outcomes.met(floor, callback, now)
    elif offer is not None:
        turns.keep_longer(floor, callback, offer, now)
    else:
        wishes.look(floor, callback, now)


def _found_in_line(floor: Floor, callback: Callback, fact: CallAdopted, now: float) -> None:
    """It waits, rings or talks like any other call."""
    if callback.phase != "live":
        wishes.stand_down(floor, callback)
        callback.phase, callback.offer_id, callback.there = "live", None, True
        floor.timers.set("callback", callback.callback_id, now + wishes.LOOK_AGAIN_S)
    callback.talked = callback.talked or fact.phase == "talking"
    floor.callbacks.touch(callback)
    outcomes.look_if_reached(floor, callback, now)


# --- what a look does not show ------------------------------------------------------------------------------------------


def looked(floor: Floor, signal: SnapshotTaken, now: float) -> None:
    """A look at a node: calls that are not there are over. One that was only just asked for may still be on its way."""
    _compare(floor, signal.node, frozenset(signal.living), signal.at, now)


def surveyed(floor: Floor, survey: NodeSurveyed, now: float) -> None:
    """The same, for a router that has just begun."""
    _compare(floor, survey.node, frozenset(c.call_id for c in survey.calls), survey.at, now)


def _compare(floor: Floor, node: NodeId, living: frozenset[CallId], at: float, now: float) -> None:
    for callback in [c for c in floor.callbacks if c.is_under_way and c.node == node]:
        if callback.call_id in living:
            callback.away_since = None
        elif at <= callback.begun_at or at < callback.there_at:
            continue  # an old look, told again
        elif callback.there or callback.counted or at - callback.begun_at > turns.ARRIVE_S:
            floor.callbacks.ledger.end(callback.call_id)
            outcomes.over(floor, callback, now)
        else:
            callback.away_since = None


# --- our own restart ------------------------------------------------------------------------------------------------------


def restore(floor: Floor, callbacks: Mapping[str, Callback], now: float) -> None:
    """Take up the callbacks of an earlier life. Calls that it had asked for may live: their nodes will tell."""
    for callback in sorted(callbacks.values(), key=lambda c: (c.begun_at, c.callback_id)):
        _count_calls(floor, callback, now)
        if callback.over_at is not None:
            floor.callbacks.bury(callback)
            continue
        floor.callbacks.keep(callback)
        if callback.wish.queue_id not in floor.queues:
            wishes.end(floor, callback, now, "failed", reason="unknown_queue")
        elif callback.phase == "waiting":
            wishes.line_up(floor, callback, now)
        else:
            _restore_call(floor, callback, now)


def _count_calls(floor: Floor, callback: Callback, now: float) -> None:
    """Let the ledger agree with the callback: whether its last call lives, its own book knows best."""
    lives = callback.over_at is None and callback.is_under_way
    if callback.calls and (lives or callback.begun_at > now - HOUR_S):
        floor.begin_outgoing(callback.call_id, callback.begun_at)
    if not lives:
        floor.callbacks.ledger.end(callback.call_id)


def _restore_call(floor: Floor, callback: Callback, now: float) -> None:
    floor.notes.put(callback.call_id, wishes.note_of(callback))
    callback.away_since = now
    if callback.phase in ("calling", "dialling") and turns.reservation(floor, callback) is None:
        callback.phase, callback.offer_id = "ahead", None  # its agent is no more
    if callback.phase == "ahead":
        wishes.stand(floor, callback, now)
    floor.callbacks.touch(callback)
    floor.timers.set("callback", callback.callback_id, now + wishes.LOOK_AGAIN_S)
