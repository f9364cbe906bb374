"""The CRM's routes over a real PostgreSQL."""

import asyncio
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crm.api.audio import audio_routes, find_audio
from crm.api.routes import ImportBody, routes
from crm.customers.data import CustomerInput, csv_lines
from crm.customers.store import import_customers, write_queues
from crm.journal.ledger import Ledger
from hotline.errors import Misuse, Rejected
from hotline.facts import AgentState, AgentStateChanged, CallerIdentified, CallQueued, Fact, OfferAccepted, WaitPromised
from hotline.ids import AgentId, CallId, CustomerId, OfferId, QueueId
from hotline.runtime.clock import ManualClock
from hotline.settings import Settings
from hotline.settings.queues import Queue
from hotline.store.pool import Store
from hotline.tally import Tally
from hotline.web.moments import read_moment
from hotline.web.routes import FileAnswer, Request, Route
from tests.support.envelopes import CALL, OFFER, T0, abandoned_call, answered_call, arrived, many_calls, told
from tests.support.postgres15 import BOTH

pytestmark = pytest.mark.real
SHANGHAI = ZoneInfo("Asia/Shanghai")


class Api:
    """Calls handlers as the web server does."""

    def __init__(self, found: list[Route]) -> None:
        self._routes: dict[tuple[str, str], Route] = {(r.method, r.path): r for r in found}

    async def __call__(self, method: str, path: str, *, body: Any = None, id: str = "", **query: Any) -> Any:  # noqa: A002
        route = self._routes[method, "/api/v1/" + path]
        return await route.handler(Request(path={"id": id}, query=route.query(**query), body=body, by="test"))


@pytest.fixture
async def api(store: Store, tmp_path: Path) -> Api:
    return Api(routes(store, Settings(), tmp_path, ManualClock(T0 + 3600), tell=pytest.fail))


async def write(store: Store, *facts: Fact) -> None:
    await Ledger(store, Tally()).append(told(*facts))


async def ids(api: Api, **query: Any) -> list[str]:
    return [c.call_id for c in (await api("GET", "calls", **query)).items]


@BOTH
async def test_pages_of_calls_are_complete_and_newest_first(store: Store, api: Api) -> None:
    await write(store, *many_calls(23))
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await api("GET", "calls", limit=5, cursor=cursor)
        seen += [c.call_id for c in page.items]
        cursor = page.next
    assert seen == [f"call-{n:06d}" for n in reversed(range(23))]


async def test_calls_of_the_same_moment_are_not_lost_between_pages(store: Store, api: Api) -> None:
    await write(store, *[arrived(0, CallId(f"c{n}")) for n in range(5)])
    first = await api("GET", "calls", limit=2)
    second = await api("GET", "calls", limit=9, cursor=first.next)
    assert [c.call_id for c in first.items + second.items] == ["c4", "c3", "c2", "c1", "c0"]


@pytest.mark.parametrize("cursor", ["x", "bm9uc2Vuc2U", "WyJ4IiwgInkiXQ", "'; DROP TABLE call", "é"])
async def test_a_foreign_cursor_is_refused(api: Api, cursor: str) -> None:
    with pytest.raises(Misuse, match="cursor"):
        await api("GET", "calls", cursor=cursor)


@BOTH
async def test_filters_choose_calls(store: Store, api: Api) -> None:
    other = answered_call(CallId("other"), OfferId("o2"), 100, AgentId("1002"))
    left = abandoned_call(CallId("left"), 200)
    living = arrived(300, CallId("living"), caller_number="021")
    await write(store, *answered_call(), *other, *left, living)
    assert await ids(api, agent="1002") == ["other"]
    assert await ids(api, outcome="abandoned") == ["left"]
    assert await ids(api, live=True) == ["living"]
    assert await ids(api, live=False, queue="service") == ["left", "other", "call-1"]
    assert await ids(api, queue="nothing") == []
    assert await ids(api, number="021") == ["living"]
    assert await ids(api, number="138 0013 8000") == ["left", "other", "call-1"]
    assert len(await ids(api, number="4000")) == 4
    assert await ids(api, since="2026-11-22T06:43:20+08:00") == ["living", "left"]
    assert await ids(api, until="2026-11-22T06:43:20", since="2026-11-22T06:41:40") == ["other"]


@BOTH
async def test_a_call_comes_with_everything_and_its_story(store: Store, api: Api) -> None:
    await write(store, *answered_call())
    detail = await api("GET", "calls/{id}", id=CALL)
    assert (len(detail.segments), len(detail.offers), len(detail.recordings)) == (3, 1, 1)
    journal = await api("GET", "calls/{id}/journal", id=CALL)
    assert [e.fact["type"] for e in journal][:3] == ["CallArrived", "IvrStepTaken", "CallQueued"]
    assert (await api("GET", "calls/{id}/story", id=CALL, language="zh"))[2].endswith("进入队列 service")


@pytest.mark.parametrize(
    "path", ["calls/{id}", "calls/{id}/journal", "recordings/{id}", "recordings/{id}/audio", "customers/{id}"]
)
async def test_what_does_not_exist_is_not_found(api: Api, path: str) -> None:
    with pytest.raises(Rejected) as refusal:
        await api("GET", path, id="nobody")
    assert refusal.value.reason == "not_found"


@BOTH
async def test_offers_and_recordings_are_listed_by_filter(store: Store, api: Api) -> None:
    await write(store, *many_calls(8))
    page = await api("GET", "offers", agent="1001", result="answered")
    assert [o.call_id for o in page.items] == ["call-000000"]
    page = await api("GET", "recordings", status="stored", limit=4)
    assert [r.call_id for r in page.items] == ["call-000006", "call-000005", "call-000004", "call-000002"]
    rest = await api("GET", "recordings", cursor=page.next)
    assert [r.call_id for r in rest.items] == ["call-000001", "call-000000"]


async def test_audio_is_the_file_of_the_store(tmp_path: Path) -> None:
    api = Api(audio_routes(tmp_path))
    for day, text in (("2026/11/22", b"RIFF"), ("2026/11/23", b"other")):
        (tmp_path / day).mkdir(parents=True)
        (tmp_path / day / "other.wav").write_bytes(text)
    with pytest.raises(Rejected, match="there is no audio of recording offer-1"):
        await api("GET", "recordings/{id}/audio", id=OFFER)
    file = tmp_path / "2026" / "11" / "22" / f"{OFFER}.wav"
    file.write_bytes(b"RIFF")
    answer = await api("GET", "recordings/{id}/audio", id=OFFER)
    assert answer == FileAnswer(path=file, content_type="audio/wav", download_name="offer-1.wav")


@pytest.mark.parametrize("name", ["../secret", "a/b", "", "..", "*", "linked", "quarantined", "pending"])
def test_audio_outside_the_days_of_the_store_is_not_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.wav").write_bytes(b"x")
    day = tmp_path / "store" / "2026" / "11" / "22"
    day.mkdir(parents=True)
    (day / "linked.wav").symlink_to(tmp_path / "secret.wav")
    for aside, kept in (("quarantine", "quarantined"), ("pending", "pending")):
        (tmp_path / "store" / aside).mkdir()
        (tmp_path / "store" / aside / f"{kept}.wav").write_bytes(b"x")
    assert find_audio(tmp_path / "store", name) is None


# --- customers ---------------------------------------------------------------------------------------------------------


@BOTH
async def test_a_customer_is_created_read_replaced_and_found(api: Api) -> None:
    made = await api("POST", "customers", body=CustomerInput(name="李雷", numbers=["138 0013 8000"], tier="gold"))
    assert await api("GET", "customers/{id}", id=made.customer_id) == made
    changed = await api("PUT", "customers/{id}", id=made.customer_id, body=CustomerInput(name="Li", numbers=["1001"]))
    assert (changed.name, changed.numbers, changed.tier) == ("Li", ["1001"], "")
    assert (await api("GET", "customers", number="1001")).items == [changed]
    assert (await api("GET", "customers", number="+8613800138000")).items == []
    assert (await api("GET", "customers", name="l")).items == [changed]


async def test_a_number_belongs_to_one_customer_even_when_two_ask_at_once(store: Store, api: Api) -> None:
    given = CustomerInput(name="A", numbers=["13800138000"])
    results = await asyncio.gather(*(api("POST", "customers", body=given) for _ in range(4)), return_exceptions=True)
    refused = [r for r in results if isinstance(r, Rejected)]
    assert ([r.reason for r in refused], len(results)) == (["conflict"] * 3, 4)
    assert await store.fetchval("SELECT count(*) FROM customer") == 1


async def test_customers_are_paged(api: Api) -> None:
    for n in range(5):
        await api("POST", "customers", body=CustomerInput(name=f"c{n}"))
    first = await api("GET", "customers", limit=3)
    second = await api("GET", "customers", limit=3, cursor=first.next)
    assert (len(first.items), len(second.items), second.next) == (3, 2, None)
    assert {c.name for c in first.items + second.items} == {f"c{n}" for n in range(5)}


async def test_a_customers_history_has_identified_calls_and_calls_from_the_numbers(store: Store, api: Api) -> None:
    made = await api("POST", "customers", body=CustomerInput(name="Li", numbers=["13800138000"]))
    known = CallerIdentified(at=T0 + 51, call_id=CallId("by-id"), customer_id=CustomerId(made.customer_id), name="Li")
    await write(
        store,
        arrived(0, CallId("by-number")),
        arrived(50, CallId("by-id"), caller_number="999"),
        known,
        arrived(60, CallId("stranger"), caller_number="998", number="13800138000"),
    )
    history = await api("GET", "customers/{id}/history", id=made.customer_id)
    assert [c.call_id for c in history.items] == ["by-id", "by-number"]


async def imported(store: Store, text: str, **more: bool) -> Any:
    return await import_customers(store, csv_lines(text), country="86", **more)


@BOTH
async def test_an_import_creates_and_updates(store: Store, api: Api) -> None:
    first = await imported(store, "姓名,电话\n李雷,13800138000\n韩梅梅,13900139000\n")
    second = await imported(store, "name,phone,tier\nLi Lei,+8613800138000,gold\nAnn,1001\n")
    assert (first.created, first.updated, first.written) == (2, 0, True)
    assert (second.created, second.updated, second.written) == (1, 1, True)
    found = (await api("GET", "customers", number="13800138000")).items
    assert [(c.name, c.tier) for c in found] == [("Li Lei", "gold")]


async def test_an_import_with_one_mistake_writes_nothing(store: Store) -> None:
    report = await imported(store, "name,phone\nA,1001\nB,none\n")
    assert ([p.line for p in report.errors], report.written) == ([3], False)
    assert await store.fetchval("SELECT count(*) FROM customer") == 0


async def test_a_dry_run_tells_and_writes_nothing(store: Store, api: Api) -> None:
    report = await api("POST", "customer-imports", body=ImportBody(csv="name\nA\n", dry_run=True))
    assert (report.created, report.errors, report.written) == (1, [], False)
    assert await store.fetchval("SELECT count(*) FROM customer") == 0


async def test_numbers_may_be_exchanged_between_customers_of_one_file(store: Store) -> None:
    await imported(store, "id,name,phone\na,A,1001\nb,B,1002\n")
    report = await imported(store, "id,name,phone\na,A,1003\nb,B,1001\n")
    assert [p.problem for p in report.errors] == ["its numbers belong to customer a already"]


async def test_an_export_can_be_imported_again(store: Store, api: Api) -> None:
    await imported(store, "name,phone,notes\n李雷,+8613800138000;1001,=1+1\n")
    answer = await api("GET", "customer-exports")
    assert "'=1+1" in answer.text
    report = await imported(store, answer.text)
    assert (report.created, report.updated) == (0, 1)


# --- reports -----------------------------------------------------------------------------------------------------------


def worked(at: float, state: AgentState, previous: AgentState, call: CallId | None = None) -> AgentStateChanged:
    return AgentStateChanged(at=T0 + at, agent_id=AgentId("1001"), state=state, previous=previous, call_id=call)


@BOTH
async def test_the_summary_counts_waits_by_every_formula(store: Store, api: Api) -> None:
    await write_queues(store, [Queue(id="service", threshold_s=10, short_abandon_s=3)])
    facts = [f for n in range(6) for f in answered_call(CallId(f"a{n}"), OfferId(f"o{n}"), n * 50)]
    facts += [*abandoned_call(CallId("b0"), 0, 12), *abandoned_call(CallId("b1"), 0, 2), arrived(0, CallId("menu"))]
    await write(store, *facts, worked(30, "wrap_up", "talking", CallId("a0")), worked(42, "ready", "wrap_up"))
    summary = await api("GET", "reports/summary", since="2026-11-21")
    counts = summary.counts
    assert (counts.offered, counts.answered, counts.abandoned, counts.short_abandoned) == (8, 6, 2, 1)
    assert {r.id: r.value for r in summary.connect_rates}["B"] == 6 / 8
    assert (summary.asa_s, summary.answered_waits.p95_s, summary.abandoned_waits.p50_s) == (5.0, 5.0, 7.0)
    assert (summary.handle_time.handled, summary.handle_time.talk_s, summary.handle_time.wrap_up_s) == (6, 20.0, 2.0)
    assert summary.handle_time.aht_s == 22.0
    assert summary.queues[0].threshold_s == 10
    assert summary.outcomes == {"answered": 6, "abandoned": 1, "short_abandoned": 1, "live": 1}


@BOTH
async def test_the_summary_says_how_many_promised_waits_came_true(store: Store, api: Api) -> None:
    facts = [f for n in range(3) for f in answered_call(CallId(f"a{n}"), OfferId(f"o{n}"), n * 50)]
    facts += abandoned_call(CallId("b0"), 0, 12)
    queued_at = {f.call_id: f.at for f in facts if isinstance(f, CallQueued)}
    answered_at = {f.call_id: f.at for f in facts if isinstance(f, OfferAccepted)}
    for call, low, high in (("a0", 0.0, 60.0), ("a1", 60.0, 120.0), ("a2", 0.0, 1.0), ("b0", 0.0, 60.0)):
        at = queued_at[CallId(call)] + 1
        facts.append(WaitPromised(at=at, call_id=CallId(call), queue_id=QueueId("service"), low_s=low, high_s=high))
    assert all(answered_at[call] - queued_at[call] == 5 for call in answered_at)
    await write(store, *facts)
    promises = (await api("GET", "reports/summary", since="2026-11-21")).promises
    assert (promises.said, promises.kept, promises.early, promises.late) == (4, 2, 1, 1)
    assert promises.kept_share == 2 / 3


async def test_an_empty_day_has_a_summary_without_rates(api: Api) -> None:
    summary = await api("GET", "reports/summary")
    assert (summary.counts.offered, summary.asa_s, summary.handle_time.aht_s) == (0, None, None)


async def test_an_audit_of_proper_calls_finds_nothing(store: Store, api: Api) -> None:
    await write(store, *many_calls(20, every_s=60))
    report = await api("GET", "reports/audit", since="2026-11-21", until="2026-11-23")
    assert (report.calls, report.findings, report.complete) == (20, [], True)


async def test_an_audit_finds_lost_rows_lost_facts_and_double_offers(store: Store, api: Api) -> None:
    one = answered_call(CallId("x1"), OfferId("p1"))
    two = answered_call(CallId("x2"), OfferId("p2"), 1)
    envelopes = told(*one, *two)
    await Ledger(store, Tally()).append([*envelopes[:3], *envelopes[5:]])
    await Ledger(store, Tally()).append(told(arrived(0, CallId("gone")), source="other"))
    await store.execute("DELETE FROM call WHERE call_id = 'gone'")
    report = await api("GET", "reports/audit", since="2026-11-21", until="2026-11-23")
    found = [(f.kind, f.call_id) for f in report.findings]
    assert ("no_row", "gone") in found
    assert [f.detail for f in report.findings if f.kind == "lost_facts"] == ["test: numbers 4 to 5"]
    await Ledger(store, Tally()).append(envelopes[3:5])
    report = await api("GET", "reports/audit", since="2026-11-21", until="2026-11-23")
    assert sorted(f.kind for f in report.findings) == ["no_row", "two_offers"]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-22", "2026-11-21T16:00:00+00:00"),
        ("2026-11-22T08:00", "2026-11-22T00:00:00+00:00"),
        ("2026-11-22T08:00:00Z", "2026-11-22T08:00:00+00:00"),
    ],
)
def test_times_without_a_zone_are_local(text: str, utc: str) -> None:
    at = read_moment("since", text, SHANGHAI)
    assert at is not None
    assert at.isoformat() == utc


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "1", "0001-01-01"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Misuse, match="use 2026-01-31"):
        read_moment("since", text, SHANGHAI)
