"""The files of the spool: an SQLite database with one writer, and a log in front of it. No limits, no loop, no facts here; see `spool.py`.

Changes go into the log (`spool_log.py`) and are carried into the database when there are many of them, before a checkpoint, and at the end; changes of rows that
the database has go there at once. WAL with `synchronous=NORMAL`: a commit is one write without fsync, and so is an append to the log; both survive our death at
once and a power cut from the last checkpoint on (sqlite.org/wal.html). Checkpoints do the fsync; they run in a thread on a connection of their own.
A file that SQLite calls damaged is moved aside for a human, and so is a damaged log; what can still be read goes into the new one.
"""

import fcntl
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import msgspec
import structlog

from hotline.errors import Misuse, Unavailable
from hotline.spool_log import Changes, Fresh, Row, SpoolLog, read_log

SPOOL_FILE = "spool.db"
"""Its name in the data directory of a process."""
WAL_LIMIT_BYTES = 4_000_000
"""After so much was written a checkpoint is wanted."""
_TRANSACTION_BYTES = 8192
"""What a small transaction would add to SQLite's log: the page of its rows and that of the last number. Counted for those in our log too, so
that a power cut costs no more than it did without one."""
LOG_LIMIT_BYTES = 1_000_000
"""With so much in our log it is carried into the database."""
_LOG = "-log"
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (n INTEGER PRIMARY KEY AUTOINCREMENT, kept_at REAL NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS dead (n INTEGER PRIMARY KEY, kept_at REAL NOT NULL, data BLOB NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS memory (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO sqlite_sequence (name, seq) SELECT 'fact', 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'fact');
"""

log = structlog.get_logger(__name__)


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
        number, changes, _ = read_log(
            path.with_name(path.name + _LOG)
        )  # first: what is carried meanwhile is in the database then
        facts, oldest_at, dead, carried = _counted(path)
        size = sum(
            p.stat().st_size for p in (path.with_name(path.name + end) for end in ("", "-wal", _LOG)) if p.exists()
        )
    if number > carried:
        fresh = _sum_of(changes)
        facts += len(fresh.rows)
        oldest_at = next((kept_at for _, kept_at, _ in fresh.rows.values()), None) if oldest_at is None else oldest_at
    return SpoolLook(
        path=str(path), facts=facts, oldest_at=oldest_at, dead=dead, bytes=size, damaged=tuple(map(str, aside))
    )


def _sum_of(changes: Sequence[Changes]) -> Fresh:
    fresh = Fresh()
    for each in changes:
        fresh.take(each)
    return fresh


def _counted(path: Path) -> tuple[int, float | None, int, int]:
    """Return how many facts wait, since when, how many are dead, and the number of the last log that was carried in."""
    # Nobody writes a file without a log; then it can be read even where the disk lets nothing be written.
    still = "" if path.with_name(path.name + "-wal").exists() else "&immutable=1"
    db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro{still}", uri=True, timeout=1.0)
    try:
        facts, oldest_at = db.execute(
            "SELECT count(*), (SELECT kept_at FROM fact ORDER BY n LIMIT 1) FROM fact"
        ).fetchone()
        dead = db.execute("SELECT count(*) FROM dead").fetchone()[0]
        return facts, oldest_at, dead, db.execute("PRAGMA user_version").fetchone()[0]
    finally:
        db.close()


class SpoolFile:
    """The open files; `count` and `last` are those of the last transaction."""

    def __init__(self, path: Path, lock: IO[str], *, stamp: int, saved: Changes | None = None) -> None:
        """`saved` is what a damaged database still held: it is older than what the log says."""
        self.path = path
        self._lock = lock
        self._checkpointing = threading.Lock()
        self._written = 0
        """Bytes since the last checkpoint, about. The log's own length says nothing: the file never shrinks while it is used."""
        self._fresh = Fresh()
        self._log: SpoolLog | None = None
        self.lost_log = False
        """Whether the log of the life before was damaged."""
        with _errors(path):
            self._db = _connect(path)
            try:
                self._db.executescript(_SCHEMA)
                self._in_db = int(self._db.execute("SELECT count(*) FROM fact").fetchone()[0])
                self.last = int(self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'fact'").fetchone()[0])
                self._carried = int(self._db.execute("PRAGMA user_version").fetchone()[0])
                if saved is not None:
                    self._save(saved)
                self._take_over(path.with_name(path.name + _LOG), stamp)
            except BaseException:
                self._close()
                raise

    def _save(self, saved: Changes) -> None:
        try:
            with _errors(self.path):
                self._carry(saved)
        except Unavailable as exc:
            log.error("what a damaged spool still held could not be written", error=str(exc))

    def _take_over(self, path: Path, stamp: int) -> None:
        """Carry in what the life before left in its log, and begin a log of our own."""
        number, changes, self.lost_log = read_log(path)
        if self.lost_log:
            path.rename(path.with_name(f"{self.path.name}.damaged-{stamp}{_LOG}"))
            log.error("the log of the spool was damaged and moved aside", changes_saved=len(changes))
        self._log = SpoolLog(path)
        if number <= self._carried:
            self._log.empty()
            return
        self._carried = number - 1
        self._fresh = _sum_of(changes)
        self.last = max(self.last, self._fresh.last)
        try:
            self.carry()
        except Unavailable as exc:
            if self.lost_log or isinstance(exc, Damaged):
                raise
            log.warning("the log of the spool stays: the disk takes nothing", error=str(exc))

    @classmethod
    def open(cls, path: Path, *, stamp: int) -> tuple["SpoolFile", bool]:
        """Open or make the files; also tell whether a damaged one had to be moved aside (named after `stamp`).

        Raises Misuse when the place cannot be used or another process has it.
        """
        lock = _own(path)
        try:
            file = cls(path, lock, stamp=stamp)
            return file, file.lost_log
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
        rows, memory = _salvage(aside)
        fresh = cls(path, lock, stamp=stamp, saved=Changes(rows=rows, memory=memory))
        log.error("the spool was damaged and moved aside", file=str(aside), facts_saved=fresh.count)
        return fresh

    def replaced(self, *, stamp: int) -> "SpoolFile":
        """Move this damaged file aside and return a new one with what could be read of it, and with what our log holds."""
        with self._checkpointing:
            self._close()
        return self._replace(self.path, self._lock, stamp)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._in_db + len(self._fresh.rows)

    def apply(self, changes: Changes) -> None:
        """Do all changes or none. Raises Unavailable (disk full, …) or Damaged."""
        removes = bool(changes.remove_up_to or changes.remove)
        if changes.dead or (removes and self._in_db) or not self._append(changes):
            with _errors(self.path):
                self._carry(changes)
        self._written += _TRANSACTION_BYTES + sum([len(data) for _, _, data in changes.rows])

    def _append(self, changes: Changes) -> bool:
        """Append changes to the log; return whether it took them. Where it has no room, the database may have some."""
        if self._log is None or self._log.size > LOG_LIMIT_BYTES:
            return False
        try:
            self._log.append(changes, self._carried + 1)
        except OSError:
            return False
        self._fresh.take(changes)
        self.last = max(self.last, self._fresh.last)
        return True

    def carry(self) -> None:
        """Carry what is in the log into the database. Raises Unavailable or Damaged; the log stays as it is then."""
        if self._fresh.rows or self._fresh.memory or self._fresh.last:
            with _errors(self.path):
                self._carry(Changes())

    def _carry(self, changes: Changes) -> None:
        """Bring what is in the log into the database together with further changes, in one transaction."""
        fresh, put_aside = self._fresh, {n for n, _ in changes.dead}
        rows = [r for r in (*fresh.rows.values(), *changes.rows) if r[0] in put_aside or not changes.removes(r[0])]
        last = max(self.last, *(n for n, _, _ in changes.rows[-1:]), 0)
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            in_db = self._in_db + max(
                db.executemany("INSERT OR IGNORE INTO fact (n, kept_at, data) VALUES (?, ?, ?)", rows).rowcount, 0
            )
            for n, reason in changes.dead:
                db.execute("INSERT OR IGNORE INTO dead SELECT n, kept_at, data, ? FROM fact WHERE n = ?", (reason, n))
            if self._in_db or put_aside:
                in_db -= db.execute("DELETE FROM fact WHERE n <= ?", (changes.remove_up_to,)).rowcount
                numbers = [(n,) for n in (*changes.remove, *put_aside)]
                in_db -= max(db.executemany("DELETE FROM fact WHERE n = ?", numbers).rowcount, 0)
            _remember(db, fresh.memory | changes.memory)
            db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'fact' AND seq < ?", (last, last))
            carried = self._carried + bool(self._log is not None and self._log.size)
            db.execute(f"PRAGMA user_version = {carried}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        self._in_db, self.last, self._fresh, self._carried = in_db, last, Fresh(), carried
        if self._log is not None and self._log.size:
            self._log.empty()

    def read(self, after: int, limit: int) -> list[Row]:
        """Return the oldest rows beyond number `after`."""
        rows: list[Row] = []
        if self._in_db:
            with _errors(self.path):
                rows = self._db.execute(
                    "SELECT n, kept_at, data FROM fact WHERE n > ? ORDER BY n LIMIT ?", (after, limit)
                ).fetchall()
        return rows + list(islice((row for n, row in self._fresh.rows.items() if n > after), limit - len(rows)))

    def hidden_by(self, changes: Changes) -> int:
        """Return how many rows of the files `changes` would remove."""
        with _errors(self.path):
            below = self._db.execute("SELECT count(*) FROM fact WHERE n <= ?", (changes.remove_up_to,)).fetchone()[0]
            numbers = [n for n in changes.remove if n > changes.remove_up_to]
            alone = [self._db.execute("SELECT 1 FROM fact WHERE n = ?", (n,)).fetchone() for n in numbers]
        fresh = sum(changes.removes(n) for n in self._fresh.rows)
        return int(below) + sum(found is not None for found in alone) + fresh

    def recall(self, prefix: str) -> dict[str, bytes]:
        """Return what is remembered under keys that begin with `prefix`."""
        with _errors(self.path):
            found: dict[str, bytes | None] = dict(
                self._db.execute("SELECT key, value FROM memory WHERE substr(key, 1, ?) = ?", (len(prefix), prefix))
            )
        found.update((key, value) for key, value in self._fresh.memory.items() if key.startswith(prefix))
        return {key: value for key, value in found.items() if value is not None}

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
        """Close the files and give them free. What is in the log and cannot be carried in now is, when they are opened again."""
        with self._checkpointing:
            try:
                self.carry()
            except Unavailable as exc:
                log.warning("the log of the spool stays until the next start", error=str(exc))
            self._close()
        self._lock.close()

    def _close(self) -> None:
        self._db.close()
        if self._log is not None:
            self._log.close()
            self._log = None


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
