"""Waiting lines in closed form, against published values, against each other and against the balance of births and deaths."""

import pytest

from hotline.erlang import agents_needed, erlang_b, erlang_c, kingman, with_patience, without_patience
from hotline.errors import Misuse


@pytest.mark.parametrize(
    ("load", "agents", "blocked"),
    [(1, 1, 0.5), (2, 2, 0.4), (5, 5, 0.2849), (10, 10, 0.2146), (100, 110, 0.02746), (0, 3, 0)],
)
def test_erlang_b_is_that_of_the_tables(load: float, agents: int, blocked: float) -> None:
    assert erlang_b(load, agents) == pytest.approx(blocked, abs=5e-5)


@pytest.mark.parametrize(
    ("load", "agents", "waits"), [(0.5, 1, 0.5), (1, 2, 1 / 3), (8, 10, 0.4092), (10, 10, 1), (12, 10, 1)]
)
def test_erlang_c_is_that_of_the_tables(load: float, agents: int, waits: float) -> None:
    assert erlang_c(load, agents) == pytest.approx(waits, abs=5e-5)


def test_one_agent_is_the_textbook_queue() -> None:
    """M/M/1: the wait is load * service / (1 - load), and exponential for those who wait."""
    line = without_patience(arrivals=0.008, service_s=100, agents=1, threshold_s=50)
    assert line.wait_s == pytest.approx(0.8 * 100 / 0.2)
    assert line.answered_within == pytest.approx(1 - 0.8 * 2.718281828 ** (-0.002 * 50))


def births_and_deaths(arrivals: float, service_s: float, agents: int, patience_s: float) -> tuple[float, float, float]:
    """Return the share that waits, the share that hangs up and the mean wait, from the balance of each state."""
    weights = [1.0]
    for number in range(1, 2_000):
        weights.append(
            weights[-1] * arrivals / (min(number, agents) / service_s + max(number - agents, 0) / patience_s)
        )
    total = sum(weights)
    line = sum((number - agents) * weight for number, weight in enumerate(weights) if number > agents) / total
    return sum(weights[agents:]) / total, line / patience_s / arrivals, line / arrivals


@pytest.mark.parametrize(
    ("arrivals", "service_s", "agents", "patience_s"),
    [(0.05, 180, 8, 60), (0.5, 180, 95, 120), (2, 60, 90, 30), (0.01, 60, 3, 600)],
)
def test_erlang_a_is_the_balance_of_births_and_deaths(
    arrivals: float, service_s: float, agents: int, patience_s: float
) -> None:
    line = with_patience(arrivals=arrivals, service_s=service_s, agents=agents, patience_s=patience_s, threshold_s=20)
    assert (line.waits, line.abandoned, line.wait_s) == pytest.approx(
        births_and_deaths(arrivals, service_s, agents, patience_s), rel=1e-6
    )


def test_endless_patience_is_erlang_c() -> None:
    given = {"arrivals": 0.1, "service_s": 90, "agents": 11, "threshold_s": 15}
    patient = with_patience(**given, patience_s=1e7)
    assert patient.answered_within == pytest.approx(without_patience(**given).answered_within, abs=1e-4)
    assert patient.abandoned == pytest.approx(0, abs=1e-4)


def test_everybody_is_answered_within_a_long_enough_time_or_hangs_up() -> None:
    line = with_patience(arrivals=0.5, service_s=180, agents=80, patience_s=60, threshold_s=1e5)
    assert line.answered_within + line.abandoned == pytest.approx(1)


@pytest.mark.parametrize("load", [0.001, 30_000])
def test_no_load_is_too_small_or_too_great_to_be_computed(load: float) -> None:
    line = with_patience(arrivals=load / 300, service_s=300, agents=20_000, patience_s=60, threshold_s=20)
    assert 0 <= line.abandoned < 1
    assert 0 < line.answered_within <= 1


def test_less_varied_services_wait_half_as_long() -> None:
    given = {"arrivals": 0.01, "service_s": 60, "agents": 1, "arrival_cv": 1.0}
    assert kingman(**given, service_cv=0.0) == pytest.approx(kingman(**given, service_cv=1.0) / 2)


@pytest.mark.parametrize(("patience_s", "needed"), [(float("inf"), 124), (60, 102)])
def test_the_agents_needed_reach_the_target_and_one_less_does_not(patience_s: float, needed: int) -> None:
    given = {"arrivals": 2, "service_s": 60, "threshold_s": 20, "patience_s": patience_s}
    assert agents_needed(**given, target=0.8) == needed
    assert agents_needed(**given, target=0.999) > needed


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(Misuse, match="grow for ever"):
        without_patience(arrivals=1, service_s=60, agents=60, threshold_s=20)
    with pytest.raises(Misuse, match="at least one agent"):
        with_patience(arrivals=1, service_s=60, agents=0, patience_s=60, threshold_s=20)
    with pytest.raises(Misuse, match="patience"):
        with_patience(arrivals=1, service_s=60, agents=5, patience_s=0, threshold_s=20)
    with pytest.raises(Misuse, match="more than 50"):
        agents_needed(arrivals=2, service_s=60, threshold_s=20, target=0.8, most=50)
