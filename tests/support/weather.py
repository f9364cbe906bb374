"""Storage that freezes, dies and comes back while calls go on, phase by phase; and the table of what callers noticed of it."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

from hotline.errors import Unavailable
from hotline.runtime.clock import SteadyClock
from hotline.store.pool import Store
from tests.support.accounts import spool_of
from tests.support.load import Load, Story
from tests.support.rabbitmq import RabbitMQ
from tests.support.running import Member
from tests.support.wait import eventually
from tests.support.watch import Postgres, Watch

CATCH_UP_S = 120.0
COLUMNS = (
    "phase", "s", "placed", "talked", "gave up", "failed", "fallback", "wait p50", "wait p95", "spool", "memory MB", "caught up s"
)  # fmt: skip
_OVER = "SELECT count(*) FROM v_call WHERE caller_number = ANY($1) AND ended_at IS NOT NULL AND arrived_at >= $2"


@dataclass(frozen=True, kw_only=True)
class Phase:
    """So long something is away."""

    name: str
    seconds: float
    frozen: bool = False
    """PostgreSQL is stopped (SIGSTOP) for the whole phase."""
    killed: bool = False
    """RabbitMQ is killed at the begin, and started again at the end."""


@dataclass(kw_only=True)
class Report:
    """What a phase was like."""

    phase: Phase
    stories: list[Story] = field(default_factory=list)
    fell_back: int = 0
    """Calls that Asterisk's own fallback queue served, because nobody of ours was there."""
    spool: int = 0
    memory_mb: float = 0.0
    """Of all watched processes together, each at its largest."""
    caught_up_s: float | None = None
    """How long after the end of the trouble every call that was over had its row with an end."""

    @property
    def waits(self) -> list[float]:
        """Return how long the callers of this phase waited for an agent, the shortest first."""
        return sorted(w for s in self.stories if (w := s.wait_s) is not None)

    def row(self) -> tuple[str, ...]:
        """Return a line of the table."""
        hows = [s.how for s in self.stories]
        late = "-" if self.caught_up_s is None else f"{self.caught_up_s:.1f}"
        return (
            self.phase.name, f"{self.phase.seconds:.0f}", str(len(hows)), str(hows.count("talked")), str(hows.count("gave_up")),
            str(sum(s.failed for s in self.stories)), str(self.fell_back), _percentile(self.waits, 50), _percentile(self.waits, 95),
            str(self.spool), f"{self.memory_mb:.0f}", late,
        )  # fmt: skip


class Weather:
    """Plays phases on a hotline under load: `reports` says what each was like."""

    def __init__(
        self,
        load: Load,
        postgres: Postgres,
        broker: RabbitMQ | None,
        watched: Sequence[Member],
        dsn: str,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._tell = tell
        self.load = load
        self.reports: list[Report] = []
        self._postgres = postgres
        self._broker = broker
        self._members = watched
        self._dsn = dsn
        self._watch = Watch(watched, self._pids, lambda: load.phase)

    def _pids(self) -> Mapping[str, int]:
        found = {m.data_dir.name: m.pid for m in self._members}
        found |= {
            f"{m.data_dir.name} asterisk": m.runtime["asterisk"]["pid"]
            for m in self._members
            if "asterisk" in m.runtime
        }
        if self._broker is not None and (pid := self._broker.pid) is not None:
            found["rabbitmq"] = pid
        return found

    async def play(self, phases: Sequence[Phase]) -> Watch:
        """Play all phases; at the end no more calls are placed, and all have ended."""
        async with self._watch as watch:
            for phase in phases:
                await self._one(phase)
            self.load.enough()
            self.load.phase = "end"
            await self.load.over()
        for report in self.reports:
            name = report.phase.name
            report.stories = [s for s in self.load.placed_stories() if s.phase == name]
            report.spool = watch.most_spooled(name)
            report.memory_mb = sum(watch.most_memory_mb(name).values())
        return watch

    def count_fallback(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take from the rows of the calls how many went to the fallback queue."""
        fell = {row["caller_number"] for row in rows if row["outcome"] == "fallback"}
        for report in self.reports:
            report.fell_back = sum(s.number in fell for s in report.stories)

    async def _one(self, phase: Phase) -> None:
        report = Report(phase=phase)
        self.reports.append(report)
        self.load.phase = phase.name
        self._tell(f"{phase.name} ({phase.seconds:.0f} s); {len(self.load.placed_stories())} calls placed")
        try:
            if phase.frozen:
                self._postgres.freeze()
            if phase.killed:
                assert self._broker is not None
                await self._broker.kill()
            await asyncio.sleep(phase.seconds)  # the length of the trouble, not a wait for something
        finally:
            if phase.killed:
                assert self._broker is not None
                await self._broker.start()
            if phase.frozen:
                self._postgres.thaw()
        if phase.frozen or phase.killed:
            report.caught_up_s = await self._catch_up()

    async def _catch_up(self) -> float:
        """Wait until every call that is over now has its row, while calls go on; return how long that took."""
        clock = SteadyClock()
        began = clock.now()
        numbers = [s.number for s in self.load.placed_stories() if s.phone.state == "over"]
        since = datetime.fromtimestamp(self.load.began, UTC)
        store = await Store.open(self._dsn, size=1, command_timeout_s=5.0)
        try:

            async def rows() -> bool:
                try:
                    found = await store.fetchval(_OVER, numbers, since)
                except Unavailable as exc:
                    raise AssertionError(str(exc)) from exc
                assert found >= len(numbers), f"{found} of {len(numbers)} calls"
                return True

            await eventually(rows, within_s=CATCH_UP_S, every_s=0.2, what="the rows of all calls that are over")
        finally:
            await store.close()
        return clock.now() - began


def table(reports: Sequence[Report]) -> str:
    """Return the reports as lines of text."""
    rows = [COLUMNS, *(r.row() for r in reports)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


async def drained(members: Sequence[Member]) -> None:
    """Wait until no spool holds anything."""

    async def empty() -> bool:
        waiting = {m.data_dir.name: await spool_of(m) for m in members}
        assert not any(waiting.values()), waiting
        return True

    await eventually(empty, within_s=30.0, every_s=0.2, what="empty spools")


def _percentile(values: Sequence[float], percent: int) -> str:
    if len(values) < 2:
        return "-" if not values else f"{values[0]:.1f}"
    return f"{quantiles(values, n=100, method='inclusive')[percent - 1]:.1f}"
