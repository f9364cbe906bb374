"""Makes the forecasts of a protocol, candidate by candidate. Pure but for the stopwatch that it is given.

A candidate sees what was known at the origin and nothing else: its history is cut there, and a fit is made anew every `refit_every` origins,
with updates in between. What goes wrong at an origin leaves a gap and a sentence; the others go on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.backtest.protocol import NO_TARGET, Protocol
from forecast.days.calendar import Calendar
from forecast.models import table
from forecast.models.base import LEVELS, CannotFit, Fitted, Forecast
from forecast.models.guard import MakeModel, Trying, learnt_by, why_not
from forecast.series.counts import Counts, Floats

Stopwatch = Callable[[], float]
"""Seconds since some moment."""
Progress = Callable[[str, int, int], None]
"""Called with the model, the origins done and the origins in all."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Track:
    """What one model said from every origin."""

    model: str
    mean: Floats
    """(O, L, S); NaN where there is no target or no forecast."""
    quantiles: Floats
    """(len(LEVELS), O, L, S)"""
    seconds: float = 0.0
    """Of all fits, updates and predictions."""
    fits: int = 0
    failures: tuple[str, ...] = ()

    def part(self, start: int, stop: int) -> "Track":
        """Return the origins number `start` to `stop` (not included)."""
        return replace(self, mean=self.mean[start:stop], quantiles=self.quantiles[:, start:stop])


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """What is forecast, and what models may learn from."""

    counts: Counts
    calendar: Calendar
    days: Counts | None = None
    """The days, for models that sum them to months."""


def actual(counts: Counts, protocol: Protocol) -> Floats:
    """Return what came (O, L, S); NaN where there is no target."""
    values: Floats = np.where(protocol.targets[:, :, None] == NO_TARGET, np.nan, counts.values[protocol.targets])
    return values


def tracks(
    material: Material,
    protocol: Protocol,
    names: Sequence[str],
    *,
    watch: Stopwatch,
    progress: Progress | None = None,
    make: MakeModel = table.make,
    trying: Trying | None = None,
) -> dict[str, Track]:
    """Return the forecasts of every model; `trying` is told before each. Raises Misuse for a model that is not in the table."""
    for name in names:
        table.line(protocol.unit, name)
    found = {}
    for name in names:
        if trying:
            trying(protocol.unit, name)
        found[name] = track(material, protocol, name, watch=watch, progress=progress, make=make)
    return found


def track(
    material: Material,
    protocol: Protocol,
    name: str,
    *,
    watch: Stopwatch,
    progress: Progress | None = None,
    make: MakeModel = table.make,
) -> Track:
    """Return the forecasts of one model from every origin."""
    shape = (*protocol.targets.shape, len(material.counts.starts_min))
    mean, quantiles = np.full(shape, np.nan), np.full((len(LEVELS), *shape), np.nan)
    follower = _Follower(material=material, protocol=protocol, name=name, make=make)
    failures: list[str] = []
    began = watch()
    for number, row in enumerate(protocol.targets):
        wanted = row != NO_TARGET
        try:
            found = follower.forecast(number)
            if reasons := why_not(found, follower.known):
                failures.append(f"{material.counts.periods[row[0]]}: {'; '.join(reasons)}")
            else:
                mean[number, wanted], quantiles[:, number, wanted] = found.mean, found.quantiles
        except CannotFit as exc:
            failures.append(f"{material.counts.periods[row[wanted][0]]}: {exc}")
        except Exception as exc:  # noqa: BLE001 - one model's error must not end the backtest of all
            failures.append(f"{material.counts.periods[row[wanted][0]]}: {type(exc).__name__}: {exc}")
        if progress:
            progress(name, number + 1, len(protocol.origins))
    return Track(
        model=name,
        mean=mean,
        quantiles=quantiles,
        seconds=watch() - began,
        fits=follower.fits,
        failures=tuple(failures),
    )


class _Follower:
    """One model, carried from origin to origin."""

    def __init__(self, *, material: Material, protocol: Protocol, name: str, make: MakeModel) -> None:
        self._material = material
        self._protocol = protocol
        self._model = make(protocol.unit, name)
        self._source = learnt_by(protocol.unit, name, material.counts, material.days)
        self._fitted: Fitted | None = None
        self._learnt = 0
        self.fits = 0
        self.known = material.counts
        """What was known of the target's unit at the last origin."""

    def forecast(self, number: int) -> Forecast:
        counts, protocol = self._material.counts, self._protocol
        origin = int(protocol.origins[number])
        self.known = counts.cut(0, origin)
        stop = int(np.searchsorted(self._source.periods, counts.periods[origin]))
        if self._fitted is None or number % protocol.refit_every == 0:
            start = max(0, stop - protocol.memory) if protocol.memory else 0
            self._fitted = None
            fitted = self._model.fit(self._source.cut(start, stop), self._material.calendar)
            self.fits += 1
        else:
            fitted = self._fitted.update(self._source.cut(self._learnt, stop))
        self._fitted, self._learnt = fitted, stop
        row = protocol.targets[number]
        return fitted.predict(counts.periods[row[row != NO_TARGET]])
