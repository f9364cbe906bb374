"""The API of the audit log: what people ordered through the API and the command line, when, and to whom it happened.

It is no table of its own: facts say in `by` who ordered them, and the journal keeps them for ever.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from crm.api.calls import read_cursor, write_cursor
from crm.api.story import Language, describe
from crm.api.story_supervision import ORDERS
from crm.journal.ledger import envelope_of
from hotline.errors import Misuse
from hotline.facts import Envelope, Fact
from hotline.store.pool import Store
from hotline.store.queries import load
from hotline.web.moments import read_moment
from hotline.web.routes import Page, PageQuery, Request, Route

PATH = "/api/v1/audit-log"
KINDS: dict[str, tuple[str, ...]] = {
    "supervision": ("SupervisionAsked", "SupervisionBegan", "SupervisionEnded"),
    "agents": ("AgentStateChanged", "AgentWishChanged", "OutcomeGiven"),
    "queues": ("QueueSwitched", "SurgeSwitched"),
    "callers": ("CallMoved", "CallPriorityChanged", "CallFlowedOut", "CallbackRequested", "CallbackEnded"),
    "transfers": ("TransferStarted",),
    "rosters": ("RosterPublished", "ShiftSwapped"),
}
"""What can be asked for by one word."""

_sql = load("crm.api", "audit_log.sql")


class AuditLogQuery(PageQuery, frozen=True, kw_only=True):
    """Filters of orders. Times are ISO 8601; without a zone they are in the zone of the settings."""

    since: str = ""
    until: str = ""
    by: str | None = None
    """Who gave the order: a user's or token's name."""
    kind: str | None = None
    """`supervision`, `agents`, `queues`, `callers` or `transfers`."""
    agent: str | None = None
    call: str | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One fact that somebody ordered."""

    fact_id: str
    at: datetime
    by: str
    fact: dict[str, Any]
    """The fact itself; `type` names its kind."""
    en: str
    """What it says, in English."""
    zh: str
    """What it says, in Chinese."""


def audit_log_routes(store: Store, zone: ZoneInfo) -> list[Route]:
    """Return the route of the audit log."""

    async def listed(request: Request) -> Page[Order]:
        q: AuditLogQuery = request.query
        if q.kind is not None and q.kind not in KINDS:
            raise Misuse(f"kind: {q.kind[:40]!r} is none of {', '.join(KINDS)}")
        since, until = read_moment("since", q.since, zone), read_moment("until", q.until, zone)
        types = list(KINDS[q.kind]) if q.kind is not None else None
        place = read_cursor(q.cursor)
        rows = await store.fetch(_sql.page, *place, since, until, q.by, types, q.agent, q.call, q.limit + 1)
        shown = rows[: q.limit]
        following = write_cursor(shown[-1]["at"], shown[-1]["fact_id"]) if len(rows) > q.limit else None
        envelopes = [(row["at"], envelope_of(row)) for row in shown]
        return Page(items=[_order(at, envelope) for at, envelope in envelopes if envelope is not None], next=following)

    text = "What people ordered, newest first: supervision, states of agents, queues, callers"
    return [Route(method="GET", path=PATH, handler=listed, summary=text, answer=Page[Order], query=AuditLogQuery)]


def _says(fact: Fact, language: Language) -> str:
    lines = ORDERS.get(type(fact))
    return describe(fact, language) if lines is None else lines[language == "zh"](fact)


def _order(at: datetime, envelope: Envelope) -> Order:
    fact: dict[str, Any] = msgspec.to_builtins(envelope.fact)
    return Order(
        fact_id=envelope.fact_id,
        at=at,
        by=fact.get("by", ""),
        fact=fact,
        en=_says(envelope.fact, "en"),
        zh=_says(envelope.fact, "zh"),
    )
