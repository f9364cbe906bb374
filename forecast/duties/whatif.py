"""What if, for queues of the running hotline: as it is computed in a process of the pool. Pure.

Who would be needed, who would be missing, and what callers meet if nobody does anything: with those who are scheduled (without a roster: those who are needed
now), less those who are absent. People who are absent are missing in the group as a whole, wherever they count.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from forecast.books.tables import Need
from forecast.duties.jobs import places_of, rules_for
from forecast.duties.pooled import Member, Points, line_of
from forecast.series.opening import open_slots
from forecast.staffing.crews import Ints, portions_of
from hotline.ids import QueueId

if TYPE_CHECKING:  # Erlang's formulas need SciPy: only the process that computes them loads it
    from forecast.staffing.rules import Rules
    from forecast.staffing.whatif import Variant


@dataclass(frozen=True, kw_only=True, eq=False)
class ToAsk:
    """Find out what a variant means for a group of queues, or for one that shares with nobody."""

    members: tuple[Member, ...]
    points: Points
    step_s: float
    variant: "Variant"
    now_needed: tuple[tuple[QueueId, Mapping[float, Need]], ...]
    scheduled: tuple[tuple[QueueId, Mapping[float, int]], ...]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What it means for a queue in an interval."""

    queue_id: QueueId
    starts_at: float
    ends_at: float
    calls: float
    """Expected under the variant."""
    need: Need
    """As it is now, without the variant."""
    needed: int
    """Under the variant."""
    there: int
    """If nobody does anything."""
    planned: bool
    """Whether that follows from a roster; else from `need`."""
    service_level: float | None
    """If nobody does anything."""

    @property
    def missing(self) -> int:
        """Return how many are missing; below 0: so many too many."""
        return self.needed - self.there


def what_if(task: ToAsk) -> list[Asked]:
    """Return what it means, queue by queue. Raises Misuse for a variant that makes no sense."""
    from forecast.staffing.pooling import Point, reached, together

    starts = sorted({need.starts_at for member in task.members for need in member.alone})
    rules = [task.variant.rules(rules_for(member.subject)) for member in task.members]
    members = [_varied(member, changed) for member, changed in zip(task.members, rules, strict=True)]
    lines = [line_of(member, starts, changed) for member, changed in zip(members, rules, strict=True)]
    points = [Point(load=load, pooling=share) for load, share in task.points]
    alone = np.array([line.alone for line in lines])
    needed = alone
    if points and len(lines) > 1:
        several = (alone > 0).sum(axis=0) > 1
        needed = np.where(several, together(lines, points, task.step_s).portions, alone)
    there, planned = _there(task, starts)
    level = reached(lines, points, there, task.step_s)
    now_needed = dict(task.now_needed)
    return [
        Asked(
            queue_id=member.subject.queue_id, starts_at=need.starts_at, ends_at=need.ends_at, calls=need.calls,
            need=now_needed[member.subject.queue_id].get(need.starts_at, need), needed=int(needed[q, at]), there=int(there[q, at]),
            planned=bool(planned[q, at]), service_level=float(level[q, at]) if np.isfinite(level[q, at]) else None,
        )
        for q, member in enumerate(members)
        for need in sorted(member.alone, key=lambda one: one.starts_at)
        for at in (starts.index(need.starts_at),)
    ]  # fmt: skip


def _varied(member: Member, rules: "Rules") -> Member:
    """Return a queue with what it needs by itself under other rules."""
    from forecast.staffing.plan import plan

    forecast, subject = member.forecast, member.subject
    opened = open_slots(subject.hours, forecast.periods, forecast.starts_min, forecast.step_min)
    staffed, places = plan(forecast, rules, is_open=opened), places_of(forecast, subject)
    varied = tuple(
        replace(
            need, calls=float(staffed.calls[place]), required=int(staffed.agents[place]), low=int(staffed.low[place]),
            high=int(staffed.high[place]),
        )
        for need in member.alone
        if (place := places.get(need.starts_at)) is not None
    )  # fmt: skip
    return replace(member, alone=varied)


def _there(task: ToAsk, starts: list[float]) -> tuple[Ints, Ints]:
    """Return who is there (Q, M) without those who are absent, and whether a roster says so."""
    needs, rosters = dict(task.now_needed), dict(task.scheduled)
    queues = [member.subject.queue_id for member in task.members]
    planned = np.array([[start in rosters[queue] for start in starts] for queue in queues])
    required = [
        [need.required if (need := needs[queue].get(start)) is not None else 0 for start in starts] for queue in queues
    ]
    scheduled = [[rosters[queue].get(start, 0) for start in starts] for queue in queues]
    before = np.where(planned, np.array(scheduled), np.array(required)).astype(np.int64)
    left = np.maximum(before.sum(axis=0) - task.variant.absent, 0)
    return portions_of(left, before), planned
