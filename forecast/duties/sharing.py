"""The duties of queues that share agents: find them, have measured what the sharing is worth, and count their agents together.

Which queues share agents follows from the settings and from what was told of agents. How much it is worth is measured each night by the router's simulation,
in a process, with a limit of time (`Doors.measure`); what agents are needed then is counted after each forecast, in milliseconds. Until something was measured,
and when counting fails, each queue is taken by itself, and its figures say so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import structlog

from forecast.books.reading import Known
from forecast.books.tables import Need, Pooling
from forecast.duties.doors import Doors
from forecast.duties.jobs import Subject
from forecast.duties.pooled import Member, Needs, ToMeasure, ToPool, pool
from forecast.duties.standing import Standing
from forecast.duties.whatif import Asked, ToAsk, what_if
from forecast.horizons.plan import Histories
from forecast.models.base import Forecast
from forecast.processes.pool import JobFailed
from forecast.staffing.crews import Kind, groups
from forecast.today.staff import Staff
from hotline.errors import HotlineError
from hotline.facts import ForecastReason, Horizon, ModelFellBack, StaffingMethod
from hotline.ids import QueueId
from hotline.settings import Settings
from hotline.settings.forecasting import Forecasting

if TYPE_CHECKING:  # Erlang's formulas need SciPy: only the process that computes them loads it
    from forecast.staffing.whatif import Variant

COUNT_S = 60.0
"""Counting agents takes a fraction of a second; what takes so long is given up."""
FRESH_S = 20 * 3600.0
"""What was measured less than this ago is not measured anew at a start."""
DETAIL_MAX = 300

log = structlog.get_logger(__name__)


class Sharing:
    """See the module."""

    def __init__(self, settings: Settings, doors: Doors, staff: Staff, standings: Mapping[str, Standing]) -> None:
        self._settings = settings
        self._said = settings.forecast
        self._doors = doors
        self._staff = staff
        self._standings = standings
        self._seen: int | None = None
        self._kept: dict[tuple[str, ...], Pooling] = {}
        self._kinds: tuple[Kind, ...] = ()

    async def restore(self) -> None:
        """Take over what was measured before. Raises the store's errors."""
        self._kept = {one.queues: one for one in await self._doors.tables.poolings()}
        self._seen = None

    # --- which queues ---------------------------------------------------------------------------------------------------

    def regroup(self) -> None:
        """See which queues share agents, where something may have changed."""
        if self._seen == self._staff.changes:
            return
        self._seen = self._staff.changes
        self._kinds = self._staff.kinds()
        found = groups(self._kinds, list(self._standings))
        of = {queue: group for group in found for queue in group}
        for name, standing in self._standings.items():
            standing.group = tuple(QueueId(queue) for queue in of.get(name, ()))
            standing.pooling = self._kept.get(of[name]) if self._said.pooling and name in of else None

    def due(self, standing: Standing, now: float, reason: ForecastReason) -> bool:
        """Return whether the group of a queue should be measured: each night, and where nothing is known."""
        ready = [member for member in self._members([standing]) if member.learnt is not None]
        if not standing.group or not self._said.pooling or len(ready) < 2:
            return False
        old = standing.pooling is None or now - standing.pooling.measured_at > FRESH_S
        return old or reason in ("nightly", "asked")

    def _members(self, standings: Iterable[Standing]) -> list[Standing]:
        """Return the queues of all groups of these, each once, with those that share with nobody."""
        names = {name: None for standing in standings for name in standing.group or (standing.queue.id,)}
        return [self._standings[name] for name in names]

    # --- what it is worth -----------------------------------------------------------------------------------------------

    async def measure(self, standing: Standing, now: float) -> bool:
        """Have measured what a queue's group reaches; return whether there is anything new. Where it fails what was measured before stays."""
        group = [self._standings[name] for name in standing.group]
        members = tuple(member for one in group if (member := self._member(one, None, now)) is not None)
        if len(members) < 2:
            return False
        names = set(standing.group)
        task = ToMeasure(
            members=members,
            kinds=tuple(kind for kind in self._kinds if names & set(kind.queues)),
            between_queues=self._settings.acd.between_queues,
            step_s=self._said.slot_min * 60.0,
        )
        try:
            points = await self._doors.slow.run(self._doors.measure, task, limit_s=self._said.pooling_timeout_s)
            pooling = Pooling(queues=tuple(standing.group), measured_at=now, points=points)
            self._kept[pooling.queues] = pooling
            for one in group:
                one.pooling = pooling
            await self._doors.tables.save_pooling(pooling)
        except HotlineError as exc:
            self._fell_back(group, "half_hour", now, exc, used="erlang" if standing.pooling is None else "pooled")
            return False
        return True

    # --- what if ------------------------------------------------------------------------------------------------------------

    async def what_if(self, queue: str | None, variant: "Variant", now: float, until: float) -> list[Asked]:
        """Return what a variant means for the intervals that begin before `until`, of one queue (with all that share with it) or all.

        Raises Misuse for a variant that makes no sense, and JobFailed.
        """
        self.regroup()
        wanted = list(self._standings.values()) if queue is None else [self._standings[queue]]
        found: list[Asked] = []
        for names in dict.fromkeys(standing.group or (standing.id,) for standing in wanted):
            group = [self._standings[name] for name in names]
            members = tuple(member for one in group if (member := self._member(one, until, now)) is not None)
            if not any(member.alone for member in members):
                continue
            task = ToAsk(
                members=members,
                points=() if group[0].pooling is None else group[0].pooling.points,
                step_s=self._said.slot_min * 60.0,
                variant=variant,
                now_needed=tuple((one.id, dict(one.needs)) for one in group),
                scheduled=tuple((one.id, dict(one.scheduled)) for one in group),
            )
            found += await self._doors.quick.run(what_if, task, limit_s=COUNT_S)
        return found

    # --- who is needed ----------------------------------------------------------------------------------------------------

    async def count(self, changed: Sequence[Standing], now: float, *, until: float | None = None) -> list[Standing]:
        """Count the agents of queues whose forecast changed and of those that share with them, and keep it; return all of them.

        `until`: only intervals that begin before. Raises the store's errors, with the new figures in memory.
        """
        self.regroup()
        done = self._members(changed)
        for standing in done:
            if not standing.group:
                standing.needs = dict(standing.alone)
        for group in dict.fromkeys(standing.group for standing in changed if standing.group):
            await self._count_group([self._standings[name] for name in group], now, until)
        for standing in done:
            needs = [n for n in standing.needs.values() if n.ends_at > now and (until is None or n.starts_at < until)]
            await self._doors.tables.save_needs(standing.id, now, needs, whole=until is None)
        return done

    async def _count_group(self, group: Sequence[Standing], now: float, until: float | None) -> None:
        members = tuple(
            member for one in group if (member := self._member(one, until, now, today=until is not None)) is not None
        )
        points = () if group[0].pooling is None else group[0].pooling.points
        counted: Needs = ()
        if len(members) > 1:
            task = ToPool(members=members, points=points, step_s=self._said.slot_min * 60.0)
            try:
                counted = await self._doors.quick.run(pool, task, limit_s=COUNT_S)
            except HotlineError as exc:
                self._fell_back(group, "half_hour" if until is None else "today", now, exc, used="erlang")
        by_queue = {queue: {need.starts_at: need for need in needs} for queue, needs in counted}
        for one in group:
            found = by_queue.get(one.id, {})
            one.needs = {at: found.get(at) or _kept(one, at, need, until) for at, need in one.alone.items()}

    def _member(self, standing: Standing, until: float | None, now: float, *, today: bool = False) -> Member | None:
        """Return a queue as jobs see it, `today`: with no more than the rest of today; None: nothing is forecast."""
        known, learnt = standing.known, standing.learnt
        if known is None or learnt is None or learnt.slots is None:
            return None
        forecast, rest = learnt.slots, standing.rest
        if rest is not None:
            forecast = rest if today else with_rest(forecast, rest)
        alone = tuple(
            need for need in standing.alone.values() if need.ends_at > now and (until is None or need.starts_at < until)
        )
        return Member(
            subject=subject_of(standing, known, self._said, now, "interval", lean=True), forecast=forecast, alone=alone
        )

    def _fell_back(
        self, group: Sequence[Standing], horizon: Horizon, now: float, error: HotlineError, *, used: StaffingMethod
    ) -> None:
        reason = error.why if isinstance(error, JobFailed) else "error"
        log.warning("shared agents could not be counted", queues=[one.queue.id for one in group], error=str(error))
        self._doors.tally.count("forecast_fallbacks", horizon=horizon, reason=reason)
        for one in group:
            self._doors.publish(
                ModelFellBack(
                    at=now, queue_id=one.id, horizon=horizon, model="pooling", used=used, reason=reason, detail=str(error)[:DETAIL_MAX],
                )
            )  # fmt: skip


def _kept(standing: Standing, at: float, alone: Need, until: float | None) -> Need:
    """Return what an interval needs that was not counted now: outside of the time what it needed before, else what it needs alone."""
    before = standing.needs.get(at)
    return before if before is not None and until is not None and at >= until else alone


def with_rest(slots: Forecast, rest: Forecast) -> Forecast:
    """Return the forecast of all days with the newer one of the rest of today in its place."""
    day = np.flatnonzero(slots.periods == rest.periods[0])
    left = [slots.starts_min.index(start) for start in rest.starts_min]
    if not len(day) or not left:
        return slots
    mean, quantiles = slots.mean.copy(), slots.quantiles.copy()
    mean[day[0], left] = rest.mean[0]
    quantiles[:, day[0], left] = rest.quantiles[:, 0]
    return replace(slots, mean=mean, quantiles=quantiles)


def subject_of(
    standing: Standing, known: Known, house: Forecasting, now: float, reason: ForecastReason, *, lean: bool = False
) -> Subject:
    """Return a queue as jobs see it; `lean`: without its history."""
    found = Subject(
        queue_id=standing.id,
        hours=standing.hours,
        histories=known.histories,
        queue=standing.queue,
        house=house,
        handling_s=known.handling_s,
        handling_cv=known.handling_cv,
        patience_s=known.patience_s,
        made_at=now,
        reason=reason,
        until=known.until,
    )
    return replace(found, histories=Histories()) if lean else found
