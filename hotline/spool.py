"""The durable local outbox of a process: every fact is in it before anybody sees the fact, and leaves it when the journal has it.

`keep` is called from the event loop for each published fact and must cost next to nothing: facts are numbered, encoded and
buffered, and all facts of one turn of the loop are written in one transaction when the turn ends. What was written survives
our death (see `spool_file.py`); it is delivered at least once, under the same fact id, so the journal must know ids it has seen.

Limits. At `max_facts` new facts of detail (`DETAIL`) are shed and counted; what became of a call is always kept. When the disk
takes nothing, facts stay in memory and are tried again each second; beyond `MEMORY_LIMIT` detail is shed, and only beyond
`MEMORY_HARD_LIMIT`, before the machine itself runs out of memory, the rest too (`spool_lost`).

The same file remembers small values by key for what a process must know across its own death. Not thread safe.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import structlog

from hotline import facts
from hotline.codec import Undecodable, decode, encode
from hotline.errors import Unavailable
from hotline.facts import Envelope, Fact
from hotline.ids import new_fact_id
from hotline.runtime.clock import Clock
from hotline.spool_file import Damaged, SpoolFile
from hotline.spool_log import Changes, Row
from hotline.tally import Tally

DETAIL: frozenset[type[Fact]] = frozenset(
    {
        facts.AgentStateChanged,
        facts.AgentWishChanged,
        facts.BreakOverran,
        facts.CallerIdentified,
        facts.CallerUnknown,
        facts.IvrStepTaken,
        facts.OfferRang,
        facts.ScreenPopped,
    }
)
"""Facts without which the story of every call is still complete."""
MEMORY_LIMIT = 100_000
MEMORY_HARD_LIMIT = 500_000
ROWS_PER_TRANSACTION = 1_000
RETRY_S = 1.0
NEW_SERIES = 1_000
"""After a damaged file numbers go on at `now * NEW_SERIES`: beyond all that was ever given, and the gap shows that facts may be lost."""

log = structlog.get_logger(__name__)


class Spool:
    """An open spool; made by `open`."""

    def __init__(self, file: SpoolFile, *, source: str, max_facts: int, clock: Clock, tally: Tally) -> None:
        self._file = file
        self._source = source
        self._max_facts = max_facts
        self._clock = clock
        self._tally = tally
        self._changes = Changes()
        self._seq = file.last
        self._hidden = 0  # rows of the file that are removed for us, but the disk did not take it yet
        self._retry_at: float | None = None
        self._turn: asyncio.Handle | None = None
        self._filled = asyncio.Event()
        self._checkpoint: asyncio.Future[None] | None = None
        tally.probe(self._tell)

    @classmethod
    def open(cls, path: Path, *, source: str, max_facts: int, clock: Clock, tally: Tally) -> "Spool":
        """Open the spool at `path`, or make it. A damaged file is moved aside, loudly, after what it still held was saved.

        `source` names this process in the envelopes. Raises Misuse when another process has the file or the place cannot
        be used, and Unavailable when the disk takes nothing.
        """
        file, was_damaged = SpoolFile.open(path, stamp=int(clock.now()))
        spool = cls(file, source=source, max_facts=max_facts, clock=clock, tally=tally)
        if was_damaged:
            spool._after_damage()
        return spool

    def _after_damage(self) -> None:
        self._seq = max(self._seq, int(self._clock.now()) * NEW_SERIES)
        self._tally.count("spool_damaged")

    # --- in -----------------------------------------------------------------------------------------------------------

    def keep(self, new: Iterable[Fact]) -> None:
        """Take facts. Never waits and never raises: what cannot be kept is counted and logged."""
        now = self._clock.now()
        for fact in new:
            if self._has_room(fact):
                self._append(fact, now)
        self._filled.set()
        self._write_soon()

    def _has_room(self, fact: Fact) -> bool:
        waiting = len(self._changes.rows)
        if type(fact) in DETAIL:
            if self.count < self._max_facts and waiting < MEMORY_LIMIT:
                return True
            self._tally.count("spool_shed", type=type(fact).__name__)
            self._tally.limit_reached("spool_facts")
            return False
        if waiting < MEMORY_HARD_LIMIT:
            return True
        self._tally.count("spool_lost", type=type(fact).__name__)
        return False

    def _append(self, fact: Fact, now: float) -> None:
        number = self._seq + 1
        envelope = Envelope(fact_id=new_fact_id(now), source=self._source, seq=number, fact=fact)
        try:
            data = encode(envelope)
        except (UnicodeEncodeError, TypeError, ValueError, OverflowError) as exc:
            self._tally.count("spool_lost", type=type(fact).__name__)
            log.error("a fact cannot be written", fact=type(fact).__name__, error=type(exc).__name__)
            return
        self._seq = number
        self._changes.rows.append((number, now, data))

    def remember(self, key: str, value: bytes | None) -> None:
        """Keep a value under `key` (None: forget it), written together with the facts of this turn."""
        self._changes.memory[key] = value
        self._write_soon()

    def recall(self, prefix: str = "") -> dict[str, bytes]:
        """Return what is remembered under keys that begin with `prefix`. Raises Unavailable when the file cannot be read."""
        found: dict[str, bytes | None] = dict(self._file.recall(prefix))
        found.update((key, value) for key, value in self._changes.memory.items() if key.startswith(prefix))
        return {key: value for key, value in found.items() if value is not None}

    # --- to the disk --------------------------------------------------------------------------------------------------

    def _write_soon(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no loop runs: a program that writes a few facts and ends
            if not self._must_rest():
                self.flush()
            return
        if self._turn is None:
            delay = max(self._retry_at - self._clock.now(), 0.0) if self._retry_at is not None else 0.0
            self._turn = loop.call_later(delay, self._end_of_turn) if delay else loop.call_soon(self._end_of_turn)

    def _must_rest(self) -> bool:
        return self._retry_at is not None and self._clock.now() < self._retry_at

    def _end_of_turn(self) -> None:
        self._turn = None
        self._write_some()
        if self._changes:
            self._write_soon()

    def flush(self) -> bool:
        """Write everything now; return whether the disk took it."""
        while self._changes:
            if not self._write_some():
                return False
        return True

    def _write_some(self) -> bool:
        """Write one transaction of bounded size; on failure everything stays for the next try."""
        if not self._changes:
            return True
        part, rest = self._changes.split(ROWS_PER_TRANSACTION)
        try:
            self._apply(part)
        except Unavailable as exc:
            self._failed(exc)
            return False
        self._changes = rest
        self._hidden = 0 if not rest else self._hidden
        if self._retry_at is not None:
            log.info("the spool is written again")
            self._retry_at = None
        self._checkpoint_if_due()
        return True

    def _apply(self, part: Changes) -> None:
        try:
            self._file.apply(part)
        except Damaged:
            self._replace_file()
            self._file.apply(part)

    def _carry(self) -> None:
        try:
            self._file.carry()
        except Damaged:
            self._replace_file()

    def _replace_file(self) -> None:
        self._file = self._file.replaced(stamp=int(self._clock.now()))
        self._after_damage()

    def _failed(self, exc: Unavailable) -> None:
        self._tally.count("spool_write_errors")
        if self._retry_at is None:
            log.error("the spool cannot be written; facts stay in memory", error=str(exc))
        self._retry_at = self._clock.now() + RETRY_S

    def _checkpoint_if_due(self) -> None:
        if self._checkpoint is not None or not self._file.wants_checkpoint:
            return
        try:
            loop = asyncio.get_running_loop()
            self._carry()
        except RuntimeError:
            return
        except Unavailable as exc:
            self._failed(exc)
            return
        self._checkpoint = loop.run_in_executor(None, self._file.checkpoint)
        self._checkpoint.add_done_callback(self._checkpointed)

    def _checkpointed(self, done: "asyncio.Future[Any]") -> None:
        self._checkpoint = None
        if not done.cancelled() and done.exception() is not None:
            log.warning("a checkpoint of the spool failed", error=str(done.exception()))

    # --- out ----------------------------------------------------------------------------------------------------------

    def peek(self, limit: int) -> list[tuple[int, Envelope]]:
        """Return the oldest facts with their numbers, oldest first; they stay until `remove`.

        A row that cannot be decoded (written by a newer program, or damaged) is put aside in the file and counted.
        """
        if not self._must_rest():
            self.flush()
        envelopes = []
        for number, _, data in self._oldest(limit):
            try:
                envelopes.append((number, decode(data)))
            except Undecodable as exc:
                self._bury(number, exc)
        return envelopes

    def _oldest(self, limit: int) -> list[Row]:
        removed = self._changes.remove
        try:
            rows = self._read(limit + len(removed))
        except Unavailable as exc:
            self._failed(exc)
            rows = []
        rows = [row for row in rows if row[0] not in removed][:limit]
        return rows + self._changes.rows[: limit - len(rows)]

    def _read(self, limit: int) -> list[Row]:
        try:
            return self._file.read(self._changes.remove_up_to, limit)
        except Damaged:
            self._replace_file()
            return self._file.read(self._changes.remove_up_to, limit)

    def _bury(self, number: int, problem: Undecodable) -> None:
        self._tally.count("spool_dead", reason=problem.reason)
        log.error("a spooled fact cannot be read and was put aside", number=number, error=str(problem))
        self._changes.dead.append((number, problem.reason))
        self._drop({number})

    def remove(self, numbers: int | Iterable[int]) -> None:
        """Forget facts that the journal has: all up to a number, or just the given ones."""
        if isinstance(numbers, int):
            self._changes.remove_up_to = max(self._changes.remove_up_to, numbers)
            self._changes.rows = [row for row in self._changes.rows if row[0] > numbers]
            self._drop(set())
        else:
            gone = set(numbers)
            self._changes.rows = [row for row in self._changes.rows if row[0] not in gone]
            self._drop(gone)

    def _drop(self, numbers: set[int]) -> None:
        self._changes.remove |= numbers
        if not self._must_rest() and self.flush():
            return
        try:
            self._hidden = self._file.hidden_by(self._changes)
        except Unavailable as exc:
            self._failed(exc)

    async def wait(self) -> None:
        """Wait until there is something to `peek`."""
        while self.count == 0:
            self._filled.clear()
            await self._filled.wait()

    @property
    def count(self) -> int:
        """How many facts wait for the journal."""
        return self._file.count + len(self._changes.rows) - self._hidden

    @property
    def last(self) -> int:
        """The number of the newest fact that was ever kept; 0 before the first."""
        return self._seq

    @property
    def oldest_at(self) -> float | None:
        """When the oldest waiting fact was taken, or None."""
        rows = self._oldest(1)
        return rows[0][1] if rows else None

    def _tell(self) -> None:
        oldest = self.oldest_at
        self._tally.level("spool_facts", float(self.count))
        self._tally.level("spool_oldest_seconds", 0.0 if oldest is None else max(self._clock.now() - oldest, 0.0))

    def close(self) -> None:
        """Write everything and close the file. The process may end after this."""
        if self._turn is not None:
            self._turn.cancel()
        if not self.flush():
            log.error("facts in memory are lost with this process", facts=len(self._changes.rows))
        self._file.close()
