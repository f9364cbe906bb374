"""The bus inside one process, and the tally."""

import asyncio

import pytest

from hotline.bus.memory import MemoryBus
from hotline.commands import Command, Done, Hangup, Outcome, Refused
from hotline.errors import Misuse
from hotline.facts import CallEnded, CallFact, DigitPressed, Fact, OfferRang
from hotline.ids import CallId, NodeId, OfferId
from hotline.tally import Tally

ENDED = CallEnded(at=1.0, call_id=CallId("c"))
DIGIT = DigitPressed(at=1.0, call_id=CallId("c"), digit="1")
RANG = OfferRang(at=1.0, call_id=CallId("c"), offer_id=OfferId("o"))


async def test_an_inbox_gets_the_kinds_it_asked_for_and_their_subclasses_in_order() -> None:
    bus = MemoryBus(Tally())
    calls, digits = bus.subscribe("calls", CallFact), bus.subscribe("digits", DigitPressed)
    bus.publish(ENDED, DIGIT, RANG)
    assert [await calls.get(), await calls.get()] == [ENDED, RANG]
    assert not calls.ready
    assert await digits.get() == DIGIT


async def test_a_late_subscriber_gets_what_comes_after() -> None:
    bus = MemoryBus(Tally())
    bus.publish(ENDED)
    inbox = bus.subscribe("late", CallEnded)
    assert not inbox.ready
    bus.publish(ENDED)
    assert inbox.ready


async def test_facts_are_kept_before_anybody_sees_them_and_signals_never() -> None:
    seen: list[str] = []
    bus = MemoryBus(Tally(), keep=lambda facts: seen.append(f"kept {[type(f).__name__ for f in facts]} {inbox.ready}"))
    inbox = bus.subscribe("x", Fact, DigitPressed)
    bus.publish(ENDED, DIGIT, RANG)
    bus.publish(DIGIT)
    assert seen == ["kept ['CallEnded', 'OfferRang'] False"]


async def test_a_full_inbox_drops_the_newest_and_counts() -> None:
    tally = Tally()
    inbox = MemoryBus(tally).subscribe("x", Fact, limit=1)
    inbox.put(ENDED)
    inbox.put(RANG)
    inbox.close()
    assert [await inbox.get(), await inbox.get()] == [ENDED, None]
    assert tally.counts["limits_reached", (("limit", "bus_inbox"),)] == 1


async def test_a_closed_inbox_is_emptied_and_then_ended() -> None:
    inbox = MemoryBus(Tally()).subscribe("x", Fact)
    inbox.put(ENDED)
    inbox.close()
    inbox.put(RANG)
    assert not inbox.ended
    assert await inbox.get() == ENDED
    assert inbox.ended
    assert await inbox.get() is None


async def test_closing_wakes_whoever_waits() -> None:
    inbox = MemoryBus(Tally()).subscribe("x", Fact)
    waiting = asyncio.ensure_future(inbox.get())
    await asyncio.sleep(0)
    inbox.close()
    assert await asyncio.wait_for(waiting, 1) is None


async def test_a_waiter_that_gives_up_loses_no_record() -> None:
    inbox = MemoryBus(Tally()).subscribe("x", Fact)
    waiting = asyncio.ensure_future(inbox.get())
    await asyncio.sleep(0)
    inbox.put(ENDED)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await inbox.get() == ENDED


async def test_commands_go_to_the_performer_of_their_node() -> None:
    bus = MemoryBus(Tally())
    done: list[Command] = []

    async def perform(command: Command) -> Outcome:
        done.append(command)
        return Done()

    bus.serve(NodeId("n1"), perform)
    command = Hangup(node=NodeId("n1"), call_id=CallId("c"))
    assert await bus.request(command) == Done()
    assert done == [command]


async def test_a_node_has_one_performer() -> None:
    bus = MemoryBus(Tally())

    async def perform(command: Command) -> Outcome:
        return Done()

    bus.serve(NodeId("n1"), perform)
    with pytest.raises(Misuse):
        bus.serve(NodeId("n1"), perform)


async def test_a_command_for_nobody_is_refused_awaited_or_not() -> None:
    bus = MemoryBus(Tally())
    outcome = bus.request(Hangup(node=NodeId("n9"), call_id=CallId("c")))
    bus.request(Hangup(node=NodeId("n9"), call_id=CallId("c")))  # nobody looks; no warning either
    assert isinstance(await outcome, Refused)


def test_the_tally_counts_by_label() -> None:
    tally = Tally()
    tally.count("calls", queue="a")
    tally.count("calls", 2, queue="a")
    tally.count("calls", queue="b", kind="x")
    assert tally.counts == {("calls", (("queue", "a"),)): 3, ("calls", (("kind", "x"), ("queue", "b"))): 1}


def test_probes_set_levels_at_each_refresh() -> None:
    tally = Tally()
    values = iter([1.0, 2.0])
    tally.probe(lambda: tally.level("size", next(values)))
    assert tally.levels == {}
    tally.refresh()
    tally.refresh()
    assert tally.levels == {("size", ()): 2.0}


def test_observations_are_bounded_and_the_loss_is_counted() -> None:
    tally = Tally()
    for i in range(Tally.OBSERVATION_LIMIT + 1):
        tally.observe("wait", float(i))
    kept = tally.observations["wait", ()]
    assert len(kept) <= Tally.OBSERVATION_LIMIT
    assert kept[-1] == Tally.OBSERVATION_LIMIT
    assert tally.counts["limits_reached", (("limit", "tally_observations"),)] == 1
