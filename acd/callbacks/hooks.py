"""Where the router hears of callbacks: before its other parts do. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from acd.callbacks import ahead, gaps, outcomes, turns, wishes
from acd.callbacks.requests import CallbackCancel, CallbackWish
from acd.core.floor import Floor
from acd.core.requests import RequestRefused
from acd.core.timers import Kind
from hotline.commands import CommandEnded
from hotline.facts import (
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
from hotline.ids import QueueId


def _cancelled(floor: Floor, request: CallbackCancel, now: float) -> None:
    refusal = wishes.cancelled(floor, request, now)
    if refusal is not None:
        floor.out.append(RequestRefused(reason=refusal))


def _wished(floor: Floor, request: CallbackWish, now: float) -> None:
    """What is asked here for the first time is told; a caller's own wish was told by the flow that led him."""
    refusal = wishes.refusal(floor, request.wish, now)
    if refusal:
        floor.out.append(RequestRefused(reason=refusal))
        return
    floor.tell(request.wish)
    wishes.requested(floor, request.wish, now)


def expired(floor: Floor, kind: Kind, name: str, now: float) -> None:
    """The time has come to look at a callback, or at those of a queue whose turn may be about to come."""
    callback = floor.callbacks.get(name) if kind == "callback" else None
    if kind == "ahead":
        ahead.look(floor, QueueId(name), now)
    elif callback is not None:
        floor.suspect = callback.call_id
        outcomes.due(floor, callback, now)


HEARERS: Mapping[type[Record], Callable[[Floor, Any, float], None]] = {
    CallArrived: turns.arrived,
    CallEnded: outcomes.ended,
    CallFellBack: outcomes.fell_back,
    CallQueued: wishes.called_again,
    CallbackCancel: _cancelled,
    CallbackWish: _wished,
    CallbackPending: wishes.pending,
    CallbackRequested: wishes.requested,
    CommandEnded: outcomes.command_ended,
    CustomerDialled: outcomes.dialled,
    NodeSurveyed: gaps.surveyed,
    OfferAccepted: outcomes.accepted,
    SnapshotTaken: gaps.looked,
}
"""Called before the reactions of the router to the same record."""
