"""Whatever the forecasts of the levels are, they agree afterwards."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.backtest.picks import stretched_quantiles
from forecast.horizons.reconcile import Sum, agreed
from forecast.models.base import LEVELS

counts = st.floats(0, 5_000, allow_nan=False)
spreads = st.floats(0.1, 500, allow_nan=False)
shares = st.floats(0, 1)


@st.composite
def hierarchies(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[Sum]]:
    """Some days of some slots, in one month of which something is known."""
    days, width = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    total = days * width + days + 1
    mean = np.array(draw(st.lists(counts, min_size=total, max_size=total)))
    sigma = np.array(draw(st.lists(spreads, min_size=total, max_size=total)))
    first_day = days * width
    sums = [
        Sum(total=first_day + day, parts=np.arange(day * width, (day + 1) * width), together=draw(shares))
        for day in range(days)
    ]
    sums.append(
        Sum(total=total - 1, parts=np.arange(first_day, first_day + days), known=draw(counts), together=draw(shares))
    )
    return mean, sigma, sums


@given(hierarchies())
@settings(max_examples=200, deadline=None)
def test_parts_sum_to_their_total_and_nothing_is_negative(hierarchy: tuple[np.ndarray, np.ndarray, list[Sum]]) -> None:
    mean, sigma, sums = hierarchy
    found = agreed(mean, sigma, sums)
    assert (found >= 0).all()
    for one in sums:
        assert np.isclose(found[one.total], one.known + found[one.parts].sum(), rtol=1e-9, atol=1e-6)


@given(hierarchies())
@settings(max_examples=100, deadline=None)
def test_what_agrees_already_is_left_alone(hierarchy: tuple[np.ndarray, np.ndarray, list[Sum]]) -> None:
    mean, sigma, sums = hierarchy
    for one in sums:
        mean[one.total] = one.known + mean[one.parts].sum()
    assert np.allclose(agreed(mean, sigma, sums), mean, rtol=1e-9, atol=1e-6)


@given(
    st.lists(st.floats(0, 1e6), min_size=len(LEVELS), max_size=len(LEVELS)).map(sorted),
    st.lists(st.floats(0.4, 3), min_size=len(LEVELS), max_size=len(LEVELS)),
)
@settings(max_examples=200, deadline=None)
def test_stretched_quantiles_ascend_and_are_not_negative(levels: list[float], by: list[float]) -> None:
    found = stretched_quantiles(np.array(levels).reshape(-1, 1, 1), tuple(by))
    assert (found >= 0).all()
    assert (np.diff(found, axis=0) >= 0).all()
