"""Facts in envelopes, and small calls written as facts, for tests of the journal and its projections."""

import itertools
from typing import Any

from hotline.facts import (
    CallAbandoned,
    CallArrived,
    CallEnded,
    CallQueued,
    Envelope,
    Fact,
    IvrStepTaken,
    OfferAccepted,
    OfferMade,
    OfferRang,
    RecordingStarted,
    RecordingStored,
    TalkEnded,
)
from hotline.ids import AgentId, CallId, Extension, FactId, LegId, NodeId, OfferId, QueueId, RecordingId

T0 = 1_795_300_800.0
"""When the calls of these tests arrive."""
CALL = CallId("call-1")
OFFER = OfferId("offer-1")
QUEUE = QueueId("service")
AGENT = AgentId("1001")


def told(*facts: Fact, source: str = "test", first: int = 1) -> list[Envelope]:
    """Return the facts in envelopes, numbered in the order given."""
    return [
        Envelope(fact_id=FactId(f"{source}-{n:06d}"), source=source, seq=n, fact=fact)
        for n, fact in enumerate(facts, start=first)
    ]


def arrived(at: float = 0.0, call: CallId = CALL, **more: Any) -> CallArrived:
    given = {"number": "4000", "caller_number": "+8613800138000", "caller_name": "Li"} | more
    return CallArrived(at=T0 + at, call_id=call, node=NodeId("node1"), leg=LegId("PJSIP/trunk-1"), **given)


def stepped(at: float, call: CallId = CALL, step: str = "welcome") -> IvrStepTaken:
    return IvrStepTaken(
        at=T0 + at, call_id=call, flow="main", flow_version="1", step=step, result="played", language="zh"
    )


def queued(at: float = 5.0, call: CallId = CALL, queue: QueueId = QUEUE, **more: Any) -> CallQueued:
    return CallQueued(at=T0 + at, call_id=call, queue_id=queue, **{"entered_at": T0 + at} | more)


def offered(
    at: float = 6.0, call: CallId = CALL, offer: OfferId = OFFER, *, entered: float = 5.0, **more: Any
) -> OfferMade:
    given: dict[str, Any] = {
        "agent_id": AGENT,
        "extension": Extension("1001"),
        "queue_id": QUEUE,
        "ring_timeout_s": 15.0,
        "entered_at": T0 + entered,
        "recording_id": RecordingId(offer),
    } | more
    return OfferMade(at=T0 + at, call_id=call, offer_id=offer, **given)


def abandoned(at: float, call: CallId = CALL, *, entered: float = 5.0, **more: Any) -> CallAbandoned:
    return CallAbandoned(at=T0 + at, call_id=call, queue_id=QUEUE, entered_at=T0 + entered, **more)


def ended(at: float, call: CallId = CALL, **more: Any) -> CallEnded:
    given: dict[str, Any] = {"cause": 16, "ended_by": "caller"}
    return CallEnded(at=T0 + at, call_id=call, **given | more)


def on_offer(kind: type[Any], at: float, call: CallId = CALL, offer: OfferId = OFFER, **more: Any) -> Any:
    """Return a fact of a kind that needs nothing but its offer."""
    return kind(at=T0 + at, call_id=call, offer_id=offer, **more)


def answered_call(
    call: CallId = CALL, offer: OfferId = OFFER, start: float = 0.0, agent: AgentId = AGENT, talk_s: float = 20.0
) -> list[Fact]:
    """Return the facts of a call that is queued after 5 s, rings after 6, is answered after 10 and recorded."""
    s, recording = start, RecordingId(offer)
    over = s + 10 + talk_s
    return [
        arrived(s, call),
        stepped(s + 2, call),
        queued(s + 5, call),
        offered(s + 6, call, offer, entered=s + 5, agent_id=agent),
        on_offer(OfferRang, s + 6.5, call, offer),
        on_offer(OfferAccepted, s + 10, call, offer),
        on_offer(RecordingStarted, s + 10, call, offer, recording_id=recording),
        on_offer(TalkEnded, over, call, offer, ended_by="agent"),
        ended(over + 0.5, call),
        on_offer(
            RecordingStored,
            over + 2,
            call,
            offer,
            recording_id=recording,
            file=f"2026/11/{recording}.wav",
            sha256="0" * 64,
            size_bytes=640_000,
            duration_s=talk_s,
        ),
    ]


def abandoned_call(call: CallId, start: float = 0.0, wait_s: float = 12.0) -> list[Fact]:
    """Return the facts of a call that gives up after `wait_s` in the queue."""
    left = start + 5 + wait_s
    short = wait_s < 5
    return [
        arrived(start, call),
        stepped(start + 2, call),
        queued(start + 5, call),
        ended(left, call),
        abandoned(left, call, entered=start + 5, short=short),
    ]


def many_calls(count: int, *, every_s: float = 0.5) -> list[Fact]:
    """Return the facts of many calls, every fourth of them abandoned, by time."""
    facts: list[Fact] = []
    for n, kind in zip(range(count), itertools.cycle("aaab"), strict=False):
        call, start = CallId(f"call-{n:06d}"), n * every_s
        agent = AgentId(f"{1001 + n % 200}")
        facts += (
            answered_call(call, OfferId(f"offer-{n:06d}"), start, agent) if kind == "a" else abandoned_call(call, start)
        )
    return sorted(facts, key=lambda f: f.at)
