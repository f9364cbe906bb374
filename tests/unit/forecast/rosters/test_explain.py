"""A plan that is impossible says which rules collide, for whom, and names no rule that is not needed for it."""

from dataclasses import replace

import pytest

from forecast.rosters.explain import Infeasible, check_possible, find, hopeless
from forecast.rosters.model import Absence, Fixed, Need, Past, Person
from forecast.rosters.rules import Rules
from forecast.rosters.solve import make
from tests.unit.forecast.rosters.making import NIGHT, SHORT, by_lot, day, flat, person, plan


def said(someone: Person, **changes: object) -> list[str]:
    return [conflict.text for conflict in find(plan(someone, **changes))]


def test_too_many_fixed_nights() -> None:
    fixed = tuple(Fixed(day=day(number), shift="N") for number in range(5))
    assert said(person("Wang Fang", nights_week_max=3, fixed=fixed)) == [
        "Wang Fang has 5 fixed nights but the contract allows 3 (by fixed shifts)"
    ]


@pytest.mark.parametrize("seed", range(4))
def test_what_can_be_kept_has_no_conflicts(seed: int) -> None:
    assert find(by_lot(seed)) == []


def test_hours_and_absences_collide() -> None:
    away = (Absence(first=day(0), last=day(5), paid=False),)
    text = said(person("王芳", hours_week_min=40, absences=away))
    assert text == ["王芳: cannot be kept together: at least 40 h; 6 days absent; at most 11 h a day"] or (
        text and "at least 40 h" in text[0] and "6 days absent" in text[0]
    )


def test_only_the_rules_that_are_needed_for_it_are_named() -> None:
    one = said(person("王芳", hours_week_min=30, hours_week_max=20, nights_week_max=1, rest_h=12))
    assert one == ["王芳: cannot be kept together: at least 30 h; at most 20 h"]


def test_no_shift_fits_the_hours_of_the_day() -> None:
    one = said(person("王芳", hours_week_min=8, earliest_min=23 * 60))
    assert len(one) == 1
    assert "shifts between 23:00 and 00:00+2" in one[0]
    assert "nights" not in one[0]


def test_days_in_a_row_that_are_behind_count() -> None:
    fixed = tuple(Fixed(day=day(number), shift="E") for number in range(3))
    one = said(person("王芳", past=Past(days_in_row=5), fixed=fixed))
    assert one == [f"王芳 works more than 6 days in a row on {day(1)} (by fixed shifts)"]


def test_everybody_for_whom_it_is_impossible_is_named() -> None:
    bad = {"hours_week_min": 30, "hours_week_max": 20}
    made = plan(person("a", **bad), person("b"), person("c", **bad))
    assert [conflict.person for conflict in find(made)] == ["a", "c"]
    with pytest.raises(Infeasible) as caught:
        check_possible(made)
    assert caught.value.reason == "infeasible"
    with pytest.raises(Infeasible):
        make(made)


def test_taking_one_of_the_named_rules_away_makes_it_possible() -> None:
    someone = person("王芳", hours_week_min=40, days_week_max=4, days_off_in_row=2)
    assert (
        said(someone) == ["王芳: cannot be kept together: at least 40 h; at most 4 days a week"]
        or "at most 4 days" in said(someone)[0]
    )
    assert said(replace(someone, contract=replace(someone.contract, days_week_max=5))) == []
    assert said(replace(someone, contract=replace(someone.contract, hours_week_min=32))) == []


def test_rules_for_everybody_can_be_the_reason() -> None:
    assert (
        "rest days a week" in said(person("王芳", days_week_max=7, hours_week_min=8), rules=Rules(rest_days_week=7))[0]
    )


def test_need_that_nobody_can_meet_is_told() -> None:
    made = plan(
        person(),
        types=(SHORT,),
        needs=(Need(skill="", agents=flat(1, 8, 14)), Need(skill="vip", agents=flat(1, 10, 12))),
    )
    assert hopeless(made) == [
        f"28 slots with a need lie in no shift, the first on {day(0)} at 08:00",
        "nobody has the skill vip, which is needed",
    ]
    assert hopeless(plan(person(), types=(NIGHT,), needs=(Need(agents=flat(0)),))) == []
