"""What a caller's place and demand follow from: his priority, his tier, his wait, and whom he is kept for. Pure.

`join` sets them when he enters a line, `rerank` when something of it changes while he waits, `step` when he has waited long
enough for less to be asked of agents. Whenever an agent may be rung for him who might not before, he is matched anew.
"""

from collections.abc import Mapping

from acd.core.callers.demand import asked, next_step_at, relaxed, step_at
from acd.core.callers.line import Caller
from acd.core.callers.ranking import CallerRank, caller_rank
from acd.core.floor import Floor, Note
from acd.core.matching import sticky
from acd.core.matching.served import Known
from hotline.facts import CallQueued


def join(floor: Floor, caller: Caller, now: float) -> None:
    """Put a caller into the line of his queue, at the place and with the demand that follow from all that is known of him."""
    note = floor.notes.get(caller.call_id)
    caller.tier = note.tier if note is not None else ""
    since, queue = caller.waits_since, floor.queues[caller.queue_id]
    relaxes = bool(queue.relax)
    caller.relaxed, caller.needs = 0, _asked(floor, caller)
    if relaxes:
        caller.relaxed, caller.needs = step_at(queue, since, now), relaxed(caller.needs, queue, since, now)
    caller.rank = rank_of(floor, caller)
    floor.line.add(caller)
    known = floor.known.get(caller.call_id)
    if known is not None and known.refusals and not caller.refusals:
        caller.refusals = known.refusals
        floor.judge_refusals(caller, now)
    remember(floor, caller)
    if relaxes:
        _time(floor, caller, now)
    sticky.begin(floor, caller, now)


def _asked(floor: Floor, caller: Caller) -> tuple[tuple[str, int], ...]:
    """Return what he asked for at first."""
    with_what: CallQueued | None = caller.asked
    if with_what is None:
        return asked(floor.queues[caller.queue_id], (), (), "")
    return asked(floor.queues[caller.queue_id], with_what.skills, with_what.levels, with_what.language)


def priority_of(floor: Floor, caller: Caller) -> int:
    """Return a caller's priority with those of his queue and of his tier, without ageing."""
    queue = floor.queues[caller.queue_id]
    own = caller.priority + queue.priority
    return own + queue.tiers.get(caller.tier, 0) if caller.tier else own


def rank_of(floor: Floor, caller: Caller) -> CallerRank:
    """Return the rank that follows from what is known of a caller."""
    return caller_rank(
        priority=priority_of(floor, caller),
        since=caller.waits_since,
        call_id=caller.call_id,
        ageing_per_minute=floor.queues[caller.queue_id].ageing_per_minute,
    )


def rerank(floor: Floor, caller: Caller, *, priority: int | None = None) -> None:
    """Give a waiting caller the place that follows from a new priority of his own, or from what was learnt of him.

    It changes nothing else: he is not matched anew, for he asks the same of the same agents, and a ring goes on.
    """
    if priority is not None:
        caller.priority = priority
    note = floor.notes.get(caller.call_id)
    if note is not None:
        caller.tier = note.tier
    floor.line.re_rank(caller, rank_of(floor, caller), caller.needs)
    remember(floor, caller)


def step(floor: Floor, caller: Caller, now: float) -> None:
    """A caller has waited so long that less is asked of agents: match him anew."""
    queue, since = floor.queues[caller.queue_id], caller.waits_since
    caller.relaxed = step_at(queue, since, now)
    floor.line.re_rank(caller, caller.rank, relaxed(_asked(floor, caller), queue, since, now))
    floor.judge_refusals(caller, now)
    _time(floor, caller, now)
    if floor.line.is_offerable(caller):
        floor.pending_callers[caller.call_id] = None


def _time(floor: Floor, caller: Caller, now: float) -> None:
    at = next_step_at(floor.queues[caller.queue_id], caller.waits_since, now)
    if at is not None:
        floor.timers.set("relax", caller.call_id, at)
    elif caller.relaxed:
        floor.timers.clear("relax", caller.call_id)


def remember(floor: Floor, caller: Caller) -> None:
    """Have what his place, or who is rung for him, goes by remembered beyond our own death, where it matters."""
    note, queue = floor.notes.get(caller.call_id), floor.queues[caller.queue_id]
    counts = note is not None and bool(note.customer_id or note.tier) and (bool(queue.tiers) or queue.sticky != "none")
    if not caller.refusals and not counts:
        return
    note = note or Note(node=caller.node)
    floor.known.note(
        Known(
            call_id=caller.call_id,
            node=caller.node,
            name=note.name,
            customer_id=note.customer_id,
            tier=note.tier,
            agent_id=note.agent_id,
            refusals=caller.refusals,
        )
    )


def restore(floor: Floor, known: Mapping[str, Known], _now: float) -> None:
    """Take up what was known of waiting callers in an earlier life; they are adopted later."""
    for caller in known.values():
        floor.known.note(caller)
        note = floor.notes.get(caller.call_id) or Note(node=caller.node)
        note.name, note.customer_id, note.tier, note.agent_id = (
            caller.name,
            caller.customer_id,
            caller.tier,
            caller.agent_id,
        )
        floor.notes.put(caller.call_id, note)
