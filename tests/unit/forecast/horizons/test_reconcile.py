"""Forecasts of several levels are made to agree."""

import numpy as np
import pytest

from forecast.horizons.reconcile import Sum, agreed, deviation, deviation_of_sum, moved
from tests.unit.forecast.fakes import forecast_of
from tests.unit.forecast.generator import days

DAY = Sum(total=2, parts=np.array([0, 1]))


def test_what_agrees_is_left_as_it_is() -> None:
    mean = np.array([3.0, 4.0, 7.0])
    assert agreed(mean, np.ones(3), [DAY]) == pytest.approx(mean)


def test_a_difference_is_split_by_how_sure_each_side_is() -> None:
    found = agreed(np.array([10.0, 10.0, 26.0]), np.array([1.0, 1.0, 2.0]), [DAY])
    assert found == pytest.approx(
        [11.0, 11.0, 22.0]
    )  # variances 1 + 1 and 4: a third of the difference falls on the parts


def test_parts_that_err_together_move_more() -> None:
    apart = agreed(np.array([10.0, 10.0, 26.0]), np.array([1.0, 1.0, 2.0]), [DAY])
    together = agreed(
        np.array([10.0, 10.0, 26.0]), np.array([1.0, 1.0, 2.0]), [Sum(total=2, parts=np.array([0, 1]), together=1.0)]
    )
    assert together == pytest.approx([11.5, 11.5, 23.0])  # the deviation of the sum is 2, as that of the total
    assert together[2] > apart[2]


def test_it_is_the_generalised_least_squares_answer() -> None:
    random = np.random.default_rng(3)
    mean, sigma = random.uniform(20, 60, 6), random.uniform(1, 2, 8)
    mean = np.append(mean, [mean[:3].sum() + 9, mean[3:].sum() - 7])
    sums = [Sum(total=6, parts=np.arange(3), together=0.4), Sum(total=7, parts=np.arange(3, 6), together=0.4)]
    covariance = np.diag(sigma**2)
    for one in sums:
        block = 0.4 * np.outer(sigma[one.parts], sigma[one.parts])
        block[np.diag_indices(3)] = sigma[one.parts] ** 2
        covariance[np.ix_(one.parts, one.parts)] = block
    summing = np.vstack([np.eye(6), [[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]])
    weight = np.linalg.inv(covariance)
    bottom = np.linalg.solve(summing.T @ weight @ summing, summing.T @ weight @ mean)
    assert agreed(mean, sigma, sums) == pytest.approx(summing @ bottom)


def test_three_levels_agree_at_once_and_what_is_known_counts() -> None:
    sums = [Sum(total=2, parts=np.array([0, 1])), Sum(total=4, parts=np.array([2, 3]), known=100.0)]
    found = agreed(np.array([10.0, 12.0, 30.0, 28.0, 190.0]), np.ones(5), sums)
    assert found[2] == pytest.approx(found[0] + found[1])
    assert found[4] == pytest.approx(100 + found[2] + found[3])


def test_nothing_becomes_negative_and_the_sums_hold_even_so() -> None:
    found = agreed(np.array([0.1, 30.0, 5.0]), np.array([20.0, 1.0, 1.0]), [DAY])
    assert (found >= 0).all()
    assert found[2] == pytest.approx(found[0] + found[1])


def test_a_month_whose_days_are_all_over_is_what_came() -> None:
    found = agreed(np.array([500.0]), np.ones(1), [Sum(total=0, parts=np.array([], dtype=np.int64), known=420.0)])
    assert found == pytest.approx([420.0])


def test_quantiles_go_with_the_mean() -> None:
    told = forecast_of(days("2024-01-01", 1), np.array([[100.0]]))
    found = moved(told, np.array([[110.0]]))
    assert found.mean[0, 0] == 110
    assert found.quantiles == pytest.approx(told.quantiles * 1.1)


def test_where_nothing_was_expected_the_quantiles_are_shifted() -> None:
    told = forecast_of(days("2024-01-01", 1), np.array([[0.0]]))
    assert moved(told, np.array([[2.0]])).quantiles == pytest.approx(2.0)


def test_deviations_come_from_the_middle_and_are_no_smaller_than_poisson() -> None:
    told = forecast_of(days("2024-01-01", 1), np.array([[400.0]]), spread=3.0)
    assert deviation(told)[0, 0] == pytest.approx(60, rel=0.01)
    sure = forecast_of(days("2024-01-01", 1), np.array([[400.0]]), spread=0.01)
    assert deviation(sure)[0, 0] == pytest.approx(20, rel=0.01)


def test_a_sum_of_parts_that_err_together_is_less_sure() -> None:
    sigma = np.full(4, 3.0)
    assert deviation_of_sum(sigma, 0.0) == pytest.approx(6.0)
    assert deviation_of_sum(sigma, 1.0) == pytest.approx(12.0)
