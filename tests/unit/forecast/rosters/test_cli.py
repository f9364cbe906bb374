"""`hotline roster` on plain files: made, checked, swapped, exported; one clear sentence for what is wrong."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hotline.cli.main import app

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
