"""How a caller asks to be called back."""

from typing import Any

import pytest

from hotline.commands import Hangup, Play, StartMusic
from hotline.dialling import Policy
from hotline.facts import (
    CallArrived,
    CallbackRequested,
    CallFlowedOut,
    CallQueued,
    CustomerDialled,
    DigitPressed,
    Fact,
    Place,
    PlayEnded,
)
from hotline.ids import CallId, LegId, NodeId, QueueId
from hotline.settings.queues import Comfort
from ivr.flow.model import Flow, QueueStep
from ivr.instead.means import Means
from ivr.sessions.session import Session
from ivr.speech.naming import sound_name

NOW = 1_000.0
FLOW = Flow(
    name="main",
    version="1",
    languages=("en",),
    language="en",
    start="line",
    steps={"line": QueueStep(queue_id=QueueId("q"), after="")},
)
MEANS = Means(
    outbound=Policy(trunk=True, allow=("1", "0")),
    comfort={QueueId("q"): Comfort(first_after_s=600, keys={"1": "callback"})},
)


class Caller:
    """A caller who waits and asks; what follows is kept."""

    def __init__(self, number: str = "13800138000", **arrival: Any) -> None:
        self.now = NOW
        arrived = CallArrived(
            at=NOW,
            call_id=CallId("c"),
            node=NodeId("n"),
            leg=LegId("l"),
            number="4000",
            caller_number=number,
            **arrival,
        )
        self.session, self.out = Session.start(arrived, FLOW, now=NOW, means=MEANS)

    def give(self, event: object) -> None:
        self.now += 1
        self.out = self.session.handle(event, now=self.now)

    def press(self, keys: str) -> None:
        for key in keys:
            self.give(DigitPressed(at=self.now, call_id=CallId("c"), digit=key))

    def heard(self) -> None:
        play = next(o for o in self.out if isinstance(o, Play))
        self.give(PlayEnded(at=self.now, call_id=CallId("c"), play_id=play.play_id, result="finished"))

    def silent(self) -> None:
        """Let the time for an answer pass."""
        deadline = self.session.next_deadline()
        assert deadline is not None
        self.now = deadline
        self.out = self.session.wake(now=self.now)

    def told(self, kind: type[Fact]) -> Any:
        return next((o for o in self.out if isinstance(o, kind)), None)

    @property
    def spoken(self) -> str:
        return " ".join(sound for o in self.out if isinstance(o, Play) for sound in o.sounds)


def test_a_key_leads_out_of_the_line_to_the_question() -> None:
    caller = Caller()
    caller.press("1")
    assert caller.told(CallFlowedOut).treatment == "callback"
    assert caller.session.state == "asking"
    assert all(sound_name("en", d) in caller.spoken for d in "138")


def test_the_number_he_calls_from_is_taken_by_one_key_and_he_keeps_his_place() -> None:
    caller = Caller()
    caller.press("1")
    caller.press("1")
    wish = caller.told(CallbackRequested)
    assert (wish.number, wish.entered_at, wish.queue_id) == ("13800138000", NOW, "q")
    assert (wish.of_call, wish.dialled, wish.step, wish.flow) == ("c", "4000", "line", "main")
    caller.heard()
    assert caller.told(Fact) is None
    assert any(isinstance(o, Hangup) for o in caller.out)


def test_another_number_is_typed_read_back_and_confirmed() -> None:
    caller = Caller()
    caller.press("12")
    caller.press("02161234567#")
    assert sound_name("en", "0") in caller.spoken
    assert caller.told(CallbackRequested) is None
    caller.press("1")
    assert caller.told(CallbackRequested).number == "02161234567"


def test_a_number_ends_by_itself_after_a_while_and_a_star_begins_anew() -> None:
    caller = Caller()
    caller.press("12")
    caller.press("999*13900139000")
    caller.silent()
    caller.press("1")
    assert caller.told(CallbackRequested).number == "13900139000"


@pytest.mark.parametrize("number", ["", "0049301234567890123", "4000&x", "99999999"])
def test_who_calls_from_a_number_that_may_not_be_dialled_is_asked_for_one(number: str) -> None:
    caller = Caller(number)
    caller.press("1")
    assert sound_name("en", "1") not in caller.spoken
    caller.press("13900139000#")
    caller.press("1")
    assert caller.told(CallbackRequested).number == "13900139000"


def test_a_typed_number_that_may_not_be_dialled_is_refused_and_asked_for_again() -> None:
    caller = Caller("")
    caller.press("1")
    caller.press("99999999#")
    assert sound_name("en", "Sorry, we cannot call this number.") in caller.spoken
    assert caller.told(CallbackRequested) is None


def test_who_says_nothing_waits_on_at_his_old_place() -> None:
    caller = Caller("")
    caller.press("1")
    for _ in range(6):
        caller.silent()
        if caller.told(CallQueued):
            break
    assert caller.told(CallQueued).since == NOW
    assert any(isinstance(o, StartMusic) for o in caller.out)
    assert caller.session.state == "waiting"


PLACE = Place(
    flow="main",
    flow_version="1",
    step="line",
    language="en",
    queue_id=QueueId("q"),
    entered_at=990.0,
    since=400.0,
    callback=True,
)


def test_a_call_of_ours_stands_in_the_line_at_once_and_hears_no_menu() -> None:
    caller = Caller(origin="callback", place=PLACE)
    queued = caller.told(CallQueued)
    assert (queued.kind, queued.entered_at, queued.since) == ("callback", 990.0, 400.0)
    assert not caller.spoken


def test_without_a_router_nobody_is_left_in_the_fallback_queue_who_is_not_there() -> None:
    caller = Caller(origin="callback", place=PLACE)
    caller.out = caller.session.give_up(now=caller.now)
    assert any(isinstance(o, Hangup) for o in caller.out)


def test_without_a_router_a_customer_who_answered_falls_back() -> None:
    caller = Caller(origin="callback", place=PLACE)
    caller.give(CustomerDialled(at=NOW, call_id=CallId("c"), result="answered"))
    caller.out = caller.session.give_up(now=caller.now)
    assert not any(isinstance(o, Hangup) for o in caller.out)


def test_a_call_of_ours_without_a_place_is_ended() -> None:
    assert any(isinstance(o, Hangup) for o in Caller(origin="callback").out)
