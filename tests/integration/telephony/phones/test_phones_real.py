"""Synthetic phones on a real Asterisk: they call, press keys, ring, answer, refuse, hang up at every moment, and leave nothing."""

import asyncio
import base64
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from hotline.errors import Rejected, Unavailable
from telephony.phones.callers import Caller, Callers
from telephony.phones.injection import Account, Line
from telephony.phones.seats import Answer, LetRing, Reject, Seats
from telephony.phones.sipp import Exchange
from tests.integration.telephony.asterisk.house import House, opened
from tests.integration.telephony.asterisk.manager import parse
from tests.support.wait import eventually

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]

SEATS = ("1001", "1002", "1003")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with opened(tmp_path_factory.mktemp("asterisk")) as house:
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(shared: House) -> AsyncIterator[House]:
    async with shared.beating():
        yield shared
    await eventually(shared.is_quiet, what="no channel left over")


@pytest.fixture
def accounts(house: House) -> list[Account]:
    return [Account(extension=s, password=house.secrets.seats[s]) for s in SEATS]


async def arrived(house: House, mark: int) -> str:
    """Return the channel of the call that arrived since `mark`."""
    return (await house.manager.wait_event("AsyncAGIStart", mark))["Channel"]


# --- callers ------------------------------------------------------------------------------------------------------------


async def test_a_caller_is_answered_and_hangs_up(house: House, exchange: Exchange) -> None:
    async with Caller(exchange, number="4000") as caller:
        await caller.wait_answered()
        caller.hang_up()
        result = await caller.finished()
    assert (result.answered, result.code, result.ended_by) == (True, 200, "us")


async def test_keys_arrive_one_by_one_while_the_caller_talks(house: House, exchange: Exchange) -> None:
    mark = house.manager.mark()
    async with Caller(exchange, number="4000") as caller:
        await caller.wait_answered()
        await caller.press("159*#0AD11")
        await eventually(lambda: len(digits(house, mark)) >= 10)
        caller.hang_up()
        await caller.finished()
    assert digits(house, mark) == "159*#0AD11"


def digits(house: House, mark: int) -> str:
    return "".join(
        e["Digit"]
        for e in map(parse, house.manager.blocks[mark:])
        if e.get("Event") == "DTMFEnd" and e["Direction"] == "Received"
    )


async def test_a_number_that_nobody_has_is_refused_with_its_code(house: House, exchange: Exchange) -> None:
    async with Caller(exchange, number="777") as caller:
        result = await caller.finished()
    assert (result.answered, result.code, result.ended_by) == (False, 404, "them")
    with pytest.raises(Rejected, match="404"):
        await caller.wait_answered()


async def test_leaving_the_block_hangs_up(house: House, exchange: Exchange) -> None:
    async with Caller(exchange, number="4000") as caller:
        await caller.wait_answered()
    assert caller.result().ended_by == "us"


HOSTILE = [
    b'"=HYPERLINK(1)|cmd;x ${SHELL(id)} {{7*7}} <b>[call_id]</b>" <sip:13800000009@127.0.0.2>',
    '"张三 ‮mirror" <sip:13800000009@127.0.0.2>'.encode(),
    b'"broken \xff\xfe\x80" <sip:13800000009@127.0.0.2>',
    b'"' + b"A" * 2000 + b'" <sip:13800000009@127.0.0.2>',
    b"<sip:138%0d%0aAction%3a%20Hangup@127.0.0.2>",
]


@pytest.mark.parametrize("raw", HOSTILE)
async def test_a_hostile_from_header_reaches_asterisk_byte_by_byte(
    house: House, exchange: Exchange, raw: bytes
) -> None:
    mark = house.manager.mark()
    async with Caller(exchange, number="4000", from_raw=raw) as caller:
        await caller.wait_answered()
        start = await house.manager.wait_event("AsyncAGIStart", mark)
        answer = await house.manager.ask("Getvar", Channel=start["Channel"], Variable="HOTLINE_FROM")
    seen = base64.b64decode(answer["Value"])
    # Asterisk may write the header a little differently (quotes, brackets); the name itself must be ours.
    kept = raw.split(b'"')[1] if raw.startswith(b'"') else b"138%0d%0aAction%3a%20Hangup"
    assert kept[:200] in seen


async def test_many_callers_come_from_one_sipp_each_with_its_own_number(house: House, exchange: Exchange) -> None:
    mark = house.manager.mark()
    lines = [Line(key=f"c{n}", number="4000", caller_number=f"1390000{n:04d}") for n in range(12)]
    async with Callers(exchange, lines, rate=20) as callers:
        for call in callers.calls.values():
            await call.wait_answered()
        wanted = {line.caller_number for line in lines}
        await eventually(lambda: numbers(house, mark) == wanted)
        for call in callers.calls.values():
            call.hang_up()
        results = [await call.finished() for call in callers.calls.values()]
    assert {(r.answered, r.ended_by) for r in results} == {(True, "us")}


def numbers(house: House, mark: int) -> set[str]:
    return {e["CallerIDNum"] for e in map(parse, house.manager.blocks[mark:]) if e.get("Event") == "AsyncAGIStart"}


async def test_a_sipp_that_cannot_start_is_one_sentence(house: House, exchange: Exchange) -> None:
    broken = Exchange(sipp=("/nowhere/sipp",), host=exchange.host, port=exchange.port)
    with pytest.raises(Unavailable, match="cannot be started"):
        async with Caller(broken, number="4000"):
            pytest.fail("a caller without SIPp")


# --- seats --------------------------------------------------------------------------------------------------------------


async def contacts(house: House) -> int:
    listing = await house.asterisk.tell("pjsip show contacts")
    return listing.count("sip:100")


async def test_seats_register_and_leave_no_registration(
    house: House, exchange: Exchange, accounts: list[Account]
) -> None:
    async with Seats(exchange, accounts):
        assert await contacts(house) == 3
    assert await contacts(house) == 0


async def test_a_seat_with_a_wrong_password_is_denied(
    house: House, exchange: Exchange, accounts: list[Account]
) -> None:
    wrong = Account(extension="1001", password="wrong")
    with pytest.raises(Rejected, match="1001"):
        async with Seats(exchange, [wrong, *accounts[1:]]):
            pytest.fail("registered with a wrong password")
    assert await contacts(house) == 0


async def test_a_seat_that_is_switched_off_is_forgotten_until_it_is_switched_on(
    house: House, exchange: Exchange, accounts: list[Account]
) -> None:
    async with Seats(exchange, accounts) as seats:
        await seats.unregister("1002")
        assert await contacts(house) == 2
        await seats.unregister("1003")
        await seats.register("1002")
        assert await contacts(house) == 2
        await seats.register("1003")
        assert await contacts(house) == 3


async def expiry(house: House) -> int:
    """Return when the registration of 1001 runs out."""
    listing = await house.asterisk.tell("pjsip show contacts")
    contact = next(line.split()[1] for line in listing.splitlines() if "sip:1001@" in line)
    details = await house.asterisk.tell(f"pjsip show contact {contact}")
    return int(next(line.split()[2] for line in details.splitlines() if "expiration_time" in line))


async def test_registrations_are_renewed_before_they_run_out(
    house: House, exchange: Exchange, accounts: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telephony.phones.seats.RENEW_S", 1.2)
    async with Seats(exchange, accounts):
        first = await expiry(house)

        async def renewed() -> bool:
            return await expiry(house) > first

        await eventually(renewed, what="a later expiry")
    assert await contacts(house) == 0


async def test_a_seat_rings_answers_talks_and_hangs_up(
    house: House, exchange: Exchange, accounts: list[Account]
) -> None:
    mark = house.manager.mark()
    async with (
        Seats(exchange, accounts, behaviour=LetRing()) as seats,
        Caller(exchange, number="4000", caller_number="13911112222") as caller,
    ):
        await house.ring(await arrived(house, mark))
        seat = await seats["1001"].next_call()
        assert seat.state == "ringing"
        assert seat.remote_number == "13911112222"
        seat.answer()
        await seat.wait_answered()
        assert seats.talking == 1
        seat.hang_up()
        assert (await seat.finished()).ended_by == "us"
        await house.returned(mark)
        assert caller.state == "talking"


@pytest.mark.parametrize(("code", "status"), [(486, "BUSY"), (603, "CHANUNAVAIL"), (480, "NOANSWER")])
async def test_a_seat_rejects(
    house: House, exchange: Exchange, accounts: list[Account], code: int, status: str
) -> None:
    mark = house.manager.mark()
    behaviour = Reject(code=code)  # type: ignore[arg-type]
    async with Seats(exchange, accounts, behaviour=behaviour) as seats, Caller(exchange, number="4000"):
        await house.ring(await arrived(house, mark))
        seat = await seats["1001"].next_call()
        result = await seat.finished()
        assert (result.answered, result.code, result.ended_by) == (False, code, "us")
        assert f"%20{status}%0A" in (await house.returned(mark))["Env"]


async def test_a_seat_that_does_not_answer_is_given_up(
    house: House, exchange: Exchange, accounts: list[Account]
) -> None:
    mark = house.manager.mark()
    async with Seats(exchange, accounts, behaviour=LetRing()) as seats, Caller(exchange, number="4000"):
        await house.ring(await arrived(house, mark), seconds=1)
        seat = await seats["1001"].next_call()
        result = await seat.finished()
        assert (result.answered, result.code, result.ended_by) == (False, 487, "them")


@pytest.mark.parametrize("moment", ["menu", "ringing", "answering", "talking", "both"])
async def test_a_caller_hangs_up_at_any_moment(
    house: House, exchange: Exchange, accounts: list[Account], moment: str
) -> None:
    mark = house.manager.mark()
    async with Seats(exchange, accounts, behaviour=LetRing()) as seats, Caller(exchange, number="4000") as caller:
        await caller.wait_answered()
        channel = await arrived(house, mark)
        if moment != "menu":
            await house.ring(channel)
            seat = await seats["1001"].next_call()
            if moment != "ringing":
                seat.answer()
            if moment in ("talking", "both"):
                await seat.wait_answered()
            if moment == "both":
                seat.hang_up()
        caller.hang_up()
        assert (await caller.finished()).answered
        if moment != "menu":
            await seat.finished()


async def test_one_seat_takes_call_after_call(house: House, exchange: Exchange, accounts: list[Account]) -> None:
    async with Seats(exchange, accounts, behaviour=Answer(after_s=0.05, talk_s=0.1)) as seats:
        for _ in range(5):
            mark = house.manager.mark()
            async with Caller(exchange, number="4000") as caller:
                await house.ring(await arrived(house, mark))
                assert (await (await seats["1001"].next_call()).finished()).answered
                await house.returned(mark)
                caller.hang_up()
                await caller.finished()
        assert len(seats["1001"].calls) == 5


async def test_a_seat_dials_a_feature_code(house: House, exchange: Exchange, accounts: list[Account]) -> None:
    mark = house.manager.mark()
    async with Seats(exchange, accounts), Caller(exchange, number="*42", account=accounts[0]):
        start = await house.manager.wait_event("AsyncAGIStart", mark)
        assert "feature" in start["Env"]
        assert "1001" in start["Env"]


async def test_processes_of_sipp_end_with_their_block(
    house: House, exchange: Exchange, accounts: list[Account]
) -> None:
    async with Seats(exchange, accounts) as seats, Callers(exchange, [Line(key="c", number="4000")]) as callers:
        pids = [seats._process.pid, callers._process.pid]
        await callers.calls["c"].wait_answered()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


KILLED = """
import asyncio, json, os, signal, sys
from telephony.phones.callers import Caller
from telephony.phones.sipp import Exchange

async def main() -> None:
    sipp, host, port = json.loads(sys.argv[1])
    async with Caller(Exchange(sipp=tuple(sipp), host=host, port=port), number="4000") as caller:
        await caller.wait_answered()
        print(caller._process.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="util-linux is not installed")
async def test_a_killed_program_takes_its_sipp_with_it(house: House, exchange: Exchange, tmp_path: Path) -> None:
    argument = json.dumps([exchange.sipp, exchange.host, exchange.port])
    killed = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        KILLED,
        argument,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    said, _ = await asyncio.wait_for(killed.communicate(), 20)
    pid = int(said)
    await eventually(lambda: is_over(pid), what="SIPp ends")
    await house.asterisk.tell("channel request hangup all")


def is_over(pid: int) -> bool:
    """Return whether a process is gone, or dead and not buried yet by whoever is init here."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
