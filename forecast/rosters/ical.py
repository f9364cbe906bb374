"""Rosters as iCalendar (RFC 5545), for calendars on phones. Pure.

One event for each duty, in UTC, so that no definition of a time zone has to travel along. Its UID stays the same for as long as person and
day do: a calendar that reads a newer version of the roster changes the event and makes no second one (`SEQUENCE` says which is newer).
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from forecast.rosters.check import clock
from forecast.rosters.model import Duty, Plan
from forecast.rosters.table_file import local

LINE_OCTETS = 75
"""RFC 5545, section 3.1: a line has at most so many octets, its end not counted."""
WORDS = {
    "en": {"shift": "Shift", "breaks": "Breaks", "hours": "paid hours"},
    "zh": {"shift": "班次", "breaks": "休息", "hours": "计薪小时"},
}


def write_ical(
    plan: Plan,
    duties: Iterable[Duty],
    *,
    made: datetime,
    version: int = 1,
    language: str = "zh",
    domain: str = "hotline",
) -> str:
    """Return the duties as one calendar. `made` is now; `version` grows with each publication."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//hotline//rosters//EN", "CALSCALE:GREGORIAN", "METHOD:PUBLISH"]
    for duty in sorted(duties, key=lambda d: (d.person, d.day)):
        lines += _event(plan, duty, made, version, WORDS[language], domain)
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in fold(line))


def _event(plan: Plan, duty: Duty, made: datetime, version: int, words: dict[str, str], domain: str) -> Iterator[str]:
    kind, person, zone = plan.type_of()[duty.shift], plan.person_of()[duty.person], ZoneInfo(plan.zone)
    pauses = [
        f"{clock(kind.start_min + at)}-{clock(kind.start_min + at + pause.length_min)}"
        for at, pause in zip(duty.breaks, kind.breaks, strict=False)
    ]
    said = [f"{kind.hours:g} {words['hours']}"] + ([f"{words['breaks']}: {', '.join(pauses)}"] if pauses else [])
    yield "BEGIN:VEVENT"
    yield f"UID:{uid(duty.person, duty.day, domain)}"
    yield f"DTSTAMP:{utc(made)}"
    yield f"SEQUENCE:{version}"
    yield f"DTSTART:{utc(local(duty.day, kind.start_min).replace(tzinfo=zone))}"
    yield f"DTEND:{utc(local(duty.day, kind.end_min).replace(tzinfo=zone))}"
    summary = escape(f"{words['shift']} {kind.id} · {person.called}")
    yield f"SUMMARY:{summary}"
    yield "DESCRIPTION:" + escape("\n".join(said))
    yield "END:VEVENT"


def uid(person: str, day: date, domain: str) -> str:
    """Return the id of somebody's event on a day; nobody can read the person in it."""
    return f"{hashlib.sha256(f'{person}/{day}'.encode()).hexdigest()[:32]}@{domain}"


def utc(moment: datetime) -> str:
    """Return a moment as RFC 5545 writes it."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def escape(text: str) -> str:
    """Return a TEXT value (RFC 5545, section 3.3.11)."""
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\r\n", "\\n"), ("\n", "\\n"), ("\r", "\\n")):
        text = text.replace(plain, escaped)
    return "".join(sign for sign in text if sign >= " " or sign == "\t")


def fold(line: str) -> list[str]:
    """Return a line in parts of at most 75 octets; no sign of more than one octet is cut, and all but the first begin with a space."""
    parts, part = [], ""
    for sign in line:
        if len((part + sign).encode()) > LINE_OCTETS:
            parts.append(part)
            part = " "
        part += sign
    return [*parts, part]
