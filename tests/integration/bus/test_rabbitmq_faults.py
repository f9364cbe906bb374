"""What becomes of facts and commands when a process dies, a limit is reached, or a message is poison.

On both versions of RabbitMQ where it is the broker that sees to it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import aio_pika
import pytest

from hotline.bus.rabbitmq.dead import read, requeue
from hotline.codec import encode
from hotline.commands import Command, Done, Hangup, Outcome, Refused, Unknown
from hotline.facts import CallEnded, Envelope, Fact
from hotline.ids import CallId, FactId
from hotline.settings import Bus as BusSettings
from tests.integration.bus.conftest import World
from tests.integration.bus.outages import BACK_S, Listener, live_through
from tests.integration.bus.test_bus_contract import NODE, T0, Recorder, digit, ended, take
from tests.support.rabbitmq import RabbitMQ, Version
from tests.support.wait import eventually


def wire(n: int, source: str = "elsewhere") -> bytes:
    """A fact as another process would send it."""
    return encode(Envelope(fact_id=FactId(f"f-{n}"), source=source, seq=n, fact=ended(n)))


async def send_raw(settings: BusSettings, *bodies: bytes, message_id: str | None = None) -> None:
    """Publish messages of facts, as a broken or newer program would."""
    assert settings.url is not None
    async with await aio_pika.connect(settings.url.get_secret_value()) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(f"{settings.prefix}.v1.facts", ensure=False)
        for body in bodies:
            message = aio_pika.Message(body, delivery_mode=2, message_id=message_id, app_id="test")
            await exchange.publish(message, "live")


async def waiting(settings: BusSettings, queue: str) -> int:
    """Return how many messages of a queue wait to be given out."""
    assert settings.url is not None
    async with await aio_pika.connect(settings.url.get_secret_value()) as connection:
        channel = await connection.channel()
        found = await channel.get_queue(f"{settings.prefix}.v1.{queue}", ensure=True)
        return found.declaration_result.message_count or 0


def test_nothing_is_lost_on_3_10_either(
    broker_of: Callable[[Version], RabbitMQ], tmp_path_factory: pytest.TempPathFactory
) -> None:
    seen = asyncio.run(live_through("stopped", broker_of("3.10"), tmp_path_factory.mktemp("stopped")))
    assert seen.durable == seen.live == seen.told
    assert set(seen.told) <= seen.journal
    assert seen.done == {"new"}


# --- processes that die -----------------------------------------------------------------------------------------------------


async def test_a_node_whose_process_is_gone_is_refused_and_served_again_by_the_next(brokered: World) -> None:
    brokered.far.bus.serve(NODE, Recorder())
    await brokered.start()
    await brokered.far.die()
    outcome = await brokered.near.bus.request(Hangup(node=NODE, call_id=CallId("c")), within_s=10)
    assert outcome == Refused(reason=f"no telephony service for node {NODE}", nobody=True)
    again = brokered.process("far")
    again.bus.serve(NODE, Recorder())
    await again.bus.start()
    assert await brokered.near.bus.request(Hangup(node=NODE, call_id=CallId("c")), within_s=10) == Done()


async def test_a_command_that_reaches_its_node_after_its_deadline_is_refused_there(brokered: World) -> None:
    perform = Recorder()
    late = brokered.process("late", wall=lambda: time.time() + 100)  # noqa: TID251 - as after a suspension of 100 s
    late.bus.serve(NODE, perform)
    await late.bus.start()
    await brokered.near.bus.start()
    outcome = await brokered.near.bus.request(Hangup(node=NODE, call_id=CallId("c")), within_s=10)
    assert isinstance(outcome, Refused)
    assert "too old" in outcome.reason
    assert perform.done == []


async def test_a_command_that_was_begun_is_brought_to_its_end_when_the_session_is_lost_meanwhile(
    brokered: World,
) -> None:
    perform = Recorder()
    perform.go.clear()
    brokered.far.bus.serve(NODE, perform)
    brokered.far.bus.subscribe("any", Fact, durable=True)
    await brokered.start()
    outcome = asyncio.ensure_future(brokered.near.bus.request(Hangup(node=NODE, call_id=CallId("c")), within_s=20))
    await eventually(lambda: perform.done, what="a command that was begun")
    async with await aio_pika.connect(brokered.broker.url()) as connection:
        channel = await connection.channel()
        await channel.queue_delete(f"{brokered.prefix}.v1.inbox.far.any")  # this ends the session
    await eventually(lambda: brokered.far.told("bus_sessions_lost") > 0, what="a lost session")
    perform.go.set()
    assert await outcome == Done()


async def test_a_performer_that_fails_leaves_the_outcome_unknown_and_the_node_at_work(brokered: World) -> None:
    done: list[Command] = []

    def perform(command: Command) -> Awaitable[Outcome]:
        done.append(command)
        if len(done) == 1:
            raise KeyError("at once")
        return later()

    async def later() -> Outcome:
        if len(done) == 2:
            raise KeyError("later")
        return Done()

    brokered.far.bus.serve(NODE, perform)
    await brokered.start()
    command = Hangup(node=NODE, call_id=CallId("c"))
    outcomes = [await brokered.near.bus.request(command, within_s=10) for _ in range(3)]
    assert outcomes == [Unknown(reason="it failed: KeyError"), Unknown(reason="it failed: KeyError"), Done()]


async def test_what_a_dead_process_had_not_counted_comes_to_the_next_of_its_name(either: World) -> None:
    far = either.process("counter", prefetch=30)
    listener = Listener(far, far.bus.subscribe("all", Fact, durable=True), stop_after=20)
    await far.bus.start()
    await either.near.bus.start()
    await send_raw(either.settings(), *(wire(n) for n in range(50)))
    # 19 are handled, the twentieth is in its hands; the broker has heard that when it has sent 19 beyond the first 30.
    await eventually(lambda: len(listener.got) == 20, what="twenty facts")

    async def heard() -> bool:
        return await waiting(either.settings(), "inbox.counter.all") == 1

    await eventually(heard, what="nineteen acknowledged")
    await far.die()
    either.near.bus.publish(*(ended(n) for n in range(50, 60)))
    again = either.process("counter")
    inbox = again.bus.subscribe("all", Fact, durable=True)
    await again.bus.start()
    assert await take(inbox, 41) == [ended(n) for n in range(19, 60)]


async def test_a_live_inbox_begins_empty_in_the_next_life_of_its_process(either: World) -> None:
    either.far.bus.subscribe("all", Fact)
    await either.start()
    await either.far.die()
    either.near.bus.publish(ended(1))
    await eventually(lambda: either.near.spool.count == 0, what="a confirmed fact")
    assert await waiting(either.settings(), "live.far") == 1
    again = either.process("far")
    inbox = again.bus.subscribe("all", Fact)
    await again.bus.start()
    either.near.bus.publish(ended(2))
    assert await take(inbox, 1) == [ended(2)]


async def test_what_nobody_may_act_on_any_more_is_only_counted(either: World) -> None:
    live, durable = either.far.bus.subscribe("live", Fact), either.far.bus.subscribe("durable", Fact, durable=True)
    await either.start()
    old = CallEnded(at=T0 - 4000, call_id=CallId("long-ago"))
    either.near.bus.publish(old, ended(1))
    assert await take(durable, 2) == [old, ended(1)]
    assert await take(live, 1) == [ended(1)]
    await eventually(lambda: either.near.told("bus_facts_old") == 1, what="one counted as old")


async def test_what_waits_too_long_for_a_live_service_vanishes(either: World) -> None:
    brief = either.process("brief", live_s=1.0)
    brief.bus.subscribe("all", Fact)
    await brief.bus.start()
    await brief.die()
    await either.near.bus.start()
    either.near.bus.publish(ended(1))
    await eventually(lambda: either.near.spool.count == 0, what="a confirmed fact")

    async def gone() -> bool:
        return await waiting(either.settings(), "live.brief") == 0

    await eventually(gone, what="nothing in the queue of a service that is away")


async def test_an_end_that_was_concluded_reaches_whoever_asked_if_it_was_told(brokered: World) -> None:
    inbox = brokered.far.bus.subscribe("all", Fact)
    intake = brokered.far.rabbit.journal()
    await brokered.start()
    told, kept = (CallEnded(at=T0, call_id=CallId(c), reconciled=True) for c in ("told", "kept"))
    brokered.near.spool.keep([kept])  # as the reader of CEL does: for the journal
    brokered.near.bus.publish(told)
    assert await take(inbox, 1) == [told]
    await eventually(lambda: {e.fact for _, e in intake.peek(10)} == {told, kept}, what="both in the journal")
    assert not inbox.ready


# --- limits -----------------------------------------------------------------------------------------------------------------


async def test_a_durable_inbox_holds_no_more_than_its_prefetch(brokered: World) -> None:
    far = brokered.process("slow", prefetch=10)
    inbox = far.bus.subscribe("all", Fact, durable=True)
    await far.bus.start()
    await brokered.near.bus.start()
    await send_raw(brokered.settings(), *(wire(n) for n in range(100)))
    await eventually(lambda: inbox.ready, what="the first")
    assert await waiting(brokered.settings(), "inbox.slow.all") == 90
    assert await take(inbox, 100) == [ended(n) for n in range(100)]


async def test_an_inbox_that_is_full_gives_its_oldest_to_the_dead_letters_and_holds_up_nobody(either: World) -> None:
    away = either.process("away", inbox_max=5)
    away.bus.subscribe("all", Fact, durable=True)
    await away.bus.start()
    await away.die()
    await either.near.bus.start()
    await send_raw(either.settings(), *(wire(n) for n in range(8)))
    letters = await eventually(lambda: read(either.settings(), 10), what="dead letters")
    assert {x.reason for x in letters} == {"maxlen"}
    either.near.bus.publish(ended(9))
    await eventually(lambda: either.near.spool.count == 0, what="an empty spool")


async def test_a_full_journal_queue_leaves_the_facts_in_the_spool_and_loses_none(either: World) -> None:
    near = either.process("full", journal_max=3, journal_prefetch=1)
    await near.bus.start()
    told: list[Fact] = []

    def refused() -> bool:
        told.append(ended(len(told)))
        near.bus.publish(told[-1])
        return near.told("bus_facts_refused") > 0

    await eventually(refused, every_s=0.01, what="a refusal")
    assert near.spool.count > 0
    intake, got = near.rabbit.journal(), set[Fact]()

    def all_came() -> bool:
        batch = intake.peek(100)
        got.update(e.fact for _, e in batch)
        if batch:
            intake.remove(batch[-1][0])
        return got == set(told)

    await eventually(all_came, within_s=BACK_S, what="all facts")
    await eventually(lambda: near.spool.count == 0, what="an empty spool")


async def test_a_queue_that_somebody_removed_is_made_again(brokered: World) -> None:
    listener = Listener(brokered.far, brokered.far.bus.subscribe("all", Fact, durable=True))
    await brokered.start()
    async with await aio_pika.connect(brokered.broker.url()) as connection:
        channel = await connection.channel()
        for queue in ("inbox.far.all", "journal"):
            await channel.queue_delete(f"{brokered.prefix}.v1.{queue}")
    n = 0

    def flows() -> bool:
        nonlocal n
        n += 1
        brokered.near.bus.publish(ended(n))
        return len(listener.got) > 3

    await eventually(flows, within_s=BACK_S, what="facts again")
    await eventually(lambda: brokered.near.spool.count == 0, within_s=BACK_S, what="an empty spool")


async def test_a_channel_that_the_broker_closes_is_opened_again(brokered: World) -> None:
    await brokered.near.bus.start()
    async with await aio_pika.connect(brokered.broker.url()) as connection:
        channel = await connection.channel()
        await channel.exchange_delete(f"{brokered.prefix}.v1.signals")  # to publish into nothing closes the channel
    before = brokered.near.bus.heard_at() or 0.0

    def heard() -> bool:
        brokered.near.bus.publish(digit(1))
        return (brokered.near.bus.heard_at() or 0.0) > before

    await eventually(heard, within_s=BACK_S, what="an echo of our own signal")
    assert brokered.near.told("bus_sessions_lost") >= 1


# --- the journal --------------------------------------------------------------------------------------------------------------


async def test_the_journal_gets_every_fact_of_every_process_until_it_has_them(either: World) -> None:
    writer = either.process("writer", journal_prefetch=2)
    intake = writer.rabbit.journal()
    await writer.bus.start()
    await either.near.bus.start()
    for n, process in enumerate((either.near, writer, either.near)):
        process.bus.publish(ended(n))
        await eventually(lambda p=process: p.spool.count == 0, what="a confirmed fact")  # type: ignore[misc]
    await eventually(lambda: [e.fact for _, e in intake.peek(10)] == [ended(0), ended(1)], what="two of three facts")
    intake.remove(intake.peek(1)[0][0])
    await eventually(
        lambda: [e.fact for _, e in intake.peek(10)] == [ended(1), ended(2)], what="the third for the first"
    )
    await writer.die()
    again = either.process("writer")
    intake = again.rabbit.journal()
    await again.bus.start()
    await eventually(lambda: [e.fact for _, e in intake.peek(10)] == [ended(1), ended(2)], what="the rest again")


# --- dead letters -------------------------------------------------------------------------------------------------------------


async def test_poison_becomes_a_dead_letter_with_its_reason_and_the_rest_of_its_message_flows(either: World) -> None:
    inbox = either.far.bus.subscribe("all", Fact, durable=True)
    live = either.far.bus.subscribe("live", Fact)
    await either.start()
    settings = either.settings()
    assert await read(settings, 10) == []
    await send_raw(settings, b"\n".join((wire(1), b"\xff not a fact", wire(2))))
    assert await take(inbox, 2) == [ended(1), ended(2)]
    assert await take(live, 2) == [ended(1), ended(2)]
    letters = await eventually(lambda: read(settings, 10), what="a dead letter")
    assert [(x.queue, x.reason.split(":")[0]) for x in letters] == [(f"{either.prefix}.v1.inbox.far.all", "damaged")]
    assert "not a fact" in letters[0].body
    assert await read(settings, 10) == letters  # looking changes nothing
    assert either.far.told("bus_dead", reason="damaged") == 1


async def test_a_dead_letter_that_can_be_read_meanwhile_is_put_back_and_handled(brokered: World) -> None:
    inbox = brokered.far.bus.subscribe("all", Fact, durable=True)
    await brokered.start()
    settings = brokered.settings()
    newer = wire(7).replace(b'"v":1', b'"v":9')
    await send_raw(settings, newer, message_id="f-7")
    letters = await eventually(lambda: read(settings, 10), what="a dead letter")
    assert letters[0].reason.startswith("newer_version")
    assert (await requeue(settings, {"f-2"}, 10)).done == 0
    assert (await requeue(settings, {"f-7"}, 10)).done == 1  # this program still cannot read it: it dies again
    await eventually(lambda: brokered.far.told("bus_dead", reason="newer_version") == 2)
    await eventually(lambda: read(settings, 10), what="the dead letter again")
    await send_raw(settings, wire(7), message_id="f-7")
    assert await take(inbox, 1) == [ended(7)]


async def test_a_fact_that_kills_whoever_counts_it_becomes_a_dead_letter_in_the_end(either: World) -> None:
    await either.near.bus.start()
    letters = []
    for turn in range(6):
        victim = either.process("victim", delivery_limit=2)
        inbox = victim.bus.subscribe("all", Fact, durable=True)
        await victim.bus.start()
        if turn == 0:
            await send_raw(either.settings(), wire(1))

        listener = Listener(victim, inbox, stop_after=1)

        async def came_or_died(of: Listener = listener) -> bool:
            return bool(of.got or await read(either.settings(), 1))

        await eventually(came_or_died, what="the fact, or its death")
        await victim.die()
        if letters := await read(either.settings(), 10):
            break
    assert [(x.reason, x.queue) for x in letters] == [("delivery_limit", f"{either.prefix}.v1.inbox.victim.all")]
    assert letters[0].body == wire(1).decode()
