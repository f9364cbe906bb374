"""A router to play with: events by a short call, its output as short lines.

`play.queued("A")` and the like give an event at `play.now` and return what follows, one line for each fact and command:
`offer A 1001`, `ring A 1001`, `1001 ready -> reserved`, `cancel A`, `release A full`, `abandoned A` …
"""

from typing import Any

from acd.core import memories
from acd.core.agents.roster import Profile
from acd.core.floor import Output
from acd.core.requests import AgentDefinition, AgentRequest, RequestRefused, TransferRequest
from acd.core.router import Router
from hotline import commands as c
from hotline import facts as f
from hotline.ids import AgentId, CallId, Extension, LegId, NodeId, OfferId, QueueId
from hotline.settings.queues import Queue

START = 1_000.0
NODE = NodeId("node1")
REASONS = ("break", "lunch", "training")


def profile(agent: str, *, skills: tuple[str, ...] = (), queues: tuple[str, ...] = (), extension: str = "") -> Profile:
    """Return an agent who sits at the extension of his own name."""
    return Profile(
        id=AgentId(agent),
        name=f"Agent {agent}",
        extension=Extension(extension or agent),
        skills=dict.fromkeys(skills, 5),
        queues=tuple(QueueId(q) for q in queues),
    )


def line(output: Output) -> str:  # noqa: C901 - one line for each kind
    """Return one line for one output."""
    match output:
        case f.OfferMade():
            return f"offer {output.call_id} {output.agent_id}"
        case c.Ring():
            return f"ring {output.call_id} {output.agent_id}"
        case c.CancelRing():
            return f"cancel {output.call_id}"
        case c.Release():
            return f"release {output.call_id} {output.reason}"
        case c.AnswerFeature():
            return f"answer {output.sound}"
        case c.Hold() | c.Retrieve() | c.Swap() | c.Conference() | c.Beep():
            return f"{type(output).__name__.lower()} {output.call_id}"
        case c.Transfer():
            return f"transfer {output.call_id} {output.to}"
        case c.Consult():
            return f"consult {output.call_id} {output.agent_id}"
        case c.EndConsult():
            return f"end consult {output.call_id}" + (" by handing on" if output.hand_on else "")
        case f.TransferStarted():
            return f"{output.kind} transfer of {output.call_id} to {output.to}"
        case f.TransferCompleted():
            return f"found transferred {output.call_id}"
        case f.TransferFailed():
            return f"not transferred {output.call_id} {output.reason}"
        case f.AgentStateChanged():
            because = f" ({output.reason})" if output.reason else ""
            return f"{output.agent_id} {output.previous} -> {output.state}{because}"
        case f.AgentWishChanged():
            because = f" ({output.reason})" if output.reason else ""
            return (
                f"{output.agent_id} then {output.wish}{because}" if output.wish else f"{output.agent_id} then nothing"
            )
        case f.BreakOverran():
            return f"{output.agent_id} overran {output.reason}"
        case f.OutcomeGiven():
            return f"outcome of {output.call_id} {output.outcome} by {output.agent_id}"
        case f.AgentAdded():
            return f"added {output.agent_id}"
        case f.CallAbandoned():
            marks = (" short" if output.short else "") + (" while ringing" if output.while_ringing else "")
            return f"abandoned {output.call_id}{marks}"
        case f.CallFlowedOut():
            how = f" -> {output.treatment}" if output.treatment else ""
            how += f" after {output.announce}" if output.announce else ""
            return f"flowed out {output.call_id} {output.reason}{how}"
        case f.CallMoved():
            return f"moved {output.call_id} {output.queue_id} -> {output.to} by {output.by}"
        case f.CallPriorityChanged():
            return f"priority {output.call_id} {output.previous} -> {output.priority} by {output.by}"
        case f.CallResumed():
            return f"resumed {output.call_id} from {output.earlier_call_id}"
        case f.QueueSwitched():
            return f"switched {output.queue_id} closed={output.closed} {output.emergency} {output.then}".rstrip()
        case f.AnnouncementDue():
            return f"announce {output.call_id} {output.name}"
        case f.ScreenPopped():
            return f"popped {output.call_id} at {output.agent_id}"
        case f.OfferUnknown():
            return f"unknown {output.call_id}"
        case f.OfferFailed():
            return f"failed {output.call_id} {output.reason}"
        case f.OfferRescinded():
            return f"rescinded {output.call_id} {output.reason}"
        case RequestRefused():
            return f"refused {output.agent_id} {output.reason}"
        case f.SupervisionFact():
            return f"{type(output).__name__} {output.call_id} {output.extension}"
        case c.Supervise() | c.ChangeSupervision() | c.EndSupervision():
            return f"{type(output).__name__} {output.supervision_id}"
        case _:
            raise AssertionError(output)


def seat(agent: str, reachable: bool = True, in_use: bool = False, *, node: str, at: float = START) -> f.SeatChanged:
    return f.SeatChanged(at=at, extension=Extension(agent), reachable=reachable, in_use=in_use, node=NodeId(node))


class Play:
    """One router with one clock."""

    def __init__(
        self,
        *agents: str | Profile,
        queues: tuple[Queue, ...] = (),
        epoch: str = "e1",
        house: dict[str, Any] | None = None,
        **queue: object,
    ) -> None:
        self.now = START
        self.out: list[Output] = []
        self.sent: list[c.Command] = []
        profiles = [a if isinstance(a, Profile) else profile(a) for a in agents]
        self.queues = queues or (Queue(id="q", **queue),)  # type: ignore[arg-type]
        self.house = house or {}
        """More of what the settings say, for `Router`."""
        self.router = Router(self.queues, profiles, epoch=epoch, home_node=NODE, break_reasons=REASONS, **self.house)

    def give(self, event: f.Record) -> list[str]:
        """Give an event and return what follows."""
        return self._take(self.router.handle(event, now=self.now))

    def _take(self, out: list[Output]) -> list[str]:
        self.out = out
        self.sent += [o for o in out if isinstance(o, c.Command)]
        return [line(o) for o in out]

    def after(self, seconds: float) -> list[str]:
        """Let time pass, waking the router at each of its deadlines; return what follows."""
        end, lines = self.now + seconds, []
        while (deadline := self.router.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            lines += self._take(self.router.wake(now=self.now))
        self.now = end
        return lines

    # --- callers ---

    def arrived(self, call: str, node: str = NODE, *, caller: str = "") -> list[str]:
        arrival = f.CallArrived(
            at=self.now, call_id=CallId(call), node=NodeId(node), leg=LegId("x"), number="4", caller_number=caller
        )
        return self.give(arrival)

    def queued(self, call: str, queue: str = "", *, entered_at: float | None = None, **more: object) -> list[str]:
        at = self.now if entered_at is None else entered_at
        queue_id = QueueId(queue or self.queues[0].id)
        return self.give(f.CallQueued(at=at, call_id=CallId(call), queue_id=queue_id, entered_at=at, **more))  # type: ignore[arg-type]

    def identified(self, call: str, **customer: object) -> list[str]:
        """Have the CRM say who calls."""
        who = {"customer_id": "k1", "name": "Mei Lin", **customer}
        return self.give(f.CallerIdentified(at=self.now, call_id=CallId(call), **who))  # type: ignore[arg-type]

    def ended(self, call: str) -> list[str]:
        return self.give(f.CallEnded(at=self.now, call_id=CallId(call)))

    def fell_back(self, call: str) -> list[str]:
        return self.give(f.CallFellBack(at=self.now, call_id=CallId(call), reason="lease_expired"))

    def returned(self, call: str, *, answered: bool = False, offer: str = "") -> list[str]:
        offer_id = OfferId(offer) if offer else self.last_offer(call)
        return self.give(f.CallReturned(at=self.now, call_id=CallId(call), offer_id=offer_id, answered=answered))

    # --- offers ---

    def last_offer(self, call: str) -> OfferId:
        return self.router.why(CallId(call))[-1].offer_id

    def told(self, kind: type[f.OfferFact], call: str, offer: str = "", **more: object) -> list[str]:
        """Give a fact about the last offer of a call."""
        offer_id = OfferId(offer) if offer else self.last_offer(call)
        return self.give(kind(at=self.now, call_id=CallId(call), offer_id=offer_id, **more))  # type: ignore[arg-type]

    def answered(self, call: str) -> list[str]:
        """Ring and answer the last offer of a call."""
        return self.told(f.OfferRang, call) + self.told(f.OfferAccepted, call)

    def unanswered(self, call: str, kind: type[f.OfferFact] = f.OfferTimedOut, **more: object) -> list[str]:
        """End the last offer of a call without an answer; the caller comes back."""
        return self.told(kind, call, **more) + self.returned(call)

    def outcome(self, kind: type[c.Command], outcome: c.Outcome) -> list[str]:
        """Give the outcome of the last command of a kind that was sent."""
        command = next(o for o in reversed(self.sent) if isinstance(o, kind))
        return self.give(c.CommandEnded(command=command, outcome=outcome))

    def consulted(self, call: str) -> OfferId:
        """Return the offer by which an agent is asked about a call."""
        found = self.router.floor.offers.consult_of(CallId(call))
        assert found is not None
        return found.offer_id

    # --- agents ---

    def wants(self, agent: str, ask: str, to: str = "") -> list[str]:
        """Have an agent do something with his caller."""
        return self.give(TransferRequest(at=self.now, agent_id=AgentId(agent), ask=ask, to=to))  # type: ignore[arg-type]

    def ask(self, agent: str, ask: str, reason: str = "") -> list[str]:
        return self.give(AgentRequest(at=self.now, agent_id=AgentId(agent), ask=ask, reason=reason))  # type: ignore[arg-type]

    def ready(self, *agents: str) -> list[str]:
        """Make agents ready one after the other, a second apart."""
        lines: list[str] = []
        for agent in agents:
            lines += self.ask(agent, "ready")
            self.now += 1
        return lines

    def define(self, new: Profile) -> list[str]:
        return self.give(AgentDefinition(at=self.now, profile=new))

    def seat(
        self, agent: str, *, reachable: bool = True, in_use: bool = False, node: str = NODE, at: float | None = None
    ) -> list[str]:
        return self.give(seat(agent, reachable, in_use, node=node, at=self.now if at is None else at))

    def dial(self, agent: str, code: str) -> list[str]:
        return self.give(
            f.FeatureCodeDialled(at=self.now, session=LegId("s"), node=NODE, extension=Extension(agent), code=code)
        )

    def state(self, agent: str) -> str:
        found = self.router.floor.agents.get(AgentId(agent))
        assert found is not None
        return found.state

    # --- the link ---

    def link(self, up: bool, node: str = NODE) -> list[str]:
        return self.give(f.LinkChanged(at=self.now, node=NodeId(node), up=up))

    def snapshot(self, *living: str, node: str = NODE, at: float | None = None) -> list[str]:
        calls = tuple(CallId(call) for call in living)
        return self.give(f.SnapshotTaken(at=self.now if at is None else at, node=NodeId(node), living=calls))

    def adopted(self, call: str, phase: str, **more: object) -> list[str]:
        return self.give(self.found(call, phase, **more))  # type: ignore[arg-type]

    def surveyed(self, *calls: f.CallAdopted, seats: tuple[f.SeatChanged, ...] = (), node: str = NODE) -> list[str]:
        """Have a node tell everything it knows."""
        return self.give(f.NodeSurveyed(at=self.now, node=NodeId(node), epoch=0, calls=calls, seats=seats))

    def found(
        self, call: str, phase: str, *, entered_at: float = START, offer: str = "", node: str = NODE, **place: object
    ) -> f.CallAdopted:
        kept = f.Place(
            flow="main",
            flow_version="1",
            step="queue",
            queue_id=QueueId(self.queues[0].id),
            entered_at=entered_at,
            **place,
        )  # type: ignore[arg-type]
        return f.CallAdopted(
            at=self.now,
            call_id=CallId(call),
            node=NodeId(node),
            leg=LegId("x"),
            phase=phase,  # type: ignore[arg-type]
            place=kept,
            offer_id=OfferId(offer) if offer else None,
        )

    def taken(self, name: str) -> dict[str, Any]:
        """Return what of one memory changed since the last time that anything was taken; None for what is to be forgotten."""
        taken = {
            key: value
            for key, value in self.router.take_changed(now=self.now).items()
            if key.startswith(memories.key(name, ""))
        }
        kept, unread = memories.read({key: value for key, value in taken.items() if value is not None})
        assert not unread
        return {of: kept[name].get(of) for of in (key.removeprefix(memories.key(name, "")) for key in taken)}

    def remembered(self) -> memories.Kept:
        """Return what was remembered of this life, as another one reads it."""
        taken = self.router.take_changed(now=self.now)
        kept, unread = memories.read({key: value for key, value in taken.items() if value is not None})
        assert not unread
        return kept

    def reborn(self, epoch: str = "e2") -> "Play":
        """Die and come back: a new router with what the old one had remembered, nothing else."""
        heir = Play(*(a.profile for a in self.router.floor.agents), queues=self.queues, epoch=epoch, house=self.house)
        heir.now = self.now
        heir.out = heir.router.restore(self.remembered(), now=self.now)
        return heir
