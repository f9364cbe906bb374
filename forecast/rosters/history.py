"""What people bring along from the weeks before: counted from their past duties. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from forecast.rosters.model import DAY_MIN, Duty, Past, Plan, ShiftType
from forecast.rosters.weeks import WEEK_DAYS

FAIR_DAYS_OF_HOLIDAYS = 366
"""The fairness of holidays looks back so far: each comes once a year."""


def with_past(plan: Plan, duties: Iterable[Duty]) -> Plan:
    """Return the plan with what its people bring along from `duties`: those of the weeks before, the more the better."""
    kinds = plan.type_of()
    known = [d for d in duties if d.day < plan.first and d.shift in kinds]
    people = []
    for person in plan.people:
        own = sorted((d for d in known if d.person == person.id), key=lambda d: d.day)
        people.append(replace(person, past=past_of(plan, own)) if own else person)
    yesterday = plan.first - timedelta(days=1)
    before = tuple(d for d in known if d.day == yesterday and kinds[d.shift].end_min > DAY_MIN)
    return replace(plan, people=tuple(people), before=before)


def past_of(plan: Plan, duties: Sequence[Duty]) -> Past:
    """Return what these duties of one person, in the order of days, mean for a plan."""
    kinds, first, week = plan.type_of(), plan.first, plan.weeks[0]
    since = first - timedelta(days=plan.rules.fair_weeks * WEEK_DAYS)
    lately = [d for d in duties if since <= d.day]
    last_year = first - timedelta(days=FAIR_DAYS_OF_HOLIDAYS)
    nights = [d.day for d in duties if kinds[d.shift].night]
    last = duties[-1]
    begin = first - timedelta(days=week.before)
    now = [d for d in duties if begin <= d.day]
    return Past(
        nights=sum(kinds[d.shift].night for d in lately),
        weekend_days=sum(plan.is_weekend(d.day) for d in lately),
        holidays=sum(plan.is_holiday(d.day) for d in duties if last_year <= d.day),
        weeks_hours=_weeks([d for d in duties if d.day < begin], kinds, begin),
        month_hours=sum(kinds[d.shift].hours for d in duties if _same_month(d.day, first)),
        month_overtime_h=_overtime(plan, duties, kinds, begin),
        week_hours=sum(kinds[d.shift].hours for d in now),
        week_nights=sum(kinds[d.shift].night for d in now),
        week_pattern=sum(1 << d.day.weekday() for d in now),
        days_in_row=_run({d.day for d in duties}, first),
        nights_in_row=_run(set(nights), first),
        days_since_night=(first - nights[-1]).days if nights else None,
        busy_until_min=kinds[last.shift].end_min - (first - last.day).days * DAY_MIN,
    )


def _same_month(day: date, other: date) -> bool:
    return (day.year, day.month) == (other.year, other.month)


def _run(days: set[date], first: date) -> int:
    run = 0
    while first - timedelta(days=run + 1) in days:
        run += 1
    return run


def _hours(duties: Sequence[Duty], kinds: Mapping[str, ShiftType], begin: date) -> float:
    return sum(kinds[d.shift].hours for d in duties if begin <= d.day < begin + timedelta(days=WEEK_DAYS))


def _weeks(duties: Sequence[Duty], kinds: Mapping[str, ShiftType], first: date) -> tuple[float, ...]:
    """Return the hours of the weeks before `first`, the last one last."""
    if not duties:
        return ()
    weeks = -(-(first - duties[0].day).days // WEEK_DAYS)
    return tuple(_hours(duties, kinds, first - timedelta(days=WEEK_DAYS * back)) for back in range(weeks, 0, -1))


def _overtime(plan: Plan, duties: Sequence[Duty], kinds: Mapping[str, ShiftType], first: date) -> float:
    """Return the overtime of the weeks before `first` in its month; a week belongs to the month of its first day."""
    total, begin = 0.0, first - timedelta(days=WEEK_DAYS)
    while _same_month(begin, first):
        total += max(_hours(duties, kinds, begin) - plan.rules.week_hours_normal, 0.0)
        begin -= timedelta(days=WEEK_DAYS)
    return total
