"""From the spool of one process to the journal of another: how fast, how late, at what price; and commands and signals between them.

The real way: a process that tells facts, RabbitMQ, a process that writes them into PostgreSQL with all projections, both stores syncing to disk.
Beside it the memory bus: the same facts, journal and database in one process.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from crm.journal.writer import JournalWriter
from hotline.bus.base import Bus, Inbox
from hotline.bus.memory import MemoryBus
from hotline.bus.rabbitmq.bus import RabbitBus
from hotline.commands import Done, Hangup
from hotline.facts import DigitPressed, Fact
from hotline.ids import CallId
from hotline.runtime.clock import SteadyClock, stopwatch
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Bus as BusSettings
from hotline.spool import Spool
from hotline.store.migrate import migrate
from hotline.store.pool import Store
from hotline.store.private import PrivatePostgres
from hotline.tally import Tally
from tests.bench import bus_teller
from tests.bench.bus_teller import NODE
from tests.bench.processors import Machine, used_by_tree_s
from tests.bench.report import Report, Scale, milliseconds, percentile, say
from tests.support.envelopes import many_calls
from tests.support.rabbitmq import RabbitMQ

FACTS_GOAL, LAG_GOAL_S = 5_000, 0.2
STEADY_RATE, STEADY_S = 1_000, 8
ROUND_TRIPS = 300
TIME_LIMIT_S = 120.0


@dataclass(kw_only=True)
class Found:
    """What one adapter does."""

    facts_per_s: float = 0.0
    busy: float = 0.0
    """Share of all processors in use meanwhile."""
    us_per_fact: dict[str, float] = field(default_factory=dict)
    """Processor time, by program."""
    lag_s: list[float] = field(default_factory=list)
    """From the happening of the oldest fact of a batch to its commit."""
    round_trip_s: list[float] = field(default_factory=list)
    signal_lag_s: list[float] = field(default_factory=list)


class Ground:
    """The process that writes the journal; made anew for each adapter."""

    def __init__(self, home: Path, server: PrivatePostgres, store: Store) -> None:
        self.home, self.server, self.store = home, server, store
        self.clock, self.tally, self.tasks = SteadyClock(), Tally(), TaskGroup("bench")
        self.spool = Spool.open(
            home / "spool.db", source="bench", max_facts=10**7, clock=self.clock, tally=self.tally
        )  # fmt: skip

    def write_journal(self, outbox: "Spool | object") -> None:
        """Begin to write what comes."""
        writer = JournalWriter(self.store, outbox, self.clock, self.tally)  # type: ignore[arg-type]
        self.tasks.spawn(writer.run(), name="journal")

    async def written(self, count: int) -> None:
        """Wait until the journal has so many facts."""
        async with asyncio.timeout(TIME_LIMIT_S):
            while await self.store.fetchval("SELECT count(*) FROM journal") < count:
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        """End what was begun."""
        await self.tasks.close()
        self.spool.close()


async def run(scale: Scale) -> Report:
    """Measure both adapters."""
    count = scale.pick(60_000, 15_000)
    found: dict[str, Found] = {}
    with tempfile.TemporaryDirectory(prefix="hotline-bench-") as home:
        for name, measure in (("memory", _memory), ("rabbitmq", _rabbitmq)):
            say(f"bus: {name}, {count} facts")
            async with _ground(Path(home) / name) as ground:
                found[name] = await measure(ground, count)
    return _report(found, count)


@asynccontextmanager
async def _ground(home: Path) -> AsyncIterator[Ground]:
    home.mkdir()
    server = await PrivatePostgres.start(home)
    try:
        store = await Store.open(server.dsn)
        try:
            await migrate(store)
            ground = Ground(home, server, store)
            try:
                yield ground
            finally:
                await ground.close()
        finally:
            await store.close()
    finally:
        await server.stop()


# --- one process ------------------------------------------------------------------------------------------------------------


async def _memory(ground: Ground, count: int) -> Found:
    found = Found()
    bus = MemoryBus(ground.tally, keep=ground.spool.keep)
    ground.write_journal(ground.spool)
    bus.serve(NODE, bus_teller.perform)
    facts: list[Fact] = list(many_calls(count // 6))[:count]

    async def burst() -> float:
        began = ground.clock.now()
        await bus_teller.burst(bus, ground.clock, facts)
        return began

    await _measure_burst(ground, found, len(facts), burst, {"our process": os.getpid()})
    await _measure_lag(
        ground, found, lambda: bus_teller.steady(bus, ground.clock, facts[: STEADY_RATE * STEADY_S], STEADY_RATE)
    )
    await _measure_round_trips(bus, found)
    inbox = bus.subscribe("bench", DigitPressed)
    await _measure_signals(ground, found, inbox, lambda: bus_teller.signals(bus, ground.clock, ROUND_TRIPS))
    return found


# --- two processes ------------------------------------------------------------------------------------------------------------


class Teller:
    """The other process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def ask(self, what: str) -> None:
        """Have it do something, without waiting for the end."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n".encode())
        await self._process.stdin.drain()

    async def hear(self) -> list[str]:
        """Return the next line that it says, in words."""
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().split()

    async def do(self, what: str) -> None:
        """Have it do something."""
        await self.ask(what)
        assert await self.hear() == ["done"], what


async def _rabbitmq(ground: Ground, count: int) -> Found:
    found = Found()
    broker = RabbitMQ(_directory(ground.home / "rabbitmq"))
    await broker.start()
    try:
        settings = BusSettings(kind="rabbitmq", url=SecretStr(broker.url()), prefix="bench")
        bus = RabbitBus(
            settings, process="bench", source="bench", spool=ground.spool, clock=ground.clock, tally=ground.tally,
            tasks=ground.tasks,
        )  # fmt: skip
        inbox = bus.subscribe("bench", DigitPressed)
        ground.write_journal(bus.journal())
        await bus.start()
        async with _teller(broker.url(), ground.home / "teller") as teller:
            await _between(ground, found, bus, inbox, teller, broker, count)
        await bus.close()
    finally:
        await broker.close()
    return found


async def _between(
    ground: Ground, found: Found, bus: RabbitBus, inbox: Inbox, teller: Teller, broker: RabbitMQ, count: int
) -> None:
    async def burst() -> float:
        await teller.ask("burst")
        return float((await teller.hear())[1])

    assert broker.pid is not None
    programs = {"teller": teller.pid, "journal writer": os.getpid(), "RabbitMQ": broker.pid}
    await teller.do(f"prepare {count}")
    await _measure_burst(ground, found, count, burst, programs)
    assert await teller.hear() == ["done"]
    await teller.do(f"prepare {STEADY_RATE * STEADY_S}")
    await _measure_lag(ground, found, lambda: teller.do(f"steady {STEADY_RATE}"))
    await _measure_round_trips(bus, found)
    await _measure_signals(ground, found, inbox, lambda: teller.do(f"signals {ROUND_TRIPS}"))


@asynccontextmanager
async def _teller(url: str, directory: Path) -> AsyncIterator[Teller]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", bus_teller.__name__, url, "bench", str(_directory(directory)),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    teller = Teller(process)
    try:
        assert await teller.hear() == ["ready"]
        yield teller
    finally:
        process.kill()
        await process.communicate()


def _directory(path: Path) -> Path:
    path.mkdir()
    return path


# --- measures ---------------------------------------------------------------------------------------------------------------


async def _measure_burst(
    ground: Ground, found: Found, count: int, burst: Callable[[], Awaitable[float]], programs: dict[str, int]
) -> None:
    def used() -> dict[str, float]:
        ours = set(programs.values()) - {os.getpid()}
        return {
            **{
                name: used_by_tree_s(pid, without={ground.server.pid, *(ours - {pid})})
                for name, pid in programs.items()
            },
            "PostgreSQL": used_by_tree_s(ground.server.pid),
        }

    before, machine = used(), Machine.look()
    began = await burst()
    await ground.written(count)
    found.facts_per_s = count / (ground.clock.now() - began)
    found.busy = Machine.look().busy_share_since(machine)
    found.us_per_fact = {name: (value - before[name]) / count * 1e6 for name, value in used().items()}


async def _measure_lag(ground: Ground, found: Found, steady: Callable[[], Awaitable[None]]) -> None:
    already = await ground.store.fetchval("SELECT count(*) FROM journal")
    ground.tally.observations.clear()
    await steady()
    await ground.written(already + STEADY_RATE * STEADY_S)
    found.lag_s = list(ground.tally.observations["journal_lag_seconds", ()])


async def _measure_round_trips(bus: Bus, found: Found) -> None:
    for _ in range(ROUND_TRIPS):
        watch = stopwatch()
        assert await bus.request(Hangup(node=NODE, call_id=CallId("c"))) == Done()
        found.round_trip_s.append(watch())


async def _measure_signals(ground: Ground, found: Found, inbox: Inbox, signals: Callable[[], Awaitable[None]]) -> None:
    async def listen() -> None:
        while len(found.signal_lag_s) < ROUND_TRIPS and (record := await inbox.get()) is not None:
            found.signal_lag_s.append(ground.clock.now() - record.at)

    listening = ground.tasks.spawn(listen(), name="listen")
    await signals()
    await asyncio.wait_for(listening, TIME_LIMIT_S)


def _report(found: dict[str, Found], count: int) -> Report:
    rows = [
        ("facts/s, spool to journal with projections", *(f"{f.facts_per_s:,.0f}" for f in found.values())),
        ("... of all processors in use", *(f"{f.busy:.0%}" for f in found.values())),
        *(_pair(f"lag at {STEADY_RATE:,}/s", p, [f.lag_s for f in found.values()]) for p in (50, 99)),
        *(_pair("round trip of a command", p, [f.round_trip_s for f in found.values()]) for p in (50, 99)),
        *(_pair("lag of a signal", p, [f.signal_lag_s for f in found.values()]) for p in (50, 99)),
    ]
    rabbit = found["rabbitmq"]
    price = {name: ", ".join(f"{p} {us:.0f}" for p, us in f.us_per_fact.items()) for name, f in found.items()}
    return Report(
        name="bus",
        title=f"{count} facts, and what goes beside them",
        head=("", *found),
        rows=rows,
        goal=f"through RabbitMQ {FACTS_GOAL:,} facts/s, and a lag (p99) below {milliseconds(LAG_GOAL_S, 0)} at {STEADY_RATE:,}/s",
        reached=rabbit.facts_per_s >= FACTS_GOAL and percentile(rabbit.lag_s, 99) < LAG_GOAL_S,
        notes=[
            *(f"microseconds of processor time per fact, {name}: {text}" for name, text in price.items()),
            "lag: from the happening of the oldest fact of a batch to its commit, fsync on in both stores",
        ],
        numbers={
            name: {
                "facts_per_s": f.facts_per_s,
                "busy": f.busy,
                "us_per_fact": f.us_per_fact,
                "lag_p50_s": percentile(f.lag_s, 50),
                "lag_p99_s": percentile(f.lag_s, 99),
                "round_trip_p50_s": percentile(f.round_trip_s, 50),
                "round_trip_p99_s": percentile(f.round_trip_s, 99),
                "signal_lag_p50_s": percentile(f.signal_lag_s, 50),
                "signal_lag_p99_s": percentile(f.signal_lag_s, 99),
            }
            for name, f in found.items()
        },
    )


def _pair(what: str, percent: int, values: list[list[float]]) -> tuple[str, ...]:
    return (f"{what}, p{percent}", *(milliseconds(percentile(v, percent), 2) for v in values))
