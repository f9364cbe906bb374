"""Hold, consult and transfer of one call: what Asterisk's messages mean for it, and what each command needs. Pure.

While its caller is on hold a line has a second offer beside its own: that of the agent who is asked. The steps themselves are the
dialplan's (`telephony.asterisk.config.transfers`); here they are begun, recognised and told:

    talking -> held               he hears music; his agent is alone, or rings or talks with the second one
    held    -> talking            fetched by the first agent, or by the second one, whose offer is that of the line from then on

Bridges that the agents enter meanwhile are not the conversation with the caller, and leaving them ends nothing.
"""

from collections.abc import Callable
from typing import Any

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
from hotline.facts import (
    CallReturned,
    ConferenceBegan,
    OfferAccepted,
    OfferRang,
    OfferRescinded,
    Record,
    TalkEnded,
    TransferCompleted,
)
from hotline.ids import AgentId, LegId, OfferId, QueueId, RecordingId, is_safe_id
from telephony import actions, holds
from telephony.actions import Action
from telephony.ami.messages import (
    BridgeEntered,
    BridgeLeft,
    ChannelHeld,
    ChannelHungUp,
    ChannelUnheld,
    DialBegun,
    DialEnded,
    DialProgress,
    UserEventSeen,
)
from telephony.line import HandedOn, Line, Offer, Side, unanswered

RING_GRACE_S = 1.0
"""How much longer than asked for a ring may take."""
AGENT_LEFT = "AGENT_LEFT"
"""Our own word beside those of DIALSTATUS: the agent who asked hung up before an answer."""

Heard = list[Record] | None
"""What is to be told; None when the message says nothing about a hold or a consult."""


# --- what Asterisk tells ---------------------------------------------------------------------------------------------


def hear(line: Line, side: Side, message: object, now: float) -> Heard:
    """Return what a message about a channel of this call means. `side` is whose channel; the second agent's is `system`."""
    heard = _hear(line, side, message, now)
    return heard if heard is None else [*heard, *holds.tell(line, now)]


def _hear(line: Line, side: Side, message: object, now: float) -> Heard:
    match message:
        case BridgeEntered():
            return _entered(line, side, message, now)
        case BridgeLeft():
            return _left(line, side, message)
        case ChannelHeld() | ChannelUnheld():
            holds.pressed(line, message.channel, held=isinstance(message, ChannelHeld))
            return []
        case DialBegun() | DialProgress() | DialEnded() if side == "agent" and line.second is not None:
            return _dialled(line, line.second, message, now)
        case ChannelHungUp() if line.second is not None and line.second.seat == message.channel:
            return conclude(line, ("ANSWER", 0), now) if line.second.accepted else []
        case UserEventSeen(name="HotlineConsult"):
            status, cause = message.fields.get("Status", ""), message.fields.get("Cause", "")
            told = line.second is not None and message.fields.get("Offer") == line.second.offer_id
            return conclude(line, (status, int(cause) if cause.isdecimal() else 0), now) if told else []
        case UserEventSeen(name="HotlineTransferred") if side == "caller":
            return handed_on(line, message.fields.get("Offer", ""), message.fields.get("Recording", ""), now)
        case _:
            return None


def _entered(line: Line, side: Side, message: BridgeEntered, now: float) -> Heard:
    second = line.second
    if side == "caller" and line.offer is not None and (line.together == "asked" or (line.held and line.aside)):
        line.held = False
        joined = _joined(line, line.offer, now)
        return [*holds.tell(line, now), *joined]
    if side == "caller" and line.held and line.offer is not None:
        line.held = False
        return conclude(line, ("RESCINDED", 0), now)
    if second is None or not (side == "agent" or message.channel == second.seat):
        return [] if line.held and side == "agent" else None
    second.bridged.add("agent" if side == "agent" else "second")
    if second.accepted or second.bridged != {"agent", "second"}:
        return []
    second.accepted = True
    return [OfferAccepted(at=min(now, second.until), call_id=line.call_id, offer_id=second.offer_id)]


def _joined(line: Line, offer: Offer, now: float) -> list[Record]:
    if line.together != "asked" or line.second is None:
        return []
    line.together, line.aside = "yes", False
    return [ConferenceBegan(at=now, call_id=line.call_id, offer_id=offer.offer_id, next_offer=line.second.offer_id)]


def _left(line: Line, side: Side, message: BridgeLeft) -> Heard:
    if side == "caller" and line.hold_asked and line.offer is not None:
        line.hold_asked, line.held = False, True
        return []
    asked = line.second is not None and line.second.seat == message.channel
    regrouped = line.hold_asked or line.held or bool(line.together)
    return [] if asked or (side in ("agent", "caller") and regrouped) else None


def _dialled(line: Line, second: Offer, message: DialBegun | DialProgress | DialEnded, now: float) -> Heard:
    if isinstance(message, DialBegun):
        second.seat = LegId(message.dest_channel)
    if not isinstance(message, DialProgress) or message.dest_channel != second.seat:
        return []
    if message.status != "RINGING" or second.rang or second.ended:
        return []
    second.rang = True
    return [OfferRang(at=min(now, second.until), call_id=line.call_id, offer_id=second.offer_id)]


def handed_on(line: Line, offer_id: str, recording: str, now: float) -> Heard:
    """The caller is led to the second agent; the first one hung up. From now on the second offer is that of the call."""
    first, second = line.offer, line.second
    if first is None or not is_safe_id(offer_id) or first.offer_id == offer_id:
        return []
    if second is None or second.offer_id != offer_id:
        # Its end was told already: he hung up in this moment, and the caller comes back at once.
        second = Offer(offer_id=OfferId(offer_id), accepted=True, ended=True)
    completed = TransferCompleted(
        at=now,
        call_id=line.call_id,
        offer_id=first.offer_id,
        kind="attended",
        next_offer=second.offer_id,
        recording_id=RecordingId(recording) if is_safe_id(recording) else None,
    )
    told: list[Record] = [completed]
    if not first.ended:
        first.ended = True
        told.append(TalkEnded(at=now, call_id=line.call_id, offer_id=first.offer_id, ended_by="agent"))
    second.bridged = {"caller", "agent"}
    line.offer, line.second, line.won_from = second, None, None
    holds.forget(line)
    line.aside, line.together = False, ""
    return told


def conclude(line: Line, result: tuple[str, int], now: float) -> list[Record]:
    """Tell how the second offer ended, once; `result` is DIALSTATUS and HANGUPCAUSE."""
    second, line.second, line.aside, line.together = line.second, None, False, ""
    if second is None or second.ended:
        return []
    second.ended = True
    ids: dict[str, Any] = {"call_id": line.call_id, "offer_id": second.offer_id}
    if second.accepted:
        return [TalkEnded(at=now, **ids, ended_by="agent")]
    if result[0] == AGENT_LEFT and not second.cancelled:
        return [OfferRescinded(at=min(now, second.until), **ids, reason="agent_left")]
    status = "NOANSWER" if result[0] == "ANSWER" else result[0]  # of an agent outside who did not say that he is there
    return [unanswered(line, second, status, result[1], now)]


def over(line: Line, status: str, now: float) -> list[Record]:
    """Whatever there was is over: the caller is back with us, elsewhere, or gone."""
    holds.forget(line)
    line.together = ""
    return conclude(line, (status, 0), now)


def dismiss(line: Line) -> list[Action]:
    """Return how the agents are let go whose caller hung up while he was on hold."""
    if not line.held and line.second is None:
        return []
    legs = [offer.seat for offer in (line.offer, line.second) if offer is not None and offer.seat is not None]
    return [actions.hang_up(leg) for leg in legs]


def blind(line: Line, to: str, by: str, queue: str, now: float) -> list[Record]:
    """The caller was taken from his agent to be handed on; `line.handed_on` keeps it until his return has been told."""
    line.handed_on = HandedOn(to=to, by=AgentId(by) if by else None, queue_id=QueueId(queue) if queue else None)
    if line.offer is None:
        return []
    line.offer.left_first = "agent"
    return [TransferCompleted(at=now, call_id=line.call_id, offer_id=line.offer.offer_id, kind="blind", to=to)]


def led_by(line: Line, returned: CallReturned) -> CallReturned:
    """Return a caller's return with what his agent wants done with him."""
    wanted, line.handed_on = line.handed_on, None
    if wanted is None:
        return returned
    line.led = True
    return msgspec.structs.replace(
        returned, transfer=wanted.to, transferred_by=wanted.by, transfer_queue=wanted.queue_id
    )


# --- what commands need ----------------------------------------------------------------------------------------------


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
