"""Counts as a call centre has them: Poisson, with a rate that itself varies from day to day and slot to slot (gamma).

With a plain Poisson generator every model looks good: the half-hour counts of the two banks of the reference data have a variance 7.5 and 5.8 times
their mean within a weekday. `dispersion` is that ratio at the mean level.
"""

import numpy as np

from forecast.series.counts import Counts, Dates, Floats, Unit

WEEK = np.array([1.25, 1.1, 1.0, 1.0, 1.05, 0.6, 0.45])
YEAR = 1 + 0.15 * np.cos(2 * np.pi * np.arange(12) / 12)


def drawn(rate: Floats, *, dispersion: float, seed: int) -> Floats:
    """Return Poisson-gamma counts (P, S): half of the extra variance belongs to the whole day."""
    random = np.random.default_rng(seed)
    extra = max(dispersion - 1.0, 1e-9) / max(float(np.mean(rate)), 1e-9)
    day = random.gamma(2 / extra, extra / 2, size=(len(rate), 1))
    slot = random.gamma(2 / extra, extra / 2, size=rate.shape)
    return random.poisson(rate * day * slot).astype(float)


def days(first: str, count: int) -> Dates:
    return np.datetime64(first) + np.arange(count)


def months(first: str, count: int) -> Dates:
    return (np.datetime64(first, "M") + np.arange(count)).astype("datetime64[D]")


def slots(
    first: str = "2023-01-02",
    count: int = 70,
    width: int = 6,
    level: float = 60,
    *,
    dispersion: float = 6,
    seed: int = 1,
) -> Counts:
    """Counts of `width` hours from 08:00."""
    periods = days(first, count)
    shape = 0.6 + 0.8 * np.sin(np.pi * (np.arange(width) + 0.7) / (width + 0.4))
    rate = level * WEEK[(periods.astype(int) + 3) % 7][:, None] * shape[None, :]
    starts = tuple(480 + 60 * one for one in range(width))
    return Counts(
        unit="slot",
        periods=periods,
        values=drawn(rate, dispersion=dispersion, seed=seed),
        starts_min=starts,
        step_min=60,
    )


def daily(
    first: str = "2023-01-02", count: int = 180, level: float = 400, *, dispersion: float = 6, seed: int = 1
) -> Counts:
    periods = days(first, count)
    rate = level * WEEK[(periods.astype(int) + 3) % 7][:, None]
    return Counts(unit="day", periods=periods, values=drawn(rate, dispersion=dispersion, seed=seed))


def monthly(
    first: str = "2018-01", count: int = 60, level: float = 9_000, *, dispersion: float = 60, seed: int = 1
) -> Counts:
    periods = months(first, count)
    rate = (level * YEAR[periods.astype("datetime64[M]").astype(int) % 12])[:, None]
    return Counts(unit="month", periods=periods, values=drawn(rate, dispersion=dispersion, seed=seed))


def of(unit: Unit) -> Counts:
    """Return an ordinary history of a unit, as short as its models can bear."""
    return slots(width=4) if unit == "slot" else daily() if unit == "day" else monthly()


def coming(history: Counts, count: int, unit: Unit | None = None) -> Dates:
    """Return the next periods of a unit after a history."""
    last = history.periods[-1]
    if (unit or history.unit) == "month":
        return months(str(last.astype("datetime64[M]") + 1), count)
    return last + 1 + np.arange(count)
