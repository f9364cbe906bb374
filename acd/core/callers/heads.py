"""The callers of one queue who can be offered, so ordered that a free agent's first one is found quickly. Pure.

Callers who ask the same (skills with levels) wait in one order, and the heads of these orders stand in order too: a free agent is
held against one head after the other until one suits him, and not against every caller.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from typing import TypeVar

from acd.core.callers.demand import Needs, Tokens, Wish
from acd.core.callers.ranking import CallerRank
from hotline.ids import CallId, QueueId

C = TypeVar("C")
"""What a caller is to who asks."""

EMPTY = 1_000
"""So many orders in which nobody stands are kept for those who will ask the same; then all such are forgotten."""


class Alike:
    """The callers of one queue who can be offered and ask the same, by rank."""

    __slots__ = ("needs", "ranks", "wish")

    def __init__(self, queue_id: QueueId, needs: Needs) -> None:
        self.ranks: list[CallerRank] = []
        self.needs: Tokens = frozenset(needs)
        self.wish = Wish(queue_id, needs)
        """What each of them asks of agents who is not choosy."""


Head = tuple[float, float, CallId, Alike]
"""The rank of the first of those who ask the same, and all of them."""


class Heads:
    """The callers of one queue who can be offered: an order for each demand, and the first of each order, in order."""

    def __init__(self, queue_id: QueueId) -> None:
        self._queue_id = queue_id
        self._alike: dict[Needs, Alike] = {}
        """Also those in which nobody stands now: where agents wait for callers, each is the only one in his order, and gone at once."""
        self._heads: list[Head] = []
        self.size = 0

    def before(self, rank: CallerRank, limit: int) -> list[Head]:
        """Return the heads that come before a rank, `limit` of them at most."""
        found = self._heads[:limit]
        while found and found[-1] >= rank:
            found.pop()
        return found

    def put(self, rank: CallerRank, needs: Needs) -> Alike:
        """Take a caller in; return those among whom he stands."""
        self.size += 1
        alike = self._alike_of(needs)
        ranks = alike.ranks
        insort(ranks, rank)
        if ranks[0] is rank:
            if len(ranks) > 1:
                self._behead(ranks[1])
            insort(self._heads, (*rank, alike))
        return alike

    def drop(self, rank: CallerRank, alike: Alike) -> None:
        """Take a caller out who stands among these."""
        self.size -= 1
        ranks = alike.ranks
        if ranks[0] != rank:
            discard(ranks, rank)
            return
        del ranks[0]
        self._behead(rank)
        if ranks:
            insort(self._heads, (*ranks[0], alike))

    def _alike_of(self, needs: Needs) -> Alike:
        alike = self._alike.get(needs)
        if alike is None:
            if len(self._alike) - len(self._heads) >= EMPTY:
                self._alike = {asked: found for asked, found in self._alike.items() if found.ranks}
            alike = self._alike[needs] = Alike(self._queue_id, needs)
        return alike

    def _behead(self, rank: CallerRank) -> None:
        del self._heads[bisect_left(self._heads, rank)]  # a shorter tuple compares well

    def first(self, has: Tokens, callers: Mapping[CallId, C], fits: Callable[[C], bool]) -> CallId | None:
        """Return the best-ranked caller who asks for no more than an agent has, and who fits him."""
        best: CallerRank | None = None
        for head in self._heads:
            if best is not None and best < head:
                break
            alike = head[3]
            if alike.needs <= has:
                for rank in alike.ranks:
                    if fits(callers[rank[2]]):
                        best = rank if best is None or rank < best else best
                        break
        return best[2] if best is not None else None


def discard(ranks: list[CallerRank], rank: CallerRank) -> None:
    """Take a rank out of an order; nothing happens if it is not in."""
    index = bisect_left(ranks, rank)
    if index < len(ranks) and ranks[index] == rank:
        del ranks[index]
