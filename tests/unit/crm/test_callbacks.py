"""What the rows of a call say that we made for a callback: it is in no service level, and nobody gives up who was not there."""

from typing import Any

import pytest

from crm.api.story import describe
from crm.audit.rules import check_call
from crm.fold.projections import fold_call
from crm.fold.rows import CallRows, moment
from hotline.facts import CallAdopted, CallFlowedOut, CustomerDialled, Fact, OfferAccepted, Place, TalkEnded
from hotline.ids import LegId, NodeId
from tests.support.envelopes import CALL, QUEUE, T0, abandoned, arrived, ended, offered, on_offer, queued, told

NOW = moment(T0 + 3600)


def fold(*facts: Fact) -> CallRows:
    rows = fold_call(told(*facts))
    assert not check_call(rows, NOW)
    return rows


def called(at: float = 0.0) -> list[Fact]:
    """We call, and the call stands in the line as that of a callback."""
    return [arrived(at, origin="callback", caller_name=""), queued(at + 1, kind="callback", since=T0 - 600)]


def dialled(at: float, result: Any) -> CustomerDialled:
    return CustomerDialled(at=T0 + at, call_id=CALL, result=result)


def waits(rows: CallRows) -> list[tuple[str, str, str]]:
    return [(s.kind, s.outcome, s.reason) for s in rows.segments if s.kind in ("queue", "callback")]


def test_a_callback_is_answered_and_its_wait_is_none_in_the_queue() -> None:
    rows = fold(
        *called(),
        offered(2, entered=1, kind="callback", recording_id=None),
        on_offer(OfferAccepted, 5),
        dialled(9, "answered"),
        on_offer(TalkEnded, 60, ended_by="agent"),
        ended(61),
    )
    assert waits(rows) == [("callback", "answered", "")]
    assert (rows.call.outcome, rows.call.origin) == ("answered", "callback")
    assert rows.call.wait_s == 4  # from our call to the agent, and not since he asked for it


@pytest.mark.parametrize("result", ["busy", "no_answer", "failed"])
def test_a_customer_who_does_not_answer_has_not_abandoned(result: str) -> None:
    rows = fold(*called(), dialled(20, result), ended(20))
    assert waits(rows) == [("callback", "flowed_out", "not_reached")]
    assert rows.call.outcome == "flowed_out"


def test_an_agent_who_was_there_for_a_customer_who_was_not_makes_no_answered_call() -> None:
    offer = offered(2, entered=1, kind="callback", recording_id=None)
    rows = fold(*called(), offer, on_offer(OfferAccepted, 5), dialled(9, "busy"), ended(10))
    assert waits(rows) == [("callback", "answered", "")]  # by the agent, whose time it took
    assert rows.call.outcome == "flowed_out"


def test_a_call_that_nobody_rang_for_any_more_has_not_abandoned_either() -> None:
    left = CallFlowedOut(at=T0 + 8, call_id=CALL, queue_id=QUEUE, entered_at=T0 + 1, reason="not_reached")
    rows = fold(*called(), left, ended(8))
    assert waits(rows) == [("callback", "flowed_out", "not_reached")]


def test_who_answers_and_hangs_up_has_abandoned_a_callback_and_no_queue() -> None:
    rows = fold(*called(), dialled(9, "answered"), abandoned(12, entered=1), ended(12))
    assert waits(rows) == [("callback", "abandoned", "")]


def test_who_answered_as_it_was_seen_after_a_gap_was_there() -> None:
    place = Place(flow="m", flow_version="1", step="s", queue_id=QUEUE, entered_at=T0 + 1, callback=True)
    seen = CallAdopted(
        at=T0 + 9, call_id=CALL, node=NodeId("node1"), leg=LegId("x"), phase="session", place=place, customer="answered"
    )
    assert waits(fold(arrived(origin="callback"), seen, ended(12))) == [("callback", "abandoned", "")]


def test_its_story_says_who_called_whom() -> None:
    call = arrived(origin="callback", caller_number="13800138000")
    assert describe(call) == "a call back to 13800138000, for his call of 4000"
    assert describe(dialled(1, "no_answer")) == "the customer was called back: no answer"
    assert "13800138000" in describe(call, "zh")
