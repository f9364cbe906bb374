"""The reader of Asterisk's CEL file: rotation, truncation, half lines, restarts; and the journal completed from it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crm.api.calls import get_call
from crm.cel import reader as cel_reader
from crm.cel.lost_calls import PATIENCE_S, LostCallsService
from crm.cel.reader import CelReader
from crm.cel.reconcile import close_lost_calls, close_nameless_calls
from crm.journal.ledger import Ledger
from hotline.errors import Unavailable
from hotline.facts import CallArrived, CallEnded, Fact, SnapshotTaken
from hotline.ids import CallId, NodeId
from hotline.runtime.clock import ManualClock
from hotline.runtime.tasks import TaskGroup
from hotline.spool import Spool
from hotline.store.pool import Store
from hotline.tally import Tally
from tests.support.envelopes import T0, answered_call, arrived, ended, queued, told
from tests.support.postgres15 import BOTH
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


@BOTH
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


# --- calls that ended while nobody looked ------------------------------------------------------------------------------


def seen(*living: str, node: str = "node1", at: float = NOW) -> SnapshotTaken:
    return SnapshotTaken(at=at, node=NodeId(node), living=tuple(CallId(c) for c in living))


def at_node(node: str, name: str, at: float = 0.0) -> Fact:
    return msgspec.structs.replace(arrived(at, CallId(name)), node=NodeId(node))


async def write(store: Store, *facts: Fact, source: str = "test") -> None:
    await Ledger(store, Tally()).append(told(*facts, source=source))


@BOTH
async def test_open_calls_that_a_snapshot_does_not_show_are_closed(store: Store) -> None:
    await write(store, *answered_call(), arrived(0, CallId("open")), arrived(0, CallId("living")))
    kept: list[Fact] = []
    assert await close_lost_calls(store, seen("living"), kept.extend) == 1
    assert kept == [CallEnded(at=NOW, call_id=CallId("open"), reconciled=True)]
    await write(store, *kept, source="later")
    call = (await get_call(store, CallId("open"))).call
    assert (call.phase, call.reconciled, call.ended_by) == ("ended", True, "unknown")
    assert await close_lost_calls(store, seen("living"), kept.extend) == 0


async def test_a_snapshot_says_nothing_about_the_calls_of_another_node(store: Store) -> None:
    await write(store, at_node("node1", "here"), at_node("node2", "there"))
    kept: list[Fact] = []
    await close_lost_calls(store, seen(node="node1"), kept.extend)
    assert [f.call_id for f in kept if isinstance(f, CallEnded)] == ["here"]


@BOTH
async def test_a_call_whose_node_nobody_named_is_closed_when_no_node_shows_it(store: Store) -> None:
    await write(
        store, at_node("node1", "a"), at_node("node2", "b"), queued(5, CallId("lost")), queued(5, CallId("alive"))
    )
    kept: list[Fact] = []
    one, two = seen("a", node="node1"), seen("b", "alive", node="node2", at=NOW + 5)
    assert await close_lost_calls(store, one, kept.extend) == 0
    assert await close_nameless_calls(store, {one.node: one}, kept.extend) == 0
    assert await close_nameless_calls(store, {one.node: one, two.node: two}, kept.extend) == 1
    assert kept == [CallEnded(at=NOW + 5, call_id=CallId("lost"), reconciled=True)]


async def test_a_node_that_had_no_call_for_long_need_not_be_seen(store: Store) -> None:
    await write(store, at_node("gone", "old", -90_000), ended(-89_000, CallId("old")), queued(5, CallId("lost")))
    one = seen(node="node1")
    assert await close_nameless_calls(store, {one.node: one}, [].extend) == 1


async def test_the_service_waits_for_both_nodes_before_it_closes_what_neither_names(store: Store) -> None:
    await write(store, at_node("node1", "a"), at_node("node2", "b"), at_node("node2", "c"), queued(5, CallId("lost")))
    kept: list[Fact] = []
    service = LostCallsService(store, kept.extend, Tally())
    await service.handle(seen("a", node="node1"), NOW)
    await service.wake(NOW + PATIENCE_S)
    assert kept == []
    await service.handle(seen("b", node="node2", at=NOW + 20), NOW + 20)
    await service.wake(NOW + 20 + PATIENCE_S)
    assert [f.call_id for f in kept if isinstance(f, CallEnded)] == ["c", "lost"]
    assert service.next_deadline() is None


async def test_each_node_has_its_own_cel_and_its_own_place_in_it(bench: Bench, tmp_path: Path) -> None:
    other = CelReader(tmp_path / "other.csv", NodeId("node2"), bench.store, bench.spool, bench.kept.extend, Tally())
    (tmp_path / "other.csv").write_text(traced("9"))
    bench.append(TRACE)
    await bench.run()
    assert await other.run_once(NOW) == 3
    arrivals = {f.call_id: f.node for f in bench.kept if isinstance(f, CallArrived)}
    assert sorted(arrivals.values()) == ["node1", "node2"]
    assert {k.removeprefix("cel:") for k in bench.spool.recall("cel:")} == {"node1", "node2"}
    other.close()


# --- files that are not what they were -------------------------------------------------------------------------------------


async def test_a_file_that_was_emptied_and_has_grown_beyond_our_place_is_read_from_the_start(bench: Bench) -> None:
    bench.append(TRACE)
    await bench.run()
    bench.file.write_text(traced("7") + traced("8"))
    assert len(await bench.run()) == 6


async def test_a_new_file_with_the_number_of_the_old_one_is_read_from_the_start(bench: Bench) -> None:
    bench.append(TRACE)
    await bench.run()
    bench.reader.close()
    bench.file.write_text(traced("7") + traced("8"))  # the same inode
    bench.reader = bench.new_reader()
    assert len(await bench.run()) == 6


async def test_truncation_while_we_were_dead_starts_over(bench: Bench) -> None:
    bench.append(TRACE + traced("6"))
    await bench.run()
    bench.reader.close()
    bench.file.write_text(traced("7"))
    bench.reader = bench.new_reader()
    assert len(await bench.run()) == 3


async def test_two_rotations_while_we_were_dead_lose_nothing(bench: Bench) -> None:
    bench.append(TRACE)
    await bench.run()
    bench.reader.close()
    bench.append(traced("6"))
    bench.file.rename(bench.file.with_name("cel.csv.2"))
    bench.append(traced("7"))
    bench.file.rename(bench.file.with_name("cel.csv.1"))
    bench.file.with_name("cel.csv.3.gz").write_bytes(b"old and packed")
    bench.append(traced("8"))
    bench.reader = bench.new_reader()
    for _ in range(3):
        await bench.run()
    assert [f.call_id[0] for f in bench.kept if isinstance(f, CallArrived)] == ["2", "6", "7", "8"]
