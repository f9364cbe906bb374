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


def renew_lease(leg: LegId, lease_s: float) -> Action:
    """Give a call in our hands another `lease_s` seconds before it goes to the fallback by itself."""
    return Action(name="AbsoluteTimeout", headers={"Channel": leg, "Timeout": str(round(lease_s))})


def hang_up(leg: LegId, cause: int = 16) -> Action:
    """End a channel with a Q.850 cause."""
    return Action(name="Hangup", headers={"Channel": leg, "Cause": str(cause)})


def forget_offer(leg: LegId) -> Action:
    """Let the last offer of a call no longer count: it waits for another one."""
    return set_variable(leg, "HOTLINE_OFFER", "")


def remember(leg: LegId, place: Place) -> Action:
    """Keep a place on its channel."""
    packed = base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()
    return set_variable(leg, "HOTLINE_PLACE", packed)


def recall(packed: str) -> Place | None:
    """Return the place that `remember` packed, or None when there is none or it is unreadable."""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(packed), type=Place)
    except (ValueError, msgspec.MsgspecError):
        return None
