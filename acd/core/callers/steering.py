"""What supervisors do with those who wait, and with whole queues: priorities, moves, switches. Pure.

A refusal is named and changes nothing. Whoever is just being rung for, or is on his way back, is left where he is: a phone that
rings is not overruled from afar. Nobody is moved, unless by force, to a line where he could wait for ever, because no agent of that queue has
the skills that he needs; that those who have them are logged out for now is the business of overflow. Callbacks have orders of their own (see `acd.callbacks`): nobody is on the line to be treated.
"""

from collections.abc import Mapping

import msgspec

from acd.core.callers import arriving, outlets, overflow, standing
from acd.core.callers.demand import Needs, asked, relaxed
from acd.core.callers.line import Caller
from acd.core.callers.opening import DEFAULT_ANNOUNCEMENT, Switch
from acd.core.callers.resuming import LeftPlace
from acd.core.floor import Floor
from acd.core.requests import CallerRequest, QueueRequest
from hotline import treatments
from hotline.facts import CallMoved, CallPriorityChanged, QueueSwitched
from hotline.ids import QueueId


def requested(floor: Floor, request: CallerRequest, now: float) -> str | None:
    """Do what a supervisor asks for a waiting caller; return why not, if it cannot be done."""
    if floor.callbacks.concerns(request.call_id):
        return "callback"
    caller = floor.line.get(request.call_id)
    if caller is None:
        return "not_waiting"
    floor.suspect = caller.call_id
    if request.priority is not None:
        _prioritise(floor, caller, request, now)
    if not request.treatment:
        return None
    return _pull(floor, caller, request, now)


def _prioritise(floor: Floor, caller: Caller, request: CallerRequest, now: float) -> None:
    assert request.priority is not None
    previous = caller.priority
    if request.priority == previous:
        return
    caller.priority = request.priority
    if caller.asked is not None:
        caller.asked = msgspec.structs.replace(caller.asked, priority=request.priority)
    standing.rerank(floor, caller)
    floor.tell(
        CallPriorityChanged(
            at=now,
            call_id=caller.call_id,
            queue_id=caller.queue_id,
            entered_at=caller.entered_at,
            priority=request.priority,
            previous=previous,
            by=request.by,
        )
    )


def _pull(floor: Floor, caller: Caller, request: CallerRequest, now: float) -> str | None:
    wanted = treatments.parse(request.treatment)
    if not floor.can_offer(caller):
        return "not_in_our_hands"
    if wanted.kind != "queue":
        outlets.let_out(floor, caller, now, reason="pulled", treatment=request.treatment, by=request.by)
        return None
    to = QueueId(wanted.target)
    if to == caller.queue_id:
        return "already_there"
    refusal = outlets.obstacle(floor, to, (), now)
    if refusal is not None:
        return refusal if refusal == "unknown_queue" else f"queue_{refusal}"
    if not request.force and lacking(floor, caller, to):
        return "nobody_able"
    left = (caller.queue_id, caller.entered_at)
    arriving.move_on(floor, caller, to, now, reason="moved", by=request.by)
    floor.tell(CallMoved(at=now, call_id=caller.call_id, queue_id=left[0], to=to, entered_at=left[1], by=request.by))
    return None


def lacking(floor: Floor, caller: Caller, queue_id: QueueId) -> Needs:
    """Return the skills for lack of which nobody could ever serve a caller in the line of a queue that exists; none if somebody could.

    Every agent of the queue counts, logged in or not, those too who are called in by surge; and no more is asked of them than what is left when
    the queue asks for less (`relax`). If nobody has a certain skill, those are named; if each is had by somebody, but all by nobody, all.
    """
    queue, asked_for = floor.queues[queue_id], caller.asked
    skills, levels, language = (asked_for.skills, asked_for.levels, asked_for.language) if asked_for else ((), (), "")
    needs = relaxed(asked(queue, skills, levels, language), queue, since=0.0, now=float("inf"))
    called_in = (floor.agents.get(agent_id) for agent_id in floor.agents.surges.agents_of(queue_id))
    crew = [floor.agents.has(agent) for agent in (*floor.agents.of_queue(queue_id), *called_in) if agent is not None]
    if any(has.issuperset(needs) for has in crew):
        return ()
    return tuple(need for need in needs if not any(need in has for has in crew)) or needs


def switched(floor: Floor, request: QueueRequest, now: float) -> str | None:
    """Close or open a queue, or switch its emergency announcement; return why not, if it cannot be done."""
    if request.queue_id not in floor.queues:
        return "unknown_queue"
    before = floor.openings.switch(request.queue_id)
    after = msgspec.structs.replace(before, by=request.by)
    if request.closed is not None:
        kept = before.closed_at if before.closed_at is not None else now
        after = msgspec.structs.replace(after, closed_at=kept if request.closed else None)
    if request.emergency is not None:
        name = request.announce or DEFAULT_ANNOUNCEMENT
        after = msgspec.structs.replace(after, emergency=name if request.emergency else "", then=request.then)
    if msgspec.structs.replace(after, by=before.by) == before:
        return None
    floor.openings.put(after)
    floor.tell(
        QueueSwitched(
            at=now,
            queue_id=request.queue_id,
            closed=after.closed_at is not None,
            emergency=after.emergency,
            then=after.then if after.emergency else "",
            by=request.by,
        )
    )
    _let_hear(floor, before, after, now)
    return None


def _let_hear(floor: Floor, before: Switch, after: Switch, now: float) -> None:
    """Have those who wait treated as the switch says, or hear what is announced."""
    news = after.emergency if after.emergency != before.emergency else ""
    for caller in floor.line.waiting(after.queue_id):
        caller.to_hear = news if after.then == "stay" else ""
    overflow.look_at_all(floor, after.queue_id, now)


def restore_switches(floor: Floor, switches: Mapping[str, Switch], _now: float) -> None:
    """Take up what was switched in an earlier life."""
    for switch in switches.values():
        if switch.queue_id in floor.queues:
            floor.openings.put(switch)
        else:
            floor.openings.changed[switch.queue_id] = None


def restore_places(floor: Floor, places: Mapping[str, LeftPlace], _now: float) -> None:
    """Take up the places that were left in an earlier life."""
    for place in places.values():
        floor.left_places.keep(place)
        floor.timers.set("resume", place.call_id, place.until)
