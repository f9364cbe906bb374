"""What a snapshot shows of holds, consults and transfers, and what follows for a call. Pure.

The caller's channel tells: whether he is on hold (his context), who his agents are (`HOTLINE_FIRST`, `HOTLINE_SECOND`), the offer by which
the second one is asked (`HOTLINE_NEXT`), and whom he was handed on to (`HOTLINE_TRANSFER`).
"""

from collections.abc import Sequence

import msgspec

from hotline.facts import CallAdopted, HoldBegan, HoldEnded, OfferAccepted, Record
from hotline.ids import AgentId, LegId, OfferId, QueueId, is_safe_id
from telephony import consults
from telephony.ami.messages import ChannelStatus
from telephony.line import HandedOn, Line, Offer

HELD = "hotline-held"
HANDED_ON = "hotline-transfer"


class Consultation(msgspec.Struct, frozen=True, kw_only=True):
    """A caller on hold, and his agents."""

    first: ChannelStatus | None
    second: ChannelStatus | None
    offer_id: OfferId | None
    """The offer by which the second one is asked."""

    @property
    def answered(self) -> bool:
        """Whether both agents talk with each other."""
        both = self.first is not None and self.second is not None
        return both and bool(self.second.bridge_id) and self.first.bridge_id == self.second.bridge_id  # type: ignore[union-attr]

    @property
    def second_offer(self) -> Offer | None:
        """The second offer, as a call that we know nothing of has it."""
        if self.second is None or self.offer_id is None:
            return None
        bridged = {"agent", "second"} if self.answered else set()
        seat = LegId(self.second.channel)
        return Offer(offer_id=self.offer_id, seat=seat, rang=True, accepted=self.answered, bridged=bridged)


def look(caller: ChannelStatus, phones: Sequence[ChannelStatus]) -> Consultation | None:
    """Return what is known of a caller on hold; None for one who is not, or whose agents are gone: he comes back to us."""
    if caller.context != HELD:
        return None
    by_name = {phone.channel: phone for phone in phones}
    first = by_name.get(caller.variables.get("HOTLINE_FIRST", ""))
    second = by_name.get(caller.variables.get("HOTLINE_SECOND", "")) if first is not None else None
    offer_id = caller.variables.get("HOTLINE_NEXT", "").partition(",")[0]
    if first is None:
        return None
    return Consultation(first=first, second=second, offer_id=OfferId(offer_id) if is_safe_id(offer_id) else None)


def handed_on(caller: ChannelStatus) -> HandedOn | None:
    """Return whom a caller who is back with us was handed on to, if nobody has taken him over since."""
    to, by, queue = (*caller.variables.get("HOTLINE_TRANSFER", "").split(","), "", "")[:3]
    if caller.context != HANDED_ON or not to:
        return None
    return HandedOn(
        to=to, by=AgentId(by) if is_safe_id(by) else None, queue_id=QueueId(queue) if is_safe_id(queue) else None
    )


def describe(adopted: CallAdopted, line: Line) -> CallAdopted:
    """Return the record of a call that was found, with what its line knows of holds, consults and transfers."""
    wanted = line.handed_on
    if adopted.phase == "session" and wanted is not None:
        return msgspec.structs.replace(
            adopted, transfer=wanted.to, transferred_by=wanted.by, transfer_queue=wanted.queue_id
        )
    if adopted.phase != "talking":
        return adopted
    adopted = msgspec.structs.replace(adopted, held=line.held or line.phone_held)
    second = line.second
    if second is None:
        return adopted
    return msgspec.structs.replace(adopted, second_offer=second.offer_id, second_answered=second.accepted)


def answered(line: Line, now: float) -> list[Record]:
    """Tell that the second agent of a call which was found has answered: perhaps nobody was there to tell it then."""
    if line.second is None or not line.second.accepted:
        return []
    return [OfferAccepted(at=now, call_id=line.call_id, offer_id=line.second.offer_id)]


def differences(
    line: Line, caller: ChannelStatus, offer_id: OfferId | None, seen: Consultation | None, now: float
) -> list[Record]:
    """Tell what happened to a call that was and is with an agent; `offer_id` is the offer which its channel names now."""
    offer = line.offer
    if offer is None:
        return []
    if offer_id is not None and offer_id != offer.offer_id:
        asked, _, recording = caller.variables.get("HOTLINE_NEXT", "").partition(",")
        return consults.handed_on(line, offer_id, recording if asked == offer_id else "", now) or []
    ids = {"at": now, "call_id": line.call_id}
    if seen is None:
        was_held, told = line.held or line.hold_asked, consults.over(line, "RESCINDED", now)
        if was_held:
            told.append(HoldEnded(**ids, offer_id=offer.offer_id))  # type: ignore[arg-type]  # what every fact of a call has
        return told
    told = []
    if not line.held:
        line.held, line.hold_asked, line.phone_held = True, False, False
        told.append(HoldBegan(**ids, offer_id=offer.offer_id))  # type: ignore[arg-type]
    found = seen.second_offer
    if line.second is None or found is None or found.offer_id != line.second.offer_id:
        told += consults.conclude(line, ("RESCINDED", 0), now)
        line.second = found
    elif found.accepted and not line.second.accepted:
        told.append(OfferAccepted(at=min(now, line.second.until), call_id=line.call_id, offer_id=found.offer_id))
        line.second = found
    else:
        line.second.seat = found.seat
    return told
