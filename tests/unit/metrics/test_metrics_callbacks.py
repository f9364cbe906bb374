"""Callbacks have numbers of their own, and are in none of the queue's."""

from typing import Any

from hotline.facts import (
    CallArrived,
    CallbackAttempted,
    CallbackEnded,
    CallbackPutOff,
    CallbackRefused,
    CallbackRequested,
    CallEnded,
    CallFlowedOut,
    CallQueued,
    CustomerDialled,
    OfferAccepted,
    OfferMade,
    TalkEnded,
)
from hotline.ids import AgentId, CallbackId, CallId, Extension, LegId, NodeId, OfferId
from tests.support.stories import QUEUE
from tests.unit.metrics.test_metrics_fold import NOW, Numbers

WISH = CallbackId("w")
FIRST, CALLED = CallId("c"), CallId("w.1")


def ended(result: Any, **more: Any) -> CallbackEnded:
    return CallbackEnded(at=NOW, callback_id=WISH, queue_id=QUEUE, result=result, **more)


def test_a_callback_from_wish_to_conversation_counts_once_everywhere() -> None:
    n = Numbers()
    ids: dict[str, Any] = {"call_id": CALLED, "offer_id": OfferId("o")}
    n.tell(
        CallArrived(at=NOW - 90, call_id=FIRST, node=NodeId("n"), leg=LegId("l"), number="4000"),
        CallQueued(at=NOW - 80, call_id=FIRST, queue_id=QUEUE, entered_at=NOW - 80),
        CallFlowedOut(at=NOW - 60, call_id=FIRST, queue_id=QUEUE, entered_at=NOW - 80, reason="key", treatment="callback"),
        CallbackRequested(at=NOW - 50, callback_id=WISH, queue_id=QUEUE, number="138", entered_at=NOW - 80, of_call=FIRST),
        CallEnded(at=NOW - 48, call_id=FIRST),
        CallbackAttempted(at=NOW - 20, callback_id=WISH, queue_id=QUEUE, call_id=CALLED, attempt=1, first="customer", waited_s=30),
        CallArrived(at=NOW - 20, call_id=CALLED, node=NodeId("n"), leg=LegId("l"), number="4000", origin="callback"),
        CallQueued(at=NOW - 20, call_id=CALLED, queue_id=QUEUE, entered_at=NOW - 20, kind="callback", since=NOW - 80),
        CustomerDialled(at=NOW - 12, call_id=CALLED, result="answered"),
        OfferMade(
            at=NOW - 12, agent_id=AgentId("1"), extension=Extension("1"), queue_id=QUEUE, ring_timeout_s=9, entered_at=NOW - 20,
            kind="callback", **ids,
        ),
        OfferAccepted(at=NOW - 9, **ids),
        ended("reached", attempts=1, call_id=CALLED, waited_s=41.0, held_s=3.0),
        TalkEnded(at=NOW - 1, **ids),
        CallEnded(at=NOW, call_id=CALLED),
    )  # fmt: skip
    assert n.books() == {"offered": 1, "answered": 0, "abandoned": 0, "flowed_out": 1, "waiting": 0}
    counts = {r: n.count("callbacks", queue=QUEUE, result=r) for r in ("requested", "reached", "retried", "failed")}
    assert counts == {"requested": 1, "reached": 1, "retried": 0, "failed": 0}
    assert n.count("callbacks_reached_at_once", queue=QUEUE) == 1
    assert n.count("callback_wait_seconds", queue=QUEUE) == 1
    assert n.count("callback_answer_wait_seconds", queue=QUEUE) == 3.0
    assert not n.check(NOW + 60)


def test_only_attempts_in_which_the_customer_was_called_count_as_made_again() -> None:
    n = Numbers()
    for result in ("busy", "no_agent", "refused", "lost"):
        n.tell(
            CallbackPutOff(
                at=NOW, callback_id=WISH, queue_id=QUEUE, call_id=CALLED, attempt=1, result=result, retry_at=NOW
            )
        )
    assert n.count("callbacks", queue=QUEUE, result="retried") == 2


def test_who_answers_and_hangs_up_is_counted_apart() -> None:
    n = Numbers().tell(ended("failed", reason="hung_up", attempts=1, held_s=8.0))
    assert n.count("callbacks_hung_up", queue=QUEUE) == 1
    assert n.count("callbacks", queue=QUEUE, result="failed") == 1


def test_a_wish_that_cannot_be_granted_has_failed() -> None:
    n = Numbers().tell(CallbackRefused(at=NOW, callback_id=WISH, queue_id=QUEUE, reason="full"))
    assert n.count("callbacks", queue=QUEUE, result="failed") == 1
