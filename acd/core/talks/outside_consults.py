"""The books of consults with numbers outside. Pure; what happens with them is `acd.core.talks.outside`."""

import msgspec

from hotline.ids import CallId, NodeId, OfferId


class OutsideConsult(msgspec.Struct, kw_only=True):
    """An agent asks somebody outside about his caller. Nobody of ours is reserved by it; its id is that of an offer all the same."""

    offer_id: OfferId
    call_id: CallId
    asked_by: OfferId
    """The offer of the agent who asks."""
    node: NodeId
    made_at: float
    answered: bool = False
    completed: bool = False
    """Whether the caller was handed on by it: the call to the outside lives on without an agent."""
    restored: bool = False
    """Whether it comes from before our own death and the phone network has not confirmed it yet."""


class OutsideConsults:
    """Those that live, at most one of each call. Remembered, so that each is told to be over, also when nobody saw it end."""

    def __init__(self) -> None:
        self._by_call: dict[CallId, OutsideConsult] = {}
        self._changed: dict[CallId, None] = {}

    def __len__(self) -> int:
        return len(self._by_call)

    def put(self, consult: OutsideConsult) -> None:
        """Take one in, or what changed of it."""
        self._by_call[consult.call_id] = consult
        self._changed[consult.call_id] = None

    def of_call(self, call_id: CallId) -> OutsideConsult | None:
        """Return that of a call, or None."""
        return self._by_call.get(call_id)

    def of_node(self, node: NodeId) -> list[OutsideConsult]:
        """Return those of a node."""
        return [consult for consult in self._by_call.values() if consult.node == node]

    def drop(self, call_id: CallId) -> None:
        """Forget that of a call."""
        self._by_call.pop(call_id, None)
        self._changed[call_id] = None

    def take_changed(self) -> list[tuple[CallId, OutsideConsult | None]]:
        """Return those that changed since the last time, to be remembered; None for those that are over."""
        changed, self._changed = self._changed, {}
        return [(call_id, self._by_call.get(call_id)) for call_id in changed]
