"""The connect rate by every formula, on the example of the ICMI."""

import pytest

from crm.kpi import QueueCounts, connect_rates, identity_gap, total_counts

EXAMPLE = QueueCounts(
    offered=1070,
    answered=1000,
    abandoned=60,
    flowed_out=10,
    answered_in_threshold=860,
    abandoned_in_threshold=20,
    short_abandoned=10,
)


@pytest.mark.parametrize(
    ("formula", "percent"),
    [
        ("A", 86.0),
        ("B", 81.1),
        ("C", 82.7),
        ("D", 83.0),
        ("E", 82.1),
        ("F-flow", 80.4),
        ("F-short", 81.9),
        ("G", 80.4),
    ],
)
def test_each_formula_gives_its_published_value(formula: str, percent: float) -> None:
    rates = {r.id: r.value for r in connect_rates(EXAMPLE)}
    assert round(100 * (rates[formula] or 0), 1) == percent


def test_the_default_comes_first_and_says_its_formula() -> None:
    rate = connect_rates(EXAMPLE)[0]
    assert (rate.id, rate.formula) == ("B", "answered <= T / (answered + abandoned)")


def test_nothing_offered_is_no_rate_not_zero() -> None:
    assert {r.value for r in connect_rates(QueueCounts())} == {None}


def test_counts_of_queues_add_up() -> None:
    assert total_counts([EXAMPLE, EXAMPLE]).answered == 2000
    assert identity_gap(EXAMPLE) == 0
    assert identity_gap(QueueCounts(offered=3, answered=1)) == 2
