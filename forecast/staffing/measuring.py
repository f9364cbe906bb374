"""What it is worth that people serve several queues: the pooling that they reach, measured by simulation at a few loads. Pure.

The router is handed in (`Play`); this module decides what to try. For a load the least number of agents, as a real number, is looked for at which
every queue reaches its target, with the people of the house, each kind in the proportion in which it is needed (`crew_of`). The same callers
(common random numbers) are also played to one line that everybody serves, first come first served. Erlang says what one line needs, so the
difference of the two, added to Erlang's figure, is free of most of the luck of the draw, and of what the simulation does otherwise than the formulas (control
variates: Law, *Simulation Modeling and Analysis*, 5th ed. 2015, sec. 11.4).

What comes of it is used by `forecast.staffing.pooling`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Protocol

import numpy as np

from forecast.series.counts import Floats
from forecast.staffing.crews import Kind, portions_of
from forecast.staffing.erlang import guess_of, least
from forecast.staffing.pooling import Line, Point, as_one, levels_of

LOADS = (0.3, 0.7, 1.0)
"""The quantiles of the group's load at which the sharing is measured."""
TRIALS = 7
"""So many numbers of agents are tried at most for one load and one crew."""
WORST = -1.0
"""People who share badly (one queue's callers always first) can need more than each queue by itself; worse than this is not believed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """Callers who come at constant rates for a long time, and a crew."""

    rates: tuple[float, ...]
    """Calls per hour of each queue."""
    crew: tuple[Kind, ...]
    one_line: bool
    """Whether it is one line, first come first served, and no queue goes before another."""


class Play(Protocol):
    """Plays a trial with the router."""

    def __call__(self, trial: Trial) -> tuple[Floats, Floats]:
        """Return who came and was answered or gave up, and who was answered in time, by queue. Equal rates are the same callers."""


def measured(
    lines: Sequence[Line], kinds: Sequence[Kind], play: Play, step_s: float, *, alike: bool = False
) -> tuple[Point, ...]:
    """Return the pooling that these people reach at several loads; nothing where never more than one of the queues is open.

    `alike`: no queue goes before another one. Whatever `play` raises goes on.
    """
    one = as_one(lines)
    load = one.mean * one.rules.work.handling_s / step_s
    several = np.flatnonzero(sum(((line.alone > 0).astype(int) for line in lines), np.zeros(len(load), dtype=int)) > 1)
    if not len(several):
        return ()
    ascending = several[np.argsort(load[several], kind="stable")]
    chosen = dict.fromkeys(int(ascending[ceil(share * len(ascending)) - 1]) for share in LOADS)
    return tuple(
        Point(
            load=round(float(load[at]), 2),
            pooling=1.0 if alike and _everybody_serves_all(lines, kinds) else _measure(lines, kinds, play, at, step_s),
        )
        for at in chosen
    )


def _measure(lines: Sequence[Line], kinds: Sequence[Kind], play: Play, at: int, step_s: float) -> float:
    """Return the pooling at the load of one interval, between WORST and 1."""
    rates = tuple(float(line.mean[at]) * 3_600 / step_s for line in lines)
    here = [_certain(line, at) for line in lines]
    alone = sum(_real_need([line], step_s) for line in here)
    pooled = _real_need(here, step_s)
    if alone - pooled < 0.1:
        return 0.0  # there is nothing to be saved
    names, weights = [line.name for line in lines], np.array([max(rate, 1e-9) for rate in rates])
    needs = np.array([_real_need([line], step_s) for line in here])
    everybody = Kind(queues=tuple(names), people=1)

    def margin(one_line: bool, agents: int) -> float:
        crew = (replace(everybody, people=agents),) if one_line else crew_of(kinds, names, needs, agents)
        came, in_time = play(Trial(rates=rates, crew=crew, one_line=one_line))
        return _margin(came, in_time, lines, weights, whole=one_line)

    step = max(round((alone - pooled) / 2), 1)
    played = real_root(lambda n: margin(True, n), round(pooled), step)
    shared = real_root(lambda n: margin(False, n), round((alone + pooled) / 2), step)
    saved = alone - (pooled + shared - played)
    return round(float(np.clip(saved / (alone - pooled), WORST, 1.0)), 3)


def _everybody_serves_all(lines: Sequence[Line], kinds: Sequence[Kind]) -> bool:
    """Whether it is one queue by its nature: everybody serves all, and all ask for the same."""
    every = {line.name for line in lines}
    alike = len({(line.rules.targets.share, line.rules.targets.threshold_s) for line in lines}) == 1
    return alike and all(every <= set(kind.queues) and not kind.preference for kind in kinds)


def _certain(line: Line, at: int) -> Line:
    """Return one interval of a line, with calls that are known for sure."""
    number = np.zeros(1, dtype=np.int64)
    calls = np.full((len(line.calls), 1), line.mean[at])
    return replace(line, calls=calls, alone=number, low=number, high=number)


def _real_need(lines: Sequence[Line], step_s: float) -> float:
    """Return the agents, as a real number, with whom Erlang's level meets what the queues ask for together."""
    one = as_one(lines)

    def margin(agents: int) -> float:
        total = 0.0
        for line, share in zip(lines, one.shares[:, 0], strict=True):
            target = line.rules.targets
            level = levels_of(one, target.threshold_s, one.calls, np.array([agents]), step_s).service_level[0]
            total += float(share * (level - (target.share or 0.0)))
        return total

    whole = int(least(lambda _which, n: np.array([margin(int(k)) >= 0 for k in n]), guess_of(one.mean * one.rules.work.handling_s / step_s))[0])  # fmt: skip
    if whole == 0:
        return 0.0
    below, above = margin(whole - 1), margin(whole)
    return whole - (above / (above - below) if above > below else 0.0)


def _margin(came: Floats, in_time: Floats, lines: Sequence[Line], weights: Floats, *, whole: bool) -> float:
    """Return by how much the targets are exceeded: of all callers together, or of the queue that has least; its luck is on its side."""
    shares = np.array([line.rules.targets.share or 0.0 for line in lines])
    level = np.divide(in_time, came, out=np.ones(came.shape), where=came > 0)
    if whole:
        return float(weights @ (level - shares) / weights.sum())
    luck = np.sqrt(shares * (1 - shares) / np.maximum(came, 1.0))
    return float((level + luck - shares).min())


def real_root(margin: Callable[[int], float], guess: int, step: int) -> float:
    """Return where a growing function of whole numbers from 1 on becomes 0, on a straight line between two that enclose it.

    From the guess it goes on by the step until 0 is enclosed, TRIALS times at most; not enclosed, it is the last that was tried.
    """
    at = max(guess, 1)
    value = margin(at)
    for _ in range(TRIALS - 1):
        further = at + step if value < 0 else max(at - step, 1)
        if further == at:
            return float(at)
        next_value = margin(further)
        if (next_value < 0) != (value < 0):
            return at + (further - at) * value / (value - next_value)
        at, value = further, next_value
    return float(at)


def crew_of(kinds: Sequence[Kind], names: Sequence[str], needs: Floats, agents: int) -> tuple[Kind, ...]:
    """Return so many agents of these kinds, in such proportions that each queue has its part.

    Each queue takes what it needs from those who serve it, in proportion to how many of them fall to it if everybody divides himself among
    his queues by their needs. So nobody is planned who has nothing to do, and those who serve several are where they are in the house.
    """
    serves = np.array([[name in kind.queues for name in names] for kind in kinds], dtype=float)
    people = np.array([kind.people for kind in kinds], dtype=float)
    wanted = serves * needs
    whole = wanted.sum(axis=1, keepdims=True)
    divided = people[:, None] * np.divide(wanted, whole, out=np.zeros(wanted.shape), where=whole > 0)
    column = divided.sum(axis=0)
    taken = np.divide(divided * needs, column, out=np.zeros(divided.shape), where=column > 0).sum(axis=1)
    number = np.array([agents], dtype=np.int64)
    counts = portions_of(number, np.round(taken[:, None] * 1e6).astype(np.int64))[:, 0]
    return tuple(replace(kind, people=int(count)) for kind, count in zip(kinds, counts, strict=True) if count)
