"""One recording of a conversation for which several phones rang."""

from hotline import facts as f
from hotline.ids import AgentId, CallId, Extension, LegId, NodeId, OfferId, QueueId, RecordingId
from recorder.policy import SETTLE_S, Policy
from recorder.records import Collect, Forget, Keep, Look

NODE, CALL = NodeId("node1"), CallId("call")
ONE, TWO, THREE = (OfferId(f"o{n}") for n in (1, 2, 3))


def offered(*offers: OfferId) -> Policy:
    policy = Policy(NODE, now=100.0)
    for offer in offers:
        policy.handle(made(offer), 100.0)
    return policy


def made(offer: OfferId) -> f.OfferMade:
    return f.OfferMade(
        at=100.0, call_id=CALL, offer_id=offer, agent_id=AgentId("a"), extension=Extension("1001"),
        queue_id=QueueId("q"), ring_timeout_s=15, entered_at=100.0, recording_id=RecordingId(ONE), group=ONE,
    )  # fmt: skip


def ids(offer: OfferId, at: float = 105.0) -> dict[str, object]:
    return {"at": at, "call_id": CALL, "offer_id": offer}


def started(actions: object) -> list[tuple[str, str]]:
    assert isinstance(actions, list)
    return [(a.recording_id, a.offer_id) for a in actions if isinstance(a, f.RecordingStarted)]


def test_the_recording_is_of_the_offer_that_was_answered() -> None:
    policy = offered(ONE, TWO, THREE)
    assert started(policy.handle(f.OfferAccepted(**ids(TWO)), 105.0)) == [("o1", "o2")]  # type: ignore[arg-type]
    assert list(policy.entries) == ["o1"]
    assert policy.entries[RecordingId("o1")].state == "talking"


def test_the_other_phones_do_not_end_it() -> None:
    policy = offered(ONE, TWO)
    policy.handle(f.OfferAccepted(**ids(TWO)), 105.0)  # type: ignore[arg-type]
    policy.handle(f.OfferRescinded(**ids(ONE), reason="answered_elsewhere"), 105.0)  # type: ignore[arg-type]
    assert policy.entries[RecordingId("o1")].state == "talking"
    policy.handle(f.TalkEnded(**ids(TWO, 110.0)), 110.0)  # type: ignore[arg-type]
    assert policy.entries[RecordingId("o1")].state == "settling"
    assert policy.wake(110.0 + SETTLE_S) == [Look(recording_id=RecordingId("o1"))]


def test_it_is_over_when_the_last_phone_has_ended() -> None:
    policy = offered(ONE, TWO)
    policy.handle(f.OfferBusy(**ids(ONE)), 105.0)  # type: ignore[arg-type]
    assert policy.entries[RecordingId("o1")].state == "offered"
    policy.handle(f.OfferTimedOut(**ids(TWO)), 106.0)  # type: ignore[arg-type]
    assert policy.entries[RecordingId("o1")].state == "settling"


def test_it_survives_our_own_death() -> None:
    kept = offered(ONE, TWO).entries.values()
    policy = Policy(NODE, kept, now=101.0)
    assert started(policy.handle(f.OfferAccepted(**ids(TWO)), 105.0)) == [("o1", "o2")]  # type: ignore[arg-type]


def test_a_group_found_ringing_after_one_phone_ended_is_still_followed() -> None:
    policy = offered(ONE, TWO)
    policy.handle(f.OfferBusy(**ids(ONE)), 105.0)  # type: ignore[arg-type]
    adopted = f.CallAdopted(at=106.0, call_id=CALL, node=NODE, leg=LegId("leg"), phase="ringing", offer_id=ONE)
    assert policy.handle(adopted, 106.0) == []
    assert policy.entries[RecordingId("o1")].state == "offered"


def test_an_answer_heard_before_the_offer_is_followed_under_the_name_of_the_group() -> None:
    policy = Policy(NODE, now=100.0)
    policy.handle(f.OfferRescinded(**ids(ONE), reason="answered_elsewhere"), 105.0)  # type: ignore[arg-type]
    policy.handle(f.OfferAccepted(**ids(TWO)), 105.0)  # type: ignore[arg-type]
    policy.handle(made(ONE), 105.1)
    said = policy.handle(made(TWO), 105.1)
    assert [type(a) for a in said] == [Forget, Keep]
    assert [(e.recording_id, e.offer_id, e.state) for e in policy.entries.values()] == [("o1", "o2", "talking")]
    policy.handle(f.TalkEnded(**ids(TWO, 110.0)), 110.0)  # type: ignore[arg-type]
    policy.wake(110.0 + SETTLE_S)
    said = policy.looked(RecordingId("o1"), 100_000, is_open=False, now=110.0 + SETTLE_S)
    said += policy.looked(RecordingId("o1"), 100_000, is_open=False, now=111.0 + 2 * SETTLE_S)
    assert any(isinstance(a, Collect) for a in said), said
