"""A model that raises or explodes is replaced, and that is said."""

import numpy as np
import pytest

from forecast.days.calendar import Calendar
from forecast.models.base import CannotFit, Forecast
from forecast.models.guard import Guarded, ladder, learnt_by, serve, why_not
from tests.unit.forecast.fakes import Fails, Says, forecast_of, making
from tests.unit.forecast.generator import coming, daily, monthly

HISTORY = daily(count=90)
PERIODS = coming(HISTORY, 7)


def served(**models: object) -> Guarded:
    make = making(**models)  # type: ignore[arg-type]
    return serve(("seasonal-naive", "weekday-mean"), HISTORY, Calendar(), PERIODS, unit="day", make=make)


def test_the_first_that_serves_is_taken_and_nothing_is_said() -> None:
    found = served(seasonal_naive=Says(name="first"), weekday_mean=Says())
    assert (found.model, found.said) == ("seasonal-naive", ())


def test_a_model_that_cannot_fit_is_replaced_with_its_reason() -> None:
    found = served(seasonal_naive=Fails(), weekday_mean=Says())
    assert found.model == "weekday-mean"
    assert found.said == ("seasonal-naive cannot fit: it is too little history",)


def test_a_model_with_a_fault_is_replaced_and_the_fault_is_named() -> None:
    found = served(seasonal_naive=Fails(error=ZeroDivisionError("division by zero")), weekday_mean=Says())
    assert found.said == ("seasonal-naive failed: ZeroDivisionError: division by zero",)


def test_a_forecast_that_explodes_is_not_used() -> None:
    found = served(seasonal_naive=Says(factor=30.0), weekday_mean=Says())
    assert found.model == "weekday-mean"
    assert "99 % of the past stayed below" in found.said[0]


def test_a_forecast_that_collapses_to_nothing_is_not_used() -> None:
    found = served(seasonal_naive=Says(factor=0.001), weekday_mean=Says())
    assert "while there were" in found.said[0]


def test_intervals_that_collapse_are_not_used() -> None:
    found = served(seasonal_naive=Says(spread=0.01), weekday_mean=Says())
    assert "intervals" in found.said[0]


def test_a_history_that_never_moves_may_have_a_forecast_that_is_sure() -> None:
    still = HISTORY.with_values(np.full_like(HISTORY.values, 400.0))
    assert why_not(forecast_of(PERIODS, np.full((7, 1), 400.0), spread=0.0), still) == []


def test_so_may_one_that_is_the_same_every_week() -> None:
    weekly = HISTORY.with_values(100.0 * (1 + np.arange(len(HISTORY.periods)) % 7)[:, None])
    sure = forecast_of(PERIODS, np.full((7, 1), 400.0), spread=0.0)
    assert why_not(sure, weekly) == []
    restless = weekly.values.copy()
    restless[::3] += 40.0
    assert "intervals of 0.0 in all" in why_not(sure, weekly.with_values(restless))[0]


def test_no_number_is_no_forecast() -> None:
    broken = forecast_of(PERIODS, np.full((7, 1), 400.0))
    mean = broken.mean.copy()
    mean[3] = np.nan
    found = Forecast(periods=PERIODS, mean=mean, quantiles=broken.quantiles)
    assert why_not(found, HISTORY) == ["it is no number"]


def test_quantiles_that_do_not_ascend_are_no_forecast() -> None:
    sound = forecast_of(PERIODS, np.full((7, 1), 400.0))
    found = Forecast(periods=PERIODS, mean=sound.mean, quantiles=sound.quantiles[::-1])
    assert why_not(found, HISTORY) == ["its quantiles do not ascend or it is negative"]


def test_a_spike_in_the_past_does_not_allow_one_in_the_forecast() -> None:
    values = HISTORY.values.copy()
    values[40] *= 100
    assert why_not(forecast_of(PERIODS, np.full((7, 1), 20_000.0)), HISTORY.with_values(values)) != []


def test_the_others_are_tried_as_they_were_ranked_and_what_loses_to_the_baseline_is_not() -> None:
    ranked = ("process", "ets", "mean", "weekday-mean", "arima")
    assert ladder("day", "mean", (), ranked) == ("mean", "process", "ets", "weekday-mean", "seasonal-naive")
    assert ladder("day", "mean", ("mean", "process"), ranked) == ("ets", "weekday-mean", "seasonal-naive")


def test_each_model_is_told_before_it_is_tried() -> None:
    told: list[tuple[str, str]] = []
    serve(
        ("seasonal-naive", "weekday-mean"), HISTORY, Calendar(), PERIODS, unit="day",
        make=making(seasonal_naive=Fails(), weekday_mean=Says()), trying=lambda *words: told.append(words),
    )  # fmt: skip
    assert told == [("day", "seasonal-naive"), ("day", "weekday-mean")]


def test_where_nobody_serves_every_reason_is_given() -> None:
    with pytest.raises(CannotFit, match=r"seasonal-naive cannot fit.*weekday-mean failed: KeyError"):
        served(seasonal_naive=Fails(), weekday_mean=Fails(error=KeyError("x")))


def test_the_ladder_ends_with_the_baselines_and_leaves_out_what_stalled() -> None:
    assert ladder("day", "template") == ("template", "weekday-mean", "seasonal-naive")
    assert ladder("day", "template", {"template"}) == ("weekday-mean", "seasonal-naive")
    assert ladder("month", "seasonal-naive") == ("seasonal-naive",)


def test_months_that_are_few_are_no_reason_to_refuse() -> None:
    history = monthly(count=3)
    assert why_not(forecast_of(coming(history, 12), np.full((12, 1), 9_000.0)), history) == []


def test_a_model_that_sums_days_gets_the_days_unless_the_months_go_further_back() -> None:
    months, days = monthly("2024-01", 6), daily("2024-01-01", 182)
    assert learnt_by("month", "months-from-days", months, days) is days
    assert learnt_by("month", "seasonal-naive", months, days) is months
    assert learnt_by("month", "months-from-days", months, None) is months
    long = monthly("2018-01", 78)
    assert learnt_by("month", "months-from-days", long, days) is long
