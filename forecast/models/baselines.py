"""The models that nobody may lose to: the same weekday before, and the mean of the last same weekdays. Pure.

Half a week ahead or a week ahead makes no difference to them, and library models of half-hour counts rarely beat them (Taylor 2008, "A
comparison of univariate time series methods for forecasting intraday arrivals at a call center"). Of holidays they know only that an
ordinary day is not like them: they learn nothing from them and expect of the next one what they expect of any day. Their quantiles come
from what they themselves would have said of the past periods, holidays too, at the same distance.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from forecast.days.calendar import Calendar
from forecast.models.base import LEVELS, CannotFit, Forecast
from forecast.models.saved import pack, pack_counts, unpack, unpack_counts
from forecast.models.spread import root_errors, spread
from forecast.series.counts import Counts, Dates, Floats, Unit
from hotline.errors import Misuse

Integers = NDArray[np.int64]

ERROR_PERIODS = 120
"""So many past periods are looked at for the spread."""
MOST_CYCLES_AHEAD = 6
"""Further ahead the spread is taken to grow no more: the past would not last to measure it."""
KEPT_PERIODS = 800
"""More history does not change what these models say; `save` keeps no more either."""


@dataclass(frozen=True, kw_only=True)
class WeekdayMean:
    """The mean of the last `weeks` known same weekdays (of days and slots)."""

    weeks: int = 8
    name: str = "weekday-mean"

    def fit(self, history: Counts, calendar: Calendar) -> "FittedMean":
        known = without_excluded(history, calendar)
        if not np.isfinite(known.values).any():
            raise CannotFit("nothing is known of this queue")
        return FittedMean(
            model=self,
            history=known.cut(max(0, len(known.periods) - KEPT_PERIODS), len(known.periods)),
            calendar=calendar,
        )

    def load(self, saved: bytes, calendar: Calendar) -> "FittedMean":
        header, arrays = unpack(self.name, saved)
        return FittedMean(model=self, history=unpack_counts(header, arrays), calendar=calendar)


@dataclass(frozen=True, kw_only=True)
class SeasonalNaive(WeekdayMean):
    """The last known same weekday; of months, the same month of the last year in which it is known."""

    weeks: int = 1
    name: str = "seasonal-naive"


@dataclass(frozen=True, kw_only=True)
class FittedMean:
    """A baseline that has its history."""

    model: WeekdayMean
    history: Counts
    calendar: Calendar

    def predict(self, periods: Dates) -> Forecast:
        refuse_past(periods, self.history.periods)
        phases = phase(periods, self.history.unit)
        mean = np.stack([self._recent[int(one)] for one in phases]) if len(periods) else np.empty((0, self._slots))
        ahead = self._cycles_ahead(periods)
        quantiles = np.empty((len(LEVELS), *mean.shape))
        for cycles in np.unique(ahead):
            rows = ahead == cycles
            quantiles[:, rows] = spread(mean[rows], self._errors(int(cycles)))
        return Forecast(
            periods=periods,
            mean=mean,
            quantiles=quantiles,
            starts_min=self.history.starts_min,
            step_min=self.history.step_min,
            model=self.model.name,
        )

    def update(self, more: Counts) -> "FittedMean":
        joined = self.history.extended(without_excluded(more, self.calendar))
        return replace(self, history=joined.cut(max(0, len(joined.periods) - KEPT_PERIODS), len(joined.periods)))

    def save(self) -> bytes:
        header, arrays = pack_counts(self.history)
        return pack(self.model.name, header, arrays)

    @property
    def _slots(self) -> int:
        return len(self.history.starts_min)

    @cached_property
    def _recent(self) -> dict[int, Floats]:
        """The mean of each weekday (or month of the year) as of now."""
        values, phases = self._learnt, phase(self.history.periods, self.history.unit)
        return {one: self._mean(values, phases, one) for one in range(_PHASES[self.history.unit])}

    @cached_property
    def _learnt(self) -> Floats:
        """The history without holidays; all of it where nothing else is known."""
        if self.history.unit == "month":
            return self.history.values
        off = np.isin(self.history.periods, np.array(list(self.calendar.holidays), dtype="datetime64[D]"))
        ordinary = np.where(off[:, None], np.nan, self.history.values)
        return ordinary if np.isfinite(ordinary).any() else self.history.values

    def _mean(self, values: Floats, phases: Integers, one: int) -> Floats:
        """Return the mean of the last known values of each slot in this phase; where there are none, of all phases."""
        same = last_known(values[phases == one], self.model.weeks)
        rest = last_known(values, self.model.weeks)
        flat = values[np.isfinite(values)]
        return np.where(
            np.isfinite(same), same, np.where(np.isfinite(rest), rest, flat.mean() if len(flat) else np.nan)
        )

    def _cycles_ahead(self, periods: Dates) -> Integers:
        """Return how many weeks (years) back the newest same weekday (month) lies, at most `MOST_CYCLES_AHEAD`."""
        unit = self.history.unit
        steps = number(periods, unit) - number(self.history.periods[-1:], unit)
        ahead: Integers = np.clip(-(-steps // _PHASES[unit]), 1, MOST_CYCLES_AHEAD)
        return ahead

    def _errors(self, cycles: int) -> Floats:
        """Return the errors of past forecasts that far ahead (N, S), on the square-root scale."""
        unit, values = self.history.unit, self.history.values
        phases, numbers = phase(self.history.periods, unit), number(self.history.periods, unit)
        cycle = _PHASES[unit]
        found = []
        for one in range(max(1, len(values) - ERROR_PERIODS), len(values)):
            before = (numbers <= numbers[one] - cycle * cycles) & (phases == phases[one])
            if before.any():
                found.append(root_errors(values[one], last_known(self._learnt[before], self.model.weeks)))
        if not found and cycles > 1:
            return self._errors(cycles - 1)
        return np.stack(found) if found else np.empty((0, self._slots))


_PHASES = {"slot": 7, "day": 7, "month": 12}


def phase(periods: Dates, unit: Unit) -> Integers:
    """Return the day of the week (Monday is 0) of days, the month of the year (January is 0) of months."""
    if unit == "month":
        return periods.astype("datetime64[M]").astype(np.int64) % 12
    return (periods.astype("datetime64[D]").astype(np.int64) + 3) % 7


def number(periods: Dates, unit: Unit) -> Integers:
    """Return running numbers of days or months."""
    return periods.astype("datetime64[M]" if unit == "month" else "datetime64[D]").astype(np.int64)


def last_known(values: Floats, count: int) -> Floats:
    """Return the mean of the last `count` known values of each column (N, S) -> (S,); NaN for a column without any."""
    known = np.isfinite(values)
    rank = known[::-1].cumsum(axis=0)[::-1]
    taken = known & (rank <= count)
    amount = taken.sum(axis=0)
    total = np.where(taken, values, 0.0).sum(axis=0)
    mean: Floats = np.divide(total, amount, out=np.full(values.shape[1], np.nan), where=amount > 0)
    return mean


def without_excluded(history: Counts, calendar: Calendar) -> Counts:
    """Return the history with the days of excluded events (outages) not known."""
    out = np.zeros(len(history.periods), dtype=bool)
    if history.unit != "month":
        for event in calendar.events:
            if event.excluded:
                out |= (history.periods >= np.datetime64(event.first)) & (history.periods <= np.datetime64(event.last))
    return history.with_values(np.where(out[:, None], np.nan, history.values)) if out.any() else history


def refuse_past(periods: Dates, known: Dates) -> None:
    """Raise Misuse when a period to be forecast is not after those known."""
    if len(periods) and periods[0] <= known[-1]:
        raise Misuse(f"{periods[0]} is not after the history, which ends with {known[-1]}")
