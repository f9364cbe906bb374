"""Which months of the journal can be archived, and which partitions that concerns; and the bookkeeping of an interrupted run."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path

import msgspec

from crm.archive.file import Paths, disk_errors, examine, publish
from crm.fold.rows import moment
from crm.journal.months import begin_of, following, month_of, month_of_partition, partition_of, show_month
from hotline.errors import Misuse, Unavailable
from hotline.store.pool import Store
from hotline.store.queries import load

ARCHIVE_LOCK = 0x486F746C696E6533
SETTLE_DAYS = 1
"""So long after its end a month is left alone: its last facts may still wait in a spool."""

_sql = load("crm.archive", "archive.sql")


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """The partitions as they concern one month: itself, those that hold what stayed behind, those that stay."""

    month: date
    rest: tuple[date, ...]
    stay: tuple[date, ...]

    def sql(self, text: str) -> str:
        """Put the partitions' names into a query."""
        return text.format(
            partition=partition_of(self.month),
            leaving=_union("call_id, at", (self.month, *self.rest)),
            staying=_union("call_id", self.stay),
            rest=_union("call_id", self.rest),
            rest_rows=_union("*", self.rest),
        )


def _union(columns: str, months: Iterable[date]) -> str:
    parts = [f"SELECT {columns} FROM {partition_of(m)}" for m in months]  # noqa: S608 - names of our own making
    return " UNION ALL ".join(parts) or f"SELECT {columns} FROM journal WHERE false"  # noqa: S608 - the same


@asynccontextmanager
async def only_one(store: Store) -> AsyncIterator[None]:
    """Be the only program that archives or restores. Raises Unavailable when there is another."""
    async with store.session() as session:
        if not await session.fetchval(_sql.try_lock, ARCHIVE_LOCK):
            raise Unavailable("another program archives or restores months of this journal; wait until it is done")
        yield


async def finish_interrupted(store: Store) -> None:
    """Give files their names whose month has left the database, but whose writer was interrupted just then."""
    for record in await store.fetch(_sql.archived):
        paths = Paths.of_file(Path(record["file"]))
        parts = paths.parts()
        with disk_errors(paths.csv):
            if parts.csv.exists():
                seen = await asyncio.to_thread(examine, parts.csv)
                ours = not paths.csv.exists() and seen.sha256 == record["sha256"]
            else:
                ours = paths.csv.exists() and parts.manifest.exists()
        if ours:
            await asyncio.to_thread(publish, paths)


async def partitions(store: Store) -> dict[date, int]:
    """Return the month of each partition of the journal, in order, and its size in bytes."""
    found = [(month_of_partition(r["name"]), int(r["bytes"])) for r in await store.fetch(_sql.partitions)]
    return dict(sorted((month, size) for month, size in found if month is not None))


async def wanted(store: Store, before: date, now: float) -> list[Shape]:
    """Return the months before `before` that are to be archived, the oldest first. Raises Misuse when one must not be."""
    present = min(month_of(moment(now)), month_of(await store.fetchval(_sql.present)))
    if before > present:
        raise Misuse(
            f"--before {show_month(before)}: the present month, {show_month(present)}, and those after it stay;"
            f" the latest that can be said is --before {show_month(present)}"
        )
    archived = {r["month"] for r in await store.fetch(_sql.archived)}
    there = list(await partitions(store))
    months = [m for m in there if m < before and m not in archived]
    if months and moment(now) - begin_of(following(months[-1])) < timedelta(days=SETTLE_DAYS):
        raise Misuse(
            f"--before {show_month(before)}: {show_month(months[-1])} has only just ended, and facts of it may still be on"
            " their way; try again tomorrow"
        )
    return [_shape(month, there, archived | {m for m in months if m < month}) for month in months]


def _shape(month: date, there: list[date], archived: set[date]) -> Shape:
    rest = tuple(m for m in there if m in archived)
    return Shape(month=month, rest=rest, stay=tuple(m for m in there if m != month and m not in archived))


async def with_what_is_left(store: Store, shape: Shape) -> Shape:
    """Return the shape with the partitions that exist now: an earlier month may have left nothing behind."""
    there = await partitions(store)
    return msgspec.structs.replace(shape, rest=tuple(m for m in shape.rest if m in there))
