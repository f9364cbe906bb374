"""What a service hands to the web server: routes as records. No aiohttp here.

A handler gets a `Request` whose parts are already checked against the route's types, and returns a value that msgspec can
encode (or a `FileAnswer`, or a `TextAnswer`). What it raises becomes problem+json (RFC 9457): `Rejected("not_found")` 404,
`Rejected("conflict")` 409, `Rejected("forbidden")` 403, any other `Rejected` 422, `Misuse` 400, `Unavailable` 503, `OutcomeUnknown` 504.
A process that only stands by raises `StandingBy`: 503 of a type of its own, so that a gateway asks another one.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import msgspec

T = TypeVar("T")

ASKED_BY = "Hotline-By"
"""The header in which whoever has the token says for whom he asks. It goes into the log of orders; it proves nothing."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A checked request."""

    path: dict[str, str] = {}
    """Values of `{name}` parts; every one passed `is_safe_id`."""
    query: Any = None
    """An instance of the route's `query` type."""
    body: Any = None
    """An instance of the route's `body` type."""
    by: str = ""
    """Who asks: the user or token name."""


class FileAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Send a file; ranges are supported."""

    path: Path
    content_type: str
    download_name: str


class TextAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Send a text as it is."""

    text: str
    content_type: str = "text/plain; charset=utf-8"


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list; `next` is the cursor of the following page, or None at the end."""

    items: list[T]
    next: str | None = None


class PageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Query parameters of a list; subclass it to add filters."""

    limit: int = 50
    """Rows per page; clipped to the setting `http.page_size_max`."""
    cursor: str = ""


class Empty(msgspec.Struct, frozen=True):
    """No parameters."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of the API."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    """Such as `/api/v1/calls/{id}`."""
    handler: Callable[[Request], Awaitable[Any]]
    summary: str
    answer: Any = None
    """The type that the handler returns, for OpenAPI."""
    query: Any = Empty
    """A msgspec Struct with defaults; unknown or ill-typed parameters are refused."""
    body: Any = None
    """A msgspec Struct with `forbid_unknown_fields=True`, or None."""
    public: bool = False
    """Whether it needs no token."""
    spread: bool = False
    """Whether several processes serve it with answers of their own (each node has its recordings): what is not found at one is
    asked of the next."""
