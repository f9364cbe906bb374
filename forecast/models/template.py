"""A small model that shows how to write one: copy this file. Pure.

What it decides: each weekday and slot has a level that moves slowly; new days move it by a share of what they were off (simple exponential
smoothing, Brown 1959), on the square-root scale, where the noise is about the same at every level (Brown et al. 2005, "Statistical analysis
of a telephone call center", section 4). A day is off as a whole more than each slot by itself, so the errors of a day are measured together.
What it does not do: holidays, trends, months.

The steps, in the order of the file:
1. A frozen record with the hyper-parameters and a `name`; `fit` refuses with `CannotFit` what it cannot learn from; `load` reads what `save` wrote.
2. A frozen record of what was learnt. `predict` gives means and quantiles; `update` continues with the parameters kept; `save` gives arrays and
   plain values to `forecast.models.saved.pack`, never code.
3. A line in `forecast.models.table`. The contract suite then runs over it; your own tests say why the model is right.
"""

from dataclasses import dataclass, replace

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models.base import CannotFit, Forecast
from forecast.models.baselines import phase, refuse_past, without_excluded
from forecast.models.saved import pack, unpack
from forecast.models.spread import spread
from forecast.series.counts import Counts, Dates, Floats

KEPT_ERRORS = 60


@dataclass(frozen=True, kw_only=True)
class SmoothedWeek:
    """Exponential smoothing of each weekday and slot, for units of slots and days."""

    share: float = 0.3
    """How much of an error moves the level: 0 never, 1 is the seasonal naive forecast."""
    name: str = "template"

    def fit(self, history: Counts, calendar: Calendar) -> "FittedWeek":
        if not np.isfinite(history.values).any():
            raise CannotFit("nothing is known of this queue")
        empty = FittedWeek(
            model=self,
            calendar=calendar,
            frame=history.cut(0, 0),
            newest=history.periods[:1] - 1,
            levels=np.full((7, len(history.starts_min)), np.nan),
            errors=np.empty((0, len(history.starts_min))),
        )
        return empty.update(history)

    def load(self, saved: bytes, calendar: Calendar) -> "FittedWeek":
        header, arrays = unpack(self.name, saved)
        frame = Counts(
            unit=header["unit"],
            periods=np.empty(0, dtype="datetime64[D]"),
            values=np.empty((0, len(header["starts_min"]))),
            starts_min=tuple(header["starts_min"]),
            step_min=header["step_min"],
        )
        return FittedWeek(model=self, calendar=calendar, frame=frame, **arrays)


@dataclass(frozen=True, kw_only=True)
class FittedWeek:
    """The levels of a week, and how far off they were."""

    model: SmoothedWeek
    calendar: Calendar
    frame: Counts
    """The slots, without periods."""
    newest: Dates
    """(1,): the last period learnt."""
    levels: Floats
    """(7, S): square roots of calls; NaN is not known yet."""
    errors: Floats
    """(N, S): of the newest days, each forecast before it was learnt."""

    def predict(self, periods: Dates) -> Forecast:
        refuse_past(periods, self.newest)
        root = _filled(self.levels)[phase(periods, self.frame.unit)]
        # The mean of y is the square of the mean of sqrt(y) and the variance of sqrt(y): without the latter, the forecast would be too low.
        known = self.errors[np.isfinite(self.errors)]
        mean = root**2 + (known.var() if len(known) else 0.25)
        return Forecast(
            periods=periods,
            mean=mean,
            quantiles=spread(root**2, self.errors),
            starts_min=self.frame.starts_min,
            step_min=self.frame.step_min,
            model=self.model.name,
        )

    def update(self, more: Counts) -> "FittedWeek":
        levels, errors = self.levels.copy(), []
        roots = np.sqrt(without_excluded(more, self.calendar).values)
        for weekday, root in zip(phase(more.periods, more.unit), roots, strict=True):
            error = root - levels[weekday]
            errors.append(error)
            moved = levels[weekday] + self.model.share * np.where(np.isfinite(error), error, 0.0)
            levels[weekday] = np.where(np.isfinite(levels[weekday]), moved, root)
        kept = np.concatenate([self.errors, np.reshape(errors, (len(errors), levels.shape[1]))])[-KEPT_ERRORS:]
        newest = more.periods[-1:] if len(more.periods) else self.newest
        return replace(self, levels=levels, errors=kept, newest=newest)

    def save(self) -> bytes:
        header = {"unit": self.frame.unit, "starts_min": list(self.frame.starts_min), "step_min": self.frame.step_min}
        return pack(self.model.name, header, {"newest": self.newest, "levels": self.levels, "errors": self.errors})


def _filled(levels: Floats) -> Floats:
    """Return the levels; a weekday that was never seen has the mean of the others, a slot never seen the mean of all."""
    known = np.isfinite(levels)
    count = known.sum(axis=0)
    total = np.where(known, levels, 0.0).sum(axis=0)
    by_slot = np.where(count > 0, total / np.maximum(count, 1), total.sum() / max(int(count.sum()), 1))
    return np.where(known, levels, by_slot)
