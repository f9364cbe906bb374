"""What holidays, their neighbours, make-up workdays and own events did to the calls: ratios with intervals. Pure.

What it measures: a day against the ordinary days of the same weekday around it. What it does not do: forecast; models of days that cannot
see effects themselves take them from here (`Effects.of`), people read them as a table (`Effects.rows`).

Theory: let r be the scaled calls of a day less the median of ordinary same weekdays within `NEAR_DAYS`. Then r = X b + e, X the kinds and names
of `forecast.days.features`, b normal around 0 with the sizes of `forecast.days.sizes`: ridge regression, or Bayesian linear regression with
known prior (Gelman et al., Bayesian Data Analysis, section 14.8). A holiday that was seen once is drawn towards what others of its kind did, a
kind that was seen once towards nothing, and each by less the more days there are. e has the spread of ordinary days; days that nothing
explains count less (weights of Student's t).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forecast.days.calendar import Calendar
from forecast.days.features import KINDS, Features, features, fourier, is_special
from forecast.days.scale import Scale, scale_of
from forecast.days.sizes import EVENT_SIZE, KIND_SIZE, NAME_SIZE
from forecast.series.counts import Counts, Floats
from hotline.errors import Misuse

NEAR_DAYS = 36
"""Ordinary days are compared within five weeks on either side."""
LEAST_NEAR = 3
SPREAD_OF_MAD = 1.4826
"""From the median absolute deviation to the standard deviation of a normal."""
LEAST_NOISE = 0.01
FREEDOM = 4.0
MONTH_SIZE = 0.05
_MONTH_ORDER = 2
_MEASURED = tuple(name for name in KINDS if name != "off")
"""A weekend is a weekday's own business here: only what is special about a day is measured."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One line of the table."""

    name: str
    """`holiday:Christmas Day`, `event:bill run`, or a kind (`after_1`)."""
    days: int
    """So many days of it are in the history."""
    ratio: float
    """Calls against an ordinary day of the same weekday: 1 is no effect."""
    low: float
    high: float
    """95 % of what the ratio may be."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Effects:
    """The measured effects of one queue."""

    scale: Scale
    columns: tuple[str, ...]
    """What each coefficient belongs to: kinds, names, and the Fourier terms of the month."""
    beta: Floats
    covariance: Floats
    noise: float
    """The spread of ordinary days around their level, scaled."""
    rows: tuple[Effect, ...]
    """What was seen, names first, each with its total effect (its kind's share included)."""

    @property
    def determined(self) -> float:
        """How many coefficients the history determined rather than the assumed sizes (MacKay 1992, "Bayesian interpolation", equation 4.9)."""
        return float((1 - np.diag(self.covariance) / _sizes(self.columns) ** 2).sum())

    def of(self, days: Features) -> Floats:
        """Return the effect (P,) on the scale of learning, of days past or to come."""
        effect: Floats = _matrix(days, self.columns) @ self.beta
        return effect


def measure(history: Counts, calendar: Calendar) -> Effects:
    """Measure the effects in a history of days; NaN and days of excluded events are skipped. Raises Misuse when nothing is known."""
    if history.unit != "day":
        raise Misuse("effects are measured on days")
    days = features(history.periods, calendar)
    known = np.isfinite(history.values[:, 0]) & ~days.excluded
    if not known.any():
        raise Misuse("nothing is known of this queue")
    calls = np.where(known, history.values[:, 0], np.nan)
    scale = scale_of(calls)
    scaled = scale.learn(calls)
    rest = scaled - ordinary_level(scaled, days)
    columns = (*_MEASURED, *sorted(days.named), *(f"month_{n}" for n in range(2 * _MONTH_ORDER)))
    matrix = _matrix(days, columns)
    noise = _noise(rest[known & ~is_special(days)])
    beta, covariance = _solve(matrix[known], rest[known], noise, _sizes(columns))
    rows = tuple(_rows(days, known, columns, matrix, beta, covariance, scale))
    return Effects(scale=scale, columns=columns, beta=beta, covariance=covariance, noise=noise, rows=rows)


def ordinary_level(scaled: Floats, days: Features) -> Floats:
    """Return (P,) the median of the known ordinary days of the same weekday around each day; of all ordinary days where there are few."""
    ordinary = np.isfinite(scaled) & ~is_special(days)
    if not ordinary.any():
        ordinary = np.isfinite(scaled)
    overall = float(np.median(scaled[ordinary]))
    numbers = days.periods.astype(np.int64)
    level = np.full(len(scaled), overall)
    for weekday in np.unique(days.weekday):
        same = np.flatnonzero(ordinary & (days.weekday == weekday))
        for at in np.flatnonzero(days.weekday == weekday):
            near = same[np.abs(numbers[same] - numbers[at]) <= NEAR_DAYS]
            if len(near) < LEAST_NEAR:
                near = same[np.argsort(np.abs(numbers[same] - numbers[at]), kind="stable")[: 2 * LEAST_NEAR]]
            if len(near):
                level[at] = np.median(scaled[near])
    return level


def _noise(rest: Floats) -> float:
    return max(SPREAD_OF_MAD * float(np.median(np.abs(rest))), LEAST_NOISE) if len(rest) else KIND_SIZE["off"]


def _sizes(columns: tuple[str, ...]) -> Floats:
    return np.array([_size(name) for name in columns])


def _size(column: str) -> float:
    if column.startswith("event:"):
        return EVENT_SIZE
    if column.startswith("month_"):
        return MONTH_SIZE
    return KIND_SIZE.get(column, NAME_SIZE)


def _matrix(days: Features, columns: tuple[str, ...]) -> Floats:
    month = fourier(days.month_part, _MONTH_ORDER)
    nothing = np.zeros(len(days.periods))
    parts: Mapping[str, Floats] = {f"month_{n}": month[:, n] for n in range(month.shape[1])}
    made = [
        days.kind(name) if name in KINDS else parts[name] if name in parts else days.named.get(name, nothing)
        for name in columns
    ]
    return np.column_stack(made).astype(np.float64)


def _solve(matrix: Floats, rest: Floats, noise: float, sizes: Floats) -> tuple[Floats, Floats]:
    """Return mean and covariance of the coefficients."""
    weights = np.ones(len(rest))
    beta, covariance = np.zeros(len(sizes)), np.diag(sizes**2)
    for _ in range(3):
        precision = (matrix.T * (weights / noise**2)) @ matrix + np.diag(sizes**-2.0)
        covariance = np.asarray(np.linalg.inv(precision), dtype=np.float64)
        beta = covariance @ (matrix.T @ (weights * rest)) / noise**2
        left = (rest - matrix @ beta) / noise
        weights = np.minimum((FREEDOM + 1) / (FREEDOM + left**2), 1.0)
    return beta, covariance


def _rows(
    days: Features, known: np.ndarray, columns: tuple[str, ...], matrix: Floats, beta: Floats, covariance: Floats, scale: Scale
) -> list[Effect]:  # fmt: skip
    """Names with all that their days have in common; kinds by themselves."""
    special = np.array([not name.startswith("month_") for name in columns])
    rows = []
    for name in (*sorted(days.named), *_MEASURED):
        own = matrix[:, columns.index(name)]
        seen = known & (own > 0)
        if not seen.any():
            continue
        if name in days.named:
            direction = matrix[seen].mean(axis=0) * special
        else:
            direction = np.array([float(column == name) for column in columns])
        middle, spread = float(direction @ beta), float(np.sqrt(direction @ covariance @ direction))
        ratio, low, high = (_ratio(scale, middle + by * spread) for by in (0.0, -1.96, 1.96))
        rows.append(Effect(name=name, days=int(seen.sum()), ratio=ratio, low=low, high=high))
    return rows


def _ratio(scale: Scale, effect: float) -> float:
    changed = scale.calls(np.array([effect, 0.0]))
    return float(changed[0] / changed[1])
