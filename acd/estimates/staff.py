"""A look at the floor: who can serve each demand and what he does, and who waits. Pure.

A demand is a queue with skills (see `demand`): those that the queue asks for, or a caller of his own. Taken when an estimate is asked
for and kept for a moment; nothing of it is worked out when callers are matched. One pass over the agents groups those of whom
the same is known, so that a queue with a thousand agents costs as little as one with ten.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from acd.core.agents.states import ON_DUTY
from acd.core.callers.line import Demand
from acd.core.callers.ranking import CallerRank, caller_rank
from hotline.facts import AgentState
from hotline.ids import AgentId, CallId, QueueId

if TYPE_CHECKING:
    from acd.core.agents.roster import Agent, Profile
    from acd.core.floor import Floor

Doing = Literal["idle", "taken", "leaving", "busy", "timed"]
"""`idle`: could be rung. `taken`: a phone rings for a caller who still stands in the line; `leaving`: so too, and then he goes on a
break or home. `busy`: talks or finishes up. `timed`: wraps up or rests until a time that is known."""
STEP = 1.5
"""Agents whose elapsed (or remaining) times differ by less than this factor are taken together."""
RUNG: frozenset[AgentState] = frozenset({"reserved", "ringing"})
DEMANDS = 100
"""So many are told apart; whoever asks for something rarer is taken for one who asks for what his queue does."""
_LAST = CallId("~")
SECONDS_PER_AGENT = 0.0005
"""How long a look is kept, for each agent there is: so it never takes more than about a hundredth of the time."""


class Group(NamedTuple):
    """What is the same for some agents."""

    able: tuple[Demand, ...]
    """What they can serve."""
    doing: Doing
    serving: QueueId | None
    """The queue whose caller they are busy with, as far as it is known."""
    step: int
    """Of the time elapsed, or remaining."""


class Line(NamedTuple):
    """Those who wait in a queue, first come first."""

    ranks: list[CallerRank]
    demands: list[Demand]


class Look:
    """The floor at one moment."""

    def __init__(
        self, floor: "Floor", serving: Mapping[AgentId, tuple[QueueId, float]], abilities: "Abilities", now: float
    ) -> None:
        self.at = now
        self.lasts_s = len(floor.agents) * SECONDS_PER_AGENT
        self.groups: Counter[Group] = Counter()
        self.here: Counter[Demand] = Counter()
        """Callers who wait and are not being rung for."""
        self.staff: Counter[Demand] = Counter()
        """Agents on duty who can serve it, without those who leave after their call."""
        self.known = dict.fromkeys(own_demand(floor, q) for q in floor.queues)
        """The demands that there are: those of the queues, and of those who wait."""
        for caller in floor.line:
            if len(self.known) < DEMANDS:
                self.known[caller.demand] = None
            self.here[self.demand(floor, caller.demand)] += caller.whereabouts == "here"
        abilities.of_these(tuple(self.known))
        for agent in floor.agents:
            if agent.state in ON_DUTY and (agent.wish is None or agent.state in RUNG):
                self.groups[_group(abilities.of(floor, agent), agent, serving.get(agent.id), now)] += 1
        for group, number in self.groups.items():
            for demand in group.able:
                self.staff[demand] += number
        self._lines: dict[QueueId, Line] = {}
        self._shared: dict[tuple[Demand, Demand], float] = {}

    def demand(self, floor: "Floor", asked: Demand) -> Demand:
        """Return a demand that is known: what is asked for, or what the queue asks for."""
        return asked if asked in self.known else own_demand(floor, asked[0])

    def line(self, floor: "Floor", queue_id: QueueId) -> Line:
        """Return those who wait in a queue."""
        found = self._lines.get(queue_id)
        if found is None:
            waiting = list(floor.line.waiting(queue_id))
            demands = [self.demand(floor, caller.demand) for caller in waiting]
            found = self._lines[queue_id] = Line([caller.rank for caller in waiting], demands)
        return found

    def both(self, one: Demand, other: Demand) -> int:
        """Return how many agents can serve both."""
        if one == other:
            return self.staff[one]
        return sum(n for group, n in self.groups.items() if one in group.able and other in group.able)

    def shared(self, other: Demand, demand: Demand) -> float:
        """Return which share of the agents who serve `other` can serve `demand` too."""
        found = self._shared.get((other, demand))
        if found is None:
            both = self.both(other, demand)
            found = self._shared[other, demand] = both / self.staff[other] if both else 0.0
        return found


def own_demand(floor: "Floor", queue_id: QueueId) -> Demand:
    """Return what a queue asks for of every agent."""
    return (queue_id, tuple(sorted(floor.queues[queue_id].skills.items())))


def before(floor: "Floor", look: Look, queue_id: QueueId, demand: Demand, position: int) -> float:
    """Return how many callers will get an agent of this demand before the one at `position` of the queue does.

    Those who rank before him, each for the share of the agents that can serve him who can serve this one too. Those who can be served
    by a part of his agents only take no more than their part of what opens: the others are his before they get one.
    """
    taking: dict[Demand, float] = {}
    for other, number in _ranked_before(floor, look, queue_id, position):
        share = look.shared(other, demand)
        if share > 0.0:
            taking[other] = taking.get(other, 0.0) + number * share
    total = sum(taking.values(), 0.0)
    too_many = 0.0
    for other, wanted in taking.items():
        part = look.shared(demand, other)
        if part < 1.0:
            too_many += max(wanted - part / (1.0 - part) * (total - wanted + 1.0), 0.0)
    return max(total - too_many, 0.0)


def _ranked_before(floor: "Floor", look: Look, queue_id: QueueId, position: int) -> Iterator[tuple[Demand, int]]:
    """Yield how many callers of each demand rank before the one at `position` of a queue, or before who would join it now."""
    own = look.line(floor, queue_id)
    newcomer = caller_rank(priority=floor.queues[queue_id].priority, since=look.at, call_id=_LAST)
    rank = own.ranks[position - 1] if 1 <= position <= len(own.ranks) else newcomer
    for other in floor.queues:
        if not floor.line.length(other) and other != queue_id:
            continue
        line = look.line(floor, other)
        if other == queue_id:
            yield from Counter(line.demands[: max(position - 1, 0)]).items()
            further = max(position - 1 - len(line.demands), 0)
            if further:  # asked for a place behind the last
                yield own_demand(floor, queue_id), further
        elif number := bisect_left(line.ranks, rank):
            yield from Counter(line.demands[:number]).items()


class Abilities:
    """The demands that each agent can serve, kept because skills change rarely and are looked at often."""

    def __init__(self) -> None:
        self._demands: tuple[Demand, ...] = ()
        self._known: dict[AgentId, tuple[Profile, tuple[QueueId, ...], tuple[Demand, ...]]] = {}

    def of_these(self, demands: tuple[Demand, ...]) -> None:
        """Say which demands are asked about from now on."""
        if demands != self._demands:
            self._demands = demands
            self._known.clear()

    def of(self, floor: "Floor", agent: "Agent") -> tuple[Demand, ...]:
        """Return what an agent can serve who is known to the floor: as many are kept as there are agents."""
        serves = floor.agents.queues_of(agent)
        known = self._known.get(agent.id)
        if known is None or known[0] is not agent.profile or known[1] != serves:
            has = floor.agents.has(agent)
            able = tuple(d for d in self._demands if d[0] in serves and has.issuperset(d[1]))
            known = self._known[agent.id] = (agent.profile, serves, able)
        return known[2]


def _group(able: tuple[Demand, ...], agent: "Agent", serving: tuple[QueueId, float] | None, now: float) -> Group:
    match agent.state:
        case "ready" if agent.phone_free:
            return Group(able, "idle", None, 0)
        case "reserved" | "ringing":
            return Group(able, "taken" if agent.wish is None else "leaving", None, 0)
        case "wrap_up" | "rest" if agent.until is not None:
            return Group(able, "timed", None, _step(agent.until - now))
        case _:
            since = serving[1] if serving is not None else agent.since
            return Group(able, "busy", serving[0] if serving is not None else None, _step(now - since))


def _step(seconds: float) -> int:
    return round(math.log(max(seconds, 1.0), STEP))


def seconds_of(step: int) -> float:
    """Return the time that a group stands for."""
    return float(STEP**step) if step else 0.0
