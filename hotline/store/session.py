"""A connection that is owned and not lent: for a lock that lives and dies with its session.

Its owner says when it is over: `cut` ends it at once without a word to the server, which may hang.
"""

import asyncpg

from hotline.store.pool import Connection, Row, driver_errors

_SETTINGS = {
    "timezone": "UTC",
    # The server notices within seconds that our machine is gone: what the session held is free then.
    "tcp_keepalives_idle": "3",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
    "idle_session_timeout": "0",
}


class Session(Connection):
    """An open session; made by `open`."""

    def __init__(self, raw: "asyncpg.Connection[Row]") -> None:
        super().__init__(raw, in_transaction=False)
        self._own = raw

    @classmethod
    async def open(cls, dsn: str, *, application: str) -> "Session":
        """Connect; operators see `application` in pg_stat_activity. The caller limits the time."""
        settings = {**_SETTINGS, "application_name": application[:63]}
        with driver_errors(may_be_done=False):
            return cls(await asyncpg.connect(dsn, server_settings=settings))

    def cut(self) -> None:
        """End the session; nothing is waited for."""
        self._own.terminate()
