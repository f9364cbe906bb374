"""All calls of one node: AMI messages in, facts and signals out. Pure.

It decides what the phone network's messages mean for a call and which command is possible now; it sends nothing itself.
Messages about channels it does not know are normal (seats calling each other, calls that ended) and change nothing.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from hotline.facts import (
    CallArrived,
    CallEnded,
    CallFellBack,
    CallReturned,
    DigitPressed,
    FeatureCodeDialled,
    OfferAccepted,
    OfferRang,
    PlayEnded,
    Record,
    SeatChanged,
    TalkEnded,
)
from hotline.ids import CallId, Extension, LegId, NodeId, OfferId, is_safe_id
from hotline.text import clean_number
from telephony import callouts, consults, errands, groups, holds, keys, supervision
from telephony.actions import Action, redirect, stream_file
from telephony.ami.messages import (
    AgiCommandEnded,
    AgiStarted,
    BridgeEntered,
    BridgeLeft,
    ChannelHungUp,
    DeviceStateChanged,
    DialBegun,
    DialEnded,
    DialProgress,
    DigitEnded,
    UserEventSeen,
)
from telephony.callers import display_name
from telephony.line import Line, Offer, Playing, Side, unanswered
from telephony.seats import IN_USE, UNREACHABLE


class Told(msgspec.Struct, kw_only=True):
    """What followed from a message: records to publish, actions to send, and whether a snapshot is needed."""

    records: list[Record] = msgspec.field(default_factory=list)
    actions: list[Action] = msgspec.field(default_factory=list)
    unclear: str = ""
    """Why we may have missed something; a snapshot will tell."""


class Lines:
    """The calls of one node."""

    def __init__(self, node: NodeId, seats: Iterable[str]) -> None:
        self.node = node
        self._seats = frozenset(seats)
        self.by_call: dict[CallId, Line] = {}
        self.callouts = callouts.Callouts()
        self.moved: set[CallId] = set()
        """Calls that a command of ours moved since the last snapshot was asked for: it shows them as they were."""
        self.phones: dict[Extension, SeatChanged] = {}
        """The last word about each seat of which there was one."""
        self._by_leg: dict[str, tuple[Line, Side]] = {}

    def add(self, line: Line) -> None:
        """Take a line in (it arrived, or was adopted)."""
        self.by_call[line.call_id] = line
        self._by_leg[line.leg] = (line, "caller")
        for offer in line.offers:
            if offer.seat is not None:
                self._by_leg[offer.seat] = (line, "agent")
            if offer.local:
                self._by_leg[offer.local] = (line, "system")
        if line.second is not None and line.second.seat is not None:
            self._by_leg[line.second.seat] = (line, "system")

    def _whose(self, channel: str) -> tuple[Line | None, Side]:
        return self._by_leg.get(channel, (None, "unknown"))

    def handle(self, message: object, *, now: float) -> Told:
        """Return what a message means. Unknown kinds of messages mean nothing."""
        if (heard := self._on_hold(message, now)) is not None:
            return heard
        match message:
            case AgiStarted():
                return self._agi_started(message, now)
            case AgiCommandEnded():
                return self._command_ended(message, now)
            case DialBegun() | DialProgress() | DialEnded():
                return self._dialled(message, now)
            case BridgeEntered() | BridgeLeft():
                return self._bridged(message, now)
            case ChannelHungUp():
                return self._hung_up(message, now)
            case DigitEnded():
                return self._digit(message, now)
            case UserEventSeen():
                return self._user_event(message, now)
            case DeviceStateChanged():
                return self._device(message, now)
            case _:
                return Told()

    def _user_event(self, message: UserEventSeen, now: float) -> Told:
        match message.name:
            case "HotlineFallback":
                return self._fell_back(message, now)
            case "HotlineCallout":
                line = self.by_call.get(CallId(message.fields.get("Call", "")))
                return Told(records=callouts.heard(line, message, now))
            case "HotlineMember":
                return self._member(message, now)
            case supervision.EVENT:
                return Told(records=supervision.seen(message, self.node, now), actions=supervision.tone_asked(message))
            case _:
                return Told()

    def _on_hold(self, message: object, now: float) -> Told | None:
        """Return what a message means for a caller on hold or in a consult; None when it is about something else."""
        line, side = self._whose(getattr(message, "channel", ""))
        if line is None:
            return None
        if (told := errands.hear(line, side, message, now)) is not None:
            return Told(records=told)
        records = consults.hear(line, side, message, now)
        if records is None:
            return None
        if isinstance(message, ChannelHungUp):
            self._by_leg.pop(message.channel, None)
        self.add(line)
        return Told(records=records, actions=holds.mute(line))

    # --- a channel comes into our hands -----------------------------------------------------------------------------

    def _agi_started(self, message: AgiStarted, now: float) -> Told:
        match message.args:
            case ("arrive", call, number, caller, packed_from, origin):
                return self._arrived(message, (call, number, caller, packed_from, origin), now)
            case ("return", call, offer, status, cause):
                line = self.by_call.get(CallId(call))
                if line is None or line.leg != message.channel:
                    return Told(unclear="unknown_return")
                return self._returned(line, OfferId(offer), (status, int(cause) if cause.isdecimal() else 0), now)
            case ("transfer", call, offer, to, by, queue):
                line = self.by_call.get(CallId(call))
                if line is None or line.leg != message.channel:
                    return Told(unclear="unknown_return")
                handed_on = consults.blind(line, to, by, queue, now)
                told = self._returned(line, OfferId(offer), ("ANSWER", 0), now)
                told.records[:0] = handed_on
                return told
            case ("errand", call, kind, status):
                line = self.by_call.get(CallId(call))
                if line is None or line.leg != message.channel:
                    return Told(unclear="unknown_return")
                return Told(records=errands.came_back(line, kind, status, now))
            case ("feature", extension, code) if extension in self._seats:
                dialled = FeatureCodeDialled(
                    at=now,
                    session=LegId(message.channel),
                    node=self.node,
                    extension=Extension(extension),
                    code=clean_number(code),
                )
                return Told(records=[dialled])
            case _:
                return Told(unclear="foreign_session")

    def _arrived(self, message: AgiStarted, args: tuple[str, str, str, str, str], now: float) -> Told:
        call, number, caller, packed_from, origin = args
        if not is_safe_id(call) or call in self.by_call:
            return Told()
        line = Line(call_id=CallId(call), leg=LegId(message.channel))
        self.add(line)
        place = self.callouts.arrived(line)
        arrived = CallArrived(
            at=now,
            call_id=line.call_id,
            node=self.node,
            leg=line.leg,
            number=clean_number(number),
            caller_number=clean_number(caller),
            caller_name=display_name(packed_from),
            origin=origin if origin in ("seat", "operator", "test", "callback") else "trunk",  # type: ignore[arg-type] # narrowed by hand
            place=place,
        )
        return Told(records=[arrived])

    def _returned(self, line: Line, offer_id: OfferId, result: tuple[str, int], now: float) -> Told:
        offer = line.offer
        if offer is not None and line.ring_id is not None and line.ring_id != offer_id:
            if not (offer.cancelled and result[0] == "RESCINDED"):
                return Told(unclear="late_return")  # of an offer before this one
            offer_id = line.ring_id  # taken back before the dialplan noted its id
        if line.pending:
            # Sent before the ring and never begun: it runs now. Sent round once more, the caller does not have to hear it.
            line.pending.clear()
            line.flushed = result
            return Told(actions=[redirect(line.leg, "hotline-back")])
        result, line.flushed = line.flushed or result, None
        records: list[Record] = consults.over(line, consults.AGENT_LEFT, now)
        if offer is not None:
            records += self.conclude(line, offer, result, now)
        answered = offer.accepted if offer is not None else result[0] == "ANSWER"
        line.move("session")
        self.forget_offer(line)
        returned = CallReturned(at=now, call_id=line.call_id, offer_id=offer_id, answered=answered)
        records.append(consults.led_by(line, returned))
        return Told(records=records)

    # --- ringing and talking ------------------------------------------------------------------------------------------

    def _dialled(self, message: DialBegun | DialProgress | DialEnded, now: float) -> Told:
        line, side = self._whose(message.channel)
        if line is not None and line.group is not None:
            records = groups.dialled(line, line.group, message, now)
            self.add(line)
            return Told(records=records)
        if line is None or side != "caller" or line.offer is None:
            return Told()
        offer = line.offer
        if isinstance(message, DialBegun):
            offer.seat = LegId(message.dest_channel)
            self._by_leg[message.dest_channel] = (line, "agent")
            return Told()
        if message.dest_channel != offer.seat:
            return Told()
        if isinstance(message, DialProgress):
            return self._rang(line, offer, message.status, now)
        # Why it ended is told by what follows: the caller's return (with the cause, which a DialEnd lacks), or his hang-up.
        return Told()

    def _rang(self, line: Line, offer: Offer, status: str, now: float) -> Told:
        if status != "RINGING" or offer.rang or offer.ended:
            return Told()
        offer.rang = True
        return Told(records=[OfferRang(at=min(now, offer.until), call_id=line.call_id, offer_id=offer.offer_id)])

    def _bridged(self, message: BridgeEntered | BridgeLeft, now: float) -> Told:
        line, side = self._whose(message.channel)
        if line is not None and line.group is not None:
            won = groups.bridged(line, line.group, message)
            accepted = self.accept(line, won, now) if won is not None else []
            return Told(records=accepted, actions=callouts.after_answer(line))
        if line is None or line.offer is None or line.offer.ended:
            return Told()
        offer = line.offer
        if isinstance(message, BridgeLeft):
            offer.bridged.discard(side)
            if offer.accepted and offer.left_first == "unknown":
                offer.left_first = side
            return Told()
        offer.bridged.add(side)
        if offer.left_first == side:
            offer.left_first = "unknown"  # he was only moved to another bridge, as when a Local channel is taken out
        if offer.accepted or offer.bridged != {"caller", "agent"}:
            return Told()
        return Told(records=self.accept(line, offer, now), actions=callouts.after_answer(line))

    def accept(self, line: Line, offer: Offer, now: float) -> list[Record]:
        """Note that caller and agent are bridged, and tell it, and that the other phones of a group are too late."""
        offer.accepted = True
        line.move("talking")
        accepted = OfferAccepted(at=min(now, offer.until), call_id=line.call_id, offer_id=offer.offer_id)
        if line.group is None:
            return [accepted]
        lost = groups.lose(line, line.group, offer, now)
        group_id = line.group.group_id
        self.forget_offer(line)
        line.offer, line.won_from, offer.local = offer, group_id, ""
        self.add(line)
        return [accepted, *lost]

    def _member(self, message: UserEventSeen, now: float) -> Told:
        line = self.by_call.get(CallId(message.fields.get("Call", "")))
        if line is None or line.group is None:
            return Told()
        records = groups.member_told(line, message, now)
        self.add(line)
        return Told(records=records)

    def conclude(self, line: Line, offer: Offer, result: tuple[str, int], now: float) -> list[Record]:
        """Tell how an offer ended, and the others of its group, each once; `result` is DIALSTATUS and HANGUPCAUSE."""
        if line.group is not None:
            return groups.conclude(line, line.group, result, now)
        if offer.ended:
            return []
        offer.ended = True
        if not offer.accepted:
            return [unanswered(line, offer, *result, now)]
        line.talk_ended_by = offer.left_first
        return [TalkEnded(at=now, call_id=line.call_id, offer_id=offer.offer_id, ended_by=offer.left_first)]

    # --- the end ------------------------------------------------------------------------------------------------------

    def _hung_up(self, message: ChannelHungUp, now: float) -> Told:
        line, side = self._whose(message.channel)
        self._by_leg.pop(message.channel, None)
        if line is None:
            return Told()
        left = line.offer if line.offer is not None and message.channel in (line.leg, line.offer.seat) else None
        if left is not None and left.accepted and left.left_first == "unknown":
            left.left_first = side  # on hold or in a conference he left no bridge of theirs
        if side != "caller":
            accepted = line.offer is not None and line.offer.accepted and line.offer.seat == message.channel
            return Told(records=self.conclude(line, line.offer, ("ANSWER", 0), now) if line.offer and accepted else [])
        dismissed = consults.dismiss(line)
        return Told(records=self.end(line, now, cause=message.cause), actions=dismissed)

    def end(self, line: Line, now: float, *, cause: int, reconciled: bool = False) -> list[Record]:
        """Tell that a call is over: its offer first, then the call; and forget it."""
        records: list[Record] = [*errands.over(line, "LEFT", now), *consults.over(line, "LEFT", now)]
        if line.offer is not None:
            records += self.conclude(line, line.offer, ("LEFT", 0), now)
        ended_by: Side = "caller"
        if reconciled:
            ended_by = "unknown"
        elif line.ended_by_us:
            ended_by = "agent" if line.talk_ended_by == "agent" else "system"
        line.move("gone")
        self.forget_offer(line)
        self._by_leg.pop(line.leg, None)
        self.by_call.pop(line.call_id, None)
        records.append(CallEnded(at=now, call_id=line.call_id, cause=cause, ended_by=ended_by, reconciled=reconciled))
        return records

    def fall_back(self, line: Line, reason: str, now: float) -> list[Record]:
        """Tell that a call went to Asterisk's own fallback queue."""
        if not line.move("fallback"):
            return []
        records = [*errands.over(line, "RESCINDED", now), *consults.over(line, "RESCINDED", now)]
        records += [] if line.offer is None else self.conclude(line, line.offer, ("RESCINDED", 0), now)
        self.forget_offer(line)
        return [*records, CallFellBack(at=now, call_id=line.call_id, reason=reason)]

    def _fell_back(self, message: UserEventSeen, now: float) -> Told:
        line = self.by_call.get(CallId(message.fields.get("Call", "")))
        reason = message.fields.get("Reason", "")
        if line is None:
            return Told(unclear="unknown_fallback")
        return Told(records=self.fall_back(line, reason if is_safe_id(reason) else "unknown", now))

    def forget_offer(self, line: Line) -> None:
        """Have a call be under no offer any more."""
        for offer in line.offers:
            for channel in (offer.seat, offer.local):
                self._by_leg.pop(channel or "", None)
        line.offer, line.group, line.won_from = None, None, None
        holds.forget(line)

    # --- keys, prompts, phones ----------------------------------------------------------------------------------------

    def _digit(self, message: DigitEnded, now: float) -> Told:
        line, side = self._whose(message.channel)
        if line is None or message.direction != "received":
            return Told()
        if side == "agent":
            return Told(records=keys.pressed(line, message.channel, message.digit, self.node, now))
        if side != "caller" or line.phase != "session":
            return Told()
        return Told(records=[DigitPressed(at=now, call_id=line.call_id, digit=message.digit)])

    def _command_ended(self, message: AgiCommandEnded, now: float) -> Told:
        line, _ = self._whose(message.channel)
        if line is not None:
            line.pending.discard(message.command_id)
        playing = line.playing if line is not None else None
        if line is None or playing is None or message.command_id != command_id(playing):
            return Told()
        if message.result == 0 and playing.left:
            playing.index += 1
            sound = playing.left.pop(0)
            line.pending.add(command_id(playing))
            return Told(actions=[stream_file(line.leg, sound, playing.interrupt, command_id(playing))])
        line.playing = None
        ended = PlayEnded(at=now, call_id=line.call_id, play_id=playing.play_id, result=_play_result(message.result))
        return Told(records=[ended])

    def _device(self, message: DeviceStateChanged, now: float) -> Told:
        technology, _, extension = message.device.partition("/")
        if technology != "PJSIP" or extension not in self._seats:
            return Told()
        changed = SeatChanged(
            at=now,
            extension=Extension(extension),
            reachable=message.state not in UNREACHABLE,
            in_use=message.state in IN_USE,
            node=self.node,
        )
        self.phones[changed.extension] = changed
        return Told(records=[changed])


def command_id(playing: Playing) -> str:
    """Return the id of the AGI command that plays the current sound."""
    return f"{playing.play_id}/{playing.index}"


def _play_result(result: int | None) -> Literal["finished", "interrupted", "failed"]:
    """Read the result of STREAM FILE: 0 played to the end, the ASCII code of the key that stopped it, -1 failed."""
    if result is None or result < 0:
        return "failed"
    return "interrupted" if result else "finished"
