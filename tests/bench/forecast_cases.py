"""The rows of the accuracy table: which file, which days, what is asked, and what must be reached. docs/backtest.md says why these.

Nothing here says how to forecast: every row is what the default automatic choice says from each origin, knowing only what had come.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from forecast.backtest.choice import AUTOMATIC
from forecast.backtest.protocol import NO_TARGET, Protocol, each_period, weekly
from forecast.backtest.scores import wape
from forecast.backtest.whole import Backtest, Horizon
from forecast.days.calendar import Calendar
from forecast.days.holidays import calendar_for
from forecast.horizons.aggregate import monthly
from forecast.horizons.plan import Histories
from forecast.models.baselines import phase
from forecast.series.counts import Counts
from forecast.series.files import read_counts

US_30, US_5 = "us_bank_calls_30min_2003.csv", "us_bank_calls_5min_2003.csv"
ANONYMOUS = "anonymous_bank_30min_1999.csv"
WALES = "wales_ambulance_incidents_daily_2015_2019.csv"
CINCINNATI = "cincinnati_directory_assistance_monthly_1962_1976.csv"
TRADE = "china_trade_monthly_1983_2013.csv"
SUN_TO_THU = frozenset({6, 0, 1, 2, 3})

Measure = Callable[[Backtest, str], float]
"""A score of one of the tracks, in per cent."""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One line of the table."""

    title: str
    measure: Measure
    at_most: float
    found: str = ""
    """What the best found before had."""
    unit: str = "%"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A file, its origins, and the lines that come out of one run over them."""

    name: str
    horizon: Horizon
    load: Callable[[], Histories]
    country: str
    plan: Callable[[Counts], Protocol]
    goals: tuple[Goal, ...]
    rest: Goal | None = None
    """The rest of the day at 12:00, updated from the same forecasts."""

    def counts(self, histories: Histories) -> Counts:
        """Return what is forecast."""
        filled = histories.filled()
        found = {"half-hour": filled.slots, "day": filled.days, "month": filled.months}[self.horizon]
        assert found is not None
        return found

    def calendar(self, counts: Counts) -> Calendar:
        """Return the calendar of all the years."""
        years = range(counts.periods[0].item().year, counts.periods[-1].item().year + 2)
        return calendar_for(self.country, years=years)


def directory() -> Path:
    """Return where the reference data is: HOTLINE_BENCH_DATA, or beside the repository."""
    return Path(os.environ.get("HOTLINE_BENCH_DATA", "../shared/data"))


def us_bank() -> Histories:
    return Histories(slots=read_counts(directory() / US_30))


def us_bank_days() -> Histories:
    return Histories(days=read_counts(directory() / US_30).daily())


def us_bank_5min() -> Histories:
    return Histories(slots=read_counts(directory() / US_5))


def _anonymous() -> Counts:
    counts = read_counts(directory() / ANONYMOUS, slots="08:30-21:30")
    days = phase(counts.periods, counts.unit)
    return counts.only([number for number, day in enumerate(days) if int(day) in SUN_TO_THU])


def anonymous() -> Histories:
    return Histories(slots=_anonymous())


def anonymous_days() -> Histories:
    return Histories(days=_anonymous().daily())


def wales() -> Histories:
    return Histories(days=read_counts(directory() / WALES, count_column="total"))


def wales_months() -> Histories:
    days = read_counts(directory() / WALES, count_column="total")
    return Histories(days=days, months=monthly(days))


def cincinnati() -> Histories:
    """A charge began in March 1974: what came after is another series."""
    return Histories(months=read_counts(directory() / CINCINNATI).until(np.datetime64("1974-01-01")))


def imports() -> Histories:
    return Histories(months=read_counts(directory() / TRADE, count_column="imports_usd100m"))


def lead_wape(*leads: int) -> Measure:
    """Return the measure: the mean of the WAPEs of these leads, each pooled over all its targets."""

    def measure(found: Backtest, model: str) -> float:
        track = found.tracks[model]
        return float(np.mean([100 * wape(track.mean[:, one - 1], found.came[:, one - 1]) for one in leads]))

    return measure


def whole_wape(found: Backtest, model: str) -> float:
    """The WAPE over everything."""
    return 100 * wape(found.tracks[model].mean, found.came)


def mape(found: Backtest, model: str) -> float:
    """The mean absolute error in per cent of what came."""
    mean, came = found.tracks[model].mean, found.came
    known = np.isfinite(mean) & np.isfinite(came)
    return float(100 * np.mean(np.abs(mean - came)[known] / came[known]))


def festival_mape(found: Backtest, model: str) -> float:
    """The same for January and February only; the choice itself goes by all months."""
    targets = found.protocol.targets
    here = (targets != NO_TARGET) & np.isin(phase(found.counts.periods, "month")[targets], (0, 1))
    came = np.where(here[:, :, None], found.came, np.nan)
    return mape(replace(found, came=came), model)


def ape_by_day(found: Backtest, model: str) -> float:
    """The mean over days of the mean over slots of the error in per cent (Aldor-Noiman 2006)."""
    mean, came = found.tracks[model].mean[:, 0], found.came[:, 0]
    return float(100 * np.mean(np.abs(mean - came) / came))


def rmse_by_day(found: Backtest, model: str) -> float:
    """The mean over days of the root mean square error over slots."""
    mean, came = found.tracks[model].mean[:, 0], found.came[:, 0]
    return float(np.mean(np.sqrt(np.mean((mean - came) ** 2, axis=1))))


CASES = (
    Case(
        name="us-bank-half-hours", horizon="half-hour", load=us_bank, country="US",
        plan=lambda counts: each_period(counts, 60, leads=5, warmup=30, refit_every=5),
        goals=(
            Goal(title="half-hour, 1 day ahead, US bank", measure=lead_wape(1), at_most=5.25, found="5.28"),
            Goal(title="half-hour, mean of 1-5 days ahead, US bank", measure=lead_wape(1, 2, 3, 4, 5), at_most=5.75, found="5.79"),
        ),
        rest=Goal(title="rest of day at 12:00, US bank", measure=whole_wape, at_most=4.2, found="4.23"),
    ),
    Case(
        name="anonymous-half-hours", horizon="half-hour", load=anonymous, country="IL",
        plan=lambda counts: each_period(counts, 130, leads=5, warmup=45, refit_every=5),
        goals=(
            Goal(title="half-hour 08:30-21:30, 1 day ahead, anonymous bank", measure=lead_wape(1), at_most=19.4, found="19.5"),
            Goal(title="half-hour 08:30-21:30, 1 week ahead, anonymous bank", measure=lead_wape(5), at_most=19.7, found="19.8"),
        ),
        rest=Goal(title="rest of day at 12:00, anonymous bank", measure=whole_wape, at_most=18.2, found="18.25"),
    ),
    Case(
        name="us-bank-days", horizon="day", load=us_bank_days, country="US", plan=lambda counts: weekly(counts, 14, warmup=8),
        goals=(Goal(title="day, 1 week ahead, US bank (14 weeks)", measure=whole_wape, at_most=4.4, found="4.45"),),
    ),
    Case(
        name="anonymous-days", horizon="day", load=anonymous_days, country="IL", plan=lambda counts: weekly(counts, 26, warmup=12),
        goals=(Goal(title="day, 1 week ahead, anonymous bank (26 weeks)", measure=whole_wape, at_most=14.7, found="14.8"),),
    ),
    Case(
        name="wales-days", horizon="day", load=wales, country="GB-WLS", plan=lambda counts: weekly(counts, 52, warmup=16),
        goals=(Goal(title="day, 1 week ahead, Wales (52 weeks)", measure=whole_wape, at_most=2.95, found="2.97"),),
    ),
    Case(
        name="cincinnati-months", horizon="month", load=cincinnati, country="US", plan=lambda counts: each_period(counts, 72, warmup=24),
        goals=(Goal(title="month, 1 ahead, Cincinnati (last 72), MAPE", measure=mape, at_most=2.9, found="2.95"),),
    ),
    Case(
        name="wales-months", horizon="month", load=wales_months, country="GB-WLS", plan=lambda counts: each_period(counts, 18, warmup=12),
        goals=(Goal(title="month, 1 ahead, Wales (18), MAPE", measure=mape, at_most=1.85, found="1.83"),),
    ),
    Case(
        name="china-months", horizon="month", load=imports, country="CN",
        plan=lambda counts: each_period(counts, 60, warmup=24),
        goals=(Goal(title="month, 1 ahead, China imports, Jan and Feb, MAPE", measure=festival_mape, at_most=6.9, found="6.9"),),
    ),
    Case(
        name="us-bank-5-minutes", horizon="half-hour", load=us_bank_5min, country="US",
        plan=lambda counts: each_period(counts, 64, warmup=0, memory=100, refit_every=5),
        goals=(
            Goal(title="5-minute, 1 day ahead, US bank (64 days), APE", measure=ape_by_day, at_most=8.76, found="8.50"),
            Goal(title="5-minute, 1 day ahead, US bank (64 days), RMSE", measure=rmse_by_day, at_most=19.10, found="18.74", unit="calls"),
        ),
    ),
)  # fmt: skip

COVERAGE_WITHIN = 3.0
"""Points by which the coverage of 80 % and 95 % may miss."""


def covered(found: Backtest) -> tuple[float, float]:
    """Return the share of what came within the 80 % and 95 % intervals of the automatic choice, in per cent."""
    scores = next(one for one in found.scores if one.model == AUTOMATIC)
    return 100 * scores.covered80, 100 * scores.covered95
