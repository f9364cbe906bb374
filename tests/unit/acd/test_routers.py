"""Several routers, one office: who decides, what the others keep, and what a takeover finds. Time is set by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from acd.api.routes import WaitingQuery, routes
from acd.core.requests import AgentRequest
from acd.office.term import EndSession, Hold, Look, Question, Take
from acd.service import RING_LIFE_S, AcdService
from hotline import facts as f
from hotline.bus.memory import MemoryBus
from hotline.commands import Ring
from hotline.errors import StandingBy, Unavailable
from hotline.ids import AgentId, CallbackId, CallId, NodeId, QueueId
from hotline.runtime.clock import ManualClock
from hotline.runtime.service import Service
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Acd, Asterisk, Outbound, Seats, Settings
from hotline.settings.queues import Queue
from hotline.store.standing import Standing
from hotline.tally import Tally
from hotline.web.routes import Request
from tests.properties.office_world import Database
from tests.support.routers import Explanations, Node, Notebook, Port

TICK_S = 1 / 16
"""A power of two, so that times add up exactly."""
SETTINGS = Settings(
    seats=Seats(first=1001, count=3),
    queues=(Queue(id="q", wrap_up_s=5, rest_after_no_answer_s=3),),
    acd=Acd(beat_s=0.5, silent_s=1.5),
    outbound=Outbound(trunk="192.0.2.1:5060", allow=("1",), at_once=1),
    asterisk=Asterisk(node="node9"),  # not a node of any call: a guess would be wrong
)


class Desk:
    """One process's way to the office of the model database."""

    def __init__(self, database: Database, router: str) -> None:
        self._database = database
        self._router = router
        self._session = 0

    async def _ask(self, question: Question) -> Standing:
        await asyncio.sleep(0)
        if self._database.state != "up":
            self.let_go()
            raise Unavailable
        if self._session not in self._database.living:
            self._session = self._database.connect()
        return self._database.answer(question, self._session, self._router)

    async def look(self) -> Standing:
        return await self._ask(Look(asked_at=0.0))

    async def take(self, above: int = 0) -> Standing:
        return await self._ask(Take(asked_at=0.0, above=above))

    async def hold(self, epoch: int) -> Standing:
        return await self._ask(Hold(asked_at=0.0, epoch=epoch))

    async def end_session(self, server_process: int) -> Standing:
        return await self._ask(EndSession(asked_at=0.0, session=server_process))

    def let_go(self) -> None:
        self._database.cut(self._session)
        self._session = 0


class Loop:
    """A service loop that takes one thing at a time, when it is told to."""

    def __init__(self, service: Service, inbox: object) -> None:
        self.service, self.inbox = service, inbox
        self._task: asyncio.Task[None] | None = None

    async def step(self, now: float, tasks: TaskGroup) -> bool:
        """Begin the next thing, if the last one is done; return whether there was one."""
        if self._task is not None:
            if not self._task.done():
                return False
            self._task.result()
        deadline, todo = self.service.next_deadline(), None
        if self.inbox.ready:
            todo = self.service.handle(await self.inbox.get(), now)
        elif deadline is not None and deadline <= now:
            todo = self.service.wake(now)
        self._task = tasks.spawn(todo, name="step") if todo is not None else None
        return todo is not None


class Process:
    """A process with a router."""

    def __init__(self, house: "House", name: str, memory: Notebook) -> None:
        self.name, self.memory = name, memory
        self.tally, self.tasks = Tally(), TaskGroup(name)
        self.port = Port(house.bus, house.clock)
        self.desk = Desk(house.database, name)
        self.acd = AcdService(
            SETTINGS, self.port, house.clock, self.tally, self.tasks, memory, office=self.desk, process=name
        )
        inbox = self.port.subscribe("acd", *self.acd.kinds)
        self.acd.attach(inbox)
        routers = self.port.subscribe("acd-standby", *self.acd.standby.kinds)
        self.acd.standby.attach(routers)
        self.inboxes = (inbox, routers)
        self.loops = [Loop(self.acd, inbox), Loop(self.acd.standby, routers)]
        self.frozen = False

    @property
    def state(self) -> str:
        return self.acd.standby.view().state

    def level(self, gauge: str) -> float | None:
        self.tally.refresh()
        return self.tally.levels.get((gauge, ()))

    def agents(self) -> dict[str, str]:
        return {a.id: a.state for a in self.acd.router.floor.agents}

    def line(self) -> list[str]:
        return [c.call_id for c in self.acd.router.floor.line]


class House:
    """Processes, nodes, a database and a clock."""

    def __init__(self) -> None:
        self.clock = ManualClock(1_000.0)
        self.bus = MemoryBus(Tally())
        self.database = Database()
        self.nodes = [Node("node1", self.bus, self.clock)]
        self.processes: dict[str, Process] = {}
        self.memories: dict[str, Notebook] = {}

    def node(self, name: str) -> Node:
        made = Node(name, self.bus, self.clock)
        self.nodes.append(made)
        return made

    def start(self, name: str) -> Process:
        process = Process(self, name, self.memories.setdefault(name, Notebook()))
        self.processes[name] = process
        return process

    async def kill(self, name: str) -> None:
        """Without a word; its database session ends with it."""
        process = self.processes.pop(name)
        for inbox in process.inboxes:
            inbox.close()
        await process.tasks.close()
        process.desk.let_go()

    async def settle(self) -> None:
        idle = 0
        while idle < 5:
            busy = [await node.hear() for node in self.nodes]
            for process in list(self.processes.values()):
                if not process.frozen:
                    busy += [await loop.step(self.clock.now(), process.tasks) for loop in process.loops]
            await asyncio.sleep(0)
            idle = 0 if any(busy) else idle + 1

    async def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.clock.advance(TICK_S)
            await self.settle()

    async def until(self, condition: Callable[[], bool], within_s: float = 5.0) -> float:
        """Let time pass until something holds; return how much it took."""
        began = self.clock.now()
        while not condition():
            assert self.clock.now() - began < within_s, "never"
            await self.pass_time(TICK_S)
        return self.clock.now() - began

    def ask(self, process: Process, agent: str, ask: str) -> None:
        process.acd.ask(AgentRequest(at=self.clock.now(), agent_id=AgentId(agent), ask=ask))  # type: ignore[arg-type]

    async def close(self) -> None:
        for name in list(self.processes):
            await self.kill(name)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    yield made
    await made.close()


@pytest.fixture
async def pair(house: House) -> tuple[Process, Process]:
    """Return an active router and one that stands by and has everything."""
    a = house.start("A")
    await house.settle()
    b = house.start("B")
    await house.pass_time(2.0)
    assert (a.state, b.state) == ("active", "standing_by")
    assert b.acd.standby.view().in_sync
    return a, b


# --- one decides -------------------------------------------------------------------------------------------------------


async def test_the_first_router_is_active_at_once_and_asks_the_nodes(house: House) -> None:
    a = house.start("A")
    await house.settle()
    view = a.acd.standby.view()
    assert (view.state, view.epoch, view.active, view.surveyed) == ("active", 1, "A", ("node1",))
    assert [type(x).__name__ for x in a.port.facts[:1]] == ["RouterTermBegan"]
    assert a.port.facts[0] == f.RouterTermBegan(at=house.clock.now(), router="A", epoch=1, before="", reason="free")


async def test_one_that_stands_by_decides_sends_and_tells_nothing(house: House, pair: tuple[Process, Process]) -> None:
    a, b = pair
    house.ask(a, "1001", "ready")
    house.nodes[0].arrives("X")
    await house.pass_time(3.0)
    assert house.nodes[0].rings() == [("X", "1001")]
    assert (b.port.commands, b.port.facts) == ([], [])
    assert {type(x) for x in b.port.out} == {f.RouterStandsBy}


async def test_commands_carry_the_term_and_a_ring_its_short_life(house: House, pair: tuple[Process, Process]) -> None:
    a, _ = pair
    house.ask(a, "1001", "ready")
    house.nodes[0].arrives("X")
    await house.settle()
    sent = [x for x in a.port.out if isinstance(x, tuple)]
    assert [(type(command), epoch, life) for command, epoch, life in sent] == [(Ring, 1, RING_LIFE_S)]


async def test_an_offer_s_id_is_of_its_term_and_never_used_again(house: House, pair: tuple[Process, Process]) -> None:
    a, b = pair
    epochs = [a.acd.router.floor.epoch]
    await house.kill("A")
    await house.until(lambda: b.state == "active")
    epochs.append(b.acd.router.floor.epoch)
    assert epochs[0].startswith("t1-")
    assert epochs[1].startswith("t2-")


async def test_signs_of_life_go_on_twice_a_second(house: House, pair: tuple[Process, Process]) -> None:
    a, b = pair
    a.port.out.clear()
    b.port.out.clear()
    await house.pass_time(5.0)
    assert len([x for x in a.port.out if isinstance(x, f.RouterActive)]) == 10
    assert len([x for x in b.port.out if isinstance(x, f.RouterStandsBy)]) == 10


async def test_signs_of_life_go_on_while_the_router_is_busy(house: House, pair: tuple[Process, Process]) -> None:
    a, _ = pair
    a.loops[0].step = lambda _now, _tasks: asyncio.sleep(0, result=False)  # type: ignore[method-assign]
    a.port.out.clear()
    await house.pass_time(2.0)
    assert len([x for x in a.port.out if isinstance(x, f.RouterActive)]) == 4


# --- the memory --------------------------------------------------------------------------------------------------------


async def test_what_must_be_remembered_is_told_before_the_command_that_follows_from_it(
    house: House, pair: tuple[Process, Process]
) -> None:
    a, _ = pair
    house.ask(a, "1001", "ready")
    a.port.out.clear()
    house.nodes[0].arrives("X")
    await house.settle()
    kinds = [type(x[0] if isinstance(x, tuple) else x).__name__ for x in a.port.out]
    assert kinds == ["OfferMade", "OfferExplained", "AgentStateChanged", "RouterRemembered", "Ring"]


async def test_one_that_stands_by_keeps_the_same_values(house: House, pair: tuple[Process, Process]) -> None:
    a, b = pair
    for agent, ask in (("1001", "ready"), ("1002", "log_in"), ("1001", "not_ready")):
        house.ask(a, agent, ask)
    house.nodes[0].arrives("X")
    await house.settle()
    assert b.memory.recall("acd/") == a.memory.recall("acd/")
    house.ask(a, "1001", "ready")
    await house.settle()
    assert any(key.startswith("acd/offer/") for key in b.memory.kept)
    assert b.memory.recall("acd/") == a.memory.recall("acd/")


async def test_after_a_loss_everything_is_asked_for_again(house: House, pair: tuple[Process, Process]) -> None:
    a, b = pair
    b.memory.kept["acd/offer/old"] = b"left over"
    routers = b.inboxes[1]
    put, routers.put = routers.put, lambda record: None  # type: ignore[method-assign]
    house.ask(a, "1001", "ready")
    await house.settle()
    routers.put = put  # type: ignore[method-assign]
    house.ask(a, "1002", "ready")
    await house.settle()
    assert not b.acd.standby.view().in_sync
    await house.until(lambda: b.acd.standby.view().in_sync)
    assert b.memory.recall("acd/") == a.memory.recall("acd/")


async def test_a_loss_that_nothing_follows_is_noticed_too(house: House, pair: tuple[Process, Process]) -> None:
    a, b = pair
    routers = b.inboxes[1]
    put, routers.put = routers.put, lambda record: None  # type: ignore[method-assign]
    house.ask(a, "1001", "ready")
    await house.settle()
    routers.put = put  # type: ignore[method-assign]
    await house.until(lambda: b.memory.recall("acd/") == a.memory.recall("acd/"), within_s=3.0)


async def test_levels_and_counters_tell_who_is_what(house: House, pair: tuple[Process, Process]) -> None:
    a, b = pair
    told = [(p.level("router_active"), p.level("router_epoch"), p.level("router_standby_in_sync")) for p in (a, b)]
    assert told == [(1, 1, 1), (0, 1, 1)]
    await house.kill("A")
    await house.until(lambda: b.state == "active")
    assert (b.level("router_active"), b.level("router_epoch"), b.level("router_standby_in_sync")) == (1, 2, 0)
    assert b.tally.counts["router_takeovers", ()] == 1


# --- takeover ----------------------------------------------------------------------------------------------------------


async def test_when_the_active_router_dies_the_next_one_goes_on_with_its_agents_and_callers(
    house: House, pair: tuple[Process, Process]
) -> None:
    a, b = pair
    node = house.nodes[0]
    house.ask(a, "1001", "ready")
    house.ask(a, "1002", "ready")
    house.ask(a, "1003", "log_in")
    for call in ("V", "W", "X", "Y", "Z"):
        node.arrives(call)
        await house.pass_time(0.1)
    assert node.rings() == [("V", "1001"), ("W", "1002")]
    node.answers("V")
    await house.settle()
    await house.kill("A")
    took = await house.until(lambda: b.acd.standby.view().surveyed == ("node1",))
    assert took < 2.5
    assert b.agents() == {"1001": "talking", "1002": "reserved", "1003": "break"}
    assert b.line() == ["W", "X", "Y", "Z"]
    assert node.rings() == [("V", "1001"), ("W", "1002")]  # nobody is rung twice
    house.ask(b, "1003", "ready")
    await house.settle()
    assert node.rings()[2:] == [("X", "1003")]
    node.rings_out("W")
    await house.pass_time(3.5)
    assert node.rings()[3:] == [("W", "1002")]  # who was first stays first


async def test_what_happens_between_two_routers_is_not_lost(house: House, pair: tuple[Process, Process]) -> None:
    a, b = pair
    node = house.nodes[0]
    house.ask(a, "1001", "ready")
    house.ask(a, "1002", "ready")
    node.arrives("V")
    node.arrives("W")
    await house.settle()
    await house.kill("A")
    node.answers("V")
    node.rings_out("W")
    node.arrives("X")
    node.arrives("Y", queued=False)
    await house.until(lambda: b.acd.standby.view().surveyed == ("node1",))
    assert b.agents()["1001"] == "talking"
    assert b.line() == ["W", "X"]
    assert node.rings()[2:] == [("W", "1002")]


async def test_a_wish_that_is_told_between_two_routers_is_in_the_line_of_the_next_one(
    house: House, pair: tuple[Process, Process]
) -> None:
    _, b = pair
    await house.kill("A")
    house.bus.publish(
        f.CallbackRequested(
            at=house.clock.now(), callback_id=CallbackId("w"), queue_id=QueueId("q"), number="13800138000",
            entered_at=house.clock.now() - 60,
        )
    )  # fmt: skip
    await house.until(lambda: b.state == "active")
    await house.until(lambda: b.line() == ["w"])


async def test_what_one_router_granted_counts_for_the_next_one(house: House, pair: tuple[Process, Process]) -> None:
    _, b = pair
    answers = house.bus.subscribe("ivr of the test", f.OutgoingAnswered)

    async def ask(call: str) -> str:
        asked = f.OutgoingAsked(at=house.clock.now(), call_id=CallId(call), node=NodeId("node2"), number="13900000001")
        house.bus.publish(asked)
        await house.until(lambda: answers.ready)
        answer = await answers.get()
        assert isinstance(answer, f.OutgoingAnswered)
        return answer.refusal

    assert await ask("x") == ""
    await house.pass_time(1.0)
    await house.kill("A")
    await house.until(lambda: b.state == "active")
    assert await ask("y") == "too_many_at_once"
    house.bus.publish(f.CallEnded(at=house.clock.now(), call_id=CallId("x")))
    await house.pass_time(5.0)  # of a call at a node that has told nothing: it waits for the survey
    assert await ask("y") == ""


async def test_callers_of_all_nodes_are_known_before_anybody_is_offered(
    house: House, pair: tuple[Process, Process]
) -> None:
    a, b = pair
    one, two = house.nodes[0], house.node("node2")
    await house.pass_time(1.0)
    two.arrives("old")
    await house.pass_time(0.1)
    one.arrives("young")
    await house.settle()
    house.ask(a, "1001", "ready")
    await house.settle()
    assert two.rings() == [("old", "1001")]
    two.rings_out("old")
    await house.settle()
    assert a.agents()["1001"] == "rest"
    two.deaf = True
    await house.kill("A")
    await house.until(lambda: b.state == "active")
    await house.pass_time(0.2)
    house.ask(b, "1002", "ready")
    await house.settle()
    assert one.rings() == []
    two.deaf = False
    await house.settle()
    assert (one.rings(), two.rings()[1:]) == ([], [("old", "1002")])


async def test_a_node_that_is_gone_is_waited_for_half_a_second_only(
    house: House, pair: tuple[Process, Process]
) -> None:
    a, b = pair
    one, two = house.nodes[0], house.node("node2")
    await house.pass_time(1.0)
    assert set(a.acd.standby.view().surveyed) == {"node1", "node2"}
    one.arrives("X")
    house.ask(a, "1001", "log_in")
    two.deaf = True
    await house.kill("A")
    await house.until(lambda: b.state == "active")
    house.ask(b, "1001", "ready")
    assert await house.until(lambda: one.rings() == [("X", "1001")]) <= 0.5 + 2 * TICK_S


async def test_who_joins_the_line_before_his_node_is_surveyed_waits_for_that_and_is_rung_there_once(
    house: House, pair: tuple[Process, Process]
) -> None:
    """His channel does not even know that he waits; and our own node would be a wrong guess."""
    a, b = pair
    node = house.nodes[0]
    house.ask(a, "1001", "ready")
    node.arrives("X", queued=False)
    await house.pass_time(1.0)
    node.deaf = True
    await house.kill("A")
    await house.until(lambda: b.state == "active")
    await house.pass_time(1.0)
    node.queues("X", kept=False)
    await house.pass_time(0.5)
    assert b.port.commands == []
    node.deaf = False
    await house.settle()
    assert (node.rings(), b.line()) == ([("X", "1001")], ["X"])


async def test_a_call_of_which_no_node_tells_is_taken_in_the_end(house: House, pair: tuple[Process, Process]) -> None:
    _, b = pair
    node = house.nodes[0]
    node.arrives("X", queued=False)
    await house.settle()
    node.deaf = True
    await house.kill("A")
    await house.until(lambda: b.state == "active")
    node.queues("X", kept=False)
    await house.pass_time(5.5)
    assert b.line() == ["X"]


async def test_a_survey_for_another_term_is_not_taken(house: House, pair: tuple[Process, Process]) -> None:
    a, _ = pair
    house.bus.publish(f.NodeSurveyed(at=house.clock.now(), node=house.node("node2").name, epoch=7, calls=(), seats=()))
    await house.settle()
    assert a.acd.standby.view().surveyed == ("node1",)


async def test_a_router_that_is_told_to_stop_is_replaced_at_once(house: House, pair: tuple[Process, Process]) -> None:
    a, b = pair
    a.acd.close()
    assert await house.until(lambda: b.state == "active") <= 0.2
    assert [x.reason for x in a.port.facts if isinstance(x, f.RouterTermEnded)] == ["stopped"]
    a.port.out.clear()
    await house.pass_time(2.0)
    assert a.port.out == []


# --- a frozen router ---------------------------------------------------------------------------------------------------


async def test_a_frozen_router_is_replaced_and_steps_down_before_it_decides_anything(
    house: House, pair: tuple[Process, Process]
) -> None:
    a, b = pair
    node = house.nodes[0]
    house.ask(a, "1001", "ready")
    node.arrives("X")
    await house.settle()
    a.frozen = True
    a.port.out.clear()
    assert await house.until(lambda: b.state == "active") < 2.5
    await house.pass_time(30.0)  # the offer's own time is over meanwhile: A would cancel it
    rung = node.rings()
    a.frozen = False
    await house.settle()
    assert a.state == "standing_by"
    assert a.port.commands == []
    assert [type(x).__name__ for x in a.port.facts] == ["RouterTermEnded"]
    assert a.tally.counts["router_step_downs", (("reason", "newer_term"),)] == 1
    assert node.rings() == rung
    await house.pass_time(2.0)
    assert a.acd.standby.view().in_sync
    assert a.memory.recall("acd/agent/") == b.memory.recall("acd/agent/")


async def test_the_late_command_of_an_old_router_is_refused_and_ends_its_term(
    house: House, pair: tuple[Process, Process]
) -> None:
    """It cannot ask the office, and has heard of nothing: only the node can tell."""
    a, b = pair
    node = house.nodes[0]
    house.ask(a, "1001", "ready")
    house.bus.publish(f.RouterActive(at=house.clock.now(), router="C", epoch=5))
    for inbox in a.inboxes[1:]:
        while inbox.ready:
            await inbox.get()
    node.arrives("X")
    await house.settle()
    assert node.rings() == []
    assert a.state == "standing_by"
    assert a.tally.counts["router_commands_fenced", ()] == 1
    assert not any(isinstance(x, f.OfferFailed) for x in a.port.facts)
    assert (b.state, b.acd.standby.view().epoch) == ("standing_by", 5)


# --- what cannot be reached --------------------------------------------------------------------------------------------


async def test_while_nothing_arrives_nobody_is_offered_and_then_everything_is_asked_for_anew(house: House) -> None:
    a = house.start("A")
    await house.settle()
    house.ask(a, "1001", "ready")
    a.port.cut = True
    await house.pass_time(2.0)
    assert a.acd.surveyed() == ()
    house.nodes[0].arrives("X")
    await house.pass_time(2.0)
    assert a.port.commands == []
    a.port.cut = False
    await house.pass_time(1.0)
    assert a.acd.surveyed() == ("node1",)
    assert house.nodes[0].rings() == [("X", "1001")]


async def test_callers_of_a_node_whose_process_is_gone_keep_their_places_until_it_is_back(house: House) -> None:
    a = house.start("A")
    await house.settle()
    node = house.nodes[0]
    for call in ("X", "Y"):
        node.arrives(call)
        await house.pass_time(0.5)
    node.away = True
    house.ask(a, "1001", "ready")
    await house.pass_time(20.0)
    assert (a.line(), a.acd.surveyed()) == (["X", "Y"], ())
    assert len(a.port.commands) == 1
    node.away = False
    await house.pass_time(1.0)
    assert node.rings() == [("X", "1001")]


async def test_one_that_stepped_down_tells_no_levels_of_queues_any_more(
    house: House, pair: tuple[Process, Process]
) -> None:
    a, _ = pair
    a.tally.refresh()
    assert any(gauge == "agents" for gauge, _ in a.tally.levels)
    house.bus.publish(f.RouterActive(at=house.clock.now(), router="C", epoch=5))
    await house.settle()
    a.tally.refresh()
    assert not any(gauge in ("agents", "queue_waiting") for gauge, _ in a.tally.levels)


async def test_a_request_of_the_api_is_not_fulfilled_by_one_that_just_woke_up(
    house: House, pair: tuple[Process, Process]
) -> None:
    a, _ = pair
    a.frozen = True
    await house.pass_time(1.0)
    house.clock.advance(30.0)
    with pytest.raises(Unavailable):
        house.ask(a, "1001", "ready")


async def test_one_that_is_cut_off_does_not_take_over(house: House, pair: tuple[Process, Process]) -> None:
    a, b = pair
    b.port.cut = True
    put, b.inboxes[1].put = b.inboxes[1].put, lambda r: put(r) if not isinstance(r, f.RouterActive) else None
    await house.pass_time(10.0)
    assert (a.state, b.state) == ("active", "standing_by")


# --- the database --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["frozen", "down"])
async def test_the_active_router_goes_on_while_the_database_is_away_and_keeps_its_office_afterwards(
    house: House, pair: tuple[Process, Process], state: str
) -> None:
    a, b = pair
    house.database.become(state)
    house.ask(a, "1001", "ready")
    await house.pass_time(10.0)
    house.nodes[0].arrives("X")
    await house.settle()
    assert house.nodes[0].rings() == [("X", "1001")]
    house.database.become("up")
    await house.pass_time(5.0)
    assert (a.state, b.state, a.acd.standby.epoch) == ("active", "standing_by", 1)
    assert house.database.terms == ["A"]
    assert house.database.holder != 0


async def test_without_a_database_nobody_begins_and_with_it_one_does(house: House) -> None:
    house.database.become("down")
    a = house.start("A")
    await house.pass_time(3.0)
    assert a.state == "new"
    house.database.become("up")
    assert await house.until(lambda: a.state == "active") <= 0.6


# --- the API -----------------------------------------------------------------------------------------------------------


async def get(process: Process, route_path: str, **request: object) -> object:
    route = next(r for r in routes(process.acd, Explanations()) if (r.method, r.path) == ("GET", route_path))
    return await route.handler(Request(**request))  # type: ignore[arg-type]


async def test_one_that_stands_by_says_who_is_active_and_nothing_else(
    house: House, pair: tuple[Process, Process]
) -> None:
    _, b = pair
    for path, request in (
        ("/api/v1/agents", {}),
        ("/api/v1/queues", {}),
        ("/api/v1/queues/{id}/waiting", {"path": {"id": "q"}, "query": WaitingQuery()}),
        ("/api/v1/calls-why/{id}", {"path": {"id": "X"}}),
    ):
        with pytest.raises(StandingBy, match="the active one is A"):
            await get(b, path, **request)
    with pytest.raises(StandingBy):
        house.ask(b, "1001", "ready")
    view = await get(b, "/api/v1/router")
    assert (view.router, view.state, view.active, view.epoch, view.in_sync) == ("B", "standing_by", "A", 1, True)


# --- one process ---------------------------------------------------------------------------------------------------------


async def test_without_an_office_a_process_routes_at_once_under_no_term_and_tells_that_it_lives(house: House) -> None:
    clock, tasks, port = house.clock, TaskGroup("alone"), Port(house.bus, house.clock)
    acd = AcdService(SETTINGS, port, clock, Tally(), tasks, Notebook(), process="all")
    inbox = port.subscribe("acd", *acd.kinds)
    acd.attach(inbox)
    acd.ask(AgentRequest(at=clock.now(), agent_id=AgentId("1001"), ask="ready"))
    acd.standby.attach(port.subscribe("acd-standby", *acd.standby.kinds))
    await acd.standby.wake(clock.now())
    beats = [x for x in port.out if isinstance(x, f.RouterActive)]
    assert [(x.router, x.epoch, x.surveyed) for x in beats] == [("all", 0, ())]
    survey = f.NodeSurveyed(at=clock.now(), node=house.nodes[0].name, epoch=0, calls=(), seats=())
    await acd.handle(survey, clock.now())
    await acd.standby.wake(clock.advance(0.5))
    beats = [x for x in port.out if isinstance(x, f.RouterActive)]
    assert beats[-1].surveyed == ("node1",)
    assert not any(isinstance(x, f.RouterTermBegan) for x in port.facts)
    assert (acd.standby.view().state, acd.standby.view().active) == ("active", "all")
    acd.close()
    await acd.handle(survey, clock.now())
    await tasks.close()
