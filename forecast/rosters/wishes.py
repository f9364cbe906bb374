"""What people cost, and what a roster costs them: pay with what comes on top of it, wishes that are not fulfilled, nights and weekends not shared fairly. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from forecast.rosters.model import Duty, Person, Plan, ShiftType, Wish
from forecast.rosters.pay import premiums

Shifts = Mapping[tuple[str, date], str]
"""(person, day) -> shift type."""


@dataclass(frozen=True, kw_only=True)
class Personal:
    """What becomes of the wishes of a roster, and what it costs."""

    wishes: int
    fulfilled: int
    hours: float
    """Paid hours."""
    cost: float
    """Pay, wishes and fairness together, in the unit of `Costs`."""


def fulfilled(wish: Wish, shift: str | None) -> bool:
    """Return whether a wish comes true with this shift on its day (None: no shift)."""
    match wish.kind:
        case "off":
            return shift is None
        case "shift":
            return shift in wish.shifts
        case _:
            return shift not in wish.shifts


def personal(plan: Plan, duties: Iterable[Duty], people: Iterable[Person] | None = None) -> Personal:
    """Return what these duties mean for `people`; None: for everybody."""
    shift_of = {(duty.person, duty.day): duty.shift for duty in duties}
    counted = plan.people if people is None else tuple(people)
    within = [(p, w) for p in counted for w in p.wishes if plan.first <= w.day <= plan.last]
    missed = [w.weight for p, w in within if not fulfilled(w, shift_of.get((p.id, w.day)))]
    least = plan.fewest()
    fair = sum(_unfair(plan, person, shift_of, least) for person in counted)
    kinds = plan.type_of()
    days = {plan.day(d): d for d in range(plan.days)}
    works: dict[str, dict[int, ShiftType]] = {p.id: {} for p in counted}
    for (who, day), shift in shift_of.items():
        if who in works and day in days:
            works[who][days[day]] = kinds[shift]
    hours = sum(kind.hours for own in works.values() for kind in own.values())
    premium = premiums(plan, ((p, works[p.id]) for p in counted))
    return Personal(
        wishes=len(within),
        fulfilled=len(within) - len(missed),
        hours=hours,
        cost=plan.costs.hour * hours + premium + plan.costs.wish * sum(missed) + fair,
    )


def _unfair(plan: Plan, person: Person, shift_of: Shifts, least: Sequence[int]) -> float:
    """Return the price of one person's nights, weekend days and holidays: the k-th, past ones counted, costs k times the price."""
    kinds, costs, past = plan.type_of(), plan.costs, person.past
    days = [plan.day(d) for d in range(plan.days) if (person.id, plan.day(d)) in shift_of]
    counted = (
        (costs.night, past.nights, sum(kinds[shift_of[person.id, day]].night for day in days)),
        (costs.weekend, past.weekend_days, sum(plan.is_weekend(day) for day in days)),
        (costs.holiday, past.holidays, sum(plan.is_holiday(day) for day in days)),
    )
    share = min(max(person.contract.hours_week_max / plan.rules.week_hours_normal, 0.1), 1.0)
    return sum(c * _steps(had - lucky, more) for (c, had, more), lucky in zip(counted, least, strict=True)) / share


def _steps(had: int, more: int) -> float:
    return more * had + more * (more + 1) / 2
