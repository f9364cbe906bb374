"""Callbacks as the journal tells of them: the list, one of them with what happened, and what the audit asks."""

from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from crm.api.calls import read_cursor, write_cursor
from crm.audit.rules import Finding
from crm.customers.numbers import spellings
from hotline.codec import decode_fact
from hotline.errors import Rejected
from hotline.facts import Fact
from hotline.ids import AgentId, CallbackId, CallId, CustomerId, QueueId
from hotline.kpi import share
from hotline.store.pool import Connection, Store
from hotline.store.pool import Row as Record
from hotline.store.queries import load
from hotline.web.moments import read_moment
from hotline.web.routes import Page, PageQuery, Request, Route

PATH = "/api/v1/callbacks"
LONGEST = timedelta(days=7, hours=2)
"""The longest that a callback may wait (the greatest `expires_after_s` there can be), and a while."""

Status = Literal["waiting", "calling", "reached", "expired", "cancelled", "failed"]

_sql = load("crm.api", "callbacks.sql")


class CallbackView(msgspec.Struct, frozen=True, kw_only=True):
    """One callback."""

    callback_id: CallbackId
    queue_id: QueueId
    number: str
    """In the form in which it is dialled."""
    name: str
    customer_id: CustomerId | None
    of_call: CallId | None
    """The call that the customer gave up for it."""
    requested_by: str
    """`caller`, or who asked on his behalf."""
    requested_at: datetime
    entered_at: datetime
    """Since when he waits: what his place in the line goes by."""
    status: Status
    reason: str
    """Of an end that is no success, or of the last attempt."""
    attempts: int
    """How often his phone was called in vain, and the time that he was reached."""
    call_id: CallId | None
    """The last call that was made for it."""
    agent_id: AgentId | None
    """Who was reserved for that; None: he was dialled when an agent was about to be free."""
    first_attempt_at: datetime | None
    retry_at: datetime | None
    ended_at: datetime | None


class CallbackStory(CallbackView, frozen=True, kw_only=True):
    """One callback with everything that was told of it."""

    facts: list[Fact]


class CallbackSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the callbacks that were requested in a stretch of time. They are in no number of a queue's callers."""

    requested: int
    reached: int
    reached_at_once: int
    """Of those, with the first attempt."""
    failed: int
    hung_up: int
    """Of those, who answered and hung up before an agent was there."""
    expired: int
    cancelled: int
    open: int
    """Not over yet."""
    attempts: int
    """How often customers were called."""
    reached_share: float | None
    """reached / (reached + failed + expired)"""
    wait_s: float | None
    """From the wish to the conversation, mean of those who were reached."""


class CallbackQuery(PageQuery, frozen=True, kw_only=True):
    """Filters of callbacks. Times are ISO 8601; without a zone they are in the zone of the settings."""

    since: str = ""
    until: str = ""
    queue: str | None = None
    status: Status | None = None
    number: str = ""
    """The customer's number, in any spelling."""


def callback_routes(store: Store, zone: ZoneInfo, country: str) -> list[Route]:
    """Return the routes that show callbacks; the router makes and cancels them (see `acd.api.callbacks`)."""

    async def listed(request: Request) -> Page[CallbackView]:
        q: CallbackQuery = request.query
        since, until = read_moment("since", q.since, zone), read_moment("until", q.until, zone)
        numbers = spellings(q.number, country) if q.number else None
        place = read_cursor(q.cursor)
        records = await store.fetch(_sql.page, *place, since, until, q.queue, q.status, numbers, q.limit + 1)
        found = [_view(record) for record in records]
        if len(found) <= q.limit:
            return Page(items=found)
        last = found[q.limit - 1]
        return Page(items=found[: q.limit], next=write_cursor(last.requested_at, last.callback_id))

    async def one(request: Request) -> CallbackStory:
        record = await store.fetchrow(_sql.one, request.path["id"])
        if record is None:
            raise Rejected("not_found", f"there is no callback {request.path['id']}")
        facts = await store.fetch(_sql.facts, request.path["id"])
        told = [decode_fact(f["type"], f["version"], f["body"]) for f in facts]
        return CallbackStory(**msgspec.structs.asdict(_view(record)), facts=told)

    return [
        Route(method="GET", path=PATH, handler=listed, summary="Callbacks, newest first", answer=Page[CallbackView], query=CallbackQuery),
        Route(method="GET", path=PATH + "/{id}", handler=one, summary="One callback, and what happened to it", answer=CallbackStory),
    ]  # fmt: skip


def _view(record: Record) -> CallbackView:
    return msgspec.convert({f: record[f] for f in CallbackView.__struct_fields__}, CallbackView)


async def summary(connection: Connection, since: datetime, until: datetime, queue: str | None) -> CallbackSummary:
    """Return what became of the callbacks requested from `since` to before `until`, of one queue or all."""
    found = await connection.fetchrow(_sql.summary, since, until, queue)
    assert found is not None  # an aggregate always returns a row
    over = found["reached"] + found["failed"] + found["expired"]
    return CallbackSummary(**dict(found), reached_share=share(found["reached"], over))


async def audit_callbacks(
    connection: Connection, since: datetime, until: datetime, now: datetime, limit: int
) -> list[Finding]:
    """Return the callbacks of the time that never ended, and those of which two calls lived at once."""
    lost = await connection.fetch(_sql.lost, since, until, now - LONGEST, limit)
    doubled = await connection.fetch(_sql.doubled, since, until, limit)
    return [
        *(Finding(kind="lost_callback", call_id="", detail=f"callback {r['callback_id']}") for r in lost),
        *(Finding(kind="two_callbacks", call_id=r["call_id"], detail=f"callback {r['callback_id']}") for r in doubled),
    ]
