"""The duties of the day that runs, for one queue at a time: its rest is forecast anew, and it is seen whether people will be missing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

import numpy as np
import structlog

from forecast.books.made import dates, local
from forecast.books.scheduled import Spans, at_work, reach, scheduled
from forecast.duties.doors import Doors
from forecast.duties.jobs import Revised, Subject, ToRevise, revise
from forecast.duties.learning import DETAIL_MAX, Learning, came, today_of
from forecast.duties.schedule import interval_start
from forecast.duties.sharing import Sharing
from forecast.duties.standing import Standing
from forecast.horizons.plan import Histories
from forecast.models.base import Forecast
from forecast.processes.pool import JobFailed
from forecast.series.counts import Floats
from forecast.series.live import Closed
from forecast.staffing.crews import divided
from forecast.today.advice import Means
from forecast.today.gap import Rules, look
from forecast.today.staff import Served, Staff, counted
from hotline.errors import HotlineError
from hotline.facts import ModelFellBack, StaffingGapOpened
from hotline.ids import QueueId
from hotline.settings import Settings

REVISE_S = 30.0
"""An update takes milliseconds; one that takes so long is given up."""

log = structlog.get_logger(__name__)


class Daily:
    """See the module."""

    def __init__(self, settings: Settings, doors: Doors, staff: Staff, learning: Learning, sharing: Sharing) -> None:
        said = settings.forecast
        self._learning = learning
        self._sharing = sharing
        self._settings = settings
        self._doors = doors
        self._staff = staff
        self._rules = Rules(
            agents=said.gap_agents,
            share=said.gap_share,
            intervals=said.gap_intervals,
            ahead_s=said.gap_ahead_min * 60.0,
            over_agents=said.over_agents,
        )

    def present(self, standing: Standing, group: Sequence[Standing], now: float) -> int | None:
        """Return who is on duty for the queue, of the group each person once; None: nothing was told of anybody yet."""
        need = standing.need_at(now)
        return self._there(standing, group, now if need is None else need.starts_at, False)

    def _there(self, standing: Standing, group: Sequence[Standing], starts_at: float, with_breaks: bool) -> int | None:
        """Return who of those who are there now count for the queue in the interval that begins then."""
        if not self._staff.known:
            return None
        if len(group) < 2:
            return self._staff.present(standing.id) + (self._staff.on_break(standing.id) if with_breaks else 0)
        people = self._staff.people(standing.group, with_breaks=with_breaks)
        return counted(people, _wanted(group, starts_at))[standing.id]

    async def read_rosters(self, standings: Iterable[Standing], now: float) -> None:
        """Learn who is scheduled for each interval that is staffed. Raises the store's errors."""
        today = today_of(now, self._settings.ivr.timezone)
        last = today + timedelta(days=self._settings.forecast.slot_days)
        spans = await self._doors.rosters.spans(today - timedelta(days=1), last)
        for standing in standings:
            needs = list(standing.needs.values())
            standing.scheduled = scheduled(
                spans,
                partial(self._serves, standing.id),
                [need.starts_at for need in needs],
                [need.ends_at for need in needs],
            )
        for group in groups_of(standings):
            await self._share_rosters(group, spans)

    def _serves(self, queue: QueueId, person: str) -> bool:
        return self._staff.serves(person, queue)

    async def _share_rosters(self, group: Sequence[Standing], spans: Spans) -> None:
        """Have each person who is scheduled count for one queue of the group. Raises the pool's errors."""
        first, last = reach(spans)
        ends = {
            n.starts_at: n.ends_at
            for one in group
            for n in one.needs.values()
            if n.starts_at < last and n.ends_at > first
        }
        served = {person: tuple(one.id for one in group if self._staff.serves(person, one.id)) for person in spans}
        if not ends or not any(served.values()):
            return
        starts = sorted(ends)
        people = {
            kind: at_work(spans, partial(_is_one_of, served, kind), starts, [ends[at] for at in starts])
            for kind in sorted(set(served.values()))
            if kind
        }
        wanted = {
            one.id: np.array([need.required if (need := one.needs.get(at)) else 0 for at in starts]) for one in group
        }
        found = await self._doors.quick.run(divided, people, wanted, limit_s=REVISE_S)
        for one in group:
            there = dict(zip(starts, found[one.id], strict=True))
            one.scheduled = {at: int(there[at]) for at in one.scheduled if at in there}

    def look(self, standing: Standing, group: Sequence[Standing], now: float) -> None:
        """See whether people are missing for the rest of the day, or too many; begin or end the alarm."""
        present = self.present(standing, group, now)
        if present is not None:
            standing.present.append(present)
        tomorrow = today_of(now, standing.hours.timezone) + timedelta(days=1)
        until = min(local(tomorrow, 0, standing.hours.timezone), now + self._rules.ahead_s)
        intervals = standing.intervals(now, until, partial(self._there, standing, group))
        standing.watch, told = look(
            standing.watch, intervals, self._rules, now=now, queue_id=standing.id, means=self._means(standing)
        )
        if told is not None:
            standing.alarm = told if isinstance(told, StaffingGapOpened) else None
            self._doors.publish(told)

    def _means(self, standing: Standing) -> Means:
        queue = standing.queue
        return Means(
            on_break=self._staff.on_break(standing.id),
            surge_agents=0 if self._staff.surges(standing.id) else len(queue.surge_agents),
            callbacks=bool(self._settings.outbound.trunk),
        )

    async def end_interval(self, standing: Standing, now: float) -> None:
        """Note what was expected of the interval that has ended; keep who was there in it, and who was scheduled. Raises the store's errors."""
        step_s = self._settings.forecast.slot_min * 60.0
        start = interval_start(now, self._settings.forecast.slot_min, standing.hours.timezone) - step_s
        was_there, standing.present = standing.mean_present(), []
        standing.end(start)
        planned = standing.scheduled.get(start)
        if start in standing.needs and (was_there is not None or planned is not None):
            await self._doors.tables.note_present(standing.id, start, was_there, planned)

    # --- the rest of the day ----------------------------------------------------------------------------------------------

    async def follow(self, standing: Standing, closed: Sequence[Closed], now: float) -> None:
        """Forecast the rest of the day from what came. Raises the store's errors."""
        if self._settings.forecast.today:
            await self._revise(standing, closed, now)

    async def staff(
        self, followed: Sequence[Standing], groups: Mapping[QueueId, Sequence[Standing]], now: float
    ) -> None:
        """Count the agents for the rest of the day of queues that were forecast anew, and tell what the day needs. Raises the store's errors."""
        anew = [one for one in followed if one.rest is not None or one.group]
        midnights = (
            local(today_of(now, one.hours.timezone) + timedelta(days=1), 0, one.hours.timezone) for one in anew
        )
        try:
            if anew:
                await self._sharing.count(anew, now, until=max(midnights))
        finally:
            for one in followed:
                told = one.staffing_told(now, self.present(one, groups[one.id], now))
                if told is not None:
                    self._doors.publish(told)

    async def _revise(self, standing: Standing, closed: Sequence[Closed], now: float) -> None:
        """Forecast the rest of the day; what goes wrong leaves the forecast of the morning, and is told."""
        today = today_of(now, standing.hours.timezone)
        if standing.rest is not None and standing.rest.periods[0] != dates([today])[0]:
            standing.rest = None
        forecast = one_day(standing.learnt.slots, today) if standing.learnt is not None else None
        if forecast is None or standing.known is None or standing.prepared is None:
            return
        observed = await self._observed(standing, forecast, today, closed, now)
        subject = self._learning.subject(standing, standing.known, now, "interval")
        task = ToRevise(
            subject=lean(subject), forecast=forecast, prepared=standing.prepared, observed=observed, now=now
        )
        try:
            revised: Revised = await self._doors.quick.run(revise, task, limit_s=REVISE_S)
        except JobFailed as exc:
            self._fell_back(standing, forecast.model, now, exc)
            return
        if revised.made.rows:
            await self._keep(standing, revised)

    async def _observed(
        self, standing: Standing, forecast: Forecast, today: date, closed: Sequence[Closed], now: float
    ) -> Floats:
        """Return what came in each slot of today that is over: as the journal has it, and of late as we heard it ourselves."""
        zone = standing.hours.timezone
        midnight = local(today, 0, zone)
        try:
            read = await self._doors.reader.read_since(standing.queue, midnight, now)
        except HotlineError as exc:
            log.warning("the day is updated without the journal", queue=standing.queue.id, error=str(exc))
            read = None
        if read is not None:
            standing.came.update(came(read, zone, first=today))
        spans = {local(today, m, zone): local(today, m + forecast.step_min, zone) for m in forecast.starts_min}
        standing.came.update(summed(closed, spans))
        standing.came = {at: calls for at, calls in standing.came.items() if at >= midnight}
        over = [standing.came.get(at, np.nan) if end <= now else np.nan for at, end in spans.items()]
        return np.array(over, dtype=np.float64)

    async def _keep(self, standing: Standing, revised: Revised) -> None:
        """Go by it and tell it, then keep it: while the database is away the day goes on."""
        standing.made["today"], standing.rest = revised.made, revised.rest
        standing.alone.update({need.starts_at: need for need in revised.needs})
        self._doors.tally.count("forecasts_made", horizon="today")
        self._doors.publish(revised.made.told())
        await self._doors.tables.save([revised.made])

    def _fell_back(self, standing: Standing, model: str, now: float, error: JobFailed) -> None:
        self._doors.tally.count("forecast_fallbacks", horizon="today", reason=error.why)
        self._doors.publish(
            ModelFellBack(
                at=now, queue_id=standing.id, horizon="today", model="update", used=model, reason=error.why,
                detail=str(error)[:DETAIL_MAX],
            )
        )  # fmt: skip


def _is_one_of(served: Mapping[str, Served], kind: Served, person: str) -> bool:
    return served[person] == kind


def groups_of(standings: Iterable[Standing]) -> list[list[Standing]]:
    """Return the groups of queues that share agents."""
    found: dict[tuple[QueueId, ...], list[Standing]] = {}
    for standing in standings:
        if standing.group:
            found.setdefault(standing.group, []).append(standing)
    return list(found.values())


def _wanted(group: Sequence[Standing], starts_at: float) -> tuple[tuple[QueueId, int], ...]:
    needs = ((one.id, one.needs.get(starts_at)) for one in group)
    return tuple((queue, 0 if need is None else need.required) for queue, need in needs)


def one_day(slots: Forecast | None, day: date) -> Forecast | None:
    """Return the forecast of one day out of several; None where it is closed or not forecast."""
    if slots is None:
        return None
    here = np.flatnonzero(slots.periods == dates([day])[0])
    if not len(here):
        return None
    return replace(slots, periods=slots.periods[here], mean=slots.mean[here], quantiles=slots.quantiles[:, here])


def lean(subject: Subject) -> Subject:
    """Return the queue without its history, which an update does not need."""
    return replace(subject, histories=Histories())


def summed(closed: Sequence[Closed], spans: Mapping[float, float]) -> dict[float, float]:
    """Return the calls of each span (beginning -> end) all of whose intervals are known."""
    known = {c.began_at: c for c in closed if c.known}
    found: dict[float, float] = {}
    for start, end in spans.items():
        parts = [c for at, c in known.items() if start <= at < end]
        if parts and sum(c.step_s for c in parts) >= end - start:
            found[start] = float(sum(c.volumes.offered for c in parts))
    return found
