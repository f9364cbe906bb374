"""The journal writer: carries facts from the spool into PostgreSQL.

A fact leaves the spool only after its transaction is committed. While the database is away the writer waits, with growing
pauses, and the spool grows; nobody else notices. A fact that the database refuses goes to `journal_dead` with the reason, and the rest flows:
the batch is halved until the culprit is found. A refusal that says our SQL is wrong (not the fact) is not blamed on a
fact unless others of the same batch got through.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from crm.journal.ledger import Archived, Ledger
from hotline.codec import encode
from hotline.errors import HotlineError, Misuse, OutcomeUnknown, Rejected, Unavailable
from hotline.facts import Envelope
from hotline.runtime.clock import Clock
from hotline.store.pool import Store
from hotline.tally import Tally

BATCH_LIMIT = 500
"""Larger ones are hardly faster, and hold the event loop longer."""
GATHER_S = 0.05
"""So long facts wait for others, to share a commit: a batch costs about as much as ten facts, here and in PostgreSQL."""
PAUSE_FIRST_S, PAUSE_LONGEST_S = 0.1, 5.0
PREPARE_INTERVAL_S = 86_400.0
DRAIN_POLL_S = 0.02
TIME_RANGE = (0.0, 4_102_444_800.0)
"""Facts outside 1970 to 2099 are refused: each month makes a partition."""

log = structlog.get_logger(__name__)


class Outbox(Protocol):
    """What the writer needs of the spool."""

    def peek(self, limit: int) -> list[tuple[int, Envelope]]:
        """Return the oldest facts, with their numbers."""

    def remove(self, up_to: int) -> None:
        """Forget the facts up to this number."""

    async def wait(self) -> None:
        """Wait until there is a fact."""


def why_unfit(envelope: Envelope) -> str | None:
    """Return why the journal cannot take a fact, as far as it can be seen without asking the database."""
    first, last = TIME_RANGE
    if not first <= envelope.fact.at < last:  # also false for NaN
        return f"its time {envelope.fact.at!r} is outside 1970 to 2099"
    if not 0 <= envelope.seq < 1 << 63:
        return f"its number {envelope.seq} is out of range"
    return None


class JournalWriter:
    """Runs as one task: `run` never ends by itself."""

    def __init__(self, store: Store, spool: Outbox, clock: Clock, tally: Tally) -> None:
        self._ledger = Ledger(store, tally)
        self._spool = spool
        self._clock = clock
        self._tally = tally
        self._pause_s = 0.0
        self._prepare_at = 0.0

    async def run(self) -> None:
        """Carry facts until cancelled."""
        while True:
            if self._pause_s:
                await asyncio.sleep(self._pause_s)
            try:
                carried = await self._turn()
                self._pause_s = 0.0
                self._tally.level("database_up", 1)
                if carried < BATCH_LIMIT:  # there may be more by now, but few
                    await asyncio.sleep(GATHER_S)
            except (Unavailable, OutcomeUnknown, Misuse) as exc:
                if not self._pause_s:
                    log.warning("the journal cannot be written, facts wait in the spool", error=str(exc))
                self._pause_s = min(max(self._pause_s * 2, PAUSE_FIRST_S), PAUSE_LONGEST_S)
                self._tally.level("database_up", 0)
                self._tally.count("journal_failures", error=type(exc).__name__)

    async def drain(self, timeout_s: float) -> bool:
        """Wait until the spool is empty, for `timeout_s` at the most; return whether it is empty.

        `run` must be going on. What does not make it stays in the spool for the next start.
        """
        deadline = self._clock.now() + timeout_s
        while self._spool.peek(1):
            if self._clock.now() >= deadline:
                return False
            await asyncio.sleep(DRAIN_POLL_S)
        return True

    async def _turn(self) -> int:
        """Carry a batch, when there is one; return how many facts."""
        if self._clock.now() >= self._prepare_at:
            await self._ledger.prepare(self._clock.now())
            self._prepare_at = self._clock.now() + PREPARE_INTERVAL_S
        batch = self._spool.peek(BATCH_LIMIT)
        if not batch:
            await self._spool.wait()
            await asyncio.sleep(GATHER_S)
            batch = self._spool.peek(BATCH_LIMIT)
        if batch:
            await self.write([envelope for _, envelope in batch])
            self._spool.remove(batch[-1][0])
        return len(batch)

    async def write(self, envelopes: Sequence[Envelope]) -> None:
        """Bring facts into the journal, or into `journal_dead`. Raises Unavailable, OutcomeUnknown or Misuse; then repeat it."""
        unfit = {e.fact_id: reason for e in envelopes if (reason := why_unfit(e)) is not None}
        fit = [e for e in envelopes if e.fact_id not in unfit]
        refused = await self._append(fit)
        if refused and len(refused) == len(fit) and all(isinstance(e, Misuse) for _, e in refused):
            raise refused[0][1]
        for envelope in envelopes:
            if envelope.fact_id in unfit:
                await self._bury(envelope, unfit[envelope.fact_id])
        for envelope, error in refused:
            await self._bury(envelope, str(error))
        self._observe(fit)

    async def _append(self, envelopes: Sequence[Envelope]) -> list[tuple[Envelope, HotlineError]]:
        """Append what can be appended and return what was refused, each with the reason."""
        if not envelopes:
            return []
        try:
            await self._ledger.append(envelopes)
        except Archived as exc:
            late = [(e, Rejected("archived", exc.facts[e.fact_id])) for e in envelopes if e.fact_id in exc.facts]
            return [*late, *await self._append([e for e in envelopes if e.fact_id not in exc.facts])]
        except (Rejected, Misuse) as exc:
            if len(envelopes) == 1:
                return [(envelopes[0], exc)]
            half = len(envelopes) // 2
            return [*await self._append(envelopes[:half]), *await self._append(envelopes[half:])]
        return []

    async def _bury(self, envelope: Envelope, reason: str) -> None:
        log.error("a fact cannot go into the journal", fact_id=envelope.fact_id, fact=type(envelope.fact).__name__)
        self._tally.count("journal_dead")
        await self._ledger.bury(envelope, encode(envelope), reason)

    def _observe(self, envelopes: Sequence[Envelope]) -> None:
        """Tell how late the oldest fact of a batch came; facts that were concluded afterwards are old by nature."""
        seen = [e.fact.at for e in envelopes if not getattr(e.fact, "reconciled", False)]
        if seen:
            self._tally.observe("journal_lag_seconds", max(self._clock.now() - min(seen), 0.0))
