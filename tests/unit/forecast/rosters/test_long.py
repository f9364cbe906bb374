"""Rosters of several weeks and of months keep every rule, over the borders of weeks too, and are as good as can be."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random

import pytest

from forecast.rosters import solve
from forecast.rosters.check import violations
from forecast.rosters.cost import account
from forecast.rosters.explain import can_be_kept, find
from forecast.rosters.frames import frames
from forecast.rosters.history import past_of
from forecast.rosters.model import Absence, Duty, Fixed, Need, Past, Person, Plan, ShiftType
from forecast.rosters.outcome import Limits, Progress, Solved
from forecast.rosters.part import Part, carried, guide_of, part_of
from forecast.rosters.rolling import roll
from forecast.rosters.rules import Costs, Rules
from forecast.rosters.solve import make
from tests.unit.forecast.rosters.making import EARLY, MONDAY, NIGHT, SHORT, by_lot, day, duty, flat, person, plan

TUESDAY = date(2026, 12, 1)
QUICK = Limits(seconds=10.0, gap=0.1)


def long(seed: int, size: int, days: int, first: date = MONDAY) -> Plan:
    """A plan by lot with a little of everything, the rules of months included; not every one can be kept."""
    dice = Random(seed)
    base = by_lot(seed, size)
    people = tuple(
        replace(
            someone,
            contract=replace(someone.contract, hours_month_max=dice.choice((None, 140)), hours_month_min=dice.choice((0, 70))),
            fixed=(Fixed(day=first + timedelta(days=dice.randrange(7, days)), shift=dice.choice(("L", ""))),),
        )
        for someone in base.people
    )  # fmt: skip
    needs = tuple(replace(need, agents=tuple(need.agents[n % 7] for n in range(days))) for need in base.needs)
    rules = replace(base.rules, overtime_by=dice.choice(("week", "month")), averaging_weeks=dice.choice((1, 2)))
    holidays = (first + timedelta(days=3), first + timedelta(days=4))
    return replace(base, first=first, days=days, people=people, needs=needs, rules=rules, holidays=holidays)


def solved(made: Plan, limits: Limits = QUICK) -> Solved:
    found = make(made, limits)
    assert [v.text for v in violations(made, found.roster.duties)] == []
    assert account(made, found.roster.duties).cost == pytest.approx(found.cost)
    assert found.bound <= found.cost + 1e-6
    return found


@pytest.mark.parametrize(("seed", "days", "first"), [(0, 14, MONDAY), (1, 10, TUESDAY), (2, 31, TUESDAY)])
def test_week_by_week_no_rule_is_broken(seed: int, days: int, first: date, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solve, "SMALL_LONG", 0)
    told: list[Progress] = []
    made = long(seed, 2, days, first)
    assert find(made) == []
    found = make(made, QUICK, tell=told.append)
    assert [v.text for v in violations(made, found.roster.duties)] == []
    assert account(made, found.roster.duties).cost == pytest.approx(found.cost)
    assert found.bound <= found.cost + 1e-6
    assert {(p.week, p.weeks) for p in told if p.week} == {(n + 1, len(made.weeks)) for n in range(len(made.weeks))}
    assert len(found.weekly) == len(made.weeks)


@pytest.mark.parametrize("seed", [5])
def test_whoever_is_told_impossible_cannot_be_planned_and_all_others_can(seed: int) -> None:
    made = long(seed, 2, 28)
    made = replace(
        made, people=tuple(replace(p, contract=replace(p.contract, hours_month_min=40 * seed)) for p in made.people)
    )
    stuck = {conflict.person for conflict in find(made)}
    for someone in made.people:
        if someone.id not in stuck:
            found = make(replace(made, people=(someone,), needs=()), Limits(seconds=10.0, gap=1.0))
            assert violations(replace(made, people=(someone,)), found.roster.duties) == []


def best(made: Plan, kind: str) -> float:
    """The least cost of all rosters of one person with one shift type, by trying every one."""
    name = made.people[0].id
    least = float("inf")
    for picked in itertools.product((False, True), repeat=made.days):
        duties = [duty(name, number, kind) for number, works in enumerate(picked) if works]
        if not violations(made, duties):
            least = min(least, account(made, duties).cost)
    return least


@pytest.mark.parametrize(
    ("someone", "kind"),
    [
        (person(days_in_row_max=4, days_off_in_row=2), replace(EARLY, breaks=())),
        (person(hours_month_max=44), replace(EARLY, breaks=(), length_min=480)),
        (person(past=Past(days_in_row=3), days_in_row_max=5, hours_week_min=24), replace(EARLY, breaks=(), length_min=480)),
        (person(nights_in_row_max=2, nights_week_max=4, off_after_nights=1), replace(NIGHT, breaks=())),
    ],
)  # fmt: skip
def test_the_best_of_all_rosters_is_found_over_the_border_of_weeks(
    someone: Person, kind: ShiftType, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = plan(someone, types=(kind,), days=9, needs=(Need(agents=flat(1, 0, 24, days=9)),), costs=Costs(deep=0.0))
    least = best(made, kind.id)
    assert solved(made, Limits(seconds=60.0, gap=0.0)).cost == pytest.approx(least)
    monkeypatch.setattr(solve, "SMALL_LONG", 0)
    rolled = solved(made, Limits(seconds=60.0, gap=0.2))
    assert rolled.bound - 1e-6 <= least <= rolled.cost + 1e-6


def test_what_is_carried_along_is_what_the_history_would_say() -> None:
    dice = Random(5)
    made = plan(person("a"), days=28)
    for _ in range(20):
        kinds = {number: dice.randrange(4) for number in range(14) if dice.random() < 0.7}
        kinds = {number: s for number, s in kinds.items() if s != 2 or number + 1 not in kinds} or {0: 0}
        later = replace(made, first=day(14), days=14)
        duties = [duty("a", number, made.types[s].id) for number, s in sorted(kinds.items())]
        known, now = past_of(later, duties), carried(made, made.people[0], kinds, 14)
        for name in ("nights", "weekend_days", "days_in_row", "nights_in_row", "days_since_night", "busy_until_min"):
            assert getattr(now, name) == getattr(known, name), name


def test_nights_and_weekends_are_shared_out_over_all_weeks() -> None:
    people = [person(name, nights_week_max=4, hours_week_max=40) for name in "abcd"]
    people[0] = replace(people[0], past=Past(nights=4))
    made = plan(*people, days=21, types=(NIGHT,), needs=(Need(agents=flat(1, 22, 24, days=21)),))
    duties = solved(made, Limits(seconds=60.0, gap=0.03)).roster.duties
    counts = {name: sum(d.person == name for d in duties) for name in "abcd"}
    assert sum(counts.values()) == 21
    assert counts["a"] < min(counts[name] for name in "bcd")


def test_hours_of_the_month_are_spread_over_its_weeks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solve, "SMALL_LONG", 0)
    made = plan(
        person("a", hours_month_max=100), first=TUESDAY, days=31, types=(replace(EARLY, breaks=(), length_min=480),),
        needs=(Need(agents=flat(1, 8, 16, days=31)),),
    )  # fmt: skip
    duties = solved(made, Limits(seconds=60.0, gap=0.1)).roster.duties
    assert len(duties) == 12
    weeks = [sum(week.begin <= (d.day - TUESDAY).days < week.end for d in duties) for week in made.weeks]
    assert min(weeks[:4]) >= 1


def test_a_torn_week_goes_on_with_what_was_worked_in_it_before() -> None:
    behind = Past(week_hours=32.0, week_pattern=0b0001111, week_nights=0, days_in_row=0)
    made = plan(person("a", past=behind, days_week_max=5), first=day(4), days=10, types=(EARLY,))
    own = [Duty(person="a", day=day(n), shift="E") for n in (4, 5)]
    assert {v.rule for v in violations(made, own)} == {"week_hours", "days_week"}
    assert violations(made, own[:1]) == []
    assert sum(d.day < day(7) for d in solved(made).roster.duties) <= 1


def test_somebody_who_got_stuck_is_planned_anew() -> None:
    trapped = person("a", fixed=(Fixed(day=day(7), shift="E"), Fixed(day=day(8), shift="E")), hours_week_min=16)
    made = plan(trapped, days=14, rules=Rules(days_in_row_max=2))

    def make_week(part: Part, number: int, _begin: Sequence[Duty]) -> list[Duty]:
        if number == 0:
            return [duty("a", 5, "E", 180), duty("a", 6, "E", 180)]
        return [d for d in make(replace(made, people=(person("a"),))).roster.duties if d.day > day(20)] or [
            Duty(person="a", day=part.plan.day(n), shift="E", breaks=(180,)) for n, types in enumerate(part.frames[0].allowed) if types
        ]  # fmt: skip

    duties = roll(made, frames(made), guide_of(made, [{}]), make_week)
    assert [v.text for v in violations(made, duties)] == []
    assert {d.day for d in duties} >= {day(7), day(8)}


def test_a_week_of_a_plan_sees_what_is_fixed_after_it() -> None:
    fixed = (Fixed(day=day(7), shift="E"), Fixed(day=day(8), shift="E"))
    made = plan(person("a", fixed=fixed, days_in_row_max=3), days=14)
    part = part_of(made, frames(made), 0, [{}], guide_of(made, [{}]))
    own = part.frames[0]
    assert {made.types[s].id for s in own.allowed[6]} == {"E", "S"}
    assert all(not (pattern >> 5 & 1 and pattern >> 6 & 1) for pattern in own.weeks[0].patterns)
    assert (part.plan.days, own.allowed[7]) == (8, ())


def test_who_gives_up_at_once_gets_a_whole_roster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solve, "SMALL_LONG", 0)
    made = long(0, 2, 14)
    found = make(made, QUICK, stop=lambda: True)
    assert violations(made, found.roster.duties) == []
    assert found.ending == "stopped"


def test_with_a_good_beginning_nothing_gets_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solve, "SMALL_LONG", 0)
    made = long(2, 2, 14)
    first = solved(made)
    assert make(made, Limits(seconds=3.0, gap=0.1), start=first.roster.duties).cost <= first.cost + 1e-6


def test_the_rules_that_collide_are_told_with_their_week() -> None:
    away = (Absence(first=day(7), last=day(12), paid=False),)
    assert [c.text for c in find(plan(person("王芳", hours_week_min=40, absences=away), days=28))] == [
        f"王芳: cannot be kept together in the week of {day(7)}: at least 40 h; 6 days absent"
    ]


def test_rules_that_collide_over_weeks_are_told_with_all_of_them() -> None:
    fixed = tuple(Fixed(day=day(number), shift="S") for number in (4, 5, 6, 7, 8))
    text = [c.text for c in find(plan(person("王芳", fixed=fixed, days_in_row_max=4), days=14))]
    assert text == [f"王芳 works more than 4 days in a row on {day(8)} (by fixed shifts)"]
    least = [c.text for c in find(plan(person("李伟", hours_week_max=24, hours_month_min=170), first=TUESDAY, days=31))]
    assert least == ["李伟: cannot be kept together: at most 24 h a week; at least 170 h in 2026-12"]


def test_more_in_a_month_than_its_overtime_allows_is_told() -> None:
    rules = Rules(overtime_by="month", overtime_month_max_h=0.0)
    made = plan(person("a", hours_month_min=190), first=TUESDAY, days=31, types=(SHORT, EARLY), rules=rules)
    assert "at least 190 h in 2026-12" in find(made)[0].text
    assert find(replace(made, rules=replace(rules, overtime_month_max_h=36.0), holidays=())) == []
    assert find(replace(made, rules=replace(rules, overtime_month_max_h=8.0), holidays=(date(2026, 12, 31),))) != []


def test_nights_in_a_row_go_on_into_a_week_of_two_days() -> None:
    made = plan(person("a", nights_in_row_max=3), days=16, types=(NIGHT,))
    part = part_of(made, frames(made), 2, [{11: 0, 12: 0, 13: 0}], guide_of(made, [{}]))
    assert part.frames[0].nights_before == 3
    assert not can_be_kept(part.plan, replace(part.frames[0], weeks=(replace(part.frames[0].weeks[0], patterns=(1,)),)))
