"""What comes of a call that was made for a callback. Pure.

Customer and agent both there: reached. A customer who answered and hung up before that is not called again. Anything else is an attempt,
if he was dialled, and the virtual caller is back at his place; too many of them, and the callback has failed.

Nobody is called twice at once: a new call is made only when the last one has ended, or a look at its node (`gaps`) has shown that there
is none, or when its phone must have stopped ringing.
"""

from acd.callbacks import turns, wishes
from acd.callbacks.book import Callback
from acd.core.callers import comeback
from acd.core.floor import Floor
from acd.core.offers.book import Offer
from acd.core.requests import AgentRequest
from hotline.commands import CallOut, CommandEnded, Hangup, Refused
from hotline.facts import CallbackPutOff, CallEnded, CallFellBack, CustomerDialled, OfferAccepted
from hotline.ids import CallId

REFUSED_PAUSE_S = 5.0
"""How soon somebody has his turn again for whom no call could be made."""
LOST = "lost"
"""What came of a call in which the customer's phone rang, and of which nobody told the end."""
UNKNOWN = "unknown"
"""The same of a call of which nobody told whether his phone rang: that is no attempt."""
AWAY_S = 60.0
"""When a node has not been seen for so long, its calls in which nobody talks yet are over: their leases are."""
_LEAVES = frozenset({"not_ready", "log_out", "force_break", "force_offline"})
"""What agents ask for who do not want to wait for a customer's answer."""


def dialled(floor: Floor, fact: CustomerDialled, now: float) -> None:
    """The customer answered, or did not; then his call is about to end."""
    callback = floor.callbacks.of_call(fact.call_id)
    if callback is None or callback.phase == "waiting" or callback.met:
        floor.ignore("late_callback")
        return
    if not callback.there:
        turns.there(floor, callback, callback.node, now)  # that was told before, and got lost
    turns.count(floor, callback)
    if fact.result == "answered":
        met(floor, callback, now)
    elif not callback.result.startswith(wishes.CANCELLED):
        callback.result = fact.result  # `count` has it remembered


def met(floor: Floor, callback: Callback, now: float) -> None:
    """The customer is on the line."""
    callback.met_at = now
    floor.callbacks.touch(callback)
    if callback.phase != "live":
        turns.serve(floor, callback, now)
    look_if_reached(floor, callback, now)


def accepted(floor: Floor, fact: OfferAccepted, now: float) -> None:
    """An agent answered; where he was first, the customer is dialled now."""
    callback = floor.callbacks.of_call(fact.call_id)
    if callback is not None and callback.phase == "live":
        callback.talked = True
        floor.callbacks.touch(callback)
        look_if_reached(floor, callback, now)


def look_if_reached(floor: Floor, callback: Callback, now: float) -> None:
    """Customer and agent are both there: it is over."""
    if callback.met and callback.talked:
        wishes.end(floor, callback, now, "reached")


# --- the call is over before that ---------------------------------------------------------------------------------------


def ended(floor: Floor, fact: CallEnded, now: float) -> None:
    """A call is over. If both were not there, the callback is not."""
    floor.callbacks.ledger.end(fact.call_id)
    callback = floor.callbacks.of_call(fact.call_id)
    if callback is not None and callback.is_under_way:
        over(floor, callback, now, seen=not fact.reconciled)


def over(floor: Floor, callback: Callback, now: float, *, seen: bool = False) -> None:
    """A call is over before both were there; `seen`: somebody saw it end."""
    in_line = floor.line.get(callback.call_id) is not None
    _withdraw(floor, callback, now)
    if callback.result.startswith(wishes.CANCELLED):
        wishes.end(floor, callback, now, "cancelled", reason=callback.result.removeprefix(wishes.CANCELLED))
    elif callback.met:
        left = "hung_up" if in_line else "flowed_out"  # he was treated otherwise
        wishes.end(floor, callback, now, "failed", reason=left if seen else LOST)
    elif callback.talked and seen and not callback.result:
        turns.count(floor, callback)  # the customer's phone rang, or was about to
        put_off(floor, callback, now, "agent_left")
    else:
        put_off(floor, callback, now, callback.result or (LOST if callback.counted else "no_agent"))


def fell_back(floor: Floor, fact: CallFellBack, now: float) -> None:
    """Asterisk's own queue serves a customer who had answered."""
    callback = floor.callbacks.of_call(fact.call_id)
    if callback is not None and callback.is_under_way and callback.met:
        wishes.end(floor, callback, now, "failed", reason="fallback")


def _withdraw(floor: Floor, callback: Callback, now: float) -> None:
    """Take a call out of the line that is over or nobody's, and let an agent go who was only reserved for it."""
    caller = floor.line.get(callback.call_id)
    if caller is not None and not callback.met:
        comeback.flow_out(floor, caller, now, reason="not_reached")
    wishes.stand_down(floor, callback)
    turns.let_go(floor, callback, now, reason="not_reached")


def put_off(floor: Floor, callback: Callback, now: float, result: str) -> None:
    """Put a callback back to its place; too many attempts, and it is over."""
    policy = floor.queues[callback.wish.queue_id].callback
    if callback.attempts >= policy.attempts:
        wishes.end(floor, callback, now, "failed", reason=result)
        return
    callback.retry_at, callback.result = now + _pause_s(floor, callback, result), result
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


def _pause_s(floor: Floor, callback: Callback, result: str) -> float:
    """Return how long he is not called. If his phone may ring of which nobody told, as long as it may."""
    policy = floor.queues[callback.wish.queue_id].callback
    if callback.counted:
        return policy.retry_after_s
    may_ring = result == UNKNOWN and callback.first == "customer"
    return policy.ring_timeout_s + turns.DIAL_SLACK_S if may_ring else REFUSED_PAUSE_S


def command_ended(floor: Floor, outcome: CommandEnded, now: float) -> None:
    """No call could be made."""
    if not isinstance(outcome.command, CallOut) or not isinstance(outcome.outcome, Refused):
        return
    callback = floor.callbacks.of_call(outcome.command.call_id)
    if callback is None or callback.there or callback.phase not in ("calling", "ahead"):
        return
    floor.callbacks.ledger.end(callback.call_id)
    if outcome.outcome.reason == "called_already":
        give_up(floor, callback, now)
    else:
        _withdraw(floor, callback, now)
        put_off(floor, callback, now, "refused")


# --- when an agent leaves, or nobody tells --------------------------------------------------------------------------------


def asked(floor: Floor, request: AgentRequest, now: float) -> None:
    """An agent leaves who is kept for a customer whose phone rings: let him go at once, nothing rings at his own."""
    offer = floor.offers.of_agent(request.agent_id) if request.ask in _LEAVES else None
    callback = floor.callbacks.of_call(offer.call_id) if offer is not None else None
    if offer is None or callback is None or callback.offer_id != offer.offer_id:
        return
    turns.without_agent(floor, callback, now, reason="agent_left")


def overdue(floor: Floor, offer: Offer, now: float) -> bool:
    """The time of an agent's reservation is over; return whether it was one."""
    callback = floor.callbacks.of_call(offer.call_id)
    if callback is None or callback.offer_id != offer.offer_id:
        return False
    if callback.away_since is not None:
        turns.without_agent(floor, callback, now, reason="unknown")  # its node is about to tell what became of it
    else:
        give_up(floor, callback, now)
    return True


def give_up(floor: Floor, callback: Callback, now: float) -> None:
    """Nobody told what became of a call: have it hung up, if there is one, and make another one later."""
    floor.ask(Hangup(node=callback.node, call_id=callback.call_id, reason="callback_over"))
    floor.callbacks.ledger.end(callback.call_id)
    _withdraw(floor, callback, now)
    put_off(floor, callback, now, LOST if callback.counted else UNKNOWN)


def due(floor: Floor, callback: Callback, now: float) -> None:
    """The time has come to look at a virtual caller, or after a call of which nothing was told."""
    if callback.phase == "waiting":
        wishes.look(floor, callback, now)
        return
    if callback.node in floor.links_down and callback.away_since is None:
        callback.away_since = now
        floor.callbacks.touch(callback)
    if _is_patient(floor, callback, now):
        floor.timers.set("callback", callback.callback_id, now + wishes.LOOK_AGAIN_S)
    elif callback.away_since is not None:
        floor.callbacks.ledger.end(callback.call_id)
        over(floor, callback, now)
    else:
        give_up(floor, callback, now)


def _is_patient(floor: Floor, callback: Callback, now: float) -> bool:
    """Return whether more can be told of a call: it is in the line, or is waited for by another clock, or its node may come back."""
    if callback.talked:
        return True
    if callback.away_since is not None:
        return now - callback.away_since < AWAY_S
    return callback.phase == "live" or turns.reservation(floor, callback) is not None or now < callback.due_at


def evicted(floor: Floor, call_id: CallId | None, now: float) -> None:
    """We failed at a callback, or a call of one: it is over. Whoever is on the line is looked after like any other caller."""
    callback = None if call_id is None else floor.callbacks.get(call_id) or floor.callbacks.of_call(call_id)
    if callback is None:
        return
    if callback.is_under_way and not callback.met:
        floor.ask(Hangup(node=callback.node, call_id=callback.call_id, reason="callback_over"))
        _withdraw(floor, callback, now)
    wishes.end(floor, callback, now, "failed", reason="error")
