"""Several processes with RabbitMQ between them are the same hotline as one: by calls, by kills, by restarts, by refusals."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest

from telephony.phones.callers import Caller
from telephony.phones.plan import DemoPlan
from telephony.phones.seats import Answer, Behaviour, Seats
from telephony.phones.sipp import Exchange
from tests.acceptance.conftest import MakeSeats
from tests.acceptance.test_calls import (  # noqa: F401 - the same behaviours, with this module's hotline
    test_a_caller_presses_1_talks_with_an_agent_and_everything_is_on_record,
    test_a_caller_who_gives_up_while_it_rings_frees_the_agent,
    test_a_seat_logs_in_takes_a_break_and_logs_out_by_feature_codes,
    test_an_agent_who_does_not_answer_rests_and_the_caller_keeps_the_place,
    test_the_name_of_a_known_customer_is_shown_at_the_seat,
    test_two_callers_and_one_agent_are_served_in_the_order_of_their_arrival,
)
from tests.support.accounts import AFTER_A_GAP, Accounts
from tests.support.layout import Layout
from tests.support.load import Load
from tests.support.rabbitmq import RabbitMQ
from tests.support.running import CONFIG, Member, Questions, Running
from tests.support.wait import eventually
from tests.support.watch import Postgres

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

RATE = 5.0
SEATS = 30
SEED = 20
KILLED_CALLS = 100
LOADED = CONFIG.replace("count = 6", f"count = {SEATS}").replace("wrap_up_s = 1", "wrap_up_s = 0.5")

Sipp = tuple[tuple[str, ...], dict[str, str]]


# --- one hotline for all of them -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def broker(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    made = RabbitMQ(tmp_path_factory.mktemp("broker"))
    runner.run(made.start())
    yield made
    runner.run(made.close())


@pytest.fixture(scope="module")
def layout(runner: asyncio.Runner, broker: RabbitMQ, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    made = Layout(tmp_path_factory.mktemp("split"), broker, config=LOADED, leave_asterisk=True)
    try:
        runner.run(made.start())
        yield made
    finally:
        runner.run(made.stop())


@pytest.fixture
async def hotline(layout: Layout) -> AsyncIterator[Layout]:
    """The hotline of several processes; afterwards nobody is logged in and nothing is left."""
    yield layout
    for agent in await layout.get("agents"):
        if agent["state"] != "offline":
            await layout.put(f"agents/{agent['id']}/state", {"state": "offline"})

    async def empty() -> bool:
        live = (await layout.get("calls", live="true"))["items"]
        assert not live, live
        ringing = (await layout.get("offers", result="ringing"))["items"]
        assert not ringing, ringing
        return not await layout.get("queues/service/waiting")

    await eventually(empty, what="nothing left over")


@pytest.fixture
def exchange(layout: Layout, sipp: Sipp) -> Exchange:
    return layout.exchange(*sipp)


@pytest.fixture
def seats(layout: Layout, exchange: Exchange) -> MakeSeats:
    def make(*extensions: str, behaviour: Behaviour | None = None) -> Seats:
        return Seats(exchange, [layout.account(e) for e in extensions], behaviour=behaviour)

    return make


async def test_the_records_are_asked_at_the_office(hotline: Layout) -> None:
    for command in (("calls",), ("audit",), ("journal", "rebuild", "--dry-run")):
        status, said = await hotline.office.run(*command)
        assert status == 0, said
    _, calls = await hotline.office.run("calls", "--json")
    assert calls.startswith("[")


# --- starting --------------------------------------------------------------------------------------------------------


async def test_a_process_that_cannot_work_says_why_in_one_sentence_and_changes_nothing(
    layout: Layout, broker: RabbitMQ
) -> None:
    no_rights = await broker.add_user("mouse", "^$", "^$", "^$")
    refused = {
        "wrong password": ("acd", {"BUS__URL": broker.url("guest", "wrong")}, "does not let user 'guest' in"),
        "no rights": ("acd", {"BUS__URL": no_rights}, "has not the rights"),
        "no broker": ("acd", {"BUS__URL": "amqp://guest:guest@127.0.0.1:1/"}, "no broker at 127.0.0.1:1"),
        "name taken": ("acd", {"BUS__PROCESS": "router1"}, "another process has this name"),
        "node taken": ("telephony", {"ASTERISK__NODE": "node1"}, "another process has this name"),
        "no such service": ("telephone", {}, "there is no service 'telephone'"),
        "no broker named": ("acd", {"BUS__KIND": "memory"}, 'set bus.kind = "rabbitmq"'),
        "no database there": ("crm", {"DATABASE__DSN": "postgresql://nobody@127.0.0.1:1/none"}, "127.0.0.1"),
    }
    before = await broker.control("list_queues", "name", "arguments")
    strangers = {
        name: layout.stranger(f"stranger-{n}", (service,), BUS__CONNECT_TIMEOUT_S="2", **settings)
        for n, (name, (service, settings, _)) in enumerate(refused.items())
    }
    for name, (_, _, sentence) in refused.items():
        assert sentence in await strangers[name].refused(), name
    assert await broker.control("list_queues", "name", "arguments") == before
    assert not [m for m in strangers.values() if (m.data_dir / "runtime.json").exists()]
    assert all(m.lives for m in layout.members)


async def test_processes_start_in_any_order_and_wait_for_what_they_need(
    hotline: Layout, broker: RabbitMQ, exchange: Exchange, seats: MakeSeats
) -> None:
    (node,), (router,), office = hotline.nodes, hotline.routers, hotline.office
    for member in (node, router, office):
        assert await member.terminate() == 0, member.said()
    await broker.stop()
    await node.start()
    await router.start()
    await broker.start()
    await asyncio.sleep(1.0)  # as long as a second without the database
    assert node.lives, node.said()
    assert router.lives, router.said()
    await office.start()
    async with seats("1001", behaviour=Answer()) as phones:
        await eventually(lambda: _surveyed(hotline), within_s=60, what="a router that knows the node")
        await hotline.set_ready("1001")
        async with Caller(exchange, number="4001", caller_number="13822220001") as call:
            talk = await phones["1001"].next_call(40)
            await talk.wait_answered()
            call.hang_up()
        assert (await hotline.ended("13822220001"))["outcome"] == "answered"


async def _surveyed(hotline: Layout) -> bool:
    return "node1" in (await hotline.get("router"))["surveyed"]


# --- ends under load -------------------------------------------------------------------------------------------------


def plan(calls: int, seed: int = SEED) -> DemoPlan:
    return DemoPlan(calls=calls, rate=RATE, agents=SEATS, talk_s=1.5, patience_s=45.0, seed=seed, number="4002")


def load_of(hotline: Questions, exchange: Exchange, member: Member, calls: int, first_number: int) -> Load:
    accounts = [member.account(str(1001 + n)) for n in range(SEATS)]
    return Load(hotline, [exchange], [accounts], plan(calls), first_number=first_number)


async def test_each_process_is_restarted_in_good_order_under_load(hotline: Layout, exchange: Exchange) -> None:
    calls = 60
    async with load_of(hotline, exchange, hotline.nodes[0], calls, 10_000) as load:
        for n, member in enumerate(hotline.members, start=1):
            await load.placed(n * calls // 4)
            load.phase = f"restart of {member.data_dir.name}"
            assert await member.terminate() == 0, member.said()
            await member.start()
        await load.over()
    problems = await Accounts(load, hotline.nodes, hotline.members, hotline.office).check()
    assert not problems, "\n".join(problems[:20])


Kill = Callable[[], Awaitable[None]]


async def killed_at_random(load: Load, kills: dict[str, Kill]) -> None:
    """Carry out each kill once, in an order and at moments that the seed says."""
    draw = random.Random(SEED)
    order = draw.sample(sorted(kills), len(kills))
    step = KILLED_CALLS / (len(order) + 1)
    for n, name in enumerate(order, start=1):
        await load.placed(round(step * n + draw.uniform(-0.4, 0.4) * step))
        load.phase = f"kill of {name}"
        await kills[name]()
    await load.over()


def again(member: Member) -> Kill:
    async def kill() -> None:
        await member.kill9()
        await member.start()

    return kill


def asterisk_of(member: Member, load: Load) -> Kill:
    async def kill() -> None:
        os.kill(asterisk_pid(member), signal.SIGKILL)
        await asyncio.sleep(0.5)  # phones that were answered in its last moment have told so by then
        load.excuse("its Asterisk was killed")

    return kill


def asterisk_pid(member: Member) -> int:
    return int(member.runtime["asterisk"]["pid"])


def postgres_of(member: Member) -> Kill:
    async def kill() -> None:
        Postgres(member).kill9()

    return kill


async def assert_nobody_lost(
    load: Load,
    nodes: Sequence[Member],
    members: Sequence[Member],
    office: Member,
    *,
    unjudged: frozenset[str] = frozenset(),
) -> None:
    problems = await Accounts(load, nodes, members, office, unjudged=unjudged).check()
    assert not problems, "\n".join(problems[:20])
    talked = [s for s in load.placed_stories() if s.how == "talked"]
    assert len(talked) > 0.6 * KILLED_CALLS, f"only {len(talked)} conversations"


async def test_kills_of_every_process_lose_nobody(hotline: Layout, exchange: Exchange, broker: RabbitMQ) -> None:
    (node,), (router,), office = hotline.nodes, hotline.routers, hotline.office

    async def kill_broker() -> None:
        await broker.kill()
        await broker.start()

    async with load_of(hotline, exchange, node, KILLED_CALLS, 20_000) as load:
        kills = {
            "office": again(office),
            "router": again(router),
            "node": again(node),
            "asterisk": asterisk_of(node, load),
            "postgresql": postgres_of(office),
            "rabbitmq": kill_broker,
        }
        await killed_at_random(load, kills)
    await assert_nobody_lost(load, hotline.nodes, hotline.members, office, unjudged=AFTER_A_GAP)


async def test_kills_of_one_process_and_its_programs_lose_nobody(tmp_path: Path, sipp: Sipp) -> None:
    hotline = Running(tmp_path / "data", LOADED)
    try:
        await hotline.start()
        async with load_of(hotline, hotline.exchange(*sipp), hotline, KILLED_CALLS, 0) as load:
            kills = {
                "hotline": again(hotline),
                "asterisk": asterisk_of(hotline, load),
                "postgresql": postgres_of(hotline),
            }
            await killed_at_random(load, kills)
        await assert_nobody_lost(load, [hotline], [hotline], hotline)
    finally:
        assert await hotline.stop() == 0, hotline.said()
