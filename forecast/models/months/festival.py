"""What the calendar of a month says: its open days, its working days, and how much of the Spring Festival falls into it. Pure.

Only numbers for regressions are made here; which of them a series needs is decided on its history (`forecast.models.months.arima_of_months`).

Theory:
* Festival windows as `genhol` of the X-12-ARIMA utilities does them: each day of a window (before, during, after the first day of the Chinese year) weighs
  the same, a month's value is its share of the window, less the long-run mean of that share in this month of the year, so that the
  seasonal pattern stays with the seasonal terms (Lin & Liu 2002, Modeling and Seasonal Adjustment of Chinese Moving Holidays; Findley & Soukup 2000).
* The long-run mean needs no table: the festival is the new moon between 21 January and 20 February, and over the 19 years of the Metonic
  cycle it comes about equally often on each of these days.
* Working days as the Bundesbank counts them: days on which people work, holidays and make-up workdays taken into account, as a
  logarithm (an elasticity), less what is usual for the month.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from forecast.days.calendar import Calendar
from forecast.series.counts import Dates, Floats

Window = tuple[int, int]
"""First and last day of a window, counted from the first day of the Chinese year (0)."""

BEFORE: Window = (-6, -1)
DURING: Window = (0, 6)
AFTER: Window = (7, 14)

WINDOW_SETS: tuple[tuple[Window, ...], ...] = (
    (),
    (DURING,),
    (BEFORE, DURING),
    (DURING, AFTER),
    (BEFORE, DURING, AFTER),
)
"""What the automatic choice tries: none, the holiday week, and with the days before and after."""

_EARLIEST, _DAYS = (1, 21), 31
"""The first day of the Chinese year is one of the 31 days from 21 January on."""

LENGTH_OF_FEBRUARY = 28.25
_FEBRUARY = 2


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Which calendar regressors a model of months has."""

    length: bool = False
    """The open days of the month; without closed days that is the leap year."""
    work: bool = False
    """The working days of the month."""
    windows: tuple[Window, ...] = ()
    """Of the Spring Festival."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns of `columns`, in order."""
        plain = [name for name, wanted in (("length", self.length), ("work", self.work)) if wanted]
        return (*plain, *(f"festival {first}..{last}" for first, last in self.windows))

    def columns(self, months: Dates, calendar: Calendar) -> Floats:
        """Return the regressors (N, K) of months (first days)."""
        made: list[Floats] = []
        if self.length:
            made.append(_length(months, calendar))
        if self.work:
            made.append(_work(months, calendar))
        made.extend(share(months, calendar.spring_festivals, window) for window in self.windows)
        return np.column_stack(made) if made else np.zeros((len(months), 0))


def share(months: Dates, festivals: Sequence[date], window: Window) -> Floats:
    """Return how much of the window lies in each month (N,), less the long-run mean of that month of the year."""
    first, last = window
    wanted = months.astype("datetime64[M]")
    starts = np.array(festivals, dtype="datetime64[D]")
    days = (starts[:, None] + np.arange(first, last + 1)[None]).ravel().astype("datetime64[M]")
    size = last - first + 1
    counted = np.array([(days == month).sum() for month in wanted], dtype=np.float64) / size
    return counted - _usual_share(window)[wanted.astype(np.int64) % 12]


def _usual_share(window: Window) -> Floats:
    """Return the mean share of the window in each month of the year (12,), January first."""
    first, last = window
    starts = np.datetime64("2001-01-01") + (_EARLIEST[1] - 1) + np.arange(_DAYS)
    days = (starts[:, None] + np.arange(first, last + 1)[None]).ravel()
    months = days.astype("datetime64[M]").astype(np.int64) % 12
    return np.bincount(months, minlength=12) / len(days)


def open_days(month: np.datetime64, calendar: Calendar) -> list[date]:
    """Return the days of a month on which the queue is open."""
    first = month.astype("datetime64[M]")
    days = np.arange(first.astype("datetime64[D]"), (first + 1).astype("datetime64[D]"))
    return [day for day in days.tolist() if day not in calendar.closed]


def _length(months: Dates, calendar: Calendar) -> Floats:
    """Return log(open days / the usual length of the month)."""
    usual = np.array([_usual_length(month) for month in months])
    there = np.array([len(open_days(month, calendar)) for month in months], dtype=np.float64)
    return np.asarray(np.log(np.maximum(there, 1.0) / usual))


def _usual_length(month: np.datetime64) -> float:
    first = month.astype("datetime64[M]")
    if first.astype(np.int64) % 12 + 1 == _FEBRUARY:
        return LENGTH_OF_FEBRUARY
    return float(((first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")).astype(np.int64))


def _work(months: Dates, calendar: Calendar) -> Floats:
    """Return log(working days / the share of the month that weekdays usually make)."""
    usual = np.array([_usual_length(month) for month in months]) * (7 - len(calendar.weekend)) / 7
    there = [sum(not calendar.is_off(day) for day in open_days(month, calendar)) for month in months]
    return np.asarray(np.log(np.maximum(np.array(there, dtype=np.float64), 1.0) / np.maximum(usual, 1.0)))
