"""The connect-rate formulas, checked with the example of ICMI that docs and KPI page quote."""

import pytest

from metrics.kpi import FORMULA_TEXT, FORMULAS, Counts, Formula, Switches, connect_rate

# answered 1000 (860 within 20 s), abandoned 60: 20 within 20 s (10 of them within 5 s), 40 later
ICMI = Counts(
    entered=1070, answered=1000, answered_in_t=860, abandoned=60, abandoned_in_t=20, abandoned_short=10, flowed_out=10
)


@pytest.mark.parametrize(("formula", "percent"), [("A", 86.0), ("B", 81.1), ("C", 82.7), ("D", 83.0), ("E", 82.1)])
def test_icmi_example(formula: Formula, percent: float) -> None:
    rate = connect_rate(ICMI, formula)
    assert rate is not None
    assert round(rate * 100, 1) == percent


def test_f_counts_flow_outs_and_leaves_short_abandons_out() -> None:
    assert connect_rate(ICMI, "F") == 860 / (1000 + 50 + 10)


@pytest.mark.parametrize(
    ("switches", "below"),
    [
        (Switches(flowed_out=False), 1050),
        (Switches(abandoned=False), 1010),
        (Switches(short_abandoned=True), 1070),
        (Switches(flowed_out=False, abandoned=False, short_abandoned=True), 1000),
    ],
)
def test_f_has_switches(switches: Switches, below: int) -> None:
    assert connect_rate(ICMI, "F", switches) == 860 / below


def test_g_divides_by_everybody_who_entered_those_still_waiting_too() -> None:
    assert connect_rate(ICMI + Counts(entered=5), "G") == 860 / 1075


@pytest.mark.parametrize("formula", FORMULAS)
def test_without_callers_there_is_no_rate(formula: Formula) -> None:
    assert connect_rate(Counts(), formula) is None


def test_b_is_the_default_and_every_formula_can_be_printed() -> None:
    assert connect_rate(ICMI) == connect_rate(ICMI, "B")
    assert set(FORMULA_TEXT) == set(FORMULAS)
