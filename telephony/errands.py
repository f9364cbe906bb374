"""Errands: callers whom the dialplan leads by itself, to leave a message or to talk with a number outside. Pure.

While he is on an errand a caller is not in our hands (phase `outside`), has no lease, and needs nothing of ours; afterwards the
dialplan brings him back, with a lease. A message goes on when we die, and so does the conversation.
"""

from typing import Literal

import msgspec

from hotline.commands import DialOut, RecordMessage, Refused
from hotline.facts import CallCameBack, ForwardEnded, Record
from hotline.ids import LegId, is_safe_id
from telephony.actions import Action, redirect, set_variable
from telephony.ami.messages import BridgeEntered, ChannelStatus
from telephony.line import Errand, Line, Side

MESSAGE, NUMBER = "hotline-message", "hotline-forward"
"""The contexts of the dialplan."""
KINDS: dict[str, Literal["message", "number"]] = {MESSAGE: "message", NUMBER: "number"}
VARIABLE = "HOTLINE_ERRAND"
_RECORDED = frozenset({"DTMF", "SILENCE", "SKIP", "TIMEOUT", "HANGUP", "OPERATOR"})
"""Asterisk's RECORD_STATUS of a message; whether there is anything in it, its file tells."""


class Steps(msgspec.Struct, frozen=True):
    """What to send for an errand."""

    actions: list[Action]


def begin(line: Line, command: RecordMessage | DialOut) -> Steps | Refused:
    """Send a caller on an errand."""
    if line.leaving:
        return Refused(reason="leaving")
    match command:
        case RecordMessage():
            if not is_safe_id(command.message_id):
                return Refused(reason="unsafe_id")
            context, told = MESSAGE, f"{command.message_id},{round(command.max_s)}"
            line.errand = Errand(kind="message")
        case DialOut():
            if not (command.number.isascii() and command.number.isdigit() and is_safe_id(command.music_class)):
                return Refused(reason="no_number")
            context, told = NUMBER, f"{command.number},{round(command.timeout_s)},{command.music_class}"
            line.errand = Errand(kind="number", number=command.number)
    line.move("outside")
    return Steps(_there(line.leg, context, told))


def _there(leg: LegId, context: str, told: str) -> list[Action]:
    return [set_variable(leg, VARIABLE, told), redirect(leg, context)]


def withdrawn(line: Line) -> None:
    """Asterisk refused it: he never went."""
    line.errand = None
    line.move("session")


def hear(line: Line, side: Side, message: object, now: float) -> list[Record] | None:
    """Return what a message means for a caller on an errand; None when it is about something else."""
    if line.phase != "outside" or line.errand is None or side != "caller":
        return None
    if isinstance(message, BridgeEntered) and line.errand.answered_at is None:
        line.errand.answered_at = now
        return []
    return None


def found(caller: ChannelStatus) -> Errand:
    """Return the errand that a snapshot shows. Since when he talks is not known, only that he does."""
    kind = KINDS[caller.context]
    number = caller.variables.get(VARIABLE, "").partition(",")[0] if kind == "number" else ""
    return Errand(kind=kind, number=number)


def came_back(line: Line, kind: str, status: str, now: float) -> list[Record]:
    """The dialplan brought him back; `status` is its RECORD_STATUS or DIALSTATUS."""
    records = over(line, status, now)
    line.move("session")
    good = status == "ANSWER" if kind == "number" else status in _RECORDED
    errand: Literal["message", "number"] = "number" if kind == "number" else "message"
    back = CallCameBack(at=now, call_id=line.call_id, errand=errand, result="done" if good else "failed")
    return [*records, back]


def found_back(line: Line, now: float) -> list[Record]:
    """He is back, and nobody saw it."""
    kind = line.errand.kind if line.errand is not None else "message"
    answered = line.errand is not None and line.errand.answered_at is not None
    records = over(line, "ANSWER" if answered else "UNKNOWN", now)
    line.move("session")
    return [*records, CallCameBack(at=now, call_id=line.call_id, errand=kind, result="unknown")]


def over(line: Line, status: str, now: float) -> list[Record]:
    """Tell the end of a call to a number outside, if he was on one; forget the errand."""
    errand, line.errand = line.errand, None
    if errand is None or errand.kind != "number":
        return []
    answered = errand.answered_at is not None or status == "ANSWER"
    talked_s = max(now - errand.answered_at, 0.0) if errand.answered_at is not None else 0.0
    reason = "" if answered else status.lower()
    ended = ForwardEnded(
        at=now,
        call_id=line.call_id,
        number=errand.number,
        answered=answered,
        reason=reason if is_safe_id(reason) else "",
        talked_s=talked_s,
    )
    return [ended]
