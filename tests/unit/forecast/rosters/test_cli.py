"""`hotline roster` on plain files: made, checked, swapped, exported; one clear sentence for what is wrong."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hotline.cli.main import app
from hotline.cli.roster.files import span_of_days

PEOPLE = """
[contracts.full]
hours_week = [8, 24]
[shifts.early]
start = "08:00"
length = 4
[shifts.late]
start = "12:00"
length = 4
[[people]]
id = "1"
name = "王芳"
contract = "full"
[[people]]
id = "2"
name = "李伟"
contract = "full"
earliest = "12:00"
"""


def hotline(*words: object) -> Result:
    return CliRunner().invoke(app, ["roster", *map(str, words)])


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with a plan of two people."""
    (tmp_path / "people.toml").write_text(PEOPLE, encoding="utf-8")
    rows = [f"2026-11-{day},{hour:02}:{minute:02},1" for day in (23, 24) for hour in range(8, 16) for minute in (0, 30)]
    (tmp_path / "need.csv").write_text("\n".join(["date,time,agents", *rows]), encoding="utf-8")
    return tmp_path


def make(files: Path, *more: object) -> Result:
    return hotline(
        "make", "--need", files / "need.csv", "--people", files / "people.toml", "--week", "2026-11-23", "--out", files / "roster.csv", *more
    )  # fmt: skip


def test_a_roster_from_files_alone_is_made_checked_and_shown(files: Path) -> None:
    made = make(files, "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert (told["ending"], told["covered"], told["short_hours"], told["paid_hours"]) == ("optimal", 1.0, 0.0, 16.0)
    assert {d["shift"] for d in told["duties"] if d["person"] == "2"} == {"late"}
    roster = ("--people", files / "people.toml")
    assert "every rule is kept" in hotline("check", files / "roster.csv", *roster).output
    shown = hotline("show", files / "roster.csv", *roster, "--need", files / "need.csv").output
    assert "王芳" in shown
    assert "100.0% of the need met" in shown


def test_a_roster_by_hand_that_breaks_a_rule(files: Path) -> None:
    (files / "hand.csv").write_text("person,date,shift\n2,2026-11-23,early\n", encoding="utf-8")
    found = hotline("check", files / "hand.csv", "--people", files / "people.toml", "--json")
    assert found.exit_code == 1
    assert [v["rule"] for v in json.loads(found.stdout)] == ["least_hours", "times", "least_hours"]


def test_a_swap_that_is_allowed_is_written_and_one_that_is_not_says_why(files: Path) -> None:
    rows = [
        "person,date,shift",
        *(
            f"{who},2026-11-{day},{shift}"
            for who, day, shift in ((1, 23, "early"), (1, 24, "late"), (2, 25, "late"), (2, 26, "late"))
        ),
    ]
    (files / "r.csv").write_text("\n".join(rows), encoding="utf-8")
    given = ("swap", files / "r.csv", "--people", files / "people.toml", "--person", "1", "--with", "2")
    refused = hotline(*given, "--day", "2026-11-23", "--with-day", "2026-11-25")
    assert refused.exit_code == 1
    assert "李伟 begins at 08:00 on 2026-11-23, before 12:00" in refused.output
    done = hotline(*given, "--day", "2026-11-24", "--with-day", "2026-11-25", "--out", files / "after.csv")
    assert done.exit_code == 0, done.output
    assert "2,李伟,2026-11-24,late" in (files / "after.csv").read_text(encoding="utf-8")


def test_only_some_are_planned_anew(files: Path) -> None:
    assert make(files).exit_code == 0
    before = (files / "roster.csv").read_text(encoding="utf-8")
    assert make(files, "--from", files / "roster.csv", "--free", "2").exit_code == 0
    after = (files / "roster.csv").read_text(encoding="utf-8")
    assert [row for row in before.splitlines() if row.startswith("1,")] == [
        row for row in after.splitlines() if row.startswith("1,")
    ]


def test_what_stands_before_a_day_stays(files: Path) -> None:
    people = ("--people", files / "people.toml")
    rows = [
        "person,date,shift",
        "1,2026-11-23,late",
        "2,2026-11-24,late",
        "1,2026-11-26,late",
        "1,2026-11-27,late",
        "2,2026-11-28,late",
    ]
    (files / "old.csv").write_text("\n".join(rows), encoding="utf-8")
    assert make(files, "--from", files / "old.csv", "--since", "2026-11-24").exit_code == 0
    shown = (files / "roster.csv").read_text(encoding="utf-8")
    assert "1,王芳,2026-11-23,late" in shown
    assert "2026-11-23,early" not in shown
    assert "1,王芳,2026-11-24,early" in shown
    assert hotline("check", files / "roster.csv", *people).exit_code == 0


def test_calendars_for_all_and_for_each(files: Path) -> None:
    assert make(files).exit_code == 0
    roster = (files / "roster.csv", "--people", files / "people.toml")
    assert hotline("export", *roster).output.count("BEGIN:VEVENT") == 4
    assert hotline("export", *roster, "--each", files).exit_code == 0
    assert (files / "2.ics").read_bytes().count(b"\r\nBEGIN:VEVENT\r\n") == 2
    assert hotline("export", *roster, "--format", "csv", "--person", "1").output.startswith("person,name,date")


def test_rules_that_collide_are_said_and_the_status_is_one(files: Path) -> None:
    text = PEOPLE.replace("hours_week = [8, 24]", "hours_week = [30, 24]")
    (files / "people.toml").write_text(text, encoding="utf-8")
    found = make(files, "--json")
    assert found.exit_code == 1
    told = json.loads(found.stdout)
    assert told["conflicts"][0] == {"person": "1", "text": "王芳: cannot be kept: at least 30 h"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("make", "--need", "x.csv", "--people", "x.toml", "--week", "soon"), "no date"),
        (("make", "--need", "x.csv", "--people", "x.toml", "--week", "2026-11-23"), "no file x.toml"),
        (("make", "--need", "x", "--people", "x", "--week", "2026-11-23", "--free", "1"), "--from"),
        (("make", "--need", "x.csv", "--people", "x.toml"), "say which days"),
        (("make", "--need", "x.csv", "--people", "x.toml", "--month", "2026-13"), "--month"),
        (("make", "--need", "x.csv", "--people", "x.toml", "--month", "2026-12", "--weeks", "2"), "stands alone"),
        (("make", "--need", "x.csv", "--people", "x.toml", "--week", "2026-11-23", "--weeks", "7"), "1 to 6 weeks"),
        (("make", "--need", "x.csv", "--people", "x.toml", "--week", "2026-11-23", "--columns", "fr"), "en or zh"),
        (("check", "x.csv", "--people", "x.toml"), "no file x.csv"),
        (("swap", "--person", "1", "--day", "2026-11-23"), "which roster"),
        (("swap", "--person", "1", "--day", "2026-11-23", "--kind", "x"), "--kind"),
        (("export", "x.csv", "--people", "x.toml", "--format", "pdf"), "--format"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(words: tuple[str, ...], said: str) -> None:
    found = hotline(*words)
    assert found.exit_code == 1
    assert said in found.output


def test_a_plan_of_two_weeks_repeats_the_need_and_says_how_each_week_stands(files: Path) -> None:
    blank = make(files, "--weeks", 2)
    assert "nothing about 12 days" in blank.output.replace("\n", " ")
    made = make(files, "--weeks", 2, "--repeat", "--columns", "zh", "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert [(w["first"], w["covered"]) for w in told["weeks"]] == [("2026-11-23", 1.0), ("2026-11-30", 1.0)]
    assert told["gap_without_pay"] >= told["gap"]
    table = (files / "roster.csv").read_bytes()
    assert table.startswith("\ufeff工号,姓名,日期,班次".encode())
    roster = (files / "roster.csv", "--people", files / "people.toml")
    assert "every rule is kept" in hotline("check", *roster, "--weeks", 2, "--week", "2026-11-23").output
    by_spreadsheet = re.sub(r"2026-(\d\d)-(\d\d)", r"2026/\1/\2", table.decode("utf-8-sig"))
    (files / "roster.csv").write_bytes(by_spreadsheet.encode("gb18030"))
    assert "week of 2026-11-30" in hotline("show", *roster, "--need", files / "need.csv", "--repeat").output
    grid = hotline("export", *roster, "--format", "grid", "--columns", "zh").output.splitlines()
    assert grid[0].startswith("工号,姓名,11-23 一,11-24 二")
    assert grid[1].split(",")[1] == "王芳"


def test_a_month_with_its_holidays_and_what_people_asked_for(files: Path) -> None:
    house = 'country = "CN"\n' + PEOPLE.replace("hours_week = [8, 24]", "hours_week = [0, 24]\nhours_month = [20, 60]")
    (files / "people.toml").write_text(house, encoding="utf-8")
    rows = [f"2026-10-{day:02},{hour:02}:00,1" for day in (1, 9, 10) for hour in range(8, 16)]
    (files / "need.csv").write_text("\n".join(["日期,时间,需求", *rows]), encoding="utf-8")
    (files / "days.csv").write_text("工号,日期,至,类型\n1,2026-10-09,2026-10-10,年假\n", encoding="utf-8")
    made = hotline(
        "make", "--need", files / "need.csv", "--people", files / "people.toml", "--days", files / "days.csv", "--month", "2026-10",
        "--out", files / "r.csv", "--seconds", 10, "--gap", 0.2, "--json",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    duties, pay = told["duties"], told["pay"]
    assert not [d for d in duties if d["person"] == "1" and d["day"] in ("2026-10-09", "2026-10-10")]
    assert pay["factors"] == {"usual": 1.0, "overtime": 1.5, "rest_day": 2.0, "holiday": 3.0}
    assert pay["hours"]["holiday"] > 0
    assert sum(pay["hours"].values()) == told["paid_hours"]
    assert sum(own["hours_as_paid"] for own in pay["people"].values()) == pay["hours_as_paid"] > told["paid_hours"]
    assert sum(d["person"] == "2" for d in duties) * 4 >= 20
    roster = (files / "r.csv", "--people", files / "people.toml", "--month", "2026-10")
    assert hotline("check", *roster, "--days", files / "days.csv").exit_code == 0
    assert f"{pay['hours']['holiday']:g} h at 300% (public holidays); as much as" in hotline("show", *roster).output
    grid = hotline("export", *roster, "--format", "grid", "--columns", "zh").output
    assert "10-01 四 节" in grid
    assert "10-10 六 班" in grid


@pytest.mark.parametrize(
    ("days", "first", "many"),
    [
        (("2026-11-24", "2026-11-29"), "2026-11-23", 7),
        (("2026-11-24", "2026-11-30"), "2026-11-23", 14),
        (("2026-12-02", "2026-12-31"), "2026-12-01", 31),
        (("2026-11-02", "2026-11-29"), "2026-11-02", 28),
        (("2026-11-01", "2026-11-28"), "2026-11-01", 30),
        (("2026-12-07", "2027-01-03"), "2026-12-07", 28),
    ],
)
def test_which_days_a_table_is_about(days: tuple[str, str], first: str, many: int) -> None:
    span = span_of_days([date.fromisoformat(text) for text in days])
    assert (str(span.first), span.days) == (first, many)


def test_rules_that_collide_in_a_week_of_a_month_are_said(files: Path) -> None:
    text = PEOPLE + "absences = [{ first = 2026-12-07, last = 2026-12-13, paid = false }]\n"
    (files / "people.toml").write_text(text, encoding="utf-8")
    found = make(files, "--weeks", 4, "--repeat", "--json")
    assert json.loads(found.stdout)["conflicts"] == [
        {"person": "2", "text": "李伟: cannot be kept together in the week of 2026-12-07: at least 8 h; 7 days absent"}
    ]
