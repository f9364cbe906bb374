"""Callbacks, all real: a key while waiting, a wish, a call back over the outgoing trunk, a conversation, a recording."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from telephony.phones.callers import Caller
from telephony.phones.seats import Answer, Behaviour, LetRing, Outside, Reject, Seats, free_address
from telephony.phones.sipp import Exchange
from tests.acceptance.conftest import nothing_left
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
[database]
fsync = false
[seats]
count = 2
[asterisk]
lease_s = 60
[numbers.direct]
number = "4001"
flow = "direct"
[ivr]
flows_dir = "{flows}"
[outbound]
trunk = "@TRUNK@"
caller_number = "02161234567"
allow = ["13"]
[[queues]]
id = "service"
ring_timeout_s = 5
wrap_up_s = 0
[queues.comfort]
first_after_s = 600
[queues.comfort.keys]
1 = "callback"
[queues.callback]
first = "agent"
retry_after_s = 2
ring_timeout_s = 5
[[queues]]
id = "polite"
ring_timeout_s = 5
wrap_up_s = 0
[queues.callback]
first = "customer"
retry_after_s = 2
ring_timeout_s = 60
[[queues]]
id = "busy"
ring_timeout_s = 5
wrap_up_s = 10
[queues.callback]
first = "customer"
ahead_s = 20
"""


@pytest.fixture(scope="module")
def address() -> tuple[str, int]:
    return free_address()


@pytest.fixture(scope="module")
def hotline(runner: Any, tmp_path_factory: pytest.TempPathFactory, address: tuple[str, int]) -> Iterator[Running]:
    """A hotline that calls back: the agent is rung first, in the queue `polite` the customer."""
    config = CONFIG.replace("@TRUNK@", f"{address[0]}:{address[1]}")
    made = Running(tmp_path_factory.mktemp("callbacks") / "data", config)
    runner.run(made.start())
    yield made
    assert runner.run(made.stop()) == 0, made.said()


@pytest.fixture
async def exchange(hotline: Running, sipp: tuple[tuple[str, ...], dict[str, str]]) -> AsyncIterator[Exchange]:
    yield hotline.exchange(*sipp)
    for agent in await hotline.get("agents"):
        await hotline.put(f"agents/{agent['id']}/state", {"state": "offline"})
    await nothing_left(hotline)


@pytest.fixture
async def outside(exchange: Exchange, address: tuple[str, int]) -> AsyncIterator[Outside]:
    async with Outside(exchange, address=address[0], port=address[1]) as phones:
        yield phones


async def ask_for_callback(hotline: Running, exchange: Exchange, number: str) -> dict[str, Any]:
    """Call, press the key while waiting, confirm the number, and hear the farewell; return the callback."""
    async with Caller(exchange, number="4001", caller_number=number) as caller:
        await hotline.wait_fact(number, "CallQueued")
        await caller.press("1")
        await hotline.wait_fact(number, "IvrStepTaken", result="callback")
        await caller.press("1")
        await hotline.wait_fact(number, "IvrStepTaken", result="callback_granted")
        await caller.finished(30)
    return await pending(hotline, number)


async def pending(hotline: Running, number: str) -> dict[str, Any]:
    async def look() -> Any:
        items = (await hotline.get("callbacks", number=number, limit=1))["items"]
        return items[0] if items else None

    return dict(await eventually(look, what=f"a callback for {number}"))


async def over(hotline: Running, number: str, status: str) -> dict[str, Any]:
    async def look() -> Any:
        found = await pending(hotline, number)
        return found if found["status"] == status else None

    return dict(await eventually(look, within_s=30, what=f"callback for {number} {status}"))


async def test_a_caller_is_called_back_and_talks_with_the_agent_who_was_rung_first(
    hotline: Running, exchange: Exchange, outside: Outside
) -> None:
    number = "13800138001"
    asked = await ask_for_callback(hotline, exchange, number)
    assert (asked["status"], asked["attempts"]) == ("waiting", 0)
    async with Seats(exchange, [hotline.account("1001")], behaviour=Answer()) as seats:
        await hotline.put("agents/1001/state", {"state": "ready"})  # reserved at once
        seat = await seats["1001"].next_call()
        assert seat.remote_number == number
        await seat.wait_answered()
        customer = await outside[number].next_call()
        await customer.wait_answered()
        assert customer.remote_number == "02161234567"
        reached = await over(hotline, number, "reached")
        seat.hang_up()
        await customer.finished()
    call = await hotline.ended(number)
    assert (call["call_id"], call["origin"], call["outcome"]) == (reached["call_id"], "callback", "answered")
    shown = await hotline.get(f"calls/{call['call_id']}")

    async def stored() -> bool:
        found = (await hotline.get(f"calls/{call['call_id']}"))["recordings"]
        return bool(found) and found[0]["status"] == "stored"

    await eventually(stored, what="the recording stored")
    assert shown["offers"][0]["result"] == "answered"
    status, said = await hotline.run("calls", "show", call["call_id"])
    assert status == 0, said


async def test_who_is_busy_is_called_again_and_nobody_is_told_as_abandoned(
    hotline: Running, exchange: Exchange, outside: Outside
) -> None:
    number = "13800138002"
    behaviours: Iterator[Behaviour] = iter([Reject(after_s=0), Answer(talk_s=1), Answer(talk_s=1)])
    outside[number].behaviour = behaviours.__next__
    await hotline.post("callbacks-waiting", {"queue": "service", "number": number})
    async with Seats(exchange, [hotline.account("1001")], behaviour=Answer()) as seats:
        await hotline.put("agents/1001/state", {"state": "ready"})  # reserved at once
        first = await seats["1001"].next_call()
        await first.finished(20)
        again = await seats["1001"].next_call(30)
        await again.finished(20)
        reached = await over(hotline, number, "reached")
    assert reached["attempts"] == 2
    assert len(outside[number].calls) == 2
    calls = (await hotline.get("calls", number=number))["items"]
    assert {c["outcome"] for c in calls} <= {"answered", "flowed_out", "live"}


async def test_a_phone_that_rings_when_we_are_killed_rings_on_and_who_answers_is_served_by_the_next_of_us(
    hotline: Running, exchange: Exchange, outside: Outside
) -> None:
    number = "13800138003"
    outside[number].behaviour = LetRing()
    async with Seats(exchange, [hotline.account("1001")], behaviour=Answer()) as seats:
        await hotline.post("callbacks-waiting", {"queue": "polite", "number": number})
        await hotline.post("callbacks-waiting", {"queue": "service", "number": "13800138033"})
        await hotline.put("agents/1001/state", {"state": "ready"})  # kept for the one in `polite`
        customer = await outside[number].next_call()
        await customer.wait_ringing()
        await hotline.kill9()
        customer.answer()
        await customer.wait_answered()  # nobody of ours is there
        await hotline.start()
        seat = await seats["1001"].next_call(30)
        assert seat.remote_number == number
        await over(hotline, number, "reached")
        assert customer.state == "talking"
        await hotline.put("agents/1001/state", {"state": "break"})
        customer.hang_up()
        await seat.finished()
    assert len(outside[number].calls) == 1
    waits = await pending(hotline, "13800138033")
    assert (waits["status"], waits["attempts"]) == ("waiting", 0)  # it survived, and was not called for nobody
    await hotline.ask("DELETE", f"/api/v1/callbacks-waiting/{waits['callback_id']}")


async def test_the_customer_is_rung_first_where_the_queue_says_so(
    hotline: Running, exchange: Exchange, outside: Outside
) -> None:
    number = "13800138004"
    await hotline.post("callbacks-waiting", {"queue": "polite", "number": "+86 138-0013-8004", "name": "Li Si"})
    outside[number].behaviour = Answer(after_s=1)
    async with Seats(exchange, [hotline.account("1001")], behaviour=Answer()) as seats:
        await hotline.put("agents/1001/state", {"state": "ready"})
        customer = await outside[number].next_call()
        assert not seats["1001"].calls
        assert await hotline.agent_state("1001") == "reserved"
        seat = await seats["1001"].next_call()
        assert customer.state == "talking"
        assert "Li Si" in seat.remote_header
        await seat.wait_answered()
        await over(hotline, number, "reached")
        customer.hang_up()
        await seat.finished()


async def test_a_customer_is_dialled_while_an_agent_is_about_to_be_free(
    hotline: Running, exchange: Exchange, outside: Outside
) -> None:
    first, second = "13800138006", "13800138007"
    async with Seats(exchange, [hotline.account("1001")], behaviour=Answer()) as seats:
        await hotline.put("agents/1001/state", {"state": "ready"})
        await hotline.post("callbacks-waiting", {"queue": "busy", "number": first})
        await over(hotline, first, "reached")
        (await outside[first].next_call()).hang_up()
        await (await seats["1001"].next_call()).finished()
        await hotline.post("callbacks-waiting", {"queue": "busy", "number": second})
        customer = await outside[second].next_call()
        assert await hotline.agent_state("1001") == "wrap_up"
        await customer.wait_answered()
        seat = await seats["1001"].next_call()  # rung as soon as his wrap-up is over
        await seat.wait_answered()
        await over(hotline, second, "reached")
        assert customer.state == "talking"
        customer.hang_up()
        await seat.finished()
    found = await hotline.get(f"callbacks/{(await pending(hotline, second))['callback_id']}")
    assert found["agent_id"] is None  # nobody was reserved when he was called
    assert found["facts"][-1]["held_s"] > 0


async def test_operators_list_refuse_and_cancel(hotline: Running, exchange: Exchange) -> None:
    status, said = await hotline.run("callback", "add", "service", "0049301234567")
    assert status != 0
    assert "may not be called" in said
    made = await hotline.post("callbacks-waiting", {"queue": "service", "number": "13800138005"})
    await pending(hotline, "13800138005")
    status, said = await hotline.run("callback", "list", "--status", "waiting")
    assert status == 0
    assert made["callback_id"][:8] in said
    status, said = await hotline.run("callback", "cancel", made["callback_id"])
    assert status == 0, said
    cancelled = await over(hotline, "13800138005", "cancelled")
    assert cancelled["attempts"] == 0
    status, said = await hotline.run("audit")
    assert status == 0, said
    numbers = await hotline.get("reports/summary", queue="service")
    calls = (await hotline.get("calls", queue="service", limit=100))["items"]
    who_called = [c for c in calls if c["origin"] != "callback"]
    assert numbers["counts"]["offered"] == len(who_called)  # those whom we called are in no such number
    found = (await hotline.get("callbacks", queue="service", limit=100))["items"]
    for status in ("reached", "cancelled"):
        assert numbers["callbacks"][status] == sum(c["status"] == status for c in found), status
    status, said = await hotline.run("callback", "summary", "--queue", "service")
    assert status == 0
    assert "reached share" in said
