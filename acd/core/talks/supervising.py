"""Supervisors with live conversations: listen, whisper, barge in, take over. Pure.

The router knows who talks, and so decides which conversation is meant and whether it can be supervised; the phone network tells when
the supervisor hears it and when not any more. Everything asked and done is told as a fact with the name of who did it.

The seat is kept free of callers from the moment that it is to be rung until the supervision is over, so that no caller rings where the house
rings already: before its phone is said to be in use, and between two words of it. Nothing keeps it so for ever: a ring of which nobody tells the
end has one of its own, one that a router before us had begun must be seen by its node, and where the node of the call cannot be seen, or
the end was ordered, it is left to what the phone says.

A supervision belongs to the agent's part of a conversation and ends with it. Taking over ends it too: the caller is handed on, as
by a blind transfer of the agent, to the agent who sits at the supervisor's seat; the one who is relieved goes into wrap-up.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from acd.core.agents import conduct
from acd.core.agents.roster import Agent
from acd.core.agents.seats import Phones, registered_at
from acd.core.floor import Floor
from acd.core.offers.book import UNSEEN_S, Offer
from acd.core.requests import SupervisionRequest, TransferRequest
from acd.core.talks import taking_over, transfers
from acd.core.talks.supervisions import Supervision
from hotline.commands import ChangeSupervision, CommandEnded, EndSupervision, Refused, Supervise, Transfer
from hotline.facts import (
    NodeSurveyed,
    SnapshotTaken,
    SupervisionAsked,
    SupervisionBegan,
    SupervisionEnded,
    SupervisionMode,
    SupervisionSeen,
)
from hotline.ids import CallId, Extension, SupervisionId

PER_AGENT = 3
"""How many supervisors may be with one agent."""
RING_TIMEOUT_S = 20.0
HELD_S = RING_TIMEOUT_S + 10.0
"""How long a seat is kept free of callers that was to be rung, while nobody tells what came of it."""


# --- what supervisors ask for --------------------------------------------------------------------------------------------


def requested(floor: Floor, request: SupervisionRequest, now: float) -> str | None:
    """Do what a supervisor asks for, or return the name of the refusal."""
    agent = floor.agents.get(request.agent_id)
    if agent is None:
        return "no_such_agent"
    if request.ask == "stop":
        return _stop(floor, agent, request, now)
    offer = floor.offers.of_agent(agent.id)
    if offer is None or offer.phase != "talking":
        return "not_talking"
    if offer.kind == "consult":
        return "only_asked"
    if offer.node in floor.links_down:
        return "node_unseen"
    if request.extension in agent.profile.extensions:
        return "own_seat"
    present = floor.supervisions.of_seat(request.extension)
    if request.ask == "take_over":
        return _take_over(floor, agent, offer.call_id, request, present, now)
    if present is not None and present.agent_id == agent.id and present.offer_id == offer.offer_id:
        return _change(floor, present, request.ask, request.by)
    return _begin(floor, agent, offer, request, request.ask, now)


def _begin(
    floor: Floor, agent: Agent, offer: Offer, request: SupervisionRequest, mode: SupervisionMode, now: float
) -> str | None:
    phones = _phones(floor, request)
    node = registered_at(phones) if phones else None
    if floor.supervisions.of_seat(request.extension) is not None:
        return "supervises_already"
    if len(floor.supervisions.of_agent(agent.id)) >= PER_AGENT:
        return "supervised_enough"
    if phones and node is None:
        return "seat_unreachable"
    if node is not None and phones[node].in_use:
        return "seat_in_use"
    floor.supervised += 1
    supervision = Supervision(
        id=SupervisionId(f"{offer.call_id}.{floor.epoch}.s{floor.supervised}"),
        call_id=offer.call_id,
        offer_id=offer.offer_id,
        agent_id=agent.id,
        node=offer.node,
        extension=request.extension,
        mode=mode,
        by=request.by,
        asked_at=now,
    )
    _note(floor, supervision, now)
    floor.timers.set("supervision", supervision.id, now + HELD_S)
    floor.tell(SupervisionAsked(**_ids(supervision, now), by=request.by, mode=mode))
    floor.ask(
        Supervise(
            node=offer.node,
            call_id=offer.call_id,
            offer_id=offer.offer_id,
            supervision_id=supervision.id,
            extension=request.extension,
            mode=mode,
            ring_timeout_s=RING_TIMEOUT_S,
            shown=agent.profile.name or agent.id,
            tone=floor.supervision_tone,
            seat_node=node if node != offer.node else None,
        )
    )
    return None


def _phones(floor: Floor, request: SupervisionRequest) -> Phones:
    """Return what the nodes said about the phone of the supervisor's seat; nothing when nobody has spoken."""
    at = floor.agents.at(request.extension)
    if at is not None and at.seat == request.extension:
        return at.phones
    return floor.empty_seats.get(request.extension) or {}


def _change(floor: Floor, supervision: Supervision, mode: SupervisionMode, by: str) -> str | None:
    if supervision.ending:
        return "ending"
    if not supervision.begun:
        return "not_answered_yet"
    floor.supervisions.put(msgspec.structs.replace(supervision, changed_by=by))
    floor.ask(
        ChangeSupervision(node=supervision.node, call_id=supervision.call_id, supervision_id=supervision.id, mode=mode)
    )
    return None


def _stop(floor: Floor, agent: Agent, request: SupervisionRequest, now: float) -> str | None:
    found = [s for s in floor.supervisions.of_agent(agent.id) if request.extension in ("", s.extension)]
    if not found:
        return "not_supervised"
    for supervision in found:
        _end(floor, supervision, "stopped", request.by, now)
    return None


def _end(floor: Floor, supervision: Supervision, reason: str, by: str, now: float) -> None:
    """Have a seat hung up; that it is over is told when the phone network has said so."""
    _note(floor, msgspec.structs.replace(supervision, ending=reason, changed_by=by), now)
    _hang_up(floor, supervision)


def _hang_up(floor: Floor, supervision: Supervision) -> None:
    floor.ask(EndSupervision(node=supervision.node, call_id=supervision.call_id, supervision_id=supervision.id))


def _take_over(
    floor: Floor,
    agent: Agent,
    call_id: CallId,
    request: SupervisionRequest,
    present: Supervision | None,
    now: float,
) -> str | None:
    """Have the caller handed on to the agent who sits at the supervisor's seat."""
    supervisor = floor.agents.at(request.extension)
    if supervisor is None or supervisor.seat != request.extension:
        return "seat_has_no_agent"
    if supervisor.state != "ready":
        return "supervisor_not_ready"
    if supervisor.awaits is not None:
        return "takes_over_already"
    if taking_over.pending(floor, call_id):
        return "taken_over_already"
    if not supervisor.phone_free and (present is None or present.agent_id != agent.id):
        return "seat_in_use"
    handed_on = TransferRequest(
        at=request.at, agent_id=agent.id, ask="transfer", to=f"agent:{supervisor.id}", by=request.by
    )
    refusal = transfers.requested(floor, handed_on, now)
    if refusal is not None:
        return refusal
    if present is not None:
        _end(floor, present, "taken_over", request.by, now)
    taking_over.hold(floor, supervisor, call_id, now)
    return None


# --- what the phone network tells ----------------------------------------------------------------------------------------


def seen(floor: Floor, signal: SupervisionSeen, now: float) -> None:
    """A supervisor's seat hears the conversation, in this mode; or does not, or not any more."""
    supervision = floor.supervisions.get(signal.supervision_id)
    if supervision is None:
        floor.ignore("late_supervision")
    elif signal.state == "unanswered":
        over(floor, supervision, supervision.ending or signal.reason, now)
    elif signal.state == "over":
        over(floor, supervision, supervision.ending or _why_over(floor, supervision), now)
    else:
        _began(floor, supervision, signal.state, now)


def _began(floor: Floor, supervision: Supervision, mode: SupervisionMode, now: float) -> None:
    if supervision.begun and mode == supervision.mode:
        return
    by = supervision.changed_by if supervision.begun and supervision.changed_by else supervision.by
    begun = msgspec.structs.replace(supervision, begun=True, mode=mode, changed_by="", holds_seat=True)
    floor.timers.clear("supervision", begun.id)
    _note(floor, begun, now)
    floor.tell(SupervisionBegan(**_ids(begun, now), by=by, mode=mode))


def _why_over(floor: Floor, supervision: Supervision) -> str:
    offer = floor.offers.get(supervision.offer_id)
    return "hung_up" if offer is not None and offer.phase == "talking" else "call_over"


def over(floor: Floor, supervision: Supervision, reason: str, now: float) -> None:
    """A supervision is over, or never began."""
    floor.supervisions.drop(supervision)
    floor.timers.clear("supervision", supervision.id)
    _look_at_seat(floor, supervision.extension, now)
    by = supervision.changed_by if supervision.ending and supervision.changed_by else supervision.by
    floor.tell(SupervisionEnded(**_ids(supervision, now), by=by, reason=reason))


def command_ended(floor: Floor, ended: CommandEnded, now: float) -> bool:
    """Learn what came of one of our commands; return whether it was one."""
    command = ended.command
    if isinstance(command, Transfer) and isinstance(ended.outcome, Refused):
        taking_over.gone(floor, command.call_id)
    if not isinstance(command, Supervise | ChangeSupervision | EndSupervision):
        return False
    supervision = floor.supervisions.get(command.supervision_id)
    if supervision is None or not isinstance(ended.outcome, Refused):
        return True
    if isinstance(command, Supervise) and not supervision.begun:
        over(floor, supervision, "refused", now)
    elif isinstance(command, EndSupervision) and ended.outcome.reason != "link_down":
        over(floor, supervision, supervision.ending, now)  # there is nothing to hang up any more
    return True


def snapshot(floor: Floor, signal: SnapshotTaken | NodeSurveyed, now: float) -> None:
    """Learn which supervisions of a node live; one that was asked for after the snapshot may not be in it."""
    living = frozenset(signal.supervisions)
    for supervision in floor.supervisions:
        if supervision.node != signal.node or supervision.asked_at >= signal.at:
            continue
        if supervision.id not in living:
            over(floor, supervision, supervision.ending or "lost", now)
        elif supervision.ending:  # the command may not have arrived
            _hang_up(floor, supervision)
        elif supervision.begun:
            floor.timers.clear("supervision", supervision.id)
            _note(floor, msgspec.structs.replace(supervision, holds_seat=True), now)
    for supervision_id, mode in signal.heard:
        found = floor.supervisions.get(supervision_id)
        if found is not None and (not found.begun or found.changed_by):  # nobody may have told us that
            _began(floor, found, mode, now)


def unheard_of(floor: Floor, supervision_id: SupervisionId, now: float) -> None:
    """Nobody told in time what came of a seat that was to be rung, or whether one of an earlier life still hears: callers may ring there."""
    supervision = floor.supervisions.get(supervision_id)
    if supervision is not None:
        _note(floor, msgspec.structs.replace(supervision, holds_seat=False), now)


def restore(floor: Floor, supervisions: Mapping[str, Supervision], now: float) -> None:
    """Take up the supervisions of an earlier life, before agents are; the surveys of their nodes will show which of them live."""
    for supervision in supervisions.values():
        floor.supervisions.put(supervision)
        if supervision.holds_seat:
            floor.timers.set("supervision", supervision.id, now + UNSEEN_S)


def _note(floor: Floor, supervision: Supervision, now: float) -> None:
    """Keep what is known of a supervision now, and let callers ring at its seat or not."""
    floor.supervisions.put(supervision)
    _look_at_seat(floor, supervision.extension, now)


def _look_at_seat(floor: Floor, extension: Extension, now: float) -> None:
    agent = floor.agents.at(extension)
    if agent is not None and agent.seat == extension:
        conduct.see_phone(floor, agent, now)


def _ids(supervision: Supervision, now: float) -> dict[str, Any]:
    return {
        "at": now,
        "call_id": supervision.call_id,
        "supervision_id": supervision.id,
        "agent_id": supervision.agent_id,
        "extension": supervision.extension,
    }
