"""Calls that ended while nobody looked: closed by comparing our open calls with what Asterisk shows. Pure, but for one query.

This is the last resort: where CEL tells the true end (`crm.cel`), that earlier time wins, because of several concluded
ends the first counts, and any end that was seen wins over all of them.
"""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

import msgspec

from crm.rows import seconds
from hotline.facts import CallEnded, Fact
from hotline.ids import CallId, NodeId
from hotline.store.pool import Store
from hotline.store.queries import load

MARGIN_S = 1.0
"""A call that arrived this shortly before the snapshot may be missing in it (Asterisk tells arrivals in whole seconds).

Shorter than any restart: what arrived in the last moments before a power cut must be closed too, and nobody else will do it.
"""

_sql = load("crm", "calls.sql")


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


async def open_calls(store: Store, node: NodeId) -> list[OpenCall]:
    """Return the open calls of a node, and those of which no fact named the node."""
    rows = await store.fetch(_sql.open_of_node, node)
    return [OpenCall(call_id=CallId(r["call_id"]), arrived_at=seconds(r["arrived_at"])) for r in rows]


async def close_lost_calls(
    store: Store, node: NodeId, living: AbstractSet[CallId], now: float, keep: Callable[[Iterable[Fact]], None]
) -> int:
    """Keep an end for each open call of a node that is not in its snapshot of `now`; return how many.

    `keep` puts them into the spool only: services that hold such a call learn of its end from the snapshot itself.
    """
    facts = open_calls_to_close(await open_calls(store, node), living, now)
    if facts:
        keep(facts)
    return len(facts)
