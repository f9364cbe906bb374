"""The months of a history as an unbroken row, and the scale on which a model of months works. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models.base import LEVELS, CannotFit
from forecast.models.baselines import refuse_past
from forecast.series.counts import Counts, Dates, Floats

MOST_EXCLUDED = 0.1
"""A month of which a greater share lies in excluded events (an outage) is not learnt from."""

NORMAL = np.array([-1.959964, -1.644854, -1.281552, -0.674490, 0.0, 0.674490, 1.281552, 1.644854, 1.959964])
"""The quantiles LEVELS of the normal distribution."""

PRIOR_ERRORS = 60.0
"""So many errors does the assumption count that they are normal."""

MOST_DEVIATION = 1.0
"""On the logarithmic scale no forecast is taken to be less certain than by the factor e: beyond, the mean would explode."""


def grid(
    history: Counts, calendar: Calendar, memory: int | None = None, *, after: np.datetime64 | None = None
) -> tuple[Dates, Floats]:
    """Return every month from the first known one (or from the one after `after`) to the last, and its calls (N,), NaN where not known.

    With `memory`, the last so many months. Raises CannotFit when nothing is known.
    """
    values = _without_excluded(history, calendar)
    given = history.periods.astype("datetime64[M]")
    if after is not None:
        first = after.astype("datetime64[M]") + 1
    elif np.isfinite(values).any():
        first = given[np.flatnonzero(np.isfinite(values))[0]]
    else:
        raise CannotFit("no month of this queue is known")
    if memory is not None:
        first = max(first, given[-1] - (memory - 1))
    months = np.arange(first, given[-1] + 1)
    y = np.full(len(months), np.nan)
    kept = given >= first
    y[(given[kept] - first).astype(np.int64)] = values[kept]
    return months.astype("datetime64[D]"), y


def longer(months: Dates, y: Floats, more: Counts, calendar: Calendar) -> tuple[Dates, Floats]:
    """Return the months and calls of a history and of what comes after it. Raises Misuse for months that do not come after it."""
    if not len(more.periods):
        return months, y
    refuse_past(more.periods, months)
    added, calls = grid(more, calendar, after=months[-1])
    return np.concatenate([months, added]), np.concatenate([y, calls])


def _without_excluded(history: Counts, calendar: Calendar) -> Floats:
    values: Floats = history.values.sum(axis=1)
    for event in calendar.events:
        if event.excluded:
            days = np.arange(np.datetime64(event.first), np.datetime64(event.last) + 1).astype("datetime64[M]")
            months = history.periods.astype("datetime64[M]")
            share = np.array([(days == month).sum() for month in months]) / 30.0
            values = np.where(share > MOST_EXCLUDED, np.nan, values)
    return values


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A scale: the logarithm, the square root or the counts themselves."""

    name: Literal["log", "root", "level"]
    handicap: float = 0.0
    """What its criterion must be better by."""

    def can(self, y: Floats) -> bool:
        """Return whether these values can be on this scale: no logarithm where there were none or hardly any."""
        return self.name != "log" or float(np.nanmin(y)) >= 1.0

    def forth(self, y: Floats) -> Floats:
        """Return the values on this scale."""
        if self.name == "log":
            return np.asarray(np.log(np.where(y > 0, y, np.nan)))
        return np.sqrt(y) if self.name == "root" else y.copy()

    def back(self, z: Floats) -> Floats:
        """Return values on this scale as calls, at least 0."""
        if self.name == "log":
            return np.asarray(np.exp(np.minimum(z, 700.0)))
        positive = np.maximum(z, 0.0)
        return positive**2 if self.name == "root" else positive

    def jacobian(self, y: Floats) -> float:
        """Return the sum of the logarithms of the derivative: what makes likelihoods of different scales comparable."""
        known = y[np.isfinite(y)]
        if self.name == "log":
            return -float(np.log(known).sum())
        return -float(np.log(2 * np.sqrt(np.maximum(known, 0.25))).sum()) if self.name == "root" else 0.0

    def spread(self, center: Floats, deviation: Floats, standard: Floats) -> tuple[Floats, Floats]:
        """Return the mean (H,) and the quantiles (levels, H) of calls, from the median and standard deviation on this scale."""
        wide = np.minimum(deviation, MOST_DEVIATION) if self.name == "log" else deviation
        quantiles = self.back(center[None] + standard[:, None] * wide[None])
        if self.name == "log":
            mean = self.back(center + wide**2 / 2)
        elif self.name == "root":
            mean = self.back(center) + wide**2
        else:
            mean = self.back(center)
        return mean, np.maximum.accumulate(quantiles, axis=0)


SCALES: Mapping[str, Scale] = {
    "log": Scale(name="log"),
    "root": Scale(name="root"),
    "level": Scale(name="level"),
}


def shape(errors: Floats) -> Floats:
    """Return the quantiles (LEVELS) of standardised errors: what was seen, drawn towards the normal while little was."""
    if len(errors) < 2:
        return NORMAL
    seen: Floats = np.quantile(errors, LEVELS, method="weibull")
    weight = len(errors) / (len(errors) + PRIOR_ERRORS)
    return np.asarray(weight * seen + (1 - weight) * NORMAL)
