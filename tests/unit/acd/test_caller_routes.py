"""What supervisors ask over the API for those who wait and for queues, and what survives the death of the process."""

from typing import Any

import pytest

from acd.api.callers import CallerWaiting, ChangedCaller, QueueSwitches
from acd.core.views import QueueView
from hotline import facts as f
from hotline.errors import Misuse, Rejected
from hotline.settings import OpeningHours, Seats, Settings
from hotline.settings.queues import Queue
from tests.unit.acd.test_service import House

ONE = "/api/v1/calls-waiting/{id}"
SWITCHES = "/api/v1/queues/{id}/switches"


def settings() -> Settings:
    return Settings(
        seats=Seats(first=1001, count=2),
        hours={"never": OpeningHours(timezone="UTC", weekly={"thu": ("23:00-24:00",)})},
        queues=(
            Queue(id="q", when_closed="voicemail", resume_s=60),
            Queue(id="other"),
            Queue(id="shut", opening="never", when_closed="hang_up"),
        ),
    )


@pytest.fixture
async def house():
    made = House(settings=settings())
    yield made
    await made.tasks.close()


async def change(house: House, call: str, **what: Any) -> CallerWaiting:
    found = await house.api("PATCH", ONE, id=call, body=ChangedCaller(**what))
    assert isinstance(found, CallerWaiting)
    await house.settle()
    return found


async def switch(house: House, queue: str = "q", **what: Any) -> QueueView:
    found = await house.api("PUT", SWITCHES, id=queue, body=QueueSwitches(**what))
    assert isinstance(found, QueueView)
    await house.settle()
    return found


async def test_a_priority_is_changed_by_who_asked(house):
    await house.queued()
    found = await change(house, "A", priority=9)
    assert (found.queue_id, found.waiting.position, found.waiting.priority) == ("q", 1, 9)
    told = next(x for x in house.log if isinstance(x, f.CallPriorityChanged))
    assert told.by == "boss"


async def test_a_caller_is_moved_and_shows_how_long_he_waits_in_all(house):
    await house.queued()
    house.clock.advance(30)
    found = await change(house, "A", queue="other")
    assert (found.queue_id, found.waiting.waited_s) == ("other", 30.0)
    assert (await house.api("GET", ONE, id="A")).queue_id == "other"


async def test_a_caller_is_not_moved_to_where_nobody_has_the_skill_and_the_refusal_names_it(house):
    await house.queued(levels=(("english", 5),), skills=("card",))
    words = "nobody who serves queue other, logged in or not, has the skills card and english 5 that this caller needs;"
    with pytest.raises(Rejected, match=words) as refused:
        await change(house, "A", queue="other")
    assert (refused.value.reason, (await house.api("GET", ONE, id="A")).queue_id) == ("nobody_able", "q")
    assert (await change(house, "A", queue="other", force=True)).queue_id == "other"


async def test_a_caller_is_pulled_out_and_waits_no_more(house):
    await house.queued()
    assert (await change(house, "A", treatment="voicemail")).waiting is None
    assert any(isinstance(x, f.CallFlowedOut) and x.by == "boss" for x in house.log)
    with pytest.raises(Rejected, match="does not wait"):
        await house.api("GET", ONE, id="A")


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ({"treatment": "hang_up"}, "does not wait"),
        ({}, "say what"),
        ({"queue": "q", "treatment": "hang_up"}, "either"),
        ({"treatment": "queue:"}, "not something"),
        ({"treatment": "explode"}, "not something"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_words(house, what, error):
    with pytest.raises((Rejected, Misuse), match=error):
        await change(house, "A", **what)


async def test_a_closed_queue_takes_nobody_over(house):
    await house.queued()
    with pytest.raises(Rejected, match="this queue is closed"):
        await change(house, "A", queue="shut")


async def test_a_queue_shows_what_keeps_it_closed_and_what_is_announced(house):
    queues = {q.id: q for q in await house.api("GET", "/api/v1/queues")}
    assert (queues["q"].closed_by, queues["shut"].closed_by) == ("", "hours")
    assert (await switch(house, closed=True)).closed_by == "supervisor"
    found = await switch(house, emergency=True, announce="flood", then="fallback")
    assert (found.closed_by, found.emergency, found.emergency_then) == ("supervisor", "flood", "fallback")
    assert (await switch(house, closed=False, emergency=False)).emergency == ""
    assert [x.by for x in house.log if isinstance(x, f.QueueSwitched)] == ["boss"] * 3


async def test_who_comes_when_it_is_closed_by_its_hours_is_treated(house):
    now = house.clock.now()
    house.bus.publish(f.CallQueued(at=now, call_id="A", queue_id="shut", entered_at=now))
    await house.settle()
    assert [x.treatment for x in house.log if isinstance(x, f.CallFlowedOut)] == ["hang_up"]


async def test_an_unknown_queue_and_a_strange_announcement_are_refused(house):
    with pytest.raises(Rejected, match="no such queue"):
        await switch(house, "nowhere", closed=True)
    with pytest.raises(Misuse, match="no name"):
        await switch(house, emergency=True, announce="../x")


async def test_switches_and_left_places_are_there_after_a_death(house):
    await switch(house, closed=True)
    await switch(house, closed=False, emergency=True)
    arrival = {
        "at": house.clock.now(),
        "call_id": "A",
        "node": "node1",
        "leg": "x",
        "number": "4",
        "caller_number": "138",
    }
    house.bus.publish(f.CallArrived(**arrival))
    await house.queued()
    house.bus.publish(f.CallEnded(at=house.clock.now(), call_id="A"))
    await house.settle()
    heir = House(house.notebook, start=house.clock.now() + 1, settings=settings())
    try:
        queues = {q.id: q for q in await heir.api("GET", "/api/v1/queues")}
        assert queues["q"].emergency == "emergency"
        heir.bus.publish(f.CallArrived(**{**arrival, "at": heir.clock.now(), "call_id": "B"}))
        await heir.queued("B")
        assert [x.earlier_call_id for x in heir.log if isinstance(x, f.CallResumed)] == ["A"]
    finally:
        await heir.tasks.close()


async def test_a_place_that_was_given_back_is_forgotten(house):
    arrival = {"at": house.clock.now(), "node": "node1", "leg": "x", "number": "4", "caller_number": "138"}
    for call in ("A", "B"):
        house.bus.publish(f.CallArrived(call_id=call, **arrival))
        await house.queued(call)
        kept = len(house.notebook.recall("acd/place/"))
        house.bus.publish(f.CallEnded(at=house.clock.now(), call_id=call))
        await house.settle()
        assert (kept, len(house.notebook.recall("acd/place/"))) == (0, 1)
