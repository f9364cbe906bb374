"""Which process serves what, read from the OpenAPI documents of all; and one document of them all. Pure.

Only operations that a document names can be passed on, and only with ids that pass `is_safe_id`: the path that is sent on is
put together from checked parts and never copied.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import msgspec

from hotline.errors import HotlineError, Misuse, StandingBy, Unavailable
from hotline.ids import is_safe_id
from hotline.settings import Upstream

API = ("api", "v1")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
OPERATIONS_LIMIT = 2_000
SPREAD = "x-hotline-spread"
"""Marks an operation whose answer may lie with any of the processes that serve it."""
PROCESS = "x-hotline-process"
"""Names the process that a document, or an operation in a document of many, comes from."""

PARTS = {
    "agents": "acd",
    "queues": "acd",
    "calls-why": "acd",
    "callbacks": "crm",
    "callbacks-waiting": "acd",
    "calls-waiting": "acd",
    "router": "acd",
    "stream": "acd",
    "supervisions": "acd",
    "audit-log": "crm",
    "calls": "crm",
    "offers": "crm",
    "recordings": "crm",
    "forecasts": "forecast",
    "forecasts-accuracy": "forecast",
    "forecasts-runs": "forecast",
    "staffing": "forecast",
    "staffing-whatif": "forecast",
    "voicemails": "crm",
    "customers": "crm",
    "customer-imports": "crm",
    "customer-exports": "crm",
    "reports": "crm",
    "flows": "ivr",
}
"""The service that serves what stands behind `/api/v1/`, for whoever asks the wrong process."""

Segments = tuple[str, ...]


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """Who a document is about."""

    title: str = ""
    version: str = ""
    license: dict[str, str] = {}
    process: str = msgspec.field(default="", name=PROCESS)


class Components(msgspec.Struct, frozen=True, kw_only=True):
    """What a document defines for its operations."""

    schemas: dict[str, Any] = {}
    security_schemes: dict[str, Any] = msgspec.field(default_factory=dict, name="securitySchemes")


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """An OpenAPI document of hotline."""

    openapi: str
    info: Info
    paths: dict[str, dict[str, dict[str, Any]]]
    components: Components
    security: list[dict[str, list[str]]] = []


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a process serves."""

    method: str
    template: Segments
    """The parts of its path; `{id}` stands for any id."""
    spread: bool = False

    def fits(self, segments: Segments) -> bool:
        """Return whether a path is one of this operation's."""
        return len(segments) == len(self.template) and all(
            part.startswith("{") or part == given for part, given in zip(self.template, segments, strict=True)
        )


def segments_of(raw_path: str) -> Segments | None:
    """Return the parts of a path as it came, each decoded once and safe; None for a path of which one is not."""
    if not raw_path.startswith("/"):
        return None
    segments = tuple(unquote(part, errors="replace") for part in raw_path[1:].split("/"))
    return segments if all(map(is_safe_id, segments)) else None


def read_document(body: bytes) -> Document:
    """Return an OpenAPI document of ours. Raises Misuse for anything else."""
    try:
        return msgspec.json.decode(body, type=Document)
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise Misuse(f"not an OpenAPI document of hotline: {exc}") from exc


def operations_of(document: Document) -> tuple[Operation, ...]:
    """Return what a document says is served below `/api/v1`; what is not plain is left out."""
    found: list[Operation] = []
    for path, methods in document.paths.items():
        template = _template(path)
        if template[:2] != API or not all(map(_is_plain, template)):
            continue
        for method, about in methods.items():
            if method.upper() in METHODS:
                spread = about.get(SPREAD) is True
                found.append(Operation(method=method.upper(), template=template, spread=spread))
    return tuple(found[:OPERATIONS_LIMIT])


def _template(path: str) -> Segments:
    return tuple(path[1:].split("/"))


def _is_plain(part: str) -> bool:
    return is_safe_id(part) or (part[:1] == "{" and part[-1:] == "}" and part[1:-1].isidentifier())


def methods_for(operations: Iterable[Operation], segments: Segments) -> set[str]:
    """Return the methods that a path takes."""
    return {operation.method for operation in operations if operation.fits(segments)}


def below(segments: Segments, prefixes: Iterable[str]) -> bool:
    """Return whether a path is one of these, or behind one of them."""
    return any(segments[: len(given)] == given for given in (tuple(p.strip("/").split("/")) for p in prefixes))


def who_serves(segments: Segments) -> str | None:
    """Return the service that serves a path, for people."""
    if segments[:2] != API or len(segments) < 3:
        return None
    if segments[2] in ("recordings", "voicemails") and segments[-1] == "audio":
        return "recorder"
    return PARTS.get(segments[2])


class Peer:
    """One upstream of the settings, and what is known of it."""

    def __init__(self, settings: Upstream) -> None:
        self.url = settings.url
        self.token = settings.token.get_secret_value()
        self.document: Document | None = None
        """What it said it serves, as far as the settings want it to."""
        self.reluctance = 0
        """How it answered last: 0 by itself, 1 it stood by, 2 not at all. The willing ones are asked first."""
        self._paths = settings.paths
        self._operations: tuple[Operation, ...] = ()

    @property
    def name(self) -> str:
        """What people call it."""
        process = self.document.info.process if self.document is not None else ""
        return f"{process} at {self.url}" if process else self.url

    @property
    def is_unknown(self) -> bool:
        """Whether nobody said yet what it serves."""
        return self.document is None and not self._paths

    def learn(self, document: Document) -> bool:
        """Take what it says it serves; return whether that is new."""
        wanted = {p: m for p, m in document.paths.items() if not self._paths or below(_template(p), self._paths)}
        document = msgspec.structs.replace(document, paths=wanted)
        is_new = document != self.document
        if is_new:
            self.document, self._operations = document, operations_of(document)
        return is_new

    def passed_over(self, error: HotlineError) -> None:
        """Note why another one is asked."""
        if isinstance(error, Unavailable):
            self.reluctance = 1 if isinstance(error, StandingBy) else 2

    def serves(self, method: str, segments: Segments) -> Operation | None:
        """Return its operation for a request. What the settings say that it serves, it need not have said itself."""
        if self.document is None and self._paths and below(segments, self._paths):
            return Operation(method=method, template=segments)
        return next((o for o in self._operations if o.method == method and o.fits(segments)), None)

    def methods(self, segments: Segments) -> set[str]:
        """Return the methods that it takes for a path."""
        return methods_for(self._operations, segments)


# --- one document of many ---------------------------------------------------------------------------------------------------


def merge(own: Document, others: Sequence[Document]) -> Document:
    """Return the document of all processes: our own, and of the others what we do not serve ourselves.

    Each foreign operation names its process. A schema that has the name of another one, and is different, gets the name of
    its process behind its own.
    """
    paths = {path: dict(methods) for path, methods in own.paths.items()}
    schemas = dict(own.components.schemas)
    for other in others:
        process, theirs = other.info.process, other.components.schemas
        names = {n: f"{n}_{process}" for n, schema in theirs.items() if n in schemas and schemas[n] != schema}
        for name, schema in theirs.items():
            schemas.setdefault(names.get(name, name), _renamed(schema, names))
        for path, methods in other.paths.items():
            for method, about in methods.items():
                paths.setdefault(path, {}).setdefault(method, {**_renamed(about, names), PROCESS: process})
    components = msgspec.structs.replace(own.components, schemas=schemas)
    return msgspec.structs.replace(own, paths=paths, components=components)


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a part of a document with its references to renamed schemas led to their new names."""
    if not names:
        return value
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            before, _, name = reference.rpartition("/")
            value = {**value, "$ref": f"{before}/{names.get(name, name)}"}
        return {key: _renamed(inner, names) for key, inner in value.items()}
    return [_renamed(inner, names) for inner in value] if isinstance(value, list) else value
