"""A phone network that behaves like telephony over a bad line, for property tests of the router.

It performs commands, rings phones, loses what happens while the link is down, tells late what it tells, and after a gap
tells the differences and a snapshot, as `telephony.adoption` does. It checks one thing itself: no phone is rung twice.
"""

from collections import deque
from dataclasses import dataclass, field

from hotline import commands as c
from hotline import facts as f
from hotline.ids import CallId, Extension, LegId, NodeId, OfferId, QueueId

NODE = NodeId("node1")


@dataclass
class Call:
    """What is true of a call, and what was told of it."""

    call_id: CallId
    queue_id: QueueId
    entered_at: float
    priority: int
    skills: tuple[str, ...]
    phase: str = "session"
    ring: c.Ring | None = None
    rings_since: float = 0.0
    waits: bool = True
    """Whether the place kept on its channel is one in a line."""
    told_phase: str = "session"
    told_offer: c.Ring | None = None


@dataclass
class PhoneNetwork:
    """All calls and seats of one node."""

    seats: tuple[str, ...]
    now: float
    delay_s: float = 0.0
    up: bool = True
    calls: dict[CallId, Call] = field(default_factory=dict)
    busy: dict[str, CallId] = field(default_factory=dict)
    dead_seats: set[str] = field(default_factory=set)
    inbox: deque[tuple[float, f.Record]] = field(default_factory=deque)
    fate: str = "ok"
    """What becomes of the next command that can be lost: `ok`, `refused`, `unknown_done`, `unknown_lost`."""

    # --- telling ---

    def put(self, record: f.Record) -> None:
        """Have a record delivered after the present delay, in order."""
        earliest = self.inbox[-1][0] if self.inbox else 0.0
        self.inbox.append((max(earliest, self.now + self.delay_s), record))

    def tell(self, record: f.Record) -> None:
        """Tell what happened, if the link is up; else it is lost."""
        if self.up:
            self.put(record)

    def note_told(self, call: Call) -> None:
        if self.up:
            call.told_phase, call.told_offer = call.phase, call.ring

    def seat_state(self, seat: str) -> f.SeatChanged:
        reachable = seat not in self.dead_seats
        return f.SeatChanged(at=self.now, extension=Extension(seat), reachable=reachable, in_use=seat in self.busy)

    def living(self) -> list[Call]:
        return [call for call in self.calls.values() if call.phase != "gone"]

    # --- commands ---

    def perform(self, command: c.Command) -> c.Outcome:
        fate, self.fate = self.fate, "ok"
        if not self.up:
            return c.Refused(reason="link_down")
        if fate == "refused":
            return c.Refused(reason="busy_today")
        if fate == "unknown_lost":
            return c.Unknown(reason="timeout")
        assert isinstance(command, c.CallCommand)
        outcome = self._perform(command)
        return c.Unknown(reason="timeout") if fate == "unknown_done" else outcome

    def _perform(self, command: c.CallCommand) -> c.Outcome:
        call = self.calls.get(command.call_id)
        if call is None or call.phase == "gone":
            return c.Refused(reason="unknown_call")
        match command:
            case c.Ring() if call.phase == "session":
                self._ring(call, command)
            case c.CancelRing() if call.phase == "ringing" and call.ring and call.ring.offer_id == command.offer_id:
                self.end_ring(call, f.OfferRescinded, reason="withdrawn")
            case c.Release() if call.phase == "session":
                call.phase, call.waits = "fallback", False
                self.tell(f.CallFellBack(at=self.now, call_id=call.call_id, reason="not_handled"))
                self.note_told(call)
            case c.CancelRing():
                return c.Refused(reason="not_ringing")
            case _:
                return c.Refused(reason="not_in_session")
        return c.Done()

    def _ring(self, call: Call, ring: c.Ring) -> None:
        assert ring.extension not in self.busy, f"{ring.extension} is rung twice"
        call.phase, call.ring, call.rings_since = "ringing", ring, self.now
        self.busy[ring.extension] = call.call_id
        self.note_told(call)
        if ring.extension in self.dead_seats:
            self.end_ring(call, f.OfferFailed, reason="chanunavail")
        else:
            self.tell(self.seat_state(ring.extension))

    # --- what happens on the phones ---

    def end_ring(self, call: Call, ending: type[f.OfferFact], **more: object) -> None:
        """A ring ends without an answer and the caller comes back."""
        ring = call.ring
        assert ring is not None
        self.tell(ending(at=self.now, call_id=call.call_id, offer_id=ring.offer_id, **more))  # type: ignore[arg-type]
        self._hang_up_seat(call)
        call.phase = "session"
        self.tell(f.CallReturned(at=self.now, call_id=call.call_id, offer_id=ring.offer_id, answered=False))
        self.note_told(call)

    def _hang_up_seat(self, call: Call) -> None:
        if call.ring is not None:
            self.busy.pop(call.ring.extension, None)
            self.tell(self.seat_state(call.ring.extension))
        call.ring = None

    def rang(self, call: Call) -> None:
        assert call.ring is not None
        self.tell(f.OfferRang(at=self.now, call_id=call.call_id, offer_id=call.ring.offer_id))

    def answer(self, call: Call) -> None:
        assert call.ring is not None
        call.phase, call.waits = "talking", False
        self.tell(f.OfferAccepted(at=self.now, call_id=call.call_id, offer_id=call.ring.offer_id))
        self.note_told(call)

    def agent_hangs_up(self, call: Call) -> None:
        offer_id = self._end_talk(call)
        call.phase = "session"
        self.tell(f.CallReturned(at=self.now, call_id=call.call_id, offer_id=offer_id, answered=True))
        self.note_told(call)

    def _end_talk(self, call: Call) -> OfferId:
        assert call.ring is not None
        offer_id = call.ring.offer_id
        self.tell(f.TalkEnded(at=self.now, call_id=call.call_id, offer_id=offer_id))
        self._hang_up_seat(call)
        return offer_id

    def caller_hangs_up(self, call: Call) -> None:
        if call.phase == "talking":
            self._end_talk(call)
        elif call.phase == "ringing":
            assert call.ring is not None
            left = f.OfferRescinded(
                at=self.now, call_id=call.call_id, offer_id=call.ring.offer_id, reason="caller_left"
            )
            self.tell(left)
            self._hang_up_seat(call)
        call.phase = "gone"
        self.tell(f.CallEnded(at=self.now, call_id=call.call_id))
        self.note_told(call)

    def next_timeout(self) -> float | None:
        """Return when the next phone stops ringing by itself."""
        ends = [call.rings_since + call.ring.ring_timeout_s for call in self.calls.values() if _rings(call)]  # type: ignore[union-attr]
        return min(ends, default=None)

    def pass_time(self, now: float) -> None:
        """Let phones ring out."""
        self.now = now
        for call in self.calls.values():
            if _rings(call) and call.ring and call.rings_since + call.ring.ring_timeout_s <= now:
                self.end_ring(call, f.OfferTimedOut)

    # --- gaps ---

    def cut(self) -> None:
        self.tell(f.LinkChanged(at=self.now, node=NODE, up=False, reason="cut"))
        self.up = False

    def mend(self) -> None:
        """The link is back: tell every phone's state, what changed, and who lives."""
        self.up = True
        for seat in self.seats:
            self.tell(self.seat_state(seat))
        for call in self.calls.values():
            self._tell_difference(call)
        self._tell_snapshot()

    def _tell_difference(self, call: Call) -> None:
        offer, ids = call.told_offer, {"at": self.now, "call_id": call.call_id}
        same = call.told_phase == call.phase and call.told_offer == call.ring
        if same:
            return
        talked = call.told_phase == "talking"
        if offer is not None and offer != call.ring:
            ending = f.TalkEnded if talked else f.OfferRescinded
            more = {} if talked else {"reason": "withdrawn" if call.phase != "gone" else "caller_left"}
            self.tell(ending(**ids, offer_id=offer.offer_id, **more))  # type: ignore[arg-type]
            if call.phase in ("session", "ringing"):
                self.tell(f.CallReturned(**ids, offer_id=offer.offer_id, answered=talked))  # type: ignore[arg-type]
        if call.phase == "talking" and call.ring is not None:
            self.tell(f.OfferAccepted(**ids, offer_id=call.ring.offer_id))  # type: ignore[arg-type]
        elif call.phase == "gone" and call.told_phase != "gone":
            self.tell(f.CallEnded(**ids, reconciled=True))  # type: ignore[arg-type]
        elif call.phase == "fallback" and call.told_phase != "fallback":
            self.tell(f.CallFellBack(**ids, reason="lease_expired"))  # type: ignore[arg-type]
        self.note_told(call)

    def _tell_snapshot(self) -> None:
        self.tell(f.SnapshotTaken(at=self.now, node=NODE, living=tuple(call.call_id for call in self.living())))
        self.tell(f.LinkChanged(at=self.now, node=NODE, up=True))

    def restart(self) -> None:
        """All services died and came back: nothing that was under way arrives, every living call is adopted."""
        self.inbox.clear()
        self.up = True
        for seat in self.seats:
            self.tell(self.seat_state(seat))
        for call in self.living():
            self.tell(self._adoption(call))
            self.note_told(call)
        self.calls = {call.call_id: call for call in self.living()}
        self._tell_snapshot()

    def _adoption(self, call: Call) -> f.CallAdopted:
        place = f.Place(
            flow="main",
            flow_version="1",
            step="queue",
            queue_id=call.queue_id if call.waits else None,
            entered_at=call.entered_at,
            priority=call.priority,
            skills=call.skills,
        )
        return f.CallAdopted(
            at=self.now,
            call_id=call.call_id,
            node=NODE,
            leg=LegId(f"leg-{call.call_id}"),
            phase=call.phase,  # type: ignore[arg-type]
            place=place,
            offer_id=call.ring.offer_id if call.ring is not None else None,
        )


def _rings(call: Call) -> bool:
    return call.phase == "ringing" and call.ring is not None
