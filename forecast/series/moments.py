"""Times as people and programs write them, read into local time. Pure.

One column is written by one hand, so what a single cell leaves open (is 3/4 the third of April or the fourth of March? is 201101 a month
or a day?) is decided by the whole column; what the column leaves open too is an error and no guess.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NoReturn

import numpy as np

from forecast.series.zones import Moments, to_local
from hotline.errors import Misuse

ACCEPTED = (
    "accepted are 2026-03-01 08:30, 2026-03-01T08:30:00+08:00, 2026/3/1 8:30, 20260301 0830, 01.03.2026 08:30, 3/1/2026 8:30 AM, "
    "2026年3月1日 8时30分, days and months such as 2026-03-01, 2026-03, 2026年3月 or Mar 2026, seconds since 1970; "
    "years from 1800 to 2200"
)
FIRST_YEAR, LAST_YEAR = 1800, 2200
_ERA = (np.datetime64(f"{FIRST_YEAR}-01-01"), np.datetime64(f"{LAST_YEAR + 1}-01-01"))
_DAY_AND_CLOCK = re.compile(r"(\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}) (\d{1,2}:\d\d(?::\d\d)?)")
_PLAIN = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = re.compile(
    r"(?P<before>上午|下午|凌晨|早上|晚上)?\s*(?P<h>\d{1,2})(?:[:：时點点](?P<m>\d{1,2})?分?(?:[:：]?(?P<s>\d{1,2})秒?(?:[.,]\d+)?)?)\s*(?P<after>[AaPp]\.?[Mm]\.?)?"
)
_COMPACT_CLOCK = re.compile(r"(?P<h>\d{1,2})(?P<m>\d\d)(?P<s>\d\d)?")
_OFFSET = re.compile(r"\s*(?:(?P<zulu>Z|UTC|GMT)|(?P<sign>[+-])(?P<h>\d\d):?(?P<m>\d\d)?)")
_RANGE = re.compile(r"\s*(?:-|~|–|—|至|到)\s*\d{1,2}[:：时]?\d{0,2}分?(?:[:：]\d{1,2})?")
_WEEKDAY = re.compile(r"[(（]?(?:星期|周)[一二三四五六日天][)）]?")

_YEAR_FIRST = re.compile(r"(?P<y>\d{4})(?:[-/.]|年)(?P<m>\d{1,2})(?:[-/.]|月)(?P<d>\d{1,2})日?(?!\d)")
_COMPACT = re.compile(r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)(?=\D|$|\d{4}$|\d{6}$)")
_YEAR_LAST = re.compile(r"(?P<a>\d{1,2})(?P<sign>[-/.])(?P<b>\d{1,2})[-/.](?P<y>\d{4})(?!\d)")
_NAMED = re.compile(r"(?P<d>\d{1,2})[- ](?P<name>[A-Za-z]{3,9})\.?[-, ]+(?P<y>\d{4})(?!\d)")
_NAMED_FIRST = re.compile(r"(?P<name>[A-Za-z]{3,9})\.? (?P<d>\d{1,2}),? (?P<y>\d{4})(?!\d)")
_MONTH = re.compile(r"(?P<y>\d{4})(?:[-/. Mm]|年)?(?P<m>\d{1,2})月?")
_NAMED_MONTH = re.compile(r"(?P<name>[A-Za-z]{3,9})\.?[- ]?(?P<y>\d{4})")
_SIX = re.compile(r"\d{6}")
_EPOCH = re.compile(r"(\d{10})(?:\.\d+)?|(\d{13})")

Reader = Callable[[str], datetime | None]


def read_moments(texts: Sequence[str], lines: Sequence[int], *, zone: str) -> Moments:
    """Return the local times of a column. Times with an offset are taken to the zone. Raises Misuse, with the line."""
    if all(map(_PLAIN.fullmatch, texts)):
        try:
            moments = np.array(texts, dtype="datetime64[s]")
        except ValueError:
            pass  # one of them does not exist, such as 30 February or 24:00; the careful way takes it or names its line
        else:
            _check_era(moments, texts, lines)
            return moments
    parts = [_DAY_AND_CLOCK.fullmatch(text) for text in texts]
    if parts and all(parts):  # few days and few times of day make many different texts: each is read once
        return read_with_clock([p[1] for p in parts if p], [p[2] for p in parts if p], lines, zone=zone)
    return _carefully(texts, lines, zone)


def read_with_clock(days: Sequence[str], clocks: Sequence[str], lines: Sequence[int], *, zone: str) -> Moments:
    """Return the local times of a column of days (an empty cell repeats the one above) and one of times of day. Raises Misuse."""
    filled: list[str] = []
    for text in days:
        filled.append(text or (filled[-1] if filled else ""))
    first = read_moments(filled, lines, zone=zone).astype("datetime64[D]").astype("datetime64[s]")
    known = {text: clock_seconds(text) for text in dict.fromkeys(clocks)}
    for text, line in zip(clocks, lines, strict=True):
        if known[text] is None:
            raise Misuse(
                f"line {line}: `{text[:40]}` is no time of day; accepted are 08:30, 8:30:00, 0830, 8:30 PM, 8时30分, 8 and 08:30-09:00"
            )
    seconds = np.array([known[text] for text in clocks], dtype="timedelta64[s]")
    moments: Moments = first + seconds
    return moments


def clock_seconds(text: str) -> int | None:
    """Return the seconds after midnight of a time of day (of a span its beginning), or None."""
    found = _CLOCK.match(text)
    if found is not None:
        rest = text[found.end() :]
        return _seconds(found) if not rest or _RANGE.fullmatch(rest) else None
    plain = _RANGE.sub("", text)
    if plain.isdigit() and len(plain) <= 2:
        return int(plain) * 3_600 if int(plain) <= 24 else None
    compact = _COMPACT_CLOCK.fullmatch(plain)
    return None if compact is None else _seconds(compact)


def _seconds(found: re.Match[str]) -> int | None:
    parts = found.groupdict()
    hour, minute, second = (int(parts[name] or 0) for name in ("h", "m", "s"))
    half = (parts.get("after") or "").replace(".", "").lower() or {"下午": "pm", "晚上": "pm"}.get(
        parts.get("before") or "", ""
    )
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "pm" else 0)
    total = hour * 3_600 + minute * 60 + second
    return total if minute < 60 and second < 60 and total <= 86_400 else None


def _check_era(moments: Moments, texts: Sequence[str], lines: Sequence[int]) -> None:
    outside = np.flatnonzero((moments < _ERA[0]) | (moments >= _ERA[1]))
    if outside.size:
        _refuse(texts[int(outside[0])], lines[int(outside[0])])


# --- the careful way: each different text once -------------------------------------------------------------------------------


def _carefully(texts: Sequence[str], lines: Sequence[int], zone: str) -> Moments:
    different = list(dict.fromkeys(texts))
    read = _reader(different)
    found: dict[str, datetime] = {}
    for text in different:
        moment = read(text)
        if moment is None:
            _refuse(text, lines[texts.index(text)])
        found[text] = moment
    aware = {text for text, moment in found.items() if moment.tzinfo is not None}
    if aware and len(aware) < len(found):
        odd = next(text for text in texts if (text in aware) != (texts[0] in aware))
        raise Misuse(
            f"line {lines[texts.index(odd)]}: some times have an offset from UTC and `{odd[:40]}` has not, or the other way round"
        )
    if not aware:
        return np.array([found[text] for text in texts], dtype="datetime64[s]")
    utc = np.array([found[text].astimezone(UTC).replace(tzinfo=None) for text in texts], dtype="datetime64[s]")
    return to_local(utc, zone)


def _refuse(text: str, line: int) -> NoReturn:
    shown = f"`{text[:40]}` is no time" if text else "the time is missing"
    raise Misuse(f"line {line}: {shown}; {ACCEPTED}")


def _reader(different: list[str]) -> Reader:
    """Return what reads a cell of this column."""
    if all(_SIX.fullmatch(text) for text in different):
        months = all(text[:2] in ("19", "20") and 1 <= int(text[4:]) <= 12 for text in different)
        return _six_as_month if months else _six_as_day
    if all(_EPOCH.fullmatch(text) for text in different):
        return _epoch
    day_first = _day_first([found for text in different if (found := _YEAR_LAST.match(text))])

    def read(text: str) -> datetime | None:
        plain = _WEEKDAY.sub(" ", text).strip()
        found = _date_of(plain, day_first)
        return None if found is None else _with_clock(plain, *found)

    return read


def _six_as_month(text: str) -> datetime | None:
    return _made(int(text[:4]), int(text[4:]), 1)


def _six_as_day(text: str) -> datetime | None:
    year = int(text[:2])  # as POSIX has it: 69 to 99 are of the last century
    return _made(year + (1900 if year >= 69 else 2000), int(text[2:4]), int(text[4:]))


def _epoch(text: str) -> datetime | None:
    seconds = float(text) if len(text.split(".", maxsplit=1)[0]) == 10 else int(text) / 1_000
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds))


def _day_first(found: list[re.Match[str]]) -> bool:
    """Return whether the first of 3/4/2026 is the day. Raises Misuse if no cell of the column tells."""
    if not found or any(f["sign"] == "." for f in found):
        return True
    if any(int(f["a"]) > 12 for f in found):
        return True
    if any(int(f["b"]) > 12 for f in found):
        return False
    if len({f["a"] for f in found}) == 1 < len({f["b"] for f in found}):  # neighbouring days are of one month
        return False
    if len({f["b"] for f in found}) == 1 < len({f["a"] for f in found}):
        return True
    raise Misuse(
        f"`{found[0].group()}` may be a day of two months, and no row of the file tells which; write it as 2026-03-01"
    )


def _date_of(text: str, day_first: bool) -> tuple[datetime, int] | None:
    """Return the day at the beginning of a text and where it ends."""
    for pattern in (_YEAR_FIRST, _COMPACT, _YEAR_LAST, _NAMED, _NAMED_FIRST):
        found = pattern.match(text)
        if found is None:
            continue
        made = _made_of(found.groupdict(), day_first)
        return None if made is None else (made, found.end())
    for pattern in (_MONTH, _NAMED_MONTH):
        found = pattern.fullmatch(text)
        if found is not None:
            made = _made_of(found.groupdict() | {"d": "1"}, day_first)
            return None if made is None else (made, len(text))
    return None


def _made_of(parts: dict[str, str], day_first: bool) -> datetime | None:
    year = int(parts["y"])
    if "a" in parts:
        day, month = (parts["a"], parts["b"]) if day_first else (parts["b"], parts["a"])
        return _made(year, int(month), int(day))
    if "name" in parts:
        short = parts["name"][:3].lower()
        return _made(year, _MONTHS.index(short) + 1, int(parts["d"])) if short in _MONTHS else None
    return _made(year, int(parts["m"]), int(parts["d"]))


def _made(year: int, month: int, day: int) -> datetime | None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return None
    try:
        made = date(year, month, day)
    except ValueError:
        return None
    return datetime(made.year, made.month, made.day)  # noqa: DTZ001 - local time, whose zone the caller knows


def _with_clock(text: str, day: datetime, end: int) -> datetime | None:
    """Return the day with the time that follows it, if one does.

    `08:00-07:00` is a span from eight on when no seconds and no T are written; else it is a time seven hours behind UTC.
    """
    rest = text[end:].lstrip("T ,")
    if not rest:
        return day
    found = _CLOCK.match(rest) or _COMPACT_CLOCK.match(rest)
    seconds = None if found is None else _seconds(found)
    if found is None or seconds is None:
        return None
    moment, rest = day + timedelta(seconds=seconds), rest[found.end() :]
    exact = found["s"] is not None or text[end : end + 1] == "T"
    offset = _OFFSET.fullmatch(rest)
    if offset is not None and (exact or offset["zulu"] or offset["sign"] == "+"):
        return _behind(moment, offset)
    return moment if not rest or _RANGE.fullmatch(rest) else None


def _behind(moment: datetime, offset: re.Match[str]) -> datetime:
    """Return the moment with its offset from UTC."""
    minutes = 0 if offset["zulu"] else int(offset["h"]) * 60 + int(offset["m"] or 0)
    ahead = timedelta(minutes=minutes) * (-1 if offset["sign"] == "-" else 1)
    return (moment - ahead).replace(tzinfo=UTC)
