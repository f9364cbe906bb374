"""The connect rate by every formula, on the example of the ICMI that the metrics page quotes."""

import pytest

from hotline.kpi import (
    DEFAULT_FORMULA,
    FORMULAS,
    REPORTED,
    Definition,
    Formula,
    QueueCounts,
    Switches,
    connect_rates,
    genesys,
    identity_gap,
)

# answered 1000 (860 within 20 s), abandoned 60: 20 within 20 s (10 of them within 5 s), 40 later
ICMI = QueueCounts(
    offered=1070,
    answered=1000,
    abandoned=60,
    flowed_out=10,
    answered_in_threshold=860,
    abandoned_in_threshold=20,
    short_abandoned=10,
)


# --- counts ------------------------------------------------------------------------------------------------------------


def test_counts_of_queues_add_up() -> None:
    assert sum([ICMI, ICMI], QueueCounts()).answered == 2000
    assert QueueCounts(**{f: 2 * getattr(ICMI, f) for f in ICMI.__struct_fields__}) == ICMI + ICMI


def test_the_identity_gap_is_what_offered_has_too_much() -> None:
    assert identity_gap(ICMI) == 0
    assert identity_gap(QueueCounts(offered=3, answered=1)) == 2
    assert identity_gap(ICMI + QueueCounts(offered=5, waiting=5)) == 0


# --- formulas ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("formula", "percent"), [("A", 86.0), ("B", 81.1), ("C", 82.7), ("D", 83.0), ("E", 82.1)])
def test_icmi_example(formula: Formula, percent: float) -> None:
    rate = FORMULAS[formula].rate(ICMI)
    assert rate is not None
    assert round(rate * 100, 1) == percent


def test_f_counts_flow_outs_and_leaves_short_abandons_out() -> None:
    assert FORMULAS["F"].rate(ICMI) == 860 / (1000 + 50 + 10)


@pytest.mark.parametrize(
    ("switches", "below", "words"),
    [
        (Switches(flowed_out=False), 1050, "answered + abandoned > S"),
        (Switches(abandoned=False), 1010, "answered + flowed out"),
        (Switches(short_abandoned=True), 1070, "answered + abandoned + flowed out"),
        (Switches(flowed_out=False, abandoned=False, short_abandoned=True), 1000, "answered"),
    ],
)
def test_f_has_switches_and_says_how_they_stand(switches: Switches, below: int, words: str) -> None:
    f = genesys(switches)
    assert f.rate(ICMI) == 860 / below
    assert f.text == f"answered <= T / ({words})"


def test_g_divides_by_everybody_who_entered_those_still_waiting_too() -> None:
    assert FORMULAS["G"].rate(ICMI + QueueCounts(offered=5)) == 860 / 1075


@pytest.mark.parametrize("definition", [*FORMULAS.values(), *REPORTED.values()])
def test_without_callers_there_is_no_rate(definition: Definition) -> None:
    assert definition.rate(QueueCounts()) is None


def test_b_is_the_default_and_every_formula_can_be_printed() -> None:
    assert DEFAULT_FORMULA == "B"
    assert "".join(FORMULAS) == "ABCDEFG"
    assert all(d.text.startswith(("answered", "(answered")) and d.used_by for d in FORMULAS.values())


# --- a report ----------------------------------------------------------------------------------------------------------


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
def test_a_report_gives_each_formula_its_published_value(formula: str, percent: float) -> None:
    rates = {r.id: r.value for r in connect_rates(ICMI)}
    assert round(100 * (rates[formula] or 0), 1) == percent


def test_a_report_begins_with_the_default_and_says_its_formula() -> None:
    rate = connect_rates(ICMI)[0]
    assert (rate.id, rate.formula) == ("B", "answered <= T / (answered + abandoned)")


def test_nothing_offered_is_no_rate_not_zero() -> None:
    assert {r.value for r in connect_rates(QueueCounts())} == {None}
