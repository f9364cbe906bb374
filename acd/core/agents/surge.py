"""Which queues agents of other departments serve at the moment: the book of surge mode. Pure.

A queue names such agents (`surge_agents`). They serve it only while surge is on, whatever queues they serve besides.
"""

from collections.abc import Mapping

import msgspec

from hotline.ids import AgentId, QueueId


class Surge(msgspec.Struct, frozen=True, kw_only=True):
    """Surge mode of one queue, while it is on. Survives our own death."""

    queue_id: QueueId
    by: str
    """Who switched it on."""
    since: float


class Surges:
    """Who can be called in where, and where surge is on."""

    def __init__(self, called: Mapping[QueueId, tuple[AgentId, ...]]) -> None:
        self._called = {queue_id: agents for queue_id, agents in called.items() if agents}
        self._by_agent: dict[AgentId, tuple[QueueId, ...]] = {}
        for queue_id, agents in self._called.items():
            for agent_id in agents:
                self._by_agent[agent_id] = (*self._by_agent.get(agent_id, ()), queue_id)
        self.can_be_on = bool(self._called)
        """Whether anybody can be called in anywhere."""
        self._on: dict[QueueId, Surge] = {}
        self._changed: dict[QueueId, None] = {}

    def agents_of(self, queue_id: QueueId) -> tuple[AgentId, ...]:
        """Return the agents whom a queue can call in."""
        return self._called.get(queue_id, ())

    def at(self, queue_id: QueueId) -> Surge | None:
        """Return the surge mode of a queue; None while it is off."""
        return self._on.get(queue_id)

    def queues(self, agent_id: AgentId, own: tuple[QueueId, ...]) -> tuple[QueueId, ...]:
        """Return the queues that an agent serves now who otherwise serves `own`."""
        called = self._by_agent.get(agent_id)
        if called is None:
            return own
        joined = tuple(q for q in called if q in self._on and q not in own)
        return tuple(q for q in own if q not in called or q in self._on) + joined

    def switch(self, queue_id: QueueId, surge: Surge | None) -> None:
        """Switch surge on, or off (None)."""
        self._changed[queue_id] = None
        if surge is None:
            self._on.pop(queue_id, None)
        else:
            self._on[queue_id] = surge

    def take_changed(self) -> list[tuple[QueueId, Surge | None]]:
        """Return what changed since the last time, to be remembered; None for what to forget."""
        changed, self._changed = self._changed, {}
        return [(queue_id, self._on.get(queue_id)) for queue_id in changed]
