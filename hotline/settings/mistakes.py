"""Mistakes in settings, for people: where each stands, what is wrong, and what to do. Pure, but for reading no more than it is given.

A mistake has a place: a line of the file, or the environment variable that overrides it. All of them are told at once, a line
each: `hotline.toml:12: queues.0.wrap_up_s: Input should be a valid number (found 'x'); remedy`.
"""

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

import msgspec
from pydantic import BaseModel, ValidationError

from hotline.errors import Misuse
from hotline.settings.places import Path, line_of

_SECRET_WORDS = ("secret", "password", "dsn", "token", "key", "url")
"""A mistake in a setting whose name holds one of these is reported without the value."""
_PREFIX, _BETWEEN = "HOTLINE_", "__"
REFERRED = frozenset({"queues", "agents", "seats", "outbound", "hours", "numbers", "acd", "break_reasons"})
"""Sections that others refer to: while one has mistakes of its own, what is said of references to it may be wrong."""
LEADING: Mapping[str, frozenset[str]] = {
    "queues": frozenset({"id", "strategy", "sticky", "opening", "surge_agents"}),
    "agents": frozenset({"id", "extension", "devices", "queues", "skills"}),
}
"""Of queues and agents only these settings; the others can be wrong without leading anybody astray."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong between settings that are right by themselves."""

    path: Path
    """Where it is to be mended."""
    text: str
    remedy: str = ""
    """What to do, in one sentence."""
    label: str = ""
    """How the place is called; empty: by the path."""


class WrongReferences(ValueError):
    """Settings that do not fit together."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{named(p.path, p.label)}: {p.text}" for p in self.problems))


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """A mistake with its place."""

    text: str
    where: str = ""
    """The setting, such as `queues.0.wrap_up_s`; empty: a place that holds no setting that could be read."""
    remedy: str = ""
    file: str = ""
    line: int | None = None
    variable: str = ""
    """The environment variable that it stands in."""

    @property
    def place(self) -> str:
        """Where it is to be mended, `hotline.toml:12` or a variable; empty when it is in neither."""
        return self.variable or (f"{self.file}:{self.line}" if self.file and self.line else self.file)

    def __str__(self) -> str:
        said = ": ".join(filter(None, (self.place, self.where, self.text)))
        return f"{said}; {self.remedy}" if self.remedy else said


class BadSettings(Misuse):
    """The settings have mistakes."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("settings: " + "\n".join(map(str, self.mistakes)))


def named(path: Path, label: str = "") -> str:
    """Return how a place is called."""
    return label or ".".join(str(part) for part in path) or "settings"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where settings came from."""

    file: str = ""
    lines: Mapping[Path, int] = {}
    variables: Mapping[str, str] = {}
    """The environment."""

    def locate(self, path: Path, **said: str) -> Mistake:
        """Return a mistake at a setting with its place."""
        variable = self._variable(path)
        line = None if variable else line_of(path, self.lines)
        return Mistake(file="" if variable or line is None else self.file, line=line, variable=variable, **said)

    def _variable(self, path: Path) -> str:
        names = {name.upper(): name for name in self.variables}
        for length in range(len(path), 0, -1):
            name = _PREFIX + _BETWEEN.join(str(part).upper() for part in path[:length])
            if name in names:
                return names[name]
        return ""


def explained(error: ValidationError, source: Source, model: type[BaseModel]) -> Iterator[Mistake]:
    """Yield the mistakes that a check of all settings found; `model` is the whole tree's."""
    for found in error.errors():
        wrong = found.get("ctx", {}).get("error")
        if isinstance(wrong, WrongReferences):
            yield from (_of_problem(problem, source) for problem in wrong.problems)
        else:
            yield _of_error(found, source, model)


def _of_problem(problem: Problem, source: Source) -> Mistake:
    where = named(problem.path, problem.label)
    return source.locate(problem.path, where=where, text=problem.text, remedy=problem.remedy)


def _of_error(error: Any, source: Source, model: type[BaseModel]) -> Mistake:
    path: Path = tuple(error["loc"])
    where = named(path)
    found = error.get("input")
    hidden = isinstance(found, dict | list | tuple | BaseModel) or any(word in where.lower() for word in _SECRET_WORDS)
    text = (
        "there is no such setting" if error["type"] == "extra_forbidden" else error["msg"].removeprefix("Value error, ")
    )
    return source.locate(
        path,
        where=where,
        text=text if hidden else f"{text} (found {str(found)[:60]!r})",
        remedy=_remedy(error, path, model, hidden=hidden),
    )


def _remedy(error: Any, path: Path, model: type[BaseModel], *, hidden: bool) -> str:
    """Return what to do about a value that is wrong by itself, where its text does not say it."""
    found = error.get("input")
    match error["type"]:
        case "extra_forbidden":
            return _another_name(path, model)
        case "missing":
            return "add it"
        case "literal_error" if isinstance(found, list | tuple):
            return "name one of them"
        case "literal_error":
            names = re.findall(r"'([^']*)'", str(error["ctx"]["expected"]))
            close = get_close_matches(str(found), names, n=1)
            return f"did you mean {close[0]}?" if close else "choose one of them"
        case "string_type" if isinstance(found, int | float) and not isinstance(found, bool):
            return "write it in quotes" if hidden else f'write it in quotes: "{found}"'
        case "tuple_type":
            return "write a list in [brackets]"
        case "dict_type" | "model_type":
            return "write a table: { name = value }"
        case _:
            return ""


def _another_name(path: Path, model: type[BaseModel]) -> str:
    """Return which setting may have been meant, or where all of them are described."""
    known = _names_at(path[:-1], model)
    close = get_close_matches(str(path[-1]), known, n=1)
    return f"did you mean {close[0]}?" if close else "take it away; docs/settings.md has them all"


def _names_at(path: Path, model: type[BaseModel]) -> list[str]:
    """Return the names of the settings below a path."""
    at: Any = model
    for part in path:
        if isinstance(at, type) and issubclass(at, BaseModel):
            field = at.model_fields.get(str(part))
            at = field.annotation if field is not None else None
        else:
            at = _section_in(at)  # a key or an index: any element will do
    return list(at.model_fields) if isinstance(at, type) and issubclass(at, BaseModel) else []


def _section_in(kind: Any) -> Any:
    """Return the section that a type is, or that it holds: `tuple[Queue, ...]`, `dict[str, Number]`."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    return next((found for held in get_args(kind) if (found := _section_in(held)) is not None), None)


def without(tree: Mapping[str, Any], error: ValidationError) -> dict[str, Any] | None:
    """Return the tree without the settings that are wrong by themselves, so that the others can be looked at.

    None when that would lead to false conclusions about references.
    """
    pruned = copy.deepcopy(dict(tree))
    for found in error.errors():
        path: Path = tuple(found["loc"])
        if path and path[0] in LEADING and len(path) > 2 and path[2] not in LEADING[str(path[0])]:
            path = path[:3]
        elif not path or path[0] in REFERRED:
            return None
        at: Any = pruned
        for part in path[:-1]:
            at = _below(at, part)
        if isinstance(at, dict):
            at.pop(str(path[-1]), None)
    return pruned


def _below(at: Any, part: str | int) -> Any:
    if isinstance(at, dict):
        return at.get(part)
    return at[part] if isinstance(at, list) and isinstance(part, int) and part < len(at) else None
