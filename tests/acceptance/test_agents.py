"""Agents at one of several phones, agents at phones elsewhere, and what they say of their calls: all real."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from hotline.store.pool import Store
from telephony.phones.callers import Caller
from telephony.phones.seats import Answer, LetRing, Outside, Reject, Seats, free_address
from telephony.phones.sipp import Exchange
from tests.acceptance.conftest import nothing_left
from tests.integration.telephony.asterisk.phone import Phone
from tests.support.keys import press
from tests.support.running import CONFIG, Running
from tests.support.wait import eventually

pytestmark = pytest.mark.real

Sipp = tuple[tuple[str, ...], dict[str, str]]
MOBILE = "1380013800{}"
AGENTS = """
outcome_required = true
no_answers_before_break = 2
[outbound]
trunk = "{trunk}"
caller_number = "02161234567"
allow = ["138"]
[acd.break_limit_s]
lunch = 0.5
[[agents]]
id = "mei"
extension = "1001"
devices = ["1005"]
ready_at_login = true
[[agents]]
id = "far2"
extension = "1002"
remote_number = "13800138002"
[[agents]]
id = "far3"
extension = "1003"
remote_number = "13800138003"
[[agents]]
id = "far4"
extension = "1004"
remote_number = "13800138004"
"""


@pytest.fixture(scope="module")
def outside_at() -> tuple[str, int]:
    """The address of the outgoing trunk."""
    return free_address()


@pytest.fixture(scope="module")
def staffed(
    runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory, outside_at: tuple[str, int]
) -> Iterator[Running]:
    """A hotline with an agent of two phones, three remote ones, and an outgoing trunk."""
    config = CONFIG.replace("ring_timeout_s = 3", "ring_timeout_s = 6")
    config += AGENTS.replace("{trunk}", f"{outside_at[0]}:{outside_at[1]}")
    made = Running(tmp_path_factory.mktemp("agents") / "data", config)
    runner.run(made.start())
    yield made
    status, findings = runner.run(made.run("audit"))
    assert status == 0, findings
    assert runner.run(made.stop()) == 0, made.said()


@pytest.fixture
async def house(staffed: Running) -> AsyncIterator[Running]:
    """The same; afterwards everybody is off duty, owes nothing, and nothing is left over."""
    yield staffed

    async def all_off() -> bool:
        order = {"state": "offline", "reason": "end of the test"}
        off = [await staffed.put(f"agents/{agent['id']}/forced-state", order) for agent in await staffed.get("agents")]
        return all(agent["state"] == "offline" and not agent["outcome_required"] for agent in off)

    await eventually(all_off, what="everybody off duty")
    await nothing_left(staffed)


@pytest.fixture
def exchange(house: Running, sipp: Sipp) -> Exchange:
    return house.exchange(*sipp)


@pytest.fixture
async def outside(exchange: Exchange, outside_at: tuple[str, int]) -> AsyncIterator[Outside]:
    """The telephone network behind the trunk."""
    async with Outside(exchange, address=outside_at[0], port=outside_at[1], behaviour=LetRing()) as phones:
        yield phones


async def dial(house: Running, exchange: Exchange, seat: str, code: str) -> None:
    """Dial a feature code at a seat, and wait until its answer is over."""
    async with Caller(exchange, number=code, account=house.account(seat), tone_hz=None) as call:
        assert (await call.finished()).answered


async def test_an_agent_sits_where_he_logs_in_and_owes_an_outcome_before_he_is_ready(
    house: Running, exchange: Exchange
) -> None:
    accounts = [house.account(seat) for seat in ("1001", "1005")]
    async with Seats(exchange, accounts, behaviour=Answer()) as seats:
        await dial(house, exchange, "1005", "*41")
        await house.wait_agent("mei", "ready")
        assert (await house.get("agents/mei"))["extension"] == "1005"
        async with Caller(exchange, number="4001", caller_number="13911110001") as call:
            talk = await seats["1005"].next_call()
            await talk.wait_answered()
            await house.wait_agent("mei", "talking")
            call.hang_up()
        await house.wait_agent("mei", "wrap_up")
        assert not seats["1001"].calls
        await dial(house, exchange, "1005", "*42")  # refused
        await dial(house, exchange, "1001", "*45")  # refused
        agent = await house.get("agents/mei")
        assert (agent["state"], agent["outcome_required"]) == ("wrap_up", True)
        await dial(house, exchange, "1001", "*462")
        await house.wait_agent("mei", "ready")
    row = await house.ended("13911110001")
    said = await house.wait_fact("13911110001", "OutcomeGiven")
    assert (said["outcome"], said["by"], said["agent_id"]) == ("information", "seat", "mei")
    (offer,) = (await house.get(f"calls/{row['call_id']}"))["offers"]
    assert (offer["extension"], offer["outcome"]) == ("1005", "information")
    metrics = await house.metrics()
    assert metrics['hotline_outcomes_total{outcome="information",queue="service"}'] == 1
    assert metrics['hotline_agents{queue="service",state="holding"}'] == 0


async def test_a_break_that_lasts_too_long_is_shown_and_counted(house: Running) -> None:
    await house.put("agents/mei/state", {"state": "log_in"})
    await house.put("agents/mei/state", {"state": "break", "reason": "lunch"})

    async def overran() -> bool:
        return bool((await house.get("agents/mei"))["overran"])

    await eventually(overran, what="a break that is too long")
    assert await house.agent_state("mei") == "break"

    async def counted() -> bool:
        return (await house.metrics())['hotline_agents_overrun{queue="service"}'] == 1

    await eventually(counted, what="the break in the metrics")
    status, said = await house.run("agent", "force", "mei", "ready", "--reason", "back to work")
    assert status == 0, said
    assert (await house.get("agents/mei"))["reason"] == "back to work"

    store = await Store.open(house.runtime["database"])

    async def logged() -> list[tuple[object, ...]]:
        rows = await store.fetch(
            "SELECT state, reason, forced, overran_s > 0 FROM v_agent_state WHERE agent_id = 'mei' ORDER BY began_at DESC"
        )
        return [tuple(row) for row in rows[:2] if rows[0]["reason"] == "back to work"]

    found = await eventually(logged, what="the order in the log of states")
    assert found[1][:3] == ("break", "lunch", False)
    assert (found[0][2], found[1][3]) == (True, True)
    await store.close()


async def test_a_phone_that_is_gone_is_not_rung_and_one_that_is_back_is(house: Running, exchange: Exchange) -> None:
    async with Seats(exchange, [house.account("1001")], behaviour=Answer()) as seats:
        await house.put("agents/mei/state", {"state": "log_in", "extension": "1001"})
        await house.set_ready("mei")
        await seats.unregister("1001")
        await house.wait_agent("mei", "unreachable")
        async with Caller(exchange, number="4001", caller_number="13911110008") as call:
            await house.wait_fact("13911110008", "CallQueued")
            (waiting,) = await house.get("queues/service/waiting")
            assert {"unreachable"} <= {why["code"] for why in waiting["why_nobody"]}
            await seats.register("1001")
            await (await seats["1001"].next_call()).wait_answered()
            await house.wait_agent("mei", "talking")
            call.hang_up()
        row = await house.ended("13911110008")
    offers = (await house.get(f"calls/{row['call_id']}"))["offers"]
    assert [(o["agent_id"], o["result"]) for o in offers] == [("mei", "answered")]


async def test_an_agent_whose_phone_lets_nobody_through_is_set_on_a_break(house: Running, exchange: Exchange) -> None:
    phone = await Phone.open("127.0.0.3", (exchange.host, exchange.port), "1001")
    try:
        phone.answers = ((0.0, 486),)  # its key "do not disturb"
        assert await phone.register(house.account("1001").password) == 200
        await house.put("agents/mei/state", {"state": "log_in", "extension": "1001"})
        async with Caller(exchange, number="4001", caller_number="13911110005") as call:
            await eventually(lambda: phone.invites, what="the first ring")
            phone.answers = ((0.0, 480),)  # how others say it
            await house.wait_agent("mei", "break")
            assert (await house.get("agents/mei"))["reason"] == "phone_busy"
            (waiting,) = await house.get("queues/service/waiting")
            assert waiting["whereabouts"] in ("here", "returning")
            call.hang_up()
        assert len(phone.invites) == 2
    finally:
        await phone.close()


async def test_a_remote_agent_takes_a_call_by_pressing_1_and_not_before(
    house: Running, exchange: Exchange, outside: Outside
) -> None:
    await house.set_ready("far2")
    outside[MOBILE.format(2)].behaviour = Answer()
    async with Caller(exchange, number="4001", caller_number="13911110002", caller_name="Zhang") as call:
        rung = await outside[MOBILE.format(2)].next_call()
        assert (rung.remote_number, "Zhang" in rung.remote_header) == ("02161234567", False)
        await rung.wait_answered()
        assert await house.agent_state("far2") in ("reserved", "ringing")
        await rung.press("1")
        await house.wait_agent("far2", "talking")
        rung.hang_up()
        await call.finished()
    row = await house.ended("13911110002")
    assert (row["agent_id"], row["outcome"], row["ended_by"]) == ("far2", "answered", "agent")
    await house.wait_agent("far2", "wrap_up")
    await house.put("agents/far2/outcome", {"outcome": "resolved", "note": "by mobile"})
    await house.wait_agent("far2", "ready")


async def test_who_does_not_press_1_is_not_connected_and_the_caller_goes_to_the_next(
    house: Running, exchange: Exchange, outside: Outside
) -> None:
    outside[MOBILE.format(2)].behaviour = Answer()  # a voice box: it presses nothing
    outside[MOBILE.format(3)].behaviour = Reject(code=486)
    outside[MOBILE.format(4)].behaviour = Answer(keys="1")
    await house.set_ready("far2", "far3", "far4")
    async with Caller(exchange, number="4001", caller_number="13911110003") as call:
        await house.wait_agent("far4", "talking")
        call.hang_up()
    row = await house.ended("13911110003")
    offers = (await house.get(f"calls/{row['call_id']}"))["offers"]
    assert [(o["agent_id"], o["result"]) for o in offers] == [
        ("far2", "no_answer"), ("far3", "rejected"), ("far4", "answered"),
    ]  # fmt: skip


async def test_a_remote_agent_holds_asks_and_hands_on_by_the_keys_of_his_phone(
    house: Running, exchange: Exchange, outside: Outside
) -> None:
    number = "13911110006"
    outside[MOBILE.format(2)].behaviour = Answer(keys="1")
    async with Seats(exchange, [house.account(seat) for seat in ("1001", "1005")], behaviour=Answer()):
        await house.set_ready("far2")
        async with Caller(exchange, number="4001", caller_number=number) as call:
            await house.wait_agent("far2", "talking")
            far = outside[MOBILE.format(2)].calls[-1]
            await press(house, number, far, "*1", "HoldBegan")
            await press(house, number, far, "*1", "HoldEnded")
            await house.post("agents/far2/supervision", {"mode": "listen", "seat": "1005"})
            await house.wait_fact(number, "SupervisionBegan", mode="listen")
            await house.put("agents/mei/state", {"state": "log_in", "extension": "1001"})
            await house.set_ready("mei")
            await press(house, number, far, "*21001#", "OfferAccepted")
            await press(house, number, far, "*5", "HoldEnded")
            await press(house, number, far, "*6", "ConferenceBegan")
            await press(house, number, far, "*461#", "OutcomeGiven")
            await far.press("*43#")
            await press(house, number, far, "*8", "TransferCompleted")
            await house.wait_agent("far2", "break")  # after his wrap-up, as he wished
            assert (await house.agent_state("mei"), call.state) == ("talking", "talking")
            call.hang_up()
    row = await house.ended(number)
    segments = (await house.get(f"calls/{row['call_id']}"))["segments"]
    assert {s["agent_id"] for s in segments if s["kind"] == "talk"} == {"far2", "mei"}


async def test_a_remote_agent_is_asked_by_another_one_once_he_has_pressed_1(
    house: Running, exchange: Exchange, outside: Outside
) -> None:
    number = "13911110009"
    outside[MOBILE.format(3)].behaviour = Answer(keys="2")
    outside[MOBILE.format(2)].behaviour = Answer()
    async with Seats(exchange, [house.account("1001")], behaviour=Answer()):
        await house.put("agents/mei/state", {"state": "log_in", "extension": "1001"})
        await house.set_ready("mei")
        async with Caller(exchange, number="4001", caller_number=number) as call:
            await house.wait_agent("mei", "talking")
            await house.set_ready("far2", "far3")
            await house.post("agents/mei/transfer", {"to": "agent:far3", "attended": True})
            await house.wait_fact(number, "TransferFailed", reason="rejected")  # he pressed another key
            await house.wait_agent("mei", "talking")
            await house.post("agents/mei/transfer", {"to": "agent:far2", "attended": True})
            rung = await outside[MOBILE.format(2)].next_call()
            await rung.wait_answered()
            assert rung.remote_number == "02161234567"
            assert await house.agent_state("far2") in ("reserved", "ringing")  # he has not said that he is there
            await press(house, number, rung, "1", "OfferAccepted")
            await house.wait_agent("far2", "talking")
            assert await house.agent_state("mei") == "holding"
            await house.post("agents/mei/call/swap", None)
            await house.wait_agent("mei", "talking")
            await house.post("agents/mei/call/conference", None)
            await house.wait_fact(number, "ConferenceBegan")
            await house.post("agents/mei/call/complete", None)
            await house.wait_fact(number, "TransferCompleted")
            await house.wait_agent("mei", "wrap_up")
            assert (await house.agent_state("far2"), rung.state, call.state) == ("talking",) * 3
            rung.hang_up()
            await house.wait_agent("far2", "wrap_up")
            await call.finished()
    row = await house.ended(number)
    offers = (await house.get(f"calls/{row['call_id']}"))["offers"]
    assert [(o["agent_id"], o["kind"], o["result"]) for o in offers] == [
        ("mei", "main", "answered"), ("far3", "consult", "rejected"), ("far2", "consult", "answered"),
    ]  # fmt: skip


async def test_a_remote_agent_who_presses_1_while_our_process_is_dead_has_his_caller(
    house: Running, exchange: Exchange, outside: Outside
) -> None:
    await house.set_ready("far3")
    outside[MOBILE.format(3)].behaviour = Answer()
    async with Caller(exchange, number="4001", caller_number="13911110007") as call:
        rung = await outside[MOBILE.format(3)].next_call()
        await rung.wait_answered()
        await house.kill9()
        await rung.press("1")
        await house.start()
        await house.wait_agent("far3", "talking")
        assert (rung.state, call.state) == ("talking", "talking")
        rung.hang_up()
        await call.finished()
    row = await house.ended("13911110007")
    assert (row["agent_id"], row["outcome"]) == ("far3", "answered")
    await house.wait_agent("far3", "wrap_up")


async def test_any_other_key_is_a_refusal(house: Running, exchange: Exchange, outside: Outside) -> None:
    await house.set_ready("far2")
    outside[MOBILE.format(2)].behaviour = Answer(keys="2")
    async with Caller(exchange, number="4001", caller_number="13911110004") as call:
        await house.wait_fact("13911110004", "OfferRejected")
        outside[MOBILE.format(2)].behaviour = LetRing()
        call.hang_up()
    row = await house.ended("13911110004")
    assert row["outcome"] in ("abandoned", "short_abandoned")
