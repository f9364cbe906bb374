"""What Asterisk does with calls by itself, and what it tells us: one Asterisk for all these tests, real SIP."""

import asyncio
import csv
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from telephony.asterisk.config import dialplan
from telephony.asterisk.config.core import CEL_FIELDS
from tests.integration.telephony.asterisk.house import House, free_settings, opened
from tests.integration.telephony.asterisk.manager import agi_environment, decode_from
from tests.support.wait import eventually

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialplan, "EMPTY_TRIES", 2)
        patch.setattr(dialplan, "EMPTY_WAIT_S", 1)
        async with opened(tmp_path_factory.mktemp("asterisk"), free_settings(lease_s=2.0)) as house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(shared: House) -> AsyncIterator[House]:
    async with shared.beating():
        yield shared
        await shared.asterisk.tell("channel request hangup all")
    await shared.hang_up_phones()
    await eventually(shared.is_quiet, what="no channel left over")


def cel_lines(house: House) -> list[dict[str, str]]:
    names = [f.strip("${}").removeprefix("CHANNEL(").removeprefix("CALLERID(").rstrip(")") for f in CEL_FIELDS]
    text = house.asterisk.cel_file.read_text(encoding="utf-8", errors="replace")
    return [dict(zip(names, row, strict=True)) for row in csv.reader(text.splitlines())]


async def test_a_stale_heartbeat_sends_a_test_call_to_the_fallback_at_once(house: House) -> None:
    await house.beat(age_s=60)
    mark = house.manager.mark()
    await house.manager.ask(
        "Originate", Channel="Local/4000@hotline-test/n", Application="Wait", Data="1", Async="true", ChannelId="doctor-1",
        OtherChannelId="doctor-2",
    )  # fmt: skip
    event = await house.manager.wait_event("UserEvent", mark, UserEvent="HotlineFallback")
    assert event["Reason"] == "no_heartbeat"
    assert len(event["Call"]) == 36


@pytest.mark.parametrize("age_s", [10, -10])
async def test_a_heartbeat_from_the_past_or_the_future_is_stale(house: House, age_s: int) -> None:
    caller = await house.phone()
    await house.beat(age_s=age_s)
    mark = house.manager.mark()
    await caller.call("4000")
    assert (await house.manager.wait_event("UserEvent", mark))["Reason"] == "no_heartbeat"
    assert not [e for e in house.manager.events[mark:] if e["Event"] == "AsyncAGIStart"]


async def test_arrival_tells_everything_the_contract_names(house: House) -> None:
    caller = await house.phone("13800138000")
    started = await house.arrive(caller, from_='"Smith, J. (x) 张" <sip:13800138000@127.0.0.2>')
    told = agi_environment(started)
    assert [told[f"agi_arg_{n}"] for n in (1, 3, 4, 6)] == ["arrive", "4000", "13800138000", "trunk"]
    assert decode_from(told["agi_arg_5"]).decode().startswith('"Smith, J. (x) 张" <sip:13800138000@')
    assert told["agi_calleridname"] == "unknown"


async def test_nobody_renews_the_lease(house: House) -> None:
    caller = await house.phone()
    started = await house.arrive(caller)
    mark, before = house.manager.mark(), time.monotonic()
    event = await house.manager.wait_event("UserEvent", mark)
    assert event["Reason"] == "lease_expired"
    assert event["Call"] == agi_environment(started)["agi_arg_2"]
    assert time.monotonic() - before < 5.5, "the lease of this house, not the usual one"


async def test_the_lease_can_be_renewed_from_outside(house: House) -> None:
    caller = await house.phone()
    channel = (await house.arrive(caller))["Channel"]
    mark = house.manager.mark()
    for _ in range(6):
        assert (await house.manager.ask("AbsoluteTimeout", Channel=channel, Timeout="2"))["Response"] == "Success"
        await asyncio.sleep(0.5)
    assert not [e for e in house.manager.events[mark:] if e["Event"] == "UserEvent"]


async def test_cel_holds_the_arrival_with_the_call_id_and_nothing_a_caller_typed(house: House) -> None:
    caller = await house.phone()
    started = await house.arrive(caller, from_='"=HYPERLINK(1)<evil>" <sip:77;x=y@127.0.0.2>')
    call_id = agi_environment(started)["agi_arg_2"]
    await house.end(started["Channel"])
    lines = await eventually(lambda: [x for x in cel_lines(house) if call_id in x["eventextra"]], what="its line")
    assert [(x["userdeftype"], x["num"], x["eventextra"]) for x in lines] == [
        ("HOTLINE_ARRIVED", "77", f'{{"extra":"{call_id} 4000 trunk"}}')
    ]
    assert "HYPERLINK" not in house.asterisk.cel_file.read_text()


@pytest.mark.parametrize(
    ("header", "number"),
    [
        ('"x${SHELL(id)}<y>@z" <sip:300&PJSIP/x@127.0.0.2>', "300"),
        ("<sip:" + "9" * 300 + "@127.0.0.2>", ""),
        ("<sip:${SHELL(id)}7@127.0.0.2>", None),
        ("<sip:127.0.0.2>", ""),
        ("<tel:+4412345>", "+4412345"),
        ("<sip:1234:pw55@127.0.0.2>", "1234"),
        ('"' + "A" * 3000 + '" <sip:42@127.0.0.2>', "42"),
        ("<sip:42;phone-context=99@127.0.0.2>", "42"),
        ('"a,b\\"c" <sip:1,2@127.0.0.2>', "12"),
        ('"\u202e; DROP TABLE" <sip:+8610*#@127.0.0.2>', "+8610*#"),
        ("anonymous <sip:anonymous@anonymous.invalid>", ""),
    ],
)
async def test_a_hostile_from_header_ends_as_a_number_or_nothing(house: House, header: str, number: str | None) -> None:
    """None: the SIP stack drops the whole message, which is as harmless as it gets."""
    caller = await house.phone()
    if number is None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(caller.call("4000", from_=header), 1)
        return
    told = agi_environment(await house.arrive(caller, from_=header))
    assert told["agi_arg_4"] == number
    name = header.split("<")[0].strip().strip('"').encode()[:250]
    assert name in decode_from(told["agi_arg_5"])
    assert told["agi_callerid"] == (number or "unknown")


@pytest.mark.parametrize("number", ["4001", "1001", "*42", "s", "T", "4000x", "full"])
async def test_the_trunk_reaches_only_our_numbers(house: House, number: str) -> None:
    caller = await house.phone()
    assert await caller.call(number, media=False) == 404


async def test_a_stranger_is_asked_for_a_password(house: House) -> None:
    stranger = await house.phone("1001", "127.0.0.3")
    assert await stranger.call("4000", media=False) == 401
    assert await stranger.register("wrong-password-123") == 401


async def test_a_seat_that_claims_another_number_is_shown_with_its_own(house: House) -> None:
    seat = await house.seat("1002")
    await house.beat()
    mark = house.manager.mark()
    assert await seat.call("4000", password=house.secrets.seats["1002"], from_='"Boss" <sip:1002@127.0.0.1>') == 200
    told = agi_environment(await house.manager.wait_event("AsyncAGIStart", mark))
    assert (told["agi_arg_4"], told["agi_arg_6"], told["agi_calleridname"]) == ("1002", "seat", "unknown")


async def test_too_many_calls_are_refused_at_the_door(house: House) -> None:
    callers = [await house.phone() for _ in range(21)]
    await house.beat()
    statuses = await asyncio.gather(*(c.call("4000", media=False) for c in callers))
    assert sorted(statuses) == [200] * 20 + [503]
    for caller, status in zip(callers, statuses, strict=True):
        if status == 200:
            await caller.hang_up()


async def test_a_full_ring(house: House) -> None:
    seat, caller = await house.seat(), await house.phone()
    seat.answers = ((0.0, 180), (0.2, 200))
    started = await house.arrive(caller)
    mark = house.manager.mark()
    await house.ring(started["Channel"], recording="rec-1")
    await house.manager.wait_event("DialBegin", mark, Channel=started["Channel"])
    await house.manager.wait_event("DialState", mark, DialStatus="RINGING")
    await house.manager.wait_event("DialEnd", mark, DialStatus="ANSWER")
    await house.manager.wait_event("BridgeEnter", mark, Channel=started["Channel"])
    assert "张三 Zhang San" in seat.invites[-1].get("From")
    await asyncio.sleep(0.3)  # some audio
    await seat.hang_up()
    told = agi_environment(await house.returned(mark))
    call_id = agi_environment(started)["agi_arg_2"]
    assert [told[f"agi_arg_{n}"] for n in range(1, 6)] == ["return", call_id, "offer-1", "ANSWER", "16"]
    assert (house.asterisk.monitor_dir / "rec-1.raw").stat().st_size > 0


@pytest.mark.parametrize(
    ("answers", "seconds", "seat", "status", "cause"),
    [
        (((0.0, 486),), 20, "1001", "BUSY", "17"),
        (((0.0, 180), (0.1, 486)), 20, "1001", "BUSY", "17"),
        (((0.0, 180), (0.1, 603)), 20, "1001", "CHANUNAVAIL", "21"),
        (((0.0, 603),), 20, "1001", "CHANUNAVAIL", "21"),
        (((0.0, 180), (0.1, 302)), 20, "1001", "BUSY", "0"),
        (((0.0, 480),), 20, "1001", "NOANSWER", "19"),
        (((0.0, 180),), 1, "1001", "NOANSWER", "0"),
        ((), 1, "1001", "NOANSWER", "0"),
        ((), 20, "1003", "CHANUNAVAIL", "3"),
    ],
    ids=[
        "busy",
        "rings-busy",
        "rings-declined",
        "declined",
        "forwarded",
        "unavailable",
        "no-answer",
        "silent",
        "unregistered",
    ],
)
async def test_how_an_unanswered_ring_comes_back(
    house: House, answers: tuple[tuple[float, int], ...], seconds: int, seat: str, status: str, cause: str
) -> None:
    phone, caller = await house.seat(), await house.phone()
    phone.answers = answers
    channel = (await house.arrive(caller))["Channel"]
    mark = house.manager.mark()
    await house.ring(channel, seconds=seconds, seat=seat)
    await house.beat()
    await asyncio.sleep(0.5 if seconds == 1 else 0)
    await house.beat()
    told = agi_environment(await house.returned(mark))
    assert (told["agi_arg_4"], told["agi_arg_5"]) == (status, cause)


async def test_a_phone_that_rings_is_rung_by_nobody_else(house: House) -> None:
    """The fallback queue, a seat, and a router that knows of neither may want one phone at once."""
    seat, other, callers = await house.seat(), await house.seat("1002"), [await house.phone(n) for n in "12"]
    seat.answers = ((0.0, 180),)
    first, second = [(await house.arrive(caller))["Channel"] for caller in callers]
    mark = house.manager.mark()
    await house.ring(first)
    await house.manager.wait_event("DeviceStateChange", mark, Device="PJSIP/1001")
    mark = house.manager.mark()
    await house.ring(second, offer="offer-2", recording="never")
    told = agi_environment(await house.returned(mark))
    assert [told[f"agi_arg_{n}"] for n in (3, 4)] == ["offer-2", "BUSY"]
    assert not [b for b in house.manager.blocks[mark:] if "Event: Dial" in b and f"Channel: {second}" in b]
    assert not (house.asterisk.monitor_dir / "never.raw").exists()
    assert await other.call("1001", password=house.secrets.seats["1002"], media=False) == 486
    assert len(seat.invites) == 1


async def test_a_seat_that_calls_another_is_shown_with_its_own_number(house: House) -> None:
    called, caller = await house.seat("1001"), await house.seat("1002")
    assert await caller.call("1001", password=house.secrets.seats["1002"]) == 200
    assert "<sip:1002@" in called.invites[-1].get("From")


async def test_a_ring_taken_back_returns_as_rescinded(house: House) -> None:
    seat, caller = await house.seat(), await house.phone()
    seat.answers = ((0.0, 180),)
    channel = (await house.arrive(caller))["Channel"]
    mark = house.manager.mark()
    await house.ring(channel)
    await house.manager.wait_event("DialState", mark, DialStatus="RINGING")
    await house.manager.ask("Redirect", Channel=channel, Context="hotline-back", Exten="s", Priority="1")
    assert agi_environment(await house.returned(mark))["agi_arg_4"] == "RESCINDED"
    await eventually(lambda: "CANCEL" in seat.seen, what="CANCEL")


async def test_a_ringing_or_talking_call_outlives_the_lease(house: House) -> None:
    seat, caller = await house.seat(), await house.phone()
    seat.answers = ((0.0, 180), (1.5, 200))
    channel = (await house.arrive(caller))["Channel"]
    mark = house.manager.mark()
    await house.ring(channel)
    await house.manager.wait_event("BridgeEnter", mark, Channel=channel)
    await asyncio.sleep(2.5)
    assert not [b for b in house.manager.blocks[mark:] if "BridgeLeave" in b or "HotlineFallback" in b]
    await house.beat(age_s=60)
    await seat.hang_up()
    # Nobody would take him back, and he was served: he does not wait again.
    await house.manager.wait_event("Hangup", mark, Channel=channel)
    assert not [b for b in house.manager.blocks[mark:] if "HotlineFallback" in b]


async def test_who_was_served_and_waits_anew_falls_back_when_nobody_lives(house: House) -> None:
    seat, caller = await house.seat(), await house.phone()
    seat.answers = ((0.0, 200),)
    channel = (await house.arrive(caller))["Channel"]
    mark = house.manager.mark()
    await house.ring(channel)
    await house.manager.wait_event("BridgeEnter", mark, Channel=channel)
    await seat.hang_up()
    await house.manager.wait_event("AsyncAGIStart", mark, Channel=channel)
    await house.manager.ask("Setvar", Channel=channel, Variable="HOTLINE_OFFER", Value="")
    await house.manager.ask("AbsoluteTimeout", Channel=channel, Timeout="1")
    event = await house.manager.wait_event("UserEvent", mark)
    assert event["Reason"] == "lease_expired"


async def test_a_feature_code_reaches_us_and_is_answered_by_a_redirect(house: House) -> None:
    seat = await house.seat()
    await house.beat()
    mark = house.manager.mark()
    calling = asyncio.ensure_future(seat.call("*433", password=house.secrets.seats["1001"]))
    started = await house.manager.wait_event("AsyncAGIStart", mark)
    told = agi_environment(started)
    assert [told[f"agi_arg_{n}"] for n in (1, 2, 3)] == ["feature", "1001", "433"]
    await house.manager.ask(
        "Redirect", Channel=started["Channel"], Context="hotline-feature-done", Exten="not-ready", Priority="1"
    )
    assert await calling == 200
    await house.manager.wait_event("Hangup", mark, Channel=started["Channel"])
    assert seat.media.received > 5  # it heard something


async def test_prompts_of_ours_and_of_asterisk_can_be_played(house: House) -> None:
    import wave

    folder = house.asterisk.dirs.prompts / "zh"
    folder.mkdir(exist_ok=True)
    with wave.open(str(folder / "probe.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * 1600)
    caller = await house.phone()
    channel = (await house.arrive(caller))["Channel"]
    mark = house.manager.mark()
    for number, sound in enumerate(["hotline/zh/probe", "agent-loginok", "agent-loggedoff", "beep"]):
        await house.manager.ask("AbsoluteTimeout", Channel=channel, Timeout="10")
        await house.manager.ask("AGI", Channel=channel, Command=f'STREAM FILE {sound} ""', CommandID=f"p{number}")
        done = await house.manager.wait_event("AsyncAGIExec", mark, CommandId=f"p{number}")
        assert done["Result"].startswith("200%20result%3D0%20endpos%3D")
        assert not done["Result"].endswith("endpos%3D0%0A")


async def test_digits_arrive_while_music_plays(house: House) -> None:
    caller = await house.phone()
    channel = (await house.arrive(caller))["Channel"]
    mark = house.manager.mark()
    await house.manager.ask("AGI", Channel=channel, Command="SET MUSIC ON default", CommandID="m")
    await house.manager.wait_event("AsyncAGIExec", mark, CommandId="m")
    await caller.digit("5")
    assert (await house.manager.wait_event("DTMFEnd", mark))["Digit"] == "5"


async def test_the_manager_user_may_do_what_we_need_and_no_more(house: House) -> None:
    caller = await house.phone()
    channel = (await house.arrive(caller))["Channel"]
    ask, mark = house.manager.ask, house.manager.mark()
    for action, fields in {
        "Setvar": {"Channel": channel, "Variable": "HOTLINE_PLACE", "Value": "e30"},
        "Getvar": {"Channel": channel, "Variable": "HOTLINE_CALL"},
        "AbsoluteTimeout": {"Channel": channel, "Timeout": "20"},
        "AGI": {"Channel": channel, "Command": "NOOP", "CommandID": "n"},
        "CoreStatus": {},
        "Ping": {},
        "Status": {"Variables": "HOTLINE_CALL,HOTLINE_PLACE,HOTLINE_OFFER"},
        "CoreShowChannels": {},
        "DeviceStateList": {},
    }.items():
        assert (await ask(action, **fields))["Response"] == "Success", action  # type: ignore[arg-type]
    await house.manager.wait_event("DeviceStateListComplete", mark)
    await house.manager.wait_event("CoreShowChannelsComplete", mark)
    status = next(b for b in house.manager.blocks[mark:] if "Event: Status\r" in b)
    assert "Variable: HOTLINE_PLACE=e30" in status
    assert "Variable: HOTLINE_OFFER=(null)" in status
    refused = {
        "Command": {"Command": "core show channels"},
        "GetConfig": {"Filename": "manager.conf"},
        "UpdateConfig": {"SrcFilename": "manager.conf", "DstFilename": "x.conf"},
        "MixMonitor": {"Channel": channel, "File": "x.raw"},
        "DBPut": {"Family": "a", "Key": "b", "Val": "c"},
        "Originate": {"Channel": "Local/4000@hotline-test", "Application": "System", "Data": "id"},
        "ModuleLoad": {"LoadType": "unload", "Module": "res_agi.so"},
    }
    for action, fields in refused.items():
        assert (await ask(action, **fields))["Response"] == "Error", action  # type: ignore[arg-type]
    assert (await ask("Getvar", Channel=channel, Variable="SHELL(id)"))["Response"] == "Error"
    assert (await ask("Setvar", Channel=channel, Variable="SHELL(id)", Value="x"))["Response"] == "Error"


async def test_only_the_events_we_read_are_sent(house: House) -> None:
    seat, caller = await house.seat(), await house.phone()
    mark = house.manager.mark()
    started = await house.arrive(caller)
    await house.ring(started["Channel"])
    await house.manager.wait_event("BridgeEnter", mark, Channel=started["Channel"])
    await seat.hang_up()
    await house.end((await house.returned(mark))["Channel"])
    await eventually(lambda: len([b for b in house.manager.blocks[mark:] if "Event: Hangup" in b]) >= 2)
    seen = [b for b in house.manager.blocks[mark:] if b.startswith("Event")]
    names = {b.split("\r\n", 1)[0].removeprefix("Event: ") for b in seen}
    assert names == {
        "AsyncAGIStart", "AsyncAGIEnd", "DialBegin", "DialState", "DialEnd", "BridgeEnter", "BridgeLeave", "Hangup",
        "DeviceStateChange",
    }  # fmt: skip
    assert {d.split("Device: ")[1].split("\r")[0] for d in seen if "DeviceStateChange" in d} == {"PJSIP/1001"}
    assert len(seen) < 25


async def test_the_fallback_queue_serves_callers_without_us(house: House) -> None:
    nobody = await house.seat("1002")  # a seat left over from another test would be rung first, and nobody sits there
    await nobody.register(house.secrets.seats["1002"], expires=0)
    seat, caller = await house.seat(), await house.phone()
    seat.answers = ((0.0, 180), (0.1, 200))
    await house.beat(age_s=60)
    mark = house.manager.mark()
    await caller.call("4000")
    await house.manager.wait_event("BridgeEnter", mark)
    await seat.hang_up()


async def test_with_no_seat_at_all_the_caller_may_leave_a_message(house: House) -> None:
    for extension in ("1001", "1002"):
        await (await house.seat(extension)).register(house.secrets.seats[extension], expires=0)
    caller = await house.phone()
    await house.beat(age_s=60)
    mark = house.manager.mark()
    await caller.call("4000")
    call_id = (await house.manager.wait_event("UserEvent", mark))["Call"]
    message = house.asterisk.dirs.voicemail / f"{call_id}.wav"
    await eventually(message.exists, what="the message")
    await caller.hang_up()


async def test_nothing_of_all_this_logged_an_unexpected_error(house: House) -> None:
    expected = (
        "PJSIP syntax error",
        "not registered",
        "Could not create dialog",
        "Failed to create outgoing session",
        "Unable to join queue",
    )
    lines = [
        x
        for x in house.log().splitlines()
        if (" ERROR[" in x or " WARNING[" in x) and not any(e in x for e in expected)
    ]
    assert lines == []
