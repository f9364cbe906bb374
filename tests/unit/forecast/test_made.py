"""A forecast in time: each interval's beginning and end, across clock changes and months, and the fact that sums it up."""

from datetime import date

import numpy as np

from forecast.books.made import Made, local, next_month, rows_of
from forecast.models.base import LEVELS, Forecast
from hotline.ids import QueueId


def forecast(*periods: str, starts_min: tuple[int, ...] = (0,), step_min: int = 1_440) -> Forecast:
    shape = (len(periods), len(starts_min))
    mean = 10.0 + np.arange(shape[0] * shape[1], dtype=float).reshape(shape)
    quantiles = mean[None] * (0.5 + np.array(LEVELS))[:, None, None]
    return Forecast(
        periods=np.array(periods, dtype="datetime64[D]"), mean=mean, quantiles=quantiles, starts_min=starts_min,
        step_min=step_min, model="factor",
    )  # fmt: skip


def test_slots_are_moments_of_the_local_day() -> None:
    rows = rows_of(forecast("2026-03-02", starts_min=(510, 540), step_min=30), "half_hour", "Asia/Shanghai")
    assert [(r.starts_at, r.ends_at) for r in rows] == [
        (local(date(2026, 3, 2), 510, "Asia/Shanghai"), local(date(2026, 3, 2), 540, "Asia/Shanghai")),
        (local(date(2026, 3, 2), 540, "Asia/Shanghai"), local(date(2026, 3, 2), 570, "Asia/Shanghai")),
    ]
    assert [r.mean for r in rows] == [10.0, 11.0]
    assert rows[0].quantiles[LEVELS.index(0.5)] == 10.0


def test_an_hour_that_the_clock_change_leaves_out_has_no_row() -> None:
    rows = rows_of(
        forecast("2026-03-29", starts_min=(60, 120, 180), step_min=60), "half_hour", "Europe/Berlin"
    )  # 02:00 to 03:00 does not exist
    assert [r.mean for r in rows] == [10.0, 12.0]
    assert rows[0].ends_at == rows[1].starts_at


def test_an_hour_that_comes_twice_is_one_row_of_two_hours() -> None:
    rows = rows_of(forecast("2026-10-25", starts_min=(60, 120, 180), step_min=60), "half_hour", "Europe/Berlin")
    assert [(r.ends_at - r.starts_at) / 3600 for r in rows] == [1.0, 2.0, 1.0]


def test_days_and_months_have_the_length_that_they_have() -> None:
    days = rows_of(forecast("2026-03-29"), "day", "Europe/Berlin")
    assert (days[0].ends_at - days[0].starts_at) / 3600 == 23
    months = rows_of(forecast("2026-02-01", "2026-12-01"), "month", "Asia/Shanghai")
    assert [(r.ends_at - r.starts_at) / 86_400 for r in months] == [28, 31]
    assert next_month(date(2026, 12, 31)) == date(2027, 1, 1)


def test_the_fact_sums_up_what_is_expected() -> None:
    rows = rows_of(forecast("2026-03-02", starts_min=(480, 510), step_min=30), "half_hour", "Asia/Shanghai")
    made = Made(
        queue_id=QueueId("q"), horizon="half_hour", made_at=5.0, model="factor", reason="nightly", history_until=None,
        step_min=30, rows=rows,
    )  # fmt: skip
    told = made.told()
    assert (told.calls, told.low, told.high) == (21.0, 12.6, 29.4)
    assert (told.first, told.last) == (rows[0].starts_at, rows[1].ends_at)
