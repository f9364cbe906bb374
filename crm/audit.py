"""The invariants of the house that can be asked of data: pure checks of a call's rows, and the queries that feed them.

Each finding names its kind, the call and what is wrong. Facts of different processes carry times of different steady clocks, so
times may be out of order by `CLOCK_SLACK_S`; timers may be late by a second.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from crm.calls import read_rows
from crm.rows import CallRows, OfferRow, SegmentRow, moment
from hotline.ids import CallId
from hotline.kpi import QueueCounts, identity_gap
from hotline.store.pool import Connection, Store
from hotline.store.queries import load

CLOCK_SLACK_S = 0.25
TIMER_SLACK_S = 1.0
RECORDING_GRACE_S = 60.0
"""So long after a conversation its recording may still be on its way."""
STALE_S = 12 * 3600.0
"""A call that is open for longer than this is suspicious when nobody can be asked what lives."""
CALLS_PER_SLICE = 500
FINDINGS_LIMIT = 1000

_sql = load("crm", "audit.sql")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One violated invariant."""

    kind: str
    """A word of `KINDS`."""
    call_id: str
    """Empty when it is not about one call."""
    detail: str


KINDS = {
    "no_row": "a call that arrived has no row",
    "time_order": "arrive <= queue <= ring <= answer <= end does not hold",
    "two_accepted": "a call has two conversations at once",
    "two_offers": "an agent has two live offers at once",
    "late_offer": "an offer outlived its timer",
    "open_after_end": "something of a call that is over is still open",
    "identity": "offered is not answered + abandoned + flowed out + waiting",
    "no_recording": "a conversation that should be recorded has neither a recording nor a mark",
    "orphan_recording": "a recording belongs to no offer",
    "ghost": "a call is open here, and Asterisk does not know it",
    "stale": "a call is open for very long",
    "dead_fact": "a fact could not go into the journal",
    "lost_facts": "facts of a process are missing in the journal",
}
"""Every kind of finding, and what it says."""


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit looked at and found."""

    calls: int
    findings: list[Finding]
    complete: bool
    """False: there are more findings than are listed."""


# --- one call (pure) ---------------------------------------------------------------------------------------------------


def check_call(rows: CallRows, now: datetime, living: AbstractSet[CallId] | None = None) -> list[Finding]:
    """Return what is wrong with one call. `living`: the calls that Asterisk knows, or None when nobody asked it."""
    call_id = rows.call.call_id
    problems = [
        *(("time_order", d) for d in _disorder(rows)),
        *(("two_accepted", d) for d in _double_talks(rows.offers)),
        *(("late_offer", d) for d in _late_offers(rows.offers, now)),
        *(("open_after_end", d) for d in _open_ends(rows)),
        *(("identity", d) for d in _identity(rows.segments)),
        *_recording_problems(rows, now),
        *_lingering(rows, now, living),
    ]
    return [Finding(kind=kind, call_id=call_id, detail=detail) for kind, detail in problems]


def _before(earlier: datetime | None, later: datetime | None, slack_s: float = CLOCK_SLACK_S) -> bool:
    return earlier is None or later is None or later - earlier >= timedelta(seconds=-slack_s)


def _disorder(rows: CallRows) -> Iterable[str]:
    call = rows.call
    steps = (
        ("arrived", call.arrived_at),
        ("queued", call.queued_at),
        ("answered", call.answered_at),
        ("ended", call.ended_at),
    )
    known = [(name, at) for name, at in steps if at is not None]
    for (first, earlier), (second, later) in pairwise(known):
        if not _before(earlier, later):
            yield f"{second} before {first}"
    for offer in rows.offers:
        marks = (call.arrived_at, offer.made_at, offer.rang_at, offer.ended_at, offer.talk_ended_at)
        given = [m for m in marks if m is not None]
        if not all(_before(a, b) for a, b in pairwise(given)):
            yield f"the times of offer {offer.offer_id} are out of order"
    for segment in rows.segments:
        if not _before(segment.began_at, segment.ended_at):
            yield f"segment {segment.n} ends before it begins"


def _double_talks(offers: Sequence[OfferRow]) -> Iterable[str]:
    talks = sorted((o for o in offers if o.result == "answered"), key=lambda o: (o.ended_at or o.made_at, o.offer_id))
    for first, second in pairwise(talks):
        over = first.talk_ended_at
        if over is None or not _before(over, second.ended_at):
            yield f"offers {first.offer_id} and {second.offer_id}"


def _late_offers(offers: Sequence[OfferRow], now: datetime) -> Iterable[str]:
    for offer in offers:
        if offer.ring_timeout_s is None or offer.inferred:
            continue
        allowed = timedelta(seconds=offer.ring_timeout_s + TIMER_SLACK_S + CLOCK_SLACK_S)
        if (offer.ended_at or now) - offer.made_at > allowed:
            yield f"offer {offer.offer_id} rang for more than {offer.ring_timeout_s:g} s"


def _open_ends(rows: CallRows) -> Iterable[str]:
    if rows.call.ended_at is None:
        return
    for segment in rows.segments:
        if segment.ended_at is None:
            yield f"segment {segment.n} ({segment.kind})"
    for offer in rows.offers:
        if offer.ended_at is None or (offer.result == "answered" and offer.talk_ended_at is None):
            yield f"offer {offer.offer_id}"


def _identity(segments: Sequence[SegmentRow]) -> Iterable[str]:
    waits = [s for s in segments if s.kind == "queue"]
    for queue_id in sorted({s.queue_id or "" for s in waits}):
        counts = counts_of(s for s in waits if (s.queue_id or "") == queue_id)
        if identity_gap(counts):
            yield f"queue {queue_id}"
        if len({s.began_at for s in waits if (s.queue_id or "") == queue_id}) != counts.offered:
            yield f"queue {queue_id}: an entry is counted twice"


def counts_of(waits: Iterable[SegmentRow]) -> QueueCounts:
    """Return what became of some waits (without thresholds)."""
    outcomes = [w.outcome for w in waits]
    return QueueCounts(
        offered=len(outcomes),
        answered=outcomes.count("answered"),
        abandoned=outcomes.count("abandoned"),
        flowed_out=outcomes.count("flowed_out"),
        waiting=outcomes.count("waiting"),
    )


def _recording_problems(rows: CallRows, now: datetime) -> Iterable[tuple[str, str]]:
    settled = {r.recording_id for r in rows.recordings if r.status != "recording"}
    for offer in rows.offers:
        if offer.recording_id is None or offer.talk_ended_at is None or offer.recording_id in settled:
            continue
        if (now - offer.talk_ended_at).total_seconds() > RECORDING_GRACE_S:
            yield "no_recording", f"offer {offer.offer_id}"
    offers = {o.offer_id for o in rows.offers}
    for recording in rows.recordings:
        if recording.offer_id not in offers:
            yield "orphan_recording", f"recording {recording.recording_id}"


def _lingering(rows: CallRows, now: datetime, living: AbstractSet[CallId] | None) -> Iterable[tuple[str, str]]:
    call = rows.call
    if call.ended_at is not None:
        return
    age_s = (now - call.arrived_at).total_seconds()
    if living is not None:
        if call.call_id not in living and age_s > RECORDING_GRACE_S:
            yield "ghost", f"open in phase {call.phase}"
    elif age_s > STALE_S:
        yield "stale", f"open for {age_s / 3600:.0f} h in phase {call.phase}"


# --- many calls --------------------------------------------------------------------------------------------------------


class AgentOffer(msgspec.Struct, frozen=True, kw_only=True):
    """When an offer bound an agent."""

    agent_id: str
    call_id: str
    offer_id: str
    made_at: datetime
    over_at: datetime | None


def check_agents(offers: Sequence[AgentOffer]) -> list[Finding]:
    """Return the offers that overlap with the agent's one before; `offers` come by agent and time."""
    findings: list[Finding] = []
    for first, second in pairwise(offers):
        if first.agent_id == second.agent_id and not _free(first, second.made_at):
            detail = f"agent {first.agent_id}: {first.offer_id} (call {first.call_id}) and {second.offer_id}"
            findings.append(Finding(kind="two_offers", call_id=second.call_id, detail=detail))
    return findings


def _free(offer: AgentOffer, at: datetime) -> bool:
    return offer.over_at is not None and _before(offer.over_at, at)


async def audit(
    store: Store,
    since: datetime,
    until: datetime,
    now: float,
    living: AbstractSet[CallId] | None = None,
) -> AuditReport:
    """Check every call that arrived from `since` to before `until`, and the journal itself. Changes nothing."""
    calls = 0
    findings: list[Finding] = []
    after = ""
    while True:
        async with store.transaction() as connection:
            records = await connection.fetch(_sql.calls_page, since, until, after, CALLS_PER_SLICE)
            call_ids = [CallId(r["call_id"]) for r in records]
            if not call_ids:
                break
            for rows in (await read_rows(connection, call_ids)).values():
                findings += check_call(rows, moment(now), living)
        calls += len(call_ids)
        after = call_ids[-1]
    async with store.transaction() as connection:
        findings += await _check_journal(connection, since, until)
    complete = len(findings) <= FINDINGS_LIMIT
    return AuditReport(calls=calls, findings=findings[:FINDINGS_LIMIT], complete=complete)


async def _check_journal(connection: Connection, since: datetime, until: datetime) -> list[Finding]:
    limit = FINDINGS_LIMIT
    rowless = await connection.fetch(_sql.rowless, since, until, limit)
    findings = [Finding(kind="no_row", call_id=r["call_id"], detail=KINDS["no_row"]) for r in rowless]
    dead = await connection.fetch(_sql.dead, since, limit)
    findings += [
        Finding(kind="dead_fact", call_id="", detail=f"{r['type']} {r['fact_id']}: {r['reason']}") for r in dead
    ]
    gaps = await connection.fetch(_sql.gaps, since, until, limit)
    findings += [
        Finding(kind="lost_facts", call_id="", detail=f"{r['source']}: numbers {r['first']} to {r['last']}")
        for r in gaps
    ]
    offers = await connection.fetch(_sql.agent_offers, since, until)
    return findings + check_agents([msgspec.convert(dict(r), AgentOffer) for r in offers])
