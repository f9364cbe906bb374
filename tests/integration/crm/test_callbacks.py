"""Callbacks as the journal tells of them, over a real PostgreSQL: the list, one of them, numbers, what the audit asks, who is reminded of."""

from pathlib import Path
from typing import Any

import pytest

from crm.api.routes import routes
from crm.callbacks_pending import PendingCallbacks
from hotline.bus.memory import MemoryBus
from hotline.errors import Rejected
from hotline.facts import (
    CallbackAttempted,
    CallbackEnded,
    CallbackFact,
    CallbackPending,
    CallbackPutOff,
    CallbackRefused,
    CallbackRequested,
    Record,
)
from hotline.ids import AgentId, CallbackId, CallId, QueueId
from hotline.runtime.clock import ManualClock
from hotline.settings import Settings
from hotline.store.pool import Store
from hotline.tally import Tally
from tests.integration.crm.test_api import Api, write
from tests.support.envelopes import T0
from tests.support.postgres15 import BOTH

pytestmark = pytest.mark.real
SERVICE = QueueId("service")


@pytest.fixture
async def api(store: Store, tmp_path: Path) -> Api:
    return Api(routes(store, Settings(), tmp_path, ManualClock(T0 + 3600), tell=pytest.fail))


def wish(name: str, at: float, *, queue: QueueId = SERVICE, number: str = "13800138000") -> CallbackRequested:
    return CallbackRequested(
        at=T0 + at, callback_id=CallbackId(name), queue_id=queue, number=number, entered_at=T0 + at - 60
    )


def attempted(name: str, at: float, n: int = 1, **more: Any) -> CallbackAttempted:
    ids: dict[str, Any] = {"callback_id": CallbackId(name), "queue_id": SERVICE, "call_id": CallId(f"{name}.{n}")}
    return CallbackAttempted(at=T0 + at, attempt=n, first="agent", waited_s=at, **ids, **more)


def put_off(name: str, at: float, result: str, n: int = 1) -> CallbackPutOff:
    ids: dict[str, Any] = {"callback_id": CallbackId(name), "queue_id": SERVICE, "call_id": CallId(f"{name}.{n}")}
    return CallbackPutOff(at=T0 + at, attempt=n, result=result, retry_at=T0 + at + 300, **ids)


def over(name: str, at: float, result: Any, **more: Any) -> CallbackEnded:
    return CallbackEnded(at=T0 + at, callback_id=CallbackId(name), queue_id=SERVICE, result=result, **more)


def some() -> list[CallbackFact]:
    """One who was reached with the second attempt, one who hung up, one who waits, one who was refused, one of another queue."""
    return [
        wish("a", 0), attempted("a", 10, agent_id=AgentId("1001")), put_off("a", 30, "busy"),
        attempted("a", 340, 2), over("a", 360, "reached", attempts=2, call_id=CallId("a.2"), waited_s=360, held_s=4.0),
        wish("b", 100, number="13800138001"), attempted("b", 110), over("b", 140, "failed", reason="hung_up", attempts=1),
        wish("c", 200, number="02161234567"),
        wish("d", 300), CallbackRefused(at=T0 + 300, callback_id=CallbackId("d"), queue_id=SERVICE, reason="full"),
        wish("e", 400, queue=QueueId("sales")), attempted("e", 410),
    ]  # fmt: skip


@BOTH
async def test_callbacks_are_listed_newest_first_with_what_became_of_them(store: Store, api: Api) -> None:
    await write(store, *some())
    page = await api("GET", "callbacks")
    assert [(c.callback_id, c.status, c.attempts) for c in page.items] == [
        ("e", "calling", 0), ("d", "failed", 0), ("c", "waiting", 0), ("b", "failed", 1), ("a", "reached", 2),
    ]  # fmt: skip
    assert [c.callback_id for c in (await api("GET", "callbacks", number="+86 138 0013 8001")).items] == ["b"]
    assert [c.callback_id for c in (await api("GET", "callbacks", status="waiting", queue="service")).items] == ["c"]
    first = await api("GET", "callbacks", limit=2)
    rest = await api("GET", "callbacks", limit=9, cursor=first.next)
    assert [c.callback_id for c in rest.items] == ["c", "b", "a"]


async def test_one_comes_with_everything_that_was_told_of_it(store: Store, api: Api) -> None:
    await write(store, *some())
    found = await api("GET", "callbacks/{id}", id="a")
    assert (found.call_id, found.agent_id, found.retry_at) == ("a.2", None, None)
    assert [type(f).__name__ for f in found.facts] == [
        "CallbackRequested", "CallbackAttempted", "CallbackPutOff", "CallbackAttempted", "CallbackEnded",
    ]  # fmt: skip
    with pytest.raises(Rejected, match="no callback x"):
        await api("GET", "callbacks/{id}", id="x")


@BOTH
async def test_the_summary_has_numbers_of_their_own(store: Store, api: Api) -> None:
    await write(store, *some())
    summary = await api("GET", "reports/summary", since="2026-11-21", queue="service")
    found = summary.callbacks
    assert (found.requested, found.reached, found.reached_at_once, found.open) == (4, 1, 0, 1)
    assert (found.failed, found.hung_up, found.expired, found.cancelled) == (2, 1, 0, 0)
    assert (found.attempts, found.reached_share, found.wait_s) == (3, 1 / 3, 360.0)
    assert summary.counts.offered == 0


async def test_a_time_without_callbacks_has_no_share(api: Api) -> None:
    found = (await api("GET", "reports/summary")).callbacks
    assert (found.requested, found.reached_share, found.wait_s) == (0, None, None)


async def audited(api: Api, **times: str) -> list[str]:
    report = await api("GET", "reports/audit", **times)
    return [f.kind for f in report.findings if "callback" in f.kind]


async def test_the_audit_finds_two_calls_at_once_and_one_that_never_ended(store: Store, api: Api) -> None:
    await write(store, *some(), wish("f", 500), attempted("f", 510), attempted("f", 520, 2), wish("g", -9 * 86_400))
    assert sorted(await audited(api, since="2026-11-01", until="2026-11-23")) == ["lost_callback", "two_callbacks"]


async def test_the_audit_has_nothing_against_proper_ones(store: Store, api: Api) -> None:
    await write(store, *some())
    assert await audited(api, since="2026-11-01", until="2026-11-23") == []


class Nothing:
    """A spool in which nothing waits."""

    def peek(self, _count: int) -> list[Any]:
        return []


async def test_routers_are_reminded_of_those_that_are_not_over_and_of_how_many_calls_were_made(store: Store) -> None:
    await write(store, *some())
    bus, clock = MemoryBus(Tally()), ManualClock(T0 + 3600)
    inbox = bus.subscribe("test", CallbackPending)
    await PendingCallbacks(store, bus, clock, Nothing()).look(clock.now())  # type: ignore[arg-type]
    told: list[Record | None] = []
    while inbox.ready:
        told.append(await inbox.get())
    assert [(t.wish.callback_id, t.calls) for t in told if isinstance(t, CallbackPending)] == [("c", 0), ("e", 1)]
