"""Each invariant is noticed when it is broken, and only then."""

from datetime import datetime

import pytest

from crm.audit import KINDS, AgentOffer, check_agents, check_call
from crm.projections import fold_call
from crm.rows import CallRows, moment
from hotline.facts import Fact, OfferAccepted, RecordingStored, TalkEnded
from hotline.ids import CallId, OfferId
from tests.support.envelopes import (
    CALL,
    T0,
    abandoned_call,
    answered_call,
    arrived,
    ended,
    offered,
    on_offer,
    queued,
    told,
)

LATER = moment(T0 + 3600)


def fold(*facts: Fact) -> CallRows:
    return fold_call(told(*facts))


def kinds(rows: CallRows, now: datetime = LATER, living: set[CallId] | None = None) -> list[str]:
    found = [f.kind for f in check_call(rows, now, living)]
    assert set(found) <= set(KINDS)
    return found


@pytest.mark.parametrize("facts", [answered_call(), abandoned_call(CALL), [arrived(), ended(3)]])
def test_a_proper_call_has_no_findings(facts: list[Fact]) -> None:
    assert kinds(fold(*facts)) == []


def test_a_call_whose_end_comes_before_its_answer_is_out_of_order() -> None:
    facts = [f for f in answered_call() if not isinstance(f, TalkEnded)]
    assert "time_order" in kinds(fold(*facts, ended(7)))


def test_clocks_that_differ_a_little_are_no_finding() -> None:
    assert kinds(fold(arrived(), queued(5), ended(4.9))) == []


def test_two_conversations_at_once_are_noticed() -> None:
    second = OfferId("offer-2")
    facts = [*answered_call(), offered(11, offer=second), on_offer(OfferAccepted, 15, offer=second)]
    rows = fold(*facts, on_offer(TalkEnded, 29, offer=second))
    assert "two_accepted" in kinds(rows)


def test_one_conversation_after_another_is_fine() -> None:
    second = OfferId("offer-2")
    extra = [
        offered(30.1, offer=second, recording_id=None),
        on_offer(OfferAccepted, 30.2, offer=second),
        on_offer(TalkEnded, 30.4, offer=second),
    ]
    assert "two_accepted" not in kinds(fold(*answered_call(), *extra))


def test_an_offer_that_outlives_its_timer_is_noticed() -> None:
    facts = [arrived(), queued(), offered(ring_timeout_s=3.0)]
    assert "late_offer" in kinds(fold(*facts))
    assert kinds(fold(*facts), now=moment(T0 + 10)) == []


def test_a_conversation_without_recording_or_mark_is_noticed_after_a_while() -> None:
    rows = fold(*[f for f in answered_call() if not isinstance(f, RecordingStored)])
    assert kinds(rows) == ["no_recording"]
    assert kinds(rows, now=moment(T0 + 35)) == []


def test_a_conversation_that_was_not_to_be_recorded_needs_none() -> None:
    facts = [offered(recording_id=None) if f == offered() else f for f in answered_call()]
    kept = [f for f in facts if not type(f).__name__.startswith("Recording")]
    assert kinds(fold(*kept)) == []


def test_a_recording_without_an_offer_is_an_orphan() -> None:
    stored = answered_call()[-1]
    assert isinstance(stored, RecordingStored)
    assert kinds(fold(arrived(), ended(50), stored)) == ["orphan_recording"]


def test_a_call_that_asterisk_does_not_know_is_a_ghost() -> None:
    rows = fold(arrived())
    assert kinds(rows, living=set()) == ["ghost"]
    assert kinds(rows, living={CALL}) == []
    assert kinds(rows, now=moment(T0 + 1), living=set()) == []


def test_a_call_open_for_very_long_is_stale_when_nobody_can_be_asked() -> None:
    assert kinds(fold(arrived()), now=moment(T0 + 100_000)) == ["stale"]


def agent_offer(made: float, over: float | None, offer: str) -> AgentOffer:
    return AgentOffer(
        agent_id="1001",
        call_id=f"call-{offer}",
        offer_id=offer,
        made_at=moment(T0 + made),
        over_at=None if over is None else moment(T0 + over),
    )


@pytest.mark.parametrize(("over", "found"), [(10.0, []), (10.1, []), (12.0, ["two_offers"]), (None, ["two_offers"])])
def test_an_agent_has_one_live_offer_at_a_time(over: float | None, found: list[str]) -> None:
    offers = [agent_offer(0, over, "a"), agent_offer(10, 20, "b")]
    assert [f.kind for f in check_agents(offers)] == found
