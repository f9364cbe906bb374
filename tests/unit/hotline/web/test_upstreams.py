"""What is read from the documents of other processes, which paths are plain, and one document of many."""

import re
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from acd.api.routes import routes as acd_routes
from crm.api.audio import audio_routes
from crm.api.routes import routes as crm_routes
from crm.api.voicemails import voicemail_audio_routes
from forecast.api import routes as forecast_routes
from forecast.api_whatif import whatif_routes
from hotline.errors import Misuse, Rejected, StandingBy, Unavailable
from hotline.settings import Settings, Upstream
from hotline.web.openapi import describe
from hotline.web.routes import Route
from hotline.web.stream import PATH as STREAM
from hotline.web.upstreams import (
    PARTS,
    Document,
    Operation,
    Peer,
    below,
    merge,
    operations_of,
    read_document,
    segments_of,
    who_serves,
)
from ivr.flow.library import Library
from ivr.routes import ivr_routes


class Thing(msgspec.Struct):
    name: str


Other = msgspec.defstruct("Thing", [("size", int)])  # another thing of the same name, as in another process


async def nothing(_request: Any) -> None:
    """Handlers are not called here."""


def document(process: str, *paths: str, answer: Any = None, spread: bool = False) -> Document:
    routes = [
        Route(method="GET", path=f"/api/v1/{p}", handler=nothing, summary=p, answer=answer, spread=spread)
        for p in paths
    ]
    return describe(routes, process)


def round_trip(made: Document) -> Document:
    return read_document(msgspec.json.encode(made))


# --- paths


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        ("/api/v1/agents/1001", ("api", "v1", "agents", "1001")),
        ("/api/v1/agents/a%3Ab", ("api", "v1", "agents", "a:b")),
        ("/api/v1/agents/%2e%2e", None),
        ("/api/v1/agents/..", None),
        ("/api/v1/agents/a%2fb", None),
        ("/api/v1/agents/a%252fb", None),
        ("/api/v1/agents/%ff", None),
        ("/api/v1//agents", None),
        ("/api/v1/agents/", None),
        ("//host/api", None),
        ("http://host/api", None),
        ("", None),
    ],
)
def test_a_path_is_split_into_parts_that_are_safe_or_not_at_all(raw: str, parts: tuple[str, ...] | None) -> None:
    assert segments_of(raw) == parts


def test_a_prefix_is_whole_parts() -> None:
    agent = ("api", "v1", "agents", "1001")
    assert below(agent, ["/api/v1/agents"])
    assert below(agent, ["/api/v1/agents/1001"])
    assert not below(agent, ["/api/v1/agent"])
    assert not below(agent, ["/api/v1/agents/1001/state"])
    assert not below(agent, [])


# --- documents


def test_our_own_document_says_what_we_serve() -> None:
    found = operations_of(round_trip(document("node1", "recordings/{id}/audio", spread=True)))
    assert found == (
        Operation(method="GET", template=("api", "v1", "recordings", "{id}", "audio"), spread=True),
    )  # fmt: skip
    (audio,) = found
    assert audio.fits(("api", "v1", "recordings", "r1", "audio"))
    assert not audio.fits(("api", "v1", "recordings", "r1"))
    assert not audio.fits(("api", "v1", "recordings", "r1", "video"))


@pytest.mark.parametrize(
    "path", ["/metrics", "/api/v2/x", "/api/v1/../x", "/api/v1/{}", "/api/v1/{a-b}", "/api/v1//x", ""]
)
def test_paths_that_are_not_plain_are_left_out(path: str) -> None:
    strange = msgspec.structs.replace(document("x"), paths={path: {"get": {}}})
    assert operations_of(strange) == ()


def test_methods_that_are_none_are_left_out() -> None:
    strange = msgspec.structs.replace(document("x"), paths={"/api/v1/x": {"get": {}, "connect": {}, "trace": {}}})
    assert [o.method for o in operations_of(strange)] == ["GET"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"openapi":"3.1.0"}', b"[" * 100_000, b"\xff"])
def test_what_is_no_document_of_ours_is_a_misuse(body: bytes) -> None:
    with pytest.raises(Misuse, match="not an OpenAPI document"):
        read_document(body)


def test_the_document_of_many_has_every_path_once_and_ours_first() -> None:
    own, other = document("crm1", "calls", "flows"), document("node1", "flows", "agents")
    merged = merge(own, [round_trip(other), round_trip(document("node2", "flows"))])
    assert set(merged.paths) == {"/api/v1/calls", "/api/v1/flows", "/api/v1/agents"}
    assert "x-hotline-process" not in merged.paths["/api/v1/flows"]["get"]
    assert merged.paths["/api/v1/agents"]["get"]["x-hotline-process"] == "node1"
    assert merged.info.process == "crm1"
    assert set(own.paths) == {"/api/v1/calls", "/api/v1/flows"}


def test_schemas_of_one_name_and_different_meaning_are_kept_apart() -> None:
    merged = merge(
        document("crm1", "calls", answer=Thing),
        [round_trip(document("acd1", "agents", answer=list[Other])), round_trip(document("acd2", "x", answer=Thing))],  # type: ignore[valid-type]
    )
    assert set(merged.components.schemas) == {"Thing", "Thing_acd1"}
    assert "size" in merged.components.schemas["Thing_acd1"]["properties"]
    answers = msgspec.json.encode(merged.paths["/api/v1/agents"]["get"]["responses"]["200"])
    assert b'"#/components/schemas/Thing_acd1"' in answers
    answers = msgspec.json.encode(merged.paths["/api/v1/x"]["get"]["responses"]["200"])
    assert b'"#/components/schemas/Thing"' in answers


# --- an upstream


def peer(**more: Any) -> Peer:
    return Peer(Upstream(**({"url": "http://127.0.0.1:1", "token": "token-of-upstream"} | more)))


def test_an_upstream_serves_what_it_says() -> None:
    one = peer()
    assert one.is_unknown
    assert one.serves("GET", ("api", "v1", "agents")) is None
    assert one.learn(document("acd1", "agents"))
    assert not one.learn(round_trip(document("acd1", "agents")))
    assert one.serves("GET", ("api", "v1", "agents")) is not None
    assert one.serves("PUT", ("api", "v1", "agents")) is None
    assert one.methods(("api", "v1", "agents")) == {"GET"}
    assert one.name == "acd1 at http://127.0.0.1:1"


def test_the_settings_say_what_an_unheard_one_serves_and_what_a_heard_one_may() -> None:
    one = peer(paths=["/api/v1/agents"])
    assert not one.is_unknown
    assert one.serves("PUT", ("api", "v1", "agents", "1001")) is not None
    assert one.serves("GET", ("api", "v1", "calls")) is None
    one.learn(document("acd1", "agents", "calls"))
    assert one.serves("GET", ("api", "v1", "agents")) is not None
    assert one.serves("PUT", ("api", "v1", "agents", "1001")) is None
    assert one.serves("GET", ("api", "v1", "calls")) is None


def test_the_willing_come_before_those_who_stand_by_and_those_who_are_away() -> None:
    peers = {name: peer() for name in ("away", "standby", "willing", "not_found")}
    peers["away"].passed_over(Unavailable())
    peers["standby"].passed_over(StandingBy())
    peers["not_found"].passed_over(Rejected("not_found"))
    assert sorted(peers, key=lambda name: peers[name].reluctance) == ["willing", "not_found", "standby", "away"]


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"url": "ftp://127.0.0.1:1"}, "http://host:port"),
        ({"url": "http://user:pass@127.0.0.1:1"}, "http://host:port"),
        ({"url": "http://127.0.0.1:1/api"}, "http://host:port"),
        ({"url": "http://127.0.0.1:1?x=1"}, "http://host:port"),
        ({"url": "http://127.0.0.1:99999"}, "range"),
        ({"url": "http://a b:1"}, "http://host:port"),
        ({"url": "http://:1"}, "http://host:port"),
        ({"token": "short"}, "api_token"),
        ({"token": "with a line\r\nX: y"}, "api_token"),
        ({"paths": ["/metrics"]}, "pattern"),
        ({"paths": ["/api/v1/"]}, "pattern"),
    ],
)
def test_a_wrong_upstream_is_a_mistake_in_the_settings(wrong: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        peer(**wrong)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/", "https://crm.example", "http://[::1]:8080"])
def test_an_upstream_is_an_address_and_nothing_behind_it(url: str) -> None:
    assert peer(url=url).url == url.rstrip("/")


# --- who serves what


def test_the_table_of_parts_is_what_the_services_serve() -> None:
    unused: Any = None
    serving = {
        "acd": acd_routes(unused, unused),
        "crm": crm_routes(unused, Settings(), tell=unused),
        "forecast": [*forecast_routes(unused, unused, Settings()), *whatif_routes(unused, Settings())],
        "ivr": ivr_routes(Library(by_number={})),
        "recorder": [*audio_routes(unused), *voicemail_audio_routes(unused)],
    }
    for service, routes in serving.items():
        for route in routes:
            segments = segments_of(re.sub(r"{\w+}", "x", route.path))
            assert segments is not None
            assert who_serves(segments) == service, route.path
    named = {route.path.split("/")[3] for routes in serving.values() for route in routes}
    assert {*named, STREAM.split("/")[3]} == set(PARTS)


def test_nobody_serves_what_there_is_not() -> None:
    assert who_serves(("api", "v1")) is None
    assert who_serves(("api", "v1", "nonsense")) is None
    assert who_serves(("elsewhere",)) is None
