"""The line: every waiting caller, in order, and whether he can be offered to an agent now. Pure.

A caller keeps his place from the moment he enters until he leaves: ringing an agent for him does not move him. How a free agent's
first caller is found among many is `heads`'s.
"""

from bisect import insort
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from acd.core.callers.demand import Needs, Tokens, Wish
from acd.core.callers.heads import Alike, Heads, discard
from acd.core.callers.ranking import CallerRank
from acd.core.offers.book import Offer
from hotline.facts import CallQueued
from hotline.ids import AgentId, CallId, NodeId, OfferId, QueueId

Whereabouts = Literal["here", "ringing", "returning", "paused"]
"""`here`: in our hands. `ringing`: an agent's phone rings for him. `returning`: that ring is over, he is on his way back.
`paused`: a ring could not be sent; he is tried again in a moment."""

Demand = tuple[QueueId, Needs]
"""What a caller asks for: a queue, and skills with levels in alphabetical order."""


class Caller(msgspec.Struct, kw_only=True, gc=False):
    """One waiting caller as the router sees him."""

    call_id: CallId
    node: NodeId
    queue_id: QueueId
    entered_at: float
    priority: int
    rank: CallerRank
    needs: Needs = ()
    """What an agent must have now, with what his queue asks for."""
    relaxed: int = 0
    """How many steps of relaxation he has reached."""
    tier: str = ""
    """What kind of customer he is."""
    wanted_agent: AgentId | None = None
    """The agent whom he is kept for."""
    wanted_until: float = 0.0
    not_taken: bool = False
    """Whether the agent whom he was handed on to is left no more time, but for a ring that goes on; he is never kept for him again."""
    outgoing: bool = False
    """Whether he is to be called (see `acd.callbacks`): he is nobody's caller yet."""
    dialled: bool = False
    """Of such a one: whether his call is made already, ahead of his turn."""
    whereabouts: Whereabouts = "here"
    confirmed: bool = True
    """Whether the last snapshot of his node, or a word from it since, showed that he is there."""
    there_since: float = 0.0
    """Of one whom we call: since when he is known to be there; `entered_at` is when we asked for his call."""
    doubted: bool = False
    """Whether he was told of so late that he may be elsewhere by now: only a survey, which tells where he is, can show him."""
    since: float | None = None
    """Since when he waits, if that is longer than in this line (see `CallQueued.since`)."""
    before: tuple[QueueId, ...] = ()
    """The queues that let him out to others, oldest first."""
    asked: CallQueued | None = None
    """With what he joined the line."""
    looked_at: bool = False
    """Whether he was held against the rules of overflow since he joined this line."""
    overdue: bool = False
    """Whether he is to be held against them as soon as he is in our hands again."""
    to_hear: str = ""
    """The announcement that he hears then."""
    available_since: float = 0.0
    """Since when he could have been offered."""
    away: OfferId | None = None
    """The offer that he is ringing under, or returning from."""
    offer: Offer | None = None
    """The record of that offer, if we have it; of several that ring at once, the first."""
    ring: tuple[Offer, ...] = ()
    """The records of all that rang or ring with it."""
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
    def waits_since(self) -> float:
        """Since when he waits in all: what his place goes by."""
        return self.entered_at if self.since is None else self.since

    @property
    def skills(self) -> tuple[str, ...]:
        """The skills that an agent must have now, in alphabetical order."""
        return tuple(skill for skill, _ in self.needs)

    @property
    def demand(self) -> Demand:
        """What he asks for."""
        return (self.queue_id, self.needs)

    @property
    def wish(self) -> Wish:
        """What he asks of agents now."""
        return Wish(self.queue_id, self.needs, self.barred, self.refusals, self.wanted_agent, self.wanted_until)

    @property
    def is_choosy(self) -> bool:
        """Whether not every agent who is able may be rung for him."""
        return bool(self.refusals) or self.wanted_agent is not None or self.outgoing


class Line:
    """All waiting callers. Everybody stands in the order of his queue, and in that of his demand while he can be offered."""

    def __init__(self) -> None:
        self._callers: dict[CallId, Caller] = {}
        self._order: dict[QueueId, list[CallerRank]] = {}
        self._heads: dict[QueueId, Heads] = {}
        self._offerable: dict[CallId, Alike] = {}
        """Who can be offered, and among whom he stands there."""
        self._kept: dict[AgentId, dict[CallId, None]] = {}
        self._choosy: dict[CallId, None] = {}

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
        if caller.wanted_agent is not None:
            self.keep_for(caller, None)
        self._choosy.pop(caller.call_id, None)
        discard(self._order[caller.queue_id], caller.rank)
        del self._callers[caller.call_id]

    def re_rank(self, caller: Caller, rank: CallerRank, needs: Needs) -> None:
        """Let a caller stand at another place of his queue, or ask for something else."""
        offerable = self.is_offerable(caller)
        self.set_offerable(caller, False)
        discard(self._order[caller.queue_id], caller.rank)
        caller.rank, caller.needs = rank, needs
        insort(self._order[caller.queue_id], rank)
        self.set_offerable(caller, offerable)

    def is_offerable(self, caller: Caller) -> bool:
        """Return whether a caller is among those who can be offered."""
        return caller.call_id in self._offerable

    def set_offerable(self, caller: Caller, offerable: bool) -> bool:
        """Put a caller among those who can be offered now, or take him out; return whether that changed anything."""
        call_id = caller.call_id
        if offerable == (call_id in self._offerable):
            return False
        heads = self._heads.get(caller.queue_id)
        if heads is None:
            heads = self._heads[caller.queue_id] = Heads(caller.queue_id)
        if offerable:
            self._offerable[call_id] = heads.put(caller.rank, caller.needs)
        else:
            heads.drop(caller.rank, self._offerable.pop(call_id))
        return True

    def offerable(self, queue_id: QueueId) -> int:
        """Return how many callers of a queue can be offered now."""
        heads = self._heads.get(queue_id)
        return heads.size if heads is not None else 0

    def all_offerable(self) -> Iterator[Caller]:
        """Return everybody who can be offered now."""
        return (self._callers[call_id] for call_id in self._offerable)

    def first(self, queue_id: QueueId, has: Tokens, fits: Callable[[Caller], bool]) -> Caller | None:
        """Return the first caller of a queue who can be offered to an agent who has `has`, and fits him."""
        heads = self._heads.get(queue_id)
        if heads is None or not heads.size:
            return None
        callers = self._callers
        found = heads.first(has, callers, fits)
        return callers[found] if found is not None else None

    def wish_of(self, caller: Caller) -> Wish:
        """Return what a caller asks of agents now: of one who can be offered and is not choosy, what all ask who ask the same."""
        alike = self._offerable.get(caller.call_id)
        return caller.wish if alike is None or caller.is_choosy else alike.wish

    def before(self, caller: Caller, limit: int) -> tuple[tuple[CallId, Wish], ...]:
        """Return the first of each demand in a caller's queue with his wish, as far as they rank before him; `limit` of them at most."""
        heads = self._heads.get(caller.queue_id)
        if heads is None:
            return ()
        first = heads.before(caller.rank, limit)
        if not first:
            return ()
        found = [(call_id, alike.wish) for _, _, call_id, alike in first]
        if self._choosy:
            found = [
                (call_id, self._callers[call_id].wish if call_id in self._choosy else wish) for call_id, wish in found
            ]
        return tuple(found)

    def keep_for(self, caller: Caller, agent_id: AgentId | None) -> None:
        """Keep a caller for one agent, or for nobody any more."""
        if caller.wanted_agent is not None:
            kept = self._kept.get(caller.wanted_agent, {})
            kept.pop(caller.call_id, None)
            if not kept:
                self._kept.pop(caller.wanted_agent, None)
        caller.wanted_agent = agent_id
        if agent_id is not None:
            self._kept.setdefault(agent_id, {})[caller.call_id] = None
        self.note_choosy(caller)

    @property
    def keeps_callers(self) -> bool:
        """Whether anybody is kept for one agent."""
        return bool(self._kept)

    def kept_for(self, agent_id: AgentId) -> Iterator[Caller]:
        """Return the callers who can be offered and are kept for an agent."""
        kept = self._kept.get(agent_id)
        return (self._callers[call_id] for call_id in kept if call_id in self._offerable) if kept else iter(())

    def note_choosy(self, caller: Caller) -> None:
        """Note whether not every agent may be rung for a caller: he is to be judged anew when agents come or go."""
        if caller.is_choosy:
            self._choosy[caller.call_id] = None
        else:
            self._choosy.pop(caller.call_id, None)

    def choosy(self) -> list[Caller]:
        """Return everybody for whom not every agent may be rung."""
        return [self._callers[call_id] for call_id in self._choosy]
