"""How days go together: the covariances of which the process of days is a sum. Pure.

Two sorts: components whose size is estimated (`OF_LAG`, `OF_DAYS`), and what is too rare for that and has an assumed size (`fixed`). Sums and products of
covariances are covariances (Rasmussen & Williams 2006, section 4.2.4), so every component may be thought of as an effect of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from forecast.days.features import KINDS, NEVER, Features, Integers
from forecast.days.sizes import EVENT_SIZE, KIND_SIZE, NAME_SIZE
from forecast.series.counts import Floats

YEAR_DAYS = 365.25
SPRING_SIZE, SPRING_DAYS, SPRING_REACH = 0.2, 3.0, 21
"""A Spring Festival's own shape around the date: its size, how quickly it changes, how far it reaches."""
LEVEL_SIZE = 0.5

Of = TypeVar("Of")


@dataclass(frozen=True, kw_only=True)
class Component(Generic[Of]):
    """Something that moves the calls, of a size that is estimated."""

    name: str
    size: float
    """A standard deviation that is plausible before anything is seen."""
    covariance: Of
    """1 between a day and itself."""


OfLag = Callable[[Floats], Floats]
"""Of the days between two days."""
OfDays = Callable[[Features, Features], Floats]
"""(A, B): of days that differ in more than their distance."""


def _same_weekday(lag: Floats) -> Floats:
    same: Floats = (lag % 7 == 0).astype(np.float64)
    return same


def _moving_week(lag: Floats) -> Floats:
    return _same_weekday(lag) * _smooth(60.0)(lag)


def _fading(days: float) -> OfLag:
    """A level that forgets: the covariance of a first-order autoregression (Ornstein & Uhlenbeck 1930)."""
    return lambda lag: np.exp(-lag / days)


def _smooth(days: float) -> OfLag:
    return lambda lag: np.exp(-0.5 * (lag / days) ** 2)


def _year(width: float) -> OfLag:
    """A yearly curve (MacKay 1998) that changes over some years."""
    return lambda lag: np.exp(-2 * (np.sin(np.pi * lag / YEAR_DAYS) / width) ** 2) * _smooth(1_500.0)(lag)


def _month(width: float) -> OfDays:
    def covariance(a: Features, b: Features) -> Floats:
        return np.exp(-2 * (np.sin(np.pi * (a.month_part[:, None] - b.month_part[None])) / width) ** 2)

    return covariance


def _names(a: Features, b: Features) -> Floats:
    """How many names of holidays two days share."""
    return _shared(a, b, "holiday:") + _shared(a, b, "minor:")


def _shared(a: Features, b: Features, sort: str) -> Floats:
    names = [name for name in a.named if name in b.named and name.startswith(sort)]
    return _columns(a, names) @ _columns(b, names).T


def _columns(found: Features, names: list[str]) -> Floats:
    return np.array([found.named[name] for name in names], dtype=np.float64).reshape(len(names), len(found.periods)).T


OF_LAG: tuple[Component[OfLag], ...] = (
    Component(name="week", size=0.3, covariance=_same_weekday),
    Component(name="moving week", size=0.05, covariance=_moving_week),
    Component(name="days", size=0.05, covariance=_fading(2.0)),
    Component(name="weeks", size=0.05, covariance=_fading(7.0)),
    Component(name="months", size=0.05, covariance=_fading(30.0)),
    Component(name="season", size=0.1, covariance=_smooth(90.0)),
    Component(name="years", size=0.2, covariance=_smooth(400.0)),
    Component(name="year", size=0.1, covariance=_year(0.5)),
    Component(name="week of year", size=0.05, covariance=_year(0.15)),
)
OF_DAYS: tuple[Component[OfDays], ...] = (
    Component(name="day of month", size=0.05, covariance=_month(0.44)),
    Component(name="part of month", size=0.05, covariance=_month(1.26)),
    Component(name="names", size=NAME_SIZE, covariance=_names),
)


def fixed(a: Features, b: Features) -> Floats:
    """Return the covariance of what has an assumed size: the level, kinds of days, events, the shape of the Spring Festival."""
    sizes = np.array([KIND_SIZE[name] for name in KINDS])
    total: Floats = LEVEL_SIZE**2 + (a.kinds * sizes) @ (b.kinds * sizes).T
    total += EVENT_SIZE**2 * _shared(a, b, "event:")
    near_a, near_b = np.abs(a.spring) <= SPRING_REACH, np.abs(b.spring) <= SPRING_REACH
    if near_a.any() and near_b.any():
        apart = np.where(near_a, a.spring, NEVER)[:, None] - np.where(near_b, b.spring, -NEVER)[None]
        total += SPRING_SIZE**2 * np.exp(-0.5 * (apart / SPRING_DAYS) ** 2)
    return total


def lags_of(a: Features, b: Features) -> Integers:
    """Return (A, B): the days between days."""
    return np.abs((a.periods[:, None] - b.periods[None]).astype(np.int64))


def by_lag(longest: int) -> Floats:
    """Return (len(OF_LAG), longest + 1): the covariances at every distance, which are few, so that the matrices are only looked up."""
    return np.array([one.covariance(np.arange(longest + 1.0)) for one in OF_LAG])


def covariance_of(a: Features, b: Features, sizes: Floats) -> Floats:
    """Return (A, B): the covariance between days; `sizes` are logarithms of variances, of OF_LAG, then of OF_DAYS (more are not looked at)."""
    lags, variances = lags_of(a, b), np.exp(sizes)
    table = variances[: len(OF_LAG)] @ by_lag(int(lags.max()))
    total: Floats = fixed(a, b) + table[lags]
    for variance, one in zip(variances[len(OF_LAG) :], OF_DAYS, strict=False):
        total += variance * one.covariance(a, b)
    return total


def variances_of(days: Features, sizes: Floats) -> Floats:
    """Return (P,): the variance of each day before anything is known."""
    return np.diag(covariance_of(days, days, sizes)).copy()
