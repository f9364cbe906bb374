"""What Asterisk told us, as typed records: from one AMI message to one frozen struct. Pure.

Nothing here decides what to do about it, and nothing here is trusted: a header that Asterisk always sends must be there
(`REQUIRED`, checked by the codec), channel names and ids must be printable and short, numbers must be numbers; else the message is
poison. Caller ids (`CallerIDName`, `ConnectedLineNum`, `agi_callerid` …) are chosen by callers and are not carried at all: the
dialplan hands over what we want of them, cleaned, as AGI arguments.

Events and headers: Asterisk 22 documentation, *AMI Events*; AGI replies: *AGI Commands*.
"""

import re
from collections.abc import Callable
from typing import Literal
from urllib.parse import unquote

import msgspec

from hotline.ids import NodeId
from telephony.ami.codec import Message, Poison

TEXT_LIMIT = 1024
"""Characters of a name, an id or a field that we keep; AGI replies are cut at as many bytes by Asterisk itself."""


class AmiMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Anything that comes out of the link."""


# --- about the link itself ---------------------------------------------------------------------------------------------


class LinkUp(AmiMessage, frozen=True, kw_only=True):
    """Logged in. Whatever happened before is unknown: take a snapshot now. Events follow from here without a gap."""

    node: NodeId


class LinkDown(AmiMessage, frozen=True, kw_only=True):
    """The link is gone; what happens on the node until the next `LinkUp` will not be told."""

    node: NodeId
    reason: str
    """`closed_by_peer`, `io_error`, `pong_timeout`, `write_stalled`, `overflow`, `poison`, `closed`."""


class Resync(AmiMessage, frozen=True, kw_only=True):
    """The link lives but something it said could not be used: take a snapshot to learn what it was."""

    node: NodeId
    reason: str


# --- about channels ----------------------------------------------------------------------------------------------------


class ChannelMessage(AmiMessage, frozen=True, kw_only=True):
    """About one channel."""

    channel: str
    uniqueid: str
    linkedid: str = ""


class AgiStarted(ChannelMessage, frozen=True, kw_only=True):
    """A channel entered `AGI(agi:async,…)` and takes commands now. Told once; a later session of ours finds it by `Status`."""

    env: dict[str, str]
    """The `agi_…` variables without those that come from the caller."""
    args: tuple[str, ...]
    """The arguments after `agi:async`."""


class AgiCommandEnded(ChannelMessage, frozen=True, kw_only=True):
    """An AGI command was carried out, or refused (`code` other than 200)."""

    command_id: str
    code: int | None
    """The AGI status: 200 done, 510 unknown command, 511 dead channel, 520 wrong usage; None when there is none."""
    result: int | None
    """The number after `result=`; -1 means failure or hang-up for most commands, a key's ASCII code for those that read one."""
    raw: str
    """The whole reply, unprintable characters as spaces."""


class AgiEnded(ChannelMessage, frozen=True, kw_only=True):
    """A channel left AsyncAGI: hung up, redirected, timed out or told to."""


class DialMessage(AmiMessage, frozen=True, kw_only=True):
    """About one attempt to ring `dest_channel`. `channel` and `uniqueid` are empty when nobody's channel dials (Originate)."""

    channel: str
    uniqueid: str
    dest_channel: str
    dest_uniqueid: str


class DialBegun(DialMessage, frozen=True, kw_only=True):
    """The attempt began."""

    dial_string: str = ""


class DialProgress(DialMessage, frozen=True, kw_only=True):
    """The far phone told something: `RINGING`, `PROGRESS`, `PROCEEDING` and the like."""

    status: str


class DialEnded(DialMessage, frozen=True, kw_only=True):
    """The attempt is over: `ANSWER`, `NOANSWER`, `BUSY`, `CANCEL`, `CONGESTION`, `CHANUNAVAIL` and the like."""

    status: str


class BridgeMessage(ChannelMessage, frozen=True, kw_only=True):
    """About one channel in one bridge."""

    bridge_id: str
    channels: int
    """How many channels the bridge has now."""


class BridgeEntered(BridgeMessage, frozen=True, kw_only=True):
    """A channel joined a bridge."""


class BridgeLeft(BridgeMessage, frozen=True, kw_only=True):
    """A channel left a bridge."""


class ChannelHeld(ChannelMessage, frozen=True, kw_only=True):
    """The phone of a channel put the other side on hold."""


class ChannelUnheld(ChannelMessage, frozen=True, kw_only=True):
    """The phone of a channel took the other side back from hold."""


class ChannelHungUp(ChannelMessage, frozen=True, kw_only=True):
    """A channel is gone."""

    cause: int
    """Q.850 cause; 0 when Asterisk knows none."""


class DigitEnded(ChannelMessage, frozen=True, kw_only=True):
    """A key was released."""

    digit: str
    """One of `0-9*#A-D`."""
    direction: Literal["received", "sent"]


class UserEventSeen(AmiMessage, frozen=True, kw_only=True):
    """Our dialplan said something by `UserEvent()`. Channel and uniqueid are empty when it came without a channel."""

    name: str
    fields: dict[str, str]
    """The headers of the event itself, names as written in the dialplan."""
    channel: str = ""
    uniqueid: str = ""


class DeviceStateChanged(AmiMessage, frozen=True, kw_only=True):
    """A device changed, or was listed by `DeviceStateList`."""

    device: str
    state: str
    """`NOT_INUSE`, `INUSE`, `BUSY`, `RINGING`, `RINGINUSE`, `ONHOLD`, `UNAVAILABLE`, `INVALID`, `UNKNOWN`."""


class ChannelStatus(ChannelMessage, frozen=True, kw_only=True):
    """One living channel, as the `Status` action lists it."""

    state: int
    """Asterisk's channel state: 6 is up, 5 ringing, 4 ring, 0 down."""
    context: str
    exten: str
    application: str
    bridge_id: str
    """Empty when in no bridge."""
    seconds: int
    """Age of the channel."""
    variables: dict[str, str]
    """Of those asked for, the ones that are set."""


class _UnusableError(ValueError):
    """A header's value is not what it must be; the argument is the header's name."""


def parse(message: Message) -> AmiMessage | Poison | None:
    """Return the typed record of an event; None for an event we have no use for (and for any response); Poison for one whose values cannot be true."""
    parser = _PARSERS.get(message.name.lower()) if message.is_event else None
    if parser is None:
        return None
    try:
        return parser(message)
    except _UnusableError as exc:
        return Poison(reason="bad_value", detail=f"{message.name}.{exc}")


# --- values ------------------------------------------------------------------------------------------------------------


def _text(message: Message, header: str) -> str:
    value = message.get(header)
    if len(value) > TEXT_LIMIT or not value.isprintable():
        raise _UnusableError(header)
    return value


def _name(message: Message, header: str) -> str:
    value = _text(message, header)
    if not value:
        raise _UnusableError(header)
    return value


def _number(message: Message, header: str) -> int:
    value = message.get(header)
    if not (value.isascii() and value.isdigit() and len(value) <= 10):
        raise _UnusableError(header)
    return int(value)


def _channel(message: Message) -> dict[str, str]:
    return {
        "channel": _name(message, "Channel"),
        "uniqueid": _name(message, "Uniqueid"),
        "linkedid": _text(message, "Linkedid"),
    }


def _dial(message: Message) -> dict[str, str]:
    return {
        "channel": _text(message, "Channel"),
        "uniqueid": _text(message, "Uniqueid"),
        "dest_channel": _name(message, "DestChannel"),
        "dest_uniqueid": _name(message, "DestUniqueid"),
    }


# --- AGI ---------------------------------------------------------------------------------------------------------------

_FROM_CALLER = frozenset(
    {
        "agi_callerid",
        "agi_calleridname",
        "agi_callingani2",
        "agi_callingpres",
        "agi_callington",
        "agi_callingtns",
        "agi_dnid",
        "agi_rdnis",
    }
)
_BEFORE_ARGUMENTS = "agi_threadid"
_ARGUMENT = "agi_arg_"


def _agi_started(message: Message) -> AmiMessage:
    env, args = _environment(message.get("Env"))
    return AgiStarted(**_channel(message), env=env, args=args)


def _environment(encoded: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Read the AGI environment, one `name: value` a line.

    Values may hold line feeds that a caller chose, so a line may be forged. Asterisk writes each name once and the arguments last, in
    order: a second line of a name, or an argument out of order, is refused; other odd lines belong to no variable of ours.
    """
    env: dict[str, str] = {}
    args: list[str] = []
    for line in unquote(encoded, errors="replace").split("\n"):
        name, colon, value = line.partition(": ")
        if not colon or not name.startswith("agi_"):
            continue
        if name in env:
            raise _UnusableError("Env")
        env[name] = "" if name in _FROM_CALLER else value
        if not env[name].isprintable():
            raise _UnusableError("Env")
        if name.startswith(_ARGUMENT):
            if name != f"{_ARGUMENT}{len(args) + 1}" or _BEFORE_ARGUMENTS not in env:
                raise _UnusableError("Env")
            args.append(value)
    return {name: value for name, value in env.items() if name not in _FROM_CALLER}, tuple(args)


_AGI_CODE = re.compile(r"([0-9]{3})(?:[ -]|$)")
_AGI_RESULT = re.compile(r"[0-9]{3} result=(-?[0-9]{1,10})(?: |$)")


def _agi_command_ended(message: Message) -> AmiMessage:
    reply = unquote(message.get("Result"), errors="replace").strip()[:TEXT_LIMIT]
    raw = "".join(c if c.isprintable() else " " for c in reply)
    code, result = _AGI_CODE.match(raw), _AGI_RESULT.match(raw)
    return AgiCommandEnded(
        **_channel(message),
        command_id=_text(message, "CommandID"),
        code=int(code[1]) if code else None,
        result=int(result[1]) if result else None,
        raw=raw,
    )


def _agi_ended(message: Message) -> AmiMessage:
    return AgiEnded(**_channel(message))


# --- calls -------------------------------------------------------------------------------------------------------------


def _dial_begun(message: Message) -> AmiMessage:
    return DialBegun(**_dial(message), dial_string=_text(message, "DialString"))


def _dial_progress(message: Message) -> AmiMessage:
    return DialProgress(**_dial(message), status=_name(message, "DialStatus"))


def _dial_ended(message: Message) -> AmiMessage:
    return DialEnded(**_dial(message), status=_name(message, "DialStatus"))


def _bridge_entered(message: Message) -> AmiMessage:
    return BridgeEntered(
        **_channel(message), bridge_id=_name(message, "BridgeUniqueid"), channels=_number(message, "BridgeNumChannels")
    )


def _bridge_left(message: Message) -> AmiMessage:
    return BridgeLeft(
        **_channel(message), bridge_id=_name(message, "BridgeUniqueid"), channels=_number(message, "BridgeNumChannels")
    )


def _hung_up(message: Message) -> AmiMessage:
    return ChannelHungUp(**_channel(message), cause=_number(message, "Cause"))


def _held(message: Message) -> AmiMessage:
    return ChannelHeld(**_channel(message))


def _unheld(message: Message) -> AmiMessage:
    return ChannelUnheld(**_channel(message))


_DIRECTIONS: dict[str, Literal["received", "sent"]] = {"received": "received", "sent": "sent"}


def _digit_ended(message: Message) -> AmiMessage:
    digit, direction = message.get("Digit"), _DIRECTIONS.get(message.get("Direction").lower())
    if len(digit) != 1 or digit not in "0123456789*#ABCD":
        raise _UnusableError("Digit")
    if direction is None:
        raise _UnusableError("Direction")
    return DigitEnded(**_channel(message), digit=digit, direction=direction)


def _user_event(message: Message) -> AmiMessage:
    """The dialplan's own headers come after `UserEvent:`; those of the channel before."""
    names = [header.lower() for header, _ in message.pairs]
    own = message.pairs[names.index("userevent") + 1 :]
    return UserEventSeen(
        name=_name(message, "UserEvent"),
        fields={header: _text(message, header) for header, _ in own},
        channel=_text(message, "Channel"),
        uniqueid=_text(message, "Uniqueid"),
    )


def _device_state(message: Message) -> AmiMessage:
    return DeviceStateChanged(device=_name(message, "Device"), state=_name(message, "State"))


_UNSET = "(null)"
"""What `Status` prints for a variable that is not set."""


def _status(message: Message) -> AmiMessage:
    variables: dict[str, str] = {}
    for item in message.all("Variable"):
        name, equals, value = item.partition("=")
        if not equals or name in variables or not value.isprintable():
            raise _UnusableError("Variable")
        if value != _UNSET:
            variables[name] = value
    return ChannelStatus(
        **_channel(message),
        state=_number(message, "ChannelState"),
        context=_text(message, "Context"),
        exten=_text(message, "Exten"),
        application=_text(message, "Application"),
        bridge_id=_text(message, "BridgeID"),
        seconds=_number(message, "Seconds"),
        variables=variables,
    )


# --- the table ---------------------------------------------------------------------------------------------------------

_CHANNEL = frozenset({"channel", "uniqueid"})
_DIALLED = frozenset({"destchannel", "destuniqueid"})
_BRIDGED = _CHANNEL | {"bridgeuniqueid", "bridgenumchannels"}

_EVENTS: dict[str, tuple[Callable[[Message], AmiMessage], frozenset[str]]] = {
    "asyncagistart": (_agi_started, _CHANNEL | {"env"}),
    "asyncagiexec": (_agi_command_ended, _CHANNEL | {"result"}),
    "asyncagiend": (_agi_ended, _CHANNEL),
    "dialbegin": (_dial_begun, _DIALLED),
    "dialstate": (_dial_progress, _DIALLED | {"dialstatus"}),
    "dialend": (_dial_ended, _DIALLED | {"dialstatus"}),
    "bridgeenter": (_bridge_entered, _BRIDGED),
    "bridgeleave": (_bridge_left, _BRIDGED),
    "hangup": (_hung_up, _CHANNEL | {"cause"}),
    "hold": (_held, _CHANNEL),
    "unhold": (_unheld, _CHANNEL),
    "dtmfend": (_digit_ended, _CHANNEL | {"digit", "direction"}),
    "userevent": (_user_event, frozenset({"userevent"})),
    "devicestatechange": (_device_state, frozenset({"device", "state"})),
    "status": (_status, _CHANNEL | {"channelstate", "context", "exten", "application", "bridgeid", "seconds"}),
}

_PARSERS = {name: parser for name, (parser, _) in _EVENTS.items()}

REQUIRED = {name: required for name, (_, required) in _EVENTS.items()}
"""Lower-case event name -> headers without which it is poison; the codec checks it."""
