"""Supervisors who come, change, take over and go whenever they like, with agents and callers who do the same, told late, twice, or to another router.

The world below behaves as Asterisk does (`telephony.asterisk.config.supervision`): a supervision ends with the conversation that it hears. When
everything has been told, the router knows exactly who is with whom, nobody is kept free for a caller who will not come, and whoever
waits is served.
"""

import random
from collections import deque

import pytest

from acd.core import memories
from acd.core.requests import RequestRefused, SupervisionRequest
from acd.core.talks.supervising import HELD_S
from hotline import commands as c
from hotline import facts as f
from hotline.ids import AgentId, CallId, Extension, LegId, NodeId, OfferId, QueueId, SupervisionId
from tests.unit.acd.play import NODE, Play

SEEDS = range(200)
STEPS = 70
AGENTS = ("1", "2", "3", "4")
SEATS = ("1", "2", "9")


class World:
    """Callers, four agents, and three seats of supervisors, two of which are agents' own."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.play = Play(*AGENTS, wrap_up_s=1, ring_timeout_s=10, transfer_timeout_s=5)
        self.said: deque[f.Record] = deque()
        self.memory: dict[str, bytes] = {}
        self.lives, self.calls = 0, 0
        self.waiting: set[CallId] = set()
        """Calls in the hands of their call flow."""
        self.talks: dict[CallId, tuple[OfferId, str]] = {}
        self.with_: dict[SupervisionId, tuple[CallId, Extension, str]] = {}
        """Supervisions that Asterisk knows: the call, the seat, and the mode; empty while the seat rings."""
        self.asked: dict[SupervisionId, int] = {}
        """How often each was told to be over."""
        self.rung: dict[Extension, tuple[SupervisionId, float]] = {}
        """Seats that are to be rung for a supervisor, or hear a conversation, and until when at least no caller may ring there."""
        self.play.ready(*AGENTS)
        self.watch()

    # --- telling ---

    def tell(self, kind: type[f.OfferFact], call: CallId, offer: OfferId, **more: object) -> None:
        self.said.append(kind(at=self.play.now, call_id=call, offer_id=offer, **more))  # type: ignore[arg-type]

    def show(self, supervision: SupervisionId, state: str) -> None:
        self.said.append(
            f.SupervisionSeen(at=self.play.now, node=NodeId(NODE), supervision_id=supervision, state=state)  # type: ignore[arg-type]
        )

    def deliver(self) -> None:
        record = self.said.popleft()
        for _ in range(1 if self.dice.random() < 0.9 else 2):
            self.play.give(record)
            self.watch()
        if isinstance(record, f.CallReturned) and record.transfer and record.call_id in self.waiting:
            self.play.now += 0.01
            to = AgentId(record.transfer.removeprefix("agent:"))
            self.play.queued(record.call_id, wanted_agent=to, transferred_by=record.transferred_by)
            self.watch()

    def watch(self) -> None:
        """Look at what the router told and asked just now, and carry out its commands."""
        new, self.play.out = self.play.out, []
        for key, value in self.play.router.take_changed(now=self.play.now).items():
            self.memory.pop(key, None)
            self.memory |= {} if value is None else {key: value}
        for out in new:
            self._mind_seats(out)
            match out:
                case f.SupervisionAsked():
                    assert out.supervision_id not in self.asked
                    self.asked[out.supervision_id] = 0
                case f.SupervisionEnded():
                    self.asked[out.supervision_id] += 1
                    assert self.asked[out.supervision_id] == 1, "told twice that it is over"
                case c.CallCommand():
                    lost = self.dice.random() < 0.05
                    if lost or not self._do(out):
                        refused = c.Refused(reason="link_down" if lost else "not_ringing")
                        self.said.append(c.CommandEnded(command=out, outcome=refused))
        book = list(self.play.router.floor.supervisions)
        assert len({s.extension for s in book}) == len(book), "one seat is with two"
        held = [a for a in self.play.router.floor.agents if a.awaits is not None]
        assert all(a.state == "ready" for a in held)

    def _mind_seats(self, out: object) -> None:
        """No caller may ring where a supervisor is rung, or hears a conversation."""
        match out:
            case f.SupervisionAsked():
                self.rung[out.extension] = (out.supervision_id, self.play.now + HELD_S)
            case f.SupervisionBegan() if out.extension in self.rung:
                self.rung[out.extension] = (out.supervision_id, float("inf"))
            case f.SupervisionEnded() | c.EndSupervision():  # once its end is ordered, the phone alone tells
                self.rung = {seat: held for seat, held in self.rung.items() if held[0] != out.supervision_id}
            case f.OfferMade():
                _, until = self.rung.get(out.extension, ("", 0.0))
                assert self.play.now >= until, "a caller rings where a supervisor is rung"

    def after(self, seconds: float) -> None:
        end = self.play.now + seconds
        while (deadline := self.play.router.next_deadline()) is not None and deadline <= end:
            self.play.after(max(deadline - self.play.now, 0.0))
            self.watch()
        self.play.after(end - self.play.now)

    def _do(self, command: c.CallCommand) -> bool:
        talk = self.talks.get(command.call_id)
        match command:
            case c.Ring() if command.call_id in self.waiting:
                self.waiting.discard(command.call_id)
                self.tell(f.OfferRang, command.call_id, command.offer_id)
                self.tell(f.OfferAccepted, command.call_id, command.offer_id)
                self.talks[command.call_id] = (command.offer_id, command.agent_id)
            case c.Transfer() if talk is not None:
                self._talk_over(command.call_id)
                self.waiting.add(command.call_id)
                back = f.CallReturned(
                    at=self.play.now, call_id=command.call_id, offer_id=talk[0], answered=True, transfer=command.to,
                    transferred_by=AgentId(talk[1]),
                )  # fmt: skip
                self.said.append(back)
            case c.Supervise() if talk is not None and talk[0] == command.offer_id:
                self.with_[command.supervision_id] = (command.call_id, command.extension, "")
            case c.ChangeSupervision() if self.with_.get(command.supervision_id, ("", "", ""))[2]:
                call, seat, _ = self.with_[command.supervision_id]
                self.with_[command.supervision_id] = (call, seat, command.mode)
                self.show(command.supervision_id, command.mode)
            case c.EndSupervision() if command.supervision_id in self.with_:
                self._leaves(command.supervision_id)
            case c.Release():
                self.waiting.discard(command.call_id)
            case _:
                return False
        return True

    def _leaves(self, supervision: SupervisionId) -> None:
        _, _, mode = self.with_.pop(supervision)
        self.show(supervision, "over" if mode else "unanswered")

    def _talk_over(self, call: CallId) -> None:
        offer, _ = self.talks.pop(call)
        heard = [s for s, (of, _, _) in self.with_.items() if of == call]
        early = self.dice.random() < 0.5  # Asterisk says it in either order
        for supervision in heard if early else []:
            self._leaves(supervision)
        self.tell(f.TalkEnded, call, offer)
        for supervision in [] if early else heard:
            self._leaves(supervision)

    # --- what people do ---

    def caller_calls(self) -> None:
        self.calls += 1
        call = CallId(f"A{self.calls}")
        self.waiting.add(call)
        self.said.append(f.CallArrived(at=self.play.now, call_id=call, node=NODE, leg=LegId("x"), number="4"))
        self.said.append(f.CallQueued(at=self.play.now, call_id=call, queue_id=QueueId("q"), entered_at=self.play.now))

    def caller_hangs_up(self) -> None:
        everybody = sorted({*self.waiting, *self.talks})
        if everybody:
            self.end(self.dice.choice(everybody))

    def end(self, call: CallId) -> None:
        if call in self.talks:
            self._talk_over(call)
        self.waiting.discard(call)
        self.said.append(f.CallEnded(at=self.play.now, call_id=call))

    def seat_answers(self) -> None:
        ringing = sorted(s for s, (_, _, mode) in self.with_.items() if not mode)
        if ringing:
            supervision = self.dice.choice(ringing)
            call, seat, _ = self.with_[supervision]
            self.with_[supervision] = (call, seat, "listen")
            self.show(supervision, "listen")

    def seat_hangs_up(self) -> None:
        if self.with_:
            self._leaves(self.dice.choice(sorted(self.with_)))

    def supervisor_asks(self) -> None:
        ask = self.dice.choice(("listen", "whisper", "barge", "take_over", "take_over", "stop"))
        request = SupervisionRequest(
            at=self.play.now, agent_id=AgentId(self.dice.choice(AGENTS)), ask=ask,  # type: ignore[arg-type]
            extension=Extension(self.dice.choice(SEATS)), by="mei",
        )  # fmt: skip
        self.play.give(request)
        assert sum(isinstance(o, RequestRefused) for o in self.play.out) <= 1
        self.watch()

    def agent_pauses_or_is_ready(self) -> None:
        self.play.ask(self.dice.choice(AGENTS), self.dice.choice(("ready", "ready", "ready", "not_ready")))
        self.watch()

    def router_dies(self) -> None:
        """A new router takes over: it has the memory, and the node tells it everything after what it had said."""
        self.lives += 1
        handed_on = [
            r for r in self.said if isinstance(r, f.CallReturned)
        ]  # their call flows lead them on all the same
        self.said.clear()
        asked = set(self.asked)
        kept, unread = memories.read(self.memory)
        assert not unread
        house, now = self.play.house, self.play.now
        self.play = Play(*AGENTS, epoch=f"e{self.lives + 1}", queues=self.play.queues, house=house)
        self.play.now = now
        self.play.out = self.play.router.restore(kept, now=now)
        self.watch()
        calls = [self.play.found(call, "talking", offer=offer) for call, (offer, _) in sorted(self.talks.items())]
        calls += [self.play.found(call, "session") for call in sorted(self.waiting)]
        self.play.now += 0.01
        survey = f.NodeSurveyed(
            at=self.play.now,
            node=NodeId(NODE),
            epoch=0,
            calls=tuple(calls),
            seats=(),
            supervisions=tuple(sorted(self.with_)),
            heard=tuple(sorted((s, mode) for s, (_, _, mode) in self.with_.items() if mode)),  # type: ignore[misc]
        )
        self.play.give(survey)
        self.watch()
        assert asked == set(self.asked)
        self.said.extend(handed_on)

    # --- the end ---

    def settle(self) -> None:
        for _ in range(40):
            while self.said:
                self.deliver()
            self.after(0.5)


@pytest.mark.parametrize("block", range(5))
def test_whoever_comes_and_goes_the_router_knows_who_is_with_whom_and_everybody_is_served(block: int) -> None:
    for seed in SEEDS[block::5]:
        _run(seed)


def _run(seed: int) -> None:
    world = World(seed)
    acts = (
        (world.supervisor_asks, 30), (world.seat_answers, 15), (world.seat_hangs_up, 5), (world.caller_calls, 15),
        (world.caller_hangs_up, 10), (world.agent_pauses_or_is_ready, 8), (world.router_dies, 2),
    )  # fmt: skip
    for _ in range(STEPS):
        world.dice.choices([act for act, _ in acts], [weight for _, weight in acts])[0]()
        for _ in range(world.dice.randrange(4)):
            if world.said:
                world.deliver()
        world.after(world.dice.random() * 0.5)
    world.settle()
    floor = world.play.router.floor
    told = {s.id: (s.call_id, s.extension, s.mode if s.begun else "") for s in floor.supervisions}
    assert told == world.with_, f"seed {seed}"
    assert {s for s, times in world.asked.items() if not times} == set(world.with_), f"seed {seed}"
    assert not [a.id for a in floor.agents if a.awaits is not None], f"seed {seed}"
    for _ in range(10):
        world.play.ready(*(a for a in AGENTS if world.play.state(a) in ("break", "offline")))
        world.watch()
        for call in sorted(world.talks):
            world.end(call)
        world.settle()
    assert not world.waiting, f"seed {seed}: {world.waiting} are not served"
