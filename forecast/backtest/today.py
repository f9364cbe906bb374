"""A backtest of the rest of today: on each day of the past, the morning is known and the afternoon is forecast anew. Pure.

It stands on a backtest of slots one day ahead: that forecast, as the automatic choice made it before the day began, is what is updated; how errors of
a day go together is learnt from the forecasts of the days before, never from the day itself. Compared are the update of `forecast.today.updating`
(which is what the service does, so it is the automatic choice), the forecast left as it was, and the plain ratio (counted so far over forecast
so far), which everybody tries first and which hurts where calls are few.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forecast.backtest.choice import AUTOMATIC
from forecast.backtest.picks import Pick
from forecast.backtest.runner import Stopwatch, Track, actual
from forecast.backtest.scores import floor, score
from forecast.backtest.whole import Backtest
from forecast.models.base import Forecast
from forecast.series.counts import Counts, Floats
from forecast.today.updating import prepare
from hotline.errors import Misuse

NOON = 12 * 60
PAST_DAYS = 100
"""So many past forecasts teach how errors go together; more are older than the habits of callers."""
LEFT, RATIO, UPDATED = "as forecast", "ratio", "update"

LEARN_EVERY = 5
"""Days between two times of learning from the past."""

Updater = Callable[[Forecast, Floats], Forecast]
"""Today's forecast and what was counted (S,) with NaN for the rest; the forecast now."""


def rest_of_day(found: Backtest, *, watch: Stopwatch, at_min: int = NOON) -> Backtest:
    """Return the backtest of the slots that begin at `at_min` or later.

    Args:
        found: a backtest of slots with one origin for each day. Its warm-up is learnt from too.
        watch: seconds since some moment.
        at_min: when the day is looked at, in minutes after midnight; what began before is known.

    Raises:
        Misuse: no slot begins before `at_min` or none after it.
    """
    counts, (protocol, whole) = found.counts, found.whole
    known = np.array(counts.starts_min) < at_min
    if known.all() or not known.any():
        raise Misuse(f"the slots lie all on one side of {at_min // 60:02d}:{at_min % 60:02d}")
    day_ahead = replace(protocol, targets=protocol.targets[:, :1])
    came = actual(counts, day_ahead)[:, 0]
    told = replace(whole, mean=whole.mean[:, :1], quantiles=whole.quantiles[:, :, :1])
    made = {name: _played(name, learn, told, counts, came, known, watch) for name, learn in WAYS.items()}
    auto = replace(made[UPDATED], model=AUTOMATIC)
    scored, stop = day_ahead.scored(), len(day_ahead.origins)
    parts = {name: one.part(protocol.warmup, stop) for name, one in {**made, AUTOMATIC: auto}.items()}
    after = counts.with_values(np.where(known, np.nan, counts.values))
    scores = [score(one, after, scored) for one in parts.values()]
    return Backtest(
        horizon="today",
        counts=after,
        protocol=scored,
        tracks=parts,
        picks=(Pick(unit=counts.unit, model=UPDATED, why="every queue is updated so"),),
        scores=tuple(sorted(scores, key=lambda one: (one.wape != one.wape, one.wape))),
        came=actual(after, scored),
        floor=floor(parts[AUTOMATIC].mean),
        whole=(day_ahead, auto),
    )


def _played(
    name: str, learn: "Learner", told: Track, counts: Counts, came: Floats, known: NDArray[np.bool_], watch: Stopwatch
) -> Track:
    """Return what one way of updating says of the rest of each day; NaN for the slots that are known and on days without a forecast."""
    mean, quantiles = np.full_like(told.mean, np.nan), np.full_like(told.quantiles, np.nan)
    began = watch()
    update: Updater | None = None
    for day in range(len(came)):
        if not np.isfinite(told.mean[day]).all():
            continue
        if day % LEARN_EVERY == 0 or update is None:
            past = [one for one in range(max(0, day - PAST_DAYS), day) if np.isfinite(told.mean[one]).all()]
            update = learn(came[past], told.mean[past, 0])
        forecast = Forecast(
            periods=counts.periods[:1],
            mean=told.mean[day],
            quantiles=told.quantiles[:, day],
            starts_min=counts.starts_min,
            step_min=counts.step_min,
        )
        now = update(forecast, np.where(known, came[day], np.nan))
        mean[day, 0] = np.where(known, np.nan, now.mean[0])
        quantiles[:, day, 0] = np.where(known, np.nan, now.quantiles[:, 0])
    return Track(model=name, mean=mean, quantiles=quantiles, seconds=watch() - began)


def _left(forecast: Forecast, _observed: Floats) -> Forecast:
    return forecast


def _ratio(forecast: Forecast, observed: Floats) -> Forecast:
    known = np.isfinite(observed)
    expected = forecast.mean[0, known].sum()
    ratio = observed[known].sum() / expected if expected > 0 else 1.0
    return replace(forecast, mean=forecast.mean * ratio, quantiles=forecast.quantiles * ratio)


Learner = Callable[[Floats, Floats], Updater]
"""Counts (N, S) and forecasts (N, S) of past days; how to update."""
WAYS: dict[str, Learner] = {
    LEFT: lambda _came, _told: _left,
    RATIO: lambda _came, _told: _ratio,
    UPDATED: lambda came, told: prepare(came, told).update,
}
