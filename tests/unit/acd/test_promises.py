"""When an announced range was kept, and when ranges may be said."""

import pytest

from acd.estimates.promises import CLOSES_BELOW, ENOUGH, OPENS_AT, Gate
from hotline.ranges import Promise, Result


@pytest.mark.parametrize(
    ("waited", "answered", "result"),
    [
        (60, True, "early"), (119.9, True, "early"), (120, True, "kept"), (300, True, "kept"), (300.1, True, "late"),
        (60, False, None), (300, False, None), (301, False, "late"),
    ],
)  # fmt: skip
def test_a_promise_is_kept_up_to_its_upper_end(waited: float, answered: bool, result: Result | None) -> None:
    assert Promise(1000.0, 120.0, 300.0).judge(1000.0 + waited, answered=answered) == result


def given(gate: Gate, *results: Result) -> bool:
    for result in results:
        gate.add(result)
    return gate.is_open


def test_nothing_is_said_before_enough_was_measured() -> None:
    gate = Gate()
    assert not given(gate, *["kept"] * (int(ENOUGH) - 1))
    assert given(gate, "kept")


def test_to_open_takes_more_than_to_stay_open() -> None:
    gate = Gate()
    given(gate, *["kept"] * 40)
    while gate.score.kept >= OPENS_AT:
        assert given(gate, "late")
    assert gate.is_open, "between the two limits it stays as it was"
    while gate.score.kept >= CLOSES_BELOW:
        given(gate, "late")
    assert not gate.is_open
    while gate.score.kept < OPENS_AT:
        assert not gate.is_open
        given(gate, "kept")
    assert gate.is_open


def test_ranges_that_are_always_far_too_long_are_not_said_either() -> None:
    gate = Gate()
    assert not given(gate, *["early"] * 100)
    assert gate.score.kept == 1.0
    assert given(gate, *["kept"] * 30)
    assert not given(gate, *["early"] * 150)


def test_old_results_are_forgotten() -> None:
    gate = Gate()
    given(gate, *["late"] * 10_000)
    assert given(gate, *["kept"] * 200)
