"""What hours are paid: by law, by setting, and as the solver sees it."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from forecast.rosters.cost import account
from forecast.rosters.cover import Cover
from forecast.rosters.crew import add_class, amounts, classes
from forecast.rosters.fairness import Fair
from forecast.rosters.frames import frames
from forecast.rosters.mip import Mip, relaxation
from forecast.rosters.model import Absence, Need, Past, Plan, ShiftType, Wish
from forecast.rosters.outcome import Limits
from forecast.rosters.pay import PaidHours, paid_hours, together, weighted
from forecast.rosters.reading import plan_of, read_house
from forecast.rosters.rules import PAY_OF_COUNTRY, Pay, Rules
from forecast.rosters.solve import make
from hotline.errors import Misuse
from tests.unit.forecast.rosters.making import EARLY, NIGHT, by_lot, day, duty, flat, person, plan
from tests.unit.forecast.rosters.test_solve import exact, solved

CHINA = PAY_OF_COUNTRY["CN"]
LONG = ShiftType(id="X", start_min=8 * 60, length_min=600)
"""Ten hours, two of them beyond those of a workday."""
BY_MONTH = Rules(overtime_by="month")
PLAIN_SHIFTS = '[shifts.E]\nstart = "08:00"\nlength = 8\n[[people]]\nid = "1"\n'


def paid(made: Plan, *shifts: tuple[int, str]) -> PaidHours:
    """Return the hours of somebody who has these shifts."""
    return paid_hours(made, [duty("王芳", number, shift) for number, shift in shifts])["王芳"]


def week(*people: Any, **changes: Any) -> Plan:
    """A week from Monday to Sunday, without holidays."""
    types = (EARLY, NIGHT, LONG)
    return plan(*people, **{"types": types, "pay": CHINA, **changes})


def days(shift: str, *numbers: int) -> list[tuple[int, str]]:
    return [(number, shift) for number in numbers]


# --- what counts as what --------------------------------------------------------------------------------------------------


def test_five_days_of_eight_hours_are_usual_be_they_weekend_days_or_not() -> None:
    assert paid(week(), *days("E", 0, 1, 2, 3, 4)) == PaidHours(usual=40.0)
    assert paid(week(), *days("E", 0, 1, 2, 5, 6)) == PaidHours(usual=40.0)


def test_a_sixth_day_is_a_rest_day_without_a_day_off_in_lieu() -> None:
    assert paid(week(), *days("E", 0, 1, 2, 3, 4, 5)) == PaidHours(usual=40.0, rest_day=8.0)


def test_hours_beyond_those_of_the_weeks_workdays_are_overtime() -> None:
    assert paid(week(), *days("X", 0, 1, 2, 3), (4, "E")) == PaidHours(usual=40.0, overtime=8.0)
    assert paid(week(), *days("X", 0, 1, 2)) == PaidHours(usual=30.0)
    assert paid(week(), *days("E", 0, 1, 2, 3, 4), (5, "X")) == PaidHours(usual=40.0, rest_day=10.0)


def test_work_on_a_holiday_is_paid_as_such_and_no_workday() -> None:
    made = week(holidays=(day(3),), statutory=(day(3),))
    assert paid(made, *days("E", 0, 1, 2, 3, 4)) == PaidHours(usual=32.0, holiday=8.0)
    assert paid(made, *days("E", 0, 1, 2, 3, 4, 5)) == PaidHours(usual=32.0, holiday=8.0, rest_day=8.0)


def test_a_rest_day_that_was_moved_around_a_holiday_is_a_rest_day() -> None:
    made = week(holidays=(day(3), day(4)), statutory=(day(3),), workdays=(day(6),))
    assert paid(made, *days("E", 0, 1, 2, 6)) == PaidHours(usual=32.0)
    assert paid(made, *days("E", 0, 1, 2, 4, 6)) == PaidHours(usual=32.0, rest_day=8.0)


def test_of_a_night_the_hours_after_midnight_belong_to_the_day_after() -> None:
    made = week(holidays=(day(3),), statutory=(day(3),))
    night = paid(made, (2, "N"))
    assert (night.usual, night.holiday) == (pytest.approx(8 * 120 / 510), pytest.approx(8 * 390 / 510))
    assert paid(made, (3, "N")).holiday == pytest.approx(8 * 120 / 510)


def test_a_day_of_leave_is_no_day_off_in_lieu() -> None:
    away = person(absences=(Absence(first=day(0), last=day(0)),))
    assert paid(week(away), *days("E", 1, 2, 3, 4, 5)) == PaidHours(usual=32.0, rest_day=8.0)


def test_averaged_over_the_month_a_rest_day_is_a_workday_and_overtime_is_that_of_the_month() -> None:
    made = week(rules=BY_MONTH, holidays=(day(3),), statutory=(day(3),))
    assert paid(made, *days("E", 0, 1, 5, 6)) == PaidHours(usual=32.0)
    assert paid(made, *days("E", 0, 1, 2, 3, 5, 6)) == PaidHours(usual=32.0, holiday=8.0, overtime=8.0)


def test_weeks_begin_on_mondays_and_count_as_far_as_they_are_in_the_plan() -> None:
    made = replace(week(), first=day(3))
    hours = paid(made, *days("E", 3, 4, 5, 7, 8, 9))
    assert hours == PaidHours(usual=40.0, rest_day=8.0), "three days from Thursday to Sunday, three from Monday on"


def test_without_factors_all_hours_are_usual() -> None:
    made = week(holidays=(day(3),), statutory=(day(3),), pay=Pay())
    hours = paid(made, *days("X", 0, 1, 2, 3, 4, 5))
    assert hours == PaidHours(usual=60.0)
    assert weighted(made, hours) == 60.0
    assert made.pay.plain


def test_the_sum_is_in_usual_hours() -> None:
    hours = PaidHours(usual=100.0, overtime=10.0, rest_day=8.0, holiday=16.0)
    assert weighted(week(), hours) == 100 + 15 + 16 + 48
    assert together([hours, hours]) == PaidHours(usual=200.0, overtime=20.0, rest_day=16.0, holiday=32.0)


def test_duties_of_other_days_and_strangers_count_for_nothing() -> None:
    found = paid_hours(week(), [duty("王芳", 9, "E"), duty("王芳", -1, "E"), duty("nobody", 0, "E")])
    assert found == {"王芳": PaidHours()}


# --- files ----------------------------------------------------------------------------------------------------------------


def october(head: str) -> Plan:
    return plan_of(read_house(head + PLAIN_SHIFTS, "x.toml"), date(2026, 10, 1), None, "need", days=31)


def test_in_china_the_law_says_what_is_paid_and_only_on_the_days_that_it_names() -> None:
    made = october('country = "CN"\n')
    assert made.pay == Pay(overtime=1.5, rest_day=2.0, holiday=3.0)
    assert made.statutory == tuple(date(2026, 10, number) for number in (1, 2, 3))
    assert {date(2026, 10, number) for number in (5, 6, 7)} <= set(made.holidays)


@pytest.mark.parametrize("head", ["", 'country = "US"\n', "holidays = [2026-10-05]\n"])
def test_elsewhere_nothing_is_paid_beyond_unless_it_is_said(head: str) -> None:
    made = october(head)
    assert made.pay.plain
    said = replace(made, pay=Pay(holiday=2.0))
    assert not said.pay.plain


def test_factors_can_be_said_and_what_is_not_said_stays() -> None:
    assert october('country = "CN"\n[pay]\nrest_day = 1\n').pay == Pay(overtime=1.5, rest_day=1.0, holiday=3.0)
    made = october('country = "US"\nstatutory = [2026-10-30]\n[pay]\nholiday = 1.5\n')
    assert made.pay == Pay(holiday=1.5)
    assert made.statutory == (date(2026, 10, 12), date(2026, 10, 30)), "Columbus Day, and one more"
    assert october("holidays = [2026-10-05]\n[pay]\nholiday = 2\n").statutory == (date(2026, 10, 5),)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("pay = 3\n", "it is a section"),
        ("[pay]\nholiday = 0.5\n", "holiday is a factor from 1 to 10"),
        ("[pay]\novertime = 150\n", "overtime is a factor from 1 to 10"),
        ("[pay]\nsunday = 2\n", "sunday"),
        ('[pay]\nholiday = "300 %"\n', "holiday"),
    ],
)
def test_a_mistake_in_the_factors_is_one_sentence(section: str, said: str) -> None:
    with pytest.raises(Misuse, match=said):
        read_house(section + PLAIN_SHIFTS, "x.toml")


# --- the solver -----------------------------------------------------------------------------------------------------------


def test_hours_go_where_they_are_cheaper_when_the_need_permits() -> None:
    holiday = {"holidays": (day(3),), "statutory": (day(3),)}
    made = week(person(hours_week_min=40.0, hours_week_max=40.0), types=(EARLY,), rules=Rules(), **holiday)
    usual = {duty.day for duty in solved(made, Limits(gap=0.0)).roster.duties}
    assert day(3) not in usual
    assert len(usual) == 4, "the holiday counts as one of the five days"


def test_a_need_on_a_holiday_is_met_all_the_same() -> None:
    agents = tuple(flat(1, 8, 16, days=1)[0] if number == 3 else (0.0,) * 48 for number in range(7))
    short = replace(EARLY, length_min=480, breaks=())
    made = week(types=(short,), holidays=(day(3),), statutory=(day(3),), needs=(Need(agents=agents),))
    found = solved(made, Limits(gap=0.0))
    assert [duty.day for duty in found.roster.duties] == [day(3)]
    assert account(made, found.roster.duties).short_hours == 0.0


def test_a_sixth_day_goes_to_somebody_else_even_if_he_would_rather_be_free() -> None:
    agents = tuple(flat(1, 8, 16, days=1)[0] if number < 6 else (0.0,) * 48 for number in range(7))
    short = replace(EARLY, length_min=480, breaks=())
    free = tuple(Wish(day=day(number), kind="off", weight=0.5) for number in range(7))
    made = week(
        person("a", hours_week_max=48.0), person("b", wishes=free), types=(short,), needs=(Need(agents=agents),),
        rules=Rules(week_hours_max=48.0, overtime_month_max_h=36.0),
    )  # fmt: skip
    by_law = solved(made, Limits(gap=0.0))
    assert len(by_law.roster.of("a")) == 5
    assert len(by_law.roster.of("b")) == 1
    assert len(solved(replace(made, pay=Pay()), Limits(gap=0.0)).roster.of("a")) == 6


@pytest.mark.parametrize("rules", [Rules(), BY_MONTH], ids=["by the week", "by the month"])
@pytest.mark.parametrize("holiday", [0, 2])
def test_the_best_of_all_rosters_is_found_with_what_is_paid(rules: Rules, holiday: int) -> None:
    made = plan(
        person("a", nights_week_max=1),
        person("b", past=Past(nights=1), absences=(Absence(first=day(1), last=day(1)),)),
        types=(LONG, replace(NIGHT, breaks=())), days=3, needs=(Need(agents=flat(1.5, 8, 24, days=3)),), rules=rules, pay=CHINA,
        holidays=(day(holiday),), statutory=(day(holiday),),
    )  # fmt: skip
    found = solved(made, Limits(gap=0.0))
    assert found.cost == pytest.approx(exact(made))
    assert found.cost > account(replace(made, pay=Pay()), found.roster.duties).cost


@pytest.mark.parametrize(("rules", "seed"), [(Rules(), 1), (BY_MONTH, 2)], ids=["by the week", "by the month"])
def test_costs_of_program_and_account_are_the_same_and_classes_are_a_bound(rules: Rules, seed: int) -> None:
    lot = by_lot(seed, size=3)
    made = replace(
        lot, types=(*lot.types, LONG), rules=rules, pay=CHINA, holidays=(day(3), day(4)), statutory=(day(3),), workdays=(day(5),)
    )  # fmt: skip
    found = make(made, Limits(seconds=20.0, gap=0.02))
    assert account(made, found.roster.duties).cost == pytest.approx(found.cost)
    mip, fair = Mip(), Fair(made)
    groups = [add_class(mip, made, group, fair) for group in classes(made, frames(made))]
    Cover(mip, made, amounts(made, groups, ()))
    assert relaxation(mip, seconds=20.0).bound <= found.cost + 1e-6
