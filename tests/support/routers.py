"""What routers need around them in tests: a memory, a way to the bus that can be cut, and a node that knows its calls and has a fence."""

from collections.abc import Awaitable, Iterator

from hotline.bus.base import Bus, Inbox, Performer
from hotline.bus.memory import MemoryBus
from hotline.codec import encode_fact
from hotline.commands import CancelRing, Command, Done, Outcome, Refused, Ring
from hotline.errors import Unavailable
from hotline.facts import (
    CallAdopted,
    CallArrived,
    CallEnded,
    CallQueued,
    CallReturned,
    Fact,
    NodeSurveyed,
    OfferAccepted,
    OfferExplained,
    OfferRang,
    OfferTimedOut,
    Place,
    Record,
    RouterActive,
    SeatChanged,
)
from hotline.ids import CallId, Extension, LegId, NodeId, OfferId, QueueId
from hotline.runtime.clock import Clock
from telephony.surveys import AGAIN_S


class Explanations:
    """A journal that knows explanations only, or cannot be asked."""

    def __init__(self, *facts: OfferExplained, down: bool = False) -> None:
        self.facts = facts
        self.down = down

    async def fetch(self, _sql: str, call_id: str, most: int) -> list[dict[str, object]]:
        if self.down:
            raise Unavailable("the database does not answer")
        known = [fact for fact in self.facts if fact.call_id == call_id]
        return [{"version": fact.version, "body": encode_fact(fact)} for fact in known[:most]]


class Notebook:
    """A memory that lives as long as the test."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def remember(self, key: str, value: bytes | None) -> None:
        self.kept.pop(key, None)
        if value is not None:
            self.kept[key] = value

    def recall(self, prefix: str = "") -> dict[str, bytes]:
        return {k: v for k, v in self.kept.items() if k.startswith(prefix)}


class Port:
    """One process's way to a bus that all share. It notes what goes out, in its order: records, and commands with their epoch and life."""

    def __init__(self, bus: MemoryBus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._heard_at = clock.now()
        self.cut = False
        self.out: list[Record | tuple[Command, int, float | None]] = []

    async def start(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """The bus is everybody's."""

    def publish(self, *records: Record) -> None:
        self.out += records
        if not self.cut:
            self._heard_at = self._clock.now()
            self._bus.publish(*records)

    def heard_at(self) -> float:
        return self._heard_at

    def subscribe(self, name: str, *kinds: type[Record], limit: int = 100_000) -> Inbox:
        return self._bus.subscribe(name, *kinds, limit=limit)

    def serve(self, node: NodeId, perform: Performer) -> None:
        self._bus.serve(node, perform)

    def request(self, command: Command, *, epoch: int = 0, within_s: float | None = None) -> Awaitable[Outcome]:
        self.out.append((command, epoch, within_s))
        return self._bus.request(command, epoch=epoch, within_s=within_s)

    @property
    def facts(self) -> list[Fact]:
        """The facts that went out."""
        return [record for record in self.out if isinstance(record, Fact)]

    @property
    def commands(self) -> list[Command]:
        """The commands that went out."""
        return [sent[0] for sent in self.out if isinstance(sent, tuple)]


class Node:
    """An Asterisk with its telephony: what its callers do is told as facts, what it is asked for is done and noted."""

    def __init__(self, name: str, bus: Bus, clock: Clock, *, queue: str = "q") -> None:
        self.name = NodeId(name)
        self.done: list[Command] = []
        self.deaf = False
        """Whether its surveys take their time; `answer` gives the one that is due."""
        self.away = False
        """Whether its process is not there; its calls live on."""
        self._bus = bus
        self._clock = clock
        self._queue = QueueId(queue)
        self._calls: dict[CallId, CallAdopted] = {}
        self._seats: dict[Extension, SeatChanged] = {}
        self._answered: dict[tuple[str, int], float] = {}
        self._due: RouterActive | None = None
        self._inbox = bus.subscribe(f"node-{name}", RouterActive)
        bus.serve(self.name, self._perform)

    async def _perform(self, command: Command) -> Outcome:
        if self.away:
            return Refused(reason="no telephony service", nobody=True)
        self.done.append(command)
        if isinstance(command, Ring):
            self._now_in("ringing", command.call_id, command.offer_id)
        elif isinstance(command, CancelRing):
            self._now_in("session", command.call_id, None)
        return Done()

    def rings(self) -> list[tuple[str, str]]:
        """Return who was rung for whom, in order."""
        return [(ring.call_id, ring.agent_id) for ring in self.done if isinstance(ring, Ring)]

    # --- callers ----------------------------------------------------------------------------------------------------------

    def arrives(self, call: str, *, queued: bool = True) -> None:
        """A caller arrives, and joins the line."""
        call_id, now = CallId(call), self._clock.now()
        self._calls[call_id] = CallAdopted(at=now, call_id=call_id, node=self.name, leg=LegId(call), phase="session")
        self._bus.publish(CallArrived(at=now, call_id=call_id, node=self.name, leg=LegId(call), number="4000"))
        if queued:
            self.queues(call)

    def queues(self, call: str, *, kept: bool = True) -> None:
        """He joins the line; `kept`: his channel knows it already."""
        call_id, now = CallId(call), self._clock.now()
        if kept:
            place = Place(flow="f", flow_version="1", step="s", queue_id=self._queue, entered_at=now)
            self._change(call_id, place=place)
        self._bus.publish(CallQueued(at=now, call_id=call_id, queue_id=self._queue, entered_at=now))

    def answers(self, call: str) -> OfferId:
        """The phone that rings for him is answered."""
        offer = self._offer(call)
        told = {"at": self._clock.now(), "call_id": CallId(call), "offer_id": offer}
        self._now_in("talking", CallId(call), offer)
        self._bus.publish(OfferRang(**told), OfferAccepted(**told))
        return offer

    def rings_out(self, call: str) -> None:
        """Nobody answers, and he is back."""
        offer = self._offer(call)
        told = {"at": self._clock.now(), "call_id": CallId(call), "offer_id": offer}
        self._now_in("session", CallId(call), None)
        self._bus.publish(OfferTimedOut(**told), CallReturned(**told, answered=False))

    def hangs_up(self, call: str) -> None:
        """He is gone."""
        del self._calls[CallId(call)]
        self._bus.publish(CallEnded(at=self._clock.now(), call_id=CallId(call)))

    def phone(self, extension: str, *, in_use: bool = False) -> None:
        """A phone is there."""
        seat = SeatChanged(
            at=self._clock.now(), extension=Extension(extension), reachable=True, in_use=in_use, node=self.name
        )
        self._seats[seat.extension] = seat
        self._bus.publish(seat)

    def _offer(self, call: str) -> OfferId:
        offer = self._calls[CallId(call)].offer_id
        assert offer is not None, f"nothing rings for {call}"
        return offer

    def _now_in(self, phase: str, call_id: CallId, offer_id: OfferId | None) -> None:
        if call_id in self._calls:
            self._change(call_id, phase=phase, offer_id=offer_id)

    def _change(self, call_id: CallId, **fields: object) -> None:
        old = self._calls[call_id]
        given = {name: getattr(old, name) for name in old.__struct_fields__}
        self._calls[call_id] = CallAdopted(**{**given, **fields})

    # --- routers ----------------------------------------------------------------------------------------------------------

    async def hear(self) -> bool:
        """Answer a router that does not know us; return whether there was anything to hear."""
        heard = self._inbox.ready
        while self._inbox.ready:
            beat = await self._inbox.get()
            assert isinstance(beat, RouterActive)
            answered_at = self._answered.get((beat.router, beat.epoch), 0.0)
            if self.name not in beat.surveyed and self._clock.now() - answered_at >= AGAIN_S:
                self._due = beat
        if self._due is not None and not self.deaf and not self.away:
            self.answer()
            return True
        return heard

    def answer(self) -> None:
        """Tell everything to the router that asked last."""
        assert self._due is not None
        now = self._clock.now()
        self._answered[self._due.router, self._due.epoch] = now
        self._bus.publish(
            NodeSurveyed(
                at=now,
                node=self.name,
                epoch=self._due.epoch,
                calls=tuple(self._told(now)),
                seats=tuple(self._seats.values()),
            )
        )
        self._due = None

    def _told(self, now: float) -> Iterator[CallAdopted]:
        for call_id in self._calls:
            self._change(call_id, at=now)
            yield self._calls[call_id]
