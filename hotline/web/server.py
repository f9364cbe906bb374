"""The door to HTTP: serves routes with aiohttp, checks who asks and what is asked, turns errors into problem+json (RFC 9457).

Every route needs a bearer token (or the administrator's name and password by HTTP Basic) unless it is public. Secrets are
compared in constant time. What the routes do is decided by the services that own them.
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

from hotline.errors import HotlineError, Misuse, OutcomeUnknown, Rejected, Unavailable
from hotline.ids import is_safe_id
from hotline.settings import Http
from hotline.tally import Tally
from hotline.web.openapi import describe
from hotline.web.routes import Empty, FileAnswer, PageQuery, Request, Route, TextAnswer

log = structlog.get_logger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_STATUS_OF_REASON = {"not_found": 404, "conflict": 409, "forbidden": 403, "too_many": 429}
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
    ) -> None:
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
        document = _ENCODER.encode(describe(routes))
        app.router.add_get("/api/v1/openapi.json", _constant(document))
        for route in routes:
            app.router.add_route(route.method, route.path, self._serve(route))
        self._app = app

    async def start(self) -> str:
        """Listen, and return the base address. Raises Misuse when the port is taken."""
        self._runner = web.AppRunner(self._app, access_log=None)
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
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        """Finish the requests under way and stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

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
            return _respond(await route.handler(checked))

        return handler

    def _authenticate(self, request: web.Request) -> str:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(value.encode(), self._credentials.token.encode()):
            return "token"
        if scheme.lower() == "basic" and self._password_matches(value):
            return self._credentials.username
        self._tally.count("http_refused", reason="credentials")
        raise web.HTTPUnauthorized(
            headers={"WWW-Authenticate": 'Bearer realm="hotline"'},
            text="send the api_token of runtime.json as `Authorization: Bearer …`",
        )

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
            response = _problem(status, HTTPStatus(status).phrase, str(exc))
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
    return {Misuse: 400, Unavailable: 503, OutcomeUnknown: 504}.get(type(error), 500)


def _problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> web.Response:
    body = _ENCODER.encode({"type": "about:blank", "title": title, "status": status, "detail": detail})
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


def _constant(document: bytes) -> Handler:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=document, content_type="application/json")

    return handler
