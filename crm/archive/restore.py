"""The door that brings an archived month back into the journal.

One transaction: what fails, or is interrupted, changes nothing. The facts are loaded and indexed beside the journal, which is only
needed alone for the moment in which they become its partition. Facts of calls that reach beyond the month are left out where a
later month's file has all of them (`crm.archive.archiving`), so that again a call has either all of its facts in the journal or none.
"""

import asyncio
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import msgspec
import structlog

from crm.archive.archiving import LONG_S, drop_partition, make_rest, use_alone
from crm.archive.file import COLUMNS, Manifest, Paths, examine, read_manifest, unpacked
from crm.archive.plan import only_one, partitions
from crm.journal.ledger import WRITER_LOCK, Archived, Ledger
from crm.journal.months import begin_of, following, parse_month, partition_of, show_month
from hotline.codec import Undecodable, decode
from hotline.errors import Misuse, Rejected
from hotline.store.pool import Connection, Store
from hotline.store.pool import Row as Record
from hotline.store.queries import load
from hotline.tally import Tally

_sql = load("crm.archive", "archive.sql")
_journal_sql = load("crm.journal", "journal.sql")

log = structlog.get_logger(__name__)


class RestoredMonth(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    month: str
    facts: int
    """Facts of the file that are in the journal now."""
    elsewhere: int
    """Facts of the file that stay out: a later month's file has all facts of their calls."""
    late: int
    """Facts that had come while the month was away and were put aside; they are in the journal now."""
    file: str


async def restore(store: Store, file: Path) -> RestoredMonth:
    """Put the month of a file back into the journal, with the facts that came for it meanwhile.

    Raises Misuse (not a file of this database, a month that is there), Rejected("damaged"), Unavailable or OutcomeUnknown; then
    nothing was changed, or (OutcomeUnknown) all of it, and the call may be repeated.
    """
    paths = Paths.of_file(file)
    manifest = await asyncio.to_thread(read_manifest, paths.manifest)
    month = parse_month(manifest.month)
    if manifest.columns != COLUMNS:
        raise Misuse(f"{paths.manifest} describes other columns than this program knows; use the hotline that wrote it")
    seen = await asyncio.to_thread(examine, paths.csv)
    if (seen.sha256, seen.bytes) != (manifest.sha256, manifest.bytes):
        raise Rejected("damaged", f"{paths.csv} is damaged: it is not what its manifest describes")
    async with only_one(store):
        await _check_fit(store, month, manifest, paths.csv)
        facts = await _bring_in(store, month, manifest, paths.csv)
    return RestoredMonth(
        month=manifest.month,
        facts=facts,
        elsewhere=manifest.facts - facts,
        late=await take_in_late(store),
        file=str(paths.csv),
    )


async def _check_fit(store: Store, month: date, manifest: Manifest, file: Path) -> None:
    """Raise Misuse when this database does not lack the month, or wrote another file for it."""
    records = {r["month"]: r for r in await store.fetch(_sql.archived)}
    if month in records:
        if records[month]["sha256"] != manifest.sha256:
            raise Misuse(
                f"{file} is not what this database wrote for {manifest.month}; that was {records[month]['file']}"
            )
    elif month in await partitions(store) and not await _is_empty(store, month):
        raise Misuse(f"{manifest.month} is not archived: its facts are in the journal")


async def _is_empty(store: Store, month: date) -> bool:
    return bool(await store.fetchval(_sql.is_empty.format(partition=partition_of(month))))


async def _bring_in(store: Store, month: date, manifest: Manifest, file: Path) -> int:
    begin, end = begin_of(month), begin_of(following(month))
    names = {"partition": partition_of(month), "begin": begin, "end": end}
    async with store.transaction() as connection:
        await connection.execute(_sql.be_patient)
        await connection.execute(_sql.make_arrivals)
        await connection.copy_in("arrival", columns=COLUMNS, source=unpacked(file), timeout_s=LONG_S)
        await _compare(connection, manifest, file)
        left_out = await connection.execute(_sql.without_carried, manifest.carried, timeout_s=LONG_S)
        await connection.execute(_sql.make_staging.format(**names))
        await connection.execute(_sql.fill_staging.format(**names), begin, end, timeout_s=LONG_S)
        await connection.execute(_sql.lock, WRITER_LOCK)
        await use_alone(connection)
        await _make_way(connection, month)
        await connection.execute(_sql.put_in.format(**names))
        await connection.execute(_sql.forget, month)
        await _return_others(connection, await connection.fetch(_sql.other_months, begin, end))
        await connection.execute(_sql.return_others, begin, end, timeout_s=LONG_S)
    return manifest.facts - int(left_out.rpartition(" ")[2])


async def _compare(connection: Connection, manifest: Manifest, file: Path) -> None:
    """Raise Rejected when the rows are not those that the manifest describes."""
    found = await connection.fetchrow(_sql.arrivals, timeout_s=LONG_S)
    assert found is not None  # an aggregate always returns a row
    first, last = (at.isoformat() if at is not None else None for at in (found["first"], found["last"]))
    if (found["facts"], found["different"], first, last) != (
        manifest.facts,
        manifest.facts,
        manifest.first,
        manifest.last,
    ):
        raise Rejected(
            "damaged", f"{file} holds {found['facts']} facts from {first} to {last}; its manifest says otherwise"
        )


async def _make_way(connection: Connection, month: date) -> None:
    """Drop the partition that holds what stayed behind (or nothing yet); all of it is in the file."""
    name = partition_of(month)
    there = {r["name"] for r in await connection.fetch(_sql.partitions)}
    if name not in there:
        return
    lacking = await connection.fetchval(_sql.lacking.format(partition=name), timeout_s=LONG_S)
    if lacking:
        raise Rejected("damaged", f"the journal has {lacking} facts of {show_month(month)} that the file lacks")
    await drop_partition(connection, month)


async def _return_others(connection: Connection, others: Sequence[Record]) -> None:
    """Make the partitions for facts of earlier months that had left with this one."""
    there = {r["name"] for r in await connection.fetch(_sql.partitions)}
    archived = {r["month"] for r in await connection.fetch(_sql.archived)}
    for month in (r["month"] for r in others):
        if partition_of(month) in there:
            continue
        if month in archived:
            await make_rest(connection, month)
        else:
            await connection.execute(_journal_sql.partition, begin_of(month))


async def take_in_late(store: Store) -> int:
    """Take facts in that were put aside because their month or their call was archived, where that is no longer so."""
    ledger, taken, after = Ledger(store, Tally()), 0, 0
    while records := await store.fetch(_sql.late, after):
        for record in records:
            try:
                await ledger.append([decode(record["body"])])
            except (Archived, Undecodable) as exc:
                log.info("a fact stays aside", fact_id=record["fact_id"], reason=str(exc))
            else:
                await store.execute(_sql.exhume, record["id"])
                taken += 1
        after = records[-1]["id"]
    return taken
