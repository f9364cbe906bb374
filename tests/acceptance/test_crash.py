"""kill -9 of our process while calls talk, wait, ring and sit in the menu; with and without a restart."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from hotline.errors import HotlineError
from telephony.phones.call import PhoneCall
from telephony.phones.callers import Caller
from telephony.phones.seats import Answer, LetRing, Seats
from telephony.phones.sipp import Exchange
from tests.acceptance.conftest import nothing_left
from tests.support.running import CONFIG, Running
from tests.support.wait import eventually

pytestmark = pytest.mark.real

LONG_LEASE = CONFIG + "\n[asterisk]\nlease_s = 40\n"
SHORT_LEASE = CONFIG + "\n[asterisk]\nlease_s = 4\n"
Sipp = tuple[tuple[str, ...], dict[str, str]]


Make = Callable[[str], Awaitable[Running]]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Start hotlines of one's own; they are stopped after the test, whatever happened."""
    made: list[Running] = []

    async def start(config: str) -> Running:
        hotline = Running(tmp_path / f"data{len(made)}", config)
        made.append(hotline)
        await hotline.start()
        return hotline

    yield start
    for hotline in made:
        assert await hotline.stop() == 0, hotline.said()


@pytest.fixture
async def phones() -> AsyncIterator[AsyncExitStack]:
    """Phones that are switched off after the test."""
    async with AsyncExitStack() as stack:
        yield stack


async def ring(phones: AsyncExitStack, exchange: Exchange, caller: str, number: str = "4001") -> PhoneCall:
    call = await phones.enter_async_context(Caller(exchange, number=number, caller_number=caller))
    await call.wait_answered()
    return call


async def no_findings(hotline: Running) -> None:
    async def clean() -> bool:
        findings = (await hotline.get("reports/audit"))["findings"]
        assert not findings, findings
        return True

    await eventually(clean, within_s=40, what="an audit without findings")


async def test_after_a_kill_and_a_restart_every_call_goes_on_at_its_place(
    make: Make, sipp: Sipp, phones: AsyncExitStack
) -> None:
    hotline = await make(LONG_LEASE)
    exchange = hotline.exchange(*sipp)
    seats = await phones.enter_async_context(
        Seats(exchange, [hotline.account(e) for e in ("1001", "1002")], behaviour=Answer())
    )
    await hotline.set_ready("1001")
    talking = await ring(phones, exchange, "100")
    at_seat = await seats["1001"].next_call()
    await at_seat.wait_answered()
    await hotline.wait_agent("1001", "talking")
    first = await ring(phones, exchange, "201")
    await hotline.wait_fact("201", "CallQueued")
    second = await ring(phones, exchange, "202")
    await hotline.wait_fact("202", "CallQueued")
    in_menu = await ring(phones, exchange, "300", "4000")
    await hotline.wait_fact("300", "CallArrived")
    leaver = await ring(phones, exchange, "400")
    await hotline.wait_fact("400", "CallQueued")
    entered = {c["call_id"]: c["queued_at"] for c in (await hotline.get("calls"))["items"]}

    await hotline.kill9()
    leaver.hang_up()
    await leaver.finished()
    assert {c.state for c in (talking, at_seat, first, second, in_menu)} == {"talking"}, "calls live without us"

    await hotline.start()
    assert {c.state for c in (talking, at_seat, first, second, in_menu)} == {"talking"}
    assert await hotline.agent_state("1001") == "talking"
    waiting = await hotline.get("queues/service/waiting")
    assert len(waiting) == 2, "both who waited are in line again"
    await in_menu.press("11")
    await hotline.wait_fact("300", "CallQueued")
    seats["1002"].behaviour = Answer(talk_s=0.5)
    await hotline.put("agents/1002/state", {"state": "ready"})
    served = [(await seats["1002"].next_call()).remote_number for _ in range(3)]
    assert served == ["201", "202", "300"], "in their old order"
    talking.hang_up()
    for caller in ("100", "201", "202", "300", "400"):
        row = await hotline.ended(caller)
        assert row["outcome"] == ("abandoned" if caller == "400" else "answered") or row["outcome"] == "short_abandoned"
        if row["queued_at"] and caller != "300":
            assert row["queued_at"] == entered[row["call_id"]], "the time of entry is kept"
    await nothing_left(hotline)
    await no_findings(hotline)


async def test_without_a_restart_held_calls_reach_the_fallback_queue_within_the_lease(
    make: Make, sipp: Sipp, phones: AsyncExitStack
) -> None:
    hotline = await make(SHORT_LEASE)
    exchange = hotline.exchange(*sipp)
    seats = await phones.enter_async_context(Seats(exchange, [hotline.account("1003")], behaviour=LetRing()))
    waiting = await ring(phones, exchange, "501")
    await hotline.wait_fact("501", "CallQueued")

    await hotline.kill9()
    loop = asyncio.get_running_loop()
    killed_at = loop.time()
    rung = await seats["1003"].next_call(20)
    assert loop.time() - killed_at < 4 + 1 + 10, "lease, a second, and what a busy machine takes"
    rung.answer()
    await rung.wait_answered()
    newcomer = await ring(phones, exchange, "502")
    assert waiting.state == "talking"

    await hotline.start()
    assert (waiting.state, newcomer.state) == ("talking", "talking")
    waiting.hang_up()
    newcomer.hang_up()
    for caller, reason in (("501", "lease_expired"), ("502", "no_heartbeat")):
        row = await hotline.ended(caller)
        assert (row["outcome"], row["fallback_reason"]) == ("fallback", reason)
    await nothing_left(hotline)
    await no_findings(hotline)


async def test_a_call_that_came_and_went_while_we_were_dead_has_its_row(
    make: Make, sipp: Sipp, phones: AsyncExitStack
) -> None:
    hotline = await make(SHORT_LEASE)
    exchange = hotline.exchange(*sipp)
    seats = await phones.enter_async_context(Seats(exchange, [hotline.account("1003")], behaviour=LetRing()))
    await hotline.kill9()
    call = await ring(phones, exchange, "601")
    await seats["1003"].next_call()
    call.hang_up()
    await call.finished()
    await hotline.start()
    row = await hotline.ended("601")
    assert (row["outcome"], row["reconciled"]) == ("fallback", True)
    await no_findings(hotline)


async def test_calls_go_on_while_postgresql_is_dead_and_their_rows_follow(
    make: Make, sipp: Sipp, phones: AsyncExitStack
) -> None:
    hotline = await make(LONG_LEASE)
    exchange = hotline.exchange(*sipp)
    seats = await phones.enter_async_context(Seats(exchange, [hotline.account("1001")], behaviour=Answer(talk_s=0.5)))
    await hotline.set_ready("1001")
    pid_file = hotline.data_dir / "postgres" / "server" / "data" / "postmaster.pid"
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
    call = await ring(phones, exchange, "701")
    served = await seats["1001"].next_call()
    await served.wait_answered()
    await call.finished(30)
    row = await hotline.ended("701")
    assert (row["outcome"], row["agent_id"]) == ("answered", "1001")
    await no_findings(hotline)


async def test_when_asterisk_dies_its_calls_are_closed_and_a_new_one_serves(
    make: Make, sipp: Sipp, phones: AsyncExitStack
) -> None:
    hotline = await make(LONG_LEASE)
    exchange = hotline.exchange(*sipp)
    await ring(phones, exchange, "801")
    await hotline.wait_fact("801", "CallQueued")
    os.kill(hotline.runtime["asterisk"]["pid"], signal.SIGKILL)
    row = await hotline.ended("801")
    assert (row["outcome"], row["reconciled"]) == ("short_abandoned", True) or row["outcome"] == "abandoned"

    async def serves() -> bool:
        async with Caller(exchange, number="4001", caller_number="802") as call:
            await call.wait_answered(2)
            await hotline.wait_fact("802", "CallQueued", within_s=3)
            call.hang_up()
        return True

    async def tried() -> bool:
        try:
            return await serves()
        except (HotlineError, AssertionError):
            return False

    await eventually(tried, within_s=60, what="calls are served again")
    await no_findings(hotline)
