"""Which actions a command needs now, given the state of its call; or why it is refused. Pure (it moves the line's state).

A plan changes the line at once, because the next command may come before Asterisk has answered this one; `revert` takes
the change back when Asterisk refuses.
"""

import math
import re
from collections.abc import Callable, Container

import msgspec

from hotline.commands import (
    AnswerFeature,
    Beep,
    CallCommand,
    CallOut,
    CancelRing,
    ChangeSupervision,
    Command,
    Conference,
    Consult,
    DialOut,
    EndConsult,
    EndSupervision,
    Hangup,
    Hold,
    Play,
    RecordMessage,
    Refused,
    Release,
    Remember,
    Retrieve,
    Ring,
    StartMusic,
    StopMusic,
    Supervise,
    Swap,
    Transfer,
)
from hotline.dialling import TRUNK
from hotline.ids import NodeId
from telephony import actions, callouts, consult_steps, errands, groups, seats, supervision
from telephony.actions import Action
from telephony.line import Line, Offer, Playing
from telephony.lines import Lines, command_id

_DIGITS = re.compile(r"[0-9]{1,20}")
RING_GRACE_S = 1.0
"""How much longer than asked for a ring may take."""


def _nothing() -> None:
    """There is nothing to take back."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to send, and how to take our own change back if Asterisk refuses."""

    actions: list[Action]
    revert: Callable[[], None] = _nothing


def plan(
    command: Command, lines: Lines, *, now: float = math.inf, peers: Container[str] = frozenset()
) -> Plan | Refused:
    """Return the plan for a command, or its refusal. Raises NotImplementedError for a command nobody taught us.

    `peers` are the other nodes to which there is a trunk: seats can be rung there.
    """
    if isinstance(command, AnswerFeature):
        return Plan(actions=[actions.redirect(command.session, "hotline-feature-done", command.sound)])
    if not isinstance(command, CallCommand):
        raise NotImplementedError(type(command).__name__)
    line = lines.by_call.get(command.call_id)
    if line is None or isinstance(command, CallOut):
        return _without_line(command, lines)
    match command:
        case Hangup():
            line.ended_by_us = True
            return Plan(actions=[actions.hang_up(line.leg)])
        case Remember():
            return _remember(line, command)
        case CancelRing():
            lines.moved.add(line.call_id)
            return _cancel(line, command)
        case (
            Supervise()
            | ChangeSupervision()
            | EndSupervision()
            | Beep()
            | Hold()
            | Retrieve()
            | Transfer()
            | Consult()
            | EndConsult()
            | Swap()
            | Conference()
        ):
            return _with_agent(line, command, lines, peers, now)
        case _ if line.phase != "session":
            return Refused(reason="not_in_session")
        case Ring():
            return _ring_phones(line, command, lines, peers, now)
        case _:
            return _in_session(line, command, lines)


def _supervise(
    line: Line, command: Supervise | ChangeSupervision | EndSupervision, own: NodeId, peers: Container[str]
) -> Plan | Refused:
    """Plan what a supervisor does with a conversation."""
    match command:
        case Supervise(seat_node=node) if node is not None and node != own and node not in peers:
            return Refused(reason="no_such_peer")
        case Supervise():
            steps = supervision.begin(line, command, own)
        case ChangeSupervision():
            steps = supervision.change(command)
        case EndSupervision():
            steps = supervision.end(command)
    return steps if isinstance(steps, Refused) else Plan(actions=steps)


def _ring_phones(line: Line, command: Ring, lines: Lines, peers: Container[str], now: float) -> Plan | Refused:
    """Plan a ring of one seat, or of a group; who is rung outside is a group, if only of one."""
    nodes = {command.seat_node, *(t.seat_node for t in command.also)} - {None, lines.node}
    if any(node not in peers for node in nodes):
        return Refused(reason="no_such_peer")
    outside = [number for number in (command.number, *(t.number for t in command.also)) if number]
    if any(_DIGITS.fullmatch(number) is None for number in outside):
        return Refused(reason="no_number")
    lines.moved.add(line.call_id)
    if command.also or outside:
        return _ring_group(line, command, lines.node, now)
    return _ring(line, command, command.seat_node if command.seat_node != lines.node else None, now)


def _with_agent(line: Line, command: CallCommand, lines: Lines, peers: Container[str], now: float) -> Plan | Refused:
    """Plan what an agent does with his caller: hold, consult, transfer."""
    if isinstance(command, Beep):
        return _beep(line, command)
    if isinstance(command, Supervise | ChangeSupervision | EndSupervision):
        return _supervise(line, command, lines.node, peers)
    at = command.seat_node if isinstance(command, Consult) and command.seat_node != lines.node else None
    if at is not None and at not in peers:
        return Refused(reason="no_such_peer")
    seat = seats.address(command.extension, at) if isinstance(command, Consult) else ""
    if isinstance(command, Consult) and command.number:
        if _DIGITS.fullmatch(command.number) is None:
            return Refused(reason="no_number")
        seat = f"{command.number}@{TRUNK}"
    lines.moved.add(line.call_id)
    found = consult_steps.steps(line, command, seat, now)
    return found if isinstance(found, Refused) else Plan(actions=found.actions, revert=found.revert)


def _beep(line: Line, command: Beep) -> Plan | Refused:
    offer = line.offer
    if offer is None or offer.seat is None or offer.ended or offer.offer_id != command.offer_id:
        return Refused(reason="not_talking")
    return Plan(actions=[supervision.tone(offer.seat)])


def _without_line(command: CallCommand, lines: Lines) -> Plan | Refused:
    """Plan what needs no call, because it makes one; there must be none of that name."""
    if not isinstance(command, CallOut):
        return Refused(reason="unknown_call")
    if command.call_id in lines.callouts or command.call_id in lines.by_call:
        return Refused(reason="called_already")
    lines.callouts.asked(command)
    return Plan(actions=[callouts.originate(command)], revert=lambda: lines.callouts.withdrawn(command.call_id))


def _remember(line: Line, command: Remember) -> Plan:
    remembered = actions.remember(line.leg, command.place)
    if line.led:
        line.led = False
        return Plan(actions=[actions.forget_offer(line.leg), remembered, actions.forget_transfer(line.leg)])
    if not line.answered or command.place.queue_id is None:
        return Plan(actions=[remembered])
    # He was served before and waits anew: who adopts him must not take the old answer for one to this wait.
    return Plan(actions=[actions.forget_offer(line.leg), remembered])


def _errand(line: Line, command: RecordMessage | DialOut, lines: Lines) -> Plan | Refused:
    lines.moved.add(line.call_id)
    steps = errands.begin(line, command)
    if isinstance(steps, Refused):
        return steps
    return Plan(actions=steps.actions, revert=lambda: errands.withdrawn(line))


def _in_session(line: Line, command: CallCommand, lines: Lines) -> Plan | Refused:
    match command:
        case Play():
            return _play(line, command)
        case StartMusic():
            return _music(line, command.music_class)
        case StopMusic():
            return _music(line, None)
        case Release():
            return _release(line)
        case RecordMessage() | DialOut():
            return _errand(line, command, lines)
        case _:
            raise NotImplementedError(type(command).__name__)


def _play(line: Line, command: Play) -> Plan | Refused:
    if not command.sounds:
        return Refused(reason="nothing_to_play")
    silence = [actions.music(line.leg, None, f"{command.play_id}/quiet")] if line.music else []
    line.music = False
    line.playing = Playing(play_id=command.play_id, left=list(command.sounds[1:]), interrupt=command.interrupt)
    first = actions.stream_file(line.leg, command.sounds[0], command.interrupt, command_id(line.playing))

    sent = {action.headers["CommandID"] for action in (*silence, first)}
    line.pending |= sent

    def revert() -> None:
        line.playing = None
        line.pending -= sent

    return Plan(actions=[*silence, first], revert=revert)


def _music(line: Line, music_class: str | None) -> Plan:
    line.music = music_class is not None
    sent = f"{line.call_id}/music"
    line.pending.add(sent)

    def revert() -> None:
        line.pending.discard(sent)

    return Plan(actions=[actions.music(line.leg, music_class, sent)], revert=revert)


def _release(line: Line) -> Plan:
    line.leaving = True

    def revert() -> None:
        line.leaving = False

    return Plan(actions=[actions.redirect(line.leg, "hotline-release")], revert=revert)


def _ring(line: Line, command: Ring, at: NodeId | None, now: float) -> Plan | Refused:
    if line.leaving:
        return Refused(reason="leaving")  # a ring would pull him back out of the fallback queue
    before = line.offer
    line.offer = Offer(offer_id=command.offer_id, until=now + command.ring_timeout_s + RING_GRACE_S)
    line.move("ringing")

    def revert() -> None:
        if line.offer is not None and line.offer.offer_id == command.offer_id:
            line.offer = before
            line.move("session")

    return Plan(actions=actions.ring(line.leg, command, at), revert=revert)


def _ring_group(line: Line, command: Ring, own: NodeId, now: float) -> Plan | Refused:
    phones = groups.phones(command, own)
    if line.leaving or phones is None:
        return Refused(reason="leaving" if line.leaving else "too_many_phones")
    before = line.offer
    line.group = groups.begin(command, now + command.ring_timeout_s + RING_GRACE_S)
    line.offer, line.won_from = line.group.members[0], None
    line.move("ringing")

    def revert() -> None:
        if line.ring_id == command.offer_id:
            line.offer, line.group, line.won_from = before, None, None
            line.move("session")

    return Plan(actions=actions.ring_group(line.leg, command, phones), revert=revert)


def _cancel(line: Line, command: CancelRing) -> Plan | Refused:
    """Take a ring back; that of several phones under the id of its first offer."""
    if line.phase != "ringing" or line.offer is None or line.ring_id != command.offer_id:
        return Refused(reason="not_ringing")
    offers = line.offers
    for offer in offers:
        offer.cancelled = True

    def revert() -> None:
        for offer in offers:
            offer.cancelled = False

    return Plan(actions=[actions.redirect(line.leg, "hotline-back")], revert=revert)
