"""What a calendar thinks of each day of a year, for people who check it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from forecast.days.calendar import Calendar
from forecast.days.features import KINDS, SPRING_AFTER, SPRING_BEFORE, SPRING_DURING, features


@dataclass(frozen=True, kw_only=True)
class DayOfYear:
    """One day."""

    day: date
    off: bool
    """Whether people are off."""
    name: str
    """Of the holiday or minor holiday, in English; empty on other days."""
    local_name: str
    """The same in another language, where there is a translation."""
    events: tuple[str, ...]
    """The operator's own."""
    kinds: tuple[str, ...]
    """What models see in the day (`forecast.days.features.KINDS`)."""
    spring_days: int | None
    """Days from the first day of the Chinese year, near it; None elsewhere."""

    @property
    def is_ordinary(self) -> bool:
        """Whether there is nothing to say but the day of the week and the place in the month."""
        return not (set(self.kinds) - {"off", "payday", "payday_after"} or self.name or self.events)


def year_of(calendar: Calendar, year: int, local: Mapping[date, str]) -> tuple[DayOfYear, ...]:
    """Return every day of a year; `local` has the names in another language."""
    days = np.arange(f"{year}-01-01", f"{year + 1}-01-01", dtype="datetime64[D]")
    found = features(days, calendar)
    return tuple(
        DayOfYear(
            day=day,
            off=calendar.is_off(day),
            name=calendar.holidays.get(day) or calendar.minor.get(day, ""),
            local_name=_translated(local.get(day, ""), calendar.holidays.get(day) or calendar.minor.get(day, "")),
            events=tuple(event.name for event in calendar.events if event.first <= day <= event.last),
            kinds=tuple(name for name, value in zip(KINDS, found.kinds[at], strict=True) if value),
            spring_days=_near(int(found.spring[at])),
        )
        for at, day in enumerate(days.tolist())
    )


def _translated(local: str, english: str) -> str:
    """A name that has no translation is not said twice."""
    return "" if local == english else local


def _near(distance: int) -> int | None:
    return distance if -SPRING_BEFORE <= distance < SPRING_DURING + SPRING_AFTER else None
