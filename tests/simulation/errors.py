"""What services log as errors while a story is told, with where it happened; everything else they log is dropped."""

import sys
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

SHOWN = 3


class Errors:
    """Keeps the first errors."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, _logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if method in ("error", "exception", "critical") and len(self.lines) < SHOWN:
            error = sys.exc_info()[1] or event.get("exc_info")
            where = traceback.format_exception(error)[-3:] if isinstance(error, BaseException) else [""]
            self.lines.append(f"logged: {event.get('event')}\n{''.join(where)}")
        raise structlog.DropEvent

    @property
    def text(self) -> str:
        """All of them, or nothing."""
        return "\n".join(self.lines)


@contextmanager
def keeping_errors() -> Iterator[Errors]:
    """Keep what is logged as an error."""
    errors = Errors()
    processors = structlog.get_config()["processors"]
    before = list(processors)
    try:
        processors[:] = [errors]  # in place: loggers that are bound already hold this list
        structlog.configure(processors=processors)
        yield errors
    finally:
        processors[:] = before
        structlog.configure(processors=processors)
