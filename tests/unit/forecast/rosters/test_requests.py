"""Swaps and requests: allowed when nothing is wrong that was not wrong before; otherwise the reasons."""

from dataclasses import replace
from typing import Any

import pytest

from forecast.rosters.model import Duty, Fixed, Need
from forecast.rosters.requests import Change, Verdict, judge
from tests.unit.forecast.rosters.making import day, duty, flat, person, plan

A, B = person("王芳", id="a", nights_week_max=1), person("李伟", id="b", earliest_min=9 * 60)
PLAN = plan(A, B, needs=(Need(agents=flat(1, 8, 17)),))
ROSTER = (duty("a", 0, "L", 200), duty("b", 0, "S"), duty("a", 2, "E", 200), duty("b", 3, "N", 200))


def asked(kind: str, who: str, number: int, **changes: Any) -> Verdict:
    if "other_day" in changes:
        changes["other_day"] = day(changes["other_day"])
    return judge(PLAN, ROSTER, Change(kind=kind, person=who, day=day(number), **changes))  # type: ignore[arg-type]


def shifts(verdict: Verdict) -> set[tuple[str, int, str]]:
    return {(d.person, (d.day - day(0)).days, d.shift) for d in verdict.duties}


def test_two_swap_what_they_have_on_a_day() -> None:
    verdict = asked("swap", "a", 0, other="b")
    assert verdict.allowed
    assert {("a", 0, "S"), ("b", 0, "L")} <= shifts(verdict)


def test_a_swap_that_the_contract_forbids_says_why() -> None:
    early = judge(
        PLAN, (duty("a", 2, "E", 200), duty("b", 2, "S")), Change(kind="swap", person="a", day=day(2), other="b")
    )
    assert early.reasons == ("李伟 begins at 08:00 on 2026-11-25, before 09:00",)
    assert shifts(early) == {("a", 2, "E"), ("b", 2, "S")}


def test_two_swap_days() -> None:
    verdict = asked("swap", "a", 2, other="b", other_day=3)
    assert not verdict.allowed
    verdict = asked("swap", "b", 3, other="a", other_day=0)
    assert not verdict.allowed
    assert "has two shifts" in verdict.reasons[0]


def test_giving_a_shift_away_and_taking_a_day_off_tell_what_is_missing_then() -> None:
    given = asked("give", "b", 3, other="a")
    assert given.allowed
    assert ("a", 3, "N") in shifts(given)
    off = asked("off", "a", 2)
    assert off.allowed
    assert off.short_hours == pytest.approx(8.0)


def test_another_shift_on_a_day_off() -> None:
    assert asked("shift", "a", 5, shift="E").allowed
    assert asked("shift", "a", 1, shift="E").reasons == (
        "王芳 has 10 h of rest before E on 2026-11-24; 11 h are the least",
    )


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"kind": "swap", "who": "a", "number": 0, "other": "x"}, "no such person"),
        ({"kind": "swap", "who": "a", "number": 0, "other": "a"}, "one and the same"),
        ({"kind": "off", "who": "a", "number": 1}, "has no shift"),
        ({"kind": "off", "who": "a", "number": 9}, "not in the roster"),
        ({"kind": "swap", "who": "a", "number": 2, "other": "b"}, "has no shift"),
        ({"kind": "give", "who": "a", "number": 0, "other": "b"}, "already"),
        ({"kind": "shift", "who": "a", "number": 0, "shift": "?"}, "no shift type"),
    ],
)
def test_what_cannot_even_be_tried(change: dict[str, Any], word: str) -> None:
    verdict = asked(**change)
    assert not verdict.allowed
    assert word in verdict.reasons[0]


def test_what_was_wrong_before_is_nobodys_fault_now() -> None:
    bad = (*ROSTER, duty("a", 3, "N", 200), duty("a", 4, "N", 200))
    assert judge(PLAN, bad, Change(kind="swap", person="a", day=day(0), other="b")).allowed


def test_what_was_fixed_may_be_swapped_by_those_who_have_it() -> None:
    made = replace(PLAN, people=(replace(A, fixed=(Fixed(day=day(0), shift="L"),)), B))
    verdict = judge(made, ROSTER, Change(kind="swap", person="a", day=day(0), other="b"))
    assert verdict.allowed
    assert all(isinstance(d, Duty) for d in verdict.duties)
