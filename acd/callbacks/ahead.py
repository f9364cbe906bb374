"""Whom to dial ahead of his turn: the customer's phone takes a while to be answered, and an agent is about to be free. Pure.

Where the customer is rung first, an agent who waited for him would lose the time that his phone rings. So he is dialled when an agent is
expected for him within `ahead_s`: when half of that time-span's chances are that those before him in the line and he himself are served by
then (`Estimates.of`, which goes by the agents' wrap-up clocks and by how long conversations like theirs last). The price is that now
and then a customer answers before an agent is free; he is the first in line then, and hears music. So nobody is dialled ahead

* before those who wait longer: the line is gone through from its first, and ends at the first who has to wait for longer than that;
* while as many customers are called without an agent as agents of the queue are about to be free: each of them has one of his own.
"""

from itertools import islice

from acd.callbacks import turns, wishes
from acd.callbacks.book import Callback
from acd.core.floor import Floor
from hotline.facts import AgentState
from hotline.ids import QueueId

LOOKED_AT = 20
"""So many of a line are looked at, from the first."""
SOON: frozenset[AgentState] = frozenset({"talking", "holding", "wrap_up", "rest"})
"""States from which an agent comes back to the line by himself."""


def look(floor: Floor, queue_id: QueueId, now: float) -> None:
    """Dial those customers of a queue whose turn is about to come, and look again while there are any."""
    policy = floor.queues[queue_id].callback
    if policy.first != "customer" or not floor.callbacks.waiting(queue_id):
        return
    floor.timers.set("ahead", queue_id, now + wishes.AHEAD_S)
    room = _agents(floor, queue_id) - _without_agent(floor, queue_id)
    for position, caller in enumerate(list(islice(floor.line.waiting(queue_id), LOOKED_AT)), start=1):
        callback = floor.callbacks.get(caller.call_id)
        if callback is None or callback.phase != "waiting" or not floor.line.is_offerable(caller):
            continue
        if room <= 0 or not _is_soon(floor, queue_id, position, now, within_s=policy.ahead_s):
            return
        turns.dial_ahead(floor, callback, now)
        room -= 1


def _is_soon(floor: Floor, queue_id: QueueId, position: int, now: float, *, within_s: float) -> bool:
    """Return whether an agent is expected for somebody at a position so soon, the time that agents' phones ring left out."""
    expected = floor.estimates.of(queue_id, position, now)
    return expected is not None and expected.p50_s - floor.estimates.book(queue_id).learnt.ring_s <= within_s


def _agents(floor: Floor, queue_id: QueueId) -> int:
    """Return how many agents may be about to be free for a callback of the queue."""
    return sum(agent.profile.outbound and agent.state in SOON for agent in floor.agents.of_queue(queue_id))


def _without_agent(floor: Floor, queue_id: QueueId) -> int:
    """Return how many customers of the queue are called, or on the line, without an agent."""
    return sum(c.wish.queue_id == queue_id and _lacks_agent(floor, c) for c in floor.callbacks)


def _lacks_agent(floor: Floor, callback: Callback) -> bool:
    return callback.phase == "ahead" or (
        callback.phase == "live" and not callback.talked and floor.offers.of_call(callback.call_id) is None
    )
