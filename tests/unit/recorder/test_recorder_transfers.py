"""Recordings of conversations with holds, and of those that an agent was given by another one."""

from typing import Any

from hotline import facts as f
from hotline.ids import AgentId, CallId, Extension, NodeId, OfferId, QueueId, RecordingId
from recorder.policy import Policy

NODE, CALL, FIRST, SECOND = NodeId("node1"), CallId("call"), OfferId("o1"), OfferId("o2")


def on(told: type[Any], at: float, offer: OfferId, /, **more: Any) -> Any:
    return told(at=at, call_id=CALL, offer_id=offer, **more)


def asked() -> Policy:
    policy = Policy(NODE, now=100.0)
    made = on(
        f.OfferMade, 100.0, SECOND, agent_id=AgentId("a"), extension=Extension("1002"), queue_id=QueueId("q"),
        ring_timeout_s=15, entered_at=90.0, kind="consult",
    )  # fmt: skip
    assert policy.handle(made, 100.0) == []
    policy.handle(on(f.OfferAccepted, 105.0, SECOND), 105.0)
    return policy


def test_what_agents_say_to_each_other_is_expected_nowhere() -> None:
    policy = asked()
    policy.handle(on(f.TalkEnded, 110.0, SECOND), 110.0)
    for recording_id in list(policy.entries):
        policy.looked(recording_id, None, is_open=False, now=111.0)
    assert policy.entries == {}


def test_the_conversation_after_a_transfer_is_recorded_from_there_on() -> None:
    policy = asked()
    completed = on(
        f.TransferCompleted, 120.0, FIRST, kind="attended", next_offer=SECOND, recording_id=RecordingId(SECOND)
    )
    told = [a for a in policy.handle(completed, 120.0) if isinstance(a, f.RecordingStarted)]
    assert [(t.recording_id, t.offer_id, t.at) for t in told] == [("o2", "o2", 120.0)]
    entry = policy.entries[RecordingId(SECOND)]
    assert (entry.accepted_at, entry.expected) == (120.0, True)
    assert not [a for a in policy.handle(completed, 120.0) if isinstance(a, f.RecordingStarted)]


def test_a_transfer_that_is_heard_of_first_is_enough() -> None:
    policy = Policy(NODE, now=100.0)
    policy.handle(
        on(f.TransferCompleted, 120.0, FIRST, kind="attended", next_offer=SECOND, recording_id=RecordingId(SECOND)),
        120.0,
    )
    assert policy.entries[RecordingId(SECOND)].state == "talking"


def test_after_a_hold_nobody_says_how_long_a_recording_should_be() -> None:
    policy = Policy(NODE, now=100.0)
    made = on(
        f.OfferMade, 100.0, FIRST, agent_id=AgentId("a"), extension=Extension("1001"), queue_id=QueueId("q"),
        ring_timeout_s=15, entered_at=90.0, recording_id=RecordingId(FIRST),
    )  # fmt: skip
    policy.handle(made, 100.0)
    policy.handle(on(f.OfferAccepted, 105.0, FIRST), 105.0)
    policy.handle(on(f.HoldBegan, 110.0, FIRST), 110.0)
    policy.handle(on(f.TalkEnded, 200.0, FIRST), 200.0)
    assert policy.entries[RecordingId(FIRST)].talked_s is None
