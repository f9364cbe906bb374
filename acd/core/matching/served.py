"""Who served which customer last, for a bounded number of customers; and what of a waiting caller outlives us. Pure.

Customers are kept in buckets, so that what is remembered beyond our death changes by a few kilobytes with each conversation,
however many customers there are.
"""

from collections.abc import Container, Iterable, Mapping
from zlib import crc32

import msgspec

from hotline.ids import AgentId, CallId, NodeId

CUSTOMERS = 20_000
"""Of so many customers it is remembered who served them last."""
BUCKETS = 256

Bucket = dict[str, AgentId]


class ServedBy:
    """Who served which customer last."""

    def __init__(self) -> None:
        self._buckets: dict[int, Bucket] = {}
        self._changed: dict[int, None] = {}

    def get(self, customer: str) -> AgentId | None:
        """Return who served a customer last, or None."""
        return self._buckets.get(_number(customer), {}).get(customer) if customer else None

    def note(self, customer: str, agent_id: AgentId) -> None:
        """Note who served a customer; an empty name is nobody's."""
        if not customer:
            return
        number = _number(customer)
        bucket = self._buckets.setdefault(number, {})
        bucket.pop(customer, None)
        bucket[customer] = agent_id
        while len(bucket) > CUSTOMERS // BUCKETS:
            del bucket[next(iter(bucket))]
        self._changed[number] = None

    def take_changed(self) -> list[tuple[str, Bucket]]:
        """Return the buckets that changed since the last time, by name, to be remembered."""
        changed, self._changed = self._changed, {}
        return [(f"{number:02x}", self._buckets[number]) for number in changed]

    def restore(self, buckets: Iterable[Mapping[str, AgentId]]) -> None:
        """Take up what an earlier life had remembered."""
        for bucket in buckets:
            for customer, agent_id in bucket.items():
                self._buckets.setdefault(_number(customer), {})[customer] = agent_id


def _number(customer: str) -> int:
    return crc32(customer.encode()) % BUCKETS


class Known(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a waiting caller that gives him his place and his agents, and is not kept on his channel."""

    call_id: CallId
    node: NodeId
    name: str = ""
    customer_id: str = ""
    tier: str = ""
    agent_id: AgentId | None = None
    refusals: dict[AgentId, float] = {}
    """Agents who rejected him, and until when each is spared in any case."""


class KnownCallers:
    """What of it is remembered beyond our own death."""

    def __init__(self) -> None:
        self._known: dict[CallId, Known] = {}
        self._changed: dict[CallId, None] = {}

    def note(self, known: Known) -> None:
        """Have this remembered of a caller."""
        if self._known.get(known.call_id) != known:
            self._known[known.call_id] = known
            self._changed[known.call_id] = None
            while len(self._known) > CUSTOMERS:
                self.drop(next(iter(self._known)))

    def get(self, call_id: CallId) -> Known | None:
        """Return what is remembered of a caller, or None."""
        return self._known.get(call_id)

    def drop(self, call_id: CallId) -> None:
        """Forget a caller; nothing happens if nothing is remembered of him."""
        if self._known.pop(call_id, None) is not None:
            self._changed[call_id] = None

    def keep_only(self, node: NodeId, living: Container[CallId]) -> None:
        """Forget the callers of a node who live no more."""
        for known in [k for k in self._known.values() if k.node == node and k.call_id not in living]:
            self.drop(known.call_id)

    def take_changed(self) -> list[tuple[CallId, Known | None]]:
        """Return what changed since the last time, to be remembered; None for those to forget."""
        changed, self._changed = self._changed, {}
        return [(call_id, self._known.get(call_id)) for call_id in changed]
