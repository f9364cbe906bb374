"""Days with holidays, of which it is known what they do: a test bench for models of days."""

from datetime import date

import numpy as np

from forecast.days.calendar import Calendar
from forecast.days.features import features
from forecast.models.base import Forecast, Model
from forecast.series.counts import Counts, Dates
from tests.unit.forecast.generator import WEEK, days, drawn

HOLIDAYS = {
    date(2022, 4, 18): "Easter Monday", date(2022, 5, 2): "Labour Day", date(2022, 8, 29): "Summer Day", date(2022, 12, 26): "Winter Day",
    date(2023, 4, 10): "Easter Monday", date(2023, 5, 1): "Labour Day", date(2023, 6, 5): "New Feast",
}  # fmt: skip
CALENDAR = Calendar(country="XX", holidays=HOLIDAYS)
HOLIDAY, AFTER, PAY = 0.15, 1.5, 1.25
"""What a holiday does, the working day after it, and the first days of a month."""
LEVEL = 900.0


def rates(periods: Dates, calendar: Calendar = CALENDAR) -> np.ndarray:
    """Return the true rates (P, 1)."""
    seen = features(periods, calendar)
    rate = LEVEL * WEEK[seen.weekday]
    rate = rate * np.where(seen.kind("holiday") > 0, HOLIDAY, 1.0) * np.where(seen.kind("after_1") > 0, AFTER, 1.0)
    return (rate * np.where(seen.month_part < 0.1, PAY, 1.0))[:, None]


def made(first: str, count: int, *, seed: int = 1, dispersion: float = 3.0) -> Counts:
    periods = days(first, count)
    return Counts(unit="day", periods=periods, values=drawn(rates(periods), dispersion=dispersion, seed=seed))


def on(found: Forecast, day: str) -> float:
    return float(found.mean[found.periods == np.datetime64(day), 0][0])


def weekly(model: Model, history: Counts, weeks: int, calendar: Calendar = CALENDAR) -> tuple[np.ndarray, np.ndarray]:
    """Return what was forecast (levels, days) a week ahead in the last weeks, and what came."""
    said, came = [], []
    count = len(history.periods)
    for start in range(count - 7 * weeks, count, 7):
        found = model.fit(history.cut(0, start), calendar).predict(history.periods[start : start + 7])
        said.append(found.quantiles[:, :, 0])
        came.append(history.values[start : start + 7, 0])
    return np.concatenate(said, axis=1), np.concatenate(came)
