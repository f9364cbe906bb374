"""Facts per second from the spool into the journal with all projections, on a private PostgreSQL that syncs to disk.

Beside it, on the same database and disk: the plain way, a transaction for each fact into the same journal table without
any projection. And what `Spool.keep` costs for each fact, beside a SQLite commit for each fact.
"""

import asyncio
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path

from crm.journal import JournalWriter
from hotline.codec import encode
from hotline.facts import Envelope, Fact
from hotline.runtime.clock import SteadyClock, processor_seconds, stopwatch
from hotline.runtime.tasks import TaskGroup
from hotline.spool import Spool
from hotline.store.migrate import migrate
from hotline.store.pool import Store
from hotline.store.private import PrivatePostgres
from hotline.tally import Tally
from tests.bench.report import Report, Scale, median, say
from tests.support.envelopes import many_calls

TURN = 20
"""Facts told in one turn of the event loop."""
TIME_LIMIT_S = 120.0
_PLAIN = (
    "INSERT INTO journal (fact_id, at, call_id, agent_id, type, version, source, seq, body) "
    "VALUES ($1, to_timestamp($2), $3, NULL, $4, 1, 'plain', $5, $6::jsonb)"
)


async def run(scale: Scale) -> Report:
    """Fill a spool, let the journal writer empty it, and compare with the plain ways."""
    facts = many_calls(scale.pick(1500, 400))
    plain_facts = scale.pick(1000, 300)
    say("journal: starting PostgreSQL")
    with tempfile.TemporaryDirectory(prefix="hotline-bench-") as home:
        keep_s, keep_cpu_s = await _keep(Path(home), facts)
        commit_s = _commit_each(Path(home), facts[:plain_facts])
        server = await PrivatePostgres.start(Path(home))
        try:
            store = await Store.open(server.dsn)
            try:
                await migrate(store)
                say(f"journal: {len(facts)} facts")
                written, cpu_s = await _journal(Path(home), store, facts)
                plain = await _insert_each(store, facts[:plain_facts])
            finally:
                await store.close()
        finally:
            await server.stop()
    return Report(
        name="journal",
        title=f"{len(facts)} facts of {facts_calls(facts)} calls into the journal and its projections",
        head=("way", "facts/s", "our processor time per fact", "ratio"),
        rows=[
            ("spool.keep, written to disk", f"{1 / keep_s:,.0f}", f"{keep_cpu_s * 1e6:.0f} us", f"{commit_s / keep_s:.1f} x"),
            ("a SQLite commit for each fact", f"{1 / commit_s:,.0f}", "", "1.0 x"),
            ("spool to journal with projections", f"{written:,.0f}", f"{cpu_s * 1e6:.0f} us", f"{written / plain:.1f} x"),
            ("an INSERT and commit for each fact, no projections", f"{plain:,.0f}", "", "1.0 x"),
        ],
        notes=[f"keep: {TURN} facts in each turn of the event loop, their transaction included; fsync is on"],
        numbers={
            "keep_s_per_fact": keep_s, "keep_processor_s_per_fact": keep_cpu_s, "sqlite_commit_s_per_fact": commit_s,
            "journal_facts_per_s": written, "journal_processor_s_per_fact": cpu_s, "plain_facts_per_s": plain,
            "ratio": written / plain, "keep_ratio": commit_s / keep_s,
        },
    )  # fmt: skip


def facts_calls(facts: Sequence[Fact]) -> int:
    """Return how many calls the facts are about."""
    return len({getattr(fact, "call_id", None) for fact in facts})


def _open_spool(path: Path) -> Spool:
    return Spool.open(path, source="bench", max_facts=5_000_000, clock=SteadyClock(), tally=Tally())


async def _keep(home: Path, facts: Sequence[Fact]) -> tuple[float, float]:
    """Return seconds and processor seconds per fact of keeping facts, turn by turn."""
    spool = _open_spool(home / "spool.db")
    watch, began = stopwatch(), processor_seconds()
    for at in range(0, len(facts), TURN):
        spool.keep(facts[at : at + TURN])
        await asyncio.sleep(0)  # the turn ends: they are written
        await asyncio.sleep(0)
    assert spool.flush()
    spent = watch() / len(facts), (processor_seconds() - began) / len(facts)
    spool.close()
    return spent


def _commit_each(home: Path, facts: Sequence[Fact]) -> float:
    """Return seconds per fact of the plain way to keep a fact: encode, insert, commit (WAL, synced at checkpoints)."""
    seconds = []
    database = sqlite3.connect(home / "plain.db", isolation_level=None)
    database.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; CREATE TABLE fact (n INTEGER PRIMARY KEY, body BLOB);"
    )
    for number, fact in enumerate(facts):
        watch = stopwatch()
        body = encode(Envelope(fact_id=f"f{number}", source="plain", seq=number, fact=fact))  # type: ignore[arg-type]
        database.execute("INSERT INTO fact (body) VALUES (?)", (body,))
        seconds.append(watch())
    database.close()
    return sum(seconds) / len(seconds)


async def _journal(home: Path, store: Store, facts: Sequence[Fact]) -> tuple[float, float]:
    """Return facts per second and our processor time per fact of emptying the spool that `_keep` filled."""
    spool = _open_spool(home / "spool.db")
    assert spool.count == len(facts)
    tasks = TaskGroup("bench")
    writer = JournalWriter(store, spool, SteadyClock(), Tally())
    watch, began = stopwatch(), processor_seconds()
    tasks.spawn(writer.run(), name="journal")
    emptied = await writer.drain(TIME_LIMIT_S)
    seconds, processor_s = watch(), processor_seconds() - began
    await tasks.close()
    spool.close()
    found = await store.fetchval("SELECT count(*) FROM journal")
    if not emptied or found != len(facts):
        raise RuntimeError(f"the journal has {found} of {len(facts)} facts")
    return len(facts) / seconds, processor_s / len(facts)


async def _insert_each(store: Store, facts: Sequence[Fact]) -> float:
    """Return facts per second of inserting and committing one fact after the other, without projections."""
    seconds = []
    for number, fact in enumerate(facts):
        body = encode(Envelope(fact_id="", source="plain", seq=number, fact=fact)).decode()  # type: ignore[arg-type]
        watch = stopwatch()
        await store.execute(
            _PLAIN, f"plain-{number:06d}", fact.at, getattr(fact, "call_id", None), type(fact).__name__, number, body
        )
        seconds.append(watch())
    return 1 / median(seconds)
