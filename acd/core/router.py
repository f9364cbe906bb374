"""The router: events in, facts and commands out. Pure.

Give every fact, signal, request and command outcome to `handle`, and call `wake` when `next_deadline` has come. What comes
back is to be carried out in its order. It reads no clock, sends nothing and never waits; an input that comes late, twice or
from elsewhere is counted in `ignored` and changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from acd.callbacks import hooks, outcomes
from acd.callbacks.hooks import HEARERS
from acd.callbacks.overheard import learn
from acd.core import adoption, memories
from acd.core.agents import after_talk, asking, conduct, feature_codes, sitting, surging
from acd.core.agents.roster import Profile
from acd.core.callers import arriving, comeback, overflow, standing, steering
from acd.core.floor import NO_OUTBOUND, Floor, Output
from acd.core.matching import sticky
from acd.core.matching.decisions import Decision
from acd.core.matching.match import match
from acd.core.offers import endings
from acd.core.offers.book import Offer
from acd.core.requests import (
    AgentDefinition,
    AgentRequest,
    CallerRequest,
    OutcomeRequest,
    QueueRequest,
    RequestRefused,
    SupervisionRequest,
    SurgeRequest,
    TransferRequest,
)
from acd.core.talks import forwards, keys, outside, supervising, taking_over, transfers
from acd.core.timers import Key
from hotline.commands import CommandEnded
from hotline.dialling import Policy
from hotline.facts import (
    AgentKeyed,
    CallAdopted,
    CallArrived,
    CallEnded,
    CallerIdentified,
    CallFellBack,
    CallFlowedOut,
    CallForwarded,
    CallQueued,
    CallReturned,
    FeatureCodeDialled,
    HoldBegan,
    HoldEnded,
    LinkChanged,
    NodeSurveyed,
    OfferAccepted,
    OfferBusy,
    OfferFailed,
    OfferRang,
    OfferRejected,
    OfferRescinded,
    OfferTimedOut,
    Record,
    SeatChanged,
    SnapshotTaken,
    SupervisionSeen,
    TalkEnded,
    TransferCompleted,
    VoicemailBegan,
    WaitPromised,
)
from hotline.hours import Hours
from hotline.ids import AgentId, CallId, NodeId, OfferId, QueueId, SupervisionId
from hotline.settings.queues import BetweenQueues, Queue


class Router:
    """Distributes callers to agents.

    `epoch` names this life of the router and must never be used again: it is part of every offer id. `home_node` is taken
    for calls of which nobody told where they are.
    """

    def __init__(
        self,
        queues: Iterable[Queue],
        agents: Iterable[Profile],
        *,
        epoch: str,
        home_node: NodeId = NodeId("node1"),  # noqa: B008 - a NewType is a plain string
        break_reasons: tuple[str, ...] = ("break",),
        break_limit_s: Mapping[str, float] = MappingProxyType({}),
        outcomes: tuple[str, ...] = (),
        outbound: Policy = NO_OUTBOUND,
        hours: Mapping[str, Hours] = MappingProxyType({}),
        between_queues: BetweenQueues = "strict_priority",
    ) -> None:
        self._begun = False
        self.floor = Floor(
            queues,
            agents,
            epoch=epoch,
            home_node=home_node,
            break_reasons=break_reasons,
            break_limit_s=break_limit_s,
            outcomes=outcomes,
            outbound=outbound,
            hours=hours,
            between_queues=between_queues,
        )
        for agent in self.floor.agents:
            sitting.look(self.floor, agent)

    # --- in and out ---------------------------------------------------------------------------------------------------

    def handle(self, event: Record, *, now: float) -> list[Output]:
        """Return what follows from an event."""
        self.floor.suspect = getattr(event, "call_id", None)
        self.hear(event, now=now)
        return self._finish(now)

    def hear(self, event: Record, *, now: float) -> None:
        """Take an event in that belongs together with the one that is handled next: nobody is offered before that."""
        floor, kind = self.floor, type(event)
        floor.estimates.hear(event, now)
        for hear in _HEARERS.get(kind, ()):
            hear(floor, event, now)
        react = REACTIONS.get(kind)
        if react is not None:
            react(floor, event, now)

    def next_deadline(self) -> float | None:
        """Return when `wake` is to be called, if nothing happens before."""
        return self.floor.timers.next()

    def wake(self, *, now: float) -> list[Output]:
        """Return what follows from the deadlines that have come."""
        while (key := self.floor.timers.take_due(now)) is not None:
            _expire(self.floor, key, now)
        return self._finish(now)

    def restore(self, kept: memories.Kept, *, now: float, overheard: Iterable[Record] = ()) -> list[Output]:
        """Take up what an earlier life had remembered (see `memories.read`); return what follows. Before the first event only.

        `overheard`: what was told of callbacks while nobody routed (see `acd.callbacks.overheard`).
        """
        memories.restore(self.floor, kept, now)
        learn(self.floor, list(overheard), now)
        return self._finish(now)

    def lose(self, nodes: Iterable[NodeId], *, now: float) -> list[Output]:
        """Nothing reaches these nodes any more: nobody there is offered until they have told everything anew."""
        for node in nodes:
            adoption.lost(self.floor, node, now)
        return self._finish(now)

    def evict(self, *, now: float) -> list[Output]:
        """After an error: hand the call that was being worked on to the fallback queue and go on with the others.

        A survey that failed at it is made again, and must not fail again.
        """
        floor = self.floor
        outcomes.evicted(floor, floor.suspect, now)
        caller = floor.line.get(floor.suspect) if floor.suspect is not None else None
        offer = floor.offers.of_call(floor.suspect) if floor.suspect is not None else None
        if caller is not None:
            comeback.give_up(floor, caller, now, reason="lost")
        if offer is not None and offer.phase != "talking":
            arriving.bereave(floor, offer, now)
        if floor.suspect is not None:
            floor.evicted.put(floor.suspect, None)
        for waiting in floor.line:
            floor.pending_callers[waiting.call_id] = None
        return self._finish(now)

    def _finish(self, now: float) -> list[Output]:
        if not self._begun:
            overflow.begin(self.floor, now)
            self._begun = True
        if self.floor.agents.remote:
            self.floor.look_at_limits(now)
        if self.floor.pending_callers:
            overflow.look_at_those_back(self.floor, now)
            transfers.look_at_those_back(self.floor, now)
        match(self.floor, now)
        self.floor.estimates.told(self.floor.out, now)
        out, self.floor.out = self.floor.out, []
        return out

    # --- what can be asked ----------------------------------------------------------------------------------------------

    @property
    def surveyed(self) -> tuple[NodeId, ...]:
        """The nodes that told us everything since our life began."""
        return tuple(self.floor.surveyed)

    def why(self, call_id: CallId) -> list[Decision]:
        """Return the decisions that offered a call to agents, oldest first."""
        return self.floor.decisions.of(call_id)

    def take_changed(self, *, now: float) -> dict[str, bytes | None]:
        """Return what must be known beyond our death and changed since the last time, by key; None for what is to be forgotten."""
        return memories.take_changed(self.floor, now)


def _asking(ask: Callable[[Floor, Any, float], str | None]) -> Callable[[Floor, Any, float], None]:
    """Return the reaction to a request: it is fulfilled, or its refusal is told."""

    def react(floor: Floor, request: Any, now: float) -> None:
        refusal = ask(floor, request, now)
        if refusal is not None:
            floor.out.append(RequestRefused(agent_id=getattr(request, "agent_id", AgentId("")), reason=refusal))

    return react


def _command_ended(floor: Floor, ended: CommandEnded, now: float) -> None:
    if not supervising.command_ended(floor, ended, now):
        transfers.command_ended(floor, ended, now)


def _surveyed(floor: Floor, survey: NodeSurveyed, now: float) -> None:
    adoption.surveyed(floor, survey, now)
    supervising.snapshot(floor, survey, now)


def _snapshot_taken(floor: Floor, signal: SnapshotTaken, now: float) -> None:
    adoption.snapshot_taken(floor, signal, now)
    supervising.snapshot(floor, signal, now)


def _promised(_floor: Floor, _fact: WaitPromised, _now: float) -> None:
    """It changes nothing here; the estimates have heard it."""


def _expire(floor: Floor, key: Key, now: float) -> None:
    """One deadline has come."""
    match key:
        case ("agent", name):
            conduct.time_over(floor, floor.agents[AgentId(name)], now)
        case ("offer", name):
            _expire_offer(floor, floor.offers.get(OfferId(name)), now)
        case ("sweep", name):
            overflow.swept(floor, QueueId(name), now)
        case ("closing", name):
            overflow.closing_time(floor, QueueId(name), now)
        case (("callback" | "ahead") as kind, name):
            hooks.expired(floor, kind, name, now)
        case (("takeover" | "supervision" | "outgoing") as kind, name):
            _expire_hold(floor, kind, name, now)
        case ("resume", name):
            floor.left_places.drop(CallId(name))
        case ("estimate", _):
            floor.suspect = None
            floor.estimates.tick(now)
        case (kind, name):
            _expire_caller(floor, kind, CallId(name), now)


def _expire_hold(floor: Floor, kind: str, name: str, now: float) -> None:
    """Agents have been kept from callers for long enough."""
    floor.suspect = None
    if kind == "takeover":
        taking_over.over(floor, AgentId(name))
    elif kind == "supervision":
        supervising.unheard_of(floor, SupervisionId(name), now)
    else:
        floor.look_at_limits(now)


def _expire_offer(floor: Floor, offer: Offer | None, now: float) -> None:
    if offer is not None:
        floor.suspect = offer.call_id
        if not outcomes.overdue(floor, offer, now):
            endings.overdue(floor, offer, now)


def _expire_caller(floor: Floor, kind: str, call_id: CallId, now: float) -> None:
    caller = floor.line.get(call_id)
    if caller is None:
        return
    floor.suspect = call_id
    if kind == "overflow":
        overflow.look(floor, caller, now)
    elif kind == "relax":
        standing.step(floor, caller, now)
    elif kind == "wish":
        sticky.judge(floor, caller, now)
    elif kind == "refusal":
        floor.judge_refusals(caller, now)
    elif kind == "transfer":
        transfers.not_taken(floor, caller, now)
    elif kind == "return" and caller.whereabouts == "returning":
        comeback.recall(floor, caller, now)
    elif kind == "pause" and caller.whereabouts == "paused":
        comeback.come_back(floor, caller, now)


REACTIONS: Mapping[type[Record], Callable[[Floor, Any, float], None]] = {
    AgentDefinition: _asking(asking.defined),
    AgentRequest: _asking(asking.requested),
    CallAdopted: adoption.adopted,
    CallArrived: arriving.arrived,
    CallEnded: arriving.ended,
    CallFellBack: arriving.fell_back,
    CallFlowedOut: arriving.flowed_out,
    CallForwarded: arriving.led_outside,
    CallQueued: arriving.queued,
    CallReturned: endings.returned,
    CallerRequest: _asking(steering.requested),
    QueueRequest: _asking(steering.switched),
    CallerIdentified: arriving.identified,
    CommandEnded: _command_ended,
    FeatureCodeDialled: feature_codes.dialled,
    AgentKeyed: keys.keyed,
    HoldBegan: after_talk.held,
    HoldEnded: after_talk.held,
    LinkChanged: adoption.link_changed,
    NodeSurveyed: _surveyed,
    OfferAccepted: endings.accepted,
    OfferBusy: endings.bad_ring,
    OfferFailed: endings.bad_ring,
    OfferRang: endings.rang,
    OfferRejected: endings.rejected,
    OfferRescinded: endings.rescinded,
    OfferTimedOut: endings.timed_out,
    OutcomeRequest: _asking(after_talk.given),
    SeatChanged: conduct.seat_changed,
    SnapshotTaken: _snapshot_taken,
    SupervisionRequest: _asking(supervising.requested),
    SupervisionSeen: supervising.seen,
    SurgeRequest: _asking(surging.switched),
    TalkEnded: endings.talk_ended,
    TransferCompleted: transfers.completed,
    TransferRequest: _asking(transfers.requested),
    VoicemailBegan: arriving.led_outside,
    WaitPromised: _promised,
}

_HEARING = (HEARERS, outside.HEARERS, forwards.HEARERS)
_HEARERS: Mapping[type[Record], tuple[Callable[[Floor, Any, float], None], ...]] = {
    kind: tuple(hearers[kind] for hearers in _HEARING if kind in hearers) for hearers in _HEARING for kind in hearers
}
"""Who hears a record before the router reacts to it."""
