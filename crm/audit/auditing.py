"""The audit: every invariant of the house that can be asked of data, asked of PostgreSQL. Changes nothing.

The rules are pure (`audit_rules.py`, `audit_facts.py`, `audit_turns.py`); here they get their rows, in slices, each in a transaction of
its own, so that the hotline goes on beside it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from crm.api.callbacks import audit_callbacks
from crm.api.calls import read_rows
from crm.audit.facts import check_facts
from crm.audit.rules import (
    CROSSING_S,
    KINDS,
    AgentOffer,
    Finding,
    check_agents,
    check_call,
    check_spool,
    overlaps,
)
from crm.audit.turns import Passed, Ring, Wait, out_of_turn
from crm.fold.rows import CallRows, OfferRow, moment
from crm.rebuild.calls import facts_of
from hotline.errors import Unavailable
from hotline.ids import CallId
from hotline.spool_file import look
from hotline.store.pool import Connection, Store
from hotline.store.queries import load

CALLS_PER_SLICE = 200
CALLS_PER_TURN = 20
"""So many calls are checked before other tasks of the process get their turn."""
FINDINGS_LIMIT = 1000
DISTURBED_S = 30.0
"""So long after an adoption, a lost link or a change of routers the order of the line is not judged."""
SPAN = timedelta(hours=6)
"""Offers are compared with others of the same stretch."""
OLD_TERM = timedelta(minutes=10)
"""So long after a change of routers the old one is suspected: it may have been frozen."""
READY_BEFORE_S, READY_AFTER_S = 2.0, 1.0
"""An agent counts as one who could have been rung when he was ready from before until after the moment."""

_sql = load("crm.audit", "audit.sql")

log = structlog.get_logger(__name__)


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit looked at and found."""

    calls: int
    findings: list[Finding]
    complete: bool
    """False: there are more findings than are listed."""


async def audit(
    store: Store,
    since: datetime,
    until: datetime,
    now: float,
    living: AbstractSet[CallId] | None = None,
    *,
    touched: bool = False,
    patience_s: float | None = None,
) -> AuditReport:
    """Check every call that arrived from `since` to before `until`, and the journal itself.

    `touched`: also calls that arrived earlier and ended in the time, or are open. `living`: the calls that Asterisk knows. No
    statement may take longer than `patience_s`; None leaves it to the store. Raises the store's errors.
    """
    auditor = _Auditor(store, moment(now), living, patience_s)
    calls = 0
    async for call_ids in auditor.slices(since, until, touched=touched):
        calls += len(call_ids)
        await auditor.check_calls(call_ids)
    async with auditor.transaction() as connection:
        await auditor.check_journal(connection, since, until)
    async with auditor.transaction() as connection:
        await auditor.check_distribution(connection, since, until)
    found = list(dict.fromkeys(auditor.findings))
    return AuditReport(calls=calls, findings=found[:FINDINGS_LIMIT], complete=len(found) <= FINDINGS_LIMIT)


def spool_findings(paths: Sequence[Path], now: float) -> list[Finding]:
    """Return what is wrong with the spools of this machine; one that cannot be looked into is left out. Blocks."""
    findings: list[Finding] = []
    for path in paths:
        try:
            seen = look(path)
        except Unavailable as exc:
            log.info("a spool cannot be looked into", error=str(exc))
        else:
            findings += check_spool(seen, now) if seen is not None else []
    return findings


class _Auditor:
    """One audit."""

    def __init__(
        self, store: Store, now: datetime, living: AbstractSet[CallId] | None, patience_s: float | None
    ) -> None:
        self._store = store
        self._now = now
        self._living = living
        self._patience_s = patience_s
        self.findings: list[Finding] = []

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection whose statements are short of time."""
        async with self._store.transaction() as connection:
            if self._patience_s is not None:
                await connection.execute(_sql.be_brief.format(milliseconds=int(self._patience_s * 1000)))
            yield connection

    # --- calls --------------------------------------------------------------------------------------------------------

    async def slices(self, since: datetime, until: datetime, *, touched: bool) -> AsyncIterator[Sequence[CallId]]:
        """Yield the calls to look at, some at a time."""
        if touched:
            async with self.transaction() as connection:
                found = [CallId(r["call_id"]) for r in await connection.fetch(_sql.calls_touched, since, until)]
            for start in range(0, len(found), CALLS_PER_SLICE):
                yield found[start : start + CALLS_PER_SLICE]
            return
        after = CallId("")
        while True:
            async with self.transaction() as connection:
                records = await connection.fetch(_sql.calls_page, since, until, after, CALLS_PER_SLICE)
            if not records:
                return
            yield [CallId(r["call_id"]) for r in records]
            after = records[-1]["call_id"]

    async def check_calls(self, call_ids: Sequence[CallId]) -> None:
        """Check calls, each by itself."""
        async with self.transaction() as connection:
            rows, facts = await read_rows(connection, call_ids), await facts_of(connection, call_ids)
            for n, (call_id, found) in enumerate(rows.items()):
                if n % CALLS_PER_TURN == CALLS_PER_TURN - 1:
                    await asyncio.sleep(0)
                self.findings += await self._judge(connection, found)
                self.findings += check_facts(found, facts[call_id]) if call_id in facts else []
                await self._check_refusals(connection, found)

    async def _judge(self, connection: Connection, rows: CallRows) -> list[Finding]:
        """Check the rows of a call. An offer that nobody carried out ends by no timer: its router's term was over."""
        found = check_call(rows, self._now, self._living)
        if any(f.kind == "late_offer" for f in found):
            void = await _void_offers(connection, [rows.call.call_id])
            left = tuple(o for o in rows.offers if o.offer_id not in void)
            found = check_call(msgspec.structs.replace(rows, offers=left), self._now, self._living)
        return found

    async def _check_refusals(self, connection: Connection, rows: CallRows) -> None:
        """Look for offers to an agent who had rejected the caller, while somebody else with his skills was ready."""
        rejected: dict[str, OfferRow] = {}
        for offer in rows.offers:
            if offer.agent_id is None:
                continue
            if offer.agent_id in rejected:
                begin = offer.made_at - timedelta(seconds=READY_BEFORE_S)
                end = offer.made_at + timedelta(seconds=READY_AFTER_S)
                other = await connection.fetchval(_sql.could_serve, offer.agent_id, list(rejected), begin, end)
                if other is not None:
                    detail = f"offer {offer.offer_id} to agent {offer.agent_id}; agent {other} was ready"
                    self._find("rung_again", rows.call.call_id, detail)
            if offer.result == "rejected":
                rejected[offer.agent_id] = offer

    # --- the journal and the line -----------------------------------------------------------------------------------------

    async def check_journal(self, connection: Connection, since: datetime, until: datetime) -> None:
        """Check that every fact is there, once."""
        for r in await connection.fetch(_sql.rowless, since, until, FINDINGS_LIMIT):
            self._find("no_row", r["call_id"], KINDS["no_row"].partition(": ")[2])
        for r in await connection.fetch(_sql.dead, since, FINDINGS_LIMIT):
            self._find("dead_fact", "", f"{r['type']} {r['fact_id']}: {r['reason']}")
        for r in await connection.fetch(_sql.gaps, since, until, FINDINGS_LIMIT):
            self._find("lost_facts", "", f"{r['source']}: numbers {r['first']} to {r['last']}")
        for r in await connection.fetch(_sql.twice, since, until, FINDINGS_LIMIT):
            self._find("twice", "", f"fact {r['fact_id']}")
        for r in await connection.fetch(_sql.numbers_twice, since, until, FINDINGS_LIMIT):
            self._find("twice", "", f"{r['source']}: numbers between {r['first']} and {r['last']}")
        self.findings += await audit_callbacks(connection, since, until, self._now, FINDINGS_LIMIT)
        for r in await connection.fetch(_sql.odd_waits, since, until):
            self._find("identity", "", f"queue {r['queue_id']}: {r['waits']} waits count as nothing")

    async def check_distribution(self, connection: Connection, since: datetime, until: datetime) -> None:
        """Check what concerns several calls: the agents' offers, the order of the line, and the routers' terms."""
        for r in await connection.fetch(_sql.unready, since, until, FINDINGS_LIMIT):
            detail = f"offer {r['offer_id']}: agent {r['agent_id']} was {r['previous']}"
            self._find("unready_agent", r["call_id"], detail)
        for r in await connection.fetch(_sql.changes, since, until):
            await self._check_change(connection, r["taken_at"])
        for record in await connection.fetch(_sql.spans, since, until):
            begin, end = max(record["begin"], since), min(record["begin"] + SPAN, until)
            await self._check_agents(connection, begin, end)
            await self._check_turns(connection, begin, end)

    async def _check_agents(self, connection: Connection, since: datetime, until: datetime) -> None:
        records = await connection.fetch(_sql.agent_offers, since, until)
        offers = [msgspec.convert(dict(r), AgentOffer) for r in records]
        pairs = overlaps(offers)
        if pairs:
            void = await _void_offers(connection, sorted({o.call_id for pair in pairs for o in pair}))
            self.findings += check_agents([o for o in offers if o.offer_id not in void])

    async def _check_turns(self, connection: Connection, since: datetime, until: datetime) -> None:
        waits = [msgspec.convert(dict(r), Wait) for r in await connection.fetch(_sql.waits, since, until)]
        rings = [msgspec.convert(dict(r), Ring) for r in await connection.fetch(_sql.rings, since, until)]
        for passed in await asyncio.to_thread(out_of_turn, waits, rings):
            if passed.ring.made_at >= since and await self._is_comparable(connection, passed):
                detail = f"offer {passed.ring.offer_id} to agent {passed.ring.agent_id}; call {passed.waited} had waited for longer"
                self._find("out_of_turn", passed.ring.call_id, detail)

    async def _is_comparable(self, connection: Connection, passed: Passed) -> bool:
        """Return whether both callers asked for the same, and the router certainly knew of both."""
        ring, at = passed.ring, passed.ring.made_at
        if not await connection.fetchval(_sql.same_skills, ring.call_id, passed.waited, ring.queue_id):
            return False
        if await connection.fetchval(_sql.place_changed, [ring.call_id, passed.waited]):
            return False
        since, until = at - timedelta(seconds=DISTURBED_S), at + timedelta(seconds=CROSSING_S)
        return not await connection.fetchval(_sql.disturbed, passed.waited, since, until)

    async def _check_change(self, connection: Connection, at: datetime) -> None:
        """Look for phones that rang for a router after another's term had begun."""
        records = await connection.fetch(_sql.called_at, at, at + OLD_TERM)
        for r in await connection.fetch(_sql.overruled, [r["call_id"] for r in records]):
            if r["rang"]:
                self._find("old_term", r["call_id"], f"offer {r['offer_id']}")

    def _find(self, kind: str, call_id: str, detail: str) -> None:
        self.findings.append(Finding(kind=kind, call_id=call_id, detail=detail))


async def _void_offers(connection: Connection, call_ids: Sequence[str]) -> frozenset[str]:
    """Return the offers of some calls that a router made whose term was over, and that rang no phone: they bound nobody."""
    records = await connection.fetch(_sql.overruled, call_ids)
    return frozenset(r["offer_id"] for r in records if not r["rang"])
