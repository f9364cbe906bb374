"""Models of months: calendar terms, scale, outliers, smoothing, drift, sums of days, and the rule that chooses between them."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from forecast.days.calendar import Calendar, Event
from forecast.models.arima.outliers import Outlier, detect, steps
from forecast.models.arima.regression import Order, fit
from forecast.models.base import CannotFit, Forecast
from forecast.models.months.arima_of_months import MonthArima, choose_scale, choose_terms, default_order, wider
from forecast.models.months.drift import SeasonalDrift
from forecast.models.months.festival import AFTER, BEFORE, DURING, Terms, share
from forecast.models.months.from_days import MonthsFromDays
from forecast.models.months.rule import MonthRule
from forecast.models.months.scale import SCALES, grid
from forecast.models.months.smoothing import MonthSmoothing
from forecast.series.counts import Counts
from hotline.errors import Misuse
from tests.unit.forecast.generator import daily, drawn, months

FESTIVALS = tuple(
    date(year, *day)
    for year, day in zip(
        range(2008, 2027),
        [(2, 7), (1, 26), (2, 14), (2, 3), (1, 23), (2, 10), (1, 31), (2, 19), (2, 8), (1, 28), (2, 16), (2, 5), (1, 25), (2, 12), (2, 1),
         (1, 22), (2, 10), (1, 29), (2, 17)],
        strict=True,
    )
)  # fmt: skip
HOLIDAYS = {first + timedelta(days=day): "Spring Festival" for first in FESTIVALS for day in range(7)}
CHINA = Calendar(country="CN", holidays=HOLIDAYS, spring_festivals=FESTIVALS)
AIRLINE = MonthArima(name="sarimax", orders="airline", calendar_terms="all")


def festive(
    count: int = 96, *, effect: float = -0.25, level: float = 20_000, dispersion: float = 20, seed: int = 7
) -> Counts:
    """Months from 2012 on in which the holiday week takes calls away."""
    periods = months("2012-01", count)
    season = 0.05 * np.sin(2 * np.pi * np.arange(count) / 12)
    rate = level * np.exp(season + effect * share(periods, FESTIVALS, DURING))[:, None]
    return Counts(unit="month", periods=periods, values=drawn(rate, dispersion=dispersion, seed=seed))


def one_ahead(model: MonthArima | MonthSmoothing, history: Counts, calendar: Calendar) -> Forecast:
    return model.fit(history.cut(0, len(history.periods) - 1), calendar).predict(history.periods[-1:])


def test_a_window_is_shared_out_among_the_months_it_lies_in() -> None:
    months_of_2014 = np.array(["2014-01-01", "2014-02-01", "2014-03-01"], dtype="datetime64[D]")
    plain = Calendar()
    found = share(months_of_2014, [date(2014, 1, 31)], DURING) - share(months_of_2014, [], DURING)
    assert found == pytest.approx([1 / 7, 6 / 7, 0])
    assert Terms(windows=(BEFORE, DURING)).columns(months_of_2014, plain).shape == (3, 2)


@pytest.mark.parametrize("window", [BEFORE, DURING, AFTER])
def test_over_the_years_a_window_adds_up_to_next_to_nothing_in_each_month(window: tuple[int, int]) -> None:
    years = months("2008-01", 19 * 12)  # 19 years: after them the moon begins anew
    by_month = share(years, FESTIVALS, window).reshape(19, 12).mean(axis=0)
    assert np.abs(by_month).max() < 0.08


def test_working_days_know_holidays_and_make_up_workdays() -> None:
    year = months("2015-02", 1)
    festival = Terms(work=True).columns(year, CHINA)[0, 0]
    made_up = replace(CHINA, workdays=frozenset({date(2015, 2, 15), date(2015, 2, 28)}))
    assert np.exp(Terms(work=True).columns(year, made_up)[0, 0] - festival) == pytest.approx(
        17 / 15
    )  # 20 weekdays, 5 of them holidays


def test_a_leap_year_makes_february_longer_and_a_closed_day_shorter() -> None:
    februaries = np.array(["2015-02-01", "2016-02-01"], dtype="datetime64[D]")
    closed = Calendar(closed=frozenset({date(2016, 2, 29)}))
    assert np.exp(Terms(length=True).columns(februaries, Calendar())[:, 0]) * 28.25 == pytest.approx([28, 29])
    assert np.exp(Terms(length=True).columns(februaries, closed)[:, 0]) * 28.25 == pytest.approx([28, 28])


def test_the_festival_is_found_where_it_is_and_rarely_where_it_is_not() -> None:
    z = np.log(festive(effect=-0.3).values[:, 0])
    assert DURING in choose_terms(z, festive().periods, CHINA).windows
    found = 0
    for seed in range(4):
        history = festive(effect=0.0, seed=seed)
        found += bool(choose_terms(np.log(history.values[:, 0]), history.periods, CHINA).windows)
    assert found <= 1


def test_january_and_february_are_nearer_with_the_festival_than_without() -> None:
    history, wrong = festive(effect=-0.3), replace(CHINA, spring_festivals=(), holidays={})
    errors = {"with": 0.0, "without": 0.0}
    for at in (72, 73, 84, 85):
        past = history.cut(0, at + 1)
        errors["with"] += abs(one_ahead(AIRLINE, past, CHINA).mean[0, 0] / past.values[-1, 0] - 1)
        errors["without"] += abs(one_ahead(AIRLINE, past, wrong).mean[0, 0] / past.values[-1, 0] - 1)
    assert errors["with"] < 0.6 * errors["without"]


def test_the_scale_is_the_one_on_which_the_noise_is_the_same_at_every_level() -> None:
    random = np.random.default_rng(3)
    trend = np.exp(np.linspace(4, 9, 120))
    multiplied = trend * np.exp(random.normal(0, 0.05, 120))
    added = np.linspace(500, 3_000, 120) + random.normal(0, 60, 120)
    nothing = np.zeros((120, 0))
    assert choose_scale(multiplied, nothing, seasonal=False).name == "log"
    assert choose_scale(added, nothing, seasonal=False).name == "level"


def test_months_without_calls_have_no_logarithm() -> None:
    y = np.array([3.0, 0.0, 5.0])
    assert not SCALES["log"].can(y)
    assert SCALES["root"].can(y)
    for scale in SCALES.values():
        assert scale.back(scale.forth(np.array([2.0, 7.0]))) == pytest.approx([2, 7])


def test_a_spike_is_found_and_where_a_level_shifts_too_and_ordinary_noise_is_neither() -> None:
    z = np.log(festive().values[:, 0])
    rows = np.zeros((96, 0))
    order = default_order(z, rows)
    spiked, shifted = z.copy(), z.copy()
    spiked[60] += 4.6
    shifted[50:] += 0.8
    assert detect(z, rows, order) == ()
    assert detect(spiked, rows, order)[0] == Outlier(kind="value", at=60)
    assert detect(shifted, rows, order)[0] == Outlier(kind="shift", at=50)


def test_an_outlier_of_the_past_is_nothing_later_and_a_shift_stays() -> None:
    rows = steps((Outlier(kind="value", at=3), Outlier(kind="shift", at=4)), 2, 4)
    assert rows.tolist() == [[0, 0], [1, 0], [0, 1], [0, 1]]


@pytest.mark.parametrize("model", [AIRLINE, MonthSmoothing()], ids=["sarimax", "ets"])
def test_a_spike_of_a_hundred_times_hardly_moves_the_forecast(model: MonthArima | MonthSmoothing) -> None:
    history = festive()
    values = history.values.copy()
    values[70] *= 100
    plain, spiked = one_ahead(model, history, CHINA), one_ahead(model, history.with_values(values), CHINA)
    assert spiked.mean[0, 0] == pytest.approx(plain.mean[0, 0], rel=0.15)


def test_missing_months_and_an_outage_are_not_learnt_from() -> None:
    history = festive()
    values = history.values.copy()
    values[60, 0] *= 0.1
    calendar = replace(
        CHINA, events=(Event(name="outage", first=date(2017, 1, 3), last=date(2017, 1, 25), excluded=True),)
    )
    plain = one_ahead(
        AIRLINE, history.with_values(np.where(np.arange(96)[:, None] == 60, np.nan, history.values)), CHINA
    )
    assert one_ahead(AIRLINE, history.with_values(values), calendar).mean[0, 0] == pytest.approx(
        plain.mean[0, 0], rel=1e-6
    )


def test_months_that_are_not_there_are_unknown_months() -> None:
    history = festive(30)
    there = np.ones(30, dtype=bool)
    there[10:12] = False
    holed = replace(history, periods=history.periods[there], values=history.values[there])
    found, y = grid(holed, CHINA)
    assert len(found) == 30
    assert np.flatnonzero(np.isnan(y)).tolist() == [10, 11]


def test_what_is_older_than_the_memory_does_not_count() -> None:
    history = festive(140)
    values = history.values.copy()
    values[:15] *= 3
    one = one_ahead(AIRLINE, history, CHINA)
    assert one_ahead(AIRLINE, history.with_values(values), CHINA).mean.tolist() == one.mean.tolist()


def test_intervals_cover_about_what_they_say() -> None:
    history = festive(150, dispersion=60)
    fitted = AIRLINE.fit(history.cut(0, 90), CHINA)
    inside80 = inside95 = 0
    for at in range(90, 150):
        found = fitted.predict(history.periods[at : at + 1])
        came = history.values[at, 0]
        inside80 += found.quantiles[2, 0, 0] <= came <= found.quantiles[6, 0, 0]
        inside95 += found.quantiles[0, 0, 0] <= came <= found.quantiles[8, 0, 0]
        fitted = fitted.update(history.cut(at, at + 1))
    assert 42 <= inside80 <= 57
    assert inside95 >= 53


ORDER = Order(d=1, q=1, seasonal_d=1, seasonal_q=1, period=12)


def airline(count: int, seed: int, *, calm_from: int | None = None, calmer: float = 1.0) -> np.ndarray:
    """Return values of the airline model; from `calm_from` on its errors are `calmer` times as large."""
    errors = np.random.default_rng(seed).normal(size=count + 13)
    if calm_from is not None:
        errors[13 + calm_from :] *= calmer
    made = errors[13:] - 0.4 * errors[12:-1] - 0.6 * errors[1:-12] + 0.24 * errors[:-13]
    for lag in (1, 12):
        for at in range(lag, count):
            made[at] += made[at - lag]
    return made


def test_the_errors_of_months_to_come_are_taken_for_what_they_are_and_no_larger() -> None:
    factors = [wider(fit(airline(120, seed), None, ORDER)) for seed in range(8)]
    assert 0.95 < np.mean(factors) < 1.12


def test_with_no_month_to_try_theory_says_how_much_larger_errors_will_be() -> None:
    fitted = fit(airline(28, 1), None, ORDER)
    n, k = 15, 2
    assert fitted.used == n
    assert wider(fitted) == pytest.approx(np.sqrt((1 + k / n) * (n + 2) / (n - 2)))


def test_where_the_last_months_were_calmer_intervals_are_narrower_and_where_they_were_wilder_wider() -> None:
    calmer, wilder = (wider(fit(airline(120, 3, calm_from=96, calmer=c), None, ORDER)) for c in (0.5, 2.0))
    assert calmer < 0.85
    assert wilder > 1.2


def test_intervals_widen_with_the_distance() -> None:
    found = AIRLINE.fit(festive(), CHINA).predict(months("2020-01", 24))
    width = (found.quantiles[6] - found.quantiles[2])[:, 0]
    assert width[12:].mean() > width[:12].mean()


def test_an_update_says_what_the_same_parameters_say_of_the_longer_history() -> None:
    history = festive()
    fitted = AIRLINE.fit(history.cut(0, 90), CHINA)
    updated = fitted.update(history.cut(90, 96))
    assert updated.regression.at.tolist() == fitted.regression.at.tolist()
    assert updated.months[-1] == history.periods[-1]
    with pytest.raises(Misuse):
        updated.predict(history.periods[-1:])


def test_under_two_years_nothing_is_said() -> None:
    for model in (AIRLINE, MonthArima(), MonthSmoothing()):
        with pytest.raises(CannotFit, match="24"):
            model.fit(festive(23), CHINA)


def test_the_source_s_model_has_no_season_and_no_calendar() -> None:
    fitted = MonthArima(name="arima_p1q", orders="p1q", criterion="aic").fit(festive(48), CHINA)
    assert fitted.regression.order.period == 1
    assert fitted.regression.order.d == 1
    assert fitted.terms == Terms()


def test_drift_goes_on_with_half_the_last_year_s_change() -> None:
    periods = months("2015-01", 36)
    growing = Counts(
        unit="month", periods=periods, values=(1_000 * 1.2 ** (np.arange(36) // 12))[:, None].astype(float)
    )
    found = SeasonalDrift().fit(growing, Calendar()).predict(months("2018-01", 13))
    assert found.mean[:12, 0] == pytest.approx(1_440 * 1.2**0.5, rel=0.02)
    assert found.mean[12, 0] == pytest.approx(1_440 * 1.2**0.75, rel=0.03)


def test_sums_of_days_are_the_days_of_the_month_and_know_a_closed_day() -> None:
    history = daily(count=365, dispersion=1.5)
    periods = months("2024-01", 2)
    fitted = MonthsFromDays().fit(history, Calendar())
    days = MonthsFromDays().day.fit(history, Calendar()).predict(np.datetime64("2024-01-02") + np.arange(30))
    known = history.values[-1, 0]  # 1 January 2024 is the last day of the history
    assert fitted.predict(periods).mean[0, 0] == pytest.approx(known + days.mean.sum(), rel=1e-9)
    closed = MonthsFromDays().fit(history, Calendar(closed=frozenset({date(2024, 2, 7)}))).predict(periods)
    assert 0.94 < closed.mean[1, 0] / fitted.predict(periods).mean[1, 0] < 0.99


def test_a_weekday_without_calls_lately_is_closed_in_the_months_to_come() -> None:
    history = daily(count=364, dispersion=1.5)
    open_ = (history.periods.astype(int) + 3) % 7 < 6
    short = replace(history, periods=history.periods[open_], values=history.values[open_])
    periods = months("2024-03", 1)
    whole = MonthsFromDays().fit(history, Calendar()).predict(periods).mean[0, 0]
    sundays = 5 * history.values[~open_].mean()
    assert MonthsFromDays().fit(short, Calendar()).predict(periods).mean[0, 0] == pytest.approx(
        whole - sundays, rel=0.03
    )


def test_sums_of_days_need_days_and_some_weeks_of_them() -> None:
    for history in (festive(), daily(count=50)):
        with pytest.raises(CannotFit):
            MonthsFromDays().fit(history, Calendar())


def test_the_rule_sums_days_while_years_are_few_and_turns_to_months_then() -> None:
    few, many = daily(count=400), daily("2019-01-01", count=1_500)
    rule = MonthRule(long=AIRLINE)
    short, long = rule.fit(few, Calendar()), rule.fit(many, Calendar())
    assert (short.by_days, long.by_days) == (True, False)
    assert long.predict(months("2023-03", 2)).model == "months"
    assert rule.fit(festive(30), CHINA).by_days is False


def test_the_rule_goes_on_with_days_of_a_month_that_is_not_over() -> None:
    many = daily("2019-01-01", count=1_520)
    rule = MonthRule(long=AIRLINE)
    early = rule.fit(many.cut(0, 1_470), Calendar())
    updated = rule.load(early.save(), Calendar()).update(many.cut(1_470, 1_490)).update(many.cut(1_490, 1_520))
    assert updated.predict(months("2023-03", 1)).mean == pytest.approx(
        early.update(many.cut(1_470, 1_520)).predict(months("2023-03", 1)).mean
    )
    with pytest.raises(Misuse):
        updated.predict(months("2023-01", 1))
