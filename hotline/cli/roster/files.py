"""Plans and rosters from files, for `hotline roster …`: what is read, and the mistakes in it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from hotline.errors import Misuse

if TYPE_CHECKING:  # numerical libraries cost start-up time that `--help` need not pay
    from forecast.rosters.model import Duty, Fixed, Person, Plan
    from forecast.rosters.reading import House


def read_lines(file: Path) -> list[str]:
    """Return the lines of a text file in UTF-8 (with or without its mark)."""
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as exc:
        raise Misuse(f"there is no file {file}") from exc
    except OSError as exc:
        raise Misuse(f"{file} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise Misuse(f"{file} is not written in UTF-8") from exc


def write(file: Path, text: str) -> None:
    """Write a text file."""
    try:
        file.write_text(text, encoding="utf-8", newline="")
    except OSError as exc:
        raise Misuse(f"{file} cannot be written: {exc.strerror}") from exc


def day_of(text: str, name: str) -> date:
    """Return the date of an option."""
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise Misuse(f"{name}: {text[:40]!r} is no date like 2026-11-23") from exc


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The files that stand on the command line."""

    people: Path
    """TOML: people, contracts, shift types, rules."""
    need: Path | None = None
    csv: Path | None = None
    """More people."""
    history: Path | None = None
    """The roster of the weeks before."""


def read_house(sources: Sources) -> "House":
    """Return people, shift types and rules."""
    from forecast.rosters import reading

    house = reading.read_house("\n".join(read_lines(sources.people)), str(sources.people))
    if sources.csv is None:
        return house
    more = reading.read_people(read_lines(sources.csv), house.contracts, str(sources.csv))
    return replace(house, people=(*house.people, *more))


def read_plan(sources: Sources, first: date) -> "Plan":
    """Return the plan of the week that begins on `first`, with what people bring along."""
    from forecast.rosters import reading
    from forecast.rosters.history import with_past
    from forecast.rosters.model import Plan
    from forecast.rosters.table_file import read_csv

    house = read_house(sources)
    if sources.need is None:
        plan = Plan(
            first=first, types=house.types, people=house.people, rules=house.rules, costs=house.costs, zone=house.zone
        )
    else:
        plan = reading.plan_of(house, first, read_lines(sources.need), str(sources.need))
    if sources.history is None:
        return plan
    return with_past(plan, read_csv(read_lines(sources.history), plan, str(sources.history)))


def read_roster(file: Path, sources: Sources, week: str) -> "tuple[Plan, list[Duty]]":
    """Return a roster with its plan. Without `week` it begins on the Monday of its first duty."""
    from forecast.rosters.values import rows_of

    lines = read_lines(file)
    if week:
        first = day_of(week, "--week")
    else:
        days = [day_of(row["date"], str(file)) for _, row in rows_of(lines, {"person", "date", "shift"}, str(file))]
        if not days:
            raise Misuse(f"{file} holds no duties; say which week it is about with --week")
        first = min(days) - timedelta(days=min(days).weekday())
    from forecast.rosters.table_file import read_csv

    plan = read_plan(sources, first)
    duties = read_csv(lines, plan, str(file))
    outside = next((duty for duty in duties if not plan.first <= duty.day <= plan.last), None)
    if outside is not None:
        raise Misuse(f"{file}: {outside.day} is not in the week from {plan.first} to {plan.last}; name it with --week")
    return plan, duties


def keep(plan: "Plan", duties: "Sequence[Duty]", free: Sequence[str] = (), since: date | None = None) -> "Plan":
    """Return the plan in which what `duties` say stays: all but that of `free` (nobody named: everybody's) from the day `since` on."""
    from forecast.rosters.model import Fixed

    unknown = set(free) - {person.id for person in plan.people}
    if unknown:
        raise Misuse(f"there is no person {min(unknown)!r}")
    has = {(duty.person, duty.day): duty.shift for duty in duties}

    def fixed(person: "Person") -> "tuple[Fixed, ...]":
        mine = person.id in free or not free
        stay = [d for d in map(plan.day, range(plan.days)) if not mine or (since is not None and d < since)]
        own = (f for f in person.fixed if f.day not in stay)
        return (*own, *(Fixed(day=d, shift=has.get((person.id, d), "")) for d in stay))

    return replace(plan, people=tuple(replace(person, fixed=fixed(person)) for person in plan.people))
