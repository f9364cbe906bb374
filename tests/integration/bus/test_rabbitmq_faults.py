"""What happens to records when the broker or a process fails, with real brokers of both versions."""

import asyncio
import time

import aio_pika
import msgspec
import pytest

from hotline.bus.base import Inbox
from hotline.bus.rabbitmq_dead import read, requeue
from hotline.codec import encode
from hotline.commands import Done, Hangup, Refused, Unknown
from hotline.facts import CallEnded, Envelope, Fact, Record, Signal
from hotline.ids import CallId, FactId
from hotline.settings import Bus as BusSettings
from tests.integration.bus.conftest import Process, World
from tests.integration.bus.test_bus_contract import NODE, Recorder, digit, ended, take
from tests.support.wait import eventually

BACK_S = 60.0
"""How long a broker may take to come back and everything to arrive."""


class Listener:
    """Handles an inbox as a service does and notes what it got."""

    def __init__(self, process: Process, inbox: Inbox) -> None:
        self.got: list[Record] = []
        process.tasks.spawn(self._run(inbox), name="listener")

    async def _run(self, inbox: Inbox) -> None:
        while (record := await inbox.get()) is not None:
            self.got.append(record)

    def firsts(self) -> list[Record]:
        """Return what came, each once, in the order of its first coming."""
        return list(dict.fromkeys(self.got))


async def publish_slowly(world: World, first: int, count: int, seconds: float) -> None:
    for n in range(first, first + count):
        world.near.bus.publish(ended(n))
        await asyncio.sleep(seconds / count)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_nothing_is_lost_and_order_kept_while_the_broker_dies_and_comes_back(brokered: World, how: str) -> None:
    assert brokered.broker is not None
    listener = Listener(brokered.far, brokered.far.bus.subscribe("all", Fact))
    await brokered.start()
    telling = asyncio.ensure_future(publish_slowly(brokered, 0, 1500, 6.0))
    await eventually(lambda: len(listener.got) > 100, what="first facts")
    await (brokered.broker.kill() if how == "kill" else brokered.broker.stop())
    await brokered.broker.start()
    await telling
    await eventually(lambda: len(listener.firsts()) == 1500, within_s=BACK_S, what="all facts")
    assert listener.firsts() == [ended(n) for n in range(1500)]
    await eventually(lambda: brokered.near.spool.count == 0, what="an empty spool")


@pytest.mark.parametrize("how", ["dead", "frozen", "alarm"])
async def test_publishing_goes_on_while_the_broker_is_away_and_all_facts_arrive(brokered: World, how: str) -> None:
    broker = brokered.broker
    assert broker is not None
    listener = Listener(brokered.far, brokered.far.bus.subscribe("all", Fact))
    here = Listener(brokered.near, brokered.near.bus.subscribe("here", Fact, Signal))
    await brokered.start()
    try:
        match how:
            case "dead":
                await broker.kill()
            case "frozen":
                broker.freeze()
            case _:
                await broker.alarm(on=True)
        slowest = 0.0
        for n in range(3000):
            began = time.perf_counter()
            brokered.near.bus.publish(ended(n), digit(n))
            slowest = max(slowest, time.perf_counter() - began)
            if n % 10 == 0:
                await asyncio.sleep(0.01)
        assert slowest < 0.2
        await eventually(lambda: len(here.got) == 6000, what="records inside the process")
        assert brokered.near.spool.count > 0
    finally:
        match how:
            case "dead":
                await broker.start()
            case "frozen":
                broker.thaw()
            case _:
                await broker.alarm(on=False)
    await eventually(lambda: len(listener.firsts()) == 3000, within_s=BACK_S, what="all facts")
    assert listener.firsts() == [ended(n) for n in range(3000)]


async def test_signals_and_commands_that_wait_for_the_broker_are_bounded(brokered: World) -> None:
    assert brokered.broker is not None
    near = brokered.process("bounded", pending_max=50)
    await near.bus.start()
    await brokered.broker.kill()
    try:
        near.bus.publish(*(digit(n) for n in range(500)))
        outcomes = [near.bus.request(Hangup(node=NODE, call_id=CallId("c")), within_s=1) for _ in range(100)]
        assert set(map(type, await asyncio.gather(*outcomes))) == {Refused}
        assert near.tally.counts["limits_reached", (("limit", "bus_pending"),)] >= 400
    finally:
        await brokered.broker.start()


async def test_a_command_that_cannot_be_sent_in_time_is_unknown_and_never_done_later(brokered: World) -> None:
    assert brokered.broker is not None
    perform = Recorder()
    brokered.far.bus.serve(NODE, perform)
    await brokered.start()
    brokered.broker.freeze()
    try:
        outcomes = [brokered.near.bus.request(Hangup(node=NODE, call_id=CallId("c")), within_s=1.0) for _ in range(5)]
        assert {type(o) for o in await asyncio.gather(*outcomes)} == {Unknown}
    finally:
        brokered.broker.thaw()

    async def works_again() -> bool:
        return await brokered.near.bus.request(Hangup(node=NODE, call_id=CallId("new")), within_s=2) == Done()

    await eventually(works_again, within_s=BACK_S, what="a command that is done")
    assert {c.call_id for c in perform.done if isinstance(c, Hangup)} == {"new"}


async def test_a_command_that_reaches_its_node_after_its_deadline_is_refused_there(brokered: World) -> None:
    perform = Recorder()
    late = brokered.process("late")
    assert late.rabbit is not None
    late.rabbit._wall = lambda: time.time() + 100  # noqa: TID251 - as after a suspension of 100 s
    late.bus.serve(NODE, perform)
    await late.bus.start()
    await brokered.near.bus.start()
    outcome = await brokered.near.bus.request(Hangup(node=NODE, call_id=CallId("c")), within_s=10)
    assert isinstance(outcome, Refused)
    assert "too old" in outcome.reason
    assert perform.done == []


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


async def test_what_a_dead_process_had_not_handled_comes_to_the_next_of_its_name(brokered: World) -> None:
    inbox = brokered.far.bus.subscribe("all", Fact)
    await brokered.start()
    brokered.near.bus.publish(*(ended(n) for n in range(50)))
    await take(inbox, 20)  # 19 are handled, the twentieth is in its hands
    await asyncio.sleep(0.2)  # its acknowledgements are on their way
    await brokered.far.die()
    brokered.near.bus.publish(*(ended(n) for n in range(50, 60)))
    again = brokered.process("far")
    inbox = again.bus.subscribe("all", Fact)
    await again.bus.start()
    assert await take(inbox, 41) == [ended(n) for n in range(19, 60)]


async def test_an_inbox_holds_no_more_than_its_prefetch(brokered: World) -> None:
    far = brokered.process("slow", prefetch=10)
    inbox = far.bus.subscribe("all", Fact)
    await far.bus.start()
    await brokered.near.bus.start()
    brokered.near.bus.publish(*(ended(n) for n in range(100)))
    queue = f"{brokered.prefix}.v1.inbox.slow.all"
    await eventually(lambda: depths(brokered, queue), what="all facts in the broker")
    assert await depths(brokered, queue) == (90, 10)
    assert await take(inbox, 100) == [ended(n) for n in range(100)]


async def depths(world: World, queue: str) -> tuple[int, int] | None:
    """Return how many messages of a queue are ready and given out, once they are a hundred."""
    assert world.broker is not None
    said = await world.broker.control("list_queues", "name", "messages_ready", "messages_unacknowledged")
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line.startswith(queue)}
    ready, given = map(int, rows[queue])
    return (ready, given) if ready + given == 100 else None


async def test_a_queue_that_somebody_removed_is_made_again(brokered: World) -> None:
    assert brokered.broker is not None
    listener = Listener(brokered.far, brokered.far.bus.subscribe("all", Fact))
    await brokered.start()
    for queue in ("inbox.far.all", "journal"):
        await brokered.broker.control(
            "eval",
            f'{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"{brokered.prefix}.v1.{queue}">>)), '
            'rabbit_amqqueue:delete(Q, false, false, <<"test">>).',
        )
    n = 0

    async def flows() -> bool:
        nonlocal n
        n += 1
        brokered.near.bus.publish(ended(n))
        await asyncio.sleep(0.1)
        return len(listener.got) > 3

    await eventually(flows, within_s=BACK_S, what="facts again")
    await eventually(lambda: brokered.near.spool.count == 0, within_s=BACK_S, what="an empty spool")


# --- the journal --------------------------------------------------------------------------------------------------------


async def test_the_journal_gets_every_fact_of_every_process_until_it_has_them(brokered: World) -> None:
    assert brokered.far.rabbit is not None
    intake = brokered.far.rabbit.journal()
    reconciled = CallEnded(at=9.0, call_id=CallId("c9"), reconciled=True)
    told = [ended(1), ended(2), reconciled]
    inbox = brokered.far.bus.subscribe("all", Fact)
    await brokered.start()
    brokered.near.bus.publish(*told)
    brokered.far.bus.publish(ended(3))
    await eventually(lambda: len(intake.peek(10)) == 4, what="facts for the journal")
    assert {e.fact for _, e in intake.peek(10)} == {*told, ended(3)}
    assert await take(inbox, 3) == [ended(3), ended(1), ended(2)]
    intake.remove(intake.peek(2)[-1][0])
    assert len(intake.peek(10)) == 2
    await asyncio.sleep(0.2)  # the acknowledgement is on its way
    await brokered.far.die()
    again = brokered.process("far")
    assert again.rabbit is not None
    intake = again.rabbit.journal()
    await again.bus.start()
    await eventually(lambda: len(intake.peek(10)) == 2, what="the rest again")


async def test_a_full_journal_queue_leaves_the_facts_in_the_spool_and_loses_none(brokered: World) -> None:
    near = brokered.process("full", journal_max=10, journal_prefetch=5)
    assert near.rabbit is not None
    await near.bus.start()
    near.bus.publish(*(ended(n) for n in range(200)))
    await eventually(lambda: near.tally.counts["bus_facts_refused", ()] > 0, what="a refusal")
    assert near.spool.count > 0
    intake, got = near.rabbit.journal(), set[Fact]()

    def all_came() -> bool:
        batch = intake.peek(100)
        got.update(e.fact for _, e in batch)
        if batch:
            intake.remove(batch[-1][0])
        return len(got) == 200

    await eventually(all_came, within_s=BACK_S, what="all facts")
    await eventually(lambda: near.spool.count == 0, what="an empty spool")


# --- dead letters -------------------------------------------------------------------------------------------------------


async def send_raw(settings: BusSettings, body: bytes, key: str = "fact.CallEnded", message_id: str = "poison") -> None:
    """Publish bytes as a fact, as a broken or newer program would."""
    assert settings.url is not None
    connection = await aio_pika.connect(settings.url.get_secret_value())
    async with connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(f"{settings.prefix}.v1.facts", ensure=False)
        await exchange.publish(aio_pika.Message(body, delivery_mode=2, message_id=message_id, app_id="test"), key)


async def test_poison_becomes_a_dead_letter_with_its_reason_and_the_rest_flows(brokered: World) -> None:
    inbox = brokered.far.bus.subscribe("all", Fact)
    await brokered.start()
    settings = brokered.settings()
    assert await read(settings, 10) == []
    brokered.near.bus.publish(ended(1))
    await send_raw(settings, b"\xff not a fact")
    brokered.near.bus.publish(ended(2))
    assert await take(inbox, 2) == [ended(1), ended(2)]
    letters = await eventually(lambda: read(settings, 10), what="a dead letter")
    assert [(x.id, x.queue, x.reason.split(":")[0]) for x in letters] == [
        ("poison", f"{brokered.prefix}.v1.inbox.far.all", "damaged")
    ]
    assert await read(settings, 10) == letters  # looking changes nothing
    assert brokered.far.tally.counts["bus_dead", (("reason", "damaged"),)] == 1


async def test_a_dead_letter_that_can_be_read_meanwhile_is_put_back_and_handled(brokered: World) -> None:
    inbox = brokered.far.bus.subscribe("all", Fact)
    await brokered.start()
    settings = brokered.settings()
    good = encode(Envelope(fact_id=FactId("f-1"), source="elsewhere", seq=1, fact=ended(7)))
    newer = good.replace(b'"v":1', b'"v":9')
    await send_raw(settings, newer, message_id="f-1")
    letters = await eventually(lambda: read(settings, 10), what="a dead letter")
    assert letters[0].reason.startswith("newer_version")
    assert (await requeue(settings, {"f-2"}, 10)).done == 0
    assert (await requeue(settings, {"f-1"}, 10)).done == 1  # this program still cannot read it: it dies again
    await eventually(lambda: brokered.far.tally.counts["bus_dead", (("reason", "newer_version"),)] == 2)
    await eventually(lambda: read(settings, 10), what="the dead letter again")
    await send_raw(settings, good, message_id="f-1")
    assert await take(inbox, 1) == [ended(7)]


async def test_a_fact_that_kills_whoever_handles_it_becomes_a_dead_letter_in_the_end(brokered: World) -> None:
    settings = brokered.settings(delivery_limit=2)
    near = brokered.process("teller", delivery_limit=2)
    await near.bus.start()
    for turn in range(5):
        victim = brokered.process("victim", delivery_limit=2)
        inbox = victim.bus.subscribe("all", Fact)
        await victim.bus.start()
        if turn == 0:
            near.bus.publish(ended(1))
            await take(inbox, 1)
        await asyncio.sleep(0.3)  # it is given out, and never handled
        await victim.die()
        if letters := await read(settings, 10):
            break
    assert [(x.reason, x.queue) for x in letters] == [("delivery_limit", f"{brokered.prefix}.v1.inbox.victim.all")]
    assert msgspec.json.decode(letters[0].body)["type"] == "CallEnded"
