"""Handling times, patience and redials, against numbers that are known."""

import numpy as np
import pytest

from forecast.series import handling, patience
from forecast.series.calls import Calls
from forecast.series.redials import DialledAgain, redials


def test_handling_times_of_a_lognormal_are_found_again() -> None:
    drawn = np.random.default_rng(1).lognormal(4.61, 1.22, 20_000)
    got = handling.measure(drawn)
    assert got is not None
    assert got.log_mean == pytest.approx(4.61, abs=0.03)
    assert got.log_sd == pytest.approx(1.22, abs=0.03)
    assert got.misfit < 0.01
    assert got.lognormal_mean_s == pytest.approx(got.mean_s, rel=0.05)
    assert got.error_s == pytest.approx(got.mean_s * got.cv / np.sqrt(20_000))


def test_handling_times_that_are_not_lognormal_misfit() -> None:
    two_kinds = np.concatenate([np.full(500, 5.0), np.full(500, 300.0)])
    got = handling.measure(two_kinds)
    assert got is not None
    assert got.misfit > 0.2
    assert got.share_short == 0.5


def test_unknown_and_empty_handling_times_are_skipped_and_few_tell_nothing() -> None:
    assert handling.measure(np.array([np.nan, 0.0, -1.0] * 20 + [60.0] * 29)) is None
    got = handling.measure(np.array([np.nan] * 20 + [60.0] * 30))
    assert got is not None
    assert (got.calls, got.mean_s, got.cv, got.misfit) == (30, 60, 0, 0)


def test_a_conversation_that_nobody_ended_does_not_spoil_the_mean() -> None:
    got = handling.measure(np.array([100.0] * 99 + [10 * 86_400.0]))
    assert got is not None
    assert got.mean_s < 250


def test_slots_with_few_calls_are_drawn_to_the_mean_of_all() -> None:
    times, slot = np.array([100.0] * 500 + [300.0]), np.array([0] * 500 + [1])
    got = handling.by_slot(times, slot, 3, worth=50)
    assert got[0] == pytest.approx(100, abs=0.1)
    assert 100 < got[1] < 110
    assert got[2] == pytest.approx(times.mean())
    assert np.isnan(handling.by_slot(np.array([np.nan]), np.array([0]), 3)).all()


def waits(mean_s: float, offered_s: float, size: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    ready, until_served = rng.exponential(mean_s, size), rng.exponential(offered_s, size)
    return np.minimum(ready, until_served), ready < until_served


def test_patience_is_found_although_most_are_answered() -> None:
    wait_s, gave_up = waits(347.0, 60.0)
    got = patience.measure(wait_s, gave_up)
    assert got is not None
    assert got.low_s < 347 < got.high_s
    assert got.misfit < 0.05
    assert wait_s[gave_up].mean() < 60  # what the naive mean would say


def test_short_abandons_are_told_apart() -> None:
    wait_s, gave_up = waits(347.0, 60.0)
    with_short = np.concatenate([wait_s, np.full(3_000, 2.0)]), np.concatenate([gave_up, np.ones(3_000, dtype=bool)])
    got, plain = patience.measure(*with_short), patience.measure(wait_s, gave_up)
    assert got is not None
    assert plain is not None
    assert got.short_abandons == plain.short_abandons + 3_000
    assert got.mean_s == plain.mean_s


def test_patience_that_is_not_exponential_misfits() -> None:
    rng = np.random.default_rng(3)
    ready, until_served = np.full(5_000, 120.0), rng.exponential(200.0, 5_000)
    got = patience.measure(np.minimum(ready, until_served), ready < until_served)
    assert got is not None
    assert got.misfit > 0.2
    assert got.median_s == pytest.approx(120)


def test_few_abandons_tell_nothing() -> None:
    assert patience.measure(np.full(100, 30.0), np.arange(100) < 19) is None
    assert patience.from_sums(600.0, 19) is None
    assert patience.from_sums(6_000.0, 20) == 300


def test_the_survivors_are_those_of_the_textbook() -> None:
    """Kaplan and Meier's own example: deaths at 0.8, 3.1, 5.4, 9.2; losses at 1.0, 2.7, 7.0, 12.1."""
    times = np.array([0.8, 1.0, 2.7, 3.1, 5.4, 7.0, 9.2, 12.1])
    died = np.array([True, False, False, True, True, False, True, False])
    at, survival, at_risk = patience.survivors(times, died)
    assert at.tolist() == [0.8, 3.1, 5.4, 9.2]
    assert survival == pytest.approx([7 / 8, 7 / 10, 21 / 40, 21 / 80])
    assert at_risk.tolist() == [8, 5, 4, 2]


def calls(rows: list[tuple[float, float, bool, str]]) -> Calls:
    entered = np.datetime64("2026-03-02T09:00:00") + np.array([int(r[0]) for r in rows]).astype("timedelta64[s]")
    return Calls(
        entered=entered,
        wait_s=np.array([r[1] for r in rows]),
        handled_s=np.full(len(rows), np.nan),
        abandoned=np.array([r[2] for r in rows]),
        callers=tuple(r[3] for r in rows),
    )


def test_who_gave_up_and_calls_again_soon_is_a_redial() -> None:
    rows = [
        (0, 60, True, "138"),
        (100, 30, True, "138"),  # again, and gives up again
        (200, 10, False, "138"),  # again, and is served
        (300, 10, False, "138"),  # another matter
        (400, 10, True, ""),
        (410, 10, False, ""),  # whoever that is
        (500, 10, True, "139"),
        (500 + 10 + 1_801, 10, False, "139"),  # much later
    ]
    assert redials(calls(rows)).tolist() == [False, True, True, False, False, False, False, False]
    assert redials(calls(rows), window_s=3_600).tolist()[-1]


def test_redials_are_those_of_the_same_queue() -> None:
    rows = [(0, 60, True, "138"), (100, 10, False, "138")]
    assert redials(calls(rows), queues=("sales", "service")).tolist() == [False, False]


def test_one_after_another_gives_the_same_redials() -> None:
    rng = np.random.default_rng(4)
    rows = [(float(n * 7), 5.0, bool(rng.random() < 0.4), f"13{rng.integers(60)}") for n in range(2_000)]
    again = DialledAgain()
    found = []
    for at, wait, gave_up, number in rows:
        found.append(again.is_again("q", number, at))
        if gave_up:
            again.gave_up("q", number, at + wait)
    assert found == redials(calls(rows)).tolist()
    assert any(found)
