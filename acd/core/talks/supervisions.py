"""The supervisors who are with a conversation, or whose seats are rung for one: the book. Pure."""

from collections.abc import Container, Iterator

import msgspec

from hotline.facts import SupervisionMode
from hotline.ids import AgentId, CallId, Extension, NodeId, OfferId, SupervisionId


class Supervision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One supervisor's seat and the conversation that it hears. Survives our own death."""

    id: SupervisionId
    call_id: CallId
    offer_id: OfferId
    agent_id: AgentId
    """Who is supervised."""
    node: NodeId
    """Where the call is."""
    extension: Extension
    """The supervisor's seat."""
    mode: SupervisionMode
    by: str
    asked_at: float
    begun: bool = False
    """Whether the supervisor's seat has answered."""
    ending: str = ""
    """Why it was told to end, before it has."""
    changed_by: str = ""
    """Who asked for the mode that it is to have now, before it has it."""
    holds_seat: bool = True
    """Whether the seat is kept free of callers: not once it should have answered long ago and nobody has told what came of it."""


class Supervisions:
    """All that are not over."""

    def __init__(self) -> None:
        self._by_id: dict[SupervisionId, Supervision] = {}
        self._changed: dict[SupervisionId, None] = {}

    def __iter__(self) -> Iterator[Supervision]:
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, supervision_id: SupervisionId) -> Supervision | None:
        """Return a supervision that is not over."""
        return self._by_id.get(supervision_id)

    def of_agent(self, agent_id: AgentId) -> tuple[Supervision, ...]:
        """Return who supervises an agent."""
        return tuple(s for s in self._by_id.values() if s.agent_id == agent_id)

    def of_seat(self, extension: Extension) -> Supervision | None:
        """Return what a seat supervises."""
        return next((s for s in self._by_id.values() if s.extension == extension), None)

    def holds(self, extension: Extension, unseen: Container[NodeId]) -> bool:
        """Return whether a seat is kept free of callers. Where nobody sees the call (`unseen`), or its end is ordered, the phone alone tells."""
        return any(
            s.extension == extension and s.holds_seat and not s.ending and s.node not in unseen
            for s in self._by_id.values()
        )

    def seats_with(self, node: NodeId) -> frozenset[Extension]:
        """Return the seats that hear conversations of a node."""
        return frozenset(s.extension for s in self._by_id.values() if s.node == node)

    def put(self, supervision: Supervision) -> None:
        """Take one in, or what changed of it."""
        self._by_id[supervision.id] = supervision
        self._changed[supervision.id] = None

    def drop(self, supervision: Supervision) -> None:
        """Take one out."""
        self._by_id.pop(supervision.id, None)
        self._changed[supervision.id] = None

    def take_changed(self) -> list[tuple[SupervisionId, Supervision | None]]:
        """Return those that changed since the last time, to be remembered; None for those that are over."""
        changed, self._changed = self._changed, {}
        return [(supervision_id, self._by_id.get(supervision_id)) for supervision_id in changed]
