"""How an offer ends, and where that leaves the agent and the caller. Pure.

Telephony tells every ending of a ring; here it becomes a rest, a break or freedom for the agent, and for the caller the way
back into the line at his old place. When nobody tells, the offer's own clock ends it. An ended offer frees its agent at
once, but its caller is offered again only when he is known to be in our hands.
"""

from acd.core.agents import after_talk, conduct
from acd.core.callers import comeback, standing
from acd.core.callers.line import Caller
from acd.core.floor import Floor
from acd.core.matching import sticky
from acd.core.offers import rings
from acd.core.offers.book import (
    BAD_RING_REST_S,
    GRACE_S,
    NOT_RINGING,
    REFUSAL_S,
    REFUSED_RING_PAUSE_S,
    REFUSED_RINGS,
    RETURN_S,
    Offer,
)
from acd.core.talks import consults
from hotline.commands import CancelRing, CommandEnded, Refused, Ring
from hotline.facts import (
    CallReturned,
    OfferAccepted,
    OfferBusy,
    OfferFailed,
    OfferRang,
    OfferRejected,
    OfferRescinded,
    OfferTimedOut,
    OfferUnknown,
    ScreenPopped,
    TalkEnded,
)
from hotline.ids import OfferId

# --- what the phone tells ----------------------------------------------------------------------------------------------


def rang(floor: Floor, fact: OfferRang, now: float) -> None:
    """The agent's phone rings."""
    offer = floor.offers.get(fact.offer_id)
    if offer is None or offer.phase != "made":
        floor.ignore("late_offer")
        return
    offer.phase = "ringing"
    floor.touch(offer)
    caller = floor.line.get(offer.call_id)
    if caller is not None:
        caller.refused_rings = 0
    if offer.named:
        floor.tell(ScreenPopped(at=now, call_id=offer.call_id, offer_id=offer.offer_id, agent_id=offer.agent_id))
    conduct.move(floor, floor.agents[offer.agent_id], "rang", now, by="phone", call_id=offer.call_id)


def accepted(floor: Floor, fact: OfferAccepted, now: float) -> None:
    """The agent answered; the caller leaves the line.

    It may be the answer to an offer that we had given up while its caller was not back yet: the phone is right.
    """
    caller = floor.line.get(fact.call_id)
    offer = floor.offers.get(fact.offer_id)
    if offer is not None and offer.phase != "talking" and not offer.caller_left:
        talk(floor, offer, now)
    elif offer is None and caller is not None and rings.rings_under(caller, fact.offer_id):
        _revive(floor, caller, fact.offer_id, now)
    else:
        floor.ignore("late_offer")


def talk(floor: Floor, offer: Offer, now: float) -> None:
    """Note that caller and agent are bridged."""
    begins = offer.phase != "talking"
    offer.phase, offer.restored = "talking", False
    floor.touch(offer)
    floor.timers.clear("offer", offer.offer_id)
    caller = floor.line.get(offer.call_id)
    if caller is not None:
        comeback.leave(floor, caller)
    elif offer.kind != "consult":
        floor.known.drop(offer.call_id)  # he waited in an earlier life of ours
    rings.won(floor, offer, now)
    agent = floor.agents[offer.agent_id]
    agent.no_answers = 0
    if begins and offer.kind != "consult":
        note_served(floor, offer)
    after_talk.begin(floor, agent, offer)
    conduct.move(floor, agent, "answered", now, by="phone", call_id=offer.call_id)


def note_served(floor: Floor, offer: Offer) -> None:
    """Note that an agent has this caller now: it is one of his calls, and he is who served him last."""
    floor.agents[offer.agent_id].work.calls += 1
    sticky.note_served(floor, offer)


def _revive(floor: Floor, caller: Caller, offer_id: OfferId, now: float) -> None:
    offer = next((o for o in caller.ring if o.offer_id == offer_id), None)
    comeback.leave(floor, caller)
    if offer is None or floor.offers.of_agent(offer.agent_id) is not None:
        return
    agent = floor.agents[offer.agent_id]
    if agent.state == "break" or agent.state == "offline":
        agent.wish, agent.wish_reason = agent.state, agent.reason
    floor.open_offer(offer)
    talk(floor, offer, now)


def timed_out(floor: Floor, fact: OfferTimedOut, now: float) -> None:
    """Nobody answered: the agent rests; too often in a row, and he is set on a break."""
    offer = _unanswered(floor, fact.offer_id)
    if offer is not None:
        _end(floor, offer, now, "no_answer")
        _no_answer(floor, offer, now)


def rejected(floor: Floor, fact: OfferRejected, now: float) -> None:
    """The agent pressed "reject": he is free for others, at the end of the idle ones, and spared this caller."""
    offer = _unanswered(floor, fact.offer_id)
    if offer is None:
        return
    _end(floor, offer, now, "rejected")
    caller = floor.line.get(offer.call_id)
    if caller is not None:
        caller.refusals = {**caller.refusals, offer.agent_id: now + REFUSAL_S}
        standing.remember(floor, caller)
        sticky.judge(floor, caller, now)
        floor.judge_refusals(caller, now)
    conduct.release(floor, offer, now, reason="rejected", keep_idle=False)


def bad_ring(floor: Floor, fact: OfferBusy | OfferFailed, now: float) -> None:
    """The phone was busy or could not be rung: the agent rests for a moment.

    A phone that is busy again and again, although it is in no call of ours, has its key "do not disturb" pressed: its agent is set on
    a break, as after too many rings without an answer. So is one at an external number, where each attempt is a call to the outside.
    """
    offer = _unanswered(floor, fact.offer_id)
    if offer is None:
        return
    busy = isinstance(fact, OfferBusy)
    _end(floor, offer, now, "busy" if busy else "failed")
    if floor.agents[offer.agent_id].profile.remote_number:
        _no_answer(floor, offer, now)
    elif busy:
        _in_vain(floor, offer, now, BAD_RING_REST_S, reason="busy", too_often="phone_busy")
    else:
        rest(floor, offer, now, BAD_RING_REST_S, "ring_failed")


def rescinded(floor: Floor, fact: OfferRescinded, now: float) -> None:
    """The offer was taken back: the agent keeps his place among the idle ones."""
    offer = _unanswered(floor, fact.offer_id)
    if offer is not None:
        _end(floor, offer, now, consults.rescinded_because(fact))
        conduct.release(floor, offer, now, reason=fact.reason)


def talk_ended(floor: Floor, fact: TalkEnded, now: float) -> None:
    """The conversation is over."""
    offer = floor.offers.get(fact.offer_id)
    if offer is None:
        floor.ignore("late_offer")
    elif offer.kind == "consult":
        consults.let_go(floor, offer, now)
    else:
        hang_up(floor, offer, now)


def hang_up(floor: Floor, offer: Offer, now: float, *, reason: str = "") -> None:
    """Close an answered offer: the agent goes into wrap-up, or home where there is none or he wished to leave."""
    caller = floor.line.get(offer.call_id)
    if caller is not None:
        comeback.leave(floor, caller)
    rings.won(floor, offer, now)
    floor.close_offer(offer)
    floor.between.handled(offer.queue_id, now - offer.made_at + floor.queues[offer.queue_id].wrap_up_s)
    after_talk.follow(floor, offer, now, reason=reason)


def returned(floor: Floor, signal: CallReturned, now: float) -> None:
    """The caller is in our hands again. After a conversation he is no longer ours to distribute."""
    offer = next(iter(floor.offers.ring(signal.call_id, signal.offer_id)), floor.offers.get(signal.offer_id))
    caller = floor.line.get(signal.call_id)
    if signal.answered:
        consults.forsaken(floor, signal.call_id, now)
        if (
            offer is not None and not offer.caller_left
        ):  # else it rang with the one that was answered, and waits for its last word
            hang_up(floor, offer, now)
        elif caller is not None and caller.away == signal.offer_id:
            comeback.leave(floor, caller)
        return
    if caller is None or caller.away != signal.offer_id:
        floor.ignore("late_return")
    elif offer is None:
        comeback.come_back(floor, caller, now)
    else:
        for member in floor.offers.ring_of(offer):
            member.caller_back, member.closes_at = True, now + GRACE_S
            floor.timers.set("offer", member.offer_id, member.deadline)


def _unanswered(floor: Floor, offer_id: OfferId) -> Offer | None:
    """Return a live offer that nobody has answered; anything else is late news."""
    offer = floor.offers.get(offer_id)
    if offer is not None and offer.phase != "talking":
        return offer
    floor.ignore("late_offer")
    return None


def _no_answer(floor: Floor, offer: Offer, now: float) -> None:
    rest_s = floor.queues[offer.queue_id].rest_after_no_answer_s
    _in_vain(floor, offer, now, rest_s, reason="no_answer", too_often="no_answer")


def _in_vain(floor: Floor, offer: Offer, now: float, rest_s: float, *, reason: str, too_often: str) -> None:
    """He was rung in vain: he rests; too many times in a row, and he is set on a break."""
    agent, queue = floor.agents[offer.agent_id], floor.queues[offer.queue_id]
    agent.no_answers += 1
    if agent.no_answers < queue.no_answers_before_break:
        rest(floor, offer, now, rest_s, reason)
    elif agent.wish is not None:
        conduct.release(floor, offer, now, reason=reason)
    else:
        agent.no_answers = 0
        conduct.move(floor, agent, "impose_break", now, reason=too_often)


def rest(floor: Floor, offer: Offer, now: float, for_s: float, reason: str) -> None:
    """Spare an agent for a while after a ring that went wrong; if he wished to leave, he leaves."""
    agent = floor.agents[offer.agent_id]
    if for_s > 0 and agent.wish is None:
        conduct.move(floor, agent, "rest", now, reason=reason, for_s=for_s)
    else:
        conduct.release(floor, offer, now, reason=reason, keep_idle=False)


def _end(floor: Floor, offer: Offer, now: float, how: str) -> None:
    """Close an unanswered offer; its caller is on his way back, unless he is back already, or talks with who asks this agent."""
    floor.close_offer(offer)
    if offer.kind == "consult":
        consults.over(floor, offer, now, how)
        return
    caller = floor.line.get(offer.call_id)
    if caller is None or caller.away != offer.ring or floor.offers.ring(offer.call_id, offer.ring):
        return  # or other phones ring for him
    if offer.caller_back:
        comeback.come_back(floor, caller, now)
    else:
        caller.whereabouts = "returning"
        floor.timers.set("return", caller.call_id, now + RETURN_S)


# --- when nobody tells ---------------------------------------------------------------------------------------------------


def overdue(floor: Floor, offer: Offer, now: float) -> None:
    """An offer's time is over, and that of those that ring with it, and nobody told how it ended. One that was answered has no end."""
    ring = floor.offers.ring_of(offer)
    due = [member for member in ring if member.phase != "talking" and (member is offer or member.deadline <= now)]
    for member in due:
        _overdue(floor, member, now, last=member is due[0] and len(due) == len(ring))


def _overdue(floor: Floor, offer: Offer, now: float, *, last: bool) -> None:
    floor.tell(OfferUnknown(at=min(now, offer.deadline), call_id=offer.call_id, offer_id=offer.offer_id))
    if offer.caller_left:
        _end(floor, offer, now, "caller_left")
        conduct.release(floor, offer, now, reason="caller_left")
        return
    if last and not offer.caller_back:
        consults.take_back(floor, offer)
    _end(floor, offer, now, "unknown")
    rest(floor, offer, now, floor.queues[offer.queue_id].rest_after_no_answer_s, "unknown")


def command_ended(floor: Floor, ended: CommandEnded, now: float) -> None:
    """Learn what came of a command. Only a refusal tells something: nothing rang, or nothing rings any more."""
    if not isinstance(ended.outcome, Refused):
        return
    match ended.command:
        case Ring(call_id=call_id, offer_id=offer_id):
            ring = floor.offers.ring(call_id, offer_id)
            if not ring or any(offer.phase != "made" for offer in ring):
                floor.ignore("late_outcome")
            for offer in [offer for offer in ring if offer.phase == "made"]:
                _ring_refused(floor, offer, ended.outcome.reason, now)
        case CancelRing(call_id=call_id, offer_id=offer_id) if ended.outcome.reason == NOT_RINGING:
            caller = floor.line.get(call_id)
            if caller is not None and caller.whereabouts == "returning" and caller.away == offer_id:
                comeback.come_back(floor, caller, now)
        case _:
            floor.ignore("refused_command")


def _ring_refused(floor: Floor, offer: Offer, reason: str, now: float) -> None:
    """Nothing rang: the caller never left our hands, but is spared another attempt for a moment, as is the agent."""
    floor.close_offer(offer)
    if offer.caller_left:
        floor.tell(OfferRescinded(at=now, call_id=offer.call_id, offer_id=offer.offer_id, reason="caller_left"))
        conduct.release(floor, offer, now, reason="caller_left")
        return
    floor.tell(OfferFailed(at=now, call_id=offer.call_id, offer_id=offer.offer_id, reason=reason))
    rest(floor, offer, now, BAD_RING_REST_S, "ring_refused")
    caller = floor.line.get(offer.call_id)
    if caller is None or caller.away != offer.ring or floor.offers.ring(offer.call_id, offer.ring):
        return
    caller.away, caller.offer, caller.ring = None, None, ()
    caller.refused_rings += 1
    if caller.refused_rings >= REFUSED_RINGS:
        comeback.give_up(floor, caller, now, reason="lost")
    else:
        caller.whereabouts = "paused"
        floor.timers.set("pause", caller.call_id, now + REFUSED_RING_PAUSE_S)
