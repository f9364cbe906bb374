"""Commands put into AMI actions: what to tell Asterisk, and in which order. Pure.

A command becomes a few actions that are written one behind the other; the last one decides its outcome. The names of
contexts and variables are the contract with the generated dialplan (`telephony.asterisk.config`), and stand here once.
"""

import base64

import msgspec

from hotline.commands import Ring
from hotline.facts import Place
from hotline.ids import LegId, NodeId
from telephony import seats
from telephony.groups import Phones

VARIABLES = (
    "HOTLINE_CALL",
    "HOTLINE_OFFER",
    "HOTLINE_PLACE",
    "HOTLINE_NUMBER",
    "HOTLINE_ORIGIN",
    "HOTLINE_ARRIVED",
    "HOTLINE_FROM",
    "HOTLINE_REASON",
    "DIALSTATUS",
    "HOTLINE_FIRST",
    "HOTLINE_SECOND",
    "HOTLINE_NEXT",
    "HOTLINE_TRANSFER",
    "HOTLINE_LED",
    "DIALEDPEERNUMBER",
    "HOTLINE_GROUP",
    "HOTLINE_MEMBER",
    "HOTLINE_SUPERVISION",
    "HOTLINE_CALLOUT",
    "HOTLINE_ERRAND",
    "HOTLINE_MUTED",
    "CHANNEL(onhold)",
)
"""Channel variables that a snapshot asks for."""

HEARTBEAT_VARIABLE = "HOTLINE_BEAT"


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One AMI action."""

    name: str
    headers: dict[str, str]


def set_variable(leg: LegId | None, variable: str, value: str) -> Action:
    """Set a channel variable, or a global one when `leg` is None."""
    headers = {"Variable": variable, "Value": value}
    return Action(name="Setvar", headers=headers if leg is None else {"Channel": leg} | headers)


def redirect(leg: LegId, context: str, extension: str = "s") -> Action:
    """Send a channel to a place in the dialplan."""
    return Action(name="Redirect", headers={"Channel": leg, "Context": context, "Exten": extension, "Priority": "1"})


def other_half(leg: LegId) -> LegId:
    """Return the other half of a Local channel (`…;1` and `…;2`)."""
    name, _, half = leg.rpartition(";")
    return LegId(f"{name};{'2' if half == '1' else '1'}")


def redirect_two(leg: LegId, context: str, other: LegId, other_context: str) -> Action:
    """Send both channels of a bridge to places of their own at once; if one is gone, the other stays where it is."""
    first = redirect(leg, context).headers
    more = {"ExtraChannel": other, "ExtraContext": other_context, "ExtraExten": "s", "ExtraPriority": "1"}
    return Action(name="Redirect", headers=first | more)


def agi(leg: LegId, command: str, command_id: str) -> Action:
    """Run an AGI command on a channel that is in AsyncAGI; its end is an event with `command_id`."""
    return Action(name="AGI", headers={"Channel": leg, "Command": command, "CommandID": command_id})


def stream_file(leg: LegId, sound: str, interrupt: str, command_id: str) -> Action:
    """Play one sound; the digits in `interrupt` stop it."""
    return agi(leg, f'STREAM FILE {sound} "{interrupt}"', command_id)


def music(leg: LegId, music_class: str | None, command_id: str) -> Action:
    """Start music of a class, or stop it when the class is None."""
    return agi(leg, "SET MUSIC OFF" if music_class is None else f"SET MUSIC ON {music_class}", command_id)


def ring(leg: LegId, command: Ring, at: NodeId | None = None) -> list[Action]:
    """Ring a seat, of this node or of the one named by `at`: two variables, then the redirect into the context that dials."""
    parts = (
        command.offer_id,
        seats.address(command.extension, at),
        str(max(round(command.ring_timeout_s), 1)),
        command.music_class,
        command.recording_id or "",
    )
    return [
        set_variable(leg, "HOTLINE_RING", ",".join(parts)),
        set_variable(leg, "HOTLINE_NAME", command.caller_name),
        redirect(leg, "hotline-ring"),
    ]


def ring_group(leg: LegId, command: Ring, phones: Phones) -> list[Action]:
    """Ring several phones: what they are, and which offers, then as for one."""
    parts = (
        command.offer_id,
        "",
        str(max(round(command.ring_timeout_s), 1)),
        command.music_class,
        command.recording_id or "",
    )
    return [
        set_variable(leg, "HOTLINE_GROUP", phones.offers),
        *(set_variable(leg, f"HOTLINE_PHONES{n}", piece) for n, piece in enumerate(phones.pieces, start=1)),
        set_variable(leg, "HOTLINE_RING", ",".join(parts)),
        set_variable(leg, "HOTLINE_NAME", command.caller_name),
        redirect(leg, "hotline-group"),
    ]


def renew_lease(leg: LegId, lease_s: float) -> Action:
    """Give a call in our hands another `lease_s` seconds before it goes to the fallback by itself."""
    return Action(name="AbsoluteTimeout", headers={"Channel": leg, "Timeout": str(round(lease_s))})


def hang_up(leg: LegId, cause: int = 16) -> Action:
    """End a channel with a Q.850 cause."""
    return Action(name="Hangup", headers={"Channel": leg, "Cause": str(cause)})


def mute_recording(leg: LegId, *, muted: bool) -> Action:
    """Have silence recorded of a channel, both its sides, or its sound again. Without a recording it does nothing."""
    return Action(name="MixMonitorMute", headers={"Channel": leg, "Direction": "both", "State": "1" if muted else "0"})


def forget_offer(leg: LegId) -> Action:
    """Let the last offer of a call no longer count: it waits for another one."""
    return set_variable(leg, "HOTLINE_OFFER", "")


def forget_transfer(leg: LegId) -> Action:
    """Whom an agent handed a caller on to is no longer of interest: his place tells where he is."""
    return set_variable(leg, "HOTLINE_TRANSFER", "")


def remember(leg: LegId, place: Place) -> Action:
    """Keep a place on its channel."""
    return set_variable(leg, "HOTLINE_PLACE", pack(place))


def pack(place: Place) -> str:
    """Return a place as it stands in a channel variable."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()


def recall(packed: str) -> Place | None:
    """Return the place that `remember` packed, or None when there is none or it is unreadable."""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(packed), type=Place)
    except (ValueError, msgspec.MsgspecError):
        return None
