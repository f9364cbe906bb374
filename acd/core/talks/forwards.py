"""Callers whom a call flow leads to a number outside: granted here, because the limits of outgoing calls are those of the house. Pure.

A node cannot know what other nodes dial. So it asks the active router, which counts everything that goes out: callbacks, remote agents,
consults with numbers outside, and these. What it grants counts at once, before it is dialled, until the network tells that it is over or
the caller's own call is. See docs/adr/0017-the-router-grants-outgoing-calls.md.

The flow asks until it is answered, so the same wish may come twice, or to the router after the one that granted it: it is granted once.
"""

from collections.abc import Callable, Mapping
from typing import Any

from acd.core.floor import Floor
from hotline import treatments
from hotline.errors import Misuse
from hotline.facts import (
    CallAdopted,
    CallCameBack,
    CallEnded,
    CallFellBack,
    CallForwarded,
    ForwardEnded,
    NodeSurveyed,
    OutgoingAnswered,
    OutgoingAsked,
    Record,
)
from hotline.ids import CallId

YOUNG_S = 30.0
"""What was granted so shortly before a survey need not be dialled by then: the caller hears first that he is put through."""


def key_of(call_id: CallId) -> str:
    """Return the name in the ledger of what is dialled for a caller; a call made for a callback has its own name beside it."""
    return f"forward/{call_id}"


def _asked(floor: Floor, asked: OutgoingAsked, now: float) -> None:
    ledger, key = floor.callbacks.ledger, key_of(asked.call_id)
    refused = None
    if not ledger.lives(key):
        refused = floor.refusal_of_outgoing(asked.number, now)
    if refused is None:
        floor.begin_outgoing(key, now, node=asked.node)
    reason = refused.reason if refused is not None else ""
    floor.out.append(OutgoingAnswered(at=now, call_id=asked.call_id, number=asked.number, refusal=reason))


def _dialled(floor: Floor, fact: CallForwarded, now: float) -> None:
    """It is dialled: a router that has lost what the one before granted counts it from now on."""
    floor.begin_outgoing(key_of(fact.call_id), now, node=floor.node_of(fact.call_id))


def _over(floor: Floor, fact: CallEnded | CallFellBack | CallCameBack | ForwardEnded, _now: float) -> None:
    floor.callbacks.ledger.end(key_of(fact.call_id))


def _surveyed(floor: Floor, survey: NodeSurveyed, now: float) -> None:
    """A node tells everything: what is outside counts, and what an earlier life counted and is not there any more is over."""
    alive = {offer for call in survey.calls for offer in (call.offer_id, call.second_offer)}
    for call in survey.calls:
        if _is_outside(call):
            floor.begin_outgoing(key_of(call.call_id), now, node=survey.node)
    in_hand = {key_of(call.call_id) for call in survey.calls}
    for key, call_out in floor.callbacks.ledger.unsure_at(survey.node):
        young = key in in_hand and survey.at - call_out.begun_at < YOUNG_S
        if key not in alive and not young:
            floor.callbacks.ledger.end(key)


def _is_outside(call: CallAdopted) -> bool:
    if call.phase != "outside" or call.place is None:
        return False
    try:
        return treatments.parse(call.place.treatment).kind == "number"
    except Misuse:
        return False


HEARERS: Mapping[type[Record], Callable[[Floor, Any, float], None]] = {
    CallCameBack: _over,
    CallEnded: _over,
    CallFellBack: _over,
    CallForwarded: _dialled,
    ForwardEnded: _over,
    NodeSurveyed: _surveyed,
    OutgoingAsked: _asked,
}
"""Called before the reactions of the router to the same record."""
