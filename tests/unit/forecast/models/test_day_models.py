"""The other models of days, and their mean."""

from datetime import date, timedelta

import numpy as np
import pytest

from forecast.days.calendar import Calendar
from forecast.models.base import LEVELS, CannotFit
from forecast.models.baselines import WeekdayMean
from forecast.models.days import mean as day_mean
from forecast.models.days.history import DayHistory
from forecast.models.days.lags import DayTable
from forecast.models.days.mean import MEMBERS, DayMean
from forecast.models.days.network import DayNetwork
from forecast.models.days.regression import DayRegression
from forecast.models.days.seasonal import WeekdayEffects
from forecast.models.days.smoothing import DaySmoothing
from forecast.models.days.spread import shape_of
from forecast.models.days.trees import DayTrees
from forecast.models.table import make
from forecast.series.counts import Counts
from hotline.errors import Misuse
from tests.unit.forecast.generator import WEEK, daily, days
from tests.unit.forecast.models.made_days import AFTER, CALENDAR, HOLIDAY, LEVEL, made, on, weekly

HISTORY = made("2022-03-01", 455)
COMING = days("2023-05-30", 14)
NAMES = ("weekday-effects", "ets", "sarimax", "arima", "lightgbm", "network", "mean")
of_each = pytest.mark.parametrize("name", NAMES)


@of_each
def test_a_holiday_and_the_day_after_it_are_foreseen(name: str) -> None:
    found = make("day", name).fit(HISTORY, CALENDAR).predict(COMING)
    assert on(found, "2023-06-05") == pytest.approx(LEVEL * 1.25 * HOLIDAY, rel=0.5)
    assert on(found, "2023-06-06") == pytest.approx(LEVEL * 1.1 * AFTER, rel=0.25)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "arima"])
def test_it_beats_the_mean_of_same_weekdays(name: str) -> None:
    history = HISTORY.cut(220, 420)
    said, came = weekly(make("day", name), history, 4)
    plain, _ = weekly(WeekdayMean(weeks=4), history, 4)
    assert np.abs(said[4] - came).sum() < 0.9 * np.abs(plain[4] - came).sum()


@of_each
def test_a_queue_that_opens_from_monday_to_friday_is_forecast_for_these_days(name: str) -> None:
    chosen = (HISTORY.periods.astype(int) + 3) % 7 < 5
    history = Counts(unit="day", periods=HISTORY.periods[chosen], values=HISTORY.values[chosen])
    found = make("day", name).fit(history, CALENDAR).predict(COMING[(COMING.astype(int) + 3) % 7 < 5])
    assert on(found, "2023-05-31") == pytest.approx(LEVEL * WEEK[2], rel=0.15)


def test_a_lone_day_that_nothing_explains_is_brought_near_and_a_lasting_change_is_not() -> None:
    values = daily(count=120).values
    values[60] = 4
    values[100:] *= 2
    history = DayHistory.of(daily(count=120).with_values(values), Calendar(), 500)
    moved = np.flatnonzero(np.abs(history.tamed - history.adjusted) > 1e-9)
    assert 60 in moved
    assert not set(moved) & set(range(102, 120))


def test_the_grid_has_the_days_that_are_missing() -> None:
    kept = np.r_[0:20, 27:60]
    history = daily(count=60)
    found = DayHistory.of(
        Counts(unit="day", periods=history.periods[kept], values=history.values[kept]), Calendar(), 500
    )
    assert len(found.grid) == 60
    assert np.flatnonzero(np.isnan(found.on_grid(found.tamed))).tolist() == list(range(20, 27))


def test_steps_are_counted_in_open_days() -> None:
    history = daily(first="2023-01-02", count=61)
    chosen = (history.periods.astype(int) + 3) % 7 < 5
    found = DayHistory.of(
        Counts(unit="day", periods=history.periods[chosen], values=history.values[chosen]), Calendar(), 500
    )
    monday = np.array(["2023-03-06", "2023-03-10", "2023-03-13"], dtype="datetime64[D]")
    assert str(found.grid[-1]) == "2023-03-03"
    assert found.steps_to(monday).tolist() == [1, 5, 6]
    assert found.ahead(6)[[0, 4, 5]].tolist() == monday.tolist()


def test_what_was_known_at_an_origin_does_not_depend_on_what_came_later() -> None:
    table = DayTable.of(DayHistory.of(daily(count=100), Calendar(), 500), kinds=True)
    rows, _, origins = table.learnt()
    table.__dict__["_rest"] = np.where(np.arange(100) >= 70, 9.0, table._rest)
    for name in ("_fast", "_slow", "_same"):
        table.__dict__.pop(name)
    again, _, _ = table.learnt()
    assert (again[origins <= 70] == rows[origins <= 70]).all()
    assert not (again[origins > 75] == rows[origins > 75]).all()


def test_smoothing_is_less_sure_the_further_it_looks() -> None:
    found = DaySmoothing().fit(HISTORY, CALENDAR).predict(days("2023-05-30", 70))
    width = (found.quantiles[6] - found.quantiles[2])[:, 0] / found.mean[:, 0]
    assert width[63:70].mean() > width[:7].mean()


def test_the_variance_of_smoothing_grows_as_drawn_futures_do() -> None:
    fitted = DaySmoothing().fit(HISTORY, CALENDAR)
    growth = type(fitted)(model=fitted.model, history=fitted.history, at=np.array([0.4, 0.05, 0.15]))._growth(8)
    random, slope_damping = np.random.default_rng(5), 0.95
    level, slope = np.zeros(40_000), np.zeros(40_000)
    season = np.zeros((7, 40_000))
    for step in range(8):
        error = random.normal(size=40_000)
        level, slope = level + slope_damping * slope, slope_damping * slope
        assert (level + season[step % 7] + error).var() == pytest.approx(growth[step], rel=0.04)
        level, slope = level + 0.4 * error, slope + 0.05 * error
        season[step % 7] += 0.15 * error


def test_trees_are_kept_as_text_and_networks_as_weights() -> None:
    trees = DayTrees().fit(HISTORY.cut(200, 455), CALENDAR)
    assert trees.text.startswith("tree")
    network = DayNetwork().fit(HISTORY.cut(200, 455), CALENDAR)
    assert network.weights.hidden.shape[::2] == (3, 8)
    broken = trees.save()[:-200]
    with pytest.raises(Misuse):
        DayTrees().load(broken, CALENDAR)


def test_the_search_and_the_fixed_order_agree_within_a_few_percent() -> None:
    fixed = DayRegression(name="sarimax", order=(1, 1, 1, 1, 0, 0)).fit(HISTORY, CALENDAR).predict(COMING)
    searched = DayRegression(limit=8).fit(HISTORY, CALENDAR).predict(COMING)
    assert searched.mean == pytest.approx(fixed.mean, rel=0.2)


def test_the_mean_is_the_mean_of_its_members() -> None:
    history = HISTORY.cut(300, 455)
    found = DayMean().fit(history, CALENDAR).predict(COMING)
    said = [make_one().fit(history, CALENDAR).predict(COMING) for make_one in MEMBERS.values()]
    assert found.mean == pytest.approx(np.mean([one.mean for one in said], axis=0))
    assert found.quantiles == pytest.approx(np.mean([one.quantiles for one in said], axis=0))


def test_a_member_that_cannot_learn_is_left_out() -> None:
    fitted = DayMean().fit(HISTORY.cut(0, 30), CALENDAR)
    assert "process" in fitted.fitted
    assert "lightgbm" not in fitted.fitted
    loaded = DayMean().load(fitted.save(), CALENDAR)
    assert loaded.fitted.keys() == fitted.fitted.keys()


def test_when_no_member_can_learn_each_says_why() -> None:
    with pytest.raises(CannotFit, match=r"process: 9 known days are too few.*lightgbm"):
        DayMean().fit(HISTORY.cut(0, 9), CALENDAR)


def test_the_names_of_the_members_are_those_of_the_table() -> None:
    for name, make_one in day_mean.MEMBERS.items():
        assert make_one() == make("day", name)


def test_effects_serve_a_model_that_only_knows_weekdays() -> None:
    doubled = tuple(date(2023, 1, 2) + timedelta(days=number) for number in (40, 82, 117))
    calendar = Calendar(holidays=dict.fromkeys((*doubled, date(2023, 7, 5)), "feast"))
    history = daily(count=180)
    chosen = np.isin(history.periods, np.array(doubled, dtype="datetime64[D]"))
    history = history.with_values(np.where(chosen[:, None], history.values * 2, history.values))
    found = WeekdayEffects().fit(history, calendar).predict(days("2023-07-05", 8))
    assert found.mean[0, 0] / found.mean[7, 0] == pytest.approx(2.0, rel=0.15)


def test_few_errors_leave_the_assumed_shape_and_many_replace_it() -> None:
    random = np.random.default_rng(2)
    narrow = 0.8 * random.normal(size=2_000)
    assert shape_of(np.empty(0))[2] == pytest.approx(-1.2958, abs=1e-3)
    assert shape_of(narrow)[LEVELS.index(0.9)] == pytest.approx(0.8 * 1.2816, rel=0.05)
    assert (np.diff(shape_of(narrow)) > 0).all()
    assert shape_of(np.array([50.0] * 500))[-1] < 10
