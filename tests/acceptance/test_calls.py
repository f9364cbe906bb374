"""Whole calls: a phone, Asterisk, the menu, the line, an agent's phone, the record. All real."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from telephony.phones.callers import CALLER_TONE_HZ, Caller
from telephony.phones.seats import SEAT_TONE_HZ, Answer, LetRing, Reject
from telephony.phones.sipp import Exchange
from tests.acceptance.conftest import MakeSeats
from tests.support.running import Running
from tests.support.tones import channels_of, loud_part
from tests.support.wait import eventually

pytestmark = pytest.mark.real

GAVE_UP = ("abandoned", "short_abandoned")
"""Which of the two is a question of seconds, and on a busy machine of its own."""


async def test_a_caller_presses_1_talks_with_an_agent_and_everything_is_on_record(
    hotline: Running, exchange: Exchange, seats: MakeSeats, tmp_path: Path
) -> None:
    before = await hotline.metrics()
    async with seats("1001", behaviour=Answer()) as phones:
        await hotline.set_ready("1001")
        async with Caller(exchange, number="4000", caller_number="13811110001") as call:
            await hotline.wait_fact("13811110001", "CallArrived")
            await call.press("1")
            talk = await phones["1001"].next_call()
            await talk.wait_answered()
            await hotline.wait_agent("1001", "talking")
            await asyncio.sleep(2.0)  # the length of what is recorded, not a wait for something
            call.hang_up()
            await call.finished()
    row = await hotline.ended("13811110001")
    assert (row["outcome"], row["agent_id"], row["queue_id"], row["ended_by"]) == (
        "answered",
        "1001",
        "service",
        "caller",
    )
    assert row["arrived_at"] <= row["queued_at"] <= row["answered_at"] <= row["ended_at"]
    assert row["talk_s"] == pytest.approx(2.0, abs=1.5)
    recording = await stored_recording(hotline, row["call_id"])
    audio = tmp_path / "talk.wav"
    audio.write_bytes(await hotline.get(f"recordings/{recording['recording_id']}/audio"))
    left, right = channels_of(audio)
    assert loud_part(left, CALLER_TONE_HZ) > 0.8 > 0.2 > loud_part(left, SEAT_TONE_HZ)
    assert loud_part(right, SEAT_TONE_HZ) > 0.8 > 0.2 > loud_part(right, CALLER_TONE_HZ)
    after = await hotline.metrics()
    for name in (
        'hotline_calls_offered_total{queue="service"}',
        'hotline_calls_answered_total{queue="service"}',
        'hotline_offers_total{queue="service",result="answered"}',
    ):
        assert after[name] == before[name] + 1, name


async def stored_recording(hotline: Running, call_id: str) -> dict[str, Any]:
    async def look() -> Any:
        items = (await hotline.get("recordings", call=call_id))["items"]
        return items[0] if items and items[0]["status"] == "stored" else None

    return dict(await eventually(look, what="the recording"))


async def test_wrong_keys_are_told_and_the_menu_is_repeated_until_a_right_one(
    hotline: Running, exchange: Exchange
) -> None:
    async with Caller(exchange, number="4000", caller_number="13811110002") as call:
        await hotline.wait_fact("13811110002", "CallArrived")
        await call.press("7")  # ends the welcome
        await hotline.wait_fact("13811110002", "IvrStepTaken", step="office_hours")
        await call.press("7")
        await hotline.wait_fact("13811110002", "IvrStepTaken", step="menu", result="invalid")
        await call.press("1")
        await hotline.wait_fact("13811110002", "CallQueued")
        call.hang_up()
    row = await hotline.ended("13811110002")
    assert row["outcome"] in GAVE_UP


async def test_a_caller_who_presses_nothing_reaches_the_line_after_the_retries(
    hotline: Running, exchange: Exchange
) -> None:
    async with Caller(exchange, number="4002", caller_number="13811110003") as call:
        await hotline.wait_fact("13811110003", "CallQueued", queue_id="service")
        call.hang_up()
    row = await hotline.ended("13811110003")
    steps = [f["result"] for f in await hotline.facts(row["call_id"]) if f.get("step") == "menu"]
    assert steps == ["timeout", "timeout"]


async def test_a_caller_who_gives_up_waiting_is_an_abandon(hotline: Running, exchange: Exchange) -> None:
    async with Caller(exchange, number="4001", caller_number="13811110004") as call:
        await hotline.wait_fact("13811110004", "CallQueued")
        waiting = await hotline.get("queues/service/waiting")
        assert [w["position"] for w in waiting] == [1]
        call.hang_up()
    row = await hotline.ended("13811110004")
    assert row["outcome"] in GAVE_UP
    assert (row["ended_by"], row["answered_at"]) == ("caller", None)


async def test_a_caller_who_gives_up_while_it_rings_frees_the_agent(
    hotline: Running, exchange: Exchange, seats: MakeSeats
) -> None:
    async with seats("1001", behaviour=LetRing()) as phones:
        await hotline.set_ready("1001")
        async with Caller(exchange, number="4001", caller_number="13811110005") as call:
            await phones["1001"].next_call()
            await hotline.wait_agent("1001", "ringing")
            call.hang_up()
        row = await hotline.ended("13811110005")
        assert row["outcome"] in GAVE_UP
        await hotline.wait_agent("1001", "ready")
    offers = (await hotline.get("offers", call=row["call_id"]))["items"]
    assert [o["result"] for o in offers] == ["rescinded"]


async def test_an_agent_who_does_not_answer_rests_and_the_caller_keeps_the_place(
    hotline: Running, exchange: Exchange, seats: MakeSeats
) -> None:
    async with seats("1001", "1002", behaviour=LetRing()) as phones:
        await hotline.set_ready("1001")
        async with Caller(exchange, number="4001", caller_number="13811110006") as call:
            await phones["1001"].next_call()
            first = await hotline.wait_fact("13811110006", "CallQueued")
            phones["1002"].behaviour = Answer()
            await hotline.wait_agent("1001", "rest")
            await hotline.put("agents/1002/state", {"state": "ready"})
            talk = await phones["1002"].next_call()
            await talk.wait_answered()
            call.hang_up()
        row = await hotline.ended("13811110006")
    assert (row["outcome"], row["agent_id"]) == ("answered", "1002")
    facts = await hotline.facts(row["call_id"])
    assert sum(f["type"] == "CallQueued" for f in facts) == 1
    offers = {o["agent_id"]: o for o in (await hotline.get("offers", call=row["call_id"]))["items"]}
    assert offers["1001"]["result"] == "no_answer"
    assert row["wait_s"] >= 3.0, first


async def test_an_agent_who_rejects_is_passed_over_for_this_caller(
    hotline: Running, exchange: Exchange, seats: MakeSeats
) -> None:
    async with seats("1001", "1002") as phones:
        phones["1001"].behaviour = Reject()
        await hotline.set_ready("1001")
        await hotline.set_ready("1002")
        async with Caller(exchange, number="4001", caller_number="13811110007") as call:
            talk = await phones["1002"].next_call()
            await talk.wait_answered()
            await hotline.wait_agent("1001", "ready")
            call.hang_up()
        row = await hotline.ended("13811110007")
    offers = (await hotline.get("offers", call=row["call_id"]))["items"]
    assert sorted((o["agent_id"], o["result"]) for o in offers) == [("1001", "rejected"), ("1002", "answered")]


async def test_two_callers_and_one_agent_are_served_in_the_order_of_their_arrival(
    hotline: Running, exchange: Exchange, seats: MakeSeats
) -> None:
    async with (
        seats("1001", behaviour=Answer(talk_s=1.0)) as phones,
        Caller(exchange, number="4001", caller_number="13811110008") as first,
    ):
        await hotline.wait_fact("13811110008", "CallQueued")
        async with Caller(exchange, number="4001", caller_number="13811110009") as second:
            await hotline.wait_fact("13811110009", "CallQueued")
            await hotline.set_ready("1001")
            served = [await phones["1001"].next_call(), await phones["1001"].next_call()]
            assert [call.remote_number for call in served] == ["13811110008", "13811110009"]
            await first.finished()
            await second.finished()
    assert (await hotline.ended("13811110008"))["outcome"] == "answered"
    assert (await hotline.ended("13811110009"))["outcome"] == "answered"


@pytest.mark.parametrize(("number", "caller"), [("4001", "13811110010"), ("4000", "13811110015")])
async def test_after_the_agent_hung_up_the_caller_hears_the_whole_goodbye_and_the_call_ends(
    hotline: Running, exchange: Exchange, seats: MakeSeats, number: str, caller: str
) -> None:
    async with seats("1001", behaviour=Answer(talk_s=0.5)):
        await hotline.set_ready("1001")
        async with Caller(exchange, number=number, caller_number=caller) as call:
            if number == "4000":
                await hotline.wait_fact(caller, "CallArrived")
                await call.press(
                    "1"
                )  # the agent is free: the ring overtakes the announcement, which must not be heard later
            result = await call.finished(30)
            assert result.ended_by == "them"
        row = await hotline.ended(caller)
        assert row["ended_by"] == "agent"
        await hotline.wait_fact(caller, "IvrStepTaken", step="goodbye", result="played")
        await hotline.wait_agent("1001", "ready")


@pytest.mark.parametrize("phase", ["menu", "goodbye"])
async def test_a_caller_may_hang_up_in_any_phase(
    hotline: Running, exchange: Exchange, seats: MakeSeats, phase: str
) -> None:
    number = {"menu": "13811110011", "goodbye": "13811110012"}[phase]
    if phase == "menu":
        async with Caller(exchange, number="4000", caller_number=number) as call:
            await hotline.wait_fact(number, "CallArrived")
            call.hang_up()
        assert (await hotline.ended(number))["outcome"] == "ivr_only"
        return
    async with seats("1001", behaviour=Answer(talk_s=0.5)):
        await hotline.set_ready("1001")
        async with Caller(exchange, number="4001", caller_number=number) as call:
            await hotline.wait_fact(number, "TalkEnded")
            call.hang_up()
        assert (await hotline.ended(number))["outcome"] == "answered"


async def test_a_seat_logs_in_takes_a_break_and_logs_out_by_feature_codes(
    hotline: Running, exchange: Exchange, seats: MakeSeats
) -> None:
    async with seats("1003", behaviour=LetRing()):
        for code, state in (
            ("*41", "break"),
            ("*42", "ready"),
            ("*432", "break"),
            ("*42", "ready"),
            ("*44", "offline"),
        ):
            async with Caller(exchange, number=code, account=hotline.account("1003"), tone_hz=None) as call:
                await hotline.wait_agent("1003", state)
                await call.finished()
        agents = {a["id"]: a for a in await hotline.get("agents")}
        assert agents["1003"]["state"] == "offline"


async def test_a_break_asked_for_during_a_call_begins_after_it(
    hotline: Running, exchange: Exchange, seats: MakeSeats
) -> None:
    async with seats("1001", behaviour=Answer()) as phones:
        await hotline.set_ready("1001")
        async with Caller(exchange, number="4001", caller_number="13811110013") as call:
            talk = await phones["1001"].next_call()
            await talk.wait_answered()
            await hotline.wait_agent("1001", "talking")
            await hotline.put("agents/1001/state", {"state": "break", "reason": "lunch"})
            assert await hotline.agent_state("1001") == "talking"
            call.hang_up()
        await hotline.wait_agent("1001", "break")


async def test_the_name_of_a_known_customer_is_shown_at_the_seat(
    hotline: Running, exchange: Exchange, seats: MakeSeats
) -> None:
    await hotline.post("customers", {"name": "王小明", "numbers": ["13811110014"], "tier": "gold", "language": "zh"})
    async with seats("1001", behaviour=LetRing()) as phones:
        await hotline.set_ready("1001")
        async with Caller(exchange, number="4000", caller_number="13811110014", caller_name="Mallory") as call:
            await hotline.wait_fact("13811110014", "CallerIdentified")
            await call.press("1")
            ringing = await phones["1001"].next_call()
            assert "王小明" in ringing.remote_header
            assert "Mallory" not in ringing.remote_header
            call.hang_up()
    row = await hotline.ended("13811110014")
    assert row["customer_name"] == "王小明"
