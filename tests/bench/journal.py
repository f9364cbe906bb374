"""The way of facts: what keeping them costs, how fast and how late they are in the journal, how fast rows are made anew, how much they take.

On a private PostgreSQL that syncs to disk; facts are those of answered and recorded calls (`journal_facts.py`). Beside it, on the same
database and disk, the plain ways: a SQLite commit and an INSERT for each fact, the latter without any projection. The way through
RabbitMQ is measured by `bus`.
"""

import asyncio
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crm.journal.ledger import column_values
from crm.journal.writer import JournalWriter
from crm.rebuild.rebuilding import rebuild
from hotline.codec import encode
from hotline.facts import Envelope
from hotline.runtime.clock import SteadyClock, processor_seconds, stopwatch
from hotline.runtime.tasks import TaskGroup
from hotline.spool import Spool
from hotline.store.migrate import migrate
from hotline.store.pool import Store
from hotline.store.private import PrivatePostgres
from hotline.tally import Tally
from tests.bench.journal_facts import Turn, in_envelopes, retimed, traffic
from tests.bench.report import Report, Scale, median, milliseconds, percentile, say

START = 1_795_300_800.0
TIME_LIMIT_S = 100.0
KEEP_GOAL_S = 0.0002
"""Of processor time per call."""
RATE_GOAL, REBUILD_GOAL = 5_000, 50_000
LAG_GOAL_S = 0.2
LAG_RATE = 1_000
CHECKS, CHECKS_LIMIT_S = 3, 15.0
"""The best of a few: the machine is shared."""
_PLAIN = (
    "INSERT INTO journal (fact_id, at, call_id, agent_id, type, version, source, seq, body) "
    "VALUES ($1, to_timestamp($2), $3, NULL, $4, 1, 'plain', $5, $6::jsonb)"
)
_SIZES = """
SELECT sum(pg_table_size(inhrelid))::float8 AS tables, sum(pg_indexes_size(inhrelid))::float8 AS indexes
FROM pg_inherits WHERE inhparent = 'journal'::regclass
"""
_COLUMNS = ("fact_id", "at", "call_id", "agent_id", "type", "version", "source", "seq", "body")


async def run(scale: Scale) -> Report:
    """Measure every stretch of the way."""
    calls = list(traffic(scale.pick(2_000, 500), START))
    found: dict[str, Any] = {"calls": len(calls), "facts": sum(len(t) for c in calls for t in c)}
    say("journal: starting PostgreSQL")
    with tempfile.TemporaryDirectory(prefix="hotline-bench-") as directory:
        home = Path(directory)
        found |= await _keep(home, calls)
        found["sqlite_commit_s_per_fact"] = _commit_each(home, in_envelopes(iter(calls[:30])))
        server = await PrivatePostgres.start(home)
        try:
            found |= await _measure(home, server.dsn, found["facts"], scale)
        finally:
            await server.stop()
    rows, reached = _table(found)
    return Report(
        name="journal",
        title=f"{found['facts']:,} facts of {found['calls']:,} answered calls ({found['facts'] / found['calls']:.0f} each)",
        head=("what", "measured", "goal", ""),
        rows=rows,
        goal="those of the table",
        reached=reached,
        notes=[
            f"keep: each turn of the event loop that tells something is a transaction, {found['turns_per_call']:.0f} per call; fsync is on",
            f"rebuild: {found['rebuild_facts']:,} facts, two helper processes, their start included; of {CHECKS} the best",
        ],
        numbers=found,
    )


def _table(found: dict[str, Any]) -> tuple[list[tuple[str, ...]], bool]:
    goals: list[bool] = []

    def against(is_reached: bool) -> str:
        goals.append(is_reached)
        return "reached" if is_reached else "MISSED"

    f = found
    rows = [
        ("spool.keep: processor time per call", milliseconds(f["keep_processor_s_per_call"], 2),
         f"below {milliseconds(KEEP_GOAL_S)}", against(f["keep_processor_s_per_call"] < KEEP_GOAL_S)),
        ("  of it in keep itself, without the transactions", milliseconds(f["keep_itself_s_per_call"], 2), "", ""),
        ("  a SQLite commit for each fact, per call", milliseconds(f["sqlite_commit_s_per_fact"] * f["facts_per_call"], 2), "", ""),
        ("spool to journal with projections", f"{f['journal_facts_per_s']:,.0f} facts/s",
         f"{RATE_GOAL:,} facts/s", against(f["journal_facts_per_s"] >= RATE_GOAL)),
        ("  our processor time", f"{f['journal_processor_s_per_fact'] * 1e6:.0f} us/fact", "", ""),
        ("  an INSERT and commit for each fact, no projections", f"{f['plain_facts_per_s']:,.0f} facts/s", "", ""),
        (f"lag at {f['lag_rate']:,.0f} facts/s: p50", milliseconds(f["lag_p50_s"]), "", ""),
        ("  p99", milliseconds(f["lag_p99_s"]), f"below {milliseconds(LAG_GOAL_S, 0)}", against(f["lag_p99_s"] < LAG_GOAL_S)),
        ("rebuild, everything as it must be", f"{f['check_facts_per_s']:,.0f} facts/s",
         f"{REBUILD_GOAL:,} facts/s", against(f["check_facts_per_s"] >= REBUILD_GOAL)),
        ("rebuild from nothing", f"{f['rebuild_facts_per_s']:,.0f} facts/s", "", ""),
        ("journal per call: table", f"{f['table_bytes_per_call']:,.0f} bytes", "", ""),
        ("  indexes", f"{f['index_bytes_per_call']:,.0f} bytes", "", ""),
    ]  # fmt: skip
    return rows, all(goals)


# --- keeping -----------------------------------------------------------------------------------------------------------


def _open_spool(path: Path) -> Spool:
    return Spool.open(path, source="hotline@node1", max_facts=5_000_000, clock=SteadyClock(), tally=Tally())


async def _keep(home: Path, calls: Sequence[Sequence[Turn]]) -> dict[str, float]:
    """Keep the facts of calls, turn by turn of the event loop; leaves a full spool."""
    spool = _open_spool(home / "spool.db")
    itself, began = 0.0, processor_seconds()
    for call in calls:
        for turn in call:
            before = processor_seconds()
            spool.keep(turn)
            itself += processor_seconds() - before
            await asyncio.sleep(0)  # the turn ends: they are written
            await asyncio.sleep(0)
    assert spool.flush()
    spent = processor_seconds() - began
    spool.close()
    turns = sum(map(len, calls))
    asking, began = 0.0, processor_seconds()
    for _ in range(turns):  # what the measurement itself costs
        before = processor_seconds()
        asking += processor_seconds() - before
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    spent -= processor_seconds() - began
    itself -= asking
    return {
        "keep_processor_s_per_call": spent / len(calls),
        "keep_itself_s_per_call": itself / len(calls),
        "turns_per_call": turns / len(calls),
        "facts_per_call": sum(len(turn) for call in calls for turn in call) / len(calls),
    }


def _commit_each(home: Path, envelopes: Sequence[Envelope]) -> float:
    """Return processor seconds per fact of the plain way to keep a fact: encode, insert, commit (WAL, synced at checkpoints)."""
    database = sqlite3.connect(home / "plain.db", isolation_level=None)
    database.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; CREATE TABLE fact (n INTEGER PRIMARY KEY, body BLOB);"
    )
    began = processor_seconds()
    for envelope in envelopes:
        database.execute("INSERT INTO fact (body) VALUES (?)", (encode(envelope),))
    spent = processor_seconds() - began
    database.close()
    return spent / len(envelopes)


# --- to the journal ------------------------------------------------------------------------------------------------------


async def _measure(home: Path, dsn: str, facts: int, scale: Scale) -> dict[str, float]:
    store = await Store.open(dsn)
    try:
        await migrate(store)
        say(f"journal: {facts} facts")
        found = await _drain(home, store, facts)
        say("journal: lag")
        found |= await _lag(home, store, scale.pick(6, 2))
        found["plain_facts_per_s"] = await _insert_each(store, in_envelopes(traffic(scale.pick(60, 20), START)))
        await store.execute("CREATE DATABASE rebuild")
    finally:
        await store.close()
    say("journal: rebuild")
    return found | await _rebuild(dsn.replace("/hotline?", "/rebuild?"), scale.pick(12_000, 2_500))


async def _drain(home: Path, store: Store, facts: int) -> dict[str, float]:
    """Empty the spool that `_keep` filled."""
    spool, tasks = _open_spool(home / "spool.db"), TaskGroup("bench")
    assert spool.count == facts
    writer = JournalWriter(store, spool, SteadyClock(), Tally())
    watch, began = stopwatch(), processor_seconds()
    tasks.spawn(writer.run(), name="journal")
    emptied = await writer.drain(TIME_LIMIT_S)
    seconds, processor_s = watch(), processor_seconds() - began
    await tasks.close()
    spool.close()
    found = await store.fetchval("SELECT count(*) FROM journal")
    if not emptied or found != facts:
        raise RuntimeError(f"the journal has {found} of {facts} facts")
    calls = await store.fetchval("SELECT count(*) FROM call")
    sizes = await store.fetchrow(_SIZES)
    assert sizes is not None
    return {
        "journal_facts_per_s": facts / seconds,
        "journal_processor_s_per_fact": processor_s / facts,
        "table_bytes_per_call": sizes["tables"] / calls,
        "index_bytes_per_call": sizes["indexes"] / calls,
    }


class _Timed:
    """A spool that notes how old each fact is when the journal has it."""

    def __init__(self, spool: Spool, clock: SteadyClock) -> None:
        self._spool = spool
        self._clock = clock
        self._told_at: dict[int, float] = {}
        self.lags: list[float] = []

    def peek(self, limit: int) -> list[tuple[int, Envelope]]:
        found = self._spool.peek(limit)
        self._told_at.update((number, envelope.fact.at) for number, envelope in found)
        return found

    def remove(self, up_to: int) -> None:
        now = self._clock.now()
        self.lags += [now - self._told_at.pop(number) for number in [n for n in self._told_at if n <= up_to]]
        self._spool.remove(up_to)

    async def wait(self) -> None:
        await self._spool.wait()


async def _lag(home: Path, store: Store, seconds: int) -> dict[str, float]:
    """Tell facts at a steady rate, and return how old they are when they are in the journal."""
    clock, tasks = SteadyClock(), TaskGroup("bench")
    spool = _open_spool(home / "lag.db")
    timed = _Timed(spool, clock)
    writer = JournalWriter(store, timed, clock, Tally())
    tasks.spawn(writer.run(), name="journal")
    turns = [turn for call in traffic(seconds * LAG_RATE // 15, START + 1e6, seed=2) for turn in call]
    watch, told = stopwatch(), 0
    for turn in turns:
        if told >= seconds * LAG_RATE:
            break
        spool.keep(retimed(turn, clock.now()))
        told += len(turn)
        await asyncio.sleep(max(told / LAG_RATE - watch(), 0.0))
    rate = told / watch()
    if not await writer.drain(TIME_LIMIT_S):
        raise RuntimeError("the journal does not keep up")
    await tasks.close()
    spool.close()
    assert len(timed.lags) == told
    return {"lag_rate": rate, "lag_p50_s": median(timed.lags), "lag_p99_s": percentile(timed.lags, 99)}


async def _insert_each(store: Store, envelopes: Sequence[Envelope]) -> float:
    """Return facts per second of inserting and committing one fact after the other, without projections."""
    seconds = []
    for number, envelope in enumerate(envelopes):
        fact, body = envelope.fact, encode(envelope).decode()
        watch = stopwatch()
        await store.execute(
            _PLAIN, f"plain-{number:06d}", fact.at, getattr(fact, "call_id", None), type(fact).__name__, number, body
        )
        seconds.append(watch())
    return 1 / median(seconds)


# --- anew ----------------------------------------------------------------------------------------------------------------


async def _rebuild(dsn: str, calls: int) -> dict[str, float]:
    """Fill a journal without projections, make them, and prove that they are right."""
    envelopes = in_envelopes(traffic(calls, START))
    store = await Store.open(dsn, command_timeout_s=TIME_LIMIT_S)
    try:
        await migrate(store)
        await store.execute("SELECT journal_partition(to_timestamp($1))", START)
        async with store.transaction() as connection:
            await connection.copy_records("journal", columns=_COLUMNS, records=map(column_values, envelopes))
        await store.execute("ANALYZE journal")
        watch = stopwatch()
        made = await rebuild(store, dsn=dsn)
        made_s = watch()
        await store.execute("ANALYZE call; ANALYZE segment; ANALYZE offer; ANALYZE recording")
        checks: list[float] = []
        while len(checks) < CHECKS and sum(checks) < CHECKS_LIMIT_S:
            watch = stopwatch()
            checked = await rebuild(store, dsn=dsn, write=False)
            checks.append(watch())
    finally:
        await store.close()
    if made.calls != calls or checked.differing:
        raise RuntimeError(f"{made.calls} of {calls} calls were made, and {checked.differing} rows differ")
    return {
        "rebuild_facts": len(envelopes),
        "check_facts_per_s": len(envelopes) / min(checks),
        "rebuild_facts_per_s": len(envelopes) / made_s,
    }
