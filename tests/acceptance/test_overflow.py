"""What can happen to a caller besides an answer, all real: messages, other queues, numbers outside, closed doors, old places."""

import asyncio
import getpass
import shutil
import wave
from array import array
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from telephony.phones.callers import CALLER_TONE_HZ, Caller
from telephony.phones.seats import Answer, Outside, free_address
from telephony.phones.sipp import Exchange
from tests.acceptance.conftest import MakeSeats, nothing_left
from tests.support.running import Member, Running
from tests.support.tones import loud_part
from tests.support.wait import eventually

pytestmark = pytest.mark.real

QUEUES = ("front", "back", "mail", "away", "service", "keep")
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
[ivr]
flows_dir = "{flows}"
forward_ring_s = 5
[outbound]
trunk = "{trunk}"
allow = ["139"]
[[agents]]
id = "1001"
extension = "1001"
queues = ["back"]
[[agents]]
id = "1002"
extension = "1002"
queues = ["front", "mail", "away", "service", "keep"]
[[queues]]
id = "front"
overflow = [{when = "waited", over = 2, to = "queue:back"}]
[[queues]]
id = "back"
wrap_up_s = 0
record = false
at_closing = "announce:closed"
[[queues]]
id = "mail"
overflow = [{when = "nobody_logged_in", to = "voicemail"}]
[[queues]]
id = "away"
overflow = [{when = "nobody_logged_in", to = "number:13900000001"}]
[[queues]]
id = "service"
when_closed = "announce:closed"
[[queues]]
id = "keep"
resume_s = 120
wrap_up_s = 0
record = false
"""
NUMBERS = {queue: str(4101 + n) for n, queue in enumerate(QUEUES)}


@pytest.fixture(scope="module")
def outside_at() -> tuple[str, int]:
    """Where the network outside listens, and the outgoing trunk leads."""
    return free_address()


def _config(outside_at: tuple[str, int]) -> str:
    numbers = [f'[numbers.{queue}]\nnumber = "{number}"\nflow = "{queue}"' for queue, number in NUMBERS.items()]
    return "\n".join((CONFIG.replace("{trunk}", f"{outside_at[0]}:{outside_at[1]}"), *numbers))


def _record_announcements(prompts: Path, spoken: Path | None) -> None:
    """Lay short recordings of an operator in the place of the announcements, for nobody has the time to hear them out."""
    if spoken is not None and spoken.exists():
        shutil.copytree(spoken, prompts)
    (prompts / "custom" / "zh").mkdir(parents=True, exist_ok=True)
    for name in ("closed", "voicemail", "voicemail_left", "emergency", "forwarding"):
        with closing(wave.open(str(prompts / "custom" / "zh" / f"announce.{name}.wav"), "wb")) as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(array("h", [6000 if n % 16 < 8 else -6000 for n in range(4000)]).tobytes())


@pytest.fixture(scope="module")
def hotline(
    runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory, outside_at: tuple[str, int]
) -> Iterator[Running]:
    """A hotline with a queue for each way out, and a flow and a number for each queue."""
    made = Running(tmp_path_factory.mktemp("overflow") / "data", _config(outside_at))
    for queue in QUEUES:
        flow = f"flow: {queue}\nstart: line\nsteps:\n  line: {{kind: queue, queue: {queue}}}\n"
        (made.data_dir.parent / f"{made.data_dir.name}-flows" / f"{queue}.yaml").write_text(flow, encoding="utf-8")
    spoken = Member.spoken
    _record_announcements(made.data_dir / "prompts", spoken)
    runner.run(made.start())
    Member.spoken = spoken  # these prompts are not for others
    yield made
    assert runner.run(made.stop()) == 0, made.said()


@pytest.fixture
async def exchange(hotline: Running, sipp: tuple[tuple[str, ...], dict[str, str]]) -> AsyncIterator[Exchange]:
    yield hotline.exchange(*sipp)
    for agent in await hotline.get("agents"):
        await hotline.put(f"agents/{agent['id']}/state", {"state": "offline"})
    await nothing_left(hotline)
    assert await hotline.get("queues/keep/waiting") == []
    findings = (await hotline.get("reports/audit"))["findings"]
    assert findings == []


def _samples(wav: Path) -> Sequence[int]:
    with closing(wave.open(str(wav), "rb")) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 8000)
        return array("h", sound.readframes(sound.getnframes()))


async def test_a_message_is_left_stored_listed_and_played_back(
    hotline: Running, exchange: Exchange, tmp_path: Path
) -> None:
    before = await hotline.metrics()
    async with Caller(exchange, number=NUMBERS["mail"], caller_number="13833330001") as call:
        began = await hotline.wait_fact("13833330001", "VoicemailBegan")
        assert began["queue_id"] == "mail"
        await asyncio.sleep(2.5)  # the length of what is said, not a wait for something
        call.hang_up()
    left = await hotline.wait_fact("13833330001", "VoicemailLeft")
    row = await hotline.ended("13833330001")
    assert row["outcome"] == "flowed_out"
    listed = (await hotline.get("voicemails", call=row["call_id"]))["items"]
    assert [(m["status"], m["caller_number"], m["queue_id"]) for m in listed] == [("left", "13833330001", "mail")]
    assert listed[0]["sha256"] == left["sha256"]
    audio = tmp_path / "message.wav"
    status, told = await hotline.run("voicemail", "show", listed[0]["message_id"], "-o", str(audio))
    assert status == 0, told
    assert loud_part(_samples(audio), CALLER_TONE_HZ) > 0.5
    status, told = await hotline.run("voicemail", "list", "--queue", "mail")
    assert status == 0
    assert "13833330001" in told
    status, told = await hotline.run("voicemail", "done", listed[0]["message_id"])
    assert (status, told.split(": ")[1].strip()) == (0, f"dealt with by {getpass.getuser()}")

    async def dealt_with() -> bool:
        waiting = (await hotline.get("voicemails", call=row["call_id"], handled="false"))["items"]
        return not waiting

    await eventually(dealt_with, what="a message that nobody need deal with any more")
    after = await hotline.metrics()
    for name in (
        'hotline_voicemails_total{queue="mail",result="left"}',
        'hotline_calls_flowed_out_total{queue="mail",reason="overflow"}',
    ):
        assert after[name] == before[name] + 1, name


async def test_who_stays_on_the_line_after_his_message_is_thanked_and_hung_up(
    hotline: Running, exchange: Exchange
) -> None:
    async with Caller(exchange, number=NUMBERS["mail"], caller_number="13833330002") as call:
        await hotline.wait_fact("13833330002", "VoicemailBegan")
        await asyncio.sleep(2.0)  # the length of what is said
        await call.press("#")
        await hotline.wait_fact("13833330002", "IvrStepTaken", result="message_left")
        assert (await call.finished(30)).ended_by == "them"
    await hotline.wait_fact("13833330002", "VoicemailLeft")


async def test_who_waits_for_too_long_is_served_in_another_queue_with_the_time_waited(
    hotline: Running, exchange: Exchange, seats: MakeSeats
) -> None:
    async with (
        seats("1001", behaviour=Answer(talk_s=0.5)),
        Caller(exchange, number=NUMBERS["front"], caller_number="13833330003") as call,
    ):
        await hotline.wait_fact("13833330003", "CallQueued", queue_id="front")
        await hotline.wait_fact("13833330003", "CallQueued", queue_id="back")
        waiting = await hotline.get("queues/back/waiting")
        assert waiting[0]["waited_s"] > 2.0
        await hotline.set_ready("1001")
        await call.finished(30)
    row = await hotline.ended("13833330003")
    assert (row["outcome"], row["queue_id"], row["agent_id"]) == ("answered", "back", "1001")
    segments = (await hotline.get(f"calls/{row['call_id']}"))["segments"]
    waits = [(s["queue_id"], s["outcome"], s["reason"]) for s in segments if s["kind"] == "queue"]
    assert waits == [("front", "flowed_out", "overflow"), ("back", "answered", "")]


async def test_where_nobody_is_logged_in_a_number_outside_is_dialled(
    hotline: Running, exchange: Exchange, outside_at: tuple[str, int]
) -> None:
    async with (
        Outside(exchange, address=outside_at[0], port=outside_at[1], behaviour=Answer(talk_s=1.0)),
        Caller(exchange, number=NUMBERS["away"], caller_number="13833330004") as call,
    ):
        assert (await call.finished(30)).ended_by == "them"
    row = await hotline.ended("13833330004")
    ended = await hotline.wait_fact("13833330004", "ForwardEnded")
    assert (ended["number"], ended["answered"]) == ("13900000001", True)
    assert row["outcome"] == "flowed_out"


async def test_a_number_that_does_not_answer_leads_to_the_fallback_queue(hotline: Running, exchange: Exchange) -> None:
    async with Caller(exchange, number=NUMBERS["away"], caller_number="13833330005") as call:
        ended = await hotline.wait_fact("13833330005", "ForwardEnded")
        assert ended.get("answered", False) is False
        await hotline.wait_fact("13833330005", "CallFellBack")
        call.hang_up()
    assert (await hotline.ended("13833330005"))["outcome"] == "fallback"


async def test_a_queue_closed_by_hand_says_so_to_who_comes(hotline: Running, exchange: Exchange) -> None:
    status, told = await hotline.run("queue", "close", "service")
    assert (status, told.strip()) == (0, "service is closed by hand")
    async with Caller(exchange, number=NUMBERS["service"], caller_number="13833330006") as call:
        await hotline.wait_fact("13833330006", "CallFlowedOut", reason="closed", treatment="announce:closed")
        assert (await call.finished(40)).ended_by == "them"
    await hotline.wait_fact("13833330006", "IvrStepTaken", result="announced")
    assert (await hotline.run("queue", "open", "service"))[1].strip() == "service is open"
    async with Caller(exchange, number=NUMBERS["service"], caller_number="13833330007") as call:
        await hotline.wait_fact("13833330007", "CallQueued")
        assert len(await hotline.get("queues/service/waiting")) == 1
        call.hang_up()


async def test_closing_a_queue_lets_those_go_who_wait_where_it_says_so(hotline: Running, exchange: Exchange) -> None:
    async with Caller(exchange, number=NUMBERS["back"], caller_number="13833330016") as call:
        await hotline.wait_fact("13833330016", "CallQueued")
        assert (await hotline.run("queue", "close", "back"))[0] == 0
        await hotline.wait_fact("13833330016", "CallFlowedOut", reason="closing", treatment="announce:closed")
        assert (await call.finished(40)).ended_by == "them"
    await hotline.wait_fact("13833330016", "IvrStepTaken", result="announced")
    assert (await hotline.run("queue", "open", "back"))[1].strip() == "back is open"


async def test_an_emergency_is_heard_by_who_waits_and_who_comes(hotline: Running, exchange: Exchange) -> None:
    async with Caller(exchange, number=NUMBERS["service"], caller_number="13833330008") as first:
        await hotline.wait_fact("13833330008", "CallQueued")
        status, told = await hotline.run("queue", "emergency", "service", "on")
        assert (status, told.strip()) == (0, "service is open; announcement emergency, then stay")
        await hotline.wait_fact("13833330008", "IvrStepTaken", result="announced")
        async with Caller(exchange, number=NUMBERS["service"], caller_number="13833330009") as second:
            await hotline.wait_fact("13833330009", "IvrStepTaken", result="announced")
            assert len(await hotline.get("queues/service/waiting")) == 2
            second.hang_up()
        first.hang_up()
    status, told = await hotline.run("queue", "emergency", "service", "off")
    assert (status, told.strip()) == (0, "service is open")


async def test_a_supervisor_moves_and_pulls_callers_and_the_journal_says_who(
    hotline: Running, exchange: Exchange
) -> None:
    async with Caller(exchange, number=NUMBERS["service"], caller_number="13833330010") as call:
        call_id = (await hotline.wait_fact("13833330010", "CallQueued"))["call_id"]
        assert (await hotline.run("queue", "priority", call_id[:8], "7"))[0] == 0
        changed = await hotline.wait_fact("13833330010", "CallPriorityChanged", priority=7)
        assert changed["by"]
        status, told = await hotline.run("queue", "move", call_id[:8], "keep")
        assert status == 0, told
        assert "waits in keep at place 1 with priority 7" in told
        moved = await hotline.wait_fact("13833330010", "CallMoved")
        assert (moved["queue_id"], moved["to"], moved["by"]) == ("service", "keep", changed["by"])
        await hotline.wait_fact("13833330010", "CallQueued", queue_id="keep", priority=7)
        assert (await hotline.run("queue", "pull", call_id[:8], "hang_up"))[0] == 0
        assert (await call.finished(20)).ended_by == "them"
    status, told = await hotline.run("queue", "pull", call_id, "hang_up")
    assert status != 0
    assert "wait" in told


async def test_who_calls_again_soon_has_his_old_place(hotline: Running, exchange: Exchange, seats: MakeSeats) -> None:
    async with Caller(exchange, number=NUMBERS["keep"], caller_number="13833330011") as first:
        await hotline.wait_fact("13833330011", "CallQueued")
        async with Caller(exchange, number=NUMBERS["keep"], caller_number="13833330012") as rival:
            await hotline.wait_fact("13833330012", "CallQueued")
            first.hang_up()
            await first.finished()
            gave_up = await hotline.ended("13833330011")
            async with Caller(exchange, number=NUMBERS["keep"], caller_number="13833330011") as again:
                resumed = await hotline.wait_fact("13833330011", "CallResumed")
                assert resumed["earlier_call_id"] == gave_up["call_id"]

                async def in_front() -> bool:
                    waiting = [w["call_id"] for w in await hotline.get("queues/keep/waiting")]
                    return waiting[0] == resumed["call_id"]

                await eventually(in_front, what="the old place")
                async with seats("1002", behaviour=Answer(talk_s=0.3)) as phones:
                    await hotline.set_ready("1002")
                    served = [(await phones["1002"].next_call()).remote_number for _ in range(2)]
                    await again.finished(20)
                    await rival.finished(20)
    assert served == ["13833330011", "13833330012"]
    assert gave_up["outcome"] in ("abandoned", "short_abandoned")


SPEAKS_S = 3.0
"""How long somebody goes on speaking after the next of us has begun."""


async def test_after_a_kill_what_was_switched_left_and_begun_is_still_there(
    hotline: Running, exchange: Exchange
) -> None:
    """A message goes on while nobody of ours lives; a closed queue stays closed, and a left place is kept."""
    async with Caller(exchange, number=NUMBERS["keep"], caller_number="13833330013") as first:
        await hotline.wait_fact("13833330013", "CallQueued")
        first.hang_up()
        await first.finished()
    gave_up = await hotline.ended("13833330013")
    assert (await hotline.run("queue", "close", "service"))[0] == 0
    async with Caller(exchange, number=NUMBERS["mail"], caller_number="13833330014") as speaker:
        await hotline.wait_fact("13833330014", "VoicemailBegan")
        await hotline.kill9()
        await hotline.start()
        await asyncio.sleep(SPEAKS_S)
        await speaker.press("#")
        await hotline.wait_fact("13833330014", "IvrStepTaken", result="message_left")
        assert (await speaker.finished(30)).ended_by == "them"
    left = await hotline.wait_fact("13833330014", "VoicemailLeft")
    assert left["duration_s"] > SPEAKS_S
    async with Caller(exchange, number=NUMBERS["keep"], caller_number="13833330013") as again:
        resumed = await hotline.wait_fact("13833330013", "CallResumed")
        assert resumed["earlier_call_id"] == gave_up["call_id"]
        again.hang_up()
    async with Caller(exchange, number=NUMBERS["service"], caller_number="13833330015") as call:
        await hotline.wait_fact("13833330015", "CallFlowedOut", reason="closed", treatment="announce:closed")
        await call.finished(40)
    assert (await hotline.run("queue", "open", "service"))[0] == 0
