"""What the trees and the network share: learning what `forecast.models.slots.lags` leaves, and forecasting from it. Pure.

The square root of a slot is the mean of the last same weekdays, plus a drift of the whole day (ridge regression on how far off the last day, week and four
weeks were, for each lead its own), plus what the learner says. Only the last part differs between the models: a `Learner`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from forecast.days.calendar import Calendar
from forecast.models.base import CannotFit, Forecast, Model
from forecast.models.baselines import refuse_past, without_excluded
from forecast.models.rehearsal import errors_or_none
from forecast.models.saved import pack, pack_counts, unpack, unpack_counts
from forecast.models.slots import special
from forecast.models.slots.lags import LEVEL_COLUMNS, Lags, Table
from forecast.models.slots.marks import LEADS, marks
from forecast.models.slots.said import slot_forecast
from forecast.models.slots.shapes import ridge
from forecast.series.counts import Counts, Dates, Floats

LEARNT_LEADS = (1, 3, 5, 10)
"""The distances that are learnt; the others take the nearest."""
KEPT_PERIODS = 500
FEWEST_PERIODS = 28
FIRST_DAYS = 14
"""The first days know too little of those before to be learnt from."""
MOST_ROWS = 60_000
"""Of the table that is learnt from: with more, the older days are left out."""
DRIFT_RIDGE = 10.0
HALF_LIFE = 150.0
"""Days after which a day counts half."""
FAR = 4.0
_TINY = 1e-9


class Learner(Protocol):
    """What was learnt of the rest."""

    def left(self, table: Table) -> Floats:
        """Return the rest (D, S) of the square roots."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what makes the learner again."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """What a learner learns from: one table for each of some leads, put below each other."""

    table: Table
    target: Floats
    """(D, S): what base and drift leave of the square roots; NaN is not known."""
    weights: Floats
    """(D,)"""


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedLags:
    """A history, what was learnt, and how far off it used to be."""

    name: str
    lags: Lags
    drift: Floats
    """(leads learnt, 3)"""
    learner: Learner
    noise: float
    """The variance of what was learnt from: a guess while no errors are known."""
    errors: Floats
    """(LEADS, N, S): of past ordinary days, on the square-root scale; NaN is not known."""

    def predict(self, periods: Dates) -> Forecast:
        """Return the forecast; marked days by their kind, with more doubt."""
        refuse_past(periods, self.lags.history.periods)
        periods = periods.astype("datetime64[D]")
        table = self.lags.ahead(periods)
        root = np.clip(table.base + moved(table, self.drift) + self.learner.left(table), 0.0, None)
        doubt = np.zeros(len(periods))
        for row, mark in enumerate(marks(periods, self.lags.calendar)):
            if mark is not None:
                factors, doubt[row] = self._special.factors(mark, root[row] ** 2)
                root[row] *= np.sqrt(factors)
        return slot_forecast(
            root,
            periods=periods,
            leads=table.days[:, 1].astype(np.int64),
            errors=self.errors,
            doubt=doubt,
            like=self.lags.history,
            model=self.name,
            assumed=self.noise,
        )

    def update(self, more: Counts) -> "FittedLags":
        """Return the model with more days known; what was learnt stays."""
        if not len(more.periods):
            return self
        return replace(
            self,
            lags=Lags(history=_kept(self.lags.history.extended(more), self.lags.calendar), calendar=self.lags.calendar),
        )

    def save(self) -> bytes:
        header, arrays = pack_counts(self.lags.history)
        header["noise"] = self.noise
        return pack(self.name, header, {**arrays, "drift": self.drift, "errors": self.errors, **self.learner.arrays()})

    @cached_property
    def _special(self) -> special.Special:
        table = self.lags.past(1)
        return special.learn(self.lags.history.values, (table.base + moved(table, self.drift)) ** 2, self.lags.marks)


def learn(name: str, history: Counts, calendar: Calendar, teach: Callable[[Lesson], Learner]) -> FittedLags:
    """Return a fit whose errors are not measured yet. Raises CannotFit."""
    known = _kept(history, calendar)
    if np.isfinite(known.values).any(axis=1).sum() < FEWEST_PERIODS:
        raise CannotFit(f"{name} needs {FEWEST_PERIODS} known days")
    lags = Lags(history=known, calendar=calendar)
    tables = [lags.past(lead) for lead in LEARNT_LEADS]
    count, slots = lags.roots.shape
    first = max(FIRST_DAYS, count - MOST_ROWS // (slots * len(LEARNT_LEADS)))
    weights = 0.5 ** (np.arange(count)[::-1] / HALF_LIFE) * np.isfinite(lags.roots).any(axis=1)
    if weights[first:].sum() <= 0.0:
        raise CannotFit(f"{name} has no ordinary day to learn from")
    drift = np.stack([_drift(lags.roots - one.base, one, weights, first) for one in tables])
    targets = [lags.roots - one.base - moved(one, drift) for one in tables]
    lesson = Lesson(
        table=Table(
            base=np.concatenate([one.base[first:] for one in tables]),
            days=np.concatenate([one.days[first:] for one in tables]),
            slots=np.concatenate([one.slots[first:] for one in tables]),
        ),
        target=_cut_off(np.concatenate([one[first:] for one in targets])),
        weights=np.tile(weights[first:], len(tables)),
    )
    return FittedLags(
        name=name,
        lags=lags,
        drift=drift,
        learner=teach(lesson),
        noise=float(np.nanvar(lesson.target)),
        errors=np.empty((LEADS, 0, slots)),
    )


def measured(model: Model, start: FittedLags, history: Counts, calendar: Calendar, *, fits: int) -> FittedLags:
    """Return the fit `start` with its spread measured by `fits` smaller fits of the model in the past, where it has such a past."""
    errors = errors_or_none(model, history, calendar, leads=LEADS, fits=fits)
    return start if errors is None else replace(start, errors=errors)


def loaded(
    name: str, saved: bytes, calendar: Calendar, learner: Callable[[Mapping[str, NDArray[Any]]], Learner]
) -> FittedLags:
    """Return what `FittedLags.save` kept; `learner` makes the learner again of its arrays. Raises Misuse for bytes of something else."""
    header, arrays = unpack(name, saved)
    return FittedLags(
        name=name,
        lags=Lags(history=unpack_counts(header, arrays), calendar=calendar),
        drift=arrays["drift"],
        noise=float(header["noise"]),
        learner=learner(arrays),
        errors=arrays["errors"],
    )


def moved(table: Table, drift: Floats) -> Floats:
    """Return by how much the level moves each day (D, 1)."""
    at = np.abs(np.subtract.outer(table.days[:, 1], LEARNT_LEADS)).argmin(axis=1)
    made: Floats = (table.days[:, LEVEL_COLUMNS] * drift[at]).sum(axis=1, keepdims=True)
    return made


def _drift(left: Floats, table: Table, weights: Floats, first: int) -> Floats:
    known = np.isfinite(left)
    mean = np.where(known, left, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    y = _cut_off(mean[first:, None])
    pull = DRIFT_RIDGE * max(float(y.var()), _TINY)
    return ridge(table.days[first:, LEVEL_COLUMNS], y, np.full(3, pull), weights[first:])[:, 0]


def _cut_off(values: Floats) -> Floats:
    """Return the values (D, S) with what is far outside drawn in: an outage or a spike must not bend what is learnt."""
    known = values[np.isfinite(values)]
    reach = FAR * 1.4826 * max(float(np.median(np.abs(known))) if len(known) else 0.0, _TINY)
    return np.clip(values, -reach, reach)


def _kept(history: Counts, calendar: Calendar) -> Counts:
    known = without_excluded(history, calendar)
    return known.cut(max(0, len(known.periods) - KEPT_PERIODS), len(known.periods))
