"""A supervisor's seat with an agent's conversation: how it is rung, moved to another mode and hung up, and what is seen of it. Pure.

The supervisor's channel hears the agent's seat by `ChanSpy`, which is no part of the bridge of the conversation: it keeps no call
alive, and a recording of the caller's channel does not hear it. It is named after the supervision, so whoever restarts finds it.
Nothing of it is remembered here; the router does that.
"""

from collections.abc import Iterable
from typing import get_args

from hotline.commands import ChangeSupervision, EndSupervision, Refused, Supervise
from hotline.facts import Record, SupervisionMode, SupervisionSeen
from hotline.ids import LegId, NodeId, SupervisionId, is_safe_id
from hotline.text import clean_name
from telephony.actions import Action, hang_up, redirect
from telephony.ami.messages import ChannelStatus, UserEventSeen
from telephony.line import Line
from telephony.seats import peer_name

EVENT = "HotlineSupervision"
VARIABLE = "HOTLINE_SUPERVISION"
CONTEXT = "hotline-supervise"
TONE_CONTEXT = "hotline-supervise-tone"
SPY = {"listen": "qES", "whisper": "qESw", "barge": "qESB"}
"""Options of `ChanSpy` for each mode: no words before it; over when the agent's channel is gone."""

_SIGNS = str.maketrans(dict.fromkeys('"<>\\'))
_WHY = {"BUSY": "busy", "NOANSWER": "no_answer", "CANCEL": "no_answer"}


def seat_context(node: str | None) -> str:
    """Return the context that rings a supervisor's seat of this node (None) or of another one."""
    return f"{CONTEXT}-seat" if node is None else f"{CONTEXT}-{peer_name(node)}"


def begin(line: Line, command: Supervise, own: NodeId) -> list[Action] | Refused:
    """Return how the seat is rung; a refusal when that conversation is not there."""
    offer = line.offer
    if offer is None or offer.offer_id != command.offer_id or not offer.accepted or offer.ended or offer.seat is None:
        return Refused(reason="not_talking")
    node = command.seat_node if command.seat_node != own else None
    seconds = max(round(command.ring_timeout_s), 1)
    rung = f"Local/{command.extension}*{seconds}@{seat_context(node)}/n"
    headers = {
        "Channel": rung,
        "ChannelId": command.supervision_id,
        "OtherChannelId": f"{command.supervision_id}-seat",
        "Context": CONTEXT,
        "Exten": command.mode,
        "Priority": "1",
        "Timeout": str((seconds + 5) * 1000),
        "CallerID": f'"{_harmless(command.shown)}" <{command.extension}>',
        "Variable": f"__{VARIABLE}={command.supervision_id},HOTLINE_SPIED={offer.seat}",
        "Async": "true",
    }
    if command.tone:
        headers["Variable"] += ",HOTLINE_TONE=1"
    return [Action(name="Originate", headers=headers)]


def _harmless(name: str) -> str:
    """Return a name without the signs that mean something around it."""
    return clean_name(name).translate(_SIGNS)


def tone(spied: str) -> Action:
    """Let the agent alone hear a beep: a channel that whispers it to him, and nothing more."""
    headers = {
        "Channel": f"Local/s@{TONE_CONTEXT}/n",
        "Application": "ChanSpy",
        "Data": f"{spied},qESw",
        "Async": "true",
    }
    return Action(name="Originate", headers=headers)


def tone_asked(message: UserEventSeen) -> list[Action]:
    """Return the beep for an agent to whom a supervisor has just come, if he shall hear one."""
    return [tone(message.fields.get("Spied", ""))] if message.fields.get("Tone") == "1" else []


def change(command: ChangeSupervision) -> list[Action]:
    """Return how a supervisor goes on in another mode."""
    return [redirect(LegId(command.supervision_id), CONTEXT, command.mode)]


def end(command: EndSupervision) -> list[Action]:
    """Return how a supervisor's seat is hung up."""
    return [hang_up(LegId(command.supervision_id))]


def seen(message: UserEventSeen, node: NodeId, now: float) -> list[Record]:
    """Return what the dialplan tells of a supervisor's seat."""
    name, state = message.fields.get("Id", ""), message.fields.get("State", "")
    if not is_safe_id(name) or state not in (*get_args(SupervisionMode), "over", "unanswered"):
        return []
    reason = _WHY.get(message.fields.get("Status", ""), "refused") if state == "unanswered" else ""
    told = SupervisionSeen(at=now, node=node, supervision_id=SupervisionId(name), state=state, reason=reason)  # type: ignore[arg-type] # checked above
    return [told]


def living(channels: Iterable[ChannelStatus]) -> tuple[SupervisionId, ...]:
    """Return the supervisions that a snapshot shows."""
    found = {c.variables.get(VARIABLE, "") for c in channels}
    return tuple(sorted(SupervisionId(name) for name in found if is_safe_id(name)))


def heard(channels: Iterable[ChannelStatus]) -> tuple[tuple[SupervisionId, SupervisionMode], ...]:
    """Return those of them whose seats have answered, each with its mode: the extension at which its channel is."""
    spies = [c for c in channels if c.application == "ChanSpy" and c.context == CONTEXT and c.exten in SPY]
    found = {(c.variables.get(VARIABLE, ""), c.exten) for c in spies}
    return tuple(sorted((SupervisionId(name), mode) for name, mode in found if is_safe_id(name)))  # type: ignore[misc] # in SPY
