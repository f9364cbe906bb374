"""The forecast of one queue over all horizons, in agreement: half hours of two weeks, days of a month, months of a year. Pure.

Each unit has its own model (the pick of the automatic choice). The half hours of a day sum to the day, the days of a month (those that have been,
too) to the month. What does not serve is replaced, and that is said. The rest of today is `forecast.today`'s part: it starts from `slots`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from forecast.backtest.picks import Pick, stretched
from forecast.days.calendar import Calendar
from forecast.horizons.aggregate import coming_days, coming_months, monthly, open_weekdays
from forecast.horizons.reconcile import SAME_DAY, SAME_MONTH, Sum, agreed, deviation, deviation_of_sum, moved
from forecast.models import table
from forecast.models.base import LEVELS, CannotFit, Fitted, Forecast
from forecast.models.guard import Guarded, MakeModel, Trying, ladder, serve
from forecast.models.spread import ascending
from forecast.series.counts import Counts, Dates, Floats, Unit

LEAST_MONTHS = 24
"""With fewer known months a model of months has nothing to see a year in: the days are summed instead."""
_NORMAL = np.array([-1.959964, -1.644854, -1.281552, -0.674490, 0.0, 0.674490, 1.281552, 1.644854, 1.959964])


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How far to forecast."""

    slot_days: int = 14
    """Calendar days with half hours, the first included."""
    days: int = 30
    """Calendar days; days go on to the end of the month in which the last of them lies, so that months have all their days."""
    months: int = 12


@dataclass(frozen=True, kw_only=True, eq=False)
class Histories:
    """What is known of a queue; days and months are made from the slots where they are not given."""

    slots: Counts | None = None
    days: Counts | None = None
    """Longer than the slots where somebody imported it."""
    months: Counts | None = None

    def filled(self) -> "Histories":
        """Return the histories with days and months made where they are missing."""
        days = self.days if self.days is not None else self.slots.daily() if self.slots is not None else None
        months = self.months if self.months is not None else monthly(days) if days is not None else None
        return replace(self, days=days, months=months)


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """All forecasts of a queue, as made for `first`. A unit without any history is None."""

    first: np.datetime64
    slots: Forecast | None
    days: Forecast | None
    months: Forecast | None
    known_of_month: float = 0.0
    """Calls of the first month that had come before `first`: the first month is these and its days."""
    said: tuple[str, ...] = ()
    """One sentence for each model that did not serve."""


def plan(
    histories: Histories,
    calendar: Calendar,
    picks: Mapping[Unit, Pick],
    *,
    first: np.datetime64,
    reach: Reach | None = None,
    weekdays: Collection[int] | None = None,
    without: Mapping[Unit, Collection[str]] | None = None,
    make: MakeModel = table.make,
    trying: Trying | None = None,
) -> Plan:
    """Return all forecasts of a queue in agreement.

    Args:
        histories: what came before `first`; later periods in it are not looked at.
        calendar: of the past and of what is to come.
        picks: the automatic choice; a unit without one takes the model that is preferred as long as nothing is known
            (`forecast.models.table.PREFERRED`).
        first: the first day to forecast (today, before the first call).
        reach: how far.
        weekdays: the open days of the week, Monday is 0; None: those of the last weeks.
        without: models that must not be tried (they stalled), by unit.
        make: how a name becomes a model.
        trying: told before each model that is tried.

    Raises:
        CannotFit: nothing is known at all.
    """
    work = _Work(
        histories=_before(histories, first),
        calendar=calendar,
        picks=picks,
        first=first,
        reach=reach or Reach(),
        without=without or {},
        make=make,
        trying=trying,
    )
    return work.plan(weekdays)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Work:
    histories: Histories
    calendar: Calendar
    picks: Mapping[Unit, Pick]
    first: np.datetime64
    reach: Reach
    without: Mapping[Unit, Collection[str]]
    make: MakeModel
    trying: Trying | None
    said: list[str] = field(default_factory=list)

    def plan(self, weekdays: Collection[int] | None) -> Plan:
        pattern = self.histories.slots if self.histories.slots is not None else self.histories.days
        if pattern is None or not len(pattern.periods):
            if self.histories.months is None or not len(self.histories.months.periods):
                raise CannotFit("nothing is known of this queue")
            months = self._serve("month", self.histories.months, coming_months(self.first, self.reach.months)).forecast
            return Plan(first=self.first, slots=None, days=None, months=months, said=tuple(self.said))
        weekdays = open_weekdays(pattern) if weekdays is None else weekdays
        slots = self._slots(weekdays)
        last = (self.first + max(self.reach.days, self.reach.slot_days) - 1).astype("datetime64[M]") + 1
        coming = coming_days(self.first, last.astype("datetime64[D]"), self.calendar, weekdays)
        assert self.histories.days is not None
        days = self._serve("day", self.histories.days, coming)
        months = self._months(days.fitted, weekdays)
        return self._agree(slots, days.forecast, months)

    def _slots(self, weekdays: Collection[int]) -> Forecast | None:
        if self.histories.slots is None:
            return None
        stop = self.first + self.reach.slot_days
        coming = coming_days(self.first, stop, self.calendar, weekdays)
        return self._serve("slot", self.histories.slots, coming).forecast

    def _serve(self, unit: Unit, history: Counts, coming: Dates) -> Guarded:
        pick = self.picks.get(unit) or Pick(unit=unit, model=table.PREFERRED[unit])
        names = ladder(unit, pick.model, self.without.get(unit, ()), [name for name, _ in pick.wapes])
        found = serve(
            names,
            history,
            self.calendar,
            coming,
            unit=unit,
            daily=self.histories.days,
            make=self.make,
            trying=self.trying,
        )
        self.said.extend(found.said)
        if found.model != pick.model:
            return found
        return replace(found, forecast=stretched(found.forecast, pick.stretch))

    def _months(self, days: Fitted, weekdays: Collection[int]) -> Forecast:
        """Return the base forecast of the months: a model of months, or the sums of the days while there are too few months."""
        coming = coming_months(self.first, self.reach.months)
        known = self.histories.months
        pick = self.picks.get("month")
        learns_days = table.line("month", pick.model if pick else table.PREFERRED["month"]).learns == "day"
        if known is not None and (learns_days or np.isfinite(known.values).sum() >= LEAST_MONTHS):
            try:
                return self._serve("month", known, coming).forecast
            except CannotFit as exc:
                self.said.append(f"months are sums of days: {exc}")
        stop = (coming[-1].astype("datetime64[M]") + 1).astype("datetime64[D]")
        found = days.predict(coming_days(self.first, stop, self.calendar, weekdays))
        return _summed(found, coming, self._known_of_month())

    def _known_of_month(self) -> float:
        days = self.histories.days
        assert days is not None
        here = days.periods >= self.first.astype("datetime64[M]").astype("datetime64[D]")
        return float(np.nansum(days.values[here]))

    def _agree(self, slots: Forecast | None, days: Forecast, months: Forecast) -> Plan:
        """Return the forecasts with means that sum up."""
        parts = [] if slots is None else [slots.mean.ravel()]
        sigmas = [] if slots is None else [deviation(slots).ravel()]
        at_days = sum(len(one) for one in parts)
        at_months = at_days + len(days.periods)
        sums = [] if slots is None else _sums_of_slots(slots, days, at_days)
        known = self._known_of_month()
        sums += _sums_of_days(days, months, at_days, at_months, known)
        mean = np.concatenate([*parts, days.mean[:, 0], months.mean[:, 0]])
        found = agreed(mean, np.concatenate([*sigmas, deviation(days)[:, 0], deviation(months)[:, 0]]), sums)
        return Plan(
            first=self.first,
            slots=None if slots is None else moved(slots, found[:at_days].reshape(slots.mean.shape)),
            days=moved(days, found[at_days:at_months, None]),
            months=_narrowed(moved(months, found[at_months:, None]), days, known),
            known_of_month=known,
            said=tuple(self.said),
        )


def _before(histories: Histories, first: np.datetime64) -> Histories:
    """Return what was known before `first`; the month of `first` is no whole month yet."""
    cut = Histories(
        slots=histories.slots.until(first) if histories.slots is not None else None,
        days=histories.days.until(first) if histories.days is not None else None,
        months=histories.months.until(first.astype("datetime64[M]").astype("datetime64[D]"))
        if histories.months is not None
        else None,
    ).filled()
    month = first.astype("datetime64[M]").astype("datetime64[D]")
    return replace(cut, months=cut.months.until(month) if cut.months is not None else None)


def _sums_of_slots(slots: Forecast, days: Forecast, at_days: int) -> list[Sum]:
    width = slots.mean.shape[1]
    found = []
    for number, day in enumerate(slots.periods):
        total = at_days + int(np.searchsorted(days.periods, day))
        found.append(Sum(total=total, parts=np.arange(number * width, (number + 1) * width), together=SAME_DAY))
    return found


def _sums_of_days(days: Forecast, months: Forecast, at_days: int, at_months: int, known: float) -> list[Sum]:
    """Return the sums of the months that have all their days among those forecast."""
    belongs = days.periods.astype("datetime64[M]")
    found = []
    for number, month in enumerate(months.periods.astype("datetime64[M]")):
        parts = np.flatnonzero(belongs == month)
        if len(parts) or number == 0:
            found.append(
                Sum(
                    total=at_months + number,
                    parts=at_days + parts,
                    known=known if number == 0 else 0.0,
                    together=SAME_MONTH,
                )
            )
    return found


def _narrowed(months: Forecast, days: Forecast, known: float) -> Forecast:
    """Return the months no less sure than the days they consist of; the first is at least what has come."""
    belongs, sigma = days.periods.astype("datetime64[M]"), deviation(days)[:, 0]
    own, quantiles = deviation(months)[:, 0], months.quantiles.copy()
    for number, month in enumerate(months.periods.astype("datetime64[M]")):
        if number and not (belongs == month).any():
            break
        factor = min(1.0, deviation_of_sum(sigma[belongs == month], SAME_MONTH) / own[number])
        quantiles[:, number] = months.mean[number] + factor * (quantiles[:, number] - months.mean[number])
    quantiles[:, 0] = np.clip(quantiles[:, 0], known, None)
    return replace(months, quantiles=quantiles)


def _summed(days: Forecast, months: Dates, known: float) -> Forecast:
    """Return the months as sums of days, and of what has come in the first month."""
    belongs, sigma = days.periods.astype("datetime64[M]"), deviation(days)[:, 0]
    mean, width = np.zeros((len(months), 1)), np.zeros((len(months), 1))
    for number, month in enumerate(months.astype("datetime64[M]")):
        here = belongs == month
        mean[number] = days.mean[here].sum() + (known if number == 0 else 0.0)
        width[number] = deviation_of_sum(sigma[here], SAME_MONTH)
    quantiles: Floats = ascending(np.clip(mean[None] + _NORMAL[:, None, None] * width[None], 0.0, None))
    assert quantiles.shape[0] == len(LEVELS)
    return Forecast(periods=months, mean=mean, quantiles=quantiles, model=f"{days.model} summed")
