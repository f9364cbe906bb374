"""Which forecasts a backtest makes."""

import numpy as np
import pytest

from forecast.backtest.protocol import NO_TARGET, each_period, weekly
from forecast.series.counts import Counts
from hotline.errors import Misuse
from tests.unit.forecast.generator import daily, monthly, slots


def weekdays_only(counts: Counts) -> Counts:
    return counts.only([number for number, day in enumerate(counts.periods) if day.item().weekday() < 5])


def test_every_last_day_is_an_origin_and_forecasts_the_days_from_it_on() -> None:
    found = each_period(slots(count=40), 3, leads=2)
    assert found.origins.tolist() == [37, 38, 39]
    assert found.targets.tolist() == [[37, 38], [38, 39], [39, NO_TARGET]]


def test_warming_up_comes_before_the_test_and_is_not_scored() -> None:
    found = each_period(slots(count=40), 3, warmup=5)
    assert found.warmup == 5
    assert found.origins[0] == 32
    assert found.scored().origins.tolist() == [37, 38, 39]


def test_a_short_history_warms_up_less() -> None:
    assert each_period(slots(count=20), 5, warmup=50, least=10).warmup == 5


def test_too_short_a_history_is_refused() -> None:
    with pytest.raises(Misuse, match="12 periods are not enough"):
        each_period(slots(count=12), 5, least=10)


def test_weeks_are_counted_back_from_the_last_day_and_each_is_forecast_whole() -> None:
    history = daily(count=70)
    found = weekly(history, 3, warmup=1)
    assert found.origins.tolist() == [42, 49, 56, 63]
    assert found.targets[-1].tolist() == list(range(63, 70))
    assert found.warmup == 1


def test_a_week_with_closed_days_has_fewer_targets() -> None:
    history = weekdays_only(daily("2024-01-01", 91))
    gone = history.only([number for number in range(len(history.periods)) if number != len(history.periods) - 3])
    found = weekly(gone, 2)
    assert (found.targets != NO_TARGET).sum(axis=1).tolist() == [5, 4]


def test_every_target_comes_at_or_after_its_origin() -> None:
    for found in (weekly(daily(count=200), 10, warmup=4), each_period(monthly(), 12, leads=3, warmup=6)):
        first = np.where(found.targets == NO_TARGET, 10**6, found.targets).min(axis=1)
        assert (first == found.origins).all()


def test_months_are_periods_like_others() -> None:
    assert each_period(monthly(count=60), 12).unit == "month"
