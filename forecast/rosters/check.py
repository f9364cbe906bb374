"""Does a roster keep every rule? Every duty of every person is held against every rule, one rule after the other. Pure.

It knows nothing of how rosters are made (`solve`), so that it can judge what comes from there, from a hand, or from a swap.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from forecast.rosters.model import (
    DAY_MIN,
    DAYS_FOR_A_WEEK,
    Duty,
    Person,
    Plan,
    ShiftType,
)
from forecast.rosters.rules import WORKDAYS_A_MONTH
from forecast.rosters.weeks import WEEK_DAYS, Month, Week, month_days, month_of_week, months_of

Rule = Literal[
    "unknown", "twice", "skill", "contract_shift", "times", "weekday", "absent", "fixed", "day_hours", "week_hours", "month_hours", "overtime",
    "least_hours", "least_month", "rest", "days_week", "days_in_row", "days_off_in_row", "rest_days", "nights_week", "nights_in_row", "off_after_nights", "breaks",
]  # fmt: skip
SLACK_H = 1e-6


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One rule that is broken."""

    person: str
    rule: Rule
    day: date | None
    """None: it is about the whole roster."""
    text: str
    """In one sentence, with the person's name."""


class _Own:
    """One person's duties, looked at."""

    def __init__(self, plan: Plan, person: Person, duties: Sequence[Duty]) -> None:
        self.plan, self.person, self.contract, self.past = plan, person, person.contract, person.past
        self.kinds = plan.type_of()
        self.duties = sorted(duties, key=lambda duty: duty.day)
        self.shifts: dict[date, ShiftType] = {duty.day: self.kinds[duty.shift] for duty in self.duties}
        self.days = [plan.day(d) for d in range(plan.days)]

    def hours(self, days: Sequence[date]) -> float:
        """Return the paid hours of these days."""
        return sum(self.shifts[day].hours for day in days if day in self.shifts)

    def of(self, week: Week) -> list[date]:
        """Return the days of a week."""
        return self.days[week.begin : week.end]

    def behind(self, week: Week) -> float:
        """Return the hours of a week before the plan."""
        return self.past.week_hours if week.before else 0.0

    def when(self, week: Week) -> str:
        """Return words for a week, where there are several."""
        return f" in the week of {self.days[week.begin]}" if len(self.plan.weeks) > 1 else ""

    def at(self, week: Week) -> date | None:
        """Return the day to tell for a week: the first one where there are several weeks."""
        return self.days[week.begin] if len(self.plan.weeks) > 1 else None

    def paid_away(self, days: Sequence[date]) -> int:
        """Return on how many of these days the person is absent and paid."""
        return sum(any(a.paid and a.first <= day <= a.last for a in self.person.absences) for day in days)

    def broken(self, rule: Rule, text: str, day: date | None = None) -> Violation:
        return Violation(person=self.person.id, rule=rule, day=day, text=f"{self.person.called} {text}")


def violations(plan: Plan, duties: Iterable[Duty]) -> list[Violation]:
    """Return everything that is wrong with these duties, by person; empty: every rule is kept. Shortages are no violations."""
    people, kinds = plan.person_of(), plan.type_of()
    own: dict[str, list[Duty]] = {name: [] for name in people}
    found: list[Violation] = []
    for duty in duties:
        if duty.person not in people or duty.shift not in kinds or not plan.first <= duty.day <= plan.last:
            text = f"{duty.person} {duty.day} {duty.shift}: there is no such person, shift type or day in the plan"
            found.append(Violation(person=duty.person, rule="unknown", day=duty.day, text=text))
        elif any(other.day == duty.day for other in own[duty.person]):
            text = f"{people[duty.person].called} has two shifts on {duty.day}"
            found.append(Violation(person=duty.person, rule="twice", day=duty.day, text=text))
        else:
            own[duty.person].append(duty)
    for name, some in own.items():
        looked_at = _Own(plan, people[name], some)
        for check in CHECKS:
            found.extend(check(looked_at))
    return found


# --- one duty -------------------------------------------------------------------------------------------------------------


def _possible(own: _Own) -> Iterable[Violation]:
    contract, person = own.contract, own.person
    for day, kind in own.shifts.items():
        if kind.skills and not set(kind.skills) & set(person.skills):
            yield own.broken(
                "skill", f"has none of the skills {', '.join(kind.skills)} that {kind.id} on {day} asks for", day
            )
        if contract.shifts and kind.id not in contract.shifts:
            yield own.broken("contract_shift", f"has {kind.id} on {day}, which the contract does not know", day)
        if kind.start_min < contract.earliest_min:
            yield own.broken(
                "times", f"begins at {clock(kind.start_min)} on {day}, before {clock(contract.earliest_min)}", day
            )
        if kind.end_min > contract.latest_min:
            yield own.broken(
                "times", f"ends at {clock(kind.end_min)} on {day}, after {clock(contract.latest_min)}", day
            )
        if day.weekday() not in kind.weekdays:
            yield own.broken("weekday", f"has {kind.id} on {day}, a weekday on which it does not exist", day)
        elif kind.only and (kind.only == "workdays") != _is_workday(own.plan, day):
            wanted = "workdays" if kind.only == "workdays" else "days off"
            yield own.broken("weekday", f"has {kind.id} on {day}, but it exists on {wanted} of the calendar alone", day)
        if person.absent(day):
            yield own.broken("absent", f"is absent on {day} but has {kind.id}", day)


def _fixed(own: _Own) -> Iterable[Violation]:
    for fixed in own.person.fixed:
        if fixed.day not in own.days:
            continue
        has = own.shifts.get(fixed.day)
        if (has.id if has else "") != fixed.shift:
            wanted, is_now = fixed.shift or "a day off", has.id if has else "a day off"
            yield own.broken("fixed", f"has {is_now} on {fixed.day}, where {wanted} is fixed", fixed.day)


def _breaks(own: _Own) -> Iterable[Violation]:
    for duty in own.duties:
        kind = own.kinds[duty.shift]
        if not duty.breaks:
            continue
        ends = 0
        fits = len(duty.breaks) == len(kind.breaks)
        for begin, pause in zip(duty.breaks, kind.breaks, strict=False):
            fits = fits and pause.earliest_min <= begin <= pause.latest_min and begin >= ends
            ends = begin + pause.length_min
        if not fits or ends > kind.length_min:
            yield own.broken("breaks", f"has breaks outside their windows on {duty.day}", duty.day)


# --- hours ----------------------------------------------------------------------------------------------------------------


def _day_hours(own: _Own) -> Iterable[Violation]:
    most = own.plan.rules.day_hours_max + own.plan.rules.overtime_day_max_h
    for day, kind in own.shifts.items():
        if kind.hours > most + SLACK_H:
            yield own.broken("day_hours", f"works {kind.hours:g} h on {day}; {most:g} h are the most", day)


def _week_hours(own: _Own) -> Iterable[Violation]:
    rules, contract, plan = own.plan.rules, own.contract, own.plan
    past = list(own.past.weeks_hours)
    for week in plan.weeks:
        days, when, at = own.of(week), own.when(week), own.at(week)
        hours = own.hours(days) + own.behind(week)
        if hours > contract.hours_week_max + SLACK_H:
            text = f"works {hours:g} h{when}; the contract allows {contract.hours_week_max:g} h a week"
            yield own.broken("week_hours", text, at)
        past.append(hours)
        looked_at = past[-min(rules.averaging_weeks, len(past)) :]
        mean = sum(looked_at) / len(looked_at)
        if mean > rules.week_hours_max + SLACK_H:
            text = f"works {mean:g} h a week on average{when}; the law allows {rules.week_hours_max:g} h"
            yield own.broken("week_hours", text, at)
        holidays = [day for day in days if plan.is_holiday(day) and day.weekday() not in rules.weekend]
        away = own.paid_away(days) + len(holidays) - own.paid_away(holidays)
        least = contract.hours_week_min * (week.days / WEEK_DAYS - away / DAYS_FOR_A_WEEK)
        least -= rules.day_hours_max if week.torn else 0.0
        if own.hours(days) < least - SLACK_H:
            text = f"works {own.hours(days):g} h{when}; the contract says at least {least:g} h"
            yield own.broken("least_hours", text, at)


def _month_hours(own: _Own) -> Iterable[Violation]:
    contract, past = own.contract, own.past
    months = months_of(own.plan.first, own.plan.days)
    for month, (begin, end) in months.items():
        days = own.days[begin:end]
        behind = past.month_hours if begin == 0 else 0.0
        hours = own.hours(days) + behind
        when, at = (
            (f" of {month[0]}-{month[1]:02}", days[0]) if len(own.plan.weeks) > 1 or len(months) > 1 else ("", None)
        )
        if contract.hours_month_max is not None and hours > contract.hours_month_max + SLACK_H:
            text = f"works {hours:g} h in the month{when}; the contract allows {contract.hours_month_max:g} h"
            yield own.broken("month_hours", text, at)
        weeks = [[day for day in own.of(week) if day in days] for week in own.plan.weeks]
        away = sum(min(own.paid_away(some), DAYS_FOR_A_WEEK) for some in weeks)
        least = contract.hours_month_min * (len(days) / len(month_days(month)) - away / WORKDAYS_A_MONTH)
        if begin == 0:
            least = min(least, contract.hours_month_min - behind)
        if own.hours(days) < least - SLACK_H:
            text = f"works {own.hours(days):g} h in the month{when}; the contract says at least {least:g} h"
            yield own.broken("least_month", text, at)


def _overtime(own: _Own) -> Iterable[Violation]:
    rules, plan = own.plan.rules, own.plan
    found: dict[Month, float] = {}
    if rules.overtime_by == "month":
        for month, (begin, end) in months_of(plan.first, plan.days).items():
            normal = rules.day_hours_max * sum(_is_workday(plan, day) for day in month_days(month))
            hours = own.hours(own.days[begin:end]) + (own.past.month_hours if begin == 0 else 0.0)
            found[month] = max(hours - normal, 0.0)
    else:
        found[month_of_week(plan.first, plan.weeks[0])] = own.past.month_overtime_h
        for week in plan.weeks:
            month = month_of_week(plan.first, week)
            more = own.hours(own.of(week)) + own.behind(week) - rules.week_hours_normal
            found[month] = found.get(month, 0.0) + max(more, 0.0)
    for month, hours in found.items():
        if hours > rules.overtime_month_max_h + SLACK_H:
            when = f" of {month[0]}-{month[1]:02}" if len(plan.weeks) > 1 else ""
            text = f"has {hours:g} h of overtime in the month{when}; {rules.overtime_month_max_h:g} h are the most"
            yield own.broken("overtime", text)


def _is_workday(plan: Plan, day: date) -> bool:
    return day not in plan.holidays and (day.weekday() not in plan.rules.weekend or day in plan.workdays)


# --- days -----------------------------------------------------------------------------------------------------------------


def _rest(own: _Own) -> Iterable[Violation]:
    least = max(own.plan.rules.rest_h, own.contract.rest_h or 0.0)
    ended = own.past.busy_until_min
    for day, kind in sorted(own.shifts.items()):
        midnight = (day - own.plan.first).days * DAY_MIN
        if ended is not None and midnight + kind.start_min - ended < least * 60:
            rest = (midnight + kind.start_min - ended) / 60
            yield own.broken(
                "rest", f"has {rest:g} h of rest before {kind.id} on {day}; {least:g} h are the least", day
            )
        ended = midnight + kind.end_min


def _days(own: _Own) -> Iterable[Violation]:
    rules, contract = own.plan.rules, own.contract
    limits = [rules.days_in_row_max] + ([contract.days_in_row_max] if contract.days_in_row_max is not None else [])
    run = own.past.days_in_row
    for day in own.days:
        run = run + 1 if day in own.shifts else 0
        if run == min(limits) + 1:
            yield own.broken("days_in_row", f"works more than {min(limits)} days in a row on {day}", day)


def _week_days(own: _Own) -> Iterable[Violation]:
    rules, contract = own.plan.rules, own.contract
    for week in own.plan.weeks:
        when, at = own.when(week), own.at(week)
        before = "".join("x" if own.past.week_pattern >> d & 1 else "." for d in range(week.before))
        worked = before + "".join("x" if day in own.shifts else "." for day in own.of(week)) + "." * week.after
        many = worked.count("x")
        if many > contract.days_week_max:
            yield own.broken(
                "days_week", f"works on {many} days{when}; the contract allows {contract.days_week_max}", at
            )
        if len(worked) < WEEK_DAYS:
            continue
        off = len(worked) - many
        if off < rules.rest_days_week:
            where = when or " in the week"
            yield own.broken("rest_days", f"has {off} days off{where}; {rules.rest_days_week} are the least", at)
        if max(map(len, worked.split("x"))) < contract.days_off_in_row:
            yield own.broken("days_off_in_row", f"never has {contract.days_off_in_row} days off in a row{when}", at)


def _nights(own: _Own) -> Iterable[Violation]:
    contract, past = own.contract, own.past
    nights = {day for day, kind in own.shifts.items() if kind.night}
    for one in own.plan.weeks:
        many = len(nights & set(own.of(one))) + (past.week_nights if one.before else 0)
        if many > contract.nights_week_max:
            text = f"has {many} nights{own.when(one)} but the contract allows {contract.nights_week_max}"
            yield own.broken("nights_week", text, own.at(one))
    run = past.nights_in_row
    for day in own.days:
        run = run + 1 if day in nights else 0
        if run == contract.nights_in_row_max + 1:
            yield own.broken(
                "nights_in_row", f"has more than {contract.nights_in_row_max} nights in a row on {day}", day
            )
    last = None if past.days_since_night is None else own.plan.first - timedelta(days=past.days_since_night)
    for day in own.days:
        if day in nights:
            last = day
        elif day in own.shifts and last is not None and (day - last).days <= contract.off_after_nights:
            text = f"works on {day}, {(day - last).days} days after a night; {contract.off_after_nights} days are free of shifts by day"
            yield own.broken("off_after_nights", text, day)


CHECKS: tuple[Callable[[_Own], Iterable[Violation]], ...] = (
    _possible, _fixed, _breaks, _day_hours, _week_hours, _overtime, _month_hours, _rest, _week_days, _days, _nights,
)  # fmt: skip


def clock(minute: int) -> str:
    """Return a time of day for people: `08:30`; of the next day: `06:00+1`."""
    days, rest = divmod(minute, DAY_MIN)
    return f"{rest // 60:02d}:{rest % 60:02d}" + (f"+{days}" if days else "")
