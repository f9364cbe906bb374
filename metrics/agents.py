"""What agents are doing, folded from their facts: agents by state, wrap-up times, occupancy. Pure, bounded.

Occupancy of a queue = (talking + holding + wrap-up) / (talking + holding + wrap-up + ready idle) of its agents over a sliding
window, taken from the time they spent in each state. Being reserved or rung counts as neither: it is the caller's time, not work.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import get_args

from hotline.facts import AgentAdded, AgentState, AgentStateChanged, BreakOverran, OutcomeGiven
from hotline.ids import AgentId, OfferId, QueueId
from metrics.board import Observation, see
from metrics.definitions import OTHER
from metrics.window import plausible

AGENT_LIMIT = 10_000
BIN_S = 60
WINDOW_S = 1800
BUSY: frozenset[AgentState] = frozenset({"talking", "holding", "wrap_up"})
IDLE: frozenset[AgentState] = frozenset({"ready"})


@dataclass(slots=True)
class _Seat:
    """One agent."""

    state: AgentState
    since: float
    settled: float
    """Up to when the time in this state stands in the occupancy bins."""
    queues: tuple[str, ...]
    last_queue: str = ""
    """Whose caller the agent talked to last: the queue of the wrap-up."""
    overran: bool = False
    """Whether the break lasts longer than it may."""
    outcome_of: OfferId | None = None
    """The conversation whose outcome was counted last."""


class AgentsFold:
    """All agents."""

    def __init__(self, queues: Iterable[str]) -> None:
        self._all_queues = tuple(queues)
        self._seats: dict[AgentId, _Seat] = {}
        self._bins: dict[int, dict[str, list[float]]] = {}
        """Bin -> queue -> [busy seconds, idle seconds]."""

    def added(self, fact: AgentAdded, now: float) -> Iterator[Observation]:
        """An agent exists; offline until a state is told."""
        seat = self._seats.get(fact.agent_id)
        if seat is not None:
            seat.queues = self._known(fact.queues)
        elif len(self._seats) < AGENT_LIMIT:
            self._seats[fact.agent_id] = _Seat("offline", plausible(fact.at, now), now, self._known(fact.queues))
        else:
            yield see("limits_reached", limit="metrics_agents")

    def changed(self, fact: AgentStateChanged, now: float) -> Iterator[Observation]:
        """An agent's state changed; leaving wrap-up tells how long it took. A repeated fact changes nothing."""
        at = plausible(fact.at, now)
        seat = self._seats.get(fact.agent_id)
        if seat is None:
            if len(self._seats) >= AGENT_LIMIT:
                yield see("limits_reached", limit="metrics_agents")
                return
            seat = self._seats[fact.agent_id] = _Seat(fact.state, at, now, ())
        if at < seat.since:
            return
        seat.queues = self._known(fact.queues)
        if fact.state == seat.state:
            if at > seat.since:
                seat.since, seat.overran = at, False  # another break, with a limit of its own
            return
        self._settle(seat, now)
        if seat.state == "wrap_up":
            queue = seat.last_queue or (seat.queues[0] if len(seat.queues) == 1 else OTHER)
            yield see("wrapup_seconds", at - seat.since, queue=queue)
        seat.state, seat.since, seat.overran = fact.state, at, False

    def overran(self, fact: BreakOverran, now: float) -> Iterator[Observation]:
        """A break lasts longer than its reason allows."""
        seat = self._seats.get(fact.agent_id)
        if seat is None or seat.state != "break" or seat.overran or plausible(fact.at, now) < seat.since:
            return
        seat.overran = True
        for queue in seat.queues:
            yield see("breaks_overrun", queue=queue)

    def outcome(self, fact: OutcomeGiven) -> Iterator[Observation]:
        """An agent said how a conversation went. When he says it anew, the count stays with his first word."""
        seat = self._seats.get(fact.agent_id)
        if seat is not None and seat.outcome_of != fact.offer_id:
            seat.outcome_of = fact.offer_id
            yield see("outcomes", queue=seat.last_queue or OTHER, outcome=fact.outcome)

    def talked(self, agent_id: AgentId, queue_id: QueueId) -> None:
        """The agent answered a caller of this queue."""
        if agent_id in self._seats:
            self._seats[agent_id].last_queue = queue_id

    def levels(self, now: float) -> Iterator[Observation]:
        """Yield agents by queue and state, and the occupancy of each queue."""
        for seat in self._seats.values():
            self._settle(seat, now)
        counts: dict[tuple[str, str], int] = dict.fromkeys(itertools.product(self._all_queues, get_args(AgentState)), 0)
        for seat in self._seats.values():
            for queue in seat.queues:
                counts[queue, seat.state] = counts.get((queue, seat.state), 0) + 1
        for (queue, state), number in counts.items():
            yield see("agents", number, queue=queue, state=state)
        late: Counter[str] = Counter(queue for seat in self._seats.values() if seat.overran for queue in seat.queues)
        for queue in self._all_queues:
            yield see("agents_overrun", late[queue], queue=queue)
        yield from self._occupancy(now)

    def _occupancy(self, now: float) -> Iterator[Observation]:
        oldest = int((now - WINDOW_S) // BIN_S)
        for slot in [s for s in self._bins if s <= oldest]:
            del self._bins[slot]
        for queue in self._all_queues:
            busy = sum(b[queue][0] for b in self._bins.values() if queue in b)
            idle = sum(b[queue][1] for b in self._bins.values() if queue in b)
            if busy + idle > 0:
                yield see("occupancy_ratio", busy / (busy + idle), queue=queue)

    def _settle(self, seat: _Seat, now: float) -> None:
        """Book the time since the last booking; `levels` comes with every scrape, so all of it belongs to the present bin."""
        spent, seat.settled = min(max(now - seat.settled, 0.0), WINDOW_S), max(now, seat.settled)
        kind = 0 if seat.state in BUSY else 1 if seat.state in IDLE else None
        if kind is None or spent == 0:
            return
        queues = self._bins.setdefault(int(now // BIN_S), {})
        for queue in seat.queues:
            queues.setdefault(queue, [0.0, 0.0])[kind] += spent

    def _known(self, queues: Iterable[str]) -> tuple[str, ...]:
        """Return the queues of an agent: none named means all; unknown ones are kept together as `other`."""
        named = tuple(dict.fromkeys(q if q in self._all_queues else OTHER for q in queues))
        return named or self._all_queues
