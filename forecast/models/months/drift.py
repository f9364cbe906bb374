"""The same month of the year before, moved on by what the year has changed: the seasonal naive forecast with drift. Pure.

    z_(t+h) = z_(t+h-12k) + k (mean of the last year - mean of the year before) / 2^k'

on the logarithm of the calls (their root where there were none). The drift is halved, because a year's growth goes on about half the time (damping,
Gardner & McKenzie 1985). The spread is that of the same forecast in the past.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models.base import CannotFit, Forecast
from forecast.models.baselines import refuse_past
from forecast.models.months.arima_of_months import YEAR, steps_ahead
from forecast.models.months.scale import SCALES, Scale, grid, longer, shape
from forecast.models.saved import pack, unpack
from forecast.series.counts import Counts, Dates, Floats

LEAST_MONTHS = 13
SHARE = 0.5
"""How much of a year's change is expected again."""
PRIOR_ERRORS, PRIOR_DEVIATION = 6.0, 0.1
"""The deviation on the logarithmic scale that is assumed, and how many errors the assumption counts."""


@dataclass(frozen=True, kw_only=True)
class SeasonalDrift:
    """The seasonal naive forecast with half the drift of the last year."""

    name: str = "naive-drift"
    memory: int = 120

    def fit(self, history: Counts, calendar: Calendar) -> "FittedDrift":
        months, y = grid(history, calendar, self.memory)
        if int(np.isfinite(y).sum()) < LEAST_MONTHS:
            raise CannotFit(f"a seasonal forecast with drift needs {LEAST_MONTHS} known months")
        return FittedDrift(model=self, calendar=calendar, months=months, y=y)

    def load(self, saved: bytes, calendar: Calendar) -> "FittedDrift":
        _, arrays = unpack(self.name, saved)
        return FittedDrift(model=self, calendar=calendar, months=arrays["months"], y=arrays["y"])


@dataclass(frozen=True, kw_only=True)
class FittedDrift:
    """The months it looks back to."""

    model: SeasonalDrift
    calendar: Calendar = field(repr=False)
    months: Dates
    y: Floats

    @property
    def scale(self) -> Scale:
        """The logarithm where every month had calls, else the root."""
        return SCALES["log"] if SCALES["log"].can(self.y) else SCALES["root"]

    def predict(self, periods: Dates) -> Forecast:
        refuse_past(periods, self.months)
        ahead = steps_ahead(periods, self.months[-1])
        z = self.scale.forth(self.y)
        center = np.array([_said(z, int(step)) for step in ahead])
        errors = self._errors(z)
        unit = PRIOR_DEVIATION * (1.0 if self.scale.name == "log" else max(float(np.nanmean(z)), 1.0) / 2)
        noise = (float(errors @ errors) + PRIOR_ERRORS * unit**2) / (len(errors) + PRIOR_ERRORS)
        deviation = np.sqrt(noise * (1 + (ahead - 1) // YEAR))
        mean, quantiles = self.scale.spread(center, deviation, shape(errors / np.sqrt(noise)))
        return Forecast(periods=periods, mean=mean[:, None], quantiles=quantiles[:, :, None], model=self.model.name)

    def update(self, more: Counts) -> "FittedDrift":
        months, y = longer(self.months, self.y, more, self.calendar)
        return replace(self, months=months, y=y)

    def save(self) -> bytes:
        return pack(self.model.name, {}, {"months": self.months, "y": self.y})

    def _errors(self, z: Floats) -> Floats:
        made = [z[at] - _said(z[:at], 1) for at in range(LEAST_MONTHS, len(z)) if np.isfinite(z[at])]
        errors = np.array(made, dtype=np.float64)
        return errors[np.isfinite(errors)]


def _said(z: Floats, step: int) -> float:
    """Return what is said of the month `step` after the end of `z`: the newest known month of that name, and the drift since."""
    drift = _drift(z)
    years = -(-step // YEAR)
    at = len(z) - 1 + step - YEAR * years
    added = 0.0
    for year in range(years):
        added += drift * SHARE ** (year + 1)
    while at >= 0:
        if np.isfinite(z[at]):
            return float(z[at]) + added
        at -= YEAR
    known = z[np.isfinite(z)]
    return float(known[-YEAR:].mean()) + added if len(known) else float("nan")


def _drift(z: Floats) -> float:
    """Return the mean change from each month to the same month a year later, over the last year."""
    change = (z[YEAR:] - z[:-YEAR])[-YEAR:]
    known = change[np.isfinite(change)]
    return float(known.mean()) if len(known) else 0.0
