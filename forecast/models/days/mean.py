"""The mean of several models of days: the default. Pure.

What it decides: nothing. Models that err in different ways are closer together than any of them, and the plain mean of good ones is hard to beat
(Bates & Granger 1969; Clemen 1989; "the forecast combination puzzle", Smith & Wallis 2009): weights would have to be learnt from as
few weeks as the models were. Means are averaged, and so are quantiles, level by level (Vincentization: Lichtendahl, Grushka-Cockayne & Winkler
2013), which keeps the shape and is neither too sure nor too unsure when the members are. A member that cannot learn from a history is left out;
all of them failing is the only failure.

How the members were chosen, and how far the published scores can be trusted, stands in docs/models.md.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models.base import CannotFit, Fitted, Forecast, Model
from forecast.models.days.process import DayProcess
from forecast.models.days.regression import SARIMAX, DayRegression
from forecast.models.days.smoothing import DaySmoothing
from forecast.models.days.trees import DayTrees
from forecast.models.saved import pack, unpack
from forecast.series.counts import Counts, Dates
from hotline.errors import Misuse

MEMBERS: Mapping[str, Callable[[], Model]] = {
    "process": DayProcess,
    "sarimax": lambda: DayRegression(name="sarimax", order=SARIMAX),
    "ets": DaySmoothing,
    "lightgbm": DayTrees,
}
"""In their order in the mean, which matters to the last digit only."""


@dataclass(frozen=True, kw_only=True)
class DayMean:
    """The mean of the members."""

    name: str = "mean"
    members: tuple[str, ...] = tuple(MEMBERS)

    def fit(self, history: Counts, calendar: Calendar) -> "FittedMean":
        fitted: dict[str, Fitted] = {}
        reasons = []
        for name in self.members:
            try:
                fitted[name] = MEMBERS[name]().fit(history, calendar)
            except CannotFit as exc:
                reasons.append(f"{name}: {exc}")
        if not fitted:
            raise CannotFit("; ".join(reasons))
        return FittedMean(model=self, fitted=fitted)

    def load(self, saved: bytes, calendar: Calendar) -> "FittedMean":
        header, _ = unpack(self.name, saved)
        try:
            fitted = {
                name: MEMBERS[name]().load(base64.b64decode(kept), calendar) for name, kept in header["members"].items()
            }
        except (KeyError, ValueError) as exc:
            raise Misuse(f"these bytes are no saved model {self.name}") from exc
        return FittedMean(model=self, fitted={name: fitted[name] for name in MEMBERS if name in fitted})


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedMean:
    """The members that could learn."""

    model: DayMean
    fitted: Mapping[str, Fitted]

    def predict(self, periods: Dates) -> Forecast:
        said = [member.predict(periods) for member in self.fitted.values()]
        return Forecast(
            periods=periods,
            mean=np.mean([one.mean for one in said], axis=0),
            quantiles=np.mean([one.quantiles for one in said], axis=0),
            model=self.model.name,
        )

    def update(self, more: Counts) -> "FittedMean":
        return FittedMean(model=self.model, fitted={name: one.update(more) for name, one in self.fitted.items()})

    def save(self) -> bytes:
        kept = {name: base64.b64encode(one.save()).decode() for name, one in self.fitted.items()}
        return pack(self.model.name, {"members": kept}, {})
