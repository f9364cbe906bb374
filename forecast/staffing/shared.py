"""Several queues that share agents: how many of each skill group each interval needs, where Erlang's formulas do not reach. Pure.

Whoever serves several queues is worth more than the sum of his parts, and by how much depends on priorities, skills and strategies: only a
simulation with the router itself knows. It is handed in (`Simulate`): this module decides what to try, and when it is enough.

* **Start**: each queue by itself with Erlang, on the distribution of its rate; its agents are taken from the groups that serve the fewest queues.
* **Descend**: in each round one change is tried in every interval at once and played on the same days (common random numbers): agents are taken
  from the group whose queues have the most to spare, first several, then one at a time; then two groups give one agent each for one of a group that serves
  the queues of both. A change that lets a queue of its interval fall below its target is taken back and not tried again for the same staff.
* **Hold**: what is best on the days it was chosen on was partly lucky there. So the result is played on days it has never seen, and agents
  are added where they are missing, until the lower end of the 95 % interval of every queue's level over the day is at its target and no interval
  is significantly below it.

Work is bounded by the number of simulated days. Stochastic local search with common random numbers and fresh days for the final word: Atlason,
Epelman, Henderson, "Optimizing call center staffing using simulation and analytic center cutting-plane methods", Management Science 54 (2008);
Avramidis, Chan, Gendreau, L'Ecuyer, Pisacane, "Optimizing daily agent scheduling in a multiskill call center", EJOR 200 (2010).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf
from typing import Protocol

import numpy as np
from scipy.special import stdtrit

from forecast.series.counts import Floats
from forecast.staffing.erlang import Bools, Ints, guess_of, least, lines
from hotline.errors import Misuse

DESCENT = 0.6
"""The share of the simulated days that the search may take; the rest is for holding the result."""
_PLENTY = 0.1
"""A level so far above its target allows to take several agents at once."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Agents who are alike."""

    name: str
    queues: tuple[str, ...]
    most: Ints
    """(S,): so many there can be in each interval."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Demand:
    """A queue."""

    name: str
    calls: Floats
    """(K, S): possible calls of each interval (rates, without Poisson noise), each as likely as the others."""
    handling_s: float
    share: float
    """The service level that is asked for."""
    threshold_s: float
    patience_s: float = inf


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What simulated days led to, (D, S, Q) by the interval in which callers came."""

    offered: Floats
    """Callers who were answered or gave up."""
    in_time: Floats
    """Those answered within the threshold."""


class Simulate(Protocol):
    """Plays days with the router."""

    def __call__(self, agents: Ints, days: range) -> Seen:
        """Return what the days of these numbers lead to with `agents` (G, S). The same number is the same callers, whatever the agents."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Estimate:
    """Levels with their 95 % intervals."""

    mean: Floats
    half: Floats
    """Half of the interval."""

    @classmethod
    def of(cls, offered: Floats, in_time: Floats) -> "Estimate":
        """Return the ratio of sums over days (axis 0) and its interval (Cochran, *Sampling Techniques*, 3rd ed. 1977, sec. 2.11)."""
        days, total = len(offered), offered.sum(axis=0)
        mean = np.divide(in_time.sum(axis=0), total, out=np.ones(total.shape), where=total > 0)
        if days < 2:
            return cls(mean=mean, half=np.full(total.shape, inf))
        square = ((in_time - mean * offered) ** 2).sum(axis=0) * days / (days - 1)
        error = np.divide(np.sqrt(square), total, out=np.zeros(total.shape), where=total > 0)
        return cls(mean=mean, half=np.asarray(stdtrit(days - 1, 0.975) * error))


@dataclass(frozen=True, kw_only=True, eq=False)
class Shared:
    """Agents of each group in each interval, and what they lead to on days that nothing was chosen on."""

    agents: Ints
    """(G, S)"""
    start: Ints
    """(G, S): each queue by itself."""
    day: Estimate
    """(Q,): each queue's level over the day."""
    interval: Estimate
    """(S, Q)"""
    held: tuple[bool, ...]
    """For each queue: whether the lower end of its level's interval is at the target, and no interval is significantly below it."""
    days: int
    """So many days were simulated, and"""
    judged_on: int
    """so many of them are what the levels are judged on."""


def share_out(
    groups: Sequence[Group],
    demands: Sequence[Demand],
    simulate: Simulate,
    *,
    step_s: float,
    days: int,
    progress: Progress = lambda _what, _done, _total: None,
) -> Shared:
    """Return few agents of each group with whom every queue's target is expected to be met.

    Args:
        groups: the groups.
        demands: the queues; each must be served by a group.
        simulate: plays days.
        step_s: the length of an interval.
        days: how many days may be simulated in all, at least 10.
        progress: told after each round.

    Raises:
        Misuse: nobody serves one of the queues.
    """
    start = by_itself(groups, demands, step_s)
    search = _Search(groups, demands, simulate, days, progress)
    return search.hold(search.descend(start), start)


def by_itself(groups: Sequence[Group], demands: Sequence[Demand], step_s: float) -> Ints:
    """Return agents (G, S) for each queue by itself, of the groups that serve the fewest queues; never more of a group than there are."""
    agents = np.zeros((len(groups), demands[0].calls.shape[1]), dtype=np.int64)
    for demand in sorted(demands, key=lambda one: sum(one.name in group.queues for group in groups)):
        serving = sorted(
            (n for n, g in enumerate(groups) if demand.name in g.queues), key=lambda n: len(groups[n].queues)
        )
        if not serving:
            raise Misuse(f"nobody serves the queue {demand.name}: no group of staff has its skills")
        need = _alone(demand, step_s)
        for number in serving:
            taken = np.minimum(need, groups[number].most - agents[number])
            agents[number] += taken
            need = need - taken
    return agents


def _alone(demand: Demand, step_s: float) -> Ints:
    """Return the agents (S,) with whom the level expected over the possible calls is at the target."""
    load = demand.calls * demand.handling_s / step_s
    whole = demand.calls.sum(axis=0)

    def enough(which: Ints, agents: Ints) -> Bools:
        met = lines(
            load=load[:, which], agents=agents, service_s=demand.handling_s, threshold_s=demand.threshold_s, patience_s=demand.patience_s
        )  # fmt: skip
        in_time = (demand.calls[:, which] * met.answered_within).sum(axis=0)
        return np.asarray(in_time >= demand.share * whole[which])

    return least(enough, guess_of(load.mean(axis=0)))


Change = tuple[tuple[int, int], ...]
"""Group -> so many more (or fewer)."""


class _Search:
    """The rounds; it counts the days that were simulated."""

    def __init__(
        self, groups: Sequence[Group], demands: Sequence[Demand], simulate: Simulate, days: int, progress: Progress
    ) -> None:
        self._groups, self._demands, self._simulate, self._progress = groups, demands, simulate, progress
        self._targets = np.array([demand.share for demand in demands])
        self._serves = np.array([[demand.name in group.queues for demand in demands] for group in groups])
        self._most = np.array([group.most for group in groups])
        """(G, S)"""
        self._budget = days
        self._used = 0
        self._each = int(np.clip(days // 30, 3, 50))
        """Days of a round."""

    def _play(self, agents: Ints, days: range, what: str) -> Seen:
        self._progress(what, min(self._used, self._budget), self._budget)
        self._used += len(days)
        return self._simulate(agents, days)

    # --- fewer and fewer --------------------------------------------------------------------------------------------------

    def descend(self, start: Ints) -> Ints:
        """Return the fewest agents that were found to be enough on the days of the search."""
        best, days = start.copy(), range(self._each)
        level = self._level(self._play(best, days, "from each queue by itself"))
        tried: list[set[tuple[tuple[int, ...], Change]]] = [set() for _ in range(best.shape[1])]
        while self._used + self._each <= self._budget * DESCENT:
            changes = [self._next(at, best[:, at], level[at], tried[at]) for at in range(best.shape[1])]
            if not any(changes):
                break
            asked = best.copy()
            for at, change in enumerate(changes):
                tried[at].add((tuple(best[:, at].tolist()), change))
                for group, more in change:
                    asked[group, at] += more
            found = self._level(self._play(asked, days, "fewer agents"))
            for at, change in enumerate(changes):
                better = self._short(found[at]) == 0 or self._short(found[at]) < self._short(level[at])
                if change and better:
                    best[:, at] = asked[:, at]
                if better or not change:
                    level[at] = found[at]
        return best

    @staticmethod
    def _level(seen: Seen) -> Floats:
        return Estimate.of(seen.offered, seen.in_time).mean

    def _short(self, level: Floats) -> float:
        """Return by how much the queues of an interval miss their targets, added up."""
        return float(np.maximum(self._targets - level, 0.0).sum())

    def _next(self, at: int, agents: Ints, level: Floats, tried: set[tuple[tuple[int, ...], Change]]) -> Change:
        """Return the next change to be tried in an interval; nothing when there is none left."""
        here = tuple(agents.tolist())
        changes = self._additions(at, agents, level) if self._short(level) else self._removals(at, agents, level)
        return next((change for change in changes if (here, change) not in tried), ())

    def _additions(self, at: int, agents: Ints, level: Floats) -> Iterator[Change]:
        lacking = np.maximum(self._targets - level, 0.0)
        together: dict[int, int] = {}
        for queue in np.flatnonzero(lacking > 0):
            group = next(iter(self._helpers(at, agents, lacking * (np.arange(len(lacking)) == queue))), None)
            if group is not None:
                serving = int(agents[self._serves[:, queue]].sum())
                more = min(1 + int(lacking[queue] * serving / 2), int(self._most[group, at] - agents[group]))
                together[group] = max(together.get(group, 0), more)
        if together:
            yield tuple(sorted(together.items()))
        yield from (((group, 1),) for group in self._helpers(at, agents, lacking))

    def _helpers(self, at: int, agents: Ints, lacking: Floats) -> list[int]:
        """Return the groups that have somebody left for what is lacking: who helps most first, then who serves the fewest queues."""
        helps = (self._serves * lacking).sum(axis=1)
        able = [group for group in range(len(agents)) if helps[group] > 0 and agents[group] < self._most[group, at]]
        return sorted(able, key=lambda group: (-helps[group], self._serves[group].sum()))

    def _removals(self, at: int, agents: Ints, level: Floats) -> Iterator[Change]:
        spare = np.array([(level - self._targets)[serves].min(initial=inf) for serves in self._serves])
        order = [int(group) for group in np.argsort(-spare, kind="stable") if agents[group] > 0]
        several = max(int(agents.sum()) // 8, 1)
        if several > 1:
            yield from (((group, -int(min(several, agents[group]))),) for group in order if spare[group] > _PLENTY)
        yield from (((group, -1),) for group in order)
        yield from self._trades(at, agents, order)

    def _trades(self, at: int, agents: Ints, order: Sequence[int]) -> Iterator[Change]:
        """Two groups give one agent each for one of a group that serves all their queues."""
        for one, other in combinations(sorted(order), 2):
            both = self._serves[one] | self._serves[other]
            for group in range(len(agents)):
                if (
                    group not in (one, other)
                    and (self._serves[group] >= both).all()
                    and agents[group] < self._most[group, at]
                ):
                    yield ((one, -1), (other, -1), (group, 1))

    # --- on days it has not seen ------------------------------------------------------------------------------------------

    def hold(self, agents: Ints, start: Ints) -> Shared:
        """Return the agents, with more where they turn out to be missing on fresh days."""
        agents = agents.copy()
        fresh = max((self._budget - self._used) // 4, self._each, 5)
        days = range(self._each, self._each + fresh)
        while True:
            seen = self._play(agents, days, "on days it has not seen")
            day = Estimate.of(seen.offered.sum(axis=1), seen.in_time.sum(axis=1))
            interval = Estimate.of(seen.offered, seen.in_time)
            low = day.mean - day.half < self._targets
            below = interval.mean + interval.half < self._targets
            held = ~(low | below.any(axis=0))
            more = None if held.all() or self._used + fresh > self._budget else self._more(agents, seen, low, below)
            if more is None:
                self._progress("", self._budget, self._budget)
                return Shared(
                    agents=agents, start=start, day=day, interval=interval, held=tuple(bool(one) for one in held), days=self._used, judged_on=fresh
                )  # fmt: skip
            agents = more

    def _more(self, agents: Ints, seen: Seen, low: Bools, below: Bools) -> Ints | None:
        """Return more agents: in each interval that is below, and for a queue that is low over the day where most are missed; None: nobody is left."""
        missed = np.maximum(self._targets * seen.offered - seen.in_time, 0.0).sum(axis=0)
        wanted = below.copy()
        for queue in np.flatnonzero(low & ~below.any(axis=0)):
            worst = missed[:, queue].max(initial=0.0)
            wanted[:, queue] |= (missed[:, queue] >= worst / 2) & (missed[:, queue] > 0)
        added = agents.copy()
        for at in np.flatnonzero(wanted.any(axis=1)):
            able = self._helpers(int(at), added[:, at], wanted[at].astype(float))
            if able:
                added[able[0], at] += 1
        return None if (added == agents).all() else added
