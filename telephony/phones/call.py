"""One call as a phone sees it: its states, waiting for them, and what the person at the phone can do."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import structlog

from hotline.errors import Rejected, Unavailable
from hotline.runtime.clock import Clock
from telephony.phones import wire
from telephony.phones.sipp import SippProcess
from telephony.phones.sounds import DIGIT_S, digit_file, tone_file

State = Literal["waiting", "calling", "ringing", "talking", "over"]
"""`waiting`: not placed yet; `talking`: answered (by a menu or by a person)."""

BETWEEN_DIGITS_S = 0.1
WAIT_S = 15.0
_NUMBER = re.compile(r"<sips?:([0-9+*#]+)@")
HANG_UP_AGAIN_S = 0.5
"""SIPp drops a request of ours that reaches it in the very moment in which it is about to send; so hanging up insists."""

log = structlog.get_logger(__name__)
_ORDER: tuple[State, ...] = ("waiting", "calling", "ringing", "talking", "over")
_STATE_AFTER: dict[wire.Kind, State] = {
    "calling": "calling",
    "ringing": "ringing",
    "answered": "talking",
    "refused": "over",
    "over": "over",
    "referred": "talking",
}


@dataclass(frozen=True, kw_only=True)
class CallResult:
    """How a call went, as SIP showed it to this phone."""

    answered: bool
    code: int
    """200 when answered, else the response that refused it (487: taken back before an answer); 0 when it broke off."""
    ended_by: Literal["us", "them", "nobody"]
    """Who hung up or refused; nobody: the phone was switched off or its SIPp died."""
    waited_s: float
    """From the call (a caller) or the first ring (a seat) to the answer or the end."""
    talked_s: float


class PhoneCall:
    """A call at a synthetic phone. Waiting for a state that can no longer come raises Rejected; a time-out raises Unavailable."""

    def __init__(
        self, key: str, process: SippProcess, clock: Clock, *, tone_hz: int | None, incoming_id: str | None = None
    ) -> None:
        self.key = key
        self.call_id = incoming_id or ""
        self.code = 0
        self.ended_by: Literal["us", "them", "nobody"] = "nobody"
        self.refer_code = 0
        """At a seat: how Asterisk answered its last `refer`."""
        self.remote_header = ""
        """At a seat: the From header of the caller, as shown to the seat."""
        self.at: dict[State, float] = {}
        """When each state was reached."""
        self._process = process
        self._clock = clock
        self._tone_hz = tone_hz
        self._incoming = incoming_id is not None
        self._leaving = False
        self._refusal: wire.Verb = "REJECT-480"
        self._changed = asyncio.Event()
        self._state: State = "waiting"

    @property
    def state(self) -> State:
        """The present state."""
        return self._state

    @property
    def answered(self) -> bool:
        """Whether the call was ever answered."""
        return "talking" in self.at

    @property
    def remote_number(self) -> str:
        """At a seat: the caller's number in `remote_header`, empty when there is none."""
        found = _NUMBER.search(self.remote_header)
        return found.group(1) if found else ""

    def note(self, event: wire.Event) -> None:
        """Take an event of SIPp into account."""
        self.call_id = event.call_id
        if event.kind == "ringing":
            self.remote_header = event.detail
        if event.kind == "refused":
            self.code = int(event.detail)
            self.ended_by = "us" if self._leaving else "them"
        if event.kind == "over":
            self.ended_by = "us" if event.detail == "us" else "them"
        if event.kind == "referred":
            self.refer_code = int(event.detail)
            self._changed.set()
            self._changed = asyncio.Event()
        if event.kind == "answered":
            self.code = 200
        self._enter(_STATE_AFTER[event.kind])
        if event.kind == "answered":
            self.hang_up() if self._leaving else self.play(self._tone_hz)

    def lost(self) -> None:
        """Note that the phone is gone."""
        self._enter("over")

    def _enter(self, state: State) -> None:
        if _ORDER.index(state) <= _ORDER.index(self._state):
            return
        self._state = state
        self.at[state] = self._clock.now()
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for(self, state: State, timeout_s: float = WAIT_S) -> None:
        """Wait until `state` has been reached."""
        try:
            async with asyncio.timeout(timeout_s):
                while state not in self.at and self._state != "over":
                    await self._wait_change()
        except TimeoutError as exc:
            raise Unavailable(f"phone {self.key}: still {self._state} after {timeout_s:g} s, not {state}") from exc
        if state not in self.at:
            raise Rejected(
                "over", f"phone {self.key}: the call ended ({self.code}, {self.ended_by}) before it was {state}"
            )

    async def _wait_change(self) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), HANG_UP_AGAIN_S)
        except TimeoutError:
            if self._leaving:
                self.hang_up()

    async def wait_ringing(self, timeout_s: float = WAIT_S) -> None:
        """Wait until the other side rings (a caller; skipped by a menu that answers at once)."""
        await self.wait_for("ringing", timeout_s)

    async def wait_answered(self, timeout_s: float = WAIT_S) -> None:
        """Wait until somebody or something answers."""
        await self.wait_for("talking", timeout_s)

    async def finished(self, timeout_s: float = WAIT_S) -> CallResult:
        """Wait for the end, whoever brings it, and return how the call went."""
        await self.wait_for("over", timeout_s)
        return self.result()

    def result(self) -> CallResult:
        """Return how the call went so far."""
        begun = min(self.at.values(), default=0.0)
        end = self.at.get("over", self._clock.now())
        answer = self.at.get("talking", end)
        return CallResult(
            answered=self.answered,
            code=self.code,
            ended_by=self.ended_by,
            waited_s=max(answer - begun, 0.0),
            talked_s=end - answer,
        )

    def answer(self) -> None:
        """Pick up (a seat)."""
        self._tell("ANSWER")

    def reject(self, code: Literal[480, 486, 603] = 486) -> None:
        """Press "reject" (a seat)."""
        self._leaving = True
        verb: dict[int, wire.Verb] = {480: "REJECT-480", 486: "REJECT-486", 603: "REJECT-603"}
        self._refusal = verb[code]
        self._tell(self._refusal)

    def hang_up(self) -> None:
        """Hang up now; before an answer, a caller takes the call back and a seat rejects it."""
        if self._incoming and self._state == "ringing":
            self._leaving = True
            self._tell(self._refusal)
        elif self._state != "over":
            self._leaving = True
            self._tell("HANGUP")

    def hold(self) -> None:
        """Put the other side on hold (a seat, once in a call)."""
        self._tell("HOLD")

    def unhold(self) -> None:
        """Take it back."""
        self._tell("UNHOLD")

    async def refer(self, number: str, timeout_s: float = WAIT_S) -> int:
        """Press "transfer" (a seat, once in a call): ask Asterisk to hand the other side on to a number. Returns its answer's code.

        Raises Rejected when the call ends without one, TimeoutError when neither comes.
        """
        self.refer_code = 0
        self._tell("TRANSFER", number)
        async with asyncio.timeout(timeout_s):
            while not self.refer_code and self._state != "over":
                await self._wait_change()
        if not self.refer_code:
            raise Rejected("over", f"phone {self.key}: the call ended before its transfer was answered")
        return self.refer_code

    async def press(self, digits: str) -> None:
        """Press keys, one after another; the phone's tone pauses while a key is down."""
        for key in digits:
            self._tell("DIGIT", digit_file(key))
            await asyncio.sleep(DIGIT_S + BETWEEN_DIGITS_S / 2)
            self.play(self._tone_hz)
            await asyncio.sleep(BETWEEN_DIGITS_S / 2)

    def play(self, hertz: int | None) -> None:
        """Send this tone from now on, which must be one of the process's tones; None changes nothing."""
        self._tone_hz = hertz
        if hertz is not None and not self._leaving:
            self._tell("SOUND", tone_file(hertz))

    def _tell(self, verb: wire.Verb, file: str = "") -> None:
        if self._state not in ("waiting", "over"):
            self._process.tell(verb, self.call_id, file)


async def hang_up_all(calls: Iterable[PhoneCall], timeout_s: float = 3.0) -> None:
    """Hang up whatever is still in a call and wait for the ends, but no longer than `timeout_s`."""
    live = [call for call in calls if call.state not in ("waiting", "over")]
    for call in live:
        call.hang_up()
    try:
        async with asyncio.timeout(timeout_s):
            for call in live:
                await call.finished(timeout_s)
    except (TimeoutError, Unavailable):
        log.warning("calls did not end", left=sum(call.state != "over" for call in live))
