"""Who is on duty for each queue, folded from the agents' facts. Pure, bounded.

**Present** are those who take calls now or will without anybody's help; whoever is on a break is logged in, but not present. A queue is served by those who
are assigned to it and have the skills that it asks for.

Somebody who serves several queues answers one caller at a time, so he counts once: `counted` says for which queue.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from functools import lru_cache

import numpy as np

from forecast.staffing.crews import Kind, divided
from hotline.facts import AgentAdded, AgentState, AgentStateChanged, SurgeSwitched
from hotline.ids import AgentId, QueueId
from hotline.settings.queues import Agent, Queue

PRESENT: frozenset[AgentState] = frozenset({"ready", "reserved", "ringing", "talking", "holding", "wrap_up", "rest"})
"""The states of `acd.core.agents.states.ON_DUTY`; a test sees to it that they are the same."""
AGENTS_MAX = 10_000

Served = tuple[QueueId, ...]


class Staff:
    """All agents, by the settings and by what was told of them."""

    def __init__(self, queues: Iterable[Queue] = (), agents: Iterable[Agent] = ()) -> None:
        self._queues = {QueueId(queue.id): queue for queue in queues}
        self._told: dict[AgentId, AgentStateChanged] = {}
        self._added: dict[AgentId, AgentAdded] = {}
        self._settled = {AgentId(agent.id): agent for agent in agents}
        self._surge: set[QueueId] = set()
        self.changes = 0
        """How often it may have changed who serves what; states do not count."""

    def take(self, fact: AgentAdded | AgentStateChanged | SurgeSwitched) -> None:
        """Note a change; one that comes late or twice changes nothing."""
        if isinstance(fact, SurgeSwitched):
            (self._surge.add if fact.on else self._surge.discard)(fact.queue_id)
        elif isinstance(fact, AgentAdded):
            before = self._added.get(fact.agent_id)
            if self._has_room(self._added, fact.agent_id) and (before is None or before.at <= fact.at):
                self._added[fact.agent_id] = fact
                self.changes += 1
        elif self._has_room(self._told, fact.agent_id):
            known = self._told.get(fact.agent_id)
            if known is None or known.at <= fact.at:
                self._told[fact.agent_id] = fact
                self.changes += known is None

    @staticmethod
    def _has_room(book: Mapping[AgentId, object], agent: AgentId) -> bool:
        return agent in book or len(book) < AGENTS_MAX

    def learn(self, facts: Iterable[AgentAdded | AgentStateChanged]) -> None:
        """Note what the journal has."""
        for fact in facts:
            self.take(fact)

    # --- who serves what --------------------------------------------------------------------------------------------------

    @property
    def known(self) -> bool:
        """Whether anything was told of anybody."""
        return bool(self._told)

    def serves(self, agent: str, queue: QueueId) -> bool:
        """Return whether an agent serves a queue at present: by what was told of him, else by the settings."""
        return queue in self.served(AgentId(agent))

    def served(self, agent: AgentId) -> Served:
        """Return the queues that an agent serves at present."""
        told = self._told.get(agent)
        return self._able(agent, self._own(agent) if told is None else told.queues)

    def _own(self, agent: AgentId) -> Iterable[QueueId]:
        """Return the queues that are his while no department helps another one."""
        added, settled = self._added.get(agent), self._settled.get(agent)
        if added is None and settled is None:
            told = self._told.get(agent)
            return () if told is None else told.queues
        if added is not None:
            queues: Iterable[QueueId] = added.queues
        else:
            assert settled is not None
            queues = [QueueId(queue) for queue in settled.queues] or self._queues
        return [q for q in queues if q not in self._queues or agent not in self._queues[q].surge_agents]

    def _able(self, agent: AgentId, queues: Iterable[QueueId]) -> Served:
        """Return those of the queues whose skills he has; of whom nothing is known has them."""
        added, settled = self._added.get(agent), self._settled.get(agent)
        if added is None and settled is None:
            return tuple(queues)
        skills = added.skills if added is not None else settled.skills if settled is not None else {}
        return tuple(q for q in queues if q not in self._queues or _has(skills, self._queues[q].skills))

    def kinds(self) -> tuple[Kind, ...]:
        """Return all people of the house by the queues that are theirs, and how gladly they serve them."""
        order = list(self._queues)
        found: Counter[tuple[Served, tuple[tuple[str, int], ...]]] = Counter()
        for agent in {*self._settled, *self._told}:
            able = self._able(agent, self._own(agent))
            served = tuple(queue for queue in order if queue in able)
            settled = self._settled.get(agent)
            wishes = (
                () if settled is None else tuple(sorted((q, n) for q, n in settled.preference.items() if q in served))
            )
            found[served, wishes] += 1
        return tuple(
            Kind(queues=served, people=people, preference=wishes)
            for (served, wishes), people in sorted(found.items())
            if served
        )

    # --- who is there -------------------------------------------------------------------------------------------------------

    def present(self, queue: QueueId) -> int:
        """Return how many are on duty who serve a queue."""
        return self._count(queue, PRESENT)

    def on_break(self, queue: QueueId) -> int:
        """Return how many are on a break who serve it otherwise."""
        return self._count(queue, ("break",))

    def _count(self, queue: QueueId, states: Container[AgentState]) -> int:
        return sum(a.state in states and queue in self.served(agent) for agent, a in self._told.items())

    def people(self, group: Container[str], *, with_breaks: bool = False) -> tuple[tuple[Served, int], ...]:
        """Return how many are on duty by those queues of a group that they serve; with those who are on a break, if that is said."""
        found: Counter[Served] = Counter()
        for agent, told in self._told.items():
            if told.state in PRESENT or (with_breaks and told.state == "break"):
                found[tuple(queue for queue in self.served(agent) if queue in group)] += 1
        return tuple(sorted((served, people) for served, people in found.items() if served))

    def surges(self, queue: QueueId) -> bool:
        """Return whether agents of other departments serve it at the moment."""
        return queue in self._surge


def _has(skills: Mapping[str, int], asked: Mapping[str, int]) -> bool:
    return all(skills.get(skill, 0) >= level for skill, level in asked.items())


@lru_cache(maxsize=1_024)
def counted(people: tuple[tuple[Served, int], ...], wanted: tuple[tuple[QueueId, int], ...]) -> Mapping[QueueId, int]:
    """Return who counts for each queue that wants somebody, each person once; see `forecast.staffing.crews.divided`."""
    if not people:
        return dict.fromkeys((queue for queue, _ in wanted), 0)
    there = {served: np.array([float(number)]) for served, number in people}
    found = divided(there, {queue: np.array([float(number)]) for queue, number in wanted})
    return {queue: int(numbers[0]) for queue, numbers in found.items()}
