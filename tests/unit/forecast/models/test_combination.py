"""Weights from what the members would have said, and means of their forecasts."""

import numpy as np
import pytest

from forecast.days.calendar import Calendar
from forecast.models import table
from forecast.models.base import CannotFit
from forecast.models.combination import Combination, best_weights, learnt_weights
from forecast.models.rehearsal import errors_or_none, origins_of, rehearse
from forecast.series.counts import Counts
from tests.unit.forecast.generator import coming, daily, slots

CALENDAR = Calendar()


def test_weights_are_the_textbook_ones_for_two_members_that_err_apart() -> None:
    # Bates & Granger: variances 1 and 4 without correlation give 0.8 and 0.2.
    assert best_weights(np.diag([1.0, 4.0]), pull=0.0) == pytest.approx([0.8, 0.2])


def test_a_member_that_only_repeats_the_errors_of_a_better_one_gets_nothing() -> None:
    weights = best_weights(np.array([[1.0, 1.9], [1.9, 4.0]]), pull=0.0)
    assert weights == pytest.approx([1.0, 0.0])


def test_little_past_leaves_weights_nearly_equal() -> None:
    few, many = (best_weights(np.diag([1.0, 4.0]), pull=pull)[0] for pull in (8.0, 0.1))
    assert 0.5 < few < 0.6
    assert many > 0.75


def test_one_terrible_day_does_not_decide_the_weights() -> None:
    random = np.random.default_rng(5)
    errors = np.stack([random.normal(0, 1.0, (2, 40, 6)), random.normal(0, 1.6, (2, 40, 6))])
    before, _ = learnt_weights(errors)
    errors[0, :, 20] = 80.0
    after, _ = learnt_weights(errors)
    assert before[0] > 0.6
    assert after[0] > 0.55  # a plain mean of squares would leave it a tenth


def test_members_that_err_apart_are_narrower_together_and_those_that_err_alike_are_not() -> None:
    random = np.random.default_rng(6)
    one, other = random.normal(size=(2, 1, 40, 6))
    assert learnt_weights(np.stack([one, other]))[1] == pytest.approx(np.sqrt(0.5), abs=0.06)
    assert learnt_weights(np.stack([one, one]))[1] == pytest.approx(1.0)


def test_nothing_known_of_the_past_means_equal_weights() -> None:
    weights, width = learnt_weights(np.full((3, 2, 5, 4), np.nan))
    assert weights == pytest.approx([1 / 3] * 3)
    assert width == 1.0


def test_the_forecast_lies_between_those_of_its_members() -> None:
    history = slots(count=84)
    ahead = coming(history, 5)
    model = Combination(members=("factor", "weekday-mean"), name="both")
    found = model.fit(history, CALENDAR)
    parts = [table.make("slot", name).fit(history, CALENDAR).predict(ahead).mean for name in model.members]
    mean = found.predict(ahead).mean
    assert (mean >= np.minimum(*parts) - 1e-9).all()
    assert (mean <= np.maximum(*parts) + 1e-9).all()
    assert sum(found.shares().values()) == pytest.approx(1.0)
    assert found.predict(ahead).model == "both"


def test_it_serves_days_as_well_with_members_that_have_not_measured_themselves() -> None:
    history = daily(count=120)
    model = Combination(members=("weekday-mean", "seasonal-naive"), unit="day", leads=7, name="days")
    found = model.fit(history, CALENDAR)
    assert found.shares()["weekday-mean"] > 0.6  # a mean of four weeks errs less than the last one
    assert found.predict(coming(history, 7)).mean.mean() == pytest.approx(history.values.mean(), rel=0.2)


def test_a_member_that_cannot_fit_is_left_out_and_without_any_nothing_is_said() -> None:
    history = slots(count=15)  # enough for the factor model, not for the trees
    assert list(Combination(members=("factor", "trees")).fit(history, CALENDAR).members) == ["factor"]
    with pytest.raises(CannotFit, match="factor: "):
        Combination(members=("factor", "trees")).fit(history.cut(0, 3), CALENDAR)


def test_a_rehearsal_sees_only_what_was_known() -> None:
    history = slots(count=80)
    changed = history.values.copy()
    changed[60:] *= 3.0
    places = [55, 58, 60]
    model = table.make("slot", "weekday-mean")
    said = [
        rehearse(model, one, CALENDAR, leads=3, origins=places).mean for one in (history, history.with_values(changed))
    ]
    assert said[0] == pytest.approx(said[1])


def test_a_rehearsal_is_what_the_model_said_then() -> None:
    history = slots(count=60)
    model = table.make("slot", "weekday-mean")
    found = rehearse(model, history, CALENDAR, leads=2, origins=[50, 59], fits=2)
    then = model.fit(history.cut(0, 50), CALENDAR).predict(history.periods[50:52])
    assert found.mean[:, 0] == pytest.approx(then.mean)
    assert found.actual[:, 0] == pytest.approx(history.values[50:52])
    assert np.isnan(found.mean[1, 1]).all()  # the history ends there
    assert [len(part) for part in found.first_lead()] == [2, 2]


def test_origins_are_counted_from_the_end_and_leave_enough_before_them() -> None:
    assert origins_of(slots(count=70))[-1] == 69
    assert min(origins_of(slots(count=70))) >= 23
    assert origins_of(slots(count=15)) == []
    wide = Counts(
        unit="slot", periods=slots(count=90).periods, values=np.ones((90, 288)), starts_min=tuple(range(0, 1440, 5))
    )
    assert len(origins_of(wide)) == 13


def test_too_short_a_history_has_no_errors() -> None:
    assert errors_or_none(table.make("slot", "factor"), slots(count=15), CALENDAR, leads=2) is None
