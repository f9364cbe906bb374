"""Counts of calls by period and slot: the one shape in which every model gets its history. Pure.

A **period** is a local day or a month. A **slot** is an interval of the local day (a period of days or months has one slot only). What is
not known (a gap, an outage, an interval that the clock change left out) is NaN and never 0. Days on which the queue was closed are no
periods at all: neither a model nor a score may learn from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hotline.errors import Misuse

Dates = NDArray[np.datetime64]
"""Unit D."""
Floats = NDArray[np.float64]
Unit = Literal["slot", "day", "month"]

DAY_MINUTES = 1_440


@dataclass(frozen=True, kw_only=True, eq=False)
class Counts:
    """Counts of one queue. Raises Misuse when its parts do not fit together."""

    unit: Unit
    periods: Dates
    """(P,): the local days, or the first days of the months, ascending; closed days are left out."""
    values: Floats
    """(P, S): calls; NaN is not known. Never negative."""
    starts_min: tuple[int, ...] = (0,)
    """(S,): where each slot begins, in minutes after local midnight, ascending."""
    step_min: int = DAY_MINUTES
    """The length of a slot. For days and months: the day."""
    queue: str = ""
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.periods), len(self.starts_min)):
            raise Misuse(
                f"counts of {len(self.periods)} periods and {len(self.starts_min)} slots cannot have the shape {self.values.shape}"
            )
        if len(self.periods) > 1 and not (self.periods[1:] > self.periods[:-1]).all():
            raise Misuse("the periods of counts must ascend, each once")
        if (self.values < 0).any() or np.isinf(self.values).any():
            raise Misuse("counts must not be negative or infinite")

    def until(self, period: np.datetime64) -> "Counts":
        """Return the counts of all periods before `period`."""
        return self.cut(0, int(np.searchsorted(self.periods, period)))

    def cut(self, start: int, stop: int) -> "Counts":
        """Return the counts of the periods number `start` to `stop` (not included)."""
        return replace(self, periods=self.periods[start:stop], values=self.values[start:stop])

    def only(self, numbers: Sequence[int]) -> "Counts":
        """Return the counts of the periods with these numbers, ascending."""
        chosen = np.array(numbers, dtype=np.int64)
        return replace(self, periods=self.periods[chosen], values=self.values[chosen])

    def extended(self, more: "Counts") -> "Counts":
        """Return these periods and those of `more`, which must come after them and have the same slots. Raises Misuse."""
        if (more.unit, more.starts_min, more.step_min) != (self.unit, self.starts_min, self.step_min):
            raise Misuse("counts of other slots cannot continue these")
        return replace(
            self,
            periods=np.concatenate([self.periods, more.periods]),
            values=np.concatenate([self.values, more.values]),
        )

    def with_values(self, values: Floats) -> "Counts":
        """Return the same periods and slots with other values."""
        return replace(self, values=values)

    def daily(self) -> "Counts":
        """Return whole days: the sum of the slots; NaN where one is not known."""
        return replace(
            self, unit="day", values=self.values.sum(axis=1, keepdims=True), starts_min=(0,), step_min=DAY_MINUTES
        )
