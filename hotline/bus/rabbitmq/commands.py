"""Commands to nodes of other processes, and those that others send to ours.

A command travels once: it is never sent again, because it may ring a phone. It carries the end of its life (the machines' wall
clock, which all processes of a machine share and NTP keeps alike between machines) and the epoch of its sender; the node judges both
by `fence.py` before it does anything. Commands are taken one after another from one queue, so they begin in the order they were sent.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from hotline.bus.base import Performer
from hotline.bus.fence import Fence
from hotline.bus.memory import in_time, settled
from hotline.bus.rabbitmq.link import FAILURES, exclusive_queue
from hotline.bus.rabbitmq.parcels import NotSent, Parcel, Returned, Sender
from hotline.bus.rabbitmq.topology import Names
from hotline.codec import Undecodable, decode_command, encode_command
from hotline.commands import Command, Outcome, Refused, Unknown
from hotline.ids import NodeId
from hotline.runtime.clock import Clock
from hotline.runtime.tasks import TaskGroup

AT_ONCE = 500
"""Commands that a node may have begun and not ended; the others wait in the broker."""
REPLY_LIFE_S = 10.0

log = structlog.get_logger(__name__)
_outcome: msgspec.json.Decoder[Outcome] = msgspec.json.Decoder(Outcome)


class Requests:
    """The commands that this process sent and whose outcome is not known yet."""

    def __init__(
        self, sender: Sender, names: Names, reply_to: str, limit: int, clock: Clock, wall: Callable[[], float]
    ) -> None:
        self._sender = sender
        self._names = names
        self._reply_to = reply_to
        self._limit = limit
        self._clock = clock
        self._wall = wall
        self._waiting: dict[str, asyncio.Future[Outcome]] = {}

    def send(self, command: Command, epoch: int, within_s: float) -> Awaitable[Outcome]:
        """Send a command and return its outcome to wait for."""
        if within_s <= 0:
            return settled(Refused(reason="too old to be sent"))
        loop = asyncio.get_running_loop()
        number = uuid.uuid4().hex
        parcel = Parcel(
            exchange=self._names.direct,
            key=self._names.node(command.node),
            message=self._message(command, number, epoch, within_s),
            until=self._clock.now() + within_s,
            sent=loop.create_future(),
        )
        if len(self._waiting) >= self._limit or not self._sender.offer(parcel):
            return settled(Refused(reason="too many commands wait for the broker"))
        answer: asyncio.Future[Outcome] = loop.create_future()
        self._waiting[number] = answer
        timer = loop.call_later(within_s, self._too_late, number, command.node, parcel, within_s)
        answer.add_done_callback(lambda _: timer.cancel())
        answer.add_done_callback(lambda _: self._waiting.pop(number, None))
        assert parcel.sent is not None
        parcel.sent.add_done_callback(lambda sent: self._sent(number, command.node, sent))
        return answer

    def _message(self, command: Command, number: str, epoch: int, within_s: float) -> Message:
        return Message(
            encode_command(command),
            content_type="application/json",
            type=type(command).__name__,
            correlation_id=number,
            reply_to=self._reply_to,
            expiration=within_s,
            headers={"epoch": epoch, "deadline_ms": round((self._wall() + within_s) * 1000)},
        )

    def _too_late(self, number: str, node: NodeId, parcel: Parcel, within_s: float) -> None:
        """Give up. What was never sent was certainly not done, and is not sent any more."""
        if self._sender.withdraw(parcel):
            self._end(number, Refused(reason=f"node {node} is not reached: the broker is away"))
        else:
            self._end(number, Unknown(reason=f"no answer from node {node} within {within_s:g} s"))

    def _sent(self, number: str, node: NodeId, sent: "asyncio.Future[None]") -> None:
        if sent.cancelled():
            return
        match sent.exception():
            case Returned():
                self._end(number, Refused(reason=f"no telephony service for node {node}", nobody=True))
            case NotSent():
                self._end(number, Refused(reason=f"node {node} is not reached: the broker is away"))

    def answered(self, message: AbstractIncomingMessage) -> None:
        """Take an outcome; a late one finds nobody waiting."""
        try:
            outcome = _outcome.decode(message.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            outcome = Unknown(reason=f"the node's answer cannot be read: {exc}")
        self._end(str(message.correlation_id), outcome)

    def _end(self, number: str, outcome: Outcome) -> None:
        answer = self._waiting.get(number)
        if answer is not None and not answer.done():
            answer.set_result(outcome)

    def close(self) -> None:
        """Nobody will answer any more."""
        for number in list(self._waiting):
            self._end(number, Unknown(reason="the bus was closed"))


class Node:
    """One node that this process serves."""

    def __init__(
        self, node: NodeId, perform: Performer, sender: Sender, names: Names, clock: Clock, wall: Callable[[], float]
    ) -> None:
        self.node = node
        self.queue = names.node(node)
        self._perform = perform
        self._sender = sender
        self._names = names
        self._clock = clock
        self._wall = wall
        self.fence = Fence()
        """What it knows of routers' terms."""

    def perform(self, command: Command, epoch: int, within_s: float | None) -> Awaitable[Outcome]:
        """Carry out a command of this process: it does not need the broker."""
        refused = self.fence.why_not(epoch=epoch, deadline=within_s, now=0.0)
        if refused is not None:
            return settled(refused)
        outcome = self._perform(command)
        return outcome if within_s is None else in_time(outcome, within_s)

    async def claim(self, channel: AbstractChannel, tasks: TaskGroup) -> None:
        """Take commands from the broker from now on. Fails when another process serves this node.

        `tasks` outlive the channel: what was begun is brought to its end, whatever becomes of the broker.
        """
        await channel.set_qos(prefetch_count=AT_ONCE)
        queue = await exclusive_queue(channel, self.queue)
        await queue.bind(self._names.direct, self.queue)

        async def arrived(message: AbstractIncomingMessage) -> None:
            begun = self._begin(message)  # before anything is awaited: commands begin in order
            tasks.spawn(self._finish(message, begun), name=f"command-{message.type}")

        await queue.consume(arrived)

    def _begin(self, message: AbstractIncomingMessage) -> Awaitable[Outcome]:
        try:
            command = decode_command(message.body)
        except Undecodable as exc:
            log.error("a command cannot be read", node=self.node, error=str(exc))
            return settled(Refused(reason=f"not understood: {exc}"))
        epoch, deadline_ms = _number(message.headers.get("epoch")), _number(message.headers.get("deadline_ms"))
        deadline = None if deadline_ms is None else deadline_ms / 1000
        refused = self.fence.why_not(epoch=epoch or 0, deadline=deadline, now=self._wall())
        if refused is not None:
            log.warning("a stale command was refused", node=self.node, command=message.type, reason=refused.reason)
            return settled(refused)
        try:
            return self._perform(command)
        except Exception as exc:
            log.exception("a command failed", node=self.node, command=message.type)
            return settled(_failed(exc))

    async def _finish(self, message: AbstractIncomingMessage, begun: Awaitable[Outcome]) -> None:
        try:
            outcome = await begun
        except Exception as exc:
            log.exception("a command failed", node=self.node, command=message.type)
            outcome = _failed(exc)
        if message.reply_to:
            reply = Message(msgspec.json.encode(outcome), correlation_id=message.correlation_id, type="outcome")
            until = self._clock.now() + REPLY_LIFE_S
            self._sender.offer(Parcel(exchange=self._names.direct, key=message.reply_to, message=reply, until=until))
        with suppress(*FAILURES):  # the session may be over, and its queue with it
            await message.ack()


def _failed(exc: Exception) -> Unknown:
    return Unknown(reason=f"it failed: {type(exc).__name__}")


def _number(value: Any) -> int | None:
    """Return a header's integer (the client sends other numbers with single precision: a time would be minutes off)."""
    return value if isinstance(value, int) else None
