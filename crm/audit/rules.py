"""The invariants of the house that can be told from rows: pure checks of a call, of an agent's offers, of a spool.

Each finding names its kind, the call and what is wrong; the same finding reads the same each time. `KINDS` says which invariant of the
house a kind belongs to.

Facts come from several processes, each with a steady clock of its own. Machines whose clocks are kept by NTP differ by milliseconds;
times may therefore be out of order by `CLOCK_SLACK_S`. Timers may be late by a second. What two processes do at the same moment
(a router rings a phone for a caller who hangs up just then) may cross on its way for `CROSSING_S`.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from crm.fold.rows import CallRows, OfferRow, RecordingRow, SegmentRow
from hotline.ids import CallId
from hotline.kpi import QueueCounts, identity_gap
from hotline.spool_file import SpoolLook

CLOCK_SLACK_S = 0.25
TIMER_SLACK_S = 1.0
CROSSING_S = 2.0
RECORDING_GRACE_S = 60.0
"""So long after a conversation its recording may still be on its way."""
STALE_S = 12 * 3600.0
"""A call that is open for longer than this is suspicious when nobody can be asked what lives."""
SPOOL_AGE_S = 60.0
"""Facts that wait in a spool for longer than this are late."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One violated invariant."""

    kind: str
    """A word of `KINDS`."""
    call_id: str
    """Empty when it is not about one call."""
    detail: str


KINDS = {
    "two_offers": "1: an agent has two live offers at once",
    "two_accepted": "1: a call has two conversations at once",
    "unready_agent": "2: an agent was reserved who was not ready",
    "out_of_turn": "3: somebody who came later was served first",
    "lost_place": "4: a caller lost his place in the line by an unanswered ring",
    "rung_again": "4: an agent who rejected a caller was rung again for him although another was ready",
    "two_endings": "5: a call or an offer ended twice",
    "after_end": "5: something was begun for a call that was over",
    "old_term": "5: a phone rang for a router whose term was over",
    "no_row": "6: a call that arrived has no row",
    "two_arrivals": "6: two channels have the same call",
    "time_order": "6: arrive <= queue <= ring <= answer <= end does not hold",
    "identity": "7: offered is not answered + abandoned + flowed out + waiting",
    "no_recording": "8: a conversation that should be recorded has neither a recording nor a mark",
    "orphan_recording": "8: a recording belongs to no offer",
    "unasked_recording": "8: a conversation was recorded that should not be",
    "bad_recording": "8: a recording counts as stored, but has no file, hash or length",
    "dead_fact": "9: a fact could not go into the journal",
    "lost_facts": "9: facts of a process are missing in the journal",
    "twice": "9: a fact, or a number of a process, is in the journal twice",
    "late_facts": "9: facts wait in a spool for too long",
    "late_offer": "11: an offer outlived its timer",
    "open_after_end": "12: something of a call that is over is still open",
    "ghost": "12: a call is open here, and Asterisk does not know it",
    "lost_callback": "12: a callback was asked for and never ended",
    "two_callbacks": "1: a customer was called a second time while the first call for him lived",
    "stale": "12: a call is open for very long",
}
"""Every kind of finding: the invariant's number, and what it says."""


# --- one call (pure) ---------------------------------------------------------------------------------------------------


def check_call(rows: CallRows, now: datetime, living: AbstractSet[CallId] | None = None) -> list[Finding]:
    """Return what is wrong with one call. `living`: the calls that Asterisk knows, or None when nobody asked it."""
    call_id = rows.call.call_id
    problems = [
        *(("time_order", d) for d in _disorder(rows)),
        *(("two_accepted", d) for d in _double_talks(rows.offers)),
        *(("late_offer", d) for d in _late_offers(rows.offers, now)),
        *(("lost_place", d) for d in _lost_places(rows)),
        *(("after_end", d) for d in _afterwards(rows)),
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
        crossing = (first, second) == ("queued", "ended")  # one process queues a caller who hangs up at another
        if not _before(earlier, later, CROSSING_S if crossing else CLOCK_SLACK_S):
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
    both = (o for o in offers if o.result == "answered" and o.kind != "consult")  # who is asked has no caller by it
    talks = sorted(both, key=lambda o: (o.ended_at or o.made_at, o.offer_id))
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


def _lost_places(rows: CallRows) -> Iterable[str]:
    """Yield waits that ended only because the same caller entered the same queue anew, after a ring that nobody answered."""
    unanswered = {o.queue_id for o in rows.offers if o.result in ("no_answer", "rejected", "busy", "failed")}
    waits = [s for s in rows.segments if s.kind == "queue"]
    for first, second in pairwise(waits):
        moved = first.inferred and first.outcome == "flowed_out" and first.reason == "moved"
        if moved and first.queue_id == second.queue_id and first.queue_id in unanswered:
            yield f"queue {first.queue_id}: entered at {first.began_at:%H:%M:%S}, and again at {second.began_at:%H:%M:%S}"


def _afterwards(rows: CallRows) -> Iterable[str]:
    """Yield what began after the end of the call. What only ended then (an offer, by its timer) is no finding."""
    over = rows.call.ended_at
    for offer in rows.offers:
        for what, at in (("made", offer.made_at), ("rang", offer.rang_at)):
            if not _before(at, over, CROSSING_S):
                yield f"offer {offer.offer_id} {what}"
    for segment in rows.segments:
        if segment.kind != "fallback" and not _before(segment.began_at, over, CROSSING_S):
            yield f"segment {segment.n} ({segment.kind}) began"


def _recording_problems(rows: CallRows, now: datetime) -> Iterable[tuple[str, str]]:
    settled = {r.recording_id for r in rows.recordings if r.status != "recording"}
    for offer in rows.offers:
        if offer.recording_id is None or offer.talk_ended_at is None or offer.recording_id in settled:
            continue
        if (now - offer.talk_ended_at).total_seconds() > RECORDING_GRACE_S:
            yield "no_recording", f"offer {offer.offer_id}"
    offers = {o.offer_id: o for o in rows.offers}
    for recording in rows.recordings:
        yield from _flaws(recording, offers.get(recording.offer_id))


def _flaws(recording: RecordingRow, offer: OfferRow | None) -> Iterable[tuple[str, str]]:
    what = f"recording {recording.recording_id}"
    if offer is None:
        yield "orphan_recording", what
    elif offer.extension and offer.recording_id is None:  # its making was told, and no recording was asked for
        yield "unasked_recording", what
    if recording.status == "stored" and not (recording.file and recording.sha256 and recording.size_bytes):
        yield "bad_recording", what


def _lingering(rows: CallRows, now: datetime, living: AbstractSet[CallId] | None) -> Iterable[tuple[str, str]]:
    call = rows.call
    if call.ended_at is not None:
        return
    age_s = (now - call.arrived_at).total_seconds()
    since = f"open since {call.arrived_at:%Y-%m-%d %H:%M} UTC"
    if living is not None:
        if call.call_id not in living and age_s > RECORDING_GRACE_S:
            yield "ghost", since
    elif age_s > STALE_S:
        yield "stale", since


# --- agents and spools ---------------------------------------------------------------------------------------------------


class AgentOffer(msgspec.Struct, frozen=True, kw_only=True):
    """When an offer bound an agent."""

    agent_id: str
    call_id: str
    offer_id: str
    made_at: datetime
    over_at: datetime | None


def overlaps(offers: Sequence[AgentOffer]) -> list[tuple[AgentOffer, AgentOffer]]:
    """Return the offers that overlap with the agent's one before, and that one; `offers` come by agent and time."""
    return [(a, b) for a, b in pairwise(offers) if a.agent_id == b.agent_id and not _free(a, b.made_at)]


def check_agents(offers: Sequence[AgentOffer]) -> list[Finding]:
    """Return a finding for each pair of offers that overlap; `offers` come by agent and time."""
    return [
        Finding(
            kind="two_offers",
            call_id=second.call_id,
            detail=f"agent {first.agent_id}: {first.offer_id} (call {first.call_id}) and {second.offer_id}",
        )
        for first, second in overlaps(offers)
    ]


def _free(offer: AgentOffer, at: datetime) -> bool:
    return offer.over_at is not None and _before(offer.over_at, at)


def check_spool(look: SpoolLook, now: float) -> list[Finding]:
    """Return what is wrong with a spool."""
    problems: list[tuple[str, str]] = []
    if look.oldest_at is not None and now - look.oldest_at > SPOOL_AGE_S:
        problems.append(("late_facts", f"{look.path}: facts wait for more than {SPOOL_AGE_S:.0f} s"))
    if look.dead:
        problems.append(("dead_fact", f"{look.path}: {look.dead} facts cannot be read and were put aside"))
    problems += [("lost_facts", f"{aside}: a damaged spool that was moved aside") for aside in look.damaged]
    return [Finding(kind=kind, call_id="", detail=detail) for kind, detail in problems]
