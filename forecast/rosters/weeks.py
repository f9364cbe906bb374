"""The weeks and months of a plan. Pure.

A plan of up to seven days is one week, whatever its first day. A longer one has weeks from Monday to Sunday; at its borders a week may be
**torn**: its other days belong to the plan before or after. What is asked at least of a torn week is its part less one day's hours, so that no
plan is impossible because of what another one left open; what is allowed at most counts the days before as well.
"""

from dataclasses import dataclass
from datetime import date, timedelta

WEEK_DAYS = 7
PLAN_DAYS_MAX = 42
"""Six weeks: a calendar month touches as many."""

Month = tuple[int, int]
"""Year and month."""


@dataclass(frozen=True, kw_only=True)
class Week:
    """The days of a week that are in the plan."""

    number: int
    begin: int
    """The number of its first day in the plan."""
    days: int
    before: int = 0
    """Days of this week before the plan."""
    after: int = 0

    @property
    def end(self) -> int:
        """The number of the day after its last one."""
        return self.begin + self.days

    @property
    def torn(self) -> bool:
        """Whether some of its days are not in the plan."""
        return bool(self.before or self.after)

    @property
    def whole(self) -> bool:
        """Whether it has seven days, in the plan or not: rules about a week's days off are asked of such."""
        return self.before + self.days + self.after == WEEK_DAYS


def weeks_of(first: date, days: int) -> tuple[Week, ...]:
    """Return the weeks of a plan."""
    if days <= WEEK_DAYS:
        return (Week(number=0, begin=0, days=days),)
    found: list[Week] = []
    begin = 0
    while begin < days:
        before = first.weekday() if begin == 0 else 0
        many = min(WEEK_DAYS - before, days - begin)
        found.append(Week(number=len(found), begin=begin, days=many, before=before, after=WEEK_DAYS - before - many))
        begin += many
    return tuple(found)


def month_of_week(first: date, week: Week) -> Month:
    """Return the month that the overtime of a week belongs to: that of its first day, be it in the plan or not."""
    day = first + timedelta(days=week.begin - week.before)
    return day.year, day.month


def months_of(first: date, days: int) -> dict[Month, tuple[int, int]]:
    """Return the months of a plan, each with the number of its first day and of the day after its last one."""
    found: dict[Month, tuple[int, int]] = {}
    for number in range(days):
        day = first + timedelta(days=number)
        begin, _ = found.get((day.year, day.month), (number, number))
        found[day.year, day.month] = begin, number + 1
    return found


def month_days(month: Month) -> list[date]:
    """Return the days of a month."""
    first = date(*month, 1)
    return [day for day in (first + timedelta(days=n) for n in range(31)) if day.month == first.month]
