"""Connections to PostgreSQL, and its errors in our words.

This file and `session.py` are the only ones that import asyncpg. A statement has three outcomes: it is done, it was refused (`Rejected`,
`Misuse`, `Unavailable`: nothing was changed), or it is unknown (`OutcomeUnknown`): it was sent alone and the answer never came.
Inside `transaction` only the final commit can be unknown; whatever fails before it changes nothing.

Opening a store connects to nothing, so that a service starts while the database is away; `healthy` tells how it is.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from hotline.errors import HotlineError, Misuse, OutcomeUnknown, Rejected, Unavailable

Row = asyncpg.Record
"""One row: values by column name (`row["id"]`) or position; `dict(row)` copies it."""

log = structlog.get_logger(__name__)

_DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)

HEALTH_TIMEOUT_S = 2.0
CLOSE_TIMEOUT_S = 5.0
CLEAN_UP_TIMEOUT_S = 1.0
"""How long a cancelled statement or a rollback may take before its connection is cut; the server then cleans up by itself."""
IDLE_IN_TRANSACTION_LIMIT_S = 60
"""The server ends a transaction of ours that does nothing for this long: a stopped process must not hold locks."""

# What an SQLSTATE means to us; the longest matching prefix counts. Codes: PostgreSQL documentation, appendix A.
_MEANINGS = {
    "08": "lost",  # connection exceptions
    "22": "invalid",  # data exceptions: a value that does not fit
    "23": "invalid",  # integrity: not null, check, foreign key
    "23505": "conflict",  # unique
    "23P01": "conflict",  # exclusion
    "P0001": "invalid",  # RAISE EXCEPTION of our own functions
    "25006": "unavailable",  # a standby that takes no writes
    "25P03": "unavailable",  # idle in transaction for too long
    "40": "unavailable",  # deadlock, serialization: rolled back, may be tried again
    "40003": "lost",  # statement completion unknown
    "53": "unavailable",  # too many connections, disk full, out of memory
    "55P03": "unavailable",  # lock not available in time
    "57": "unavailable",  # shutting down, starting up, cancelled by the server's own time limit
    "58": "unavailable",  # input or output error of the server's machine
    "XX": "unavailable",  # internal error, damaged data
}


class _Lendable(asyncpg.Connection):
    """A connection of the pool. It is cleaned when it comes back only if it was lent for a whole session.

    What single statements and transactions do ends with them; asking the server each time to reset what nobody set would double their round trips.
    """

    is_session = False

    def lend_session(self) -> None:
        """Have what the session leaves behind (locks, settings) removed when it comes back."""
        self.is_session = True

    def get_reset_query(self) -> str:
        return super().get_reset_query() if self.is_session else ""

    async def reset(self, *, timeout: float | None = None) -> None:
        await super().reset(timeout=timeout)
        self.is_session = False


class Connection:
    """One connection, lent for the length of a `transaction` or `session` block (or owned, see `session.py`)."""

    def __init__(self, raw: "PoolConnectionProxy[Row] | asyncpg.Connection[Row]", *, in_transaction: bool) -> None:
        self._raw = raw
        self._in_transaction = in_transaction

    async def fetch(self, sql: str, *args: object, timeout_s: float | None = None) -> list[Row]:
        """Run a statement and return all its rows."""
        with self._translated():
            return await self._raw.fetch(sql, *args, timeout=timeout_s)

    async def fetchrow(self, sql: str, *args: object, timeout_s: float | None = None) -> Row | None:
        """Run a statement and return its first row, or None."""
        with self._translated():
            return await self._raw.fetchrow(sql, *args, timeout=timeout_s)

    async def fetchval(self, sql: str, *args: object, timeout_s: float | None = None) -> Any:
        """Run a statement and return the first column of its first row, or None."""
        with self._translated():
            return await self._raw.fetchval(sql, *args, timeout=timeout_s)

    async def execute(self, sql: str, *args: object, timeout_s: float | None = None) -> str:
        """Run a statement (without arguments: a script of several) and return its command tag, such as `UPDATE 3`."""
        with self._translated():
            return await self._raw.execute(sql, *args, timeout=timeout_s)

    async def executemany(self, sql: str, rows: Iterable[Sequence[object]], timeout_s: float | None = None) -> None:
        """Run a statement once for each row of arguments; all of them or none."""
        with self._translated():
            await self._raw.executemany(sql, rows, timeout=timeout_s)

    async def copy_records(
        self, table: str, *, columns: Sequence[str], records: Iterable[Sequence[object]], timeout_s: float | None = None
    ) -> int:
        """Bring many rows into `table` by COPY and return how many; all of them or none."""
        with self._translated():
            tag = await self._raw.copy_records_to_table(
                table, records=records, columns=list(columns), timeout=timeout_s
            )
        return int(tag.rpartition(" ")[2])

    async def copy_out(self, sql: str, sink: Callable[[bytes], Coroutine[Any, Any, None]], *, timeout_s: float) -> int:
        """Bring the rows of a query as CSV with a header to `sink`, part by part, and return how many.

        What `sink` raises ends the copy; it must not be an error that a driver raises too (OSError, TimeoutError).
        """
        with self._translated():
            tag = await self._raw.copy_from_query(sql, output=sink, format="csv", header=True, timeout=timeout_s)
        return int(tag.rpartition(" ")[2])

    async def copy_in(
        self, table: str, *, columns: Sequence[str], source: AsyncIterable[bytes], timeout_s: float
    ) -> int:
        """Bring the rows of a CSV with a header into `table` and return how many. What `source` raises: as `copy_out`."""
        with self._translated():
            tag = await self._raw.copy_to_table(
                table, source=source, columns=list(columns), format="csv", header=True, timeout=timeout_s
            )
        return int(tag.rpartition(" ")[2])

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except _DRIVER_ERRORS as exc:
            raise _translate(exc, may_be_done=not self._in_transaction, closed=_is_closed(self._raw)) from exc
        except AttributeError as exc:
            if not _is_closed(self._raw):
                raise
            # asyncpg takes the protocol of a connection that is cut away, over which a statement trips that was not sent yet.
            raise Unavailable("database: the connection is closed") from exc


class Store:
    """A bounded set of connections to one database."""

    def __init__(self, pool: "asyncpg.Pool[Row]", command_timeout_s: float, where: str) -> None:
        self._pool = pool
        self._timeout_s = command_timeout_s
        self._where = where
        self._closed = False

    @classmethod
    async def open(cls, dsn: str, *, size: int = 5, command_timeout_s: float = 10.0) -> "Store":
        """Return a store with at most `size` connections, made when they are needed.

        Waiting for a free connection and each statement may take `command_timeout_s`. Raises Misuse for a text that is no DSN.
        """
        where = _where(dsn)
        pool = asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=size,
            command_timeout=command_timeout_s,
            timeout=command_timeout_s,
            max_inactive_connection_lifetime=300.0,
            connection_class=_Lendable,
            server_settings={
                "application_name": "hotline",
                "timezone": "UTC",
                "statement_timeout": str(int(command_timeout_s * 1000) + 1000),
                "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_LIMIT_S * 1000),
            },
        )
        with driver_errors(may_be_done=False):
            await pool
        return cls(pool, command_timeout_s, where)

    async def close(self) -> None:
        """Close all connections: waits a few seconds for blocks under way, then cuts them."""
        if self._closed:
            return
        self._closed = True
        try:
            await asyncio.wait_for(self._pool.close(), CLOSE_TIMEOUT_S)
        except _DRIVER_ERRORS:
            self._pool.terminate()

    async def fetch(self, sql: str, *args: object, timeout_s: float | None = None) -> list[Row]:
        """Run a statement in a transaction of its own and return all its rows."""
        async with self._statement() as connection:
            return await connection.fetch(sql, *args, timeout_s=timeout_s)

    async def fetchrow(self, sql: str, *args: object, timeout_s: float | None = None) -> Row | None:
        """Run a statement in a transaction of its own and return its first row, or None."""
        async with self._statement() as connection:
            return await connection.fetchrow(sql, *args, timeout_s=timeout_s)

    async def fetchval(self, sql: str, *args: object, timeout_s: float | None = None) -> Any:
        """Run a statement in a transaction of its own and return the first column of its first row, or None."""
        async with self._statement() as connection:
            return await connection.fetchval(sql, *args, timeout_s=timeout_s)

    async def execute(self, sql: str, *args: object, timeout_s: float | None = None) -> str:
        """Run a statement in a transaction of its own and return its command tag, such as `UPDATE 3`."""
        async with self._statement() as connection:
            return await connection.execute(sql, *args, timeout_s=timeout_s)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Connection]:
        """Lend one connection, each statement its own transaction: for advisory locks and settings of a session."""
        async with self._lent() as raw:
            cast("_Lendable", raw).lend_session()  # the pool's proxy hands on what it does not know
            yield Connection(raw, in_transaction=False)

    @asynccontextmanager
    async def _statement(self) -> AsyncIterator[Connection]:
        """Lend one connection for a single statement."""
        async with self._lent() as raw:
            yield Connection(raw, in_transaction=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend one connection inside a transaction: committed at the end of the block, rolled back when it raises.

        Only the commit can raise OutcomeUnknown.
        """
        async with self._lent() as raw:
            transaction = raw.transaction()
            with driver_errors(may_be_done=False):
                await transaction.start()
            try:
                yield Connection(raw, in_transaction=True)
            except BaseException:
                await _roll_back(raw, transaction)
                raise
            try:
                await transaction.commit()
            except _DRIVER_ERRORS as exc:
                raise _translate(exc, may_be_done=True, closed=_is_closed(raw)) from exc

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator["PoolConnectionProxy[Row]"]:
        if self._closed:
            raise Unavailable("the store is closed")
        try:
            with driver_errors(may_be_done=False):
                raw = await self._pool.acquire(timeout=self._timeout_s)
        except Unavailable as exc:
            cause = exc.__cause__
            if not isinstance(cause, OSError) or isinstance(cause, TimeoutError):
                raise
            raise Unavailable(f"database: {self._where} cannot be reached: {cause.strerror or cause}") from cause
        try:
            yield raw
        finally:
            try:
                await self._pool.release(raw, timeout=CLEAN_UP_TIMEOUT_S)
            except _DRIVER_ERRORS as exc:
                # The pool has dropped the connection; what the block did is known and stays the answer.
                log.warning("a database connection was dropped", error=type(exc).__name__)

    async def healthy(self) -> bool:
        """Return whether the database answers within two seconds."""
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT_S):
                return bool(await self.fetchval("SELECT true"))
        except (HotlineError, TimeoutError):
            return False


def _where(dsn: str) -> str:
    """Return where a DSN leads, without its password. Raises Misuse for a text that is no DSN."""
    try:
        parts = urlsplit(dsn)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("postgres", "postgresql"):
        raise Misuse("database: the DSN must look like postgresql://user:password@host:port/name")
    host = parts.hostname or parse_qs(parts.query).get("host", ["this machine"])[0]
    return f"{host}:{port}" if port is not None else host


async def _roll_back(raw: "PoolConnectionProxy[Row]", transaction: Any) -> None:
    if _is_closed(raw):
        return
    try:
        async with asyncio.timeout(CLEAN_UP_TIMEOUT_S):
            await transaction.rollback()
    except _DRIVER_ERRORS:
        if not _is_closed(raw):
            raw.terminate()


def _is_closed(raw: "PoolConnectionProxy[Row] | asyncpg.Connection[Row]") -> bool:
    try:
        return raw.is_closed()
    except asyncpg.InterfaceError:  # asyncpg takes a lent connection back as soon as it is lost
        return True


@contextmanager
def driver_errors(*, may_be_done: bool) -> Iterator[None]:
    """Turn the driver's errors of a block into ours. `may_be_done`: whether what failed may have been done."""
    try:
        yield
    except _DRIVER_ERRORS as exc:
        raise _translate(exc, may_be_done=may_be_done, closed=False) from exc


def _translate(exc: Exception, *, may_be_done: bool, closed: bool) -> HotlineError:
    """Return our error for a driver's error. `may_be_done`: whether a statement was under way that commits by itself."""
    lost = OutcomeUnknown if may_be_done else Unavailable
    if isinstance(exc, asyncpg.PostgresError):
        return _from_state(exc, lost)
    if isinstance(exc, TimeoutError):
        return lost("database: no answer in time")
    if isinstance(exc, OSError):
        return lost(f"database: {exc.strerror or type(exc).__name__}")
    if closed:
        return Unavailable("database: the connection is closed")
    return Misuse(f"database: {exc}")


def _from_state(exc: asyncpg.PostgresError, lost: type[HotlineError]) -> HotlineError:
    state = exc.sqlstate or ""
    meaning = next((_MEANINGS[state[:n]] for n in range(len(state), 1, -1) if state[:n] in _MEANINGS), "misuse")
    text = f"database: {exc}"
    match meaning:
        case "lost":
            return lost(text)
        case "unavailable":
            return Unavailable(text)
        case "conflict" | "invalid":
            return Rejected(meaning, text)
        case _:
            return Misuse(text)
