"""The reader of Asterisk's CEL file: rotation, truncation, half lines, restarts; and the journal completed from it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crm import cel_reader
from crm.calls import get_call
from crm.cel_reader import CelReader
from crm.ledger import Ledger
from crm.reconcile import close_lost_calls, open_calls
from hotline.errors import Unavailable
from hotline.facts import CallEnded, Fact
from hotline.ids import CallId, NodeId
from hotline.runtime.clock import ManualClock
from hotline.runtime.tasks import TaskGroup
from hotline.spool import Spool
from hotline.store.pool import Store
from hotline.tally import Tally
from tests.support.envelopes import CALL, T0, answered_call, arrived, ended, told
from tests.support.wait import eventually

pytestmark = pytest.mark.real
TRACE = (Path(__file__).parents[2] / "data" / "cel" / "fallback.csv").read_text()
TRACED = CallId("2bc1b728-1c84-48d4-9ffe-2afd99ccf904")
NODE = NodeId("node1")
NOW = T0 + 600


def traced(name: str) -> str:
    """Return the trace as that of another call."""
    return TRACE.replace("2bc1b728", name).replace("1795300800.2", f"1795300800.{name}")


class Bench:
    """A CEL file, a spool, and readers one after another."""

    def __init__(self, store: Store, spool: Spool, file: Path) -> None:
        self.store, self.spool, self.file = store, spool, file
        self.kept: list[Fact] = []
        self.reader = self.new_reader()

    def new_reader(self) -> CelReader:
        return CelReader(self.file, NODE, self.store, self.spool, self.kept.extend, Tally())

    def restart(self) -> None:
        self.reader.close()
        self.reader = self.new_reader()

    def append(self, text: str) -> None:
        with self.file.open("a") as out:
            out.write(text)

    async def run(self, now: float = NOW) -> list[str]:
        """Let the reader run until it finds nothing, write what it kept, and return its kinds."""
        start = len(self.kept)
        while await self.reader.run_once(now):
            pass
        new = self.kept[start:]
        if new:
            await Ledger(self.store, Tally()).append(told(*new, source=f"cel-{start}"))
        return [type(f).__name__ for f in new]


@pytest.fixture
def bench(store: Store, tmp_path: Path) -> Iterator[Bench]:
    clock = ManualClock(T0)
    spool = Spool.open(tmp_path / "spool.db", source="test", max_facts=1000, clock=clock, tally=Tally())
    found = Bench(store, spool, tmp_path / "cel.csv")
    yield found
    found.reader.close()
    spool.close()


async def test_a_call_that_only_asterisk_knew_gets_its_row(bench: Bench) -> None:
    assert await bench.run() == []
    bench.append(TRACE)
    assert await bench.run() == ["CallArrived", "CallFellBack", "CallEnded"]
    call = (await get_call(bench.store, TRACED)).call
    assert (call.outcome, call.fallback_reason, call.reconciled) == ("fallback", "no_heartbeat", True)


async def test_nothing_is_told_twice_not_even_after_a_restart(bench: Bench) -> None:
    bench.append(TRACE)
    await bench.run()
    assert await bench.run() == []
    bench.restart()
    assert await bench.run() == []


async def test_a_restart_goes_on_where_the_last_one_was(bench: Bench) -> None:
    bench.append(TRACE)
    await bench.run()
    bench.restart()
    bench.append(traced("7"))
    assert len(await bench.run()) == 3


async def test_a_call_in_the_middle_of_a_restart_is_still_completed(bench: Bench) -> None:
    lines = TRACE.splitlines(keepends=True)
    bench.append("".join(lines[:6]))
    assert await bench.run() == ["CallArrived", "CallFellBack"]
    bench.restart()
    bench.append("".join(lines[6:]))
    assert await bench.run() == ["CallEnded"]


async def test_half_a_line_waits_for_its_end(bench: Bench) -> None:
    bench.append(TRACE[:-200])
    bench.append(TRACE[-200:-70])
    await bench.run()
    bench.append(TRACE[-70:])
    await bench.run()
    assert sorted(type(f).__name__ for f in bench.kept) == ["CallArrived", "CallEnded", "CallFellBack"]


@pytest.mark.parametrize("restart", [False, True])
async def test_rotation_loses_nothing(bench: Bench, restart: bool) -> None:
    bench.append(TRACE)
    await bench.run()
    bench.append(traced("7"))
    bench.file.rename(bench.file.with_name("cel.csv.1"))
    bench.append(traced("8"))
    if restart:
        bench.restart()
    assert len(await bench.run()) + len(await bench.run()) == 6


async def test_truncation_starts_over(bench: Bench) -> None:
    bench.append(TRACE + traced("6"))
    await bench.run()
    bench.file.write_text(traced("7"))
    assert len(await bench.run()) == 3


async def test_without_the_database_nothing_is_forgotten(bench: Bench, dsn: str) -> None:
    bench.append(TRACE)
    await bench.store.close()
    with pytest.raises(Unavailable):
        await bench.reader.run_once(NOW)
    bench.restart()
    bench.store = await Store.open(dsn, size=1)
    bench.restart()
    assert len(await bench.run()) == 3
    await bench.store.close()


class Flaky:
    """A store that is away for the first three questions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.refused = 0

    async def fetch(self, sql: str, *args: object) -> Any:
        if self.refused < 3:
            self.refused += 1
            raise Unavailable("gone")
        return await self._store.fetch(sql, *args)


async def test_the_task_goes_on_when_the_database_comes_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cel_reader, "INTERVAL_S", 0.01)
    flaky, kept, tasks = Flaky(bench.store), list[Fact](), TaskGroup("test")
    reader = CelReader(bench.file, NODE, flaky, bench.spool, kept.extend, Tally())  # type: ignore[arg-type]
    bench.append(TRACE)
    tasks.spawn(reader.run(ManualClock(NOW)), name="cel")
    await eventually(lambda: len(kept) == 3)
    assert flaky.refused == 3
    await tasks.close()
    reader.close()


async def test_facts_told_the_ordinary_way_are_left_alone(bench: Bench) -> None:
    facts = [arrived(0, TRACED), ended(3, TRACED)]
    await Ledger(bench.store, Tally()).append(told(*facts))
    bench.append(TRACE)
    assert await bench.run() == ["CallFellBack"]


async def test_open_calls_of_a_node_are_found_and_closed(store: Store) -> None:
    await Ledger(store, Tally()).append(told(*answered_call(), arrived(0, CallId("open"))))
    found = await open_calls(store, NODE)
    assert [(c.call_id, c.arrived_at) for c in found] == [("open", T0)]
    facts: list[Fact] = []
    assert await close_lost_calls(store, NODE, {CALL}, NOW, facts.extend) == 1
    assert facts == [CallEnded(at=NOW, call_id=CallId("open"), reconciled=True)]
    await Ledger(store, Tally()).append(told(*facts, source="later"))
    assert await open_calls(store, NODE) == []
