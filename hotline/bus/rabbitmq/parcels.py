"""What is sent to the broker once or not at all: signals, commands, replies.

Parcels are written in order without waiting for one another's confirmation, a bounded number at a time. One that the broker could
not take before its time is over is dropped, and whoever sent it learns whether it may have been sent. They wait in memory,
bounded in number and in bytes.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Literal

import msgspec
from aio_pika import Message
from aio_pika.abc import AbstractChannel
from aiormq import exceptions as amqp

from hotline.bus.rabbitmq.link import FAILURES
from hotline.bus.rabbitmq.window import Window
from hotline.errors import Unavailable
from hotline.runtime.clock import Clock
from hotline.runtime.tasks import TaskGroup
from hotline.tally import Tally

PARCELS_AT_ONCE = 200
BODY_MAX = 8 * 1024 * 1024
"""RabbitMQ 4 closes the channel of who sends more than 16 MiB."""
WAITING_BYTES_MAX = 64 * 1024 * 1024


class Returned(Exception):
    """No queue wants this parcel."""


class NotSent(Exception):
    """Its time was over before it was sent."""


class Parcel(msgspec.Struct, kw_only=True, eq=False):
    """Something that is sent once, or not at all."""

    exchange: str
    key: str
    message: Message
    until: float
    """When it is no longer worth sending, on our clock."""
    sent: "asyncio.Future[None] | None" = None
    """Done when the broker has it; fails with Returned, with NotSent, or with Unavailable when it may have it or not."""
    state: Literal["waiting", "begun", "dropped"] = "waiting"
    number: int = 0
    """Counts the parcels of one sender."""


class Sender:
    """Sends parcels in order. `on_lost` is called once the broker takes parcels again after one that nobody asks about was dropped."""

    def __init__(self, limit: int, clock: Clock, tally: Tally, on_lost: Callable[[], None]) -> None:
        self._limit = limit
        self._clock = clock
        self._tally = tally
        self._on_lost = on_lost
        self._lost = False
        self._parcels: deque[Parcel] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()
        self._offered = 0
        self._window = Window()
        self._through = 0
        self._went = asyncio.Event()

    def offer(self, parcel: Parcel) -> bool:
        """Take a parcel; return False, and count it, when too many wait or it is too large."""
        size = len(parcel.message.body)
        if size > BODY_MAX:
            self._tally.limit_reached("bus_message")
            return False
        if not self._has_room(size):
            self._drop_stale()
        if not self._has_room(size):
            self._tally.limit_reached("bus_pending")
            self._lost |= parcel.sent is None
            return False
        self._offered += 1
        parcel.number = self._offered
        self._window.arrived(parcel.number)
        self._parcels.append(parcel)
        self._bytes += size
        self._filled.set()
        return True

    def _has_room(self, size: int) -> bool:
        return len(self._parcels) < self._limit and self._bytes + size <= WAITING_BYTES_MAX

    def withdraw(self, parcel: Parcel) -> bool:
        """Have a parcel not sent; return whether it was not."""
        if parcel.state == "waiting":
            parcel.state = "dropped"
        return parcel.state == "dropped"

    async def caught_up(self, within_s: float) -> bool:
        """Wait until the broker has all parcels that were offered by now, or they were given up; return whether it came to that."""
        mark = self._offered
        try:
            async with asyncio.timeout(within_s):
                while self._through < mark:
                    self._went.clear()
                    await self._went.wait()
        except TimeoutError:
            return False
        return True

    def _drop_stale(self) -> None:
        now = self._clock.now()
        while self._parcels and (self._parcels[0].until <= now or self._parcels[0].state == "dropped"):
            parcel = self._take()
            parcel.state = "dropped"
            if parcel.sent is None:
                self._lost = True
                self._tally.count("bus_parcels_dropped")
            self._settle(parcel, NotSent())

    def _take(self) -> Parcel:
        parcel = self._parcels.popleft()
        self._bytes -= len(parcel.message.body)
        return parcel

    async def run(self, channel: AbstractChannel, tasks: TaskGroup) -> None:
        """Send until cancelled."""
        free = asyncio.Semaphore(PARCELS_AT_ONCE)
        while True:
            await free.acquire()
            parcel = await self._next()
            parcel.state = "begun"
            # Tasks begin in the order they are made, and the channel's lock is fair: so the order is kept.
            sending = tasks.spawn(self._send(channel, parcel, free), name="parcel")
            # A task that is cancelled before it begins does nothing at all, not even what it would do at its end.
            sending.add_done_callback(partial(self._ended, parcel))

    async def _next(self) -> Parcel:
        while True:
            self._drop_stale()
            if self._parcels:
                return self._take()
            self._filled.clear()
            await self._filled.wait()

    async def _send(self, channel: AbstractChannel, parcel: Parcel, free: asyncio.Semaphore) -> None:
        try:
            exchange = await channel.get_exchange(parcel.exchange, ensure=False)
            timeout_s = max(parcel.until - self._clock.now(), 0.001)
            await exchange.publish(parcel.message, parcel.key, mandatory=parcel.sent is not None, timeout=timeout_s)
        except amqp.PublishError:
            self._settle(parcel, Returned())
        except FAILURES as exc:
            self._settle(parcel, Unavailable(f"it may have been sent: {exc!r}"))
        else:
            self._settle(parcel, None)
            if self._lost:
                self._lost = False
                self._on_lost()
        finally:
            free.release()

    def _ended(self, parcel: Parcel, _sending: "asyncio.Task[None]") -> None:
        self._settle(parcel, Unavailable("it may have been sent"))

    def _settle(self, parcel: Parcel, error: Exception | None) -> None:
        """Tell what came of a parcel; the first word counts."""
        through = self._window.handled(parcel.number)
        if through is not None:
            self._through = through
            self._went.set()
        if parcel.sent is None or parcel.sent.done():
            return
        if error is None:
            parcel.sent.set_result(None)
        else:
            parcel.sent.set_exception(error)
            parcel.sent.exception()  # nobody has to look
