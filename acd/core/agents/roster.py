"""The agents: who they are, what state they are in, who is idle and for how long. Pure.

It keeps the books; it decides no change of state (`states` and `conduct` do) and chooses nobody (`matching` does).
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from acd.core.agents.seats import Phones, registered_at
from acd.core.agents.states import Wish
from acd.core.agents.surge import Surges
from acd.core.agents.work import Work
from acd.core.callers.demand import Tokens, tokens
from acd.core.callers.ranking import NO_PREFERENCE, STRATEGIES, AgentRank, agent_rank
from acd.core.matching.idle import Idle
from hotline.facts import AgentState
from hotline.ids import AgentId, CallId, Extension, NodeId, OfferId, QueueId
from hotline.settings.queues import Strategy

Held = Literal["supervises", "phone_in_use", "node_unseen", "outgoing_limit"]
"""Why the phone of an agent who is ready is not rung, whoever waits."""


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a supervisor says about an agent."""

    id: AgentId
    name: str = ""
    extension: Extension
    """The seat whose phone is rung."""
    devices: tuple[Extension, ...] = ()
    """Other seats that he may log in from, and sits at then."""
    remote_number: str = ""
    """An external number that is rung instead of any seat."""
    outbound: bool = True
    """Whether he may be given outgoing calls: callbacks, campaigns."""
    ready_at_login: bool = False
    """Whether he is ready as soon as he logs in, and not on a break until he says so."""
    skills: dict[str, int] = {}
    """Skill to level, 1 to 10."""
    queues: tuple[QueueId, ...] = ()
    """Empty: all queues."""
    preference: dict[QueueId, int] = {}
    """How gladly he is given the callers of a queue: 1 first, 10 last; 5 where nothing is said."""

    @property
    def extensions(self) -> tuple[Extension, ...]:
        """All seats that are his."""
        return (self.extension, *self.devices)


class Conversation(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An agent's latest conversation, and how he said that it went."""

    call_id: CallId
    offer_id: OfferId
    outcome: str = ""


class Agent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One agent as the router sees him. Changed by `conduct` alone; what is encoded of it survives our own death."""

    profile: Profile
    from_api: bool = False
    """Whether the profile was made or changed through the API, so that it outranks the settings after a restart."""
    state: AgentState = "offline"
    reason: str = ""
    since: float = 0.0
    until: float | None = None
    """When wrap-up or rest is over; in a break, when it has lasted as long as its reason allows."""
    overran: bool = False
    """Whether his break lasts longer than that."""
    idle_since: float = 0.0
    """Start of the idle time that ranks him; kept through an offer that ended without his fault."""
    available_since: float = 0.0
    """Since when he could have been rung: ready, with a free phone."""
    work: Work = msgspec.field(default_factory=Work)
    """What he has done since he logged in."""
    place: int = 0
    """His place in the settings; whoever is not there comes after all who are."""
    no_answers: int = 0
    """Times in a row that he was rung in vain: he did not answer, or his phone was busy."""
    wish: Wish | None = None
    wish_reason: str = ""
    wish_by: str = ""
    """Who asked for it."""
    wish_forced: bool = False
    """Whether that was a supervisor's order."""
    conversation: Conversation | None = None
    owes: bool = False
    """Whether he must say how that conversation went before he can be ready."""
    sits_at: Extension | None = None
    """The seat he logged in from; None: that of his profile."""
    call_id: CallId | None = None
    awaits: CallId | None = None
    """The caller whom he takes over from another agent, and who is on his way to him: he is given nobody else."""
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
    held: Held | None = None
    """Why his phone is not rung now, whoever waits; None: it may be. What follows from all the above, and from what else is going on."""
    last_outgoing: bool = False
    """Whether he is at an external number and the house may make one more outgoing call only."""

    @property
    def id(self) -> AgentId:
        """Who he is."""
        return self.profile.id

    @property
    def seat(self) -> Extension:
        """The seat whose phone is his now."""
        return self.sits_at or self.profile.extension

    @property
    def phone_free(self) -> bool:
        """Whether his phone may be rung, as far as anybody knows."""
        return self.held is None

    def see_phone(self, unseen: Container[NodeId]) -> None:
        """Conclude anew from what the nodes said; the nodes in `unseen` cannot be seen now."""
        if not self.phones:
            return
        self.seat_node = registered_at(self.phones)
        self.reachable = self.seat_node is not None
        self.in_use = self.seat_node is not None and self.phones[self.seat_node].in_use
        self.cut_off = self.seat_node is not None and self.seat_node in unseen


class Agents:
    """All agents, by id and by seat, and who is idle."""

    def __init__(self, profiles: Iterable[Profile], queues: Mapping[QueueId, Strategy]) -> None:
        self._queues = tuple(queues)
        self.surges = Surges({})
        """Who is called in where besides."""
        self._keys = {queue_id: STRATEGIES[strategy] for queue_id, strategy in queues.items()}
        self._by_id: dict[AgentId, Agent] = {}
        self._by_extension: dict[Extension, Agent] = {}
        self._tokens: dict[AgentId, Tokens] = {}
        self.skills: dict[AgentId, Mapping[str, int]] = {}
        """Everybody's skills."""
        self.calls_level = 0
        """How many calls the last one had who was chosen for having fewest: who logs in begins there."""
        self.remote: dict[AgentId, Agent] = {}
        """Those at external numbers."""
        self.idle = Idle(self._queues)
        """Who is ready, queue by queue, in the order in which they are rung."""
        settled = tuple(profiles)
        self._places = {profile.id: place for place, profile in enumerate(settled)}
        for profile in settled:
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
        """Return the agent whose seat it is, whether he sits there now or at another of his."""
        return self._by_extension.get(extension)

    def put(self, agent: Agent) -> None:
        """Take an agent in. His id and his seats must be free."""
        self._by_id[agent.id] = agent
        self._tokens[agent.id] = tokens(agent.profile.skills)
        self.skills[agent.id] = agent.profile.skills
        agent.place = self._places.get(agent.id, len(self._places))
        if agent.profile.remote_number:
            self.remote[agent.id] = agent
        self._by_extension.update(dict.fromkeys(agent.profile.extensions, agent))
        if agent.state == "ready":
            self.enter_idle(agent)

    def remove(self, agent: Agent) -> None:
        """Take an agent out, before his profile changes; nothing happens if he is not in."""
        if self._by_id.pop(agent.id, None) is not None:
            self.leave_idle(agent)
            self.remote.pop(agent.id, None)
            for extension in agent.profile.extensions:
                self._by_extension.pop(extension, None)

    def queues_of(self, agent: Agent) -> tuple[QueueId, ...]:
        """Return the queues he serves."""
        own = agent.profile.queues or self._queues
        return self.surges.queues(agent.id, own) if self.surges.can_be_on else own

    def of_queue(self, queue_id: QueueId) -> Iterator[Agent]:
        """Return all agents who serve a queue, whatever their state."""
        return (a for a in self._by_id.values() if queue_id in self.queues_of(a))

    def rank(self, agent: Agent, queue_id: QueueId) -> AgentRank:
        """Return an agent's place among the idle agents of a queue, as it is now."""
        preference = agent.profile.preference.get(queue_id, NO_PREFERENCE)
        return agent_rank(agent, self._keys[queue_id], preference)

    def book(self, agent: Agent, now: float) -> None:
        """Note what an agent did in the state that he leaves now; who comes from offline begins anew."""
        if agent.state == "offline":
            agent.work = Work(calls=self.calls_level)
        else:
            agent.work.spent(agent.state, now - agent.since)

    def has(self, agent: Agent) -> Tokens:
        """Return every skill that he has, with each level up to his own."""
        return self._tokens[agent.profile.id]

    def enter_idle(self, agent: Agent) -> None:
        """Put a ready agent among the idle ones, or put him anew after something changed that his place depends on."""
        profile, keys = agent.profile, self._keys
        ranks = [(queue_id, self.rank(agent, queue_id)) for queue_id in self.queues_of(agent) if queue_id in keys]
        self.idle.enter(profile.id, profile.skills, ranks, free=agent.phone_free)

    def leave_idle(self, agent: Agent) -> None:
        """Take an agent from among the idle ones; nothing happens if he is not there."""
        self.idle.leave(agent.profile.id)
