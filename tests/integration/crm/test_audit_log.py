"""The audit log over a real PostgreSQL: orders of people, by person, agent and kind, page by page."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crm.api.audit_log import AuditLogQuery, audit_log_routes
from crm.journal.ledger import Ledger
from hotline import facts as f
from hotline.errors import Misuse
from hotline.ids import AgentId, CallId, Extension, QueueId, SupervisionId
from hotline.store.pool import Store
from hotline.tally import Tally
from hotline.web.routes import Page, Request
from tests.support.envelopes import T0, answered_call, told

pytestmark = pytest.mark.real


def state(at: float, by: str, agent: str = "1001") -> f.AgentStateChanged:
    return f.AgentStateChanged(
        at=T0 + at, agent_id=AgentId(agent), state="break", previous="ready", reason="lunch", by=by
    )


def supervision(at: float, kind: type[f.SupervisionFact], **more: Any) -> f.SupervisionFact:
    return kind(
        at=T0 + at, call_id=CallId("c1"), supervision_id=SupervisionId("c1.s1"), agent_id=AgentId("1001"),
        extension=Extension("1005"), by="mei", **more,
    )  # fmt: skip


FACTS: list[f.Fact] = [
    state(1, "seat"),
    state(2, "boss"),
    state(3, "system"),
    supervision(4, f.SupervisionAsked, mode="listen"),
    supervision(5, f.SupervisionBegan, mode="listen"),
    supervision(6, f.SupervisionEnded, reason="hung_up"),
    f.SurgeSwitched(at=T0 + 7, queue_id=QueueId("service"), on=True, by="boss"),
]


async def listed(store: Store, **query: Any) -> Any:
    (route,) = audit_log_routes(store, ZoneInfo("Asia/Shanghai"))
    return await route.handler(Request(query=AuditLogQuery(**query), by="test"))


async def kinds(store: Store, **query: Any) -> list[str]:
    page: Page[Any] = await listed(store, **query)
    return [order.fact["type"] for order in page.items]


async def test_it_has_what_people_ordered_newest_first(store: Store) -> None:
    await Ledger(store, Tally()).append(told(*answered_call(), *FACTS))
    assert await kinds(store) == [
        "SurgeSwitched", "SupervisionEnded", "SupervisionBegan", "SupervisionAsked", "AgentStateChanged",
    ]  # fmt: skip
    page = await listed(store, limit=1)
    (order,) = page.items
    assert (order.by, order.en, order.zh) == (
        "boss",
        "called the surge agents to queue service",
        "调入队列 service 的增援坐席",
    )


async def test_filters_and_pages(store: Store) -> None:
    await Ledger(store, Tally()).append(told(*FACTS))
    assert await kinds(store, by="boss") == ["SurgeSwitched", "AgentStateChanged"]
    assert await kinds(store, kind="supervision", agent="1001") == [
        "SupervisionEnded",
        "SupervisionBegan",
        "SupervisionAsked",
    ]
    assert await kinds(store, call="c1", since="2000-01-01", until="2001-01-01") == []
    assert await kinds(store, kind="queues") == ["SurgeSwitched"]
    seen, cursor = [], ""
    while cursor is not None:
        page = await listed(store, limit=2, cursor=cursor)
        seen += [order.fact_id for order in page.items]
        cursor = page.next
    assert len(seen) == len(set(seen)) == 5
    with pytest.raises(Misuse, match="kind"):
        await listed(store, kind="secrets")
