"""Gradient-boosted trees on calendar and lags (LightGBM). Pure.

Theory: Friedman 2001, "Greedy function approximation: a gradient boosting machine"; Ke et al. 2017, "LightGBM". Each tree splits the days and slots by
calendar and recent past and corrects what those before it left. Trees find what nobody wrote into a formula (the first Monday after pay day, at noon),
but they need much history for it: on eight months of half hours they lose to the factor model and help it a little in a mean, on
years they catch up. They cannot say what they have never seen, so level and weekday are taken off first (`forecast.models.slots.lag_models`).

One thread, fixed seeds and `deterministic`: the same history gives the same trees, and many queues can be fitted side by side.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.days.calendar import Calendar
from forecast.models.slots.lag_models import FittedLags, Lesson, learn, loaded, measured
from forecast.models.slots.lags import Table
from forecast.series.counts import Counts, Floats


@dataclass(frozen=True, kw_only=True)
class Trees:
    """LightGBM for units of slots."""

    rounds: int = 100
    leaves: int = 8
    learning_rate: float = 0.03
    fewest_in_leaf: int = 60
    ridge: float = 10.0
    share_of_terms: float = 0.7
    share_of_rows: float = 0.8
    bins: int = 63
    seed: int = 1
    name: str = "trees"

    def fit(self, history: Counts, calendar: Calendar) -> FittedLags:
        """Learn; then three smaller fits in the past measure the spread."""
        return measured(self, self.start(history, calendar), history, calendar, fits=3)

    def start(self, history: Counts, calendar: Calendar) -> FittedLags:
        """Return a fit whose spread is not measured. Raises CannotFit."""
        return learn(self.name, history, calendar, self._teach)

    def load(self, saved: bytes, calendar: Calendar) -> FittedLags:
        return loaded(self.name, saved, calendar, lambda arrays: Forest(text=arrays["forest"].tobytes().decode()))

    def _teach(self, lesson: Lesson) -> "Forest":
        import lightgbm  # heavy

        rows = _rows(lesson.table)
        target = lesson.target.ravel()
        weights = np.repeat(lesson.weights, lesson.target.shape[1])
        known = np.isfinite(target) & (weights > 0)
        data = lightgbm.Dataset(rows[known], target[known], weight=weights[known], params=self._parameters())
        return Forest(text=lightgbm.train(self._parameters(), data, self.rounds).model_to_string())

    def _parameters(self) -> dict[str, Any]:
        return {
            "objective": "regression",
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.fewest_in_leaf,
            "lambda_l2": self.ridge,
            "feature_fraction": self.share_of_terms,
            "bagging_fraction": self.share_of_rows,
            "bagging_freq": 1,
            "max_bin": self.bins,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "seed": self.seed,
            "verbose": -1,
        }


@dataclass(frozen=True, kw_only=True)
class Forest:
    """Trees as LightGBM writes them."""

    text: str

    def left(self, table: Table) -> Floats:
        import lightgbm  # heavy

        if not len(table.base):
            return np.zeros_like(table.base)
        booster = lightgbm.Booster(model_str=self.text)
        made: Floats = np.asarray(booster.predict(_rows(table), num_threads=1)).reshape(table.base.shape)
        return made

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"forest": np.frombuffer(self.text.encode(), np.uint8)}


def _rows(table: Table) -> Floats:
    """Return one row for each day and slot."""
    days, slots, width = table.slots.shape
    return np.column_stack([table.slots.reshape(days * slots, width), np.repeat(table.days, slots, axis=0)])
