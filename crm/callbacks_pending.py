"""Reminds routers of callbacks that the journal holds and that seem not to be over.

A wish may be told in the moment in which no router lives, or its router may lose its memory. So what has been waiting for a while
without news is told again, as a signal: a router that knows it, or knows that it is over, does nothing. While the journal is behind (facts
of the last seconds are missing) nothing is told, because an end may be on its way.
"""

import asyncio

import structlog

from crm.fold.rows import moment
from crm.journal.writer import Outbox
from hotline.bus.base import Bus
from hotline.codec import decode_fact
from hotline.errors import HotlineError
from hotline.facts import CallbackPending, CallbackRequested
from hotline.runtime.clock import Clock
from hotline.store.pool import Store
from hotline.store.queries import load

EVERY_S = 60.0
QUIET_S = 60.0
"""A wish is told again when nothing was told of it for so long."""
LIMIT = 1000
"""So many at a time, those that wait longest first."""

_sql = load("crm.api", "callbacks.sql")

log = structlog.get_logger(__name__)


class PendingCallbacks:
    """`run` it in a task of its own; `spool` holds what waits for the journal."""

    def __init__(self, store: Store, bus: Bus, clock: Clock, spool: Outbox) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._spool = spool

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.look(self._clock.now())
            except HotlineError as exc:
                log.warning("pending callbacks cannot be looked for", error=str(exc))

    async def look(self, now: float) -> None:
        """Tell again what waits. Raises the store's errors."""
        if self._spool.peek(1):
            return
        records = await self._store.fetch(_sql.pending, moment(now - QUIET_S), LIMIT)
        for record in records:
            wish = decode_fact(record["type"], record["version"], record["body"])
            if isinstance(wish, CallbackRequested):
                self._bus.publish(CallbackPending(at=now, wish=wish, calls=record["calls"]))
