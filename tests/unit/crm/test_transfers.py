"""What rows say of holds, consults and transfers: each stretch is a segment, and talk times are true."""

from typing import Any

import pytest

from crm.audit.rules import check_call
from crm.fold.projections import fold_call
from crm.fold.rows import CallRows, moment
from hotline.facts import (
    ConferenceBegan,
    Fact,
    HoldBegan,
    HoldEnded,
    OfferAccepted,
    OfferRang,
    OfferTimedOut,
    TalkEnded,
    TransferCompleted,
    TransferStarted,
)
from hotline.ids import AgentId, Extension, OfferId, RecordingId
from tests.support.envelopes import CALL, OFFER, T0, arrived, ended, offered, on_offer, queued, told

SECOND = OfferId("call-1.2")


def talked(*more: Fact, until: float = 100.0) -> list[Fact]:
    """A call that is answered after 10 s and ends at `until`."""
    accepted = on_offer(OfferAccepted, 10.0)
    return [arrived(0.0), queued(5.0), offered(6.0), on_offer(OfferRang, 7.0), accepted, *more, ended(until)]


def asked(at: float) -> list[Fact]:
    made = offered(
        at, offer=SECOND, agent_id=AgentId("1002"), extension=Extension("1002"), kind="consult", recording_id=None
    )
    return [on_offer(HoldBegan, at + 0.1), made, on_offer(OfferRang, at + 1, offer=SECOND)]


def completed(at: float, **more: Any) -> Fact:
    return TransferCompleted(at=T0 + at, call_id=CALL, offer_id=OFFER, kind="attended", next_offer=SECOND, **more)


def fold(facts: list[Fact]) -> CallRows:
    return fold_call(told(*facts))


def stretches(rows: CallRows) -> list[tuple[str, str | None, float | None]]:
    """Return the segments of agents: kind, agent, seconds."""
    found = [s for s in rows.segments if s.agent_id is not None and s.kind != "queue"]
    return [(s.kind, s.agent_id, round(s.duration_s, 3) if s.duration_s is not None else None) for s in found]


HANDED_ON = talked(
    *asked(20.0),
    on_offer(OfferAccepted, 25.0, offer=SECOND),
    completed(40.0, recording_id=RecordingId(SECOND)),
    on_offer(TalkEnded, 40.0, ended_by="agent"),
    on_offer(TalkEnded, 95.0, offer=SECOND, ended_by="agent"),
)


def test_a_hold_divides_the_conversation_and_is_no_talk() -> None:
    rows = fold(talked(on_offer(HoldBegan, 20.0), on_offer(HoldEnded, 50.0), on_offer(TalkEnded, 90.0)))
    assert stretches(rows) == [("talk", "1001", 10.0), ("hold", "1001", 30.0), ("talk", "1001", 40.0)]
    assert (rows.offers[0].talk_s, rows.offers[0].hold_s, rows.call.talk_s) == (50.0, 30.0, 50.0)


def test_a_conversation_that_ends_on_hold_ends_with_it() -> None:
    rows = fold(talked(on_offer(HoldBegan, 20.0), on_offer(TalkEnded, 90.0)))
    assert stretches(rows) == [("talk", "1001", 10.0), ("hold", "1001", 70.0)]
    assert rows.offers[0].talk_s == 10.0


def test_an_offer_of_which_only_the_transfer_tells_is_one_by_which_an_agent_was_asked() -> None:
    begun = TransferStarted(
        at=T0 + 20.0, call_id=CALL, offer_id=OFFER, kind="attended", to="agent:1002", next_offer=SECOND, by="1001"
    )
    rows = fold(talked(begun, on_offer(OfferAccepted, 25.0, offer=SECOND), on_offer(TalkEnded, 90.0)))
    assert [o.kind for o in rows.offers] == ["main", "consult"]
    assert "two_accepted" not in {f.kind for f in check_call(rows, now=moment(T0 + 110.0), living=set())}


def test_a_repeated_or_foreign_hold_changes_nothing() -> None:
    twice = talked(
        on_offer(HoldBegan, 20.0), on_offer(HoldBegan, 21.0), on_offer(HoldEnded, 22.0, offer=SECOND), on_offer(HoldEnded, 30.0),
        on_offer(TalkEnded, 90.0), on_offer(HoldBegan, 95.0),
    )  # fmt: skip
    assert fold(twice).offers[0].hold_s == 10.0


def test_a_caller_who_was_handed_on_talked_with_both_and_each_for_his_time() -> None:
    rows = fold(HANDED_ON)
    assert stretches(rows) == [
        ("talk", "1001", 10.1),
        ("hold", "1001", 19.9),
        ("consult", "1002", 15.0),
        ("talk", "1002", 55.0),
    ]
    first, second = rows.offers
    assert (first.kind, first.talk_s, second.kind, second.talk_s) == ("main", pytest.approx(10.1), "consult", 55.0)
    assert (rows.call.agent_id, rows.call.ring_s, second.recording_id) == ("1001", 3.0, SECOND)


def test_a_consult_without_a_transfer_is_no_talk_with_the_caller() -> None:
    rows = fold(
        talked(
            *asked(20.0),
            on_offer(OfferAccepted, 25.0, offer=SECOND),
            on_offer(TalkEnded, 40.0, offer=SECOND),
            on_offer(HoldEnded, 40.5),
            on_offer(TalkEnded, 90.0),
        )
    )
    assert [k for k, _, _ in stretches(rows)] == ["talk", "hold", "consult", "talk"]
    assert rows.offers[1].talk_s is None


def test_a_conference_is_a_segment_of_who_joined() -> None:
    joined = ConferenceBegan(at=T0 + 30.0, call_id=CALL, offer_id=OFFER, next_offer=SECOND)
    rows = fold(
        talked(
            *asked(20.0),
            on_offer(OfferAccepted, 25.0, offer=SECOND),
            on_offer(HoldEnded, 30.0),
            joined,
            completed(60.0),
            on_offer(TalkEnded, 60.0),
            on_offer(TalkEnded, 95.0, offer=SECOND),
        )
    )
    assert stretches(rows)[3:] == [("talk", "1001", 30.0), ("conference", "1002", 30.0), ("talk", "1002", 35.0)] or (
        sorted(stretches(rows)[2:]) == sorted(
            [("consult", "1002", 5.0), ("talk", "1001", 30.0), ("conference", "1002", 30.0), ("talk", "1002", 35.0)]
        )
    )  # fmt: skip


@pytest.mark.parametrize("cut", range(5, len(HANDED_ON)))
def test_whatever_was_told_so_far_gives_rows_that_the_audit_accepts(cut: int) -> None:
    rows = fold(HANDED_ON[:cut])
    findings = check_call(rows, now=moment(T0 + 30.0), living={CALL})
    assert [f.kind for f in findings] == []


def test_a_consult_is_no_second_answer_for_the_audit() -> None:
    rows = fold(HANDED_ON)
    assert "two_accepted" not in {f.kind for f in check_call(rows, now=moment(T0 + 101.0), living=set())}


def test_an_agent_who_was_asked_in_vain_adds_nothing_to_the_callers_ring() -> None:
    rows = fold(
        talked(
            *asked(20.0),
            on_offer(OfferTimedOut, 35.0, offer=SECOND),
            on_offer(HoldEnded, 36.0),
            on_offer(TalkEnded, 90.0),
        )
    )
    assert (rows.call.ring_s, rows.offers[1].result) == (3.0, "no_answer")
    assert len([s for s in rows.segments if s.kind == "queue"]) == 1
