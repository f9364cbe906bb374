"""Waiting for conditions instead of for seconds."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE_S = 20.0
"""Generous: the machines are shared; only a failure waits this long."""


async def eventually(
    check: Callable[[], T | Awaitable[T]], *, within_s: float = PATIENCE_S, every_s: float = 0.05, what: str = ""
) -> T:
    """Call `check` until it returns something true, and return that.

    Raises AssertionError, with what it saw last, when it does not in time. A check may raise AssertionError meanwhile.
    """
    seen: Any = None
    try:
        async with asyncio.timeout(within_s):
            while True:
                try:
                    found = check()
                    seen = await found if inspect.isawaitable(found) else found
                except AssertionError as exc:
                    seen = exc
                else:
                    if seen:
                        return seen  # type: ignore[no-any-return]
                await asyncio.sleep(every_s)
    except TimeoutError:
        raise AssertionError(f"not within {within_s:g} s: {what or check}; last seen: {seen!r}") from None
