"""Plans from TOML and CSV, rosters to CSV and iCalendar and back; one clear sentence for what is wrong."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from forecast.rosters.days_file import with_days
from forecast.rosters.explain import find
from forecast.rosters.history import with_past
from forecast.rosters.ical import escape, fold, write_ical
from forecast.rosters.model import Break, Duty, Past, Plan, Wish
from forecast.rosters.need_file import read_need, untold
from forecast.rosters.reading import plan_of, read_house, read_people
from forecast.rosters.table_file import grid, read_csv, write_csv
from forecast.rosters.values import duration, minutes
from hotline.errors import Misuse
from tests.unit.forecast.rosters.making import day, duty, person, plan

EXAMPLES = Path(__file__).parents[4] / "docs" / "examples"
HOUSE = """
[contracts.full]
hours_week = [32, 44]
earliest = "07:00"
[shifts.day]
start = "08:30"
end = "17:30"
breaks = [{ length = "1:00", after = ["3:00", "4:00"] }]
[shifts.night]
start = "22:00"
end = "06:00"
[[people]]
id = "1"
name = "王芳"
contract = "full"
nights_week_max = 2
wishes = [{ days = [2026-11-24, 2026-11-25] }]
"""


def test_the_example_of_the_documents_is_a_plan() -> None:
    house = read_house((EXAMPLES / "roster.toml").read_text(encoding="utf-8"), "roster.toml")
    made = plan_of(house, date(2026, 11, 23), (EXAMPLES / "roster-need.csv").read_text().splitlines(), "need")
    assert [len(made.people), len(made.types), made.step_min] == [8, 6, 30]
    assert made.person_of()["1003"].contract.nights_week_max == 0


def test_what_a_file_says() -> None:
    house = read_house(HOUSE, "people.toml")
    kind, night = house.types
    assert (kind.start_min, kind.end_min, kind.hours) == (510, 1_050, 8.0)
    assert kind.breaks == (Break(length_min=60, earliest_min=180, latest_min=240),)
    assert (night.end_min, night.night, kind.night) == (1_800, True, False)
    someone = house.people[0]
    assert (someone.contract.hours_week_min, someone.contract.earliest_min, someone.contract.nights_week_max) == (
        32,
        420,
        2,
    )
    assert someone.wishes == (Wish(day=day(1), kind="off"), Wish(day=day(2), kind="off"))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("[contracts.full]\nhours_week = [32, 44]|[contracts.full]\nhours_wek = 3", "hours_wek"),
        ('contract = "full"|contract = "x"', "contract 'x'"),
        ('start = "08:30"|start = "8.30"', "time of day"),
        ('end = "17:30"|', "end or its length"),
        ('after = ["3:00", "4:00"]|after = "3:00"', "after"),
        ('id = "1"|', "id is needed"),
        ("nights_week_max = 2|nights_week_max = -2", "does not fit"),
        ("nights_week_max = 2|nights_week_max = 2.5", "does not fit"),
        ('nights_week_max = 2|shifts = "day"', "does not fit"),
        ("{ days = [2026-11-24, 2026-11-25] }|{ day = 7 }", "no date"),
        ("{ days = [2026-11-24, 2026-11-25] }|{ day = 2026-11-24, weight = 0 }", "weight"),
        ("[[people]]|[people]", "[[people]]"),
        ("[contracts.full]|[contracts.full", "people.toml"),
        ("[shifts.day]|[shift.day]", "shift"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_with_its_place(change: str, word: str) -> None:
    before, after = change.split("|")
    assert before in HOUSE
    with pytest.raises(Misuse, match=r".*") as caught:
        read_house(HOUSE.replace(before, after, 1), "people.toml")
    assert word in str(caught.value)
    assert str(caught.value).startswith("people.toml")


def test_people_from_a_table_with_chinese_headers() -> None:
    contracts = read_house(HOUSE, "x").contracts
    rows = ["\ufeff工号,姓名,技能,合同", "7,张敏,a；b,full", "8,李 雷,,"]
    assert [(p.id, p.name, p.skills, p.contract.id) for p in read_people(rows, contracts, "people.csv")] == [
        ("7", "张敏", ("a", "b"), "full"), ("8", "李 雷", (), "default"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    [
        ["date,time,agents", "2026-11-23,08:30,3", "2026-11-23,09:00,4.5"],
        ["ts,calls,agents", "2026-11-23T08:30,99,3", "2026-11-23T09:00:00,9,4.5"],
        ["日期,时间,坐席", "2026-11-23,08:30,3", "2026-11-23,09:00,4.5"],
    ],
)
def test_need_as_several_programs_write_it(rows: list[str]) -> None:
    step, (need,) = read_need(rows, day(0), 7, "need.csv")
    assert (step, need.agents[0][17], need.agents[0][18], sum(map(sum, need.agents))) == (30, 3.0, 4.5, 7.5)


def test_need_of_several_skills_by_the_hour() -> None:
    step, needs = read_need(["date,time,agents,skill", "2026-11-23,08:00,3,a", "2026-11-23,09:00,4,b"], day(0), 2, "n")
    assert (step, [n.skill for n in needs], len(needs[0].agents[1])) == (60, ["a", "b"], 24)


@pytest.mark.parametrize(
    "row", ["2026-11-23,08:30,-1", "2026-11-23,08:30,nan", "2026-11-23,x,1", "23.11.2026,08:30,1", "2027-01-01,08:30,1"]
)
def test_need_that_is_none(row: str) -> None:
    with pytest.raises(Misuse, match=r"need\.csv"):
        read_need(["date,time,agents", row], day(0), 7, "need.csv")


def test_a_table_without_its_columns() -> None:
    with pytest.raises(Misuse, match="columns"):
        read_need(["a,b", "1,2"], day(0), 7, "need.csv")


def test_times_and_durations() -> None:
    assert [minutes("30:00", "x"), duration(8.5, "x"), duration("8:30", "x"), duration("15m", "x")] == [
        1_800,
        510,
        510,
        15,
    ]


def week() -> tuple[Plan, list[object]]:
    made = plan(person("王芳", id="1"), person("=cmd()", id="2"))
    return made, [duty("1", 0, "E", 210), duty("1", 1, "N", 240), duty("2", 0, "L")]


def test_a_roster_comes_back_from_csv_as_it_was() -> None:
    made, duties = week()
    text = write_csv(made, duties)  # type: ignore[arg-type]
    assert read_csv(text.splitlines(), made, "r.csv") == duties
    assert "1,王芳,2026-11-24,N,2026-11-24T22:00,2026-11-25T06:30,8,1,02:00-02:30" in text
    assert "'=cmd()" in text


@pytest.mark.parametrize("row", ["9,2026-11-23,E,", "1,2026-11-23,Z,", "1,x,E,", "1,2026-11-23,E,noon"])
def test_a_roster_with_a_mistake_names_the_line(row: str) -> None:
    with pytest.raises(Misuse, match=r"r\.csv, line 2"):
        read_csv(["person,date,shift,breaks", row], week()[0], "r.csv")


def calendar(**changes: object) -> list[str]:
    made, duties = week()
    text = write_ical(made, duties, made=datetime(2026, 11, 20, tzinfo=UTC), **changes)  # type: ignore[arg-type]
    assert text.endswith("END:VCALENDAR\r\n")
    return text.split("\r\n")


def test_a_calendar_has_an_event_for_each_duty_in_utc() -> None:
    lines = calendar()
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == 3
    assert "DTSTART:20261123T000000Z" in lines
    assert "DTEND:20261123T090000Z" in lines
    assert "DTSTART:20261124T140000Z" in lines
    assert "SUMMARY:班次 E · 王芳" in lines
    assert all(len(line.encode()) <= 75 for line in lines)


def test_a_newer_version_changes_events_and_makes_no_new_ones() -> None:
    first, second = calendar(version=1), calendar(version=2, language="en")
    uids = [line for line in first if line.startswith("UID:")]
    assert uids == [line for line in second if line.startswith("UID:")]
    assert len(set(uids)) == 3
    assert "SEQUENCE:2" in second


def test_text_is_escaped_and_long_lines_are_folded_between_signs() -> None:
    assert escape("a;b,c\\d\r\ne\x00") == "a\\;b\\,c\\\\d\\ne"
    long = "SUMMARY:" + "班" * 60
    parts = fold(long)
    assert all(len(part.encode()) <= 75 for part in parts)
    assert all(part.startswith(" ") for part in parts[1:])
    assert parts[0] + "".join(part[1:] for part in parts[1:]) == long


def test_what_people_bring_along_is_counted_from_their_past_duties() -> None:
    made = plan(person("a"), person("b"))
    past = [duty("a", -7, "E"), duty("a", -2, "E"), duty("a", -1, "N", 180), duty("b", -20, "N")]
    a, b = with_past(made, past).people
    assert a.past == Past(
        nights=1, weekend_days=2, weeks_hours=(24.0,), month_hours=24.0, days_in_row=2, nights_in_row=1, days_since_night=1, busy_until_min=390,
    )  # fmt: skip
    assert (b.past.days_in_row, b.past.days_since_night, b.past.nights, b.past.weeks_hours) == (
        0,
        20,
        1,
        (8.0, 0.0, 0.0),
    )
    assert with_past(made, past).before == (duty("a", -1, "N", 180),)


def test_a_country_knows_its_holidays_and_make_up_workdays() -> None:
    house = read_house('country = "CN"\nworkdays = [2026-10-11]\n' + HOUSE, "people.toml")
    made = plan_of(house, date(2026, 9, 28), None, "", days=14)
    inside = {d for d in (*made.holidays, *made.workdays) if made.first <= d <= made.last}
    assert date(2026, 10, 1) in made.holidays
    assert (made.is_workday(date(2026, 10, 10)), made.is_workday(date(2026, 10, 7))) == (True, False)
    assert (made.is_weekend(date(2026, 10, 10)), made.is_weekend(date(2026, 10, 4))) == (False, True)
    assert inside >= {date(2026, 10, 11)}
    assert read_house(HOUSE, "x").country == ""


def test_what_people_asked_for_comes_from_a_table() -> None:
    lines = [
        "工号,日期,至,类型,班次,权重,说明",
        "1,2026/11/24,,年假,,,探亲",
        "1,2026年11月25日,2026-11-26,希望,早班 晚班,2,",
        "1,2026-11-27,,固定,休,,",
        "1,2026-11-28,,事假,,,",
    ]
    (someone,) = with_days([person("王芳", id="1")], lines, "days.csv")
    assert [(a.first, a.reason, a.paid) for a in someone.absences] == [(day(1), "探亲", True), (day(5), "事假", False)]
    assert someone.wishes == tuple(Wish(day=day(n), kind="shift", shifts=("早班", "晚班"), weight=2.0) for n in (2, 3))
    assert [(f.day, f.shift) for f in someone.fixed] == [(day(4), "")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("9,2026-11-24,,年假,,", "no person '9'"),
        ("1,2026-11-24,2026-11-23,年假,,", "ends before"),
        ("1,2026-11-24,,度假,,", "there is no kind '度假'"),
        ("1,2026-11-24,,希望,,", "which shift"),
        ("1,2026-11-24,,希望,早,x", "weight"),
        ("1,24.11.,,年假,,", "no date"),
    ],
)
def test_a_mistake_in_that_table_is_told_with_its_line(row: str, said: str) -> None:
    with pytest.raises(Misuse, match=f"line 2: .*{said}"):
        with_days([person(id="1")], ["工号,日期,至,类型,班次,权重", row], "days.csv")


def test_the_need_of_a_week_can_be_repeated() -> None:
    lines = [
        "日期,时间,需求",
        "2026-11-24,08:00:00,2",
        "2026-11-24,08:30:00,3",
        "2026-12-01,08:00,5",
        "2026-12-01,08:30,5",
    ]
    _, (need,) = read_need(lines, date(2026, 11, 16), 21, "need", repeat=True)
    assert [need.agents[n][16] for n in (1, 8, 15)] == [2.0, 2.0, 5.0]
    assert len(untold(lines, date(2026, 11, 16), 21, "need")) == 19


def test_a_table_with_chinese_heads_can_be_read_back() -> None:
    made = plan(person("王芳", id="1"))
    duties = [duty("1", 0, "E", 180), duty("1", 2, "N", 210)]
    written = write_csv(made, duties, "zh")
    assert written.splitlines()[:2] == [
        "工号,姓名,日期,班次,开始,结束,工时,夜班,休息", "1,王芳,2026-11-23,E,2026-11-23 08:00,2026-11-23 17:00,8,0,11:00-12:00",
    ]  # fmt: skip
    assert read_csv(written.splitlines(), made, "r.csv") == duties
    head, row = grid(replace(made, holidays=(day(2),)), duties, "zh")
    assert head[2:5] == ["11-23 一", "11-24 二", "11-25 三 节"]
    assert row == ["1", "王芳", "E", "休", "N", "休", "休", "休", "休", "16", "1", "0", "1"]


def test_a_year_of_history_counts_for_holidays_and_the_torn_week_for_itself() -> None:
    made = plan(person("a"), first=date(2026, 11, 25), days=14, holidays=(date(2026, 1, 1), date(2026, 11, 24)))
    past = [Duty(person="a", day=at, shift="E") for at in (date(2026, 1, 1), date(2026, 11, 16), day(0), day(1))]
    (someone,) = with_past(made, past).people
    known = someone.past
    assert (known.holidays, known.week_hours, known.week_pattern, known.weeks_hours[-1]) == (2, 16.0, 0b11, 8.0)


def test_the_houses_of_the_documents_can_be_planned_over_national_day() -> None:
    for name, first, days in (("bank", date(2026, 9, 28), 14), ("property", date(2026, 10, 1), 31)):
        house = read_house((EXAMPLES / f"roster-{name}.toml").read_text(encoding="utf-8"), name)
        people = house.people
        if name == "bank":
            lines = (EXAMPLES / "roster-bank-people.csv").read_text(encoding="utf-8").splitlines()
            people = tuple(read_people(lines, house.contracts, "people"))
            people = with_days(people, (EXAMPLES / "roster-bank-days.csv").read_text("utf-8").splitlines(), "days")
        need = (EXAMPLES / f"roster-{name}-need.csv").read_text(encoding="utf-8").splitlines()
        made = plan_of(replace(house, people=people), first, need, "need", days=days, repeat=True)
        assert (len(made.people), made.is_holiday(date(2026, 10, 1))) == (100 if name == "bank" else 12, True)
        assert find(made) == []
