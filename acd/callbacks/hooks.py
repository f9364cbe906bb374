"""Where the router hears of callbacks: before its other parts do. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from acd.callbacks import turns, wishes
from acd.callbacks.requests import CallbackCancel, CallbackWish
from acd.core.floor import Floor
from acd.core.requests import RequestRefused
from hotline.commands import CommandEnded
from hotline.facts import (
    CallAdopted,
    CallArrived,
    CallbackPending,
    CallbackRequested,
    CallEnded,
    CallFellBack,
    CallQueued,
    CustomerDialled,
    NodeSurveyed,
    OfferAccepted,
    Record,
    SnapshotTaken,
)
from hotline.ids import AgentId


def _cancelled(floor: Floor, request: CallbackCancel, now: float) -> None:
    refusal = wishes.cancelled(floor, request, now)
    if refusal is not None:
        floor.out.append(RequestRefused(agent_id=AgentId(""), reason=refusal))


def _wished(floor: Floor, request: CallbackWish, now: float) -> None:
    """What is asked here for the first time is told; a caller's own wish was told by the flow that led him."""
    refusal = wishes.refusal(floor, request.wish, now)
    if refusal:
        floor.out.append(RequestRefused(agent_id=AgentId(""), reason=refusal))
        return
    floor.tell(request.wish)
    wishes.requested(floor, request.wish, now)


def expired(floor: Floor, callback_id: str, now: float) -> None:
    """The time has come to look at a virtual caller, or for a call to be there at last."""
    callback = floor.callbacks.get(callback_id)
    if callback is not None and callback.phase == "calling":
        turns.give_up(floor, callback, now)  # asked for by a router that died
    elif callback is not None:
        wishes.look(floor, callback, now)


HEARERS: Mapping[type[Record], Callable[[Floor, Any, float], None]] = {
    CallAdopted: turns.adopted,
    CallArrived: turns.arrived,
    CallEnded: turns.ended,
    CallFellBack: turns.fell_back,
    CallQueued: wishes.called_again,
    CallbackCancel: _cancelled,
    CallbackWish: _wished,
    CallbackPending: wishes.pending,
    CallbackRequested: wishes.requested,
    CommandEnded: turns.command_ended,
    CustomerDialled: turns.dialled,
    NodeSurveyed: turns.surveyed,
    OfferAccepted: turns.accepted,
    SnapshotTaken: turns.looked,
}
"""Called before the reactions of the router to the same record."""
