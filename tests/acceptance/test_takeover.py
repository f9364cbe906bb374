"""Two routers, one active: when it dies or freezes under load the other takes over, and no caller notices more than a moment."""

import signal
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from telephony.phones.callers import Caller
from telephony.phones.plan import DemoPlan
from telephony.phones.seats import Answer, Seats
from tests.support.accounts import Accounts
from tests.support.layout import Layout
from tests.support.load import Load
from tests.support.rabbitmq import RabbitMQ
from tests.support.running import CONFIG, Member
from tests.support.wait import eventually

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

Sipp = tuple[tuple[str, ...], dict[str, str]]
SEATS = 12
RATE = 4.0
BUSY = CONFIG.replace("count = 6", f"count = {SEATS}").replace("wrap_up_s = 1", "wrap_up_s = 0.5")
CALLS_BETWEEN = 20
OVERLAP_S = 0.05
"""Two rings of one seat that are closer than this were both sent: no call is that short."""


@pytest.fixture
async def layout(tmp_path: Path, broker: RabbitMQ) -> AsyncIterator[Layout]:
    made = Layout(tmp_path, broker, routers=2, config=BUSY)
    await made.start()
    yield made
    await made.stop()


async def view(member: Member) -> dict[str, Any]:
    return dict(await member.ask("GET", "/api/v1/router"))


async def is_active(member: Member) -> bool:
    return (await view(member))["state"] == "active"


async def in_sync(member: Member) -> bool:
    return bool((await view(member))["in_sync"])


async def active_and_standby(layout: Layout) -> tuple[Member, Member]:
    first, second = layout.routers
    found = (first, second) if await is_active(first) else (second, first)
    await eventually(lambda: in_sync(found[1]), what="the standby has the router's memory")
    return found


def rung_twice(load: Load) -> Iterator[str]:
    """Return the seats that two calls rang at once."""
    by_seat: dict[str, list[float]] = {}
    for at, seat, _ in load.rings:
        by_seat.setdefault(seat, []).append(at)
    for seat, times in by_seat.items():
        for before, after in pairwise(times):
            if after - before < OVERLAP_S:
                yield f"{seat} rang twice within {after - before:.3f} s"


async def test_a_router_that_dies_or_freezes_is_replaced_and_every_call_goes_on(layout: Layout, sipp: Sipp) -> None:
    accounts = [layout.account(str(1001 + n)) for n in range(SEATS)]
    plan = DemoPlan(calls=6 * CALLS_BETWEEN, rate=RATE, agents=SEATS, talk_s=2.0, patience_s=60, seed=7, number="4002")
    terms = [(await view((await active_and_standby(layout))[0]))["epoch"]]
    async with Load(layout, [layout.exchange(*sipp)], [accounts], plan) as load:
        for round_, how in enumerate((signal.SIGKILL, signal.SIGSTOP, signal.SIGKILL), start=1):
            await load.placed(round_ * CALLS_BETWEEN)
            active, standby = await active_and_standby(layout)
            if how is signal.SIGKILL:
                await active.kill9()
            else:
                active.signal(how)
            await eventually(lambda s=standby: is_active(s), what="the standby is active")  # type: ignore[misc]
            terms.append((await view(standby))["epoch"])
            await load.placed((round_ + 1) * CALLS_BETWEEN)
            if how is signal.SIGKILL:
                await active.start()
            else:
                active.signal(signal.SIGCONT)
                await eventually(lambda a=active: in_sync(a), what="the frozen one stands by")  # type: ignore[misc]
        await load.over()
        assert terms == sorted(set(terms)), terms
        failed = [str(s) for s in load.placed_stories() if s.failed]
        assert not failed, "\n".join(failed)
        assert not list(rung_twice(load))
    problems = await Accounts(load, layout.nodes, layout.members, layout.office).check()
    assert not problems, "\n".join(problems[:20])


async def test_a_router_that_is_told_to_stop_hands_over_at_once(layout: Layout, sipp: Sipp) -> None:
    active, standby = await active_and_standby(layout)
    exchange = layout.exchange(*sipp)
    async with Seats(exchange, [layout.account(e) for e in ("1001", "1002")], behaviour=Answer()) as seats:
        await layout.set_ready("1001", "1002")
        assert await active.stop() == 0
        await eventually(lambda: is_active(standby), within_s=10, what="the standby is active")
        for agent in ("1001", "1002"):
            assert (await standby.ask("GET", f"/api/v1/agents/{agent}"))["state"] == "ready"
        async with Caller(exchange, number="4002", caller_number="100") as caller:
            await (await seats["1001"].next_call()).wait_answered()
            caller.hang_up()
        await active.start()
        await eventually(lambda: in_sync(active), what="the former active one stands by")
        assert not await is_active(active)
