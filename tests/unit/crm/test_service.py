"""Who calls: found, not found, too late, unavailable; and nobody waits for the database."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from crm.customers import recognition as module
from crm.customers.recognition import CrmService
from hotline.bus.memory import MemoryBus
from hotline.errors import Unavailable
from hotline.facts import CallAdopted, CallerIdentified, CallerUnknown, Record
from hotline.ids import CallId, LegId, NodeId
from hotline.runtime.clock import ManualClock
from hotline.runtime.tasks import TaskGroup
from hotline.tally import Tally
from tests.support.envelopes import CALL, T0, arrived

LI = {"customer_id": "c1", "name": "李雷", "tier": "gold", "language": "zh"}


class FakeStore:
    """Answers every look-up with the same row, an error, or never."""

    def __init__(self, answer: dict[str, str] | Exception | None = None) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.frozen = asyncio.Event()
        self.frozen.set()

    async def fetchrow(self, _sql: str, key: str) -> Any:
        self.asked.append(key)
        await self.frozen.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class House:
    def __init__(self, store: FakeStore | None, tasks: TaskGroup) -> None:
        self.tally = Tally()
        self.bus = MemoryBus(self.tally)
        self.told = self.bus.subscribe("test", CallerIdentified, CallerUnknown)
        self.clock = ManualClock(T0)
        self.crm = CrmService(store, self.bus, self.clock, self.tally, tasks)  # type: ignore[arg-type]

    async def hear(self, record: Record) -> Record | None:
        await self.crm.handle(record, self.clock.now())
        return await asyncio.wait_for(self.told.get(), 10)


@pytest.fixture
async def tasks() -> AsyncIterator[TaskGroup]:
    group = TaskGroup("test")
    yield group
    await group.close()


def unknown(reason: Any) -> CallerUnknown:
    return CallerUnknown(at=T0, call_id=CALL, reason=reason)


async def test_a_known_number_is_identified_in_any_spelling(tasks: TaskGroup) -> None:
    store = FakeStore(LI)
    fact = await House(store, tasks).hear(arrived(caller_number="13800138000"))
    assert fact == CallerIdentified(at=T0, call_id=CALL, customer_id="c1", name="李雷", tier="gold", language="zh")  # type: ignore[arg-type]
    assert store.asked == ["8613800138000"]


async def test_a_number_that_nobody_has_is_not_found(tasks: TaskGroup) -> None:
    assert await House(FakeStore(), tasks).hear(arrived()) == unknown("not_found")


async def test_a_withheld_number_is_not_looked_up(tasks: TaskGroup) -> None:
    store = FakeStore(LI)
    assert await House(store, tasks).hear(arrived(caller_number="")) == unknown("no_number")
    assert store.asked == []


async def test_a_database_that_is_away_means_unavailable(tasks: TaskGroup) -> None:
    assert await House(FakeStore(Unavailable("gone")), tasks).hear(arrived()) == unknown("unavailable")
    assert await House(None, tasks).hear(arrived()) == unknown("unavailable")


async def test_a_frozen_database_means_too_late_and_its_late_answer_serves_the_next_call(tasks: TaskGroup) -> None:
    store = FakeStore(LI)
    store.frozen.clear()
    house = House(store, tasks)
    assert await house.hear(arrived()) == unknown("too_late")
    store.frozen.set()
    while len(tasks):
        await asyncio.sleep(0)
    fact = await house.hear(arrived())
    assert isinstance(fact, CallerIdentified)
    assert len(store.asked) == 1


async def test_handling_a_call_never_waits_for_the_database(tasks: TaskGroup) -> None:
    store = FakeStore(LI)
    store.frozen.clear()
    house = House(store, tasks)
    async with asyncio.timeout(0.1):
        await house.crm.handle(arrived(), T0)
    assert not house.told.ready


async def test_look_ups_are_limited(tasks: TaskGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_UPS_LIMIT", 2)
    store = FakeStore(LI)
    store.frozen.clear()
    house = House(store, tasks)
    for n in range(2):
        await house.crm.handle(arrived(call=CallId(f"c{n}"), caller_number=f"1380013800{n}"), T0)
    assert await house.hear(arrived()) == unknown("unavailable")
    assert house.tally.counts["limits_reached", (("limit", "crm_look_ups"),)] == 1


async def test_an_answer_is_remembered_for_a_while(tasks: TaskGroup) -> None:
    store = FakeStore()
    house = House(store, tasks)
    await house.hear(arrived())
    store.answer = LI
    assert await house.hear(arrived()) == unknown("not_found")
    house.clock.advance(module.CACHE_S + 1)
    assert isinstance(await house.hear(arrived()), CallerIdentified)


async def test_the_memory_is_bounded(tasks: TaskGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHE_LIMIT", 1)
    store = FakeStore()
    house = House(store, tasks)
    for number in ("1001", "1002", "1001"):
        await house.hear(arrived(caller_number=number))
    assert store.asked == ["1001", "1002", "1001"]


def adopted(phase: Any) -> CallAdopted:
    return CallAdopted(
        at=T0, call_id=CALL, node=NodeId("n"), leg=LegId("l"), phase=phase, caller_number="+8613800138000"
    )


async def test_an_adopted_caller_in_our_hands_is_looked_up_again(tasks: TaskGroup) -> None:
    house = House(FakeStore(LI), tasks)
    assert isinstance(await house.hear(adopted("session")), CallerIdentified)


@pytest.mark.parametrize("record", [adopted("talking"), arrived(reconciled=True)])
async def test_calls_that_need_no_name_are_left_alone(tasks: TaskGroup, record: Record) -> None:
    store = FakeStore(LI)
    house = House(store, tasks)
    await house.crm.handle(record, T0)
    assert (store.asked, house.told.ready) == ([], False)
