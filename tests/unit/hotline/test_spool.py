"""The spool keeps what it was given, whatever happens to the process, the file or the disk."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hotline import spool as spool_module
from hotline.errors import Misuse, Unavailable
from hotline.facts import CallArrived, CallEnded, Envelope, Fact, IvrStepTaken
from hotline.ids import CallId, LegId, NodeId
from hotline.runtime.clock import ManualClock
from hotline.spool import Spool
from hotline.spool_log import Changes
from hotline.tally import Tally


def ended(number: int) -> CallEnded:
    return CallEnded(at=float(number), call_id=CallId(f"call-{number}"))


def step(number: int) -> IvrStepTaken:
    return IvrStepTaken(
        at=1.0, call_id=CallId(f"call-{number}"), flow="main", flow_version="1", step="menu", result="played"
    )


class Desk:
    """A place for spools, with the clock and the tally of all of them."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "spool.db"
        self.clock = ManualClock()
        self.tally = Tally()
        self.spools: list[Spool] = []

    def open(self, max_facts: int = 1000, path: Path | None = None) -> Spool:
        spool = Spool.open(path or self.path, source="node1", max_facts=max_facts, clock=self.clock, tally=self.tally)
        self.spools.append(spool)
        return spool

    def fill(self, path: Path) -> None:
        """Keep more than the disk holds, then deliver all of it."""
        spool = self.open(max_facts=100_000, path=path)
        facts = [ended(i) for i in range(3000)]
        for start in range(0, 3000, 100):
            spool.keep(facts[start : start + 100])
        assert self.counted("spool_write_errors") > 0
        delivered = []
        while spool.count:
            got = spool.peek(500)
            delivered += facts_of(got)
            spool.remove(got[-1][0])
            self.clock.advance(2)
        assert delivered == facts

    def close(self) -> None:
        for spool in self.spools:
            spool._file.close()

    def counted(self, name: str, **labels: str) -> float:
        return self.tally.counts[name, tuple(sorted(labels.items()))]


@pytest.fixture
def desk(tmp_path: Path):
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def facts_of(envelopes: list[tuple[int, Envelope]]) -> list[Fact]:
    return [envelope.fact for _, envelope in envelopes]


def test_facts_come_out_oldest_first_with_growing_numbers_and_ids_of_their_own(desk: Desk) -> None:
    spool = desk.open()
    spool.keep([ended(1), ended(2)])
    spool.keep([ended(3)])
    got = spool.peek(10)
    assert facts_of(got) == [ended(1), ended(2), ended(3)]
    assert [(n, e.seq, e.source) for n, e in got] == [(1, 1, "node1"), (2, 2, "node1"), (3, 3, "node1")]
    assert len({e.fact_id for _, e in got}) == 3


def test_a_look_takes_nothing_away_and_obeys_its_limit(desk: Desk) -> None:
    spool = desk.open()
    spool.keep([ended(i) for i in range(5)])
    assert facts_of(spool.peek(2)) == [ended(0), ended(1)]
    assert len(spool.peek(10)) == spool.count == 5


def test_removed_facts_do_not_come_again(desk: Desk) -> None:
    spool = desk.open()
    spool.keep([ended(i) for i in range(1, 7)])
    spool.remove(2)
    spool.remove([4, 6])
    assert facts_of(spool.peek(10)) == [ended(3), ended(5)]
    assert spool.count == 2


def test_after_a_clean_end_the_same_envelopes_come_again_and_numbers_go_on(desk: Desk) -> None:
    spool = desk.open()
    spool.keep([ended(1), ended(2)])
    before = spool.peek(10)
    spool.close()
    spool = desk.open()
    assert spool.peek(10) == before
    spool.remove(2)
    spool.close()
    spool = desk.open()
    spool.keep([ended(3)])
    assert [n for n, _ in spool.peek(10)] == [3]


def test_small_values_are_remembered_across_a_restart(desk: Desk) -> None:
    spool = desk.open()
    spool.remember("offer/1", b"a")
    spool.remember("offer/2", b"b")
    spool.remember("other", b"\0")
    spool.remember("offer/2", None)
    spool.close()
    spool = desk.open()
    assert spool.recall("offer/") == {"offer/1": b"a"}
    assert spool.recall() == {"offer/1": b"a", "other": b"\0"}


def test_a_prefix_is_taken_literally(desk: Desk) -> None:
    spool = desk.open()
    spool.remember("a_b", b"1")
    spool.remember("axb", b"2")
    assert spool.recall("a_") == {"a_b": b"1"}


async def test_all_facts_of_one_turn_are_one_transaction(desk: Desk) -> None:
    spool = desk.open()
    applied: list[int] = []
    apply = spool._file.apply
    spool._file.apply = lambda changes: (applied.append(len(changes.rows)), apply(changes))  # type: ignore[method-assign,assignment,return-value]
    for i in range(10):
        spool.keep([ended(i)])
    spool.remember("k", b"v")
    assert applied == []
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert applied == [10]
    assert spool.recall() == {"k": b"v"}


async def test_what_is_remembered_is_never_written_before_the_facts_of_its_turn(desk: Desk, monkeypatch) -> None:
    monkeypatch.setattr(spool_module, "ROWS_PER_TRANSACTION", 3)
    spool = desk.open()
    spool.keep([ended(i) for i in range(8)])
    spool.remember("seen", b"8")
    while not spool._file.recall("seen"):
        assert spool._file.count < 8
        await asyncio.sleep(0)
    assert spool._file.count == 8


async def test_waiting_ends_with_the_first_fact(desk: Desk) -> None:
    spool = desk.open()
    waiting = asyncio.ensure_future(spool.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    spool.keep([ended(1)])
    await asyncio.wait_for(waiting, 1)
    spool.remove(1)
    waiting = asyncio.ensure_future(spool.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


def test_at_the_limit_detail_is_shed_and_counted_and_outcomes_are_kept(desk: Desk) -> None:
    spool = desk.open(max_facts=2)
    spool.keep([step(1), step(2), step(3), ended(1), step(4)])
    assert facts_of(spool.peek(10)) == [step(1), step(2), ended(1)]
    assert desk.counted("spool_shed", type="IvrStepTaken") == 2
    assert [e.seq for _, e in spool.peek(10)] == [1, 2, 3]  # what was shed leaves no gap: a gap means a loss
    spool.remove(3)
    spool.keep([step(5)])
    assert facts_of(spool.peek(10)) == [step(5)]


def test_the_levels_tell_how_much_waits_and_how_long(desk: Desk) -> None:
    spool = desk.open()
    desk.tally.refresh()
    assert desk.tally.levels == {("spool_facts", ()): 0.0, ("spool_oldest_seconds", ()): 0.0}
    spool.keep([ended(1)])
    desk.clock.advance(7)
    spool.keep([ended(2)])
    desk.tally.refresh()
    assert desk.tally.levels == {("spool_facts", ()): 2.0, ("spool_oldest_seconds", ()): 7.0}


def test_two_processes_cannot_share_a_file(desk: Desk) -> None:
    desk.open()
    with pytest.raises(Misuse, match="in use"):
        desk.open()


def test_a_place_that_cannot_be_used_is_one_sentence(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misuse, match="cannot use"):
        desk.open(path=tmp_path / "file" / "spool.db")
    (tmp_path / "directory.db").mkdir()
    with pytest.raises(Unavailable):
        desk.open(path=tmp_path / "directory.db")


# --- the disk ----------------------------------------------------------------------------------------------------------


class FullDisk:
    """Lets a spool's transactions fail as on a full disk."""

    def __init__(self, spool: Spool) -> None:
        self.tries = 0
        self._file = spool._file
        self._apply = spool._file.apply
        spool._file.apply = self.refuse  # type: ignore[method-assign]

    def refuse(self, changes: Changes) -> None:
        self.tries += 1
        raise Unavailable("database or disk is full")

    def mend(self) -> None:
        self._file.apply = self._apply  # type: ignore[method-assign]


def test_with_a_full_disk_facts_are_kept_and_delivered_from_memory(desk: Desk) -> None:
    spool = desk.open()
    spool.keep([ended(1), ended(2)])
    full = FullDisk(spool)
    spool.keep([ended(3), ended(4)])
    assert facts_of(spool.peek(10)) == [ended(1), ended(2), ended(3), ended(4)]
    spool.remove(3)
    assert spool.count == 1
    assert facts_of(spool.peek(10)) == [ended(4)]
    spool.remove([4])
    assert spool.count == 0
    assert desk.counted("spool_write_errors") >= 1
    spool.keep([ended(5)])
    spool.remove([1])
    assert facts_of(spool.peek(10)) == [ended(5)]
    full.mend()
    desk.clock.advance(2)
    assert spool.flush()
    assert facts_of(spool.peek(10)) == [ended(5)]


def test_with_a_full_disk_what_was_removed_does_not_come_again(desk: Desk) -> None:
    spool = desk.open()
    spool.keep([ended(i) for i in range(1, 6)])
    FullDisk(spool)
    spool.remove([2])
    spool.remove(1)
    assert facts_of(spool.peek(2)) == [ended(3), ended(4)]
    assert spool.count == 3


def test_a_full_disk_is_tried_once_a_second_not_for_every_fact(desk: Desk) -> None:
    spool = desk.open()
    full = FullDisk(spool)
    for i in range(100):
        spool.keep([ended(i)])
    assert full.tries == 1
    full.mend()
    desk.clock.advance(1.1)
    spool.keep([ended(100)])
    assert spool._file.count == 101


async def test_a_running_loop_tries_a_full_disk_again_by_itself(desk: Desk, monkeypatch) -> None:
    monkeypatch.setattr(spool_module, "RETRY_S", 0.02)
    spool = desk.open()
    full = FullDisk(spool)
    spool.keep([ended(1)])
    async with asyncio.timeout(5):
        while full.tries < 2:
            await asyncio.sleep(0.005)
            desk.clock.advance(0.005)
        full.mend()
        while spool._file.count == 0:
            await asyncio.sleep(0.005)
            desk.clock.advance(0.005)


def test_memory_is_bounded_while_the_disk_is_full(desk: Desk, monkeypatch) -> None:
    monkeypatch.setattr(spool_module, "MEMORY_LIMIT", 3)
    monkeypatch.setattr(spool_module, "MEMORY_HARD_LIMIT", 5)
    spool = desk.open()
    FullDisk(spool)
    spool.keep([step(1), step(2), step(3), step(4), ended(1), ended(2), ended(3)])
    assert facts_of(spool.peek(10)) == [step(1), step(2), step(3), ended(1), ended(2)]
    assert desk.counted("spool_shed", type="IvrStepTaken") == 1
    assert desk.counted("spool_lost", type="CallEnded") == 1


@pytest.mark.skipif(not Path("/dev/shm").is_dir() or os.geteuid() != 0, reason="mounts a small file system")
def test_a_really_full_disk_costs_nothing_that_was_kept(desk: Desk, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "none", small], check=False).returncode != 0:
        pytest.skip("this machine mounts nothing")
    try:
        desk.fill(small / "spool.db")
    finally:
        desk.close()
        subprocess.run(["umount", small], check=True)


# --- the file ----------------------------------------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_moved_aside_and_numbers_leap(desk: Desk) -> None:
    desk.path.write_bytes(b"this is not a database" * 1000)
    spool = desk.open()
    spool.keep([ended(1)])
    [(number, envelope)] = spool.peek(10)
    assert envelope.fact == ended(1)
    assert number > 10**12
    assert len(list(desk.path.parent.glob("spool.db.damaged-*"))) == 1
    assert desk.counted("spool_damaged") == 1


def spoil(path: Path) -> None:
    """Overwrite the last pages, as a bad disk does."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * (size - size // 2))


def test_damage_found_on_the_way_saves_what_can_be_read_and_goes_on(desk: Desk) -> None:
    spool = desk.open(max_facts=10_000)
    spool.keep([ended(i) for i in range(2000)])
    spool.remember("key", b"value")
    spool.close()
    spoil(desk.path)
    spool = desk.open(max_facts=10_000)
    spool.keep([ended(9999)])
    got = facts_of(spool.peek(5000))
    assert got[-1] == ended(9999)
    assert got[:-1] == [ended(i) for i in range(len(got) - 1)]
    assert len(got) > 100
    assert desk.counted("spool_damaged") == 1
    spool.remove(spool.peek(5000)[-1][0])
    assert spool.count == 0


def test_a_row_of_a_newer_program_is_put_aside_and_does_not_block(desk: Desk) -> None:
    spool = desk.open()
    spool.keep([ended(1), ended(2), ended(3)])
    spool._file.carry()
    spool._file._db.execute("""UPDATE fact SET data = replace(data, '"v":1', '"v":9') WHERE n = 2""")
    assert facts_of(spool.peek(10)) == [ended(1), ended(3)]
    assert spool.count == 2
    assert desk.counted("spool_dead", reason="newer_version") == 1
    with sqlite3.connect(desk.path) as db:
        assert db.execute("SELECT n, reason FROM dead").fetchall() == [(2, "newer_version")]
    db.close()


def test_a_fact_that_cannot_be_encoded_is_counted_and_hurts_no_other(desk: Desk) -> None:
    spool = desk.open()
    broken = CallArrived(at=1.0, call_id=CallId("c"), node=NodeId("n"), leg=LegId("\ud800"), number="4000")
    spool.keep([ended(1), broken, ended(2)])
    assert [(n, e.fact) for n, e in spool.peek(10)] == [(1, ended(1)), (2, ended(2))]
    assert desk.counted("spool_lost", type="CallArrived") == 1


async def test_a_long_log_is_carried_into_the_file_by_a_thread(desk: Desk, monkeypatch) -> None:
    monkeypatch.setattr("hotline.spool_file.WAL_LIMIT_BYTES", 50_000)
    spool = desk.open(max_facts=100_000)
    before = desk.path.stat().st_size
    async with asyncio.timeout(10):
        while desk.path.stat().st_size == before:
            spool.keep([ended(i) for i in range(100)])
            await asyncio.sleep(0.001)
        while spool._checkpoint is not None:
            await asyncio.sleep(0.001)


# --- the log in front of it -------------------------------------------------------------------------------------------


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-log")


def in_database(path: Path) -> int:
    with sqlite3.connect(path) as db:
        found = int(db.execute("SELECT count(*) FROM fact").fetchone()[0])
    db.close()
    return found


def die(desk: Desk, path: Path) -> Spool:
    """Open what the disk holds now, as the life after a kill does."""
    path.parent.mkdir()
    for ending in ("", "-wal", "-log"):
        shutil.copy(str(desk.path) + ending, str(path) + ending)
    return desk.open(path=path, max_facts=10_000)


def test_what_is_delivered_soon_never_comes_into_the_database(desk: Desk) -> None:
    spool = desk.open()
    for number in range(1, 50):
        spool.keep([ended(number)])
        spool.remove(number)
    assert log_of(desk.path).stat().st_size > 0
    spool.close()
    with sqlite3.connect(desk.path) as db:
        assert db.execute("SELECT seq FROM sqlite_sequence").fetchall() == [(49,)]
    db.close()
    assert in_database(desk.path) == log_of(desk.path).stat().st_size == 0


def test_a_long_log_is_carried_into_the_database_and_begins_anew(desk: Desk, monkeypatch) -> None:
    monkeypatch.setattr("hotline.spool_file.LOG_LIMIT_BYTES", 2_000)
    spool = desk.open()
    for number in range(1, 40):
        spool.keep([ended(number)])
        spool.remember("seen", str(number).encode())
        spool.flush()
        assert log_of(desk.path).stat().st_size < 2_500
    assert 20 < in_database(desk.path) < 39
    assert facts_of(spool.peek(100)) == [ended(n) for n in range(1, 40)]
    assert die(desk, desk.path.parent / "next" / "spool.db").recall() == {"seen": b"39"}


def test_a_log_that_the_database_took_in_is_not_taken_in_again(desk: Desk, monkeypatch) -> None:
    spool = desk.open()
    spool.keep([ended(1), ended(2)])
    spool.remember("key", b"old")
    spool.flush()
    assert spool._file._log is not None
    monkeypatch.setattr(spool._file._log, "empty", lambda: None)  # we are killed between the commit and this
    spool._file.carry()
    spool._file._db.execute("DELETE FROM fact")
    spool._file._db.execute("UPDATE memory SET value = 'new'")
    again = die(desk, desk.path.parent / "next" / "spool.db")
    assert again.count == 0
    assert again.recall() == {"key": "new"}


def test_a_record_without_its_end_was_never_acknowledged(desk: Desk) -> None:
    spool = desk.open()
    spool.keep([ended(1)])
    spool.keep([ended(2)])
    with log_of(desk.path).open("r+b") as file:
        file.truncate(log_of(desk.path).stat().st_size - 1)
    again = die(desk, desk.path.parent / "next" / "spool.db")
    assert facts_of(again.peek(10)) == [ended(1)]
    assert desk.counted("spool_damaged") == 0
    again.keep([ended(3)])
    assert [n for n, _ in again.peek(10)] == [1, 2]


@pytest.mark.parametrize("where", ["head", "middle"])
def test_a_damaged_log_is_moved_aside_and_numbers_leap(desk: Desk, where: str) -> None:
    spool = desk.open()
    for number in range(1, 5):
        spool.keep([ended(number)])
    size = log_of(desk.path).stat().st_size
    with log_of(desk.path).open("r+b") as file:
        file.seek(0 if where == "head" else size // 2)
        file.write(b"\xff\xfe")
    path = desk.path.parent / "next" / "spool.db"
    again = die(desk, path)
    saved = facts_of(again.peek(10))
    assert saved == [ended(n) for n in range(1, len(saved) + 1)]
    assert len(saved) == 0 if where == "head" else 1 <= len(saved) < 4
    again.keep([ended(9)])
    assert again.peek(10)[-1][0] > 10**12
    assert len(list(path.parent.glob("spool.db.damaged-*"))) == 1
    assert desk.counted("spool_damaged") == 1


def test_where_the_log_has_no_room_the_database_may_have_some(desk: Desk, monkeypatch) -> None:
    spool = desk.open()
    spool.keep([ended(1)])
    real = os.write
    monkeypatch.setattr("hotline.spool_log.os.write", lambda file, data: real(file, data[:10]))
    spool.keep([ended(2)])
    assert in_database(desk.path) == 2
    assert desk.counted("spool_write_errors") == 0
    spool.keep([ended(3)])
    monkeypatch.undo()
    spool.keep([ended(4)])
    assert facts_of(die(desk, desk.path.parent / "next" / "spool.db").peek(10)) == [ended(n) for n in range(1, 5)]


# --- our death ---------------------------------------------------------------------------------------------------------

VICTIM = """
    import asyncio, sys
    from pathlib import Path
    from hotline.facts import CallEnded
    from hotline.runtime.clock import SteadyClock
    from hotline.spool import Spool
    from hotline.tally import Tally

    async def main():
        spool = Spool.open(Path(sys.argv[1]), source="victim", max_facts=10**6, clock=SteadyClock(), tally=Tally())
        number = 0
        while True:
            for _ in range(7):
                number += 1
                spool.keep([CallEnded(at=float(number), call_id=f"call-{number}")])
            spool.remember("last", str(number).encode())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            print(number, flush=True)

    asyncio.run(main())
"""


def test_kill_9_loses_nothing_that_was_told_and_numbers_go_on(desk: Desk) -> None:
    victim = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(VICTIM), str(desk.path)], stdout=subprocess.PIPE, text=True
    )
    assert victim.stdout is not None
    told = [int(victim.stdout.readline()) for _ in range(200)]
    victim.send_signal(signal.SIGKILL)
    told += [int(line) for line in victim.stdout.read().splitlines()]
    victim.wait()
    victim.stdout.close()
    spool = desk.open(max_facts=10**6)
    numbers = [n for n, _ in spool.peek(10**6)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= told[-1]
    assert int(spool.recall()["last"]) <= len(numbers)
    spool.keep([ended(0)])
    assert spool.peek(10**6)[-1][0] == len(numbers) + 1


def test_a_copy_of_the_files_of_a_running_spool_holds_everything(desk: Desk, tmp_path: Path) -> None:
    spool = desk.open()
    spool.keep([ended(1), ended(2)])
    copy = tmp_path / "copy.db"
    for ending in ("", "-wal", "-log"):
        shutil.copy(str(desk.path) + ending, str(copy) + ending)
    assert desk.open(path=copy).peek(10) == spool.peek(10)
