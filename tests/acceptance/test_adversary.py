"""What is worst timed: our process stopped and continued, a conversation that ends while we are dead, a power cut."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from telephony.phones.call import PhoneCall
from telephony.phones.callers import Caller
from telephony.phones.seats import LetRing, Seats
from telephony.phones.sipp import Exchange
from tests.acceptance.conftest import nothing_left
from tests.support.running import CONFIG, Running
from tests.support.wait import eventually

pytestmark = pytest.mark.real

LONG_LEASE = CONFIG.replace("ring_timeout_s = 3", "ring_timeout_s = 8") + "\n[asterisk]\nlease_s = 40\n"
STOPPED_S = 4.0
"""Longer than what counts as a stop, and than the heartbeat may be old; shorter than the lease and a ring."""


class Scene:
    """A hotline of its own and phones that the test moves by hand."""

    def __init__(self, hotline: Running, exchange: Exchange, stack: AsyncExitStack) -> None:
        self.hotline = hotline
        self.exchange = exchange
        self.stack = stack

    async def seats(self, *extensions: str) -> Seats:
        accounts = [self.hotline.account(e) for e in extensions]
        return await self.stack.enter_async_context(Seats(self.exchange, accounts, behaviour=LetRing()))

    async def call(self, number: str) -> PhoneCall:
        call = await self.stack.enter_async_context(Caller(self.exchange, number="4001", caller_number=number))
        await call.wait_answered()
        await self.hotline.wait_fact(number, "CallQueued")
        return call

    async def offers(self, number: str) -> list[tuple[str, str]]:
        """Return agent and result of each offer of a caller, the first one first."""
        call = await self.hotline.call_of(number)
        items = (await self.hotline.get("offers", call=call["call_id"]))["items"]
        return [(o["agent_id"], o["result"]) for o in sorted(items, key=lambda o: o["made_at"])]

    async def no_findings(self) -> None:
        async def clean() -> bool:
            findings = (await self.hotline.get("reports/audit"))["findings"]
            assert not findings, findings
            return True

        await eventually(clean, within_s=30, what="an audit without findings")


@pytest.fixture
async def scene(tmp_path: Path, sipp: tuple[tuple[str, ...], dict[str, str]]) -> AsyncIterator[Scene]:
    hotline = Running(tmp_path / "data", LONG_LEASE)
    try:
        await hotline.start()
        async with AsyncExitStack() as stack:
            yield Scene(hotline, hotline.exchange(*sipp), stack)
    finally:
        assert await hotline.stop() == 0, hotline.said()


async def test_what_happened_while_our_process_was_stopped_is_learnt_before_anything_is_done(scene: Scene) -> None:
    hotline = scene.hotline
    seats = await scene.seats("1001", "1002")
    await hotline.set_ready("1001")
    first = await scene.call("901")
    at_first = await seats["1001"].next_call()
    second = await scene.call("902")
    await hotline.wait_agent("1001", "ringing")
    await hotline.put("agents/1002/state", {"state": "ready"})
    at_second = await seats["1002"].next_call()
    await hotline.wait_agent("1002", "ringing")
    third = await scene.call("903")
    pid = hotline.runtime["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        at_first.answer()
        await at_first.wait_answered()
        at_second.reject(486)
        await at_second.finished()
        await asyncio.sleep(STOPPED_S)  # the length of the stop, not a wait for something
    finally:
        os.kill(pid, signal.SIGCONT)
    again = await seats["1002"].next_call()  # the rejected caller or the one behind him, by their order
    await hotline.wait_agent("1001", "talking")
    assert (first.state, second.state, third.state, at_first.state) == ("talking",) * 4
    assert len(seats["1001"].calls) == 1, "a phone that talks was rung"
    for call in (third, second, first):
        call.hang_up()
    await again.finished()
    assert (await hotline.ended("901"))["outcome"] == "answered"
    assert await scene.offers("901") == [("1001", "answered")]
    assert (await scene.offers("902"))[0] == ("1002", "rejected")
    await hotline.ended("903")
    await nothing_left(hotline)
    await scene.no_findings()


async def answered_while_dead(scene: Scene, number: str) -> tuple[Seats, PhoneCall, PhoneCall]:
    """Have 1001 answer a caller whose ring outlives our process; return the seats, the caller's call and the one at 1001."""
    seats = await scene.seats("1001", "1002")
    await scene.hotline.set_ready("1001")
    call = await scene.call(number)
    at_seat = await seats["1001"].next_call()
    await scene.hotline.wait_agent("1001", "ringing")
    await scene.hotline.kill9()
    at_seat.answer()
    await at_seat.wait_answered()
    return seats, call, at_seat


async def test_a_caller_who_was_served_while_we_were_dead_does_not_wait_again(scene: Scene) -> None:
    hotline = scene.hotline
    seats, call, at_seat = await answered_while_dead(scene, "911")
    at_seat.hang_up()
    await at_seat.finished()
    await hotline.start()
    assert (await call.finished()).ended_by == "them", "the flow goes on after the conversation, to its goodbye"
    row = await hotline.ended("911")
    assert (row["outcome"], row["agent_id"]) == ("answered", "1001")
    await hotline.wait_agent("1001", "ready")
    assert len(seats["1001"].calls) == 1
    await nothing_left(hotline)
    await scene.no_findings()


async def test_a_caller_who_was_served_while_nobody_lives_is_let_go_and_does_not_wait_again(scene: Scene) -> None:
    hotline = scene.hotline
    seats, call, at_seat = await answered_while_dead(scene, "912")
    await asyncio.sleep(STOPPED_S)
    at_seat.hang_up()
    assert (await call.finished()).ended_by == "them"
    assert not seats["1002"].calls
    await hotline.start()
    row = await hotline.ended("912")
    assert (row["outcome"], row["agent_id"]) == ("answered", "1001")
    assert len(seats["1001"].calls) == 1
    await nothing_left(hotline)
    await scene.no_findings()


async def test_after_a_power_cut_the_calls_of_its_last_seconds_are_closed_too(scene: Scene) -> None:
    hotline = scene.hotline
    await scene.call("921")
    os.kill(hotline.runtime["asterisk"]["pid"], signal.SIGKILL)
    await hotline.kill9()
    await hotline.start()
    row = await hotline.ended("921")
    assert row["reconciled"] is True
    await nothing_left(hotline)
    await scene.no_findings()
