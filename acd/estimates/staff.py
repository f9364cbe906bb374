"""A look at the floor: who serves each queue and what he does, and who waits. Pure.

Taken when an estimate is asked for and kept for a moment; nothing of it is worked out when callers are matched. One pass over the
agents groups those of whom the same is known, so that a queue with a thousand agents costs as little as one with ten.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from acd.core.agents.states import ON_DUTY
from acd.core.callers.ranking import CallerRank, caller_rank
from hotline.ids import AgentId, CallId, QueueId

if TYPE_CHECKING:
    from acd.core.agents.roster import Agent, Profile
    from acd.core.floor import Floor

Doing = Literal["idle", "taken", "busy", "timed"]
"""`idle`: could be rung. `taken`: a phone rings for a caller who still stands in the line. `busy`: talks or finishes
up. `timed`: wraps up or rests until a time that is known."""
STEP = 1.5
"""Agents whose elapsed (or remaining) times differ by less than this factor are taken together."""
_LAST = CallId("~")
SECONDS_PER_AGENT = 0.0005
"""How long a look is kept, for each agent there is: so it never takes more than about a hundredth of the time."""


class Group(NamedTuple):
    """What is the same for some agents."""

    queues: tuple[QueueId, ...]
    """That they serve and have the skills for."""
    doing: Doing
    serving: QueueId | None
    """The queue whose caller they are busy with, as far as it is known."""
    step: int
    """Of the time elapsed, or remaining."""


class Look:
    """The floor at one moment."""

    def __init__(
        self, floor: "Floor", serving: Mapping[AgentId, tuple[QueueId, float]], abilities: "Abilities", now: float
    ) -> None:
        self.at = now
        self.lasts_s = len(floor.agents) * SECONDS_PER_AGENT
        self.groups: Counter[Group] = Counter()
        self.ranks: dict[QueueId, list[CallerRank]] = {}
        self.here: Counter[QueueId] = Counter()
        """Callers who wait and are not being rung for."""
        self.staff: Counter[QueueId] = Counter()
        """Agents on duty who have the skills of the queue."""
        for agent in floor.agents:
            if agent.state in ON_DUTY:
                self.groups[_group(abilities.of(floor, agent), agent, serving.get(agent.id), now)] += 1
        for group, number in self.groups.items():
            for queue_id in group.queues:
                self.staff[queue_id] += number
        self._shared: dict[tuple[QueueId, QueueId], float] = {}
        for caller in floor.line:
            self.here[caller.queue_id] += caller.whereabouts == "here"

    def order(self, floor: "Floor", queue_id: QueueId) -> list[CallerRank]:
        """Return the ranks of those who wait in a queue, first come first."""
        found = self.ranks.get(queue_id)
        if found is None:
            found = self.ranks[queue_id] = [caller.rank for caller in floor.line.waiting(queue_id)]
        return found

    def shared(self, other: QueueId, queue_id: QueueId) -> float:
        """Return which share of the agents of `other` serves `queue_id` too."""
        found = self._shared.get((other, queue_id))
        if found is None:
            both = sum(n for group, n in self.groups.items() if other in group.queues and queue_id in group.queues)
            found = self._shared[other, queue_id] = both / self.staff[other] if both else 0.0
        return found


def rivals(floor: "Floor", look: Look, queue_id: QueueId, position: int) -> float:
    """Return how many callers of other queues will get an agent of this queue before the one at `position` does.

    Those who rank before him, each for the share of the agents of his queue who serve this one too.
    """
    own = look.order(floor, queue_id)
    rank = own[position - 1] if 1 <= position <= len(own) else None
    newcomer = caller_rank(priority=floor.queues[queue_id].priority, since=look.at, call_id=_LAST)
    number = 0.0
    for other in floor.queues:
        if other == queue_id or not floor.line.length(other):
            continue
        theirs = look.order(floor, other)
        before = bisect_left(theirs, rank if rank is not None else newcomer)
        if before:
            number += before * look.shared(other, queue_id)
    return number


class Abilities:
    """The queues that each agent serves and has the skills for, kept because skills change rarely and are looked at often."""

    def __init__(self) -> None:
        self._known: dict[AgentId, tuple[Profile, tuple[QueueId, ...], tuple[QueueId, ...]]] = {}

    def of(self, floor: "Floor", agent: "Agent") -> tuple[QueueId, ...]:
        """Return the queues of an agent who is known to the floor: as many are kept as there are agents."""
        serves = floor.agents.queues_of(agent)
        known = self._known.get(agent.id)
        if known is None or known[0] is not agent.profile or known[1] != serves:
            able = tuple(q for q in serves if _has_skills(floor, agent, q))
            known = self._known[agent.id] = (agent.profile, serves, able)
        return known[2]


def _group(queues: tuple[QueueId, ...], agent: "Agent", serving: tuple[QueueId, float] | None, now: float) -> Group:
    match agent.state:
        case "ready" if agent.phone_free:
            return Group(queues, "idle", None, 0)
        case "reserved" | "ringing":
            return Group(queues, "taken", None, 0)
        case "wrap_up" | "rest" if agent.until is not None:
            return Group(queues, "timed", None, _step(agent.until - now))
        case _:
            since = serving[1] if serving is not None else agent.since
            return Group(queues, "busy", serving[0] if serving is not None else None, _step(now - since))


def _has_skills(floor: "Floor", agent: "Agent", queue_id: QueueId) -> bool:
    queue = floor.queues.get(queue_id)
    return queue is not None and all(agent.profile.skills.get(s, 0) >= n for s, n in queue.skills.items())


def _step(seconds: float) -> int:
    return round(math.log(max(seconds, 1.0), STEP))


def seconds_of(step: int) -> float:
    """Return the time that a group stands for."""
    return float(STEP**step) if step else 0.0
