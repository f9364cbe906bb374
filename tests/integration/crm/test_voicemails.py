"""Messages of callers over a real PostgreSQL: their rows, the list, one of them, and where their audio is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from crm.api.routes import routes
from crm.api.voicemails import Handling, voicemail_audio_routes
from crm.rebuild.rebuilding import rebuild
from hotline.errors import Misuse, Rejected
from hotline.facts import CallFact, Fact, VoicemailBegan, VoicemailHandled, VoicemailLeft, VoicemailMissed
from hotline.ids import CallId, NodeId, QueueId, VoicemailId
from hotline.runtime.clock import ManualClock
from hotline.settings import Settings
from hotline.store.pool import Store
from hotline.web.routes import FileAnswer
from tests.integration.crm.test_api import Api, write
from tests.support.envelopes import T0, arrived, ended, queued
from tests.support.postgres15 import BOTH

pytestmark = pytest.mark.real
PATH = "voicemails"


@pytest.fixture
def told() -> list[Fact]:
    """What the API told."""
    return []


@pytest.fixture
async def api(store: Store, tmp_path: Path, told: list[Fact]) -> Api:
    return Api(routes(store, Settings(), tmp_path, ManualClock(T0 + 3600), tell=told.append))


def asked(call: str, at: float, *, queue: str = "sales") -> list[CallFact]:
    """A caller who was asked for a message."""
    call_id = CallId(call)
    began = VoicemailBegan(
        at=T0 + at + 10,
        call_id=call_id,
        node=NodeId("node1"),
        message_id=VoicemailId(f"{call}.m1"),
        queue_id=QueueId(queue),
        max_s=60,
    )
    return [arrived(at, call_id), queued(at + 5, call_id, QueueId(queue)), began, ended(at + 20, call_id)]


def left(call: str, at: float, *, queue: str = "sales", message: str = "") -> VoicemailLeft:
    return VoicemailLeft(
        at=T0 + at, call_id=CallId(call), message_id=VoicemailId(message or f"{call}.m1"), queue_id=QueueId(queue),
        file=f"2026/11/22/{call}.m1.wav", sha256="ab" * 32, size_bytes=64_044, duration_s=4.0,
    )  # fmt: skip


def missed(call: str, at: float, problem: Literal["empty", "missing", "store_failed"]) -> VoicemailMissed:
    return VoicemailMissed(
        at=T0 + at, call_id=CallId(call), message_id=VoicemailId(f"{call}.m1"), queue_id=QueueId("sales"), problem=problem
    )  # fmt: skip


@pytest.fixture
async def messages(store: Store) -> None:
    facts: Sequence[CallFact] = [
        *asked("a", 0), left("a", 21),
        *asked("b", 100), missed("b", 121, "empty"),
        *asked("c", 200, queue="service"),
        *asked("d", 300), missed("d", 321, "store_failed"), left("d", 400),
    ]  # fmt: skip
    await write(store, *facts)


async def listed(api: Api, **query: Any) -> list[tuple[str, str]]:
    return [(m.call_id, m.status) for m in (await api("GET", PATH, **query)).items]


@BOTH
async def test_messages_are_listed_newest_first_with_who_left_them(api: Api, messages: None) -> None:
    page = await api("GET", PATH)
    assert [(m.call_id, m.status) for m in page.items] == [
        ("d", "left"), ("c", "recording"), ("b", "empty"), ("a", "left"),
    ]  # fmt: skip
    assert {m.caller_number for m in page.items} == {"+8613800138000"}
    first = page.items[-1]
    assert (first.queue_id, first.duration_s, first.file) == ("sales", 4.0, "2026/11/22/a.m1.wav")


async def test_one_that_could_not_be_kept_at_first_and_was_later_is_left(api: Api, messages: None) -> None:
    found = await api("GET", PATH + "/{id}", id="d.m1")
    assert (found.status, found.detail, found.settled_at.timestamp()) == ("left", "", T0 + 400)


@BOTH
async def test_filters_choose_messages(api: Api, messages: None) -> None:
    assert await listed(api, queue="service") == [("c", "recording")]
    assert await listed(api, status="left") == [("d", "left"), ("a", "left")]
    assert await listed(api, call="b") == [("b", "empty")]
    assert await listed(api, queue="nowhere") == []
    moments = [m.began_at.isoformat() for m in (await api("GET", PATH)).items]
    assert await listed(api, since=moments[1]) == [("d", "left"), ("c", "recording")]
    assert await listed(api, until=moments[2]) == [("a", "left")]


async def test_pages_of_messages_are_complete(api: Api, messages: None) -> None:
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await api("GET", PATH, limit=1, cursor=cursor)
        seen += [m.call_id for m in page.items]
        cursor = page.next
    assert seen == ["d", "c", "b", "a"]
    with pytest.raises(Misuse, match="cursor"):
        await api("GET", PATH, cursor="é")


async def test_a_message_of_the_fallback_queue_has_no_queue_and_was_not_asked_for(store: Store, api: Api) -> None:
    await write(store, arrived(0, CallId("f")), left("f", 30, queue="", message="f"), ended(25, CallId("f")))
    (found,) = (await api("GET", PATH)).items
    assert (found.message_id, found.queue_id, found.began_at, found.status) == ("f", None, None, "left")


async def test_a_message_stands_with_its_call(api: Api, messages: None) -> None:
    detail = await api("GET", "calls/{id}", id="a")
    assert [(m.message_id, m.status) for m in detail.voicemails] == [("a.m1", "left")]
    story = await api("GET", "calls/{id}/story", id="a", language="zh")
    assert story[-1].endswith("留言 4.0 秒")


async def test_who_deals_with_a_message_says_so_and_can_take_it_back(
    store: Store, api: Api, messages: None, told: list[Fact]
) -> None:
    for handled, still_open in ((True, ["d", "c", "b"]), (False, ["d", "c", "b", "a"])):
        found = await api("PUT", PATH + "/{id}/handled", id="a.m1", body=Handling(handled=handled))
        assert (found.handled_at is not None, found.handled_by) == (handled, "test" if handled else "")
        await write(store, *[msgspec.structs.replace(fact, at=T0 + 3600 + (not handled)) for fact in told])
        assert [type(fact) for fact in told] == [VoicemailHandled]
        again = await api("PUT", PATH + "/{id}/handled", id="a.m1", body=Handling(handled=handled))
        assert (again.handled_at, len(told)) == (found.handled_at, 1)
        told.clear()
        assert await listed(api, handled=True) == ([("a", "left")] if handled else [])
        assert [call for call, _ in await listed(api, handled=False)] == still_open
    assert (await rebuild(store, write=False)).differing == 0


async def test_nobody_deals_with_a_message_that_was_never_left(api: Api, messages: None) -> None:
    with pytest.raises(Rejected, match=r"message b\.m1 was never left: empty"):
        await api("PUT", PATH + "/{id}/handled", id="b.m1", body=Handling(handled=True))
    with pytest.raises(Rejected, match="there is no message x"):
        await api("PUT", PATH + "/{id}/handled", id="x", body=Handling(handled=True))


async def test_a_rebuild_from_the_journal_changes_nothing(store: Store, messages: None) -> None:
    assert (await rebuild(store, write=False)).differing == 0


async def test_a_message_that_is_not_there_is_not_found(api: Api) -> None:
    with pytest.raises(Rejected, match="there is no message x"):
        await api("GET", PATH + "/{id}", id="x")


async def test_the_audio_of_a_message_is_the_file_of_its_store(tmp_path: Path) -> None:
    api = Api(voicemail_audio_routes(tmp_path))
    day = tmp_path / "2026" / "11" / "22"
    day.mkdir(parents=True)
    (day / "a.m1.wav").write_bytes(b"RIFF")
    found = await api("GET", PATH + "/{id}/audio", id="a.m1")
    assert found == FileAnswer(path=day / "a.m1.wav", content_type="audio/wav", download_name="a.m1.wav")
    for other in ("b.m1", "../secret", ""):
        with pytest.raises(Rejected, match="no audio"):
            await api("GET", PATH + "/{id}/audio", id=other)
