"""What agents do with their callers besides talking: hold, ask another agent, hand on. Pure.

A **blind** transfer takes the caller from his agent; he comes back to his call flow, which lets him join the line anew: that of
a queue, or, kept for one agent, that of the queue which he came from. Here only the second wish is timed (`kept`).

In an **attended** one the second agent is reserved by an offer of the kind `consult`, beside the caller's own. It is made, rings,
is answered and ends like any other, and binds its agent; but no caller comes to that agent by it, unless he is handed on:

    main talking                         consult: made -> ringing -> talking
      the first agent hangs up           his offer is over, the consult becomes the offer of the call
      the second agent hangs up          the consult is over, the first one is with the caller again
      no answer, refusal, called off     the same
      the caller hangs up                both are over

What Asterisk does by itself in each of these cases is told afterwards, whoever was dead meanwhile: a caller found talking under the
second offer was handed on, and one who is found without a second offer is asked about no more.
"""

from acd.core.agents import conduct
from acd.core.agents.roster import Agent
from acd.core.agents.sitting import external_number
from acd.core.agents.states import ON_DUTY
from acd.core.callers.line import Caller
from acd.core.floor import Floor
from acd.core.matching.eligibility import FOR_EVER
from acd.core.offers import endings
from acd.core.offers.book import BAD_RING_REST_S, Offer, offer_id_of
from acd.core.requests import TransferRequest
from acd.core.talks import consults, outside
from hotline import transfers
from hotline.commands import CommandEnded, Conference, Consult, EndConsult, Hold, Refused, Retrieve, Swap, Transfer
from hotline.errors import Misuse
from hotline.facts import (
    CallAdopted,
    OfferFailed,
    OfferMade,
    OfferUnknown,
    TransferCompleted,
    TransferFailed,
    TransferStarted,
)
from hotline.ids import AgentId, OfferId, QueueId, RecordingId

BACK_S = 20.0
"""How long a caller whom nobody took is kept for the agent who handed him on, before everybody may serve him."""


# --- what agents ask for -------------------------------------------------------------------------------------------------


def requested(floor: Floor, request: TransferRequest, now: float) -> str | None:
    """Do what an agent asks for with his caller, or return the name of the refusal."""
    agent = floor.agents.get(request.agent_id)
    if agent is None:
        return "no_such_agent"
    offer = floor.offers.of_agent(agent.id)
    if offer is None or offer.phase != "talking" or offer.kind == "consult":
        return "not_talking"
    if offer.node in floor.links_down:
        return "node_unseen"
    second = consults.second_of(floor, offer.call_id)
    match request.ask:
        case "transfer":
            return _transfer(floor, agent, offer, request, now)
        case "consult":
            return _consult(floor, agent, offer, request, now)
        case "hold" | "retrieve":
            if second is not None:
                return "consulting"
            kind = Hold if request.ask == "hold" else Retrieve
            floor.ask(kind(node=offer.node, call_id=offer.call_id, offer_id=offer.offer_id))
            return None
        case "complete" | "cancel":
            return _end_consult(floor, offer, second, hand_on=request.ask == "complete")
        case "swap" | "conference":
            return _regroup(floor, offer, second, Swap if request.ask == "swap" else Conference)


def _transfer(floor: Floor, agent: Agent, offer: Offer, request: TransferRequest, now: float) -> str | None:
    refusal = _obstacle(floor, agent, request.to, now)
    if refusal is None and consults.second_of(floor, offer.call_id) is not None:
        refusal = "consulting"
    if refusal is not None:
        return refusal
    floor.tell(
        TransferStarted(
            at=now, call_id=offer.call_id, offer_id=offer.offer_id, kind="blind", to=request.to, by=request.by
        )
    )
    floor.ask(
        Transfer(
            node=offer.node,
            call_id=offer.call_id,
            offer_id=offer.offer_id,
            to=request.to,
            by=agent.id,
            queue_id=offer.queue_id,
        )
    )
    return None


def _obstacle(floor: Floor, agent: Agent, to: str, now: float) -> str | None:
    """Return why nobody can be handed on to this destination by this agent."""
    try:
        wanted = transfers.parse(to)
    except Misuse:
        return "bad_destination"
    match wanted.kind:
        case "agent":
            other = floor.agents.get(AgentId(wanted.target))
            if other is None:
                return "unknown_agent"
            return "himself" if other.id == agent.id else None
        case "queue":
            return None if QueueId(wanted.target) in floor.queues else "unknown_queue"
        case "number":
            own = {extension for other in floor.agents for extension in other.profile.extensions}
            refused = floor.refusal_of_outgoing(wanted.target, now, own=own)
            return None if refused is None else refused.reason


def _consult(floor: Floor, agent: Agent, offer: Offer, request: TransferRequest, now: float) -> str | None:
    refusal = _obstacle(floor, agent, request.to, now)
    if refusal is None and consults.second_of(floor, offer.call_id) is not None:
        refusal = "consulting"
    if refusal is not None:
        return refusal
    wanted = transfers.parse(request.to)
    if wanted.kind == "number":
        outside.ask(floor, offer, wanted.target, request.by, now)
        return None
    if wanted.kind == "queue":
        other = _first_free(floor, agent, QueueId(wanted.target))
        refusal = "nobody_free"
    else:
        asked = floor.agents[AgentId(wanted.target)]
        other, refusal = asked if _is_free(asked) else None, _why_not_free(floor, asked, now)
    if other is None:
        return refusal
    _ask_other(floor, offer, other, request, now)
    return None


def _is_free(agent: Agent) -> bool:
    return agent.state == "ready" and agent.phone_free and agent.awaits is None


def _why_not_free(floor: Floor, agent: Agent, now: float) -> str:
    """Return the name of the refusal to have an agent asked who is not free."""
    full = agent.state == "ready" and agent.held == "outgoing_limit"
    limit = floor.refusal_of_outgoing(agent.profile.remote_number, now) if full else None
    return limit.reason if limit is not None else "agent_not_free"


def _first_free(floor: Floor, asking: Agent, queue_id: QueueId) -> Agent | None:
    """Return who of a queue would be rung first for a caller who asks for nothing beyond it."""
    needs = floor.queues[queue_id].skills.items()
    able = (
        agent
        for agent in floor.agents.of_queue(queue_id)
        if agent is not asking
        and _is_free(agent)
        and all(agent.profile.skills.get(s, 0) >= level for s, level in needs)
    )
    return min(able, key=lambda agent: (floor.agents.rank(agent, queue_id), agent.id), default=None)


def _ask_other(floor: Floor, first: Offer, other: Agent, request: TransferRequest, now: float) -> None:
    """Reserve the second agent and have his phone rung by the first one's."""
    queue = floor.queues[first.queue_id]
    floor.offers_made += 1
    made = OfferMade(
        at=now,
        call_id=first.call_id,
        offer_id=offer_id_of(first.call_id, floor.epoch, floor.offers_made),
        agent_id=other.id,
        extension=other.seat,
        queue_id=first.queue_id,
        ring_timeout_s=queue.ring_timeout_s,
        entered_at=first.entered_at,
        kind="consult",
    )
    consult = consults.consult_of(made, first)
    floor.open_offer(consult)
    recording = RecordingId(consult.offer_id) if queue.record else None
    floor.tell(
        TransferStarted(
            at=now,
            call_id=first.call_id,
            offer_id=first.offer_id,
            kind="attended",
            to=request.to,
            next_offer=consult.offer_id,
            by=request.by,
        )
    )
    floor.tell(made)
    conduct.move(floor, other, "reserve", now, call_id=first.call_id)
    floor.ask(
        Consult(
            node=first.node,
            call_id=first.call_id,
            offer_id=first.offer_id,
            next_offer=consult.offer_id,
            agent_id=other.id,
            extension=consult.extension,
            ring_timeout_s=consult.ring_timeout_s,
            recording_id=recording,
            number=external_number(other, floor.outbound),
            seat_node=other.seat_node if other.seat_node and other.seat_node != first.node else None,
        )
    )


def _end_consult(floor: Floor, offer: Offer, second: consults.Second | None, *, hand_on: bool) -> str | None:
    if second is None:
        return "not_consulting"
    if hand_on and not second.answered:
        return "not_answered"
    consults.call_off(floor, offer, second.offer_id, hand_on=hand_on)
    return None


def _regroup(floor: Floor, offer: Offer, second: consults.Second | None, how: type[Swap | Conference]) -> str | None:
    """Have others of the three talk with each other."""
    if second is None:
        return "not_consulting"
    if not second.answered:
        return "not_answered"
    floor.ask(how(node=offer.node, call_id=offer.call_id, offer_id=offer.offer_id, next_offer=second.offer_id))
    return None


# --- what becomes of a consult -------------------------------------------------------------------------------------------


def completed(floor: Floor, fact: TransferCompleted, now: float) -> None:
    """The caller was handed on. The first agent's conversation is over; that of the second goes on, with the caller."""
    if fact.kind == "blind":
        return
    consult = floor.offers.consult_of(fact.call_id)
    if consult is None or consult.offer_id != fact.next_offer:
        floor.ignore("late_transfer")
    else:
        _hand_on(floor, consult, now)


def _hand_on(floor: Floor, consult: Offer, now: float, *, reason: str = "") -> None:
    first = floor.offers.of_call(consult.call_id)
    if consult.phase != "talking":
        endings.talk(floor, consult, now)
    if first is not None:
        endings.hang_up(floor, first, now, reason=reason)
    floor.offers.hand_on(consult)
    floor.past_consults.put(consult.offer_id, None)
    endings.note_served(floor, consult)
    floor.touch(consult)


def command_ended(floor: Floor, ended: CommandEnded, now: float) -> None:
    """Learn what came of a command. Of ours only a refusal tells something: nothing happened."""
    match ended.command:
        case Consult(next_offer=offer_id):
            consult = floor.offers.get(offer_id)
            if isinstance(ended.outcome, Refused) and consult is not None and consult.phase == "made":
                _consult_refused(floor, consult, ended.outcome.reason, now)
        case Transfer(call_id=call_id, offer_id=offer_id):
            if isinstance(ended.outcome, Refused) and floor.offers.get(offer_id) is not None:
                floor.tell(TransferFailed(at=now, call_id=call_id, offer_id=offer_id, kind="blind", reason="refused"))
        case Hold() | Retrieve() | EndConsult() | Swap() | Conference():
            if isinstance(ended.outcome, Refused):
                floor.ignore("refused_command")
        case _:
            endings.command_ended(floor, ended, now)


def _consult_refused(floor: Floor, consult: Offer, reason: str, now: float) -> None:
    floor.tell(OfferFailed(at=now, call_id=consult.call_id, offer_id=consult.offer_id, reason=reason))
    floor.close_offer(consult)
    consults.over(floor, consult, now, "refused")
    endings.rest(floor, consult, now, BAD_RING_REST_S, "ring_refused")


# --- after a gap ---------------------------------------------------------------------------------------------------------


def found(floor: Floor, fact: CallAdopted, now: float) -> None:
    """A call was found: learn whether its agent still asks another one, or handed his caller on while nobody looked."""
    outside.found(floor, fact, now)
    _found_with_another(floor, fact, now)
    consult = floor.offers.consult_of(fact.call_id) or consults.unheard_of(floor, fact, now)
    if consult is not None and (fact.at > consult.made_at or consult.restored):
        _found_consult(floor, consult, fact, now)


def found_held(floor: Floor, fact: CallAdopted, now: float) -> None:
    """A call was found, and its agent is known to talk with the caller: learn whether he keeps him on hold."""
    first = floor.offers.get(fact.offer_id) if fact.offer_id is not None else None
    if fact.phase == "talking" and first is not None and first.phase == "talking":
        given = "held" if fact.held else "retrieved"
        conduct.move(floor, floor.agents[first.agent_id], given, now, by="phone", call_id=fact.call_id)  # type: ignore[arg-type]


def _found_with_another(floor: Floor, fact: CallAdopted, now: float) -> None:
    """He talks under an offer that is not ours: he was handed on to somebody of whom we know nothing, or who is outside."""
    first = floor.offers.of_call(fact.call_id)
    if fact.phase != "talking" or fact.offer_id is None or first is None or first.phase != "talking":
        return
    if floor.offers.get(fact.offer_id) is None and (first.restored or fact.at > first.made_at):
        _tell_completed(floor, fact, first.offer_id, None)
        endings.hang_up(floor, first, now, reason="reconciled")


def _tell_completed(floor: Floor, fact: CallAdopted, first: OfferId | None, recording_id: RecordingId | None) -> None:
    """Tell of a transfer that nobody saw."""
    if first is None:
        return
    completed = TransferCompleted(
        at=min(fact.led_on_at + 1.0, fact.at) if fact.led_on_at else fact.at,
        call_id=fact.call_id,
        offer_id=first,
        kind="attended",
        next_offer=fact.offer_id,
        recording_id=recording_id,
        reconciled=True,
    )
    floor.tell(completed)


def _found_consult(floor: Floor, consult: Offer, fact: CallAdopted, now: float) -> None:
    if fact.phase == "talking" and fact.offer_id == consult.offer_id:
        record = floor.queues[consult.queue_id].record
        _tell_completed(floor, fact, consult.asked_by, RecordingId(consult.offer_id) if record else None)
        _hand_on(floor, consult, now, reason="reconciled")
    elif fact.phase == "talking" and fact.second_offer == consult.offer_id:
        floor.confirm_offer(consult, now)
        if fact.second_answered and consult.phase != "talking":
            endings.talk(floor, consult, now)
    elif consult.phase == "talking":
        consults.let_go(floor, consult, now, reason="reconciled")
    else:
        floor.tell(OfferUnknown(at=min(now, consult.deadline), call_id=consult.call_id, offer_id=consult.offer_id))
        floor.close_offer(consult)
        consults.over(floor, consult, now, "unknown")
        conduct.release(floor, consult, now, reason="reconciled")


# --- kept for one agent --------------------------------------------------------------------------------------------------


def kept(floor: Floor, caller: Caller, now: float) -> None:
    """A caller joined the line: nobody is asked about him any more, and if he was handed on to one agent, it is not for ever."""
    consults.forsaken(floor, caller.call_id, now)
    if caller.wanted_agent is None or caller.wanted_until != FOR_EVER:
        return
    since = caller.waits_since if caller.before else caller.entered_at  # in another line he is not kept anew
    over_at = since + floor.queues[caller.queue_id].transfer_timeout_s
    if now < over_at:
        floor.timers.set("transfer", caller.call_id, over_at)
    else:
        not_taken(floor, caller, now, since=over_at)  # he comes from before our own life


def not_taken(floor: Floor, caller: Caller, now: float, *, since: float | None = None) -> None:
    """The agent whom a caller was handed on to did not take him in time: first who handed him on may, then everybody.

    `since`: when that time was over, if nobody routed then.
    """
    if caller.wanted_agent is None or caller.wanted_until != FOR_EVER:
        return
    caller.not_taken = True
    if caller.whereabouts != "here":
        return  # the ring that goes on is the last one
    by = caller.asked.transferred_by if caller.asked is not None else None
    giver = floor.agents.get(by) if by is not None and by != caller.wanted_agent else None
    back_until = (now if since is None else since) + BACK_S
    if giver is not None and giver.state in ON_DUTY and now < back_until:
        caller.wanted_until = back_until
        floor.line.keep_for(caller, giver.id)
        floor.timers.set("wish", caller.call_id, caller.wanted_until)
    else:
        floor.line.keep_for(caller, None)
    floor.judge_refusals(caller, now)
    if floor.line.is_offerable(caller):
        floor.pending_callers[caller.call_id] = None


def look_at_those_back(floor: Floor, now: float) -> None:
    """Those whose last ring outlasted the time of their transfer are back: they are not rung there once more."""
    for call_id in list(floor.pending_callers):
        caller = floor.line.get(call_id)
        if caller is not None and caller.not_taken:
            not_taken(floor, caller, now)
