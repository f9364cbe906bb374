"""The models that nobody may lose to."""

from datetime import date

import numpy as np
import pytest

from forecast.days.calendar import Calendar, Event
from forecast.models.base import LEVELS
from forecast.models.baselines import SeasonalNaive, WeekdayMean, last_known, phase
from forecast.series.counts import Counts
from tests.unit.forecast.generator import coming, daily, days, drawn, months, slots

NOBODY = Calendar()


def counts(values: list[float], first: str = "2024-01-01") -> Counts:
    return Counts(unit="day", periods=days(first, len(values)), values=np.array(values, dtype=float)[:, None])


def test_the_naive_forecast_is_the_last_known_same_weekday() -> None:
    history = counts([*range(14), np.nan])  # the last Monday is not known
    found = SeasonalNaive().fit(history, NOBODY).predict(coming(history, 7))
    assert found.mean[:, 0].tolist() == [8, 9, 10, 11, 12, 13, 7]


def test_the_naive_month_is_the_same_month_of_the_last_year() -> None:
    history = Counts(unit="month", periods=months("2022-01", 24), values=np.arange(24.0)[:, None])
    found = SeasonalNaive().fit(history, NOBODY).predict(months("2024-01", 14))
    assert found.mean[:, 0].tolist() == [*range(12, 24), 12, 13]


def test_the_mean_takes_so_many_known_same_weekdays() -> None:
    history = counts([float(10 * (number // 7)) for number in range(35)])
    found = WeekdayMean(weeks=4).fit(history, NOBODY).predict(coming(history, 7))
    assert found.mean[:, 0] == pytest.approx(25.0)


def test_a_holiday_teaches_nothing_about_ordinary_days() -> None:
    history = counts([100.0] * 28 + [5.0] + [100.0] * 6)
    calendar = Calendar(holidays={date(2024, 1, 29): "a holiday"})
    assert WeekdayMean(weeks=4).fit(history, calendar).predict(days("2024-02-05", 1)).mean[0, 0] == 100


def test_the_days_of_an_outage_teach_nothing() -> None:
    history = counts([100.0] * 28 + [0.0] + [100.0] * 6)
    outage = Event(name="outage", first=date(2024, 1, 29), last=date(2024, 1, 29), excluded=True)
    assert SeasonalNaive().fit(history, Calendar(events=(outage,))).predict(days("2024-02-05", 1)).mean[0, 0] == 100


def test_a_weekday_that_was_never_open_gets_the_mean_of_the_others() -> None:
    history = counts([10.0, 20.0, 30.0])
    assert WeekdayMean(weeks=4).fit(history, NOBODY).predict(days("2024-01-06", 1)).mean[0, 0] == 20


def test_further_ahead_the_baseline_is_less_sure() -> None:
    random = np.random.default_rng(5)
    level = 400 * np.exp(np.cumsum(random.normal(0, 0.03, 200)))
    history = counts(drawn(level[:, None], dispersion=2, seed=5)[:, 0].tolist())
    found = WeekdayMean(weeks=4).fit(history, NOBODY).predict(coming(history, 35))
    width = (found.quantiles[-1] - found.quantiles[0])[:, 0]
    assert width[28:].mean() > 1.2 * width[:7].mean()


@pytest.mark.parametrize("model", [WeekdayMean(), SeasonalNaive()])
def test_what_the_baselines_are_sure_of_comes_as_often_as_they_say(model: WeekdayMean) -> None:
    whole = slots(count=70 + 210, level=60, dispersion=7, seed=11)
    inside80 = inside95 = total = 0
    for origin in range(70, 280, 7):
        found = model.fit(whole.cut(0, origin), NOBODY).predict(whole.periods[origin : origin + 7])
        came = whole.values[origin : origin + 7]
        low95, low80, high80, high95 = (found.quantiles[LEVELS.index(one)] for one in (0.025, 0.1, 0.9, 0.975))
        inside80 += int(((came >= low80) & (came <= high80)).sum())
        inside95 += int(((came >= low95) & (came <= high95)).sum())
        total += came.size
    assert inside80 / total == pytest.approx(0.80, abs=0.04)
    assert inside95 / total == pytest.approx(0.95, abs=0.03)


def test_last_known_counts_each_column_for_itself() -> None:
    values = np.array([[1.0, 10.0], [2.0, np.nan], [np.nan, 30.0], [4.0, np.nan]])
    assert last_known(values, 2).tolist() == [3.0, 20.0]
    assert np.isnan(last_known(np.full((2, 1), np.nan), 2)).all()


def test_monday_and_january_are_zero() -> None:
    assert phase(days("2024-01-01", 3), "day").tolist() == [0, 1, 2]
    assert phase(months("2024-01", 3), "month").tolist() == [0, 1, 2]


def test_only_so_much_history_is_kept() -> None:
    history = daily("2010-01-01", 3_000)
    assert len(SeasonalNaive().fit(history, NOBODY).save()) < 10_000
