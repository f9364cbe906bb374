"""Values of files: times, dates, durations, rows of tables, and whether they are of the kind that is wanted. Pure.

Every mistake is one Misuse with its place.
"""

import csv
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date
from typing import Any

from hotline.errors import Misuse

COLUMNS = {
    "id": "id", "工号": "id", "name": "name", "姓名": "name", "skills": "skills", "技能": "skills", "contract": "contract", "合同": "contract",
    "date": "date", "日期": "date", "day": "date", "time": "time", "时间": "time", "slot": "time", "start": "start", "from": "start", "ts": "start",
    "agents": "agents", "坐席": "agents", "required": "agents", "skill": "skill", "queue": "skill", "队列": "skill",
    "person": "person", "shift": "shift", "班次": "shift", "end": "end", "breaks": "breaks", "休息": "breaks",
    "需求": "agents", "人数": "agents", "开始": "start", "结束": "end", "工时": "hours", "夜班": "night",
    "until": "until", "至": "until", "结束日期": "until", "kind": "kind", "类型": "kind", "weight": "weight", "权重": "weight",
    "reason": "reason", "说明": "reason",
}  # fmt: skip
"""Headers of CSV files, as people write them."""


def minutes(text: object, where: str) -> int:
    """Return a time of day as minutes after midnight, up to 48:00."""
    found = re.fullmatch(r"(\d{1,2}):(\d{2})(?::00)?", str(text).strip())
    if found is None or int(found[2]) > 59 or int(found[1]) > 48:
        raise Misuse(f"{where}: {str(text)[:40]!r} is no time of day like 08:30")
    return int(found[1]) * 60 + int(found[2])


def duration(value: object, where: str) -> int:
    """Return minutes of `8.5` (hours), `"8:30"` or `"15m"`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return round(value * 60)
    if isinstance(value, str) and (found := re.fullmatch(r"(\d+) ?m(?:in)?", value.strip())):
        return int(found[1])
    return minutes(value, where)


def rows_of(lines: Iterable[str], wanted: set[str], source: str) -> Iterable[tuple[int, dict[str, str]]]:
    """Yield the rows of a CSV file with the number of their lines, headers in our words; columns that we do not know keep theirs."""
    reader = csv.DictReader(lines)
    heads = [
        COLUMNS.get(head.strip().lstrip("\ufeff").lower(), head.strip().lower()) for head in reader.fieldnames or ()
    ]
    if not wanted <= set(heads):
        raise Misuse(f"{source}: the first line must name the columns, and {', '.join(sorted(wanted))} among them")
    reader.fieldnames = heads
    for row in reader:
        yield (
            reader.line_num,
            {k: (v or "").strip() for k, v in row.items() if isinstance(k, str) and not isinstance(v, list)},
        )


def date_of(value: object, where: str) -> date:
    """Return a date, or that of a text like `2026-11-23`; spreadsheets write `2026/11/23`, people `2026年11月23日`."""
    if isinstance(value, date):
        return value
    text = str(value).strip()
    parts = re.fullmatch(r"(\d{4})[/年](\d{1,2})[/月](\d{1,2})日?", text)
    try:
        return date(*map(int, parts.groups())) if parts else date.fromisoformat(text)
    except ValueError as exc:
        raise Misuse(f"{where}: {str(value)[:40]!r} is no date like 2026-11-23") from exc


def no_strangers(given: Mapping[str, Any], known: set[str], where: str) -> None:
    """Raise Misuse for a name that is none of `known`."""
    strange = sorted(set(given) - known)
    if strange:
        raise Misuse(f"{where}: there is no {strange[0]!r}; there are {', '.join(sorted(known))}")


def check_fields(kind: Any, given: Mapping[str, Any], where: str) -> None:
    """Every value must be of the kind of its field: a number, a text, or a list of them."""
    types = {field.name: getattr(field.type, "__name__", str(field.type)) for field in fields(kind)}
    no_strangers(given, set(types), where)
    for name, value in given.items():
        if not _fits(types[name], value):
            raise Misuse(f"{where}: {name} = {str(value)[:40]!r} does not fit")


def _fits(wanted: str, value: Any) -> bool:
    if value is None or wanted.startswith("tuple"):
        return isinstance(value, tuple) if wanted.startswith("tuple") else "None" in wanted
    if wanted.startswith(("int", "float")):
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
        return number and (wanted.startswith("float") or value == int(value))
    return isinstance(value, str)
