"""What each person can do in a plan, as the solver needs it: possible shifts, patterns of working days, limits. Pure.

A **pattern** is a set of days of one week on which somebody works, as bits (bit 0 is the first day of the plan). All rules that go by days
alone (days in a row, days off in a row, rest days, absences) are rules about patterns: a week has 128 of them, so they are simply listed. What
goes beyond the border of a week (a run of days or nights, rest, hours of a month) is written as rows by `crew`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from forecast.rosters.hours import Hours, Overtime, limits_of
from forecast.rosters.model import Person, Plan, may_have
from forecast.rosters.rules import Rules
from forecast.rosters.weeks import WEEK_DAYS, Week

EPSILON = 1e-6


@dataclass(frozen=True, kw_only=True)
class WeekFrame:
    """What one person can do in a week."""

    begin: int
    end: int
    patterns: tuple[int, ...]
    nights_max: int


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What one person can do. Shift types are named by their number in the plan."""

    person: int
    serves: tuple[int, ...]
    """The needs, by number, that he helps to meet."""
    allowed: tuple[tuple[int, ...], ...]
    """Day by day."""
    weeks: tuple[WeekFrame, ...]
    """Those that are planned: all, or one of them."""
    hours: tuple[Hours, ...]
    overtime: tuple[Overtime, ...] = ()
    days_in_row_max: int
    days_before: int
    """Working days just before the first day."""
    nights_in_row_max: int
    nights_before: int
    """Nights in a row just before the first day."""
    off_after_nights: int
    rest_min: int
    share: float
    """Part of full time: how much of the nights and weekends is his."""

    @property
    def like(self) -> tuple[object, ...]:
        """Return what makes him exchangeable with others, but for the days on which he works and his hours."""
        beyond_a_week = (self.days_in_row_max, self.days_before) if len(self.weeks) > 1 else ()
        nights = tuple(week.nights_max for week in self.weeks)
        return (
            self.serves, nights, self.nights_in_row_max, self.nights_before, self.off_after_nights, self.rest_min, self.share,
            beyond_a_week,
        )  # fmt: skip

    @property
    def possible(self) -> bool:
        """Whether every week has a pattern."""
        return all(week.patterns for week in self.weeks)

    def week_of(self, day: int) -> int:
        """Return the number of the week of a day, or -1 where it is not planned."""
        return next((n for n, week in enumerate(self.weeks) if week.begin <= day < week.end), -1)

    def windows(self) -> Iterator[tuple[range, int]]:
        """Yield the stretches of days beyond the border of a week of which he cannot work all, with how many are the most."""
        length = self.days_in_row_max + 1
        for last in range(len(self.allowed)):
            begin = last + 1 - length
            days = range(max(begin, 0), last + 1)
            if len({self.week_of(day) for day in days}) > 1 and -begin <= self.days_before:
                yield days, len(days) - 1


def frames(plan: Plan) -> list[Frame]:
    """Return the frame of every person, in the order of the plan."""
    return [frame(plan, number) for number in range(len(plan.people))]


def frame(plan: Plan, number: int) -> Frame:
    """Return what a person can do; a week without patterns: nothing is possible."""
    person, rules = plan.people[number], plan.rules
    contract = person.contract
    allowed = tuple(allowed_on(plan, person, day) for day in range(plan.days))
    hours, overtime = limits_of(plan, person)
    return Frame(
        person=number,
        serves=tuple(n for n, need in enumerate(plan.needs) if not need.skill or need.skill in person.skills),
        allowed=allowed,
        weeks=tuple(_week(plan, person, week, allowed, hours) for week in plan.weeks),
        hours=hours,
        overtime=overtime,
        days_in_row_max=days_in_row(person, rules),
        days_before=person.past.days_in_row,
        nights_in_row_max=contract.nights_in_row_max,
        nights_before=person.past.nights_in_row if contract.nights_in_row_max < WEEK_DAYS else 0,
        off_after_nights=contract.off_after_nights,
        rest_min=round(60 * rest_hours(person, rules)),
        share=min(max(contract.hours_week_max / rules.week_hours_normal, 0.1), 1.0),
    )


def rest_hours(person: Person, rules: Rules) -> float:
    """Return the hours between two shifts of a person."""
    return max(rules.rest_h, person.contract.rest_h or 0.0)


def days_in_row(person: Person, rules: Rules) -> int:
    """Return how many days in a row a person can work."""
    own = person.contract.days_in_row_max
    return rules.days_in_row_max if own is None else min(own, rules.days_in_row_max)


def allowed_on(plan: Plan, person: Person, day: int) -> tuple[int, ...]:
    """Return the shift types that a person can have on a day, for all that is known before the plan begins."""
    date, past = plan.day(day), person.past
    if person.absent(date):
        return ()
    fixed = {f.shift for f in person.fixed if f.day == date}  # the empty id of a fixed day off is none of the types
    earliest = -(10**9)
    if past.busy_until_min is not None:
        earliest = past.busy_until_min + round(60 * rest_hours(person, plan.rules)) - day * 1_440
    only_nights = past.days_since_night is not None and past.days_since_night + day <= person.contract.off_after_nights
    most = plan.rules.day_hours_max + plan.rules.overtime_day_max_h + EPSILON
    return tuple(
        number
        for number, kind in enumerate(plan.types)
        if (not fixed or kind.id in fixed)
        and plan.has_type(kind, date)
        and may_have(person, kind)
        and kind.hours <= most
        and kind.start_min >= earliest
        and (kind.night or not only_nights)
    )


def _week(
    plan: Plan, person: Person, week: Week, allowed: Sequence[Sequence[int]], hours: Sequence[Hours]
) -> WeekFrame:
    rules, contract, past = plan.rules, person.contract, person.past
    span = range(week.begin, week.end)
    behind = past.week_pattern & ((1 << week.before) - 1)
    fixed = sum(1 << d for d in span if any(f.day == plan.day(d) and f.shift for f in person.fixed))
    possible = sum(1 << d for d in span if allowed[d])
    off = (rules.rest_days_week, contract.days_off_in_row) if week.whole else (0, 0)
    run = past.days_in_row if week.begin == 0 else 0
    kept = days_fit(
        week.before, week.days, week.after, behind, run, days_in_row(person, rules), contract.days_week_max, *off
    )
    least_most = [(h.low, h.high) for h in hours if (h.begin, h.end) == (week.begin, week.end)]
    patterns = (pattern << week.begin for pattern in kept)
    return WeekFrame(
        begin=week.begin,
        end=week.end,
        patterns=tuple(
            pattern
            for pattern in patterns
            if not pattern & ~possible
            and not fixed & ~pattern
            and all(hours_fit(plan, allowed, pattern, low, high) for low, high in least_most)
        ),
        nights_max=max(contract.nights_week_max - (past.week_nights if week.before else 0), 0),
    )


@lru_cache(maxsize=512)
def days_fit(
    before: int, days: int, after: int, behind: int, run: int, in_row: int, most: int, rest_days: int, off_in_row: int
) -> tuple[int, ...]:
    """Return the patterns of the days of a week in the plan that keep the rules about days; bit 0 is the first of them.

    `behind` says on which of the days before he worked, `run` how many days in a row just before; the days after count as free.
    """
    kept = []
    for pattern in range(1 << days):
        working = [bool(pattern >> d & 1) for d in range(days)]
        week = [bool(behind >> d & 1) for d in range(before)] + working + [False] * after
        if (
            longest(working, True, run) <= in_row
            and sum(week) <= most
            and len(week) - sum(week) >= rest_days
            and longest(week, False) >= off_in_row
        ):
            kept.append(pattern)
    return tuple(kept)


def longest(working: Sequence[bool], what: bool, before: int = 0) -> int:
    """Return the longest stretch of `what`; `before` is what it has been for just before. Who does not go on has no stretch from before."""
    best, run = 0, before
    for value in working:
        run = run + 1 if value is what else 0
        best = max(best, run)
    return best


def hours_fit(plan: Plan, allowed: Sequence[Sequence[int]], pattern: int, low: float, high: float) -> bool:
    """Return whether the shifts of these days can be chosen so long, and so short, that the hours are within the limits."""
    hours = [[plan.types[s].hours for s in types] for d, types in enumerate(allowed) if pattern >> d & 1]
    return sum(max(h) for h in hours) >= low - EPSILON and sum(min(h) for h in hours) <= high + EPSILON


def keeps_hours(frame: Frame, hours: Mapping[int, float]) -> bool:
    """Return whether the hours of days, by number, are within all limits of a person."""

    def of(begin: int, end: int) -> float:
        return sum(h for day, h in hours.items() if begin <= day < end)

    return all(h.low - EPSILON <= of(h.begin, h.end) <= h.high + EPSILON for h in frame.hours) and all(
        sum(max(of(begin, end) - normal, 0.0) for begin, end, normal in o.weeks) <= o.most + EPSILON
        for o in frame.overtime
    )


def conflicts(plan: Plan, frame: Frame, day: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return sets of shift types of a day and of the next one, of which a person can have one altogether, for his rest between.

    Whether two shifts collide goes by the end of one and the beginning of the other, so these sets (one for each beginning) say all there is.
    """
    if day + 1 >= plan.days:
        return []
    today, tomorrow = frame.allowed[day], frame.allowed[day + 1]
    found: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    for begin in sorted({plan.types[s].start_min for s in tomorrow}):
        late = tuple(s for s in today if plan.types[s].end_min + frame.rest_min > 1_440 + begin)
        early = tuple(s for s in tomorrow if plan.types[s].start_min <= begin)
        if not late:
            break
        if found and found[-1][0] == late:
            found.pop()  # the later beginning says more
        found.append((late, early))
    return found
