"""A connection to a RabbitMQ, and its errors in our words.

`connected` and `declare` raise Misuse when the broker refuses us (user, virtual host, rights, other arguments under our names),
Unavailable when it cannot be reached. A first `declare` looks before it makes anything: what is there must have our arguments,
and our rights are tried on things that vanish by themselves, so that a broker that refuses us stays as it was.

A link whose other end is gone without a word is noticed by the kernel within a few seconds (it asks, and our own data go without an
answer); a broker that hangs is noticed by AMQP's heartbeat. A connection that cannot be closed in good order is cut: the
client library would wait for its unsent data, and keep the socket and its tasks, for as long as the broker hangs.
"""

import asyncio
import logging
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from aio_pika import Connection
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractQueue
from aiormq import exceptions as amqp
from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from yarl import URL

from hotline.bus.rabbitmq.topology import Exchange, Names, Queue
from hotline.errors import HotlineError, Misuse, Unavailable
from hotline.settings import Bus as BusSettings

CLOSE_S = 1.0
SILENT_PEER_S = 5
"""So long the kernel waits for an answer of the other end of a link, to our data or to its own question."""
ASK_AFTER_S, ASK_EVERY_S = 2, 1
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
        if "acknowledgement" in _said(exc):  # of a delivery, for half an hour: PostgreSQL is away
            return Unavailable(f"bus: the broker at {where(url)} wants back what it gave us: {_said(exc)}")
        return Misuse(f"bus: the broker at {where(url)} has something else under one of our names: {_said(exc)}")
    if isinstance(exc, amqp.ChannelLockedResource):
        return Taken(f"bus: another process has this name at {where(url)}: {_said(exc)}")
    if isinstance(exc, TimeoutError | asyncio.CancelledError) and not _said(exc):  # the second: no heartbeat came
        return Unavailable(f"bus: the broker at {where(url)} does not answer")
    return Unavailable(f"bus: no broker at {where(url)}: {_said(exc) or type(exc).__name__}")


def _said(exc: BaseException) -> str:
    return " ".join(str(part) for part in exc.args)[:300].replace("\n", " ")


def address(settings: BusSettings) -> str:
    """Return the broker's URL."""
    url = "" if settings.url is None else settings.url.get_secret_value()
    if not url.startswith(("amqp://", "amqps://")):
        raise Misuse("bus.url: say where the broker is, amqp://user:password@host:port/vhost")
    return url


# --- connections ----------------------------------------------------------------------------------------------------------


class _Wire(TransportFactory):
    """Opens the socket of one connection, and can cut it."""

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        factory = TLSTransportFactory() if url.scheme == "amqps" else TCPTransportFactory()
        reader, self._writer = await factory.create(url, **kwargs)
        watch_peer(self._writer.get_extra_info("socket"))
        return reader, self._writer

    def cut(self) -> None:
        """Drop the socket with whatever it has not sent. Nothing happens when it is closed already."""
        if self._writer is not None:
            self._writer.transport.abort()


def watch_peer(link: socket.socket) -> None:
    """Have the kernel find out when the other end is gone (tcp(7)), where the kernel can."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wanted = {
        "TCP_KEEPIDLE": ASK_AFTER_S,
        "TCP_KEEPINTVL": ASK_EVERY_S,
        "TCP_KEEPCNT": SILENT_PEER_S - ASK_AFTER_S,
        "TCP_USER_TIMEOUT": SILENT_PEER_S * 1000,
    }
    for option, value in wanted.items():
        if hasattr(socket, option):
            link.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


@asynccontextmanager
async def connected(settings: BusSettings, *names: str) -> AsyncIterator[list[AbstractConnection]]:
    """Open a connection of each name, and close all at the end, however the broker is. Raises Misuse or Unavailable."""
    wires: list[tuple[AbstractConnection, _Wire]] = []
    try:
        for name in names:
            wires.append(_wired(settings, name))
            try:
                async with asyncio.timeout(settings.connect_timeout_s):
                    await wires[-1][0].connect()
            except FAILURES as exc:
                raise translate(exc, settings) from exc
        yield [connection for connection, _ in wires]
    finally:
        await asyncio.gather(*(_close(connection, wire) for connection, wire in wires))


def _wired(settings: BusSettings, name: str) -> tuple[AbstractConnection, _Wire]:
    try:
        connection = Connection(URL(address(settings)).update_query(heartbeat=str(settings.heartbeat_s), name=name))
    except ValueError as exc:
        raise Misuse("bus.url: is not a broker's address, amqp://user:password@host:port/vhost") from exc
    wire = connection.kwargs["transport_factory"] = _Wire()
    return connection, wire


async def _close(connection: AbstractConnection, wire: _Wire) -> None:
    try:
        async with asyncio.timeout(CLOSE_S):
            await connection.close()
    except FAILURES:  # it is frozen, blocked or gone; closing is only good manners
        await connection.close()  # at the second time it only marks itself
    finally:
        wire.cut()


async def is_blocked(connection: AbstractConnection) -> bool:
    """Return whether the broker has stopped reading from us (it is short of memory or disk) and said so."""
    if connection.transport is None:
        return False
    try:
        async with asyncio.timeout(0):  # it does not wait unless it is blocked
            await connection.transport.ready()
    except TimeoutError:
        return True
    return False


# --- what is there --------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _scratch(connection: AbstractConnection, timeout_s: float) -> AsyncIterator[AbstractChannel]:
    """Open a channel for one attempt: a refusal closes it."""
    channel = connection.channel(publisher_confirms=False)
    async with asyncio.timeout(timeout_s):
        await channel.initialize()
        try:
            yield channel
        finally:
            if not channel.is_closed:
                await channel.close()


async def declare(
    connection: AbstractConnection, settings: BusSettings, names: Names, exchanges: list[Exchange], queues: list[Queue],
    *, first: bool,
) -> None:  # fmt: skip
    """Make sure that the broker has these exchanges and queues, with exactly these arguments. Raises Misuse or Unavailable.

    `first`: this broker may not be meant for us, so look before anything is made.
    """
    timeout_s = settings.connect_timeout_s
    try:
        if first:
            await _look(connection, timeout_s, exchanges, queues)
            await _try_rights(connection, names, timeout_s)
        async with _scratch(connection, timeout_s) as channel:
            for exchange in exchanges:
                await channel.declare_exchange(exchange.name, exchange.kind, durable=True)
            for queue in queues:
                made = await _declare_queue(channel, queue)
                await made.bind(names.direct, queue.name)
                for key in queue.keys:
                    await made.bind(queue.exchange, key)
    except FAILURES as exc:
        raise translate(exc, settings) from exc


async def _declare_queue(channel: AbstractChannel, queue: Queue) -> AbstractQueue:
    return await channel.declare_queue(queue.name, durable=True, arguments=queue.arguments)


async def _look(
    connection: AbstractConnection, timeout_s: float, exchanges: list[Exchange], queues: list[Queue]
) -> None:
    """Find out whether what is there already has our arguments, and make nothing."""
    for exchange in exchanges:
        if await _exists(connection, timeout_s, lambda c, n=exchange.name: c.get_exchange(n, ensure=True)):  # type: ignore[misc]
            async with _scratch(connection, timeout_s) as channel:
                await channel.declare_exchange(exchange.name, exchange.kind, durable=True)
    for queue in queues:
        if await _exists(connection, timeout_s, lambda c, n=queue.name: c.get_queue(n, ensure=True)):  # type: ignore[misc]
            async with _scratch(connection, timeout_s) as channel:
                await _declare_queue(channel, queue)


async def _exists(
    connection: AbstractConnection, timeout_s: float, look: Callable[[AbstractChannel], Awaitable[object]]
) -> bool:
    try:
        async with _scratch(connection, timeout_s) as channel:
            await look(channel)
    except amqp.ChannelNotFoundEntity:
        return False
    return True


async def _try_rights(connection: AbstractConnection, names: Names, timeout_s: float) -> None:
    """Do once what needs each of our rights, with names of ours that are nobody's: make (configure), bind (write and read), remove.

    Nothing is published: a broker that is short of memory would not read it, and then stop listening to us altogether.
    """
    name = names.of(f"check-{uuid.uuid4().hex}")
    try:
        async with _scratch(connection, timeout_s) as channel:
            exchange = await channel.declare_exchange(name, "direct", auto_delete=True)
            queue = await channel.declare_queue(name, exclusive=True, arguments={"x-dead-letter-exchange": name})
            await queue.bind(exchange, name)
            await queue.get(no_ack=True, fail=False)
            await queue.unbind(exchange, name)
            await queue.delete(if_unused=False, if_empty=False)
    except amqp.ChannelAccessRefused:
        with suppress(amqp.ChannelAccessRefused):  # an exchange that nothing was ever bound to stays
            async with _scratch(connection, timeout_s) as channel:
                await channel.exchange_delete(name)
        raise


async def exclusive_queue(channel: AbstractChannel, name: str, limit: int | None = None) -> AbstractQueue:
    """Declare a queue that lives as long as the connection; beyond `limit` it drops its oldest message."""
    arguments: dict[str, Any] | None = {"x-max-length": limit} if limit is not None else None
    return await channel.declare_queue(name, durable=False, exclusive=True, auto_delete=True, arguments=arguments)
