"""Keeps the programs that we started alive: whatever dies is started again, at the same address."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from hotline.errors import HotlineError

RESTART_PAUSE_S = 1.0
RESTART_PAUSE_MAX_S = 30.0

log = structlog.get_logger(__name__)
T = TypeVar("T")


async def start_again(what: str, start: Callable[[], Awaitable[T]]) -> T:
    """Start a program that died, with growing pauses, until it runs."""
    pause = RESTART_PAUSE_S
    while True:
        await asyncio.sleep(pause)
        try:
            return await start()
        except HotlineError as exc:
            log.error("cannot be started again", what=what, error=str(exc))
            pause = min(pause * 2, RESTART_PAUSE_MAX_S)
