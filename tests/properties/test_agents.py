"""Random days of agents: codes from all their phones, orders, outcomes, breaks, phones that go and come, our death at any moment.

What an agent is asked, told and owes is kept in a model of a few lines; whatever happens, facts and offers agree with it.
"""

from typing import Any, get_args

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acd.core import memories
from acd.core.agents.roster import Profile
from acd.core.agents.states import IN_CALL, Force
from acd.core.requests import AgentRequest, OutcomeRequest
from hotline import commands as c
from hotline import facts as f
from hotline.dialling import Policy
from hotline.ids import AgentId, Extension, OfferId
from hotline.settings.queues import Queue
from tests.unit.acd.play import NODE, Play, profile

LIMITS = {"lunch": 7.0, "no_answer": 5.0}
MOBILE = "13800138000"
SEATS = {"1001": "1001", "1011": "1001", "1002": "1002", "1003": "1003"}
"""Seat -> whose it is."""
AGENTS: tuple[Profile, ...] = (
    msgspec.structs.replace(profile("1001"), devices=(Extension("1011"),), ready_at_login=True),
    msgspec.structs.replace(profile("1002"), remote_number=MOBILE),
    profile("1003"),
)
ORDERS = tuple(order for order in get_args(Force) if order != "call_off")
WAIVES = ("force_ready", "force_break", "force_offline")
CALLS_OFF = ("ready", "force_ready", "call_off")
ENDINGS = (f.OfferTimedOut, f.OfferRejected, f.OfferBusy, f.OfferRescinded)

seats, who = st.sampled_from(sorted(SEATS)), st.sampled_from([a.id for a in AGENTS])
steps = st.one_of(
    st.tuples(st.just("dial"), seats, st.sampled_from(["41", "42", "42", "43", "432", "44", "45", "461"])),
    st.tuples(st.just("ask"), who, st.sampled_from(["ready", "ready", "not_ready", "log_out", "call_off"])),
    st.tuples(st.just("order"), who, st.sampled_from(ORDERS)),
    st.tuples(st.just("outcome"), who),
    st.tuples(st.just("call")),
    st.tuples(st.just("talk"), st.lists(st.sampled_from(["hold", "retrieve"]), max_size=2), st.booleans()),
    st.tuples(
        st.just("phone"),
        st.integers(0, 2),
        st.sampled_from(["rang", "answer", "answer", "hold", "retrieve", "end", *ENDINGS]),
    ),
    st.tuples(st.just("seat"), seats, st.booleans(), st.booleans()),
    st.tuples(st.just("time"), st.sampled_from([0.5, 3.0, 6.0])),
    st.tuples(st.just("death")),
)


class Day:
    """The house, and what must be true of its agents."""

    def __init__(self, queue: Queue) -> None:
        house = {"outcomes": ("done",), "break_limit_s": LIMITS, "outbound": Policy(trunk=True, allow=("1",))}
        self.play = Play(*AGENTS, queues=(queue,), house=house)
        self.states: dict[AgentId, str] = dict.fromkeys((a.id for a in AGENTS), "offline")
        self.since = dict.fromkeys(self.states, 0.0)
        self.owes = dict.fromkeys(self.states, False)
        self.wishes = dict.fromkeys(self.states, "")
        self.sits = {a.id: a.extension for a in AGENTS}
        self.late: set[AgentId] = set()
        self.phones: dict[str, f.SeatChanged] = {}
        self.said: set[OfferId] = set()
        self.calls = self.lives = 0
        self.memory: dict[str, bytes | None] = {}
        self.asked: tuple[AgentId, str] | None = None

    # --- what is told ---

    def heed(self) -> None:
        for output in self.play.out:
            match output:
                case f.AgentStateChanged():
                    self._moved(output)
                case f.AgentWishChanged():
                    self.wishes[output.agent_id] = output.wish
                    assert output.forced == (output.by == "boss")
                case f.BreakOverran():
                    self._overran(output)
                case f.OutcomeGiven():
                    self.said.add(output.offer_id)
                    self.owes[output.agent_id] = False
                case f.OfferMade():
                    self._offered(output)
                case c.Ring():
                    assert (output.number != "") == (output.agent_id == "1002")
                    assert not output.also
        self.play.out = []

    def _moved(self, change: f.AgentStateChanged) -> None:
        agent = change.agent_id
        assert change.previous == self.states[agent]
        assert change.forced == (change.by == "boss"), "an order is told as one, and nothing else is"
        if change.state == "ready":
            assert not self.owes[agent], "ready before he said how his call went"
            assert not self.wishes[agent] or self.asked in [(agent, ask) for ask in CALLS_OFF], "a wish was forgotten"
        if change.state in ("break", "offline", "ready", "unreachable"):
            assert self.wishes[agent] in ("", change.state) or self.asked is not None
            self.wishes[agent] = ""
        self.states[agent], self.since[agent] = change.state, change.at
        self.late.discard(agent)
        limit_s = LIMITS.get(change.reason) if change.state == "break" else None
        assert limit_s is None or change.until == change.at + limit_s

    def _overran(self, told: f.BreakOverran) -> None:
        assert (self.states[told.agent_id], told.agent_id in self.late) == ("break", False), (
            "told twice, or of no break"
        )
        assert told.at >= self.since[told.agent_id] + LIMITS[told.reason]
        self.late.add(told.agent_id)

    def _offered(self, made: f.OfferMade) -> None:
        assert self.states[made.agent_id] == "ready"
        assert made.extension == self.sits[made.agent_id], "rung where he does not sit"
        phone = self.phones.get(made.extension)
        assert made.agent_id == "1002" or phone is None or (phone.reachable and not phone.in_use)

    def check(self) -> None:
        for agent in self.play.router.floor.agents:
            name = agent.id
            kept = self.states[name], self.sits[name], self.owes[name], self.wishes[name], name in self.late
            assert (agent.state, agent.seat, agent.owes, agent.wish or "", agent.overran) == kept

    def settle(self) -> None:
        """In the end nobody hangs in a state that was to be over by itself."""
        self.time(60.0)
        for agent in self.play.router.floor.agents:
            assert agent.state not in ("reserved", "ringing", "rest")
            assert agent.state != "wrap_up" or agent.owes or not self.play.queues[0].auto_ready
            assert agent.state != "break" or agent.overran == (agent.reason in LIMITS)

    # --- what happens ---

    def order(self, agent: AgentId, order: Force) -> None:
        self.ask(agent, order, by="boss")

    def outcome(self, agent: AgentId) -> None:
        self.play.give(OutcomeRequest(at=self.play.now, agent_id=agent, outcome="done"))
        self.heed()

    def ask(self, agent: AgentId, ask: Any, by: str = "seat") -> None:
        self.asked = (agent, ask)
        if ask in WAIVES:
            self.owes[agent] = False
        self.play.give(AgentRequest(at=self.play.now, agent_id=agent, ask=ask, by=by))
        self.heed()
        self.asked = None

    def dial(self, extension: str, code: str) -> None:
        agent = AgentId(SEATS[extension])
        self.asked = (agent, "ready" if code == "42" else code)
        free = self.play.router.floor.agents[agent].state not in IN_CALL
        if code == "41" and free:
            self.sits[agent] = Extension(extension)
        self.play.dial(extension, code)
        self.heed()
        self.asked = None

    def call(self) -> None:
        self.calls += 1
        self.play.queued(f"C{self.calls}")
        self.heed()

    def talk(self, between: list[str], end: bool) -> None:
        """A call that is answered at once."""
        self.call()
        if len(self.play.router.floor.offers):
            for what in ("rang", "answer", *between, *(["end"] if end else [])):
                self.phone(-1, what)

    def phone(self, which: int, what: Any) -> None:
        offers = list(self.play.router.floor.offers)
        if not offers:
            return
        offer = offers[which % len(offers)]
        agent = offer.agent_id
        kinds: dict[Any, type[f.OfferFact]] = {
            "rang": f.OfferRang, "answer": f.OfferAccepted, "hold": f.HoldBegan, "retrieve": f.HoldEnded, "end": f.TalkEnded,
        }  # fmt: skip
        if (offer.phase == "talking") != (what in ("hold", "retrieve", "end")):
            return
        if what == "answer":
            self.owes[agent] = False
        if what == "end":
            self.owes[agent] = self.play.queues[0].outcome_required and offer.offer_id not in self.said
        more = {"reason": "withdrawn"} if what is f.OfferRescinded else {}
        self.play.told(kinds.get(what, what), offer.call_id, offer.offer_id, **more)
        self.heed()
        if what in ENDINGS:
            self.play.returned(offer.call_id, offer=offer.offer_id)
            self.heed()

    def seat(self, extension: str, reachable: bool, in_use: bool) -> None:
        change = f.SeatChanged(
            at=self.play.now,
            extension=Extension(extension),
            reachable=reachable,
            in_use=in_use and reachable,
            node=NODE,
        )
        self.phones[extension] = change
        self.play.give(change)
        self.heed()

    def time(self, seconds: float) -> None:
        end = self.play.now + seconds
        while (deadline := self.play.router.next_deadline()) is not None and deadline <= end:
            self.play.now = max(self.play.now, deadline)
            self.play.out = self.play.router.wake(now=self.play.now)
            self.heed()
        self.play.now = end

    def death(self) -> None:
        """A new router with what was remembered is told everything anew, and nobody has become another."""
        before = {a.id: self._kept(a.id) for a in AGENTS}
        calls = [self._found(offer) for offer in self.play.router.floor.offers]
        calls += [self.play.found(w.call_id, "session") for w in self.play.router.floor.line if w.whereabouts == "here"]
        self._reborn()
        assert {a.id: self._kept(a.id) for a in AGENTS} == before
        self.play.surveyed(*calls, seats=tuple(self.phones.values()))
        self.heed()

    def _reborn(self) -> None:
        self.memory.update(self.play.router.take_changed(now=self.play.now))
        kept, unread = memories.read({key: value for key, value in self.memory.items() if value is not None})
        assert not unread
        now, self.lives = self.play.now, self.lives + 1
        self.play = Play(*AGENTS, queues=self.play.queues, house=self.play.house, epoch=f"e{self.lives}")
        self.play.now, self.play.out = now, self.play.router.restore(kept, now=now)
        self.heed()

    def _kept(self, agent_id: AgentId) -> object:
        agent = self.play.router.floor.agents[agent_id]
        wish = (agent.wish, agent.wish_reason, agent.wish_by, agent.wish_forced)
        return agent.state, agent.reason, agent.until, agent.overran, wish, agent.owes, agent.seat, agent.no_answers

    def _found(self, offer: Any) -> f.CallAdopted:
        phase = "talking" if offer.phase == "talking" else "ringing"
        held = self.states[offer.agent_id] == "holding"
        return msgspec.structs.replace(self.play.found(offer.call_id, phase, offer=offer.offer_id), held=held)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    owed=st.booleans(), auto_ready=st.booleans(), wrap_up_s=st.sampled_from([0.0, 2.0]),
    life=st.lists(steps, min_size=10, max_size=60),
)  # fmt: skip
def test_whatever_happens_agents_are_where_they_were_sent_and_owe_what_they_owe(
    owed: bool, auto_ready: bool, wrap_up_s: float, life: list[tuple[Any, ...]]
) -> None:
    queue = Queue(
        id="q", outcome_required=owed, auto_ready=auto_ready, wrap_up_s=wrap_up_s, ring_timeout_s=5, rest_after_no_answer_s=2,
        no_answers_before_break=2,
    )  # fmt: skip
    day = Day(queue)
    for agent in AGENTS:
        day.ask(agent.id, "ready")
    for what, *arguments in life:
        day.play.now += 0.01
        getattr(day, what)(*arguments)
        day.check()
    for call in [waiting.call_id for waiting in day.play.router.floor.line]:
        day.play.ended(call)
        day.heed()
    day.settle()
