"""An office that one process holds at a time: an advisory lock of PostgreSQL, and a term whose epoch only grows.

Advisory locks are PostgreSQL documentation, chapter 13.3.5: a session's lock ends with the session, so that a process that dies loses
it at once; one that is frozen keeps it until somebody ends its session. Holding the lock is only the right to begin a term;
who believes in an older one is refused by its epoch wherever that matters.

Every method takes `limit_s` at the most. When one fails, its connection is abandoned, because nobody knows what the server still does
with it, and the lock with it; the next one connects anew. What they raise (Unavailable, OutcomeUnknown, or Misuse for a database that does not
let us) means "the office is away", which is not the same as "somebody else has it".
"""

import asyncio
import zlib
from collections.abc import Awaitable, Callable

from hotline.errors import OutcomeUnknown, Unavailable
from hotline.store.queries import load
from hotline.store.session import Session
from hotline.store.standing import Standing

LIMIT_S = 1.0
END_WAIT_MS = 200
_FAMILY = 0x486F746C
"""The first key of all our locks of two keys."""

_sql = load("hotline.store", "office.sql")


class Office:
    """One office, as seen by one process that may hold it. For one caller at a time; `let_go` may be called in between."""

    def __init__(self, dsn: str, *, holder: str, name: str = "router", limit_s: float = LIMIT_S) -> None:
        self.holder = holder
        self._dsn = dsn
        self._name = name
        self._keys = (_FAMILY, zlib.crc32(name.encode()) & 0x7FFFFFFF)
        self._limit_s = limit_s
        self._session: Session | None = None
        self._former = 0
        """The server process of the session with which we held the lock last."""

    async def look(self) -> Standing:
        """Tell who has the office."""
        return await self._on_session(self._look)

    async def take(self, above: int = 0) -> Standing:
        """Take the lock if it is free and begin a new term (`mine`), greater than `above`; else tell who has it."""

        async def take(session: Session) -> Standing:
            if await self._lock(session):
                await session.fetch(_sql.begin_term, self._name, self.holder, above)
            return await self._look(session)

        return await self._on_session(take)

    async def hold(self, epoch: int) -> Standing:
        """See to it that we have the lock, as the holder of the term `epoch`; never when there is a newer term.

        A session of our own that the server believes to be alive, although we gave it up, is ended.
        """

        async def hold(session: Session) -> Standing:
            seen = await self._look(session)
            if seen.mine or seen.epoch > epoch:
                return seen
            if await self._lock(session):
                return await self._look(session)
            if seen.session == self._former:
                await self._end(session, self._former)
            return seen

        seen = await self._on_session(hold)
        if seen.epoch > epoch:
            self.let_go()
        return seen

    async def end_session(self, server_process: int) -> Standing:
        """End the session of a holder that is frozen, if it still has the lock; tell who has it then."""

        async def end(session: Session) -> Standing:
            await self._end(session, server_process)
            return await self._look(session)

        return await self._on_session(end)

    def let_go(self) -> None:
        """Give the lock up with the connection; nothing is waited for."""
        if self._session is not None:
            self._session.cut()
            self._session = None

    # --- inside -----------------------------------------------------------------------------------------------------------

    async def _on_session(self, act: Callable[[Session], Awaitable[Standing]]) -> Standing:
        """Do something on our session, or on a new one if that is lost: a lost connection does not mean that the database is away."""
        try:
            async with asyncio.timeout(self._limit_s):
                if self._session is not None:
                    try:
                        return await act(self._session)
                    except (Unavailable, OutcomeUnknown):
                        self.let_go()
                self._session = await Session.open(self._dsn, application=f"hotline {self._name} {self.holder}")
                return await act(self._session)
        except TimeoutError as exc:
            self.let_go()
            raise Unavailable(f"database: no answer within {self._limit_s:g} s") from exc
        except BaseException:
            self.let_go()
            raise

    async def _look(self, session: Session) -> Standing:
        row = await session.fetchrow(_sql.look, self._name, *self._keys)
        assert row is not None
        mine = row["session"] == row["me"]
        if mine:
            self._former = row["me"]
        return Standing(mine=mine, epoch=row["epoch"], holder=row["holder"], session=row["session"])

    async def _lock(self, session: Session) -> bool:
        return bool(await session.fetchval(_sql.try_lock, *self._keys))

    async def _end(self, session: Session, server_process: int) -> None:
        await session.fetch(_sql.end_session, server_process, *self._keys, END_WAIT_MS)
