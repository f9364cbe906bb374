"""Callers whom agents put on hold, ask others about, and hand on: real phones, a real Asterisk, the whole house."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import zip_longest
from typing import Any

import pytest

from telephony.phones.call import PhoneCall
from telephony.phones.callers import Caller
from telephony.phones.seats import Answer, LetRing, Outside, Reject, Seats, free_address
from telephony.phones.sipp import Exchange
from telephony.supervision import TONE_CONTEXT
from tests.acceptance.conftest import nothing_left
from tests.support.keys import press
from tests.support.manager import channels, manager
from tests.support.running import CONFIG, Running
from tests.support.wait import eventually

pytestmark = pytest.mark.real

Sipp = tuple[tuple[str, ...], dict[str, str]]
MOBILE = "13800138000"
QUEUES = """
transfer_timeout_s = 3
[[queues]]
id = "sales"
name = "Sales"
wrap_up_s = 1
[outbound]
trunk = "{trunk}"
caller_number = "02161234567"
allow = ["1"]
"""


@pytest.fixture(scope="module")
def outside_at() -> tuple[str, int]:
    """The address of the outgoing trunk."""
    return free_address()


@pytest.fixture(scope="module")
def transferring(
    runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory, outside_at: tuple[str, int]
) -> Iterator[Running]:
    """A hotline with two queues and an outgoing trunk."""
    config = CONFIG + QUEUES.replace("{trunk}", f"{outside_at[0]}:{outside_at[1]}")
    made = Running(tmp_path_factory.mktemp("transfers") / "data", config)
    runner.run(made.start())
    yield made
    status, findings = runner.run(made.run("audit"))
    assert status == 0, findings
    assert runner.run(made.stop()) == 0, made.said()


@pytest.fixture
async def house(transferring: Running) -> AsyncIterator[Running]:
    """The same; afterwards nothing is left over (and after all tests the audit finds nothing)."""
    yield transferring
    for agent in await transferring.get("agents"):
        if agent["state"] != "offline":
            await transferring.put(f"agents/{agent['id']}/state", {"state": "offline"})
    await nothing_left(transferring)


@pytest.fixture
def exchange(house: Running, sipp: Sipp) -> Exchange:
    return house.exchange(*sipp)


class Scene:
    """A caller, and the phones of some agents; the first agent talks with him."""

    def __init__(self, house: Running, seats: Seats, caller: PhoneCall, number: str, talk: PhoneCall) -> None:
        self.house, self.seats, self.caller, self.number, self.talk = house, seats, caller, number, talk

    async def ask(self, step: str, agent: str = "1001") -> None:
        await self.house.post(f"agents/{agent}/call/{step}", None)

    async def fact(self, kind: str, /, **fields: Any) -> dict[str, Any]:
        return await self.house.wait_fact(self.number, kind, **fields)

    async def consult(
        self, behaviour: Answer | LetRing | Reject | None = None, first: str = "1001", second: str = "1002"
    ) -> PhoneCall:
        """Have the first agent ask the second one, and return the ring at that one's phone."""
        self.seats[second].behaviour = behaviour or Answer()
        await self.house.set_ready(second)
        await self.house.post(f"agents/{first}/transfer", {"to": f"agent:{second}", "attended": True})
        return await self.seats[second].next_call()

    async def consulted(self, first: str = "1001", second: str = "1002") -> PhoneCall:
        """The same, and he answers."""
        asked = await self.consult(None, first, second)
        await asked.wait_answered()
        await self.house.wait_agent(second, "talking")
        await self.house.wait_agent(first, "holding")
        return asked

    async def swapped(self) -> None:
        """Have the first agent talk with the caller, and the second one wait."""
        await self.ask("swap")
        await self.house.wait_agent("1001", "talking")

    async def conference(self, first: str = "1001") -> None:
        """Have all three talk."""
        await self.ask("conference", first)
        await self.fact("ConferenceBegan")
        await self.house.wait_agent(first, "talking")

    async def recorded(self, count: int) -> None:
        """Wait until so many conversations of this call are recorded, each of them well."""
        call_id = (await self.house.ended(self.number))["call_id"]

        async def stored() -> bool:
            items = (await self.house.get("recordings", call=call_id))["items"]
            assert [r["status"] for r in items] == ["stored"] * count, items
            return True

        await eventually(stored, what=f"{count} recordings")

    async def kinds(self) -> list[str]:
        """Return the kinds of all facts about offers and transfers, in order."""
        row = await self.house.ended(self.number)
        told = [f["type"] for f in await self.house.facts(row["call_id"])]
        return [kind for kind in told if kind.startswith(("Transfer", "Hold", "Talk"))]

    async def channel_is(self, context: str) -> None:
        """Wait until the caller's channel is in this context of the dialplan."""

        async def there() -> bool:
            async with manager(self.house) as link:
                shown = await link.list_action("CoreShowChannels")
            return any(m.get("Channel").startswith("PJSIP/trunk-") and m.get("Context") == context for m in shown)

        await eventually(there, what=f"the caller in {context}")

    async def talks(self) -> dict[str, float]:
        """Return how long each agent talked with the caller, by the segments of the call."""
        row = await self.house.ended(self.number)
        segments = (await self.house.get(f"calls/{row['call_id']}"))["segments"]
        found: dict[str, float] = {}
        for segment in segments:
            if segment["kind"] == "talk":
                found[segment["agent_id"]] = found.get(segment["agent_id"], 0.0) + segment["duration_s"]
        return found

    async def true_times(self) -> None:
        """Compare the talk and hold times of all offers with what the journal says of each moment."""
        row = await self.house.ended(self.number)
        facts = await self.house.facts(row["call_id"])
        offers = (await self.house.get(f"calls/{row['call_id']}"))["offers"]
        for offer in offers:
            mine = [f for f in facts if f.get("offer_id") == offer["offer_id"]]
            got = [
                f["at"] for f in facts if f["type"] == "TransferCompleted" and f.get("next_offer") == offer["offer_id"]
            ]
            began = got[0] if offer["kind"] == "consult" else _at(mine, "OfferAccepted")[0]
            ended = _at(mine, "TalkEnded")[0]
            begins, ends = _at(mine, "HoldBegan"), _at(mine, "HoldEnded")
            held = sum(end - begin for begin, end in zip_longest(begins, ends, fillvalue=ended))
            assert offer["talk_s"] == pytest.approx(ended - began - held, abs=0.01), offer
            assert (offer["hold_s"] or 0.0) == pytest.approx(held, abs=0.01), offer


def _at(facts: list[dict[str, Any]], kind: str) -> list[float]:
    return [f["at"] for f in facts if f["type"] == kind]


@asynccontextmanager
async def scene(house: Running, exchange: Exchange, number: str, *agents: str) -> AsyncIterator[Scene]:
    accounts = [house.account(agent) for agent in (agents or ("1001", "1002"))]
    async with (
        Seats(exchange, accounts, behaviour=Answer()) as seats,
        Caller(exchange, number="4001", caller_number=number) as caller,
    ):
        yield Scene(house, seats, caller, number, await talking(house, seats, "1001"))


async def talking(house: Running, seats: Seats, agent: str) -> PhoneCall:
    """Make an agent ready, let him answer the caller who waits, and return his phone's call."""
    await house.put(f"agents/{agent}/state", {"state": "ready"})
    talk = await seats[agent].next_call()
    await talk.wait_answered()
    await house.wait_agent(agent, "talking")
    return talk


async def over(caller: PhoneCall) -> None:
    """The caller hangs up, unless he heard the goodbye and the call is over."""
    caller.hang_up()
    await caller.finished()


# --- blind ------------------------------------------------------------------------------------------------------------


async def test_an_agent_hands_his_caller_on_to_another_agent(house: Running, exchange: Exchange) -> None:
    async with scene(house, exchange, "13811120001") as s:
        await house.post("agents/1001/transfer", {"to": "agent:1002"})
        assert (await s.talk.finished()).ended_by == "them"
        await s.fact("CallQueued", wanted_agent="1002", transferred_by="1001")
        second = await talking(house, s.seats, "1002")
        assert second.remote_number == "13811120001"
        await over(s.caller)
        row = await house.ended("13811120001")
        assert (row["outcome"], row["agent_id"], row["ended_by"]) == ("answered", "1001", "caller")
        assert set(await s.talks()) == {"1001", "1002"}
        assert sorted(await s.kinds()) == ["TalkEnded", "TalkEnded", "TransferCompleted", "TransferStarted"]


async def test_a_caller_whom_that_agent_does_not_take_comes_back_to_who_handed_him_on(
    house: Running, exchange: Exchange
) -> None:
    async with scene(house, exchange, "13811120002", "1001", "1002", "1003") as s:
        await house.post("agents/1001/transfer", {"to": "agent:1002"})  # who is not there
        await s.talk.finished()
        await house.put("agents/1003/state", {"state": "ready"})
        again = await s.seats["1001"].next_call()
        await again.wait_answered()
        assert not s.seats["1003"].calls
        await over(s.caller)


async def test_an_agent_hands_his_caller_on_to_a_queue(house: Running, exchange: Exchange) -> None:
    async with scene(house, exchange, "13811120003") as s:
        await house.post("agents/1001/transfer", {"to": "queue:sales"})
        await s.fact("CallQueued", queue_id="sales")
        await talking(house, s.seats, "1002")
        await over(s.caller)
        row = await house.ended("13811120003")
        segments = (await house.get(f"calls/{row['call_id']}"))["segments"]
        assert [(x["kind"], x["queue_id"], x["outcome"]) for x in segments if x["kind"] != "ivr"] == [
            ("queue", "service", "answered"),
            ("talk", "service", "done"),
            ("queue", "sales", "answered"),
            ("talk", "sales", "done"),
        ]


async def test_an_agent_hands_his_caller_on_to_a_number_outside(
    house: Running, exchange: Exchange, outside_at: tuple[str, int]
) -> None:
    async with (
        Outside(exchange, address=outside_at[0], port=outside_at[1]) as outside,
        scene(house, exchange, "13811120004") as s,
    ):
        outside[MOBILE].behaviour = Answer()
        with pytest.raises(AssertionError, match="may not be called"):
            await house.post("agents/1001/transfer", {"to": "number:00881234567"})
        assert await house.agent_state("1001") == "talking"
        await house.post("agents/1001/transfer", {"to": f"number:{MOBILE}"})
        reached = await outside[MOBILE].next_call()
        await reached.wait_answered()
        await s.talk.finished()
        await over(s.caller)


# --- hold -------------------------------------------------------------------------------------------------------------


async def test_a_caller_is_put_on_hold_and_taken_back(house: Running, exchange: Exchange) -> None:
    async with scene(house, exchange, "13811120005") as s:
        await s.ask("hold")
        await house.wait_agent("1001", "holding")
        await s.ask("retrieve")
        await house.wait_agent("1001", "talking")
        s.talk.hang_up()
        assert (await s.caller.finished(30)).ended_by == "them"  # he hears the goodbye
        assert await s.kinds() == ["HoldBegan", "HoldEnded", "TalkEnded"]


async def test_a_caller_is_put_on_hold_by_the_agents_own_phone(house: Running, exchange: Exchange) -> None:
    async with scene(house, exchange, "13811120016") as s:
        for _ in range(2):
            s.talk.hold()
            await house.wait_agent("1001", "holding")
            assert (await house.get("agents/1001"))["reason"] == "phone_key"
            s.talk.unhold()
            await house.wait_agent("1001", "talking")
        s.talk.hold()
        await house.wait_agent("1001", "holding")
        s.talk.hang_up()
        await house.wait_agent("1001", "wrap_up")
        await over(s.caller)
        assert await s.kinds() == ["HoldBegan", "HoldEnded", "HoldBegan", "HoldEnded", "HoldBegan", "TalkEnded"]
        row = await house.ended("13811120016")
        segments = (await house.get(f"calls/{row['call_id']}"))["segments"]
        kinds = [x["kind"] for x in segments if x["agent_id"] and x["kind"] != "queue"]
        assert kinds == ["talk", "hold", "talk", "hold", "talk", "hold"]
        await s.true_times()
        await s.recorded(1)


async def test_the_phone_and_the_house_may_both_hold_and_the_caller_is_back_when_neither_does(
    house: Running, exchange: Exchange
) -> None:
    async with scene(house, exchange, "13811120033") as s:
        s.talk.hold()
        await house.wait_agent("1001", "holding")
        await s.ask("hold")
        await s.channel_is("hotline-held")
        await s.ask("retrieve")
        await s.channel_is("hotline-talk")
        assert await house.agent_state("1001") == "holding"  # by his phone
        await s.ask("hold")
        await s.channel_is("hotline-held")
        s.talk.unhold()
        await s.ask("retrieve")
        await house.wait_agent("1001", "talking")
        s.talk.hold()
        await house.wait_agent("1001", "holding")
        await over(s.caller)
        assert await s.kinds() == ["HoldBegan", "HoldEnded", "HoldBegan", "TalkEnded"]
        await s.true_times()


@pytest.mark.parametrize("who", ["caller", "agent"])
async def test_either_may_hang_up_while_the_caller_is_on_hold(house: Running, exchange: Exchange, who: str) -> None:
    number = {"caller": "13811120006", "agent": "13811120007"}[who]
    async with scene(house, exchange, number) as s:
        await s.ask("hold")
        await house.wait_agent("1001", "holding")
        (s.caller if who == "caller" else s.talk).hang_up()
        await s.talk.finished()
        await house.wait_agent("1001", "ready")
        await over(s.caller)
        assert await s.kinds() == ["HoldBegan", "TalkEnded"]


# --- attended ---------------------------------------------------------------------------------------------------------


async def test_an_agent_asks_another_one_and_gives_him_the_caller(house: Running, exchange: Exchange) -> None:
    async with scene(house, exchange, "13811120008") as s:
        asked = await s.consulted()
        assert asked.remote_number == "1001"  # who asks
        await s.ask("complete")
        assert (await s.talk.finished()).ended_by == "them"
        await s.fact("TransferCompleted")
        await house.wait_agent("1001", "ready")
        assert await house.agent_state("1002") == "talking"
        await asyncio.sleep(1.0)  # the length of what is recorded
        asked.hang_up()
        await house.wait_agent("1002", "wrap_up")
        await over(s.caller)
        kinds = await s.kinds()
        assert kinds[:2] == ["TransferStarted", "HoldBegan"]
        assert sorted(kinds[2:]) == ["TalkEnded", "TalkEnded", "TransferCompleted"]
        await s.recorded(2)
        await s.true_times()


async def test_a_consult_that_is_called_off_brings_the_caller_back(house: Running, exchange: Exchange) -> None:
    async with scene(house, exchange, "13811120009") as s:
        asked = await s.consulted()
        await s.ask("cancel")
        assert (await asked.finished()).ended_by == "them"
        await house.wait_agent("1001", "talking")
        await house.wait_agent("1002", "ready")
        await over(s.caller)
        kinds = await s.kinds()
        assert sorted(kinds[:2]) == ["HoldBegan", "TransferStarted"]
        assert sorted(kinds[2:]) == ["HoldEnded", "TalkEnded", "TalkEnded", "TransferFailed"]


async def test_an_agent_who_refuses_to_be_asked_leaves_the_caller_with_the_first(
    house: Running, exchange: Exchange
) -> None:
    async with scene(house, exchange, "13811120010") as s:
        await s.consult(Reject())
        failed = await s.fact("TransferFailed")
        assert failed["reason"] == "rejected"
        await house.wait_agent("1001", "talking")
        await over(s.caller)


async def test_an_agent_who_hangs_up_while_he_asks_hands_his_caller_on(house: Running, exchange: Exchange) -> None:
    async with scene(house, exchange, "13811120011") as s:
        asked = await s.consulted()
        s.talk.hang_up()
        await s.fact("TransferCompleted")
        assert asked.state == "talking"
        await over(s.caller)
        await asked.finished()


async def test_an_agent_who_hangs_up_before_the_other_answers_leaves_the_caller_to_us(
    house: Running, exchange: Exchange
) -> None:
    async with scene(house, exchange, "13811120012") as s:
        asked = await s.consult(LetRing())
        s.talk.hang_up()
        await asked.finished()
        assert (await s.fact("TransferFailed"))["reason"] == "agent_left"
        await house.wait_agent("1002", "ready")
        await over(s.caller)


async def test_a_caller_who_hangs_up_while_his_agents_talk_ends_their_talk(house: Running, exchange: Exchange) -> None:
    async with scene(house, exchange, "13811120013") as s:
        asked = await s.consulted()
        await over(s.caller)
        await s.talk.finished()
        await asked.finished()
        await house.wait_agent("1001", "ready")
        await house.wait_agent("1002", "ready")


async def test_an_agent_talks_by_turns_with_the_caller_and_with_who_is_asked(
    house: Running, exchange: Exchange
) -> None:
    async with scene(house, exchange, "13811120017") as s:
        asked = await s.consulted()
        await s.ask("swap")
        await house.wait_agent("1001", "talking")
        await s.ask("swap")
        await house.wait_agent("1001", "holding")
        await s.ask("swap")
        await house.wait_agent("1001", "talking")
        s.talk.hang_up()  # the one who waits aside takes the caller
        await s.fact("TransferCompleted")
        assert asked.state == "talking"
        asked.hang_up()
        await s.house.wait_agent("1002", "wrap_up")
        await over(s.caller)
        kinds = await s.kinds()
        assert kinds[:6] == [
            "TransferStarted",
            "HoldBegan",
            "HoldEnded",
            "HoldBegan",
            "HoldEnded",
            "TransferCompleted",
        ] or (kinds[5] == "TalkEnded")


@pytest.mark.parametrize("leaves", ["first", "second", "caller"])
async def test_all_three_talk_until_one_of_them_leaves(house: Running, exchange: Exchange, leaves: str) -> None:
    number = {"first": "13811120018", "second": "13811120019", "caller": "13811120020"}[leaves]
    async with scene(house, exchange, number) as s:
        asked = await s.consulted()
        await s.conference()
        if leaves == "first":
            await s.ask("complete")
            await s.talk.finished()
            await s.fact("TransferCompleted")
            assert (asked.state, s.caller.state) == ("talking", "talking")
            await house.wait_agent("1001", "ready")
            await asyncio.sleep(1.0)  # the length of what is recorded
            asked.hang_up()
            await house.wait_agent("1002", "wrap_up")
        elif leaves == "second":
            asked.hang_up()
            await s.fact("TransferFailed", reason="called_off")
            assert (s.talk.state, s.caller.state) == ("talking", "talking")
            s.talk.hang_up()
            await house.wait_agent("1001", "wrap_up")
        await over(s.caller)
        await s.talk.finished()
        await asked.finished()
        row = await house.ended(number)
        segments = (await house.get(f"calls/{row['call_id']}"))["segments"]
        assert "conference" in {x["kind"] for x in segments}
        assert (await s.talks()).keys() == ({"1001", "1002"} if leaves == "first" else {"1001"})
        await s.recorded(2 if leaves == "first" else 1)


async def test_who_got_the_caller_by_a_consult_may_ask_a_third_one(house: Running, exchange: Exchange) -> None:
    async with scene(house, exchange, "13811120021", "1001", "1002", "1003") as s:
        second = await s.consulted()
        await s.ask("complete")
        await s.fact("TransferCompleted")
        third = await s.consulted("1002", "1003")
        await s.ask("swap", "1002")
        await house.wait_agent("1002", "talking")
        await s.conference("1002")
        second.hang_up()
        await house.wait_agent("1002", "ready")
        assert (third.state, s.caller.state) == ("talking", "talking")
        third.hang_up()
        await house.wait_agent("1003", "wrap_up")
        await over(s.caller)
        assert (await s.talks()).keys() == {"1001", "1002", "1003"}
        await s.true_times()


async def test_an_agent_asks_a_queue_and_gives_the_caller_to_who_answered(house: Running, exchange: Exchange) -> None:
    async with scene(house, exchange, "13811120029") as s:
        await house.set_ready("1002")
        await house.post("agents/1001/transfer", {"to": "queue:sales", "attended": True})
        asked = await s.seats["1002"].next_call()
        await asked.wait_answered()
        await house.wait_agent("1002", "talking")
        await s.ask("complete")
        await s.fact("TransferCompleted", kind="attended")
        await over(s.caller)


async def test_an_agent_asks_a_number_outside_and_gives_it_the_caller(
    house: Running, exchange: Exchange, outside_at: tuple[str, int]
) -> None:
    async with (
        Outside(exchange, address=outside_at[0], port=outside_at[1]) as outside,
        scene(house, exchange, "13811120030") as s,
    ):
        await house.post("agents/1001/transfer", {"to": f"number:{MOBILE}", "attended": True})
        reached = await outside[MOBILE].next_call()
        assert reached.remote_number == "02161234567"  # our own number, and not the caller's
        await reached.wait_answered()
        await s.fact("HoldBegan")
        second = (await s.fact("TransferStarted", to=f"number:{MOBILE}"))["next_offer"]
        await s.fact("OfferAccepted", offer_id=second)
        await s.ask("swap")
        await house.wait_agent("1001", "talking")
        await s.conference()
        await s.ask("complete")
        await s.fact("TransferCompleted", kind="attended")
        await house.wait_agent("1001", "ready")
        assert (reached.state, s.caller.state) == ("talking", "talking")
        reached.hang_up()
        assert (await s.caller.finished(30)).ended_by == "them"  # he hears the goodbye
        assert (await s.talks()).keys() == {"1001", None}
        await s.recorded(1)


async def test_a_number_outside_that_does_not_answer_leaves_the_caller_with_his_agent(
    house: Running, exchange: Exchange, outside_at: tuple[str, int]
) -> None:
    async with (
        Outside(exchange, address=outside_at[0], port=outside_at[1], behaviour=Reject()) as outside,
        scene(house, exchange, "13811120031") as s,
    ):
        await house.post("agents/1001/transfer", {"to": f"number:{MOBILE}", "attended": True})
        await (await outside[MOBILE].next_call()).finished()
        await s.fact("TransferFailed", kind="attended")
        await house.wait_agent("1001", "talking")
        await over(s.caller)


async def test_a_consult_outside_outlives_our_process(
    house: Running, exchange: Exchange, outside_at: tuple[str, int]
) -> None:
    async with (
        Outside(exchange, address=outside_at[0], port=outside_at[1]) as outside,
        scene(house, exchange, "13811120032") as s,
    ):
        await house.post("agents/1001/transfer", {"to": f"number:{MOBILE}", "attended": True})
        reached = await outside[MOBILE].next_call()
        await reached.wait_answered()
        await house.wait_agent("1001", "holding")
        await house.kill9()
        await house.start()
        await house.wait_agent("1001", "holding")
        await s.ask("complete")
        await s.talk.finished()
        await house.wait_agent("1001", "ready")
        assert (reached.state, s.caller.state) == ("talking", "talking")
        await over(s.caller)
        await reached.finished()


# --- by the agent's own phone -------------------------------------------------------------------------------------------


async def test_an_agent_holds_and_asks_and_hands_on_by_keys(house: Running, exchange: Exchange) -> None:
    number = "13811120026"
    async with scene(house, exchange, number) as s:
        await press(house, number, s.talk, "*1", "HoldBegan")
        await press(house, number, s.talk, "*1", "HoldEnded")
        await house.set_ready("1002")
        await press(house, number, s.talk, "*21002#", "OfferAccepted")
        await press(house, number, s.talk, "*5", "HoldEnded")
        await press(house, number, s.talk, "*5", "HoldBegan")
        await press(house, number, s.talk, "*6", "ConferenceBegan")
        await press(house, number, s.talk, "*8", "TransferCompleted")
        assert (await s.talk.finished()).ended_by == "them"
        second = s.seats["1002"].calls[-1]
        await press(
            house, number, second, "*302#", "TransferCompleted"
        )  # who has him now may do the same: the second queue
        await s.fact("CallQueued", queue_id="sales")
        await over(s.caller)
        started = await s.fact("TransferStarted", kind="blind")
        assert (started["to"], started["by"]) == ("queue:sales", "seat")


async def test_what_is_refused_by_keys_is_heard_and_changes_nothing(house: Running, exchange: Exchange) -> None:
    async with scene(house, exchange, "13811120027") as s:
        await s.talk.press("*300881234567#")  # nobody may call that

        async def beeps() -> bool:
            return any(TONE_CONTEXT in name for name in await channels(house))

        await eventually(beeps, what="a beep")
        assert await house.agent_state("1001") == "talking"
        await over(s.caller)


async def test_a_transfer_by_the_phones_own_button_is_refused_and_the_conversation_goes_on(
    house: Running, exchange: Exchange
) -> None:
    async with scene(house, exchange, "13811120028") as s:
        assert await s.talk.refer("1002") == 603
        await s.ask("hold")
        await house.wait_agent("1001", "holding")  # they still talk
        await over(s.caller)


# --- when our process dies in the middle --------------------------------------------------------------------------------


async def test_a_consult_outlives_our_process_and_a_hang_up_meanwhile_hands_the_caller_on(
    house: Running, exchange: Exchange
) -> None:
    async with scene(house, exchange, "13811120014") as s:
        asked = await s.consulted()
        await house.kill9()
        s.talk.hang_up()
        await s.talk.finished()
        await asyncio.sleep(1.0)  # nobody of ours is there: the two find each other by the dialplan alone
        assert (asked.state, s.caller.state) == ("talking", "talking")
        await house.start()
        await house.wait_agent("1002", "talking")
        await house.wait_agent("1001", "ready")
        await over(s.caller)
        await asked.finished()
        await house.wait_agent("1002", "ready")


async def test_a_consult_that_rings_when_our_process_dies_goes_on_and_is_known_again(
    house: Running, exchange: Exchange
) -> None:
    async with scene(house, exchange, "13811120015") as s:
        asked = await s.consult(LetRing())
        await house.kill9()
        asked.answer()
        await asked.wait_answered()
        await house.start()
        await house.wait_agent("1002", "talking")
        await house.wait_agent("1001", "holding")
        await s.ask("cancel")
        await asked.finished()
        await house.wait_agent("1001", "talking")
        await house.wait_agent("1002", "ready")
        await over(s.caller)


@pytest.mark.parametrize("how", ["conference", "swap"])
async def test_three_outlive_our_process_and_the_first_who_hangs_up_meanwhile_hands_the_caller_on(
    house: Running, exchange: Exchange, how: str
) -> None:
    number = {"conference": "13811120022", "swap": "13811120023"}[how]
    async with scene(house, exchange, number) as s:
        asked = await s.consulted()
        await (s.conference() if how == "conference" else s.swapped())
        await house.kill9()
        s.talk.hang_up()
        await s.talk.finished()
        await asyncio.sleep(1.0)  # nobody of ours is there
        assert (asked.state, s.caller.state) == ("talking", "talking")
        await house.start()
        await house.wait_agent("1002", "talking")
        await house.wait_agent("1001", "ready")
        asked.hang_up()
        await house.wait_agent("1002", "wrap_up")
        await over(s.caller)


@pytest.mark.parametrize("how", ["conference", "swap"])
async def test_three_are_known_again_after_our_death(house: Running, exchange: Exchange, how: str) -> None:
    number = {"conference": "13811120024", "swap": "13811120025"}[how]
    async with scene(house, exchange, number) as s:
        asked = await s.consulted()
        await (s.conference() if how == "conference" else s.swapped())
        if how == "swap":
            s.talk.hold()
            await house.wait_agent("1001", "holding")
        await house.kill9()
        s.talk.unhold()  # nobody of ours hears it
        await house.start()
        await house.wait_agent("1001", "talking")
        await house.wait_agent("1002", "talking")
        await s.ask("cancel")
        await asked.finished()
        await house.wait_agent("1002", "ready")
        assert (await house.agent_state("1001"), s.caller.state) == ("talking", "talking")
        s.talk.hang_up()
        await house.wait_agent("1001", "wrap_up")
        await over(s.caller)
