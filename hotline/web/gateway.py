"""The door to the other processes' API: passes on requests that this process cannot answer itself.

What each upstream serves is learned from its OpenAPI document and asked for again and again. A request goes to the upstreams
that serve its path, one after the other, until one answers for itself: one that cannot be reached, one that stands by, and (for
what is spread over processes) one that has not found anything are passed over. What may have been done is never asked twice.

Only hosts of the settings are spoken to; redirects are not followed; a request that was passed on once is not passed on again.
Of headers only those below go through, and our credentials for the upstream take the place of the caller's.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import aiohttp
import msgspec
import structlog
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from hotline.errors import HotlineError, Misuse, OutcomeUnknown, Rejected, StandingBy, Unavailable
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Upstream
from hotline.tally import Tally
from hotline.web.upstreams import Document, Operation, Peer, Segments, merge, read_document

PASSED_ON = "Hotline-Passed-On"
"""The header of a request that came through a gateway; its value is who asked there."""
STANDING_BY = "urn:hotline:problem:standing-by"
"""The type of the problem that a process tells which only stands by."""

LEARN_S = 15.0
LEARN_AGAIN_S = 2.0
"""How soon an upstream that could not be asked is asked again."""
CONNECT_S = 2.0
ANSWER_S = 25.0
"""How long an upstream may be silent; below the patience of our own command line, so that it hears who is silent."""
WHOLE_S = 900.0
DOCUMENT_BYTES = 4 * 1_048_576
PROBLEM_BYTES = 65_536
ANSWER_BYTES = 1 << 30
CHUNK_BYTES = 65_536
CONNECTIONS = 30
"""To each upstream."""

_FORTH = ("Accept", "Accept-Language", "Content-Type", "Range", "If-Range", "If-None-Match", "If-Modified-Since")
_BODY = ("Content-Type", "Content-Length", "Content-Range", "Content-Disposition")
_BACK = (*_BODY, "Accept-Ranges", "ETag", "Last-Modified", "Cache-Control", "Retry-After", "Allow")

log = structlog.get_logger(__name__)


class Gateway:
    """The way to the upstreams of the settings. `start`, then `pass_on`; `close` at the end."""

    def __init__(self, upstreams: tuple[Upstream, ...], own: Document, tally: Tally, tasks: TaskGroup) -> None:
        """`own`: what this process serves itself."""
        self._peers = [Peer(upstream) for upstream in upstreams]
        self._own = own
        self._tally = tally
        self._tasks = tasks
        self._learning: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession
        self.document = own
        """What this process and those behind it serve."""

    async def start(self) -> None:
        """Begin to ask the upstreams what they serve."""
        self._session = aiohttp.ClientSession(
            # A connection of its own for each request: a kept one that the upstream closes just now would leave us not knowing.
            middlewares=(_once,),
            connector=aiohttp.TCPConnector(limit=0, limit_per_host=CONNECTIONS, force_close=True),
            timeout=aiohttp.ClientTimeout(total=WHOLE_S, connect=ANSWER_S, sock_connect=CONNECT_S, sock_read=ANSWER_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        self._learning = [self._tasks.spawn(self._keep_learning(peer), name="upstream") for peer in self._peers]

    async def close(self) -> None:
        """Stop asking."""
        for task in self._learning:
            task.cancel()
        await asyncio.gather(*self._learning, return_exceptions=True)
        await self._session.close()

    # --- who serves what ----------------------------------------------------------------------------------------------

    async def _keep_learning(self, peer: Peer) -> None:
        said = ""
        while True:
            try:
                document = await self._fetch_document(peer)
            except HotlineError as exc:
                if str(exc) != said:
                    log.warning("an upstream does not say what it serves", upstream=peer.url, error=str(exc))
                said = str(exc)
                await asyncio.sleep(LEARN_AGAIN_S)
                continue
            said = ""
            if peer.learn(document):
                log.info("an upstream says what it serves", upstream=peer.url, process=document.info.process)
                self.document = merge(self._own, [p.document for p in self._peers if p.document is not None])
            await asyncio.sleep(LEARN_S)

    async def _fetch_document(self, peer: Peer) -> Document:
        async with await self._send(peer, "GET", "/api/v1/openapi.json", headers={PASSED_ON: "-"}) as answer:
            if answer.status != 200:
                raise Unavailable(f"{peer.name} answers {answer.status} when asked what it serves")
            return read_document(await _read(answer, DOCUMENT_BYTES, peer))

    def _candidates(self, method: str, segments: Segments) -> list[tuple[Peer, Operation]]:
        found = [(peer, operation) for peer in self._peers if (operation := peer.serves(method, segments)) is not None]
        return sorted(found, key=lambda entry: entry[0].reluctance)

    def methods(self, segments: Segments) -> set[str]:
        """Return the methods that any upstream takes for a path."""
        return {method for peer in self._peers for method in peer.methods(segments)}

    def unheard(self) -> list[str]:
        """Return the upstreams of which it is not known yet what they serve."""
        return [peer.url for peer in self._peers if peer.is_unknown]

    # --- passing on -----------------------------------------------------------------------------------------------------

    async def pass_on(self, request: web.Request, segments: Segments, by: str) -> web.StreamResponse | None:
        """Answer a request with what an upstream answers; None when none of them serves it.

        Raises what the answer would have been: Unavailable or StandingBy when nobody could answer, Rejected("not_found")
        when nobody has it, OutcomeUnknown when one took it and did not answer.
        """
        candidates = self._candidates(request.method, segments)
        body = await request.read() if candidates else b""
        passed_over: list[HotlineError] = []
        for peer, operation in candidates:
            try:
                answer = await self._ask(peer, operation, request, segments, body, by)
            except (Unavailable, Rejected) as exc:
                peer.passed_over(exc)
                self._tally.count("http_passed_over", reason=type(exc).__name__.lower())
                passed_over.append(exc)
            else:
                peer.reluctance = 0
                return answer
        if passed_over:
            raise _summary(passed_over)
        return None

    async def _ask(
        self, peer: Peer, operation: Operation, request: web.Request, segments: Segments, body: bytes, by: str
    ) -> web.StreamResponse:
        """Return the answer of one upstream. Raises Unavailable or Rejected when it has none of its own."""
        headers = {name: request.headers[name] for name in _FORTH if name in request.headers}
        headers |= {"Authorization": f"Bearer {peer.token}", PASSED_ON: by, "Accept-Encoding": "identity"}
        path = "/" + "/".join(segments)
        async with await self._send(peer, request.method, path, headers, query=request.query, body=body) as answer:
            problem = await self._judge(peer, operation, answer)
            return problem if problem is not None else await self._relay(peer, request, answer)

    async def _send(
        self, peer: Peer, method: str, path: str, headers: Mapping[str, str], *, query: Any = None, body: bytes = b""
    ) -> aiohttp.ClientResponse:
        """Send a request and return the answer, its body unread. Raises Unavailable when nothing was done, else OutcomeUnknown."""
        url = URL(peer.url + path).with_query(query)
        try:
            return await self._session.request(
                method, url, headers=headers, data=body or None, allow_redirects=False, raise_for_status=False
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as exc:
            raise Unavailable(f"{peer.name} cannot be reached; is that process running?") from exc
        except (aiohttp.ClientError, TimeoutError) as exc:
            if method == "GET":
                raise Unavailable(f"{peer.name} does not answer; is that process running?") from exc
            raise OutcomeUnknown(
                f"{peer.name} took the request and did not answer: it may have been done or not; look before you try again"
            ) from exc

    async def _judge(self, peer: Peer, operation: Operation, answer: aiohttp.ClientResponse) -> web.Response | None:
        """Return a small answer that had to be read to be understood; None: it is to be relayed. Raises what becomes of others."""
        if answer.status == 401:
            raise Unavailable(f"{peer.name} does not take our token: set the one in http.upstreams to its api_token")
        if 300 <= answer.status < 400 and answer.status != 304:
            raise Unavailable(f"{peer.name} answers with a redirect, which is not followed")
        if answer.status != 503 and not (answer.status == 404 and operation.spread):
            return None
        body = await _read(answer, PROBLEM_BYTES, peer)
        kind, detail = _problem_of(body)
        if answer.status == 404:
            raise Rejected("not_found", detail)
        if kind == STANDING_BY:
            raise StandingBy(f"{peer.name}: {detail}")
        return web.Response(status=503, body=body, headers=_kept(answer))

    async def _relay(self, peer: Peer, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        """Send the answer on, piece by piece. One that breaks off, or never ends, cuts the connection: it must not look whole."""
        response = web.StreamResponse(status=answer.status, headers=_kept(answer))
        await response.prepare(request)
        try:
            async with aclosing(_pieces(answer, ANSWER_BYTES, peer)) as pieces:
                async for piece in pieces:
                    await response.write(piece)
            await response.write_eof()
        except HotlineError as exc:
            log.warning("the answer of an upstream broke off", error=str(exc))
            self._tally.count("http_cut_off")
            if request.transport is not None:
                request.transport.abort()
        except ConnectionResetError:
            log.debug("whoever asked has gone", path=request.path)
        return response


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a request again whose connection broke: PUT and DELETE too may have been done."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
        raise aiohttp.ClientConnectionError(str(exc)) from exc


def _summary(passed_over: list[HotlineError]) -> HotlineError:
    """Return what to say when nobody had an answer. One that is away comes first: it might have had it."""
    away = [error for error in passed_over if isinstance(error, Unavailable)]
    if not away:
        return passed_over[0]
    text = "; ".join(str(error) for error in away)
    return StandingBy(text) if all(isinstance(error, StandingBy) for error in away) else Unavailable(text)


def _kept(answer: aiohttp.ClientResponse) -> CIMultiDict[str]:
    kept = CIMultiDict((name, answer.headers[name]) for name in _BACK if name in answer.headers)
    kept["X-Content-Type-Options"] = "nosniff"
    return kept


async def _pieces(answer: aiohttp.ClientResponse, limit: int, peer: Peer) -> AsyncGenerator[bytes, None]:
    """Yield the body of an answer. Raises Unavailable when it breaks off, Misuse when it is longer than it may be."""
    total = 0
    try:
        async for piece in answer.content.iter_chunked(CHUNK_BYTES):
            total += len(piece)
            if total > limit:
                raise Misuse(f"{peer.name} sends more than {limit} bytes")
            yield piece
    except (aiohttp.ClientError, TimeoutError) as exc:
        raise Unavailable(f"{peer.name} breaks off in the middle of its answer") from exc


async def _read(answer: aiohttp.ClientResponse, limit: int, peer: Peer) -> bytes:
    """Return the whole body of an answer that is small."""
    async with aclosing(_pieces(answer, limit, peer)) as pieces:
        return b"".join([piece async for piece in pieces])


class _Problem(msgspec.Struct, frozen=True):
    """What a process says about a request that it did not fulfil."""

    type: str = ""
    detail: str = ""


def _problem_of(body: bytes) -> tuple[str, str]:
    """Return type and detail of a problem, as far as it is one."""
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except (msgspec.MsgspecError, RecursionError):
        problem = _Problem()
    return problem.type, problem.detail or "it does not say why"
