"""The dead letters of the broker: what could not be read, was given out too often, or overflowed an inbox.

Looking at them takes them out of the queue and puts them back, so two who look at the same time see only a part each. Whoever
puts one back into the queue it died in should have removed the cause: else it comes back here.
"""

import hashlib
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aiormq import exceptions as amqp

from hotline.bus.rabbitmq.link import FAILURES, connected, quiet_client, translate
from hotline.bus.rabbitmq.topology import Names
from hotline.errors import Unavailable
from hotline.settings import Bus as BusSettings

REASON, QUEUE = "hotline-reason", "hotline-queue"
_OF_DEATH = ("x-death", "x-first-death", "x-last-death", "x-delivery-count", "x-acquired-count", "hotline-")
_CONFIRM_S = 10.0


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter."""

    id: str
    """The fact id, or a hash of the body where there is none."""
    type: str
    source: str
    """The process that sent it."""
    queue: str
    """Where it died, and goes when it is put back."""
    reason: str
    """Our own words, or the broker's: `delivery_limit`, `maxlen`, `rejected`, `expired`."""
    died_at: float | None
    body: str


class Requeued(msgspec.Struct, frozen=True, kw_only=True):
    """What came of putting back."""

    done: int
    homeless: int
    """Those whose queue is no longer there; they stay."""


async def read(settings: BusSettings, limit: int) -> list[DeadLetter]:
    """Return the first dead letters; they stay. Raises Misuse or Unavailable."""
    async with _opened(settings) as channel:
        messages = [m async for m in _messages(channel, Names(prefix=settings.prefix), limit)]
        return [_describe(m) for m in messages]


async def requeue(settings: BusSettings, ids: Collection[str] | None, limit: int) -> Requeued:
    """Put dead letters back into the queues they died in: those with these ids (None: all of the first `limit`).

    Each is removed here only when it is there. Raises Misuse or Unavailable.
    """
    names = Names(prefix=settings.prefix)
    done = homeless = 0
    async with _opened(settings) as channel:
        exchange = await channel.get_exchange(names.direct, ensure=False)
        messages = [m async for m in _messages(channel, names, limit)]
        for message in messages:
            letter = _describe(message)
            if ids is not None and letter.id not in ids:
                continue
            try:
                await exchange.publish(_revived(message), letter.queue, mandatory=True, timeout=_CONFIRM_S)
            except amqp.PublishError:
                homeless += 1
            else:
                await message.ack()
                done += 1
    return Requeued(done=done, homeless=homeless)


@asynccontextmanager
async def _opened(settings: BusSettings) -> AsyncIterator[AbstractChannel]:
    """Open a channel; what is not acknowledged at its end goes back."""
    quiet_client()
    async with connected(settings, "hotline bus dead") as (connection,):
        try:
            channel = await connection.channel(on_return_raises=True)
            yield channel
            await channel.close()
        except amqp.ChannelNotFoundEntity as exc:
            raise Unavailable(
                "bus: this broker has no dead letters of ours yet; was hotline ever started with it?"
            ) from exc
        except FAILURES as exc:
            raise translate(exc, settings) from exc


async def _messages(channel: AbstractChannel, names: Names, limit: int) -> AsyncIterator[AbstractIncomingMessage]:
    queue = await channel.get_queue(names.dead_letters, ensure=True)
    for _ in range(min(limit, queue.declaration_result.message_count or 0)):
        message = await queue.get(no_ack=False, fail=False, timeout=_CONFIRM_S)
        if message is None:
            return
        yield message


def _describe(message: AbstractIncomingMessage) -> DeadLetter:
    headers = message.headers
    deaths = headers.get("x-death")
    death: dict[str, Any] = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}
    return DeadLetter(
        id=message.message_id or hashlib.sha256(message.body).hexdigest()[:32],
        type=message.type or "",
        source=message.app_id or "",
        queue=_text(headers.get(QUEUE) or headers.get("x-first-death-queue") or death.get("queue")),
        reason=_text(headers.get(REASON) or headers.get("x-first-death-reason") or death.get("reason")),
        died_at=_moment(message.timestamp or death.get("time")),
        body=message.body.decode("utf-8", "replace"),
    )


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def _moment(value: Any) -> float | None:
    return value.timestamp() if isinstance(value, datetime) else None


def _revived(message: AbstractIncomingMessage) -> Message:
    """Return the message as it was before it died."""
    return Message(
        message.body,
        headers={name: value for name, value in message.headers.items() if not name.startswith(_OF_DEATH)},
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=message.message_id,
        type=message.type,
        app_id=message.app_id,
    )
