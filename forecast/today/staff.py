"""Who is on duty for each queue, folded from the agents' facts. Pure, bounded.

**Present** are those who take calls now or will without anybody's help; whoever is on a break is logged in, but not present.
"""

from collections.abc import Iterable

from hotline.facts import AgentState, AgentStateChanged, SurgeSwitched
from hotline.ids import AgentId, QueueId

PRESENT: frozenset[AgentState] = frozenset({"ready", "reserved", "ringing", "talking", "holding", "wrap_up", "rest"})
"""The states of `acd.core.agents.states.ON_DUTY`; a test sees to it that they are the same."""
AGENTS_MAX = 10_000


class Staff:
    """All agents, by what was told of them."""

    def __init__(self) -> None:
        self._agents: dict[AgentId, AgentStateChanged] = {}
        self._surge: set[QueueId] = set()

    def take(self, fact: AgentStateChanged | SurgeSwitched) -> None:
        """Note a change; one that comes late or twice changes nothing."""
        if isinstance(fact, SurgeSwitched):
            (self._surge.add if fact.on else self._surge.discard)(fact.queue_id)
            return
        known = self._agents.get(fact.agent_id)
        if known is None and len(self._agents) >= AGENTS_MAX:
            return
        if known is None or known.at <= fact.at:
            self._agents[fact.agent_id] = fact

    def learn(self, states: Iterable[AgentStateChanged]) -> None:
        """Note states that the journal has."""
        for fact in states:
            self.take(fact)

    @property
    def known(self) -> bool:
        """Whether anything was told of anybody."""
        return bool(self._agents)

    def present(self, queue: QueueId) -> int:
        """Return how many are on duty for a queue."""
        return sum(a.state in PRESENT and queue in a.queues for a in self._agents.values())

    def serves(self, agent: str, queue: QueueId) -> bool | None:
        """Return whether an agent serves a queue; None: nothing was told of him."""
        known = self._agents.get(AgentId(agent))
        return None if known is None else queue in known.queues

    def on_break(self, queue: QueueId) -> int:
        """Return how many are on a break who serve it otherwise."""
        return sum(a.state == "break" and queue in a.queues for a in self._agents.values())

    def surges(self, queue: QueueId) -> bool:
        """Return whether agents of other departments serve it at the moment."""
        return queue in self._surge
