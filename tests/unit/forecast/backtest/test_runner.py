"""Forecasts of a protocol, candidate by candidate."""

import itertools

import numpy as np
import pytest

from forecast.backtest.protocol import NO_TARGET, Protocol, each_period, weekly
from forecast.backtest.runner import Material, Track, actual, track, tracks
from forecast.days.calendar import Calendar
from forecast.models.base import Model
from hotline.errors import Misuse
from tests.unit.forecast.fakes import Fails, Says, making
from tests.unit.forecast.generator import daily, slots

HISTORY = slots(count=40)


def run(model: Model, protocol: Protocol) -> Track:
    ticks = itertools.count()
    return track(
        Material(counts=HISTORY, calendar=Calendar()),
        protocol,
        "template",
        watch=lambda: float(next(ticks)),
        make=making(template=model),
    )


def test_a_model_sees_nothing_of_the_day_it_forecasts_or_later() -> None:
    model = Says()
    run(model, each_period(HISTORY, 5))
    assert [str(day) for _, day in model.seen] == [str(day) for day in HISTORY.periods[34:39]]


def test_between_two_fits_a_model_is_updated_with_what_came_meanwhile() -> None:
    model = Says()
    protocol = each_period(HISTORY, 5, refit_every=3)
    found = run(model, protocol)
    assert [what for what, _ in model.seen] == ["fit", "update", "update", "fit", "update"]
    assert found.fits == 2
    always = run(Says(), each_period(HISTORY, 5))
    assert found.mean == pytest.approx(always.mean)


def test_a_short_memory_forgets() -> None:
    found = run(Says(), each_period(HISTORY, 2, memory=7))
    assert found.mean[0, 0] == pytest.approx(HISTORY.values[31:38].mean(axis=0))


def test_where_there_is_no_target_there_is_no_forecast() -> None:
    protocol = each_period(HISTORY, 2, leads=3)
    found, came = run(Says(), protocol), actual(HISTORY, protocol)
    missing = protocol.targets == NO_TARGET
    assert np.isnan(found.mean[missing]).all()
    assert np.isnan(came[missing]).all()
    assert (came[~missing] == HISTORY.values[protocol.targets[~missing]]).all()


def test_a_model_that_fails_leaves_a_gap_and_the_reason() -> None:
    found = run(Fails(error=ValueError("singular")), each_period(HISTORY, 2))
    assert np.isnan(found.mean).all()
    assert found.failures[0] == f"{HISTORY.periods[38]}: ValueError: singular"
    assert len(found.failures) == 2


def test_a_forecast_that_explodes_is_a_gap() -> None:
    found = run(Says(factor=100.0), each_period(HISTORY, 1))
    assert np.isnan(found.mean).all()
    assert "99 % of the past" in found.failures[0]


def test_each_candidate_is_asked_once_per_origin_and_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    found = tracks(
        Material(counts=HISTORY, calendar=Calendar()), each_period(HISTORY, 3), ["seasonal-naive", "weekday-mean"],
        watch=lambda: 0.0, progress=lambda *what: told.append(what),
    )  # fmt: skip
    assert list(found) == ["seasonal-naive", "weekday-mean"]
    assert told == [(name, done, 3) for name in found for done in (1, 2, 3)]


def test_a_name_that_is_not_in_the_table_is_refused_before_anything_is_fitted() -> None:
    with pytest.raises(Misuse, match="there is no model crystal-ball of slots"):
        tracks(
            Material(counts=HISTORY, calendar=Calendar()), each_period(HISTORY, 3), ["crystal-ball"], watch=lambda: 0.0
        )


def test_weeks_of_days_are_forecast_from_their_first_day() -> None:
    history = daily(count=60)
    found = track(
        Material(counts=history, calendar=Calendar()), weekly(history, 2), "seasonal-naive", watch=lambda: 0.0
    )
    assert found.mean[0, :, 0].tolist() == history.values[39:46, 0].tolist()
    assert found.mean[1, :, 0].tolist() == history.values[46:53, 0].tolist()
