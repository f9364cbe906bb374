"""How often somebody is served before one who came earlier: our router, and a model of Asterisk's `app_queue`, on the same arrivals.

Three queues share 20 agents of three kinds: sales and service, which count the same, and VIP, which goes first. Arrivals, talk times
and patience are drawn once and are the same for both. An *overtake* is a caller who is given to an agent while another one waits
whom that agent could have served, who came earlier and counts at least as much.

The model goes by the source of `app_queue` (Asterisk 18 to 22: `wait_our_turn`, `is_our_turn`, `try_calling`, `compare_weight`,
`leastrecent`, `autofill` on, default times): each caller looks once a second whether it is his turn, which it is when his place is
within the number of his queue's free members; the member whose last call ended longest ago is rung, unless a queue with more weight
has at least as many callers as free members; who gets nobody pauses for `retry`. Its order within a queue is kept; between queues of
one weight the second in which a caller looks decides, and that is what is counted here. Phones are answered after `ANSWER_S` by
everybody, so that neither side loses time to agents who do not answer.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import Random

from acd.core.agents.roster import Profile
from acd.core.requests import AgentRequest
from acd.core.router import Router
from hotline import facts as f
from hotline.ids import AgentId, CallId, Extension, LegId, NodeId, QueueId
from hotline.settings.queues import Queue
from tests.bench.report import Report, Scale, percentile, say

WEIGHTS = {"sales": 0, "service": 0, "vip": 5}
CREWS = (("sales", "vip"), ("service", "vip"), ("sales", "service", "vip"))
SHARES = (0.45, 0.45, 0.10)
AGENTS = 20
PER_HOUR = 510.0
TALK_S, PATIENCE_S, WRAP_UP_S, ANSWER_S = 120.0, 240.0, 10.0, 3.0
LOOK_S, RETRY_S = 1.0, 5.0
"""Of `app_queue`: RECHECK, and the default of `retry`."""


@dataclass(frozen=True, order=True)
class Arrival:
    """One caller."""

    at: float
    call_id: str
    queue: str
    talk_s: float
    patience_s: float


@dataclass
class Story:
    """What became of everybody."""

    waits: list[float] = field(default_factory=list)
    vip_waits: list[float] = field(default_factory=list)
    abandoned: int = 0
    overtaken: Counter[str] = field(default_factory=Counter)
    """Call -> how many were served before it although it came earlier."""
    overtaking: int = 0
    """Callers who were served before such a one."""

    def given(self, caller: Arrival, serves: tuple[str, ...], waiting: list[Arrival], now: float) -> None:
        """A caller is given to an agent while others wait."""
        wait = now - caller.at
        (self.vip_waits if caller.queue == "vip" else self.waits).append(wait)
        passed = [
            w.call_id
            for w in waiting
            if w.queue in serves and w.at < caller.at and WEIGHTS[w.queue] >= WEIGHTS[caller.queue]
        ]
        self.overtaking += bool(passed)
        self.overtaken.update(passed)


def arrivals(hours: float, seed: int = 1) -> list[Arrival]:
    """Return the same callers for the same arguments."""
    dice, at = Random(seed), 0.0
    found: list[Arrival] = []
    while (at := at + dice.expovariate(PER_HOUR / 3600)) < hours * 3600:
        queue = dice.choices(tuple(WEIGHTS), SHARES)[0]
        found.append(
            Arrival(at, f"c{len(found):05}", queue, dice.expovariate(1 / TALK_S), dice.expovariate(1 / PATIENCE_S))
        )
    return found


def crew() -> dict[str, tuple[str, ...]]:
    """Return the agents with the queues that they serve."""
    return {f"{1001 + n}": CREWS[n % len(CREWS)] for n in range(AGENTS)}


class Clockwork:
    """Things that happen at their time, in order."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, when: float, act: Callable[[], None]) -> None:
        heappush(self._due, (when, next(self._numbers), act))

    def next(self) -> float | None:
        return self._due[0][0] if self._due else None

    def step(self) -> None:
        self.now, _, act = heappop(self._due)
        act()


class Ours:
    """The router, with phones that are answered."""

    def __init__(self, callers: list[Arrival]) -> None:
        self.clock, self.story, self.serves = Clockwork(), Story(), crew()
        queues = [Queue(id=q, priority=w, wrap_up_s=WRAP_UP_S, max_waiting=10_000) for q, w in WEIGHTS.items()]
        profiles = [
            Profile(id=AgentId(a), extension=Extension(a), queues=tuple(map(QueueId, q)))
            for a, q in self.serves.items()
        ]
        self.router = Router(queues, profiles, epoch="bench")
        self.callers = {caller.call_id: caller for caller in callers}
        self.waiting: dict[str, Arrival] = {}
        for agent in self.serves:
            self.give(AgentRequest(at=0.0, agent_id=AgentId(agent), ask="ready"))
        for caller in callers:
            self.clock.at(caller.at, lambda caller=caller: self.enter(caller))  # type: ignore[misc]

    def give(self, record: f.Record) -> None:
        self.heed(self.router.handle(record, now=self.clock.now))

    def heed(self, out: Sequence[object]) -> None:
        for made in out:
            if isinstance(made, f.OfferMade):
                caller = self.waiting.pop(made.call_id)
                waiting = list(self.waiting.values())
                self.story.given(caller, self.serves[made.agent_id], waiting, self.clock.now)
                self.clock.at(self.clock.now + ANSWER_S, lambda made=made: self.answer(made))  # type: ignore[misc]

    def enter(self, caller: Arrival) -> None:
        self.waiting[caller.call_id] = caller
        now, call_id = self.clock.now, CallId(caller.call_id)
        self.give(f.CallArrived(at=now, call_id=call_id, node=NodeId("node1"), leg=LegId("x"), number="4"))
        self.give(f.CallQueued(at=now, call_id=call_id, queue_id=QueueId(caller.queue), entered_at=caller.at))
        self.clock.at(caller.at + caller.patience_s, lambda: self.hang_up(caller))

    def hang_up(self, caller: Arrival) -> None:
        if self.waiting.pop(caller.call_id, None) is not None:
            self.story.abandoned += 1
            self.give(f.CallEnded(at=self.clock.now, call_id=CallId(caller.call_id)))

    def answer(self, made: f.OfferMade) -> None:
        self.give(f.OfferAccepted(at=self.clock.now, call_id=made.call_id, offer_id=made.offer_id))
        self.clock.at(self.clock.now + self.callers[made.call_id].talk_s, lambda: self.end(made))

    def end(self, made: f.OfferMade) -> None:
        self.give(f.TalkEnded(at=self.clock.now, call_id=made.call_id, offer_id=made.offer_id))
        self.give(f.CallEnded(at=self.clock.now, call_id=made.call_id))

    def play(self) -> Story:
        """Let the day pass."""
        while (upcoming := self.clock.next()) is not None:
            due = self.router.next_deadline()
            if due is not None and due < upcoming:
                self.clock.now = due
                self.heed(self.router.wake(now=due))
            else:
                self.clock.step()
        return self.story


class AppQueue:
    """The model of `app_queue`."""

    def __init__(self, callers: list[Arrival]) -> None:
        self.clock, self.story, self.serves = Clockwork(), Story(), crew()
        self.lines: dict[str, list[Arrival]] = {queue: [] for queue in WEIGHTS}
        """Each with those whose phones ring: `leave_queue` comes with the answer."""
        self.pending: set[str] = set()
        self.busy: set[str] = set()
        self.last_call = dict.fromkeys(self.serves, -WRAP_UP_S)
        for caller in callers:
            self.clock.at(caller.at, lambda caller=caller: self.enter(caller))  # type: ignore[misc]

    def is_free(self, agent: str) -> bool:
        return agent not in self.busy and self.clock.now - self.last_call[agent] >= WRAP_UP_S

    def members(self, queue: str) -> list[str]:
        return [agent for agent, serves in self.serves.items() if queue in serves]

    def free(self, queue: str) -> int:
        return sum(self.is_free(agent) for agent in self.members(queue))

    def enter(self, caller: Arrival) -> None:
        self.lines[caller.queue].append(caller)
        self.clock.at(caller.at + caller.patience_s, lambda: self.hang_up(caller))
        self.look(caller)

    def hang_up(self, caller: Arrival) -> None:
        if caller in self.lines[caller.queue] and caller.call_id not in self.pending:
            self.lines[caller.queue].remove(caller)
            self.story.abandoned += 1

    def look(self, caller: Arrival) -> None:
        """His second is over: is it his turn, and is there somebody for him?"""
        if caller not in self.lines[caller.queue]:
            return
        pause_s = LOOK_S
        if self.is_his_turn(caller):
            agent = self.choose(caller)
            if agent is not None:
                self.ring(caller, agent)
                return
            pause_s = RETRY_S
        self.clock.at(self.clock.now + pause_s, lambda: self.look(caller))

    def is_his_turn(self, caller: Arrival) -> bool:
        before = self.lines[caller.queue][: self.lines[caller.queue].index(caller)]
        return sum(c.call_id not in self.pending for c in before) < self.free(caller.queue)

    def choose(self, caller: Arrival) -> str | None:
        able = [agent for agent in self.members(caller.queue) if self.is_free(agent)]
        ranked = sorted(able, key=lambda agent: int(self.last_call[agent]))
        return next((agent for agent in ranked if not self.yields(caller.queue, agent)), None)

    def yields(self, queue: str, agent: str) -> bool:
        """A queue with more weight has at least as many callers as free members."""
        return any(
            other in self.serves[agent]
            and WEIGHTS[other] > WEIGHTS[queue]
            and self.lines[other]
            and len(self.lines[other]) >= self.free(other)
            for other in WEIGHTS
        )

    def ring(self, caller: Arrival, agent: str) -> None:
        self.pending.add(caller.call_id)
        self.busy.add(agent)
        waiting = [c for line in self.lines.values() for c in line if c.call_id not in self.pending]
        self.story.given(caller, self.serves[agent], waiting, self.clock.now)
        self.clock.at(self.clock.now + ANSWER_S, lambda: self.lines[caller.queue].remove(caller))
        self.clock.at(self.clock.now + ANSWER_S + caller.talk_s, lambda: self.end(agent))

    def end(self, agent: str) -> None:
        self.busy.discard(agent)
        self.last_call[agent] = self.clock.now

    def play(self) -> Story:
        """Let the day pass."""
        while self.clock.next() is not None:
            self.clock.step()
        return self.story


async def run(scale: Scale) -> Report:
    """Play the same day on both."""
    hours = scale.pick(24, 4)
    callers = arrivals(hours)
    found: dict[str, Story] = {}
    for name, play in (("ours", Ours(callers).play), ("app_queue", AppQueue(callers).play)):
        say(f"fairness: {hours} hours on {name}")
        found[name] = await asyncio.to_thread(play)
    numbers = {name: _numbers(story, hours) for name, story in found.items()}
    return Report(
        name="fairness",
        title=f"{len(callers):,} callers in {hours} hours, {AGENTS} agents, two queues that count the same and one that goes first",
        head=("router", "overtakes/h", "overtaken/h", "most for one", "wait p50", "p95", "worst", "vip p95", "abandoned"),
        rows=[
            (
                name, f"{n['overtakes_per_hour']:.1f}", f"{n['overtaken_per_hour']:.1f}", f"{n['most']:.0f}",
                f"{n['wait_p50_s']:.1f} s", f"{n['wait_p95_s']:.1f} s", f"{n['wait_worst_s']:.0f} s",
                f"{n['vip_p95_s']:.1f} s", f"{n['abandoned']:.0f}",
            )
            for name, n in numbers.items()
        ],
        numbers=numbers,
        goal="nobody is overtaken by one who came later and counts no more",
        reached=numbers["ours"]["overtakes_per_hour"] == 0,
    )  # fmt: skip


def _numbers(story: Story, hours: int) -> dict[str, float]:
    return {
        "overtakes_per_hour": story.overtaking / hours,
        "overtaken_per_hour": len(story.overtaken) / hours,
        "most": max(story.overtaken.values(), default=0),
        "wait_p50_s": percentile(story.waits, 50),
        "wait_p95_s": percentile(story.waits, 95),
        "wait_worst_s": max(story.waits),
        "vip_p95_s": percentile(story.vip_waits, 95),
        "abandoned": float(story.abandoned),
    }
