"""Rosters as CSV, for spreadsheets and back. Pure.

One line for each duty: person, name, date, shift, start, end (both ISO 8601, local), paid hours, night, breaks (`10:00-10:15 12:30-13:30`).
Reading needs person, date and shift alone; breaks are read where they stand.
"""

import csv
import io
import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from forecast.rosters.model import DAY_MIN, Duty, Plan
from forecast.rosters.values import minutes, rows_of
from hotline.errors import Misuse

HEAD = ("person", "name", "date", "shift", "start", "end", "hours", "night", "breaks")
RISKY = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so would be run by a spreadsheet."""


def local(day: date, minute: int) -> datetime:
    """Return the local moment so many minutes after the midnight of a day."""
    return datetime.combine(day, time()) + timedelta(minutes=minute)


def write_csv(plan: Plan, duties: Iterable[Duty]) -> str:
    """Return duties as CSV, by person and day."""
    kinds, people = plan.type_of(), plan.person_of()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEAD)
    for duty in sorted(duties, key=lambda d: (d.person, d.day)):
        kind = kinds[duty.shift]
        begin = local(duty.day, kind.start_min)
        pauses = [
            (begin + timedelta(minutes=at), begin + timedelta(minutes=at + pause.length_min))
            for at, pause in zip(duty.breaks, kind.breaks, strict=False)
        ]
        writer.writerow(
            (
                duty.person, _safe(people[duty.person].name), duty.day, duty.shift, begin.isoformat(timespec="minutes"),
                local(duty.day, kind.end_min).isoformat(timespec="minutes"), f"{kind.hours:g}", int(kind.night),
                " ".join(f"{a:%H:%M}-{b:%H:%M}" for a, b in pauses),
            )
        )  # fmt: skip
    return out.getvalue()


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(RISKY) else text


def read_csv(lines: Iterable[str], plan: Plan, source: str) -> list[Duty]:
    """Return the duties of a CSV file, also those of days outside the plan (the weeks before, for instance)."""
    kinds, people = plan.type_of(), plan.person_of()
    found: list[Duty] = []
    for number, row in rows_of(lines, {"person", "date", "shift"}, source):
        where = f"{source}, line {number}"
        if row["person"] not in people:
            raise Misuse(f"{where}: there is no person {row['person'][:40]!r}")
        if row["shift"] not in kinds:
            raise Misuse(f"{where}: there is no shift type {row['shift'][:40]!r}")
        try:
            day = date.fromisoformat(row["date"])
        except ValueError as exc:
            raise Misuse(f"{where}: {row['date'][:40]!r} is no date like 2026-11-23") from exc
        breaks = _breaks(row.get("breaks", ""), kinds[row["shift"]].start_min, where)
        found.append(Duty(person=row["person"], day=day, shift=row["shift"], breaks=breaks))
    return found


def _breaks(text: str, start_min: int, where: str) -> tuple[int, ...]:
    if text and not re.fullmatch(r"(\d{1,2}:\d{2}-\d{1,2}:\d{2} ?)+", text):
        raise Misuse(f"{where}: breaks are written like 10:00-10:15 12:30-13:30")
    return tuple((minutes(part.split("-")[0], where) - start_min) % DAY_MIN for part in text.split())
