"""A callback's turn: an agent is reserved, the customer is called, and what comes of it. Pure.

    virtual caller chosen -> agent reserved, CallOut -> CallArrived
        agent first:     the agent is rung at once; the customer is dialled when he has answered (telephony sees to that)
        customer first:  the customer's phone rings; when he has answered the agent is rung
    customer and agent both there: reached.    Anything else: the call ends, and the virtual caller is back at his place.

From the moment the agent is rung the call is a caller in the line like any other: an agent who does not answer costs him nothing,
the next one is rung for him. An attempt counts when the customer was dialled. Nobody is called twice at once: a new call is made only
when the last one has ended, or a look at its node has shown that there is none; and a call that arrives when nobody waits for
it any more is hung up.
"""

import msgspec

from acd.callbacks import wishes
from acd.callbacks.book import Callback
from acd.core.agents import conduct
from acd.core.agents.roster import Agent
from acd.core.agents.sitting import external_number
from acd.core.callers import arriving, comeback
from acd.core.callers.line import Caller
from acd.core.floor import Floor, Note
from acd.core.matching.decisions import Made
from acd.core.offers.book import Offer, offer_id_of
from hotline.commands import CallOut, CommandEnded, Hangup, Refused, Ring
from hotline.facts import (
    CallAdopted,
    CallArrived,
    CallbackAttempted,
    CallbackPutOff,
    CallEnded,
    CallFellBack,
    CustomerDialled,
    NodeSurveyed,
    OfferAccepted,
    OfferMade,
    Place,
    SnapshotTaken,
)
from hotline.ids import CallId, NodeId, RecordingId

ARRIVE_S = 5.0
"""How long a call may take to be there."""
DIAL_SLACK_S = 5.0
"""How much longer than asked for a customer's phone may ring."""
REFUSED_PAUSE_S = 5.0
"""How soon somebody has his turn again for whom no call could be made."""
LOST = "lost"
"""What came of a call of which nobody told the end."""


def call(floor: Floor, caller: Caller, agent: Agent, decision: Made, now: float) -> None:
    """It is a virtual caller's turn: reserve this agent for him and have his call made."""
    callback = floor.callbacks.get(caller.call_id)
    assert callback is not None
    wish, queue = callback.wish, floor.queues[caller.queue_id]
    comeback.leave(floor, caller)
    floor.timers.clear("callback", callback.callback_id)
    callback.calls += 1
    callback.phase, callback.begun_at, callback.result = "calling", now, ""
    floor.callbacks.ledger.begin(callback.call_id, now)
    note = Note(node=callback.node, number=wish.number, name=wish.name, customer_id=wish.customer_id or "")
    floor.notes.put(callback.call_id, note)
    offer = _reserve(floor, callback, agent, now)
    known = msgspec.structs.replace(decision.known, call_id=offer.call_id, offer_id=offer.offer_id)
    floor.decisions.add(msgspec.structs.replace(decision, known=known))
    floor.tell(
        CallbackAttempted(
            at=now,
            callback_id=callback.callback_id,
            queue_id=wish.queue_id,
            call_id=callback.call_id,
            attempt=callback.attempts + 1,
            agent_id=agent.id,
            first=queue.callback.first,
            waited_s=max(now - wish.at, 0.0),
        )
    )
    conduct.move(floor, agent, "reserve", now, call_id=callback.call_id)
    floor.ask(
        CallOut(
            node=callback.node,
            call_id=callback.call_id,
            number=wish.number,
            first=queue.callback.first,
            ring_timeout_s=queue.callback.ring_timeout_s,
            dialled=wish.dialled,
            place=_place(callback, now),
        )
    )


def _place(callback: Callback, now: float) -> Place:
    wish = callback.wish
    return Place(
        flow=wish.flow,
        flow_version=wish.flow_version,
        step=wish.step,
        language=wish.language,
        queue_id=wish.queue_id,
        entered_at=now,
        since=wish.entered_at,
        priority=wish.priority,
        skills=wish.skills,
        levels=wish.levels,
        callback=True,
    )


def _reserve(floor: Floor, callback: Callback, agent: Agent, now: float) -> Offer:
    """Open the offer that keeps an agent for the call. It is told, and rung for, when the call (and the customer) is there."""
    floor.offers_made += 1
    offer = Offer(
        offer_id=offer_id_of(callback.call_id, floor.epoch, floor.offers_made),
        call_id=callback.call_id,
        agent_id=agent.id,
        extension=agent.seat,
        queue_id=callback.wish.queue_id,
        node=wishes.NOBODY,
        made_at=now,
        ring_timeout_s=ARRIVE_S,
        entered_at=now,
        named=bool(callback.wish.name),
        kind="callback",
    )
    callback.offer_id = offer.offer_id
    floor.callbacks.touch(callback)
    floor.open_offer(offer)
    return offer


# --- the call is there --------------------------------------------------------------------------------------------------


def arrived(floor: Floor, fact: CallArrived, now: float) -> None:
    """A call of ours is there: go on with it, or hang it up if nobody waits for it."""
    if fact.origin != "callback" or fact.reconciled:
        return
    callback = floor.callbacks.of_call(fact.call_id)
    if callback is None or callback.phase == "waiting":
        floor.ask(Hangup(node=fact.node, call_id=fact.call_id, reason="callback_over"))
        return
    offer = floor.offers.get(callback.offer_id) if callback.offer_id is not None else None
    if callback.phase != "calling" or offer is None:
        floor.ignore("repeated_arrival")
        return
    callback.node = offer.node = fact.node
    floor.callbacks.touch(callback)
    if floor.queues[offer.queue_id].callback.first == "agent":
        ring(floor, callback, offer, now)
        return
    callback.phase = "dialling"
    _count(floor, callback)
    offer.made_at = now
    offer.ring_timeout_s = floor.queues[offer.queue_id].callback.ring_timeout_s + DIAL_SLACK_S
    floor.touch(offer)
    floor.timers.set("offer", offer.offer_id, offer.deadline)


def ring(floor: Floor, callback: Callback, offer: Offer, now: float) -> None:
    """Ring the agent who is reserved. From here on the call is a caller in the line, under the offer of this agent."""
    queue, agent = floor.queues[offer.queue_id], floor.agents[offer.agent_id]
    callback.phase, callback.offer_id = "live", None
    floor.callbacks.touch(callback)
    offer.made_at, offer.ring_timeout_s = now, queue.ring_timeout_s
    floor.touch(offer)
    floor.timers.set("offer", offer.offer_id, offer.deadline)
    asked = msgspec.structs.replace(
        wishes.queued(callback, entered_at=offer.entered_at, at=now), call_id=callback.call_id
    )
    caller = arriving.enter(floor, asked, now)
    caller.offers_made += 1
    recording = RecordingId(offer.offer_id) if queue.record else None
    floor.tell(
        OfferMade(
            at=now,
            call_id=offer.call_id,
            offer_id=offer.offer_id,
            agent_id=offer.agent_id,
            extension=offer.extension,
            queue_id=offer.queue_id,
            ring_timeout_s=offer.ring_timeout_s,
            entered_at=offer.entered_at,
            recording_id=recording,
            kind="callback",
        )
    )
    floor.ask(
        Ring(
            node=offer.node,
            call_id=offer.call_id,
            offer_id=offer.offer_id,
            agent_id=offer.agent_id,
            extension=offer.extension,
            ring_timeout_s=offer.ring_timeout_s,
            music_class=queue.music_class,
            caller_name=callback.wish.name,
            recording_id=recording,
            seat_node=agent.seat_node if agent.seat_node and agent.seat_node != offer.node else None,
            number=external_number(agent, floor.outbound),
        )
    )


def _count(floor: Floor, callback: Callback) -> None:
    """The customer is dialled: that is an attempt."""
    if not callback.counted:
        callback.counted = True
        callback.attempts += 1
    floor.callbacks.touch(callback)


# --- what comes of it ---------------------------------------------------------------------------------------------------


def dialled(floor: Floor, fact: CustomerDialled, now: float) -> None:
    """The customer answered, or did not; then his call is about to end."""
    callback = floor.callbacks.of_call(fact.call_id)
    if callback is None or callback.phase == "waiting" or callback.met:
        floor.ignore("late_callback")
        return
    _count(floor, callback)
    if fact.result != "answered":
        callback.result = fact.result  # `_count` has it remembered
        return
    callback.met = True
    offer = floor.offers.get(callback.offer_id) if callback.offer_id is not None else None
    if callback.phase == "dialling" and offer is not None:
        ring(floor, callback, offer, now)
    floor.callbacks.touch(callback)
    _look_if_reached(floor, callback, now)


def accepted(floor: Floor, fact: OfferAccepted, now: float) -> None:
    """An agent answered; where he was first, the customer is dialled now."""
    callback = floor.callbacks.of_call(fact.call_id)
    if callback is not None and callback.phase == "live":
        callback.talked = True
        floor.callbacks.touch(callback)
        _look_if_reached(floor, callback, now)


def _look_if_reached(floor: Floor, callback: Callback, now: float) -> None:
    if callback.met and callback.talked:
        wishes.end(floor, callback, now, "reached")


def ended(floor: Floor, fact: CallEnded, now: float) -> None:
    """A call is over before both were there. A customer who had answered hung up himself: he is not called again."""
    callback = floor.callbacks.of_call(fact.call_id)
    if callback is None or callback.phase == "waiting":
        return
    _withdraw(floor, callback, now)
    if callback.result.startswith("cancelled:"):
        wishes.end(floor, callback, now, "cancelled", reason=callback.result.partition(":")[2])
    elif callback.met:
        wishes.end(floor, callback, now, "failed", reason="hung_up")
    else:
        put_off(floor, callback, now, callback.result or ("no_agent" if not callback.counted else LOST))


def fell_back(floor: Floor, fact: CallFellBack, now: float) -> None:
    """Asterisk's own queue serves a customer who had answered."""
    callback = floor.callbacks.of_call(fact.call_id)
    if callback is not None and callback.phase != "waiting" and callback.met:
        wishes.end(floor, callback, now, "failed", reason="fallback")


def _withdraw(floor: Floor, callback: Callback, now: float) -> None:
    """Take a call out of the line that is over or nobody's, and let an agent go who was only reserved for it."""
    caller = floor.line.get(callback.call_id)
    if caller is not None and not callback.met:
        comeback.flow_out(floor, caller, now, reason="not_reached")
    offer = floor.offers.get(callback.offer_id) if callback.offer_id is not None else None
    if offer is not None:
        floor.close_offer(offer)
        conduct.release(floor, offer, now, reason="not_reached")
    callback.offer_id = None
    floor.callbacks.touch(callback)


def put_off(floor: Floor, callback: Callback, now: float, result: str) -> None:
    """Put a callback back to its place; too many attempts, or too late, and it is over."""
    policy = floor.queues[callback.wish.queue_id].callback
    floor.callbacks.ledger.end(callback.call_id)
    if callback.attempts >= policy.attempts:
        wishes.end(floor, callback, now, "failed", reason=result)
        return
    pause_s = policy.retry_after_s if callback.counted else REFUSED_PAUSE_S
    callback.retry_at, callback.result = now + pause_s, result
    floor.tell(
        CallbackPutOff(
            at=now,
            callback_id=callback.callback_id,
            queue_id=callback.wish.queue_id,
            call_id=callback.call_id,
            attempt=callback.attempts + (not callback.counted),
            result=result,
            retry_at=callback.retry_at,
        )
    )
    wishes.line_up(floor, callback, now)


# --- when nobody tells ----------------------------------------------------------------------------------------------------


def overdue(floor: Floor, offer: Offer, now: float) -> bool:
    """The time of an agent's reservation is over; return whether it was one. What there is of the call is hung up."""
    callback = floor.callbacks.of_call(offer.call_id)
    if callback is None or callback.offer_id != offer.offer_id:
        return False
    give_up(floor, callback, now)
    return True


def give_up(floor: Floor, callback: Callback, now: float) -> None:
    """Nobody told what became of a call: have it hung up, if there is one, and make another one later."""
    floor.ask(Hangup(node=callback.node, call_id=callback.call_id, reason="callback_over"))
    _withdraw(floor, callback, now)
    put_off(floor, callback, now, LOST)


def command_ended(floor: Floor, outcome: CommandEnded, now: float) -> None:
    """No call could be made."""
    if not isinstance(outcome.command, CallOut) or not isinstance(outcome.outcome, Refused):
        return
    callback = floor.callbacks.of_call(outcome.command.call_id)
    if callback is not None and callback.phase == "calling":
        _withdraw(floor, callback, now)
        put_off(floor, callback, now, "refused")


def looked(floor: Floor, signal: SnapshotTaken, now: float) -> None:
    """A look at a node: calls that are not there are over. One that was only just asked for may still be on its way."""
    _compare(floor, signal.node, frozenset(signal.living), signal.at, now)


def surveyed(floor: Floor, survey: NodeSurveyed, now: float) -> None:
    """The same, for a router that has just begun; calls that it finds are callers like any other."""
    _compare(floor, survey.node, frozenset(c.call_id for c in survey.calls), survey.at, now)


def _compare(floor: Floor, node: NodeId, living: frozenset[CallId], at: float, now: float) -> None:
    for callback in list(floor.callbacks):
        if callback.phase == "waiting" or callback.node != node or callback.call_id in living:
            continue
        if callback.phase != "calling" or at - callback.begun_at > ARRIVE_S:
            ended(floor, CallEnded(at=at, call_id=callback.call_id, reconciled=True), now)


def adopted(floor: Floor, fact: CallAdopted, _now: float) -> None:
    """A call of ours was found after a gap: it goes on as a caller in the line.

    Not one that nobody waits for any more, and not one whose customer's phone rings, as it seems, while nobody keeps an agent for him.
    """
    callback = floor.callbacks.of_call(fact.call_id)
    if callback is None or fact.phase not in ("session", "ringing"):
        return
    if callback.phase in ("waiting", "dialling"):
        floor.ask(Hangup(node=fact.node, call_id=fact.call_id, reason="callback_over"))
    elif callback.phase == "calling":
        callback.phase, callback.offer_id = "live", None
        floor.callbacks.touch(callback)


# --- our own restart ------------------------------------------------------------------------------------------------------


def restore(floor: Floor, callbacks: list[Callback], now: float) -> None:
    """Take up the callbacks of an earlier life. Calls that it had asked for may live: their nodes will tell."""
    for callback in callbacks:
        if callback.over_at is not None:
            floor.callbacks.bury(callback)
            continue
        if callback.wish.queue_id not in floor.queues:
            floor.callbacks.keep(callback)
            wishes.end(floor, callback, now, "failed", reason="unknown_queue")
            continue
        floor.callbacks.keep(callback)
        if callback.phase == "waiting":
            wishes.line_up(floor, callback, now)
            continue
        note = Note(node=callback.node, number=callback.wish.number, name=callback.wish.name)
        floor.notes.put(callback.call_id, note)
        floor.callbacks.ledger.begin(callback.call_id, callback.begun_at)
        floor.timers.set("callback", callback.callback_id, now + 2 * ARRIVE_S)
