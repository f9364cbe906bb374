"""The door to what the projections hold: pages of calls, offers and recordings, and one call with everything about it."""

import base64
import binascii
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from crm.fold.rows import CallRow, CallRows, OfferRow, RecordingRow, SegmentRow, VoicemailRow, moment
from hotline.errors import Misuse, Rejected
from hotline.ids import CallId, is_safe_id
from hotline.store.pool import Connection, Store
from hotline.store.pool import Row as Record
from hotline.store.queries import load

R = TypeVar("R", bound=msgspec.Struct)
P = TypeVar("P", bound=msgspec.Struct)
Place = tuple[datetime | None, str | None]
"""After which row a page begins: its moment and id."""

_sql = load("crm.api", "calls.sql")


def as_row(kind: type[R], record: Record | Mapping[str, Any]) -> R:
    """Return a record of the database as a row; columns that this program does not know are left out."""
    return msgspec.convert({f: record[f] for f in kind.__struct_fields__}, kind)


class CallFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls are wanted; what is None or empty does not matter."""

    since: datetime | None = None
    until: datetime | None = None
    queue: str | None = None
    """A queue that the caller waited in."""
    agent: str | None = None
    """An agent who talked with the caller."""
    numbers: list[str] | None = None
    """Spellings of a number: the caller's, or the one dialled."""
    outcome: str | None = None
    live: bool | None = None
    customer: str | None = None
    """A customer: by id, or by `numbers` as the caller's."""


class PartFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which offers or recordings are wanted."""

    since: datetime | None = None
    until: datetime | None = None
    queue: str | None = None
    agent: str | None = None
    result: str | None = None
    """The result of an offer, or the status of a recording."""
    call: str | None = None


async def page_of_calls(
    store: Store, wanted: CallFilter, *, cursor: str, limit: int
) -> tuple[list[CallRow], str | None]:
    """Return calls, newest first, and the cursor of the next page."""
    w = wanted
    records = await store.fetch(
        _sql.page,
        *read_cursor(cursor),
        *(w.since, w.until, w.queue, w.agent, w.numbers, w.outcome, w.live, w.customer),
        limit + 1,
    )
    rows = [as_row(CallRow, r) for r in records]
    return _page(rows, limit, lambda c: (c.arrived_at, c.call_id))


async def page_of_offers(
    store: Store, wanted: PartFilter, *, cursor: str, limit: int
) -> tuple[list[OfferRow], str | None]:
    """Return offers, newest first, and the cursor of the next page."""
    records = await store.fetch(_sql.offer_page, *read_cursor(cursor), *_values(wanted), limit + 1)
    return _page([as_row(OfferRow, r) for r in records], limit, lambda o: (o.made_at, o.offer_id))


async def page_of_recordings(
    store: Store, wanted: PartFilter, *, cursor: str, limit: int
) -> tuple[list[RecordingRow], str | None]:
    """Return recordings, newest first, and the cursor of the next page."""
    records = await store.fetch(_sql.recording_page, *read_cursor(cursor), *_values(wanted), limit + 1)
    rows = [as_row(RecordingRow, r) for r in records]
    return _page(rows, limit, lambda r: (r.started_at or r.settled_at or moment(0.0), r.recording_id))


async def get_call(store: Store, call_id: CallId) -> CallRows:
    """Return one call with its segments, offers and recordings. Raises Rejected("not_found")."""
    async with store.transaction() as connection:
        found = await read_rows(connection, [call_id])
    if call_id not in found:
        raise Rejected("not_found", f"there is no call {call_id}")
    return found[call_id]


async def get_recording(store: Store, recording_id: str) -> RecordingRow:
    """Return one recording. Raises Rejected("not_found")."""
    record = await store.fetchrow(_sql.recording, recording_id)
    if record is None:
        raise Rejected("not_found", f"there is no recording {recording_id}")
    return as_row(RecordingRow, record)


async def read_rows(connection: Connection, call_ids: Sequence[CallId]) -> dict[CallId, CallRows]:
    """Return everything that the projections hold about some calls; those without a call row are left out."""
    calls = [as_row(CallRow, r) for r in await connection.fetch(_sql.calls, call_ids)]
    segments = _by_call(SegmentRow, await connection.fetch(_sql.segments, call_ids))
    offers = _by_call(OfferRow, await connection.fetch(_sql.offers, call_ids))
    recordings = _by_call(RecordingRow, await connection.fetch(_sql.recordings, call_ids))
    voicemails = _by_call(VoicemailRow, await connection.fetch(_sql.voicemails, call_ids))
    return {
        c.call_id: CallRows(
            call=c,
            segments=tuple(segments[c.call_id]),
            offers=tuple(offers[c.call_id]),
            recordings=tuple(recordings[c.call_id]),
            voicemails=tuple(voicemails[c.call_id]),
        )
        for c in calls
    }


def _by_call(kind: type[R], records: Sequence[Record]) -> dict[str, list[R]]:
    found: dict[str, list[R]] = defaultdict(list)
    for record in records:
        found[record["call_id"]].append(as_row(kind, record))
    return found


# --- pages -------------------------------------------------------------------------------------------------------------


def write_cursor(at: datetime, row_id: str) -> str:
    """Return the cursor of the page after a row."""
    return base64.urlsafe_b64encode(msgspec.json.encode([at, row_id])).decode().rstrip("=")


def read_cursor(cursor: str) -> Place:
    """Return the place of a cursor; the beginning for an empty one. Raises Misuse for anything we did not write."""
    if not cursor:
        return None, None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        at, row_id = msgspec.json.decode(raw, type=tuple[datetime, str])
    except (binascii.Error, msgspec.DecodeError, UnicodeError, ValueError) as exc:
        raise Misuse("cursor: not one that an earlier page gave") from exc
    if at.tzinfo is None or not is_safe_id(row_id):
        raise Misuse("cursor: not one that an earlier page gave")
    return at, row_id


def _page(rows: list[P], limit: int, place: Any) -> tuple[list[P], str | None]:
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], write_cursor(*place(rows[limit - 1]))


def _values(wanted: PartFilter) -> tuple[object, ...]:
    return wanted.since, wanted.until, wanted.queue, wanted.agent, wanted.result, wanted.call
