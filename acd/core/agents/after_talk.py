"""What follows a conversation: the agent's wrap-up, and his word on how it went. Pure.

Where a queue requires an outcome, the agent owes it from the moment the conversation is over (unless he gave it before): his
wrap-up ends neither by time nor by his wish, and he is not ready again before he has given it; `states.OWING` says so. An
outcome may be given where none is required, and given anew: the last one counts.
"""

from acd.core.agents.conduct import move
from acd.core.agents.roster import Agent, Conversation
from acd.core.agents.states import Input
from acd.core.floor import Floor
from acd.core.offers.book import Offer
from acd.core.requests import OutcomeRequest
from hotline.facts import HoldBegan, HoldEnded, OutcomeGiven

BY_PHONE = "phone_key"
"""Why an agent is `holding` whose own phone keeps his caller on hold; without a reason it is by our command."""


def begin(floor: Floor, agent: Agent, offer: Offer) -> None:
    """Note that a conversation began: an outcome that is given now is about this one."""
    if agent.conversation is None or agent.conversation.offer_id != offer.offer_id:
        agent.conversation, agent.owes = Conversation(call_id=offer.call_id, offer_id=offer.offer_id), False
        floor.changed_agents[agent.id] = None


def follow(floor: Floor, offer: Offer, now: float, *, reason: str) -> None:
    """Send an agent into wrap-up, or home where there is none or he wished to leave."""
    agent, queue = floor.agents[offer.agent_id], floor.queues[offer.queue_id]
    begin(floor, agent, offer)
    told = agent.conversation is not None and bool(agent.conversation.outcome)
    agent.owes = queue.outcome_required and not told and offer.kind != "consult"
    leaves_work = agent.owes or queue.wrap_up_s > 0 or not queue.auto_ready
    if leaves_work and agent.wish != "offline":
        for_s = queue.wrap_up_s if queue.auto_ready else None
        move(floor, agent, "talk_ended", now, reason=reason, for_s=for_s, call_id=offer.call_id)
    else:
        move(floor, agent, "handled", now, reason=reason)


def given(floor: Floor, request: OutcomeRequest, now: float) -> str | None:
    """Take an agent's word on his conversation; return the name of the refusal. A wrap-up that only waited for it ends."""
    agent = floor.agents.get(request.agent_id)
    if agent is None:
        return "no_such_agent"
    talk = agent.conversation
    if talk is None:
        return "no_conversation"
    if request.offer_id not in (None, talk.offer_id):
        return "other_conversation"
    if request.outcome not in floor.outcomes:
        return "unknown_outcome"
    agent.conversation = Conversation(call_id=talk.call_id, offer_id=talk.offer_id, outcome=request.outcome)
    agent.owes = False
    floor.changed_agents[agent.id] = None
    floor.tell(
        OutcomeGiven(
            at=now,
            call_id=talk.call_id,
            offer_id=talk.offer_id,
            agent_id=agent.id,
            outcome=request.outcome,
            note=request.note,
            by=request.by,
        )
    )
    if agent.state == "wrap_up" and agent.until is not None and agent.until <= now:
        move(floor, agent, "time_over", now, reason="outcome_given", by=request.by)
    return None


def held(floor: Floor, fact: HoldBegan | HoldEnded, now: float) -> None:
    """The agent put his caller on hold, or took him back."""
    offer = floor.offers.get(fact.offer_id)
    if offer is None or offer.phase != "talking":
        floor.ignore("late_hold")
        return
    given: Input = "held" if isinstance(fact, HoldBegan) else "retrieved"
    reason = BY_PHONE if isinstance(fact, HoldBegan) and fact.by_phone else ""
    move(floor, floor.agents[offer.agent_id], given, now, reason=reason, by="phone", call_id=offer.call_id)
