"""Random queues with rules of overflow, random lives of callers: every wait ends once, nobody goes in circles, nobody is forgotten.

A small model of the call flows tells callers as queued where the router moved them: at once, late, twice, or with their old place
because it died in between.
"""

from collections import Counter
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acd.core import memories
from acd.core.callers.line import Caller
from acd.core.callers.overflow import RETRY_S, SWEEP_S
from acd.core.offers.book import Offer
from acd.core.requests import CallerRequest, QueueRequest
from hotline import commands as c
from hotline import facts as f
from hotline.ids import CallId, LegId, QueueId
from hotline.settings.queues import Overflow, Queue
from tests.unit.acd.play import NODE, START, Play

NAMES = ("a", "b", "c")
LIMITS = (0.0, 1.0, 5.0, 30.0)
TREATMENTS = ("voicemail", "hang_up", "fallback", "announce:x", *(f"queue:{name}" for name in NAMES))

rules = st.builds(
    Overflow,
    when=st.sampled_from(["waited", "length", "nobody_logged_in", "expected_wait"]),
    over=st.sampled_from(LIMITS),
    to=st.sampled_from(TREATMENTS),
)


def queue(name: str) -> st.SearchStrategy[Queue]:
    return st.builds(
        Queue,
        id=st.just(name),
        overflow=st.lists(rules, max_size=3).map(tuple),
        max_waiting=st.sampled_from([1, 3, 100]),
        when_full=st.sampled_from(TREATMENTS),
        when_closed=st.sampled_from(TREATMENTS),
        at_closing=st.none() | st.sampled_from(TREATMENTS),
        resume_s=st.sampled_from([0.0, 20.0]),
        ring_timeout_s=st.just(4.0),
    )


steps = st.one_of(
    st.tuples(st.just("call"), st.sampled_from(NAMES), st.sampled_from(["", "138", "139"])),
    st.tuples(st.just("time"), st.sampled_from([0.0, 0.5, 2.0, 7.0, 40.0])),
    st.tuples(st.just("end"), st.integers(0, 50)),
    st.tuples(st.just("agent"), st.sampled_from(["ready", "log_out", "not_ready"])),
    st.tuples(st.just("phone"), st.sampled_from(["answer", "hang_up", "ignore", "reject"])),
    st.tuples(st.just("flow"), st.sampled_from(["tells", "tells_twice", "died"])),
    st.tuples(st.just("move"), st.integers(0, 50), st.sampled_from(TREATMENTS)),
    st.tuples(st.just("router dies"), st.sampled_from([0.0, 3.0, 25.0])),
    st.tuples(st.just("switch"), st.sampled_from(NAMES), st.booleans() | st.none(), st.booleans() | st.none()),
)


class Callers:
    """A router, the callers it knows, and the books of a bystander."""

    def __init__(self, queues: tuple[Queue, ...]) -> None:
        self.play = Play("1", queues=queues)
        self.numbers: dict[str, str] = {}
        self.entries: dict[tuple[str, str, float], str] = {}
        """(call, queue, entered at) -> how that wait ended; empty: it has not."""
        self.visited: dict[str, list[str]] = {}
        self.since: dict[str, float] = {}
        self.untold: list[f.CallFlowedOut] = []
        """Moves of which the call flow has not told yet."""
        self.ringing: str | None = None
        self.made = 0
        self.lives = 1
        self.memory: dict[str, bytes] = {}

    # --- what the router says

    def heed(self) -> None:
        for output in self.play.out:
            match output:
                case f.CallFlowedOut():
                    self._left(output)
                case f.CallAbandoned():
                    self._close(output.call_id, output.queue_id, output.entered_at, "abandoned")
                case f.OfferMade():
                    self.ringing = output.call_id
                    assert self.entries[output.call_id, output.queue_id, output.entered_at] == ""
                case f.OfferUnknown():  # its own clock ended it
                    self.ringing = None
                case f.CallResumed():
                    self.since[output.call_id] = output.since
                case c.Ring():
                    assert self.play.router.floor.line.get(output.call_id) is not None
        self.play.out = []
        self.check()

    def _close(self, call: str, queue_id: str, entered_at: float, how: str) -> None:
        key = (call, queue_id, entered_at)
        assert key in self.entries, f"{key} never waited"
        assert self.entries[key] in ("", how), f"{key} left twice"
        self.entries[key] = how

    def _left(self, out: f.CallFlowedOut) -> None:
        again = self.entries.get((out.call_id, out.queue_id, out.entered_at)) == "flowed_out"
        self._close(out.call_id, out.queue_id, out.entered_at, "flowed_out")
        assert again or self.ringing != out.call_id, "torn away from a ringing phone"
        if again or not out.treatment.startswith("queue:"):
            return
        to = out.treatment.partition(":")[2]
        if out.reason != "moved":
            assert to not in self.visited[out.call_id], "a circle"
        self.visited[out.call_id].append(to)
        if out.reason in ("overflow", "closing", "moved"):  # he waited, and is in the other line at once
            self.entries[out.call_id, to, out.at] = ""
        self.untold.append(out)

    # --- what happens

    def call(self, queue_id: str, number: str) -> None:
        self.made += 1
        call = f"call{self.made}"
        self.numbers[call] = number
        self.visited[call], self.since[call] = [queue_id], self.play.now
        self.entries[call, queue_id, self.play.now] = ""
        self.play.arrived(call, caller=number)
        self.heed()
        self.play.queued(call, queue_id)
        self.heed()

    def pass_time(self, seconds: float) -> None:
        end = self.play.now + seconds
        while (due := self.play.router.next_deadline()) is not None and due <= end:
            self.play.now = max(self.play.now, due)
            self.play.out = self.play.router.wake(now=self.play.now)
            self.heed()
        self.play.now = end

    def end(self, which: int) -> None:
        waiting = sorted(caller.call_id for caller in self.play.router.floor.line)
        if not waiting:
            return
        call = waiting[which % len(waiting)]
        self.ringing = None if self.ringing == call else self.ringing
        self.play.ended(call)
        self.heed()
        self.untold = [out for out in self.untold if out.call_id != call]

    def phone(self, what: str) -> None:
        call = self.ringing
        offer = self.play.router.floor.offers.of_call(CallId(call)) if call is not None else None
        if call is None or offer is None:
            return
        self.ringing = None
        if what == "answer":
            caller = self.play.router.floor.line.get(CallId(call))
            if caller is not None:
                self._close(call, caller.queue_id, caller.entered_at, "answered")
            self.play.told(f.OfferRang, call, offer.offer_id)
            self.play.told(f.OfferAccepted, call, offer.offer_id)
            self.heed()
            self.play.ended(call)
        elif what == "hang_up":
            self.play.ended(call)
        else:
            self.play.told(f.OfferRejected if what == "reject" else f.OfferTimedOut, call, offer.offer_id)
            self.heed()
            self.play.returned(call, offer=offer.offer_id)
        self.heed()

    def flow(self, how: str) -> None:
        """The call flow tells where somebody was moved; or it died, and who adopts him tells his old place."""
        if not self.untold:
            return
        out = self.untold.pop(0)
        to = out.treatment.partition(":")[2]
        if how == "died":
            self.play.queued(out.call_id, out.queue_id, entered_at=out.entered_at)
            self.heed()
        for _ in range(2 if how == "tells_twice" else 1):
            self.entries.setdefault((out.call_id, to, out.at), "")
            since, before = self.since[out.call_id], tuple(QueueId(q) for q in self.visited[out.call_id][:-1])
            self.play.queued(out.call_id, to, entered_at=out.at, since=since, before=before)
            self.heed()

    def router_dies(self, downtime: float) -> None:
        """The next one has what was remembered, and what the channels keep of those who wait. The call flows have heard everything."""
        while self.untold:
            self.flow("tells")
        floor = self.play.router.floor
        living = [self._kept(caller, floor.offers.of_call(caller.call_id)) for caller in floor.line]
        switched = self._switched()
        self.lives += 1
        for key, value in self.play.router.take_changed(now=self.play.now).items():
            self.memory.pop(key, None)
            if value is not None:
                self.memory[key] = value
        kept, unread = memories.read(self.memory)
        assert not unread
        now = self.play.now + downtime
        self.play = Play("1", queues=self.play.queues, epoch=f"e{self.lives}")
        self.play.now, self.play.out = now, self.play.router.restore(kept, now=now)
        self.heed()
        self.play.surveyed(*(msgspec.structs.replace(call, at=self.play.now) for call in living))
        self.heed()
        assert self._switched() == switched, "a switch was forgotten"

    def _switched(self) -> list[tuple[float | None, str]]:
        switches = map(self.play.router.floor.openings.switch, map(QueueId, NAMES))
        return [(switch.closed_at, switch.emergency) for switch in switches]

    def _kept(self, caller: Caller, offer: Offer | None) -> f.CallAdopted:
        place = f.Place(
            flow="main", flow_version="1", step="queue", queue_id=caller.queue_id, entered_at=caller.entered_at,
            since=caller.since, before=caller.before, priority=caller.priority,
        )  # fmt: skip
        return f.CallAdopted(
            at=self.play.now, call_id=caller.call_id, node=NODE, leg=LegId("x"), place=place,
            phase="session" if offer is None else "ringing", offer_id=offer.ring if offer is not None else None,
            caller_number=self.numbers[caller.call_id],
        )  # fmt: skip

    def steer(self, which: int, treatment: str) -> None:
        waiting = sorted(caller.call_id for caller in self.play.router.floor.line)
        if waiting:
            call_id = waiting[which % len(waiting)]
            self.play.give(CallerRequest(at=self.play.now, call_id=call_id, treatment=treatment, by="mei"))
            self.heed()

    def switch(self, queue_id: str, closed: bool | None, emergency: bool | None) -> None:
        ids: dict[str, Any] = {"at": self.play.now, "queue_id": QueueId(queue_id), "by": "mei"}
        self.play.give(QueueRequest(**ids, closed=closed, emergency=emergency, then="hang_up"))
        self.heed()

    # --- what must hold

    def check(self) -> None:
        """Whoever waits has an open wait; whoever does not has none, but for those whom the call flow has not told of."""
        floor = self.play.router.floor
        open_now = Counter(call for (call, _, _), how in self.entries.items() if how == "")
        for caller in floor.line:
            assert self.entries.get((caller.call_id, caller.queue_id, caller.entered_at)) == "", caller
            assert open_now[caller.call_id] == 1
            assert caller.waits_since <= caller.entered_at
            assert caller.waits_since == self.since[caller.call_id], "the time waited was not kept"

    def settle(self) -> None:
        """In the end nobody waits for longer than his queue lets him, if there is somewhere to go."""
        while self.untold:
            self.flow("tells")
        self.phone("ignore")
        self.play.ask("1", "log_out")
        self.heed()
        self.pass_time(max(LIMITS) + RETRY_S + SWEEP_S + 1)
        for caller in self.play.router.floor.line:
            for rule in self.play.router.floor.queues[caller.queue_id].overflow:
                due = rule.when == "nobody_logged_in" or rule.when == "waited"
                assert not due or rule.to.startswith("queue:"), f"{caller.call_id} was forgotten"


def act(callers: Callers, step: tuple[Any, ...]) -> None:
    match step:
        case ("call", queue_id, number):
            callers.call(queue_id, number)
        case ("time", seconds):
            callers.pass_time(seconds)
        case ("end", which):
            callers.end(which)
        case ("agent", ask):
            callers.play.ask("1", ask)
            callers.heed()
        case ("phone", what):
            callers.phone(what)
        case ("flow", how):
            callers.flow(how)
        case ("move", which, treatment):
            callers.steer(which, treatment)
        case ("router dies", downtime):
            callers.router_dies(downtime)
        case ("switch", queue_id, closed, emergency):
            callers.switch(queue_id, closed, emergency)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(queues=st.tuples(*(queue(name) for name in NAMES)), life=st.lists(steps, min_size=10, max_size=40))
def test_whatever_the_rules_every_wait_ends_once_and_nobody_is_forgotten(
    queues: tuple[Queue, ...], life: list[tuple[Any, ...]]
) -> None:
    callers = Callers(queues)
    assert callers.play.now == START
    for step in life:
        callers.play.now += 0.001  # no two things happen at the same moment
        act(callers, step)
    callers.settle()
