"""The look-up of callers while the database hangs, on the real thing."""

import asyncio

import pytest

from crm.customers.data import CustomerInput
from crm.customers.recognition import LOOK_UP_S, CrmService
from crm.customers.store import put_customer
from hotline.bus.memory import MemoryBus
from hotline.facts import CallerIdentified, CallerUnknown
from hotline.ids import CallId
from hotline.runtime.clock import SteadyClock, stopwatch
from hotline.runtime.tasks import TaskGroup
from hotline.store.pool import Store
from hotline.tally import Tally
from tests.support.envelopes import arrived
from tests.support.wait import eventually

pytestmark = pytest.mark.real


async def test_callers_are_unknown_in_time_while_the_database_hangs_and_known_afterwards(store: Store) -> None:
    customer = await put_customer(store, CustomerInput(name="李雷", numbers=["13800138000"]), "86")
    tally, tasks = Tally(), TaskGroup("test")
    bus = MemoryBus(tally)
    told = bus.subscribe("test", CallerIdentified, CallerUnknown)
    crm = CrmService(store, bus, SteadyClock(), tally, tasks)
    async with store.transaction() as blocker:
        await blocker.execute("LOCK TABLE customer_number IN ACCESS EXCLUSIVE MODE")
        passed = stopwatch()
        for n in range(10):
            await crm.handle(arrived(call=CallId(f"c{n}")), 0.0)
        answers = [await asyncio.wait_for(told.get(), 10) for _ in range(10)]
        assert {(type(a), getattr(a, "reason", "")) for a in answers} == {(CallerUnknown, "too_late")}
        assert passed() < LOOK_UP_S + 1.5
    await eventually(lambda: len(tasks) == 0)
    await crm.handle(arrived(call=CallId("later")), 0.0)
    found = await asyncio.wait_for(told.get(), 10)
    assert isinstance(found, CallerIdentified)
    assert (found.customer_id, found.name) == (customer.customer_id, "李雷")
    await tasks.close()
