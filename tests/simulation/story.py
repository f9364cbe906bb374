"""One story: a house with two routers, two nodes, callers, agents and trouble, all drawn from a seed. The seed is the bug report.

A story has features: each brings its own queues, agents and people (`features.py`), and the seed decides which of them meet. While it goes on,
the monitor of the property tests watches the router that rules. At its end the trouble is over, everybody behaves, and everybody must be served:
no caller left, no offer open, no agent stuck.

What is drawn here keeps to single faults: no second one strikes a router before another is in sync, because then nothing is promised.
"""

import asyncio
import shlex
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import msgspec

from acd.core.requests import AgentRequest, Asked, TransferRequest
from hotline.bus.memory import MemoryBus
from hotline.facts import CallbackEnded, CallbackPending, CallbackRefused, CallbackRequested, CallerIdentified, Fact
from hotline.ids import AgentId, CallbackId, CustomerId
from hotline.settings import Acd, Asterisk, Outbound, Seats, Settings
from hotline.settings.queues import BetweenQueues
from hotline.tally import Tally
from tests.properties.office_world import Database
from tests.properties.phone_network import NODES, Call
from tests.simulation.books import Books
from tests.simulation.coverage import count
from tests.simulation.errors import Errors, keeping_errors
from tests.simulation.features import FEATURES, Feature
from tests.simulation.house import Process
from tests.simulation.orders import OUTCOMES, outcome_of
from tests.simulation.virtual import run
from tests.simulation.watch import PLENTY, Watch, monitor_of, watching
from tests.simulation.wire import Weather, Wire
from tests.support.routers import Notebook

LASTS_S = 30.0
"""How long people and trouble do what they do."""
QUIET_S = 60.0
"""How soon everybody must be served once the trouble is over."""
NOTES = 60
BACKGROUND = 5
"""The first tasks of a story are the house's own, not people's."""
REMIND_S = 5.0
"""How often the journal tells of wishes that are not over."""
BETWEEN: tuple[BetweenQueues, ...] = ("strict_priority", "strict_priority", "longest_wait", "service_level_at_risk")
LIMITED = frozenset({"remote", "asked first"})
"""Features with agents at external numbers."""
PROCESSES = ("A", "B")
Trouble = Callable[["Story"], Awaitable[None]]


class Failed(Exception):
    """An invariant was broken; the message says which, and what happened before."""


class Told(msgspec.Struct):
    """What a story came to."""

    seed: int
    features: tuple[str, ...]
    calls: int
    offers: int
    lives: int
    happened: dict[str, int]
    """How often each capability did; see `coverage`."""
    digest: int
    """The same for the same seed, whatever machine and process tells it."""


class Story:
    """Everything that a seed decides."""

    def __init__(self, seed: int, *, verbose: bool = False, only: tuple[str, ...] = ()) -> None:
        self.seed = seed
        self.luck = Random(f"story {seed}")
        self.verbose = verbose
        self.notes: deque[str] = deque(maxlen=NOTES)
        self.digest = 0
        self.features: list[Feature] = [
            f for f in FEATURES if f.always or (f.name in only if only else self.luck.random() < f.share)
        ]
        self.settings = Settings(
            seats=Seats(first=1001, count=40),
            queues=tuple(q for f in self.features for q in f.queues),
            agents=tuple(a for f in self.features for a in f.agents),
            acd=Acd(beat_s=1.0, silent_s=3.0, between_queues=self.luck.choice(BETWEEN), outcomes=OUTCOMES),
            asterisk=Asterisk(node=NODES[0]),
            outbound=Outbound(trunk="192.0.2.1:5060", allow=("1",), per_hour=100_000, at_once=self._outgoing_at_once()),
        )
        self.loop = asyncio.get_running_loop()
        self.bus = MemoryBus(Tally())
        self.database = Database()
        self.memories = {name: Notebook() for name in PROCESSES}
        self.processes: dict[str, Process] = {}
        self.weather = self._weather()
        seats = tuple(a.extension for a in self.settings.agents if not a.remote_number)
        self.wire = Wire(seats, self.bus, self.luck, self.weather, self.note)
        self.watch = Watch(
            monitor_of(self.settings), self.note, heard=self.wire.unheard.discard, new_life=self.wire.new_life
        )
        self.wire.broken = self.watch.fail
        self.loop.set_exception_handler(self._somebody_failed)
        self.wire.happened = lambda what: self.watch.monitor.seen.update((what,))
        self.journal: list[Fact] = []
        """Everything that was told, in its order."""
        self.calls = 0
        self.slept = False
        """Whether a router was frozen for a while."""
        self.wishes: dict[CallbackId, CallbackRequested] = {}
        """Who wants to be called back and was not yet, nor given up."""
        self.errors: Errors | None = None
        """What the services log as errors, if that is kept."""

    def _outgoing_at_once(self) -> int:
        """Return how many outgoing calls there may be at once: in some of the stories with remote agents so few that they are used up.

        Where customers are called back as well, enough for all of them to be called before the story ends.
        """
        names = {f.name for f in self.features}
        few = (3,) if "called back" in names else (1, 2)
        return Random(f"limit {self.seed}").choice((PLENTY, *few)) if names & LIMITED else PLENTY

    def _weather(self) -> Weather:
        bad = self.luck.random() < 0.6
        return Weather(
            delays_s=(self.luck.choice((0.0, 0.0, 0.05, 0.5)), self.luck.choice((0.0, 0.05, 0.5, 2.0))),
            command_s=self.luck.choice((0.0, 0.0, 0.01, 0.2)),
            twice=self.luck.choice((0.0, 0.05, 0.3)) if bad else 0.0,
            lost=self.luck.choice((0.0, 0.02)) if bad else 0.0,
            refused=self.luck.choice((0.0, 0.0, 0.1)) if bad else 0.0,
        )

    def note(self, text: str) -> None:
        """Keep what happened, for the report of a failure, and for the digest."""
        line = f"{self.loop.time():9.3f} {text}"
        self.notes.append(line)
        self.digest = hash_of(self.digest, line)
        if self.verbose:
            print(line)  # noqa: T201 - asked for

    def _somebody_failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An error in a callback of the network or of its people is a finding, or a fault of this very test."""
        error = context.get("exception")
        where = "".join(traceback.format_exception(error)[-2:]) if error is not None else ""
        self.watch.fail(f"{context.get('message')}\n{where}")

    # --- processes --------------------------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        if name not in self.processes:
            self.note(f"process {name} starts")
            process = Process(name, self.settings, self.bus, self.database, self.memories[name])
            process.port.command_s = self.weather.command_s
            self.processes[name] = process

    def active(self) -> Process | None:
        found = [p for p in self.processes.values() if p.is_active and not p.frozen]
        return found[0] if found else None

    def spare(self) -> Process | None:
        """Return a process that could take over with everything, if the office can be had."""
        if self.database.state != "up":
            return None
        found = [p for p in self.processes.values() if not p.is_active and p.in_sync and not p.frozen]
        return found[0] if found else None

    async def kill(self, name: str) -> None:
        self.note(f"process {name} is killed")
        await self._forget(self.processes.pop(name))

    async def _forget(self, process: Process) -> None:
        if process.acd._router is self.watch.ruling:
            self.watch.ruling = None
        await process.kill()

    # --- people -----------------------------------------------------------------------------------------------------------

    def ask(self, agent: str, ask: str) -> None:
        """An agent asks something of whichever router rules."""
        self.order(AgentRequest(at=self.loop.time(), agent_id=AgentId(agent), ask=ask), f"{agent} asks {ask}")  # type: ignore[arg-type]

    def wants(self, agent: str, ask: str, to: str = "") -> None:
        """An agent wants something done with his caller."""
        request = TransferRequest(at=self.loop.time(), agent_id=AgentId(agent), ask=ask, to=to)  # type: ignore[arg-type]
        self.order(request, f"{agent} wants {ask} {to}")

    def order(self, request: Asked, words: str = "") -> None:
        """Somebody asks something of whichever router rules."""
        process = self.active()
        if process is not None:
            self.note(f"{words or request}: {process.order(request)}")

    def identify(self, call: Call, customer: str, manager: str | None) -> None:
        """The CRM knows who calls."""
        who = CallerIdentified(
            at=self.loop.time(),
            call_id=call.call_id,
            customer_id=CustomerId(customer),
            name=customer,
            agent_id=AgentId(manager) if manager is not None else None,
        )
        self.bus.publish(who)

    def wish(self, wish: CallbackRequested) -> None:
        """Somebody wants to be called back."""
        self.wishes[wish.callback_id] = wish
        self.note(f"{wish.callback_id} wishes to be called back")
        self.bus.publish(wish)

    async def keep_journal(self) -> None:
        """Be the journal: keep what is told."""
        told = self.bus.subscribe("journal", Fact)
        while True:
            fact = await told.get()
            assert isinstance(fact, Fact)
            self.journal.append(fact)

    async def keep_wishes(self) -> None:
        """Be the journal: know which wishes are over, and remind routers of the others."""
        over = self.bus.subscribe("callbacks", CallbackEnded, CallbackRefused)
        while True:
            try:
                async with asyncio.timeout(REMIND_S):
                    while True:
                        fact = await over.get()
                        assert isinstance(fact, CallbackEnded | CallbackRefused)
                        self.wishes.pop(fact.callback_id, None)
            except TimeoutError:
                for wish in list(self.wishes.values()):
                    made = [m for m in self.wire.made if m.rpartition(".")[0] == wish.callback_id]
                    self.bus.publish(CallbackPending(at=self.loop.time(), wish=wish, calls=len(made)))

    # --- the story --------------------------------------------------------------------------------------------------------

    async def tell(self) -> Told:
        """Live through it. Raises Failed."""
        from tests.simulation.trouble import troubles

        people: list[asyncio.Task[None]] = []
        with watching(self.watch):
            try:
                self.start("A")
                background = [
                    self.wire.listen(),
                    self.wire.look_around(),
                    self.wire.lead_callers(),
                    self.keep_wishes(),
                    self.keep_journal(),
                ]
                await asyncio.sleep(0.1)
                self.start("B")
                acts = [act(self) for f in self.features for act in f.people]
                acts += [act(self) for act in troubles(self.luck)]
                people = [asyncio.ensure_future(act) for act in (*background, *acts)]
                await self._pass(LASTS_S)
                await self._end_well(people)
                books = Books(self.settings, self.watch.monitor.used, self.wire.unseen)
                one_life = self.watch.lives == 1 and not self.slept
                punctual = one_life and max(self.weather.delays_s) + self.weather.command_s < 1.0
                books.check(self.journal, self.loop.time(), one_life=one_life, punctual=punctual)
            except AssertionError as exc:
                raise Failed(str(exc) or "an assertion failed") from exc
            finally:
                for task in people:
                    task.cancel()
                for process in list(self.processes.values()):
                    await process.kill()
        return self._told()

    async def _pass(self, seconds: float) -> None:
        """Let time pass, until something is broken."""
        end = self.loop.time() + seconds
        while self.loop.time() < end and not self.watch.failed.is_set():
            await asyncio.sleep(min(0.5, end - self.loop.time()))
        if self.watch.failed.is_set():
            raise Failed(self.watch.failure)
        if self.errors is not None and self.errors.lines:
            raise Failed("a service failed at a record")

    async def _end_well(self, people: "list[asyncio.Task[None]]") -> None:
        self._raise_what_died(people)
        for task in people[BACKGROUND:]:
            task.cancel()
        self.note("the trouble is over")
        self.database.become("up")
        self.weather.clear()
        self.wire.fate = "ok"
        self.wire.patient = True
        for process in self.processes.values():
            if process.frozen:
                process.gate.set()
                self.watch.monitor.slept(self.loop.time())
        for name in PROCESSES:
            self.start(name)
        for node in NODES:
            self.wire.telephony_is_back(node)
            if not self.wire.nodes[node].up:
                self.wire.mend(node)
        for number, seat in enumerate(self.wire.phones):
            self.wire.move_phone(seat, NODES[number % 2])
        await self._until_served()
        self._raise_what_died(people[:BACKGROUND])
        for process in list(self.processes.values()):
            await self.kill(process.name)

    async def _until_served(self) -> None:
        deadline = self.loop.time() + QUIET_S
        while self.loop.time() < deadline:
            await self._pass(2.0)
            for agent in self.settings.agents:
                if agent.id in self.watch.monitor.owing:
                    self.order(outcome_of(AgentId(agent.id), self.loop.time()))
                if self.watch.monitor.states[agent.id] != "ready":
                    self.ask(agent.id, "ready")
            if self._is_over():
                return
        monitor = self.watch.monitor
        left = [
            f"{c.call_id} ({c.phase})"
            for c in self.wire.calls.values()
            if c.phase in ("session", "ringing") and c.waits
        ]
        assert self.active() is not None, "nobody routes although nothing is wrong any more"
        assert not left, f"12: {', '.join(left)} left waiting"
        assert not self.wishes, f"12: {', '.join(self.wishes)} not called back"
        assert not monitor.waiting, f"12: the router keeps {', '.join(monitor.waiting)}"
        assert not monitor.live, f"11: {', '.join(monitor.live)} left open"
        raise AssertionError(f"an agent is stuck: {monitor.states}")

    def _is_over(self) -> bool:
        monitor = self.watch.monitor
        waits = any(c.phase in ("session", "ringing") and c.waits for c in self.wire.calls.values())
        idle = set(monitor.states.values()) <= {"ready", "wrap_up"}
        return self.active() is not None and not (waits or monitor.waiting or monitor.live or self.wishes) and idle

    def _raise_what_died(self, people: "list[asyncio.Task[None]]") -> None:
        for task in people:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    def _told(self) -> Told:
        return Told(
            seed=self.seed,
            features=tuple(f.name for f in self.features),
            calls=self.calls,
            offers=len(self.watch.monitor.used),
            lives=self.watch.lives,
            happened=count(self.journal, self.watch.monitor.seen),
            digest=self.digest,
        )


def hash_of(before: int, line: str) -> int:
    """FNV-1a over what happened: Python's own hash differs from process to process."""
    value = before or 0xCBF29CE484222325
    for byte in line.encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def live(seed: int, *, verbose: bool = False, only: tuple[str, ...] = ()) -> Told:
    """Live through the story of a seed. Raises Failed with how to repeat it and what happened last."""

    with_these = "".join(f" --only {shlex.quote(name)}" for name in only)

    async def whole() -> Told:
        story = Story(seed, verbose=verbose, only=only)
        with keeping_errors() as errors:
            story.errors = errors
            try:
                told = await story.tell()
            except Failed as exc:
                raise Failed(
                    f"seed {seed}: {exc}\n"
                    f"repeat it with: .venv/bin/python -m tests.simulation --seed {seed} --verbose{with_these}\n"
                    f"features: {', '.join(f.name for f in story.features)}\n{errors.text}\n"
                    "what happened last:\n" + "\n".join(story.notes)
                ) from exc
        return told

    return run(whole())
