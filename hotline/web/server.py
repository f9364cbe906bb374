"""The door to HTTP: serves routes with aiohttp, checks who asks and what is asked, turns errors into problem+json (RFC 9457).

Every route needs a bearer token (or the administrator's name and password by HTTP Basic) unless it is public. Secrets are
compared in constant time. What the routes do is decided by the services that own them. What this process does not serve is
passed on to the upstreams of the settings, or answered with who does.
"""

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from aiohttp import web

from hotline.errors import HotlineError, Misuse, OutcomeUnknown, Rejected, StandingBy, Unavailable
from hotline.ids import is_safe_id
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Http
from hotline.tally import Tally
from hotline.web.gateway import PASSED_ON, STANDING_BY, Gateway
from hotline.web.openapi import describe
from hotline.web.routes import ASKED_BY, Empty, FileAnswer, PageQuery, Request, Route, TextAnswer
from hotline.web.stream import PATH as STREAM
from hotline.web.stream import Hub, Source
from hotline.web.stream_joined import Joined
from hotline.web.stream_relay import Relay
from hotline.web.upstreams import methods_for, operations_of, segments_of, who_serves

log = structlog.get_logger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LAST_REQUESTS_S = 5.0
"""How long a stop waits for the requests under way."""

_NO_PEOPLE = frozenset({"system", "seat", "router", "phone", "caller"})
"""Facts name these as the ones who did something of themselves: nobody may ask under such a name, and so pass by the audit log."""
_STATUS_OF_REASON = {"not_found": 404, "not_served_here": 404, "conflict": 409, "forbidden": 403, "too_many": 429}
_STATUS_OF_KIND: tuple[tuple[type[HotlineError], int], ...] = ((Misuse, 400), (Unavailable, 503), (OutcomeUnknown, 504))
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What opens the API."""

    token: str
    username: str
    password: str


class WebServer:
    """One HTTP server for API, health, readiness and metrics."""

    def __init__(
        self,
        settings: Http,
        credentials: Credentials,
        routes: Sequence[Route],
        *,
        exposition: Callable[[], tuple[bytes, str]],
        ready: Callable[[], dict[str, bool]],
        tally: Tally,
        tasks: TaskGroup | None = None,
        process: str = "hotline",
        live: Source | None = None,
        more: Source | None = None,
    ) -> None:
        """`process` names this process in its OpenAPI document; `live` has what the stream shows of calls, `more` what else.

        `tasks` are needed for the stream, and where the settings name upstreams. Raises Misuse without them.
        """
        self._settings = settings
        self._credentials = credentials
        self._exposition = exposition
        self._ready = ready
        self._tally = tally
        self._runner: web.AppRunner | None = None
        app = web.Application(middlewares=[self._answer_errors], client_max_size=settings.body_limit_bytes)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._document = describe(routes, process)
        self._gateway = self._make_gateway(tasks)
        app.router.add_get("/api/v1/openapi.json", self._describe)
        for route in routes:
            app.router.add_route(route.method, route.path, self._serve(route))
        self._relay: Relay | None = None
        self._tasks = tasks
        self._hub = self._make_hub(live, more, tasks)
        if self._hub is not None:
            app.router.add_get(STREAM, self._stream)
        app.router.add_route("*", "/api/v1/{rest:.*}", self._serve_others)
        self._app = app

    def _make_gateway(self, tasks: TaskGroup | None) -> Gateway | None:
        if not self._settings.upstreams:
            return None
        if tasks is None:
            raise Misuse("http.upstreams: a server without tasks cannot listen to upstreams")
        return Gateway(self._settings.upstreams, self._document, self._tally, tasks)

    def _make_hub(self, live: Source | None, more: Source | None, tasks: TaskGroup | None) -> Hub | None:
        if live is None and self._settings.upstreams:
            live = self._relay = Relay(self._settings.upstreams)
        sources = [source for source in (live, more) if source is not None]
        if not sources:
            return None
        if tasks is None:
            raise Misuse("a server without tasks cannot serve the stream")
        source = sources[0] if len(sources) == 1 else Joined(sources)
        return Hub(source, self._settings, self._tally, tasks, opens=self._opens)

    async def start(self) -> str:
        """Listen, and return the base address. Raises Misuse when the port is taken."""
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=LAST_REQUESTS_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._settings.host, self._settings.port)
        try:
            await site.start()
        except OSError as exc:
            await self._runner.cleanup()
            raise Misuse(
                f"http.port: cannot listen on {self._settings.host}:{self._settings.port} ({exc.strerror}); "
                "stop what uses it, or set another port (0 chooses a free one)"
            ) from exc
        if self._gateway is not None:
            await self._gateway.start()
        if self._hub is not None:
            self._hub.start()
        if self._relay is not None and self._tasks is not None:
            self._tasks.spawn(self._relay.run(), name="stream-relay")
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        """Finish the requests under way and stop listening."""
        if self._hub is not None:
            self._hub.close()
        if self._runner is not None:
            await self._runner.cleanup()
            if self._gateway is not None:
                await self._gateway.close()

    # --- requests -------------------------------------------------------------------------------------------------

    def _serve(self, route: Route) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            by = "" if route.public else self._authenticate(request)
            checked = Request(
                path=_checked_path(request),
                query=self._checked_query(request, route.query),
                body=await _checked_body(request, route.body),
                by=by,
            )
            try:
                return _respond(await route.handler(checked))
            except Rejected as exc:
                if not route.spread or exc.reason != "not_found":
                    raise
                answer = await self._pass_on(request, by)
                if answer is None:
                    raise
                return answer

        return handler

    async def _serve_others(self, request: web.Request) -> web.StreamResponse:
        """Answer what none of our routes serves: by somebody else's answer, or with who would have one."""
        answer = await self._pass_on(request, self._authenticate(request))
        if answer is not None:
            return answer
        segments = segments_of(request.rel_url.raw_path)
        if segments is None:
            raise Rejected("not_found", "there is nothing under this id")
        gateway = self._gateway if PASSED_ON not in request.headers else None
        allowed = methods_for(operations_of(self._document), segments)
        if gateway is not None:
            allowed |= gateway.methods(segments)
        if allowed:
            raise web.HTTPMethodNotAllowed(request.method, sorted(allowed))
        if gateway is not None and (unheard := gateway.unheard()):
            raise Unavailable(f"nobody who answers serves this; {', '.join(unheard)} could not be asked yet")
        service = who_serves(segments)
        if service is None:
            raise Rejected("not_found", "there is no such operation; /api/v1/openapi.json lists them")
        raise Rejected(
            "not_served_here",
            f"this process ({self._document.info.process}) does not serve {request.path}: a process that runs {service} does; "
            "ask that one (with hotline --data-dir), or name it in http.upstreams of this one",
        )

    async def _pass_on(self, request: web.Request, by: str) -> web.StreamResponse | None:
        """Have a request answered elsewhere; None when nobody serves it, or when it came from elsewhere already."""
        segments = segments_of(request.rel_url.raw_path)
        if self._gateway is None or segments is None or PASSED_ON in request.headers:
            return None
        return await self._gateway.pass_on(request, segments, by)

    def _authenticate(self, request: web.Request) -> str:
        """Return who asks. Whoever has the token may ask for somebody else: a gateway, the command line, a program tell for whom."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._opens(value):
            by = request.headers.get(PASSED_ON, request.headers.get(ASKED_BY, "token"))
            return by if is_safe_id(by) and by not in _NO_PEOPLE else "token"
        if scheme.lower() == "basic" and self._password_matches(value):
            return self._credentials.username
        self._tally.count("http_refused", reason="credentials")
        raise web.HTTPUnauthorized(
            headers={"WWW-Authenticate": 'Bearer realm="hotline"'},
            text="send the api_token of runtime.json as `Authorization: Bearer …`",
        )

    def _opens(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self._credentials.token.encode())

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """Serve the stream; a browser, which can send no header here, shows its token afterwards."""
        assert self._hub is not None
        known = "Authorization" in request.headers
        if known:
            self._authenticate(request)
        return await self._hub.handle(request, known=known)

    def _password_matches(self, value: str) -> bool:
        try:
            given = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return False
        wanted = f"{self._credentials.username}:{self._credentials.password}".encode()
        return hmac.compare_digest(given, wanted)

    def _checked_query(self, request: web.Request, kind: Any) -> Any:
        given = dict(request.query)
        known = {f.encode_name for f in msgspec.structs.fields(kind)}
        unknown = sorted(given.keys() - known)
        if unknown:
            accepted = ", ".join(sorted(known)) or "none"
            raise Misuse(f"unknown query parameter {unknown[0][:60]!r}; accepted: {accepted}")
        if kind is Empty:
            return Empty()
        query = _convert(given, kind, strict=False)
        if isinstance(query, PageQuery):
            limit = min(max(query.limit, 1), self._settings.page_size_max)
            query = msgspec.structs.replace(query, limit=limit)
        return query

    # --- what operators' tools ask ----------------------------------------------------------------------------------

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        parts = self._ready()
        ok = all(parts.values())
        return web.Response(status=200 if ok else 503, body=_ENCODER.encode(parts), content_type="application/json")

    async def _describe(self, request: web.Request) -> web.Response:
        """Answer with what we serve; a gateway that asks wants ours alone, anybody else also what we would pass on."""
        own = self._gateway is None or PASSED_ON in request.headers
        document = self._document if own or self._gateway is None else self._gateway.document
        return web.Response(body=_ENCODER.encode(document), content_type="application/json")

    async def _metrics(self, _request: web.Request) -> web.Response:
        body, content_type = self._exposition()
        return web.Response(body=body, headers={"Content-Type": content_type})

    # --- errors -------------------------------------------------------------------------------------------------------

    @web.middleware
    async def _answer_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as exc:
            response = _problem(exc.status, exc.reason, exc.text or exc.reason, dict(exc.headers))
        except HotlineError as exc:
            status = _status_of(exc)
            kind = STANDING_BY if isinstance(exc, StandingBy) else "about:blank"
            response = _problem(status, HTTPStatus(status).phrase, str(exc), kind=kind)
        except Exception:  # the last line of defence: a bug must not leak a traceback to the client
            log.exception("request failed", path=request.path)
            self._tally.count("service_errors", service="web")
            response = _problem(500, "Internal Server Error", "the server failed; its log says why")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _status_of(error: HotlineError) -> int:
    if isinstance(error, Rejected):
        return _STATUS_OF_REASON.get(error.reason, 422)
    return next((status for kind, status in _STATUS_OF_KIND if isinstance(error, kind)), 500)


def _problem(
    status: int, title: str, detail: str, headers: dict[str, str] | None = None, *, kind: str = "about:blank"
) -> web.Response:
    body = _ENCODER.encode({"type": kind, "title": title, "status": status, "detail": detail})
    kept = {k: v for k, v in (headers or {}).items() if k.lower() in ("www-authenticate", "allow")}
    return web.Response(status=status, body=body, content_type="application/problem+json", headers=kept)


def _checked_path(request: web.Request) -> dict[str, str]:
    for value in request.match_info.values():
        if not is_safe_id(value):
            raise Rejected("not_found", "there is nothing under this id")
    return dict(request.match_info)


async def _checked_body(request: web.Request, kind: Any) -> Any:
    if kind is None:
        return None
    raw = await request.read()
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as exc:
        raise Misuse(f"request body: {exc}") from exc


def _convert(given: dict[str, str], kind: Any, *, strict: bool) -> Any:
    try:
        return msgspec.convert(given, type=kind, strict=strict)
    except msgspec.ValidationError as exc:
        raise Misuse(f"query: {exc}") from exc


def _respond(answer: Any) -> web.StreamResponse:
    if isinstance(answer, FileAnswer):
        headers = {
            "Content-Type": answer.content_type,
            "Content-Disposition": f'attachment; filename="{answer.download_name}"',
        }
        return web.FileResponse(answer.path, headers=headers)
    if isinstance(answer, TextAnswer):
        return web.Response(body=answer.text.encode(), headers={"Content-Type": answer.content_type})
    return web.Response(body=_ENCODER.encode(answer), content_type="application/json")
