"""The door to Asterisk's CEL file: reads what was added since last time, and tells the facts that nobody else told.

The file is followed across rotation (a new inode: the old file is read to its end first, then those put aside since) and truncation (shorter than what was
read, or with another first line: from the start again). A last line without its end is left for the next time. How far we are is remembered on local disk only
after the facts are kept, and never beyond the first line of a call that is still being followed: a successor reads those lines again.
"""

import asyncio
import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from io import SEEK_END
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec
import structlog

from crm.cel.calls import CelCall, CelFold, OpenOffer, Told, missing_facts, read_line
from hotline.errors import OutcomeUnknown, Unavailable
from hotline.facts import Fact
from hotline.ids import CallId, Extension, NodeId, OfferId
from hotline.runtime.clock import Clock
from hotline.store.pool import Store
from hotline.store.queries import load
from hotline.tally import Tally

INTERVAL_S = 5.0
CHUNK_BYTES = 4_000_000
"""So much is read in one turn; the rest follows in the next."""
LINES_PER_TURN = 50
"""After so many lines everybody else in the process gets a turn: seconds of a busy hour are thousands of lines."""
HEAD_BYTES = 4096
_COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst"})

_sql = load("crm.api", "calls.sql")

log = structlog.get_logger(__name__)


class Memory(Protocol):
    """Small values that outlive the process (the spool)."""

    def remember(self, key: str, value: bytes | None) -> None:
        """Keep `value` under `key`."""

    def recall(self, prefix: str = "") -> dict[str, bytes]:
        """Return what was kept under keys that begin with `prefix`."""


class _Position(msgspec.Struct, frozen=True):
    inode: int
    offset: int
    head: str = ""
    """A hash of the first line: a file system may give the number of a deleted file to a new one. Empty: not known."""


class CelFile:
    """Follows one growing file, line by line, over rotation and truncation. Not thread safe."""

    def __init__(self, path: Path, start: _Position | None) -> None:
        self._path = path
        self._start = start
        self._file: BinaryIO | None = None
        self._inode = 0
        self._offset = 0
        self._head = ""
        self._done: set[int] = set()
        """The inodes of files that were read to their end."""

    @property
    def position(self) -> _Position:
        """Up to where the lines were returned."""
        return _Position(inode=self._inode, offset=self._offset, head=self._head)

    def read(self) -> list[tuple[_Position, str]]:
        """Return the complete new lines, each with where it begins."""
        if self._file is None and not self._open():
            return []
        assert self._file is not None
        size = self._file.seek(0, SEEK_END)
        if size < self._offset or self._is_another():
            log.warning("the CEL file was truncated", read=self._offset, size=size)
            self._offset = 0
        self._head = _head_of(self._file)
        self._file.seek(self._offset)
        lines = self._lines(self._file.read(CHUNK_BYTES))
        if not lines and self._rotated():
            following = self._following()
            self._file.close()
            self._file = None
            self._offset, self._head = 0, ""
            return self.read() if self._open_if(following, None) else []
        return lines

    def _following(self) -> Path:
        """Return the file that was written after the one that is open: rotated too, while we were away, or the present one."""
        assert self._file is not None
        own = os.fstat(self._file.fileno())
        self._done.add(own.st_ino)
        later = [
            (status.st_mtime_ns, path)
            for path, status in self._put_aside()
            if status.st_mtime_ns >= own.st_mtime_ns and status.st_ino not in self._done
        ]
        return min(later, default=(0, self._path))[1]

    def _put_aside(self) -> list[tuple[Path, os.stat_result]]:
        """Return the files that rotation has put aside and that can still be read."""
        paths = [p for p in self._path.parent.glob(self._path.name + ".*") if p.suffix not in _COMPRESSED]
        return [(path, path.stat()) for path in sorted(paths) if path.is_file()]

    def _is_another(self) -> bool:
        """Return whether the file begins differently than it did: it was emptied and has grown since."""
        assert self._file is not None
        return bool(self._head) and _head_of(self._file) != self._head

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _lines(self, raw: bytes) -> list[tuple[_Position, str]]:
        end = raw.rfind(b"\n") + 1
        if not end and len(raw) == CHUNK_BYTES:
            end = len(raw)  # no line is that long: skip what cannot be one
        lines: list[tuple[_Position, str]] = []
        for line in raw[:end].splitlines(keepends=True):
            lines.append((self.position, line.decode("utf-8", errors="replace").rstrip("\r\n")))
            self._offset += len(line)
        return lines

    def _open(self) -> bool:
        """Open the file that was being read, by its inode, wherever rotation has put it; else the present one from its start."""
        wanted, self._start = self._start, None
        if wanted is not None:
            for candidate in [self._path, *(path for path, _ in self._put_aside())]:
                if self._open_if(candidate, wanted.inode):
                    self._offset, self._head = wanted.offset, wanted.head
                    return True
        self._offset, self._head = 0, ""
        return self._open_if(self._path, None)

    def _open_if(self, path: Path, inode: int | None) -> bool:
        try:
            file = path.open("rb")
        except OSError:
            return False
        found = _inode_of(file)
        if inode is not None and found != inode:
            file.close()
            return False
        self._file, self._inode = file, found
        return True

    def _rotated(self) -> bool:
        try:
            return self._path.stat().st_ino != self._inode
        except OSError:
            return False


def _inode_of(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_ino


def _head_of(file: BinaryIO) -> str:
    """Return a hash of the first line; empty until it is complete."""
    first, end, _ = os.pread(file.fileno(), HEAD_BYTES, 0).partition(b"\n")
    return hashlib.sha256(first).hexdigest()[:16] if end else ""


class CelReader:
    """Tells, from CEL, the facts that the journal lacks. `run` is one task of the process."""

    def __init__(
        self,
        path: Path,
        node: NodeId,
        store: Store,
        memory: Memory,
        keep: Callable[[Iterable[Fact]], None],
        tally: Tally,
    ) -> None:
        self._node = node
        self._store = store
        self._memory = memory
        self._keep = keep
        self._tally = tally
        self._key = f"cel:{node}"
        kept = memory.recall(self._key).get(self._key)
        self._saved = msgspec.json.decode(kept, type=_Position) if kept else None
        self._file = CelFile(path, self._saved)
        self._fold: CelFold[_Position] = CelFold()

    async def run(self, clock: Clock) -> None:
        """Run every few seconds until cancelled; while the database is away, wait for it."""
        while True:
            try:
                await self.run_once(clock.now())
            except (Unavailable, OutcomeUnknown) as exc:
                log.info("CEL waits for the database", error=str(exc))
            await asyncio.sleep(INTERVAL_S)

    async def run_once(self, now: float) -> int:
        """Read what is new, keep the facts that are missing, and return how many.

        `keep` puts them into the spool only: nobody may act on a call that is long over. Raises Unavailable while the
        database is away; then nothing is forgotten, and the next time goes on.
        """
        lines = await asyncio.to_thread(self._file.read)
        for number, (position, line) in enumerate(lines, 1):
            if number % LINES_PER_TURN == 0:
                await asyncio.sleep(0)
            event = read_line(line)
            if event is None:
                self._tally.count("cel_lines_skipped")
            else:
                self._fold.feed(event, position)
        calls = self._fold.ripe(now)
        facts = missing_facts(calls, await self._told(calls), self._node) if calls else []
        if facts:
            log.warning("calls were completed from CEL", facts=len(facts), calls=len({f.call_id for f in facts}))
            self._keep(facts)
        self._fold.settle(calls, now)
        self._save()
        return len(facts)

    async def _told(self, calls: Sequence[CelCall]) -> dict[CallId, Told]:
        ids = [c.call_id for c in calls]
        rows = await self._store.fetch(_sql.told_of_calls, ids)
        offers: dict[str, list[OpenOffer]] = defaultdict(list)
        for r in await self._store.fetch(_sql.open_offers, ids):
            offer = OpenOffer(offer_id=OfferId(r["offer_id"]), extension=Extension(r["extension"]))
            offers[r["call_id"]].append(offer)
        return {
            CallId(r["call_id"]): Told(
                arrived=r["arrived"],
                fell_back=r["fell_back"],
                ended=r["ended"],
                open_offers=tuple(offers[r["call_id"]]),
            )
            for r in rows
        }

    def _save(self) -> None:
        """Remember the place from which a successor must read."""
        place = self._fold.oldest() or self._file.position
        if place != self._saved and place.inode:
            self._memory.remember(self._key, msgspec.json.encode(place))
            self._saved = place

    def close(self) -> None:
        """Close the file."""
        self._file.close()
