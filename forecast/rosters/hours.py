"""How many hours people must and may work: by the week, on average over weeks, and by the month. Pure.

Every limit is one about some days in a row. What counts before the plan is taken off. A week's overtime belongs to the month of the week's
first day; hours of a month are those of its days.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from forecast.rosters.model import DAYS_FOR_A_WEEK, Person, Plan
from forecast.rosters.rules import WORKDAYS_A_MONTH
from forecast.rosters.weeks import WEEK_DAYS, Month, Week, month_days, month_of_week, months_of

NO_LIMIT = float("inf")


@dataclass(frozen=True, kw_only=True)
class Hours:
    """The least and the most paid hours of some days in a row."""

    begin: int
    end: int
    """The number of the day after the last one."""
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Overtime:
    """What the weeks of a month may go beyond their normal hours, together."""

    weeks: tuple[tuple[int, int, float], ...]
    """First day, the day after the last one, and the hours that are no overtime."""
    most: float


def limits_of(plan: Plan, person: Person) -> tuple[tuple[Hours, ...], tuple[Overtime, ...]]:
    """Return the limits of a person's hours (one for the same days), and those of his overtime that are not limits of hours alone."""
    weekly = _merged([*_by_week(plan, person), *_by_month(plan, person)])
    if plan.rules.overtime_by == "month":
        return tuple(weekly.values()), ()
    hours, overtime = _overtime(plan, person, weekly)
    return tuple(_merged([*weekly.values(), *hours]).values()), tuple(overtime)


def least_of_week(plan: Plan, person: Person, week: Week) -> float:
    """Return the least hours of a week: days of paid absence and holidays on weekdays count as a fifth of them each.

    Of a torn week it is the part, less one day's hours.
    """
    days = [plan.day(d) for d in range(week.begin, week.end)]
    free = sum(
        any(a.paid and a.first <= day <= a.last for a in person.absences)
        or (plan.is_holiday(day) and day.weekday() not in plan.rules.weekend)
        for day in days
    )
    least = person.contract.hours_week_min * (week.days / WEEK_DAYS - free / DAYS_FOR_A_WEEK)
    return max(least - (plan.rules.day_hours_max if week.torn else 0.0), 0.0)


def least_of_month(plan: Plan, person: Person, month: Month, begin: int, end: int) -> float:
    """Return the least hours of the days of a month that are in the plan; of paid absence, five days a week count."""
    whole = person.contract.hours_month_min
    if not whole:
        return 0.0
    away = 0
    for week in plan.weeks:
        days = (plan.day(d) for d in range(max(week.begin, begin), min(week.end, end)))
        paid = sum(any(a.paid and a.first <= day <= a.last for a in person.absences) for day in days)
        away += min(paid, DAYS_FOR_A_WEEK)
    share = (end - begin) / len(month_days(month))
    least = whole * (share - away / WORKDAYS_A_MONTH)
    if begin == 0:
        least = min(least, whole - person.past.month_hours)
    return max(least, 0.0)


def normal_of_month(plan: Plan, month: Month) -> float:
    """Return the hours of a month that are no overtime: those of its workdays, holidays and make-up workdays known."""
    return plan.rules.day_hours_max * sum(map(plan.is_workday, month_days(month)))


def _by_week(plan: Plan, person: Person) -> Iterator[Hours]:
    rules, past, weeks = plan.rules, person.past, plan.weeks
    behind = past.week_hours if weeks[0].before else 0.0
    for number, week in enumerate(weeks):
        own = behind if number == 0 else 0.0
        least = least_of_week(plan, person, week)
        yield Hours(begin=week.begin, end=week.end, low=least, high=person.contract.hours_week_max - own)
        window = weeks[max(number + 1 - rules.averaging_weeks, 0) : number + 1]
        more = rules.averaging_weeks - len(window)
        before = past.weeks_hours[-more:] if more else ()
        most = rules.week_hours_max * (len(window) + len(before)) - sum(before)
        most -= behind if window[0].number == 0 else 0.0
        yield Hours(begin=window[0].begin, end=week.end, low=0.0, high=most)


def _by_month(plan: Plan, person: Person) -> Iterator[Hours]:
    rules, contract = plan.rules, person.contract
    for month, (begin, end) in months_of(plan.first, plan.days).items():
        behind = person.past.month_hours if begin == 0 else 0.0
        most = NO_LIMIT if contract.hours_month_max is None else contract.hours_month_max
        if rules.overtime_by == "month":
            most = min(most, normal_of_month(plan, month) + rules.overtime_month_max_h)
        least = least_of_month(plan, person, month, begin, end)
        if least > 0 or most < NO_LIMIT:
            yield Hours(begin=begin, end=end, low=least, high=most - behind)


def _overtime(
    plan: Plan, person: Person, weekly: Mapping[tuple[int, int], Hours]
) -> tuple[list[Hours], list[Overtime]]:
    """Return the limits of overtime: of a month with one week as hours, of others as overtime unless the weeks keep it anyway."""
    rules, past = plan.rules, person.past
    months: dict[Month, list[Week]] = defaultdict(list)
    for week in plan.weeks:
        months[month_of_week(plan.first, week)].append(week)
    hours, overtime = [], []
    for weeks in months.values():
        first = weeks[0].number == 0
        most = rules.overtime_month_max_h - (past.month_overtime_h if first else 0.0)
        spans = []
        for week in weeks:
            behind = past.week_hours if week.before else 0.0
            spans.append((week.begin, week.end, rules.week_hours_normal - behind))
        if len(spans) == 1:
            begin, end, normal = spans[0]
            hours.append(Hours(begin=begin, end=end, low=0.0, high=normal + most))
        elif sum(max(weekly[begin, end].high - normal, 0.0) for begin, end, normal in spans) > most:
            overtime.append(Overtime(weeks=tuple(spans), most=max(most, 0.0)))
    return hours, overtime


def _merged(limits: list[Hours]) -> dict[tuple[int, int], Hours]:
    found: dict[tuple[int, int], Hours] = {}
    for limit in limits:
        key = limit.begin, limit.end
        other = found.get(key, limit)
        low, high = max(limit.low, other.low, 0.0), max(min(limit.high, other.high), 0.0)
        found[key] = Hours(begin=limit.begin, end=limit.end, low=low, high=high)
    return found
