"""Plans and rosters from files, for `hotline roster …`: what is read, and the mistakes in it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from hotline.errors import Misuse

WEEKS_MAX = 6
NEARLY_DAYS = 4
"""So many days without a duty at either end of a month are no other plan."""

if TYPE_CHECKING:  # numerical libraries cost start-up time that `--help` need not pay
    from forecast.rosters.model import Duty, Fixed, Person, Plan
    from forecast.rosters.reading import House


def read_lines(file: Path) -> list[str]:
    """Return the lines of a text file in UTF-8 (with or without its mark), or in GB 18030, which Chinese spreadsheets write."""
    try:
        written = file.read_bytes()
    except FileNotFoundError as exc:
        raise Misuse(f"there is no file {file}") from exc
    except OSError as exc:
        raise Misuse(f"{file} cannot be read: {exc.strerror}") from exc
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return written.decode(encoding).splitlines()
        except UnicodeDecodeError:
            continue
    raise Misuse(f"{file} is written neither in UTF-8 nor in GB 18030")


def write(file: Path, text: str, *, mark: bool = False) -> None:
    """Write a text file; with a mark, spreadsheets see that it is UTF-8."""
    try:
        file.write_text(text, encoding="utf-8-sig" if mark else "utf-8", newline="")
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
    days: Path | None = None
    """Absences, wishes and fixed shifts."""
    history: Path | None = None
    """The roster of the weeks before."""
    repeat: bool = False
    """Whether days that the need says nothing about need what the same weekday needs."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """The days of a plan."""

    first: date
    days: int


def span_of(week: str, weeks: int, month: str) -> Span | None:
    """Return the days that `--week`, `--weeks` and `--month` name; None: no first day is named."""
    if not month:
        if not 1 <= weeks <= WEEKS_MAX:
            raise Misuse(f"--weeks: a plan has 1 to {WEEKS_MAX} weeks, not {weeks}")
        return Span(first=day_of(week, "--week"), days=7 * weeks) if week else None
    if week or weeks != 1:
        raise Misuse("--month stands alone: it says the first day and the last one")
    try:
        first = date.fromisoformat(f"{month}-01" if len(month) == len("2026-11") else month)
    except ValueError as exc:
        raise Misuse(f"--month: {month[:40]!r} is no month like 2026-11") from exc
    if first.day != 1:
        raise Misuse(f"--month: {month[:40]!r} is no month like 2026-11")
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return Span(first=first, days=(after - first).days)


def span_of_days(days: Sequence[date]) -> Span:
    """Return the days that a roster is about, from those of its duties: a month where they fill one and no whole weeks, else weeks."""
    first, last = min(days), max(days)
    monday = first - timedelta(days=first.weekday())
    month = span_of("", 1, f"{first:%Y-%m}")
    assert month is not None
    end = month.first + timedelta(days=month.days - 1)
    starts_month, ends_month = (first - month.first).days < NEARLY_DAYS, 0 <= (end - last).days < NEARLY_DAYS
    if starts_month and ends_month and not (first.weekday() == 0 and (last - first).days < 4 * 7):
        return month
    return Span(first=monday, days=min(7 * ((last - monday).days // 7 + 1), 7 * WEEKS_MAX))


def read_house(sources: Sources) -> "House":
    """Return people, shift types and rules."""
    from forecast.rosters import reading
    from forecast.rosters.days_file import with_days

    house = reading.read_house("\n".join(read_lines(sources.people)), str(sources.people))
    people = house.people
    if sources.csv is not None:
        people = (*people, *reading.read_people(read_lines(sources.csv), house.contracts, str(sources.csv)))
    if sources.days is not None:
        people = with_days(people, read_lines(sources.days), str(sources.days))
    return replace(house, people=people)


def read_plan(sources: Sources, span: Span) -> "Plan":
    """Return the plan of these days, with what people bring along."""
    from forecast.rosters import reading
    from forecast.rosters.history import with_past
    from forecast.rosters.table_file import read_csv

    house = read_house(sources)
    need = None if sources.need is None else read_lines(sources.need)
    plan = reading.plan_of(house, span.first, need, str(sources.need), days=span.days, repeat=sources.repeat)
    if sources.history is None:
        return plan
    return with_past(plan, read_csv(read_lines(sources.history), plan, str(sources.history)))


def read_roster(file: Path, sources: Sources, span: Span | None) -> "tuple[Plan, list[Duty]]":
    """Return a roster with its plan. Without a span it is about the weeks, or the month, of its duties."""
    from forecast.rosters.table_file import read_csv
    from forecast.rosters.values import date_of, rows_of

    lines = read_lines(file)
    if span is None:
        days = [date_of(row["date"], f"{file}, line {n}") for n, row in rows_of(lines, {"date", "shift"}, str(file))]
        if not days:
            raise Misuse(f"{file} holds no duties; say which days it is about with --week or --month")
        span = span_of_days(days)
    plan = read_plan(sources, span)
    duties = read_csv(lines, plan, str(file))
    outside = next((duty for duty in duties if not plan.first <= duty.day <= plan.last), None)
    if outside is not None:
        raise Misuse(
            f"{file}: {outside.day} is not in the plan from {plan.first} to {plan.last}; name it with --week and --weeks, or --month"
        )
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
