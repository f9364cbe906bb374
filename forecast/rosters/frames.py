"""What each person can do in the week of a plan, as the solver needs it: possible shifts, patterns of working days, limits. Pure.

A **pattern** is a set of days of the plan on which somebody works, as bits (bit 0 is the first day). All rules that go by days alone (days
in a row, days off in a row, rest days, absences) are rules about patterns: a week has 128 of them, so they are simply listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from forecast.rosters.model import DAYS_FOR_A_WEEK, WEEK_DAYS, Person, Plan, may_have
from forecast.rosters.rules import Rules

EPSILON = 1e-6


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What one person can do. Shift types are named by their number in the plan."""

    person: int
    serves: tuple[int, ...]
    """The needs, by number, that he helps to meet."""
    allowed: tuple[tuple[int, ...], ...]
    """Day by day."""
    patterns: tuple[int, ...]
    hours_min: float
    hours_max: float
    nights_max: int
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
        return (
            self.serves, self.nights_max, self.nights_in_row_max, self.nights_before, self.off_after_nights, self.rest_min, self.share,
        )  # fmt: skip


def frames(plan: Plan) -> list[Frame]:
    """Return the frame of every person, in the order of the plan."""
    return [frame(plan, number) for number in range(len(plan.people))]


def frame(plan: Plan, number: int) -> Frame:
    """Return what a person can do; no patterns: nothing is possible."""
    person, rules = plan.people[number], plan.rules
    contract = person.contract
    allowed = tuple(tuple(_allowed(plan, person, day)) for day in range(plan.days))
    low, high = hours_limits(person, plan)
    return Frame(
        person=number,
        serves=tuple(n for n, need in enumerate(plan.needs) if not need.skill or need.skill in person.skills),
        allowed=allowed,
        patterns=tuple(_patterns(plan, person, allowed, low, high)),
        hours_min=low,
        hours_max=high,
        nights_max=contract.nights_week_max,
        nights_in_row_max=contract.nights_in_row_max,
        nights_before=person.past.nights_in_row if contract.nights_in_row_max < WEEK_DAYS else 0,
        off_after_nights=contract.off_after_nights,
        rest_min=round(60 * rest_hours(person, rules)),
        share=min(max(contract.hours_week_max / rules.week_hours_normal, 0.1), 1.0),
    )


def rest_hours(person: Person, rules: Rules) -> float:
    """Return the hours between two shifts of a person."""
    return max(rules.rest_h, person.contract.rest_h or 0.0)


def hours_limits(person: Person, plan: Plan) -> tuple[float, float]:
    """Return the least and the most paid hours of a person in the plan.

    A week counts as a part of the month of its first day. Where a plan is shorter than a week, the least is a part of the week's.
    """
    rules, contract, past = plan.rules, person.contract, person.past
    paid_away = sum(any(a.paid and a.first <= plan.day(d) <= a.last for a in person.absences) for d in range(plan.days))
    least = contract.hours_week_min * (plan.days / WEEK_DAYS - paid_away / DAYS_FOR_A_WEEK)
    before = past.weeks_hours[len(past.weeks_hours) - rules.averaging_weeks + 1 :] if rules.averaging_weeks > 1 else ()
    weeks = len(before) + 1
    most = [
        contract.hours_week_max,
        rules.week_hours_max * weeks - sum(before),
        rules.week_hours_normal + rules.overtime_month_max_h - past.month_overtime_h,
    ]
    if contract.hours_month_max is not None:
        most.append(contract.hours_month_max - past.month_hours)
    return max(least, 0.0), max(min(most), 0.0)


def _allowed(plan: Plan, person: Person, day: int) -> list[int]:
    date, past = plan.day(day), person.past
    if person.absent(date):
        return []
    fixed = {f.shift for f in person.fixed if f.day == date}  # the empty id of a fixed day off is none of the types
    earliest = -(10**9)
    if past.busy_until_min is not None:
        earliest = past.busy_until_min + round(60 * rest_hours(person, plan.rules)) - day * 1_440
    only_nights = past.days_since_night is not None and past.days_since_night + day <= person.contract.off_after_nights
    most = plan.rules.day_hours_max + plan.rules.overtime_day_max_h + EPSILON
    return [
        number
        for number, kind in enumerate(plan.types)
        if (not fixed or kind.id in fixed)
        and may_have(person, kind, date)
        and kind.hours <= most
        and kind.start_min >= earliest
        and (kind.night or not only_nights)
    ]


def _patterns(plan: Plan, person: Person, allowed: Sequence[Sequence[int]], low: float, high: float) -> list[int]:
    fixed = sum(1 << d for d in range(plan.days) if any(f.day == plan.day(d) and f.shift for f in person.fixed))
    possible = sum(1 << d for d in range(plan.days) if allowed[d])
    found = []
    for pattern in range(1 << plan.days):
        if pattern & ~possible or fixed & ~pattern:
            continue
        if days_fit(plan, person, pattern) and _hours_fit(plan, allowed, pattern, low, high):
            found.append(pattern)
    return found


def days_fit(plan: Plan, person: Person, pattern: int) -> bool:
    """Return whether a pattern keeps the rules about days."""
    rules, contract = plan.rules, person.contract
    working = [bool(pattern >> d & 1) for d in range(plan.days)]
    in_row = rules.days_in_row_max if contract.days_in_row_max is None else contract.days_in_row_max
    if longest(working, True, person.past.days_in_row) > min(in_row, rules.days_in_row_max):
        return False
    if sum(working) > contract.days_week_max:
        return False
    if plan.days < WEEK_DAYS:
        return True
    return plan.days - sum(working) >= rules.rest_days_week and longest(working, False) >= contract.days_off_in_row


def longest(working: Sequence[bool], what: bool, before: int = 0) -> int:
    """Return the longest stretch of `what`; `before` is what it has been for just before. Who does not go on has no stretch from before."""
    best, run = 0, before
    for value in working:
        run = run + 1 if value is what else 0
        best = max(best, run)
    return best


def _hours_fit(plan: Plan, allowed: Sequence[Sequence[int]], pattern: int, low: float, high: float) -> bool:
    days = [d for d in range(plan.days) if pattern >> d & 1]
    hours = [[plan.types[s].hours for s in allowed[d]] for d in days]
    return sum(max(h) for h in hours) >= low - EPSILON and sum(min(h) for h in hours) <= high + EPSILON


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
