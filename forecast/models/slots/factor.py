"""The factor model of half hours: a few shapes of the day, and how much of each there is. Pure.

Theory: Shen & Huang 2008, "Interday forecasting and intraday updating of call center arrivals" (Manufacturing & Service Operations
Management 10). The square roots of the counts of a day (S slots) have about the same noise at every level (Brown et al. 2005, section 4), and
are well described by few shapes f_k of the day, found by a singular value decomposition:

    sqrt(y_ts) = m_s + sum_k b_tk f_ks + e_ts,    K = 4

Only the K scores b_tk are forecast. Each is what weekday and calendar make it (ridge regression on `marks.terms`), plus a part that remembers: u_tk,
forecast for each lead by a ridge regression on its last value, its mean over the last week and over the last four weeks. With the first alone this
would be the AR(1) of the paper; the longer means follow a level that moves slowly, which an AR(1) forgets too soon.

What is added to the paper: weights that halve with age; days and slots far outside (an outage, a spike) lose theirs; missing slots are filled from
the shapes (as in the EM algorithm for principal components, Roweis 1998); marked days (holidays, eves, events) are learnt and forecast by
`special`. The mean of y is the square of the mean of sqrt(y) plus the variance of sqrt(y): without the latter, small counts would be forecast
2-3 % too low. Quantiles come from what the same model, fitted at past origins, was off, by slot and lead.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models.base import CannotFit, Forecast
from forecast.models.baselines import refuse_past, without_excluded
from forecast.models.rehearsal import REACH, origins_of
from forecast.models.saved import pack, pack_counts, unpack, unpack_counts
from forecast.models.slots import special
from forecast.models.slots.marks import (
    LEADS,
    Bools,
    Integers,
    Mark,
    marks,
    open_weekdays,
    terms,
    week_rows,
    working_leads,
)
from forecast.models.slots.said import slot_forecast
from forecast.models.slots.shapes import Shapes, learn_shapes
from forecast.series.counts import Counts, Dates, Floats

KEPT_PERIODS = 800
FEWEST_PERIODS = 10
"""With fewer known days there is nothing to find shapes in."""
KEPT_ERRORS = 80


@dataclass(frozen=True, kw_only=True)
class Factor:
    """The factor model, for units of slots."""

    factors: int = 4
    half_life: float = 150.0
    """Days after which a day counts half in shapes and calendar."""
    level_half_life: float = 20.0
    """Days: how smooth the level is that is taken off before the calendar is learnt."""
    calendar_ridge: float = 5.0
    """So many days of "no effect" stand against each calendar term."""
    weekday_ridge: float = 0.1
    memory_ridge: float = 60.0
    """The same for what the scores remember."""
    name: str = "factor"

    def fit(self, history: Counts, calendar: Calendar) -> "FittedFactor":
        """Learn from the history; forty past origins are forecast now (a tenth of a second)."""
        start = self.start(history, calendar)
        return replace(start, errors=start.past_errors())

    def start(self, history: Counts, calendar: Calendar) -> "FittedFactor":
        """Return a fit whose spread is not measured yet: for those who need its means only. Raises CannotFit."""
        known = without_excluded(history, calendar)
        known = known.cut(max(0, len(known.periods) - KEPT_PERIODS), len(known.periods))
        if np.isfinite(known.values).any(axis=1).sum() < FEWEST_PERIODS:
            raise CannotFit(f"the factor model needs {FEWEST_PERIODS} known days")
        return FittedFactor(
            model=self, history=known, calendar=calendar, errors=np.empty((LEADS, 0, known.values.shape[1]))
        )

    def load(self, saved: bytes, calendar: Calendar) -> "FittedFactor":
        header, arrays = unpack(self.name, saved)
        errors = arrays.pop("errors")
        return FittedFactor(model=self, history=unpack_counts(header, arrays), calendar=calendar, errors=errors)


def stiff() -> Factor:
    """Return the factor model for queues with few calls: fewer shapes, every effect drawn further towards nothing."""
    return Factor(
        factors=2, half_life=100.0, calendar_ridge=20.0, weekday_ridge=2.0, memory_ridge=120.0, name="factor-stiff"
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Days:
    """What some days are."""

    rows: Floats
    """(P, C): the regressors."""
    marks: tuple[Mark | None, ...]

    @cached_property
    def ordinary(self) -> Bools:
        """Whether each day is none of the marked ones, (P,)."""
        return np.array([mark is None for mark in self.marks], dtype=bool)

    def cut(self, start: int, stop: int) -> "Days":
        """Return the days number `start` to `stop` (not included)."""
        return Days(rows=self.rows[start:stop], marks=self.marks[start:stop])


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedFactor:
    """History, and what was learnt from it when first asked."""

    model: Factor
    history: Counts
    calendar: Calendar
    errors: Floats
    """(LEADS, N, S): of past ordinary days, on the square-root scale; NaN is not known."""
    known: Days | None = None
    """What the days of the history are, when somebody has found out already."""

    def predict(self, periods: Dates) -> Forecast:
        """Return the forecast; marked days by their kind, with more doubt."""
        refuse_past(periods, self.history.periods)
        periods = periods.astype("datetime64[D]")
        leads = self.leads(periods)
        root, doubt = self._roots(periods, leads)
        return slot_forecast(
            root,
            periods=periods,
            leads=leads,
            errors=self.errors,
            doubt=doubt,
            like=self.history,
            model=self.model.name,
            assumed=self._shapes.variance,
        )

    def update(self, more: Counts) -> "FittedFactor":
        """Return the model with more days: shapes and scores are computed anew (milliseconds), the errors of the new days are added."""
        if not len(more.periods):
            return self
        joined = self.history.extended(without_excluded(more, self.calendar))
        root, _ = self._roots(more.periods, self.leads(more.periods))
        now = replace(self, history=joined, known=None)
        new = np.full((LEADS, len(more.periods), more.values.shape[1]), np.nan)
        new[self.leads(more.periods) - 1, np.arange(len(more.periods))] = now._off(
            len(self.history.periods), len(joined.periods), root
        )
        kept = joined.cut(max(0, len(joined.periods) - KEPT_PERIODS), len(joined.periods))
        return replace(now, history=kept, errors=np.concatenate([self.errors, new], axis=1)[:, -KEPT_ERRORS:])

    def save(self) -> bytes:
        header, arrays = pack_counts(self.history)
        return pack(self.model.name, header, {**arrays, "errors": self.errors})

    def past_errors(self) -> Floats:
        """Return what fits at past origins would have been off (LEADS, N, S), ordinary days only."""
        count = len(self.history.periods)
        origins = origins_of(self.history)
        errors = np.full((LEADS, len(origins), len(self.history.starts_min)), np.nan)
        for at, origin in enumerate(origins):
            first, stop = max(origin - REACH, 0), min(origin + LEADS, count)
            before = replace(self, history=self.history.cut(first, origin), known=self._days.cut(first, origin))
            root = before.root_of(self._days.cut(origin, stop), np.arange(1, stop - origin + 1))
            errors[: stop - origin, at] = self._off(origin, stop, root)
        return errors

    def _off(self, start: int, stop: int, root: Floats) -> Floats:
        """Return the errors (P, S) of the ordinary ones among the periods number start to stop."""
        ordinary = self._days.ordinary[start:stop, None]
        return np.where(ordinary, np.sqrt(self.history.values[start:stop]) - root, np.nan)

    def leads(self, periods: Dates) -> Integers:
        """Return which working day after the history each period is, from 1 to `LEADS`."""
        return working_leads(self.history.periods[-1], periods, self.calendar, self._usual)

    def _roots(self, periods: Dates, leads: Integers) -> tuple[Floats, Floats]:
        """Return the square roots (P, S) and the deviation of the logarithm that marked days add (P,)."""
        days = self._described(periods)
        root = self.root_of(days, leads)
        doubt = np.zeros(len(periods))
        for row, mark in enumerate(days.marks):
            if mark is not None:
                factors, doubt[row] = self._special.factors(mark, root[row] ** 2)
                root[row] *= np.sqrt(factors)
        return root, doubt

    def root_of(self, days: Days, leads: Integers) -> Floats:
        """Return the square roots (P, S) that such days would have if they were ordinary."""
        return np.clip(self._shapes.ahead(days.rows, leads), 0.0, None)

    def _described(self, ahead: Dates) -> Days:
        """Return what days to come are."""
        found = terms(self.history.periods, ahead, self.calendar, self._usual)[len(self.history.periods) :]
        rows = np.column_stack([week_rows(ahead, self.calendar, self._usual), found])
        return Days(rows=rows, marks=tuple(marks(ahead, self.calendar)))

    @cached_property
    def _days(self) -> Days:
        if self.known is not None:
            return self.known
        periods = self.history.periods
        found = terms(periods, periods[:0], self.calendar, self._usual)
        rows = np.column_stack([week_rows(periods, self.calendar, self._usual), found])
        return Days(rows=rows, marks=tuple(marks(periods, self.calendar)))

    @cached_property
    def _usual(self) -> frozenset[int]:
        return open_weekdays(self.history.periods)

    @cached_property
    def _shapes(self) -> Shapes:
        return learn_shapes(
            np.sqrt(self.history.values),
            rows=self._days.rows,
            ordinary=self._days.ordinary,
            week=max(len(self._usual), 1),
            model=self.model,
        )

    @cached_property
    def _special(self) -> special.Special:
        return special.learn(self.history.values, np.clip(self._shapes.within, 0.0, None) ** 2, self._days.marks)
