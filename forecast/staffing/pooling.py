"""Queues that share agents, interval by interval: Erlang's formulas with what the simulation measured of the sharing. Pure.

**Theory.** Be `alone` the agents that the queues of a group need each by itself, and `as_one` those they would need if everybody served everybody
(one queue with the calls of all). Both are Erlang's. What lies between is safety staffing: a queue of load R needs about R + b sqrt(R) agents
(Halfin, Whitt 1981), so that the group needs R + sum of b sqrt(R_i) alone and R + b sqrt(R) as one. Who shares only some of the agents comes
somewhere in between, and surprisingly near to one queue where few agents serve two (Wallace, Whitt, "A staffing algorithm for call centers with
skill-based routing", M&SOM 7, 2005). So

    agents = as_one + (1 - pooling) * (alone - as_one)

where **pooling** is the share of the possible saving that these people, with this router, reach: 0 is each queue by itself, 1 is one queue. Since
both ends grow with the square root of the load, the share itself changes slowly with it: `forecast.staffing.measuring` measures it by simulation
at a few loads. To simulate each of two weeks' half hours would take hours.

**As one queue**: the calls of all, the mean of their handling times and of their rates of giving up, by calls. Asked for is what the queues
ask for together: the share of all callers who are answered in time, each by his own queue's threshold; of other targets the strictest. The possible rates
of the queues are added quantile by quantile, as if all erred alike.

A queue's own figure is its **portion** of the whole, in proportion to what it needs alone: portions add up to the people who are needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, sqrt

import numpy as np

from forecast.series.counts import Floats
from forecast.staffing.crews import portions_of
from forecast.staffing.erlang import Bools, Ints, guess_of, least
from forecast.staffing.levels import Levels, expected
from forecast.staffing.rates import SCORES, WEIGHTS
from forecast.staffing.rules import Rules, Targets, Work

_FUZZ = 1e-9
_TOLD = 0.25
"""Nobody more is asked for by less than so much of an agent: the measurement does not tell it."""
_FEW, _MANY = (int(np.abs(SCORES - score).argmin()) for score in (-1.2816, 1.2816))
"""The nodes that are nearest to the rates which are not exceeded in 10 % and 90 % of all cases."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """A queue of the group over M intervals."""

    name: str
    rules: Rules
    calls: Floats
    """(K, M): possible calls of each interval, as `forecast.staffing.rates` has them."""
    alone: Ints
    """(M,): the agents it needs by itself; 0 where it is closed."""
    low: Ints
    high: Ints
    """The same if as few, or as many, call as in one of ten cases."""

    @property
    def mean(self) -> Floats:
        """(M,): the expected calls."""
        return np.asarray(WEIGHTS @ self.calls)


@dataclass(frozen=True, kw_only=True)
class Point:
    """The pooling at a load of the group, in erlangs."""

    load: float
    pooling: float


def pooling_at(points: Sequence[Point], load: Floats) -> Floats:
    """Return the pooling at each load: a straight line between two that were measured, the outermost beyond; 0 where none was."""
    if not points:
        return np.zeros(load.shape)
    ascending = sorted(points, key=lambda point: point.load)
    return np.asarray(np.interp(load, [p.load for p in ascending], [p.pooling for p in ascending]))


# --- the whole group -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class Together:
    """What the group needs, each (M,), and the portions of its queues, each (Q, M)."""

    agents: Ints
    as_one: Ints
    """If everybody served everybody."""
    pooling: Floats
    portions: Ints
    low: Ints
    high: Ints
    level: Floats
    """The service level of each queue that is expected, (Q, M)."""


def together(lines: Sequence[Line], points: Sequence[Point], step_s: float) -> Together:
    """Return what queues need that share agents as `points` say. Intervals in which only one of them is open need what it needs by itself."""
    one = as_one(lines)
    load = one.mean * one.rules.work.handling_s / step_s
    pooling = pooling_at(points, load)
    there = load > 0
    mean, few, many = (_least(one, nodes, there, step_s) for nodes in (one.calls, one.calls[_FEW][None], one.calls[_MANY][None]))  # fmt: skip
    sums = [sum((getattr(line, name) for line in lines), np.zeros(len(load), dtype=np.int64)) for name in ("alone", "low", "high")]  # fmt: skip
    single = sum(((line.alone > 0).astype(int) for line in lines), np.zeros(len(load), dtype=int)) < 2
    agents, low, high = (_between(alone, np.where(single, alone, pooled), pooling) for alone, pooled in zip(sums, (mean, few, many), strict=True))  # fmt: skip
    weights = np.array([line.alone for line in lines])
    return Together(
        agents=agents, as_one=np.minimum(mean, sums[0]), pooling=pooling, portions=portions_of(agents, weights),
        low=portions_of(np.minimum(low, agents), weights), high=portions_of(np.maximum(high, agents), weights),
        level=np.array([levels_of(one, line.rules.targets.threshold_s, one.calls, np.maximum(mean, 1), step_s).service_level for line in lines]),
    )  # fmt: skip


def reached(lines: Sequence[Line], points: Sequence[Point], there: Ints, step_s: float) -> Floats:
    """Return the service levels (Q, M) that callers are expected to meet with people (Q, M), each counted for one queue.

    What keeps people who share from being one line is (1 - pooling) of the saving, in agents: with so many fewer the one line meets the same. Where nothing
    was measured, and where one queue alone is open, each is by itself.
    """
    by_itself = np.array([_reached_alone(line, there[at], step_s) for at, line in enumerate(lines)])
    if not points or len(lines) < 2:
        return by_itself
    one = as_one(lines)
    load = one.mean * one.rules.work.handling_s / step_s
    alone = np.asarray(sum((line.alone for line in lines), np.zeros(len(load), dtype=np.int64)))
    lost = (1 - pooling_at(points, load)) * np.maximum(alone - _least(one, one.calls, load > 0, step_s), 0)
    real = np.maximum(there.sum(axis=0) - lost, 0.0)
    below = np.floor(real).astype(np.int64)
    part = real - below
    several = sum(((line.alone > 0).astype(int) for line in lines), np.zeros(len(load), dtype=int)) > 1
    found = by_itself.copy()
    for at, line in enumerate(lines):
        threshold_s = line.rules.targets.threshold_s
        low, high = (levels_of(one, threshold_s, one.calls, n, step_s).service_level for n in (below, below + 1))
        found[at] = np.where(several, low * (1 - part) + high * part, by_itself[at])
    return found


def _reached_alone(line: Line, there: Ints, step_s: float) -> Floats:
    service_s = np.full(len(there), line.rules.work.handling_s)
    return expected(line.calls, service_s, there, WEIGHTS, line.rules, step_s).service_level


def _between(alone: Ints, pooled: Ints, pooling: Floats) -> Ints:
    saving = np.maximum(alone - pooled, 0)
    return np.asarray(np.ceil(alone - pooling * saving - _TOLD), dtype=np.int64)


# --- as one queue --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class One:
    """All queues of a group as one."""

    rules: Rules
    calls: Floats
    """(K, M)"""
    shares: Floats
    """(Q, M): each queue's part of the expected calls."""
    targets: tuple[Targets, ...]
    """Of each queue."""

    @property
    def mean(self) -> Floats:
        """(M,): the expected calls."""
        return np.asarray(WEIGHTS @ self.calls)


def as_one(lines: Sequence[Line]) -> One:
    """Return the queues as one that everybody serves."""
    means = np.array([line.mean for line in lines])
    every = means.sum(axis=1)
    weights = every / every.sum() if every.sum() > 0 else np.full(len(lines), 1 / len(lines))
    whole = means.sum(axis=0)
    return One(
        rules=Rules(
            work=_work([line.rules.work for line in lines], weights),
            targets=_strictest([line.rules.targets for line in lines]),
            least_agents=max(line.rules.least_agents for line in lines),
        ),
        calls=np.asarray(sum((line.calls for line in lines), np.zeros(lines[0].calls.shape))),
        shares=np.divide(means, whole, out=np.zeros(means.shape), where=whole > 0),
        targets=tuple(line.rules.targets for line in lines),
    )


def _work(works: Sequence[Work], weights: Floats) -> Work:
    """Return the work of a mixture of calls: the mean and the variance of handling times, the mean rate of giving up."""
    handling = np.array([work.handling_s for work in works])
    cv = np.array([work.handling_cv for work in works])
    mean = float(weights @ handling)
    square = float(weights @ (handling**2 * (1 + cv**2)))
    giving_up = float(weights @ np.array([0.0 if work.patience_s == inf else 1 / work.patience_s for work in works]))
    return Work(
        handling_s=mean,
        handling_cv=sqrt(max(square / mean**2 - 1, 0.0)),
        patience_s=1 / giving_up if giving_up else inf,
    )


def _strictest(targets: Sequence[Targets]) -> Targets:
    """Return the strictest of the targets that are the same for all callers of one queue; the service level is judged by `_enough`."""

    def least_of(name: str) -> float | None:
        return min((value for one in targets if (value := getattr(one, name)) is not None), default=None)

    shares = [one.share for one in targets if one.share is not None]
    return Targets(
        share=max(shares, default=None),
        threshold_s=targets[0].threshold_s,
        wait_s=least_of("wait_s"),
        abandoned=least_of("abandoned") if all(one.abandoned is not None for one in targets) else None,
        occupancy=least_of("occupancy"),
    )


def _least(one: One, calls: Floats, there: Bools, step_s: float) -> Ints:
    """Return the least agents (M,) for possible calls (K, M), each as likely as WEIGHTS say, or one row that is certain."""
    which = np.flatnonzero(there)

    def enough(some: Ints, agents: Ints) -> Bools:
        return _enough(one, calls[:, which[some]], one.shares[:, which[some]], agents, step_s)

    begin = guess_of((WEIGHTS if len(calls) > 1 else np.ones(1)) @ calls[:, which] * one.rules.work.handling_s / step_s)
    found = np.zeros(len(there), dtype=np.int64)
    found[which] = least(enough, begin, floor=one.rules.least_agents, most=one.rules.most_agents)
    return found


def _enough(one: One, calls: Floats, shares: Floats, agents: Ints, step_s: float) -> Bools:
    margin, met = np.zeros(len(agents)), np.ones(len(agents), dtype=bool)
    for threshold_s in {target.threshold_s for target in one.targets}:
        levels = levels_of(one, threshold_s, calls, agents, step_s)
        for share, target in zip(shares, one.targets, strict=True):
            if target.threshold_s == threshold_s and target.share is not None:
                margin += share * (levels.service_level - target.share)
        met &= _others(one.rules.targets, levels)
    return np.asarray(met & (margin >= -_FUZZ))


def _others(asked: Targets, levels: Levels) -> Bools:
    pairs = ((asked.wait_s, levels.asa_s), (asked.abandoned, levels.abandoned), (asked.occupancy, levels.occupancy))
    met = np.ones(levels.asa_s.shape, dtype=bool)
    for limit, values in pairs:
        if limit is not None:
            met &= values <= limit + _FUZZ
    return met


def levels_of(one: One, threshold_s: float, calls: Floats, agents: Ints, step_s: float) -> Levels:
    """Return what callers of the one queue meet whose threshold this is, (M,), with these agents (M,)."""
    rules = replace(one.rules, targets=replace(one.rules.targets, threshold_s=threshold_s))
    service_s = np.full(len(agents), one.rules.work.handling_s)
    return expected(calls, service_s, agents, WEIGHTS if len(calls) > 1 else np.ones(1), rules, step_s)
