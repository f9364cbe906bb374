"""A connection to a RabbitMQ, and its errors in our words.

`connect` and `declare` raise Misuse when the broker refuses us (user, virtual host, rights, other arguments under our names),
Unavailable when it cannot be reached. `declare` looks before it makes anything: what is there must have our arguments, and our
rights are tried on things that vanish by themselves, so that a broker that refuses us stays as it was.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from aio_pika import Connection, Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractQueue
from aiormq import exceptions as amqp
from yarl import URL

from hotline.bus.topology import Exchange, Names, Queue
from hotline.errors import HotlineError, Misuse, Unavailable
from hotline.settings import Bus as BusSettings

CLOSE_S = 2.0
FAILURES = (amqp.AMQPError, OSError, TimeoutError, RuntimeError, asyncio.InvalidStateError)
"""What the client raises when something is wrong with the broker or on the way to it."""


class Taken(Misuse):
    """Another connection has this name."""


def quiet_client() -> None:
    """Silence the client's own log: every failure is told by us, once, in our words."""
    for name in ("aiormq", "aio_pika"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def where(url: str) -> str:
    """Return what may be shown of a broker's address: no password."""
    parts = URL(url)
    return f"{parts.host}:{parts.port or (5671 if parts.scheme == 'amqps' else 5672)}, virtual host {parts.path or '/'}"


def translate(exc: BaseException, settings: BusSettings) -> HotlineError:
    """Return our error for one of the client's."""
    url = address(settings)
    user = URL(url).user or "guest"
    if isinstance(exc, HotlineError):
        return exc
    if isinstance(exc, amqp.AuthenticationError | amqp.ProbableAuthenticationError):
        return Misuse(f"bus: the broker at {where(url)} does not let user {user!r} in: wrong name or password?")
    if isinstance(exc, amqp.ConnectionNotAllowed | amqp.InvalidFrameError):  # the second: a "no" to Connection.Open
        return Misuse(
            f"bus: the broker at {where(url)} is closed to user {user!r}: does the virtual host exist, may the user use it?"
        )
    if isinstance(exc, amqp.ChannelAccessRefused):
        rights = f"^{settings.prefix}\\.".replace(".", "\\.", settings.prefix.count("."))
        return Misuse(
            f"bus: user {user!r} has not the rights that we need at {where(url)} (configure, write and read on {rights}): {_said(exc)}"
        )
    if isinstance(exc, amqp.ChannelPreconditionFailed):
        return Misuse(f"bus: the broker at {where(url)} has something else under one of our names: {_said(exc)}")
    if isinstance(exc, amqp.ChannelLockedResource):
        return Taken(f"bus: another process has this name at {where(url)}: {_said(exc)}")
    return Unavailable(f"bus: no broker at {where(url)}: {_said(exc) or type(exc).__name__}")


def _said(exc: BaseException) -> str:
    return " ".join(str(part) for part in exc.args)[:300].replace("\n", " ")


def address(settings: BusSettings) -> str:
    """Return the broker's URL."""
    url = "" if settings.url is None else settings.url.get_secret_value()
    if not url.startswith(("amqp://", "amqps://")):
        raise Misuse("bus.url: say where the broker is, amqp://user:password@host:port/vhost")
    return url


@asynccontextmanager
async def connected(settings: BusSettings, name: str) -> AsyncIterator[AbstractConnection]:
    """Connect, and close at the end, however the broker is. Raises Misuse or Unavailable."""
    try:
        connection = Connection(URL(address(settings)).update_query(heartbeat=str(settings.heartbeat_s), name=name))
    except ValueError as exc:
        raise Misuse("bus.url: is not a broker's address, amqp://user:password@host:port/vhost") from exc
    try:
        try:
            async with asyncio.timeout(settings.connect_timeout_s):
                await connection.connect()
        except FAILURES as exc:
            raise translate(exc, settings) from exc
        yield connection
    finally:
        try:
            async with asyncio.timeout(CLOSE_S):
                await connection.close()
        except FAILURES:  # it is frozen, blocked or gone; closing is only good manners
            await connection.close()  # at the second time it only marks itself


@asynccontextmanager
async def _scratch(connection: AbstractConnection, timeout_s: float) -> AsyncIterator[AbstractChannel]:
    """Open a channel for one attempt: a refusal closes it."""
    channel = connection.channel(publisher_confirms=True, on_return_raises=True)
    async with asyncio.timeout(timeout_s):
        await channel.initialize()
        try:
            yield channel
        finally:
            if not channel.is_closed:
                await channel.close()


async def declare(
    connection: AbstractConnection, settings: BusSettings, names: Names, exchanges: list[Exchange], queues: list[Queue]
) -> None:
    """Make sure that the broker has these exchanges and queues, with exactly these arguments. Raises Misuse or Unavailable."""
    timeout_s = settings.connect_timeout_s
    try:
        for exchange in exchanges:
            if await _exists(connection, timeout_s, lambda c, n=exchange.name: c.get_exchange(n, ensure=True)):  # type: ignore[misc]
                await _make_exchange(connection, exchange, timeout_s)
        for queue in queues:
            if await _exists(connection, timeout_s, lambda c, n=queue.name: c.get_queue(n, ensure=True)):  # type: ignore[misc]
                await _make_queue(connection, queue, timeout_s)
        await _try_rights(connection, names, timeout_s)
        for exchange in exchanges:
            await _make_exchange(connection, exchange, timeout_s)
        for queue in queues:
            await _make_queue(connection, queue, timeout_s, direct=names.direct)
    except FAILURES as exc:
        raise translate(exc, settings) from exc


async def _exists(connection: AbstractConnection, timeout_s: float, look: Callable[[AbstractChannel], object]) -> bool:
    try:
        async with _scratch(connection, timeout_s) as channel:
            await look(channel)  # type: ignore[misc]
    except amqp.ChannelNotFoundEntity:
        return False
    return True


async def _make_exchange(connection: AbstractConnection, exchange: Exchange, timeout_s: float) -> None:
    async with _scratch(connection, timeout_s) as channel:
        await channel.declare_exchange(exchange.name, exchange.kind, durable=True)


async def _make_queue(connection: AbstractConnection, queue: Queue, timeout_s: float, direct: str = "") -> None:
    """Declare a queue; with `direct`, bind it too."""
    async with _scratch(connection, timeout_s) as channel:
        made = await channel.declare_queue(queue.name, durable=True, arguments=queue.arguments)
        if direct:
            await made.bind(direct, queue.name)
            for key in queue.keys:
                await made.bind(queue.exchange, key)


async def _try_rights(connection: AbstractConnection, names: Names, timeout_s: float) -> None:
    """Do once what we shall have to do, with names of ours that are nobody's: make, bind, write, read, remove."""
    name = names.of(f"check-{uuid.uuid4().hex}")
    try:
        async with _scratch(connection, timeout_s) as channel:
            exchange = await channel.declare_exchange(name, "direct", auto_delete=True)
            queue = await channel.declare_queue(name, exclusive=True, arguments={"x-dead-letter-exchange": name})
            await queue.bind(exchange, name)
            await exchange.publish(Message(b""), name, mandatory=True)
            await queue.get(no_ack=True, fail=False)
            await queue.unbind(exchange, name)
            await queue.delete(if_unused=False, if_empty=False)  # the message may not have been there yet to be got
    except amqp.ChannelAccessRefused:
        with suppress(amqp.ChannelAccessRefused):  # an exchange that nothing was ever bound to stays
            async with _scratch(connection, timeout_s) as channel:
                await channel.exchange_delete(name)
        raise


async def exclusive_queue(channel: AbstractChannel, name: str, bindings: list[tuple[str, str]]) -> AbstractQueue:
    """Declare a queue that lives as long as the connection, bound to (exchange, key) pairs."""
    queue = await channel.declare_queue(name, durable=False, exclusive=True, auto_delete=True)
    for exchange, key in bindings:
        await queue.bind(exchange, key)
    return queue
