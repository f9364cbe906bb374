"""Parts of a rebuild, and the helper process that does one after the other: `python -m crm.rebuild.worker`, used by `crm.rebuild.rebuilding`.

It reads JSON lines from standard input: first a `Start`, then a `Part` each; for each part it prints a line with what it found. It
ends with its input, so it does not outlive who started it.
"""

import asyncio
import sys
from datetime import datetime

import msgspec

from crm.rebuild.agents import rebuild_agent
from crm.rebuild.calls import rebuild_calls
from crm.rebuild.report import RebuildReport
from hotline.errors import HotlineError
from hotline.ids import CallId
from hotline.runtime import logs
from hotline.store.pool import Store
from hotline.store.queries import load

STATEMENT_TIMEOUT_S = 600.0

_sql = load("crm.rebuild", "rebuild.sql")


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What a helper must know."""

    dsn: str
    write: bool


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One part of a rebuild: calls by their arrival, calls that have no row, or agents."""

    since: datetime | None = None
    until: datetime | None = None
    """None: for ever."""
    rowless: tuple[CallId, ...] = ()
    agents: tuple[str, ...] = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one part."""

    report: RebuildReport | None = None
    error: str = ""


async def do_part(store: Store, part: Part, *, write: bool) -> RebuildReport:
    """Do one part and return what it found."""
    report = RebuildReport()
    if part.since is not None:
        call_ids = [CallId(r["call_id"]) for r in await store.fetch(_sql.arrived, part.since, part.until)]
        report.merge(await rebuild_calls(store, call_ids, write=write))
    if part.rowless:
        report.merge(await rebuild_calls(store, part.rowless, write=write, differ=True))
    for agent_id in part.agents:
        report.merge(await rebuild_agent(store, agent_id, write=write))
    return report


async def _answer(store: Store, line: bytes, *, write: bool) -> Answer:
    try:
        return Answer(report=await do_part(store, msgspec.json.decode(line, type=Part), write=write))
    except HotlineError as exc:
        return Answer(error=str(exc))


def main() -> int:
    """Serve parts until the input ends."""
    logs.configure(json=False, level="warning", stream=sys.stderr)
    start = msgspec.json.decode(sys.stdin.buffer.readline(), type=Start)
    with asyncio.Runner() as runner:
        store = runner.run(Store.open(start.dsn, size=1, command_timeout_s=STATEMENT_TIMEOUT_S))
        for line in sys.stdin.buffer:
            answer = runner.run(_answer(store, line, write=start.write))
            sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
            sys.stdout.buffer.flush()
        runner.run(store.close())
    return 0


if __name__ == "__main__":
    sys.exit(main())
