"""Reads from the journal why a call was offered to whom: of routers that are gone, and of calls that the present one has forgotten."""

import asyncio

import msgspec
import structlog

from acd.core.matching.decisions import Decision
from hotline.codec import decode_fact
from hotline.errors import HotlineError
from hotline.facts import OfferExplained
from hotline.ids import CallId
from hotline.store.pool import Store
from hotline.store.queries import load

MOST = 100
"""How many offers of one call are explained."""
PATIENCE_S = 2.0
"""How long the database may take; without it the router still tells what it remembers itself."""

log = structlog.get_logger(__name__)
_sql = load("acd.api", "explained.sql")


async def explained(store: Store, call_id: CallId) -> list[Decision]:
    """Return the decisions about a call that the journal knows, oldest first; none while there is no database."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            rows = await store.fetch(_sql.of_call, call_id, MOST)
    except (HotlineError, TimeoutError) as exc:
        log.warning("the journal could not be asked for explanations", reason=str(exc))
        return []
    facts = [decode_fact("OfferExplained", row["version"], row["body"]) for row in rows]
    return [msgspec.json.decode(f.decision, type=Decision) for f in facts if isinstance(f, OfferExplained)]
