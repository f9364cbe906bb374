"""A whole backtest of a queue, and the rest of today."""

import numpy as np
import pytest

from forecast.backtest.choice import AUTOMATIC
from forecast.backtest.today import LEFT, RATIO, UPDATED, rest_of_day
from forecast.backtest.whole import Amount, backtest, planned
from forecast.days.calendar import Calendar
from forecast.horizons.plan import Histories
from forecast.series.counts import Counts
from hotline.errors import Misuse
from tests.unit.forecast.fakes import Fails, Says, making
from tests.unit.forecast.generator import daily, days, monthly, slots

FEW = Amount(origins=8, warmup=6)


def test_every_candidate_and_the_automatic_choice_are_scored_on_the_same_days() -> None:
    found = backtest(
        Histories(slots=slots(count=60)), Calendar(), "half-hour", watch=lambda: 0.0, names=["template"], amount=FEW
    )
    assert {one.model for one in found.scores} == {"template", "weekday-mean", AUTOMATIC}
    assert {one.forecasts for one in found.scores} == {8 * 6}
    assert [one.wape for one in found.scores] == sorted(one.wape for one in found.scores)
    assert len(found.protocol.origins) == 8
    assert found.automatic().wape <= max(one.wape for one in found.scores)
    assert 0 < found.floor < found.scores[0].wape


def test_days_and_months_are_made_from_half_hours() -> None:
    histories = Histories(slots=slots("2021-01-01", 1_400, width=2))
    day = backtest(
        histories, Calendar(), "day", watch=lambda: 0.0, names=["seasonal-naive"], amount=Amount(origins=3, warmup=0)
    )
    assert day.counts.values.shape == (1_400, 1)
    month = backtest(
        histories, Calendar(), "month", watch=lambda: 0.0, names=["seasonal-naive"], amount=Amount(origins=3, warmup=0)
    )
    assert len(month.counts.periods) == 46


def test_half_hours_cannot_be_had_from_days() -> None:
    with pytest.raises(Misuse, match="no slots to forecast"):
        backtest(Histories(days=daily()), Calendar(), "half-hour", watch=lambda: 0.0)


@pytest.mark.parametrize(
    ("counts", "horizon"), [(slots(count=40), "half-hour"), (daily(count=90), "day"), (monthly(count=40), "month")]
)
def test_a_short_history_has_fewer_origins_and_a_warmup(counts: Counts, horizon: str) -> None:
    found = planned(counts, horizon)  # type: ignore[arg-type]
    assert len(found.scored().origins) >= 1
    assert found.warmup >= 1


def test_more_origins_than_there_are_is_refused_with_how_many_are_possible() -> None:
    with pytest.raises(Misuse, match="not enough for 30 origins: 15 are possible"):
        planned(slots(count=40), "half-hour", Amount(origins=30, warmup=0))


def test_a_backtest_in_which_every_candidate_fails_still_has_the_baseline() -> None:
    make = making(template=Fails(), weekday_mean=Says())
    found = backtest(
        Histories(days=daily(count=200)),
        Calendar(),
        "day",
        watch=lambda: 0.0,
        names=["template"],
        amount=FEW,
        make=make,
    )
    assert found.scores[-1].model == "template"
    assert found.scores[-1].failures == 8 + 6
    assert np.isfinite(found.automatic().wape)


def busy_days(count: int, correlated: float) -> Counts:
    """Days on which all slots are busier or quieter together, by a normal factor of this size."""
    random = np.random.default_rng(8)
    day = np.clip(random.normal(1, correlated, size=(count, 1)), 0.3, None)
    rate = 80 * (1 + 0.3 * np.sin(np.arange(8)))[None, :] * day
    starts = tuple(480 + 60 * one for one in range(8))
    values = random.poisson(rate).astype(float)
    return Counts(unit="slot", periods=days("2024-01-01", count), values=values, starts_min=starts, step_min=60)


def test_a_busy_morning_makes_the_forecast_of_the_afternoon_better() -> None:
    found = backtest(
        Histories(slots=busy_days(90, 0.25)),
        Calendar(),
        "half-hour",
        watch=lambda: 0.0,
        names=["weekday-mean"],
        amount=Amount(origins=25, warmup=35),
    )
    rest = {one.model: one for one in rest_of_day(found, watch=lambda: 0.0).scores}
    assert rest[UPDATED].wape < 0.75 * rest[LEFT].wape
    assert rest[AUTOMATIC].wape == pytest.approx(rest[UPDATED].wape, rel=0.1)
    assert rest[UPDATED].forecasts == 25 * 4


def test_the_rest_of_a_day_does_not_score_the_morning() -> None:
    found = backtest(
        Histories(slots=slots(count=60)),
        Calendar(),
        "half-hour",
        watch=lambda: 0.0,
        names=["weekday-mean"],
        amount=Amount(origins=10, warmup=20),
    )
    rest = rest_of_day(found, watch=lambda: 0.0, at_min=10 * 60)
    assert np.isnan(rest.came[:, :, :2]).all()
    assert np.isfinite(rest.came[:, :, 2:]).all()
    assert {one.model for one in rest.scores} == {LEFT, RATIO, UPDATED, AUTOMATIC}


def test_a_time_outside_the_slots_is_refused() -> None:
    found = backtest(
        Histories(slots=slots(count=60)),
        Calendar(),
        "half-hour",
        watch=lambda: 0.0,
        names=["weekday-mean"],
        amount=Amount(origins=5, warmup=0),
    )
    with pytest.raises(Misuse, match="one side of 20:00"):
        rest_of_day(found, watch=lambda: 0.0, at_min=20 * 60)
