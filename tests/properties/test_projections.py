"""Whatever facts come, in whatever order and number: the rows are the same, the identity holds, durations make sense."""

from hypothesis import given
from hypothesis import strategies as st

from crm.audit.rules import check_call, counts_of
from crm.fold.projections import fold_call
from crm.fold.rows import CallRows, moment
from hotline.codec import decode_fact, encode_fact
from hotline.facts import (
    CallAbandoned,
    CallAdopted,
    CallFellBack,
    CallFlowedOut,
    CallQueued,
    Envelope,
    Fact,
    OfferAccepted,
    OfferBusy,
    OfferMade,
    OfferRang,
    OfferTimedOut,
    OfferUnknown,
    Place,
    TalkEnded,
)
from hotline.ids import AgentId, Extension, LegId, NodeId, OfferId, QueueId, RecordingId
from hotline.kpi import QueueCounts, connect_rates, identity_gap
from tests.support.envelopes import CALL, T0, abandoned_call, answered_call, arrived, ended, on_offer, stepped, told

# Few values, so that facts of the same moment are common.
OFFSETS = st.sampled_from([0.0, 4.9999995, 5.0, 5.0000004, 6.5, 10.0, 40.25, 60.0])
ENTRIES = st.sampled_from([T0 + 5, T0 + 40.25])
QUEUES = st.sampled_from([QueueId("service"), QueueId("sales")])
OFFERS = st.sampled_from([OfferId("o1"), OfferId("o2")])


@st.composite
def any_fact(draw: st.DrawFn) -> Fact:
    offset, offer, queue, entered = draw(OFFSETS), draw(OFFERS), draw(QUEUES), draw(ENTRIES)
    at = T0 + offset
    place = Place(flow="main", flow_version="1", step="q", queue_id=queue, entered_at=entered)
    phase = draw(st.sampled_from(["session", "ringing", "talking", "fallback"]))
    made = OfferMade(
        at=at, call_id=CALL, offer_id=offer, agent_id=AgentId("1"), extension=Extension("1"), queue_id=queue,
        ring_timeout_s=15.0, entered_at=entered, recording_id=RecordingId(offer),
    )  # fmt: skip
    fact: Fact = draw(
        st.sampled_from(
            [
                arrived(offset, reconciled=draw(st.booleans())),
                stepped(offset),
                CallQueued(at=at, call_id=CALL, queue_id=queue, entered_at=entered),
                made,
                on_offer(OfferRang, offset, offer=offer),
                on_offer(OfferAccepted, offset, offer=offer),
                on_offer(OfferTimedOut, offset, offer=offer),
                on_offer(OfferBusy, offset, offer=offer),
                on_offer(OfferUnknown, offset, offer=offer),
                on_offer(TalkEnded, offset, offer=offer),
                CallAbandoned(at=at, call_id=CALL, queue_id=queue, entered_at=entered, short=draw(st.booleans())),
                CallFlowedOut(at=at, call_id=CALL, queue_id=queue, entered_at=entered, reason="full"),
                CallFellBack(at=at, call_id=CALL, reason="lease_expired"),
                CallAdopted(
                    at=at, call_id=CALL, node=NodeId("n"), leg=LegId("l"), phase=phase,  # type: ignore[arg-type]
                    place=draw(st.sampled_from([None, place])), offer_id=draw(st.sampled_from([None, offer])),
                ),
                ended(offset, reconciled=draw(st.booleans())),
            ]
        )
    )  # fmt: skip
    return fact


ANY_CALL = st.lists(any_fact(), min_size=1, max_size=14).map(lambda facts: told(*facts))


@given(ANY_CALL, st.randoms(use_true_random=False))
def test_order_and_repeats_do_not_matter(envelopes: list[Envelope], random: object) -> None:
    again = envelopes + envelopes[::2]
    random.shuffle(again)  # type: ignore[attr-defined]
    assert fold_call(again) == fold_call(envelopes)


@given(ANY_CALL)
def test_facts_that_went_through_the_journal_give_the_same_rows(envelopes: list[Envelope]) -> None:
    def through(e: Envelope) -> Envelope:
        fact = decode_fact(type(e.fact).__name__, e.fact.version, encode_fact(e.fact))
        return Envelope(fact_id=e.fact_id, source=e.source, seq=e.seq, fact=fact)

    assert fold_call([through(e) for e in envelopes]) == fold_call(envelopes)


@given(ANY_CALL)
def test_every_wait_is_answered_abandoned_flowed_out_or_waiting(envelopes: list[Envelope]) -> None:
    rows = fold_call(envelopes)
    waits = [s for s in rows.segments if s.kind == "queue"]
    assert identity_gap(counts_of(waits)) == 0
    assert len({(w.queue_id, w.began_at) for w in waits}) == len(waits)


@given(ANY_CALL)
def test_nothing_of_a_call_that_is_over_is_open(envelopes: list[Envelope]) -> None:
    rows = fold_call(envelopes)
    if rows.call.ended_at is not None:
        assert rows.call.outcome != "live"
        assert all(s.ended_at is not None for s in rows.segments)
        assert all(o.ended_at is not None for o in rows.offers)
    else:
        assert (rows.call.outcome, rows.call.phase == "ended") == ("live", False)


@given(ANY_CALL)
def test_durations_are_never_negative_and_segments_are_numbered_by_time(envelopes: list[Envelope]) -> None:
    rows = fold_call(envelopes)
    assert all(s.duration_s is None or s.duration_s >= 0 for s in rows.segments)
    assert [s.n for s in rows.segments] == list(range(len(rows.segments)))
    assert sorted(s.began_at for s in rows.segments) == [s.began_at for s in rows.segments]


@given(st.integers(0, 9), st.integers(0, 4), st.sampled_from([answered_call(), abandoned_call(CALL)]))
def test_a_call_that_lost_some_facts_still_has_its_row(first: int, second: int, facts: list[Fact]) -> None:
    kept = [f for n, f in enumerate(facts) if n not in (first, second)]
    rows = fold_call(told(*kept))
    assert isinstance(rows, CallRows)
    assert rows.call.call_id == CALL


def test_a_complete_call_passes_the_audit() -> None:
    for facts in (answered_call(), abandoned_call(CALL)):
        assert check_call(fold_call(told(*facts)), moment(T0 + 3600)) == []


COUNTS = st.integers(0, 500)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_every_connect_rate_is_a_share(
    fast: int, slow: int, short: int, early: int, late: int, flowed: int, waiting: int
) -> None:
    counts = QueueCounts(
        offered=fast + slow + short + early + late + flowed + waiting,
        answered=fast + slow,
        abandoned=short + early + late,
        flowed_out=flowed,
        waiting=waiting,
        answered_in_threshold=fast,
        abandoned_in_threshold=short + early,
        short_abandoned=short,
    )
    assert identity_gap(counts) == 0
    assert all(rate.value is None or 0 <= rate.value <= 1 for rate in connect_rates(counts))
