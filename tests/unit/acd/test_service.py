"""The door: publishes, remembers, sends, and feeds outcomes back."""

import asyncio
from typing import Any

import msgspec
import pytest

from acd.api.agents import NewAgent, NewState
from acd.api.routes import WaitingQuery, routes
from acd.core.offers.book import Offer
from acd.core.requests import AgentRequest
from acd.service import AcdService
from hotline import commands as c
from hotline import facts as f
from hotline.bus.memory import MemoryBus
from hotline.errors import Misuse, Rejected
from hotline.ids import NodeId
from hotline.runtime.clock import ManualClock
from hotline.runtime.service import serve
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Seats, Settings
from hotline.settings.queues import Queue
from hotline.tally import Tally
from hotline.web.routes import Request
from tests.support.routers import Explanations, Notebook


def standard() -> Settings:
    """Return settings with two seats and a queue."""
    return Settings(seats=Seats(first=1001, count=2), queues=(Queue(id="q", wrap_up_s=5, max_waiting=1),))


class House:
    """A service with a memory bus and a node that writes down what happens in which order."""

    def __init__(
        self, notebook: Notebook | None = None, start: float = 1_000.0, settings: Settings | None = None
    ) -> None:
        self.settings = settings or standard()
        self.clock, self.tally, self.tasks = ManualClock(start), Tally(), TaskGroup("test")
        self.log: list[object] = []
        self.notebook = notebook or Notebook()
        self.journal = Explanations()
        self.outcome: c.Outcome = c.Done()
        self.bus = MemoryBus(self.tally, keep=self.log.extend)
        self.bus.serve(NodeId("node1"), self.perform)
        self.acd = AcdService(self.settings, self.bus, self.clock, self.tally, self.tasks, self.notebook)
        self.inbox = self.bus.subscribe("acd", *self.acd.kinds)
        self.acd.attach(self.inbox)
        self.loop = self.tasks.spawn(serve(self.acd, self.inbox, self.clock, self.tally), name="acd")
        self.begun = list(self.log)
        self.log.clear()

    async def perform(self, command: c.Command) -> c.Outcome:
        self.log.append((command, len(self.notebook.recall("acd/offer/"))))
        return self.outcome

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def queued(self, call: str = "A", **more: Any) -> None:
        now = self.clock.now()
        self.bus.publish(f.CallQueued(at=now, call_id=call, queue_id="q", entered_at=now, **more))  # type: ignore[arg-type]
        await self.settle()

    def ask(self, agent: str, ask: str) -> None:
        self.acd.ask(AgentRequest(at=self.clock.now(), agent_id=agent, ask=ask))  # type: ignore[arg-type]

    async def api(self, method: str, path: str, *, query: object = None, body: object = None, **parts: str) -> object:
        route = next(r for r in routes(self.acd, self.journal) if (r.method, r.path) == (method, path))
        return await route.handler(Request(path=parts, query=query, body=body, by="boss"))


@pytest.fixture
async def house():
    made = House()
    yield made
    await made.tasks.close()


async def test_the_offer_is_published_and_remembered_before_the_ring_is_sent(house):
    house.ask("1001", "ready")
    house.log.clear()
    await house.queued()
    kinds = [type(entry[0] if isinstance(entry, tuple) else entry).__name__ for entry in house.log]
    assert kinds == ["CallQueued", "OfferMade", "OfferExplained", "AgentStateChanged", "Ring"]
    assert house.log[-1][1] == 1  # the offer was in the notebook when the ring was sent


async def test_an_offer_is_remembered_as_it_stands_until_it_ends(house):
    house.ask("1001", "ready")
    await house.queued()
    offer_id = house.acd.router.why("A")[0].offer_id
    told = {"at": house.clock.now(), "call_id": "A", "offer_id": offer_id}
    phases = []
    for fact in (f.OfferRang(**told), f.OfferAccepted(**told), f.TalkEnded(**told)):
        house.bus.publish(fact)
        await house.settle()
        phases += [
            msgspec.msgpack.decode(kept, type=Offer).phase for kept in house.notebook.recall("acd/offer/").values()
        ]
    assert phases == ["ringing", "talking"]
    assert house.notebook.recall("acd/offer/") == {}


async def test_the_latency_of_an_offer_is_observed(house):
    await house.queued()
    house.clock.advance(3)
    house.ask("1001", "ready")
    assert dict(house.tally.observations) == {("offer_latency_seconds", ()): [0.0]}


async def test_a_refused_ring_comes_back_to_the_router(house):
    house.outcome = c.Refused(reason="link_down")
    house.ask("1001", "ready")
    await house.queued()
    failed = [e for e in house.log if isinstance(e, f.OfferFailed)]
    assert [(e.call_id, e.reason) for e in failed] == [("A", "link_down")]


async def test_the_loop_wakes_the_router():
    house = House()
    house.ask("1001", "ready")
    await house.queued()
    house.clock.advance(16.1)
    house.bus.publish(f.CallArrived(at=0.0, call_id="x", node="node1", leg="l", number="4"))
    await asyncio.wait_for(_until(lambda: any(isinstance(e, f.OfferUnknown) for e in house.log)), 5)
    await house.tasks.close()


async def _until(condition) -> None:
    while not condition():
        await asyncio.sleep(0.01)


async def test_agents_keep_their_state_through_a_death(house):
    house.ask("1001", "ready")
    house.ask("1002", "log_in")
    heir = House(house.notebook, start=1_010.0)
    assert [a.state for a in heir.acd.router.floor.agents] == ["ready", "break"]
    await heir.queued()
    assert any(isinstance(e, tuple) and e[0].agent_id == "1001" for e in heir.log)
    await heir.tasks.close()


async def test_a_new_life_never_uses_an_offer_id_again(house):
    assert House(house.notebook, start=1_000.5).acd.router.floor.epoch != house.acd.router.floor.epoch


async def test_a_memory_that_cannot_be_read_is_dropped():
    notebook = Notebook()
    notebook.remember("acd/agent/1001", b"\xc1rubbish")
    house = House(notebook)
    assert [a.state for a in house.acd.router.floor.agents] == ["offline", "offline"]
    await house.tasks.close()


async def test_configured_agents_are_told_once_and_not_in_every_life(house):
    heir = House(house.notebook)
    assert [(type(fact).__name__, fact.agent_id) for fact in house.begun] == [
        ("AgentAdded", "1001"),
        ("AgentAdded", "1002"),
    ]
    assert heir.begun == []
    await heir.tasks.close()


async def test_an_error_for_one_call_sends_it_to_the_fallback_queue_and_spares_the_others(house, monkeypatch):
    await house.queued("A")

    def explode(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("acd.core.offers.offering._made", explode)
    house.ask("1001", "ready")
    monkeypatch.undo()
    await house.settle()
    commands = [e[0] for e in house.log if isinstance(e, tuple)]
    assert [(type(x).__name__, x.call_id) for x in commands] == [("Release", "A")]
    assert [e.reason for e in house.log if isinstance(e, f.CallFlowedOut)] == ["lost"]
    assert house.tally.counts["service_errors", (("service", "acd"),)] == 1
    await house.queued("B")
    assert any(isinstance(e, f.OfferMade) and e.call_id == "B" for e in house.log)


async def test_a_full_line_is_counted_as_a_limit(house):
    await house.queued("A")
    await house.queued("B")
    assert house.tally.counts["limits_reached", (("limit", "queue_waiting"),)] == 1


async def test_the_levels_of_line_and_agents_are_told(house):
    house.ask("1001", "ready")
    house.ask("1002", "log_in")
    house.ask("1001", "not_ready")
    await house.queued()
    house.clock.advance(7)
    house.tally.refresh()
    levels = house.tally.levels
    assert levels["queue_waiting", (("queue", "q"),)] == 1
    assert levels["queue_longest_wait_seconds", (("queue", "q"),)] == 7
    assert levels["agents", (("queue", "q"), ("state", "break"))] == 2
    assert levels["agents", (("queue", "q"), ("state", "ready"))] == 0
    assert levels["router_active", ()] == 1


# --- the API ---


async def test_agents_can_be_listed_and_shown(house):
    listed = await house.api("GET", "/api/v1/agents")
    assert [(a.id, a.state, a.queues) for a in listed] == [("1001", "offline", ("q",)), ("1002", "offline", ("q",))]
    assert (await house.api("GET", "/api/v1/agents/{id}", id="1002")).extension == "1002"


async def test_a_state_can_be_set_and_says_by_whom(house):
    view = await house.api("PUT", "/api/v1/agents/{id}/state", id="1001", body=NewState(state="ready"))
    assert view.state == "ready"
    assert house.log[-1].by == "boss"
    view = await house.api("PUT", "/api/v1/agents/{id}/state", id="1001", body=NewState(state="break", reason="lunch"))
    assert (view.state, view.reason) == ("break", "lunch")


@pytest.mark.parametrize(
    ("agent", "state", "reason", "refusal"),
    [
        ("1009", "ready", "", "not_found"),
        ("1001", "break", "", "conflict"),
        ("1001", "end_wrap_up", "", "conflict"),
        ("1002", "break", "golf", "unknown_reason"),
    ],
)
async def test_an_impossible_state_is_rejected(house, agent, state, reason, refusal):
    with pytest.raises(Rejected) as caught:
        await house.api("PUT", "/api/v1/agents/{id}/state", id=agent, body=NewState(state=state, reason=reason))
    assert caught.value.reason == refusal


async def test_an_agent_can_be_moved_to_a_free_seat_and_stays_there_after_a_death(house):
    await house.api(
        "POST", "/api/v1/agents", body=NewAgent(id="1002", name="Mei <b>", extension="1002", skills={"english": 7})
    )
    heir = House(house.notebook)
    view = await heir.api("GET", "/api/v1/agents/{id}", id="1002")
    assert (view.name, view.skills) == ("Mei b", {"english": 7})
    await heir.tasks.close()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (NewAgent(id="x", extension="1001"), Rejected),
        (NewAgent(id="x", extension="2001"), Misuse),
        (NewAgent(id="a b", extension="1001"), Misuse),
        (NewAgent(id="1001", extension="1001", skills={"card": 11}), Misuse),
        (NewAgent(id="1001", extension="1001", queues=("nowhere",)), Rejected),
    ],
)
async def test_an_impossible_agent_is_refused(house, body, error):
    with pytest.raises(error):
        await house.api("POST", "/api/v1/agents", body=body)


async def test_queues_and_lines_can_be_seen(house):
    await house.queued()
    [queue] = await house.api("GET", "/api/v1/queues")
    assert (queue.id, queue.waiting) == ("q", 1)
    [waiting] = await house.api("GET", "/api/v1/queues/{id}/waiting", id="q", query=WaitingQuery())
    assert (waiting.call_id, waiting.why_nobody[0].code) == ("A", "not_logged_in")


@pytest.mark.parametrize("path", ["/api/v1/agents/{id}", "/api/v1/queues/{id}/waiting", "/api/v1/calls-why/{id}"])
async def test_what_does_not_exist_is_not_found(house, path):
    with pytest.raises(Rejected) as caught:
        await house.api("GET", path, id="nothing", query=WaitingQuery())
    assert caught.value.reason == "not_found"


async def test_a_decision_can_be_asked_for(house):
    house.ask("1001", "ready")
    await house.queued()
    view = await house.api("GET", "/api/v1/calls-why/{id}", id="A")
    assert view.decisions[0].sentence.startswith("Agent 1001 was offered the caller")


async def test_a_decision_can_be_asked_for_when_the_router_that_made_it_is_gone(house):
    house.ask("1001", "ready")
    await house.queued()
    explained = [entry for entry in house.log if isinstance(entry, f.OfferExplained)]
    first = await house.api("GET", "/api/v1/calls-why/{id}", id="A")
    later = House()
    later.journal = Explanations(*explained)
    assert await later.api("GET", "/api/v1/calls-why/{id}", id="A") == msgspec.structs.replace(first, waiting=None)
    await later.tasks.close()


async def test_a_decision_is_told_once_and_without_a_database_from_memory(house):
    house.ask("1001", "ready")
    await house.queued()
    for journal in (Explanations(*(e for e in house.log if isinstance(e, f.OfferExplained))), Explanations(down=True)):
        house.journal = journal
        view = await house.api("GET", "/api/v1/calls-why/{id}", id="A")
        assert len(view.decisions) == 1
