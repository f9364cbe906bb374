"""Absences, wishes and fixed shifts from CSV, for houses whose people stand in a table. Pure: texts in, people out.

One line for each: person (工号), date (日期), until (至) where it lasts, kind (类型), shift (班次; several with spaces between), weight (权重),
reason (说明).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from forecast.rosters.model import Absence, Fixed, Person, Wish, WishKind
from forecast.rosters.values import date_of, rows_of
from hotline.errors import Misuse

DAYS_MAX = 366
PAID = frozenset({"absent", "leave", "年假", "病假", "婚假", "产假", "陪产假", "丧假", "调休", "培训", "休假"})
UNPAID = frozenset({"unpaid", "事假"})
WISHES: Mapping[str, WishKind] = {
    "off": "off", "希望休息": "off", "愿休": "off", "shift": "shift", "希望": "shift", "愿上": "shift", "not": "not", "不希望": "not", "不愿": "not",
}  # fmt: skip
FIXED = frozenset({"fixed", "固定"})
OFF = frozenset({"", "off", "休", "休息"})


def with_days(people: Sequence[Person], lines: Iterable[str], source: str) -> tuple[Person, ...]:
    """Return the people with what a file says of their days, behind what is known of them already."""
    found = {person.id: person for person in people}
    for number, row in rows_of(lines, {"date", "kind"}, source):
        where = f"{source}, line {number}"
        name = row.get("person") or row.get("id", "")
        if name not in found:
            raise Misuse(f"{where}: there is no person {name[:40]!r}")
        found[name] = _with(found[name], row, where)
    return tuple(found.values())


def _with(person: Person, row: Mapping[str, str], where: str) -> Person:
    first = date_of(row["date"], where)
    last = date_of(row["until"], where) if row.get("until") else first
    if not first <= last < first + timedelta(days=DAYS_MAX):
        raise Misuse(f"{where}: it ends before it begins, or lasts for more than a year")
    kind = row["kind"].lower()
    shifts = tuple(part for part in re.split(r"[;；、\s]+", row.get("shift", "")) if part)
    if kind in PAID or kind in UNPAID:
        away = Absence(first=first, last=last, reason=row.get("reason") or kind, paid=kind in PAID)
        return replace(person, absences=(*person.absences, away))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    if kind in FIXED:
        shift = "" if row.get("shift", "") in OFF else row["shift"]
        return replace(person, fixed=(*person.fixed, *(Fixed(day=day, shift=shift) for day in days)))
    if kind not in WISHES:
        known = ", ".join([*sorted(PAID | UNPAID), *WISHES, *sorted(FIXED)])
        raise Misuse(f"{where}: there is no kind {row['kind'][:40]!r}; there are {known}")
    return replace(person, wishes=(*person.wishes, *_wishes(days, WISHES[kind], shifts, row, where)))


def _wishes(
    days: Sequence[date], kind: WishKind, shifts: tuple[str, ...], row: Mapping[str, str], where: str
) -> Iterable[Wish]:
    try:
        weight = float(row.get("weight") or 1.0)
    except ValueError:
        weight = 0.0
    if not 0 < weight <= 100:
        raise Misuse(f"{where}: the weight of a wish is a number up to 100")
    if kind != "off" and not shifts:
        raise Misuse(f"{where}: which shift? such a wish names one or more")
    return (Wish(day=day, kind=kind, shifts=shifts, weight=weight) for day in days)
