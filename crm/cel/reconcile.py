"""Calls that ended while nobody looked: closed by comparing our open calls with what Asterisk shows. Pure, but for its queries.

A snapshot of a node says nothing about the calls of another. A call of which no fact named the node (its arrival is lost) is closed
only when every node has been looked at and none shows it. This is the last resort: where CEL tells the true end (`crm.cel.calls`), that earlier time wins, because of several concluded
ends the first counts, and any end that was seen wins over all of them.
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet

import msgspec

from crm.fold.rows import moment, seconds
from hotline.facts import CallEnded, Fact, SnapshotTaken
from hotline.ids import CallId, NodeId
from hotline.store.pool import Store
from hotline.store.queries import load

MARGIN_S = 1.0
"""A call that arrived this shortly before the snapshot may be missing in it (Asterisk tells arrivals in whole seconds).

Shorter than any restart: what arrived in the last moments before a power cut must be closed too, and nobody else will do it.
"""

NODES_LIVE_S = 86_400.0
"""A node at which a call arrived within this time counts as one that may hold calls."""

_sql = load("crm.api", "calls.sql")


class OpenCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call whose end was not told yet."""

    call_id: CallId
    arrived_at: float


def open_calls_to_close(
    open_rows: Iterable[OpenCall], living_call_ids: AbstractSet[CallId], now: float
) -> list[CallEnded]:
    """Return the end of each open call that is not among the living ones of a snapshot taken at `now`."""
    return [
        CallEnded(at=now, call_id=row.call_id, reconciled=True)
        for row in sorted(open_rows, key=lambda r: (r.arrived_at, r.call_id))
        if row.call_id not in living_call_ids and row.arrived_at < now - MARGIN_S
    ]


async def close_lost_calls(store: Store, seen: SnapshotTaken, keep: Callable[[Iterable[Fact]], None]) -> int:
    """Keep an end for each open call of a node that is not in its snapshot; return how many.

    `keep` puts them into the spool only: services that hold such a call learn of its end from the snapshot itself.
    """
    facts = open_calls_to_close(await _open(store, _sql.open_of_node, seen.node), frozenset(seen.living), seen.at)
    if facts:
        keep(facts)
    return len(facts)


async def close_nameless_calls(
    store: Store, seen: Mapping[NodeId, SnapshotTaken], keep: Callable[[Iterable[Fact]], None]
) -> int:
    """Keep an end for each open call of which no fact named the node, and that no node shows; return how many.

    `seen` is the last snapshot of each node. Nothing is closed while one that had calls of late has not been seen.
    """
    nameless = await _open(store, _sql.open_of_nobody)
    if not nameless or not seen:
        return 0
    latest = max(s.at for s in seen.values())
    records = await store.fetch(_sql.nodes_since, moment(latest - NODES_LIVE_S))
    if not {r["node"] for r in records} <= seen.keys():
        return 0
    living = frozenset(call_id for s in seen.values() for call_id in s.living)
    settled = min(s.at for s in seen.values())
    facts = open_calls_to_close([c for c in nameless if c.arrived_at < settled - MARGIN_S], living, latest)
    if facts:
        keep(facts)
    return len(facts)


async def _open(store: Store, sql: str, *args: object) -> list[OpenCall]:
    rows = await store.fetch(sql, *args)
    return [OpenCall(call_id=CallId(r["call_id"]), arrived_at=seconds(r["arrived_at"])) for r in rows]
