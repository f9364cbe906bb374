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
    WEEK_DAYS,
    Duty,
    Person,
    Plan,
    ShiftType,
)

Rule = Literal[
    "unknown", "twice", "skill", "contract_shift", "times", "weekday", "absent", "fixed", "day_hours", "week_hours", "month_hours", "overtime",
    "least_hours", "rest", "days_week", "days_in_row", "days_off_in_row", "rest_days", "nights_week", "nights_in_row", "off_after_nights", "breaks",
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


class _Week:
    """One person's duties, looked at."""

    def __init__(self, plan: Plan, person: Person, duties: Sequence[Duty]) -> None:
        self.plan, self.person, self.contract, self.past = plan, person, person.contract, person.past
        self.kinds = plan.type_of()
        self.duties = sorted(duties, key=lambda duty: duty.day)
        self.shifts: dict[date, ShiftType] = {duty.day: self.kinds[duty.shift] for duty in self.duties}
        self.days = [plan.day(d) for d in range(plan.days)]
        self.hours = sum(kind.hours for kind in self.shifts.values())

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
        week = _Week(plan, people[name], some)
        for check in CHECKS:
            found.extend(check(week))
    return found


# --- one duty -------------------------------------------------------------------------------------------------------------


def _possible(week: _Week) -> Iterable[Violation]:
    contract, person = week.contract, week.person
    for day, kind in week.shifts.items():
        if kind.skills and not set(kind.skills) & set(person.skills):
            yield week.broken(
                "skill", f"has none of the skills {', '.join(kind.skills)} that {kind.id} on {day} asks for", day
            )
        if contract.shifts and kind.id not in contract.shifts:
            yield week.broken("contract_shift", f"has {kind.id} on {day}, which the contract does not know", day)
        if kind.start_min < contract.earliest_min:
            yield week.broken(
                "times", f"begins at {clock(kind.start_min)} on {day}, before {clock(contract.earliest_min)}", day
            )
        if kind.end_min > contract.latest_min:
            yield week.broken(
                "times", f"ends at {clock(kind.end_min)} on {day}, after {clock(contract.latest_min)}", day
            )
        if day.weekday() not in kind.weekdays:
            yield week.broken("weekday", f"has {kind.id} on {day}, a weekday on which it does not exist", day)
        if person.absent(day):
            yield week.broken("absent", f"is absent on {day} but has {kind.id}", day)


def _fixed(week: _Week) -> Iterable[Violation]:
    for fixed in week.person.fixed:
        if fixed.day not in week.days:
            continue
        has = week.shifts.get(fixed.day)
        if (has.id if has else "") != fixed.shift:
            wanted, is_now = fixed.shift or "a day off", has.id if has else "a day off"
            yield week.broken("fixed", f"has {is_now} on {fixed.day}, where {wanted} is fixed", fixed.day)


def _breaks(week: _Week) -> Iterable[Violation]:
    for duty in week.duties:
        kind = week.kinds[duty.shift]
        if not duty.breaks:
            continue
        ends = 0
        fits = len(duty.breaks) == len(kind.breaks)
        for begin, pause in zip(duty.breaks, kind.breaks, strict=False):
            fits = fits and pause.earliest_min <= begin <= pause.latest_min and begin >= ends
            ends = begin + pause.length_min
        if not fits or ends > kind.length_min:
            yield week.broken("breaks", f"has breaks outside their windows on {duty.day}", duty.day)


# --- hours ----------------------------------------------------------------------------------------------------------------


def _hours(week: _Week) -> Iterable[Violation]:
    rules, contract, past, plan = week.plan.rules, week.contract, week.past, week.plan
    for day, kind in week.shifts.items():
        most = rules.day_hours_max + rules.overtime_day_max_h
        if kind.hours > most + SLACK_H:
            yield week.broken("day_hours", f"works {kind.hours:g} h on {day}; {most:g} h are the most", day)
    if week.hours > contract.hours_week_max + SLACK_H:
        yield week.broken(
            "week_hours", f"works {week.hours:g} h; the contract allows {contract.hours_week_max:g} h a week"
        )
    looked_at = past.weeks_hours[-(rules.averaging_weeks - 1) :] if rules.averaging_weeks > 1 else ()
    mean = (sum(looked_at) + week.hours) / (len(looked_at) + 1)
    if mean > rules.week_hours_max + SLACK_H:
        yield week.broken(
            "week_hours", f"works {mean:g} h a week on average; the law allows {rules.week_hours_max:g} h"
        )
    overtime = past.month_overtime_h + max(week.hours - rules.week_hours_normal, 0.0)
    if overtime > rules.overtime_month_max_h + SLACK_H:
        yield week.broken(
            "overtime", f"has {overtime:g} h of overtime in the month; {rules.overtime_month_max_h:g} h are the most"
        )
    if contract.hours_month_max is not None and past.month_hours + week.hours > contract.hours_month_max + SLACK_H:
        month = past.month_hours + week.hours
        yield week.broken(
            "month_hours", f"works {month:g} h in the month; the contract allows {contract.hours_month_max:g} h"
        )
    away = sum(any(a.paid and a.first <= day <= a.last for a in week.person.absences) for day in week.days)
    least = contract.hours_week_min * (plan.days / WEEK_DAYS - away / DAYS_FOR_A_WEEK)
    if week.hours < least - SLACK_H:
        yield week.broken("least_hours", f"works {week.hours:g} h; the contract says at least {least:g} h")


# --- days -----------------------------------------------------------------------------------------------------------------


def _rest(week: _Week) -> Iterable[Violation]:
    least = max(week.plan.rules.rest_h, week.contract.rest_h or 0.0)
    ended = week.past.busy_until_min
    for day, kind in sorted(week.shifts.items()):
        midnight = (day - week.plan.first).days * DAY_MIN
        if ended is not None and midnight + kind.start_min - ended < least * 60:
            rest = (midnight + kind.start_min - ended) / 60
            yield week.broken(
                "rest", f"has {rest:g} h of rest before {kind.id} on {day}; {least:g} h are the least", day
            )
        ended = midnight + kind.end_min


def _days(week: _Week) -> Iterable[Violation]:
    rules, contract, plan = week.plan.rules, week.contract, week.plan
    if len(week.shifts) > contract.days_week_max:
        yield week.broken(
            "days_week", f"works on {len(week.shifts)} days; the contract allows {contract.days_week_max}"
        )
    limits = [rules.days_in_row_max] + ([contract.days_in_row_max] if contract.days_in_row_max is not None else [])
    run = week.past.days_in_row
    for day in week.days:
        run = run + 1 if day in week.shifts else 0
        if run == min(limits) + 1:
            yield week.broken("days_in_row", f"works more than {min(limits)} days in a row on {day}", day)
    if plan.days < WEEK_DAYS:
        return
    off = plan.days - len(week.shifts)
    if off < rules.rest_days_week:
        yield week.broken("rest_days", f"has {off} days off in the week; {rules.rest_days_week} are the least")
    stretches = "".join("x" if day in week.shifts else "." for day in week.days).split("x")
    if max(map(len, stretches)) < contract.days_off_in_row:
        yield week.broken("days_off_in_row", f"never has {contract.days_off_in_row} days off in a row")


def _nights(week: _Week) -> Iterable[Violation]:
    contract, past = week.contract, week.past
    nights = {day for day, kind in week.shifts.items() if kind.night}
    if len(nights) > contract.nights_week_max:
        yield week.broken("nights_week", f"has {len(nights)} nights but the contract allows {contract.nights_week_max}")
    run = past.nights_in_row
    for day in week.days:
        run = run + 1 if day in nights else 0
        if run == contract.nights_in_row_max + 1:
            yield week.broken(
                "nights_in_row", f"has more than {contract.nights_in_row_max} nights in a row on {day}", day
            )
    last = None if past.days_since_night is None else week.plan.first - timedelta(days=past.days_since_night)
    for day in week.days:
        if day in nights:
            last = day
        elif day in week.shifts and last is not None and (day - last).days <= contract.off_after_nights:
            text = f"works on {day}, {(day - last).days} days after a night; {contract.off_after_nights} days are free of shifts by day"
            yield week.broken("off_after_nights", text, day)


CHECKS: tuple[Callable[[_Week], Iterable[Violation]], ...] = (_possible, _fixed, _breaks, _hours, _rest, _days, _nights)


def clock(minute: int) -> str:
    """Return a time of day for people: `08:30`; of the next day: `06:00+1`."""
    days, rest = divmod(minute, DAY_MIN)
    return f"{rest // 60:02d}:{rest % 60:02d}" + (f"+{days}" if days else "")
