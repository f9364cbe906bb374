"""Messages as a service: feeds the policy, looks at files and collects them in worker threads, tells what came of it.

It decides nothing. Notes about open messages are written in order by one thread of their own; an answer from a worker comes back
into the policy on the event loop, at the next `wake`.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import structlog

from hotline.bus.base import Bus
from hotline.facts import Fact, Record
from hotline.ids import NodeId, VoicemailId
from hotline.runtime.clock import Clock
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Settings
from hotline.tally import Tally
from recorder.messages.policy import (
    KINDS,
    STRAY_AFTER_S,
    Action,
    Collect,
    Entry,
    Forget,
    Keep,
    Look,
    NoRoom,
    Policy,
    Result,
)
from recorder.messages.store import MessageStore
from recorder.workers import Workers

HOUSEKEEPING_S = 3600.0

log = structlog.get_logger(__name__)


class MessagesService:
    """The messages of one node, from the beep to the store."""

    name: ClassVar[str] = "messages"
    kinds: ClassVar[tuple[type[Record], ...]] = KINDS

    def __init__(
        self,
        settings: Settings,
        spool_dir: Path,
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
        self._bus = bus
        self._store = MessageStore(spool_dir, store_dir, writer=writer)
        self._store.prepare()
        self.policy = Policy(NodeId(settings.asterisk.node), self._store.notes.kept(), now=clock.now())
        self._workers: Workers[list[Action]] = Workers(self.name, "message", clock, tally, tasks)
        self._keep_days = settings.recording.keep_days
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
        self._bus.publish(*(a for a in actions if isinstance(a, Fact)))
        looks = [a.entry for a in actions if isinstance(a, Look)]
        if looks:
            self._workers.work(self._look(looks), "look")
        for action in actions:
            match action:
                case Collect():
                    self._workers.work(self._collect(action.entry), "collect")
                case Keep():
                    self._workers.note(partial(self._store.notes.keep, action.entry))
                case Forget():
                    self._workers.note(partial(self._store.notes.forget, action.message_id))

    async def _look(self, entries: Sequence[Entry]) -> None:
        seen: dict[VoicemailId, tuple[int | None, bool]] | None = None
        try:
            seen = await asyncio.to_thread(self._store.look, entries)
        finally:
            for entry in entries:
                answer = partial(self.policy.look_failed, entry.message_id)
                if seen is not None:
                    answer = partial(self._looked, entry.message_id, *seen[entry.message_id])
                self._workers.answer(answer)

    def _looked(self, message_id: VoicemailId, size: int | None, is_open: bool, now: float) -> list[Action]:
        return self.policy.looked(message_id, size, is_open=is_open, now=now)

    async def _keep_house(self, now: float) -> None:
        """Delete what is older than the law or the operator wants: messages are kept for as long as recordings. Find strays."""
        removed = await asyncio.to_thread(self._store.remove_expired, now, self._keep_days)
        strays = await asyncio.to_thread(self._store.strays, older_than=now - STRAY_AFTER_S)
        self._workers.answer(partial(self.policy.strayed, strays))
        if removed or strays:
            log.info("messages tidied", expired=removed, strays=len(strays))

    async def _collect(self, entry: Entry) -> None:
        result: Result = NoRoom(detail="the recorder failed")
        try:
            result = await asyncio.to_thread(self._store.collect, entry)
        finally:
            self._workers.answer(partial(self.policy.collected, entry.message_id, result))
