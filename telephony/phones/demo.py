"""A demo: synthetic callers and agents play on a running hotline, by real SIP.

The hotline is not told that it is a demo. The agents' seats register and are logged in by the caller of this module (over
the API, as a person's screen would); everything else happens over SIP. Who gets connected is seen at the seats: the caller's
number, unique in a demo, stands in the From header of the ringing call.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

import structlog

from hotline.errors import HotlineError, Misuse
from hotline.runtime.clock import Clock, SteadyClock
from hotline.runtime.tasks import TaskGroup
from telephony.phones import wire
from telephony.phones.call import PhoneCall
from telephony.phones.callers import Callers
from telephony.phones.injection import Account
from telephony.phones.plan import AgentTurn, CallerScript, DemoPlan, agent_turns, caller_scripts, time_limit_s
from telephony.phones.seats import Answer, Behaviour, Seats
from telephony.phones.sipp import Exchange

AgentWish = Literal["ready", "offline"]
SetAgent = Callable[[str, AgentWish], Awaitable[None]]
"""Logs the agent of an extension in or out; raises HotlineError when the hotline refuses."""

PROGRESS_S = 0.25
_REFUSAL = 300
"""SIP's final responses from here on are refusals."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class DemoProgress:
    """How far a demo is."""

    placed: int
    """Calls begun so far."""
    live: int
    """Calls that are going on."""
    talking: int
    """Seats in a conversation."""
    connected: int
    """Callers who have reached an agent so far."""
    finished: int
    """Calls that ended in good order, whoever hung up."""
    failed: int
    """Calls that were refused, or broke off."""


@dataclass(frozen=True, kw_only=True)
class DemoOutcome:
    """What the phones saw; the hotline's own account must agree with it."""

    placed: int
    answered: int
    """Calls that the hotline picked up."""
    connected: int
    """Calls that an agent picked up."""
    gave_up: int
    """Callers who hung up without having reached an agent."""
    turned_away: int
    """Callers whom the hotline hung up on before they reached an agent (a menu that ended, a closed line)."""
    refused: dict[int, int]
    """Calls that were refused, by SIP response code."""
    broken: int
    """Calls that were still live when the time was up, or whose phone failed."""
    rings: int
    """How often a seat rang."""
    took_s: float


class Demo:
    """One run: `async with Demo(…) as demo: async for progress in demo.progress(): …`, then `demo.outcome()`.

    Entering registers the seats, logs the agents in and starts the calls. Leaving, at any time, hangs up, logs the agents out
    and unregisters the seats.
    """

    def __init__(
        self,
        exchange: Exchange,
        plan: DemoPlan,
        accounts: Sequence[Account],
        set_agent: SetAgent,
        *,
        clock: Clock | None = None,
    ) -> None:
        if len(accounts) < plan.agents:
            raise Misuse(f"the demo wants {plan.agents} agents, but there are {len(accounts)} seats")
        self.plan = plan
        self._clock = clock or SteadyClock()
        self._accounts = tuple(accounts[: plan.agents])
        self._set_agent = set_agent
        self._scripts = {script.line.key: script for script in caller_scripts(plan)}
        self._turns = agent_turns(plan)
        lines = [script.line for script in self._scripts.values()]
        self._callers = Callers(exchange, lines, rate=plan.rate, on_change=self._caller_changed, clock=self._clock)
        self._seats = Seats(
            exchange, self._accounts, behaviour=self._next_turn, on_change=self._seat_changed, clock=self._clock
        )
        self._tasks = TaskGroup("demo")
        self._patience: dict[str, asyncio.TimerHandle] = {}
        self._connected: set[str] = set()
        self._rings = 0
        self._placed = 0
        self._ended: Counter[bool] = Counter()
        self._stack = AsyncExitStack()
        self._began = 0.0
        self._took_s = 0.0

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._seats)
            stack.push_async_callback(self._log_out)
            for account in self._accounts:
                await self._set_agent(account.extension, "ready")
            self._began = self._clock.now()
            await stack.enter_async_context(self._callers)
            stack.push_async_callback(self._tasks.close)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in self._patience.values():
            timer.cancel()
        await self._stack.aclose()

    async def progress(self) -> AsyncIterator[DemoProgress]:
        """Yield how far it is, a few times a second, until every call is over or the time is up."""
        limit_s = time_limit_s(self.plan)
        while (now := self._snapshot()).live or now.placed < self.plan.calls:
            if self._clock.now() - self._began > limit_s or not self._callers.running:
                break
            yield now
            await asyncio.sleep(PROGRESS_S)
        self._took_s = self._clock.now() - self._began
        yield self._snapshot()

    def outcome(self) -> DemoOutcome:
        """Return what the phones saw; meaningful once `progress` has ended."""
        ends: Counter[str] = Counter()
        refused: Counter[int] = Counter()
        for key, call in self._callers.calls.items():
            if not call.answered and call.code >= _REFUSAL:
                refused[call.code] += 1
            elif call.state != "over" or call.ended_by == "nobody":
                ends["broken"] += "calling" in call.at
            elif key not in self._connected:
                ends["gave_up" if call.ended_by == "us" else "turned_away"] += 1
        return DemoOutcome(
            placed=self._placed,
            answered=sum(call.answered for call in self._callers.calls.values()),
            connected=len(self._connected),
            gave_up=ends["gave_up"],
            turned_away=ends["turned_away"],
            refused=dict(refused),
            broken=ends["broken"],
            rings=self._rings,
            took_s=self._took_s,
        )

    def _snapshot(self) -> DemoProgress:
        return DemoProgress(
            placed=self._placed,
            live=self._placed - self._ended.total(),
            talking=self._seats.talking,
            connected=len(self._connected),
            finished=self._ended[True],
            failed=self._ended[False],
        )

    async def _log_out(self) -> None:
        for account in self._accounts:
            try:
                await self._set_agent(account.extension, "offline")
            except HotlineError as exc:
                log.warning("agent not logged out", extension=account.extension, reason=str(exc))

    def _next_turn(self) -> Behaviour:
        turn: AgentTurn = next(self._turns)
        return Answer(after_s=turn.ring_s, talk_s=turn.talk_s)

    def _caller_changed(self, call: PhoneCall, event: wire.Event) -> None:
        if event.kind == "calling":
            self._placed += 1
        elif event.kind == "answered":
            script = self._scripts[call.key]
            self._patience[call.key] = asyncio.get_running_loop().call_later(script.patience_s, call.hang_up)
            if script.presses:
                self._tasks.spawn(self._press(call, script), name=f"caller {call.key}")
        elif event.kind in ("refused", "over"):
            self._ended[call.answered] += 1
            if (timer := self._patience.pop(call.key, None)) is not None:
                timer.cancel()

    async def _press(self, call: PhoneCall, script: CallerScript) -> None:
        for press in script.presses:
            await asyncio.sleep(press.after_s)
            if call.state != "talking" or call.key in self._connected:
                return
            await call.press(press.keys)

    def _seat_changed(self, call: PhoneCall, event: wire.Event) -> None:
        if event.kind == "ringing":
            self._rings += 1
        if event.kind != "answered":
            return
        caller = self._callers.calls.get(call.remote_number)
        if caller is None or caller.key in self._connected:
            return
        self._connected.add(caller.key)
        if (timer := self._patience.pop(caller.key, None)) is not None:
            timer.cancel()
        if (talk_s := self._scripts[caller.key].ends_talk_after_s) is not None:
            self._patience[caller.key] = asyncio.get_running_loop().call_later(talk_s, caller.hang_up)
