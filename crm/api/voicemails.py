"""The API of messages: the list and one of them (where the database is), and their audio (beside the Asterisk that has them)."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from crm.api.audio import find_audio
from crm.api.calls import read_cursor, write_cursor
from crm.fold.rows import VoicemailRow, moment
from hotline.errors import Rejected
from hotline.facts import Fact, VoicemailHandled
from hotline.runtime.clock import Clock
from hotline.store.pool import Row as Record
from hotline.store.pool import Store
from hotline.store.queries import load
from hotline.web.moments import read_moment
from hotline.web.routes import FileAnswer, Page, PageQuery, Request, Route

PATH = "/api/v1/voicemails"

Tell = Callable[[Fact], None]
"""Publishes a fact."""

_sql = load("crm.api", "calls.sql")


class Voicemail(VoicemailRow, frozen=True, kw_only=True):
    """A message and who left it."""

    caller_number: str
    customer_name: str


class VoicemailQuery(PageQuery, frozen=True, kw_only=True):
    """Filters of messages. Times are ISO 8601; without a zone they are in the zone of the settings."""

    since: str = ""
    until: str = ""
    queue: str | None = None
    status: Literal["recording", "left", "empty", "missing", "store_failed"] | None = None
    call: str | None = None
    handled: bool | None = None
    """Only those that somebody has dealt with, or only those that wait for it."""


class Handling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said of a message."""

    handled: bool


def voicemail_routes(store: Store, zone: ZoneInfo, tell: Tell, clock: Clock) -> list[Route]:
    """Return the routes of the messages' rows; who deals with one is told as a fact."""

    async def listed(request: Request) -> Page[Voicemail]:
        q: VoicemailQuery = request.query
        since, until = read_moment("since", q.since, zone), read_moment("until", q.until, zone)
        place = read_cursor(q.cursor)
        records = await store.fetch(
            _sql.voicemail_page, *place, since, until, q.queue, q.status, q.call, q.limit + 1, q.handled
        )
        found = [_voicemail(record) for record in records]
        if len(found) <= q.limit:
            return Page(items=found)
        return Page(items=found[: q.limit], next=write_cursor(*_place(found[q.limit - 1])))

    async def one(request: Request) -> Voicemail:
        record = await store.fetchrow(_sql.voicemail, request.path["id"])
        if record is None:
            raise Rejected("not_found", f"there is no message {request.path['id']}")
        return _voicemail(record)

    async def handle(request: Request) -> Voicemail:
        found = await one(request)
        said: Handling = request.body
        if found.status != "left":
            raise Rejected("conflict", f"message {found.message_id} was never left: {found.status.replace('_', ' ')}")
        if (found.handled_at is not None) == said.handled:
            return found
        now, by = clock.now(), request.by if said.handled else ""
        tell(
            VoicemailHandled(
                at=now, call_id=found.call_id, message_id=found.message_id, handled=said.handled, by=request.by
            )
        )
        return msgspec.structs.replace(found, handled_at=moment(now) if said.handled else None, handled_by=by)

    answer, text = Page[Voicemail], "Messages of callers, newest first"
    return [
        Route(method="GET", path=PATH, handler=listed, summary=text, answer=answer, query=VoicemailQuery),
        Route(method="GET", path=PATH + "/{id}", handler=one, summary="One message of a caller", answer=Voicemail),
        Route(
            method="PUT",
            path=PATH + "/{id}/handled",
            handler=handle,
            summary="Say that a message was dealt with, or take that back",
            answer=Voicemail,
            body=Handling,
        ),
    ]


def _voicemail(record: Record) -> Voicemail:
    return msgspec.convert({f: record[f] for f in Voicemail.__struct_fields__}, Voicemail)


def _place(found: Voicemail) -> tuple[datetime, str]:
    return found.began_at or found.settled_at or moment(0.0), found.message_id


def voicemail_audio_routes(messages_dir: Path) -> list[Route]:
    """Return the route of the messages' audio, for a process whose recorder keeps them in `messages_dir`. Needs no database."""

    async def audio(request: Request) -> FileAnswer:
        message_id = request.path["id"]
        file = await asyncio.to_thread(find_audio, messages_dir, message_id)
        if file is None:
            raise Rejected("not_found", f"there is no audio of message {message_id}")
        return FileAnswer(path=file, content_type="audio/wav", download_name=f"{message_id}.wav".replace(":", "_"))

    text = "The audio of one message"
    return [Route(method="GET", path=PATH + "/{id}/audio", handler=audio, summary=text, answer=FileAnswer, spread=True)]
