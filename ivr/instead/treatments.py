"""What is done with a caller instead of letting him wait. Pure; each function moves one `Call`.

The router lets him out of the line and says how he is to be treated (`flowed_out`), or he asks for it himself by a key (`leave`).

    treated      something is said to him, then it is done: hang up, record a message, dial a number, join another line
    outside      the dialplan leads him by itself: he leaves a message, or talks with a number outside

A caller always ends somewhere: whatever cannot be done leads to the fallback queue. His place is kept on the channel as the
treatment, so that who adopts him goes on with it, and no router takes him for one who waits. Only a number is not dialled twice.
"""

from collections.abc import Callable, Mapping

import msgspec

from hotline import dialling
from hotline.commands import DialOut, RecordMessage
from hotline.facts import (
    AnnouncementDue,
    CallAdopted,
    CallCameBack,
    CallFlowedOut,
    CallForwarded,
    CallPriorityChanged,
    CallResumed,
    OutgoingAnswered,
    OutgoingAsked,
    PlayEnded,
    VoicemailBegan,
)
from hotline.ids import QueueId, VoicemailId
from hotline.treatments import Kind, Treatment, parse
from ivr.flow.model import Prompt
from ivr.instead import callback
from ivr.instead.announcements import announcement
from ivr.line.stay import Comforted, Stay
from ivr.sessions.call import Call

ASK_AGAIN_S = 1.0
"""How soon a router that does not answer is asked again whether a number may be dialled."""
ASKS = 4
"""So many times it is asked; another one takes its place sooner than that."""
OUTSIDE_SLACK_S = 15.0
"""How much longer than it may take something outside our hands is waited for."""


# --- in the line --------------------------------------------------------------------------------------------------------


def announced(call: Call, event: AnnouncementDue) -> None:
    """Say something to one who waits; he waits on."""
    if call.stay is None or event.queue_id != call.stay.queue_id:
        call.ignore(event)
        return
    call.tell("announced")
    call.play(_prompt(call, event.name), "announcing", interrupt=False)


def resumed(call: Call, event: CallResumed) -> None:
    """The router gave him his old place back."""
    if call.stay is None or event.queue_id != call.stay.queue_id:
        call.ignore(event)
        return
    call.stay.since = event.since
    call.remember()


def prioritised(call: Call, event: CallPriorityChanged) -> None:
    """A supervisor changed his priority."""
    stay = call.stay
    if stay is None or (event.queue_id, event.entered_at) != (stay.queue_id, stay.entered_at):
        call.ignore(event)
        return
    stay.priority = event.priority
    call.remember()


# --- out of it ----------------------------------------------------------------------------------------------------------


def flowed_out(call: Call, event: CallFlowedOut) -> None:
    """The router let him out of the line. If he is with a seat just now, he is treated when he is back."""
    stay = call.stay
    assert stay is not None
    stay.left, stay.treatment, stay.announce, stay.left_at = event.reason, event.treatment, event.announce, event.at
    if call.state in ("announcing", "waiting"):
        perform(call)


def leave(call: Call, treatment: str, *, reason: str) -> None:
    """Let him out of the line by his own wish, tell the router so, and do it."""
    stay = call.stay
    assert stay is not None
    out = CallFlowedOut(
        at=call.now,
        call_id=call.call_id,
        queue_id=stay.queue_id,
        entered_at=stay.entered_at,
        reason=reason,
        treatment=treatment,
    )
    call.out.append(out)
    stay.left, stay.treatment, stay.announce, stay.left_at = reason, treatment, "", call.now
    perform(call)


def perform(call: Call) -> None:
    """Begin to treat a caller who is in our hands and has left the line."""
    stay = call.stay
    assert stay is not None
    wanted = parse(stay.treatment or "fallback")
    if wanted.kind == "announce":
        wanted, stay.announce, stay.treatment = Treatment("hang_up"), wanted.target, "hang_up"
        stay.must_hear = True
    if wanted.kind != "queue":
        call.remember()
    if stay.announce:
        _say(call, _prompt(call, stay.announce), "announcement")
    else:
        _DEEDS[wanted.kind](call, wanted)


def _prompt(call: Call, name: str) -> Prompt:
    """Return what an announcement says: the flow's own, else that of the house."""
    return call.flow.announcements.get(name) or call.means.announcements.get(name) or announcement("emergency")


def _say(call: Call, prompt: Prompt, what: str) -> None:
    assert call.stay is not None
    call.stay.saying = what
    call.play(prompt, "treated", interrupt=what == "request")


def said(call: Call, event: PlayEnded) -> None:
    """What was said to him before it is done is over."""
    if event.play_id != call.play_id:
        call.ignore(event)
    else:
        _go_on(call, failed=event.result == "failed")


def say_failed(call: Call) -> None:
    """It could not be played."""
    _go_on(call, failed=True)


def said_due(call: Call) -> None:
    """Nobody told that it is over."""
    _go_on(call, failed=False)


def _go_on(call: Call, *, failed: bool) -> None:
    call.play_id = None
    stay = call.stay
    assert stay is not None
    said_before, stay.saying = stay.saying, ""
    if said_before == "farewell":
        call.hang_up("treated")
    elif said_before == "request":
        _record(call)
    elif said_before in ("forwarding", "permission"):
        _dial_or_wait(call)
    elif failed and stay.must_hear:
        _fall_back(call)
    else:
        call.tell("announced")
        stay.announce = ""
        wanted = parse(stay.treatment or "fallback")
        _DEEDS[wanted.kind](call, wanted)


# --- the deeds ----------------------------------------------------------------------------------------------------------


def _fall_back(call: Call, _wanted: Treatment | None = None) -> None:
    reason = call.stay.left if call.stay is not None and call.stay.left else "treated"
    call.tell("released")
    call.release(reason)


def _hang_up(call: Call, _wanted: Treatment) -> None:
    call.tell("hung_up")
    call.hang_up("treated")


def _join(call: Call, wanted: Treatment) -> None:
    """Wait on in the line of another queue, with the time that he has waited. The router has him there already."""
    before = call.stay
    assert before is not None
    call.stay = msgspec.structs.replace(
        before,
        queue_id=QueueId(wanted.target),
        entered_at=before.left_at,
        since=before.entered_at if before.since is None else before.since,
        before=(*before.before, before.queue_id),
        left="",
        treatment="",
        announce="",
        offer_id=None,
        comforted=Comforted(),
    )
    call.remember()
    call.line_up(call.stay)
    call.tell("moved")
    call.wait()


def _ask_for_message(call: Call, _wanted: Treatment) -> None:
    call.tell("voicemail")
    _say(call, _prompt(call, "voicemail"), "request")


def _record(call: Call) -> None:
    """Have a message recorded; beep and all are the dialplan's."""
    assert call.stay is not None
    message_id = VoicemailId(f"{call.call_id}.m{int(call.now * 1000):x}")
    max_s = call.means.message_max_s
    call.out.append(
        VoicemailBegan(
            at=call.now,
            call_id=call.call_id,
            node=call.node,
            message_id=message_id,
            queue_id=call.stay.queue_id,
            max_s=max_s,
        )
    )
    call.out.append(RecordMessage(node=call.node, call_id=call.call_id, message_id=message_id, max_s=max_s))
    _go_outside(call, max_s + OUTSIDE_SLACK_S)


def _forward(call: Call, _wanted: Treatment) -> None:
    """Tell him that a number outside is dialled for him, if that may ever be; meanwhile the router says whether it may be now."""
    assert call.stay is not None
    call.stay.asked = 0
    if _number(call):
        _ask_router(call)
        _say(call, _prompt(call, "forwarding"), "forwarding")
    else:
        _fall_back(call)


def _number(call: Call) -> str:
    """Return the number that he is treated with, as it is dialled; tell why, and return nothing, if it may never be."""
    stay, rules = call.stay, call.means.outbound
    assert stay is not None
    number = dialling.dialable(parse(stay.treatment).target, rules)
    refusal = dialling.permit(number, rules, now=call.now, customer=False)
    if refusal is None:
        return number
    call.tell(f"not_forwarded:{refusal.reason}")
    return ""


def _ask_router(call: Call) -> None:
    assert call.stay is not None
    call.stay.outside, call.stay.asked = "asked", call.stay.asked + 1
    call.out.append(OutgoingAsked(at=call.now, call_id=call.call_id, node=call.node, number=_number(call)))


def answered(call: Call, event: OutgoingAnswered) -> None:
    """The router says whether his number may be dialled now."""
    stay = call.stay
    if stay is None or stay.outside != "asked" or event.number != _number(call):
        call.ignore(event)
    elif event.refusal:
        stay.outside = ""
        call.tell(f"not_forwarded:{event.refusal}")
        _fall_back(call)
    else:
        stay.outside = "granted"
        if stay.saying == "permission":
            _dial(call)


def _dial_or_wait(call: Call) -> None:
    """He has heard that he is put through: dial, or wait for the router, which may just be replaced by another one."""
    stay = call.stay
    assert stay is not None
    if stay.outside == "granted":
        _dial(call)
        return
    if stay.asked >= ASKS:
        call.tell("not_forwarded:no_router")
        _fall_back(call)
        return
    _ask_router(call)
    stay.saying, call.deadline = "permission", call.now + ASK_AGAIN_S


def _dial(call: Call) -> None:
    stay, number = call.stay, _number(call)
    assert stay is not None
    call.tell("forwarded")
    call.out.append(CallForwarded(at=call.now, call_id=call.call_id, queue_id=stay.queue_id, number=number))
    music = call.music.get(stay.queue_id, "default")
    call.out.append(
        DialOut(node=call.node, call_id=call.call_id, number=number, timeout_s=call.means.forward_s, music_class=music)
    )
    _go_outside(call, None)


_DEEDS: Mapping[Kind, Callable[[Call, Treatment], None]] = {
    "fallback": _fall_back,
    "hang_up": _hang_up,
    "announce": _hang_up,
    "queue": _join,
    "voicemail": _ask_for_message,
    "callback": callback.begin,
    "number": _forward,
}
"""What is done once everything is said."""


# --- outside our hands --------------------------------------------------------------------------------------------------


def _go_outside(call: Call, for_s: float | None) -> None:
    call.state = "outside"
    call.play_id = None
    call.deadline = None if for_s is None else call.now + for_s


def came_back(call: Call, event: CallCameBack) -> None:
    """He is back in our hands."""
    if event.errand == "message" and event.result == "done":
        call.tell("message_left")
        call.stay = call.stay or Stay(queue_id=QueueId(""), past=call.past_offers)
        _say(call, _prompt(call, "voicemail_left"), "farewell")
    elif event.result == "done":
        call.tell("forward_ended")
        call.hang_up("forwarded")
    else:
        call.tell("not_forwarded" if event.errand == "number" else "no_message")
        _fall_back(call)


def outside_refused(call: Call) -> None:
    """The network did not lead him anywhere: he is where he was."""
    _fall_back(call)


def outside_unknown(call: Call) -> None:
    """Nobody knows whether he was led anywhere; if he was not, he must not wait for ever."""
    if call.deadline is None:
        call.deadline = call.now + call.means.forward_s + OUTSIDE_SLACK_S


def outside_due(call: Call) -> None:
    """Nobody told that he is back. If he is still outside, the fallback is refused, and asked for again until he is."""
    _fall_back(call)


# --- adoption -----------------------------------------------------------------------------------------------------------


def adopt(call: Call, event: CallAdopted) -> None:
    """Go on with a treatment that whoever served him before had begun."""
    place = event.place
    queue_id = place.treated_queue if place is not None and place.treated_queue else QueueId("")
    treatment = place.treatment if place is not None else ""
    call.stay = Stay(queue_id=queue_id, left="treated", treatment=treatment, past=call.past_offers)
    if place is not None:
        call.stay.entered_at = place.since or event.arrived_at or event.at
        call.stay.priority, call.stay.skills, call.stay.levels = place.priority, place.skills, place.levels
    if event.phase == "outside":
        _go_outside(call, None)
    elif treatment.startswith("number:"):
        _fall_back(call)  # it may have been dialled, and answered
    else:
        perform(call)


def found_back(call: Call) -> None:
    """A look at the network shows that he is in our hands again, and nobody told how it ended."""
    came_back(call, CallCameBack(at=call.now, call_id=call.call_id, errand="message", result="unknown"))
