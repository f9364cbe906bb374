"""What boards see live: queues, agents, and calls that wait or talk. It notes what changed, and shows it as it is when asked.

What an input or an output of the router is about is read from the names of its fields, so nothing new is forgotten. Queues
are shown anew every few seconds besides, because expected waits change by themselves.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from acd.core.floor import Floor
from acd.core.router import Router
from acd.core.views import agent_view, queue_view
from hotline.commands import CommandEnded
from hotline.facts import LinkChanged, NodeSurveyed, SeatChanged, SnapshotTaken
from hotline.ids import AgentId, CallId, OfferId, QueueId
from hotline.web.stream import Changes

QUEUES_AGAIN_S = 2.0
_EVERYTHING = (NodeSurveyed, SnapshotTaken, LinkChanged)
"""After these anything may have changed."""


class LiveCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that waits in a line, or talks with an agent. Without the caller's number: boards hang on walls."""

    id: CallId
    state: Literal["waiting", "ringing", "talking"]
    queue_id: QueueId
    entered_at: float
    agent_id: AgentId | None = None
    """Who talks with him, or is rung for him (of several, the first)."""
    offer_id: OfferId | None = None
    priority: int = 0
    kind: Literal["live", "callback"] = "live"
    """`callback`: nobody is on the line yet, or the customer was called back."""


class Board:
    """The source of the stream. `router` raises StandingBy while this process has none."""

    topics: tuple[str, ...] = ("queues", "agents", "calls")

    def __init__(self, router: Callable[[], Router], now: Callable[[], float]) -> None:
        self._router = router
        self._now = now
        self._watched = False
        self._agents: set[AgentId] = set()
        self._queues: set[QueueId] = set()
        self._calls: set[CallId] = set()
        self._everything = False
        self._shown: set[str] = set()
        """The calls that were shown, so that those that are gone can be named after everything changed."""
        self._queues_at = 0.0

    def now(self) -> float:
        """Return the present time."""
        return self._now()

    def watch(self, watched: bool) -> None:
        """Begin or cease to note changes."""
        if not watched:
            self._forget()
            self._shown.clear()
        self._watched = watched

    async def ready(self) -> None:
        """There is nothing to wait for."""

    def hear(self, records: Iterable[object]) -> None:
        """Note what these inputs and outputs of the router are about."""
        if not self._watched:
            return
        for record in records:
            about = record.command if isinstance(record, CommandEnded) else record
            self._everything = self._everything or isinstance(record, _EVERYTHING)
            if isinstance(record, SeatChanged):
                self._note_seat(record)
            for field, noted in (("agent_id", self._agents), ("queue_id", self._queues), ("call_id", self._calls)):
                name = getattr(about, field, None)
                if name:
                    noted.add(name)

    def _note_seat(self, record: SeatChanged) -> None:
        agent = self._router().floor.agents.at(record.extension)
        if agent is not None:
            self._agents.add(agent.id)

    # --- what is shown -----------------------------------------------------------------------------------------------------

    def snapshot(self, topic: str) -> list[Any]:
        """Return everything of one topic."""
        floor = self._router().floor
        match topic:
            case "queues":
                return [queue_view(floor, queue_id, self._now()) for queue_id in floor.queues]
            case "agents":
                return [agent_view(floor, agent) for agent in floor.agents]
            case _:
                calls = [_call(floor, call_id) for call_id in _calls(floor)]
                self._shown.update(call.id for call in calls if call is not None)
                return [call for call in calls if call is not None]

    def take_changes(self) -> dict[str, Changes]:
        """Return what changed since the last time."""
        floor, now = self._router().floor, self._now()
        if self._everything:
            changes = {topic: Changes(items=self.snapshot(topic)) for topic in self.topics}
            living = {call.id for call in changes["calls"].items}
            changes["calls"].gone = sorted(self._shown - living)
            self._shown = living
        else:
            changes = {"calls": self._changed_calls(floor), "agents": self._changed_agents(floor)}
            changes["queues"] = self._changed_queues(floor, now)
        self._forget()
        return changes

    def _changed_calls(self, floor: Floor) -> Changes:
        changes = Changes()
        for call_id in sorted(self._calls):
            call = _call(floor, call_id)
            if call is not None:
                changes.items.append(call)
                self._shown.add(call_id)
                self._queues.add(call.queue_id)
                self._agents |= {call.agent_id} if call.agent_id is not None else set()
            elif call_id in self._shown:
                changes.gone.append(call_id)
                self._shown.discard(call_id)
        return changes

    def _changed_agents(self, floor: Floor) -> Changes:
        found = [agent for agent in map(floor.agents.get, sorted(self._agents)) if agent is not None]
        for agent in found:
            self._queues.update(floor.agents.queues_of(agent))
        return Changes(items=[agent_view(floor, agent) for agent in found])

    def _changed_queues(self, floor: Floor, now: float) -> Changes:
        if now - self._queues_at >= QUEUES_AGAIN_S:
            self._queues_at = now
            self._queues.update(floor.queues)
        return Changes(items=[queue_view(floor, q, now) for q in sorted(self._queues) if q in floor.queues])

    def _forget(self) -> None:
        self._everything = False
        for noted in (self._agents, self._queues, self._calls):
            noted.clear()


def _calls(floor: Floor) -> list[CallId]:
    return sorted({*(caller.call_id for caller in floor.line), *(offer.call_id for offer in floor.offers)})


def _call(floor: Floor, call_id: CallId) -> LiveCall | None:
    caller, offer = floor.line.get(call_id), floor.offers.of_call(call_id)
    if caller is not None:
        ringing = offer if offer is not None and not offer.caller_left else None
        return LiveCall(
            id=call_id,
            state="ringing" if ringing is not None else "waiting",
            queue_id=caller.queue_id,
            entered_at=caller.entered_at,
            agent_id=ringing.agent_id if ringing is not None else None,
            offer_id=ringing.offer_id if ringing is not None else None,
            priority=caller.priority,
            kind="callback" if caller.outgoing else "live",
        )
    if offer is None or offer.phase != "talking":
        return None
    return LiveCall(
        id=call_id,
        state="talking",
        queue_id=offer.queue_id,
        entered_at=offer.entered_at,
        agent_id=offer.agent_id,
        offer_id=offer.offer_id,
        kind="callback" if offer.kind == "callback" else "live",
    )
