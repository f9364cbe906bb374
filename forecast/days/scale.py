"""The scale on which models of days learn, and the way back. Pure.

Holidays and seasons multiply the calls, so large counts are learnt as logarithms. The logarithm of small counts is wild (and has no zero): they
are learnt as square roots, scaled so that a step near the middle means the same on both (Box & Cox 1964 with the exponents 0 and 1/2):

    log(y / m)    or    2 * (sqrt(y / m) - 1)    where m is the median.

The mean of y is not what the mean of the scaled y transforms to: the variance lifts it (the mean of a log-normal; the second moment of a square root).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from forecast.series.counts import Floats

LARGE = 50.0
"""Medians from here on are learnt as logarithms."""
WIDEST = 4.0
"""Nothing is taken to be further than this from the median (a fiftieth, fifty times): a hundredfold day is wrong in the same way."""
LIFT = 0.5
"""The most that the variance may lift a logarithm's mean: beyond, it says nothing about calls."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How calls become numbers around zero."""

    kind: Literal["log", "root"]
    middle: float
    """The median of the known calls, at least 1."""

    def learn(self, calls: Floats) -> Floats:
        """Return the scaled calls; NaN stays."""
        if self.kind == "log":
            scaled: Floats = np.log((calls + 1) / (self.middle + 1))
        else:
            scaled = 2 * (np.sqrt(calls / self.middle) - 1)
        return np.clip(scaled, -WIDEST, WIDEST)

    def calls(self, scaled: Floats) -> Floats:
        """Return what was scaled; for quantiles, which go with the transformation."""
        if self.kind == "log":
            return np.clip((self.middle + 1) * np.exp(np.minimum(scaled, 2 * WIDEST)) - 1, 0.0, None)
        return self.middle * np.clip(1 + scaled / 2, 0.0, None) ** 2

    def mean(self, scaled: Floats, variance: Floats) -> Floats:
        """Return the expected calls of a normal scaled value."""
        if self.kind == "log":
            return self.calls(scaled + np.minimum(variance / 2, LIFT))
        return self.calls(scaled) + self.middle * np.minimum(variance, WIDEST) / 4


def scale_of(calls: Floats) -> Scale:
    """Return the scale for a history, of which at least one value is known."""
    middle = float(np.median(calls[np.isfinite(calls)]))
    return Scale(kind="log" if middle >= LARGE else "root", middle=max(middle, 1.0))
