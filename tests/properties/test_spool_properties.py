"""Any sequence of keep, write, look, remove, restart and death: nothing is lost, and only what was not removed comes again."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hotline.errors import Unavailable
from hotline.facts import CallEnded
from hotline.ids import CallId
from hotline.runtime.clock import ManualClock
from hotline.spool import RETRY_S, Spool
from hotline.spool_log import Changes
from hotline.tally import Tally


class SpoolMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="spool-"))
        self.generation = 0
        self.clock = ManualClock()
        self.disk_full = False
        self.told = 0
        self.waiting: list[tuple[int, CallEnded]] = []  # what must come, by number
        self.remembered: dict[str, bytes] = {}
        self.open()

    def open(self) -> None:
        path = self.directory / str(self.generation) / "spool.db"
        self.spool = Spool.open(path, source="s", max_facts=10**6, clock=self.clock, tally=Tally())
        apply = self.spool._file.apply

        def maybe(changes: Changes) -> None:
            if self.disk_full:
                raise Unavailable("database or disk is full")
            apply(changes)

        self.spool._file.apply = maybe  # type: ignore[method-assign]

    @rule(count=st.integers(1, 5))
    def keep(self, count: int) -> None:
        for _ in range(count):
            self.told += 1
            fact = CallEnded(at=float(self.told), call_id=CallId(f"call-{self.told}"))
            self.spool.keep([fact])
            self.waiting.append((self.spool._seq, fact))

    @rule()
    def flush(self) -> None:
        assert self.spool.flush() is (not self.disk_full or not self.spool._changes)

    @rule(limit=st.integers(1, 8))
    def peek(self, limit: int) -> None:
        assert [(n, e.fact) for n, e in self.spool.peek(limit)] == self.waiting[:limit]

    @rule(limit=st.integers(1, 8))
    def deliver(self, limit: int) -> None:
        got = self.spool.peek(limit)
        if got:
            self.spool.remove(got[-1][0])
            self.waiting = [(n, f) for n, f in self.waiting if n > got[-1][0]]

    @rule(data=st.data())
    def remove_some(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sets(st.sampled_from([n for n, _ in self.waiting]))) if self.waiting else set()
        self.spool.remove(chosen)
        self.waiting = [(n, f) for n, f in self.waiting if n not in chosen]

    @rule(key=st.sampled_from(["a", "b"]), value=st.none() | st.binary(max_size=3))
    def remember(self, key: str, value: bytes | None) -> None:
        self.spool.remember(key, value)
        self.remembered.pop(key, None)
        if value is not None:
            self.remembered[key] = value

    @rule()
    def fill_or_free_the_disk(self) -> None:
        self.disk_full = not self.disk_full

    @rule()
    def time_goes_by(self) -> None:
        self.clock.advance(RETRY_S + 0.1)

    @precondition(lambda self: not self.disk_full)
    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.open()

    @precondition(lambda self: not self.disk_full)
    @rule()
    def die(self) -> None:
        """What the disk holds at this moment is all that the next process has."""
        self.spool.flush()
        old = self.directory / str(self.generation)
        self.generation += 1
        new = self.directory / str(self.generation)
        new.mkdir()
        for ending in ("", "-wal", "-log"):
            if (old / f"spool.db{ending}").exists():
                shutil.copy(old / f"spool.db{ending}", new / f"spool.db{ending}")
        self.spool._file.close()
        self.open()

    @invariant()
    def the_count_is_right(self) -> None:
        assert self.spool.count == len(self.waiting)
        assert (self.spool.oldest_at is None) == (not self.waiting)

    @invariant()
    def nothing_is_forgotten(self) -> None:
        assert self.spool.recall() == self.remembered

    def teardown(self) -> None:
        if not hasattr(self, "spool"):
            return
        try:
            assert [(n, e.fact) for n, e in self.spool.peek(10**6)] == self.waiting
        finally:
            self.spool._file.close()
            shutil.rmtree(self.directory)


TestSpool = SpoolMachine.TestCase
TestSpool.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
