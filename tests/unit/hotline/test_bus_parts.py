"""The pure parts of the bus: fence, window, order of signals between facts, layout in the broker."""

import pytest

from hotline.bus.fence import Fence
from hotline.bus.ordering import HELD_MAX, HOLD_S, LATELY_S, Lately, Ordering
from hotline.bus.topology import Limits, Names, exchanges, fact_key, inbox_queue, shared_queues
from hotline.bus.window import Window
from hotline.codec import SIGNALS, SentSignal, Undecodable, decode_signal, encode_signal
from hotline.commands import CommandEnded, Refused
from hotline.facts import CallEnded, DigitPressed
from hotline.ids import CallId

CALL = CallId("c")
NAMES = Names(prefix="hotline")
LIMITS = Limits(journal_max=10, inbox_max=20, dead_max=30, delivery_limit=4, forget_after_s=60)


def digit(n: int) -> DigitPressed:
    return DigitPressed(at=float(n), call_id=CALL, digit="1")


def sent(n: int, **after: int) -> SentSignal:
    return SentSignal(source="s", after=after, signal=digit(n))


# --- fence -------------------------------------------------------------------------------------------------------------


def test_epochs_only_grow_and_none_is_free() -> None:
    fence = Fence()
    told = [fence.why_not(epoch=e, deadline=None, now=0.0) is None for e in (0, 2, 1, 2, 0, 3, 2)]
    assert told == [True, True, False, True, True, True, False]


def test_a_router_that_is_heard_of_ends_older_terms() -> None:
    fence = Fence()
    for epoch in (3, 2, 0):
        fence.heard(epoch)
    refusal = fence.why_not(epoch=2, deadline=None, now=0.0)
    assert refusal is not None
    assert refusal.newer_epoch == 3
    assert fence.why_not(epoch=3, deadline=None, now=0.0) is None


def test_a_command_at_its_deadline_is_too_old() -> None:
    fence = Fence()
    assert fence.why_not(epoch=0, deadline=5.0, now=4.9) is None
    assert isinstance(fence.why_not(epoch=0, deadline=5.0, now=5.0), Refused)


def test_a_late_command_of_a_new_epoch_still_ends_the_old_one() -> None:
    fence = Fence()
    assert fence.why_not(epoch=7, deadline=1.0, now=9.0) is not None
    assert fence.why_not(epoch=6, deadline=None, now=9.0) is not None


# --- window ------------------------------------------------------------------------------------------------------------


def test_acknowledgements_go_as_far_as_everything_before_is_handled() -> None:
    window = Window()
    for tag in range(1, 6):
        window.arrived(tag)
    assert [window.handled(tag) for tag in (2, 3, 1, 5, 4)] == [None, None, 3, None, 5]
    assert len(window) == 0


def test_a_delivery_that_was_acknowledged_long_ago_changes_nothing() -> None:
    window = Window()
    window.arrived(1)
    assert window.handled(1) == 1
    window.arrived(2)
    assert window.handled(1) is None
    assert window.handled(2) == 2


# --- order -------------------------------------------------------------------------------------------------------------


def test_a_signal_waits_for_the_facts_before_it_that_are_asked_for() -> None:
    order = Ordering(["CallEnded"])
    assert order.signal_came(sent(1, CallEnded=5, OfferMade=9), now=0.0) == []
    assert order.fact_came("s", 4) == []
    assert order.fact_came("s", 5) == [digit(1)]
    assert order.next_deadline() is None


def test_a_signal_that_comes_after_nothing_asked_for_does_not_wait() -> None:
    order = Ordering(["CallEnded"])
    assert order.signal_came(sent(1, OfferMade=9), now=0.0) == [digit(1)]


def test_signals_of_one_source_keep_their_order_and_others_do_not_wait() -> None:
    order = Ordering(["CallEnded"])
    assert order.signal_came(sent(1, CallEnded=5), now=0.0) == []
    assert order.signal_came(sent(2), now=0.0) == []
    other = SentSignal(source="t", after={}, signal=digit(3))
    assert order.signal_came(other, now=0.0) == [digit(3)]
    assert order.fact_came("s", 6) == [digit(1), digit(2)]


def test_a_signal_does_not_wait_for_ever() -> None:
    order = Ordering(["CallEnded"])
    order.signal_came(sent(1, CallEnded=5), now=10.0)
    assert order.next_deadline() == 10.0 + HOLD_S
    assert order.overdue(10.0 + HOLD_S / 2) == []
    assert order.overdue(10.0 + HOLD_S) == [digit(1)]
    assert order.fact_came("s", 5) == []


def test_an_older_fact_that_comes_again_does_not_turn_the_order_back() -> None:
    order = Ordering(["CallEnded"])
    order.fact_came("s", 9)
    order.fact_came("s", 3)
    assert order.signal_came(sent(1, CallEnded=9), now=0.0) == [digit(1)]


def test_held_signals_are_bounded() -> None:
    order = Ordering(["CallEnded"])
    released = [s for n in range(HELD_MAX + 10) for s in order.signal_came(sent(n, CallEnded=10**9), now=0.0)]
    assert released == [digit(n) for n in range(10)]


def test_a_sender_names_what_it_told_lately_only() -> None:
    lately = Lately()
    lately.told("CallEnded", 1, now=0.0)
    lately.told("OfferMade", 2, now=3.0)
    lately.told("OfferMade", 4, now=3.5)
    assert lately.numbers(4.0) == {"CallEnded": 1, "OfferMade": 4}
    assert lately.numbers(LATELY_S + 1) == {"OfferMade": 4}


# --- layout ------------------------------------------------------------------------------------------------------------


def test_every_name_carries_prefix_and_version() -> None:
    names = [e.name for e in exchanges(NAMES)] + [q.name for q in shared_queues(NAMES, LIMITS)]
    names.append(inbox_queue(NAMES, LIMITS, "node1", "acd", ["CallEnded"]).name)
    assert all(name.startswith("hotline.v1.") for name in names)
    assert len(names) == len(set(names)) + 1  # the dead letters' exchange and queue share a name


def test_every_queue_of_facts_has_a_limit_of_deliveries_a_bound_and_a_place_for_its_dead() -> None:
    journal = shared_queues(NAMES, LIMITS)[1]
    for queue in (journal, inbox_queue(NAMES, LIMITS, "p", "s", [])):
        assert queue.arguments["x-queue-type"] == "quorum"
        assert queue.arguments["x-delivery-limit"] == 4
        assert queue.arguments["x-dead-letter-exchange"] == NAMES.dead_letters
        assert queue.arguments["x-max-length"] in (10, 20)
    assert journal.arguments["x-overflow"] == "reject-publish"


def test_what_was_concluded_afterwards_goes_to_the_journal_alone() -> None:
    live, late = (CallEnded(at=1.0, call_id=CALL, reconciled=r) for r in (False, True))
    assert (fact_key(live), fact_key(late)) == ("fact.CallEnded", "late.CallEnded")
    assert inbox_queue(NAMES, LIMITS, "p", "s", ["CallEnded"]).keys == ("fact.CallEnded",)


# --- signals on the wire -------------------------------------------------------------------------------------------------


def test_a_signal_comes_back_from_the_wire_as_it_was() -> None:
    whole = sent(3, CallEnded=7)
    assert decode_signal(encode_signal(whole)) == whole


@pytest.mark.parametrize("data", [b"", b"\xff", b"{}", encode_signal(sent(1)).replace(b"DigitPressed", b"NobodyKnows")])
def test_bytes_that_are_no_signal_are_refused(data: bytes) -> None:
    with pytest.raises(Undecodable):
        decode_signal(data)


def test_an_outcome_never_travels() -> None:
    assert CommandEnded.__name__ not in SIGNALS
