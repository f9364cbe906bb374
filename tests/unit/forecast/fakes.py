"""Models that do what a test wants, and a table of them."""

from dataclasses import dataclass, field

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models.base import CannotFit, Fitted, Forecast, Model
from forecast.models.guard import MakeModel
from forecast.series.counts import Counts, Dates, Unit

NORMAL = np.array([-1.96, -1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645, 1.96])


def forecast_of(periods: Dates, mean: np.ndarray, *, spread: float = 1.0, like: Counts | None = None) -> Forecast:
    """A forecast with the quantiles of `spread` Poisson standard deviations."""
    mean = np.asarray(mean, dtype=float)
    quantiles = np.clip(mean + spread * NORMAL[:, None, None] * np.sqrt(mean), 0, None)
    return Forecast(
        periods=periods,
        mean=mean,
        quantiles=quantiles,
        starts_min=like.starts_min if like else (0,),
        step_min=like.step_min if like else 1_440,
    )


@dataclass(frozen=True, kw_only=True)
class Says:
    """Says the mean of its history times a factor, and writes down what it was shown."""

    name: str = "says"
    factor: float = 1.0
    spread: float = 1.0
    seen: list[tuple[str, np.datetime64]] = field(default_factory=list)
    """(`fit` or `update`, the last period)."""

    def fit(self, history: Counts, calendar: Calendar) -> "Said":
        self.seen.append(("fit", history.periods[-1]))
        return Said(model=self, history=history)

    def load(self, saved: bytes, calendar: Calendar) -> Fitted:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Said:
    model: Says
    history: Counts

    def predict(self, periods: Dates) -> Forecast:
        level = np.nanmean(self.history.values, axis=0) * self.model.factor
        return forecast_of(periods, np.tile(level, (len(periods), 1)), spread=self.model.spread, like=self.history)

    def update(self, more: Counts) -> "Said":
        if len(more.periods):
            self.model.seen.append(("update", more.periods[-1]))
        return Said(model=self.model, history=self.history.extended(more))

    def save(self) -> bytes:
        return b""


@dataclass(frozen=True, kw_only=True)
class Fails:
    """Raises in `fit`."""

    name: str = "fails"
    error: Exception = field(default_factory=lambda: CannotFit("it is too little history"))

    def fit(self, history: Counts, calendar: Calendar) -> Fitted:
        raise self.error

    def load(self, saved: bytes, calendar: Calendar) -> Fitted:
        raise NotImplementedError


def making(**models: Model) -> MakeModel:
    """Return a maker: these models by the names of the table (`weekday_mean` is `weekday-mean`)."""
    by_name = {name.replace("_", "-"): model for name, model in models.items()}

    def make(unit: Unit, name: str) -> Model:
        return by_name[name]

    return make
