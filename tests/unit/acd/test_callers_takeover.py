"""What a router that takes over knows of callers: what was switched, which places were left, and how long everybody has waited."""

from collections.abc import AsyncIterator

import pytest

from acd.core.requests import QueueRequest
from hotline import facts as f
from hotline.ids import CallId, LegId, NodeId, QueueId
from hotline.settings import Acd, Asterisk, Seats, Settings
from hotline.settings.queues import Overflow, Queue
from tests.unit.acd import test_routers
from tests.unit.acd.test_routers import House, Process

SETTINGS = Settings(
    seats=Seats(first=1001, count=1),
    queues=(
        Queue(
            id="q",
            when_closed="voicemail",
            resume_s=60,
            overflow=(Overflow(when="waited", over=30, to="queue:other"),),
        ),
        Queue(id="other", overflow=(Overflow(when="waited", over=60, to="hang_up"),)),
    ),
    acd=Acd(beat_s=0.5, silent_s=1.5),
    asterisk=Asterisk(node="node9"),
)
pair = test_routers.pair


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(test_routers, "SETTINGS", SETTINGS)
    made = House()
    yield made
    await made.close()


async def take_over(house: House, heir: Process) -> None:
    await house.kill("A")
    await house.until(lambda: heir.acd.standby.view().surveyed == ("node1",))


def arrives(house: House, call: str, number: str) -> None:
    """A caller arrives and joins the line."""
    arrived = f.CallArrived(
        at=house.clock.now(), call_id=CallId(call), node=NodeId("node1"), leg=LegId(call), number="4000", caller_number=number
    )  # fmt: skip
    house.nodes[0].arrives(call, queued=False)
    house.bus.publish(arrived)
    house.nodes[0].queues(call)


def switch(house: House, process: Process, **what: object) -> None:
    process.acd.ask(QueueRequest(at=house.clock.now(), queue_id=QueueId("q"), by="mei", **what))  # type: ignore[arg-type]


def treatments(process: Process) -> list[tuple[str, str, str]]:
    return [(x.call_id, x.reason, x.treatment) for x in process.port.facts if isinstance(x, f.CallFlowedOut)]


async def test_what_was_switched_stays_switched(house: House, pair: tuple[Process, Process]) -> None:
    a, b = pair
    switch(house, a, closed=True)
    switch(house, a, emergency=True, announce="flood")
    await house.settle()
    await take_over(house, b)
    kept = b.acd.router.floor.openings.switch(QueueId("q"))
    assert (kept.closed_at is not None, kept.emergency, kept.by) == (True, "flood", "mei")
    house.nodes[0].arrives("X")
    await house.settle()
    assert treatments(b) == [("X", "closed", "voicemail")]
    switch(house, b, closed=False, emergency=False)
    await house.settle()
    assert "acd/switch/q" not in b.memory.kept


async def test_a_place_that_was_left_is_given_back_by_the_next_router(
    house: House, pair: tuple[Process, Process]
) -> None:
    a, b = pair
    arrives(house, "first", "138")
    await house.pass_time(1.0)
    arrives(house, "rival", "139")
    await house.pass_time(1.0)
    house.nodes[0].hangs_up("first")
    await house.settle()
    assert a.line() == ["rival"]
    await take_over(house, b)
    arrives(house, "again", "138")
    await house.settle()
    assert [x.earlier_call_id for x in b.port.facts if isinstance(x, f.CallResumed)] == ["first"]
    waiting = b.acd.router.floor.line.waiting(QueueId("q"))
    assert [caller.call_id for caller in waiting] == ["again", "rival"]


async def test_how_long_somebody_has_waited_counts_on(house: House, pair: tuple[Process, Process]) -> None:
    _, b = pair
    house.nodes[0].arrives("X")
    joined_at = house.clock.now()
    await house.pass_time(20.0)
    await take_over(house, b)
    await house.pass_time(joined_at + 29.9 - house.clock.now())
    assert treatments(b) == []
    await house.pass_time(0.2)
    assert treatments(b) == [("X", "overflow", "queue:other")]
    caller = b.acd.router.floor.line.get(CallId("X"))
    assert caller is not None
    assert (caller.queue_id, caller.waits_since) == ("other", joined_at)
