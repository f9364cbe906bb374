"""Rosters over a real PostgreSQL: drafts, publications, swaps, requests, adherence, each through the API's handlers."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from forecast.rosters.api import ADHERENCE, PATH, REQUESTS, roster_routes
from forecast.rosters.model import Duty, Need, Plan
from forecast.rosters.service import RosterService
from forecast.rosters.store import RosterStore
from forecast.rosters.views import AskedChange, DayQuery, Decision, NewRoster, Publish, RequestQuery, RosterQuery
from hotline.errors import Misuse, Rejected
from hotline.facts import AgentState, AgentStateChanged, Record, RosterPublished, ShiftSwapped
from hotline.ids import AgentId
from hotline.runtime.clock import ManualClock
from hotline.store.pool import Store
from hotline.tally import Tally
from hotline.web.routes import Request
from metrics.exporter import undefined
from tests.unit.forecast.rosters.making import day, duty, flat, person, plan

pytestmark = pytest.mark.real

MORNING = datetime(2026, 11, 23, 7, tzinfo=UTC).timestamp()
HOUR = 3_600.0
A, B = person("王芳", id="1001"), person("李伟", id="1002", earliest_min=9 * 60)
PLAN = plan(A, B, zone="UTC", needs=(Need(agents=flat(1, 8, 17)),))
DUTIES = (duty("1001", 0, "E", 180), duty("1002", 0, "L", 240), duty("1001", 2, "E", 200))


class Desk:
    """The API with everything behind it."""

    def __init__(self, store: Store) -> None:
        self.clock, self.tally, self.told = ManualClock(MORNING), Tally(), list[Record]()
        self.rosters = RosterStore(store)
        self.service = RosterService(self.rosters, self.tally, ZoneInfo("UTC"), MORNING)
        routes = roster_routes(self.rosters, self.service, self.clock, self.told.append)
        self._handlers = {(r.method, r.path): r.handler for r in routes}

    async def ask(self, method: str, path: str, number: str = "", *, body: Any = None, query: Any = None) -> Any:
        request = Request(path={"id": number}, body=body, query=query, by="chief")
        return await self._handlers[method, path](request)

    async def add(self, duties: tuple[Duty, ...] = DUTIES, made: Plan = PLAN) -> str:
        body = NewRoster(plan=made, duties=duties)
        over_the_wire = msgspec.json.decode(msgspec.json.encode(body), type=NewRoster)
        assert over_the_wire == body
        kept = await self.ask("POST", PATH, body=over_the_wire)
        return str(kept.roster_id)

    async def publish(self, number: str, *, despite: bool = False) -> Any:
        return await self.ask("POST", PATH + "/{id}/publish", number, body=Publish(despite=despite))

    async def heard(self, state: AgentState, who: str, at: float) -> None:
        fact = AgentStateChanged(at=at, agent_id=AgentId(who), state=state, previous="offline")
        await self.service.handle(fact, at)

    async def wake(self, at: float) -> None:
        self.clock.advance(at - self.clock.now())
        for fact in self.told:
            if isinstance(fact, RosterPublished | ShiftSwapped):
                await self.service.handle(fact, at)
        await self.service.wake(at)


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


async def test_a_draft_is_kept_as_it_was_and_counts_when_it_is_published(desk: Desk) -> None:
    number = await desk.add()
    seen = await desk.ask("GET", PATH + "/{id}", number)
    assert (seen.plan, set(seen.duties), seen.status, seen.violations) == (PLAN, set(DUTIES), "draft", [])
    assert (await desk.publish(number)).version == 1
    heads = (await desk.ask("GET", PATH, query=RosterQuery())).items
    assert [(h.roster_id, h.status, h.shifts, h.changed_by) for h in heads] == [(number, "published", 3, "chief")]
    assert desk.told == [
        RosterPublished(
            at=MORNING, roster_id=number, edition=1, first="2026-11-23", days=7, people=2, shifts=3, by="chief"
        )
    ]


async def test_a_week_has_one_published_roster(desk: Desk) -> None:
    first, second = await desk.add(), await desk.add()
    await desk.publish(first)
    await desk.publish(second)
    heads = (await desk.ask("GET", PATH, query=RosterQuery(since=day(0), until=day(0)))).items
    assert {h.roster_id: h.status for h in heads} == {first: "replaced", second: "published"}
    with pytest.raises(Rejected, match="no draft"):
        await desk.publish(second)
    with pytest.raises(Rejected) as caught:
        await desk.publish("nowhere")
    assert caught.value.reason == "not_found"


async def test_a_roster_that_breaks_rules_is_published_only_when_somebody_insists(desk: Desk) -> None:
    number = await desk.add((duty("1002", 0, "E", 180),))
    with pytest.raises(Rejected, match="begins at 08:00"):
        await desk.publish(number)
    assert (await desk.publish(number, despite=True)).violations
    with pytest.raises(Misuse):
        await desk.add((duty("9", 0, "E"),))


async def test_a_swap_is_made_when_the_rules_allow_it_and_told(desk: Desk) -> None:
    number = await desk.add()
    change = AskedChange(kind="swap", person="1001", day=day(0), other="1002")
    refused = await desk.ask("POST", PATH + "/{id}/swap", number, body=change)
    assert (refused.allowed, refused.version) == (False, 1)
    assert "before 09:00" in refused.reasons[0]
    give = AskedChange(kind="give", person="1002", day=day(0), other="1001", dry_run=True)
    assert not (await desk.ask("POST", PATH + "/{id}/swap", number, body=give)).allowed
    off = AskedChange(kind="off", person="1001", day=day(2))
    done = await desk.ask("POST", PATH + "/{id}/swap", number, body=off)
    assert (done.allowed, done.version, done.short_hours) == (True, 2, pytest.approx(8.0))
    assert set((await desk.ask("GET", PATH + "/{id}", number)).duties) == set(DUTIES[:2])
    assert desk.told == [
        ShiftSwapped(at=MORNING, roster_id=number, edition=2, kind="off", person="1001", day="2026-11-25", by="chief")
    ]


async def test_two_changes_at_once_do_not_overwrite_each_other(desk: Desk) -> None:
    number = await desk.add()
    kept = await desk.rosters.get(number)
    assert await desk.rosters.change(kept, kept.duties[:1], by="a") == 2
    with pytest.raises(Rejected, match="meanwhile"):
        await desk.rosters.change(kept, kept.duties[:2], by="b")
    assert len((await desk.rosters.get(number)).duties) == 1


async def test_a_request_waits_for_a_decision_and_is_judged_again_then(desk: Desk) -> None:
    number = await desk.add()
    off = AskedChange(kind="off", person="1001", day=day(2))
    asked = [await desk.ask("POST", PATH + "/{id}/requests", number, body=off) for _ in range(3)]
    assert [a.allowed for a in asked] == [True, True, True]
    first, second, third = (a.request_id for a in asked)
    yes, no = Decision(accept=True), Decision(accept=False, reason="too few people")
    assert (await desk.ask("POST", REQUESTS + "/{id}", first, body=yes)).version == 2
    assert (await desk.ask("POST", REQUESTS + "/{id}", second, body=no)).allowed is False
    again = await desk.ask("POST", REQUESTS + "/{id}", third, body=yes)
    assert (again.allowed, again.reasons) == (False, ("王芳 has no shift on 2026-11-25",))
    with pytest.raises(Rejected, match="decided already"):
        await desk.ask("POST", REQUESTS + "/{id}", second, body=no)
    found = (await desk.ask("GET", REQUESTS, query=RequestQuery(roster=number))).items
    assert {r.request_id: (r.status, r.decided_by) for r in found} == {
        first: ("accepted", "chief"), second: ("refused", "chief"), third: ("open", ""),
    }  # fmt: skip


async def test_adherence_follows_states_and_rosters(desk: Desk) -> None:
    await desk.wake(MORNING)
    assert (await desk.ask("GET", ADHERENCE, query=DayQuery())).people == []
    await desk.publish(await desk.add())
    await desk.heard("ready", "1001", MORNING + 0.5 * HOUR)
    await desk.wake(MORNING + HOUR)
    await desk.wake(MORNING + 2 * HOUR)
    found = await desk.ask("GET", ADHERENCE, query=DayQuery())
    assert [(p.person, p.scheduled, p.actual, p.adheres, p.scheduled_min, p.kept_min) for p in found.people] == [
        ("1001", "work", "work", True, 60.0, 60.0)
    ]
    await desk.wake(MORNING + 7 * HOUR)
    found = await desk.ask("GET", ADHERENCE, query=DayQuery())
    assert {p.person: p.adheres for p in found.people} == {"1001": True, "1002": False}
    assert desk.tally.levels["staff_scheduled", ()] == 2
    assert desk.tally.levels["staff_astray", ()] == 1
    assert desk.tally.levels["adherence_ratio", ()] == pytest.approx(found.adherence)
    assert undefined(desk.tally) == []


async def test_a_new_process_takes_up_what_was_told_before_it(desk: Desk, store: Store) -> None:
    await desk.publish(await desk.add())
    told = [("1001", "ready", MORNING + HOUR), ("1001", "offline", MORNING + 2 * HOUR)]
    for who, state, at in told:
        await store.execute(
            "INSERT INTO agent_state (fact_id, agent_id, state, previous, reason, changed_by, began_at) "
            "VALUES ($1, $2, $3, 'offline', '', 'seat', $4)",
            f"{state}-1", who, state, datetime.fromtimestamp(at, UTC),
        )  # fmt: skip
    later = Desk(store)
    await later.wake(MORNING + 3 * HOUR)
    kept = later.service.sums(date(2026, 11, 23), MORNING + 3 * HOUR)["1001"]
    assert (kept.scheduled_s / 60, kept.kept_s / 60) == (120.0, 60.0)


async def test_a_database_that_is_away_is_asked_again(desk: Desk, store: Store) -> None:
    await store.close()
    await desk.wake(MORNING)
    assert desk.service.next_deadline() == MORNING + 10.0


def month(*duties: Duty) -> tuple[Plan, tuple[Duty, ...]]:
    made = plan(A, B, zone="UTC", days=28, needs=(Need(agents=flat(1, 8, 17, days=28)),))
    return made, duties


async def test_a_roster_of_four_weeks_is_kept_published_and_changed_over_the_border_of_weeks(desk: Desk) -> None:
    made, duties = month(duty("1001", 6, "L", 180), duty("1002", 7, "L", 240), duty("1001", 20, "E", 200))
    number = await desk.add(duties, made)
    assert not (await desk.publish(number)).violations
    assert desk.told[-1].days == 28  # type: ignore[attr-defined]
    late = AskedChange(kind="shift", person="1001", day=day(7), shift="E")
    refused = await desk.ask("POST", PATH + "/{id}/swap", number, body=late)
    assert refused.reasons == (f"王芳 has 10 h of rest before E on {day(7)}; 11 h are the least",)
    swap = AskedChange(kind="swap", person="1001", day=day(20), other="1002", other_day=day(7))
    assert not (await desk.ask("POST", PATH + "/{id}/swap", number, body=swap)).allowed
    give = AskedChange(kind="give", person="1002", day=day(7), other="1001")
    assert (await desk.ask("POST", PATH + "/{id}/swap", number, body=give)).version == 2
    assert {(d.person, d.day) for d in (await desk.ask("GET", PATH + "/{id}", number)).duties} == {
        ("1001", day(6)), ("1001", day(7)), ("1001", day(20)),
    }  # fmt: skip


async def test_for_each_day_the_roster_that_was_published_last_counts(desk: Desk) -> None:
    made, duties = month(duty("1001", 0, "E", 180), duty("1001", 8, "E", 180))
    four = await desk.add(duties, made)
    await desk.publish(four)
    week = await desk.add((duty("1002", 2, "L", 240),))
    await desk.publish(week)
    heads = (await desk.ask("GET", PATH, query=RosterQuery())).items
    assert {h.roster_id: (h.status, h.days) for h in heads} == {four: ("published", 28), week: ("published", 7)}
    spans = await desk.rosters.spans(day(0), day(10))
    assert {(who, span.day) for who, own in spans.items() for span in own} == {("1002", day(2)), ("1001", day(8))}
    off = AskedChange(kind="off", person="1001", day=day(0))
    with pytest.raises(Rejected, match=f"is in roster {week} now"):
        await desk.ask("POST", PATH + "/{id}/swap", four, body=off)
    with pytest.raises(Rejected, match=f"is in roster {week} now"):
        await desk.ask("POST", PATH + "/{id}/requests", four, body=off)
    later = AskedChange(kind="off", person="1001", day=day(8))
    assert (await desk.ask("POST", PATH + "/{id}/swap", four, body=later)).allowed
    again = await desk.add(duties, made)
    await desk.publish(again)
    heads = (await desk.ask("GET", PATH, query=RosterQuery())).items
    assert {h.roster_id: h.status for h in heads} == {four: "replaced", week: "replaced", again: "published"}
