"""A call as a phone sees it: states, waiting, and what is told to SIPp."""

import asyncio

import pytest

from hotline.errors import Rejected, Unavailable
from hotline.runtime.clock import ManualClock
from telephony.phones.call import PhoneCall, hang_up_all
from telephony.phones.wire import Event


class Told:
    """Stands where SIPp would be and writes down what it is told."""

    def __init__(self) -> None:
        self.verbs: list[str] = []

    def tell(self, verb: str, call_id: str, file: str = "") -> None:
        self.verbs.append(f"{verb} {call_id} {file}".strip())


def call(told: Told, *, incoming: bool = False, tone_hz: int | None = None) -> tuple[PhoneCall, ManualClock]:
    clock = ManualClock(100.0)
    made = PhoneCall("c1", told, clock, tone_hz=tone_hz, incoming_id="x" if incoming else None)  # type: ignore[arg-type]
    return made, clock


def event(kind: str, detail: str = "") -> Event:
    return Event(kind=kind, key="c1", call_id="x", detail=detail)  # type: ignore[arg-type]


async def test_an_answered_call_tells_how_long_it_waited_and_talked() -> None:
    phone, clock = call(Told())
    phone.note(event("calling"))
    clock.advance(2)
    phone.note(event("answered"))
    clock.advance(5)
    phone.note(event("over", "them"))
    result = await phone.finished()
    assert (result.answered, result.code, result.ended_by) == (True, 200, "them")
    assert (result.waited_s, result.talked_s) == (2, 5)


async def test_a_refused_call_has_its_code() -> None:
    phone, _ = call(Told())
    phone.note(event("calling"))
    phone.note(event("refused", "503"))
    result = await phone.finished()
    assert (result.answered, result.code, result.ended_by) == (False, 503, "them")


async def test_waiting_for_an_answer_that_can_no_longer_come_is_an_error_at_once() -> None:
    phone, _ = call(Told())
    phone.note(event("calling"))
    phone.note(event("refused", "486"))
    with pytest.raises(Rejected, match="486"):
        await phone.wait_answered()


async def test_waiting_has_an_end() -> None:
    phone, _ = call(Told())
    phone.note(event("calling"))
    with pytest.raises(Unavailable, match="still calling"):
        await phone.wait_answered(0.01)


async def test_a_phone_sends_its_tone_once_it_is_answered() -> None:
    told = Told()
    phone, _ = call(told, tone_hz=440)
    phone.note(event("calling"))
    assert told.verbs == []
    phone.note(event("answered"))
    assert told.verbs == ["SOUND x tone-440.ul"]


async def test_after_a_digit_the_tone_goes_on() -> None:
    told = Told()
    phone, _ = call(told, tone_hz=440)
    phone.note(event("answered"))
    await phone.press("1#")
    assert told.verbs[1:] == [
        "DIGIT x digit-1.te",
        "SOUND x tone-440.ul",
        "DIGIT x digit-hash.te",
        "SOUND x tone-440.ul",
    ]


async def test_hanging_up_insists_until_it_is_heard() -> None:
    told = Told()
    phone, _ = call(told)
    phone.note(event("answered"))
    phone.hang_up()
    waiting = asyncio.ensure_future(phone.finished())
    async with asyncio.timeout(5):
        while len(told.verbs) < 2:
            await asyncio.sleep(0.01)
    phone.note(event("over", "us"))
    assert (await waiting).ended_by == "us"
    assert set(told.verbs) == {"HANGUP x"}


async def test_who_hung_up_before_the_answer_hangs_up_again_when_it_comes_all_the_same() -> None:
    told = Told()
    phone, _ = call(told, tone_hz=440)
    phone.note(event("calling"))
    phone.hang_up()
    phone.note(event("answered"))
    assert told.verbs == ["HANGUP x", "HANGUP x"]


async def test_a_seat_that_hangs_up_while_it_rings_rejects() -> None:
    told = Told()
    phone, _ = call(told, incoming=True)
    phone.note(event("ringing", '"" <sip:139@127.0.0.1>;tag=1'))
    phone.hang_up()
    assert told.verbs == ["REJECT-480 x"]
    assert phone.remote_number == "139"


async def test_states_never_go_back_and_nothing_is_told_to_a_call_that_is_over() -> None:
    told = Told()
    phone, _ = call(told)
    phone.note(event("answered"))
    phone.note(event("over", "them"))
    phone.note(event("ringing"))
    phone.hang_up()
    await phone.press("1")
    assert phone.state == "over"
    assert told.verbs == []


async def test_a_phone_that_is_gone_ends_its_call_by_nobody() -> None:
    phone, _ = call(Told())
    phone.note(event("calling"))
    phone.lost()
    result = await phone.finished()
    assert (result.answered, result.ended_by, result.code) == (False, "nobody", 0)


async def test_hanging_up_all_waits_no_longer_than_asked() -> None:
    told = Told()
    phone, _ = call(told)
    phone.note(event("answered"))
    await asyncio.wait_for(hang_up_all([phone], timeout_s=0.05), 2)
    assert told.verbs == ["HANGUP x"]
    assert phone.state == "talking"
