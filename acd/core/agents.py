"""The agents: who they are, what state they are in, who is idle and for how long. Pure.

It keeps the books; it decides no change of state (`states` and `conduct` do) and chooses nobody (`matching` does).
"""

from bisect import bisect_left, insort
from collections.abc import Container, Iterable, Iterator, Sequence

import msgspec

from acd.core.ranking import AgentRank, agent_rank
from acd.core.seats import Phones, registered_at
from acd.core.states import Wish
from hotline.facts import AgentState
from hotline.ids import AgentId, CallId, Extension, NodeId, QueueId


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a supervisor says about an agent."""

    id: AgentId
    name: str = ""
    extension: Extension
    """The seat whose phone is rung."""
    skills: dict[str, int] = {}
    """Skill to level, 1 to 10."""
    queues: tuple[QueueId, ...] = ()
    """Empty: all queues."""


class Agent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One agent as the router sees him. Changed by `conduct` alone; what is encoded of it survives our own death."""

    profile: Profile
    from_api: bool = False
    """Whether the profile was made or changed through the API, so that it outranks the settings after a restart."""
    state: AgentState = "offline"
    reason: str = ""
    since: float = 0.0
    until: float | None = None
    """When wrap-up or rest is over."""
    idle_since: float = 0.0
    """Start of the idle time that ranks him; kept through an offer that ended without his fault."""
    available_since: float = 0.0
    """Since when he could have been rung: ready, with a free phone."""
    no_answers: int = 0
    """Rings in a row that he did not answer."""
    wish: Wish | None = None
    wish_reason: str = ""
    call_id: CallId | None = None
    phones: Phones = {}
    """What the nodes said about the phone of his seat."""
    seat_node: NodeId | None = None
    """The node at which his phone is registered; None when nobody told, or none can reach it."""
    reachable: bool = True
    """Whether his phone can be rung; until told otherwise we assume so, a ring would show it."""
    in_use: bool = False
    """Whether his phone is busy, with a call of ours or another."""
    cut_off: bool = False
    """Whether the node of his phone cannot be seen, and so nobody knows what the phone does."""

    @property
    def id(self) -> AgentId:
        """Who he is."""
        return self.profile.id

    @property
    def rank(self) -> AgentRank:
        """His place among idle agents."""
        return agent_rank(idle_since=self.idle_since, agent_id=self.profile.id)

    @property
    def phone_free(self) -> bool:
        """Whether his phone may be rung, as far as anybody knows."""
        return not self.in_use and not self.cut_off

    def see_phone(self, unseen: Container[NodeId]) -> None:
        """Conclude anew from what the nodes said; the nodes in `unseen` cannot be seen now."""
        if not self.phones:
            return
        self.seat_node = registered_at(self.phones)
        self.reachable = self.seat_node is not None
        self.in_use = self.seat_node is not None and self.phones[self.seat_node].in_use
        self.cut_off = self.seat_node is not None and self.seat_node in unseen


class Agents:
    """All agents, by id and by seat, and for each queue its idle agents in the order in which they are rung."""

    def __init__(self, profiles: Iterable[Profile], queues: Iterable[QueueId]) -> None:
        self._queues = tuple(queues)
        self._by_id: dict[AgentId, Agent] = {}
        self._by_extension: dict[Extension, Agent] = {}
        self._idle: dict[QueueId, list[AgentRank]] = {q: [] for q in self._queues}
        for profile in profiles:
            self.put(Agent(profile=profile))

    def __iter__(self) -> Iterator[Agent]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def __getitem__(self, agent_id: AgentId) -> Agent:
        """Return an agent who is known to exist: nobody is ever removed."""
        return self._by_id[agent_id]

    def get(self, agent_id: AgentId) -> Agent | None:
        """Return an agent, or None if there is no such agent."""
        return self._by_id.get(agent_id)

    def at(self, extension: Extension) -> Agent | None:
        """Return the agent who sits at a seat."""
        return self._by_extension.get(extension)

    def put(self, agent: Agent) -> None:
        """Take an agent in. His id and his seat must be free."""
        self._by_id[agent.id] = agent
        self._by_extension[agent.profile.extension] = agent
        if agent.state == "ready":
            self.enter_idle(agent)

    def remove(self, agent: Agent) -> None:
        """Take an agent out, before his profile changes; nothing happens if he is not in."""
        if self._by_id.pop(agent.id, None) is not None:
            self.leave_idle(agent)
            del self._by_extension[agent.profile.extension]

    def queues_of(self, agent: Agent) -> tuple[QueueId, ...]:
        """Return the queues he serves."""
        return agent.profile.queues or self._queues

    def of_queue(self, queue_id: QueueId) -> Iterator[Agent]:
        """Return all agents who serve a queue, whatever their state."""
        return (a for a in self._by_id.values() if queue_id in self.queues_of(a))

    def idle(self, queue_id: QueueId) -> Iterator[Agent]:
        """Return the ready agents of a queue, longest idle first."""
        return (self._by_id[agent_id] for _, agent_id in self._idle[queue_id])

    def enter_idle(self, agent: Agent) -> None:
        """Put an agent into the order of idle agents, at the place of his idle time."""
        for ranks in self._orders(agent):
            insort(ranks, agent.rank)

    def leave_idle(self, agent: Agent) -> None:
        """Take an agent out of the order of idle agents; nothing happens if he is not in it."""
        rank = agent.rank
        for ranks in self._orders(agent):
            index = bisect_left(ranks, rank)
            if index < len(ranks) and ranks[index] == rank:
                del ranks[index]

    def _orders(self, agent: Agent) -> Sequence[list[AgentRank]]:
        return [self._idle[q] for q in self.queues_of(agent) if q in self._idle]
