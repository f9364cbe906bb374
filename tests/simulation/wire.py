"""The phone network of the property tests, on a virtual loop and a bus: it performs commands, and its people ring, answer and hang up.

What it tells is late (each node by itself, in its order), and some of it comes twice, from nowhere, or, if it is a signal, not at all. A node
answers a router that does not know it with a survey, as telephony does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

import msgspec

from hotline import commands as c
from hotline import facts as f
from hotline.bus.memory import MemoryBus
from hotline.ids import CallId, LegId, NodeId, OfferId, QueueId
from tests.properties.phone_network import NODES, Call
from tests.simulation.phones import PhonesNetwork

AGAIN_S = 1.0
"""A node surveys itself at most this often for one router."""
SNAPSHOT_S = 10.0
"""How often a node looks at everything; what was lost is repaired then."""
LEADS_ON_S = 0.05
"""How long a call flow takes to lead a caller who was handed on into the line."""
RELEASE_S = 2.0
"""How long the IVR waits for the router's own command."""
TICK_S = 1e-6
"""Between two things that come one after the other: timers of the same moment may go off in any order."""
FOREIGN = (f.OfferRang, f.OfferAccepted, f.OfferTimedOut, f.OfferRejected, f.OfferBusy, f.TalkEnded)


@dataclass(kw_only=True)
class Weather:
    """How bad the lines are."""

    delays_s: tuple[float, float] = (0.0, 0.0)
    command_s: float = 0.0
    """How long a command is on its way."""
    twice: float = 0.0
    """The share of records that come twice."""
    lost: float = 0.0
    """The share of signals that never come. Facts are never lost: they are kept until they are delivered."""
    refused: float = 0.0
    """The share of commands that the network refuses, or of which nobody hears what became of them."""

    def clear(self) -> None:
        self.twice = self.lost = self.refused = 0.0


class Wire(PhonesNetwork):
    """The network, its lines and its people."""

    def __init__(
        self, seats: tuple[str, ...], bus: MemoryBus, luck: Random, weather: Weather, note: Callable[[str], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        super().__init__(seats, self._loop.time(), weather.delays_s)
        self.bus, self.luck, self.weather, self.note = bus, luck, weather, note
        self.held, self.made = set(), {}
        self.asked, self.told_of, self.led_on_at, self.spies = {}, {}, {}, {}
        self.happened: Callable[[str], None] = note
        self.unseen: set[CallId] = set()
        """Calls whose node was out of sight for a while: not all of what happened to them was told."""
        self.numbers: dict[CallId, str] = {}
        """From where people call, if they do not hide it."""
        self.life = 0
        """Counts the routers' lives: what is told twice is told twice to the same router."""
        self.history: list[f.Record] = []
        self.told_until: dict[NodeId, float] = dict.fromkeys(NODES, 0.0)
        self.answered_at: dict[tuple[NodeId, str, int], float] = {}
        self.away: set[NodeId] = set()
        """Nodes whose telephony process is dead: their calls live on."""
        self.broken: Callable[[str], None] = note
        """Is told when a phone is rung twice."""
        self.patient = False
        """Whether callers and agents behave well: everybody answers, nobody leaves (the end of a story)."""
        for node in NODES:
            bus.serve(node, self._performer(node))

    @property
    def now(self) -> float:
        return self._loop.time()

    @now.setter
    def now(self, value: float) -> None:
        """Time is the loop's."""

    def later(self, seconds: float, act: Callable[..., object], *what: object) -> None:
        self._loop.call_later(seconds, act, *what)

    # --- telling ----------------------------------------------------------------------------------------------------------

    def put(self, node: NodeId, record: f.Record) -> None:
        if node in self.away:
            return
        if (
            isinstance(record, f.Signal)
            and not isinstance(record, f.NodeSurveyed)
            and self.luck.random() < self.weather.lost
        ):
            self.note(f"lost {type(record).__name__} of {node}")
            return
        at = self._arrival(node)
        self._loop.call_at(at, self._deliver, record)
        if self.luck.random() < self.weather.twice and not isinstance(record, f.NodeSurveyed):
            self._loop.call_at(at + self.luck.choice((0.0, 0.5, 4.0)), self._deliver_again, record, self.life)

    def _arrival(self, node: NodeId) -> float:
        """Return when what a node says now arrives: after what it said before."""
        at = self.told_until[node] = max(self.told_until[node] + TICK_S, self.now + self.nodes[node].delay_s)
        return at

    def new_life(self) -> None:
        """A router begins: it has heard nothing yet."""
        self.life += 1
        self.history.clear()
        self.unheard = set(NODES)

    def _deliver_again(self, record: f.Record, life: int) -> None:
        if life == self.life:
            self._deliver(record)

    def _deliver(self, record: f.Record) -> None:
        if not isinstance(record, f.NodeSurveyed):
            self.history.append(record)
        self.bus.publish(record)

    def tell_old_news(self) -> None:
        """Something that was told long ago is told again."""
        if self.history:
            self.bus.publish(self.luck.choice(self.history))

    def tell_nonsense(self) -> None:
        """Something is told of an offer that nobody made."""
        if self.calls:
            call = self.luck.choice(list(self.calls))
            kind = self.luck.choice(FOREIGN)
            self.bus.publish(kind(at=self.now, call_id=call, offer_id=OfferId(f"{call}.e0.1")))

    # --- commands ---------------------------------------------------------------------------------------------------------

    def _performer(self, node: NodeId) -> Callable[[c.Command], Awaitable[c.Outcome]]:
        async def perform(command: c.Command) -> c.Outcome:
            if node in self.away:
                return c.Refused(reason="no telephony service", nobody=True)
            if self.luck.random() < self.weather.refused:
                self.fate = self.luck.choice(("refused", "unknown_done", "unknown_lost"))
            try:
                outcome = self.perform(command)
            except AssertionError as exc:
                self.broken(str(exc))
                return c.Unknown(reason="broken")
            self.note(
                f"{node} {type(command).__name__} {getattr(command, 'offer_id', getattr(command, 'call_id', ''))}: {outcome}"
            )
            await asyncio.sleep(self._arrival(node) - self.now)  # what it did is told before
            return outcome

        return perform

    def is_seen(self, call: Call) -> bool:
        return self.nodes[call.node].up and call.node not in self.away and call.node not in self.unheard

    def handed_on(self, call: Call, command: c.Transfer) -> None:
        self.later(LEADS_ON_S, self._lead_on, call, command)

    def _lead_on(self, call: Call, command: c.Transfer) -> None:
        """The call flow leads a caller who was handed on into the line, as soon as it has him."""
        if call.phase == "session" and self.nodes[call.node].up and call.node not in self.away:
            self.join(call, command)
        elif call.phase == "session":
            self.later(1.0, self._lead_on, call, command)

    # --- callers ----------------------------------------------------------------------------------------------------------

    def arrives(self, call: Call) -> None:
        """A caller arrives and joins the line."""
        self.calls[call.call_id] = call
        told = {"at": self.now, "call_id": call.call_id}
        leg, number = LegId(f"leg-{call.call_id}"), self.numbers.get(call.call_id, "")
        self.tell(call.node, f.CallArrived(**told, node=call.node, leg=leg, number="4000", caller_number=number))
        if not self._reaches(call):
            self.unseen.add(call.call_id)
            call.waits = False  # still in the menu when somebody looks again
            self.later(20.0, self._goes, call)
            return
        self.tell(
            call.node,
            f.CallQueued(
                **told,
                queue_id=call.queue_id,
                entered_at=call.entered_at,
                priority=call.priority,
                skills=call.skills,
                levels=call.levels,
            ),
        )

    def new_call(
        self, number: int, node: NodeId, queue: str, *, priority: int = 0, skills: tuple[str, ...] = ()
    ) -> Call:
        return Call(CallId(f"call{number:03}"), node, QueueId(queue), self.now, priority, skills)

    def _adoption(self, call: Call) -> f.CallAdopted:
        return msgspec.structs.replace(super()._adoption(call), caller_number=self.numbers.get(call.call_id, ""))

    def hangs_up(self, call: Call) -> None:
        if call.phase != "gone" and not self.patient:
            self.note(f"{call.call_id} hangs up while {call.phase}")
            self.caller_hangs_up(call)

    async def lead_callers(self) -> None:
        """Do what the IVR does for callers who left the line, or whose place in it changed: if the router's command fails, it lets them go."""
        inbox = self.bus.subscribe("ivr", f.CallFlowedOut, f.CallPriorityChanged, f.CallResumed)
        while True:
            match await inbox.get():
                case f.CallFlowedOut(reason="moved", treatment=""):
                    continue  # he waits elsewhere already, and who moved him knows
                case f.CallFlowedOut() as out if out.treatment.startswith("queue:"):
                    self._moves(out)
                case f.CallFlowedOut() as out:
                    self.later(RELEASE_S, self._let_go, out)
                case f.CallPriorityChanged() | f.CallResumed() as change:
                    self._place_changes(change)

    def _reaches(self, call: Call) -> bool:
        return self.nodes[call.node].up and call.node not in self.away

    def _moves(self, out: f.CallFlowedOut) -> None:
        """He waits in the line of another queue, as soon as his channel can be told."""
        call = self.calls.get(out.call_id)
        left = (out.queue_id, out.entered_at)
        if call is None or (call.queue_id, call.entered_at) != left or call.phase not in ("session", "ringing"):
            return
        if not self._reaches(call):
            self.later(1.0, self._moves, out)
            return
        phase, call.phase = (
            call.phase,
            "session",
        )  # the router, which knows it already, may have had a phone rung for him
        self.treat(out)
        call.phase = phase

    def _place_changes(self, change: f.CallPriorityChanged | f.CallResumed) -> None:
        call = self.calls.get(change.call_id)
        if call is None or call.queue_id != change.queue_id:
            return
        if not self._reaches(call):
            self.later(1.0, self._place_changes, change)
        elif isinstance(change, f.CallResumed):
            call.since = change.since
        else:
            call.priority = change.priority

    def _let_go(self, fact: f.CallFlowedOut) -> None:
        call = self.calls.get(fact.call_id)
        if call is None or call.phase not in ("session", "ringing") or call.entered_at != fact.entered_at:
            return
        if call.phase == "session" and fact.treatment == "hang_up":
            self.caller_hangs_up(call)
        elif call.phase == "session" and self._reaches(call):
            self._perform(c.Release(node=call.node, call_id=call.call_id, reason=fact.reason))
        else:
            self.later(RELEASE_S, self._let_go, fact)

    # --- nodes ------------------------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        """Survey every node for routers that do not know it."""
        inbox = self.bus.subscribe("nodes", f.RouterActive)
        while True:
            beat = await inbox.get()
            assert isinstance(beat, f.RouterActive)
            for node in NODES:
                key = (node, beat.router, beat.epoch)
                again = self.now - self.answered_at.get(key, -AGAIN_S) >= AGAIN_S
                if node not in beat.surveyed and again and self.nodes[node].up and node not in self.away:
                    self.answered_at[key] = self.now
                    self.survey_for(node, beat.epoch)

    def survey_for(self, node: NodeId, epoch: int) -> None:
        calls = tuple(self._adoption(call) for call in self.living(node))
        for call in self.living(node):
            self._note_told(call)
        seats = tuple(self.seat_state(seat, node) for seat in self.phones)
        spies = self.spies_at(node)
        self.tell(node, f.NodeSurveyed(at=self.now, node=node, epoch=epoch, calls=calls, seats=seats, **spies))

    async def look_around(self) -> None:
        """Each node looks at everything now and then."""
        while True:
            await asyncio.sleep(SNAPSHOT_S)
            for node in NODES:
                if self.nodes[node].up and node not in self.away:
                    self.look(node)

    def look(self, node: NodeId) -> None:
        self._tell_seats(node)
        for call in self.calls.values():
            if call.node == node:
                self._tell_difference(call)
        living = tuple(call.call_id for call in self.living(node))
        self.tell(node, f.SnapshotTaken(at=self.now, node=node, living=living, **self.spies_at(node)))

    def _out_of_sight(self, node: NodeId) -> None:
        self.unseen.update(call.call_id for call in self.living(node))

    def cut(self, node: NodeId) -> None:
        self._out_of_sight(node)
        super().cut(node)

    def telephony_dies(self, node: NodeId) -> None:
        """The process beside an Asterisk is gone, and with it everything that it had not told."""
        self._out_of_sight(node)
        self.note(f"telephony of {node} dies")
        self.away.add(node)

    def telephony_is_back(self, node: NodeId) -> None:
        """A new process finds everything in Asterisk and tells it."""
        if node not in self.away:
            return
        self.note(f"telephony of {node} is back")
        self.away.discard(node)
        self.nodes[node].up = True
        self._tell_seats(node)
        for call in self.living(node):
            self.tell(node, self._adoption(call))
            self._note_told(call)
        self._tell_snapshot(node)
