"""Expected waits of a floor: learns from what happens on it, answers on demand, and tells callers who want to know. Pure.

`of` costs some ten microseconds when the floor was looked at a moment ago, else the time of one pass over the agents. Nothing but
a few additions happens while callers are matched. What has been learned is handed out by `take_changed` to be remembered; shadows and
promises of those who wait are not, so a router that takes over judges only what is said in its own life.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from acd.core.callers.line import Demand
from acd.core.recent import Recent
from acd.estimates.learnt import Book, Learnt
from acd.estimates.servers import servers
from acd.estimates.staff import Abilities, Look, before, own_demand
from acd.estimates.supply import Supply, supply
from acd.estimates.wait import Estimate, estimate
from hotline.facts import (
    AgentStateChanged,
    CallAbandoned,
    CallFlowedOut,
    CallQueued,
    OfferAccepted,
    Record,
    WaitEstimated,
    WaitPromised,
)
from hotline.ids import AgentId, CallId, QueueId
from hotline.ranges import Promise, spoken_range

if TYPE_CHECKING:
    from acd.core.callers.line import Caller
    from acd.core.floor import Floor

TICK_S = 2.0
"""How often those who wait are looked after."""
TELL_AGAIN_S = 10.0
"""So long an estimate that was told stays good while its caller's position does not change."""
LOOKED_AFTER = 300
"""Callers of one queue, from the first in line, who are told estimates and whose shadows are measured."""
ESTIMATES_PER_TICK = 100
"""More are not worked out at a time: callers who are offered meanwhile must not wait. The next tick goes on with the others."""
KEEP_EVERY_S = 10.0
"""What was learned of a queue is remembered at most this often."""
CALLS = 20_000
SERVING = frozenset({"talking", "holding", "wrap_up"})
"""States of an agent who is not done with a caller yet."""


class Estimates:
    """See the module."""

    def __init__(self, floor: "Floor") -> None:
        self._floor = floor
        self._books: dict[QueueId, Book] = {queue_id: Book() for queue_id in floor.queues}
        self._serving: dict[AgentId, tuple[QueueId, float]] = {}
        """Agents who are not done with a caller: of which queue, since when."""
        self._shadows: Recent[CallId, Promise] = Recent(CALLS)
        self._said: Recent[CallId, Promise] = Recent(CALLS)
        self._told: Recent[CallId, tuple[int, float]] = Recent(CALLS)
        """Position and time of what callers were told last."""
        self._look: Look | None = None
        self._abilities = Abilities()
        self._supplies: dict[Demand, Supply] = {}
        self._leaving: dict[QueueId, float] = {}
        self._ticks = False
        self._tick_at: QueueId | None = None
        """Where the next tick begins, if the last one had too much to do."""

    # --- what is asked ----------------------------------------------------------------------------------------------------

    def of(self, queue_id: QueueId, position: int, now: float) -> Estimate | None:
        """Return how much longer the caller at `position` (1: he is next) waits; None while nobody on duty can serve him.

        For somebody who would join now, ask for the position behind the last.
        """
        if queue_id not in self._books:
            return None
        look = self._looked(now)
        demands = look.line(self._floor, queue_id).demands
        demand = demands[position - 1] if 1 <= position <= len(demands) else own_demand(self._floor, queue_id)
        if not look.staff[demand]:
            return None
        number = before(self._floor, look, queue_id, demand, position)
        ring_s = self._books[queue_id].learnt.ring_s
        return estimate(self._supply(look, demand, now), number, self._leaving_rate(queue_id, now), ring_s=ring_s)

    def may_say(self, queue_id: QueueId) -> bool:
        """Return whether past estimates of this queue came true often enough to be said to callers."""
        book = self._books.get(queue_id)
        return book is not None and book.learnt.gate.is_open

    def book(self, queue_id: QueueId) -> Book:
        """Return what is known of a queue that exists, for metrics."""
        return self._books[queue_id]

    def _looked(self, now: float) -> Look:
        look = self._look
        if look is None or not 0.0 <= now - look.at <= look.lasts_s:
            look = self._look = Look(self._floor, self._serving, self._abilities, now)
            self._supplies.clear()
            self._leaving.clear()
        return look

    def _supply(self, look: Look, demand: Demand, now: float) -> Supply:
        found = self._supplies.get(demand)
        if found is None:
            taken = self._taken(look, demand, now)
            found = self._supplies[demand] = supply(servers(look, demand, self._books), taken_per_s=taken)
        return found

    def _taken(self, look: Look, demand: Demand, now: float) -> float:
        """Return how many openings per second go to callers of queues of higher priority who come later."""
        queues, own = self._floor.queues, self._floor.queues[demand[0]].priority
        higher = [(q, own_demand(self._floor, q)) for q, queue in queues.items() if queue.priority > own]
        return sum(look.shared(other, demand) * self._books[q].learnt.arrivals_per_s(now) for q, other in higher)

    def _leaving_rate(self, queue_id: QueueId, now: float) -> float:
        """Return the rate at which those who wait in a queue hang up, by how long they have waited."""
        found = self._leaving.get(queue_id)
        if found is None:
            patience, line = self._books[queue_id].learnt.patience, self._floor.line
            every = max(line.length(queue_id) // 20, 1)
            rates = [
                patience.rate(now - caller.entered_at) if _is_live(caller) else 0.0
                for index, caller in enumerate(line.waiting(queue_id))
                if index % every == 0
            ]
            found = self._leaving[queue_id] = sum(rates) / len(rates) if rates else patience.rate(0.0)
        return found

    # --- what happens -----------------------------------------------------------------------------------------------------

    def hear(self, record: Record, now: float) -> None:
        """Learn from a record, before the router reacts to it."""
        learn = HEARD.get(type(record))
        if learn is not None:
            learn(self, record, now)

    def told(self, out: Iterable[object], now: float) -> None:
        """Learn from what the router told, and begin to look after those who wait."""
        for output in out:
            learn = TOLD.get(type(output))
            if learn is not None:
                learn(self, output, now)
        if not self._ticks and len(self._floor.line):
            self._ticks = True
            self._floor.timers.set("estimate", "", now + TICK_S)

    def _queued(self, fact: CallQueued, _now: float) -> None:
        book = self._books.get(fact.queue_id)
        if book is not None and fact.kind == "live" and self._floor.line.get(fact.call_id) is None:
            book.learnt.arrival(fact.at)

    def _accepted(self, fact: OfferAccepted, now: float) -> None:
        offer = self._floor.offers.get(fact.offer_id)
        if offer is None or offer.phase == "talking":
            return
        book = self._books[offer.queue_id]
        self._serving[offer.agent_id] = (offer.queue_id, now)
        book.learnt.rang(now - offer.made_at)
        caller = self._floor.line.get(fact.call_id)
        if caller is not None and _is_live(caller):
            self._over(fact.call_id, offer.queue_id, offer.entered_at, now, how="answered")

    def _promised(self, fact: WaitPromised, _now: float) -> None:
        caller = self._floor.line.get(fact.call_id)
        if caller is not None and caller.queue_id == fact.queue_id and self._said.get(fact.call_id) is None:
            self._said.put(fact.call_id, Promise(fact.at, fact.low_s, fact.high_s))

    def _abandoned(self, fact: CallAbandoned, _now: float) -> None:
        self._over(fact.call_id, fact.queue_id, fact.entered_at, fact.at, how="hung_up")

    def _flowed_out(self, fact: CallFlowedOut, _now: float) -> None:
        self._over(fact.call_id, fact.queue_id, fact.entered_at, fact.at, how="left")

    def _flowed_out_elsewhere(self, fact: CallFlowedOut, now: float) -> None:
        if self._floor.line.get(fact.call_id) is not None:  # else it is our own word, or old news
            self._flowed_out(fact, now)

    def _over(self, call_id: CallId, queue_id: QueueId, entered_at: float, at: float, *, how: str) -> None:
        """A caller left the line of a queue."""
        book = self._books.get(queue_id)
        if book is not None:
            book.learnt.patience.add(at - entered_at, hung_up=how == "hung_up")
            book.end(self._shadows.get(call_id), self._said.get(call_id), at, answered=how == "answered")
            book.changed = True
        for memory in (self._shadows, self._said, self._told):
            memory.drop(call_id)

    def _agent_changed(self, fact: AgentStateChanged, now: float) -> None:
        if self._look is not None and len(self._floor.agents) <= LOOKED_AFTER:
            self._look = None
        if fact.state in SERVING:
            return
        served = self._serving.pop(fact.agent_id, None)
        if served is not None:
            book = self._books[served[0]]
            book.learnt.handling.add(now - served[1])
            book.changed = True

    # --- those who wait ---------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Look after those who wait: note what would be said to the new ones, and tell those who want to know."""
        self._ticks = False  # `told` sets the next one while anybody waits
        busy = [queue_id for queue_id in self._floor.queues if self._floor.line.length(queue_id)]
        left = ESTIMATES_PER_TICK
        first = next((n for n, queue_id in enumerate(busy) if queue_id == self._tick_at), 0)
        for queue_id in (*busy[first:], *busy[:first]):
            if left <= 0:
                self._tick_at = queue_id
                return
            left -= self._look_after(queue_id, now, at_most=left)

    def _look_after(self, queue_id: QueueId, now: float, *, at_most: int) -> int:
        """Look after those who wait in a queue; return how many estimates that took."""
        comfort, taken = self._floor.queues[queue_id].comfort, 0
        tell = comfort.position or comfort.expected_wait
        for position, caller in enumerate(self._floor.line.waiting(queue_id), start=1):
            if position > LOOKED_AFTER or taken >= at_most:
                break
            if not _is_live(caller):
                continue
            told = self._told.get(caller.call_id)
            news = tell and (told is None or told[0] != position or now - told[1] >= TELL_AGAIN_S)
            if not news and self._shadows.get(caller.call_id) is not None:
                continue
            taken += 1
            found = self.of(queue_id, position, now)
            self._note_shadow(caller.call_id, found, now)
            if news:
                self._told.put(caller.call_id, (position, now))
                self._floor.out.append(self._signal(caller.call_id, queue_id, position, found, now))
        return taken

    def _note_shadow(self, call_id: CallId, found: Estimate | None, now: float) -> None:
        if found is None or self._shadows.get(call_id) is not None:
            return
        said = spoken_range(found.p50_s, found.p90_s)
        if said.high_s is not None:
            self._shadows.put(call_id, Promise(now, said.low_s, said.high_s))

    def _signal(
        self, call_id: CallId, queue_id: QueueId, position: int, found: Estimate | None, now: float
    ) -> WaitEstimated:
        return WaitEstimated(
            at=now,
            call_id=call_id,
            queue_id=queue_id,
            position=position,
            p50_s=found.p50_s if found is not None else 0.0,
            p90_s=found.p90_s if found is not None else 0.0,
            calibrated=found is not None and self.may_say(queue_id),
        )

    # --- across our death -------------------------------------------------------------------------------------------------

    def restore(self, learnt: Mapping[str, Learnt]) -> None:
        """Take up what an earlier life had learned of queues that still exist."""
        for name, found in learnt.items():
            if QueueId(name) in self._books and found.sound:
                self._books[QueueId(name)].learnt = found

    def take_changed(self, now: float) -> list[tuple[QueueId, Learnt]]:
        """Return what is to be remembered of queues of which something was learned, each at most every `KEEP_EVERY_S`."""
        due = [(q, b) for q, b in self._books.items() if b.changed and not 0.0 <= now - b.kept_at < KEEP_EVERY_S]
        for _, book in due:
            book.changed, book.kept_at = False, now
        return [(queue_id, book.learnt) for queue_id, book in due]


def _is_live(caller: "Caller") -> bool:
    """Return whether somebody is on the line: who waits to be called back neither hears anything nor hangs up."""
    return caller.asked is None or caller.asked.kind == "live"


Learn = Callable[[Estimates, Any, float], None]

HEARD: Mapping[type, Learn] = {
    CallQueued: Estimates._queued,
    OfferAccepted: Estimates._accepted,
    CallFlowedOut: Estimates._flowed_out_elsewhere,
    WaitPromised: Estimates._promised,
}
TOLD: Mapping[type, Learn] = {
    AgentStateChanged: Estimates._agent_changed,
    CallAbandoned: Estimates._abandoned,
    CallFlowedOut: Estimates._flowed_out,
}
