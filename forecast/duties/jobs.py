"""What is computed in a process of the pool: functions of what they are given. Pure, but for the stopwatch of the comparison.

Each takes one record and returns one, both of plain data, so that a test calls them as they are.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from forecast.backtest.picks import Pick
from forecast.backtest.protocol import each_period
from forecast.backtest.rechoose import rechoose
from forecast.backtest.runner import Material, track
from forecast.books.made import Made, Row, day_of, local, rows_of
from forecast.books.tables import Need
from forecast.days.calendar import Calendar
from forecast.horizons.plan import Histories, Reach, plan
from forecast.models.base import CannotFit, Forecast
from forecast.of_settings import calendar_of
from forecast.processes.worker import Tell
from forecast.series.counts import Floats, Unit
from forecast.series.opening import open_slots
from forecast.today.updating import Prepared, prepare
from hotline.errors import Misuse
from hotline.facts import ForecastReason, Horizon
from hotline.hours import Hours
from hotline.ids import QueueId
from hotline.runtime.clock import stopwatch
from hotline.settings.forecasting import Forecasting
from hotline.settings.queues import Queue

if TYPE_CHECKING:  # Erlang's formulas need SciPy: only the process that computes them loads it
    from forecast.staffing.plan import Staffing
    from forecast.staffing.rules import Rules

YEARS_AHEAD = 4
"""Months are forecast up to three years ahead."""
REHEARSED_DAYS = 80
"""The errors of so many past days teach how the rest of a day follows from its beginning."""
REHEARSED_FITS = 4
"""With so many fits; in between the model is updated."""

HORIZONS: Mapping[Unit, Horizon] = {"slot": "half_hour", "day": "day", "month": "month"}
"""The horizon that a unit is told under; `today` is made from slots."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """The queue, and what is known of it."""

    queue_id: QueueId
    hours: Hours
    histories: Histories
    queue: Queue
    house: Forecasting
    """The settings of the calendar, and of what staffing is asked for."""
    handling_s: float | None
    handling_cv: float
    patience_s: float | None
    """What was measured of the queue's calls; None: nothing yet."""
    made_at: float
    reason: ForecastReason
    until: float | None
    """Up to when the history goes."""

    def calendar(self) -> Calendar:
        """Return the calendar of every year that history or forecast touch. Raises Misuse for a country that is not known."""
        last = datetime.fromtimestamp(self.made_at, UTC).year + YEARS_AHEAD
        h = self.histories
        firsts = [c.periods[0] for c in (h.slots, h.days, h.months) if c is not None and len(c.periods)]
        first = min((day_of(period).year for period in firsts), default=last)
        return calendar_of(self.house, self.hours, range(first - 1, last + 1))


@dataclass(frozen=True, kw_only=True, eq=False)
class ToLearn:
    """Learn from all that is known before `first`, and forecast everything from there on."""

    subject: Subject
    picks: Mapping[Unit, Pick]
    first: np.datetime64
    reach: Reach
    weekdays: Collection[int] | None
    months: bool = True
    """Whether months are wanted."""
    without: Mapping[Unit, Collection[str]] = field(default_factory=dict)
    """Models that are not tried: they stalled."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Learnt:
    """All forecasts of a queue."""

    made: tuple[Made, ...]
    needs: tuple[Need, ...]
    slots: Forecast | None
    """The forecast by intervals, as the updates of the day start from it."""
    said: tuple[str, ...]
    """One sentence for each model that did not serve."""

    def model(self, horizon: Horizon) -> str:
        """Return which model served; empty: none did."""
        return next((made.model for made in self.made if made.horizon == horizon), "")


@dataclass(frozen=True, kw_only=True, eq=False)
class ToChoose:
    """Compare the models of a unit on the queue's own history."""

    subject: Subject
    """With whole days only."""
    unit: Unit
    previous: Pick | None
    candidates: tuple[str, ...] | None
    """None: those that take part by default."""
    without: Collection[str] = ()
    """Those that are not compared: they stalled."""


def choose(task: ToChoose, tell: Tell) -> Pick:
    """Return the pick for the time to come; tell each model before it is tried (unit, name)."""
    return rechoose(
        task.subject.histories,
        task.subject.calendar(),
        task.unit,
        previous=task.previous,
        watch=stopwatch(),
        candidates=task.candidates,
        without=task.without,
        trying=tell,
    )


def learn(task: ToLearn, tell: Tell) -> Learnt:
    """Return all forecasts; tell each model before it is tried (unit, name). Raises CannotFit when nothing is known."""
    subject = task.subject
    found = plan(
        subject.histories,
        subject.calendar(),
        task.picks,
        first=task.first,
        reach=task.reach,
        weekdays=task.weekdays,
        without=task.without,
        trying=tell,
    )
    tell("staffing")
    parts: tuple[tuple[Horizon, Forecast | None], ...] = (
        ("half_hour", found.slots),
        ("day", found.days),
        ("month", found.months if task.months else None),
    )
    return Learnt(
        made=tuple(_made(subject, horizon, forecast) for horizon, forecast in parts if forecast is not None),
        needs=() if found.slots is None else needs_of(found.slots, subject),
        slots=found.slots,
        said=found.said,
    )


def _made(subject: Subject, horizon: Horizon, forecast: Forecast) -> Made:
    return Made(
        queue_id=subject.queue_id,
        horizon=horizon,
        made_at=subject.made_at,
        model=forecast.model,
        reason=subject.reason,
        history_until=subject.until,
        step_min=forecast.step_min,
        rows=rows_of(forecast, horizon, subject.hours.timezone),
    )


def needs_of(forecast: Forecast, subject: Subject) -> tuple[Need, ...]:
    """Return what each open interval of a forecast needs."""
    from forecast.staffing.plan import plan as staff

    rules = rules_for(subject)
    opened = open_slots(subject.hours, forecast.periods, forecast.starts_min, forecast.step_min)
    staffed = staff(forecast, rules, is_open=opened)
    places = places_of(forecast, subject)
    found = []
    for row in rows_of(forecast, "half_hour", subject.hours.timezone):
        p, s = places[row.starts_at]
        if opened[p, s]:
            found.append(_need(row, staffed, p, s, rules.work.handling_s))
    return tuple(found)


def rules_for(subject: Subject) -> "Rules":
    """Return what staffing is asked for: what was measured counts, then the settings."""
    from forecast.staffing.rules import rules_of

    return rules_of(
        subject.queue,
        subject.house,
        handling_s=subject.handling_s,
        handling_cv=subject.handling_cv,
        patience_s=subject.patience_s,
    )


def places_of(forecast: Forecast, subject: Subject) -> dict[float, tuple[int, int]]:
    """Return the place of each row in the arrays of the forecast, by when it begins."""
    zone = subject.hours.timezone
    return {
        local(day_of(period), start, zone): (p, s)
        for p, period in enumerate(forecast.periods)
        for s, start in enumerate(forecast.starts_min)
    }


def _need(row: Row, staffed: "Staffing", p: int, s: int, handling_s: float) -> Need:
    level = float(staffed.expected.service_level[p, s])
    return Need(
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        calls=row.mean,
        handling_s=handling_s,
        required=int(staffed.agents[p, s]),
        low=int(staffed.low[p, s]),
        high=int(staffed.high[p, s]),
        to_schedule=int(staffed.paid[p, s]),
        service_level=level if np.isfinite(level) else None,
    )


# --- today ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class ToRehearse:
    """Find out how the rest of past days followed from their beginning."""

    subject: Subject
    """With whole days only, by intervals."""
    model: str
    """The model whose forecasts are updated."""


def rehearse(task: ToRehearse) -> Prepared:
    """Return what the updates of a day need; with too few days an assumed correlation."""
    history = task.subject.histories.slots
    if history is None:
        raise CannotFit("there are no intervals to update")
    try:
        protocol = each_period(history, REHEARSED_DAYS, refit_every=REHEARSED_DAYS // REHEARSED_FITS)
    except Misuse:
        return unrehearsed(len(history.starts_min))
    material = Material(counts=history, calendar=task.subject.calendar())
    said = track(material, protocol, task.model, watch=stopwatch())
    expected = said.mean[:, 0]
    there = np.isfinite(expected).all(axis=1)
    return prepare(history.values[protocol.origins][there], expected[there])


def unrehearsed(slots: int) -> Prepared:
    """Return what updates need where nothing was rehearsed."""
    nothing: Floats = np.empty((0, slots))
    return prepare(nothing, nothing)


@dataclass(frozen=True, kw_only=True, eq=False)
class ToRevise:
    """Forecast the rest of a day."""

    subject: Subject
    forecast: Forecast
    """Of that one day, as it began."""
    prepared: Prepared
    observed: Floats
    """(S,): NaN for what is not over or not known."""
    now: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Revised:
    """The rest of a day."""

    made: Made
    needs: tuple[Need, ...]
    rest: Forecast
    """The same as `made`, as staffing is counted from it."""


def revise(task: ToRevise) -> Revised:
    """Return the forecast of the rest of the day, and what it needs."""
    updated = task.prepared.update(task.forecast, task.observed)
    rest = _rest(updated, task)
    return Revised(
        made=_made(task.subject, "today", rest),
        needs=needs_of(rest, task.subject) if rest.starts_min else (),
        rest=rest,
    )


def _rest(day: Forecast, task: ToRevise) -> Forecast:
    """Return the intervals of a day that are not over: what is over needs nobody any more."""
    zone, date = task.subject.hours.timezone, day_of(day.periods[0])
    left = [s for s, start in enumerate(day.starts_min) if local(date, start + day.step_min, zone) > task.now]
    return replace(
        day,
        mean=day.mean[:, left],
        quantiles=day.quantiles[:, :, left],
        starts_min=tuple(day.starts_min[s] for s in left),
    )
