"""What a check of an installation hands back."""

from collections.abc import Callable
from typing import Any

import msgspec

from hotline.errors import HotlineError


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found."""

    check: str
    ok: bool
    found: str
    remedy: str = ""
    values: dict[str, Any] = {}
    """The same for programs, where there is something to count."""


class Failed(Exception):
    """A check failed; `remedy` says what to do."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(found)
        self.remedy = remedy


def run_check(check: str, look: Callable[[], str], remedy: str) -> Finding:
    """Run a check; `remedy` is for errors that bring none of their own."""
    try:
        return Finding(check=check, ok=True, found=look())
    except (Failed, HotlineError) as exc:
        return judged(check, exc, remedy)


def judged(check: str, error: Exception, remedy: str) -> Finding:
    """Return what an error says about a check."""
    return Finding(check=check, ok=False, found=str(error), remedy=getattr(error, "remedy", remedy))
