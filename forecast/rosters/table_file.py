"""Rosters as CSV, for spreadsheets and back, with English or Chinese heads. Pure.

One line for each duty: person, name, date, shift, start, end (both ISO 8601, local; under Chinese heads with a space between), paid hours, night, breaks (`10:00-10:15 12:30-13:30`).
Reading needs person, date and shift alone; breaks are read where they stand. The **grid** is for people: a line for each of them, a column for
each day.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Literal

from forecast.rosters.model import DAY_MIN, Duty, Plan
from forecast.rosters.values import date_of, minutes, rows_of
from hotline.errors import Misuse

Language = Literal["en", "zh"]
HEADS: Mapping[str, tuple[str, ...]] = {
    "en": ("person", "name", "date", "shift", "start", "end", "hours", "night", "breaks"),
    "zh": ("工号", "姓名", "日期", "班次", "开始", "结束", "工时", "夜班", "休息"),
}
WORDS: Mapping[str, tuple[str, ...]] = {
    "en": ("person", "name", "hours", "nights", "weekend days", "holidays", "absent", "off"),
    "zh": ("工号", "姓名", "工时", "夜班", "周末班", "节假日班", "假", "休"),
}
WEEKDAYS: Mapping[str, tuple[str, ...]] = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "zh": ("一", "二", "三", "四", "五", "六", "日"),
}
CALENDAR: Mapping[str, tuple[str, str]] = {"en": ("holiday", "workday"), "zh": ("节", "班")}
"""How holidays and make-up workdays are marked in the grid's head."""
RISKY = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so would be run by a spreadsheet."""


def local(day: date, minute: int) -> datetime:
    """Return the local moment so many minutes after the midnight of a day."""
    return datetime.combine(day, time()) + timedelta(minutes=minute)


def write_csv(plan: Plan, duties: Iterable[Duty], language: Language = "en") -> str:
    """Return duties as CSV, by person and day."""
    kinds, people = plan.type_of(), plan.person_of()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADS[language])
    for duty in sorted(duties, key=lambda d: (d.person, d.day)):
        kind = kinds[duty.shift]
        begin, between = local(duty.day, kind.start_min), " " if language == "zh" else "T"
        pauses = [
            (begin + timedelta(minutes=at), begin + timedelta(minutes=at + pause.length_min))
            for at, pause in zip(duty.breaks, kind.breaks, strict=False)
        ]
        writer.writerow(
            (
                duty.person, _safe(people[duty.person].name), duty.day, duty.shift, begin.isoformat(between, "minutes"),
                local(duty.day, kind.end_min).isoformat(between, "minutes"), f"{kind.hours:g}", int(kind.night),
                " ".join(f"{a:%H:%M}-{b:%H:%M}" for a, b in pauses),
            )
        )  # fmt: skip
    return out.getvalue()


def grid(plan: Plan, duties: Iterable[Duty], language: Language = "en") -> list[list[str]]:
    """Return a roster as people read it: a head, then a row for each person with his shift on each day and his sums."""
    kinds = plan.type_of()
    has = {(duty.person, duty.day): kinds[duty.shift] for duty in duties}
    person_, name, *sums, absent, off = WORDS[language]
    days = [plan.day(number) for number in range(plan.days)]
    rows = [[person_, name, *(_day_head(plan, day, language) for day in days), *sums]]
    for person in plan.people:
        own = {day: kind for day in days if (kind := has.get((person.id, day))) is not None}
        shifts = [own[day].id if day in own else absent if person.absent(day) else off for day in days]
        counts = (
            sum(kind.night for kind in own.values()),
            sum(plan.is_weekend(day) for day in own),
            sum(plan.is_holiday(day) for day in own),
        )
        hours = f"{sum(kind.hours for kind in own.values()):g}"
        rows.append([person.id, _safe(person.name), *shifts, hours, *map(str, counts)])
    return rows


def _day_head(plan: Plan, day: date, language: Language) -> str:
    holiday, workday = CALENDAR[language]
    mark = f" {holiday}" if plan.is_holiday(day) else f" {workday}" if day in plan.workdays else ""
    return f"{day:%m-%d} {WEEKDAYS[language][day.weekday()]}{mark}"


def write_grid(plan: Plan, duties: Iterable[Duty], language: Language = "en") -> str:
    """Return the grid as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(grid(plan, duties, language))
    return out.getvalue()


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(RISKY) else text


def read_csv(lines: Iterable[str], plan: Plan, source: str) -> list[Duty]:
    """Return the duties of a CSV file, also those of days outside the plan (the weeks before, for instance)."""
    kinds, people = plan.type_of(), plan.person_of()
    found: list[Duty] = []
    for number, row in rows_of(lines, {"date", "shift"}, source):
        where = f"{source}, line {number}"
        name = row.get("person") or row.get("id", "")
        if name not in people:
            raise Misuse(f"{where}: there is no person {name[:40]!r}")
        if row["shift"] not in kinds:
            raise Misuse(f"{where}: there is no shift type {row['shift'][:40]!r}")
        day = date_of(row["date"], where)
        breaks = _breaks(row.get("breaks", ""), kinds[row["shift"]].start_min, where)
        found.append(Duty(person=name, day=day, shift=row["shift"], breaks=breaks))
    return found


def _breaks(text: str, start_min: int, where: str) -> tuple[int, ...]:
    if text and not re.fullmatch(r"(\d{1,2}:\d{2}-\d{1,2}:\d{2} ?)+", text):
        raise Misuse(f"{where}: breaks are written like 10:00-10:15 12:30-13:30")
    return tuple((minutes(part.split("-")[0], where) - start_min) % DAY_MIN for part in text.split())
