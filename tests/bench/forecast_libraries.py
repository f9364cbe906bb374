"""What statsforecast and Prophet say from the same origins. They are in the extra `bench` and nowhere else."""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from forecast.backtest.choice import AUTOMATIC
from forecast.backtest.protocol import NO_TARGET
from forecast.backtest.runner import Track
from forecast.backtest.whole import Backtest
from forecast.models.base import LEVELS
from forecast.series.counts import Counts, Floats
from hotline.runtime.clock import stopwatch
from tests.bench.forecast_cases import Case
from tests.bench.report import Scale, say

NEEDED = ("statsforecast", "prophet")
AT_MOST = {"AutoARIMA": 10}
"""From so many origins of a case, spread over all, because one takes up to half a minute; the others from all."""
SLOTS_LEARNT = 60
"""Days of half hours that the seasonal models get: more costs minutes and changes little."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Compared:
    """What a library said."""

    name: str
    chosen: tuple[int, ...]
    """Numbers of the origins."""
    mean: Floats
    """(O', L, S)"""
    seconds_each: float

    @property
    def origins(self) -> int:
        """How many there are."""
        return len(self.chosen)

    def as_backtest(self, found: Backtest) -> Backtest:
        """Return a backtest with the library's track on its origins."""
        track = Track(model=self.name, mean=self.mean, quantiles=np.full((len(LEVELS), *self.mean.shape), np.nan))
        return replace(found, tracks={self.name: track}, **self._part(found))

    def ours(self, found: Backtest) -> Backtest:
        """Return our own tracks on the library's origins."""
        chosen = list(self.chosen)
        one = found.tracks[AUTOMATIC]
        track = replace(one, mean=one.mean[chosen], quantiles=one.quantiles[:, chosen])
        return replace(found, tracks={AUTOMATIC: track}, **self._part(found))

    def _part(self, found: Backtest) -> dict[str, Any]:
        chosen = list(self.chosen)
        protocol = replace(
            found.protocol, origins=found.protocol.origins[chosen], targets=found.protocol.targets[chosen]
        )
        return {"came": found.came[chosen], "protocol": protocol}


Forecaster = Callable[[Counts, np.ndarray], Floats]
"""History and the periods asked for; the means (H, S)."""


def notes() -> list[str]:
    """Return what is to be said about libraries that are not there."""
    absent = [name for name in NEEDED if find_spec(name) is None]
    return [f"not installed, not compared: {', '.join(absent)} (the extra `bench`)"] if absent else []


def compare(case: Case, found: Backtest, scale: Scale) -> dict[str, Compared]:
    """Return what each library says from the case's origins (with --quick from two of them); nothing for 5-minute counts, which none of them can bear."""
    if found.counts.step_min < 15 or any(find_spec(name) is None for name in NEEDED):
        return {}
    amount = len(found.protocol.origins)
    made = {}
    for name, forecaster in _forecasters(found.counts, case).items():
        played = min(amount, 2 if scale.quick else AT_MOST.get(name, amount))
        chosen = tuple(int(one) for one in np.linspace(0, amount - 1, played).round())
        say(f"forecasts: {case.name}: {name} on {len(chosen)} origins")
        made[name] = _played(name, forecaster, found, chosen)
    return made


def _played(name: str, forecaster: Forecaster, found: Backtest, chosen: tuple[int, ...]) -> Compared:
    mean = np.full((len(chosen), *found.came.shape[1:]), np.nan)
    watch = stopwatch()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a library warns of is its own matter here
        for chatty in ("cmdstanpy", "prophet", "prophet.plot"):
            logging.getLogger(chatty).setLevel(logging.CRITICAL)
        for number, origin in enumerate(chosen):
            row = found.protocol.targets[origin]
            wanted = row != NO_TARGET
            history = found.counts.cut(0, int(found.protocol.origins[origin]))
            mean[number, wanted] = np.clip(forecaster(history, found.counts.periods[row[wanted]]), 0, None)
    return Compared(name=name, chosen=chosen, mean=mean, seconds_each=watch() / len(chosen))


def _forecasters(counts: Counts, case: Case) -> dict[str, Forecaster]:
    """Return the models that make sense for a unit: AutoARIMA and AutoETS know one short season, MSTL several."""
    from statsforecast.models import MSTL, AutoARIMA, AutoETS

    week = len({int(day) for day in (counts.periods[-28:].astype("datetime64[D]").astype(int) + 3) % 7})
    width = counts.values.shape[1]
    season = {"slot": width * week, "day": week, "month": 12}[counts.unit]
    found: dict[str, Forecaster] = {}
    if counts.unit == "slot":
        found["MSTL"] = _stats(
            lambda: MSTL(season_length=[width, season], trend_forecaster=AutoARIMA(max_p=2, max_q=2))
        )
    else:
        found["AutoARIMA"] = _stats(lambda: AutoARIMA(season_length=season))
        found["AutoETS"] = _stats(lambda: AutoETS(season_length=season))
        found["MSTL"] = _stats(lambda: MSTL(season_length=season))
    found["Prophet"] = lambda history, periods: _prophet(history, periods, case.country)
    return found


def _stats(make: Callable[[], Any]) -> Forecaster:
    """Return a forecaster of statsforecast: it counts steps, so days that are not there take none; gaps are filled with the step a season before."""

    def forecast(history: Counts, periods: np.ndarray) -> Floats:
        recent = history.values[-SLOTS_LEARNT:] if history.unit == "slot" else history.values
        series = recent.ravel()
        series = np.where(np.isfinite(series), series, np.nanmean(series))
        steps = len(periods) * recent.shape[1]
        return np.asarray(make().forecast(y=series, h=steps)["mean"], dtype=np.float64).reshape(len(periods), -1)

    return forecast


def _prophet(history: Counts, periods: np.ndarray, country: str) -> Floats:
    import pandas as pd
    from prophet import Prophet

    model = Prophet(
        daily_seasonality=history.unit == "slot", weekly_seasonality=history.unit != "month", yearly_seasonality="auto"
    )
    if country and history.unit != "month":
        model.add_country_holidays(country_name=country.split("-")[0])
    model.fit(pd.DataFrame({"ds": _moments(history.periods, history), "y": history.values.ravel()}))
    told = model.predict(pd.DataFrame({"ds": _moments(periods, history)}))
    return np.asarray(told["yhat"], dtype=np.float64).reshape(len(periods), -1)


def _moments(periods: np.ndarray, counts: Counts) -> np.ndarray:
    starts = np.array(counts.starts_min, dtype="timedelta64[m]")
    return (periods.astype("datetime64[m]")[:, None] + starts[None, :]).ravel()
