"""Callbacks in a world that answers late, twice, never, and in which routers die: nobody is called twice at once, nobody is overtaken.

Each story follows from its number alone. The world keeps its own books.
"""

import random
from dataclasses import dataclass, field
from typing import Literal

import pytest

from acd.core import memories
from acd.core.floor import Output
from acd.core.requests import AgentRequest
from acd.core.router import Router
from hotline import commands as c
from hotline import facts as f
from hotline.dialling import Policy
from hotline.ids import AgentId, CallbackId, CallId, LegId, NodeId, QueueId
from hotline.settings.queues import CallbackPolicy, Queue
from tests.unit.acd.play import profile

NODE = NodeId("n")
AGENTS = ("1", "2", "3")
STEPS = 120
STORIES = 100
RULES = Policy(trunk=True, allow=("1",), at_once=1000, per_hour=100_000)


@dataclass
class Channel:
    """A call that really exists."""

    call_id: CallId
    callback: bool
    place: f.Place | None = None
    first: str = ""
    customer: str = ""
    """What came of dialling him; empty: he was not, or it is open."""
    heard: bool = False
    """Whether a router was told that he answered."""
    ring: c.Ring | None = None
    talking: bool = False


@dataclass
class World:
    """A node, its callers and customers; `check` is called for everything that the router says."""

    seed: int
    now: float = 1_000.0
    lives: int = 0
    channels: dict[CallId, Channel] = field(default_factory=dict)
    inbox: list[f.Record] = field(default_factory=list)
    memory: dict[str, bytes] = field(default_factory=dict)
    wished: dict[str, float] = field(default_factory=dict)
    told: dict[str, f.CallbackRequested] = field(default_factory=dict)
    over: dict[str, str] = field(default_factory=dict)
    retry_at: dict[str, float] = field(default_factory=dict)
    calling: set[str] = field(default_factory=set)
    live_since: dict[CallId, float] = field(default_factory=dict)
    dialled: int = 0
    ahead: int = 0
    """Customers who were dialled before an agent was free."""

    def __post_init__(self) -> None:
        self.lot = random.Random(self.seed)
        first: Literal["agent", "customer"] = self.lot.choice(["agent", "customer"])
        ahead_s = self.lot.choice([0, 120, 120])
        policy = CallbackPolicy(first=first, ahead_s=ahead_s, retry_after_s=20, attempts=3, expires_after_s=100_000)
        self.queue = Queue(
            id="q",
            ring_timeout_s=5,
            wrap_up_s=self.lot.choice([0, 8]),
            callback=policy,
            rest_after_no_answer_s=1,
            no_answers_before_break=100,
        )
        self.born()

    # --- the router's lives ---

    def born(self) -> None:
        self.lives += 1
        self.router = Router(
            (self.queue,), [profile(a) for a in AGENTS], epoch=f"e{self.lives}", home_node=NODE, outbound=RULES
        )
        kept, unread = memories.read(self.memory)
        assert not unread
        self.hear(self.router.restore(kept, now=self.now))

    def die(self) -> None:
        """The router dies; what was under way to it is lost, and a new one asks its node for everything."""
        self.inbox.clear()
        self.now += self.lot.choice([0.5, 8.0])
        self.born()
        calls = tuple(self.adopted(channel) for channel in self.channels.values())
        self.give(f.NodeSurveyed(at=self.now, node=NODE, epoch=0, calls=calls, seats=()))

    def node_dies(self) -> None:
        """Its process dies, Asterisk lives on; what was under way is lost, and what there is is found by the next one."""
        self.inbox.clear()
        self.pass_time(self.lot.choice([0.5, 8.0]))
        self.inbox.clear()
        for channel in list(self.channels.values()):
            self.give(self.adopted(channel))
            if channel.customer == "answered":
                self.give(f.CustomerDialled(at=self.now, call_id=channel.call_id, result="answered"))
        self.give(f.SnapshotTaken(at=self.now, node=NODE, living=tuple(self.channels)))

    def adopted(self, channel: Channel) -> f.CallAdopted:
        phase = "talking" if channel.talking else "ringing" if channel.ring is not None else "session"
        dialled = channel.first == "customer" or channel.talking
        customer = "" if not channel.callback else channel.customer or ("dialled" if dialled else "waits")
        customer = customer if customer in ("", "waits", "answered") else "dialled"
        channel.heard = customer == "answered"
        return f.CallAdopted(
            at=self.now, call_id=channel.call_id, node=NODE, leg=LegId("l"), phase=phase,  # type: ignore[arg-type]
            place=channel.place, offer_id=channel.ring.offer_id if channel.ring else None, customer=customer,  # type: ignore[arg-type]
        )  # fmt: skip

    # --- what the router says ---

    def give(self, record: f.Record) -> None:
        self.hear(self.router.handle(record, now=self.now))

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while (at := self.router.next_deadline()) is not None and at <= end:
            self.now = max(self.now, at)
            self.hear(self.router.wake(now=self.now))
        self.now = end

    def hear(self, out: list[Output]) -> None:
        self.keep()
        for said in out:
            match said:
                case f.CallbackAttempted():
                    self.in_turn(said)
                    if said.agent_id is None:
                        self.ahead += 1
                        self.one_agent_for_each()
                    self.calling.add(said.callback_id)
                case f.CallbackPutOff():
                    self.calling.discard(said.callback_id)
                    self.retry_at[said.callback_id] = said.retry_at
                case f.CallbackEnded():
                    assert said.callback_id not in self.over, "ended twice"
                    self.over[said.callback_id] = said.result
                    self.calling.discard(said.callback_id)
                case c.CallOut():
                    self.call_out(said)
                case c.Ring():
                    self.rung(said)
                case c.Hangup():
                    channel = self.channels.get(said.call_id)
                    assert channel is None or not channel.heard, "hung up on who had answered"
                    self.end(said.call_id)
                case c.CancelRing() | c.Release():
                    self.cancelled(said)
                case _:
                    continue

    def keep(self) -> None:
        for key, value in self.router.take_changed(now=self.now).items():
            self.memory.pop(key, None)
            if value is not None:
                self.memory[key] = value

    def in_turn(self, said: f.CallbackAttempted) -> None:
        """No virtual caller who could be called has waited for longer than the one whose turn it is."""
        mine = self.wished[said.callback_id]
        for other, since in self.wished.items():
            known = self.router.floor.callbacks.get(other) is not None
            could = (
                known
                and other not in self.over
                and other not in self.calling
                and self.retry_at.get(other, 0.0) < self.now
            )
            assert not could or (since, other) >= (mine, said.callback_id), f"{said.callback_id} before {other}"

    def one_agent_for_each(self) -> None:
        """No more customers are called without an agent than agents are about to be free."""
        floor = self.router.floor
        lacking = [x for x in floor.callbacks if x.phase == "ahead"]
        busy = [a for a in floor.agents if a.state in ("talking", "holding", "wrap_up", "rest", "reserved", "ringing")]
        assert len(lacking) <= len(busy), (lacking, busy)

    def call_out(self, command: c.CallOut) -> None:
        wish = command.call_id.rpartition(".")[0]
        assert wish not in self.over, "called although it is over"
        alive = [x for x in self.channels.values() if x.callback and x.call_id.rpartition(".")[0] == wish]
        assert not alive, f"{wish} is called twice at once: {alive}"
        lot = self.lot.random()
        if lot < 0.1:
            self.inbox.append(c.CommandEnded(at=self.now, command=command, outcome=c.Refused(reason="link_down")))
        elif lot < 0.9:
            self.dialled += 1
            self.channels[command.call_id] = Channel(command.call_id, True, command.place, command.first)
            arrived = f.CallArrived(
                at=self.now, call_id=command.call_id, node=NODE, leg=LegId("l"), number="4", origin="callback", place=command.place
            )  # fmt: skip
            self.inbox.append(arrived)

    def rung(self, command: c.Ring) -> None:
        channel = self.channels.get(command.call_id)
        if channel is None:
            self.inbox.append(c.CommandEnded(at=self.now, command=command, outcome=c.Refused(reason="unknown_call")))
        elif channel.ring is None:
            channel.ring = command

    def cancelled(self, command: c.CancelRing | c.Release) -> None:
        channel = self.channels.get(command.call_id)
        if channel is not None and isinstance(command, c.Release):
            self.end(command.call_id)
        elif channel is not None and channel.ring is not None and not channel.talking:
            ring, channel.ring = channel.ring, None
            self.tell(
                f.OfferRescinded(at=self.now, call_id=channel.call_id, offer_id=ring.offer_id, reason="withdrawn")
            )
            self.tell(f.CallReturned(at=self.now, call_id=channel.call_id, offer_id=ring.offer_id, answered=False))

    # --- what happens ---

    def tell(self, record: f.Record) -> None:
        self.inbox.append(record)
        if self.lot.random() < 0.2:
            self.inbox.append(record)

    def end(self, call_id: CallId) -> None:
        channel = self.channels.pop(call_id, None)
        if channel is None:
            return
        if channel.ring is not None:
            kind = f.TalkEnded if channel.talking else f.OfferRescinded
            more = {} if channel.talking else {"reason": "caller_left"}
            self.tell(kind(at=self.now, call_id=call_id, offer_id=channel.ring.offer_id, **more))  # type: ignore[arg-type]
        self.tell(f.CallEnded(at=self.now, call_id=call_id))

    def step(self) -> None:
        what = self.lot.choices(
            [self.wish, self.live_call, self.agent, self.deliver, self.customer, self.seat, self.wait, self.talk_over, self.die, self.node_dies, self.remind],
            [2, 2, 4, 12, 6, 6, 4, 4, 0.4, 0.4, 1],
        )[0]  # fmt: skip
        what()

    def wish(self) -> None:
        name = f"w{len(self.wished)}"
        self.wished[name] = self.now - self.lot.choice([0.0, 10.0, 100.0])
        told = f.CallbackRequested(
            at=self.now, callback_id=CallbackId(name), queue_id=QueueId("q"), number=f"13800{len(self.wished):06}", entered_at=self.wished[name]
        )  # fmt: skip
        self.told[name] = told
        for _ in range(self.lot.choice([0, 1, 1, 2])):  # one that nobody hears is told again by the journal
            self.give(told)

    def live_call(self) -> None:
        call_id = CallId(f"c{len(self.live_since)}")
        self.live_since[call_id] = self.now
        place = f.Place(flow="m", flow_version="1", step="s", queue_id=QueueId("q"), entered_at=self.now)
        self.channels[call_id] = Channel(call_id, False, place)
        self.give(f.CallArrived(at=self.now, call_id=call_id, node=NODE, leg=LegId("l"), number="4"))
        self.give(f.CallQueued(at=self.now, call_id=call_id, queue_id=QueueId("q"), entered_at=self.now))

    def agent(self) -> None:
        ask = self.lot.choice(["ready", "ready", "ready", "not_ready", "end_wrap_up"])
        self.give(AgentRequest(at=self.now, agent_id=AgentId(self.lot.choice(AGENTS)), ask="log_in"))
        self.give(AgentRequest(at=self.now, agent_id=AgentId(self.lot.choice(AGENTS)), ask=ask))  # type: ignore[arg-type]

    def deliver(self) -> None:
        if not self.inbox:
            return
        record = self.inbox.pop(0)
        if isinstance(record, f.CustomerDialled) and record.result == "answered" and record.call_id in self.channels:
            callback = self.router.floor.callbacks.of_call(record.call_id)
            self.channels[record.call_id].heard = callback is not None and callback.is_under_way
        self.give(record)

    def customer(self) -> None:
        """A customer's phone says what becomes of it."""
        open_ones = [
            x for x in self.channels.values() if x.callback and not x.customer and (x.first == "customer" or x.talking)
        ]
        if open_ones:
            channel = self.lot.choice(open_ones)
            channel.customer = self.lot.choice(["answered", "answered", "busy", "no_answer", "failed"])
            self.tell(f.CustomerDialled(at=self.now, call_id=channel.call_id, result=channel.customer))  # type: ignore[arg-type]
            if channel.customer != "answered":
                self.end(channel.call_id)

    def seat(self) -> None:
        ringing = [x for x in self.channels.values() if x.ring is not None and not x.talking]
        if not ringing:
            return
        channel = self.lot.choice(ringing)
        assert channel.ring is not None
        ids = {"at": self.now, "call_id": channel.call_id, "offer_id": channel.ring.offer_id}
        if self.lot.random() < 0.7:
            channel.talking = True
            self.tell(f.OfferRang(**ids))  # type: ignore[arg-type]
            self.tell(f.OfferAccepted(**ids))  # type: ignore[arg-type]
        else:
            channel.ring = None
            self.tell(f.OfferTimedOut(**ids))  # type: ignore[arg-type]
            self.tell(f.CallReturned(**ids, answered=False))  # type: ignore[arg-type]

    def talk_over(self) -> None:
        over = [x for x in self.channels.values() if x.talking and (not x.callback or x.customer)]
        if over:
            self.end(self.lot.choice(over).call_id)

    def wait(self) -> None:
        self.pass_time(self.lot.choice([0.1, 1.0, 3.0, 25.0]))

    def remind(self) -> None:
        """The journal tells wishes again, also those that are over."""
        for told in self.told.values():
            self.give(f.CallbackPending(at=self.now, wish=told))

    def settle(self) -> None:
        """Everybody is helpful from now on: every wish must come to an end."""
        self.remind()
        for _ in range(3000):
            if len(self.over) == len(self.wished):
                return
            while self.inbox:
                self.deliver()
            for agent in AGENTS:
                self.give(AgentRequest(at=self.now, agent_id=AgentId(agent), ask="log_in"))
                self.give(AgentRequest(at=self.now, agent_id=AgentId(agent), ask="ready"))
            self.customer()
            self.seat()
            self.talk_over()
            self.pass_time(1.0)
        raise AssertionError(f"never over: {set(self.wished) - set(self.over)}")


@pytest.mark.parametrize("seed", range(STORIES))
def test_every_wish_ends_and_nobody_is_called_twice_at_once(seed: int) -> None:
    world = World(seed)
    for _ in range(STEPS):
        world.step()
    world.settle()
    assert set(world.over.values()) <= {"reached", "failed"}
    assert not len(world.router.floor.callbacks)


def test_the_stories_reach_people_through_deaths() -> None:
    worlds = [World(seed) for seed in range(1000, 1020)]
    for world in worlds:
        for _ in range(STEPS):
            world.step()
        world.settle()
    assert sum(result == "reached" for w in worlds for result in w.over.values()) > 10
    assert sum(result == "failed" for w in worlds for result in w.over.values()) > 0
    assert sum(w.lives for w in worlds) > len(worlds)
    assert any(w.ahead for w in worlds)
