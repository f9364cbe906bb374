"""Months of the journal: each is one partition, and one file when it is archived. Pure.

A month is the date of its first day; it begins and ends at midnight UTC.
"""

import re
from datetime import UTC, date, datetime, time

from hotline.errors import Misuse

_MONTH = re.compile(r"([1-9][0-9]{3})-(0[1-9]|1[0-2])")
_PARTITION = re.compile(r"journal_([1-9][0-9]{3})_(0[1-9]|1[0-2])")


def month_of(at: datetime) -> date:
    """Return the month of a moment."""
    return at.astimezone(UTC).date().replace(day=1)


def parse_month(text: str) -> date:
    """Return the month of a text such as `2026-01`. Raises Misuse."""
    match = _MONTH.fullmatch(text)
    if match is None:
        raise Misuse(f"{text[:20]!r} is no month; write it like 2026-01")
    return date(int(match[1]), int(match[2]), 1)


def show_month(month: date) -> str:
    """Return a month as people write it."""
    return f"{month:%Y-%m}"


def begin_of(month: date) -> datetime:
    """Return the moment at which a month begins."""
    return datetime.combine(month, time.min, UTC)


def following(month: date) -> date:
    """Return the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def partition_of(month: date) -> str:
    """Return the name of the partition of a month."""
    return f"journal_{month:%Y_%m}"


def month_of_partition(name: str) -> date | None:
    """Return the month of a partition by its name, or None for another table."""
    match = _PARTITION.fullmatch(name)
    return date(int(match[1]), int(match[2]), 1) if match else None
