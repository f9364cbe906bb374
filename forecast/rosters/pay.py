"""What the hours of a roster are paid: usual ones, overtime, work on rest days and on public holidays; and what that costs a solver.

Chinese law pays (at least) 150 % for overtime, 200 % for work on a rest day without a day off in lieu and 300 % for work on a public holiday: 劳动法 (Labour
Law) article 44; 工资支付暂行规定 (Interim Provisions on the Payment of Wages, 劳部发〔1994〕489号) article 13. The factors are settings, see `rules.Pay`.

* **Public holidays** (`Plan.statutory`) are those that the law names, not the rest days that are moved around them. The minutes of a shift that lie on one are
  paid as such; its unpaid breaks are spread over all of it.
* **Rest days**: a calendar week (its days that are in the plan) has so many workdays, make-up workdays known. Who works on more days than it has workdays for
  him, has worked on so many rest days without a day off in lieu; the last ones count. Public holidays are none of these days, and a day of absence is
  no day off in lieu.
* **Overtime** is what goes beyond the normal hours of the week's workdays.
* Where hours are averaged over the month (`overtime_by = "month"`, 综合计算工时工作制) a rest day is a workday like others, and overtime is what goes beyond the
  normal hours of the month's workdays: 劳部发〔1997〕271号.

For the solver the part of the pay beyond 100 % costs `Costs.premium` an hour, so that it looks for cheaper coverage but leaves no need unmet for it. To it a
rest day has the normal hours of a workday; `paid_hours` counts the hours as they are. Pure but for the program that it writes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from forecast.rosters.frames import Frame, WeekFrame
from forecast.rosters.mip import Mip
from forecast.rosters.model import DAY_MIN, DAYS_FOR_A_WEEK, Duty, Person, Plan, ShiftType
from forecast.rosters.weeks import months_of

Columns = Mapping[tuple[int, int], int]
"""(day, shift type) -> column."""
Patterns = Sequence[Sequence[tuple[int, int]]]
"""Week by week: patterns of working days with their columns."""
_TINY = 1e-9


@dataclass(frozen=True, kw_only=True)
class PaidHours:
    """Hours by what they are paid; every hour is one of them."""

    usual: float = 0.0
    overtime: float = 0.0
    rest_day: float = 0.0
    holiday: float = 0.0

    def __add__(self, other: "PaidHours") -> "PaidHours":
        """Return both together."""
        return PaidHours(
            usual=self.usual + other.usual,
            overtime=self.overtime + other.overtime,
            rest_day=self.rest_day + other.rest_day,
            holiday=self.holiday + other.holiday,
        )


@dataclass(frozen=True, kw_only=True)
class Span:
    """Days of a plan over which overtime is counted: a calendar week or a month, as far as it is in the plan."""

    begin: int
    end: int
    """The number of the day after the last one."""
    common: int
    """Its days that are no public holidays, as bits (bit 0 is the first day of the plan),"""
    workdays: int
    """and its workdays."""

    def workdays_of(self, plan: Plan, person: Person) -> int:
        """Return on how many days of it this person could work without a rest day being one of them."""
        if not person.absences:
            return self.workdays.bit_count()
        days = (d for d in range(self.begin, self.end) if self.workdays >> d & 1)
        return sum(not person.absent(plan.day(d)) for d in days)


# --- the calendar ---------------------------------------------------------------------------------------------------------


def spans(plan: Plan) -> tuple[Span, ...]:
    """Return the weeks of a plan from Monday to Sunday, or its months where overtime is counted by the month."""
    if plan.rules.overtime_by == "month":
        return tuple(_span(plan, begin, end) for begin, end in months_of(plan.first, plan.days).values())
    mondays = [d for d in range(1, plan.days) if plan.day(d).weekday() == 0]
    return tuple(_span(plan, a, b) for a, b in zip((0, *mondays), (*mondays, plan.days), strict=True))


def _span(plan: Plan, begin: int, end: int) -> Span:
    days = [(1 << d, plan.day(d)) for d in range(begin, end)]
    common = sum(bit for bit, day in days if not _is_paid_holiday(plan, day))
    return Span(begin=begin, end=end, common=common, workdays=sum(bit for bit, day in days if plan.is_workday(day)))


def _is_paid_holiday(plan: Plan, day: date) -> bool:
    return plan.pay.holiday > 1.0 and day in plan.statutory


def _counts_rest_days(plan: Plan) -> bool:
    return plan.pay.rest_day > 1.0 and plan.rules.overtime_by != "month"


def _normal_day_h(plan: Plan) -> float:
    """Return the hours of a workday that are no overtime, as the rules of overtime count them."""
    if plan.rules.overtime_by == "month":
        return plan.rules.day_hours_max
    return plan.rules.week_hours_normal / DAYS_FOR_A_WEEK


def holiday_hours(plan: Plan, kind: ShiftType, day: date) -> float:
    """Return how many paid hours of a shift of that day lie on public holidays."""
    today = max(min(kind.end_min, DAY_MIN) - kind.start_min, 0)
    minutes = today * _is_paid_holiday(plan, day)
    if kind.end_min > DAY_MIN:
        minutes += (kind.length_min - today) * _is_paid_holiday(plan, day + timedelta(days=1))
    return kind.hours * minutes / kind.length_min


# --- what people are paid -------------------------------------------------------------------------------------------------


def paid_hours(plan: Plan, duties: Iterable[Duty]) -> dict[str, PaidHours]:
    """Return everybody's hours by what they are paid. Duties of other days, and of people whom the plan does not know, do not count."""
    kinds = plan.type_of()
    own: dict[str, dict[int, ShiftType]] = {person.id: {} for person in plan.people}
    for duty in duties:
        number = (duty.day - plan.first).days
        if duty.person in own and 0 <= number < plan.days:
            own[duty.person][number] = kinds[duty.shift]
    within = spans(plan)
    return {
        person.id: together(_of_span(plan, person, _inside(own[person.id], span), span) for span in within)
        for person in plan.people
    }


def _inside(works: Mapping[int, ShiftType], span: Span) -> dict[int, ShiftType]:
    return {d: kind for d, kind in works.items() if span.begin <= d < span.end}


def _of_span(plan: Plan, person: Person, works: Mapping[int, ShiftType], span: Span) -> PaidHours:
    holiday = {d: holiday_hours(plan, kind, plan.day(d)) for d, kind in works.items()}
    workdays = span.workdays_of(plan, person)
    many = _beyond(plan, sum(span.common >> d & 1 for d in works), workdays)
    rest_days = sorted((d for d in works if span.common & ~span.workdays & 1 << d), reverse=True)
    rested = sum(works[d].hours - holiday[d] for d in rest_days[:many])
    left = sum(kind.hours for kind in works.values()) - sum(holiday.values()) - rested
    overtime = max(left - _normal_day_h(plan) * workdays, 0.0) if plan.pay.overtime > 1.0 else 0.0
    return PaidHours(usual=left - overtime, overtime=overtime, rest_day=rested, holiday=sum(holiday.values()))


def _beyond(plan: Plan, days: int, workdays: int) -> int:
    """Return on how many rest days without a day off in lieu somebody works who works on so many days."""
    return max(days - workdays, 0) if _counts_rest_days(plan) else 0


def together(hours: Iterable[PaidHours]) -> PaidHours:
    """Return the hours of several people together."""
    return sum(hours, PaidHours())


def weighted(plan: Plan, hours: PaidHours) -> float:
    """Return how many usual hours would cost as much."""
    pay = plan.pay
    return hours.usual + pay.overtime * hours.overtime + pay.rest_day * hours.rest_day + pay.holiday * hours.holiday


# --- what it costs a solver -----------------------------------------------------------------------------------------------


def shift_price(plan: Plan, day: int, kind: ShiftType) -> float:
    """Return what a shift costs on a day of the plan: its hours, and what is paid on a public holiday beyond them."""
    beyond = plan.pay.holiday - 1.0
    more = beyond * holiday_hours(plan, kind, plan.day(day)) if beyond > 0 else 0.0
    return plan.costs.hour * kind.hours + plan.costs.premium * more


def rest_days_price(plan: Plan, person: Person, week: WeekFrame) -> dict[int, float]:
    """Return what each pattern of a week costs in rest days without a day off in lieu."""
    if not _counts_rest_days(plan):
        return dict.fromkeys(week.patterns, 0.0)
    each = _rest_day_price(plan)
    inside = [
        (span.common, span.workdays_of(plan, person))
        for span in spans(plan)
        if span.begin < week.end and week.begin < span.end
    ]
    return {
        pattern: each * sum(_beyond(plan, (pattern & common).bit_count(), many) for common, many in inside)
        for pattern in week.patterns
    }


def _rest_day_price(plan: Plan) -> float:
    return plan.costs.premium * (plan.pay.rest_day - 1.0) * _normal_day_h(plan)


def premiums(plan: Plan, works_of: Iterable[tuple[Person, Mapping[int, ShiftType]]]) -> float:
    """Return what people's shifts (day of the plan -> type) cost a solver beyond their hours."""
    if plan.pay.plain:
        return 0.0
    within = spans(plan)
    return sum(
        _premium(plan, person, inside, span)
        for person, works in works_of
        for span in within
        if (inside := _inside(works, span))
    )


def _premium(plan: Plan, person: Person, works: Mapping[int, ShiftType], span: Span) -> float:
    workdays = span.workdays_of(plan, person)
    beyond = _beyond(plan, sum(span.common >> d & 1 for d in works), workdays)
    holiday = sum(holiday_hours(plan, kind, plan.day(d)) for d, kind in works.items())
    hours = sum(kind.hours for kind in works.values()) - holiday
    overtime = max(hours - _normal_day_h(plan) * (workdays + beyond), 0.0)
    paid = max(plan.pay.holiday - 1.0, 0.0) * holiday + max(plan.pay.overtime - 1.0, 0.0) * overtime
    return plan.costs.premium * paid + (beyond * _rest_day_price(plan) if beyond else 0.0)


def add_overtime(mip: Mip, plan: Plan, columns: Columns, patterns: Patterns, frames: Sequence[Frame]) -> None:
    """Let overtime cost what is paid beyond 100 %, of one person or of a class together (which makes it a bound: see `crew`).

    `patterns` are those of the frames' weeks, in the same order. Nothing is written where shifts are so short that there can be no overtime.
    """
    price = plan.costs.premium * (plan.pay.overtime - 1.0)
    if price <= 0:
        return
    people = [plan.people[frame.person] for frame in frames]
    for span in spans(plan):
        terms = [
            (column, plan.types[s].hours - holiday_hours(plan, plan.types[s], plan.day(day)))
            for (day, s), column in columns.items()
            if span.begin <= day < span.end
        ]
        workdays = [span.workdays_of(plan, person) for person in people]
        if not _possible(plan, columns, span, min(workdays)):
            continue
        off = [
            (column, -_normal_day_h(plan) * many)
            for own, week in zip(patterns, frames[0].weeks, strict=True)
            if week.begin < span.end and span.begin < week.end
            for pattern, column in own
            if (many := _beyond(plan, (pattern & span.common).bit_count(), min(workdays)))
        ]
        more = mip.column(cost=price)
        mip.row([*terms, *off, (more, -1.0)], upper=_normal_day_h(plan) * sum(workdays))


def _possible(plan: Plan, columns: Columns, span: Span, workdays: int) -> bool:
    """Return whether somebody may come to overtime in a span at all."""
    normal = _normal_day_h(plan)
    most: dict[int, float] = {}
    for day, s in columns:
        if span.begin <= day < span.end:
            hours = plan.types[s].hours - holiday_hours(plan, plan.types[s], plan.day(day))
            most[day] = max(most.get(day, 0.0), hours)
    if _counts_rest_days(plan):
        return any(hours > normal * (span.common >> day & 1) + _TINY for day, hours in most.items())
    return sum(most.values()) > normal * workdays + _TINY
