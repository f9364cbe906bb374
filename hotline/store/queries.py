"""SQL from `.sql` files: each query has a name and says in one line what it is for.

    -- name: recent_calls
    -- Calls that arrived since $1, newest first.
    SELECT …

Lines before the first name are a comment for the reader of the file.
"""

import re
from collections.abc import Mapping
from importlib import resources

from hotline.errors import Misuse

_NAME_LINE = re.compile(r"--\s*name:\s*(\S*)\s*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Queries:
    """The queries of one file; each is an attribute that holds its SQL."""

    def __init__(self, file: str, texts: Mapping[str, str], descriptions: Mapping[str, str]) -> None:
        self._file = file
        self._texts = dict(texts)
        self.descriptions = dict(descriptions)

    def __getattr__(self, name: str) -> str:
        try:
            return self._texts[name]
        except KeyError:
            raise AttributeError(f"{self._file} has no query {name!r}") from None

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the order of the file."""
        return tuple(self._texts)


def load(package: str, file: str) -> Queries:
    """Read `file` (such as `calls.sql`) that lies in the Python package `package`.

    Raises Misuse when it is missing, or a query lacks a name, a description or SQL, or has a name twice.
    """
    try:
        text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
    except (ModuleNotFoundError, FileNotFoundError) as exc:
        raise Misuse(f"queries: {package} has no file {file}") from exc
    return parse(file, text)


def parse(file: str, text: str) -> Queries:
    """Read queries from `text`; `file` is for messages. Raises as `load`."""
    texts: dict[str, str] = {}
    descriptions: dict[str, str] = {}
    for name, lines in _sections(file, text):
        if name in texts:
            raise Misuse(f"queries: {file}: {name} stands twice")
        description, sql = _split(lines)
        if not description:
            raise Misuse(f"queries: {file}: {name} has no line that says what it is for")
        if not sql:
            raise Misuse(f"queries: {file}: {name} has no SQL")
        texts[name], descriptions[name] = sql, description
    return Queries(file, texts, descriptions)


def _sections(file: str, text: str) -> list[tuple[str, list[str]]]:
    sections: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        head = _NAME_LINE.fullmatch(line)
        if head:
            if not _NAME.fullmatch(head[1]):
                raise Misuse(f"queries: {file}: {head[1]!r} is not a name; use a-z, 0-9 and _")
            sections.append((head[1], []))
        elif sections:
            sections[-1][1].append(line)
        elif line.strip() and not line.startswith("--"):
            raise Misuse(f"queries: {file}: SQL before the first `-- name:`")
    return sections


def _split(lines: list[str]) -> tuple[str, str]:
    """Return the description (comment lines at the top, joined) and the SQL."""
    count = next((i for i, line in enumerate(lines) if not line.startswith("--")), len(lines))
    description = " ".join(line.removeprefix("--").strip() for line in lines[:count]).strip()
    return description, "\n".join(lines[count:]).strip().removesuffix(";").strip()
