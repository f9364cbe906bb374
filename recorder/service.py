"""The recorder as a service: feeds the policy, looks at files and collects them in worker threads, tells what came of it.

It decides nothing. Notes about open recordings are written in order by one thread of their own; an answer from a worker comes
back into the policy on the event loop, at the next `wake`.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import structlog

from hotline.bus.base import Bus
from hotline.facts import Fact, Record
from hotline.ids import NodeId, RecordingId
from hotline.runtime.clock import Clock
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Settings
from hotline.tally import Tally
from recorder.policy import KINDS, Policy
from recorder.records import Action, Collect, Entry, Flawed, Forget, Keep, Look, NoRoom, Result
from recorder.store import RecordingStore
from recorder.workers import Workers

COLLECTORS = 2
HOUSEKEEPING_S = 3600.0
STRAY_AFTER_S = 3600.0
"""A raw file that nobody knows and that has not changed for so long is put aside."""

log = structlog.get_logger(__name__)


class RecorderService:
    """The recordings of one node, from the offer to the store."""

    name: ClassVar[str] = "recorder"
    kinds: ClassVar[tuple[type[Record], ...]] = KINDS

    def __init__(
        self,
        settings: Settings,
        monitor_dir: Path,
        store_dir: Path,
        bus: Bus,
        clock: Clock,
        tally: Tally,
        tasks: TaskGroup,
        *,
        writer: Callable[[], int | None] = lambda: None,
    ) -> None:
        """Take up what a former life left open. `writer` tells the process id of the Asterisk that writes, if it is known.

        Raises Unavailable when the disk refuses.
        """
        self._keep_days = settings.recording.keep_days
        self._bus = bus
        self._store = RecordingStore(monitor_dir, store_dir, tolerance_s=settings.recording.tolerance_s, writer=writer)
        self._store.prepare()
        left: Sequence[Entry] = self._store.notes.kept()
        self.policy = Policy(NodeId(settings.asterisk.node), left, now=clock.now())
        if left:
            log.info("recordings of a former life taken up", count=len(left))
        self._collectors = asyncio.Semaphore(COLLECTORS)
        self._workers: Workers[list[Action]] = Workers(self.name, "recording", clock, tally, tasks)
        self._housekeeping_due = clock.now()

    async def handle(self, record: Record, now: float) -> None:
        """React to one record."""
        self._perform(self.policy.handle(record, now))

    def next_deadline(self) -> float | None:
        """Return when `wake` wants to be called."""
        due = (self.policy.next_deadline(), self._workers.next_deadline())
        return min([self._housekeeping_due, *(at for at in due if at is not None)])

    async def wake(self, now: float) -> None:
        """Take answers of workers, and do what is due."""
        for actions in self._workers.take(now):
            self._perform(actions)
        self._perform(self.policy.wake(now))
        if now >= self._housekeeping_due:
            self._housekeeping_due = now + HOUSEKEEPING_S
            self._workers.work(self._keep_house(now), "housekeeping")

    # --- carrying out -------------------------------------------------------------------------------------------------------

    def _perform(self, actions: Sequence[Action]) -> None:
        facts = [a for a in actions if isinstance(a, Fact)]
        if facts:
            self._bus.publish(*facts)
        looks = [a.recording_id for a in actions if isinstance(a, Look)]
        if looks:
            self._workers.work(self._look(looks), "look")
        for action in actions:
            match action:
                case Collect():
                    self._workers.work(self._collect(action), f"collect {action.recording_id}")
                case Keep():
                    self._workers.note(partial(self._store.notes.keep, action.entry))
                case Forget():
                    self._workers.note(partial(self._store.notes.forget, action.recording_id))
                case Look() | Fact():
                    pass  # done above, all at once
                case _:
                    raise AssertionError(f"unknown action {action!r}")

    async def _look(self, recording_ids: Sequence[RecordingId]) -> None:
        seen: dict[RecordingId, tuple[int | None, bool]] | None = None
        try:
            seen = await asyncio.to_thread(self._store.look, recording_ids)
        finally:
            for recording_id in recording_ids:
                answer = partial(self.policy.look_failed, recording_id)
                if seen is not None:
                    answer = partial(self._looked, recording_id, *seen[recording_id])
                self._workers.answer(answer)

    def _looked(self, recording_id: RecordingId, size: int | None, is_open: bool, now: float) -> list[Action]:
        return self.policy.looked(recording_id, size, is_open=is_open, now=now)

    async def _collect(self, job: Collect) -> None:
        result: Result = NoRoom(detail="the recorder failed")
        try:
            async with self._collectors:
                result = await asyncio.to_thread(self._store.collect, job)
        finally:
            self._workers.answer(partial(self.policy.collected, job.recording_id, result))
        if isinstance(result, Flawed | NoRoom):
            log.warning(
                "recording not stored",
                recording_id=job.recording_id,
                result=type(result).__name__,
                detail=result.detail,
            )

    async def _keep_house(self, now: float) -> None:
        """Delete what is older than the law or the operator wants, and put files aside that nobody knows."""
        removed = await asyncio.to_thread(self._store.remove_expired, now, self._keep_days)
        known = list(self.policy.entries)
        strays = await asyncio.to_thread(self._store.strays, known, older_than=now - STRAY_AFTER_S)
        if removed or strays:
            log.info("recordings tidied", expired=removed, put_aside=strays[:20])
