"""What is told of callbacks while nobody routes is known to the router that begins then."""

from typing import Any

from acd.callbacks.overheard import KEPT_S, LIMIT, Overheard
from hotline import facts as f
from hotline.ids import CallbackId, CallId, LegId, QueueId
from tests.unit.acd.play import NODE, START
from tests.unit.acd.test_callbacks import NUMBER, OTHER, Desk, ready


def arrival(call: str = "w.1", origin: Any = "callback") -> f.CallArrived:
    return f.CallArrived(at=START, call_id=CallId(call), node=NODE, leg=LegId("x"), number="4000", origin=origin)


def result(of: Any, call: str = "w.1") -> f.CustomerDialled:
    return f.CustomerDialled(at=START, call_id=CallId(call), result=of)


def wish(name: str = "v", number: str = OTHER) -> f.CallbackRequested:
    return f.CallbackRequested(
        at=START, callback_id=CallbackId(name), queue_id=QueueId("q"), number=number, entered_at=START - 90
    )


def look(desk: Desk, *calls: f.CallAdopted) -> list[str]:
    """Let the node tell the new router everything."""
    return desk.give(f.NodeSurveyed(at=desk.now, node=NODE, epoch=0, calls=calls, seats=()))


def customer_first(**policy: Any) -> Desk:
    """A customer is about to be called; the router dies before it hears anything of that."""
    desk = ready(Desk("1001", first="customer", **policy))
    desk.wish()
    desk.after(1)
    return desk


def attempts(desk: Desk) -> int:
    callback = desk.router.floor.callbacks.get("w")
    assert callback is not None
    return callback.attempts


def test_a_customer_who_was_busy_meanwhile_has_been_called_and_is_called_again_when_it_is_time() -> None:
    other = customer_first(retry_after_s=20).again(arrival(), result("busy"))
    assert look(other)[0] == "put off w busy"
    assert attempts(other) == 1
    assert "turn w 2 1001" in other.after(20)


def test_one_whose_phone_rang_and_of_whom_nobody_told_more_has_been_called_too() -> None:
    other = customer_first().again(arrival())
    assert look(other)[0] == "put off w lost"
    assert attempts(other) == 1


def test_without_a_word_nobody_knows_whether_he_was_called_and_that_is_no_attempt() -> None:
    other = customer_first(ring_timeout_s=30).again()
    assert look(other) == []
    assert "put off w unknown" in other.after(5)
    assert attempts(other) == 0
    assert not [text for text in other.after(30) if text.startswith("call")], "his phone may ring"
    assert "turn w 1 1001" in other.after(10)


def test_with_the_agent_first_a_call_that_arrived_is_no_attempt_yet() -> None:
    desk = ready(Desk("1001"))
    desk.wish()
    other = desk.again(arrival())
    assert attempts(other) == 0


def test_a_phone_that_rings_on_is_waited_for_and_counts_once() -> None:
    other = customer_first().again(arrival())
    assert look(other, other.sighted("dialled")) == []
    assert attempts(other) == 1
    assert other.dialled("answered")[0] == "offer w.1 1001"
    assert attempts(other) == 1


def test_a_cancelled_callback_stays_cancelled_whatever_his_phone_said() -> None:
    desk = customer_first()
    desk.router.floor.callbacks.get("w").result = "cancelled:chen"  # type: ignore[union-attr]
    other = desk.again(arrival(), result("no_answer"))
    assert look(other)[0] == "over w cancelled chen"


def test_a_wish_that_nobody_took_up_is_taken_up_at_its_place() -> None:
    desk = Desk("1001")
    desk.wish("w", waited=60)
    other = desk.again(wish("v"), wish("v"))
    assert [c.callback_id for c in other.router.floor.callbacks] == ["w", "v"]
    order = [caller.call_id for caller in other.router.floor.line.waiting(QueueId("q"))]
    assert order == ["v", "w"], "he has waited longer"


def test_a_wish_that_was_known_or_is_over_begins_nothing() -> None:
    desk = ready(Desk("1001"))
    desk.wish("w")
    desk.there()
    desk.accepted_now()
    desk.dialled("answered")
    other = desk.again(wish("w", NUMBER))
    assert other.router.floor.callbacks.get("w") is None


def test_what_the_router_before_refused_is_not_asked_again() -> None:
    heard = Overheard()
    heard.hear(wish(), START)
    heard.hear(f.CallbackRefused(at=START, callback_id=CallbackId("v"), queue_id=QueueId("q"), reason="full"), START)
    assert heard.take(START) == []


def test_only_the_last_minute_and_only_what_may_matter_is_kept() -> None:
    heard = Overheard()
    heard.hear(arrival("old.1"), START)
    heard.hear(arrival("live", origin="trunk"), START + KEPT_S)
    heard.hear(f.CallEnded(at=START, call_id=CallId("x")), START + KEPT_S)
    heard.hear(arrival("new.1"), START + KEPT_S)
    assert heard.take(START + KEPT_S) == [arrival("new.1")]
    assert heard.take(START + KEPT_S) == []
    for number in range(LIMIT + 5):
        heard.hear(arrival(f"{number}.1"), START)
    assert len(heard.take(START)) == LIMIT
