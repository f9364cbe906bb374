"""Days that are not ordinary: what they were, drawn towards an ordinary day while few were seen."""

import numpy as np
import pytest

from forecast.models.slots.marks import Mark
from forecast.models.slots.said import slot_forecast
from forecast.models.slots.special import PRIOR_DEVIATION, learn
from tests.unit.forecast.generator import slots

FEAST, OTHER, EVE = (
    Mark(kind=kind, name=name) for kind, name in (("holiday", "Feast"), ("holiday", "Other"), ("eve", "Feast"))
)
USUAL = np.array([10.0, 40.0, 30.0, 20.0])


def ratio(mark: Mark, seen: list[tuple[Mark, np.ndarray]]) -> float:
    days = np.array([values for _, values in seen])
    factors, _ = learn(days, np.tile(USUAL, (len(seen), 1)), [one for one, _ in seen]).factors(mark, USUAL)
    return float((USUAL * factors).sum() / USUAL.sum())


def test_the_more_holidays_were_seen_the_more_is_believed_of_them() -> None:
    shares = [ratio(FEAST, [(FEAST, 0.2 * USUAL)] * count) for count in (1, 3, 12)]
    assert shares == sorted(shares, reverse=True)
    assert 0.2 < shares[0] < 0.4
    assert shares[2] == pytest.approx(0.2, abs=0.02)


def test_a_name_never_seen_is_like_its_kind_and_a_kind_never_seen_like_any_day() -> None:
    seen = [(FEAST, 0.2 * USUAL)] * 3
    assert ratio(OTHER, seen) < 0.35
    assert ratio(EVE, seen) == pytest.approx(1.0)


def test_names_within_a_kind_are_told_apart() -> None:
    seen = [(FEAST, 0.1 * USUAL), (OTHER, 0.9 * USUAL)] * 4
    assert ratio(FEAST, seen) < 0.25 < 0.6 < ratio(OTHER, seen)


def test_the_short_morning_of_an_eve_is_one_on_the_next_eve_too() -> None:
    morning = USUAL * np.array([1.0, 1.0, 0.1, 0.0])
    factors, _ = learn(np.array([morning] * 4), np.tile(USUAL, (4, 1)), [EVE] * 4).factors(EVE, USUAL)
    assert factors[:2].min() > 0.7
    assert factors[3] < 0.2


def test_slots_that_are_not_known_are_compared_with_nothing() -> None:
    half = 0.2 * USUAL
    half[2:] = np.nan
    assert ratio(FEAST, [(FEAST, half)] * 12) == pytest.approx(0.2, abs=0.03)


def test_holidays_that_differ_leave_more_doubt_than_those_alike() -> None:
    alike, apart = (
        learn(np.array(days), np.tile(USUAL, (6, 1)), [FEAST] * 6).factors(FEAST, USUAL)[1]
        for days in ([0.3 * USUAL] * 6, [0.1 * USUAL, 0.9 * USUAL] * 3)
    )
    assert alike < PRIOR_DEVIATION < apart


def test_a_closed_past_and_an_empty_one_teach_nothing_that_is_not_finite() -> None:
    for values, ordinary in ((np.zeros((2, 4)), np.zeros((2, 4))), (np.full((2, 4), np.nan), np.ones((2, 4)))):
        factors, doubt = learn(values, ordinary, [FEAST, FEAST]).factors(FEAST, USUAL)
        assert np.isfinite(factors).all()
        assert np.isfinite(doubt)


def test_the_mean_is_the_square_of_the_root_and_its_variance_and_one_far_error_does_not_count() -> None:
    random = np.random.default_rng(7)
    errors = random.normal(0.0, 2.0, size=(1, 400, 6))
    told = []
    for spike in (0.0, 300.0):
        errors[0, 0, 0] += spike
        told.append(
            slot_forecast(
                np.full((1, 6), 10.0),
                periods=np.array(["2024-05-06"], dtype="datetime64[D]"),
                leads=np.array([1]),
                errors=errors,
                doubt=np.zeros(1),
                like=slots(),
                model="any",
            ).mean
        )
    assert told[0] == pytest.approx(np.full((1, 6), 104.0), abs=0.6)
    assert told[1] == pytest.approx(told[0], abs=1.0)
