"""What happens to a caller in the line of a queue: offers, the way back, being adopted. Pure; each function moves one `Call`.

From `OfferMade` to `CallReturned` the caller is not in our hands and nothing is sent. The line itself (places, order,
who is offered) is the router's; here it is only known which offer is the current one, so that news of older ones are
recognised. The router may live in another process: what our own node tells can overtake what the router told before.
"""

from hotline.facts import (
    CallAdopted,
    CallArrived,
    CallFellBack,
    CallFlowedOut,
    CallReturned,
    CustomerDialled,
    OfferAccepted,
    OfferFact,
    OfferMade,
)
from hotline.ids import QueueId
from ivr.flow.model import QueueStep
from ivr.instead import handed_on, treatments
from ivr.line.stay import Stay
from ivr.sessions.call import NO_ROUTER, Call
from ivr.sessions.walk import enter

RETURN_GRACE_S = 2.0
"""How long after the end of an offer the caller may take to come back to us, before we assume it."""
RELEASE_GRACE_S = 3.0
"""How long the router may take to hand a caller to the fallback queue, before we do it."""
RING_GRACE_S = 10.0
"""How much longer than it may ring an offer may take, before we assume that its end was lost."""


def offered(call: Call, event: OfferMade | OfferAccepted) -> None:
    """The caller goes to a seat, or reached it."""
    if call.stay is None or _is_old(call, event) or not call.stay.begins(event.offer_id):
        call.ignore(event)
        return
    call.state = "ringing" if isinstance(event, OfferMade) else "talking"
    call.deadline = call.now + event.ring_timeout_s + RING_GRACE_S if isinstance(event, OfferMade) else None
    call.play_id = None
    call.leave = None
    if isinstance(event, OfferAccepted):
        call.remember(served=True)


def _is_old(call: Call, event: OfferMade | OfferAccepted) -> bool:
    """Return whether an offer was made before the call was adopted: it waited for us in the broker while we were dead."""
    return isinstance(event, OfferMade) and call.adopted_at is not None and event.at < call.adopted_at


def offer_over(call: Call, event: OfferFact) -> None:
    """The offer or the conversation ended. The caller comes back now; if he never left us (the ring was refused), nobody tells."""
    if call.stay is None or not call.stay.is_current(event.offer_id):
        call.ignore(event)
        return
    call.deadline = call.now + RETURN_GRACE_S


def returned(call: Call, event: CallReturned) -> None:
    """The caller is back in our hands."""
    if call.stay is None or not call.stay.ends(event.offer_id):
        call.ignore(event)
        return
    if handed_on.is_to_be_led(event):
        handed_on.lead_on(call, event)
    else:
        _back(call, answered=event.answered or call.state == "talking")


def ring_due(call: Call) -> None:
    """Nobody told that the caller came back from an offer that ended."""
    _back(call, answered=False)


def talk_due(call: Call) -> None:
    """Nobody told that the caller came back from a conversation that ended."""
    _back(call, answered=True)


def _back(call: Call, *, answered: bool) -> None:
    assert call.stay is not None
    call.stay.offer_id = None
    if answered:
        _served(call)
    elif call.stay.treatment or call.stay.announce:
        treatments.perform(call)
    elif call.stay.left:
        call.release(call.stay.left)
    elif call.stay.queue_id:
        call.wait()
    else:  # adopted while it rang, and nothing was kept on its channel
        call.stay = None
        enter(call, call.flow.start)


def _served(call: Call) -> None:
    """Go on with the flow. The new place is kept at once: with the old one an adopted call would join the line again."""
    call.tell("served")
    call.stay = None
    step = call.flow.steps.get(call.step)
    if isinstance(step, QueueStep) and step.after:
        call.step = step.after
        call.remember()
        enter(call, step.after)
    else:
        call.hang_up("served")


def flowed_out(call: Call, event: CallFlowedOut) -> None:
    """The router let the caller leave the line, and hands him to the fallback queue. If that fails, we do it."""
    stay = call.stay
    ours = stay is not None and (event.queue_id, event.entered_at) == (stay.queue_id, stay.entered_at)
    if stay is None or not ours or (event.reason == "moved" and not event.treatment):
        call.ignore(event)
    elif event.treatment or event.announce:
        treatments.flowed_out(call, event)
    elif call.state in ("announcing", "waiting"):
        call.tell("released")
        call.release_later(event.reason, RELEASE_GRACE_S)
    else:
        stay.left = event.reason


def fell_back(call: Call, event: CallFellBack) -> None:
    """The caller whom we let go is in the fallback queue. That he left the line for want of a router, no router tells."""
    if call.stay is not None:
        left = CallFlowedOut(
            at=event.at,
            call_id=call.call_id,
            queue_id=call.stay.queue_id,
            entered_at=call.stay.entered_at,
            reason=NO_ROUTER,
        )
        call.out.append(left)
    call.state = "ended"
    call.deadline = None


# --- adoption ---------------------------------------------------------------------------------------------------------


def adopt(call: Call, event: CallAdopted) -> None:
    """Go on where the call was when whoever served it died. One who waited keeps his stay in the line.

    He is told as queued once more, with his old time of entry. The router knows the place too, but takes over only those that
    make sense to it; somebody whose queue is gone it turns away when he is told as queued, and not when he is told as adopted.
    """
    call.adopted_at = event.at
    place = event.place
    known = place is not None and (place.flow, place.flow_version) == (call.flow.name, call.flow.version)
    if place is not None:
        if place.language in call.flow.languages:
            call.language, call.chose_language = place.language, True
        if known or place.served or place.queue_id is not None:
            call.step = place.step
        if place.queue_id is not None:
            entered_at = place.entered_at or event.arrived_at or event.at
            call.stay = Stay.of(place, entered_at, event.offer_id, call.past_offers)
    if event.phase in ("ringing", "talking"):
        call.stay = call.stay or Stay(queue_id=QueueId(""), offer_id=event.offer_id, past=call.past_offers)
        call.state = "ringing" if event.phase == "ringing" else "talking"
    elif event.phase == "session" and handed_on.is_to_be_led(event):
        handed_on.lead_on(call, event)
    elif event.phase == "outside" or (place is not None and place.treatment):
        treatments.adopt(call, event)
    elif call.stay is not None:
        call.line_up(call.stay)
        call.wait()
    elif place is not None and place.served:
        _served(call)
    else:
        enter(call, call.step if call.step in call.flow.steps else call.flow.start)


def called(call: Call, event: CallArrived) -> None:
    """We called, for a callback: he stands in the line already. Without a place, or a router, the call is good for nothing."""
    place = event.place
    if place is None or place.queue_id is None or not call.router:
        call.hang_up("callback")
        return
    if place.language in call.flow.languages:
        call.language, call.chose_language = place.language, True
    if (place.flow, place.flow_version) == (call.flow.name, call.flow.version):
        call.step = place.step
    call.stay = Stay.of(place, place.entered_at, None, call.past_offers)
    call.remember()
    call.line_up(call.stay)
    call.tell("called")
    call.start_music()


def met(call: Call, event: CustomerDialled) -> None:
    """The customer of a callback has answered."""
    if call.stay is not None and event.result == "answered":
        call.stay.met = True


def adopted_again(call: Call, event: CallAdopted) -> None:
    """The telephony service has looked anew at a call that we never lost."""
    if event.at == call.adopted_at:
        call.ignore(event)
        return
    call.adopted_at = event.at
    match event.phase:
        case "session" if call.state in ("ringing", "talking") and handed_on.is_to_be_led(event):
            handed_on.lead_on(call, event)
        case "session" if call.state in ("ringing", "talking"):
            _back(call, answered=call.state == "talking")
        case "session" if call.state == "waiting":
            call.wait()
        case "session" if call.state == "outside":
            treatments.found_back(call)
        case "ringing" | "talking" if call.stay is not None:
            call.state = "ringing" if event.phase == "ringing" else "talking"
            call.stay.offer_id = event.offer_id
            call.deadline = None
        case "fallback":
            call.state = "ended"
            call.deadline = None
        case _:
            call.ignore(event)  # its prompt and its timer go on
