"""Keeps Asterisk's own files from growing for ever: its messages, and the records of channels and calls that it appends to.

A file beyond the limit is put aside under `.1` (the newest) to `.<keep>`. Asterisk opens the records anew for each line; its message
log stays open, so it is told to open another. The reader of channel events follows a file that was put aside by its inode.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog

from hotline.errors import HotlineError
from hotline.files import put_aside

INTERVAL_S = 60.0

log = structlog.get_logger(__name__)


def put_aside_if_large(path: Path, *, max_bytes: int, keep: int) -> bool:
    """Put a file aside if it is larger than `max_bytes`; return whether it was done."""
    try:
        if path.stat().st_size <= max_bytes:
            return False
        put_aside(path, keep=keep)
    except OSError as exc:
        if not isinstance(exc, FileNotFoundError):
            log.warning("a file cannot be put aside", file=path.name, error=exc.strerror)
        return False
    return True


class LogKeeper:
    """Looks after the files of one Asterisk."""

    def __init__(
        self,
        messages: Path,
        records: Sequence[Path],
        tell: Callable[[str], Awaitable[str]],
        *,
        max_bytes: int,
        keep: int,
    ) -> None:
        """`messages` is the log that Asterisk holds open; `tell` performs a console command of it."""
        self._messages = messages
        self._records = records
        self._tell = tell
        self._max_bytes = max_bytes
        self._keep = keep

    async def run(self) -> None:
        """Look now and then until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            await self.look()

    async def look(self) -> None:
        """Put aside what has grown too large."""
        for path in self._records:
            put_aside_if_large(path, max_bytes=self._max_bytes, keep=self._keep)
        if put_aside_if_large(self._messages, max_bytes=self._max_bytes, keep=self._keep):
            try:
                await self._tell("logger reload")
            except HotlineError as exc:
                log.warning("Asterisk writes on into a log that was put aside", error=str(exc))
