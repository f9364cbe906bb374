"""Plans from TOML and CSV, rosters to CSV and iCalendar and back; one clear sentence for what is wrong."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from forecast.rosters.history import with_past
from forecast.rosters.ical import escape, fold, write_ical
from forecast.rosters.model import Break, Past, Plan, Wish
from forecast.rosters.need_file import read_need
from forecast.rosters.reading import plan_of, read_house, read_people
from forecast.rosters.table_file import read_csv, write_csv
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
