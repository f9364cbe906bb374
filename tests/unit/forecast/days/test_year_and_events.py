"""The year that people check, events as they are typed, and the commands that show both."""

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forecast.days.calendar import Calendar, Event
from forecast.days.events import events_of
from forecast.days.holidays import calendar_for, local_names
from forecast.days.year import year_of
from hotline.cli.main import app
from hotline.errors import Misuse


def hotline(*words: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["forecast", *words])
    assert done.exit_code == status, done.output
    return done.output


def test_a_year_has_every_day_with_what_it_is_and_both_names() -> None:
    found = {
        day.day: day
        for day in year_of(calendar_for("CN", years=(2026,)), 2026, local_names("CN", years=(2026,), language="zh"))
    }
    assert len(found) == 365
    festival = found[date(2026, 2, 17)]
    assert (festival.off, festival.local_name, festival.spring_days) == (True, "春节", 0)
    assert "makeup" in found[date(2026, 1, 4)].kinds
    assert not found[date(2026, 1, 4)].off
    assert found[date(2026, 7, 8)].is_ordinary
    assert found[date(2026, 7, 8)].spring_days is None


def test_a_name_without_a_translation_is_said_once() -> None:
    calendar = calendar_for("GB-WLS", years=(2026,))
    first = year_of(calendar, 2026, local_names("GB-WLS", years=(2026,), language="zh"))[0]
    assert (first.name, first.local_name) == ("New Year's Day", "")


def test_events_are_seen_in_the_year() -> None:
    sale = Event(name="sale", first=date(2026, 7, 8), last=date(2026, 7, 8))
    day = year_of(Calendar(events=(sale,)), 2026, {})[188]
    assert (day.day, day.events, day.is_ordinary) == (date(2026, 7, 8), ("sale",), False)


def test_events_are_typed_as_a_day_or_from_to() -> None:
    assert events_of(["bill run=2026-03-05", "sale = 2026-03-07..2026-03-09"]) == (
        Event(name="bill run", first=date(2026, 3, 5), last=date(2026, 3, 5)),
        Event(name="sale", first=date(2026, 3, 7), last=date(2026, 3, 9)),
    )


@pytest.mark.parametrize(
    "text", ["sale", "=2026-03-05", "sale=tomorrow", "sale=2026-03-09..2026-03-07", "sale=2020-01-01..2026-01-01"]
)
def test_what_is_no_event_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Misuse, match="event"):
        events_of([text])


def test_the_command_shows_what_is_special_in_both_languages() -> None:
    text = hotline("calendar", "--country", "CN", "--year", "2026")
    assert "2026-01-04 Sun 周日" in text
    assert "make-up workday 调休上班" in text
    assert "National Day" in text
    assert "国庆节" in text
    assert "2026-07-08" not in text
    assert "365 days, 248 working days" in text


def test_the_command_says_when_make_up_days_are_not_published() -> None:
    assert "not published yet" in hotline("calendar", "--country", "CN", "--year", "2060")


def test_programs_get_every_day() -> None:
    told = json.loads(hotline("calendar", "--country", "CN", "--year", "2024", "--json"))
    assert len(told["days"]) == 366
    assert told["spring_festival"] == "2024-02-10"
    assert told["make_up_days_published"]
    assert told["days"][34] == {
        "day": "2024-02-04", "off": False, "name": "", "name_zh": "", "kinds": ["makeup", "spring_before"], "spring_days": -6,
    }  # fmt: skip


def test_the_effects_of_a_file_are_shown(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    start = date(2026, 1, 5).toordinal()
    sales = {40, 75, 89}
    lines = [f"{date.fromordinal(start + n)},{(200 + n % 7 * 30) * (2 if n in sales else 1)}" for n in range(120)]
    file.write_text("date,calls\n" + "\n".join(lines) + "\n")
    events = [word for n in sales for word in ("--event", f"sale={date.fromordinal(start + n)}")]
    told = json.loads(hotline("effects", "--csv", str(file), *events, "--json"))
    sale = next(row for row in told if row["name"] == "event:sale")
    assert sale["days"] == 3
    assert sale["ratio"] == pytest.approx(2.0, rel=0.1)
    assert "event:sale" in hotline("effects", "--csv", str(file), *events)
