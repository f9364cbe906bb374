"""A small back-propagation network of days. Pure.

One hidden layer of `neurons` hyperbolic tangents on the table of `forecast.models.days.lags`, fitted by L-BFGS with weight decay (Bishop 2006, Pattern
Recognition and Machine Learning, sections 5.1 to 5.5); the forecast is the mean of several networks that began at different random
weights, which is steadier than the best of them (Hansen & Salamon 1990). The fit is scikit-learn's; what is kept are the weights, and the forward
pass is here. The spread comes from days that a first fit had not seen, as with the trees.
"""

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models.base import Forecast
from forecast.models.days.history import DayHistory
from forecast.models.days.lags import DayTable, unseen_errors
from forecast.models.days.spread import day_forecast, shape_of
from forecast.models.saved import pack, pack_counts, unpack, unpack_counts
from forecast.series.counts import Counts, Dates, Floats

LEAST_NOISE = 1e-3
MOST_DEVIATIONS = 4.0
"""Regressors further than this from their mean are taken as that far: a network says anything about what it never saw."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """Networks of one shape: hidden (N, K, H), hidden bias (N, H), out (N, H), out bias (N,), and the scaling of regressors and target."""

    hidden: Floats
    hidden_bias: Floats
    out: Floats
    out_bias: Floats
    middle: Floats
    width: Floats
    target_width: Floats

    def predict(self, rows: Floats) -> Floats:
        """Return the mean (P,) over the networks."""
        scaled = np.clip((rows - self.middle) / self.width, -MOST_DEVIATIONS, MOST_DEVIATIONS)
        layer = np.tanh(np.einsum("pk,nkh->nph", scaled, self.hidden) + self.hidden_bias[:, None])
        values: Floats = np.einsum("nph,nh->np", layer, self.out) + self.out_bias[:, None]
        return np.asarray(values.mean(axis=0) * float(self.target_width))

    def arrays(self) -> dict[str, Floats]:
        """Return the weights by name."""
        return {f"net_{name}": getattr(self, name) for name in _WEIGHTS}


_WEIGHTS = ("hidden", "hidden_bias", "out", "out_bias", "middle", "width", "target_width")


@dataclass(frozen=True, kw_only=True)
class DayNetwork:
    """The network of days."""

    name: str = "network"
    window_days: int = 550
    neurons: int = 8
    decay: float = 30.0
    """scikit-learn's `alpha`."""
    networks: int = 3
    steps: int = 60
    seed: int = 1

    def fit(self, history: Counts, calendar: Calendar) -> "FittedNetwork":
        known = DayHistory.of(history, calendar, self.window_days)
        rows, targets, origins = DayTable.of(known, kinds=False).learnt()
        first = unseen_errors(rows, targets, origins, lambda early, came: self._learn(early, came, 1).predict)
        errors = known.optimism * first
        return FittedNetwork(
            model=self, history=known, weights=self._learn(rows, targets, self.networks), errors=errors
        )

    def load(self, saved: bytes, calendar: Calendar) -> "FittedNetwork":
        header, arrays = unpack(self.name, saved)
        history = DayHistory(counts=unpack_counts(header, arrays), calendar=calendar, newest=arrays["newest"])
        weights = Weights(**{name: arrays[f"net_{name}"] for name in _WEIGHTS})
        return FittedNetwork(model=self, history=history, weights=weights, errors=arrays["errors"])

    def _learn(self, rows: Floats, targets: Floats, networks: int) -> Weights:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPRegressor

        width = rows.std(axis=0)
        middle, width = rows.mean(axis=0), np.where(width > 1e-9, width, 1.0)
        spread = max(float(targets.std()), 1e-9)
        scaled = np.clip((rows - middle) / width, -MOST_DEVIATIONS, MOST_DEVIATIONS)
        fitted = []
        with warnings.catch_warnings():
            # `steps` ends the search on purpose: early stopping is one more restraint on the weights.
            warnings.simplefilter("ignore", ConvergenceWarning)
            for number in range(networks):
                network = MLPRegressor(
                    hidden_layer_sizes=(self.neurons,), activation="tanh", solver="lbfgs", alpha=self.decay, max_iter=self.steps,
                    random_state=self.seed + number,
                )  # fmt: skip
                fitted.append(network.fit(scaled, targets / spread))
        return Weights(
            hidden=np.stack([one.coefs_[0] for one in fitted]),
            hidden_bias=np.stack([one.intercepts_[0] for one in fitted]),
            out=np.stack([one.coefs_[1][:, 0] for one in fitted]),
            out_bias=np.array([one.intercepts_[1][0] for one in fitted]),
            middle=middle,
            width=width,
            target_width=np.array(spread),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedNetwork:
    """Networks that have learnt."""

    model: DayNetwork
    history: DayHistory
    weights: Weights
    errors: Floats
    """Of days that the first network had not seen."""

    def predict(self, periods: Dates) -> Forecast:
        coming = self.history.coming(periods)
        left = self.weights.predict(self._table.coming(coming, self.history.steps_to(periods)))
        noise = float(np.mean(self.errors**2)) if len(self.errors) else self.history.effects.noise**2
        noise = max(noise, LEAST_NOISE**2)
        return day_forecast(
            periods, self.history.effects.scale, self._table.base(coming) + left, np.full(len(periods), np.sqrt(noise)),
            shape_of(self.errors / np.sqrt(noise)), noise=noise, model=self.model.name,
        )  # fmt: skip

    def update(self, more: Counts) -> "FittedNetwork":
        history = self.history.extended(more, self.model.window_days)
        return FittedNetwork(model=self.model, history=history, weights=self.weights, errors=self.errors)

    def save(self) -> bytes:
        header, arrays = pack_counts(self.history.counts)
        arrays = {**arrays, "newest": self.history.newest, "errors": self.errors, **self.weights.arrays()}
        return pack(self.model.name, header, arrays)

    @cached_property
    def _table(self) -> DayTable:
        return DayTable.of(self.history, kinds=False)
