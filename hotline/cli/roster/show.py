"""How rosters look in a terminal: a line for each person, how far the need is met, how far the solver is. Pure but for the bar."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hotline.cli.shell import console, errors, print_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from forecast.rosters.model import Duty, Plan
    from forecast.rosters.outcome import Progress, Solved


def table(plan: "Plan", duties: "Sequence[Duty]") -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return the head and the rows: who works what on each day, hours and nights."""
    kinds = plan.type_of()
    days = [plan.day(number) for number in range(plan.days)]
    has = {(duty.person, duty.day): kinds[duty.shift] for duty in duties}
    rows: list[tuple[object, ...]] = []
    for person in plan.people:
        own = [has.get((person.id, day)) for day in days]
        shifts = [
            kind.id if kind else ("absent" if person.absent(day) else "·") for kind, day in zip(own, days, strict=True)
        ]
        worked = [kind for kind in own if kind is not None]
        hours = f"{sum(kind.hours for kind in worked):g}"
        rows.append((person.id, person.name, *shifts, hours, sum(kind.night for kind in worked)))
    return ("person", "name", *(f"{day:%a %m-%d}" for day in days), "hours", "nights"), rows


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
        "wishes": worth.personal.wishes,
        "wishes_fulfilled": worth.personal.fulfilled,
        "cost": round(worth.cost, 2),
    }


def show(plan: "Plan", duties: "Sequence[Duty]") -> None:
    """Print a roster for people."""
    head, rows = table(plan, duties)
    print_table(head, rows, empty="nobody")
    said = summary(plan, duties)
    need = f"{said['covered']:.1%} of the need met, {said['short_hours']:g} agent-hours missing (at most {said['worst_short']:g} at once), "
    need = f"{need}{said['idle_hours']:g} too many; " if plan.needs else ""
    wishes = f"; {said['wishes_fulfilled']} of {said['wishes']} wishes" if said["wishes"] else ""
    console.print(f"{need}{said['paid_hours']:g} paid hours{wishes}", markup=False, soft_wrap=True)


def solved(found: "Solved", plan: "Plan") -> dict[str, Any]:
    """Return what the solver found, for programs."""
    return {
        "first": str(plan.first),
        "days": plan.days,
        "ending": found.ending,
        "cost": round(found.cost, 3),
        "bound": round(found.bound, 3),
        "gap": round(found.gap, 5),
        "seconds": round(found.seconds, 2),
        **{k: v for k, v in summary(plan, found.roster.duties).items() if k != "cost"},
        "duties": [
            {"person": duty.person, "day": str(duty.day), "shift": duty.shift, "breaks": list(duty.breaks)}
            for duty in found.roster.duties
        ],
    }


STAGES = {
    "classes": "people who are alike, counted", "people": "shifts for every person", "breaks": "breaks", "search": "better ones",
    "whole": "everything at once",
}  # fmt: skip


@contextmanager
def progress() -> "Iterator[Callable[[Progress], None]]":
    """Show on standard error how far the solver is: a line that is renewed on a terminal, nothing elsewhere."""
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    with Bar(
        SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn(), console=errors, transient=True,
        disable=not errors.is_terminal,
    ) as bar:  # fmt: skip
        task = bar.add_task("reading", total=None)

        def tell(now: "Progress") -> None:
            cost = f"{now.cost:.1f}" if now.gap < 1 else "none yet"
            gap = f", gap {now.gap:.2%}" if now.gap < 1 else ""
            bar.update(task, description=f"{STAGES[now.stage]}: cost {cost}, bound {now.bound:.1f}{gap}")

        yield tell
