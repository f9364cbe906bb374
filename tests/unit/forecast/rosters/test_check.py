"""Every rule is noticed when it is broken, and only then."""

from dataclasses import replace
from datetime import date

import pytest

from forecast.rosters.check import clock, violations
from forecast.rosters.model import Absence, Break, Duty, Fixed, Past, Person, Plan, ShiftType
from forecast.rosters.rules import Rules
from hotline.errors import Misuse
from tests.unit.forecast.rosters.making import EARLY, LATE, TYPES, day, duty, person, plan

FREE = {"hours_week_max": 80.0, "days_week_max": 7}
LOOSE = Rules(week_hours_max=80, overtime_month_max_h=80, rest_days_week=0, days_in_row_max=7)


def broken(someone: Person, *shifts: str, rules: Rules = LOOSE, **changes: object) -> list[tuple[str, date | None]]:
    """What is wrong with shifts on the days from Monday on; "" is a day off."""
    made = plan(someone, rules=rules, **changes)
    duties = [duty(someone.id, number, shift) for number, shift in enumerate(shifts) if shift]
    return [(v.rule, v.day) for v in violations(made, duties)]


def test_a_week_of_eight_hours_with_two_days_off_is_fine() -> None:
    assert broken(person(), *"EEEEE", rules=Rules()) == []


@pytest.mark.parametrize(
    ("someone", "shifts", "wrong"),
    [
        (person(**FREE), "EEEEEEE", [("rest_days", None), ("days_in_row", day(6))]),
        (person(hours_week_max=36), "EEEEE", [("week_hours", None)]),
        (person(hours_week_min=40), "EEEE", [("least_hours", None)]),
        (person(hours_week_min=40, absences=(Absence(first=day(4), last=day(5)),)), "EEEE", []),
        (person(hours_week_min=40, absences=(Absence(first=day(4), last=day(4), paid=False),)), "EEEE", [("least_hours", None)]),
        (person(), "LE", [("rest", day(1))]),
        (person(rest_h=12), ["L", "", "E"], []),
        (person(past=Past(busy_until_min=-60)), "E", [("rest", day(0))]),
        (person(days_week_max=3), "EEEE", [("days_week", None)]),
        (person(days_in_row_max=3), "EEEE", [("days_in_row", day(3))]),
        (person(days_in_row_max=3, past=Past(days_in_row=2)), "EE", [("days_in_row", day(1))]),
        (person(days_off_in_row=2), ["E", "", "E", "", "E", "", "E"], [("days_off_in_row", None)]),
        (person(days_off_in_row=2), "EEEEE", []),
        (person(nights_week_max=2), "NNN", [("nights_week", None)]),
        (person(nights_in_row_max=2), "NNN", [("nights_in_row", day(2))]),
        (person(nights_in_row_max=2, past=Past(nights_in_row=2, days_since_night=1)), "N", [("nights_in_row", day(0))]),
        (person(off_after_nights=2), ["N", "", "E"], [("off_after_nights", day(2))]),
        (person(off_after_nights=2), ["N", "", "", "E"], []),
        (person(off_after_nights=2, past=Past(days_since_night=1)), ["", "E"], [("off_after_nights", day(1))]),
        (person(earliest_min=9 * 60), "E", [("times", day(0))]),
        (person(latest_min=18 * 60), "L", [("times", day(0))]),
        (person(shifts=("L",)), "E", [("contract_shift", day(0))]),
        (person(absences=(Absence(first=day(1), last=day(2)),)), "EE", [("absent", day(1))]),
        (person(fixed=(Fixed(day=day(0), shift="L"),)), "E", [("fixed", day(0))]),
        (person(fixed=(Fixed(day=day(0)),)), "E", [("fixed", day(0))]),
        (person(hours_month_max=100, past=Past(month_hours=90)), "EE", [("month_hours", None)]),
    ],
)  # fmt: skip
def test_a_broken_rule_is_named_with_its_day(
    someone: Person, shifts: list[str] | str, wrong: list[tuple[str, date | None]]
) -> None:
    rules = Rules() if wrong and wrong[0][0] == "rest_days" else LOOSE
    if wrong and wrong[0][0] == "rest_days":
        rules = replace(LOOSE, rest_days_week=1, days_in_row_max=6)
    assert sorted(broken(someone, *shifts, rules=rules), key=str) == sorted(wrong, key=str)


def test_the_law_counts_hours_on_average_and_overtime_by_the_month() -> None:
    long = person(hours_week_max=60, days_week_max=7, past=Past(weeks_hours=(30.0,)))
    week = "EEEEEE"
    assert ("week_hours", None) in broken(long, *week, rules=Rules())
    assert broken(long, *week, rules=Rules(averaging_weeks=2)) == []
    tired = replace(long, past=Past(weeks_hours=(30.0,), month_overtime_h=30.0))
    assert broken(tired, *week, rules=Rules(averaging_weeks=2)) == [("overtime", None)]


def test_a_shift_of_twelve_hours_is_too_long_for_a_day() -> None:
    kind = ShiftType(id="X", start_min=480, length_min=720)
    assert broken(person(), "X", types=(kind,)) == [("day_hours", day(0))]


def test_skills_and_weekdays_of_a_shift() -> None:
    kind = replace(EARLY, skills=("vip",), weekdays=(1,))
    assert broken(person(), "E", types=(kind,)) == [("skill", day(0)), ("weekday", day(0))]
    assert broken(person(skills=("vip",)), "", "E", types=(kind,)) == []


@pytest.mark.parametrize("breaks", [(100,), (400,), (200, 250)])
def test_breaks_outside_their_windows(breaks: tuple[int, ...]) -> None:
    made = plan()
    assert [v.rule for v in violations(made, [duty("王芳", 0, "E", *breaks)])] == ["breaks"]
    assert violations(made, [duty("王芳", 0, "E", 180)]) == []


def test_what_is_not_in_the_plan_and_what_is_there_twice() -> None:
    made = plan()
    found = violations(
        made,
        [duty("x", 0, "E"), duty("王芳", 9, "E"), duty("王芳", 0, "Z"), duty("王芳", 1, "E"), duty("王芳", 1, "L")],
    )
    assert [v.rule for v in found] == ["unknown", "unknown", "unknown", "twice"]


def test_sentences_name_the_person_and_the_numbers() -> None:
    made = plan(person(nights_week_max=3), rules=LOOSE)
    found = violations(made, [duty("王芳", number, "N") for number in range(5)])
    assert [v.text for v in found] == ["王芳 has 5 nights but the contract allows 3"]


@pytest.mark.parametrize(("minute", "said"), [(510, "08:30"), (1_440, "00:00+1"), (1_830, "06:30+1")])
def test_times_for_people(minute: int, said: str) -> None:
    assert clock(minute) == said


@pytest.mark.parametrize(
    "changes",
    [
        {"days": 8},
        {"step_min": 7},
        {"zone": "Mars/Olympus"},
        {"zone": "../etc"},
        {"people": ()},
        {"types": ()},
        {"types": (EARLY, EARLY)},
        {
            "types": (
                ShiftType(
                    id="x", start_min=0, length_min=60, breaks=(Break(length_min=60, earliest_min=0, latest_min=30),)
                ),
            )
        },
        {"types": (ShiftType(id="x", start_min=1_440, length_min=60),)},
        {"people": (Person(id="a"), Person(id="a"))},
        {"people": (Person(id="a", fixed=(Fixed(day=day(0), shift="?"),)),)},
        {"people": (Person(id="a", fixed=(Fixed(day=day(0), shift="E"), Fixed(day=day(0), shift="L"))),)},
    ],
)
def test_a_plan_whose_parts_do_not_fit_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Misuse):
        Plan(**({"first": day(0), "types": TYPES, "people": (person(),)} | changes))  # type: ignore[arg-type]


def test_a_duty_without_a_shift_type_of_the_plan_changes_nothing_else() -> None:
    assert [v.rule for v in violations(plan(types=(LATE,)), [Duty(person="王芳", day=day(0), shift="E")])] == [
        "unknown"
    ]
