"""Random flows and random lives of a call: late, repeated, missing and foreign events.

A small model of the telephone knows what the caller hears. Whatever happens, no session raises, none sends a command after the
end of its call, and nobody hears silence for more than five seconds while he is in our hands.
"""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.commands import (
    Command,
    CommandEnded,
    DialOut,
    Done,
    Hangup,
    Play,
    RecordMessage,
    Refused,
    Release,
    Remember,
    StartMusic,
    Unknown,
)
from hotline.dialling import Policy
from hotline.facts import (
    AnnouncementDue,
    CallAdopted,
    CallArrived,
    CallCameBack,
    CallEnded,
    CallerIdentified,
    CallFlowedOut,
    CallQueued,
    CallReturned,
    DigitPressed,
    OfferAccepted,
    OfferFailed,
    OfferMade,
    OfferTimedOut,
    OutgoingAnswered,
    OutgoingAsked,
    PlayEnded,
    TalkEnded,
    WaitEstimated,
)
from hotline.ids import AgentId, CallId, CustomerId, Extension, LegId, NodeId, OfferId, PlayId, QueueId
from hotline.settings.queues import Comfort
from ivr.flow.model import Flow
from ivr.flow.reading import load_flow
from ivr.instead.means import Means
from ivr.sessions.session import Session
from ivr.speech.naming import SoundBook

NOW = 1_700_000_000.0
CALL = CallId("call")
OUTBOUND = Policy(trunk=True, allow=("13",))
SILENCE_LIMIT_S = 5.0
LENGTHS_S = {f"s{n}": n / 2 for n in range(1, 12)}
TERMINALS = {
    "bye": {"kind": "goodbye", "prompt": [{"sound": "s3"}]},
    "off": {"kind": "hangup"},
    "away": {"kind": "release"},
}
KEYS = "0123456789*#"


# --- random flows: passive exits lead forward only, so that the flow is good by construction

prompts = st.lists(st.sampled_from(sorted(LENGTHS_S)), min_size=1, max_size=3).map(
    lambda names: [{"sound": n} for n in names]
)


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    count = draw(st.integers(1, 7))
    names = [f"n{i}" for i in range(count)]
    steps = {name: _step(draw, names, i) for i, name in enumerate(names)}
    steps |= TERMINALS
    text = json.dumps({"flow": "random", "start": "n0", "steps": _reachable(steps)})
    return load_flow(text, source="random", known_queues=["q"], known_languages=("en", "zh"))


def _step(draw: st.DrawFn, names: list[str], i: int) -> dict[str, Any]:
    onward = st.sampled_from([*names[i + 1 :], *TERMINALS])
    anywhere = st.sampled_from([*names, *TERMINALS])
    following = names[i + 1] if i + 1 < len(names) else "bye"
    asking = {
        "prompt": draw(prompts),
        "timeout_s": draw(st.sampled_from([1, 2.5, 4, 4.5])),
        "retries": draw(st.integers(0, 3)),
        "on_timeout": draw(onward),
        "on_invalid": draw(anywhere),
    }
    kinds: dict[str, dict[str, Any]] = {
        "play": {"prompt": draw(prompts), "next": following, "interrupt": draw(st.booleans())},
        "menu": {**asking, "keys": {"1": following, draw(st.sampled_from(KEYS[1:].replace("1", ""))): draw(anywhere)}},
        "collect": {**asking, "min_digits": 1, "max_digits": 3, "codes": {"12": following, "345": draw(anywhere)}},
        "hours": {
            "weekly": draw(st.sampled_from(["always", {"mon": "00:00-00:01"}])),
            "open": following,
            "closed": draw(onward),
        },
        "language": {"set": draw(st.sampled_from(["en", "zh"])), "next": following},
        "queue": {"queue": "q", "announce": draw(prompts) if draw(st.booleans()) else [], "after": following},
    }
    kind = draw(st.sampled_from([*sorted(kinds), "queue", "menu"] if i else ["queue", "queue", "menu", "play"]))
    return {"kind": kind, **kinds[kind]}


def _reachable(steps: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found: list[str] = []
    waiting = ["n0"]
    while waiting:
        name = waiting.pop()
        if name in steps and name not in found:
            found.append(name)
            step = steps[name]
            waiting += [
                str(v) for k, v in step.items() if k in ("next", "on_timeout", "on_invalid", "open", "closed", "after")
            ]
            waiting += [*step.get("keys", {}).values(), *step.get("codes", {}).values()]
    return {name: steps[name] for name in found}


# --- the model of the telephone


class Lengths(dict[str, float]):
    """How long every sound plays: those of the flow as it says, the parts of comfort two seconds each."""

    def get(self, key: str, default: Any = None) -> Any:
        return LENGTHS_S.get(key, 2.0)


class Telephone:
    """What the caller hears, and a session that is told about it."""

    def __init__(self, flow: Flow, means: Means | None = None) -> None:
        self.now = NOW
        self.play: Play | None = None
        self.play_ends_at = 0.0
        self.music = False
        self.away = False
        """With an agent, or on the way."""
        self.outside = False
        """Led by the dialplan: he leaves a message, or talks with a number outside."""
        self.ended = False
        self.left = False
        self.quiet_since = NOW
        self.commands: list[Command] = []
        self.plays: list[PlayId] = []
        self.told: list[object] = []
        self.offers = 0
        self.router = True
        self.queued: tuple[QueueId, float] | None = None
        self.asked: OutgoingAsked | None = None
        self.granted = False
        arrived = CallArrived(at=NOW, call_id=CALL, node=NodeId("n"), leg=LegId("l"), number="4000")
        self.session, out = Session.start(
            arrived, flow, now=NOW, sounds=SoundBook(seconds=Lengths()), means=means or Means(outbound=OUTBOUND)
        )
        self.perform(out)

    def perform(self, outputs: list[Any]) -> None:
        for output in outputs:
            if isinstance(output, CallQueued):
                self.queued = output.queue_id, output.entered_at
            if isinstance(output, OutgoingAsked):
                self.asked, self.granted = output, False
            if isinstance(output, DialOut):
                assert self.granted, "dialled without leave"
            if not isinstance(output, Command):
                continue
            assert not self.ended, f"{output} after the end of the call"
            assert not self.away or isinstance(output, Remember), f"{output} while the caller is with an agent"
            self.commands.append(output)
            match output:
                case Play():
                    assert output.sounds
                    self.hears()
                    self.plays.append(output.play_id)
                    self.play = output
                    self.play_ends_at = self.now + sum(Lengths().get(s) for s in output.sounds)
                    self.music = False
                case StartMusic():
                    self.hears()
                    self.music = True
                    self.play = None
                case RecordMessage() | DialOut():
                    self.hears()
                    self.falls_silent()
                    self.outside = True
                case Hangup() | Release():
                    self.left = True

    def hears(self) -> None:
        """Something is played from now on: the silence before must have been bearable."""
        self.check_silence()
        if self.sounding:
            self.quiet_since = self.now

    def check_silence(self) -> None:
        if not (self.sounding or self.away or self.outside or self.ended or self.left):
            assert self.now - self.quiet_since <= SILENCE_LIMIT_S + 1e-6, f"silence of {self.now - self.quiet_since} s"

    @property
    def sounding(self) -> bool:
        return self.music or self.play is not None

    def falls_silent(self) -> None:
        self.play = None
        self.music = False
        self.quiet_since = self.now

    def tell(self, event: object) -> None:
        self.told.append(event)
        self.perform(self.session.handle(event, now=self.now, router=self.router))
        self.check_line()

    def find_router(self, there: bool) -> None:
        """A router is heard again, or none any more: as the service does, whoever waits then is given up."""
        self.router = there
        if not there:
            self.perform(self.session.give_up(now=self.now))
        self.check_line()

    def check_line(self) -> None:
        assert self.router or self.session.waiting_since is None, "waits although nobody will ever come"

    def pass_time(self, *, lose: bool = False) -> bool:
        """Go on to the next thing that happens by itself; return whether there was one. `lose` loses the news of a prompt's end."""
        due = self.session.next_deadline()
        if self.play is not None and not self.away and (due is None or self.play_ends_at <= due):
            self.now = max(self.now, self.play_ends_at)
            play = self.play
            self.falls_silent()
            if not lose:
                self.tell(PlayEnded(at=self.now, call_id=CALL, play_id=play.play_id, result="finished"))
            return True
        if due is None:
            assert self.sounding or self.away or self.outside or self.ended or self.left, "silence for ever"
            return False
        self.now = max(self.now, due)
        self.check_silence()
        self.perform(self.session.wake(now=self.now, router=self.router))
        self.check_line()
        return True

    def press(self, digit: str, *, digit_first: bool) -> None:
        stopped = None
        if self.play is not None and digit in self.play.interrupt and not self.away:
            stopped = PlayEnded(at=self.now, call_id=CALL, play_id=self.play.play_id, result="interrupted")
            self.falls_silent()
        if not self.sounding:
            self.quiet_since = self.now  # the caller is busy, not waiting
        pressed = DigitPressed(at=self.now, call_id=CALL, digit=digit)
        for event in [pressed, stopped] if digit_first else [stopped, pressed]:
            if event is not None:
                self.tell(event)

    def made(self) -> OfferId:
        self.offers += 1
        offer = OfferId(f"o{self.offers}")
        self.tell(
            OfferMade(
                at=self.now,
                call_id=CALL,
                offer_id=offer,
                agent_id=AgentId("a"),
                extension=Extension("1"),
                queue_id=QueueId("q"),
                ring_timeout_s=15,
                entered_at=self.now,
            )
        )
        return offer

    def offer(self, how: str) -> None:
        """A whole offer, from the router's decision to the caller's return."""
        if self.session.state not in ("announcing", "waiting"):
            return
        offer = self.made()
        ids = {"at": self.now, "call_id": CALL, "offer_id": offer}
        if how == "not_rung":  # the caller never left us, and only the end of the offer is told
            self.tell(OfferFailed(**ids, reason="refused"))  # type: ignore[arg-type]
            return
        self.away = True
        self.falls_silent()
        if how in ("answered", "return_lost", "talk_only"):
            self.tell(OfferAccepted(**ids))  # type: ignore[arg-type]
        self.now += 7
        self.quiet_since = self.now
        if how == "unanswered":
            self.tell(OfferTimedOut(**ids))  # type: ignore[arg-type]
        elif how != "talk_only":
            self.tell(TalkEnded(**ids))  # type: ignore[arg-type]
        self.away = False
        if how != "return_lost":
            self.tell(CallReturned(at=self.now, call_id=CALL, offer_id=offer, answered=how != "unanswered"))

    def flow_out(self, treatment: str, announce: str) -> None:
        """The router lets him out of the line he is in, or was in: it may not have heard yet."""
        if self.queued is None:
            return
        queue_id, entered_at = self.queued
        ids: dict[str, Any] = {"at": self.now, "call_id": CALL, "queue_id": queue_id, "entered_at": entered_at}
        self.tell(CallFlowedOut(**ids, reason="overflow", treatment=treatment, announce=announce))

    def come_back(self, result: Any) -> None:
        """The dialplan brings him back."""
        if self.outside and not self.left:
            self.outside = False
            self.quiet_since = self.now
            errand: Any = "message" if self.now % 2 < 1 else "number"
            self.tell(CallCameBack(at=self.now, call_id=CALL, errand=errand, result=result))

    def answer(self, refusal: str) -> None:
        """The router says whether his number may be dialled, if it was asked."""
        if self.asked is not None:
            self.granted = self.granted or not refusal
            self.tell(OutgoingAnswered(at=self.now, call_id=CALL, number=self.asked.number, refusal=refusal))

    def announce(self) -> None:
        """The router has something said to him."""
        if self.queued is not None:
            self.tell(AnnouncementDue(at=self.now, call_id=CALL, queue_id=self.queued[0], name="emergency"))

    def refuse(self, outcome: Any) -> None:
        """The last command comes to nothing. (Music is refused once: what is refused for ever cannot be heard.)"""
        if not self.commands or self.away or self.left:
            return
        command = self.commands[-1]
        if isinstance(command, RecordMessage | DialOut):
            self.outside = self.outside and not isinstance(outcome, Refused)
            self.quiet_since = self.now
        if isinstance(command, Play) and self.play is command and isinstance(outcome, Refused):
            self.play = None
            self.quiet_since = self.play_began(command)
        elif isinstance(command, StartMusic) and self.music and not isinstance(outcome, Done):
            self.falls_silent()
        self.tell(CommandEnded(command=command, outcome=outcome))

    def play_began(self, play: Play) -> float:
        """A refused prompt was never heard: the silence began before it."""
        return min(self.quiet_since, self.play_ends_at - sum(Lengths().get(s) for s in play.sounds))

    def stale(self, choice: int) -> None:
        """News of long ago, of something else, or once more."""
        foreign: list[object] = [
            PlayEnded(at=self.now, call_id=CALL, play_id=PlayId("foreign"), result="finished"),
            OfferTimedOut(at=self.now, call_id=CALL, offer_id=OfferId("foreign")),
            TalkEnded(at=self.now, call_id=CALL, offer_id=OfferId("foreign")),
            CallerIdentified(at=self.now, call_id=CALL, customer_id=CustomerId("c"), name="N", language="zh"),
        ]
        if len(self.plays) > 1:
            foreign.append(PlayEnded(at=self.now, call_id=CALL, play_id=self.plays[-2], result="interrupted"))
        again = [e for e in self.told if isinstance(e, CallReturned | PlayEnded | CallAdopted)]
        foreign += again[-3:]
        self.tell(foreign[choice % len(foreign)])

    def estimate(self, position: int, calibrated: bool) -> None:
        """The router tells how long it will take; for somebody who waits elsewhere, or nowhere, it is foreign."""
        waits = WaitEstimated(
            at=self.now, call_id=CALL, queue_id=QueueId("q"), position=position, p50_s=60.0 * position,
            p90_s=130.0 * position, calibrated=calibrated,
        )  # fmt: skip
        self.tell(waits)

    def adopt(self) -> None:
        self.tell(
            CallAdopted(at=self.now, call_id=CALL, node=NodeId("n"), leg=LegId("l"), phase="session", number="4000")
        )

    def end(self) -> None:
        self.perform(self.session.handle(CallEnded(at=self.now, call_id=CALL), now=self.now))
        self.ended = True


actions = st.one_of(
    st.tuples(st.just("time"), st.booleans()),
    st.tuples(st.just("time"), st.just(False)),
    st.tuples(st.just("press"), st.sampled_from(KEYS + "A"), st.booleans()),
    st.tuples(st.just("stale"), st.integers(0, 9)),
    st.tuples(st.just("offer"), st.sampled_from(["answered", "unanswered", "return_lost", "talk_only", "not_rung"])),
    st.tuples(st.just("refuse"), st.just(Refused(reason="no"))),
    st.tuples(st.just("refuse"), st.sampled_from([Refused(reason="no"), Unknown(reason="late"), Done()])),
    st.tuples(st.just("adopt")),
    st.tuples(st.just("router"), st.booleans()),
    st.tuples(
        st.just("flow_out"),
        st.sampled_from(
            ["hang_up", "fallback", "voicemail", "announce:closed", "queue:other", "number:139", "number:7"]
        ),
        st.sampled_from(["", "emergency"]),
    ),
    st.tuples(st.just("back"), st.sampled_from(["done", "failed", "unknown"])),
    st.tuples(st.just("announce")),
    st.tuples(st.just("answer"), st.sampled_from(["", "", "too_many_at_once"])),
)


def act(phone: Telephone, action: tuple[Any, ...]) -> None:
    match action:
        case ("time", bool(lose)):
            phone.pass_time(lose=lose)
        case ("press", str(digit), bool(digit_first)):
            phone.press(digit, digit_first=digit_first)
        case ("stale", int(choice)):
            phone.stale(choice)
        case ("offer", str(how)):
            phone.offer(how)
        case ("refuse", outcome):
            phone.refuse(outcome)
        case ("adopt",):
            phone.adopt()
        case ("estimate", int(position), bool(calibrated)):
            phone.estimate(position, calibrated)
        case ("router", bool(there)):
            phone.find_router(there)
        case _:
            act_for_the_router(phone, action)


def act_for_the_router(phone: Telephone, action: tuple[Any, ...]) -> None:
    match action:
        case ("flow_out", str(treatment), str(announce)):
            phone.flow_out(treatment, announce)
        case ("back", result):
            phone.come_back(result)
        case ("announce",):
            phone.announce()
        case ("answer", str(refusal)):
            phone.answer(refusal)
        case _:
            raise AssertionError(action)


def until_settled(phone: Telephone) -> None:
    """Let time pass until nothing more happens by itself."""
    for _ in range(200):
        if phone.left or phone.ended or not phone.pass_time():
            return
    raise AssertionError("it does not settle")


@settings(max_examples=300, deadline=None)
@given(
    flow=flows(),
    in_line=st.booleans(),
    life=st.lists(actions, min_size=10, max_size=30),
    end_at=st.none() | st.integers(0, 29),
)
def test_whatever_happens_no_session_fails_speaks_to_the_dead_or_leaves_anybody_in_silence(
    flow: Flow, in_line: bool, life: list[tuple[Any, ...]], end_at: int | None
) -> None:
    phone = Telephone(flow)
    if in_line:
        until_settled(phone)
    for turn, action in enumerate(life):
        if turn == end_at:
            phone.end()
        act(phone, action)
        phone.check_silence()
    until_settled(phone)
    if phone.ended:
        assert phone.session.state == "ended"
        assert phone.session.next_deadline() is None


@settings(max_examples=200, deadline=None)
@given(flow=flows(), losses=st.lists(st.booleans(), min_size=40, max_size=40))
def test_a_caller_who_does_nothing_reaches_a_queue_or_the_end_in_bounded_time(flow: Flow, losses: list[bool]) -> None:
    phone = Telephone(flow)
    for turn in range(200):
        if phone.session.state in ("waiting", "leaving"):
            break
        assert phone.pass_time(lose=losses[turn % len(losses)]), phone.session.state
    assert phone.session.state in ("waiting", "leaving")
    assert phone.music or phone.left
    assert phone.left == (phone.session.step in TERMINALS)
    assert phone.now - NOW < 7 * 4 * (33 + 5)


@settings(max_examples=100, deadline=None)
@given(flow=flows(), life=st.lists(actions, min_size=5, max_size=30))
def test_a_call_never_queues_twice_for_one_stay(flow: Flow, life: list[tuple[Any, ...]]) -> None:
    phone = Telephone(flow)
    queued: list[float] = []
    perform = phone.perform

    def watched(outputs: list[Any]) -> None:
        queued.extend(o.entered_at for o in outputs if isinstance(o, CallQueued))
        perform(outputs)

    phone.perform = watched  # type: ignore[method-assign]
    for action in life:
        before = (phone.session.state, len(queued))
        act(phone, action)
        if before[0] in ("announcing", "waiting") and action[0] in ("adopt", "refuse", "stale", "time"):
            assert len(queued) == before[1], action


comforts = st.builds(
    Comfort,
    first_after_s=st.sampled_from([1, 5, 20]),
    every_s=st.sampled_from([5, 17, 45]),
    position=st.booleans(),
    expected_wait=st.booleans(),
    messages=st.sampled_from([(), ("thanks",), ("busy", "nonsense", "stay")]),
    keys=st.sampled_from([{}, {"1": "hang_up"}, {"2": "queue:q"}, {"3": "fallback", "4": "announce:closed"}]),
)
waiting = st.one_of(actions, st.tuples(st.just("estimate"), st.integers(1, 120), st.booleans()))


@settings(max_examples=200, deadline=None)
@given(
    flow=flows(),
    comfort=comforts,
    grace_s=st.sampled_from([0.0, 0.15]),
    life=st.lists(waiting, min_size=10, max_size=40),
)
def test_whatever_is_said_to_those_who_wait_nobody_is_left_in_silence_or_spoken_to_while_an_agent_has_him(
    flow: Flow, comfort: Comfort, grace_s: float, life: list[tuple[Any, ...]]
) -> None:
    phone = Telephone(flow, Means(comfort={QueueId("q"): comfort}, grace_s=grace_s))
    for _ in range(60):  # into the line, where there is one
        if phone.left or phone.ended or phone.session.state == "waiting" or not phone.pass_time():
            break
    for action in life:
        if phone.left or phone.ended:
            break
        act(phone, action)
        phone.check_silence()
    for _ in range(50):
        if phone.left or phone.ended or not phone.pass_time():
            break
        phone.check_silence()
