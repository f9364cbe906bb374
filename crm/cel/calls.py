"""What Asterisk itself wrote about our calls: its CEL lines, folded into calls, and the facts that nobody told. Pure.

A call is known to CEL by the user event `HOTLINE_ARRIVED` (`extra`: call id, number dialled, origin) on the caller's channel,
`HOTLINE_FALLBACK` (call id, reason), and the channel's `HANGUP` (cause) and `CHAN_END`. A conversation is a bridge that the caller entered
by our `Dial`, and a phone by being dialled (`AppDial`); one that began and ended while nobody of ours lived is known from here
alone. Lines that cannot be read (half written, foreign, of another version) are skipped: CEL is evidence, not a protocol. Lines seen twice change nothing.

Format: `cel_custom` with CSV_QUOTE; a user-defined event has its own name as type; times are seconds since 1970 with microseconds
(seen on Asterisk 22.10.1).
"""

import csv
import json
from collections.abc import Iterable, Mapping
from typing import Generic, Literal, TypeVar

import msgspec

from hotline.facts import CallArrived, CallEnded, CallFact, CallFellBack, OfferAccepted, TalkEnded
from hotline.ids import CallId, Extension, LegId, NodeId, OfferId, is_safe_id
from hotline.text import clean_number

Mark = TypeVar("Mark")

COLUMNS = (
    "eventtype",
    "eventtime",
    "uniqueid",
    "linkedid",
    "channel",
    "exten",
    "context",
    "caller_number",
    "appname",
    "appdata",
    "eventextra",
    "userdeftype",
)
OFFERS = len(COLUMNS)
"""The column that lines of an older dialplan lack: the offers by which a caller is rung."""

SETTLE_S = 5.0
"""How old the last news of a call must be before we tell it: the ordinary way, through AMI, comes first."""

KEEP_S = 86_400.0
"""A call whose channel never ended in CEL (Asterisk died) is given up this long after its last line."""

TALKS_MAX = 50
"""So many bridges of a call are remembered."""

_BRIDGED = ("BRIDGE_ENTER", "BRIDGE_EXIT")
FALLBACK_REASONS = frozenset({"no_heartbeat", "lease_expired", "not_handled"})
_ORIGINS: dict[str, Literal["trunk", "seat", "operator", "test", "callback"]] = {
    "trunk": "trunk",
    "seat": "seat",
    "operator": "operator",
    "test": "test",
    "callback": "callback",
}


class CelLine(msgspec.Struct, frozen=True, kw_only=True):
    """One event of one channel."""

    eventtype: str
    at: float
    uniqueid: str
    channel: str
    caller_number: str
    extra: Mapping[str, object]
    linkedid: str = ""
    app: str = ""
    offers: tuple[OfferId, ...] = ()
    """The offer by which phones are rung for this caller; of a group: all of them."""


class CelTalk(msgspec.Struct, frozen=True, kw_only=True):
    """A bridge into which a call dialled a phone."""

    bridge: str
    extension: str
    """Empty: the phone is none of this node's seats."""
    began_at: float
    offers: tuple[OfferId, ...] = ()
    """What the caller was rung by, once he is in it himself."""
    ended_at: float | None = None


class CelCall(msgspec.Struct, frozen=True, kw_only=True):
    """What CEL says about one call."""

    call_id: CallId
    uniqueid: str
    channel: str
    number: str
    origin: str
    caller_number: str
    arrived_at: float
    news_at: float
    fell_back_at: float | None = None
    fallback_reason: str = ""
    cause: int = 0
    ended_at: float | None = None
    talks: tuple[CelTalk, ...] = ()


class OpenOffer(msgspec.Struct, frozen=True, kw_only=True):
    """An offer of which the journal does not know how it ended."""

    offer_id: OfferId
    extension: Extension


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Which facts of a call the journal has."""

    arrived: bool = False
    fell_back: bool = False
    ended: bool = False
    open_offers: tuple[OpenOffer, ...] = ()


def read_line(line: str) -> CelLine | None:
    """Return the event of one CSV line, or None when it is not one."""
    try:
        cells = next(csv.reader([line], strict=True), [])
    except csv.Error:
        return None
    if len(cells) < len(COLUMNS):
        return None
    values = dict(zip(COLUMNS, cells, strict=False))
    try:
        at = float(values["eventtime"])
        extra = json.loads(values["eventextra"] or "{}")
    except (ValueError, RecursionError):
        return None
    if not 0 < at < 1e11 or not isinstance(extra, dict):
        return None
    return CelLine(
        eventtype=values["userdeftype"] or values["eventtype"],
        at=at,
        uniqueid=values["uniqueid"],
        channel=values["channel"],
        caller_number=clean_number(values["caller_number"]),
        extra=extra,
        linkedid=values["linkedid"],
        app=values["appname"],
        offers=_offers(cells[OFFERS]) if len(cells) > OFFERS else (),
    )


class CelFold(Generic[Mark]):
    """The calls that CEL has told of and that are not settled yet."""

    def __init__(self) -> None:
        self._calls: dict[str, CelCall] = {}
        """By the Uniqueid of the caller's channel (unique within the calls of a few hours, which is all that is kept)."""
        self._marks: dict[str, Mark] = {}
        self._news: set[str] = set()

    def oldest(self) -> Mark | None:
        """Return the mark of the first line that a successor of ours must read again; None when no call is being followed."""
        return next(iter(self._marks.values()), None)

    def feed(self, line: CelLine, mark: Mark) -> None:
        """Take one event; `mark` is where its line begins."""
        if line.eventtype == "HOTLINE_ARRIVED":
            call = _arrival(line)
            known = self._calls.get(line.uniqueid)
            if call is not None and (known is None or known.call_id != call.call_id):
                self._forget(line.uniqueid)
                self._marks[line.uniqueid] = mark
                self._keep(call)
            return
        if line.eventtype in _BRIDGED:
            self._bridged(line)
            return
        call = self._calls.get(line.uniqueid)
        if call is None:
            return
        if line.eventtype == "HOTLINE_FALLBACK" and call.fell_back_at is None:
            reason = _words(line)[1:2]
            word = reason[0] if reason and reason[0] in FALLBACK_REASONS else "not_handled"
            self._keep(msgspec.structs.replace(call, news_at=line.at, fell_back_at=line.at, fallback_reason=word))
        elif line.eventtype == "HANGUP":
            cause = line.extra.get("hangupcause")
            usable = isinstance(cause, int) and 0 <= cause <= 127
            self._calls[line.uniqueid] = msgspec.structs.replace(call, cause=cause if usable else 0)
        elif line.eventtype == "CHAN_END":
            self._keep(msgspec.structs.replace(call, news_at=line.at, ended_at=line.at))

    def _bridged(self, line: CelLine) -> None:
        """The caller, or a phone that was dialled for him, entered a bridge or left it. It is told when his call is over."""
        call = self._calls.get(line.uniqueid if line.app == "Dial" else line.linkedid)
        bridge = line.extra.get("bridge_id")
        if call is None or line.app not in ("Dial", "AppDial") or not isinstance(bridge, str):
            return
        known = next((t for t in call.talks if t.bridge == bridge), None)
        talk = known or CelTalk(bridge=bridge, extension="", began_at=line.at)
        if line.eventtype == "BRIDGE_EXIT":
            talk = msgspec.structs.replace(talk, ended_at=talk.ended_at or line.at)
        elif line.app == "Dial":
            talk = msgspec.structs.replace(talk, offers=line.offers)
        else:
            talk = msgspec.structs.replace(talk, extension=talk.extension or _extension(line.channel))
        talks = (*(t for t in call.talks if t.bridge != bridge), talk)[-TALKS_MAX:]
        self._calls[call.uniqueid] = msgspec.structs.replace(call, talks=talks)

    def _keep(self, call: CelCall) -> None:
        self._calls[call.uniqueid] = call
        self._news.add(call.uniqueid)

    def ripe(self, now: float) -> list[CelCall]:
        """Return the calls with news that are old enough to be told, by time of arrival."""
        calls = [self._calls[u] for u in self._news if self._calls[u].news_at <= now - SETTLE_S]
        return sorted(calls, key=lambda c: (c.arrived_at, c.call_id))

    def settle(self, calls: Iterable[CelCall], now: float) -> None:
        """The facts of `calls` are kept: follow those that go on, forget those that are over or hopelessly old."""
        for call in calls:
            if self._calls.get(call.uniqueid) == call:
                self._news.discard(call.uniqueid)
                if call.ended_at is not None:
                    self._forget(call.uniqueid)
        for uniqueid, call in list(self._calls.items()):
            if call.news_at < now - KEEP_S and uniqueid not in self._news:
                self._forget(uniqueid)

    def _forget(self, uniqueid: str) -> None:
        self._calls.pop(uniqueid, None)
        self._marks.pop(uniqueid, None)
        self._news.discard(uniqueid)


def missing_facts(calls: Iterable[CelCall], told: Mapping[CallId, Told], node: NodeId) -> list[CallFact]:
    """Return what CEL knows and the journal does not, with CEL's times, all marked as reconciled."""
    facts: list[CallFact] = []
    for call in calls:
        known = told.get(call.call_id, Told())
        if not known.arrived:
            facts.append(
                CallArrived(
                    at=call.arrived_at,
                    call_id=call.call_id,
                    node=node,
                    leg=LegId(call.channel),
                    number=call.number,
                    caller_number=call.caller_number,
                    origin=_ORIGINS.get(call.origin, "trunk"),
                    reconciled=True,
                )
            )
        if call.fell_back_at is not None and not known.fell_back:
            facts.append(
                CallFellBack(at=call.fell_back_at, call_id=call.call_id, reason=call.fallback_reason, reconciled=True)
            )
        if call.ended_at is not None:
            facts += _conversations(call, known)
        if call.ended_at is not None and not known.ended:
            facts.append(CallEnded(at=call.ended_at, call_id=call.call_id, cause=call.cause, reconciled=True))
    return facts


def _conversations(call: CelCall, known: Told) -> list[CallFact]:
    """Return that offers were accepted, and when these conversations ended: of those whose end nobody saw."""
    facts: list[CallFact] = []
    for talk in sorted(call.talks, key=lambda t: t.began_at):
        offer = next((o for o in known.open_offers if _is_of(talk, o)), None)
        if offer is None or any(isinstance(f, OfferAccepted) and f.offer_id == offer.offer_id for f in facts):
            continue
        ended_at = talk.ended_at or call.ended_at or talk.began_at
        facts.append(OfferAccepted(at=talk.began_at, call_id=call.call_id, offer_id=offer.offer_id))
        facts.append(TalkEnded(at=ended_at, call_id=call.call_id, offer_id=offer.offer_id))
    return facts


def _is_of(talk: CelTalk, offer: OpenOffer) -> bool:
    """Return whether an offer led to this conversation; of several phones that were rung at once it is that of the one that answered."""
    return offer.offer_id in talk.offers and (len(talk.offers) == 1 or offer.extension == talk.extension)


def _offers(packed: str) -> tuple[OfferId, ...]:
    """Return the offers of a ring: its id, or what those of a group have in common and what each adds, with `&` between."""
    common, *rests = packed.split("&")
    found = tuple(OfferId(common + rest) for rest in rests) if rests else (OfferId(common),)
    return found if all(is_safe_id(offer) for offer in found) else ()


def _extension(channel: str) -> str:
    """Return the seat of a channel's name (`PJSIP/1004-00000009`); empty for any other."""
    name = channel.removeprefix("PJSIP/").rpartition("-")[0]
    return name if channel.startswith("PJSIP/") and name.isascii() and name.isdigit() else ""


def _arrival(line: CelLine) -> CelCall | None:
    words = _words(line)
    if not words or not is_safe_id(words[0]):
        return None
    return CelCall(
        call_id=CallId(words[0]),
        uniqueid=line.uniqueid,
        channel=line.channel,
        number=clean_number(words[1]) if len(words) > 1 else "",
        origin=words[2] if len(words) > 2 else "",
        caller_number=line.caller_number,
        arrived_at=line.at,
        news_at=line.at,
    )


def _words(line: CelLine) -> list[str]:
    extra = line.extra.get("extra")
    return extra.split() if isinstance(extra, str) else []
