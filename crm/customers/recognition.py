"""Tells who calls: looks each arriving caller up among the customers, within a deadline, without holding anybody up.

A look-up that is not back in time counts as unknown, and its late answer still serves the next call of the same number. With the
database frozen, look-ups pile up to a limit; beyond it callers are unknown at once.
"""

import asyncio
from collections import OrderedDict
from typing import ClassVar

import structlog

from crm.customers.numbers import comparable
from crm.customers.store import Caller, find_caller
from hotline.bus.base import Bus
from hotline.errors import HotlineError
from hotline.facts import CallAdopted, CallArrived, CallerIdentified, CallerUnknown, Record
from hotline.ids import CallId
from hotline.runtime.clock import Clock
from hotline.runtime.tasks import TaskGroup
from hotline.store.pool import Store
from hotline.tally import Tally

LOOK_UP_S = 0.2
LOOK_UPS_LIMIT = 50
CACHE_LIMIT = 10_000
CACHE_S = 30.0
"""A change of a customer is seen after at most this long."""

log = structlog.get_logger(__name__)


class CrmService:
    """Publishes `CallerIdentified` or `CallerUnknown` for each call that arrives or is adopted with a living menu or queue."""

    name: ClassVar[str] = "crm"
    kinds: ClassVar[tuple[type[Record], ...]] = (CallArrived, CallAdopted)
    """What to subscribe to."""

    def __init__(
        self, store: Store | None, bus: Bus, clock: Clock, tally: Tally, tasks: TaskGroup, *, country: str = "86"
    ) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._tally = tally
        self._tasks = tasks
        self._country = country
        self._under_way = 0
        self._cache: OrderedDict[str, tuple[float, Caller | None]] = OrderedDict()

    async def handle(self, record: Record, now: float) -> None:
        """Begin to look a caller up; the answer is published later, by the deadline at the latest."""
        if (isinstance(record, CallArrived) and not record.reconciled) or (
            isinstance(record, CallAdopted) and record.phase == "session"
        ):
            self._identify(record.call_id, record.caller_number, now)

    def next_deadline(self) -> float | None:
        """Return None: look-ups have their own deadlines."""
        return None

    async def wake(self, now: float) -> None:
        """Nothing is ever due."""

    def _identify(self, call_id: CallId, number: str, now: float) -> None:
        key = comparable(number, self._country)
        if not key:
            self._bus.publish(CallerUnknown(at=now, call_id=call_id, reason="no_number"))
            return
        cached = self._cached(key, now)
        if cached is not None:
            self._tell(call_id, cached[1])
        elif self._store is None or self._under_way >= LOOK_UPS_LIMIT:
            if self._store is not None:
                self._tally.limit_reached("crm_look_ups")
            self._bus.publish(CallerUnknown(at=now, call_id=call_id, reason="unavailable"))
        else:
            self._under_way += 1
            look_up = self._tasks.spawn(self._look_up(self._store, key), name="look-up")
            self._tasks.spawn(self._answer(call_id, look_up), name="identify")

    def _cached(self, key: str, now: float) -> tuple[float, Caller | None] | None:
        found = self._cache.get(key)
        return found if found is not None and found[0] > now else None

    async def _look_up(self, store: Store, key: str) -> Caller | HotlineError | None:
        """Ask the database, however long it takes (its own time limit ends it). Returns an error instead of raising it."""
        try:
            caller = await find_caller(store, key)
        except HotlineError as exc:
            log.warning("a caller could not be looked up", error=str(exc))
            return exc
        finally:
            self._under_way -= 1
        self._cache[key] = (self._clock.now() + CACHE_S, caller)
        self._cache.move_to_end(key)
        if len(self._cache) > CACHE_LIMIT:
            self._cache.popitem(last=False)
        return caller

    async def _answer(self, call_id: CallId, look_up: "asyncio.Task[Caller | HotlineError | None]") -> None:
        """Publish what the look-up finds, or at the deadline that it did not.

        The look-up is left alone when it is late: to cancel a query means to wait for the database once more.
        """
        done, _ = await asyncio.wait({look_up}, timeout=LOOK_UP_S)
        if not done:
            self._tally.count("crm_look_ups_late")
            self._bus.publish(CallerUnknown(at=self._clock.now(), call_id=call_id, reason="too_late"))
        elif look_up.cancelled() or isinstance(look_up.result(), HotlineError):
            self._bus.publish(CallerUnknown(at=self._clock.now(), call_id=call_id, reason="unavailable"))
        else:
            result = look_up.result()
            assert not isinstance(result, HotlineError)
            self._tell(call_id, result)

    def _tell(self, call_id: CallId, caller: Caller | None) -> None:
        now = self._clock.now()
        if caller is None:
            self._bus.publish(CallerUnknown(at=now, call_id=call_id, reason="not_found"))
            return
        self._bus.publish(
            CallerIdentified(
                at=now,
                call_id=call_id,
                customer_id=caller.customer_id,
                name=caller.name,
                tier=caller.tier,
                language=caller.language,
            )
        )
