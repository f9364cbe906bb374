"""The calendar as models see it. Pure; the holidays of a country come from `forecast.days.holidays`.

A **holiday** is a day on which people are off because of the calendar; a **workday** is a day on which they work: in China a Saturday or a
Sunday can be one (a make-up workday), in Israel the Sunday always is. An **event** is the operator's own: a bill run, a tariff change, a
campaign, an outage.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something of the operator's own that changes how many call."""

    name: str
    """Days of the same name are alike: the effect that was measured on the past ones is expected of those to come."""
    first: date
    last: date
    excluded: bool = False
    """Whether nothing shall be learnt from these days (an outage)."""


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """What is known about days, past and to come. An empty calendar knows weekends only."""

    country: str = ""
    """ISO 3166 code (`CN`, `US`, `IL`, `GB-WLS`); empty: no holidays."""
    weekend: frozenset[int] = frozenset({5, 6})
    """Days of the week on which people are off, Monday is 0."""
    holidays: Mapping[date, str] = field(default_factory=dict)
    """Day -> name in English; for every year that history or forecast touches."""
    minor: Mapping[date, str] = field(default_factory=dict)
    """Day -> name of days that are kept, but on which most people work: half days, school and bank holidays, optional ones."""
    workdays: frozenset[date] = frozenset()
    """Days of the weekend on which people work instead (make-up workdays)."""
    spring_festivals: tuple[date, ...] = ()
    """The first days of the Chinese years, ascending."""
    events: Sequence[Event] = ()
    closed: frozenset[date] = frozenset()
    """Days on which the queue is closed."""
    unpublished: frozenset[int] = frozenset()
    """Years whose make-up workdays are not published yet (or are not known): their holidays stand, the days moved around them do not."""

    def is_off(self, day: date) -> bool:
        """Return whether people are off on this day."""
        if day in self.holidays:
            return True
        return day.weekday() in self.weekend and day not in self.workdays
