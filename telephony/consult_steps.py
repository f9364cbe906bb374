"""Hold, consult and transfer of one call: the steps that each command needs. Pure. What comes of them is heard in `consults`.

The steps themselves are the dialplan's (`telephony.asterisk.config.transfers`); here the channels are prepared for them and led there,
and the line remembers what was asked until Asterisk tells that it is so.
"""

from collections.abc import Callable

import msgspec

from hotline.commands import (
    CallCommand,
    Conference,
    Consult,
    EndConsult,
    Hold,
    Refused,
    Retrieve,
    Swap,
    Transfer,
)
from hotline.ids import LegId
from telephony import actions, holds
from telephony.actions import Action
from telephony.line import Line, Offer

RING_GRACE_S = 1.0
"""How much longer than asked for a ring may take."""


class Steps(msgspec.Struct, frozen=True):
    """What to send, and how our own change is taken back if Asterisk refuses."""

    actions: list[Action]
    revert: Callable[[], None]


def steps(line: Line, command: CallCommand, seat: str, now: float) -> Steps | Refused:
    """Return the steps for one of the commands of this module, or its refusal. `seat` is how a second phone is dialled."""
    offer = line.offer
    asked = getattr(command, "offer_id", None)
    if line.phase != "talking" or offer is None or offer.seat is None or offer.ended or offer.offer_id != asked:
        return Refused(reason="not_talking")
    match command:
        case Hold():
            return _hold(line, offer.seat)
        case Retrieve():
            return _retrieve(line, offer.seat)
        case Transfer():
            return _transfer(line, command, offer, offer.seat)
        case Consult():
            return _consult(line, command, offer.seat, seat, now)
        case EndConsult():
            return _end_consult(line, command, offer.seat)
        case Swap() | Conference():
            return _regroup(line, command, offer.seat)
        case _:
            raise NotImplementedError(type(command).__name__)


def _plain(*needed: Action) -> Steps:
    return Steps(list(needed), lambda: None)


def _introduce(line: Line, first: LegId) -> list[Action]:
    """Let caller and agent know each other: whoever acts for them in the dialplan needs the other's channel."""
    return [
        actions.set_variable(line.leg, "HOTLINE_FIRST", first),
        actions.set_variable(line.leg, "HOTLINE_HELD", "1"),
        actions.set_variable(first, "_HOTLINE_CALLER", line.leg),
    ]


def _hold(line: Line, first: LegId) -> Steps | Refused:
    if line.held or line.hold_asked:
        return Refused(reason="on_hold")
    line.hold_asked = True
    return Steps(
        [*_introduce(line, first), actions.redirect_two(line.leg, "hotline-held", first, "hotline-hold")],
        lambda: _forget_hold(line),
    )


def _retrieve(line: Line, first: LegId) -> Steps | Refused:
    """Take him back whom our command holds; what the phone holds is taken back by the phone."""
    if line.held and line.second is None:
        return _plain(actions.redirect(first, "hotline-rejoin"))
    return Refused(reason="held_by_phone" if holds.is_held(line) and not line.held else "not_on_hold")


def _forget_hold(line: Line) -> None:
    line.hold_asked = False


def _transfer(line: Line, command: Transfer, offer: Offer, first: LegId) -> Steps | Refused:
    if line.second is not None:
        return Refused(reason="consulting")
    before, offer.left_first = offer.left_first, "agent"

    def revert() -> None:
        offer.left_first = before

    needed = [
        actions.set_variable(line.leg, "HOTLINE_HELD", "0"),
        actions.set_variable(line.leg, "HOTLINE_TRANSFER", f"{command.to},{command.by},{command.queue_id}"),
        actions.redirect(line.leg, "hotline-transfer"),
    ]
    # An agent who waits in a holding bridge of his own does not leave it just because his caller left.
    return Steps([*needed, actions.hang_up(first)] if line.held else needed, revert)


def _consult(line: Line, command: Consult, first: LegId, seat: str, now: float) -> Steps | Refused:
    if line.second is not None or line.hold_asked:
        return Refused(reason="consulting" if line.second is not None else "on_hold")
    until = now + command.ring_timeout_s + RING_GRACE_S
    line.second = Offer(offer_id=command.next_offer, agent_id=command.agent_id or None, until=until)
    seconds = max(round(command.ring_timeout_s), 1)
    confirmed = 1 if command.number and command.agent_id else 0
    needed = [
        *_introduce(line, first),
        actions.set_variable(
            line.leg, "HOTLINE_NEXT", f"{command.next_offer},{command.recording_id or ''},{command.agent_id}"
        ),
        actions.set_variable(first, "HOTLINE_CONSULT", f"{command.next_offer},{seat},{seconds},{confirmed}"),
    ]
    was_held = line.held
    if was_held:
        needed.append(actions.redirect(first, "hotline-consult"))
    else:
        line.hold_asked = True
        needed.append(actions.redirect_two(line.leg, "hotline-held", first, "hotline-consult"))

    def revert() -> None:
        if line.second is not None and line.second.offer_id == command.next_offer:
            line.second = None
        line.hold_asked = False

    return Steps(needed, revert)


def _regroup(line: Line, command: Swap | Conference, first: LegId) -> Steps | Refused:
    """Let others of the three talk with each other."""
    second = line.second
    if second is None or second.ended or second.offer_id != command.next_offer or second.seat is None:
        return Refused(reason="not_consulting")
    if not second.accepted or line.hold_asked or line.together:
        return Refused(reason="together" if line.together else "not_answered")
    if isinstance(command, Conference):
        return _confer(line, first, second.seat)
    return _talk_aside(line, first, second.seat) if line.held else _talk_again(line, first, second.seat)


def _confer(line: Line, first: LegId, second: LegId) -> Steps:
    line.together = "asked"

    def revert() -> None:
        line.together = ""

    agent, caller = "hotline-conference-agent", "hotline-conference"
    aside = actions.set_variable(line.leg, "HOTLINE_ASIDE", "0")
    # Those two who talk with each other go at once: one who finds himself alone would go on with his own next step.
    if line.held:
        moves = [actions.redirect_two(first, agent, second, agent), actions.redirect(line.leg, caller)]
    else:
        moves = [actions.redirect_two(line.leg, caller, first, agent), actions.redirect(second, agent)]
    return Steps([aside, *moves], revert)


def _talk_aside(line: Line, first: LegId, second: LegId) -> Steps:
    """The first agent leaves the second one aside and fetches the caller."""
    line.aside = True

    def revert() -> None:
        line.aside = False

    aside = actions.set_variable(line.leg, "HOTLINE_ASIDE", "1")
    return Steps([aside, actions.redirect_two(second, "hotline-aside", first, "hotline-rejoin")], revert)


def _talk_again(line: Line, first: LegId, second: LegId) -> Steps:
    """The first agent puts the caller on hold and is with the second one again."""
    line.hold_asked, line.aside = True, False

    def revert() -> None:
        line.hold_asked, line.aside = False, True

    return Steps(
        [
            *_introduce(line, first),
            actions.set_variable(line.leg, "HOTLINE_ASIDE", "0"),
            actions.set_variable(first, "HOTLINE_WITH", second),
            actions.redirect_two(line.leg, "hotline-held", first, "hotline-meet"),
        ],
        revert,
    )


def _end_consult(line: Line, command: EndConsult, first: LegId) -> Steps | Refused:
    second = line.second
    if second is None or second.ended or second.offer_id != command.next_offer:
        return Refused(reason="not_consulting")
    if command.hand_on:
        return _plain(actions.hang_up(first)) if second.accepted else Refused(reason="not_answered")
    second.cancelled = True

    def revert() -> None:
        second.cancelled = False

    if second.seat is not None:
        return Steps([actions.hang_up(second.seat)], revert)
    return Steps([actions.redirect(first, "hotline-rejoin")], revert)
