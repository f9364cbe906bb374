"""Many real calls at once, and what each caller went through: nobody may be refused, cut off or lost.

The callers and agents of `hotline demo` (`telephony.phones.plan`), but judged one by one: who was connected with which seat, and who
ended the conversation. A call has not failed when its caller talked until one of the two hung up, or gave up by own patience.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Literal, Self

from hotline.errors import HotlineError
from hotline.runtime.clock import SteadyClock, wall_time
from hotline.runtime.tasks import TaskGroup
from telephony.phones import wire
from telephony.phones.call import PhoneCall
from telephony.phones.callers import Callers
from telephony.phones.injection import Account
from telephony.phones.plan import CallerScript, DemoPlan, agent_turns, caller_scripts
from telephony.phones.seats import Answer, Behaviour, Seats
from telephony.phones.sipp import Exchange
from tests.support.running import Questions
from tests.support.wait import eventually

How = Literal["talked", "gave_up", "live", "refused", "cut", "turned_away", "lost", "served_twice", "forgotten"]
GOOD: frozenset[How] = frozenset({"talked", "gave_up"})
IN_A_HURRY = ("impatient", "leaving")
"""All other callers wait longer than anybody has to wait where there are enough seats."""
REFUSAL = 300
LINGER_S = 1.0
"""So long a caller stays on the line after the agent has hung up."""
TEND_S = 1.0
LEFT_SETTLE_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """A caller and a seat, connected."""

    caller: PhoneCall
    seat: str
    at_seat: PhoneCall
    began_at: float

    @property
    def over(self) -> bool:
        """Whether one of them has left."""
        return self.caller.state == "over" or self.at_seat.state == "over"


@dataclass(kw_only=True)
class Story:
    """One caller's call."""

    script: CallerScript
    phone: PhoneCall
    phase: str = ""
    """What the test was doing when the call was placed."""
    placed_at: float = 0.0
    talks: list[Conversation] = field(default_factory=list)
    excused: str = ""
    """Why it need not end well: its Asterisk was killed."""

    @property
    def number(self) -> str:
        """The caller's number."""
        return self.script.line.caller_number

    @property
    def wait_s(self) -> float | None:
        """From the answer of the menu or the line to that of an agent."""
        return self.talks[0].began_at - self.phone.at["talking"] if self.talks and self.phone.answered else None

    @property
    def how(self) -> How:
        """How it went."""
        phone = self.phone
        if phone.state != "over":
            return "live"
        if not phone.answered and phone.code >= REFUSAL:
            return "gave_up" if phone.ended_by == "us" else "refused"
        if phone.ended_by == "nobody":
            return "lost"
        if len(self.talks) > 1:
            return "served_twice"
        if not self.talks:
            if phone.ended_by != "us":
                return "turned_away"
            return "gave_up" if self.script.kind in IN_A_HURRY else "forgotten"
        return "talked" if "us" in (phone.ended_by, self.talks[0].at_seat.ended_by) else "cut"

    @property
    def failed(self) -> bool:
        """Whether this caller has something to complain about."""
        return self.how not in GOOD and not self.excused

    def __str__(self) -> str:
        seats = ", ".join(f"{t.seat} ({t.at_seat.state}, ended by {t.at_seat.ended_by})" for t in self.talks)
        return (
            f"{self.number} {self.how}: {self.script.kind}, placed in {self.phase!r} at {self.placed_at:.1f}, {self.phone.state}, "
            f"code {self.phone.code}, ended by {self.phone.ended_by}, seats: {seats or 'none'}"
        )


SetAgent = Callable[[str, str], Awaitable[object]]


class Load:
    """Calls and agents: `async with Load(…) as load: …; await load.over()`. Leaving hangs up whatever is left."""

    def __init__(
        self,
        hotline: Questions,
        exchanges: Sequence[Exchange],
        seats: Sequence[Sequence[Account]],
        plan: DemoPlan,
        *,
        first_number: int = 0,
        phase: str = "",
    ) -> None:
        """Callers come to the exchanges in turn; `seats[n]` register at the n-th. Numbers of callers begin at `first_number`."""
        self.hotline = hotline
        self.plan = plan
        self.phase = phase
        """What the test does now; it may be set at any time, and is noted with each call that begins."""
        self.began = wall_time() - 1
        self._turns = agent_turns(plan)
        self._clock = SteadyClock()
        self._accounts = [account for bank in seats for account in bank]
        scripts = [_renumbered(s, first_number + n) for n, s in enumerate(caller_scripts(plan))]
        self.stories: dict[str, Story] = {}
        self.callers: list[Callers] = []
        for n, exchange in enumerate(exchanges):
            mine = scripts[n :: len(exchanges)]
            callers = Callers(
                exchange, [s.line for s in mine], rate=plan.rate / len(exchanges), on_change=self._caller_changed,
                clock=self._clock,
            )  # fmt: skip
            self.callers.append(callers)
            self.stories |= {s.line.key: Story(script=s, phone=callers.calls[s.line.key]) for s in mine}
        self.banks = [
            Seats(exchange, bank, behaviour=self._next_turn, on_change=self._seat_changed, clock=self._clock)
            for exchange, bank in zip(exchanges, seats, strict=True)
            if bank
        ]
        self.rings: list[tuple[float, str, str]] = []
        """Every ring at a seat: when, where, and for which caller."""
        self.tended: Counter[str] = Counter()
        """How often an agent had to be made ready again, by the state before."""
        self._tasks = TaskGroup("load")
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._enough = False
        self._stack = AsyncExitStack()

    # --- life ---------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for bank in self.banks:
                await stack.enter_async_context(bank)
            await self.hotline.set_ready(*(a.extension for a in self._accounts))
            stack.push_async_callback(self._tasks.close)
            self._tasks.spawn(self._tend(), name="tend")
            for callers in self.callers:
                await stack.enter_async_context(callers)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in self._timers.values():
            timer.cancel()
        await self._stack.aclose()

    def enough(self) -> None:
        """Place no more calls."""
        self._enough = True
        for callers in self.callers:
            callers.enough()

    async def over(self, within_s: float = 120.0) -> None:
        """Wait until every call that is to be placed has ended; those that are excused may hang at their phones."""
        quiet = 0

        def done() -> bool:
            nonlocal quiet
            live = [s for s in self.live() if not s.excused]
            to_come = 0 if self._enough else sum(s.phone.state == "waiting" for s in self.stories.values())
            quiet = 0 if live or to_come else quiet + 1
            assert not live, f"{len(live)} calls live"
            return quiet > 2  # SIPp may have begun one while it was told

        try:
            await eventually(done, within_s=within_s, every_s=0.2, what="the end of all calls")
        except AssertionError as exc:
            late = sorted(self.live(), key=lambda s: (bool(s.excused), s.placed_at))
            said = "\n".join([*(str(s) for s in late[:10]), *(c.complaint() for c in self.callers)])
            raise AssertionError(f"{exc}\n{said}") from None

    async def placed(self, calls: int, within_s: float = 120.0) -> None:
        """Wait until so many calls were placed."""
        await eventually(
            lambda: len(self.placed_stories()) >= calls, within_s=within_s, every_s=0.02, what=f"{calls} calls"
        )

    def placed_stories(self) -> list[Story]:
        """Return the calls that were placed so far."""
        return [s for s in self.stories.values() if s.placed_at]

    def live(self) -> list[Story]:
        """Return the calls that go on now."""
        return [s for s in self.stories.values() if s.phone.state not in ("waiting", "over")]

    def talking(self) -> list[Conversation]:
        """Return the conversations that go on now."""
        return [t for s in self.live() for t in s.talks if not t.over]

    def excuse(self, why: str) -> list[Story]:
        """What lives now need not end well. Returns it."""
        found = self.live()
        for story in found:
            story.excused = why
        return found

    # --- phones -------------------------------------------------------------------------------------------------------

    async def _tend(self) -> None:
        """Do what a supervisor does: whoever went on a break by not answering is asked back."""
        mine = {a.extension for a in self._accounts}
        while True:
            await asyncio.sleep(TEND_S)
            try:
                for agent in await self.hotline.get("agents"):
                    if agent["id"] in mine and agent["state"] in ("break", "not_ready", "offline"):
                        self.tended[agent["state"]] += 1
                        await self.hotline.put(f"agents/{agent['id']}/state", {"state": "ready"})
            except (TimeoutError, HotlineError, AssertionError, OSError):
                continue  # the router is away; the next time will do

    def _next_turn(self) -> Behaviour:
        turn = next(self._turns)
        return Answer(after_s=turn.ring_s, talk_s=turn.talk_s)

    def _later(self, story: Story, seconds: float) -> None:
        """The caller hangs up after so long, unless something happens before."""
        self._at_ease(story)
        loop = asyncio.get_running_loop()
        self._timers[story.number] = loop.call_later(seconds, self._leave, story)

    def _leave(self, story: Story) -> None:
        """Hang up, and insist as `PhoneCall` does."""
        story.phone.hang_up()
        if story.phone.state != "over":
            self._later(story, LEFT_SETTLE_S)

    def _at_ease(self, story: Story) -> None:
        if (timer := self._timers.pop(story.number, None)) is not None:
            timer.cancel()

    def _caller_changed(self, call: PhoneCall, event: wire.Event) -> None:
        story = self.stories[call.key]
        if event.kind == "calling":
            story.placed_at, story.phase = wall_time(), self.phase
        elif event.kind == "answered":
            self._later(story, story.script.patience_s)
            if story.script.presses:
                self._tasks.spawn(self._press(story), name=f"caller {call.key}")
        elif event.kind in ("refused", "over"):
            self._at_ease(story)

    async def _press(self, story: Story) -> None:
        for press in story.script.presses:
            await asyncio.sleep(press.after_s)
            if story.phone.state != "talking" or story.talks:
                return
            await story.phone.press(press.keys)

    def _seat_changed(self, call: PhoneCall, event: wire.Event) -> None:
        if event.kind == "ringing":
            self.rings.append((self._clock.now(), call.key, call.remote_number))
        story = self.stories.get(call.remote_number)
        if story is None:
            return
        if event.kind == "answered":
            talk = Conversation(caller=story.phone, seat=call.key, at_seat=call, began_at=self._clock.now())
            story.talks.append(talk)
            self._at_ease(story)
            if story.script.ends_talk_after_s is not None:
                self._later(story, story.script.ends_talk_after_s)
        elif event.kind == "over" and story.talks and story.talks[-1].at_seat is call:
            self._later(story, LINGER_S)


def _renumbered(script: CallerScript, n: int) -> CallerScript:
    number = f"139{n:08d}"
    return replace(script, line=replace(script.line, key=number, caller_number=number))
