"""ARIMA: the likelihood is exact, the search finds what made the series, gaps and regressors are estimated, forecasts know how sure they are."""

from dataclasses import replace

import numpy as np
import pytest
from statsmodels.tsa.statespace.sarimax import SARIMAX

from forecast.models.arima.regression import Order, Regression, fit, restored
from forecast.models.arima.search import first_differences, kpss, p1q, search, seasonal_strength
from forecast.models.base import CannotFit
from hotline.errors import Misuse

AIRLINE = Order(d=1, q=1, seasonal_d=1, seasonal_q=1, period=12)


def airline(
    count: int = 120, *, theta: float = -0.4, seasonal: float = -0.6, sigma: float = 0.1, seed: int = 3
) -> np.ndarray:
    """A series of the airline model."""
    errors = np.random.default_rng(seed).normal(0, sigma, count + 13)
    moved = errors[13:] + theta * errors[12:-1] + seasonal * errors[1:-12] + theta * seasonal * errors[:-13]
    y = np.zeros(count)
    for at in range(count):
        back = [y[at - lag] if at >= lag else 0.0 for lag in (1, 12, 13)]
        y[at] = back[0] + back[1] - back[2] + moved[at]
    return y + 7


def test_the_exact_likelihood_is_that_of_the_state_space_form() -> None:
    y = airline()
    ours = fit(y, None, AIRLINE)
    ar, ma = AIRLINE.polynomials(ours.at)
    other = SARIMAX(y, order=(0, 1, 1), seasonal_order=(0, 1, 1, 12), simple_differencing=True)
    assert len(ar) == 1
    sigma2 = ours.variance * (ours.used - 2) / ours.used  # ours has the degrees of freedom taken off
    assert ours.likelihood == pytest.approx(other.loglike([ma[1], ma[12], sigma2]), abs=1e-6)


def test_the_forecast_and_its_spread_are_those_of_the_state_space_form() -> None:
    y = airline()
    ours = fit(y, None, AIRLINE)
    _, ma = AIRLINE.polynomials(ours.at)
    theirs = (
        SARIMAX(y, order=(0, 1, 1), seasonal_order=(0, 1, 1, 12))
        .smooth([ma[1], ma[12], ours.variance])
        .get_forecast(15)
    )
    mean, deviation = ours.predict(None, 15)
    assert mean == pytest.approx(theirs.predicted_mean, abs=1e-6)
    assert deviation == pytest.approx(theirs.se_mean, rel=1e-5)


def test_a_missing_value_is_integrated_out_as_a_kalman_filter_does() -> None:
    y = airline()
    y[[40, 41, 77]] = np.nan
    order = Order(p=1, q=1, constant=True)
    short = np.where(np.isnan(y), np.nan, y - np.nanmean(y))
    ours = fit(short, None, order)
    ar, ma = order.polynomials(ours.at)
    theirs = SARIMAX(short - ours.drift, order=(1, 0, 1))
    sigma2 = ours.variance * (ours.used - 3) / ours.used
    assert ours.likelihood == pytest.approx(theirs.loglike([-ar[1], ma[1], sigma2]), abs=1e-4)


def test_effects_of_regressors_are_found_in_spite_of_gaps() -> None:
    y = airline(240)
    exog = np.random.default_rng(5).normal(size=(240, 2))
    y = y + exog @ [0.3, -0.1]
    y[[20, 100, 101]] = np.nan
    assert fit(y, exog, AIRLINE).beta == pytest.approx([0.3, -0.1], abs=0.03)


def test_a_regressor_that_says_nothing_or_the_same_as_another_does_no_harm() -> None:
    y = airline()
    exog = np.random.default_rng(5).normal(size=(120, 1))
    both = np.column_stack([exog, exog, np.ones(120)])
    one, more = fit(y, exog, AIRLINE), fit(y, both, AIRLINE)
    assert more.predict(np.column_stack([[1.0], [1.0], [1.0]]), 1)[0] == pytest.approx(
        one.predict(np.ones((1, 1)), 1)[0], rel=1e-3
    )


def test_the_conditional_likelihood_leads_to_nearly_the_same_parameters() -> None:
    y = airline(300)
    exact, conditional = fit(y, None, AIRLINE), fit(y, None, AIRLINE, exact=False)
    assert AIRLINE.polynomials(conditional.at)[1] == pytest.approx(AIRLINE.polynomials(exact.at)[1], abs=0.08)


def test_the_parameters_that_made_the_series_are_found() -> None:
    _, ma = AIRLINE.polynomials(fit(airline(400), None, AIRLINE).at)
    assert ma[[1, 12]] == pytest.approx([-0.4, -0.6], abs=0.12)


def test_every_free_number_is_a_stationary_and_invertible_model() -> None:
    order = Order(p=3, q=2, seasonal_p=1, seasonal_q=1, period=7)
    for seed in range(20):
        ar, ma = order.polynomials(np.random.default_rng(seed).normal(0, 3, 7))
        assert np.abs(np.roots(ar)).max() < 1
        assert np.abs(np.roots(ma)).max() < 1


def test_a_longer_history_keeps_the_parameters_and_goes_on_from_its_end() -> None:
    y = airline(132)
    longer = fit(y[:120], None, AIRLINE).extended(y[120:])
    assert longer.at == pytest.approx(fit(y[:120], None, AIRLINE).at)
    assert longer.predict(None, 1)[0] != pytest.approx(fit(y[:120], None, AIRLINE).predict(None, 1)[0])
    assert np.isfinite(longer.residuals).all()


def test_what_is_saved_says_the_same_and_something_else_is_refused() -> None:
    exog = np.random.default_rng(5).normal(size=(120, 1))
    ours = fit(airline(), exog, replace(AIRLINE, seasonal_d=0, seasonal_p=1, constant=True))
    again = restored(ours.saved())
    assert again.predict(np.ones((4, 1)), 4)[0] == pytest.approx(ours.predict(np.ones((4, 1)), 4)[0])
    with pytest.raises(Misuse):
        restored({"order": np.zeros(3)})


@pytest.mark.parametrize("rows", [np.zeros((3, 2)), np.zeros((2, 1)), np.full((3, 1), np.nan)])
def test_regressors_that_do_not_fit_are_refused(rows: np.ndarray) -> None:
    ours = fit(airline(), np.random.default_rng(5).normal(size=(120, 1)), AIRLINE)
    with pytest.raises(Misuse):
        ours.predict(rows, 3)


@pytest.mark.parametrize("y", [np.full(40, np.nan), np.arange(6.0)])
def test_too_little_to_learn_from_is_said(y: np.ndarray) -> None:
    with pytest.raises(CannotFit):
        fit(y, None, AIRLINE)


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_a_constant_goes_on(value: float) -> None:
    mean, deviation = search(np.full(60, value), period=12).best.predict(None, 3)
    assert mean == pytest.approx([value] * 3, abs=1e-6)
    assert (deviation < 1e-3).all()


def test_the_search_differences_what_grows_and_what_has_a_season() -> None:
    found = search(airline(), period=12).order
    assert found.d == 1
    assert found.seasonal_d + found.seasonal_p >= 1


def test_the_search_takes_white_noise_for_white_noise() -> None:
    order = search(np.random.default_rng(2).normal(size=150), period=1, criterion="bic").order
    assert (order.p, order.d, order.q) == (0, 0, 0)


def test_the_search_finds_an_autoregression() -> None:
    errors = np.random.default_rng(4).normal(size=400)
    y = np.zeros(400)
    for at in range(1, 400):
        y[at] = 0.7 * y[at - 1] + errors[at]
    order = search(y, criterion="bic").order
    assert (order.p, order.d, order.q) == (1, 0, 0)


def test_the_work_of_the_search_is_limited_by_a_number_and_its_outcome_is_always_the_same() -> None:
    y = airline()
    few = search(y, period=12, limit=5)
    assert len(few.candidates) <= 5
    one, two = search(y, period=12), search(y, period=12)
    assert [row.order for row in one.candidates] == [row.order for row in two.candidates]
    assert one.best.predict(None, 3)[0].tolist() == two.best.predict(None, 3)[0].tolist()


def test_the_chosen_order_has_the_least_criterion_of_those_fitted_exactly() -> None:
    choice = search(airline(), period=12, criterion="bic")
    exact = [row.value for row in choice.candidates if row.exact]
    assert choice.best.bic == min(exact)
    assert choice.candidates[0].order == choice.order


def test_the_source_s_search_differences_once_and_tries_every_p_and_q() -> None:
    choice = p1q(np.cumsum(np.random.default_rng(1).normal(size=90)), most=2)
    assert choice.order.d == 1
    assert len(choice.candidates) == 9
    assert choice.order.period == 1


def test_criteria_punish_parameters() -> None:
    y = np.random.default_rng(2).normal(size=80)
    small, large = fit(y, None, Order()), fit(y, None, Order(p=3, q=2))
    assert large.likelihood >= small.likelihood
    assert small.bic < large.bic
    assert large.aicc > large.aic
    assert _criteria(small) == [small.aic, small.aicc, small.bic]


def _criteria(found: Regression) -> list[float]:
    return [found.criterion(name) for name in ("aic", "aicc", "bic")]


def test_kpss_tells_noise_from_a_walk() -> None:
    noise = np.random.default_rng(6).normal(size=200)
    assert kpss(noise) < 0.463 < kpss(np.cumsum(noise))
    assert [first_differences(one) for one in (noise, np.cumsum(noise), np.cumsum(np.cumsum(noise)))] == [0, 1, 2]


def test_the_strength_of_a_season_is_high_with_one_and_low_without() -> None:
    noise = np.random.default_rng(6).normal(size=120)
    season = np.tile(np.arange(12.0), 10)
    assert seasonal_strength(noise, 12) < 0.5 < 0.9 < seasonal_strength(season * 3 + noise, 12)


def test_intervals_of_a_known_process_cover_what_they_say() -> None:
    inside = 0
    for seed in range(60):
        y = airline(100, seed=seed)
        mean, deviation = fit(y[:99], None, AIRLINE, exact=False).predict(None, 1)
        inside += abs(y[99] - mean[0]) <= 1.2816 * deviation[0]
    assert 39 <= inside <= 57  # 48 of 60 expected; three standard deviations either way
