"""A supervisor with a live conversation: a real caller, a real agent's phone, a real supervisor's phone."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import pytest

from hotline.cli.client import asker
from telephony.phones.callers import Caller
from telephony.phones.seats import Answer
from telephony.phones.sipp import Exchange
from tests.acceptance.conftest import MakeSeats
from tests.support.running import Running
from tests.support.wait import eventually

pytestmark = pytest.mark.real


async def supervisions(hotline: Running) -> list[dict[str, Any]]:
    return list(await hotline.get("supervisions"))


async def test_listening_whispering_and_leaving_are_on_record_with_who_did_it(
    hotline: Running, exchange: Exchange, seats: MakeSeats
) -> None:
    async with seats("1001", "1005", behaviour=Answer()) as phones:
        await hotline.set_ready("1001")
        async with Caller(exchange, number="4001", caller_number="13822220001") as call:
            await (await phones["1001"].next_call()).wait_answered()
            await hotline.wait_agent("1001", "talking")
            status, said = await hotline.run("supervise", "listen", "1001", "--from", "1005", "--json")
            assert status == 0, said
            supervisor = await phones["1005"].next_call()
            await hotline.wait_fact("13822220001", "SupervisionBegan", mode="listen", by=asker())
            status, said = await hotline.run("supervise", "whisper", "1001", "--from", "1005")
            assert status == 0, said
            await hotline.wait_fact("13822220001", "SupervisionBegan", mode="whisper")
            (agent,) = [a for a in await hotline.get("agents") if a["id"] == "1001"]
            assert [(s["seat"], s["mode"], s["begun"]) for s in agent["supervised_by"]] == [("1005", "whisper", True)]
            status, said = await hotline.run("supervise", "stop", "1001")
            assert (status, said.strip()) == (0, "hung up with agent 1001: 1005")
            await supervisor.finished()
            await hotline.wait_fact("13822220001", "SupervisionEnded", reason="stopped")
            assert await hotline.agent_state("1001") == "talking"
            call.hang_up()
    row = await hotline.ended("13822220001")
    assert row["outcome"] == "answered"

    async def logged() -> bool:
        status, said = await hotline.run("supervise", "log", "--agent", "1001", "--json")
        assert status == 0, said
        mine = [o["fact"]["type"] for o in json.loads(said) if o["fact"]["call_id"] == row["call_id"]]
        return mine == ["SupervisionEnded", "SupervisionBegan", "SupervisionBegan", "SupervisionAsked"]

    await eventually(logged, what="the audit log")


async def test_the_end_of_the_call_ends_the_supervision(hotline: Running, exchange: Exchange, seats: MakeSeats) -> None:
    async with seats("1001", "1005", behaviour=Answer()) as phones:
        await hotline.set_ready("1001")
        async with Caller(exchange, number="4001", caller_number="13822220002") as call:
            await (await phones["1001"].next_call()).wait_answered()
            await hotline.wait_agent("1001", "talking")
            await hotline.post("agents/1001/supervision", {"mode": "barge", "seat": "1005"})
            supervisor = await phones["1005"].next_call()
            await hotline.wait_fact("13822220002", "SupervisionBegan", mode="barge")
            call.hang_up()
            await supervisor.finished()
        await hotline.wait_fact("13822220002", "SupervisionEnded", reason="call_over")
        assert await supervisions(hotline) == []


async def test_a_supervisor_takes_the_caller_over_whoever_else_waits(
    hotline: Running, exchange: Exchange, seats: MakeSeats
) -> None:
    async with seats("1001", "1005", behaviour=Answer()) as phones, AsyncExitStack() as stack:
        await hotline.set_ready("1001")
        call = await stack.enter_async_context(Caller(exchange, number="4001", caller_number="13822220003"))
        await (await phones["1001"].next_call()).wait_answered()
        await hotline.wait_agent("1001", "talking")
        await hotline.post("agents/1001/supervision", {"mode": "listen", "seat": "1005"})
        listening = await phones["1005"].next_call()
        await hotline.wait_fact("13822220003", "SupervisionBegan")
        await hotline.set_ready("1005")
        other = await stack.enter_async_context(Caller(exchange, number="4001", caller_number="13822220004"))
        await hotline.wait_fact("13822220004", "CallQueued")
        status, said = await hotline.run("supervise", "take-over", "1001", "--from", "1005")
        assert (status, said.strip()) == (0, "agent 1001 hands his caller on to seat 1005")
        await listening.finished()
        taken = await phones["1005"].next_call()
        assert taken.remote_number == "13822220003"
        await taken.wait_answered()
        await hotline.wait_agent("1005", "talking")
        await (await phones["1001"].next_call()).wait_answered()
        await hotline.wait_fact("13822220003", "SupervisionEnded", reason="taken_over")
        await asyncio.sleep(1)  # so that there is something to hear in the recording
        call.hang_up()
        other.hang_up()
    row = await hotline.ended("13822220003")
    detail = await hotline.get(f"calls/{row['call_id']}")
    talks = [s for s in detail["segments"] if s["kind"] == "talk"]
    assert [(s["agent_id"], s["reason"]) for s in talks] == [("1001", "agent"), ("1005", "caller")]

    async def recorded() -> bool:
        found = (await hotline.get("recordings", call=row["call_id"]))["items"]
        assert {(r["agent_id"], r["status"]) for r in found} == {("1001", "stored"), ("1005", "stored")}
        assert all(r["duration_s"] > 0.5 for r in found)
        return True

    await eventually(recorded, what="a recording of each talk")
    orders = (await hotline.get("audit-log", call=row["call_id"], kind="transfers"))["items"]
    assert [o["fact"]["to"] for o in orders] == ["agent:1005"]
    await hotline.ended("13822220004")
