"""Facts of whole calls as a hotline tells them, for measurements of their way: real ids, and which of them are told in one turn."""

import random
import uuid
from collections.abc import Iterator, Sequence

import msgspec

from hotline.facts import (
    AgentState,
    AgentStateChanged,
    CallArrived,
    CallEnded,
    CallerIdentified,
    CallQueued,
    Envelope,
    Fact,
    IvrStepTaken,
    OfferAccepted,
    OfferMade,
    OfferRang,
    RecordingStarted,
    RecordingStored,
    ScreenPopped,
    TalkEnded,
)
from hotline.ids import (
    AgentId,
    CallId,
    CustomerId,
    Extension,
    LegId,
    NodeId,
    OfferId,
    QueueId,
    RecordingId,
    new_fact_id,
)

NODE, QUEUE = NodeId("node1"), QueueId("service")
Turn = Sequence[Fact]
"""What is told in one turn of the event loop."""


def answered(at: float, chance: random.Random, number: int) -> list[Turn]:
    """Return an answered and recorded call from arrival to the agent's next readiness, turn by turn."""
    call = CallId(str(uuid.UUID(int=chance.getrandbits(128), version=4)))
    offer = OfferId(f"{call}.t3-19e6c2a7f00.{number}")
    agent, recording = AgentId(str(1001 + number % 200)), RecordingId(offer)
    on = {"call_id": call, "offer_id": offer}

    def step(after: float, name: str, result: str) -> IvrStepTaken:
        return IvrStepTaken(
            at=at + after, call_id=call, flow="main", flow_version="3f9a1c04", step=name, result=result, language="zh"
        )

    def state(after: float, now: AgentState, before: AgentState) -> AgentStateChanged:
        return AgentStateChanged(
            at=at + after, agent_id=agent, state=now, previous=before, by="router", call_id=call, queues=(QUEUE,)
        )

    file = f"2026/11/22/{recording}.wav"
    arrival = CallArrived(
        at=at, call_id=call, node=NODE, leg=LegId(f"PJSIP/trunk-{number:08x}"), number="4000",
        caller_number=f"+86138{number:08d}", caller_name="Li Lei",
    )  # fmt: skip
    made = OfferMade(
        at=at + 9.1, agent_id=agent, extension=Extension(agent), queue_id=QUEUE, ring_timeout_s=15.0, entered_at=at + 6.0,
        recording_id=recording, **on,
    )  # fmt: skip
    stored = RecordingStored(
        at=at + 95.2, recording_id=recording, file=file, sha256=f"{chance.getrandbits(256):064x}", size_bytes=2_560_044,
        duration_s=79.96, **on,
    )  # fmt: skip
    return [
        [arrival],
        [CallerIdentified(at=at + 0.01, call_id=call, customer_id=CustomerId(f"c{number}"), name="李雷", tier="gold")],
        [step(4.0, "welcome", "played")],
        [step(6.0, "menu", "digit:1"), CallQueued(at=at + 6.0, call_id=call, queue_id=QUEUE, entered_at=at + 6.0, language="zh")],
        [made, state(9.1, "reserved", "ready")],
        [OfferRang(at=at + 9.3, **on)],
        [ScreenPopped(at=at + 9.31, agent_id=agent, **on), state(9.31, "ringing", "reserved")],
        [OfferAccepted(at=at + 13.0, **on)],
        [state(13.01, "talking", "ringing"), RecordingStarted(at=at + 13.01, recording_id=recording, **on)],
        [TalkEnded(at=at + 93.0, ended_by="caller", **on), CallEnded(at=at + 93.0, call_id=call, cause=16, ended_by="caller")],
        [state(93.01, "wrap_up", "talking")],
        [stored],
        [state(103.0, "ready", "wrap_up")],
    ]  # fmt: skip


def traffic(calls: int, start: float, *, every_s: float = 0.1, seed: int = 1) -> Iterator[list[Turn]]:
    """Yield calls, one every so often; another seed gives other calls."""
    chance = random.Random(seed)
    for number in range(calls):
        yield answered(start + number * every_s, chance, number)


def in_envelopes(calls: Iterator[list[Turn]]) -> list[Envelope]:
    """Return the facts of calls in the order of time, told by one process."""
    facts = sorted((f for call in calls for turn in call for f in turn), key=lambda f: f.at)
    return [
        Envelope(fact_id=new_fact_id(fact.at), source="hotline@node1", seq=n, fact=fact)
        for n, fact in enumerate(facts, 1)
    ]


def retimed(turn: Turn, now: float) -> list[Fact]:
    """Return the facts of a turn as if they happened now."""
    return [msgspec.structs.replace(fact, at=now) for fact in turn]
