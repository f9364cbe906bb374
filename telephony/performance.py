"""Which actions a command needs now, given the state of its call; or why it is refused. Pure (it moves the line's state).

A plan changes the line at once, because the next command may come before Asterisk has answered this one; `revert` takes
the change back when Asterisk refuses.
"""

import math
from collections.abc import Callable, Container

import msgspec

from hotline.commands import (
    AnswerFeature,
    CallCommand,
    CancelRing,
    Command,
    Hangup,
    Play,
    Refused,
    Release,
    Remember,
    Ring,
    StartMusic,
    StopMusic,
)
from hotline.ids import NodeId
from telephony import actions
from telephony.actions import Action
from telephony.line import Line, Offer, Playing
from telephony.lines import Lines, command_id

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
    if line is None:
        return Refused(reason="unknown_call")
    match command:
        case Hangup():
            line.ended_by_us = True
            return Plan(actions=[actions.hang_up(line.leg)])
        case Remember():
            return _remember(line, command)
        case CancelRing():
            lines.moved.add(line.call_id)
            return _cancel(line, command)
        case _ if line.phase != "session":
            return Refused(reason="not_in_session")
        case Ring():
            at = command.seat_node if command.seat_node != lines.node else None
            if at is not None and at not in peers:
                return Refused(reason="no_such_peer")
            lines.moved.add(line.call_id)
            return _ring(line, command, at, now)
        case _:
            return _in_session(line, command)


def _remember(line: Line, command: Remember) -> Plan:
    remembered = actions.remember(line.leg, command.place)
    if not line.answered or command.place.queue_id is None:
        return Plan(actions=[remembered])
    # He was served before and waits anew: who adopts him must not take the old answer for one to this wait.
    return Plan(actions=[actions.forget_offer(line.leg), remembered])


def _in_session(line: Line, command: CallCommand) -> Plan | Refused:
    match command:
        case Play():
            return _play(line, command)
        case StartMusic():
            return _music(line, command.music_class)
        case StopMusic():
            return _music(line, None)
        case Release():
            return _release(line)
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


def _cancel(line: Line, command: CancelRing) -> Plan | Refused:
    offer = line.offer
    if line.phase != "ringing" or offer is None or offer.offer_id != command.offer_id:
        return Refused(reason="not_ringing")
    offer.cancelled = True

    def revert() -> None:
        offer.cancelled = False

    return Plan(actions=[actions.redirect(line.leg, "hotline-back")], revert=revert)
