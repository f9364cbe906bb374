"""Hold, consult and transfer of one call: what Asterisk's messages mean for it. Pure. What the commands need is in `consult_steps`.

While its caller is on hold a line has a second offer beside its own: that of the agent who is asked. The steps themselves are the
dialplan's (`telephony.asterisk.config.transfers`); here they are recognised and told:

    talking -> held               he hears music; his agent is alone, or rings or talks with the second one
    held    -> talking            fetched by the first agent, or by the second one, whose offer is that of the line from then on

Bridges that the agents enter meanwhile are not the conversation with the caller, and leaving them ends nothing.
"""

from typing import Any

import msgspec

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

AGENT_LEFT = "AGENT_LEFT"
"""Our own word beside those of DIALSTATUS: the agent who asked hung up before an answer."""

Heard = list[Record] | None
"""What is to be told; None when the message says nothing about a hold or a consult."""


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
