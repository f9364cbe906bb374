"""Why a plan is impossible, in sentences: which rules collide, for whom. Nothing is guessed: each set is minimal.

What can be short is only the need, so a plan is possible just when it is possible for every person by himself. For those for whom it is not,
the shortest stretch of weeks is looked for that is impossible by itself; in it rules are taken away one by one: what is left when no further one can be missed is a smallest set that collides (deletion filter:
J. W. Chinneck and E. W. Dravnieks, "Locating minimal infeasible constraint sets in linear programs", ORSA Journal on Computing 3, 1991).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from forecast.rosters.check import clock, violations
from forecast.rosters.cover import needed, presence, serves_of
from forecast.rosters.crew import add_member
from forecast.rosters.fairness import Fair
from forecast.rosters.frames import Frame, days_in_row, frame, rest_hours
from forecast.rosters.hours import NO_LIMIT, least_of_month, limits_of
from forecast.rosters.mip import Mip, solve
from forecast.rosters.model import DAY_MIN, Duty, Person, Plan
from forecast.rosters.weeks import WEEK_DAYS, months_of
from hotline.errors import Rejected

NO_LIMIT_H = 1e6
SOLVE_S = 10.0
CURABLE = frozenset({"least_hours", "least_month"})
"""What fixed shifts alone may break, because more shifts follow."""


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """Rules that cannot be kept together."""

    person: str
    text: str
    """One sentence."""


class Infeasible(Rejected):
    """No roster can keep these rules."""

    def __init__(self, conflicts: Sequence[Conflict]) -> None:
        super().__init__("infeasible", "; ".join(conflict.text for conflict in conflicts))
        self.conflicts = tuple(conflicts)


Relax = Callable[[Plan, Person], tuple[Plan, Person]]
Span = tuple[int, int]
"""Weeks of the plan, by number: the first, and the one after the last."""


@dataclass(frozen=True, kw_only=True)
class _Group:
    """A group of rules: how it is said, and how it is taken away."""

    says: Callable[[Plan, Person, Span], str]
    """What it asks in these weeks; empty: nothing of this person."""
    without: Relax


def check_possible(plan: Plan) -> None:
    """Raise Infeasible with every conflict when no roster can keep the rules of the plan."""
    conflicts = find(plan)
    if conflicts:
        raise Infeasible(conflicts)


def find(plan: Plan) -> list[Conflict]:
    """Return the conflicts of everybody for whom the plan is impossible."""
    found: list[Conflict] = []
    known: dict[tuple[Person, ...], str] = {}
    for person in plan.people:
        by_fixed = _fixed_alone(plan, person)
        if by_fixed:
            found += by_fixed
            continue
        past = replace(person.past, nights=0, weekend_days=0, holidays=0)  # fairness alone asks for these
        like = (replace(person, id="", name="", wishes=(), skills=tuple(sorted(person.skills)), past=past),)
        if like not in known:
            known[like] = _collision(plan, person)
        if known[like]:
            found.append(Conflict(person=person.id, text=f"{person.called}: {known[like]}"))
    return found


def _fixed_alone(plan: Plan, person: Person) -> list[Conflict]:
    """Return what the fixed shifts of a person break by themselves."""
    duties = [Duty(person=person.id, day=f.day, shift=f.shift) for f in person.fixed if f.shift]
    alone = replace(plan, people=(person,), needs=(), before=())
    broken = violations(alone, [d for d in duties if plan.first <= d.day <= plan.last])
    return [
        Conflict(person=person.id, text=f"{v.text.replace(' nights ', ' fixed nights ', 1)} (by fixed shifts)")
        for v in broken
        if v.rule not in CURABLE
    ]


def _collision(plan: Plan, person: Person) -> str:
    """Return a smallest set of rules that collide for a person; empty: all can be kept."""
    alone = replace(plan, people=(person,), needs=(), before=())
    weeks = len(plan.weeks)
    if _possible(alone, person, (0, weeks)):
        return ""
    spans = ((begin, begin + many) for many in range(1, weeks + 1) for begin in range(weeks - many + 1))
    span = next(span for span in spans if span == (0, weeks) or not _possible(alone, person, span))
    needed_groups = [group for group in GROUPS if group.says(plan, person, span)]
    for group in list(needed_groups):
        fewer = [other for other in needed_groups if other is not group]
        if not _possible(*_without(alone, person, fewer), span):
            needed_groups = fewer
    said = [group.says(plan, person, span) for group in needed_groups]
    if not said:
        return "no shift type fits the rules for everybody"
    together = "" if len(said) == 1 else " together"
    return f"cannot be kept{together}{_when(plan, span)}: {'; '.join(said)}"


def _when(plan: Plan, span: Span) -> str:
    """Return words for some weeks; none where they are all of the plan's."""
    first, last = plan.weeks[span[0]], plan.weeks[span[1] - 1]
    if span == (0, len(plan.weeks)):
        return ""
    if first == last:
        return f" in the week of {plan.day(first.begin)}"
    return f" from {plan.day(first.begin)} to {plan.day(last.end - 1)}"


def _without(plan: Plan, person: Person, kept: Sequence[_Group]) -> tuple[Plan, Person]:
    for group in GROUPS:
        if group not in kept:
            plan, person = group.without(plan, person)
    return replace(plan, people=(person,)), person


def _possible(plan: Plan, person: Person, span: Span) -> bool:
    alone = replace(plan, people=(replace(person, wishes=()),))
    return can_be_kept(alone, _within(frame(alone, 0), span))


def can_be_kept(plan: Plan, own: Frame) -> bool:
    """Return whether there are shifts for a person that keep all the rules of his frame."""
    if not own.possible:
        return False
    mip = Mip()
    add_member(mip, plan, own, Fair(plan))
    mip.cost = [0.0] * len(mip.cost)
    return len(solve(mip, seconds=SOLVE_S).x) > 0


def _within(own: Frame, span: Span) -> Frame:
    """Return what is left of a frame when only some weeks are looked at: the rules that are about these alone."""
    weeks = own.weeks[span[0] : span[1]]
    begin, end = weeks[0].begin, weeks[-1].end
    return replace(
        own,
        weeks=weeks,
        allowed=tuple(types if begin <= day < end else () for day, types in enumerate(own.allowed)),
        hours=tuple(limit for limit in own.hours if begin <= limit.begin and limit.end <= end),
        overtime=tuple(o for o in own.overtime if all(begin <= first and last <= end for first, last, _ in o.weeks)),
    )


def _contract(**changes: object) -> Relax:
    return lambda plan, person: (plan, replace(person, contract=replace(person.contract, **changes)))  # type: ignore[arg-type]


def _rules(**changes: object) -> Relax:
    return lambda plan, person: (replace(plan, rules=replace(plan.rules, **changes)), person)  # type: ignore[arg-type]


def _no_most(plan: Plan, person: Person) -> tuple[Plan, Person]:
    contract = replace(person.contract, hours_week_max=NO_LIMIT_H)
    rules = replace(plan.rules, week_hours_max=NO_LIMIT_H, overtime_month_max_h=NO_LIMIT_H)
    return replace(plan, rules=rules), replace(person, contract=contract)


def _no_rest(plan: Plan, person: Person) -> tuple[Plan, Person]:
    contract, past = replace(person.contract, rest_h=None), replace(person.past, busy_until_min=None)
    return replace(plan, rules=replace(plan.rules, rest_h=0.0)), replace(person, contract=contract, past=past)


def _no_row(plan: Plan, person: Person) -> tuple[Plan, Person]:
    person = replace(person, past=replace(person.past, days_in_row=0))
    return _contract(days_in_row_max=None)(*_rules(days_in_row_max=plan.days)(plan, person))


def _days_of(plan: Plan, span: Span) -> range:
    return range(plan.weeks[span[0]].begin, plan.weeks[span[1] - 1].end)


def _says_hours(plan: Plan, person: Person, span: Span, *, least: bool) -> str:
    """Say the least or the most hours of each of these weeks."""
    hours = {(h.begin, h.end): h for h in limits_of(plan, person)[0]}
    own = [hours[week.begin, week.end] for week in plan.weeks[span[0] : span[1]] if (week.begin, week.end) in hours]
    many = sorted({f"{h.low if least else h.high:g}" for h in own if (h.low > 0 if least else h.high < NO_LIMIT)})
    word, a_week = "least" if least else "most", " a week" if len(own) > 1 else ""
    return f"at {word} {' or '.join(many)} h{a_week}" if many else ""


def _says_month(plan: Plan, person: Person, span: Span) -> str:
    days, said = _days_of(plan, span), []
    if len(plan.weeks) == 1 and not person.contract.hours_month_min:
        return ""  # the most of the month is in that of the week
    for month, (begin, end) in months_of(plan.first, plan.days).items():
        if not (days.start <= begin and end <= days.stop):
            continue
        where = f"in {month[0]}-{month[1]:02}"
        least, most = least_of_month(plan, person, month, begin, end), person.contract.hours_month_max
        said += [f"at least {least:g} h {where}"] if least else []
        said += [f"at most {most:g} h {where}"] if most is not None else []
    return ", ".join(said)


def _says_absent(plan: Plan, person: Person, span: Span) -> str:
    days = sum(person.absent(plan.day(d)) for d in _days_of(plan, span))
    return f"{days} days absent" if days else ""


def _says_fixed(plan: Plan, person: Person, span: Span) -> str:
    days = _days_of(plan, span)
    inside = [f for f in person.fixed if plan.day(days.start) <= f.day <= plan.day(days.stop - 1)]
    return "fixed: " + ", ".join(f"{f.shift or 'off'} on {f.day}" for f in inside) if inside else ""


def _says_times(_plan: Plan, person: Person, _span: Span) -> str:
    contract = person.contract
    only = (
        f"only shifts {', '.join(contract.shifts[:8])}{' …' if len(contract.shifts) > 8 else ''}"
        if contract.shifts
        else ""
    )
    hours = ""
    if contract.earliest_min > 0 or contract.latest_min < 2 * DAY_MIN:
        hours = f"shifts between {clock(contract.earliest_min)} and {clock(contract.latest_min)}"
    return " ".join(text for text in (only, hours) if text)


def _says_row(plan: Plan, person: Person, span: Span) -> str:
    behind = person.past.days_in_row if span[0] == 0 else 0
    behind_said = f" ({behind} are behind already)" if behind else ""
    return f"at most {days_in_row(person, plan.rules)} days in a row{behind_said}"


def _says_nights(_plan: Plan, person: Person, _span: Span) -> str:
    contract = person.contract
    said = []
    if contract.nights_week_max < WEEK_DAYS:
        said.append(f"at most {contract.nights_week_max} nights a week")
    if contract.nights_in_row_max < WEEK_DAYS:
        said.append(f"at most {contract.nights_in_row_max} nights in a row")
    if contract.off_after_nights:
        said.append(f"{contract.off_after_nights} days free after nights")
    return ", ".join(said)


GROUPS: tuple[_Group, ...] = (
    _Group(
        says=lambda plan, person, span: _says_hours(plan, person, span, least=True),
        without=_contract(hours_week_min=0.0),
    ),
    _Group(says=lambda plan, person, span: _says_hours(plan, person, span, least=False), without=_no_most),
    _Group(says=_says_month, without=_contract(hours_month_min=0.0, hours_month_max=None)),
    _Group(says=_says_absent, without=lambda plan, person: (plan, replace(person, absences=()))),
    _Group(says=_says_fixed, without=lambda plan, person: (plan, replace(person, fixed=()))),
    _Group(
        says=_says_times,
        without=_contract(shifts=(), earliest_min=0, latest_min=2 * DAY_MIN),
    ),
    _Group(
        says=lambda plan, person, _span: f"{rest_hours(person, plan.rules):g} h of rest between shifts",
        without=_no_rest,
    ),
    _Group(
        says=lambda _plan, person, _span: f"at most {person.contract.days_week_max} days a week",
        without=_contract(days_week_max=7),
    ),
    _Group(says=_says_row, without=_no_row),
    _Group(
        says=lambda _plan, person, _span: (
            f"{person.contract.days_off_in_row} days off in a row" if person.contract.days_off_in_row else ""
        ),
        without=_contract(days_off_in_row=0),
    ),
    _Group(
        says=lambda plan, _person, _span: f"{plan.rules.rest_days_week} rest days a week",
        without=_rules(rest_days_week=0),
    ),
    _Group(says=_says_nights, without=_contract(nights_week_max=7, nights_in_row_max=7, off_after_nights=0)),
    _Group(
        says=lambda plan, _person, _span: (
            f"at most {plan.rules.day_hours_max + plan.rules.overtime_day_max_h:g} h a day"
        ),
        without=_rules(overtime_day_max_h=24.0),
    ),
)


def hopeless(plan: Plan) -> list[str]:
    """Return sentences about need that nobody can meet, whatever the roster: no skill, or no shift at that time."""
    said = []
    wanted = needed(plan)
    for number, need in enumerate(plan.needs):
        able = [person for person in plan.people if number in serves_of(plan, person)]
        if not able and wanted[number].any():
            said.append(f"nobody has the skill {need.skill}, which is needed")
            continue
        reached = {
            slot
            for day in range(plan.days)
            for kind in plan.types
            if plan.has_type(kind, plan.day(day))
            for slot, _ in presence(plan, day, kind.start_min, kind.length_min)
        }
        lost = [slot for slot in range(wanted.shape[1]) if wanted[number][slot] > 0 and slot not in reached]
        lost = [slot for slot in lost if not (plan.before and slot < plan.slots)]
        reach = max((kind.end_min - DAY_MIN for kind in plan.types), default=0) // plan.step_min
        if lost and lost[-1] < reach:
            what = f" for {need.skill}" if need.skill else ""
            said.append(
                f"{len(lost)} slots with a need{what} on {plan.first} are for nights of the day before; a history would tell of them"
            )
        elif lost:
            day, at = divmod(lost[0] * plan.step_min, DAY_MIN)
            what = f" for {need.skill}" if need.skill else ""
            said.append(
                f"{len(lost)} slots with a need{what} lie in no shift, the first on {plan.day(day)} at {clock(at)}"
            )
    return said
