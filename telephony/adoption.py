"""What a snapshot of Asterisk tells after a gap: calls to adopt, calls that changed, calls that are gone. Pure.

After our restart no line is known and every living call is adopted; after a lost link the lines are known and only the
differences are told. Applying the same snapshot twice changes nothing the second time. A `survey` tells everything to
somebody else who knows nothing.

A call whose caller another node's seat serves is a call of this node: the channel to that node is its seat. There, its channels
carry no id of a call and are nobody's.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from hotline.facts import (
    CallAdopted,
    CallFellBack,
    CallReturned,
    NodeSurveyed,
    OfferRang,
    Place,
    Record,
    SnapshotTaken,
    TalkEnded,
)
from hotline.ids import CallId, LegId, OfferId, is_safe_id
from hotline.text import clean_number
from telephony import callers, callouts, consult_adoption, consults, errands, groups, holds, supervision
from telephony.actions import other_half, recall
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
    phones: tuple[ChannelStatus, ...] = ()
    """All other channels of the call."""
    held: consult_adoption.Consultation | None = None
    """What his agents do who have him on hold, or of whom one asks the other."""
    other_half: ChannelStatus | None = None
    """Of a call that we made: the customer's half."""

    def variable(self, name: str) -> str:
        """Return a variable of the caller's channel."""
        return self.caller.variables.get(name, "")

    @property
    def offer_id(self) -> OfferId | None:
        """The current offer, when the caller is with a seat."""
        return self.last_offer_id if self.phase in ("ringing", "talking") else None

    @property
    def last_offer_id(self) -> OfferId | None:
        """The current offer or, when the caller is back from it, the last one. Of several: the first, or the answered one."""
        won = groups.number_of(self.variable("DIALEDPEERNUMBER")) if self.variable("DIALSTATUS") == "ANSWER" else 0
        return self.group[won - 1] if 1 <= won <= len(self.group) else self.ring_id

    @property
    def ring_id(self) -> OfferId | None:
        """The id of the ring that the caller is under or comes from: that of its first offer."""
        offer = self.variable("HOTLINE_OFFER")
        return OfferId(offer) if is_safe_id(offer) else None

    @property
    def group(self) -> tuple[OfferId, ...]:
        """The offers of that ring, when several phones ring."""
        return groups.found(self.variable("HOTLINE_GROUP"), self.ring_id)

    @property
    def served(self) -> OfferId | None:
        """The offer that was answered and is over, when the caller is back from it."""
        answered = self.phase == "session" and self.variable("DIALSTATUS") == "ANSWER"
        return self.last_offer_id if answered else None


def find(channels: Sequence[ChannelStatus]) -> list[Found]:
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
    halves = {c.channel: c for c in channels if c.channel.startswith("Local/")}
    found = [msgspec.structs.replace(f, other_half=halves.get(other_half(LegId(f.caller.channel)))) for f in found]
    return sorted(found, key=lambda f: (_arrived_at(f), f.call_id))


def _found(call_id: CallId, caller: ChannelStatus, phones: Sequence[ChannelStatus]) -> Found:
    seats = [phone for phone in phones if not phone.channel.startswith("Local/")]
    bridged = next((s for s in seats if s.bridge_id and s.bridge_id == caller.bridge_id), None)
    if caller.context in errands.KINDS:
        away = caller.application != "AGI"
        return Found(call_id=call_id, caller=caller, seat=None, phase="outside" if away else "session")
    if caller.context == "hotline-fallback":
        return Found(call_id=call_id, caller=caller, seat=None, phase="fallback")
    if (held := consult_adoption.look(caller, seats)) is not None:
        return Found(call_id=call_id, caller=caller, seat=held.first, phase="talking", held=held)
    if bridged is not None:
        return Found(call_id=call_id, caller=caller, seat=bridged, phase="talking")
    if caller.application == "Dial":
        # Shortly before and after the bridge only the status tells that the agent has answered.
        answered = caller.variables.get("DIALSTATUS") == "ANSWER"
        won = groups.number_of(caller.variables.get("DIALEDPEERNUMBER", "")) if answered else 0
        of_winner = (s for s in seats if won and groups.number_of(s.variables.get("HOTLINE_MEMBER", "")) == won)
        seat = next(of_winner, seats[0] if seats else None)
        phase: Phase = "talking" if answered else "ringing"
        return Found(call_id=call_id, caller=caller, seat=seat, phase=phase, phones=tuple(phones))
    if caller.application == "AGI":
        return Found(call_id=call_id, caller=caller, seat=None, phase="session")
    return Found(call_id=call_id, caller=caller, seat=None, phase="gone")


def _arrived_at(found: Found) -> float:
    text = found.variable("HOTLINE_ARRIVED")
    return float(text) if text.isdigit() and len(text) < 12 else 0.0


def _fallback_reason(found: Found) -> str:
    reason = found.variable("HOTLINE_REASON")
    return reason if is_safe_id(reason) else "unknown"


def reconcile(lines: Lines, channels: Sequence[ChannelStatus], *, now: float) -> list[Record]:
    """Bring `lines` to what the snapshot shows and return what that tells, ending with `SnapshotTaken`."""
    found = find(channels)
    living = {f.call_id for f in found}
    records: list[Record] = []
    for line in [line for call, line in lines.by_call.items() if call not in living]:
        records += lines.end(line, now, cause=0, reconciled=True)
    for call in found:
        known = lines.by_call.get(call.call_id)
        if known is not None:
            records += _changed(lines, known, call, now) if call.call_id not in lines.moved else []
            records += callouts.seen(lines.by_call.get(call.call_id, known), call.other_half, now)
        elif call.phase != "gone":
            records += _adopted(lines, call, now)
    supervisions = supervision.living(channels)
    return [
        *records,
        SnapshotTaken(
            at=now,
            node=lines.node,
            living=tuple(sorted(living)),
            supervisions=supervisions,
            heard=supervision.heard(channels),
        ),
    ]


def _adopted(lines: Lines, found: Found, now: float) -> list[Record]:
    """Take a call over. One who was served while nobody looked is told as talking, and back: he does not wait any more."""
    place = recall(found.variable("HOTLINE_PLACE"))
    served = found.served if place is not None and place.queue_id is not None else None
    offer, group = None, None
    talking = found.phase == "talking"
    if found.group and found.phase == "ringing":
        group = groups.adopt(found.group, found.phones)
        offer = group.members[0]
    elif found.offer_id is not None:
        offer = Offer(
            offer_id=found.offer_id,
            seat=LegId(found.seat.channel) if found.seat else None,
            accepted=talking,
            bridged={"caller", "agent"} if talking else set(),
        )
    leg = LegId(found.caller.channel)
    answered = found.phase == "talking" or found.served is not None
    won_from = found.ring_id if found.group and talking else None
    line = Line(
        call_id=found.call_id,
        leg=leg,
        phase=found.phase,
        offer=offer,
        group=group,
        won_from=won_from,
        errand=errands.found(found.caller) if found.phase == "outside" else None,
        answered=answered,
        second=found.held.second_offer if found.held is not None else None,
        held=found.held is not None and found.held.how == "held",
        handed_on=consult_adoption.handed_on(found.caller) if found.phase == "session" else None,
        led_on_at=consult_adoption.led_on_at(found.caller) if talking else 0.0,
    )
    if found.held is not None:
        consult_adoption.regroup(line, found.held)
    holds.learn(line, found.caller)
    line.hold_told = holds.is_held(line)
    lines.add(line)
    met = callouts.adopt(line, found.variable("HOTLINE_CALLOUT"), found.other_half, now)
    phase = found.phase if served is None else "talking"
    adopted = _adoption(lines, found, now, phase=phase, offer_id=served or found.offer_id, place=place)
    adopted = consult_adoption.describe(adopted, line)
    ids: dict[str, Any] = {"at": now, "call_id": found.call_id}
    if found.phase == "fallback":
        return [adopted, CallFellBack(**ids, reason=_fallback_reason(found))]
    if served is not None:
        back = consults.led_by(line, CallReturned(**ids, offer_id=served, answered=True))
        return [adopted, TalkEnded(**ids, offer_id=served), back]
    line.led, line.handed_on = line.handed_on is not None, None
    return [adopted, *met]


def _adoption(
    lines: Lines, found: Found, now: float, *, phase: Phase, offer_id: OfferId | None, place: Place | None
) -> CallAdopted:
    """Return the record of a call in a phase that is not `gone`."""
    line = lines.by_call.get(found.call_id)
    return CallAdopted(
        at=now,
        call_id=found.call_id,
        node=lines.node,
        leg=LegId(found.caller.channel),
        phase=phase,  # type: ignore[arg-type] # the callers see to it
        number=clean_number(found.variable("HOTLINE_NUMBER")),
        caller_number=callers.number(found.variable("HOTLINE_FROM"))
        or callouts.number_of(found.variable("HOTLINE_CALLOUT")),
        caller_name=callers.display_name(found.variable("HOTLINE_FROM")),
        arrived_at=_arrived_at(found),
        place=place,
        offer_id=offer_id,
        customer=callouts.customer_of(line) if line is not None else "",
    )


def survey(lines: Lines, channels: Sequence[ChannelStatus], *, epoch: int, now: float) -> NodeSurveyed:
    """Return everything, as it is to be told to a router that knows nothing. The snapshot was reconciled before.

    What we know of a call counts more than what the snapshot shows: commands of ours may have moved it since.
    """
    calls = tuple(_surveyed(lines, found, now) for found in find(channels))
    return NodeSurveyed(
        at=now,
        node=lines.node,
        epoch=epoch,
        calls=calls,
        seats=tuple(lines.phones.values()),
        supervisions=supervision.living(channels),
        heard=supervision.heard(channels),
    )


def _surveyed(lines: Lines, found: Found, now: float) -> CallAdopted:
    line = lines.by_call.get(found.call_id)
    phase, offer_id = _known(line) if line is not None else _on_its_way(found)
    place = recall(found.variable("HOTLINE_PLACE"))
    if phase == "session" and found.served is not None and place is not None and place.queue_id is not None:
        place = msgspec.structs.replace(
            place, queue_id=None, served=True
        )  # he was served, whatever the place still says
    told = _adoption(lines, found, now, phase=phase, offer_id=offer_id, place=place)
    return told if line is None else consult_adoption.describe(told, line)


def _known(line: Line) -> tuple[Phase, OfferId | None]:
    if line.leaving:
        return "fallback", None
    at_seat = line.offer is not None and line.phase in ("ringing", "talking")
    return line.phase, line.offer.offer_id if line.offer is not None and at_seat else None


_RINGS = ("hotline-ring", "hotline-group", "hotline-back", "hotline-talk", "hotline-transfer", "hotline-held")


def _on_its_way(found: Found) -> tuple[Phase, OfferId | None]:
    """Return where a call comes from that the dialplan leads to us: it has just arrived, or was with a seat."""
    if found.last_offer_id is None or found.caller.context not in _RINGS:
        return "session", None
    return "talking" if found.variable("DIALSTATUS") == "ANSWER" else "ringing", found.last_offer_id


def _changed(lines: Lines, line: Line, found: Found, now: float) -> list[Record]:
    """Tell what happened to a known line while we did not look."""
    if found.phase in ("gone", line.phase):
        _learn_seat(lines, line, found)
        if found.phase != "talking":
            return []
        told = consult_adoption.differences(line, found.caller, found.offer_id, found.held, now)
        _learn_seat(lines, line, found)
        lines.add(line)
        return told
    ids: dict[str, Any] = {"at": now, "call_id": line.call_id}
    answered = found.offer_id if found.phase == "talking" else found.served
    match found.phase, next((o for o in line.offers if o.offer_id == answered), line.offer):
        case "fallback", _:
            return lines.fall_back(line, _fallback_reason(found), now)
        case "outside", _:
            line.errand = errands.found(found.caller)
            line.move("outside")
            return []
        case "session", None if line.phase == "outside":
            return errands.found_back(line, now)
        case "talking", Offer() as offer if offer.offer_id == found.offer_id:
            offer.seat = LegId(found.seat.channel) if found.seat is not None else offer.seat
            offer.bridged = {"caller", "agent"}
            lines.add(line)
            return _accepted(lines, line, offer, now)
        case "session", Offer() as offer:
            records: list[Record] = []
            if found.served == offer.offer_id and not offer.accepted:
                records = _accepted(lines, line, offer, now)
            records += consults.over(line, consults.AGENT_LEFT, now)
            records += lines.conclude(line, offer, ("RESCINDED", 0), now)
            line.move("session")
            ring_id = line.ring_id or offer.offer_id
            lines.forget_offer(line)
            line.handed_on = consult_adoption.handed_on(found.caller)
            returned = CallReturned(**ids, offer_id=ring_id, answered=offer.accepted)
            return [*records, consults.led_by(line, returned)]
        case "ringing" | "talking", offer if offer is None or offer.offer_id != found.offer_id:
            return _adopted(lines, found, now)  # with a seat, under an offer that we do not know, or no longer
        case _:
            return []


def _learn_seat(lines: Lines, line: Line, found: Found) -> None:
    """Note which channel is the seat's: without it nobody would recognise the agent's answer."""
    if line.group is not None and found.group == tuple(o.offer_id for o in line.group.members):
        groups.learn(line.group, found.phones)
        lines.add(line)
    elif found.seat is not None and line.offer is not None and line.offer.offer_id == found.offer_id:
        line.offer.seat = LegId(found.seat.channel)
        lines.add(line)


def _accepted(lines: Lines, line: Line, offer: Offer, now: float) -> list[Record]:
    """Tell of an answer that we did not see; then its phone rang before."""
    accepted = lines.accept(line, offer, now)
    if offer.rang:
        return accepted
    return [OfferRang(at=accepted[0].at, call_id=line.call_id, offer_id=offer.offer_id), *accepted]
