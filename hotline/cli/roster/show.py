"""How rosters look in a terminal: a line for each person, how far the need is met, how far the solver is. Pure but for the bar."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hotline.cli.shell import console, errors, print_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from forecast.rosters.model import Duty, Plan
    from forecast.rosters.outcome import Progress, Solved


def tables(plan: "Plan", duties: "Sequence[Duty]") -> "Iterator[tuple[tuple[str, ...], list[tuple[object, ...]]]]":
    """Yield heads and rows: who works what on each day, a table for each week; hours, nights and weekend days of all of it in the last."""
    from forecast.rosters.table_file import grid

    head, *rows = grid(plan, duties)
    shown = 2 + plan.days
    for week in plan.weeks:
        days = slice(2 + week.begin, 2 + week.end)
        sums = slice(shown, None) if week.end == plan.days else slice(0, 0)
        dotted = ((*r[:2], *("·" if cell == "off" else cell for cell in r[days]), *r[sums]) for r in rows)
        yield (*head[:2], *head[days], *head[sums]), list(dotted)


def by_week(plan: "Plan", duties: "Sequence[Duty]", gaps: "Sequence[float]" = ()) -> list[dict[str, Any]]:
    """Return how each week of a plan meets its need, for programs."""
    from forecast.rosters.cost import account

    worth = account(plan, duties)
    hours = plan.step_min / 60
    kinds = plan.type_of()
    found = []
    for number, week in enumerate(plan.weeks):
        slots = slice(week.begin * plan.slots, week.end * plan.slots)
        needed, present = worth.needed[:, slots], worth.present[:, slots]
        short = float((needed - present).clip(0.0).sum()) * hours
        total = float(needed.sum()) * hours
        days = {plan.day(d) for d in range(week.begin, week.end)}
        found.append(
            {
                "first": str(plan.day(week.begin)),
                "days": week.days,
                "covered": round(1.0 - short / total, 4) if total else 1.0,
                "short_hours": round(short, 2),
                "paid_hours": round(sum(kinds[d.shift].hours for d in duties if d.day in days), 2),
                "gap": round(gaps[number], 5) if number < len(gaps) else None,
            }
        )
    return found


def fairness(plan: "Plan", duties: "Sequence[Duty]") -> dict[str, list[int]]:
    """Return the fewest and the most nights, weekend days and holidays of a person, past ones counted; of those who may have any."""
    kinds = plan.type_of()
    own: dict[str, list[Duty]] = {person.id: [] for person in plan.people}
    for duty in duties:
        own[duty.person].append(duty)
    nights, weekends, holidays = [], [], []
    for person in plan.people:
        mine, contract = own[person.id], person.contract
        if contract.nights_week_max and any(
            kind.night and (not contract.shifts or kind.id in contract.shifts) for kind in plan.types
        ):
            nights.append(person.past.nights + sum(kinds[d.shift].night for d in mine))
        weekends.append(person.past.weekend_days + sum(plan.is_weekend(d.day) for d in mine))
        holidays.append(person.past.holidays + sum(plan.is_holiday(d.day) for d in mine))
    named = (("nights", nights), ("weekend_days", weekends), ("holidays", holidays))
    return {name: [min(values), max(values)] for name, values in named if values}


def pay(plan: "Plan", duties: "Sequence[Duty]") -> dict[str, Any]:
    """Return the hours by what they are paid, of all and of each person, for programs."""
    from forecast.rosters.pay import paid_hours, together, weighted

    of_person = paid_hours(plan, duties)
    whole = together(of_person.values())
    kinds = ("overtime", "rest_day", "holiday")
    return {
        "factors": {"usual": 1.0, **{kind: getattr(plan.pay, kind) for kind in kinds}},
        "hours": {kind: round(getattr(whole, kind), 2) for kind in ("usual", *kinds)},
        "hours_as_paid": round(weighted(plan, whole), 2),
        "people": {
            person: {
                **{kind: round(getattr(hours, kind), 2) for kind in ("usual", *kinds)},
                "hours_as_paid": round(weighted(plan, hours), 2),
            }
            for person, hours in of_person.items()
        },
    }


PAID_AS = {"usual": "usual hours", "overtime": "overtime", "rest_day": "rest days", "holiday": "public holidays"}


def _show_pay(plan: "Plan", duties: "Sequence[Duty]") -> None:
    """Print the hours by what they are paid, where not all are paid the same."""
    if plan.pay.plain:
        return
    said = pay(plan, duties)
    parts = (
        f"{hours:g} h at {said['factors'][kind]:.0%} ({PAID_AS[kind]})"
        for kind, hours in said["hours"].items()
        if hours
    )
    console.print(
        f"paid: {', '.join(parts)}; as much as {said['hours_as_paid']:g} usual hours", markup=False, soft_wrap=True
    )


def summary(plan: "Plan", duties: "Sequence[Duty]") -> dict[str, Any]:
    """Return how well a roster meets the need, for programs."""
    from forecast.rosters.cost import account

    worth = account(plan, duties)
    return {
        "covered": round(worth.covered, 4),
        "short_hours": round(worth.short_hours, 2),
        "idle_hours": round(worth.idle_hours, 2),
        "worst_short": round(worth.worst_short, 2),
        "paid_hours": round(worth.personal.hours, 2),
        "pay": pay(plan, duties),
        "wishes": worth.personal.wishes,
        "wishes_fulfilled": worth.personal.fulfilled,
        "cost": round(worth.cost, 2),
    }


def show(plan: "Plan", duties: "Sequence[Duty]") -> None:
    """Print a roster for people."""
    for head, rows in tables(plan, duties):
        print_table(head, rows, empty="nobody")
    said = summary(plan, duties)
    need = f"{said['covered']:.1%} of the need met, {said['short_hours']:g} agent-hours missing (at most {said['worst_short']:g} at once), "
    need = f"{need}{said['idle_hours']:g} too many; " if plan.needs else ""
    wishes = f"; {said['wishes_fulfilled']} of {said['wishes']} wishes" if said["wishes"] else ""
    console.print(f"{need}{said['paid_hours']:g} paid hours{wishes}", markup=False, soft_wrap=True)
    _show_pay(plan, duties)
    shared = "; ".join(
        f"{name.replace('_', ' ')} {low} to {high}" for name, (low, high) in fairness(plan, duties).items() if high
    )
    if shared:
        console.print(f"shared out, past ones counted: {shared}", markup=False, soft_wrap=True)


def show_weeks(weeks: "Sequence[dict[str, Any]]") -> None:
    """Print how each week of a longer plan meets its need."""
    for week in weeks if len(weeks) > 1 else ():
        gap = "" if week["gap"] is None else f", gap {week['gap']:.2%} when it was made"
        met = f"{week['covered']:.1%} of the need met, {week['short_hours']:g} agent-hours missing"
        console.print(
            f"week of {week['first']}: {met}, {week['paid_hours']:g} paid hours{gap}", markup=False, soft_wrap=True
        )


def solved(found: "Solved", plan: "Plan") -> dict[str, Any]:
    """Return what the solver found, for programs."""
    return {
        "first": str(plan.first),
        "days": plan.days,
        "ending": found.ending,
        "cost": round(found.cost, 3),
        "bound": round(found.bound, 3),
        "gap": round(found.gap, 5),
        "gap_without_pay": round(found.gap_without_pay, 5),
        "seconds": round(found.seconds, 2),
        **{k: v for k, v in summary(plan, found.roster.duties).items() if k != "cost"},
        "fairness": fairness(plan, found.roster.duties),
        "weeks": by_week(plan, found.roster.duties, found.weekly),
        "duties": [
            {"person": duty.person, "day": str(duty.day), "shift": duty.shift, "breaks": list(duty.breaks)}
            for duty in found.roster.duties
        ],
    }


STAGES = {
    "bound": "how good it can be at most", "classes": "people who are alike, counted", "people": "shifts for every person", "breaks": "breaks", "search": "better ones",
    "whole": "everything at once",
}  # fmt: skip


@contextmanager
def progress(seconds: float) -> "Iterator[Callable[[Progress], None]]":
    """Show on standard error how far the solver is, and that it ends after so many seconds: a line that is renewed on a terminal, nothing elsewhere."""
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    with Bar(
        SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn(), TextColumn(f"of {seconds:g} s"), console=errors,
        transient=True, disable=not errors.is_terminal,
    ) as bar:  # fmt: skip
        task = bar.add_task("reading", total=None)

        def tell(now: "Progress") -> None:
            cost = f"{now.cost:.1f}" if now.gap < 1 else "none yet"
            gap = f", gap {now.gap:.2%}" if now.gap < 1 else ""
            week = f"week {now.week} of {now.weeks}, " if now.week else ""
            bar.update(task, description=f"{week}{STAGES[now.stage]}: cost {cost}, bound {now.bound:.1f}{gap}")

        yield tell
