"""Synthetic phones end their calls although messages are lost in the moment in which both sides act."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from telephony.phones.call import PhoneCall
from telephony.phones.injection import Account
from telephony.phones.program import find_sipp
from telephony.phones.seats import LetRing, Seats
from telephony.phones.sipp import Exchange
from tests.integration.telephony.phones.deaf import HOST, DeafExchange, deaf_exchange

pytestmark = [pytest.mark.real, pytest.mark.asyncio]


@pytest_asyncio.fixture
async def deaf() -> AsyncIterator[DeafExchange]:
    async with deaf_exchange() as exchange:
        yield exchange


@pytest_asyncio.fixture
async def ringing(deaf: DeafExchange) -> AsyncIterator[PhoneCall]:
    command, environment = find_sipp(print)
    exchange = Exchange(sipp=command, env=environment, host=HOST, port=deaf.port)
    async with Seats(exchange, [Account(extension="1001", password="secret")], behaviour=LetRing()) as seats:
        deaf.invite()
        yield await seats["1001"].next_call()


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


async def test_an_answer_whose_acknowledgement_was_lost_is_given_again(deaf: DeafExchange, ringing: PhoneCall) -> None:
    ringing.answer()
    await deaf.hear("200 INVITE")
    deaf.send("CANCEL")
    await deaf.hear("200 CANCEL")
    ringing._tell("HANGUP")
    await deaf.hear("200 INVITE", times=2)
    deaf.send("ACK")
    await ringing.wait_answered()


async def test_a_refusal_whose_acknowledgement_was_lost_is_given_again(deaf: DeafExchange, ringing: PhoneCall) -> None:
    ringing.reject(603)
    await deaf.hear("603 INVITE")
    deaf.send("CANCEL")
    ringing.hang_up()
    await deaf.hear("603 INVITE", times=2)
    deaf.send("ACK")
    result = await ringing.finished()
    assert (result.answered, result.code) == (False, 603)
