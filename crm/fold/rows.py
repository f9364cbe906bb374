"""What the projections hold: one record per row, and the tables of words that stand in their columns. Pure.

A row is never changed by hand: it follows from the facts of the journal (`crm.fold.projections`). The field names are the column
names, so that a row goes to PostgreSQL and comes back without a table of translations. Moments are UTC, to the microsecond;
durations are seconds.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

import msgspec

from hotline.facts import OfferEnding
from hotline.ids import AgentId, CallId, CustomerId, OfferId, QueueId, RecordingId, VoicemailId

Outcome = Literal["live", "answered", "fallback", "abandoned", "short_abandoned", "flowed_out", "ivr_only"]
"""What became of a call; see `OUTCOMES`."""

OUTCOMES: dict[Outcome, str] = {
    "live": "not over yet",
    "answered": "an agent talked with the caller at least once",
    "fallback": "no agent of ours answered; the dialplan sent the call to the static fallback queue",
    "abandoned": "the caller hung up while waiting (or ringing) in the last queue",
    "short_abandoned": "as `abandoned`, below the queue's short-abandon limit",
    "flowed_out": "left the last queue without an answer and without giving up (full, closed, voicemail, …)",
    "ivr_only": "over before any queue was entered",
}

Phase = Literal["ivr", "waiting", "ringing", "talking", "fallback", "ended"]
"""Where a call is now."""

OfferResult = Literal["ringing", "answered", OfferEnding]
"""How an offer ended; `ringing` while it has not."""

SegmentKind = Literal["ivr", "queue", "callback", "talk", "hold", "consult", "conference", "fallback"]
"""What the caller does during a segment: goes through a menu, waits, talks, is on hold, or is outside our hands. `consult`: what his
agent and another one do meanwhile; `conference`: he talks with both."""

SegmentOutcome = Literal["open", "done", "waiting", "answered", "abandoned", "flowed_out"]
"""A queue segment is `waiting`, `answered`, `abandoned` or `flowed_out`; any other kind is `open` or `done`."""

EndedBy = Literal["caller", "agent", "system", "unknown"]
"""Who hung up."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=4096)  # a call's facts speak of the same few moments again and again
def moment(at: float) -> datetime:
    """Return the UTC moment of `at` (seconds since 1970), rounded to the microsecond. Raises OverflowError far outside our era."""
    return _EPOCH + timedelta(microseconds=round(at * 1e6))


def seconds(at: datetime) -> float:
    """Return the seconds since 1970 of a moment."""
    return (at - _EPOCH) / timedelta(seconds=1)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a projection."""


class CallRow(Row, frozen=True, kw_only=True):
    """One call, from arrival to end."""

    call_id: CallId
    node: str
    number: str
    """The number dialled."""
    caller_number: str
    caller_name: str
    """As presented by the network, cleaned."""
    customer_id: CustomerId | None
    customer_name: str
    """The customer's name at the time of the call."""
    origin: str
    arrived_at: datetime
    queued_at: datetime | None
    """When the first queue was entered."""
    answered_at: datetime | None
    """When the first agent answered."""
    ended_at: datetime | None
    queue_id: QueueId | None
    """The queue that answered, else the last one entered."""
    agent_id: AgentId | None
    """Who answered first."""
    wait_s: float | None
    """Waiting in all queues, once the first wait is over."""
    ring_s: float | None
    """Ringing of all offers, once the first ring is over."""
    talk_s: float | None
    """Talking with all agents, once the first conversation is over."""
    outcome: Outcome
    phase: Phase
    ended_by: EndedBy
    cause: int
    """Q.850 hang-up cause; 0 unknown."""
    language: str
    priority: int
    flow: str
    """The last call flow the caller went through."""
    recording_id: RecordingId | None
    """The first recording of the call."""
    fallback_reason: str
    adopted: int
    """How often the call was taken over after a gap."""
    reconciled: bool
    """Whether its arrival or its end was concluded afterwards rather than seen."""


class SegmentRow(Row, frozen=True, kw_only=True):
    """One stretch of a call: a menu, a wait in one queue, a conversation with one agent, the static fallback queue."""

    call_id: CallId
    n: int
    """Counts the segments of the call by time, from 0."""
    kind: SegmentKind
    queue_id: QueueId | None
    agent_id: AgentId | None
    offer_id: OfferId | None
    began_at: datetime
    """For `queue`: the entry into the queue, where the service-level clock starts."""
    ended_at: datetime | None
    """For `queue`, answered: when the clock stops."""
    duration_s: float | None
    outcome: SegmentOutcome
    reason: str
    """Of a flow-out; the last step of a menu; who ended a conversation."""
    short: bool
    """Whether an abandon was below the short-abandon limit."""
    while_ringing: bool
    """Whether the caller gave up while a seat rang."""
    priority: int
    language: str
    inferred: bool
    """Whether its end follows from other facts because its own is missing."""


class OfferRow(Row, frozen=True, kw_only=True):
    """One attempt to connect a caller to an agent."""

    call_id: CallId
    offer_id: OfferId
    agent_id: AgentId | None
    """None: only the end of the offer is known."""
    extension: str
    queue_id: QueueId | None
    made_at: datetime
    rang_at: datetime | None
    ended_at: datetime | None
    """When the offer was answered or ended otherwise."""
    result: OfferResult
    reason: str
    ring_timeout_s: float | None
    ring_s: float | None
    talk_ended_at: datetime | None
    talk_s: float | None
    talk_ended_by: EndedBy
    screen_popped_at: datetime | None
    recording_id: RecordingId | None
    """Under which name the conversation is to be recorded; None: not recorded."""
    inferred: bool
    """Whether the answer or an end follows from other facts because its own is missing."""
    outcome: str = ""
    """How the agent said that the conversation went; empty while he has said nothing."""
    outcome_note: str = ""
    kind: str = "main"
    """`consult`: the agent was asked by another one; his `talk_s` counts from when he had the caller."""
    hold_s: float | None = None
    """How long the caller was on hold, which is no part of `talk_s`; None: never."""


class RecordingRow(Row, frozen=True, kw_only=True):
    """One recording, stored or marked as missing or broken."""

    recording_id: RecordingId
    call_id: CallId
    offer_id: OfferId
    agent_id: AgentId | None
    queue_id: QueueId | None
    started_at: datetime | None
    settled_at: datetime | None
    """When it was stored or marked."""
    status: Literal["recording", "stored", "missing", "empty", "broken", "too_short", "store_failed"]
    detail: str
    file: str
    """Path relative to the recording store; empty when there is none."""
    sha256: str
    size_bytes: int
    duration_s: float
    channels: int
    rate_hz: int


class VoicemailRow(Row, frozen=True, kw_only=True):
    """One message of a caller, left or missed."""

    message_id: VoicemailId
    call_id: CallId
    queue_id: QueueId | None
    """The queue that let him out for it; None: the fallback queue of Asterisk asked for it."""
    began_at: datetime | None
    """When he was asked for it."""
    settled_at: datetime | None
    """When it was stored, or was known to be missed."""
    status: Literal["recording", "left", "empty", "missing", "store_failed"]
    detail: str
    file: str
    """Path relative to the store of messages; empty when there is none."""
    sha256: str
    size_bytes: int
    duration_s: float
    handled_at: datetime | None = None
    """When somebody dealt with it, unless that was taken back."""
    handled_by: str = ""


class AgentRow(Row, frozen=True, kw_only=True):
    """One agent, as last told."""

    agent_id: AgentId
    name: str
    extension: str
    skills: dict[str, int]
    queues: list[str]
    told_at: datetime
    fact_id: str


class AgentStateRow(Row, frozen=True, kw_only=True):
    """One change of an agent's state; it lasts until the agent's next one."""

    fact_id: str
    agent_id: AgentId
    began_at: datetime
    state: str
    previous: str
    reason: str
    changed_by: str
    until: datetime | None
    """When a wrap-up or rest is to end; of a break, when it has lasted as long as its reason allows."""
    call_id: CallId | None
    forced: bool
    """Whether a supervisor ordered it."""


class CallRows(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the projections hold about one call."""

    call: CallRow
    segments: tuple[SegmentRow, ...]
    offers: tuple[OfferRow, ...]
    recordings: tuple[RecordingRow, ...]
    voicemails: tuple[VoicemailRow, ...] = ()
