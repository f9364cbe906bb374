"""The duties that take long, for one queue at a time: learn and forecast all horizons, choose the models, score what was said.

When a duty runs is `forecast.service`'s business; what is computed is `forecast.duties.jobs`'s. Here it is put together: read, have it
computed with limits, keep, tell. What a model or its process does wrong ends here: that model is left out, the others are learnt and compared
without it, and that is told (`ModelFellBack`); or what was forecast before stays, and the queue's state says why.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import structlog

from forecast.backtest.picks import Pick
from forecast.books.kept_choice import choice_of, pick_of
from forecast.books.made import dates, day_of, local
from forecast.books.reading import Known
from forecast.books.tables import Choice
from forecast.duties.doors import Doors
from forecast.duties.falls import Fallen, compared_without, learnt_without
from forecast.duties.jobs import (
    HORIZONS,
    Learnt,
    Subject,
    ToChoose,
    ToLearn,
    ToRehearse,
    choose,
    learn,
    rehearse,
    unrehearsed,
)
from forecast.duties.scoring import scores
from forecast.duties.sharing import Sharing, subject_of
from forecast.duties.standing import Standing
from forecast.horizons.aggregate import monthly
from forecast.horizons.plan import Histories, Reach
from forecast.models import table
from forecast.of_settings import weekdays_of
from forecast.processes.pool import JobFailed
from forecast.series.counts import Counts, Unit
from hotline.errors import HotlineError
from hotline.facts import ForecastReason, ModelChosen, ModelFellBack
from hotline.settings import Settings

LEAST_MONTHS = 12
"""With so many imported months months are forecast, even where no days are known."""
DETAIL_MAX = 300
SCORED_DAYS = 3
"""Days are scored again for a while: counts may be corrected, and a night may be missed."""

log = structlog.get_logger(__name__)


def today_of(now: float, zone: str) -> date:
    """Return the local day."""
    return datetime.fromtimestamp(now, ZoneInfo(zone)).date()


class Learning:
    """See the module."""

    def __init__(self, settings: Settings, doors: Doors, sharing: Sharing) -> None:
        self._settings = settings
        self._sharing = sharing
        self._said = settings.forecast
        self._doors = doors

    # --- learn --------------------------------------------------------------------------------------------------------

    async def learn(self, standing: Standing, now: float, reason: ForecastReason) -> bool:
        """Read everything anew, learn from it, forecast all horizons; return whether there is a forecast. The queue's state says why not."""
        try:
            known = standing.known = await self._doors.reader.read(standing.queue, now)
            if self._too_little(standing, known):
                return False
            learnt = await self._learnt(standing, known, now, reason)
            await self._keep(standing, learnt, now)
        except HotlineError as exc:
            self._failed(standing, "learn", exc)
            return False
        finally:
            standing.tried_at = now
        standing.state, standing.why = "ready", ""
        return True

    def _too_little(self, standing: Standing, known: Known) -> bool:
        if known.days >= self._said.least_days or known.months >= LEAST_MONTHS:
            return False
        standing.state = "too_little_history"
        standing.why = f"{known.days} days are known, {self._said.least_days} are needed"
        return True

    def _failed(self, standing: Standing, duty: str, error: HotlineError) -> None:
        standing.state, standing.why = "failed", str(error)
        self._doors.tally.count("forecast_failures", duty=duty)
        log.warning("a duty of the forecaster failed", duty=duty, queue=standing.queue.id, error=str(error))

    async def _learnt(self, standing: Standing, known: Known, now: float, reason: ForecastReason) -> Learnt:
        """Have it learnt, without the models over which that stalls, eats too much or dies; who fell is told."""
        task = self._task(standing, known, now, reason)
        fell: Fallen = {}
        while True:
            try:
                learnt: Learnt = await self._doors.slow.run(learn, task, limit_s=self._said.fit_timeout_s, tells=True)
            except JobFailed as exc:
                left = learnt_without(task, exc, fell)
                if left is None:
                    raise
                task, fell = left
            else:
                break
        for (unit, name), error in fell.items():
            self._fell_back(standing, now, unit, name, learnt, error)
        for unit, name in self._serving(standing):
            if (unit, name) not in fell:
                self._look_who_served(standing, now, unit, name, learnt)
        return learnt

    def _serving(self, standing: Standing) -> Iterator[tuple[Unit, str]]:
        """Yield the model that should serve each unit."""
        for unit in HORIZONS:
            yield unit, self._pick(standing, unit).model

    def _pick(self, standing: Standing, unit: Unit) -> Pick:
        """Return the model of a unit: as it was chosen; before any choice the preferred one, or the first that the settings allow."""
        chosen = standing.picks.get(unit)
        if chosen is not None:
            return chosen
        allowed = self._candidates(unit)
        preferred = table.PREFERRED[unit]
        return Pick(unit=unit, model=preferred if allowed is None or preferred in allowed else allowed[0])

    def _task(self, standing: Standing, known: Known, now: float, reason: ForecastReason) -> ToLearn:
        queue, said = standing.queue, self._said
        return ToLearn(
            subject=self.subject(standing, known, now, reason),
            picks={unit: self._pick(standing, unit) for unit in HORIZONS},
            first=dates([today_of(now, standing.hours.timezone)])[0],
            reach=Reach(slot_days=said.slot_days, days=said.days, months=max(said.months, 1)),
            weekdays=weekdays_of(self._settings, queue),
            months=said.months > 0,
        )

    def subject(self, standing: Standing, known: Known, now: float, reason: ForecastReason) -> Subject:
        """Return the queue as jobs see it."""
        return subject_of(standing, known, self._said, now, reason)

    def _with_whole_days(self, standing: Standing, known: Known, now: float) -> Subject:
        whole = _whole(known.histories, today_of(now, standing.hours.timezone))
        return replace(self.subject(standing, known, now, "chosen"), histories=whole)

    def _look_who_served(self, standing: Standing, now: float, unit: Unit, wanted: str, learnt: Learnt) -> None:
        """Tell of a model that should have served and did not. Months that are sums of days, while there are few of them, are no fall."""
        said = next((s for s in learnt.said if s.startswith(f"{wanted} ")), "")
        if said and learnt.model(HORIZONS[unit]) != wanted:
            self._fell_back(standing, now, unit, wanted, learnt, None, said)

    def _fell_back(
        self,
        standing: Standing,
        now: float,
        unit: Unit,
        model: str,
        learnt: Learnt,
        error: JobFailed | None,
        said: str = "",
    ) -> None:
        horizon = HORIZONS[unit]
        reason = "not_served" if error is None else error.why
        self._doors.tally.count("forecast_fallbacks", horizon=horizon, reason=reason)
        self._doors.publish(
            ModelFellBack(
                at=now, queue_id=standing.id, horizon=horizon, model=model, used=learnt.model(horizon),
                reason=reason, detail=(said or str(error))[:DETAIL_MAX],
            )
        )  # fmt: skip

    async def _keep(self, standing: Standing, learnt: Learnt, now: float) -> None:
        """Keep a forecast and what it asks for, then tell it."""
        await self._doors.tables.save(learnt.made)
        standing.learnt, standing.rest = learnt, None
        standing.made.update({made.horizon: made for made in learnt.made})
        standing.put_alone(
            learnt.needs, since=local(today_of(now, standing.hours.timezone), 0, standing.hours.timezone)
        )
        for made in learnt.made:
            self._doors.tally.count("forecasts_made", horizon=made.horizon)
            self._doors.publish(made.told())
        await self._sharing.count([standing], now)
        staffed = standing.staffing_told(now, None)
        if staffed is not None:
            self._doors.publish(staffed)

    async def rehearse(self, standing: Standing, now: float) -> None:
        """Prepare the updates of the day: how past days went on from where they stood. Where that fails an assumed correlation serves."""
        known, learnt = standing.known, standing.learnt
        if known is None or known.histories.slots is None or learnt is None or learnt.slots is None:
            standing.prepared = None
            return
        task = ToRehearse(subject=self._with_whole_days(standing, known, now), model=learnt.model("half_hour"))
        try:
            standing.prepared = await self._doors.slow.run(rehearse, task, limit_s=self._said.fit_timeout_s)
        except HotlineError as exc:
            standing.prepared = unrehearsed(len(learnt.slots.starts_min))
            self._doors.tally.count("forecast_failures", duty="rehearse")
            log.warning("past days could not be rehearsed", queue=standing.queue.id, error=str(exc))

    # --- choose -------------------------------------------------------------------------------------------------------

    async def restore(self, standings: dict[str, Standing]) -> None:
        """Take over the choices that are kept. Raises the store's errors."""
        for choice in await self._doors.tables.choices():
            standing = standings.get(choice.queue_id)
            pick = pick_of(choice)
            if standing is not None and pick is not None and self._allows(pick):
                standing.picks[pick.unit] = pick

    def _allows(self, pick: Pick) -> bool:
        allowed = self._candidates(pick.unit)
        return allowed is None or pick.model in allowed

    async def choose(self, standing: Standing, now: float) -> bool:
        """Compare the models of each unit and keep what was chosen; return whether anything was. A comparison that fails changes nothing."""
        known = standing.known
        if known is None or standing.state != "ready":
            return False
        done = False
        for unit in HORIZONS:
            try:
                done = await self._choose(standing, known, unit, now) or done
            except HotlineError as exc:
                self._doors.tally.count("forecast_failures", duty="choose")
                log.warning("no model could be chosen", queue=standing.queue.id, unit=unit, error=str(exc))
        return done

    async def _choose(self, standing: Standing, known: Known, unit: Unit, now: float) -> bool:
        if unit == "month" and not self._said.months:
            return False
        before = standing.picks.get(unit)
        task = ToChoose(
            subject=self._with_whole_days(standing, known, now),
            unit=unit,
            previous=self._pick(standing, unit),
            candidates=self._candidates(unit),
        )
        standing.picks[unit] = pick = await self._compared(task)
        choice = choice_of(standing.id, pick, now)
        await self._doors.tables.save_choice(choice)
        self._doors.publish(_chosen(choice, before))
        return True

    async def _compared(self, task: ToChoose) -> Pick:
        """Have the models of a unit compared, without those over which that stalls, eats too much or dies; without the baseline nothing is compared."""
        while True:
            try:
                return await self._doors.slow.run(choose, task, limit_s=self._said.choose_timeout_s, tells=True)
            except JobFailed as exc:
                left = compared_without(task, exc)
                if left is None:
                    raise
                self._doors.tally.count("forecast_failures", duty="choose")
                log.warning("a model is not compared", queue=task.subject.queue_id, model=exc.at[1], error=str(exc))
                task = left

    def _candidates(self, unit: Unit) -> tuple[str, ...] | None:
        """Return those of the settings that forecast this unit; None: they name none, and all take part that do so by default."""
        return tuple(name for name in self._said.models if name in table.names(unit)) or None

    # --- score --------------------------------------------------------------------------------------------------------

    async def score(self, standing: Standing, now: float) -> None:
        """Keep what forecasts of the last days were worth. Raises the store's errors."""
        if standing.known is None:
            return
        zone, today = standing.hours.timezone, today_of(now, standing.hours.timezone)
        histories = standing.known.histories.filled()
        day = today - timedelta(days=SCORED_DAYS)
        since, until = local(day, 0, zone), local(today, 0, zone)
        tables, queue = self._doors.tables, standing.id
        found, local_zone = [], ZoneInfo(zone)
        if histories.slots is not None:
            said = await tables.said(queue, ("today", "half_hour"), since, until)
            found += scores(said, came(histories.slots, zone, first=day), local_zone)
        if histories.days is not None:
            found += scores(
                await tables.said(queue, ("day",), since, until), came(histories.days, zone, first=day), local_zone
            )
            month = today.replace(day=1)
            first = (month - timedelta(days=1)).replace(day=1)
            said = await tables.said(queue, ("month",), local(first, 0, zone), local(month, 0, zone))
            found += scores(said, came(monthly(histories.days), zone, first=first), local_zone)
        await tables.save_scores(found)


def _whole(histories: Histories, today: date) -> Histories:
    """Return the histories without the day that is not over."""
    (first,) = dates([today])
    return Histories(
        slots=None if histories.slots is None else histories.slots.until(first),
        days=None if histories.days is None else histories.days.until(first),
        months=histories.months,
    )


def came(counts: Counts, zone: str, *, first: date) -> dict[float, float]:
    """Return what came in each interval that is known, from a day on, by when it began."""
    late = counts.periods >= dates([first])[0]
    known = np.argwhere(np.isfinite(counts.values) & late[:, None])
    return {local(day_of(counts.periods[p]), counts.starts_min[s], zone): float(counts.values[p, s]) for p, s in known}


def _chosen(choice: Choice, before: Pick | None) -> ModelChosen:
    return ModelChosen(
        at=choice.chosen_at, queue_id=choice.queue_id, horizon=choice.horizon, model=choice.model,
        before=before.model if before is not None else "", wape=choice.wape, reason=choice.reason[:DETAIL_MAX],
    )  # fmt: skip
