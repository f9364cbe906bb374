"""Erlang B, C and A in arrays: against the scalar formulas, tables, another program, a chain of states and a played line."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.staffing.erlang import erlang_b, erlang_c, guess_of, least, lines, log_erlang_b
from hotline import erlang as scalar
from tests.unit.forecast.staffing.queue_line import played

KINDS = ("waits", "asa_s", "wait_s", "abandoned", "occupancy", "answered_within")


@given(
    load=st.floats(0.05, 400),
    ratio=st.floats(0.4, 2.0),
    service_s=st.floats(20, 900),
    patience_s=st.floats(20, 3_000),
    threshold_s=st.sampled_from([0.0, 5.0, 20.0, 60.0, 300.0]),
)
@settings(max_examples=60, deadline=None)
def test_arrays_say_what_the_scalar_formulas_of_the_router_say(load, ratio, service_s, patience_s, threshold_s):
    agents = max(1, round(load * ratio))
    ours = lines(load=load, agents=agents, service_s=service_s, threshold_s=threshold_s, patience_s=patience_s)
    theirs = scalar.with_patience(
        arrivals=load / service_s, service_s=service_s, agents=agents, patience_s=patience_s, threshold_s=threshold_s
    )
    for kind in KINDS:
        assert float(getattr(ours, kind)) == pytest.approx(getattr(theirs, kind), rel=2e-4, abs=2e-5), kind
    if load < agents:
        endless = lines(load=load, agents=agents, service_s=service_s, threshold_s=threshold_s)
        plain = scalar.without_patience(
            arrivals=load / service_s, service_s=service_s, agents=agents, threshold_s=threshold_s
        )
        for kind in KINDS:
            assert float(getattr(endless, kind)) == pytest.approx(getattr(plain, kind), rel=1e-8, abs=1e-12), kind


def test_erlang_b_is_that_of_the_published_tables():
    """Loads in erlangs at 1 % and 2 % loss: the tables of R. F. Rey (ed.), Engineering and Operations in the Bell System, 2nd ed. 1983, and others."""
    agents = np.array([5, 10, 20, 50, 100])
    assert erlang_b([1.361, 4.461, 12.03, 37.90, 84.06], agents) == pytest.approx(0.01, rel=3e-3)
    assert erlang_b([1.657, 5.084, 13.18, 40.26, 87.97], agents) == pytest.approx(0.02, rel=3e-3)


def test_erlang_c_is_that_of_a_published_table():
    """P. Stavroulakis (ed.), Terrestrial Trunked Radio - TETRA, 2007, table C: 8 channels delay 5 % at 3.87 erlangs, 10 delay 1 % at 4.08."""
    assert erlang_c([3.87, 4.08], [8, 10]) == pytest.approx([0.05, 0.01], rel=0.01)


def test_erlang_a_is_that_of_the_example_of_garnett_mandelbaum_and_reiman():
    """M&SOM 4 (2002), table 1: 50 agents, 48 calls a minute of one minute each; without abandonment and with a mean patience of two minutes."""
    patient = lines(load=48, agents=50, service_s=60, threshold_s=58.1)
    assert (round(float(patient.asa_s), 1), round(float(patient.occupancy), 2)) == (20.8, 0.96)
    assert float(patient.answered_within) == pytest.approx(0.9, abs=0.001)
    impatient = lines(load=48, agents=50, service_s=60, threshold_s=12.5, patience_s=120)
    assert (round(float(impatient.abandoned), 3), round(float(impatient.wait_s), 1)) == (0.031, 3.7)
    assert round(float(impatient.occupancy), 2) == 0.93


def test_erlang_c_agrees_with_pyworkforce():
    """In a process of its own: it loads ortools, beside which HiGHS cannot live."""
    cases = [
        (100, 3.0, 20 / 60, 0.8),
        (40, 5.0, 0.5, 0.9),
        (1_000, 4.0, 0.5, 0.8),
        (12, 3.5, 1.0, 0.7),
        (5_000, 2.5, 0.25, 0.85),
    ]
    program = (
        "import json, sys; from pyworkforce.queuing import ErlangC\n"
        "print(json.dumps([ErlangC(transactions=n, aht=a, asa=w, interval=30).required_positions(service_level=s)"
        " for n, a, w, s in json.loads(sys.argv[1])]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(cases)], capture_output=True, text=True, check=True
    )
    for (calls, aht_min, wait_min, share), theirs in zip(cases, json.loads(done.stdout), strict=True):
        load, agents = calls / 30 * aht_min, theirs["raw_positions"]
        ours = lines(load=load, agents=[agents - 1, agents], service_s=aht_min * 60, threshold_s=wait_min * 60)
        assert ours.answered_within[1] == pytest.approx(theirs["service_level"], rel=1e-9)
        assert ours.waits[1] == pytest.approx(theirs["waiting_probability"], rel=1e-9)
        assert ours.answered_within[0] < share <= ours.answered_within[1]


@pytest.mark.parametrize("patience_s", [15.0, 120.0, 1_000.0])
@pytest.mark.parametrize("agents", [1, 7, 60, 300])
def test_erlang_a_agrees_with_the_chain_of_its_states(agents, patience_s):
    for ratio in (0.5, 0.95, 1.3):
        load, service_s = agents * ratio, 200.0
        ahead = np.arange(agents + 4_000)
        rate_out = np.minimum(ahead[1:], agents) / service_s + np.maximum(ahead[1:] - agents, 0) / patience_s
        log_share = np.concatenate(([0.0], np.cumsum(np.log(load / service_s / rate_out))))
        share = np.exp(log_share - log_share.max())
        share /= share.sum()
        found = lines(load=load, agents=agents, service_s=service_s, threshold_s=20, patience_s=patience_s)
        assert float(found.waits) == pytest.approx(share[agents:].sum(), abs=1e-6)
        line = (np.maximum(ahead - agents, 0) * share).sum()
        assert float(found.wait_s) == pytest.approx(line * service_s / load, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(("agents", "patience_s"), [(6, float("inf")), (18, float("inf")), (5, 90.0), (16, 240.0)])
def test_formulas_agree_with_a_played_line(agents, patience_s):
    service_s, load = 180.0, agents * (0.85 if patience_s == float("inf") else 1.02)
    seen = played(
        rates=[load / service_s] * 100, step_s=14_000.0 / load * 18, agents=agents, service=lambda luck: luck.expovariate(1 / service_s),
        patience_s=patience_s, threshold_s=30, seed=7, begin=2,
    )  # fmt: skip
    found = lines(load=load, agents=agents, service_s=service_s, threshold_s=30, patience_s=patience_s)
    assert seen["answered_within"] == pytest.approx(float(found.answered_within), abs=0.015)
    assert seen["abandoned"] == pytest.approx(float(found.abandoned), abs=0.01)
    assert seen["asa_s"] == pytest.approx(float(found.asa_s), rel=0.08)
    assert seen["wait_s"] == pytest.approx(float(found.wait_s), rel=0.08)


def test_longer_tails_of_calls_lengthen_waits_as_allen_and_cunneen_say():
    service_s, agents, load, cv = 180.0, 10, 8.5, 1.5
    shape = 1 / cv**2
    seen = played(
        rates=[load / service_s] * 100, step_s=40_000.0, agents=agents, service=lambda luck: luck.gammavariate(shape, service_s / shape),
        patience_s=float("inf"), threshold_s=60, seed=3, begin=2,
    )  # fmt: skip
    plain = lines(load=load, agents=agents, service_s=service_s, threshold_s=60)
    longer = lines(load=load, agents=agents, service_s=service_s, threshold_s=60, cv=cv)
    assert float(longer.asa_s) == pytest.approx(seen["asa_s"], rel=0.1)
    assert float(longer.asa_s) > 1.5 * float(plain.asa_s)
    assert float(longer.answered_within) == pytest.approx(seen["answered_within"], abs=0.02)


@pytest.mark.parametrize("load", [1e-9, 1.0, 700.0, 49_900.0, 50_000.0, 120_000.0, 1e7])
@pytest.mark.parametrize("agents", [0, 1, 10, 1_000, 50_000])
def test_every_load_and_number_of_agents_gives_shares(load, agents):
    for patience_s in (30.0, 300.0, float("inf")):
        found = lines(load=load, agents=agents, service_s=180, threshold_s=20, patience_s=patience_s)
        for kind in ("waits", "abandoned", "occupancy", "answered_within"):
            assert 0 <= float(getattr(found, kind)) <= 1 + 1e-12, kind
        assert float(found.asa_s) >= 0
        assert float(found.wait_s) >= 0
    assert float(log_erlang_b(load, agents)) <= 0


def test_far_overload_loses_what_the_agents_cannot_carry():
    assert float(erlang_b(120_000, 1_000)) == pytest.approx(scalar.erlang_b(120_000, 1_000), rel=1e-12)
    assert float(
        lines(load=1_000, agents=100, service_s=180, threshold_s=20, patience_s=300).abandoned
    ) == pytest.approx(0.9, abs=1e-9)


def test_nobody_calling_waits_for_nobody_and_without_agents_everybody_gives_up():
    quiet = lines(load=[0.0, 0.0], agents=[0, 3], service_s=180, threshold_s=20, patience_s=300)
    assert quiet.answered_within.tolist() == [1.0, 1.0]
    assert quiet.abandoned.tolist() == quiet.occupancy.tolist() == quiet.asa_s.tolist() == [0.0, 0.0]
    alone = lines(load=2.0, agents=0, service_s=180, threshold_s=20, patience_s=300)
    assert (float(alone.abandoned), float(alone.answered_within), float(alone.wait_s)) == (1.0, 0.0, 300.0)


def test_without_patience_a_line_beyond_the_agents_grows_for_ever():
    found = lines(load=[10.0, 12.0], agents=10, service_s=180, threshold_s=20)
    assert found.answered_within.tolist() == [0.0, 0.0]
    assert np.isinf(found.asa_s).all()
    assert found.occupancy.tolist() == [1.0, 1.0]


@given(
    st.lists(st.floats(0.01, 3_000), min_size=1, max_size=20),
    st.floats(0.3, 0.99),
    st.sampled_from([60.0, 400.0, np.inf]),
)
@settings(max_examples=25, deadline=None)
def test_the_search_finds_the_least_number_for_every_load(loads, share, patience_s):
    load = np.array(loads)

    def level(which, agents):
        return lines(
            load=load[which], agents=agents, service_s=200, threshold_s=20, patience_s=patience_s
        ).answered_within

    everybody = np.arange(len(load))
    found = least(lambda which, agents: level(which, agents) >= share, guess_of(load))
    assert (level(everybody, found) >= share).all()
    assert (level(everybody, found - 1) < share)[found > 0].all()


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(-5, 80)), min_size=1, max_size=30), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_the_search_keeps_to_its_bounds_whatever_the_guess(pairs, floor):
    answers, guesses = np.array(pairs).T
    asked = 0

    def enough(which, agents):
        nonlocal asked
        asked += 1
        assert ((floor <= agents) & (agents <= 50)).all()
        return agents >= answers[which]

    found = least(enough, guesses, floor=floor, most=50)
    assert found.tolist() == np.where(answers > 50, 51, np.maximum(answers, floor)).tolist()
    assert asked <= 16
