"""The line: every waiting caller, in order, and whether he can be offered to an agent now. Pure.

A caller keeps his place from the moment he enters until he leaves: ringing an agent for him does not move him. Callers who
ask the same (queue and skills) wait in one order, so that a free agent is held against the heads of a few orders and not
against every caller.
"""

from bisect import bisect_left, insort
from collections.abc import Container, Iterator
from typing import Literal

import msgspec

from acd.core.offers import Offer
from acd.core.ranking import CallerRank
from hotline.ids import AgentId, CallId, NodeId, OfferId, QueueId

Whereabouts = Literal["here", "ringing", "returning", "paused"]
"""`here`: in our hands. `ringing`: an agent's phone rings for him. `returning`: that ring is over, he is on his way back.
`paused`: a ring could not be sent; he is tried again in a moment."""

Demand = tuple[QueueId, tuple[str, ...]]
"""What a caller asks for: a queue, and skills in alphabetical order."""


class Caller(msgspec.Struct, kw_only=True):
    """One waiting caller as the router sees him."""

    call_id: CallId
    node: NodeId
    queue_id: QueueId
    entered_at: float
    priority: int
    rank: CallerRank
    skills: tuple[str, ...] = ()
    """All skills that the agent must have, those of the queue included, in alphabetical order."""
    whereabouts: Whereabouts = "here"
    confirmed: bool = True
    """Whether the last snapshot of his node, or a word from it since, showed that he is there."""
    doubted: bool = False
    """Whether he was told of so late that he may be elsewhere by now: only a survey, which tells where he is, can show him."""
    available_since: float = 0.0
    """Since when he could have been offered."""
    away: OfferId | None = None
    """The offer that he is ringing under, or returning from."""
    offer: Offer | None = None
    """The record of that offer, if we have it."""
    offers_made: int = 0
    refused_rings: int = 0
    """Ring commands in a row that the network refused."""
    recalls: int = 0
    """How often we asked for him back since the last offer."""
    refusals: dict[AgentId, float] = {}
    """Agents who rejected him, and until when each is spared in any case."""
    barred: frozenset[AgentId] = frozenset()
    """Those of them who are not rung for him now."""

    @property
    def demand(self) -> Demand:
        """What he asks for."""
        return (self.queue_id, self.skills)


class Line:
    """All waiting callers. Everybody stands in the order of his queue, and in that of his demand while he can be offered."""

    def __init__(self) -> None:
        self._callers: dict[CallId, Caller] = {}
        self._order: dict[QueueId, list[CallerRank]] = {}
        self._offerable: dict[QueueId, dict[Demand, list[CallerRank]]] = {}

    def __iter__(self) -> Iterator[Caller]:
        return iter(self._callers.values())

    def __len__(self) -> int:
        return len(self._callers)

    def get(self, call_id: CallId) -> Caller | None:
        """Return a waiting caller, or None."""
        return self._callers.get(call_id)

    def length(self, queue_id: QueueId) -> int:
        """Return how many callers wait in a queue, those being rung for too."""
        return len(self._order.get(queue_id, ()))

    def waiting(self, queue_id: QueueId) -> Iterator[Caller]:
        """Return the callers of a queue in their order."""
        return (self._callers[rank[2]] for rank in self._order.get(queue_id, ()))

    def add(self, caller: Caller) -> None:
        """Put a caller at his place. He cannot be offered before `set_offerable`."""
        self._callers[caller.call_id] = caller
        insort(self._order.setdefault(caller.queue_id, []), caller.rank)

    def remove(self, caller: Caller) -> None:
        """Take a caller out."""
        self.set_offerable(caller, False)
        _discard(self._order[caller.queue_id], caller.rank)
        del self._callers[caller.call_id]

    def is_offerable(self, caller: Caller) -> bool:
        """Return whether a caller is among those who can be offered."""
        ranks = self._offerable.get(caller.queue_id, {}).get(caller.demand, [])
        return _holds(ranks, caller.rank)

    def set_offerable(self, caller: Caller, offerable: bool) -> None:
        """Put a caller among those who can be offered now, or take him out."""
        demands = self._offerable.setdefault(caller.queue_id, {})
        ranks = demands.setdefault(caller.demand, [])
        _discard(ranks, caller.rank)
        if offerable:
            insort(ranks, caller.rank)
        elif not ranks:
            del demands[caller.demand]

    def orders(self, queue_id: QueueId, skills: Container[str] | None = None) -> Iterator[Iterator[Caller]]:
        """Return the callers of a queue who can be offered, each demand by itself, first come first.

        With `skills`, only the demands that these satisfy.
        """
        for (_, needed), ranks in self._offerable.get(queue_id, {}).items():
            if skills is None or all(skill in skills for skill in needed):
                yield (self._callers[rank[2]] for rank in ranks)


def _holds(ranks: list[CallerRank], rank: CallerRank) -> bool:
    index = bisect_left(ranks, rank)
    return index < len(ranks) and ranks[index] == rank


def _discard(ranks: list[CallerRank], rank: CallerRank) -> None:
    index = bisect_left(ranks, rank)
    if index < len(ranks) and ranks[index] == rank:
        del ranks[index]
