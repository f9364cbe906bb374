"""A forecast as it is kept and shown: one row for each interval, with its place in time. Pure.

An interval that the clock change leaves out has no row; one that comes twice is as long as both together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import cast

import numpy as np

from forecast.models.base import LEVELS, Forecast
from forecast.series.zones import to_utc
from hotline.facts import ForecastReason, ForecastUpdated, Horizon
from hotline.ids import QueueId

LOW, HIGH = LEVELS.index(0.1), LEVELS.index(0.9)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is expected of one interval."""

    period: date
    """The local day, or the first day of the month."""
    starts_at: float
    ends_at: float
    mean: float
    quantiles: tuple[float, ...]
    """At `LEVELS`."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A forecast of a queue."""

    queue_id: QueueId
    horizon: Horizon
    made_at: float
    model: str
    reason: ForecastReason
    history_until: float | None
    """What was known when it was made; None: not told."""
    step_min: int
    rows: tuple[Row, ...]

    def told(self) -> ForecastUpdated:
        """Return the fact. Its range adds up the rows' quantiles, as if all of them erred alike: what goes wrong goes wrong for the whole day."""
        return ForecastUpdated(
            at=self.made_at,
            queue_id=self.queue_id,
            horizon=self.horizon,
            model=self.model,
            first=self.rows[0].starts_at if self.rows else self.made_at,
            last=self.rows[-1].ends_at if self.rows else self.made_at,
            calls=round(sum(row.mean for row in self.rows), 1),
            low=round(sum(row.quantiles[LOW] for row in self.rows), 1),
            high=round(sum(row.quantiles[HIGH] for row in self.rows), 1),
            reason=self.reason,
        )


def day_of(period: np.datetime64) -> date:
    """Return a period as a date."""
    return cast("date", period.astype("datetime64[D]").astype(object))


def rows_of(forecast: Forecast, horizon: Horizon, zone: str) -> tuple[Row, ...]:
    """Return the rows of a forecast, ascending."""
    found = []
    for p, period in enumerate(forecast.periods):
        for s, (starts_at, ends_at) in enumerate(_spans(day_of(period), forecast, horizon, zone)):
            if ends_at > starts_at:
                quantiles = tuple(float(q) for q in forecast.quantiles[:, p, s])
                mean = float(forecast.mean[p, s])
                found.append(
                    Row(period=day_of(period), starts_at=starts_at, ends_at=ends_at, mean=mean, quantiles=quantiles)
                )
    return tuple(sorted(found, key=lambda row: row.starts_at))


def _spans(day: date, forecast: Forecast, horizon: Horizon, zone: str) -> Iterator[tuple[float, float]]:
    if horizon == "month":
        yield local(day, 0, zone), local(next_month(day), 0, zone)
        return
    for start in forecast.starts_min:
        yield local(day, start, zone), local(day, start + forecast.step_min, zone)


def local(day: date, minute: int, zone: str) -> float:
    """Return the moment of a minute after local midnight; the next day's follow on."""
    return to_utc(datetime.combine(day, datetime.min.time()) + timedelta(minutes=minute), zone)


def next_month(day: date) -> date:
    """Return the first day of the month after."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def dates(days: Sequence[date]) -> "np.ndarray[tuple[int], np.dtype[np.datetime64]]":
    """Return days as an array of periods."""
    return np.array(days, dtype="datetime64[D]")
