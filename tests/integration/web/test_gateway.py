"""One address for all of the API: requests go to the process that serves them, and whoever cannot answer is passed over."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from hotline.errors import Misuse, Rejected, StandingBy
from hotline.settings import Http, Upstream
from hotline.tally import Tally
from hotline.web import gateway
from hotline.web.gateway import PASSED_ON
from hotline.web.routes import ASKED_BY, PageQuery, Request, Route
from hotline.web.server import Credentials, WebServer
from tests.integration.web.house import (
    BODY_LIMIT,
    Process,
    free_port,
    recordings_at,
    route,
    running,
    strange,
    token_of,
)

AWAY = Upstream(url="http://127.0.0.1:1", token=token_of("away"))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "LEARN_S", 0.1)
    monkeypatch.setattr(gateway, "LEARN_AGAIN_S", 0.05)
    monkeypatch.setattr(gateway, "ANSWER_S", 1.0)


class Thing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str


def things(of: str) -> list[Route]:
    return [
        route("GET", "things", lambda r: {"of": of, "limit": r.query.limit}, query=PageQuery),
        route("GET", "things/{id}", lambda r: {"of": of, "id": r.path["id"], "by": r.by}),
        route("PUT", "things/{id}", lambda r: {"of": of, "name": r.body.name, "by": r.by}, body=Thing),
    ]


def standing_by(_request: Request) -> Any:
    raise StandingBy("this router stands by; the active one is acd9")


@pytest.fixture
async def acd() -> AsyncIterator[Process]:
    async with running("acd1", things("acd1")) as process:
        yield process


@pytest.fixture
async def crm(acd: Process) -> AsyncIterator[Process]:
    async with running("crm1", [route("GET", "calls", lambda _: ["own"])], acd.as_upstream()) as process:
        await process.knows("things")
        yield process


# --- what another process serves


async def test_a_request_is_answered_by_the_process_that_serves_it(crm: Process) -> None:
    assert await crm.ask("calls") == (200, ["own"])
    assert await crm.ask("things", params={"limit": "7"}) == (200, {"of": "acd1", "limit": 7})
    assert await crm.ask("things/a.b:c-1", "PUT", json={"name": "李"}) == (
        200, {"of": "acd1", "name": "李", "by": "token"},
    )  # fmt: skip


async def test_who_asks_is_told_there(crm: Process) -> None:
    header = {"Authorization": aiohttp.encode_basic_auth("admin", "pass-word-1")}
    async with aiohttp.ClientSession(crm.url, headers=header) as admin:
        answer = await (await admin.get("/api/v1/things/1")).json()
    assert answer["by"] == "admin"
    said = [await crm.ask("things/1", headers={ASKED_BY: name}) for name in ("li.mei", "router", "a b")]
    assert [answer["by"] for _, answer in said] == ["li.mei", "token", "token"]


async def test_refusals_of_the_other_process_come_through(crm: Process) -> None:
    status, problem = await crm.ask("things", params={"colour": "red"})
    assert (status, problem["detail"]) == (400, "unknown query parameter 'colour'; accepted: cursor, limit")
    assert (await crm.ask("things/1", "PUT", json={"size": 1}))[0] == 400


async def test_the_document_shows_all_and_to_a_gateway_only_our_own(crm: Process) -> None:
    everything = {"/api/v1/calls", "/api/v1/things", "/api/v1/things/{id}"}
    assert await crm.paths() == everything
    assert await crm.paths(**{PASSED_ON: "-"}) == {"/api/v1/calls"}
    document = (await crm.ask("openapi.json"))[1]
    assert document["paths"]["/api/v1/things"]["get"]["x-hotline-process"] == "acd1"
    assert "Thing" in document["components"]["schemas"]


async def test_without_our_credentials_nothing_is_passed_on() -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response({})

    async with strange(handler) as (upstream, settings), running("crm1", [], settings) as crm:
        await crm.knows("things")
        async with aiohttp.ClientSession(crm.url) as nobody:
            assert (await nobody.get("/api/v1/things")).status == 401
        assert upstream.seen == []


async def test_a_wrong_method_names_the_right_ones(crm: Process) -> None:
    async with crm.http.delete("/api/v1/things/1") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET,PUT")
    async with crm.http.delete("/api/v1/calls") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET")


# --- several that serve the same


async def test_one_that_stands_by_is_passed_over_and_asked_last_from_then_on(acd: Process) -> None:
    asked: list[str] = []

    def note(request: Request) -> Any:
        asked.append(request.path["id"])
        raise StandingBy

    standby = [route("GET", "things/{id}", note)]
    async with (
        running("acd2", standby) as acd2,
        running("crm1", [], acd2.as_upstream(), acd.as_upstream()) as crm,
    ):
        await crm.knows("things", "things/{id}")
        for thing in ("1", "2"):
            assert (await crm.ask(f"things/{thing}"))[1]["of"] == "acd1"
        assert asked == ["1"]


async def test_where_all_stand_by_it_is_said(acd: Process) -> None:
    async with (
        running("acd2", [route("GET", "things", standing_by)]) as acd2,
        running("acd3", [route("GET", "things", standing_by)]) as acd3,
        running("crm1", [], acd2.as_upstream(), acd3.as_upstream()) as crm,
    ):
        await crm.knows("things")
        status, problem = await crm.ask("things")
    assert (status, problem["type"]) == (503, gateway.STANDING_BY)
    assert "acd2 at" in problem["detail"]
    assert "acd3 at" in problem["detail"]
    assert "the active one is acd9" in problem["detail"]


async def test_one_that_is_away_is_passed_over(acd: Process) -> None:
    port = await free_port()
    dead = Upstream(url=f"http://127.0.0.1:{port}", token=token_of("acd2"))
    only_there = route("GET", "only-there", lambda _: "acd2")
    async with running("crm1", [], dead, acd.as_upstream()) as crm:
        async with running("acd2", [*things("acd2"), only_there], port=port):
            await crm.knows("things", "only-there")
            assert (await crm.ask("things"))[1]["of"] == "acd2"
        assert (await crm.ask("things"))[1]["of"] == "acd1"


async def test_when_nobody_is_there_it_is_said_who_is_missing_and_it_works_again_when_he_is_back() -> None:
    port = await free_port()
    async with running("crm1", [], Upstream(url=f"http://127.0.0.1:{port}", token=token_of("acd1"))) as crm:
        async with running("acd1", things("acd1"), port=port):
            await crm.knows("things")
        status, problem = await crm.ask("things")
        assert (status, problem["title"]) == (503, "Service Unavailable")
        assert f"acd1 at http://127.0.0.1:{port} cannot be reached" in problem["detail"]
        async with running("acd1", things("acd1"), port=port):
            assert (await crm.ask("things"))[0] == 200


async def test_before_an_upstream_was_heard_it_is_not_claimed_that_nobody_serves_a_path() -> None:
    async with running("crm1", [], AWAY) as crm:
        status, problem = await crm.ask("agents")
        assert status == 503
        assert AWAY.url in problem["detail"]


async def test_paths_of_the_settings_need_not_be_heard_and_exclude_all_others(acd: Process) -> None:
    others = [route("GET", "calls", lambda _: ["other"])]
    port = await free_port()
    late = Upstream(url=f"http://127.0.0.1:{port}", token=token_of("acd2"), paths=("/api/v1/agents",))
    async with running("crm1", [], acd.as_upstream(paths=("/api/v1/things",)), late) as crm:
        await crm.knows("things")
        status, problem = await crm.ask("agents/1001")
        assert (status, late.url in problem["detail"]) == (503, True)
        assert (await crm.ask("calls"))[0] == 404
        async with running("acd2", [*others, route("GET", "agents/{id}", lambda _: "here")], port=port):
            assert await crm.ask("agents/1001") == (200, "here")
            await crm.knows("agents/{id}")
            assert (await crm.ask("calls"))[0] == 404
            assert "/api/v1/calls" not in await crm.paths()


# --- recordings: at the node that made them


async def test_audio_is_found_at_whichever_node_has_it(tmp_path: Path) -> None:
    async with (
        running("node1", recordings_at(tmp_path, "node1", "r1")) as node1,
        running("node2", recordings_at(tmp_path, "node2", "r2")) as node2,
        running("crm1", [], node1.as_upstream(), node2.as_upstream()) as crm,
    ):
        await crm.knows("recordings/{id}/audio")
        assert await crm.ask("recordings/r1/audio") == (200, b"RIFF of r1 at node1")
        assert await crm.ask("recordings/r2/audio") == (200, b"RIFF of r2 at node2")
        assert await crm.ask("recordings/r2/audio", headers={"Range": "bytes=5-9"}) == (206, b"of r2")
        async with crm.http.get("/api/v1/recordings/r2/audio") as answer:
            assert answer.headers["Content-Type"] == "audio/wav"
            assert 'filename="r2.wav"' in answer.headers["Content-Disposition"]
            assert answer.headers["Content-Length"] == "19"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        status, problem = await crm.ask("recordings/r3/audio")
        assert (status, problem["detail"]) == (404, "there is no audio of recording r3")


async def test_one_that_might_have_it_and_is_away_is_no_not_found(tmp_path: Path) -> None:
    port = await free_port()
    gone = Upstream(url=f"http://127.0.0.1:{port}", token=token_of("node2"))
    async with (
        running("node1", recordings_at(tmp_path, "node1", "r1")) as node1,
        running("crm1", [], node1.as_upstream(), gone) as crm,
    ):
        async with running("node2", recordings_at(tmp_path, "node2", "r2"), port=port):
            await crm.knows("recordings/{id}/audio")
            await crm.finds("recordings/r2/audio")
        assert (await crm.ask("recordings/r1/audio"))[0] == 200
        status, problem = await crm.ask("recordings/r2/audio")
    assert status == 503
    assert "node2 at" in problem["detail"]
    assert "node1" not in problem["detail"]


async def test_a_process_with_recordings_of_its_own_looks_there_first(tmp_path: Path) -> None:
    own = recordings_at(tmp_path, "own", "r1")
    async with (
        running("node2", recordings_at(tmp_path, "node2", "r1", "r2")) as node2,
        running("node1", own, node2.as_upstream()) as node1,
    ):
        assert await node1.ask("recordings/r1/audio") == (200, b"RIFF of r1 at own")
        await node1.finds("recordings/r2/audio")
        assert (await node1.ask("recordings/r3/audio"))[0] == 404


async def test_what_is_not_spread_is_not_looked_for_elsewhere(acd: Process) -> None:
    def missing(_request: Request) -> Any:
        raise Rejected("not_found", "no such thing")

    async with (
        running("acd2", [route("GET", "things/{id}", missing)]) as acd2,
        running("crm1", [], acd2.as_upstream(), acd.as_upstream()) as crm,
    ):
        await crm.knows("things", "things/{id}")
        assert (await crm.ask("things/1"))[1]["detail"] == "no such thing"


async def test_a_long_recording_is_sent_on_piece_by_piece(tmp_path: Path) -> None:
    routes = recordings_at(tmp_path, "node1", "r1")
    size = 8 * 1_048_576
    next(tmp_path.rglob("r1.wav")).write_bytes(b"\x07" * size)
    async with running("node1", routes) as node1, running("crm1", [], node1.as_upstream()) as crm:
        await crm.knows("recordings/{id}/audio")
        status, body = await crm.ask("recordings/r1/audio")
    assert (status, len(body), set(body)) == (200, size, {7})


# --- no loops


async def test_two_processes_that_name_each_other_send_nothing_in_circles() -> None:
    ports = [await free_port(), await free_port()]
    at = [Upstream(url=f"http://127.0.0.1:{p}", token=token_of(n)) for p, n in zip(ports, ("a1", "b1"), strict=True)]
    async with (
        running("a1", things("a1"), at[1], port=ports[0]) as a1,
        running("b1", [route("GET", "calls", lambda _: ["b1"])], at[0], port=ports[1]) as b1,
    ):
        await a1.knows("calls")
        await b1.knows("things")
        assert await a1.ask("calls") == (200, ["b1"])
        assert (await b1.ask("things"))[1]["of"] == "a1"
        assert (await a1.ask("agents"))[0] == 404
        everything = {"/api/v1/calls", "/api/v1/things", "/api/v1/things/{id}"}
        assert await a1.paths() == await b1.paths() == everything


async def test_a_request_that_was_passed_on_is_not_passed_on_again(crm: Process) -> None:
    status, problem = await crm.ask("things", headers={PASSED_ON: "admin"})
    assert (status, problem["title"]) == (404, "Not Found")


# --- what goes through, and what does not


async def test_only_harmless_headers_go_through_and_our_own_credentials() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(
            {"body": (await request.read()).decode()},
            headers={"Set-Cookie": "a=b", "Server": "x", "X-Secret": "y", "ETag": '"1"', "Connection": "close"},
        )

    async with strange(handler) as (upstream, settings), running("crm1", [], settings) as crm:
        await crm.knows("things")
        sent = {
            "Cookie": "c=d",
            "X-Forwarded-For": "1.2.3.4",
            "Accept-Encoding": "gzip",
            "TE": "trailers",
            "Host": "evil",
        }
        async with crm.http.put(
            "/api/v1/things", headers=sent, json={"name": "x"}, params={"q": "a b&c=é%2F"}
        ) as answer:
            assert (await answer.json())["body"] == '{"name": "x"}'
            back = {k.lower() for k in answer.headers}
        (seen,) = upstream.seen
    assert seen.headers["Authorization"] == f"Bearer {token_of('strange')}"
    assert seen.headers["Accept-Encoding"] == "identity"
    assert seen.headers["Host"].startswith("127.0.0.1:")
    assert dict(seen.query) == {"q": "a b&c=é%2F"}
    assert not {"Cookie", "X-Forwarded-For", "TE"} & set(seen.headers)
    assert not {"set-cookie", "x-secret"} & back
    assert answer.headers["ETag"] == '"1"'


@pytest.mark.parametrize(
    "path",
    [
        "things/..", "things/../calls", "things/%2e%2e", "things/..%2fsecret", "things/a%2fb", "things/%00", "things//1",
        "things/a%20b", "things/1%0d%0aX:%20y", "things/1/", "things/%E4%BA%BA", "//127.0.0.1:1/things", "things/@h",
    ],
)  # fmt: skip
async def test_a_path_that_is_not_plain_reaches_no_other_process(path: str) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response({})

    async with strange(handler) as (upstream, settings), running("crm1", [], settings) as crm:
        await crm.knows("things")
        reader, writer = await asyncio.open_connection("127.0.0.1", int(crm.url.rpartition(":")[2]))
        head = f"GET /api/v1/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token_of('crm1')}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        status = (await reader.read()).split(b" ", 2)[1]
        writer.close()
        await writer.wait_closed()
        assert status in (b"404", b"400")
        assert upstream.seen == []


async def test_a_redirect_is_not_followed() -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/api/v1/things"})

    async with strange(handler) as (upstream, settings), running("crm1", [], settings) as crm:
        await crm.knows("things")
        status, problem = await crm.ask("things")
        assert (status, "redirect" in problem["detail"]) == (503, True)
        assert len(upstream.seen) == 1


async def test_a_wrong_token_for_the_upstream_is_our_fault_and_not_the_askers(acd: Process) -> None:
    async with running("crm1", [], acd.as_upstream(token="not-the-right-token")) as crm:
        await crm.knows("things")
        status, problem = await crm.ask("things")
    assert status == 503
    assert "acd1 at" in problem["detail"]
    assert "token" in problem["detail"]
    assert "not-the-right" not in problem["detail"]


async def test_a_body_beyond_our_limit_goes_nowhere() -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response({})

    async with strange(handler) as (upstream, settings), running("crm1", [], settings) as crm:
        await crm.knows("things")
        assert (await crm.ask("things", "PUT", data=b"x" * (BODY_LIMIT + 1)))[0] == 413
        assert upstream.seen == []


# --- upstreams that fail


async def never(_request: web.Request) -> web.Response:
    await asyncio.sleep(3600)
    raise AssertionError


async def drop(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.mark.parametrize("fails", [never, drop])
async def test_a_question_that_stays_unanswered_is_put_to_the_next_one(fails: Any, acd: Process) -> None:
    async with strange(fails) as (upstream, settings), running("crm1", [], settings, acd.as_upstream()) as crm:
        await crm.knows("things", "things/{id}")
        assert (await crm.ask("things"))[1]["of"] == "acd1"
        assert len(upstream.seen) == 1


@pytest.mark.parametrize("fails", [never, drop])
async def test_what_may_have_been_done_is_not_asked_twice(fails: Any) -> None:
    async def other(_request: web.Request) -> web.Response:
        return web.json_response({})

    async with (
        strange(fails) as (upstream, settings),
        strange(other) as (second, settings2),
        running("crm1", [], settings, settings2) as crm,
    ):
        await crm.knows("things")
        status, problem = await crm.ask("things", "PUT", json={"name": "x"})
        assert status == 504
        assert settings.url in problem["detail"]
        assert (len(upstream.seen), second.seen) == (1, [])


async def test_half_an_answer_does_not_look_like_a_whole_one() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"x" * 100)
        assert request.transport is not None
        request.transport.abort()
        return response

    async with strange(handler) as (_, settings), running("crm1", [], settings) as crm:
        await crm.knows("things")
        with pytest.raises(aiohttp.ClientError):
            await crm.ask("things")
        assert crm.tally.counts["http_cut_off", ()] == 1
        assert await crm.paths()  # and goes on


async def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "ANSWER_BYTES", 1_000_000)

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65_536)
        except ConnectionResetError:
            return response

    async with strange(handler) as (_, settings), running("crm1", [], settings) as crm:
        await crm.knows("things")
        with pytest.raises(aiohttp.ClientError):
            await crm.ask("things")
        assert crm.tally.counts["http_cut_off", ()] == 1


async def test_whoever_hangs_up_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    routes = recordings_at(tmp_path, "node1", "r1")
    next(tmp_path.rglob("r1.wav")).write_bytes(b"\x07" * 64 * 1_048_576)
    async with running("node1", routes) as node1, running("crm1", [], node1.as_upstream()) as crm:
        await crm.knows("recordings/{id}/audio")
        async with crm.http.get("/api/v1/recordings/r1/audio") as answer:
            await answer.content.readexactly(1000)
            answer.close()
        assert await crm.paths()
        assert ("service_errors", (("service", "web"),)) not in crm.tally.counts
        assert ("http_cut_off", ()) not in crm.tally.counts


@pytest.mark.parametrize(
    "document",
    [b"", b"not json", b"[]", b"{}", b'{"paths": 7}', b"[" * 5000, b'{"openapi":"3.1.0","info":{},"paths":{"/x":[]},"components":{}}'],
)  # fmt: skip
async def test_an_upstream_that_is_no_hotline_is_left_alone(document: bytes, acd: Process) -> None:
    async with strange(never, document) as (_, settings), running("crm1", [], settings, acd.as_upstream()) as crm:
        await crm.knows("things")
        assert (await crm.ask("things"))[0] == 200
        status, problem = await crm.ask("agents")
        assert (status, settings.url in problem["detail"]) == (503, True)


async def test_a_document_that_is_too_long_is_left_alone(monkeypatch: pytest.MonkeyPatch, acd: Process) -> None:
    monkeypatch.setattr(gateway, "DOCUMENT_BYTES", 10_000)
    document = msgspec.json.encode({"x" * 20_000: 1})
    async with strange(never, document) as (_, settings), running("crm1", [], settings, acd.as_upstream()) as crm:
        await crm.knows("things")
        assert (await crm.ask("things"))[0] == 200


async def test_a_503_of_another_kind_is_an_answer(acd: Process) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response({"detail": "the database is away"}, status=503)

    async with strange(handler) as (_, settings), running("crm1", [], settings, acd.as_upstream()) as crm:
        await crm.knows("things", "things/{id}")
        assert await crm.ask("things") == (503, {"detail": "the database is away"})


# --- without upstreams


@pytest.mark.parametrize(
    ("path", "service"),
    [("agents", "acd"), ("queues/service/waiting", "acd"), ("calls", "crm"), ("recordings/r1/audio", "recorder")],
)
async def test_whoever_asks_the_wrong_process_is_told_which_service_to_ask(path: str, service: str) -> None:
    async with running("node1", []) as node1:
        status, problem = await node1.ask(path)
    assert status == 404
    assert (
        f"this process (node1) does not serve /api/v1/{path}: a process that runs {service} does" in problem["detail"]
    )


async def test_what_nobody_serves_is_not_found() -> None:
    async with running("node1", []) as node1:
        status, problem = await node1.ask("nonsense")
    assert (status, "no such operation" in problem["detail"]) == (404, True)


def test_upstreams_without_anybody_to_listen_to_them_are_a_mistake() -> None:
    with pytest.raises(Misuse, match=r"http\.upstreams"):
        WebServer(
            Http(upstreams=(AWAY,)), Credentials(token="x", username="a", password="b"), [],
            exposition=lambda: (b"", ""), ready=dict, tally=Tally(),
        )  # fmt: skip
