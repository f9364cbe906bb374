"""Whether callers were served in turn, told from waits and offers. Pure.

Among callers of the same queue and priority who ask for the same skills the first in is the first out. What the rows do not tell
(skills, gaps of the link) is asked of the journal for the few candidates that are found here; see `crm.audit.auditing`.

An offer is out of turn when an older caller waited in the same queue with the same priority, and could have been offered then: he was
in the line for a while, was not being rung for or on his way back from a ring, and the agent had not refused him.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from crm.audit.rules import CROSSING_S
from hotline.ids import CallId

BACK_S = 5.0
"""After a ring that nobody answered a caller is on his way back, or spared another for a moment."""
_UNANSWERED = frozenset({"no_answer", "rejected", "busy", "failed", "rescinded", "unknown"})


Line = tuple[str, int]
"""A queue and a priority: within it the order is that of entry."""


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """One caller's stay in one line."""

    call_id: CallId
    queue_id: str
    priority: int
    began_at: datetime
    ended_at: datetime | None


class Ring(msgspec.Struct, frozen=True, kw_only=True):
    """One offer of a caller to an agent."""

    call_id: CallId
    offer_id: str
    queue_id: str
    agent_id: str
    made_at: datetime
    ended_at: datetime | None
    result: str


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """An offer that was made although somebody older waited."""

    ring: Ring
    waited: CallId
    """Who was passed over."""


def out_of_turn(waits: Iterable[Wait], rings: Iterable[Ring]) -> list[Passed]:
    """Return the offers that passed over an older caller; at most one for each offer. All of the callers' offers must be given."""
    own_waits: dict[CallId, list[Wait]] = defaultdict(list)
    lines: dict[Line, deque[Wait]] = defaultdict(deque)
    for wait in sorted(waits, key=lambda w: (w.began_at, w.call_id)):
        own_waits[wait.call_id].append(wait)
        lines[wait.queue_id, wait.priority].append(wait)
    in_time = sorted(rings, key=lambda r: (r.made_at, r.offer_id))
    own_rings: dict[CallId, list[Ring]] = defaultdict(list)
    for ring in in_time:
        own_rings[ring.call_id].append(ring)
    present: dict[Line, list[Wait]] = defaultdict(list)
    found = []
    for ring in in_time:
        own = next(
            (w for w in own_waits[ring.call_id] if w.queue_id == ring.queue_id and _within(w, ring.made_at)), None
        )
        if own is None:
            continue
        line = own.queue_id, own.priority
        present[line] = _present(lines[line], present[line], ring.made_at)
        older = _older(present[line], own, ring, own_rings)
        if older is not None:
            found.append(Passed(ring=ring, waited=older.call_id))
    return found


def _present(coming: deque[Wait], waiting: Iterable[Wait], at: datetime) -> list[Wait]:
    """Return who waits at a moment, the oldest first, of those who waited at the moment before and those who came since."""
    came = []
    while coming and coming[0].began_at <= at:
        came.append(coming.popleft())
    return [w for w in (*waiting, *came) if _within(w, at)]


def _within(wait: Wait, at: datetime) -> bool:
    return wait.began_at <= at and (wait.ended_at is None or at <= wait.ended_at)


def _older(line: Sequence[Wait], own: Wait, ring: Ring, rings: Mapping[CallId, Sequence[Ring]]) -> Wait | None:
    """Return somebody who entered well before, and could have been offered at the moment of the ring."""
    settled = ring.made_at - timedelta(seconds=CROSSING_S)
    later = ring.made_at + timedelta(seconds=CROSSING_S)
    for wait in line:
        if wait.began_at >= own.began_at or wait.began_at > settled:
            return None
        if (wait.ended_at is None or wait.ended_at > later) and _free(rings[wait.call_id], ring):
            return wait
    return None


def _free(own: Iterable[Ring], ring: Ring) -> bool:
    """Return whether a caller with these offers could have been offered to the agent of another's ring."""
    for other in own:
        if other.agent_id == ring.agent_id and other.result in _UNANSWERED and other.made_at < ring.made_at:
            return False
        over = other.ended_at + timedelta(seconds=BACK_S) if other.ended_at is not None else None
        if other.made_at <= ring.made_at + timedelta(seconds=CROSSING_S) and (over is None or over >= ring.made_at):
            return False
    return True
