"""The loop that a service lives in: take the next record or wake at the next deadline, one thing at a time.

A service decides in pure code and acts through its doors; this loop only feeds it. An error in one record is logged and
counted and the loop goes on: one poisonous call must not stop the hotline. `stop` lets what has arrived be handled first.
"""

import asyncio
from typing import ClassVar, Protocol

import structlog

from hotline.bus.base import Inbox
from hotline.facts import Record
from hotline.runtime.clock import Clock
from hotline.tally import Tally

LATE_S = 0.05
"""How overdue a deadline may become before it goes ahead of waiting records."""
WAKE_RETRY_S = 0.1
"""After a `wake` that failed, records are handled for this long before it is tried again."""
RECORDS_PER_TURN = 20
"""So many records are handled before everybody else in the process gets a turn."""
GATHER_S = 0.05
"""How long records may wait for others where nobody waits for what the service makes of them."""
GATHERED_PER_TURN = 5
"""The same as `RECORDS_PER_TURN` for such a service: callers wait for the others."""

log = structlog.get_logger(__name__)


class Service(Protocol):
    """What the loop asks of a service."""

    name: ClassVar[str]

    async def handle(self, record: Record, now: float) -> None:
        """React to one record. Must not block for long: every other record of this service waits."""

    def next_deadline(self) -> float | None:
        """Return when `wake` wants to be called, or None."""

    async def wake(self, now: float) -> None:
        """Do what is due at `now`."""


async def serve(service: Service, inbox: Inbox, clock: Clock, tally: Tally, *, gather_s: float = 0.0) -> None:
    """Feed `service` until its inbox is closed and empty.

    With `gather_s` it rests that long whenever its inbox is empty, and then handles what has come in one go: being woken for each
    record costs more than most records do, and stands in the way of what a caller waits for. Its deadlines are kept.
    """
    not_before, handled = 0.0, 0
    per_turn = GATHERED_PER_TURN if gather_s else RECORDS_PER_TURN
    while True:
        record = await _next_record(service, inbox, clock, not_before)
        try:
            if record is not None:
                await service.handle(record, clock.now())
            elif inbox.ended:
                return
            else:
                await service.wake(clock.now())
        except Exception:
            tally.count("service_errors", service=service.name)
            log.exception("record failed", service=service.name, record=type(record).__name__)
            if record is None:
                not_before = clock.now() + WAKE_RETRY_S
        handled += 1
        if gather_s and not inbox.ready and not inbox.ended:
            deadline = service.next_deadline()
            await asyncio.sleep(gather_s if deadline is None else min(gather_s, max(deadline - clock.now(), 0.0)))
        elif handled % per_turn == 0:
            await asyncio.sleep(0)


async def _next_record(service: Service, inbox: Inbox, clock: Clock, not_before: float) -> Record | None:
    """Return the next record, or None when the deadline has come or the inbox has ended.

    A deadline that is overdue goes before waiting records, so that a flood of records cannot starve the timers. No deadline
    comes earlier than `not_before`.
    """
    deadline = service.next_deadline()
    wait = None if deadline is None else max(deadline, not_before) - clock.now()
    if wait is not None and wait < -LATE_S:
        return None
    if inbox.ready or wait is None:
        return await inbox.get()
    try:
        # Not wait_for: in Python 3.11 it can swallow a cancellation that meets a record, and `TaskGroup.close` would wait for ever.
        async with asyncio.timeout(max(wait, 0.0)):
            return await inbox.get()
    except TimeoutError:
        return None
