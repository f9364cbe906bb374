"""Rosters: published, and changed afterwards."""

from typing import Literal

from hotline.facts.base import Fact


class RosterPublished(Fact, frozen=True, kw_only=True):
    """A roster counts from now on."""

    roster_id: str
    edition: int
    """Grows with every change of the roster."""
    first: str
    """The first day, as `2026-11-23`."""
    days: int
    people: int
    shifts: int
    by: str


class ShiftSwapped(Fact, frozen=True, kw_only=True):
    """Somebody's shift in a roster became another one's, or another one, or was taken off."""

    roster_id: str
    edition: int
    """Of the roster after it."""
    kind: Literal["swap", "give", "off", "shift"]
    person: str
    day: str
    other: str = ""
    """Whom he swapped with, or who has the shift now."""
    other_day: str = ""
    shift: str = ""
    """What he has now, where that is another one."""
    by: str
