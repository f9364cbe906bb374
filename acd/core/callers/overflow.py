"""When somebody who waits is treated otherwise than by waiting on: overflow rules, closing time, emergencies. Pure.

The rules of a queue are looked at in their order, and the first that applies counts:

* `waited`: he waits for longer than `over`, in all, the time in other lines included;
* `expected_wait`: the median of what he still has to wait is above `over` (where nobody estimates, it never is);
* `length`: his place is behind more than `over` others, himself counted; looked at when he joins the line, because from then on
  his place only gets better;
* `nobody_logged_in`: every agent of the queue is logged out.

A rule whose treatment cannot be had does not apply: it leads to a queue that is full, closed or unknown, or that let him out
before (so there are no circles). If none applies he stays, and is looked at again soon.

He is looked at when he joins, when his wait reaches a limit, and every `SWEEP_S`. Nobody is torn away from a ringing phone, and
nobody whose node cannot be reached is treated: he is looked at when he is back in our hands, before another phone rings.
"""

from collections.abc import Iterator

import msgspec

from acd.core.callers import arriving, outlets
from acd.core.callers.line import Caller
from acd.core.callers.opening import LOOK_AGAIN_S
from acd.core.floor import Floor
from hotline import treatments
from hotline.facts import AnnouncementDue
from hotline.hours import next_closing
from hotline.ids import QueueId
from hotline.settings.queues import Overflow

SWEEP_S = 5.0
"""How often all who wait are held against rules that change without them."""
RETRY_S = 10.0
"""How soon somebody is looked at again whose treatment could not be had."""
_CHANGING = frozenset({"expected_wait", "nobody_logged_in"})


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody is treated."""

    reason: str
    treatment: str
    announce: str = ""


def begin(floor: Floor, now: float) -> None:
    """Set the timers of the queues; to be called once, when the time is known."""
    for queue_id, queue in floor.queues.items():
        if any(rule.when in _CHANGING for rule in queue.overflow):
            floor.timers.set("sweep", queue_id, now + SWEEP_S)
        if queue.at_closing is not None:
            _await_closing(floor, queue_id, now)


def _await_closing(floor: Floor, queue_id: QueueId, now: float) -> None:
    hours = floor.openings.hours_of(queue_id)
    if hours is not None:
        closes_at = next_closing(hours, now)
        floor.timers.set("closing", queue_id, now + LOOK_AGAIN_S if closes_at is None else closes_at)


def closing_time(floor: Floor, queue_id: QueueId, now: float) -> None:
    """A queue closes by its hours."""
    _await_closing(floor, queue_id, now)
    look_at_all(floor, queue_id, now)


def swept(floor: Floor, queue_id: QueueId, now: float) -> None:
    """The time has come to look at a whole line."""
    floor.timers.set("sweep", queue_id, now + SWEEP_S)
    look_at_all(floor, queue_id, now)


def look_at_all(floor: Floor, queue_id: QueueId, now: float) -> None:
    """Look at everybody who waits in a queue, the first in line first."""
    position = 0
    for caller in list(floor.line.waiting(queue_id)):
        position += 1
        floor.suspect = caller.call_id
        if _look(floor, caller, now, position):
            position -= 1


def look_at_those_back(floor: Floor, now: float) -> None:
    """Look at those who can be offered again and came due meanwhile, before they are."""
    for call_id in list(floor.pending_callers):
        caller = floor.line.get(call_id)
        if caller is not None and caller.overdue:
            look(floor, caller, now)


def look(floor: Floor, caller: Caller, now: float) -> None:
    """Look at one caller."""
    waiting = enumerate(floor.line.waiting(caller.queue_id), start=1)
    _look(floor, caller, now, next(position for position, c in waiting if c is caller))


def _look(floor: Floor, caller: Caller, now: float, position: int) -> bool:
    """Treat a caller if he is to be; return whether he left this line."""
    if floor.callbacks.concerns(caller.call_id):
        return False  # nobody is on the line to be treated
    if not floor.can_offer(caller):
        caller.overdue = True
        return False
    caller.overdue = False
    if caller.to_hear:
        floor.out.append(AnnouncementDue(at=now, call_id=caller.call_id, queue_id=caller.queue_id, name=caller.to_hear))
        caller.to_hear = ""
    way = _way(floor, caller, now, position)
    if way is None:
        _look_again(floor, caller, now)
        return False
    wanted = treatments.parse(way.treatment)
    if wanted.kind == "queue":
        arriving.move_on(floor, caller, QueueId(wanted.target), now, reason=way.reason)
    else:
        outlets.let_out(floor, caller, now, reason=way.reason, treatment=way.treatment, announce=way.announce)
    return True


def _way(floor: Floor, caller: Caller, now: float, position: int) -> Way | None:
    queue = floor.queues[caller.queue_id]
    switch = floor.openings.switch(caller.queue_id)
    if switch.emergency and switch.then != "stay":
        return Way(reason=outlets.EMERGENCY, treatment=switch.then, announce=switch.emergency)
    left = (*caller.before, caller.queue_id)
    if queue.at_closing is not None and floor.openings.closed_by(caller.queue_id, now):
        usable = outlets.usable(floor, queue.at_closing, left, now)
        return Way(reason="closing", treatment=queue.at_closing if usable else outlets.FALLBACK)
    found = (rule.to for rule in _applying(floor, caller, now, position) if outlets.usable(floor, rule.to, left, now))
    treatment = next(found, None)
    return None if treatment is None else Way(reason="overflow", treatment=treatment)


def _applying(floor: Floor, caller: Caller, now: float, position: int) -> Iterator[Overflow]:
    """Yield the rules that apply to a caller, in their order."""
    new, caller.looked_at = not caller.looked_at, True
    for rule in floor.queues[caller.queue_id].overflow:
        match rule.when:
            case "waited":
                applies = now - caller.waits_since >= rule.over
            case "length":
                applies = new and position > rule.over
            case "expected_wait":
                expected = floor.estimates.of(caller.queue_id, position, now)
                applies = expected is not None and expected[0] > rule.over
            case "nobody_logged_in":
                applies = all(agent.state == "offline" for agent in floor.agents.of_queue(caller.queue_id))
        if applies:
            yield rule


def _look_again(floor: Floor, caller: Caller, now: float) -> None:
    """Set the time at which his wait reaches the next limit; if it has passed one in vain, soon."""
    limits = [caller.waits_since + r.over for r in floor.queues[caller.queue_id].overflow if r.when == "waited"]
    due = [at if at > now else now + RETRY_S for at in limits]
    if due:
        floor.timers.set("overflow", caller.call_id, min(due))
