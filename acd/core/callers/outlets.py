"""How callers are let out of a line, or not let in: the treatment, and who carries it out. Pure.

For the fallback queue of Asterisk the router sends the caller there itself. Every other treatment is told with `CallFlowedOut`, and
the call flow of his node carries it out; if that died meanwhile, the caller is told as queued once more when another takes him over,
and then the treatment is told once more. A treatment that cannot be had (a queue that is full or closed, or let him out before)
is the fallback.
"""

from typing import Literal

import msgspec

from acd.core.callers import comeback
from acd.core.callers.line import Caller
from acd.core.floor import Floor
from hotline import treatments
from hotline.commands import Release
from hotline.facts import CallFlowedOut, CallQueued
from hotline.ids import QueueId

FALLBACK = "fallback"
EMERGENCY = "emergency"
LEAST_S = 0.001
"""By so much at least somebody leaves a line after he joined it, whatever the clocks of the machines say."""

Obstacle = Literal["unknown_queue", "visited", "closed", "full", "emergency"]


class Barrier(msgspec.Struct, frozen=True, kw_only=True):
    """Why somebody is not let into a line, and what is done with him."""

    reason: str
    treatment: str = FALLBACK
    announce: str = ""


def barrier(floor: Floor, fact: CallQueued) -> Barrier | None:
    """Return what keeps a newcomer out of a line, or None."""
    queue = floor.queues.get(fact.queue_id)
    if queue is None:
        return Barrier(reason="closed")
    switch = floor.openings.switch(fact.queue_id)
    if switch.emergency and switch.then != "stay":
        return Barrier(reason=EMERGENCY, treatment=switch.then, announce=switch.emergency)
    if floor.openings.closed_by(fact.queue_id, fact.entered_at):
        return Barrier(reason="closed", treatment=queue.when_closed)
    if _is_full(floor, fact.queue_id):
        return Barrier(reason="full", treatment=queue.when_full)
    return None


def obstacle(floor: Floor, queue_id: QueueId, before: tuple[QueueId, ...], now: float) -> Obstacle | None:
    """Return why a queue cannot take somebody over who was let out by `before`, or None."""
    queue = floor.queues.get(queue_id)
    if queue is None:
        return "unknown_queue"
    if queue_id in before:
        return "visited"
    if floor.openings.closed_by(queue_id, now):
        return "closed"
    switch = floor.openings.switch(queue_id)
    if switch.emergency and switch.then != "stay":
        return "emergency"
    return "full" if _is_full(floor, queue_id) else None


def sends_away(floor: Floor, queue_id: QueueId, now: float) -> bool:
    """Return whether nobody waits in a queue's line now: everybody is let out, for an emergency or at closing time."""
    switch = floor.openings.switch(queue_id)
    by_emergency = switch.emergency != "" and switch.then != "stay"
    return by_emergency or (
        floor.queues[queue_id].at_closing is not None and bool(floor.openings.closed_by(queue_id, now))
    )


def _is_full(floor: Floor, queue_id: QueueId) -> bool:
    """Return whether nobody more may wait. Callbacks take up no place: nobody is on the line, and they have a limit of their own."""
    length, limit = floor.line.length(queue_id), floor.queues[queue_id].max_waiting
    return length >= limit and length - floor.callbacks.standing(queue_id) >= limit


def usable(floor: Floor, treatment: str, before: tuple[QueueId, ...], now: float) -> bool:
    """Return whether a treatment can be had now. Only of queues the router knows that; every other one has its own fallback."""
    wanted = treatments.parse(treatment)
    return wanted.kind != "queue" or obstacle(floor, QueueId(wanted.target), before, now) is None


def leaves_at(entered_at: float, now: float) -> float:
    """Return when somebody leaves who joined at `entered_at`, by the clock of his node, which may be ahead of ours.

    Where he goes next, this is his time of entry: were it no later than the last one, that would be taken for old news.
    """
    return max(now, entered_at + LEAST_S)


def turn_away(floor: Floor, fact: CallQueued, now: float, why: Barrier) -> None:
    """Treat somebody who cannot wait here; where he waited before he stays no longer."""
    present = floor.line.get(fact.call_id)
    if present is not None:
        comeback.flow_out(floor, present, now, reason="moved")
    floor.left.put(fact.call_id, fact.entered_at)
    out = CallFlowedOut(
        at=leaves_at(fact.entered_at, now),
        call_id=fact.call_id,
        queue_id=fact.queue_id,
        entered_at=fact.entered_at,
        reason=why.reason,
        treatment=why.treatment if usable(floor, why.treatment, (*fact.before, fact.queue_id), now) else FALLBACK,
        announce=why.announce,
    )
    _tell(floor, out)


def let_out(
    floor: Floor, caller: Caller, now: float, *, reason: str, treatment: str, announce: str = "", by: str = ""
) -> None:
    """Let a caller who is in our hands out of the line, for a treatment other than another queue's line."""
    out = CallFlowedOut(
        at=leaves_at(caller.entered_at, now),
        call_id=caller.call_id,
        queue_id=caller.queue_id,
        entered_at=caller.entered_at,
        reason=reason,
        treatment=treatment,
        announce=announce,
        by=by,
    )
    comeback.leave(floor, caller)
    _tell(floor, out)


def _tell(floor: Floor, out: CallFlowedOut) -> None:
    """Tell it; the plain fallback is our own work, and always was."""
    if out.treatment == FALLBACK and not out.announce:
        floor.ask(Release(node=floor.node_of(out.call_id), call_id=out.call_id, reason=out.reason))
        floor.tell(msgspec.structs.replace(out, treatment=""))
    else:
        floor.flown_out.put(out.call_id, out)
        floor.tell(out)


def tell_again(floor: Floor, fact: CallQueued) -> None:
    """Somebody is told as queued who left: if he left for a treatment, whoever tells it did not hear so, or died of it."""
    out = floor.flown_out.get(fact.call_id)
    if out is not None and (out.queue_id, out.entered_at) == (fact.queue_id, fact.entered_at):
        floor.tell(out)


def have_looked_at(floor: Floor, caller: Caller, now: float) -> None:
    """Have somebody who joined a line held against what could take him out of it (see `overflow`)."""
    queue, switch = floor.queues[caller.queue_id], floor.openings.switch(caller.queue_id)
    caller.to_hear = switch.emergency if switch.then == "stay" else ""
    if queue.overflow or queue.at_closing is not None or switch.emergency:
        floor.timers.set("overflow", caller.call_id, now)
