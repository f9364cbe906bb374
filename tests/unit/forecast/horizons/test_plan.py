"""All forecasts of a queue, in agreement."""

from datetime import date

import numpy as np
import pytest

from forecast.backtest.picks import Pick
from forecast.days.calendar import Calendar
from forecast.horizons.plan import Histories, Plan, Reach, plan
from forecast.models.base import CannotFit
from forecast.series.counts import Counts
from tests.unit.forecast.fakes import Fails, Says, making
from tests.unit.forecast.generator import coming, daily, monthly, slots

SLOTS = slots("2024-01-01", 150)
FIRST = SLOTS.periods[-1] + 1  # 30 May 2024
BASELINES = {
    "slot": Pick(unit="slot", model="weekday-mean"),
    "day": Pick(unit="day", model="weekday-mean"),
    "month": Pick(unit="month", model="seasonal-naive"),
}


def planned(histories: Histories, calendar: Calendar | None = None, **options: object) -> Plan:
    options = {"first": FIRST, "picks": BASELINES, **options}
    return plan(histories, calendar or Calendar(), options.pop("picks"), **options)  # type: ignore[arg-type]


def assert_agrees(found: Plan) -> None:
    assert found.days is not None
    assert found.months is not None
    if found.slots is not None:
        own = dict(zip(found.days.periods.tolist(), found.days.mean[:, 0], strict=True))
        for day, mean in zip(found.slots.periods.tolist(), found.slots.mean.sum(axis=1), strict=True):
            assert mean == pytest.approx(own[day])
    belongs = found.days.periods.astype("datetime64[M]")
    for month in np.unique(belongs):
        total = found.days.mean[belongs == month].sum() + (
            found.known_of_month if month == found.first.astype("datetime64[M]") else 0
        )
        assert total == pytest.approx(found.months.mean[found.months.periods.astype("datetime64[M]") == month].sum())
    for one in (found.slots, found.days, found.months):
        assert one is None or ((np.diff(one.quantiles, axis=0) >= 0).all() and (one.mean >= 0).all())


def test_half_hours_sum_to_days_and_days_to_months() -> None:
    found = planned(Histories(slots=SLOTS))
    assert_agrees(found)
    assert found.slots is not None
    assert found.slots.mean.shape == (14, 6)
    assert found.days is not None
    assert str(found.days.periods[0]) == "2024-05-30"
    assert str(found.days.periods[-1]) == "2024-06-30"  # to the end of the month of the thirtieth day
    assert found.months is not None
    assert len(found.months.periods) == 12
    assert found.said == ()


def test_a_longer_history_of_days_and_months_is_used_where_it_is_given() -> None:
    days = daily("2020-01-01", 1_611, level=330)
    found = planned(Histories(slots=SLOTS, days=days))
    assert_agrees(found)
    assert found.months is not None
    assert found.months.model == "seasonal-naive"


def test_few_months_are_forecast_as_sums_of_days() -> None:
    found = planned(Histories(slots=SLOTS))
    assert found.months is not None
    assert found.months.model == "weekday-mean summed"
    level = SLOTS.values.sum(axis=1).mean()
    assert found.months.mean[3, 0] == pytest.approx(30 * level, rel=0.1)


def test_what_has_come_of_the_month_is_counted_and_certain() -> None:
    found = planned(Histories(slots=SLOTS))
    here = SLOTS.periods >= np.datetime64("2024-05-01")
    assert found.known_of_month == SLOTS.values[here].sum()
    assert found.months is not None
    width = (found.months.quantiles[-1] - found.months.quantiles[0])[:, 0]
    assert width[0] < 0.35 * width[1]  # two days of May are left, all of June
    assert (found.months.quantiles[:, 0] >= found.known_of_month).all()


def test_what_comes_later_in_the_history_is_not_looked_at() -> None:
    early = planned(Histories(slots=SLOTS.cut(0, 100)), first=SLOTS.periods[100])
    late = planned(Histories(slots=SLOTS), first=SLOTS.periods[100])
    assert early.days is not None
    assert late.days is not None
    assert late.days.mean == pytest.approx(early.days.mean)
    assert late.known_of_month == early.known_of_month


def test_closed_days_are_not_forecast() -> None:
    opened = SLOTS.only([number for number, day in enumerate(SLOTS.periods) if day.item().weekday() < 5])
    found = planned(Histories(slots=opened), Calendar(closed=frozenset({date(2024, 6, 3)})))
    assert_agrees(found)
    assert found.days is not None
    assert all(day.weekday() < 5 and day != date(2024, 6, 3) for day in found.days.periods.tolist())


def test_open_weekdays_can_be_given() -> None:
    found = planned(Histories(slots=SLOTS), weekdays={5, 6})
    assert found.slots is not None
    assert {day.weekday() for day in found.slots.periods.tolist()} == {5, 6}


def test_a_model_that_does_not_serve_is_replaced_and_said() -> None:
    make = making(template=Fails(error=ValueError("no")), weekday_mean=Says(), seasonal_naive=Says())
    picks = {**BASELINES, "slot": Pick(unit="slot", model="template")}
    found = planned(Histories(slots=SLOTS), picks=picks, make=make)
    assert found.said == ("template failed: ValueError: no",)
    assert found.slots is not None
    assert_agrees(found)


def test_a_model_that_stalled_is_left_out() -> None:
    picks = {**BASELINES, "slot": Pick(unit="slot", model="template")}
    found = planned(Histories(slots=SLOTS), picks=picks, without={"slot": {"template"}})
    assert found.slots is not None
    assert found.slots.model == "weekday-mean"


def test_the_pick_widens_its_own_intervals_and_not_those_of_a_substitute() -> None:
    usual = planned(Histories(slots=SLOTS))
    wide_pick = Pick(unit="slot", model="weekday-mean", stretch=(2.0,) * 4 + (1.0,) + (2.0,) * 4)
    wide = planned(Histories(slots=SLOTS), picks={**BASELINES, "slot": wide_pick})
    instead = planned(
        Histories(slots=SLOTS), picks={**BASELINES, "slot": wide_pick}, without={"slot": {"weekday-mean"}}
    )

    def width(found: Plan) -> float:
        assert found.slots is not None
        return float((found.slots.quantiles[-1] - found.slots.quantiles[0]).mean())

    assert width(wide) > 1.7 * width(usual)
    assert instead.slots is not None
    assert instead.slots.model == "seasonal-naive"
    assert width(instead) < 1.6 * width(usual)


def test_a_queue_with_days_only_has_no_half_hours() -> None:
    found = planned(Histories(days=daily("2024-01-01", 150)))
    assert found.slots is None
    assert_agrees(found)


def test_a_queue_with_months_only_has_months_only() -> None:
    found = planned(Histories(months=monthly("2018-01", 76)), first=np.datetime64("2024-05-01"))
    assert (found.slots, found.days) == (None, None)
    assert found.months is not None
    assert len(found.months.periods) == 12


@pytest.mark.parametrize("histories", [Histories(), Histories(slots=SLOTS.cut(0, 0))])
def test_nothing_known_is_said(histories: Histories) -> None:
    with pytest.raises(CannotFit):
        planned(histories)


def test_the_last_day_of_a_year_and_a_short_reach_agree_too() -> None:
    history = slots("2023-08-01", 152)
    found = planned(
        Histories(slots=history), first=np.datetime64("2023-12-31"), reach=Reach(slot_days=3, days=3, months=2)
    )
    assert_agrees(found)
    assert found.days is not None
    assert str(found.days.periods[-1]) == "2024-01-31"


def test_a_gap_before_today_does_not_keep_anybody_from_forecasting() -> None:
    found = planned(Histories(slots=SLOTS.cut(0, 120)))
    assert_agrees(found)


def test_two_days_of_history_are_enough_for_a_plan() -> None:
    history: Counts = slots("2024-05-28", 2)
    assert_agrees(planned(Histories(slots=history), first=coming(history, 1)[0]))
