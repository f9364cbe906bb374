"""Waiting in a line with comfort, all real: position, range, messages, keys, and rings that wait for no announcement."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from acd.core import memories
from acd.estimates.learnt import Learnt
from hotline.runtime.clock import SteadyClock
from hotline.spool import Spool
from hotline.tally import Tally
from telephony.ami.messages import AgiCommandEnded, DialBegun
from telephony.phones.callers import Caller
from telephony.phones.seats import Answer, Seats
from telephony.phones.sipp import Exchange
from tests.acceptance.conftest import nothing_left
from tests.support.manager import manager
from tests.support.running import Running
from tests.support.wait import eventually

pytestmark = pytest.mark.real

CONFIG = """
[http]
port = 0
[sip]
port = 0
rtp_start = 0
rtp_end = 400
[ami]
port = 0
[asterisk]
lease_s = 40
[database]
fsync = false
[seats]
count = 2
[numbers.patient]
number = "4003"
flow = "patient"
[ivr]
flows_dir = "{flows}"
[[queues]]
id = "patient"
max_waiting = 5
ring_timeout_s = 5
wrap_up_s = 1
record = false
[queues.comfort]
first_after_s = 3
every_s = 10
position = true
expected_wait = true
messages = ["story"]
[queues.comfort.keys]
1 = "queue:service"
2 = "hang_up"
[[queues]]
id = "service"
record = false
"""


def _learned(data_dir: Path) -> None:
    """Let the hotline know from an earlier life that its estimates come true."""
    learnt = Learnt()
    for _ in range(40):
        learnt.gate.add("kept")
    assert learnt.gate.is_open
    data_dir.mkdir(mode=0o700, exist_ok=True)
    spool = Spool.open(data_dir / "spool.db", source="test", max_facts=100, clock=SteadyClock(), tally=Tally())
    spool.remember(memories.key("estimate", "patient"), msgspec.msgpack.encode(learnt))
    spool.close()


@pytest.fixture(scope="module")
def hotline(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A hotline whose queue has comfort."""
    made = Running(tmp_path_factory.mktemp("patient") / "data", CONFIG)
    _learned(made.data_dir)
    runner.run(made.start())
    yield made
    assert runner.run(made.stop()) == 0, made.said()


@pytest.fixture
async def exchange(hotline: Running, sipp: tuple[tuple[str, ...], dict[str, str]]) -> AsyncIterator[Exchange]:
    yield hotline.exchange(*sipp)
    for agent in await hotline.get("agents"):
        await hotline.put(f"agents/{agent['id']}/state", {"state": "offline"})
    await nothing_left(hotline)


@asynccontextmanager
async def busy_agent(hotline: Running, exchange: Exchange, caller: str) -> AsyncIterator[tuple[Seats, Any]]:
    """Agent 1001 talks with somebody; whoever calls now waits. Yields the seats and that call."""
    async with Seats(exchange, [hotline.account("1001")], behaviour=Answer()) as phones:
        await hotline.set_ready("1001")
        async with Caller(exchange, number="4003", caller_number=caller) as talk:
            await hotline.wait_fact(caller, "OfferAccepted")
            yield phones, talk
            talk.hang_up()


async def comforted(hotline: Running, caller: str, times: int = 1) -> list[dict[str, Any]]:
    """Wait until something was said to a waiting caller so often; return the journal of his call."""

    async def look() -> Any:
        facts = await hotline.facts((await hotline.call_of(caller))["call_id"])
        return facts if sum(f.get("result") == "comforted" for f in facts) >= times else None

    return list(await eventually(look, within_s=30, what=f"{times} announcements for {caller}"))


async def test_who_waits_hears_his_position_and_a_range_that_is_kept(hotline: Running, exchange: Exchange) -> None:
    before = await hotline.metrics()
    async with (
        manager(hotline) as link,
        busy_agent(hotline, exchange, "13822220001") as (_, talk),
        Caller(exchange, number="4003", caller_number="13822220002") as first,
        Caller(exchange, number="4003", caller_number="13822220003") as second,
    ):
        facts = await comforted(hotline, "13822220002")
        await comforted(hotline, "13822220003")
        promised = next(f for f in facts if f["type"] == "WaitPromised")
        assert 0 <= promised.get("low_s", 0.0) < promised["high_s"] <= 3600
        waiting = await hotline.get("queues/patient/waiting")
        assert [w["position"] for w in waiting] == [1, 2]
        assert all(0 < w["expected_p50_s"] <= w["expected_p90_s"] for w in waiting)
        call_id = (await hotline.call_of("13822220002"))["call_id"]
        played: list[int | None] = []
        while len(played) < 4:  # the greeting, and the parts of the first announcement
            message = await asyncio.wait_for(link.next_message(), 20)
            if isinstance(message, AgiCommandEnded) and message.command_id.startswith(f"{call_id}."):
                played += [] if message.command_id.endswith("quiet") else [message.result]
        assert played == [0, 0, 0, 0], "every sound was there and was played to its end"
        talk.hang_up()
        await hotline.wait_fact("13822220002", "OfferAccepted")
        second.hang_up()
        first.hang_up()
    after = await hotline.metrics()
    kept = [f'hotline_wait_promises_total{{queue="patient",result="{r}"}}' for r in ("kept", "early")]
    assert sum(after.get(name, 0) - before.get(name, 0) for name in kept) == 1
    assert after['hotline_wait_promise_kept_ratio{queue="patient"}'] > 0.5
    queue = next(q for q in await hotline.get("queues") if q["id"] == "patient")
    assert (queue["expected_said"], queue["promises_kept"] > 0.5) == (True, True)
    status, story = await hotline.run("calls", "show", call_id)
    assert status == 0, story
    assert "told to expect a wait of" in story
    assert ": kept" in story
    summary = await hotline.get("reports/summary", since="2020-01-01", queue="patient")
    assert summary["promises"]["kept"] >= 1


async def test_a_ring_waits_for_no_announcement(hotline: Running, exchange: Exchange) -> None:
    async with Seats(exchange, [hotline.account("1001")], behaviour=Answer()):
        async with manager(hotline) as link, Caller(exchange, number="4003", caller_number="13822220004") as call:
            await comforted(hotline, "13822220004")
            call_id = (await hotline.call_of("13822220004"))["call_id"]
            await hotline.put("agents/1001/state", {"state": "ready"})
            ended: list[int | None] = []
            while not isinstance(message := await asyncio.wait_for(link.next_message(), 20), DialBegun):
                if isinstance(message, AgiCommandEnded) and message.command_id.startswith(f"{call_id}."):
                    ended.append(message.result)
            assert ended, "the greeting was over before"
            assert ended.count(0) == len(ended) - 1, "the story was cut off by the ring"
            assert ended[-1] == -1
            await hotline.wait_fact("13822220004", "OfferAccepted")
            call.hang_up()
        await hotline.ended("13822220004")


async def test_a_key_leads_out_of_the_line(hotline: Running, exchange: Exchange) -> None:
    async with Caller(exchange, number="4003", caller_number="13822220005") as call:
        await comforted(hotline, "13822220005")
        await call.press("7")
        await call.press("1")
        await hotline.wait_fact("13822220005", "CallQueued", queue_id="service")
        left = await hotline.wait_fact("13822220005", "CallFlowedOut", queue_id="patient")
        assert (left["reason"], left["treatment"]) == ("key", "queue:service")
        await eventually(lambda: _waits(hotline, "service"), what="the caller in the other line")
        assert not await hotline.get("queues/patient/waiting")
        call.hang_up()
    async with Caller(exchange, number="4003", caller_number="13822220006") as call:
        await hotline.wait_fact("13822220006", "CallQueued")
        await call.press("2")
        assert (await call.finished(20)).ended_by == "them"


async def _waits(hotline: Running, queue: str) -> bool:
    return len(await hotline.get(f"queues/{queue}/waiting")) == 1


async def test_after_a_kill_those_who_wait_are_comforted_on(hotline: Running, exchange: Exchange) -> None:
    async with Caller(exchange, number="4003", caller_number="13822220007") as call:
        await comforted(hotline, "13822220007")
        entered = await hotline.wait_fact("13822220007", "CallQueued")
        await hotline.kill9()
        await hotline.start()
        facts = await comforted(hotline, "13822220007", times=2)
        assert {f["entered_at"] for f in facts if f["type"] == "CallQueued"} == {entered["entered_at"]}
        again = [f["at"] for f in facts if f.get("result") == "comforted"][-1]
        assert (again - entered["entered_at"] - 3) % 10 == pytest.approx(0, abs=2.5)
        call.hang_up()
    assert (await hotline.ended("13822220007"))["outcome"] == "abandoned"
