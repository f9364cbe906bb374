"""Whether the router's expected waits come true on simulated days: the bench `expected_wait`, in small."""

import pytest

from tests.bench.expected_wait import LOADS, OFF, measure


def test_half_of_the_waits_are_below_p50_and_nine_of_ten_below_p90() -> None:
    load = next(load for load in LOADS if "too few by a fifth" in load.name)
    found = measure(load, hours=8, days=2)
    assert found.waits > 60
    assert found.below_p50 / found.waits == pytest.approx(0.5, abs=OFF)
    assert found.below_p90 / found.waits == pytest.approx(0.9, abs=OFF)
    assert found.announced == found.said.total(), "everybody who waited was told a range"


def test_what_cannot_be_estimated_is_not_said_so_that_what_is_said_stays_true() -> None:
    load = next(load for load in LOADS if not load.known)
    found = measure(load, hours=14, days=2)
    assert found.unsaid.total() > 50
    assert found.kept is not None
    assert found.kept > 0.8 > found.would_be_kept
