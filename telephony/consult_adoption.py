"""What a snapshot shows of holds, consults and transfers, and what follows for a call. Pure.

The caller's channel tells: whether he is on hold (his context), who his agents are (`HOTLINE_FIRST`, `HOTLINE_SECOND`), the offer by which
the second one is asked (`HOTLINE_NEXT`), and whom he was handed on to (`HOTLINE_TRANSFER`).
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from hotline.facts import CallAdopted, ConferenceBegan, OfferAccepted, Record
from hotline.ids import AgentId, LegId, OfferId, QueueId, is_safe_id
from telephony import consults, holds
from telephony.ami.messages import ChannelStatus
from telephony.line import HandedOn, Line, Offer

HELD = "hotline-held"
TALKS = "hotline-talk"
ASIDE = "hotline-aside"
TOGETHER, JOINED = "hotline-conference", "hotline-conference-agent"
HANDED_ON = "hotline-transfer"
"""Contexts of the dialplan: the caller's, and of an agent who is aside or in a conference."""


class Consultation(msgspec.Struct, frozen=True, kw_only=True):
    """A caller with agents, of whom the first asks the second, or has him on hold."""

    first: ChannelStatus | None
    second: ChannelStatus | None
    offer_id: OfferId | None
    """The offer by which the second one is asked."""
    agent_id: AgentId | None = None
    """Whose offer that is."""
    how: Literal["held", "aside", "together"] = "held"
    """Whether the caller is on hold, talks with the first one while the second one waits aside, or all three talk."""

    @property
    def answered(self) -> bool:
        """Whether the second one has answered."""
        if self.how != "held":
            return True
        both = self.first is not None and self.second is not None
        return both and bool(self.second.bridge_id) and self.first.bridge_id == self.second.bridge_id  # type: ignore[union-attr]

    @property
    def second_offer(self) -> Offer | None:
        """The second offer, as a call that we know nothing of has it."""
        if self.second is None or self.offer_id is None:
            return None
        bridged = {"agent", "second"} if self.answered else set()
        seat = LegId(self.second.channel)
        return Offer(
            offer_id=self.offer_id,
            seat=seat,
            agent_id=self.agent_id,
            rang=True,
            accepted=self.answered,
            bridged=bridged,
        )


def look(caller: ChannelStatus, phones: Sequence[ChannelStatus]) -> Consultation | None:
    """Return what is known of a caller on hold or in a consult; None for anybody else, and for one whose agents are gone."""
    by_name = {phone.channel: phone for phone in phones}
    first = by_name.get(caller.variables.get("HOTLINE_FIRST", ""))
    name, _, agent = _next(caller)
    second = by_name.get(caller.variables.get("HOTLINE_SECOND", ""))
    if second is first or name == caller.variables.get("HOTLINE_OFFER"):
        second = None  # he has the caller already, and keeps him on hold himself now
    how = _how(caller, second)
    if first is None or how is None:
        return None
    return Consultation(
        first=first,
        second=second,
        offer_id=OfferId(name) if is_safe_id(name) else None,
        agent_id=AgentId(agent) if is_safe_id(agent) else None,
        how=how,
    )


def _next(caller: ChannelStatus) -> tuple[str, str, str]:
    """Return the second offer as the caller's channel has it: its id, its recording, its agent."""
    offer, recording, agent = (*caller.variables.get("HOTLINE_NEXT", "").split(","), "", "", "")[:3]
    return offer, recording, agent


def _how(caller: ChannelStatus, second: ChannelStatus | None) -> Literal["held", "aside", "together"] | None:
    if caller.context == HELD:
        return "held"
    if caller.context == TALKS and second is not None and second.context == ASIDE:
        return "aside"
    if caller.context == TOGETHER and second is not None and second.context == JOINED:
        return "together"
    return None


def handed_on(caller: ChannelStatus) -> HandedOn | None:
    """Return whom a caller who is back with us was handed on to, if nobody has taken him over since."""
    to, by, queue = (*caller.variables.get("HOTLINE_TRANSFER", "").split(","), "", "")[:3]
    if caller.context != HANDED_ON or not to:
        return None
    return HandedOn(
        to=to, by=AgentId(by) if is_safe_id(by) else None, queue_id=QueueId(queue) if is_safe_id(queue) else None
    )


def led_on_at(caller: ChannelStatus) -> float:
    """Return when a caller was handed on to whom he talks with under the offer that his channel names; 0 when he was not."""
    offer, _, since = caller.variables.get("HOTLINE_LED", "").partition(",")
    told = offer != "" and offer == caller.variables.get("HOTLINE_OFFER") and since.isdecimal() and len(since) < 12
    return float(since) if told else 0.0


def describe(adopted: CallAdopted, line: Line) -> CallAdopted:
    """Return the record of a call that was found, with what its line knows of holds, consults and transfers."""
    wanted = line.handed_on
    if adopted.phase == "session" and wanted is not None:
        return msgspec.structs.replace(
            adopted, transfer=wanted.to, transferred_by=wanted.by, transfer_queue=wanted.queue_id
        )
    if adopted.phase != "talking":
        return adopted
    adopted = msgspec.structs.replace(adopted, held=holds.is_held(line), led_on_at=line.led_on_at)
    second = line.second
    if second is None:
        return adopted
    return msgspec.structs.replace(
        adopted, second_offer=second.offer_id, second_answered=second.accepted, second_agent=second.agent_id
    )


def differences(
    line: Line, caller: ChannelStatus, offer_id: OfferId | None, seen: Consultation | None, now: float
) -> list[Record]:
    """Tell what happened to a call that was and is with an agent; `offer_id` is the offer which its channel names now."""
    offer = line.offer
    if offer is None:
        return []
    if offer_id is not None and offer_id != offer.offer_id:
        asked, recording, _ = _next(caller)
        told = consults.handed_on(line, offer_id, recording if asked == offer_id else "", now) or []
    else:
        line.held, line.hold_asked = seen is not None and seen.how == "held", False
        if seen is None:
            told = consults.conclude(line, ("RESCINDED", 0), now)
        else:
            told = [*holds.tell(line, now), *_asked(line, offer, seen, now)]
    holds.learn(line, caller)
    return [*told, *holds.tell(line, now)]


def _asked(line: Line, offer: Offer, seen: Consultation, now: float) -> list[Record]:
    """Tell what became of the second agent."""
    told: list[Record] = []
    found, joined = seen.second_offer, seen.how == "together" and not line.together
    if line.second is None or found is None or found.offer_id != line.second.offer_id:
        told += consults.conclude(line, ("RESCINDED", 0), now)
        line.second = found
    elif found.accepted and not line.second.accepted:
        told.append(OfferAccepted(at=min(now, line.second.until), call_id=line.call_id, offer_id=found.offer_id))
        line.second = found
    else:
        line.second.seat = found.seat
    regroup(line, seen)
    if joined and found is not None:
        told.append(ConferenceBegan(at=now, call_id=line.call_id, offer_id=offer.offer_id, next_offer=found.offer_id))
    return told


def regroup(line: Line, seen: Consultation) -> None:
    """Note who of the three talks with whom."""
    line.aside, line.together = seen.how == "aside", "yes" if seen.how == "together" else ""
