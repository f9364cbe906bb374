import asyncio
from collections.abc import AsyncIterator

import pytest

from hotline.commands import Play, Refused, Release, Remember, StartMusic
from hotline.errors import OutcomeUnknown
from hotline.facts import (
    CallEnded,
    CallFellBack,
    DigitPressed,
    PlayEnded,
    SnapshotTaken,
)
from hotline.ids import CallId, NodeId
from hotline.runtime.service import serve
from ivr.flow.model import Flow, MenuStep
from ivr.service import CATCH_UP_S
from tests.unit.ivr.house import House
from tests.unit.ivr.making import NODE, NOW, adopted, arrived, flow


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    yield made
    await made.tasks.close()


def ends(call: str) -> CallEnded:
    return CallEnded(at=NOW, call_id=CallId(call))


async def test_commands_of_a_call_are_sent_in_order_and_facts_published(house: House) -> None:
    await house.tell(arrived())
    play = house.done[0]
    assert isinstance(play, Play)
    await house.tell(PlayEnded(at=NOW, call_id=play.call_id, play_id=play.play_id, result="finished"))
    assert house.kinds() == ["Play", "Remember", "Play"]
    assert house.facts.ready


async def test_a_number_without_a_flow_goes_to_the_fallback_queue(house: House) -> None:
    await house.tell(arrived(number="4999"))
    assert house.done == [Release(node=NODE, call_id=CallId("call-1"), reason="no_flow")]


async def test_a_call_with_an_agent_is_not_released_for_want_of_a_flow() -> None:
    house = House(flows={})
    await house.tell(adopted("talking", offer="o1"))
    assert house.done == []


async def test_calls_beyond_the_limit_go_to_the_fallback_queue_and_are_counted() -> None:
    house = House(sessions_limit=1)
    await house.tell(arrived("call-1"), arrived("call-2"))
    assert [type(c).__name__ for c in house.done if c.call_id == "call-2"] == ["Release"]  # type: ignore[attr-defined]
    assert house.tally.counts["limits_reached", (("limit", "ivr_sessions"),)] == 1


async def test_an_ended_call_is_forgotten_and_a_late_arrival_does_not_bring_it_back(house: House) -> None:
    await house.tell(arrived(), ends("call-1"), arrived())
    assert len(house.service) == 0
    assert house.kinds() == ["Play"]


async def test_an_arrival_that_comes_after_its_end_begins_nothing(house: House) -> None:
    await house.tell(ends("call-1"), arrived())
    assert house.done == []


async def test_a_call_in_the_fallback_queue_has_no_session(house: House) -> None:
    await house.tell(adopted("fallback"))
    assert len(house.service) == 0
    await house.tell(arrived("call-2"), CallFellBack(at=NOW, call_id=CallId("call-2"), reason="lease_expired"))
    assert len(house.service) == 0


async def test_events_of_unknown_calls_mean_nothing(house: House) -> None:
    await house.tell(DigitPressed(at=NOW, call_id=CallId("foreign"), digit="1"))
    assert house.done == []


async def test_what_came_of_a_command_reaches_the_session(house: House) -> None:
    house.outcome = Refused(reason="no")
    await house.tell(arrived())
    assert house.kinds() == ["Play", "Remember", "Play"]  # the refused welcome is skipped


async def test_a_command_whose_outcome_is_an_error_counts_as_unknown(house: House) -> None:
    house.outcome = OutcomeUnknown()
    await house.tell(arrived())
    assert house.kinds() == ["Play"]
    assert len(house.tasks) == 0


async def test_deadlines_of_many_calls_are_met_in_order(house: House) -> None:
    await house.tell(arrived("call-1"))
    house.clock.advance(1.0)
    await house.tell(arrived("call-2"))
    assert house.service.next_deadline() == NOW + 5.0
    await house.pass_time(4.0)
    assert [c.call_id for c in house.done if isinstance(c, Remember)] == ["call-1"]
    assert house.service.next_deadline() == NOW + 6.0


async def test_the_deadline_of_an_ended_call_wakes_nobody(house: House) -> None:
    await house.tell(arrived(), ends("call-1"))
    assert house.service.next_deadline() is None


async def test_after_a_stop_of_the_process_it_is_heard_first_what_happened_meanwhile(house: House) -> None:
    await house.tell(arrived())
    house.done.clear()
    house.clock.advance(60.0)  # the process was stopped: all its deadlines are long over
    await house.service.wake(house.clock.now())
    await house.tell(CallFellBack(at=house.clock.now(), call_id=CallId("call-1"), reason="lease_expired"))
    await house.pass_time(60.0)
    assert house.done == []


async def test_after_a_stop_of_the_process_a_call_that_is_still_there_goes_on(house: House) -> None:
    await house.tell(arrived())
    house.done.clear()
    house.clock.advance(60.0)
    await house.service.wake(house.clock.now())
    assert house.done == []
    await house.pass_time(CATCH_UP_S)
    assert house.kinds() == ["Remember", "Play"]


async def test_a_silent_caller_ends_up_with_music_in_the_queue(house: House) -> None:
    await house.tell(arrived())
    for _ in range(12):
        await house.pass_time(7.5)
    assert isinstance(house.done[-1], StartMusic)
    assert house.service.next_deadline() is None


async def test_calls_that_a_snapshot_does_not_show_are_dropped(house: House) -> None:
    await house.tell(arrived("call-1"), arrived("call-2"))
    await house.tell(SnapshotTaken(at=NOW, node=NODE, living=(CallId("call-2"),)))
    assert len(house.service) == 1
    await house.tell(SnapshotTaken(at=NOW, node=NodeId("another"), living=()))
    assert len(house.service) == 1


async def test_only_callers_in_the_flow_count_as_active(house: House) -> None:
    await house.tell(arrived("call-1"), arrived("call-2"))
    house.tally.refresh()
    assert house.tally.levels["ivr_active", ()] == 2
    for _ in range(12):
        await house.pass_time(7.5)
    house.tally.refresh()
    assert house.tally.levels["ivr_active", ()] == 0


async def test_a_session_that_fails_is_released_and_the_others_go_on() -> None:
    good = flow()
    menu = good.steps["menu"]
    assert isinstance(menu, MenuStep)
    broken = Flow(
        name="broken",
        version="0" * 12,
        languages=("en",),
        language="en",
        start="welcome",
        steps={"welcome": good.steps["welcome"]},
    )
    house = House(flows={"4000": good, "4001": broken})
    await house.tell(arrived("call-1"), arrived("call-2", number="4001"))
    play = next(c for c in house.done if isinstance(c, Play) and c.call_id == "call-2")
    await house.tell(PlayEnded(at=NOW, call_id=CallId("call-2"), play_id=play.play_id, result="finished"))
    assert house.done[-1] == Release(node=NODE, call_id=CallId("call-2"), reason="ivr_failed")
    assert len(house.service) == 1
    assert house.tally.counts["service_errors", (("service", "ivr"),)] == 1


async def test_the_loop_feeds_the_service_until_its_inbox_ends(house: House) -> None:
    loop = house.tasks.spawn(serve(house.service, house.inbox, house.clock, house.tally), name="ivr")
    house.bus.publish(arrived())
    async with asyncio.timeout(5):
        house.inbox.close()
        await loop
    assert house.kinds() == ["Play"]
