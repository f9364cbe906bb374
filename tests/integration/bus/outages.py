"""Lives of a few processes before, during and after an outage of their broker; what was seen is returned for tests to judge."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hotline.bus.base import Inbox
from hotline.bus.rabbitmq.packing import FACTS_MAX
from hotline.commands import Done, Hangup, Outcome, Refused
from hotline.facts import DigitPressed, Fact, Record, Signal
from hotline.ids import CallId
from tests.integration.bus.conftest import Process, World
from tests.integration.bus.test_bus_contract import NODE, Recorder, digit, ended
from tests.support.rabbitmq import RabbitMQ
from tests.support.wait import eventually

How = Literal["dead", "stopped", "frozen", "alarmed", "emptied"]
BACK_S = 60.0
"""How long everything may take to arrive afterwards, on a busy machine."""
BEFORE, DURING = 300, 1500


class Listener:
    """Handles an inbox as a service does and notes what it got. With `stop_after`, it hangs with so many records in its hands."""

    def __init__(self, process: Process, inbox: Inbox, *, stop_after: int | None = None) -> None:
        self.got: list[Record] = []
        process.tasks.spawn(self._run(inbox, stop_after), name="listener")

    async def _run(self, inbox: Inbox, stop_after: int | None) -> None:
        while len(self.got) != stop_after and (record := await inbox.get()) is not None:
            self.got.append(record)

    def firsts(self) -> list[Record]:
        """Return what came, each once, in the order of its first coming."""
        return list(dict.fromkeys(self.got))


@dataclass
class Outage:
    """What was seen."""

    told: list[Record] = field(default_factory=list)
    publish_s: list[float] = field(default_factory=list)
    """How long each publish took; a machine that is busy may hold up one, waiting for the broker would hold up each."""
    inside: int = 0
    """Records that reached an inbox of the process that told them."""
    in_spool: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    """Of commands to another process."""
    commands_took_s: float = 0.0
    done: set[str] = field(default_factory=set)
    """The calls for which commands were carried out, until long afterwards."""
    refused_as_too_many: int = 0
    signals_dropped: int = 0
    received_meanwhile: int = 0
    """Of facts that waited in the broker when it began."""
    late_starter_in_spool: int = 0
    hearer_gave_up: bool = False
    """Whether a process that has nothing to send noticed it too."""
    sessions_lost: int = 0
    gaps: int = 0
    live: list[Record] = field(default_factory=list)
    durable: list[Record] = field(default_factory=list)
    journal: set[Fact] = field(default_factory=set)
    spools_empty: bool = False
    tasks_left: int = 0
    sockets_left: int = 0


async def live_through(how: How, broker: RabbitMQ, work: Path) -> Outage:
    """Have an outage."""
    seen = Outage()
    sockets = _sockets()
    async with World.made(work, broker) as world:
        await _Story(world, seen).play(how)
    await asyncio.sleep(0.1)  # what the client has cancelled ends
    seen.tasks_left = len(asyncio.all_tasks()) - 1
    seen.sockets_left = _sockets() - sockets
    return seen


def _sockets() -> int:
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one of this look
            found += str(entry.readlink()).startswith("socket:")
    return found


class _Story:
    def __init__(self, world: World, seen: Outage) -> None:
        self.world, self.seen = world, seen
        self.near = world.process("teller", confirm_timeout_s=1.0, connect_timeout_s=1.0)
        self.few = world.process("few", pending_max=50, connect_timeout_s=1.0)
        self.slow = world.process("slow", prefetch=1)
        self.hearer = world.process("hearer", heartbeat_s=1)
        self.perform = Recorder()

    async def play(self, how: How) -> None:
        far, near = self.world.far, self.near
        self.live = Listener(far, far.bus.subscribe("live", Fact))
        self.signals = Listener(far, far.bus.subscribe("signals", DigitPressed))
        self.durable = Listener(far, far.bus.subscribe("durable", Fact, durable=True))
        self.inside = Listener(near, near.bus.subscribe("inside", Fact, Signal))
        self.waiting = self.slow.bus.subscribe("slow", Fact, durable=True)
        far.bus.serve(NODE, self.perform)
        far.tasks.spawn(self._journal(far), name="journal")
        near.rabbit.on_return.append(self._note_gap)
        for process in (far, near, self.few, self.slow, self.hearer):
            await process.bus.start()
        await self._tell(0, BEFORE)
        await eventually(lambda: len(self.durable.got) == BEFORE, what="all facts from before")
        await eventually(lambda: len(self.signals.got) == BEFORE, what="all signals from before")
        async with self._outage(how):
            await self._during(how)
        await self._after(how)

    def _note_gap(self) -> None:
        self.seen.gaps += 1

    async def _journal(self, process: Process) -> None:
        intake = process.rabbit.journal()
        while True:
            await intake.wait()
            batch = intake.peek(100)
            self.seen.journal.update(envelope.fact for _, envelope in batch)
            intake.remove(batch[-1][0])
            await asyncio.sleep(0)

    async def _tell(self, first: int, count: int) -> None:
        """Tell facts, then signals: facts that wait for signals would take longer to find out that nobody confirms them."""
        for make in (ended, digit):
            for n in range(first, first + count):
                began = time.perf_counter()
                self.near.bus.publish(make(n))
                self.seen.publish_s.append(time.perf_counter() - began)
                if n % 10 == 0:
                    await asyncio.sleep(0.001)
        self.seen.told += [ended(n) for n in range(first, first + count)]

    @asynccontextmanager
    async def _outage(self, how: How) -> AsyncIterator[None]:
        broker = self.world.broker
        match how:
            case "dead" | "emptied":
                async with broker.away(empty=how == "emptied"):
                    yield
            case "stopped":
                await broker.stop()
                yield
                await broker.start()
            case "frozen":
                async with broker.frozen():
                    yield
            case "alarmed":
                async with broker.alarmed():
                    yield

    async def _during(self, how: How) -> None:
        seen, near, hearer = self.seen, self.near, self.hearer
        before = hearer.told("bus_sessions_lost")
        if how in ("dead", "emptied"):
            await eventually(lambda: not near.rabbit.is_up.is_set(), what="the end of the session")
        await self._ask()
        await self._tell(BEFORE, DURING)
        self.few.bus.publish(*(digit(n) for n in range(500)))
        many = [self.few.bus.request(Hangup(node=NODE, call_id=CallId("many")), within_s=0.3) for _ in range(100)]
        seen.refused_as_too_many = sum(
            isinstance(o, Refused) and "too many" in o.reason for o in await asyncio.gather(*many)
        )
        seen.signals_dropped = int(self.few.told("limits_reached", limit="bus_pending"))
        while seen.received_meanwhile <= FACTS_MAX and how == "alarmed":
            async with asyncio.timeout(10):
                await self.waiting.get()
            seen.received_meanwhile += 1
        late = self.world.process(
            "late", must_connect=how == "alarmed", connect_timeout_s=3.0 if how == "alarmed" else 0.5
        )
        await late.bus.start()
        late.bus.publish(ended(-1))
        seen.late_starter_in_spool = late.spool.count
        if how == "alarmed":
            await eventually(lambda: near.tally.levels.get(("bus_blocked", ())) == 1.0, what="a blocked connection")
            await asyncio.sleep(1.5)  # longer than facts may stay unconfirmed without a word
        else:
            await eventually(lambda: near.told("bus_sessions_lost") >= 1, within_s=30, what="the end of the session")
            await eventually(lambda: hearer.told("bus_sessions_lost") > before, within_s=30, what="a missed heartbeat")
            seen.hearer_gave_up = True
        seen.in_spool = near.spool.count
        seen.sessions_lost = int(near.told("bus_sessions_lost"))
        await eventually(lambda: len(self.inside.got) == 2 * (BEFORE + DURING), what="records inside the process")
        seen.inside = len(self.inside.got)

    async def _ask(self) -> None:
        began = time.perf_counter()
        command = Hangup(node=NODE, call_id=CallId("old"))
        outcomes = [self.near.bus.request(command, within_s=0.5) for _ in range(5)]
        self.seen.outcomes = list(await asyncio.gather(*outcomes))
        self.seen.commands_took_s = time.perf_counter() - began

    async def _after(self, how: How) -> None:
        seen, near = self.seen, self.near

        async def works_again() -> bool:
            return await near.bus.request(Hangup(node=NODE, call_id=CallId("new")), within_s=2) == Done()

        await eventually(works_again, within_s=BACK_S, what="a command that is done")
        everything = set(seen.told)
        await eventually(lambda: everything <= seen.journal, within_s=BACK_S, what="every fact in the journal")
        if how != "emptied":
            await eventually(lambda: everything <= set(self.durable.got), within_s=BACK_S, what="every fact counted")
            await eventually(lambda: everything <= set(self.live.got), within_s=BACK_S, what="every fact told")
        near.bus.publish(ended(10**6), digit(10**6))
        seen.told.append(ended(10**6))
        await eventually(lambda: ended(10**6) in self.live.got, within_s=BACK_S, what="a fact of now")
        await eventually(lambda: ended(10**6) in self.durable.got, within_s=BACK_S, what="a fact of now")
        await eventually(lambda: near.spool.count == 0, within_s=BACK_S, what="an empty spool")
        if how != "alarmed":
            await eventually(lambda: seen.gaps > 0, what="a gap")
        seen.spools_empty = True
        seen.live = [r for r in self.live.firsts() if r in set(seen.told)]
        seen.durable = [r for r in self.durable.firsts() if r in set(seen.told)]
        seen.done = {c.call_id for c in self.perform.done if isinstance(c, Hangup)}
        assert all(isinstance(r, Fact | DigitPressed) for r in self.inside.got)
