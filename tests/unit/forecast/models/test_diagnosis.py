"""The diagnosis of an ARIMA model: the tests see what there is, the numbers agree with statsmodels, the sentences exist in both languages."""

from functools import cache

import numpy as np
import pytest
from statsmodels.stats.diagnostic import acorr_ljungbox
from statsmodels.tsa.stattools import acf, pacf

from forecast.models.arima.diagnosis import Diagnosis, correlations, diagnose, ljung_box
from forecast.models.base import CannotFit

WALK = np.cumsum(np.random.default_rng(3).normal(size=150)) + 50


@cache
def of_the_walk() -> Diagnosis:
    return diagnose(WALK, source=True)


def test_a_walk_is_stationary_after_one_difference() -> None:
    found = of_the_walk()
    assert found.d == 1
    assert [one.stationary for one in found.unit_roots[:2]] == [False, True]


def test_acf_and_pacf_are_those_of_statsmodels() -> None:
    ours = correlations(np.diff(WALK), 20)
    assert ours[0] == pytest.approx(acf(np.diff(WALK), nlags=20), abs=1e-12)
    assert ours[1] == pytest.approx(pacf(np.diff(WALK), nlags=20, method="ldb"), abs=1e-12)


def test_the_bands_hold_nearly_all_lags_of_noise_and_widen() -> None:
    found = of_the_walk()
    outside = sum(abs(value) > band for value, band in zip(found.acf[1:], found.acf_band[1:], strict=True))
    assert outside <= 5
    assert found.acf_band[-1] >= found.acf_band[1] == pytest.approx(found.pacf_band)


def test_ljung_box_is_that_of_statsmodels_and_sees_what_is_left() -> None:
    noise = np.random.default_rng(4).normal(size=120)
    assert ljung_box(noise, 12) == pytest.approx(float(acorr_ljungbox(noise, [12]).lb_stat.iloc[0]))
    assert ljung_box(np.convolve(noise, [1, 0.8], "valid"), 12) > 3 * ljung_box(noise, 12)
    assert of_the_walk().ljung_box_p > 0.05


def test_the_table_has_aic_and_bic_and_marks_the_chosen_one() -> None:
    found = of_the_walk()
    chosen = [row for row in found.candidates if row.chosen]
    assert [row.order for row in chosen] == [found.order]
    assert all(row.bic > row.aic for row in found.candidates if row.order != "(0,1,0)")


def test_heavy_tails_are_not_normal() -> None:
    heavy = np.cumsum(np.random.default_rng(4).standard_t(2, size=200))
    found = diagnose(heavy)
    assert found.jarque_bera_p < 0.01
    assert found.kurtosis > 4


def test_a_season_is_differenced_and_its_lags_are_named() -> None:
    errors = np.random.default_rng(5).normal(size=120)
    y = np.tile(np.arange(12.0) * 3, 10) + np.cumsum(errors)
    found = diagnose(y, period=12)
    assert found.period == 12
    assert any(one.seasonal_d for one in found.unit_roots) == bool(found.seasonal_d)
    assert found.order.endswith(("12", "+c"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_step_is_said_in_a_sentence(language: str) -> None:
    found = of_the_walk()
    said = found.sentences("zh" if language == "zh" else "en")
    assert len(said) == len(found.unit_roots) + 3
    assert "KPSS" in said[0]
    assert f"ARIMA{found.order}" in "".join(said)
    assert ("平稳" in said[0]) == (language == "zh")


def test_missing_values_do_no_harm_and_too_few_are_refused() -> None:
    holed = WALK.copy()
    holed[[10, 60]] = np.nan
    assert diagnose(holed).values == 148
    for bad in (np.full(50, 3.0), WALK[:10], np.full(30, np.nan)):
        with pytest.raises(CannotFit):
            diagnose(bad)
