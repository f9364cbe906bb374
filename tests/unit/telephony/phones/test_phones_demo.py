"""A demo's account of what its phones saw; the phones themselves stand still."""

import pytest

from hotline.errors import Misuse, Unavailable
from telephony.phones.callers import Caller
from telephony.phones.demo import Demo
from telephony.phones.injection import Account
from telephony.phones.plan import DemoPlan
from telephony.phones.sipp import Exchange
from telephony.phones.wire import Event

EXCHANGE = Exchange(sipp=("/nowhere/sipp",), host="127.0.0.1", port=1)
ACCOUNTS = [Account(extension="1001", password="a"), Account(extension="1002", password="b")]
PLAN = DemoPlan(calls=7, rate=1, agents=2)


async def set_agent(extension: str, wish: str) -> None:
    pytest.fail("nobody is logged in here")


class Show:
    """A demo whose events are made up."""

    def __init__(self) -> None:
        self.demo = Demo(EXCHANGE, PLAN, ACCOUNTS, set_agent)
        self.keys = list(self.demo._callers.calls)

    def caller(self, number: int, *kinds: str) -> None:
        key = self.keys[number]
        for kind in kinds:
            name, _, detail = kind.partition(" ")
            self.demo._callers._heard(Event(kind=name, key=key, call_id=f"call-{key}", detail=detail))  # type: ignore[arg-type]

    async def seat(self, number: int, *kinds: str) -> None:
        """Let events happen at seat 1001 for the call of a caller."""
        for kind in kinds:
            name, _, detail = kind.partition(" ")
            if name == "ringing":
                detail = f'"x" <sip:{self.keys[number]}@127.0.0.1>;tag=1'
            self.demo._seats._heard(Event(kind=name, key="1001", call_id=f"seat-{number}", detail=detail))  # type: ignore[arg-type]


@pytest.fixture
async def show():  # type: ignore[no-untyped-def]
    made = Show()
    yield made
    await made.demo._tasks.close()
    await made.demo._seats._tasks.close()
    for timer in made.demo._patience.values():
        timer.cancel()


async def test_each_way_a_call_can_go_is_counted_once(show: Show) -> None:
    show.caller(0, "calling", "answered")
    await show.seat(0, "ringing", "answered")
    await show.seat(0, "over us")
    show.caller(0, "over them")
    show.caller(1, "calling", "answered", "over us")
    show.caller(2, "calling", "answered", "over them")
    show.caller(3, "calling", "refused 503")
    show.caller(4, "calling", "answered")
    show.caller(5, "calling")
    outcome = show.demo.outcome()
    assert (outcome.placed, outcome.answered, outcome.connected) == (6, 4, 1)
    assert (outcome.gave_up, outcome.turned_away, outcome.refused, outcome.broken) == (1, 1, {503: 1}, 2)
    assert outcome.rings == 1


async def test_progress_follows_the_calls(show: Show) -> None:
    show.caller(0, "calling", "answered")
    show.caller(1, "calling", "refused 486")
    show.caller(2, "calling", "answered", "over us")
    now = show.demo._snapshot()
    assert (now.placed, now.live, now.finished, now.failed) == (3, 1, 1, 1)


async def test_a_caller_who_reached_an_agent_no_longer_loses_patience(show: Show) -> None:
    show.caller(0, "calling", "answered")
    patience = show.demo._patience[show.keys[0]]
    await show.seat(0, "ringing", "answered")
    assert patience.cancelled()
    assert show.demo._snapshot().connected == 1


async def test_a_ring_is_no_connection_and_a_second_answer_of_one_call_counts_once(show: Show) -> None:
    show.caller(0, "calling", "answered")
    await show.seat(0, "ringing")
    assert show.demo._snapshot().connected == 0
    await show.seat(0, "answered", "answered")
    assert show.demo._snapshot().connected == 1


async def test_a_demo_needs_a_seat_for_each_agent() -> None:
    with pytest.raises(Misuse, match="2 agents"):
        Demo(EXCHANGE, PLAN, ACCOUNTS[:1], set_agent)


async def test_without_sipp_there_is_one_sentence_and_nothing_is_left() -> None:
    with pytest.raises(Unavailable, match="no program /nowhere/sipp"):
        async with Demo(EXCHANGE, PLAN, ACCOUNTS, set_agent):
            pytest.fail("a demo without SIPp")
    with pytest.raises(Unavailable, match="no program /nowhere/sipp"):
        async with Caller(EXCHANGE, number="4000"):
            pytest.fail("a caller without SIPp")
