"""Bring a database to the shape this program needs: plain numbered SQL files, each applied once, in order, in its own transaction.

Refused, with nothing changed: a gap or a duplicate among the files, a file that was edited after it was applied, a database
that is newer than this program. Any number of programs may start at once: one migrates, the others wait for it. They poll
the lock, because a session that sleeps in `pg_advisory_lock` is an open transaction that CREATE INDEX CONCURRENTLY waits for.
"""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from hotline.errors import Misuse, Rejected, Unavailable
from hotline.runtime.clock import stopwatch
from hotline.store.pool import Connection, Store
from hotline.store.queries import load

LOCK_TIMEOUT_S = 120.0
LOCK_POLL_S = 0.1
FILE_TIMEOUT_S = 3600.0
_LOCK_KEY = 0x486F746C696E6531
_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_OWN_TRANSACTION = re.compile(r"^\s*(BEGIN|COMMIT|ROLLBACK|START\s+TRANSACTION)\s*;", re.IGNORECASE | re.MULTILINE)

_sql = load("hotline.store", "migrate.sql")


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One file."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """The hash that is kept of an applied file."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


async def migrate(store: Store, directory: Path | None = None) -> list[str]:
    """Apply what is missing and return the names of the files applied now.

    Raises Misuse when files and database do not fit each other or a file fails (the files before it stay applied), and
    Unavailable when the database is away or another program has been migrating for two minutes.
    """
    migrations = read_directory(directory or Path(__file__).with_name("migrations"))
    # The lock goes with the session: the pool releases it when it takes the connection back, whatever happened.
    async with store.session() as connection:
        await _lock(connection)
        await connection.execute(_sql.create_table)
        applied = {row["number"]: row for row in await connection.fetch(_sql.applied)}
        _check_fit(migrations, {n: (row["name"], row["sha256"]) for n, row in applied.items()})
        missing = [m for m in migrations if m.number not in applied]
        for migration in missing:
            await _apply(connection, migration)
        return [m.name for m in missing]


async def require_current(store: Store, directory: Path | None = None) -> None:
    """Raise Misuse unless the database has exactly the shape that this program needs. Changes nothing."""
    migrations = read_directory(directory or Path(__file__).with_name("migrations"))
    async with store.session() as connection:
        known = await connection.fetchval(_sql.has_table)
        applied = {row["number"]: row for row in await connection.fetch(_sql.applied)} if known else {}
    _check_fit(migrations, {n: (row["name"], row["sha256"]) for n, row in applied.items()})
    if len(applied) < len(migrations):
        raise Misuse(
            "the database is older than this program, or not one of hotline's; a start of hotline brings it up to date"
        )


def read_directory(directory: Path) -> list[Migration]:
    """Read the migrations of `directory` in order. Raises Misuse for a bad name, a gap or a duplicate number."""
    migrations = [_read(file) for file in sorted(directory.glob("*.sql"))]
    for expected, migration in enumerate(migrations, start=1):
        if migration.number != expected:
            raise Misuse(f"migrations: {migration.name} stands where number {expected:04} must be")
    return migrations


def _read(file: Path) -> Migration:
    match = _FILE_NAME.fullmatch(file.name)
    if match is None:
        raise Misuse(f"migrations: {file.name} is not named like 0001_first_tables.sql")
    sql = file.read_text(encoding="utf-8")  # universal newlines: a checkout with other line ends has the same hash
    if _OWN_TRANSACTION.search(sql):
        raise Misuse(f"migrations: {file.name} begins or ends a transaction; the runner does that")
    return Migration(number=int(match[1]), name=file.name, sql=sql)


def _check_fit(migrations: Sequence[Migration], applied: dict[int, tuple[str, str]]) -> None:
    newest = max(applied, default=0)
    if newest > len(migrations):
        raise Misuse(
            f"the database has migration {applied[newest][0]}, which this program does not know; it needs a newer hotline"
        )
    for number, (name, sha256) in sorted(applied.items()):
        if migrations[number - 1].sha256 != sha256:
            raise Misuse(
                f"migrations: {migrations[number - 1].name} was changed after it was applied as {name}; add a new file instead"
            )
    if len(applied) != newest:
        raise Misuse(f"migrations: the database has {newest:04} but lacks an earlier one; restore it from a backup")


async def _lock(connection: Connection) -> None:
    waited = stopwatch()
    while not await connection.fetchval(_sql.try_lock, _LOCK_KEY):
        if waited() > LOCK_TIMEOUT_S:
            raise Unavailable("migrations: another program has been migrating this database for two minutes")
        await asyncio.sleep(LOCK_POLL_S)


async def _apply(connection: Connection, migration: Migration) -> None:
    # Name and hash cannot hold a quote; a script in one message keeps file and record in one transaction.
    record = _sql.record.format(number=migration.number, name=migration.name, sha256=migration.sha256)
    script = f"BEGIN;\nSET LOCAL statement_timeout = 0;\n{migration.sql}\n;\n{record};\nCOMMIT;"
    try:
        await connection.execute(script, timeout_s=FILE_TIMEOUT_S)
    except (Misuse, Rejected) as exc:
        raise Misuse(f"migrations: {migration.name} failed and was taken back: {exc}") from exc
