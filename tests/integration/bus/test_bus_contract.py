"""What `hotline.bus.base` promises, asked of both buses: the one in one process, and the one through RabbitMQ."""

import asyncio
import random
import time

import pytest

from hotline.bus.base import Bus, Inbox
from hotline.codec import SIGNALS
from hotline.commands import Command, Done, Hangup, Outcome, Refused, StartMusic, Unknown
from hotline.errors import Misuse
from hotline.facts import (
    CallAdopted,
    CallEnded,
    CallFact,
    DigitPressed,
    Fact,
    NodeSurveyed,
    OfferRang,
    Place,
    Record,
    RouterActive,
    RouterRemembered,
    SeatChanged,
    Signal,
)
from hotline.ids import CallId, Extension, LegId, NodeId, OfferId, QueueId
from hotline.runtime.clock import wall_time
from tests.integration.bus.conftest import World
from tests.support.record_samples import sample
from tests.support.wait import eventually

NODE = NodeId("node1")
CALL = CallId("c1")


T0 = float(int(wall_time()))
"""Facts of these tests are of now, as far as live services care (see `World.settings`)."""


def ended(n: int) -> CallEnded:
    return CallEnded(at=T0 + n, call_id=CallId(f"c{n}"))


def digit(n: int) -> DigitPressed:
    return DigitPressed(at=T0 + n, call_id=CALL, digit="1")


async def take(inbox: Inbox, count: int, within_s: float = 20.0) -> list[Record]:
    """Return the next records of an inbox."""
    taken: list[Record] = []
    async with asyncio.timeout(within_s):
        while len(taken) < count:
            record = await inbox.get()
            assert record is not None
            taken.append(record)
    return taken


class Recorder:
    """A performer that notes what it does."""

    def __init__(self, outcome: Outcome | None = None) -> None:
        self.outcome: Outcome = outcome if outcome is not None else Done()
        self.done: list[Command] = []
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, command: Command) -> Outcome:
        self.done.append(command)
        await self.go.wait()
        return self.outcome


@pytest.mark.parametrize("durable", [False, True], ids=["live", "durable"])
async def test_facts_and_signals_reach_whoever_asked_in_the_order_they_were_told(world: World, durable: bool) -> None:
    inbox = world.far.bus.subscribe("all", Fact, Signal, durable=durable)
    await world.start()
    lots = random.Random(5)
    told = [ended(n) if lots.random() < 0.6 else digit(n) for n in range(600)]
    for first in range(0, 600, 6):  # a turn of a busy loop; now and then the spool and the broker catch up
        world.near.bus.publish(*told[first : first + 6])
        await asyncio.sleep(lots.choice((0, 0, 0.001, 0.01)))
    assert await take(inbox, 600) == told


async def test_each_source_keeps_its_own_order_when_two_tell_of_the_same_call(world: World) -> None:
    both = (world.near, world.far)
    inbox = world.far.bus.subscribe("all", Fact, Signal)
    await world.start()
    for n in range(0, 400, 4):
        for turn, process in enumerate(both):
            process.bus.publish(ended(2 * n + turn), digit(2 * n + turn))
        await asyncio.sleep(0)
    got = await take(inbox, 400)
    for turn in (0, 1):
        of_one = [r for r in got if (r.at - T0) % 2 == turn]
        assert of_one == [kind(2 * n + turn) for n in range(0, 400, 4) for kind in (ended, digit)]


async def test_only_the_kinds_asked_for_come(world: World) -> None:
    calls, digits = world.far.bus.subscribe("calls", CallFact), world.far.bus.subscribe("digits", DigitPressed)
    rang = OfferRang(at=T0, call_id=CALL, offer_id=OfferId("o"))
    await world.start()
    world.near.bus.publish(ended(1), digit(1), rang)
    assert await take(calls, 2) == [ended(1), rang]
    assert await take(digits, 1) == [digit(1)]
    assert not calls.ready
    assert not digits.ready


async def test_every_subscriber_gets_every_record(world: World) -> None:
    inboxes = [world.far.bus.subscribe(name, Fact) for name in ("one", "two")] + [
        world.near.bus.subscribe("three", Fact)
    ]
    await world.start()
    world.near.bus.publish(*(ended(n) for n in range(20)))
    for inbox in inboxes:
        assert await take(inbox, 20) == [ended(n) for n in range(20)]


async def test_every_kind_of_signal_travels(world: World) -> None:
    inbox = world.far.bus.subscribe("all", Signal)
    await world.start()
    told = [sample(kind) for kind in SIGNALS.values()]
    world.near.bus.publish(*told)
    assert await take(inbox, len(told)) == told


def survey(calls: int) -> NodeSurveyed:
    """Everything that a busy node knows."""
    place = Place(flow="main", flow_version="1f2e3d", step="wait", queue_id=QueueId("service"), skills=("a", "b"))
    adopted = tuple(
        CallAdopted(
            at=1.0, call_id=CallId(f"{n:036d}"), node=NODE, leg=LegId(f"PJSIP/trunk-{n:08x}"), phase="session",
            number="4000", caller_number="13800000001", caller_name="王小明", arrived_at=1.0, place=place,
        )
        for n in range(calls)
    )  # fmt: skip
    seats = tuple(
        SeatChanged(at=1.0, extension=Extension(str(1000 + n)), reachable=True, in_use=False, node=NODE)
        for n in range(calls // 5)
    )
    return NodeSurveyed(at=1.0, node=NODE, epoch=3, calls=adopted, seats=seats)


@pytest.mark.parametrize("calls", [500, 10_000])  # as many as a node usually has, and as it may have at the most
async def test_a_large_survey_arrives_whole_and_in_its_place(world: World, calls: int) -> None:
    inbox = world.far.bus.subscribe("all", CallEnded, NodeSurveyed)
    await world.start()
    told = [ended(1), survey(calls), ended(2)]
    world.near.bus.publish(*told)
    assert await take(inbox, 3) == told


async def test_values_of_bytes_and_of_nothing_travel(world: World) -> None:
    inbox = world.far.bus.subscribe("all", RouterRemembered)
    await world.start()
    values = {"acd/agent/1": bytes(range(256)), "acd/agent/2": None, "acd/offer/客": b""}
    told = RouterRemembered(
        at=1.0, router="near", epoch=1, revision=1, whole=True, values={**values, "x": b"\xff" * 10**6}
    )
    world.near.bus.publish(told)
    assert await take(inbox, 1) == [told]


async def test_an_inbox_opened_after_the_start_gets_what_comes_after(world: World) -> None:
    await world.start()
    inbox = world.far.bus.subscribe("late", CallEnded)
    n = 0

    async def arrives() -> bool:
        nonlocal n
        n += 1
        world.near.bus.publish(ended(n))
        await asyncio.sleep(0.05)
        return inbox.ready

    await eventually(arrives, what="a record")
    assert isinstance(await inbox.get(), CallEnded)


async def test_publishing_costs_no_wait(world: World) -> None:
    world.far.bus.subscribe("all", Fact, Signal)
    await world.start()
    began = time.perf_counter()
    world.near.bus.publish(*(ended(n) for n in range(1000)), *(digit(n) for n in range(1000)))
    assert time.perf_counter() - began < 2  # a whole second thousand of them; no trip to a disk or a broker is in it


async def test_facts_are_spooled_before_anybody_sees_them_and_signals_never(world: World) -> None:
    await world.start()
    kept = world.near.spool.last
    world.near.bus.publish(ended(1), digit(1), ended(2))
    assert world.near.spool.last - kept == 2


async def test_a_closed_inbox_is_emptied_and_then_ended(world: World) -> None:
    inbox = world.near.bus.subscribe("x", Fact)
    inbox.put(ended(1))
    inbox.close()
    inbox.put(ended(2))
    assert not inbox.ended
    assert await inbox.get() == ended(1)
    assert inbox.ended
    assert await inbox.get() is None


async def test_a_waiter_that_gives_up_loses_no_record(world: World) -> None:
    inbox = world.near.bus.subscribe("x", Fact)
    waiting = asyncio.ensure_future(inbox.get())
    await asyncio.sleep(0)
    inbox.put(ended(1))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await inbox.get() == ended(1)


async def test_a_full_inbox_drops_the_newest_of_its_own_process_and_counts(world: World) -> None:
    inbox = world.near.bus.subscribe("x", Fact, limit=1)
    inbox.put(ended(1))
    inbox.put(ended(2))
    inbox.close()
    assert [await inbox.get(), await inbox.get()] == [ended(1), None]
    assert world.near.tally.counts["limits_reached", (("limit", "bus_inbox"),)] == 1


# --- commands ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [Done(), Refused(reason="busy"), Unknown(reason="link lost")])
async def test_a_command_goes_to_its_node_and_its_outcome_comes_back(world: World, outcome: Outcome) -> None:
    perform = Recorder(outcome)
    world.far.bus.serve(NODE, perform)
    await world.start()
    command = Hangup(node=NODE, call_id=CALL)
    assert await world.near.bus.request(command, within_s=10) == outcome
    assert perform.done == [command]


async def test_commands_begin_in_the_order_they_were_sent(world: World) -> None:
    perform = Recorder()
    world.far.bus.serve(NODE, perform)
    await world.start()
    commands = [StartMusic(node=NODE, call_id=CALL, music_class=str(n)) for n in range(300)]
    outcomes = await asyncio.gather(*[world.near.bus.request(c, within_s=20) for c in commands])
    assert set(outcomes) == {Done()}
    assert perform.done == commands


async def test_a_node_that_does_not_answer_in_time_is_unknown_and_did_it_once(world: World) -> None:
    perform = Recorder()
    perform.go.clear()
    world.far.bus.serve(NODE, perform)
    await world.start()
    outcome = await world.near.bus.request(Hangup(node=NODE, call_id=CALL), within_s=1.5)
    perform.go.set()
    assert isinstance(outcome, Unknown)
    assert len(perform.done) == 1


async def test_a_command_for_a_node_that_nobody_serves_is_refused(world: World) -> None:
    await world.start()
    outcome = world.near.bus.request(Hangup(node=NodeId("node9"), call_id=CALL), within_s=10)
    world.near.bus.request(Hangup(node=NodeId("node9"), call_id=CALL), within_s=10)  # nobody looks; no warning either
    assert await outcome == Refused(reason="no telephony service for node node9", nobody=True)


async def test_a_command_for_a_node_that_nobody_serves_is_refused_at_once(world: World) -> None:
    await world.start()
    began = time.perf_counter()
    assert isinstance(await world.near.bus.request(Hangup(node=NodeId("node9"), call_id=CALL), within_s=20), Refused)
    assert time.perf_counter() - began < 5


async def test_a_command_without_time_left_is_refused_and_not_begun(world: World) -> None:
    perform = Recorder()
    world.far.bus.serve(NODE, perform)
    await world.start()
    assert isinstance(await world.near.bus.request(Hangup(node=NODE, call_id=CALL), within_s=0.0), Refused)
    assert perform.done == []


async def test_an_older_epoch_is_refused_and_no_epoch_never(world: World) -> None:
    perform = Recorder()
    world.far.bus.serve(NODE, perform)
    await world.start()

    async def told(epoch: int) -> Outcome:
        return await world.near.bus.request(Hangup(node=NODE, call_id=CALL), epoch=epoch, within_s=10)

    assert [await told(e) for e in (4, 4, 5)] == [Done()] * 3
    assert await told(4) == Refused(reason="epoch 4 is over, 5 rules", newer_epoch=5)
    assert [await told(e) for e in (0, 5)] == [Done()] * 2
    assert len(perform.done) == 5


async def test_a_node_that_heard_of_a_newer_router_refuses_the_old_one_before_the_new_one_sent_anything(
    world: World,
) -> None:
    perform = Recorder()
    world.far.bus.serve(NODE, perform)
    await world.start()
    command = Hangup(node=NODE, call_id=CALL)
    assert await world.near.bus.request(command, epoch=4, within_s=10) == Done()
    world.near.bus.publish(RouterActive(at=1.0, router="near", epoch=5))
    refused = await eventually(lambda: _refusal(world.near.bus, command), what="a refusal")
    assert refused.newer_epoch == 5


async def _refusal(bus: Bus, command: Command) -> Refused | None:
    outcome = await bus.request(command, epoch=4, within_s=10)
    return outcome if isinstance(outcome, Refused) else None


async def test_an_echo_shows_that_the_carrier_works(world: World) -> None:
    """Where there is a carrier: one process has none that could fail."""
    await world.start()
    before = world.near.bus.heard_at()

    def heard() -> bool:
        world.near.bus.publish(digit(1))
        heard_at = world.near.bus.heard_at()
        return (before is None) == (heard_at is None) and (heard_at is None or before is None or heard_at > before)

    assert await eventually(heard, what="an echo")


async def test_a_node_of_the_own_process_is_reached_and_fenced_like_any_other(world: World) -> None:
    perform = Recorder()
    world.near.bus.serve(NODE, perform)
    await world.start()
    command = Hangup(node=NODE, call_id=CALL)
    assert await world.near.bus.request(command, epoch=5, within_s=10) == Done()
    assert isinstance(await world.near.bus.request(command, epoch=4, within_s=10), Refused)
    assert isinstance(await world.near.bus.request(command, within_s=0.0), Refused)
    perform.go.clear()
    assert isinstance(await world.near.bus.request(command, within_s=1.0), Unknown)
    perform.go.set()
    assert perform.done == [command, command]


async def test_a_node_has_one_performer(world: World) -> None:
    world.far.bus.serve(NODE, Recorder())
    with pytest.raises(Misuse):
        world.far.bus.serve(NODE, Recorder())
