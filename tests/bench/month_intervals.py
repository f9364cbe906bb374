"""What the intervals of months cover on series that are none of the tests: open ones before any test month, and Poisson-gamma ones with trend and season.

One month ahead, every month an origin: the model `sarimax` by itself, and as the automatic choice corrects it by what had come. The goals of forecasts are
measured elsewhere (`tests.bench.forecasts`); here nothing is asked of the mean. Needs the reference data (HOTLINE_BENCH_DATA) for the trade and
telephone series, the extra `bench` for the passengers; the others come with statsmodels.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from forecast.backtest.choice import automatic
from forecast.backtest.protocol import each_period
from forecast.backtest.runner import Material, tracks
from forecast.backtest.scores import score
from forecast.days.holidays import calendar_for
from forecast.series.counts import Counts, Floats
from forecast.series.files import read_counts
from hotline.runtime.clock import stopwatch
from tests.bench.forecast_cases import CINCINNATI, COVERAGE_WITHIN, TRADE, directory
from tests.bench.report import Report, Scale, say

MODEL = "sarimax"
WARMUP, QUICK_ORIGINS = 24, 6
BEFORE_TRADE, BEFORE_TELEPHONES = np.datetime64("2008-09-01"), np.datetime64("1968-01-01")
"""What comes later belongs to the tests."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """Months, and how many of the last are forecast and scored."""

    name: str
    counts: Counts
    country: str
    origins: int
    warmup: int = WARMUP


@dataclass(frozen=True, kw_only=True)
class Made:
    """How a Poisson-gamma series is made: the rate walks on the logarithm, with a season."""

    level: float = 20_000.0
    dispersion: float = 40.0
    trend: float = 0.004
    season: float = 0.12
    walk: float = 0.01
    months: int = 156


MADE = (
    Made(),
    Made(dispersion=5.0, walk=0.02),
    Made(level=300.0, dispersion=6.0, walk=0.02),
    Made(walk=0.03, trend=0.008, season=0.25),
    Made(level=3_000.0, months=110),
    Made(level=60.0, dispersion=3.0, season=0.3),
)


async def run(scale: Scale) -> Report:
    """Play every series there is material for."""
    return await asyncio.to_thread(_measured, scale)


def _measured(scale: Scale) -> Report:
    from threadpoolctl import threadpool_limits

    rows, found = [], []
    with threadpool_limits(1):
        for one in _all():
            say(f"month intervals: {one.name}")
            line = _played(one, scale)
            found.append(line)
            rows.append(
                (
                    one.name,
                    str(int(line[0])),
                    *(f"{value:.1f}" for value in line[1:5]),
                    *(f"{value:.3f}" for value in line[5:]),
                )
            )
    table = np.array(found)
    mean = (table[:, :1] * table[:, 1:]).sum(axis=0) / table[:, 0].sum()
    total = int(table[:, 0].sum())
    rows.append(("all", str(total), *(f"{value:.1f}" for value in mean[:4]), *(f"{value:.3f}" for value in mean[4:])))
    reached = bool(np.abs(mean[:4] - np.array([80.0, 95.0, 80.0, 95.0])).max() <= COVERAGE_WITHIN)
    return Report(
        name="month_intervals",
        title=f"intervals of months, {MODEL} by itself and corrected by the automatic choice",
        head=("series", "months", "80 % alone", "95 % alone", "80 % corrected", "95 % corrected", "pinball alone", "pinball corrected"),
        rows=rows,
        numbers={"months": total, "covers": mean[:4].tolist(), "pinball": mean[4:].tolist()},
        goal="" if scale.quick else f"coverage of all within {COVERAGE_WITHIN:g} points",
        reached=None if scale.quick else reached,
        notes=[] if len(found) == len(MADE) + 6 else [f"only {len(found)} series: see the module for what the others need"],
    )  # fmt: skip


def _played(one: Series, scale: Scale) -> Floats:
    """Return the months scored, coverage (80, 95 alone, 80, 95 corrected) in per cent, and both pinball losses in per cent of the mean."""
    counts = one.counts
    years = range(counts.periods[0].item().year, counts.periods[-1].item().year + 2)
    protocol = each_period(counts, scale.pick(one.origins, QUICK_ORIGINS), warmup=scale.pick(one.warmup, 0), least=26)
    material = Material(counts=counts, calendar=calendar_for(one.country, years=years))
    said = tracks(material, protocol, (MODEL,), watch=stopwatch())
    corrected, _ = automatic(said, counts, protocol, preferred=MODEL, baseline=MODEL)
    parts = [track.part(protocol.warmup, len(protocol.origins)) for track in (said[MODEL], corrected)]
    alone, served = (score(part, counts, protocol.scored()) for part in parts)
    shares = (alone.covered80, alone.covered95, served.covered80, served.covered95, alone.pinball, served.pinball)
    return np.array([alone.forecasts, *(100 * share for share in shares)])


def _all() -> Iterator[Series]:
    from statsmodels.datasets import elnino
    from statsmodels.datasets.elec_equip import data as equipment

    if directory().is_dir():
        for column in ("imports_usd100m", "exports_usd100m"):
            trade = read_counts(directory() / TRADE, count_column=column).until(BEFORE_TRADE)
            yield Series(name=f"China, {column.partition('_')[0]}", counts=trade, country="CN", origins=96)
        calls = read_counts(directory() / CINCINNATI).until(BEFORE_TELEPHONES)
        yield Series(name="Cincinnati before 1968", counts=calls, country="US", origins=28, warmup=12)
    if find_spec("statsforecast") is not None:
        from statsforecast.utils import AirPassengers

        yield Series(name="airline passengers", counts=_counts(AirPassengers, "1949-01"), country="US", origins=76)
    heat = 100.0 * elnino.load_pandas().data.iloc[-20:, 1:].to_numpy().ravel()
    yield Series(name="El Nino, 1991 to 2010", counts=_counts(heat, "1991-01"), country="US", origins=96)
    orders = 100.0 * np.asarray(equipment.load().data, dtype=np.float64).ravel()
    yield Series(name="electrical equipment", counts=_counts(orders, "1996-01"), country="DE", origins=96)
    for seed, made in enumerate(MADE):
        yield Series(
            name=f"made, number {seed}", counts=_counts(_drawn(made, seed), "2010-01"), country="DE", origins=60
        )


def _counts(values: Floats, first: str) -> Counts:
    months = (np.datetime64(first, "M") + np.arange(len(values))).astype("datetime64[D]")
    return Counts(unit="month", periods=months, values=np.asarray(values, dtype=np.float64)[:, None])


def _drawn(made: Made, seed: int) -> Floats:
    random = np.random.default_rng(seed)
    season = random.normal(0.0, made.season, 12)
    level = np.log(made.level) + np.cumsum(random.normal(made.trend, made.walk, made.months))
    rate = np.exp(level + (season - season.mean())[np.arange(made.months) % 12])
    return random.poisson(random.gamma(rate / made.dispersion, made.dispersion)).astype(np.float64)
