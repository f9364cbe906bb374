"""The router: events in, facts and commands out. Pure.

Give every fact, signal, request and command outcome to `handle`, and call `wake` when `next_deadline` has come. What comes
back is to be carried out in its order. It reads no clock, sends nothing and never waits; an input that comes late, twice or
from elsewhere is counted in `ignored` and changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from acd.core import adoption, callers, comeback, conduct, endings
from acd.core.agents import Agent, Profile
from acd.core.decisions import Decision
from acd.core.floor import Floor, Output
from acd.core.matching import match
from acd.core.offers import Offer
from acd.core.requests import SOUNDS, AgentDefinition, AgentRequest, RequestRefused, Sound, ask_of_code
from acd.core.timers import Key
from hotline.commands import AnswerFeature, CommandEnded
from hotline.facts import (
    CallAdopted,
    CallArrived,
    CallEnded,
    CallerIdentified,
    CallFellBack,
    CallFlowedOut,
    CallQueued,
    CallReturned,
    FeatureCodeDialled,
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
    TalkEnded,
)
from hotline.ids import AgentId, CallId, NodeId, OfferId
from hotline.settings.queues import Queue


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
    ) -> None:
        self.floor = Floor(queues, agents, epoch=epoch, home_node=home_node, break_reasons=break_reasons)

    # --- in and out ---------------------------------------------------------------------------------------------------

    def handle(self, event: Record, *, now: float) -> list[Output]:
        """Return what follows from an event."""
        self.floor.suspect = getattr(event, "call_id", None)
        react = REACTIONS.get(type(event))
        if react is not None:
            react(self.floor, event, now)
        return self._finish(now)

    def next_deadline(self) -> float | None:
        """Return when `wake` is to be called, if nothing happens before."""
        return self.floor.timers.next()

    def wake(self, *, now: float) -> list[Output]:
        """Return what follows from the deadlines that have come."""
        while (key := self.floor.timers.take_due(now)) is not None:
            _expire(self.floor, key, now)
        return self._finish(now)

    def restore(self, agents: Iterable[Agent], offers: Iterable[Offer], *, now: float) -> list[Output]:
        """Take up what an earlier life had left (see `changes`); return what follows. Before the first event only."""
        adoption.restore(self.floor, agents, offers, now)
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
        caller = floor.line.get(floor.suspect) if floor.suspect is not None else None
        offer = floor.offers.of_call(floor.suspect) if floor.suspect is not None else None
        if caller is not None:
            comeback.give_up(floor, caller, now, reason="lost")
        if offer is not None and offer.phase != "talking":
            callers.bereave(floor, offer, now)
        if floor.suspect is not None:
            floor.evicted.put(floor.suspect, None)
        for waiting in floor.line:
            floor.pending_callers[waiting.call_id] = None
        return self._finish(now)

    def _finish(self, now: float) -> list[Output]:
        match(self.floor, now)
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

    def take_changed_agents(self) -> list[tuple[AgentId, Agent | None]]:
        """Return the agents that changed since the last time, to be remembered; None for those to forget."""
        changed, self.floor.changed_agents = self.floor.changed_agents, {}
        return [(agent_id, self.floor.agents.get(agent_id)) for agent_id in changed]

    def take_changed_offers(self) -> list[tuple[OfferId, Offer | None]]:
        """Return the offers that changed since the last time, to be remembered; None for those that are over."""
        changed, self.floor.changed_offers = self.floor.changed_offers, {}
        return [(offer_id, self.floor.offers.get(offer_id)) for offer_id in changed]


def _requested(floor: Floor, request: AgentRequest, now: float) -> None:
    refusal = conduct.requested(floor, request, now)
    if refusal is not None:
        floor.out.append(RequestRefused(agent_id=request.agent_id, reason=refusal))


def _defined(floor: Floor, definition: AgentDefinition, now: float) -> None:
    refusal = conduct.defined(floor, definition, now)
    if refusal is not None:
        floor.out.append(RequestRefused(agent_id=definition.profile.id, reason=refusal))


def _feature_dialled(floor: Floor, signal: FeatureCodeDialled, now: float) -> None:
    """Do what a seat asks for by a code, and let it hear what came of it."""
    agent = floor.agents.at(signal.extension)
    asked = ask_of_code(signal.code, floor.break_reasons)
    refusal: str | None = "no_such_agent"
    if agent is not None and asked is not None:
        request = AgentRequest(at=signal.at, agent_id=agent.id, ask=asked[0], reason=asked[1], by="seat")
        refusal = conduct.requested(floor, request, now)
    sound: Sound = SOUNDS[asked[0]] if asked is not None and refusal is None else "refused"
    floor.ask(AnswerFeature(node=signal.node, session=signal.session, sound=sound))


def _expire(floor: Floor, key: Key, now: float) -> None:
    """One deadline has come."""
    match key:
        case ("agent", name):
            conduct.time_over(floor, floor.agents[AgentId(name)], now)
        case ("offer", name):
            offer = floor.offers.get(OfferId(name))
            if offer is not None:
                floor.suspect = offer.call_id
                endings.overdue(floor, offer, now)
        case (kind, name):
            _expire_caller(floor, kind, CallId(name), now)


def _expire_caller(floor: Floor, kind: str, call_id: CallId, now: float) -> None:
    caller = floor.line.get(call_id)
    if caller is None:
        return
    floor.suspect = call_id
    if kind == "refusal":
        floor.judge_refusals(caller, now)
    elif kind == "return" and caller.whereabouts == "returning":
        comeback.recall(floor, caller, now)
    elif kind == "pause" and caller.whereabouts == "paused":
        comeback.come_back(floor, caller, now)


REACTIONS: Mapping[type[Record], Callable[[Floor, Any, float], None]] = {
    AgentDefinition: _defined,
    AgentRequest: _requested,
    CallAdopted: adoption.adopted,
    CallArrived: callers.arrived,
    CallEnded: callers.ended,
    CallFellBack: callers.fell_back,
    CallFlowedOut: callers.flowed_out,
    CallQueued: callers.queued,
    CallReturned: endings.returned,
    CallerIdentified: callers.identified,
    CommandEnded: endings.command_ended,
    FeatureCodeDialled: _feature_dialled,
    LinkChanged: adoption.link_changed,
    NodeSurveyed: adoption.surveyed,
    OfferAccepted: endings.accepted,
    OfferBusy: endings.bad_ring,
    OfferFailed: endings.bad_ring,
    OfferRang: endings.rang,
    OfferRejected: endings.rejected,
    OfferRescinded: endings.rescinded,
    OfferTimedOut: endings.timed_out,
    SeatChanged: conduct.seat_changed,
    SnapshotTaken: adoption.snapshot_taken,
    TalkEnded: endings.talk_ended,
}
