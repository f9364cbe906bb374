"""Numbers outside, reached over the outgoing trunk of a real Asterisk: who answers there, and what he is shown of us."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hotline.dialling import TRUNK, dial_string
from hotline.settings import Outbound
from telephony.phones.program import find_sipp
from telephony.phones.seats import Answer, LetRing, Outside, Reject, free_address
from telephony.phones.sipp import Exchange
from tests.integration.telephony.asterisk.house import House, free_settings, opened
from tests.support.wait import eventually

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]

NUMBER = "13800138000"
OURS = "02161234567"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[House, Outside]]:
    address, port = free_address()
    outbound = Outbound(trunk=f"{address}:{port}", caller_number=OURS, allow=("1",))
    settings = free_settings().model_copy(update={"outbound": outbound})
    async with opened(tmp_path_factory.mktemp("asterisk"), settings) as house:
        command, environment = find_sipp(print)
        host, sip_port = house.sip
        exchange = Exchange(sipp=command, env=environment, host=host, port=sip_port)
        async with Outside(exchange, address=address, port=port) as outside:
            yield house, outside


@pytest_asyncio.fixture(loop_scope="module")
async def house(shared: tuple[House, Outside]) -> AsyncIterator[House]:
    yield shared[0]
    await eventually(shared[0].is_quiet, what="no channel left over")


@pytest.fixture
def outside(shared: tuple[House, Outside]) -> Outside:
    return shared[1]


async def call_out(house: House, channel: str, *, name: str = "", seconds: int = 5) -> int:
    """Have Asterisk call a number outside and be silent to whoever answers; return the mark from before."""
    mark = house.manager.mark()
    answer = await house.manager.ask(
        "Originate", Channel=dial_string(NUMBER), ChannelId=channel, Application="Wait", Data="5", Async="true",
        CallerID=f'"{name}" <13999999999>', Timeout=str(1000 * seconds),
    )  # fmt: skip
    assert answer["Response"] == "Success", answer
    return mark


async def test_a_number_outside_is_reached_and_sees_our_number(house: House, outside: Outside) -> None:
    outside[NUMBER].behaviour = Answer(keys="1")
    mark = await call_out(house, "reached", name="Li Si")
    phone = await outside[NUMBER].next_call()
    await phone.wait_answered()
    pressed = await house.manager.wait_event("DTMFEnd", mark, Digit="1")
    assert pressed["Channel"].startswith("PJSIP/hotline-out-")
    assert phone.remote_number == OURS
    assert "13999999999" not in phone.remote_header
    assert "Li Si" not in phone.remote_header
    phone.hang_up()
    assert (await phone.finished()).answered


async def test_who_is_busy_outside_is_busy(house: House, outside: Outside) -> None:
    outside[NUMBER].behaviour = Reject(after_s=0)
    mark = await call_out(house, "busy")
    over = await house.manager.wait_event("Hangup", mark, Uniqueid="busy")
    assert over["Cause"] == "17"
    assert (await (await outside[NUMBER].next_call()).finished()).code == 486


async def test_who_does_not_answer_outside_rings_out(house: House, outside: Outside) -> None:
    outside[NUMBER].behaviour = LetRing()
    await call_out(house, "nobody", seconds=1)
    phone = await outside[NUMBER].next_call()
    result = await phone.finished()
    assert (result.answered, result.code) == (False, 487)


async def test_who_is_dialled_for_a_caller_is_not_shown_who_that_is(house: House, outside: Outside) -> None:
    outside[NUMBER].behaviour = Answer()
    caller = await house.phone("13912345678")
    channel = (await house.arrive(caller))["Channel"]
    await house.ring(channel, seat=f"{NUMBER}@{TRUNK}")
    phone = await outside[NUMBER].next_call()
    await phone.wait_answered()
    assert phone.remote_number == OURS
    assert "13912345678" not in phone.remote_header
    assert "Zhang San" not in phone.remote_header
    await house.end(channel)
