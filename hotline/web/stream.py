"""The WebSocket `/api/v1/stream`: live views of a service for boards and programs, by topics.

A client shows itself (by `Authorization` as everywhere, or by `{"token": …}` as its first message, for browsers) and names topics:
`{"subscribe": ["queues", "agents"]}` or `?topics=queues,agents`. It gets a `snapshot` of each, and from then on an `update` with what
changed and the ids of what is gone, at most every `http.stream_interval_s`. Nothing is replayed: after a break it begins with snapshots again.

A reader that is too slow is cut off, so that it costs no more than its buffer; so is one that says too much. Whoever comes from
a page of another origin is refused, because browsers send such a page's requests with everything they know.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NoReturn, Protocol
from urllib.parse import urlsplit

import msgspec
import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from hotline.errors import HotlineError, Misuse, StandingBy, Unavailable
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Http
from hotline.tally import Tally
from hotline.web.stream_reader import ENDING, FAILED, NO_TOKEN, REASONS, STANDS_BY, TOO_MUCH, WORDS, Reader

PATH = "/api/v1/stream"
TOKEN_WITHIN_S = 5.0
"""How long a client may take to show itself."""
HEARTBEAT_S = 20.0
"""How often a client is asked whether it is there."""
LAST_WORD_S = 1.0
"""How long the reason of a cut may take to reach the client."""
MESSAGE_BYTES = 4096
MESSAGES = 50
"""How many messages a client may send in all."""
STRANGERS = 4
"""Of so many places for clients, one may be taken by those who have not shown themselves yet."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")
log = structlog.get_logger(__name__)


class Changes(msgspec.Struct, kw_only=True):
    """What changed of one topic: items as they are now, and the ids of those that are gone."""

    items: list[Any] = []
    gone: list[str] = []


class Source(Protocol):
    """Who has the views. Every item has an `id`."""

    @property
    def topics(self) -> tuple[str, ...]:
        """What can be subscribed to."""

    def now(self) -> float:
        """The present time."""

    def watch(self, watched: bool) -> None:
        """Begin or cease to note changes: somebody looks, or nobody does any more."""

    async def ready(self) -> None:
        """Wait a moment, if need be, until there is something to be shown."""

    def snapshot(self, topic: str) -> list[Any]:
        """Return all items of a topic. Raises StandingBy when this process has none."""

    def take_changes(self) -> dict[str, Changes]:
        """Return what changed since the last time. Raises StandingBy when this process has nothing any more."""


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message of a client."""

    token: str = ""
    subscribe: list[str] = []


class Hub:
    """Serves the stream of one source. Made with the server's ways to know who asks; `handle` is its route."""

    def __init__(
        self,
        source: Source,
        settings: Http,
        tally: Tally,
        tasks: TaskGroup,
        *,
        opens: Callable[[str], bool],
    ) -> None:
        """`opens` tells whether a token opens the API."""
        self._source = source
        self._settings = settings
        self._tally = tally
        self._tasks = tasks
        self._opens = opens
        self._clients: set[Reader] = set()
        self._ends = False
        self._revision = 0
        self._snapshots: dict[str, tuple[int, str]] = {}

    def start(self) -> None:
        """Begin to tell changes."""
        self._tasks.spawn(self._pump(), name="stream")

    def close(self) -> None:
        """Let everybody go: the process is about to end."""
        self._ends = True
        self._cut_all(ENDING)

    # --- one client -------------------------------------------------------------------------------------------------------

    async def handle(self, request: web.Request, *, known: bool) -> web.StreamResponse:
        """Serve one client until it leaves or is cut off; `known`: it has shown itself by its request."""
        self._check_origin(request)
        topics = [t for t in request.query.get("topics", "").split(",") if t]
        self._check_topics(topics)
        self._check_room(known=known)
        if self._ends:
            raise Unavailable("this process ends")
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S, max_msg_size=MESSAGE_BYTES, timeout=LAST_WORD_S, compress=False
        )
        client = Reader(socket, self._settings.stream_buffer, known=known)
        self._clients.add(client)
        try:
            await socket.prepare(request)
            await self._serve(client, topics)
        finally:
            self._clients.discard(client)
            self._note_clients()
        if request.transport is not None and not socket.closed:
            request.transport.abort()
        return socket

    async def _serve(self, client: Reader, topics: list[str]) -> None:
        """Read and write side by side; whichever ends first, for whatever reason, ends both."""
        self._note_clients()
        parts = [
            self._tasks.spawn(client.write(), name="stream-write"),
            self._tasks.spawn(self._read(client, topics), name="stream-read"),
            self._tasks.spawn(client.over.wait(), name="stream-over"),
        ]
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in parts:
                part.cancel()
        if client.code:
            self._tally.count("stream_cut", reason=WORDS[client.code])
        await self._say_goodbye(client)

    async def _say_goodbye(self, client: Reader) -> None:
        code = client.code or int(WSCloseCode.OK)
        try:
            async with asyncio.timeout(LAST_WORD_S):
                await client.socket.close(code=code, message=REASONS.get(code, "").encode())
        except (TimeoutError, ConnectionError, RuntimeError):
            return  # it does not even read that; `handle` drops the connection

    async def _read(self, client: Reader, topics: list[str]) -> None:
        if not client.known and not await self._shows_itself(client):
            self._tally.count("http_refused", reason="credentials")
            client.cut(NO_TOKEN)
            return
        client.known = True
        self._source.watch(True)
        await self._source.ready()
        self._subscribe(client, topics)
        for _ in range(MESSAGES):
            said = await self._hear(client)
            if said is None:
                return
            if said.subscribe:
                try:
                    self._check_topics(said.subscribe)
                    self._subscribe(client, said.subscribe)
                except HotlineError as exc:
                    client.put(_encode({"type": "refused", "reason": str(exc)}))
        client.cut(TOO_MUCH)

    async def _shows_itself(self, client: Reader) -> bool:
        try:
            async with asyncio.timeout(TOKEN_WITHIN_S):
                said = await self._hear(client)
        except TimeoutError:
            return False
        return said is not None and self._opens(said.token)

    async def _hear(self, client: Reader) -> Said | None:
        """Return the next message; None when there will be none. One that is none of ours says nothing."""
        message = await client.socket.receive()
        if message.type is not WSMsgType.TEXT:
            return None
        try:
            return msgspec.json.decode(message.data, type=Said)
        except (msgspec.MsgspecError, RecursionError) as exc:
            client.put(_encode({"type": "refused", "reason": f"not understood: {exc}"}))
            return Said()

    def _subscribe(self, client: Reader, topics: list[str]) -> None:
        """Begin with everything, as it is now; what changes later is told by the pump."""
        for topic in topics:
            if topic in client.topics:
                continue
            self._source.watch(True)
            try:
                client.put(self._snapshot(topic))
            except StandingBy:
                client.cut(STANDS_BY)
                return
            except Exception:
                log.exception("the stream failed")  # whoever calls is not harmed by that
                self._tally.count("service_errors", service="stream")
                client.cut(FAILED)
                return
            client.topics.add(topic)

    def _snapshot(self, topic: str) -> str:
        """Return the message; it is made once for all who ask for it before something changes."""
        made = self._snapshots.get(topic)
        if made is None or made[0] != self._revision:
            items = self._source.snapshot(topic)
            made = self._revision, self._message("snapshot", topic, {"items": items})
            self._snapshots[topic] = made
        return made[1]

    def _message(self, kind: str, topic: str, more: dict[str, Any]) -> str:
        at = self._source.now()
        return _encode({"type": kind, "topic": topic, "revision": self._revision, "at": at, **more})

    def _note_clients(self) -> None:
        self._tally.level("stream_clients", len(self._clients))

    # --- who may -----------------------------------------------------------------------------------------------------------

    def _check_room(self, *, known: bool) -> None:
        if len(self._clients) >= self._settings.stream_clients:
            self._tally.limit_reached("stream_clients")
            raise Unavailable(f"{len(self._clients)} clients read the stream already; try again later")
        strangers = sum(not client.known for client in self._clients)
        if not known and strangers >= max(self._settings.stream_clients // STRANGERS, 1):
            self._tally.limit_reached("stream_strangers")
            raise Unavailable(
                f"{strangers} clients have not shown a token yet; send yours as `Authorization`, or later"
            )

    def _check_origin(self, request: web.Request) -> None:
        origin = request.headers.get("Origin")
        if origin is None or origin in self._settings.origins:
            return
        if urlsplit(origin).netloc != request.host:
            self._tally.count("http_refused", reason="origin")
            _forbid(f"pages of {origin[:100]} may not read this; name it in the setting http.origins")

    def _check_topics(self, topics: list[str]) -> None:
        for topic in topics:
            if topic not in self._source.topics:
                raise Misuse(f"there is no topic {topic[:40]!r}; there are {', '.join(self._source.topics)}")

    # --- what changes -------------------------------------------------------------------------------------------------------

    async def _pump(self) -> None:
        """Tell all clients what changed, in steps: many changes of one moment are one message."""
        while True:
            await asyncio.sleep(self._settings.stream_interval_s)
            wanted = {topic for client in self._clients for topic in client.topics}
            if not self._clients:
                self._source.watch(False)
                self._snapshots.clear()
            if not wanted:
                continue
            try:
                changes = self._source.take_changes()
                self._tell({topic: change for topic, change in changes.items() if change.items or change.gone})
            except StandingBy:
                self._cut_all(STANDS_BY)
            except Exception:
                log.exception("the stream failed")  # whoever calls is not harmed by that
                self._tally.count("service_errors", service="stream")
                self._cut_all(FAILED)

    def _cut_all(self, code: int) -> None:
        for client in list(self._clients):
            client.cut(code)

    def _tell(self, changes: dict[str, Changes]) -> None:
        if changes:
            self._revision += 1
        for topic, change in changes.items():
            message = self._message("update", topic, {"items": change.items, "gone": change.gone})
            for client in list(self._clients):
                if topic in client.topics:
                    client.put(message)


def _encode(value: dict[str, Any]) -> str:
    return _ENCODER.encode(value).decode()


def _forbid(text: str) -> NoReturn:
    raise web.HTTPForbidden(reason=HTTPStatus.FORBIDDEN.phrase, text=text)
