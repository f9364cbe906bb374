"""Make the projections anew from the journal, and tell what differed: the proof that they follow from it.

Works in small parts, each by itself, so that the hotline may go on meanwhile: calls by their time of arrival (their facts lie side by
side on the disk then), calls that have no row, agents. Folding costs more than fetching, so with a DSN the parts are shared out among
helper processes. A check (`write=False`) changes nothing. Calls and states whose facts were archived stay as they are.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence

import msgspec

from crm.rebuild.report import RebuildReport
from crm.rebuild.worker import STATEMENT_TIMEOUT_S, Answer, Part, Start, do_part
from hotline.errors import Unavailable
from hotline.ids import CallId
from hotline.store.pool import Store
from hotline.store.queries import load

CALLS_PER_PART = 500
ROWLESS_PER_QUERY = 50_000
"""Each of these queries looks at the whole journal."""
AGENTS_PER_PART = 10
HELPERS = 2
ALONE_BELOW = 20_000
"""With fewer facts than this, starting helpers takes longer than they save."""
LINE_LIMIT = 1 << 20

_sql = load("crm.rebuild", "rebuild.sql")

__all__ = ["RebuildReport", "rebuild"]


async def rebuild(store: Store, *, write: bool = True, dsn: str | None = None, helpers: int = HELPERS) -> RebuildReport:
    """Fold the whole journal, compare every row, and (with `write`) put right what differs.

    With `dsn` (that of `store`) as many helper processes do it; without one, this process. Raises the store's errors; what was put
    right until then stays, and the call may be repeated.
    """
    report = RebuildReport(facts=await store.fetchval(_sql.facts, timeout_s=STATEMENT_TIMEOUT_S))
    parts = _parts(store)
    if dsn is None or report.facts < ALONE_BELOW:
        async for part in parts:
            report.merge(await do_part(store, part, write=write))
        return report
    crew = _Crew(Start(dsn=dsn, write=write), parts, report)
    count = max(min(helpers, os.cpu_count() or 1), 1)
    await asyncio.gather(*(crew.drive() for _ in range(count)), return_exceptions=True)
    if crew.failure is not None:
        raise crew.failure
    return report


async def _parts(store: Store) -> AsyncIterator[Part]:
    """Yield the parts of a rebuild."""
    starts = [r["arrived_at"] for r in await store.fetch(_sql.starts, CALLS_PER_PART, timeout_s=STATEMENT_TIMEOUT_S)]
    for since, until in zip(starts, [*starts, None][1:], strict=True):
        yield Part(since=since, until=until)
    async for call_ids in _rowless(store):
        for first in range(0, len(call_ids), CALLS_PER_PART):
            yield Part(rowless=tuple(call_ids[first : first + CALLS_PER_PART]))
    agents = [r["agent_id"] for r in await store.fetch(_sql.agents, timeout_s=STATEMENT_TIMEOUT_S)]
    for first in range(0, len(agents), AGENTS_PER_PART):
        yield Part(agents=tuple(agents[first : first + AGENTS_PER_PART]))


async def _rowless(store: Store) -> AsyncIterator[Sequence[CallId]]:
    after = CallId("")
    while records := await store.fetch(_sql.rowless, after, ROWLESS_PER_QUERY, timeout_s=STATEMENT_TIMEOUT_S):
        yield [CallId(r["call_id"]) for r in records]
        after = records[-1]["call_id"]


# --- helpers -----------------------------------------------------------------------------------------------------------


class _Crew:
    """Helper processes that share out the parts of one rebuild."""

    def __init__(self, start: Start, parts: AsyncIterator[Part], report: RebuildReport) -> None:
        self._start = start
        self._parts = parts
        self._report = report
        self._turn = asyncio.Lock()
        self.failure: BaseException | None = None
        """What went wrong first; then nobody begins another part."""

    async def drive(self) -> None:
        """Run one helper: give it the next part whenever it has done one."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "crm.rebuild.worker", stdin=PIPE, stdout=PIPE, limit=LINE_LIMIT
        )
        assert process.stdin is not None
        try:
            _send(process.stdin, self._start)
            while (part := await self._next()) is not None:
                _send(process.stdin, part)
                self._report.merge(await _answer_of(process))
        except BaseException as exc:
            self.failure = self.failure or exc
            process.kill()
            raise
        finally:
            process.stdin.close()
            await process.wait()

    async def _next(self) -> Part | None:
        async with self._turn:  # the parts come from one query after another
            return await anext(self._parts, None) if self.failure is None else None


def _send(to: asyncio.StreamWriter, record: Start | Part) -> None:
    to.write(msgspec.json.encode(record) + b"\n")


async def _answer_of(process: Process) -> RebuildReport:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise Unavailable(f"a helper of the rebuild ended with status {await process.wait()}")
    answer = msgspec.json.decode(line, type=Answer)
    if answer.report is None:
        raise Unavailable(answer.error)
    return answer.report
