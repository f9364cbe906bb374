"""The duties of the day that runs, for one queue at a time: its rest is forecast anew, and it is seen whether people will be missing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

import numpy as np
import structlog

from forecast.books.made import dates, local
from forecast.books.scheduled import scheduled
from forecast.duties.doors import Doors
from forecast.duties.jobs import Revised, Subject, ToRevise, revise
from forecast.duties.learning import DETAIL_MAX, Learning, came, today_of
from forecast.duties.schedule import interval_start
from forecast.duties.standing import Standing
from forecast.horizons.plan import Histories
from forecast.models.base import Forecast
from forecast.processes.pool import JobFailed
from forecast.series.counts import Floats
from forecast.series.live import Closed
from forecast.today.advice import Means
from forecast.today.gap import Rules, look
from forecast.today.staff import Staff
from hotline.errors import HotlineError
from hotline.facts import ModelFellBack
from hotline.ids import QueueId
from hotline.settings import Settings

REVISE_S = 30.0
"""An update takes milliseconds; one that takes so long is given up."""

log = structlog.get_logger(__name__)


class Daily:
    """See the module."""

    def __init__(self, settings: Settings, doors: Doors, staff: Staff, learning: Learning) -> None:
        said = settings.forecast
        self._learning = learning
        self._settings = settings
        self._doors = doors
        self._staff = staff
        self._serve = {
            (agent.id, QueueId(queue.id)): not agent.queues or queue.id in agent.queues
            for agent in settings.all_agents()
            for queue in settings.queues
        }
        """Of agents of whom nothing was told yet, by the settings."""
        self._rules = Rules(
            agents=said.gap_agents,
            share=said.gap_share,
            intervals=said.gap_intervals,
            ahead_s=said.gap_ahead_min * 60.0,
            over_agents=said.over_agents,
        )

    def present(self, standing: Standing) -> int | None:
        """Return who is on duty for the queue; None: nothing was told of anybody yet."""
        return self._staff.present(standing.id) if self._staff.known else None

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

    def _serves(self, queue: QueueId, person: str) -> bool:
        told = self._staff.serves(person, queue)
        return self._serve.get((person, queue), False) if told is None else told

    def look(self, standing: Standing, now: float) -> None:
        """See whether people are missing for the rest of the day, or too many; begin or end the alarm."""
        present = self.present(standing)
        if present is not None:
            standing.present.append(present)
        tomorrow = today_of(now, standing.hours.timezone) + timedelta(days=1)
        intervals = standing.intervals(
            now, local(tomorrow, 0, standing.hours.timezone), present, self._staff.on_break(standing.id)
        )
        standing.watch, told = look(
            standing.watch, intervals, self._rules, now=now, queue_id=standing.id, means=self._means(standing)
        )
        if told is not None:
            self._doors.publish(told)

    def _means(self, standing: Standing) -> Means:
        queue = standing.queue
        return Means(
            on_break=self._staff.on_break(standing.id),
            surge_agents=0 if self._staff.surges(standing.id) else len(queue.surge_agents),
            callbacks=bool(self._settings.outbound.trunk),
        )

    async def end_interval(self, standing: Standing, now: float) -> None:
        """Keep who was there in the interval that has ended, and who was scheduled. Raises the store's errors."""
        step_s = self._settings.forecast.slot_min * 60.0
        start = interval_start(now, self._settings.forecast.slot_min, standing.hours.timezone) - step_s
        was_there, standing.present = standing.mean_present(), []
        planned = standing.scheduled.get(start)
        if start in standing.needs and (was_there is not None or planned is not None):
            await self._doors.tables.note_present(standing.id, start, was_there, planned)

    # --- the rest of the day ----------------------------------------------------------------------------------------------

    async def follow(self, standing: Standing, closed: Sequence[Closed], now: float) -> None:
        """Forecast the rest of the day from what came, and tell what it needs. Raises the store's errors."""
        try:
            if self._settings.forecast.today:
                await self._revise(standing, closed, now)
        finally:
            told = standing.staffing_told(now, self.present(standing))
            if told is not None:
                self._doors.publish(told)

    async def _revise(self, standing: Standing, closed: Sequence[Closed], now: float) -> None:
        """Forecast the rest of the day; what goes wrong leaves the forecast of the morning, and is told."""
        today = today_of(now, standing.hours.timezone)
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
            await self._keep(standing, revised, now)

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

    async def _keep(self, standing: Standing, revised: Revised, now: float) -> None:
        """Go by it and tell it, then keep it: while the database is away the day goes on."""
        standing.made["today"] = revised.made
        standing.needs.update({need.starts_at: need for need in revised.needs})
        self._doors.tally.count("forecasts_made", horizon="today")
        self._doors.publish(revised.made.told())
        await self._doors.tables.save([revised.made])
        await self._doors.tables.save_needs(standing.id, now, revised.needs)

    def _fell_back(self, standing: Standing, model: str, now: float, error: JobFailed) -> None:
        self._doors.tally.count("forecast_fallbacks", horizon="today", reason=error.why)
        self._doors.publish(
            ModelFellBack(
                at=now, queue_id=standing.id, horizon="today", model="update", used=model, reason=error.why,
                detail=str(error)[:DETAIL_MAX],
            )
        )  # fmt: skip


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
