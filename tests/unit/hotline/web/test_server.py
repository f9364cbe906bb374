"""The web server: who may ask, what is asked, and how errors look."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from hotline.errors import Misuse, OutcomeUnknown, Rejected, Unavailable
from hotline.settings import Http
from hotline.tally import Tally
from hotline.web.routes import FileAnswer, Page, PageQuery, Request, Route, TextAnswer
from hotline.web.server import Credentials, WebServer

TOKEN = "t0ken-for-tests"


class Thing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    size: int = 0


class Filter(PageQuery, frozen=True, kw_only=True):
    colour: str = ""


ERRORS = {
    "missing": (Rejected("not_found", "nothing here"), 404),
    "conflict": (Rejected("conflict"), 409),
    "refused": (Rejected("some_reason"), 422),
    "misuse": (Misuse("wrong"), 400),
    "away": (Unavailable("later"), 503),
    "unknown": (OutcomeUnknown("who knows"), 504),
    "bug": (RuntimeError("secret detail"), 500),
}


async def fail(request: Request) -> Any:
    raise ERRORS[request.path["id"]][0]


async def echo(request: Request) -> Any:
    return {"by": request.by, "body": request.body}


async def listing(request: Request) -> Page[Thing]:
    return Page(items=[Thing("a", request.query.limit), Thing(request.query.colour)], next="abc")


@pytest.fixture
async def base(tmp_path: Path) -> AsyncIterator[str]:
    (tmp_path / "talk.wav").write_bytes(b"RIFFdata")

    async def audio(request: Request) -> FileAnswer:
        return FileAnswer(path=tmp_path / "talk.wav", content_type="audio/wav", download_name="talk.wav")

    async def hello(request: Request) -> TextAnswer:
        return TextAnswer(text="你好")

    routes = [
        Route(method="GET", path="/api/v1/fail/{id}", handler=fail, summary="Fails."),
        Route(method="POST", path="/api/v1/things", handler=echo, summary="Makes one.", body=Thing, answer=Thing),
        Route(method="GET", path="/api/v1/things", handler=listing, summary="Lists.", query=Filter, answer=Page[Thing]),
        Route(method="GET", path="/api/v1/audio", handler=audio, summary="Sound.", answer=FileAnswer),
        Route(method="GET", path="/api/v1/hello", handler=hello, summary="Text.", answer=TextAnswer, public=True),
    ]
    server = WebServer(
        Http(port=0, page_size_max=100, body_limit_bytes=2048),
        Credentials(token=TOKEN, username="admin", password="pass-word-1"),
        routes,
        exposition=lambda: (b"hotline_up 1\n", "text/plain; version=0.0.4"),
        ready=lambda: {"telephony": False},
        tally=Tally(),
    )
    yield await server.start()
    await server.stop()


@pytest.fixture
async def http(base: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(base, headers={"Authorization": f"Bearer {TOKEN}"}) as session:
        yield session


async def test_without_credentials_nothing_but_public_routes_answers(base: str) -> None:
    async with aiohttp.ClientSession(base) as nobody:
        assert (await nobody.get("/api/v1/things")).status == 401
        assert await (await nobody.get("/api/v1/hello")).text() == "你好"
        assert (await nobody.get("/healthz")).status == 200


@pytest.mark.parametrize("header", ["Bearer wrong", "Basic !!", "Basic YWRtaW46d3Jvbmc=", "Bearer", ""])
async def test_wrong_credentials_are_refused(base: str, header: str) -> None:
    async with aiohttp.ClientSession(base, headers={"Authorization": header}) as stranger:
        answer = await stranger.get("/api/v1/things")
        assert answer.status == 401
        assert "Bearer" in answer.headers["WWW-Authenticate"]


async def test_the_administrator_may_use_name_and_password(base: str) -> None:
    header = aiohttp.encode_basic_auth("admin", "pass-word-1")
    async with aiohttp.ClientSession(base, headers={"Authorization": header}) as admin:
        answer = await admin.post("/api/v1/things", json={"name": "x"})
        assert (await answer.json())["by"] == "admin"


@pytest.mark.parametrize("word", sorted(ERRORS))
async def test_every_error_is_problem_json_with_its_status(http: aiohttp.ClientSession, word: str) -> None:
    answer = await http.get(f"/api/v1/fail/{word}")
    body = json.loads(await answer.text())
    assert answer.status == body["status"] == ERRORS[word][1]
    assert answer.content_type == "application/problem+json"
    assert "secret detail" not in body["detail"]


async def test_a_page_is_limited_by_the_setting(http: aiohttp.ClientSession) -> None:
    page = await (await http.get("/api/v1/things", params={"limit": "99999", "colour": "红"})).json()
    assert page == {"items": [{"name": "a", "size": 100}, {"name": "红", "size": 0}], "next": "abc"}


@pytest.mark.parametrize("query", ["limit=many", "unknown=1", "limit=1e999"])
async def test_a_wrong_query_is_one_clear_error(http: aiohttp.ClientSession, query: str) -> None:
    answer = await http.get(f"/api/v1/things?{query}")
    assert answer.status == 400
    assert query.partition("=")[0] in (await answer.json(content_type=None))["detail"]


@pytest.mark.parametrize(
    "body", ['{"name":1}', "{", '{"name":"a","admin":true}', "[" * 1500, "NaN", '{"name":"a","size":1e400}']
)
async def test_a_wrong_body_is_one_clear_error(http: aiohttp.ClientSession, body: str) -> None:
    answer = await http.post("/api/v1/things", data=body)
    assert answer.status == 400


async def test_a_body_beyond_the_limit_is_refused(http: aiohttp.ClientSession) -> None:
    answer = await http.post("/api/v1/things", data="x" * 5000)
    assert answer.status == 413


@pytest.mark.parametrize("path", ["/api/v1/fail/..%2f..", "/api/v1/fail/%00", "/api/v1/fail/a%20b"])
async def test_an_id_that_is_none_is_not_found(http: aiohttp.ClientSession, path: str) -> None:
    assert (await http.get(path)).status == 404


async def test_a_file_is_sent_with_ranges(http: aiohttp.ClientSession) -> None:
    answer = await http.get("/api/v1/audio", headers={"Range": "bytes=0-3"})
    assert (answer.status, await answer.read()) == (206, b"RIFF")


async def test_readiness_names_the_part_that_is_not(http: aiohttp.ClientSession) -> None:
    answer = await http.get("/readyz")
    assert (answer.status, await answer.json()) == (503, {"telephony": False})


async def test_metrics_are_served_as_given(http: aiohttp.ClientSession) -> None:
    assert await (await http.get("/metrics")).read() == b"hotline_up 1\n"


async def test_the_openapi_document_describes_every_route(http: aiohttp.ClientSession) -> None:
    document = await (await http.get("/api/v1/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    listed = document["paths"]["/api/v1/things"]
    assert {p["name"] for p in listed["get"]["parameters"]} == {"limit", "cursor", "colour"}
    assert "requestBody" in listed["post"]
    assert document["paths"]["/api/v1/fail/{id}"]["get"]["parameters"][0]["in"] == "path"


async def test_a_taken_port_is_one_sentence_with_the_remedy(base: str) -> None:
    port = int(base.rpartition(":")[2])
    second = WebServer(
        Http(port=port),
        Credentials(token="x", username="a", password="b"),
        [],
        exposition=lambda: (b"", ""),
        ready=dict,
        tally=Tally(),
    )
    with pytest.raises(Misuse, match=r"http\.port: cannot listen on .* set another port"):
        await second.start()
