"""What became of everybody in one simulated day. Pure: it only counts."""

from bisect import bisect_left, insort
from collections import defaultdict
from typing import Literal

import msgspec

from acd.simulation.callback_books import CallbackBooks
from hotline.facts import AgentState, AgentStateChanged
from hotline.ids import AgentId, CallId, QueueId

End = Literal["answered", "abandoned", "flowed_out", "waiting"]


class Stay(msgspec.Struct, kw_only=True):
    """A caller in the line of one queue."""

    call_id: CallId
    queue_id: QueueId
    entered_at: float
    end: End = "waiting"
    left_at: float = 0.0
    treatment: str = ""
    """Where he went, if he flowed out and the router said so."""

    @property
    def wait_s(self) -> float:
        """How long he waited."""
        return self.left_at - self.entered_at


class Books:
    """Callers' stays, agents' times and overtakes. Callers before `begin` do not count (warm-up), nor do agents' times before it or after `end`."""

    def __init__(self, begin: float, end: float, agents: dict[AgentId, frozenset[QueueId]]) -> None:
        self.begin = begin
        self.end = end
        self.agents = agents
        """The queues of each agent."""
        self.stays: list[Stay] = []
        self.handled_s: dict[QueueId, float] = defaultdict(float)
        """Talk and wrap-up by queue."""
        self.handled: dict[QueueId, int] = defaultdict(int)
        self.overtakes: dict[QueueId, int] = defaultdict(int)
        self.offers: dict[QueueId, int] = defaultdict(int)
        self.unanswered: dict[QueueId, int] = defaultdict(int)
        self.states: dict[AgentId, dict[AgentState, float]] = {agent: defaultdict(float) for agent in agents}
        self.callbacks = CallbackBooks()
        self._in: dict[AgentId, tuple[AgentState, float]] = dict.fromkeys(agents, ("offline", begin))
        self._open: dict[CallId, Stay] = {}
        self._here: dict[QueueId, list[tuple[float, CallId]]] = defaultdict(list)
        """Who waits without a phone ringing for him, by time of entry."""

    # --- callers ----------------------------------------------------------------------------------------------------------

    def entered(self, call_id: CallId, queue_id: QueueId, entered_at: float) -> None:
        """A caller joined a line."""
        stay = self._open[call_id] = Stay(call_id=call_id, queue_id=queue_id, entered_at=entered_at)
        if entered_at >= self.begin:
            self.stays.append(stay)
        insort(self._here[queue_id], (entered_at, call_id))

    def offered(self, call_id: CallId) -> None:
        """A phone rings for a caller: those of his queue who came before him and have none are overtaken."""
        stay = self._open.get(call_id)
        if stay is None:
            return
        here, place = self._here[stay.queue_id], (stay.entered_at, call_id)
        ahead = bisect_left(here, place)
        if ahead < len(here) and here[ahead] == place:
            del here[ahead]
            if stay.entered_at >= self.begin:
                self.overtakes[stay.queue_id] += ahead
        self.offers[stay.queue_id] += 1

    def rang_out(self, call_id: CallId) -> None:
        """Nobody answered; he waits on."""
        stay = self._open.get(call_id)
        if stay is not None:
            self.unanswered[stay.queue_id] += 1
            here, place = self._here[stay.queue_id], (stay.entered_at, call_id)
            if place not in here[bisect_left(here, place) :][:1]:
                insort(here, place)

    def left(self, call_id: CallId, end: End, now: float, treatment: str = "") -> None:
        """He left the line."""
        stay = self._open.pop(call_id, None)
        if stay is None:
            return
        stay.end, stay.left_at, stay.treatment = end, now, treatment
        here, place = self._here[stay.queue_id], (stay.entered_at, call_id)
        index = bisect_left(here, place)
        if index < len(here) and here[index] == place:
            del here[index]

    def talked(self, queue_id: QueueId, seconds: float) -> None:
        """A conversation is over."""
        self.handled_s[queue_id] += seconds
        self.handled[queue_id] += 1

    # --- agents -----------------------------------------------------------------------------------------------------------

    def moved(self, change: AgentStateChanged) -> None:
        """An agent's state changed."""
        self._spend(change.agent_id, change.at)
        self._in[change.agent_id] = (change.state, change.at)

    def _spend(self, agent_id: AgentId, now: float) -> None:
        state, since = self._in[agent_id]
        seconds = min(now, self.end) - max(since, self.begin)
        if seconds > 0:
            self.states[agent_id][state] += seconds

    def close(self, now: float) -> None:
        """The day is over: who waits still, waits; nobody is on duty any more."""
        for agent_id in self._in:
            self._spend(agent_id, now)
            self._in[agent_id] = ("offline", now)
        for stay in self._open.values():
            stay.left_at = now
        self._open.clear()
