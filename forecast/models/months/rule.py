"""The model of months that serves as long as the past says nothing else: sums of days while there are under four years, ARIMA of months after. Pure.

It learns from days or from months, whichever there are. With few years each month of the year was seen a few times only, while the days tell the
level and the week many times over; later the season of the months themselves, with working days and the Spring Festival, knows more.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from forecast.days.calendar import Calendar
from forecast.horizons.aggregate import monthly
from forecast.models.base import Fitted, Forecast, Model
from forecast.models.months.arima_of_months import MonthArima
from forecast.models.months.from_days import MonthsFromDays
from forecast.models.saved import pack, pack_counts, unpack, unpack_counts
from forecast.series.counts import Counts, Dates

LEAST_MONTHS = 48


@dataclass(frozen=True, kw_only=True)
class MonthRule:
    """Sums of days for short histories, ARIMA of months for long ones."""

    name: str = "months"
    short: Model = field(default_factory=MonthsFromDays)
    long: Model = field(default_factory=MonthArima)

    def fit(self, history: Counts, calendar: Calendar) -> "FittedRule":
        months = history if history.unit == "month" else monthly(history)
        enough = int(np.isfinite(months.values).all(axis=1).sum()) >= LEAST_MONTHS
        if history.unit != "month" and not enough:
            return FittedRule(model=self, inner=self.short.fit(history, calendar), tail=history.cut(0, 0), by_days=True)
        inner = self.long.fit(months, calendar)
        return FittedRule(model=self, inner=inner, tail=_unfinished(history), by_days=False)

    def load(self, saved: bytes, calendar: Calendar) -> "FittedRule":
        header, arrays = unpack(self.name, saved)
        by_days = bool(header["by_days"])
        inner = (self.short if by_days else self.long).load(arrays["inner"].tobytes(), calendar)
        return FittedRule(model=self, inner=inner, tail=unpack_counts(header, arrays), by_days=by_days)


def _unfinished(history: Counts) -> Counts:
    """Return the days after the last whole month; none of a history of months."""
    if history.unit == "month" or not len(history.periods):
        return history.cut(0, 0)
    whole = monthly(history).periods
    first = (
        int(np.searchsorted(history.periods, (whole[-1].astype("datetime64[M]") + 1).astype("datetime64[D]")))
        if len(whole)
        else 0
    )
    return history.cut(first, len(history.periods))


@dataclass(frozen=True, kw_only=True)
class FittedRule:
    """The model that serves."""

    model: MonthRule
    inner: Fitted
    tail: Counts
    """Days of a month that is not over yet."""
    by_days: bool

    def predict(self, periods: Dates) -> Forecast:
        return replace(self.inner.predict(periods), model=self.model.name)

    def update(self, more: Counts) -> "FittedRule":
        if self.by_days or more.unit == "month":
            return replace(self, inner=self.inner.update(more))
        days = self.tail.extended(more) if len(self.tail.periods) else more
        return replace(self, inner=self.inner.update(monthly(days)), tail=_unfinished(days))

    def save(self) -> bytes:
        header, arrays = pack_counts(self.tail)
        inner = np.frombuffer(self.inner.save(), np.uint8)
        return pack(self.model.name, {**header, "by_days": self.by_days}, {**arrays, "inner": inner})
