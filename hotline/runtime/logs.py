"""Logs: a static message and fields, as JSON for programs or as a line for people.

Fields that hold personal data are named in `PERSONAL` and masked unless the settings say otherwise.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from hotline.text import mask_number

PERSONAL = frozenset({"caller_number", "caller_name", "customer_name"})
"""Field names whose values are masked."""


def configure(*, json: bool, level: str = "info", show_personal: bool = False, stream: TextIO | None = None) -> None:
    """Set up logging for the whole process; called once, by the wiring."""
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    if not show_personal:
        processors.append(_mask)
    processors.append(
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=stream or sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")


def _mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in PERSONAL & event.keys():
        event[name] = mask_number(str(event[name])) if name.endswith("_number") else "***"
    return event
