"""One call in its flow: what happens next when something happened. Pure: records and `now` in, facts and commands out.

It decides prompts, digits, branches, the entry into a queue and what comes after the conversation. It does not decide who
answers (acd) nor where the caller is inside Asterisk (telephony). `TABLE` says what may happen in which state; whatever it
does not list, and every answer to an older prompt or offer, is a legal no-op that is counted in `ignored`.

    prompting <-> listening        a prompt of the flow plays; its input timer runs
    announcing -> waiting          in the line of a queue: the announcement plays; music plays
    ringing -> talking             an offer rings, the agent talks: the caller is not in our hands, nothing is sent
    treated <-> outside            out of the line: see `treatments`
    asking                         where he wants to be called back: see `callback`
    leaving -> ended               Hangup or Release was sent; the call is over (an offer that was on its way can overtake)

Nobody hears silence for more than five seconds: each prompt has a deadline from its known length, so that a lost
`PlayEnded` delays nothing, and music that could not be started is tried again.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Self

from hotline.commands import CommandEnded, DialOut, Done, Hangup, Play, RecordMessage, Refused, Release, StartMusic
from hotline.facts import (
    OFFER_ENDINGS,
    AnnouncementDue,
    CallAdopted,
    CallArrived,
    CallCameBack,
    CallEnded,
    CallerIdentified,
    CallFellBack,
    CallFlowedOut,
    CallPriorityChanged,
    CallResumed,
    CallReturned,
    CustomerDialled,
    DigitPressed,
    OfferAccepted,
    OfferMade,
    OutgoingAnswered,
    PlayEnded,
    TalkEnded,
    TransferCompleted,
    WaitEstimated,
)
from hotline.ids import CallId, NodeId, QueueId
from ivr.flow.model import Flow
from ivr.instead import callback, handed_on, treatments
from ivr.instead.means import NO_MEANS, Means
from ivr.line import comfort, waiting
from ivr.sessions import walk
from ivr.sessions.call import Call, Output, State
from ivr.speech.naming import SoundBook

NO_SOUNDS = SoundBook()
NO_MUSIC: Mapping[QueueId, str] = {}


class Session:
    """The position of one call in its flow. Made by `start`; then `handle` each event and `wake` at `next_deadline`."""

    def __init__(self, call: Call) -> None:
        self._call = call

    @classmethod
    def start(
        cls,
        event: CallArrived | CallAdopted,
        flow: Flow,
        *,
        now: float,
        sounds: SoundBook = NO_SOUNDS,
        music: Mapping[QueueId, str] = NO_MUSIC,
        means: Means = NO_MEANS,
        router: bool = True,
    ) -> tuple[Self, list[Output]]:
        """Return the session of a call that arrived or was adopted (not in the fallback queue), and what to do first.

        `sounds` tells how long prompts play and what replaces missing ones; `music` the music class of each queue; `means` what
        there is for those who do not wait on; `router`, here and below, whether there is a router: without one nobody is left
        in a line.
        """
        session = cls(Call(event, flow, sounds, music, now))
        session._call.router, session._call.means = router, means
        if isinstance(event, CallAdopted):
            waiting.adopt(session._call, event)
        elif event.origin == "callback":
            waiting.called(session._call, event)
        else:
            walk.enter(session._call, flow.start)
        return session, session._take()

    def handle(self, event: object, *, now: float, router: bool = True) -> list[Output]:
        """Return what follows from `event`, in the order in which it shall be done."""
        self._call.now, self._call.router = now, router
        TABLE[self.state].get(type(event), Call.ignore)(self._call, event)
        return self._take()

    def next_deadline(self) -> float | None:
        """Return when `wake` wants to be called."""
        return self._call.deadline

    def wake(self, *, now: float, router: bool = True) -> list[Output]:
        """Return what is due at `now`."""
        call = self._call
        if call.deadline is None or now < call.deadline:
            return []
        call.now, call.router = now, router
        call.deadline = None
        DUE[call.state](call)
        return self._take()

    def give_up(self, *, now: float) -> list[Output]:
        """Return how a caller who waits in a line (see `waiting_since`) leaves it for the fallback queue."""
        if self.waiting_since is None:
            return []
        self._call.now = now
        self._call.give_up()
        return self._take()

    def _take(self) -> list[Output]:
        out, self._call.out = self._call.out, []
        return out

    @property
    def call_id(self) -> CallId:
        """The call."""
        return self._call.call_id

    @property
    def node(self) -> NodeId:
        """The Asterisk that holds the call."""
        return self._call.node

    @property
    def state(self) -> State:
        """What the call does; `ended` is final."""
        return self._call.state

    @property
    def waiting_since(self) -> float | None:
        """When a caller who is in a line, and in our hands, entered it; None for all others."""
        call = self._call
        return call.stay.entered_at if call.state in ("announcing", "waiting") and call.stay is not None else None

    @property
    def step(self) -> str:
        """The present step of the flow."""
        return self._call.step

    @property
    def language(self) -> str:
        """What is spoken."""
        return self._call.language

    @property
    def ignored(self) -> Counter[str]:
        """What came late, twice, or for something else: event -> times."""
        return self._call.ignored

    @property
    def limits(self) -> Counter[str]:
        """Limits that were reached -> times."""
        return self._call.limits


def _end(call: Call, event: object) -> None:
    if call.state in ("prompting", "listening") and isinstance(event, CallEnded):
        call.tell("hungup")
    call.state = "ended"
    call.deadline = None


def _command_ended(call: Call, event: CommandEnded) -> None:
    """A refused prompt is over; music and farewells are tried again. An unknown prompt may play: its deadline will tell."""
    if isinstance(event.outcome, Done):
        call.retries = 0
        return
    match event.command:
        case Play(play_id=play_id) if play_id == call.play_id and isinstance(event.outcome, Refused):
            _PLAY_FAILED.get(call.state, walk.prompt_failed)(call)
        case RecordMessage() | DialOut() if call.state == "outside":
            if isinstance(event.outcome, Refused):
                treatments.outside_refused(call)
            else:
                treatments.outside_unknown(call)
        case StartMusic() if call.state == "waiting":
            call.try_again()
        case (Hangup() | Release()) as leave if leave == call.leave:
            call.try_again()
        case _:
            call.ignore(event)


_PLAY_FAILED: Mapping[State, Callable[[Call], None]] = {"treated": treatments.say_failed, "asking": callback.due}


def _leave_again(call: Call) -> None:
    assert call.leave is not None
    call.out.append(call.leave)


Reaction = Callable[[Call, Any], None]

_ALWAYS: Mapping[type, Reaction] = {
    CallEnded: _end,
    CallFellBack: _end,
    CallAdopted: waiting.adopted_again,
    CallerIdentified: walk.learn_language,
    CommandEnded: _command_ended,
}
_IN_LINE: Mapping[type, Reaction] = {
    **_ALWAYS,
    OfferMade: waiting.offered,
    OfferAccepted: waiting.offered,
    CallReturned: waiting.returned,
    CallFlowedOut: waiting.flowed_out,
    CallResumed: treatments.resumed,
    CallPriorityChanged: treatments.prioritised,
    WaitEstimated: comfort.learn,
    CustomerDialled: waiting.met,
}

TABLE: Mapping[State, Mapping[type, Reaction]] = {
    "prompting": {**_ALWAYS, DigitPressed: walk.pressed, PlayEnded: walk.played},
    "listening": {**_ALWAYS, DigitPressed: walk.pressed},
    "announcing": {
        **_IN_LINE,
        PlayEnded: walk.played,
        AnnouncementDue: treatments.announced,
        DigitPressed: comfort.pressed,
    },
    "waiting": {**_IN_LINE, AnnouncementDue: treatments.announced, DigitPressed: comfort.pressed},
    "ringing": {**_IN_LINE, **dict.fromkeys(OFFER_ENDINGS, waiting.offer_over)},
    "talking": {
        **_ALWAYS,
        CallReturned: waiting.returned,
        TalkEnded: waiting.offer_over,
        TransferCompleted: handed_on.led_on,
    },
    "treated": {
        **_ALWAYS,
        PlayEnded: treatments.said,
        OutgoingAnswered: treatments.answered,
        OfferMade: waiting.offered,
        OfferAccepted: waiting.offered,
    },
    "asking": {
        **_ALWAYS,
        DigitPressed: callback.pressed,
        PlayEnded: callback.played,
        OfferMade: waiting.offered,
        OfferAccepted: waiting.offered,
    },
    "outside": {**_ALWAYS, CallCameBack: treatments.came_back},
    "leaving": {
        CallEnded: _end,
        CallFellBack: waiting.fell_back,
        CommandEnded: _command_ended,
        OfferMade: waiting.offered,
        OfferAccepted: waiting.offered,
    },
    "ended": {},
}
"""State -> event -> what follows. What is not listed changes nothing."""

DUE: Mapping[State, Callable[[Call], None]] = {
    "prompting": walk.prompt_due,
    "listening": walk.listened,
    "announcing": walk.prompt_due,
    "waiting": comfort.due,
    "ringing": waiting.ring_due,
    "talking": waiting.talk_due,
    "treated": treatments.said_due,
    "asking": callback.due,
    "outside": treatments.outside_due,
    "leaving": _leave_again,
}
"""State -> what its deadline means."""
