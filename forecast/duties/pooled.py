"""Staffing of queues that share agents, as it is computed in a process of the pool: functions of what they are given. Pure.

The queue by itself is `forecast.duties.jobs`'s; the theory is in `forecast.staffing.pooling`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from forecast.books.tables import Need
from forecast.duties.jobs import Subject, places_of, rules_for
from forecast.models.base import Forecast
from forecast.staffing.crews import Kind
from hotline.ids import QueueId
from hotline.settings.queues import BetweenQueues

if TYPE_CHECKING:  # Erlang's formulas need SciPy: only the process that computes them loads it
    from forecast.staffing.pooling import Line
    from forecast.staffing.rules import Rules

Points = tuple[tuple[float, float], ...]
"""Load of a group in erlangs -> pooling. Empty: never measured, each queue counts by itself."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Member:
    """A queue of a group."""

    subject: Subject
    """Without its history."""
    forecast: Forecast
    """By intervals."""
    alone: tuple[Need, ...]
    """What it needs by itself, for intervals of the forecast."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ToMeasure:
    """Find out what it is worth that queues share agents."""

    members: tuple[Member, ...]
    kinds: tuple[Kind, ...]
    """The people of the house who serve any of the queues."""
    between_queues: BetweenQueues
    step_s: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ToPool:
    """Count agents of queues that share them."""

    members: tuple[Member, ...]
    points: Points
    step_s: float


Needs = tuple[tuple[QueueId, tuple[Need, ...]], ...]


def pool(task: ToPool) -> Needs:
    """Return what each queue needs as its portion of what all of them need."""
    from forecast.staffing.plan import with_shrinkage
    from forecast.staffing.pooling import Point, together

    starts, lines = lines_of(task.members)
    found = together(lines, [Point(load=load, pooling=share) for load, share in task.points], task.step_s)
    several = np.array([line.alone > 0 for line in lines]).sum(axis=0) > 1
    place = {start: at for at, start in enumerate(starts)}
    names = tuple(member.subject.queue_id for member in task.members)

    def portion(need: Need, queue: int) -> Need:
        at = place[need.starts_at]
        others = tuple(name for number, name in enumerate(names) if number != queue)
        if not task.points or not several[at]:
            return replace(need, shares_with=others, together=int(found.agents[at]))
        required, level = int(found.portions[queue, at]), float(found.level[queue, at])
        return replace(
            need, required=required, low=min(int(found.low[queue, at]), required), high=max(int(found.high[queue, at]), required),
            to_schedule=int(with_shrinkage(np.array([required]), lines[queue].rules.shrinkage)[0]),
            service_level=level if np.isfinite(level) else None,
            method="pooled", shares_with=others, together=int(found.agents[at]), pooling=round(float(found.pooling[at]), 3),
        )  # fmt: skip

    return tuple(
        (name, tuple(portion(need, queue) for need in member.alone))
        for queue, (name, member) in enumerate(zip(names, task.members, strict=True))
    )


def lines_of(members: Sequence[Member]) -> "tuple[list[float], list[Line]]":
    """Return when the intervals begin in which any of the queues is open, and the queues over them."""
    starts = sorted({need.starts_at for member in members for need in member.alone})
    return starts, [line_of(member, starts, rules_for(member.subject)) for member in members]


def line_of(member: Member, starts: Sequence[float], rules: "Rules") -> "Line":
    """Return a queue over the intervals that begin then, under these rules."""
    from forecast.staffing.plan import Asked
    from forecast.staffing.pooling import Line
    from forecast.staffing.rates import WEIGHTS

    nodes = Asked.of(member.forecast, rules, None, None).rates.nodes
    places, at = places_of(member.forecast, member.subject), {start: n for n, start in enumerate(starts)}
    calls = np.zeros((len(WEIGHTS), len(starts)))
    counts = np.zeros((3, len(starts)), dtype=np.int64)
    for need in member.alone:
        if need.starts_at in places:
            calls[:, at[need.starts_at]] = nodes[(slice(None), *places[need.starts_at])]
        counts[:, at[need.starts_at]] = need.required, need.low, need.high
    return Line(name=member.subject.queue_id, rules=rules, calls=calls, alone=counts[0], low=counts[1], high=counts[2])
