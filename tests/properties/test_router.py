"""The router against two nodes over bad lines: whatever happens in whatever order, the invariants hold."""

from typing import Any, get_args

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from acd.core import memories
from acd.core.agents.roster import Profile
from acd.core.agents.states import Force
from acd.core.floor import Output
from acd.core.requests import AgentRequest, OutcomeRequest
from acd.core.router import Router
from hotline import commands as c
from hotline import facts as f
from hotline.ids import AgentId, CallId, CustomerId, LegId, NodeId, OfferId, QueueId
from tests.properties.phone_network import NODES, Call, PhoneNetwork
from tests.properties.router_houses import AGENTS, DEFAULT, HOUSES, House
from tests.properties.router_monitor import Monitor

START = 1_000.0
FOREIGN = (
    f.OfferRang,
    f.OfferAccepted,
    f.OfferTimedOut,
    f.OfferRejected,
    f.OfferBusy,
    f.TalkEnded,
    f.HoldBegan,
    f.HoldEnded,
)
numbers = st.integers(min_value=0, max_value=1_000)
agents = st.sampled_from([a.id for a in AGENTS])
nodes = st.sampled_from(NODES)
delays = st.sampled_from([0.0, 0.0, 0.3, 3.0])


customers = st.sampled_from(["mei", "li", "wang"])


class RouterMachine(RuleBasedStateMachine):
    """Random callers, agents, phones, delays, repetitions, gaps and deaths."""

    @initialize(
        house=st.sampled_from([DEFAULT, *HOUSES]),
        here=delays,
        there=delays,
        crew=st.sets(agents),
        away=st.sets(agents),
        callers=st.lists(nodes, max_size=3),
    )
    def begin(
        self, house: House, here: float, there: float, crew: set[AgentId], away: set[AgentId], callers: list[NodeId]
    ) -> None:
        self.net = PhoneNetwork(seats=tuple(a.extension for a in AGENTS), now=START, delays_s=(here, there))
        self.house = house
        self.monitor = Monitor(house.queues, house.agents, house.between)
        self.lives = self.calls = 0
        self.history: list[f.Record] = []
        self.memory: dict[str, bytes] = {}
        self._new_router(house.agents)
        for agent in sorted(crew):
            self.agent_asks(agent=agent, ask="ready")
        for agent in sorted(away):
            self.net.move_phone(agent, NODES[1])
        for node in callers:
            self.call(node=node, queue="a", priority=0, english=False, ago=0.0)
            self._pass(0.5)

    def _new_router(self, profiles: tuple[Profile, ...]) -> None:
        self.lives += 1
        self.router = Router(
            self.house.queues,
            profiles,
            between_queues=self.house.between,
            epoch=f"e{self.lives}",
            home_node=NODES[0],
            outcomes=("done",),
            break_limit_s={"break": 5.0},
        )

    # --- feeding the router ---

    def _give(self, record: f.Record) -> None:
        self.sound = False
        self.monitor.now = self.net.now
        self.monitor.told(record)
        self._carry_out(self.router.handle(record, now=self.net.now))

    def _carry_out(self, out: list[Output]) -> None:
        for output in out:
            self.monitor.said(output, self.net.now)
        self._remember()
        for output in out:
            if isinstance(output, c.Command):
                self.net.put(output.node, c.CommandEnded(command=output, outcome=self.net.perform(output)))
            elif isinstance(output, f.CallFlowedOut):
                self.net.treat(output)

    def _remember(self) -> None:
        for key, value in self.router.take_changed(now=self.net.now).items():
            self.memory.pop(key, None)
            if value is not None:
                self.memory[key] = value

    def _deliver_due(self) -> None:
        while (record := self.net.take_due()) is not None:
            if not isinstance(record, c.CommandEnded | f.NodeSurveyed):
                self.history.append(record)
            self._give(record)

    def _pass(self, seconds: float) -> None:
        end = self.net.now + seconds
        while True:
            due = [self.router.next_deadline(), self.net.next_timeout(), self.net.next_arrival()]
            upcoming = min((at for at in due if at is not None), default=end)
            if upcoming > end:
                break
            self.net.pass_time(max(self.net.now, upcoming))
            self._deliver_due()
            self._carry_out(self.router.wake(now=self.net.now))
            if upcoming == end:
                break
        self.net.pass_time(end)

    def _calls(self, *phases: str) -> list[Call]:
        return [call for call in self.net.calls.values() if call.phase in phases]

    # --- callers ---

    @rule(
        node=nodes,
        queue=st.sampled_from(["a", "a", "b"]),
        priority=st.sampled_from([0, 0, 1]),
        english=st.booleans(),
        ago=st.sampled_from([0.0, 0.0, 5.0]),
    )
    def call(self, node: NodeId, queue: str, priority: int, english: bool, ago: float) -> None:
        skills = ("english",) if english else ()
        self._call(node, queue, priority=priority, ago=ago, skills=skills)

    @rule(
        node=nodes,
        queue=st.sampled_from(["a", "b"]),
        level=st.sampled_from([0, 2, 5]),
        wanted=st.none() | agents,
        wanted_s=st.sampled_from([0.5, 3.0, 10.0]),
        customer=st.none() | customers,
        tier=st.sampled_from(["", "gold", "bad"]),
    )
    def particular_call(
        self,
        node: NodeId,
        queue: str,
        level: int,
        wanted: AgentId | None,
        wanted_s: float,
        customer: str | None,
        tier: str,
    ) -> None:
        """Somebody who wants more than the next best agent, or is known."""
        skills, levels = (("english",), (("english", level),)) if level else ((), ())
        call = self._call(
            node, queue, skills=skills, levels=levels, wanted_agent=wanted, wanted_s=wanted_s if wanted else None
        )
        if customer is not None:
            self._identify(call, customer, tier)

    def _call(self, node: NodeId, queue: str, *, priority: int = 0, ago: float = 0.0, **asks: Any) -> Call:
        self.calls += 1
        call_id, queue_id = CallId(f"call{self.calls:03}"), QueueId(queue)
        call = Call(call_id, node, queue_id, self.net.now - ago, priority, **asks)
        self.net.calls[call_id] = call
        if not self.net.nodes[node].up:
            call.waits = False  # he arrived while nobody looked and is still in the menu
            return call
        self.net.put(node, f.CallArrived(at=self.net.now, call_id=call_id, node=node, leg=LegId("x"), number="4"))
        queued = f.CallQueued(
            at=self.net.now, call_id=call_id, queue_id=queue_id, entered_at=call.entered_at, priority=priority, **asks
        )
        self.net.put(node, queued)
        self._deliver_due()
        return call

    @precondition(lambda self: self.monitor.waiting)
    @rule(which=numbers, customer=customers, tier=st.sampled_from(["", "gold", "bad"]))
    def who_waits_is_identified(self, which: int, customer: str, tier: str) -> None:
        waiting = list(self.monitor.waiting)
        self._identify(self.net.calls[waiting[which % len(waiting)]], customer, tier)

    def _identify(self, call: Call, customer: str, tier: str) -> None:
        """The CRM says who it is. Of those who do not wait the router need not remember it."""
        if call.call_id in self.monitor.waiting:
            manager = AGENTS[len(customer) % len(AGENTS)].id
            self._give(
                f.CallerIdentified(
                    at=self.net.now,
                    call_id=call.call_id,
                    customer_id=CustomerId(customer),
                    name="",
                    tier=tier,
                    agent_id=manager,
                )
            )

    @precondition(lambda self: self._calls("session", "ringing", "talking", "fallback"))
    @rule(which=numbers)
    def caller_hangs_up(self, which: int) -> None:
        calls = self._calls("session", "ringing", "talking", "fallback")
        self.net.caller_hangs_up(calls[which % len(calls)])
        self._deliver_due()

    # --- phones ---

    @rule(node=nodes, wait=st.sampled_from([0.1, 1.0]))
    def plain_call(self, node: NodeId, wait: float) -> None:
        self.call(node=node, queue="a", priority=0, english=False, ago=0.0)
        self._pass(wait)

    @precondition(lambda self: self._calls("ringing"))
    @rule(which=numbers, phone=numbers, what=st.sampled_from(["rang", "answer", "answer", "reject", "busy", "fail"]))
    def ringing_phone(self, which: int, phone: int, what: str) -> None:
        calls = self._calls("ringing")
        call = calls[which % len(calls)]
        match what:
            case "rang":
                self.net.rang(call, phone)
            case "answer":
                self.net.answer(call, phone)
            case "reject":
                self.net.end_ring(call, f.OfferRejected, call.pick(phone))
            case "busy":
                self.net.end_ring(call, f.OfferBusy, call.pick(phone))
            case "fail":
                self.net.end_ring(call, f.OfferFailed, call.pick(phone), reason="congestion")
        self._deliver_due()

    @precondition(lambda self: self._calls("talking"))
    @rule(which=numbers)
    def agent_hangs_up(self, which: int) -> None:
        calls = self._calls("talking")
        self.net.agent_hangs_up(calls[which % len(calls)])
        self._deliver_due()

    @rule(agent=agents, to=st.sampled_from([*NODES, *NODES, None]), lingers=st.booleans())
    def phone_moves_or_goes(self, agent: AgentId, to: NodeId | None, lingers: bool) -> None:
        self.net.move_phone(agent, to, lingers=lingers)
        self._deliver_due()

    # --- agents ---

    @rule(
        agent=agents, ask=st.sampled_from(["ready", "ready", "ready", "log_in", "not_ready", "log_out", "end_wrap_up"])
    )
    def agent_asks(self, agent: AgentId, ask: str) -> None:
        self._give(AgentRequest(at=self.net.now, agent_id=agent, ask=ask))  # type: ignore[arg-type]

    @rule(agent=agents, order=st.sampled_from(get_args(Force)))
    def supervisor_orders(self, agent: AgentId, order: Force) -> None:
        self._give(AgentRequest(at=self.net.now, agent_id=agent, ask=order, by="boss"))

    @rule(agent=agents, outcome=st.sampled_from(["done", "done", "golf"]))
    def agent_says_how_it_went(self, agent: AgentId, outcome: str) -> None:
        self._give(OutcomeRequest(at=self.net.now, agent_id=agent, outcome=outcome))

    @precondition(lambda self: self._calls("talking"))
    @rule(which=numbers, kind=st.sampled_from([f.HoldBegan, f.HoldEnded]))
    def agent_holds_or_retrieves(self, which: int, kind: type[f.OfferFact]) -> None:
        call = self._calls("talking")[which % len(self._calls("talking"))]
        assert call.ring is not None
        self._give(kind(at=self.net.now, call_id=call.call_id, offer_id=call.ring.offer_id))

    # --- time and trouble ---

    @rule(seconds=st.sampled_from([0.1, 1.0, 2.0, 4.0, 9.0]))
    def time_passes(self, seconds: float) -> None:
        self._pass(seconds)

    @rule(fate=st.sampled_from(["refused", "unknown_done", "unknown_lost"]))
    def next_command_goes_wrong(self, fate: str) -> None:
        self.net.fate = fate

    @precondition(lambda self: self.history)
    @rule(which=numbers, kind=st.sampled_from([f.Record, f.Record, f.CallQueued, f.OfferFact, f.CallReturned]))
    def something_is_told_again(self, which: int, kind: type[f.Record]) -> None:
        if old := [record for record in self.history if isinstance(record, kind)]:
            self._give(old[which % len(old)])

    @precondition(lambda self: self.net.calls)
    @rule(which=numbers, kind=st.sampled_from(FOREIGN))
    def something_foreign_is_told(self, which: int, kind: type[f.OfferFact]) -> None:
        call = list(self.net.calls)[which % len(self.net.calls)]
        self._give(kind(at=self.net.now, call_id=call, offer_id=OfferId(f"{call}.e0.1")))

    @rule(node=nodes)
    def link_goes_down_or_comes_up(self, node: NodeId) -> None:
        (self.net.cut if self.net.nodes[node].up else self.net.mend)(node)
        self._deliver_due()

    @rule(node=nodes)
    def everything_is_told_again(self, node: NodeId) -> None:
        self.net.survey(node)
        self._deliver_due()

    @rule(
        downtime=st.sampled_from([0.0, 1.0, 12.0]),
        hang_ups=st.lists(numbers, max_size=2),
        answers=st.lists(numbers, max_size=2),
    )
    def we_die_and_come_back(self, downtime: float, hang_ups: list[int], answers: list[int]) -> None:
        self._trouble_while_nobody_looks(downtime, hang_ups, answers)
        self._start_anew()
        self.net.restart()
        self._take_up()

    @rule(
        downtime=st.sampled_from([0.0, 1.0, 12.0]),
        hang_ups=st.lists(numbers, max_size=2),
        answers=st.lists(numbers, max_size=2),
    )
    def another_router_takes_over(self, downtime: float, hang_ups: list[int], answers: list[int]) -> None:
        self._trouble_while_nobody_looks(downtime, hang_ups, answers)
        self._start_anew()
        self.net.new_router()
        self._take_up()

    def _trouble_while_nobody_looks(self, downtime: float, hang_ups: list[int], answers: list[int]) -> None:
        for which in answers:
            if calls := self._calls("ringing"):
                self.net.answer(calls[which % len(calls)])
        for which in hang_ups:
            if calls := self._calls("session", "ringing", "talking"):
                self.net.caller_hangs_up(calls[which % len(calls)])
        self.net.pass_time(self.net.now + downtime)

    def _start_anew(self) -> None:
        """Only what was remembered survives; who waited and hung up meanwhile is found by others, in the CEL."""
        self.monitor.forget_the_line(self.net.now)
        self.history.clear()
        self.net.fate = "ok"
        self._new_router(self.house.agents)

    def _take_up(self) -> None:
        kept, unread = memories.read(self.memory)
        assert not unread
        self._carry_out(self.router.restore(kept, now=self.net.now))
        self._deliver_due()

    # --- always ---

    @invariant()
    def invariants_hold(self) -> None:
        if hasattr(self, "monitor"):
            self.sound = False
            self.monitor.check(self.net.now)
            self._pass(0.001)  # no two things happen at the same time
            self.sound = True

    def teardown(self) -> None:
        """When the trouble ends, everybody is served: nobody is left waiting, no offer open, no agent stuck."""
        if not getattr(self, "sound", False):
            return
        for node in NODES:
            if not self.net.nodes[node].up:
                self.net.mend(node)
        for number, agent in enumerate(AGENTS):
            self.net.move_phone(agent.extension, NODES[number % 2])
        for _ in range(60):
            self._pass(2.0)
            for agent in AGENTS:
                self._give(OutcomeRequest(at=self.net.now, agent_id=agent.id, outcome="done"))
                self._give(AgentRequest(at=self.net.now, agent_id=agent.id, ask="ready"))
            for call in self._calls("ringing"):
                self.net.answer(call)
            self._pass(2.0)
            for call in self._calls("talking"):
                self.net.agent_hangs_up(call)
            self.monitor.check(self.net.now)
        assert not self.monitor.waiting, "12: somebody is left waiting"
        assert not self.monitor.live, "11: an offer is left open"
        assert set(self.monitor.states.values()) <= {"ready", "wrap_up"}, "an agent is stuck"


TestRouter = RouterMachine.TestCase
TestRouter.settings = settings(
    max_examples=200,
    stateful_step_count=50,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
