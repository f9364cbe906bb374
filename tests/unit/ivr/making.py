"""Flows and imagined calls for the tests of the IVR."""

from typing import Any, TypeVar

from hotline import commands, facts
from hotline.commands import Play
from hotline.facts import (
    CallAdopted,
    CallArrived,
    CallReturned,
    DigitPressed,
    IvrStepTaken,
    OfferMade,
    Place,
    PlayEnded,
)
from hotline.ids import AgentId, CallId, Extension, LegId, NodeId, OfferId, PlayId, QueueId
from ivr.flow.model import Flow
from ivr.flow.reading import load_flow
from ivr.sessions.session import Session
from ivr.speech.naming import SoundBook

T = TypeVar("T")
NOW = 1_700_000_000.0
CALL = CallId("call-1")
NODE = NodeId("node1")
LENGTH_S = 2.0
"""Of every sound."""

FLOW = """
flow: test
languages: [en, zh]
language: en
start: welcome
steps:
  welcome:
    kind: play
    prompt: [{sound: welcome}]
    next: menu
  menu:
    kind: menu
    prompt: [{sound: choose}]
    keys: {1: sales, 2: code, 3: chinese, 9: bye, 0: given_away}
    retries: 1
    timeout_prompt: [{sound: nothing}]
    invalid_prompt: [{sound: wrong}]
    on_timeout: sales
    on_invalid: bye
  code:
    kind: collect
    prompt: [{sound: code}]
    min_digits: 2
    max_digits: 4
    codes: {"1234": sales, "77": bye}
    retries: 0
    on_timeout: bye
    on_invalid: sales
  chinese:
    kind: language
    set: zh
    next: menu
  sales:
    kind: queue
    queue: sales
    priority: 5
    skills: [german]
    announce: [{say: {en: Please hold, zh: 请稍候}}]
    after: survey
  survey:
    kind: menu
    prompt: [{sound: survey}]
    keys: {1: bye, 2: sales}
    on_timeout: bye
    on_invalid: bye
  bye:
    kind: goodbye
    prompt: [{sound: bye}]
  given_away:
    kind: release
    reason: operator
"""


def flow(text: str = FLOW) -> Flow:
    return load_flow(
        text,
        source="test.yaml",
        known_queues=["sales", "service"],
        known_languages=("en", "zh"),
        known_skills=["german"],
    )


class EveryLength(dict[str, float]):
    """Every sound is as long."""

    def get(self, key: str, default: Any = None) -> Any:
        return LENGTH_S


SOUNDS = SoundBook(seconds=EveryLength())


def arrived(call_id: str = CALL, number: str = "4000") -> CallArrived:
    return CallArrived(at=NOW, call_id=CallId(call_id), node=NODE, leg=LegId("PJSIP/x-1"), number=number)


def adopted(
    phase: Any, place: Place | None = None, *, at: float = NOW, offer: str | None = None, **more: Any
) -> CallAdopted:
    return CallAdopted(
        at=at,
        call_id=CALL,
        node=NODE,
        leg=LegId("PJSIP/x-1"),
        phase=phase,
        number="4000",
        place=place,
        offer_id=OfferId(offer) if offer else None,
        **more,
    )


def offer_made(offer: str, call_id: str = CALL) -> OfferMade:
    return OfferMade(
        at=NOW,
        call_id=CallId(call_id),
        offer_id=OfferId(offer),
        agent_id=AgentId("1001"),
        extension=Extension("1001"),
        queue_id=QueueId("sales"),
        ring_timeout_s=15,
        entered_at=NOW,
    )


class Caller:
    """An imagined call: tells events, keeps what came out."""

    def __init__(self, event: CallArrived | CallAdopted | None = None, *, of: Flow | None = None) -> None:
        self.now = NOW
        self.session, self.last = Session.start(
            event or arrived(), of or flow(), now=NOW, sounds=SOUNDS, music={QueueId("sales"): "jazz"}
        )
        self.all = list(self.last)

    def tell(self, event: object) -> list[Any]:
        self.last = self.session.handle(event, now=self.now)
        self.all += self.last
        return self.last

    def press(self, digits: str) -> list[Any]:
        out: list[Any] = []
        for digit in digits:
            out += self.tell(DigitPressed(at=self.now, call_id=CALL, digit=digit))
        return out

    def play_ends(self, result: Any = "finished", play_id: PlayId | None = None) -> list[Any]:
        """The prompt that was asked for last ends."""
        return self.tell(PlayEnded(at=self.now, call_id=CALL, play_id=play_id or self.playing.play_id, result=result))

    def returned(self, offer: str, *, answered: bool) -> list[Any]:
        return self.tell(CallReturned(at=self.now, call_id=CALL, offer_id=OfferId(offer), answered=answered))

    def offered(self, kind: type[facts.OfferFact], offer: str, **more: Any) -> list[Any]:
        return self.tell(kind(at=self.now, call_id=CALL, offer_id=OfferId(offer), **more))

    def ended(self) -> list[Any]:
        return self.tell(facts.CallEnded(at=self.now, call_id=CALL))

    def refused(self, command: commands.Command, reason: str = "no") -> list[Any]:
        return self.tell(commands.CommandEnded(command=command, outcome=commands.Refused(reason=reason)))

    def deadline_comes(self) -> list[Any]:
        due = self.session.next_deadline()
        assert due is not None
        self.now = max(self.now, due)
        self.last = self.session.wake(now=self.now)
        self.all += self.last
        return self.last

    @property
    def playing(self) -> Play:
        return [o for o in self.all if isinstance(o, Play)][-1]

    def to_menu(self) -> "Caller":
        self.play_ends()
        self.play_ends()
        assert (self.session.step, self.session.state) == ("menu", "listening")
        return self

    def to_queue(self) -> "Caller":
        self.to_menu().press("1")
        self.play_ends()
        assert self.session.state == "waiting"
        return self


def only(outputs: list[Any], kind: type[T]) -> list[T]:
    return [o for o in outputs if isinstance(o, kind)]


def results(outputs: list[Any]) -> list[tuple[str, str]]:
    return [(o.step, o.result) for o in only(outputs, IvrStepTaken)]


def heard(outputs: list[Any]) -> list[tuple[str, ...]]:
    return [o.sounds for o in only(outputs, Play)]
