"""The search, the dealing and the dive: rosters get better and keep every rule, costs of changes are exact, and nothing goes on beyond its time."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from forecast.rosters import mip, search, solve
from forecast.rosters.check import violations
from forecast.rosters.cost import account, change, share
from forecast.rosters.counts import branch, count, relax
from forecast.rosters.dealing import deal
from forecast.rosters.frames import frames
from forecast.rosters.mip import Mip, dive, never
from forecast.rosters.model import Need, Past, Plan
from forecast.rosters.outcome import Limits, Progress, gap_without_pay
from forecast.rosters.part import carried, guide_of, part_of
from forecast.rosters.search import anew, take_breaks
from forecast.rosters.standing import Standing
from forecast.rosters.wishes import personal
from tests.unit.forecast.rosters.making import EARLY, LATE, NIGHT, by_lot, day, duty, flat, person, plan


def standing(made: Plan, limits: Limits | None = None, watch: Callable[[], float] = lambda: 0.0) -> Standing:
    return Standing(made, frames(made), limits or Limits(seconds=3_000.0, gap=0.05), watch, lambda _: None, never)


def in_weeks(made: Plan, weeks: int) -> Plan:
    needs = tuple(replace(n, agents=n.agents * weeks) for n in made.needs)
    return replace(made, days=7 * weeks, needs=needs)


def nights(weeks: int, who: str = "abcde") -> Plan:
    """Some of five people round the clock, two of them with both skills."""
    people = [
        person(
            name, skills=skills, hours_week_min=16, hours_week_max=40, days_week_max=5, nights_week_max=3, nights_in_row_max=3, off_after_nights=1,
        )
        for name, skills in zip("abcde", (("a",), ("a",), ("a", "b"), ("a", "b"), ("b",)), strict=True)
        if name in who
    ]  # fmt: skip
    needs = (Need(skill="a", agents=flat(1, 0, 24)), Need(skill="b", agents=flat(1, 8, 22)))
    return in_weeks(plan(*people, needs=needs), weeks)


def begun(made: Plan) -> Standing:
    """A standing with a poor roster: everybody has what his contract asks for, whatever the need is."""
    at = standing(made)
    duties = deal(at, [(tuple(at.frames), {})], 0.1)
    at.take(duties, float("inf"))
    take_breaks(at, duties)
    return at


def test_what_a_change_costs_is_what_the_accounts_differ_by() -> None:
    made, dice = nights(2), Random(3)
    duties = begun(made).duties
    for number in (0, 5, 6, 7, 13):
        less = [d for d in duties if d.day != made.day(number) or dice.random() < 0.5]
        more = (
            [*less, duty("a", number, "N", 180)] if all(d.person != "a" or d.day != day(number) for d in less) else less
        )
        difference = account(made, more).cost - account(made, duties).cost
        assert change(made, duties, more, number, number + 2) == pytest.approx(difference)


@pytest.mark.parametrize("days", [3, 9])
def test_steps_make_a_roster_cheaper_and_break_no_rule(days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "AT_ONCE", 60)
    whole = nights(2, "ace")
    made = replace(whole, days=days, needs=tuple(replace(n, agents=n.agents[:days]) for n in whole.needs))
    at = begun(made)
    first = at.cost
    for number in (0, days - 2):
        search._day_anew(at, number, 60.0)
    between = at.cost
    for _ in range(2):
        search._people_anew(at, 60.0)
    assert between <= first
    assert at.cost < first
    assert violations(made, at.duties) == []
    assert account(made, at.duties).cost == pytest.approx(at.cost)


def test_four_weeks_with_nights_end_with_a_roster_that_keeps_every_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solve, "SMALL_LONG", 0)
    monkeypatch.setattr(solve, "SMALL", 0)
    made = nights(4, "ace")
    found = solve.make(made, Limits(seconds=60.0, gap=0.9))
    assert [v.text for v in violations(made, found.roster.duties)] == []
    assert account(made, found.roster.duties).cost == pytest.approx(found.cost)
    assert found.bound <= found.cost
    assert len(found.weekly) == 4


def test_a_step_that_the_checker_has_something_against_is_not_taken() -> None:
    made = nights(1)
    at = begun(made)
    before = list(at.duties)
    bad = [*(d for d in before if d.person != "a"), *(duty("a", n, "E", 180) for n in range(7))]
    search._take(at, bad, -100.0)
    assert at.duties == before


def test_with_the_time_over_no_step_is_begun_and_everybody_still_gets_his_shifts() -> None:
    made = nights(1)
    at = standing(made, Limits(seconds=10.0), watch=lambda: 11.0)
    assert relax(at, at.left()) == [{}] * 5
    counts = count(at, at.left(), 0.1, ())
    take_breaks(at, deal(at, counts, 0.1))
    assert violations(made, at.duties) == []
    assert search.search(at) == 0


def test_branching_on_the_classes_raises_the_bound_up_to_the_best_roster_at_most() -> None:
    people = (person(name, hours_week_min=16, hours_week_max=24) for name in "abc")
    at = begun(plan(*people, days=4, types=(EARLY, LATE), needs=(Need(agents=flat(1.5, 8, 22, days=4)),)))
    relax(at, 60.0)
    relaxed = at.bound
    counts = branch(at, 60.0)
    assert sum(len(group) for group, _ in counts) == 3
    best = anew(at, at.duties, at.frames, seconds=60.0, gap=0.0, stop=never)
    assert relaxed <= at.bound <= best.objective + 1e-6
    assert at.cost == pytest.approx(best.objective)


def test_the_gap_without_pay_can_be_asked_for_too() -> None:
    told: list[Progress] = []
    at = standing(by_lot(0), Limits(gap=0.5, gap_without_pay=0.1))
    at.tell = told.append
    anew(at, (), at.frames, seconds=60.0, gap=0.0, stop=never)
    at.bound = at.cost * 0.6
    assert gap_without_pay(at.cost, at.bound, at.pay) > 0.1
    assert not at.reached
    assert replace(at.limits, gap_without_pay=10.0).gap_without_pay > gap_without_pay(at.cost, at.bound, at.pay)
    at.limits = replace(at.limits, gap_without_pay=10.0)
    assert at.reached


def test_who_serves_two_needs_goes_first_where_most_is_missing_and_then_where_anything_is() -> None:
    both, first = (0, 1), (0,)
    gets = share({both: 2.0}, np.array([2.0, 2.0]), np.array([0.0, 1.5]))
    assert gets.tolist() == [0.5, 1.5]
    gets = share({both: 2.0, first: 1.0}, np.array([2.0, 2.0]), np.array([1.0, 1.0]))
    assert gets.sum() == pytest.approx(3.0)
    assert gets.min() >= 1.0


def test_one_more_night_costs_a_week_what_it_costs_the_whole_plan() -> None:
    made = plan(person("a", past=Past(nights=2)), person("b", past=Past(nights=1)), days=21, types=(EARLY, NIGHT))
    has = [{1: 1, 16: 1, 19: 0, 20: 0}, {2: 1}]
    part = part_of(made, frames(made), 1, has)
    for own in ([], [7], [7, 8], [12, 13]):
        week = [duty("a", number, "N", 180) for number in own]
        others = [duty("a", number, "EN"[s]) for number, s in has[0].items()] + [duty("b", 2, "N")]
        whole = personal(made, [*others, *week]).cost - personal(made, others).cost
        assert personal(part.plan, week).cost == pytest.approx(whole)


def test_a_guide_counts_the_nights_that_are_still_to_come() -> None:
    made = plan(person("a"), days=21, types=(EARLY, NIGHT))
    guide = guide_of(made, [{(n, 1): 0.5 for n in range(21)}])
    assert part_of(made, frames(made), 0, [{}], guide).plan.people[0].past.nights == 7
    assert carried(made, made.people[0], {}, 0).nights == 0


def covering(seed: int, size: int) -> Mip:
    """Cover every row by columns that cost by lot."""
    dice, program = Random(seed), Mip()
    columns = [program.column(0, 3, dice.uniform(1, 3), whole=True) for _ in range(size)]
    for _ in range(size):
        program.row([(c, 1.0) for c in dice.sample(columns, 5)], lower=dice.randrange(1, 6))
    return program


@pytest.mark.parametrize(("enough", "few"), [(5, 2), (60, 2), (60, 60)])
def test_a_dive_finds_whole_numbers_and_its_bound_is_one(
    enough: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mip, "SMALL_ENOUGH", enough)
    monkeypatch.setattr(mip, "FEW", few)
    program = covering(1, 60)
    found = dive(program, seconds=60.0, gap=0.1)
    best = mip.solve(program, seconds=60.0)
    assert np.abs(found.x - np.round(found.x)).max() < 1e-6
    assert found.bound <= best.objective + 1e-6 <= found.objective + 1e-5


def test_a_dive_that_has_no_time_for_the_rest_fixes_more_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    solved = mip.solve

    def short_of_time(program: Mip, **options: object) -> mip.Answer:
        free = sum(low < high for low, high in zip(program.lower, program.upper, strict=True))
        tries.append(free)
        if len(tries) == 1:
            return mip.Answer(ending="nothing", objective=mip.INFINITY, bound=-mip.INFINITY, x=np.zeros(0))
        return solved(program, seconds=60.0)

    monkeypatch.setattr(mip, "solve", short_of_time)
    monkeypatch.setattr(mip, "SMALL_ENOUGH", 40)
    monkeypatch.setattr(mip, "FEW", 3)
    found = dive(covering(2, 60), seconds=60.0, gap=10.0)
    assert len(found.x) == 60
    assert tries[1] < tries[0]
