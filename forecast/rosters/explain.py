"""Why a plan is impossible, in sentences: which rules collide, for whom. Nothing is guessed: each set is minimal.

What can be short is only the need, so a plan is possible just when it is possible for every person by himself. For those for whom it is not,
rules are taken away one by one: what is left when no further one can be missed is a smallest set that collides (deletion filter:
J. W. Chinneck and E. W. Dravnieks, "Locating minimal infeasible constraint sets in linear programs", ORSA Journal on Computing 3, 1991).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from forecast.rosters.check import clock, violations
from forecast.rosters.cover import needed, presence, serves_of
from forecast.rosters.crew import Fair, add_member
from forecast.rosters.frames import frame, hours_limits, rest_hours
from forecast.rosters.mip import Mip, solve
from forecast.rosters.model import DAY_MIN, Duty, Person, Plan
from hotline.errors import Rejected

NO_LIMIT_H = 1e6
SOLVE_S = 10.0
CURABLE = frozenset({"least_hours"})
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


@dataclass(frozen=True, kw_only=True)
class _Group:
    """A group of rules: how it is said, and how it is taken away."""

    says: Callable[[Plan, Person], str]
    """Empty: it asks nothing of this person."""
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
        like = (replace(person, id="", name="", wishes=(), skills=tuple(sorted(person.skills))),)
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
    if _possible(alone, person):
        return ""
    needed_groups = [group for group in GROUPS if group.says(plan, person)]
    for group in list(needed_groups):
        fewer = [other for other in needed_groups if other is not group]
        if not _possible(*_without(alone, person, fewer)):
            needed_groups = fewer
    said = [group.says(plan, person) for group in needed_groups]
    if not said:
        return "no shift type fits the rules for everybody"
    return f"cannot be kept: {said[0]}" if len(said) == 1 else f"cannot be kept together: {'; '.join(said)}"


def _without(plan: Plan, person: Person, kept: Sequence[_Group]) -> tuple[Plan, Person]:
    for group in GROUPS:
        if group not in kept:
            plan, person = group.without(plan, person)
    return replace(plan, people=(person,)), person


def _possible(plan: Plan, person: Person) -> bool:
    alone = replace(plan, people=(replace(person, wishes=()),))
    own = frame(alone, 0)
    if not own.patterns:
        return False
    mip = Mip()
    add_member(mip, alone, own, Fair(alone))
    mip.cost = [0.0] * len(mip.cost)
    return len(solve(mip, seconds=SOLVE_S).x) > 0


def _contract(**changes: object) -> Relax:
    return lambda plan, person: (plan, replace(person, contract=replace(person.contract, **changes)))  # type: ignore[arg-type]


def _rules(**changes: object) -> Relax:
    return lambda plan, person: (replace(plan, rules=replace(plan.rules, **changes)), person)  # type: ignore[arg-type]


def _no_most(plan: Plan, person: Person) -> tuple[Plan, Person]:
    contract = replace(person.contract, hours_week_max=NO_LIMIT_H, hours_month_max=None)
    rules = replace(plan.rules, week_hours_max=NO_LIMIT_H, overtime_month_max_h=NO_LIMIT_H)
    return replace(plan, rules=rules), replace(person, contract=contract)


def _no_rest(plan: Plan, person: Person) -> tuple[Plan, Person]:
    contract, past = replace(person.contract, rest_h=None), replace(person.past, busy_until_min=None)
    return replace(plan, rules=replace(plan.rules, rest_h=0.0)), replace(person, contract=contract, past=past)


def _no_row(plan: Plan, person: Person) -> tuple[Plan, Person]:
    person = replace(person, past=replace(person.past, days_in_row=0))
    return _contract(days_in_row_max=None)(*_rules(days_in_row_max=plan.days)(plan, person))


def _absent_days(plan: Plan, person: Person) -> int:
    return sum(person.absent(plan.day(d)) for d in range(plan.days))


def _says_fixed(plan: Plan, person: Person) -> str:
    inside = [f for f in person.fixed if plan.first <= f.day <= plan.last]
    return "fixed: " + ", ".join(f"{f.shift or 'off'} on {f.day}" for f in inside) if inside else ""


def _says_times(_plan: Plan, person: Person) -> str:
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


def _says_nights(plan: Plan, person: Person) -> str:
    contract = person.contract
    said = []
    if contract.nights_week_max < plan.days:
        said.append(f"at most {contract.nights_week_max} nights a week")
    if contract.nights_in_row_max < plan.days:
        said.append(f"at most {contract.nights_in_row_max} nights in a row")
    if contract.off_after_nights:
        said.append(f"{contract.off_after_nights} days free after nights")
    return ", ".join(said)


GROUPS: tuple[_Group, ...] = (
    _Group(
        says=lambda plan, person: (
            f"at least {hours_limits(person, plan)[0]:g} h" if hours_limits(person, plan)[0] else ""
        ),
        without=_contract(hours_week_min=0.0),
    ),
    _Group(says=lambda plan, person: f"at most {hours_limits(person, plan)[1]:g} h", without=_no_most),
    _Group(
        says=lambda plan, person: f"{days} days absent" if (days := _absent_days(plan, person)) else "",
        without=lambda plan, person: (plan, replace(person, absences=())),
    ),
    _Group(says=_says_fixed, without=lambda plan, person: (plan, replace(person, fixed=()))),
    _Group(
        says=_says_times,
        without=_contract(shifts=(), earliest_min=0, latest_min=2 * DAY_MIN),
    ),
    _Group(says=lambda plan, person: f"{rest_hours(person, plan.rules):g} h of rest between shifts", without=_no_rest),
    _Group(
        says=lambda _plan, person: f"at most {person.contract.days_week_max} days a week",
        without=_contract(days_week_max=7),
    ),
    _Group(
        says=lambda plan, person: (
            f"at most {min(person.contract.days_in_row_max or 99, plan.rules.days_in_row_max)} days in a row"
            + (f" ({person.past.days_in_row} are behind already)" if person.past.days_in_row else "")
        ),
        without=_no_row,
    ),
    _Group(
        says=lambda _plan, person: (
            f"{person.contract.days_off_in_row} days off in a row" if person.contract.days_off_in_row else ""
        ),
        without=_contract(days_off_in_row=0),
    ),
    _Group(
        says=lambda plan, _person: f"{plan.rules.rest_days_week} rest days a week", without=_rules(rest_days_week=0)
    ),
    _Group(says=_says_nights, without=_contract(nights_week_max=7, nights_in_row_max=7, off_after_nights=0)),
    _Group(
        says=lambda plan, _person: f"at most {plan.rules.day_hours_max + plan.rules.overtime_day_max_h:g} h a day",
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
            if plan.day(day).weekday() in kind.weekdays
            for slot, _ in presence(plan, day, kind.start_min, kind.length_min)
        }
        lost = [slot for slot in range(wanted.shape[1]) if wanted[number][slot] > 0 and slot not in reached]
        lost = [slot for slot in lost if not (plan.before and slot < plan.slots)]
        if lost:
            day, at = divmod(lost[0] * plan.step_min, DAY_MIN)
            what = f" for {need.skill}" if need.skill else ""
            said.append(
                f"{len(lost)} slots with a need{what} lie in no shift, the first on {plan.day(day)} at {clock(at)}"
            )
    return said
