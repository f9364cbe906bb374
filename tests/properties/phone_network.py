"""Two nodes that behave like telephony over bad lines, for property tests of the router.

They perform commands, ring phones (their own, and over the trunk each other's), lose what happens while a link is down, tell late
what they tell, and after a gap tell the differences and a snapshot, as `telephony.adoption` does; a new router gets a survey
from each. It checks one thing itself: no phone is rung twice by a router that was told everything.
"""

from collections import deque
from dataclasses import dataclass, field

import msgspec

from hotline import commands as c
from hotline import facts as f
from hotline.ids import AgentId, CallId, Extension, LegId, NodeId, OfferId, QueueId

NODES = (NodeId("node1"), NodeId("node2"))


@dataclass(frozen=True)
class Leg:
    """One phone that rings."""

    extension: str
    node: NodeId
    """Where it rings."""


@dataclass
class Call:
    """What is true of a call, and what was told of it."""

    call_id: CallId
    node: NodeId
    queue_id: QueueId
    entered_at: float
    priority: int
    skills: tuple[str, ...]
    levels: tuple[tuple[str, int], ...] = ()
    wanted_agent: AgentId | None = None
    wanted_s: float | None = None
    phase: str = "session"
    ring: c.Ring | None = None
    """The ring that goes on; in a conversation, the offer that was answered."""
    legs: dict[OfferId, Leg] = field(default_factory=dict)
    """The phones that ring for him, by their offers; in a conversation, the one that was answered."""
    group: OfferId | None = None
    """The id of the ring: what he comes back with."""
    rings_since: float = 0.0
    waits: bool = True
    """Whether the place kept on its channel is one in a line."""
    since: float | None = None
    before: tuple[QueueId, ...] = ()
    """Of one who was moved from line to line: since when he waits, and the queues that let him out."""
    told_phase: str = "session"
    told_offer: c.Ring | None = None
    told_group: OfferId | None = None

    def node_of(self, seat: str) -> NodeId | None:
        """Return where a phone is in use for this call, if it is."""
        return next((leg.node for leg in self.legs.values() if leg.extension == seat), None)

    def pick(self, which: int) -> OfferId:
        """Return one of the offers that ring."""
        return list(self.legs)[which % len(self.legs)]


@dataclass
class Node:
    """One Asterisk and its telephony service, as the router sees them."""

    id: NodeId
    delay_s: float
    up: bool = True
    said: deque[tuple[float, f.Record]] = field(default_factory=deque)
    """What is on its way to the router, with its time of arrival."""


class PhoneNetwork:
    """All calls and seats of all nodes."""

    def __init__(self, seats: tuple[str, ...], now: float, delays_s: tuple[float, ...] = (0.0, 0.0)) -> None:
        self.now = now
        self.nodes = {n: Node(n, delay) for n, delay in zip(NODES, delays_s, strict=True)}
        self.calls: dict[CallId, Call] = {}
        self.busy: dict[str, Call] = {}
        self.phones: dict[str, NodeId | None] = dict.fromkeys(seats, NODES[0])
        """Where each phone really is; None: switched off."""
        self.claims: dict[str, set[NodeId]] = {seat: {NODES[0]} for seat in seats}
        """Which nodes take it for registered with them."""
        self.unheard: set[NodeId] = set()
        """The nodes that have not told everything to a router that has just begun."""
        self.fate = "ok"
        """What becomes of the next command that can be lost: `ok`, `refused`, `unknown_done`, `unknown_lost`."""

    # --- telling ---

    def put(self, node: NodeId, record: f.Record) -> None:
        """Have a record delivered after the present delay of its node, in its order."""
        said = self.nodes[node].said
        earliest = said[-1][0] if said else 0.0
        said.append((max(earliest, self.now + self.nodes[node].delay_s), record))

    def next_arrival(self) -> float | None:
        return min((node.said[0][0] for node in self.nodes.values() if node.said), default=None)

    def take_due(self) -> f.Record | None:
        """Return the next record that has arrived, if one has."""
        due = [node for node in self.nodes.values() if node.said and node.said[0][0] <= self.now]
        if not due:
            return None
        _, record = min(due, key=lambda node: node.said[0][0]).said.popleft()
        if isinstance(record, f.NodeSurveyed | f.SnapshotTaken):
            self.unheard.discard(record.node)
        return record

    def tell(self, node: NodeId, record: f.Record) -> None:
        """Tell what happened, if the link is up; else it is lost."""
        if self.nodes[node].up:
            self.put(node, record)

    def _note_told(self, call: Call) -> None:
        if self.nodes[call.node].up:
            call.told_phase, call.told_offer, call.told_group = call.phase, call.ring, call.group

    def seat_state(self, seat: str, node: NodeId) -> f.SeatChanged:
        call = self.busy.get(seat)
        in_use = call is not None and call.node_of(seat) == node
        reachable = node in self.claims[seat]
        return f.SeatChanged(at=self.now, extension=Extension(seat), reachable=reachable, in_use=in_use, node=node)

    def living(self, node: NodeId) -> list[Call]:
        return [call for call in self.calls.values() if call.node == node and call.phase != "gone"]

    # --- commands ---

    def perform(self, command: c.Command) -> c.Outcome:
        fate, self.fate = self.fate, "ok"
        if not self.nodes[command.node].up:
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
        if call is None or call.phase == "gone" or call.node != command.node:
            return c.Refused(reason="unknown_call")
        match command:
            case c.Ring() if call.phase == "session":
                self._ring(call, command)
            case c.CancelRing() if call.phase == "ringing" and call.ring and call.ring.offer_id == command.offer_id:
                self.end_ring(call, f.OfferRescinded, reason="withdrawn")
            case c.Release() if call.phase == "session":
                call.phase, call.waits = "fallback", False
                self.tell(call.node, f.CallFellBack(at=self.now, call_id=call.call_id, reason="not_handled"))
                self._note_told(call)
            case c.CancelRing():
                return c.Refused(reason="not_ringing")
            case _:
                return c.Refused(reason="not_in_session")
        return c.Done()

    def treat(self, out: f.CallFlowedOut) -> None:
        """The call flow of a caller's node hears that he left a line: he waits in another one, or does something else."""
        call = self.calls.get(out.call_id)
        if (
            call is None
            or call.phase != "session"
            or (out.queue_id, out.entered_at) != (call.queue_id, call.entered_at)
        ):
            return
        if not out.treatment.startswith("queue:"):
            call.waits = False
            return
        call.since, call.before = call.since or call.entered_at, (*call.before, call.queue_id)
        call.queue_id, call.entered_at = QueueId(out.treatment.removeprefix("queue:")), out.at
        queued = f.CallQueued(
            at=self.now, call_id=call.call_id, queue_id=call.queue_id, entered_at=call.entered_at, priority=call.priority,
            skills=call.skills, levels=call.levels, wanted_agent=call.wanted_agent, wanted_s=call.wanted_s,
            since=call.since, before=call.before,
        )  # fmt: skip
        self.tell(call.node, queued)

    def _ring(self, call: Call, ring: c.Ring) -> None:
        call.phase, call.ring, call.group, call.rings_since = "ringing", ring, ring.offer_id, self.now
        call.legs = {ring.offer_id: Leg(ring.extension, ring.seat_node or call.node)}
        call.legs |= {t.offer_id: Leg(t.extension, t.seat_node or call.node) for t in ring.also}
        self._note_told(call)
        for offer_id, leg in list(call.legs.items()):
            self._begin(call, offer_id, leg)

    def _begin(self, call: Call, offer_id: OfferId, leg: Leg) -> None:
        other = self.busy.get(leg.extension)
        if not self.is_there(leg):
            self.end_ring(call, f.OfferFailed, offer_id, reason="chanunavail")
        elif other is not None:
            known = other.node_of(leg.extension) == leg.node and leg.node not in self.unheard
            assert not known, f"{leg.extension} is rung twice"
            self.end_ring(call, f.OfferBusy, offer_id)
        else:
            self.busy[leg.extension] = call
            self.tell_seat(leg)

    def is_there(self, leg: Leg) -> bool:
        """Return whether a phone can be rung where it is supposed to be."""
        return self.phones[leg.extension] == leg.node

    def tell_seat(self, leg: Leg) -> None:
        """Tell what a phone does now."""
        self.tell(leg.node, self.seat_state(leg.extension, leg.node))

    # --- what happens on the phones ---

    def end_ring(self, call: Call, ending: type[f.OfferFact], offer_id: OfferId | None = None, **more: object) -> None:
        """A phone's ring, or that of all, ends without an answer; after the last one the caller comes back."""
        for ended in [offer_id] if offer_id is not None else list(call.legs):
            self._end_leg(call, ending, ended, **more)
        if not call.legs:
            self._back(call)

    def _end_leg(self, call: Call, ending: type[f.OfferFact], offer_id: OfferId, **more: object) -> None:
        self.tell(call.node, ending(at=self.now, call_id=call.call_id, offer_id=offer_id, **more))  # type: ignore[arg-type]
        leg = call.legs.pop(offer_id)
        if self.busy.get(leg.extension) is call:
            del self.busy[leg.extension]
            self.tell_seat(leg)

    def _back(self, call: Call, *, answered: bool = False) -> None:
        assert call.group is not None
        call.phase, call.ring = "session", None
        back = f.CallReturned(at=self.now, call_id=call.call_id, offer_id=call.group, answered=answered)
        self.tell(call.node, back)
        self._note_told(call)

    def rang(self, call: Call, which: int = 0) -> None:
        self.tell(call.node, f.OfferRang(at=self.now, call_id=call.call_id, offer_id=call.pick(which)))

    def answer(self, call: Call, which: int = 0) -> None:
        """One of the phones is answered; the others stop."""
        assert call.ring is not None
        winner = call.pick(which)
        call.phase, call.waits = "talking", False
        if call.ring.also:
            call.ring = msgspec.structs.replace(call.ring, offer_id=winner, also=())
        self.tell(call.node, f.OfferAccepted(at=self.now, call_id=call.call_id, offer_id=winner))
        for other in [offer_id for offer_id in call.legs if offer_id != winner]:
            self._end_leg(call, f.OfferRescinded, other, reason="answered_elsewhere")
        self._note_told(call)

    def agent_hangs_up(self, call: Call) -> None:
        self._end_talk(call)
        self._back(call, answered=True)

    def _end_talk(self, call: Call) -> None:
        assert call.ring is not None
        self._end_leg(call, f.TalkEnded, call.ring.offer_id)

    def caller_hangs_up(self, call: Call) -> None:
        if call.phase == "talking":
            self._end_talk(call)
        elif call.phase == "ringing":
            for offer_id in list(call.legs):
                self._end_leg(call, f.OfferRescinded, offer_id, reason="caller_left")
        call.phase, call.ring = "gone", None
        self.tell(call.node, f.CallEnded(at=self.now, call_id=call.call_id))
        self._note_told(call)

    def move_phone(self, seat: str, to: NodeId | None, *, lingers: bool = False) -> None:
        """A phone registers elsewhere, or goes; with `lingers` its old node does not notice."""
        before = self.phones[seat]
        self.phones[seat] = to
        for node in sorted(self.claims[seat] - {to}):
            if not (lingers and node == before):
                self.claims[seat].discard(node)
                self.tell(node, self.seat_state(seat, node))
        if to is not None:
            self.claims[seat].add(to)
            self.tell(to, self.seat_state(seat, to))

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

    def cut(self, node: NodeId) -> None:
        self.tell(node, f.LinkChanged(at=self.now, node=node, up=False, reason="cut"))
        self.nodes[node].up = False

    def mend(self, node: NodeId) -> None:
        """The link is back: tell every phone's state, what changed, and who lives; everything to a router that asks."""
        self.nodes[node].up = True
        self._tell_seats(node)
        for call in self.calls.values():
            if call.node == node:
                self._tell_difference(call)
        self._tell_snapshot(node)
        if node in self.unheard:
            self.survey(node)

    def _tell_seats(self, node: NodeId) -> None:
        for seat in self.phones:
            self.tell(node, self.seat_state(seat, node))

    def _tell_difference(self, call: Call) -> None:
        offer, ids = call.told_offer, {"at": self.now, "call_id": call.call_id}
        same = call.told_phase == call.phase and call.told_offer == call.ring
        if same:
            return
        talked = call.told_phase == "talking"
        was_answered = (
            offer is not None
            and call.phase == "talking"
            and call.ring is not None
            and call.group in (offer.offer_id, call.ring.offer_id)
        )
        for offer_id in _offers(offer) if offer != call.ring else ():
            if call.ring is not None and offer_id == call.ring.offer_id:
                continue
            ending = f.TalkEnded if talked else f.OfferRescinded
            why = "answered_elsewhere" if was_answered else "withdrawn" if call.phase != "gone" else "caller_left"
            self.tell(call.node, ending(**ids, offer_id=offer_id, **({} if talked else {"reason": why})))  # type: ignore[arg-type]
        if offer is not None and offer != call.ring and call.phase in ("session", "ringing"):
            back = call.told_group or offer.offer_id
            self.tell(call.node, f.CallReturned(**ids, offer_id=back, answered=talked))  # type: ignore[arg-type]
        if call.phase == "talking" and call.ring is not None:
            self.tell(call.node, f.OfferAccepted(**ids, offer_id=call.ring.offer_id))  # type: ignore[arg-type]
        elif call.phase == "gone" and call.told_phase != "gone":
            self.tell(call.node, f.CallEnded(**ids, reconciled=True))  # type: ignore[arg-type]
        elif call.phase == "fallback" and call.told_phase != "fallback":
            self.tell(call.node, f.CallFellBack(**ids, reason="lease_expired"))  # type: ignore[arg-type]
        self._note_told(call)

    def _tell_snapshot(self, node: NodeId) -> None:
        living = tuple(call.call_id for call in self.living(node))
        self.tell(node, f.SnapshotTaken(at=self.now, node=node, living=living))
        self.tell(node, f.LinkChanged(at=self.now, node=node, up=True))

    # --- deaths ---

    def forget_what_is_under_way(self) -> None:
        for node in self.nodes.values():
            node.said.clear()

    def restart(self) -> None:
        """All services died and came back: nothing that was under way arrives, every living call is adopted."""
        self.forget_what_is_under_way()
        self.unheard = set(NODES)
        for node in NODES:
            self.nodes[node].up = True
            self._tell_seats(node)
            for call in self.living(node):
                self.tell(node, self._adoption(call))
                self._note_told(call)
            self._tell_snapshot(node)
        self.calls = {call.call_id: call for node in NODES for call in self.living(node)}

    def survey(self, node: NodeId) -> None:
        """Tell a router everything."""
        calls = tuple(self._adoption(call) for call in self.living(node))
        seats = tuple(self.seat_state(seat, node) for seat in self.phones)
        self.tell(node, f.NodeSurveyed(at=self.now, node=node, epoch=0, calls=calls, seats=seats))

    def new_router(self) -> None:
        """Another router takes over: nothing that was under way to the old one reaches it, but every node that it asks answers."""
        self.forget_what_is_under_way()
        self.unheard = set(NODES)
        for node in NODES:
            self.survey(node)

    def _adoption(self, call: Call) -> f.CallAdopted:
        place = f.Place(
            flow="main",
            flow_version="1",
            step="queue",
            queue_id=call.queue_id if call.waits else None,
            entered_at=call.entered_at,
            priority=call.priority,
            skills=call.skills,
            levels=call.levels,
            wanted_agent=call.wanted_agent,
            wanted_s=call.wanted_s,
            since=call.since,
            before=call.before,
        )
        return f.CallAdopted(
            at=self.now,
            call_id=call.call_id,
            node=call.node,
            leg=LegId(f"leg-{call.call_id}"),
            phase=call.phase,  # type: ignore[arg-type]
            place=place,
            offer_id=call.ring.offer_id if call.ring is not None else None,
        )


def _rings(call: Call) -> bool:
    return call.phase == "ringing" and call.ring is not None


def _offers(ring: c.Ring | None) -> list[OfferId]:
    return [ring.offer_id, *(target.offer_id for target in ring.also)] if ring is not None else []
