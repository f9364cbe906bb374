"""Processes of a hotline as the web sees them: real servers on the loopback, each with routes of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from crm.api.audio import audio_routes
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Http, Upstream
from hotline.tally import Tally
from hotline.web.openapi import describe
from hotline.web.routes import Request, Route
from hotline.web.server import Credentials, WebServer
from tests.support.wait import eventually

TOKEN = "token-of-{}-process"
BODY_LIMIT = 2048


def token_of(process: str) -> str:
    return TOKEN.format(process)


def route(method: Any, path: str, says: Callable[[Request], Any], **more: Any) -> Route:
    """A route whose handler answers with what `says` returns, or raises."""

    async def handler(request: Request) -> Any:
        return says(request)

    return Route(method=method, path=f"/api/v1/{path}", handler=handler, summary="Something.", **more)


def recordings_at(tmp_path: Path, node: str, *ids: str) -> list[Route]:
    """The audio of a node with these recordings."""
    day = tmp_path / node / "2026" / "11" / "22"
    day.mkdir(parents=True)
    for recording in ids:
        (day / f"{recording}.wav").write_bytes(f"RIFF of {recording} at {node}".encode())
    return audio_routes(tmp_path / node)


class Process:
    """One process: its server, and a client that has its token."""

    def __init__(self, name: str, routes: Sequence[Route], upstreams: Sequence[Upstream] = (), port: int = 0) -> None:
        self.name = name
        self.tally = Tally()
        self._tasks = TaskGroup(name)
        self._server = WebServer(
            Http(port=port, body_limit_bytes=BODY_LIMIT, upstreams=tuple(upstreams)),
            Credentials(token=token_of(name), username="admin", password="pass-word-1"),
            routes,
            exposition=lambda: (b"", "text/plain"),
            ready=lambda: {name: True},
            tally=self.tally,
            tasks=self._tasks,
            process=name,
        )
        self.url = ""
        self.http: aiohttp.ClientSession

    async def start(self) -> "Process":
        self.url = await self._server.start()
        self.http = aiohttp.ClientSession(self.url, headers={"Authorization": f"Bearer {token_of(self.name)}"})
        return self

    async def stop(self) -> None:
        await self.http.close()
        await self._server.stop()
        await self._tasks.close()

    def as_upstream(self, **more: Any) -> Upstream:
        return Upstream(**({"url": self.url, "token": token_of(self.name)} | more))

    async def paths(self, **headers: str) -> set[str]:
        async with self.http.get("/api/v1/openapi.json", headers=headers) as answer:
            return set((await answer.json())["paths"])

    async def knows(self, *paths: str) -> None:
        """Wait until it has learned that these are served behind it."""
        wanted = {f"/api/v1/{path}" for path in paths}

        async def check() -> bool:
            return wanted <= await self.paths()

        await eventually(check, what=f"{self.name} knows {sorted(wanted)}")

    async def finds(self, path: str) -> None:
        """Wait until something is answered with 200: whoever serves the same was heard before."""

        async def check() -> bool:
            return (await self.ask(path))[0] == 200

        await eventually(check, what=path)

    async def ask(self, path: str, method: str = "GET", **more: Any) -> tuple[int, Any]:
        """Return status and body (decoded when it is JSON) of the answer to a request."""
        async with self.http.request(method, f"/api/v1/{path}", **more) as answer:
            raw = await answer.read()
            return answer.status, msgspec.json.decode(raw) if "json" in answer.content_type else raw


@asynccontextmanager
async def running(name: str, routes: Sequence[Route], *upstreams: Upstream, port: int = 0) -> AsyncIterator[Process]:
    process = await Process(name, routes, upstreams, port).start()
    try:
        yield process
    finally:
        await process.stop()


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Strange:
    """An upstream that is no hotline, or a broken one: says that it serves `things`, and does what the test tells it to."""

    def __init__(self, handler: Handler, document: bytes | None = None) -> None:
        self.seen: list[web.Request] = []
        self._handler = handler
        self._document = document
        self._runner: web.AppRunner

    async def start(self) -> Upstream:
        app = web.Application()
        app.router.add_get("/api/v1/openapi.json", self._describe)
        app.router.add_route("*", "/{rest:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        return Upstream(url=f"http://127.0.0.1:{port}", token=token_of("strange"))

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _describe(self, _request: web.Request) -> web.Response:
        things = [route(method, "things", lambda _: None) for method in ("GET", "PUT")]
        body = self._document if self._document is not None else msgspec.json.encode(describe(things, "strange"))
        return web.Response(body=body)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        return await self._handler(request)


@asynccontextmanager
async def strange(handler: Handler, document: bytes | None = None) -> AsyncIterator[tuple[Strange, Upstream]]:
    made = Strange(handler, document)
    upstream = await made.start()
    try:
        yield made, upstream
    finally:
        await made.stop()


async def free_port() -> int:
    """Return a port that nobody listens at now."""
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return int(port)
