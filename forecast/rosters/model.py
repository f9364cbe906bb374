"""People, shift types, need, and the shifts that people have: the records of rosters. Pure.

A **shift type** is a time of the day at which somebody may work, with its breaks. A **duty** is one person's shift on one day, its breaks
placed. A **plan** is everything that a roster of some weeks has to go by; a **roster** is its answer. Times of day are minutes after the local
midnight of the day on which a shift begins; a shift that goes on past midnight has an end beyond 1440. Hours are those of a day without
a change of the clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from forecast.rosters.rules import Contract, Costs, Pay, Rules
from forecast.rosters.weeks import PLAN_DAYS_MAX, WEEK_DAYS, Week, weeks_of
from hotline.errors import Misuse

DAY_MIN = 1_440
DAYS_FOR_A_WEEK = 5
"""A day of paid absence counts as this part of the week's hours."""
PEOPLE_LIMIT = 2_000
TYPES_LIMIT = 1_000

WishKind = Literal["off", "shift", "not"]


@dataclass(frozen=True, kw_only=True)
class Break:
    """A break of a shift."""

    length_min: int
    earliest_min: int
    """When it may begin at the earliest, in minutes after the beginning of the shift."""
    latest_min: int
    """When it may begin at the latest."""
    paid: bool = False


@dataclass(frozen=True, kw_only=True)
class ShiftType:
    """A time of the day at which somebody may work."""

    id: str
    start_min: int
    length_min: int
    breaks: tuple[Break, ...] = ()
    """In their order; their windows do not overlap."""
    night: bool = False
    skills: tuple[str, ...] = ()
    """Who has none of these cannot have it; empty: everybody can."""
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    only: Literal["", "workdays", "days_off"] = ""
    """Whether it exists on workdays of the calendar alone (make-up workdays are some, holidays are none), or on all other days alone."""

    @property
    def end_min(self) -> int:
        """When it ends, in minutes after the midnight of the day on which it begins."""
        return self.start_min + self.length_min

    @property
    def hours(self) -> float:
        """The paid hours: all but the unpaid breaks."""
        return (self.length_min - sum(b.length_min for b in self.breaks if not b.paid)) / 60


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Something that a person would like. It may be left unfulfilled, at a cost."""

    day: date
    kind: WishKind
    """`off`: no shift that day; `shift`: one of `shifts`; `not`: none of `shifts`."""
    shifts: tuple[str, ...] = ()
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Absence:
    """Days on which a person cannot work."""

    first: date
    last: date
    reason: str = ""
    paid: bool = True
    """Whether these days count for the hours of the contract."""


@dataclass(frozen=True, kw_only=True)
class Past:
    """What a person brings along from the weeks before; see `forecast.rosters.history`."""

    nights: int = 0
    """Nights of the weeks that fairness looks back on."""
    weekend_days: int = 0
    holidays: int = 0
    """Public holidays worked in the past year."""
    weeks_hours: tuple[float, ...] = ()
    """Hours of the past weeks, the last one last."""
    month_hours: float = 0.0
    """Hours of the month before the first day."""
    month_overtime_h: float = 0.0
    """Overtime of the past weeks of the month that the first week belongs to."""
    week_hours: float = 0.0
    """Where the plan begins within a week (see `forecast.rosters.weeks`): the hours of that week's days before it,"""
    week_nights: int = 0
    """their nights,"""
    week_pattern: int = 0
    """and on which of them he worked, as bits; bit 0 is Monday."""
    days_in_row: int = 0
    """Working days just before the first day."""
    nights_in_row: int = 0
    days_since_night: int | None = None
    """1: the day before the first was a night. None: no night of late."""
    busy_until_min: int | None = None
    """When the last shift ends, in minutes after the first midnight: not positive, but for a night. None: long ago."""


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """What a person does on a day, whatever else happens: agreed on, or published."""

    day: date
    shift: str = ""
    """Empty: a day off."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who works in shifts."""

    id: str
    name: str = ""
    skills: tuple[str, ...] = ()
    contract: Contract = field(default_factory=Contract)
    fixed: tuple[Fixed, ...] = ()
    absences: tuple[Absence, ...] = ()
    wishes: tuple[Wish, ...] = ()
    past: Past = field(default_factory=Past)

    @property
    def called(self) -> str:
        """The name, or the id where there is none."""
        return self.name or self.id

    def absent(self, day: date) -> bool:
        """Return whether this person cannot work on that day."""
        return any(a.first <= day <= a.last for a in self.absences)


@dataclass(frozen=True, kw_only=True)
class Need:
    """How many agents are needed, for one skill: every slot of every day of the plan."""

    skill: str = ""
    """Who has it serves it; empty: everybody does."""
    agents: tuple[tuple[float, ...], ...]
    """Day by day, slot by slot from midnight on."""


@dataclass(frozen=True, kw_only=True)
class Duty:
    """One person's shift on one day."""

    person: str
    day: date
    shift: str
    breaks: tuple[int, ...] = ()
    """When each break of the shift type begins, in minutes after the beginning of the shift; empty: not placed yet."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that a roster of up to six weeks has to go by. Raises Misuse when its parts do not fit together."""

    first: date
    days: int = WEEK_DAYS
    step_min: int = 30
    """The length of a slot."""
    types: tuple[ShiftType, ...]
    people: tuple[Person, ...]
    needs: tuple[Need, ...] = ()
    rules: Rules = field(default_factory=Rules)
    costs: Costs = field(default_factory=Costs)
    before: tuple[Duty, ...] = ()
    """Duties of the day before the first, whose nights reach into it."""
    zone: str = "Asia/Shanghai"
    holidays: tuple[date, ...] = ()
    """Public holidays, those moved by the government included; also beyond the plan, for the normal hours of its months."""
    workdays: tuple[date, ...] = ()
    """Days of the weekend on which people work instead (make-up workdays)."""
    pay: Pay = field(default_factory=Pay)
    statutory: tuple[date, ...] = ()
    """The holidays on which work is paid by `Pay.holiday`: those that the law names, without the rest days that are moved around them."""
    luckiest: tuple[int, int, int] | None = None
    """Past nights, weekend days and holidays of those who had fewest; None: as the people say. A week of a longer plan has those of all of it."""

    def __post_init__(self) -> None:
        _check_size(self)
        _check_types(self)
        _check_people(self)
        _check_needs(self)

    @property
    def last(self) -> date:
        """The last day."""
        return self.first + timedelta(days=self.days - 1)

    @property
    def slots(self) -> int:
        """The number of slots of a day."""
        return DAY_MIN // self.step_min

    def day(self, number: int) -> date:
        """Return the day of a number from 0 on."""
        return self.first + timedelta(days=number)

    def type_of(self) -> Mapping[str, ShiftType]:
        """Return the shift types by id."""
        return {t.id: t for t in self.types}

    def person_of(self) -> Mapping[str, Person]:
        """Return the people by id."""
        return {p.id: p for p in self.people}

    @property
    def weeks(self) -> tuple[Week, ...]:
        """The weeks of the plan."""
        return weeks_of(self.first, self.days)

    def fewest(self) -> tuple[int, int, int]:
        """Return the past nights, weekend days and holidays of those who had fewest: fairness counts what others had beyond them."""
        if self.luckiest is not None:
            return self.luckiest
        past = [person.past for person in self.people]
        return min(p.nights for p in past), min(p.weekend_days for p in past), min(p.holidays for p in past)

    def is_weekend(self, day: date) -> bool:
        """Return whether a day is one of those that are shared out fairly; a make-up workday is none, a holiday is shared out by itself."""
        return day.weekday() in self.rules.weekend and day not in self.workdays and day not in self.holidays

    def is_holiday(self, day: date) -> bool:
        """Return whether a day is a public holiday."""
        return day in self.holidays

    def is_workday(self, day: date) -> bool:
        """Return whether people work on a day, as the calendar says."""
        return day not in self.holidays and (day.weekday() not in self.rules.weekend or day in self.workdays)

    def has_type(self, kind: ShiftType, day: date) -> bool:
        """Return whether a shift type exists on a day."""
        return day.weekday() in kind.weekdays and (not kind.only or (kind.only == "workdays") == self.is_workday(day))


@dataclass(frozen=True, kw_only=True)
class Roster:
    """Who works when: the answer to a plan."""

    first: date
    days: int
    duties: tuple[Duty, ...]
    """By day and person; one for each person and day."""

    def of(self, person: str) -> Sequence[Duty]:
        """Return the duties of one person in the order of days."""
        return [duty for duty in self.duties if duty.person == person]


def roster(plan: Plan, duties: Iterable[Duty]) -> Roster:
    """Return the roster of these duties, in order."""
    return Roster(first=plan.first, days=plan.days, duties=tuple(sorted(duties, key=lambda d: (d.day, d.person))))


def night_minutes(start_min: int, length_min: int, rules: Rules) -> int:
    """Return how many minutes of a shift lie in the night."""
    end = start_min + length_min
    nights = ((rules.night_from_min + shift, rules.night_until_min + shift) for shift in (-DAY_MIN, 0, DAY_MIN))
    return sum(max(min(end, until) - max(start_min, begin), 0) for begin, until in nights)


def may_have(person: Person, kind: ShiftType) -> bool:
    """Return whether a person can have a shift type, by skills and contract alone."""
    contract = person.contract
    return (
        (not contract.shifts or kind.id in contract.shifts)
        and contract.earliest_min <= kind.start_min
        and kind.end_min <= contract.latest_min
        and (not kind.skills or bool(set(kind.skills) & set(person.skills)))
    )


def _check_size(plan: Plan) -> None:
    if not 1 <= plan.days <= PLAN_DAYS_MAX:
        raise Misuse(f"a plan has 1 to {PLAN_DAYS_MAX} days, not {plan.days}")
    try:
        ZoneInfo(plan.zone)
    except (KeyError, ValueError, OSError) as exc:  # what zoneinfo raises for names that are none
        raise Misuse(f"there is no time zone {plan.zone[:40]!r}") from exc
    if plan.step_min < 5 or DAY_MIN % plan.step_min:
        raise Misuse(f"slots of {plan.step_min} minutes do not fill a day")
    if len(plan.people) > PEOPLE_LIMIT or len(plan.types) > TYPES_LIMIT:
        raise Misuse(f"a plan has at most {PEOPLE_LIMIT} people and {TYPES_LIMIT} shift types")
    if not plan.people or not plan.types:
        raise Misuse("a plan needs people and shift types: one of them is missing")


def _check_types(plan: Plan) -> None:
    if len(plan.type_of()) != len(plan.types):
        raise Misuse("two shift types have the same id")
    for kind in plan.types:
        if not 0 <= kind.start_min < DAY_MIN or not 0 < kind.length_min <= DAY_MIN:
            raise Misuse(f"shift {kind.id}: it must begin within the day and last up to 24 hours")
        _check_breaks(kind)


def _check_breaks(kind: ShiftType) -> None:
    free = 0
    for pause in kind.breaks:
        if pause.length_min <= 0 or not free <= pause.earliest_min <= pause.latest_min:
            raise Misuse(f"shift {kind.id}: the windows of its breaks must follow each other without overlap")
        free = pause.latest_min + pause.length_min
    if free > kind.length_min:
        raise Misuse(f"shift {kind.id}: a break may last beyond the end of the shift")


def _check_people(plan: Plan) -> None:
    if len(plan.person_of()) != len(plan.people):
        raise Misuse("two people have the same id")
    known = plan.type_of()
    for person in plan.people:
        days = [f.day for f in person.fixed]
        if len(set(days)) != len(days):
            raise Misuse(f"{person.called} has two fixed shifts on one day")
        named = [f.shift for f in person.fixed if f.shift] + [s for w in person.wishes for s in w.shifts]
        unknown = next((s for s in (*named, *person.contract.shifts) if s not in known), None)
        if unknown is not None:
            raise Misuse(f"{person.called}: there is no shift type {unknown[:40]!r}")


def _check_needs(plan: Plan) -> None:
    if len({need.skill for need in plan.needs}) != len(plan.needs):
        raise Misuse("the need of one skill is told twice")
    for need in plan.needs:
        if len(need.agents) != plan.days or any(len(day) != plan.slots for day in need.agents):
            raise Misuse(f"a plan of {plan.days} days needs the agents of each of their {plan.slots} slots")
        if any(not 0 <= value < 1e6 for day in need.agents for value in day):
            raise Misuse("the agents that are needed must be a number from 0 on")
