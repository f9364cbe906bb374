"""Gradient-boosted trees of days (LightGBM: Ke et al. 2017) on what was known before, and the calendar. Pure.

The trees see the table of `forecast.models.days.lags`. They are small and few, because there are: some hundred days. The spread of their forecasts
comes from days they had not seen: a first fit learns from the older share of the origins and forecasts the rest.
One thread, fixed seed and deterministic mode: the same history gives the same trees.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models.base import CannotFit, Forecast
from forecast.models.days.history import DayHistory
from forecast.models.days.lags import DayTable, unseen_errors
from forecast.models.days.spread import day_forecast, shape_of
from forecast.models.saved import pack, pack_counts, unpack, unpack_counts
from forecast.series.counts import Counts, Dates, Floats
from hotline.errors import Misuse

LEAST_NOISE = 1e-3


@dataclass(frozen=True, kw_only=True)
class DayTrees:
    """LightGBM of days."""

    name: str = "lightgbm"
    window_days: int = 1_100
    rounds: int = 100
    rate: float = 0.06
    leaves: int = 6
    least_in_leaf: int = 40
    """Rows, of which each day has one for every distance learnt: ten days."""
    seed: int = 1

    def fit(self, history: Counts, calendar: Calendar) -> "FittedTrees":
        known = DayHistory.of(history, calendar, self.window_days)
        rows, targets, origins = DayTable.of(known, kinds=True).learnt()
        errors = known.optimism * unseen_errors(rows, targets, origins, self._teach)
        text = self._learn(rows, targets).model_to_string()
        return FittedTrees(model=self, history=known, text=text, errors=errors)

    def load(self, saved: bytes, calendar: Calendar) -> "FittedTrees":
        header, arrays = unpack(self.name, saved)
        history = DayHistory(counts=unpack_counts(header, arrays), calendar=calendar, newest=arrays["newest"])
        return FittedTrees(model=self, history=history, text=header["text"], errors=arrays["errors"])

    def _teach(self, rows: Floats, targets: Floats) -> Callable[[Floats], Floats]:
        first = self._learn(rows, targets)
        return lambda late: np.asarray(first.predict(late, num_threads=1))

    def _learn(self, rows: Floats, targets: Floats) -> Any:
        import lightgbm

        parameters = {
            "objective": "regression", "learning_rate": self.rate, "num_leaves": self.leaves, "min_data_in_leaf": self.least_in_leaf,
            "lambda_l2": 5.0, "feature_fraction": 0.7, "bagging_fraction": 0.8, "bagging_freq": 1, "max_bin": 63, "seed": self.seed,
            "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1,
        }  # fmt: skip
        try:
            return lightgbm.train(parameters, lightgbm.Dataset(rows, targets), num_boost_round=self.rounds)
        except lightgbm.basic.LightGBMError as exc:
            raise CannotFit(f"the trees cannot learn from this history: {exc}") from exc


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedTrees:
    """Trees that have learnt, as LightGBM's own text."""

    model: DayTrees
    history: DayHistory
    text: str
    errors: Floats
    """Of days that the first trees had not seen."""

    def predict(self, periods: Dates) -> Forecast:
        coming = self.history.coming(periods)
        rows = self._table.coming(coming, self.history.steps_to(periods))
        left = np.asarray(self._trees.predict(rows, num_threads=1)) if len(rows) else np.empty(0)
        noise = float(np.mean(self.errors**2)) if len(self.errors) else self.history.effects.noise**2
        noise = max(noise, LEAST_NOISE**2)
        return day_forecast(
            periods, self.history.effects.scale, self._table.base(coming) + left, np.full(len(periods), np.sqrt(noise)),
            shape_of(self.errors / np.sqrt(noise)), noise=noise, model=self.model.name,
        )  # fmt: skip

    def update(self, more: Counts) -> "FittedTrees":
        history = self.history.extended(more, self.model.window_days)
        return FittedTrees(model=self.model, history=history, text=self.text, errors=self.errors)

    def save(self) -> bytes:
        header, arrays = pack_counts(self.history.counts)
        arrays = {**arrays, "newest": self.history.newest, "errors": self.errors}
        return pack(self.model.name, {**header, "text": self.text}, arrays)

    @cached_property
    def _table(self) -> DayTable:
        return DayTable.of(self.history, kinds=True)

    @cached_property
    def _trees(self) -> Any:
        import lightgbm

        try:
            return lightgbm.Booster(model_str=self.text)
        except lightgbm.basic.LightGBMError as exc:
            raise Misuse("the saved trees cannot be read") from exc
