"""The rest of today: what the morning says about the afternoon."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.models.base import LEVELS, Forecast
from forecast.models.spread import spread
from forecast.today.updating import Prepared, ledoit_wolf, load, prepare
from hotline.errors import Misuse

SLOTS = 16
SHAPE = 0.4 + np.sin(np.pi * (np.arange(SLOTS) + 0.5) / SLOTS)


def past(count: int, *, level: float = 100.0, together: float = 0.15, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return counts and forecasts of days whose level is off by `together`, as a standard deviation of the logarithm, besides Poisson noise."""
    random = np.random.default_rng(seed)
    expected = np.tile(level * SHAPE, (count, 1))
    off = np.exp(together * random.normal(size=(count, 1)) - together**2 / 2)
    return random.poisson(expected * off).astype(float), expected


def told(level: float = 100.0, doubt: float = 0.15) -> Forecast:
    expected = level * SHAPE
    errors = (
        np.random.default_rng(2).normal(size=(200, 1)) * doubt / 2 * np.sqrt(expected)
        + np.random.default_rng(3).normal(size=(200, SLOTS)) / 2
    )
    return Forecast(
        periods=np.array(["2024-05-06"], dtype="datetime64[D]"),
        mean=expected[None],
        quantiles=spread(expected[None], errors),
        starts_min=tuple(480 + 30 * one for one in range(SLOTS)),
        step_min=30,
        model="factor",
    )


def until(counts: np.ndarray, known: int) -> np.ndarray:
    return np.where(np.arange(SLOTS) < known, counts, np.nan)


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(*past(100))


def test_a_morning_above_the_forecast_lifts_the_afternoon_but_not_by_all_of_it(prepared: Prepared) -> None:
    found = prepared.update(told(), until(1.3 * 100 * SHAPE, 6))
    lifted = found.mean[0, 6:].sum() / (100 * SHAPE[6:]).sum()
    assert 1.12 < lifted < 1.3


def test_what_is_over_is_what_was_counted_without_doubt(prepared: Prepared) -> None:
    counts = np.round(100 * SHAPE)
    found = prepared.update(told(), until(counts, 6))
    assert found.mean[0, :6] == pytest.approx(counts[:6])
    assert (found.quantiles[:, 0, :6] == counts[:6]).all()
    assert found.model == "factor"


def test_the_rest_is_nearer_the_truth_than_without_and_than_the_plain_ratio(prepared: Prepared) -> None:
    # The fewer calls, the less a morning says, and the more noise is in the plain ratio.
    for level, seed, of_nothing, of_ratio in ((100.0, 11, 0.8, 1.0), (8.0, 12, 0.98, 0.97)):
        ready = prepared if level == 100.0 else prepare(*past(100, level=level, seed=13))
        actual, expected = past(150, level=level, seed=seed)
        errors = {"without": 0.0, "ratio": 0.0, "update": 0.0}
        for counts, mean in zip(actual, expected, strict=True):
            rest = counts[5:]
            errors["without"] += np.abs(rest - mean[5:]).sum()
            errors["ratio"] += np.abs(rest - mean[5:] * counts[:5].sum() / mean[:5].sum()).sum()
            errors["update"] += np.abs(rest - ready.update(told(level), until(counts, 5)).mean[0, 5:]).sum()
        assert errors["update"] < of_nothing * errors["without"]
        assert errors["update"] < of_ratio * errors["ratio"]


def test_its_quantiles_cover_what_they_say_and_narrow_as_the_day_goes_on(prepared: Prepared) -> None:
    actual, _ = past(150, seed=21)
    for known in (3, 9):
        inside80, inside95, bias = [], [], []
        for counts in actual:
            found = prepared.update(told(), until(counts, known))
            rest = counts[known:]
            inside80.append((rest >= found.level(0.1)[0, known:]) & (rest <= found.level(0.9)[0, known:]))
            inside95.append((rest >= found.level(0.025)[0, known:]) & (rest <= found.level(0.975)[0, known:]))
            bias.append(found.mean[0, known:].sum() / rest.sum())
        assert np.mean(inside80) == pytest.approx(0.80, abs=0.03)
        assert np.mean(inside95) == pytest.approx(0.95, abs=0.03)
        assert np.mean(bias) == pytest.approx(1.0, abs=0.03)
    usual = until(100 * SHAPE, 3), until(100 * SHAPE, 12)
    early, late = (prepared.update(told(), one) for one in usual)
    assert (late.level(0.9) - late.level(0.1))[0, 13:].sum() < (early.level(0.9) - early.level(0.1))[0, 13:].sum()


def test_a_doubtful_day_is_corrected_faster_and_stays_more_doubtful(prepared: Prepared) -> None:
    half = until(0.5 * 100 * SHAPE, 3)
    usual, doubtful = prepared.update(told(), half), prepared.update(told(doubt=0.8), half)
    assert doubtful.mean[0, 3:].sum() < 0.9 * usual.mean[0, 3:].sum()
    relative = [(one.level(0.9) - one.level(0.1))[0, 3:].sum() / one.mean[0, 3:].sum() for one in (usual, doubtful)]
    assert relative[1] > relative[0]


def test_a_gap_in_the_morning_is_estimated_like_the_rest(prepared: Prepared) -> None:
    seen = until(1.3 * 100 * SHAPE, 6)
    seen[2] = np.nan
    assert prepared.update(told(), seen).mean[0, 2] > 1.05 * 100 * SHAPE[2]


def test_before_the_day_begins_nothing_changes(prepared: Prepared) -> None:
    found = prepared.update(told(), np.full(SLOTS, np.nan))
    assert found.mean == pytest.approx(told().mean)
    assert found.quantiles == pytest.approx(told().quantiles)


def test_without_any_past_an_assumed_correlation_serves() -> None:
    ready = prepare(np.empty((0, SLOTS)), np.empty((0, SLOTS)))
    found = ready.update(told(), until(1.5 * 100 * SHAPE, 6))
    assert 1.1 < found.mean[0, 6:].sum() / (100 * SHAPE[6:]).sum() < 1.5
    assert (np.diff(found.quantiles, axis=0) >= 0).all()


def test_unknown_and_ruined_days_of_the_past_teach_nothing() -> None:
    actual, expected = past(80)
    actual[7, 3:] = np.nan
    actual[9] *= 40.0
    found = prepare(actual, expected).update(told(), until(1.3 * 100 * SHAPE, 6)).mean
    rows = np.delete(np.arange(80), [7, 9])
    assert found == pytest.approx(
        prepare(actual[rows], expected[rows]).update(told(), until(1.3 * 100 * SHAPE, 6)).mean
    )


@pytest.mark.parametrize("value", [0.0, 1e-3, 1e7])
def test_any_level_gives_finite_ascending_numbers(value: float, prepared: Prepared) -> None:
    for ready in (prepared, prepare(np.full((20, SLOTS), value), np.full((20, SLOTS), value))):
        for seen in (0.0, value, 3 * value):
            found = ready.update(replace(told(), mean=np.full((1, SLOTS), value)), until(np.full(SLOTS, seen), 4))
            assert np.isfinite(found.mean).all()
            assert np.isfinite(found.quantiles).all()
            assert (found.mean >= 0).all()
            assert (np.diff(found.quantiles, axis=0) >= 0).all()


def test_a_queue_of_one_slot_has_no_rest() -> None:
    ready = prepare(np.full((20, 1), 5.0), np.full((20, 1), 6.0))
    one = Forecast(periods=told().periods, mean=np.array([[6.0]]), quantiles=np.full((len(LEVELS), 1, 1), 6.0))
    assert ready.update(one, np.array([9.0])).mean[0, 0] == 9.0


def test_what_is_saved_says_it_again(prepared: Prepared) -> None:
    seen = until(1.2 * 100 * SHAPE, 7)
    again = load(prepared.save()).update(told(), seen)
    assert again.mean == pytest.approx(prepared.update(told(), seen).mean)
    assert again.quantiles == pytest.approx(prepared.update(told(), seen).quantiles)
    with pytest.raises(Misuse):
        load(b"something else")


@pytest.mark.parametrize(
    "seen", [np.zeros(SLOTS - 1), np.full(SLOTS, -1.0), np.full(SLOTS, np.inf)], ids=["slots", "negative", "infinite"]
)
def test_what_does_not_fit_is_refused(prepared: Prepared, seen: np.ndarray) -> None:
    with pytest.raises(Misuse):
        prepared.update(told(), seen)


def test_the_covariance_is_that_of_scikit_learn() -> None:
    from sklearn.covariance import LedoitWolf

    errors = np.random.default_rng(4).normal(size=(60, 12)) @ np.random.default_rng(5).normal(size=(12, 12))
    assert ledoit_wolf(errors) == pytest.approx(LedoitWolf(assume_centered=True).fit(errors).covariance_)
