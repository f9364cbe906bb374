"""When somebody is there: weekly hours in a time zone, less closed dates. Flows, queues and outgoing calls go by them. Pure.

Hours are local: 09:00 stays 09:00 when daylight saving changes. An interval includes its first minute and not its last.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from hotline.errors import Misuse

if TYPE_CHECKING:
    from hotline.settings import OpeningHours  # it checks its own hours with the help of this module

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
_INTERVAL = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")

Interval = tuple[int, int]
"""From minute (included) to minute (not included) of a day."""


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """Opening hours."""

    timezone: str
    weekly: Mapping[str, tuple[Interval, ...]]
    """Day of `DAYS` -> intervals; a day that is absent is closed."""
    closed_dates: frozenset[date] = frozenset()

    def is_open(self, now: float) -> bool:
        """Return whether it is open at `now` (seconds since 1970, UTC)."""
        local = datetime.fromtimestamp(now, tz=ZoneInfo(self.timezone))
        if local.date() in self.closed_dates:
            return False
        minute = local.hour * 60 + local.minute
        return any(start <= minute < end for start, end in self.weekly.get(DAYS[local.weekday()], ()))


def always(timezone: str, closed_dates: frozenset[date] = frozenset()) -> Hours:
    """Return hours that are open day and night."""
    return Hours(timezone=timezone, weekly=dict.fromkeys(DAYS, ((0, DAY_MINUTES),)), closed_dates=closed_dates)


def parse_days(text: str) -> tuple[str, ...]:
    """Return the days of `mon`, `mon-fri` or `sat-mon`; an empty tuple when it is none of these."""
    first, dash, last = text.strip().lower().partition("-")
    if not dash:
        last = first
    if first not in DAYS or last not in DAYS:
        return ()
    start, end = DAYS.index(first), DAYS.index(last)
    return tuple(DAYS[(start + i) % 7] for i in range((end - start) % 7 + 1))


def parse_interval(text: str) -> Interval | str:
    """Return the interval of `09:00-18:00`, or a sentence about what is wrong with it."""
    found = _INTERVAL.fullmatch(text.strip())
    if found is None:
        return f"`{text}` is no interval like 09:00-18:00"
    h1, m1, h2, m2 = (int(part) for part in found.groups())
    start, end = h1 * 60 + m1, h2 * 60 + m2
    if m1 > 59 or m2 > 59 or start > DAY_MINUTES or end > DAY_MINUTES:
        return f"`{text}` names a time that does not exist (the last one is 24:00)"
    if start >= end:
        return f"`{text}` ends before it begins; write a night as 22:00-24:00 on one day and 00:00-06:00 on the next"
    return start, end


def parse_date(text: str) -> date | None:
    """Return the date of `2026-10-01`, or None."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def overlaps(intervals: tuple[Interval, ...]) -> bool:
    """Return whether two intervals of one day share a minute."""
    ordered = sorted(intervals)
    return any(later[0] < earlier[1] for earlier, later in itertools.pairwise(ordered))


def of_settings(opening: "OpeningHours") -> Hours:
    """Return the hours of a `[hours]` section; without weekly ones it is always open, but for its closed dates.

    Raises Misuse with everything that is wrong with it (the settings have seen to it that nothing is).
    """
    closed = frozenset(opening.closed_dates)
    if not opening.weekly:
        return always(opening.timezone, closed)
    weekly: dict[str, list[Interval]] = {}
    problems: list[str] = []
    for days, texts in opening.weekly.items():
        spans = [parse_interval(text) for text in texts]
        problems += [span for span in spans if isinstance(span, str)]
        if not parse_days(days):
            problems.append(f"`{days[:40]}` is no day or span of days like mon or mon-fri")
        for day in parse_days(days):
            weekly.setdefault(day, []).extend(span for span in spans if isinstance(span, tuple))
    problems += [f"{day}: two of its spans overlap" for day, spans in weekly.items() if overlaps(tuple(spans))]
    if problems:
        raise Misuse("; ".join(problems))
    return Hours(
        timezone=opening.timezone,
        weekly={day: tuple(sorted(spans)) for day, spans in weekly.items()},
        closed_dates=closed,
    )


def describe(hours: Hours) -> str:
    """Return the hours in one line for people."""
    if all(hours.weekly.get(day) == ((0, DAY_MINUTES),) for day in DAYS):
        week = "day and night"
    else:
        week = ", ".join(
            f"{day} {' '.join(f'{_clock(a)}-{_clock(b)}' for a, b in hours.weekly[day])}"
            for day in DAYS
            if hours.weekly.get(day)
        )
    closed = f"; closed on {', '.join(str(d) for d in sorted(hours.closed_dates))}" if hours.closed_dates else ""
    return f"{week or 'never'} ({hours.timezone}){closed}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def next_closing(hours: Hours, now: float, *, within_days: int = 8) -> float | None:
    """Return the first moment after `now` at which it closes, or None when it does not within so many days.

    It closes at the end of an interval, and at the beginning of a closed date.
    """
    zone = ZoneInfo(hours.timezone)
    first = datetime.fromtimestamp(now, tz=zone).date()
    moments = sorted(
        datetime.combine(day, time(), zone).replace(hour=minute // 60, minute=minute % 60).timestamp()
        for day, minute in _edges(hours, [first + timedelta(days=n) for n in range(within_days + 1)])
    )
    return next((at for at in moments if at > now and not hours.is_open(at) and hours.is_open(at - 1.0)), None)


def _edges(hours: Hours, days: Iterable[date]) -> Iterator[tuple[date, int]]:
    """Yield each day and minute at which it may close; 24:00 is the next day's 0:00."""
    for day in days:
        yield day, 0
        yield from ((day, end) for _, end in hours.weekly.get(DAYS[day.weekday()], ()) if end < DAY_MINUTES)
