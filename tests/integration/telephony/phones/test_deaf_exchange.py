"""Synthetic phones end their calls although messages are lost, late or crossing in the moment in which both sides act."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hotline.errors import Rejected
from telephony.phones import conversation
from telephony.phones.call import HANG_UP_AGAIN_S, PhoneCall
from telephony.phones.callers import Caller
from telephony.phones.injection import Account
from telephony.phones.program import find_sipp
from telephony.phones.seats import LetRing, Seats
from telephony.phones.sipp import Exchange
from tests.integration.telephony.phones.deaf import HOST, DeafExchange, deaf_exchange, header
from tests.support.wait import eventually

pytestmark = [pytest.mark.real, pytest.mark.asyncio]

ACCOUNT = Account(extension="1001", password="secret")
INSISTED_S = HANG_UP_AGAIN_S * 1.5
"""After this time who waits for the end of a call has insisted on it."""


@pytest_asyncio.fixture
async def deaf() -> AsyncIterator[DeafExchange]:
    async with deaf_exchange() as exchange:
        yield exchange


@pytest.fixture
def exchange(deaf: DeafExchange) -> Exchange:
    command, environment = find_sipp(print)
    return Exchange(sipp=command, env=environment, host=HOST, port=deaf.port)


@pytest.fixture(autouse=True)
def shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "REFER_MS", 700)


@pytest_asyncio.fixture
async def ringing(deaf: DeafExchange, exchange: Exchange) -> AsyncIterator[PhoneCall]:
    async with Seats(exchange, [ACCOUNT], behaviour=LetRing()) as seats:
        deaf.invite()
        yield await seats["1001"].next_call()


@pytest_asyncio.fixture
async def calling(deaf: DeafExchange, exchange: Exchange) -> AsyncIterator[PhoneCall]:
    async with Caller(exchange, number="4000") as caller:
        yield caller


async def talking(deaf: DeafExchange, call: PhoneCall) -> None:
    """Bring the ringing call to its conversation."""
    call.answer()
    await deaf.hear("200 INVITE")
    deaf.send("ACK")
    await call.wait_answered()


async def test_when_both_hang_up_the_call_is_over_without_an_answer(deaf: DeafExchange, ringing: PhoneCall) -> None:
    await talking(deaf, ringing)
    ringing.hang_up()
    await deaf.hear("BYE")
    deaf.send("BYE", 2)
    await deaf.hear("200 BYE")
    result = await ringing.finished()
    assert (result.answered, result.ended_by) == (True, "us")


@pytest.mark.parametrize("insists", [True, False])
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "481 Call/Transaction Does Not Exist"])
async def test_a_goodbye_whose_answer_was_lost_is_said_again(
    deaf: DeafExchange, ringing: PhoneCall, status: str, insists: bool
) -> None:
    await talking(deaf, ringing)
    ringing.hang_up()
    lost = await deaf.hear("BYE")
    if insists:
        ringing.hang_up()
    deaf.send("ACK")
    again = await deaf.hear("BYE", times=2)
    assert again.splitlines()[1] == lost.splitlines()[1], "the same transaction, or Asterisk would not know it"
    deaf.answer(again, status)
    result = await ringing.finished()
    assert (result.answered, result.ended_by) == (True, "us")


# --- a seat -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("insists", [True, False])
async def test_an_answer_whose_acknowledgement_was_lost_is_given_again(
    deaf: DeafExchange, ringing: PhoneCall, insists: bool
) -> None:
    ringing.answer()
    await deaf.hear("200 INVITE")
    deaf.send("CANCEL")
    await deaf.hear("200 CANCEL")
    if insists:
        ringing.hang_up()
    await deaf.hear("200 INVITE", times=2)
    deaf.send("ACK")
    await ringing.wait_answered()
    if insists:
        deaf.answer(await deaf.hear("BYE"), "200 OK")
    else:
        deaf.send("BYE", 2)
    assert (await ringing.finished()).answered


async def test_a_goodbye_that_comes_with_a_cancel_is_not_answered_before_it_is_heard(
    deaf: DeafExchange, ringing: PhoneCall
) -> None:
    ringing.answer()
    await deaf.hear("200 INVITE")
    sipp = ringing._process.pid
    os.kill(sipp, signal.SIGSTOP)
    for method in ("CANCEL", "ACK", "BYE"):
        deaf.send(method, 2 if method == "BYE" else 1)
    os.kill(sipp, signal.SIGCONT)
    cancel = await deaf.hear("200 CANCEL")
    assert header(cancel, "CSeq") == "1 CANCEL"

    def repeated() -> bool:
        if not [k for k, _ in deaf.got if k == "200 BYE"]:
            deaf.send("BYE", 2)
        return ringing.state == "over"

    await eventually(repeated, every_s=0.2)
    assert ringing.ended_by == "them"


@pytest.mark.parametrize("crosses", [True, False])
async def test_a_refusal_whose_acknowledgement_is_late_is_given_again(
    deaf: DeafExchange, ringing: PhoneCall, crosses: bool
) -> None:
    ringing.reject(603)
    await deaf.hear("603 INVITE")
    if crosses:
        deaf.send("CANCEL")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ringing.finished(), INSISTED_S)
    await deaf.hear("603 INVITE", times=2)
    deaf.send("ACK")
    result = await ringing.finished()
    assert (result.answered, result.code) == (False, 603)


async def test_a_hold_that_is_refused_changes_nothing(deaf: DeafExchange, ringing: PhoneCall) -> None:
    await talking(deaf, ringing)
    ringing.hold()
    deaf.answer(await deaf.hear("INVITE"), "491 Request Pending")
    await deaf.hear("ACK")
    deaf.send("BYE", 2)
    assert (await ringing.finished()).ended_by == "them"


async def test_a_goodbye_that_crosses_a_hold_ends_the_call(deaf: DeafExchange, ringing: PhoneCall) -> None:
    await talking(deaf, ringing)
    ringing.hold()
    await deaf.hear("INVITE")
    deaf.send("BYE", 2)
    assert (await ringing.finished()).ended_by == "them"


@pytest.mark.parametrize("answered", [True, False])
async def test_a_goodbye_that_crosses_a_transfer_ends_the_call(
    deaf: DeafExchange, ringing: PhoneCall, answered: bool
) -> None:
    await talking(deaf, ringing)
    code = asyncio.ensure_future(ringing.refer("1002"))
    asked = await deaf.hear("REFER")
    deaf.send("BYE", 2)
    if answered:
        deaf.answer(asked, "202 Accepted")
        assert await code == 202

    def repeated() -> bool:
        deaf.send("BYE", 2)
        return ringing.state == "over"

    await eventually(repeated, every_s=0.2)
    assert ringing.ended_by == "them"
    if not answered:
        with pytest.raises(Rejected):
            await code


async def test_a_seat_that_is_challenged_twice_for_one_question_is_registered(
    deaf: DeafExchange, exchange: Exchange
) -> None:
    deaf.challenges = 2
    async with Seats(exchange, [ACCOUNT]) as seats:
        await seats.unregister("1001")
        await seats.register("1001")


# --- a caller -----------------------------------------------------------------------------------------------------------


async def test_who_hangs_up_before_anything_was_answered_takes_the_call_back_as_soon_as_it_is(
    deaf: DeafExchange, calling: PhoneCall
) -> None:
    invite = await deaf.hear("INVITE")
    calling.hang_up()
    calling.hang_up()
    deaf.answer(await deaf.hear("INVITE", times=2), "100 Trying")
    deaf.answer(await deaf.hear("CANCEL"), "200 OK")
    deaf.answer(invite, "487 Request Terminated")
    result = await calling.finished()
    assert (result.answered, result.code, result.ended_by) == (False, 487, "us")


async def test_a_call_is_taken_back_although_the_exchange_is_slow(deaf: DeafExchange, calling: PhoneCall) -> None:
    invite = await deaf.hear("INVITE")
    deaf.answer(invite, "180 Ringing")
    await calling.wait_ringing()
    calling.hang_up()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(calling.finished(), INSISTED_S)
    deaf.answer(await deaf.hear("CANCEL", times=2), "200 OK")
    deaf.answer(invite, "487 Request Terminated")
    assert (await calling.finished()).code == 487


@pytest.mark.parametrize("first", ["INVITE", "CANCEL"])
async def test_an_answer_that_crosses_the_taking_back_is_acknowledged_and_hung_up(
    deaf: DeafExchange, calling: PhoneCall, first: str
) -> None:
    invite = await deaf.hear("INVITE")
    deaf.answer(invite, "180 Ringing")
    await calling.wait_ringing()
    calling.hang_up()
    cancel = await deaf.hear("CANCEL")
    for request in (invite, cancel) if first == "INVITE" else (cancel, invite):
        deaf.answer(request, "200 OK")
    await deaf.hear("ACK")
    deaf.answer(await deaf.hear("BYE"), "200 OK")
    assert (await calling.finished()).ended_by == "us"
