"""Queues that share agents, in the forecaster: counted together, by which method, and a shared agent once."""

from dataclasses import replace
from typing import Any

import pytest

from forecast.books.tables import Need
from forecast.duties.pooled import Points
from forecast.duties.standing import Standing
from forecast.processes.pool import Pool
from hotline.facts import AgentAdded, ModelFellBack, StaffingGapOpened, StaffingUpdated
from hotline.ids import AgentId, Extension
from hotline.settings import Settings
from hotline.tally import Tally
from hotline.wiring.sharing import measure_sharing
from tests.support.wait import eventually
from tests.unit.forecast.house import CARDS, QUEUE, ZONE, House, at, history, stalled

HALF: Points = ((1.0, 0.5), (100.0, 0.5))


def settings(*agents: dict[str, Any], skills: tuple[str, ...] = (), **forecast: Any) -> Settings:
    """Two queues; by default everybody serves both."""
    who = agents or tuple({"id": str(n), "extension": str(n)} for n in range(1001, 1021))
    return Settings(  # type: ignore[call-arg] # the settings read themselves
        queues=[{"id": "service", "opening": "desk"}, {"id": "cards", "opening": "desk", "skills": skills}],
        hours={"desk": {"timezone": ZONE, "weekly": {"mon-sun": ["08:00-14:00"]}}},
        agents=who,
        forecast={
            "country": "", "slot_min": 60, "models": ["weekday-mean"], "gap_intervals": 1, "choose_weekday": "tue", **forecast,
        },
    )  # fmt: skip


def sharing(points: Points = HALF, said: Settings | None = None) -> House:
    house = House(said or settings(), slots=history())
    house.points = points
    return house


def one(house: House, queue: str = QUEUE) -> Standing:
    return house.service.standings[queue]


def need(house: House, clock: str, queue: str = QUEUE) -> Need:
    return one(house, queue).needs[at(clock)]


async def test_what_the_simulation_measured_decides_how_much_is_saved() -> None:
    needs = {}
    for pooling in (0.0, 0.5, 1.0):
        async with sharing(((10.0, pooling),)) as house:
            await house.settled()
            mine, theirs = need(house, "10:00"), need(house, "10:00", CARDS)
            assert (mine.method, mine.shares_with, mine.pooling) == ("pooled", (CARDS,), pooling)
            assert mine.together == theirs.together == mine.required + theirs.required
            needs[pooling] = mine.together
            alone = sum(one(house, queue).alone[at("10:00")].required for queue in (QUEUE, CARDS))
            assert house.tables.needs[QUEUE, at("10:00")] == mine
    assert alone == needs[0.0] > needs[0.5] > needs[1.0]


async def test_it_is_measured_once_for_a_group_and_kept() -> None:
    async with sharing() as house:
        await house.settled()
        (task,) = house.measured
        assert [member.subject.queue_id for member in task.members] == [QUEUE, CARDS]
        assert [(kind.queues, kind.people) for kind in task.kinds] == [((QUEUE, CARDS), 20)]
        assert task.between_queues == "strict_priority"
        kept = house.tables.pooled[QUEUE, CARDS]
        assert kept.points == HALF
        fresh = House(settings(), slots=history(), tables=house.tables)
    async with fresh:
        await fresh.settled()
        assert not fresh.measured
        assert need(fresh, "10:00").method == "pooled"


async def test_until_it_was_measured_each_counts_by_itself_and_says_so() -> None:
    house = sharing()
    house.runner.breaks["measure"] = [stalled()]
    async with house:
        await house.settled()
        found = need(house, "10:00")
        assert (found.method, found.shares_with, found.pooling) == ("erlang", (CARDS,), None)
        assert found.required == one(house).alone[at("10:00")].required
        assert found.together == sum(need(house, "10:00", queue).required for queue in (QUEUE, CARDS))
        told = house.told(ModelFellBack, model="pooling")
        assert {(f.queue_id, f.used, f.reason) for f in told} == {
            (QUEUE, "erlang", "timeout"),
            (CARDS, "erlang", "timeout"),
        }
        house.service.order(QUEUE, choose=False)
        await house.settled()
        assert need(house, "10:00").method == "pooled"


async def test_counting_that_fails_leaves_each_by_itself() -> None:
    async with sharing() as house:
        await house.settled()
        house.quick.breaks["pool"] = [stalled()]
        await house.go_to("08:01")
        assert need(house, "10:00").method == "erlang"
        assert house.told(ModelFellBack, model="pooling", horizon="today")
        await house.go_to("09:01")
        assert need(house, "10:00").method == "pooled"


async def test_the_fact_says_by_which_method_and_what_all_of_them_need() -> None:
    async with sharing() as house:
        await house.settled()
        await house.go_to("09:01")
        (mine,) = house.told(StaffingUpdated, queue_id=QUEUE, at=at("09:00") + 0.5)
        (theirs,) = house.told(StaffingUpdated, queue_id=CARDS, at=at("09:00") + 0.5)
        assert (mine.method, mine.shares_with) == ("pooled", (CARDS,))
        assert mine.required is not None
        assert theirs.required is not None
        assert mine.together == theirs.together == mine.required + theirs.required
        key = (("queue", QUEUE),)
        assert house.tally.levels["staff_pooling_ratio", key] == 0.5
        assert house.tally.levels["staff_required", key] == mine.required


async def test_queues_with_people_of_their_own_are_erlang_as_ever() -> None:
    agents = [{"id": str(n), "extension": str(n), "queues": [QUEUE if n < 1011 else CARDS]} for n in range(1001, 1021)]
    async with sharing(said=settings(*agents)) as house:
        await house.settled()
        found = need(house, "10:00")
        assert (found.method, found.shares_with, found.together) == ("erlang", (), None)
        assert found.required == one(house).alone[at("10:00")].required
        assert not house.measured


async def test_who_lacks_the_skills_of_a_queue_does_not_share() -> None:
    agents = [{"id": "1001", "extension": "1001", "skills": ["gold"]}, {"id": "1002", "extension": "1002"}]
    async with sharing(said=settings(*agents, skills=("gold",))) as house:
        await house.settled()
        assert one(house).group == (QUEUE, CARDS)
        await house.agent("1002", "ready", QUEUE, CARDS)
        assert house.service.present(CARDS) == 0
        assert house.service.present(QUEUE) == 1
        untrained = AgentAdded(at=house.clock.now(), agent_id=AgentId("1001"), name="", extension=Extension("1001"))
        await house.service.handle(untrained, house.clock.now())
        await house.go_to("08:01")
        assert one(house).group == ()
        assert need(house, "10:00").method == "erlang"


async def test_pooling_can_be_switched_off() -> None:
    async with sharing(said=settings(pooling=False)) as house:
        await house.settled()
        assert not house.measured
        assert (need(house, "10:00").method, need(house, "10:00").shares_with) == ("erlang", (CARDS,))


async def test_a_shared_agent_counts_for_one_queue() -> None:
    async with sharing() as house:
        await house.settled()
        await house.go_to("09:06")
        wanted = need(house, "09:00").together
        assert wanted is not None
        for number in range(wanted):
            await house.agent(str(1001 + number), "ready", QUEUE, CARDS)
        present = [house.service.present(queue) for queue in (QUEUE, CARDS)]
        assert present == [need(house, "09:00", queue).required for queue in (QUEUE, CARDS)]


@pytest.mark.parametrize(("missing", "alarms"), [(0, 0), (6, 1)])
async def test_the_alarm_counts_a_shared_agent_once(missing: int, alarms: int) -> None:
    async with sharing() as house:
        await house.settled()
        await house.go_to("08:01")
        peak = max(n.together or 0 for n in one(house).needs.values())
        for number in range(peak - missing):
            await house.agent(str(1001 + number), "ready", QUEUE, CARDS)
        await house.go_to("08:31")
        short = house.told(StaffingGapOpened, kind="short")
        assert bool(short) == bool(alarms)
        assert sum(one(house, queue).present[-1] for queue in (QUEUE, CARDS)) == peak - missing


async def test_rosters_count_each_person_once_too() -> None:
    async with sharing() as house:
        house.rosters.work = {str(n): (at("08:00"), at("14:00")) for n in range(1001, 1013)}
        await house.settled()
        await eventually(lambda: one(house).scheduled)
        assert sum(one(house, queue).scheduled[at("10:00")] for queue in (QUEUE, CARDS)) == 12


async def test_it_is_measured_anew_every_night() -> None:
    from datetime import timedelta

    from tests.unit.forecast.house import TODAY

    async with sharing() as house:
        await house.settled()
        await house.go_to("02:01", TODAY + timedelta(days=1))
        await eventually(lambda: len(house.measured) == 2)
        assert house.tables.pooled[QUEUE, CARDS].measured_at > at("23:00")


async def test_the_routers_simulation_measures_it_in_a_process_of_its_own() -> None:
    everybody_but_two = [
        {"id": str(n), "extension": str(n), "queues": {1001: [QUEUE], 1002: [CARDS]}.get(n, [QUEUE, CARDS])}
        for n in range(1001, 1021)
    ]
    async with sharing(said=settings(*everybody_but_two)) as house:
        await house.settled()
        (task,) = house.measured
    members = tuple(replace(member, alone=member.alone[:1]) for member in task.members)
    pool = Pool(Tally(), workers=1)
    try:
        points = await pool.run(measure_sharing, replace(task, members=members), 300, limit_s=120)
    finally:
        await pool.close()
    assert [-1 <= pooling <= 1 for _, pooling in points] == [True]
