"""Moments in questions to the API. Pure."""

from datetime import UTC, date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from hotline.errors import Misuse


def read_moment(name: str, text: str, zone: ZoneInfo) -> datetime | None:
    """Return the moment of an ISO 8601 date or time, or None for an empty text. Raises Misuse for anything else."""
    if not text:
        return None
    kind: Literal["date", "time"] = "date" if len(text) == 10 else "time"
    try:
        at = datetime.combine(date.fromisoformat(text), time.min) if kind == "date" else datetime.fromisoformat(text)
        at = at if at.tzinfo is not None else at.replace(tzinfo=zone)
        return at.astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise Misuse(
            f"{name}: {text[:40]!r} is no time; use 2026-01-31, 2026-01-31T18:00 or 2026-01-31T18:00:00Z"
        ) from exc
