"""The model that shows how to write one."""

import numpy as np
import pytest

from forecast.days.calendar import Calendar
from forecast.models.template import SmoothedWeek
from tests.unit.forecast.generator import coming, daily, slots


def test_a_share_of_one_follows_the_last_week() -> None:
    history = daily(count=28)
    found = SmoothedWeek(share=1.0).fit(history, Calendar()).predict(coming(history, 7))
    assert found.quantiles[4].ravel() == pytest.approx(history.values[-7:, 0], rel=0.05)


def test_the_level_follows_a_step_in_the_end() -> None:
    history = daily(count=140, dispersion=1.2)
    stepped = history.values.copy()
    stepped[70:] *= 2
    found = SmoothedWeek().fit(history.with_values(stepped), Calendar()).predict(coming(history, 7))
    assert found.mean.mean() == pytest.approx(stepped[70:].mean(), rel=0.08)


def test_small_counts_are_not_forecast_too_low() -> None:
    history = slots(count=280, level=6, dispersion=2, seed=4)
    found = SmoothedWeek(share=0.1).fit(history, Calendar()).predict(coming(history, 28))
    assert found.mean.mean() == pytest.approx(history.values.mean(), rel=0.05)


def test_a_gap_does_not_move_the_level() -> None:
    history = daily(count=56)
    values = history.values.copy()
    values[-7:] = np.nan
    before = SmoothedWeek().fit(history.cut(0, 49), Calendar()).predict(coming(history, 7))
    after = SmoothedWeek().fit(history.with_values(values), Calendar()).predict(coming(history, 7))
    assert after.mean == pytest.approx(before.mean)
