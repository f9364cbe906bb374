"""The contract of all models. Pure.

A model learns from `Counts` and a `Calendar` and then says, for periods to come, what it expects and how sure it is. The one suite of
tests/unit/forecast/models/test_contract.py is run over every model of the table in `forecast.models.table`; `forecast/models/template.py` shows how
to write a new one.

What every model keeps:
* It gives a finite mean of at least 0 and ascending quantiles for any periods after its history, or raises `CannotFit` with the reason in
  one sentence (too little history, nothing known); it raises nothing else.
* NaN in the history is skipped, never taken for 0.
* The same history and seed give the same forecast, on any machine with the same libraries.
* It does not look at the clock, the disk or the network, and one fit uses one processor.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from forecast.days.calendar import Calendar
from forecast.series.counts import Counts, Dates, Floats
from hotline.errors import Misuse

LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
"""The quantiles of every forecast: 80 % lies between 0.1 and 0.9, 95 % between 0.025 and 0.975."""


class CannotFit(Misuse):
    """The model has nothing to learn from here; another one has to serve."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Forecast:
    """What a model expects of some periods."""

    periods: Dates
    """(H,)"""
    mean: Floats
    """(H, S): the expected calls."""
    quantiles: Floats
    """(len(LEVELS), H, S): ascending along the first axis."""
    starts_min: tuple[int, ...] = (0,)
    step_min: int = 1_440
    model: str = ""
    """Which model said it."""

    def __post_init__(self) -> None:
        shape = (len(self.periods), len(self.starts_min))
        if self.mean.shape != shape or self.quantiles.shape != (len(LEVELS), *shape):
            raise Misuse(f"a forecast of {shape[0]} periods and {shape[1]} slots has the shape {self.mean.shape}")

    def level(self, share: float) -> Floats:
        """Return the quantile `share` (H, S), between the levels by a straight line."""
        if not LEVELS[0] <= share <= LEVELS[-1]:
            raise Misuse(f"quantiles are known from {LEVELS[0]} to {LEVELS[-1]}")
        above = int(np.searchsorted(LEVELS, share))
        upper: Floats = self.quantiles[above]
        if LEVELS[above] == share:
            return upper
        lower: Floats = self.quantiles[above - 1]
        part = (share - LEVELS[above - 1]) / (LEVELS[above] - LEVELS[above - 1])
        return lower * (1 - part) + upper * part


class Fitted(Protocol):
    """A model that has learnt."""

    def predict(self, periods: Dates) -> Forecast:
        """Return the forecast of periods (open days or months, ascending) after the history."""

    def update(self, more: Counts) -> "Fitted":
        """Return the same model with some more periods after its history, without choosing its parameters anew: cheap."""

    def save(self) -> bytes:
        """Return what `load` of the model needs; no code is in it (never pickle)."""


class Model(Protocol):
    """How to learn. Models are frozen records: their fields are the hyper-parameters."""

    @property
    def name(self) -> str:
        """The model's name in tables, settings and facts (`arima`, `factor`)."""

    def fit(self, history: Counts, calendar: Calendar) -> Fitted:
        """Learn from the history. Raises CannotFit."""

    def load(self, saved: bytes, calendar: Calendar) -> Fitted:
        """Return what `save` kept. Raises Misuse for bytes of something else."""
