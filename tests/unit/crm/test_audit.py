"""Each invariant is noticed when it is broken, and only then."""

from datetime import datetime

import pytest

from crm.audit.facts import check_facts
from crm.audit.rules import KINDS, SPOOL_AGE_S, AgentOffer, check_agents, check_call, check_spool
from crm.fold.projections import fold_call
from crm.fold.rows import CallRows, moment
from hotline.facts import (
    CallAbandoned,
    Fact,
    OfferAccepted,
    OfferRang,
    OfferRejected,
    OfferTimedOut,
    RecordingStored,
    TalkEnded,
)
from hotline.ids import CallId, OfferId
from hotline.spool_file import SpoolLook
from tests.support.envelopes import (
    CALL,
    OFFER,
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


# --- places, ends, recordings ------------------------------------------------------------------------------------------


def test_a_caller_who_enters_the_same_queue_anew_after_an_unanswered_ring_lost_his_place() -> None:
    facts = [arrived(), queued(5), offered(6), on_offer(OfferTimedOut, 21), queued(22)]
    assert kinds(fold(*facts, ended(30)), moment(T0 + 30)) == ["lost_place"]


def test_a_caller_who_keeps_his_time_of_entry_keeps_his_place() -> None:
    facts = [arrived(), queued(5), offered(6), on_offer(OfferTimedOut, 21), queued(22, entered_at=T0 + 5)]
    assert kinds(fold(*facts, ended(30))) == []


def test_a_caller_who_left_and_came_again_lost_nothing() -> None:
    left = CallAbandoned(at=T0 + 21.5, call_id=CALL, queue_id=queued().queue_id, entered_at=T0 + 5)
    facts = [arrived(), queued(5), offered(6), on_offer(OfferTimedOut, 21), left, queued(22)]
    assert kinds(fold(*facts, ended(30))) == []


def test_a_phone_that_rings_for_a_caller_who_is_gone_is_noticed_but_not_a_race() -> None:
    facts = [arrived(), queued(1), ended(4)]
    ring = [offered(9, entered=1.0), on_offer(OfferRang, 9.5), on_offer(OfferTimedOut, 10)]
    race = [offered(4.5, entered=1.0), on_offer(OfferTimedOut, 6)]
    assert kinds(fold(*facts, *ring)) == ["after_end", "after_end"]
    assert kinds(fold(*facts, *race)) == []


def test_a_queue_that_is_entered_after_the_end_is_noticed_but_not_a_race() -> None:
    assert "after_end" in kinds(fold(arrived(), ended(4), queued(7)))
    assert kinds(fold(arrived(), ended(4), queued(5))) == []


def test_a_recording_that_nobody_asked_for_is_noticed() -> None:
    facts = [offered(recording_id=None) if f == offered() else f for f in answered_call()]
    assert kinds(fold(*facts)) == ["unasked_recording"]


def test_a_recording_whose_offer_was_lost_counts_as_asked_for() -> None:
    assert kinds(fold(*[f for f in answered_call() if f != offered()])) == []


@pytest.mark.parametrize("missing", [{"file": ""}, {"sha256": ""}, {"size_bytes": 0}])
def test_a_stored_recording_has_a_file_a_hash_and_a_length(missing: dict[str, object]) -> None:
    given = {"recording_id": OFFER, "file": "a.wav", "sha256": "0" * 64, "size_bytes": 9, "duration_s": 20.0} | missing
    stored = on_offer(RecordingStored, 32, **given)
    assert kinds(fold(*answered_call()[:-1], stored)) == ["bad_recording"]


# --- what only facts tell ------------------------------------------------------------------------------------------------


def told_wrong(*facts: Fact) -> list[str]:
    found = check_facts(fold(*facts), [*told(*facts), *told(*facts)])
    assert {f.kind for f in found} <= set(KINDS)
    return [f.kind for f in found]


@pytest.mark.parametrize(
    "facts", [answered_call(), abandoned_call(CALL), [*abandoned_call(CALL), ended(18, reconciled=True)]]
)
def test_a_proper_call_is_told_properly_even_when_all_comes_twice(facts: list[Fact]) -> None:
    assert told_wrong(*facts) == []


def test_an_offer_that_was_answered_and_rejected_ended_twice() -> None:
    assert told_wrong(*answered_call(), on_offer(OfferRejected, 9)) == ["two_endings"]


def test_a_call_that_was_seen_to_end_twice_is_noticed() -> None:
    assert told_wrong(*abandoned_call(CALL), ended(40)) == ["two_endings"]


def test_two_channels_with_one_call_are_noticed() -> None:
    assert told_wrong(arrived(), arrived(1, caller_name="another"), ended(5)) == []
    other = arrived(1)
    assert told_wrong(arrived(), type(other)(**{**_fields(other), "leg": "PJSIP/other"}), ended(5)) == ["two_arrivals"]


def _fields(fact: Fact) -> dict[str, object]:
    return {name: getattr(fact, name) for name in fact.__struct_fields__}


def test_an_entry_that_is_counted_nowhere_is_noticed() -> None:
    rows = fold(arrived(), ended(30))
    assert [f.kind for f in check_facts(rows, told(arrived(), queued(5), ended(30)))] == ["identity"]


# --- spools --------------------------------------------------------------------------------------------------------------


def spool(**more: object) -> SpoolLook:
    given = {"path": "spool.db", "facts": 0, "oldest_at": None, "dead": 0, "bytes": 0, "damaged": ()}
    return SpoolLook(**given | more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (spool(), []),
        (spool(facts=3, oldest_at=T0 - SPOOL_AGE_S + 1), []),
        (spool(facts=3, oldest_at=T0 - SPOOL_AGE_S - 1), ["late_facts"]),
        (spool(dead=2), ["dead_fact"]),
        (spool(damaged=("spool.db.damaged-1",)), ["lost_facts"]),
    ],
)
def test_facts_that_wait_too_long_or_cannot_be_read_are_noticed(seen: SpoolLook, found: list[str]) -> None:
    assert [f.kind for f in check_spool(seen, T0)] == found
