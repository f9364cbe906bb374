"""Two routers, one active: when it dies or freezes under load the other takes over, and no caller notices more than a moment."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from telephony.phones.call import PhoneCall
from telephony.phones.callers import Caller, Callers
from telephony.phones.injection import Line
from telephony.phones.plan import DemoPlan
from telephony.phones.seats import Answer, LetRing, Outside, Seats, free_address
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
CALLING_BACK = """
[queues.comfort]
first_after_s = 600
[queues.comfort.keys]
1 = "callback"
2 = "number:13700000009"
[queues.callback]
first = "customer"
ahead_s = 0
retry_after_s = 2
ring_timeout_s = 60
[outbound]
trunk = "@TRUNK@"
caller_number = "02161234567"
allow = ["13"]
"""
CALLS_BETWEEN = 20
OVERLAP_S = 0.05
"""Two rings of one seat that are closer than this were both sent: no call is that short."""


@pytest.fixture(scope="module")
def address() -> tuple[str, int]:
    return free_address()


@pytest.fixture(scope="module")
def house(
    runner: asyncio.Runner, broker: RabbitMQ, tmp_path_factory: pytest.TempPathFactory, address: tuple[str, int]
) -> Iterator[Layout]:
    config = BUSY + CALLING_BACK.replace("@TRUNK@", f"{address[0]}:{address[1]}")
    made = Layout(tmp_path_factory.mktemp("takeover"), broker, routers=2, config=config)
    try:
        runner.run(made.start())
        yield made
    finally:
        runner.run(made.stop())


@pytest.fixture
async def layout(house: Layout) -> AsyncIterator[Layout]:
    """Two routers that work; afterwards nobody is logged in, and nobody waits."""
    await active_and_standby(house)
    yield house
    for agent in await house.get("agents"):
        if agent["state"] != "offline":
            await house.put(f"agents/{agent['id']}/state", {"state": "offline"})
    await eventually(lambda: nobody_waits(house), what="nobody waits")


async def nobody_waits(layout: Layout) -> bool:
    return not await layout.get("queues/service/waiting")


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


# --- callbacks ---------------------------------------------------------------------------------------------------------

FIRST, REFUSING, THIRD, ON_THE_LINE = "13700000001", "13700000002", "13700000003", "13700000004"
LED_OUTSIDE, ELSEWHERE = "13700000005", "13700000009"


ADDED = Counter(
    {
        'hotline_callbacks_total{queue="service",result="requested"}': 3,
        'hotline_callbacks_total{queue="service",result="retried"}': 1,
        'hotline_callbacks_total{queue="service",result="reached"}': 3,
        'hotline_callbacks_reached_at_once_total{queue="service"}': 2,
        "requested": 3,
        "reached": 3,
        "reached_at_once": 2,
        "attempts": 4,
    }
)


async def leave_callback(layout: Layout, caller: PhoneCall, number: str) -> None:
    """Press the key while waiting, and confirm the number."""
    await caller.press("1")
    await layout.wait_fact(number, "IvrStepTaken", result="callback")
    await caller.press("1")
    await layout.wait_fact(number, "IvrStepTaken", result="callback_granted")


async def is_led_outside(layout: Layout, caller: PhoneCall, outside: Outside) -> None:
    """Press the other key: the node asks the router, which is another process, and dials."""
    await caller.press("2")
    phone = await outside[ELSEWHERE].next_call(30)
    await layout.wait_fact(LED_OUTSIDE, "CallForwarded")
    phone.answer()
    await phone.wait_answered()
    phone.hang_up()
    await layout.wait_fact(LED_OUTSIDE, "ForwardEnded", answered=True)


async def callback_of(layout: Layout, number: str, **wanted: Any) -> dict[str, Any]:
    """Wait until the callback for a number is told to be like this, and return it."""

    async def look() -> Any:
        found = (await layout.get("callbacks", number=number))["items"]
        assert len(found) == 1, found
        assert wanted.items() <= found[0].items(), found
        return found[0]

    return dict(await eventually(look, within_s=30, what=f"the callback for {number} {wanted}"))


async def has_turn(layout: Layout, callback_id: str) -> bool:
    waiting = await layout.get("queues/service/waiting")
    found = await layout.get(f"callbacks/{callback_id}")
    where = {w["call_id"]: w["whereabouts"] for w in waiting}
    assert where.get(callback_id) == "here", (where, [found[x] for x in ("status", "reason", "attempts", "retry_at")])
    return True


async def count_callbacks(layout: Layout) -> Counter[str]:
    """Return the counters of callbacks, and what the report says of them."""
    report = (await layout.get("reports/summary", queue="service"))["callbacks"]
    counted = {name: int(n) for name, n in (await layout.metrics()).items() if name.startswith("hotline_callbacks_")}
    return Counter(counted) + Counter({name: n for name, n in report.items() if isinstance(n, int)})


async def test_callbacks_outlive_the_router_in_their_places_and_each_customer_is_called_once(
    layout: Layout, sipp: Sipp, address: tuple[str, int]
) -> None:
    """One customer's phone rings on through the kill, another's is rejected while nobody routes, the third waits, a caller too."""
    before = await count_callbacks(layout)
    exchange, numbers = layout.exchange(*sipp), (FIRST, REFUSING, THIRD)
    lines = [Line(key=n, number="4001", caller_number=n) for n in (*numbers, ON_THE_LINE, LED_OUTSIDE)]
    async with (
        Callers(exchange, lines, rate=2.0) as callers,
        Outside(exchange, address=address[0], port=address[1], behaviour=LetRing()) as outside,
        Seats(exchange, [layout.account(e) for e in ("1001", "1002")], behaviour=Answer()) as seats,
    ):
        entered = {line.key: (await layout.wait_fact(line.key, "CallQueued"))["entered_at"] for line in lines}
        await asyncio.gather(
            *(leave_callback(layout, callers.calls[n], n) for n in numbers),
            is_led_outside(layout, callers.calls[LED_OUTSIDE], outside),
        )
        asked = {n: await callback_of(layout, n, status="waiting") for n in numbers}
        active, standby = await active_and_standby(layout)
        for agent in ("1001", "1002"):
            await layout.put(f"agents/{agent}/state", {"state": "ready"})  # reserved at once
        first, refusing = [await outside[n].next_call() for n in (FIRST, REFUSING)]
        await active.kill9()
        refusing.reject(486)
        await refusing.finished()
        await eventually(lambda: is_active(standby), what="the standby is active")
        third = await outside[THIRD].next_call()  # by the agent who was kept for the one who refused
        first.answer()
        third.answer()
        await callback_of(layout, FIRST, status="reached")
        await callback_of(layout, THIRD, status="reached")
        await eventually(lambda: has_turn(layout, asked[REFUSING]["callback_id"]), what="he may be called again")
        third.hang_up()
        again = await outside[REFUSING].next_call()  # before the caller on the line, who came after him
        again.answer()
        await callback_of(layout, REFUSING, status="reached")
        last = await layout.wait_fact(ON_THE_LINE, "CallQueued")
        assert not [c for s in seats for c in s.calls if c.remote_number == ON_THE_LINE], last
        again.hang_up()
        served = await layout.wait_fact(ON_THE_LINE, "OfferAccepted")
        assert served["at"] > last["at"]
        for phone in (first, callers.calls[ON_THE_LINE]):
            phone.hang_up()
        assert {n: len(outside[n].calls) for n in numbers} == {FIRST: 1, REFUSING: 2, THIRD: 1}
        over = {n: await callback_of(layout, n) for n in numbers}
        assert {n: o["attempts"] for n, o in over.items()} == {FIRST: 1, REFUSING: 2, THIRD: 1}
        for number, callback in over.items():
            assert callback["callback_id"] == asked[number]["callback_id"]
            assert datetime.fromisoformat(callback["entered_at"]).timestamp() == pytest.approx(entered[number])
    await active.start()

    async def adds_up() -> bool:
        found = await count_callbacks(layout)
        assert found - before == ADDED
        return True

    await eventually(adds_up, what="the numbers of callbacks")
    status, said = await layout.office.run("audit")
    assert status == 0, said
