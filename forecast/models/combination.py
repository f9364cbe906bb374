"""A mean of models with weights learnt from what they would have said on past days. Pure; for slots, days and months.

Theory: Bates & Granger 1969, "The combination of forecasts"; of models that err differently the mean errs less than each, and simple weights
beat clever ones because weights are estimated too (Clemen 1989; Claeskens et al. 2016, "The forecast combination puzzle"). So the weights are at
least 0, add up to 1, and are drawn towards equal ones as if by `EQUAL_PERIODS` periods in which all members were alike. They minimise the
square of the error on the square-root scale, for which quiet and busy slots count alike; an error of a day gone wrong is cut off, or one outage
would decide.

The combined forecast is the weighted mean of the members' square roots. Its quantiles are the weighted mean of theirs (Vincentization;
Lichtendahl et al. 2013, "Is it better to average probabilities or quantiles?"), drawn in by as much as the combined forecast was nearer the truth in
the past than its members were on average.

A member that cannot fit is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models import table
from forecast.models.base import LEVELS, CannotFit, Fitted, Forecast
from forecast.models.rehearsal import origins_of, rehearse
from forecast.models.saved import pack, unpack
from forecast.models.spread import ascending
from forecast.series.counts import Counts, Dates, Floats, Unit

EQUAL_PERIODS = 8.0
FAR = 4.0
"""An error beyond so many robust standard deviations counts as one of that size."""
_MEDIAN = len(LEVELS) // 2
_TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class Combination:
    """The members, and how their weights are learnt."""

    members: tuple[str, ...]
    """Names of the table, of the same unit."""
    unit: Unit = "slot"
    leads: int = 10
    """So many periods ahead the past forecasts reach."""
    fits: int = 3
    """Fits in the past of a member that has not measured its own errors; in between it is updated."""
    equal: bool = False
    """Whether the weights stay equal: nothing is learnt, nothing rehearsed."""
    name: str = "combination"

    def fit(self, history: Counts, calendar: Calendar) -> "FittedCombination":
        """Learn the weights, then fit the members to all of the history. Raises CannotFit when no member can."""
        fitted: dict[str, Fitted] = {}
        reasons = []
        for member in self.members:
            try:
                fitted[member] = table.make(self.unit, member).fit(history, calendar)
            except CannotFit as why:
                reasons.append(f"{member}: {why}")
        if not fitted:
            raise CannotFit("; ".join(reasons))
        weights, width = self._weights(fitted, history, calendar)
        return FittedCombination(model=self, members=fitted, weights=weights, width=width)

    def load(self, saved: bytes, calendar: Calendar) -> "FittedCombination":
        header, arrays = unpack(self.name, saved)
        kept = {
            name: table.make(self.unit, name).load(arrays[f"member {name}"].tobytes(), calendar)
            for name in header["members"]
        }
        return FittedCombination(model=self, members=kept, weights=arrays["weights"], width=float(header["width"]))

    def _weights(self, fitted: Mapping[str, Fitted], history: Counts, calendar: Calendar) -> tuple[Floats, float]:
        """Return the weights (M,), and by what the mean width of the members is multiplied."""
        equal = np.full(len(fitted), 1.0 / len(fitted))
        if len(fitted) == 1 or self.equal:
            return equal, 1.0
        try:
            errors = np.stack([self._errors(name, one, history, calendar) for name, one in fitted.items()])
        except CannotFit:
            return equal, 1.0
        return learnt_weights(errors)

    def _errors(self, name: str, fitted: Fitted, history: Counts, calendar: Calendar) -> Floats:
        """Return the errors (L, N, S) from `origins_of` the history; a model of slots has measured them already."""
        shape = (self.leads, len(origins_of(history)), len(history.starts_min))
        measured = getattr(fitted, "errors", None)
        if isinstance(measured, np.ndarray) and measured.shape == shape:
            return measured
        model = table.make(self.unit, name)
        return rehearse(model, history, calendar, leads=self.leads, fits=self.fits).errors


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedCombination:
    """Fitted members and their weights."""

    model: Combination
    members: dict[str, Fitted]
    weights: Floats
    """(M,), in the order of the members."""
    width: float
    """How much narrower the combination is than its members on average: 1 is as wide."""

    def predict(self, periods: Dates) -> Forecast:
        """Return the weighted mean of the members' forecasts."""
        told = [member.predict(periods) for member in self.members.values()]
        mean = self._mixed([one.mean for one in told]) ** 2
        roots = self._mixed([one.quantiles for one in told])
        middle = roots[_MEDIAN]
        quantiles = ascending(np.clip(middle + self.width * (roots - middle), 0.0, None) ** 2)
        return replace(told[0], mean=mean, quantiles=quantiles, model=self.model.name)

    def _mixed(self, values: Sequence[Floats]) -> Floats:
        mixed: Floats = np.einsum("m,m...->...", self.weights, np.sqrt(np.stack(values)))
        return mixed

    def update(self, more: Counts) -> "FittedCombination":
        """Return the same weights with updated members."""
        return replace(self, members={name: member.update(more) for name, member in self.members.items()})

    def save(self) -> bytes:
        parts = {f"member {name}": np.frombuffer(member.save(), np.uint8) for name, member in self.members.items()}
        header = {"members": list(self.members), "width": self.width}
        return pack(self.model.name, header, {"weights": self.weights, **parts})

    def shares(self) -> dict[str, float]:
        """Return the weight of each member, for people."""
        return {name: float(share) for name, share in zip(self.members, self.weights, strict=True)}


def learnt_weights(errors: Floats) -> tuple[Floats, float]:
    """Return weights (M,) and relative width from the members' errors (M, L, N, S), NaN is not known."""
    size = len(errors)
    flat = errors.reshape(size, -1)
    flat = flat[:, np.isfinite(flat).all(axis=0)]
    if not flat.shape[1]:
        return np.full(size, 1.0 / size), 1.0
    flat = _cut_off(flat)
    gram = flat @ flat.T / flat.shape[1]
    # The errors of one origin go together: they count as one period.
    weights = best_weights(gram, pull=EQUAL_PERIODS / errors.shape[2])
    alone = float(weights @ np.sqrt(np.diag(gram)))
    together = float(np.sqrt(np.maximum(weights @ gram @ weights, 0.0)))
    return weights, min(together / alone, 1.0) if alone > 0 else 1.0


def _cut_off(errors: Floats) -> Floats:
    scale = 1.4826 * np.median(np.abs(errors), axis=1, keepdims=True)
    reach = FAR * np.maximum(scale.mean(), _TINY)
    return np.clip(errors, -reach, reach)


def best_weights(gram: Floats, *, pull: float) -> Floats:
    """Return the weights (M,), at least 0 and adding up to 1, that minimise w'Gw, drawn towards equal ones.

    Args:
        gram: (M, M): the mean products of the members' errors.
        pull: how much "all alike" counts in relation to what was seen.

    With few members the active set is found by leaving out the most negative weight until none is.
    """
    size = len(gram)
    level = max(float(np.trace(gram)) / size, _TINY)
    drawn = gram + pull * level * np.eye(size)
    active = list(range(size))
    while True:
        part = drawn[np.ix_(active, active)]
        found = np.linalg.solve(part + _TINY * level * np.eye(len(active)), np.ones(len(active)))
        found /= found.sum()
        if (found >= 0).all():
            break
        active.pop(int(found.argmin()))
    weights = np.zeros(size)
    weights[active] = found
    return weights
