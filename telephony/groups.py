"""Rings of several phones for one caller: which offer a channel belongs to, how each offer ends, and who won. Pure.

The dialplan (`asterisk.config.groups`) dials a Local channel for each phone, and behind it the phone. Asterisk decides who
won: the end of the caller's own `Dial` names the Local channel whose answer it took. Another phone that answered at the same moment is bridged
to its own Local channel for an instant and hung up; its offer is told as answered elsewhere, as are all others.

Each offer ends once: by the word of its own phone (busy, rejected, failed), or with the group.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from hotline.commands import Ring
from hotline.facts import OfferFact, OfferRang, OfferRescinded, Record
from hotline.ids import LegId, NodeId, OfferId, is_safe_id
from telephony.ami.messages import (
    BridgeEntered,
    BridgeLeft,
    ChannelStatus,
    DialBegun,
    DialEnded,
    DialProgress,
    UserEventSeen,
)
from telephony.line import Group, Line, Offer, unanswered
from telephony.seats import peer_name

PIECES = 4
"""In so many variables the phones of a group are told to Asterisk."""
PIECE_BYTES = 900
"""The longest value that fits into a line of the manager protocol, of which Asterisk reads 1,024 bytes."""
_CONTEXT = "hotline-member"
OUTSIDE_CONTEXT = "hotline-member-outside"
"""Rings an external number."""


# --- what Asterisk is told -----------------------------------------------------------------------------------------------


def member_context(node: str | None) -> str:
    """Return the context that rings a seat of this node (None) or of another one."""
    return _CONTEXT if node is None else f"{_CONTEXT}-{peer_name(node)}"


class Phones(msgspec.Struct, frozen=True, kw_only=True):
    """A group as variables of the caller's channel."""

    offers: str
    """The ids of the offers: what they have in common, then what each adds, with `&` between."""
    pieces: tuple[str, ...]
    """The phones as an argument of `Dial`, cut where it would be too long."""


def phones(command: Ring, own: NodeId) -> Phones | None:
    """Return how Asterisk is told of a ring of several phones; None when there are more than can be told."""
    targets = [
        (command.extension, command.seat_node, command.number, 0.0),
        *((t.extension, t.seat_node, t.number, t.after_s) for t in command.also),
    ]
    pieces = [""]
    for number, (extension, node, outside, after_s) in enumerate(targets, start=1):
        waits = max(round(after_s), 0)
        seconds = max(round(command.ring_timeout_s) - waits, 1)
        context = OUTSIDE_CONTEXT if outside else member_context(node if node != own else None)
        phone = f"{'&' if number > 1 else ''}Local/{number}*{outside or extension}*{waits}*{seconds}@{context}"
        if len(pieces[-1]) + len(phone) > PIECE_BYTES:
            pieces.append("")
        pieces[-1] += phone
    offers = _pack([command.offer_id, *(t.offer_id for t in command.also)])
    if len(pieces) > PIECES or len(offers) > PIECE_BYTES:
        return None
    pieces += [""] * (PIECES - len(pieces))
    return Phones(offers=offers, pieces=tuple(pieces))


def _pack(offers: list[OfferId]) -> str:
    first, last = min(offers), max(offers)
    same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    common = first[:same]
    return "&".join([common, *(offer.removeprefix(common) for offer in offers)])


def unpack(packed: str) -> tuple[OfferId, ...]:
    """Return the offers of a group as they were packed; none when that is no group."""
    common, *rests = packed.split("&")
    offers = tuple(OfferId(common + rest) for rest in rests)
    return offers if offers and all(is_safe_id(offer) for offer in offers) else ()


def number_of(text: str) -> int:
    """Return which member a number (`3`), or what was dialled for it (`3*1002*0*15@hotline-member`), names; 0 for none."""
    number = text.partition("*")[0]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0


def begin(command: Ring, until: float) -> Group:
    """Return the group of a command that rings several phones."""
    offers = [command.offer_id, *(t.offer_id for t in command.also)]
    return Group(group_id=command.offer_id, members=tuple(Offer(offer_id=o, until=until) for o in offers))


# --- what Asterisk tells -------------------------------------------------------------------------------------------------


def member_told(line: Line, message: UserEventSeen, now: float) -> list[Record]:
    """A member's phone is about to be dialled (no status), or that dial is over without an answer."""
    offer = _member(line, message.fields)
    if offer is None or offer.ended:
        return []
    status, cause = message.fields.get("Status"), message.fields.get("Cause", "")
    if status is None:
        offer.local = message.channel
        return []
    if status in ("ANSWER", "CANCEL"):
        return []  # the group tells
    offer.ended = True
    return [unanswered(line, offer, status, int(cause) if cause.isdecimal() else 0, now)]


def _member(line: Line, fields: Mapping[str, str]) -> Offer | None:
    number = number_of(fields.get("Member", ""))
    if line.group is None or fields.get("Group") != line.group.group_id or not 1 <= number <= len(line.group.members):
        return None
    return line.group.members[number - 1]


def dialled(line: Line, group: Group, message: DialBegun | DialProgress | DialEnded, now: float) -> list[Record]:
    """A member's phone is dialled or rings; or the caller's own dial took the answer of one of them."""
    by_caller = message.channel == line.leg
    local = f"{message.dest_channel.removesuffix(';1')};2" if by_caller else message.channel
    offer = next((o for o in group.members if o.local == local), None)
    if offer is None:
        return []
    match message:
        case DialBegun() if not by_caller:
            offer.seat = LegId(message.dest_channel)
        case DialProgress(status="RINGING") if not by_caller and not (offer.rang or offer.ended):
            offer.rang = True
            return [OfferRang(at=min(now, offer.until), call_id=line.call_id, offer_id=offer.offer_id)]
        case DialEnded(status="ANSWER") if by_caller and group.winner is None:
            group.winner = offer
        case _:
            pass
    return []


def bridged(line: Line, group: Group, message: BridgeEntered | BridgeLeft) -> Offer | None:
    """Note who is in a bridge. Returns the winner once he and the caller are, if only in one bridge each."""
    by_caller = message.channel == line.leg
    for offer in group.members:
        if not by_caller and offer.seat != message.channel:
            continue
        if isinstance(message, BridgeEntered):
            offer.bridged.add("caller" if by_caller else "agent")
        else:
            offer.bridged.discard("caller" if by_caller else "agent")
    winner = group.winner
    return winner if winner is not None and not winner.ended and winner.bridged == {"caller", "agent"} else None


def lose(line: Line, group: Group, winner: Offer, now: float) -> list[Record]:
    """Tell of every offer but the winner's that somebody else answered."""
    records: list[Record] = []
    for offer in group.members:
        if offer is not winner and not offer.ended:
            offer.ended = True
            records.append(_elsewhere(line, offer, now))
    return records


def _elsewhere(line: Line, offer: Offer, now: float) -> OfferRescinded:
    at = min(now, offer.until)
    return OfferRescinded(at=at, call_id=line.call_id, offer_id=offer.offer_id, reason="answered_elsewhere")


def conclude(line: Line, group: Group, result: tuple[str, int], now: float) -> list[Record]:
    """Tell how each offer ended that has not ended; `result` is what became of the whole group, as of a single ring."""
    records: list[Record] = []
    for offer in group.members:
        if not offer.ended:
            offer.ended = True
            records.append(_over(line, group, offer, result[0], now))
    return records


def _over(line: Line, group: Group, offer: Offer, status: str, now: float) -> OfferFact:
    """Return how an offer ended of which its own phone said nothing before the group was over."""
    if status == "ANSWER" and offer is not group.winner and group.winner is not None:
        return _elsewhere(line, offer, now)
    if status == "NOANSWER" and not offer.local:
        # Its turn never came.
        ids: dict[str, Any] = {"at": min(now, offer.until), "call_id": line.call_id, "offer_id": offer.offer_id}
        return OfferRescinded(**ids, reason="withdrawn")
    return unanswered(line, offer, status, 0, now)


# --- after a gap -----------------------------------------------------------------------------------------------------------


def found(packed: str, group_id: OfferId | None) -> tuple[OfferId, ...]:
    """Return the offers of the ring that a channel is under, when that is a ring of several phones."""
    offers = unpack(packed)
    return offers if offers and offers[0] == group_id else ()


def adopt(offers: tuple[OfferId, ...], channels: Iterable[ChannelStatus]) -> Group:
    """Return a group that rings, as a snapshot shows it."""
    group = Group(group_id=offers[0], members=tuple(Offer(offer_id=o) for o in offers))
    learn(group, channels)
    return group


def learn(group: Group, channels: Iterable[ChannelStatus]) -> None:
    """Note which channels belong to which member."""
    for channel in channels:
        number = number_of(channel.variables.get("HOTLINE_MEMBER", ""))
        if not 1 <= number <= len(group.members):
            continue
        offer = group.members[number - 1]
        if not channel.channel.startswith("Local/"):
            offer.seat = LegId(channel.channel)
        elif channel.application == "Dial":
            offer.local = channel.channel
