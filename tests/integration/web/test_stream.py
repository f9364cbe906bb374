"""The stream: who may read it, what a reader gets, and what becomes of one who does not read."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from pydantic import SecretStr

from hotline.cli.board import Wall
from hotline.cli.shell import Shell
from hotline.errors import Misuse, StandingBy, Unavailable
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Http, Upstream
from hotline.tally import Tally
from hotline.web.server import Credentials, WebServer
from hotline.web.stream import Changes
from hotline.web.stream_client import follow
from hotline.web.stream_reader import ENDING, FAILED, NO_TOKEN, STANDS_BY, TOO_MUCH
from hotline.web.stream_relay import Relay
from tests.support.wait import eventually

TOKEN = "token-of-the-stream"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Things:
    """A source of two topics whose items a test puts in and takes out."""

    topics = ("things", "others")

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {"things": {}, "others": {}}
        self.changed: dict[str, set[str]] = {"things": set(), "others": set()}
        self.watched = False
        self.snapshots = 0
        self.stands_by = False
        self.broken = False

    def now(self) -> float:
        return 5.0

    def watch(self, watched: bool) -> None:
        self.watched = watched

    async def ready(self) -> None:
        """There is nothing to wait for."""

    def rename(self) -> None:
        """Have the topics of a router."""
        self.topics = ("queues", "agents", "calls")  # type: ignore[assignment]
        self.items, self.changed = {t: {} for t in self.topics}, {t: set() for t in self.topics}

    def put(self, topic: str, name: str, value: Any) -> None:
        self.items[topic][name] = {"id": name, "value": value}
        self.changed[topic].add(name)

    def drop(self, topic: str, name: str) -> None:
        del self.items[topic][name]
        self.changed[topic].add(name)

    def snapshot(self, topic: str) -> list[Any]:
        self._fail()
        self.snapshots += 1
        return list(self.items[topic].values())

    def _fail(self) -> None:
        if self.stands_by:
            raise StandingBy("another one routes")
        if self.broken:
            raise KeyError("a view that fails")

    def take_changes(self) -> dict[str, Changes]:
        self._fail()
        changed, self.changed = self.changed, {topic: set() for topic in self.topics}
        return {
            topic: Changes(
                items=[self.items[topic][n] for n in sorted(names) if n in self.items[topic]],
                gone=sorted(names - self.items[topic].keys()),
            )
            for topic, names in changed.items()
        }


class House:
    """A server with a stream."""

    def __init__(self, url: str, things: Things, tally: Tally, http: aiohttp.ClientSession) -> None:
        self.url, self.things, self.tally, self.http = url, things, tally, http

    def connect(self, query: str = "", headers: dict[str, str] | None = None) -> Any:
        return self.http.ws_connect(f"{self.url}/api/v1/stream{query}", headers=BEARER if headers is None else headers)

    async def refused(self, query: str = "", headers: dict[str, str] | None = None) -> int:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await self.connect(query, headers)
        return caught.value.status

    def counted(self, name: str, **labels: str) -> float:
        return self.tally.counts.get((name, tuple(sorted(labels.items()))), 0.0)


@asynccontextmanager
async def running(*, live: bool = True, **settings: Any) -> AsyncIterator[House]:
    things, tally, tasks = Things(), Tally(), TaskGroup("stream")
    server = WebServer(
        Http(port=0, stream_interval_s=0.05, **settings),
        Credentials(token=TOKEN, username="admin", password="pass-word-1"),
        [],
        exposition=lambda: (b"", "text/plain"),
        ready=dict,
        tally=tally,
        tasks=tasks,
        live=things if live else None,
    )
    url = await server.start()
    try:
        async with aiohttp.ClientSession() as http:
            yield House(url, things, tally, http)
    finally:
        await server.stop()
        await tasks.close()


async def heard(ws: Any) -> Any:
    return msgspec.json.decode((await ws.receive(timeout=10)).data)


async def test_a_reader_gets_everything_and_then_what_changes() -> None:
    async with running() as house:
        house.things.put("things", "a", 1)
        async with house.connect("?topics=things") as ws:
            snapshot = await heard(ws)
            assert (snapshot["type"], snapshot["topic"], snapshot["at"]) == ("snapshot", "things", 5.0)
            assert snapshot["items"] == [{"id": "a", "value": 1}]
            house.things.put("others", "x", 1)
            house.things.put("things", "b", 2)
            update = await heard(ws)
            while not any(item["id"] == "b" for item in update["items"]):
                update = await heard(ws)
            assert (update["type"], update["topic"]) == ("update", "things")
            house.things.drop("things", "a")
            assert (await heard(ws))["gone"] == ["a"]


async def test_many_changes_of_a_moment_are_one_message() -> None:
    async with running() as house, house.connect("?topics=things") as ws:
        await heard(ws)
        for n in range(500):
            house.things.put("things", "a", n)
        update = await heard(ws)
        assert update["items"] == [{"id": "a", "value": 499}]


async def test_nobody_looks_and_nothing_is_noted() -> None:
    async with running() as house:
        assert not house.things.watched
        async with house.connect("?topics=things") as ws:
            await heard(ws)
            assert house.things.watched
        await eventually(lambda: not house.things.watched)


async def test_topics_can_be_asked_for_later_and_unknown_ones_are_refused() -> None:
    async with running() as house:
        assert await house.refused("?topics=secrets") == 400
        async with house.connect() as ws:
            await ws.send_json({"subscribe": ["secrets"]})
            assert (await heard(ws))["type"] == "refused"
            await ws.send_str("nonsense")
            assert (await heard(ws))["type"] == "refused"
            await ws.send_json({"subscribe": ["others"]})
            assert (await heard(ws))["topic"] == "others"


async def test_a_token_opens_it_in_the_header_or_as_the_first_message() -> None:
    async with running() as house:
        assert await house.refused(headers={"Authorization": "Bearer wrong-token-1"}) == 401
        async with house.connect("?topics=things", {}) as ws:
            await ws.send_json({"token": TOKEN})
            assert (await heard(ws))["type"] == "snapshot"
        async with house.connect("?topics=things", {}) as ws:
            await ws.send_json({"token": "wrong-token-1"})
            assert (await ws.receive(timeout=10)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
            assert ws.close_code == NO_TOKEN
        assert house.things.snapshots == 1


async def test_a_page_of_a_foreign_origin_is_refused() -> None:
    async with running(origins=("https://board.example.com",)) as house:
        assert await house.refused(headers={**BEARER, "Origin": "https://evil.example.com"}) == 403
        assert await house.refused(headers={**BEARER, "Origin": "null"}) == 403
        for origin in ("https://board.example.com", house.url):
            async with house.connect("?topics=things", {**BEARER, "Origin": origin}) as ws:
                assert (await heard(ws))["type"] == "snapshot"


async def test_a_slow_reader_is_cut_off_with_a_reason_and_the_others_go_on() -> None:
    async with running(stream_buffer=10) as house:
        house.things.put("things", "a", "x" * 500_000)
        async with house.connect("?topics=things") as quick, house.connect("?topics=things"):
            await heard(quick)  # the second one reads nothing

            async def cut() -> bool:
                house.things.put("things", "a", "x" * 500_000)
                await heard(quick)
                return house.counted("stream_cut", reason="too_slow") == 1

            await eventually(cut, within_s=30)
            house.things.put("things", "z", 1)
            assert (await heard(quick))["type"] == "update"


async def test_who_says_too_much_is_cut_off() -> None:
    async with running() as house, house.connect() as ws:
        for _ in range(60):
            await ws.send_json({})
        assert (await ws.receive(timeout=10)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        assert ws.close_code == TOO_MUCH


async def test_a_storm_of_clients_is_bounded_and_costs_one_snapshot() -> None:
    async with running(stream_clients=20) as house:
        house.things.put("things", "a", 1)

        async def come() -> Any:
            try:
                return await house.connect("?topics=things")
            except aiohttp.WSServerHandshakeError as exc:
                return exc.status

        came = await asyncio.gather(*(come() for _ in range(60)))
        sockets = [ws for ws in came if not isinstance(ws, int)]
        assert len(sockets) == 20
        assert {status for status in came if isinstance(status, int)} == {503}
        assert {(await heard(ws))["type"] for ws in sockets} == {"snapshot"}
        assert house.things.snapshots <= 3
        assert house.counted("limits_reached", limit="stream_clients") == 40
        await asyncio.gather(*(ws.close() for ws in sockets))

        async def comes_in() -> bool:
            ws = await come()
            return not isinstance(ws, int) and bool(await ws.close())

        await eventually(comes_in)


async def test_a_process_that_stands_by_says_so_and_lets_its_readers_go() -> None:
    async with running() as house:
        async with house.connect("?topics=things") as ws:
            await heard(ws)
            house.things.stands_by = True
            await ws.receive(timeout=10)
            assert ws.close_code == STANDS_BY
        async with house.connect("?topics=others") as ws:
            await ws.receive(timeout=10)
            assert ws.close_code == STANDS_BY


async def test_a_view_that_fails_costs_the_readers_and_nobody_else() -> None:
    async with running() as house:
        async with house.connect("?topics=things") as ws:
            await heard(ws)
            house.things.broken = True
            await ws.receive(timeout=10)
            assert ws.close_code == FAILED
        async with house.connect("?topics=others") as ws:
            await ws.receive(timeout=10)
            assert ws.close_code == FAILED
        assert house.counted("service_errors", service="stream") == 2
        house.things.broken = False
        async with house.connect("?topics=things") as ws:
            assert (await heard(ws))["type"] == "snapshot"
            house.things.put("things", "a", 1)
            assert (await heard(ws))["items"] == [{"id": "a", "value": 1}]


async def test_who_shows_no_token_leaves_room_for_those_who_do() -> None:
    async with running(stream_clients=8) as house, AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(house.connect("?topics=things", {}))
        assert await house.refused("?topics=things", {}) == 503
        async with house.connect("?topics=things") as ws:
            assert (await heard(ws))["type"] == "snapshot"
        assert house.counted("limits_reached", limit="stream_strangers") == 1


async def test_a_process_that_ends_lets_its_readers_go_at_once() -> None:
    async with aiohttp.ClientSession() as http:
        async with running() as house:
            ws = await http.ws_connect(f"{house.url}/api/v1/stream?topics=things", headers=BEARER)
            await heard(ws)
            ending = asyncio.ensure_future(ws.receive(timeout=30))
        await ending
        assert ws.close_code == ENDING


async def test_a_client_that_vanishes_leaves_nothing_behind() -> None:
    async with running(stream_clients=1) as house:
        ws = await house.connect("?topics=things")
        await heard(ws)
        ws.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

        async def free() -> bool:
            try:
                async with house.connect() as other:
                    return other.closed is False
            except aiohttp.WSServerHandshakeError:
                return False

        assert await eventually(free)


async def test_the_reader_of_boards_goes_on_after_a_break_with_everything_anew() -> None:
    async with running() as house:
        house.things.put("things", "a", 1)
        boards = follow(house.url, TOKEN, ["things"])
        board = await anext(boards)
        assert board.of("things") == [{"id": "a", "value": 1}]
        house.things.stands_by = True
        again = asyncio.ensure_future(anext(boards))
        await eventually(lambda: house.counted("stream_cut", reason="stands_by"))
        house.things.drop("things", "a")
        house.things.put("things", "b", 2)
        house.things.stands_by = False
        assert (await again).of("things") == [{"id": "b", "value": 2}]
        await boards.aclose()


async def test_a_wallboard_goes_on_when_the_hotline_is_back_at_another_address(tmp_path: Path) -> None:
    def tell(house: House, value: int) -> None:
        house.things.rename()
        house.things.put("queues", "q", value)
        (tmp_path / "runtime.json").write_text(json.dumps({"http": house.url, "api_token": TOKEN}))

    with pytest.raises(Unavailable, match="no hotline runs"):
        await anext(Wall(Shell(None, tmp_path), "en", everybody=False).boards())
    async with aclosing(Wall(Shell(None, tmp_path), "en", everybody=False).boards()) as boards:
        async with running() as house:
            tell(house, 1)
            assert (await anext(boards)).of("queues") == [{"id": "q", "value": 1}]
        async with running() as house:
            tell(house, 2)
            async with asyncio.timeout(20):
                while (await anext(boards)).of("queues") != [{"id": "q", "value": 2}]:
                    pass


async def test_the_reader_of_boards_says_why_it_cannot_read() -> None:
    async with running() as house:
        with pytest.raises(Misuse, match="api_token"):
            await anext(follow(house.url, "wrong-token-1", ["things"]))


async def test_another_process_tells_the_stream_on_and_changes_to_who_routes() -> None:
    async with running() as old, running() as new:
        for house, value in ((old, 1), (new, 2)):
            house.things.rename()
            house.things.put("queues", "q", value)
        new.things.stands_by = True
        upstreams = tuple(Upstream(url=house.url, token=SecretStr(TOKEN)) for house in (old, new))
        async with running(upstreams=upstreams, live=False) as desk:
            boards = follow(desk.url, TOKEN, ["queues"])

            async def shows(value: int) -> None:
                while (await anext(boards)).of("queues") != [{"id": "q", "value": value}]:
                    pass

            async with aclosing(boards), asyncio.timeout(20):
                await shows(1)
                old.things.put("queues", "q", 3)
                await shows(3)
                old.things.stands_by, new.things.stands_by = True, False
                await shows(2)


async def test_what_is_gone_when_another_process_routes_is_told_as_gone() -> None:
    """The next upstream is heard at once, so that no reader is cut off in between."""
    async with running() as old, running() as new:
        for house, call in ((old, "A"), (new, "B")):
            house.things.rename()
            house.things.put("calls", call, 1)
        new.things.stands_by = True
        upstreams = tuple(Upstream(url=house.url, token=SecretStr(TOKEN)) for house in (old, new))
        relay, tasks = Relay(upstreams), TaskGroup("relay")
        tasks.spawn(relay.run(), name="relay")
        relay.watch(True)
        await relay.ready()
        assert [call["id"] for call in relay.snapshot("calls")] == ["A"]
        relay.take_changes()
        old.things.stands_by, new.things.stands_by = True, False

        def changed() -> Changes | None:
            try:
                return relay.take_changes().get("calls")
            except StandingBy:
                return None

        found = await eventually(changed)
        assert ([call["id"] for call in found.items], found.gone) == (["B"], ["A"])
        await tasks.close()


async def test_a_process_whose_upstreams_route_not_says_so() -> None:
    async with running() as other:
        other.things.rename()
        other.things.stands_by = True
        upstream = Upstream(url=other.url, token=SecretStr(TOKEN))
        async with running(upstreams=(upstream,), live=False) as desk, desk.connect("?topics=queues") as ws:
            await ws.receive(timeout=20)
            assert ws.close_code == STANDS_BY
