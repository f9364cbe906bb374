"""The idle agents of each queue, in the order in which they are rung. Pure.

An order is a sorted list of ranks. Beside the order of all there is one for each skill that a caller of the queue has asked
for so far: who asks for a skill is held against those who have it and not against everybody. Agents whose phone cannot be
rung now are kept apart, so that nobody walks past them again and again; they are named in explanations only.

Whoever leaves is mostly the first of the order of all, and somewhere in those of his skills. So the first goes without moving the others
up, and the orders by skill keep those who have left until they are many: `stands` says who is still there.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice

from acd.core.callers.demand import Needs
from acd.core.callers.ranking import AgentRank
from hotline.ids import AgentId, QueueId

SPARE = 32
"""So many who have left may be in a list before it is cleaned."""


class Skilled:
    """Those who have one skill, by rank, and some who have left."""

    __slots__ = ("gone", "ranks")

    def __init__(self, ranks: list[AgentRank]) -> None:
        self.ranks = ranks
        self.gone = 0
        """How many of them have left."""


class Order:
    """The idle agents of one queue."""

    def __init__(self) -> None:
        self._free: list[AgentRank] = []
        """Who can be rung, by rank, from `_start` on."""
        self._start = 0
        self.held: list[AgentRank] = []
        """Who is ready, but has a phone that cannot be rung now."""
        self._stands: dict[AgentId, AgentRank] = {}
        """The ranks of those who can be rung."""
        self._by_skill: dict[str, Skilled] = {}

    def enter(self, rank: AgentRank, skills: Iterable[str], *, free: bool) -> None:
        """Take an agent in."""
        if not free:
            insort(self.held, rank)
            return
        self._stands[rank[3]] = rank
        _put(self._free, rank, self._start)
        if self._by_skill:
            for skill in skills:
                skilled = self._by_skill.get(skill)
                if skilled is not None:
                    _put(skilled.ranks, rank)

    def leave(self, rank: AgentRank, skills: Iterable[str]) -> None:
        """Take an agent out who is in."""
        if self._stands.get(rank[3]) is not rank:
            _discard(self.held, rank)
            return
        del self._stands[rank[3]]
        if self._free[self._start] is rank:
            self._start += 1
            if self._start > SPARE:
                del self._free[: self._start]
                self._start = 0
        else:
            _discard(self._free, rank, self._start)
        if self._by_skill:
            for skill in skills:
                skilled = self._by_skill.get(skill)
                if skilled is not None:
                    self._miss(skilled)

    def _miss(self, skilled: Skilled) -> None:
        """One of those with a skill has left."""
        skilled.gone += 1
        if skilled.gone > SPARE and skilled.gone * 2 > len(skilled.ranks):
            skilled.ranks = [rank for rank in skilled.ranks if self.stands(rank)]
            skilled.gone = 0

    def stands(self, rank: AgentRank) -> bool:
        """Return whether this rank of an order is still that of an agent who can be rung."""
        return self._stands.get(rank[3]) is rank

    def able(self, needs: Needs, skills_of: Mapping[AgentId, Mapping[str, int]]) -> list[AgentRank]:
        """Return the shortest order in which everybody is who has all of the skills; levels are not looked at.

        There are some in it who do not stand there any more.
        """
        best: Skilled | None = None
        for skill, _ in needs:
            skilled = self._by_skill.get(skill)
            if skilled is None:
                ranks = [rank for rank in self._free[self._start :] if skill in skills_of[rank[3]]]
                skilled = self._by_skill[skill] = Skilled(ranks)
            if best is None or len(skilled.ranks) - skilled.gone < len(best.ranks) - best.gone:
                best = skilled
        if best is None:
            del self._free[: self._start]
            self._start = 0
            return self._free
        if best.gone:
            self._trim(best)
        return best.ranks

    def _trim(self, skilled: Skilled) -> None:
        """Remove those who have left from the beginning."""
        stands, gone = self._stands, 0
        for rank in skilled.ranks:
            if stands.get(rank[3]) is rank:
                break
            gone += 1
        if gone:
            del skilled.ranks[:gone]
            skilled.gone -= gone

    def before(self, rank: AgentRank, limit: int) -> Iterator[AgentRank]:
        """Return the first `limit` who come before a rank, those who cannot be rung included."""
        held = islice(self.held, min(bisect_left(self.held, rank), limit))
        start = self._start
        free = islice(self._free, start, min(bisect_left(self._free, rank, start), start + limit))
        return islice(iter(sorted(chain(held, free))), limit)

    def number(self, rank: AgentRank) -> int:
        """Return how many come before a rank."""
        free, start = self._free, self._start
        before = 0 if start < len(free) and free[start] is rank else bisect_left(free, rank, start) - start
        return before + bisect_left(self.held, rank)


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


def _put(ranks: list[AgentRank], rank: AgentRank, start: int = 0) -> None:
    """Put a rank at its place, which is mostly the last."""
    if len(ranks) == start or ranks[-1] < rank:
        ranks.append(rank)
    else:
        insort(ranks, rank, start)


def _discard(ranks: list[AgentRank], rank: AgentRank, start: int = 0) -> None:
    index = bisect_left(ranks, rank, start)
    if index < len(ranks) and ranks[index] == rank:
        del ranks[index]
