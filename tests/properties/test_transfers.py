"""Two agents and a caller who hang up whenever they like, in a consult and out of it, told late, twice, or to another router.

The world below behaves as the dialplan does (`telephony.asterisk.config.transfers`); the router hears of it through a line that keeps
the order but delays and repeats, and dies now and then. When everything has been told, the agents are what they really are.
"""

import random
from collections import deque

import msgspec
import pytest

from hotline import commands as c
from hotline import facts as f
from hotline.ids import AgentId, CallId, LegId, OfferId, QueueId
from tests.unit.acd.play import NODE, Play

SEEDS = range(300)
STEPS = 60


class World:
    """One caller at a time, agents 1, 2 and 3, and their phones."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.play = Play("1", "2", "3", wrap_up_s=1, ring_timeout_s=10, transfer_timeout_s=5)
        self.said: deque[f.Record] = deque()
        self.lives = 0
        self.calls = 0
        self.call: CallId | None = None
        self.main: tuple[OfferId, str] | None = None
        """The offer that the caller talks under, and its agent."""
        self.asked: tuple[OfferId, str] | None = None
        self.asked_talks = False
        self.held = False
        self.together = False
        self.begun: set[OfferId] = set()
        self.handed_on: set[OfferId] = set()
        self.ended: dict[OfferId, int] = {}
        self.play.ready("1", "2", "3")
        self.watch()

    # --- telling ---

    def tell(self, kind: type[f.OfferFact], offer: OfferId, /, **more: object) -> None:
        assert self.call is not None
        self.said.append(kind(at=self.play.now, call_id=self.call, offer_id=offer, **more))  # type: ignore[arg-type]

    def deliver(self) -> None:
        """Let the router hear the next thing, perhaps twice."""
        record = self.said.popleft()
        for _ in range(1 if self.dice.random() < 0.9 else 2):
            self.play.give(record)
            self.watch()
        if isinstance(record, f.CallReturned) and record.transfer:
            self.queue(record)

    def queue(self, record: f.CallReturned) -> None:
        """The call flow leads a caller who was handed on into the line."""
        if record.call_id != self.call:
            return
        self.play.now += 0.01
        to = AgentId(record.transfer.removeprefix("agent:"))
        self.play.queued(record.call_id, wanted_agent=to, transferred_by=record.transferred_by)
        self.watch()

    def watch(self) -> None:
        """Look at what the router told and asked just now, and carry out its commands."""
        new, self.play.out = self.play.out, []
        for out in new:
            match out:
                case f.TransferStarted(kind="attended", next_offer=str(offer)):
                    self.begun.add(OfferId(offer))
                case f.TransferFailed(kind="attended", next_offer=str(offer)):
                    self.end(OfferId(offer))
                case c.CallCommand():
                    self.perform(out)
        agents = [o.agent_id for o in self.play.router.floor.offers]
        assert len(agents) == len(set(agents))

    def after(self, seconds: float) -> None:
        """Let time pass."""
        end = self.play.now + seconds
        while (deadline := self.play.router.next_deadline()) is not None and deadline <= end:
            self.play.after(max(deadline - self.play.now, 0.0))
            self.watch()
        self.play.after(end - self.play.now)

    def end(self, offer: OfferId) -> None:
        self.ended[offer] = self.ended.get(offer, 0) + 1
        assert self.ended[offer] == 1, "told twice how a consult ended"

    def perform(self, command: c.CallCommand) -> None:
        refused = self.dice.random() < 0.05 or not self._do(command)
        if refused:
            ended = c.CommandEnded(command=command, outcome=c.Refused(reason="not_talking"))
            self.said.append(ended)

    def _do(self, command: c.CallCommand) -> bool:  # noqa: C901 - one case for each command
        if command.call_id != self.call:
            return False
        match command:
            case c.Ring() if self.main is None:
                self.tell(f.OfferRang, command.offer_id)
                self.tell(f.OfferAccepted, command.offer_id)
                self.main = (command.offer_id, command.agent_id)
            case c.Hold() if self.talks_alone():
                self.hold()
            case c.Retrieve() if self.held and self.asked is None:
                self.fetched()
            case c.Transfer() if self.main is not None and self.asked is None:
                offer, by = self.main
                self.main, self.held = None, False
                self.tell(f.TransferCompleted, offer, kind="blind", to=command.to)
                self.tell(f.TalkEnded, offer)
                back = f.CallReturned(
                    at=self.play.now, call_id=command.call_id, offer_id=offer, answered=True, transfer=command.to,
                    transferred_by=AgentId(by),
                )  # fmt: skip
                self.said.append(back)
            case c.Consult() if self.main is not None and self.asked is None:
                self.asked, self.asked_talks = (command.next_offer, command.agent_id), False
                if not self.held:
                    self.hold()
            case c.Swap() if self.asked_talks and not self.together:
                self.fetched() if self.held else self.hold()
            case c.Conference() if self.asked is not None and self.asked_talks and not self.together:
                assert self.main is not None
                if self.held:
                    self.fetched()
                self.together = True
                self.tell(f.ConferenceBegan, self.main[0], next_offer=self.asked[0])
            case c.EndConsult() if self.asked is not None and self.asked[0] == command.next_offer:
                if command.hand_on and not self.asked_talks:
                    return False
                self.first_hangs_up() if command.hand_on else self.second_hangs_up()
            case _:
                return False
        return True

    # --- what people do ---

    def talks_alone(self) -> bool:
        return self.main is not None and self.asked is None and not self.held

    def hold(self) -> None:
        assert self.main is not None
        self.held = True
        self.tell(f.HoldBegan, self.main[0])

    def fetched(self) -> None:
        assert self.main is not None
        self.held = False
        self.tell(f.HoldEnded, self.main[0])

    def second_answers(self) -> None:
        if self.asked is not None and not self.asked_talks:
            self.asked_talks = True
            self.tell(f.OfferRang, self.asked[0])
            self.tell(f.OfferAccepted, self.asked[0])

    def second_hangs_up(self) -> None:
        if self.asked is None:
            return
        offer, talks = self.asked[0], self.asked_talks
        self.asked, self.asked_talks, self.together = None, False, False
        if talks:
            self.tell(f.TalkEnded, offer)
        else:
            self.tell(self.dice.choice((f.OfferTimedOut, f.OfferRejected, f.OfferBusy)), offer)
        if self.held:
            self.fetched()

    def first_hangs_up(self) -> None:
        if self.main is None:
            return
        offer = self.main[0]
        if self.asked is not None and self.asked_talks:
            self.handed_on.add(self.asked[0])
            told = [(f.TalkEnded, {}), (f.TransferCompleted, {"kind": "attended", "next_offer": self.asked[0]})]
            for kind, more in told if self.dice.random() < 0.5 else reversed(told):
                self.tell(kind, offer, **more)
            self.main, self.asked, self.asked_talks, self.held, self.together = self.asked, None, False, False, False
            return
        if self.asked is not None:
            self.tell(f.OfferRescinded, self.asked[0], reason="agent_left")
        self.tell(f.TalkEnded, offer)
        assert self.call is not None
        self.said.append(f.CallReturned(at=self.play.now, call_id=self.call, offer_id=offer, answered=True))
        self.said.append(f.CallEnded(at=self.play.now, call_id=self.call))
        self.forget()

    def caller_hangs_up(self) -> None:
        if self.call is None:
            return
        for leg, talks in ((self.asked, self.asked_talks), (self.main, True)):
            if leg is not None and talks:
                self.tell(f.TalkEnded, leg[0])
            elif leg is not None:
                self.tell(f.OfferRescinded, leg[0], reason="caller_left")
        self.said.append(f.CallEnded(at=self.play.now, call_id=self.call))
        self.forget()

    def forget(self) -> None:
        self.call, self.main, self.asked, self.asked_talks, self.held = None, None, None, False, False
        self.together = False

    def caller_calls(self) -> None:
        if self.call is None:
            self.calls += 1
            self.call = CallId(f"A{self.calls}")
            self.said.append(f.CallArrived(at=self.play.now, call_id=self.call, node=NODE, leg=LegId("x"), number="4"))
            self.said.append(
                f.CallQueued(at=self.play.now, call_id=self.call, queue_id=QueueId("q"), entered_at=self.play.now)
            )

    def agent_wants(self) -> None:
        asks = (
            "hold",
            "retrieve",
            "consult",
            "consult",
            "consult",
            "complete",
            "cancel",
            "transfer",
            "swap",
            "conference",
        )
        ask = self.dice.choice(asks)
        self.play.wants(self.dice.choice("123"), ask, f"agent:{self.dice.choice('123')}")
        self.watch()

    def router_dies(self) -> None:
        """A new router takes over: it has the memory, and the node tells it everything after what it had said."""
        self.lives += 1
        while self.said:  # what was on its way is lost to the new one, which is told all by the survey
            record = self.said.popleft()
            if isinstance(record, f.CallReturned) and record.transfer and record.call_id == self.call:
                self.forget()  # nobody leads him on any more: he is in the hands of his call flow
        self.play = self.play.reborn(f"e{self.lives + 1}")
        self.watch()
        calls = () if self.call is None or self.main is None else (self._found(),)
        if self.call is not None and self.main is None:
            self.forget()
        self.play.surveyed(*calls, node=NODE)
        self.watch()

    def _found(self) -> f.CallAdopted:
        assert self.call is not None
        assert self.main is not None
        found = self.play.found(self.call, "talking", offer=self.main[0])
        second = self.asked[0] if self.asked is not None else None
        return msgspec.structs.replace(found, held=self.held, second_offer=second, second_answered=self.asked_talks)

    # --- the end ---

    def settle(self) -> None:
        """Everything is told, and all clocks have run out."""
        for _ in range(200):
            while self.said:
                self.deliver()
            self.after(0.5)

    def busy(self) -> dict[str, str]:
        """Return the agents who are in a call, and in what state they must be."""
        states: dict[str, str] = {}
        if self.main is not None:
            states[self.main[1]] = "holding" if self.held else "talking"
        if self.asked is not None and self.asked_talks:
            states[self.asked[1]] = "talking"
        return states


@pytest.mark.parametrize("block", range(10))
def test_whoever_hangs_up_whenever_agents_are_what_they_really_are(block: int) -> None:
    for seed in SEEDS[block::10]:
        _run(seed)


def _run(seed: int) -> None:
    world = World(seed)
    acts = (
        (world.agent_wants, 30), (world.second_answers, 15), (world.second_hangs_up, 6), (world.first_hangs_up, 6),
        (world.caller_hangs_up, 6), (world.caller_calls, 20), (world.router_dies, 3),
    )  # fmt: skip
    for _ in range(STEPS):
        world.dice.choices([act for act, _ in acts], [weight for _, weight in acts])[0]()
        for _ in range(world.dice.randrange(4)):
            if world.said:
                world.deliver()
        world.after(world.dice.random() * 0.5)
    world.settle()
    live = {world.asked[0]} if world.asked is not None else set()
    assert world.begun == set(world.ended) | world.handed_on | live, f"seed {seed}"
    assert not world.handed_on & set(world.ended), f"seed {seed}"
    truth, agents = world.busy(), {a: world.play.state(a) for a in "123"}
    if world.asked is not None and not world.asked_talks:
        truth.pop(world.asked[1], None)
        agents.pop(world.asked[1])  # a phone that rings for ever: its offer was given up
    in_call = {a: s for a, s in agents.items() if s in ("talking", "holding", "reserved", "ringing")}
    assert in_call == truth, f"seed {seed}"
