"""The trees and the network: what they know, what they learn, and that they learn the same again."""

from datetime import date

import numpy as np
import pytest

from forecast.days.calendar import Calendar
from forecast.models.base import CannotFit
from forecast.models.slots.lag_models import FittedLags
from forecast.models.slots.lags import Lags
from forecast.models.slots.network import Layers, Network
from forecast.models.slots.trees import Trees
from forecast.series.counts import Counts
from tests.unit.forecast.generator import coming, days, drawn, slots

CALENDAR = Calendar()
BOTH = pytest.mark.parametrize("model", [Trees(rounds=60), Network(networks=1, steps=60)], ids=["trees", "network"])


def with_pay_day(count: int = 300) -> Counts:
    """Days of eight slots on which twice as many call on the first working day of the month, in the first half of the day."""
    periods = days("2023-01-02", count)
    rate = np.full((count, 8), 100.0)
    for at in pay_days(periods):
        rate[at, :4] *= 2.0
    return Counts(
        unit="slot",
        periods=periods,
        values=drawn(rate, dispersion=2.0, seed=8),
        starts_min=tuple(480 + 60 * one for one in range(8)),
        step_min=60,
    )


def pay_days(periods: np.ndarray) -> list[int]:
    found: list[int] = []
    seen = set()
    for at, day in enumerate(periods.astype(object)):
        if day.weekday() < 5 and (day.year, day.month) not in seen:
            seen.add((day.year, day.month))
            found.append(at)
    return found


def test_a_day_knows_of_its_past_what_a_forecast_of_it_would_have_known() -> None:
    history = slots(count=60)
    whole = Lags(history=history, calendar=CALENDAR)
    then = Lags(history=history.cut(0, 50), calendar=CALENDAR)
    for lead in (1, 4):
        told = then.ahead(history.periods[50 + lead - 1 : 50 + lead])
        past = whole.past(lead)
        assert past.base[50 + lead - 1] == pytest.approx(told.base[0])
        assert past.slots[50 + lead - 1] == pytest.approx(told.slots[0])
        assert past.days[50 + lead - 1, 1:5] == pytest.approx(told.days[0, 1:5])


def test_the_base_is_the_mean_root_of_the_last_eight_same_weekdays_that_are_known() -> None:
    history = slots(count=84)
    values = history.values.copy()
    values[77, 2] = np.nan  # the last Monday, one slot
    lags = Lags(history=history.with_values(values), calendar=CALENDAR)
    base = lags.ahead(history.periods[-1:] + 1).base[0]
    mondays = np.sqrt(values[::7])
    assert base[0] == pytest.approx(mondays[-8:, 0].mean())
    assert base[2] == pytest.approx(mondays[-9:-1, 2].mean())


def test_marked_days_teach_nothing_about_ordinary_ones() -> None:
    history = slots(count=84)
    values = history.values.copy()
    values[77] = 0.0
    off = Calendar(holidays={history.periods[77].astype(object): "Feast"})
    told = Lags(history=history.with_values(values), calendar=off).ahead(history.periods[-1:] + 1).base[0]
    assert told == pytest.approx(np.sqrt(history.values[14:77:7])[-8:].mean(axis=0))


@BOTH
def test_what_is_written_in_no_formula_is_found(model: Trees | Network) -> None:
    history = with_pay_day()
    fitted = model.start(history, CALENDAR)
    ahead = coming(history, 31)
    first = pay_days(ahead)[-1]
    found = fitted.predict(ahead).mean
    morning, afternoon = found[first, :4].mean(), found[first, 4:].mean()
    others = np.delete(found, pay_days(ahead), axis=0)
    assert morning / others[:, :4].mean() > 1.25
    assert afternoon / others[:, 4:].mean() == pytest.approx(1.0, abs=0.2)


@BOTH
def test_a_holiday_is_forecast_by_what_holidays_were(model: Trees | Network) -> None:
    history = slots(count=140)
    values = history.values.copy()
    values[[30, 65, 100]] = np.round(values[[30, 65, 100]] * 0.15)
    ahead = coming(history, 3)
    off = [*history.periods[[30, 65, 100]], ahead[1]]
    calendar = Calendar(weekend=frozenset(), holidays={one.astype(object): "Feast" for one in off})
    found = model.start(history.with_values(values), calendar).predict(ahead).mean
    assert found[1].sum() / found[0].sum() < 0.4


@BOTH
def test_its_spread_is_measured_on_days_it_had_not_seen(model: Trees | Network) -> None:
    history = slots(count=100)
    fitted = model.fit(history, CALENDAR)
    assert np.isfinite(fitted.errors[0]).any()
    own = fitted.lags.roots - fitted.lags.past(1).base
    assert np.nanstd(fitted.errors[0]) > 0.5 * np.nanstd(own[40:])


@BOTH
def test_too_few_days_are_refused(model: Trees | Network) -> None:
    with pytest.raises(CannotFit, match="28 known days"):
        model.fit(slots(count=20), CALENDAR)


def test_only_holidays_in_the_history_are_refused() -> None:
    history = slots(count=30)
    every = dict.fromkeys(history.periods.astype(object).tolist(), "Feast")
    with pytest.raises(CannotFit, match="ordinary day"):
        Trees().start(history, Calendar(holidays=every))


def test_an_update_knows_the_new_days_and_keeps_what_was_learnt() -> None:
    history = slots(count=98)
    fitted = Trees(rounds=20).start(history.cut(0, 91), CALENDAR)
    updated = fitted.update(history.cut(91, 98))
    assert isinstance(updated, FittedLags)
    assert updated.learner is fitted.learner
    assert updated.lags.history.periods[-1] == history.periods[-1]
    assert fitted.update(history.cut(98, 98)) is fitted


def test_the_network_forecasts_as_scikit_learn_would() -> None:
    from sklearn.neural_network import MLPRegressor

    random = np.random.default_rng(9)
    lags = Lags(history=slots(count=60), calendar=Calendar(holidays={date(2020, 1, 1): "New Year"}))
    day_table = lags.past(1)
    rows = np.column_stack([(day_table.days[:, :1] == np.arange(7)).astype(float), day_table.days[:, 1:]])
    target = random.normal(size=day_table.base.shape)
    network = MLPRegressor(
        hidden_layer_sizes=(5,), activation="logistic", solver="lbfgs", alpha=50.0, max_iter=500, random_state=1
    )
    network.fit(rows / 10.0, target)
    width = rows.shape[1]
    layers = Layers(
        middle=np.zeros(width),
        scale=np.full(width, 10.0),
        inner=network.coefs_[0][None],
        inner_bias=network.intercepts_[0][None],
        outer=network.coefs_[1][None],
        outer_bias=network.intercepts_[1][None],
    )
    assert layers.left(day_table) == pytest.approx(network.predict(rows / 10.0))
