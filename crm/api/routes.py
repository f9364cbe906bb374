"""The CRM's part of the API: calls, offers, recordings, customers, reports. Handlers only translate; the work is done elsewhere.

The audio of recordings is a part by itself (`crm/api/audio.py`): it is served where the files are, beside each Asterisk.
"""

import asyncio
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from crm.api.audio import audio_routes
from crm.api.audit_log import audit_log_routes
from crm.api.callbacks import callback_routes
from crm.api.calls import (
    CallFilter,
    PartFilter,
    get_call,
    get_recording,
    page_of_calls,
    page_of_offers,
    page_of_recordings,
)
from crm.api.reports import Summary, summary
from crm.api.story import Language, describe, story
from crm.api.voicemails import Tell, voicemail_routes
from crm.audit.auditing import AuditReport, spool_findings
from crm.audit.auditing import audit as run_audit
from crm.customers.data import Customer, CustomerInput, ImportReport, csv_lines
from crm.customers.numbers import spellings
from crm.customers.store import export_customers, get_customer, import_customers, list_customers, put_customer
from crm.fold.rows import CallRow, OfferResult, OfferRow, Outcome, RecordingRow, SegmentRow, VoicemailRow, moment
from crm.journal.ledger import read_call
from hotline.facts import Fact
from hotline.ids import CallId
from hotline.runtime.clock import Clock, SteadyClock
from hotline.settings import Settings
from hotline.spool_file import SPOOL_FILE
from hotline.store.pool import Store
from hotline.web.moments import read_moment
from hotline.web.routes import Empty, Page, PageQuery, Request, Route, TextAnswer


class CallQuery(PageQuery, frozen=True, kw_only=True):
    """Filters of calls. Times are ISO 8601; without a zone they are in the zone of the settings."""

    since: str = ""
    until: str = ""
    queue: str | None = None
    agent: str | None = None
    number: str | None = None
    """The caller's number, in any spelling, or the number dialled."""
    outcome: Outcome | None = None
    live: bool | None = None


class StoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How to tell a story."""

    language: Language = "en"


class OfferQuery(PageQuery, frozen=True, kw_only=True):
    """Filters of offers."""

    since: str = ""
    until: str = ""
    queue: str | None = None
    agent: str | None = None
    result: OfferResult | None = None
    call: str | None = None


class RecordingQuery(PageQuery, frozen=True, kw_only=True):
    """Filters of recordings."""

    since: str = ""
    until: str = ""
    queue: str | None = None
    agent: str | None = None
    status: str | None = None
    call: str | None = None


class CustomerQuery(PageQuery, frozen=True, kw_only=True):
    """Filters of customers."""

    name: str = ""
    """A part of the name."""
    number: str = ""


class SummaryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a summary is about; without times: today."""

    since: str = ""
    until: str = ""
    queue: str | None = None


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit looks at; without times: everything."""

    since: str = ""
    until: str = ""


class CallDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A call with everything about it."""

    call: CallRow
    segments: list[SegmentRow]
    offers: list[OfferRow]
    recordings: list[RecordingRow]
    voicemails: list[VoicemailRow] = []


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One fact of the journal."""

    fact_id: str
    source: str
    seq: int
    version: int
    fact: dict[str, Any]
    """The fact itself; `type` names its kind."""
    en: str
    """What it says, in English."""
    zh: str
    """What it says, in Chinese."""


class ImportBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A CSV file of customers."""

    csv: str
    dry_run: bool = False


def routes(
    store: Store, settings: Settings, recordings_dir: Path | None = None, clock: Clock | None = None, *, tell: Tell
) -> list[Route]:
    """Return the CRM's routes; with those of the audio when the recordings are in this process's directory."""
    clock = clock or SteadyClock()
    api = _Api(store, settings, clock)
    audio = audio_routes(recordings_dir) if recordings_dir is not None else []
    messages = voicemail_routes(store, ZoneInfo(settings.ivr.timezone), tell, clock)
    orders = audit_log_routes(store, ZoneInfo(settings.ivr.timezone))
    wishes = callback_routes(store, ZoneInfo(settings.ivr.timezone), settings.crm.country_code)
    return [*_history_routes(api), *wishes, *audio, *messages, *orders, *_customer_routes(api), *_report_routes(api)]


def _history_routes(api: "_Api") -> list[Route]:
    calls, recordings = "/api/v1/calls", "/api/v1/recordings"
    return [
        _get(calls, api.calls, "Calls, newest first", Page[CallRow], CallQuery),
        _get(calls + "/{id}", api.call, "One call with segments, offers and recordings", CallDetail),
        _get(calls + "/{id}/journal", api.journal, "The facts of one call in order", list[JournalEntry]),
        _get(calls + "/{id}/story", api.story, "The story of one call, a line for each fact", list[str], StoryQuery),
        _get("/api/v1/offers", api.offers, "Offers, newest first", Page[OfferRow], OfferQuery),
        _get(recordings, api.recordings, "Recordings, newest first", Page[RecordingRow], RecordingQuery),
        _get(recordings + "/{id}", api.recording, "One recording", RecordingRow),
    ]


def _customer_routes(api: "_Api") -> list[Route]:
    customers = "/api/v1/customers"
    write: dict[str, Any] = {"body": CustomerInput, "answer": Customer}
    put, post = api.put_customer, api.post_customer
    return [
        _get(customers, api.customers, "Customers by id", Page[Customer], CustomerQuery),
        Route(method="POST", path=customers, handler=post, summary="Create a customer", **write),
        _get(customers + "/{id}", api.customer, "One customer", Customer),
        Route(method="PUT", path=customers + "/{id}", handler=put, summary="Replace a customer", **write),
        _get(customers + "/{id}/history", api.history, "The calls of one customer", Page[CallRow], PageQuery),
        Route(
            method="POST",
            path="/api/v1/customer-imports",
            handler=api.import_customers,
            summary="Import a CSV file of customers: all or nothing",
            body=ImportBody,
            answer=ImportReport,
        ),
        _get("/api/v1/customer-exports", api.export_customers, "All customers as CSV", TextAnswer),
    ]


def _report_routes(api: "_Api") -> list[Route]:
    return [
        _get("/api/v1/reports/summary", api.summary, "What became of the callers", Summary, SummaryQuery),
        _get("/api/v1/reports/audit", api.audit, "Invariants checked against the data", AuditReport, AuditQuery),
    ]


def _get(path: str, handler: Any, text: str, answer: Any, query: Any = Empty) -> Route:
    return Route(method="GET", path=path, handler=handler, summary=text, answer=answer, query=query)


class _Api:
    """The handlers."""

    def __init__(self, store: Store, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._zone = ZoneInfo(settings.ivr.timezone)
        self._country = settings.crm.country_code
        self._spool = settings.data_dir / SPOOL_FILE
        self._clock = clock

    # --- history ----------------------------------------------------------------------------------------------------

    async def calls(self, request: Request) -> Page[CallRow]:
        q: CallQuery = request.query
        wanted = CallFilter(
            since=read_moment("since", q.since, self._zone),
            until=read_moment("until", q.until, self._zone),
            queue=q.queue,
            agent=q.agent,
            numbers=spellings(q.number, self._country) if q.number is not None else None,
            outcome=q.outcome,
            live=q.live,
        )
        rows, following = await page_of_calls(self._store, wanted, cursor=q.cursor, limit=q.limit)
        return Page(items=rows, next=following)

    async def call(self, request: Request) -> CallDetail:
        rows = await get_call(self._store, CallId(request.path["id"]))
        return CallDetail(
            call=rows.call,
            segments=list(rows.segments),
            offers=list(rows.offers),
            recordings=list(rows.recordings),
            voicemails=list(rows.voicemails),
        )

    async def journal(self, request: Request) -> list[JournalEntry]:
        return [
            JournalEntry(
                fact_id=e.fact_id,
                source=e.source,
                seq=e.seq,
                version=e.fact.version,
                fact=_plain(e.fact),
                en=describe(e.fact, "en"),
                zh=describe(e.fact, "zh"),
            )
            for e in await read_call(self._store, CallId(request.path["id"]))
        ]

    async def story(self, request: Request) -> list[str]:
        q: StoryQuery = request.query
        return story(await read_call(self._store, CallId(request.path["id"])), self._zone, q.language)

    async def offers(self, request: Request) -> Page[OfferRow]:
        q: OfferQuery = request.query
        wanted = self._parts(q, q.result)
        rows, following = await page_of_offers(self._store, wanted, cursor=q.cursor, limit=q.limit)
        return Page(items=rows, next=following)

    async def recordings(self, request: Request) -> Page[RecordingRow]:
        q: RecordingQuery = request.query
        wanted = self._parts(q, q.status)
        rows, following = await page_of_recordings(self._store, wanted, cursor=q.cursor, limit=q.limit)
        return Page(items=rows, next=following)

    def _parts(self, q: OfferQuery | RecordingQuery, result: str | None) -> PartFilter:
        since, until = read_moment("since", q.since, self._zone), read_moment("until", q.until, self._zone)
        return PartFilter(since=since, until=until, queue=q.queue, agent=q.agent, result=result, call=q.call)

    async def recording(self, request: Request) -> RecordingRow:
        return await get_recording(self._store, request.path["id"])

    # --- customers --------------------------------------------------------------------------------------------------

    async def customers(self, request: Request) -> Page[Customer]:
        q: CustomerQuery = request.query
        found = await list_customers(
            self._store, after=q.cursor, name=q.name, number=q.number, country=self._country, limit=q.limit + 1
        )
        more = len(found) > q.limit
        return Page(items=found[: q.limit], next=found[q.limit - 1].customer_id if more else None)

    async def customer(self, request: Request) -> Customer:
        return await get_customer(self._store, request.path["id"])

    async def post_customer(self, request: Request) -> Customer:
        return await put_customer(self._store, request.body, self._country)

    async def put_customer(self, request: Request) -> Customer:
        known = await get_customer(self._store, request.path["id"])
        return await put_customer(self._store, request.body, self._country, known.customer_id)

    async def history(self, request: Request) -> Page[CallRow]:
        q: PageQuery = request.query
        customer = await get_customer(self._store, request.path["id"])
        numbers = sorted({s for n in customer.numbers for s in spellings(n, self._country)})
        wanted = CallFilter(customer=customer.customer_id, numbers=numbers)
        rows, following = await page_of_calls(self._store, wanted, cursor=q.cursor, limit=q.limit)
        return Page(items=rows, next=following)

    async def import_customers(self, request: Request) -> ImportReport:
        body: ImportBody = request.body
        lines = csv_lines(body.csv)
        return await import_customers(self._store, lines, country=self._country, dry_run=body.dry_run)

    async def export_customers(self, _request: Request) -> TextAnswer:
        text = await export_customers(self._store, self._country)
        return TextAnswer(text="\ufeff" + text, content_type="text/csv; charset=utf-8")

    # --- reports ----------------------------------------------------------------------------------------------------

    async def summary(self, request: Request) -> Summary:
        q: SummaryQuery = request.query
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        today = datetime.combine(now.astimezone(self._zone).date(), time.min, self._zone)
        since = read_moment("since", q.since, self._zone) or today
        until = read_moment("until", q.until, self._zone) or max(now, since)
        return await summary(self._store, since, until, q.queue)

    async def audit(self, request: Request) -> AuditReport:
        q: AuditQuery = request.query
        now = self._clock.now()
        until = read_moment("until", q.until, self._zone) or datetime.fromtimestamp(now, UTC)
        since = read_moment("since", q.since, self._zone) or moment(0.0)
        report = await run_audit(self._store, since, until, now)
        spools = await asyncio.to_thread(spool_findings, [self._spool], now)
        return msgspec.structs.replace(report, findings=[*report.findings, *spools])


def _plain(fact: Fact) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(fact)
    return plain
