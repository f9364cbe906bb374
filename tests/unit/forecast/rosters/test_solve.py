"""Rosters keep every rule (the checker is the judge), cost what they are said to cost, and are as good as can be."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from forecast.rosters import search, solve
from forecast.rosters.check import violations
from forecast.rosters.cost import account
from forecast.rosters.mip import Answer, Mip
from forecast.rosters.mip import solve as mip_solve
from forecast.rosters.model import Break, Duty, Fixed, Need, Plan, ShiftType, Wish
from forecast.rosters.outcome import Limits, Progress, Solved
from forecast.rosters.rules import Costs
from forecast.rosters.solve import make
from tests.unit.forecast.rosters.making import EARLY, LATE, NIGHT, SHORT, by_lot, day, duty, flat, person, plan

QUICK = Limits(seconds=20.0, gap=0.05)


def solved(made: Plan, limits: Limits = QUICK) -> Solved:
    found = make(made, limits)
    assert violations(made, found.roster.duties) == []
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_roster_by_lot_breaks_no_rule_and_costs_what_it_says(seed: int) -> None:
    made = by_lot(seed)
    found = solved(made)
    assert found.bound <= found.cost + 1e-6
    assert account(made, found.roster.duties).cost == pytest.approx(found.cost)


def exact(made: Plan) -> float:
    """The least cost of all rosters without breaks, by trying every one."""
    choices = (None, *(kind.id for kind in made.types))
    least = float("inf")
    people = [p.id for p in made.people]
    for picked in itertools.product(choices, repeat=len(people) * made.days):
        duties = [
            Duty(person=name, day=day(number), shift=shift)
            for (number, name), shift in zip(itertools.product(range(made.days), people), picked, strict=True)
            if shift is not None
        ]
        if not violations(made, duties):
            least = min(least, account(made, duties).cost)
    return least


@pytest.mark.parametrize("agents", [0.0, 1.0, 1.5, 2.0])
def test_the_best_of_all_rosters_is_found(agents: float) -> None:
    kinds = (replace(EARLY, breaks=(), length_min=480), replace(NIGHT, breaks=()))
    made = plan(
        person("a", nights_week_max=1, wishes=(Wish(day=day(1), kind="off", weight=3.0),)),
        person("b", hours_week_min=0.0, hours_week_max=16.0),
        types=kinds, days=3, needs=(Need(agents=flat(agents, 8, 24, days=3)),),
    )  # fmt: skip
    assert solved(made, Limits(gap=0.0)).cost == pytest.approx(exact(made))


def test_breaks_stand_where_fewest_are_needed() -> None:
    agents = [[0.0] * 48 for _ in range(1)]
    for slot in range(16, 34):
        agents[0][slot] = 2.0 if slot not in (23, 24) else 1.0
    pause = Break(length_min=30, earliest_min=120, latest_min=360)
    made = plan(
        person("a"), person("b"), days=1, types=(replace(EARLY, breaks=(pause,)),), needs=(Need(agents=(tuple(agents[0]),)),)
    )  # fmt: skip
    found = solved(made, Limits(gap=0.0))
    assert sorted(d.breaks for d in found.roster.duties) == [(210,), (240,)]
    assert account(made, found.roster.duties).short_hours == 0


def test_two_short_breaks_in_one_slot_come_one_after_the_other() -> None:
    pause = Break(length_min=15, earliest_min=60, latest_min=75, paid=True)
    made = plan(
        person("a"), person("b"), days=1, types=(replace(SHORT, breaks=(pause,)),), needs=(Need(agents=(flat(2, 10, 14)[0],)),)
    )  # fmt: skip
    assert sorted(d.breaks for d in solved(made).roster.duties) == [(60,), (75,)]


def test_who_serves_both_needs_goes_where_somebody_is_missing() -> None:
    needs = (Need(skill="a", agents=flat(1, 8, 17)), Need(skill="b", agents=flat(1, 8, 17)))
    made = plan(
        person("x", skills=("a", "b")),
        person("y", skills=("a",)),
        days=7,
        types=(replace(EARLY, breaks=()),),
        needs=needs,
    )
    found = solved(replace(made, rules=replace(made.rules, overtime_day_max_h=3.0)))
    worked = {d.day for d in found.roster.of("x")} & {d.day for d in found.roster.of("y")}
    present = account(made, found.roster.duties).present
    for number in range(7):
        if day(number) in worked:
            assert present[:, number * 48 + 20].tolist() == [1.0, 1.0]


def test_a_night_of_the_week_before_counts_and_needs_rest() -> None:
    made = plan(
        person("a", past=None or person().past),
        days=1,
        before=(duty("a", -1, "N"),),
        needs=(Need(agents=(flat(1, 0, 6)[0],)),),
    )
    assert account(made, ()).short_hours == 0.0


def test_what_is_fixed_stays() -> None:
    made = plan(
        person("a", fixed=(Fixed(day=day(0), shift="L"), Fixed(day=day(1)))), needs=(Need(agents=flat(1, 8, 16)),)
    )
    own = {d.day: d.shift for d in solved(made).roster.duties}
    assert own[day(0)] == "L"
    assert day(1) not in own


def test_wishes_decide_where_the_need_does_not() -> None:
    wish = Wish(day=day(2), kind="off")
    made = plan(person("a", wishes=(wish,)), person("b"), needs=(Need(agents=flat(1, 8, 17)),), types=(EARLY,))
    found = solved(made, Limits(gap=0.0))
    assert "a" not in {d.person for d in found.roster.duties if d.day == day(2)}


def test_nights_go_to_those_who_had_fewer() -> None:
    past = person().past
    made = plan(
        person("many", past=replace(past, nights=6)), person("few"), days=2, types=(NIGHT,), needs=(Need(agents=flat(1, 22, 24, days=2)),),
        costs=Costs(night=1.0),
    )  # fmt: skip
    assert {d.person for d in solved(made, Limits(gap=0.0)).roster.duties} == {"few"}


def test_a_shortage_is_spread_and_not_heaped() -> None:
    made = plan(
        person("a", hours_week_max=8),
        person("b", hours_week_max=8),
        days=2,
        types=(SHORT,),
        needs=(Need(agents=flat(2, 10, 14, days=2)),),
    )
    made = replace(
        made, people=tuple(replace(p, contract=replace(p.contract, hours_week_max=4.0)) for p in made.people)
    )
    found = solved(made, Limits(gap=0.0))
    assert len({d.day for d in found.roster.duties}) == 2


def many(size: int) -> Plan:
    """A plan that is too large for one program: several classes, everything in it."""
    base = by_lot(1, size)
    people = tuple(
        replace(p, fixed=(), past=person().past, contract=by_lot(number % 3).people[0].contract) for number, p in enumerate(base.people)
    )  # fmt: skip
    needs = tuple(Need(skill=n.skill, agents=flat(size / 6, 8, 22)) for n in base.needs)
    return replace(base, people=people, needs=needs)


def test_the_way_by_classes_keeps_every_rule_too_and_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solve, "SMALL", 50)
    monkeypatch.setattr(search, "AT_ONCE", 60)
    told: list[Progress] = []
    made = many(6)
    found = make(made, Limits(seconds=4.0, gap=0.1), tell=told.append)
    assert violations(made, found.roster.duties) == []
    assert {p.stage for p in told} >= {"classes", "people", "breaks"}
    assert found.bound <= found.cost
    monkeypatch.undo()
    monkeypatch.setattr(solve, "SMALL", 10_000)
    assert make(made, Limits(seconds=4.0, gap=0.1)).cost >= found.bound - 1e-6


def test_with_a_good_beginning_nothing_gets_worse() -> None:
    made = by_lot(4)
    first = solved(made)
    again = make(made, QUICK, start=first.roster.duties)
    assert again.cost <= first.cost + 1e-6


def test_who_gives_up_at_once_keeps_the_beginning() -> None:
    made = by_lot(4)
    first = solved(made)
    stopped = make(made, QUICK, start=first.roster.duties, stop=lambda: True)
    assert stopped.cost <= first.cost + 1e-6


@pytest.mark.parametrize("small", [50, 10_000])
def test_without_any_time_there_is_still_a_roster_that_keeps_the_rules(
    small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solve, "SMALL", small)
    found = solved(many(5), Limits(seconds=0.0))
    assert found.ending == "stopped"


def test_the_same_plan_gives_the_same_roster() -> None:
    assert solved(by_lot(0)).roster == solved(by_lot(0)).roster


def test_shifts_of_ten_hours_and_no_need_are_fine() -> None:
    kind = ShiftType(id="X", start_min=0, length_min=600)
    assert solved(plan(person(hours_week_min=20), types=(kind,), needs=())).roster.duties
    assert solved(plan(person(), types=(LATE,), needs=())).roster.duties == ()


def test_the_bound_of_a_program_that_completes_a_start_is_not_taken_for_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """HiGHS tells of the smaller program, in which the start is fixed, through the same callback."""

    def chatty(mip: Mip, *, start: Any = None, tell: Any = None, **options: Any) -> Answer:
        if start and tell:
            tell(float("inf"), 1e9)
        return mip_solve(mip, start=start, tell=tell, **options)

    monkeypatch.setattr(search, "solve", chatty)
    people = tuple(person(name, hours_week_min=16, nights_week_max=2) for name in "abc")
    made = plan(*people, needs=(Need(agents=flat(1, 8, 22)),))
    poor = solved(replace(made, needs=()))
    told: list[Progress] = []
    make(made, Limits(seconds=60.0, gap=0.02), start=poor.roster.duties, tell=told.append)
    assert poor.roster.duties
    assert max(p.bound for p in told) < 1e6
