"""The pure parts of the bus: fence, window, order of signals between facts, layout in the broker."""

import asyncio
import socket

import pytest
from aio_pika import Message

from hotline.bus.fence import Fence
from hotline.bus.rabbitmq.incoming import Receipt
from hotline.bus.rabbitmq.link import SILENT_PEER_S, watch_peer
from hotline.bus.rabbitmq.ordering import HELD_MAX, HOLD_S, LATELY_S, Lately, Ordering
from hotline.bus.rabbitmq.outgoing import FactPublisher
from hotline.bus.rabbitmq.packing import BYTES_MAX, FACTS_MAX, pack, unpack
from hotline.bus.rabbitmq.parcels import BODY_MAX, WAITING_BYTES_MAX, Parcel, Sender
from hotline.bus.rabbitmq.topology import (
    LATE,
    LIVE,
    OLD,
    Limits,
    Names,
    age_of,
    exchanges,
    inbox_queue,
    live_queue,
    own_signals,
    shared_queues,
    signal_key,
    signals_of,
)
from hotline.bus.rabbitmq.window import Window
from hotline.codec import SIGNALS, SentSignal, Undecodable, decode, decode_signal, encode_signal
from hotline.commands import CommandEnded, Refused
from hotline.errors import Unavailable
from hotline.facts import AgentAdded, CallEnded, DigitPressed, Envelope
from hotline.ids import AgentId, CallId, Extension
from hotline.runtime.clock import ManualClock
from hotline.runtime.tasks import TaskGroup
from hotline.tally import Tally
from tests.support.envelopes import told
from tests.support.record_samples import sample

CALL = CallId("c")
NAMES = Names(prefix="hotline")
LIMITS = Limits(journal_max=10, inbox_max=20, dead_max=30, delivery_limit=4, forget_after_s=60, live_s=2.5)


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


def test_a_sender_names_what_it_told_lately_and_what_is_still_on_its_way() -> None:
    lately = Lately()
    lately.told("CallEnded", 1, now=0.0)
    lately.told("OfferMade", 2, now=3.0)
    lately.told("OfferMade", 4, now=3.5)
    assert lately.numbers(4.0, confirmed=9) == {"CallEnded": 1, "OfferMade": 4}
    assert lately.numbers(LATELY_S * 9, confirmed=3) == {"OfferMade": 4}
    assert lately.numbers(LATELY_S * 9, confirmed=4) == {}


# --- layout ------------------------------------------------------------------------------------------------------------


def test_every_name_carries_prefix_and_version() -> None:
    names = [e.name for e in exchanges(NAMES)] + [q.name for q in shared_queues(NAMES, LIMITS)]
    names += [inbox_queue(NAMES, LIMITS, "node1", "acd").name, live_queue(NAMES, LIMITS, "node1").name]
    assert all(name.startswith("hotline.v1.") for name in names)
    assert len(names) == len(set(names)) + 1  # the dead letters' exchange and queue share a name


def test_every_queue_of_facts_is_bounded_and_says_how_often_it_gives_out() -> None:
    journal = shared_queues(NAMES, LIMITS)[1]
    for queue in (journal, inbox_queue(NAMES, LIMITS, "p", "s"), live_queue(NAMES, LIMITS, "p")):
        assert queue.arguments["x-queue-type"] == "quorum"
        assert queue.arguments["x-delivery-limit"] >= 4
        assert queue.arguments["x-max-length"] in (10, 20)
    assert journal.arguments["x-overflow"] == "reject-publish"


def test_the_journal_never_gives_a_fact_up_and_live_services_leave_no_dead() -> None:
    queues = {"journal": shared_queues(NAMES, LIMITS)[1], "live": live_queue(NAMES, LIMITS, "p")}
    assert not any("x-dead-letter-exchange" in queue.arguments for queue in queues.values())
    assert queues["live"].arguments["x-message-ttl"] == 2500
    assert "x-message-ttl" not in queues["journal"].arguments
    assert inbox_queue(NAMES, LIMITS, "p", "s").arguments["x-dead-letter-exchange"] == NAMES.dead_letters


def test_a_fact_grows_old_and_one_that_was_never_told_is_late() -> None:
    ages = [age_of(at=10.0, now=now, live_s=2.5, told=True) for now in (9.0, 10.0, 12.5, 12.6)]
    assert ages == [LIVE, LIVE, LIVE, OLD]
    assert age_of(at=10.0, now=10.0, live_s=2.5, told=False) == LATE
    assert shared_queues(NAMES, LIMITS)[1].keys == ("#",)
    assert live_queue(NAMES, LIMITS, "p").keys == (LIVE,)
    assert inbox_queue(NAMES, LIMITS, "p", "s").keys == (LIVE, OLD)


def test_names_of_processes_may_have_dots() -> None:
    assert signal_key(DigitPressed, "node1.acd") == "signal.DigitPressed.node1.acd"
    assert signals_of(DigitPressed) == "signal.DigitPressed.#"
    assert own_signals("node1.acd") == "signal.*.node1.acd"


# --- several facts in one message -----------------------------------------------------------------------------------------


def numbered(count: int, source: str = "s") -> list[tuple[int, Envelope]]:
    return [
        (e.seq, e) for e in told(*(CallEnded(at=1.0, call_id=CallId(f"c{n}")) for n in range(count)), source=source)
    ]


def test_facts_come_out_of_messages_as_they_went_in() -> None:
    facts = numbered(FACTS_MAX * 2 + 5)
    packs = pack(facts, lambda _n, _e: LIVE)
    assert [len(p.numbers) for p in packs] == [FACTS_MAX, FACTS_MAX, 5]
    assert [n for p in packs for n in p.numbers] == [n for n, _ in facts]
    assert [decode(line) for p in packs for line in unpack(p.body)] == [e for _, e in facts]


def test_facts_of_different_ages_or_sources_are_not_mixed_and_keep_their_order() -> None:
    facts = [*numbered(4), *numbered(2, source="t")]
    packs = pack(facts, lambda n, e: LATE if (n, e.source) == (3, "s") else LIVE)
    assert [(p.age, p.source, len(p.lines)) for p in packs] == [
        (LIVE, "s", 2), (LATE, "s", 1), (LIVE, "s", 1), (LIVE, "t", 2),
    ]  # fmt: skip
    assert [p.type for p in packs] == ["facts", "CallEnded", "CallEnded", "facts"]


def test_a_message_is_full_at_a_size_however_large_its_last_fact_is() -> None:
    agents = [
        AgentAdded(at=1.0, agent_id=AgentId("a"), name="n" * size, extension=Extension("1")) for size in (9, 10**6, 9)
    ]
    packs = pack([(e.seq, e) for e in told(*agents)], lambda _n, _e: LIVE)
    assert [len(p.lines) for p in packs] == [2, 1]
    assert len(packs[1].body) < BYTES_MAX < len(packs[0].body)


# --- what waits for the broker ------------------------------------------------------------------------------------------------


def parcel(size: int = 1, until: float = 100.0) -> Parcel:
    return Parcel(exchange="x", key="k", message=Message(b"x" * size), until=until)


def test_parcels_are_bounded_in_number_and_bytes_and_stale_ones_make_room() -> None:
    clock, tally = ManualClock(0.0), Tally()
    sender = Sender(3, clock, tally, lambda: None)
    assert [sender.offer(parcel()) for _ in range(4)] == [True, True, True, False]
    clock.advance(101.0)
    large = [sender.offer(parcel(BODY_MAX, until=200.0)) for _ in range(3)]
    assert large == [True, True, True]
    assert not sender.offer(parcel(BODY_MAX + 1, until=200.0))
    roomy = Sender(10**6, clock, tally, lambda: None)
    assert [roomy.offer(parcel(BODY_MAX, until=200.0)) for _ in range(9)].count(True) == WAITING_BYTES_MAX // BODY_MAX
    assert tally.counts["bus_parcels_dropped", ()] == 3
    assert tally.counts["limits_reached", (("limit", "bus_pending"),)] == 2
    assert tally.counts["limits_reached", (("limit", "bus_message"),)] == 1


async def test_facts_wait_for_parcels_until_they_went_or_were_given_up_and_never_for_ever() -> None:
    clock = ManualClock(0.0)
    sender = Sender(1, clock, Tally(), lambda: None)
    assert await sender.caught_up(1.0)
    sender.offer(parcel())
    assert not await sender.caught_up(0.01)
    waiting = asyncio.ensure_future(sender.caught_up(5.0))
    await asyncio.sleep(0)
    clock.advance(101.0)
    sender.offer(parcel(until=200.0))  # the first one is given up for it
    assert await waiting


async def test_parcels_of_a_session_that_ends_before_they_were_begun_hold_up_nobody() -> None:
    clock, tasks = ManualClock(0.0), TaskGroup("session")
    sender = Sender(9, clock, Tally(), lambda: None)
    asked = parcel()
    asked.sent = asyncio.get_running_loop().create_future()
    sender.offer(asked)
    sending = tasks.spawn(sender.run(None, tasks), name="parcels")  # type: ignore[arg-type]
    while asked.state == "waiting":
        await asyncio.sleep(0)
    await tasks.close()
    assert sending.cancelled()
    assert await sender.caught_up(0.1)
    assert isinstance(asked.sent.exception(), Unavailable)


async def test_a_spool_that_cannot_be_read_for_a_while_does_not_stop_the_process() -> None:
    class Unreadable:
        last = 1

        def keep(self, new: object) -> None: ...

        def peek(self, limit: int) -> list[tuple[int, Envelope]]:
            return []

        def remove(self, numbers: object) -> None: ...

        async def wait(self) -> None: ...

    class Channel:
        async def get_exchange(self, name: str, *, ensure: bool) -> None: ...

    async def blocked() -> bool:
        return False

    clock, tally = ManualClock(0.0), Tally()
    sender = Sender(1, clock, tally, lambda: None)
    publisher = FactPublisher(Unreadable(), NAMES, sender, confirm_timeout_s=1, live_s=1, clock=clock, tally=tally)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(publisher.run(Channel(), blocked), 0.05)  # type: ignore[arg-type]


def test_a_delivery_is_acknowledged_when_all_who_share_it_have_signed() -> None:
    handled: list[int] = []

    class Consumer:
        def handled(self, tag: int) -> None:
            handled.append(tag)

    receipt = Receipt(Consumer(), 7)  # type: ignore[arg-type]
    receipt.share()
    receipt.share()
    receipt.sign()
    receipt.sign()
    assert handled == []
    receipt.sign()
    assert handled == [7]


def test_a_link_is_watched_by_the_kernel() -> None:
    with socket.socket() as link:
        watch_peer(link)
        assert link.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert link.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == SILENT_PEER_S * 1000


# --- signals on the wire -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(SIGNALS))
def test_a_signal_comes_back_from_the_wire_as_it_was(kind: str) -> None:
    whole = SentSignal(source="s", after={"CallEnded": 7}, signal=sample(SIGNALS[kind]))
    assert decode_signal(encode_signal(whole)) == whole


@pytest.mark.parametrize("data", [b"", b"\xff", b"{}", encode_signal(sent(1)).replace(b"DigitPressed", b"NobodyKnows")])
def test_bytes_that_are_no_signal_are_refused(data: bytes) -> None:
    with pytest.raises(Undecodable):
        decode_signal(data)


def test_an_outcome_never_travels() -> None:
    assert CommandEnded.__name__ not in SIGNALS
