"""Calls as lists of facts, for tests that need traffic without a telephone."""

import itertools
from collections.abc import Iterator
from typing import Literal

from hotline.facts import (
    AgentStateChanged,
    CallAbandoned,
    CallArrived,
    CallEnded,
    CallFlowedOut,
    CallQueued,
    Fact,
    IvrStepTaken,
    OfferAccepted,
    OfferMade,
    OfferRang,
    OfferTimedOut,
    RecordingMarked,
    RecordingStored,
    ScreenPopped,
    TalkEnded,
)
from hotline.ids import AgentId, CallId, Extension, LegId, NodeId, OfferId, QueueId, RecordingId

Ending = Literal["answered", "answered_late", "abandoned", "abandoned_short", "flowed_out", "left_menu"]
ENDINGS: tuple[Ending, ...] = ("answered", "answered_late", "abandoned", "abandoned_short", "flowed_out", "left_menu")
QUEUE = QueueId("service")
AGENT = AgentId("1001")


def story(
    number: int,
    *,
    end: float,
    ending: Ending = "answered",
    queue: QueueId = QUEUE,
    agent: AgentId = AGENT,
    talk_s: float = 20.0,
    recorded: bool = True,
) -> list[Fact]:
    """Return the facts of one whole call whose last one happens at `end`. `answered_late` rings twice and waits 40 s."""
    call = CallId(f"call-{number}")
    waits = {
        "answered": 4.0,
        "answered_late": 40.0,
        "abandoned": 25.0,
        "abandoned_short": 2.0,
        "flowed_out": 12.0,
        "left_menu": 0.0,
    }
    wait = waits[ending]
    spoken = talk_s if ending.startswith("answered") else 0.0
    entered = end - spoken - wait
    facts: list[Fact] = [
        CallArrived(
            at=entered - 6, call_id=call, node=NodeId("node1"), leg=LegId(f"PJSIP/trunk-{number:08x}"), number="4000"
        ),
        IvrStepTaken(at=entered - 3, call_id=call, flow="main", flow_version="1", step="welcome", result="played"),
    ]
    if ending == "left_menu":
        return [*facts, CallEnded(at=end, call_id=call, cause=16, ended_by="caller")]
    facts += [
        IvrStepTaken(at=entered, call_id=call, flow="main", flow_version="1", step="menu", result="digit:1"),
        CallQueued(at=entered, call_id=call, queue_id=queue, entered_at=entered),
    ]
    if spoken:
        answered = entered + wait
        facts += _conversation(
            call, queue, agent, entered, answered, end, late=ending == "answered_late", recorded=recorded
        )
    elif ending == "flowed_out":
        facts.append(CallFlowedOut(at=end, call_id=call, queue_id=queue, entered_at=entered, reason="closed"))
    facts.append(CallEnded(at=end, call_id=call, cause=16, ended_by="caller"))
    if ending.startswith("abandoned"):
        short = ending == "abandoned_short"
        facts.append(CallAbandoned(at=end, call_id=call, queue_id=queue, entered_at=entered, short=short))
    return facts


def _conversation(
    call: CallId,
    queue: QueueId,
    agent: AgentId,
    entered: float,
    answered: float,
    end: float,
    *,
    late: bool,
    recorded: bool,
) -> Iterator[Fact]:
    def made(offer: OfferId, to: AgentId, at: float) -> OfferMade:
        return OfferMade(
            at=at, call_id=call, offer_id=offer, agent_id=to, queue_id=queue, entered_at=entered, ring_timeout_s=15.0,
            extension=Extension("1001"),
        )  # fmt: skip

    if late:
        missed = OfferId(f"{call}-a")
        yield made(missed, AgentId("1002"), entered + 1)
        yield OfferRang(at=entered + 1.5, call_id=call, offer_id=missed)
        yield OfferTimedOut(at=entered + 16, call_id=call, offer_id=missed)
    offer = OfferId(f"{call}-b")
    yield made(offer, agent, answered - 3)
    yield OfferRang(at=answered - 2.5, call_id=call, offer_id=offer)
    yield ScreenPopped(at=answered - 2.8, call_id=call, offer_id=offer, agent_id=agent)
    yield OfferAccepted(at=answered, call_id=call, offer_id=offer)
    yield TalkEnded(at=end, call_id=call, offer_id=offer, ended_by="caller")
    recording = RecordingId(str(offer))
    if recorded:
        yield RecordingStored(
            at=end,
            call_id=call,
            offer_id=offer,
            recording_id=recording,
            file="a.wav",
            sha256="0" * 64,
            size_bytes=1,
            duration_s=end - answered,
        )
    else:
        yield RecordingMarked(at=end, call_id=call, offer_id=offer, recording_id=recording, problem="missing")


def traffic(start: int = 0) -> Iterator[tuple[int, Ending]]:
    """Yield numbers and endings of calls for ever, every kind of ending in turn, most of them answered."""
    mix: tuple[Ending, ...] = (
        "answered",
        "answered",
        "abandoned",
        "answered",
        "answered_late",
        "abandoned_short",
        "flowed_out",
        "left_menu",
    )
    return zip(itertools.count(start), itertools.cycle(mix), strict=False)


def agent_day(agent: AgentId, at: float, *, talk_s: float = 20.0) -> list[Fact]:
    """Return the states of an agent who ends a wrap-up at `at` and is ready again."""
    queues = (QUEUE,)
    steps = (
        ("ready", "offline", -60.0),
        ("talking", "ready", -10 - talk_s),
        ("wrap_up", "talking", -10.0),
        ("ready", "wrap_up", 0.0),
    )
    return [
        AgentStateChanged(at=at + offset, agent_id=agent, state=state, previous=previous, queues=queues)  # type: ignore[arg-type]
        for state, previous, offset in steps
    ]
