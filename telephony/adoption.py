"""What a snapshot of Asterisk tells after a gap: calls to adopt, calls that changed, calls that are gone. Pure.

After our restart no line is known and every living call is adopted; after a lost link the lines are known and only the
differences are told. Applying the same snapshot twice changes nothing the second time.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from hotline.facts import CallAdopted, CallFellBack, CallReturned, OfferAccepted, OfferRang, Record, SnapshotTaken
from hotline.ids import CallId, LegId, OfferId, is_safe_id
from hotline.text import clean_number
from telephony import callers
from telephony.actions import recall
from telephony.ami.messages import ChannelStatus
from telephony.line import Line, Offer, Phase
from telephony.lines import Lines


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One call as the snapshot shows it."""

    call_id: CallId
    caller: ChannelStatus
    seat: ChannelStatus | None
    phase: Phase
    """`gone` while the dialplan still leads the call to us: its `AsyncAGIStart` will tell."""

    def variable(self, name: str) -> str:
        """Return a variable of the caller's channel."""
        return self.caller.variables.get(name, "")

    @property
    def offer_id(self) -> OfferId | None:
        """The current offer, when the caller is with a seat."""
        offer = self.variable("HOTLINE_OFFER")
        return OfferId(offer) if self.phase in ("ringing", "talking") and is_safe_id(offer) else None


def find(channels: Iterable[ChannelStatus]) -> list[Found]:
    """Return the calls among the channels of a snapshot, oldest arrival first."""
    callers: dict[str, ChannelStatus] = {}
    seats: dict[str, list[ChannelStatus]] = {}
    for channel in channels:
        call = channel.variables.get("HOTLINE_CALL", "")
        if not is_safe_id(call):
            continue
        if channel.variables.get("HOTLINE_NUMBER"):
            callers[call] = channel
        else:
            seats.setdefault(call, []).append(channel)
    found = [_found(CallId(call), caller, seats.get(call, [])) for call, caller in callers.items()]
    return sorted(found, key=lambda f: (_arrived_at(f), f.call_id))


def _found(call_id: CallId, caller: ChannelStatus, seats: Sequence[ChannelStatus]) -> Found:
    bridged = next((s for s in seats if s.bridge_id and s.bridge_id == caller.bridge_id), None)
    if caller.context == "hotline-fallback":
        return Found(call_id=call_id, caller=caller, seat=None, phase="fallback")
    if bridged is not None:
        return Found(call_id=call_id, caller=caller, seat=bridged, phase="talking")
    if caller.application == "Dial":
        return Found(call_id=call_id, caller=caller, seat=seats[0] if seats else None, phase="ringing")
    if caller.application == "AGI":
        return Found(call_id=call_id, caller=caller, seat=None, phase="session")
    return Found(call_id=call_id, caller=caller, seat=None, phase="gone")


def _arrived_at(found: Found) -> float:
    text = found.variable("HOTLINE_ARRIVED")
    return float(text) if text.isdigit() and len(text) < 12 else 0.0


def _fallback_reason(found: Found) -> str:
    reason = found.variable("HOTLINE_REASON")
    return reason if is_safe_id(reason) else "unknown"


def reconcile(lines: Lines, channels: Iterable[ChannelStatus], *, now: float) -> list[Record]:
    """Bring `lines` to what the snapshot shows and return what that tells, ending with `SnapshotTaken`."""
    found = find(channels)
    living = {f.call_id for f in found}
    records: list[Record] = []
    for line in [line for call, line in lines.by_call.items() if call not in living]:
        records += lines.end(line, now, cause=0, reconciled=True)
    for call in found:
        known = lines.by_call.get(call.call_id)
        if known is not None:
            records += _changed(lines, known, call, now)
        elif call.phase != "gone":
            records.append(_adopted(lines, call, now))
            if call.phase == "fallback":
                records.append(CallFellBack(at=now, call_id=call.call_id, reason=_fallback_reason(call)))
    return [*records, SnapshotTaken(at=now, node=lines.node, living=tuple(sorted(living)))]


def _adopted(lines: Lines, found: Found, now: float) -> CallAdopted:
    offer = None
    if found.offer_id is not None:
        talking = found.phase == "talking"
        offer = Offer(
            offer_id=found.offer_id,
            seat=LegId(found.seat.channel) if found.seat else None,
            accepted=talking,
            bridged={"caller", "agent"} if talking else set(),
        )
    leg = LegId(found.caller.channel)
    lines.add(Line(call_id=found.call_id, leg=leg, phase=found.phase, offer=offer))
    return CallAdopted(
        at=now,
        call_id=found.call_id,
        node=lines.node,
        leg=leg,
        phase=found.phase,  # type: ignore[arg-type] # never "gone": the caller of this function saw to it
        number=clean_number(found.variable("HOTLINE_NUMBER")),
        caller_number=callers.number(found.variable("HOTLINE_FROM")),
        caller_name=callers.display_name(found.variable("HOTLINE_FROM")),
        arrived_at=_arrived_at(found),
        place=recall(found.variable("HOTLINE_PLACE")),
        offer_id=found.offer_id,
    )


def _changed(lines: Lines, line: Line, found: Found, now: float) -> list[Record]:
    """Tell what happened to a known line while we did not look."""
    if found.phase in ("gone", line.phase):
        return []
    ids: dict[str, Any] = {"at": now, "call_id": line.call_id}
    match found.phase, line.offer:
        case "fallback", _:
            return lines.fall_back(line, _fallback_reason(found), now)
        case "talking", Offer() as offer if offer.offer_id == found.offer_id:
            offer.seat = LegId(found.seat.channel) if found.seat else offer.seat
            lines.add(line)
            offer.accepted = True
            offer.bridged = {"caller", "agent"}
            line.move("talking")
            rang = [] if offer.rang else [OfferRang(**ids, offer_id=offer.offer_id)]
            return [*rang, OfferAccepted(**ids, offer_id=offer.offer_id)]
        case "session", Offer() as offer:
            records = lines.conclude(line, offer, ("RESCINDED", 0), now)
            line.move("session")
            line.offer = None
            returned = CallReturned(**ids, offer_id=offer.offer_id, answered=offer.accepted)
            return [*records, returned]
        case _:
            return []
