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
        {"days": 43},
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


def month(someone: Person, *numbers: int, **changes: object) -> list[tuple[str, str]]:
    """What is wrong with early shifts on these days of December 2026, by the words about it."""
    first = date(2026, 12, 1)
    made = Plan(**({"first": first, "days": 31, "types": TYPES, "people": (someone,)} | changes))  # type: ignore[arg-type]
    duties = [Duty(person=someone.id, day=made.day(number), shift="E") for number in numbers]
    return [(v.rule, v.text) for v in violations(made, duties)]


WEEKDAYS = (0, 1, 2, 3, 6, 7, 8, 9, 10, 13, 14, 15, 16, 17, 20, 21, 22, 23, 24, 27, 28, 29, 30)


def test_hours_of_a_month_have_a_least_and_a_most() -> None:
    assert month(person("a", hours_month_max=184.0, hours_month_min=184.0), *WEEKDAYS) == []
    assert month(person("a", hours_month_max=180.0), *WEEKDAYS) == [
        ("month_hours", "a works 184 h in the month of 2026-12; the contract allows 180 h")
    ]
    assert month(person("a", hours_month_min=190.0), *WEEKDAYS) == [
        ("least_month", "a works 184 h in the month of 2026-12; the contract says at least 190 h")
    ]
    away = (Absence(first=date(2026, 12, 7), last=date(2026, 12, 13)),)
    assert month(person("a", hours_month_min=189.0, absences=away), *(n for n in WEEKDAYS if not 6 <= n < 13)) == []


def test_overtime_of_a_month_is_counted_from_its_workdays() -> None:
    rules = Rules(overtime_by="month", overtime_month_max_h=8.0)
    assert month(person("a"), *WEEKDAYS, 5, rules=rules) == []
    assert month(person("a"), *WEEKDAYS, 4, rules=rules, holidays=(date(2026, 12, 31),))[-1] == (
        "overtime", "a has 16 h of overtime in the month of 2026-12; 8 h are the most"
    )  # fmt: skip
    assert (
        month(person("a"), *WEEKDAYS, 4, rules=rules, workdays=(date(2026, 12, 5),), holidays=(date(2026, 12, 31),))
        == []
    )


def test_overtime_by_weeks_adds_up_over_the_weeks_of_a_month() -> None:
    rules = Rules(week_hours_max=48, overtime_month_max_h=7.0)
    six = (6, 7, 8, 9, 10, 11)
    assert month(person("a", hours_week_max=48), *six, rules=rules) == [
        ("overtime", "a has 8 h of overtime in the month of 2026-12; 7 h are the most")
    ]
    assert (
        month(person("a", hours_week_max=48, past=Past(month_overtime_h=30.0)), *six, rules=rules)[0][0] == "overtime"
    )
    both = Rules(week_hours_max=48, overtime_month_max_h=15.0)
    assert month(person("a", hours_week_max=48), *six, *(n + 7 for n in six), rules=both)[0][0] == "overtime"


def test_each_week_of_a_plan_has_its_own_limits_and_is_named() -> None:
    assert month(person("a", hours_week_min=40), *(n for n in WEEKDAYS if n != 14)) == [
        ("least_hours", "a works 32 h in the week of 2026-12-14; the contract says at least 40 h")
    ]
    assert [rule for rule, _ in month(person("a", days_week_max=4), *WEEKDAYS)] == ["days_week"] * 3


def test_a_week_with_a_holiday_asks_for_less() -> None:
    assert (
        month(person("a", hours_week_min=40), *(n for n in WEEKDAYS if n != 14), holidays=(date(2026, 12, 15),)) == []
    )


def test_the_last_days_of_a_torn_week_may_be_worked_off_later() -> None:
    assert month(person("a", hours_week_min=40), *WEEKDAYS[:-2]) == []


def test_runs_go_over_the_borders_of_weeks() -> None:
    assert month(person("a", days_in_row_max=3), 4, 5, 6, 7) == [
        ("days_in_row", "a works more than 3 days in a row on 2026-12-08")
    ]


def test_shift_types_of_workdays_follow_the_calendar() -> None:
    office = replace(EARLY, id="O", only="workdays")
    saturday, monday = day(5), day(7)
    made = plan(person("a"), days=14, types=(office,), workdays=(saturday,), holidays=(monday,))
    duties = [Duty(person="a", day=at, shift="O") for at in (saturday, monday)]
    assert [(v.rule, v.day) for v in violations(made, duties)] == [("weekday", monday)]
    off = replace(made, types=(replace(office, only="days_off"),))
    assert [(v.rule, v.day) for v in violations(off, duties)] == [("weekday", saturday)]
