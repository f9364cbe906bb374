"""What a scenario file says, and a policy file. Pure: the files are read by `files`.

A scenario has queues (exactly as in the settings), callers and staff. A policy names fields of those queues that shall be otherwise, or
other staff. docs/simulation.md shows both with examples.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, Field, ValidationError, model_validator

from acd.simulation.durations import Duration
from hotline.errors import Misuse
from hotline.settings import Settings
from hotline.settings.kinds import Id, Section
from hotline.settings.queues import BetweenQueues, Queue, Skills

LONGEST_WRAP_UP_S = 3_600.0
"""The limit of a queue that sets none, when wrap-ups are drawn."""


def _check_time(text: str) -> str:
    seconds_of(text)
    return text


def seconds_of(text: str) -> float:
    """Return a time of day (`8:30`, `08:30:15`, up to `48:00` for the night after) in seconds."""
    parts = text.split(":")
    numbers = [int(p) for p in parts if p.isdecimal()]
    if len(numbers) != len(parts) or len(numbers) not in (2, 3) or numbers[0] > 48 or any(n > 59 for n in numbers[1:]):
        raise ValueError(f"{text!r} is not a time of day such as 08:30")
    return float(sum(n * unit for n, unit in zip(numbers, (3_600, 60, 1), strict=False)))


TimeOfDay = Annotated[str, AfterValidator(_check_time)]
Span = tuple[TimeOfDay, TimeOfDay]


class ArrivalsFile(Section):
    """A CSV file (`.gz` too) that says when callers come: how many in each interval, or each caller by himself."""

    path: str
    """Beside the scenario, or absolute."""
    kind: Literal["counts", "calls"] = "counts"
    """`counts`: one line for each interval, real counts or a forecast; `calls`: one line for each caller."""
    time_column: str | None = None
    """When; default: `ts`, `at`, `time`, `start`, `arrived_at` or `entered_at`."""
    date_column: str | None = None
    """The day (`990201`, `2026-10-01`), if `time_column` holds only the time of day."""
    count_column: str | None = None
    """How many, of `counts`; default: `calls`, `mean`, `forecast`, `p50` or `volume`."""
    talk_column: str | None = None
    """How many seconds each caller talked, of `calls`; where it is 0 or empty, `talk` is drawn."""
    only: dict[str, str] = {}
    """Column -> value: lines with another value are left out."""
    day: str | None = None
    """Only this day (`2003-03-03`); needed when the file has several."""
    interval_minutes: float | None = Field(default=None, gt=0, le=1_440)
    """Length of an interval of `counts`; default: the least distance of two lines."""
    as_counted: bool = False
    """Whether exactly the counted callers come, at random within each interval; else a Poisson number with that mean."""


class Callers(Section):
    """Callers of one kind. Exactly one of `rate_per_hour`, `rates_per_hour` and `file` says when they come."""

    queue: Id
    rate_per_hour: float | None = Field(default=None, ge=0, le=1e6)
    """The same all day."""
    rates_per_hour: tuple[Annotated[float, Field(ge=0, le=1e6)], ...] = ()
    """One for each interval from `opens` on."""
    interval_minutes: float = Field(default=30.0, gt=0, le=1_440)
    file: ArrivalsFile | None = None
    scale: float = Field(default=1.0, gt=0, le=1_000)
    """So many times as many as the rates or the file say; a file of calls takes this share of them (at most 1)."""
    dispersion: float = Field(default=1.0, ge=1, le=100)
    """Variance by mean of the counts of intervals; 1: Poisson. Real half hours have 5 to 8."""
    priority: int = Field(default=0, ge=-1_000, le=1_000)
    skills: Skills = {}
    language: str = Field(default="", max_length=10)
    tier: str = Field(default="", max_length=60)
    talk: Duration
    wrap_up: Duration = Duration(kind="fixed", mean_s=0)
    """Ends at the queue's `wrap_up_s` at the latest; a queue that sets none gets an hour."""
    patience: Duration = Duration(kind="never")
    ring: Duration = Duration(kind="fixed", mean_s=0)
    """How long a phone rings until it is answered."""
    no_answer: float = Field(default=0.0, ge=0, lt=1)
    """The share of rings that nobody answers."""

    @model_validator(mode="after")
    def _one_source(self) -> "Callers":
        given = [self.rate_per_hour is not None, bool(self.rates_per_hour), self.file is not None]
        if sum(given) != 1:
            raise ValueError("give exactly one of rate_per_hour, rates_per_hour and file")
        return self


class Staff(Section):
    """Agents of one kind."""

    count: int = Field(ge=1, le=20_000)
    name: Id = "agent"
    """Their ids are this and a number."""
    queues: tuple[Id, ...] = ()
    """Empty: all."""
    skills: Skills = {}
    preference: dict[Id, Annotated[int, Field(ge=1, le=10)]] = {}
    shift: Span | None = None
    """From, to; None: from the beginning until the last caller is gone."""
    breaks: tuple[Span, ...] = ()
    pace: float = Field(default=1.0, gt=0, le=20)
    """Their talks and wrap-ups last so many times as long."""


class Scenario(Section):
    """A day and those who work on it."""

    name: str = Field(default="", max_length=100)
    opens: TimeOfDay = "08:00"
    closes: TimeOfDay = "18:00"
    """Nobody calls after this; who waits is still served."""
    warm_up_minutes: float = Field(default=0.0, ge=0, le=1_440)
    """What happens in the first minutes does not count: for questions about the long run."""
    replications: int = Field(default=20, ge=1, le=100_000)
    seed: int = 1
    between_queues: BetweenQueues = "strict_priority"
    """Which queue comes first for an agent who serves several: as `acd.between_queues` of the settings."""
    queues: tuple[Queue, ...] = Field(min_length=1)
    callers: tuple[Callers, ...] = Field(min_length=1)
    staff: tuple[Staff, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_references(self) -> "Scenario":
        problems = list(_problems(self))
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def all_queues(self) -> tuple[Queue, ...]:
        """Return the queues, with a limit of wrap-up that lets the drawn ones end by themselves where none is set."""
        limit_s = 0.0 if all(c.wrap_up.is_nothing for c in self.callers) else LONGEST_WRAP_UP_S
        return tuple(
            q if "wrap_up_s" in q.model_fields_set else q.model_copy(update={"wrap_up_s": limit_s}) for q in self.queues
        )


def _problems(scenario: Scenario) -> Iterable[str]:
    queues = [q.id for q in scenario.queues]
    yield from (f"queues: {q} stands twice" for q in sorted({q for q in queues if queues.count(q) > 1}))
    for callers in scenario.callers:
        if callers.queue not in queues:
            yield f"callers: {callers.queue} is not one of the queues ({', '.join(queues)})"
    for staff in scenario.staff:
        yield from (f"staff {staff.name}: {q} is not one of the queues" for q in staff.queues if q not in queues)
        for since, until in (*((staff.shift,) if staff.shift else ()), *staff.breaks):
            if seconds_of(until) <= seconds_of(since):
                yield f"staff {staff.name}: {since} to {until} ends before it begins"
    if seconds_of(scenario.closes) <= seconds_of(scenario.opens):
        yield "closes: must be after opens"


# --- reading -------------------------------------------------------------------------------------------------------------


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """One way to do it, to be compared with others."""

    name: str
    queues: tuple[Queue, ...]
    staff: tuple[Staff, ...]
    between_queues: BetweenQueues = "strict_priority"


class _Between(Section):
    """What a policy file may say of the order between queues."""

    between_queues: BetweenQueues


def scenario_of(tree: Mapping[str, Any], where: str) -> Scenario:
    """Return the scenario that a decoded file holds; Misuse names each mistake and what is accepted."""
    try:
        return Scenario.model_validate(dict(tree))
    except ValidationError as exc:
        raise Misuse("\n".join(f"{where}: {line}" for line in explain(exc, Scenario))) from exc


def own_policy(scenario: Scenario) -> Policy:
    """Return what the scenario itself says."""
    return Policy(
        name=scenario.name or "as given",
        queues=scenario.all_queues(),
        staff=scenario.staff,
        between_queues=scenario.between_queues,
    )


def policy_of(tree: Mapping[str, Any], where: str, base: Policy) -> Policy:
    """Return `base` with what a policy file changes: fields of its queues by their id, the order between them, or the whole staff.

    A settings file is a policy file too: of it only the queues and `acd.between_queues` count. Misuse names each mistake.
    """
    unknown = sorted(set(tree) - {"name", "between_queues", "queues", "staff"} - set(Settings.model_fields))
    if unknown:
        raise Misuse(
            f"{where}: unknown {', '.join(unknown)}; a policy has name, between_queues, [[queues]] and [[staff]]"
        )
    changed = changed_queues(tree, where, base.queues)
    try:
        staff = tuple(Staff.model_validate(s) for s in tree.get("staff", ())) or base.staff
    except ValidationError as exc:
        raise Misuse("\n".join(f"{where}: staff: {line}" for line in explain(exc, Staff))) from exc
    known = {q.id for q in changed}
    strangers = sorted({q for s in staff for q in s.queues} - known)
    if strangers:
        raise Misuse(f"{where}: staff: {', '.join(strangers)} is not one of the queues ({', '.join(sorted(known))})")
    between = between_queues_of(tree, where, base.between_queues)
    return Policy(name=str(tree.get("name", where)), queues=changed, staff=staff, between_queues=between)


def between_queues_of(tree: Mapping[str, Any], where: str, base: BetweenQueues) -> BetweenQueues:
    """Return which queue comes first as `tree` says, by itself or as settings do, else `base`."""
    acd = tree.get("acd")
    said = tree.get("between_queues", acd.get("between_queues") if isinstance(acd, Mapping) else None)
    if said is None:
        return base
    try:
        return _Between.model_validate({"between_queues": said}).between_queues
    except ValidationError as exc:
        raise Misuse("\n".join(f"{where}: {line}" for line in explain(exc, _Between))) from exc


def changed_queues(tree: Mapping[str, Any], where: str, base: Iterable[Queue]) -> tuple[Queue, ...]:
    """Return the queues of `base` with the fields that `tree` gives by their id."""
    queues = {q.id: q for q in base}
    for table in tree.get("queues", ()):
        queue = queues.get(table.get("id", "")) if isinstance(table, Mapping) else None
        if queue is None:
            raise Misuse(f"{where}: queues: a policy changes queues by their id, one of {', '.join(queues)}")
        try:
            queues[queue.id] = Queue.model_validate({"wrap_up_s": queue.wrap_up_s, **_changed(queue, table)})
        except ValidationError as exc:
            raise Misuse("\n".join(f"{where}: queue {queue.id}: {line}" for line in explain(exc, Queue))) from exc
    return tuple(queues.values())


def _changed(section: Section, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a section says, with what a table says otherwise; a section within it keeps what the table is silent about."""
    fields = section.model_dump(exclude_unset=True)
    for name, value in table.items():
        within = getattr(section, name, None)
        inner = isinstance(within, Section) and isinstance(value, Mapping)
        fields[name] = _changed(within, value) if inner else value  # type: ignore[arg-type]  # just looked at
    return fields


def explain(error: ValidationError, model: type[Section]) -> list[str]:
    """Return a line for each mistake; for an unknown key, the keys that there are."""
    lines: list[str] = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        message = str(problem["msg"]).removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            accepted = _model_at(model, problem["loc"][:-1]).model_fields
            message = f"is unknown; there are {', '.join(accepted)}"
        found = problem.get("input")
        shown = (
            ""
            if isinstance(found, dict | list | tuple | Section) or problem["type"] == "extra_forbidden"
            else f" (found {found!r})"
        )
        lines += [f"{where}: {part}{shown}" if where else part for part in message.split("\n")]
    return lines


_PARTS: dict[str, type[Section]] = {
    "queues": Queue,
    "callers": Callers,
    "staff": Staff,
    "file": ArrivalsFile,
    **dict.fromkeys(("talk", "wrap_up", "patience", "ring"), Duration),
}


def _model_at(model: type[Section], path: tuple[Any, ...]) -> type[Section]:
    """Return the model that describes the part of the tree at `path`."""
    names = [part for part in path if part in _PARTS]
    return _PARTS[names[-1]] if names else model
