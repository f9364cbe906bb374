"""The door that carries whole months of the journal into files, and takes them out of the database.

A call has either all of its facts in the journal or none: the facts of calls that reach into a month that stays, that are open,
or that moved lately, stay behind in a small partition of the archived month. They leave with the month in which their call is over,
whose file holds them once more. So a fold never sees half a call, and no file is needed to understand another.

Each month: export from one snapshot, carry to disk, read back; then in one transaction, as the only writer, see that nothing came
since, and drop the partition. An interruption before the commit leaves the journal as it was and `.part` files that the next run
writes over; after it, complete `.part` files that the next run gives their names.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import msgspec

from crm.archive.file import Manifest, Paths, Seen, Writer, examine, publish, refuse_existing, write_manifest
from crm.archive.plan import Shape, finish_interrupted, only_one, partitions, wanted, with_what_is_left
from crm.fold.rows import moment
from crm.journal.ledger import WRITER_LOCK
from crm.journal.months import begin_of, following, parse_month, partition_of, show_month
from hotline import __version__
from hotline.errors import HotlineError, OutcomeUnknown, Rejected, Unavailable
from hotline.ids import CallId
from hotline.store.pool import Connection, Store
from hotline.store.pool import Row as Record
from hotline.store.queries import load

STAY_DAYS = 3
"""Calls that moved this lately stay: more facts of them may be on their way (a recording that waits for a full disk)."""
LONG_S = 86_400.0
"""A statement that reads a whole month may take so long."""
WRITE_BYTES = 1 << 18
"""So much is gathered before a thread compresses it."""

_sql = load("crm.archive", "archive.sql")

Tell = Callable[[str, int, int], None]
"""Told how far it is: what is done, how many of how many facts."""


class ArchivedMonth(msgspec.Struct, frozen=True, kw_only=True):
    """What became, or would become, of one month."""

    month: str
    facts: int
    """In the file."""
    stay: int
    """How many calls of it stay in the journal."""
    bytes: int
    """Of the file; before it is written, of the partition with its indexes."""
    file: str
    sha256: str = ""
    """Empty: nothing was written."""


class _Export(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot showed and where it was written."""

    facts: int
    content: tuple[int, str]
    """Of the partition: how many facts, and a hash of their ids."""
    over: list[CallId]
    """Calls of earlier months whose facts were written too."""
    first: str | None
    last: str | None
    seen: Seen


async def archive(
    store: Store, before: str, directory: Path, *, now: float, dry_run: bool = False, tell: Tell = lambda *_: None
) -> list[ArchivedMonth]:
    """Archive every month before `before` (such as `2026-01`) into `directory`, the oldest first.

    Raises Misuse (a wrong month, a file in the way), Rejected("damaged" or "rowless"), Unavailable (disk, database,
    somebody at the same work) or OutcomeUnknown; each month is then either archived or untouched, and the call may be repeated.
    """
    async with only_one(store):
        await finish_interrupted(store)
        shapes = await wanted(store, parse_month(before), now)
        for shape in shapes:
            refuse_existing(Paths.of_month(directory, shape.month))
        if dry_run:
            return [await _preview(store, shape, directory, now) for shape in shapes]
        return [await _archive_month(store, shape, directory, now, tell) for shape in shapes]


async def _preview(store: Store, shape: Shape, directory: Path, now: float) -> ArchivedMonth:
    async with store.transaction() as connection:
        await connection.execute(_sql.be_patient)
        await _choose(connection, shape, now)
        over, span = await _extent(connection, shape, _sql.over_planned)
        stay = await connection.fetch(shape.sql(_sql.carried), over)
    return ArchivedMonth(
        month=show_month(shape.month),
        facts=span["facts"],
        stay=len(stay),
        bytes=(await partitions(store))[shape.month],
        file=str(Paths.of_month(directory, shape.month).csv),
    )


async def _archive_month(store: Store, shape: Shape, directory: Path, now: float, tell: Tell) -> ArchivedMonth:
    paths = Paths.of_month(directory, shape.month)
    shape = await with_what_is_left(store, shape)
    writer = await asyncio.to_thread(Writer.open, paths.parts().csv)
    try:
        export = await _export(store, shape, paths.parts().csv, writer, now, tell)
    except BaseException:
        writer.discard()
        raise
    try:
        manifest = await _drop(store, shape, paths, export, now)
    except OutcomeUnknown as exc:
        raise OutcomeUnknown(
            f"whether {show_month(shape.month)} was archived is not known ({exc}); nothing is lost, run this again"
        ) from exc
    except HotlineError:
        writer.discard()
        paths.parts().manifest.unlink(missing_ok=True)
        raise
    finally:
        writer.close()  # after any other end, such as a cancelled commit, the files must stay
    await asyncio.to_thread(publish, paths)
    return ArchivedMonth(
        month=manifest.month,
        facts=manifest.facts,
        stay=len(manifest.carried),
        bytes=manifest.bytes,
        file=str(paths.csv),
        sha256=manifest.sha256,
    )


# --- onto the disk -----------------------------------------------------------------------------------------------------


async def _choose(connection: Connection, shape: Shape, now: float) -> None:
    """Make the table of calls that stay."""
    await connection.execute(_sql.make_kept)
    await connection.execute(shape.sql(_sql.fill_kept), moment(now - STAY_DAYS * 86_400.0), timeout_s=LONG_S)


async def _extent(connection: Connection, shape: Shape, which: str) -> tuple[list[CallId], Record]:
    """Return the calls of earlier months that leave too, and how many facts go into the file, the first, the last."""
    over = [CallId(r["call_id"]) for r in await connection.fetch(shape.sql(which), timeout_s=LONG_S)]
    span = await connection.fetchrow(shape.sql(_sql.span), over, timeout_s=LONG_S)
    assert span is not None  # an aggregate always returns a row
    return over, span


async def _export(store: Store, shape: Shape, path: Path, writer: Writer, now: float, tell: Tell) -> _Export:
    async with store.transaction() as connection:
        await connection.execute(_sql.snapshot)
        await connection.execute(_sql.be_patient)
        await _choose(connection, shape, now)
        await _refuse_rowless(connection, shape)
        content = await _content(connection, shape)
        over, span = await _extent(connection, shape, _sql.over)
        sink = _Sink(writer, lambda done: tell(f"{show_month(shape.month)}: writing", done, span["facts"]))
        facts = await connection.copy_out(shape.sql(_sql.rows), sink.take, timeout_s=LONG_S)
        await sink.flush()
    written = await asyncio.to_thread(writer.finish)
    tell(f"{show_month(shape.month)}: reading back", facts, facts)
    seen = await asyncio.to_thread(examine, path)
    if seen.content_sha256 != written or facts != span["facts"]:
        raise Rejected("damaged", f"{path} does not hold what was written into it; is the disk sound?")
    first, last = (at.isoformat() if at is not None else None for at in (span["first"], span["last"]))
    return _Export(facts=facts, content=content, over=over, first=first, last=last, seen=seen)


async def _refuse_rowless(connection: Connection, shape: Shape) -> None:
    """Raise Rejected when a call would leave that the projections do not know: nobody could make its rows later."""
    record = await connection.fetchrow(shape.sql(_sql.rowless), timeout_s=LONG_S)
    if record is not None and record["calls"]:
        raise Rejected(
            "rowless",
            f"{record['calls']} call(s) of {show_month(shape.month)} have no row, such as {record['example']};"
            " run `hotline journal rebuild` first",
        )


async def _content(connection: Connection, shape: Shape) -> tuple[int, str]:
    record = await connection.fetchrow(shape.sql(_sql.content), timeout_s=LONG_S)
    assert record is not None  # an aggregate always returns a row
    return record["facts"], record["hash"]


class _Sink:
    """Gathers what the database sends, and has it compressed and written in a thread."""

    def __init__(self, writer: Writer, tell: Callable[[int], None]) -> None:
        self._writer = writer
        self._tell = tell
        self._gathered = bytearray()
        self._lines = 0

    async def take(self, data: bytes) -> None:
        """Take a part."""
        self._gathered += data
        self._lines += data.count(b"\n")
        if len(self._gathered) >= WRITE_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Write what was gathered."""
        data, self._gathered = bytes(self._gathered), bytearray()
        await asyncio.to_thread(self._writer.write, data)
        self._tell(max(self._lines - 1, 0))


# --- out of the database -----------------------------------------------------------------------------------------------


async def _drop(store: Store, shape: Shape, paths: Paths, export: _Export, now: float) -> Manifest:
    """Take the month out of the database, in one transaction, unless something came since the export."""
    async with store.transaction() as connection:
        await connection.execute(_sql.be_patient)
        await connection.execute(_sql.lock, WRITER_LOCK)
        if await _content(connection, shape) != export.content:
            raise Unavailable(f"facts of {show_month(shape.month)} came in while it was written; run this again")
        await _choose(connection, shape, now)
        carried = [CallId(r["call_id"]) for r in await connection.fetch(shape.sql(_sql.carried), export.over)]
        manifest = _manifest(shape, paths, export, carried, now)
        await connection.execute(
            _sql.record, shape.month, str(paths.csv), manifest.sha256, manifest.facts, manifest.program
        )
        await connection.execute(shape.sql(_sql.record_runs), shape.month, export.over, timeout_s=LONG_S)
        await use_alone(connection)
        await _take_out(connection, shape, export.over, keep=bool(carried))
        await asyncio.to_thread(write_manifest, paths.parts().manifest, manifest)
    return manifest


async def use_alone(connection: Connection) -> None:
    """Keep everybody else from the journal, for the moment that partitions change."""
    try:
        await connection.execute(_sql.alone)
    except Unavailable as exc:
        raise Unavailable(f"the journal is in use, by a report or a backup perhaps; try again ({exc})") from exc


async def _take_out(connection: Connection, shape: Shape, over: Sequence[CallId], *, keep: bool) -> None:
    """Drop the partition but for the facts of calls that stay, and what earlier months left behind for calls that are over."""
    for month in shape.rest if over else ():
        await connection.execute(_sql.drop_rest.format(partition=partition_of(month)), over)
        if await connection.fetchval(_sql.is_empty.format(partition=partition_of(month))):
            await drop_partition(connection, month)
    await connection.execute(shape.sql(_sql.take_out))
    if keep:
        await make_rest(connection, shape.month)
        await connection.execute(shape.sql(_sql.keep_rest), timeout_s=LONG_S)
    await connection.execute(shape.sql(_sql.drop_leaving))


async def drop_partition(connection: Connection, month: date) -> None:
    """Take a partition out of the journal and drop it."""
    await connection.execute(_sql.take_out.format(partition=partition_of(month)))
    await connection.execute(_sql.drop_leaving.format(partition=partition_of(month)))


async def make_rest(connection: Connection, month: date) -> None:
    """Make the partition of an archived month for facts that stay."""
    begin, end = begin_of(month), begin_of(following(month))
    await connection.execute(_sql.make_rest.format(partition=partition_of(month), begin=begin, end=end))


def _manifest(shape: Shape, paths: Paths, export: _Export, carried: list[CallId], now: float) -> Manifest:
    return Manifest(
        month=show_month(shape.month),
        file=paths.csv.name,
        facts=export.facts,
        bytes=export.seen.bytes,
        sha256=export.seen.sha256,
        first=export.first,
        last=export.last,
        carried=carried,
        program=__version__,
        written_at=moment(now).isoformat(timespec="seconds"),
    )
