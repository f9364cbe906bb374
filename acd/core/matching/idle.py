"""The idle agents of each queue, in the order in which they are rung. Pure.

An order is a sorted list of ranks. Beside the order of all there is one for each skill that a caller of the queue has asked
for so far: who asks for a skill is held against those who have it and not against everybody. Agents whose phone cannot be
rung now are kept apart, so that nobody walks past them again and again; they are named in explanations only.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice

from acd.core.callers.demand import Needs
from acd.core.callers.ranking import AgentRank
from hotline.ids import AgentId, QueueId


class Order:
    """The idle agents of one queue."""

    def __init__(self) -> None:
        self.free: list[AgentRank] = []
        """Who can be rung, by rank."""
        self.held: list[AgentRank] = []
        """Who is ready, but has a phone that cannot be rung now."""
        self._by_skill: dict[str, list[AgentRank]] = {}

    def enter(self, rank: AgentRank, skills: Iterable[str], *, free: bool) -> None:
        """Take an agent in."""
        if not free:
            insort(self.held, rank)
            return
        insort(self.free, rank)
        if self._by_skill:
            for skill in skills:
                if skill in self._by_skill:
                    insort(self._by_skill[skill], rank)

    def leave(self, rank: AgentRank, skills: Iterable[str]) -> None:
        """Take an agent out who is in."""
        if not _discard(self.free, rank):
            _discard(self.held, rank)
            return
        if self._by_skill:
            for skill in skills:
                if skill in self._by_skill:
                    _discard(self._by_skill[skill], rank)

    def able(self, needs: Needs, skills_of: Mapping[AgentId, Mapping[str, int]]) -> list[AgentRank]:
        """Return the shortest order in which everybody is who has all of the skills; levels are not looked at."""
        best = self.free
        for skill, _ in needs:
            order = self._by_skill.get(skill)
            if order is None:
                order = self._by_skill[skill] = [rank for rank in self.free if skill in skills_of[rank[3]]]
            if len(order) < len(best):
                best = order
        return best

    def before(self, rank: AgentRank, limit: int) -> Iterator[AgentRank]:
        """Return the first `limit` who come before a rank, those who cannot be rung included."""
        held = islice(self.held, min(bisect_left(self.held, rank), limit))
        free = islice(self.free, min(bisect_left(self.free, rank), limit))
        return islice(iter(sorted(chain(held, free))), limit)

    def number(self, rank: AgentRank) -> int:
        """Return how many come before a rank."""
        return bisect_left(self.free, rank) + bisect_left(self.held, rank)


class Idle:
    """The orders of all queues, and who stands in them with which ranks."""

    def __init__(self, queues: Iterable[QueueId]) -> None:
        self._orders = {queue_id: Order() for queue_id in queues}
        self._ranks: dict[AgentId, tuple[Mapping[str, int], list[tuple[Order, AgentRank]]]] = {}

    def __getitem__(self, queue_id: QueueId) -> Order:
        """Return the order of a queue that exists."""
        return self._orders[queue_id]

    def enter(
        self, agent_id: AgentId, skills: Mapping[str, int], ranks: Iterable[tuple[QueueId, AgentRank]], *, free: bool
    ) -> None:
        """Take an agent in, with his rank in each queue; where he stood before he stands no longer."""
        self.leave(agent_id)
        stands = [(self._orders[queue_id], rank) for queue_id, rank in ranks if queue_id in self._orders]
        self._ranks[agent_id] = (skills, stands)
        for order, rank in stands:
            order.enter(rank, skills, free=free)

    def leave(self, agent_id: AgentId) -> None:
        """Take an agent out; nothing happens if he is not in."""
        skills, stands = self._ranks.pop(agent_id, ({}, []))
        for order, rank in stands:
            order.leave(rank, skills)


def from_lot(ranks: list[AgentRank], lot: float) -> Iterator[AgentRank]:
    """Return an order that was drawn by lot, from one lot on, upwards and round; preferred agents first all the same."""
    begin = 0
    while begin < len(ranks):
        preference = ranks[begin][0]
        end = bisect_left(ranks, (preference + 1,))  # a shorter tuple compares well
        middle = bisect_left(ranks, (preference, lot), begin, end)  # as above
        yield from ranks[middle:end]
        yield from ranks[begin:middle]
        begin = end


def _discard(ranks: list[AgentRank], rank: AgentRank) -> bool:
    index = bisect_left(ranks, rank)
    if index < len(ranks) and ranks[index] == rank:
        del ranks[index]
        return True
    return False
