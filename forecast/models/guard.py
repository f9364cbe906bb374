"""When a model raises or explodes, the next one serves and it is said why. Pure.

What stalls is ended by the process pool, which knows over what (`Trying`); whoever runs the pool then asks again with that model among `without`, and
the others are tried in the order of the last comparison. The last rungs are the baseline and the naive model: where even they have nothing to learn
from, `CannotFit` is the answer.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models import table
from forecast.models.base import CannotFit, Fitted, Forecast, Model
from forecast.models.baselines import phase
from forecast.series.counts import Counts, Dates, Unit

MOST_TIMES_HIGHEST = 5.0
"""A forecast above so many times the highest count known (spikes left out) has exploded."""
LEAST_SHARE_OF_LEVEL = 0.02
"""A forecast whose mean is below this share of the level of the last weeks has collapsed."""
LEVEL_PERIODS = 60
NARROWEST = 0.25
"""The 95 % interval is at least this share of that of a Poisson count, over all periods."""

MakeModel = Callable[[Unit, str], Model]
Trying = Callable[[Unit, str], None]
"""Called with the unit and the name of a model before it is tried."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Guarded:
    """A forecast that can be used, and what was said on the way to it."""

    model: str
    fitted: Fitted
    forecast: Forecast
    said: tuple[str, ...] = ()
    """One sentence for each model that did not serve, in order."""


def ladder(unit: Unit, chosen: str, without: Collection[str] = (), ranked: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the names to try in order: the chosen one, the others as the last comparison ranked them, the baseline, the naive model."""
    baseline = table.BASELINES[unit]
    better = takewhile(lambda name: name != baseline, ranked)
    return tuple(name for name in dict.fromkeys((chosen, *better, baseline, "seasonal-naive")) if name not in without)


def serve(
    names: tuple[str, ...],
    history: Counts,
    calendar: Calendar,
    periods: Dates,
    *,
    unit: Unit,
    daily: Counts | None = None,
    make: MakeModel = table.make,
    trying: Trying | None = None,
) -> Guarded:
    """Return the forecast of the first model of `names` that serves.

    Args:
        names: in the order of `ladder`.
        history: counts of `unit`.
        calendar: of history and periods.
        periods: what is asked for.
        unit: of the models.
        daily: counts of days, for models of the table that learn days to forecast months.
        make: how a name becomes a model.
        trying: told before each.

    Raises:
        CannotFit: none of them serves; the sentences say why.
    """
    said: list[str] = []
    for name in names:
        if trying:
            trying(unit, name)
        try:
            fitted = make(unit, name).fit(learnt_by(unit, name, history, daily), calendar)
            forecast = fitted.predict(periods)
        except Exception as exc:  # noqa: BLE001 - whatever a model does wrong, another one has to serve
            said.append(
                f"{name} failed: {type(exc).__name__}: {exc}"
                if not isinstance(exc, CannotFit)
                else f"{name} cannot fit: {exc}"
            )
            continue
        if reasons := why_not(forecast, history):
            said.append(f"{name} is not used: {'; '.join(reasons)}")
            continue
        return Guarded(model=name, fitted=fitted, forecast=forecast, said=tuple(said))
    raise CannotFit("; ".join(said) or "there is no model to try")


def learnt_by(unit: Unit, name: str, history: Counts, daily: Counts | None) -> Counts:
    """Return what a model learns from: the days, if it learns days and they reach back as far as the history of its unit does."""
    if table.line(unit, name).learns != "day" or daily is None or not len(daily.periods):
        return history
    reaches_back = not len(history.periods) or bool(daily.periods[0] < history.periods[0] + 62)
    return daily if reaches_back else history


def why_not(forecast: Forecast, history: Counts) -> list[str]:
    """Return why a forecast must not be used; empty means it may."""
    if not np.isfinite(forecast.mean).all() or not np.isfinite(forecast.quantiles).all():
        return ["it is no number"]
    if (forecast.mean < 0).any() or (np.diff(forecast.quantiles, axis=0) < -1e-9).any():
        return ["its quantiles do not ascend or it is negative"]
    if not np.isfinite(history.values).any() or not forecast.mean.size:
        return []
    return [*_size(forecast, history), *_width(forecast, history)]


def _size(forecast: Forecast, history: Counts) -> list[str]:
    """Return whether the level is far from all that was seen. A spike in the history allows no spike in the forecast: whole periods count."""
    with np.errstate(invalid="ignore"):
        sums = history.values.sum(axis=1)
    sums = sums[np.isfinite(sums)]
    if len(sums) < 2:
        return []
    highest = float(np.quantile(sums, 0.99)) + 10.0
    means = forecast.mean.sum(axis=1)
    if means.max() > MOST_TIMES_HIGHEST * highest:
        return [f"{means.max():.0f} calls, while 99 % of the past stayed below {highest:.0f}"]
    level = float(np.median(sums[-LEVEL_PERIODS:]))
    if level > 50 and means.mean() < LEAST_SHARE_OF_LEVEL * level:
        return [f"{means.mean():.1f} calls, while there were {level:.0f} lately"]
    return []


def _width(forecast: Forecast, history: Counts) -> list[str]:
    """Return whether the intervals have collapsed: no count is surer than a Poisson count by that much, unless the history is as still."""
    poisson = 2 * 1.96 * np.sqrt(forecast.mean).sum()
    width = (forecast.quantiles[-1] - forecast.quantiles[0]).sum()
    if forecast.mean.mean() < 5 or width >= NARROWEST * poisson:
        return []
    if _unrest(history) < NARROWEST * np.sqrt(np.nanmean(history.values)):
        return []
    return [f"intervals of {width:.1f} in all, while Poisson counts alone would have {poisson:.1f}"]


def _unrest(history: Counts) -> float:
    """Return the standard deviation of what is left of the counts when each slot has its mean of that weekday (of months: of that month).

    A queue may have other numbers at every hour and still the same every week: then a forecast may be sure. With each of them seen once
    only, it is the deviation from the mean of all.
    """
    values, phases = history.values, phase(history.periods, history.unit)
    groups = [values[phases == one] for one in np.unique(phases)]
    known = [column[np.isfinite(column)] for group in groups for column in group.T]
    left = [column - column.mean() for column in known if len(column) > 1]
    if not left:
        return float(np.nanstd(values))
    return float(np.sqrt(np.mean(np.concatenate(left) ** 2)))
