"""The idle agents of each queue, in the order in which they are rung. Pure.

An order is a sorted list of ranks. While more than `FEW` agents are idle, there is beside the order of all one for each skill that
a caller of the queue has asked for: who asks for a skill is held against those who have it and not against everybody. Agents whose
phone cannot be rung now are kept apart, so that nobody walks past them again and again; they are named in explanations only.

Whoever leaves is mostly among the first of the order of all, and somewhere in those of his skills. So he is looked for at the beginning,
and the few before him move back by one instead of all others moving up; the orders by skill keep those who have left until they are
many: `stands` says who is still there.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from acd.core.callers.demand import Needs
from acd.core.callers.ranking import AgentRank
from hotline.ids import AgentId, QueueId

FEW = 16
"""So many are looked through one by one."""
NEAR = 64
"""So many from the beginning who leaves is mostly found among them."""
SPARE = 32
"""So many who have left may be in a list before it is cleaned."""


class Skilled:
    """Those who have one skill, by rank, and some who have left."""

    __slots__ = ("gone", "ranks", "start")

    def __init__(self, ranks: list[AgentRank]) -> None:
        self.ranks = ranks
        self.start = 0
        """All before it have left."""
        self.gone = 0
        """How many have left, from there on."""

    def __len__(self) -> int:
        return len(self.ranks) - self.start - self.gone


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
        """Empty from the moment that nobody is idle until there are many again."""

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
                    _put(skilled.ranks, rank, skilled.start)

    def leave(self, rank: AgentRank, skills: Iterable[str]) -> None:
        """Take an agent out who is in."""
        if self._stands.get(rank[3]) is not rank:
            _discard(self.held, rank)
            return
        del self._stands[rank[3]]
        self._take_from_free(rank)
        if not self._stands:
            self._by_skill.clear()
        by_skill = self._by_skill
        if by_skill:
            for skill in skills:
                skilled = by_skill.get(skill)
                if skilled is not None:
                    skilled.gone += 1
                    if skilled.gone > SPARE and skilled.gone > len(skilled):
                        self._clean(skilled)

    def _take_from_free(self, rank: AgentRank) -> None:
        free, start, index = self._free, self._start, self._index(rank)
        if index - start > NEAR:
            del free[index]
            return
        if index > start:
            free[start + 1 : index + 1] = free[start:index]
        self._start += 1
        if self._start > SPARE:
            del free[: self._start]
            self._start = 0

    def _index(self, rank: AgentRank) -> int:
        """Return where a rank stands in the order of all, or would."""
        free, start = self._free, self._start
        try:
            return free.index(rank, start, start + NEAR)
        except ValueError:  # it is further back, or not in it
            return bisect_left(free, rank, start)

    def _clean(self, skilled: Skilled) -> None:
        skilled.ranks = [rank for rank in skilled.ranks if self.stands(rank)]
        skilled.start = skilled.gone = 0

    def __len__(self) -> int:
        return len(self._stands)

    def stands(self, rank: AgentRank) -> bool:
        """Return whether this rank of an order is still that of an agent who can be rung."""
        return self._stands.get(rank[3]) is rank

    def rank_of(self, agent_id: AgentId) -> AgentRank | None:
        """Return the rank with which an agent stands there who can be rung, or None."""
        return self._stands.get(agent_id)

    def able(self, needs: Needs, skills_of: Mapping[AgentId, Mapping[str, int]]) -> tuple[list[AgentRank], int]:
        """Return an order in which everybody is who has all of the skills, and where it begins: the shortest, unless only few are idle.

        There may be some in it who lack a skill or do not stand there any more; levels are not looked at.
        """
        if len(self._stands) <= FEW:
            return self._free, self._start
        best: Skilled | None = None
        for skill, _ in needs:
            skilled = self._by_skill.get(skill)
            if skilled is None:
                ranks = [rank for rank in self._free[self._start :] if skill in skills_of[rank[3]]]
                skilled = self._by_skill[skill] = Skilled(ranks)
            if best is None or len(skilled) < len(best):
                best = skilled
        if best is None:
            return self._free, self._start
        if best.gone:
            self._trim(best)
        return best.ranks, best.start

    def _trim(self, skilled: Skilled) -> None:
        """Leave out those at the beginning who have left."""
        ranks, start, stands = skilled.ranks, skilled.start, self._stands
        for rank in islice(ranks, start, None):
            if stands.get(rank[3]) is rank:
                break
            start += 1
        skilled.gone -= start - skilled.start
        skilled.start = start
        if start > SPARE:
            del ranks[:start]
            skilled.start = 0

    def before(self, rank: AgentRank, limit: int) -> tuple[int, list[AgentRank]]:
        """Return how many come before a rank, and the first `limit` of them, those who cannot be rung included."""
        start, end = self._start, self._index(rank)
        first = self._free[start : min(end, start + limit)]
        if not self.held:
            return end - start, first
        held = bisect_left(self.held, rank)
        return end - start + held, sorted(first + self.held[: min(held, limit)])[:limit]


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
        if agent_id in self._ranks:
            self.leave(agent_id)
        stands = [(self._orders[queue_id], rank) for queue_id, rank in ranks]
        self._ranks[agent_id] = (skills, stands)
        for order, rank in stands:
            order.enter(rank, skills, free=free)

    def leave(self, agent_id: AgentId) -> None:
        """Take an agent out; nothing happens if he is not in."""
        stood = self._ranks.pop(agent_id, None)
        if stood is not None:
            skills, stands = stood
            for order, rank in stands:
                order.leave(rank, skills)


def from_lot(ranks: list[AgentRank], begin: int, lot: float) -> Iterator[AgentRank]:
    """Return an order that was drawn by lot, from one lot on, upwards and round; preferred agents first all the same."""
    while begin < len(ranks):
        preference = ranks[begin][0]
        end = bisect_left(ranks, (preference + 1,), begin)  # a shorter tuple compares well
        middle = bisect_left(ranks, (preference, lot), begin, end)  # as above
        yield from ranks[middle:end]
        yield from ranks[begin:middle]
        begin = end


def _put(ranks: list[AgentRank], rank: AgentRank, start: int) -> None:
    """Put a rank at its place from `start` on, which is mostly the last."""
    if ranks and rank < ranks[-1]:
        insort(ranks, rank, start)
    else:
        ranks.append(rank)


def _discard(ranks: list[AgentRank], rank: AgentRank) -> None:
    index = bisect_left(ranks, rank)
    if index < len(ranks) and ranks[index] == rank:
        del ranks[index]
