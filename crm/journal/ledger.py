"""The door that adds facts to the journal and, in the same transaction, brings the projections up to date.

One writer at a time (an advisory lock of the transaction), so that two of them never fold half of a call each. The facts of
living calls are cached; the cache is believed only while it has as many facts of a call as the journal.

Facts of months that lie in files (`crm.archive.archiving`) are refused, and so are facts of calls whose other facts do: a call is folded from
all of its facts or not at all.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime

import msgspec
import structlog

from crm.fold.projections import agent_state_row, call_of, fold_call, latest_agents
from crm.fold.rows import AgentRow, AgentStateRow, CallRows, Row, moment
from crm.journal.months import begin_of, following, month_of, show_month
from hotline.codec import Undecodable, decode_fact, encode_fact
from hotline.errors import Rejected
from hotline.facts import Envelope
from hotline.ids import CallId, FactId
from hotline.store.pool import Connection, Store
from hotline.store.pool import Row as Record
from hotline.store.queries import load
from hotline.tally import Tally

WRITER_LOCK = 0x486F746C696E6532
CACHED_FACTS = 100_000
"""So many facts of living calls are kept in memory; calls beyond it are read back when they move."""
CALLS_PER_SLICE = 10
"""So many calls are folded before other tasks of the process get their turn."""

_sql = load("crm.journal", "journal.sql")

log = structlog.get_logger(__name__)


class Archived(Rejected):
    """Facts came for a month, or a call, that lies in a file. Nothing was written; the other facts of the batch may be."""

    def __init__(self, facts: Mapping[FactId, str]) -> None:
        super().__init__("archived", f"{len(facts)} fact(s) came for what is archived")
        self.facts = facts
        """Why each of them is refused."""


class Archive(msgspec.Struct, frozen=True):
    """Which months lie in files."""

    horizon: datetime | None
    """When the last of them ended; None: there is none."""
    months: frozenset[date]
    """Those of them that were asked about."""


class Cache:
    """Facts of the calls that moved last."""

    def __init__(self, limit: int = CACHED_FACTS) -> None:
        self._limit = limit
        self._calls: OrderedDict[CallId, dict[FactId, Envelope]] = OrderedDict()
        self._facts = 0

    def get(self, call_id: CallId) -> dict[FactId, Envelope]:
        """Return the cached facts of a call; empty when there are none."""
        return self._calls.get(call_id, {})

    def put(self, call_id: CallId, facts: dict[FactId, Envelope]) -> None:
        """Keep the facts of a call, and drop the calls that moved longest ago beyond the limit."""
        self._facts += len(facts) - len(self._calls.pop(call_id, {}))
        self._calls[call_id] = facts
        while self._facts > self._limit and len(self._calls) > 1:
            _, dropped = self._calls.popitem(last=False)
            self._facts -= len(dropped)


class Ledger:
    """Appends facts. Raises the store's errors; after any of them nothing was written, or the same call may be repeated."""

    def __init__(self, store: Store, tally: Tally, cache: Cache | None = None) -> None:
        self._store = store
        self._tally = tally
        self._cache = cache or Cache()
        self._months: set[date] = set()

    async def prepare(self, now: float) -> None:
        """Make the partitions of this month and the next two."""
        months = {month_of(moment(now + days * 86_400.0)) for days in (0, 31, 62)}
        async with self._store.transaction() as connection:
            await connection.execute(_sql.lock, WRITER_LOCK)
            archive = await archive_of(connection, months)  # only a clock that went back by months finds one here
            for month in sorted(months - archive.months):
                await connection.execute(_sql.partition, begin_of(month))

    async def append(self, envelopes: Sequence[Envelope]) -> int:
        """Add facts, skip those that are there already, update the projections; return how many were new.

        Raises Archived when some came for what lies in a file, and the store's errors.
        """
        async with self._store.transaction() as connection:
            await connection.execute(_sql.lock, WRITER_LOCK)
            archive = await archive_of(connection, {month_of(moment(e.fact.at)) for e in envelopes})
            envelopes = await _living(connection, envelopes, archive)
            months = await self._make_partitions(connection, envelopes)
            rows = await connection.fetch(_sql.append, *_columns(envelopes)) if envelopes else []
            added = {row["fact_id"] for row in rows}
            new = {e.fact_id: e for e in envelopes if e.fact_id in added}
            facts = await self._facts_of_touched(connection, new.values())
            await _refuse_halves(connection, facts, added, archive)
            await project(connection, facts, new.values(), self._tally)
        self._months |= months
        for call_id, known in facts.items():
            self._cache.put(call_id, known)
        return len(new)

    async def _make_partitions(self, connection: Connection, envelopes: Sequence[Envelope]) -> set[date]:
        """Make the partitions that are missing, and return the months of the facts."""
        months = {month_of(moment(e.fact.at)) for e in envelopes}
        for month in sorted(months - self._months):
            await connection.execute(_sql.partition, begin_of(month))
        return months

    async def bury(self, envelope: Envelope, encoded: bytes, reason: str) -> None:
        """Put a fact aside that the journal cannot take."""
        kind = type(envelope.fact).__name__
        fact_id, source = (text.replace("\0", "?") for text in (envelope.fact_id, envelope.source))
        await self._store.execute(_sql.bury, fact_id, kind, source, envelope.seq, encoded, reason.replace("\0", "?"))

    async def _facts_of_touched(
        self, connection: Connection, new: Iterable[Envelope]
    ) -> dict[CallId, dict[FactId, Envelope]]:
        """Return all facts of the calls that the new facts are about."""
        facts: dict[CallId, dict[FactId, Envelope]] = {}
        for envelope in new:
            call_id = call_of(envelope)
            if call_id is not None:
                facts.setdefault(call_id, dict(self._cache.get(call_id)))[envelope.fact_id] = envelope
        counts = {r["call_id"]: r["facts"] for r in await connection.fetch(_sql.counts, list(facts))}
        incomplete = [call_id for call_id, known in facts.items() if len(known) != counts.get(call_id)]
        return facts | await read_calls(connection, incomplete)


# --- what lies in files ------------------------------------------------------------------------------------------------


async def archive_of(connection: Connection, months: Iterable[date] = ()) -> Archive:
    """Return which of these months lie in files, and when the last one of all that do ended."""
    record = await connection.fetchrow(_sql.archive, sorted(months))
    if record is None or record["newest"] is None:
        return Archive(None, frozenset())
    return Archive(begin_of(following(record["newest"])), frozenset(record["hit"] or ()))


async def _living(connection: Connection, envelopes: Sequence[Envelope], archive: Archive) -> Sequence[Envelope]:
    """Return the facts of months that are not archived; the others are repeats of what stayed behind, or Archived is raised."""
    late = {e.fact_id: e for e in envelopes if month_of(moment(e.fact.at)) in archive.months}
    if not late:
        return envelopes
    known = {r["fact_id"] for r in await connection.fetch(_sql.known, list(late))}
    refused = {
        fact_id: f"archived: {show_month(month_of(moment(e.fact.at)))} lies in a file; `hotline journal restore` takes both in"
        for fact_id, e in late.items()
        if fact_id not in known
    }
    if refused:
        raise Archived(refused)
    return [e for e in envelopes if e.fact_id not in late]


async def _refuse_halves(
    connection: Connection, facts: Mapping[CallId, Mapping[FactId, Envelope]], added: AbstractSet[str], archive: Archive
) -> None:
    """Raise Archived for facts of calls that have a row, but whose other facts are gone."""
    if archive.horizon is None:
        return
    lone = [call_id for call_id, known in facts.items() if known.keys() <= added]
    halves = [r["call_id"] for r in await connection.fetch(_sql.arrived_before, lone, archive.horizon)] if lone else []
    if halves:
        raise Archived(
            {
                fact_id: f"archived: the other facts of call {call_id} lie in a file; `hotline journal restore` takes all in"
                for call_id in halves
                for fact_id in facts[call_id]
            }
        )


def column_values(envelope: Envelope) -> tuple[object, ...]:
    """Return a fact as a row of the journal."""
    fact = envelope.fact
    return (
        envelope.fact_id,
        moment(fact.at),
        call_of(envelope),
        getattr(fact, "agent_id", None),
        type(fact).__name__,
        fact.version,
        envelope.source,
        envelope.seq,
        encode_fact(fact).decode(),
    )


def _columns(envelopes: Sequence[Envelope]) -> list[list[object]]:
    return [list(column) for column in zip(*map(column_values, envelopes), strict=True)]


# --- reading back ------------------------------------------------------------------------------------------------------


async def read_calls(connection: Connection, call_ids: Sequence[CallId]) -> dict[CallId, dict[FactId, Envelope]]:
    """Return all facts of some calls from the journal."""
    facts: dict[CallId, dict[FactId, Envelope]] = defaultdict(dict)
    for row in await connection.fetch(_sql.of_calls, call_ids) if call_ids else []:
        envelope = envelope_of(row)
        if envelope is not None:
            facts[CallId(row["call_id"])][envelope.fact_id] = envelope
    return facts


async def read_call(store: Store, call_id: CallId) -> list[Envelope]:
    """Return the facts of one call in order. Raises Rejected("not_found") when there is none, or they lie in a file."""
    rows = await store.fetch(_sql.of_call, call_id)
    if not rows and await store.fetchval(_sql.has_row, call_id):
        raise Rejected(
            "not_found", f"the facts of call {call_id} are archived; `hotline journal restore` brings them back"
        )
    if not rows:
        raise Rejected("not_found", f"there is no call {call_id}")
    return [e for e in map(envelope_of, rows) if e is not None]


def envelope_of(row: Record) -> Envelope | None:
    """Return the fact of a row of the journal, or None (and a line in the log) for one that only a newer program knows."""
    try:
        fact = decode_fact(row["type"], row["version"], row["body"])
    except Undecodable as exc:
        log.warning("a fact of the journal is unreadable", fact_id=row["fact_id"], reason=exc.reason)
        return None
    return Envelope(fact_id=FactId(row["fact_id"]), source=row["source"], seq=row["seq"], fact=fact)


# --- projecting --------------------------------------------------------------------------------------------------------


async def project(
    connection: Connection,
    calls: Mapping[CallId, Mapping[FactId, Envelope]],
    others: Iterable[Envelope],
    tally: Tally,
) -> list[CallRows]:
    """Write the rows that follow from all facts of some calls, and from facts about agents; return those of the calls."""
    folded: list[CallRows] = []
    for n, (call_id, facts) in enumerate(calls.items()):
        if n % CALLS_PER_SLICE == CALLS_PER_SLICE - 1:
            await asyncio.sleep(0)
        try:
            folded.append(fold_call(list(facts.values())))
        except (ValueError, OverflowError):
            # The facts are safe in the journal, and one odd call must not stop the others.
            tally.count("journal_fold_failures")
            log.exception("a call cannot be folded", call_id=call_id)
    if folded:
        await _put_calls(connection, folded)
    others = list(others)
    await put_agents(connection, list(latest_agents(others).values()))
    await put_agent_states(connection, [r for r in map(agent_state_row, others) if r is not None])
    return folded


async def _put_calls(connection: Connection, folded: Sequence[CallRows]) -> None:
    await _put(connection, _sql.put_calls, [f.call for f in folded])
    lengths = [len(f.segments) for f in folded]
    await connection.execute(_sql.drop_segments, [f.call.call_id for f in folded], lengths)
    await _put(connection, _sql.put_segments, [s for f in folded for s in f.segments])
    await _put(connection, _sql.put_offers, [o for f in folded for o in f.offers])
    await _put(connection, _sql.put_recordings, [r for f in folded for r in f.recordings])
    await _put(connection, _sql.put_voicemails, [v for f in folded for v in f.voicemails])


async def put_agents(connection: Connection, rows: Sequence[AgentRow]) -> None:
    """Write agents, each once, unless something later is known."""
    await _put(connection, _sql.put_agents, rows)


async def put_agent_states(connection: Connection, rows: Sequence[AgentStateRow]) -> None:
    """Write changes of agents' states that are not there yet."""
    await _put(connection, _sql.put_agent_states, rows)


async def _put(connection: Connection, sql: str, rows: Sequence[Row]) -> None:
    if rows:
        await connection.execute(sql, msgspec.json.encode(rows).decode())
