"""Flows for people: a tree to read, and a walk through one without any phone. Pure.

The walk is the real session fed by an imagined telephone, so that what it shows is what a caller gets.
"""

from collections.abc import Iterable, Iterator, Sequence

from hotline import hours
from hotline.commands import Hangup, Play, Release, StartMusic
from hotline.facts import (
    CallArrived,
    CallEnded,
    CallQueued,
    CallReturned,
    DigitPressed,
    IvrStepTaken,
    OfferAccepted,
    OfferMade,
    OfferTimedOut,
    PlayEnded,
    TalkEnded,
)
from hotline.ids import AgentId, CallId, Extension, LegId, NodeId, OfferId, PlayId
from ivr.flow.model import (
    CollectStep,
    Flow,
    HoursStep,
    LanguageStep,
    MenuStep,
    Prompt,
    QueueStep,
    Say,
    Step,
    exits,
    prompts,
    says,
)
from ivr.sessions.asking import KEYS
from ivr.sessions.call import Output
from ivr.sessions.session import NO_SOUNDS, Session
from ivr.speech.naming import SoundBook, sound_name

IN_LINE = ("answer", "noanswer", "hangup")
"""What can happen to a caller in the line."""
_UNKNOWN_S = 3.0
_RING_S = 5.0
_TALK_S = 60.0


# --- the tree -----------------------------------------------------------------------------------------------------------


def kind(step: Step) -> str:
    """Return the word of a step's kind, as in its file."""
    return type(step).__name__.removesuffix("Step").lower()


def show(flow: Flow) -> str:
    """Return the flow as an indented tree, each step written once."""
    head = f"flow {flow.name}, version {flow.version}, languages {', '.join(flow.languages)} (first {flow.language})"
    return "\n".join([head, *_branch(flow, flow.start, "", 0, set())])


def _branch(flow: Flow, name: str, label: str, depth: int, shown: set[str]) -> Iterator[str]:
    pad = "  " * depth
    way = f"{label} -> " if label else ""
    if name in shown:
        yield f"{pad}{way}{name} (above)"
        return
    shown.add(name)
    step = flow.steps[name]
    yield f"{pad}{way}{name}: {' '.join([kind(step), *_details(step)])}"
    for field, prompt in prompts(step):
        yield from (f"{pad}    {line}" for line in _prompt_lines(field, prompt))
    for leads in exits(step):
        yield from _branch(flow, leads.target, leads.label, depth + 1, shown)


def _details(step: Step) -> list[str]:
    match step:
        case MenuStep():
            return [f"(waits {step.timeout_s:g} s, {step.retries} repetitions)"]
        case CollectStep():
            return [
                f"({step.min_digits} to {step.max_digits} digits, {step.terminator} ends, waits {step.timeout_s:g} s)"
            ]
        case HoursStep():
            return [f"({hours.describe(step.hours)})"]
        case LanguageStep():
            return [step.language]
        case QueueStep():
            levels = dict(step.levels)
            needs = [f"{skill} {levels[skill]}" if skill in levels else skill for skill in step.skills]
            skills = f", needs {', '.join(needs)}" if needs else ""
            return [f"{step.queue_id} (priority {step.priority}{skills})"]
        case _:
            return []


def _prompt_lines(field: str, prompt: Prompt) -> Iterator[str]:
    for item in prompt:
        if isinstance(item, Say):
            yield f"{field} [{item.name}.wav]{' in each language' if item.every else ''}"
            yield from (f"  {language}: {text}" for language, text in item.texts.items())
        else:
            yield f"{field}: sound {item.name}"


# --- the walk -----------------------------------------------------------------------------------------------------------


class Walk:
    """A call of an imagined caller. `lines` grows; `asks` tells what `go` can be told next."""

    def __init__(self, flow: Flow, *, now: float, sounds: SoundBook = NO_SOUNDS) -> None:
        self.lines: list[str] = []
        self._began = self._now = now
        self._sounds = sounds
        self._texts = {
            sound_name(language, text): f"{language} “{text}”"
            for say in says(flow)
            for language, text in say.texts.items()
        }
        self._playing: tuple[PlayId, float] | None = None
        self._queued: CallQueued | None = None
        self._offers = 0
        arrived = CallArrived(
            at=now, call_id=CallId("try"), node=NodeId("try"), leg=LegId("try"), number="0", origin="test"
        )
        self._session, outputs = Session.start(arrived, flow, now=now, sounds=sounds)
        self._tell(outputs)
        self._play_on()

    @property
    def asks(self) -> str:
        """`digits` at a menu, `line` in the line of a queue, empty when the call is over."""
        return {"listening": "digits", "waiting": "line"}.get(self._session.state, "")

    def go(self, word: str) -> str:
        """Let something happen; return what is wrong with `word`, or nothing.

        At a menu: digits, `hangup`, or nothing (time passes). In the line: one of `IN_LINE`.
        """
        if word == "hangup" and self.asks:
            self._note("the caller hangs up")
            self._feed(CallEnded(at=self._now, call_id=CallId("try")))
        elif self.asks == "digits" and set(word) <= KEYS:
            self._type(word)
        elif self.asks == "line" and word in IN_LINE:
            self._in_line(word)
        else:
            return f"`{word}` means nothing here; {self._help()}"
        self._play_on()
        return ""

    def _help(self) -> str:
        return {"digits": "press 0-9 * # or hangup", "line": f"say {', '.join(IN_LINE)}"}.get(
            self.asks, "the call is over"
        )

    def _type(self, digits: str) -> None:
        if not digits:
            self._now = self._session.next_deadline() or self._now
            self._note("the caller presses nothing")
            self._tell(self._session.wake(now=self._now))
        for digit in digits:
            self._note(f"the caller presses {digit}")
            self._feed(DigitPressed(at=self._now, call_id=CallId("try"), digit=digit))

    def _in_line(self, word: str) -> None:
        assert self._queued is not None
        self._offers += 1
        offer = OfferId(f"try-{self._offers}")
        self._note("an agent's phone rings")
        made = OfferMade(
            at=self._now,
            call_id=CallId("try"),
            offer_id=offer,
            agent_id=AgentId("try"),
            extension=Extension("0"),
            queue_id=self._queued.queue_id,
            ring_timeout_s=_RING_S,
            entered_at=self._queued.entered_at,
        )
        self._feed(made)
        self._now += _RING_S
        answered = word == "answer"
        if answered:
            self._note("the agent answers")
            self._feed(OfferAccepted(at=self._now, call_id=CallId("try"), offer_id=offer))
            self._now += _TALK_S
            self._note("the agent hangs up, the caller stays on the line")
            self._feed(TalkEnded(at=self._now, call_id=CallId("try"), offer_id=offer, ended_by="agent"))
        else:
            self._note("the agent does not answer")
            self._feed(OfferTimedOut(at=self._now, call_id=CallId("try"), offer_id=offer))
        self._feed(CallReturned(at=self._now, call_id=CallId("try"), offer_id=offer, answered=answered))

    def _play_on(self) -> None:
        """Let prompts end until something is asked or the call is over."""
        while self._session.state in ("prompting", "announcing") and self._playing is not None:
            play_id, ends_at = self._playing
            self._playing = None
            self._now = ends_at
            self._feed(PlayEnded(at=self._now, call_id=CallId("try"), play_id=play_id, result="finished"))

    def _feed(self, event: object) -> None:
        self._tell(self._session.handle(event, now=self._now))

    def _note(self, text: str) -> None:
        self.lines.append(f"{self._now - self._began:6.1f} s  {text}")

    def _tell(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            match output:
                case Play():
                    self._playing = (output.play_id, self._now + self._sounds.length_s(output.sounds, _UNKNOWN_S))
                    for sound in output.sounds:
                        self._note(f"  plays {self._texts.get(sound, sound)}")
                case IvrStepTaken():
                    self._note(f"[{output.step}] {output.result}")
                case CallQueued():
                    self._queued = output
                    self._note(f"joins the queue {output.queue_id}, priority {output.priority}")
                case StartMusic():
                    self._note(f"  plays music {output.music_class}")
                case Hangup():
                    self._note(f"we hang up ({output.reason})")
                case Release():
                    self._note(f"goes to the fallback queue of Asterisk ({output.reason})")
                case _:
                    """Nothing that a caller notices."""


def walk(flow: Flow, words: Sequence[str], *, now: float, sounds: SoundBook = NO_SOUNDS) -> list[str]:
    """Return the transcript of a call in which `words` happen one after the other; after them the caller does nothing.

    A menu takes digits, `-` (nothing is pressed) or `hangup`; the line takes one of `IN_LINE`. A word that means nothing
    where it comes is told in the transcript.
    """
    trial = Walk(flow, now=now, sounds=sounds)
    for word in words:
        wrong = trial.go("" if word == "-" else word)
        if wrong:
            trial.lines.append(f"          {wrong}")
    while trial.asks == "digits":
        trial.go("")
    if trial.asks == "line":
        trial.lines.append("          the caller waits")
    return trial.lines
