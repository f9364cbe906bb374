"""What a model would have said on past days: the material of weights, of spreads, and of the update of today. Pure.

From each past origin the model sees what was known then. It is fitted only a few times; in between it is updated with the days that have come
since, as it would be in service. (`forecast.backtest` does the same to score and choose models; here a model does it to know itself.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models.base import CannotFit, Fitted, Model
from forecast.models.slots.marks import marks
from forecast.series.counts import Counts, Floats

FEWEST_BEFORE = 20
"""No origin has fewer periods before it."""
ORIGINS = 40
"""So many past origins at most."""
APART = 2
"""Periods from one origin to the next: further back than eighty days, the queue was another one."""
MOST_CELLS = 4_000
"""Slots times origins at most: days of five-minute slots have fewer origins."""
REACH = 300
"""So many periods of slots before an origin are learnt from when a model rehearses: enough for an error, and the work does not grow with the years."""


class Starts(Protocol):
    """A model that can be fitted without measuring its own spread: cheaper, and enough for means."""

    def start(self, history: Counts, calendar: Calendar) -> Fitted:
        """As `fit`, but the quantiles are only assumed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rehearsal:
    """What was forecast and what came, from N past origins."""

    mean: Floats
    """(L, N, S): of the lead-th period after each origin; NaN where there is none."""
    actual: Floats
    """(L, N, S)"""
    ordinary: Floats
    """(L, N): 1 for ordinary days, 0 for marked ones (holidays, events)."""

    @property
    def errors(self) -> Floats:
        """(L, N, S): on the square-root scale, of ordinary days only; NaN otherwise."""
        off = np.sqrt(self.actual) - np.sqrt(self.mean)
        return np.where(self.ordinary[:, :, None] > 0, off, np.nan)

    def first_lead(self) -> tuple[Floats, Floats]:
        """Return actual and expected (N, S) of ordinary days one period ahead: what `forecast.today.updating.prepare` takes."""
        rows = (self.ordinary[0] > 0) & np.isfinite(self.mean[0]).all(axis=1)
        return self.actual[0][rows], self.mean[0][rows]


def origins_of(history: Counts) -> list[int]:
    """Return the past origins at which models measure themselves, ascending: how many periods are known at each.

    They are the same for all models of a history, counted from its end, so that errors of two models can be compared one by one.
    """
    first = max(FEWEST_BEFORE, len(history.periods) // 3)
    wanted = min(ORIGINS, max(MOST_CELLS // len(history.starts_min), 8))
    return list(range(len(history.periods) - 1, first - 1, -APART))[:wanted][::-1]


def rehearse(
    model: Model,
    history: Counts,
    calendar: Calendar,
    *,
    leads: int = 1,
    fits: int = 3,
    origins: Sequence[int] | None = None,
) -> Rehearsal:
    """Forecast `leads` periods from past origins (by default `origins_of`) with `fits` fits; all means, no quantiles.

    Raises CannotFit when the history is too short to go back in it, or when the model cannot fit what was known.
    """
    places = origins_of(history) if origins is None else origins
    if not places:
        raise CannotFit(f"{len(history.periods)} periods are too few to look back at what {model.name} would have said")
    slots = len(history.starts_min)
    mean, actual = (np.full((leads, len(places), slots), np.nan) for _ in range(2))
    ordinary = np.zeros((leads, len(places)))
    unmarked = np.array([mark is None for mark in marks(history.periods, calendar)])
    fitted: Fitted | None = None
    known = 0
    every = -(-len(places) // max(fits, 1))
    reason: CannotFit | None = None
    for at, place in enumerate(places):
        try:
            if fitted is None or at % every == 0:
                first = max(place - REACH, 0) if history.unit == "slot" else 0
                fitted = _start(model, history.cut(first, place), calendar)
            else:
                fitted = fitted.update(history.cut(known, place))
        except CannotFit as why:
            # Too little was known then; it may be enough at the next origin.
            reason = why
            continue
        known = place
        ahead = min(leads, len(history.periods) - place)
        mean[:ahead, at] = fitted.predict(history.periods[place : place + ahead]).mean
        actual[:ahead, at] = history.values[place : place + ahead]
        ordinary[:ahead, at] = unmarked[place : place + ahead]
    if fitted is None and reason is not None:
        raise reason
    return Rehearsal(mean=mean, actual=actual, ordinary=ordinary)


def _start(model: Model, history: Counts, calendar: Calendar) -> Fitted:
    """Return the cheapest fit that gives means."""
    if hasattr(model, "start"):
        return cast("Starts", model).start(history, calendar)
    return model.fit(history, calendar)


def errors_or_none(model: Model, history: Counts, calendar: Calendar, *, leads: int, fits: int = 3) -> Floats | None:
    """Return the errors of `rehearse` (L, N, S), or None when the history is too short to go back in it."""
    try:
        return rehearse(model, history, calendar, leads=leads, fits=fits).errors
    except CannotFit:
        return None
