"""Queues that share agents: between each by itself and one queue for all, and the simulation with the router agrees."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.models.base import LEVELS, Forecast
from forecast.staffing.crews import Kind, divided, groups, portions_of
from forecast.staffing.erlang import guess_of, least
from forecast.staffing.erlang import lines as erlang_lines
from forecast.staffing.measuring import Trial, crew_of, measured, real_root
from forecast.staffing.plan import plan
from forecast.staffing.pooling import Line, Point, as_one, pooling_at, together
from forecast.staffing.rates import NODES
from forecast.staffing.rules import Rules, Targets, Work
from hotline.ids import QueueId
from hotline.settings.queues import Queue
from hotline.wiring.sharing import Played

STEP_S = 1_800.0
ONE = [Point(load=10.0, pooling=1.0)]
NONE = [Point(load=10.0, pooling=0.0)]


def line(name: str, calls: Sequence[float], rules: Rules | None = None) -> Line:
    """A queue whose calls are known for sure, with the agents that Erlang asks for."""
    rules = rules or Rules(work=Work(handling_s=180, patience_s=240), least_agents=1)
    known = np.array(calls, dtype=float)
    work, asked = rules.work, rules.targets
    alone = least(
        lambda which, agents: erlang_lines(
            load=known[which] * work.handling_s / STEP_S, agents=agents, service_s=work.handling_s,
            threshold_s=asked.threshold_s, patience_s=work.patience_s,
        ).answered_within >= (asked.share or 0),
        guess_of(known * work.handling_s / STEP_S), floor=1,
    )  # fmt: skip
    return Line(name=name, rules=rules, calls=np.tile(known, (NODES, 1)), alone=alone, low=alone, high=alone)


def kind(queues: str, people: int) -> Kind:
    return Kind(queues=tuple(queues), people=people)


# --- Erlang's ends ---------------------------------------------------------------------------------------------------------


def test_two_queues_that_everybody_serves_need_what_one_queue_needs() -> None:
    calls = np.array([20.0, 60, 100, 240, 500])
    rules = Rules(work=Work(handling_s=180, patience_s=240), least_agents=1)
    whole = Forecast(
        periods=np.array(["2026-03-02"], dtype="datetime64[D]"), mean=calls[None], quantiles=np.tile(calls, (len(LEVELS), 1, 1)),
        starts_min=tuple(480 + 30 * n for n in range(len(calls))), step_min=30,
    )  # fmt: skip
    found = together([line("a", calls * 0.5), line("b", calls * 0.5)], ONE, STEP_S)
    assert found.agents.tolist() == plan(whole, replace(rules, carry_over=False)).agents[0].tolist()


def test_with_nothing_reached_each_queue_needs_what_it_needs_alone() -> None:
    ours = [line("a", [20, 60, 240]), line("b", [5, 90, 100])]
    found = together(ours, NONE, STEP_S)
    assert found.agents.tolist() == (ours[0].alone + ours[1].alone).tolist()
    assert found.portions.tolist() == [ours[0].alone.tolist(), ours[1].alone.tolist()]


@settings(max_examples=20, deadline=None)
@given(
    calls=st.lists(st.floats(1, 600), min_size=2, max_size=4),
    reached=st.lists(st.floats(0, 1), min_size=2, max_size=2, unique=True),
)
def test_more_pooling_never_needs_more_people(calls: list[float], reached: list[float]) -> None:
    ours = [line(f"q{n}", [calls_of]) for n, calls_of in enumerate(calls)]
    alone = int(sum(one.alone[0] for one in ours))
    some, more = (together(ours, [Point(load=1.0, pooling=p)], STEP_S) for p in sorted(reached))
    one = together(ours, ONE, STEP_S)
    assert one.as_one[0] == one.agents[0] <= more.agents[0] <= some.agents[0] <= alone
    assert some.portions.sum() == some.agents[0]


def test_an_interval_in_which_one_queue_is_open_needs_what_that_needs() -> None:
    open_, closed = line("a", [60.0]), line("b", [60.0])
    closed = replace(closed, calls=closed.calls * 0, alone=closed.alone * 0, low=closed.low * 0, high=closed.high * 0)
    found = together([open_, closed], ONE, STEP_S)
    assert found.portions[:, 0].tolist() == [open_.alone[0], 0]


def test_as_one_the_work_is_that_of_the_mixture() -> None:
    short = line("a", [100.0], Rules(work=Work(handling_s=100, patience_s=100)))
    long = line("b", [300.0], Rules(work=Work(handling_s=300, patience_s=300, handling_cv=0.5)))
    work = as_one([short, long]).rules.work
    assert work.handling_s == pytest.approx(250)
    assert work.patience_s == pytest.approx(1 / (0.25 / 100 + 0.75 / 300))
    second = 0.25 * 2 * 100**2 + 0.75 * 1.25 * 300**2
    assert work.handling_cv == pytest.approx(np.sqrt(second / 250**2 - 1))


def test_each_queue_keeps_its_own_target_and_others_take_the_strictest() -> None:
    strict = Rules(work=Work(handling_s=180, patience_s=240), targets=Targets(share=0.95, threshold_s=10, wait_s=5))
    lax = Rules(work=Work(handling_s=180, patience_s=240), targets=Targets(share=0.7, threshold_s=60, wait_s=30))
    ours = [line("a", [60.0], strict), line("b", [60.0], lax)]
    assert as_one(ours).rules.targets.wait_s == 5
    between = together(ours, ONE, STEP_S).agents[0]
    same = [together([line("a", [60.0], r), line("b", [60.0], r)], ONE, STEP_S).agents[0] for r in (lax, strict)]
    assert same[0] <= between <= same[1]


def test_the_pooling_of_a_load_lies_between_those_that_were_measured() -> None:
    points = [Point(load=30, pooling=0.8), Point(load=10, pooling=0.4)]
    assert pooling_at(points, np.array([1, 10, 20, 30, 99])).tolist() == pytest.approx([0.4, 0.4, 0.6, 0.8, 0.8])
    assert pooling_at([], np.array([5.0])).tolist() == [0]


# --- people ----------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 200), st.lists(st.integers(0, 50), min_size=1, max_size=6))
def test_portions_are_whole_and_add_up(total: int, weights: list[int]) -> None:
    found = portions_of(np.array([total]), np.array(weights)[:, None])[:, 0]
    if sum(weights) == 0:
        assert not found.any()
        return
    assert found.sum() == total
    assert (np.abs(found - total * np.array(weights) / sum(weights)) < 1).all()


def test_queues_are_a_group_when_people_connect_them() -> None:
    kinds = [kind("ab", 2), kind("c", 5), kind("bd", 1)]
    assert groups(kinds, list("abcd")) == (("a", "b", "d"),)
    assert groups([kind("a", 1), kind("b", 1)], ["a", "b"]) == ()


SOME = st.dictionaries(st.sets(st.sampled_from("abcd"), min_size=1).map(lambda s: tuple(sorted(s))), st.integers(0, 20), min_size=1)  # fmt: skip


@given(people=SOME, wanted=st.lists(st.integers(0, 20), min_size=4, max_size=4))
def test_everybody_counts_once_and_as_few_as_possible_are_missing(
    people: dict[tuple[str, ...], int], wanted: list[int]
) -> None:
    names = [QueueId(name) for name in "abcd"]
    want = dict(zip(names, wanted, strict=True))
    there = {tuple(QueueId(q) for q in queues): np.array([float(n)]) for queues, n in people.items()}
    found = {q: int(n[0]) for q, n in divided(there, {q: np.array([float(n)]) for q, n in want.items()}).items()}
    assert sum(found.values()) == sum(people.values())
    missing = sum(max(want[q] - found[q], 0) for q in names)
    hall = max(  # Hall's theorem: what some queues want less all who could come
        sum(want[q] for q in some) - sum(n for queues, n in people.items() if set(queues) & set(some))
        for size in range(5) for some in combinations(names, size)
    )  # fmt: skip
    assert hall <= missing <= hall + 2  # whole people


# --- what sharing is worth -------------------------------------------------------------------------------------------------


def test_a_crew_has_nobody_who_has_nothing_to_do() -> None:
    kinds = [kind("a", 2), kind("b", 10), kind("ab", 3)]
    crew = crew_of(kinds, ["a", "b"], np.array([10.0, 5.0]), 15)
    assert sum(one.people for one in crew) == 15
    assert {one.queues: one.people for one in crew}["b",] <= 5


@given(st.floats(1.5, 90.0), st.integers(1, 100), st.integers(1, 20))
def test_where_a_function_becomes_0_is_found_where_it_is_near(root: float, guess: int, step: int) -> None:
    tried: list[int] = []

    def margin(agents: int) -> float:
        tried.append(agents)
        return agents - root

    found = real_root(margin, guess, step)
    assert len(tried) <= 7
    if abs(guess - root) <= 5 * step:
        assert found == pytest.approx(root)


def play(*lines: Line, calls: int = 700, **queue: int) -> Played:
    queues = [Queue(id=one.name, threshold_s=one.rules.targets.threshold_s, **queue) for one in lines]  # type: ignore[arg-type]
    return Played(queues=queues, lines=lines, between_queues="strict_priority", calls=calls)


def test_who_shares_more_people_reaches_more_and_the_router_agrees_with_what_is_asked_for() -> None:
    ours = [line("a", [200.0]), line("b", [150.0])]
    few, many = ([kind("a", n), kind("b", n), kind("ab", 20 - 2 * n)] for n in (8, 2))
    reached = {
        name: measured(ours, kinds, play(*ours), STEP_S)[0].pooling for name, kinds in (("few", few), ("many", many))
    }
    assert 0.0 <= reached["few"] < reached["many"] <= 1.0
    asked = together(ours, [Point(load=35, pooling=reached["many"])], STEP_S)
    assert asked.as_one[0] <= asked.agents[0] <= ours[0].alone[0] + ours[1].alone[0]
    crew = crew_of(many, ["a", "b"], np.array([20.0, 15.0]), int(asked.agents[0]))
    came, in_time = play(*ours, calls=2_000)(Trial(rates=(400.0, 300.0), crew=crew, one_line=False))
    assert (in_time / came > 0.8 - 0.04).all()


def test_people_who_all_serve_everything_are_one_queue_without_a_trial() -> None:
    ours = [line("a", [200.0]), line("b", [150.0])]

    def never(trial: Trial) -> tuple[np.ndarray, np.ndarray]:
        raise AssertionError(trial)

    assert [p.pooling for p in measured(ours, [kind("ab", 20)], never, STEP_S, alike=True)] == [1.0]


def test_where_one_queue_goes_before_the_other_less_is_reached() -> None:
    ours = [line("a", [100.0]), line("b", [80.0])]
    queues = [Queue(id="a", priority=50), Queue(id="b")]
    ranked = Played(queues=queues, lines=ours, between_queues="strict_priority", calls=800)
    (point,) = measured(ours, [kind("ab", 20)], ranked, STEP_S)
    assert point.pooling < 1.0


def test_measured_are_several_loads_of_the_coming_time() -> None:
    ours = [line("a", [10.0, 60, 120, 0.0]), line("b", [10.0, 50, 90, 0.0])]
    seen: list[float] = []

    def fluid(trial: Trial) -> tuple[np.ndarray, np.ndarray]:
        seen.append(sum(trial.rates))
        people = sum(one.people for one in trial.crew)
        load = sum(trial.rates) / 20
        came = np.array(trial.rates)
        return came, came * min(people / (load + 2 + (0 if trial.one_line else 1)), 1.2) * 0.8

    points = measured(ours, [kind("a", 5), kind("b", 5), kind("ab", 5)], fluid, STEP_S)
    assert [point.load for point in points] == [ceil(x * 10) / 10 for x in (2.0, 11.0, 21.0)]
    assert {round(rate / 20, 1) for rate in seen} == {2.0, 11.0, 21.0}
