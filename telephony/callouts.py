"""Calls that we make for callbacks: the customer's half of the call, and what becomes of calling him. Pure.

See `telephony.asterisk.config.callout` for the two halves. The call's own half is a `Line` like any other; here it is noted what the
line's other half is doing, and the customer is dialled when an agent has answered.
"""

from typing import Literal, cast

from hotline.commands import CallOut
from hotline.dialling import dial_string
from hotline.facts import CustomerDialled, Place, Record
from hotline.ids import CallId
from hotline.text import clean_number
from telephony import actions
from telephony.actions import Action
from telephony.ami.messages import ChannelStatus, UserEventSeen
from telephony.line import Callout, CalloutResult, Line

CALLBACK, CALLOUT = "hotline-callback", "hotline-callout"
SEPARATOR = "~"
"""Between the parts of `HOTLINE_CALLOUT`."""
ANSWER_S = 10
"""How long the two halves may take to find each other."""

REJECTED, UNAVAILABLE, NOBODY = 21, 19, 18
_BY_STATUS: dict[str, CalloutResult] = {
    "ANSWER": "answered",
    "BUSY": "busy",
    "NOANSWER": "no_answer",
    "CANCEL": "no_answer",
}


def originate(command: CallOut) -> Action:
    """Return the action that makes the call. Its channels have names of ours, so that a second one like it is refused by Asterisk."""
    dial_string(command.number)  # raises Misuse for a number in another form
    seconds = str(max(round(command.ring_timeout_s), 1))
    parts = SEPARATOR.join((command.first, command.call_id, command.number, seconds, command.dialled))
    return Action(
        name="Originate",
        headers={
            "Channel": f"Local/s@{CALLOUT}/n",
            "ChannelId": command.call_id,
            "OtherChannelId": f"{command.call_id};2",
            "Context": CALLBACK,
            "Exten": "s",
            "Priority": "1",
            "Timeout": str(1000 * ANSWER_S),
            "Async": "true",
            "Variable": f"HOTLINE_CALLOUT={parts},HOTLINE_PLACE={actions.pack(command.place)}",
        },
    )


def begun(line: Line, first: str) -> None:
    """Note that a line is the call of a callback."""
    line.callout = Callout(first=cast('Literal["agent", "customer"]', first), dialled=first == "customer")


def after_answer(line: Line) -> list[Action]:
    """Return how the customer is dialled, now that an agent has answered; nothing if he was, or there is none."""
    callout = line.callout
    if callout is None or callout.dialled or line.offer is None or not line.offer.accepted:
        return []
    callout.dialled = True
    return [actions.redirect(actions.other_half(line.leg), CALLOUT, "dial")]


def customer_of(line: Line) -> Literal["", "waits", "dialled", "answered"]:
    """Return what is known of the customer of a line; nothing if the line is not a call of ours."""
    if line.callout is None:
        return ""
    if line.callout.result == "answered":
        return "answered"
    return "dialled" if line.callout.dialled else "waits"


def number_of(parts: str) -> str:
    """Return the customer's number from the `HOTLINE_CALLOUT` of a call."""
    return clean_number((parts.split(SEPARATOR) + [""] * 3)[2])


def heard(line: Line | None, message: UserEventSeen, now: float) -> list[Record]:
    """Tell what came of dialling the customer, once."""
    if line is None or line.callout is None or line.callout.result is not None:
        return []
    cause = message.fields.get("Cause", "")
    number = int(cause) if cause.isdecimal() and len(cause) < 4 else 0
    line.callout.dialled = True
    line.callout.result = _result(message.fields.get("Status", ""), number)
    return [CustomerDialled(at=now, call_id=line.call_id, result=line.callout.result, cause=number)]


def _result(status: str, cause: int) -> CalloutResult:
    """Read Dial's status. A phone that refuses (603) is told as unavailable with cause 21, one that is off (480) with 19."""
    if status == "CHANUNAVAIL" and cause == REJECTED:
        return "busy"
    if status == "CHANUNAVAIL" and cause in (UNAVAILABLE, NOBODY):
        return "no_answer"
    return _BY_STATUS.get(status, "failed")


def adopt(line: Line, parts: str, other: ChannelStatus | None, now: float) -> list[Record]:
    """Learn from a snapshot what the customer's half of an adopted line does; `parts` is its `HOTLINE_CALLOUT`.

    That he has answered is told, perhaps for the second time.
    """
    first = parts.partition(SEPARATOR)[0]
    if first not in ("agent", "customer"):
        return []
    begun(line, first)
    assert line.callout is not None
    line.callout.dialled = other is None or other.exten == "dial"
    return seen(line, other, now)


def seen(line: Line, other: ChannelStatus | None, now: float) -> list[Record]:
    """Learn from a snapshot that the customer has answered, if nobody told."""
    if line.callout is None or line.callout.result is not None or other is None or not other.bridge_id:
        return []
    line.callout.dialled, line.callout.result = True, "answered"
    return [CustomerDialled(at=now, call_id=line.call_id, result="answered")]


class Callouts:
    """The calls that were asked for and have not arrived yet."""

    def __init__(self) -> None:
        self._asked: dict[CallId, CallOut] = {}

    def asked(self, command: CallOut) -> None:
        """Note one."""
        self._asked[command.call_id] = command

    def withdrawn(self, call_id: CallId) -> None:
        """Note that it will not arrive."""
        self._asked.pop(call_id, None)

    def __contains__(self, call_id: CallId) -> bool:
        return call_id in self._asked

    def arrived(self, line: Line) -> Place | None:
        """Note that it arrived; return the place that was given to it."""
        command = self._asked.pop(line.call_id, None)
        if command is None:
            return None
        begun(line, command.first)
        return command.place
