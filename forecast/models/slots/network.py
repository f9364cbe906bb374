"""The back-propagation network of the source, for half hours. Pure.

Theory: Rumelhart, Hinton & Williams 1986, "Learning representations by back-propagating errors". One hidden layer of sigmoid units between what is known of
a day (weekday, place in the month, closures, how far off the last days were) and all its slots at once. A network this small
learns little from a year of days, and each start of the weights ends elsewhere: so several are trained and their mean is taken (Hansen & Salamon
1990), and weights are held small. In the backtests of the reference data such networks come close to the mean of the last weeks (8.0-8.6 % against 7.1 %); it is
here because the source names it, honestly scored, and the automatic choice does not try it unless told to.

Training is scikit-learn's `MLPRegressor` (by keywords only: its first positional argument changed its meaning); forecasting needs only the weights.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.days.calendar import Calendar
from forecast.models.slots.lag_models import FittedLags, Lesson, learn, loaded, measured
from forecast.models.slots.lags import Table
from forecast.series.counts import Counts, Floats

_TINY = 1e-9


@dataclass(frozen=True, kw_only=True)
class Network:
    """A multi-layer perceptron for units of slots."""

    hidden: int = 12
    networks: int = 3
    """So many starts are averaged."""
    penalty: float = 3.0
    """On the squares of the weights (`alpha`)."""
    steps: int = 60
    seed: int = 1
    name: str = "network"

    def fit(self, history: Counts, calendar: Calendar) -> FittedLags:
        """Learn; then a smaller fit in the past measures the spread."""
        return measured(self, self.start(history, calendar), history, calendar, fits=1)

    def start(self, history: Counts, calendar: Calendar) -> FittedLags:
        """Return a fit whose spread is not measured. Raises CannotFit."""
        return learn(self.name, history, calendar, self._teach)

    def load(self, saved: bytes, calendar: Calendar) -> FittedLags:
        return loaded(
            self.name, saved, calendar, lambda arrays: Layers(**{part: arrays[part] for part in Layers.PARTS})
        )

    def _teach(self, lesson: Lesson) -> "Layers":
        rows = _rows(lesson.table)
        middle, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), 0.05)
        known = lesson.weights > 0
        target = np.where(np.isfinite(lesson.target), lesson.target, 0.0)[known]
        size = max(float(target.std()), _TINY)
        found = [
            self._train((rows[known] - middle) / scale, target / size, self.seed + one) for one in range(self.networks)
        ]
        inner, inner_bias, outer, outer_bias = (np.stack([one[part] for one in found]) for part in range(4))
        return Layers(
            middle=middle,
            scale=scale,
            inner=inner,
            inner_bias=inner_bias,
            outer=outer * size,
            outer_bias=outer_bias * size,
        )

    def _train(self, rows: Floats, target: Floats, seed: int) -> tuple[Floats, Floats, Floats, Floats]:
        from sklearn.exceptions import ConvergenceWarning  # heavy
        from sklearn.neural_network import MLPRegressor

        network = MLPRegressor(
            hidden_layer_sizes=(self.hidden,),
            activation="logistic",
            solver="lbfgs",
            alpha=self.penalty,
            max_iter=self.steps,
            max_fun=2 * self.steps,
            random_state=seed,
        )
        with warnings.catch_warnings():
            # It is stopped early on purpose: a network trained to the end has learnt the noise.
            warnings.simplefilter("ignore", ConvergenceWarning)
            network.fit(rows, target if target.shape[1] > 1 else target[:, 0])
        inner, outer = network.coefs_
        return inner, network.intercepts_[0], outer, network.intercepts_[1]


@dataclass(frozen=True, kw_only=True, eq=False)
class Layers:
    """The weights of all networks."""

    PARTS = ("middle", "scale", "inner", "inner_bias", "outer", "outer_bias")

    middle: Floats
    """(F,): the mean of each input when it was learnt."""
    scale: Floats
    """(F,)"""
    inner: Floats
    """(N, F, H)"""
    inner_bias: Floats
    outer: Floats
    """(N, H, S)"""
    outer_bias: Floats

    def left(self, table: Table) -> Floats:
        """Return the mean of the networks (D, S)."""
        rows = (_rows(table) - self.middle) / self.scale
        excited = np.einsum("df,nfh->ndh", rows, self.inner) + self.inner_bias[:, None]
        hidden = 0.5 * (1.0 + np.tanh(0.5 * excited))
        made: Floats = (np.einsum("ndh,nhs->nds", hidden, self.outer) + self.outer_bias[:, None]).mean(axis=0)
        return made

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {part: getattr(self, part) for part in self.PARTS}


def _rows(table: Table) -> Floats:
    """Return one row for each day: the weekday as seven inputs, the rest as it is."""
    weekday = table.days[:, :1] == np.arange(7)
    return np.column_stack([weekday.astype(np.float64), table.days[:, 1:]])
