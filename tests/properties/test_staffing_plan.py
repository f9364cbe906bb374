"""Whatever is forecast and asked for: a plan meets every target, with one agent less it would not, and asking for more never takes fewer."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.models.base import LEVELS, Forecast
from forecast.staffing.plan import Staffing, plan, reached
from forecast.staffing.rules import Rules, Targets, Work

MEET = 1e-6

works = st.builds(
    Work,
    handling_s=st.floats(20, 1_200),
    handling_cv=st.floats(0, 2),
    patience_s=st.one_of(st.just(float("inf")), st.floats(20, 2_000)),
)


@st.composite
def targets(draw: st.DrawFn, work: Work) -> Targets:
    impatient = work.patience_s < float("inf")
    chosen = draw(
        st.lists(st.sampled_from(("share", "wait_s", "occupancy", *(["abandoned"] if impatient else []))), min_size=1)
    )
    limits = {
        "share": st.floats(0.3, 0.97),
        "wait_s": st.floats(2, 200),
        "occupancy": st.floats(0.3, 0.95),
        "abandoned": st.floats(0.005, 0.3),
    }
    given_limits = {name: draw(limits[name]) for name in chosen}
    return Targets(**{"share": None, **given_limits}, threshold_s=draw(st.sampled_from([0.0, 20.0, 60.0])))


@st.composite
def forecasts(draw: st.DrawFn) -> Forecast:
    mean = np.array([draw(st.lists(st.one_of(st.just(0.0), st.floats(0.01, 800)), min_size=1, max_size=4))])
    factors = np.cumsum([draw(st.floats(0, 0.4)) for _ in LEVELS])
    quantiles = mean * factors[:, None, None]
    step = draw(st.sampled_from([5, 15, 30, 60]))
    starts = tuple(480 + step * n for n in range(mean.shape[1]))
    return Forecast(
        periods=np.array(["2026-03-02"], dtype="datetime64[D]"),
        mean=mean,
        quantiles=quantiles,
        starts_min=starts,
        step_min=step,
    )


@st.composite
def asked(draw: st.DrawFn) -> tuple[Forecast, Rules]:
    work = draw(works)
    return draw(forecasts()), Rules(work=work, targets=draw(targets(work)), least_agents=draw(st.integers(0, 3)))


def misses(forecast: Forecast, rules: Rules, agents: np.ndarray) -> np.ndarray:
    """Where a target is not met."""
    levels, wanted = reached(forecast, rules, agents), rules.targets
    missed = np.zeros(agents.shape, dtype=bool)
    if wanted.share is not None:
        missed |= levels.service_level < wanted.share - MEET
    if wanted.wait_s is not None:
        missed |= levels.asa_s > wanted.wait_s + MEET
    if wanted.occupancy is not None:
        missed |= levels.occupancy > wanted.occupancy + MEET
    if wanted.abandoned is not None:
        missed |= levels.abandoned > wanted.abandoned + MEET
    return missed


def sound(made: Staffing, rules: Rules) -> None:
    assert (rules.least_agents <= made.agents).all()
    assert ((made.low <= made.agents) & (made.agents <= made.high)).all()
    for share in (made.expected.service_level, made.expected.abandoned, made.expected.occupancy):
        assert ((share >= -MEET) & (share <= 1 + MEET)).all()


@given(asked())
@settings(max_examples=120, deadline=None)
def test_a_plan_meets_every_target_and_one_agent_less_would_not(case: tuple[Forecast, Rules]) -> None:
    forecast, rules = case
    made = plan(forecast, rules)
    sound(made, rules)
    assert not misses(forecast, rules, made.agents).any()
    decided = (made.agents > rules.least_agents).ravel()
    fewer = misses(forecast, replace(rules, targets=tightened(rules.targets)), np.maximum(made.agents - 1, 0)).ravel()
    assert fewer[decided].all()
    assert ((made.decided_by.ravel() == "least") == ~decided).all()


def tightened(wanted: Targets) -> Targets:
    """Return targets that are stricter by the last digits: what is missed by nothing is missed."""
    return replace(
        wanted,
        share=None if wanted.share is None else wanted.share + 2 * MEET,
        wait_s=None if wanted.wait_s is None else wanted.wait_s - 2 * MEET,
        occupancy=None if wanted.occupancy is None else wanted.occupancy - 2 * MEET,
        abandoned=None if wanted.abandoned is None else wanted.abandoned - 2 * MEET,
    )


@given(asked(), st.floats(1.0, 2.0))
@settings(max_examples=60, deadline=None)
def test_more_calls_never_need_fewer_agents(case: tuple[Forecast, Rules], times: float) -> None:
    forecast, rules = case
    assert (plan(forecast, replace(rules, volumes=times)).agents >= plan(forecast, rules).agents).all()


@given(asked(), st.floats(0.0, 0.5))
@settings(max_examples=60, deadline=None)
def test_a_stricter_target_never_needs_fewer_agents(case: tuple[Forecast, Rules], part: float) -> None:
    forecast, rules = case
    wanted = rules.targets
    strict = replace(
        wanted,
        share=None if wanted.share is None else wanted.share + (0.99 - wanted.share) * part,
        wait_s=None if wanted.wait_s is None else wanted.wait_s * (1 - part),
        occupancy=None if wanted.occupancy is None else wanted.occupancy * (1 - part),
        abandoned=None if wanted.abandoned is None else wanted.abandoned * (1 - part),
    )
    assert (plan(forecast, replace(rules, targets=strict)).agents >= plan(forecast, rules).agents).all()
