"""Makes the rows of some calls anew from the journal, and tells what differed.

Looking costs nobody anything: facts and rows are read in one snapshot, and the ledger writes both in one transaction. Only calls whose
rows differ are made anew, while the writers of the journal wait.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Union

import msgspec
import structlog

from crm.fold.projections import fold_call
from crm.fold.rows import CallRow, CallRows, OfferRow, RecordingRow, Row, SegmentRow, VoicemailRow
from crm.journal.ledger import WRITER_LOCK, archive_of, read_calls
from crm.rebuild.report import Key, RebuildReport, compare
from hotline.codec import FACTS
from hotline.facts import Envelope, Fact
from hotline.ids import CallId, FactId
from hotline.store.pool import Connection, Store
from hotline.store.queries import load

TABLES: dict[str, type[Row]] = {
    "call": CallRow,
    "segment": SegmentRow,
    "offer": OfferRow,
    "recording": RecordingRow,
    "voicemail": VoicemailRow,
}
COLUMNS = {table: kind.__struct_fields__ for table, kind in TABLES.items()}
_PARTS = {"segment": "n", "offer": "offer_id", "recording": "recording_id", "voicemail": "message_id"}
"""What tells the rows of one call apart."""

_sql = load("crm.rebuild", "rebuild.sql")
_ROWS_OF_CALLS = {
    table: _sql.rows_of_calls.format(table=table, columns=", ".join(f"r.{c}" for c in columns))
    for table, columns in COLUMNS.items()
}
_PLACES = {
    table: (columns.index("call_id"), columns.index(_PARTS[table]) if table in _PARTS else None)
    for table, columns in COLUMNS.items()
}
_facts: msgspec.json.Decoder[list[tuple[FactId, int, Fact]]] = msgspec.json.Decoder(
    list[tuple[FactId, int, Union[tuple(FACTS.values())]]]  # type: ignore[misc] # noqa: UP007 - made of the table of types
)

log = structlog.get_logger(__name__)


async def rebuild_calls(
    store: Store, call_ids: Sequence[CallId], *, write: bool, differ: bool = False
) -> RebuildReport:
    """Compare the rows of some calls with what follows from the journal, and (with `write`) put right what differs.

    `differ`: they are known to; looking first would be in vain.
    """
    report = RebuildReport()
    if write and differ:
        await _put_right(store, call_ids, report)
        return report
    async with store.transaction() as connection:
        await connection.execute(_sql.snapshot)
        differing = await _look(connection, call_ids, report)
    if write and differing:
        await _put_right(store, list(differing), RebuildReport())
    return report


async def _put_right(store: Store, call_ids: Sequence[CallId], report: RebuildReport) -> None:
    async with store.transaction() as connection:
        await connection.execute(_sql.be_patient)
        await connection.execute(_sql.share, WRITER_LOCK)
        await _write(connection, await _look(connection, call_ids, report))


async def facts_of(connection: Connection, call_ids: Sequence[CallId]) -> dict[CallId, list[Envelope]]:
    """Return the facts of those calls that have some: what a fold needs of them, without source and number."""
    found: dict[CallId, list[Envelope]] = {}
    odd: list[CallId] = []
    for record in await connection.fetch(_sql.facts_of_calls, call_ids):
        if record["facts"] is not None:
            envelopes = _decoded(record["facts"])
            if envelopes is None:
                odd.append(record["call_id"])
            else:
                found[record["call_id"]] = envelopes
    found.update((c, list(known.values())) for c, known in (await read_calls(connection, odd)).items())
    return found


def _decoded(facts: str) -> list[Envelope] | None:
    """Return the facts of one call, or None when one of them is of another version or unknown and needs more care."""
    try:
        rows = _facts.decode(facts)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if any(version != fact.version for _, version, fact in rows):
        return None
    return [Envelope(fact_id=fact_id, source="", seq=0, fact=fact) for fact_id, _, fact in rows]


async def _archived(connection: Connection, factless: Sequence[CallId]) -> set[CallId]:
    """Return which calls without facts had theirs archived: those that arrived before the end of the last archived month."""
    horizon = (await archive_of(connection)).horizon if factless else None
    if horizon is None:
        return set()
    return {r["call_id"] for r in await connection.fetch(_sql.arrived_before, factless, horizon)}


async def _look(
    connection: Connection, call_ids: Sequence[CallId], report: RebuildReport
) -> dict[CallId, CallRows | None]:
    """Compare, and return the calls whose rows differ with what must be there (None: nothing)."""
    facts = await facts_of(connection, call_ids)
    archived = await _archived(connection, [c for c in call_ids if c not in facts])
    report.archived += len(archived)
    old = await _rows(connection, call_ids)
    differing: dict[CallId, CallRows | None] = {}
    for call_id in call_ids:
        if call_id in archived:
            continue
        folded = _folded(call_id, facts[call_id]) if call_id in facts else None
        if folded is None and call_id in facts:
            report.failed += 1
            continue
        new = _flat(folded) if folded is not None else {}
        report.calls += folded is not None
        report.rows += len(new)
        found = compare(old.get(call_id, {}), new, COLUMNS)
        if found:
            report.add(found)
            differing[call_id] = folded
    return differing


def _folded(call_id: CallId, facts: Sequence[Envelope]) -> CallRows | None:
    try:
        return fold_call(facts)
    except (ValueError, OverflowError):
        log.exception("a call cannot be folded", call_id=call_id)
        return None


async def _rows(connection: Connection, call_ids: Sequence[CallId]) -> dict[CallId, dict[Key, Any]]:
    """Return the rows that are there; a record of the database equals the tuple of its values."""
    found: dict[CallId, dict[Key, Any]] = {}
    for table, sql in _ROWS_OF_CALLS.items():
        call, part = _PLACES[table]
        for record in await connection.fetch(sql, call_ids):
            key = record[call] if part is None else f"{record[call]}/{record[part]}"
            found.setdefault(record[call], {})[table, key] = record
    return found


def _flat(rows: CallRows) -> dict[Key, tuple[Any, ...]]:
    """Return the rows of one call as values by table and key."""
    call_id = rows.call.call_id
    flat: dict[Key, tuple[Any, ...]] = {("call", call_id): msgspec.structs.astuple(rows.call)}
    flat.update({("segment", f"{call_id}/{s.n}"): msgspec.structs.astuple(s) for s in rows.segments})
    flat.update({("offer", f"{call_id}/{o.offer_id}"): msgspec.structs.astuple(o) for o in rows.offers})
    flat.update({("recording", f"{call_id}/{r.recording_id}"): msgspec.structs.astuple(r) for r in rows.recordings})
    flat.update({("voicemail", f"{call_id}/{v.message_id}"): msgspec.structs.astuple(v) for v in rows.voicemails})
    return flat


async def _write(connection: Connection, calls: Mapping[CallId, CallRows | None]) -> None:
    """Put the rows of some calls in the place of what is there."""
    for table in TABLES:
        await connection.execute(_sql.drop_rows.format(table=table), list(calls))
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in TABLES}
    for call in filter(None, calls.values()):
        for (table, _), values in _flat(call).items():
            rows[table].append(values)
    for table, records in rows.items():
        await connection.copy_records(table, columns=COLUMNS[table], records=records)
