"""A callback's turn: an agent is reserved, and the customer is called. What comes of it, `outcomes` tells. Pure.

    virtual caller chosen -> agent reserved, CallOut -> CallArrived
        agent first:     the agent is rung at once; the customer is dialled when he has answered (telephony sees to that)
        customer first:  the customer's phone rings; when he has answered the agent is rung
    customer and agent both there: reached.    Anything else: the call ends, and the virtual caller is back at his place.

Where the customer is first and an agent is only about to be free, he is dialled *ahead* of his turn (see `ahead`): the virtual caller stays
in the line meanwhile, and who is free first is reserved for him, or rung at once if he has answered before that.

From the moment the agent is rung the call is a caller in the line like any other: an agent who does not answer costs him nothing,
the next one is rung for him. An attempt counts when the customer was dialled.
"""

import msgspec

from acd.callbacks import wishes
from acd.callbacks.book import Callback
from acd.core.agents import conduct
from acd.core.agents.roster import Agent
from acd.core.agents.sitting import external_number
from acd.core.callers import arriving, comeback
from acd.core.callers.line import Caller
from acd.core.floor import Floor
from acd.core.matching.decisions import Made
from acd.core.offers.book import Offer, offer_id_of
from hotline.commands import CallOut, Hangup, Ring
from hotline.facts import CallArrived, CallbackAttempted, OfferMade, Place
from hotline.ids import NodeId, RecordingId

ARRIVE_S = 5.0
"""How long a call may take to be there."""
DIAL_SLACK_S = 5.0
"""How much longer than asked for a customer's phone may ring."""


def call(floor: Floor, caller: Caller, agent: Agent, decision: Made | None, now: float) -> None:
    """It is a virtual caller's turn: reserve this agent for him, and have his call made unless it was already."""
    callback = floor.callbacks.get(caller.call_id)
    assert callback is not None
    comeback.leave(floor, caller)
    floor.timers.clear("callback", callback.callback_id)
    ahead = callback.phase == "ahead"
    if not ahead:
        _begin(floor, callback, now)
    callback.phase = "dialling" if callback.there else "calling"
    offer = _reserve(floor, callback, agent, now, wait_s=max(callback.due_at - now, 0.0) if ahead else ARRIVE_S)
    if decision is not None:
        known = msgspec.structs.replace(decision.known, call_id=offer.call_id, offer_id=offer.offer_id)
        floor.decisions.add(msgspec.structs.replace(decision, known=known))
    conduct.move(floor, agent, "reserve", now, call_id=callback.call_id)
    if not ahead:
        _ask(floor, callback, agent, now)


def dial_ahead(floor: Floor, callback: Callback, now: float) -> None:
    """It is about to be a virtual caller's turn: have his call made, while he stays in the line."""
    _begin(floor, callback, now)
    callback.phase = "ahead"
    caller = floor.line.get(callback.virtual_id)
    if caller is not None:
        caller.dialled = True
    await_word(floor, callback, now, ARRIVE_S)
    _ask(floor, callback, None, now)


def _begin(floor: Floor, callback: Callback, now: float) -> None:
    wish = callback.wish
    callback.node = wishes.node_for(floor, callback) or callback.node
    callback.calls += 1
    callback.first = floor.queues[wish.queue_id].callback.first
    callback.begun_at, callback.due_at, callback.result = now, now + ARRIVE_S, ""
    callback.phase = "calling"
    floor.begin_outgoing(callback.call_id, now)
    floor.notes.put(callback.call_id, wishes.note_of(callback))
    floor.callbacks.touch(callback)
    wishes.look_at_others(floor, callback, now)


def _ask(floor: Floor, callback: Callback, agent: Agent | None, now: float) -> None:
    wish = callback.wish
    floor.tell(
        CallbackAttempted(
            at=now,
            callback_id=callback.callback_id,
            queue_id=wish.queue_id,
            call_id=callback.call_id,
            attempt=callback.attempts + 1,
            agent_id=agent.id if agent is not None else None,
            first=callback.first,
            waited_s=max(now - wish.at, 0.0),
        )
    )
    floor.ask(
        CallOut(
            node=callback.node,
            call_id=callback.call_id,
            number=wish.number,
            first=callback.first,
            ring_timeout_s=floor.queues[wish.queue_id].callback.ring_timeout_s,
            dialled=wish.dialled,
            place=_place(callback),
        )
    )


def _place(callback: Callback) -> Place:
    wish = callback.wish
    return Place(
        flow=wish.flow,
        flow_version=wish.flow_version,
        step=wish.step,
        language=wish.language,
        queue_id=wish.queue_id,
        entered_at=callback.begun_at,
        since=wish.entered_at,
        priority=wish.priority,
        skills=wish.skills,
        levels=wish.levels,
        callback=True,
    )


# --- the agent who is kept for it ---------------------------------------------------------------------------------------


def _reserve(floor: Floor, callback: Callback, agent: Agent, now: float, *, wait_s: float) -> Offer:
    """Open the offer that keeps an agent for the call. It is told, and rung for, when the call (and the customer) is there."""
    floor.offers_made += 1
    offer = Offer(
        offer_id=offer_id_of(callback.call_id, floor.epoch, floor.offers_made),
        call_id=callback.call_id,
        agent_id=agent.id,
        extension=agent.seat,
        queue_id=callback.wish.queue_id,
        node=callback.node if callback.there else wishes.NOBODY,
        made_at=now,
        ring_timeout_s=wait_s,
        entered_at=callback.begun_at,
        named=bool(callback.wish.name),
        kind="callback",
    )
    callback.offer_id = offer.offer_id
    floor.callbacks.touch(callback)
    floor.open_offer(offer)
    return offer


def reservation(floor: Floor, callback: Callback) -> Offer | None:
    """Return the offer that keeps an agent for a call whose customer is not there yet."""
    return floor.offers.get(callback.offer_id) if callback.offer_id is not None else None


def keep_longer(floor: Floor, callback: Callback, offer: Offer, now: float) -> None:
    """Keep the agent as long as the customer's phone may ring."""
    offer.made_at, offer.ring_timeout_s, offer.restored = now, max(callback.due_at - now, 0.0), False
    floor.touch(offer)
    floor.timers.set("offer", offer.offer_id, offer.deadline)


def let_go(floor: Floor, callback: Callback, now: float, *, reason: str) -> None:
    """Let the agent go who was kept for a call, if there is one."""
    offer = reservation(floor, callback)
    callback.offer_id = None
    floor.callbacks.touch(callback)
    if offer is not None:
        floor.close_offer(offer)
        conduct.release(floor, offer, now, reason=reason)


def without_agent(floor: Floor, callback: Callback, now: float, *, reason: str) -> None:
    """Let the agent go while the customer's phone rings: the virtual caller is back at his place, and the next free agent is kept."""
    let_go(floor, callback, now, reason=reason)
    callback.phase = "ahead"
    wishes.stand(floor, callback, now)
    await_word(floor, callback, now, max(callback.due_at - now, 0.0))


def await_word(floor: Floor, callback: Callback, now: float, for_s: float) -> None:
    """Wait for news of a call for which no agent is kept."""
    callback.due_at = now + for_s
    floor.callbacks.touch(callback)
    floor.timers.set("callback", callback.callback_id, callback.due_at)


# --- the call is there --------------------------------------------------------------------------------------------------


def arrived(floor: Floor, fact: CallArrived, now: float) -> None:
    """A call of ours is there: go on with it, or hang it up if nobody waits for it."""
    if fact.origin != "callback" or fact.reconciled:
        return
    callback = floor.callbacks.of_call(fact.call_id)
    if callback is None or callback.phase == "waiting":
        floor.ask(Hangup(node=fact.node, call_id=fact.call_id, reason="callback_over"))
    elif callback.there or callback.phase == "live":
        floor.ignore("repeated_arrival")
    else:
        there(floor, callback, fact.node, now)


def there(floor: Floor, callback: Callback, node: NodeId, now: float) -> None:
    """Go on with a call that is there: ring the agent, or wait for the customer."""
    callback.node, callback.there, callback.there_at, callback.away_since = node, True, now, None
    floor.callbacks.touch(callback)
    floor.notes.put(callback.call_id, wishes.note_of(callback))
    offer = reservation(floor, callback)
    if offer is not None:
        offer.node = node
    if callback.first == "agent":
        serve(floor, callback, now)
        return
    count(floor, callback)
    callback.due_at = now + floor.queues[callback.wish.queue_id].callback.ring_timeout_s + DIAL_SLACK_S
    if offer is not None:
        callback.phase = "dialling"
        keep_longer(floor, callback, offer, now)
    else:
        await_word(floor, callback, now, callback.due_at - now)
        wishes.look(floor, callback, now)


def count(floor: Floor, callback: Callback) -> None:
    """The customer is dialled: that is an attempt."""
    if not callback.counted:
        callback.counted = True
        callback.attempts += 1
    floor.callbacks.touch(callback)


def serve(floor: Floor, callback: Callback, now: float) -> None:
    """Let a call be a caller in the line: the agent who is kept for it is rung, or whoever is free next."""
    offer = reservation(floor, callback)
    wishes.stand_down(floor, callback)
    floor.timers.set("callback", callback.callback_id, now + wishes.LOOK_AGAIN_S)
    callback.phase, callback.offer_id = "live", None
    floor.callbacks.touch(callback)
    if offer is not None:
        offer.made_at, offer.ring_timeout_s = now, floor.queues[offer.queue_id].ring_timeout_s
        offer.restored = False
        floor.touch(offer)
        floor.timers.set("offer", offer.offer_id, offer.deadline)
    asked = wishes.queued(callback, entered_at=callback.begun_at, at=now)
    caller = arriving.enter(floor, msgspec.structs.replace(asked, call_id=callback.call_id), now)
    caller.there_since = callback.there_at
    if offer is not None:
        caller.offers_made += 1
        _ring(floor, callback, offer, now)


def _ring(floor: Floor, callback: Callback, offer: Offer, now: float) -> None:
    queue, agent = floor.queues[offer.queue_id], floor.agents[offer.agent_id]
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
    agent.work.offers += 1
    agent.work.offered_at = now
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
