"""Whom a caller is kept for, and for how long: the agent he was transferred to, his customer manager, who served him last. Pure.

While he is kept for an agent, nobody else is rung for him. The wish is void as soon as it cannot be fulfilled (that agent is
not on duty, cannot serve him, or refused him), and when its time is over; then everybody may serve him. Its time counts from
the beginning of his wait: in another line to which he was moved he is not kept anew. A caller who was transferred to an agent
by name waits for him alone: whoever transferred him decides how long.

Who served whom is `served`'s to remember.
"""

from acd.core.agents.states import ON_DUTY
from acd.core.callers.line import Caller
from acd.core.floor import Floor
from acd.core.matching.eligibility import FOR_EVER, is_able
from acd.core.offers.book import Offer
from hotline.ids import AgentId, CallId


def begin(floor: Floor, caller: Caller, now: float) -> None:
    """Keep a caller for the agent whom he, or his queue, wants for him; unless that cannot be, or was in vain.

    A name or a priority that is learnt later, or another line, gives an agent who did not take him no second chance.
    """
    agent_id, until = _wish(floor, caller)
    if agent_id is None or caller.wanted_agent == agent_id or caller.not_taken:
        return
    caller.wanted_until = until
    floor.line.keep_for(caller, agent_id)
    if _is_void(floor, caller, now):
        floor.line.keep_for(caller, None)
    elif until < FOR_EVER:
        floor.timers.set("wish", caller.call_id, until)


def _wish(floor: Floor, caller: Caller) -> tuple[AgentId | None, float]:
    """Return whom a caller is to be kept for, and until when."""
    asked, queue = caller.asked, floor.queues[caller.queue_id]
    if asked is not None and asked.wanted_agent is not None:
        for_s = asked.wanted_s
        return asked.wanted_agent, FOR_EVER if for_s is None else caller.waits_since + for_s
    note = floor.notes.get(caller.call_id)
    if note is None or queue.sticky == "none":
        return None, 0.0
    agent_id = (
        note.agent_id if queue.sticky == "personal_agent" else floor.served_by.get(customer_key(floor, caller.call_id))
    )
    return agent_id, caller.waits_since + queue.sticky_s


def judge(floor: Floor, caller: Caller, now: float) -> None:
    """Let everybody serve a caller whose wish cannot be fulfilled any more."""
    if caller.wanted_agent is None or not _is_void(floor, caller, now):
        return
    floor.line.keep_for(caller, None)
    floor.timers.clear("wish", caller.call_id)
    floor.judge_refusals(caller, now)
    if floor.line.is_offerable(caller):
        floor.pending_callers[caller.call_id] = None


def _is_void(floor: Floor, caller: Caller, now: float) -> bool:
    assert caller.wanted_agent is not None
    agent = floor.agents.get(caller.wanted_agent)
    if agent is None or caller.wanted_until == FOR_EVER:
        return agent is None
    able = is_able(agent, caller, floor.agents.queues_of(agent), floor.agents.has(agent))
    return now >= caller.wanted_until or agent.state not in ON_DUTY or agent.id in caller.refusals or not able


# --- who served whom ------------------------------------------------------------------------------------------------------


def customer_key(floor: Floor, call_id: CallId) -> str:
    """Return under which name a caller is remembered: his customer number, else his telephone number; empty: not at all."""
    note = floor.notes.get(call_id)
    return (note.customer_id or note.number) if note is not None else ""


def note_served(floor: Floor, offer: Offer) -> None:
    """Note that an agent answered a caller."""
    if any(queue.sticky == "last_agent" for queue in floor.queues.values()):
        floor.served_by.note(customer_key(floor, offer.call_id), offer.agent_id)
