"""Open calls that Asterisk does not know any more are closed."""

from crm.cel.reconcile import MARGIN_S, OpenCall, open_calls_to_close
from hotline.facts import CallEnded
from hotline.ids import CallId

NOW = 1_000_000.0


def call(name: str, age_s: float) -> OpenCall:
    return OpenCall(call_id=CallId(name), arrived_at=NOW - age_s)


def test_only_calls_missing_in_the_snapshot_are_closed() -> None:
    facts = open_calls_to_close([call("dead", 60), call("alive", 60)], {CallId("alive")}, NOW)
    assert facts == [CallEnded(at=NOW, call_id=CallId("dead"), reconciled=True)]


def test_a_call_that_arrived_while_the_snapshot_was_taken_is_left_alone() -> None:
    assert open_calls_to_close([call("new", MARGIN_S - 0.1)], set(), NOW) == []


def test_the_order_is_that_of_arrival() -> None:
    facts = open_calls_to_close([call("b", 20), call("a", 30), call("c", 20)], set(), NOW)
    assert [f.call_id for f in facts] == ["a", "b", "c"]
