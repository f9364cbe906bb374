"""The file of the spool: an SQLite database with one writer. No limits, no loop, no facts here; see `spool.py`.

WAL with `synchronous=NORMAL`: a commit is one write without fsync, so it survives our death at once and a power cut from the
last checkpoint on (sqlite.org/wal.html). Checkpoints do the fsync; they run in a thread on a connection of their own.
A file that SQLite calls damaged is moved aside for a human; what can still be read goes into the new one.
"""

import fcntl
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import msgspec
import structlog

from hotline.errors import Misuse, Unavailable

SPOOL_FILE = "spool.db"
"""Its name in the data directory of a process."""
WAL_LIMIT_BYTES = 4_000_000
"""After so much was written a checkpoint is wanted."""
_TRANSACTION_BYTES = 8192
"""What a small transaction adds to the log: the page of its rows and that of the last number."""
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (n INTEGER PRIMARY KEY AUTOINCREMENT, kept_at REAL NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS dead (n INTEGER PRIMARY KEY, kept_at REAL NOT NULL, data BLOB NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS memory (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""

log = structlog.get_logger(__name__)

Row = tuple[int, float, bytes]
"""Number, time of keeping, wire form."""


class Damaged(Unavailable):
    """The spool's file is damaged."""


class SpoolLook(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds, seen from outside, whoever writes it."""

    path: str
    facts: int
    """How many wait."""
    oldest_at: float | None
    """When the oldest of them was taken."""
    dead: int
    """How many could not be read and were put aside."""
    bytes: int
    """On the disk, with the log."""
    damaged: tuple[str, ...]
    """Damaged files that were moved aside."""


def look(path: Path) -> SpoolLook | None:
    """Look into the file at `path`, also while another process writes it; None when there is none. Changes nothing.

    Raises Damaged, or Unavailable when it cannot be read.
    """
    aside = sorted(p for p in path.parent.glob(f"{path.name}.damaged-*") if not p.name.endswith(("-wal", "-shm")))
    if not path.exists():
        if aside:
            return SpoolLook(path=str(path), facts=0, oldest_at=None, dead=0, bytes=0, damaged=tuple(map(str, aside)))
        return None
    with _errors(path):
        facts, oldest_at, dead = _counted(path)
        size = sum(p.stat().st_size for p in (path, path.with_name(path.name + "-wal")) if p.exists())
    return SpoolLook(
        path=str(path), facts=facts, oldest_at=oldest_at, dead=dead, bytes=size, damaged=tuple(map(str, aside))
    )


def _counted(path: Path) -> tuple[int, float | None, int]:
    # Nobody writes a file without a log; then it can be read even where the disk lets nothing be written.
    still = "" if path.with_name(path.name + "-wal").exists() else "&immutable=1"
    db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro{still}", uri=True, timeout=1.0)
    try:
        facts, oldest_at = db.execute(
            "SELECT count(*), (SELECT kept_at FROM fact ORDER BY n LIMIT 1) FROM fact"
        ).fetchone()
        return facts, oldest_at, db.execute("SELECT count(*) FROM dead").fetchone()[0]
    finally:
        db.close()


class Changes(msgspec.Struct):
    """What one transaction shall do, in this order."""

    rows: list[Row] = []
    dead: list[tuple[int, str]] = []
    """Rows to put aside, with the reason."""
    remove_up_to: int = 0
    remove: set[int] = set()
    memory: dict[str, bytes | None] = {}

    def split(self, rows: int) -> tuple["Changes", "Changes"]:
        """Return what to do now and later, with at most `rows` rows now.

        Everything else waits for the last rows: what is remembered may say that they are written.
        """
        if len(self.rows) <= rows:
            return self, Changes()
        later = Changes(self.rows[rows:], self.dead, self.remove_up_to, self.remove, self.memory)
        return Changes(self.rows[:rows]), later

    def __bool__(self) -> bool:
        return bool(self.rows or self.dead or self.remove_up_to or self.remove or self.memory)


class SpoolFile:
    """An open file; `count` and `last` are those of the last transaction."""

    def __init__(self, path: Path, lock: IO[str]) -> None:
        self.path = path
        self._lock = lock
        self._checkpointing = threading.Lock()
        self._written = 0
        """Bytes since the last checkpoint, about. The log's own length says nothing: the file never shrinks while it is used."""
        with _errors(path):
            self._db = _connect(path)
            try:
                self._db.executescript(_SCHEMA)
                self.count = int(self._db.execute("SELECT count(*) FROM fact").fetchone()[0])
                last = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'fact'").fetchone()
                self.last = int(last[0]) if last else 0
            except BaseException:
                self._db.close()
                raise

    @classmethod
    def open(cls, path: Path, *, stamp: int) -> tuple["SpoolFile", bool]:
        """Open or make the file; also tell whether a damaged one had to be moved aside (named after `stamp`).

        Raises Misuse when the place cannot be used or another process has it.
        """
        lock = _own(path)
        try:
            return cls(path, lock), False
        except Damaged:
            return cls._replace(path, lock, stamp), True
        except BaseException:
            lock.close()
            raise

    @classmethod
    def _replace(cls, path: Path, lock: IO[str], stamp: int) -> "SpoolFile":
        aside = path.with_name(f"{path.name}.damaged-{stamp}")
        with _errors(path):
            for ending in ("", "-wal", "-shm"):
                part = path.with_name(path.name + ending)
                if part.exists():
                    part.rename(aside.with_name(aside.name + ending))
        fresh = cls(path, lock)
        rows, memory = _salvage(aside)
        try:
            fresh.apply(Changes(rows=rows, memory=memory))
        except Unavailable as exc:
            rows = []
            log.error("what a damaged spool still held could not be written", error=str(exc))
        log.error("the spool was damaged and moved aside", file=str(aside), facts_saved=len(rows))
        return fresh

    def replaced(self, *, stamp: int) -> "SpoolFile":
        """Move this damaged file aside and return a new one with what could be read of it."""
        with self._checkpointing:
            self._db.close()
        return self._replace(self.path, self._lock, stamp)

    def apply(self, changes: Changes) -> None:
        """Do all changes or none. Raises Unavailable (disk full, …) or Damaged."""
        with _errors(self.path):
            db = self._db
            db.execute("BEGIN IMMEDIATE")
            try:
                db.executemany("INSERT OR IGNORE INTO fact (n, kept_at, data) VALUES (?, ?, ?)", changes.rows)
                for n, reason in changes.dead:
                    db.execute(
                        "INSERT OR IGNORE INTO dead SELECT n, kept_at, data, ? FROM fact WHERE n = ?", (reason, n)
                    )
                gone = db.execute("DELETE FROM fact WHERE n <= ?", (changes.remove_up_to,)).rowcount
                numbers = [(n,) for n in (*changes.remove, *(n for n, _ in changes.dead))]
                gone += max(db.executemany("DELETE FROM fact WHERE n = ?", numbers).rowcount, 0)
                _remember(db, changes.memory)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        self._written += _TRANSACTION_BYTES + sum(len(data) for _, _, data in changes.rows)
        self.count += len(changes.rows) - gone
        self.last = max(self.last, *(n for n, _, _ in changes.rows[-1:]), 0)

    def read(self, after: int, limit: int) -> list[Row]:
        """Return the oldest rows beyond number `after`."""
        with _errors(self.path):
            return self._db.execute(
                "SELECT n, kept_at, data FROM fact WHERE n > ? ORDER BY n LIMIT ?", (after, limit)
            ).fetchall()

    def hidden_by(self, changes: Changes) -> int:
        """Return how many rows of the file `changes` would remove."""
        with _errors(self.path):
            below = self._db.execute("SELECT count(*) FROM fact WHERE n <= ?", (changes.remove_up_to,)).fetchone()[0]
            numbers = [n for n in changes.remove if n > changes.remove_up_to]
            alone = [self._db.execute("SELECT 1 FROM fact WHERE n = ?", (n,)).fetchone() for n in numbers]
        return int(below) + sum(found is not None for found in alone)

    def recall(self, prefix: str) -> dict[str, bytes]:
        """Return what is remembered under keys that begin with `prefix`."""
        with _errors(self.path):
            return dict(
                self._db.execute("SELECT key, value FROM memory WHERE substr(key, 1, ?) = ?", (len(prefix), prefix))
            )

    @property
    def wants_checkpoint(self) -> bool:
        """Whether enough was written since the last checkpoint."""
        return self._written > WAL_LIMIT_BYTES

    def checkpoint(self) -> None:
        """Carry the log into the file; safe in another thread beside the writer."""
        with self._checkpointing, _errors(self.path):
            self._written = 0
            db = _connect(self.path)
            try:
                db.execute("PRAGMA wal_checkpoint(PASSIVE)")
            finally:
                db.close()

    def close(self) -> None:
        """Close the file and give it free."""
        with self._checkpointing:
            self._db.close()
        self._lock.close()


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA wal_autocheckpoint = 20000")  # only if the thread cannot keep up
    except BaseException:
        db.close()
        raise
    return db


def _own(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(path.name + ".lock").open("w", encoding="utf-8")
    except OSError as exc:
        raise Misuse(f"spool: cannot use {path}: {exc.strerror}") from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        lock.close()
        raise Misuse(f"spool: {path} is in use by another process") from exc
    return lock


def _remember(db: sqlite3.Connection, memory: dict[str, bytes | None]) -> None:
    kept = [(key, value) for key, value in memory.items() if value is not None]
    forgotten: Sequence[tuple[str]] = [(key,) for key, value in memory.items() if value is None]
    db.executemany("INSERT INTO memory VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", kept)
    db.executemany("DELETE FROM memory WHERE key = ?", forgotten)


def _salvage(path: Path) -> tuple[list[Row], dict[str, bytes | None]]:
    """Return what can be read of a damaged file."""
    db = sqlite3.connect(path)
    try:
        rows = [
            (n, kept_at, data)
            for n, kept_at, data in _readable(db, "SELECT n, kept_at, data FROM fact ORDER BY n")
            if isinstance(n, int) and isinstance(kept_at, float) and isinstance(data, bytes)
        ]
        return rows, dict(_readable(db, "SELECT key, value FROM memory"))
    finally:
        db.close()


def _readable(db: sqlite3.Connection, sql: str) -> Iterator[tuple[Any, ...]]:
    """Yield rows until the damage."""
    try:
        yield from db.execute(sql)
    except sqlite3.DatabaseError as exc:
        log.warning("a damaged spool was read up to its damage", error=str(exc))


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as exc:
        # The low byte is the primary code (sqlite.org/rescode.html).
        kind = Damaged if (getattr(exc, "sqlite_errorcode", 0) & 0xFF) in _DAMAGE else Unavailable
        raise kind(f"spool: {path}: {exc}") from exc
